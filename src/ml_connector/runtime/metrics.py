"""What happens in this process, counted for Prometheus.

What merely stands so (documents, money, ages) is not here: it is read from the ledger when somebody asks, so that every
process says the same.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]

EVENTS = CollectorRegistry()

_SECONDS_OF_A_CALL = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_SECONDS_OF_A_RUN = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_SECONDS_OF_A_DELIVERY = (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5, 10)

_calls = Histogram(
    "ml_connector_call_duration_seconds",
    "Requests sent, by answer: an HTTP status, or lost.",
    ("connection", "system", "company", "answer"),
    buckets=_SECONDS_OF_A_CALL,
    registry=EVENTS,
)
_runs = Histogram(
    "ml_connector_run_duration_seconds",
    "Runs that ended in this process.",
    ("connection", "outcome"),
    buckets=_SECONDS_OF_A_RUN,
    registry=EVENTS,
)
_deliveries = Histogram(
    "ml_connector_delivery_duration_seconds",
    "Webhook deliveries, and how long the sender waited for the answer.",
    ("connection", "answer"),
    buckets=_SECONDS_OF_A_DELIVERY,
    registry=EVENTS,
)


def hearing(connection: str, system: str, company: str = "") -> Callable[[str, float], None]:
    """Who listens to the requests to a system: `servicetitan`, or `gp` with the rulebook's name of the company."""

    def heard(answer: str, seconds: float) -> None:
        _calls.labels(connection, system, company, answer).observe(seconds)

    return heard


def run_ended(connection: str, outcome: str, seconds: float) -> None:
    """`outcome` as the ledger keeps it: finished, `interrupted: gp.unreachable`, stopped by hand."""
    _runs.labels(connection, outcome.partition(":")[0]).observe(seconds)


def delivered(connection: str, answer: str, seconds: float) -> None:
    """A delivery was answered: kept, refused, too large, too slow, cut off, unavailable. "" is no connection of ours."""
    _deliveries.labels(connection, answer).observe(seconds)
