"""Who may call the shop, and how often: client credentials, application key, scopes, calls in a second.

After ServiceTitan's pages on OAuth 2.0 client credentials, the application key and rate limits. The bodies of 401,
403 and 429 are not specified there; here they are plain text, so that nobody comes to rely on them.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from ml_connector.sandbox.serving import Request, Response, as_json


@dataclass(slots=True, kw_only=True)
class Gate:
    client_id: str
    client_secret: str
    app_key: str
    scopes: Collection[str]
    token_seconds: float
    calls_per_second: int
    clock: Callable[[], float]
    _tokens: dict[str, float] = field(default_factory=dict)  # token → the instant it expires, by `clock`
    _calls: deque[float] = field(default_factory=deque)

    def token(self, request: Request) -> Response:
        """Answer a token request: a new token for the right client, else 400 with the OAuth error."""
        if request.method != "POST":
            return plain(405, "Method Not Allowed")
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return as_json({"error": "invalid_request"}, 400)
        form = {name: values[0] for name, values in parse_qs(request.body.decode(errors="replace")).items()}
        if form.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return as_json({"error": "invalid_client"}, 400)
        token = ".".join(secrets.token_urlsafe(24) for _ in range(3))
        self._tokens[token] = self.clock() + self.token_seconds
        scope = " ".join(sorted(self.scopes))
        return as_json(
            {"access_token": token, "expires_in": int(self.token_seconds), "token_type": "Bearer", "scope": scope}
        )

    def refusal(self, request: Request, scope: str | None) -> Response | None:
        """Why this call is refused, if it is: 401 for token or key, 403 for the scope, 429 for too many calls."""
        if self.clock() >= self._tokens.get(bearer(request), float("-inf")):
            return plain(401, "Unauthorized")
        if request.headers.get("st-app-key") != self.app_key:
            return plain(401, "Invalid ST-App-Key")
        if scope is not None and scope not in self.scopes:
            return plain(403, "Forbidden")
        return self._too_many()

    def revoke(self, request: Request) -> None:
        self._tokens.pop(bearer(request), None)

    def revoke_all(self) -> None:
        self._tokens.clear()

    def _too_many(self) -> Response | None:
        now = self.clock()
        while self._calls and now - self._calls[0] >= 1:
            self._calls.popleft()
        if len(self._calls) >= self.calls_per_second:
            return Response(429, b"Rate limit is exceeded.", (("Retry-After", "1"),), "text/plain")
        self._calls.append(now)
        return None


def bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def plain(status: int, text: str) -> Response:
    return Response(status, text.encode(), (), "text/plain")
