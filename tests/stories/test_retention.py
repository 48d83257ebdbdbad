"""Retention, a year and more after the entry: what is erased is missed by nobody, and what is needed is still there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ml_connector.findings import Interrupted
from ml_connector.pipeline import release
from ml_connector.runtime.retention import Retained, retain
from ml_connector.runtime.settings import Retention
from tests.builders import a_line, an_invoice, tables
from tests.stories.office import Office

YEAR = Retention(evidence=12)


def a_year_later(office: Office, keeps: Retention = YEAR) -> Retained:
    office.clock.at += timedelta(days=400)
    return retain(office.ledger, keeps, office.clock.now())


def posted(office: Office, number: str = "STI10482") -> None:
    office.gp.post(number)
    office.run()
    assert office.stands(number) == "posted"


def test_what_was_read_of_a_posted_invoice_is_erased_and_its_story_stays(office: Office) -> None:
    """The document, the trail and the hashes are there; the page and what went over the wire are not."""
    office.sweep_and_run(an_invoice())
    posted(office)
    before = office.events("STI10482")
    done = a_year_later(office)
    docket = office.docket("STI10482")
    assert done.evidence.count >= 1
    assert office.ledger.is_erased(docket.page)
    assert docket.documents[0].document.number == "STI10482"
    assert office.events("STI10482") == before
    assert office.ledger.verify() is None
    with pytest.raises(Interrupted, match=r"erased by retention"):
        office.ledger.evidence(docket.page)


def test_an_invoice_that_gp_has_not_posted_keeps_what_was_read_of_it(office: Office) -> None:
    office.sweep_and_run(an_invoice())
    a_year_later(office)
    assert office.ledger.evidence(office.docket("STI10482").page)


def test_a_held_invoice_keeps_its_page_and_can_still_be_replayed(office: Office) -> None:
    """Its page holds a posted neighbour too: the page stays whole until the last of its sources is at its end."""
    unmapped = an_invoice([a_line(item_code="SMART", account=None)], tax="8.81", id=1)
    office.sweep_and_run(unmapped, an_invoice())
    posted(office)
    done = a_year_later(office)
    assert done.evidence.needed >= 1
    row = {"item_code": "SMART", "main": "4310"}
    office.use(tables(accounts=[row, {"purpose": "revenue", "account_number": "4110", "main": "4110"}]))
    office.replay("1")
    office.run()
    assert office.stands("1") == "entered"


def test_an_edit_of_an_invoice_whose_page_was_erased_is_held_and_stops_nothing(office: Office) -> None:
    """Nobody can plan the old version again, so a person looks; the other invoices of the run are entered."""
    office.sweep_and_run(an_invoice())
    posted(office)
    a_year_later(office)
    office.sweep_and_run(an_invoice([a_line("90.00")], tax="7.93"), an_invoice(id=2))
    assert office.codes("STI10482") == ["source.edited_after_entry"]
    assert office.stands("STI2") == "entered"


def test_an_edit_that_means_nothing_to_the_books_needs_no_old_page(office: Office) -> None:
    office.sweep_and_run(an_invoice())
    posted(office)
    a_year_later(office)
    office.sweep_and_run(an_invoice(status="Exported"))
    assert office.stands("10482") == "skipped"


def test_a_source_closed_by_hand_whose_page_was_erased_is_not_opened_again(office: Office) -> None:
    """Opened without its page it would stop every run: the replay is refused, with what to do."""
    unmapped = an_invoice([a_line(item_code="SMART", account=None)], tax="8.81", id=1)
    office.sweep_and_run(unmapped)
    release.skip(office.docket("1"), "maria", "keyed by hand", office.ledger)
    a_year_later(office)
    with pytest.raises(Interrupted, match=r"replay\.evidence_erased"):
        office.replay("1")
    office.run()
    assert office.stands("1") == "skipped"


def test_nothing_is_erased_unless_the_settings_say_so(office: Office) -> None:
    office.sweep_and_run(an_invoice())
    posted(office)
    trail = office.ledger.trail(limit=10_000)
    done = a_year_later(office, Retention())
    assert (done.evidence.count, done.rows) == (0, {})
    assert office.ledger.trail(limit=10_000) == trail
    assert office.ledger.evidence(office.docket("STI10482").page)
