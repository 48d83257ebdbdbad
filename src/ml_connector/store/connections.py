"""The connections that a database keeps ledgers of: each one ServiceTitan tenant and the GP companies it feeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.store import trail
from ml_connector.store.forms import text
from ml_connector.store.schema import INSTALLATION, connections

if TYPE_CHECKING:
    from ml_connector.store.database import Database

_EVERY = sa.select(connections).where(connections.c.id != INSTALLATION).order_by(connections.c.name)


@dataclass(frozen=True, slots=True)
class ConnectionRecord:
    """`definition` is the settings as JSON values; a secret stands in it only as a reference, never as itself."""

    id: int
    name: str
    definition: Mapping[str, object]
    created: datetime


class Connections:
    """Add, list, look up and change. A name is for ever: batches, evidence and the auditor's papers carry it."""

    def __init__(self, database: Database, actor: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._actor = actor
        self._now = now

    def add(self, name: str, definition: Mapping[str, object]) -> ConnectionRecord:
        """Raises Interrupted `connection.exists` where the name is taken."""
        at = self._now()
        with self._database.writing() as sql:
            if self._find(sql, name) is not None:
                says = f"There is a connection '{name}' already."
                remedy = "Choose another name, or change the one that is there."
                raise Interrupted(Finding("connection.exists", name, says, remedy))
            added = sa.insert(connections).values(name=name, definition=text(definition), created_at=at)
            connection_id: int = sql.execute(added.returning(connections.c.id)).scalar_one()
            trail.begin(sql, connection_id)
            self._note(sql, connection_id, at, Event("connection.added", {"name": name, "definition": definition}))
        return ConnectionRecord(connection_id, name, _values(text(definition)), at)

    def change(self, name: str, definition: Mapping[str, object]) -> ConnectionRecord:
        """Replace the settings of a connection; the trail keeps what they were. Raises Interrupted as `get` does."""
        at = self._now()
        with self._database.writing() as sql:
            was = self._get(sql, name)
            now = _values(text(definition))
            if now != was.definition:
                there = sa.update(connections).where(connections.c.id == was.id)
                sql.execute(there.values(definition=text(definition)))
                event = Event("connection.changed", {"before": was.definition, "after": definition})
                self._note(sql, was.id, at, event)
        return ConnectionRecord(was.id, name, now, was.created)

    def get(self, name: str) -> ConnectionRecord:
        """Raises Interrupted `connection.unknown`."""
        with self._database.reading() as sql:
            return self._get(sql, name)

    def all(self) -> list[ConnectionRecord]:
        """By name."""
        with self._database.reading() as sql:
            rows = sql.execute(_EVERY).mappings()
            return [_record(row) for row in rows]

    def _note(self, sql: sa.Connection, connection_id: int, at: datetime, event: Event) -> None:
        writing = trail.Writing(sql, connection_id, self._actor, at)
        writing.append(event)
        writing.seal()

    @staticmethod
    def _find(sql: sa.Connection, name: str) -> ConnectionRecord | None:
        row = sql.execute(sa.select(connections).where(connections.c.name == name)).mappings().one_or_none()
        return None if row is None else _record(row)

    @classmethod
    def _get(cls, sql: sa.Connection, name: str) -> ConnectionRecord:
        found = cls._find(sql, name)
        if found is None or found.id == INSTALLATION:
            known = ", ".join(row["name"] for row in sql.execute(_EVERY).mappings()) or "none"
            says = f"There is no connection '{name}'; there is: {known}."
            remedy = "Give one of these names, or add it with 'ml-connector connection add'."
            raise Interrupted(Finding("connection.unknown", name, says, remedy))
        return found


def _record(row: sa.RowMapping) -> ConnectionRecord:
    return ConnectionRecord(row["id"], row["name"], _values(row["definition"]), row["created_at"])


def _values(definition: str) -> dict[str, object]:
    return msgspec.json.decode(definition, type=dict[str, object])
