"""Is it alive, can it work, and how do the connections stand? No credential and nothing about a person is told."""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ml_connector.docket.figures import ConnectionFigure, DocumentFigure, Figures
from ml_connector.findings import Interrupted
from ml_connector.runtime.pulse import Pulse
from ml_connector.runtime.webhooks import Doors
from ml_connector.web.answers import as_json
from ml_connector.web.guard import Guard


class WebhookHealth(msgspec.Struct, frozen=True):
    state: str  # open; off: no key is named in the settings; shut: no key that is named can be used
    waiting: int
    oldest: datetime | None
    findings: tuple[str, ...]  # codes


class ConnectionHealth(msgspec.Struct, frozen=True):
    """Moments in UTC; counts of documents, and of dockets that are held before they have one."""

    name: str
    last_success: datetime | None
    silence_seconds: float | None  # since then; null: nothing has succeeded yet
    running_since: datetime | None
    next_run: datetime | None
    held: int
    waiting_for_approval: int
    in_doubt: int
    in_doubt_since: datetime | None
    unposted: int
    unposted_from: str | None  # the oldest posting date
    webhooks: WebhookHealth


class Health:
    def __init__(self, pulse: Pulse, doors: Doors, guard: Guard) -> None:
        self._pulse, self._doors, self._guard = pulse, doors, guard

    async def live(self, _request: Request) -> Response:
        """The process answers: no thread and no ledger is asked, so that nothing but its end can keep it from that."""
        return as_json({"status": "live"})

    def ready(self, _request: Request) -> Response:
        """Whether work can be done here; else 503, with the finding's code and nothing that a stranger could use."""
        trouble = self._pulse.trouble()
        return as_json({"status": trouble.code if trouble else "ready"}, 503 if trouble else 200)

    def whole(self, request: Request) -> Response:
        """How everything stands; 503 where no work can be done here."""
        if not self._guard.lets_in(request):
            return self._guard.refusal()
        trouble, engine = self._pulse.trouble(), self._pulse.engine
        told: dict[str, object] = {
            "status": "wrong" if trouble else "good",
            "finding": trouble,
            "version": version("ml-connector"),
            "engine": None,
        }
        try:
            if engine:
                told["engine"] = {"alive": engine.alive(), "heartbeat_seconds": dict(engine.heartbeats())}
            figures = self._pulse.figures()
            told |= {"at": figures.at, "ledger_bytes": figures.ledger_bytes}
            told["connections"] = [self._connection(it, figures) for it in figures.connections]
        except Interrupted as fault:
            told |= {"status": "wrong", "finding": fault.finding}
        return as_json(told, 503 if told["status"] == "wrong" else 200)

    def _connection(self, it: ConnectionFigure, figures: Figures) -> ConnectionHealth:
        mine = [document for document in figures.documents if document.connection == it.name]
        in_doubt, entered = _at(mine, "in_doubt"), _at(mine, "entered")
        return ConnectionHealth(
            name=it.name,
            last_success=it.last_success,
            silence_seconds=(figures.at - it.last_success).total_seconds() if it.last_success else None,
            running_since=it.running_since,
            next_run=it.next_run,
            held=it.dockets.get("held", 0) + _count(_at(mine, "held", "gone")),
            waiting_for_approval=_count(_at(mine, "planned")),
            in_doubt=_count(in_doubt),
            in_doubt_since=min((document.since for document in in_doubt), default=None),
            unposted=_count(entered),
            unposted_from=min((document.posting.isoformat() for document in entered), default=None),
            webhooks=self._webhooks(it),
        )

    def _webhooks(self, it: ConnectionFigure) -> WebhookHealth:
        door = self._doors.find(it.name)
        state = "open" if door.keys else "shut" if door.findings else "off"
        return WebhookHealth(state, it.deliveries, it.oldest_delivery, tuple(f.code for f in door.findings))


def _at(documents: list[DocumentFigure], *stages: str) -> list[DocumentFigure]:
    return [it for it in documents if it.stage in stages]


def _count(documents: list[DocumentFigure]) -> int:
    return sum(it.count for it in documents)
