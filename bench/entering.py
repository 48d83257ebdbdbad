"""Entering: calls to GP for each document, and what we do ourselves beside waiting for GP."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import floors
from bench.measuring import Figures, Report, against, alternate, lines
from bench.trials import ACTOR, a_trial, no_progress
from ml_connector.docket.people import Person
from ml_connector.docket.sheet import Sheet
from ml_connector.pipeline.review import Approving, waiting
from ml_connector.runtime.run import run
from ml_connector.runtime.wiring import Wired

OURS, SOAP, FLOOR = "enter and confirm, SBA", "enter and confirm, SOAP", "floor: two durable commits"
BOOKKEEPING = "bookkeeping ms/document"
_PORT = "company_facts parties vendor_invoices find enter distributions batches in_batch".split()


def measure(invoices: int, rounds: int) -> Report:
    """Enter a month of so many invoices, and its bills, in the sandbox's GP, which answers at once."""
    entered: list[int] = []

    def ours(dialect: str) -> Figures:
        count, figures = _enter_a_month(invoices, dialect)
        entered.append(count)
        return figures

    def floor() -> Figures:
        with tempfile.TemporaryDirectory(prefix="ml-connector-bench-") as folder:
            seconds = floors.two_commits(entered[-1], Path(folder))
        return {"documents/s": entered[-1] / seconds, BOOKKEEPING: seconds / entered[-1] * 1e3}

    found = alternate({OURS: partial(ours, "one"), SOAP: partial(ours, "soap"), FLOOR: floor}, rounds)
    ratio = against(found, OURS, FLOOR)
    for units in ratio.values():
        del units["documents/s"]  # the floor asks GP nothing
    notes = [
        f"{entered[-1]} documents entered in one run that reads the facts, approves, enters and confirms what was planned",
        "GP calls: all requests of that run but those that read distributions back, which are counted apart",
        f"{BOOKKEEPING}: time outside the GP client (ledger, checks, comparing); GP client: our CPU inside it (login, "
        "JSON, HTTP); waiting: the rest of the time inside it",
        "the sandbox shares the machine and works for each call: its answers take what 'waiting' says",
    ]
    return Report("Entering: one document", lines(found) | ratio, notes)


@dataclass(slots=True)
class _Watch:
    """Seconds spent inside the GP client, by the clock and by this thread's CPU."""

    wall: float = 0.0
    cpu: float = 0.0

    def over(self, books: object) -> None:
        """Watch the calls that the pipeline makes. None of them makes another."""
        for name in _PORT:
            setattr(books, name, self._timed(getattr(books, name)))

    def _timed(self, call: Callable[..., object]) -> Callable[..., object]:
        def timed(*arguments: object) -> object:
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return call(*arguments)
            finally:
                self.wall += time.perf_counter() - wall
                self.cpu += time.thread_time() - cpu

        return timed


def _approve(wired: Wired) -> None:
    """Everything that was planned."""
    policy = wired.settings.review
    pins = Sheet.of(policy, waiting(wired.ledger)).pins
    Approving(wired.ledger, Person(ACTOR), policy, {}).approve(pins, waiting(wired.ledger))


def _enter_a_month(invoices: int, dialect: str) -> tuple[int, Figures]:
    """How many documents were entered, and what each took."""
    with a_trial(invoices, dialect) as wired:
        run(wired, no_progress)  # sweeps and plans; nobody approves, so nothing is entered
        watch = _Watch()
        for books in wired.books.values():
            watch.over(books)
        read_back = sum(books.reads_of_distributions for books in wired.books.values())
        started, cpu = time.perf_counter(), time.process_time()
        _approve(wired)
        result = run(wired, no_progress, sweeping=False)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        read_back = sum(books.reads_of_distributions for books in wired.books.values()) - read_back
        n = result.entered
        if not n or result.confirmed < n or result.findings:
            raise SystemExit(f"the run did not end well: {result}")
    return n, {
        "documents/s": n / seconds,
        "GP calls/document": (result.gp_calls - read_back) / n,
        "read-backs/document": read_back / n,
        "waiting ms/document": (watch.wall - watch.cpu) / n * 1e3,
        "GP client ms/document": watch.cpu / n * 1e3,
        BOOKKEEPING: (seconds - watch.wall) / n * 1e3,
        "CPU ms/document": cpu / n * 1e3,
    }
