"""What every command needs: the data folder, the database, and the person at the keyboard, who must be allowed.

A command opens the ledger by one of the functions here, with the permission that it needs. There is no other way in.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ml_connector.docket.people import Permission, Person
from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime import keys
from ml_connector.runtime.doctor.examination import Doctor
from ml_connector.runtime.people import os_account, permitted
from ml_connector.runtime.redaction import keep_out
from ml_connector.runtime.settings import Settings, from_ledger
from ml_connector.runtime.wiring import Wired, open_connection
from ml_connector.store.connections import Connections
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from ml_connector.store.schema import INSTALLATION_NAME
from ml_connector.store.users import Users
from ml_connector.store.vault import MasterKey, Vault

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


@dataclass(frozen=True, slots=True)
class Opened:
    """The database, and who opened it. Everything that is written through it is written in their name."""

    database: Database
    person: Person

    @property
    def connections(self) -> Connections:
        return self.database.connections(self.person.name)

    @property
    def users(self) -> Users:
        return Users(self.database, self.person.name)

    @property
    def vault(self) -> Vault:
        return Vault(self.database, master_keys, self.person.name)

    @property
    def doctor(self) -> Doctor:
        return Doctor(self.database, self.person.name, master_keys, data_folder() / "contracts")

    def settings(self, name: str) -> Settings:
        return from_ledger(self.connections.get(name).definition, name)

    def ledger(self, name: str) -> Ledger:
        """What we keep of a connection, without reaching for its credentials."""
        return self.database.ledger(self.connections.get(name).name, self.person.name)

    def trail_of(self, name: str) -> Ledger:
        """The same, for its trail alone: the installation itself has one too."""
        return self.database.ledger(name, self.person.name) if name == INSTALLATION_NAME else self.ledger(name)

    def connection(self, name: str) -> Wired:
        """A connection with everything it reaches, and what the data folder has for it."""
        return wired(self.database, name, self.person.name)


@dataclass(frozen=True, slots=True)
class Service:
    """The database for a process that acts for nobody: it does what schedules and webhooks ask for."""

    database: Database

    def connection(self, name: str, who: str) -> Wired:
        """A connection with everything it reaches; `who` is whom the trail names."""
        return wired(self.database, name, who)

    def vault(self) -> Callable[[str], str]:
        """What opens a sealed credential by its name."""
        return Vault(self.database, master_keys, "service").get


def opened(permission: Permission) -> Opened:
    """The database, with its tables brought up to date, for somebody who may do that.

    Raises Interrupted `user.no_account`, `user.inactive`, `user.not_allowed`.
    """
    database = _up_to_date()
    return Opened(database, permitted(database, os_account(), permission))


def service() -> Service:
    return Service(_up_to_date())


def as_it_is(permission: Permission) -> Opened:
    """The same, with its tables as they are, as for a backup before an upgrade. A ledger from before there were users has
    none to ask. Raises Interrupted also `store.not_prepared`, where there is no ledger."""
    database = Database(database_url())
    if database.file is not None and not database.file.exists():
        remedy = "Name the ledger's place in ML_CONNECTOR_DATA or ML_CONNECTOR_DATABASE."
        raise Interrupted(Finding("store.not_prepared", database.name, "there is no ledger there", remedy))
    if database.is_current():
        return Opened(database, permitted(database, os_account(), permission))
    return Opened(database, Person(os_account()))


def _up_to_date() -> Database:
    if not os.environ.get(DATABASE_VARIABLE):
        data_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    keep_out(urlsplit(database_url()).password or "")
    database = Database(database_url())
    database.migrate()
    return database


def wired(database: Database, name: str, who: str) -> Wired:
    """A connection with everything it reaches; `who` is whom the trail names."""
    return open_connection(database, name, who, master_keys, data_folder() / "contracts")


def to_be_filled(url: str = "") -> Database:
    """A database to restore into, which must be found empty: it has no users who could be asked."""
    if not url and not os.environ.get(DATABASE_VARIABLE):
        data_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(url or database_url())
    if database.file is not None and database.file.parent.is_dir():
        database.file.touch(mode=0o600)
    return database


def typed_secret(what: str, *, twice: bool = False) -> str:
    """What a person types without its being shown; else the first line of standard input. Never a word of the command."""
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=twice, err=True))
    return sys.stdin.readline().rstrip("\r\n")


def connection(name: str, permission: Permission) -> Wired:
    return opened(permission).connection(name)


def ledger(name: str, permission: Permission) -> Ledger:
    return opened(permission).ledger(name)


def master_keys() -> Sequence[MasterKey]:
    """What opens the vault, as it is now."""
    return keys.master_keys(data_folder())
