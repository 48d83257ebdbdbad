"""Every check of a document, all findings at once: a bookkeeper mends a document once, not once per rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from ml_connector.books.document import Document
from ml_connector.books.facts import CompanyFacts
from ml_connector.checks import arithmetic, dates, limits, references
from ml_connector.findings import Finding

Check: TypeAlias = Callable[[Document, CompanyFacts], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    arithmetic.debits_equal_credits,
    arithmetic.amount_is_more_than_zero,
    arithmetic.control_carries_the_amount,
    arithmetic.parts_are_the_distributions,
    arithmetic.taxes_add_up,
    references.types_fit_the_kind,
    references.every_account_can_be_used,
    references.control_accounts_stay_apart,
    references.party_can_be_used,
    references.tax_details_exist,
    references.vendor_invoice_is_new,
    dates.posting_date_in_open_period,
    dates.posting_date_is_the_documents,
    dates.due_not_before_document,
    limits.keys_fit,
    limits.amounts_fit,
)


def run(document: Document, facts: CompanyFacts) -> tuple[Finding, ...]:
    """Every finding of every check; those that only warn are among them."""
    return tuple(finding for check in CHECKS for finding in check(document, facts))
