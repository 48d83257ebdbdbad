"""Alignment over a ServiceTitan and a GP in memory and the real ledger: who is bound, who is created, whose edit holds.

Nobody is created twice, whatever is lost and wherever it dies; and an alignment of what is aligned changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ml_connector.mapping.alignment import policy_of
from ml_connector.mapping.reading import read
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.mapping.tables import Row, Table, Tables
from ml_connector.parties.matching import Bucket
from ml_connector.parties.party import Address, Party, Role, Side
from ml_connector.parties.records import How
from ml_connector.pipeline.align import Aligned, Aligning, confirm
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from tests.builders import COMPANY, sample_tables
from tests.doubles.clock import HandClock
from tests.doubles.parties import Book, Fault

PAUSE = 60.0
HOME = Address("1420 North Pearl Street", "", "Denver", "CO", "80203")
MARIA = Party(
    Role.CUSTOMER, "5500101", "Maria Smith", True, HOME, ("3035550142",), ("maria@example.com",), type="Residential"
)
SMITH = replace(MARIA, id="SMITH001", name="MARIA SMITH", type="RESIDENTIAL")
CARLOS = replace(MARIA, id="5500102", name="Carlos Jones", phones=("3035550177",), emails=())


def table(name: str, *rows: dict[str, str]) -> Table:
    columns = tuple(dict.fromkeys(column for row in rows for column in row))
    return Table(name, columns, tuple(Row(number, row) for number, row in enumerate(rows, 2)))


def rulebook(create: str = "nowhere", bind: str = "yes", owner: str = "ServiceTitan", both: str = "") -> Rulebook:
    """The sample's, without its own crosswalk; every field of a customer has this owner."""
    fields = [
        {"role": "customer", "field": it, "owner": owner} | ({"both_edited": both} if both else {})
        for it in ("name", "address", "phone", "mail", "active")
    ]
    options = [
        {"option": "bind_certain", "value": bind},
        {"option": "create_customers", "value": create},
        {"option": "vendor_invoice_number", "value": "vendorNumber"},
    ]
    tables: Tables = {
        **{name: it for name, it in sample_tables().items() if name != "Customers"},
        "Party defaults": table("Party defaults", {"role": "customer", "gp_class": "RESIDENTIAL"}),
        "Party fields": table("Party fields", *fields),
        "Options": table("Options", *options),
    }
    made = read(tables)
    assert isinstance(made, Rulebook), made
    return made


@dataclass
class Street:
    """Both sides, the ledger between them, and a clock that is moved by hand."""

    ledger: Ledger
    servicetitan: Book = field(default_factory=lambda: Book(Side.FIELD))
    gp: Book = field(default_factory=lambda: Book(Side.BOOKS))
    clock: HandClock = field(default_factory=HandClock)
    rules: Rulebook = field(default_factory=rulebook)

    @classmethod
    def opened(cls, folder: Path, **rules: Any) -> Street:
        database = Database(f"sqlite:///{folder / 'ledger.sqlite'}")
        database.migrate()
        clock = HandClock()
        database.connections("story", clock.now).add("story", {})
        return cls(database.ledger("story", "story", clock.now), clock=clock, rules=rulebook(**rules))

    def align(self, crosswalk: Any = None, servicetitan: Any = None, gp: Any = None) -> Aligned:
        policy = policy_of(self.rules, Role.CUSTOMER, COMPANY)
        assert policy is not None
        return Aligning(
            role=Role.CUSTOMER,
            company=COMPANY,
            servicetitan=servicetitan or self.servicetitan,
            gp=gp or self.gp,
            crosswalk=crosswalk or self.ledger.crosswalk(),
            rulebook=self.rules,
            policy=policy,
            clock=self.clock,
            pause=PAUSE,
            taken={},
        ).all(lambda step, done, of: None)

    def pairs(self) -> dict[str, str]:
        return {it.pair.field_id: it.pair.gp_id for it in self.ledger.crosswalk().bindings()}

    def in_gp(self, id: str) -> Party:
        return self.gp.held[Role.CUSTOMER, id]

    def in_servicetitan(self, id: str) -> Party:
        return self.servicetitan.held[Role.CUSTOMER, id]

    def writes(self) -> tuple[int, int, int]:
        return len(self.gp.sent) + len(self.servicetitan.sent), self.gp.updates, self.servicetitan.updates


def test_who_is_certain_is_bound_and_nothing_is_written(tmp_path: Path) -> None:
    """Both sides have her; that is noted, and nobody's card is touched."""
    street = Street.opened(tmp_path)
    street.servicetitan.keep(MARIA)
    street.gp.keep(SMITH)
    assert street.align().bound == 1
    assert street.pairs() == {"5500101": "SMITH001"}
    assert street.writes() == (0, 0, 0)
    assert street.ledger.crosswalk().bindings()[0].how is How.CERTAIN


def test_where_the_rulebook_does_not_allow_it_a_person_confirms(tmp_path: Path) -> None:
    """It is proposed with its score, and bound when somebody says so."""
    street = Street.opened(tmp_path, bind="no")
    street.servicetitan.keep(MARIA)
    street.gp.keep(SMITH)
    assert street.align().bound == 0
    (proposed,) = street.ledger.crosswalk().proposals()
    assert (proposed.bucket, proposed.candidates[0].gp_id) == (Bucket.CERTAIN, "SMITH001")
    assert confirm(street.ledger.crosswalk(), Role.CUSTOMER, COMPANY, "5500101", "SMITH001", "anna")
    assert street.pairs() == {"5500101": "SMITH001"}
    assert street.ledger.crosswalk().proposals() == []


def test_who_is_missing_is_created_once_with_the_rulebooks_class(tmp_path: Path) -> None:
    """And a second alignment changes nothing."""
    street = Street.opened(tmp_path, create="in GP")
    street.servicetitan.keep(MARIA)
    street.servicetitan.keep(CARLOS)
    street.gp.keep(SMITH)
    told = street.align()
    assert (told.bound, told.created_in_gp, told.findings) == (1, 1, [])
    made = street.in_gp(street.pairs()["5500102"])
    assert (made.name, made.type, made.counterpart) == ("Carlos Jones", "RESIDENTIAL", "5500102")
    before, trail = street.writes(), len(street.ledger.trail())
    again = street.align()
    assert (again.bound, again.created_in_gp, again.updated_in_gp) == (0, 0, 0)
    assert (street.writes(), len(street.ledger.trail())) == (before, trail)


def test_who_might_be_somebody_in_gp_is_not_created_behind_a_persons_back(tmp_path: Path) -> None:
    """Same name, nothing else known of her there: a person looks first."""
    street = Street.opened(tmp_path, create="in GP")
    street.servicetitan.keep(MARIA)
    street.gp.keep(replace(SMITH, address=Address(), phones=(), emails=()))
    told = street.align()
    assert (told.likely, told.created_in_gp, street.gp.sent) == (1, 0, [])


@pytest.mark.parametrize(("fault", "sent"), [(Fault.ANSWER_LOST, 1), (Fault.NEVER_ARRIVED, 2)])
def test_a_lost_answer_creates_nobody_twice(tmp_path: Path, fault: Fault, sent: int) -> None:
    """In doubt until the pause is over; then the other side is asked before anything is sent again."""
    street = Street.opened(tmp_path, create="in GP")
    street.servicetitan.keep(CARLOS)
    street.gp.faults.append(fault)
    assert street.align().in_doubt == 1
    assert street.align().in_doubt == 1, "the pause is not over"
    assert len(street.gp.sent) == 1
    street.clock.sleep(PAUSE + 1)
    told = street.align()
    assert (told.created_in_gp, len(street.gp.sent), len(street.gp.held)) == (1, sent, 1)
    assert list(street.pairs()) == ["5500102"]


def test_an_id_that_is_somebody_elses_gives_way_to_the_next(tmp_path: Path) -> None:
    """A stranger has the very id that we would give."""
    street = Street.opened(tmp_path, create="in GP")
    street.servicetitan.keep(CARLOS)
    (tmp_path / "other").mkdir()
    first = Street.opened(tmp_path / "other", create="in GP")
    first.servicetitan.keep(CARLOS)
    first.align()
    stranger = Party(
        Role.CUSTOMER, first.pairs()["5500102"], "Quite Somebody Else", address=Address("9 Elm", "", "", "", "1")
    )
    street.gp.keep(stranger)
    street.align()
    assert street.pairs()["5500102"] not in ("", stranger.id)
    assert street.in_gp(stranger.id).name == "Quite Somebody Else"


def test_who_is_only_in_gp_is_created_in_servicetitan_with_our_id_on_it(tmp_path: Path) -> None:
    """The other direction, where the rulebook wants it."""
    street = Street.opened(tmp_path, create="in ServiceTitan")
    street.gp.keep(SMITH)
    assert street.align().created_in_servicetitan == 1
    ((_, made),) = street.servicetitan.held.items()
    assert (made.name, made.counterpart) == ("MARIA SMITH", "SMITH001")
    assert street.align().created_in_servicetitan == 0
    assert len(street.servicetitan.held) == 1


def aligned(tmp_path: Path, **rules: Any) -> Street:
    street = Street.opened(tmp_path, **rules)
    street.servicetitan.keep(MARIA)
    street.gp.keep(SMITH)
    street.align()
    return street


def test_an_edit_goes_across_and_does_not_come_back(tmp_path: Path) -> None:
    """Our own write is recognised when GP shows it."""
    street = aligned(tmp_path)
    street.servicetitan.keep(replace(MARIA, name="Maria Gonzalez"))
    assert street.align().updated_in_gp == 1
    assert street.in_gp("SMITH001").name == "Maria Gonzalez"
    for _ in range(3):
        told = street.align()
        assert (told.updated_in_gp, told.updated_in_servicetitan) == (0, 0)
    assert street.writes() == (0, 1, 0)


def test_an_edit_of_who_does_not_own_the_field_is_set_back(tmp_path: Path) -> None:
    """The trail keeps what gave way."""
    street = aligned(tmp_path)
    street.gp.keep(replace(SMITH, name="MARY SMITH"))
    street.align()
    assert street.in_gp("SMITH001").name == "Maria Smith"
    assert street.ledger.trail()[-1].event.detail["gave_way_in_books"] == {"name": "MARY SMITH"}


def test_an_edit_in_gp_goes_to_servicetitan_where_gp_owns_the_field(tmp_path: Path) -> None:
    """The mirror of it."""
    street = aligned(tmp_path, owner="GP")
    street.gp.keep(replace(SMITH, name="Maria Gonzalez"))
    assert street.align().updated_in_servicetitan == 1
    assert street.in_servicetitan("5500101").name == "Maria Gonzalez"


def test_edits_on_both_sides_are_held_and_let_go_when_they_agree(tmp_path: Path) -> None:
    """Told once in the trail, however often it is aligned; ended when a person made the two alike."""
    street = aligned(tmp_path, owner="either")
    street.servicetitan.keep(replace(MARIA, name="Maria Gonzalez"))
    street.gp.keep(replace(SMITH, name="MARIA GOMEZ"))
    told = street.align()
    assert (told.conflicts, [it.code for it in told.findings]) == (1, ["party.conflict"])
    street.align()
    street.align()
    assert [it.event.name for it in street.ledger.trail()].count("party.conflict") == 1
    assert street.writes() == (0, 0, 0)
    street.gp.keep(replace(SMITH, name="Maria Gonzalez"))
    assert street.align().conflicts == 0


def test_somebody_who_edits_while_we_write_is_not_overwritten(tmp_path: Path) -> None:
    """Read, decided, and overtaken: the next alignment decides anew."""
    street = aligned(tmp_path, owner="either")
    street.servicetitan.keep(replace(MARIA, name="Maria Gonzalez"))

    class Overtaking(Book):
        def update(self, before: Party, after: Party) -> Any:
            if street.in_gp("SMITH001").name == "MARIA SMITH":
                street.gp.keep(replace(SMITH, name="MARIA GOMEZ"))
            return street.gp.update(before, after)

        changed, by_ids = street.gp.changed, street.gp.by_ids

    assert street.align(gp=Overtaking(Side.BOOKS)).updated_in_gp == 0
    assert street.in_gp("SMITH001").name == "MARIA GOMEZ"
    assert street.align().conflicts == 1


def test_who_is_merged_in_servicetitan_is_still_the_same_in_gp(tmp_path: Path) -> None:
    """Invoices of the one that is left go to the same GP customer."""
    street = aligned(tmp_path)
    street.servicetitan.keep(replace(MARIA, id="5500900", counterpart=""))
    street.servicetitan.keep(replace(MARIA, merged_to="5500900", active=False))
    street.align()
    assert street.pairs() == {"5500101": "SMITH001", "5500900": "SMITH001"}


def test_two_of_gp_that_are_one_in_servicetitan_are_told(tmp_path: Path) -> None:
    """A person combines them in GP, or leaves them."""
    street = aligned(tmp_path, create="in GP")
    street.servicetitan.keep(CARLOS)
    street.align()
    street.servicetitan.keep(replace(MARIA, merged_to="5500102", active=False))
    assert {it.code for it in street.align().findings} == {"party.merged"}


def test_a_card_that_somebody_deleted_is_told(tmp_path: Path) -> None:
    """The binding stays, held, until a person unbinds it."""
    street = aligned(tmp_path)
    street.gp.delete(SMITH)
    assert {it.code for it in street.align().findings} == {"party.gone"}


def test_without_a_row_of_defaults_nobody_is_created_and_that_is_told_once(tmp_path: Path) -> None:
    """Ten customers lack the same row: one finding, which names the table."""
    street = Street.opened(tmp_path, create="in GP")
    street.rules = replace(street.rules, party_defaults=())
    for n in range(10):
        street.servicetitan.keep(
            replace(CARLOS, id=str(5500200 + n), name=f"Customer {n}", phones=(), address=Address())
        )
    told = street.align()
    assert ([it.code for it in told.findings], street.gp.sent) == (["party.no_defaults"], [])


class Died(BaseException):
    """The process ends here."""


class Mortal:
    """Dies at the nth call of what it wraps: before the deed, or after it and before anybody hears."""

    def __init__(self, inner: Any, countdown: list[int], after: bool) -> None:
        self._inner, self._countdown, self._after = inner, countdown, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not isinstance(found, Callable):  # type: ignore[arg-type]
            return found

        def call(*given: Any, **named: Any) -> Any:
            self._countdown[0] -= 1
            if self._countdown[0] == 0 and not self._after:
                raise Died
            answer = found(*given, **named)
            if self._countdown[0] == 0:
                raise Died
            return answer

        return call


def a_busy_street(folder: Path) -> Street:
    """Something of everything: certain, missing on either side, edited, merged."""
    folder.mkdir()
    street = Street.opened(folder, create="on both sides")
    for n in range(4):
        home = Address(f"{n} Elm Street", "", "Denver", "CO", "80203")
        one = replace(
            MARIA, id=str(5500300 + n), name=f"Neighbour {'ABCD'[n]} Smith", address=home, phones=(f"303555020{n}",)
        )
        street.servicetitan.keep(one)
        if n < 2:
            street.gp.keep(replace(one, id=f"NEIGH{n}", type="RESIDENTIAL"))
    street.gp.keep(
        replace(SMITH, id="ONLYGP", name="Only In Books", address=Address(), phones=("7205550000",), emails=())
    )
    street.align()
    edited = street.in_servicetitan("5500300")
    street.servicetitan.keep(replace(edited, name="Neighbour A Gonzalez"))
    street.servicetitan.keep(replace(CARLOS, id="5500399"))
    return street


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_call_it_creates_nobody_twice_and_ends_as_if_nothing_had_been(
    tmp_path: Path, after: bool
) -> None:
    """The nth call to either side or to the ledger is its last, for every n; then it is aligned again until it is done."""
    untroubled = a_busy_street(tmp_path / "untroubled")
    untroubled.align()
    deaths = 0
    for nth in range(1, 1000):
        street = a_busy_street(tmp_path / f"{nth}")
        countdown = [nth]
        crosswalk, servicetitan, gp = (
            Mortal(it, countdown, after) for it in (street.ledger.crosswalk(), street.servicetitan, street.gp)
        )
        try:
            street.align(crosswalk, servicetitan, gp)
            break
        except Died:
            deaths += 1
        street.clock.sleep(PAUSE + 1)
        street.align()
        assert _cards(street) == _cards(untroubled), f"it died at call {nth}"
        assert street.pairs() == untroubled.pairs(), f"it died at call {nth}"
        before = street.writes()
        street.align()
        assert street.writes() == before
    assert deaths > 20


def _cards(street: Street) -> set[tuple[str, ...]]:
    there = [*street.gp.held.values(), *street.servicetitan.held.values()]
    return {(it.id, it.name, it.counterpart) for it in there}
