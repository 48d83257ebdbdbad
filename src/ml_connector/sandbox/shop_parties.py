"""The shop's customers, their contacts and locations, and its vendors: how they are kept, and their rows.

A customer's telephones and e-mails are contacts, rows of their own that change without the customer's `modifiedOn`
moving; a vendor has one telephone and one e-mail in itself. What another application hangs on them (`externalData`) is
shown only to who names that application's guid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import count

from ml_connector.sandbox import town
from ml_connector.sandbox.drawing import TAX_EXEMPT
from ml_connector.sandbox.moments import DAY, Moment, as_text, moment
from ml_connector.sandbox.neighbourhood import Card, Neighbourhood
from ml_connector.sandbox.shop_rows import OFFICE_ID, OPENED, Row, location_id
from ml_connector.sandbox.shop_shelf import Shelf
from ml_connector.sandbox.trade import NOTHING, Invoice

CONTACT_TYPES = ("Phone", "Email", "Fax", "MobilePhone")
TERMS = {1: "Due Upon Receipt", 30: "Net 30", 45: "Net 45"}
FIRST_CONTACT = 71_000_001
_CALENDAR = moment(date(2024, 1, 1))


@dataclass(frozen=True, slots=True)
class Place:
    street: str
    unit: str | None
    city: str
    state: str
    zip: str
    country: str
    latitude: Decimal | None = None
    longitude: Decimal | None = None

    def row(self) -> dict[str, object]:
        return {
            "street": self.street,
            "unit": self.unit,
            "city": self.city,
            "state": self.state,
            "zip": self.zip,
            "country": self.country,
            "latitude": self.latitude,
            "longitude": self.longitude,
        }


@dataclass(frozen=True, slots=True)
class Hung:
    """One value that an application hung on a record."""

    guid: str  # in lower case
    key: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """`modified` moves with the balance too, `edited` with everything else alone."""

    id: int
    name: str
    type: str = "Residential"
    place: Place
    balance: Decimal = NOTHING
    tax_exempt: bool = False
    do_not_mail: bool = False
    do_not_service: bool = False
    national_account: bool = False
    tags: tuple[int, ...] = ()
    terms: int | None = None
    credit_limit: Decimal | None = None
    credit_limit_balance: Decimal | None = None
    hung: tuple[Hung, ...] = ()
    merged_to: int | None = None
    active: bool = True
    created: Moment = OPENED
    modified: Moment
    edited: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    id: int
    customer: int
    type: str  # of CONTACT_TYPES
    value: str
    memo: str | None = None
    active: bool = True
    created: Moment
    modified: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    id: int
    customer: int
    name: str
    place: Place
    tax_zone: int | None = None
    hung: tuple[Hung, ...] = ()
    active: bool = True
    created: Moment
    modified: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    id: int
    name: str
    place: Place
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    email: str = ""
    fax: str = ""
    memo: str = ""
    delivery: str = "Manual"
    tax_rate: Decimal = Decimal("0.0000000000")
    truck_replenishment: bool = False
    mobile_restricted: bool = False
    hung: tuple[Hung, ...] = ()
    active: bool = True
    created: Moment = OPENED
    modified: Moment


class Contacts(Shelf[Contact]):
    """The contacts, found by their customer too."""

    def __init__(self, records: Iterable[Contact]) -> None:
        kept = list(records)
        super().__init__(kept)
        self._of: dict[int, list[int]] = {}
        for it in kept:
            self._of.setdefault(it.customer, []).append(it.id)

    def of(self, customer: int) -> list[Contact]:
        """Those that are active, oldest first."""
        return [it for it in self.among(self._of.get(customer, ())) if it.active]

    def put(self, record: Contact) -> None:
        ids = self._of.setdefault(record.customer, [])
        if record.id not in ids:
            ids.append(record.id)
        super().put(record)


# ---- the rows


@lru_cache
def customer_row(guid: str) -> Callable[[Customer], Row]:
    """The row as the application sees it whose guid was named; "" where none was."""

    def row(it: Customer) -> Row:
        return {
            "id": it.id,
            "active": it.active,
            "name": it.name,
            "type": it.type,
            "address": it.place.row(),
            "customFields": [],
            "balance": it.balance,
            "taxExempt": it.tax_exempt,
            "tagTypeIds": list(it.tags),
            "doNotMail": it.do_not_mail,
            "doNotService": it.do_not_service,
            "nationalAccount": it.national_account,
            "createdOn": as_text(it.created),
            "createdById": OFFICE_ID,
            "modifiedOn": as_text(it.modified),
            "mergedToId": it.merged_to,
            "paymentTermId": it.terms,
            "creditLimit": it.credit_limit,
            "creditLimitBalance": it.credit_limit_balance,
            "externalData": seen(it.hung, guid),
        }

    return row


@lru_cache
def vendor_row(guid: str) -> Callable[[Vendor], Row]:
    def row(it: Vendor) -> Row:
        return {
            "id": it.id,
            "name": it.name,
            "active": it.active,
            "isTruckReplenishment": it.truck_replenishment,
            "isMobileCreationRestricted": it.mobile_restricted,
            "memo": it.memo,
            "deliveryOption": it.delivery,
            "defaultTaxRate": it.tax_rate,
            "contactInfo": {
                "firstName": it.first_name,
                "lastName": it.last_name,
                "phone": it.phone,
                "email": it.email,
                "fax": it.fax,
            },
            "address": {name: value for name, value in it.place.row().items() if "itude" not in name},
            "createdOn": as_text(it.created),
            "modifiedOn": as_text(it.modified),
            "externalData": seen(it.hung, guid),
            "customFields": None,
        }

    return row


@lru_cache
def location_row(guid: str) -> Callable[[Location], Row]:
    def row(it: Location) -> Row:
        return {
            "id": it.id,
            "customerId": it.customer,
            "active": it.active,
            "name": it.name,
            "address": it.place.row(),
            "customFields": [],
            "createdOn": as_text(it.created),
            "createdById": OFFICE_ID,
            "modifiedOn": as_text(it.modified),
            "mergedToId": None,
            "zoneId": None,
            "taxExempt": False,
            "tagTypeIds": [],
            "externalData": seen(it.hung, guid),
            "taxZoneId": it.tax_zone,
        }

    return row


def contact_row(it: Contact) -> Row:
    """A contact of a customer whom the address names."""
    is_phone = it.type in ("Phone", "MobilePhone")
    return {
        "id": it.id,
        "type": it.type,
        "value": it.value,
        "memo": it.memo,
        "modifiedOn": as_text(it.modified),
        "phoneSettings": {"phoneNumber": digits(it.value) if is_phone else "", "doNotText": False},
        "createdOn": as_text(it.created),
        "preferences": None,
    }


def listed_contact_row(it: Contact) -> Row:
    return {**contact_row(it), "customerId": it.customer}


def feed_contact_row(it: Contact) -> Row:
    return {**listed_contact_row(it), "active": it.active}


def created_contact_row(it: Contact) -> Row:
    """A contact as the answer to a new customer has it."""
    return {"id": it.id, "type": it.type, "value": it.value, "memo": it.memo}


def term_row(id: int, name: str) -> Row:
    days = int(name.rsplit(" ", 1)[-1]) if name.startswith("Net") else 0
    return {
        "id": id,
        "name": name,
        "dueDayType": "NumberOfDays",
        "dueDay": days,
        "isCustomerDefault": id == 1,
        "isVendorDefault": id == 30,
        "active": True,
        "inUse": None,
        "modifiedOn": as_text(OPENED),
        "createdOn": as_text(OPENED),
        "paymentTermDiscountModel": {
            "id": None,
            "discountApplyTo": None,
            "discount": None,
            "discountType": None,
            "account": None,
            "applyBy": None,
            "applyByValue": None,
        },
        "interestSettings": {
            "id": None,
            "rateType": "Flat",
            "flatRateValue": None,
            "percentageRateValue": None,
            "chargeMethod": None,
            "frequency": "Monthly",
            "gracePeriod": None,
            "targetInvoices": [],
            "taskId": 0,
            "taskDisplayName": "",
        },
    }


def seen(hung: Iterable[Hung], guid: str) -> list[Row]:
    """What the application of this guid hung on a record."""
    return [{"key": it.key, "value": it.value} for it in hung if it.guid == guid]


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


# ---- who was there when the tenant was set up


def first_customers(invoices: Iterable[Invoice], of_town: Iterable[town.Customer]) -> Iterable[Customer]:
    """The town's customers with what they owe; a customer changed when the last invoice did."""
    owed: dict[int, Decimal] = {}
    changed: dict[int, Moment] = {}
    for it in invoices:
        if it.active:
            owed[it.customer.id] = owed.get(it.customer.id, NOTHING) + it.balance
            changed[it.customer.id] = max(changed.get(it.customer.id, OPENED), it.modified)
    for customer in of_town:
        yield Customer(
            id=customer.id,
            name=customer.name,
            type=customer.type,
            place=Place(customer.street, None, customer.city, "CO", customer.zip, "USA"),
            balance=owed.get(customer.id, NOTHING),
            tax_exempt=customer.id in TAX_EXEMPT,
            terms=30 if customer.type == "Commercial" else None,
            modified=changed.get(customer.id, OPENED),
            edited=OPENED,
        )


def first_vendors(of_town: Iterable[town.Vendor]) -> Iterable[Vendor]:
    for vendor in of_town:
        place = Place("", None, vendor.city, vendor.state, "", "USA")
        yield Vendor(id=vendor.id, name=vendor.name, place=place, phone=vendor.phone, modified=OPENED)


def first_contacts(of_town: Iterable[town.Customer], cards: Iterable[Card]) -> Iterable[Contact]:
    ids = count(FIRST_CONTACT)
    for customer in of_town:
        yield _contact(next(ids), customer.id, customer.phone, OPENED)
        if customer.email:
            yield _contact(next(ids), customer.id, customer.email, OPENED)
    for card in cards:
        for value in (*card.phones, *card.emails):
            yield _contact(next(ids), int(card.id), value, _since(card))


def neighbouring_customers(neighbourhood: Neighbourhood, kept_as: tuple[str, str]) -> Iterable[Customer]:
    """`kept_as`: the guid and the key under which somebody hung GP's ids on some of them, long ago."""
    terms = {name: id for id, name in TERMS.items()}
    for card in neighbourhood.customers.field:
        yield Customer(
            id=int(card.id),
            name=card.name,
            type=card.type,
            place=_place(card),
            terms=terms.get(card.terms),
            hung=_hung(card, kept_as),
            merged_to=int(card.merged_to) if card.merged_to else None,
            active=card.active,
            modified=_since(card),
            edited=_since(card),
        )


def neighbouring_vendors(neighbourhood: Neighbourhood, kept_as: tuple[str, str]) -> Iterable[Vendor]:
    for card in neighbourhood.vendors.field:
        yield Vendor(
            id=int(card.id),
            name=card.name,
            place=_place(card),
            phone="".join(card.phones[:1]),
            email="".join(card.emails[:1]),
            hung=_hung(card, kept_as),
            active=card.active,
            modified=_since(card),
        )


def first_locations(customers: Iterable[Customer], zones: Mapping[int, int]) -> Iterable[Location]:
    """Each customer has one place of work, at the same address."""
    for it in customers:
        yield Location(
            id=location_id(it),
            customer=it.id,
            name=it.name,
            place=it.place,
            tax_zone=zones.get(it.id),
            created=it.created,
            modified=it.created,
        )


def _contact(id: int, customer: int, value: str, at: Moment) -> Contact:
    kind = "Email" if "@" in value else "MobilePhone" if digits(value).startswith("719") else "Phone"
    return Contact(id=id, customer=customer, type=kind, value=value, created=at, modified=at)


def _place(card: Card) -> Place:
    return Place(card.street, card.unit or None, card.city, card.state, card.zip, "USA")


def _since(card: Card) -> Moment:
    return _CALENDAR + card.since * DAY + int(card.id) % 864_000 * 1_000_000


def _hung(card: Card, kept_as: tuple[str, str]) -> tuple[Hung, ...]:
    guid, key = kept_as
    return (Hung(guid.lower(), key, card.counterpart),) if card.counterpart else ()
