"""Alerts on both databases: raised from what the ledger holds, told once, told again only for a reason, cleared."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ml_connector.books.period import FiscalPeriod
from ml_connector.docket.records import Decide, Move
from ml_connector.docket.stages import Entered, Held, HeldBeforePlan, Posted
from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime import schedules
from ml_connector.runtime.alerts import Bell, FiscalPeriods, evaluate_and_tell, facts, last_digest
from ml_connector.runtime.settings import from_values
from ml_connector.runtime.watch import Facts
from ml_connector.store.alerts import AlertRecord, Alerts, untold
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from ml_connector.store.schedules import Terms
from tests.contract.ledger_contract import a_claim, a_document, a_reading, documents_of, planned, swept

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
UNMAPPED = Finding("account.unmapped", "line 3", "No account.", "Add a row to Accounts, then replay.")
CLOSED = Finding("period.closed", "document", "March is closed.", "Open it in GP, then replay.")
MAIL, HOOK = "vault:mail", "vault:hook"


@dataclass
class Desk:
    """A connection, a clock that stands, and the messages that left, by target."""

    database: Database
    alerts: dict[str, object]
    now: datetime = NOON
    zone: str = "UTC"
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    down: dict[str, str] = field(default_factory=dict)  # by target, what is wrong with it

    def __post_init__(self) -> None:
        gp = {"company": "FRMEC", "username": "env:A", "password": "env:A", "server": "https://gp.example.com"}
        tenant = {"tenant_id": 1, "client_id": "env:A", "client_secret": "env:A", "app_key": "env:A"}
        self._values = {
            "name": "north",
            "prefix": "ST",
            "mode": "automatic",
            "servicetitan": tenant,
            "gp": {"North": gp},
        }
        self.database.connections("setup", lambda: NOON).add("north", self.settings)

    @property
    def settings(self) -> dict[str, object]:
        return {**self._values, "time_zone": self.zone, "alerts": {"to": [MAIL], "silence": 0, **self.alerts}}

    def change(self, **alerts: object) -> None:
        self.alerts |= alerts
        self.database.connections("setup", lambda: self.now).change("north", self.settings)

    @property
    def ledger(self) -> Ledger:
        return self.database.ledger("north", "maria", lambda: self.now)

    @property
    def bell(self) -> Bell:
        return Bell(self.database, vault=lambda name: f"address-of-{name}", send=self.send)

    def send(self, address: str, title: str, body: str) -> str:
        target = "vault:" + address.removeprefix("address-of-")
        if target in self.down:
            return self.down[target]
        self.sent.append((target, title, body))
        return ""

    def look(self, after: timedelta = timedelta(0)) -> list[str]:
        """Look at the connection after a while; the titles that were told."""
        self.now += after
        before = len(self.sent)
        evaluate_and_tell(self.bell, "north", self.now)
        return [title.partition(": ")[2] for _, title, _ in self.sent[before:]]

    def standing(self) -> list[AlertRecord]:
        record = self.database.connections("a").get("north")
        return Alerts(self.database, record, "a", lambda: self.now).open()

    def alert(self) -> AlertRecord:
        (found,) = self.standing()
        return found

    def facts(self) -> Facts:
        record = self.database.connections("a").get("north")
        return facts(self.bell, record, from_values(record.definition, "north"), self.now)

    def fail(self, code: str = "gp.unreachable") -> None:
        self.ledger.end_run(self.ledger.start_run(False), f"interrupted: {code}", {})

    def succeed(self) -> None:
        self.ledger.end_run(self.ledger.start_run(False), "finished", {})

    def hold(self, *ids: int, finding: Finding = UNMAPPED) -> None:
        for id in ids:
            docket = swept(self.ledger, a_reading(id))
            stage = HeldBeforePlan((finding,))
            self.ledger.record([Decide(docket.id, stage, Event("docket.held", {}, docket.id))])

    def events(self) -> list[str]:
        return [it.event.name for it in self.ledger.trail() if it.event.name.startswith("alert.")]


@pytest.fixture
def desk(ledger_url: str) -> Desk:
    database = Database(ledger_url)
    database.migrate()
    return Desk(database, {})


# ---- once


def test_a_failed_run_is_told_once_and_that_it_is_well_again(desk: Desk) -> None:
    """However often one looks, and however many more runs fail the same way."""
    desk.fail()
    assert desk.look() == ["1 thing needs a person"]
    desk.fail()
    assert desk.look(5 * MINUTE) == []
    assert desk.look(3 * DAY) == []
    desk.succeed()
    assert desk.look(MINUTE) == ["well again"]
    assert desk.look(DAY) == []
    assert desk.events() == ["alert.raised", "alert.told", "alert.cleared", "alert.told"]


def test_what_comes_back_is_told_again(desk: Desk) -> None:
    desk.fail()
    desk.look()
    desk.succeed()
    desk.look(MINUTE)
    desk.fail()
    assert desk.look(MINUTE) == ["1 thing needs a person"]


def test_well_again_may_be_left_out(desk: Desk) -> None:
    desk.change(all_well=False)
    desk.fail()
    desk.look()
    desk.succeed()
    assert desk.look(MINUTE) == []
    assert desk.standing() == []


def test_what_was_never_told_is_not_told_well(desk: Desk) -> None:
    """It came and went while nobody was named to tell."""
    desk.change(to=[])
    desk.fail()
    assert desk.look() == []
    assert len(desk.standing()) == 1
    desk.succeed()
    desk.look(MINUTE)
    desk.change(to=[MAIL])
    assert desk.look(MINUTE) == []


def test_several_things_are_one_message(desk: Desk) -> None:
    desk.fail("gp.credentials")
    desk.hold(1, 2, 3)
    desk.hold(4, finding=CLOSED)
    assert desk.look() == ["3 things need a person"]
    body = desk.sent[0][2]
    assert "3 documents are held, 324.75 USD together: account.unmapped" in body
    assert "1 document is held, 108.25 USD together: period.closed" in body
    assert "What to do: Run 'ml-connector holds north --code account.unmapped'" in body
    assert body.index("credential.refused") < body.index("account.unmapped"), "the worst comes first"


def test_more_held_than_were_told_are_told_again_and_fewer_are_not(desk: Desk) -> None:
    """The next night brings two more of the same: somebody must know, though the first were never mended."""
    desk.hold(1, 2)
    assert desk.look() == ["1 thing needs a person"]
    desk.hold(3, 4)
    assert desk.look(DAY) == ["1 thing needs a person"]
    assert "4 documents are held" in desk.sent[-1][2]
    desk.succeed()
    assert desk.look(DAY) == []


def test_while_a_run_works_held_documents_wait_for_its_end(desk: Desk) -> None:
    """Or each look would tell of a few more."""
    run = desk.ledger.start_run(False)
    desk.hold(1)
    assert desk.look() == []
    desk.hold(2)
    desk.ledger.end_run(run, "finished", {})
    assert desk.look(MINUTE) == ["1 thing needs a person"]
    desk.ledger.start_run(False)
    assert desk.look(MINUTE) == [], "nor is it well again because another run works"


@pytest.mark.parametrize(("remind", "told"), [(0, 0), (24, 1)])
def test_a_reminder_comes_where_it_is_asked_for(desk: Desk, remind: float, told: int) -> None:
    desk.change(remind=remind)
    desk.fail()
    desk.look()
    assert desk.look(23 * HOUR) == []
    assert desk.look(2 * HOUR) == ["1 thing still needs a person"] * told
    assert desk.look(MINUTE) == []


def test_two_workers_tell_once(desk: Desk) -> None:
    """Four look at the same moment, at five connections' worth of trouble, many times over."""
    line = threading.Barrier(4)
    faults: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(6):
                line.wait(60)
                evaluate_and_tell(desk.bell, "north", desk.now)
        except BaseException as fault:
            faults.append(fault)
            line.abort()
            raise

    desk.fail()
    desk.hold(1, 2, 3)
    desk.hold(4, finding=CLOSED)
    workers = [threading.Thread(target=work) for _ in range(4)]
    for it in workers:
        it.start()
    for it in workers:
        it.join(120)
    assert faults == []
    told = [line for _, _, body in desk.sent for line in body.splitlines() if line.startswith("* ")]
    assert len(told) == len(set(told)) == 3
    assert desk.events().count("alert.raised") == 3


# ---- telling that fails


def test_what_cannot_be_told_is_tried_again_with_growing_waits_and_is_visible(desk: Desk) -> None:
    """The mail server is down for hours: five minutes, ten, twenty, ... and `untold` names the connection."""
    desk.down[MAIL] = "Connection refused"
    desk.fail()
    attempts = []
    for minute in range(0, 200, 5):
        desk.now = NOON + minute * MINUTE
        evaluate_and_tell(desk.bell, "north", desk.now)
        attempts.append(desk.alert().attempts)
    assert [minute * 5 for minute in range(40) if minute == 0 or attempts[minute] > attempts[minute - 1]] == [
        0,
        5,
        15,
        35,
        75,
        155,
    ]
    assert untold(desk.database) == {"north": 1}
    assert desk.alert().kept.trouble == "vault:mail: Connection refused"
    desk.down.clear()
    assert desk.look(3 * HOUR) == ["1 thing needs a person"]
    assert untold(desk.database) == {}


def test_a_target_that_took_it_is_not_told_again_for_the_sake_of_one_that_did_not(desk: Desk) -> None:
    desk.change(to=[MAIL, HOOK])
    desk.down[HOOK] = "error 500"
    desk.fail()
    desk.look()
    assert [target for target, _, _ in desk.sent] == [MAIL]
    assert desk.alert().told is None
    desk.down.clear()
    desk.look(5 * MINUTE)
    desk.look(HOUR)
    assert [target for target, _, _ in desk.sent] == [MAIL, HOOK]
    assert desk.alert().told == NOON + 5 * MINUTE


def test_who_dies_while_telling_leaves_it_to_be_told_again(desk: Desk) -> None:
    """The message may have left, or not: it is told a second time rather than not at all."""

    def dying(address: str, title: str, body: str) -> str:
        raise KeyboardInterrupt

    desk.fail()
    with pytest.raises(KeyboardInterrupt):
        evaluate_and_tell(Bell(desk.database, vault=lambda _: "x", send=dying), "north", desk.now)
    assert desk.look(MINUTE) == []
    assert desk.look(4 * MINUTE) == ["1 thing needs a person"]


def test_what_is_well_before_it_could_be_told_is_told_well(desk: Desk) -> None:
    """An attempt was made, so somebody may have it; that it is over can do no harm."""
    desk.down[MAIL] = "Connection refused"
    desk.fail()
    desk.look()
    desk.succeed()
    desk.down.clear()
    assert desk.look(MINUTE) == ["well again"]


def test_an_address_that_cannot_be_had_is_told_like_one_that_is_down(desk: Desk) -> None:
    """The vault does not open: nothing is told, nothing is lost, and it is visible why."""

    def sealed(name: str) -> str:
        raise Interrupted(Finding("vault.key_missing", f"vault:{name}", "there is no master key", "Set it."))

    desk.fail()
    evaluate_and_tell(Bell(desk.database, sealed, send=desk.send), "north", desk.now)
    assert desk.alert().kept.trouble == "vault:mail: there is no master key"


# ---- the digest

DENVER = ZoneInfo("America/Denver")


def test_a_digest_waits_for_its_time_and_brings_everything_at_once(desk: Desk) -> None:
    """07:00 in Denver is 13:00 UTC; what still stands is named below, and a day without news says nothing."""
    desk.zone = "America/Denver"
    desk.change(tell="digest")
    desk.fail()
    assert desk.look(MINUTE) == []
    desk.hold(1)
    assert desk.look(58 * MINUTE) == []
    assert desk.look(MINUTE) == ["2 things need a person (digest)"]
    assert desk.look(HOUR) == []
    assert desk.look(DAY) == [], "nothing new"
    desk.hold(2, finding=CLOSED)
    assert desk.look(HOUR) == []
    assert desk.look(23 * HOUR) == ["1 thing needs a person (digest)"]
    news, _, still = desk.sent[-1][2].partition("Still so")
    assert "period.closed" in news
    assert "account.unmapped" in still
    assert "gp.unreachable" in still
    desk.succeed()
    assert desk.look(HOUR) == []
    assert desk.look(23 * HOUR) == ["2 things still need a person (digest)"]
    assert "Well again" in desk.sent[-1][2]


def test_a_digest_with_nothing_is_sent_where_it_is_asked_for(desk: Desk) -> None:
    """So that silence of the service itself is noticed. Once for each time, whoever looks."""
    desk.change(tell="digest", digest=["12:30", "18:00"], digest_always=True)
    assert desk.look() == ["nothing needs a person (digest)"], "yesterday's at 18:00, for a service that is new"
    assert desk.look(29 * MINUTE) == []
    assert desk.look(MINUTE) == ["nothing needs a person (digest)"]
    desk.fail()
    assert desk.look(MINUTE) == []
    assert desk.look(6 * HOUR) == ["1 thing needs a person (digest)"]
    assert [it.code for it in desk.standing()] == ["run.failed"], "the digest itself is no alert"


@pytest.mark.parametrize(
    ("now", "slot"),
    [
        (datetime(2026, 6, 1, 6, 59, tzinfo=DENVER), datetime(2026, 5, 31, 16, tzinfo=DENVER)),
        (datetime(2026, 6, 1, 7, 0, tzinfo=DENVER), datetime(2026, 6, 1, 7, tzinfo=DENVER)),
        (datetime(2026, 6, 1, 23, 0, tzinfo=DENVER), datetime(2026, 6, 1, 16, tzinfo=DENVER)),
        (datetime(2026, 3, 8, 23, 0, tzinfo=DENVER), datetime(2026, 3, 8, 16, tzinfo=DENVER)),
    ],
)
def test_the_last_digest_is_by_the_local_clock(now: datetime, slot: datetime) -> None:
    assert last_digest(("07:00", "16:00"), DENVER, now) == slot.astimezone(UTC)


# ---- what is seen


def test_the_facts_are_those_of_the_ledger(desk: Desk) -> None:
    """Held before the plan and after it, in doubt, entered, runs good and bad: each as it stands."""
    ledger = desk.ledger
    dry = ledger.start_run(True)
    ledger.end_run(dry, "finished", {})
    assert desk.facts().last_success is None, "a dry run enters nothing"
    run = ledger.start_run(False)
    ledger.end_run(run, "finished", {"findings": []})
    desk.fail()
    desk.hold(1)
    held = planned(ledger, swept(ledger, a_reading(2)), a_document("STI2"))
    ledger.record([Move(held, Held((UNMAPPED, CLOSED)), Event("document.held", {}, held.docket_id))])
    doubtful = planned(ledger, swept(ledger, a_reading(3)), a_document("STI3", amount="7.00"))
    ledger.record([a_claim(doubtful)])
    done = planned(ledger, swept(ledger, a_reading(4)), a_document("STI4"))
    ledger.record([a_claim(done)])
    claimed = documents_of(ledger, ledger.docket(done.docket_id))[0]
    ledger.record([Move(claimed, Entered("STR260314-01"), Event("document.entered", {}, done.docket_id))])
    seen = desk.facts()
    assert {code: (it.count, str(it.total)) for code, it in seen.held.items()} == {
        "account.unmapped": (2, "216.50"),
        "period.closed": (1, "108.25"),
    }
    assert seen.in_doubt is not None
    assert (seen.in_doubt.count, str(seen.in_doubt.total)) == (1, "7.00")
    assert [(it.company, it.count, it.oldest) for it in seen.unposted] == [("North", 1, date(2026, 3, 14))]
    assert [it.outcome for it in seen.runs] == ["interrupted: gp.unreachable", "finished"]
    assert (seen.last_success, seen.added, seen.running) == (NOON, NOON, False)


def test_schedules_are_looked_at_too(desk: Desk) -> None:
    rows = desk.database.schedules("maria", lambda: NOON)
    schedules.add(rows, "north", "nightly", Terms("every 15 minutes", "UTC", True), NOON)
    assert desk.look(30 * MINUTE) == []
    assert desk.look(16 * MINUTE) == ["1 thing needs a person"]
    assert "schedule.late" in desk.sent[-1][2]


MARCH = FiscalPeriod(2026, 3, date(2026, 3, 1), date(2026, 3, 31), frozenset())


@dataclass
class Answers:
    """A GP that tells its fiscal periods, or does not answer."""

    asked: list[str] = field(default_factory=list)
    silent: bool = False

    def __call__(self, connection: str, company: str) -> Sequence[FiscalPeriod]:
        self.asked.append(f"{connection} {company}")
        if self.silent:
            raise Interrupted(Finding("gp.unreachable", "GP", "no answer", "Wait."))
        return [MARCH]


def test_gp_is_asked_for_its_periods_once_a_day_and_only_where_something_is_unposted(desk: Desk) -> None:
    answers = Answers()
    periods = FiscalPeriods(answers)
    bell = Bell(desk.database, vault=lambda _: "x", periods=periods, send=desk.send)
    evaluate_and_tell(bell, "north", desk.now)
    assert answers.asked == []
    enter(desk.ledger, 4)
    for hour in range(23):
        evaluate_and_tell(bell, "north", desk.now + hour * HOUR)
    assert answers.asked == ["north North"]
    assert "period 3 of 2026 ended on 2026-03-31" in desk.sent[0][2]
    answers.silent = True
    for hour in range(24, 30):
        for half in range(2):
            evaluate_and_tell(bell, "north", desk.now + hour * HOUR + half * 30 * MINUTE)
    assert len(answers.asked) == 7, "once an hour while it does not answer"
    assert len(desk.sent) == 1, "and the periods that are known stay known"


@dataclass
class Books:
    """A general ledger that has some of what was posted."""

    has: Collection[str]

    def missing(self, audit_trail_codes: Sequence[str]) -> Collection[str]:
        return [it for it in audit_trail_codes if it not in self.has]


def test_what_was_posted_and_never_reached_the_general_ledger_is_told(desk: Desk) -> None:
    """Where a company's general ledger can be looked at; where it cannot, nothing is claimed."""
    ledger = desk.ledger
    for id, code in ((4, "RMSLS00000001"), (5, "RMSLS00000002"), (6, "RMSLS00000002")):
        document = enter(ledger, id)
        here = documents_of(ledger, ledger.docket(document))[0]
        ledger.record([Move(here, Posted("STR260314-01", code), Event("document.posted", {}, document))])
    assert desk.look(6 * DAY) == []
    books = Books({"RMSLS00000001"})
    bell = Bell(desk.database, vault=lambda _: "x", general_ledger=lambda _, __: books, send=desk.send)
    (found,) = evaluate_and_tell(bell, "north", desk.now)
    assert found.code == "general_ledger.behind"
    assert "2 documents are posted in the subledger and not in the general ledger, 216.50 USD" in found.finding.says
    books.has = {"RMSLS00000001", "RMSLS00000002"}
    assert evaluate_and_tell(bell, "north", desk.now) == []


def test_looking_where_nothing_changed_writes_nothing(desk: Desk) -> None:
    """A thousand connections are looked at every few minutes: the disk is left alone."""
    desk.fail()
    desk.look()
    before = desk.alert()
    desk.look(5 * MINUTE)
    assert desk.alert() == before
    desk.look(HOUR)
    assert desk.alert().seen == desk.now


def enter(ledger: Ledger, id: int) -> int:
    """Enter a document in GP; its docket."""
    record = planned(ledger, swept(ledger, a_reading(id)), a_document(f"STI{id}"))
    ledger.record([a_claim(record)])
    claimed = documents_of(ledger, ledger.docket(record.docket_id))[0]
    ledger.record([Move(claimed, Entered("STR260314-01"), Event("document.entered", {}, record.docket_id))])
    return record.docket_id
