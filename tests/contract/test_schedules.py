"""Schedules in the ledger's database, on SQLite and on PostgreSQL: edited while workers take what is due."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ml_connector.field.source import SourceKind
from ml_connector.findings import Finding, Interrupted
from ml_connector.runtime import schedules
from ml_connector.runtime.schedules import Asked, Seen, ask_due, look_for_batch, outlook
from ml_connector.store.database import Database
from ml_connector.store.schedules import ScheduleRecord, Schedules, Terms

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHTLY = Terms("daily 01:30", "UTC", catch_up=True)


@dataclass
class Desk:
    """A database with two connections, a clock that stands, and what was asked for."""

    database: Database
    now: datetime = NOON
    runs: list[Asked] = field(default_factory=list)
    looks: list[Asked] = field(default_factory=list)

    def rows(self, actor: str = "maria") -> Schedules:
        return self.database.schedules(actor, lambda: self.now)

    def add(self, rule: str, name: str = "nightly", connection: str = "north", **terms: object) -> ScheduleRecord:
        made = replace(NIGHTLY, rule=rule, **terms)  # type: ignore[arg-type]
        return schedules.add(self.rows(), connection, name, made, self.now)

    def tick(self, until: datetime | None = None) -> None:
        self.now = until or self.now
        assert ask_due(self.rows("worker"), self.now, self.runs.append, self.looks.append) == []

    def keys(self) -> list[str]:
        return [it.key for it in self.runs]

    def events(self, connection: str = "north") -> list[tuple[str, str]]:
        trail = self.database.ledger(connection, "auditor").trail()
        return [(it.event.name, it.actor) for it in trail if it.event.name.startswith("schedule.")]


@pytest.fixture
def desk(ledger_url: str) -> Desk:
    database = Database(ledger_url)
    database.migrate()
    for name in ("north", "south"):
        database.connections("setup", lambda: NOON).add(name, {"prefix": "ST"})
    return Desk(database)


def code(deed: Callable[[], object]) -> str:
    with pytest.raises(Interrupted) as fault:
        deed()
    return fault.value.finding.code


# ---- what a person edits


def test_a_schedule_is_kept_as_it_was_meant(desk: Desk) -> None:
    """Whatever the spelling, the canonical text is kept, and the first run is known at once."""
    kept = desk.add("Weekly Thursday, mon 6:00", time_zone="America/Denver", quiet="22:00 - 05:00", catch_up=False)
    assert kept.terms == Terms("weekly mon,thu 06:00", "America/Denver", False, "22:00-05:00")
    assert kept.next_at == datetime(2026, 6, 1, 12, tzinfo=UTC) + 3 * DAY, "noon is 06:00 in Denver, and just over"
    assert desk.rows().get("north", "nightly") == kept
    assert desk.rows().all("south") == []


def test_every_edit_is_in_the_trail_by_whom(desk: Desk) -> None:
    """Added, changed, paused, resumed, asked, removed: each once; what changes nothing leaves nothing."""
    desk.add("daily 01:30")
    rows = desk.rows("joe")
    schedules.change(rows, "north", "nightly", replace(NIGHTLY, rule="daily 2:00"), desk.now)
    schedules.change(rows, "north", "nightly", replace(NIGHTLY, rule="daily 02:00"), desk.now)
    for _ in range(2):
        rows.pause("north", "nightly")
    for _ in range(2):
        schedules.resume(rows, "north", "nightly", desk.now)
    for _ in range(2):
        schedules.ask_now(rows, "north", "nightly")
    rows.remove("north", "nightly")
    steps = ("changed", "paused", "resumed", "asked", "removed")
    assert desk.events() == [("schedule.added", "maria"), *((f"schedule.{step}", "joe") for step in steps)]
    (changed,) = [it for it in desk.database.ledger("north", "a").trail() if it.event.name == "schedule.changed"]
    assert (changed.event.detail["before"], changed.event.detail["after"]) == (
        {"rule": "daily 01:30", "time_zone": "UTC", "catch_up": True, "quiet": ""},
        {"rule": "daily 02:00", "time_zone": "UTC", "catch_up": True, "quiet": ""},
    )


def test_what_is_not_there_or_there_already_is_told(desk: Desk) -> None:
    desk.add("daily 01:30")
    assert code(lambda: desk.add("daily 02:00")) == "schedule.exists"
    assert code(lambda: desk.rows().pause("north", "weekly")) == "schedule.unknown"
    assert code(lambda: desk.rows().pause("south", "nightly")) == "schedule.unknown"
    assert code(lambda: desk.rows().all("west")) == "connection.unknown"
    assert code(lambda: desk.add("daily 02:00", connection="west")) == "connection.unknown"
    assert desk.add("daily 02:00", connection="south").connection == "south", "a name is free in another connection"


def test_a_wrong_schedule_is_told_whole_and_nothing_is_kept(desk: Desk) -> None:
    with pytest.raises(Interrupted) as fault:
        desk.add("dayly", name="Not A Name", time_zone="Mars")
    assert [it.code for it in fault.value.findings] == ["schedule.name", "schedule.rule", "schedule.time_zone"]
    assert desk.rows().all() == []


# ---- what is due


def test_a_slot_is_asked_for_when_it_comes_and_not_before(desk: Desk) -> None:
    desk.add("daily 01:30")
    slot = datetime(2026, 6, 2, 1, 30, tzinfo=UTC)
    desk.tick(slot - timedelta(seconds=1))
    assert desk.runs == []
    desk.tick(slot + timedelta(seconds=3))
    desk.tick()
    (asked,) = desk.runs
    assert (asked.connection, asked.schedule, asked.slot) == ("north", "nightly", slot)
    assert asked.key.endswith(":2026-06-02T01:30:00Z")
    assert desk.rows().get("north", "nightly").next_at == slot + DAY


@pytest.mark.parametrize(("catch_up", "runs"), [(True, 1), (False, 0)])
def test_nine_days_of_downtime_are_caught_up_once_or_not_at_all(desk: Desk, catch_up: bool, runs: int) -> None:
    """Never once per missed slot; what is not caught up is in the trail."""
    desk.add("daily 01:30", catch_up=catch_up)
    desk.tick(NOON + 9 * DAY)
    desk.tick()
    assert len(desk.runs) == runs
    assert desk.rows().get("north", "nightly").next_at == datetime(2026, 6, 11, 1, 30, tzinfo=UTC)
    assert [name for name, _ in desk.events()][1:] == ([] if catch_up else ["schedule.missed"])


def test_a_catch_up_waits_for_the_end_of_quiet_hours(desk: Desk) -> None:
    """It comes back at 23:00, which is quiet: the missed run is at 05:00, once."""
    desk.add("daily 20:00", quiet="22:00-05:00")
    desk.tick(datetime(2026, 6, 2, 23, tzinfo=UTC))
    assert desk.runs == []
    desk.tick(datetime(2026, 6, 3, 5, 0, 2, tzinfo=UTC))
    desk.tick()
    assert [it.slot for it in desk.runs] == [datetime(2026, 6, 3, 5, tzinfo=UTC)]
    assert desk.rows().get("north", "nightly").next_at == datetime(2026, 6, 3, 20, tzinfo=UTC)


def test_a_paused_schedule_asks_for_nothing_and_catches_nothing_up(desk: Desk) -> None:
    desk.add("every 15 minutes")
    desk.rows().pause("north", "nightly")
    desk.tick(NOON + DAY)
    resumed = schedules.resume(desk.rows(), "north", "nightly", desk.now)
    desk.tick()
    assert (desk.runs, resumed.next_at) == ([], NOON + DAY + 15 * MINUTE)


@pytest.mark.parametrize("paused", [False, True])
def test_a_person_asks_for_a_run_at_once(desk: Desk, paused: bool) -> None:
    """In quiet hours, paused or not; and however late the service is started. The usual slots stay as they are."""
    usual = desk.add("daily 12:30", quiet="11:00-13:00", catch_up=False).next_at
    if paused:
        desk.rows().pause("north", "nightly")
    schedules.ask_now(desk.rows("joe"), "north", "nightly")
    desk.tick(NOON + 50 * MINUTE)
    desk.tick()
    assert [it.slot for it in desk.runs] == [NOON]
    assert desk.rows().get("north", "nightly").next_at == (None if paused else usual)
    desk.tick(NOON + 61 * MINUTE)
    assert len(desk.runs) == (1 if paused else 2)


def test_an_edit_holds_from_the_next_run_on(desk: Desk) -> None:
    desk.add("daily 13:00")
    schedules.change(desk.rows(), "north", "nightly", replace(NIGHTLY, rule="daily 14:00"), desk.now)
    desk.tick(NOON + 90 * MINUTE)
    assert desk.runs == []
    desk.tick(NOON + 2 * HOUR)
    assert [it.slot for it in desk.runs] == [NOON + 2 * HOUR]


@pytest.mark.parametrize("rule", ["daily 18:00", "cron 0 13,18 * * *"])
def test_an_edit_while_a_run_is_asked_for_stands(desk: Desk, rule: str) -> None:
    """Maria changes the rule between the look at the row and its moving on: hers is the next slot."""
    desk.add("daily 13:00")
    desk.now = NOON + HOUR

    def asked(it: Asked) -> None:
        desk.runs.append(it)
        if len(desk.runs) == 1:
            schedules.change(desk.rows(), "north", "nightly", replace(NIGHTLY, rule=rule), NOON)

    for _ in range(2):
        ask_due(desk.rows("worker"), desk.now, asked, asked)
    kept = desk.rows().get("north", "nightly")
    assert (kept.terms.rule, kept.next_at) == (rule, NOON + 6 * HOUR)
    assert len(set(desk.keys())) == 1


def test_who_dies_after_asking_asks_again_under_the_same_key(desk: Desk) -> None:
    """The run is asked for before the schedule moves on, so that none is lost; and twice asked is one run."""
    desk.add("daily 13:00")

    def dying(it: Asked) -> None:
        desk.runs.append(it)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask_due(desk.rows("worker"), NOON + HOUR, dying, dying)
    desk.tick(NOON + HOUR)
    assert len(desk.runs) == 2
    assert len(set(desk.keys())) == 1
    desk.tick(NOON + HOUR)
    assert len(desk.runs) == 2


def test_of_many_workers_one_takes_each_slot(desk: Desk) -> None:
    """Four workers, eight schedules, sixteen slots each: every slot has one key, and one worker moves each on."""
    for n in range(8):
        desk.add("every 1 minute", name=f"s-{n}", connection="north" if n % 2 else "south")
    moments = [NOON + n * MINUTE for n in range(1, 17)]
    asked: Counter[str] = Counter()
    moved: Counter[tuple[int, datetime | None]] = Counter()
    lock, line = threading.Lock(), threading.Barrier(4)

    class Watched(Schedules):
        def move_on(self, was: ScheduleRecord, *how: object) -> bool:
            won = super().move_on(was, *how)  # type: ignore[arg-type]
            with lock:
                moved[was.id, was.next_at] += won
            return won

    def run(it: Asked) -> None:
        with lock:
            asked[it.key] += 1

    def work() -> None:
        rows = Watched(desk.database, "worker", lambda: desk.now)
        for moment in moments:
            line.wait(60)
            ask_due(rows, moment, run, run)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for it in workers:
        it.start()
    for it in workers:
        it.join(120)
    assert len(asked) == 8 * 16
    assert len(moved) == 8 * 16
    assert set(moved.values()) == {1}
    assert {it.next_at for it in desk.rows().all()} == {NOON + 17 * MINUTE}


def test_a_schedule_that_cannot_be_understood_stops_no_other(desk: Desk) -> None:
    """Its zone is gone from the machine: that is told, and the others run."""
    desk.add("daily 13:00", name="broken")
    desk.add("daily 13:00", name="whole")
    with desk.database.writing() as sql:
        sql.execute(sa.text("UPDATE schedules SET time_zone = 'Mars/Olympus' WHERE name = 'broken'"))
    unclear = ask_due(desk.rows("worker"), NOON + HOUR, desk.runs.append, desk.looks.append)
    assert [it.code for it in unclear] == ["schedule.time_zone"]
    assert [it.schedule for it in desk.runs] == ["whole"]


def test_what_is_due_is_found_by_an_index(desk: Desk) -> None:
    """A thousand connections cost a tick one look in an index, and no walk through the table."""
    if desk.database.is_postgresql:
        pytest.skip("PostgreSQL chooses by its statistics; the index is the same")
    asked = "SELECT * FROM schedules WHERE next_at <= '2026-06-01' ORDER BY next_at, id LIMIT 1000"
    with desk.database.reading() as sql:
        plan = " ".join(str(row) for row in sql.execute(sa.text("EXPLAIN QUERY PLAN " + asked)))
    assert "USING INDEX ix_schedules_next_at" in plan


# ---- after each posted batch


@dataclass
class Tenant:
    """What a tenant has released, as a look would find it."""

    invoices: int = 410
    bills: int = 90
    trouble: str = ""

    def released(self) -> dict[SourceKind, int]:
        if self.trouble:
            raise Interrupted(Finding(self.trouble, "ServiceTitan", "no", "Wait."))
        return {SourceKind.INVOICE: self.invoices, SourceKind.BILL: self.bills}


@dataclass
class Watch:
    """A schedule after each posted batch, with what each look brings."""

    desk: Desk
    tenant: Tenant = field(default_factory=Tenant)

    def looks(self) -> int:
        """Go on to the next look and make it; how many runs it asks for."""
        before = len(self.desk.runs)
        self.desk.tick(self.desk.now + 5 * MINUTE)
        self.look()
        return len(self.desk.runs) - before

    def look(self, run: Callable[[Asked], None] | None = None) -> None:
        rows = self.desk.rows("worker")
        look_for_batch(self.tenant, rows, self.desk.looks[-1], self.desk.now, run or self.desk.runs.append)

    def seen(self) -> Seen:
        return Seen.read(self.desk.rows().get("north", "batches").seen)


@pytest.fixture
def watch(desk: Desk) -> Watch:
    """One that has answered what was there before."""
    watch = Watch(desk)
    desk.add("after each posted batch", name="batches")
    assert (watch.looks(), watch.looks()) == (0, 1), "what was posted before it was added is a batch too"
    return watch


def test_a_batch_asks_for_one_run_when_it_stands_still(watch: Watch) -> None:
    """The office posts for ten minutes: one run, at the first look that finds the same as the one before it."""
    assert watch.looks() == 0
    watch.tenant.invoices += 20
    assert watch.looks() == 0
    watch.tenant.invoices += 7
    assert watch.looks() == 0
    assert watch.looks() == 1
    assert watch.looks() == 0
    assert len({*watch.desk.keys()}) == 2


def test_a_batch_of_bills_asks_too(watch: Watch) -> None:
    watch.tenant.bills += 1
    assert (watch.looks(), watch.looks(), watch.looks()) == (0, 1, 0)


def test_a_batch_posted_unposted_and_posted_again_is_run_each_time(watch: Watch) -> None:
    """The count comes back to where it was: every run has a key of its own."""
    for count in (430, 410, 430):
        watch.tenant.invoices = count
        assert (watch.looks(), watch.looks()) == (0, 1)
    assert len(set(watch.desk.keys())) == 4


def test_what_came_and_went_between_two_looks_asks_for_nothing(watch: Watch) -> None:
    watch.tenant.invoices += 5
    assert watch.looks() == 0
    watch.tenant.invoices -= 5
    assert (watch.looks(), watch.looks()) == (0, 0)


def test_who_dies_after_asking_for_a_batch_asks_again_under_the_same_key(watch: Watch) -> None:
    watch.tenant.invoices += 5
    watch.looks()

    def dying(it: Asked) -> None:
        watch.desk.runs.append(it)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch.look(dying)
    assert watch.looks() == 1
    assert watch.desk.keys()[-1] == watch.desk.keys()[-2]
    assert watch.looks() == 0


def test_a_death_and_another_posting_are_two_runs(watch: Watch) -> None:
    """The run that was asked for before it was remembered does not swallow the next batch's."""
    watch.tenant.invoices += 5
    watch.looks()

    def dying(it: Asked) -> None:
        watch.desk.runs.append(it)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch.look(dying)
    watch.tenant.invoices += 5
    assert (watch.looks(), watch.looks()) == (0, 1)
    assert watch.desk.keys()[-1] != watch.desk.keys()[-2]


def test_two_looks_at_once_ask_for_one_run(watch: Watch) -> None:
    """A slow look and the next one find the same batch: one key."""
    watch.tenant.invoices += 5
    watch.looks()
    watch.look()
    stale = Watch(watch.desk, watch.tenant)
    assert stale.looks() == 0
    assert len(set(watch.desk.keys())) == 2


def test_a_look_that_fails_is_remembered_until_one_succeeds(watch: Watch) -> None:
    """Who looks at the schedules sees since when it is blind, and why; the next good look forgets it."""
    watch.tenant.trouble = "servicetitan.credentials"
    assert code(watch.looks) == "servicetitan.credentials"
    since = watch.desk.now
    assert code(watch.looks) == "servicetitan.credentials"
    shown = outlook(watch.desk.rows().get("north", "batches"))
    assert (shown.blind, shown.blind_since) == ("servicetitan.credentials", since)
    watch.tenant = Tenant(invoices=415)
    assert (watch.looks(), watch.looks()) == (0, 1)
    assert outlook(watch.desk.rows().get("north", "batches")).blind == ""


def test_a_person_asks_a_batch_schedule_for_a_run_at_once(watch: Watch) -> None:
    """Without a look, and the next batch is still seen."""
    schedules.ask_now(watch.desk.rows(), "north", "batches")
    before = len(watch.desk.looks)
    watch.desk.tick()
    assert (len(watch.desk.runs), len(watch.desk.looks)) == (2, before)
    watch.tenant.invoices += 5
    assert (watch.looks(), watch.looks()) == (0, 1)


def test_a_look_asked_for_before_a_pause_asks_for_no_run(watch: Watch) -> None:
    watch.tenant.invoices += 5
    watch.looks()
    watch.desk.tick(watch.desk.now + 5 * MINUTE)
    watch.desk.rows().pause("north", "batches")
    watch.look()
    assert len(watch.desk.runs) == 1


def test_no_look_is_made_in_quiet_hours(desk: Desk) -> None:
    """A batch that is posted at night is seen at their end."""
    desk.add("after each posted batch", name="batches", quiet="12:01-15:00")
    desk.tick(NOON + 5 * MINUTE)
    assert desk.looks == []
    desk.tick(NOON + 3 * HOUR)
    assert len(desk.looks) == 1
