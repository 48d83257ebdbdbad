"""More than one at work: two runs at once, a run that sleeps through its lease, and a GP that is slower than agreed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_connector.docket.stages import InDoubt
from ml_connector.sandbox.faults import Fault
from tests.simulation.nursery import Nursery
from tests.simulation.world import (
    A_PERSON_IS_NEEDED,
    FAILED,
    PAUSE,
    a_shop,
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
def test_a_deed_that_gp_does_later_than_agreed_still_makes_no_second_copy(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """GP works on after the line dropped, longer than the pause: asked, it says no; then it does it after all.

    What was agreed is broken, and still GP's own key keeps the second copy out.
    """
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery) as world:
        for share in (1.1, 1.5, 2.5):
            world.faults.order(Fault.STILL_WORKING, method="POST", skip=6, times=2, seconds=PAUSE * share)
        world.finish()
        wait_for_late_deeds()
        world.finish()
        assert sum(it.event.name == "document.not_there" for it in world.events()) >= 6
        world.assert_exactly_once(without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop))


def test_a_late_deed_and_a_death_before_it_make_no_second_copy(
    tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """The run dies while GP works; the next one asks too early, sends again, and GP keeps one of the two."""
    with a_world(tmp_path / "world", an_empty_ledger("sqlite"), nursery, shop=a_shop(40, 10)) as world:
        world.faults.order(Fault.STILL_WORKING, method="POST", skip=2, seconds=PAUSE * 4)
        assert world.run_until("document.in_doubt")
        assert len(world.documents(InDoubt)) >= 1
        world.finish()
        wait_for_late_deeds()
        world.finish()
        world.assert_exactly_once(without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop))
