"""A small world to break: both sandboxes under watch, a ledger, and the product as processes that can be killed."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_connector.docket.records import DocketRecord
from ml_connector.docket.stages import Approved, Deferred, Entered, Gone, InDoubt, Posted, Stage
from ml_connector.docket.text import findings_of
from ml_connector.runtime import settings as form
from ml_connector.runtime.tieout import tie_out
from ml_connector.runtime.trial import APP_KEY, CLIENT_ID, CLIENT_SECRET, Trial, write_trial
from ml_connector.sandbox.company import DIALECTS, Company, SbaApplication
from ml_connector.sandbox.company.books import BY_HAND
from ml_connector.sandbox.company.records import Kind, Module
from ml_connector.sandbox.faults import Faults
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.serving import Server
from ml_connector.sandbox.shop import Shop
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from ml_connector.workbook.reading import read as read_workbook
from tests.simulation.nursery import Command, Nursery
from tests.simulation.watched import Moment, Snare, Watch, Watched

NAME = "trial"
DONE, FAILED, A_PERSON_IS_NEEDED = 0, 1, 3
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
    kills: int = 0
    history: list[str] = field(default_factory=list)  # what was done, for the report of a failure

    @property
    def shop_faults(self) -> Faults:
        return self.shop.faults

    # Commands

    def start(self, *arguments: str) -> Command:
        """Start `ml-connector ARGUMENTS --json`."""
        self.history.append(" ".join(arguments))
        return self.nursery.start([*arguments, "--json"], self.environment)

    def call(self, *arguments: str) -> Any:
        """What the command told, when it has ended; asserts that it did not fail."""
        command = self.start(*arguments)
        code = command.wait()
        assert code in (DONE, A_PERSON_IS_NEEDED), f"{self.history}: {code} {command.out.read_text()} {command.err.read_text()}"
        return command.told()

    def run_into(self, label: str, moment: Moment, nth: int = 1, delay: float = 0.001, *arguments: str) -> bool:
        """Run until a request kills it. False where the run ended before."""
        born: list[Command] = []
        alive = threading.Event()

        def kill() -> bool:
            alive.wait(60)
            return born[0].kill()

        snare = Snare(kill, label, nth, moment, delay)
        self._wait_for_the_lease()
        self.watch.set(snare)
        born.append(self.start("run", NAME, *arguments))
        alive.set()
        self._end(born[0])
        self.watch.set(None)
        return self._count(snare.sprung.is_set(), f"{label or 'any'} #{nth}, {moment.value}")

    def run_until(self, event: str, *arguments: str, nth: int = 1) -> bool:
        """Run until an entry of that name appears in the trail, and kill it then. False where the run ended before."""
        self._wait_for_the_lease()
        after = self.last_seq()
        command = self.start("run", NAME, *arguments)
        while command.is_running:
            entries = self.ledger.trail(after_seq=after)
            after = entries[-1].seq if entries else after
            nth -= sum(it.event.name == event for it in entries)
            if nth <= 0:
                return self._count(command.kill(), f"trail: {event}")
            time.sleep(0.0005)
        self._end(command)
        return self._count(False, f"trail: {event}")

    def finish(self, *arguments: str) -> None:
        """Run again until a run ends well and leaves nothing to do or to ask."""
        for _ in range(60):
            command = self.start("run", NAME, *arguments)
            self._end(command)
            told = command.told()
            if "error" in told:
                time.sleep(0.1)
            elif not told["run"]["findings"] and not self.documents(InDoubt, Approved, Deferred):
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

    def _wait_for_the_lease(self) -> None:
        """A run that was killed still holds the tenant, until its lease ends by itself."""
        while (lease := self.ledger.hold(f"servicetitan-{_tenant(self.ledger, self.database)}", 1)) is None:
            time.sleep(0.02)
        lease.release()

    def _count(self, killed: bool, how: str) -> bool:
        self.kills += killed
        self.history.append(f"{'killed at' if killed else 'ended before'} {how}")
        return killed

    # What stands where

    def documents(self, *stages: type[Stage]) -> dict[str, Stage]:
        """The ledger's documents of these stages, by number."""
        return {it.document.number: it.stage for it in self.ledger.documents(stages, 10_000)}

    def last_seq(self) -> int:
        return sum(1 for _ in self._trail())

    def events(self) -> Counter[str]:
        """How often each name stands in the trail."""
        return Counter(name for name in self._trail())

    def _trail(self) -> Iterator[str]:
        after = 0
        while entries := self.ledger.trail(after_seq=after):
            yield from (it.event.name for it in entries)
            after = entries[-1].seq

    def newest(self, source_id: int) -> DocketRecord:
        """The newest version of a source."""
        return next(it for it in self.ledger.newest_versions() if it.source_id == source_id)

    def codes(self, source_id: int) -> set[str]:
        """Why it is held."""
        return {it.code for it in findings_of(self.newest(source_id))}

    def in_gp(self) -> dict[str, Mapping[str, Any]]:
        """What GP holds that came in by the service, by number, all but the batch and the day it was touched."""
        told = [it for it in self.company.records()["documents"] if it["entered_by"] != BY_HAND]
        assert all(count == 1 for count in Counter(it["number"] for it in told).values()), "a number is there twice"
        left_out = ("batch", "modified", "audit_trail_code")
        return {it["number"]: {k: v for k, v in it.items() if k not in left_out} for it in told}

    def creates(self) -> int:
        """How many documents GP was asked to enter, whatever came of it."""
        calls: Mapping[str, int] = self.company_records()["calls"]
        return sum(count for name, count in calls.items() if name.startswith("create "))

    def company_records(self) -> Mapping[str, Any]:
        application = self.trial.company.application
        told: Any = application.records()
        records: Mapping[str, Any] = told
        return records

    # The proof

    def assert_exactly_once(self, truth: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """GP holds one document for each source that may be entered, and the ledger knows it of each.

        `truth` is what GP holds after the same month without any trouble.
        """
        story = "\n".join(self.history)
        held = self.in_gp()
        per_source = Counter(number.translate(_KINDS).partition("-")[0] for number in held)
        assert not [source for source, count in per_source.items() if count > 1], story
        if truth is not None:
            assert sorted(held) == sorted(truth), story
            assert held == truth, story
        assert not self.documents(InDoubt, Approved, Deferred), story
        tied = tie_out(self.trial, self.ledger.newest_versions())
        assert (tied.difference, tied.in_doubt) == (0, 0), story
        self.assert_ledger_is_right()
        self.assert_a_further_run_changes_nothing()

    def assert_ledger_is_right(self) -> None:
        """The stage of each document is what GP shows, the batch too; the trail is whole."""
        known = {it.document.number: it for it in self.ledger.documents((Entered, Posted, Gone), 10_000)}
        there = {it["number"]: it for it in self.company.records()["documents"] if it["entered_by"] != BY_HAND}
        for number, it in known.items():
            match it.stage:
                case Entered(batch):
                    assert (there[number]["state"], there[number]["batch"]) == ("work", batch)
                case Posted():
                    assert there[number]["state"] in ("open", "history")
                case Gone(how):
                    assert (number not in there) if how == "absent" else there[number]["voided"]
            if not isinstance(it.stage, Gone):
                assert str(it.document.amount.amount) == there[number]["document_amount"]
        assert there.keys() <= known.keys()
        assert self.call("trail", NAME, "--verify") == {"holds": True, "broken_at": None}

    def assert_a_further_run_changes_nothing(self) -> None:
        before, creates = self.company.records(), self.creates()
        told = self.call("run", NAME)
        assert (told["run"]["entered"], self.creates()) == (0, creates)
        assert self.company.records() == before


_KINDS = str.maketrans("CD", "ID") | str.maketrans("D", "B")


def _tenant(ledger: Ledger, database: Database) -> int:
    definition = database.connections("simulation").get(ledger.connection_name).definition
    return form.from_values(definition, NAME).servicetitan.tenant_id


@contextmanager
def a_world(
    folder: Path,
    url: str,
    nursery: Nursery,
    *,
    shop: Shop | None = None,
    dialect: str = "one",
    mode: str = "automatic",
    pause: float = 0.5,
    lease: float = 1.0,
    read_back_percent: int = 5,
    seed: int = 0,
) -> Iterator[World]:
    """A world with an empty ledger at `url`: a connection, the sample rulebook, nothing swept yet."""
    shop, company, watch = shop or a_shop(), a_company(), Watch()
    faults = Faults(seed)
    books = SbaApplication(company, DIALECTS[dialect], faults=faults)
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
        yield World(shop, company, watch, trial, database, ledger, faults, environment, nursery)
        database.close()


def wait_for_late_deeds() -> None:
    """Until GP has done whatever it was still working at."""
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join()


def kind_of(number: str) -> str:
    """The sandbox's word for the kind of a document, by its number."""
    return {letter: kind for letter, kind in zip("ICBD", Kind, strict=True)}[number[2]].value


def without_trouble(
    folder: Path, url: str, nursery: Nursery, shop: Shop, *arguments: str
) -> dict[str, Mapping[str, Any]]:
    """What GP holds after one run of the same month that nothing disturbs, in a company and a ledger of its own."""
    with a_world(folder, url, nursery, shop=shop) as world:
        world.finish(*arguments)
        world.assert_exactly_once()
        return world.in_gp()


def modules_of(numbers: Iterable[str]) -> dict[Module, list[str]]:
    found: dict[Module, list[str]] = {module: [] for module in Module}
    for number in numbers:
        found[Kind(kind_of(number)).module].append(number)
    return found
