"""ml-connector serve: run by itself, as schedules and webhooks say, until it is stopped."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json, Service
from ml_connector.cli.output import err, print_json

if TYPE_CHECKING:
    from ml_connector.runtime.alerts import Bell
    from ml_connector.runtime.asking import Asking
    from ml_connector.runtime.engine import Engine
    from ml_connector.web.serving import WebServer

ENGINE_VARIABLE = "ML_CONNECTOR_ENGINE"
TOKEN_VARIABLE = "ML_CONNECTOR_TOKEN"  # noqa: S105 (its name, and not the token)


class Part(StrEnum):
    """What this process does."""

    ALL = "all"
    WEB = "web"
    WORKER = "worker"


def register(app: typer.Typer) -> None:
    app.command("serve", epilog="Example: ml-connector serve --host 0.0.0.0 --port 8420")(serve)


def serve(
    role: Annotated[
        Part, typer.Option("--role", help="worker makes the runs, web takes webhooks and shows health and figures.")
    ] = Part.ALL,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 takes a free one.")] = 8420,
    certificate: Annotated[Path | None, typer.Option("--certificate", help="PEM file, to serve over TLS.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="PEM file of the certificate's key.")] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=200, help="Runs at the same time.")] = 16,
    takeover: Annotated[
        float,
        typer.Option("--takeover", min=2, help="Seconds of silence after which another worker has a worker's runs."),
    ] = 20.0,
    patience: Annotated[
        float, typer.Option("--patience", min=0, help="Seconds that the document in hand may take when it is stopped.")
    ] = 120.0,
    log_file: Annotated[Path | None, typer.Option("--log-file", help="In place of standard error.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Log lines for a person, not JSON.")] = False,
    json: Json = False,
) -> None:
    """Run by itself: schedules, webhooks, runs. Ctrl+C, or SIGTERM, stops it after the document in hand."""
    from ml_connector.runtime import logs, service
    from ml_connector.runtime.alerts import ACTOR, Bell, fiscal_periods

    logs.begin("plain" if plain or sys.stderr.isatty() else "json", file=log_file)
    it = context.service()
    bell = Bell(it.database, it.vault(), fiscal_periods(lambda name: it.connection(name, ACTOR)))
    engine = None if role is Part.WEB else _engine(it, bell, concurrency, takeover)
    door = None if role is Part.WORKER else _door(it, host, port, certificate, key, engine)

    def ready() -> None:
        url = door.url if door else ""
        if json:
            print_json({"serving": role.value, "url": url, "worker": engine.worker if engine else ""})
            sys.stdout.flush()
        else:
            err.print(f"Serving ({role.value}){f' at {url}' if url else ''}. Ctrl+C stops it.")

    try:
        service.serve(engine, lambda worker: _asking(it, worker, bell).tasks(), door, ready, patience)
    finally:
        it.database.close()


def engine_url() -> str:
    """Where the engine keeps the journeys of runs: ML_CONNECTOR_ENGINE, else beside the ledger."""
    given = os.environ.get(ENGINE_VARIABLE)
    url = context.database_url()
    if given or not url.startswith("sqlite"):
        return given or url
    return f"sqlite:///{(context.data_folder() / 'engine.sqlite').absolute()}"


def _engine(it: Service, bell: Bell, concurrency: int, takeover: float) -> Engine:
    from ml_connector.runtime.asking import look_and_tell
    from ml_connector.runtime.engine import Engine, Patience

    return Engine(
        it.database,
        engine_url(),
        it.connection,
        concurrency=concurrency,
        patience=Patience(worker=takeover, look=takeover / 4),
        after_run=lambda wired: look_and_tell(bell, wired.settings.name, wired.clock.now()),
    )


def _asking(it: Service, engine: Engine, bell: Bell) -> Asking:
    from ml_connector.runtime.asking import Asking

    return Asking(it.database, engine, it.connection, bell)


def _door(
    it: Service, host: str, port: int, certificate: Path | None, key: Path | None, engine: Engine | None
) -> WebServer:
    from ml_connector.runtime.pulse import Engine as EnginePulse
    from ml_connector.web.serving import web_server

    pulse = EnginePulse(alive=lambda: not engine.lost.is_set()) if engine else None

    return web_server(
        it.database,
        it.vault(),
        host,
        port,
        token=os.environ.get(TOKEN_VARIABLE, ""),
        engine=pulse,
        certificate=certificate,
        key=key,
    )
