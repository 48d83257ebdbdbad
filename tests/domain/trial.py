"""A trial whose GP belongs to the domain: people of the domain are let in by their tickets, and by NTLM where they may."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_connector.runtime.trial import APP_KEY, CLIENT_ID, CLIENT_SECRET, Trial, write_trial
from ml_connector.sandbox.company import DIALECTS, GPCONNECT, Company, SbaApplication, SoapApplication, WindowsUser
from ml_connector.sandbox.company.negotiate import TicketDoor
from ml_connector.sandbox.company.ntlm import Door
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.serving import Request, Response, Server
from ml_connector.sandbox.shop import Shop
from tests.domain.accounts import REALM, SHORT
from tests.domain.controller import Controller


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is typed where credentials are asked for. `keytab` in place of the GP password."""

    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    app_key: str = APP_KEY
    username: str = GPCONNECT.name
    password: str = GPCONNECT.password
    keytab: Path | None = None


class CountingDoor(Door):
    """It counts the NTLM logins that came to their last leg, whatever came of them."""

    logins = 0

    def admit(self, request: Request) -> WindowsUser | Response:
        self.logins += "authorization" in request.headers and "acceptor" in request.connection
        return super().admit(request)


class Fated:
    """An application that does what `inner` does. `befalls` says what happens after its nth create was answered by it,
    and before the answer is on its way; in the server's thread."""

    def __init__(self, inner: SbaApplication | SoapApplication) -> None:
        self.inner, self.faults = inner, inner.faults
        self.befalls: dict[int, Callable[[], object]] = {}
        self.shown: set[str] = set()  # the headers with which somebody signed in

    def greet(self, request: Request) -> Response | None:
        self.shown.add(request.headers.get("authorization", ""))
        return self.inner.greet(request)

    def records(self) -> object:
        return self.inner.records()

    def answer(self, request: Request) -> Response:
        answer = self.inner.answer(request)
        befalls = self.befalls.pop(self.creates, None)
        if befalls:
            befalls()
        return answer

    @property
    def creates(self) -> int:
        """How many documents GP was asked to enter, whatever came of it."""
        records: Any = self.records()
        return sum(count for call, count in records["calls"].items() if call.casefold().startswith("create"))


@dataclass(frozen=True, slots=True)
class Premises:
    """Both servers, and the files that a person adds as a connection. `connection` is in automatic mode."""

    trial: Trial
    shop: Shop
    company: Company
    application: Fated
    door: CountingDoor
    folder: Path
    connection: Path
    rulebook: Path

    def write(self, credential: str, text: str) -> None:
        """Put another credential in place of one: client-id, client-secret, app-key, gp-username or gp-password."""
        (self.folder / "secrets" / credential).write_text(text, "utf-8")


@contextmanager
def premises(
    folder: Path,
    domain: Controller | None,
    dialect: str = "one",
    *,
    given: Credentials = Credentials(),
    shop: Shop | None = None,
    users: Sequence[WindowsUser] = (GPCONNECT,),
) -> Iterator[Premises]:
    """A month of sixty invoices, served. In a domain by Kerberos; else by NTLM, as `users` say. `given` is what the
    connection's credentials are; ServiceTitan's are right, unless the shop says otherwise."""
    shop = shop or Shop(
        a_month(invoices=60, bills=20),
        client_id=given.client_id,
        client_secret=given.client_secret,
        app_key=given.app_key,
    )
    company = Company.front_range()
    tickets = None if domain is None else TicketDoor(domain.keytab("service.keytab"), {REALM: SHORT})
    door = CountingDoor(users, tickets, ntlm=domain is None)
    soap = dialect == "soap"
    application = Fated(
        SoapApplication(company, door=door) if soap else SbaApplication(company, DIALECTS[dialect], door=door)
    )
    with Server(shop) as shop_server, Server(application) as company_server:
        trial = Trial(shop_server, company_server, dialect)
        paths = write_trial(trial, folder, "automatic")
        written = (folder, paths["connection"], paths["rulebook"])
        it = Premises(trial, shop, company, application, door, *written)
        for name in ("client-id", "client-secret", "app-key"):
            it.write(name, getattr(given, name.replace("-", "_")))
        it.write("gp-username", given.username)
        it.write("gp-password", given.password)
        if domain is not None:
            it.connection.write_text(_by_ticket(it.connection.read_text("utf-8"), domain, given.keytab), "utf-8")
        yield it


def _by_ticket(settings: str, domain: Controller, keytab: Path | None) -> str:
    """The settings of a connection, with Kerberos in place of NTLM."""
    lines = settings.rstrip().splitlines()
    if keytab is not None:
        lines = [line for line in lines if not line.startswith("password =")]
    lines.insert(lines.index("[gp.FRM]") + 1, 'authentication = "negotiate"')
    lines.append("[gp.FRM.kerberos]")
    lines += [f'realm = "{REALM}"', f'controllers = ["{domain.address}"]']
    if keytab is not None:
        lines.append(f'keytab = "{keytab}"')
    return "\n".join(lines) + "\n"
