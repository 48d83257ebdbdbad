"""Steps, and the lines that come of them: good, a note, wrong with its remedy, or skipped and why.

A step looks at one thing, says what is good of it in words, or gives or raises findings. Steps are walked in order: where
one that opens the way for the rest is wrong, the rest is skipped, and never called good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ml_connector.findings import Finding, Interrupted, holding


class Mark(Enum):
    GOOD = "good"
    NOTE = "note"  # somebody should know it; nothing stops
    WRONG = "wrong"
    SKIPPED = "skipped"  # it could not be tried


@dataclass(frozen=True, slots=True)
class Line:
    part: str  # "GP FRM"
    what: str  # "certificate"
    mark: Mark
    says: str = ""  # what is good, or why it was skipped
    finding: Finding | None = None

    @property
    def title(self) -> str:
        return f"{self.part}: {self.what}" if self.part else self.what


class CannotTry(Exception):
    """What a step needs is not there, through no fault of its own: it is skipped, and this says why."""


Seen: TypeAlias = str | Sequence[Finding]
"""What is good, in words; or what is not."""


@dataclass(frozen=True, slots=True)
class Step:
    what: str
    look: Callable[[], Seen]
    opens: bool = False  # without it what comes after means nothing


def walk(part: str, steps: Iterable[Step]) -> Iterator[Line]:
    """A line for each step, or one for each of its findings. Raises nothing that the trade foresees."""
    shut = ""
    for step in steps:
        if shut:
            yield Line(part, step.what, Mark.SKIPPED, shut)
            continue
        for line in _of(part, step):
            yield line
            if step.opens and line.mark is Mark.WRONG:
                shut = f"{step.what} comes first"
            elif step.opens and line.mark is Mark.SKIPPED:
                shut = line.says


def wrong(lines: Iterable[Line]) -> bool:
    return any(line.mark is Mark.WRONG for line in lines)


def _of(part: str, step: Step) -> list[Line]:
    try:
        seen = step.look()
    except CannotTry as because:
        return [Line(part, step.what, Mark.SKIPPED, str(because))]
    except Interrupted as stop:
        seen = stop.findings
    if isinstance(seen, str):
        return [Line(part, step.what, Mark.GOOD, seen)]
    marks = [(Mark.WRONG if holding([finding]) else Mark.NOTE, finding) for finding in seen]
    return [Line(part, step.what, mark, "", finding) for mark, finding in marks] or [Line(part, step.what, Mark.GOOD)]
