"""The doctor of a company that is reached over SBA and the web services at once: each way by itself, then the company."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_connector.runtime import settings as form
from ml_connector.runtime.doctor.examination import Doctor
from ml_connector.runtime.doctor.lines import Line, Mark
from ml_connector.runtime.trial import Trial, trial, write_trial
from ml_connector.sandbox.company import Company, SoapApplication
from ml_connector.sandbox.serving import Server
from ml_connector.store.database import Database
from ml_connector.workbook.reading import read as read_workbook
from tests.contract.practice import findings, marks

WEB, SBA = "GP FRM over the web services", "GP FRM over SBA"


@pytest.fixture
def served() -> Iterator[Trial]:
    with trial("mixed", invoices=5) as ready:
        yield ready


def examined(served: Trial, folder: Path, soap: str = "") -> list[Line]:
    """The doctor's lines; the web services at another address, where one is given."""
    paths = write_trial(served, folder, "automatic")
    assert served.web_services is not None
    text = paths["connection"].read_text("utf-8").replace(served.web_services.url, soap or served.web_services.url)
    paths["connection"].write_text(text, "utf-8")
    database = Database(f"sqlite:///{folder / 'ledger.sqlite'}")
    database.migrate()
    database.connections("maria").add("trial", form.to_values(form.from_toml(paths["connection"])))
    tables = read_workbook(paths["rulebook"])
    assert not isinstance(tables, tuple)
    database.ledger("trial", "maria").add_rulebook(tables, "maria", "the sample")
    lines = list(Doctor(database, "maria", folder=folder / "contracts").connection("trial"))
    database.close()
    return lines


def test_each_way_is_walked_and_then_the_company_is_looked_at(served: Trial, tmp_path: Path) -> None:
    """Every line says over which transport, and only what the town itself has closed is not good."""
    lines = examined(served, tmp_path)
    wanted = {
        *(f"{way}: {what}" for way in (SBA, WEB) for what in ("host name", "login", "role", "company")),
        *(f"{SBA}: {what}" for what in ("receivables", "customers")),
        *(f"{WEB}: {what}" for what in ("contract", "policies", "payables", "batches")),
        *(f"GP FRM: {what}" for what in ("one company", "identity", "accounts of the rulebook", "modules")),
    }
    assert wanted <= set(marks(lines, Mark.GOOD))
    assert not marks(lines, Mark.SKIPPED)
    assert f"{SBA}: payables" not in {line.title for line in lines}, "nobody asks SBA for them"


def test_a_way_that_is_shut_is_named_and_what_lies_behind_it_is_not_called_good(served: Trial, tmp_path: Path) -> None:
    """The web services are down: SBA is looked at all the same."""
    lines = examined(served, tmp_path, soap="http://127.0.0.1:1")
    assert set(findings(lines)) == {f"{WEB}: port"}
    assert f"{SBA}: receivables" in marks(lines, Mark.GOOD)
    one = next(line for line in lines if line.title == "GP FRM: one company")
    assert (one.mark, one.says) == (Mark.SKIPPED, f"{WEB} comes first")


def test_two_companies_behind_one_connection_are_named(served: Trial, tmp_path: Path) -> None:
    """The endpoint is another installation's, where a company has the same number."""
    other = Company.front_range()
    other.do_add_account("999-9999-99", "Of another company")
    with Server(SoapApplication(other)) as server:
        lines = examined(served, tmp_path, soap=server.url)
    assert findings(lines)["GP FRM: one company"] == "gp.companies_differ"
