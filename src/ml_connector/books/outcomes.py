"""How a plan and an entry can end. Closed sets: a new ending is a new class, and mypy finds every match."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ml_connector.books.document import Document
from ml_connector.findings import Finding


@dataclass(frozen=True, slots=True)
class Exchange:
    """What went over the wire, to be kept as evidence: the body that was sent, and the status and body that came back."""

    request: bytes = b""
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class Ready:
    documents: tuple[Document, ...]
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """A person must act. Never retried by the clock; replayed by a person."""

    findings: tuple[Finding, ...]
    wire: Exchange = field(default=Exchange(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Nothing to enter, and that is right. The reason is kept."""

    code: str  # "document.zero"
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing to enter yet: ServiceTitan has not released it. A later version of the source will be."""

    reason: str


Plan: TypeAlias = Ready | Held | Skipped | Waiting


@dataclass(frozen=True, slots=True)
class Entered:
    """The books hold the document in a batch, not yet posted."""

    number: str
    batch_id: str
    wire: Exchange = field(default=Exchange(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The answer was lost or cannot be understood. The next step asks the books; it never sends again first."""

    cause: str
    wire: Exchange = field(default=Exchange(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Deferred:
    """The document was certainly not taken, for a reason that passes by itself. The clock tries again."""

    cause: str
    wire: Exchange = field(default=Exchange(), compare=False, repr=False)


Entry: TypeAlias = Entered | Held | InDoubt | Deferred


@dataclass(frozen=True, slots=True)
class Asked:
    """GP says that it posted a batch. What became of its documents, only they themselves tell."""

    wire: Exchange = field(default=Exchange(), compare=False, repr=False)


Posting: TypeAlias = Asked | Held | InDoubt
"""What comes of asking GP to post a batch: Held where it certainly did nothing."""
