"""What asks for runs by itself: schedules that are due, webhooks that wait, a batch that was posted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from ml_connector.findings import Interrupted
from ml_connector.runtime.alerts import Bell, evaluate_and_tell
from ml_connector.runtime.debounce import is_due
from ml_connector.runtime.engine import Engine
from ml_connector.runtime.retention import retain_daily
from ml_connector.runtime.rounds import Task
from ml_connector.runtime.schedules import Asked, ask_due, look_for_batch
from ml_connector.runtime.settings import Settings, from_ledger
from ml_connector.runtime.wiring import Wired
from ml_connector.store.database import Database, utc_now
from ml_connector.store.deliveries import Deliveries, Waiting

WEBHOOK = "webhook"
_RUNS_KEPT = timedelta(days=7)  # by the engine: a key that was asked for is not asked for again meanwhile
_DELIVERIES_KEPT = timedelta(days=30)
_LOOKS = 4  # at ServiceTitan, at the same time

log = logging.getLogger(__name__)


class Asking:
    """`opened` wires a connection, in the name of who looks; `bell` tells what a person should know."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        opened: Callable[[str, str], Wired],
        bell: Bell,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._bell = bell
        self._database, self._engine, self._opened, self._now = database, engine, opened, now
        self._schedules = database.schedules(engine.worker, now)
        self._deliveries = Deliveries(database)
        self._looking: set[str] = set()
        self._changing = threading.Lock()
        self._looks = ThreadPoolExecutor(_LOOKS, thread_name_prefix="look for a batch")

    def tasks(self) -> list[Task]:
        return [
            Task("schedules", 2.0, self.schedules),
            Task("webhooks", 1.0, self.webhooks),
            Task("alerts", 300.0, self.alerts),
            Task("what is over", 3600.0, self.forget),
            Task("what is old", 3600.0, lambda: retain_daily(self._database, self._engine.worker, self._now)),
        ]

    def schedules(self) -> None:
        for finding in ask_due(self._schedules, self._now(), self._run, self._look):
            log.error(finding.says, extra={"code": finding.code, "where": finding.where})

    def webhooks(self) -> None:
        """One run for each connection whose deliveries have been gathered for long enough."""
        asked: list[Waiting] = []
        for it in self._deliveries.waiting():
            try:
                if self._is_due(it):
                    self._engine.ask(it.connection, WEBHOOK, f"webhook:{it.up_to_id}")
                    asked.append(it)
            except Interrupted as fault:
                _pass_over(it.connection, fault)
        if asked:
            self._deliveries.answered(asked, self._now())

    def alerts(self) -> None:
        for record in self._database.connections(self._engine.worker).all():
            look_and_tell(self._bell, record.name, self._now())

    def forget(self) -> None:
        """What only the engine and the door for webhooks had to remember."""
        now = self._now()
        self._engine.forget_ended(now - _RUNS_KEPT)
        self._deliveries.forget(now - _DELIVERIES_KEPT)

    def _is_due(self, it: Waiting) -> bool:
        webhooks = self._settings(it.connection).webhooks
        return is_due(self._now(), it.oldest, it.newest, webhooks.debounce, webhooks.longest_delay)

    def _run(self, asked: Asked) -> None:
        try:
            self._engine.ask(asked.connection, f"schedule {asked.schedule}", asked.key)
        except Interrupted as fault:
            _pass_over(asked.connection, fault)

    def _look(self, asked: Asked) -> None:
        """In a thread of its own, once for each schedule at a time: ServiceTitan may take its time."""
        name = f"{asked.connection} {asked.schedule}"
        with self._changing:
            if name in self._looking:
                return
            self._looking.add(name)
        self._looks.submit(self._look_for_batch, name, asked)

    def _look_for_batch(self, name: str, asked: Asked) -> None:
        try:
            wired = self._opened(asked.connection, f"schedule {asked.schedule}")
            try:
                look_for_batch(wired.field_service, self._schedules, asked, self._now(), self._run)
            finally:
                wired.hang_up()
        except Interrupted as fault:
            _tell(asked.connection, fault)
        except Exception:
            log.exception("a look for a batch failed", extra={"connection": asked.connection})
        finally:
            with self._changing:
                self._looking.discard(name)

    def _settings(self, connection: str) -> Settings:
        record = self._database.connections(self._engine.worker).get(connection)
        return from_ledger(record.definition, connection)


def look_and_tell(bell: Bell, connection: str, now: datetime) -> None:
    """One connection's alerts; trouble with them is logged, and keeps nobody else waiting."""
    try:
        evaluate_and_tell(bell, connection, now)
    except Interrupted as fault:
        told = {"connection": connection, "code": fault.finding.code, "says": fault.finding.says}
        log.warning("no look for what should be told", extra=told)


def _pass_over(connection: str, fault: Interrupted) -> None:
    """A connection that cannot be run keeps nobody else waiting. Raises where it is the ledger that is away."""
    if fault.finding.code.startswith("store."):
        raise fault
    _tell(connection, fault)


def _tell(connection: str, fault: Interrupted) -> None:
    told = {"connection": connection, "code": fault.finding.code, "says": fault.finding.says}
    log.warning("no run could be asked for", extra=told)
