"""What a GP company keeps: frozen rows, and the tables they stand in.

GP stores text in fixed-width `char` columns (table scripts of a real company: RM10301, RM20101, PM10000, SY00500), so
a text comes back padded with spaces, ids come back in upper case, an empty date comes back as 1900-01-01, and a letter
that the code page does not have comes back as a question mark. Amounts are exact decimals in whole cents.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_connector.sandbox.company.card_records import Card, CardChange, Customer, PartyClass, Vendor

EMPTY_DATE = date(1900, 1, 1)
ZERO = Decimal("0.00")

NUMBER_WIDTH, PARTY_WIDTH, BATCH_WIDTH, NAME_WIDTH = 21, 15, 15, 65
DESCRIPTION_WIDTH, REFERENCE_WIDTH, CLASS_WIDTH, TAX_DETAIL_WIDTH = 31, 21, 15, 15


def char(text: str, width: int) -> str:
    """The text as a `char(width)` column of code page 1252 gives it back."""
    return text.encode("cp1252", "replace").decode("cp1252")[:width].ljust(width)


def id_char(text: str, width: int) -> str:
    """An id as GP keeps it: upper case and padded."""
    return char(key(text), width)


@lru_cache(1 << 17)
def key(text: str) -> str:
    """What GP's case-insensitive, space-padding comparison sees of an id."""
    return text.strip().upper().encode("cp1252", "replace").decode("cp1252")


class Series(Enum):
    """The series of a fiscal period, each closed on its own (SY40100, PSERIES_1 to _6)."""

    FINANCIAL = "Financial"
    SALES = "Sales"
    PURCHASING = "Purchasing"
    INVENTORY = "Inventory"
    PAYROLL = "Payroll"
    PROJECT = "Project"


class Module(Enum):
    """A subledger. Document numbers are unique within one: RM keys, PM voucher keys."""

    RECEIVABLES = "receivables"
    PAYABLES = "payables"

    @property
    def series(self) -> Series:
        return Series.SALES if self is Module.RECEIVABLES else Series.PURCHASING

    @property
    def origin(self) -> str:
        """The batch source, as SY00500 has it."""
        return "RM_Sales" if self is Module.RECEIVABLES else "PM_Trxent"

    @property
    def audit_trail(self) -> str:
        """How the audit trail code of a posting begins."""
        return "RMSLS" if self is Module.RECEIVABLES else "PMTRX"


class Kind(Enum):
    RECEIVABLES_INVOICE = "receivables-invoice"
    RECEIVABLES_CREDIT_MEMO = "receivables-credit-memo"
    PAYABLES_INVOICE = "payables-invoice"
    PAYABLES_CREDIT_MEMO = "payables-credit-memo"

    @property
    def module(self) -> Module:
        return Module.RECEIVABLES if self.value.startswith("receivables") else Module.PAYABLES

    @property
    def is_credit(self) -> bool:
        return self.value.endswith("credit-memo")

    @property
    def type_number(self) -> int:
        """RMDTYPAL in receivables, DOCTYPE in payables (eConnect)."""
        if not self.is_credit:
            return 1
        return 7 if self.module is Module.RECEIVABLES else 5


class State(Enum):
    """Work is not posted, Open is posted, History is settled or voided."""

    WORK = "Work"
    OPEN = "Open"
    HISTORY = "History"


class BatchStatus(Enum):
    """BCHSTTUS of SY00500, as far as the sandbox goes."""

    AVAILABLE = 0
    POSTING = 1


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of the account format."""

    position: int
    name: str
    length: int
    is_main: bool


@dataclass(frozen=True, slots=True)
class CompanySetup:
    """The company's own row. The three default accounts are those of the posting accounts setup."""

    database: str
    name: str
    id: int
    currency: str
    separator: str
    segments: tuple[Segment, ...]
    receivables_account: str
    payables_account: str
    sales_account: str
    purchases_account: str


@dataclass(frozen=True, slots=True)
class Account:
    """A posting account. `allows_entry` is GP's Allow Account Entry; `posting_type` BalanceSheet or ProfitAndLoss."""

    number: str
    description: str
    active: bool
    allows_entry: bool
    posting_type: str
    category: str = "Posting Account"


@dataclass(frozen=True, slots=True)
class Period:
    year: int
    number: int
    name: str
    first: date
    last: date
    historical: bool  # the whole year is a historical one
    closed: frozenset[Series]

    @property
    def closed_financial(self) -> bool:
        return Series.FINANCIAL in self.closed

    @property
    def closed_sales(self) -> bool:
        return Series.SALES in self.closed

    @property
    def closed_purchasing(self) -> bool:
        return Series.PURCHASING in self.closed

    @property
    def closed_inventory(self) -> bool:
        return Series.INVENTORY in self.closed

    @property
    def closed_payroll(self) -> bool:
        return Series.PAYROLL in self.closed

    @property
    def closed_project(self) -> bool:
        return Series.PROJECT in self.closed


@dataclass(frozen=True, slots=True)
class TaxDetail:
    id: str
    description: str
    rate: Decimal  # per cent
    account: str


@dataclass(frozen=True, slots=True)
class Batch:
    """`transactions` and `total` count what stands in the batch; credit memos add to the total, as GP's do."""

    id: str
    origin: str
    status: BatchStatus
    transactions: int
    total: Decimal
    created: date
    modified: date
    comment: str = ""

    @property
    def status_number(self) -> int:
        return self.status.value


@dataclass(frozen=True, slots=True)
class Distribution:
    """One debit or credit. `type` is DISTTYPE, which receivables and payables number differently."""

    type: int
    account: str
    debit: Decimal = ZERO
    credit: Decimal = ZERO
    reference: str = ""
    sequence: int = 0  # GP numbers them itself, by 16384


@dataclass(frozen=True, slots=True)
class TaxLine:
    detail: str
    taxable: Decimal
    total: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that someone asks GP to enter. A date left out becomes the system date; a batch, one named by hour."""

    kind: Kind
    number: str
    party: str
    base_amount: Decimal  # sales, or purchases
    document_amount: Decimal
    trade_discount: Decimal = ZERO
    freight: Decimal = ZERO
    miscellaneous: Decimal = ZERO
    tax: Decimal = ZERO
    amount_1099: Decimal = ZERO
    document_date: date | None = None
    posting_date: date | None = None
    due_date: date | None = None
    description: str = ""
    customer_po: str = ""
    vendor_document: str = ""
    batch: str = ""
    currency: str = ""
    taxes: tuple[TaxLine, ...] = ()
    distributions: tuple[Distribution, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document as GP keeps it: texts padded, ids in upper case, nothing left out."""

    kind: Kind
    number: str
    party: str
    party_name: str
    document_date: date
    posting_date: date  # the date it has in the general ledger
    due_date: date
    description: str
    customer_po: str
    vendor_document: str
    batch: str
    base_amount: Decimal
    trade_discount: Decimal
    freight: Decimal
    miscellaneous: Decimal
    tax: Decimal
    document_amount: Decimal
    amount_1099: Decimal
    currency: str
    taxes: tuple[TaxLine, ...]
    distributions: tuple[Distribution, ...]
    state: State
    voided: bool
    audit_trail_code: str  # "" until it is posted
    modified: date  # a day, never a time
    entered_by: str

    @property
    def module(self) -> Module:
        return self.kind.module

    @property
    def type_number(self) -> int:
        return self.kind.type_number

    @property
    def signed_amount(self) -> Decimal:
        return -self.document_amount if self.kind.is_credit else self.document_amount


class DateFrom(Enum):
    """Where posting takes the general-ledger date from (UPSTDTFR of SY02300)."""

    TRANSACTION = "Transaction"
    BATCH = "Batch"


@dataclass(frozen=True, slots=True)
class PostingOrigin:
    """A row of the posting set-up, as the Posting Setup window has it (SY02300); what does not concern us is left out."""

    series: Series
    origin: str  # TRXSOURC
    date_from: DateFrom  # UPSTDTFR
    to_ledger: bool  # AUTPSTGL
    through_ledger: bool  # PTGENLED
    verify_count: bool  # VERTRX
    verify_amounts: bool  # VERBATOT
    transaction_posting: bool  # ALTRXPST


@dataclass(frozen=True, slots=True)
class Settings:
    """What the company's administrator chose, and how slow the machine is."""

    posting_date_from: DateFrom = DateFrom.TRANSACTION  # GP posts a batch on its own date otherwise
    posts_through_ledger: bool = True
    control_totals: bool = False  # a batch is posted only with the totals that a person typed, which nobody types here
    transaction_posting: bool = False

    allow_duplicate_vendor_documents: bool = False
    refuses_closed_period: bool = True  # at entry; otherwise it surfaces at posting
    creates_distributions: bool = False  # GP enters its own in place of what was sent
    row_cap: int = 1000
    latency: float = 0.0  # seconds per call

    @property
    def posting_origins(self) -> tuple[PostingOrigin, ...]:
        """The posting set-up of the two origins that services enter batches of, and of one that they do not."""
        origins = (
            (Series.SALES, "Receivables Sales Entry"),
            (Series.SALES, "Receivables Cash Receipts"),
            (Series.PURCHASING, "Payables Trx Entry"),
        )
        through, controls = self.posts_through_ledger, self.control_totals
        flags = (not through, through, controls, controls, self.transaction_posting)
        return tuple(PostingOrigin(series, origin, self.posting_date_from, *flags) for series, origin in origins)


@dataclass(slots=True)
class Tables:
    """The company's tables, by key. Not safe for threads: `books.Company` guards them."""

    setup: CompanySetup
    accounts: dict[str, Account] = field(default_factory=dict)
    periods: dict[tuple[int, int], Period] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    vendors: dict[str, Vendor] = field(default_factory=dict)
    customer_classes: dict[str, PartyClass] = field(default_factory=dict)
    vendor_classes: dict[str, PartyClass] = field(default_factory=dict)
    tax_details: dict[str, TaxDetail] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)  # payment terms by key
    customer_changes: dict[str, CardChange] = field(default_factory=dict)  # by key; vendors have no such log
    locked_cards: set[tuple[type[Card], str]] = field(default_factory=set)  # open on somebody's screen
    batches: dict[str, Batch] = field(default_factory=dict)
    documents: dict[tuple[Module, str], Document] = field(default_factory=dict)
    vendor_documents: Counter[tuple[Kind, str, str]] = field(default_factory=Counter)  # voided ones do not count

    def put(self, document: Document) -> None:
        """Keep a document; an earlier state of it gives up its place in the order of entry."""
        place = document.module, key(document.number)
        self._count_vendor_document(self.documents.get(place), -1)
        self.documents[place] = document
        self._count_vendor_document(document, 1)

    def drop(self, document: Document) -> None:
        self._count_vendor_document(self.documents.pop((document.module, key(document.number)), None), -1)

    def _count_vendor_document(self, document: Document | None, count: int) -> None:
        if document is not None and not document.voided:
            self.vendor_documents[document.kind, key(document.party), key(document.vendor_document)] += count

    def period_of(self, day: date) -> Period | None:
        return next((period for period in self.periods.values() if period.first <= day <= period.last), None)

    def control_account(self, module: Module, party: str) -> str:
        """Where a document stands against its party: the card, else the class, else the company's default."""
        if module is Module.RECEIVABLES:
            customer = self.customers[key(party)]
            of_class = self.customer_classes.get(key(customer.class_id))
            return customer.account or (of_class.account if of_class else "") or self.setup.receivables_account
        vendor = self.vendors[key(party)]
        of_class = self.vendor_classes.get(key(vendor.class_id))
        return vendor.account or (of_class.account if of_class else "") or self.setup.payables_account
