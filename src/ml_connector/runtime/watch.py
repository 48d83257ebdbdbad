"""What a person should be told now: pure rules over a snapshot of facts, one rule, one function.

A rule says what is wrong at this moment. What was told already, and what is well again, is for `runtime.alerts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import takewhile

import msgspec

from ml_connector.books.period import FiscalPeriod, period_of
from ml_connector.docket.records import Group, RunRecord, UnpostedBatch
from ml_connector.findings import Finding, holding
from ml_connector.money import Money, total
from ml_connector.runtime.schedule import Timing
from ml_connector.runtime.settings import Alerts
from ml_connector.runtime.slots import GRACE, following
from ml_connector.store.alerts import Alert
from ml_connector.store.watching import Doubt

HELD = "held.documents"
FINISHED = "finished"
BY_HAND = "stopped by hand"
_INTERRUPTED = "interrupted: "
REFUSALS = frozenset(
    "credential.missing servicetitan.credentials servicetitan.sign_in servicetitan.app_key servicetitan.refused "
    "servicetitan.forbidden gp.credentials gp.account_unknown gp.account_locked_or_disabled gp.password_expired "
    "gp.keytab gp.ticket_refused gp.forbidden vault.key_missing vault.key_wrong vault.unknown vault.damaged".split()
)
"""Findings that say: a credential is not accepted, or not to be had. Only a person can mend that."""
_BLIND = timedelta(hours=1)  # a look that fails for less may be ServiceTitan's maintenance


@dataclass(frozen=True, slots=True)
class Behind:
    """Documents of a company that GP posted in the subledger, and that its general ledger does not have."""

    company: str
    count: int
    total: Money
    since: datetime  # we saw them posted


@dataclass(frozen=True, slots=True)
class Watched:
    """A schedule as it stands. `timing` is None where it cannot be understood on this machine."""

    name: str
    timing: Timing | None
    paused: bool
    next_at: datetime | None
    changed_at: datetime
    looks: bool = False
    blind: str = ""
    blind_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """One connection at one moment. Nothing of it comes from the wire but `periods` and `behind`."""

    connection: str
    now: datetime
    today: date  # at the connection
    added: datetime
    running: bool = False
    runs: tuple[RunRecord, ...] = ()  # that have ended, newest first, dry ones left out
    last_success: datetime | None = None
    held: Mapping[str, Group] = field(default_factory=dict)  # by finding code
    unposted: tuple[UnpostedBatch, ...] = ()
    periods: Mapping[str, tuple[FiscalPeriod, ...]] = field(default_factory=dict)  # of the companies that told them
    behind: tuple[Behind, ...] = ()
    in_doubt: Doubt | None = None
    schedules: tuple[Watched, ...] = ()


def alerts(facts: Facts, limits: Alerts) -> tuple[Alert, ...]:
    """Everything that should stand now, each (code, subject) once."""
    found = {(it.finding.code, it.subject): it for rule in RULES for it in rule(facts, limits)}
    return tuple(found.values())


def undecided(facts: Facts) -> frozenset[str]:
    """Codes that it is not the moment for: while a run works, what it holds grows from minute to minute."""
    return frozenset({HELD}) if facts.running else frozenset()


def held_documents(facts: Facts, _limits: Alerts) -> Iterator[Alert]:
    for code, group in sorted(facts.held.items()):
        says = f"{_documents(group.count)} held, {shown(group.total)} together: {code}"
        remedy = f"Run 'ml-connector holds {facts.connection} --code {code}': it says of each what to do, and where."
        yield Alert(code, Finding(HELD, f"connection {facts.connection}", says, remedy), group.count)


def failed_run(facts: Facts, _limits: Alerts) -> Iterator[Alert]:
    """The newest run failed, for a reason that is no refused credential."""
    failed = _failed(facts)
    if not failed or (cause := _cause(failed[0])) in REFUSALS:
        return
    row = f", the {_ordinal(len(failed))} in a row" if len(failed) > 1 else ""
    says = f"run {failed[0].id}, begun {_utc(failed[0].started)}, did not finish{row}: {cause}"
    remedy = (
        f"Run 'ml-connector run {facts.connection}' to see what stops it, and mend that; what was stored stands. Where it "
        "passes by itself, the next run says so."
    )
    yield Alert(cause, Finding("run.failed", f"connection {facts.connection}", says, remedy))


def findings_of_the_run(facts: Facts, _limits: Alerts) -> Iterator[Alert]:
    """What the newest run met and went on from: a company that was stopped, a batch that differs."""
    if facts.runs and facts.runs[0].outcome == FINISHED:
        for finding in holding(msgspec.convert(facts.runs[0].counts.get("findings", []), list[Finding])):
            yield Alert(finding.where, finding)


def silence(facts: Facts, limits: Alerts) -> Iterator[Alert]:
    """Nothing has succeeded for too long, whether anything failed or not.

    Where there are schedules, a run must have been due and `silence` hours gone since: nothing is said of a weekend
    on which nothing runs. A schedule after each posted batch promises no run; where it cannot look, that is told apart.
    """
    if not limits.silence:
        return
    known = facts.last_success or facts.added
    active = [it for it in facts.schedules if not it.paused and it.timing is not None]
    timed = [it for it in active if not it.looks]
    if timed:
        expected = min(_first_due(it, known) for it in timed)
    elif active or facts.last_success is None:
        return
    else:
        expected = known
    if facts.now - expected < timedelta(hours=limits.silence):
        return
    since = f"since {_utc(facts.last_success)}" if facts.last_success else "yet"
    says = f"no run has succeeded {since}" + (f", and one was due at {_utc(expected)}" if timed else "")
    remedy = (
        f"See that the service runs ('ml-connector status {facts.connection}'), then run 'ml-connector run "
        f"{facts.connection}': it says what is in the way."
    )
    yield Alert("", Finding("run.silent", f"connection {facts.connection}", says, remedy))


def refused_credential(facts: Facts, _limits: Alerts) -> Iterator[Alert]:
    """The newest run, or the last look, was refused."""
    failed = _failed(facts)
    causes = [_cause(failed[0])] if failed else []
    causes += [it.blind for it in facts.schedules if it.blind and not it.paused]
    for cause in sorted(set(causes) & REFUSALS):
        says = f"a credential is not accepted, or cannot be had: {cause}. Nothing is read or entered until it is mended"
        remedy = (
            f"Run 'ml-connector connection check {facts.connection}': it names the credential, and who mends it where."
        )
        yield Alert(cause, Finding("credential.refused", f"connection {facts.connection}", says, remedy))


def expiring_credential(facts: Facts, limits: Alerts) -> Iterator[Alert]:
    """By the last days that the settings name: neither system tells them."""
    for name, last in sorted(limits.expires.items()):
        left = (last - facts.today).days
        if limits.expiry and left <= limits.expiry:
            when = f"in {_days(left)}, on {last}" if left > 0 else f"today, {last}" if left == 0 else f"since {last}"
            says = f"{name} is due to expire {when}" if left >= 0 else f"{name} should have been replaced {when}"
            remedy = (
                "Replace it before that day ('ml-connector vault put' where it is sealed), then write its new last day in "
                "[alerts.expires] of the connection's settings."
            )
            yield Alert(name, Finding("credential.expiring", f"connection {facts.connection}", says, remedy))


def old_unposted(facts: Facts, limits: Alerts) -> Iterator[Alert]:
    """Entered, and not posted for days."""
    for company, batches in _by_company(facts.unposted).items():
        oldest = min(it.oldest for it in batches)
        age = (facts.today - oldest).days
        if limits.unposted and age >= limits.unposted:
            says = f"{_unposted(batches)}; the oldest is of {oldest}, {_days(age)} ago"
            yield Alert(company, Finding("unposted.old", f"company {company}", says, _post(batches)))


def unposted_at_period_end(facts: Facts, limits: Alerts) -> Iterator[Alert]:
    """Entered, not posted, and the fiscal period ends soon, or has ended."""
    if not limits.period_end:
        return
    for company, batches in _by_company(facts.unposted).items():
        periods: dict[FiscalPeriod, list[UnpostedBatch]] = {}
        for batch in batches:
            period = period_of(batch.oldest, facts.periods.get(company, ()))
            if period is not None:
                periods.setdefault(period, []).append(batch)
        for period, in_it in periods.items():
            left = (period.last - facts.today).days
            subject, where = f"{company} {period.last}", f"company {company}, {period}"
            if left < 0:
                closed = "; the period is closed, so they cannot be posted as they stand" if period.closed else ""
                says = f"{period} ended on {period.last}, and {_unposted(in_it)}{closed}"
                remedy = _post(in_it) if not closed else f"Open the period in GP, or move the batches. {_post(in_it)}"
                yield Alert(subject, Finding("unposted.period_ended", where, says, remedy))
            elif left <= limits.period_end:
                when = "today" if left == 0 else f"in {_days(left)}"
                says = f"{period} ends {when}, on {period.last}, and {_unposted(in_it)}"
                yield Alert(subject, Finding("unposted.period_ending", where, says, _post(in_it)))


def behind_in_general_ledger(facts: Facts, limits: Alerts) -> Iterator[Alert]:
    """Posted in the subledger, and not in the general ledger for as long as nothing may stay unposted."""
    for it in facts.behind:
        if limits.unposted and facts.now - it.since >= timedelta(days=limits.unposted):
            says = (
                f"{_documents(it.count, 'posted in the subledger')} and not in the general ledger, {shown(it.total)} together, "
                f"since {_utc(it.since)}"
            )
            remedy = "In GP, open Transactions > Financial > Batches and post what the subledger has sent there."
            yield Alert(it.company, Finding("general_ledger.behind", f"company {it.company}", says, remedy))


def old_doubt(facts: Facts, limits: Alerts) -> Iterator[Alert]:
    it = facts.in_doubt
    if it is not None and limits.in_doubt and facts.now - it.since >= timedelta(hours=limits.in_doubt):
        says = f"{_documents(it.count, 'in doubt')}, {shown(it.total)} together, the oldest since {_utc(it.since)}"
        remedy = f"Run 'ml-connector run {facts.connection}': it asks GP for each. Until then none is sent again."
        yield Alert("", Finding("in_doubt.old", f"connection {facts.connection}", says, remedy))


def schedules(facts: Facts, _limits: Alerts) -> Iterator[Alert]:
    """A slot that nobody takes, and a look that cannot be made."""
    for it in facts.schedules:
        where = f"schedule {it.name} of {facts.connection}"
        if it.next_at is not None and facts.now - it.next_at > 2 * GRACE:
            unclear = it.timing is None
            cause = "; its time zone is unknown on this machine" if unclear else ""
            says = f"it was due at {_utc(it.next_at)}, and nobody has asked for its run{cause}"
            remedy = (
                "Install the package tzdata, or change its zone with 'ml-connector schedule change'."
                if unclear
                else "See that a worker runs ('ml-connector doctor'); after a restart it catches up as the schedule says."
            )
            yield Alert(it.name, Finding("schedule.late", where, says, remedy))
        if it.blind_since is not None and not it.paused and facts.now - it.blind_since >= _BLIND:
            says = f"it cannot look for a posted batch since {_utc(it.blind_since)}: {it.blind}"
            remedy = (
                f"Run 'ml-connector connection check {facts.connection}': it says what is wrong and who mends it where."
            )
            yield Alert(it.name, Finding("schedule.blind", where, says, remedy))


RULES: tuple[Callable[[Facts, Alerts], Iterable[Alert]], ...] = (
    refused_credential,
    failed_run,
    findings_of_the_run,
    silence,
    held_documents,
    old_doubt,
    unposted_at_period_end,
    old_unposted,
    behind_in_general_ledger,
    expiring_credential,
    schedules,
)
"""In the order in which a person wants to read them."""


def shown(amount: Money) -> str:
    return f"{amount.amount:,.2f} {amount.currency.value}"


def _failed(facts: Facts) -> list[RunRecord]:
    """The newest runs up to the last that finished, leaving out what a person stopped."""
    ended = (it for it in facts.runs if it.outcome != BY_HAND)
    return list(takewhile(lambda it: it.outcome != FINISHED, ended))


def _cause(run: RunRecord) -> str:
    return run.outcome.removeprefix(_INTERRUPTED)


def _first_due(it: Watched, known: datetime) -> datetime:
    """When a schedule should have brought a success: its first slot after the last one, or after it was changed."""
    assert it.timing is not None
    start = max(known, it.changed_at)
    return following(it.timing, start, start)


def _by_company(batches: Iterable[UnpostedBatch]) -> dict[str, list[UnpostedBatch]]:
    found: dict[str, list[UnpostedBatch]] = {}
    for it in batches:
        found.setdefault(it.company, []).append(it)
    return found


def _unposted(batches: list[UnpostedBatch]) -> str:
    count = sum(it.count for it in batches)
    whole = total((it.total for it in batches), batches[0].total.currency)
    return f"{_documents(count, 'entered')} and not posted, {shown(whole)} together"


def _post(batches: list[UnpostedBatch]) -> str:
    names = ", ".join(it.batch_id for it in batches[:5]) + (", …" if len(batches) > 5 else "")
    return f"In GP, post {'batch' if len(batches) == 1 else 'batches'} {names} (Transactions > Batches)."


def _documents(count: int, what: str = "") -> str:
    return f"{count} document{' is' if count == 1 else 's are'} {what}".rstrip()


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def _ordinal(count: int) -> str:
    ending = "th" if 10 <= count % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
