"""What GP refuses when a document is entered. One rule, one function; GP tells all that it finds.

Lengths, sums and distribution types are those of eConnect's taRMTransaction, taPMTransactionInsert, taRMDistribution
and taPMDistribution. Whether GP refuses a closed period, an inactive account or an unbalanced distribution at entry or
only when the batch is posted is not documented for each document; here it does at entry, and for the closed period the
setting decides.
"""
# ruff: noqa: ARG001 - every rule is asked the same question

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from ml_connector.money import Currency, is_whole
from ml_connector.sandbox.company.errors import Reason, Refusal
from ml_connector.sandbox.company.records import (
    BatchStatus,
    Distribution,
    Draft,
    Kind,
    Module,
    Series,
    Settings,
    Tables,
    key,
)

Rule: TypeAlias = Callable[[Draft, Tables, Settings], Iterator[Refusal]]

LENGTHS = {
    "number": 17,
    "party": 15,
    "batch": 15,
    "description": 30,
    "customer_po": 20,
    "vendor_document": 20,
}
DISTRIBUTION_REFERENCE_LENGTH = 30

TYPES = {
    Kind.RECEIVABLES_INVOICE: frozenset({1, 2, 3, 5, *range(8, 16), 23, 24}),
    Kind.RECEIVABLES_CREDIT_MEMO: frozenset({*range(1, 9), *range(10, 16), 19, 23, 24}),
    Kind.PAYABLES_INVOICE: frozenset(range(1, 17)),
    Kind.PAYABLES_CREDIT_MEMO: frozenset(range(1, 17)),
}
# What carries the document amount on the party's side: cash, receivable or payable, discount available.
PARTY_SIDE = {Module.RECEIVABLES: frozenset({1, 3, 5}), Module.PAYABLES: frozenset({1, 2, 3})}


def fields_present(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    required = ["number", "party"]
    if draft.kind.module is Module.PAYABLES:
        required.append("vendor_document")
    for name in required:
        if not getattr(draft, name).strip():
            yield Refusal(Reason.FIELD_MISSING, f"Required field {name} is missing or empty.")


def fields_fit(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    lengths = [(name, getattr(draft, name), length) for name, length in LENGTHS.items()]
    lengths += [("reference", line.reference, DISTRIBUTION_REFERENCE_LENGTH) for line in draft.distributions]
    for name, value, length in lengths:
        if len(value.rstrip()) > length:
            yield Refusal(Reason.FIELD_TOO_LONG, f"Value '{value}' of {name} is longer than {length} characters.")


def number_is_free(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    if (draft.kind.module, key(draft.number)) in tables.documents:
        keys = "RM" if draft.kind.module is Module.RECEIVABLES else "PM"
        yield Refusal(Reason.NUMBER_TAKEN, f"Key already exists in {keys} Keys Master: {key(draft.number)}")


def vendor_document_is_free(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    if draft.kind.module is not Module.PAYABLES or settings.allow_duplicate_vendor_documents:
        return
    if tables.vendor_documents[draft.kind, key(draft.party), key(draft.vendor_document)] > 0:
        yield Refusal(
            Reason.VENDOR_DOCUMENT_TAKEN,
            f"VendorDocumentNumber already exists: {draft.vendor_document.strip()} for vendor {key(draft.party)}",
        )


def party_is_active(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    if draft.kind.module is Module.RECEIVABLES:
        customer = tables.customers.get(key(draft.party))
        if customer is None:
            yield Refusal(Reason.CUSTOMER_UNKNOWN, f"Customer does not exist: {key(draft.party)}")
        elif not customer.active:
            yield Refusal(Reason.CUSTOMER_INACTIVE, f"Customer is inactive: {key(draft.party)}")
    else:
        vendor = tables.vendors.get(key(draft.party))
        if vendor is None:
            yield Refusal(Reason.VENDOR_UNKNOWN, f"Vendor does not exist: {key(draft.party)}")
        elif not vendor.active:
            yield Refusal(Reason.VENDOR_INACTIVE, f"Vendor is inactive: {key(draft.party)}")


def accounts_take_entries(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    for number in dict.fromkeys(line.account.strip() for line in draft.distributions):
        account = tables.accounts.get(number)
        if account is None:
            yield Refusal(Reason.ACCOUNT_UNKNOWN, f"Account number does not exist: {number}")
        elif not account.active:
            yield Refusal(Reason.ACCOUNT_INACTIVE, f"Account is inactive: {number}")
        elif not account.allows_entry:
            yield Refusal(Reason.ACCOUNT_REFUSES_ENTRY, f"Account does not allow account entry: {number}")


def amounts_are_valid(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    amounts = [
        *(draft.base_amount, draft.document_amount, draft.trade_discount, draft.freight, draft.miscellaneous),
        *(draft.tax, draft.amount_1099),
        *(amount for line in draft.distributions for amount in (line.debit, line.credit)),
        *(amount for line in draft.taxes for amount in (line.taxable, line.total, line.tax)),
    ]
    for amount in amounts:
        if amount < 0 or amount >= Decimal(10) ** 14 or not is_whole(amount, Currency.USD):
            yield Refusal(Reason.AMOUNT_INVALID, f"Amount is not valid: {amount}")


def amounts_add_up(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    expected = draft.base_amount - draft.trade_discount + draft.freight + draft.miscellaneous + draft.tax
    if draft.document_amount != expected:
        yield Refusal(
            Reason.AMOUNTS_DO_NOT_ADD_UP,
            f"Document amount {draft.document_amount} is not the sum of its parts, {expected}.",
        )


def taxes_add_up(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    for line in draft.taxes:
        if key(line.detail) not in tables.tax_details:
            yield Refusal(Reason.TAX_DETAIL_UNKNOWN, f"Tax detail does not exist: {key(line.detail)}")
    detailed = sum((line.tax for line in draft.taxes), Decimal(0))
    if detailed != draft.tax:
        yield Refusal(Reason.TAXES_DIFFER, f"Tax amount {draft.tax} is not the sum of the tax details, {detailed}.")


def distribution_types_fit(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    for number in sorted({line.type for line in draft.distributions} - TYPES[draft.kind]):
        yield Refusal(
            Reason.DISTRIBUTION_TYPE_INVALID, f"Distribution type {number} is not valid for a {draft.kind.value}."
        )


def distributions_balance(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    if settings.creates_distributions:
        return  # what was sent will be thrown away
    if not draft.distributions:
        yield Refusal(Reason.DISTRIBUTIONS_MISSING, "No distributions were provided for the document.")
        return
    debits = sum((line.debit for line in draft.distributions), Decimal(0))
    credits = sum((line.credit for line in draft.distributions), Decimal(0))
    if debits != credits:
        yield Refusal(
            Reason.DISTRIBUTIONS_UNBALANCED, f"Distributions are out of balance: debit {debits}, credit {credits}."
        )
    side = _party_side(draft)
    if side != draft.document_amount:
        yield Refusal(
            Reason.DISTRIBUTIONS_DIFFER_FROM_AMOUNT,
            f"Distributions to the party's account, {side}, are not the document amount {draft.document_amount}.",
        )


def period_is_open(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    if draft.posting_date is not None:
        for refusal in period_refusals(draft.posting_date, draft.kind.module, tables):
            if settings.refuses_closed_period or refusal.reason is Reason.PERIOD_MISSING:
                yield refusal


def batch_is_available(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    batch = tables.batches.get(key(draft.batch))
    if batch is None:
        return
    if batch.origin != draft.kind.module.origin:
        yield Refusal(
            Reason.BATCH_OF_OTHER_ORIGIN, f"Batch {key(draft.batch)} already exists with origin {batch.origin}."
        )
    if batch.status is not BatchStatus.AVAILABLE:
        yield batch_locked(draft.batch)


def currency_is_known(draft: Draft, tables: Tables, settings: Settings) -> Iterator[Refusal]:
    if draft.currency.strip() not in ("", tables.setup.currency):
        yield Refusal(Reason.CURRENCY_UNKNOWN, f"Currency is not set up for this company: {draft.currency.strip()}")


RULES: tuple[Rule, ...] = (
    fields_present,
    fields_fit,
    number_is_free,
    vendor_document_is_free,
    party_is_active,
    accounts_take_entries,
    amounts_are_valid,
    amounts_add_up,
    taxes_add_up,
    distribution_types_fit,
    distributions_balance,
    period_is_open,
    batch_is_available,
    currency_is_known,
)


def refusals(draft: Draft, tables: Tables, settings: Settings) -> tuple[Refusal, ...]:
    """Everything GP has against this document; nothing, where it may be entered."""
    return tuple(refusal for rule in RULES for refusal in rule(draft, tables, settings))


def period_refusals(day: date, module: Module, tables: Tables) -> Iterator[Refusal]:
    """Why nothing of this subledger may be posted on that day: its own series, Financial, or the year."""
    period = tables.period_of(day)
    if period is None:
        yield Refusal(Reason.PERIOD_MISSING, f"No fiscal period is set up for {day}.")
        return
    if period.historical:
        yield Refusal(Reason.PERIOD_CLOSED, f"Fiscal year {period.year} is closed; {day} is in a historical year.")
        return
    for series in (module.series, Series.FINANCIAL):
        if series in period.closed:
            yield Refusal(
                Reason.PERIOD_CLOSED,
                f"The fiscal period for {day} is closed: period {period.number} of {period.year}, {series.value}.",
            )


def batch_locked(batch: str) -> Refusal:
    return Refusal(Reason.BATCH_LOCKED, f"Batch {key(batch)} is currently being posted or edited by another user.")


def _party_side(draft: Draft) -> Decimal:
    """What the distributions put on the party's account, in the direction that the kind of document has."""
    lines = [line for line in draft.distributions if line.type in PARTY_SIDE[draft.kind.module]]
    debits = sum((_debit_less_credit(line) for line in lines), Decimal(0))
    is_debit = (draft.kind.module is Module.RECEIVABLES) is not draft.kind.is_credit
    return debits if is_debit else -debits


def _debit_less_credit(line: Distribution) -> Decimal:
    return line.debit - line.credit
