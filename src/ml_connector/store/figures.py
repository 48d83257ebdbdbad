"""The figures of every connection at once, counted by the database along its indexes: it is asked every few seconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ml_connector.docket.figures import ConnectionFigure, DocumentFigure, Figures
from ml_connector.docket.stages import ClosedByHand, HeldBeforePlan, Opened, Posted, Stage, Waiting
from ml_connector.money import Currency, Money
from ml_connector.store.database import Database
from ml_connector.store.forms import STAGES, name_of
from ml_connector.store.runs import RUNNING
from ml_connector.store.schema import INSTALLATION, connections, deliveries, dockets, documents, runs, schedules

FINISHED = "finished"

_ENDED: tuple[type[Stage], ...] = (Posted, ClosedByHand)
_DAY = timedelta(days=1)
_EVERY = connections.c.id != INSTALLATION
_IF_RUNNING = sa.case((runs.c.outcome == RUNNING, runs.c.started_at))


def figures(database: Database, now: datetime) -> Figures:
    """Raises Interrupted `store.unreachable` and its kin."""
    with database.snapshot() as sql:
        named = sql.execute(sa.select(connections.c.id, connections.c.name).where(_EVERY))
        names = {row.id: row.name for row in named}
        parts = _Parts(sql, now)
        return Figures(
            at=now,
            connections=tuple(parts.connection(id, names[id]) for id in sorted(names, key=names.__getitem__)),
            documents=tuple(_documents(sql, names)),
            ledger_bytes=_size(sql, database.is_postgresql),
        )


class _Parts:
    """What there is about each connection, by its id."""

    def __init__(self, sql: sa.Connection, now: datetime) -> None:
        self.success = dict(_pairs(sql, _newest(runs.c.ended_at, runs.c.outcome == FINISHED, ~runs.c.dry)))
        self.running = dict(_pairs(sql, _newest(_IF_RUNNING)))  # a run that is not the newest is none: `runs.start`
        older = sa.select(runs.c.id).where(runs.c.started_at < now - _DAY).order_by(runs.c.id.desc()).limit(1)
        last_older = sql.execute(older).scalar_one_or_none() or 0  # ids are given in the order of beginning
        self.runs = _counts(sql, runs.c.outcome, runs, runs.c.id > last_older)
        opened = [name_of(it) for it in (Opened, HeldBeforePlan, Waiting)]
        self.dockets = _counts(sql, dockets.c.stage, dockets, dockets.c.stage.in_(opened))
        ended = [name_of(it) for it in _ENDED]
        self.ended = _counts(sql, documents.c.stage, documents, documents.c.stage.in_(ended))
        by, at = deliveries.c.connection_id, deliveries.c.received_at
        waiting = sa.select(by, sa.func.count(), sa.func.min(at)).where(deliveries.c.answered_at.is_(None)).group_by(by)
        self.deliveries = {id: (count, oldest) for id, count, oldest in sql.execute(waiting)}
        by = schedules.c.connection_id
        due = sa.select(by, sa.func.min(schedules.c.next_at)).where(~schedules.c.paused).group_by(by)
        self.next_run = dict(_pairs(sql, due))

    def connection(self, id: int, name: str) -> ConnectionFigure:
        count, oldest = self.deliveries.get(id, (0, None))
        return ConnectionFigure(
            name=name,
            last_success=self.success.get(id),
            running_since=self.running.get(id),
            runs=self.runs.get(id, {}),
            dockets=self.dockets.get(id, {}),
            ended=self.ended.get(id, {}),
            deliveries=count,
            oldest_delivery=oldest,
            next_run=self.next_run.get(id),
        )


def _documents(sql: sa.Connection, names: Mapping[int, str]) -> list[DocumentFigure]:
    stages = [name for name, stage in STAGES.items() if stage not in _ENDED]
    by = (documents.c.connection_id, documents.c.company, documents.c.stage, documents.c.currency)
    count, minor = sa.func.count(), sa.func.sum(documents.c.amount_minor)
    oldest = (sa.func.min(documents.c.updated_at), sa.func.min(documents.c.posting_date))
    wanted = sa.select(*by, count, minor, *oldest).where(_each(documents), documents.c.stage.in_(stages))
    return [
        DocumentFigure(names[id], company, stage, count, Money.of_minor(int(total), Currency(currency)), since, day)
        for id, company, stage, currency, count, total, since, day in sql.execute(wanted.group_by(*by).order_by(*by))
    ]


def _each(table: sa.Table) -> sa.ColumnElement[bool]:
    """Every connection by name, so that an index which begins with the connection is of use."""
    return table.c.connection_id.in_(sa.select(connections.c.id).where(_EVERY))


def _newest(column: sa.ColumnElement[Any], *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """That column of the newest run that fits, for each connection."""
    mine = sa.select(column).where(runs.c.connection_id == connections.c.id, *conditions)
    return sa.select(connections.c.id, mine.order_by(runs.c.id.desc()).limit(1).scalar_subquery()).where(_EVERY)


def _counts(
    sql: sa.Connection, column: sa.Column[str], table: sa.Table, condition: sa.ColumnElement[bool]
) -> dict[int, dict[str, int]]:
    wanted = sa.select(connections.c.id, column, sa.func.count()).join_from(connections, table)
    counted: dict[int, dict[str, int]] = {}
    for id, value, count in sql.execute(wanted.where(_EVERY, condition).group_by(connections.c.id, column)):
        counted.setdefault(id, {})[value] = count
    return counted


def _pairs(sql: sa.Connection, wanted: sa.Select[Any]) -> list[tuple[int, datetime]]:
    return [(id, value) for id, value in sql.execute(wanted) if value is not None]


def _size(sql: sa.Connection, postgresql: bool) -> int:
    """Bytes on the disk; on PostgreSQL of the whole database."""
    if postgresql:
        return int(sql.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())
    pages, size = (
        sql.execute(sa.text("PRAGMA page_count")).scalar_one(),
        sql.execute(sa.text("PRAGMA page_size")).scalar_one(),
    )
    return int(pages) * int(size)
