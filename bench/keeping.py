"""Keeping: a large ledger into a backup and out of it again, beside what the database itself does for the same end.

The ledger is a real month from the sandboxes, many times over, with a chain of trail entries that holds. Each contestant
is a process of its own; its memory is the highest that it ever had.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import sqlalchemy as sa

from bench.measuring import Figures, Report, against, alternate, lines, run_child
from bench.trials import ACTOR, a_trial, no_progress
from ml_connector.docket import trail as chain
from ml_connector.docket.trail import Event
from ml_connector.runtime.run import run
from ml_connector.store import backup, restore
from ml_connector.store.database import Database
from ml_connector.store.forms import text
from ml_connector.store.schema import dockets, documents, evidence, trail, trail_heads

BACKUP, RESTORE, FLOOR = "backup", "restore, trail recomputed", "floor: SQLite's own online backup"
_MONTH = 420


def measure(documents: int, rounds: int) -> Report:
    """Back up and restore a ledger of about so many documents."""
    with tempfile.TemporaryDirectory(prefix="ml-connector-bench-") as temporary:
        folder = Path(temporary)
        rows = grow(folder / "ledger.sqlite", documents)
        deeds = {BACKUP: "back_up", FLOOR: "copy", RESTORE: "bring_back"}
        found = alternate({name: _measured(deed, folder, rows) for name, deed in deeds.items()}, rounds)
        size, packed = ((folder / it).stat().st_size / 1e6 for it in ("ledger.sqlite", "backup.zip"))
    notes = [f"{rows} rows, about {documents} documents; the ledger has {size:,.0f} MB, the backup {packed:,.0f} MB"]
    return Report("Keeping: backup and restore", lines(found) | against(found, BACKUP, FLOOR), notes)


def _measured(deed: str, folder: Path, rows: int) -> Callable[[], Figures]:
    def once() -> Figures:
        told = json.loads(run_child([sys.executable, "-m", "bench.keeping", deed, str(folder)], folder).said)
        return {"rows/s": rows / told["sec"], "seconds": told["sec"], "memory MB": told["memory"] / 1e3}

    return once


def grow(path: Path, wanted: int) -> int:
    """A ledger at `path` with about so many documents; how many rows it has."""
    with a_trial(_MONTH) as wired:
        run(wired, no_progress)
        file = wired.database.file
        wired.database.close()
        assert file is not None
        shutil.copy(file, path)
    database = Database(f"sqlite:///{path}")
    with database.reading() as sql:
        template = {it.name: [dict(row) for row in sql.execute(sa.select(it)).mappings()] for it in _GROWING}
        head = sql.execute(sa.select(trail_heads).where(trail_heads.c.connection_id == 1)).mappings().one()
    seq, last = head["seq"], head["hash"]
    times = max(0, wanted // len(template["documents"]) - 1)
    for n in range(1, times + 1):
        with database.writing() as sql:
            for table in (evidence, dockets, documents):
                sql.execute(sa.insert(table), [_copy(table.name, row, n) for row in template[table.name]])
            entries = []
            for row in template["trail"]:
                event = Event(
                    row["event"], msgspec.json.decode(row["detail"]), _docket(row["docket_id"], n), row["number"]
                )
                entry = chain.entry(seq + 1, row["at"], row["actor"], event, last)
                seq, last = entry.seq, entry.hash
                entries.append(row | {"seq": seq, "docket_id": event.docket_id, "previous_hash": entry.previous_hash})
                entries[-1] |= {"hash": last, "detail": text(event.detail)}
            sql.execute(sa.insert(trail), entries)
            here = sa.update(trail_heads).where(trail_heads.c.connection_id == 1)
            sql.execute(here.values(seq=seq, hash=last))
    with database.reading() as sql:
        rows = sum(sql.execute(sa.select(sa.func.count()).select_from(it)).scalar_one() for it in backup.tables(sql))
    database.close()
    return rows


_GROWING = (evidence, dockets, documents, trail)
_APART = 1_000_000  # between the ids of one copy of the month and the next


def _copy(table: str, row: dict[str, object], n: int) -> dict[str, object]:
    match table:
        case "evidence":
            return row | {"sha256": f"{n:08x}{str(row['sha256'])[8:]}"}
        case "dockets":
            return row | {"id": _docket(row["id"], n), "source_id": _docket(row["source_id"], n * 1000)}
        case _:
            ids = {"id": _docket(row["id"], n), "docket_id": _docket(row["docket_id"], n)}
            return row | ids | {"number": f"{row['number']}.{n}"}


def _docket(id: object, n: int) -> int | None:
    return id + n * _APART if isinstance(id, int) else None


# What is measured, each in a process of its own


def back_up(folder: Path) -> None:
    (folder / "backup.zip").unlink(missing_ok=True)
    backup.back_up(Database(f"sqlite:///{folder / 'ledger.sqlite'}"), folder / "backup.zip", ACTOR, no_progress)


def bring_back(folder: Path) -> None:
    for file in folder.glob("restored.sqlite*"):
        file.unlink()
    restore.restore(folder / "backup.zip", Database(f"sqlite:///{folder / 'restored.sqlite'}"), ACTOR, no_progress)


def copy(folder: Path) -> None:
    """Page by page, as SQLite does it; nothing is looked at, packed or hashed."""
    (folder / "copy.sqlite").unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(folder / "ledger.sqlite")) as here,
        closing(sqlite3.connect(folder / "copy.sqlite")) as there,
    ):
        here.backup(there)


def main(deed: str, folder: str) -> None:
    """One of the deeds; prints its seconds, and the highest memory of the process in kB."""
    started = time.perf_counter()
    {"back_up": back_up, "bring_back": bring_back, "copy": copy}[deed](Path(folder))
    seconds = time.perf_counter() - started
    print(json.dumps({"sec": seconds, "memory": _highest_memory()}))


def _highest_memory() -> int:
    """kB; from Linux's own account, since what getrusage tells begins with the memory of the parent."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main(*sys.argv[1:])
