"""Customers, contacts and vendors as ServiceTitan gives them: every row, and from row to party.

Lenient as in `wire`: everything may be missing but an id. What another application hung on a record (`externalData`)
comes only where the request names that application's guid, so no export feed brings it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from ml_connector.parties.party import Address, Party, Role
from ml_connector.servicetitan.wire import FeedAnswer, ListAnswer, Listing, Named, Part, Resource, Row, lenient

TELEPHONES, EMAIL = ("Phone", "MobilePhone"), "Email"
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?")


class Place(Part):
    street: str | None = None
    unit: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    latitude: Decimal | None = None
    longitude: Decimal | None = None


class Hung(Part):
    key: str | None = None
    value: str | None = None


class Customer(Named):
    active: bool | None = None
    type: str | None = None
    address: Place | None = None
    modified_on: str | None = None
    merged_to_id: int | None = None
    payment_term_id: int | None = None
    external_data: list[Hung] | None = None


class Contact(Row):
    customer_id: int | None = None
    type: str | None = None
    value: str | None = None
    active: bool | None = None  # only in the feed


class VendorContact(Part):
    phone: str | None = None
    email: str | None = None


class Vendor(Named):
    active: bool | None = None
    address: Place | None = None
    contact_info: VendorContact | None = None
    modified_on: str | None = None
    external_data: list[Hung] | None = None


HangerT = TypeVar("HangerT", Customer, Vendor)

CUSTOMER_FEED = Resource("crm", "export/customers", "tn.crm.customers:r")
CONTACT_FEED = Resource("crm", "export/customers/contacts", CUSTOMER_FEED.scope)
CUSTOMER_PAGE = lenient(FeedAnswer[Customer])
CONTACT_PAGE = lenient(FeedAnswer[Contact])
CUSTOMERS = Listing("crm", "customers", CUSTOMER_FEED.scope, lenient(ListAnswer[Customer]), hides_inactive=True)
CONTACTS = Listing("crm", "customers/contacts", CUSTOMER_FEED.scope, lenient(ListAnswer[Contact]))
VENDORS = Listing(
    "inventory", "vendors", "tn.inv.vendors:r", lenient(ListAnswer[Vendor]), hides_inactive=True, repeats_ids=True
)
TERMS = Listing("accounting", "payment-terms", "tn.acc.paymentterms:r", lenient(ListAnswer[Named]))
MADE = lenient(Row)


def customer(it: Customer, contacts: Sequence[Contact], kept_as: str, terms: Mapping[int, str]) -> Party:
    """`contacts` are those of this customer that are active, oldest first; `terms` are names by id."""
    return Party(
        role=Role.CUSTOMER,
        id=str(it.id),
        name=it.name or "",
        active=it.active is not False,
        address=address(it.address),
        phones=_values(contacts, TELEPHONES),
        emails=_values(contacts, (EMAIL,)),
        type=it.type or "",
        terms=terms.get(it.payment_term_id or 0, ""),
        counterpart=hung_as(it.external_data, kept_as),
        merged_to=str(it.merged_to_id) if it.merged_to_id else "",
        modified=instant(it.modified_on),
    )


def vendor(it: Vendor, kept_as: str) -> Party:
    contact = it.contact_info or VendorContact()
    return Party(
        role=Role.VENDOR,
        id=str(it.id),
        name=it.name or "",
        active=it.active is not False,
        address=address(it.address),
        phones=(contact.phone,) if contact.phone else (),
        emails=(contact.email,) if contact.email else (),
        counterpart=hung_as(it.external_data, kept_as),
        modified=instant(it.modified_on),
    )


def address(it: Place | None) -> Address:
    if it is None:
        return Address()
    return Address(it.street or "", it.unit or "", it.city or "", it.state or "", it.zip or "", it.country or "")


def hung_as(hung: Iterable[Hung] | None, key: str) -> str:
    """The value that hangs on a record under our key."""
    return next((it.value or "" for it in hung or () if it.key == key), "")


def instant(text: str | None) -> datetime | None:
    """A moment in UTC, of seven fractional digits the first six; None for what is none."""
    found = _INSTANT.fullmatch(text or "")
    if found is None:
        return None
    zone = "+00:00" if found[3] in (None, "Z") else found[3]
    return datetime.fromisoformat(f"{found[1]}{(found[2] or '')[:7]}{zone}").astimezone(UTC)


def _values(contacts: Sequence[Contact], types: Sequence[str]) -> tuple[str, ...]:
    values = ((it.value or "").strip() for it in contacts if it.type in types and it.active is not False)
    return tuple(dict.fromkeys(filter(None, values)))
