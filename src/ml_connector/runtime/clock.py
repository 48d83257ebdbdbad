"""The clock on the wall, for the rooms that may look at it only through a port."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class SystemClock:
    """`zone` is the connection's: batches are named for the day it is there."""

    zone: ZoneInfo

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(max(0.0, seconds))

    def today(self) -> date:
        return datetime.now(self.zone).date()
