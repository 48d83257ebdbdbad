"""The versions of a connection's rulebook: the customer's tables, whole, as they were given."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from ml_connector.docket.records import RulebookRecord
from ml_connector.docket.trail import Event
from ml_connector.mapping.tables import Table, Tables
from ml_connector.store.schema import rulebook_versions as versions
from ml_connector.store.trail import Writing

_FACTS = (versions.c.version, versions.c.author, versions.c.at, versions.c.reason, versions.c.digest)


def digest(tables: Tables) -> str:
    """SHA-256 over the tables: the order of columns and rows counts, that of tables and of a row's cells does not."""
    return hashlib.sha256(msgspec.json.encode(tables, order="deterministic")).hexdigest()


def add(w: Writing, tables: Tables, author: str, reason: str) -> RulebookRecord:
    """Store a new version, unless the newest one is the same."""
    last = newest(w.sql, w.connection_id)
    if last is not None and last.digest == digest(tables):
        return last
    version = 1 if last is None else last.version + 1
    added = RulebookRecord(version, author, w.at, reason, digest(tables))
    row = {"connection_id": w.connection_id, "version": version, "author": author, "at": w.at, "reason": reason}
    row |= {"digest": added.digest, "tables": zlib.compress(msgspec.json.encode(tables))}
    w.sql.execute(sa.insert(versions), [row])
    rows = {name: len(table.rows) for name, table in tables.items()}
    detail = {"version": version, "author": author, "reason": reason, "digest": added.digest, "rows": rows}
    w.append(Event("rulebook.added", detail))
    return added


def newest(sql: sa.Connection, connection_id: int) -> RulebookRecord | None:
    return next(iter(history(sql, connection_id, limit=1)), None)


def history(sql: sa.Connection, connection_id: int, limit: int | None = None) -> list[RulebookRecord]:
    """Newest first."""
    wanted = sa.select(*_FACTS).where(versions.c.connection_id == connection_id)
    return [_record(row) for row in sql.execute(wanted.order_by(versions.c.version.desc()).limit(limit)).mappings()]


def read(sql: sa.Connection, connection_id: int, version: int | None) -> tuple[RulebookRecord, Tables] | None:
    """That version, or the newest; None where there is none."""
    wanted = sa.select(*_FACTS, versions.c.tables).where(versions.c.connection_id == connection_id)
    if version is not None:
        wanted = wanted.where(versions.c.version == version)
    row = sql.execute(wanted.order_by(versions.c.version.desc()).limit(1)).mappings().one_or_none()
    if row is None:
        return None
    return _record(row), msgspec.json.decode(zlib.decompress(row["tables"]), type=dict[str, Table])


def gp_companies(sql: sa.Connection, connection_id: int, version: int) -> Mapping[str, str] | None:
    """From the short names of that version to GP's database names; None where there is no such version."""
    found = read(sql, connection_id, version)
    if found is None:
        return None
    rows = found[1]["Companies"].rows if "Companies" in found[1] else ()
    return {row["company"]: row["gp_company"].strip().upper() for row in rows if row["gp_company"].strip()}


def _record(row: sa.RowMapping | Mapping[str, Any]) -> RulebookRecord:
    at: datetime = row["at"]
    return RulebookRecord(row["version"], row["author"], at, row["reason"], row["digest"])
