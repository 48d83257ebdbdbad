"""python -m bench [planning|sweep|…] [--json]: speed, each figure beside its floor."""

from __future__ import annotations

import argparse
import sys

import msgspec
from rich.console import Console
from rich.table import Table

from bench import authentication, entering, keeping, planning, serving, sweep, webhooks
from bench.measuring import Report, machine
from tests.domain.controller import lacking

BENCHES = ("planning", "sweep", "entering", "keeping", "webhooks", "serving", "authentication")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("which", nargs="?", choices=BENCHES, help="that one only; all of them unless said")
    parser.add_argument("--json", action="store_true", help="one JSON document in place of tables")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (%(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 measures a tenth of the documents")
    parser.add_argument("--own-floor-only", action="store_true", help="sweep the sandbox, also where the reference is")
    asked = parser.parse_args()

    before = machine()
    reports: dict[str, Report] = {}
    for which in [asked.which] if asked.which else BENCHES:
        if which == "authentication" and not asked.which and lacking():
            print(f"signing in is not measured: {lacking()}", file=sys.stderr)
            continue
        reports[which] = _measure(which, asked.scale, asked.rounds, not asked.own_floor_only)
        if not asked.json:
            _show(reports[which])
    if asked.json:
        print(msgspec.json.encode({"machine": before, "rounds": asked.rounds, **reports}).decode())
    else:
        Console().print(f"{asked.rounds} rounds; {before}", style="dim")


def _measure(which: str, scale: float, rounds: int, with_reference: bool) -> Report:
    if which == "planning":
        return planning.measure(int(20_000 * scale), rounds)
    if which == "sweep":
        return sweep.measure(int(50_000 * scale), rounds, with_reference)
    if which == "keeping":
        return keeping.measure(int(20_000 * scale), rounds)
    if which == "webhooks":
        return webhooks.measure(int(3_300 * scale), rounds)
    if which == "serving":
        return serving.measure(60 * scale, rounds)
    if which == "authentication":
        return authentication.measure(int(1_000 * scale), rounds)
    return entering.measure(int(420 * scale), rounds)


def _show(report: Report) -> None:
    console = Console(highlight=False)
    table = Table(title=report.title, title_justify="left", title_style="bold", header_style="dim")
    table.add_column("")
    table.add_column("unit")
    for heading in ("median", "lowest", "highest"):
        table.add_column(heading, justify="right")
    for name, figures in report.lines.items():
        for n, (unit, it) in enumerate(figures.items()):
            table.add_row("" if n else name, unit, _short(it.median), _short(it.low), _short(it.high))
        table.add_section()
    console.print(table)
    for note in report.notes:
        console.print(f"  · {note}", style="dim")


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
