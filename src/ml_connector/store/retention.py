"""Retention: what may be erased is erased when it is old enough, and the trail tells how much.

Erased are the bodies of evidence, whose hashes stay, and rows that only tell how the program ran. Never the trail, never
a docket or a document, and no evidence that somebody may still need: that of a docket whose story is not at its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from ml_connector.docket.stages import ClosedByHand, HeldBeforePlan, Opened, Posted, Waiting
from ml_connector.docket.trail import Event
from ml_connector.store.forms import name_of
from ml_connector.store.runs import RUNNING
from ml_connector.store.schema import (
    alerts,
    batches,
    dockets,
    documents,
    evidence,
    runs,
    trail,
    trail_heads,
)
from ml_connector.store.trail import Writing

Progress: TypeAlias = Callable[[str, int, int | None], None]
Reads: TypeAlias = Callable[[], AbstractContextManager[sa.Connection]]
Writes: TypeAlias = Callable[[], AbstractContextManager[Writing]]

_AT_ITS_END = tuple(name_of(it) for it in (Posted, ClosedByHand))
_NOT_BEGUN = tuple(name_of(it) for it in (Opened, HeldBeforePlan, Waiting))
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_CHUNK = 1000  # erased in one transaction, so that a run waits for none of them
_IDS = 500


@dataclass(frozen=True, slots=True)
class Erased:
    """`size` in bytes, as it was received. `needed`: as old, and kept because its docket is not at its end."""

    count: int = 0
    size: int = 0
    needed: int = 0


def erase_evidence(
    reads: Reads, writes: Writes, connection_id: int, before: datetime, dry: bool, progress: Progress
) -> Erased:
    """Erase the bodies of what was kept before that moment and belongs to nothing that is not at its end.

    A docket is at its end when it is skipped or superseded, or when each of its documents is posted or closed by hand,
    and nothing has changed in it since that moment.
    """
    with reads() as sql:
        seen, needed = _end_of_trail(sql, connection_id), _needed(sql, connection_id, before)
    count = size = spared = 0
    after = ""
    while True:
        with reads() as sql:
            found = _old(sql, connection_id, before, after)
        if not found:
            return Erased(count, size, spared)
        after = found[-1][0]
        chosen = {sha: length for sha, length in found if sha not in needed}
        if chosen and not dry:
            with writes() as w:
                for sha in _needed_since(w.sql, connection_id, seen):  # somebody replayed it a moment ago
                    chosen.pop(sha, None)
                chosen = _erase(w, chosen, before)
        count, size, spared = count + len(chosen), size + sum(chosen.values()), spared + len(found) - len(chosen)
        progress("evidence", count, None)


def _needed(sql: sa.Connection, connection_id: int, before: datetime) -> set[str]:
    """The hashes that a docket which is not at its end, or not for long, names: its page, and all in its trail."""
    moving = sa.select(documents.c.docket_id).where(
        documents.c.connection_id == connection_id,
        sa.or_(documents.c.stage.not_in(_AT_ITS_END), documents.c.updated_at >= before),
    )
    open_ones = sa.or_(dockets.c.stage.in_(_NOT_BEGUN), dockets.c.opened_at >= before, dockets.c.id.in_(moving))
    wanted = sa.select(dockets.c.id, dockets.c.page).where(dockets.c.connection_id == connection_id, open_ones)
    pages: dict[int, str] = dict(sql.execute(wanted).all())
    return set(pages.values()) | _named_in_trail(sql, connection_id, pages)


def _needed_since(sql: sa.Connection, connection_id: int, seq: int) -> set[str]:
    """The same, of the dockets that something happened to after that entry of the trail."""
    touched = sa.select(trail.c.docket_id).where(trail.c.connection_id == connection_id, trail.c.seq > seq)
    ids = {id for id in sql.scalars(touched) if id is not None}
    pages = set[str]()
    for some in _portions(ids):
        pages.update(sql.scalars(sa.select(dockets.c.page).where(dockets.c.id.in_(some))))
    return pages | _named_in_trail(sql, connection_id, ids)


def _named_in_trail(sql: sa.Connection, connection_id: int, docket_ids: Iterable[int]) -> set[str]:
    named = set[str]()
    for some in _portions(docket_ids):
        details = sa.select(trail.c.detail).where(trail.c.connection_id == connection_id, trail.c.docket_id.in_(some))
        for detail in sql.scalars(details):
            named.update(_HASH.findall(detail))
    return named


def _portions(ids: Iterable[int]) -> Iterable[Sequence[int]]:
    ordered = sorted(ids)
    return (ordered[start : start + _IDS] for start in range(0, len(ordered), _IDS))


def _old(sql: sa.Connection, connection_id: int, before: datetime, after: str) -> Sequence[tuple[str, int]]:
    wanted = sa.select(evidence.c.sha256, evidence.c.raw_size).where(
        evidence.c.connection_id == connection_id,
        evidence.c.sha256 > after,
        evidence.c.kept_at < before,
        evidence.c.body.is_not(None),
    )
    return sql.execute(wanted.order_by(evidence.c.sha256).limit(_CHUNK)).all()


def _erase(w: Writing, chosen: Mapping[str, int], before: datetime) -> dict[str, int]:
    """Those of them that were still there."""
    if w.sql.dialect.name == "sqlite":
        w.sql.exec_driver_sql("PRAGMA secure_delete=ON")  # what is given up is overwritten, and not only forgotten
    gone: dict[str, int] = {}
    for some in (list(chosen)[start : start + _IDS] for start in range(0, len(chosen), _IDS)):
        here = (evidence.c.connection_id == w.connection_id, evidence.c.sha256.in_(some), evidence.c.body.is_not(None))
        erased = sa.update(evidence).where(*here).values(body=None).returning(evidence.c.sha256)
        gone.update((sha, chosen[sha]) for sha in w.sql.scalars(erased))
    if gone:
        detail = {"before": before, "count": len(gone), "size": sum(gone.values())}
        w.append(Event("evidence.erased_by_retention", detail))
    return gone


def _end_of_trail(sql: sa.Connection, connection_id: int) -> int:
    wanted = sa.select(trail_heads.c.seq).where(trail_heads.c.connection_id == connection_id)
    return int(sql.execute(wanted).scalar_one())


ROWS = {"runs": runs, "alerts": alerts}
"""What else may be erased, whole rows of it."""


def delete_rows(
    reads: Reads, writes: Writes, connection_id: int, name: str, before: datetime, dry: bool, finished: str
) -> int:
    """Delete the rows of one of `ROWS` that ended before that moment; how many.

    Runs that opened a batch stay, for the batch's number is used; so do those by which we know that there was a dry run,
    and when something last succeeded: the newest of each kind that ended as `finished`.
    """
    table = ROWS[name]
    old = sa.select(table.c.id).where(table.c.connection_id == connection_id, _ended(table, before))
    if table is runs:
        old = old.where(
            runs.c.id.not_in(sa.select(batches.c.run_id)), runs.c.id.not_in(_newest(connection_id, finished))
        )
    if dry:
        with reads() as sql:
            return int(sql.execute(sa.select(sa.func.count()).select_from(old.subquery())).scalar_one())
    count = 0
    while True:
        with writes() as w:
            ids = w.sql.scalars(old.limit(_CHUNK)).all()
            for some in _portions(ids):
                w.sql.execute(sa.delete(table).where(table.c.id.in_(some)))
            if ids:
                w.append(Event("rows.erased_by_retention", {"what": name, "before": before, "count": len(ids)}))
        count += len(ids)
        if len(ids) < _CHUNK:
            return count


def _ended(table: sa.Table, before: datetime) -> sa.ColumnElement[bool]:
    if table is runs:
        return sa.and_(runs.c.outcome != RUNNING, runs.c.ended_at < before)
    return alerts.c.cleared_at < before


def _newest(connection_id: int, finished: str) -> sa.Select[Any]:
    newest = sa.select(sa.func.max(runs.c.id)).where(runs.c.connection_id == connection_id, runs.c.outcome == finished)
    return newest.group_by(runs.c.dry)
