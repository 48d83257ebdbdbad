"""Decisions, plans and moves, as the ledger makes them: each only if the record still stands as its author saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, assert_never

import sqlalchemy as sa

from ml_connector.docket.records import Change, Decide, DocumentRecord, Move, Plan
from ml_connector.docket.stages import Entered, Gone, HasDocuments, InDoubt, Posted, Superseded, may_move
from ml_connector.docket.trail import Event
from ml_connector.store import evidence
from ml_connector.store.forms import document_record, name_of, text
from ml_connector.store.plans import GpCompany, documents_of, give_up, store_plan
from ml_connector.store.schema import dockets, documents
from ml_connector.store.trail import Writing

_ONE = sa.select(documents).where(
    documents.c.connection_id == sa.bindparam("connection"), documents.c.id == sa.bindparam("document")
)
_UPDATE = sa.update(documents).where(documents.c.id == sa.bindparam("document"))


def record(w: Writing, changes: Sequence[Change], gp_company: GpCompany) -> list[bool]:
    """Make the changes in their order. False for one that came too late: nothing of it is stored, no entry either."""
    return [_make(w, change, gp_company) for change in changes]


def _make(w: Writing, change: Change, gp_company: GpCompany) -> bool:
    match change:
        case Decide():
            made, docket_id, number = _decide(w, change), change.docket_id, ""
        case Plan():
            made, docket_id, number = store_plan(w, change, gp_company), change.docket_id, ""
        case Move():
            made, docket_id, number = _move(w, change), change.was.docket_id, change.was.document.number
        case _:
            assert_never(change)
    if made:
        event = _complete(change.event, docket_id, number)
        w.append(_with_evidence(w, event, change) if isinstance(change, Move) else event)
    return made


def _with_evidence(w: Writing, event: Event, move: Move) -> Event:
    """Keep what the move brought, in the same transaction, and name it by its hash in the event."""
    hashes = {}
    for name, raw in move.evidence.items():
        blob = evidence.Blob(raw)
        evidence.keep(w.sql, w.connection_id, blob, w.at)
        hashes[name] = blob.sha256
    return replace(event, detail={**event.detail, **hashes}) if hashes else event


def _complete(event: Event, docket_id: int, number: str) -> Event:
    """The event with the docket and the number it concerns, where its author left them out."""
    known = docket_id if event.docket_id is None else event.docket_id
    return replace(event, docket_id=known, number=event.number or number)


def _decide(w: Writing, decide: Decide) -> bool:
    """A docket with a document in doubt is never decided; one that GP holds a document of is never superseded."""
    standing = documents_of(w, decide.docket_id)
    blocking = (InDoubt, Entered, Posted) if isinstance(decide.stage, Superseded) else (InDoubt,)
    if not isinstance(decide.stage, HasDocuments) and any(isinstance(it.stage, blocking) for it in standing):
        return False
    if decide.drop_documents:
        give_up(w, standing)
    here = sa.update(dockets).where(dockets.c.connection_id == w.connection_id, dockets.c.id == decide.docket_id)
    stored = w.sql.execute(here.values(stage=name_of(type(decide.stage)), detail=text(decide.stage)))
    if stored.rowcount != 1:
        raise ValueError(f"there is no docket {decide.docket_id}")
    return True


def _standing(it: DocumentRecord) -> tuple[object, ...]:
    """What must be as the author of a move saw it: another rulebook version is another plan, though it says the same."""
    return it.stage, it.attempt, it.hash, it.rulebook_version, it.docket_id


def _move(w: Writing, move: Move) -> bool:
    was, to = move.was, move.to
    if not may_move(was.stage, to):
        raise ValueError(f"{was.document.number}: no move from {was.stage} to {to}")
    row = w.sql.execute(_ONE, {"connection": w.connection_id, "document": was.id}).mappings().one_or_none()
    if row is None:
        return False
    now = document_record(row)
    if _standing(now) != _standing(was):
        return False
    values: dict[str, Any] = {"stage": name_of(type(to)), "detail": text(to), "updated_at": w.at}
    if move.batch_id is not None:
        values["batch_id"] = move.batch_id
    match to:
        case InDoubt(hash=sent):
            values["sent_hash"] = sent
            if not isinstance(was.stage, InDoubt):  # a claim, and not another cause of the same doubt
                values["attempt"] = was.attempt + 1
        case Entered() | Posted():
            values["was_entered"] = True
            values["batch_id"] = to.batch_id
        case Gone():
            values["was_entered"] = True
        case _:
            pass
    if move.spends_number:
        values["was_entered"] = True
    w.sql.execute(_UPDATE, {"document": was.id, **values})
    return True
