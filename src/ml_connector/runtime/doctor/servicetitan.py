"""The ServiceTitan tenant: its hosts, the token, the app key, each scope that we need, and how fast we may ask."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.doctor.judging.network import Server, System
from ml_connector.runtime.doctor.judging.servicetitan import rate
from ml_connector.runtime.doctor.lines import CannotTry, Line, Mark, Seen, Step, walk
from ml_connector.runtime.doctor.network import Visit
from ml_connector.runtime.settings import ServiceTitan
from ml_connector.servicetitan.client import tls
from ml_connector.servicetitan.field_service import HOPELESS, NEEDED, FieldService
from ml_connector.servicetitan.wire import Listing

PART = "ServiceTitan"


def examine(
    settings: ServiceTitan, make: Callable[[], FieldService], now: Callable[[], datetime], lacking: str
) -> Iterator[Line]:
    """`make` gives the tenant's client; `lacking` says which credential is not there."""
    api, auth = settings.urls()
    hosts = {urlsplit(url).netloc: (setting, url) for setting, url in (("auth_url", auth), ("api_url", api))}
    first = lacking  # what has to be mended before anybody can sign in
    for setting, url in hosts.values():
        visit = Visit(Server(System.SERVICETITAN, f"servicetitan.{setting}"), url, tls, now, direct=False)
        part = f"{PART} {visit.host}"
        for line in walk(part, visit.steps()):
            if line.mark is Mark.WRONG and line.what != "clock":
                first = first or f"{visit.host}, {line.what} comes first"
            yield line
        visit.close()
    yield from walk(PART, _Tenant(make, first).steps())


class _Tenant:
    def __init__(self, make: Callable[[], FieldService], first: str) -> None:
        self._make, self._comes_first = make, first
        self._service: FieldService | None = None
        self._first: Finding | None = None  # what came of the first read
        self._began = 0.0

    def steps(self) -> list[Step]:
        return [
            Step("sign-in", self.sign_in, opens=True),
            Step("app key and tenant", self.first_read, opens=True),
            *(Step(f"{it} ({it.scope})", partial(self.read, it)) for it in NEEDED),
            Step("rate", self.rate),
        ]

    def sign_in(self) -> Seen:
        if self._comes_first:
            raise CannotTry(self._comes_first)
        self._service, self._began = self._make(), time.monotonic()
        self._service.sign_in()
        return "a token was given"

    def first_read(self) -> Seen:
        """Whether any read can work. What else is wrong with this one belongs to its own line."""
        try:
            self._opened.try_one(NEEDED[0])
        except Interrupted as stop:
            if stop.finding.code in HOPELESS:
                raise
            self._first = stop.finding
        return "taken"

    def read(self, listing: Listing[Any]) -> Seen:
        if listing is not NEEDED[0]:
            self._opened.try_one(listing)
        elif self._first is not None:
            return [self._first]
        return "one row was read"

    def rate(self) -> Seen:
        service = self._opened
        return rate(service.calls, time.monotonic() - self._began, service.throttled)

    @property
    def _opened(self) -> FieldService:
        assert self._service is not None, "the sign-in comes first"
        return self._service
