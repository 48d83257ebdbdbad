"""The accounting documents that we enter in the books, in the books' own words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TypeAlias

from ml_connector.books.account import AccountNumber
from ml_connector.books.distribution import Distribution, PayablesType, ReceivablesType
from ml_connector.books.period import Series
from ml_connector.money import Currency, Money, total


class DocumentKind(Enum):
    """The kinds of document, each with the letter that its numbers carry and the series that it posts in."""

    RECEIVABLES_INVOICE = "receivables invoice"
    RECEIVABLES_CREDIT_MEMO = "receivables credit memo"
    PAYABLES_INVOICE = "payables invoice"
    PAYABLES_CREDIT_MEMO = "payables credit memo"

    @property
    def letter(self) -> str:
        return _LETTERS[self]

    @property
    def series(self) -> Series:
        return Series.SALES if self in RECEIVABLES else Series.PURCHASING

    @property
    def is_credit(self) -> bool:
        """A credit lowers what the party owes or is owed: its amount counts as negative in every total."""
        return self in (DocumentKind.RECEIVABLES_CREDIT_MEMO, DocumentKind.PAYABLES_CREDIT_MEMO)


RECEIVABLES = (DocumentKind.RECEIVABLES_INVOICE, DocumentKind.RECEIVABLES_CREDIT_MEMO)
PAYABLES = (DocumentKind.PAYABLES_INVOICE, DocumentKind.PAYABLES_CREDIT_MEMO)
_LETTERS = {
    DocumentKind.RECEIVABLES_INVOICE: "I",
    DocumentKind.RECEIVABLES_CREDIT_MEMO: "C",
    DocumentKind.PAYABLES_INVOICE: "B",
    DocumentKind.PAYABLES_CREDIT_MEMO: "D",
}


@dataclass(frozen=True, slots=True)
class TaxDetail:
    """One authority's share of a document's tax. `taxable` and `sales` are amounts before tax."""

    detail: str  # GP's tax detail id
    tax: Money
    taxable: Money
    sales: Money


@dataclass(frozen=True, slots=True)
class ReceivablesDocument:
    """A sales invoice or credit memo in the receivables subledger. Amounts are positive; the kind gives the sign."""

    kind: DocumentKind
    number: str  # made from the source and stored before the send, so that a resend is the same document
    company: str  # the rulebook's short name of the GP company
    customer_id: str
    document_date: date
    posting_date: date
    due_date: date | None
    description: str
    customer_po: str  # the number that people know the invoice by in ServiceTitan
    sales: Money
    trade_discount: Money
    taxes: tuple[TaxDetail, ...]
    distributions: tuple[Distribution[ReceivablesType], ...]

    @property
    def tax(self) -> Money:
        return total((detail.tax for detail in self.taxes), self.sales.currency)

    @property
    def amount(self) -> Money:
        return self.sales - self.trade_discount + self.tax

    @property
    def currency(self) -> Currency:
        return self.sales.currency

    @property
    def party_id(self) -> str:
        return self.customer_id


@dataclass(frozen=True, slots=True)
class PayablesDocument:
    """A vendor's invoice (voucher) or credit memo in the payables subledger. All amounts are positive."""

    kind: DocumentKind
    number: str  # GP's voucher number
    company: str
    vendor_id: str
    vendor_invoice_number: str
    document_date: date
    posting_date: date
    due_date: date | None
    description: str
    purchases: Money
    freight: Money
    income_1099: Money  # the part of the amount that is 1099 income
    distributions: tuple[Distribution[PayablesType], ...]

    @property
    def tax(self) -> Money:
        """Tax on a bill is part of what was bought, never a tax line of its own."""
        return Money.zero(self.purchases.currency)

    @property
    def amount(self) -> Money:
        return self.purchases + self.freight

    @property
    def currency(self) -> Currency:
        return self.purchases.currency

    @property
    def party_id(self) -> str:
        return self.vendor_id


Document: TypeAlias = ReceivablesDocument | PayablesDocument


class StandingState(Enum):
    """Where GP keeps a document: in a batch, posted and unpaid, or posted and finished."""

    WORK = "Work"
    OPEN = "Open"
    HISTORY = "History"


@dataclass(frozen=True, slots=True)
class Standing:
    """A document as the books report it: trimmed and upper-cased by the adapter."""

    kind: DocumentKind
    number: str
    party_id: str
    document_date: date
    posting_date: date | None
    amount: Money
    tax: Money | None
    batch_id: str
    state: StandingState
    voided: bool = False
    audit_trail_code: str = ""


@dataclass(frozen=True, slots=True)
class StandingDistribution:
    """A distribution as the books report it; `type` is GP's number, which may be one that we never write."""

    account: AccountNumber
    type: int
    debit: Money
    credit: Money


def debits(document: Document) -> Money:
    return total((d.debit for d in document.distributions), document.currency)


def credits(document: Document) -> Money:
    return total((d.credit for d in document.distributions), document.currency)


def signed(document: Document) -> Money:
    """The amount as it counts in totals: credits negative."""
    return -document.amount if document.kind.is_credit else document.amount
