"""The tables of a GP company that we read by SQL, on the tests' PostgreSQL: same names, same columns, padded as GP pads.

A person at GP closes periods in them; `reader` is a role that may only read, as an administrator should make it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time

import psycopg

from ml_connector.sandbox.company.records import Account, Period, Series
from tests.postgres import Server

TABLES = """
CREATE SCHEMA dbo;
CREATE TABLE dbo."SY40101" ("YEAR1" smallint NOT NULL PRIMARY KEY, "FSTFSCDY" timestamp NOT NULL,
    "LSTFSCDY" timestamp NOT NULL, "NUMOFPER" smallint NOT NULL, "HISTORYR" smallint NOT NULL);
CREATE TABLE dbo."SY40100" ("CLOSED" smallint NOT NULL, "SERIES" smallint NOT NULL, "ODESCTN" char(51) NOT NULL,
    "FORIGIN" smallint NOT NULL, "PERIODID" smallint NOT NULL, "PERIODDT" timestamp NOT NULL, "PERNAME" char(21) NOT NULL,
    "PSERIES_1" smallint NOT NULL, "PSERIES_2" smallint NOT NULL, "PSERIES_3" smallint NOT NULL,
    "PSERIES_4" smallint NOT NULL, "PSERIES_5" smallint NOT NULL, "PSERIES_6" smallint NOT NULL,
    "YEAR1" smallint NOT NULL, "PERDENDT" timestamp NOT NULL, PRIMARY KEY ("YEAR1", "PERIODID", "SERIES", "ODESCTN"));
CREATE TABLE dbo."GL00100" ("ACTINDX" integer NOT NULL PRIMARY KEY, "ACTDESCR" char(51) NOT NULL,
    "ACCTTYPE" smallint NOT NULL, "ACTIVE" smallint NOT NULL, "ACCTENTR" smallint NOT NULL);
CREATE TABLE dbo."GL00105" ("ACTINDX" integer NOT NULL PRIMARY KEY, "ACTNUMST" char(129) NOT NULL);
"""
ORIGINS = {  # as the window Mass Close lists them, a few of each
    Series.FINANCIAL: ("General Entry", "Bank Deposit Entry"),
    Series.SALES: ("Receivables Sales Entry", "Cash Receipts Entry"),
    Series.PURCHASING: ("Payables Trx Entry", "Computer Checks"),
}
NUMBERS = {Series.FINANCIAL: 2, Series.SALES: 3, Series.PURCHASING: 4}
FLAGS = {Series.FINANCIAL: "PSERIES_1", Series.SALES: "PSERIES_2", Series.PURCHASING: "PSERIES_3"}
NOBODY = datetime(1900, 1, 1)  # noqa: DTZ001 - an empty date of GP's


@dataclass(frozen=True, slots=True)
class GpTables:
    """One company's database. `url` and `reader` are for the connection under test."""

    server: Server
    database: str
    reader: str

    @property
    def url(self) -> str:
        return f"postgresql://127.0.0.1:{self.server.port}"

    def run(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.server.url(self.database), autocommit=True) as sql:
            sql.execute(statement.encode(), values or None)

    def set_up(self, periods: Iterable[Period], accounts: Iterable[Account] = ()) -> None:
        """The company's years, periods and accounts, as GP's set-up windows would write them."""
        by_year: dict[int, list[Period]] = {}
        for period in periods:
            by_year.setdefault(period.year, []).append(period)
        for year, of_year in by_year.items():
            first, last = min(it.first for it in of_year), max(it.last for it in of_year)
            self.add_year(year, first, last, len(of_year), any(it.historical for it in of_year))
            self.add_period(year, 0, first, first, name="Beginning Balance")
            for it in of_year:
                self.add_period(year, it.number, it.first, it.last, it.closed)
        for index, account in enumerate(accounts, 1):
            self.add_account(index, account.number, account.description, account.active, account.allows_entry)

    def add_year(self, year: int, first: date, last: date, periods: int, historical: bool) -> None:
        row = (year, first, last, periods, int(historical))
        self.run('INSERT INTO dbo."SY40101" VALUES (%s, %s, %s, %s, %s)', *row)

    def add_period(
        self,
        year: int,
        number: int,
        first: date | None,
        last: date | None,
        closed: Iterable[Series] = (),
        name: str = "",
        origins: bool = True,
    ) -> None:
        """A period; closing a series closes every origin of it, as GP's window does."""
        shut = frozenset(closed)
        self._row(0, "", year, number, first, last, False, shut, name)
        if origins:
            for series, named in ORIGINS.items():
                for origin in named:
                    self._row(NUMBERS[series], origin, year, number, first, last, series in shut, frozenset(), name)

    def _row(
        self,
        series: int,
        origin: str,
        year: int,
        number: int,
        first: date | None,
        last: date | None,
        closed: bool,
        shut: frozenset[Series],
        name: str,
    ) -> None:
        days = [NOBODY if day is None else datetime.combine(day, time()) for day in (first, last)]
        flags = [int(series in shut) for series in Series]
        row = (int(closed), series, origin, int(series == 0), number, days[0], name, *flags, year, days[1])
        self.run(f'INSERT INTO dbo."SY40100" VALUES ({", ".join(["%s"] * len(row))})', *row)

    def add_account(
        self, index: int, number: str, description: str, active: bool = True, entry: bool = True, kind: int = 1
    ) -> None:
        row = (index, description, kind, int(active), int(entry))
        self.run('INSERT INTO dbo."GL00100" VALUES (%s, %s, %s, %s, %s)', *row)
        self.run('INSERT INTO dbo."GL00105" VALUES (%s, %s)', index, number)

    # What a person does at GP

    def close(self, year: int, number: int, series: Series) -> None:
        """The box of a series in the window Fiscal Periods."""
        here = 'WHERE "YEAR1" = %s AND "PERIODID" = %s AND "SERIES" = %s'
        self.run(f'UPDATE dbo."SY40100" SET "{FLAGS[series]}" = 1 {here}', year, number, 0)
        self.run(f'UPDATE dbo."SY40100" SET "CLOSED" = 1 {here}', year, number, NUMBERS[series])

    def mass_close(self, year: int, number: int, origin: str) -> None:
        """One origin in the window Mass Close; the box of its series stays as it is."""
        here = '"YEAR1" = %s AND "PERIODID" = %s AND "ODESCTN" = %s'
        self.run(f'UPDATE dbo."SY40100" SET "CLOSED" = 1 WHERE {here}', year, number, origin)


@contextmanager
def gp_tables(server: Server) -> Iterator[GpTables]:
    """An empty company, and a role that may only read it."""
    name, reader = f"gp_{uuid.uuid4().hex[:12]}", f"reader_{uuid.uuid4().hex[:12]}"
    server.create_database(name)
    tables = GpTables(server, name, reader)
    try:
        tables.run(TABLES)
        tables.run(f"CREATE ROLE {reader} LOGIN")
        tables.run(f"GRANT USAGE ON SCHEMA dbo TO {reader}")
        tables.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA dbo TO {reader}")
        yield tables
    finally:
        server.drop_database(name)
        with psycopg.connect(server.url("postgres"), autocommit=True) as sql:
            sql.execute(f"DROP ROLE IF EXISTS {reader}".encode())
