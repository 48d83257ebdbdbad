"""The lease on a ServiceTitan tenant: one run at a time, and a fence against a run that was thought dead.

Every lease has a higher fence than the one before it. A ledger that is bound to a lease compares the fence in each of
its write transactions, so that a run which slept through its lease can store nothing more.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ml_connector.findings import Finding, Interrupted
from ml_connector.store.schema import leases

if TYPE_CHECKING:
    from ml_connector.store.database import Database

_PAST = datetime(1970, 1, 1, tzinfo=UTC)


class Lease:
    """A tenant, held until it is released, or until `seconds` after the last `renew`."""

    def __init__(
        self, database: Database, now: Callable[[], datetime], tenant: str, holder: str, fence: int, seconds: float
    ) -> None:
        self._database = database
        self._now = now
        self.tenant = tenant
        self.holder = holder
        self.fence = fence
        self.seconds = seconds

    def renew(self) -> None:
        """Hold it for as long again. Raises Interrupted `run.lease_lost` where another run took it over."""
        with self._database.writing() as sql:
            self.check(sql)
            until = _clock(self._database, sql, self._now) + timedelta(seconds=self.seconds)
            sql.execute(sa.update(leases).where(leases.c.tenant == self.tenant).values(expires_at=until))

    def release(self) -> None:
        """Give it up at once; nothing where another run took it over."""
        with self._database.writing() as sql:
            mine = (leases.c.tenant == self.tenant, leases.c.fence == self.fence)
            sql.execute(sa.update(leases).where(*mine).values(expires_at=_PAST, holder=""))

    def forget(self) -> None:
        """Give it up for good: nobody will ever ask for its name again."""
        with self._database.writing() as sql:
            sql.execute(sa.delete(leases).where(leases.c.tenant == self.tenant, leases.c.fence == self.fence))

    def check(self, sql: sa.Connection) -> None:
        """Raise Interrupted `run.lease_lost` unless it is still ours; it stays so until the transaction ends."""
        standing = sa.select(leases.c.fence, leases.c.holder).where(leases.c.tenant == self.tenant)
        fence, holder = sql.execute(standing.with_for_update(read=True)).one()
        if fence != self.fence or not holder:
            taker = f"{holder} took it over" if fence != self.fence else "it was released"
            says = f"This run no longer holds ServiceTitan tenant {self.tenant}: {taker}."
            remedy = "Let the other run finish, then run again; nothing was stored or sent after the loss."
            raise Interrupted(Finding("run.lease_lost", f"tenant {self.tenant}", says, remedy))


def hold(database: Database, now: Callable[[], datetime], tenant: str, actor: str, seconds: float) -> Lease | None:
    """The tenant's lease, or None while another run holds it.

    Whether a lease has run out is for one clock to say: the server's on PostgreSQL, this machine's on SQLite, whose
    file no other machine may open.
    """
    holder = f"{actor} {uuid.uuid4().hex[:8]}"
    insert = postgresql.insert if database.is_postgresql else sqlite.insert
    with database.writing() as sql:
        row = insert(leases).values(tenant=tenant, holder="", fence=0, expires_at=_PAST)
        sql.execute(row.on_conflict_do_nothing())
        here = sa.select(leases.c.fence, leases.c.expires_at).where(leases.c.tenant == tenant)
        fence, expires_at = sql.execute(here.with_for_update()).one()
        clock = _clock(database, sql, now)
        if expires_at > clock:
            return None
        taken = {"holder": holder, "fence": fence + 1, "expires_at": clock + timedelta(seconds=seconds)}
        sql.execute(sa.update(leases).where(leases.c.tenant == tenant).values(**taken))
    return Lease(database, now, tenant, holder, fence + 1, seconds)


def _clock(database: Database, sql: sa.Connection, now: Callable[[], datetime]) -> datetime:
    if not database.is_postgresql:
        return now()
    moment: datetime = sql.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return moment
