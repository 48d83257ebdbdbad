"""Say a thing once in a while, with how often it happened since."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Sparingly:
    """For things of which there are few: each is remembered."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}
        self._times: dict[str, int] = {}

    def times(self, thing: str) -> int:
        """How often it happened since it was last said, this time included; 0: say nothing yet."""
        with self._lock:
            times = self._times.get(thing, 0) + 1
            now = self._clock()
            if now - self._said.get(thing, -self._seconds) < self._seconds:
                self._times[thing] = times
                return 0
            self._said[thing], self._times[thing] = now, 0
            return times
