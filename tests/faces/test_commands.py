"""A month at the terminal, from the first command to the replay; each test goes on where the one before it ended."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ml_connector.runtime.trial import CLIENT_SECRET, Trial, trial, write_trial
from ml_connector.sandbox.company import GPCONNECT
from tests.faces.console import Console, Said


@dataclass(frozen=True, slots=True)
class Desk:
    trial: Trial
    console: Console
    connection: Path
    rulebook: Path

    def gp_documents(self) -> int:
        records = httpx2.get(f"{self.trial.company.url}/__sandbox/records").json()
        return sum(int(records[module]["by_service"]["count"]) for module in ("receivables", "payables"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with trial(invoices=60) as served:
        paths = write_trial(served, folder)
        yield Desk(served, Console(folder), paths["connection"], paths["rulebook"])


def test_a_credential_in_the_settings_is_refused_and_not_repeated(desk: Desk) -> None:
    """Somebody writes the password itself: the message says where, and does not say the password."""
    wrong = desk.console.folder / "wrong.toml"
    wrong.write_text(desk.connection.read_text().replace(f"file:{desk.console.folder}/secrets/gp-password", "Hunter2!"))
    said = desk.console("connection", "add", wrong, "--mode", "review")
    assert said.code == 1
    assert "gp.FRM.password: write a reference" in said.text
    assert "Hunter2!" not in said.text


def test_a_new_connection_is_in_review_mode_unless_somebody_says_otherwise(desk: Desk) -> None:
    said = desk.console("connection", "add", desk.connection)
    assert (said.code, "in review mode" in said.text) == (0, True)


def test_adding_a_connection_at_a_terminal_asks_for_the_mode(desk: Desk) -> None:
    said = desk.console.at_a_terminal("connection", "add", desk.connection, "--replace", typed="automatic\n")
    assert (said.code, "in automatic mode" in said.text) == (0, True)
    said = desk.console.at_a_terminal("connection", "add", desk.connection, "--replace", typed="\n")
    assert (said.code, "in review mode" in said.text) == (0, True)


def test_a_second_connection_of_the_same_name_is_refused(desk: Desk) -> None:
    said = desk.console("connection", "add", desk.connection, "--mode", "review")
    assert (said.code, "connection.exists" in said.text) == (1, True)


def test_the_settings_are_shown_without_a_credential(desk: Desk) -> None:
    said = desk.console("connection", "show", "trial")
    assert "file:" in said.out
    assert CLIENT_SECRET not in said.out
    assert GPCONNECT.password not in said.out


def test_a_run_without_a_rulebook_says_how_to_import_one(desk: Desk) -> None:
    said = desk.console("run", "trial")
    assert said.code == 1
    assert "ml-connector rulebook import trial" in said.text


def test_a_wrong_rulebook_is_refused_with_the_cell_and_what_to_write(desk: Desk) -> None:
    accounts = desk.rulebook / "accounts.csv"
    right = accounts.read_bytes()
    accounts.write_bytes(right.replace(b"discount", b"discont"))
    said = desk.console("rulebook", "import", "trial", desk.rulebook, "--reason", "typo")
    accounts.write_bytes(right)
    assert said.code == 1
    assert "row 7, column purpose" in said.text
    assert "write revenue, discount" in said.text
    assert desk.console("rulebook", "history", "trial", "--json").json == []


def test_the_rulebook_is_imported_and_comes_out_as_it_went_in(desk: Desk) -> None:
    assert desk.console("rulebook", "import", "trial", desk.rulebook, "--reason", "first").code == 0
    book = desk.console.folder / "out.xlsx"
    assert desk.console("rulebook", "export", "trial", book).code == 0
    said = desk.console("rulebook", "import", "trial", book, "--reason", "same", "--json")
    assert said.json["version"] == 1, "the same tables make no new version"


def test_the_check_reaches_both_systems(desk: Desk) -> None:
    """A line for each thing, under the name of its part; the doctor looks at the ledger too."""
    said = desk.console("connection", "check", "trial")
    assert said.code == 0, said.text
    assert "GP FRM\n" in said.out
    assert "  good    login  FRONTRANGE\\gpconnect is let in, by NTLM\n" in said.out
    whole = desk.console("doctor", "--json")
    assert whole.code == 0, whole.text
    parts = {line["part"] for line in whole.json}
    assert {"ledger", "trial: credentials", "trial: rulebook", "trial: ServiceTitan", "trial: GP FRM"} <= parts
    assert {line["mark"] for line in whole.json} == {"good", "note"}


def test_the_check_of_a_wrong_connection_ends_with_exit_code_one(desk: Desk) -> None:
    """The password is an old one: what is wrong, with its remedy; what was not tried, in one line and never as good."""
    secret = desk.console.folder / "secrets" / "gp-password"
    right = secret.read_text("utf-8")
    secret.write_text("Of-Last-Year", "utf-8")
    said = desk.console("connection", "check", "trial")
    told = desk.console("connection", "check", "trial", "--json")
    secret.write_text(right, "utf-8")
    assert (said.code, told.code) == (1, 1)
    assert "wrong login gp.credentials Dynamics GP" in said.text
    assert "Remedy: Ask your Windows administrator" in said.text
    assert said.text.count("skipped company, role, accounts,") == 1
    assert "Of-Last-Year" not in said.text
    wrong = [line for line in told.json if line["mark"] == "wrong"]
    assert [(line["part"], line["what"], line["finding"]["code"]) for line in wrong] == [
        ("GP FRM", "login", "gp.credentials")
    ]


def test_the_check_of_a_connection_that_is_not_there_says_so(desk: Desk) -> None:
    said = desk.console("connection", "check", "nobody")
    assert (said.code, "connection.unknown" in said.text) == (1, True)


def test_a_dry_run_enters_nothing(desk: Desk) -> None:
    said = desk.console("run", "trial", "--dry-run", "--json")
    assert said.json["run"]["would_enter"] > 50
    assert desk.gp_documents() == 0


def test_review_mode_stops_at_the_plan(desk: Desk) -> None:
    said = desk.console("run", "trial")
    assert said.code == 3
    assert "wait for approval" in said.text
    assert desk.gp_documents() == 0


def test_the_plan_is_shown_with_its_totals(desk: Desk) -> None:
    """Each document with what an approver wants to know, and the totals that she compares with her own."""
    told = desk.console("plan", "show", "trial", "--json").json
    lines = told["documents"]
    assert len(lines) > 100
    assert sum(it["count"] for it in told["totals"]) == len(lines)
    for total in told["totals"]:
        mine = [Decimal(it["amount"]["amount"]) for it in lines if it["kind"] == total["kind"]]
        assert sum(mine) == Decimal(total["total"]["amount"])
    one = next(it for it in lines if it["number"] == "STI10490")
    assert (one["party"], one["amount"]["amount"], one["posting_date"]) == ("SMITH001", "108.81", "2026-03-14")
    assert (one["rulebook_version"], len(one["hash"]), one["needs"]) == (1, 64, 1)
    assert [it["code"] for line in lines for it in line["warnings"]].count("customer.on_hold") >= 1
    shown = desk.console("plan", "show", "trial")
    assert f"--all --seen {told['seen']}" in shown.out
    assert "customer.on_hold" in shown.out


def test_a_document_of_the_plan_reads_as_an_accountant_writes(desk: Desk) -> None:
    said = desk.console("plan", "show", "trial", "STI10490")
    assert said.out.startswith("RECEIVABLES INVOICE STI10490\ncustomer SMITH001")
    assert "planned: it waits for approval" in said.out


def test_an_approval_says_what_was_looked_at(desk: Desk) -> None:
    """Without a terminal and without --seen nobody has looked; a word of another list is refused whole."""
    assert desk.console("plan", "approve", "trial", "--all").code == 2
    assert desk.console("plan", "approve", "trial", "--all", "--json").code == 2
    assert desk.console("plan", "approve", "trial", "--seen", "0123456789abcdef").code == 2, "which documents?"
    other = desk.console("plan", "show", "trial", "STI10490", "--json").json["seen"]
    refused = desk.console("plan", "approve", "trial", "--all", "--seen", other)
    assert (refused.code, "plan.changed" in refused.text, "Remedy:" in refused.text) == (1, True, True)
    unknown = desk.console("plan", "approve", "trial", "STI99999", "--seen", other)
    assert (unknown.code, "number.unknown" in unknown.text) == (1, True)


def test_one_document_is_approved_and_that_one_is_entered(desk: Desk) -> None:
    seen = desk.console("plan", "show", "trial", "STI10490", "--json").json["seen"]
    assert desk.console("plan", "approve", "trial", "STI10490", "--seen", seen, "--json").json["approved"] == 1
    assert desk.console("run", "trial", "--json").json["run"]["entered"] == desk.gp_documents() == 1
    again = desk.console("plan", "approve", "trial", "STI10490", "--seen", seen)
    assert (again.code, "plan.not_waiting" in again.text, "stands as entered" in again.text) == (1, True, True)


def test_at_a_terminal_the_plan_is_shown_and_asked_about(desk: Desk) -> None:
    """A no approves nothing; a yes approves what is on the screen."""
    said = desk.console.at_a_terminal("plan", "approve", "trial", "STI10491", typed="n\n")
    assert (said.code, "Approve this document?" in said.text, "Nothing was approved" in said.text) == (1, True, True)
    said = desk.console.at_a_terminal("plan", "approve", "trial", "STI10491", typed="y\n")
    assert (said.code, "1 approved" in said.text) == (0, True)


def test_a_rejected_document_is_held_with_the_reason_until_it_is_replayed(desk: Desk) -> None:
    """Also one that was approved already."""
    assert desk.console("plan", "reject", "trial", "STI10491").code == 2, "a reason is asked for"
    assert desk.console("plan", "reject", "trial", "STI10491", "--reason", "billed twice").code == 0
    assert "rejected it: billed twice" in desk.console("holds", "trial", "--code", "plan.rejected").text
    entered = desk.console("plan", "reject", "trial", "STI10490", "--reason", "too late")
    assert (entered.code, "plan.not_waiting" in entered.text) == (1, True)
    assert desk.console("replay", "trial", "STI10491").code == 3
    assert [it["number"] for it in _waiting(desk)].count("STI10491") == 1


def test_what_is_approved_is_entered(desk: Desk) -> None:
    before = desk.gp_documents()
    result = _approve_all(desk)
    assert (result["approved"], result["changed"]) == (len(result["asked"]), [])
    said = desk.console("run", "trial", "--json")
    assert said.json["run"]["entered"] == desk.gp_documents() - before > 50
    assert desk.console("plan", "show", "trial").out == "Nothing of trial waits for approval.\n"


def test_a_second_run_enters_nothing(desk: Desk) -> None:
    before = desk.gp_documents()
    said = desk.console("run", "trial", "--json")
    assert said.json["run"]["entered"] == 0
    assert desk.gp_documents() == before


def test_what_is_held_is_told_with_its_remedy(desk: Desk) -> None:
    held = desk.console("holds", "trial", "--json").json
    codes = {finding["code"] for it in held for finding in it["findings"]}
    assert len(codes) >= 8
    assert all(finding["remedy"].endswith(".") for it in held for finding in it["findings"])
    assert "Remedy:" in desk.console("holds", "trial", "--code", "account.unmapped").out


def test_a_mended_rulebook_and_a_replay_enter_what_it_concerned_and_nothing_else(desk: Desk) -> None:
    before = desk.gp_documents()
    _add_row(desk.rulebook / "accounts.csv", item_code="SMART-SETUP", main="4310")
    assert desk.console("rulebook", "import", "trial", desk.rulebook, "--reason", "smart home").code == 0
    said = desk.console("replay", "trial", "--code", "account.unmapped")
    assert "1 replayed: 0 entered, 0 still held, 1 wait for approval" in said.text
    assert _approve_all(desk)["approved"] == 1
    assert desk.console("run", "trial", "--json").json["run"]["entered"] == 1
    assert desk.gp_documents() == before + 1


def test_explain_of_an_entered_invoice_reads_as_an_accountant_writes(desk: Desk) -> None:
    said = desk.console("explain", "trial", "STI10490")
    lines = said.out.splitlines()
    assert lines[0].startswith("RECEIVABLES INVOICE STI10490                     batch STR")
    assert lines[1] == "customer SMITH001    document 2026-03-14    posting 2026-03-14    due 2026-03-14"
    assert "  000-1200-00   RECV         108.81                control account" in lines
    assert "                             108.81      108.81" in lines
    assert "document.entered" in said.out


def test_explain_of_a_held_invoice_says_why_and_what_to_do(desk: Desk) -> None:
    said = desk.console("explain", "trial", "10463")
    assert "held: account.inactive" in said.out
    assert "Remedy: In GP, clear Inactive on 300-4910-02" in said.out
    assert "evidence" in said.out


def test_a_document_can_be_accepted_skipped_and_found(desk: Desk) -> None:
    assert desk.console("accept", "trial", "STI10482", "--reason", "keyed by hand").code == 0
    assert desk.console("skip", "trial", "10462", "--reason", "free of charge").code == 0
    assert "skipped" in desk.console("show", "trial", "10462").out
    assert desk.console("skip", "trial", "10462").code == 2, "a reason is asked for"
    refused = desk.console("reenter", "trial", "STI10490", "--reason", "again")
    assert (refused.code, "release.refused" in refused.text) == (1, True)


def test_coverage_ranks_what_is_not_covered(desk: Desk) -> None:
    said = desk.console("rulebook", "coverage", "trial", "--json").json
    assert Decimal(said["covered"]["money"]["amount"]) < Decimal(said["whole"]["money"]["amount"])
    amounts = [Decimal(gap[0]["money"]["amount"]) for gap in said["gaps"]]
    assert amounts == sorted(amounts, reverse=True)


def test_the_trail_verifies_and_names_every_decision(desk: Desk) -> None:
    assert desk.console("trail", "trial", "--verify").code == 0
    names = {it["event"]["name"] for it in desk.console("trail", "trial", "--limit", "100000", "--json").json}
    assert {"sweep.page", "docket.planned", "document.claimed", "document.entered", "document.accepted"} <= names


def test_status_accounts_for_every_source(desk: Desk) -> None:
    endings = desk.console("status", "trial", "--json").json["endings"]
    assert sum(group["count"] for group in endings["invoice"].values()) == 60


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("run", "nobody"), "connection.unknown"),
        (("plan", "show", "installation"), "connection.unknown"),
        (("rulebook", "history", "installation"), "connection.unknown"),
        (("explain", "trial", "STI99999"), "number.unknown"),
        (("rulebook", "import", "trial", "missing.xlsx"), "workbook.unreadable"),
        (("connection", "add", "missing.toml"), "connection.wrong"),
    ],
)
def test_a_wrong_word_gets_a_finding_with_a_remedy(desk: Desk, words: tuple[str, ...], code: str) -> None:
    said = desk.console(*words)
    assert said.code == 1
    assert code in said.text
    assert "Remedy:" in said.text
    assert "Traceback" not in said.text


def test_no_credential_is_anywhere_in_what_the_product_wrote(desk: Desk) -> None:
    written = b"".join(it.read_bytes() for it in (desk.console.folder / "data").rglob("*") if it.is_file())
    for secret in (CLIENT_SECRET, GPCONNECT.password):
        assert secret.encode() not in written


def _waiting(desk: Desk) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = desk.console("plan", "show", "trial", "--json").json["documents"]
    return lines


def _approve_all(desk: Desk) -> dict[str, Any]:
    """What came of it, and what was asked for."""
    shown = desk.console("plan", "show", "trial", "--json").json
    said = desk.console("plan", "approve", "trial", "--all", "--seen", shown["seen"], "--json")
    assert said.code == 0, said.text
    return {**said.json, "asked": shown["documents"]}


def _add_row(path: Path, **cells: str) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    rows.append([cells.get(column, "") for column in rows[0]])
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)


def test_the_demo_ties_out_and_ends_with_one_json_line(tmp_path: Path) -> None:
    said: Said = Console(tmp_path)("demo", "--headless", "--json", "--dialect", "two")
    assert said.code == 0, said.text
    assert len(said.out.splitlines()) == 1
    told = said.json
    assert (told["difference"], told["in_doubt"]) == ("0.00", 0)
    assert told["invoices"]["count"] >= 400
    assert told["bills"]["count"] >= 80
    assert len(told["held"]["by_code"]) >= 8
    assert told["gp_calls_per_document"] < 1.2
