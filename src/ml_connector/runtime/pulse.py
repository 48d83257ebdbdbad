"""How this process and the connections are, for those who watch: monitors, Prometheus, a person with curl."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ml_connector.docket.figures import Figures
from ml_connector.findings import Finding, Interrupted
from ml_connector.store.database import Database, utc_now
from ml_connector.store.figures import figures

REFRESH = 10.0  # seconds that figures are given again, whoever asks


@dataclass(frozen=True, slots=True)
class Engine:
    """What the engine of this process says of itself. `heartbeats`: seconds since each worker was last heard of; it may
    raise Interrupted where the ledger is away."""

    alive: Callable[[], bool]
    heartbeats: Callable[[], Mapping[str, float]] = dict


class Pulse:
    """Safe to use from several threads. `engine` is None in a process that has none."""

    def __init__(
        self,
        database: Database,
        engine: Engine | None = None,
        now: Callable[[], datetime] = utc_now,
        refresh: float = REFRESH,
    ) -> None:
        self._database, self.engine, self._now, self._refresh_after = database, engine, now, refresh
        self._lock = threading.Lock()
        self._figures: Figures | None = None
        self._stale_at = 0.0

    def trouble(self) -> Finding | None:
        """Why no work can be done here; None where it can: the ledger is there and ours, and the engine lives."""
        try:
            self._database.check()
        except Interrupted as fault:
            return fault.finding
        if self.engine and not self.engine.alive():
            return Finding(
                "engine.stopped",
                "this process",
                "its engine has stopped, so that no run is made here",
                "Look in the log for why it ended, and start the process again.",
            )
        return None

    def figures(self) -> Figures:
        """Raises Interrupted `store.unreachable` and its kin."""
        with self._lock:  # who asks meanwhile gets what the first one gets
            if self._figures is None or time.monotonic() >= self._stale_at:
                self._figures = figures(self._database, self._now())
                self._stale_at = time.monotonic() + self._refresh_after
            return self._figures
