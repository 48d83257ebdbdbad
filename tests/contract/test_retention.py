"""Retention on both databases: how much, in which steps, and what is left of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from ml_connector.docket.records import Decide
from ml_connector.docket.stages import Opened, Posted, Skipped
from ml_connector.docket.trail import Event
from ml_connector.runtime.retention import months_before, retain, retain_daily
from ml_connector.runtime.settings import Retention
from ml_connector.store import retention, schema
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger
from tests.contract.another_process import Another, erase
from tests.contract.ledger_contract import NOON, a_document, a_ledger, a_reading, entered, moved, planned, swept
from tests.contract.settings import a_definition

NOW = NOON + timedelta(days=500)
YEAR = Retention(evidence=12)
ERASED = "evidence.erased_by_retention"


@pytest.fixture
def ledger(ledger_url: str) -> Ledger:
    return a_ledger(ledger_url)


def quiet(step: str, done: int, of: int | None) -> None:
    """Nobody looks on."""


def many(ledger: Ledger, count: int) -> None:
    """So many old answers that belong to no docket."""
    rows = [
        {"connection_id": 1, "sha256": f"{n:064x}", "body": b"x" * 10, "raw_size": 1000, "kept_at": NOON}
        for n in range(count)
    ]
    with ledger._database.writing() as sql:
        sql.execute(sa.insert(schema.evidence), rows)


def events(ledger: Ledger, name: str = ERASED) -> list[dict[str, object]]:
    return [dict(it.event.detail) for it in ledger.trail(limit=10**6) if it.event.name == name]


def posted(ledger: Ledger, n: int, at: datetime = NOON) -> str:
    """A posted invoice with a page, a request and an answer of its own; the hash of the page."""
    docket = swept(ledger, a_reading(n))
    moved(ledger, entered(ledger, planned(ledger, docket, a_document(f"STI{n}"))), Posted("STR260314-01", "RMSLS1"))
    return docket.page


def test_what_is_erased_is_counted_in_the_trail_chunk_by_chunk(ledger: Ledger) -> None:
    many(ledger, 2500)
    done = retain(ledger, YEAR, NOW)
    assert (done.evidence.count, done.evidence.size) == (2500, 2_500_000)
    assert [it["count"] for it in events(ledger)] == [1000, 1000, 500]
    assert sum(int(str(it["size"])) for it in events(ledger)) == 2_500_000
    assert ledger.verify() is None
    assert retain(ledger, YEAR, NOW).evidence.count == 0, "a second time there is nothing"
    assert len(events(ledger)) == 3


def test_a_dry_run_counts_the_same_and_erases_nothing(ledger: Ledger) -> None:
    many(ledger, 1200)
    page = posted(ledger, 1)
    before = ledger.trail(limit=10_000)
    counted = retain(ledger, Retention(evidence=12, runs=12), NOW, dry=True)
    assert ledger.trail(limit=10_000) == before
    assert ledger.evidence(page)
    assert counted == retain(ledger, Retention(evidence=12, runs=12), NOW)


def test_what_is_younger_than_the_setting_stays(ledger: Ledger) -> None:
    page = posted(ledger, 1)
    assert retain(ledger, YEAR, NOON + timedelta(days=365)).evidence.count == 0, "on the very day"
    assert retain(ledger, YEAR, NOON + timedelta(days=366)).evidence.count == 1
    assert ledger.is_erased(page)


def test_what_was_posted_lately_stays_however_old_it_is(ledger_url: str) -> None:
    """It was read long ago, and GP posted it a week ago: whoever closes that month may still look at it."""
    now = NOON
    ledger = a_ledger(ledger_url, now=lambda: now)
    record = entered(ledger, planned(ledger, swept(ledger)))
    now = NOW - timedelta(days=7)
    moved(ledger, record, Posted("STR260314-01", "RMSLS1"))
    assert retain(ledger, YEAR, NOW).evidence.count == 0


def test_what_the_trail_of_an_open_docket_names_stays(ledger: Ledger) -> None:
    """Its request and its answer are needed to settle what became of it."""
    docket = swept(ledger)
    record = planned(ledger, docket)
    sha = ledger.keep(b"what was sent")
    entered(ledger, record)
    ledger.note(Event("document.in_doubt", {"request": sha}, docket.id, record.document.number))
    assert retain(ledger, YEAR, NOW).evidence.count == 0
    assert ledger.evidence(sha) == b"what was sent"


def test_a_docket_that_is_opened_while_retention_works_keeps_its_page(ledger: Ledger) -> None:
    """Somebody replays it between the look and the erasure: the page is spared."""
    pages = {n: posted(ledger, n) for n in (1, 2)}
    many(ledger, 1100)  # a chunk before theirs
    docket = next(it for it in ledger.newest_versions() if it.source_id == 2)

    def open_it(step: str, done: int, of: int | None) -> None:
        ledger.record([Decide(docket.id, Opened(), Event("docket.replayed", {}))])

    ledger.erase_evidence(months_before(NOW, 12), False, open_it)
    assert ledger.is_erased(pages[1])
    assert not ledger.is_erased(pages[2])


def test_two_retentions_at_once_and_a_killed_one_erase_each_answer_once(ledger: Ledger, ledger_url: str) -> None:
    many(ledger, 4000)
    killed = Another(erase, ledger_url, NOW)
    killed.hear()
    killed.kill()
    others = [Another(erase, ledger_url, NOW) for _ in range(2)]
    for other in others:
        other.finish()
    assert sum(int(str(it["count"])) for it in events(ledger)) == 4000
    assert ledger.verify() is None


def test_nothing_of_an_erased_answer_is_left_in_the_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    """SQLite overwrites what it gives up; neither the file nor its write-ahead log has it any more."""
    folder = tmp_path_factory.mktemp("erased")
    ledger = a_ledger(f"sqlite:///{folder}/ledger.sqlite")
    name = b"Smith, Margaret, 12 Elm Street " * 3
    sha = ledger.keep(name)
    with ledger._database.reading() as sql:
        body = sql.execute(sa.select(schema.evidence.c.body).where(schema.evidence.c.sha256 == sha)).scalar_one()
    assert body is not None
    assert _is_in_a_file(body, folder.glob) is True
    retain(ledger, YEAR, NOW)
    ledger._database.settle()
    assert _is_in_a_file(body, folder.glob) is False


def _is_in_a_file(body: bytes, glob: Callable[[str], object]) -> bool:
    return any(body in path.read_bytes() for path in glob("ledger.sqlite*"))  # type: ignore[attr-defined]


def test_old_runs_go_and_those_that_are_still_asked_for_stay(ledger: Ledger) -> None:
    """Those with a batch, the newest dry run, the newest that finished, and the one that is going on."""
    dry = [ledger.start_run(dry=True) for _ in range(2)]
    for run in dry:
        ledger.end_run(run, "finished", {})
    with_batch, last, failed, *more = (ledger.start_run(dry=False) for _ in range(6))
    with ledger._database.writing() as sql:
        sql.execute(sa.insert(schema.batches), [_a_batch(with_batch)])
    for run in (with_batch, last):
        ledger.end_run(run, "finished", {})
    for run in (failed, *more[:-1]):
        ledger.end_run(run, "interrupted: gp.unreachable", {})
    done = retain(ledger, Retention(runs=12), NOW)
    assert sorted(it.id for it in ledger.runs(99)) == [dry[1], with_batch, last, more[-1]]
    assert done.rows == {"runs": 4}
    assert [it["count"] for it in events(ledger, "rows.erased_by_retention")] == [4]
    assert ledger.has_run(dry=True, outcome="finished")


def _a_batch(run: int) -> dict[str, object]:
    row = {"connection_id": 1, "run_id": run, "company": "North", "receivables": True, "year": 2026, "period": 3}
    return row | {"batch_id": "STR260314-01", "day": NOON.date(), "serial": 1, "opened_at": NOON}


def test_alerts_go_when_they_have_cleared(ledger: Ledger) -> None:
    def alert(cleared: datetime | None) -> dict[str, object]:
        row = {"connection_id": 1, "code": "a.b", "subject": "", "finding": "{}", "raised_at": NOON, "seen_at": NOON}
        return row | {"cleared_at": cleared, "told_at": NOON, "attempts": 1}

    with ledger._database.writing() as sql:
        sql.execute(sa.insert(schema.alerts), [alert(NOON), alert(None), alert(NOW)])
    assert retain(ledger, Retention(alerts=12), NOW).rows == {"alerts": 1}
    with ledger._database.reading() as sql:
        assert sql.execute(sa.select(sa.func.count()).select_from(schema.alerts)).scalar_one() == 2


def test_a_service_retains_once_a_day_as_each_connection_says(ledger_url: str) -> None:
    """Two workers ask; one of them does it. The connection whose settings are wrong keeps no other from it."""
    ledgers = [a_ledger(ledger_url, name) for name in ("east", "north", "south")]
    database = Database(ledger_url)
    connections = database.connections("setup")
    connections.change("east", {"name": "east"})
    connections.change("north", a_definition("north", retention={"evidence": 12}))
    connections.change("south", a_definition("south"))
    for ledger in ledgers:
        docket = swept(ledger, a_reading(1))
        ledger.record([Decide(docket.id, Skipped("document.zero", ""), Event("docket.skipped", {}))])
    told = [retain_daily(Database(ledger_url), worker, lambda: NOW) for worker in ("one", "two")]
    assert [{name: it.evidence.count for name, it in one.items()} for one in told] == [{"north": 1, "south": 0}, {}]
    assert [it.actor for it in ledgers[1].trail() if it.event.name == ERASED] == ["retention"]


@pytest.mark.parametrize(
    ("months", "day"),
    [(1, "2026-02-28"), (12, "2025-03-31"), (13, "2025-02-28"), (25, "2024-02-29"), (3, "2025-12-31")],
)
def test_a_month_ends_on_its_last_day(months: int, day: str) -> None:
    assert months_before(datetime(2026, 3, 31, 5, tzinfo=UTC), months).isoformat() == f"{day}T05:00:00+00:00"


def test_every_table_that_rows_are_deleted_of_has_a_setting() -> None:
    assert {"evidence", *retention.ROWS} == set(Retention.__struct_fields__)
