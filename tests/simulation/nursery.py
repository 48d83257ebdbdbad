"""Starts the product in processes of their own, quickly, so that it can be killed a hundred times.

One process imports the command line once and waits; each command is a fork of it. What is forked is the product as
the console script starts it: nothing of the tests runs in it. Between the two stands a warden, which reaps the
product and tells how it ended.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

_ROOT = Path(__file__).parents[2]
_IMPORTED_BEFOREHAND = (  # and what these import only when they are used
    "ml_connector.cli.main",
    "ml_connector.store.connections",
    "ml_connector.runtime.asking",
    "ml_connector.web.serving",
    "typer._adapters",
    "pydantic",
    "anyio",
    "h11",
    "httpcore2",
    "truststore",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.ext.compiler",
)


class Command:
    """One `ml-connector` command that runs, or has run. `out` and `err` are files."""

    def __init__(self, told: int, out: Path, err: Path) -> None:
        self._told = os.fdopen(told, "r")
        self.pid = int(self._told.readline())
        self.out, self.err = out, err
        self._status = 0
        self._ended = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def kill(self) -> bool:
        """SIGKILL, and wait until it is dead. Whether it was alive still."""
        if self._ended.is_set():
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._ended.wait(60)
        return self.was_killed

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def stop(self) -> None:
        """Put it to sleep in the middle of whatever it does, as a machine does that is suspended."""
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        return not self._ended.is_set()

    @property
    def was_killed(self) -> bool:
        return os.WIFSIGNALED(self._status)

    def wait(self) -> int:
        """Its exit code, when it has ended; -9 where it was killed."""
        assert self._ended.wait(120), f"it does not end: {self.err.read_text()}"
        return os.waitstatus_to_exitcode(self._status)

    def told(self) -> Any:
        """The JSON document that it printed; None where it was killed before."""
        text = self.out.read_text("utf-8")
        return json.loads(text) if text.endswith("\n") else None

    def _listen(self) -> None:
        with self._told:
            self._status = int(self._told.readline())
        self._ended.set()


class Nursery:
    """Where commands come from. Close it, or use it in a `with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._commands = 0
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.simulation.nursery", str(theirs.fileno())],
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._process.wait(60)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> Command:
        """Start `ml-connector ARGUMENTS`; comes back when it has a process id."""
        self._commands += 1
        out, err = (self._folder / f"{self._commands}.{name}" for name in ("out", "err"))
        order = json.dumps({"arguments": list(arguments), "environment": dict(environment)}).encode()
        told, mouth = os.pipe()
        handles = [mouth, *(os.open(path, os.O_WRONLY | os.O_CREAT) for path in (out, err))]
        socket.send_fds(self._control, [order], handles)
        for handle in handles:
            os.close(handle)
        return Command(told, out, err)


def _wait_for_orders(control: socket.socket) -> None:
    """In the process that was started first: fork a warden for each order, until the tests hang up."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        order, handles, _, _ = socket.recv_fds(control, 1 << 16, 3)
        if not order:
            return
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _watch_over(json.loads(order), *handles)
        for handle in handles:
            os.close(handle)


def _watch_over(order: Mapping[str, Any], mouth: int, out: int, err: int) -> None:
    """Comes back only in the product's own process."""
    product = os.fork()
    if product:
        _tell(mouth, product)
    os.close(mouth)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.update(order["environment"])
    sys.argv = ["ml-connector", *order["arguments"]]
    from ml_connector.cli.main import main

    main()
    sys.exit(0)


def _tell(mouth: int, product: int) -> NoReturn:
    os.write(mouth, f"{product}\n".encode())
    _, status = os.waitpid(product, 0)
    os.write(mouth, f"{status}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    for name in _IMPORTED_BEFOREHAND:
        importlib.import_module(name)
    gc.freeze()  # what is imported stays as it is, so that a fork copies little of it
    _wait_for_orders(socket.socket(fileno=int(sys.argv[1])))
