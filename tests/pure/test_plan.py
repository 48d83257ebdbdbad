"""What holds for every invoice and every bill, whatever they say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import assume, currently_in_test_context, event, given
from hypothesis import strategies as st

from ml_connector.books.canonical import digest, from_bytes, to_bytes
from ml_connector.books.characters import holds
from ml_connector.books.document import Document, PayablesDocument, ReceivablesDocument, credits, debits
from ml_connector.books.outcomes import Held, Plan, Ready, Skipped, Waiting
from ml_connector.books.text import text_of
from ml_connector.checks import run as checks
from ml_connector.field.snapshot import BillSnapshot, InvoiceSnapshot, Snapshot, headline
from ml_connector.findings import holding
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.plan import plan
from ml_connector.money import Currency, total
from tests.builders import a_bill, a_bill_line, a_frame, a_line, a_rulebook, a_tax_zone, an_invoice, options, usd
from tests.pure import sources
from tests.pure.sources import BOOKS, FRAMES, RULEBOOKS


def _documents(ended: Plan) -> tuple[Document, ...]:
    if currently_in_test_context():  # how often each ending comes up: pytest --hypothesis-show-statistics
        event(type(ended).__name__)
    return ended.documents if isinstance(ended, Ready) else ()


def _sound(document: Document, snapshot: Snapshot) -> None:
    """It balances, it is worth what its source is, GP would take it, and its bytes are its own."""
    _, _, amount = headline(snapshot.source)
    assert debits(document) == credits(document)
    assert amount is not None
    assert document.amount.amount == abs(amount)
    assert document.kind.is_credit == (amount < 0)
    assert document.tax.amount == abs((snapshot.source.tax or 0) if isinstance(snapshot, InvoiceSnapshot) else 0)
    assert holding(checks.run(document, BOOKS)) == ()
    assert from_bytes(to_bytes(document)) == document
    texts = [document.description, *(it.reference for it in document.distributions)]
    assert all(len(text) <= 30 and holds(text) for text in texts)
    assert text_of(document)


@given(sources.consistent_invoices(), sources.frames, sources.days)
def test_every_ready_invoice_is_sound(snapshot: InvoiceSnapshot, frame: Frame, day: date) -> None:
    """Whatever its lines, discounts and taxes: to the cent, and within GP's rules."""
    dated = replace(snapshot, source=replace(snapshot.source, invoice_date=day))
    for document in _documents(plan(dated, frame)):
        _sound(document, dated)
        assert isinstance(document, ReceivablesDocument)
        assert len({detail.detail for detail in document.taxes}) == len(document.taxes)
        assert all(detail.tax.amount > 0 for detail in document.taxes)


@given(sources.consistent_bills(), sources.frames, sources.days)
def test_every_ready_bill_is_sound(snapshot: BillSnapshot, frame: Frame, day: date) -> None:
    """Whatever its lines bear of tax and freight: to the cent, and within GP's rules."""
    dated = replace(snapshot, source=replace(snapshot.source, bill_date=day))
    for document in _documents(plan(dated, frame)):
        _sound(document, dated)
        assert isinstance(document, PayablesDocument)
        assert not document.income_1099


@given(st.lists(sources.invoice_lines(), min_size=1, max_size=6), sources.frames)
def test_a_consistent_invoice_is_ready_or_nothing(lines: list[object], frame: Frame) -> None:
    """Without tax there is nothing to trip over: an invoice that adds up is entered, or comes to nothing."""
    ended = plan(InvoiceSnapshot(an_invoice(lines)), frame)  # type: ignore[arg-type]
    assert isinstance(ended, Ready | Skipped)


@given(sources.consistent_invoices() | sources.consistent_bills(), sources.frames)
def test_the_same_input_gives_the_same_bytes(snapshot: Snapshot, frame: Frame) -> None:
    """Planned by another process, with a chooser that remembers nothing: the same document, so the same hash."""
    first, second = plan(snapshot, frame), plan(snapshot, Frame.of(frame.rulebook, frame.facts, frame.prefix))
    assert first == second
    for one, other in zip(_documents(first), _documents(second), strict=True):
        assert to_bytes(one) == to_bytes(other)
        assert digest(one) == digest(other)


@given(sources.damaged() | sources.garbage_invoices | sources.garbage_bills, sources.frames, st.integers(1, 10**9))
def test_nothing_that_a_wire_may_say_is_an_exception(snapshot: Snapshot, frame: Frame, revision: int) -> None:
    """None everywhere, amounts of any size, no number at all: an ending, with findings that a person can read."""
    ended = plan(snapshot, frame, revision)
    event(type(ended).__name__)
    match ended:
        case Held(findings):
            assert findings
            assert all(it.code and it.where and it.says and it.remedy and not it.warns for it in findings)
        case Ready(documents):
            for document in documents:
                checks.run(document, BOOKS)
        case Skipped(code, reason):
            assert code
            assert reason
        case Waiting(reason):
            assert reason


@given(sources.consistent_invoices(), st.integers(1, 400))
def test_a_cent_too_many_is_never_entered(snapshot: InvoiceSnapshot, cents: int) -> None:
    """Whatever else is wrong with it: a total that is not its lines and tax is held."""
    off = (snapshot.source.total or Decimal(0)) + Decimal(cents).scaleb(-2)
    ended = plan(replace(snapshot, source=replace(snapshot.source, total=off)), FRAMES[0])
    assert isinstance(ended, Held)
    assert "source.header_differs" in {finding.code for finding in ended.findings}


@given(st.integers(1, 40), st.lists(st.decimals("0.0001", "0.12", places=4), min_size=2, max_size=5))
def test_a_tax_of_a_few_cents_is_split_without_going_below_nothing(cents: int, rates: list[Decimal]) -> None:
    """Five authorities share two cents: each gets nothing or a cent, and nobody pays one back."""
    zone = a_tax_zone(*((name, str(rate)) for name, rate in zip(sources.RATES, rates, strict=False)))
    tax = Decimal(cents).scaleb(-2)
    ended = plan(InvoiceSnapshot(an_invoice([a_line("10.00")], str(tax)), tax_zone=zone), FRAMES[0])
    (document,) = _documents(ended)
    assert isinstance(document, ReceivablesDocument)
    assert all(detail.tax.amount > 0 for detail in document.taxes)
    assert total((detail.tax for detail in document.taxes), Currency.USD).amount == tax


@given(st.lists(st.decimals("0.001", "0.999", places=3), min_size=1, max_size=30))
def test_lines_finer_than_a_cent_add_up(costs: list[Decimal]) -> None:
    """ServiceTitan rounds a bill once; so do we, and no line is more than a cent from its exact amount."""
    lines = [a_bill_line("1", str(cost)) for cost in costs]
    whole = sum(costs, Decimal(0)).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    assume(whole)
    (document,) = _documents(plan(BillSnapshot(a_bill(lines, amount=whole)), a_frame()))
    assert document.amount.amount == whole
    assert holding(checks.run(document, BOOKS)) == ()


@pytest.mark.parametrize("revision", [1, 2])
def test_an_id_that_makes_no_number_is_held(revision: int) -> None:
    """An id near the end of 64 bits leaves no room for a prefix of two letters: told, and not thrown."""
    for snapshot in (InvoiceSnapshot(an_invoice(id=2**63 - 1, tax_zone_id=None)), BillSnapshot(a_bill(id=2**63 - 1))):
        ended = plan(snapshot, a_frame(), revision)
        assert isinstance(ended, Held)
        assert "number.too_long" in [finding.code for finding in ended.findings]


def test_freight_against_the_bill_is_a_purchase() -> None:
    """A bill of 95.00 with a freight credit of 5.00: GP's header has no negative freight, so it is part of the purchase."""
    frame = a_frame(RULEBOOKS[1], BOOKS)
    bill = a_bill([a_bill_line("2", "50.00")], shipping=Decimal("-5.00"))
    (document,) = _documents(plan(BillSnapshot(bill), frame))
    assert isinstance(document, PayablesDocument)
    assert (document.purchases, document.freight) == (usd("95.00"), usd("0.00"))
    _sound(document, BillSnapshot(bill))


def test_two_rates_may_share_a_tax_detail() -> None:
    """GP keeps one line per tax detail and document; the liabilities stay on their own accounts."""
    shared = [
        {"tax_zone": "Denver", "rate": "Colorado", "tax_detail": "CO-ALL", "account": "000-2210-00"},
        {"tax_zone": "Denver", "rate": "RTD & Cultural", "tax_detail": "CO-ALL", "account": "000-2211-00"},
        {"tax_zone": "Denver", "rate": "Denver", "tax_detail": "CO-DENVER", "account": "000-2212-00"},
    ]
    ended = plan(InvoiceSnapshot(an_invoice(), tax_zone=a_tax_zone()), a_frame(a_rulebook(taxes=shared)))
    (document,) = _documents(ended)
    assert isinstance(document, ReceivablesDocument)
    assert [(it.detail, str(it.tax), str(it.taxable)) for it in document.taxes] == [
        ("CO-ALL", "4.00", "100.00"),
        ("CO-DENVER", "4.81", "100.00"),
    ]
    assert [str(it.credit) for it in document.distributions[2:]] == ["2.90", "1.10", "4.81"]


def test_eligibility_is_asked_of_the_company() -> None:
    """One company enters what is Posted, another only what is Exported."""
    rows = [{"option": "eligible", "company": "FRM", "value": "Exported"}]
    assert isinstance(plan(InvoiceSnapshot(an_invoice(tax="0")), a_frame(a_rulebook(options=rows))), Waiting)
    given_to_all = a_frame(a_rulebook(options=options(eligible="Exported")))
    assert isinstance(plan(InvoiceSnapshot(an_invoice(status="Exported", tax="0")), given_to_all), Ready)
