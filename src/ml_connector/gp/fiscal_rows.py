"""Fiscal periods from the rows of GP's tables. Whoever doubts calls a period closed; whoever knows nothing leaves it out.

A period that is left out is known to nobody, and what posts in it is held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple

from ml_connector.books.period import FiscalPeriod, Series
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.row import EMPTY_DAY

WHOLE = 0  # SERIES of the row that stands for the period itself
UNKNOWN = 1  # no origin has it where the origins count from Financial 2; where one does, they are counted otherwise
ORIGINS = {2: Series.FINANCIAL, 3: Series.SALES, 4: Series.PURCHASING}
_SHOWN = 12


class PeriodRow(NamedTuple):
    """A row of SY40100 with its year's HISTORYR, as a driver gives it. A flag is open where it is 0, and only there."""

    year: int
    number: int
    first: datetime | None
    last: datetime | None
    series: int
    origin: str
    closed: int | None
    closed_financial: int | None
    closed_sales: int | None
    closed_purchasing: int | None
    historical: int | None


def periods_of(rows: Sequence[PeriodRow], origins: Collection[str] = ()) -> tuple[FiscalPeriod, ...]:
    """The periods, in order of time. With `origins`, of the rows of origins only theirs count.

    A period without a row of its own, or without a first and a last day, is left out. Raises Interrupted
    `gp.sql_unfit` where the rows cannot be what we take them for, or an origin is not among them.
    """
    if any(row.series == UNKNOWN for row in rows):
        raise Interrupted(unfit("SY40100", f"it has rows of SERIES {UNKNOWN}, which no version known to us writes"))
    counted = _counted(rows, origins)
    shut: defaultdict[tuple[int, int], set[Series]] = defaultdict(set)
    for row in rows:
        if row.series in ORIGINS and row.closed != 0 and (not counted or _key(row.origin) in counted):
            shut[row.year, row.number].add(ORIGINS[row.series])
    periods = [
        FiscalPeriod(
            year=row.year,
            number=row.number,
            first=first,
            last=last,
            closed=frozenset(shut[row.year, row.number] | _closed(row)),
            year_closed=row.historical != 0,
        )
        for row in rows
        if row.series == WHOLE and row.number > 0
        for first, last in [(_day(row.first), _day(row.last))]
        if first and last
    ]
    return _in_order(periods)


def unfit(table: str, says: str) -> Finding:
    return Finding(
        "gp.sql_unfit",
        table,
        says,
        "See in SQL Server Management Studio that 'database' and 'schema' in the connection's table 'sql' name the company; "
        "where they do, take the table 'sql' out, name a calendar_file instead, and report what this says.",
    )


def _counted(rows: Iterable[PeriodRow], origins: Collection[str]) -> frozenset[str]:
    """The origins that count. One that GP does not know is a mistake: what it means might be closed."""
    known = {_key(row.origin): row.origin.strip() for row in rows if row.series in ORIGINS}
    missing = [one for one in origins if _key(one) not in known]
    if missing:
        listed = sorted(known.values())
        shown = ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
        raise Interrupted(
            Finding(
                "gp.sql_unfit",
                "SY40100",
                f"no origin is called '{missing[0]}'; there are {shown or 'none'}",
                "In the connection's table 'sql', write 'origins' as GP's Mass Close window has them (Tools > Setup > "
                "Company > Fiscal Periods > Mass Close), or leave it out: then all count; then run again.",
            )
        )
    return frozenset(map(_key, origins))


def _closed(row: PeriodRow) -> set[Series]:
    flags = {
        Series.FINANCIAL: row.closed_financial,
        Series.SALES: row.closed_sales,
        Series.PURCHASING: row.closed_purchasing,
    }
    return {series for series, flag in flags.items() if flag != 0 or row.closed != 0}


def _in_order(periods: Iterable[FiscalPeriod]) -> tuple[FiscalPeriod, ...]:
    in_order = sorted(periods, key=lambda it: (it.first, it.last))
    if not in_order:
        raise Interrupted(unfit("SY40100", "it has no fiscal period of a year that SY40101 has"))
    for it in in_order:
        if it.last < it.first:
            raise Interrupted(unfit("SY40100", f"{it} ends on {it.last}, before it begins on {it.first}"))
    for before, it in pairwise(in_order):
        if it.first <= before.last:
            raise Interrupted(unfit("SY40100", f"{it} begins on {it.first}, when {before} lasts until {before.last}"))
    return tuple(in_order)


def _day(moment: datetime | None) -> date | None:
    """The day of a GP date, whose time means nothing; None where nobody filled it in."""
    day = None if moment is None else moment.date()
    return None if day == EMPTY_DAY else day


def _key(origin: str) -> str:
    return origin.strip().casefold()
