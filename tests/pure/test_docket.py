"""Stages and their moves; the trail and what happens to one that is tampered with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.docket import stages
from ml_connector.docket.stages import (
    REPLANNABLE,
    SENDABLE,
    WORST_FIRST,
    Approved,
    ClosedByHand,
    Deferred,
    Entered,
    Gone,
    Held,
    InDoubt,
    Planned,
    Posted,
    Stage,
    may_move,
    worst,
)
from ml_connector.docket.trail import Event, TrailEntry, entry, first_break
from tests.builders import a_finding

NOW = datetime(2026, 3, 14, 9, 26, 53, 589_793, tzinfo=UTC)
EACH: tuple[Stage, ...] = (
    Planned(),
    Approved("controller"),
    InDoubt(NOW, 1, "0" * 64),
    Deferred("GP is busy"),
    Held((a_finding(),)),
    Entered("STR260314-07"),
    Posted("STR260314-07", "RMSLS00000012"),
    Gone("voided", NOW),
    ClosedByHand("controller", "entered by hand"),
)

# Written from the design, not from the code: from a stage to the stages that it may move to.
MAY = {
    Planned: "Planned Approved Held ClosedByHand",
    Approved: "Planned Approved InDoubt Deferred Held Entered Posted ClosedByHand",
    InDoubt: "InDoubt Approved Deferred Held Entered Posted",
    Deferred: "Planned Approved Deferred Held ClosedByHand",
    Held: "Planned Held Entered Posted Gone ClosedByHand",
    Entered: "Entered Posted Gone Held",
    Posted: "Posted Gone",
    Gone: "Gone ClosedByHand Entered Posted",
    ClosedByHand: "Planned",
}


class TestStages:
    @pytest.mark.parametrize("now", EACH, ids=lambda it: type(it).__name__)
    @pytest.mark.parametrize("to", EACH, ids=lambda it: type(it).__name__)
    def test_only_the_moves_of_the_table_are_allowed(self, now: Stage, to: Stage) -> None:
        """Every pair of stages: in the table, or refused."""
        assert may_move(now, to) == (type(to).__name__ in MAY[type(now)].split())

    def test_every_stage_is_in_every_table(self) -> None:
        """A new stage is placed by a person, and not forgotten."""
        assert {type(it) for it in EACH} == set(get_args(Stage)) == set(WORST_FIRST)
        assert len(WORST_FIRST) == len(set(WORST_FIRST))

    def test_only_a_claim_is_sent_and_only_an_answer_ends_it(self) -> None:
        """Doubt is reached from Approved alone, and never left for a new plan or a person's closing."""
        doubt = EACH[2]
        assert [type(it) for it in EACH if may_move(it, doubt)] == [Approved, InDoubt]
        assert (Approved,) == SENDABLE
        for by_hand in (Planned(), ClosedByHand("controller", "never mind")):
            assert not may_move(doubt, by_hand)

    def test_what_gp_holds_is_never_planned_again(self) -> None:
        """Entered, posted, gone or in doubt: a replay leaves them alone, and so does the table."""
        untouchable = [it for it in EACH if type(it) not in REPLANNABLE]
        assert [type(it) for it in untouchable] == [InDoubt, Entered, Posted, Gone]
        assert not any(may_move(it, Planned()) for it in untouchable)

    @given(st.lists(st.sampled_from(EACH), min_size=1))
    def test_a_docket_shows_the_worst_of_its_documents(self, standing: list[Stage]) -> None:
        """One document in doubt is more than nine entered."""
        shown = worst(tuple(standing))
        assert shown in standing
        assert all(WORST_FIRST.index(type(shown)) <= WORST_FIRST.index(type(it)) for it in standing)

    def test_the_worst_is_doubt_and_the_best_is_done(self) -> None:
        """In the order in which a person should look."""
        assert worst(EACH) == EACH[2]
        assert worst((Posted("b", "c"), ClosedByHand("a", "b"))) == Posted("b", "c")
        assert worst((stages.Entered("b"), Held(()))) == Held(())


def a_trail(length: int = 5) -> list[TrailEntry]:
    entries: list[TrailEntry] = []
    for seq in range(1, length + 1):
        event = Event("document.entered", {"batch": "STR260314-07", "amount": f"{seq}.00"}, seq, f"STI{seq}")
        previous = entries[-1].hash if entries else "0" * 64
        entries.append(entry(seq, NOW + timedelta(seconds=seq), "controller", event, previous))
    return entries


def _resealed(it: TrailEntry) -> TrailEntry:
    """What a clever forger does: change the entry, and its hash with it."""
    forged = replace(it.event, detail={"amount": "0.00"})
    return entry(it.seq, it.at, it.actor, forged, it.previous_hash)


TAMPERINGS: list[Callable[[TrailEntry], TrailEntry]] = [
    lambda it: replace(it, actor="nobody"),
    lambda it: replace(it, at=it.at + timedelta(microseconds=1)),
    lambda it: replace(it, seq=it.seq + 1),
    lambda it: replace(it, hash="f" * 64),
    lambda it: replace(it, previous_hash="f" * 64),
    lambda it: replace(it, event=replace(it.event, name="document.held")),
    lambda it: replace(it, event=replace(it.event, number="STI999")),
    lambda it: replace(it, event=replace(it.event, docket_id=None)),
    lambda it: replace(it, event=replace(it.event, detail={**it.event.detail, "amount": "9.99"})),
]


class TestTrail:
    def test_an_untouched_trail_holds(self) -> None:
        """Also when only its later part is read, from where the earlier part ended."""
        trail = a_trail()
        assert first_break(trail) is None
        assert first_break([]) is None
        assert first_break(trail[2:], trail[1].hash, 2) is None

    @pytest.mark.parametrize("tampering", TAMPERINGS)
    @pytest.mark.parametrize("place", range(5))
    def test_a_changed_entry_is_found(self, tampering: Callable[[TrailEntry], TrailEntry], place: int) -> None:
        """Who, when, what, about which document, how much: each is under the seal."""
        trail = a_trail()
        trail[place] = tampering(trail[place])
        assert first_break(trail) == place + 1

    @pytest.mark.parametrize("place", range(4))
    def test_an_entry_resealed_breaks_the_next(self, place: int) -> None:
        """A forger would have to seal all that follows anew."""
        trail = a_trail()
        trail[place] = _resealed(trail[place])
        assert first_break(trail) == place + 2

    @given(st.integers(0, 3))
    def test_a_removed_entry_is_found(self, place: int) -> None:
        """Numbers have no gaps; only the very end can be cut off unseen, and that the ledger's count shows."""
        trail = a_trail()
        del trail[place]
        assert first_break(trail) == place + 1

    @given(st.integers(0, 4), st.integers(0, 4))
    def test_a_copied_entry_is_found(self, copied: int, place: int) -> None:
        """An entry put in anywhere is one too many."""
        trail = a_trail()
        trail.insert(place, trail[copied])
        assert first_break(trail) is not None

    def test_entries_out_of_order_are_found(self) -> None:
        """Before and after matter in an audit."""
        trail = a_trail()
        trail[1], trail[2] = trail[2], trail[1]
        assert first_break(trail) == 2

    def test_the_order_of_details_does_not_matter(self) -> None:
        """A store may give them back in another order."""
        one = entry(1, NOW, "a", Event("e", {"x": 1, "y": [1, 2]}), "0" * 64)
        other = entry(1, NOW, "a", Event("e", {"y": (1, 2), "x": 1}), "0" * 64)
        assert one.hash == other.hash
