"""Rounds, medians and processes: what every benchmark measures with."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

Figures = Mapping[str, float]
"""What one round of one contestant gave, by unit."""

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over all rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(*(float(f"{it:.4g}") for it in (statistics.median(values), min(values), max(values))))


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark found: by contestant (or `a / b`), by unit."""

    title: str
    lines: Mapping[str, Mapping[str, Spread]]
    notes: Sequence[str] = ()


def alternate(contestants: Mapping[str, Callable[[], Figures]], rounds: int) -> dict[str, list[Figures]]:
    """Each contestant once a round, A B A B, so that a change in the machine's load meets all of them."""
    found: dict[str, list[Figures]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            found[name].append(measure())
    return found


def lines(found: Mapping[str, Sequence[Figures]]) -> dict[str, dict[str, Spread]]:
    return {name: {unit: Spread.of([it[unit] for it in each]) for unit in each[0]} for name, each in found.items()}


def against(found: Mapping[str, Sequence[Figures]], ours: str, floor: str) -> dict[str, dict[str, Spread]]:
    """The line `ours / floor`: round by round, since neighbours in time had the same machine."""
    pairs = list(zip(found[ours], found[floor], strict=True))
    units = [unit for unit in found[ours][0] if unit in found[floor][0]]
    return {f"{ours} / {floor}": {unit: Spread.of([a[unit] / b[unit] for a, b in pairs]) for unit in units}}


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended well; its CPU, user and system, in seconds, start-up included."""

    said: str
    cpu: float


def run_child(command: Sequence[str], folder: Path) -> Ended:
    """Run a program to its end in a folder. Raises SystemExit with what it complained of when it fails."""
    with (folder / "complaints").open("w+b") as complaints:
        child = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=complaints, env=_environment())
        assert child.stdout is not None
        said = child.stdout.read().decode()
        child.stdout.close()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            complaints.seek(0)
            raise SystemExit(f"{' '.join(command)} failed: {complaints.read().decode()[-2000:]}")
    return Ended(said, used.ru_utime + used.ru_stime)


@contextmanager
def server(command: Sequence[str], ready: str) -> Iterator[str]:
    """Run a server until the end of the block; gives its first line that contains `ready`."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.PIPE, env=_environment(), text=True
    )
    assert process.stdout is not None
    try:
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if ready in line:
                break
        else:
            raise SystemExit(f"{' '.join(command)} did not start: {''.join(said)[-2000:]}")
        yield said[-1].strip()
    finally:
        process.terminate()
        process.communicate()


def machine() -> dict[str, object]:
    """What the figures were measured on, and how busy it was at this moment."""
    return {
        "system": platform.platform(terse=True),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "load": [round(it, 1) for it in os.getloadavg()],
    }


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "PYTHONUNBUFFERED": "1"}
