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
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import psycopg


class _Owner(TypedDict, total=False):
    user: str
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; its only user is `ledger`, from this machine, without a password."""

    port: int

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
        data, log = folder / "data", folder / "log"
        made = subprocess.run(
            [programs / "initdb", "-D", data, "-U", "ledger", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            cwd=folder,
            capture_output=True,
            text=True,
            **owner,
        )
        assert made.returncode == 0, made.stderr
        port = _free_port()
        # The tests kill our processes, never the machine, so that they need no disk.
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            "fsync": "on" if durable else "off",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with log.open("wb") as lines:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, "-p", str(port), *flags],
                cwd=folder,
                stdout=lines,
                stderr=lines,
                **owner,
            )
        try:
            _wait(Server(port), process, log)
            yield Server(port)
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: what it holds is thrown away
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
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
