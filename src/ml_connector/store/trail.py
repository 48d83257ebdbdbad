"""The trail as the ledger keeps it, and the transaction that writes to it.

Whoever writes for a connection first locks the end of its trail, so that its writers come one after the other and no
two entries ever follow the same one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec
import sqlalchemy as sa

from ml_connector.docket import trail as chain
from ml_connector.docket.trail import FIRST, Event, TrailEntry
from ml_connector.store.forms import text
from ml_connector.store.schema import trail, trail_heads

log = logging.getLogger(__name__)

_HEAD = trail_heads.c.connection_id == sa.bindparam("connection")
_LOCK_HEAD = sa.select(trail_heads.c.seq, trail_heads.c.hash).where(_HEAD).with_for_update()
_MOVE_HEAD = sa.update(trail_heads).where(_HEAD)
_APPEND = sa.insert(trail)


class Writing:
    """An open write transaction of one connection. `append` collects entries; `seal` stores them, last of all."""

    def __init__(self, sql: sa.Connection, connection_id: int, actor: str, at: datetime) -> None:
        self.sql = sql
        self.connection_id = connection_id
        self.actor = actor
        self.at = at.astimezone(UTC)
        self._seq, self._hash = sql.execute(_LOCK_HEAD, {"connection": connection_id}).one()
        self._entries: list[TrailEntry] = []

    def append(self, event: Event) -> None:
        # Hashed as it will be read back: a decimal or a date in the detail is a string from here on.
        event = replace(event, detail=msgspec.json.decode(text(event.detail)))
        entry = chain.entry(self._seq + 1, self.at, self.actor, event, self._hash)
        self._seq, self._hash = entry.seq, entry.hash
        self._entries.append(entry)

    def seal(self) -> None:
        if not self._entries:
            return
        self.sql.execute(_APPEND, [_row(self.connection_id, entry) for entry in self._entries])
        self.sql.execute(_MOVE_HEAD, {"connection": self.connection_id, "seq": self._seq, "hash": self._hash})

    def tell(self, connection: str) -> None:
        """Say in the log what is in the trail now, without its detail: names and amounts are for the trail alone."""
        if not log.isEnabledFor(logging.INFO):
            return
        for entry in self._entries:
            event = entry.event
            about = {"docket": event.docket_id, "number": event.number or None}
            extra = {"connection": connection, "actor": entry.actor, "seq": entry.seq}
            log.info(event.name, extra=extra | {name: it for name, it in about.items() if it is not None})


def begin(sql: sa.Connection, connection_id: int) -> None:
    """Open the trail of a new connection."""
    sql.execute(sa.insert(trail_heads).values(connection_id=connection_id, seq=0, hash=FIRST))


def entries(
    sql: sa.Connection,
    connection_id: int,
    *,
    docket_id: int | None = None,
    number: str | None = None,
    after_seq: int = 0,
    limit: int,
) -> list[TrailEntry]:
    wanted = sa.select(trail).where(trail.c.connection_id == connection_id, trail.c.seq > after_seq)
    if docket_id is not None:
        wanted = wanted.where(trail.c.docket_id == docket_id)
    if number is not None:
        wanted = wanted.where(trail.c.number == number)
    return [_entry(row) for row in sql.execute(wanted.order_by(trail.c.seq).limit(limit)).mappings()]


def first_break(sql: sa.Connection, connection_id: int) -> int | None:
    """The number of the first entry that was changed, removed, moved or put in, the last one included.

    The whole trail is read once, a thousand entries at a time.
    """
    head = sql.execute(sa.select(trail_heads).where(trail_heads.c.connection_id == connection_id)).mappings().one()
    # As text: a moment that somebody wrote over may be none at all.
    wanted = sa.select(trail, sa.type_coerce(trail.c.at, sa.Text).label("moment"))
    wanted = wanted.with_only_columns(*(c for c in wanted.selected_columns if c.key != "at"))
    rows = sql.execute(
        wanted.where(trail.c.connection_id == connection_id).order_by(trail.c.seq),
        execution_options={"yield_per": 1000},
    )
    walk = _Walk()
    broken = chain.first_break(walk.through(rows.mappings()))
    rows.close()
    if broken is None and (walk.seq, walk.hash) != (head["seq"], head["hash"]):
        return min(walk.seq, int(head["seq"])) + 1
    return broken


@dataclass(slots=True)
class _Walk:
    """Where a walk along the trail has come to."""

    seq: int = 0
    hash: str = FIRST

    def through(self, rows: Iterable[sa.RowMapping]) -> Iterator[TrailEntry]:
        for row in rows:
            entry = _untrusted(row)
            self.seq, self.hash = entry.seq, entry.hash
            yield entry


def _row(connection_id: int, entry: TrailEntry) -> dict[str, object]:
    return {
        "connection_id": connection_id,
        "seq": entry.seq,
        "at": entry.at,
        "actor": entry.actor,
        "event": entry.event.name,
        "docket_id": entry.event.docket_id,
        "number": entry.event.number,
        "detail": text(entry.event.detail),
        "previous_hash": entry.previous_hash,
        "hash": entry.hash,
    }


def _entry(row: sa.RowMapping) -> TrailEntry:
    event = Event(row["event"], msgspec.json.decode(row["detail"]), row["docket_id"], row["number"])
    return TrailEntry(row["seq"], row["at"], row["actor"], event, row["previous_hash"], row["hash"])


def _untrusted(row: sa.RowMapping) -> TrailEntry:
    """The entry as it stands; one with number 0, which no entry has, where it cannot be what we wrote."""
    try:
        moment = row["moment"]
        at = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment).replace(tzinfo=UTC)
        entry = _entry({**row, "at": at.astimezone(UTC)})  # type: ignore[arg-type]
        if text(entry.event.detail) == row["detail"]:
            return entry
    except (ValueError, TypeError):
        pass
    return TrailEntry(0, datetime.min.replace(tzinfo=UTC), "", Event("", {}), "", "")
