"""What every command prints: for a person with colour and tables, or as JSON, one document on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import IntEnum

import msgspec
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from ml_connector.findings import Finding
from ml_connector.money import Money
from ml_connector.pipeline.ports import Progress as Told

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


class Exit(IntEnum):
    """Exit codes, the same for every command; docs/commands.md explains them."""

    DONE = 0
    FAILED = 1  # it could not be done; nothing half done
    USAGE = 2
    A_PERSON_IS_NEEDED = 3  # it was done, and something is held, in doubt or wrong


def print_json(value: object) -> None:
    """One JSON document; an amount is a decimal string beside its currency."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()  # who reads it need not wait for the end of a program that goes on


def money(value: Money | Decimal | None) -> str:
    return "" if value is None else f"{value.amount if isinstance(value, Money) else value:,.2f}"


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, wide: bool = False) -> None:
    """A table; columns whose name ends in a colon are amounts or counts, set to the right. A wide one has no walls."""
    shown = Table(title=title, title_justify="left", title_style="bold", header_style="dim", expand=False)
    if wide:
        shown.box, shown.padding, shown.show_edge = box.SIMPLE_HEAD, (0, 1, 0, 0), False
    for column in columns:
        right = column.endswith(":")
        shown.add_column(column.rstrip(":"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(escape(str(cell)) for cell in row))
    out.print(shown)


def findings(found: Iterable[Finding], to: Console = out) -> None:
    for finding in found:
        to.print(f"[bold {'yellow' if finding.warns else 'red'}]{finding.code}[/]  {escape(finding.where)}")
        to.print(f"  {escape(finding.says)}")
        to.print(f"  [green]Remedy:[/] {escape(finding.remedy)}")


def tell_checks(lines: Iterable[tuple[str, Finding | None]]) -> None:
    """A line for each part that was looked at, with the finding where there is one."""
    for what, finding in lines:
        mark = "[green]good [/]" if not finding else "[yellow]note [/]" if finding.warns else "[red]wrong[/]"
        out.print(f"{mark} {escape(what)}")
        findings([finding] if finding else [])


def _unseen(step: str, done: int, of: int | None) -> None:
    """Progress that nobody looks at."""


@contextmanager
def progress(silent: bool) -> Iterator[Told]:
    """Bars on standard error while a run works; nothing where nobody looks."""
    if silent or not err.is_terminal:
        yield _unseen
        return
    bars: dict[str, TaskID] = {}
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err) as shown:

        def told(step: str, done: int, of: int | None) -> None:
            if step not in bars:
                for earlier in shown.tasks:
                    shown.update(earlier.id, total=earlier.completed)
                bars[step] = shown.add_task(step, total=of)
            shown.update(bars[step], completed=done, total=of)

        yield told
        for task in shown.tasks:
            shown.update(task.id, total=task.completed)
