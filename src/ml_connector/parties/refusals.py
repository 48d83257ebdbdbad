"""Why a side does not take a customer or a vendor, in words for the person who mends it.

party.refused             the side's own words, which nobody foresaw
├── party.name_missing    it has no name
├── party.id_unfit        GP could not keep the id as it is
├── party.id_taken        another party stands under the id in GP
├── party.missing         the party that is to be changed is not there any more
├── party.class_missing   GP has no such class
├── party.terms_missing   the side has no such payment terms
├── party.too_long        a text is longer than this installation's field
├── party.locked          somebody has the card open: it passes by itself, and is tried again
└── party.twice           two ServiceTitan parties carry the same GP id
"""

from __future__ import annotations

from ml_connector.findings import Finding
from ml_connector.parties.party import Party, Role, Side

EXISTS = "party.exists"  # what GP says of an id that it has: no finding, but a question to be asked
PASSES = frozenset({"party.locked"})
REFUSALS = frozenset(
    {
        EXISTS,
        "party.locked",
        "party.class_missing",
        "party.terms_missing",
        "party.too_long",
        "party.missing",
        "party.refused",
    }
)


def place(side: Side, party: Party) -> str:
    """How a finding names a party of one side: "ServiceTitan customer 5500101 (Maria Smith)"."""
    return (
        f"{side.value} {party.role.value} {party.id or 'without an id'} ({' '.join(party.name.split()) or 'no name'})"
    )


def name_missing(side: Side, party: Party) -> Finding:
    other = Side.FIELD if side is Side.BOOKS else Side.BOOKS
    remedy = f"Give it a name in {other.value}; it is read again by itself."
    return Finding("party.name_missing", place(side, party), "it has no name, so it cannot be made", remedy)


def id_unfit(party: Party) -> Finding:
    return Finding(
        "party.id_unfit",
        place(Side.BOOKS, party),
        f"GP cannot keep '{party.id}' as an id: 15 characters at most, capitals, and no letters that its database lacks",
        f"Choose another GP id for it in the rulebook's {party.role.value.capitalize()}s table, then align again.",
    )


def id_taken(party: Party, standing: Party) -> Finding:
    return Finding(
        "party.id_taken",
        place(Side.BOOKS, party),
        f"GP has another {party.role.value} under this id: {' '.join(standing.name.split())}",
        f"Bind the ServiceTitan {party.role.value} to {standing.id} if they are the same; else choose another GP id for it "
        f"in the rulebook's {party.role.value.capitalize()}s table.",
    )


def missing(side: Side, party: Party) -> Finding:
    return Finding(
        "party.missing",
        place(side, party),
        f"{side.value} does not have it any more",
        f"Find out in {side.value} who deleted it, and bind its counterpart to another, or unbind it.",
    )


def twice(party: Party, ids: tuple[str, ...]) -> Finding:
    role = party.role.value
    return Finding(
        "party.twice",
        place(Side.FIELD, party),
        f"several ServiceTitan {role}s carry the GP id {party.counterpart}: {', '.join(ids)}",
        f"Merge the two in ServiceTitan, or bind one of them to another GP {role}; then align again.",
    )


def refusal(side: Side, party: Party, code: str, said: str) -> Finding:
    """The finding of a refusal that was told in words; `code` is one of REFUSALS, or foreseen by nobody."""
    return Finding(code, place(side, party), f"{side.value} refused it: {said}", _remedy(side, party, code))


def _remedy(side: Side, party: Party, code: str) -> str:
    if side is Side.FIELD:
        if code == "party.terms_missing":
            return (
                "In ServiceTitan, Settings > Payment Terms, add them, or name others in the rulebook; then align again."
            )
        return f"Do in ServiceTitan what its words ask for, or make the {party.role.value} there by hand and bind it."
    window = "Sales" if party.role is Role.CUSTOMER else "Purchasing"
    role = party.role.value.capitalize()
    match code:
        case "party.class_missing":
            return (
                f"In GP, Tools > Setup > {window} > {role} Class, add {party.type}, or name another in the rulebook; "
                "then align again."
            )
        case "party.terms_missing":
            return (
                f"In GP, Tools > Setup > Company > Payment Terms, add '{party.terms}', or name others in the rulebook; "
                "then align again."
            )
        case "party.too_long":
            return (
                f"Shorten what GP's words name, in ServiceTitan or the rulebook; then align again. Report it: {code}."
            )
        case "party.locked":
            return f"In GP, let Cards > {window} > {role} be closed for {party.id}; then align again."
        case "party.missing":
            return f"Find out in GP who deleted {party.id}, and bind its counterpart to another, or unbind it."
        case _:
            return f"Do in GP, Cards > {window} > {role}, what its words ask for; then align again."
