"""A sandbox under watch: it sees every request that is let in, and can kill the product around the deed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum

from ml_connector.sandbox.serving import Application, Request, Response


class Moment(Enum):
    """When a request's sender dies."""

    BEFORE_DEED = "before the deed"  # the request is on its way, and nothing is done
    BEFORE_ANSWER = "after the deed, before the answer"  # which stays unread
    AFTER_ANSWER = "after the answer"  # `delay` seconds later, in the midst of what it makes of it


@dataclass
class Snare:
    """Strikes its victim at the `nth` request whose label contains `label`."""

    label: str
    moment: Moment
    nth: int = 1
    delay: float = 0.001
    strike: Future[Callable[[], object]] = field(default_factory=Future)  # known when the victim is born

    def spring(self) -> None:
        self.strike.result(60)()


class Watch:
    """What both sandboxes have in common: the snare that is set, and the deeds that wait for their time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snare: Snare | None = None
        self._putting_off = 0
        self.put_off: list[Callable[[], object]] = []
        self.second_copies = 0  # how often GP's own key had to keep one out

    def set(self, snare: Snare | None) -> None:
        with self._lock:
            self._snare = snare

    def put_off_creates(self, number: int) -> None:
        """GP will be that many times too slow: the deed is done when the test says. The answer must be lost, too."""
        with self._lock:
            self._putting_off = number

    def puts_off(self, request: Request, deed: Callable[[], object]) -> bool:
        with self._lock:
            if request.method != "POST" or not request.path.startswith("/GPService/") or not self._putting_off:
                return False
            self._putting_off -= 1
            self.put_off.append(deed)
            return True

    def passes(self, label: str) -> Snare | None:
        """The snare, if it is set for this request."""
        with self._lock:
            snare = self._snare
            if snare is None or snare.label not in label:
                return None
            snare.nth -= 1
            if snare.nth:
                return None
            self._snare = None
            return snare


class Watched:
    """An application that does what `inner` does, under a watch."""

    def __init__(self, inner: Application, watch: Watch) -> None:
        self.inner, self.faults = inner, inner.faults
        self._watch = watch

    def greet(self, request: Request) -> Response | None:
        return self.inner.greet(request)

    def records(self) -> object:
        return self.inner.records()

    def answer(self, request: Request) -> Response:
        snare = self._watch.passes(label_of(request))
        if snare and snare.moment is Moment.BEFORE_DEED:
            snare.spring()
            return Response(500)
        if self._watch.puts_off(request, lambda: self.inner.answer(request)):
            return Response(500)
        answer = self.inner.answer(request)
        if request.method == "POST" and b"already exists in" in answer.body:
            self._watch.second_copies += 1
        if snare and snare.moment is Moment.BEFORE_ANSWER:
            snare.spring()
        elif snare:
            timer = threading.Timer(snare.delay, snare.spring)
            timer.daemon = True
            timer.start()
        return answer


def label_of(request: Request) -> str:
    """`accounting GET export/invoices`, `GET Sales/Customers by CustomerNumber`; without tenant, company and keys.

    A question about documents that wants their distributions too ends in `with Distributions`.
    """
    path = re.sub(r"^/GPService/.*?Companies\(.*?\)/|^/\w+/v2/tenant/\d+/|\(.*?\)", "", request.path)
    asked = dict.fromkeys(re.findall(r"(\w+) (?:eq|in)\b", request.query.get("$filter", [""])[0]))
    label = " by ".join([f"{request.method} {path}", *asked])
    return " with ".join([label, *request.query.get("$expand", [])])
