"""The product, wired to both sandboxes, which run in a process of their own so that their work is not counted as ours."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measuring import server
from ml_connector.field.source import SourceKind
from ml_connector.money import Currency
from ml_connector.pipeline.intake import Sweeping
from ml_connector.pipeline.ports import FieldService, Ledger
from ml_connector.runtime import settings as form
from ml_connector.runtime.trial import trial, write_trial
from ml_connector.runtime.wiring import Wired, open_connection
from ml_connector.store.database import Database
from ml_connector.workbook.reading import read

ACTOR = "bench"


@contextmanager
def a_trial(invoices: int, dialect: str = "one") -> Iterator[Wired]:
    """A month of so many invoices, a fresh SQLite ledger, review mode, the sample rulebook. GP answers at once, over
    SBA or, with the dialect `soap`, over its web services."""
    with tempfile.TemporaryDirectory(prefix="ml-connector-bench-") as temporary:
        folder = Path(temporary)
        with server([sys.executable, "-m", "bench.trials", str(invoices), temporary, dialect], "ready"):
            wired = _wired(folder)
            try:
                yield wired
            finally:
                wired.close()


def _wired(folder: Path) -> Wired:
    database = Database(f"sqlite:///{folder / 'ledger.sqlite'}")
    database.migrate()
    settings = form.from_toml(folder / "trial.toml")
    database.connections(ACTOR).add(settings.name, form.to_values(settings))
    wired = open_connection(database, settings.name, ACTOR, folder=folder / "contracts")
    tables = read(folder / "rulebook")
    assert not isinstance(tables, tuple), "the sample rulebook is read without findings"
    wired.ledger.add_rulebook(tables, ACTOR, "the sample")
    return wired


def sweep_all(kind: SourceKind, field: FieldService, ledger: Ledger, currency: Currency) -> int:
    """Read a feed to its end, page by page, as a run does; how many versions were new."""
    sweeping, new, more = Sweeping(kind, field, ledger, currency), 0, True
    while more:
        swept, more = sweeping.page()
        new += swept.new
    return new


def no_progress(step: str, done: int, of: int | None) -> None:
    """Nobody looks on."""


def main(invoices: str, folder: str, dialect: str) -> None:
    """Serve both sandboxes until standard input ends."""
    with trial(dialect, invoices=int(invoices)) as served:
        write_trial(served, Path(folder), mode="review")
        print("ready")
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
