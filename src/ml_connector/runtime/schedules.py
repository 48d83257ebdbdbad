"""Schedules at work: what a person edits, what is due, and the look for a posted batch.

A run that is due is asked for first and the schedule moved on afterwards. Who dies in between asks again, under the
same key; whoever keeps the runs takes the same key for the same run. So no slot is lost, and none runs twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.pipeline.ports import Releases
from ml_connector.runtime.schedule import AfterBatch, Timing, read_name, text_of, timing
from ml_connector.runtime.slots import Due, after_quiet, following, judged, next_slots
from ml_connector.store.schedules import ScheduleRecord, Schedules, Terms


@dataclass(frozen=True, slots=True)
class Asked:
    """A run, or a look, that a schedule asks for now. Two with one `key` are the same one, asked for twice."""

    connection: str
    schedule: str
    slot: datetime  # UTC
    key: str


Ask = Callable[[Asked], None]


class Seen(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a schedule knows beside its terms. Counts are of what ServiceTitan has released, by kind of source."""

    asked: bool = False  # a person asked for a run at once
    answered: dict[str, int] = {}  # the counts that the last run was asked for with
    standing: dict[str, int] = {}  # other counts, seen by the last look
    serial: int = 0  # of the last run that a batch asked for
    blind: str = ""  # the finding that the last look met
    blind_since: datetime | None = None

    @classmethod
    def read(cls, text: str) -> Seen:
        return msgspec.json.decode(text, type=cls) if text else cls()

    @property
    def text(self) -> str:
        return "" if self == Seen() else msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Outlook:
    """A schedule as it is shown. `next` are its next runs, or its next looks, as the clock of its zone shows them."""

    connection: str
    name: str
    rule: str
    time_zone: str
    catch_up: bool
    quiet: str
    paused: bool
    next: tuple[datetime, ...]
    looks: bool  # for a posted batch; it runs when there is one
    blind: str  # the code of the finding that its last look met; empty where it can look
    blind_since: datetime | None
    changed_at: datetime
    changed_by: str


def add(rows: Schedules, connection: str, name: str, terms: Terms, now: datetime) -> ScheduleRecord:
    """Raises Interrupted `schedule.name`, `schedule.rule`, `schedule.time_zone`, `schedule.quiet`, `schedule.exists`."""
    unnamed = read_name(name)
    try:
        kept, made = _canonical(terms)
    except Interrupted as fault:
        raise Interrupted(*([unnamed] if unnamed else []), *fault.findings) from None
    if unnamed:
        raise Interrupted(unnamed)
    return rows.add(connection, name, kept, following(made, now, now))


def change(rows: Schedules, connection: str, name: str, terms: Terms, now: datetime) -> ScheduleRecord:
    """Raises Interrupted as `add` does, and `schedule.unknown`."""
    kept, made = _canonical(terms)
    return rows.change(connection, name, kept, following(made, now, now))


def resume(rows: Schedules, connection: str, name: str, now: datetime) -> ScheduleRecord:
    return rows.resume(connection, name, following(timing_of(rows.get(connection, name)), now, now))


def ask_now(rows: Schedules, connection: str, name: str) -> ScheduleRecord:
    """Have a run asked for at once, quiet hours or not, paused or not; its other slots stay as they are."""
    return rows.ask(connection, name, lambda seen: msgspec.structs.replace(Seen.read(seen), asked=True).text)


def outlook(it: ScheduleRecord, count: int = 5) -> Outlook:
    made, seen = timing_of(it), Seen.read(it.seen)
    return Outlook(
        connection=it.connection,
        name=it.name,
        rule=it.terms.rule,
        time_zone=it.terms.time_zone,
        catch_up=it.terms.catch_up,
        quiet=it.terms.quiet,
        paused=it.paused,
        next=_next(it, made, count),
        looks=isinstance(made.rule, AfterBatch),
        blind=seen.blind,
        blind_since=seen.blind_since,
        changed_at=it.changed_at,
        changed_by=it.changed_by,
    )


def timing_of(it: ScheduleRecord) -> Timing:
    return timing(it.terms.rule, it.terms.time_zone, it.terms.quiet)


def ask_due(rows: Schedules, now: datetime, run: Ask, look: Ask) -> list[Finding]:
    """Ask for the run, or the look, of every schedule that is due, then move it on. To be called every few seconds.

    `run` and `look` must take the same key for the same work, and come back soon: a look is done elsewhere, by
    `look_for_batch`. What they raise ends the round, and the next one goes on from there. Returns what is wrong with
    schedules that cannot be understood, as where the machine has lost its time zones; they stay due.
    """
    unclear: list[Finding] = []
    for it in rows.due(now):
        try:
            made = timing_of(it)
        except Interrupted as fault:
            unclear += fault.findings
            continue
        _take(rows, it, made, now, run, look)
    return unclear


def look_for_batch(releases: Releases, rows: Schedules, asked: Asked, now: datetime, run: Ask) -> None:
    """Count what ServiceTitan has released. A number that is new, and stood still since the last look, asks for a run.

    So a batch in the middle of being posted is waited for, and the change feed, which comes a few minutes late, has it
    when the run sweeps. Raises Interrupted as `releases` does; the schedule remembers since when it cannot look.
    """
    it = rows.get(asked.connection, asked.schedule)
    seen = Seen.read(it.seen)
    if it.paused or not isinstance(timing_of(it).rule, AfterBatch):
        return
    try:
        counts = {kind.value: count for kind, count in releases.released().items()}
    except Interrupted as fault:
        since = seen.blind_since or now
        _remember(rows, it, msgspec.structs.replace(seen, blind=fault.finding.code, blind_since=since))
        raise
    seen = msgspec.structs.replace(seen, blind="", blind_since=None)
    if counts == seen.answered:
        seen = msgspec.structs.replace(seen, standing={})
    elif counts != seen.standing:
        seen = msgspec.structs.replace(seen, standing=counts)
    else:
        seen = msgspec.structs.replace(seen, answered=counts, standing={}, serial=seen.serial + 1)
        numbers = "-".join(f"{kind}-{count}" for kind, count in sorted(counts.items()))
        run(replace(asked, key=f"schedule:{it.id}:batch-{seen.serial}-{numbers}"))
    _remember(rows, it, seen)


def _take(rows: Schedules, it: ScheduleRecord, made: Timing, now: datetime, run: Ask, look: Ask) -> None:
    slot = it.next_at
    assert slot is not None, "a row that is due has its moment"
    seen = Seen.read(it.seen)
    looks = isinstance(made.rule, AfterBatch) and not seen.asked
    due = Due.RUN if seen.asked else judged(made, slot, now, it.terms.catch_up)
    event = None
    if due is Due.LATER:
        rows.move_on(it, after_quiet(made, now), it.seen)
        return
    if due is Due.MISSED:
        event = Event("schedule.missed", {"schedule": it.name, "slot": slot, "seen": now})
    else:
        key = f"{'look' if looks else 'schedule'}:{it.id}:{slot.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        (look if looks else run)(Asked(it.connection, it.name, slot, key))
    next_at = None if it.paused else following(made, slot, now)
    rows.move_on(it, next_at, msgspec.structs.replace(seen, asked=False).text, event)


def _remember(rows: Schedules, it: ScheduleRecord, seen: Seen) -> None:
    if seen.text != it.seen:
        rows.remember(it, seen.text)


def _next(it: ScheduleRecord, made: Timing, count: int) -> tuple[datetime, ...]:
    if it.next_at is None:
        return ()
    return next_slots(made, it.next_at, 1 if it.paused else count)  # a paused one that was asked for a run


def _canonical(terms: Terms) -> tuple[Terms, Timing]:
    made = timing(terms.rule, terms.time_zone, terms.quiet)
    quiet = str(made.quiet) if made.quiet else ""
    return Terms(text_of(made.rule), made.zone.key, terms.catch_up, quiet), made
