"""Schedules: rules as people write them, and the moments that follow, in any zone, over its changes of the clock.

What is expected is found the slow way: by looking at the clock on the wall every minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from functools import cache
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.schedule import (
    DAYS,
    EXAMPLES,
    LONGEST,
    AfterBatch,
    Cron,
    Daily,
    Every,
    Quiet,
    Rule,
    Timing,
    Weekly,
    read_name,
    read_quiet,
    read_rule,
    text_of,
    timing,
)
from ml_connector.runtime.slots import GRACE, Due, after_quiet, following, judged, next_slots, upcoming

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NEW_YORK, DENVER = ZoneInfo("America/New_York"), ZoneInfo("America/Denver")
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "America/New_York",
        "America/Denver",
        "America/Phoenix",
        "America/St_Johns",
        "America/Havana",  # sets its clock at midnight
        "America/Santiago",  # the hour before midnight comes twice
        "America/Asuncion",
        "Atlantic/Azores",
        "Europe/London",
        "Europe/Dublin",  # its winter is the exception
        "Africa/Casablanca",  # four changes a year
        "Asia/Gaza",
        "Asia/Beirut",
        "Asia/Tehran",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",  # by half an hour
        "Antarctica/Troll",  # by two hours
        "Antarctica/Casey",  # by three
        "Pacific/Apia",  # once by a day
        "Pacific/Chatham",
    )
]


# ---- what is expected, minute by minute


@dataclass(frozen=True)
class Hours:
    """A rule in sets of minutes and hours; `any_hour`: written with a star, so that it goes by the clock alone."""

    rule: Rule
    fits: Callable[[datetime], bool]
    any_hour: bool


def shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def expected(hours: Hours, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Every slot after `start`, not after `end`, both whole minutes."""
    found = []
    latest = shown(start, zone)  # the furthest that the clock has ever shown
    moment = start
    while moment < end:
        before, moment = shown(moment, zone), moment + MINUTE
        now = shown(moment, zone)
        if hours.any_hour:
            fits = hours.fits(now)
        else:
            skipped = [latest + n * MINUTE for n in range(1, int((now - latest) / MINUTE) + 1)]
            fits = any(map(hours.fits, skipped))
            assert before <= latest
            latest = max(latest, now)
        if fits:
            found.append(moment)
    return found


def slots(timing: Timing, start: datetime, end: datetime) -> list[datetime]:
    return list(takewhile(lambda it: it <= end, upcoming(timing, following(timing, start, start))))


def over(quiet: Quiet, moment: datetime, zone: ZoneInfo) -> datetime:
    """The moment, or the first one after it that is not quiet."""
    wall = shown(moment, zone)
    if not quiet.holds(wall.time()):
        return moment
    end = datetime.combine(wall.date(), quiet.end)
    end += DAY if end <= wall else timedelta(0)
    while shown(moment, zone) < end:
        moment += MINUTE
    return over(quiet, moment, zone)


@cache
def changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """The days of a year after which the zone's clock is set."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + n * DAY for n in range(366)]
    return tuple(a for a, b in pairwise(days) if a.astimezone(zone).utcoffset() != b.astimezone(zone).utcoffset())


@st.composite
def stretches(draw: st.DrawFn) -> tuple[ZoneInfo, datetime, datetime]:
    """A day and a half in some zone, at a change of its clock where there is one."""
    zone, year = draw(st.sampled_from(ZONES)), draw(st.integers(2007, 2037))
    day = draw(st.sampled_from(changes(zone, year) or (datetime(year, 6, 1, tzinfo=UTC),)))
    start = day - draw(st.integers(0, 12 * 60)) * MINUTE
    return zone, start, start + 1.5 * DAY


TIMES = st.times().map(lambda it: it.replace(second=0, microsecond=0))


@st.composite
def wall_rules(draw: st.DrawFn) -> Hours:
    kind = draw(st.sampled_from(("daily", "weekly", "cron", "stars")))
    at = draw(TIMES)
    if kind == "daily":
        return Hours(Daily(at), lambda wall: wall.time() == at, False)
    if kind == "weekly":
        days = tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1))))
        return Hours(Weekly(days, at), lambda wall: wall.weekday() in days and wall.time() == at, False)
    every = draw(st.sampled_from((None, None, 10, 15, 30)))
    minutes = set(range(0, 60, every)) if every else draw(st.sets(st.integers(0, 59), min_size=1, max_size=3))
    written = f"*/{every}" if every else ",".join(map(str, sorted(minutes)))
    if kind == "cron":
        chosen = draw(st.sets(st.integers(0, 23), min_size=1, max_size=4))
        text = f"{written} {','.join(map(str, sorted(chosen)))} * * *"
        return Hours(Cron(text), lambda wall: wall.minute in minutes and wall.hour in chosen, False)
    step = draw(st.sampled_from((1, 2, 6)))
    text = f"{written} {'*' if step == 1 else f'*/{step}'} * * *"
    return Hours(Cron(text), lambda wall: wall.minute in minutes and wall.hour % step == 0, True)


QUIET = st.builds(Quiet, TIMES, TIMES).filter(lambda it: it.start != it.end)


# ---- moments


@settings(max_examples=150, deadline=None)
@given(wall_rules(), stretches())
def test_slots_are_what_a_watcher_of_the_clock_would_have_found(
    hours: Hours, stretch: tuple[ZoneInfo, datetime, datetime]
) -> None:
    """Once where an hour comes twice, not lost where it is left out, whatever the zone and the year."""
    zone, start, end = stretch
    assert slots(Timing(hours.rule, zone), start, end) == expected(hours, zone, start, end)


@settings(max_examples=100, deadline=None)
@given(wall_rules(), stretches(), QUIET)
def test_quiet_hours_move_slots_to_their_end_and_make_one_of_several(
    hours: Hours, stretch: tuple[ZoneInfo, datetime, datetime], quiet: Quiet
) -> None:
    """What falls in them waits until the clock shows their end, or a later time where it leaves that one out."""
    zone, start, end = stretch
    moved = set()
    for it in expected(hours, zone, start - DAY, end):
        moved.add(over(quiet, it, zone))
    assert slots(Timing(hours.rule, zone, quiet), start, end) == sorted(it for it in moved if start < it <= end)


@settings(max_examples=100, deadline=None)
@given(wall_rules(), stretches(), QUIET | st.none(), st.floats(0, 1, exclude_max=True))
def test_the_next_slot_is_the_same_from_wherever_one_looks(
    hours: Hours, stretch: tuple[ZoneInfo, datetime, datetime], quiet: Quiet | None, part: float
) -> None:
    """Between two slots every moment has the later one as its next: a late look loses none, a second gets no other."""
    zone, start, end = stretch
    made = Timing(hours.rule, zone, quiet)
    for earlier, later in pairwise(slots(made, start, end)[:20]):
        between = earlier + (later - earlier) * part
        assert following(made, earlier, between) == later


@given(st.integers(1, LONGEST), stretches(), st.integers(0, 10**7))
def test_every_n_minutes_goes_by_elapsed_time(
    minutes: int, stretch: tuple[ZoneInfo, datetime, datetime], late: int
) -> None:
    """The clock on the wall means nothing to it, and a late look finds the next of the same row."""
    zone, start, _ = stretch
    made, span = Timing(Every(minutes), zone), minutes * MINUTE
    first, second = (it.astimezone(UTC) for it in next_slots(made, following(made, start, start), 2))
    assert (first - start, second - first) == (span, span)
    now = start + timedelta(seconds=late)
    found = following(made, start, now)
    assert timedelta(0) < found - now <= span
    assert (found - start) % span == timedelta(0)


@pytest.mark.parametrize(
    ("rule", "spring", "autumn"),
    [
        ("daily 01:30", ["01:30-0500", "01:30-0400"], ["01:30-0400", "01:30-0500"]),
        ("daily 02:30", ["03:00-0400", "02:30-0400"], ["02:30-0500", "02:30-0500"]),
        ("cron */30 2 * * *", ["03:00-0400", "02:00-0400"], ["02:00-0500", "02:30-0500"]),
        ("cron 30 * * * *", ["00:30-0500", "01:30-0500", "03:30-0400"], ["00:30-0400", "01:30-0400", "01:30-0500"]),
    ],
)
def test_new_york_sets_its_clock(rule: str, spring: list[str], autumn: list[str]) -> None:
    """8 March and 1 November 2026, spelled out."""
    made = timing(rule, "America/New_York")
    for day, wanted in ((datetime(2026, 3, 8, 5, tzinfo=UTC), spring), (datetime(2026, 11, 1, 4, tzinfo=UTC), autumn)):
        shown_times = [f"{it:%H:%M%z}" for it in next_slots(made, following(made, day, day), len(wanted))]
        assert shown_times == wanted


def test_an_end_of_quiet_hours_that_the_clock_leaves_out_may_be_quiet_itself() -> None:
    """Almost the whole day is quiet, and the quarter of an hour that is not is in the gap: a day later, then."""
    made = timing("daily 12:00", "America/New_York", "02:30-02:15")
    assert after_quiet(made, datetime(2026, 3, 8, 1, tzinfo=NEW_YORK)) == datetime(2026, 3, 9, 2, 15, tzinfo=NEW_YORK)


def test_a_night_run_moved_by_quiet_hours_is_one_with_the_morning_run() -> None:
    made = timing("cron 0 23,1,5 * * *", "America/Denver", "22:00-05:00")
    start = datetime(2026, 6, 1, 18, tzinfo=DENVER)
    assert [f"{it:%d %H:%M}" for it in next_slots(made, following(made, start, start), 3)] == [
        "02 05:00",
        "03 05:00",
        "04 05:00",
    ]


def test_a_run_that_was_asked_for_in_quiet_hours_does_not_bring_another_at_their_end() -> None:
    """Every twelve hours, asked for at 23:00: the next is at 11:00."""
    made = timing("every 12 hours", "America/Denver", "22:00-05:00")
    asked = datetime(2026, 6, 1, 23, tzinfo=DENVER)
    assert following(made, asked, asked + 5 * MINUTE) == datetime(2026, 6, 2, 11, tzinfo=DENVER)


# ---- after a downtime

NOON = datetime(2026, 6, 1, 12, tzinfo=DENVER)


@pytest.mark.parametrize(
    ("rule", "late", "now", "catch_up", "due"),
    [
        ("daily 12:00", timedelta(seconds=5), NOON, False, Due.RUN),
        ("daily 12:00", GRACE, NOON, False, Due.RUN),
        ("daily 12:00", GRACE + MINUTE, NOON, False, Due.MISSED),
        ("daily 12:00", 9 * DAY, NOON, True, Due.RUN),
        ("daily 12:00", 9 * DAY, NOON, False, Due.MISSED),
        ("every 15 minutes", DAY, NOON, True, Due.RUN),
        ("daily 12:00", DAY, NOON + timedelta(hours=11), True, Due.LATER),
        ("daily 12:00", DAY, NOON + timedelta(hours=11), False, Due.MISSED),
        ("after each posted batch", DAY, NOON, False, Due.RUN),
        ("after each posted batch", DAY, NOON + timedelta(hours=11), False, Due.LATER),
        ("daily 12:00", 2 * MINUTE, NOON + timedelta(hours=10, minutes=1), True, Due.RUN),
    ],
)
def test_what_was_missed_runs_once_or_not_at_all(
    rule: str, late: timedelta, now: datetime, catch_up: bool, due: Due
) -> None:
    """A few minutes late is on time; a catch-up never breaks the quiet hours, from 22:00 to 05:00."""
    made = timing(rule, "America/Denver", "22:00-05:00")
    assert judged(made, now - late, now, catch_up) is due


@given(wall_rules(), st.integers(1, 400))
def test_however_long_it_stood_still_one_slot_is_left(hours: Hours, days: int) -> None:
    """After the slot that was due comes one later than now: never those in between."""
    made = Timing(hours.rule, DENVER)
    slot = following(made, NOON, NOON)
    now = slot + days * DAY
    assert following(made, slot, now) > now


# ---- as a person writes it


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    kind = draw(st.sampled_from(("wall", "every", "after")))
    if kind == "wall":
        return draw(wall_rules()).rule
    minutes = draw(st.integers(1, LONGEST))
    return Every(minutes) if kind == "every" else AfterBatch(minutes)


@given(rules())
def test_a_rule_is_read_as_it_was_written(rule: Rule) -> None:
    assert read_rule(text_of(rule)) == rule


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Daily 6:00", "daily 06:00"),
        ("  weekly  Thursday, mon 18:30 ", "weekly mon,thu 18:30"),
        ("weekly mon , mon 18:30", "weekly mon 18:30"),
        ("every 60 min", "every 1 hour"),
        ("every 90 minutes", "every 90 minutes"),
        ("CRON 30 1 * * MON-FRI", "cron 30 1 * * mon-fri"),
        ("after every posted batch", "after each posted batch every 5 minutes"),
        ("after each posted batch every 10 minutes", "after each posted batch every 10 minutes"),
    ],
)
def test_spelling_that_is_clear_is_understood(written: str, kept: str) -> None:
    rule = read_rule(written)
    assert not isinstance(rule, Finding)
    assert text_of(rule) == kept


@pytest.mark.parametrize("written", EXAMPLES)
def test_what_the_remedies_say_to_write_is_right(written: str) -> None:
    assert not isinstance(read_rule(written), Finding)


@pytest.mark.parametrize(
    ("written", "says", "remedy"),
    [
        ("", "it is blank", "'daily 06:00'"),
        ("dayly 06:00", "did you mean 'daily'?", "'daily 06:00'"),
        ("daily", "one time of the day", "'daily 06:00'"),
        ("daily 06:00 18:00", "one time of the day", "'daily 06:00'"),
        ("daily 6am", "'6am' is no time of the day", "06:00"),
        ("daily 24:00", "'24:00' is no time of the day", "23:59"),
        ("weekly 06:00", "the days and one time", "'weekly mon,thu 06:00'"),
        ("weekly mon,moon 06:00", "'moon' is no day of the week", "mon,tue,wed,thu,fri,sat,sun"),
        ("every", "every how many minutes?", "'every 15 minutes'"),
        ("every now and then", "'now and then' is no span of time", "'every 15 minutes'"),
        ("every 0 minutes", "from 1 minute", "'weekly'"),
        ("every 1.5 hours", "is no span of time", "whole number"),
        ("every 169 hours", "to 168 hours", "'cron'"),
        ("cron 30 1 * *", "not 4", "'cron 30 1 * * 1-5'"),
        ("cron 0 30 1 * * *", "not 6", "'cron 30 1 * * 1-5'"),
        ("cron 61 1 * * *", "bad minute", "minute 0-59"),
        ("cron 0 1 30 2 *", "bad day-of-month", "day of the month 1-31"),
        ("after lunch", "Only a posted batch", "'after each posted batch'"),
    ],
)
def test_each_mistake_is_told_with_what_to_write(written: str, says: str, remedy: str) -> None:
    found = read_rule(written)
    assert isinstance(found, Finding)
    assert found.code == "schedule.rule"
    assert says in found.says
    assert remedy in found.remedy


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from("daily every cron after 1 * */0 5-1 mon 06:00 # L".split())).map(" ".join)
)
@example("cron 0 0 * 2 mon#5")
@example("cron * * l * 7")
def test_nothing_that_a_person_can_type_breaks_it(text: str) -> None:
    """It is a rule that has a next moment, or a finding."""
    rule = read_rule(text)
    if not isinstance(rule, Finding):
        assert following(Timing(rule, NEW_YORK), NOON, NOON) > NOON
        assert read_rule(text_of(rule)) == rule


@pytest.mark.parametrize(
    ("written", "kept"), [("22:00-05:00", "22:00-05:00"), ("7:00 – 18:00", "07:00-18:00"), ("", None), ("none", None)]
)
def test_quiet_hours_are_read(written: str, kept: str | None) -> None:
    quiet = read_quiet(written)
    assert (str(quiet) if quiet else None) == kept


@pytest.mark.parametrize("written", ["22:00", "22-5", "22:00-22:00", "night", "1:00-2:00-3:00"])
def test_quiet_hours_that_make_no_sense_are_refused(written: str) -> None:
    found = read_quiet(written)
    assert isinstance(found, Finding)
    assert "'22:00-05:00'" in found.remedy


@pytest.mark.parametrize("name", ["Nightly", "after batch", "", "x" * 32, "1st"])
def test_a_name_that_a_command_cannot_take_is_refused(name: str) -> None:
    assert read_name(name) is not None
    assert read_name("nightly-2") is None


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(Interrupted) as fault:
        timing("dayly", "Mars/Olympus", "night")
    assert [it.code for it in fault.value.findings] == ["schedule.rule", "schedule.time_zone", "schedule.quiet"]


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../zoneinfo/UTC", "America", "America/New York"])
def test_a_zone_that_there_is_none_of_is_refused(name: str) -> None:
    with pytest.raises(Interrupted) as fault:
        timing("daily 06:00", name)
    assert fault.value.finding.code == "schedule.time_zone"


def test_days_are_numbered_as_python_numbers_them() -> None:
    """The Monday of a weekly rule is a Monday."""
    made = timing("weekly mon 06:00", "America/Denver")
    (first, *_) = next_slots(made, following(made, NOON, NOON), 1)
    assert DAYS[first.weekday()] == "mon"
    assert following(replace(made, rule=Weekly((6,), time(6))), NOON, NOON).astimezone(DENVER).weekday() == 6
