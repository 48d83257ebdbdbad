"""Faults on demand: what a request to a sandbox may suffer, named as an incident report would name it."""

from __future__ import annotations

import random
import threading
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """What goes wrong. The first group is suffered on the wire, the second inside the application."""

    ANSWER_LOST_AFTER = "answer-lost-after"  # the deed is done, then the connection is reset without an answer
    ANSWER_LOST_BEFORE = "answer-lost-before"  # the connection is reset and nothing was done
    STILL_WORKING = "still-working"  # the connection is reset at once; the deed is done `seconds` later
    TOO_MANY_REQUESTS = "too-many-requests"  # 429 with Retry-After of `seconds`
    SERVER_ERROR = "server-error"  # 503, and nothing was done
    ERROR_AFTER = "error-after"  # 500, although the deed was done
    RESET_IN_BODY = "reset-in-body"  # half of the body, then a reset
    TRUNCATED_JSON = "truncated-json"  # the body ends early and its Content-Length agrees
    HTML_WITH_200 = "html-with-200"  # a proxy's page in place of the answer; nothing was done
    SLOW = "slow"  # the answer comes after `seconds`

    EMPTY_PAGE = "empty-page"  # no rows, but the feed says there are more
    REPEATED_TOKEN = "repeated-token"  # noqa: S105 - continueFrom does not move on
    TOKEN_REVOKED = "token-revoked"  # noqa: S105 - the access token is refused before its time
    BATCH_LOCKED = "batch-locked"  # someone has the batch open, or is posting it
    PERIOD_CLOSED = "period-closed"  # the fiscal period was closed a moment ago
    DISTRIBUTIONS_REPLACED = "distributions-replaced"  # GP's policy enters its own accounts, without a word


ON_THE_WIRE = frozenset(
    {
        Fault.ANSWER_LOST_AFTER,
        Fault.ANSWER_LOST_BEFORE,
        Fault.STILL_WORKING,
        Fault.TOO_MANY_REQUESTS,
        Fault.SERVER_ERROR,
        Fault.ERROR_AFTER,
        Fault.RESET_IN_BODY,
        Fault.TRUNCATED_JSON,
        Fault.HTML_WITH_200,
        Fault.SLOW,
    }
)


@dataclass(slots=True)
class Ordered:
    """One fault on order: it strikes `times` requests that fit, after `skip` others, each with `probability`."""

    fault: Fault
    method: str = ""  # "" fits every method
    path: str = ""  # a part of the path; "" fits every path
    skip: int = 0
    times: int = 1
    probability: float = 1.0
    seconds: float = 0.0


class Faults:
    """The faults on order for one server. Safe to use from many threads; the same seed strikes the same way."""

    def __init__(self, seed: int = 0) -> None:
        self._ordered: list[Ordered] = []
        self._random = random.Random(seed)  # noqa: S311 - reproducible trouble, no secret
        self._lock = threading.Lock()

    def order(self, fault: Fault, **how: object) -> None:
        """Order a fault; `how` are the fields of `Ordered`."""
        with self._lock:
            self._ordered.append(Ordered(fault, **how))  # type: ignore[arg-type]

    def clear(self) -> None:
        with self._lock:
            self._ordered.clear()

    def strike(self, method: str, path: str, among: Collection[Fault]) -> Ordered | None:
        """The fault that this request suffers, if any; it is used up by one."""
        with self._lock:
            for ordered in self._ordered:
                if ordered.fault not in among or ordered.times <= 0:
                    continue
                if ordered.method not in ("", method) or ordered.path not in path:
                    continue
                if ordered.skip > 0:
                    ordered.skip -= 1
                    continue
                if self._random.random() >= ordered.probability:
                    continue
                ordered.times -= 1
                return ordered
        return None
