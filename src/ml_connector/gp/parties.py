"""The customers and vendors of one GP company over SBA: port `PartyBook`, by shape. What things are called is the map's.

GP tells the day of a change and not the moment, and that day is the date on the screen of whoever made it, which a
bookkeeper often sets back. So what changed since a day is read from days before it again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from ml_connector.books.outcomes import Deferred, Held, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.gp import errors, party_words
from ml_connector.gp.party_answers import refused
from ml_connector.gp.row import Row, fold
from ml_connector.gp.sba import Condition, Sba
from ml_connector.gp.service_map import Resource
from ml_connector.gp.told import Refusal, Taken, Told
from ml_connector.parties import refusals, writing
from ml_connector.parties.party import Address, Party, Role, Side
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

OVERLAP = timedelta(days=7)
ADDRESS_CODE = "PRIMARY"
_TOLD = {
    **{field: nouns[0] for field, nouns in party_words.NOUNS.items()},
    "on_hold": "on_hold",
    "modified": "modified",
}
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class GpParties:
    """Over an `Sba` that its maker closes. `address_code` is the id under which a new card's address stands; `today` is the
    day beyond which GP's own days are not believed."""

    side = Side.BOOKS

    def __init__(
        self,
        sba: Sba,
        address_code: str = ADDRESS_CODE,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._sba, self._address_code, self._today = sba, address_code, today

    @property
    def calls(self) -> int:
        """Requests sent to GP so far, the legs of a login left out."""
        return self._sba.calls

    def tells(self, role: Role) -> frozenset[str]:
        """What the service map names."""
        return frozenset(field for field, noun in _TOLD.items() if noun in self._resource(role).fields)

    def takes(self, role: Role) -> frozenset[str]:
        resource = self._resource(role)
        closed = resource.update.read_only if resource.update else frozenset()
        open_ = {noun for noun, wire in resource.fields.items() if wire.removeprefix("!") not in closed}
        return frozenset(
            field for field, nouns in party_words.NOUNS.items() if nouns[0] in open_ and resource.update is not None
        )

    def as_kept(self, party: Party) -> Party:
        """What the map has no field for is left out."""
        blank = Party(party.role, party.id, "")
        unknown: dict[str, Any] = {
            field: getattr(blank, field) for field in party_words.NOUNS.keys() - self.tells(party.role)
        }
        return replace(party_words.as_kept(party, self._phones(party.role)), **unknown)

    # Reading

    def count(self, role: Role) -> int | None:  # noqa: ARG002 - of the port
        """SBA tells no totals."""
        return None

    def changed(self, role: Role, place: str | None) -> Iterator[PartyPage]:
        """`place` is a day. Raises Interrupted where GP gives rows of days that were not asked for."""
        resource = self._resource(role)
        latest = date.fromisoformat(place) if place else None
        since = latest - OVERLAP if latest and resource.filters.get("modified") else None
        conditions: list[Condition] = []
        if since is not None:
            conditions = [("modified", {"value": [since.strftime(self._sba.map.formats.date)]})]
        for rows in self._sba.parts(resource, "id", *conditions):
            days = [day for row in rows if (day := row.day("modified")) is not None]
            if since is not None and any(day < since for day in days):
                says = f"GP was asked for what changed since {since} and gave a row of {min(days)}"
                raise Interrupted(errors.misfit(f"{resource.name}.filters.modified", says))
            latest = max([*days, *([latest] if latest else [])], default=None)
            yield PartyPage(tuple(self._party(role, row) for row in rows), None)
        yield PartyPage((), min(latest, self._today()).isoformat() if latest else None)

    def by_ids(self, role: Role, ids: Sequence[str]) -> Mapping[str, Party]:
        rows = self._rows(role, ids)
        return {one: self._party(role, rows[fold(one)]) for one in ids if fold(one) in rows}

    # Writing

    def create(self, party: Party) -> Creation:
        """Raises Interrupted where GP turns us away altogether, or the map does not say where one is made."""
        resource = self._resource(party.role)
        if not resource.create:
            raise Interrupted(errors.unmapped(f"{resource.name}.create", f"a {party.role.value} is to be made"))
        wanted = self.as_kept(party)
        if not party_words.is_an_id(party.id):
            return Held((refusals.id_unfit(party),))
        if not wanted.name:
            return Held((refusals.name_missing(Side.BOOKS, party),))
        standing = self.by_ids(party.role, [party.id]).get(party.id)
        if standing is not None:
            same = not writing.differing(standing, wanted, {"name"})
            return AlreadyThere(standing) if same else Held((refusals.id_taken(party, standing),))
        values = {"id": party.id, **self._values(resource, wanted, self.takes(party.role))}
        told = self._tell(resource, self._sba.map.creates.verb, resource.create, values)
        if isinstance(told, Taken):
            wrong = self._sba.speaks_of(resource, "id", told.cells, party.id)
            return InDoubt(wrong, told.wire) if wrong else Made(party.id, told.wire)
        return self._judged(told, party)

    def update(self, before: Party, after: Party) -> Update:
        """Raises Interrupted where GP turns us away altogether, or the map does not say how one is changed."""
        resource = self._resource(before.role)
        wanted = self.as_kept(after)
        fields = writing.asked(before, after, wanted, self.takes(before.role))
        row = self._rows(before.role, [before.id]).get(fold(before.id))
        if row is None:
            return Held((refusals.missing(Side.BOOKS, before),))
        now = self._party(before.role, row)
        wanted = party_words.never_fewer(wanted, now)
        left = writing.left(now, before, wanted, fields)
        if isinstance(left, Overtaken):
            return left
        if not left:
            return Unchanged()
        change = resource.update
        if change is None:
            raise Interrupted(errors.unmapped(f"{resource.name}.update", f"a {before.role.value} is to be changed"))
        values = self._values(resource, wanted, left)
        if row.has("address_code") and row.key("address_code"):
            values.pop("address_code", None)  # the card has one, and keeps it
        whole = {name: cell for name, cell in row.cells.items() if name not in change.read_only} if change.whole else {}
        told = self._tell(resource, change.verb, change.path.format(key=quote(before.id, safe="")), values, whole)
        if isinstance(told, Taken):
            wrong = self._sba.speaks_of(resource, "id", told.cells, before.id)
            return InDoubt(wrong, told.wire) if wrong else Changed(left, told.wire)
        return self._judged(told, after)

    # How it is done

    def _resource(self, role: Role) -> Resource:
        return self._sba.map.customers if role is Role.CUSTOMER else self._sba.map.vendors

    def _phones(self, role: Role) -> int:
        return sum(noun in self._resource(role).fields for noun in party_words.PHONES)

    def _rows(self, role: Role, ids: Sequence[str]) -> dict[str, Row]:
        """The whole rows of these parties, by id as GP compares it; those that a list can ask for in bulk."""
        resource = self._resource(role)
        wanted = sorted({fold(one) for one in ids if one})
        if len(wanted) == 1 and resource.record:
            row = self._sba.record(resource, wanted[0])
            return {} if row is None else {wanted[0]: row}
        found: dict[str, Row] = {}
        for chunk in self._sba.chunks(resource, "ids", [one for one in wanted if self._sba.sayable(one)]):
            for row in self._sba.rows(resource, ("ids", {"values": chunk})):
                if row.key("id") not in chunk:
                    says = f"GP was asked for {chunk[0]} and gave {row.key('id')}: it does not heed the filter"
                    raise Interrupted(errors.misfit(f"{resource.name}.filters.ids", says))
                found[row.key("id")] = row
        for one in wanted:
            if not self._sba.sayable(one) and (row_ := self._sba.record(resource, one)) is not None:
                found[one] = row_
        return found

    def _party(self, role: Role, row: Row) -> Party:
        def text(noun: str) -> str:
            return row.text(noun) if row.has(noun) else ""

        day = row.day("modified")
        return Party(
            role=role,
            id=row.key("id"),
            name=text("name"),
            active=row.flag("active"),
            address=Address(*(text(noun) for noun in party_words.ADDRESS)),
            phones=party_words.numbers(text(noun) for noun in party_words.PHONES),
            emails=(text("email"),) if text("email") else (),
            tax_id=text("tax_id"),
            type=fold(text("class")),
            terms=text("terms"),
            on_hold=row.flag("on_hold"),
            counterpart=text("counterpart"),
            modified=datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None,
        )

    def _values(self, resource: Resource, party: Party, fields: Collection[str]) -> dict[str, object]:
        """The values of these fields by noun, those that the map names; an address never goes without its code."""
        values: dict[str, object] = dict(party_words.texts(party, fields))
        if "active" in fields:
            values["active"] = party.active
        if {"address", "phones", "emails"} & set(fields):
            values["address_code"] = party.address_code or self._address_code
        return {noun: value for noun, value in values.items() if noun in resource.fields}

    def _tell(
        self,
        resource: Resource,
        verb: str,
        path: str,
        values: Mapping[str, object],
        whole: Mapping[str, object] | None = None,
    ) -> Told:
        told = dict(whole or {})
        for noun, value in values.items():
            wire = resource.fields[noun]
            told[wire.removeprefix("!")] = value is not wire.startswith("!") if isinstance(value, bool) else value
        envelope = self._sba.map.creates.envelope
        return self._sba.tell(resource.name, verb, path, _ENCODER.encode({envelope: told} if envelope else told))

    def _judged(self, told: Told, party: Party) -> Held | InDoubt | Deferred:
        assert not isinstance(told, Taken)
        return refused(told, self._sba.map.refusals, party) if isinstance(told, Refusal) else told
