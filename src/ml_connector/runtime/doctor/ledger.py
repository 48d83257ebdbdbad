"""The ledger: reachable, of this version, writable, and durable."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.runtime.doctor.judging import ledger as judge
from ml_connector.runtime.doctor.lines import CannotTry, Line, Seen, Step, walk
from ml_connector.store import health
from ml_connector.store.database import Database

PART = "ledger"


def examine(database: Database) -> Iterator[Line]:
    def version() -> Seen:
        return f"{database.name}: {health.version(database)}"

    def writing() -> Seen:
        health.try_writing(database)
        return "a trial was written and taken back"

    def settings() -> Seen:
        return judge.settings(database.name, health.settings(database))

    def space() -> Seen:
        free = health.free_space(database)
        if free is None:
            raise CannotTry("it is on no disk of this machine")
        return judge.space(database.name, free)

    yield from walk(
        PART,
        [
            Step("reachable", version, opens=True),
            Step("writable", writing),
            Step("settings", settings),
            *([] if database.is_postgresql else [Step("space", space)]),
        ],
    )
