"""What an approval takes: who may give it, how many it needs, and what exactly was looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from ml_connector.docket.people import Person
from ml_connector.docket.records import DocumentRecord, Move
from ml_connector.docket.stages import Approved, Deferred, Held, Planned
from ml_connector.docket.trail import Event
from ml_connector.findings import Finding
from ml_connector.money import Money

AUTOMATIC = "automatic"  # who approves in automatic mode
_DIGITS = 16  # of the digest: enough that no two plans share it, few enough to be read aloud


@dataclass(frozen=True, slots=True)
class Policy:
    """How a connection is reviewed. `second_above`: a document of more than that needs two people, in every mode."""

    automatic: bool = False
    separate_duties: bool = False
    second_above: Money | None = None

    def needs_two(self, it: DocumentRecord) -> bool:
        """What GP holds already is only looked at again: nothing is sent, whatever it is worth."""
        return not it.was_entered and self._is_large(it.document.amount)

    def approves_by_itself(self, amount: Money) -> bool:
        """Whether the automatic mode lets a new document of this amount be entered without anybody."""
        return self.automatic and not self._is_large(amount)

    def _is_large(self, amount: Money) -> bool:
        limit = self.second_above
        return limit is not None and (amount.currency is not limit.currency or limit < abs(amount))


@dataclass(frozen=True, slots=True)
class Pin:
    """What an approval is for: this document, with this content, planned with this version of the rulebook."""

    id: int
    number: str
    hash: str
    rulebook_version: int


def pin(it: DocumentRecord) -> Pin:
    return Pin(it.id, it.document.number, it.hash, it.rulebook_version)


def digest(pins: Iterable[Pin]) -> str:
    """Names a list that somebody looked at, in its order: another document, hash or rulebook version is another digest."""
    seen = hashlib.sha256()
    for it in pins:
        seen.update(f"{it.number} {it.hash} {it.rulebook_version}\n".encode())
    return seen.hexdigest()[:_DIGITS]


def refusal(who: Person, policy: Policy, version: int, author: str) -> Finding | None:
    """Why this person may not approve what stands on this version of the rulebook; `author` imported it."""
    if not policy.separate_duties:
        return None
    remedy = (
        "Let an approver who does not edit the rulebook approve it; or, where one person must do both, set "
        "separate_duties = false in the connection's settings, which the trail keeps."
    )
    if who.edits_rulebooks:
        says = "whoever edits the rulebook does not approve what it makes, and this user has both roles"
        return Finding("approval.both_duties", f"user {who.name}", says, remedy)
    if who.is_called(author):
        says = f"it was planned with version {version} of the rulebook, which {author} imported"
        return Finding("approval.own_rulebook", f"user {who.name}", says, remedy)
    return None


def approval(it: DocumentRecord, who: Person, policy: Policy, seen: str) -> Move | None:
    """What this person's approval makes of a planned document; None where they were the first of the two it needs."""
    assert isinstance(it.stage, Planned)
    first = it.stage.first
    detail = {"hash": it.hash, "rulebook": it.rulebook_version, "seen": seen}
    if not policy.needs_two(it):
        return Move(it, Approved(who.name), _event("document.approved", it, detail))
    if not first:
        waiting = Planned(it.stage.warnings, who.name)
        return Move(it, waiting, _event("document.first_approval", it, detail))
    if who.is_called(first):
        return None
    return Move(it, Approved(who.name, first), _event("document.approved", it, {**detail, "first": first}))


def approval_by_itself(it: DocumentRecord, policy: Policy) -> Move | None:
    """What the automatic mode makes of a planned document; None where it needs people."""
    if not policy.automatic or policy.needs_two(it):
        return None
    detail = {"hash": it.hash, "rulebook": it.rulebook_version, "by": AUTOMATIC}
    return Move(it, Approved(AUTOMATIC), _event("document.approved", it, detail))


def rejection(it: DocumentRecord, who: Person, why: str) -> Move | Finding:
    """What a person's no makes of a document; an approval that was not used yet is taken back by it."""
    if not isinstance(it.stage, Planned | Approved | Deferred):
        return not_waiting(it.document.number, f"stands as {type(it.stage).__name__.lower()}")
    number = it.document.number
    remedy = "Mend the rulebook or the source and run 'ml-connector replay'; or 'ml-connector skip', if it is not to be entered."
    held = Held((Finding("plan.rejected", number, f"{who.name} rejected it: {why}", remedy),))
    detail = {"why": why, "hash": it.hash, "rulebook": it.rulebook_version}
    return Move(it, held, _event("document.rejected", it, detail))


def not_waiting(number: str, how: str) -> Finding:
    says = f"it does not wait for approval: it {how}"
    return Finding("plan.not_waiting", number, says, "Run 'ml-connector plan show' with the connection for what waits.")


def changed(where: str, says: str) -> Finding:
    """What somebody looked at is no longer what stands there."""
    remedy = "Run 'ml-connector plan show' again, look at what is there now, and approve that."
    return Finding("plan.changed", where, says, remedy)


def _event(name: str, it: DocumentRecord, detail: dict[str, object]) -> Event:
    return Event(name, detail, it.docket_id, it.document.number)
