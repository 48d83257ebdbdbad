"""ml-connector serve: run by itself, as schedules and webhooks say, until it is stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json
from ml_connector.cli.output import err, print_json
from ml_connector.store.vault import Vault

if TYPE_CHECKING:
    from ml_connector.runtime.asking import Asking
    from ml_connector.runtime.engine import Engine
    from ml_connector.store.database import Database
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

    logs.begin("plain" if plain or sys.stderr.isatty() else "json", file=log_file)
    database = context.of_the_service()
    engine = None if role is Part.WEB else _engine(database, concurrency, takeover)
    door = None if role is Part.WORKER else _door(host, port, certificate, key, engine)

    def ready() -> None:
        url = door.url if door else ""
        if json:
            print_json({"serving": role.value, "url": url, "worker": engine.worker if engine else ""})
            sys.stdout.flush()
        else:
            err.print(f"Serving ({role.value}){f' at {url}' if url else ''}. Ctrl+C stops it.")

    try:
        service.serve(engine, lambda worker: _asking(database, worker).tasks(), door, ready, patience)
    finally:
        database.close()


def engine_url() -> str:
    """Where the engine keeps the journeys of runs: ML_CONNECTOR_ENGINE, else beside the ledger."""
    given = os.environ.get(ENGINE_VARIABLE)
    url = context.database_url()
    if given or not url.startswith("sqlite"):
        return given or url
    return f"sqlite:///{(context.data_folder() / 'engine.sqlite').absolute()}"


def _engine(database: Database, concurrency: int, takeover: float) -> Engine:
    from ml_connector.runtime.engine import Engine, Patience

    patience = Patience(worker=takeover, look=takeover / 4)
    return Engine(database, engine_url(), partial(context.wired, database), concurrency=concurrency, patience=patience)


def _asking(database: Database, engine: Engine) -> Asking:
    from ml_connector.runtime.asking import Asking

    return Asking(database, engine, partial(context.wired, database))


def _door(host: str, port: int, certificate: Path | None, key: Path | None, engine: Engine | None) -> WebServer:
    from ml_connector.runtime.pulse import Engine as EnginePulse
    from ml_connector.web.serving import web_server

    pulse = EnginePulse(alive=lambda: not engine.lost.is_set()) if engine else None

    def vault(database: Database) -> Callable[[str], str]:
        return Vault(database, context.master_keys, "webhooks").get

    return web_server(
        context.database_url(),
        vault,
        host,
        port,
        token=os.environ.get(TOKEN_VARIABLE, ""),
        engine=pulse,
        certificate=certificate,
        key=key,
    )
