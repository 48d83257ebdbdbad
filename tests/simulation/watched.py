"""A sandbox under watch: it sees every request that is let in, and can kill the product around the deed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from ml_connector.sandbox.serving import Application, Request, Response


class Moment(Enum):
    """When a request's sender dies."""

    BEFORE_DEED = "before the deed"  # the request is on its way, and nothing is done
    BEFORE_ANSWER = "after the deed, before the answer"
    AFTER_ANSWER = "after the answer"  # `delay` seconds later, in the midst of what it makes of it


@dataclass
class Snare:
    """Kills at the `nth` request whose label contains `label`. `kill` tells whether there was anyone to kill."""

    kill: Callable[[], bool]
    label: str = ""
    nth: int = 1
    moment: Moment = Moment.BEFORE_DEED
    delay: float = 0.001
    sprung: threading.Event = field(default_factory=threading.Event)

    def spring(self) -> None:
        if self.kill():
            self.sprung.set()


class Watch:
    """What both sandboxes have in common: the snare that is set, and the requests that were seen since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snare: Snare | None = None
        self.seen: list[str] = []

    def set(self, snare: Snare | None) -> None:
        with self._lock:
            self._snare, self.seen = snare, []

    def passes(self, label: str) -> Snare | None:
        """Count a request in; the snare, if it is this one's."""
        with self._lock:
            self.seen.append(label)
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
            raise ConnectionResetError
        answer = self.inner.answer(request)
        if snare and snare.moment is Moment.BEFORE_ANSWER:
            snare.spring()
        elif snare:
            timer = threading.Timer(snare.delay, snare.spring)
            timer.daemon = True
            timer.start()
        return answer


def label_of(request: Request) -> str:
    """Method and resource, without tenant, company and key: `GET Sales/Customers`, `GET accounting export/invoices`."""
    path = re.sub(r"^/GPService/.*?Companies\(.*?\)/|\(.*", "", request.path)
    path = re.sub(r"^/(\w+)/v2/tenant/\d+/", r"\1 ", path)
    names = [name for name, values in request.query.items() for value in values if name == "$filter"]
    about = re.findall(r"(\w+) (?:eq|in)", request.query["$filter"][0]) if names else []
    return " by ".join([f"{request.method} {path}", *dict.fromkeys(about)])
