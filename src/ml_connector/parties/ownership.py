"""Who has the last word about a field of a bound party, and what follows when it was edited.

What each side showed when the two were last made equal is kept beside the binding. A side whose field still reads so has
not been edited; so our own writes, coming back, are no edits, and nothing goes to and fro.

    owner ServiceTitan or GP   an edit there goes across; an edit on the other side is set back
    owner either               an edit on one side goes across
    owner none                 the field is not aligned
    both edited, differently   the owner wins; of `either`, and where the rule says so, the party is held as a conflict
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ml_connector.parties.comparing import folded, mail_key, phone_key, street_key, zip_key
from ml_connector.parties.party import Address, Party, Side


class Field(Enum):
    """What is aligned. A party's active or inactive is a field like any other."""

    NAME = "name"
    ADDRESS = "address"
    PHONE = "phone"  # the first of several
    MAIL = "mail"  # likewise
    TERMS = "terms"
    ACTIVE = "active"


class Owner(Enum):
    FIELD = "ServiceTitan"
    BOOKS = "GP"
    EITHER = "either"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class FieldRule:
    owner: Owner
    hold_conflicts: bool = False


Value = str | bool | Address


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that was edited on both sides; `base` is what it was."""

    field: Field
    base: Value
    in_field: Value
    in_books: Value


@dataclass(frozen=True, slots=True)
class Changes:
    """What is written to each side, and what a person must decide. `lost` are edits that give way, for the trail."""

    to_field: Mapping[Field, Value] = field(default_factory=dict)
    to_books: Mapping[Field, Value] = field(default_factory=dict)
    lost: tuple[Conflict, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.to_field or self.to_books or self.conflicts)


def changes(
    was_in_field: Party, was_in_books: Party, in_field: Party, in_books: Party, rules: Mapping[Field, FieldRule]
) -> Changes:
    """What two sides of one party owe each other, when the one was last seen as `was_…` and now reads as it does."""
    to_field: dict[Field, Value] = {}
    to_books: dict[Field, Value] = {}
    lost, conflicts = [], []
    for it, rule in rules.items():
        if rule.owner is Owner.NONE:
            continue
        here, there = value(in_field, it), value(in_books, it)
        field_edited = not same(it, value(was_in_field, it), here)
        books_edited = not same(it, value(was_in_books, it), there)
        if same(it, here, there) or not (field_edited or books_edited):
            continue
        if field_edited and books_edited:
            conflict = Conflict(it, value(was_in_field, it), here, there)
            if rule.owner is Owner.EITHER or rule.hold_conflicts:
                conflicts.append(conflict)
                continue
            lost.append(conflict)
        elif (rule.owner is Owner.FIELD and books_edited) or (rule.owner is Owner.BOOKS and field_edited):
            lost.append(Conflict(it, value(was_in_field, it), here, there))
        if rule.owner is Owner.FIELD or (rule.owner is Owner.EITHER and field_edited):
            to_books[it] = here
        else:
            to_field[it] = there
    return Changes(to_field, to_books, tuple(lost), tuple(conflicts))


def value(party: Party, field: Field) -> Value:
    match field:
        case Field.NAME:
            return party.name
        case Field.ADDRESS:
            return party.address
        case Field.PHONE:
            return party.phones[0] if party.phones else ""
        case Field.MAIL:
            return party.emails[0] if party.emails else ""
        case Field.TERMS:
            return party.terms
        case Field.ACTIVE:
            return party.active


def same(field: Field, one: Value, other: Value) -> bool:
    """Whether two spellings of a field say the same: blanks, case, accents, the way a number is grouped do not matter.

    A name that GP cut off at its width is still that name.
    """
    return one == other or _KEYS[field](one) == _KEYS[field](other)


WIDTHS = {"name": 64, "street": 60, "city": 35, "state": 29, "zip": 10, "country": 60}
"""How much GP keeps (eConnect, taUpdateCreateCustomerRcd: CUSTNAME, ADDRESS1, CITY, STATE, ZIPCODE, COUNTRY)."""


def _text_key(text: Value, width: int | None = None) -> object:
    spelled = " ".join(folded(str(text)).split())
    return spelled if width is None else spelled[:width].rstrip()


def _address_key(address: Value) -> object:
    assert isinstance(address, Address)
    parts = (_text_key(address.city, WIDTHS["city"]), _text_key(address.state), zip_key(address.zip))
    return (street_key(address.street, address.unit), *parts)


_KEYS: Mapping[Field, Callable[[Value], object]] = {
    Field.NAME: lambda it: _text_key(it, WIDTHS["name"]),
    Field.ADDRESS: _address_key,
    Field.PHONE: lambda it: phone_key(str(it)) or _text_key(it),
    Field.MAIL: lambda it: mail_key(str(it)) or _text_key(it),
    Field.TERMS: _text_key,
    Field.ACTIVE: lambda it: it,
}


def edited(side: Side, lost: Iterable[Conflict]) -> dict[str, str]:
    """What a side had that gives way, as the trail keeps it."""
    return {it.field.value: _told(it.in_field if side is Side.FIELD else it.in_books) for it in lost}


def _told(value: Value) -> str:
    if isinstance(value, Address):
        parts = (value.street, value.unit, value.city, value.state, value.zip, value.country)
        return ", ".join(part for part in parts if part)
    return str(value)
