"""Alerts: what a person should know, told once while it stands. One of a code and subject is open at a time.

A row is *open* until it is cleared, and *pending* while `told_at` is NULL: an open one has yet to be told, a cleared one has
yet to be told well. Who wants to tell claims what is pending, all in one transaction, so that of two workers one tells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from ml_connector.docket.trail import Event
from ml_connector.findings import Finding
from ml_connector.store.connections import ConnectionRecord
from ml_connector.store.forms import text
from ml_connector.store.schema import alerts, connections
from ml_connector.store.trail import Writing

if TYPE_CHECKING:
    from ml_connector.store.database import Database

DIGEST = "digest"
"""The code of the one row that says which digest was told last; it is no alert."""
UNTOLD = 3  # attempts after which one that is not told is a trouble of its own
_SEEN_AGAIN = timedelta(hours=1)  # that nothing but the time has changed is written no oftener


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the column `finding` holds."""

    finding: Finding
    size: int = 0
    size_told: int = 0
    accepted: tuple[str, ...] = ()  # the targets that have taken it; references, never addresses
    tried_at: datetime | None = None
    trouble: str = ""  # of the last attempt


@dataclass(frozen=True, slots=True)
class AlertRecord:
    id: int
    subject: str
    raised: datetime
    seen: datetime
    cleared: datetime | None
    told: datetime | None  # None: it has yet to be told; of a cleared one, that it is well
    attempts: int  # since it was told last
    kept: Kept

    @property
    def code(self) -> str:
        return self.kept.finding.code

    @property
    def finding(self) -> Finding:
        return self.kept.finding


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should know now. One with the same code and subject is the same, and told once.

    `size` is what may grow while it stands: one that is larger than when it was told is told again.
    """

    subject: str
    finding: Finding
    size: int = 0


class Alerts:
    """The alerts of one connection."""

    def __init__(self, database: Database, it: ConnectionRecord, actor: str, now: Callable[[], datetime]) -> None:
        self._database, self._id, self._actor, self._now = database, it.id, actor, now

    def open(self) -> list[AlertRecord]:
        """The oldest first."""
        with self._database.reading() as sql:
            return self._read(sql, alerts.c.cleared_at.is_(None))

    def pending(self) -> list[AlertRecord]:
        """What has yet to be told, open or well again, the oldest first."""
        with self._database.reading() as sql:
            return self._read(sql, alerts.c.told_at.is_(None), digest=True)

    def newest(self, limit: int) -> list[AlertRecord]:
        """Open and cleared, newest first."""
        with self._database.reading() as sql:
            wanted = _of(self._id).where(alerts.c.code != DIGEST).order_by(alerts.c.id.desc()).limit(limit)
            return [_record(row) for row in sql.execute(wanted).mappings()]

    def settle(self, standing: Sequence[Alert], tell_well: bool, leave: Collection[str] = ()) -> None:
        """Raise what is new, see again what stands, clear what does not. `tell_well`: what was told is told well, too.

        Alerts of the codes in `leave` stay as they are: it is not the moment to judge them.
        """
        standing = [it for it in standing if it.finding.code not in leave]
        if not self._changes([it for it in self.open() if it.code not in leave], standing):
            return
        with self._writing() as w:
            open_now = self._read(w.sql, alerts.c.cleared_at.is_(None))
            known = {(it.code, it.subject): it for it in open_now if it.code not in leave}
            for it in standing:
                was = known.pop((it.finding.code, it.subject), None)
                if was is None:
                    self._raise(w, it)
                else:
                    self._see(w, was, it)
            for gone in known.values():
                self._clear(w, gone, tell_well)

    def open_digest(self, slot: datetime) -> None:
        """Have a digest pending for this slot, unless one was for it or a later one."""
        with self._writing() as w:
            rows = self._read(w.sql, alerts.c.code == DIGEST, digest=True)
            finding = Finding(DIGEST, "", "", "")
            if rows and rows[-1].raised >= slot:
                return
            if rows:
                fresh = {"raised_at": slot, "told_at": None, "attempts": 0, "finding": text(Kept(finding))}
                w.sql.execute(sa.update(alerts).where(alerts.c.id == rows[-1].id).values(**fresh))
                return
            row = {"connection_id": self._id, "code": DIGEST, "subject": "", "finding": text(Kept(finding))}
            row |= {"raised_at": slot, "seen_at": w.at, "cleared_at": slot, "told_at": None, "attempts": 0}
            w.sql.execute(sa.insert(alerts).values(row))

    def claim(self, wanted: Iterable[AlertRecord]) -> list[AlertRecord]:
        """Those of these that nobody has taken up meanwhile: now they are this worker's to tell."""
        won = []
        with self._writing() as w:
            for it in wanted:
                kept = msgspec.structs.replace(it.kept, tried_at=w.at)
                claimed = sa.update(alerts).where(*_unchanged(it))
                claimed = claimed.values(attempts=it.attempts + 1, finding=text(kept))
                if w.sql.execute(claimed).rowcount == 1:
                    won.append(replace(it, attempts=it.attempts + 1, kept=kept))
        return won

    def told(self, it: AlertRecord, accepted: Sequence[str]) -> None:
        """Every target took it. Where it grew or was cleared meanwhile, that is still to be told."""
        kept = msgspec.structs.replace(it.kept, accepted=(), size_told=it.kept.size, trouble="")
        with self._writing() as w:
            done = sa.update(alerts).where(*_unchanged(it))
            w.sql.execute(done.values(told_at=w.at, attempts=0, finding=text(kept)))
            if it.code != DIGEST:
                detail = {"code": it.code, "subject": it.subject, "to": accepted, "well": it.cleared is not None}
                w.append(Event("alert.told", detail))

    def failed(self, it: AlertRecord, accepted: Sequence[str], trouble: str) -> None:
        """Not every target took it; `trouble` says why and holds no secret."""
        kept = msgspec.structs.replace(it.kept, accepted=tuple(accepted), trouble=trouble)
        with self._writing() as w:
            w.sql.execute(sa.update(alerts).where(*_unchanged(it)).values(finding=text(kept)))

    def _raise(self, w: Writing, it: Alert) -> None:
        row = {"connection_id": self._id, "code": it.finding.code, "subject": it.subject, "attempts": 0}
        row |= {"raised_at": w.at, "seen_at": w.at, "finding": text(Kept(it.finding, it.size))}
        w.sql.execute(sa.insert(alerts).values(row))
        w.append(Event("alert.raised", _detail(it.finding, it.subject)))

    def _see(self, w: Writing, was: AlertRecord, it: Alert) -> None:
        kept = msgspec.structs.replace(was.kept, finding=it.finding, size=it.size)
        values: dict[str, object] = {"seen_at": w.at}
        if was.told is not None and it.size > was.kept.size_told:
            kept = msgspec.structs.replace(kept, accepted=(), tried_at=None)
            values |= {"told_at": None, "attempts": 0}
        w.sql.execute(sa.update(alerts).where(alerts.c.id == was.id).values(**values, finding=text(kept)))

    def _clear(self, w: Writing, was: AlertRecord, tell_well: bool) -> None:
        known = was.told is not None or was.attempts > 0 or was.kept.size_told > 0
        kept = msgspec.structs.replace(was.kept, accepted=(), tried_at=None, trouble="")
        done = None if known and tell_well else was.told or w.at
        values = {"cleared_at": w.at, "told_at": done, "attempts": 0, "finding": text(kept)}
        w.sql.execute(sa.update(alerts).where(alerts.c.id == was.id).values(**values))
        w.append(Event("alert.cleared", _detail(was.finding, was.subject)))

    def _changes(self, known: Sequence[AlertRecord], standing: Sequence[Alert]) -> bool:
        """Whether anything is worth a write: most of the times that one looks, nothing is."""
        mine = {(it.code, it.subject): (it.finding, it.kept.size) for it in known}
        theirs = {(it.finding.code, it.subject): (it.finding, it.size) for it in standing}
        return mine != theirs or any(self._now() - it.seen >= _SEEN_AGAIN for it in known)

    def _read(self, sql: sa.Connection, where: sa.ColumnElement[bool], digest: bool = False) -> list[AlertRecord]:
        wanted = _of(self._id).where(where) if digest else _of(self._id).where(where, alerts.c.code != DIGEST)
        return [_record(row) for row in sql.execute(wanted.order_by(alerts.c.id)).mappings()]

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        """The end of the trail is locked, so that two workers come one after the other."""
        with self._database.writing() as sql:
            w = Writing(sql, self._id, self._actor, self._now())
            yield w
            w.seal()


def untold(database: Database) -> dict[str, int]:
    """How many alerts of each connection could not be told in several attempts; connections without any left out."""
    wanted = sa.select(connections.c.name, sa.func.count()).join(alerts, alerts.c.connection_id == connections.c.id)
    late = wanted.where(alerts.c.told_at.is_(None), alerts.c.attempts >= UNTOLD, alerts.c.code != DIGEST)
    with database.reading() as sql:
        return {row[0]: row[1] for row in sql.execute(late.group_by(connections.c.name))}


def _of(connection_id: int) -> sa.Select[tuple[object, ...]]:
    return sa.select(alerts).where(alerts.c.connection_id == connection_id)


def _unchanged(it: AlertRecord) -> tuple[sa.ColumnElement[bool], ...]:
    """It stands as it did when it was read, or claimed."""
    same = (alerts.c.id == it.id, alerts.c.attempts == it.attempts)
    return (*same, _same(alerts.c.told_at, it.told), _same(alerts.c.cleared_at, it.cleared))


def _same(column: sa.Column[datetime | None], value: datetime | None) -> sa.ColumnElement[bool]:
    return column.is_(None) if value is None else column == value


def _detail(finding: Finding, subject: str) -> dict[str, str]:
    return {"code": finding.code, "subject": subject, "where": finding.where, "says": finding.says}


def _record(row: sa.RowMapping) -> AlertRecord:
    return AlertRecord(
        id=row["id"],
        subject=row["subject"],
        raised=row["raised_at"],
        seen=row["seen_at"],
        cleared=row["cleared_at"],
        told=row["told_at"],
        attempts=row["attempts"],
        kept=msgspec.json.decode(row["finding"], type=Kept),
    )
