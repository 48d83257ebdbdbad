"""ml-connector schedule: add, list, show, change, pause, resume, remove, now."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name, Opened
from ml_connector.cli.output import out, print_json
from ml_connector.docket.people import Permission
from ml_connector.runtime import schedules
from ml_connector.runtime.schedules import Outlook, outlook
from ml_connector.store.schedules import ScheduleRecord, Schedules, Terms

app = typer.Typer(help="When a connection runs by itself. A new connection has no schedule.", no_args_is_help=True)

ScheduleName = Annotated[str, typer.Argument(help="The schedule's name.")]
CatchUp = Annotated[
    bool | None,
    typer.Option(
        "--catch-up/--no-catch-up", help="After a downtime: one run for all that was missed, or none. One, unless told."
    ),
]
Zone = Annotated[
    str | None, typer.Option("--time-zone", help="As America/Denver; without it, that of the connection's settings.")
]
Quiet = Annotated[
    str | None, typer.Option("--quiet", help="Hours in which nothing begins, as 22:00-05:00; 'none' for none.")
]


@app.command("add", epilog="Example: ml-connector schedule add denver nightly daily 01:30 --quiet 07:00-18:00")
def add(
    name: Name,
    schedule: ScheduleName,
    rule: Annotated[
        list[str],
        typer.Argument(
            help="daily 06:00; weekly mon,thu 06:00; every 15 minutes; 'cron 30 1 * * 1-5'; "
            "after each posted batch every 5 minutes."
        ),
    ],
    time_zone: Zone = None,
    quiet: Quiet = None,
    catch_up: CatchUp = None,
    json: Json = False,
) -> None:
    """Have a connection run by itself. A connection may have several schedules."""
    opened = context.opened(Permission.ADMINISTER)
    zone = time_zone or opened.settings(name).time_zone
    terms = Terms(" ".join(rule), zone, catch_up is not False, quiet or "")
    _tell(schedules.add(_rows(opened), name, schedule, terms, _now()), json)


@app.command("list", epilog="Example: ml-connector schedule list denver")
def list_all(
    name: Annotated[str | None, typer.Argument(help="Only this connection's.")] = None, json: Json = False
) -> None:
    """Every schedule, with its next five runs as the clock of its own time zone shows them."""
    rows = _rows(context.opened(Permission.READ))
    known = [outlook(it) for it in rows.all(name)]
    if json:
        print_json(known)
        return
    if not known:
        out.print("No schedule yet, so nothing runs by itself: see 'ml-connector schedule add --help'.")
    for it in known:
        _head(it)


@app.command("show", epilog="Example: ml-connector schedule show denver nightly")
def show(name: Name, schedule: ScheduleName, json: Json = False) -> None:
    """One schedule: its rule, what becomes of missed runs, its next five runs, who changed it last."""
    _tell(_rows(context.opened(Permission.READ)).get(name, schedule), json)


@app.command("change", epilog="Example: ml-connector schedule change denver nightly --rule 'daily 02:00' --quiet none")
def change(
    name: Name,
    schedule: ScheduleName,
    rule: Annotated[str | None, typer.Option("--rule", help="Another rule, as 'schedule add' takes it.")] = None,
    time_zone: Annotated[str | None, typer.Option("--time-zone", help="Another time zone, as America/Denver.")] = None,
    quiet: Quiet = None,
    catch_up: CatchUp = None,
    json: Json = False,
) -> None:
    """Change what is named, and leave the rest. It holds from the next run on; the trail keeps what it was."""
    rows = _rows(context.opened(Permission.ADMINISTER))
    terms = rows.get(name, schedule).terms
    given = {"rule": rule, "time_zone": time_zone, "quiet": quiet, "catch_up": catch_up}
    wanted = replace(terms, **{part: value for part, value in given.items() if value is not None})  # type: ignore[arg-type]
    _tell(schedules.change(rows, name, schedule, wanted, _now()), json)


@app.command("pause", epilog="Example: ml-connector schedule pause denver nightly")
def pause(name: Name, schedule: ScheduleName, json: Json = False) -> None:
    """Ask for no run until it is resumed. A run that goes on already is not stopped."""
    _tell(_rows(context.opened(Permission.ADMINISTER)).pause(name, schedule), json)


@app.command("resume", epilog="Example: ml-connector schedule resume denver nightly")
def resume(name: Name, schedule: ScheduleName, json: Json = False) -> None:
    """Go on from the next run. What would have run while it was paused is not caught up."""
    _tell(schedules.resume(_rows(context.opened(Permission.ADMINISTER)), name, schedule, _now()), json)


@app.command("remove", epilog="Example: ml-connector schedule remove denver nightly")
def remove(name: Name, schedule: ScheduleName, json: Json = False) -> None:
    """Take a schedule away; the trail keeps what it was."""
    _rows(context.opened(Permission.ADMINISTER)).remove(name, schedule)
    if json:
        print_json({"connection": name, "name": schedule})
    else:
        out.print(f"Schedule [bold]{schedule}[/] of {name} is gone.")


@app.command("now", epilog="Example: ml-connector schedule now denver nightly")
def now(name: Name, schedule: ScheduleName, json: Json = False) -> None:
    """Have the service run the connection at once, quiet hours or not. The other runs of the schedule stay as they are."""
    asked = schedules.ask_now(_rows(context.opened(Permission.OPERATE)), name, schedule)
    if json:
        print_json(outlook(asked))
    else:
        out.print(
            f"A run of [bold]{name}[/] is asked for. The service begins it within seconds, or when it is started; "
            f"'ml-connector status {name}' shows it."
        )


def _rows(opened: Opened) -> Schedules:
    return opened.database.schedules(opened.person.name)


def _now() -> datetime:
    return datetime.now(UTC)


def _tell(it: ScheduleRecord, json: bool) -> None:
    shown = outlook(it)
    if json:
        print_json(shown)
        return
    _head(shown)
    if not shown.looks:
        out.print(
            f"  after a downtime: {'one run for all that was missed' if shown.catch_up else 'nothing is caught up'}"
        )
    out.print(f"  changed by {shown.changed_by}, {shown.changed_at:%Y-%m-%d %H:%M} UTC", markup=False)


def _head(it: Outlook) -> None:
    """What it is, and its next moments."""
    out.print(
        f"[bold]{it.connection} {it.name}[/]  {it.rule}  ({it.time_zone})" + (f"  quiet {it.quiet}" if it.quiet else "")
    )
    if it.blind:
        out.print(f"  [red]cannot look since {it.blind_since:%Y-%m-%d %H:%M} UTC: {it.blind}[/]")
    if it.paused:
        out.print("  [yellow]paused[/]")
    for moment in it.next:
        out.print(f"  {moment:%a %Y-%m-%d %H:%M %Z}" + (", a look" if it.looks else ""), markup=False)
