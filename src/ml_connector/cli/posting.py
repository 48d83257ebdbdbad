"""ml-connector post: an approver asks GP to post one of our batches."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name, Reason
from ml_connector.cli.output import Exit, findings, money, out, print_json
from ml_connector.docket.people import Permission
from ml_connector.pipeline.posting import Seen
from ml_connector.runtime.posting import post as ask


def register(app: typer.Typer) -> None:
    app.command("post", epilog="Example: ml-connector post denver STR260314-07 --reason 'March is reviewed'")(post)


def post(
    name: Name,
    batch: Annotated[str, typer.Argument(help="The batch, as 'status' shows it.")],
    reason: Reason,
    json: Json = False,
) -> None:
    """Ask GP to post one of our batches, once; asked again, look what became of it. Where the site lets us alone."""
    seen = ask(context.connection(name, Permission.APPROVE), batch, reason)
    if json:
        print_json(seen)
    else:
        _tell(seen)
    raise typer.Exit(Exit.A_PERSON_IS_NEEDED if seen.findings else Exit.DONE)


def _tell(seen: Seen) -> None:
    did = "GP was asked to post it" if seen.asked else "GP was asked before, and is not asked again"
    out.print(
        f"Batch [bold]{seen.batch_id}[/] of {seen.company}, {seen.documents} documents, {money(seen.total)}: {did}."
    )
    if not seen.findings:
        out.print("[green]GP shows all of them as posted.[/]")
    findings(seen.findings)
