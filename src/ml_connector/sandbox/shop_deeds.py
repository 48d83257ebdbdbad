"""What people at the office do to customers and vendors in ServiceTitan itself: the shop's `do_…` deeds about them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ml_connector.sandbox.moments import Moment, as_text
from ml_connector.sandbox.shop_clerk import Clerk
from ml_connector.sandbox.shop_parties import Contact, Customer, Place, Vendor
from ml_connector.sandbox.shop_rows import location_id

Told = dict[str, object]
_PLACE = frozenset(Place.__dataclass_fields__)


class PartyDeeds:
    """Safe to use from many threads."""

    _lock: threading.RLock
    _clerk: Clerk

    def _tick(self) -> Moment:
        raise NotImplementedError

    def do_edit_customer(self, id: int, **changes: Any) -> Told:
        """Someone changes fields of a customer: name, type, terms, active, or a part of the address (street, city, …)."""
        with self._lock:
            at = self._tick()
            it = _changed(self._clerk.customers[id], changes)
            self._clerk.customers.put(replace(it, modified=at, edited=at))
            return {"id": id, "modifiedOn": as_text(at)}

    def do_edit_vendor(self, id: int, **changes: Any) -> Told:
        """Someone changes fields of a vendor: name, phone, email, active, or a part of the address."""
        with self._lock:
            at = self._tick()
            self._clerk.vendors.put(replace(_changed(self._clerk.vendors[id], changes), modified=at))
            return {"id": id, "modifiedOn": as_text(at)}

    def do_merge(self, id: int, into: int) -> Told:
        """Two customers were one: the first becomes inactive and points to the second, which keeps its contacts."""
        with self._lock:
            at = self._tick()
            merged = replace(self._clerk.customers[id], active=False, merged_to=into, modified=at, edited=at)
            self._clerk.customers.put(merged)
            survivor = self._clerk.customers[into]
            self._clerk.customers.put(replace(survivor, balance=survivor.balance + merged.balance, modified=at))
            return {"id": id, "into": into, "modifiedOn": as_text(at)}

    def do_set_contacts(self, id: int, phones: Iterable[str] = (), emails: Iterable[str] = ()) -> Told:
        """Someone replaces the telephones and e-mails of a customer, whose own `modifiedOn` does not move."""
        with self._lock:
            at = self._tick()
            for old in self._clerk.contacts.of(id):
                self._clerk.contacts.put(replace(old, active=False, modified=at))
            for kind, values in (("Phone", phones), ("Email", emails)):
                for value in values:
                    contact = Contact(
                        id=self._clerk.next_id(), customer=id, type=kind, value=value, created=at, modified=at
                    )
                    self._clerk.contacts.put(contact)
            return {"id": id}

    def do_add_customer(
        self, name: str, type: str = "Residential", phone: str = "", email: str = "", **place: Any
    ) -> Told:
        """A new customer calls; `place` are parts of the address."""
        with self._lock:
            at = self._tick()
            customer = Customer(
                id=self._clerk.next_id(),
                name=name,
                type=type,
                place=_place_of(place),
                created=at,
                modified=at,
                edited=at,
            )
            self._clerk.customers.put(customer)
            self._clerk.put_location(location_id(customer), customer)
        self.do_set_contacts(customer.id, [phone] if phone else [], [email] if email else [])
        return {"id": customer.id}

    def do_add_vendor(self, name: str, phone: str = "", email: str = "", **place: Any) -> Told:
        """The buyer adds a vendor; `place` are parts of the address."""
        with self._lock:
            at = self._tick()
            vendor = Vendor(
                id=self._clerk.next_id(),
                name=name,
                place=_place_of(place),
                phone=phone,
                email=email,
                created=at,
                modified=at,
            )
            self._clerk.vendors.put(vendor)
            return {"id": vendor.id}


def _place_of(parts: dict[str, Any]) -> Place:
    return replace(Place("", None, "", "", "", "USA"), **parts)


def _changed(it: Any, changes: dict[str, Any]) -> Any:
    parts = {name: value for name, value in changes.items() if name in _PLACE}
    rest = {name: value for name, value in changes.items() if name not in _PLACE}
    return replace(it, place=replace(it.place, **parts), **rest)
