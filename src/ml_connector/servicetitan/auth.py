"""Signing in: OAuth 2.0 client credentials, and one token that all threads of a client share.

ServiceTitan gives tokens of 900 s and no refresh token, and throttles its token endpoint (developer documentation,
OAuth 2.0), so a token is kept until shortly before its end and asked for by one thread at a time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
import msgspec

from ml_connector.servicetitan import errors
from ml_connector.servicetitan.errors import Trouble
from ml_connector.servicetitan.pacing import Patience

EARLY = 60.0  # seconds before its end that a token is replaced; half its life when that is short
USUAL_LIFE = 900.0


def unheard(answer: str, seconds: float) -> None:
    """Who listens to each request is told its answer, a status or "lost", and how many seconds it took."""


@dataclass(frozen=True, slots=True)
class Access:
    """What opens one tenant. Its text shows no secret."""

    tenant_id: int
    client_id: str
    client_secret: str = field(repr=False)
    app_key: str = field(repr=False)
    api_url: str = "https://api.servicetitan.io"
    auth_url: str = "https://auth.servicetitan.io"  # with or without /connect/token
    heard: Callable[[str, float], None] = field(default=unheard, repr=False, compare=False)  # as `unheard` says

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.client_secret, self.app_key

    def timed(self, send: Callable[[], httpx2.Response]) -> httpx2.Response:
        """What `send` brings; whoever listens is told how it ended and how long that took."""
        answer, started = "lost", time.monotonic()
        try:
            response = send()
            answer = str(response.status_code)
            return response
        finally:
            self.heard(answer, time.monotonic() - started)

    @property
    def token_url(self) -> str:
        return self.auth_url.rstrip("/").removesuffix("/connect/token") + "/connect/token"


@dataclass(frozen=True, slots=True)
class Token:
    value: str = field(repr=False)
    stale_at: float  # on the monotonic clock


class _Answer(msgspec.Struct):
    access_token: str
    expires_in: float | None = None


_ANSWER = msgspec.json.Decoder(_Answer, strict=False)


class Tokens:
    """The token of the moment. Safe to use from many threads."""

    def __init__(self, access: Access, http: httpx2.Client, patience: Patience, counted: Callable[[], None]) -> None:
        self._access, self._http, self._patience, self._counted = access, http, patience, counted
        self._where = f"ServiceTitan tenant {access.tenant_id}, sign-in"
        self._token: Token | None = None
        self._lock = threading.Lock()

    def current(self) -> Token:
        """A token that is not about to end; `Interrupted` when none is to be had."""
        with self._lock:
            if self._token is None or time.monotonic() >= self._token.stale_at:
                self._token = self._patience.ask(self._ask)
            return self._token

    def refused(self, token: Token) -> None:
        """ServiceTitan refuses this token: forget it, unless another thread has done so already."""
        with self._lock:
            if self._token is token:
                self._token = None

    def _ask(self) -> Token | Trouble:
        asked_at = time.monotonic()
        self._counted()
        try:
            answer = self._access.timed(self._post)
        except (httpx2.HTTPError, httpx2.InvalidURL) as broken:
            return errors.unreachable(self._where, broken)
        if answer.status_code != 200:
            return errors.sign_in_refusal(self._where, answer)
        try:
            given = _ANSWER.decode(answer.content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return errors.unintelligible(self._where, "no access token in it")
        life = USUAL_LIFE if given.expires_in is None else given.expires_in
        return Token(given.access_token, asked_at + life - min(EARLY, life / 2))

    def _post(self) -> httpx2.Response:
        access = self._access
        return self._http.post(
            access.token_url,
            data={
                "grant_type": "client_credentials",
                "client_id": access.client_id,
                "client_secret": access.client_secret,
            },
        )
