"""Ledgers that earlier versions of the program really wrote, in the hands of this one.

Each file under `ledgers` was made by the program of that revision: a month swept, entered, something held, skipped and
accepted, and then `ml-connector backup`. Whoever raises the revision adds the one of before.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ml_connector.docket.stages import Entered
from ml_connector.findings import Interrupted
from ml_connector.store import archive, restore
from ml_connector.store.backup import tables
from ml_connector.store.database import Database
from ml_connector.store.schema import INSTALLATION, REVISION
from ml_connector.store.vault import MasterKey, Vault
from tests.simulation.nursery import Nursery
from tests.simulation.world import NAME, a_shop, a_world

LEDGERS = Path(__file__).parent / "ledgers"
REVISIONS = sorted(path.stem for path in LEDGERS.glob("*.zip"))
BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"])
AnEmptyLedger = Callable[[str], str]


def quiet(step: str, done: int, of: int | None) -> None:
    """Nobody looks on."""


def as_it_was(revision: str, url: str) -> None:
    """Make the database that the program of that revision left behind."""
    database = Database(url)
    with archive.reading(LEDGERS / f"{revision}.zip") as reader, database.writing() as sql:
        database.upgrade(sql, reader.manifest.revision)
        restore.fill(sql, reader, quiet)
    database.close()


def rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row that belongs to a connection, but for the schema's own."""
    database = Database(url)
    with database.reading() as sql:
        found = {it.name: [dict(row) for row in sql.execute(sa.select(*it.columns)).mappings()] for it in tables(sql)}
    database.close()
    of_none = {"connections": "id", "trail_heads": "connection_id", "trail": "connection_id"}
    return {
        name: sorted((row for row in all if row.get(of_none.get(name, ""), "") != INSTALLATION), key=repr)
        for name, all in found.items()
    }


def test_there_is_a_ledger_of_every_earlier_revision() -> None:
    assert {f"{n:04d}" for n in range(1, int(REVISION))} <= set(REVISIONS)


@BOTH
@pytest.mark.parametrize("revision", REVISIONS)
def test_a_ledger_of_an_earlier_version_is_migrated_with_all_that_it_holds(
    revision: str, database: str, an_empty_ledger: AnEmptyLedger
) -> None:
    """Not a row or a cell of what was there is lost or changed, and its trail still holds."""
    url = an_empty_ledger(database)
    as_it_was(revision, url)
    before = rows(url)
    Database(url).migrate()
    after = rows(url)
    for name, there in before.items():
        columns = there[0].keys() if there else ()
        assert [{column: row[column] for column in columns} for row in after[name]] == there, name
    ledger = Database(url).ledger(NAME, "maria")
    assert ledger.verify() is None
    if revision >= "0002":
        assert Vault(Database(url), lambda: [MasterKey(b"k" * 32)], "maria").get("gp-password") == "Hunter2!"


@BOTH
@pytest.mark.parametrize("revision", REVISIONS)
def test_the_product_goes_on_with_a_ledger_of_an_earlier_version(
    revision: str, database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: AnEmptyLedger
) -> None:
    """It tells how everything stands, explains an invoice that the old version entered, and enters only what is new."""
    with a_world(tmp_path / "world", an_empty_ledger("sqlite"), nursery, shop=a_shop(30, 10)) as world:
        world.finish()  # another ledger: so that GP holds what the old version entered
        url = an_empty_ledger(database)
        as_it_was(revision, url)
        old = world.with_environment(url)
        assert old.call("trail", NAME, "--verify") == {"holds": True, "broken_at": None}
        migrated = world.with_ledger(url)
        number = next(iter(migrated.documents(Entered)))
        told = json.dumps(migrated.call("explain", NAME, number))
        assert "document.entered" in told
        migrated.call("connection", "add", str(tmp_path / "world" / "trial.toml"), "--replace")
        standing = migrated.call("status", NAME)
        assert standing["endings"]["invoice"]["entered"]["count"] > 5
        assert standing["runs"][-1]["why"] == ""

        before, creates = world.in_gp(), world.creates()
        assert set(migrated.documents(Entered)) - {"STI10482"} <= set(before), (
            "but for the stranger's, which was accepted"
        )
        migrated.finish()
        assert (world.in_gp(), world.creates()) == (before, creates)
        migrated.trade_goes_on(3)
        migrated.finish()
        assert world.creates() == creates + 3
        assert migrated.ledger.verify() is None


@BOTH
@pytest.mark.parametrize("revision", REVISIONS)
def test_a_backup_of_an_earlier_version_is_restored_and_migrated(
    revision: str, database: str, an_empty_ledger: AnEmptyLedger
) -> None:
    there, migrated = an_empty_ledger(database), an_empty_ledger("sqlite")
    restore.restore(LEDGERS / f"{revision}.zip", Database(there), "maria", quiet)
    as_it_was(revision, migrated)
    Database(migrated).migrate()
    left_out = ("trail", "trail_heads", "leases")  # the restore is noted, and the leases are fenced
    assert [(k, v) for k, v in rows(there).items() if k not in left_out] == [
        (k, v) for k, v in rows(migrated).items() if k not in left_out
    ]


@BOTH
def test_a_migration_that_fails_leaves_the_ledger_as_it_was(database: str, an_empty_ledger: AnEmptyLedger) -> None:
    """Somebody's table is in the way of a new one: nothing is half migrated, and the old program still works on it."""
    url = an_empty_ledger(database)
    as_it_was("0001", url)
    with Database(url).writing() as sql:
        sql.exec_driver_sql("CREATE TABLE alerts (recipe INTEGER)")
    with pytest.raises(sa.exc.SQLAlchemyError):
        Database(url).migrate()
    opened = Database(url)
    with opened.reading() as sql:
        assert opened.revision(sql) == "0001"
        assert not sa.inspect(sql).has_table("users")


def test_a_backup_does_not_migrate_what_it_backs_up(
    tmp_path: Path, nursery: Nursery, an_empty_ledger: AnEmptyLedger
) -> None:
    """The new program is installed, and somebody remembers the backup: it is one that the old program can use."""
    url = an_empty_ledger("sqlite")
    as_it_was("0001", url)
    with a_world(tmp_path / "world", an_empty_ledger("sqlite"), nursery, shop=a_shop(1, 1)) as world:
        assert world.with_environment(url).call("backup", str(tmp_path / "old.zip"))["revision"] == "0001"
    opened = Database(url)
    with opened.reading() as sql:
        assert opened.revision(sql) == "0001"


def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path, an_empty_ledger: AnEmptyLedger) -> None:
    url = an_empty_ledger("sqlite")
    as_it_was("0001", url)
    with Database(url).writing() as sql:
        sql.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Interrupted, match=r"store\.newer"):
        Database(url).migrate()
