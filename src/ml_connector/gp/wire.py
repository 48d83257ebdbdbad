"""The wire to one GP server, whatever is spoken over it: signed in, counted, and patient with reads alone.

A read is asked again a few times when the wire breaks or the answer makes no sense. A write is sent once, ever: who
sends one calls `send` and judges what comes of it.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import httpx2

from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Access
from ml_connector.gp.windows_auth import transport

READS = 3  # times that a question is asked before its answer is given up
PAUSE = 0.3  # seconds before the second time; the third waits twice as long

T = TypeVar("T")


class Unintelligible(Exception):
    """An answer that is not what was agreed."""


class Unwell(Exception):
    """An answer that says nothing but that the server could not answer now."""


class Wire:
    """One server for one Windows account. Safe to use from several threads; as many requests travel at once as there
    are lanes. `place` is how findings name the server."""

    def __init__(self, access: Access, place: str, accept: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.access, self.place = access, place
        self._sleep = sleep
        self._calls = 0
        self._counting = threading.Lock()
        self.lanes = transport(access)
        self._client = httpx2.Client(
            transport=self.lanes,
            headers={"Accept": accept, "User-Agent": "ml-connector"},
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    @property
    def calls(self) -> int:
        """Requests sent so far; the legs of a login are not counted."""
        return self._calls

    def send(
        self, method: str, url: str, content: bytes, timeout: float, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """One request, sent once. Raises httpx2.TransportError, of which windows_auth.NotSent says that nothing left."""
        with self._counting:
            self._calls += 1
        patience = httpx2.Timeout(timeout, connect=self.access.connect_timeout)
        answer, started = "lost", time.monotonic()
        try:
            response = self._client.request(method, url, content=content or None, headers=headers, timeout=patience)
            answer = str(response.status_code)
            return response
        finally:
            self.access.heard(answer, time.monotonic() - started)

    def knock(self, url: str) -> None:
        """Sign in with a GET whose answer says nothing but that we are in. Raises Interrupted where we are not."""

        def ask() -> None:
            status = self.send("GET", url, b"", self.access.read_timeout).status_code
            if status >= 500:
                raise Unwell(f"it answers {status}")

        self.patiently(ask, lambda says: errors.answer(url, says))

    def patiently(self, ask: Callable[[], T], unclear: Callable[[str], Finding]) -> T:
        """The answer to a read, asked again where that may help. Raises Interrupted in the end; `unclear` says what an
        answer is called that made no sense every time."""
        given_up = errors.unreachable(self.place, "no answer")
        for attempt in range(READS):
            if attempt:
                self._sleep(PAUSE * attempt)
            try:
                return ask()
            except httpx2.TransportError as error:
                given_up = self.broken(error)
                if given_up.code == "gp.certificate":
                    break
            except Unwell as error:
                given_up = errors.unreachable(self.place, str(error))
            except Unintelligible as error:
                given_up = unclear(str(error))
        raise Interrupted(given_up)

    def broken(self, error: httpx2.TransportError) -> Finding:
        """What a broken wire is called: a certificate that is not accepted, or no answer."""
        step: BaseException | None = error
        while step is not None:
            if isinstance(step, ssl.SSLCertVerificationError):
                return errors.certificate(self.place, step.verify_message)
            step = step.__cause__ or step.__context__
        return errors.unreachable(self.place, cause(error))


def cause(error: Exception) -> str:
    return str(error) or type(error).__name__
