"""The product is killed at every boundary of its steps, one after the other; GP holds each document once all the same.

A boundary is a request (before its deed, between deed and answer, after the answer) or an entry in the trail. Each
kill is followed by a run of the same ledger, which is killed at the next boundary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ml_connector.docket.stages import Planned
from ml_connector.sandbox.faults import Fault
from tests.simulation.nursery import Nursery
from tests.simulation.watched import Moment
from tests.simulation.world import a_shop, a_world, without_trouble

READING = (("connect/token", 1), ("export/invoices", 1), ("export/invoices", 2), ("export/inventory-bills", 1))
FACTS = {
    "one": ("Financial/Accounts", "Financial/FiscalPeriods", "Company/TaxDetails"),
    "two": ("Financials/GLAccounts", "Financials/Periods", "System/TaxDetails"),
}
PARTIES = {
    "one": ("Sales/Customers", "Sales/CustomerClasses", "Purchasing/Vendors", "Purchasing/VendorClasses"),
    "two": ("Sales/Customers", "Sales/Classes", "Purchasing/Vendors", "Purchasing/Classes"),
}
RECEIVABLES = {
    "one": ("GET Sales/ReceivablesTransactions", "POST Sales/ReceivablesTransactions", "with Distributions"),
    "two": ("GET Dynamics/Sales/Receivables/", "POST Dynamics/Sales/Receivables/", "Transactions/Distributions"),
}
PAYABLES = {
    "one": ("GET Purchasing/PayablesTransactions", "POST Purchasing/PayablesTransactions"),
    "two": ("GET Dynamics/Purchasing/Payables/", "POST Dynamics/Purchasing/Payables/"),
}
BATCHES = {"one": "Financial/Batches", "two": "System/Batches"}


def boundaries(dialect: str) -> Sequence[tuple[str, int]]:
    """The requests of a run in their order, each with how often it is let pass and one more."""
    gather = ("purchase-orders", *PARTIES[dialect], "tax-zones")
    find, create, read_back = RECEIVABLES[dialect]
    find_bills, create_bill = PAYABLES[dialect]
    return (
        *READING,
        *((label, 1) for label in FACTS[dialect]),
        *((label, 1) for label in gather),
        (find_bills, 1),  # vendors' invoice numbers
        (find, 1),
        (create, 1),
        (create, 2),
        (read_back, 1),
        (create_bill, 1),
        (create_bill, 2),
        (find, 2),
        (BATCHES[dialect], 1),
    )


@pytest.mark.parametrize(("database", "dialect"), [("sqlite", "one"), ("postgresql", "two")])
def test_killed_around_every_kind_of_request_it_still_enters_each_document_once(
    database: str, dialect: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Sixty kills and more in one ledger, each before a deed, before its answer, or after it."""
    with a_world(
        tmp_path / "world", an_empty_ledger(database), nursery, shop=a_shop(90, 40, page_rows=15), dialect=dialect
    ) as world:
        for label, nth in boundaries(dialect):
            for moment in Moment:
                assert world.run_into(label, moment, nth=nth), world.history[-5:]
                if label == BATCHES[dialect] or nth == 2:
                    world.trade_goes_on(3)
        world.finish()
        truth = without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop)
        world.assert_exactly_once(truth)
        assert not world.watch.second_copies
        assert world.kills == 3 * len(boundaries(dialect))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_after_every_kind_of_entry_in_the_trail_it_still_enters_each_document_once(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """What is durable when it dies is what the next run begins with, whichever step was the last."""
    lost_before, lost_after, locked = Fault.ANSWER_LOST_BEFORE, Fault.ANSWER_LOST_AFTER, Fault.BATCH_LOCKED
    steps: Sequence[tuple[str, Fault | None]] = (
        ("run.started", None),
        ("sweep.page", None),
        ("docket.planned", None),
        ("document.held", None),  # a stranger's document stands under our number
        ("batch.opened", None),
        ("document.claimed", None),
        ("document.entered", None),
        ("document.read_back", None),
        ("document.in_doubt", lost_before),
        ("document.not_there", None),
        ("document.in_doubt", lost_after),
        ("document.settled", None),
        ("document.deferred", locked),
        ("document.taken_up", None),
        ("run.ended", None),
    )
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery, shop=a_shop(page_rows=10)) as world:
        for event, fault in steps:
            if fault:
                world.faults.order(fault, method="POST")
            assert world.run_until(event), world.history[-5:]
            world.trade_goes_on(2)
        world.finish()
        truth = without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop)
        world.assert_exactly_once(truth)
        assert not world.watch.second_copies
        assert world.kills == len(steps)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_killed_while_a_reviewed_plan_is_entered_it_still_enters_each_document_once(
    database: str, tmp_path: Path, nursery: Nursery, an_empty_ledger: Callable[[str], str]
) -> None:
    """Review mode: nothing is entered before a person approves; the approval, once stored, outlives the process."""
    with a_world(tmp_path / "world", an_empty_ledger(database), nursery, mode="review") as world:
        assert world.run_until("docket.planned")
        world.call("run", "trial")
        assert world.in_gp() == {}
        world.run_until("document.approved", *world.approval())
        for moment in Moment:
            assert world.run_into("POST Sales", moment, nth=4)
        assert world.run_into("POST Purchasing", Moment.BEFORE_ANSWER)  # nobody approves again: it was approved
        assert not world.documents(Planned)
        world.finish()
        truth = without_trouble(tmp_path / "truth", an_empty_ledger("sqlite"), nursery, world.shop)
        world.assert_exactly_once(truth)
        assert not world.watch.second_copies
