"""Where deliveries are made durable: whatever has come while one commit was on its way shares the next."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from ml_connector.findings import Interrupted
from ml_connector.store.deliveries import Arrival, Deliveries

_AT_ONCE = 200  # deliveries in one transaction
_WAITING = 1000  # beyond, senders are asked to come again

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    arrival: Arrival
    kept: Future[bool] = field(default_factory=Future)


class Inbox:
    """One thread that stores what it is given. While the ledger is away nobody waits for it: everybody is told at once."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._work, name="webhook inbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Store what was given so far, and end."""
        self._queue.put(None)
        self._thread.join()

    def give(self, arrival: Arrival) -> Future[bool]:
        """Whether it is kept, once that is certain: True when it is on the disk."""
        it = _Waiting(arrival)
        try:
            self._queue.put_nowait(it)
        except queue.Full:
            it.kept.set_result(False)
        return it.kept

    def _work(self) -> None:
        while True:
            taken = [self._queue.get(), *self._drained(_AT_ONCE - 1)]
            kept = self._keep([it.arrival for it in taken if it])
            if not kept:
                taken += self._drained(_WAITING)
            for it in taken:
                if it and it.kept.set_running_or_notify_cancel():
                    it.kept.set_result(kept)
            if None in taken:
                return

    def _keep(self, arrivals: list[Arrival]) -> bool:
        try:
            if arrivals:
                self._deliveries.take(arrivals)
        except Interrupted as fault:
            it = fault.finding
            log.error("webhooks are not kept", extra={"code": it.code, "says": it.says, "remedy": it.remedy})
            return False
        except Exception:  # whatever it is, the sender is told to come again and the thread lives on
            log.exception("webhooks are not kept")
            return False
        return True

    def _drained(self, limit: int) -> list[_Waiting | None]:
        """What is in the queue already, so many at the most."""
        taken: list[_Waiting | None] = []
        with contextlib.suppress(queue.Empty):
            while len(taken) < limit:
                taken.append(self._queue.get_nowait())
        return taken
