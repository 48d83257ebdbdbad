"""A party as ServiceTitan takes it: the bodies of the writes, by the request models of its OpenAPI documents. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ml_connector.parties.party import Address, Party
from ml_connector.parties.writing import telephone
from ml_connector.servicetitan.party_wire import EMAIL, TELEPHONES, Contact, Place

Body = Mapping[str, object]
TYPES = ("Residential", "Commercial")


@dataclass(frozen=True, slots=True)
class KeptAs:
    """Where GP's id of a party hangs in ServiceTitan: under this key of our application's."""

    guid: str
    key: str

    def made(self, value: str) -> Body:
        return {"applicationGuid": self.guid, "externalData": [{"key": self.key, "value": value}]}

    def changed(self, value: str) -> Body:
        """Merged, so that what else hangs there stays; a key without a value is taken away."""
        items = [{"key": self.key, "value": value or None}]
        return {"patchMode": "Merge", "applicationGuid": self.guid, "externalData": items}


def new_customer(party: Party, kept_as: KeptAs, term: int | None) -> Body:
    """A customer needs a location; ours is at its own address, under its own name."""
    address = _address(party.address)
    return {
        "name": party.name,
        **({"type": party.type} if party.type in TYPES else {}),
        "address": address,
        "locations": [{"name": party.name, "address": address}],
        "contacts": [_contact(kind, value) for kind, value in _contacts(party)],
        "externalData": kept_as.made(party.counterpart),
        **({"paymentTermId": term} if term is not None else {}),
    }


def changed_customer(
    after: Party, fields: Collection[str], standing: Place | None, kept_as: KeptAs, term: int | None
) -> Body:
    """The fields that go with the customer itself; its contacts are changed one by one.

    A change of the address must carry coordinates, which are numbers there: the present ones, else zeros, as the
    bill-to address is not what technicians are sent to.
    """
    body: dict[str, object] = {}
    if "name" in fields:
        body["name"] = after.name
    if "active" in fields:
        body["active"] = after.active
    if "type" in fields and after.type in TYPES:
        body["type"] = after.type
    if "address" in fields:
        latitude = standing.latitude if standing else None
        longitude = standing.longitude if standing else None
        body["address"] = {**_address(after.address), "latitude": latitude or 0, "longitude": longitude or 0}
    if "terms" in fields and term is not None:
        body["paymentTermId"] = term
    if "counterpart" in fields:
        body["externalData"] = kept_as.changed(after.counterpart)
    return body


def new_vendor(party: Party, kept_as: KeptAs) -> Body:
    return {
        "name": party.name,
        "active": party.active,
        "phone": "".join(party.phones[:1]),
        "email": "".join(party.emails[:1]),
        "isTruckReplenishment": False,
        "taxRate": 0,
        "restrictedMobileCreation": False,
        "address": _address(party.address),
        "externalData": kept_as.made(party.counterpart),
    }


def changed_vendor(after: Party, fields: Collection[str], kept_as: KeptAs) -> Body:
    body: dict[str, object] = {}
    if "name" in fields:
        body["name"] = after.name
    if "active" in fields:
        body["active"] = after.active
    if "phones" in fields and after.phones:
        body["phone"] = after.phones[0]
    if "emails" in fields and after.emails:
        body["email"] = after.emails[0]
    if "address" in fields:
        body["address"] = _address(after.address)
    if "counterpart" in fields:
        body["externalData"] = kept_as.changed(after.counterpart)
    return body


@dataclass(frozen=True, slots=True)
class ContactChange:
    """One contact to be changed, or, without an id, to be added."""

    id: int | None
    body: Body


def contact_changes(after: Party, fields: Collection[str], standing: Sequence[Contact]) -> list[ContactChange]:
    """What brings the customer's contacts to the telephones and e-mails of `after`.

    A number that is not wanted any more is replaced by one that is missing; none is ever taken away, for ServiceTitan
    keeps consents and reminders with it.
    """
    changes: list[ContactChange] = []
    for name, types in (("phones", TELEPHONES), ("emails", (EMAIL,))):
        if name not in fields:
            continue
        wanted: Sequence[str] = getattr(after, name)
        there = {_same(name, it.value or ""): it for it in standing if it.type in types}
        kept = {_same(name, value) for value in wanted}
        spare = [it for same, it in there.items() if same not in kept]
        missing = [value for value in dict.fromkeys(wanted) if _same(name, value) not in there]
        for place, value in enumerate(missing):
            old = spare[place] if place < len(spare) else None
            changes.append(
                ContactChange(old.id, {"value": value}) if old else ContactChange(None, _contact(types[0], value))
            )
    return changes


def as_kept(party: Party) -> Party:
    """The party as ServiceTitan would give it back, with what it cannot keep left out."""
    of_customer = party.role.value == "customer"
    return Party(
        role=party.role,
        id=party.id,
        name=" ".join(party.name.split()),
        active=party.active,
        address=party.address,
        phones=_distinct("phones", party.phones)[: None if of_customer else 1],
        emails=_distinct("emails", party.emails)[: None if of_customer else 1],
        type=party.type if of_customer and party.type in TYPES else "",
        terms=party.terms if of_customer else "",
        counterpart=party.counterpart,
        merged_to=party.merged_to,
        modified=party.modified,
    )


def _distinct(name: str, values: Sequence[str]) -> tuple[str, ...]:
    return tuple({_same(name, it): it.strip() for it in reversed(values) if it.strip()}.values())[::-1]


def _same(name: str, value: str) -> str:
    return telephone(value) if name == "phones" else value.strip().casefold()


def _contacts(party: Party) -> list[tuple[str, str]]:
    return [(TELEPHONES[0], it) for it in party.phones] + [(EMAIL, it) for it in party.emails]


def _contact(kind: str, value: str) -> Body:
    return {"type": kind, "value": value}


def _address(it: Address) -> dict[str, object]:
    return {
        "street": it.street,
        "unit": it.unit,
        "city": it.city,
        "state": it.state,
        "zip": it.zip,
        "country": it.country,
    }
