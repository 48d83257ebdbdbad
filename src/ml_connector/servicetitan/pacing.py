"""Pace and patience: how fast we ask, and how long we go on asking.

Both are a few lines of our own. A rate limiter from a library would add a dependency for one deque; a retry library
would raise from inside the attempt, and an attempt here is a value (`errors.Trouble`), so that no traceback holds a
secret.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from ml_connector.findings import Interrupted
from ml_connector.servicetitan.errors import Trouble

T = TypeVar("T")
Sleep = Callable[[float], None]

CALLS_A_SECOND = 55  # ServiceTitan allows 60 (developer FAQ); the rest is for calls that bunch up on their way


class Pacer:
    """Lets at most `limit` calls go in any `window` seconds. Safe to use from many threads."""

    def __init__(self, limit: int = CALLS_A_SECOND, window: float = 1.0) -> None:
        self._gone: deque[float] = deque(maxlen=limit)  # when the last calls went, on the monotonic clock
        self._limit, self._window = limit, window
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Come back when the caller may go."""
        while (pause := self._ask()) > 0:
            time.sleep(pause)

    def _ask(self) -> float:
        with self._lock:
            now = time.monotonic()
            pause = self._gone[0] + self._window - now if len(self._gone) == self._limit else 0.0
            if pause <= 0:
                self._gone.append(now)
            return pause


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a passing trouble is borne: by attempts, and by seconds waited in all."""

    attempts: int = 6
    first_wait: float = 0.5  # doubles with each attempt, less a share by chance so that clients do not march in step
    longest_wait: float = 30.0
    all_waits: float = 180.0
    sleep: Sleep = time.sleep

    def ask(self, attempt: Callable[[], T | Trouble]) -> T:
        """The first answer that `attempt` brings; `Interrupted` by a lasting trouble, or at the end of patience."""
        waited = 0.0
        number = 1
        while isinstance(answer := attempt(), Trouble):
            if not answer.passing:
                raise Interrupted(answer.finding)
            pause = self._pause(number, answer)
            if number >= self.attempts or waited + pause > self.all_waits:
                raise Interrupted(replace(answer.finding, says=f"{answer.finding.says}; attempts: {number}"))
            self.sleep(pause)
            waited += pause
            number += 1
        return answer

    def _pause(self, number: int, trouble: Trouble) -> float:
        """What Retry-After asks for and a little more, or exponential back-off."""
        chance = random.random()  # noqa: S311 - jitter, no secret
        if trouble.wait is not None:
            return trouble.wait * (1 + chance / 10)
        longest: float = min(self.first_wait * 2 ** (number - 1), self.longest_wait)
        return longest * (1 - chance / 2)
