"""Keep a lease alive while a run works, however long one answer of GP takes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from ml_connector.findings import Interrupted
from ml_connector.store.lease import Lease


class Heartbeat:
    """Renews a lease three times in its life. A lease that was lost is not fought for: `lost` is told, and the ledger's
    fence tells the run."""

    def __init__(self, lease: Lease, lost: Callable[[], None] = lambda: None) -> None:
        self._lease = lease
        self._lost = lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._lease.release()

    def _beat(self) -> None:
        while not self._stop.wait(self._lease.seconds / 3):
            try:
                self._lease.renew()
            except Interrupted as fault:
                if fault.finding.code == "run.lease_lost":
                    self._lost()
                    return
