"""Review: people look at a plan and approve it, while sources, rulebooks and other people go on changing it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ml_connector.docket.people import Person, Role
from ml_connector.docket.records import Move
from ml_connector.docket.stages import Approved, InDoubt, Planned
from ml_connector.docket.text import explanation, headline
from ml_connector.docket.trail import Event
from ml_connector.findings import Interrupted
from ml_connector.pipeline import release
from ml_connector.pipeline.review import reject, waiting, waiting_of
from tests.builders import a_bill, a_line, an_invoice, facts, tables, usd
from tests.doubles.company import Fault
from tests.pure.test_people import a_user
from tests.stories.office import Office

OTHER_ACCOUNT = [{"purpose": "revenue", "item_type": "Material", "main": "4120"}]


@pytest.fixture
def reviewed(office: Office) -> Office:
    """An office in review mode with one planned invoice of 108.81."""
    office.automatic = False
    office.sweep_and_run(an_invoice())
    return office


def test_only_what_was_approved_is_entered(reviewed: Office) -> None:
    """Two wait, one is approved; the run enters that one and leaves the other."""
    reviewed.sweep_and_run(an_invoice(id=10483))
    (first, second) = reviewed.look()
    assert reviewed.approve(seen=[second]).approved == 1
    reviewed.run()
    assert reviewed.gp.sent == [second.number]
    assert reviewed.stands(first.number) == "planned"


def test_what_a_run_plans_meanwhile_is_not_approved(reviewed: Office) -> None:
    """She looked, then a run planned one more: her approval is for what she saw."""
    seen = reviewed.look()
    reviewed.sweep_and_run(an_invoice(id=10483))
    assert reviewed.approve(seen=seen).approved == 1
    reviewed.run()
    assert reviewed.gp.sent == ["STI10482"]


def test_an_edit_after_she_looked_is_not_approved(reviewed: Office) -> None:
    """The price was corrected and planned again between looking and approving."""
    seen = reviewed.look()
    reviewed.sweep_and_run(an_invoice([a_line("120.00")], tax="10.57"))
    result = reviewed.approve(seen=seen)
    assert (result.approved, result.changed) == (0, ["STI10482"])
    reviewed.run()
    assert reviewed.gp.sent == []


def test_an_edit_after_she_approved_takes_the_approval_back(reviewed: Office) -> None:
    """The next run sweeps the correction first: what was approved is not sent, what is new waits."""
    reviewed.approve()
    reviewed.sweep_and_run(an_invoice([a_line("120.00")], tax="10.57"))
    assert reviewed.gp.sent == []
    assert reviewed.stands("STI10482") == "planned"
    reviewed.approve_and_run()
    assert reviewed.gp.documents["STI10482"].amount == usd("130.57")


def test_a_source_that_is_no_longer_to_be_entered_leaves_the_plan(reviewed: Office) -> None:
    """It was approved, and then deleted in ServiceTitan."""
    reviewed.approve()
    reviewed.sweep_and_run(an_invoice(active=False))
    assert (reviewed.gp.sent, reviewed.look()) == ([], [])
    assert reviewed.stands("10482") == "skipped"


def test_a_swept_correction_that_is_not_planned_yet_takes_the_old_plan_out_of_the_list(reviewed: Office) -> None:
    """The run died after the sweep: nobody is shown, and nobody approves, what is known to be out of date."""
    seen = reviewed.look()
    reviewed.tenant.tells(an_invoice([a_line("120.00")], tax="10.57"))
    assert reviewed.sweep() == 1
    assert reviewed.look() == []
    assert reviewed.approve(seen=seen).changed == ["STI10482"]


def test_a_replay_with_a_newer_rulebook_loses_the_approval(reviewed: Office) -> None:
    """Another account: another plan."""
    reviewed.approve()
    reviewed.use(tables(accounts=OTHER_ACCOUNT))
    reviewed.replay("STI10482")
    reviewed.run()
    assert reviewed.gp.sent == []
    assert [it.rulebook_version for it in reviewed.look()] == [2]


def test_the_same_document_by_a_newer_rulebook_is_another_plan(reviewed: Office) -> None:
    """The new version changes nothing of it; still nobody has approved it by that version."""
    seen = reviewed.look()
    reviewed.use(tables(customers=[]))
    reviewed.use(tables())
    reviewed.replay("STI10482")
    reviewed.run()
    (now,) = reviewed.look()
    assert (now.hash, now.rulebook_version) == (seen[0].hash, 3)
    assert reviewed.approve(seen=seen).changed == ["STI10482"]
    assert reviewed.approve().approved == 1


def test_an_approval_in_the_very_moment_of_a_replay_is_lost(reviewed: Office) -> None:
    """She read the record; a run plans the same document by a newer rulebook; then her approval arrives."""
    (record,) = next(waiting(reviewed.ledger))
    reviewed.use(tables(customers=[]))
    reviewed.use(tables())
    reviewed.replay("STI10482")
    reviewed.run()
    assert reviewed.ledger.record([Move(record, Approved("controller"), Event("document.approved", {}))]) == [False]
    assert reviewed.stands("STI10482") == "planned"


def test_an_approval_outlives_what_passes_by_itself(reviewed: Office) -> None:
    """GP refused the connection, and then lost an answer: nobody is asked again for the same plan."""
    reviewed.gp.faults = [Fault.REFUSED_TO_CONNECT, Fault.NEVER_ARRIVED]
    reviewed.approve_and_run()
    assert reviewed.stands("STI10482") == "deferred"
    reviewed.run()
    reviewed.later()
    reviewed.run()
    assert reviewed.stands("STI10482") == "entered"


def test_what_is_held_at_entry_is_approved_anew_after_its_replay(reviewed: Office) -> None:
    """The customer was made inactive meanwhile; mended and replayed, it is a new plan."""
    inactive = {id: card for id, card in facts().customers.items() if id != "SMITH001"}
    good, reviewed.gp.facts = reviewed.gp.facts, facts(customers=inactive)
    reviewed.approve_and_run()
    assert reviewed.codes("STI10482") == ["customer.missing"]
    reviewed.gp.facts = good
    reviewed.replay("STI10482")
    reviewed.run()
    assert (reviewed.gp.sent, reviewed.stands("STI10482")) == ([], "planned")


def test_above_the_limit_two_different_people_approve(reviewed: Office) -> None:
    """108.81 is above 100.00: one approval is kept and shown, a second one by the same person is none."""
    reviewed.second_above = usd("100.00")
    assert reviewed.approve("maria").first == 1
    assert reviewed.approve("maria").waiting == 1
    reviewed.run()
    assert reviewed.gp.sent == []
    assert "maria approved it, and it waits for another person" in explanation(reviewed.docket("STI10482"), [])
    assert reviewed.approve("bob").approved == 1
    assert reviewed.docket("STI10482").documents[0].stage == Approved("bob", "maria")
    reviewed.run()
    assert reviewed.gp.sent == ["STI10482"]


def test_the_trail_names_both_with_the_hash_that_they_approved(reviewed: Office) -> None:
    reviewed.second_above = usd("100.00")
    (seen,) = reviewed.look()
    reviewed.approve("maria")
    reviewed.approve("bob")
    told = [it.event for it in reviewed.ledger.trail(number="STI10482") if "approv" in it.event.name]
    assert [(it.name, it.detail["hash"], it.detail["rulebook"]) for it in told] == [
        ("document.first_approval", seen.hash, 1),
        ("document.approved", seen.hash, 1),
    ]
    assert told[1].detail["first"] == "maria"
    assert reviewed.ledger.verify() is None


def test_the_second_approval_is_of_the_same_plan_as_the_first(reviewed: Office) -> None:
    """The price changed between the two: the first one's approval was for another document."""
    reviewed.second_above = usd("100.00")
    reviewed.approve("maria")
    reviewed.sweep_and_run(an_invoice([a_line("120.00")], tax="10.57"))
    assert reviewed.approve("bob").first == 1
    reviewed.run()
    assert reviewed.gp.sent == []


def test_in_automatic_mode_what_is_above_the_limit_waits_for_two_people(office: Office) -> None:
    """The small one is entered at once; the large one like in review mode, and the machine is not one of the two."""
    office.second_above = usd("100.00")
    office.sweep_and_run(an_invoice(), an_invoice([a_line("50.00")], tax="4.40", id=2))
    assert office.gp.sent == ["STI2"]
    assert office.stands("STI10482") == "planned"
    office.approve("maria")
    office.run()
    assert office.gp.sent == ["STI2"]
    office.approve("bob")
    office.run()
    assert office.gp.sent == ["STI2", "STI10482"]


def test_a_connection_that_becomes_automatic_enters_what_waited_and_nothing_that_was_rejected(reviewed: Office) -> None:
    reviewed.sweep_and_run(an_invoice(id=10483))
    reviewed.reject("STI10483")
    reviewed.automatic = True
    reviewed.run()
    assert reviewed.gp.sent == ["STI10482"]


def test_a_dry_run_approves_nothing_in_automatic_mode(office: Office) -> None:
    office.tenant.tells(an_invoice())
    office.run(dry=True)
    assert office.docket("STI10482").documents[0].stage == Planned()


def test_a_warning_of_the_plan_is_there_for_whoever_approves_it(office: Office) -> None:
    """The customer is on hold in GP: it holds nothing, and it is said."""
    office.automatic = False
    cards = facts().customers
    office.gp.facts = facts(customers={**cards, "SMITH001": replace(cards["SMITH001"], on_hold=True)})
    office.sweep_and_run(an_invoice())
    (stage,) = [it.stage for it in office.docket("STI10482").documents]
    assert isinstance(stage, Planned)
    assert [it.code for it in stage.warnings] == ["customer.on_hold"]
    assert "note: customer.on_hold" in explanation(office.docket("STI10482"), [])


def test_a_rejected_document_is_held_with_who_and_why(reviewed: Office) -> None:
    """Approved already, and taken back in time; a replay brings it to the plan again, without the approval."""
    reviewed.approve()
    reviewed.reject("STI10482", "bob", "billed twice")
    reviewed.run()
    assert reviewed.gp.sent == []
    assert reviewed.codes("STI10482") == ["plan.rejected"]
    assert "bob rejected it: billed twice" in explanation(reviewed.docket("STI10482"), [])
    reviewed.replay("STI10482")
    reviewed.run()
    assert (reviewed.gp.sent, reviewed.stands("STI10482")) == ([], "planned")


def test_what_was_sent_is_not_rejected(reviewed: Office) -> None:
    """Entered, or its answer lost: a no comes too late, and changes nothing."""
    reviewed.gp.faults = [Fault.ANSWER_LOST]
    reviewed.approve_and_run()
    with pytest.raises(Interrupted, match=r"plan\.not_waiting"):
        reviewed.reject("STI10482")
    assert reviewed.stands("STI10482") == "in doubt"


def test_a_rejection_that_loses_to_a_claim_says_so(reviewed: Office) -> None:
    """The run claimed it between her reading and her no."""
    reviewed.approve()
    (document,) = reviewed.docket("STI10482").documents
    claim = InDoubt(reviewed.clock.now(), 1, document.hash)
    reviewed.ledger.record([Move(document, claim, Event("document.claimed", {}))])
    with pytest.raises(Interrupted, match=r"plan\.changed"):
        reject(document, Person("controller"), "too late", reviewed.ledger)
    assert reviewed.stands("STI10482") == "in doubt"


def test_who_imported_the_rulebook_does_not_approve_what_stands_on_it(office: Office) -> None:
    """Nothing at all is approved of a list with one such document in it; another approver may."""
    office.automatic, office.separate_duties = False, True
    office.sweep_and_run(an_invoice())
    office.use(tables(accounts=OTHER_ACCOUNT), author="maria")
    office.sweep_and_run(an_invoice(id=10483))
    with pytest.raises(Interrupted, match=r"approval\.own_rulebook"):
        office.approve("maria")
    assert len(office.look()) == 2
    assert office.approve("bob").approved == 2


def test_with_both_roles_nobody_approves_where_duties_are_separate(office: Office) -> None:
    """She imported nothing yet; she could have."""
    office.automatic, office.separate_duties = False, True
    office.sweep_and_run(an_invoice())
    both = Person("eve", a_user("eve", Role.APPROVER, Role.MAP_EDITOR))
    with pytest.raises(Interrupted, match=r"approval\.both_duties"):
        office.approve(both)
    office.separate_duties = False
    assert office.approve(both).approved == 1


def test_a_document_that_does_not_wait_is_named(reviewed: Office) -> None:
    """By number: approved already, or not planned."""
    reviewed.approve()
    with pytest.raises(Interrupted, match=r"plan\.not_waiting") as what:
        waiting_of([reviewed.docket("STI10482")])
    assert "it stands as approved" in what.value.finding.says


def test_what_gp_holds_is_looked_at_again_without_two_people(office: Office) -> None:
    """Held for its accounts after entry, mended in GP, replayed: nothing is sent, so one approval is enough."""
    office.gp.faults = [Fault.ACCOUNTS_REPLACED]
    office.sweep_and_run(an_invoice())
    office.automatic, office.second_above = False, usd("100.00")
    office.gp.replaced.clear()
    office.replay("STI10482")
    assert office.approve("maria").approved == 1
    office.run()
    assert office.stands("STI10482") == "entered"
    assert office.gp.sent == ["STI10482"]


def test_receivables_and_payables_wait_in_one_list(reviewed: Office) -> None:
    """Bills and invoices, each with its own number."""
    reviewed.sweep_and_run(a_bill())
    assert [it.number for it in reviewed.look()] == ["STI10482", "STB8907"]
    assert [headline(it) for it in reviewed.ledger.newest_versions()] == ["planned", "planned"]


def test_a_plan_of_many_is_approved_whole(office: Office) -> None:
    """More than one chunk."""
    office.automatic = False
    office.sweep_and_run(*(an_invoice(id=n) for n in range(1, 260)))
    assert office.approve().approved == 259
    assert office.look() == []
    assert len(office.ledger.documents((Approved,), 1000)) == 259


def test_a_skipped_document_is_not_in_the_plan(reviewed: Office) -> None:
    release.skip(reviewed.docket("STI10482"), "controller", "keyed by hand", reviewed.ledger)
    assert reviewed.look() == []
