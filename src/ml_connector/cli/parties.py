"""ml-connector parties: align, status, list, propose, bind, unbind, conflicts."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from ml_connector.cli import context
from ml_connector.cli.context import Json, Name, Reason
from ml_connector.cli.output import Exit, findings, out, print_json, progress, table
from ml_connector.docket.people import Permission
from ml_connector.findings import Interrupted
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.parties.party import Party, Role
from ml_connector.parties.records import Binding, Pair, Proposed
from ml_connector.pipeline.align import FIELD, confirm
from ml_connector.runtime import alignment
from ml_connector.runtime.alignment import AlignedRole
from ml_connector.runtime.wiring import rulebook_of
from ml_connector.store.crosswalk import Crosswalk
from ml_connector.store.ledger import Ledger

app = typer.Typer(help="Which ServiceTitan customer or vendor is which of GP's.", no_args_is_help=True)

OneRole = Annotated[Role, typer.Argument(help="customer or vendor.")]
FieldId = Annotated[str, typer.Argument(help="ServiceTitan's id.")]
Company = Annotated[
    str | None, typer.Option("--company", help="The rulebook's name of the company; needed where there are several.")
]
OnlyRole = Annotated[Role | None, typer.Option("--role", help="Only customers, or only vendors.")]


@app.command("align", epilog="Example: ml-connector parties align denver --role customer")
def align(name: Name, role: OnlyRole = None, company: Company = None, json: Json = False) -> None:
    """Read both sides; bind, create and carry edits across as the rulebook says; propose what a person must decide."""
    wired = context.connection(name, Permission.OPERATE)
    with progress(json) as told:
        done = alignment.align(wired, told, [role] if role else tuple(Role), company)
    waiting = {it.role: len(wired.ledger.holds(alignment.UNMAPPED[it.role])) for it in done}
    if json:
        print_json({"aligned": done, "held_for_a_party": {it.value: many for it, many in waiting.items()}})
    else:
        _tell(name, done)
        for one, many in waiting.items():
            _tell_waiting(name, one, many)
    needs_person = any(it.done.findings or it.done.likely or it.done.conflicts or it.done.in_doubt for it in done)
    raise typer.Exit(Exit.A_PERSON_IS_NEEDED if needs_person else Exit.DONE)


@app.command("status", epilog="Example: ml-connector parties status denver")
def status(name: Name, json: Json = False) -> None:
    """How many there are on either side, are bound, are proposed, differ, are being created. Nothing is called."""
    crosswalk, rulebook = _known(context.ledger(name, Permission.READ))
    rows = list(alignment.statuses(crosswalk, rulebook))
    if json:
        print_json(rows)
        return
    table(
        f"Customers and vendors of {name}",
        ("company", "role", "ServiceTitan:", "GP:", "bound:", "proposed:", "conflicts:", "being created:", "held:"),
        [
            (
                *(it.company, it.role.value, it.servicetitan, it.gp, it.bound),
                *(it.certain + it.likely, it.conflicts, it.being_created, it.held),
            )
            for it in rows
        ],
    )


@app.command("list", epilog="Example: ml-connector parties list denver --role vendor --json")
def show_bound(name: Name, role: OnlyRole = None, company: Company = None, json: Json = False) -> None:
    """Who is bound to whom: how, by whom, since when. What the rulebook's own tables bind stands in the rulebook."""
    crosswalk = context.ledger(name, Permission.READ).crosswalk()
    bound = crosswalk.bindings(role, company)
    if json:
        print_json([_row(it) for it in bound])
        return
    table(
        f"Bound in {name}",
        ("company", "role", "ServiceTitan", "", "GP", "how", "by", "since (UTC)"),
        [
            (
                *(it.pair.company, it.pair.role.value, it.pair.field_id, it.in_field.name, it.pair.gp_id),
                *(it.how.value, it.by, f"{it.at:%Y-%m-%d %H:%M}"),
            )
            for it in bound
        ],
    )


@app.command("propose", epilog="Example: ml-connector parties propose denver --role vendor")
def propose(name: Name, role: OnlyRole = None, company: Company = None, json: Json = False) -> None:
    """Who may be whom, side by side, with what speaks for it, as the last alignment found it. Nothing is called."""
    crosswalk = context.ledger(name, Permission.READ).crosswalk()
    open_ = [it for it in crosswalk.proposals(role, company) if it.candidates]
    if json:
        print_json([{"proposal": it, "cards": _cards(crosswalk, it)} for it in open_])
        return
    for it in open_:
        _tell_proposal(name, it, _cards(crosswalk, it))
    out.print(f"[bold]{len(open_)} wait for a person.[/]" if open_ else "[green]Nobody waits for a person.[/]")


@app.command("bind", epilog="Example: ml-connector parties bind denver customer 5500101 SMITH001")
def bind(
    name: Name,
    role: OneRole,
    field_id: FieldId,
    gp_id: Annotated[str, typer.Argument(help="GP's customer or vendor id.")],
    company: Company = None,
    json: Json = False,
) -> None:
    """Say that the two are one. What is entered from now on goes to that customer or vendor of GP."""
    ledger = context.ledger(name, Permission.OPERATE)
    crosswalk, rulebook = _known(ledger)
    at = alignment.the_company(rulebook, company)
    made = confirm(crosswalk, role, at, field_id, gp_id, ledger.actor)
    if not made:
        standing = alignment.the_binding(crosswalk, role, at, field_id)
        if standing.pair.gp_id != gp_id:
            raise Interrupted(alignment.bound_elsewhere(standing))
    waiting = alignment.open_what_waited(ledger, rulebook, role, at)
    if json:
        print_json({"bound": Pair(role, at, field_id, gp_id), "new": made, "held_for_a_party": waiting})
    else:
        out.print(f"ServiceTitan {role.value} {field_id} is [bold]{escape(gp_id)}[/] in {at}.")
        _tell_waiting(name, role, waiting)


@app.command("unbind", epilog="Example: ml-connector parties unbind denver customer 5500101 --reason 'two Smiths'")
def unbind(
    name: Name,
    role: OneRole,
    field_id: FieldId,
    reason: Reason,
    company: Company = None,
    refuse: Annotated[bool, typer.Option("--never-again", help="Never propose these two to each other again.")] = False,
    json: Json = False,
) -> None:
    """End a binding. What was entered stays as it is; what is planned from now on is held until it is bound anew."""
    crosswalk, rulebook = _known(context.ledger(name, Permission.OPERATE))
    binding = alignment.the_binding(crosswalk, role, alignment.the_company(rulebook, company), field_id)
    crosswalk.unbind(binding, reason, refuse)
    if json:
        print_json({"unbound": binding.pair})
    else:
        out.print(f"ServiceTitan {role.value} {field_id} is no longer {escape(binding.pair.gp_id)}.")


@app.command("refuse", epilog="Example: ml-connector parties refuse denver customer 5500101 SMITH002")
def refuse(
    name: Name,
    role: OneRole,
    field_id: FieldId,
    gp_id: Annotated[str, typer.Argument(help="GP's customer or vendor id.")],
    company: Company = None,
    json: Json = False,
) -> None:
    """Say that two are not one: they are not proposed to each other again."""
    crosswalk, rulebook = _known(context.ledger(name, Permission.OPERATE))
    pair = Pair(role, alignment.the_company(rulebook, company), field_id, gp_id)
    crosswalk.refuse(pair)
    if json:
        print_json({"refused": pair})
    else:
        out.print(f"ServiceTitan {role.value} {field_id} is not {escape(gp_id)}; they are not proposed again.")


@app.command("conflicts", epilog="Example: ml-connector parties conflicts denver")
def conflicts(name: Name, role: OnlyRole = None, company: Company = None, json: Json = False) -> None:
    """Where both sides were edited, or one is gone: what a person must decide before the two are aligned again."""
    crosswalk = context.ledger(name, Permission.READ).crosswalk()
    differing = [it for it in crosswalk.bindings(role, company) if it.conflict is not None]
    if json:
        print_json([_row(it) for it in differing])
        return
    findings(it.conflict for it in differing if it.conflict is not None)
    out.print(f"[bold]{len(differing)} conflicts.[/]" if differing else "[green]No conflict.[/]")


def _known(ledger: Ledger) -> tuple[Crosswalk, Rulebook]:
    return ledger.crosswalk(), rulebook_of(ledger)[1]


def _row(it: Binding) -> dict[str, object]:
    return {**_pair(it.pair), "how": it.how, "by": it.by, "at": it.at, "conflict": it.conflict}


def _pair(pair: Pair) -> dict[str, object]:
    return {"role": pair.role, "company": pair.company, "servicetitan": pair.field_id, "gp": pair.gp_id}


def _cards(crosswalk: Crosswalk, it: Proposed) -> list[Party]:
    """ServiceTitan's first, then the candidates', as they were last seen."""
    there = crosswalk.parties(it.role, it.company, [one.gp_id for one in it.candidates])
    return [
        *crosswalk.parties(it.role, FIELD, [it.field_id]).values(),
        *(there[one.gp_id] for one in it.candidates if one.gp_id in there),
    ]


def _tell_proposal(name: str, it: Proposed, cards: list[Party]) -> None:
    says = {one.gp_id: (f"{one.score}", "; ".join(one.signs)) for one in it.candidates}
    table(
        f"{it.role.value} {it.field_id} in {it.company}: {it.bucket.value}",
        ("id", "name", "address", "telephones", "mail", "score:", "what speaks for it"),
        [
            (
                *(card.id, card.name, _address(card), ", ".join(card.phones), ", ".join(card.emails)),
                *says.get(card.id, ("", "ServiceTitan's card")),
            )
            for card in cards
        ],
    )
    best = escape(it.candidates[0].gp_id)
    company = f" --company {it.company}"
    out.print(
        f"  'ml-connector parties bind {name} {it.role.value} {it.field_id} {best}{company}', or 'parties refuse'."
    )


def _address(card: Party) -> str:
    at = card.address
    return ", ".join(part for part in (at.street, at.unit, at.city, at.state, at.zip) if part)


def _tell(name: str, done: list[AlignedRole]) -> None:
    table(
        f"Aligned in {name}",
        (
            *("company", "role", "read:", "bound:", "created in GP:", "created in ServiceTitan:", "edits to GP:"),
            *("edits to ServiceTitan:", "proposed:", "conflicts:", "in doubt:"),
        ),
        [
            (
                *(it.company, it.role.value, it.done.read, it.done.bound, it.done.created_in_gp),
                *(it.done.created_in_servicetitan, it.done.updated_in_gp, it.done.updated_in_servicetitan),
                *(it.done.likely, it.done.conflicts, it.done.in_doubt),
            )
            for it in done
        ],
    )
    for it in done:
        findings(it.done.findings)
    if any(it.done.likely for it in done):
        out.print(f"'ml-connector parties propose {name}' shows who may be whom.")


def _tell_waiting(name: str, role: Role, many: int) -> None:
    if many:
        code = alignment.UNMAPPED[role]
        out.print(f"{many} are held for a {role.value}: 'ml-connector replay {name} --code {code}' plans them again.")
