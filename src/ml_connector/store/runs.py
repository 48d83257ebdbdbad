"""Runs, and the GP batches that each opens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec
import sqlalchemy as sa

from ml_connector.books.batch import BatchKey, batch_id
from ml_connector.docket.records import OpenedBatch, RunRecord, UnpostedBatch
from ml_connector.docket.stages import Entered
from ml_connector.docket.trail import Event
from ml_connector.money import Currency, Money
from ml_connector.store.forms import name_of, text
from ml_connector.store.schema import batches, documents, runs
from ml_connector.store.trail import Writing

RUNNING = "running"
DIED = "died"


def start(w: Writing, dry: bool, why: str) -> int:
    """Begin a run. One that never ended has died: its lease is in our hands now."""
    dead = sa.update(runs).where(runs.c.connection_id == w.connection_id, runs.c.outcome == RUNNING)
    for died in w.sql.execute(dead.values(outcome=DIED, ended_at=w.at).returning(runs.c.id)).scalars():
        w.append(Event("run.died", {"run": died}))
    row = {"connection_id": w.connection_id, "started_at": w.at, "actor": w.actor, "dry": dry, "why": why}
    added = sa.insert(runs).values(**row, outcome=RUNNING, counts="{}")
    run_id: int = w.sql.execute(added.returning(runs.c.id)).scalar_one()
    w.append(Event("run.started", {"run": run_id, "dry": dry, "why": why}))
    return run_id


def end(w: Writing, run_id: int, outcome: str, counts: Mapping[str, object]) -> None:
    here = sa.update(runs).where(runs.c.connection_id == w.connection_id, runs.c.id == run_id)
    if w.sql.execute(here.values(ended_at=w.at, outcome=outcome, counts=text(counts))).rowcount != 1:
        raise ValueError(f"there is no run {run_id}")
    w.append(Event("run.ended", {"run": run_id, "outcome": outcome, "counts": counts}))


def newest(sql: sa.Connection, connection_id: int, limit: int) -> list[RunRecord]:
    wanted = sa.select(runs).where(runs.c.connection_id == connection_id).order_by(runs.c.id.desc()).limit(limit)
    return [
        RunRecord(
            id=row["id"],
            started=row["started_at"],
            ended=row["ended_at"],
            actor=row["actor"],
            dry=row["dry"],
            outcome=row["outcome"],
            why=row["why"],
            counts=msgspec.json.decode(row["counts"], type=dict[str, object]),
        )
        for row in sql.execute(wanted).mappings()
    ]


def has_ended(sql: sa.Connection, connection_id: int, dry: bool, outcome: str) -> bool:
    here = (runs.c.connection_id == connection_id, runs.c.dry == dry, runs.c.outcome == outcome)
    return sql.execute(sa.select(runs.c.id).where(*here).limit(1)).first() is not None


def open_batch(w: Writing, run_id: int, prefix: str, key: BatchKey, day: date) -> str:
    """A batch that was never used before: the connection's next serial of that day.

    Nor one that GP was found to hold documents of ours in: a ledger restored from a backup has forgotten the batches that
    were opened since.
    """
    last = sa.select(sa.func.max(batches.c.serial)).where(
        batches.c.connection_id == w.connection_id, batches.c.day == day
    )
    serial = (w.sql.execute(last).scalar_one() or 0) + 1
    while _is_used(w, name := batch_id(prefix, key.receivables, day, serial)):
        serial += 1
    row = {"connection_id": w.connection_id, "run_id": run_id, "company": key.company, "receivables": key.receivables}
    row |= {"year": key.year, "period": key.period, "batch_id": name, "day": day, "serial": serial, "opened_at": w.at}
    w.sql.execute(sa.insert(batches), [row])
    detail = {"batch": name, "run": run_id, "company": key.company, "year": key.year, "period": key.period}
    w.append(Event("batch.opened", detail))
    return name


def _is_used(w: Writing, name: str) -> bool:
    here = (documents.c.connection_id == w.connection_id, documents.c.batch_id == name)
    return w.sql.execute(sa.select(documents.c.id).where(*here).limit(1)).first() is not None


def batches_of(sql: sa.Connection, connection_id: int, run_id: int) -> list[OpenedBatch]:
    wanted = sa.select(batches).where(batches.c.connection_id == connection_id, batches.c.run_id == run_id)
    return [_opened(row) for row in sql.execute(wanted.order_by(batches.c.id)).mappings()]


def opened_batch(sql: sa.Connection, connection_id: int, batch_id: str) -> OpenedBatch | None:
    wanted = sa.select(batches).where(batches.c.connection_id == connection_id, batches.c.batch_id == batch_id)
    row = sql.execute(wanted).mappings().one_or_none()
    return None if row is None else _opened(row)


def _opened(row: sa.RowMapping) -> OpenedBatch:
    return OpenedBatch(row["batch_id"], BatchKey(row["company"], row["receivables"], row["year"], row["period"]))


def unposted(sql: sa.Connection, connection_id: int) -> list[UnpostedBatch]:
    by = (documents.c.company, documents.c.batch_id, documents.c.currency)
    count, money = sa.func.count(), sa.func.sum(documents.c.amount_minor)
    oldest = sa.func.min(documents.c.posting_date)
    wanted = sa.select(*by, count, money, oldest).where(
        documents.c.connection_id == connection_id, documents.c.stage == name_of(Entered)
    )
    return [
        UnpostedBatch(company, batch, number, Money.of_minor(int(minor), Currency(currency)), day)
        for company, batch, currency, number, minor, day in sql.execute(wanted.group_by(*by).order_by(oldest, *by))
    ]
