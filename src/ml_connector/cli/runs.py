"""ml-connector run, status."""

from __future__ import annotations

from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name
from ml_connector.cli.output import Exit, findings, money, out, print_json, progress, table
from ml_connector.docket.people import Permission
from ml_connector.pipeline.road import RunResult
from ml_connector.runtime.run import run
from ml_connector.runtime.standing import Status, status


def register(app: typer.Typer) -> None:
    app.command("run", epilog="Example: ml-connector run denver --dry-run")(run_once)
    app.command("status", epilog="Example: ml-connector status denver --json")(show_status)


def run_once(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Sweep, plan and check; enter nothing.")] = False,
    json: Json = False,
) -> None:
    """Sweep ServiceTitan, plan, enter in GP, and confirm. In review mode what it plans waits for 'plan approve'."""
    wired = context.connection(name, Permission.OPERATE)
    with progress(json) as told:
        result = run(wired, told, dry=dry_run)
    standing = status(wired)
    if json:
        print_json({"run": result, "status": standing})
    else:
        _tell(result, standing, name)
    needs_person = bool(result.findings or standing.held or standing.in_doubt or (standing.planned and not dry_run))
    raise typer.Exit(Exit.A_PERSON_IS_NEEDED if needs_person else Exit.DONE)


def show_status(name: Name, json: Json = False) -> None:
    """Where every source stands, with the money; what is unposted, and since when; the last runs."""
    standing = status(context.connection(name, Permission.READ))
    if json:
        print_json(standing)
        return
    _endings(standing, name)
    rows = [
        (it.id, f"{it.started:%Y-%m-%d %H:%M:%S}", "dry run" if it.dry else "run", it.outcome, it.actor)
        for it in standing.runs
    ]
    table("Last runs", ("run:", "started (UTC)", "", "outcome", "who"), rows)


def _tell(result: RunResult, standing: Status, name: str) -> None:
    swept = ", ".join(f"{it.rows} {kind}s ({it.new} new)" for kind, it in result.swept.items())
    done = f"{result.would_enter} would be entered" if result.dry else f"{result.entered} entered"
    out.print(f"Run {result.run_id}: swept {swept or 'nothing'}; {result.planned} planned; [bold]{done}[/].")
    findings(result.findings)
    _endings(standing, name)
    if standing.planned:
        out.print(f"{standing.planned} wait for approval: 'ml-connector plan show {name}', then 'plan approve'.")
    if standing.held:
        out.print(f"[bold]{standing.held} are held:[/] 'ml-connector holds {name}' says why, and what to do.")


def _endings(standing: Status, name: str) -> None:
    rows = [
        (kind, stage, group.count, money(group.total))
        for kind, groups in standing.endings.items()
        for stage, group in groups.items()
    ]
    table(f"Sources of {name}", ("kind", "stage", "count:", "total:"), rows)
    for batch in standing.unposted:
        out.print(
            f"unposted in GP: batch {batch.batch_id}, {batch.count} documents, {money(batch.total)}, from {batch.oldest}"
        )
