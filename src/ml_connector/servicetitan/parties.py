"""One ServiceTitan tenant's customers and vendors, read, made and changed: port `PartyBook`, by shape.

Customers have a change feed, and their contacts another, for a customer does not move when its telephone changes. What
our application hung on them comes with no feed, so who is named by a feed is read once more, fifty at a time. Vendors
have no feed: they are read since a moment, with an overlap, and counted.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeVar

import msgspec

from ml_connector.books.outcomes import Deferred, Exchange, Held, InDoubt
from ml_connector.parties import refusals, writing
from ml_connector.parties.party import Party, Role, Side
from ml_connector.parties.writing import (
    AlreadyThere,
    Changed,
    Creation,
    Made,
    Overtaken,
    PartyPage,
    Unchanged,
    Update,
)
from ml_connector.servicetitan import door, errors, feeds, party_forms, party_wire, wire
from ml_connector.servicetitan.client import IDS_AT_ONCE, PAGE_SIZE, Client, Query
from ml_connector.servicetitan.door import Answered, Door, Refused, Taken
from ml_connector.servicetitan.party_forms import KeptAs
from ml_connector.servicetitan.wire import Listing, RowT

T = TypeVar("T")

OVERLAP = timedelta(hours=1)  # read again before the last moment seen, as rows are not written in the order of theirs
_DAY = timedelta(days=1)
_BOTH = frozenset({"name", "active", "address", "phones", "emails", "counterpart"})


class _Place(msgspec.Struct, frozen=True):
    """How far the feeds of customers and of their contacts were read."""

    customers: str
    contacts: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """A party as ServiceTitan has it now, and of a customer what its row has besides."""

    party: Party
    address: party_wire.Place | None = None
    contacts: Sequence[party_wire.Contact] = ()


class FieldParties:
    """`application_guid` is our application's, under which GP's ids hang on records, with `key`: one key for each GP
    company that the tenant feeds. With `terms`, payment terms are read and written too, which takes a scope more.
    """

    side = Side.FIELD

    def __init__(self, client: Client, application_guid: str, key: str = "gp_id", terms: bool = False) -> None:
        self._client, self._door = client, Door(client)
        self._kept_as = KeptAs(str(uuid.UUID(application_guid)), key)
        self._guid: Query = {"externalDataApplicationGuid": self._kept_as.guid}
        self._with_terms = terms
        self._terms: Mapping[int, str] | None = None

    @property
    def calls(self) -> int:
        """Requests sent to ServiceTitan so far."""
        return self._client.calls

    def tells(self, role: Role) -> frozenset[str]:
        if role is Role.VENDOR:
            return _BOTH | {"modified"}
        return self.takes(role) | {"merged_to", "modified"}

    def takes(self, role: Role) -> frozenset[str]:
        if role is Role.VENDOR:
            return _BOTH
        return _BOTH | {"type"} | ({"terms"} if self._with_terms else frozenset())

    def as_kept(self, party: Party) -> Party:
        return party_forms.as_kept(party)

    # ---- reading

    def count(self, role: Role) -> int:
        """How many ServiceTitan has, inactive ones included."""
        if role is Role.CUSTOMER:
            return self._client.count(party_wire.CUSTOMERS)
        return self._client.count(party_wire.VENDORS)

    def changed(self, role: Role, place: str | None) -> Iterator[PartyPage]:
        """What changed since `place` (None: everything), inactive ones included; some of it may have come before."""
        if role is Role.VENDOR:
            return self._vendors_since(place)
        return self._everybody() if place is None else self._customers_since(msgspec.json.decode(place, type=_Place))

    def by_ids(self, role: Role, ids: Sequence[str]) -> Mapping[str, Party]:
        numbers = [int(it) for it in ids if it.isascii() and it.isdecimal()]
        if role is Role.CUSTOMER:
            return self._customers(self._client.by_ids(party_wire.CUSTOMERS, numbers, self._guid))
        rows = self._client.by_ids(party_wire.VENDORS, numbers, self._guid)
        return {str(id): party_wire.vendor(row, self._kept_as.key) for id, row in rows.items()}

    def _everybody(self) -> Iterator[PartyPage]:
        """All customers from the list, which brings what hangs on them, and all contacts from their feed."""
        contacts: dict[int, list[party_wire.Contact]] = {}
        token = ""
        for page in feeds.follow(self._client, party_wire.CONTACT_FEED, None, _contact_page):
            for row in page.rows:
                contacts.setdefault(row.customer_id or 0, []).append(row)
            token = page.token
        latest = datetime.min.replace(tzinfo=UTC)
        for rows in self._listed(party_wire.CUSTOMERS, {}):
            parties = tuple(self._customer(row, _current(contacts.get(row.id, []))) for row in rows)
            latest = max([latest, *(it.modified for it in parties if it.modified)])
            yield PartyPage(parties, None)
        since = (latest - _DAY).date().isoformat() if latest.year > 1 else ""
        yield PartyPage((), _text(_Place(since, token)))

    def _customers_since(self, place: _Place) -> Iterator[PartyPage]:
        """Customers that moved, then those of whom a contact did."""
        at = place
        for page in feeds.follow(self._client, party_wire.CUSTOMER_FEED, place.customers, _customer_page):
            at = _Place(page.token, at.contacts)
            moved = {row.id: row for row in page.rows}
            there = self._client.by_ids(party_wire.CUSTOMERS, moved, self._guid)
            parties = self._customers({**moved, **there})  # one that is deleted is in the feed alone
            yield PartyPage(tuple(parties.values()), _text(at))
        for contacts in feeds.follow(self._client, party_wire.CONTACT_FEED, place.contacts, _contact_page):
            at = _Place(at.customers, contacts.token)
            ids = sorted({row.customer_id for row in contacts.rows if row.customer_id})
            reached = self._customers(self._client.by_ids(party_wire.CUSTOMERS, ids, self._guid))
            yield PartyPage(tuple(reached.values()), _text(at))

    def _vendors_since(self, place: str | None) -> Iterator[PartyPage]:
        latest = party_wire.instant(place)
        query: Query = {"modifiedOnOrAfter": _moment(latest - OVERLAP)} if latest else {}
        for rows in self._listed(party_wire.VENDORS, query):
            vendors = tuple(party_wire.vendor(row, self._kept_as.key) for row in rows)
            moments = [it.modified for it in vendors if it.modified]
            latest = max([*moments, *([latest] if latest else [])], default=None)
            yield PartyPage(vendors, None)
        yield PartyPage((), _moment(latest) if latest else None)

    def _listed(self, listing: Listing[RowT], query: Query) -> Iterator[Sequence[RowT]]:
        """All rows of a list, in pages by id so that a row that changes meanwhile hides no other, and counted: where
        fewer come than there are, they are read once more."""
        told = read = 0
        for _ in range(2):
            told, seen = self._client.count(listing, query), set[int]()
            asked: Query = {"active": "Any", **query, **self._guid, "sort": "+Id"}
            for rows in _chunks(self._client.pages(listing, asked), PAGE_SIZE):
                seen.update(row.id for row in rows)
                yield rows
            read = len(seen)
            if read >= told:
                return
        raise errors.rows_missing(self._client.place(listing), told, read)

    def _customers(self, rows: Mapping[int, party_wire.Customer]) -> Mapping[str, Party]:
        contacts = self._contacts(rows)
        return {str(id): self._customer(row, contacts.get(id, [])) for id, row in rows.items()}

    def _customer(self, row: party_wire.Customer, contacts: Sequence[party_wire.Contact]) -> Party:
        terms = self._term_names() if self._with_terms and row.payment_term_id else {}
        return party_wire.customer(row, contacts, self._kept_as.key, terms)

    def _contacts(self, customers: Iterable[int]) -> Mapping[int, list[party_wire.Contact]]:
        found: dict[int, list[party_wire.Contact]] = {}
        for chunk in _chunks(sorted(customers), IDS_AT_ONCE):
            query = {"customerIds": ",".join(map(str, chunk))}
            for row in self._client.pages(party_wire.CONTACTS, query):
                if row.customer_id is None or row.customer_id not in chunk:
                    place, asked = self._client.place(party_wire.CONTACTS), f"contacts of {len(chunk)} customers"
                    raise errors.filter_ignored(place, asked, row.customer_id)
                found.setdefault(row.customer_id, []).append(row)
        return {customer: _current(rows) for customer, rows in found.items()}

    def _term_names(self) -> Mapping[int, str]:
        """Payment terms by id, read once in the life of the object."""
        if self._terms is None:
            self._terms = {id: row.name or "" for id, row in self._client.everything(party_wire.TERMS).items()}
        return self._terms

    # ---- writing

    def create(self, party: Party) -> Creation:
        """Make the party, whose `counterpart` is GP's id: that is what we look for first, so that it is made once.

        A create that is in doubt is called again later, when ServiceTitan can no longer be at it: it looks first. Raises
        ValueError without a counterpart, and Interrupted where ServiceTitan turns us away altogether.
        """
        if not party.counterpart:
            raise ValueError("a party is made in ServiceTitan only for one of GP's: its counterpart is missing")
        wanted = self.as_kept(party)
        if not wanted.name:
            return Held((refusals.name_missing(Side.FIELD, party),))
        carrying = self._carrying(wanted)
        standing = [it for it in carrying if not it.merged_to] or carrying
        if len(standing) > 1:
            return Held((refusals.twice(party, tuple(it.id for it in standing)),))
        if standing:
            return AlreadyThere(standing[0])
        term = self._term(wanted)
        if isinstance(term, Held):
            return term
        if party.role is Role.CUSTOMER:
            answer = self._door.send(door.CREATE_CUSTOMER, party_forms.new_customer(wanted, self._kept_as, term), _made)
        else:
            answer = self._door.send(door.CREATE_VENDOR, party_forms.new_vendor(wanted, self._kept_as), _made)
        if isinstance(answer, Taken):
            return Made(str(answer.value.id), answer.wire)
        return self._judged(answer, party)

    def update(self, before: Party, after: Party) -> Update:
        """Write the fields in which `after` differs from `before`, which is what was read when that was decided.

        Telephones and e-mails are added and replaced, never taken away. Raises ValueError for a field that cannot be
        written, and Interrupted where ServiceTitan turns us away altogether.
        """
        wanted = self.as_kept(after)
        fields = writing.asked(before, after, wanted, self.takes(before.role))
        standing = self._standing(before)
        if standing is None:
            return Held((refusals.missing(Side.FIELD, before),))
        left = writing.left(standing.party, before, wanted, fields)
        if isinstance(left, Overtaken):
            return left
        term = self._term(wanted) if "terms" in left else None
        if isinstance(term, Held):
            return term
        exchanges = []
        for deed, body, ids in self._writes(wanted, left, standing, term):
            answer = self._door.send(deed, body, _made, *ids)
            if not isinstance(answer, Taken):
                return self._judged(answer, wanted)
            exchanges.append(answer.wire)
        if not exchanges:
            return Unchanged()
        request, answered = (b"\n".join(getattr(it, part) for it in exchanges) for part in ("request", "answer"))
        return Changed(left, Exchange(request, answered))

    def _standing(self, party: Party) -> _Standing | None:
        id = int(party.id)
        if party.role is Role.VENDOR:
            row = self._client.by_ids(party_wire.VENDORS, [id], self._guid).get(id)
            return None if row is None else _Standing(party_wire.vendor(row, self._kept_as.key))
        found = self._client.by_ids(party_wire.CUSTOMERS, [id], self._guid).get(id)
        if found is None:
            return None
        contacts = self._contacts([id]).get(id, [])
        return _Standing(self._customer(found, contacts), found.address, contacts)

    def _writes(
        self, wanted: Party, fields: Sequence[str], standing: _Standing, term: int | None
    ) -> Iterator[tuple[door.Deed, party_forms.Body, tuple[int, ...]]]:
        id = int(wanted.id)
        if wanted.role is Role.VENDOR:
            change_of_vendor = party_forms.changed_vendor(wanted, fields, self._kept_as)
            if change_of_vendor:
                yield door.CHANGE_VENDOR, change_of_vendor, (id,)
            return
        body = party_forms.changed_customer(wanted, fields, standing.address, self._kept_as, term)
        if body:
            yield door.CHANGE_CUSTOMER, body, (id,)
        for change in party_forms.contact_changes(wanted, fields, standing.contacts):
            if change.id is None:
                yield door.ADD_CONTACT, change.body, (id,)
            else:
                yield door.CHANGE_CONTACT, change.body, (id, change.id)

    def _carrying(self, party: Party) -> list[Party]:
        """The parties on which GP's id of this one hangs, held against what was asked for."""
        if party.role is Role.CUSTOMER:
            ids = self._ids_carrying(party_wire.CUSTOMERS, party.counterpart)
        else:
            ids = self._ids_carrying(party_wire.VENDORS, party.counterpart)
        return list(self.by_ids(party.role, ids).values())

    def _ids_carrying(self, listing: Listing[party_wire.HangerT], value: str) -> list[str]:
        query: Query = {
            "active": "Any",
            **self._guid,
            "externalDataKey": self._kept_as.key,
            "externalDataValues": value,
        }
        parts = {value, *value.split(",")}  # commas part the values that are asked for
        found = []
        for row in self._client.pages(listing, query, IDS_AT_ONCE):
            hangs = party_wire.hung_as(row.external_data, self._kept_as.key)
            if hangs not in parts:
                raise errors.filter_ignored(self._client.place(listing), f"who carries the GP id {value}", row.id)
            if hangs == value:
                found.append(str(row.id))
        return found

    def _term(self, wanted: Party) -> int | Held | None:
        if not self._with_terms or not wanted.terms or wanted.role is Role.VENDOR:
            return None
        name = wanted.terms.casefold()
        found = next((id for id, it in self._term_names().items() if it.casefold() == name), None)
        if found is None:
            says = f"it has no payment terms '{wanted.terms}'"
            return Held((refusals.refusal(Side.FIELD, wanted, "party.terms_missing", says),))
        return found

    def _judged(self, answer: Answered[T], party: Party) -> Held | InDoubt | Deferred:
        if isinstance(answer, Refused):
            if answer.status == 404 and party.id:
                return Held((refusals.missing(Side.FIELD, party),), answer.wire)
            return Held((refusals.refusal(Side.FIELD, party, "party.refused", answer.said),), answer.wire)
        assert not isinstance(answer, Taken)
        return answer


def _customer_page(raw: bytes) -> feeds.Rows[party_wire.Customer]:
    return feeds.rows(wire.decode(party_wire.CUSTOMER_PAGE, raw, "customer"))


def _contact_page(raw: bytes) -> feeds.Rows[party_wire.Contact]:
    return feeds.rows(wire.decode(party_wire.CONTACT_PAGE, raw, "contact"))


def _made(raw: bytes) -> wire.Row:
    return wire.decode(party_wire.MADE, raw, "party")


def _current(contacts: Iterable[party_wire.Contact]) -> list[party_wire.Contact]:
    """Each contact once, as it came last, oldest first; those that were deleted left out."""
    last = {it.id: it for it in contacts}
    return [last[id] for id in sorted(last) if last[id].active is not False]


def _chunks(it: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    rest = iter(it)
    while chunk := tuple(islice(rest, size)):
        yield chunk


def _moment(it: datetime) -> str:
    return it.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(place: _Place) -> str:
    return msgspec.json.encode(place).decode()
