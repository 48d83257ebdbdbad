"""Approvers, runs and replays at one document, on SQLite and on PostgreSQL: none is entered with less than it needs."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_connector.books import canonical
from ml_connector.docket.people import Person
from ml_connector.docket.records import DocketRecord, DocumentRecord, Plan
from ml_connector.docket.review import Policy, pin
from ml_connector.docket.stages import Approved, InDoubt, Planned
from ml_connector.docket.trail import Event
from ml_connector.findings import Interrupted
from ml_connector.pipeline.review import Approval, Approving, reject, waiting
from ml_connector.store import forms
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from tests.contract.ledger_contract import NOON, a_claim, a_document, a_ledger, a_reading, swept, usd

LARGE = Policy(second_above=usd("100.00"))  # every document here is of more
SMALL = Policy()
PEOPLE = ("maria", "bob", "eve")
_fresh = itertools.count(1)


def as_(ledger_url: str, who: str) -> Ledger:
    return Database(ledger_url).ledger("north", who, lambda: NOON)


def plan(docket: DocketRecord, amount: str = "108.25", version: int = 1) -> Plan:
    document = a_document(f"STI{docket.source_id}", amount=amount)
    return Plan(docket.id, ((document, canonical.digest(document), Planned()),), version, Event("docket.planned", {}))


def approve(ledger: Ledger, records: list[DocumentRecord], policy: Policy) -> Approval:
    """By the person whose ledger it is, of what they saw."""
    return Approving(ledger, Person(ledger.actor), policy, {}).approve([pin(it) for it in records], [records])


def people_behind(ledger: Ledger, it: DocumentRecord) -> set[str]:
    """Who, by the trail, approved this document as it is now planned: this hash, by this version of the rulebook."""
    people: dict[str, tuple[object, object]] = {}
    for entry in ledger.trail(docket_id=it.docket_id, limit=100_000):
        match entry.event.name:
            case "docket.planned" | "document.rejected":
                people.clear()
            case "document.approved" | "document.first_approval":
                people[entry.actor] = entry.event.detail["hash"], entry.event.detail["rulebook"]
    assert set(people.values()) <= {(it.hash, it.rulebook_version)}
    return set(people)


@pytest.fixture
def ledgers(ledger_url: str) -> dict[str, Ledger]:
    """Everybody's own connection to one ledger."""
    a_ledger(ledger_url)
    return {who: as_(ledger_url, who) for who in (*PEOPLE, "run")}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("look"), st.sampled_from((*PEOPLE, "run"))),
        st.tuples(st.sampled_from(["approve", "reject"]), st.sampled_from(PEOPLE)),
        st.tuples(st.just("claim"), st.just("run")),
        st.tuples(st.just("plan"), st.sampled_from([("108.25", 1), ("108.25", 2), ("109.00", 2)])),
    ),
    min_size=4,
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, policy=st.sampled_from([LARGE, SMALL]))
def test_in_whatever_order_they_come_none_is_sent_with_less_than_it_needs(
    ledgers: dict[str, Ledger], steps: list[tuple[str, object]], policy: Policy
) -> None:
    """Everybody acts on what they last looked at, however old that is, and each deed is one transaction."""
    run = ledgers["run"]
    docket = swept(run, a_reading(next(_fresh)))
    assert run.record([plan(docket)]) == [True]
    sight: dict[str, DocumentRecord] = {who: run.docket(docket.id).documents[0] for who in ledgers}
    for deed, who in steps:
        now = run.docket(docket.id).documents[0]
        match deed, who:
            case "look", str():
                sight[who] = now
            case "approve", str() if isinstance(sight[who].stage, Planned):
                result = approve(ledgers[who], [sight[who]], policy)
                assert not result.changed or pin(now) != pin(sight[who]) or not isinstance(now.stage, Planned)
            case "reject", str():
                with suppress(Interrupted):  # it came too late
                    reject(sight[who], Person(who), "no", ledgers[who])
            case "claim", str() if isinstance(sight[who].stage, Approved):
                run.record([a_claim(sight[who])])
            case "plan", (str(amount), int(version)):
                run.record([plan(docket, amount, version)])
        (it,) = run.docket(docket.id).documents
        behind = people_behind(run, it) if isinstance(it.stage, Approved | InDoubt | Planned) else set()
        match it.stage:
            case Approved(by, first):
                assert behind >= {by, *filter(None, [first])}
                assert len(behind) >= (2 if policy is LARGE else 1)
            case InDoubt(hash=sent):
                assert sent == it.hash
                assert len(behind) >= (2 if policy is LARGE else 1)
            case Planned(first=first):
                assert behind == {*filter(None, [first])}


def test_what_a_ledger_held_before_there_were_two_approvers_is_read() -> None:
    """A document that waited, or was approved, when the new version was installed."""
    assert forms.stage("planned", "{}") == Planned()
    assert forms.stage("approved", '{"by":"maria"}') == Approved("maria")


def at_once(*deeds: Callable[[], object], over: threading.Event | None = None) -> None:
    """Each in a thread of its own, none earlier than the others; what one raises ends the others, and this raises it."""
    ready, faults = threading.Barrier(len(deeds)), []

    def do(deed: Callable[[], object]) -> None:
        ready.wait()
        try:
            deed()
        except BaseException as fault:
            faults.append(fault)
            if over:
                over.set()

    threads = [threading.Thread(target=do, args=(deed,)) for deed in deeds]
    for it in threads:
        it.start()
    for it in threads:
        it.join()
    if faults:
        raise faults[0]


def many(ledger: Ledger, count: int) -> list[DocketRecord]:
    dockets = [swept(ledger, a_reading(n)) for n in range(1, count + 1)]
    assert all(ledger.record([plan(it) for it in dockets]))
    return dockets


def test_two_approvers_at_once_are_two_and_nobodys_approval_is_lost(ledgers: dict[str, Ledger]) -> None:
    """Whoever comes second in the database is the second approver, and not refused."""
    many(ledgers["run"], 40)
    (records,) = waiting(ledgers["run"])
    results: dict[str, Approval] = {}

    def by(who: str) -> Callable[[], None]:
        def deed() -> None:
            results[who] = sum_of([approve(ledgers[who], [it], LARGE) for it in records])

        return deed

    at_once(by("maria"), by("bob"))
    assert sum(it.first for it in results.values()) == 40
    assert sum(it.approved for it in results.values()) == 40
    assert [it.changed for it in results.values()] == [[], []]
    approved = ledgers["run"].documents((Approved,), 100)
    assert len(approved) == 40
    assert all(people_behind(ledgers["run"], it) == {"maria", "bob"} for it in approved)


def test_the_same_person_twice_at_once_is_one_person(ledgers: dict[str, Ledger], ledger_url: str) -> None:
    """Two windows, one approver: no document gets further than waiting for another."""
    many(ledgers["run"], 30)
    (records,) = waiting(ledgers["run"])
    windows = [as_(ledger_url, "maria") for _ in range(2)]
    at_once(*(partial(approve, it, list(records), LARGE) for it in windows))
    assert {it.stage for it in ledgers["run"].documents((Planned,), 100)} == {Planned(first="maria")}


def test_approvers_a_run_and_replays_at_once_send_nothing_that_lacks_an_approval(ledgers: dict[str, Ledger]) -> None:
    """Two approve what they see, one plans anew by other rulebooks, one claims whatever is approved, until all is sent."""
    run = ledgers["run"]
    dockets = many(run, 30)
    over, passes = threading.Event(), threading.Semaphore(0)

    def keep_approving(who: str) -> None:
        while not over.is_set():
            for records in waiting(ledgers[who]):
                approve(ledgers[who], list(records), LARGE)
            passes.release()

    def plan_anew() -> None:
        for version in range(2, 12):
            passes.acquire(timeout=60)
            changes = [plan(it, "108.25" if version % 2 else f"{100 + version}.00", version) for it in dockets]
            for change in changes[version % 3 :: 3]:
                ledgers["eve"].record([change])

    def claim() -> None:
        while not over.is_set() and len(run.documents((InDoubt,), 100)) < len(dockets):
            for it in run.documents((Approved,), 100):
                run.record([a_claim(it)])
        over.set()

    at_once(partial(keep_approving, "maria"), partial(keep_approving, "bob"), plan_anew, claim, over=over)
    sent = run.documents((InDoubt,), 100)
    assert len(sent) == 30
    for it in sent:
        assert people_behind(run, it) == {"maria", "bob"}
        assert it.stage == InDoubt(NOON, 1, it.hash)
    assert run.verify() is None


def sum_of(results: list[Approval]) -> Approval:
    whole = Approval()
    for it in results:
        whole.approved += it.approved
        whole.first += it.first
        whole.waiting += it.waiting
        whole.changed += it.changed
    return whole
