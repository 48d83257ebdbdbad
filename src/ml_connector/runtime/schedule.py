"""A schedule as a person writes it: the rule, the time zone, the quiet hours. Each mistake is told with what to write.

daily 06:00                     weekly mon,thu 06:00              cron 30 1 * * 1-5
every 15 minutes                every 2 hours                     after each posted batch every 5 minutes
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from difflib import get_close_matches
from typing import TypeAlias, assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from ml_connector.findings import Finding, Interrupted

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK = 5  # minutes between two looks for a posted batch, unless the rule says otherwise
LONGEST = 7 * 24 * 60  # minutes
EXAMPLES = (
    "daily 06:00",
    "weekly mon,thu 06:00",
    "every 15 minutes",
    "cron 30 1 * * 1-5",
    "after each posted batch",
)


@dataclass(frozen=True, slots=True)
class Daily:
    at: time

    @property
    def cron(self) -> str:
        return f"{self.at.minute} {self.at.hour} * * *"


@dataclass(frozen=True, slots=True)
class Weekly:
    days: tuple[int, ...]  # 0 is Monday; in order, none twice
    at: time

    @property
    def cron(self) -> str:
        return f"{self.at.minute} {self.at.hour} * * {','.join(str(day + 1) for day in self.days)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """`cron` has five fields, as Vixie cron knows them."""

    cron: str


@dataclass(frozen=True, slots=True)
class Every:
    minutes: int


@dataclass(frozen=True, slots=True)
class AfterBatch:
    """After a batch was posted in ServiceTitan; looked for every `minutes`."""

    minutes: int = LOOK


Rule: TypeAlias = Daily | Weekly | Cron | Every | AfterBatch


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `start` to `end` on the clock of the schedule's zone nothing begins; over midnight where `end` is earlier."""

    start: time
    end: time

    def holds(self, at: time) -> bool:
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True, slots=True)
class Timing:
    rule: Rule
    zone: ZoneInfo
    quiet: Quiet | None = None


def timing(rule: str, time_zone: str, quiet: str = "") -> Timing:
    """What these texts mean. Raises Interrupted with everything that is wrong at once."""
    read = read_rule(rule), read_zone(time_zone), read_quiet(quiet)
    faults = [it for it in read if isinstance(it, Finding)]
    if faults:
        raise Interrupted(*faults)
    made, zone, hours = read
    assert not isinstance(made, Finding) and not isinstance(zone, Finding) and not isinstance(hours, Finding)  # noqa: PT018
    return Timing(made, zone, hours)


def text_of(rule: Rule) -> str:
    """The rule in the one way that it is kept."""
    match rule:
        case Daily(at):
            return f"daily {at:%H:%M}"
        case Weekly(days, at):
            return f"weekly {','.join(DAYS[day] for day in days)} {at:%H:%M}"
        case Cron(cron):
            return f"cron {cron}"
        case Every(minutes):
            return f"every {_span(minutes)}"
        case AfterBatch(minutes):
            return f"after each posted batch every {_span(minutes)}"
        case _:
            assert_never(rule)


def read_rule(text: str) -> Rule | Finding:
    words = text.lower().replace(", ", ",").replace(" ,", ",").split()
    match words:
        case ["daily", at]:
            return _daily(text, at)
        case ["daily", *_]:
            return _wrong(text, "'daily' is followed by one time of the day", "Write it as 'daily 06:00'.")
        case ["weekly", days, at]:
            return _weekly(text, days, at)
        case ["weekly", *_]:
            says = "'weekly' is followed by the days and one time of the day"
            return _wrong(text, says, "Write it as 'weekly mon,thu 06:00'.")
        case ["every", *span]:
            minutes = _minutes(text, span)
            return minutes if isinstance(minutes, Finding) else Every(minutes)
        case ["after", *rest]:
            return _after_batch(text, rest)
        case ["cron", *fields]:
            return _cron(text, fields)
        case _:
            return _unknown(text, words)


def read_zone(name: str) -> ZoneInfo | Finding:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        says = "there is no such time zone"
        remedy = "Write a name of the IANA time zone database, as America/Denver or America/New_York."
        return Finding("schedule.time_zone", f"time zone '{name}'", says, remedy)


def read_quiet(text: str) -> Quiet | Finding | None:
    """None where there are no quiet hours: the text is blank, or 'none'."""
    if text.strip().lower() in ("", "none"):
        return None
    where, remedy = f"quiet hours '{text}'", "Write two times of the day, as '22:00-05:00', or 'none'."
    ends = [it.strip() for it in text.replace("–", "-").split("-")]
    times = [_time(it) for it in ends]
    if len(times) != 2 or None in times:
        return Finding("schedule.quiet", where, "they are not two times of the day", remedy)
    start, end = times
    assert start is not None and end is not None  # noqa: PT018
    if start == end:
        return Finding("schedule.quiet", where, "they would last the whole day, so that nothing ever runs", remedy)
    return Quiet(start, end)


def read_name(name: str) -> Finding | None:
    if NAME.match(name):
        return None
    says = "a schedule's name has small letters, digits and hyphens, 31 at most, a letter first"
    return Finding("schedule.name", f"schedule '{name}'", says, "Choose a name as 'nightly' or 'after-batch'.")


def _daily(text: str, at: str) -> Rule | Finding:
    moment = _time(at)
    return _no_time(text, at) if moment is None else Daily(moment)


def _weekly(text: str, days: str, at: str) -> Rule | Finding:
    moment = _time(at)
    if moment is None:
        return _no_time(text, at)
    numbers = set()
    for name in days.split(","):
        number = next((n for n, day in enumerate(_LONG_DAYS) if len(name) >= 3 and day.startswith(name)), None)
        if number is None:
            return _wrong(text, f"'{name}' is no day of the week", f"Write days as {','.join(DAYS)}, with commas.")
        numbers.add(number)
    return Weekly(tuple(sorted(numbers)), moment)


def _after_batch(text: str, rest: list[str]) -> Rule | Finding:
    match rest:
        case ["each" | "every", "posted", "batch"]:
            return AfterBatch()
        case ["each" | "every", "posted", "batch", "every", *span]:
            minutes = _minutes(text, span)
            return minutes if isinstance(minutes, Finding) else AfterBatch(minutes)
        case _:
            says = "after what? Only a posted batch is looked for"
            remedy = "Write 'after each posted batch', or 'after each posted batch every 5 minutes' to say how often to look."
            return _wrong(text, says, remedy)


def _cron(text: str, fields: list[str]) -> Rule | Finding:
    if len(fields) != 5:
        says = f"a cron expression has five fields (minute, hour, day of the month, month, day of the week), not {len(fields)}"
        return _wrong(text, says, "Write it as 'cron 30 1 * * 1-5', which is 01:30 from Monday to Friday.")
    expression = " ".join(fields)
    try:
        next(CronSim(expression, datetime(2000, 1, 1)))  # noqa: DTZ001 - a time on the wall
    except CronSimError as bad:
        says = f"it is no cron expression: {str(bad).lower()}"
        remedy = "Correct that field: minute 0-59, hour 0-23, day of the month 1-31, month 1-12, day of the week 0-7 or sun-sat."
        return _wrong(text, says, remedy)
    except StopIteration:
        return _wrong(text, "no day in fifty years fits it", "Choose a day that the month has.")
    return Cron(expression)


def _minutes(text: str, span: list[str]) -> int | Finding:
    match span:
        case [number, "minute" | "minutes" | "min"] if number.isdecimal():
            minutes = int(number)
        case [number, "hour" | "hours" | "h"] if number.isdecimal():
            minutes = 60 * int(number)
        case _:
            says = f"'{' '.join(span)}' is no span of time" if span else "every how many minutes?"
            return _wrong(
                text, says, "Write a whole number of minutes or hours, as 'every 15 minutes' or 'every 2 hours'."
            )
    if 1 <= minutes <= LONGEST:
        return minutes
    return _wrong(
        text, f"it is from 1 minute to {LONGEST // 60} hours", "Write a span within that, or use 'weekly' or 'cron'."
    )


def _unknown(text: str, words: list[str]) -> Finding:
    forms = "; ".join(f"'{it}'" for it in EXAMPLES)
    first = words[0] if words else ""
    near = get_close_matches(first, ("daily", "weekly", "every", "cron", "after"), 1)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    says = f"'{first}' begins no rule{meant}" if words else "it is blank"
    return _wrong(text, says, f"Write one of these: {forms}.")


def _no_time(text: str, at: str) -> Finding:
    return _wrong(
        text, f"'{at}' is no time of the day", "Write hours and minutes from 00:00 to 23:59, as 06:00 or 18:30."
    )


def _wrong(text: str, says: str, remedy: str) -> Finding:
    return Finding("schedule.rule", f"rule '{text}'", says, remedy)


def _time(text: str) -> time | None:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    return time(int(found[1]), int(found[2])) if found else None


def _span(minutes: int) -> str:
    count, unit = (minutes // 60, "hour") if minutes % 60 == 0 else (minutes, "minute")
    return f"{count} {unit}{'' if count == 1 else 's'}"


_LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
