"""Instants as .NET counts them: whole ticks of 100 ns, so that seven fractional digits are exact.

ServiceTitan writes instants in UTC with `Z` and drops trailing zeros of the fraction; business dates it writes as
midnight `Z` (API documentation, sample invoice of 2021).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

Moment = int  # ticks since 1970-01-01T00:00:00Z

SECOND = 10_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,7}))?)?(Z|[+-]\d\d:\d\d)?")


def moment(day: date, seconds: int = 0, fraction: int = 0) -> Moment:
    """`seconds` after midnight UTC of `day`, and `fraction` ticks."""
    return (day.toordinal() - 719_163) * DAY + seconds * SECOND + fraction


def as_text(it: Moment) -> str:
    seconds, fraction = divmod(it, SECOND)
    whole = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{fraction:07d}".rstrip("0") + "Z" if fraction else whole + "Z"


def from_text(text: str) -> Moment:
    """Read a date or an instant; one without a zone is UTC. `ValueError` when it is neither."""
    found = _TEXT.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is neither a date nor an instant")
    day, clock, fraction, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z") else zone
    whole = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset}")
    return (whole - _EPOCH) // timedelta(seconds=1) * SECOND + int((fraction or "").ljust(7, "0"))
