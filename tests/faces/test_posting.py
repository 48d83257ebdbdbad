"""An approver asks GP to post, at the terminal; each test goes on where the one before it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from ml_connector.runtime.trial import Trial, trial, write_trial
from ml_connector.store.database import Database
from tests.faces.console import Console

ACTION = '[post]\npath = "PostingServices/System/Batches({source};{batch})"\n'


@dataclass
class Desk:
    trial: Trial
    console: Console
    settings: Path
    batches: dict[str, str] = field(default_factory=dict)  # R and P

    def change(self, old: str, new: str) -> None:
        text = self.settings.read_text("utf-8")
        assert old in text
        self.settings.write_text(text.replace(old, new), "utf-8")
        assert self.console("connection", "add", self.settings, "--replace").code == 0

    def asked(self) -> int:
        """How often GP was asked to post."""
        return int(httpx2.get(f"{self.trial.company.url}/__sandbox/stats").json()["calls"].get("POST Batches", 0))

    def at_gp(self, deed: str, **how: object) -> None:
        httpx2.post(f"{self.trial.company.url}/__sandbox/{deed}", json=how).raise_for_status()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A month of twenty invoices and their bills, entered and not posted."""
    folder = tmp_path_factory.mktemp("posting")
    with trial(invoices=20) as served:
        paths = write_trial(served, folder, "automatic")
        console = Console(folder)
        (folder / "own.toml").write_text(f'based_on = "default"\n{ACTION}', "utf-8")
        assert console("connection", "add", paths["connection"]).code == 0
        assert console("rulebook", "import", "trial", paths["rulebook"], "--reason", "first").code == 0
        told = console("run", "trial", "--json").json
        batches = {it["batch_id"][2]: it["batch_id"] for it in told["status"]["unposted"]}
        yield Desk(served, console, paths["connection"], batches)


def test_posting_is_refused_until_the_connection_allows_it(desk: Desk) -> None:
    """Nothing posts unless somebody switched it on."""
    said = desk.console("post", "trial", desk.batches["R"], "--reason", "March")
    assert (said.code, "posting.not_allowed" in said.text) == (1, True)
    desk.change("pause = 2.0", "pause = 2.0\nallow_posting = true")


def test_posting_is_refused_where_the_site_has_no_action(desk: Desk) -> None:
    """As shipped, no map names one."""
    said = desk.console("post", "trial", desk.batches["R"], "--reason", "March")
    assert (said.code, "posting.no_action" in said.text) == (1, True)
    desk.change('service_map = "default"', f'service_map = "{(desk.console.folder / "own.toml").as_posix()}"')


def test_a_batch_of_somebody_else_is_refused(desk: Desk) -> None:
    said = desk.console("post", "trial", "BYHAND", "--reason", "March", "--json")
    assert (said.code, said.json["error"]["code"]) == (1, "posting.not_ours")
    assert desk.console("post", "trial", desk.batches["R"]).code == 2, "a reason is asked for"


def test_a_run_that_goes_on_is_not_disturbed(desk: Desk) -> None:
    """It could be filling the very batch."""
    database = Database(f"sqlite:///{desk.console.folder / 'data' / 'ledger.sqlite'}")
    lease = database.ledger("trial", "another run").hold("servicetitan-4201", 60)
    assert lease is not None
    said = desk.console("post", "trial", desk.batches["R"], "--reason", "March")
    lease.release()
    database.close()
    assert (said.code, "run.busy" in said.text) == (1, True)


def test_a_strangers_document_in_the_batch_stops_it(desk: Desk) -> None:
    """Somebody keyed one into our batch; when it is gone, the batch is ours again."""
    stranger = {"kind": "receivables-invoice", "number": "HAND1"}
    desk.at_gp("enter_by_hand", **stranger, party="JONES001", amount="5.00", date="2026-03-20", batch=desk.batches["R"])
    said = desk.console("post", "trial", desk.batches["R"], "--reason", "March")
    assert said.code == 1
    assert "batch.differs" in said.text
    assert "foreign HAND1" in said.text
    assert desk.asked() == 0
    desk.at_gp("delete", **stranger)


def test_a_lost_answer_is_told_and_the_second_call_only_looks(desk: Desk) -> None:
    """GP posted, and the connection broke: the look says so at once, and GP is asked once whatever one types."""
    desk.at_gp("faults", fault="answer-lost-after", method="POST", path="Batches")
    said = desk.console("post", "trial", desk.batches["P"], "--reason", "bills of March", "--json")
    assert said.code == 0, said.text
    assert said.json["posted"] == said.json["documents"] > 5
    again = desk.console("post", "trial", desk.batches["P"], "--reason", "again")
    assert again.code == 0
    assert "is not asked again" in again.text
    assert desk.asked() == 1


def test_what_gp_cannot_post_is_left_and_named(desk: Desk) -> None:
    """The period was closed in GP meanwhile: nothing of it was posted, and a person is needed."""
    desk.at_gp("close_period", year=2026, period=3, series=["Sales"])
    said = desk.console("post", "trial", desk.batches["R"], "--reason", "March is reviewed")
    assert said.code == 3, said.text
    assert "posting.incomplete" in said.text
    assert "Remedy: In GP, look whether the batch is being posted" in said.text
    desk.at_gp("open_period", year=2026, period=3, series=["Sales"])
    desk.at_gp("post_batch", batch=desk.batches["R"])
    said = desk.console("post", "trial", desk.batches["R"], "--reason", "a look")
    assert said.code == 0
    assert "GP shows all of them as posted" in said.text
    assert desk.asked() == 2


def test_the_trail_tells_who_asked_why_and_what_came_of_it(desk: Desk) -> None:
    """The request stands before the answer; posted documents say what GP shows, not that we asked."""
    entries = desk.console("trail", "trial", "--number", desk.batches["P"], "--json").json
    assert [it["event"]["name"] for it in entries] == ["batch.posting_asked", "batch.posting_in_doubt"]
    assert entries[0]["event"]["detail"]["why"] == "bills of March"
    status = desk.console("status", "trial", "--json").json
    assert status["unposted"] == []
    assert desk.console("trail", "trial", "--verify").code == 0
