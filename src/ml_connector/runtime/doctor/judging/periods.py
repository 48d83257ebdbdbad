"""Is today, and is the cut-over date, in an open fiscal period?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from ml_connector.books.period import SUBLEDGERS, FiscalPeriod, Series, period_of
from ml_connector.findings import Finding

WINDOW = "Tools > Setup > Company > Fiscal Periods"


def periods(
    source: str, known: Sequence[FiscalPeriod], today: date, cut_over: date | None, moves: bool
) -> str | Sequence[Finding]:
    """`source` is where they were read; `moves`: the rulebook has a document of a closed period posted on the first open
    day."""
    if not known:
        return [_unknown(source, "no fiscal period is known at all")]
    findings = _of_day(source, known, today, "today", moves)
    if cut_over is not None and cut_over != today:
        findings += [
            _noted(it, cut_over <= today) for it in _of_day(source, known, cut_over, "the cut-over date", moves)
        ]
    if findings:
        return findings
    years = sorted({period.year for period in known})
    span = f"{years[0]}" if len(years) == 1 else f"{years[0]} to {years[-1]}"
    begins = f", the cut-over date {cut_over} in {period_of(cut_over, known)}" if cut_over else ""
    return f"{len(known)} of {span}, from {source}; today, {today}, is in {period_of(today, known)}{begins}, open"


def _of_day(source: str, known: Sequence[FiscalPeriod], day: date, noun: str, moves: bool) -> list[Finding]:
    period = period_of(day, known)
    if period is None:
        last = max(it.last for it in known)
        return [_unknown(source, f"{noun}, {day}, is in no fiscal period that is known: the last ends on {last}")]
    shut = [series for series in (*SUBLEDGERS, Series.FINANCIAL) if series in period.closed]
    if not period.year_closed and not shut:
        return []
    what = f"year {period.year} is closed" if period.year_closed else f"{period} is closed in {_listed(shut)}"
    becomes = "posted on the first open day after it" if moves else "held"
    return [
        Finding(
            "period.closed",
            source,
            f"{noun}, {day}: {what}, so documents of that time are {becomes}",
            f"In GP, open the period ({WINDOW}), and in the calendar file if there is one; or leave it so, if nothing of that "
            "time is to be entered.",
            warns=moves,
        )
    ]


def _noted(finding: Finding, is_past: bool) -> Finding:
    """A closed period at the cut-over is usual once the month is over; one that is not set up never is."""
    warns = finding.warns or (is_past and finding.code == "period.closed")
    return Finding(finding.code, finding.where, finding.says, finding.remedy, warns)


def _unknown(source: str, says: str) -> Finding:
    return Finding(
        "period.unknown",
        source,
        says,
        f"In GP, set up the fiscal year ({WINDOW}), and add it to the calendar file if there is one; then run the check again.",
    )


def _listed(series: Sequence[Series]) -> str:
    return " and ".join(it.value for it in series)
