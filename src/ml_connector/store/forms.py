"""How stages, records and amounts are written in the ledger's columns, and read back exactly as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from ml_connector.books import canonical
from ml_connector.docket.records import DocketRecord, DocumentRecord
from ml_connector.docket.stages import (
    Approved,
    ClosedByHand,
    Deferred,
    DocketStage,
    Entered,
    Gone,
    HasDocuments,
    Held,
    HeldBeforePlan,
    InDoubt,
    Opened,
    Planned,
    Posted,
    Skipped,
    Stage,
    Superseded,
    Waiting,
)
from ml_connector.field.source import SourceKind
from ml_connector.money import Currency, Money

T = TypeVar("T")

STAGES: Mapping[str, type[Stage]] = {
    "planned": Planned,
    "approved": Approved,
    "in_doubt": InDoubt,
    "deferred": Deferred,
    "held": Held,
    "entered": Entered,
    "posted": Posted,
    "gone": Gone,
    "closed_by_hand": ClosedByHand,
}
DOCKET_STAGES: Mapping[str, type[DocketStage]] = {
    "opened": Opened,
    "held": HeldBeforePlan,
    "skipped": Skipped,
    "waiting": Waiting,
    "superseded": Superseded,
    "has_documents": HasDocuments,
}
_NAMES: Mapping[type[Stage] | type[DocketStage], str] = {
    stage: name for stages in (STAGES, DOCKET_STAGES) for name, stage in stages.items()
}


def name_of(stage: type[Stage] | type[DocketStage]) -> str:
    """The word that stands for the stage in the ledger, in counts and in JSON: held before or after a plan is held."""
    return _NAMES[stage]


def text(value: object) -> str:
    """JSON, the same for the same value: mappings sorted, classes in the order of their fields."""
    return msgspec.json.encode(value, order="deterministic").decode()


def stage(name: str, detail: str) -> Stage:
    return msgspec.json.decode(detail, type=STAGES[name])


def docket_stage(name: str, detail: str) -> DocketStage:
    return msgspec.json.decode(detail, type=DOCKET_STAGES[name])


def money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money.of_minor(int(minor), Currency(currency))


def document_record(row: sa.RowMapping | Mapping[str, Any]) -> DocumentRecord:
    return DocumentRecord(
        id=row["id"],
        docket_id=row["docket_id"],
        document=canonical.from_bytes(row["body"]),
        hash=row["hash"],
        revision=row["revision"],
        rulebook_version=row["rulebook_version"],
        stage=stage(row["stage"], row["detail"]),
        attempt=row["attempt"],
        was_entered=row["was_entered"],
        batch_id=row["batch_id"],
    )


def docket_record(row: sa.RowMapping, documents: Iterable[DocumentRecord]) -> DocketRecord:
    return DocketRecord(
        id=row["id"],
        kind=SourceKind(row["kind"]),
        source_id=row["source_id"],
        version=row["version"],
        fingerprint=row["fingerprint"],
        number=row["number"],
        date=row["source_date"],
        amount=money(row["amount_minor"], row["currency"]),
        page=row["page"],
        index=row["row_index"],
        opened=row["opened_at"],
        stage=docket_stage(row["stage"], row["detail"]),
        documents=tuple(documents),
    )
