"""ml-connector plan: what waits for approval, and what people decide of it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name, Reason
from ml_connector.cli.holds import Number, find_one
from ml_connector.cli.output import Exit, findings, money, out, print_json, table
from ml_connector.docket import stages
from ml_connector.docket.people import Permission
from ml_connector.docket.review import changed, not_waiting
from ml_connector.docket.sheet import Line, Sheet
from ml_connector.docket.text import document_lines, headline
from ml_connector.findings import Interrupted
from ml_connector.pipeline import review
from ml_connector.pipeline.review import Approval, Approving

app = typer.Typer(help="What waits for approval in review mode, and what people decide of it.", no_args_is_help=True)
Numbers = Annotated[list[str] | None, typer.Argument(help="GP numbers, or ServiceTitan's numbers or ids.")]


@app.command("show", epilog="Example: ml-connector plan show denver STI10490")
def show(name: Name, numbers: Numbers = None, json: Json = False) -> None:
    """Every document that waits for approval, with totals; or, with numbers, how each of these reads, line by line."""
    opened = context.opened(Permission.READ)
    ledger, policy = opened.ledger(name), opened.settings(name).review
    named = review.waiting_of(find_one(ledger, it) for it in numbers or ())
    sheet = Sheet.of(policy, [named] if named else review.waiting(ledger))
    newest = next((it.version for it in ledger.rulebook_history()), 0)
    if json:
        print_json({"seen": sheet.seen, "rulebook": newest, "documents": sheet.lines, "totals": sheet.totals})
        return
    for it, line in zip(named, sheet.lines, strict=False):
        out.print("\n".join(document_lines(it)), markup=False, soft_wrap=True)
        out.print(f"hash {it.hash}    {_note(line, newest)}\n", markup=False, soft_wrap=True)
    if not named:
        _tell(sheet, name, newest)
    if sheet.lines:
        _tell_how(sheet, name, newest, " ".join(numbers) if numbers else "--all")


@app.command("approve", epilog="Example: ml-connector plan approve denver --all --seen 4f2a9c1b22d0e8aa")
def approve(
    name: Name,
    numbers: Numbers = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that waits.")] = False,
    seen: Annotated[
        str, typer.Option("--seen", help="What you looked at, as 'plan show' named it. At a terminal you are shown it.")
    ] = "",
    json: Json = False,
) -> None:
    """Approve exactly what you looked at, the whole plan or single documents; the next run enters it."""
    if bool(numbers) == everything:
        raise typer.BadParameter("name the documents, or say --all")
    if not seen and (json or not sys.stdin.isatty()):
        raise typer.BadParameter("say what you looked at: --seen, with the word that 'ml-connector plan show' prints")
    opened = context.opened(Permission.APPROVE)
    ledger, policy = opened.ledger(name), opened.settings(name).review
    named = review.waiting_of(find_one(ledger, it) for it in numbers or ())
    sheet = Sheet.of(policy, [named] if named else review.waiting(ledger))
    if seen and seen != sheet.seen:
        raise Interrupted(
            changed(f"plan of {name}", f"what waits is no longer what was named {seen}; nothing was approved")
        )
    authors = {it.version: it.author for it in ledger.rulebook_history()}
    if not seen and not _agreed(sheet, name, max(authors, default=0)):
        out.print("Nothing was approved.")
        raise typer.Exit(Exit.FAILED)
    approving = Approving(ledger, opened.person, policy, authors)
    result = approving.approve(sheet.pins, [named] if named else review.waiting(ledger))
    if json:
        print_json(result)
    else:
        _tell_result(result, name)
    needs_person = result.first or result.waiting or result.changed
    raise typer.Exit(Exit.A_PERSON_IS_NEEDED if needs_person else Exit.DONE)


@app.command("reject", epilog="Example: ml-connector plan reject denver STI10490 --reason 'billed twice'")
def reject(name: Name, number: Number, reason: Reason, json: Json = False) -> None:
    """Hold a document that was not sent yet, approved or not, with your reason: it is among the holds from now on."""
    opened = context.opened(Permission.APPROVE)
    ledger = opened.ledger(name)
    docket = find_one(ledger, number)
    unsent = [it for it in docket.documents if isinstance(it.stage, stages.Planned | stages.Approved | stages.Deferred)]
    meant = [it for it in unsent if it.document.number == number.strip().upper()] or unsent
    if not meant:
        raise Interrupted(not_waiting(number, f"stands as {headline(docket)}"))
    for it in meant:
        review.reject(it, opened.person, reason, ledger)
    if json:
        print_json([{"number": it.document.number, "reason": reason} for it in meant])
    else:
        out.print(f"{', '.join(it.document.number for it in meant)}: rejected; 'ml-connector holds {name}' has it.")


def _agreed(sheet: Sheet, name: str, newest: int) -> bool:
    """Show it, and ask."""
    _tell(sheet, name, newest)
    count = len(sheet.lines)
    return bool(count) and typer.confirm(f"Approve {'this document' if count == 1 else f'these {count} documents'}?")


def _tell(sheet: Sheet, name: str, newest: int) -> None:
    if not sheet.lines:
        out.print(f"Nothing of {name} waits for approval.")
        return
    columns = ("number", "party", "reference", "amount:", "dated", "")
    rows = [
        (it.number, it.party, it.reference, money(it.amount), it.document_date, _note(it, newest)) for it in sheet.lines
    ]
    table(f"Plan of {name}, by version {newest} of its rulebook", columns, rows, wide=True)
    _tell_warnings(sheet)
    totals = [(it.company, it.kind, it.count, money(it.total), it.posting_from, it.posting_to) for it in sheet.totals]
    table("Totals", ("company", "kind", "documents:", "total:", "posting from", "to"), totals, wide=True)


def _note(line: Line, newest: int) -> str:
    """What is special about a document, for whoever approves it: most post on their date and need one person."""
    notes = [f"posts {line.posting_date}"] if line.posting_date != line.document_date else []
    if line.rulebook_version != newest:
        notes.append(f"rulebook {line.rulebook_version}")
    if line.stands_in_gp:
        notes.append("GP has it: only asked again")
    elif line.approved_by:
        notes.append(f"{line.approved_by} and one more")
    elif line.needs > 1:
        notes.append("two people")
    return ", ".join(notes)


def _tell_warnings(sheet: Sheet) -> None:
    """Each warning once, with the documents that it is about."""
    about: dict[tuple[str, str], list[str]] = {}
    for line in sheet.lines:
        for it in line.warnings:
            about.setdefault((it.code, it.says), []).append(line.number)
    for (code, says), numbers in about.items():
        out.print(f"[yellow]{code}[/]  {escape(says)}: {', '.join(numbers)}")


def _tell_how(sheet: Sheet, name: str, newest: int, what: str) -> None:
    older = sheet.older_than(newest)
    if older:
        out.print(
            f"[yellow]{older} stand on an older rulebook than version {newest}:[/] 'ml-connector replay {name} --planned' "
            "plans them anew."
        )
    how = f"ml-connector plan approve {name} {what} --seen {sheet.seen}"
    out.print(f"To approve exactly this:  [bold]{escape(how)}[/]", soft_wrap=True)


def _tell_result(result: Approval, name: str) -> None:
    out.print(
        f"[bold]{result.approved} approved.[/]"
        + (f" 'ml-connector run {name}' enters them." if result.approved else "")
    )
    if result.first + result.waiting:
        out.print(f"{result.first + result.waiting} have your approval and wait for a second person's.")
    findings(changed(number, "it changed since you looked at it, and was not approved") for number in result.changed)
