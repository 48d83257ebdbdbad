"""ml-connector show, explain, trail: how something stands, and how it came to stand so."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name
from ml_connector.cli.holds import Number, find_one
from ml_connector.cli.output import Exit, out, print_json
from ml_connector.docket.people import Permission
from ml_connector.docket.text import explanation, findings_of, headline


def register(app: typer.Typer) -> None:
    app.command("show", epilog="Example: ml-connector show denver 10482")(show)
    app.command("explain", epilog="Example: ml-connector explain denver STI10482")(explain)
    app.command("evidence", epilog="Example: ml-connector evidence denver 3f1c9a… > page.json")(evidence)
    app.command("trail", epilog="Example: ml-connector trail denver --verify")(trail)


def show(name: Name, number: Number, json: Json = False) -> None:
    """One source in a few lines: its versions, its documents, where each stands."""
    ledger = context.ledger(name, Permission.READ)
    docket = find_one(ledger, number)
    versions = ledger.dockets_of(docket.kind, docket.source_id)
    if json:
        print_json(versions)
        return
    for it in versions:
        out.print(
            f"{it.kind.value} {it.source_id} version {it.version}  {it.date}  {it.amount}  {headline(it)}", markup=False
        )
        for document in it.documents:
            out.print(
                f"  {document.document.number}  {document.document.amount}  batch {document.batch_id or '-'}",
                markup=False,
            )
        for finding in findings_of(it):
            out.print(f"  {finding.code}: {finding.says}", markup=False)


def explain(name: Name, number: Number, json: Json = False) -> None:
    """Every penny of one source: the document as GP holds it, the rule behind each line, the evidence and the trail."""
    ledger = context.ledger(name, Permission.READ)
    docket = find_one(ledger, number)
    trail = ledger.trail(docket_id=docket.id)
    erased = ledger.is_erased(docket.page)
    if json:
        told = {"docket": docket, "findings": findings_of(docket), "evidence_erased": erased, "trail": trail}
        print_json(told)
    else:
        out.print(explanation(docket, trail, erased), markup=False, soft_wrap=True, end="")


def evidence(
    name: Name,
    sha256: Annotated[
        str, typer.Argument(help="The hash that `explain` or `trail` shows, or its first twelve digits.")
    ],
    json: Json = False,
) -> None:
    """What was received from, or sent to, one of the two systems, byte for byte as it travelled."""
    raw = context.ledger(name, Permission.READ).evidence(sha256)
    if json:
        print_json({"sha256": sha256, "size": len(raw), "text": raw.decode("utf-8", "replace")})
    else:
        sys.stdout.buffer.write(raw)


def trail(
    name: Annotated[str, typer.Argument(help="The connection's name, or 'installation' for what belongs to none.")],
    number: Annotated[str, typer.Option("--number", help="Only one document's, by its GP number.")] = "",
    after: Annotated[int, typer.Option("--after", help="Only entries after this one.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many at the most.")] = 200,
    verify: Annotated[
        bool, typer.Option("--verify", help="Recompute the chain of hashes from the first entry on.")
    ] = False,
    json: Json = False,
) -> None:
    """The audit trail: every decision, request and answer, in order; nothing in it can be changed unseen."""
    ledger = context.opened(Permission.READ).trail_of(name)
    if verify:
        broken = ledger.verify()
        if json:
            print_json({"holds": broken is None, "broken_at": broken})
        elif broken is None:
            out.print("[green]The trail holds:[/] every entry is as it was written, and none is missing.")
        else:
            out.print(
                f"[bold red]The trail is broken at entry {broken}:[/] it, or one before it, was changed or removed."
            )
            out.print("Restore the ledger from a backup from before the change, and find out who could write to it.")
        raise typer.Exit(Exit.FAILED if broken else Exit.DONE)
    entries = ledger.trail(number=number or None, after_seq=after, limit=limit)
    if json:
        print_json(entries)
        return
    for it in entries:
        out.print(
            f"{it.seq:>7}  {it.at:%Y-%m-%d %H:%M:%S}  {it.actor:<14} {it.event.name:<24} {it.event.number}",
            markup=False,
        )
