"""Backup and restore, from each database into each: everything comes back as it was, or nothing at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from ml_connector.docket.stages import Held, Planned
from ml_connector.docket.trail import Event
from ml_connector.field.source import SourceKind
from ml_connector.findings import Finding, Interrupted
from ml_connector.store import archive, backup, restore, schema
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import KEY_BYTES, MasterKey, Vault
from tests.contract.another_process import ROWS, Another, back_up, bring_back, sweep
from tests.contract.ledger_contract import (
    NOON,
    a_document,
    a_ledger,
    a_plan,
    a_reading,
    a_rulebook,
    entered,
    moved,
    planned,
    swept,
)

LATER = datetime(2026, 3, 20, 6, tzinfo=UTC)
KEY = MasterKey(b"k" * KEY_BYTES)
AnEmptyLedger = Callable[[str], str]
BOTH = pytest.mark.parametrize("into", ["sqlite", "postgresql"])


def quiet(step: str, done: int, of: int | None) -> None:
    """Nobody looks on."""


def interrupted(what: pytest.ExceptionInfo[Interrupted]) -> str:
    return what.value.finding.code


@pytest.fixture
def ledger(ledger_url: str) -> Ledger:
    """A ledger with something in every table, and with gaps: ids that were given and whose rows are gone."""
    ledger = a_ledger(ledger_url)
    ledger.add_rulebook(a_rulebook(("North", "NORTH")), "maria", 'the "first" — Ünï')
    run = ledger.start_run(dry=False, why="daily 06:00")
    for n in range(1, 10):
        docket = swept(ledger, a_reading(n, amount=None if n % 7 == 0 else f"{n}.25", number=f"Nr {n} '\"%\n\t☃"))
        if n % 3 == 0:
            entered(ledger, planned(ledger, docket, a_document(f"STI{n}")))
        elif n % 3 == 1:
            finding = Finding("account.unmapped", "line 3", "No account for 'AC-TUNE'.", "Add a row, then replay.")
            moved(ledger, planned(ledger, docket, a_document(f"STI{n}")), Held((finding,)))
    ledger.end_run(run, "finished", {"entered": 3})
    database = Database(ledger_url)
    Vault(database, lambda: [KEY], "maria", lambda: NOON).put("gp-password", "Hunter2!")
    ledger.keep(bytes(range(256)) * 2000)
    with database.writing() as sql:
        sql.execute(sa.update(schema.evidence).where(schema.evidence.c.raw_size < 20).values(body=None))
        for table in schema.metadata.sorted_tables:
            if sql.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0:
                sql.execute(sa.insert(table), [_some_row(sql, table)])
    _spend_a_document_id(ledger)
    database.hold("servicetitan-1", "a run", 3600)
    database.close()
    return ledger


def _some_row(sql: sa.Connection, table: sa.Table) -> dict[str, Any]:
    """A row that the table takes: something else in each column, and a row that is there where it refers to one."""
    values: dict[str, Any] = {}
    for n, column in enumerate(table.columns):
        kind = column.type.python_type if not isinstance(column.type, schema.Moment) else datetime
        made = {str: f"{column.name} é", int: n, bool: True, bytes: b"\x00\xff" * n, datetime: NOON}
        values[column.name] = made.get(kind, NOON.date())
        for key in column.foreign_keys:
            values[column.name] = sql.execute(sa.select(sa.func.max(key.column))).scalar_one()
    return {name: it for name, it in values.items() if name != "id"}


def _spend_a_document_id(ledger: Ledger) -> None:
    """A document that was planned and given up again: its id is never given to another one."""
    docket = swept(ledger, a_reading(999))
    ledger.record([a_plan(docket, a_document("STI999A"), stage=Planned())])
    ledger.record([a_plan(docket, a_document("STI999B"), stage=Planned())])
    with ledger._database.writing() as sql:
        sql.execute(sa.delete(schema.documents).where(schema.documents.c.docket_id == docket.id))


def everything(url: str) -> dict[str, list[str]]:
    """Every row of every table as text, but for what a backup and a restore themselves write."""
    database = Database(url)
    found: dict[str, list[str]] = {}
    with database.reading() as sql:
        for table in schema.metadata.sorted_tables:
            rows = [dict(row) for row in sql.execute(sa.select(table)).mappings()]
            if table is schema.trail:
                rows = [row for row in rows if row["event"] not in ("ledger.backed_up", "ledger.restored")]
            if table not in (schema.leases, schema.trail_heads):
                found[table.name] = sorted(map(repr, rows))
    database.close()
    return found


def source(folder: Path) -> str:
    return f"sqlite:///{folder}/source.sqlite"


def a_ledger_with_a_docket(url: str) -> str:
    ledger = a_ledger(url)
    planned(ledger, swept(ledger))
    return url


def a_backup(url: str, folder: Path, name: str = "backup.zip") -> Path:
    database = Database(url)
    backup.back_up(database, folder / name, "maria", quiet, lambda: LATER)
    database.close()
    return folder / name


def restored(path: Path, url: str, **how: bool) -> restore.Restored:
    database = Database(url)
    try:
        return restore.restore(path, database, "paul", quiet, now=lambda: LATER, **how)
    finally:
        database.close()


def tables_in(url: str) -> list[str]:
    database = Database(url)
    with database.reading() as sql:
        found = sa.inspect(sql).get_table_names()
    database.close()
    return found


@BOTH
def test_a_ledger_comes_back_as_it_was(
    into: str, ledger: Ledger, ledger_url: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger
) -> None:
    """From SQLite and PostgreSQL into SQLite and PostgreSQL: how a ledger is kept, and how it grows out of one machine."""
    before = everything(ledger_url)
    assert all(before[it.name] for it in schema.metadata.sorted_tables if it.name in before), "a table was left empty"
    there = an_empty_ledger(into)
    told = restored(a_backup(ledger_url, tmp_path), there)
    assert everything(there) == before
    assert told.broken == {}
    copy = a_ledger(there)
    assert copy.verify() is None
    assert [it.event.name for it in copy.trail(limit=10_000)][-1] == "ledger.restored"
    assert Vault(Database(there), lambda: [KEY], "maria").get("gp-password") == "Hunter2!"


@BOTH
def test_an_id_that_was_ever_given_is_not_given_again(
    into: str, ledger: Ledger, ledger_url: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger
) -> None:
    """The next docket, document, run and connection are new ones, also where the newest row was deleted before."""
    highest = {}
    with ledger._database.reading() as sql:
        for table in (schema.dockets, schema.documents, schema.runs):
            highest[table] = sql.execute(sa.select(sa.func.max(table.c.id))).scalar_one()
    there = an_empty_ledger(into)
    restored(a_backup(ledger_url, tmp_path), there)
    copy = a_ledger(there)
    docket = swept(copy, a_reading(5000))
    assert docket.id == highest[schema.dockets] + 1
    assert planned(copy, docket, a_document("STI5000")).id > highest[schema.documents] + 1, "two were spent"
    assert copy.start_run(dry=True) == highest[schema.runs] + 1
    assert a_ledger(there, "south").trail()[0].event.name == "connection.added"


def test_a_backup_taken_while_a_run_writes_is_one_moment_of_it(
    ledger_url: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger
) -> None:
    """Cursor, pages, rows and trail agree in each of three backups, and the writer waits for none of them."""
    a_ledger(ledger_url)
    sweeper = Another(sweep, ledger_url)
    paths = []
    for n in range(3):
        for _ in range(3):
            sweeper.hear()
        paths.append(a_backup(ledger_url, tmp_path, f"{n}.zip"))
    sweeper.kill()
    for n, path in enumerate(paths):
        there = an_empty_ledger("sqlite")
        restored(path, there)
        copy = a_ledger(there)
        pages = int(copy.cursor(SourceKind.INVOICE) or "0")
        assert pages >= 3 * (n + 1)
        assert [ending.groups["opened"].count for ending in copy.endings()] == [pages * ROWS]
        assert [it.event.name for it in copy.trail(limit=10**6)].count("sweep.page") == pages
        assert copy.verify() is None


def test_the_trail_tells_of_a_backup_by_the_hash_of_its_file(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    path = a_backup(ledger_url, tmp_path)
    installation = Ledger(ledger._database, schema.INSTALLATION, "installation", "maria", lambda: NOON)
    entry = installation.trail()[-1]
    assert (entry.event.name, entry.actor) == ("ledger.backed_up", "maria")
    assert entry.event.detail["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert installation.verify() is None


def test_the_master_key_and_the_secrets_are_not_in_a_backup(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(a_backup(ledger_url, tmp_path)) as opened:
        whole = b"".join(opened.read(name) for name in opened.namelist())
    assert b"Hunter2!" not in whole
    assert msgspec.json.encode(KEY.raw).strip(b'"') not in whole


def test_a_backup_is_read_by_its_owner_alone_and_never_overwritten(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    path = a_backup(ledger_url, tmp_path)
    assert path.stat().st_mode & 0o077 == 0
    before = path.read_bytes()
    with pytest.raises(Interrupted) as what:
        a_backup(ledger_url, tmp_path)
    assert interrupted(what) == "backup.exists"
    assert path.read_bytes() == before
    assert list(tmp_path.glob("*.part")) == []


def test_a_backup_that_cannot_be_written_leaves_nothing(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as what:
        a_backup(ledger_url, tmp_path / "nowhere")
    assert interrupted(what) == "backup.unwritable"
    assert not (tmp_path / "nowhere").exists()


def test_a_killed_backup_leaves_no_file_of_that_name(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    """It is written beside its place, and put there only when it is whole."""
    killed = Another(back_up, ledger_url, str(tmp_path / "backup.zip"))
    killed.hear()
    killed.kill()
    assert not (tmp_path / "backup.zip").exists()
    assert a_backup(ledger_url, tmp_path).exists()


@BOTH
def test_a_killed_restore_leaves_nothing_and_may_be_repeated(
    into: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger
) -> None:
    path, there = a_backup(a_ledger_with_a_docket(source(tmp_path)), tmp_path), an_empty_ledger(into)
    killed = Another(bring_back, str(path), there)
    while killed.hear() != "verify trails":
        pass
    killed.kill()
    assert tables_in(there) == []
    restored(path, there)
    assert everything(there) == everything(source(tmp_path))


@BOTH
def test_what_is_there_already_is_never_overwritten(into: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger) -> None:
    """Not a ledger with a single connection, and not somebody else's table."""
    path = a_backup(a_ledger_with_a_docket(source(tmp_path)), tmp_path)
    full, foreign = an_empty_ledger(into), an_empty_ledger(into)
    a_ledger(full, "west")
    with Database(foreign).writing() as sql:
        sql.exec_driver_sql("CREATE TABLE recipes (id INTEGER)")
    for there in (full, foreign):
        before = tables_in(there)
        with pytest.raises(Interrupted) as what:
            restored(path, there)
        assert interrupted(what) == "restore.not_empty"
        assert tables_in(there) == before
    assert [it.name for it in Database(full).connections("x").all()] == ["west"]


@BOTH
def test_a_database_that_was_only_prepared_counts_as_empty(
    into: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger
) -> None:
    """Somebody ran 'doctor' before the restore, which makes the tables."""
    there = an_empty_ledger(into)
    Database(there).migrate()
    restored(a_backup(a_ledger_with_a_docket(source(tmp_path)), tmp_path), there)
    assert everything(there) == everything(source(tmp_path))


@BOTH
def test_an_engine_that_knows_of_other_runs_is_in_the_way(
    into: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger
) -> None:
    there = an_empty_ledger(into)
    database = Database(there)
    if database.file is None:
        with database.writing() as sql:
            sql.exec_driver_sql("CREATE SCHEMA dbos")
    else:
        database.file.with_name("engine.sqlite").touch()
    with pytest.raises(Interrupted) as what:
        restored(a_backup(a_ledger_with_a_docket(source(tmp_path)), tmp_path), there)
    assert interrupted(what) == "restore.engine_left"
    assert tables_in(there) == []


def test_a_lease_of_before_the_restore_is_worth_nothing_after_it(
    ledger: Ledger, ledger_url: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger
) -> None:
    """A process that slept through the restore wakes up, and stores nothing in the restored ledger."""
    there = an_empty_ledger("sqlite")
    restored(a_backup(ledger_url, tmp_path), there)
    copy = a_ledger(there)
    lease = copy.hold("servicetitan-1", 60)
    assert lease is not None, "the run that held it is no longer"
    lease.fence -= 1_000_000
    with pytest.raises(Interrupted) as what:
        copy.with_lease(lease).note(Event("test.done", {}))
    assert interrupted(what) == "run.lease_lost"


# Files that are not as they were written


@pytest.fixture
def rewritten(tmp_path: Path) -> Callable[[Callable[[dict[str, bytes]], None]], Path]:
    """Write a backup anew with other members in it."""
    path = a_backup(a_ledger_with_a_docket(source(tmp_path)), tmp_path)

    def change(deed: Callable[[dict[str, bytes]], None]) -> Path:
        with zipfile.ZipFile(path) as opened:
            members = {name: opened.read(name) for name in opened.namelist()}
        before = dict(members)
        deed(members)
        assert members != before
        with zipfile.ZipFile(tmp_path / "changed.zip", "w") as written:
            for name, content in members.items():
                written.writestr(name, content)
        return tmp_path / "changed.zip"

    return change


def _amount(members: dict[str, bytes]) -> None:
    members["tables/dockets.jsonl"] = members["tables/dockets.jsonl"].replace(b"10825", b"99999")


def _row_left_out(members: dict[str, bytes]) -> None:
    members["tables/trail.jsonl"] = b"".join(members["tables/trail.jsonl"].splitlines(True)[:-1])


def _row_left_out_and_the_manifest_too(members: dict[str, bytes]) -> None:
    _row_left_out(members)
    manifest = json.loads(members[archive.MANIFEST])
    trail = next(it for it in manifest["tables"] if it["name"] == "trail")
    trail["rows"] -= 1
    trail["sha256"] = hashlib.sha256(members["tables/trail.jsonl"]).hexdigest()
    members[archive.MANIFEST] = json.dumps(manifest).encode()


def _column_of_another_kind(members: dict[str, bytes]) -> None:
    members[archive.MANIFEST] = members[archive.MANIFEST].replace(
        b'"fingerprint",\n          "text"', b'"fingerprint",\n          "integer"'
    )


def _member_more(members: dict[str, bytes]) -> None:
    members["tables/recipes.jsonl"] = b"[]\n"


def _member_less(members: dict[str, bytes]) -> None:
    del members["tables/evidence.jsonl"]


def _newer(members: dict[str, bytes]) -> None:
    members[archive.MANIFEST] = members[archive.MANIFEST].replace(b'"revision": "', b'"revision": "9')


def _no_manifest(members: dict[str, bytes]) -> None:
    del members[archive.MANIFEST]


def _another_format(members: dict[str, bytes]) -> None:
    members[archive.MANIFEST] = members[archive.MANIFEST].replace(b'"format": 1', b'"format": 2')


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (_amount, "restore.damaged"),
        (_row_left_out, "restore.damaged"),
        (_row_left_out_and_the_manifest_too, "restore.trail_broken"),
        (_column_of_another_kind, "restore.damaged"),
        (_member_more, "restore.damaged"),
        (_member_less, "restore.damaged"),
        (_newer, "store.newer"),
        (_no_manifest, "restore.unreadable"),
        (_another_format, "restore.unreadable"),
    ],
    ids=lambda it: it.__name__.strip("_") if callable(it) else it,
)
def test_a_file_that_is_not_as_it_was_written_is_refused_and_nothing_is_stored(
    deed: Callable[[dict[str, bytes]], None],
    code: str,
    rewritten: Callable[[Callable[[dict[str, bytes]], None]], Path],
    an_empty_ledger: AnEmptyLedger,
) -> None:
    there = an_empty_ledger("sqlite")
    with pytest.raises(Interrupted) as what:
        restored(rewritten(deed), there)
    assert interrupted(what) == code
    assert tables_in(there) == []


def test_a_file_with_one_byte_changed_or_cut_off_is_refused(tmp_path: Path) -> None:
    """Wherever the disk or the copy went wrong."""
    path = a_backup(a_ledger_with_a_docket(source(tmp_path)), tmp_path)
    whole, wrong = path.read_bytes(), tmp_path / "wrong.zip"
    for place in range(0, len(whole), len(whole) // 60):
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            wrong.write_bytes(content)
            said = said_of(wrong)
            assert said in ("restore.damaged", "restore.unreadable", "store.newer", said_of(path)), place


def said_of(path: Path) -> str:
    """Why it is refused; or its manifest, where nothing is wrong with it: some bytes of a ZIP say nothing."""
    try:
        return str(restore.check(path, quiet))
    except Interrupted as fault:
        return fault.finding.code


# A ledger that was changed before it was backed up


def test_a_broken_trail_is_not_restored_unless_it_is_asked_for(
    ledger: Ledger, ledger_url: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger
) -> None:
    """Who has no other backup may have it all the same, and is told which entry it was."""
    with ledger._database.writing() as sql:
        sql.exec_driver_sql(
            "UPDATE trail_heads SET hash = previous_hash FROM trail WHERE trail.seq = trail_heads.seq"
            " AND trail.connection_id = trail_heads.connection_id AND trail_heads.connection_id <> 0"
        )
    path, there = a_backup(ledger_url, tmp_path), an_empty_ledger("sqlite")
    with pytest.raises(Interrupted) as what:
        restored(path, there)
    assert interrupted(what) == "restore.trail_broken"
    assert tables_in(there) == []
    told = restored(path, there, despite_broken_trail=True)
    assert list(told.broken) == ["north"]
    assert a_ledger(there).verify() is not None


def test_a_table_of_somebody_else_stops_a_backup(ledger_url: str, tmp_path: Path) -> None:
    a_ledger(ledger_url)
    with Database(ledger_url).writing() as sql:
        sql.exec_driver_sql("CREATE TABLE recipes (id INTEGER)")
    with pytest.raises(Interrupted) as what:
        a_backup(ledger_url, tmp_path)
    assert interrupted(what) == "backup.foreign_table"
    assert list(tmp_path.glob("backup*")) == []


def test_a_value_that_cannot_be_is_told_and_no_half_backup_is_left(tmp_path: Path) -> None:
    """Somebody wrote into the file by hand; SQLite took it."""
    url = a_ledger_with_a_docket(source(tmp_path))
    with Database(url).writing() as sql:
        sql.exec_driver_sql("UPDATE dockets SET opened_at = 'yesterday'")
    with pytest.raises(Interrupted) as what:
        a_backup(url, tmp_path)
    assert interrupted(what) == "store.damaged"
    assert list(tmp_path.glob("backup*")) == []


def test_two_restores_at_once_make_one_ledger(
    ledger: Ledger, ledger_url: str, tmp_path: Path, an_empty_ledger: AnEmptyLedger
) -> None:
    """Two people have the same idea: the second is told that something is there."""
    path, there = a_backup(ledger_url, tmp_path), an_empty_ledger("postgresql")
    codes: list[str] = []

    def deed() -> None:
        try:
            restored(path, there)
        except Interrupted as fault:
            codes.append(fault.finding.code)

    threads = [threading.Thread(target=deed) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == ["restore.not_empty"]
    assert everything(there) == everything(ledger_url)


def test_a_large_answer_is_kept_whole(tmp_path: Path, an_empty_ledger: AnEmptyLedger) -> None:
    """A page of thirty megabytes is one line of the file."""
    url, there = source(tmp_path), an_empty_ledger("sqlite")
    ledger = a_ledger(url)
    raw = b"".join(hashlib.sha256(n.to_bytes(4)).digest() for n in range(1_000_000))
    sha = ledger.keep(raw)
    restored(a_backup(url, tmp_path), there)
    assert a_ledger(there).evidence(sha) == raw
    shutil.rmtree(tmp_path)
