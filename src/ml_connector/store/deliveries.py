"""Webhook deliveries: what ServiceTitan sent to wake us up, kept until a run was asked for, and a while longer.

A delivery is known by the SHA-256 of its body. ServiceTitan sends one again after 10, 30, 60 and 300 seconds until it
is answered: within `REDELIVERY` of its arrival the same bytes are the same delivery, and only counted. Later they are
news, replayed by hand or an event that reads like an older one, and wake us up once more.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ml_connector.store.schema import connections, deliveries

if TYPE_CHECKING:
    from ml_connector.store.database import Database

REDELIVERY = timedelta(minutes=15)  # 400 s of pauses, and up to five times that ServiceTitan waits for an answer

_CHUNK = 500
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery whose signature is good."""

    connection_id: int
    body: bytes
    at: datetime

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Waiting:
    """The deliveries of a connection that no run was asked for yet."""

    connection: str
    count: int
    oldest: datetime
    newest: datetime
    up_to_id: int


class Deliveries:
    """The deliveries of every connection. Several threads and processes may use it at once.

    Every method raises Interrupted `store.unreachable` and its kin.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, arrivals: Sequence[Arrival]) -> int:
        """Store what arrived, all or nothing, in one durable transaction. How many are news, in place of redeliveries."""
        by_connection: dict[int, list[Arrival]] = {}
        for arrival in arrivals:
            by_connection.setdefault(arrival.connection_id, []).append(arrival)
        with self._database.writing() as sql:
            return sum(_take(sql, it, by_connection[it]) for it in sorted(by_connection))

    def waiting(self) -> list[Waiting]:
        """The connections with deliveries that wait, by name."""
        at, by = deliveries.c.received_at, connections.c.name
        asked = sa.select(by, sa.func.count(), sa.func.min(at), sa.func.max(at), sa.func.max(deliveries.c.id))
        wanted = asked.join_from(deliveries, connections).where(deliveries.c.answered_at.is_(None))
        with self._database.reading() as sql:
            return [Waiting(*row) for row in sql.execute(wanted.group_by(by).order_by(by))]

    def answered(self, connection: str, up_to_id: int, now: datetime) -> int:
        """Say that a run was asked for, for every delivery up to that of `waiting`. How many these were."""
        mine = sa.select(connections.c.id).where(connections.c.name == connection).scalar_subquery()
        here = (deliveries.c.answered_at.is_(None), deliveries.c.connection_id == mine, deliveries.c.id <= up_to_id)
        with self._database.writing() as sql:
            return sql.execute(sa.update(deliveries).where(*here).values(answered_at=now)).rowcount

    def body(self, delivery_id: int) -> bytes:
        """What was sent, byte for byte: for a person who wants to know what ServiceTitan sends."""
        with self._database.reading() as sql:
            packed = sql.execute(sa.select(deliveries.c.body).where(deliveries.c.id == delivery_id)).scalar_one()
        return zlib.decompress(packed)

    def forget(self, before: datetime) -> int:
        """Delete what was answered before that moment, a chunk and a transaction at a time. How many."""
        old = sa.select(deliveries.c.id).where(deliveries.c.answered_at < before).limit(_CHUNK)
        forgotten = 0
        while True:
            with self._database.writing() as sql:
                gone = sql.execute(sa.delete(deliveries).where(deliveries.c.id.in_(old.scalar_subquery()))).rowcount
            forgotten += gone
            if gone < _CHUNK:
                return forgotten


def _take(sql: sa.Connection, connection_id: int, arrivals: Sequence[Arrival]) -> int:
    # One process at a time for a connection: so ids are given in the order in which they become visible, and
    # `answered` cannot pass over one that was not there when `waiting` looked.
    mine = sa.select(connections.c.id).where(connections.c.id == connection_id)
    sql.execute(mine.with_for_update(key_share=True)).one()
    came: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        came.setdefault(arrival.digest, []).append(arrival)
    known = _known(sql, connection_id, came)
    news: list[dict[str, object]] = []
    for digest, same in came.items():
        row = known.get(digest)
        if row is not None and _is_redelivery(row, same[0].at):
            counted = sa.update(deliveries).where(deliveries.c.id == row["id"])
            sql.execute(counted.values(times=deliveries.c.times + len(same)))
            continue
        if row is not None:  # its new row has a new id, which no earlier `waiting` has counted
            sql.execute(sa.delete(deliveries).where(deliveries.c.id == row["id"]))
        news.append(_row(same[0], digest, len(same) + (row["times"] if row else 0)))
    if news:
        sql.execute(sa.insert(deliveries), news)
    return len(news)


def _known(sql: sa.Connection, connection_id: int, digests: Iterable[str]) -> dict[str, sa.RowMapping]:
    columns = (deliveries.c.id, deliveries.c.digest, deliveries.c.received_at, deliveries.c.answered_at)
    wanted = sa.select(*columns, deliveries.c.times).where(
        deliveries.c.connection_id == connection_id, deliveries.c.digest.in_(sorted(digests))
    )
    return {row["digest"]: row for row in sql.execute(wanted).mappings()}


def _is_redelivery(row: sa.RowMapping, at: datetime) -> bool:
    """One that still waits is the same whenever it comes: the run that it waits for has not begun."""
    return row["answered_at"] is None or at - row["received_at"] < REDELIVERY


def _row(arrival: Arrival, digest: str, times: int) -> dict[str, object]:
    row = {"connection_id": arrival.connection_id, "digest": digest, "body": zlib.compress(arrival.body, _LEVEL)}
    return row | {"received_at": arrival.at, "times": times, "answered_at": None}
