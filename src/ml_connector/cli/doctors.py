"""ml-connector doctor, and how lines of an examination are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import typer
from rich.markup import escape
from rich.padding import Padding

from ml_connector.cli import context
from ml_connector.cli.context import Json, Opened
from ml_connector.cli.output import Exit, out, print_json
from ml_connector.docket.people import Permission
from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime.doctor.lines import Line, Mark, wrong

INDENT = 10
COLOURS = {Mark.GOOD: "green", Mark.NOTE: "yellow", Mark.WRONG: "red", Mark.SKIPPED: "dim"}


def register(app: typer.Typer) -> None:
    app.command("doctor", epilog="Example: ml-connector doctor")(doctor)


def doctor(json: Json = False) -> None:
    """Look at the ledger and at every part of every connection. Lines appear as they are known."""
    report(_everything(lambda: context.opened(Permission.CHECK)), json)


def report(lines: Iterable[Line], json: bool) -> None:
    """Tell the lines, and end with exit code 1 where anything is wrong."""
    told = list(lines) if json else _told(lines)
    if json:
        print_json([_json(line) for line in told])
    raise typer.Exit(Exit.FAILED if wrong(told) else Exit.DONE)


def _everything(open_ledger: Callable[[], Opened]) -> Iterator[Line]:
    try:
        opened = open_ledger()
        examiner, names = opened.doctor, [it.name for it in opened.connections.all()]
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
    """Each line as it comes, under the name of its part; what is skipped for one reason in one line."""
    told: list[Line] = []
    waiting: list[Line] = []
    for line in lines:
        if waiting and (line.mark, line.part, line.says) != (Mark.SKIPPED, waiting[0].part, waiting[0].says):
            _tell(Mark.SKIPPED, ", ".join(it.what for it in waiting), waiting[0].says)
            waiting = []
        if not told or line.part != told[-1].part:
            out.print(f"[bold]{escape(line.part)}[/]")
        if line.mark is Mark.SKIPPED:
            waiting.append(line)
        else:
            _tell(line.mark, line.what, line.says)
            if line.finding:
                _tell_finding(line.finding)
        told.append(line)
    if waiting:
        _tell(Mark.SKIPPED, ", ".join(it.what for it in waiting), waiting[0].says)
    return told


def _tell(mark: Mark, what: str, says: str) -> None:
    told = f"  [dim]{escape(says)}[/]" if says else ""
    out.print(f"  [{COLOURS[mark]}]{mark.value:<7}[/] {escape(what)}{told}")


def _tell_finding(finding: Finding) -> None:
    for text in (
        f"[bold]{finding.code}[/]  {escape(finding.where)}",
        escape(finding.says),
        f"[green]Remedy:[/] {escape(finding.remedy)}",
    ):
        out.print(Padding(text, (0, 0, 0, INDENT), expand=False))


def _json(line: Line) -> dict[str, object]:
    return {
        "part": line.part,
        "what": line.what,
        "mark": line.mark.value,
        "says": line.says,
        "finding": line.finding,
    }
