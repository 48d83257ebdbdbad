"""What a worker does every few seconds beside walking runs: each task by itself, so that none keeps another waiting."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ml_connector.findings import Interrupted

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """`deed` is done every `every` seconds, counted from its beginning; one that takes longer begins again at once."""

    name: str
    every: float
    deed: Callable[[], object]


class Rounds:
    """A thread for each task. What goes wrong in one is logged, and tried again the next time."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep_on, args=(task,), name=task.name, daemon=True) for task in tasks
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float) -> None:
        """Begin nothing more, and wait for what has begun. `patience` in seconds."""
        self._stopping.set()
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _keep_on(self, task: Task) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                task.deed()
            except Interrupted as fault:
                told = {"task": task.name, "code": fault.finding.code, "says": fault.finding.says}
                log.warning("a task was interrupted", extra=told)
            except Exception:
                log.exception("a task failed", extra={"task": task.name})
            self._stopping.wait(max(0.0, task.every - (time.monotonic() - began)))
