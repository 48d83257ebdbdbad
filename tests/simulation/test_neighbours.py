"""One connection's trouble is its own: what hangs, cannot be run or is flooded keeps no other connection's run waiting."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from ml_connector.runtime import settings as form
from ml_connector.runtime.schedules import add, ask_now
from ml_connector.runtime.settings import Settings
from ml_connector.store.database import utc_now
from ml_connector.store.deliveries import Arrival, Deliveries
from ml_connector.store.ledger import Ledger
from ml_connector.store.schedules import Terms
from ml_connector.workbook.reading import read as read_workbook
from tests.simulation.nursery import Nursery
from tests.simulation.test_workers import Crew, a_crew
from tests.simulation.world import NAME, World, a_world

TROUBLED = "neighbour"


@contextmanager
def a_hole() -> Iterator[str]:
    """An address that takes every call and answers none."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def a_neighbour(world: World, **servicetitan: object) -> Ledger:
    """Another tenant's connection in the same ledger, with a schedule of its own."""
    own = form.from_values(world.database.connections("x").get(NAME).definition, "the world's")
    there = msgspec.structs.replace(own.servicetitan, tenant_id=777, **servicetitan)
    settings: Settings = msgspec.structs.replace(own, name=TROUBLED, prefix="NB", servicetitan=there)
    world.database.connections("simulation").add(TROUBLED, form.to_values(settings))
    ledger = world.database.ledger(TROUBLED, "simulation")
    tables = read_workbook(Path(world.environment["ML_CONNECTOR_DATA"]) / "rulebook")
    assert not isinstance(tables, tuple)
    ledger.add_rulebook(tables, "simulation", "the sample")
    terms = Terms("every 60 minutes", "UTC", True)
    add(world.database.schedules("simulation"), TROUBLED, "often", terms, datetime.now(UTC))
    return ledger


def until(holds: Callable[[], object], seconds: float = 300) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.05)


def trouble_it(world: World) -> None:
    ask_now(world.database.schedules("simulation"), TROUBLED, "often")


def assert_the_other_is_run(crew: Crew) -> None:
    ledger = crew.world.ledger
    crew.ask()
    until(lambda: [it for it in ledger.runs(1) if it.outcome == "finished"])
    assert len(crew.world.in_gp()) > 30


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_servicetitan_that_hangs_is_its_own_connections_trouble(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Its run waits for an answer that never comes; the other connection's month is entered while it does."""
    url = an_empty_ledger(database)
    with a_hole() as nowhere, a_world(tmp_path / "world", url, nursery) as world:
        troubled = a_neighbour(world, api_url=nowhere, auth_url=nowhere)
        with a_crew(world, 1) as crew:
            trouble_it(world)
            until(lambda: troubled.runs(1))
            assert_the_other_is_run(crew)
            assert troubled.runs(1)[0].outcome == "running"
        world.assert_exactly_once()


def test_a_connection_that_cannot_be_run_is_its_own_trouble(
    tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """A credential of it is missing, and it is asked for again and again; the other one does not feel it."""
    with a_world(tmp_path / "world", an_empty_ledger("sqlite"), nursery) as world:
        troubled = a_neighbour(world, app_key="file:/nowhere/to/be/found")
        with a_crew(world, 1) as crew:
            trouble_it(world)
            crew.ask()
            while not world.ledger.runs(1) or world.ledger.runs(1)[0].outcome == "running":
                trouble_it(world)
                time.sleep(0.2)
            assert_the_other_is_run(crew)
            (worker,) = crew.workers
            assert worker.is_running
            crew.dismiss()
            assert "credential.missing" in worker.err.read_text("utf-8")
        assert not [it for it in troubled.runs(100) if it.outcome == "finished"]
        world.assert_exactly_once()


def test_a_connection_that_is_flooded_with_webhooks_is_its_own_trouble(
    tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Five thousand come for it, which make a run or a few; each is answered by one, and the other's month is entered."""
    with a_hole() as nowhere, a_world(tmp_path / "world", an_empty_ledger("sqlite"), nursery) as world:
        troubled = a_neighbour(world, api_url=nowhere, auth_url=nowhere)
        deliveries = Deliveries(world.database)
        flooded = world.database.connections("x").get(TROUBLED).id
        with a_crew(world, 1) as crew:
            crew.ask()
            for n in range(100):
                deliveries.take([Arrival(flooded, b'{"id": %d}' % (50 * n + m), utc_now()) for m in range(50)])
            assert_the_other_is_run(crew)
            until(lambda: not deliveries.waiting())
            until(lambda: troubled.runs(1))
            assert len(troubled.runs(100)) == 1  # the others wait for it: they would sweep the same
        world.assert_exactly_once()
