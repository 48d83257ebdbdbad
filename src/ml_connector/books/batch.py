"""A GP batch: one run, one company, one kind of origin, one posting period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ml_connector.books.document import RECEIVABLES, Document
from ml_connector.money import Money

LONGEST = 15


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What the documents of one batch share. Receivables and payables have batches of their own."""

    company: str
    receivables: bool
    year: int
    month: int


def key_of(document: Document) -> BatchKey:
    """The batch that a document belongs in. A calendar month stands for the posting period, which never spans two."""
    day = document.posting_date
    return BatchKey(document.company, document.kind in RECEIVABLES, day.year, day.month)


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
