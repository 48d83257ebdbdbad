"""The customers and vendors of one GP company over the web services: port `PartyBook`, by shape.

The lists leave out terms, e-mails, tax ids and which address counts, so each party that changed is read by its key: one
call for each. Who was deleted shows in the log of changed keys, which GP keeps for customers alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from functools import partial

from ml_connector.books.outcomes import Deferred, Held, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.gp import party_words
from ml_connector.gp.parties import ADDRESS_CODE, OVERLAP
from ml_connector.gp.party_answers import refused
from ml_connector.gp.ranges import in_ranges
from ml_connector.gp.row import fold
from ml_connector.gp.service_map import Meaning
from ml_connector.gp.told import Refusal, Taken, Told
from ml_connector.gp.web_services import answers, cards, errors
from ml_connector.gp.web_services.contract import Value
from ml_connector.gp.web_services.policies import Policies
from ml_connector.gp.web_services.telling import Telling
from ml_connector.gp.web_services.transport import WebServices
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

_PAGE = 100  # parties that are read by their keys before they are given on
_DELETED = "GetChangedCustomerKeyList"


class WebServicesParties:
    """Over `WebServices` that their maker closes. `meanings` tells what GP's texts mean to us. `counterpart` names the member
    in which the site keeps ServiceTitan's id (UserDefined1 or UserDefined2; "" where it keeps none); `address_code` is the
    id under which a new card's address stands; `today` the day beyond which GP's own days are not believed.
    """

    side = Side.BOOKS

    def __init__(
        self,
        services: WebServices,
        policies: Policies,
        meanings: tuple[Meaning, ...],
        counterpart: str = "",
        address_code: str = ADDRESS_CODE,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        if counterpart not in ("", *cards.USER_DEFINED):
            raise ValueError(f"'{counterpart}' is no field of a site's own: {' or '.join(cards.USER_DEFINED)}")
        self._services, self._policies, self._meanings = services, policies, meanings
        self._counterpart, self._address_code, self._today = counterpart, address_code, today
        self._telling = Telling(services, meanings)

    @property
    def calls(self) -> int:
        """Requests sent to GP so far, those for the WSDL included, the legs of a login left out."""
        return self._services.wire.calls

    def tells(self, role: Role) -> frozenset[str]:
        return self.takes(role) | {"on_hold", "modified"}

    def takes(self, role: Role) -> frozenset[str]:  # noqa: ARG002 - of the port
        return frozenset(party_words.NOUNS) - (frozenset() if self._counterpart else {"counterpart"})

    def as_kept(self, party: Party) -> Party:
        kept = party_words.as_kept(party)
        return kept if self._counterpart else replace(kept, counterpart="")

    # Reading

    def count(self, role: Role) -> int | None:  # noqa: ARG002 - of the port
        """The web services tell no totals."""
        return None

    def changed(self, role: Role, place: str | None) -> Iterator[PartyPage]:
        """`place` is a day. Raises Interrupted where GP gives rows of days that were not asked for."""
        latest = date.fromisoformat(place) if place else None
        since = latest - OVERLAP if latest else None
        waiting: list[str] = []
        for rows in self._rows(role, since):
            days = [day for row in rows if (day := answers.day(row.ModifiedDate)) is not None]
            if since is not None and any(day < since for day in days):
                says = f"GP was asked for what changed since {since} and gave a row of {min(days)}"
                raise Interrupted(errors.answer(self._list(role), f"{says}: it does not heed the restriction"))
            latest = max([*days, *([latest] if latest else [])], default=None)
            waiting += [answers.key(row.Key) for row in rows]
            while len(waiting) >= _PAGE:
                yield self._page(role, waiting[:_PAGE])
                del waiting[:_PAGE]
        yield self._page(role, waiting)
        gone = self._deleted(role, since) if since else ()
        yield PartyPage((), min(latest, self._today()).isoformat() if latest else None, gone)

    def by_ids(self, role: Role, ids: Sequence[str]) -> Mapping[str, Party]:
        found = {one: self._card(role, one) for one in dict.fromkeys(ids) if one}
        return {one: self._party(role, card) for one, card in found.items() if card is not None}

    # Writing

    def create(self, party: Party) -> Creation:
        """Raises Interrupted where GP turns us away altogether, or its contract has no such operation."""
        operation = f"Create{cards.NAMES[party.role].noun}"
        wanted = self.as_kept(party)
        if not party_words.is_an_id(party.id):
            return Held((refusals.id_unfit(party),))
        if not wanted.name:
            return Held((refusals.name_missing(Side.BOOKS, party),))
        standing = self.by_ids(party.role, [party.id]).get(party.id)
        if standing is not None:
            same = not writing.differing(standing, wanted, {"name"})
            return AlreadyThere(standing) if same else Held((refusals.id_taken(party, standing),))
        told = self._tell(operation, partial(self._new, wanted))
        return Made(party.id, told.wire) if isinstance(told, Taken) else self._judged(told, party)

    def update(self, before: Party, after: Party) -> Update:
        """Raises Interrupted where GP turns us away altogether, or its contract has no such operation."""
        operation = f"Update{cards.NAMES[before.role].noun}"
        wanted = self.as_kept(after)
        fields = writing.asked(before, after, wanted, self.takes(before.role))
        card = self._card(before.role, before.id)
        if card is None:
            return Held((refusals.missing(Side.BOOKS, before),))
        now = self._party(before.role, card)
        wanted = party_words.never_fewer(wanted, now)
        left = writing.left(now, before, wanted, fields)
        if isinstance(left, Overtaken):
            return left
        if not left:
            return Unchanged()
        cards.write_on(card, wanted, left, self._address_code, self._counterpart)
        told = self._tell(operation, lambda: card)
        return Changed(left, told.wire) if isinstance(told, Taken) else self._judged(told, after)

    # How it is done

    def _rows(self, role: Role, since: date | None) -> Iterator[Sequence[Value]]:
        """The rows of the list, of all days or from one on; past what one list gives, by ranges of ids."""
        operation = self._list(role)
        criteria: dict[str, Value] = {"Scope": self._word(f"{cards.NAMES[role].noun}Scope", "Return All")}
        if since is not None:
            criteria["ModifiedDate"] = {"From": _moment(since)}

        def ask(low: str, high: str) -> Sequence[Value]:
            bounds = {name: at for name, at in (("From", low), ("To", high)) if at}
            asked = {**criteria, "Id": bounds} if bounds else criteria
            return self._services.ask(operation, criteria=asked) or []

        cap = self._services.row_cap
        return in_ranges(ask, lambda row: answers.key(row.Key), cap, errors.truncated(operation, cap))

    def _page(self, role: Role, ids: Sequence[str]) -> PartyPage:
        return PartyPage(tuple(self.by_ids(role, ids).values()), None)

    def _deleted(self, role: Role, since: date) -> tuple[str, ...]:
        """Customers that were deleted, where this installation's contract tells; never the vendors."""
        if role is Role.VENDOR or not self._services.contract.has(_DELETED):
            return ()
        deleted = {"EqualValue": self._word("DataModificationAction", "Deleted")}
        criteria = {"LastModifiedDate": {"From": _moment(since)}, "Action": deleted}
        rows = self._services.ask(_DELETED, criteria=criteria) or []
        return tuple(fold(answers.text(row.Id)) for row in rows)

    def _card(self, role: Role, id: str) -> Value | None:
        return self._services.ask(f"Get{cards.NAMES[role].noun}ByKey", may_be_missing=True, key={"Id": id})

    def _party(self, role: Role, card: Value) -> Party:
        return cards.party(role, card, self._counterpart)

    def _list(self, role: Role) -> str:
        return f"Get{cards.NAMES[role].noun}List"

    def _new(self, wanted: Party) -> Mapping[str, Value]:
        results = self._word(*cards.NAMES[wanted.role].results)
        code = wanted.address_code or self._address_code
        return cards.new(wanted, self.takes(wanted.role), code, self._counterpart, results)

    def _word(self, kind: str, word: str) -> str:
        """A literal of the contract. Raises Interrupted where this installation does not know it."""
        try:
            return self._services.contract.word(kind, word)
        except ValueError as error:
            raise Interrupted(errors.contract(kind, str(error))) from None

    def _tell(self, operation: str, made: Callable[[], Value]) -> Told:
        """What is needed is read before: the contract, and the policy of the operation."""

        def message() -> bytes:
            if not self._services.contract.has(operation):
                raise Interrupted(errors.contract(operation, f"this installation's contract has no {operation}"))
            part = operation.removeprefix("Create").removeprefix("Update").lower()
            parts = {part: made(), "policy": self._policies.of_operation(operation)}
            return self._services.request(operation, **parts)

        return self._telling.tell(operation, message)

    def _judged(self, told: Told, party: Party) -> Held | InDoubt | Deferred:
        assert not isinstance(told, Taken)
        return refused(told, self._meanings, party) if isinstance(told, Refusal) else told


def _moment(day: date) -> datetime:
    """A day as GP writes it: midnight, in no zone."""
    return datetime.combine(day, time.min)
