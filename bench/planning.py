"""Planning: from snapshots to checked documents, beside what it takes merely to decode the same rows."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Mapping

from bench import floors
from bench.measuring import Figures, Report, against, alternate, lines
from bench.trials import a_trial, sweep_all
from ml_connector.books.facts import CompanyFacts
from ml_connector.books.outcomes import Ready
from ml_connector.checks import run as checks
from ml_connector.field.snapshot import Snapshot
from ml_connector.field.source import SourceKind
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.plan import plan
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.pipeline.gather import Gatherer, open_desks
from ml_connector.runtime.wiring import Wired

OURS, PARSE, FLOOR = "plan and check", "parse", "floor: msgspec decode"


def measure(invoices: int, rounds: int) -> Report:
    """Plan a month of so many invoices with the sample rulebook. CPU time, since nothing here waits."""
    with a_trial(invoices) as wired:
        sweep_all(SourceKind.INVOICE, wired.field_service, wired.ledger, wired.settings.money)
        rulebook, facts, snapshots, pages = _gathered(wired)
        gc.collect()
        gc.freeze()  # a run holds a chunk of snapshots at a time, and its collector does not walk over a month of them
        planned = _plan_all(snapshots, rulebook, facts)
        found = alternate(
            {
                OURS: _timed(lambda: _plan_all(snapshots, rulebook, facts), len(snapshots)),
                PARSE: _timed(
                    lambda: [wired.field_service.read(SourceKind.INVOICE, it) for it in pages], len(snapshots)
                ),
                FLOOR: _timed(lambda: floors.decode(pages), len(snapshots)),
            },
            rounds,
        )
        gc.unfreeze()
    notes = [
        f"{len(snapshots)} invoices, {planned} documents planned and checked; the others are held, skipped or waiting",
        f"{PARSE}: from a page's bytes to the nouns of the field; decoding is part of it",
    ]
    title = "Planning: what one invoice costs, once it is read"
    return Report(title, lines(found) | against(found, OURS, FLOOR) | against(found, PARSE, FLOOR), notes)


def _gathered(wired: Wired) -> tuple[Rulebook, Mapping[str, CompanyFacts], list[Snapshot], list[bytes]]:
    """Everything that planning needs, as a run gathers it; and the pages that the sources came in."""
    _, rulebook = wired.rulebook()
    desks = open_desks(rulebook, wired.books)
    gatherer = Gatherer(wired.field_service, wired.ledger, rulebook, desks, wired.settings.prefix)
    snapshots: list[Snapshot] = []
    pages: dict[str, bytes] = {}
    after = 0
    while dockets := wired.ledger.opened(200, after):
        after = dockets[-1].id
        snapshots += gatherer.snapshots(dockets)
        for page in {it.page for it in dockets} - pages.keys():
            pages[page] = wired.ledger.evidence(page)
    return rulebook, {name: desk.facts for name, desk in desks.items()}, snapshots, list(pages.values())


def _plan_all(snapshots: Iterable[Snapshot], rulebook: Rulebook, facts: Mapping[str, CompanyFacts]) -> int:
    """Plan and check with a fresh frame, as each run has. How many documents came of it."""
    frame = Frame.of(rulebook, facts, "ST")
    documents = 0
    for snapshot in snapshots:
        planned = plan(snapshot, frame)
        if isinstance(planned, Ready):
            for document in planned.documents:
                checks.run(document, facts[document.company])
                documents += 1
    return documents


def _timed(work: Callable[[], object], invoices: int) -> Callable[[], Figures]:
    def once() -> Figures:
        started = time.process_time()
        work()
        seconds = time.process_time() - started
        return {"CPU µs/invoice": seconds / invoices * 1e6, "invoices/CPU s": invoices / seconds}

    return once
