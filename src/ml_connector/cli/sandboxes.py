"""ml-connector sandbox: both systems on loopback, for a person to try."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ml_connector.cli.context import Json
from ml_connector.cli.output import out, print_json
from ml_connector.runtime.trial import DIALECTS, trial, write_trial


def register(app: typer.Typer) -> None:
    app.command("sandbox", epilog="Example: ml-connector sandbox --folder trial")(sandbox)


def sandbox(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where to write settings, credentials and a rulebook.")
    ] = Path("trial"),
    dialect: Annotated[
        str,
        typer.Option("--dialect", help="GP's services: one or two (SBA), soap, or mixed (both)."),
    ] = "one",
    invoices: Annotated[int, typer.Option("--invoices", min=1, help="How large a month.")] = 420,
    servicetitan_port: Annotated[int, typer.Option("--servicetitan-port", help="0: any free port.")] = 8401,
    gp_port: Annotated[int, typer.Option("--gp-port", help="0: any free port.")] = 8402,
    json: Json = False,
) -> None:
    """Serve a sandbox ServiceTitan and a sandbox GP until stopped, with a connection file and rulebook to use them."""
    if dialect not in DIALECTS:
        raise typer.BadParameter(f"the dialect is one of {', '.join(DIALECTS)}")
    with trial(dialect, invoices, servicetitan_port, gp_port) as served:
        paths = write_trial(served, folder)
        if json:
            written = {name: str(path) for name, path in paths.items()}
            print_json({"servicetitan": served.shop.url, "gp": served.company.url, **written})
        else:
            out.print(f"ServiceTitan  {served.shop.url}\nGP            {served.company.url}\n")
            out.print("In another terminal:")
            out.print(f"  ml-connector connection add {paths['connection']} --mode review", markup=False)
            out.print(f"  ml-connector rulebook import trial {paths['rulebook']}", markup=False)
            for line in ("run trial", "plan show trial", "plan approve trial --all", "run trial"):
                out.print(f"  ml-connector {line}")
            out.print(
                f'Trouble to order: curl -X POST {served.company.url}/__sandbox/faults -d \'{{"fault": "slow"}}\'',
                markup=False,
            )
            out.print("Ctrl-C ends both; what they held is forgotten.")
        while True:
            time.sleep(3600)
