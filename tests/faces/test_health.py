"""Health and metrics, as a monitor sees them: over real HTTP, from a ledger that holds something."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from ml_connector.docket.records import Decide
from ml_connector.docket.stages import ClosedByHand, Held, HeldBeforePlan, InDoubt, Planned
from ml_connector.docket.trail import Event
from ml_connector.findings import Finding
from ml_connector.runtime import metrics
from ml_connector.runtime.pulse import Engine
from ml_connector.store.database import Database
from ml_connector.store.deliveries import Arrival, Deliveries
from ml_connector.store.figures import figures
from ml_connector.store.ledger import Ledger
from ml_connector.store.schema import schedules
from tests import postgres
from tests.contract.ledger_contract import (
    NOON,
    a_credit,
    a_document,
    a_ledger,
    a_plan,
    a_reading,
    entered,
    moved,
    planned,
    swept,
)
from tests.faces.web import KEY, Sender, add_connection, serving
from tests.house.reading import DOCS, cells, section

TOKEN = "nUe4Yx2pRb7Zk9Wm"
UNMAPPED = Finding("account.unmapped", "line 3", "No account for 'AC-TUNE'.", "Add a row to Accounts, then replay.")


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path) -> Ledger:
    """A connection `north` in which something stands in every way, and `south`, which was never run."""
    add_connection(ledger_url, tmp_path, "south", secrets=[])
    add_connection(ledger_url, tmp_path)
    return a_full_ledger(ledger_url)


def a_full_ledger(url: str) -> Ledger:
    at = [NOON - timedelta(days=3)]
    ledger = a_ledger(url, now=lambda: at[0])
    old = ledger.start_run(dry=False)
    ledger.end_run(old, "finished", {})
    entered(ledger, planned(ledger, swept(ledger, a_reading(1)), a_document("STI1", amount="10.00")))
    at[0] = NOON - timedelta(hours=5)
    credit = swept(ledger, a_reading(2))
    entered(ledger, planned(ledger, credit, a_credit("STD2", amount="2.50")))
    for number, stage in (("STI3", "doubt"), ("STI4", "held"), ("STI5", "planned")):
        docket = swept(ledger, a_reading(int(number[3:])))
        document = a_document(number, amount=f"{number[3:]}00.00")
        if stage == "planned":
            ledger.record([a_plan(docket, document, stage=Planned())])
            continue
        record = planned(ledger, docket, document)
        moved(ledger, record, InDoubt(at[0], 1, record.hash) if stage == "doubt" else Held((UNMAPPED,)))
    unplannable = swept(ledger, a_reading(6))
    ledger.record([Decide(unplannable.id, HeldBeforePlan((UNMAPPED,)), Event("docket.held", {}, unplannable.id))])
    swept(ledger, a_reading(7))
    at[0] = NOON - timedelta(hours=2)
    ledger.end_run(ledger.start_run(dry=False), "finished", {})
    ledger.end_run(ledger.start_run(dry=False), "interrupted: gp.unreachable", {})
    ledger.end_run(ledger.start_run(dry=True), "finished", {})
    at[0] = NOON - timedelta(minutes=5)
    ledger.start_run(dry=False)
    inbox = Deliveries(Database(url))
    connection_id = Database(url).connections("x").get("north").id
    inbox.take([Arrival(connection_id, b"a", NOON - timedelta(seconds=30)), Arrival(connection_id, b"b", NOON)])
    return ledger


def noon() -> datetime:
    return NOON


# Alive, ready


def test_a_process_with_a_good_ledger_is_live_and_ready(ledger_url: str, tmp_path: Path) -> None:
    add_connection(ledger_url, tmp_path)
    with serving(ledger_url) as http:
        assert http.get("/health/live").json() == {"status": "live"}
        assert http.get("/health/ready").json() == {"status": "ready"}
        assert http.get("/health/ready").headers["cache-control"] == "no-store"


def test_an_older_ledger_is_not_ready(tmp_path: Path) -> None:
    """Another version was installed and nothing has brought the tables up to date yet."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    add_connection(url, tmp_path)
    database = Database(url)
    with database.writing() as sql:
        sql.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with serving(url) as http:
        assert http.get("/health/ready").json() == {"status": "store.not_prepared"}
        with database.writing() as sql:
            sql.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        answer = http.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "store.newer"})
    database.close()


def test_a_process_whose_engine_has_stopped_is_live_and_not_ready(ledger_url: str, tmp_path: Path) -> None:
    add_connection(ledger_url, tmp_path)
    alive = [True]
    engine = Engine(lambda: alive[0], lambda: {"worker-1": 2.5})
    with serving(ledger_url, engine=engine) as http:
        assert http.get("/health/ready").status_code == 200
        alive[0] = False
        answer = http.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "engine.stopped"})
        assert http.get("/health/live").status_code == 200
        whole = http.get("/health")
        assert (whole.status_code, whole.json()["status"]) == (503, "wrong")
        assert whole.json()["engine"] == {"alive": False, "heartbeat_seconds": {"worker-1": 2.5}}
        assert whole.json()["finding"]["remedy"].endswith(".")
        assert 'ml_connector_worker_heartbeat_age_seconds{worker="worker-1"} 2.5' in http.get("/metrics").text


# How everything stands


def test_health_says_how_each_connection_stands(ledger_url: str, ledger: Ledger) -> None:
    with serving(ledger_url, now=noon) as http:
        told = http.get("/health").json()
    north, south = told["connections"]
    assert told["status"] == "good"
    assert told["ledger_bytes"] > 100_000
    assert north == {
        "name": "north",
        "last_success": "2026-03-14T10:00:00Z",
        "silence_seconds": 7200.0,
        "running_since": "2026-03-14T11:55:00Z",
        "next_run": None,
        "held": 2,
        "waiting_for_approval": 1,
        "in_doubt": 1,
        "in_doubt_since": "2026-03-14T07:00:00Z",
        "unposted": 2,
        "unposted_from": "2026-03-14",
        "webhooks": {"state": "open", "waiting": 2, "oldest": "2026-03-14T11:59:30Z", "findings": []},
    }
    assert (south["last_success"], south["silence_seconds"], south["webhooks"]["state"]) == (None, None, "off")


def test_metrics_say_the_same_as_the_ledger(ledger_url: str, ledger: Ledger) -> None:
    with serving(ledger_url, now=noon) as http:
        got = scraped(http)
    assert got["ml_connector_documents", "north", "North", "entered", "USD"] == 2
    assert got["ml_connector_documents_amount", "north", "North", "entered", "USD"] == 7.5, "a credit is negative"
    assert got["ml_connector_documents_amount", "north", "North", "in_doubt", "USD"] == 300
    assert got["ml_connector_dockets", "north", "held"] == 1
    assert got["ml_connector_dockets", "north", "opened"] == 1
    assert got["ml_connector_runs", "north", "finished", ""] == 2
    assert got["ml_connector_runs", "north", "interrupted", "gp.unreachable"] == 1
    assert got["ml_connector_runs", "north", "running", ""] == 1
    assert got["ml_connector_last_success_timestamp_seconds", "north"] == (NOON - timedelta(hours=2)).timestamp()
    assert (
        got["ml_connector_oldest_in_doubt_timestamp_seconds", "north", "North"]
        == (NOON - timedelta(hours=5)).timestamp()
    )
    assert (
        got["ml_connector_oldest_unposted_timestamp_seconds", "north", "North"]
        == datetime(2026, 3, 14, tzinfo=UTC).timestamp()
    )
    assert got["ml_connector_deliveries_waiting", "north"] == 2
    assert got["ml_connector_deliveries_waiting", "south"] == 0
    assert got["ml_connector_oldest_delivery_timestamp_seconds", "north"] == NOON.timestamp() - 30
    assert (got["ml_connector_running", "north"], got["ml_connector_running", "south"]) == (1, 0)
    assert got["ml_connector_ledger_up",] == 1
    assert not [key for key in got if key[0] == "ml_connector_last_success_timestamp_seconds" and key[1] == "south"]


def test_a_schedule_that_is_late_is_seen(ledger_url: str, ledger: Ledger) -> None:
    """Due ten minutes ago, another tomorrow, a third one paused: the first one counts."""
    database = Database(ledger_url)
    common = {"rule": "daily 06:00", "time_zone": "UTC", "catch_up": True, "quiet": "", "seen": "", "changed_by": "x"}
    connection_id = database.connections("x").get("north").id
    with database.writing() as sql:
        for name, minutes, paused in (("late", -10, False), ("tomorrow", 1440, False), ("paused", -1000, True)):
            at = NOON + timedelta(minutes=minutes)
            row = {"connection_id": connection_id, "name": name, "paused": paused, "next_at": at, "changed_at": NOON}
            sql.execute(sa.insert(schedules).values(**common, **row))
    with serving(ledger_url, now=noon) as http:
        assert scraped(http)["ml_connector_schedule_lag_seconds", "north"] == 600
        assert http.get("/health").json()["connections"][0]["next_run"] == "2026-03-14T11:50:00Z"
    database.close()


def test_documents_that_have_come_to_their_end_are_counted_apart(ledger_url: str, ledger: Ledger) -> None:
    before = figures(Database(ledger_url), NOON)
    record = planned(ledger, swept(ledger, a_reading(8)), a_document("STI8"))
    moved(ledger, record, ClosedByHand("maria", "keyed by hand"))
    after = figures(Database(ledger_url), NOON)
    assert after.connections[0].ended == {"closed_by_hand": 1}
    assert after.documents == before.documents


def test_metrics_of_a_ledger_that_is_away_say_so_and_go_on(postgresql: postgres.Server, tmp_path: Path) -> None:
    url = postgresql.create_database("away")
    add_connection(url, tmp_path)
    with serving(url) as http:
        assert scraped(http)["ml_connector_ledger_up",] == 1
        postgresql.drop_database("away")
        answer = http.get("/metrics")
        assert answer.status_code == 200
        assert scraped(http)["ml_connector_ledger_up",] == 0
        whole = http.get("/health")
        assert (whole.status_code, whole.json()["finding"]["code"]) == (503, "store.unreachable")


def test_webhooks_are_counted_by_their_answer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    name = "counted"
    add_connection(url, tmp_path, name)
    with serving(url) as http:
        sender = Sender(http, connection=name)
        before = scraped(http)
        assert [sender(b"1"), sender(b"2"), sender(b"3", signature="00" * 32), sender(b"x" * 300_000)] == [
            200,
            200,
            401,
            413,
        ]
        Sender(http, connection="no-such")(b"1")
        after = scraped(http)
    count = "ml_connector_delivery_duration_seconds_count"
    assert [after[count, it, name] for it in ("kept", "refused", "too_large")] == [2, 1, 1]
    assert after[count, "refused", ""] - before.get((count, "refused", ""), 0) == 1


def test_metrics_hold_for_prometheus_own_reader(ledger_url: str, ledger: Ledger) -> None:
    """Every family has a type and a help text, and its name says its unit."""
    with serving(ledger_url, now=noon) as http:
        answer = http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = list(text_string_to_metric_families(answer.text))
    assert len(families) > 12
    for family in families:
        assert family.name.startswith("ml_connector_")
        assert family.documentation.endswith(".")
        assert family.type in ("gauge", "histogram")


def test_every_metric_is_explained_with_its_labels(ledger_url: str, ledger: Ledger) -> None:
    """Who sees a figure finds it on the page, and the page names none that is not there."""
    metrics.hearing("any", "gp", "FRM")("200", 0.1)
    metrics.run_ended("any", "finished", 1)
    metrics.delivered("any", "kept", 0.1)
    rows = cells(section(DOCS / "operations.md", "## Metrics"))
    explained = {row[0]: {it.strip() for it in row[1].split(",") if it.strip()} for row in rows}
    explained["ml_connector_documents_amount"] = explained["ml_connector_documents"]
    with serving(ledger_url, now=noon, engine=Engine(lambda: True, lambda: {"worker-1": 1.0})) as http:
        families = list(text_string_to_metric_families(http.get("/metrics").text))
    assert {it.name for it in families} == set(explained)
    for family in families:
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == explained[family.name], family.name


# Who may look


def test_figures_are_for_who_has_the_token(ledger_url: str, ledger: Ledger) -> None:
    """With a token in the settings nobody gets in without it, not even from this machine."""
    with serving(ledger_url, token=TOKEN) as http:
        for path in ("/health", "/metrics"):
            for given in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \u00e9"):
                answer = http.get(path, headers={b"Authorization": given.encode("latin-1")} if given else {})
                assert (answer.status_code, answer.content) == (401, b""), given
            assert http.get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
            assert http.get(path, headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
        assert http.get("/health/ready").status_code == http.get("/health/live").status_code == 200


def test_without_a_token_figures_are_for_this_machine_alone(ledger_url: str, ledger: Ledger) -> None:
    """A proxy on this machine forwards the whole internet: what it says it forwards is refused."""
    with serving(ledger_url) as http:
        assert http.get("/metrics").status_code == 200
        for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
            assert http.get("/metrics", headers={name: "127.0.0.1"}).status_code == 401
            assert http.get("/health", headers={name: "203.0.113.7"}).status_code == 401


def test_no_figure_names_a_person_a_document_or_a_secret(ledger_url: str, ledger: Ledger) -> None:
    with serving(ledger_url, now=noon) as http:
        for path in ("/health", "/metrics", "/health/ready"):
            told = http.get(path).text
            for private in ("SMITH001", "STI1", "N-1", "maria", "AC-TUNE", KEY, "webhook-key", "env:"):
                assert private not in told, (path, private)


def scraped(http: httpx2.Client) -> dict[tuple[str, ...], float]:
    """Each figure by its name and the values of its labels, buckets left out."""
    answer = http.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, *_in_order(sample.labels)): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def _in_order(labels: dict[str, str]) -> list[str]:
    order = ("connection", "company", "stage", "outcome", "currency", "code", "worker", "version", "system")
    return [labels[it] for it in sorted(labels, key=lambda name: order.index(name) if name in order else -1)]
