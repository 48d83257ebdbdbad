"""Workers that are killed, put to sleep and replaced while they make runs: every run ends, and each document stands once.

The workers are the product itself, `ml-connector serve --role worker`, as many as the database allows: three on
PostgreSQL, which is restarted in between, one on SQLite. A seed draws who is struck, how and when; what the operating
system makes of it is not drawn. How many were killed is asserted, and printed where it fails.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ml_connector.docket.stages import Approved, Deferred, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.runtime.schedules import add, ask_now
from ml_connector.store.schedules import Terms
from tests import postgres
from tests.simulation.nursery import Command, Nursery
from tests.simulation.test_random_kills import trouble
from tests.simulation.world import NAME, World, a_shop, a_world, wait_for_late_deeds, without_trouble

KILLS = 25  # in each of four ledgers
TAKEOVER = 3.0  # seconds
OFTEN = "often"


@dataclass
class Crew:
    """The workers of a world."""

    world: World
    engine: str  # where its runs are kept
    workers: list[Command] = field(default_factory=list)
    kills: int = 0
    naps: int = 0

    def hire(self) -> Command:
        options = ("--role", "worker", "--takeover", str(TAKEOVER), "--patience", "60", "--concurrency", "4")
        command = self.world.start("serve", *options)
        until = time.monotonic() + 90
        while command.told() is None:
            if not command.is_running and command.told() is None:
                raise AssertionError(command.err.read_text()[-3000:])
            assert time.monotonic() < until, "it does not begin"
            time.sleep(0.02)
        self.workers.append(command)  # or it has ended already, thought dead before it began: see `replace_the_fenced`
        return command

    def kill(self, worker: Command, replace: bool = True) -> None:
        self.kills += worker.kill()
        self.workers.remove(worker)
        self.world.history.append("killed a worker")
        if replace:
            self.hire()

    def nap(self, worker: Command, seconds: float) -> None:
        """It stands still for so long; one that was thought dead ends by itself, and is replaced."""
        worker.stop()
        time.sleep(seconds)
        worker.go_on()
        self.naps += 1
        self.world.history.append(f"put a worker to sleep for {seconds:.1f} s")

    def replace_the_fenced(self) -> None:
        for worker in [it for it in self.workers if not it.is_running]:
            assert worker.wait() == 1, worker.err.read_text()[-3000:]
            told = worker.out.read_text("utf-8")
            assert "worker.fenced" in told, told
            self.workers.remove(worker)
            self.hire()

    def ask(self) -> None:
        """A person wants a run now."""
        ask_now(self.world.database.schedules("simulation"), NAME, OFTEN)

    def finish(self) -> None:
        """Ask for runs until one leaves nothing to do."""
        until = time.monotonic() + 240
        while time.monotonic() < until:
            before = self.world.ledger.runs(1)[0].id
            self.ask()
            while time.monotonic() < until:
                self.replace_the_fenced()
                newest = self.world.ledger.runs(1)[0]
                if newest.id > before and newest.outcome != "running":
                    break
                time.sleep(0.1)
            if newest.outcome == "finished" and not self._left():
                break
        while unfinished(self.engine) and time.monotonic() < until:
            self.replace_the_fenced()
            time.sleep(0.1)
        if time.monotonic() < until:
            return
        raise AssertionError(f"it does not come to an end: {self.world.history[-20:]}")

    def dismiss(self) -> None:
        """As an administrator stops them: each ends well."""
        for worker in self.workers:
            worker.signal(signal.SIGTERM)
        for worker in self.workers:
            assert worker.wait() == 0, worker.err.read_text()[-3000:]
        self.workers.clear()

    def _left(self) -> bool:
        return bool(self.world.documents(InDoubt, Approved, Deferred) or self.world.ledger.opened(1))


@contextmanager
def a_crew(world: World, count: int) -> Iterator[Crew]:
    terms = Terms("every 60 minutes", "UTC", True)
    add(world.database.schedules("simulation"), NAME, OFTEN, terms, datetime.now(UTC))
    crew = Crew(world, engine_of(world))
    for _ in range(count):
        crew.hire()
    yield crew


def unfinished(engine: str) -> list[tuple[str, str]]:
    """The runs that the engine's own store has as not ended."""
    connected = sa.create_engine(engine.replace("postgresql://", "postgresql+psycopg://"))
    table = "dbos.workflow_status" if engine.startswith("postgresql") else "workflow_status"
    with connected.connect() as sql:
        rows = sql.execute(
            sa.text(f"SELECT workflow_uuid, status FROM {table} WHERE status IN ('PENDING', 'ENQUEUED')")
        )
        found = [(row[0], row[1]) for row in rows]
    connected.dispose()
    return found


def engine_of(world: World) -> str:
    url, folder = world.environment["ML_CONNECTOR_DATABASE"], Path(world.environment["ML_CONNECTOR_DATA"])
    return f"sqlite:///{folder / 'engine.sqlite'}" if url.startswith("sqlite") else url


def patiently(deed: Callable[[], object]) -> None:
    """While the database restarts."""
    until = time.monotonic() + 30
    while True:
        try:
            deed()
            return
        except Interrupted:
            assert time.monotonic() < until
            time.sleep(0.2)


@pytest.mark.parametrize(("database", "seed"), [("postgresql", 1), ("sqlite", 2), ("postgresql", 3), ("sqlite", 4)])
def test_workers_that_are_killed_and_put_to_sleep_enter_each_document_once(
    database: str,
    seed: int,
    tmp_path: Path,
    nursery: Nursery,
    an_empty_ledger: Callable[[str], str],
    request: pytest.FixtureRequest,
) -> None:
    """Twenty-five kills, some sleeps, one worker that never comes back, a restart of the database; the month goes on."""
    draw = random.Random(seed)
    url = an_empty_ledger(database)
    shop = a_shop(seed=2000 + seed, page_rows=draw.randint(5, 40))
    with a_world(tmp_path / "world", url, nursery, shop=shop, seed=seed, lease=3.0) as world:
        trouble(world.faults, shop.faults, draw)
        with a_crew(world, 3 if database == "postgresql" else 1) as crew:
            gone_for_good = draw.randint(3, 10) if database == "postgresql" else None
            restart_at = draw.randint(10, 18) if database == "postgresql" else None
            while crew.kills < KILLS:
                patiently(crew.ask)
                time.sleep(draw.uniform(0.1, 2.5))
                crew.replace_the_fenced()
                worker = draw.choice(crew.workers)
                if draw.random() < 0.2:
                    crew.nap(worker, draw.uniform(0.2, 2 * TAKEOVER))
                    continue
                crew.kill(worker, replace=crew.kills + 1 != gone_for_good)
                if crew.kills == restart_at:
                    server: postgres.Server = request.getfixturevalue("postgresql")
                    server.stop()
                    time.sleep(draw.uniform(0, 2))
                    server.start()
                    world.history.append("restarted the database")
                if draw.random() < 0.3:
                    world.trade_goes_on(3)
            world.faults.clear()
            shop.faults.clear()
            wait_for_late_deeds()
            crew.finish()
            crew.dismiss()
            story = f"{crew.kills} killed, {crew.naps} put to sleep: {world.history[-30:]}"
            assert crew.kills == KILLS, story
            assert unfinished(crew.engine) == [], story
            assert not [it for it in world.ledger.runs(1000) if it.outcome == "running"], story
        truth = without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, shop)
        world.assert_exactly_once(truth)


def test_a_worker_that_is_stopped_finishes_the_document_in_hand_and_another_goes_on(
    tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """An administrator stops the service in mid-run: nothing is in doubt, and the next one ends the very same run."""
    url = an_empty_ledger("sqlite")
    with a_world(tmp_path / "world", url, nursery, lease=30.0) as world, a_crew(world, 1) as crew:
        crew.ask()
        until = time.monotonic() + 60
        while len(world.in_gp()) < 10:
            assert time.monotonic() < until
            time.sleep(0.02)
        crew.dismiss()
        entered = len(world.in_gp())
        assert not world.documents(InDoubt)
        (run,) = world.ledger.runs(5)
        assert run.outcome == "running"
        crew.hire()
        while world.ledger.runs(1)[0].outcome == "running":
            assert time.monotonic() < until + 60
            time.sleep(0.05)
        assert [(it.id, it.outcome) for it in world.ledger.runs(5)] == [(run.id, "finished")]
        assert len(world.in_gp()) > entered
        crew.dismiss()
        world.assert_exactly_once()


def test_a_run_that_an_older_version_began_is_ended_by_a_newer_one(
    tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """The new version keeps one thing more of a run, and has a stride more: it goes on where the old one stopped."""
    url = an_empty_ledger("sqlite")
    with a_world(tmp_path / "world", url, nursery) as world, a_crew(world, 1) as crew:
        crew.ask()
        until = time.monotonic() + 90
        while len(world.in_gp()) < 10:
            assert time.monotonic() < until
            time.sleep(0.02)
        crew.dismiss()
        (run,) = world.ledger.runs(5)
        with a_newer_version(tmp_path / "newer", world):
            while world.ledger.runs(1)[0].outcome == "running":
                assert time.monotonic() < until + 90
                time.sleep(0.05)
        assert [(it.id, it.outcome) for it in world.ledger.runs(5)] == [(run.id, "finished")]
        assert world.ledger.runs(1)[0].counts["newer"] == "yes"
        world.assert_exactly_once()


REST = "    def _rest(self, journey, _progress):\n        return journey.to(Phase.DONE)\n\n"


@contextmanager
def a_newer_version(folder: Path, world: World) -> Iterator[None]:
    """The program as it might be one day, started as a worker."""
    import os
    import shutil
    import subprocess
    import sys

    import ml_connector

    assert ml_connector.__file__
    shutil.copytree(Path(ml_connector.__file__).parent, folder / "ml_connector")
    road = folder / "ml_connector" / "pipeline" / "road.py"
    text = road.read_text("utf-8")
    edits = {
        "    gp_calls: int = 0\n": '    gp_calls: int = 0\n    newer: str = "yes"\n',
        "            Phase.PLAN: self._plan,\n": "            Phase.PLAN: self._plan,\n            Phase.REST: self._rest,\n",
        '    DONE = "done"\n': '    REST = "rest"\n    DONE = "done"\n',
        "    def _plan(self,": REST + "    def _plan(self,",
        "or came_to.to(Phase.DONE)": "or came_to.to(Phase.REST)",
    }
    newer = text
    for was, now in edits.items():
        assert was in newer, was
        newer = newer.replace(was, now)
    road.write_text(newer, "utf-8")
    environment = {**os.environ, **world.environment, "PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", "from ml_connector.cli.main import main; main()", "serve", "--role", "worker"]
    with subprocess.Popen([*command, "--json"], env=environment, stdout=subprocess.DEVNULL, cwd=folder) as process:
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(60) == 0
