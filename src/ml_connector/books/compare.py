"""Is what the books hold the document that we sent?

GP pads, folds case and fills in defaults, so only what it keeps as sent is compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ml_connector.books.account import AccountNumber
from ml_connector.books.document import Document, Standing, StandingDistribution
from ml_connector.findings import Finding
from ml_connector.money import Money


def same(ours: Document, standing: Standing) -> bool:
    """Number, kind, party, date and amount; distributions are read back apart."""
    return not differences(ours, standing)


def differences(ours: Document, standing: Standing) -> tuple[str, ...]:
    """What differs, in words: "amount 108.25, GP holds 100.00"."""
    pairs = (
        ("number", ours.number, standing.number),
        ("kind", ours.kind.value, standing.kind.value),
        ("party", ours.party_id.upper(), standing.party_id.upper()),
        ("date", ours.document_date, standing.document_date),
        ("amount", ours.amount, standing.amount),
    )
    return tuple(f"{what} {mine}, GP holds {theirs}" for what, mine, theirs in pairs if mine != theirs)


def side_differences(ours: Document, standing: Standing) -> tuple[str, ...]:
    """What GP may fill in by itself and should not have: posting date and tax."""
    pairs = (
        ("posting date", ours.posting_date, standing.posting_date),
        ("tax", ours.tax, standing.tax),
    )
    return tuple(f"{what} {mine}, GP holds {theirs}" for what, mine, theirs in pairs if theirs not in (None, mine))


@dataclass(frozen=True, slots=True)
class _Sums:
    debit: Money
    credit: Money


def distribution_differences(ours: Document, standing: Iterable[StandingDistribution]) -> tuple[str, ...]:
    """Accounts whose sums differ. GP may join lines of one account and type, so the sums of these are compared."""
    zero = Money.zero(ours.currency)
    mine: dict[tuple[AccountNumber, int], _Sums] = defaultdict(lambda: _Sums(zero, zero))
    theirs: dict[tuple[AccountNumber, int], _Sums] = defaultdict(lambda: _Sums(zero, zero))
    for it in ours.distributions:
        key = (it.account, it.type.value)
        mine[key] = _Sums(mine[key].debit + it.debit, mine[key].credit + it.credit)
    for held in standing:
        key = (held.account, held.type)
        theirs[key] = _Sums(theirs[key].debit + held.debit, theirs[key].credit + held.credit)
    return tuple(
        f"{account} type {type}: sent {_sides(mine[account, type])}, GP holds {_sides(theirs[account, type])}"
        for account, type in sorted(mine.keys() | theirs.keys(), key=lambda key: (str(key[0]), key[1]))
        if mine[account, type] != theirs[account, type]
    )


def _sides(sums: _Sums) -> str:
    sides = [f"debit {sums.debit}"] * bool(sums.debit) + [f"credit {sums.credit}"] * bool(sums.credit)
    return " and ".join(sides) or "nothing"


def differs(ours: Document, standing: Standing) -> Finding:
    return Finding(
        "document.differs",
        ours.number,
        f"GP holds another document under {ours.number} (batch {standing.batch_id or 'none'}): "
        + "; ".join((*differences(ours, standing), *side_differences(ours, standing))),
        "If GP's is right, run 'ml-connector accept'; if ours is, delete GP's from its unposted batch (Transactions > "
        "Sales or Purchasing > Batches) and replay.",
    )


def voided(ours: Document) -> Finding:
    return Finding(
        "document.voided",
        ours.number,
        f"GP holds {ours.number} as voided, and a voided document keeps its number",
        "If it is to be entered again, run 'ml-connector reenter' with the reason; it takes the next revision. If not, "
        "run 'ml-connector skip' with the reason.",
    )


def distributions_differ(ours: Document, said: tuple[str, ...]) -> Finding:
    return Finding(
        "distributions.differ",
        ours.number,
        "GP keeps other distributions than were sent: " + "; ".join(said),
        "In GP, let distributions be taken as sent (for web services: the policy 'Create GL Account Distributions' in the "
        "Dynamics Security console), correct or delete the document in its unposted batch, then replay; nothing more is "
        "entered in this company until this one agrees.",
    )


def gone(ours: Document) -> Finding:
    return Finding(
        "document.gone",
        ours.number,
        f"{ours.number} was entered once, and GP no longer holds it in Work, Open or History",
        "Ask who deleted it, or whether the company was restored from a backup. To enter it again run 'ml-connector "
        "reenter' with the reason; if it should stay away, run 'ml-connector skip' with the reason.",
    )
