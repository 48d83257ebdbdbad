"""Windows Authentication over HTTP, one TCP connection a lane.

NTLM signs in a connection, not a request (Microsoft, [MS-NTHT]): three legs, and from then on every request of that
connection is ours. So a lane is exactly one connection, and its rules are those of somebody who must not write twice:

- A write never opens a connection. The first leg of a sign-in is a GET without a body; the write travels on the
  last leg, once, on the connection that the first one opened.
- A signed-in connection that the server has dropped is noticed before the first byte of a request leaves: the request
  is stopped, the lane signs in again, and nothing was sent twice.
- Once a byte has left, the request is never repeated, whatever comes.
- A password that was refused once is never tried again by the same login, so that we lock nobody out.

    httpx2.TransportError
    └── NotSent        GP has certainly not seen the request, or refused it at the door: it did nothing
    findings.Interrupted
    ├── gp.credentials GP refuses the name or the password
    └── gp.scheme      GP does not take the kind of login that is configured
"""

from __future__ import annotations

import base64
import contextlib
import ssl
import struct
import threading
from collections.abc import Iterator
from queue import LifoQueue

import httpx2
import spnego
from spnego.exceptions import SpnegoError

from ml_connector.findings import Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Scheme, Secret

READS = frozenset({"GET", "HEAD"})
ATTEMPTS = 3  # at signing in before a byte of the request has left
KEEP_ALIVE = 55.0  # seconds; IIS keeps an idle connection for 120


class NotSent(httpx2.TransportError):
    """GP has certainly not taken the request: not a byte of it left, or it was turned away before it was read."""


class _Dropped(Exception):
    """The signed-in connection is gone, noticed before anything was sent."""


class Login:
    """A Windows account, and what its password has been found to be worth. Shared by the lanes of one server."""

    def __init__(self, username: str, password: Secret, scheme: Scheme = Scheme.NTLM) -> None:
        self.username = username
        self.scheme = scheme
        self._password = password
        self._refused = False
        self._proven = False
        self._first = threading.Lock()

    def __repr__(self) -> str:
        return f"Login({self.username}, {self.scheme.value})"

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        """While the password is unproven only one lane tries it, so that a wrong one costs one attempt in all."""
        with contextlib.nullcontext() if self._proven else self._first:
            if self._refused:
                raise Interrupted(errors.credentials(self.username, again=True))
            yield

    def context(self, host: str) -> spnego.ContextProxy:
        if self.scheme is not Scheme.NTLM:
            raise Interrupted(errors.scheme_not_built(self.scheme.value))
        return spnego.client(self.username, self._password.reveal(), hostname=host, service="HTTP", protocol="ntlm")

    def prove(self) -> None:
        self._proven = True

    def refuse(self) -> Interrupted:
        self._refused = True
        return Interrupted(errors.credentials(self.username, again=False))


class LaneTransport(httpx2.BaseTransport):
    """One connection, signed in. Takes one request at a time; answers are read to their end before they are given."""

    def __init__(self, login: Login, verify: ssl.SSLContext) -> None:
        self._login = login
        self._wire = httpx2.HTTPTransport(
            verify=verify,
            trust_env=False,
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE),
        )
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
                except _Dropped:
                    self._signed_in = False
                except httpx2.TransportError:
                    self._signed_in = False
                    raise
            raise NotSent("GP closes the connection before the login is done")

    def close(self) -> None:
        self._wire.close()

    def _on_signed_in(self, request: httpx2.Request) -> httpx2.Response:
        response = self._send(request, None, may_connect=False)
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
        with self._login.attempt():
            context = self._login.context(request.url.host)
            opening = request if is_read else httpx2.Request("GET", request.url, extensions=request.extensions)
            try:
                response = self._send(opening, context.step(), may_connect=True)
            except NotSent:
                raise
            except httpx2.TransportError as error:
                raise NotSent(f"the login was cut off: {error}") from error
            if response.status_code != 401:
                return response if is_read else self._unasked(request, response)
            token = self._token(context, response)
            response = self._send(request, token, may_connect=False)
            if response.status_code == 401:
                raise self._login.refuse()
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
        response = self._send(request, None, may_connect=False)
        if response.status_code == 401:
            raise NotSent("GP asked for a login after it had let us in without one")
        return response

    def _token(self, context: spnego.ContextProxy, response: httpx2.Response) -> bytes:
        """Our last word in the login, made from the server's challenge."""
        offers = response.headers.get_list("www-authenticate", split_commas=True)
        words = [offer.strip().partition(" ") for offer in offers]
        challenge = next((token for scheme, _, token in words if scheme.lower() == "ntlm" and token), "")
        if not challenge:
            offered = ", ".join(sorted({scheme for scheme, _, _ in words if scheme}))
            raise Interrupted(errors.scheme_not_offered(offered or "none"))
        try:
            return context.step(base64.b64decode(challenge, validate=True)) or b""
        except (SpnegoError, ValueError, LookupError, struct.error):  # what reading foreign bytes can end in
            raise Interrupted(errors.scheme_not_offered("NTLM, in a form that we do not understand")) from None

    def _send(self, request: httpx2.Request, token: bytes | None, *, may_connect: bool) -> httpx2.Response:
        """One leg. Raises NotSent where nothing left, and _Dropped where it would have needed a new connection."""
        left = False

        def watch(event: str, _: object) -> None:
            nonlocal left
            if event == "connection.connect_tcp.started" and not may_connect:
                raise _Dropped
            left = left or event == "http11.send_request_headers.started"

        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"authorization"]
        if token is not None:
            headers.append((b"Authorization", b"NTLM " + base64.b64encode(token)))
        leg = httpx2.Request(
            request.method,
            request.url,
            headers=headers,
            content=request.content or None,
            extensions={**request.extensions, "trace": watch},
        )
        try:
            response = self._wire.handle_request(leg)
            response.read()
        except httpx2.TransportError as error:
            if not left:
                raise NotSent(str(error) or type(error).__name__) from error
            raise
        except UnicodeError as error:  # the resolver's word for a host name that can be none
            raise NotSent(f"'{request.url.host}' is no host name") from error
        return response


class Lanes(httpx2.BaseTransport):
    """Several lanes to one server: as many requests at a time as there are lanes."""

    def __init__(self, login: Login, count: int, verify: ssl.SSLContext) -> None:
        self._lanes = [LaneTransport(login, verify) for _ in range(count)]
        self._idle: LifoQueue[LaneTransport] = LifoQueue()
        for lane in self._lanes:
            self._idle.put(lane)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        lane = self._idle.get()
        try:
            return lane.handle_request(request)
        finally:
            self._idle.put(lane)

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()
