"""Other processes at the same ledger: real ones, that can be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ml_connector.docket.stages import Approved
from ml_connector.docket.trail import Event
from ml_connector.field.source import SourceKind
from ml_connector.findings import Interrupted
from ml_connector.runtime.retention import retain
from ml_connector.runtime.settings import Retention
from ml_connector.store import backup, restore
from ml_connector.store.database import Database
from ml_connector.store.deliveries import Arrival, Deliveries
from tests.contract.ledger_contract import NOON, a_claim, a_reading

ROWS = 40

# One server imports everything once and is the parent of all: a process starts in milliseconds.
_context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
if os.name == "posix":
    _context.set_forkserver_preload(["__main__", __name__])


class Another:
    """A process that does one of the deeds below. What it tells arrives in the order of telling."""

    def __init__(self, deed: Callable[..., None], *arguments: object) -> None:
        self._ear, mouth = _context.Pipe(duplex=False)
        # The stubs of typeshed do not know that every context has Process.
        process: Any = _context
        self._process: BaseProcess = process.Process(target=deed, args=(*arguments, mouth))
        self._process.start()
        mouth.close()

    def hear(self) -> object:
        """The next thing it tells; EOFError when it has ended."""
        assert self._ear.poll(60), "silent for a minute"
        return self._ear.recv()

    def kill(self) -> None:
        """SIGKILL: it is given no time to clean up."""
        self._process.kill()
        self._process.join()

    def stop(self) -> None:
        """Put it to sleep in the middle of whatever it does."""
        os.kill(self._process.pid or 0, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._process.pid or 0, signal.SIGCONT)

    def finish(self) -> list[object]:
        """Everything that it told; asserts that it ended well."""
        told = []
        while True:
            try:
                told.append(self.hear())
            except EOFError:
                break
        self._process.join(60)
        assert self._process.exitcode == 0
        return told


def page(number: int) -> bytes:
    return f"page {number} ".encode() * 2000


def sweep(url: str, mouth: Connection) -> None:
    """Take pages from where the cursor stands, until killed; tells the number of each."""
    ledger = Database(url).ledger("north", "sweeper")
    number = int(ledger.cursor(SourceKind.INVOICE) or "0")
    while True:
        number += 1
        readings = [a_reading(number * ROWS + i, index=i) for i in range(ROWS)]
        ledger.take_page(SourceKind.INVOICE, page(number), str(number), readings)
        mouth.send(number)


def note(url: str, times: int, mouth: Connection) -> None:
    """Append entries to the trail."""
    ledger = Database(url).ledger("north", "noter")
    for i in range(times):
        ledger.note(Event("test.noted", {"i": i}))


def claim(url: str, by: str, mouth: Connection) -> None:
    """Claim every approved document; tells the numbers of those it won."""
    ledger = Database(url).ledger("north", by)
    for record in ledger.documents((Approved,), limit=1000):
        if ledger.record([a_claim(record, by)]) == [True]:
            mouth.send(record.document.number)


def write_slowly(url: str, patience: float, mouth: Connection) -> None:
    """Lock the end of the trail, tell it, and write on when something is heard of the world; tells how that ended."""
    database = Database(url, patience=patience)
    try:
        with database.writing() as sql:
            sql.execute(sa.text("UPDATE trail_heads SET seq = seq"))
            mouth.send("locked")
            while True:
                sql.execute(sa.text("SELECT 1"))
                time.sleep(0.01)
    except Interrupted as fault:
        mouth.send(fault.finding.code)
    mouth.send(database.ledger("north", "slow").verify())


def migrate(url: str, mouth: Connection) -> None:
    Database(url).migrate()


def deliver(url: str, bodies: list[str], mouth: Connection) -> None:
    """Take these webhooks for the first connection, one after the other."""
    inbox = Deliveries(Database(url))
    for body in bodies:
        inbox.take([Arrival(1, body.encode(), NOON)])


def back_up(url: str, path: str, mouth: Connection) -> None:
    """Back up; tells each chunk of rows, and stands still after the first."""

    def told(step: str, done: int, of: int | None) -> None:
        mouth.send(step)
        time.sleep(60)

    backup.back_up(Database(url), Path(path), "maria", told)


def bring_back(path: str, url: str, mouth: Connection) -> None:
    """Restore; tells each step, and stands still when it comes to the trails."""

    def told(step: str, done: int, of: int | None) -> None:
        mouth.send(step)
        if step == "verify trails":
            time.sleep(60)

    restore.restore(Path(path), Database(url), "maria", told)


def erase(url: str, now: datetime, mouth: Connection) -> None:
    """Erase evidence that is older than a year; tells each chunk."""
    retain(Database(url).ledger("north", "keeper"), Retention(evidence=12), now, progress=lambda *it: mouth.send(it[1]))
