"""The people at GP for the contract of `PartyBook`: what they do to cards in the sandbox's company."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_connector.parties.party import Party, Role
from ml_connector.pipeline.ports import PartyBook
from ml_connector.sandbox import town
from ml_connector.sandbox.company import Company
from ml_connector.sandbox.company.card_records import Card
from ml_connector.sandbox.faults import Fault, Faults
from ml_connector.sandbox.serving import Server
from tests.contract.parties_contract import ELM

NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
TODAY = NOON.date()
CUSTOMER, VENDOR = Role.CUSTOMER, Role.VENDOR
KNOWN = {CUSTOMER: town.CUSTOMERS[7].gp_id, VENDOR: "FERGUSON0001"}  # the customer has a credit limit and a balance
CLASS = {CUSTOMER: "COMMERCIAL", VENDOR: "TRADE"}


@dataclass
class Screen:
    """The date on the screen of whoever works in GP, which GP writes on what they change."""

    days_back: int = 0

    def __call__(self) -> datetime:
        return NOON - timedelta(days=self.days_back)


@dataclass
class GpDesk:
    company: Company
    server: Server
    faults: Faults
    book: PartyBook
    clock: Screen

    def known(self, role: Role) -> str:
        return KNOWN[role]

    def edit(self, role: Role, id: str, name: str = "", street: str = "") -> None:
        self.change(role, id, **{key: value for key, value in (("name", name), ("line1", street)) if value})

    def add(self, role: Role, name: str) -> str:
        add = self.company.do_add_customer if role is CUSTOMER else self.company.do_add_vendor
        assert not add("BRANDNEW01", name)
        return "BRANDNEW01"

    def deactivate(self, role: Role, id: str) -> None:
        self.change(role, id, active=False)

    def wanted(self, role: Role, **changes: Any) -> Party:
        party = Party(
            role,
            "LARKSPUR-2KM5S9",
            "Larkspur Yoga Studio",
            address=ELM,
            phones=("3035550188",),
            emails=("yoga@example.com",),
            type=CLASS[role],
            terms="Net 30",
            counterpart="5700001",
        )
        return replace(party, **changes)

    def lose(self, done: bool) -> None:
        raise NotImplementedError

    def suffer(self, fault: Fault, on: str = "create", times: int = 1) -> None:
        """The next create, or reading, suffers this."""
        raise NotImplementedError

    @property
    def writes(self) -> int:
        raise NotImplementedError

    def standing(self, role: Role, name: str) -> int:
        return sum(it.name.strip() == name for it in self._cards(role))

    # What only the tests of GP use

    def change(self, role: Role, id: str, **changes: Any) -> None:
        change = self.company.do_edit_customer if role is CUSTOMER else self.company.do_edit_vendor
        told = change(id, **changes)
        assert "refused" not in told, told

    def card(self, role: Role, id: str) -> Card:
        (card,) = (self.company.customers if role is CUSTOMER else self.company.vendors)([id])
        return card

    def _cards(self, role: Role) -> tuple[Card, ...]:
        return self.company.customers() if role is CUSTOMER else self.company.vendors()
