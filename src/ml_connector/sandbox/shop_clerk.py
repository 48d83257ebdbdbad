"""The shop's clerk: who keeps customers, their contacts and locations, and vendors, as the API and as people ask for it.

Addresses, parameters, scopes and models are those of the official OpenAPI documents (crm and inventory v2, 2026-07-01).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType

from ml_connector.sandbox import shop_forms as forms
from ml_connector.sandbox import shop_parties as parties
from ml_connector.sandbox.faults import Faults
from ml_connector.sandbox.moments import Moment
from ml_connector.sandbox.serving import Request, Response
from ml_connector.sandbox.shop_parties import Contact, Contacts, Customer, Hung, Location, Vendor, digits
from ml_connector.sandbox.shop_rows import Row, location_id
from ml_connector.sandbox.shop_shelf import (
    MOST_IDS,
    BadQuery,
    Feed,
    Filter,
    Fits,
    Listing,
    Query,
    Shelf,
    at_or_after,
    before,
    numbered,
    numbered_among,
    one,
    problem,
    said,
)

R = TypeVar("R", Customer, Vendor, Location)
T = TypeVar("T")
FIRST_ADDED = 8_900_001  # who comes after the tenant was set up is numbered from here
READ, WRITE = "tn.crm.customers:r", "tn.crm.customers:w"
READ_VENDORS, WRITE_VENDORS = "tn.inv.vendors:r", "tn.inv.vendors:w"


@dataclass(frozen=True, slots=True)
class Asked:
    """Something about one record, or something new: what scope it takes, and how it is answered."""

    scope: str
    answer: Callable[[Request], Response]


class Missing(Exception):
    """There is no such record."""


class Clerk:
    """Not safe for threads: the shop guards it. `tick` gives the instant of a change."""

    def __init__(
        self,
        customers: Iterable[Customer],
        contacts: Iterable[Contact],
        vendors: Iterable[Vendor],
        zones: Mapping[int, int],
        tick: Callable[[], Moment],
    ) -> None:
        self.customers, self.contacts, self.vendors = Shelf(customers), Contacts(contacts), Shelf(vendors)
        self.locations = Shelf(parties.first_locations(self.customers, zones))
        self._tick = tick
        self._ids = count(FIRST_ADDED)
        self._routes: Sequence[tuple[str, str, re.Pattern[str], str, Callable[..., Row]]] = (
            ("POST", "crm", re.compile("customers"), WRITE, self._new_customer),
            ("GET", "crm", re.compile(r"customers/(\d+)"), READ, self._customer),
            ("PATCH", "crm", re.compile(r"customers/(\d+)"), WRITE, self._change_customer),
            ("POST", "crm", re.compile(r"customers/(\d+)/contacts"), WRITE, self._new_contact),
            ("PATCH", "crm", re.compile(r"customers/(\d+)/contacts/(\d+)"), WRITE, self._change_contact),
            ("POST", "inventory", re.compile("vendors"), WRITE_VENDORS, self._new_vendor),
            ("GET", "inventory", re.compile(r"vendors/(\d+)"), READ_VENDORS, self._vendor),
            ("PATCH", "inventory", re.compile(r"vendors/(\d+)"), WRITE_VENDORS, self._change_vendor),
        )

    def resources(self, page_rows: int, faults: Faults) -> Mapping[tuple[str, str], Listing[Any] | Feed[Any]]:
        """The lists and feeds."""
        customers, contacts = self.customers, self.contacts
        return {
            ("crm", "export/customers"): Feed(
                name="customers",
                shelf=customers,
                row=parties.customer_row(""),
                scope=READ,
                page_rows=page_rows,
                faults=faults,
            ),
            ("crm", "export/customers/contacts"): Feed(
                name="customers-contacts",
                shelf=contacts,
                row=parties.feed_contact_row,
                scope=READ,
                page_rows=page_rows,
                faults=faults,
            ),
            ("crm", "customers"): Listing(
                shelf=customers,
                row=parties.customer_row(""),
                row_for=lambda query: parties.customer_row(_guid_of(query)),
                scope=READ,
                activity="active",
                filters={"name": said(lambda it: it.name), "phone": self._has_phone, **_placed(lambda it: it.place)},
                filters_for=_customers_like,
            ),
            ("crm", "customers/contacts"): Listing(
                shelf=contacts,
                row=parties.listed_contact_row,
                scope=READ,
                ids=False,
                filters={"customerIds": _at_most_ids(numbered_among(lambda it: it.customer))},
                filters_for=_narrowed,
            ),
            ("crm", "locations"): Listing(
                shelf=self.locations,
                row=parties.location_row(""),
                row_for=lambda query: parties.location_row(_guid_of(query)),
                scope="tn.crm.locations:r",
                activity="active",
                filters={
                    "customerId": numbered(lambda it: it.customer),
                    "name": said(lambda it: it.name),
                    **_placed(lambda it: it.place),
                },
                filters_for=_hung_with,
            ),
            ("inventory", "vendors"): Listing(
                shelf=self.vendors,
                row=parties.vendor_row(""),
                row_for=lambda query: parties.vendor_row(_guid_of(query)),
                scope=READ_VENDORS,
                repeated_ids=True,
                activity="active",
                filters_for=_hung_with,
            ),
        }

    def asked(self, method: str, module: str, name: str) -> Asked | None:
        """What is asked for at this address, if it is anything about one record."""
        if method == "GET" and module == "crm" and (of := re.fullmatch(r"customers/(\d+)/contacts", name)):
            return Asked(READ, lambda request: self._contacts_of(int(of[1]), request))
        for verb, of_module, pattern, scope, answer in self._routes:
            found = pattern.fullmatch(name)
            if found and (verb, of_module) == (method, module):
                ids = [int(it) for it in found.groups()]
                return Asked(scope, lambda request, answer=answer, ids=ids: _answered(answer, request, ids))  # type: ignore[misc]
        return None

    def next_id(self) -> int:
        return next(self._ids)

    def put_location(self, id: int, customer: Customer) -> None:
        at = customer.created
        self.locations.put(
            Location(id=id, customer=customer.id, name=customer.name, place=customer.place, created=at, modified=at)
        )

    def owes(self, customer: int, more: Decimal, at: Moment) -> None:
        """The balance moved: so did `modifiedOn`, and nothing else of the customer."""
        it = self.customers[customer]
        self.customers.put(replace(it, balance=it.balance + more, modified=at))

    # ---- what the API does

    def _customer(self, request: Request, id: int) -> Row:  # noqa: ARG002 - the shape of every answer
        return parties.customer_row("")(self._there(self.customers, id))

    def _vendor(self, request: Request, id: int) -> Row:
        return parties.vendor_row(_guid_of(request.query))(self._there(self.vendors, id))

    def _contacts_of(self, id: int, request: Request) -> Response:
        try:
            self._there(self.customers, id)
        except Missing:
            return problem(404, "Not Found", {})
        shelf = Shelf(self.contacts.of(id))
        return Listing(shelf=shelf, row=parties.contact_row, scope=READ, ids=False).answer(request)

    def _new_customer(self, request: Request) -> Row:
        form = forms.read(request.body, forms.CustomerForm)
        if not form.locations:
            raise BadQuery("locations", "At least one location is required.")
        if form.payment_term_id is not None:
            _known_term(form.payment_term_id)
        for contact in (*(form.contacts or ()), *(it for place in form.locations for it in place.contacts or ())):
            forms.required("contacts.value", contact.value)
        at = self._tick()
        customer = Customer(
            id=self.next_id(),
            name=forms.required("name", form.name),
            type=form.type or "Residential",
            place=form.address.place(),
            tax_exempt=bool(form.tax_exempt),
            do_not_mail=bool(form.do_not_mail),
            do_not_service=bool(form.do_not_service),
            national_account=bool(form.national_account),
            tags=tuple(form.tag_type_ids or ()),
            terms=form.payment_term_id,
            credit_limit=form.credit_limit,
            credit_limit_balance=form.credit_limit_balance,
            hung=form.external_data.hung() if form.external_data else (),
            created=at,
            modified=at,
            edited=at,
        )
        locations = [self._location(customer, n, it, at) for n, it in enumerate(form.locations)]
        self.customers.put(customer)
        for contact in form.contacts or ():
            self._hang_contact(customer.id, contact, at)
        for location in locations:
            self.locations.put(location)
        contacts = [parties.created_contact_row(it) for it in self.contacts.of(customer.id)]
        places = [{**parties.location_row("")(it), "contacts": []} for it in locations]
        row = parties.customer_row(form.external_data.application_guid.lower() if form.external_data else "")
        return {**row(customer), "locations": places, "contacts": contacts}

    def _location(self, customer: Customer, number: int, form: forms.LocationForm, at: Moment) -> Location:
        return Location(
            id=location_id(customer) + number * 10_000_000,
            customer=customer.id,
            name=forms.required("locations.name", form.name),
            place=form.address.place(),
            hung=form.external_data.hung() if form.external_data else (),
            created=at,
            modified=at,
        )

    def _change_customer(self, request: Request, id: int) -> Row:
        it = self._there(self.customers, id)
        form = forms.read(request.body, forms.CustomerChangeForm)
        if form.payment_term_id is not UNSET:
            _known_term(form.payment_term_id)
        at = self._tick()
        changed = replace(
            it,
            name=it.name if form.name is UNSET else forms.required("name", form.name),
            type=_or(form.type, it.type),
            place=it.place if form.address is UNSET else form.address.place(),
            hung=it.hung if form.external_data is UNSET else form.external_data.changed(it.hung),
            do_not_mail=_or(form.do_not_mail, it.do_not_mail),
            do_not_service=_or(form.do_not_service, it.do_not_service),
            national_account=_or(form.national_account, it.national_account),
            active=_or(form.active, it.active),
            tags=it.tags if form.tag_type_ids is UNSET else tuple(form.tag_type_ids),
            tax_exempt=_or(form.tax_exempt, it.tax_exempt),
            terms=_or(form.payment_term_id, it.terms),
            credit_limit=_or(form.credit_limit, it.credit_limit),
            credit_limit_balance=_or(form.credit_limit_balance, it.credit_limit_balance),
            modified=at,
            edited=at,
        )
        self.customers.put(changed)
        guid = "" if form.external_data is UNSET else form.external_data.application_guid.lower()
        return parties.customer_row(guid)(changed)

    def _new_contact(self, request: Request, id: int) -> Row:
        self._there(self.customers, id)
        form = forms.read(request.body, forms.ContactForm)
        forms.required("value", form.value)
        return parties.contact_row(self._hang_contact(id, form, self._tick()))

    def _hang_contact(self, customer: int, form: forms.ContactForm, at: Moment) -> Contact:
        contact = Contact(
            id=self.next_id(),
            customer=customer,
            type=form.type,
            value=form.value,
            memo=form.memo,
            created=at,
            modified=at,
        )
        self.contacts.put(contact)
        return contact

    def _change_contact(self, request: Request, id: int, contact: int) -> Row:
        found = next((it for it in self.contacts.of(id) if it.id == contact), None)
        if found is None:
            raise Missing
        form = forms.read(request.body, forms.ContactChangeForm)
        changed = replace(
            found,
            type=_or(form.type, found.type),
            value=found.value if form.value is UNSET else forms.required("value", form.value),
            memo=_or(form.memo, found.memo),
            modified=self._tick(),
        )
        self.contacts.put(changed)
        return parties.contact_row(changed)

    def _new_vendor(self, request: Request) -> Row:
        form = forms.read(request.body, forms.VendorForm)
        if form.payment_term_id is not None:
            _known_term(form.payment_term_id)
        at = self._tick()
        vendor = Vendor(
            id=self.next_id(),
            name=forms.required("name", form.name),
            place=form.address.place(),
            first_name=form.first_name or "",
            last_name=form.last_name or "",
            phone=form.phone or "",
            email=form.email or "",
            fax=form.fax or "",
            memo=form.memo or "",
            delivery=form.delivery_option or "Manual",
            tax_rate=form.tax_rate,
            truck_replenishment=form.is_truck_replenishment,
            mobile_restricted=form.restricted_mobile_creation,
            hung=form.external_data.hung() if form.external_data else (),
            active=form.active,
            created=at,
            modified=at,
        )
        self.vendors.put(vendor)
        return {"id": vendor.id}

    def _change_vendor(self, request: Request, id: int) -> Row:
        it = self._there(self.vendors, id)
        form = forms.read(request.body, forms.VendorChangeForm)
        if form.payment_term_id is not UNSET:
            _known_term(form.payment_term_id)
        changed = replace(
            it,
            name=it.name if form.name is UNSET else forms.required("name", form.name),
            place=it.place if form.address is UNSET else form.address.place(),
            first_name=_or(form.first_name, it.first_name),
            last_name=_or(form.last_name, it.last_name),
            phone=_or(form.phone, it.phone),
            email=_or(form.email, it.email),
            fax=_or(form.fax, it.fax),
            memo=_or(form.memo, it.memo),
            delivery=_or(form.delivery_option, it.delivery),
            tax_rate=_or(form.tax_rate, it.tax_rate),
            truck_replenishment=_or(form.is_truck_replenishment, it.truck_replenishment),
            mobile_restricted=_or(form.restricted_mobile_creation, it.mobile_restricted),
            hung=it.hung if form.external_data is UNSET else form.external_data.changed(it.hung),
            active=_or(form.active, it.active),
            modified=self._tick(),
        )
        self.vendors.put(changed)
        return {"id": changed.id}

    def _there(self, shelf: Shelf[R], id: int) -> R:
        found = next(iter(shelf.among([id])), None)
        if found is None:
            raise Missing
        return found

    def _has_phone(self, values: Sequence[str]) -> Fits[Customer]:
        wanted = digits(values[0])
        return lambda it: any(digits(contact.value) == wanted for contact in self.contacts.of(it.id))


def _answered(answer: Callable[..., Row], request: Request, ids: Sequence[int]) -> Response:
    try:
        return one(answer(request, *ids))
    except Missing:
        return problem(404, "Not Found", {})


def _or(sent: T | UnsetType, kept: T) -> T:
    return kept if isinstance(sent, UnsetType) else sent


def _known_term(id: object) -> None:
    if id not in parties.TERMS:
        raise BadQuery("paymentTermId", "The payment term is not found.")


# ---- what a list can be asked for


def _guid_of(query: Query) -> str:
    return query.get("externalDataApplicationGuid", [""])[0].lower()


def _placed(place: Callable[[Any], parties.Place]) -> Mapping[str, Filter[Any]]:
    names = ("street", "unit", "city", "state", "zip", "country")
    return {name: said(lambda it, name=name: getattr(place(it), name)) for name in names}  # type: ignore[misc]


def _customers_like(query: Query) -> Mapping[str, Filter[Any]]:
    filters: dict[str, Filter[Any]] = dict(_hung_with(query))
    if query.get("excludeAccountingChangesFromModifiedDateRange", [""])[0].lower() == "true":
        edited: Callable[[Any], Moment] = lambda it: it.edited  # noqa: E731
        filters |= {"modifiedOnOrAfter": at_or_after(edited), "modifiedBefore": before(edited)}
    return filters


def _hung_with(query: Query) -> Mapping[str, Filter[Any]]:
    """By what an application hung on the records: its guid, a key, and up to fifty values with commas between."""
    key, guid = query.get("externalDataKey", [""])[0], _guid_of(query)
    if bool(key) is not bool(query.get("externalDataValues", [""])[0]):
        raise BadQuery("externalDataKey", "Both externalDataKey and externalDataValues must be provided.")
    if key and not guid:
        raise BadQuery("externalDataApplicationGuid", "The value is required for a lookup by external data.")

    def make(values: Sequence[str]) -> Fits[Any]:
        wanted = {Hung(guid, key, value) for value in values[0].split(",")}
        if len(wanted) > MOST_IDS:
            raise BadQuery("externalDataValues", f"The maximum number of values is {MOST_IDS}.")
        return lambda it: not wanted.isdisjoint(it.hung)

    return {"externalDataValues": make} if key else {}


def _narrowed(query: Query) -> Mapping[str, Filter[Any]]:
    if not query.keys() & {"customerIds", "modifiedBefore", "modifiedOnOrAfter"}:
        raise BadQuery("customerIds", "Either customerIds, modifiedBefore or modifiedOnOrAfter must be specified.")
    return {}


def _at_most_ids(make: Filter[Any]) -> Filter[Any]:
    def bounded(values: Sequence[str]) -> Fits[Any]:
        if len(values[0].split(",")) > MOST_IDS:
            raise BadQuery("customerIds", f"The maximum number of ids is {MOST_IDS}.")
        return make(values)

    return bounded
