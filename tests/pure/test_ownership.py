"""Who has the last word about a field, and that nothing goes to and fro."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.parties.identity import LONGEST, gp_id
from ml_connector.parties.ownership import Changes, Field, FieldRule, Owner, Value, changes, edited, same, value
from ml_connector.parties.party import Address, Party, Role, Side

BASE = Party(Role.CUSTOMER, "5500101", "Maria Smith", phones=("3035550142",))
THERE = replace(BASE, id="SMITH001", name="MARIA SMITH")


def after(owner: Owner, in_field: str = "Maria Smith", in_books: str = "MARIA SMITH", hold: bool = False) -> Changes:
    """The name was edited so on either side."""
    now = replace(BASE, name=in_field), replace(THERE, name=in_books)
    return changes(BASE, THERE, *now, {Field.NAME: FieldRule(owner, hold)})


@pytest.mark.parametrize("owner", Owner)
def test_nothing_was_edited_and_nothing_is_written(owner: Owner) -> None:
    """Capitals in GP are no edit."""
    assert not after(owner)


@pytest.mark.parametrize(
    ("owner", "to_field", "to_books"),
    [
        (Owner.FIELD, {}, {Field.NAME: "Maria Gonzalez"}),
        (Owner.EITHER, {}, {Field.NAME: "Maria Gonzalez"}),
        (Owner.BOOKS, {Field.NAME: "MARIA SMITH"}, {}),
        (Owner.NONE, {}, {}),
    ],
)
def test_an_edit_in_servicetitan_ends_as_the_owner_says(
    owner: Owner, to_field: dict[Field, Value], to_books: dict[Field, Value]
) -> None:
    """It goes across, or is set back, or is nobody's business."""
    found = after(owner, in_field="Maria Gonzalez")
    assert (found.to_field, found.to_books, found.conflicts) == (to_field, to_books, ())


@pytest.mark.parametrize(
    ("owner", "to_field", "to_books"),
    [
        (Owner.BOOKS, {Field.NAME: "M GONZALEZ"}, {}),
        (Owner.EITHER, {Field.NAME: "M GONZALEZ"}, {}),
        (Owner.FIELD, {}, {Field.NAME: "Maria Smith"}),
        (Owner.NONE, {}, {}),
    ],
)
def test_an_edit_in_gp_ends_as_the_owner_says(
    owner: Owner, to_field: dict[Field, Value], to_books: dict[Field, Value]
) -> None:
    """The mirror of it."""
    found = after(owner, in_books="M GONZALEZ")
    assert (found.to_field, found.to_books, found.conflicts) == (to_field, to_books, ())


def test_edited_on_both_sides_the_owner_wins_and_the_other_value_is_kept_for_the_trail() -> None:
    """Somebody looks for the name that was overwritten, and finds it."""
    found = after(Owner.FIELD, "Maria Gonzalez", "M GONZALES")
    assert found.to_books == {Field.NAME: "Maria Gonzalez"}
    assert edited(Side.BOOKS, found.lost) == {"name": "M GONZALES"}


@pytest.mark.parametrize(("owner", "hold"), [(Owner.EITHER, False), (Owner.FIELD, True), (Owner.BOOKS, True)])
def test_edited_on_both_sides_a_person_decides_where_nobody_or_the_rule_says_so(owner: Owner, hold: bool) -> None:
    """Nothing is written, and both values are shown."""
    found = after(owner, "Maria Gonzalez", "M GONZALES", hold)
    assert (found.to_field, found.to_books) == ({}, {})
    assert [(it.in_field, it.in_books) for it in found.conflicts] == [("Maria Gonzalez", "M GONZALES")]


def test_the_same_edit_on_both_sides_is_no_conflict() -> None:
    """The customer told both offices her new name."""
    assert not after(
        Owner.EITHER, "Maria Gonzalez", "GONZÁLEZ MARIA".title().replace("González Maria", "maria gonzález")
    )


def test_a_name_that_gp_cut_off_is_still_that_name() -> None:
    """64 characters stand in GP, and the whole in ServiceTitan: that is no difference."""
    long = "The Very Long Name of the Homeowners Association of Cherry Creek North and South"
    assert same(Field.NAME, long, long[:64].upper())
    assert not same(Field.NAME, long, long[:63])


NAMES = st.sampled_from(["Maria", "Mary", "Marie", "MARIA"])
ADDRESSES = st.builds(
    Address, st.sampled_from(["1 Elm Street", "1 ELM ST", "2 Elm St"]), st.just(""), st.just("Denver")
)
PARTIES = st.builds(
    Party,
    st.just(Role.VENDOR),
    st.just("1"),
    NAMES,
    st.booleans(),
    ADDRESSES,
    st.tuples(st.sampled_from(["", "3035550142"])),
)
RULES = st.fixed_dictionaries({it: st.builds(FieldRule, st.sampled_from(Owner), st.booleans()) for it in Field})


@given(PARTIES, PARTIES, PARTIES, PARTIES, RULES)
def test_a_second_alignment_changes_nothing(
    was_field: Party, was_books: Party, in_field: Party, in_books: Party, rules: dict[Field, FieldRule]
) -> None:
    """What was written is read back as it was written, and is no edit: nothing goes to and fro."""
    found = changes(was_field, was_books, in_field, in_books, rules)
    now_field, now_books = _written(in_field, found.to_field), _written(in_books, found.to_books)
    again = changes(now_field, now_books, now_field, now_books, rules)
    assert not again


@given(PARTIES, PARTIES, PARTIES, RULES)
def test_an_owned_field_reads_on_the_other_side_as_its_owner_has_it(
    base: Party, in_field: Party, in_books: Party, rules: dict[Field, FieldRule]
) -> None:
    """Wherever it was edited, unless a person must decide."""
    found = changes(base, base, in_field, in_books, rules)
    now_field, now_books = _written(in_field, found.to_field), _written(in_books, found.to_books)
    held = {it.field for it in found.conflicts}
    for it, rule in rules.items():
        if rule.owner is not Owner.NONE and it not in held:
            assert same(it, value(now_field, it), value(now_books, it))


def _written(party: Party, values: object) -> Party:
    assert isinstance(values, dict)
    names = {Field.NAME: "name", Field.ADDRESS: "address", Field.TERMS: "terms", Field.ACTIVE: "active"}
    plain = {names[it]: new for it, new in values.items() if it in names}
    if Field.PHONE in values:
        plain["phones"] = (values[Field.PHONE],)
    if Field.MAIL in values:
        plain["emails"] = (values[Field.MAIL],)
    return replace(party, **plain)


@given(st.text(max_size=80), st.integers(1, 10**15), st.integers(0, 40))
def test_an_id_for_gp_fits_and_is_always_the_same(name: str, id: int, turn: int) -> None:
    """Fifteen characters that GP can keep."""
    made = gp_id(name, id, turn)
    assert made == gp_id(name, id, turn)
    assert len(made) <= LONGEST
    assert made.isascii()
    assert made == made.upper().strip()


@given(st.tuples(st.text(max_size=8), st.integers(1, 10**10)), st.tuples(st.text(max_size=8), st.integers(1, 10**10)))
def test_two_parties_never_get_one_id(one: tuple[str, int], other: tuple[str, int]) -> None:
    """Neither two of one name, nor a name that ends like another's number."""
    if one[1] != other[1]:
        assert gp_id(*one) != gp_id(*other)
