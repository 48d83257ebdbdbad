"""What no service tells, from GP's own company database on SQL Server: fiscal periods and the chart of accounts.

It is only read. One SELECT each is all that is sent, in a transaction that is rolled back.

    SY40100  a row for each fiscal period (SERIES 0), with a flag for each series that is closed; and a row for each
             period, series and origin, with a flag of its own (the window Mass Close)
    SY40101  a row for each fiscal year, and whether it is a historical one
    GL00100  the accounts; their whole numbers are in GL00105

Tables and columns are those of public scripts of real companies. The flags PSERIES_1 to 3 are Financial, Sales and
Purchasing; the rows of origins count these as series 2, 3 and 4 (Fastpath, "GP Fiscal Period Auditing - SY40100").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from ml_connector.books.account import AccountNumber
from ml_connector.books.facts import AccountCard
from ml_connector.books.period import FiscalPeriod
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Scheme, Secret
from ml_connector.gp.fiscal_rows import PeriodRow, periods_of, unfit
from ml_connector.gp.realms import login_name
from ml_connector.gp.wrong_passwords import KNOWN_WRONG, Refusals

POSTING_ACCOUNT = 1  # ACCTTYPE; unit and allocation accounts take no distribution of ours
LONGEST = 300  # characters of a driver's words that a person is shown
# SQL Server's numbers for a login that it turns away: wrong, of no trusted domain, locked, expired, to be changed.
_LOGIN = frozenset({18456, 18452, 18486, 18487, 18488})
# And for what a login may not see: another database, a table that is not there or not granted.
_REFUSED = frozenset({916, 208, 229, 230})
# DB-Lib's own number for "SQL Server said something": without it the number is left over from an earlier connection, for
# pymssql keeps the gravest one of all that failed.
_SPOKE = "20018"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """How the company database is reached. Timeouts in whole seconds."""

    url: str  # mssql://gpsql.example.com:1433, or with the name of an instance: mssql://gpsql.example.com\\GP
    database: str
    username: str  # a SQL login; or DOMAIN\\user, which signs in by NTLM
    password: Secret
    schema: str = "dbo"
    origins: tuple[str, ...] = ()  # those of Mass Close that count; none = all
    connect_timeout: int = 10
    read_timeout: int = 60
    refusals: Refusals = field(default=KNOWN_WRONG, compare=False, repr=False)  # passwords that nobody tries again

    @property
    def account(self) -> tuple[str, str]:
        """Whose password it is: of a Windows account as for GP itself, of a login as this SQL Server knows it."""
        if "\\" not in self.username:
            return self.url, self.username
        return login_name(self.username, Scheme.NTLM, "", urlsplit(self.url).hostname or "")


class CompanyDatabase:
    """One company's database. A question opens a connection of its own, so nothing is reached before the first one.

    Every question raises Interrupted: `gp.sql_driver_missing`, `gp.sql_unreachable`, `gp.sql_login`, `gp.login_busy`,
    `gp.sql_refused`, `gp.sql_unfit`.
    """

    def __init__(self, access: DatabaseAccess) -> None:
        self._access = access
        self._proven = False  # whether the password was taken before

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return f"database {self._access.database} at {self._access.url}"

    def periods(self) -> tuple[FiscalPeriod, ...]:
        """The fiscal periods whose year is set up, in order of time, each closed where the period or an origin is."""
        rows = self._ask(period_rows(self._access.schema), PeriodRow._make)
        return periods_of(rows, self._access.origins)

    def accounts(self, separator: str) -> Mapping[str, AccountCard]:
        """The posting accounts by number; `separator` stands between the segments of GL00105's numbers."""
        cards: dict[str, AccountCard] = {}
        for whole, description, active, allows_entry in self._ask(account_rows(self._access.schema), tuple):
            number = AccountNumber.parse(str(whole).strip().upper(), separator)
            cards[str(number)] = AccountCard(number, str(description).strip(), active == 1, allows_entry == 1)
        if not cards:
            raise Interrupted(unfit("GL00100", "it has no posting account"))
        return cards

    def _ask(self, statement: sa.Select[Any], made: Callable[[sa.Row[Any]], T]) -> list[T]:
        access = self._access
        try:
            with self._turn(), self._engine().connect() as sql:
                self._proven = True
                return [made(row) for row in sql.execute(statement)]
        except ImportError as error:
            raise Interrupted(_driver_missing(str(error))) from None
        except SQLAlchemyError as error:
            raise Interrupted(finding(access, error)) from None

    def _turn(self) -> AbstractContextManager[object]:
        """An unproven password is tried by one at a time, and never again once it was refused. Raises Interrupted."""
        access = self._access
        if self._proven:
            return nullcontext()
        turn = access.refusals.turn(*access.account, access.connect_timeout + access.read_timeout)
        if turn is None:
            raise Interrupted(errors.login_busy(access.username))
        if access.refusals.knows(*access.account, access.password):
            with turn:
                raise Interrupted(_login(access, "it was refused before, so it is not tried again"))
        return turn

    def _engine(self) -> sa.Engine:
        access = self._access
        url = sa.make_url(access.url).set(
            username=access.username, password=access.password.reveal(), database=access.database
        )
        if url.get_backend_name() == "postgresql":  # where the tests keep the same tables
            timeout = f"-c statement_timeout={access.read_timeout * 1000} -c default_transaction_read_only=on"
            known = {"connect_timeout": access.connect_timeout, "options": timeout}
            return sa.create_engine(url.set(drivername="postgresql+psycopg"), connect_args=known, poolclass=NullPool)
        known = {
            "login_timeout": access.connect_timeout,
            "timeout": access.read_timeout,
            "encryption": "require",  # a login never travels in the clear
            "read_only": True,
            "appname": "ml-connector",
        }
        return sa.create_engine(url.set(drivername="mssql+pymssql"), connect_args=known, poolclass=NullPool)


def finding(access: DatabaseAccess, error: SQLAlchemyError) -> Finding:
    """What a driver's refusal is called. Its words never hold the password; a login that is turned away is remembered."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    number, words = _told(cause)
    state = str(getattr(cause, "sqlstate", None) or "")  # PostgreSQL's
    if number in _LOGIN and _SPOKE in words:
        access.refusals.remember(*access.account, access.password)
        return _login(access, words)
    if number in _REFUSED or state.startswith(("25", "42")):
        return _refused(access, words)
    return _unreachable(access, words)


def period_rows(schema: str) -> sa.Select[Any]:
    """Every row of a period with what its year is; the opening balances (period 0) left out."""
    flags = ("CLOSED", "PSERIES_1", "PSERIES_2", "PSERIES_3")
    period = _table("SY40100", schema, "YEAR1", "PERIODID", "PERIODDT", "PERDENDT", "SERIES", "ODESCTN", *flags)
    year = _table("SY40101", schema, "YEAR1", "HISTORYR")
    return (
        sa.select(*period.c, year.c.HISTORYR)
        .join_from(period, year, period.c.YEAR1 == year.c.YEAR1)
        .where(period.c.PERIODID > 0, period.c.SERIES < 5)
    )


def account_rows(schema: str) -> sa.Select[Any]:
    """The posting accounts: number, description, active, allows entry."""
    account = _table("GL00100", schema, "ACTINDX", "ACTDESCR", "ACTIVE", "ACCTENTR", "ACCTTYPE")
    whole = _table("GL00105", schema, "ACTINDX", "ACTNUMST")
    return (
        sa.select(whole.c.ACTNUMST, account.c.ACTDESCR, account.c.ACTIVE, account.c.ACCTENTR)
        .join_from(account, whole, account.c.ACTINDX == whole.c.ACTINDX)
        .where(account.c.ACCTTYPE == POSTING_ACCOUNT)
    )


def _table(name: str, schema: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(it) for it in columns), schema=schema or None)


def _told(cause: BaseException | None) -> tuple[int, str]:
    """The number and the words of a driver's error, in one line. pymssql gives both, the words as bytes."""
    args: tuple[Any, ...] = getattr(cause, "args", ())
    if args and isinstance(args[0], tuple):
        args = args[0]
    number = args[0] if args and isinstance(args[0], int) else 0
    said = args[1] if number and len(args) > 1 else str(cause)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return number, " ".join(text.split())[:LONGEST]


def _driver_missing(cause: str) -> Finding:
    return Finding(
        "gp.sql_driver_missing",
        "ml-connector",
        f"the connection reads fiscal periods from SQL Server, and that part of ml-connector is not installed ({cause})",
        "Install it: pip install 'ml-connector[sqlserver]'; or take the table 'sql' out of the connection and name a "
        "calendar_file instead; then run again.",
    )


def _unreachable(access: DatabaseAccess, words: str) -> Finding:
    return Finding(
        "gp.sql_unreachable",
        access.url,
        f"SQL Server gives no answer: {words}",
        "On the SQL Server, see that the service runs, that TCP/IP is enabled (SQL Server Configuration Manager) and that "
        "no firewall stands between; compare its host and port, or instance, with 'url' in the connection; then run again.",
    )


def _login(access: DatabaseAccess, words: str) -> Finding:
    return Finding(
        "gp.sql_login",
        access.url,
        f"SQL Server does not let {access.username} in: {words}",
        "In SQL Server Management Studio, see under Security > Logins that the login is there, enabled, not locked, and a "
        "user of the database that 'database' in the connection's table 'sql' names; correct its username or password "
        "there; then run again. Where it was right all along, run 'ml-connector connection allow-login' with the "
        "connection's name, and it is tried once more.",
    )


def _refused(access: DatabaseAccess, words: str) -> Finding:
    return Finding(
        "gp.sql_refused",
        f"database {access.database}",
        f"{access.username} may not read it: {words}",
        "In SQL Server Management Studio, make the login a user of the company's database and grant it SELECT on SY40100, "
        "SY40101, GL00100 and GL00105; see that 'database' in the connection is the company's; then run again.",
    )
