"""ml-connector backup, restore: the ledger in one file, and back into an empty database."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.markup import escape

from ml_connector.cli import context
from ml_connector.cli.context import Json
from ml_connector.cli.output import Exit, err, findings, out, print_json, progress
from ml_connector.docket.people import Permission
from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime import belongings
from ml_connector.runtime.people import os_account
from ml_connector.store import backup, restore
from ml_connector.store.archive import Manifest


def register(app: typer.Typer) -> None:
    app.command("backup", epilog="Example: ml-connector backup ledger-2026-03-31.zip")(back_up)
    app.command("restore", epilog="Example: ml-connector restore ledger-2026-03-31.zip --check")(bring_back)


def back_up(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")], json: Json = False
) -> None:
    """Write the whole ledger into one file, as it stands at this moment, while runs go on."""
    started = time.monotonic()
    opened = context.as_it_is(Permission.ADMINISTER)
    who = opened.person.name
    with progress(json) as told:
        done = backup.back_up(opened.database, file, who, told)
    left_out = belongings.not_in_a_backup(opened.database, context.data_folder(), who)
    if json:
        print_json(
            {"file": str(file), "size": done.size, "sha256": done.sha256, **_told(done.manifest), "not_in_it": left_out}
        )
        return
    seconds = time.monotonic() - started
    out.print(f"{_summary(done.manifest)} are in [bold]{escape(str(file))}[/], {_size(done.size)}, in {seconds:.1f} s.")
    out.print(f"SHA-256 {done.sha256}")
    out.print("It holds names and amounts of your customers: guard it like the books.")
    out.print("[bold]Not in it[/], and needed to go on elsewhere; keep copies of them apart from it:")
    for it in left_out:
        out.print(f"  · {escape(it)}")


def bring_back(
    file: Annotated[Path, typer.Argument(help="What 'backup' wrote.")],
    into: Annotated[
        str, typer.Option("--into", help="An empty database by its URL, without a password; else the configured one.")
    ] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Compare the file with its manifest; restore nothing.")
    ] = False,
    despite_broken_trail: Annotated[
        bool, typer.Option("--despite-broken-trail", help="Also where the ledger was changed before the backup.")
    ] = False,
    json: Json = False,
) -> None:
    """Restore a backup into an empty database: all of it or nothing. What is there already is never overwritten."""
    if check:
        with progress(json) as told:
            manifest = restore.check(file, told)
        if json:
            print_json({"restored": False, **_told(manifest)})
        else:
            out.print(f"[green]Good:[/] {_summary(manifest)}, taken {manifest.taken_at:%Y-%m-%d %H:%M} UTC.")
        return
    if into:
        _must_be_without_password(into)
    database = context.to_be_filled(into)
    with progress(json) as told:
        done = restore.restore(file, database, os_account(), told, despite_broken_trail=despite_broken_trail)
    if json:
        print_json({"restored": True, "database": database.name, "broken": done.broken, **_told(done.manifest)})
    else:
        out.print(f"{_summary(done.manifest)} are in [bold]{escape(database.name)}[/], every trail recomputed.")
        taken = done.manifest.taken_at
        out.print(
            f"What was done since {taken:%Y-%m-%d %H:%M} UTC is not in it. GP has it: the next run finds it there."
        )
        out.print('Before that run: ml-connector doctor. See docs/operations.md, "The ledger was restored".')
        findings(restore.findings(done.broken), err)
    raise typer.Exit(Exit.A_PERSON_IS_NEEDED if done.broken else Exit.DONE)


def _must_be_without_password(into: str) -> None:
    try:
        url = sa.make_url(into)
    except sa.exc.ArgumentError:
        raise typer.BadParameter("it is no URL of a database: sqlite:///FILE or postgresql://USER@HOST/NAME") from None
    if url.password:
        says = "the URL holds a password, which everybody on this machine could read in the list of processes"
        remedy = f"Set {context.DATABASE_VARIABLE} to the URL and leave --into out; or put the password in a passfile."
        raise Interrupted(Finding("restore.password_shown", url.render_as_string(hide_password=True), says, remedy))


def _told(manifest: Manifest) -> dict[str, object]:
    return {
        "rows": manifest.rows,
        "taken_at": manifest.taken_at,
        "revision": manifest.revision,
        "version": manifest.version,
        "tables": {it.name: it.rows for it in manifest.tables},
        "trails": manifest.trails,
    }


def _summary(manifest: Manifest) -> str:
    names = [it.connection for it in manifest.trails if it.connection != "installation"]
    return f"{manifest.rows:,} rows of {len(names)} connection{'' if len(names) == 1 else 's'} ({', '.join(names) or 'none'})"


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"
