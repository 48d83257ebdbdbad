"""One TCP connection to a GP server, and what is certain about what left on it.

httpx2.TransportError
└── NotSent        GP has certainly not seen the request, or refused it at the door: it did nothing
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping

import httpx2
from cryptography import x509
from cryptography.hazmat.primitives import hashes

KEEP_ALIVE = 55.0  # seconds; IIS keeps an idle connection for 120
WEAK = ("md5", "sha1")


class NotSent(httpx2.TransportError):
    """GP has certainly not taken the request: not a byte of it left, or it was turned away before it was read."""


class Dropped(Exception):
    """The connection that a request was meant for is gone, noticed before a byte of the request left."""


class Lane:
    """At most one connection at a time; answers are read to their end before they are given."""

    def __init__(self, verify: ssl.SSLContext) -> None:
        self._wire = httpx2.HTTPTransport(
            verify=verify,
            trust_env=False,
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE),
        )
        self.certificate: bytes | None = None  # the server's, as DER, on the newest connection over TLS

    def close(self) -> None:
        self._wire.close()

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
        left = False

        def watch(event: str, told: Mapping[str, object]) -> None:
            nonlocal left
            match event:
                case "connection.connect_tcp.started":
                    if not may_connect:
                        raise Dropped
                case "connection.start_tls.complete":
                    self.certificate = _certificate(told.get("return_value"))
                    if only_to is not None and self.certificate != only_to:
                        raise Dropped
                case "http11.send_request_headers.started":
                    left = True

        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"authorization"]
        if token is not None:
            headers.append((b"Authorization", scheme.encode() + b" " + base64.b64encode(token)))
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


def _certificate(stream: object) -> bytes | None:
    socket = stream.get_extra_info("socket") if hasattr(stream, "get_extra_info") else None
    return socket.getpeercert(True) if isinstance(socket, ssl.SSLSocket) else None
