"""What an approval takes: who may give it, how many it needs, and that it names what was looked at."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.books.canonical import digest as hash_of
from ml_connector.books.document import DocumentKind
from ml_connector.docket import stages
from ml_connector.docket.people import Person, Role
from ml_connector.docket.records import DocumentRecord, Move
from ml_connector.docket.review import (
    AUTOMATIC,
    Pin,
    Policy,
    approval,
    approval_by_itself,
    digest,
    pin,
    refusal,
    rejection,
)
from ml_connector.docket.sheet import Sheet
from ml_connector.docket.stages import Approved, Held, Planned, Stage, may_move
from ml_connector.findings import Finding
from ml_connector.money import Currency, Money
from tests.builders import DAY, a_document, a_finding, usd
from tests.pure.test_docket import EACH
from tests.pure.test_people import a_user

MARIA, BOB, EVE = Person("maria"), Person("bob"), Person("eve")
LIMIT = Policy(second_above=usd("100.00"))
SEEN = "0123456789abcdef"


def a_record(stage: Stage | None = None, **fields: Any) -> DocumentRecord:
    """A planned invoice of 108.25."""
    document = a_document()
    record = DocumentRecord(7, 3, document, hash_of(document), 1, 2, Planned() if stage is None else stage, 0, False)
    return replace(record, **fields)


def stage_after(it: DocumentRecord, *people: Person, policy: Policy = LIMIT) -> Stage:
    for who in people:
        move = approval(it, who, policy, SEEN)
        it = it if move is None else replace(it, stage=move.to)
    return it.stage


class TestHowMany:
    def test_below_the_limit_one_is_enough(self) -> None:
        assert stage_after(a_record(), MARIA, policy=Policy()) == Approved("maria")
        assert stage_after(a_record(), MARIA, policy=Policy(second_above=usd("108.25"))) == Approved("maria")

    def test_above_the_limit_two_people_must(self) -> None:
        """One cent above is above. The first approval is kept, with the warnings that the second person wants to see."""
        policy = Policy(second_above=usd("108.24"))
        warned = a_record(Planned((a_finding(warns=True),)))
        assert stage_after(warned, MARIA, policy=policy) == Planned((a_finding(warns=True),), "maria")
        assert stage_after(warned, MARIA, BOB, policy=policy) == Approved("bob", "maria")

    def test_what_cannot_be_compared_with_the_limit_is_above_it(self) -> None:
        """The connection's currency was changed while the document waited."""
        policy = Policy(second_above=Money(Decimal(1000), Currency.CAD))
        assert stage_after(a_record(), MARIA, policy=policy) == Planned(first="maria")

    def test_one_person_is_not_two_however_often_and_under_whatever_name(self) -> None:
        """Before there were users her account approved; the user of that account is the same person."""
        assert stage_after(a_record(), MARIA, MARIA, MARIA) == Planned(first="maria")
        account, user = Person("os-maria"), Person("maria", a_user("maria", Role.APPROVER))
        assert stage_after(a_record(), account, user) == Planned(first="os-maria")

    @given(st.lists(st.sampled_from([MARIA, BOB, EVE]), min_size=1, max_size=4), st.booleans(), st.booleans())
    def test_approved_means_that_enough_different_people_did(
        self, people: list[Person], large: bool, was_entered: bool
    ) -> None:
        """Any people in any order."""
        record = a_record(was_entered=was_entered)
        policy = LIMIT if large else Policy()
        it, different = record, set()
        for who in people:
            if not isinstance(it.stage, Planned):
                break
            move = approval(it, who, policy, SEEN)
            different.add(who.name)
            it = it if move is None else replace(it, stage=move.to)
        needed = 2 if policy.needs_two(record) else 1
        assert isinstance(it.stage, Approved) == (len(different) >= needed)
        assert policy.needs_two(record) == (large and not was_entered)

    def test_an_approval_is_told_with_hash_version_and_what_was_seen(self) -> None:
        record = a_record(Planned(first="maria"))
        move = approval(record, BOB, LIMIT, SEEN)
        assert move is not None
        assert move.event.name == "document.approved"
        assert move.event.detail == {"hash": record.hash, "rulebook": 2, "seen": SEEN, "first": "maria"}
        first = approval(a_record(), BOB, LIMIT, SEEN)
        assert first is not None
        assert first.event.name == "document.first_approval"


class TestAutomatic:
    def test_it_approves_up_to_the_limit_and_no_further(self) -> None:
        policy = Policy(automatic=True, second_above=usd("108.25"))
        move = approval_by_itself(a_record(), policy)
        assert move is not None
        assert move.to == Approved(AUTOMATIC)
        assert policy.approves_by_itself(usd("108.25"))
        assert not policy.approves_by_itself(usd("108.26"))
        assert approval_by_itself(a_record(), Policy(automatic=True, second_above=usd("108.24"))) is None

    def test_it_is_not_one_of_two(self) -> None:
        """A machine's word and one person's are not two people's."""
        policy = replace(LIMIT, automatic=True)
        assert approval_by_itself(a_record(Planned(first="maria")), policy) is None
        assert stage_after(a_record(), MARIA, policy=policy) == Planned(first="maria")

    def test_in_review_mode_nothing_approves_by_itself(self) -> None:
        assert approval_by_itself(a_record(), Policy()) is None
        assert not Policy().approves_by_itself(usd("0.01"))


class TestDuties:
    APART = Policy(separate_duties=True)

    @pytest.mark.parametrize(
        ("who", "author", "code"),
        [
            (BOB, "maria", None),
            (BOB, "bob", "approval.own_rulebook"),
            (Person("bob", a_user("bob", Role.APPROVER)), "os-bob", "approval.own_rulebook"),
            (Person("bob", a_user("bob", Role.APPROVER)), "maria", None),
            (Person("bob", a_user("bob", Role.APPROVER, Role.MAP_EDITOR)), "maria", "approval.both_duties"),
        ],
    )
    def test_who_edits_the_rulebook_does_not_approve(self, who: Person, author: str, code: str | None) -> None:
        """Neither what they imported, nor anything while they could."""
        found = refusal(who, self.APART, 1, author)
        assert (found and found.code) == code
        assert refusal(who, Policy(), 1, author) is None, "a connection may allow it"


class TestWhatWasSeen:
    PINS = st.lists(
        st.builds(
            Pin, st.integers(1, 9), st.sampled_from(["STI1", "STI2"]), st.sampled_from(["aa", "bb"]), st.integers(1, 3)
        ),
        max_size=4,
    )

    @given(PINS, PINS)
    def test_another_list_has_another_name(self, one: list[Pin], other: list[Pin]) -> None:
        """A document more or less, another content, another version of the rulebook, another order."""

        def said(pins: list[Pin]) -> list[tuple[str, str, int]]:
            return [(it.number, it.hash, it.rulebook_version) for it in pins]

        assert (digest(one) == digest(other)) == (said(one) == said(other))

    def test_a_first_approval_does_not_change_what_was_seen(self) -> None:
        """Two people look at one list; the first one's approval leaves the second one's view what it was."""
        before, after = a_record(), a_record(Planned(first="maria"))
        assert digest([pin(before)]) == digest([pin(after)])

    def test_the_sheet_adds_up_what_waits(self) -> None:
        """By company and kind, credits negative, with the first and last posting date."""
        second = replace(a_record(Planned((a_finding(warns=True),), "maria")), id=8)
        later = a_document(kind=DocumentKind.RECEIVABLES_CREDIT_MEMO, posting_date=DAY.replace(day=31))
        credit = replace(a_record(), id=9, document=later)
        sheet = Sheet.of(LIMIT, [[a_record()], [second, credit]])
        assert [(it.kind, it.count, it.total, it.posting_to.day) for it in sheet.totals] == [
            ("receivables invoice", 2, usd("216.50"), DAY.day),
            ("receivables credit memo", 1, usd("-108.25"), 31),
        ]
        assert [(it.needs, it.approved_by) for it in sheet.lines] == [(2, ""), (1, "maria"), (2, "")]
        assert sheet.lines[1].warnings == (a_finding(warns=True),)
        assert sheet.pins == [pin(a_record()), pin(second), pin(credit)]
        assert (sheet.older_than(3), sheet.older_than(2)) == (3, 0)


class TestRejection:
    @pytest.mark.parametrize("stage", EACH, ids=lambda it: type(it).__name__)
    def test_what_was_not_sent_can_be_rejected_and_nothing_else(self, stage: Stage) -> None:
        """An approval that was not used yet is taken back; what GP may hold is beyond a no."""
        made = rejection(a_record(stage), BOB, "billed twice")
        if isinstance(stage, stages.Planned | stages.Approved | stages.Deferred):
            assert isinstance(made, Move)
            assert isinstance(made.to, Held)
            assert may_move(stage, made.to)
            assert "bob rejected it: billed twice" in made.to.findings[0].says
        else:
            assert isinstance(made, Finding)
            assert made.code == "plan.not_waiting"

    def test_every_stage_was_tried(self) -> None:
        assert {type(it) for it in EACH} == set(get_args(Stage))
