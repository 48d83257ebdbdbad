"""GP's own tables, read by SQL: the same tables on a real PostgreSQL, and the statements as SQL Server is told them."""

from __future__ import annotations

import ipaddress
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pymssql
import pytest
import sqlalchemy as sa
from cryptography import x509
from sqlalchemy.exc import OperationalError

from ml_connector.books.period import FiscalPeriod, Series, period_of
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.access import Secret
from ml_connector.gp.company_database import CompanyDatabase, DatabaseAccess, account_rows, finding, period_rows
from ml_connector.sandbox.company import Company
from ml_connector.sandbox.company.records import Series as GpSeries
from tests.contract.relay import certificate
from tests.doubles.sql_server import LOGIN, LOGIN_FAILED, NO_DATABASE, PRELOGIN, SqlServer
from tests.gp_tables import GpTables, gp_tables
from tests.postgres import Server

MARCH = date(2026, 3, 14)
PASSWORD = "Hunter2-Hunter2"


@pytest.fixture
def tables(postgresql: Server) -> Iterator[GpTables]:
    with gp_tables(postgresql) as made:
        yield made


@pytest.fixture
def company(tables: GpTables) -> GpTables:
    """The town's company, as its set-up windows wrote it."""
    books = Company.front_range()
    tables.set_up(books.periods(), books.accounts())
    return tables


def access_of(tables: GpTables, **changes: object) -> DatabaseAccess:
    access = DatabaseAccess(tables.url, tables.database, tables.reader, Secret(PASSWORD))
    return replace(access, **changes)  # type: ignore[arg-type]


def periods(tables: GpTables, **changes: object) -> tuple[FiscalPeriod, ...]:
    return CompanyDatabase(access_of(tables, **changes)).periods()


def march(tables: GpTables, **changes: object) -> FiscalPeriod:
    found = period_of(MARCH, periods(tables, **changes))
    assert found is not None
    return found


def stopped(deed: Callable[[], object]) -> Finding:
    with pytest.raises(Interrupted) as stop:
        deed()
    assert PASSWORD not in repr(stop.value.finding)
    assert stop.value.finding.remedy.endswith(".")
    return stop.value.finding


# What the tables say


def test_the_periods_are_those_of_the_company(company: GpTables) -> None:
    """Twenty-four periods of two years, in order of time; the opening balances are no period."""
    found = periods(company)
    expected = [
        FiscalPeriod(it.year, it.number, it.first, it.last, _ours(it.closed), it.historical)
        for it in Company.front_range().periods()
    ]
    assert list(found) == expected
    assert not found[0].open_in(Series.SALES), "2025 is a historical year"


@pytest.mark.parametrize("series", list(Series))
def test_a_box_of_the_window_closes_its_series_alone(company: GpTables, series: Series) -> None:
    """A person ticks one series for March."""
    company.close(2026, 3, GpSeries(series.value))
    assert march(company).closed == {series}


@pytest.mark.parametrize(
    ("origin", "series"),
    [
        ("Receivables Sales Entry", Series.SALES),
        ("Computer Checks", Series.PURCHASING),
        ("General Entry", Series.FINANCIAL),
    ],
)
def test_an_origin_closed_in_mass_close_closes_its_series(company: GpTables, origin: str, series: Series) -> None:
    """The box of the series stays clear; the window underneath has one origin closed."""
    company.mass_close(2026, 3, origin)
    assert march(company).closed == {series}


def test_of_named_origins_alone_the_closed_ones_count(company: GpTables) -> None:
    """The site closes its cheque runs early, and says which origins are ours."""
    origins = ("receivables sales entry", "Payables Trx Entry ")
    company.mass_close(2026, 3, "Computer Checks")
    assert march(company, origins=origins).closed == frozenset()
    company.mass_close(2026, 3, "Payables Trx Entry")
    assert march(company, origins=origins).closed == {Series.PURCHASING}


def test_the_box_of_a_series_counts_whatever_origins_are_named(company: GpTables) -> None:
    company.close(2026, 3, GpSeries.SALES)
    assert march(company, origins=("Payables Trx Entry",)).closed == {Series.SALES}


def test_an_origin_that_gp_does_not_know_stops_the_run(company: GpTables) -> None:
    """Somebody misspelt it: what it means might be closed."""
    told = stopped(lambda: periods(company, origins=("Recievables Sales Entry",)))
    assert told.code == "gp.sql_unfit"
    assert "Receivables Sales Entry" in told.says
    assert "'origins'" in told.remedy


def test_periods_of_four_and_five_weeks_are_read_as_they_are(tables: GpTables) -> None:
    """Periods need not be months, and a year need not begin in January."""
    tables.add_year(2026, date(2025, 12, 29), date(2026, 3, 29), 3, historical=False)
    for number, first, last in (
        (1, date(2025, 12, 29), date(2026, 1, 25)),
        (2, date(2026, 1, 26), date(2026, 2, 22)),
        (3, date(2026, 2, 23), date(2026, 3, 29)),
    ):
        tables.add_period(2026, number, first, last)
    assert [(it.first, it.last) for it in periods(tables)][1] == (date(2026, 1, 26), date(2026, 2, 22))
    assert march(tables).number == 3


def test_what_is_not_filled_in_is_known_to_nobody(company: GpTables) -> None:
    """A period without an end, one that has rows of origins alone, and one of a year that is not set up."""
    company.add_period(2026, 13, date(2027, 1, 1), None)
    company.add_period(2027, 1, date(2027, 2, 1), date(2027, 2, 28))
    company.run('DELETE FROM dbo."SY40100" WHERE "SERIES" = 0 AND "PERIODID" = 4')
    found = periods(company)
    for day in (date(2027, 1, 1), date(2027, 2, 10), date(2026, 4, 10)):
        assert period_of(day, found) is None


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ('DELETE FROM dbo."SY40100"', "no fiscal period"),
        ('UPDATE dbo."SY40100" SET "SERIES" = 1 WHERE "SERIES" = 2', "SERIES 1"),
        ("""UPDATE dbo."SY40100" SET "PERDENDT" = '2026-02-01' WHERE "PERIODID" = 3""", "before it begins"),
        (
            """UPDATE dbo."SY40100" SET "PERDENDT" = '2026-04-15' WHERE "PERIODID" = 3 AND "YEAR1" = 2026""",
            "lasts until",
        ),
    ],
)
def test_rows_that_are_not_what_we_take_them_for_stop_the_run(company: GpTables, spoilt: str, says: str) -> None:
    """The wrong database, series counted otherwise, days that cannot be."""
    company.run(spoilt)
    told = stopped(lambda: periods(company))
    assert (told.code, says in told.says) == ("gp.sql_unfit", True), told


def test_the_chart_of_accounts_is_that_of_the_company(company: GpTables) -> None:
    """Trimmed, with what each allows; unit accounts take no distribution of ours."""
    company.add_account(9001, "000-9000-00", "Square feet", kind=2)
    cards = CompanyDatabase(access_of(company)).accounts("-")
    assert {number: (it.active, it.allows_entry) for number, it in cards.items()} == {
        it.number: (it.active, it.allows_entry) for it in Company.front_range().accounts()
    }
    assert cards["000-1200-00"].number.segments == ("000", "1200", "00")
    assert cards["000-1200-00"].description == "Accounts Receivable"


# Only SELECT leaves


def test_a_role_that_may_only_read_is_enough(company: GpTables) -> None:
    """The administrator grants SELECT on four tables, and nothing else."""
    company.run(f"REVOKE ALL ON ALL TABLES IN SCHEMA dbo FROM {company.reader}")
    for table in ("SY40100", "SY40101", "GL00100", "GL00105"):
        company.run(f'GRANT SELECT ON dbo."{table}" TO {company.reader}')
    assert len(periods(company)) == 24
    assert CompanyDatabase(access_of(company)).accounts("-")


def test_the_transaction_itself_cannot_write(company: GpTables) -> None:
    """Even a trap cannot: a view in place of the table, whose function writes, asked by a role that may do everything."""
    company.run("CREATE TABLE dbo.written (at timestamp)")
    company.run(
        "CREATE FUNCTION dbo.trap() RETURNS smallint LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO dbo.written VALUES (now()); RETURN 0; END $$"
    )
    company.run('ALTER TABLE dbo."SY40101" RENAME TO years')
    company.run('CREATE VIEW dbo."SY40101" AS SELECT "YEAR1", dbo.trap() AS "HISTORYR" FROM dbo.years')
    told = stopped(lambda: periods(company, username="ledger"))
    assert (told.code, "read-only" in told.says) == ("gp.sql_refused", True), told


def test_every_statement_that_leaves_is_a_select(company: GpTables) -> None:
    """Whatever is sent in a cursor is written down."""
    sent: list[str] = []

    def write_down(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", write_down)
    try:
        periods(company)
        CompanyDatabase(access_of(company)).accounts("-")
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", write_down)
    ours = [statement for statement in sent if "dbo" in statement]
    assert len(ours) == 2
    assert all(statement.startswith("SELECT ") and ";" not in statement for statement in ours)


def test_sql_server_is_told_the_same_selects_in_its_own_words() -> None:
    """Compiled for the dialect of SQL Server, with the values in place."""
    assert told_to_sql_server(period_rows("dbo")) == (
        "SELECT dbo.[SY40100].[YEAR1], dbo.[SY40100].[PERIODID], dbo.[SY40100].[PERIODDT], dbo.[SY40100].[PERDENDT], "
        "dbo.[SY40100].[SERIES], dbo.[SY40100].[ODESCTN], dbo.[SY40100].[CLOSED], dbo.[SY40100].[PSERIES_1], "
        "dbo.[SY40100].[PSERIES_2], dbo.[SY40100].[PSERIES_3], dbo.[SY40101].[HISTORYR] "
        "FROM dbo.[SY40100] JOIN dbo.[SY40101] ON dbo.[SY40100].[YEAR1] = dbo.[SY40101].[YEAR1] "
        "WHERE dbo.[SY40100].[PERIODID] > 0 AND dbo.[SY40100].[SERIES] < 5"
    )
    assert told_to_sql_server(account_rows("")) == (
        "SELECT [GL00105].[ACTNUMST], [GL00100].[ACTDESCR], [GL00100].[ACTIVE], [GL00100].[ACCTENTR] "
        "FROM [GL00100] JOIN [GL00105] ON [GL00100].[ACTINDX] = [GL00105].[ACTINDX] WHERE [GL00100].[ACCTTYPE] = 1"
    )


# What cannot be reached


def test_a_login_that_is_turned_away_is_not_tried_again(tmp_path: Path) -> None:
    """SQL logins are locked after a few wrong passwords, like any account; the driver is the real one."""
    tls, _ = certificate(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    with SqlServer(tls) as server:
        access = DatabaseAccess(server.url, "FRMEC", "reader", Secret(PASSWORD))
        told = stopped(CompanyDatabase(access).periods)
        assert (told.code, "Login failed for user 'reader'" in told.says) == ("gp.sql_login", True), told
        again = stopped(CompanyDatabase(access).periods)
        assert (again.code, "not tried again" in again.says) == ("gp.sql_login", True)
        assert server.heard.count(LOGIN) == 1
        stopped(CompanyDatabase(replace(access, password=Secret("another one"))).periods)
        assert server.heard.count(LOGIN) == 2


def test_a_login_without_the_database_is_told_to_be_a_user_of_it(tmp_path: Path) -> None:
    """SQL Server calls that a failed login, and pymssql shows the gravest words alone."""
    tls, _ = certificate(tmp_path, x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    with SqlServer(tls, (NO_DATABASE, LOGIN_FAILED)) as server:
        access = DatabaseAccess(server.url, "FRMEC", "reader", Secret(PASSWORD))
        told = stopped(CompanyDatabase(access).periods)
        assert (told.code, "'database'" in told.remedy) == ("gp.sql_login", True)


@pytest.mark.parametrize(
    "taken",
    [
        'REVOKE SELECT ON dbo."SY40101" FROM {reader}',
        "REVOKE USAGE ON SCHEMA dbo FROM {reader}",
        'DROP TABLE dbo."SY40101"',
    ],
)
def test_a_table_that_may_not_be_read_says_what_to_grant(company: GpTables, taken: str) -> None:
    company.run(taken.format(reader=company.reader))
    told = stopped(lambda: periods(company))
    assert told.code == "gp.sql_refused"
    assert "SELECT on SY40100, SY40101" in told.remedy


def test_a_database_that_is_not_there_is_no_empty_calendar(company: GpTables) -> None:
    assert stopped(lambda: periods(company, database="nosuch")).code == "gp.sql_unreachable"


@pytest.mark.parametrize("backend", ["postgresql", "mssql"])
def test_a_server_that_does_not_answer_stops_the_run(company: GpTables, backend: str) -> None:
    """Nobody listens at the port; SQL Server's own driver is asked, too."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    told = stopped(lambda: periods(company, url=f"{backend}://127.0.0.1:{port}", connect_timeout=2))
    assert told.code == "gp.sql_unreachable"


def test_a_login_never_travels_to_a_sql_server_in_the_clear() -> None:
    """A server that says it cannot encrypt, or somebody in between who says so for it, hears no login."""
    with SqlServer() as server:
        access = DatabaseAccess(server.url, "FRMEC", "reader", Secret(PASSWORD), connect_timeout=3)
        assert stopped(CompanyDatabase(access).periods).code == "gp.sql_unreachable"
        assert server.heard == [PRELOGIN]


@pytest.mark.parametrize(
    ("number", "words", "code"),
    [
        (229, "The SELECT permission was denied on the object 'SY40100'. DB-Lib error message 20018", "gp.sql_refused"),
        (208, "Invalid object name 'dbo.SY40100'. DB-Lib error message 20018", "gp.sql_refused"),
        (18486, "Login failed because the account is currently locked out. DB-Lib error message 20018", "gp.sql_login"),
        (18456, "DB-Lib error message 20009 Unable to connect: TDS server is unavailable", "gp.sql_unreachable"),
        (20003, "DB-Lib error message 20003 Adaptive Server connection timed out", "gp.sql_unreachable"),
    ],
)
def test_what_sql_server_says_has_its_finding(number: int, words: str, code: str) -> None:
    """By the numbers of its messages, as pymssql brings them: also with a number left over from an earlier failure."""
    access = DatabaseAccess("mssql://gpsql.example", "FRMEC", "reader", Secret(f"{PASSWORD}{number}"))
    said = pymssql.OperationalError((number, words.replace(". ", ".\n").encode()))
    told = finding(access, OperationalError("", {}, said))
    assert (told.code, words in told.says) == (code, True), told


WITHOUT = """
import sys
sys.modules["pymssql"] = None
from ml_connector.findings import Interrupted
from ml_connector.gp.access import Secret
from ml_connector.gp.company_database import CompanyDatabase, DatabaseAccess
database = CompanyDatabase(DatabaseAccess("mssql://gpsql.example", "FRMEC", "reader", Secret("x")))
try:
    database.periods()
except Interrupted as stop:
    print(stop.finding.code, stop.finding.remedy)
"""


def test_without_the_extra_it_says_what_to_install() -> None:
    """The package as most install it: nothing is missed before the first question."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("gp.sql_driver_missing ")
    assert "ml-connector[sqlserver]" in done.stdout


def told_to_sql_server(statement: sa.Select[Any]) -> str:
    dialect = sa.make_url("mssql+pymssql://gpsql").get_dialect()()
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return " ".join(str(compiled).split())


def _ours(closed: frozenset[GpSeries]) -> frozenset[Series]:
    return frozenset(series for series in Series if GpSeries(series.value) in closed)
