"""Restore: a backup into a database with nothing in it, all of it or nothing.

The tables are made as they were when the backup was taken, filled, and then migrated, in one transaction that ends only
after every connection's trail was recomputed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.store import archive, trail
from ml_connector.store.archive import Manifest, Progress, Reader, Row, Stored
from ml_connector.store.backup import SQL_TYPES, VERSIONS, kinds, tables
from ml_connector.store.database import Database, utc_now
from ml_connector.store.schema import INSTALLATION, REVISION, connections, leases, metadata, trail_heads

ENGINE_FILE, ENGINE_SCHEMA = "engine.sqlite", "dbos"  # the engine's own store, which knows of runs that no longer are

_ROWS, _BYTES = 1000, 4 << 20  # written at once; as soon as one of them is reached
_FENCES = 1_000_000  # by which they are raised: no process of before the restore holds a lease after it


@dataclass(frozen=True, slots=True)
class Restored:
    """`broken`: the connections whose trail does not hold, with the number of the first entry that was touched."""

    manifest: Manifest
    broken: dict[str, int]


def check(path: Path, progress: Progress) -> Manifest:
    """Compare a backup with its manifest, and write nothing.

    Raises Interrupted `restore.unreadable`, `restore.damaged`, `store.newer`.
    """
    with archive.reading(path) as reader:
        _may_be_read(reader.manifest, path)
        reader.verify(progress)
        return reader.manifest


def restore(
    path: Path,
    database: Database,
    actor: str,
    progress: Progress,
    *,
    despite_broken_trail: bool = False,
    now: Callable[[], datetime] = utc_now,
) -> Restored:
    """Restore a backup, and note it in every trail. Raises Interrupted as `check` does, and `restore.not_empty`,
    `restore.engine_left`, `restore.trail_broken`; then nothing is stored."""
    check(path, progress)
    with archive.reading(path) as reader, database.writing() as sql:
        if database.is_postgresql:
            sql.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '10min'")
        database.making_tables(sql)
        _must_be_empty(database, sql)
        _must_be_without_engine(database, sql)
        _drop_what_is_prepared(sql)
        database.upgrade(sql, reader.manifest.revision)
        fill(sql, reader, progress)
        database.upgrade(sql)
        broken = _broken_trails(sql, progress)
        if broken and not despite_broken_trail:
            raise Interrupted(*findings(broken))
        _fence(sql)
        _note(sql, reader.manifest, actor, now())
    return Restored(reader.manifest, broken)


def _may_be_read(manifest: Manifest, path: Path) -> None:
    if manifest.revision > REVISION:
        says = f"It is of ml-connector {manifest.version} (revision {manifest.revision}; this one knows {REVISION})."
        remedy = f"Install ml-connector {manifest.version} or newer, and restore it with that."
        raise Interrupted(Finding("store.newer", str(path), says, remedy))


def _must_be_empty(database: Database, sql: sa.Connection) -> None:
    """No table at all, or this program's tables with nothing in them: somebody ran a command before the restore."""
    found = [it for it in sa.inspect(sql).get_table_names() if it != VERSIONS]
    if not found:
        return
    full = found
    if database.revision(sql) == REVISION and set(found) == set(metadata.tables):
        nobody = {
            connections.name: connections.c.id == INSTALLATION,
            trail_heads.name: sa.and_(trail_heads.c.connection_id == INSTALLATION, trail_heads.c.seq == 0),
        }
        full = [it.name for it in metadata.sorted_tables if _has_rows(sql, it, nobody.get(it.name))]
    if full:
        says = f"There is something in {database.name} already (table {', '.join(full[:3])})."
        remedy = (
            "Name an empty database, or move this one away first: stop ml-connector, rename the file or create a new "
            "database. A restore never overwrites."
        )
        raise Interrupted(Finding("restore.not_empty", database.name, says, remedy))


def _has_rows(sql: sa.Connection, table: sa.Table, of_nobody: sa.ColumnElement[bool] | None) -> bool:
    wanted = sa.select(sa.literal(1)).select_from(table)
    return sql.execute((wanted if of_nobody is None else wanted.where(sa.not_(of_nobody))).limit(1)).first() is not None


def _must_be_without_engine(database: Database, sql: sa.Connection) -> None:
    place = f"schema {ENGINE_SCHEMA}" if sa.inspect(sql).has_schema(ENGINE_SCHEMA) else ""
    if database.file is not None and (beside := database.file.with_name(ENGINE_FILE)).exists():
        place = str(beside)
    if place:
        says = "The engine's own store is still there, with runs that this ledger knows nothing of."
        remedy = f"Stop ml-connector and delete {place} (it holds nothing but runs in flight), or restore elsewhere."
        raise Interrupted(Finding("restore.engine_left", place, says, remedy))


def _drop_what_is_prepared(sql: sa.Connection) -> None:
    metadata.drop_all(sql)
    sql.exec_driver_sql(f"DROP TABLE IF EXISTS {VERSIONS}")
    if sql.dialect.name == "postgresql":
        sql.exec_driver_sql("DROP FUNCTION IF EXISTS trail_is_append_only()")


def fill(sql: sa.Connection, reader: Reader, progress: Progress) -> None:
    """Put the rows of a backup in the tables of its revision, in place of what their making put there."""
    there = {it.name: it for it in tables(sql)}
    if {name: kinds(it) for name, it in there.items()} != {it.name: it.columns for it in reader.manifest.tables}:
        says = f"its tables are not those of revision {reader.manifest.revision}"
        remedy = "Take another backup: this one was changed since it was written. Nothing was stored."
        raise Interrupted(Finding("restore.damaged", "manifest", says, remedy))
    for table in reversed(there.values()):  # what a migration put there; the trail has nothing, and refuses this
        if table.name != "trail":
            sql.execute(sa.delete(table))
    done, whole = 0, reader.manifest.rows
    for stored in reader.manifest.tables:
        for chunk in _chunks(reader.rows(stored)):
            _insert(sql, stored, chunk)
            progress("restore", done := done + len(chunk), whole)
        _go_on_counting(sql, stored)


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while first := list(islice(rows, 1)):
        chunk, size = first, 0
        for row in islice(rows, _ROWS - 1):
            chunk.append(row)
            size += sum(len(it) for it in row if isinstance(it, bytes | str))
            if size > _BYTES:
                break
        yield chunk


def _insert(sql: sa.Connection, stored: Stored, rows: list[Row]) -> None:
    table = sa.table(stored.name, *(sa.column(name, SQL_TYPES[kind]) for name, kind in stored.columns))
    names = [name for name, _ in stored.columns]
    try:
        sql.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in rows])
    except (sa.exc.IntegrityError, sa.exc.DataError) as fault:
        says = f"the database refuses a row: {str(fault.orig).strip()}"
        remedy = "Take another backup; if it is refused too, restore into the kind of database that it was taken from."
        raise Interrupted(Finding("restore.damaged", f"table {stored.name}", says, remedy)) from None


def _go_on_counting(sql: sa.Connection, stored: Stored) -> None:
    """Give no id again that was ever given, also where its row is gone."""
    if not stored.last_id:
        return
    here = {"table": stored.name, "last": stored.last_id}
    if sql.dialect.name == "postgresql":
        sequence = sa.func.pg_get_serial_sequence(stored.name, "id")
        sql.execute(sa.select(sa.func.setval(sequence, stored.last_id)))
        return
    made = "SELECT 1 FROM sqlite_master WHERE name = :table AND sql LIKE '%AUTOINCREMENT%'"
    if sql.execute(sa.text(made), here).first():
        sql.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :table"), here)
        sql.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :last)"), here)


def _broken_trails(sql: sa.Connection, progress: Progress) -> dict[str, int]:
    every = sql.execute(sa.select(connections.c.id, connections.c.name).order_by(connections.c.id)).all()
    broken: dict[str, int] = {}
    for n, (connection_id, name) in enumerate(every, 1):
        first = trail.first_break(sql, connection_id)
        if first is not None:
            broken[name] = first
        progress("verify trails", n, len(every))
    return broken


def findings(broken: dict[str, int]) -> list[Finding]:
    remedy = (
        "Restore an older backup. If there is none, restore this one with --despite-broken-trail, and tell your auditor "
        "which entry it was."
    )
    return [
        Finding(
            "restore.trail_broken",
            f"connection {name}",
            f"its trail is broken at entry {entry}: the ledger was changed before this backup was taken",
            remedy,
        )
        for name, entry in broken.items()
    ]


def _fence(sql: sa.Connection) -> None:
    past = datetime(1970, 1, 1, tzinfo=UTC)
    sql.execute(sa.update(leases).values(holder="", expires_at=past, fence=leases.c.fence + _FENCES))


def _note(sql: sa.Connection, manifest: Manifest, actor: str, at: datetime) -> None:
    """So that a reader of the trail sees why it knows nothing of what was done between the backup and now."""
    detail = {"taken_at": manifest.taken_at, "version": manifest.version, "revision": manifest.revision}
    for connection_id in sql.scalars(sa.select(connections.c.id).order_by(connections.c.id)).all():
        w = trail.Writing(sql, connection_id, actor, at)
        w.append(Event("ledger.restored", detail | {"rows": manifest.rows}))
        w.seal()
