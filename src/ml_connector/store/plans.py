"""Storing a plan: which numbers it takes, inherits from an older version, replaces, or must leave as they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ml_connector.books import canonical
from ml_connector.books.document import Document, signed
from ml_connector.docket.records import DocumentRecord, Plan
from ml_connector.docket.stages import (
    REPLANNABLE,
    Approved,
    ClosedByHand,
    Entered,
    HasDocuments,
    Held,
    InDoubt,
    Planned,
    Posted,
    Stage,
)
from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.store.forms import document_record, name_of, text
from ml_connector.store.schema import connections, dockets, documents
from ml_connector.store.trail import Writing

GpCompany: TypeAlias = Callable[[int, str], str]
"""From a rulebook version and its short name of a company to GP's database name, in upper case."""

# Built once: to build a statement costs more than to run it.
_SOURCE = sa.select(dockets.c.connection_id, dockets.c.kind, dockets.c.source_id, dockets.c.version).where(
    dockets.c.connection_id == sa.bindparam("connection"), dockets.c.id == sa.bindparam("docket")
)
_OF_DOCKET = sa.select(documents).where(
    documents.c.connection_id == sa.bindparam("connection"), documents.c.docket_id == sa.bindparam("docket")
)
_UNDER = (
    sa.select(documents, dockets.c.kind.label("source_kind"), dockets.c.source_id, dockets.c.version)
    .join(dockets, dockets.c.id == documents.c.docket_id)
    .where(documents.c.gp_company == sa.bindparam("gp_company"), documents.c.number == sa.bindparam("number"))
)
_INSERT = sa.insert(documents)
_UPDATE = sa.update(documents).where(documents.c.id == sa.bindparam("document"))
_UPDATE_DOCKET = sa.update(dockets).where(dockets.c.id == sa.bindparam("docket"))


@dataclass(frozen=True, slots=True)
class _Source:
    """One version of one source, of one connection."""

    connection_id: int
    kind: str
    source_id: int
    version: int

    def is_newer_version_of(self, other: _Source) -> bool:
        same = (self.connection_id, self.kind, self.source_id) == (other.connection_id, other.kind, other.source_id)
        return same and self.version > other.version


def store_plan(w: Writing, plan: Plan, gp_company: GpCompany) -> bool:
    """Make the docket's documents those of the plan. False where one of them is in doubt, or GP holds or held it.

    One that GP holds and that the plan names unchanged stays as it is, and the plan is stored. Raises Interrupted
    `number.taken_by_other` where another source has a number of the plan.
    """
    keys = [(gp_company(plan.rulebook_version, it.company), it.number) for it, _, _ in plan.documents]
    if not keys or len(set(keys)) < len(keys):
        raise ValueError(f"docket {plan.docket_id}: a plan has documents, each with a number of its own")
    if not all(isinstance(stage, Planned | Approved | Held) for _, _, stage in plan.documents):
        raise ValueError(f"docket {plan.docket_id}: what is planned is planned, approved or held, and nothing further")
    source = _source(w, plan.docket_id)
    left_out = {it.id: it for it in documents_of(w, plan.docket_id)}
    new: list[dict[str, Any]] = []
    replaced: list[tuple[int, dict[str, Any]]] = []
    for (company, number), (document, digest, stage) in zip(keys, plan.documents, strict=True):
        values = _values(w, plan, company, document, digest, stage)
        found = _under(w, company, number)
        if found is None:
            new.append(values)
            continue
        there, owner = found
        left_out.pop(there.id, None)
        if owner != source and not source.is_newer_version_of(owner):
            if owner.is_newer_version_of(source):
                return False
            raise Interrupted(_taken(w, company, number, owner))
        if isinstance(there.stage, REPLANNABLE) and not there.was_entered:
            replaced.append((there.id, values))
        elif owner != source or there.hash != digest or not isinstance(there.stage, Entered | Posted):
            return False
    if any(isinstance(it.stage, InDoubt | Entered | Posted) for it in left_out.values()):
        return False
    give_up(w, left_out.values())
    for document_id, values in replaced:
        w.sql.execute(_UPDATE, {"document": document_id, **values})
    if new:
        _insert(w, new)
    stage_now = {"stage": name_of(HasDocuments), "detail": text(HasDocuments())}
    w.sql.execute(_UPDATE_DOCKET, {"docket": plan.docket_id, **stage_now})
    return True


def documents_of(w: Writing, docket_id: int) -> list[DocumentRecord]:
    rows = w.sql.execute(_OF_DOCKET, {"connection": w.connection_id, "docket": docket_id}).mappings()
    return [document_record(row) for row in rows]


def give_up(w: Writing, records: Iterable[DocumentRecord]) -> None:
    """Give up those that GP does not hold and never held, so that no run sends them.

    What was never sent is forgotten, the trail keeps it; what was sent once, and GP was found not to hold, is closed.
    """
    given_up = [it for it in records if not it.was_entered and isinstance(it.stage, REPLANNABLE)]
    unsent = [it.id for it in given_up if it.attempt == 0]
    if unsent:
        w.sql.execute(sa.delete(documents).where(documents.c.id.in_(unsent)))
    closed = ClosedByHand("ml-connector", "planned otherwise since; it was sent once, and GP does not hold it")
    for it in given_up:
        if it.attempt and not isinstance(it.stage, ClosedByHand):
            values = {"stage": name_of(ClosedByHand), "detail": text(closed), "updated_at": w.at}
            w.sql.execute(_UPDATE, {"document": it.id, **values})
            w.append(Event("document.given_up", {"why": closed.why}, it.docket_id, it.document.number))


def _source(w: Writing, docket_id: int) -> _Source:
    row = w.sql.execute(_SOURCE, {"connection": w.connection_id, "docket": docket_id}).one_or_none()
    if row is None:
        raise ValueError(f"there is no docket {docket_id}")
    return _Source(*row)


def _under(w: Writing, gp_company: str, number: str) -> tuple[DocumentRecord, _Source] | None:
    """The document that has this number in this GP company, and the source it was made from."""
    row = w.sql.execute(_UNDER, {"gp_company": gp_company, "number": number}).mappings().one_or_none()
    if row is None:
        return None
    return document_record(row), _Source(row["connection_id"], row["source_kind"], row["source_id"], row["version"])


def _values(w: Writing, plan: Plan, gp_company: str, document: Document, digest: str, stage: Stage) -> dict[str, Any]:
    amount = signed(document)
    return {
        "docket_id": plan.docket_id,
        "company": document.company,
        "gp_company": gp_company,
        "number": document.number,
        "kind": document.kind.value,
        "revision": plan.revision,
        "hash": digest,
        "body": canonical.to_bytes(document),
        "party_id": document.party_id,
        "amount_minor": amount.minor,
        "currency": amount.currency.value,
        "document_date": document.document_date,
        "posting_date": document.posting_date,
        "rulebook_version": plan.rulebook_version,
        "stage": name_of(type(stage)),
        "detail": text(stage),
        "batch_id": "",
        "updated_at": w.at,
    }


def _insert(w: Writing, rows: list[dict[str, Any]]) -> None:
    unsent = {"connection_id": w.connection_id, "attempt": 0, "was_entered": False}
    try:
        w.sql.execute(_INSERT, [row | unsent for row in rows])
    except IntegrityError as error:  # another connection took the number between our look and now
        numbers = ", ".join(str(row["number"]) for row in rows)
        raise Interrupted(_finding(str(rows[0]["gp_company"]), numbers, "another connection")) from error


def _taken(w: Writing, gp_company: str, number: str, owner: _Source) -> Finding:
    name = w.sql.execute(sa.select(connections.c.name).where(connections.c.id == owner.connection_id)).scalar_one()
    return _finding(gp_company, number, f"{owner.kind} {owner.source_id} of connection '{name}'")


def _finding(gp_company: str, number: str, owner: str) -> Finding:
    says = f"The number {number} in GP company {gp_company} belongs to {owner} already."
    remedy = "Give one of the two connections another prefix; two connections into one company need two."
    return Finding("number.taken_by_other", f"document {number}", says, remedy)
