"""A customer or vendor as either side keeps it, in words that both sides share, so that the two can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Role(Enum):
    CUSTOMER = "customer"
    VENDOR = "vendor"


class Side(Enum):
    FIELD = "ServiceTitan"
    BOOKS = "GP"


@dataclass(frozen=True, slots=True)
class Address:
    """Texts as they are written there; "" where there is none."""

    street: str = ""
    unit: str = ""  # ServiceTitan's unit; GP's second line
    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """One party on one side. `modified` is None where that side does not tell; GP tells the day, at midnight UTC."""

    role: Role
    id: str  # ServiceTitan's number written out, or GP's customer or vendor id, trimmed and in upper case
    name: str
    active: bool = True
    address: Address = Address()
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    tax_id: str = ""
    type: str = ""  # ServiceTitan: Residential | Commercial; GP: the class
    terms: str = ""  # the payment terms' name
    on_hold: bool = False  # GP's; ServiceTitan has none
    counterpart: str = ""  # the id of the same party on the other side, as this side keeps it
    merged_to: str = ""  # the id of the party that took this one's place
    modified: datetime | None = None
    address_code: str = ""  # under which a card that is to be made in GP gets its address; never read
