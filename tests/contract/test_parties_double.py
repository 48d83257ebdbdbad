"""The contract of `PartyBook` on the in-memory double, so that the stories told with it are true of both real sides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from ml_connector.parties.party import Address, Party, Role, Side
from ml_connector.pipeline.ports import PartyBook
from tests.contract.parties_contract import ELM, PartiesContract
from tests.doubles.parties import Book, Fault

OAK = Address("9 Oak St", "", "Aurora", "CO", "80012", "USA")


@dataclass
class DoubleDesk:
    book: Book

    def known(self, role: Role) -> str:
        return "SMITH001" if self.book.side is Side.BOOKS else "5500101"

    def edit(self, role: Role, id: str, name: str = "", street: str = "") -> None:
        it = self.book.held[role, id]
        address = replace(it.address, street=street or it.address.street)
        self.book.keep(replace(it, name=name or it.name, address=address))

    def add(self, role: Role, name: str) -> str:
        self.book.keep(Party(role, "8800001", name))
        return "8800001"

    def deactivate(self, role: Role, id: str) -> None:
        self.book.keep(replace(self.book.held[role, id], active=False))

    def wanted(self, role: Role, **changes: Any) -> Party:
        in_books = self.book.side is Side.BOOKS
        party = Party(
            role,
            "NEWCOMER0001" if in_books else "",
            "Larkspur Yoga Studio",
            address=ELM,
            phones=("3035550188",),
            emails=("yoga@example.com",),
            counterpart="5700001" if in_books else "NEWCOMER0001",
        )
        return replace(party, **changes)

    def lose(self, done: bool) -> None:
        self.book.faults.append(Fault.ANSWER_LOST if done else Fault.NEVER_ARRIVED)

    @property
    def writes(self) -> int:
        return len(self.book.sent) + self.book.updates

    def standing(self, role: Role, name: str) -> int:
        return sum(it.role is role and it.name == name for it in self.book.held.values())


class TestTheDouble(PartiesContract):
    @pytest.fixture(params=list(Side), ids=lambda it: it.value)
    def desk(self, request: pytest.FixtureRequest) -> DoubleDesk:
        desk = DoubleDesk(Book(request.param))
        for role in Role:
            for id in (desk.known(role), "OTHER0001", "OTHER0002", "OTHER0003"):
                desk.book.keep(Party(role, id, f"Maria Smith {id}", address=OAK, phones=("(303) 555-0101",)))
        return desk


def test_the_double_is_a_party_book() -> None:
    """mypy proves the fit: the double satisfies the port by its shape."""
    book: PartyBook = Book(Side.FIELD)
    assert book.calls == 0
