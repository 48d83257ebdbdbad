"""The whole examination: of the ledger, and of a connection, part by part. Lines come as they are known."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from ml_connector.findings import Interrupted
from ml_connector.runtime import wiring
from ml_connector.runtime.doctor import credentials, gp, ledger, servicetitan
from ml_connector.runtime.doctor.lines import Line, Mark
from ml_connector.runtime.doctor.rulebook import Examination as RulebookExamination
from ml_connector.runtime.settings import Settings, from_ledger
from ml_connector.servicetitan.field_service import FieldService
from ml_connector.store.database import Database, utc_now
from ml_connector.store.refused_logins import RefusedLogins
from ml_connector.store.vault import MasterKey, Vault

Opener = Callable[[str], str]  # a sealed credential by its name


@dataclass(frozen=True, slots=True)
class Doctor:
    """`keys` open sealed credentials, `folder` keeps GP's contracts, `now` is our clock, with a zone."""

    database: Database
    actor: str
    keys: Callable[[], Sequence[MasterKey]] = tuple
    folder: Path | None = None
    now: Callable[[], datetime] = utc_now

    def ledger(self) -> Iterator[Line]:
        return ledger.examine(self.database)

    def connection(self, name: str) -> Generator[Line, None, None]:
        """Every part of a connection. Raises Interrupted `connection.unknown`; whatever else is wrong is a line."""
        definition = self.database.connections(self.actor).get(name).definition
        try:
            settings = from_ledger(definition, name)
        except Interrupted as stop:
            yield Line("", "settings", Mark.WRONG, finding=stop.finding)
            return
        with ExitStack() as open_:
            yield from self._parts(settings, open_)

    def _parts(self, settings: Settings, open_: ExitStack) -> Iterator[Line]:
        vault = Vault(self.database, self.keys, self.actor).get
        lacking: dict[str, str] = {}
        for line in credentials.examine(settings, vault):
            if line.mark is Mark.WRONG:
                lacking.setdefault(_owner(line.what), f"credential {line.what} comes first")
            yield line
        rules = RulebookExamination(settings, self.database.ledger(settings.name, self.actor))
        yield from rules.lines()
        yield from servicetitan.examine(
            settings.servicetitan,
            partial(self._field_service, settings, vault, open_),
            self.now,
            lacking.get("servicetitan", ""),
        )
        for company, its in settings.gp.items():
            today = self.now().astimezone(ZoneInfo(settings.time_zone)).date()
            room = gp.Room(company, its, rules.read, today, self.now)
            books = partial(self._books, settings, company, vault, open_)
            yield from gp.examine(room, books, lacking.get(f"gp.{company}", ""))

    def _field_service(self, settings: Settings, vault: Opener, open_: ExitStack) -> FieldService:
        client = wiring.servicetitan_client(settings, vault)
        open_.callback(client.close)
        return FieldService(client)

    def _books(self, settings: Settings, company: str, vault: Opener, open_: ExitStack) -> gp.Books:
        books = wiring.gp_books(settings, company, vault, self.folder, RefusedLogins(self.database, self.actor))
        open_.callback(books.close)
        return books


def _owner(setting: str) -> str:
    """Whose credential it is: "gp.FRM" of "gp.FRM.password"."""
    return setting.rpartition(".")[0]
