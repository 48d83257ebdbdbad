"""The sweep: from the invoice feed over HTTP to dockets, evidence and cursor on the disk, beside hand-written floors.

Server, product and floors are processes of their own. The reference server and the reference floor lie beside this
repository where the project's reference material is checked out; without it, the sandbox serves and our own floor is
the measure.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from bench.measuring import ROOT, Figures, Report, against, alternate, lines, run_child, server
from bench.trials import ACTOR, sweep_all
from ml_connector.field.source import SourceKind
from ml_connector.money import Currency
from ml_connector.sandbox import town
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.serving import Server
from ml_connector.sandbox.shop import Shop
from ml_connector.servicetitan.auth import Access
from ml_connector.servicetitan.client import Client
from ml_connector.servicetitan.field_service import FieldService
from ml_connector.store.database import Database

OURS, FLOOR, REFERENCE = "sweep", "floor: httpx2 + msgspec + SQLite", "reference floor: aiohttp + msgspec + SQLite"
RATE, CPU = "invoices/s", "CPU µs/invoice"


class Credentials(TypedDict):
    client_id: str
    client_secret: str
    app_key: str


CREDENTIALS: Credentials = {"client_id": "bench", "client_secret": "bench", "app_key": "bench"}
PAGE_ROWS = 500
_REFERENCE = ROOT.parent / "shared" / "bench"
_REFERENCE_NEEDS = ("aiohttp==3.14.5", "orjson==3.13.0", "msgspec==0.22.0", "uvloop==0.23.0")


@dataclass(frozen=True, slots=True)
class _Contestant:
    """A program that sweeps: its command for a server's URL and a number of invoices; it prints `rows` and `sec`."""

    command: Callable[[str, int], Sequence[str]]
    folder: Path

    def run(self, url: str, invoices: int) -> tuple[float, float]:
        """Seconds of the sweep by the clock, and CPU seconds of the whole process."""
        with tempfile.TemporaryDirectory(dir=self.folder) as temporary:
            (Path(temporary) / "out").mkdir()  # where the reference floor keeps its database
            ended = run_child(self.command(url, invoices), Path(temporary))
        told = json.loads(ended.said)
        if told["rows"] < invoices:
            raise SystemExit(f"{told['rows']} of {invoices} invoices were swept")
        return told["sec"], ended.cpu


def measure(invoices: int, rounds: int, with_reference: bool = True) -> Report:
    """Sweep so many invoices in pages of 500."""
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="ml-connector-bench-") as temporary:
        folder = Path(temporary)
        contestants = {
            OURS: _Contestant(lambda url, _: [sys.executable, "-m", "bench.sweep", "sweep", url, "."], folder),
            FLOOR: _Contestant(lambda url, _: [sys.executable, "-m", "bench.floors", *_floor_arguments(url)], folder),
        }
        node = shutil.which("node")
        served = _sandbox
        if with_reference and node and (_REFERENCE / "server.js").is_file():
            served = _reference_server
            python = _reference_python(folder, notes)
            if python:
                contestants[REFERENCE] = _Contestant(lambda url, n: _reference_floor(python, url, n), folder)
        else:
            notes.append("the sandbox serves, and is the limit: only the ratio of CPU says something")
        who = "the sandbox" if served is _sandbox else "the reference server"
        notes.append(f"{invoices} invoices in pages of {PAGE_ROWS}, from {who}")
        notes.append(
            f"{CPU} leaves start-up out: the same program's CPU against a feed that is all but empty is taken off"
        )
        with served(invoices) as url, served(1) as idle_url:
            if served is _sandbox:
                contestants[FLOOR].run(url, invoices)  # it makes its rows when it is first asked for them
            found = alternate(
                {name: _measured(it, url, idle_url, invoices) for name, it in contestants.items()}, rounds
            )
    ratios = {k: v for floor in (FLOOR, REFERENCE) if floor in found for k, v in against(found, OURS, floor).items()}
    return Report("Sweep: feed to disk", lines(found) | ratios, notes)


def _measured(contestant: _Contestant, url: str, idle_url: str, invoices: int) -> Callable[[], Figures]:
    def once() -> Figures:
        _, start_up = contestant.run(idle_url, 1)
        seconds, cpu = contestant.run(url, invoices)
        return {RATE: invoices / seconds, CPU: (cpu - start_up) / invoices * 1e6}

    return once


@contextmanager
def _reference_server(invoices: int) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with server(["node", str(_REFERENCE / "server.js"), str(port), str(invoices)], "listening"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _sandbox(invoices: int) -> Iterator[str]:
    with server([sys.executable, "-m", "bench.sweep", "serve", str(invoices)], "http://") as url:
        yield url


def _reference_python(folder: Path, notes: list[str]) -> Path | None:
    """A throw-away environment with what the reference floor imports; None, with a note, where it cannot be had."""
    place = folder / "venv"
    python = place / "bin" / "python"
    try:
        venv.create(place, with_pip=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *_REFERENCE_NEEDS]
        subprocess.run(pip, check=True, capture_output=True, timeout=180)
    except (OSError, subprocess.SubprocessError) as fault:
        notes.append(f"the reference floor is left out: {', '.join(_REFERENCE_NEEDS)} cannot be installed ({fault})")
        return None
    return python


def _reference_floor(python: Path, url: str, invoices: int) -> list[str]:
    """Export feed, one call at a time; each row decoded and upserted with its JSON, synchronous=FULL."""
    port = url.rpartition(":")[2]
    how = ["aiohttp", "export", str(PAGE_ROWS), "1", "typed-and-raw", "sqlitefull"]
    return [str(python), str(_REFERENCE / "lb.py"), port, str(invoices), *how]


def _floor_arguments(url: str) -> list[str]:
    return [url, str(town.TENANT_ID), ".", json.dumps(CREDENTIALS)]


def _serve(invoices: int) -> None:
    """The sandbox's ServiceTitan in large pages and without its limit of calls, until standard input ends."""
    shop = Shop(a_month(invoices=invoices), **CREDENTIALS, page_rows=PAGE_ROWS, calls_per_second=1_000_000)
    with Server(shop) as served:
        print(served.url)
        sys.stdin.read()


def _sweep(url: str, folder: Path) -> Mapping[str, float]:
    """The product's sweep into a fresh ledger, under a lease as in a run."""
    database = Database(f"sqlite:///{folder / 'ledger.sqlite'}")
    database.migrate()
    database.connections(ACTOR).add("bench", {})
    ledger = database.ledger("bench", ACTOR)
    lease = ledger.hold("bench", 60)
    assert lease is not None
    access = Access(tenant_id=town.TENANT_ID, api_url=url, auth_url=url, **CREDENTIALS)
    with Client(access) as client:
        started = time.perf_counter()
        new = sweep_all(SourceKind.INVOICE, FieldService(client), ledger.with_lease(lease), Currency.USD)
        seconds = time.perf_counter() - started
    database.close()
    return {"rows": new, "sec": seconds}


def main(deed: str, what: str, folder: str = ".") -> None:
    if deed == "serve":
        _serve(int(what))
    else:
        print(json.dumps(_sweep(what, Path(folder))))


if __name__ == "__main__":
    main(*sys.argv[1:])
