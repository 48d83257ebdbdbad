"""The steps of a login to GP: what the server offers, the tickets of Kerberos, being let in, the server's own proof."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

from ml_connector.findings import Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Access, Scheme
from ml_connector.gp.kerberos import Got, Tickets
from ml_connector.gp.wire import Wire
from ml_connector.runtime.doctor.judging import network as judge
from ml_connector.runtime.doctor.lines import CannotTry, Seen, Step
from ml_connector.runtime.doctor.network import Visit

BY_THE_SYSTEM = "Windows has and keeps the tickets itself"


class Login:
    """`wire` gives the company's wire once it can be had. Nothing that was refused is tried a second time."""

    def __init__(self, scheme: Scheme, visit: Visit, wire: Callable[[], Wire], address: Callable[[], str]) -> None:
        self._scheme, self._visit, self._wire, self._address = scheme, visit, wire, address
        self._got: Got | None = None
        self._no_service: Interrupted | None = None
        self._unproven: Interrupted | None = None

    def steps(self) -> Iterator[Step]:
        yield Step("scheme", self.scheme, opens=True)
        if self._scheme is Scheme.NEGOTIATE:
            yield Step("tickets", self.tickets, opens=True)
            yield Step("domain's clock", self.domain_clock)
            yield Step("service name", self.service_name, opens=True)
        yield Step("login", self.login, opens=True)
        if self._scheme is Scheme.NEGOTIATE:
            yield Step("server's proof", self.proof, opens=True)

    def scheme(self) -> Seen:
        offers = self._visit.offers
        if offers is None:
            raise CannotTry("the server's answer comes first")
        if not offers:
            return "none is asked for at this address"
        if self._scheme.value.lower() not in {it.lower() for it in offers}:
            return [errors.scheme_not_offered(self._scheme.value, ", ".join(offers))]
        return f"the server offers {', '.join(offers)}; the connection uses {self._scheme.value}"

    def tickets(self) -> Seen:
        """Both are got at once; where only the service's is refused, the account's own was given."""
        if sys.platform == "win32":
            return BY_THE_SYSTEM
        try:
            self._got = self._tickets.current()
        except Interrupted as stop:
            if stop.finding.code != "gp.service_name":
                raise
            self._no_service = stop
            return f"the domain lets {self._access.username} in"
        left = self._got.since + self._got.lifetime - time.time()
        return f"got for {self._got.cache.client}, good for {left / 3600:.1f} hours, then renewed by itself"

    def domain_clock(self) -> Seen:
        if self._got is None:
            raise CannotTry("no ticket tells the domain's time")
        apart = self._got.cache.began - self._got.since
        finding = judge.clock(self._visit.server, apart, "the domain's")
        return [finding] if finding else judge.told_apart(apart)

    def service_name(self) -> Seen:
        if self._no_service:
            raise self._no_service
        return self._wire().lanes.login.service(self._visit.host)

    def login(self) -> Seen:
        try:
            self._wire().knock(self._address())
        except Interrupted as stop:
            if stop.finding.code != "gp.server_unproven":
                raise
            self._unproven = stop
        return f"{self._access.username} is let in, by {'NTLM' if self._scheme is Scheme.NTLM else 'Kerberos'}"

    def proof(self) -> Seen:
        if self._unproven:
            raise self._unproven
        if sys.platform != "win32" and not self._wire().lanes.server_proven:
            return [errors.server_unproven(self._visit.host)]
        return "the server proved that it is the one that the domain knows"

    @property
    def _access(self) -> Access:
        return self._wire().access

    @property
    def _tickets(self) -> Tickets:
        return self._wire().lanes.login.tickets(self._visit.host)
