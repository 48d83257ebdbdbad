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
from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa

from ml_connector.store.schema import connections, deliveries

if TYPE_CHECKING:
    from ml_connector.store.database import Database

REDELIVERY = timedelta(minutes=15)  # 400 s of pauses, and up to five times that ServiceTitan waits for an answer

_CHUNK = 500
_LEVEL = 1
_COUNT = (
    sa.update(deliveries)
    .where(deliveries.c.id == sa.bindparam("delivery"))
    .values(times=deliveries.c.times + sa.bindparam("more"))
)
_Key: TypeAlias = tuple[int, str]  # connection, digest


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
        with self._database.writing() as sql:
            return _take(sql, arrivals)

    def waiting(self) -> list[Waiting]:
        """The connections with deliveries that wait, by name."""
        at, by = deliveries.c.received_at, connections.c.name
        asked = sa.select(by, sa.func.count(), sa.func.min(at), sa.func.max(at), sa.func.max(deliveries.c.id))
        wanted = asked.join_from(deliveries, connections).where(deliveries.c.answered_at.is_(None))
        with self._database.reading() as sql:
            return [Waiting(*row) for row in sql.execute(wanted.group_by(by).order_by(by))]

    def answered(self, asked: Sequence[Waiting], now: datetime) -> int:
        """Say that runs were asked for, for every delivery that `waiting` counted. How many these were."""
        counted = 0
        with self._database.writing() as sql:
            for it in asked:
                mine = sa.select(connections.c.id).where(connections.c.name == it.connection).scalar_subquery()
                here = (deliveries.c.answered_at.is_(None), deliveries.c.connection_id == mine)
                up_to = sa.update(deliveries).where(*here, deliveries.c.id <= it.up_to_id)
                counted += sql.execute(up_to.values(answered_at=now)).rowcount
        return counted

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


def _take(sql: sa.Connection, arrivals: Sequence[Arrival]) -> int:
    came: dict[_Key, list[Arrival]] = {}
    for arrival in arrivals:
        came.setdefault((arrival.connection_id, arrival.digest), []).append(arrival)
    _lock(sql, {connection_id for connection_id, _ in came})
    known = _known(sql, came)
    counted, replaced, news = [], [], []
    for key, same in came.items():
        row = known.get(key)
        if row is not None and _is_redelivery(row, same[0].at):
            counted.append({"delivery": row["id"], "more": len(same)})
            continue
        if row is not None:  # its new row has a new id, which no earlier `waiting` has counted
            replaced.append(row["id"])
        news.append(_row(same[0], key[1], len(same) + (row["times"] if row else 0)))
    if counted:
        sql.execute(_COUNT, counted)
    if replaced:
        sql.execute(sa.delete(deliveries).where(deliveries.c.id.in_(replaced)))
    if news:
        sql.execute(sa.insert(deliveries), news)
    return len(news)


def _lock(sql: sa.Connection, connection_ids: set[int]) -> None:
    """One process at a time for a connection: so ids are given in the order in which they become visible, and
    `answered` cannot pass over one that was not there when `waiting` looked."""
    mine = sa.select(connections.c.id).where(connections.c.id.in_(connection_ids)).order_by(connections.c.id)
    found = set(sql.scalars(mine.with_for_update(key_share=True)))
    if found != connection_ids:
        raise ValueError(f"there is no connection {connection_ids - found}")


def _known(sql: sa.Connection, keys: Iterable[_Key]) -> dict[_Key, sa.RowMapping]:
    columns = (deliveries.c.id, deliveries.c.connection_id, deliveries.c.digest, deliveries.c.received_at)
    wanted = sa.select(*columns, deliveries.c.answered_at, deliveries.c.times).where(
        deliveries.c.connection_id.in_({connection_id for connection_id, _ in keys}),
        deliveries.c.digest.in_({digest for _, digest in keys}),
    )
    return {(row["connection_id"], row["digest"]): row for row in sql.execute(wanted).mappings()}


def _is_redelivery(row: sa.RowMapping, at: datetime) -> bool:
    """One that still waits is the same whenever it comes: the run that it waits for has not begun."""
    return row["answered_at"] is None or at - row["received_at"] < REDELIVERY


def _row(arrival: Arrival, digest: str, times: int) -> dict[str, object]:
    row = {"connection_id": arrival.connection_id, "digest": digest, "body": zlib.compress(arrival.body, _LEVEL)}
    return row | {"received_at": arrival.at, "times": times, "answered_at": None}
