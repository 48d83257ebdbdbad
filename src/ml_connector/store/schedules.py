"""Schedules: rows that a person edits while it runs. What a rule means is for `runtime.slots` to say; here it is text.

A row is due when its `next_at` has come, and one indexed query finds all that are. Whoever has asked for the run of a
slot moves the row on, by compare-and-set over `next_at` and `seen`: of several workers one does, and an edit that came
in between stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.store.schema import connections, schedules
from ml_connector.store.trail import Writing

if TYPE_CHECKING:
    from ml_connector.store.database import Database

AT_ONCE = 1000  # due rows that one look takes, the longest overdue first


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person decides of a schedule, as canonical texts (`runtime.schedule`)."""

    rule: str
    time_zone: str
    catch_up: bool  # one run for all slots that were missed; else none
    quiet: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    id: int
    connection: str  # its name
    name: str
    terms: Terms
    paused: bool
    next_at: datetime | None  # None where it is paused
    seen: str  # JSON of `runtime.schedules.Seen`
    changed_at: datetime
    changed_by: str


class Schedules:
    """The schedules of every connection, edited in the name of one actor.

    Methods that name a schedule raise Interrupted `schedule.unknown`, and `connection.unknown`.
    """

    def __init__(self, database: Database, actor: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._actor = actor
        self._now = now

    def all(self, connection: str | None = None) -> list[ScheduleRecord]:
        """Those of one connection, or of all, by connection and name."""
        wanted = _EVERY.order_by(connections.c.name, schedules.c.name)
        if connection is not None:
            wanted = wanted.where(connections.c.id == self._connection_id(connection))
        with self._database.reading() as sql:
            return [_record(row) for row in sql.execute(wanted).mappings()]

    def get(self, connection: str, name: str) -> ScheduleRecord:
        connection_id = self._connection_id(connection)
        with self._database.reading() as sql:
            return self._get(sql, connection_id, connection, name)

    def add(self, connection: str, name: str, terms: Terms, next_at: datetime) -> ScheduleRecord:
        """Raises Interrupted `schedule.exists` where the name is taken."""
        row = {**asdict(terms), "name": name, "paused": False, "next_at": next_at, "seen": ""}
        with self._editing(connection) as (w, connection_id):
            row |= {"connection_id": connection_id, "changed_at": w.at, "changed_by": self._actor}
            if w.sql.execute(_one(connection_id, name)).first() is not None:
                says, remedy = (
                    f"connection {connection} has a schedule of that name already",
                    "Choose another name, or change the one that is there with 'ml-connector schedule change'.",
                )
                raise Interrupted(Finding("schedule.exists", f"schedule {name}", says, remedy))
            w.sql.execute(sa.insert(schedules).values(row))
            w.append(Event("schedule.added", {"schedule": name, **asdict(terms)}))
            return self._get(w.sql, connection_id, connection, name)

    def change(self, connection: str, name: str, terms: Terms, next_at: datetime) -> ScheduleRecord:
        """Give it other terms; a paused one stays paused, and its `next_at` is not set."""
        with self._editing(connection) as (w, connection_id):
            was = self._get(w.sql, connection_id, connection, name)
            if terms != was.terms:
                self._edit(w, was, **asdict(terms), next_at=None if was.paused else next_at)
                detail = {"schedule": name, "before": asdict(was.terms), "after": asdict(terms)}
                w.append(Event("schedule.changed", detail))
            return self._get(w.sql, connection_id, connection, name)

    def pause(self, connection: str, name: str) -> ScheduleRecord:
        with self._editing(connection) as (w, connection_id):
            was = self._get(w.sql, connection_id, connection, name)
            if not was.paused:
                self._edit(w, was, paused=True, next_at=None)
                w.append(Event("schedule.paused", {"schedule": name}))
            return self._get(w.sql, connection_id, connection, name)

    def resume(self, connection: str, name: str, next_at: datetime) -> ScheduleRecord:
        with self._editing(connection) as (w, connection_id):
            was = self._get(w.sql, connection_id, connection, name)
            if was.paused:
                self._edit(w, was, paused=False, next_at=next_at)
                w.append(Event("schedule.resumed", {"schedule": name}))
            return self._get(w.sql, connection_id, connection, name)

    def remove(self, connection: str, name: str) -> None:
        with self._editing(connection) as (w, connection_id):
            was = self._get(w.sql, connection_id, connection, name)
            w.sql.execute(sa.delete(schedules).where(schedules.c.id == was.id))
            w.append(Event("schedule.removed", {"schedule": name, **asdict(was.terms)}))

    def ask(self, connection: str, name: str, seen: Callable[[str], str]) -> ScheduleRecord:
        """Have it due at once, paused or not; `seen` says what its `seen` becomes. Nothing where it is due already."""
        with self._editing(connection) as (w, connection_id):
            was = self._get(w.sql, connection_id, connection, name)
            asked = seen(was.seen)
            if was.next_at is None or was.next_at > w.at or asked != was.seen:
                here = sa.update(schedules).where(schedules.c.id == was.id)
                w.sql.execute(here.values(next_at=w.at.replace(microsecond=0), seen=asked))
                w.append(Event("schedule.asked", {"schedule": name}))
            return self._get(w.sql, connection_id, connection, name)

    def due(self, now: datetime, limit: int = AT_ONCE) -> list[ScheduleRecord]:
        """What is due, of all connections, the longest overdue first."""
        wanted = _EVERY.where(schedules.c.next_at <= now).order_by(schedules.c.next_at, schedules.c.id).limit(limit)
        with self._database.reading() as sql:
            return [_record(row) for row in sql.execute(wanted).mappings()]

    def move_on(self, was: ScheduleRecord, next_at: datetime | None, seen: str, event: Event | None = None) -> bool:
        """Move a row on from where it stood; False where somebody else moved, changed or removed it first."""
        here = (
            schedules.c.id == was.id,
            schedules.c.next_at == was.next_at,
            schedules.c.seen == was.seen,
            schedules.c.changed_at == was.changed_at,
        )
        with self._database.writing() as sql:
            moved = sa.update(schedules).where(*here).values(next_at=next_at, seen=seen)
            connection_id = sql.execute(moved.returning(schedules.c.connection_id)).scalar_one_or_none()
            if connection_id is not None and event is not None:
                w = Writing(sql, connection_id, self._actor, self._now())
                w.append(event)
                w.seal()
        return connection_id is not None

    def remember(self, was: ScheduleRecord, seen: str) -> bool:
        """Keep what was seen; False where somebody else saw something meanwhile, or removed the schedule."""
        here = sa.update(schedules).where(schedules.c.id == was.id, schedules.c.seen == was.seen)
        with self._database.writing() as sql:
            return sql.execute(here.values(seen=seen)).rowcount == 1

    @contextmanager
    def _editing(self, connection: str) -> Iterator[tuple[Writing, int]]:
        connection_id = self._connection_id(connection)
        with self._database.writing() as sql:
            w = Writing(sql, connection_id, self._actor, self._now())
            yield w, connection_id
            w.seal()

    def _connection_id(self, connection: str) -> int:
        return self._database.connections(self._actor, self._now).get(connection).id

    def _get(self, sql: sa.Connection, connection_id: int, connection: str, name: str) -> ScheduleRecord:
        row = sql.execute(_one(connection_id, name)).mappings().one_or_none()
        if row is None:
            there = sa.select(schedules.c.name).where(schedules.c.connection_id == connection_id)
            known = ", ".join(sql.scalars(there.order_by(schedules.c.name))) or "none"
            says = f"connection {connection} has no schedule of that name; it has: {known}"
            remedy = "Give one of these names, or add it with 'ml-connector schedule add'."
            raise Interrupted(Finding("schedule.unknown", f"schedule {name}", says, remedy))
        return _record(row)

    def _edit(self, w: Writing, was: ScheduleRecord, **values: object) -> None:
        edited = {**values, "changed_at": w.at, "changed_by": self._actor}
        w.sql.execute(sa.update(schedules).where(schedules.c.id == was.id).values(**edited))


_EVERY = sa.select(schedules, connections.c.name.label("connection")).join(
    connections, connections.c.id == schedules.c.connection_id
)


def of_connection(sql: sa.Connection, connection_id: int) -> list[ScheduleRecord]:
    """By name."""
    wanted = _EVERY.where(schedules.c.connection_id == connection_id).order_by(schedules.c.name)
    return [_record(row) for row in sql.execute(wanted).mappings()]


def _one(connection_id: int, name: str) -> sa.Select[tuple[object, ...]]:
    return _EVERY.where(schedules.c.connection_id == connection_id, schedules.c.name == name)


def _record(row: sa.RowMapping) -> ScheduleRecord:
    return ScheduleRecord(
        id=row["id"],
        connection=row["connection"],
        name=row["name"],
        terms=Terms(row["rule"], row["time_zone"], row["catch_up"], row["quiet"]),
        paused=row["paused"],
        next_at=row["next_at"],
        seen=row["seen"],
        changed_at=row["changed_at"],
        changed_by=row["changed_by"],
    )
