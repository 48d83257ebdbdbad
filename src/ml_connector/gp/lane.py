"""One TCP connection to a GP server, and what is certain about what left on it.

httpx2.TransportError
└── NotSent        GP has certainly not seen the request, or refused it at the door: it did nothing
"""

from __future__ import annotations

import base64
import ssl
from functools import lru_cache

import httpcore2
import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes

KEEP_ALIVE = 55.0  # seconds; IIS keeps an idle connection for 120
PORTS = {"http": 80, "https": 443}
WEAK = ("md5", "sha1")
BROKEN = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)


class NotSent(httpx2.TransportError):
    """GP has certainly not taken the request: not a byte of it left, or it was turned away before it was read."""


class Dropped(Exception):
    """The connection that a request was meant for is gone, noticed before a byte of the request left."""


class Lane:
    """At most one connection at a time, one request at a time; answers are read to their end before they are given."""

    def __init__(self, verify: ssl.SSLContext) -> None:
        verify.set_alpn_protocols(["http/1.1"])
        self._tls = verify
        self._network = httpcore2.SyncBackend()
        self._origin: tuple[str, str, int] | None = None  # of the connection: scheme, host, port
        self._connection: httpcore2.HTTP11Connection | None = None
        self.certificate: bytes | None = None  # the server's, as DER, on the newest connection over TLS

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def send(
        self,
        request: httpx2.Request,
        scheme: str = "",
        token: bytes | None = None,
        *,
        may_connect: bool = True,
        only_to: bytes | None = None,
    ) -> httpx2.Response:
        """One leg, with a token of the login or without.

        Raises NotSent where nothing left; Dropped where it would have needed a new connection and may not open one, or
        where the new connection's certificate is not `only_to`.
        """
        url = request.url
        headers = [pair for pair in request.headers.raw if pair[0].lower() != b"authorization"]
        if token is not None:
            headers.append((b"Authorization", scheme.encode() + b" " + base64.b64encode(token)))
        leg = httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=headers,
            content=request.content or None,
            extensions=request.extensions,
        )
        connection = self._open(url) or self._connect(leg, url, may_connect)
        if only_to is not None and self.certificate != only_to:
            raise Dropped
        try:
            answer = connection.handle_request(leg)
            try:
                content = answer.read()
            finally:
                answer.close()
        except BROKEN as error:
            raise _named(error)(str(error)) from error
        stream = httpx2.ByteStream(content)
        response = httpx2.Response(answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions)
        response.read()
        return response

    def _open(self, url: httpx2.URL) -> httpcore2.HTTP11Connection | None:
        """The connection, if it leads there and stands: one that the server has closed is noticed here."""
        it = self._connection
        if it is not None and (not it.is_available() or it.has_expired() or self._origin != _origin(url)):
            self.close()
        return self._connection

    def _connect(self, leg: httpcore2.Request, url: httpx2.URL, may_connect: bool) -> httpcore2.HTTP11Connection:
        if not may_connect:
            raise Dropped
        scheme, host, port = self._origin = _origin(url)
        patience = leg.extensions.get("timeout", {}).get("connect")
        try:
            stream = self._network.connect_tcp(host, port, timeout=patience)
            if scheme == "https":
                stream = stream.start_tls(self._tls, server_hostname=host, timeout=patience)
                self.certificate = _certificate(stream)
        except BROKEN as error:
            raise NotSent(str(error) or type(error).__name__) from error
        except UnicodeError as error:  # the resolver's word for a host name that can be none
            raise NotSent(f"'{url.host}' is no host name") from error
        self._connection = httpcore2.HTTP11Connection(leg.url.origin, stream, keepalive_expiry=KEEP_ALIVE)
        return self._connection


@lru_cache(maxsize=64)
def binding(certificate: bytes) -> bytes:
    """What ties a login to the TLS connection that it travels on: the hash of the server's certificate.

    RFC 5929, section 4 (tls-server-end-point): by the hash of the certificate's own signature, but SHA-256 in place of
    MD5 and SHA-1; where the signature has no hash of its own the RFC is silent, and SHA-256 is taken too.
    """
    kind = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    digest = hashes.Hash(hashes.SHA256() if kind is None or kind.name in WEAK else kind)
    digest.update(certificate)
    return b"tls-server-end-point:" + digest.finalize()


def offers(response: httpx2.Response, scheme: str) -> tuple[bytes | None, str]:
    """The token that a server's answer brings for this scheme (None: the scheme is not named; empty: named, without
    one), and all the schemes that it names, for a person. Raises ValueError where the token is no base64."""
    words = [it.strip().partition(" ") for it in response.headers.get_list("www-authenticate", split_commas=True)]
    named = [token.strip() for name, _, token in words if name.lower() == scheme.lower()]
    listed = ", ".join(sorted({name for name, _, _ in words if name})) or "none"
    return (base64.b64decode(max(named, key=len), validate=True) if named else None), listed


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.raw_host.decode("ascii"), url.port or PORTS[url.scheme]


def _certificate(stream: httpcore2.NetworkStream) -> bytes | None:
    socket = stream.get_extra_info("socket")
    return socket.getpeercert(True) if isinstance(socket, ssl.SSLSocket) else None


def _named(error: Exception) -> type[httpx2.TransportError]:
    """What httpx2 calls it: its exceptions have the names of those of the core below it."""
    named: type[httpx2.TransportError] = getattr(httpx2, type(error).__name__, httpx2.TransportError)
    return named
