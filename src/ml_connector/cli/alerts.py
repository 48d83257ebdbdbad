"""ml-connector alerts: list, check, test."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name
from ml_connector.cli.output import Exit, out, print_json, tell_checks
from ml_connector.docket.people import Permission
from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.alerts import ACTOR, Bell, evaluate_and_tell, fiscal_periods, try_targets
from ml_connector.store.alerts import UNTOLD, AlertRecord, Alerts
from ml_connector.store.database import utc_now

app = typer.Typer(help="What a person should know, told without asking.", no_args_is_help=True)
_MANY = 100


@app.command("list", epilog="Example: ml-connector alerts list denver")
def list_all(
    name: Name,
    everything: Annotated[bool, typer.Option("--all", help="Also what is well again, the newest hundred.")] = False,
    json: Json = False,
) -> None:
    """What stands now, as the service last saw it: since when, whether it was told, and what to do."""
    opened = context.opened(Permission.READ)
    kept = Alerts(opened.database, opened.connections.get(name), ACTOR, utc_now)
    _show(kept.newest(_MANY) if everything else kept.open(), json)


@app.command("check", epilog="Example: ml-connector alerts check denver")
def check(name: Name, json: Json = False) -> None:
    """Look now, and tell what was not told yet, as the service does every few minutes. Exit code 3 where something stands."""
    opened = context.opened(Permission.OPERATE)
    bell = Bell(opened.database, opened.vault.get, fiscal_periods(opened.connection))
    standing = evaluate_and_tell(bell, name, datetime.now(UTC))
    _show(standing, json)
    raise typer.Exit(Exit.A_PERSON_IS_NEEDED if standing else Exit.DONE)


@app.command("test", epilog="Example: ml-connector alerts test denver")
def ring(name: Name, json: Json = False) -> None:
    """Send a test to every target of a connection, and say a line each whether it was taken."""
    opened = context.opened(Permission.CHECK)
    lines = list(try_targets(Bell(opened.database, opened.vault.get), name))
    if not lines:
        says = "the connection names nobody to tell"
        remedy = (
            "Put an address in the vault ('ml-connector vault put alerts-mail'), write to = ['vault:alerts-mail'] in [alerts] "
            "of the connection's settings, and add it again with --replace."
        )
        raise Interrupted(Finding("alert.nobody", f"connection {name}", says, remedy))
    if json:
        print_json([{"what": what, "finding": finding} for what, finding in lines])
    else:
        tell_checks(lines)
    raise typer.Exit(Exit.FAILED if any(finding for _, finding in lines) else Exit.DONE)


def _show(alerts: Sequence[AlertRecord], json: bool) -> None:
    if json:
        print_json([_row(it) for it in alerts])
        return
    for it in alerts:
        well = f"[green]well since {it.cleared:%Y-%m-%d %H:%M} UTC[/]  " if it.cleared else ""
        out.print(f"{well}[bold]{it.code}[/]  {escape(it.finding.where)}")
        out.print(f"  {escape(it.finding.says)}")
        if not it.cleared:
            out.print(f"  [green]Remedy:[/] {escape(it.finding.remedy)}")
        out.print(f"  since {it.raised:%Y-%m-%d %H:%M} UTC; {escape(_telling(it))}")
    if not alerts:
        out.print("[green]Nothing needs a person.[/]")


def _telling(it: AlertRecord) -> str:
    if it.told is not None:
        return f"told {it.told:%Y-%m-%d %H:%M} UTC"
    if not it.attempts:
        return "not told yet"
    tried = f"{it.attempts} attempt{'' if it.attempts == 1 else 's'}"
    return f"not told in {tried}: {it.kept.trouble or 'the last one did not end'}"


def _row(it: AlertRecord) -> dict[str, object]:
    return {
        "code": it.code,
        "subject": it.subject,
        "finding": it.finding,
        "raised": it.raised,
        "seen": it.seen,
        "cleared": it.cleared,
        "told": it.told,
        "attempts": it.attempts,
        "untold": it.told is None and it.attempts >= UNTOLD,
        "trouble": it.kept.trouble,
    }
