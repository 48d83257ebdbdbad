"""Schedules at the terminal, and a posted batch that is seen over real HTTP and entered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2
import pytest

from ml_connector.cli.demo import prepare
from ml_connector.runtime import schedules
from ml_connector.runtime.run import run
from ml_connector.runtime.schedules import Asked, ask_due, look_for_batch
from ml_connector.runtime.trial import trial, write_trial
from ml_connector.store.schedules import Terms
from tests.faces.console import Console


@dataclass(frozen=True, slots=True)
class Desk:
    console: Console
    connection: Path


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A connection that is never reached: schedules need no wire."""
    folder = tmp_path_factory.mktemp("desk")
    with trial(invoices=30) as served:
        yield Desk(Console(folder), write_trial(served, folder)["connection"])


def test_a_new_connection_has_no_schedule_and_says_how_to_get_one(desk: Desk) -> None:
    said = desk.console("connection", "add", desk.connection, "--mode", "review")
    assert said.code == 0
    assert "It has no schedule" in said.text
    assert "'ml-connector schedule add trial nightly daily 01:30'" in said.text
    assert "No schedule yet" in desk.console("schedule", "list").text


def test_a_schedule_runs_by_the_clock_of_the_connection(desk: Desk) -> None:
    """Nobody has to name a time zone: the connection has one."""
    said = desk.console("schedule", "add", "trial", "nightly", "daily", "1:30", "--json")
    assert said.code == 0, said.text
    made = said.json
    assert (made["rule"], made["time_zone"], made["catch_up"]) == ("daily 01:30", "America/Denver", True)
    shown = [datetime.fromisoformat(it) for it in made["next"]]
    assert len(shown) == 5
    assert {f"{it:%H:%M}" for it in shown} == {"01:30"}
    now = datetime.now(UTC)
    assert now < shown[0] < now + timedelta(days=2)


def test_the_list_shows_the_next_five_runs_of_each_in_its_own_zone(desk: Desk) -> None:
    words = ("weekly mon,thu 06:00", "--time-zone", "America/New_York", "--quiet", "22:00-05:00", "--no-catch-up")
    assert desk.console("schedule", "add", "trial", "office", *words).code == 0
    assert desk.console("schedule", "add", "trial", "batches", "after each posted batch").code == 0
    said = desk.console("schedule", "list", "trial")
    assert said.out.count(" 01:30 M") == 5
    assert said.out.count(" 06:00 E") == 5
    assert said.out.count(", a look") == 5
    office = next(it for it in desk.console("schedule", "list", "--json").json if it["name"] == "office")
    zone = ZoneInfo("America/New_York")
    for shown in map(datetime.fromisoformat, office["next"]):
        assert shown.utcoffset() == shown.astimezone(zone).utcoffset()
        assert shown.weekday() in (0, 3)


def test_what_is_wrong_is_told_with_a_remedy_and_changes_nothing(desk: Desk) -> None:
    """Every fault of a line at once, exit code 1, and the schedules are as they were."""
    before = desk.console("schedule", "list", "--json").out
    for words, codes in (
        (("add", "trial", "Two", "dayly", "6", "--time-zone", "Mars"), ["name", "rule", "time_zone"]),
        (("add", "trial", "nightly", "daily", "02:00"), ["exists"]),
        (("change", "trial", "nightly", "--quiet", "night"), ["quiet"]),
        (("now", "trial", "morning"), ["unknown"]),
    ):
        answer = desk.console("schedule", *words)
        assert answer.code == 1, words
        assert re.findall(r"^schedule\.(\w+)  ", answer.err, re.MULTILINE) == codes
        assert answer.err.count("Remedy:") == len(codes)
    assert desk.console("schedule", "list", "--json").out == before


def test_a_change_leaves_what_is_not_named(desk: Desk) -> None:
    said = desk.console("schedule", "change", "trial", "office", "--rule", "every 2 hours", "--json")
    assert (said.json["rule"], said.json["quiet"], said.json["catch_up"]) == ("every 2 hours", "22:00-05:00", False)
    said = desk.console("schedule", "change", "trial", "office", "--quiet", "none", "--catch-up", "--json")
    assert (said.json["rule"], said.json["quiet"], said.json["catch_up"]) == ("every 2 hours", "", True)


def test_pausing_and_resuming_and_asking_and_removing(desk: Desk) -> None:
    assert desk.console("schedule", "pause", "trial", "office", "--json").json["next"] == []
    assert "paused" in desk.console("schedule", "show", "trial", "office").text
    assert "is asked for" in desk.console("schedule", "now", "trial", "office").text
    assert len(desk.console("schedule", "show", "trial", "office", "--json").json["next"]) == 1
    assert len(desk.console("schedule", "resume", "trial", "office", "--json").json["next"]) == 5
    assert "is gone" in desk.console("schedule", "remove", "trial", "office").text
    names = [it["name"] for it in desk.console("schedule", "list", "--json").json]
    assert names == ["batches", "nightly"]
    trail = desk.console("trail", "trial", "--json", "--limit", "1000").json
    events = [it["event"]["name"] for it in trail if it["event"]["name"].startswith("schedule.")]
    assert events[-5:] == [f"schedule.{it}" for it in ("changed", "paused", "asked", "resumed", "removed")]
    assert {it["actor"] for it in trail} != {""}


def test_a_batch_that_the_office_posts_is_seen_and_entered(tmp_path: Path) -> None:
    """From the office's click, over two looks, to the documents in GP."""
    runs: list[Asked] = []
    looks: list[Asked] = []
    now = datetime(2026, 4, 1, 12, tzinfo=UTC)
    with trial(invoices=60) as served:
        wired = prepare(served, tmp_path)
        rows = wired.database.schedules("worker", lambda: now)
        schedules.add(rows, "trial", "batches", Terms("after each posted batch", "America/Denver", True), now)

        def look() -> int:
            nonlocal now
            before = len(runs)
            now += timedelta(minutes=5)
            ask_due(rows, now, runs.append, looks.append)
            look_for_batch(wired.field_service, rows, looks[-1], now, runs.append)
            return len(runs) - before

        def entered() -> int:
            run(wired, lambda *_: None)
            records = httpx2.get(f"{served.company.url}/__sandbox/records").json()
            return int(records["receivables"]["by_service"]["count"])

        assert [look(), look(), look()] == [0, 1, 0]
        before = entered()
        posted = httpx2.post(f"{served.shop.url}/__sandbox/post_pending", json={}).json()["ids"]
        assert len(posted) > 5
        assert [look(), look(), look()] == [0, 1, 0]
        assert entered() == before + len(posted)
        wired.close()
