"""The cards of customers and vendors, and their classes, as GP keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from ml_connector.sandbox.company.records import CLASS_WIDTH, NAME_WIDTH, PARTY_WIDTH, ZERO, char, id_char


@dataclass(frozen=True, slots=True)
class PartyClass:
    """A customer or vendor class; `account` is its receivables or payables account, "" where it has none.

    A new card of the class takes its `terms` where none are given.
    """

    id: str
    description: str
    account: str
    terms: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the cards of customers (RM00101) and vendors (PM00200) have in common, the primary address included.

    `account` is the receivables or payables account of the card, "" where the class or the company decides. A telephone
    number is fourteen digits, the last four an extension. Texts come back padded to the widths of `CARD_WIDTHS`.
    """

    id: str
    name: str
    class_id: str
    account: str = ""
    active: bool = True
    on_hold: bool = False
    address_code: str = ""
    contact: str = ""
    line1: str = ""
    line2: str = ""
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""
    phone1: str = ""
    phone2: str = ""
    phone3: str = ""
    email: str = ""  # SY01200, under the address code
    tax_id: str = ""
    terms: str = ""
    user1: str = ""
    user2: str = ""
    comment: str = ""
    created: date
    modified: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Card):
    """`credit_limit` None is no limit."""

    credit_limit: Decimal | None = None
    balance: Decimal = ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor(Card):
    is_1099: bool = False


CardT = TypeVar("CardT", bound=Card)

CARD_WIDTHS: Mapping[str, int] = {
    "name": NAME_WIDTH,
    "address_code": 15,
    "contact": 61,
    "line1": 61,
    "line2": 61,
    "city": 35,
    "state": 29,
    "zip": 11,
    "country": 61,
    "phone1": 21,
    "phone2": 21,
    "phone3": 21,
    "email": 201,
    "tax_id": 25,
    "terms": 21,
    "user1": 21,
    "user2": 21,
    "comment": 31,
}


def as_kept(card: CardT) -> CardT:
    """The card as its columns give it back: padded, ids and classes in upper case."""
    kept: dict[str, Any] = {name: char(getattr(card, name), width) for name, width in CARD_WIDTHS.items()}
    kept |= {
        "id": id_char(card.id, PARTY_WIDTH),
        "class_id": id_char(card.class_id, CLASS_WIDTH),
        "address_code": id_char(card.address_code, CARD_WIDTHS["address_code"]),
    }
    return replace(card, **kept)


class CardAction(Enum):
    """What was done to a card, as the log of changed keys has it."""

    CREATED = "Created"
    UPDATED = "Updated"
    DELETED = "Deleted"


@dataclass(frozen=True, slots=True)
class CardChange:
    """One entry of the log of changed keys: the last thing that was done to a card."""

    id: str
    action: CardAction
    by: str
    day: date
