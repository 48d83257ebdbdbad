"""What the ledger keeps of a source and of a document, and the changes that it is asked to make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

from ml_connector.books.batch import BatchKey
from ml_connector.books.document import Document
from ml_connector.docket.stages import DocketStage, Stage, worst
from ml_connector.docket.trail import Event
from ml_connector.field.source import SourceKind
from ml_connector.money import Money


@dataclass(frozen=True, slots=True)
class Reading:
    """One row of a page, as the sweep found it. `amount` is None where ServiceTitan gives none in whole cents."""

    source_id: int
    fingerprint: str
    number: str
    date: date | None
    amount: Money | None
    index: int  # of the row in the page


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    id: int
    docket_id: int
    document: Document
    hash: str
    revision: int
    rulebook_version: int
    stage: Stage
    attempt: int  # how often it was sent
    was_entered: bool  # GP held it once, whatever became of it: it is never sent again by itself
    batch_id: str = ""


@dataclass(frozen=True, slots=True)
class DocketRecord:
    """One version of one source. `page` and `index` say which stored answer, and which row of it, we read."""

    id: int
    kind: SourceKind
    source_id: int
    version: int
    fingerprint: str
    number: str
    date: date | None
    amount: Money | None
    page: str  # SHA-256 of the evidence
    index: int
    opened: datetime
    stage: DocketStage
    documents: tuple[DocumentRecord, ...] = ()

    @property
    def document_stage(self) -> Stage | None:
        return worst(tuple(d.stage for d in self.documents)) if self.documents else None


@dataclass(frozen=True, slots=True)
class Decide:
    """Close the planning of a docket that gets no document (held, skipped, waiting, superseded), or open it again."""

    docket_id: int
    stage: DocketStage
    event: Event
    drop_documents: bool = False  # planned before and never sent: their place is given up


@dataclass(frozen=True, slots=True)
class Plan:
    """Store the documents of a docket, each with its stage. A number kept by an older, unsent version moves here."""

    docket_id: int
    documents: tuple[tuple[Document, str, Stage], ...]  # document, hash, Planned | Approved | Held
    rulebook_version: int
    event: Event
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Move:
    """Move one document from a stage to another, if it still stands as `was`; whoever comes second loses."""

    was: DocumentRecord
    to: Stage
    event: Event
    batch_id: str | None = None
    evidence: Mapping[str, bytes] = field(default_factory=dict)  # kept; the event gets their hashes under these names
    spends_number: bool = False  # GP keeps the number, whatever becomes of the document: it counts as entered once


Change: TypeAlias = Decide | Plan | Move


@dataclass(frozen=True, slots=True)
class Group:
    """A count of dockets or documents, with the money in them."""

    count: int
    total: Money


@dataclass(frozen=True, slots=True)
class Ending:
    """Where each swept source stands, newest version only, for the completeness control.

    ServiceTitan's count and sum equal those of all groups together, whatever the stage; that equality is the control.
    """

    kind: SourceKind
    groups: Mapping[str, Group] = field(default_factory=dict)  # by stage name: entered, held, skipped, waiting, ...


@dataclass(frozen=True, slots=True)
class OpenedBatch:
    batch_id: str
    key: BatchKey


@dataclass(frozen=True, slots=True)
class UnpostedBatch:
    """Documents that GP holds in a batch and has not posted; `total` counts credits as negative."""

    company: str
    batch_id: str
    count: int
    total: Money
    oldest: date  # posting date


@dataclass(frozen=True, slots=True)
class RunRecord:
    id: int
    started: datetime
    ended: datetime | None
    actor: str
    dry: bool
    outcome: str  # running | finished | interrupted: <code> | stopped by hand | died
    counts: Mapping[str, object]
    why: str = ""  # what asked for it: a schedule's name, a webhook; empty where a person did


@dataclass(frozen=True, slots=True)
class RulebookRecord:
    version: int
    author: str
    at: datetime
    reason: str
    digest: str
