"""How a company posts: GP's Posting Setup window, for the two origins that our batches have.

Each answer is None where nobody has said. The table behind the window is SY02300, a row for each series and origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class PostingDateSource(Enum):
    """Where GP takes the general-ledger date from, as its posting set-up says for each origin."""

    TRANSACTION = "transaction"
    BATCH = "batch"


class LedgerPosting(Enum):
    """What posting a batch of the subledger does to the general ledger."""

    TO = "to"  # a batch is made there, which somebody posts again
    THROUGH = "through"  # the accounts are moved at once
    NEITHER = "neither"  # nothing: subledger and general ledger drift apart


@dataclass(frozen=True, slots=True)
class PostingSetup:
    """One origin: receivables, or payables."""

    date_from: PostingDateSource | None = None
    ledger: LedgerPosting | None = None
    control_totals: bool | None = None  # a batch is posted only with the number and the sum that a person typed
    transaction_posting: bool | None = None  # a document may be posted by itself, without its batch
