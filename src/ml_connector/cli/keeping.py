"""ml-connector retention: erase what is older than the connection keeps it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name
from ml_connector.cli.output import out, print_json, progress, table
from ml_connector.docket.people import Permission
from ml_connector.runtime.retention import Retained, retain
from ml_connector.runtime.settings import Retention
from ml_connector.store.retention import ROWS


def register(app: typer.Typer) -> None:
    app.command("retention", epilog="Example: ml-connector retention denver --dry-run")(retention)


def retention(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be erased; erase nothing.")] = False,
    json: Json = False,
) -> None:
    """Erase what is older than the settings keep it: bodies of evidence, old runs, past alerts."""
    opened = context.opened(Permission.ADMINISTER)
    keeps = opened.settings(name).retention
    with progress(json) as told:
        done = retain(opened.ledger(name), keeps, datetime.now(UTC), dry=dry_run, progress=told)
    opened.database.settle()
    if json:
        print_json({"dry": dry_run, "keeps": keeps, "evidence": done.evidence, "rows": done.rows})
    elif keeps == Retention():
        out.print(f"Everything is kept for ever: the settings of {name} have no \\[retention].")
    else:
        _show(name, keeps, done, dry_run)


def _show(name: str, keeps: Retention, done: Retained, dry: bool) -> None:
    counts = {"evidence": done.evidence.count, **done.rows}
    rows = [(what, _months(getattr(keeps, what)), counts.get(what, 0)) for what in ("evidence", *ROWS)]
    table(f"Retention of {name}", ("what", "is kept for", f"{'would be erased' if dry else 'erased'}:"), rows)
    if done.evidence.count:
        out.print(
            f"{done.evidence.size:,} bytes of answers, as they were received; their hashes stay, and the trail holds."
        )
    if done.evidence.needed:
        out.print(f"{done.evidence.needed} as old are kept: what they belong to is not posted, closed or skipped yet.")


def _months(count: int) -> str:
    return "ever" if not count else "1 month" if count == 1 else f"{count} months"
