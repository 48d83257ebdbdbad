"""What every `PartyBook` must do: the same claims for the in-memory double, for ServiceTitan, and for GP over SBA and SOAP.

Written to what the poorest of them can do: GP tells the day of a change and not the moment, ServiceTitan gives ids of its
own, and one GP has no e-mail at all; `tells` and `takes` say so, and nothing else is compared. A subclass gives the
fixture `desk`: a book, and the people who work on its side.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import pytest

from ml_connector.books.outcomes import Held, InDoubt
from ml_connector.parties.party import Address, Party, Role
from ml_connector.parties.writing import AlreadyThere, Changed, Made, Overtaken, Unchanged, differing
from ml_connector.pipeline.ports import PartyBook

ROLES = pytest.mark.parametrize("role", list(Role), ids=lambda it: it.value)
LOSSES = pytest.mark.parametrize("done", [True, False], ids=["after the deed", "before the deed"])
ELM = Address("1 Elm St", "Unit B", "Denver", "CO", "80205", "USA")


class Desk(Protocol):
    """One side under test. Everything but `book` is done by a person there, and seen by nobody else."""

    book: PartyBook

    def known(self, role: Role) -> str:
        """The id of somebody whom the side has had for long, active, and whose card has something in every field."""

    def edit(self, role: Role, id: str, name: str = "", street: str = "") -> None: ...

    def add(self, role: Role, name: str) -> str:
        """Somebody new, made by a person: their id."""

    def deactivate(self, role: Role, id: str) -> None: ...

    def wanted(self, role: Role, **changes: Any) -> Party:
        """Somebody whom the side does not have, as it should be made there."""

    def lose(self, done: bool) -> None:
        """The answer to the next write is lost, after it was done or before."""

    @property
    def writes(self) -> int:
        """How many writes reached the side."""

    def standing(self, role: Role, name: str) -> int:
        """How many of this name the side has, by its own records."""


class PartiesContract:
    # Reading

    @ROLES
    def test_everybody_is_read_and_then_nobody_anew(self, desk: Desk, role: Role) -> None:
        """The first reading brings all; a second from where it ended brings at most what it brought before, as it was."""
        everybody, place = read(desk.book, role, None)
        assert desk.known(role) in everybody
        assert place is not None
        again, _ = read(desk.book, role, place)
        assert again.items() <= everybody.items()
        assert all(it.role is role and it.id == id for id, it in everybody.items())

    @ROLES
    def test_what_people_change_afterwards_is_read(self, desk: Desk, role: Role) -> None:
        """A new name, a new party and one set inactive are all in the next reading."""
        before, place = read(desk.book, role, None)
        known = desk.known(role)
        other = next(id for id, it in before.items() if id != known and it.active)
        desk.edit(role, known, name="Renamed & Sons")
        added = desk.add(role, "Brand New Person")
        desk.deactivate(role, other)
        after, further = read(desk.book, role, place)
        assert after[known].name == "Renamed & Sons"
        assert added not in before
        assert after[added].name == "Brand New Person"
        assert after[other].active is False
        assert further is not None
        assert differing(after[known], before[known], desk.book.tells(role) - {"modified"}) == ("name",)

    @ROLES
    def test_parties_are_read_by_their_ids_inactive_ones_too(self, desk: Desk, role: Role) -> None:
        known = desk.known(role)
        found = desk.book.by_ids(role, [known, "999999999"])
        assert list(found) == [known]
        desk.deactivate(role, known)
        assert desk.book.by_ids(role, [known])[known].active is False
        assert desk.book.by_ids(role, []) == {}

    @ROLES
    def test_the_count_is_of_everybody_where_the_side_tells_it(self, desk: Desk, role: Role) -> None:
        counted = desk.book.count(role)
        assert counted is None or counted == len(read(desk.book, role, None)[0])

    # Making

    @ROLES
    def test_what_is_made_stands_there_as_it_was_wanted(self, desk: Desk, role: Role) -> None:
        wanted = desk.wanted(role)
        made = desk.book.create(wanted)
        assert isinstance(made, Made), made
        assert desk.writes == 1
        there = desk.book.by_ids(role, [made.id])[made.id]
        assert differing(there, desk.book.as_kept(wanted), desk.book.tells(role) & desk.book.takes(role)) == ()
        assert there.name == wanted.name

    @ROLES
    def test_who_is_made_is_made_once(self, desk: Desk, role: Role) -> None:
        """A second create finds the first, and sends nothing."""
        made = desk.book.create(desk.wanted(role))
        again = desk.book.create(desk.wanted(role))
        assert isinstance(made, Made)
        assert isinstance(again, AlreadyThere)
        assert again.party.id == made.id
        assert desk.writes == 1

    @ROLES
    @LOSSES
    def test_a_create_whose_answer_is_lost_makes_nobody_twice(self, desk: Desk, role: Role, done: bool) -> None:
        """In doubt; asked again, it finds who was made, or makes them: in the end there is one."""
        desk.lose(done)
        wanted = desk.wanted(role)
        assert isinstance(desk.book.create(wanted), InDoubt)
        again = desk.book.create(wanted)
        assert isinstance(again, AlreadyThere if done else Made), again
        assert desk.standing(role, wanted.name) == 1

    @ROLES
    def test_nobody_without_a_name_is_made(self, desk: Desk, role: Role) -> None:
        ended = desk.book.create(desk.wanted(role, name="  "))
        assert isinstance(ended, Held)
        assert [it.code for it in ended.findings] == ["party.name_missing"]
        assert desk.writes == 0

    @ROLES
    def test_what_a_side_cannot_keep_is_cut_once_and_not_written_for_ever(self, desk: Desk, role: Role) -> None:
        """A name too long, letters that the database lacks: what stands there is what `as_kept` said, and the same wish
        changes nothing any more."""
        wanted = desk.wanted(role, name="Łukasz Żółtowski\u200b Fine   Woodworking, " + "and Sons " * 9)
        made = desk.book.create(wanted)
        assert isinstance(made, Made), made
        there = desk.book.by_ids(role, [made.id])[made.id]
        assert there.name == desk.book.as_kept(wanted).name
        wish = {name: getattr(wanted, name) for name in desk.book.takes(role) & desk.book.tells(role)}
        assert isinstance(desk.book.update(there, replace(there, **wish)), Unchanged)
        assert desk.writes == 1

    # Changing

    @ROLES
    def test_a_change_writes_its_fields_and_no_other(self, desk: Desk, role: Role) -> None:
        """Everything else on the card is as it was, also what a whole record would have blanked."""
        before = self._known(desk, role)
        after = replace(before, name="A New Name", address=ELM)
        ended = desk.book.update(before, after)
        assert isinstance(ended, Changed), ended
        assert set(ended.fields) == {"name", "address"}
        there = self._known(desk, role)
        kept = desk.book.as_kept(after)
        assert (there.name, there.address) == (kept.name, kept.address)
        assert differing(there, before, desk.book.tells(role) - {"modified"}) == ("address", "name")

    @ROLES
    def test_a_change_that_was_made_is_not_made_again(self, desk: Desk, role: Role) -> None:
        before = self._known(desk, role)
        after = replace(before, name="A New Name")
        assert isinstance(desk.book.update(before, after), Changed)
        assert isinstance(desk.book.update(before, after), Unchanged)
        assert isinstance(desk.book.update(before, before), Unchanged)
        assert desk.writes == 1

    @ROLES
    def test_the_form_of_a_telephone_number_is_no_change(self, desk: Desk, role: Role) -> None:
        before = self._known(desk, role)
        digits = "".join(filter(str.isdigit, before.phones[0]))[:10]
        spoken = f"+1 ({digits[:3]}) {digits[3:6]}-{digits[6:]}"
        assert isinstance(desk.book.update(before, replace(before, phones=(spoken, *before.phones[1:]))), Unchanged)
        assert desk.writes == 0

    @ROLES
    def test_a_telephone_number_is_replaced(self, desk: Desk, role: Role) -> None:
        before = self._known(desk, role)
        ended = desk.book.update(before, replace(before, phones=("720-555-0199", *before.phones[1:])))
        assert isinstance(ended, Changed), ended
        there = self._known(desk, role)
        wanted = replace(before, phones=("7205550199", *before.phones[1:]))
        assert differing(there, wanted, desk.book.tells(role) - {"modified"}) == ()

    @ROLES
    def test_a_party_is_set_inactive_and_active_again(self, desk: Desk, role: Role) -> None:
        before = self._known(desk, role)
        assert isinstance(desk.book.update(before, replace(before, active=False)), Changed)
        there = self._known(desk, role)
        assert there.active is False
        assert isinstance(desk.book.update(there, replace(there, active=True)), Changed)
        assert differing(self._known(desk, role), before, desk.book.tells(role) - {"modified"}) == ()

    @ROLES
    def test_what_somebody_changed_meanwhile_is_not_written_over(self, desk: Desk, role: Role) -> None:
        """The decision was made from an older card: nothing is sent. A change of another field does not matter."""
        before = self._known(desk, role)
        desk.edit(role, before.id, name="Changed By Hand")
        ended = desk.book.update(before, replace(before, name="A New Name"))
        assert isinstance(ended, Overtaken), ended
        assert ended.fields == ("name",)
        assert ended.now.name == "Changed By Hand"
        assert desk.writes == 0
        assert isinstance(desk.book.update(before, replace(before, address=ELM)), Changed)
        assert self._known(desk, role).name == "Changed By Hand"

    @ROLES
    @LOSSES
    def test_a_change_whose_answer_is_lost_is_simply_made_again(self, desk: Desk, role: Role, done: bool) -> None:
        before = self._known(desk, role)
        after = replace(before, name="A New Name")
        desk.lose(done)
        assert isinstance(desk.book.update(before, after), InDoubt)
        assert isinstance(desk.book.update(before, after), Unchanged if done else Changed)
        assert self._known(desk, role).name == "A New Name"

    @ROLES
    def test_who_is_gone_cannot_be_changed(self, desk: Desk, role: Role) -> None:
        nobody = replace(self._known(desk, role), id="999999999")
        ended = desk.book.update(nobody, replace(nobody, name="A New Name"))
        assert isinstance(ended, Held)
        assert [it.code for it in ended.findings] == ["party.missing"]
        assert desk.writes == 0

    @ROLES
    def test_a_field_that_the_side_does_not_take_is_our_own_fault(self, desk: Desk, role: Role) -> None:
        """Nothing is sent, and nobody is told that it was."""
        before = self._known(desk, role)
        assert "merged_to" not in desk.book.takes(role)
        with pytest.raises(ValueError, match="merged_to"):
            desk.book.update(before, replace(before, merged_to="1"))
        with pytest.raises(ValueError, match="is not"):
            desk.book.update(before, replace(before, id="another"))
        assert desk.writes == 0

    @staticmethod
    def _known(desk: Desk, role: Role) -> Party:
        id = desk.known(role)
        return desk.book.by_ids(role, [id])[id]


def read(book: PartyBook, role: Role, place: str | None) -> tuple[dict[str, Party], str | None]:
    """Everything that a reading brings, by id, the last of each; and the place where it ended."""
    found: dict[str, Party] = {}
    for page in book.changed(role, place):
        found |= {it.id: it for it in page.parties}
        place = page.place or place
    return found, place
