"""ml-connector doctor, and how lines of an examination are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import typer
from rich.markup import escape

from ml_connector.cli import context
from ml_connector.cli.context import Json
from ml_connector.cli.output import Exit, findings, out, print_json
from ml_connector.findings import Interrupted
from ml_connector.runtime.doctor.lines import Line, Mark, wrong

COLOURS = {Mark.GOOD: "green", Mark.NOTE: "yellow", Mark.WRONG: "red", Mark.SKIPPED: "dim"}


def register(app: typer.Typer) -> None:
    app.command("doctor", epilog="Example: ml-connector doctor")(doctor)


def doctor(json: Json = False) -> None:
    """Look at the ledger and at every part of every connection. Lines appear as they are known."""
    report(_everything(), json)


def report(lines: Iterable[Line], json: bool) -> None:
    """Tell the lines, and end with exit code 1 where anything is wrong."""
    told = list(lines) if json else _told(lines)
    if json:
        print_json([_json(line) for line in told])
    raise typer.Exit(Exit.FAILED if wrong(told) else Exit.DONE)


def _everything() -> Iterator[Line]:
    try:
        examiner = context.doctor()
        names = [it.name for it in examiner.database.connections(context.actor()).all()]
    except Interrupted as stop:
        yield Line("ledger", "reachable", Mark.WRONG, finding=stop.finding)
        return
    yield from examiner.ledger()
    for name in names:
        for line in examiner.connection(name):
            yield replace(line, part=f"{name}: {line.part}" if line.part else name)
    if not names:
        yield Line("connections", "none yet", Mark.GOOD, "see 'ml-connector connection add --help'")


def _told(lines: Iterable[Line]) -> list[Line]:
    """Each line as it comes; what is skipped for one reason in one line."""
    told: list[Line] = []
    waiting: list[Line] = []
    for line in lines:
        if waiting and (line.mark is not Mark.SKIPPED or (line.part, line.says) != (waiting[0].part, waiting[0].says)):
            _tell_skipped(waiting)
            waiting = []
        if line.mark is Mark.SKIPPED:
            waiting.append(line)
        else:
            _tell(line)
        told.append(line)
    if waiting:
        _tell_skipped(waiting)
    return told


def _tell(line: Line) -> None:
    says = f"  [dim]{escape(line.says)}[/]" if line.says else ""
    out.print(f"[{COLOURS[line.mark]}]{line.mark.value:<7}[/] {escape(line.title)}{says}")
    findings([line.finding] if line.finding else [])


def _tell_skipped(lines: list[Line]) -> None:
    title = escape(", ".join(line.what for line in lines))
    part = f"{escape(lines[0].part)}: " if lines[0].part else ""
    out.print(f"[dim]{Mark.SKIPPED.value:<7}[/] {part}{title}  [dim]{escape(lines[0].says)}[/]")


def _json(line: Line) -> dict[str, object]:
    return {
        "part": line.part,
        "what": line.what,
        "mark": line.mark.value,
        "says": line.says,
        "finding": line.finding,
    }
