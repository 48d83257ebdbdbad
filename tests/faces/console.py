"""The command line as a person uses it: the real program in a process of its own, over the real sandboxes."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ml_connector.runtime.people import os_account

PROGRAM = Path(sys.executable).parent / "ml-connector"


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out.splitlines()[-1])

    @property
    def text(self) -> str:
        """What a person reads, with the line breaks of the terminal undone."""
        return " ".join((self.out + self.err).split())


@dataclass(frozen=True, slots=True)
class Console:
    folder: Path

    def __call__(self, *words: object, typed: str = "", extra: Mapping[str, str] | None = None) -> Said:
        env = {**os.environ, "ML_CONNECTOR_DATA": str(self.folder / "data"), "COLUMNS": "120", **(extra or {})}
        done = subprocess.run(
            [str(PROGRAM), *map(str, words)],
            input=typed,
            capture_output=True,
            text=True,
            env=env,
            cwd=self.folder,
            timeout=300,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def at_a_terminal(self, *words: object, typed: str) -> Said:
        """The same at a terminal: whenever the program asks (": "), the next line is typed."""
        pty = pytest.importorskip("pty", reason="this operating system has no pseudo-terminals")
        ours, theirs = pty.openpty()
        data = str(self.folder / "data")
        env = {**os.environ, "ML_CONNECTOR_DATA": data, "COLUMNS": "120", "TERM": "dumb", "NO_COLOR": "1"}
        command = [str(PROGRAM), *map(str, words)]
        lines, seen = typed.splitlines(keepends=True), b""
        with subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=self.folder, start_new_session=True
        ) as program:
            os.close(theirs)
            with suppress(OSError):  # which is how a terminal says that nobody is there any more
                while more := os.read(ours, 4096):
                    seen += more
                    if lines and seen.endswith(b": "):
                        os.write(ours, lines.pop(0).encode())
        os.close(ours)
        return Said(program.returncode, seen.decode().replace("\r\n", "\n"), "")

    def become(self, name: str) -> None:
        """From now on the account that runs the tests is this user; as if somebody else sat down at the terminal."""
        with sqlite3.connect(self.folder / "data" / "ledger.sqlite") as sql:
            sql.execute("UPDATE users SET os_account = 'elsewhere-' || name")
            sql.execute("UPDATE users SET os_account = ? WHERE name = ?", (os_account(), name))
