"""How the ledger's database stands: for doctor. Nothing is changed by looking."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from ml_connector.store.database import Database

# What a commit's durability hangs on, and what texts are kept in.
PRAGMAS = ("journal_mode", "synchronous", "foreign_keys")
SHOWN = ("fsync", "full_page_writes", "synchronous_commit", "server_encoding")


class _Undone(Exception):
    """Rolls the trial back."""


def version(database: Database) -> str:
    """What answers, and the revision of our tables. Raises Interrupted `store.unreachable` and its kin."""
    with database.reading() as sql:
        ask = "SHOW server_version" if database.is_postgresql else "SELECT sqlite_version()"
        engine = sql.execute(sa.text(ask)).scalar_one()
        revision = sql.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one()
    return f"{'PostgreSQL' if database.is_postgresql else 'SQLite'} {engine}, revision {revision}"


def try_writing(database: Database) -> None:
    """Write, and take it back. Raises Interrupted `store.read_only`, `store.locked`, `store.full` and their kin."""
    try:
        with database.writing() as sql:
            sql.execute(sa.text("UPDATE alembic_version SET version_num = version_num"))
            raise _Undone
    except _Undone:
        pass


def settings(database: Database) -> Mapping[str, str]:
    """The settings that matter, by name, as the database says them."""
    with database.reading() as sql:
        if database.is_postgresql:
            return {name: str(sql.execute(sa.text(f"SHOW {name}")).scalar_one()) for name in SHOWN}
        return {name: str(sql.execute(sa.text(f"PRAGMA {name}")).scalar_one()) for name in PRAGMAS}


def free_space(database: Database) -> int | None:
    """Bytes left on the disk of SQLite's file; None where the database is elsewhere."""
    if database.is_postgresql:
        return None
    with database.reading() as sql:
        file = next(row.file for row in sql.execute(sa.text("PRAGMA database_list")) if row.name == "main")
    return shutil.disk_usage(Path(file).parent).free if file else None
