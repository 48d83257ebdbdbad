"""Where everything stands, in figures: what is watched by day and by night. No name, no number of a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from ml_connector.money import Money


@dataclass(frozen=True, slots=True)
class DocumentFigure:
    """The documents of a company in one stage that something is still to follow. Credits count as negative."""

    connection: str
    company: str  # the rulebook's short name
    stage: str
    count: int
    total: Money
    since: datetime  # when the one that stands longest so was last touched
    posting: date  # the oldest posting date


@dataclass(frozen=True, slots=True)
class ConnectionFigure:
    """A connection as it stands."""

    name: str
    last_success: datetime | None  # the end of the newest run that finished and was not dry
    running_since: datetime | None
    runs: Mapping[str, int] = field(default_factory=dict)  # begun in the last 24 hours, by outcome
    dockets: Mapping[str, int] = field(default_factory=dict)  # opened, held, waiting
    ended: Mapping[str, int] = field(default_factory=dict)  # documents posted, or closed by hand
    deliveries: int = 0  # webhooks that no run was asked for yet
    oldest_delivery: datetime | None = None
    next_run: datetime | None = None  # by the schedule that is due first; in the past, it is late


@dataclass(frozen=True, slots=True)
class Figures:
    at: datetime
    connections: tuple[ConnectionFigure, ...]
    documents: tuple[DocumentFigure, ...]
    ledger_bytes: int
