"""A GP batch: one run, one company, one kind of origin, one posting period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ml_connector.books.document import RECEIVABLES, Document
from ml_connector.books.period import FiscalPeriod, period_of
from ml_connector.money import Money

LONGEST = 15


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What the documents of one batch share: company, subledger and fiscal period."""

    company: str
    receivables: bool
    year: int  # fiscal
    period: int


def key_of(document: Document, periods: Iterable[FiscalPeriod]) -> BatchKey:
    """The batch that a document belongs in. Raises ValueError where its posting date is in no known period."""
    period = period_of(document.posting_date, periods)
    if period is None:
        raise ValueError(f"{document.number}: no fiscal period is known for {document.posting_date}")
    return BatchKey(document.company, document.kind in RECEIVABLES, period.year, period.number)


def batch_id(prefix: str, receivables: bool, opened: date, serial: int) -> str:
    """STR260314-07: prefix, R or P, the day the batch was opened, and the connection's serial of that day."""
    name = f"{prefix}{'R' if receivables else 'P'}{opened:%y%m%d}-{serial:02d}"
    if len(name) > LONGEST:
        raise ValueError(f"batch {name} has {len(name)} characters, GP holds {LONGEST}")
    return name


@dataclass(frozen=True, slots=True)
class StandingBatch:
    """A batch as GP reports it. `transactions` and `total` are what GP counts, not the control totals of a person."""

    batch_id: str
    transactions: int
    total: Money
