"""When a schedule is due: the moments of a rule in its time zone, quiet hours observed. Every moment is given; no clock.

What the clock on the wall does twice a year:

- An hour that comes twice: what runs at fixed hours (`daily 01:30`, `cron 30 1 * * *`) runs the first time alone; what
  runs at any hour (`cron 0 * * * *`) runs each time that the clock shows it.
- An hour that is left out: what runs at fixed hours runs once, at the first moment after it, and is not lost.
- `every 15 minutes` goes by elapsed time and knows of none of this.

That is what Debian's cron does (cron(8)), but for fixed hours with a minute such as `*/30`, which it loses.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import islice
from typing import assert_never
from zoneinfo import ZoneInfo

from cronsim import CronSim

from ml_connector.runtime.schedule import AfterBatch, Cron, Daily, Every, Quiet, Timing, Weekly

GRACE = timedelta(minutes=15)
"""How late a slot is still on time: a restart of the machine is no downtime that anybody has to decide about."""

_DAY = timedelta(days=1)  # no zone sets its clock twice in one
_SECOND = timedelta(seconds=1)


class Due(Enum):
    """What becomes of a slot whose moment has come."""

    RUN = "run"
    LATER = "later"  # it was missed, and now are quiet hours: it runs at their end
    MISSED = "missed"  # nothing ran when it was due, and it is not to be caught up


def following(timing: Timing, last: datetime, now: datetime) -> datetime:
    """The first slot later than `now`, in UTC. `every` counts from `last`, which is not later than `now`.

    In quiet hours that is their end, where a slot has fallen in them since they began.
    """
    moment = now.astimezone(UTC)
    if timing.quiet is not None and timing.quiet.holds(_wall(moment, timing.zone).time()):
        moment = _beginning(timing.quiet, moment, timing.zone) - _SECOND
    while True:
        moment = _next(timing, last.astimezone(UTC).replace(microsecond=0), moment)
        slot = after_quiet(timing, moment)
        if slot > now:
            return slot


def upcoming(timing: Timing, first: datetime) -> Iterator[datetime]:
    """`first` and the slots after it, without end."""
    while True:
        yield first
        first = following(timing, first, first)


def next_slots(timing: Timing, first: datetime, count: int = 5) -> tuple[datetime, ...]:
    """`first` and those after it, as the clock of the schedule's zone shows them."""
    return tuple(it.astimezone(timing.zone) for it in islice(upcoming(timing, first), count))


def judged(timing: Timing, slot: datetime, now: datetime, catch_up: bool) -> Due:
    """What to do with a slot that is due: however many were missed before `now`, they are this one."""
    if now - slot <= GRACE:
        return Due.RUN
    if not catch_up and not isinstance(timing.rule, AfterBatch):
        return Due.MISSED
    return Due.RUN if after_quiet(timing, now) == now else Due.LATER


def after_quiet(timing: Timing, moment: datetime) -> datetime:
    """The moment itself, or the end of the quiet hours that it falls in."""
    while timing.quiet is not None and (end := _end_of_quiet(timing.quiet, moment, timing.zone)) is not None:
        moment = end
    return moment


def _next(timing: Timing, last: datetime, after: datetime) -> datetime:
    """The rule's first moment later than `after`, whether quiet or not."""
    match timing.rule:
        case Every(minutes) | AfterBatch(minutes):
            span = timedelta(minutes=minutes)
            return last + max(1, (after - last) // span + 1) * span
        case Daily() | Weekly() | Cron():
            find = _each_time if timing.rule.cron.split()[1].startswith("*") else _once
            return find(timing.rule.cron, after.replace(microsecond=0), timing.zone)
        case _:
            assert_never(timing.rule)


def _beginning(quiet: Quiet, moment: datetime, zone: ZoneInfo) -> datetime:
    """When the quiet hours began that `moment` falls in."""
    wall = _wall(moment, zone)
    day = wall.date() if wall.time() >= quiet.start else wall.date() - _DAY
    return moment_of(datetime.combine(day, quiet.start), zone)


def _end_of_quiet(quiet: Quiet, moment: datetime, zone: ZoneInfo) -> datetime | None:
    wall = _wall(moment, zone)
    if not quiet.holds(wall.time()):
        return None
    tomorrow = quiet.end < quiet.start <= wall.time()
    end = datetime.combine(wall.date() + _DAY if tomorrow else wall.date(), quiet.end)
    first = moment_of(end, zone)
    return first if first > moment else end.replace(tzinfo=zone, fold=1).astimezone(UTC)


def _once(cron: str, after: datetime, zone: ZoneInfo) -> datetime:
    """Each time on the wall once: the first of two, or the first moment after a gap."""
    for wall in CronSim(cron, _wall(after, zone)):
        moment = moment_of(wall, zone)
        if moment > after:
            return moment
    raise ValueError(f"no day fits {cron}")


def _each_time(cron: str, after: datetime, zone: ZoneInfo) -> datetime:
    """Whenever the clock shows it: one stretch of unchanged clock after the other."""
    offset = _offset(after, zone)
    while True:
        wall = (after + offset).replace(tzinfo=None)
        found = next(CronSim(cron, wall))
        moment = after + (found - wall)
        until = min(moment, after + _DAY)
        if _offset(until, zone) == offset:
            if until == moment:
                return moment
            after = until
            continue
        change = _change(after, until, zone)
        if moment < change:
            return moment
        after, offset = change - _SECOND, _offset(change, zone)


def moment_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a time on the wall: the first of two, or the first one after the gap that it falls in."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(first, zone) == wall:
        return first
    return _change(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), first, zone)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """When the clock was set, which it was once between these two: the first moment of the new time."""
    old = _offset(before, zone)
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(before + middle * _SECOND, zone) == old else (low, middle)
    return before + high * _SECOND


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
