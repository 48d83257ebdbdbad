"""The database under the ledger: how it is opened, locked, migrated, and what its refusals mean to a person.

SQLite: write-ahead log, `synchronous=FULL` (a commit survives a power cut; NORMAL loses the last ones, SQLite's
PRAGMA synchronous), one writer at a time by `BEGIN IMMEDIATE`, so that a writer waits at its start and never half-way.
PostgreSQL: psycopg 3, `synchronous_commit=on` whatever the server's default is.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from ml_connector.findings import Finding, Interrupted
from ml_connector.store.lease import Lease, hold
from ml_connector.store.schema import INSTALLATION, REVISION, connections

if TYPE_CHECKING:
    from ml_connector.store.connections import Connections
    from ml_connector.store.ledger import Ledger
    from ml_connector.store.schedules import Schedules

_MIGRATING = 0x6D6C63  # the key of PostgreSQL's advisory lock around a migration
_POSTGRESQL = ("postgresql", "postgres")
_MIGRATIONS = Path(__file__).parent / "migrations"


def utc_now() -> datetime:
    return datetime.now(UTC)


class Database:
    """A ledger's database. Safe to use from several threads; several processes may open the same one.

    `url` as SQLAlchemy writes it: `sqlite:////var/lib/ml-connector/ledger.sqlite`,
    `postgresql://user:password@server/name`. Opening reads and writes nothing yet. `patience` is how many seconds a
    writer waits for another before it gives up with `store.locked`. On PostgreSQL a process that stands still in the
    middle of a transaction for twice as long is cut off (`store.cut_off`), so that it does not block the others for ever.
    """

    def __init__(self, url: str, patience: float = 30) -> None:
        parsed = _parsed(url)
        self._patience = patience
        self.is_postgresql = parsed.get_backend_name() in _POSTGRESQL
        if self.is_postgresql:
            self._engine = sa.create_engine(
                parsed.set(drivername="postgresql+psycopg"),
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args=_asked_of_postgresql(patience),
            )
        else:
            settings_ = {"timeout": patience, "isolation_level": None}
            self._engine = sa.create_engine(parsed, hide_parameters=True, connect_args=settings_)
            sa.event.listen(self._engine, "connect", _open_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        self._writer = self._engine.execution_options(writes=True)
        self._turn = nullcontext() if self.is_postgresql else threading.Lock()  # SQLite's own queue is not fair
        self._checked = False

    @property
    def name(self) -> str:
        """Where the ledger is, for people: the URL without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    @property
    def file(self) -> Path | None:
        """SQLite's file; None on PostgreSQL."""
        return None if self.is_postgresql else Path(self._engine.url.database or "")

    def close(self) -> None:
        self._engine.dispose()

    def settle(self) -> None:
        """SQLite: take the write-ahead log into the file, so that what was erased does not stand in it any more; as far
        as no reader is in the way."""
        if not self.is_postgresql:
            raw = self._engine.raw_connection()
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            raw.close()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads. Raises Interrupted `store.unreachable` and its kin."""
        with self._translated(), self._engine.begin() as sql:
            yield sql

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """A long read that sees the ledger as it stands now, whatever is written meanwhile."""
        with self._translated(), self._engine.connect() as sql:
            if self.is_postgresql:
                sql = sql.execution_options(isolation_level="REPEATABLE READ")
            with sql.begin():
                yield sql

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A durable transaction: all of it is on the disk when the block ends, or none of it after an exception."""
        with self._translated(), self._turn, self._writer.begin() as sql:
            yield sql

    def migrate(self) -> None:
        """Bring the tables up to this code; nothing where they are. Several processes may call it at once."""
        with self.reading() as sql:
            if self.revision(sql) == REVISION:
                return
        with self.writing() as sql:
            self.making_tables(sql)
            if self.revision(sql) != REVISION:  # else another process was first
                self.upgrade(sql)

    def making_tables(self, sql: sa.Connection) -> None:
        """Be the only one who makes tables until the transaction ends."""
        if self.is_postgresql:
            sql.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))

    @staticmethod
    def upgrade(sql: sa.Connection, revision: str = "head") -> None:
        """Make or change the tables of the open transaction so that they are those of a revision."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = sql
        command.upgrade(config, revision)

    def ledger(self, connection_name: str, actor: str, now: Callable[[], datetime] = utc_now) -> Ledger:
        """The ledger of one connection, written to in the name of `actor`.

        Raises Interrupted: `connection.unknown`, `store.newer`, `store.not_prepared`.
        """
        from ml_connector.store.ledger import Ledger

        self._check()
        with self.reading() as sql:
            wanted = sa.select(connections.c.id).where(connections.c.name == connection_name)
            connection_id = sql.execute(wanted).scalar_one_or_none()
            every = sa.select(connections.c.name).where(connections.c.id != INSTALLATION)
            known = [] if connection_id is not None else list(sql.scalars(every))
        if connection_id is None:
            says = f"There is no connection '{connection_name}' in {self.name}; there is: {', '.join(known) or 'none'}."
            remedy = "Give one of these names, or add it with 'ml-connector connection add'."
            raise Interrupted(Finding("connection.unknown", connection_name, says, remedy))
        return Ledger(self, connection_id, connection_name, actor, now)

    def connections(self, actor: str, now: Callable[[], datetime] = utc_now) -> Connections:
        """The connections that this database keeps ledgers of. Raises as `ledger` does."""
        from ml_connector.store.connections import Connections

        self._check()
        return Connections(self, actor, now)

    def hold(self, name: str, holder: str, seconds: float, now: Callable[[], datetime] = utc_now) -> Lease | None:
        """A lease on anything that one process at a time may do; None while another holds it."""
        return hold(self, now, name, holder, seconds)

    def schedules(self, actor: str, now: Callable[[], datetime] = utc_now) -> Schedules:
        """The schedules of every connection. Raises as `ledger` does."""
        from ml_connector.store.schedules import Schedules

        self._check()
        return Schedules(self, actor, now)

    def is_current(self) -> bool:
        """Whether it holds a ledger of this program's own revision. Raises Interrupted `store.newer`."""
        with self.reading() as sql:
            return self.revision(sql) == REVISION

    def check(self) -> None:
        """Reach it, and see that its tables are those of this version.

        Raises Interrupted: `store.unreachable` and its kin, `store.newer`, `store.not_prepared`.
        """
        if not self.is_current():
            says = f"{self.name} has no ledger of this version yet."
            remedy = "Start ml-connector as a user who may create tables there: it prepares them by itself."
            raise Interrupted(Finding("store.not_prepared", self.name, says, remedy))
        self._checked = True

    def _check(self) -> None:
        if not self._checked:
            self.check()

    def revision(self, sql: sa.Connection) -> str | None:
        """The revision of the tables that are there, None where there are none. Raises Interrupted `store.newer`."""
        if not sa.inspect(sql).has_table("alembic_version"):
            return None
        found: str | None = sql.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        if found is not None and found > REVISION:
            says = f"{self.name} was written by a newer ml-connector (revision {found}; this one knows {REVISION})."
            remedy = "Install that newer version again, or restore the backup made before the upgrade."
            raise Interrupted(Finding("store.newer", self.name, says, remedy))
        return found

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            finding = _finding(error, self.name, self._patience)
            if finding is None:
                raise
            raise Interrupted(finding) from error


def _asked_of_postgresql(patience: float) -> dict[str, object]:
    """What every connection asks of the server and of its own socket, whatever the server's defaults are.

    A client that vanished is noticed within a minute by both sides, and one that stands still in mid-transaction is cut
    off. A Unix socket has no keepalives, and both sides leave them out there.
    """
    keepalives = {"idle": 30, "interval": 10, "count": 3}  # seconds, seconds, probes
    settings = {
        "synchronous_commit": "on",
        "timezone": "UTC",
        "lock_timeout": int(patience * 1000),
        "idle_in_transaction_session_timeout": int(2 * patience * 1000),
    }
    settings |= {f"tcp_keepalives_{name}": value for name, value in keepalives.items()}
    return {
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        "connect_timeout": 10,
        "keepalives": 1,
        **{f"keepalives_{name}": value for name, value in keepalives.items()},
    }


def _parsed(url: str) -> sa.URL:
    """Raises Interrupted `store.address`. What is wrong with the URL is not quoted: the password may be what is wrong."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    kind = parsed.get_backend_name() if parsed else ""
    # A password with an @ or a / that is not percent-encoded: its rest is taken for host and database.
    whole = parsed and "@" not in f"{parsed.host}{parsed.database}"
    if parsed and (kind == "sqlite" or (kind in _POSTGRESQL and whole)):
        return parsed
    where, says = "the ledger's address", "it is no address of an SQLite file or of a PostgreSQL database"
    remedy = (
        "Set ML_CONNECTOR_DATABASE to postgresql://USER:PASSWORD@SERVER/NAME, with % codes for / @ : and % in the "
        "password (/ is %2F, @ is %40), or leave it out for SQLite."
    )
    raise Interrupted(Finding("store.address", where, says, remedy))


def _open_sqlite(raw: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = raw.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA synchronous=FULL")
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        _switch_to_wal(cursor.execute)
    cursor.close()


def _switch_to_wal(execute: Callable[[str], object]) -> None:
    """SQLite does not wait here as it does elsewhere when another process is about to do the same."""
    deadline = time.monotonic() + 30
    while True:
        try:
            execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(sql: sa.Connection) -> None:
    # The driver opens no transaction by itself (isolation_level=None): it would begin a deferred one, and late.
    sql.exec_driver_sql("BEGIN IMMEDIATE" if sql.get_execution_options().get("writes") else "BEGIN")


def _finding(error: DBAPIError, where: str, patience: float) -> Finding | None:
    said = str(error.orig).strip()
    match _kind(error):
        case "locked":
            says = f"Another program kept {where} locked for more than {patience:g} seconds."
            remedy = "Close what has it open (a backup, a database browser, a second ml-connector), then run again."
            return Finding("store.locked", where, says, remedy)
        case "cut off":
            says = f"This process stood still in mid-transaction for more than {2 * patience:g} seconds, and {where} cut it off."
            remedy = (
                "Find out what held it up (a suspended machine, a debugger), then run again; nothing of it was stored."
            )
            return Finding("store.cut_off", where, says, remedy)
        case "full":
            remedy = "Free space on the disk that holds it, then run again; nothing half-written was kept."
            return Finding("store.full", where, f"The ledger cannot be written: {said}", remedy)
        case "damaged":
            remedy = "Stop ml-connector and restore the ledger from its backup."
            return Finding("store.damaged", where, f"The ledger's file is damaged: {said}", remedy)
        case "read_only":
            remedy = "Let the account that runs ml-connector write it (of a standby, name the primary); then run again."
            return Finding("store.read_only", where, f"The ledger can be read and not written: {said}", remedy)
        case "unreachable":
            remedy = "Check the database's address, that it runs, and that this user may open it; then run again."
            return Finding("store.unreachable", where, f"The ledger cannot be opened: {said}", remedy)
        case _:
            return None


_SQLITE = {"BUSY": "locked", "LOCKED": "locked", "FULL": "full", "IOERR": "full", "CORRUPT": "damaged"}
_SQLITE |= {"NOTADB": "damaged", "CANTOPEN": "unreachable", "READONLY": "read_only", "PERM": "unreachable"}
# SQLSTATE classes (PostgreSQL, appendix A): connection, authorisation, catalog name, shutdown; disk; locks.
_SQLSTATE = {"08": "unreachable", "28": "unreachable", "3D": "unreachable", "57": "unreachable", "42501": "unreachable"}
_SQLSTATE |= {
    "53": "full",
    "53300": "unreachable",
    "55P03": "locked",
    "40001": "locked",
    "40P01": "locked",
    "25006": "read_only",
}
_SQLSTATE |= {"25P03": "cut off"}


def _kind(error: DBAPIError) -> str | None:
    if isinstance(error.orig, sqlite3.Error):
        name = getattr(error.orig, "sqlite_errorname", "")  # SQLITE_BUSY_SNAPSHOT; blank for the driver's own errors
        return _SQLITE.get(name.removeprefix("SQLITE_").partition("_")[0])
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state is None:
        return None if isinstance(error, ProgrammingError) else "unreachable"
    return _SQLSTATE.get(state) or _SQLSTATE.get(state[:2])
