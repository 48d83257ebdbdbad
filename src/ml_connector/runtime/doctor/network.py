"""The way to a server, step by step: its name, its port, its certificate, its clock.

One connection, made by hand: a client of either system only says that it did not come through. Nothing is signed in, and
what is asked is asked by nobody: GET, without a credential. What is seen is judged by `judging.network`.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from cryptography import x509
from cryptography.x509.oid import NameOID

from ml_connector.runtime.doctor.judging import network as judge
from ml_connector.runtime.doctor.judging.network import Certificate, Server
from ml_connector.runtime.doctor.lines import CannotTry, Seen, Step
from ml_connector.runtime.settings import LOOPBACK

PATIENCE = 10.0  # seconds, for a connection and for each answer
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    host: str
    port: int
    headers: Mapping[str, str] = field(repr=False)


class Visit:
    """One visit to the server of an address. `tls` makes the context by which its client judges the certificate;
    `now` is our clock, with a zone."""

    def __init__(
        self, server: Server, url: str, tls: Callable[[], ssl.SSLContext], now: Callable[[], datetime], direct: bool
    ) -> None:
        parts = urlsplit(url)
        self.server = server
        self.host, self.secure = parts.hostname or "", parts.scheme == "https"
        self.port = parts.port or PORTS.get(parts.scheme, 80)
        self._path = parts.path or "/"
        self._tls, self._now = tls, now
        self._proxy = None if direct else _proxy_of(parts.scheme, self.host)
        self._addresses: list[str] = []
        self._socket: socket.socket | None = None
        self._answer: http.client.HTTPResponse | None = None
        self._asked = now()
        self.apart: float | None = None  # seconds that the server's clock is before ours

    def steps(self) -> list[Step]:
        return [
            Step("host name", self.name, opens=True),
            Step("port", self.connect, opens=True),
            Step("certificate", self.certificate, opens=True),
            Step("answer", self.answer, opens=True),
            Step("clock", self.clock),
        ]

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()

    @property
    def offers(self) -> tuple[str, ...] | None:
        """The kinds of login that the server names; none where it asks for none; None where it did not answer."""
        if self._answer is None:
            return None
        told = self._answer.headers.get_all("www-authenticate") or []
        words = [word.split()[0] for header in told for word in header.split(",") if word.split()]
        return tuple(dict.fromkeys(words)) if self._answer.status == 401 else ()

    # Step by step

    def name(self) -> Seen:
        host = self._proxy.host if self._proxy else self.host
        try:
            found = socket.getaddrinfo(host, self._near_port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            return [judge.unknown_host(self.server, host, self._by_proxy, _words(error))]
        self._addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        return f"{host} is {', '.join(self._addresses)}" + (" (the proxy)" if self._proxy else "")

    def connect(self) -> Seen:
        """The first of the addresses that takes the connection; a proxy has to pass it on."""
        heard = []
        for address in self._addresses:
            try:
                self._socket = self._open(address)
            except (OSError, http.client.HTTPException) as error:
                heard.append(f"{address} port {self._near_port}: {_words(error)}")
            else:
                return f"{address} takes connections on port {self._near_port}"
        return [judge.no_connection(self.server, "; ".join(heard), self._by_proxy)]

    def certificate(self) -> Seen:
        if not self.secure:
            plain = judge.plain(self.host)
            return [plain] if plain else "none: plain HTTP, on this machine"
        context = self._tls()
        assert self._socket is not None, "the port comes first"
        try:
            shown = _secured(self._socket, context, self.host)
        except ssl.SSLCertVerificationError as error:
            certificate = self._unjudged()
            return [judge.refused(self.server, self.host, certificate, error.verify_code, error.verify_message)]
        except (OSError, http.client.HTTPException) as error:
            return [judge.no_tls(self.server, self.host, _words(error))]
        self._socket = shown
        found = _certificate(shown)
        if context.verify_mode is ssl.CERT_NONE:
            return [judge.unverified(self.host)]
        ends = judge.ends(self.server, found, self._now())
        return [ends] if ends else judge.good(found, self._now())

    def answer(self) -> Seen:
        """One GET without a credential."""
        link = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        link.sock, asked = self._socket, self._now()
        try:
            link.request("GET", self._path, headers={"User-Agent": "ml-connector", "Connection": "close"})
            self._answer = link.getresponse()
        except (OSError, http.client.HTTPException) as error:
            return [judge.no_answer(self.server, self.host, _words(error))]
        self._asked = asked + (self._now() - asked) / 2
        return f"HTTP {self._answer.status} to somebody without a login"

    def clock(self) -> Seen:
        """What the server's Date header says, against ours at the middle of the question."""
        told = self._answer.headers.get("date", "") if self._answer else ""
        try:
            theirs = parsedate_to_datetime(told)
        except (TypeError, ValueError):
            raise CannotTry("the server does not tell its time") from None
        self.apart = (theirs - self._asked).total_seconds()
        finding = judge.clock(self.server, self.apart)
        return [finding] if finding else judge.told_apart(self.apart)

    # How it is done

    @property
    def _near_port(self) -> int:
        return self._proxy.port if self._proxy else self.port

    @property
    def _by_proxy(self) -> str:
        return f"{self._proxy.host}:{self._proxy.port}" if self._proxy else ""

    def _open(self, address: str) -> socket.socket:
        if not self._proxy:
            return socket.create_connection((address, self.port), PATIENCE)
        tunnel = http.client.HTTPConnection(address, self._proxy.port, timeout=PATIENCE)
        tunnel.set_tunnel(self.host, self.port, dict(self._proxy.headers))
        tunnel.connect()
        return tunnel.sock

    def _unjudged(self) -> Certificate | None:
        """What the server shows, on a connection of its own that nothing is said on; for the words of a finding."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        wrong = contextlib.suppress(OSError, ValueError, http.client.HTTPException)
        with wrong, contextlib.closing(_secured(self._open(self._addresses[0]), context, self.host)) as shown:
            return _certificate(shown)
        return None


def _secured(plain: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    return context.wrap_socket(plain, server_hostname=host)


def _certificate(secured: ssl.SSLSocket) -> Certificate:
    shown = x509.load_der_x509_certificate(secured.getpeercert(True) or b"")
    return Certificate(_names(shown), _common_name(shown.issuer), shown.not_valid_before_utc, shown.not_valid_after_utc)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (_common_name(certificate.subject),)
    return (
        *names.get_values_for_type(x509.DNSName),
        *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
    )


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def _proxy_of(scheme: str, host: str) -> Proxy | None:
    """The proxy that the environment names for this host, as the client of ServiceTitan uses it."""
    named = "" if host in LOOPBACK or proxy_bypass(host) else getproxies().get(scheme, "")
    parts = urlsplit(named if "//" in named else f"//{named}")
    if not parts.hostname:
        return None
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    basic = {"Proxy-Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}
    return Proxy(parts.hostname, parts.port or 80, basic)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE:g} seconds"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
