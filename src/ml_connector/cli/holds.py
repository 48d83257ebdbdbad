"""ml-connector holds, replay, accept, skip, reenter: what is held, and what a person decides of it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name, Reason
from ml_connector.cli.output import Exit, money, out, print_json, progress
from ml_connector.docket.people import Permission
from ml_connector.docket.records import DocketRecord
from ml_connector.docket.text import findings_of
from ml_connector.findings import Finding, Interrupted
from ml_connector.pipeline import release
from ml_connector.runtime.run import dockets_to_replay, run
from ml_connector.runtime.standing import status
from ml_connector.store.ledger import Ledger

Number = Annotated[str, typer.Argument(help="The GP number, or ServiceTitan's number or id.")]


def register(app: typer.Typer) -> None:
    app.command("holds", epilog="Example: ml-connector holds denver --code account.unmapped")(holds)
    app.command("replay", epilog="Example: ml-connector replay denver --code account.unmapped")(replay)
    app.command("accept", epilog="Example: ml-connector accept denver STI10482 --reason 'keyed by hand in March'")(
        accept
    )
    app.command("skip", epilog="Example: ml-connector skip denver STB8012 --reason 'entered by hand as V-2231'")(skip)
    app.command("reenter", epilog="Example: ml-connector reenter denver STI10482 --reason 'batch was deleted'")(reenter)


def holds(
    name: Name,
    code: Annotated[str | None, typer.Option("--code", help="Only this finding code.")] = None,
    json: Json = False,
) -> None:
    """What is held: what is wrong, and what to do, the newest first."""
    held = context.ledger(name, Permission.READ).holds(code)
    if json:
        print_json([{**_row(it), "findings": findings_of(it)} for it in held])
        return
    for docket in held:
        row = _row(docket)
        out.print(
            f"[bold]{row['kind']} {row['source_id']}[/] {escape(docket.number)}  {docket.date or ''}  "
            f"{money(docket.amount)}  {row['document']}"
        )
        for finding in findings_of(docket):
            out.print(f"  [red]{finding.code}[/]  {escape(finding.where)}: {escape(finding.says)}")
            out.print(f"  [green]Remedy:[/] {escape(finding.remedy)}")
    out.print(f"[bold]{len(held)} held.[/]" if held else "[green]Nothing is held.[/]")


def replay(
    name: Name,
    ids: Annotated[list[str] | None, typer.Argument(help="Numbers or ids of what to replay.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="Everything held with this finding code.")] = None,
    all_held: Annotated[bool, typer.Option("--all", help="Everything held.")] = False,
    planned: Annotated[bool, typer.Option("--planned", help="Everything that waits for approval.")] = False,
    json: Json = False,
) -> None:
    """Plan sources again from what was read, with today's rulebook; whoever approved them must approve them again."""
    wired = context.connection(name, Permission.OPERATE)
    if not (ids or code or all_held or planned):
        raise typer.BadParameter("name what to replay: numbers, --code, --all or --planned")
    named = [find_one(wired.ledger, it) for it in ids or ()]
    opened = release.replay(named or dockets_to_replay(wired.ledger, code, all_held, planned), wired.ledger)
    with progress(json) as told:
        result = run(wired, told, sweeping=False)
    standing = status(wired)
    if json:
        print_json({"replayed": len(opened), "run": result, "status": standing})
    else:
        still = sum(bool(findings_of(wired.ledger.docket(it.id))) for it in opened)
        waiting = (
            f", {standing.planned} wait for approval ('ml-connector plan show {name}')" if standing.planned else ""
        )
        out.print(f"{len(opened)} replayed: {result.entered} entered, {still} still held{waiting}.")
    raise typer.Exit(Exit.A_PERSON_IS_NEEDED if standing.held or standing.in_doubt else Exit.DONE)


def accept(name: Name, number: Number, reason: Reason, json: Json = False) -> None:
    """Take what GP holds under our number for the document: it counts as entered."""
    wired = context.connection(name, Permission.OPERATE)
    docket = find_one(wired.ledger, number)
    release.accept(docket, reason, wired.books, wired.ledger)
    _done(wired.ledger, docket, "accepted as GP holds it", json)


def skip(name: Name, number: Number, reason: Reason, json: Json = False) -> None:
    """Close it by hand: nothing of it will be entered. The reason is kept."""
    ledger = context.ledger(name, Permission.OPERATE)
    docket = find_one(ledger, number)
    release.skip(docket, ledger.actor, reason, ledger)
    _done(ledger, docket, "closed by hand", json)


def reenter(name: Name, number: Number, reason: Reason, json: Json = False) -> None:
    """Enter again, under the next revision, what was entered once and is gone from GP."""
    wired = context.connection(name, Permission.APPROVE)
    docket = find_one(wired.ledger, number)
    release.reenter(docket, wired.ledger.actor, reason, wired.books, wired.ledger)
    _done(wired.ledger, docket, f"opened again; 'ml-connector run {name}' plans it under the next revision", json)


def find_one(ledger: Ledger, number: str) -> DocketRecord:
    """The newest version of the source that a number means. Raises Interrupted where none or several are meant."""
    found = ledger.by_number(number)
    newest = {(it.kind, it.source_id): it for it in sorted(found, key=lambda it: it.version)}
    if len(newest) == 1:
        return next(iter(newest.values()))
    if not newest:
        says, remedy = (
            "no source or document of this connection has that number",
            "Look it up with 'ml-connector holds'.",
        )
    else:
        says = "several have it: " + ", ".join(f"{it.kind.value} {it.source_id}" for it in newest.values())
        remedy = "Name it by its GP number (STI10482) or by ServiceTitan's id."
    raise Interrupted(Finding("number.unknown" if not newest else "number.ambiguous", number, says, remedy))


def _row(docket: DocketRecord) -> dict[str, object]:
    return {
        "docket": docket.id,
        "kind": docket.kind.value,
        "source_id": docket.source_id,
        "number": docket.number,
        "date": docket.date,
        "amount": docket.amount,
        "document": docket.documents[-1].document.number if docket.documents else "",
    }


def _done(ledger: Ledger, docket: DocketRecord, done: str, json: bool) -> None:
    now = ledger.docket(docket.id)
    if json:
        print_json(_row(now))
    else:
        out.print(f"{docket.kind.value} {docket.source_id}: {done}.")
