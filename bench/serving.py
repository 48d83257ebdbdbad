"""The service that waits: a hundred connections with their schedules on one worker, beside a process that only sleeps.

The sleeper has loaded the same program and does nothing, so what is above it is what waiting costs. Nothing falls due
while it is measured. Its first seconds, in which the engine starts, are left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench.measuring import ROOT, Figures, Report, against, alternate, lines
from ml_connector.runtime.schedules import add
from ml_connector.runtime.settings import from_values, to_values
from ml_connector.store.database import Database
from ml_connector.store.schedules import Terms
from tests import postgres

CONNECTIONS = 100
SETTLING = 15.0  # seconds
SLEEPER = "floor: a process that only sleeps"
_SLEEP = (
    "import ml_connector.runtime.engine, ml_connector.runtime.service, ml_connector.web.serving, time; "
    "print('ready', flush=True); time.sleep(3600)"
)


def measure(seconds: float, rounds: int) -> Report:
    """Watch each for so many seconds."""
    programs = postgres.programs()
    if programs is None:
        raise SystemExit("PostgreSQL is not installed: apt-get install postgresql")
    contestants: dict[str, Callable[[], Figures]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="ml-connector-bench-") as folder,
        postgres.server(programs, durable=True) as pg,
    ):
        for name, url in {
            "SQLite": f"sqlite:///{folder}/ledger.sqlite",
            "PostgreSQL": pg.create_database("bench"),
        }.items():
            _prepare(url)
            contestants[name] = _watching(_serving(url, Path(folder) / name), seconds)
        contestants[SLEEPER] = _watching([sys.executable, "-c", _SLEEP], seconds)
        found = alternate(contestants, rounds)
    in_memory = {name: [{"MB": it["MB"]} for it in each] for name, each in found.items()}
    ratios = against(in_memory, "SQLite", SLEEPER) | against(in_memory, "PostgreSQL", SLEEPER)
    notes = [
        f"{CONNECTIONS} connections, a daily schedule each, web and worker in one process, watched for {seconds:g} s",
        "the aim is less than 5 % of a processor and 300 MB",
    ]
    return Report("Waiting", lines(found) | ratios, notes)


def _prepare(url: str) -> None:
    database = Database(url)
    database.migrate()
    known, schedules = database.connections("bench"), database.schedules("bench")
    for n in range(CONNECTIONS):
        values = {
            "name": f"c{n}",
            "prefix": "ST",
            "mode": "review",
            "servicetitan": {"tenant_id": n + 1, "client_id": "env:A", "client_secret": "env:A", "app_key": "env:A"},
            "gp": {"FRM": {"company": "F", "server": "https://gp", "username": "env:A", "password": "env:A"}},
        }
        known.add(f"c{n}", to_values(from_values(values, "bench")))
        hour = (datetime.now(UTC).hour + 12) % 24
        add(schedules, f"c{n}", "nightly", Terms(f"daily {hour:02}:30", "UTC", True), datetime.now(UTC))
    database.close()


def _serving(url: str, folder: Path) -> list[str]:
    folder.mkdir()
    program = "import os, sys; os.environ.update(ML_CONNECTOR_DATA=sys.argv[1], ML_CONNECTOR_DATABASE=sys.argv[2]); "
    program += "sys.argv = ['ml-connector', 'serve', '--port', '0', '--json', '--log-file', sys.argv[1] + '/log']; "
    return [sys.executable, "-c", program + "from ml_connector.cli.main import main; main()", str(folder), url]


def _watching(command: list[str], seconds: float) -> Callable[[], Figures]:
    def figures() -> Figures:
        with _started(command) as pid:
            time.sleep(SETTLING)
            before, began = _cpu(pid), time.perf_counter()
            time.sleep(seconds)
            return {
                "% of a processor": 100 * (_cpu(pid) - before) / (time.perf_counter() - began),
                "MB": _resident(pid),
            }

    return figures


@contextmanager
def _started(command: list[str]) -> Iterator[int]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit(f"it did not start: {' '.join(command)}")
        try:
            yield process.pid
        finally:
            process.terminate()


def _cpu(pid: int) -> float:
    """User and system time so far, in seconds."""
    behind_the_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(behind_the_name[11]) + int(behind_the_name[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    """Memory in use, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
