"""A customer or vendor as GP keeps it, in our words and in GP's: what fits its columns, and its fields by our nouns. Pure.

Widths are those of eConnect's taUpdateCreateCustomerRcd and taUpdateCreateVendorRcd, the narrower where they differ. A
telephone number is kept as fourteen digits, the last four an extension.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from ml_connector.books.characters import fit, holds
from ml_connector.parties.party import Address, Party
from ml_connector.parties.writing import telephone

ID = 15
NAME, LINE, CITY, STATE, ZIP, COUNTRY = 64, 60, 35, 29, 10, 60
PHONE, EMAIL, TAX_ID, CLASS, TERMS, USER_DEFINED = 21, 200, 25, 15, 20, 20

PHONES = ("phone1", "phone2", "phone3")
ADDRESS = ("street", "unit", "city", "state", "zip", "country")
NOUNS: Mapping[str, tuple[str, ...]] = {  # what each field of `Party` is in a service map
    "name": ("name",),
    "active": ("active",),
    "address": ADDRESS,
    "phones": PHONES,
    "emails": ("email",),
    "tax_id": ("tax_id",),
    "type": ("class",),
    "terms": ("terms",),
    "counterpart": ("counterpart",),
}


def is_an_id(text: str) -> bool:
    """Whether GP keeps this id as it is."""
    return 0 < len(text) <= ID and holds(text) and text == text.upper()


def as_kept(party: Party, phones: int = len(PHONES)) -> Party:
    """The party as GP would give it back; `phones` is how many it has columns for."""
    address = party.address
    numbers = dict.fromkeys(number for number in map(telephone, party.phones) if number)
    return replace(
        party,
        name=fit(party.name, NAME),
        address=Address(
            fit(address.street, LINE),
            fit(address.unit, LINE),
            fit(address.city, CITY),
            fit(address.state, STATE),
            fit(address.zip, ZIP),
            fit(address.country, COUNTRY),
        ),
        phones=tuple(number[:PHONE] for number in numbers)[:phones],
        emails=tuple(filter(None, (fit(it, EMAIL) for it in party.emails)))[:1],
        tax_id=fit(party.tax_id, TAX_ID),
        type=fit(party.type.upper(), CLASS),
        terms=fit(party.terms, TERMS),
        counterpart=fit(party.counterpart, USER_DEFINED),
    )


def texts(party: Party, fields: Collection[str]) -> dict[str, str]:
    """The values of these fields by their nouns. A telephone number that is not there is left alone, never blanked."""
    address = party.address
    told: dict[str, str] = {}
    if "name" in fields:
        told["name"] = party.name
    if "address" in fields:
        values = (address.street, address.unit, address.city, address.state, address.zip, address.country)
        told |= dict(zip(ADDRESS, values, strict=True))
    if "phones" in fields:
        told |= {noun: _kept(number) for noun, number in zip(PHONES, party.phones, strict=False)}
    if "emails" in fields and party.emails:
        told["email"] = party.emails[0]
    for field, noun in (("tax_id", "tax_id"), ("type", "class"), ("terms", "terms"), ("counterpart", "counterpart")):
        if field in fields:
            told[noun] = getattr(party, field)
    return told


def never_fewer(wanted: Party, now: Party) -> Party:
    """What is wanted, with the telephone numbers and the e-mail that stand beyond it: none is ever taken away."""
    more = now.phones[len(wanted.phones) :]
    return replace(wanted, phones=(*wanted.phones, *more), emails=wanted.emails or now.emails)


def numbers(kept: Iterable[str]) -> tuple[str, ...]:
    """Telephone numbers out of GP's columns, each once, empty ones left out."""
    return tuple(dict.fromkeys(number for number in map(telephone, kept) if number))


def _kept(number: str) -> str:
    """Ten digits and an extension of none; a number of another form as it is."""
    return f"{number}0000" if len(number) == 10 else number
