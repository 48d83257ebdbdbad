"""ml-connector connection: add, list, show, check, allow-login."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name
from ml_connector.cli.doctors import report
from ml_connector.cli.output import out, print_json, table
from ml_connector.docket.people import Permission
from ml_connector.findings import Interrupted
from ml_connector.runtime import logins
from ml_connector.runtime import settings as form
from ml_connector.store.refused_logins import RefusedLogins

app = typer.Typer(help="ServiceTitan tenants and the GP companies they feed.", no_args_is_help=True)


@app.command("add", epilog="Example: ml-connector connection add denver.toml --mode review")
def add(
    file: Annotated[Path, typer.Argument(help="The settings, as docs/connections.md shows.")],
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="review: a person approves each plan; automatic: plans are entered at once."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Change a connection that is there already.")] = False,
    json: Json = False,
) -> None:
    """Add a connection. Credentials in the file are references (env:NAME, file:/path), never the credentials."""
    values = dict(form.read_toml(file))
    if mode or "mode" not in values:
        values["mode"] = mode or (_asked_mode() if sys.stdin.isatty() else "review")
    settings = form.from_values(values, str(file))
    known = context.opened(Permission.ADMINISTER).connections
    taken = form.prefix_taken(settings, (form.from_ledger(it.definition, it.name) for it in known.all()))
    if taken:
        raise Interrupted(taken)
    (known.change if replace else known.add)(settings.name, form.to_values(settings))
    if json:
        print_json(form.to_values(settings))
    else:
        out.print(f"Connection [bold]{settings.name}[/] is kept, in {settings.mode} mode.")
        out.print(f"Next: ml-connector connection check {settings.name}; then import its rulebook.")
        if not replace:
            out.print(
                f"It has no schedule and runs when a person runs it: 'ml-connector schedule add {settings.name} nightly "
                "daily 01:30' changes that.",
                soft_wrap=True,
            )


@app.command("list", epilog="Example: ml-connector connection list --json")
def list_all(json: Json = False) -> None:
    """Every connection of this ledger."""
    every = context.opened(Permission.READ).connections.all()
    known = [form.from_ledger(it.definition, it.name) for it in every]
    if json:
        print_json([form.to_values(it) for it in known])
        return
    rows = [(it.name, it.mode, it.servicetitan.tenant_id, ", ".join(it.gp), it.prefix) for it in known]
    table("Connections", ("name", "mode", "tenant:", "GP companies", "prefix"), rows)


@app.command("show", epilog="Example: ml-connector connection show denver")
def show(name: Name, json: Json = False) -> None:
    """The settings of one connection. Credentials are shown as the references they are."""
    values = context.opened(Permission.READ).connections.get(name).definition
    if json:
        print_json(values)
        return
    for path, value in _flat(values):
        out.print(f"{path:<40} {value}", markup=False)


@app.command("check", epilog="Example: ml-connector connection check denver")
def check(name: Name, json: Json = False) -> None:
    """Look at every part of one connection, and say of each what is good, or what is wrong and who mends it where."""
    report(context.opened(Permission.CHECK).doctor.connection(name), json)


@app.command("allow-login", epilog="Example: ml-connector connection allow-login denver")
def allow_login(name: Name, json: Json = False) -> None:
    """Let a Windows password that GP or the domain refused be tried once more. It unlocks nothing in Windows."""
    opened = context.opened(Permission.ADMINISTER)
    refused = RefusedLogins(opened.database, opened.person.name)
    allowed = logins.allow(opened.settings(name), opened.vault.get, refused)
    if json:
        print_json(allowed)
        return
    for it in allowed:
        says = "may be tried once more" if it.was_refused else "was never refused"
        out.print(f"{it.username} ({it.domain}): its password {says}.", markup=False)


def _asked_mode() -> str:
    out.print("In [bold]review[/] mode a person approves every plan before it is entered; start with it.")
    return str(typer.prompt("Mode (review or automatic)", default="review"))


def _flat(values: object, path: str = "") -> list[tuple[str, object]]:
    if not isinstance(values, dict):
        return [(path, values)]
    return [leaf for name, value in values.items() for leaf in _flat(value, f"{path}.{name}" if path else str(name))]
