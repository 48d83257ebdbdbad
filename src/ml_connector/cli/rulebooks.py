"""ml-connector rulebook: import, export, check, coverage, history."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name
from ml_connector.cli.output import Exit, findings, money, out, print_json, progress, table
from ml_connector.docket.people import Permission
from ml_connector.findings import Finding, Interrupted
from ml_connector.mapping import reading
from ml_connector.mapping.tables import Tables
from ml_connector.runtime.coverage import past_coverage
from ml_connector.workbook import reading as workbook
from ml_connector.workbook import writing

app = typer.Typer(help="The mapping tables: which account, party and tax each source goes to.", no_args_is_help=True)
FromPath = Annotated[Path, typer.Argument(help="A folder of CSV files, or an .xlsx workbook.")]


@app.command("import", epilog="Example: ml-connector rulebook import denver rulebook.xlsx --reason 'new tune-up item'")
def import_(
    name: Name,
    path: FromPath,
    reason: Annotated[str, typer.Option("--reason", help="Why it changed.")] = "",
    json: Json = False,
) -> None:
    """Make a new version of the rulebook. A wrong one is refused whole, with sheet, row, column and what to write."""
    ledger = context.ledger(name, Permission.MAP)
    kept = ledger.add_rulebook(_read(path, json), ledger.actor, reason)
    if json:
        print_json(kept)
    else:
        out.print(
            f"The rulebook of {name} is version [bold]{kept.version}[/]. Documents already entered stay as they are;"
        )
        out.print(f"held ones are planned with it by 'ml-connector replay {name} --all'.")


@app.command("export", epilog="Example: ml-connector rulebook export denver rulebook.xlsx")
def export(
    name: Name,
    path: Annotated[Path, typer.Argument(help="A new .xlsx file, or a folder for CSV files.")],
    version: Annotated[int | None, typer.Option("--version", help="An older version.")] = None,
    json: Json = False,
) -> None:
    """Write the rulebook as a workbook or a folder, without loss."""
    found = context.ledger(name, Permission.READ).rulebook(version)
    if found is None:
        raise Interrupted(_none(name))
    record, tables = found
    try:
        (writing.write_xlsx if path.suffix == ".xlsx" else writing.write_folder)(tables, path)
    except (OSError, ValueError) as fault:
        says, remedy = f"it cannot be written: {fault}", "Name another path, or make room there, and export again."
        raise Interrupted(Finding("workbook.unwritable", str(path), says, remedy)) from None
    if json:
        print_json({"version": record.version, "path": str(path)})
    else:
        out.print(f"Version {record.version} is in {path}.")


@app.command("check", epilog="Example: ml-connector rulebook check rulebook.xlsx")
def check(path: FromPath, json: Json = False) -> None:
    """Read a rulebook and say everything that is wrong with it, without importing it."""
    _read(path, json)
    if json:
        print_json({"findings": []})
    else:
        out.print("[green]Nothing is wrong with it.[/]")


@app.command("coverage", epilog="Example: ml-connector rulebook coverage denver --months 3")
def coverage(
    name: Name,
    months: Annotated[int, typer.Option("--months", min=1, help="How far back to look.")] = 3,
    path: Annotated[Path | None, typer.Option("--with", help="A rulebook to try, not imported yet.")] = None,
    json: Json = False,
) -> None:
    """What share of past documents and money each rule covers, and what nothing covers, dearest first."""
    wired = context.connection(name, Permission.READ)
    tables = _read(path, json) if path else None
    with progress(json) as told:
        covered, erased = past_coverage(wired, months, tables, told)
    if json:
        parts = {it.name: getattr(covered, it.name) for it in fields(covered)}
        print_json({**parts, "erased": erased})
        return
    if erased:
        out.print(f"{erased} sources are left out: what ServiceTitan answered was erased by retention.")
    part = covered.covered.money.amount / covered.whole.money.amount if covered.whole.money else 1
    out.print(
        f"{covered.covered.documents} of {covered.whole.documents} documents and {part:.1%} of "
        f"{money(covered.whole.money)} are covered."
    )
    rows = [(gap.documents, money(gap.money), gap.name, finding.says) for gap, finding in covered.gaps]
    table("Not covered", ("documents:", "money:", "finding", "says"), rows)
    table("Rules", ("rule", "documents:", "money:"), [(r.name, r.documents, money(r.money)) for r in covered.rules])


@app.command("history", epilog="Example: ml-connector rulebook history denver")
def history(name: Name, json: Json = False) -> None:
    """Every version: who, when, why."""
    versions = context.ledger(name, Permission.READ).rulebook_history()
    if json:
        print_json(versions)
        return
    rows = [(it.version, f"{it.at:%Y-%m-%d %H:%M}", it.author, it.reason, it.digest[:12]) for it in versions]
    table(f"Rulebook of {name}", ("version:", "when (UTC)", "who", "why", "digest"), rows)


def _read(path: Path, json: bool) -> Tables:
    tables = workbook.read(path)
    wrong = tables if isinstance(tables, tuple) else reading.read(tables)
    if isinstance(wrong, tuple):
        if json:
            print_json({"findings": wrong})
        else:
            findings(wrong)
            found = "1 finding" if len(wrong) == 1 else f"{len(wrong)} findings"
            out.print(f"[bold]{found}.[/] Nothing was changed.")
        raise typer.Exit(Exit.FAILED)
    assert not isinstance(tables, tuple)
    return tables


def _none(name: str) -> Finding:
    return Finding(
        "rulebook.none",
        f"connection {name}",
        "it has no rulebook, or not that version",
        f"Run 'ml-connector rulebook history {name}', or import a rulebook with 'ml-connector rulebook import {name} PATH'.",
    )
