"""A connection whose every part is real: both sandboxes over HTTP, a ledger, a rulebook, and the doctor who looks at it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from ml_connector.findings import Finding
from ml_connector.mapping.tables import Row, Table
from ml_connector.runtime import settings as form
from ml_connector.runtime.doctor.examination import Doctor
from ml_connector.runtime.doctor.lines import Line, Mark
from ml_connector.runtime.trial import APP_KEY, CLIENT_ID, CLIENT_SECRET, Trial, write_trial
from ml_connector.sandbox.company import DIALECTS, GPCONNECT, Company, SbaApplication, SoapApplication, WindowsUser
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.serving import Server
from ml_connector.sandbox.shop import SCOPES, Shop
from ml_connector.sandbox.trade import Month
from ml_connector.store.database import Database
from ml_connector.store.vault import MasterKey
from ml_connector.workbook.reading import read as read_workbook

NO_ROLE = WindowsUser("FRONTRANGE\\norole", "No-Role-1", roles=frozenset())
ELSEWHERE = WindowsUser("FRONTRANGE\\elsewhere", "Else-Where-1", companies=frozenset({"OTHER"}))


@cache
def month() -> Month:
    return a_month(invoices=5)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Practice:
    """Change what you like, then `examine`. `gp` and `servicetitan` are the settings, `tables` the rulebook's."""

    folder: Path
    url: str  # of the ledger
    shop: Server
    company: Company
    application: SbaApplication | SoapApplication
    server: Server
    dialect: str
    values: dict[str, Any]
    tables: dict[str, Table]
    keys: Sequence[MasterKey] = ()
    now: Callable[[], datetime] = now
    databases: list[Database] = field(default_factory=list)

    @property
    def gp(self) -> dict[str, Any]:
        company: dict[str, Any] = self.values["gp"]["FRM"]
        return company

    @property
    def servicetitan(self) -> dict[str, Any]:
        tenant: dict[str, Any] = self.values["servicetitan"]
        return tenant

    @property
    def is_soap(self) -> bool:
        return self.dialect == "soap"

    @property
    def calendar(self) -> Path:
        return self.folder / "calendar.csv"

    def reach(self, url: str) -> None:
        """Have GP looked for at another address."""
        self.gp["endpoint" if self.is_soap else "server"] = f"{url}/DynamicsGPWebServices" if self.is_soap else url

    def log_in_as(self, user: WindowsUser) -> None:
        self.put("gp-username", user.name)
        self.put("gp-password", user.password)

    def put(self, name: str, text: str) -> None:
        """Another credential in the file of this name."""
        (self.folder / "secrets" / name).write_text(text, "utf-8")

    def service_map(self, text: str) -> None:
        """This company's own map, on top of the shipped one."""
        path = self.folder / "map.toml"
        path.write_text(f'based_on = "{self.gp["service_map"]}"\n{text}', "utf-8")
        self.gp["service_map"] = str(path)

    def rewrite(self, table: str, row: int, **cells: str) -> None:
        """Other cells in a row of the rulebook; `row` counts from 0."""
        old = self.tables[table]
        rows = list(old.rows)
        kept = {name: text for name, text in {**rows[row].cells, **_named(cells)}.items() if text}
        rows[row] = Row(rows[row].number, kept)
        columns = tuple(dict.fromkeys((*old.columns, *_named(cells))))
        self.tables[table] = Table(table, columns, tuple(rows))

    def database(self) -> Database:
        """The ledger, with the connection and the rulebook in it."""
        database = Database(self.url)
        self.databases.append(database)
        database.migrate()
        settings = form.from_values(self.values, "practice")
        database.connections("maria").add(settings.name, form.to_values(settings))
        if self.tables:
            database.ledger(settings.name, "maria").add_rulebook(self.tables, "maria", "the sample")
        return database

    def examine(self, database: Database | None = None) -> list[Line]:
        doctor = Doctor(database or self.database(), "maria", lambda: self.keys, self.folder / "contracts", self.now)
        return list(doctor.connection(self.values["name"]))


@contextmanager
def practice(
    folder: Path,
    dialect: str,
    users: Sequence[WindowsUser] = (GPCONNECT, NO_ROLE, ELSEWHERE),
    company: Company | None = None,
    scopes: Collection[str] = SCOPES,
) -> Iterator[Practice]:
    shop = Shop(month(), client_id=CLIENT_ID, client_secret=CLIENT_SECRET, app_key=APP_KEY, scopes=scopes)
    books = company or Company.front_range()
    application = (
        SoapApplication(books, users) if dialect == "soap" else SbaApplication(books, DIALECTS[dialect], users)
    )
    with Server(shop) as shop_server, Server(application) as server:
        paths = write_trial(Trial(shop_server, server, dialect), folder, "automatic")
        tables = read_workbook(paths["rulebook"])
        assert not isinstance(tables, tuple)
        ready = Practice(
            folder=folder,
            url=f"sqlite:///{folder / 'ledger.sqlite'}",
            shop=shop_server,
            company=books,
            application=application,
            server=server,
            dialect=dialect,
            values=copy.deepcopy(dict(form.read_toml(paths["connection"]))),
            tables=dict(tables),
        )
        ready.rewrite("Companies", 0, cut_over="2026-03-01")  # February is closed in the sandbox
        yield ready
        for database in ready.databases:
            database.close()


def marks(lines: Sequence[Line], mark: Mark) -> list[str]:
    """The titles of the lines that have this mark."""
    return [line.title for line in lines if line.mark is mark]


def findings(lines: Sequence[Line], mark: Mark = Mark.WRONG) -> dict[str, str]:
    """What is wrong, or noted: the code by the title of its line."""
    return {line.title: line.finding.code for line in lines if line.finding and line.mark is mark}


def finding_of(lines: Sequence[Line], title: str) -> Finding:
    (found,) = [line.finding for line in lines if line.title == title and line.finding]
    return found


def says(lines: Sequence[Line], title: str) -> str:
    (line,) = [line for line in lines if line.title == title]
    return line.says


def _named(cells: dict[str, str]) -> dict[str, str]:
    return {name.replace("segment_", "segment "): text for name, text in cells.items()}
