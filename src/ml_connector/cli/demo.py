"""ml-connector demo: one month, from the sandbox ServiceTitan into the sandbox GP."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.rule import Rule

from ml_connector.cli.context import Json
from ml_connector.cli.output import Exit, money, out, print_json, progress, table
from ml_connector.docket.records import DocketRecord
from ml_connector.docket.text import explanation, findings_of
from ml_connector.field.source import SourceKind
from ml_connector.pipeline.road import RunResult
from ml_connector.runtime import settings as form
from ml_connector.runtime.people import os_account
from ml_connector.runtime.run import run
from ml_connector.runtime.tieout import Sum, TieOut, tie_out
from ml_connector.runtime.trial import DIALECTS, Trial, trial, write_trial
from ml_connector.runtime.wiring import Wired, open_connection
from ml_connector.store.database import Database
from ml_connector.workbook.reading import read as read_workbook


def register(app: typer.Typer) -> None:
    app.command("demo", epilog="Example: ml-connector demo --headless --json")(demo)


def demo(
    headless: Annotated[bool, typer.Option("--headless", help="No progress bars, no tables.")] = False,
    dialect: Annotated[
        str,
        typer.Option("--dialect", help="GP's services: one or two (SBA), soap, or mixed (both)."),
    ] = "one",
    invoices: Annotated[int, typer.Option("--invoices", min=1, help="How large a month.")] = 420,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Keep ledger and settings here; it must be empty.")
    ] = None,
    json: Json = False,
) -> None:
    """Enter a seeded month of invoices and bills, show what is held and why, and tie both sides out."""
    if dialect not in DIALECTS:
        raise typer.BadParameter(f"the dialect is one of {', '.join(DIALECTS)}")
    if folder and folder.exists() and any(folder.iterdir()):
        raise typer.BadParameter(f"{folder} is not empty: the demo begins with a fresh ledger")
    with tempfile.TemporaryDirectory(prefix="ml-connector-demo-") as temporary:
        place = folder or Path(temporary)
        started = time.monotonic()
        with trial(dialect, invoices) as served:
            if not headless:
                out.print(Rule("[bold]ml-connector[/]  a month of ServiceTitan into Dynamics GP"))
                out.print(
                    f"ServiceTitan sandbox {served.shop.url}    GP sandbox {served.company.url} (dialect {dialect})"
                )
            wired = prepare(served, place)
            with progress(headless or json) as told:
                result = run(wired, told)
            dockets = wired.ledger.newest_versions()
            tied = tie_out(served, dockets)
            seconds = time.monotonic() - started
            calls = gp_calls(wired)
            if not headless:
                _show(result, tied, dockets, wired, seconds, calls)
            if json:
                print_json(summary(tied, calls, seconds))
            wired.close()
    good = tied.difference == 0 and tied.in_doubt == 0
    raise typer.Exit(Exit.DONE if good else Exit.FAILED)


def prepare(served: Trial, place: Path) -> Wired:
    """A fresh ledger with one connection in automatic mode and the sample rulebook."""
    paths = write_trial(served, place, mode="automatic")
    database = Database(f"sqlite:///{place / 'ledger.sqlite'}")
    database.migrate()
    settings = form.from_toml(paths["connection"])
    database.connections(os_account()).add(settings.name, form.to_values(settings))
    wired = open_connection(database, settings.name, os_account())
    tables = read_workbook(paths["rulebook"])
    assert not isinstance(tables, tuple), "the sample rulebook is read without findings"
    wired.ledger.add_rulebook(tables, os_account(), "the sample")
    return wired


def gp_calls(wired: Wired) -> int:
    """Requests to GP, the read-back of distributions left out: it is counted apart."""
    return sum(books.calls - books.reads_of_distributions for books in wired.books.values())


def summary(tied: TieOut, calls: int, seconds: float) -> dict[str, object]:
    return {
        "invoices": _json(tied.sources[SourceKind.INVOICE]),
        "bills": _json(tied.sources[SourceKind.BILL]),
        "entered": _json(tied.entered),
        "held": _json(tied.held),
        "skipped": _json(tied.skipped),
        "waiting": _json(tied.waiting),
        "in_doubt": tied.in_doubt,
        "gp": {"receivables": _json(tied.gp[SourceKind.INVOICE]), "payables": _json(tied.gp[SourceKind.BILL])},
        "difference": f"{tied.difference:.2f}",
        "gp_calls": calls,
        "gp_calls_per_document": round(calls / tied.entered.count, 3) if tied.entered.count else None,
        "seconds": round(seconds, 1),
    }


def _json(part: Sum) -> dict[str, object]:
    values: dict[str, object] = {"count": part.count, "total": f"{part.total:.2f}"}
    return values if part.by_code is None else {**values, "by_code": dict(sorted(part.by_code.items()))}


def _show(
    result: RunResult, tied: TieOut, dockets: Sequence[DocketRecord], wired: Wired, seconds: float, calls: int
) -> None:
    held = [it for it in dockets if findings_of(it)]
    out.print(Rule("held: a person is needed"))
    for docket in held:
        amount = money(docket.amount)
        out.print(f"[bold]{docket.kind.value} {docket.source_id}[/]  {docket.date or 'no date'}  {amount}")
        for finding in findings_of(docket):
            out.print(f"  [red]{finding.code}[/]  {escape(finding.says)}")
            out.print(f"  [green]Remedy:[/] {escape(finding.remedy)}")
    out.print(Rule("every penny explained: ml-connector explain"))
    number = next((it for it in dockets if it.source_id == 10490 and it.documents), None)
    if number:
        out.print(explanation(number, wired.ledger.trail(docket_id=number.id)), markup=False, soft_wrap=True)
    out.print(Rule("tie-out, from the records of both servers"))
    rows: list[tuple[str, int, str]] = [
        (
            "ServiceTitan invoices",
            tied.sources[SourceKind.INVOICE].count,
            money(tied.sources[SourceKind.INVOICE].total),
        ),
        ("ServiceTitan bills", tied.sources[SourceKind.BILL].count, money(tied.sources[SourceKind.BILL].total)),
        ("entered", tied.entered.count, money(tied.entered.total)),
        ("held", tied.held.count, money(tied.held.total)),
        ("skipped", tied.skipped.count, money(tied.skipped.total)),
        ("waiting for ServiceTitan", tied.waiting.count, money(tied.waiting.total)),
        ("in doubt", tied.in_doubt, ""),
        ("GP receivables", tied.gp[SourceKind.INVOICE].count, money(tied.gp[SourceKind.INVOICE].total)),
        ("GP payables", tied.gp[SourceKind.BILL].count, money(tied.gp[SourceKind.BILL].total)),
    ]
    table("", ("", "count:", "total:"), rows)
    colour = "green" if tied.difference == Decimal(0) else "red"
    out.print(
        f"Difference [bold {colour}]{tied.difference:.2f}[/]    run {result.run_id} in {seconds:.1f} s, {calls} calls to GP"
    )
