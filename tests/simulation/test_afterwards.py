"""What people do at both ends between two runs: in GP after the entry, in ServiceTitan before, during and after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_connector.docket.stages import Entered, Gone, InDoubt, Posted
from tests.simulation.nursery import Nursery
from tests.simulation.watched import Moment
from tests.simulation.world import World, a_world, without_trouble

DATABASES = pytest.mark.parametrize("database", ["sqlite", "postgresql"])
INVOICE = "receivables-invoice"
EXPLAINED = 10490  # the planted invoice of 108.25


@DATABASES
def test_what_a_person_does_in_gp_is_seen_and_nothing_of_it_is_entered_again(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """One document is deleted, one voided, one's accounts changed, a batch posted; only a person enters again."""
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery, read_back_percent=100) as world:
        world.finish()
        deleted, voided, changed, *_ = ordinary(world)
        bills = {it["batch"] for it in world.company.records()["documents"] if it["kind"].startswith("payables")}
        assert world.company.do_delete(deleted, INVOICE) == {}
        assert world.company.do_void(voided, INVOICE) == {}
        assert world.company.do_edit_distributions(changed, INVOICE, swapped(world, changed)) == {}
        posted = {number for batch in bills for number in world.company.do_post_batch(batch)["posted"]}
        before = world.company.records()

        world.call("run", "trial")

        assert world.company.records() == before
        assert set(world.documents(Gone)) == {deleted, voided}
        assert set(world.documents(Posted)) == posted
        assert world.codes(id_of(changed)) == {"distributions.differ"}
        world.assert_ledger_is_right()
        world.assert_a_further_run_changes_nothing()

        world.call("reenter", "trial", deleted, "--reason", "deleted by mistake")
        world.finish()
        assert set(world.in_gp()) - {it["number"] for it in before["documents"]} == {f"{deleted}-2"}
        world.assert_ledger_is_right()

        world.call("reenter", "trial", voided, "--reason", "voided by mistake")
        world.finish()
        assert world.in_gp()[voided]["voided"]
        assert not world.in_gp()[f"{voided}-2"]["voided"]
        world.call("accept", "trial", changed, "--reason", "the department was wrong")
        assert changed in world.documents(Entered)
        world.assert_exactly_once()


def test_an_invoice_edited_after_its_entry_is_held_and_one_that_is_paid_is_not(
    tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """A price is corrected in ServiceTitan: GP is left as it is. A payment moves the balance: nothing happened."""
    with a_world(tmp_path / "world", an_empty_ledger("sqlite"), nursery) as world:
        world.finish()
        before = world.company.records()
        edited, paid, *_ = map(id_of, ordinary(world))
        world.shop.do_edit_invoice(edited)
        world.shop.do_touch_invoice(paid)
        world.call("run", "trial")
        assert world.company.records() == before
        assert world.codes(edited) == {"source.edited_after_entry"}
        assert (world.newest(edited).version, world.newest(paid).version) == (2, 1)
        world.assert_ledger_is_right()
        world.assert_a_further_run_changes_nothing()


@DATABASES
@pytest.mark.parametrize("moment", [Moment.BEFORE_DEED, Moment.BEFORE_ANSWER])
def test_an_invoice_edited_while_its_document_is_in_doubt_waits_for_the_truth(
    database: str, moment: Moment, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """If GP has the old version, the new one is held; if not, the new one alone is entered."""
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery, pause=1.5) as world:
        assert world.run_into("POST", moment, nth=3)
        number = next(iter(world.documents(InDoubt)))
        told = world.shop.do_edit_invoice(id_of(number))
        world.finish()
        order = [it.event.name for it in world.events() if it.event.docket_id in dockets_of(world, id_of(number))]
        if moment is Moment.BEFORE_ANSWER:
            assert world.codes(id_of(number)) == {"source.edited_after_entry"}
            assert world.in_gp()[number]["document_amount"] != told["total"]
            assert order.index("document.settled") < order.index("docket.held")
            world.assert_ledger_is_right()
            world.assert_a_further_run_changes_nothing()
        else:
            assert world.in_gp()[number]["document_amount"] == told["total"]
            assert order.index("document.not_there") < order.index("docket.superseded")
            truth = without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop)
            world.assert_exactly_once(truth)


@pytest.mark.parametrize("when", ["swept", "planned"])
@pytest.mark.parametrize("edit", ["another price", "a credit", "deleted", "free of charge"])
def test_an_invoice_edited_before_its_entry_is_entered_once_as_it_is_now(
    when: str, edit: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Its first version was swept, or planned, by a run that died; the second takes its place, whatever it is."""
    with a_world(tmp_path / "world", an_empty_ledger("sqlite"), nursery, mode="review") as world:
        assert world.run_into("Financial/Accounts", Moment.BEFORE_DEED)
        if when == "planned":
            world.call("run", "trial")
        change(world, EXPLAINED, edit)
        world.finish_reviewed()
        truth = without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop)
        world.assert_exactly_once(truth)


def test_a_held_invoice_that_is_mended_in_servicetitan_is_entered_once(
    tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Its header did not agree with its lines; edited, it is read again by itself."""
    with a_world(tmp_path / "world", an_empty_ledger("sqlite"), nursery) as world:
        world.finish()
        assert world.codes(10476) == {"source.header_differs"}
        world.shop.do_edit_invoice(10476)  # which adds it up
        world.finish()
        assert "STI10476" in world.in_gp()
        truth = without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop)
        world.assert_exactly_once(truth)


@pytest.mark.parametrize("refused_by_gp", [True, False])
def test_two_bills_with_one_vendor_invoice_number_are_never_both_entered(
    refused_by_gp: bool, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Both wait for approval, so GP knows neither: the second is held, whether or not GP would refuse it."""
    with a_world(tmp_path / "world", an_empty_ledger("sqlite"), nursery, mode="review") as world:
        world.company.do_set(allow_duplicate_vendor_documents=not refused_by_gp)
        world.call("run", "trial")
        first, second = sorted((8904, 8905), key=lambda id: bool(world.codes(id)))
        assert (world.codes(first), world.codes(second)) == (set(), {"vendor_invoice.duplicate"})
        world.call("replay", "trial", "--all")
        world.finish_reviewed()
        assert f"STB{first}" in world.in_gp()
        assert f"STB{second}" not in world.in_gp()
        assert world.codes(second) == {"vendor_invoice.duplicate"}
        world.assert_exactly_once()


def change(world: World, invoice: int, edit: str) -> None:
    match edit:
        case "another price":
            world.shop.do_edit_invoice(invoice)
        case "a credit":
            world.shop.do_edit_invoice(invoice, price="-100.00")
        case "deleted":
            world.shop.do_delete_invoice(invoice)
        case "free of charge":
            world.shop.do_edit_invoice(invoice, price="0.00")


def swapped(world: World, number: str) -> list[dict[str, object]]:
    """The distributions of a document with the first sale on another department's account."""
    lines = [dict(it) for it in world.in_gp()[number]["distributions"]]
    sale = next(it for it in lines if it["type"] == 9)
    others = {it.number for it in world.company.accounts() if it.number[3:] == sale["account"][3:]}
    sale["account"] = min(others - {sale["account"]})
    return lines


def ordinary(world: World) -> list[str]:
    """The numbers of the invoices that GP holds, but for those with a long id."""
    return sorted(number for number in world.in_gp() if number.startswith("STI1"))


def id_of(number: str) -> int:
    return int(number[3:].partition("-")[0])


def dockets_of(world: World, source_id: int) -> set[int]:
    newest = world.newest(source_id)
    return {it.id for it in world.ledger.dockets_of(newest.kind, source_id)}
