"""A real PostgreSQL for the tests: a server of their own, from Debian's packages, in a temporary folder, on loopback.

PostgreSQL refuses to run as root, so there it runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import psycopg


class _Owner(TypedDict, total=False):
    user: str
    group: int
    extra_groups: list[int]


class Server:
    """A running server; its only user is `ledger`, from this machine, without a password."""

    def __init__(self, programs: Path, folder: Path, port: int, durable: bool = False) -> None:
        self.port = port
        self._durable = durable
        self._programs, self._folder = programs, folder
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        return f"postgresql://ledger@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """The URL of a new, empty database."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as sql:
            sql.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Whoever is still connected to it is cut off."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as sql:
            sql.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    def start(self) -> None:
        log = self._folder / "log"
        # The tests kill our processes, never the machine, so that they need no disk.
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if self._durable else "off",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with log.open("ab") as lines:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._folder / "data", "-p", str(self.port), *flags],
                cwd=self._folder,
                stdout=lines,
                stderr=lines,
                **_owner(),
            )
        _wait(self, self._process, log)

    def stop(self) -> None:
        """At once: whoever is connected is cut off, and what is not committed is lost."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGQUIT)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def programs() -> Path | None:
    """The folder of initdb and postgres, the newest version that is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@contextlib.contextmanager
def server(programs: Path, durable: bool = False) -> Iterator[Server]:
    """Start a server, and stop it at the end, its data with it. `durable` has it wait for the disk, as a real one does."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-"))
    owner = _owner()
    if owner:
        shutil.chown(folder, owner["user"])
    try:
        made = subprocess.run(
            [
                programs / "initdb",
                "-D",
                folder / "data",
                "-U",
                "ledger",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            **owner,
        )
        assert made.returncode == 0, made.stderr
        running = Server(programs, folder, _free_port(), durable)
        try:
            running.start()
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> _Owner:
    if os.name != "posix" or os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}
    raise AssertionError("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.05)
