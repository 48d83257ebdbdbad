"""Review, holds and their remedies: nothing moves without a person where a person is needed."""

from ml_connector.docket import stages
from ml_connector.pipeline import release
from tests.builders import a_line, an_account, an_invoice, facts, periods, tables
from tests.stories.office import Office


def test_in_review_mode_nothing_is_entered_until_a_person_approves(office: Office) -> None:
    office.automatic = False
    office.sweep_and_run(an_invoice())
    assert office.gp.sent == []
    assert office.stands("STI10482") == "planned"
    office.approve_and_run()
    assert office.stands("STI10482") == "entered"


def test_a_dry_run_goes_the_same_road_and_sends_nothing(office: Office) -> None:
    office.tenant.tells(an_invoice())
    office.run(dry=True)
    assert office.gp.sent == []
    office.run()
    assert office.gp.sent == ["STI10482"]


def test_closed_period_and_inactive_account_are_told_together(office: Office) -> None:
    """Two faults, one hold: the bookkeeper opens the document once."""
    chart = {**office.gp.facts.accounts, "100-4110-02": an_account("100-4110-02", active=False)}
    office.gp.facts = facts(accounts=chart, periods=tuple(periods(closed=[3])))
    office.sweep_and_run(an_invoice())
    assert sorted(office.codes("STI10482")) == ["account.inactive", "period.closed"]


def test_a_mended_rulebook_and_a_replay_enter_what_was_held_and_nothing_else(office: Office) -> None:
    unmapped = an_invoice([a_line(item_code="SMART", account=None)], tax="8.81", id=1)
    office.sweep_and_run(unmapped, an_invoice(id=2))
    assert office.codes("1") == ["account.unmapped"]
    with_row = [
        {"item_code": "SMART", "main": "4310"},
        {"purpose": "revenue", "account_number": "4110", "main": "4110"},
    ]
    office.use(tables(accounts=with_row))
    office.replay("1")
    office.run()
    assert office.gp.sent == ["STI2", "STI1"]


def test_a_period_closed_between_plan_and_entry_holds_at_entry(office: Office) -> None:
    """It was open when the plan was approved, and closed before it was entered."""
    office.automatic = False
    office.sweep_and_run(an_invoice())
    office.approve()
    office.gp.facts = facts(periods=tuple(periods(closed=[3])))
    office.run()
    assert office.codes("STI10482") == ["period.closed"]
    assert office.gp.sent == []


def test_a_skipped_document_stays_away_and_a_replay_brings_it_back(office: Office) -> None:
    office.automatic = False
    office.sweep_and_run(an_invoice())
    release.skip(office.docket("STI10482"), "controller", "entered by hand", office.ledger)
    office.approve_and_run()
    assert office.gp.sent == []
    assert office.docket("STI10482").documents[0].stage == stages.ClosedByHand("controller", "entered by hand")
    office.replay("STI10482")
    office.run()
    office.approve_and_run()
    assert office.stands("STI10482") == "entered"


def test_a_held_source_without_a_document_can_be_skipped(office: Office) -> None:
    office.sweep_and_run(an_invoice([a_line(item_code="SMART", account=None)], tax="8.81"))
    release.skip(office.docket("10482"), "controller", "free of charge", office.ledger)
    assert office.stands("10482") == "skipped"


def test_a_pending_invoice_waits_and_is_entered_once_it_is_posted(office: Office) -> None:
    office.sweep_and_run(an_invoice(status="Pending"))
    assert office.stands("10482") == "waiting"
    office.sweep_and_run(an_invoice())
    assert office.stands("STI10482") == "entered"


def test_an_edit_before_entry_replaces_the_plan(office: Office) -> None:
    office.automatic = False
    office.sweep_and_run(an_invoice())
    office.sweep_and_run(an_invoice([a_line("50.00")], tax="4.40"))
    office.approve_and_run()
    assert office.gp.sent == ["STI10482"]
    assert office.gp.documents["STI10482"].amount.amount == 54 + an_invoice([a_line("0.40")]).total  # type: ignore[operator]
