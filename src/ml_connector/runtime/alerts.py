"""Alerts: look at a connection, keep what a person should know, and tell it once.

To be called after each run, and every few minutes: `evaluate_and_tell`. It needs the ledger's database alone, so it goes on
where neither system can be reached and no credential opens. Several workers may look at one connection at once; one tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ml_connector.books.period import FiscalPeriod
from ml_connector.docket.records import UnpostedBatch
from ml_connector.findings import Finding, Interrupted
from ml_connector.pipeline.ports import GeneralLedger
from ml_connector.runtime import settings as form
from ml_connector.runtime import telling, watch
from ml_connector.runtime.schedule import AfterBatch
from ml_connector.runtime.schedules import Seen, timing_of
from ml_connector.runtime.settings import Settings
from ml_connector.runtime.slots import moment_of
from ml_connector.runtime.telling import News
from ml_connector.runtime.watch import Behind, Facts, Watched
from ml_connector.store import watching
from ml_connector.store.alerts import DIGEST, AlertRecord, Alerts
from ml_connector.store.connections import ConnectionRecord
from ml_connector.store.database import Database
from ml_connector.store.schedules import ScheduleRecord

if TYPE_CHECKING:
    from ml_connector.runtime.wiring import Wired

ACTOR = "alerts"  # who tells, in the trail
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=4)  # between attempts at telling
_POSTED_WITHIN = timedelta(days=60)  # how far back the general ledger is looked for what was posted

Periods = Callable[[str, str, datetime], Sequence[FiscalPeriod]]
"""The fiscal periods of a connection's company, as they are at a moment; none where nobody tells them."""


def _no_periods(_connection: str, _company: str, _now: datetime) -> Sequence[FiscalPeriod]:
    return ()


def _no_general_ledger(_connection: str, _company: str) -> GeneralLedger | None:
    return None


@dataclass(frozen=True, slots=True)
class Bell:
    """What it takes to look and to tell. `vault` opens a sealed address by name."""

    database: Database
    vault: Callable[[str], str]
    periods: Periods = _no_periods
    general_ledger: Callable[[str, str], GeneralLedger | None] = _no_general_ledger
    send: Callable[[str, str, str], str] = telling.send


def evaluate_and_tell(bell: Bell, connection: str, now: datetime) -> list[AlertRecord]:
    """Look, keep, tell; what stands open afterwards. Raises Interrupted where the ledger or the settings cannot be read.

    What cannot be told is kept, tried again later, and shown by `untold` and `ml-connector alerts list`.
    """
    record = bell.database.connections(ACTOR).get(connection)
    settings = form.from_ledger(record.definition, connection)
    kept = Alerts(bell.database, record, ACTOR, lambda: now)
    seen = facts(bell, record, settings, now)
    kept.settle(watch.alerts(seen, settings.alerts), settings.alerts.all_well, watch.undecided(seen))
    _tell(bell, kept, settings, now)
    return kept.open()


def facts(bell: Bell, record: ConnectionRecord, settings: Settings, now: datetime) -> Facts:
    """The connection as it stands. GP is asked for nothing unless documents wait to be posted there."""
    seen = watching.snapshot(bell.database, record, settings.money)
    return Facts(
        connection=record.name,
        now=now,
        today=now.astimezone(ZoneInfo(settings.time_zone)).date(),
        added=record.created,
        running=seen.running,
        runs=seen.runs,
        last_success=seen.last_success,
        held=seen.held,
        unposted=seen.unposted,
        periods=_periods(bell, record.name, seen.unposted, now) if settings.alerts.period_end else {},
        behind=tuple(_behind(bell, record, settings, now)),
        in_doubt=seen.in_doubt,
        schedules=tuple(_watched(it) for it in seen.schedules),
    )


def try_targets(bell: Bell, connection: str) -> Iterator[tuple[str, Finding | None]]:
    """Send a test to every target of a connection, and say of each whether it took it."""
    settings = form.from_ledger(bell.database.connections(ACTOR).get(connection).definition, connection)
    title = f"ml-connector {connection}: a test"
    body = f"Alerts of connection {connection} reach you here. Nothing is wrong, and nobody needs to do anything.\n"
    for reference in settings.alerts.to:
        yield reference, _sent(bell, reference, title, body)


class FiscalPeriods:
    """`Periods` that asks GP at most once a day for each company; an hour later again where it did not answer."""

    def __init__(self, ask: Callable[[str, str], Sequence[FiscalPeriod]]) -> None:
        self._ask = ask
        self._known: dict[tuple[str, str], tuple[datetime, Sequence[FiscalPeriod]]] = {}
        self._lock = threading.Lock()

    def __call__(self, connection: str, company: str, now: datetime) -> Sequence[FiscalPeriod]:
        with self._lock:
            until, periods = self._known.get((connection, company), (now, ()))
        if until > now:
            return periods
        try:
            periods, life = self._ask(connection, company), timedelta(days=1)
        except Interrupted:
            life = timedelta(hours=1)
        with self._lock:
            self._known[connection, company] = now + life, periods
        return periods


# ---- what is told


def fiscal_periods(opened: Callable[[str], Wired]) -> FiscalPeriods:
    """Those of each company that they are asked of; none where it cannot be reached."""

    def ask(connection: str, company: str) -> Sequence[FiscalPeriod]:
        wired = opened(connection)
        try:
            return wired.books[company].fiscal_periods()
        finally:
            wired.hang_up()

    return FiscalPeriods(ask)


def _tell(bell: Bell, kept: Alerts, settings: Settings, now: datetime) -> None:
    how, zone = settings.alerts, ZoneInfo(settings.time_zone)
    if not how.to:
        return
    digest = how.tell == "digest"
    slot = last_digest(how.digest, zone, now) if digest else now
    if digest and how.digest_always:
        kept.open_digest(slot)
    pending, standing = kept.pending(), kept.open()
    ready = [it for it in pending if (it.cleared or it.raised) <= slot and (digest or it.code != DIGEST)]
    ready += [it for it in standing if it.told and it.told < slot and _old(it.told, now, how.remind)]
    mine = kept.claim([it for it in ready if _waited(it, now)])
    if not mine:
        return
    told_before = [it for it in standing if it.told and it.id not in {one.id for one in mine}] if digest else []
    accepted: dict[int, list[str]] = {it.id: list(it.kept.accepted) for it in mine}
    troubles = []
    for reference in how.to:
        lacking = [it for it in mine if reference not in accepted[it.id]]
        if not lacking:
            continue
        title, body = telling.message(_news(settings.name, lacking, told_before, digest), zone)
        trouble = _sent(bell, reference, title, body)
        if trouble is None:
            for it in lacking:
                accepted[it.id].append(reference)
        else:
            troubles.append(f"{reference}: {trouble.says}")
    for it in mine:
        if set(how.to) <= set(accepted[it.id]):
            kept.told(it, accepted[it.id])
        else:
            kept.failed(it, accepted[it.id], "; ".join(troubles))


def last_digest(times: Sequence[str], zone: ZoneInfo, now: datetime) -> datetime:
    """The newest digest time that is not later than now."""
    day = now.astimezone(zone).date()
    moments = [
        moment_of(datetime.combine(on, time.fromisoformat(at)), zone)
        for on in (day - timedelta(days=1), day)
        for at in times
    ]
    return max(it for it in moments if it <= now)


def _news(connection: str, mine: Sequence[AlertRecord], before: Sequence[AlertRecord], digest: bool) -> News:
    alerts = [it for it in mine if it.code != DIGEST]
    again = [it for it in alerts if it.cleared is None and it.told is not None]
    return News(
        connection=connection,
        new=[it for it in alerts if it.cleared is None and it.told is None],
        again=[*again, *before],
        well=[it for it in alerts if it.cleared is not None],
        digest=digest,
    )


def _sent(bell: Bell, reference: str, title: str, body: str) -> Finding | None:
    try:
        address = form.secret(reference, reference, bell.vault)
    except Interrupted as fault:
        return fault.finding
    trouble = bell.send(address, title, body)
    if not trouble:
        return None
    remedy = (
        f"Put another address under {reference} ('ml-connector vault put' where it is sealed); docs/connections.md shows some."
        if trouble == telling.UNKNOWN
        else f"Look at what {reference} names: the server, the account, the webhook. Then run 'ml-connector alerts test'."
    )
    return Finding("alert.untold", reference, trouble, remedy)


def _waited(it: AlertRecord, now: datetime) -> bool:
    """Whether it is time for another attempt: each wait is twice the one before."""
    if it.kept.tried_at is None or it.attempts == 0:
        return True
    wait: timedelta = FIRST_WAIT * (1 << min(it.attempts - 1, 10))
    return now - it.kept.tried_at >= min(wait, LONGEST_WAIT)


def _old(told: datetime, now: datetime, remind: float) -> bool:
    return remind > 0 and now - told >= timedelta(hours=remind)


# ---- what is looked at


def _periods(
    bell: Bell, connection: str, unposted: Sequence[UnpostedBatch], now: datetime
) -> dict[str, tuple[FiscalPeriod, ...]]:
    companies = sorted({it.company for it in unposted})
    return {company: tuple(bell.periods(connection, company, now)) for company in companies}


def _behind(bell: Bell, record: ConnectionRecord, settings: Settings, now: datetime) -> Iterator[Behind]:
    """What the general ledger lacks, of the companies whose general ledger can be looked at."""
    ledgers = {company: bell.general_ledger(record.name, company) for company in settings.gp}
    if not any(ledgers.values()):
        return
    posted = watching.posted(bell.database, record, now - _POSTED_WITHIN)
    for company, ledger in ledgers.items():
        theirs = [it for it in posted if it.company == company and it.audit_trail_code]
        if ledger is None or not theirs:
            continue
        missing = set(ledger.missing([it.audit_trail_code for it in theirs]))
        lacking = [it for it in theirs if it.audit_trail_code in missing]
        if lacking:
            whole = lacking[0].total
            for it in lacking[1:]:
                whole += it.total
            yield Behind(company, sum(it.count for it in lacking), whole, min(it.since for it in lacking))


def _watched(it: ScheduleRecord) -> Watched:
    seen = Seen.read(it.seen)
    try:
        made = timing_of(it)
    except Interrupted:
        made = None
    looks = made is not None and isinstance(made.rule, AfterBatch)
    return Watched(it.name, made, it.paused, it.next_at, it.changed_at, looks, seen.blind, seen.blind_since)
