"""What GP and ServiceTitan can keep of a party, and how a list is read that gives so many rows at most."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.books.characters import holds
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import party_words
from ml_connector.gp.ranges import in_ranges
from ml_connector.parties.party import Address, Party, Role
from ml_connector.parties.writing import Overtaken, asked, differing, left, telephone
from ml_connector.servicetitan import party_forms

TEXTS = st.text(max_size=90)
PARTIES = st.builds(
    Party,
    st.sampled_from(Role),
    st.just("5500101"),
    TEXTS,
    st.booleans(),
    st.builds(Address, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, TEXTS),
    st.lists(st.text("0123456789 ()-+x.", max_size=24), max_size=5).map(tuple),
    st.lists(TEXTS, max_size=3).map(tuple),
    TEXTS,
    TEXTS,
    TEXTS,
)
TRUNCATED = Finding("gp.truncated", "customers", "cut off", "Mend it.")


@given(PARTIES)
def test_what_gp_keeps_it_keeps_unchanged(party: Party) -> None:
    """Kept twice is kept once; nothing is longer than its column, and nothing has a letter that GP's database lacks."""
    kept = party_words.as_kept(party)
    assert party_words.as_kept(kept) == kept
    for text, width in (
        (kept.name, party_words.NAME),
        (kept.address.street, party_words.LINE),
        (kept.address.zip, party_words.ZIP),
        (kept.tax_id, party_words.TAX_ID),
        (kept.type, party_words.CLASS),
        (kept.terms, party_words.TERMS),
    ):
        assert len(text) <= width
        assert holds(text)
    assert len(kept.phones) <= 3
    assert len(kept.emails) <= 1


@given(PARTIES)
def test_what_servicetitan_keeps_it_keeps_unchanged(party: Party) -> None:
    kept = party_forms.as_kept(party)
    assert party_forms.as_kept(kept) == kept
    assert kept.type in ("", "Residential", "Commercial")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("(303) 555-0142", "3035550142"),
        ("+1 303.555.0142", "3035550142"),
        ("30355501420000", "3035550142"),
        ("30355501420012", "30355501420012"),
        ("+49 30 901820", "4930901820"),
        ("ask Maria", ""),
    ],
)
def test_a_telephone_number_is_the_same_in_every_form(text: str, number: str) -> None:
    """An extension of none is left out, and another one stays."""
    assert telephone(text) == number
    assert telephone(number) == number


@pytest.mark.parametrize("id", ["SMITH001", "O'BRIEN", "CAFÉ-1", "A" * 15])
def test_an_id_that_gp_keeps_is_an_id(id: str) -> None:
    assert party_words.is_an_id(id)


def test_an_update_is_about_one_party_and_about_what_its_side_takes() -> None:
    maria = Party(Role.CUSTOMER, "1", "Maria Smith", phones=("3035550142",))
    brown = replace(maria, name="Maria Brown")
    assert asked(maria, brown, brown, {"name", "phones"}) == ("name",)
    assert asked(maria, replace(maria, name=" Maria  Smith"), maria, {"name"}) == ()
    with pytest.raises(ValueError, match="not written"):
        asked(maria, brown, brown, {"phones"})
    with pytest.raises(ValueError, match="is not"):
        asked(maria, replace(brown, role=Role.VENDOR), brown, {"name"})


def test_what_is_left_of_an_update_is_what_stands_as_it_was_read() -> None:
    """Done already: nothing is left. Changed by somebody: overtaken, unless to what we want anyway."""
    before = Party(Role.CUSTOMER, "1", "Maria Smith", terms="Net 30")
    wanted = replace(before, name="Maria Brown", terms="Net 45")
    assert left(before, before, wanted, {"name", "terms"}) == ("name", "terms")
    assert left(replace(before, name="Maria Brown"), before, wanted, {"name", "terms"}) == ("terms",)
    by_hand = replace(before, name="Maria Jones")
    assert left(by_hand, before, wanted, {"name", "terms"}) == Overtaken(by_hand, ("name",))
    assert differing(before, by_hand, {"terms"}) == ()


# ---- lists that are cut off


class Capped:
    """A list of keys that gives `cap` at most, in its own order."""

    def __init__(self, keys: Sequence[str], cap: int, seed: int | None) -> None:
        self.keys, self.cap, self.asked = list(keys), cap, 0
        if seed is None:
            self.keys.sort()
        else:
            random.Random(seed).shuffle(self.keys)

    def __call__(self, low: str, high: str) -> Sequence[str]:
        self.asked += 1
        return [key for key in self.keys if (not low or key >= low) and (not high or key <= high)][: self.cap]


@given(
    st.sets(st.text("ABC-19", min_size=1, max_size=6), max_size=120), st.integers(4, 30), st.integers(0, 9) | st.none()
)
def test_every_row_comes_once_whatever_the_order_of_the_list(keys: set[str], cap: int, seed: int | None) -> None:
    listed = Capped(sorted(keys), cap, seed)
    rows = [row for part in in_ranges(listed, str, cap, TRUNCATED) for row in part]
    assert sorted(rows) == sorted(keys)


def test_a_list_in_the_order_of_its_keys_costs_two_questions_for_each_full_part() -> None:
    listed = Capped([f"C{n:05d}" for n in range(50_000)], 1000, None)
    assert sum(len(part) for part in in_ranges(listed, str, 1000, TRUNCATED)) == 50_000
    assert listed.asked <= 2 * 50_000 // 998 + 1


def test_a_list_that_heeds_no_bounds_or_has_one_key_is_given_up() -> None:
    """No end would ever be sure: better nothing than a part."""
    with pytest.raises(Interrupted):
        list(in_ranges(lambda low, high: [f"{n:02d}" for n in range(50)], str, 50, TRUNCATED))
    with pytest.raises(Interrupted):
        list(in_ranges(lambda low, high: ["A"] * 50, str, 50, TRUNCATED))
