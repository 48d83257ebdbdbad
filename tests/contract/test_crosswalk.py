"""The crosswalk in the ledger, on both databases: who is whom, and that nobody is bound twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ml_connector.findings import Finding, Interrupted
from ml_connector.parties.matching import Bucket
from ml_connector.parties.party import Party, Role
from ml_connector.parties.records import Claim, How, Pair, Proposed, Ranked
from ml_connector.store.crosswalk import FIELD, Crosswalk
from ml_connector.store.database import Database

MARIA = Party(Role.CUSTOMER, "5500101", "María Smith", phones=("3035550142",))
SMITH = Party(Role.CUSTOMER, "SMITH001", "MARIA SMITH")
PAIR = Pair(Role.CUSTOMER, "FRM", "5500101", "SMITH001")
AWAY = Finding("customer.refused", "customer 5500101", "GP says no", "Look in GP.")


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    opened = Database(ledger_url)
    opened.migrate()
    opened.connections("test").add("denver", {})
    yield opened
    opened.close()


@pytest.fixture
def crosswalk(database: Database) -> Crosswalk:
    return database.ledger("denver", "anna").crosswalk()


def events(database: Database) -> list[str]:
    return [it.event.name for it in database.ledger("denver", "test").trail()]


def bind(crosswalk: Crosswalk, pair: Pair = PAIR, how: How = How.CONFIRMED) -> bool:
    return crosswalk.bind(pair, how, "anna", MARIA, SMITH, {"score": 100})


def test_what_a_side_shows_is_kept_with_how_far_it_was_read(crosswalk: Crosswalk) -> None:
    """Read again it is no news; edited it is; and the place moves with it."""
    assert crosswalk.take(FIELD, [MARIA], "customers", "token 1") == 1
    assert crosswalk.take(FIELD, [MARIA], "customers", "token 2") == 0
    assert crosswalk.take(FIELD, [replace(MARIA, name="Maria Gonzalez")], "customers", "token 3") == 1
    assert crosswalk.place("customers") == "token 3"
    assert crosswalk.place("vendors") is None
    assert crosswalk.parties(Role.CUSTOMER, FIELD)["5500101"].name == "Maria Gonzalez"
    assert crosswalk.parties(Role.CUSTOMER, "FRM") == {}
    assert crosswalk.parties(Role.CUSTOMER, FIELD, ["1"]) == {}


def test_a_thousand_parties_are_taken_at_once(crosswalk: Crosswalk) -> None:
    """More than a statement may have values."""
    many = [replace(MARIA, id=str(id)) for id in range(1, 1201)]
    assert crosswalk.take(FIELD, many, "customers", "1") == 1200
    assert crosswalk.take(FIELD, many, "customers", "1") == 0
    assert len(crosswalk.parties(Role.CUSTOMER, FIELD, [it.id for it in many])) == 1200


def test_two_are_bound_and_the_trail_says_by_whom(crosswalk: Crosswalk, database: Database) -> None:
    """The binding keeps what both showed."""
    assert bind(crosswalk)
    (binding,) = crosswalk.bindings(Role.CUSTOMER, "FRM")
    assert (binding.pair, binding.how, binding.by) == (PAIR, How.CONFIRMED, "anna")
    assert (binding.in_field, binding.in_books) == (MARIA, SMITH)
    assert events(database)[-1] == "party.bound"
    assert crosswalk.bindings(Role.VENDOR) == []


def test_nobody_is_bound_twice(crosswalk: Crosswalk) -> None:
    """Neither ServiceTitan's customer to two, nor two of them to one in GP, but for a merge."""
    assert bind(crosswalk)
    assert not bind(crosswalk, replace(PAIR, gp_id="SMITH002"))
    with pytest.raises(Interrupted) as stop:
        bind(crosswalk, replace(PAIR, field_id="5500102"))
    assert stop.value.finding.code == "party.taken"
    assert bind(crosswalk, replace(PAIR, field_id="5500102"), How.MERGED)
    assert bind(crosswalk, replace(PAIR, company="OTHER"))


def test_of_two_who_bind_at_once_one_wins(database: Database) -> None:
    """Two people confirm two proposals for one customer in the same moment."""
    won: list[bool] = []

    def confirm(gp_id: str) -> None:
        won.append(bind(database.ledger("denver", gp_id).crosswalk(), replace(PAIR, gp_id=gp_id)))

    threads = [threading.Thread(target=confirm, args=(f"SMITH{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]
    assert len(database.ledger("denver", "test").crosswalk().bindings()) == 1


def test_a_binding_can_be_undone_and_made_anew(crosswalk: Crosswalk, database: Database) -> None:
    """Undone with a no, the two are not proposed again."""
    bind(crosswalk)
    (binding,) = crosswalk.bindings()
    assert crosswalk.unbind(binding, "wrong Smith", refuse=True)
    assert not crosswalk.unbind(binding, "wrong Smith", refuse=True)
    assert crosswalk.bindings() == []
    assert [it.refused for it in crosswalk.proposals()] == [frozenset({"SMITH001"})]
    assert bind(crosswalk, replace(PAIR, gp_id="SMITH002"))
    assert events(database)[-2:] == ["party.unbound", "party.bound"]


def test_new_proposals_take_the_place_of_the_old_and_a_no_stays_a_no(crosswalk: Crosswalk) -> None:
    """What nobody proposes any more is gone; what a person refused is remembered."""
    one = Proposed(Role.CUSTOMER, "FRM", "1", Bucket.LIKELY, (Ranked("A", 80, ("the same name",)),))
    other = replace(one, field_id="2")
    crosswalk.propose(Role.CUSTOMER, "FRM", [one, other])
    crosswalk.refuse(Pair(Role.CUSTOMER, "FRM", "1", "A"))
    crosswalk.propose(Role.CUSTOMER, "FRM", [one])
    crosswalk.propose(Role.VENDOR, "FRM", [])
    assert crosswalk.proposals(Role.CUSTOMER) == [replace(one, refused=frozenset({"A"}))]
    crosswalk.propose(Role.CUSTOMER, "FRM", [])
    assert [(it.field_id, it.bucket, it.refused) for it in crosswalk.proposals()] == [
        ("1", Bucket.NONE, frozenset({"A"}))
    ]


def test_a_binding_settles_what_was_proposed(crosswalk: Crosswalk) -> None:
    """A person confirmed it: it is not shown again."""
    crosswalk.propose(Role.CUSTOMER, "FRM", [Proposed(Role.CUSTOMER, "FRM", "5500101", Bucket.LIKELY)])
    bind(crosswalk)
    assert crosswalk.proposals() == []


def test_what_the_two_show_is_kept_when_they_are_made_equal_and_a_conflict_until_then(crosswalk: Crosswalk) -> None:
    """Held with what a person decides; then settled."""
    bind(crosswalk)
    (binding,) = crosswalk.bindings()
    assert crosswalk.hold(binding, AWAY)
    (held,) = crosswalk.bindings()
    assert held.conflict == AWAY
    renamed = replace(MARIA, name="Maria Gonzalez")
    assert crosswalk.made_equal(held, renamed, SMITH, {"to_gp": ["name"]})
    (equal,) = crosswalk.bindings()
    assert (equal.conflict, equal.in_field) == (None, renamed)


def test_a_creation_is_claimed_before_it_is_sent_and_ended_after(crosswalk: Crosswalk, database: Database) -> None:
    """In doubt between the two; held where GP refuses."""
    wanted = Claim(Role.CUSTOMER, "FRM", "5500101", "SMITHMAR-39VZ1", "hash", 1, datetime(2026, 3, 1, tzinfo=UTC))
    made = crosswalk.claim(wanted)
    assert crosswalk.claims(Role.CUSTOMER, "FRM") == [made]
    assert made.since > wanted.since
    again = crosswalk.claim(replace(made, attempt=2))
    crosswalk.end(again, AWAY)
    assert [(it.attempt, it.finding) for it in crosswalk.claims(Role.CUSTOMER, "FRM")] == [(2, AWAY)]
    crosswalk.end(again)
    assert crosswalk.claims(Role.CUSTOMER, "FRM") == []
    assert events(database)[-3:] == ["party.claimed", "party.claimed", "party.held"]
