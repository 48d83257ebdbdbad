"""`ml-connector serve`: a worker, the door for webhooks, or both, until somebody stops it."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from types import FrameType

from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.engine import Engine
from ml_connector.runtime.rounds import Rounds, Task

log = logging.getLogger(__name__)


def serve(
    engine: Engine | None,
    tasks: Callable[[Engine], list[Task]],
    door: AbstractContextManager[object] | None,
    ready: Callable[[], None],
    patience: float,
) -> None:
    """Serve until a signal says stop: `door` is open from first to last, and `ready` is told when all has begun.

    Then finish the document in hand, for which there are `patience` seconds.
    Raises Interrupted `worker.fenced` where this worker was thought dead and another took its runs over.
    """
    stop = _asked_to_stop()
    with ExitStack() as started:
        if door is not None:
            started.enter_context(door)
        if engine is not None:
            engine.start()
            rounds = Rounds(tasks(engine))
            rounds.start()
            started.callback(engine.stop, patience)
            started.callback(rounds.stop, patience)
        ready()
        while not stop.wait(0.5):
            if engine is not None and engine.lost.is_set():
                raise Interrupted(_fenced(engine.worker))
        log.info("stopping", extra={"runs": engine.walking if engine else 0})


def _asked_to_stop() -> threading.Event:
    """Set by SIGTERM, SIGINT, and on Windows by Ctrl+Break, which its service managers send."""
    stop = threading.Event()
    names: Mapping[str, object] = vars(signal)

    def stopped(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if name in names:
            signal.signal(getattr(signal, name), stopped)
    return stop


def _fenced(worker: str) -> Finding:
    return Finding(
        "worker.fenced",
        f"worker {worker}",
        "it was silent for so long that another worker took its runs over; nothing that it did since was stored",
        "Start it again; if this comes often, see why the machine stands still (suspended, or out of memory).",
    )
