"""A customer or vendor in the contract's objects, both ways: what a card that was read says, and what is written on it.

A card is changed by writing on the whole object that was read, for what an update leaves blank GP blanks. It has its
address, telephone numbers and e-mail in the one of its addresses that is its default.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from ml_connector.gp import party_words
from ml_connector.gp.web_services import answers
from ml_connector.gp.web_services.contract import Value
from ml_connector.parties.party import Address, Party, Role

_NEVER = datetime(1900, 1, 1)  # noqa: DTZ001 - read-only dates must be there, and are not read
_LINES = {
    "street": "Line1",
    "unit": "Line2",
    "city": "City",
    "state": "State",
    "zip": "PostalCode",
    "country": "CountryRegion",
}
_PHONES = {"phone1": "Phone1", "phone2": "Phone2", "phone3": "Phone3"}
USER_DEFINED = ("UserDefined1", "UserDefined2")


@dataclass(frozen=True, slots=True)
class Names:
    """What the contract calls the parts of a role's card."""

    noun: str
    tax_id: str
    results: tuple[str, str]  # the type and the literal of the one choice that a card must make
    also_at: str  # the other address key that a new card gets


NAMES: Mapping[Role, Names] = MappingProxyType(
    {
        Role.CUSTOMER: Names(
            "Customer",
            "TaxRegistrationNumber",
            ("ReceivablesPostResultsTo", "Receivables/Discount Account"),
            "BillToAddressKey",
        ),
        Role.VENDOR: Names(
            "Vendor",
            "TaxIdentificationNumber",
            ("PayablesPostResultsTo", "Payables/Discount Account"),
            "RemitToAddressKey",
        ),
    }
)


def party(role: Role, card: Value, counterpart: str) -> Party:
    """What a card says. `counterpart` names the member in which the site keeps ServiceTitan's id, "" for none."""
    address = default_address(role, card)
    phones = [getattr(address, member, None) for member in _PHONES.values()]
    internet = getattr(address, "InternetAddresses", None)
    email = answers.text(internet.EmailToAddress) if internet is not None else ""
    day = answers.day(card.ModifiedDate)
    return Party(
        role=role,
        id=answers.key(card.Key),
        name=answers.text(card.Name),
        active=bool(card.IsActive),
        address=Address(*(answers.text(getattr(address, member, None)) for member in _LINES.values())),
        phones=party_words.numbers(answers.text(phone.Value) for phone in phones if phone is not None),
        emails=(email,) if email else (),
        tax_id=answers.text(getattr(card, NAMES[role].tax_id)),
        type=answers.key(card.ClassKey),
        terms=answers.text(card.PaymentTermsKey.Id) if card.PaymentTermsKey is not None else "",
        on_hold=bool(card.IsOnHold),
        counterpart=answers.text(getattr(card, counterpart)) if counterpart else "",
        modified=datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None,
    )


def default_address(role: Role, card: Value) -> Value | None:
    """The address that the card names as its default, else its only one; None where it has none."""
    held = card.Addresses
    addresses = [] if held is None else getattr(held, f"{NAMES[role].noun}Address") or []
    code = answers.key(card.DefaultAddressKey)
    named = [it for it in addresses if it is not None and code and answers.key(it.Key) == code]
    return named[0] if named else addresses[0] if len(addresses) == 1 else None


def new(wanted: Party, fields: Collection[str], code: str, counterpart: str, results: str) -> Mapping[str, Value]:
    """The members of a card that a create sends; what GP's class is to fill in is left out. `code` names its address;
    `results` is where it posts to, which it must say."""
    names = NAMES[wanted.role]
    told: dict[str, Value] = {
        "Key": {"Id": wanted.id},
        "IsActive": wanted.active,
        "PostResultsTo": results,
        "CreatedDate": _NEVER,
        "ModifiedDate": _NEVER,
        **({"LastModifiedDate": _NEVER} if wanted.role is Role.CUSTOMER else {}),
        **_plain(wanted, fields, counterpart),
    }
    if wanted.address != Address() or wanted.phones or wanted.emails:
        key = _address_key(names, wanted.id, code)
        told |= {"DefaultAddressKey": key, names.also_at: key}
        told["Addresses"] = {f"{names.noun}Address": [_new_address(wanted, fields, key)]}
    return told


def write_on(card: Value, wanted: Party, fields: Collection[str], code: str, counterpart: str) -> None:
    """Write these fields of `wanted` on a card that was read; everything else stays as it is."""
    names = NAMES[wanted.role]
    for member, value in _plain(wanted, fields, counterpart).items():
        setattr(card, member, value)
    if "active" in fields:
        card.IsActive = wanted.active
    if not {"address", "phones", "emails"} & set(fields):
        return
    address = default_address(wanted.role, card)
    if address is None:
        key = _address_key(names, wanted.id, answers.key(card.DefaultAddressKey) or code)
        card.DefaultAddressKey = key
        others = [] if card.Addresses is None else getattr(card.Addresses, f"{names.noun}Address") or []
        card.Addresses = {f"{names.noun}Address": [*others, _new_address(wanted, fields, key)]}
        return
    for member, value in _placed(wanted, fields).items():
        if member == "InternetAddresses" and address.InternetAddresses is not None:
            address.InternetAddresses.EmailToAddress = value["EmailToAddress"]
        else:
            setattr(address, member, value)


def _plain(wanted: Party, fields: Collection[str], counterpart: str) -> dict[str, Value]:
    """The members that stand in the card itself."""
    texts = party_words.texts(wanted, fields)
    told: dict[str, Value] = {}
    for noun, member in (("name", "Name"), ("tax_id", NAMES[wanted.role].tax_id), ("counterpart", counterpart)):
        if noun in texts and member:
            told[member] = texts[noun]
    for noun, member in (("class", "ClassKey"), ("terms", "PaymentTermsKey")):
        if noun in texts:
            told[member] = {"Id": texts[noun]} if texts[noun] else None
    return told


def _placed(wanted: Party, fields: Collection[str]) -> dict[str, Value]:
    """The members that stand in its address."""
    texts = party_words.texts(wanted, fields)
    told: dict[str, Value] = {member: texts[noun] for noun, member in _LINES.items() if noun in texts}
    told |= {member: {"Value": texts[noun]} for noun, member in _PHONES.items() if noun in texts}
    if "email" in texts:
        told["InternetAddresses"] = {"EmailToAddress": texts["email"]}
    return told


def _new_address(wanted: Party, fields: Collection[str], key: Value) -> dict[str, Value]:
    dates = {"CreatedDate": _NEVER, "ModifiedDate": _NEVER}
    return {**_placed(wanted, fields), **dates, "Name": wanted.name, "Key": key}


def _address_key(names: Names, id: str, code: str) -> dict[str, Value]:
    return {f"{names.noun}Key": {"Id": id}, "Id": code}
