"""Windows Authentication over HTTP, one TCP connection a lane: NTLM, or Kerberos by way of Negotiate.

Both keep the rules of somebody who must not write twice:

- Once a byte of a request has left, the request is never repeated, whatever comes.
- A password that was refused once is never tried again, so that we lock nobody out.

NTLM signs in a connection, not a request (Microsoft, [MS-NTHT]): three legs, and from then on every request of that
connection is ours. So a write never opens a connection: the first leg of a sign-in is a GET without a body, and the
write travels on the last leg, once, on the connection that the first one opened. A signed-in connection that the server
has dropped is noticed before the first byte of a request leaves; then the lane signs in again.

Negotiate (RFC 4559) carries a Kerberos ticket with every request, unasked, so each request is signed in by itself. The
server proves itself in the first answer on each connection. A 401 means that it did nothing.

    lane.NotSent       GP has certainly not seen the request, or refused it at the door: it did nothing
    findings.Interrupted
    ├── gp.credentials GP, or the domain, refuses the name or the password
    ├── gp.scheme      GP does not take the kind of login that is configured
    └── …              what else stands in the way of a ticket: see gp.errors
"""

from __future__ import annotations

import contextlib
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from queue import LifoQueue

import httpx2
import spnego
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from ml_connector.findings import Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Access, Kerberos, Scheme, Secret
from ml_connector.gp.handshake import Handshake, Unwilling
from ml_connector.gp.kerberos import Tickets
from ml_connector.gp.lane import Dropped, Lane, NotSent, binding, offers
from ml_connector.gp.realms import login_name
from ml_connector.gp.wrong_passwords import KNOWN_WRONG, Refusals

__all__ = ["Lanes", "Login", "NotSent", "transport"]

READS = frozenset({"GET", "HEAD"})
ATTEMPTS = 3  # at signing in before a byte of the request has left
PATIENCE = 120.0  # seconds for another process that is signing in: the last leg of an NTLM login is a request itself
SKEW = 300.0  # seconds that Kerberos lets clocks differ
UNREADABLE = (SpnegoError, ValueError, LookupError, struct.error)  # what reading foreign bytes can end in


class Login:
    """A Windows account, and what its password has been found to be worth. Shared by the lanes of one server."""

    def __init__(
        self,
        username: str,
        password: Secret,
        scheme: Scheme = Scheme.NTLM,
        kerberos: Kerberos = Kerberos(),  # noqa: B008 (it is frozen)
        channel_binding: bool = True,
        refusals: Refusals = KNOWN_WRONG,
    ) -> None:
        self.username = username
        self.scheme = scheme
        self.channel_binding = channel_binding
        self._refusals = refusals
        self._password = password
        self._kerberos = kerberos
        self._tickets: dict[str, Tickets] = {}
        self._proven = False
        self._first = threading.Lock()

    @classmethod
    def of(cls, access: Access) -> Login:
        how = (access.scheme, access.kerberos, access.channel_binding, access.refusals)
        return cls(access.username, access.password, *how)

    def __repr__(self) -> str:
        return f"Login({self.username}, {self.scheme.value})"

    @contextlib.contextmanager
    def attempt(self, host: str) -> Iterator[None]:
        """NTLM: while the password is unproven one lane of all processes tries it, so that a wrong one costs one attempt
        in all."""
        domain, name = login_name(self.username, Scheme.NTLM, "", host)
        with contextlib.ExitStack() as turns:
            if not self._proven:
                turns.enter_context(self._first)
            if self._proven:
                turns.close()
            else:
                turns.enter_context(self._turn(domain, name))
            if self._refusals.knows(domain, name, self._password):
                raise Interrupted(errors.credentials(self.username, again=True))
            yield

    def _turn(self, domain: str, name: str) -> AbstractContextManager[object]:
        turn = self._refusals.turn(domain, name, PATIENCE)
        if turn is None:
            raise Interrupted(errors.login_busy(self.username))
        return turn

    def ntlm(self, host: str) -> spnego.ContextProxy:
        return spnego.client(self.username, self._password.reveal(), hostname=host, service="HTTP", protocol="ntlm")

    def prove(self) -> None:
        self._proven = True

    def refuse(self, host: str) -> Interrupted:
        self._proven = False
        self._refusals.remember(*login_name(self.username, Scheme.NTLM, "", host), self._password)
        return Interrupted(errors.credentials(self.username, again=False))

    def service(self, host: str) -> str:
        """The service name (SPN) that stands for the server in the domain."""
        return self._kerberos.service or f"HTTP/{host}"

    def tickets(self, host: str) -> Tickets:
        """Raises Interrupted where the account's realm is not known."""
        with self._first:
            if host not in self._tickets:
                service = self.service(host)
                given = (self.username, self._password, service, self._kerberos)
                self._tickets[host] = Tickets(*given, refusals=self._refusals)
            return self._tickets[host]

    def close(self) -> None:
        for tickets in self._tickets.values():
            tickets.close()


class NtlmLane(httpx2.BaseTransport):
    """One connection, signed in. Takes one request at a time."""

    def __init__(self, login: Login, verify: ssl.SSLContext) -> None:
        self._login = login
        self._lane = Lane(verify)
        self._lock = threading.Lock()
        self._signed_in = False
        self._answered = 0  # requests answered since the sign-in
        self._each_time = False  # this server wants every request signed in

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            request.read()
            for _ in range(ATTEMPTS):
                try:
                    if self._signed_in and not self._each_time:
                        return self._on_signed_in(request)
                    return self._sign_in(request)
                except Dropped:
                    self._signed_in = False
                except httpx2.TransportError:
                    self._signed_in = False
                    raise
            raise NotSent("GP closes the connection before the login is done")

    def close(self) -> None:
        self._lane.close()

    def _on_signed_in(self, request: httpx2.Request) -> httpx2.Response:
        response = self._lane.send(request, may_connect=False)
        if response.status_code != 401:
            self._answered += 1
            return response
        self._signed_in, self._each_time = False, self._answered <= 1
        if request.method in READS:
            return self._sign_in(request)
        raise NotSent("GP asked for a new login and did not take the request")

    def _sign_in(self, request: httpx2.Request) -> httpx2.Response:
        """The legs of the login, the last of which is the request itself."""
        is_read = request.method in READS
        host = request.url.host
        with self._login.attempt(host):
            context = self._login.ntlm(host)
            opening = request if is_read else httpx2.Request("GET", request.url, extensions=request.extensions)
            try:
                response = self._lane.send(opening, "NTLM", context.step())
            except NotSent:
                raise
            except httpx2.TransportError as error:
                raise NotSent(f"the login was cut off: {error}") from error
            if response.status_code != 401:
                return response if is_read else self._unasked(request, response)
            token = self._token(context, response)
            response = self._lane.send(request, "NTLM", token, may_connect=False)
            if response.status_code == 401:
                raise self._login.refuse(host)
            self._login.prove()
        self._signed_in, self._answered = True, 1
        return response

    def _unasked(self, request: httpx2.Request, opening: httpx2.Response) -> httpx2.Response:
        """The server did not ask who we are: it needs no login, or something stands in its place."""
        status = opening.status_code
        if status == 403:
            return opening
        if status == 429 or status >= 500:
            raise NotSent(f"GP answered {status} to the login")
        response = self._lane.send(request, may_connect=False)
        if response.status_code == 401:
            raise NotSent("GP asked for a login after it had let us in without one")
        return response

    def _token(self, context: spnego.ContextProxy, response: httpx2.Response) -> bytes:
        """Our last word in the login, made from the server's challenge."""
        certificate = self._lane.certificate if self._login.channel_binding else None
        tied = None if certificate is None else GssChannelBindings(application_data=binding(certificate))
        try:
            challenge, offered = offers(response, "ntlm")
            if not challenge:
                raise Interrupted(errors.scheme_not_offered("ntlm", offered))
            return context.step(challenge, channel_bindings=tied) or b""
        except UNREADABLE:
            says = "NTLM, in a form that we do not understand"
            raise Interrupted(errors.scheme_not_offered("ntlm", says)) from None


class NegotiateLane(httpx2.BaseTransport):
    """One connection, every request with a ticket of its own. Takes one request at a time."""

    def __init__(self, login: Login, verify: ssl.SSLContext) -> None:
        self._login = login
        self._lane = Lane(verify)
        self._lock = threading.Lock()
        self._proven = False  # whether the server has proved itself on the connection that is open

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            request.read()
            tickets = self._login.tickets(request.url.host)
            for _ in range(ATTEMPTS):
                certificate = self._certificate(request)
                tied = None if certificate is None else binding(certificate)
                context, token = tickets.begin(tied, mutual=not self._proven)
                try:
                    response = self._lane.send(
                        request, "Negotiate", token, may_connect=not self._proven, only_to=certificate
                    )
                    return self._heard(request, response, context)
                except Dropped:
                    self._proven = False
                except httpx2.TransportError:
                    self._proven = False
                    raise
            raise NotSent("each new connection to GP shows another certificate")

    @property
    def server_proven(self) -> bool:
        return self._proven

    def close(self) -> None:
        self._lane.close()

    def _certificate(self, request: httpx2.Request) -> bytes | None:
        """What the login is to be tied to: the newest connection's certificate; before the first, of one made for it."""
        if request.url.scheme != "https" or not self._login.channel_binding:
            return None
        if self._lane.certificate is None:
            try:
                self._lane.send(httpx2.Request("GET", request.url, extensions=request.extensions))
            except NotSent:
                raise
            except httpx2.TransportError as error:
                raise NotSent(f"the connection was cut off before the login: {error}") from error
        return self._lane.certificate

    def _heard(self, request: httpx2.Request, response: httpx2.Response, context: Handshake) -> httpx2.Response:
        """The answer, once it is certain whose it is."""
        if self._proven and response.status_code != 401:
            return response
        try:
            token, offered = offers(response, "negotiate")
            if response.status_code == 401:
                raise self._turned_away(request.url.host, response, token, offered, context)
            if token:
                context.step(token)
        except (Unwilling, ValueError):
            raise self._unproven(request) from None
        self._proven = context.complete
        if not self._proven and response.status_code < 400:
            raise self._unproven(request)
        return response

    def _turned_away(
        self, host: str, response: httpx2.Response, token: bytes | None, offered: str, context: Handshake
    ) -> Interrupted:
        """Why the server did not let our ticket in, as far as it can be told from here."""
        if token is None:
            return Interrupted(errors.scheme_not_offered("negotiate", offered))
        if token:
            try:
                context.step(token)
            except Unwilling as error:
                return Interrupted(self._login.tickets(host).refused(error))
        apart = _seconds_apart(response.headers.get("date", ""))
        if apart > SKEW:
            says = f"the clock of the GP server and ours are {apart / 60:.0f} minutes apart, and it refuses our ticket"
            return Interrupted(errors.clock(says))
        return Interrupted(errors.ticket_refused(self._login.service(host)))

    def _unproven(self, request: httpx2.Request) -> Exception:
        """A read is stopped. A write has left: whether it was done by the server or by somebody else is in doubt."""
        if request.method in READS:
            return Interrupted(errors.server_unproven(f"{request.url.scheme}://{request.url.netloc.decode()}"))
        return httpx2.RemoteProtocolError("what answered did not prove that it is the GP server", request=request)


class Lanes(httpx2.BaseTransport):
    """Several lanes to one server: as many requests at a time as there are lanes."""

    def __init__(self, login: Login, count: int, verify: ssl.SSLContext) -> None:
        kind = NtlmLane if login.scheme is Scheme.NTLM else NegotiateLane
        self.login = login
        self._lanes: list[NtlmLane | NegotiateLane] = [kind(login, verify) for _ in range(count)]
        self._idle: LifoQueue[NtlmLane | NegotiateLane] = LifoQueue()
        for lane in self._lanes:
            self._idle.put(lane)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        lane = self._idle.get()
        try:
            return lane.handle_request(request)
        finally:
            self._idle.put(lane)

    @property
    def server_proven(self) -> bool:
        """Whether the server has proved itself, on a connection that is open; NTLM knows no such proof."""
        return any(isinstance(lane, NegotiateLane) and lane.server_proven for lane in self._lanes)

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()
        self.login.close()


def transport(access: Access) -> Lanes:
    """The way to a GP server for everything that speaks HTTP to it. Raises Interrupted where the CA bundle cannot be read."""
    return Lanes(Login.of(access), access.lanes, access.tls())


def _seconds_apart(date: str) -> float:
    """How far an answer's Date header is from our clock; 0 where it says nothing."""
    try:
        return abs((datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
