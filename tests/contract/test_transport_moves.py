"""A kind of document moves from one transport to the other between two runs, and nothing is entered twice or lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_connector.docket import stages
from ml_connector.runtime import settings as form
from ml_connector.runtime.run import run
from ml_connector.runtime.tieout import tie_out
from ml_connector.runtime.trial import Trial, trial, write_trial
from ml_connector.runtime.wiring import Wired, open_connection
from ml_connector.sandbox.faults import Fault
from ml_connector.store.database import Database
from ml_connector.workbook.reading import read as read_workbook

OVER_SOAP = "kinds.payables_invoice = 'soap'\nkinds.payables_credit_memo = 'soap'"


def wired(served: Trial, folder: Path, mixed: bool, pause: float) -> Wired:
    """The trial's connection, payables over the web services or over SBA."""
    if not (folder / "trial.toml").exists():
        write_trial(served, folder, "automatic")
    text = (folder / "trial.toml").read_text("utf-8").replace("pause = 2.0", f"pause = {pause}")
    assert OVER_SOAP in text
    changed = folder / "changed.toml"
    changed.write_text(text if mixed else text.replace(OVER_SOAP, ""), "utf-8")
    database = Database(f"sqlite:///{folder / 'ledger.sqlite'}")
    database.migrate()
    known = database.connections("maria")
    (known.change if known.all() else known.add)("trial", form.to_values(form.from_toml(changed)))
    made = open_connection(database, "trial", "maria")
    if made.ledger.rulebook() is None:
        rulebook = read_workbook(folder / "rulebook")
        assert not isinstance(rulebook, tuple)
        made.ledger.add_rulebook(rulebook, "maria", "the sample")
    return made


@pytest.mark.parametrize("to_soap", [True, False], ids=["to the web services", "to SBA"])
def test_what_was_in_doubt_over_one_transport_is_settled_over_the_other(tmp_path: Path, to_soap: bool) -> None:
    """The answers to three bills are lost, the settings change, and the next run finds all three where they stand."""
    with trial("mixed", invoices=20) as served:
        assert served.web_services is not None
        before = wired(served, tmp_path, not to_soap, 3600.0)
        server, path = (served.company, "Payables") if to_soap else (served.web_services, "CreatePayables")
        server.application.faults.order(Fault.ANSWER_LOST_AFTER, method="POST", path=path, times=3)
        run(before, lambda *_: None)
        doubtful = {it.document.number for it in before.ledger.documents((stages.InDoubt,), 100)}
        assert len(doubtful) == 3
        before.close()
        after = wired(served, tmp_path, to_soap, 0.1)
        result = run(after, lambda *_: None)
        assert not result.findings
        assert doubtful <= {it.document.number for it in after.ledger.documents((stages.Entered,), 1000)}
        events = [it.event.name for number in doubtful for it in after.ledger.trail(number=number)]
        assert events.count("document.settled") == 3
        assert events.count("document.claimed") == 3, "none was sent a second time"
        tied = tie_out(served, after.ledger.newest_versions())
        assert not tied.difference
        assert not tied.in_doubt
        after.close()
