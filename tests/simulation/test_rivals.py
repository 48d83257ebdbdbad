"""More than one at work: two runs at once, a run that sleeps through its lease, and a GP that is slower than agreed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_connector.sandbox.faults import Fault
from tests.simulation.nursery import Nursery
from tests.simulation.world import (
    A_PERSON_IS_NEEDED,
    FAILED,
    PAUSE,
    a_world,
    wait_for_late_deeds,
    without_trouble,
)

DATABASES = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


@DATABASES
def test_of_two_runs_at_once_one_enters_and_the_other_is_told_that_it_is_busy(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Two people press the button; a third run is started while the first is in the midst of a create."""
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery) as world:
        first = world.run_asleep("POST", 3)
        rivals = [world.start("run", "trial") for _ in range(3)]
        assert [it.wait() for it in rivals] == [FAILED] * 3
        assert {it.told()["error"]["code"] for it in rivals} == {"run.busy"}
        first.go_on()
        assert first.wait() == A_PERSON_IS_NEEDED
        world.assert_exactly_once(without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop))


@DATABASES
def test_runs_started_together_enter_each_document_once(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Four processes, none later than the others; who loses the lease says so and does nothing."""
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery) as world:
        together = [world.start("run", "trial") for _ in range(4)]
        codes = [it.wait() for it in together]
        assert A_PERSON_IS_NEEDED in codes
        told = [it.told() for it, code in zip(together, codes, strict=True) if code == FAILED]
        assert {it["error"]["code"] for it in told} <= {"run.busy"}
        world.assert_exactly_once(without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop))


@DATABASES
@pytest.mark.parametrize("when", ["GP has it", "claimed"])
def test_a_run_that_sleeps_through_its_lease_stores_and_sends_nothing_more(
    database: str, when: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """The machine is suspended in mid-run; another run takes over and finishes; then the first one wakes up."""
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery, lease=0.5) as world:
        asleep = world.run_asleep("POST", 5) if when == "GP has it" else world.run_asleep_after("document.claimed", 5)
        world.finish()  # told that it is busy, until the lease has run out
        held, creates = world.in_gp(), world.creates()
        asleep.go_on()
        assert asleep.wait() == FAILED
        assert asleep.told()["error"]["code"] == "run.lease_lost"
        assert world.in_gp() == held
        assert world.creates() <= creates + 1  # it may have been about to send: then GP refused the number
        world.assert_exactly_once(without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop))


@DATABASES
def test_a_deed_that_gp_does_much_later_than_agreed_makes_no_second_copy(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """The line drops and GP, asked after the pause, has nothing; sent again, it is entered; then the first one comes.

    What was agreed is broken, and GP's own key keeps the second copy out.
    """
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery) as world:
        world.put_off_creates(3)
        world.finish()
        assert [it.event.name for it in world.events()].count("document.not_there") == 3
        late = [deed() for deed in world.watch.put_off]
        assert len(late) == 3
        world.assert_exactly_once(without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop))


@DATABASES
def test_a_deed_that_comes_between_the_question_and_the_second_attempt_is_found(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """GP says that it has nothing, then does the first deed after all: the ledger takes it as entered already."""
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery) as world:
        world.put_off_creates(2)
        assert world.run_until("document.not_there", nth=2)
        for deed in world.watch.put_off:
            deed()
        world.finish()
        assert [it.event.name for it in world.events()].count("document.already_entered") == 2
        world.assert_exactly_once(without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop))


@DATABASES
def test_a_gp_that_is_slow_around_the_pause_makes_no_second_copy(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Nine deeds are done a little before or after the pause ends, each in a race with the question."""
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery) as world:
        for share in (0.9, 1.0, 1.1, 1.2, 1.5, 2, 2.5, 3, 4):
            world.faults.order(Fault.STILL_WORKING, method="POST", skip=3, seconds=PAUSE * share)
        world.finish()
        wait_for_late_deeds()
        world.finish()
        world.assert_exactly_once(without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop))
