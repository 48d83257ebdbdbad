"""An older backup is restored, and the trade goes on: GP holds what the ledger has forgotten, and gets nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_connector.docket.stages import Entered, Posted
from tests.simulation.nursery import Nursery
from tests.simulation.watched import Moment
from tests.simulation.world import a_shop, a_world

AnEmptyLedger = Callable[[str], str]


@pytest.mark.parametrize(("database", "into"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_a_run_on_a_ledger_restored_from_before_the_last_run_enters_nothing_twice(
    database: str, into: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: AnEmptyLedger
) -> None:
    """Backed up, run, lost, restored into the other kind of database: every document is found in GP by its number."""
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery, shop=a_shop(30, 10)) as world:
        assert world.run_into("POST", Moment.AFTER_ANSWER, nth=5), "some are entered, one is in doubt"
        file = tmp_path / "backup.zip"
        world.call("backup", str(file))
        world.finish()
        before, creates = world.in_gp(), world.creates()
        used = {it["batch"] for it in world.company.records()["documents"]}
        url = an_empty_ledger(into)
        told = world.with_environment(url).call("restore", str(file))
        assert told["broken"] == {}

        restored = world.with_ledger(url)
        restored.finish()
        assert (restored.in_gp(), restored.creates()) == (before, creates)
        events = [it.event.name for it in restored.events()]
        assert "document.already_entered" in events[events.index("ledger.restored") :]
        assert set(restored.documents(Entered, Posted)) == set(before)
        restored.assert_exactly_once()

        restored.trade_goes_on(3)
        restored.finish()
        new = {it["number"]: it["batch"] for it in restored.company.records()["documents"] if it["batch"] not in used}
        assert set(new) == set(restored.in_gp()) - set(before), "no batch of the forgotten run is used again"
        restored.assert_exactly_once()
