"""Backup: every row of the ledger as it stood at one moment, in one file, while runs go on.

One snapshot of the database is read (a read transaction of SQLite, REPEATABLE READ on PostgreSQL), table by table, in
chunks, so that a ledger of any size needs the same memory. The tables are taken as they are found, and so a ledger of an
older revision can be backed up before it is migrated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.store import archive, trail
from ml_connector.store.archive import Chain, Manifest, Progress, Row, Stored
from ml_connector.store.database import Database, utc_now
from ml_connector.store.schema import INSTALLATION, REVISION, Moment, connections, metadata, trail_heads

VERSIONS = "alembic_version"  # the table that says the revision; the manifest says it in its place

SQL_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "integer": sa.BigInteger(),
    "text": sa.Text(),
    "bytes": sa.LargeBinary(),
    "boolean": sa.Boolean(),
    "moment": Moment(),
    "date": sa.Date(),
}
_KINDS = (  # the first that fits
    (sa.Boolean, "boolean"),
    (sa.Integer, "integer"),
    (sa.LargeBinary, "bytes"),
    (sa.DateTime, "moment"),
    (sa.Date, "date"),
    (sa.String, "text"),
)
_ROWS, _LARGE_ROWS = 1000, 100  # read at once; the latter where a row may hold a whole page of ServiceTitan's


@dataclass(frozen=True, slots=True)
class BackedUp:
    """`size` in bytes; `sha256` of the whole file."""

    manifest: Manifest
    size: int
    sha256: str


def back_up(
    database: Database, path: Path, actor: str, progress: Progress, now: Callable[[], datetime] = utc_now
) -> BackedUp:
    """Write a backup, and a note of it in the installation's trail.

    Raises Interrupted `store.not_prepared` where there is no ledger, `backup.exists`, `backup.unwritable`,
    `backup.foreign_table`, and `store.damaged` where the database cannot be read.
    """
    at = now()
    with archive.writing(path) as writer, database.snapshot() as sql:
        if database.is_postgresql:  # a slow disk is not a client that went away; and who only reads blocks nobody
            sql.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '10min'")
        revision = database.revision(sql)
        if revision is None:
            remedy = "Name the ledger's place in ML_CONNECTOR_DATA or ML_CONNECTOR_DATABASE."
            raise Interrupted(Finding("store.not_prepared", database.name, "there is no ledger to back up", remedy))
        found = tables(sql)
        whole = sum(sql.execute(sa.select(sa.func.count()).select_from(it)).scalar_one() for it in found)
        told = _Told(progress, whole)
        stored = tuple(_store(sql, writer, table, told) for table in found)
        kind = "postgresql" if database.is_postgresql else "sqlite"
        manifest = Manifest(revision, version("ml-connector"), at, kind, stored, tuple(_chains(sql)))
        writer.manifest(manifest)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if revision == REVISION:
        detail = {"file": path.name, "sha256": sha256, "rows": manifest.rows}
        with database.writing() as sql:
            w = trail.Writing(sql, INSTALLATION, actor, now())
            w.append(Event("ledger.backed_up", detail))
            w.seal()
    return BackedUp(manifest, path.stat().st_size, sha256)


def tables(sql: sa.Connection) -> list[sa.TableClause]:
    """The tables that are there, in an order in which they can be filled, each column with the type of its kind.

    Raises Interrupted `backup.foreign_table` where one of them is not ours.
    """
    inspector = sa.inspect(sql)
    names = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name and name != VERSIONS]
    return [sa.table(name, *(_column(name, it) for it in inspector.get_columns(name))) for name in names]


def kinds(table: sa.TableClause) -> tuple[tuple[str, str], ...]:
    """Its columns and what they hold, as a manifest says it."""
    words = {id(type_): kind for kind, type_ in SQL_TYPES.items()}
    return tuple((column.name, words[id(column.type)]) for column in table.columns)


def _column(table: str, found: sa.engine.interfaces.ReflectedColumn) -> sa.ColumnClause[Any]:
    kind = next((kind for type_, kind in _KINDS if isinstance(found["type"], type_)), None)
    if kind is None or table not in metadata.tables:
        says = f"the database has a table '{table}' that is not ml-connector's"
        remedy = "Give ml-connector a database of its own, and move that table out of it."
        raise Interrupted(Finding("backup.foreign_table", f"table {table}", says, remedy))
    return sa.column(found["name"], SQL_TYPES[kind])


def _store(sql: sa.Connection, writer: archive.Writer, table: sa.TableClause, told: _Told) -> Stored:
    held = kinds(table)
    at_once = _LARGE_ROWS if any(kind == "bytes" for _, kind in held) else _ROWS
    rows = sql.execute(sa.select(*table.columns), execution_options={"yield_per": at_once})
    return writer.table(table.name, held, told.of(table.name, rows.partitions()), _last_id(sql, table))


@dataclass(slots=True)
class _Told:
    """Tells how far it has come."""

    progress: Progress
    whole: int
    done: int = 0

    def of(self, table: str, parts: Iterable[Sequence[sa.Row[*tuple[Any, ...]]]]) -> Iterator[list[Row]]:
        """The rows of a table, chunk by chunk. Raises Interrupted `store.damaged` for a value that is none."""
        try:
            for part in parts:
                yield [tuple(row) for row in part]
                self.progress("back up", done := self.done + len(part), self.whole)
                self.done = done
        except (ValueError, TypeError) as fault:
            says = f"A row holds what it cannot hold: {fault}"
            remedy = "Find out who wrote to the database, and restore the last backup from before that."
            raise Interrupted(Finding("store.damaged", f"table {table}", says, remedy)) from None


def _last_id(sql: sa.Connection, table: sa.TableClause) -> int:
    """The highest id that the table ever gave: ids are not given twice, whatever was deleted since."""
    if not any(name == "id" and kind == "integer" for name, kind in kinds(table)):
        return 0
    highest: int = sql.execute(sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0))).scalar_one()
    if sql.dialect.name == "sqlite":
        if not sa.inspect(sql).has_table("sqlite_sequence"):
            return highest
        given = sql.execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
        return max(highest, given.scalar_one_or_none() or 0)
    sequence = sql.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, "id"))).scalar_one()
    if sequence is None:
        return highest
    state = sa.select(sa.column("last_value", sa.BigInteger), sa.column("is_called", sa.Boolean)).select_from(
        sa.text(sequence)
    )
    last, was_given = sql.execute(state).one()
    return max(highest, last if was_given else 0)


def _chains(sql: sa.Connection) -> Iterator[Chain]:
    wanted = sa.select(connections.c.name, trail_heads.c.seq, trail_heads.c.hash)
    joined = wanted.join(trail_heads, trail_heads.c.connection_id == connections.c.id)
    for name, entries, digest in sql.execute(joined.order_by(connections.c.id)):
        yield Chain(name, entries, digest)
