"""/metrics: what stands in the ledger, read when it is asked for, and what happened in this process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response

from ml_connector.docket.figures import DocumentFigure, Figures
from ml_connector.findings import Interrupted
from ml_connector.runtime.metrics import EVENTS
from ml_connector.runtime.pulse import Pulse
from ml_connector.web.guard import Guard


class Metrics:
    def __init__(self, pulse: Pulse, guard: Guard) -> None:
        self._pulse, self._guard = pulse, guard

    def show(self, request: Request) -> Response:
        if not self._guard.lets_in(request):
            return self._guard.refusal()
        standing = CollectorRegistry()
        standing.register(_Standing(self._pulse))
        body = generate_latest(standing) + generate_latest(EVENTS)
        return Response(body, headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST)


class _Standing:
    """Everything that is so at this moment. Where the ledger cannot be read, that is told and the rest is left out."""

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        yield _gauge("build_info", "The version that runs.", ("version",), [(version("ml-connector"), 1)])
        engine = self._pulse.engine
        if engine:
            yield _gauge("engine_up", "Whether the engine of this process lives.", (), [(engine.alive(),)])
        try:
            figures = self._pulse.figures()
            beats = engine.heartbeats() if engine else {}
        except Interrupted:
            yield _gauge("ledger_up", "Whether the ledger can be read.", (), [(0,)])
            return
        yield _gauge("ledger_up", "Whether the ledger can be read.", (), [(1,)])
        yield _gauge("worker_heartbeat_age_seconds", "Since a worker was last heard of.", ("worker",), beats.items())
        yield _gauge("ledger_bytes", "The ledger on the disk.", (), [(figures.ledger_bytes,)])
        yield from _of_documents(figures.documents)
        yield from _of_connections(figures)


def _gauge(name: str, says: str, labels: Sequence[str], rows: Iterable[Sequence[str | float]]) -> Metric:
    """A row is the labels, in their order, and the figure."""
    family = GaugeMetricFamily(f"ml_connector_{name}", says, labels=labels)
    for *values, figure in rows:
        family.add_metric([str(it) for it in values], float(figure))
    return family


def _of_documents(documents: Sequence[DocumentFigure]) -> Iterable[Metric]:
    rows = [((it.connection, it.company, it.stage, it.total.currency.value), it) for it in documents]
    by = ("connection", "company", "stage", "currency")
    yield _gauge("documents", "Documents that something is to follow.", by, ((*key, it.count) for key, it in rows))
    yield _gauge(
        "documents_amount", "Their amount, credits negative.", by, ((*key, float(it.total.amount)) for key, it in rows)
    )
    doubt = ((*key[:2], it.since.timestamp()) for key, it in rows if it.stage == "in_doubt")
    yield _gauge("oldest_in_doubt_timestamp_seconds", "Since when a document is in doubt.", by[:2], doubt)
    days = ((*key[:2], _midnight(it.posting)) for key, it in rows if it.stage == "entered")
    yield _gauge("oldest_unposted_timestamp_seconds", "The oldest posting date that GP has not posted.", by[:2], days)


def _of_connections(figures: Figures) -> Iterable[Metric]:
    known, one = figures.connections, ("connection",)
    runs = ((it.name, *_outcome(text), n) for it in known for text, n in it.runs.items())
    yield _gauge("runs", "Runs begun in the last 24 hours.", ("connection", "outcome", "code"), runs)
    dockets = ((it.name, stage, n) for it in known for stage, n in it.dockets.items())
    yield _gauge("dockets", "Dockets opened, held or waiting, without a document.", ("connection", "stage"), dockets)
    ended = ((it.name, stage, n) for it in known for stage, n in it.ended.items())
    yield _gauge("documents_ended", "Documents posted, or closed by hand.", ("connection", "stage"), ended)
    success = ((it.name, it.last_success.timestamp()) for it in known if it.last_success)
    yield _gauge("last_success_timestamp_seconds", "When a run, not a dry one, last finished.", one, success)
    running = ((it.name, it.running_since is not None) for it in known)
    yield _gauge("running", "Whether a run goes on, or has died.", one, running)
    lag = ((it.name, max(0.0, (figures.at - it.next_run).total_seconds())) for it in known if it.next_run)
    yield _gauge("schedule_lag_seconds", "How late the next scheduled run is.", one, lag)
    waiting = ((it.name, it.deliveries) for it in known)
    yield _gauge("deliveries_waiting", "Webhooks that no run was asked for yet.", one, waiting)
    oldest = ((it.name, it.oldest_delivery.timestamp()) for it in known if it.oldest_delivery)
    yield _gauge("oldest_delivery_timestamp_seconds", "When the first of these came.", one, oldest)


def _outcome(text: str) -> tuple[str, str]:
    word, _, code = text.partition(": ")
    return word, code


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), UTC).timestamp()
