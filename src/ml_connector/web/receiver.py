"""ServiceTitan's webhooks: read within a limit, judged, made durable, answered.

A webhook is a wake-up call, never the data: nothing in it is believed but that it came. Every answer but 2xx has
ServiceTitan send it again, four times, the last after 300 s; what is lost after that, the next sweep finds by itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime
from enum import Enum

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ml_connector.findings import Interrupted
from ml_connector.runtime import metrics
from ml_connector.runtime.webhooks import Door, Doors
from ml_connector.store.database import utc_now
from ml_connector.store.deliveries import Arrival
from ml_connector.web.inbox import Inbox
from ml_connector.web.sparingly import Sparingly

BODY_SECONDS = 10.0  # for the whole body to come
LEDGER_SECONDS = 5.0  # for the ledger; after that the sender is asked to come again, though it may be kept by then

log = logging.getLogger(__name__)


class Answer(Enum):
    """What the sender is told: a status and nothing else, so that a forger learns nothing."""

    KEPT = 200
    REFUSED = 401  # also where there is no such connection
    TOO_SLOW = 408
    TOO_LARGE = 413
    UNAVAILABLE = 503

    @property
    def word(self) -> str:
        return self.name.lower()


class Receiver:
    """One for all connections. `now` is the clock that stamps what arrives."""

    def __init__(
        self,
        doors: Doors,
        inbox: Inbox,
        now: Callable[[], datetime] = utc_now,
        body_seconds: float = BODY_SECONDS,
        ledger_seconds: float = LEDGER_SECONDS,
    ) -> None:
        self._doors, self._inbox, self._now = doors, inbox, now
        self._body_seconds, self._ledger_seconds = body_seconds, ledger_seconds
        self._seldom = Sparingly(60.0)

    async def receive(self, request: Request) -> Response:
        started = time.perf_counter()
        name = request.path_params["connection"]
        connection = ""
        try:
            door = await self._door(name)
            connection = door.connection
            answer = await self._answer(request, door)
        except ClientDisconnect:
            metrics.delivered(connection, "cut_off", time.perf_counter() - started)
            return Response(status_code=400)  # nobody is there to read it
        except Interrupted as fault:
            answer = Answer.UNAVAILABLE
            it = fault.finding
            self._say("webhooks are not taken", "", {"code": it.code, "says": it.says, "remedy": it.remedy})
        except TimeoutError:
            answer = Answer.UNAVAILABLE
            self._say("the ledger keeps a webhook waiting", "", {"seconds": self._ledger_seconds})
        metrics.delivered(connection, answer.word, time.perf_counter() - started)
        # What was not read to its end would be taken for the next request.
        closing = answer not in (Answer.KEPT, Answer.REFUSED)
        return Response(status_code=answer.value, headers={"Connection": "close"} if closing else None)

    async def _door(self, name: str) -> Door:
        door = self._doors.at_hand(name)
        if door is None:
            async with asyncio.timeout(self._ledger_seconds):
                door = await asyncio.to_thread(self._doors.find, name)
        return door

    async def _answer(self, request: Request, door: Door) -> Answer:
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await _body(request, door.max_bytes)
        except TimeoutError:
            return Answer.TOO_SLOW
        if body is None:
            self._say("a webhook is too large", door.connection, {"limit": door.max_bytes})
            return Answer.TOO_LARGE
        reason = door.refuses(request.headers.getlist(door.form.header), body)
        if reason:
            # The names of its headers, for ServiceTitan's pages do not say which of them holds the signature.
            headers = sorted({name[:60] for name in request.headers})[:30]
            self._say("a webhook is refused", door.connection, {"reason": reason, "headers": headers})
            return Answer.REFUSED
        arrival = Arrival(door.connection_id, body, self._now())
        async with asyncio.timeout(self._ledger_seconds):
            kept = await asyncio.wrap_future(self._inbox.give(arrival))
        return Answer.KEPT if kept else Answer.UNAVAILABLE

    def _say(self, what: str, connection: str, more: dict[str, object]) -> None:
        """Once a minute for each connection, with how often it was since; a forger does not fill the disk."""
        times = self._seldom.times(f"{what} {connection}")
        if times:
            log.warning(what, extra={"connection": connection, "times": times, **more})


async def _body(request: Request, limit: int) -> bytes | None:
    """The whole body; None, with the rest unread, where it is longer than that, whatever its header says."""
    said = request.headers.get("content-length", "0")
    if said.isdigit() and int(said) > limit:
        return None
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)
