"""Reading dockets and their documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ml_connector.docket.records import DocketRecord, DocumentRecord
from ml_connector.docket.stages import Held, HeldBeforePlan, Opened, Stage
from ml_connector.field.source import SourceKind
from ml_connector.store.forms import docket_record, document_record, name_of
from ml_connector.store.schema import dockets, documents

_CHUNK = 500
_LARGEST = 2**63  # ids beyond it are nobody's


def opened(sql: sa.Connection, connection_id: int, limit: int, after_id: int) -> list[DocketRecord]:
    wanted = _of(connection_id).where(dockets.c.stage == name_of(Opened), dockets.c.id > after_id)
    return _read(sql, wanted.order_by(dockets.c.id).limit(limit))


def docket(sql: sa.Connection, connection_id: int, docket_id: int) -> DocketRecord | None:
    return next(iter(_read(sql, _of(connection_id).where(dockets.c.id == docket_id))), None)


def versions(sql: sa.Connection, connection_id: int, kind: SourceKind, source_id: int) -> list[DocketRecord]:
    """Every version of the source, oldest first."""
    wanted = _of(connection_id).where(dockets.c.kind == kind.value, dockets.c.source_id == source_id)
    return _read(sql, wanted.order_by(dockets.c.version))


def newest_versions(sql: sa.Connection, connection_id: int) -> list[DocketRecord]:
    """Every source as it stands, invoices first, by id."""
    return _read(sql, _of(connection_id).where(is_newest()).order_by(dockets.c.kind.desc(), dockets.c.source_id))


def is_newest() -> sa.ColumnElement[bool]:
    """Whether a docket is about the newest version of its source."""
    newer = dockets.alias("newer")
    return ~sa.exists().where(
        newer.c.connection_id == dockets.c.connection_id,
        newer.c.kind == dockets.c.kind,
        newer.c.source_id == dockets.c.source_id,
        newer.c.version > dockets.c.version,
    )


def by_number(sql: sa.Connection, connection_id: int, text: str) -> list[DocketRecord]:
    """By GP's document number, ServiceTitan's id or ServiceTitan's number, newest first."""
    text = text.strip()
    in_gp = sa.select(documents.c.docket_id).where(
        documents.c.connection_id == connection_id, documents.c.number == text.upper()
    )
    ways: list[sa.ColumnElement[bool]] = [dockets.c.id.in_(in_gp), dockets.c.number == text]
    if text.isascii() and text.isdigit() and int(text) < _LARGEST:
        kinds = [kind.value for kind in SourceKind]
        ways.append(sa.and_(dockets.c.kind.in_(kinds), dockets.c.source_id == int(text)))
    return _read(sql, _of(connection_id).where(sa.or_(*ways)).order_by(dockets.c.id.desc()))


def held(sql: sa.Connection, connection_id: int, code: str | None, limit: int | None) -> list[DocketRecord]:
    """Dockets that a person must act on, newest first: held before the plan, or with a held document."""
    docket_wide: sa.ColumnElement[bool] = dockets.c.stage == name_of(HeldBeforePlan)
    held_documents = sa.select(documents.c.docket_id).where(
        documents.c.connection_id == connection_id, documents.c.stage == name_of(Held)
    )
    if code is not None:
        # The detail is compact JSON, and a quotation mark within a text is escaped in it: only a finding's code fits.
        finding = f'"code":"{code}"'
        docket_wide = sa.and_(docket_wide, dockets.c.detail.contains(finding, autoescape=True))
        held_documents = held_documents.where(documents.c.detail.contains(finding, autoescape=True))
    wanted = _of(connection_id).where(sa.or_(docket_wide, dockets.c.id.in_(held_documents)))
    return _read(sql, wanted.order_by(dockets.c.id.desc()).limit(limit))


def standing(
    sql: sa.Connection,
    connection_id: int,
    stages: Iterable[type[Stage]],
    limit: int,
    after_id: int,
    company: str | None,
    newest_only: bool,
) -> list[DocumentRecord]:
    """Documents in one of these stages, in the order of their ids."""
    wanted = _at(sa.select(documents), connection_id, stages, company, newest_only).where(documents.c.id > after_id)
    return [document_record(row) for row in sql.execute(wanted.order_by(documents.c.id).limit(limit)).mappings()]


def count_opened(sql: sa.Connection, connection_id: int) -> int:
    wanted = sa.select(sa.func.count()).select_from(dockets)
    here = (dockets.c.connection_id == connection_id, dockets.c.stage == name_of(Opened))
    return sql.execute(wanted.where(*here)).scalar_one()


def count_standing(
    sql: sa.Connection, connection_id: int, stages: Iterable[type[Stage]], company: str | None, newest_only: bool
) -> int:
    wanted = sa.select(sa.func.count(documents.c.id))
    return int(sql.execute(_at(wanted, connection_id, stages, company, newest_only)).scalar_one())


def _at(
    wanted: sa.Select[Any],
    connection_id: int,
    stages: Iterable[type[Stage]],
    company: str | None,
    newest_only: bool,
) -> sa.Select[Any]:
    names = [name_of(stage) for stage in stages]
    wanted = wanted.where(documents.c.connection_id == connection_id, documents.c.stage.in_(names))
    if company is not None:
        wanted = wanted.where(documents.c.company == company)
    if newest_only:
        wanted = wanted.join(dockets, dockets.c.id == documents.c.docket_id).where(is_newest())
    return wanted


def in_batch(sql: sa.Connection, connection_id: int, batch_id: str) -> list[DocumentRecord]:
    wanted = sa.select(documents).where(documents.c.connection_id == connection_id, documents.c.batch_id == batch_id)
    return [document_record(row) for row in sql.execute(wanted.order_by(documents.c.id)).mappings()]


def _of(connection_id: int) -> sa.Select[Any]:
    return sa.select(dockets).where(dockets.c.connection_id == connection_id)


def _read(sql: sa.Connection, wanted: sa.Select[Any]) -> list[DocketRecord]:
    rows = sql.execute(wanted).mappings().all()
    theirs = _documents_of(sql, [row["id"] for row in rows])
    return [docket_record(row, theirs.get(row["id"], ())) for row in rows]


def _documents_of(sql: sa.Connection, docket_ids: Sequence[int]) -> dict[int, list[DocumentRecord]]:
    found: dict[int, list[DocumentRecord]] = {}
    for start in range(0, len(docket_ids), _CHUNK):
        wanted = sa.select(documents).where(documents.c.docket_id.in_(docket_ids[start : start + _CHUNK]))
        for row in sql.execute(wanted.order_by(documents.c.id)).mappings():
            found.setdefault(row["docket_id"], []).append(document_record(row))
    return found
