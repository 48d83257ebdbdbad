"""Lost answers, rivals and strangers: what is sent, and what never is."""

from dataclasses import replace
from decimal import Decimal

import pytest

from ml_connector.docket import stages
from ml_connector.docket.records import Move
from ml_connector.docket.trail import Event
from ml_connector.findings import Interrupted
from ml_connector.pipeline import release
from tests.builders import COMPANY, DAY, a_bill, a_document, a_line, an_invoice, tables, usd
from tests.doubles.company import Fault
from tests.stories.office import Office

BOOKS = COMPANY


def test_an_invoice_is_entered_once_however_often_it_is_run(office: Office) -> None:
    """Three runs, one document."""
    office.sweep_and_run(an_invoice())
    office.run()
    office.run()
    assert office.gp.sent == ["STI10482"]
    assert office.stands("STI10482") == "entered"


def test_a_lost_answer_is_settled_by_asking_never_by_sending(office: Office) -> None:
    """GP enters the invoice, the line drops; after the pause GP is asked and has it."""
    office.gp.faults = [Fault.ANSWER_LOST]
    office.sweep_and_run(an_invoice())
    assert office.stands("STI10482") == "in doubt"
    office.run()
    assert office.stands("STI10482") == "in doubt", "the pause has not passed"
    office.later()
    office.run()
    assert office.stands("STI10482") == "entered"
    assert office.gp.sent == ["STI10482"]


def test_what_never_arrived_is_sent_again_after_the_pause(office: Office) -> None:
    """The request died on the way; GP, asked, does not have it, so it is sent a second time."""
    office.gp.faults = [Fault.NEVER_ARRIVED]
    office.sweep_and_run(an_invoice())
    office.later()
    office.run()
    assert office.gp.sent == ["STI10482", "STI10482"]
    assert office.stands("STI10482") == "entered"
    assert office.docket("STI10482").documents[0].attempt == 2


def test_a_refused_connection_defers_and_the_next_run_sends(office: Office) -> None:
    office.gp.faults = [Fault.REFUSED_TO_CONNECT]
    office.sweep_and_run(an_invoice())
    assert office.stands("STI10482") == "deferred"
    office.run()
    assert office.stands("STI10482") == "entered"


def test_the_claim_is_stored_before_anything_is_sent(office: Office) -> None:
    """At the moment GP is called the ledger says in doubt, so that a crash there is safe."""
    seen = []
    office.gp.on_enter = lambda document: seen.append(office.stands(document.number))
    office.sweep_and_run(an_invoice())
    assert seen == ["in doubt"]


def test_whoever_loses_the_claim_does_not_send(office: Office) -> None:
    """A second run, reading the same approved document, claims it first."""
    office.automatic = False
    office.sweep_and_run(an_invoice(), an_invoice(id=10483))
    office.approve()
    (first, second) = office.ledger.documents((stages.Approved,), 10)

    def rival(_: object) -> None:
        claim = stages.InDoubt(office.clock.now(), 1, second.hash)
        office.ledger.record([Move(second, claim, Event("document.claimed", {}))])
        office.gp.on_enter = lambda document: None

    office.gp.on_enter = rival
    office.run()
    assert office.gp.sent == [first.document.number]
    assert office.stands(second.document.number) == "in doubt"


def test_a_stranger_under_our_number_is_held_and_can_be_accepted(office: Office) -> None:
    """Somebody keyed STI10482 by hand, for another amount: a person decides."""
    office.gp.stand(a_document(customer_id="JONES001"), "BYHAND")
    office.sweep_and_run(an_invoice())
    assert office.codes("STI10482") == ["document.differs"]
    assert office.gp.sent == []
    release.accept(office.docket("STI10482"), "keyed in March", {BOOKS: office.gp}, office.ledger)
    office.run()
    assert office.stands("STI10482") == "entered", "it stays accepted when the next run looks again"
    assert office.gp.sent == []


def test_five_lost_answers_in_a_row_leave_the_company_alone(office: Office) -> None:
    """A dead service is not asked four hundred times; what was not tried stays approved."""
    office.gp.faults = [Fault.NEVER_ARRIVED] * 7
    office.sweep_and_run(*(an_invoice(id=n) for n in range(1, 9)))
    assert [it.code for it in office.result.findings] == ["gp.silent"]
    assert len(office.gp.sent) == 5
    assert len(office.ledger.documents((stages.Approved,), 10)) == 3


def test_a_document_in_doubt_is_not_replayed(office: Office) -> None:
    office.gp.faults = [Fault.ANSWER_LOST]
    office.sweep_and_run(an_invoice())
    with pytest.raises(Interrupted, match=r"replay\.in_doubt"):
        office.replay("STI10482")


def test_a_newer_version_waits_while_the_older_is_in_doubt(office: Office) -> None:
    """The price is corrected while GP's answer is lost: first the truth about the old one, then the new one."""
    office.gp.faults = [Fault.ANSWER_LOST]
    office.sweep_and_run(an_invoice())
    office.sweep_and_run(an_invoice([a_line("120.00")], tax="10.57"))
    assert office.stands("STI10482") == "opened"
    office.later()
    office.run()
    assert office.codes("STI10482") == ["source.edited_after_entry"]
    assert office.gp.sent == ["STI10482"]


def test_a_newer_version_takes_over_the_number_of_an_older_one_that_never_arrived(office: Office) -> None:
    """The first attempt died on the way, then the invoice was corrected: only the correction is entered."""
    office.gp.faults = [Fault.NEVER_ARRIVED]
    office.sweep_and_run(an_invoice())
    office.later()
    office.sweep_and_run(an_invoice([a_line("120.00")], tax="10.57"))
    assert office.gp.documents["STI10482"].amount == usd("130.57")


def test_a_version_that_is_no_longer_to_be_entered_is_not_sent_from_the_older_plan(office: Office) -> None:
    """It never arrived, and then it was voided to zero in ServiceTitan: nothing may be sent any more."""
    office.gp.faults = [Fault.NEVER_ARRIVED]
    office.sweep_and_run(an_invoice())
    office.later()
    office.sweep_and_run(an_invoice([]))
    assert office.gp.held == {}
    assert office.stands("10482") == "skipped"


def test_an_edit_after_entry_is_held_and_gp_is_left_alone(office: Office) -> None:
    office.sweep_and_run(an_invoice())
    office.sweep_and_run(an_invoice([a_line("90.00")], tax="7.93"))
    assert office.codes("STI10482") == ["source.edited_after_entry"]
    assert office.gp.documents["STI10482"].amount == usd("108.81")


def test_an_export_mark_after_entry_is_nothing_to_the_books(office: Office) -> None:
    """Posted becomes Exported in ServiceTitan: a new version of the source, the same document."""
    office.sweep_and_run(an_invoice())
    office.sweep_and_run(an_invoice(status="Exported"))
    assert office.docket("STI10482").version == 2
    assert office.stands("10482") == "skipped"


def test_a_changed_rulebook_is_not_taken_for_a_changed_source(office: Office) -> None:
    """The account rule changed since; the source was only exported. Entered documents stay as they are."""
    office.sweep_and_run(an_invoice())
    office.use(tables(accounts=[{"purpose": "revenue", "item_type": "Material", "main": "4120"}]))
    office.sweep_and_run(an_invoice(status="Exported"))
    assert office.stands("10482") == "skipped"
    assert office.gp.sent == ["STI10482"]


def test_a_voided_document_keeps_its_number_and_is_entered_again_under_the_next(office: Office) -> None:
    office.sweep_and_run(an_invoice())
    office.gp.void("STI10482")
    office.run()
    assert office.stands("STI10482") == "gone"
    release.reenter(office.docket("STI10482"), "controller", "voided by mistake", {BOOKS: office.gp}, office.ledger)
    office.run()
    assert office.gp.sent == ["STI10482", "STI10482-2"]
    assert office.stands("STI10482-2") == "entered"


def test_what_was_entered_is_never_sent_again_because_gp_is_silent(office: Office) -> None:
    """The batch was deleted, or the company restored from a backup: only a person may decide to enter again."""
    office.sweep_and_run(an_invoice())
    office.gp.delete("STI10482")
    office.run()
    office.run()
    assert office.stands("STI10482") == "gone"
    with pytest.raises(Interrupted, match=r"release\.refused"):
        office.replay("STI10482")
    assert office.gp.sent == ["STI10482"]


def test_reenter_is_refused_while_gp_holds_the_document(office: Office) -> None:
    office.sweep_and_run(an_invoice())
    with pytest.raises(Interrupted, match=r"release\.refused"):
        release.reenter(office.docket("STI10482"), "controller", "again", {BOOKS: office.gp}, office.ledger)


def test_replaced_accounts_stop_the_company_after_the_first_document(office: Office) -> None:
    """GP's policy enters its own accounts without an error: one document shows it, the second is not sent."""
    office.gp.faults = [Fault.ACCOUNTS_REPLACED]
    office.sweep_and_run(an_invoice(), an_invoice(id=10483), an_invoice(id=10484))
    assert office.gp.sent == ["STI10482"]
    assert office.codes("STI10482") == ["distributions.differ"]
    assert [it.code for it in office.result.findings] == ["company.stopped"]


def test_accounts_mended_in_gp_are_seen_by_a_replay_which_sends_nothing(office: Office) -> None:
    office.gp.faults = [Fault.ACCOUNTS_REPLACED]
    office.sweep_and_run(an_invoice())
    office.gp.replaced.clear()
    office.replay("STI10482")
    office.run()
    assert office.stands("STI10482") == "entered"
    assert office.gp.sent == ["STI10482"]


def test_accounts_still_replaced_are_held_again(office: Office) -> None:
    office.gp.faults = [Fault.ACCOUNTS_REPLACED]
    office.sweep_and_run(an_invoice())
    office.replay("STI10482")
    office.run()
    assert office.codes("STI10482") == ["distributions.differ"]
    assert office.gp.sent == ["STI10482"]


def test_a_document_changed_in_gp_is_found_by_the_confirmation(office: Office) -> None:
    office.sweep_and_run(an_invoice())
    office.gp.held["STI10482"] = replace(office.gp.held["STI10482"], amount=usd("18.81"))
    office.run()
    assert office.codes("STI10482") == ["document.differs"]


def test_what_gp_posted_is_observed_with_its_audit_trail_code(office: Office) -> None:
    office.sweep_and_run(an_invoice())
    office.gp.post("STI10482")
    office.run()
    (document,) = office.docket("STI10482").documents
    assert document.stage == stages.Posted(document.batch_id, "RMSLS00000007")


def test_a_foreign_document_in_our_batch_is_named(office: Office) -> None:
    office.gp.on_enter = lambda _: office.gp.stand(a_document(number="KEYED1"), "STR260331-01")
    office.sweep_and_run(an_invoice())
    (finding,) = office.result.findings
    assert finding.code == "batch.differs"
    assert "foreign KEYED1" in finding.says


def test_the_second_of_two_bills_with_one_vendor_invoice_number_is_held(office: Office) -> None:
    """The same paper invoice was received on two purchase orders; spaces and case do not hide it."""
    office.sweep_and_run(a_bill(), a_bill(id=8908, vendor_number=" inv-5521 "))
    assert office.stands("STB8907") == "entered"
    assert office.codes("STB8908") == ["vendor_invoice.duplicate"]


def test_receivables_and_payables_and_months_have_batches_of_their_own(office: Office) -> None:
    office.sweep_and_run(an_invoice(), an_invoice(id=2, invoice_date=DAY.replace(month=4)), a_bill())
    batches = {it.batch_id for it in office.gp.held.values()}
    assert len(batches) == 3
    assert all(name.startswith(("STR260331-", "STP260331-")) for name in batches)


def test_a_batch_is_never_used_by_a_second_run(office: Office) -> None:
    office.sweep_and_run(an_invoice())
    office.sweep_and_run(an_invoice(id=2))
    assert len({it.batch_id for it in office.gp.held.values()}) == 2


def test_the_trail_tells_the_life_of_a_document_and_verifies(office: Office) -> None:
    office.gp.faults = [Fault.ANSWER_LOST]
    office.sweep_and_run(an_invoice())
    office.later()
    office.run()
    events = office.events("STI10482")
    assert events == [
        "docket.planned",
        "document.claimed",
        "document.in_doubt",
        "document.settled",
        "document.read_back",
    ]
    assert office.ledger.verify() is None


def test_the_amount_sent_is_the_amount_of_the_source(office: Office) -> None:
    office.sweep_and_run(an_invoice([a_line("-50.00")], tax="-4.40", adjustment_to=10001))
    (number,) = office.gp.sent
    assert number == "STC10482"
    assert office.gp.documents[number].amount.amount == Decimal("54.40")
