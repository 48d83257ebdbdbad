"""The deliveries in the ledger, on SQLite and on PostgreSQL: counted once, waiting until a run was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from ml_connector.findings import Interrupted
from ml_connector.store.database import Database
from ml_connector.store.deliveries import REDELIVERY, Arrival, Deliveries, Waiting
from ml_connector.store.schema import deliveries
from tests.contract.another_process import Another, deliver
from tests.contract.ledger_contract import NOON

NORTH, SOUTH = 1, 2


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    """Two connections."""
    opened = Database(ledger_url)
    opened.migrate()
    for name in ("north", "south"):
        opened.connections("setup").add(name, {})
    yield opened
    opened.close()


@pytest.fixture
def inbox(database: Database) -> Deliveries:
    return Deliveries(database)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def arrivals(*bodies: str, connection: int = NORTH, seconds: float = 0) -> list[Arrival]:
    return [Arrival(connection, body.encode(), at(seconds)) for body in bodies]


def test_each_connection_waits_with_its_oldest_and_its_newest(inbox: Deliveries) -> None:
    assert inbox.waiting() == []
    assert inbox.take([*arrivals("a"), *arrivals("a", connection=SOUTH, seconds=1), *arrivals("b", seconds=2)]) == 3
    north, south = inbox.waiting()
    assert north == Waiting("north", 2, at(0), at(2), north.up_to_id)
    assert south == Waiting("south", 1, at(1), at(1), south.up_to_id)


def test_a_run_answers_what_it_was_asked_for_and_nothing_later(inbox: Deliveries) -> None:
    """One more comes between the question and the answer: it waits for a run of its own."""
    inbox.take(arrivals("a", "b"))
    (asked,) = inbox.waiting()
    inbox.take(arrivals("c", seconds=5))
    assert inbox.answered([asked], at(6)) == 2
    (left,) = inbox.waiting()
    assert (left.count, left.oldest) == (1, at(5))
    assert inbox.answered([asked], at(7)) == 0, "a second time there is nothing to answer"
    assert inbox.answered([replace(left, connection="south")], at(7)) == 0, "another connection's are not answered"
    assert inbox.answered([replace(left, connection="nobody")], at(7)) == 0


def test_the_runs_of_several_connections_are_marked_at_once(inbox: Deliveries) -> None:
    inbox.take([*arrivals("a"), *arrivals("b", "c", connection=SOUTH)])
    assert inbox.answered(inbox.waiting(), at(1)) == 3
    assert inbox.waiting() == []


def test_twins_in_one_commit_are_one_delivery(inbox: Deliveries, database: Database) -> None:
    assert inbox.take(arrivals("a", "a", "b", "a")) == 2
    assert inbox.take(arrivals("a", seconds=30)) == 0
    assert [(row.times, row.received_at) for row in rows(database)] == [(4, at(0)), (1, at(0))]


def test_bytes_that_come_again_long_after_they_were_answered_wake_us_once_more(inbox: Deliveries) -> None:
    """Before the end of ServiceTitan's redeliveries they are the same webhook; after it they are news."""
    inbox.take(arrivals("a"))
    (first,) = inbox.waiting()
    inbox.answered([first], at(1))
    just_before = REDELIVERY.total_seconds() - 1
    assert inbox.take(arrivals("a", seconds=just_before)) == 0
    assert inbox.waiting() == []
    assert inbox.take(arrivals("a", seconds=just_before + 1)) == 1
    (again,) = inbox.waiting()
    assert (again.count, again.oldest) == (1, at(just_before + 1))


def test_a_delivery_woken_again_is_not_answered_by_an_older_question(inbox: Deliveries) -> None:
    """The engine asked; then bytes of last week came again; then it answers: these still wait."""
    inbox.take(arrivals("a"))
    (first,) = inbox.waiting()
    inbox.answered([first], at(1))
    inbox.take(arrivals("b", seconds=2))
    (asked,) = inbox.waiting()
    inbox.take(arrivals("a", seconds=1e6))
    inbox.answered([asked], at(1e6))
    (left,) = inbox.waiting()
    assert (left.count, left.oldest) == (1, at(1e6))


def test_what_still_waits_is_the_same_however_late_it_comes_again(inbox: Deliveries) -> None:
    """The engine was away for a day: the first arrival counts, so that the run is not put off."""
    inbox.take(arrivals("a"))
    assert inbox.take(arrivals("a", seconds=86_400)) == 0
    (waiting,) = inbox.waiting()
    assert (waiting.count, waiting.oldest, waiting.newest) == (1, at(0), at(0))


def test_only_what_was_answered_long_ago_is_forgotten(inbox: Deliveries, database: Database) -> None:
    """Two thousand of last month go, more than one chunk; what waits stays, however old."""
    inbox.take(arrivals(*(str(n) for n in range(1200)), seconds=-1e6))
    (old,) = inbox.waiting()
    inbox.answered([old], at(-1e6))
    inbox.take(arrivals("waits", seconds=-2e6))
    inbox.take(arrivals("new"))
    inbox.answered([replace(old, up_to_id=old.up_to_id + 2)], at(1))
    inbox.take(arrivals("waits too", seconds=-3e6))
    assert inbox.forget(at(0)) == 1200
    assert inbox.forget(at(0)) == 0
    assert len(rows(database)) == 3
    assert [it.count for it in inbox.waiting()] == [1]


def test_all_or_nothing_is_kept(inbox: Deliveries, database: Database) -> None:
    """One of the batch belongs to a connection that is not there: none of it is kept, so none is answered."""
    with pytest.raises(ValueError, match="no connection"):
        inbox.take([*arrivals("a"), *arrivals("b", connection=99)])
    assert rows(database) == []


def test_the_body_is_kept_as_it_came(inbox: Deliveries, database: Database) -> None:
    body = b"\x00\xff not even JSON"
    inbox.take([Arrival(NORTH, body, NOON)])
    assert inbox.body(rows(database)[0].id) == body


def test_processes_that_take_the_same_webhook_make_one_row(ledger_url: str, database: Database) -> None:
    """Three web servers behind one address: each redelivery may come to another one."""
    bodies = [str(n) for n in range(40)]
    others = [Another(deliver, ledger_url, bodies) for _ in range(3)]
    for other in others:
        other.finish()
    assert [row.times for row in rows(database)] == [3] * 40


def test_no_delivery_slips_through_between_question_and_answer(ledger_url: str, database: Database) -> None:
    """Webhooks pour in from several threads while the engine asks and answers: each is seen waiting exactly once."""
    inbox = Deliveries(database)
    seen = 0
    with ThreadPoolExecutor(4) as people:
        pouring = [people.submit(inbox.take, arrivals(f"{n}.{i}")) for n in range(4) for i in range(50)]
        while not all(it.done() for it in pouring) or inbox.waiting():
            for it in inbox.waiting():
                assert inbox.answered([it], NOON) == it.count
                seen += it.count
    assert seen == 200


def test_an_unreachable_ledger_says_so(database: Database) -> None:
    with pytest.raises(Interrupted) as what:
        Deliveries(Database("sqlite:////nowhere/at/all.sqlite")).take(arrivals("a"))
    assert what.value.finding.code == "store.unreachable"


def rows(database: Database) -> list[sa.Row[int, int, datetime]]:
    columns = (deliveries.c.id, deliveries.c.times, deliveries.c.received_at)
    with database.reading() as sql:
        return list(sql.execute(sa.select(*columns).order_by(deliveries.c.id)).all())
