"""The ledger, on SQLite and on PostgreSQL: what it must keep, whatever happens to the processes that write to it."""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_connector import store
from ml_connector.books.batch import BatchKey
from ml_connector.docket.records import Decide, DocketRecord, Ending, Group, Move, OpenedBatch, UnpostedBatch
from ml_connector.docket.stages import (
    WORST_FIRST,
    Approved,
    ClosedByHand,
    Deferred,
    DocketStage,
    Entered,
    Gone,
    HasDocuments,
    Held,
    HeldBeforePlan,
    InDoubt,
    Opened,
    Planned,
    Posted,
    Skipped,
    Stage,
    Superseded,
    Waiting,
)
from ml_connector.docket.trail import Event
from ml_connector.field.source import SourceKind
from ml_connector.findings import Finding, Interrupted
from ml_connector.money import Currency, Money
from ml_connector.store import forms
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from ml_connector.store.schema import REVISION, metadata
from tests import postgres
from tests.contract.another_process import ROWS, Another, claim, migrate, note, page, sweep, write_slowly
from tests.contract.ledger_contract import (
    MARCH,
    NOON,
    a_claim,
    a_credit,
    a_document,
    a_ledger,
    a_plan,
    a_reading,
    a_rulebook,
    documents_of,
    entered,
    moved,
    planned,
    swept,
    usd,
    with_cell,
)

INVOICE, BILL = SourceKind.INVOICE, SourceKind.BILL
UNMAPPED = Finding("account.unmapped", "line 3", "No account for 'AC-TUNE'.", "Add a row to Accounts, then replay.")
CLOSED = Finding("period.closed", "document", 'March is "closed" ("code":"x").', "Open it in GP, then replay.")


@pytest.fixture
def ledger(ledger_url: str) -> Ledger:
    return a_ledger(ledger_url)


def event(name: str = "test.done", **detail: object) -> Event:
    return Event(name, detail)


def interrupted(what: pytest.ExceptionInfo[Interrupted]) -> str:
    return what.value.finding.code


def raw(url: str, *statements: str) -> None:
    """What somebody does to the database behind our back."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as sql:
        for statement in statements:
            sql.exec_driver_sql(statement)
    engine.dispose()


# What was swept


def test_a_docket_lives_from_the_sweep_to_the_posting(ledger: Ledger) -> None:
    """Swept, planned, approved, claimed, entered, posted: each step durable, and in the trail in this order."""
    opened = swept(ledger)
    assert (opened.version, opened.stage, opened.amount, opened.date) == (1, Opened(), usd("108.25"), MARCH)
    assert ledger.opened(limit=10) == [opened]
    assert ledger.evidence(opened.page) == b"page invoice 1"

    assert ledger.record([a_plan(opened, stage=Planned())]) == [True]
    record = documents_of(ledger, opened)[0]
    assert (record.document, record.stage, record.attempt, record.was_entered) == (a_document(), Planned(), 0, False)
    assert ledger.opened(limit=10) == []

    record = moved(ledger, record, Approved("maria"))
    assert ledger.documents((Approved,), limit=10, company="North") == [record]
    assert ledger.documents((Approved,), limit=10, company="South") == []
    assert ledger.documents((Approved,), limit=10, after_id=record.id) == []

    assert ledger.record([a_claim(record)]) == [True]
    record = documents_of(ledger, opened)[0]
    assert (record.attempt, record.stage, record.batch_id) == (1, InDoubt(NOON, 1, record.hash), "STR260314-01")
    record = moved(ledger, record, InDoubt(NOON, 1, record.hash, "answer lost"))
    assert record.attempt == 1, "the same doubt, and no second attempt"

    record = moved(ledger, record, Entered("STR260314-02"))
    assert (record.was_entered, record.batch_id) == (True, "STR260314-02")
    assert ledger.in_batch("STR260314-02") == [record]
    record = moved(ledger, record, Posted("STR260314-02", "RMSLS00000012"), Gone("voided", NOON))
    assert record.was_entered

    names = [it.event.name for it in ledger.trail(docket_id=opened.id)]
    assert names == ["docket.planned", "document.moved", "document.claimed", *["document.moved"] * 4]
    assert {it.event.number for it in ledger.trail(docket_id=opened.id)} == {"", "STI10482"}
    assert [it.seq for it in ledger.trail()] == list(range(1, 10))
    assert ledger.verify() is None


def test_a_reading_that_says_nothing_new_opens_no_docket(ledger: Ledger) -> None:
    """ServiceTitan repeats rows, in one page and over pages; only another fingerprint is another version."""
    page = [a_reading(1), a_reading(2), a_reading(1), a_reading(1, "f2", index=3)]
    assert ledger.take_page(INVOICE, b"1", "t1", page) == 3
    assert ledger.take_page(INVOICE, b"2", "t2", [a_reading(1, "f2"), a_reading(2)]) == 0
    assert ledger.take_page(INVOICE, b"3", "t3", [a_reading(1, "f1")]) == 1, "back as it was is a change too"
    assert ledger.take_page(BILL, b"3", "t1", [a_reading(1, "f1")]) == 1, "a bill may have an invoice's id"
    versions = ledger.dockets_of(INVOICE, 1)
    assert [(it.version, it.fingerprint, it.index) for it in versions] == [(1, "f1", 0), (2, "f2", 3), (3, "f1", 0)]
    assert ledger.earlier(versions[2]) == versions[:2]
    assert ledger.earlier(versions[0]) == []
    assert (ledger.cursor(INVOICE), ledger.cursor(BILL)) == ("t3", "t1")


def test_a_large_page_is_one_page(ledger: Ledger) -> None:
    """More rows than one statement takes values."""
    readings = [a_reading(10**12 + i, index=i) for i in range(2500)]
    assert ledger.take_page(INVOICE, b"a", "1", readings) == 2500
    assert ledger.take_page(INVOICE, b"b", "2", [*readings[:-1], a_reading(10**12 + 2499, "f2")]) == 1
    assert [it.source_id for it in ledger.opened(limit=3, after_id=ledger.opened(limit=1)[0].id)] == [
        10**12 + i for i in (1, 2, 3)
    ]


def test_a_quiet_poll_leaves_no_trace(ledger: Ledger) -> None:
    """An empty page that does not move the cursor is not news; one that moves it is."""
    swept(ledger)
    before = len(ledger.trail())
    assert ledger.take_page(INVOICE, b"empty", "1", []) == 0
    assert len(ledger.trail()) == before
    assert ledger.take_page(INVOICE, b"empty", "2", []) == 0
    assert (len(ledger.trail()), ledger.cursor(INVOICE)) == (before + 1, "2")


def test_a_reading_without_amount_or_date_and_with_a_strange_number_is_kept(ledger: Ledger) -> None:
    reading = a_reading(7, amount=None, number="Ünï\0code '\"%")
    docket = swept(ledger, reading)
    assert (docket.amount, docket.number) == (None, "Ünïcode '\"%")


def test_a_process_killed_in_mid_page_leaves_the_whole_page_or_nothing_of_it(ledger_url: str) -> None:
    """Fifteen kills at random moments: the cursor and the rows that it stands for never part."""
    ledger = a_ledger(ledger_url)
    chance = random.Random(7)
    for _ in range(15):
        sweeper = Another(sweep, ledger_url)
        sweeper.hear()
        time.sleep(chance.random() * 0.04)
        sweeper.kill()
        pages = int(ledger.cursor(INVOICE) or "0")
        assert [ending.groups["opened"].count for ending in ledger.endings()] == [pages * ROWS]
        newest = ledger.dockets_of(INVOICE, pages * ROWS)[0]
        assert ledger.evidence(newest.page) == page(pages)
        assert ledger.dockets_of(INVOICE, (pages + 1) * ROWS) == []
        assert [it.event.name for it in ledger.trail()].count("sweep.page") == pages
    assert ledger.verify() is None


# Evidence


def test_erased_evidence_is_told_as_such_and_may_be_received_again(ledger: Ledger, ledger_url: str) -> None:
    """Retention erases what was received and nothing else; the trail, which holds only its hash, still verifies."""
    sha = ledger.keep(b"an answer")
    assert ledger.keep(b"an answer") == sha
    assert ledger.evidence(sha) == b"an answer"
    raw(ledger_url, "UPDATE evidence SET body = NULL")
    with pytest.raises(Interrupted) as what:
        ledger.evidence(sha)
    assert interrupted(what) == "evidence.erased"
    assert ledger.verify() is None
    ledger.keep(b"an answer")
    assert ledger.evidence(sha) == b"an answer"


def test_evidence_that_was_changed_is_not_shown(ledger: Ledger, ledger_url: str) -> None:
    sha, other = ledger.keep(b"an answer"), ledger.keep(b"another")
    raw(ledger_url, f"UPDATE evidence SET body = (SELECT body FROM evidence WHERE sha256 = '{other}')")
    with pytest.raises(Interrupted) as what:
        ledger.evidence(sha)
    assert interrupted(what) == "evidence.differs"


# Claims


def test_one_of_two_threads_wins_a_claim(ledger: Ledger) -> None:
    """Sixteen documents, two threads, one start: each document is claimed once, and has one entry in the trail."""
    records = [planned(ledger, swept(ledger, a_reading(i)), a_document(f"STI{i}")) for i in range(1, 17)]
    ready, won = threading.Barrier(2), {"a": 0, "b": 0}

    def claim(by: str) -> None:
        ready.wait()
        won[by] = sum(ledger.record([a_claim(record, by)])[0] for record in records)

    threads = [threading.Thread(target=claim, args=(by,)) for by in won]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(won.values()) == 16
    assert [it.event.name for it in ledger.trail()].count("document.claimed") == 16
    assert {it.attempt for it in ledger.documents((InDoubt,), limit=99)} == {1}
    assert ledger.verify() is None


def test_one_of_two_processes_wins_a_claim(ledger: Ledger, ledger_url: str) -> None:
    for i in range(1, 13):
        planned(ledger, swept(ledger, a_reading(i)), a_document(f"STI{i}"))
    processes = [Another(claim, ledger_url, by) for by in "ab"]
    won = [str(number) for process in processes for number in process.finish()]
    assert sorted(won) == sorted(f"STI{i}" for i in range(1, 13))
    assert ledger.verify() is None


def test_a_move_of_what_has_changed_meanwhile_is_lost(ledger: Ledger) -> None:
    """Whoever saw an older stage, an older plan, or a document that is gone, changes nothing and says nothing."""
    docket = swept(ledger)
    seen = planned(ledger, docket)
    moved(ledger, seen, Deferred("batch locked"))
    before = ledger.trail()
    assert ledger.record([a_claim(seen)]) == [False]
    ledger.record([a_plan(docket, a_document(amount="99.00"))])
    seen_new = documents_of(ledger, docket)[0]
    assert ledger.record([Move(seen, Held((UNMAPPED,)), event())]) == [False]
    ledger.record([Decide(docket.id, Skipped("x", "y"), event(), drop_documents=True)])
    assert ledger.record([Move(seen_new, Held((UNMAPPED,)), event())]) == [False]
    assert len(ledger.trail()) == len(before) + 2


def test_an_illegal_move_is_a_fault_and_stores_nothing_of_its_transaction(ledger: Ledger) -> None:
    docket = swept(ledger)
    record = entered(ledger, planned(ledger, docket))
    before = ledger.trail()
    with pytest.raises(ValueError, match="no move"):
        ledger.record([Decide(docket.id, HasDocuments(), event()), Move(record, Approved("maria"), event())])
    assert ledger.trail() == before


# Plans


def test_a_replay_replaces_what_was_never_sent(ledger: Ledger) -> None:
    """The same number, the new body; a document that the new plan leaves out gives up its place, not its history."""
    docket = swept(ledger)
    ledger.record([a_plan(docket, a_document(), a_credit(), stage=Held((UNMAPPED,)))])
    assert [it.stage for it in documents_of(ledger, docket)] == [Held((UNMAPPED,))] * 2
    ledger.record([a_plan(docket, a_document(amount="99.00"))])
    (record,) = documents_of(ledger, docket)
    assert (record.document, record.stage) == (a_document(amount="99.00"), Approved("maria"))
    assert len(ledger.trail(docket_id=docket.id)) == 2


@pytest.mark.parametrize("stages", [(), (Entered("B"),), (Entered("B"), Posted("B", "C")), (Entered("B"), Held(()))])
def test_a_plan_never_touches_what_gp_may_hold(ledger: Ledger, stages: tuple[Stage, ...]) -> None:
    """In doubt, entered, posted, or held after it was entered: another body is refused, and so is leaving it out."""
    docket = swept(ledger)
    record = planned(ledger, docket)
    record = moved(ledger, record, InDoubt(NOON, 1, record.hash), *stages)
    before = ledger.trail()
    assert ledger.record([a_plan(docket, a_document(amount="99.00"))]) == [False]
    if not isinstance(record.stage, Held):
        assert ledger.record([a_plan(docket, a_credit())]) == [False]
    assert documents_of(ledger, docket) == (record,)
    assert ledger.trail() == before


def test_a_plan_may_name_an_entered_document_unchanged(ledger: Ledger) -> None:
    """Of two documents one was entered and the other held: a replay plans the other, and leaves the first alone."""
    docket = swept(ledger)
    first = entered(ledger, planned(ledger, docket, a_document(), a_document("STI10482S", "South")))
    assert ledger.record([a_plan(docket, a_document(), a_document("STI10482S", "South", "3.00"))]) == [True]
    found = {it.document.number: it for it in documents_of(ledger, docket)}
    assert found["STI10482"] == first
    assert found["STI10482S"].document.amount == usd("3.00")
    ledger.record([Decide(docket.id, Opened(), event())])
    moved(ledger, found["STI10482S"], ClosedByHand("maria", "not ours"))
    assert ledger.record([a_plan(docket)]) == [True], "nothing to store, but the planning is over"
    assert ledger.opened(limit=9) == []


def test_what_was_refused_keeps_its_attempts_when_it_is_planned_again(ledger: Ledger) -> None:
    docket = swept(ledger)
    record = planned(ledger, docket)
    moved(ledger, record, InDoubt(NOON, 1, record.hash), Held((CLOSED,)))
    assert ledger.record([a_plan(docket, a_document(amount="99.00"))]) == [True]
    (record,) = documents_of(ledger, docket)
    assert (record.attempt, record.stage) == (1, Approved("maria"))


def test_a_plan_that_leaves_out_what_was_refused_closes_it(ledger: Ledger) -> None:
    """It was sent once and GP does not hold it: its number stays with it, no run sends it, and the trail says why."""
    docket = swept(ledger)
    record = planned(ledger, docket)
    moved(ledger, record, InDoubt(NOON, 1, record.hash), Held((CLOSED,)))
    assert ledger.record([a_plan(docket, a_credit())]) == [True]
    closed = {it.document.number: it for it in documents_of(ledger, docket)}["STI10482"]
    assert isinstance(closed.stage, ClosedByHand)
    assert [it.event.name for it in ledger.trail(number="STI10482")][-1] == "document.given_up"
    assert ledger.verify() is None


def test_a_number_that_gp_keeps_is_spent_without_an_entry(ledger: Ledger) -> None:
    """GP holds a voided document under it: no later plan may have the number again."""
    docket = swept(ledger)
    record = planned(ledger, docket)
    moved(ledger, record, InDoubt(NOON, 1, record.hash))
    (record,) = documents_of(ledger, docket)
    assert ledger.record([Move(record, Held((UNMAPPED,)), event(), spends_number=True)]) == [True]
    (record,) = documents_of(ledger, docket)
    assert record.was_entered
    assert ledger.record([a_plan(docket)]) == [False]


def test_a_newer_version_inherits_the_number(ledger: Ledger) -> None:
    """The invoice was edited before it was entered: the old docket is superseded, its number moves to the new one."""
    old = swept(ledger)
    planned(ledger, old)
    new = swept(ledger, a_reading(fingerprint="f2", amount="99.00"))
    made = ledger.record(
        [Decide(old.id, Superseded(by=2), event()), a_plan(new, a_document(amount="99.00")), a_plan(old)]
    )
    assert made == [True, True, False], "and never back"
    assert documents_of(ledger, old) == ()
    assert [it.document.amount for it in documents_of(ledger, new)] == [usd("99.00")]
    assert ledger.by_number("sti10482") == [ledger.docket(new.id)]


@pytest.mark.parametrize("stages", [(), (Entered("B"),), (Entered("B"), Gone("voided", NOON))])
def test_a_newer_version_never_inherits_a_number_that_gp_may_know(ledger: Ledger, stages: tuple[Stage, ...]) -> None:
    old = swept(ledger)
    record = planned(ledger, old)
    record = moved(ledger, record, InDoubt(NOON, 1, record.hash), *stages)
    new = swept(ledger, a_reading(fingerprint="f2"))
    assert ledger.record([a_plan(new)]) == [False]
    if not isinstance(record.stage, Gone):
        assert ledger.record([Decide(old.id, Superseded(by=2), event(), drop_documents=True)]) == [False]
    assert documents_of(ledger, old) == (record,)


def test_a_document_in_doubt_bars_every_decision_on_its_docket(ledger: Ledger) -> None:
    docket = swept(ledger)
    record = planned(ledger, docket)
    moved(ledger, record, InDoubt(NOON, 1, record.hash))
    for stage in (Opened(), HeldBeforePlan((UNMAPPED,)), Skipped("x", "y"), Waiting("z")):
        assert ledger.record([Decide(docket.id, stage, event(), drop_documents=True)]) == [False]
    assert len(documents_of(ledger, docket)) == 1


def test_a_second_revision_stands_beside_the_voided_first(ledger: Ledger) -> None:
    """Entered, voided in GP, closed by a person, entered again: the spent number stays spent."""
    docket = swept(ledger)
    record = entered(ledger, planned(ledger, docket))
    moved(ledger, record, Gone("voided", NOON), ClosedByHand("maria", "re-entered"))
    assert ledger.record([a_plan(docket)]) == [False], "not even unchanged"
    assert ledger.record([a_plan(docket, a_document("STI10482-2"), revision=2)]) == [True]
    assert [(it.document.number, it.revision) for it in documents_of(ledger, docket)] == [
        ("STI10482", 1),
        ("STI10482-2", 2),
    ]


def test_a_number_belongs_to_one_source(ledger: Ledger, ledger_url: str) -> None:
    """Two sources, or two connections into one GP company, never share a number; nothing of the plan is stored."""
    ledger.add_rulebook(a_rulebook(("North", "twone")), "maria", "first")
    planned(ledger, swept(ledger))
    other = swept(ledger, a_reading(20))
    south = a_ledger(ledger_url, "south")
    south.add_rulebook(a_rulebook(("S", "TWONE "), ("Other", "THREE")), "maria", "first")
    theirs = swept(south)
    for at, change in ((ledger, a_plan(other)), (south, a_plan(theirs, a_document(company="S")))):
        before = at.trail()
        with pytest.raises(Interrupted) as what:
            at.record([Decide(change.docket_id, Opened(), event()), change])
        assert interrupted(what) == "number.taken_by_other"
        assert "invoice 10482 of connection 'north'" in what.value.finding.says
        assert at.trail() == before
    assert south.record([a_plan(theirs, a_document(company="Other"))]) == [True], "another company, another number"


def test_a_plan_without_documents_or_for_no_docket_is_a_fault(ledger: Ledger) -> None:
    docket = swept(ledger)
    for change in (
        a_plan(docket, a_document(), a_document()),
        a_plan(docket, stage=Entered("STR260314-01")),
        Decide(docket.id + 1, Opened(), event()),
        a_plan(DocketRecord(99, INVOICE, 1, 1, "", "", None, None, "", 0, NOON, Opened())),
    ):
        with pytest.raises(ValueError, match=r"docket"):
            ledger.record([change])


# Lists and sums


def test_people_find_a_docket_by_any_of_its_numbers(ledger: Ledger) -> None:
    docket = swept(ledger, a_reading(10482, number="7-A"), a_reading(3))
    planned(ledger, docket)
    for text in ("10482", "7-A", "STI10482", " sti10482 "):
        assert [it.id for it in ledger.by_number(text)] == [docket.id], text
    for text in ("", "99", "%", "7-a'", "9" * 40, "²"):
        assert ledger.by_number(text) == [], text


def test_holds_are_found_by_the_code_of_any_finding(ledger: Ledger) -> None:
    """Held before the plan or after it, newest first; words that merely look like a code are not one."""
    dockets = [swept(ledger, a_reading(i)) for i in (1, 2, 3, 4)]
    ledger.record(
        [
            Decide(dockets[0].id, HeldBeforePlan((CLOSED, UNMAPPED)), event()),
            a_plan(dockets[1], a_document("STI2"), stage=Held((UNMAPPED,))),
            a_plan(dockets[2], a_document("STI3"), stage=Held((CLOSED,))),
            a_plan(dockets[3], a_document("STI4")),
        ]
    )
    assert [it.source_id for it in ledger.holds()] == [3, 2, 1]
    assert [it.source_id for it in ledger.holds(limit=1)] == [3]
    assert [it.source_id for it in ledger.holds("account.unmapped")] == [2, 1]
    assert [it.source_id for it in ledger.holds("period.closed")] == [3, 1]
    assert ledger.holds("x") == []
    assert ledger.holds("%") == []
    assert ledger.holds("account_unmapped") == []


def test_endings_count_every_source_once_with_its_money(ledger: Ledger) -> None:
    """Every stage is a group, an older version counts in none, and a source without amount is still counted."""
    amounts = ["0.10", "0.10", "0.10", "-40.00", "12345678901.23", None, "5.00", "7.00"]
    dockets = [swept(ledger, a_reading(i, amount=amount)) for i, amount in enumerate(amounts, 1)]
    swept(ledger, a_reading(1, "f2", amount="0.20"))
    swept(ledger, a_reading(1, amount="3.00"), kind=BILL)
    ledger.record(
        [
            Decide(dockets[1].id, HeldBeforePlan((UNMAPPED,)), event()),
            a_plan(dockets[2], a_document("STI3"), stage=Held((UNMAPPED,))),
            a_plan(dockets[3], a_document("STI4")),
            a_plan(dockets[4], a_document("STI5"), a_document("STI5S")),
            Decide(dockets[5].id, HeldBeforePlan((UNMAPPED,)), event()),
            Decide(dockets[6].id, Skipped("document.zero", "nothing to enter"), event()),
            Decide(dockets[7].id, Waiting("pending"), event()),
        ]
    )
    record = documents_of(ledger, dockets[4])[0]
    moved(ledger, record, InDoubt(NOON, 1, record.hash))
    assert ledger.endings() == [
        Ending(
            INVOICE,
            {
                "opened": Group(1, usd("0.20")),
                "held": Group(2, usd("0.20")),
                "approved": Group(1, usd("-40.00")),
                "in_doubt": Group(1, usd("12345678901.23")),
                "held without amount": Group(1, usd("0")),
                "skipped": Group(1, usd("5.00")),
                "waiting": Group(1, usd("7.00")),
            },
        ),
        Ending(BILL, {"opened": Group(1, usd("3.00"))}),
    ]


def test_the_newest_version_of_every_source_is_listed(ledger: Ledger) -> None:
    swept(ledger, a_reading(2), a_reading(1))
    swept(ledger, a_reading(1, "f2"))
    swept(ledger, a_reading(1), kind=BILL)
    found = [(it.kind, it.source_id, it.version) for it in ledger.newest_versions()]
    assert found == [(INVOICE, 1, 2), (INVOICE, 2, 1), (BILL, 1, 1)]


def test_what_gp_has_not_posted_is_counted_by_batch(ledger: Ledger) -> None:
    """Credits lower the total; what was posted, or is only planned, is not in it."""
    documents = (a_document(), a_credit(), a_document("STI2"), a_document("STI3"))
    ledger.record([a_plan(swept(ledger), *documents)])
    records = {it.document.number: it for it in ledger.documents((Approved,), limit=9)}
    for number in ("STI10482", "STD77", "STI2"):
        entered(ledger, records[number])
    moved(ledger, ledger.documents((Entered,), limit=9, after_id=records["STD77"].id)[0], Posted("STR260314-01", "R1"))
    assert ledger.unposted() == [UnpostedBatch("North", "STR260314-01", 2, usd("96.25"), MARCH)]


def test_two_currencies_are_never_added_up(ledger: Ledger) -> None:
    canadian = replace(a_reading(2), amount=Money(Decimal("1.00"), Currency.CAD))
    swept(ledger, a_reading(1, amount="2.00"), canadian)
    (ending,) = ledger.endings()
    assert set(ending.groups) == {"opened USD", "opened CAD"}
    assert ending.groups["opened CAD"].total == Money(Decimal("1.00"), Currency.CAD)


@pytest.mark.parametrize("worse", WORST_FIRST, ids=lambda stage: stage.__name__)
def test_a_docket_ends_as_its_worst_document(worse: type[Stage], ledger: Ledger, ledger_url: str) -> None:
    """The order in SQL is the order of the state machine."""
    docket = swept(ledger)
    planned(ledger, docket, a_document(), a_document("STI10482S"))
    rest = WORST_FIRST[WORST_FIRST.index(worse) :]
    for other in rest:
        raw(
            ledger_url,
            f"UPDATE documents SET stage = '{forms.name_of(worse)}' WHERE number = 'STI10482'",
            f"UPDATE documents SET stage = '{forms.name_of(other)}' WHERE number = 'STI10482S'",
        )
        assert list(ledger.endings()[0].groups) == [forms.name_of(worse)]


# Runs, batches, rulebooks, connections


def test_a_batch_id_is_never_used_twice(ledger: Ledger) -> None:
    """One serial for all batches of a day, over runs and processes; another day begins anew."""
    first, second = ledger.start_run(dry=False), ledger.start_run(dry=True)
    sales, bills = BatchKey("North", True, 2026, 3), BatchKey("North", False, 2026, 3)
    assert ledger.open_batch(first, "ST", sales, MARCH) == "STR260314-01"
    assert ledger.open_batch(first, "ST", bills, MARCH) == "STP260314-02"
    assert ledger.open_batch(second, "ST", sales, MARCH) == "STR260314-03"
    assert ledger.open_batch(second, "ST", sales, date(2026, 3, 15)) == "STR260315-01"
    assert ledger.batches_of(first) == [
        OpenedBatch("STR260314-01", sales),
        OpenedBatch("STP260314-02", bills),
    ]
    ledger.end_run(first, "finished", {"entered": 2})
    (newest, oldest) = ledger.runs(limit=5)
    assert (newest.id, newest.outcome, newest.ended, newest.dry) == (second, "running", None, True)
    assert (oldest.outcome, oldest.ended, oldest.counts, oldest.actor) == ("finished", NOON, {"entered": 2}, "maria")
    with pytest.raises(ValueError, match="no run"):
        ledger.end_run(99, "finished", {})


def test_a_rulebook_is_kept_without_loss(ledger: Ledger) -> None:
    """The order of columns, the numbers of rows and blanks between them; the same tables are no new version."""
    tables = a_rulebook(("North", "TWO"), ('Süd, "S"', "THREE"))
    assert ledger.rulebook() is None
    first = ledger.add_rulebook(tables, "maria", "first")
    assert ledger.rulebook() == (first, tables)
    assert list((ledger.rulebook() or (first, {}))[1]) == ["Vendors", "Companies"]
    assert ledger.add_rulebook(dict(reversed(list(tables.items()))), "joe", "the same") == first
    changed = with_cell(tables, "Companies", 1, "currency", "CAD")
    second = ledger.add_rulebook(changed, "joe", "currency of the south")
    assert (second.version, second.author, second.at) == (2, "joe", NOON)
    assert ledger.rulebook() == (second, changed)
    assert ledger.rulebook(1) == (first, tables)
    assert ledger.rulebook(3) is None
    assert ledger.rulebook_history() == [second, first]
    assert [it.event.name for it in ledger.trail()].count("rulebook.added") == 2


def test_a_connection_is_added_once_and_its_changes_are_in_the_trail(ledger_url: str) -> None:
    database = Database(ledger_url)
    database.migrate()
    connections = database.connections("maria", lambda: NOON)
    added = connections.add("north", {"prefix": "ST", "secret": "env:ST_SECRET"})
    assert connections.get("north") == added
    with pytest.raises(Interrupted) as what:
        connections.add("north", {})
    assert interrupted(what) == "connection.exists"
    changed = connections.change("north", {"prefix": "NO"})
    assert (changed.id, changed.definition) == (added.id, {"prefix": "NO"})
    connections.change("north", {"prefix": "NO"})
    connections.add("a south", {})
    assert [it.name for it in connections.all()] == ["a south", "north"]
    entries = database.ledger("north", "maria").trail()
    assert [it.event.name for it in entries] == ["connection.added", "connection.changed"]
    assert entries[1].event.detail["after"] == {"prefix": "NO"}
    for unknown in (lambda: connections.get("west"), lambda: database.ledger("west", "maria")):
        with pytest.raises(Interrupted) as what:
            unknown()
        assert interrupted(what) == "connection.unknown"


def test_connections_see_nothing_of_each_other(ledger: Ledger, ledger_url: str) -> None:
    docket = swept(ledger)
    record = planned(ledger, docket)
    ledger.add_rulebook(a_rulebook(), "maria", "first")
    south = a_ledger(ledger_url, "south")
    with pytest.raises(Interrupted) as what:
        south.docket(docket.id)
    assert interrupted(what) == "docket.unknown"
    seen: list[object] = [*south.documents((Approved,), limit=9), *south.by_number("STI10482"), *south.endings()]
    assert [*seen, *south.newest_versions(), *south.unposted(), *south.in_batch(record.batch_id)] == []
    assert south.cursor(INVOICE) is None
    assert south.rulebook() is None
    assert south.record([a_claim(record)]) == [False]
    with pytest.raises(Interrupted):
        south.evidence(docket.page)
    assert [it.event.name for it in south.trail()] == ["connection.added"]


# The trail


def test_two_processes_never_fork_the_trail(ledger: Ledger, ledger_url: str) -> None:
    before = len(ledger.trail())
    for process in [Another(note, ledger_url, 60) for _ in range(2)]:
        process.finish()
    assert [it.seq for it in ledger.trail()] == list(range(1, before + 121))
    assert ledger.verify() is None


def test_the_database_itself_refuses_to_change_the_trail(ledger: Ledger, ledger_url: str) -> None:
    ledger.note(event())
    deeds = ["UPDATE trail SET actor = 'joe'", "DELETE FROM trail", "UPDATE trail SET detail = '{}' WHERE seq = 99"]
    for deed in deeds[: 2 if "sqlite" in ledger_url else 3] + ["TRUNCATE trail"] * ("sqlite" not in ledger_url):
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            raw(ledger_url, deed)
    assert ledger.verify() is None


_COLUMNS = "connection_id, at, actor, event, docket_id, number, previous_hash, hash"
TAMPERINGS = {
    "another actor": (4, ["UPDATE trail SET actor = 'joe' WHERE seq = 4"]),
    "another moment": (4, ["UPDATE trail SET at = '2026-03-14 12:00:01' WHERE seq = 4"]),
    "another event": (4, ["UPDATE trail SET event = 'test.undone' WHERE seq = 4"]),
    "another docket": (4, ["UPDATE trail SET docket_id = 1 WHERE seq = 4"]),
    "another number": (4, ["UPDATE trail SET number = 'STI1' WHERE seq = 4"]),
    "another detail": (4, ["""UPDATE trail SET detail = '{"i":7}' WHERE seq = 4"""]),
    "a detail beside the detail": (4, ["""UPDATE trail SET detail = '{"i":7,"i":3}' WHERE seq = 4"""]),
    "a detail that is none": (4, ["UPDATE trail SET detail = 'oops' WHERE seq = 4"]),
    "another hash": (4, ["UPDATE trail SET hash = previous_hash WHERE seq = 4"]),
    "one removed": (4, ["DELETE FROM trail WHERE seq = 4"]),
    "the first removed": (1, ["DELETE FROM trail WHERE seq = 1"]),
    "the last removed": (6, ["DELETE FROM trail WHERE seq = 6"]),
    "all removed": (1, ["DELETE FROM trail"]),
    "one removed and the gap closed": (
        4,
        ["DELETE FROM trail WHERE seq = 4", *(f"UPDATE trail SET seq = {i} - 1 WHERE seq = {i}" for i in (5, 6))],
    ),
    "one put in at the end": (
        7,
        [f"INSERT INTO trail ({_COLUMNS}, seq, detail) SELECT {_COLUMNS}, 7, detail FROM trail WHERE seq = 6"],
    ),
    "one put in between": (
        5,
        [
            *(f"UPDATE trail SET seq = {i} + 1 WHERE seq = {i}" for i in (6, 5)),
            f"INSERT INTO trail ({_COLUMNS}, seq, detail) SELECT {_COLUMNS}, 5, detail FROM trail WHERE seq = 4",
        ],
    ),
    "two exchanged": (
        3,
        [f"UPDATE trail SET seq = {b} WHERE seq = {a}" for a, b in ((3, 99), (4, 3), (99, 4))],
    ),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_every_tampering_with_the_trail_is_found(tampering: str, ledger: Ledger, ledger_url: str) -> None:
    """Somebody who drops the triggers first and changes one thing; the chain names the place."""
    for i in range(5):
        ledger.note(event(i=i, amount=Decimal("1.10"), at=NOON, none=None))
    assert ledger.verify() is None
    if "sqlite" in ledger_url:
        raw(ledger_url, "DROP TRIGGER trail_no_update", "DROP TRIGGER trail_no_delete")
    else:
        raw(ledger_url, "ALTER TABLE trail DISABLE TRIGGER USER")
    place, deeds = TAMPERINGS[tampering]
    raw(ledger_url, *deeds)
    assert ledger.verify() == place


def test_a_moment_that_is_none_is_found(tmp_path: Path) -> None:
    """Only SQLite would take it."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = a_ledger(url)
    ledger.note(event())
    raw(url, "DROP TRIGGER trail_no_update", "UPDATE trail SET at = 'yesterday' WHERE seq = 2")
    assert ledger.verify() == 2


# The lease


def test_one_run_at_a_time_holds_a_tenant(ledger: Ledger, ledger_url: str) -> None:
    """Over connections too: the tenant's rate limit and its feeds are shared."""
    first = ledger.hold("tenant 1", seconds=3600)
    assert first is not None
    assert a_ledger(ledger_url, "south").hold("tenant 1", seconds=3600) is None
    assert ledger.hold("tenant 2", seconds=3600) is not None
    first.renew()
    first.release()
    second = ledger.hold("tenant 1", seconds=3600)
    assert second is not None
    assert second.fence > first.fence
    first.release()
    assert ledger.hold("tenant 1", seconds=3600) is None, "a late release frees nothing of another's"


def test_a_run_that_lost_its_lease_stores_nothing_more(ledger: Ledger) -> None:
    """It slept past its lease and another run took over: none of its writes, nor a renewal, goes through."""
    sleeper = ledger.hold("tenant 1", seconds=0)
    assert sleeper is not None
    bound = ledger.with_lease(sleeper)
    docket = swept(bound)
    record = planned(bound, docket)
    other = ledger.hold("tenant 1", seconds=3600)
    assert other is not None
    before = ledger.trail()
    for write in (
        lambda: bound.record([a_claim(record)]),
        lambda: bound.take_page(INVOICE, b"x", "9", [a_reading(9)]),
        lambda: bound.note(event()),
        lambda: bound.start_run(dry=False),
        sleeper.renew,
    ):
        with pytest.raises(Interrupted) as what:
            write()
        assert interrupted(what) == "run.lease_lost"
    assert ledger.trail() == before
    assert ledger.with_lease(other).record([a_claim(record)]) == [True]


def test_a_released_lease_fences_too(ledger: Ledger) -> None:
    lease = ledger.hold("tenant 1", seconds=3600)
    assert lease is not None
    lease.release()
    with pytest.raises(Interrupted) as what:
        ledger.with_lease(lease).note(event())
    assert interrupted(what) == "run.lease_lost"


# The database


def test_migrating_twice_or_in_two_processes_is_migrating_once(ledger_url: str) -> None:
    for process in [Another(migrate, ledger_url) for _ in range(3)]:
        process.finish()
    database = Database(ledger_url)
    database.migrate()
    assert database.connections("maria").all() == []


def test_the_migrated_tables_are_those_of_the_code(ledger_url: str) -> None:
    database = Database(ledger_url)
    database.migrate()
    with database.reading() as sql:
        assert compare_metadata(MigrationContext.configure(sql), metadata) == []
    config = Config()
    config.set_main_option("script_location", str(Path(store.__path__[0]) / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_commit_survives_a_power_cut(ledger_url: str) -> None:
    """As far as a setting can say: SQLite in WAL with FULL, PostgreSQL with synchronous_commit."""
    database = Database(ledger_url)
    with database.reading() as sql:
        if "sqlite" in ledger_url:
            asked = {name: sql.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")}
            assert asked == {"journal_mode": "wal", "synchronous": 2}
            assert sql.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        else:
            assert sql.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_ledger_of_a_newer_version_is_left_alone(ledger: Ledger, ledger_url: str) -> None:
    raw(ledger_url, "UPDATE alembic_version SET version_num = '9999'")
    database = Database(ledger_url)
    for open_it in (database.migrate, lambda: database.ledger("north", "maria")):
        with pytest.raises(Interrupted) as what:
            open_it()
        assert interrupted(what) == "store.newer"


def test_a_database_without_tables_says_so(ledger_url: str) -> None:
    with pytest.raises(Interrupted) as what:
        Database(ledger_url).ledger("north", "maria")
    assert interrupted(what) == "store.not_prepared"


def test_a_locked_ledger_says_so(ledger: Ledger, ledger_url: str) -> None:
    """Another program sits on it; the writer gives up after its patience, and has stored nothing."""
    impatient = Database(ledger_url, patience=0.2).ledger("north", "maria")
    holder = Database(ledger_url)
    with holder.writing() as sql:
        sql.execute(sa.text("UPDATE trail_heads SET seq = seq"))
        with pytest.raises(Interrupted) as what:
            impatient.note(event())
    assert interrupted(what) == "store.locked"
    impatient.note(event())
    assert ledger.verify() is None


def test_a_process_suspended_in_mid_transaction_blocks_nobody_for_ever(postgresql: postgres.Server) -> None:
    """Its machine falls asleep while it holds the trail: the server cuts it off, and it finds that out when it wakes."""
    url = postgresql.create_database(f"asleep_{uuid.uuid4().hex[:8]}")
    ledger = a_ledger(url)
    slow = Another(write_slowly, url, 0.5)
    assert slow.hear() == "locked"
    slow.stop()
    ledger.note(event())
    slow.go_on()
    assert slow.finish() == ["store.cut_off", None]
    assert ledger.verify() is None


def test_a_connection_asks_the_server_to_notice_a_client_that_vanished(postgresql: postgres.Server) -> None:
    database = Database(postgresql.url("postgres"))
    with database.reading() as sql:
        asked = {
            name: sql.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("tcp_keepalives_idle", "tcp_keepalives_count", "idle_in_transaction_session_timeout")
        }
    database.close()
    assert asked == {
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_count": "3",
        "idle_in_transaction_session_timeout": "1min",
    }


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/ledger.sqlite", "postgresql://me:secret@127.0.0.1:1/none"])
def test_a_database_that_cannot_be_opened_says_so_without_its_password(url: str) -> None:
    with pytest.raises(Interrupted) as what:
        Database(url).migrate()
    assert interrupted(what) == "store.unreachable"
    assert "secret" not in str(what.value.finding)


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("Dear diary, " * 1000)
    with pytest.raises(Interrupted) as what:
        Database(f"sqlite:///{tmp_path / 'ledger.sqlite'}").migrate()
    assert interrupted(what) == "store.damaged"


# Records come back as they were written


WORDS = st.text(max_size=12)
MOMENTS = st.datetimes(timezones=st.just(UTC))
FINDINGS = st.tuples() | st.tuples(st.builds(Finding, WORDS, WORDS, WORDS, WORDS, st.booleans()))
STAGES: st.SearchStrategy[Stage] = st.one_of(
    st.just(Planned()),
    st.builds(Approved, WORDS),
    st.builds(InDoubt, MOMENTS, st.integers(1, 99), WORDS, WORDS),
    st.builds(Deferred, WORDS),
    st.builds(Held, FINDINGS),
    st.builds(Entered, WORDS),
    st.builds(Posted, WORDS, WORDS),
    st.builds(Gone, WORDS, MOMENTS),
    st.builds(ClosedByHand, WORDS, WORDS),
)
DOCKET_STAGES: st.SearchStrategy[DocketStage] = st.one_of(
    st.just(Opened()),
    st.just(HasDocuments()),
    st.builds(HeldBeforePlan, FINDINGS),
    st.builds(Skipped, WORDS, WORDS),
    st.builds(Waiting, WORDS),
    st.builds(Superseded, st.integers(1, 99)),
)


def test_every_stage_has_a_word_of_its_own() -> None:
    assert set(forms.STAGES.values()) == set(Stage.__args__)
    assert set(forms.DOCKET_STAGES.values()) == set(DocketStage.__args__)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """One ledger for many examples."""
    return a_ledger(f"sqlite:///{tmp_path_factory.mktemp('lasting') / 'ledger.sqlite'}")


PLAN_STAGES = STAGES.filter(lambda stage: isinstance(stage, Planned | Approved | Held))


@given(PLAN_STAGES, DOCKET_STAGES, st.integers(-(10**15), 10**15), st.dates(), st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_records_come_back_as_they_were_written(
    lasting: Ledger, stage: Stage, docket_stage: DocketStage, cents: int, day: date, number: str
) -> None:
    """Any stage with any words in it, any amount, day and number: what is read equals what was stored."""
    amount = Money.of_minor(cents, Currency.USD)
    source_id = int(lasting.cursor(BILL) or "0") + 1
    docket = swept(lasting, replace(a_reading(source_id), amount=amount, date=day, number=number), kind=BILL)
    assert (docket.amount, docket.date, docket.number) == (amount, day, number.replace("\0", ""))
    document = a_document(f"STB{source_id}", amount=f"{source_id}.05")
    lasting.record([a_plan(docket, document, stage=stage), Decide(docket.id, docket_stage, event(stage=docket_stage))])
    found = lasting.docket(docket.id)
    assert (found.stage, found.documents[0].stage, found.documents[0].document) == (docket_stage, stage, document)


@given(STAGES, DOCKET_STAGES)
@settings(max_examples=200, deadline=None)
def test_a_stage_is_its_word_and_its_detail(stage: Stage, docket_stage: DocketStage) -> None:
    assert forms.stage(forms.name_of(type(stage)), forms.text(stage)) == stage
    assert forms.docket_stage(forms.name_of(type(docket_stage)), forms.text(docket_stage)) == docket_stage


def test_moments_are_kept_to_the_microsecond_in_utc(ledger_url: str) -> None:
    """Whatever zone they come in; one without a zone is refused."""
    local = datetime(2026, 3, 14, 23, 59, 59, 123456, timezone(timedelta(hours=-7)))
    docket = swept(a_ledger(ledger_url, now=lambda: local))
    assert docket.opened == local
    assert docket.opened.tzinfo is UTC
    with pytest.raises((ValueError, sa.exc.StatementError), match="no zone"):
        a_ledger(ledger_url, "south", now=lambda: local.replace(tzinfo=None))
