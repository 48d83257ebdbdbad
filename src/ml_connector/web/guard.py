"""Who may see figures: whoever has the token, or, where there is none, this machine alone."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import Response

SHORTEST_TOKEN = 16  # characters

_HERE = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
_OF_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")


class Guard:
    """`token` is what `Authorization: Bearer` must carry; "" lets in what comes from this machine, and through no proxy."""

    def __init__(self, token: str = "") -> None:
        self._token = token.encode()

    def lets_in(self, request: Request) -> bool:
        if self._token:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            return hmac.compare_digest(given.strip().encode(), self._token) and scheme.lower() == "bearer"
        here = request.client is not None and request.client.host in _HERE
        return here and not any(name in request.headers for name in _OF_PROXIES)

    def refusal(self) -> Response:
        return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
