"""Each rule of GP, broken by one document; and all that is wrong with a document, told at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from ml_connector.books.distribution import Distribution, PayablesType, ReceivablesType
from ml_connector.books.document import Document, DocumentKind, ReceivablesDocument, TaxDetail
from ml_connector.books.facts import CompanyFacts, PartyCard
from ml_connector.books.period import Series
from ml_connector.checks import run as checks
from ml_connector.checks.references import ALLOWED_TYPES
from ml_connector.findings import Finding, holding
from tests.builders import DAY, a_document, a_voucher, account, an_account, facts, periods, usd

NUMBER_TOO_LONG = "STI1234567890123"


def codes(document: Document, books: CompanyFacts | None = None) -> list[str]:
    return [finding.code for finding in checks.run(document, books or facts())]


def with_account(number: str, **fields: Any) -> CompanyFacts:
    return facts(accounts={**facts().accounts, number: an_account(number, **fields)})


def with_customer(**fields: Any) -> CompanyFacts:
    return facts(customers={"SMITH001": replace(PartyCard("SMITH001", "Maria Smith", True), **fields)})


def changed(document: ReceivablesDocument, index: int, **fields: Any) -> ReceivablesDocument:
    lines = list(document.distributions)
    lines[index] = replace(lines[index], **fields)
    return replace(document, distributions=tuple(lines))


def a_credit_memo() -> ReceivablesDocument:
    """The document of the design's example, taken back: every side turned, and what was sold is CRMEMO."""
    document = a_document()
    turned = [replace(it, debit=it.credit, credit=it.debit) for it in document.distributions]
    turned[1] = replace(turned[1], type=ReceivablesType.CRMEMO)
    kind = DocumentKind.RECEIVABLES_CREDIT_MEMO
    return replace(document, kind=kind, number="STC10482", distributions=tuple(turned))


@pytest.mark.parametrize("document", [a_document(), a_voucher(), a_credit_memo()])
def test_a_sound_document_passes(document: Document) -> None:
    """Nothing to say, not even a warning."""
    assert checks.run(document, facts()) == ()


def a_sale_of(sales: str, booked: str) -> ReceivablesDocument:
    return changed(a_document(sales=usd(sales)), 1, credit=usd(booked))


@pytest.mark.parametrize(
    ("document", "books", "expected"),
    [
        # it does not add up
        (a_sale_of("100.00", "99.99"), None, ["distribution.unbalanced", "document.part_differs"]),
        (a_sale_of("99.99", "100.00"), None, ["document.amount_differs", "document.part_differs"]),
        (a_document(taxes=()), None, ["document.amount_differs", "document.part_differs"]),
        (a_voucher(freight=usd("5.00")), None, ["document.amount_differs", "document.part_differs"]),
        (
            a_document(taxes=(TaxDetail("CO-DENVER", usd("8.25"), usd("200.00"), usd("100.00")),)),
            None,
            ["tax.implausible"],
        ),
        # accounts
        (changed(a_document(), 1, account=account("100-9999-02")), None, ["account.missing"]),
        (a_document(), with_account("100-4110-02", active=False), ["account.inactive"]),
        (a_document(), with_account("100-4110-02", allows_entry=False), ["account.no_entry"]),
        (changed(a_document(), 1, account=account("000-2100-00")), None, ["account.control"]),
        (a_document(), with_customer(control=account("100-4110-02")), ["account.control"]),
        # parties
        (a_document(), facts(customers={}), ["customer.missing"]),
        (a_document(), with_customer(active=False), ["customer.inactive"]),
        (a_document(), with_customer(on_hold=True), ["customer.on_hold"]),
        (a_document(), with_customer(over_limit=True), ["customer.over_limit"]),
        (a_voucher(), facts(vendors={}), ["vendor.missing"]),
        (
            a_voucher(),
            facts(vendors={"FERGUSON0001": PartyCard("FERGUSON0001", "Ferguson", False, on_hold=True)}),
            ["vendor.inactive", "vendor.on_hold"],
        ),
        (a_document(), facts(tax_details=frozenset()), ["tax_detail.missing"]),
        (
            a_voucher(),
            facts(vendor_invoices={("FERGUSON0001", "INV-5521"): "STB1"}),
            ["vendor_invoice.duplicate"],
        ),
        (a_voucher(), facts(vendor_invoices={("FERGUSON0001", "INV-5521"): "STB8907"}), []),
        # dates
        (a_document(), facts(periods=()), ["period.unknown"]),
        (a_document(), facts(periods=tuple(periods(closed=[3]))), ["period.closed"]),
        (a_document(), facts(periods=tuple(periods(closed=[3], series=frozenset({Series.PURCHASING})))), []),
        (
            a_voucher(),
            facts(periods=tuple(periods(closed=[3], series=frozenset({Series.FINANCIAL})))),
            ["period.closed"],
        ),
        (a_document(), facts(periods=tuple(replace(it, year_closed=True) for it in periods())), ["period.closed"]),
        (a_document(posting_date=date(2026, 4, 1)), None, ["period.moved"]),
        (a_document(due_date=DAY - timedelta(1)), None, ["date.due_before_document"]),
        # fields
        (a_document(number=NUMBER_TOO_LONG), None, ["field.too_long"]),
        (a_document(description="x" * 31), None, ["field.too_long"]),
        (a_document(description="Żółw"), None, ["field.characters"]),
        (a_document(description=" led by a blank"), None, ["field.characters"]),
        (a_voucher(vendor_invoice_number="V" * 21), None, ["field.too_long"]),
        # types
        (changed(a_document(), 1, type=ReceivablesType.CRMEMO), None, ["distribution.type"]),
    ],
)
def test_each_rule_finds_its_own(document: Document, books: CompanyFacts | None, expected: list[str]) -> None:
    """One thing wrong, and only that is told."""
    assert codes(document, books) == expected


def test_a_credit_memo_has_no_sales() -> None:
    """GP's SALES type exists on invoices alone."""
    sold = changed(a_credit_memo(), 1, type=ReceivablesType.SALES)
    assert codes(sold) == ["distribution.type"]


def test_allowed_types_are_those_of_gp() -> None:
    """As eConnect lists them: SALES on invoices only, CRMEMO on credit memos only, PAY and PURCH on both of payables."""
    invoice, memo = ALLOWED_TYPES[DocumentKind.RECEIVABLES_INVOICE], ALLOWED_TYPES[DocumentKind.RECEIVABLES_CREDIT_MEMO]
    assert ReceivablesType.SALES.value in invoice - memo
    assert ReceivablesType.CRMEMO.value in memo - invoice
    for kind in (DocumentKind.PAYABLES_INVOICE, DocumentKind.PAYABLES_CREDIT_MEMO):
        assert {it.value for it in PayablesType} <= ALLOWED_TYPES[kind]


def test_all_is_told_at_once() -> None:
    """Four things are wrong, and the bookkeeper opens the document once."""
    books = replace(
        with_account("100-4110-02", active=False),
        customers={},
        periods=tuple(periods(closed=[3])),
        tax_details=frozenset(),
    )
    assert codes(a_document(), books) == [
        "account.inactive",
        "customer.missing",
        "tax_detail.missing",
        "period.closed",
    ]


def test_warnings_hold_nothing() -> None:
    """On hold, over the limit, moved, due too early: told, and entered."""
    books = with_customer(on_hold=True, over_limit=True)
    found = checks.run(a_document(due_date=DAY - timedelta(1), posting_date=date(2026, 4, 1)), books)
    assert len(found) == 4
    assert holding(found) == ()


def test_a_finding_says_what_clashes_and_where_to_mend_it() -> None:
    """The account, the line, the row of the rulebook, the window of GP."""
    (found,) = checks.run(a_document(), with_account("100-4110-02", active=False))
    assert found == Finding(
        "account.inactive",
        "STI10482, line 1 AC-TUNE",
        "account 100-4110-02 (Service Sales - HVAC) is inactive in GP",
        "In GP, clear Inactive on 100-4110-02 (Cards > Financial > Account); or name another account in Accounts row 2 of "
        "the rulebook and import it; then replay.",
    )


def test_a_document_of_nothing_is_refused() -> None:
    """GP takes only amounts above zero."""
    zero = usd("0.00")
    lines = (
        Distribution(account("100-4110-02"), ReceivablesType.SALES, zero, usd("5.00")),
        Distribution(account("100-4110-02"), ReceivablesType.SALES, usd("5.00"), zero),
    )
    found = codes(a_document(sales=zero, taxes=(), distributions=lines))
    assert found == ["document.amount", "document.amount_differs"]
