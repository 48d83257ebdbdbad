"""Which party may be which: what is certain could hardly be anybody else; all the rest is for a person."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.parties.comparing import mail_key, name_words, phone_key, street_key, tax_key
from ml_connector.parties.matching import Bucket, Proposal, Sign, propose
from ml_connector.parties.party import Address, Party, Role
from ml_connector.sandbox.neighbourhood import NOBODY, Card, Neighbourhood

HOME = Address("1420 North Pearl Street", "Apt 3", "Denver", "CO", "80203")


def in_field(id: str = "5500101", name: str = "María Smith", **other: object) -> Party:
    told = {"address": HOME, "phones": ("(303) 555-0142",), "emails": ("maria@example.com",), **other}
    return Party(Role.CUSTOMER, id, name, **told)  # type: ignore[arg-type]


def in_books(id: str = "SMITH001", name: str = "Smith, Maria", **other: object) -> Party:
    address = Address("1420 N PEARL ST # 3", "", "DENVER", "CO", "80203-1714")
    told = {"address": address, "phones": ("303-555-0142",), "emails": ("MARIA@EXAMPLE.COM",), **other}
    return Party(Role.CUSTOMER, id, name, **told)  # type: ignore[arg-type]


def one(ours: Party, *theirs: Party) -> Proposal:
    (proposal,) = propose([ours], theirs)
    return proposal


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Smith, María", "Maria  Smith"),
        ("The Cherry Creek Dental Co., Inc.", "Cherry Creek Dental"),
        ("O'Brien & Sons LLC", "OBrien and Sons"),
        ("Ægir Nørgård", "AEGIR NORGARD"),
        ("Straße Bäckerei", "STRASSE BACKEREI"),
    ],
)
def test_one_name_written_in_two_ways_is_one(one: str, other: str) -> None:
    """Accents, order, case, punctuation and the legal form tell nobody apart."""
    assert name_words(one) == name_words(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("John Smith", "John Smith Jr."), ("Johnstone Supply #112", "Johnstone Supply #113"), ("Co", "Inc")],
)
def test_what_tells_two_names_apart_is_kept(one: str, other: str) -> None:
    """A generation and a store's number are part of the name, and so is a legal form where there is nothing else."""
    assert name_words(one) != name_words(other)


def test_numbers_and_addresses_are_compared_by_what_they_say() -> None:
    """What is no number is no key: nobody is known by an empty field."""
    assert phone_key("+1 (303) 555-0142 x12") == phone_key("303.555.0142")
    assert phone_key("n/a") == phone_key("0000000000") == ""
    assert street_key("1420 North Pearl Street", "Suite 3") == street_key("1420 N. Pearl St #3")
    assert tax_key("84-1234567") == "841234567"
    assert tax_key("000-00-0000") == tax_key("12345") == ""
    assert mail_key("none") == ""


def test_the_same_name_with_two_more_things_is_certain() -> None:
    """Name, address, number and mail are the same, however they are written."""
    proposal = one(in_field(), in_books())
    assert proposal.bucket is Bucket.CERTAIN
    assert proposal.candidates[0].signs == (Sign.SAME_NAME, Sign.SAME_MAIL, Sign.SAME_PHONE, Sign.SAME_ADDRESS)


def test_an_id_that_is_kept_on_the_other_side_is_certain_whatever_the_name() -> None:
    """A customer was renamed since the two were bound: the id still says who it is."""
    renamed = in_field(name="Maria Gonzalez", counterpart="SMITH001", address=Address(), phones=(), emails=())
    proposal = one(renamed, in_books())
    assert proposal.candidates[0].signs[0] is Sign.SAME_ID
    assert proposal.bucket is Bucket.LIKELY  # another name: a person looks
    assert one(replace(renamed, name="Maria Smith"), in_books()).bucket is Bucket.CERTAIN


def test_two_who_could_be_it_leave_it_to_a_person() -> None:
    """Entered twice in GP: nothing says which of the two is meant, so nothing is bound."""
    proposal = one(in_field(), in_books(), in_books("SMITH002"))
    assert proposal.bucket is Bucket.LIKELY
    assert [it.party.id for it in proposal.candidates] == ["SMITH001", "SMITH002"]


def test_two_on_our_side_leave_it_to_a_person_too() -> None:
    """Booked twice in ServiceTitan: both look like the one in GP."""
    assert {it.bucket for it in propose([in_field(), in_field("5500999")], [in_books()])} == {Bucket.LIKELY}


def test_a_shared_number_binds_nobody() -> None:
    """A property manager's number stands at all its tenants."""
    other = Address("88 Elm Street", "", "Aurora", "CO", "80010")
    tenant = in_books(name="Carlos Jones", address=other, emails=("carlos@example.com",))
    assert one(in_field(), tenant).bucket is Bucket.NONE


def test_father_and_son_at_one_address_are_for_a_person() -> None:
    """Same street, same telephone, all but the same name: never bound by itself, and no second one is made unasked."""
    proposal = one(in_field(name="John Smith Jr", emails=()), in_books(name="John Smith", emails=()))
    assert proposal.bucket is Bucket.LIKELY


def test_a_namesake_who_moved_is_for_a_person() -> None:
    """Another address, another number: she may have moved, or be another Maria Smith."""
    moved = in_books(address=Address("9 W Ash Ct", "", "Golden", "CO", "80401"), phones=("7205550199",), emails=())
    assert one(in_field(), moved).bucket is Bucket.LIKELY
    assert one(in_field(tax_id="84-1234567"), replace(moved, tax_id="84-7654321")).bucket is Bucket.NONE


def test_another_tax_id_speaks_against_everything() -> None:
    """Two companies of one name at one address have two tax ids."""
    assert one(in_field(tax_id="84-1234567"), in_books(tax_id="84-7654321")).bucket is not Bucket.CERTAIN


def test_the_same_tax_id_under_a_like_name_is_certain() -> None:
    """A vendor wrote its name otherwise; the tax id is the same, and nobody else's."""
    ours = in_field(name="Fergusson Supply Denver", tax_id="841234567", address=Address(), phones=(), emails=())
    theirs = in_books(name="Ferguson Supply Denver", tax_id="84-1234567", address=Address(), phones=(), emails=())
    assert one(ours, theirs).bucket is Bucket.CERTAIN
    assert one(ours, replace(theirs, name="Rexel")).bucket is not Bucket.CERTAIN


def test_one_that_was_merged_into_another_proposes_nothing() -> None:
    """The customer that took its place is bound in its stead."""
    assert one(in_field(merged_to="5500102"), in_books()) == Proposal(in_field(merged_to="5500102"), Bucket.NONE)


NAMES = st.sampled_from(["Maria Smith", "Mariá Smith", "John Smith", "John Smith Jr", "Acme Inc", "Acme", "Rexel 112"])
STREETS = st.sampled_from(["", "1 Elm St", "1 Elm Street", "2 Elm St"])
KEYS = st.sampled_from(["", "3035550142", "3035550143"])


@st.composite
def sides(draw: st.DrawFn) -> tuple[list[Party], list[Party]]:
    def party(id: str) -> Party:
        address = Address(draw(STREETS), "", "Denver", "CO", "80203")
        mail, phone = draw(KEYS), draw(KEYS)
        mails = (f"{mail}@example.com",) if mail else ()
        return Party(Role.CUSTOMER, id, draw(NAMES), address=address, phones=(phone,) if phone else (), emails=mails)

    ours = [party(str(id)) for id in range(1, draw(st.integers(1, 6)))]
    return ours, [party(f"GP{id}") for id in range(1, draw(st.integers(1, 6)))]


@given(sides())
def test_nobody_is_certain_for_two(both: tuple[list[Party], list[Party]]) -> None:
    """Whatever the parties, each is bound to one at the most, and each of the other side to one at the most."""
    certain = [it.candidates[0].party.id for it in propose(*both) if it.bucket is Bucket.CERTAIN]
    assert len(set(certain)) == len(certain)


@given(sides(), st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_read_changes_nothing(
    both: tuple[list[Party], list[Party]], shuffle: random.Random
) -> None:
    """Two alignments of the same parties propose the same."""
    ours, theirs = both
    before = {it.party.id: it for it in propose(ours, theirs)}
    shuffle.shuffle(ours)
    shuffle.shuffle(theirs)
    assert {it.party.id: it for it in propose(ours, theirs)} == before


@given(sides())
def test_what_is_certain_one_way_is_certain_the_other_way(both: tuple[list[Party], list[Party]]) -> None:
    """It does not matter which side is asked about the other."""
    ours, theirs = both
    there = {(it.party.id, it.candidates[0].party.id) for it in propose(ours, theirs) if it.bucket is Bucket.CERTAIN}
    back = {(it.candidates[0].party.id, it.party.id) for it in propose(theirs, ours) if it.bucket is Bucket.CERTAIN}
    assert there == back


# A neighbourhood with planted doubles, namesakes, movers, mergers and edits, of which the truth is known


@pytest.mark.parametrize("role", Role)
def test_in_a_neighbourhood_nobody_is_bound_wrongly_and_nobody_is_missed(role: Role) -> None:
    """Who is certain is right; who is there under any name is shown, so that none is created a second time; and who is not
    there is seldom taken for somebody."""
    around = Neighbourhood(5000, 500)
    people = around.customers if role is Role.CUSTOMER else around.vendors
    proposals = propose([a_party(role, it) for it in people.field], [a_party(role, it) for it in people.books])
    alive = [it for it in proposals if not it.party.merged_to]
    certain = [it for it in alive if it.bucket is Bucket.CERTAIN]
    there = [it for it in alive if people.truth[it.party.id] != NOBODY]
    assert len(alive) > len(there) > 0
    assert [it for it in certain if it.candidates[0].party.id != people.truth[it.party.id]] == []
    assert [it for it in there if people.truth[it.party.id] not in {one.party.id for one in it.candidates}] == []
    assert len(certain) > 0.85 * len(there)
    nobody = [it for it in alive if people.truth[it.party.id] == NOBODY]
    assert sum(it.bucket is not Bucket.NONE for it in nobody) < 0.05 * len(nobody)


def a_party(role: Role, card: Card) -> Party:
    return Party(
        role,
        card.id,
        card.name,
        active=card.active,
        address=Address(card.street, card.unit, card.city, card.state, card.zip),
        phones=card.phones,
        emails=card.emails,
        tax_id=card.tax_id,
        counterpart=card.counterpart,
        merged_to=card.merged_to,
    )
