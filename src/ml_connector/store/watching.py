"""What alerts look at: how a connection stands at one moment, counted by the database in one reading transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from ml_connector.docket.records import Group, RunRecord, UnpostedBatch
from ml_connector.docket.stages import Held, HeldBeforePlan, InDoubt, Posted
from ml_connector.money import Currency, Money
from ml_connector.store import runs as kept_runs
from ml_connector.store import schedules as kept_schedules
from ml_connector.store.connections import ConnectionRecord
from ml_connector.store.database import Database
from ml_connector.store.forms import name_of
from ml_connector.store.schedules import ScheduleRecord
from ml_connector.store.schema import dockets, documents, runs

_RUNS = 50  # of the newest; more failures in a row than that are as bad as so many


@dataclass(frozen=True, slots=True)
class Doubt:
    """Documents of which GP was not heard whether it took them."""

    count: int
    total: Money
    since: datetime


@dataclass(frozen=True, slots=True)
class PostedTogether:
    """Documents that GP posted in one go: they share its audit trail code."""

    company: str
    audit_trail_code: str
    count: int
    total: Money
    since: datetime  # the first of them was seen posted


@dataclass(frozen=True, slots=True)
class Snapshot:
    running: bool
    runs: tuple[RunRecord, ...]  # that have ended, newest first, dry ones left out
    last_success: datetime | None
    held: dict[str, Group]  # by finding code; one with two codes counts in both
    unposted: tuple[UnpostedBatch, ...]
    in_doubt: Doubt | None
    schedules: tuple[ScheduleRecord, ...]


def snapshot(database: Database, it: ConnectionRecord, currency: Currency) -> Snapshot:
    """`currency` is the tenant's. Raises Interrupted `store.unreachable` and its kin."""
    with database.reading() as sql:
        newest = kept_runs.newest(sql, it.id, _RUNS)
        return Snapshot(
            running=bool(newest) and newest[0].outcome == kept_runs.RUNNING,
            runs=tuple(run for run in newest if run.ended is not None and not run.dry),
            last_success=_last_success(sql, it.id),
            held=_held(sql, it.id, currency),
            unposted=tuple(kept_runs.unposted(sql, it.id)),
            in_doubt=_in_doubt(sql, it.id),
            schedules=tuple(kept_schedules.of_connection(sql, it.id)),
        )


def posted(database: Database, it: ConnectionRecord, since: datetime) -> list[PostedTogether]:
    """What was seen posted in GP since then, by company and audit trail code."""
    by = (documents.c.company, documents.c.detail, documents.c.currency)
    first = sa.func.min(documents.c.updated_at)
    wanted = sa.select(*by, sa.func.count(), sa.func.sum(documents.c.amount_minor), first).where(
        documents.c.connection_id == it.id,
        documents.c.stage == name_of(Posted),
        documents.c.updated_at >= since,
    )
    with database.reading() as sql:
        rows = sql.execute(wanted.group_by(*by)).all()
    return [
        PostedTogether(
            company=company,
            audit_trail_code=msgspec.json.decode(detail, type=_Posted).audit_trail_code,
            count=count,
            total=Money.of_minor(int(minor), Currency(currency)),
            since=seen,
        )
        for company, detail, currency, count, minor, seen in rows
    ]


class _Code(msgspec.Struct):
    code: str


class _Held(msgspec.Struct):
    findings: list[_Code]


class _InDoubt(msgspec.Struct):
    since: datetime


class _Posted(msgspec.Struct):
    audit_trail_code: str


def _last_success(sql: sa.Connection, connection_id: int) -> datetime | None:
    good = sa.select(runs.c.ended_at).where(
        runs.c.connection_id == connection_id, runs.c.outcome == "finished", runs.c.dry.is_(False)
    )
    return sql.execute(good.order_by(runs.c.id.desc()).limit(1)).scalar_one_or_none()


def _held(sql: sa.Connection, connection_id: int, currency: Currency) -> dict[str, Group]:
    found: dict[str, Group] = {}
    for detail, minor in _held_rows(sql, connection_id):
        amount = Money.of_minor(minor or 0, currency)
        for code in {it.code for it in msgspec.json.decode(detail, type=_Held).findings}:
            known = found.get(code)
            found[code] = Group(1, amount) if known is None else Group(known.count + 1, known.total + amount)
    return found


def _held_rows(sql: sa.Connection, connection_id: int) -> Iterator[tuple[str, int | None]]:
    for table, stage in ((dockets, HeldBeforePlan), (documents, Held)):
        here = (table.c.connection_id == connection_id, table.c.stage == name_of(stage))
        yield from map(tuple, sql.execute(sa.select(table.c.detail, table.c.amount_minor).where(*here)))


def _in_doubt(sql: sa.Connection, connection_id: int) -> Doubt | None:
    wanted = sa.select(documents.c.detail, documents.c.amount_minor, documents.c.currency)
    here = (documents.c.connection_id == connection_id, documents.c.stage == name_of(InDoubt))
    rows = sql.execute(wanted.where(*here)).all()
    if not rows:
        return None
    whole = Money.of_minor(sum(int(minor) for _, minor, _ in rows), Currency(rows[0].currency))
    return Doubt(len(rows), whole, min(msgspec.json.decode(it.detail, type=_InDoubt).since for it in rows))
