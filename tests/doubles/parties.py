"""The customers and vendors of one side in memory: it fills the port `PartyBook` for stories about alignment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any

from ml_connector.books.outcomes import Deferred, Held, InDoubt
from ml_connector.parties import refusals, writing
from ml_connector.parties.party import Party, Role, Side
from ml_connector.parties.writing import AlreadyThere, Changed, Creation, Made, Overtaken, PartyPage, Unchanged, Update

_ROWS = 3  # a page is small, so that a story has several
_OPENED = datetime(2026, 1, 1, tzinfo=UTC)
_BOTH = frozenset({"name", "active", "address", "phones", "emails", "type", "terms", "counterpart"})


class Fault(Enum):
    """What the next write suffers."""

    ANSWER_LOST = auto()  # it was done; the connection died before that was said
    NEVER_ARRIVED = auto()  # the connection died on the way there
    REFUSED_TO_CONNECT = auto()  # nothing was sent


@dataclass
class Book:
    side: Side
    held: dict[tuple[Role, str], Party] = field(default_factory=dict)
    changes: list[tuple[Role, str]] = field(default_factory=list)  # in their order; the place is a number of them
    faults: list[Fault] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)  # the ids or counterparts of the creates that left
    updates: int = 0
    calls: int = 0

    def tells(self, role: Role) -> frozenset[str]:
        return self.takes(role) | {"merged_to", "modified", "on_hold"}

    def takes(self, role: Role) -> frozenset[str]:
        return _BOTH

    def as_kept(self, party: Party) -> Party:
        return replace(party, name=" ".join(party.name.split())[:64])

    def changed(self, role: Role, place: str | None) -> Iterator[PartyPage]:
        start = int(place or 0)
        moved = [id for of, id in self.changes[start:] if of is role]
        ids = list(dict.fromkeys(moved))
        end = str(len(self.changes))
        for at in range(0, len(ids), _ROWS):
            self.calls += 1
            chunk = [(role, id) for id in ids[at : at + _ROWS]]
            there = tuple(self.held[key] for key in chunk if key in self.held)
            yield PartyPage(there, None, tuple(id for of, id in chunk if (of, id) not in self.held))
        yield PartyPage((), end)

    def by_ids(self, role: Role, ids: Sequence[str]) -> Mapping[str, Party]:
        self.calls += 1
        return {id: self.held[role, id] for id in ids if (role, id) in self.held}

    def count(self, role: Role) -> int | None:
        return sum(of is role for of, _ in self.held)

    def create(self, party: Party) -> Creation:
        wanted = self.as_kept(party)
        if not wanted.name:
            return Held((refusals.name_missing(self.side, party),))
        self.calls += 1
        standing = self._like(wanted)
        if standing is not None:
            if self.side is Side.BOOKS and standing.name != wanted.name:
                return Held((refusals.id_taken(party, standing),))
            return AlreadyThere(standing)
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.REFUSED_TO_CONNECT:
            return Deferred("connection refused")
        self.calls += 1
        self.sent.append(wanted.id or wanted.counterpart)
        if fault is Fault.NEVER_ARRIVED:
            return InDoubt("connection reset while waiting for the answer")
        made = replace(wanted, id=wanted.id or str(7_000_000 + len(self.held)))
        self.keep(made)
        return InDoubt("connection reset while waiting for the answer") if fault else Made(made.id)

    def update(self, before: Party, after: Party) -> Update:
        wanted = self.as_kept(after)
        fields = writing.asked(before, after, wanted, self.takes(before.role))
        now = self.by_ids(before.role, [before.id]).get(before.id)
        if now is None:
            return Held((refusals.missing(self.side, before),))
        left = writing.left(now, before, wanted, fields)
        if isinstance(left, Overtaken):
            return left
        if not left:
            return Unchanged()
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.REFUSED_TO_CONNECT:
            return Deferred("connection refused")
        self.calls += 1
        self.updates += 1
        if fault is Fault.NEVER_ARRIVED:
            return InDoubt("connection reset while waiting for the answer")
        values: dict[str, Any] = {name: getattr(wanted, name) for name in left}
        self.keep(replace(now, **values))
        return InDoubt("connection reset while waiting for the answer") if fault else Changed(left)

    def keep(self, party: Party) -> None:
        """The party stands there as it is; also what a person does on this side."""
        self.changes.append((party.role, party.id))
        self.held[party.role, party.id] = replace(party, modified=_OPENED + timedelta(seconds=len(self.changes)))

    def delete(self, party: Party) -> None:
        self.changes.append((party.role, party.id))
        del self.held[party.role, party.id]

    def _like(self, wanted: Party) -> Party | None:
        if self.side is Side.BOOKS:
            return self.held.get((wanted.role, wanted.id))
        alike = (it for it in self.held.values() if it.role is wanted.role and it.counterpart == wanted.counterpart)
        return next(alike, None)
