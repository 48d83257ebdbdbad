"""A small world to break: both sandboxes under watch, a ledger, and the product as processes that can be killed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import sqlalchemy as sa

from ml_connector.docket.records import DocketRecord
from ml_connector.docket.stages import Approved, Deferred, Entered, Gone, InDoubt, Planned, Posted, Stage
from ml_connector.docket.text import findings_of
from ml_connector.docket.trail import TrailEntry
from ml_connector.findings import Interrupted
from ml_connector.runtime import settings as form
from ml_connector.runtime.tieout import tie_out
from ml_connector.runtime.trial import APP_KEY, CLIENT_ID, CLIENT_SECRET, Trial, write_trial
from ml_connector.sandbox.company import DIALECTS, Company, SbaApplication, SoapApplication
from ml_connector.sandbox.company.cards import BY_HAND
from ml_connector.sandbox.faults import Fault, Faults
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.serving import Application, Server
from ml_connector.sandbox.shop import Shop
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from ml_connector.store.schema import leases, trail_heads
from ml_connector.workbook.reading import read as read_workbook
from tests.simulation.nursery import Command, Nursery
from tests.simulation.watched import Moment, Snare, Watch, Watched

NAME = "trial"
DONE, FAILED, A_PERSON_IS_NEEDED = 0, 1, 3
PAUSE = 0.5  # seconds for which a lost answer is left alone
PASSING = ("run.busy", "run.lease_lost", "servicetitan.", "gp.unreachable", "gp.answer", "store.locked")


def a_shop(invoices: int = 60, bills: int = 20, seed: int = 2026, page_rows: int = 25) -> Shop:
    """A month in ServiceTitan, with all its planted trouble."""
    month = a_month(seed, invoices, bills)
    return Shop(month, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, app_key=APP_KEY, page_rows=page_rows)


def a_company() -> Company:
    """GP before the month, with a stranger's document under one of our numbers."""
    company = Company.front_range()
    stranger = {"number": "STI10482", "party": "JONES001", "amount": "75.00", "date": "2026-03-09", "batch": "BYHAND"}
    assert company.do_enter_by_hand(kind="receivables-invoice", **stranger) == {"number": "STI10482"}
    return company


@dataclass
class World:
    """`faults` are GP's, `shop_faults` ServiceTitan's."""

    shop: Shop
    company: Company
    watch: Watch
    trial: Trial
    database: Database
    ledger: Ledger
    faults: Faults
    environment: Mapping[str, str]
    nursery: Nursery
    commands: list[Command] = field(default_factory=list)
    kills: int = 0
    history: list[str] = field(default_factory=list)  # what was done, for the report of a failure

    @property
    def shop_faults(self) -> Faults:
        return self.shop.faults

    def trade_goes_on(self, invoices: int = 8) -> None:
        """More visits are made and invoiced."""
        for _ in range(invoices):
            self.shop.do_add_invoice(lines=[{"item": "AC-TUNE"}, {"item": "FILTER-16"}])

    def put_off_creates(self, number: int) -> None:
        """That many times the line drops, and GP does the deed only when the test says: `watch.put_off`."""
        self.watch.put_off_creates(number)
        self.faults.order(Fault.ANSWER_LOST_AFTER, method="POST", times=number)

    def with_ledger(self, url: str) -> World:
        """The same two systems, and another ledger, which has the connection already."""
        database = Database(url)
        database.migrate()
        ledger = database.ledger(NAME, "simulation")
        return replace(self.with_environment(url), database=database, ledger=ledger)

    def with_environment(self, url: str) -> World:
        """The same, whose commands work on another ledger."""
        return replace(self, environment={**self.environment, "ML_CONNECTOR_DATABASE": url})

    # Commands

    def start(self, *arguments: str) -> Command:
        """Start `ml-connector ARGUMENTS --json`."""
        self.history.append(" ".join(arguments))
        self.commands.append(self.nursery.start([*arguments, "--json"], self.environment))
        return self.commands[-1]

    def call(self, *arguments: str) -> Any:
        """What the command told, when it has ended; asserts that it did not fail."""
        command = self.start(*arguments)
        code = command.wait()
        assert code in (DONE, A_PERSON_IS_NEEDED), f"{code}: {command.out.read_text()}{command.err.read_text()}"
        return command.told()

    def run_into(self, label: str, moment: Moment, *arguments: str, nth: int = 1, delay: float = 0.001) -> bool:
        """Run until the nth request of that label, and kill it then. False where the run ended before."""
        snare = Snare(label, moment, nth, delay)
        self.watch.set(snare)
        command = self.start("run", NAME, *arguments)
        snare.strike.set_result(command.kill)
        self._end(command)
        self.watch.set(None)
        return self._count(command.was_killed, f"{label or 'request'} {nth}, {moment.value}")

    def run_asleep(self, label: str, nth: int) -> Command:
        """A run that fell asleep while GP did what its nth request of that label asks. `go_on` wakes it."""
        snare = Snare(label, Moment.BEFORE_ANSWER, nth)
        self.watch.set(snare)
        command = self.start("run", NAME)
        asleep = threading.Event()

        def stop() -> None:
            self._put_to_sleep(command)
            asleep.set()

        snare.strike.set_result(stop)
        assert asleep.wait(60), self.history
        return command

    def run_asleep_after(self, event: str, nth: int) -> Command:
        """A run that fell asleep soon after the nth entry of that name appeared in the trail."""
        after = len(self.events())
        command = self.start("run", NAME)
        while nth > 0:
            assert command.is_running, self.history
            entries = self.ledger.trail(after_seq=after)
            after += len(entries)
            nth -= sum(it.event.name == event for it in entries)
        self._put_to_sleep(command)
        return command

    def _put_to_sleep(self, command: Command) -> None:
        """Not in the midst of a transaction, whose locks nobody could take over while it sleeps."""
        impatient = Database(self.environment["ML_CONNECTOR_DATABASE"], patience=0.1)
        while True:
            command.stop()
            try:
                with impatient.writing() as sql:
                    for table in (leases, trail_heads):
                        sql.execute(sa.select(table).with_for_update())
                break
            except Interrupted:
                command.go_on()
                time.sleep(0.003)
        impatient.close()

    def run_until(self, event: str, *arguments: str, nth: int = 1) -> bool:
        """Run, or give another command, until an entry of that name appears in the trail, and kill it then.

        False where it ended before.
        """
        after = len(self.events())
        command = self.start(*(arguments or ("run", NAME)))
        while command.is_running:
            entries = self.ledger.trail(after_seq=after)
            after += len(entries)
            nth -= sum(it.event.name == event for it in entries)
            if nth <= 0:
                return self._count(command.kill(), f"trail: {event}")
            time.sleep(0.0005)
        self._end(command)
        return self._count(False, f"trail: {event}")

    def approval(self) -> tuple[str, ...]:
        """The command by which a person approves the plan as it stands now."""
        return "plan", "approve", NAME, "--all", "--seen", self.call("plan", "show", NAME)["seen"]

    def finish_reviewed(self) -> None:
        """Run, approve, and run, until nothing waits any more."""
        self.finish()
        while self.documents(Planned):
            self.call(*self.approval())
            self.finish()

    def finish(self) -> None:
        """Run again until a run ends well and leaves nothing to do or to ask."""
        for _ in range(60):
            command = self.start("run", NAME)
            self._end(command)
            told = command.told()
            if "error" in told:
                time.sleep(0.1)
            elif not (told["run"]["findings"] or self.documents(InDoubt, Approved, Deferred) or self.ledger.opened(1)):
                return
        raise AssertionError(f"it does not come to an end: {self.history[-20:]} {told}")

    def _end(self, command: Command) -> None:
        """Wait for it. It was killed, or ended well, or failed for a reason that passes."""
        code = command.wait()
        if code == FAILED:
            told = command.told()
            assert told, command.err.read_text()
            assert told["error"]["code"].startswith(PASSING), told
        else:
            assert code in (-9, DONE, A_PERSON_IS_NEEDED), f"{code}: {command.err.read_text()}"

    def let_the_lease_end(self) -> None:
        """As if the time had passed after which a run that died may be taken over."""
        with self.database.writing() as sql:
            sql.execute(sa.update(leases).values(expires_at=datetime(1970, 1, 1, tzinfo=UTC)))

    def _count(self, killed: bool, how: str) -> bool:
        self.kills += killed
        if killed:
            self.let_the_lease_end()
        self.history.append(f"{'killed at' if killed else 'ended before'} {how}")
        return killed

    # What stands where

    def documents(self, *stages: type[Stage]) -> dict[str, Stage]:
        """The ledger's documents of these stages, by number."""
        return {it.document.number: it.stage for it in self.ledger.documents(stages, 10_000)}

    def events(self) -> list[TrailEntry]:
        """The trail."""
        found: list[TrailEntry] = []
        while entries := self.ledger.trail(after_seq=len(found)):
            found += entries
        return found

    def newest(self, source_id: int) -> DocketRecord:
        """The newest version of a source."""
        return next(it for it in self.ledger.newest_versions() if it.source_id == source_id)

    def codes(self, source_id: int) -> set[str]:
        """Why it is held."""
        return {it.code for it in findings_of(self.newest(source_id))}

    def in_gp(self) -> dict[str, Mapping[str, Any]]:
        """What GP holds that came in by the service, by number: all but its batch and what GP adds by itself."""
        told = self._by_service()
        assert len({it["number"] for it in told}) == len(told), "a number is there twice"
        left_out = ("batch", "modified", "audit_trail_code")
        return {it["number"]: {k: v for k, v in it.items() if k not in left_out} for it in told}

    def _by_service(self) -> list[Mapping[str, Any]]:
        return [it for it in self.company.records()["documents"] if it["entered_by"] != BY_HAND]

    def creates(self) -> int:
        """How many documents GP was asked to enter, whatever came of it."""
        records: Any = self.trial.company.application.records()
        return sum(count for call, count in records["calls"].items() if call.startswith("create "))

    # The proof

    def assert_exactly_once(self, truth: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """GP holds one document for each source that may be entered, and the ledger knows it of each.

        `truth` is what GP holds after the same month without any trouble.
        """
        story = "\n".join(self.history)
        held = self.in_gp()
        per_source = Counter(_source_of(number) for number, it in held.items() if not it["voided"])
        assert not [source for source, count in per_source.items() if count > 1], story
        if truth is not None:
            assert sorted(held) == sorted(truth), story
            assert held == truth, story
        assert not self.documents(InDoubt, Approved, Deferred), story
        tied = tie_out(self.trial, self.ledger.newest_versions())
        assert not tied.difference, story
        assert not tied.in_doubt, story
        self.assert_ledger_is_right()
        self.assert_a_further_run_changes_nothing()

    def assert_ledger_is_right(self) -> None:
        """The stage of each document is what GP shows, its batch too; the trail is whole."""
        known = {it.document.number: it for it in self.ledger.documents(get_args(Stage), 10_000)}
        there = {it["number"]: it for it in self._by_service()}
        for number, it in known.items():
            match it.stage:
                case Entered(batch):
                    assert (there[number]["state"], there[number]["batch"]) == ("Work", batch)
                    assert there[number]["document_amount"] == str(it.document.amount.amount)
                case Posted():
                    assert there[number]["state"] in ("Open", "History")
                    assert there[number]["document_amount"] == str(it.document.amount.amount)
                case Gone(how):
                    assert there[number]["voided"] if how == "voided" else number not in there
                case _:
                    assert it.was_entered or number not in there, f"{number} stands as {it.stage}"
        assert there.keys() <= known.keys()
        assert self.call("trail", NAME, "--verify") == {"holds": True, "broken_at": None}

    def assert_a_further_run_changes_nothing(self) -> None:
        before, creates = self.company.records(), self.creates()
        told = self.call("run", NAME)
        assert (told["run"]["entered"], self.creates()) == (0, creates)
        assert self.company.records() == before


def _source_of(number: str) -> tuple[str, str]:
    """The source behind one of our numbers: an invoice and its credit memo are one, and so are all revisions."""
    return "invoice" if number[2] in "IC" else "bill", number[3:].partition("-")[0]


@contextmanager
def a_world(
    folder: Path,
    url: str,
    nursery: Nursery,
    *,
    shop: Shop | None = None,
    company: Company | None = None,
    dialect: str = "one",
    mode: str = "automatic",
    pause: float = PAUSE,
    lease: float = 5.0,
    read_back_percent: int = 5,
    seed: int = 0,
) -> Iterator[World]:
    """A world with an empty ledger at `url`: a connection, the sample rulebook, nothing swept yet."""
    shop, company, watch = shop or a_shop(), company or a_company(), Watch()
    faults = Faults(seed)
    books: Application = (
        SoapApplication(company, faults=faults)
        if dialect == "soap"
        else SbaApplication(company, DIALECTS[dialect], faults=faults)
    )
    with Server(Watched(shop, watch)) as shop_server, Server(Watched(books, watch)) as company_server:
        trial = Trial(shop_server, company_server, dialect)
        folder.mkdir(parents=True, exist_ok=True)
        paths = write_trial(trial, folder, mode)
        text = paths["connection"].read_text("utf-8").replace("sandbox = true", f"sandbox = true\nlease = {lease}")
        settings = text.replace("pause = 2.0", f"pause = {pause}\nread_back_percent = {read_back_percent}")
        paths["connection"].write_text(settings, "utf-8")
        database = Database(url)
        database.migrate()
        definition = form.to_values(form.from_toml(paths["connection"]))
        database.connections("simulation").add(NAME, definition)
        ledger = database.ledger(NAME, "simulation")
        tables = read_workbook(paths["rulebook"])
        assert not isinstance(tables, tuple)
        ledger.add_rulebook(tables, "simulation", "the sample")
        environment = {"ML_CONNECTOR_DATABASE": url, "ML_CONNECTOR_DATA": str(folder)}
        world = World(shop, company, watch, trial, database, ledger, faults, environment, nursery)
        try:
            yield world
        finally:
            for command in world.commands:
                command.kill()
            database.close()


def wait_for_late_deeds() -> None:
    """Until GP has done whatever it was still working at."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()


def without_trouble(folder: Path, url: str, nursery: Nursery, shop: Shop) -> dict[str, Mapping[str, Any]]:
    """What GP holds after one run of the same month that nothing disturbs, in a company and a ledger of its own."""
    with a_world(folder, url, nursery, shop=shop) as world:
        world.finish()
        world.assert_exactly_once()
        return world.in_gp()
