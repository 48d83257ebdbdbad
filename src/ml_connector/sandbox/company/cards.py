"""The cards of customers and vendors: how services make and change them, and what people do to them.

A card is read, made and changed whole, as eConnect's document exchange does it: what a change leaves blank is blanked.
A service that changes single fields (`only`) is one of the site's own. Deleting is a person's; it stays in the log of
changed keys, which GP keeps for customers alone.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeAlias

from ml_connector.sandbox.company.card_records import (
    CARD_WIDTHS,
    Card,
    CardAction,
    CardChange,
    Customer,
    Vendor,
    as_kept,
)
from ml_connector.sandbox.company.errors import Reason, Refusal, Refused
from ml_connector.sandbox.company.records import PARTY_WIDTH, Module, Tables, key

Told: TypeAlias = dict[str, Any]  # JSON values
BY_HAND = "sa"
WRITABLE = frozenset(Card.__dataclass_fields__) - {"created", "modified"}
WRITABLE_OF = {Customer: WRITABLE | {"credit_limit"}, Vendor: WRITABLE | {"is_1099"}}
_ADDRESS = ("line1", "line2", "city", "state", "zip", "country", "phone1", "phone2", "phone3", "contact")
_USABLE = {"email": 200, "tax_id": 25, "zip": 10, "city": 35, "state": 29, "address_code": 15}


class Cards:
    """A part of the company, which guards it."""

    _tables: Tables
    _lock: threading.RLock

    def _today(self) -> date:
        raise NotImplementedError

    # What a service reads and writes.

    def customers(self, ids: Iterable[str] | None = None) -> tuple[Customer, ...]:
        """All of them, or those of `ids` that exist."""
        with self._lock:
            return tuple(_among(self._tables.customers, ids))

    def vendors(self, ids: Iterable[str] | None = None) -> tuple[Vendor, ...]:
        with self._lock:
            return tuple(_among(self._tables.vendors, ids))

    def changed_customers(self) -> tuple[CardChange, ...]:
        """The log of changed keys: of each customer the last thing that was done to it."""
        with self._lock:
            return tuple(self._tables.customer_changes.values())

    def make(self, of: type[Card], values: Mapping[str, Any], by: str) -> Card:
        """A new card, or `Refused` and nothing is changed. Blank terms become those of the class."""
        with self._lock:
            today = self._today()
            card = of(**{"id": "", "name": "", "class_id": "", **values, "created": today, "modified": today})
            kind = self._tables.customer_classes if of is Customer else self._tables.vendor_classes
            known = kind.get(key(card.class_id))
            if known is not None and not card.terms.strip():
                card = replace(card, terms=known.terms)
            against = list(self._against(card))
            if key(card.id) in self._table(of):
                says = f"{of.__name__} already exists: {key(card.id)}"
                against.append(Refusal(Reason.PARTY_TAKEN, says))
            if against:
                raise Refused(against)
            return self._keep_card(card, CardAction.CREATED, by)

    def change(self, of: type[Card], id: str, values: Mapping[str, Any], by: str, only: bool) -> Card:
        """The card with these values: with `only`, the others stay, else they are blanked; or `Refused`."""
        with self._lock:
            old = self._table(of).get(key(id))
            if old is None:
                reason = Reason.CUSTOMER_UNKNOWN if of is Customer else Reason.VENDOR_UNKNOWN
                raise Refused([Refusal(reason, f"{of.__name__} does not exist: {key(id)}")])
            kept = {"id": old.id, "created": old.created, "modified": self._today()}
            if isinstance(old, Customer):
                kept |= {"balance": old.balance}
            card = replace(old, **{**values, **kept}) if only else of(**{"name": "", "class_id": "", **values, **kept})
            against = list(self._against(card))
            if (of, key(id)) in self._tables.locked_cards:
                says = f"{of.__name__} {key(id)} is currently being edited by another user."
                against.append(Refusal(Reason.CARD_LOCKED, says))
            if against:
                raise Refused(against)
            return self._keep_card(card, CardAction.UPDATED, by)

    # What a person does.

    def do_add_customer(
        self, id: str, name: str, class_id: str = "RESIDENTIAL", account: str = "", **card: Any
    ) -> Told:
        return self._person_makes(Customer, {"id": id, "name": name, "class_id": class_id, "account": account, **card})

    def do_add_vendor(
        self, id: str, name: str, class_id: str = "TRADE", account: str = "", is_1099: bool = False, **card: Any
    ) -> Told:
        values = {"id": id, "name": name, "class_id": class_id, "account": account, "is_1099": is_1099, **card}
        return self._person_makes(Vendor, values)

    def do_edit_customer(self, id: str, **changes: Any) -> Told:
        """Somebody changes fields of a customer's card, by the names of `Customer`."""
        return self._person_changes(Customer, id, changes)

    def do_edit_vendor(self, id: str, **changes: Any) -> Told:
        return self._person_changes(Vendor, id, changes)

    def do_put_on_hold(self, party: str, on_hold: bool = True) -> Told:
        """Put a customer or a vendor on hold, or release it."""
        of: type[Card] = Customer if key(party) in self._tables.customers else Vendor
        return self._person_changes(of, party, {"on_hold": on_hold})

    def do_delete_customer(self, id: str) -> Told:
        """Delete a customer's card; not one that has transactions."""
        with self._lock:
            if any(
                it.module is Module.RECEIVABLES and key(it.party) == key(id) for it in self._tables.documents.values()
            ):
                return {"refused": [f"{id} has transactions."]}
            if self._tables.customers.pop(key(id), None) is None:
                return {"refused": [f"{id} does not exist."]}
            change = CardChange(key(id), CardAction.DELETED, BY_HAND, self._today())
            self._tables.customer_changes[key(id)] = change
            return {}

    def do_lock_card(self, party: str, locked: bool = True) -> Told:
        """Somebody has the card open on a screen, or closes it."""
        with self._lock:
            of: type[Card] = Customer if key(party) in self._tables.customers else Vendor
            change = self._tables.locked_cards.add if locked else self._tables.locked_cards.discard
            change((of, key(party)))
            return {}

    # Within one transaction; the caller holds the lock.

    def _person_makes(self, of: type[Card], values: Mapping[str, Any]) -> Told:
        try:
            self.make(of, values, BY_HAND)
        except Refused as refused:
            return {"refused": [it.message for it in refused.refusals]}
        return {}

    def _person_changes(self, of: type[Card], id: str, changes: Mapping[str, Any]) -> Told:
        try:
            self.change(of, id, changes, BY_HAND, only=True)
        except Refused as refused:
            return {"refused": [it.message for it in refused.refusals]}
        return {}

    def _against(self, card: Card) -> Iterator[Refusal]:
        """What GP has against the card itself; it tells all that it finds."""
        of = "Customer" if isinstance(card, Customer) else "Vendor"
        for name in ("id", "name"):
            if not getattr(card, name).strip():
                yield Refusal(Reason.FIELD_MISSING, f"Required field {name} is missing or empty.")
        for name, width in {"id": PARTY_WIDTH, **CARD_WIDTHS}.items():
            most, text = _USABLE.get(name, width if name == "id" else width - 1), getattr(card, name).rstrip()
            if len(text) > most:
                says = f"Value '{text}' of {name} is longer than {most} characters."
                yield Refusal(Reason.FIELD_TOO_LONG, says)
        classes = self._tables.customer_classes if of == "Customer" else self._tables.vendor_classes
        if card.class_id.strip() and key(card.class_id) not in classes:
            yield Refusal(Reason.CLASS_UNKNOWN, f"{of} class does not exist: {key(card.class_id)}")
        if card.terms.strip() and key(card.terms) not in self._tables.terms:
            yield Refusal(Reason.TERMS_UNKNOWN, f"Payment terms do not exist: {card.terms.strip()}")
        if not card.address_code.strip() and any(getattr(card, name).strip() for name in _ADDRESS):
            yield Refusal(Reason.ADDRESS_WITHOUT_CODE, f"{of} address code is required where an address is given.")
        if card.account.strip() and card.account.strip() not in self._tables.accounts:
            yield Refusal(Reason.ACCOUNT_UNKNOWN, f"Account number does not exist: {card.account.strip()}")

    def _keep_card(self, card: Card, action: CardAction, by: str) -> Card:
        known = self._tables.terms.get(key(card.terms))
        kept = as_kept(replace(card, terms=known or card.terms))
        table = self._table(type(card))
        table[key(card.id)] = kept
        if isinstance(kept, Customer):
            self._tables.customer_changes[key(card.id)] = CardChange(key(card.id), action, by, kept.modified)
        return kept

    def _table(self, of: type[Card]) -> dict[str, Any]:
        return self._tables.customers if of is Customer else self._tables.vendors


def _among(table: Mapping[str, Any], ids: Iterable[str] | None) -> Iterator[Any]:
    if ids is None:
        yield from table.values()
        return
    for id in dict.fromkeys(map(key, ids)):
        if id in table:
            yield table[id]
