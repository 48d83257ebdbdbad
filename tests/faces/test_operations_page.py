"""What docs/operations.md tells an administrator to type is typed here, as it stands on the page."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ml_connector.runtime.trial import trial, write_trial
from tests.faces.console import PROGRAM, Console
from tests.house.reading import DOCS, section

PAGE = DOCS / "operations.md"


def blocks(heading: str) -> list[str]:
    return re.findall(r"```\n(.*?)```", section(PAGE, heading), re.DOTALL)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Console]:
    """A connection denver with a month entered, and a sealed credential."""
    console = Console(tmp_path)
    with trial(invoices=30) as served:
        paths = write_trial(served, tmp_path)
        file = paths["connection"]
        file.write_text(file.read_text("utf-8").replace('name = "trial"', 'name = "denver"'), "utf-8")
        assert console("vault", "new-key").code == 0
        assert console("vault", "put", "gp-password", typed="Hunter2!\n").code == 0
        assert console("connection", "add", file, "--mode", "automatic").code == 0
        assert console("rulebook", "import", "denver", paths["rulebook"], "--reason", "first").code == 0
        assert console("run", "denver").code == 3
        yield console


def type_in(office: Console, text: str, **more: str) -> str:
    """Type the lines in a shell, until one fails; what they said."""
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "ML_CONNECTOR_DATA": str(office.folder / "data"), "COLUMNS": "200", **more}
    done = subprocess.run(
        ["bash", "-e", "-c", text], cwd=office.folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_drill_goes_through_as_it_stands(office: Console) -> None:
    """A backup is taken beside the service, restored elsewhere, and looked at; the ledger itself is left alone."""
    (drill,) = blocks("### A drill")
    before = office("status", "denver", "--json").json["endings"]
    said = type_in(office, drill)
    assert "The trail holds" in said
    assert re.search(r"good\s+gp-password", said)
    assert office("status", "denver", "--json").json["endings"] == before
    restored = office("status", "denver", "--json", extra={"ML_CONNECTOR_DATABASE": "sqlite:///drill.sqlite"})
    assert restored.json["endings"] == before


def test_a_ledger_moves_to_postgresql_as_the_page_says(office: Console, an_empty_ledger: Callable[[str], str]) -> None:
    """And the next run, there, enters nothing that was entered here."""
    (move,) = blocks("## From SQLite to PostgreSQL")
    before = office("status", "denver", "--json").json["endings"]
    url = an_empty_ledger("postgresql")
    type_in(office, "ml-connector backup move.zip")
    # The tests' server runs without fsync, and doctor rightly finds that wrong.
    said = type_in(
        office, move.replace("ml-connector doctor", "ml-connector doctor || true"), ML_CONNECTOR_DATABASE=url
    )
    assert "The trail holds" in said
    there = {"ML_CONNECTOR_DATABASE": url}
    assert office("status", "denver", "--json", extra=there).json["endings"] == before
    assert office("run", "denver", "--json", extra=there).json["run"]["entered"] == 0


def test_a_lost_master_key_costs_the_credentials_alone(office: Console) -> None:
    """The steps of the page: a new key, each credential typed again, and everything opens."""
    (office.folder / "data" / "master.key").unlink()
    assert office("vault", "check").code == 1
    names = [it["name"] for it in office("vault", "list", "--json").json]
    assert office("vault", "new-key").code == 0
    for name in names:
        assert office("vault", "put", name, typed="Hunter3!\n").code == 0
    assert office("vault", "check").code == 0
    assert office("trail", "denver", "--verify").code == 0


def test_a_backup_names_what_is_not_in_it(office: Console) -> None:
    """The key with how much it opens, and each file that settings refer to; never what they hold."""
    said = office("backup", "one.zip")
    assert said.code == 0
    assert f"the master key, which opens 1 sealed credential: file {office.folder}/data/master.key" in said.text
    assert f"connection denver: file {office.folder}/secrets/gp-password" in said.text
    told = office("backup", "two.zip", "--json").json
    assert len(told["not_in_it"]) == 6
    assert told["tables"]["documents"] > 20


def test_a_password_on_the_command_line_is_refused_and_not_repeated(office: Console) -> None:
    assert office("backup", "one.zip").code == 0
    said = office("restore", "one.zip", "--into", "postgresql://ledger:Hunter2@127.0.0.1/x")
    assert (said.code, "restore.password_shown" in said.text) == (1, True)
    assert "Hunter2" not in said.text
    assert office("restore", "one.zip", "--into", "no url").code == 2


def test_a_backup_that_runs_out_of_room_is_told_and_leaves_nothing(office: Console) -> None:
    """A limit on the size of files stands for the full disk."""
    if os.name != "posix":
        pytest.skip("the limit is a shell's")
    env = {**os.environ, "ML_CONNECTOR_DATA": str(office.folder / "data")}
    done = subprocess.run(
        ["bash", "-c", f'ulimit -f 64; exec "{PROGRAM}" backup full.zip'],
        cwd=office.folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "backup.unwritable" in done.stderr
    assert list(office.folder.glob("full.zip*")) == []


def test_retention_tells_what_it_would_erase_before_it_does(office: Console) -> None:
    said = office("retention", "denver")
    assert (said.code, "Everything is kept for ever" in said.text) == (0, True)
    file = next(office.folder.glob("*.toml"))
    with_runs = file.read_text("utf-8").replace(
        "[servicetitan]", "[retention]\nruns = 1\nevidence = 12\n\n[servicetitan]"
    )
    file.write_text(with_runs, "utf-8")
    assert office("connection", "add", file, "--mode", "automatic", "--replace").code == 0
    told = office("retention", "denver", "--dry-run", "--json").json
    assert (told["dry"], told["keeps"]["evidence"], told["evidence"]["count"]) == (True, 12, 0)
    assert "would be erased" in office("retention", "denver", "--dry-run").text
    wrong = file.read_text("utf-8").replace("runs = 1", "runs = -1")
    file.write_text(wrong, "utf-8")
    refused = office("connection", "add", file, "--mode", "automatic", "--replace")
    assert (refused.code, "retention.runs" in refused.text) == (1, True)
