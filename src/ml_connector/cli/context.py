"""What every command needs: the data folder, the database, the person at the keyboard."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ml_connector.runtime import keys
from ml_connector.runtime.redaction import keep_out
from ml_connector.runtime.wiring import Wired, open_connection
from ml_connector.store.database import Database

DATA_VARIABLE = "ML_CONNECTOR_DATA"
DATABASE_VARIABLE = "ML_CONNECTOR_DATABASE"

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Name = Annotated[str, typer.Argument(help="The connection's name.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the trail.")]


def data_folder() -> Path:
    """Where the ledger is kept: ML_CONNECTOR_DATA, else ./data."""
    return Path(os.environ.get(DATA_VARIABLE) or "data")


def database_url() -> str:
    """ML_CONNECTOR_DATABASE, else SQLite in the data folder. The URL may hold a password, so it is no option."""
    return os.environ.get(DATABASE_VARIABLE) or f"sqlite:///{data_folder() / 'ledger.sqlite'}"


def actor() -> str:
    return getpass.getuser()


def database() -> Database:
    """The database, with its tables brought up to date."""
    if not os.environ.get(DATABASE_VARIABLE):
        data_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    keep_out(urlsplit(database_url()).password or "")
    opened = Database(database_url())
    opened.migrate()
    return opened


def connection(name: str) -> Wired:
    return opened(database(), name)


def opened(known: Database, name: str) -> Wired:
    """A connection of this database, with what the data folder has for it."""
    return open_connection(known, name, actor(), keys.master_keys(data_folder()), data_folder() / "contracts")
