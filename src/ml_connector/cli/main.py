"""The command line. One file per group of commands; this one joins them and ends every failure well."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from ml_connector.cli import (
    alerts,
    backups,
    connections,
    demo,
    doctors,
    holds,
    keeping,
    parties,
    plans,
    posting,
    reading,
    rulebooks,
    runs,
    sandboxes,
    schedules,
    serving,
    users,
    vaults,
)
from ml_connector.cli.output import Exit, err, findings, print_json
from ml_connector.findings import Interrupted
from ml_connector.runtime import logs

app = typer.Typer(
    name="ml-connector",
    help="Enter what happened in ServiceTitan in the books kept in Microsoft Dynamics GP, exactly once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback with local variables could show a credential
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (demo, sandboxes, doctors, runs, holds, posting, reading, serving, backups, keeping):
    room.register(app)
app.add_typer(connections.app, name="connection")
app.add_typer(rulebooks.app, name="rulebook")
app.add_typer(schedules.app, name="schedule")
app.add_typer(alerts.app, name="alerts")
app.add_typer(plans.app, name="plan")
app.add_typer(parties.app, name="parties")
app.add_typer(users.app, name="user")
app.add_typer(vaults.app, name="vault")


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"ml-connector {version('ml-connector')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Data is kept in the folder ML_CONNECTOR_DATA (./data without it), or in the database ML_CONNECTOR_DATABASE."""


def main() -> None:
    """Run a command. What the trade foresees is a finding with its remedy on standard error, and exit code 1."""
    logs.begin("plain", logging.WARNING)
    try:
        app()
    except Interrupted as fault:
        if "--json" in sys.argv:
            print_json({"error": fault.finding, "findings": fault.findings})
        else:
            findings(fault.findings, err)
        sys.exit(Exit.FAILED)
    except KeyboardInterrupt:
        err.print("Stopped. What was stored stands; the next run goes on from there.")
        sys.exit(130)
    except Exception:  # Python, or Typer, would show it as it is
        logging.getLogger(__name__).critical("a fault of ml-connector; please report it", exc_info=True)
        sys.exit(Exit.FAILED)
