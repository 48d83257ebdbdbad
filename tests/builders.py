"""One builder per noun of the house: every argument optional, so that a test names only what its story is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import ml_connector
from ml_connector.books.account import AccountNumber
from ml_connector.books.batch import StandingBatch
from ml_connector.books.distribution import Distribution, PayablesType, ReceivablesType
from ml_connector.books.document import (
    Document,
    DocumentKind,
    PayablesDocument,
    ReceivablesDocument,
    Standing,
    StandingDistribution,
    StandingState,
    TaxDetail,
)
from ml_connector.books.facts import AccountCard, CompanyFacts, PartyCard
from ml_connector.books.period import FiscalPeriod, Series
from ml_connector.field.bill import Bill, BillLine
from ml_connector.field.invoice import Configuration, Invoice, InvoiceLine, ItemType, JobReference
from ml_connector.field.party import Job, PurchaseOrder, TaxBase, TaxRate, TaxZone
from ml_connector.field.source import GlAccount, Named, SyncStatus
from ml_connector.findings import Finding
from ml_connector.mapping import reading as rulebook_reading
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.mapping.tables import BY_NAME, Row, Table, Tables
from ml_connector.money import Currency, Money
from ml_connector.sandbox import town
from ml_connector.workbook import reading as workbook_reading

SAMPLE = Path(ml_connector.__file__).parent / "sandbox" / "sample" / "rulebook"
COMPANY = "FRM"
PREFIX = "ST"
DAY = date(2026, 3, 14)
HVAC, PLUMBING, ELECTRICAL = (
    Named(319, "HVAC - Service"),
    Named(321, "Plumbing - Service"),
    Named(323, "Electrical - Service"),
)
MARIA = Named(5_500_101, "Maria Smith")
FERGUSON = Named(1_724_801, "Ferguson Supply")


def usd(text: str) -> Money:
    return Money(Decimal(text), Currency.USD)


def account(text: str) -> AccountNumber:
    return AccountNumber.parse(text)


# What happened in the field


def a_line(total: str | Decimal | None = "100.00", **fields: Any) -> InvoiceLine:
    """A taxable material of the HVAC branch, mapped by the sample rulebook."""
    line = InvoiceLine(
        id=1,
        position=1,
        item_code="R410A-LB",
        item_type=ItemType.MATERIAL,
        description="R-410A refrigerant, per lb",
        total=None if total is None else Decimal(total),
        taxable=True,
        chargeable=True,
        account=GlAccount(411, "4110", "HVAC Service Sales"),
        business_unit=None,
        budget_code=None,
    )
    return replace(line, **fields)


def a_discount(total: str = "-25.00", **fields: Any) -> InvoiceLine:
    modifier = {"item_code": "DISC-SENIOR", "item_type": ItemType.PRICE_MODIFIER, "taxable": False}
    return a_line(total, **{**modifier, "account": GlAccount(491, "4910", "Discounts Given"), **fields})


def an_invoice(lines: Sequence[InvoiceLine] | None = None, tax: str | None = None, **fields: Any) -> Invoice:
    """A posted invoice whose header follows from its lines and tax; without either, the 108.81 of Denver."""
    if lines is None:
        lines, tax = [a_line()], "8.81" if tax is None else tax
    placed = tuple(replace(line, id=n, position=n) for n, line in enumerate(lines, 1))
    sales = sum((line.total or Decimal(0) for line in placed if line.chargeable), Decimal(0))
    exact_tax = Decimal(tax or "0")
    invoice = Invoice(
        id=10482,
        number="10482",
        configuration=Configuration.JOB,
        status=SyncStatus.POSTED,
        active=True,
        invoice_date=DAY,
        due_date=DAY + timedelta(30),
        subtotal=sales,
        tax=exact_tax,
        total=sales + exact_tax,
        tax_zone_id=55,
        customer=MARIA,
        business_unit=HVAC,
        job=JobReference(7_700_456, "7700456", "AC Repair"),
        project_id=None,
        adjustment_to=None,
        budget_code=None,
        lines=placed,
    )
    return replace(invoice, **fields)


def a_bill_line(quantity: str | None = "2", cost: str | None = "50.00", **fields: Any) -> BillLine:
    line = BillLine(
        id=1,
        position=1,
        item_code="R410A-LB",
        item_type=ItemType.MATERIAL,
        description="R-410A refrigerant, per lb",
        quantity=None if quantity is None else Decimal(quantity),
        cost=None if cost is None else Decimal(cost),
        allocated_tax=None,
        allocated_shipping=None,
        allocated_other=None,
        cost_account=GlAccount(511, "5110", "Materials - HVAC"),
        asset_account=GlAccount(131, "1310", "Inventory - Warehouse"),
        budget_code=None,
    )
    return replace(line, **fields)


def a_bill(lines: Sequence[BillLine] | None = None, **fields: Any) -> Bill:
    """A reconciled bill for stock; its amount is its lines, each rounded, and what was added to them."""
    placed = tuple(replace(line, id=n, position=n) for n, line in enumerate(lines or [a_bill_line()], 1))
    added = sum((fields.get(name) or Decimal(0) for name in ("tax", "shipping", "other")), Decimal(0))
    bill = Bill(
        id=8907,
        reference_number="PO-8907",
        vendor_number="INV-5521",
        status=SyncStatus.POSTED,
        active=True,
        bill_date=DAY,
        due_date=DAY + timedelta(30),
        amount=sum((cents(line) for line in placed), added),
        tax=None,
        shipping=None,
        other=None,
        vendor=FERGUSON,
        business_unit=HVAC,
        job_id=None,
        job_number="",
        purchase_order_id=None,
        reconciled=DAY,
        budget_code=None,
        lines=placed,
    )
    return replace(bill, **fields)


def cents(line: BillLine) -> Decimal:
    return Money.rounded((line.quantity or Decimal(0)) * (line.cost or Decimal(0)), Currency.USD).amount


def a_tax_zone(*rates: tuple[str, str] | TaxRate, id: int = 55, name: str = "Denver") -> TaxZone:
    """The town's zone of this id, or one of the rates given: ("Colorado", "0.029")."""
    given = tuple(
        it if isinstance(it, TaxRate) else TaxRate(it[0], Decimal(it[1]), (TaxBase.SUBTOTAL,)) for it in rates
    )
    if given:
        return TaxZone(id, name, given)
    zone = next(zone for zone in town.TAX_ZONES if zone.id == id)
    return TaxZone(id, zone.name, tuple(TaxRate(it.name, it.rate, (TaxBase.SUBTOTAL,)) for it in zone.authorities))


def a_job(**fields: Any) -> Job:
    return replace(Job(7_700_456, "7700456", "AC Repair", "", ()), **fields)


def a_purchase_order(**fields: Any) -> PurchaseOrder:
    return replace(PurchaseOrder(220_011, "PO-220011", "Received", ""), **fields)


# What the rulebook says


def a_table(name: str, *rows: Mapping[str, str]) -> Table:
    """A table of these rows, numbered from 2; its columns are those of the layout, then any segments."""
    segments = sorted({column for row in rows for column in row} - {c.name for c in BY_NAME[name].columns})
    columns = tuple(column.name for column in BY_NAME[name].columns) + tuple(segments)
    filled = ({column: text for column, text in row.items() if text} for row in rows)
    return Table(name, columns, tuple(Row(number, cells) for number, cells in enumerate(filled, 2)))


def sample_tables() -> Tables:
    """The tables of the sandbox's rulebook."""
    tables = workbook_reading.read(SAMPLE)
    assert not isinstance(tables, tuple), tables
    return tables


_SAMPLE_TABLES = sample_tables()


def tables(**overrides: Table | Sequence[Mapping[str, str]]) -> Tables:
    """The sample's tables with some in their place: tables(options=[{"option": ..., "value": ...}])."""
    chosen: dict[str, Table] = dict(_SAMPLE_TABLES)
    for key, table in overrides.items():
        name = key.replace("_", " ").capitalize()
        chosen[name] = table if isinstance(table, Table) else a_table(name, *table)
    return chosen


def a_rulebook(**overrides: Table | Sequence[Mapping[str, str]]) -> Rulebook:
    """The sample rulebook, with some tables in their place."""
    rulebook = rulebook_reading.read(tables(**overrides))
    assert isinstance(rulebook, Rulebook), rulebook
    return rulebook


def options(**values: str) -> list[dict[str, str]]:
    """Rows of the Options table: options(closed_period="first open day")."""
    return [{"option": name, "value": value} for name, value in values.items()]


SAMPLE_RULEBOOK = a_rulebook()


# What the books hold


def an_account(number: str, **fields: Any) -> AccountCard:
    main = number.split("-")[1]
    names = {**town.BALANCE_SHEET, **town.PROFIT_AND_LOSS}
    return replace(AccountCard(account(number), names.get(main, "Account"), True, True), **fields)


def periods(
    year: int = 2026, closed: Iterable[int] = (), series: frozenset[Series] | None = None
) -> list[FiscalPeriod]:
    """Twelve months; those of `closed` are closed in `series`, or in all."""
    firsts = [date(year, month, 1) for month in range(1, 13)] + [date(year + 1, 1, 1)]
    none, all_of_them = frozenset[Series](), frozenset(Series)
    return [
        FiscalPeriod(year, n, first, following - timedelta(1), (series or all_of_them) if n in set(closed) else none)
        for n, (first, following) in enumerate(pairwise(firsts), 1)
    ]


def _chart() -> dict[str, AccountCard]:
    balance_sheet = [f"000-{main}-00" for main in town.BALANCE_SHEET]
    departments = sorted({(it.division, it.department) for it in town.BUSINESS_UNITS})
    profit_and_loss = [f"{div}-{main}-{dep}" for div, dep in departments for main in town.PROFIT_AND_LOSS]
    return {number: an_account(number) for number in (*balance_sheet, *profit_and_loss)}


_CHART = _chart()
_CUSTOMERS = {it.gp_id: PartyCard(it.gp_id, it.name, True) for it in town.CUSTOMERS}
_VENDORS = {
    it.gp_id: PartyCard(it.gp_id, it.name, True, is_1099=it.is_1099)
    for it in (*town.VENDORS, town.VENDOR_1099_WITHOUT_RULE)
}
_TAX_DETAILS = frozenset(rate.detail for zone in town.TAX_ZONES for rate in zone.authorities)


def facts(**fields: Any) -> CompanyFacts:
    """The town's books: every account, customer and vendor usable, every period of 2026 open."""
    known = CompanyFacts(
        company=COMPANY,
        accounts=_CHART,
        periods=tuple(periods()),
        tax_details=_TAX_DETAILS,
        control_accounts=frozenset({"000-1200-00", "000-2100-00"}),
        customers=_CUSTOMERS,
        vendors=_VENDORS,
    )
    return replace(known, **fields)


def a_frame(rulebook: Rulebook | None = None, books: CompanyFacts | None = None, prefix: str = PREFIX) -> Frame:
    known = books or facts()
    return Frame.of(rulebook or SAMPLE_RULEBOOK, {known.company: known}, prefix)


def a_document(**fields: Any) -> ReceivablesDocument:
    """100.00 of sales and 8.25 of tax, as in the design's example."""
    zero = usd("0")
    document = ReceivablesDocument(
        kind=DocumentKind.RECEIVABLES_INVOICE,
        number="STI10482",
        company=COMPANY,
        customer_id="SMITH001",
        document_date=DAY,
        posting_date=DAY,
        due_date=None,
        description="ST 10482 Maria Smith",
        customer_po="10482",
        sales=usd("100.00"),
        trade_discount=zero,
        taxes=(TaxDetail("CO-DENVER", usd("8.25"), usd("100.00"), usd("100.00")),),
        distributions=(
            Distribution(account("000-1200-00"), ReceivablesType.RECV, usd("108.25"), zero, origin="control account"),
            Distribution(
                account("100-4110-02"),
                ReceivablesType.SALES,
                zero,
                usd("100.00"),
                origin="line 1  AC-TUNE",
                rule="Accounts row 2",
            ),
            Distribution(account("000-2212-00"), ReceivablesType.TAXES, zero, usd("8.25"), origin="CO-DENVER"),
        ),
    )
    return replace(document, **fields)


def a_voucher(**fields: Any) -> PayablesDocument:
    """A vendor's invoice over 100.00 of materials."""
    zero = usd("0")
    document = PayablesDocument(
        kind=DocumentKind.PAYABLES_INVOICE,
        number="STB8907",
        company=COMPANY,
        vendor_id="FERGUSON0001",
        vendor_invoice_number="INV-5521",
        document_date=DAY,
        posting_date=DAY,
        due_date=DAY + timedelta(30),
        description="ST bill 8907 Ferguson Supply",
        purchases=usd("100.00"),
        freight=zero,
        income_1099=zero,
        distributions=(
            Distribution(
                account("000-1310-00"),
                PayablesType.PURCH,
                usd("100.00"),
                zero,
                origin="line 1  R410A-LB",
                rule="Accounts row 11",
            ),
            Distribution(account("000-2100-00"), PayablesType.PAY, zero, usd("100.00"), origin="control account"),
        ),
    )
    return replace(document, **fields)


def a_standing(document: Document | None = None, **fields: Any) -> Standing:
    """GP holds this document just as it was sent, in a batch."""
    it = document or a_document()
    standing = Standing(
        kind=it.kind,
        number=it.number,
        party_id=it.party_id,
        document_date=it.document_date,
        posting_date=it.posting_date,
        amount=it.amount,
        tax=it.tax,
        batch_id="STR260314-07",
        state=StandingState.WORK,
    )
    return replace(standing, **fields)


def standing_distributions(document: Document | None = None) -> list[StandingDistribution]:
    return [
        StandingDistribution(it.account, it.type.value, it.debit, it.credit)
        for it in (document or a_document()).distributions
    ]


def a_standing_batch(**fields: Any) -> StandingBatch:
    return replace(StandingBatch("STR260314-07", 1, usd("108.25")), **fields)


def a_finding(**fields: Any) -> Finding:
    finding = Finding(
        "account.unmapped", "invoice 10482, line 1 (AC-TUNE)", "no row matches it", "Add a row to the rulebook; replay."
    )
    return replace(finding, **fields)
