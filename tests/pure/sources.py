"""Random trade: invoices and bills whose headers follow from their lines, and garbage that follows from nothing."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from ml_connector.books.facts import CompanyFacts, PartyCard
from ml_connector.field.bill import Bill, BillLine
from ml_connector.field.invoice import Configuration, Invoice, InvoiceLine, ItemType, JobReference
from ml_connector.field.party import Customer, Job, PurchaseOrder, TaxBase, TaxRate, TaxZone
from ml_connector.field.snapshot import BillSnapshot, InvoiceSnapshot
from ml_connector.field.source import GlAccount, Named
from ml_connector.mapping.frame import Frame
from ml_connector.money import Currency, Money
from tests.builders import (
    DAY,
    ELECTRICAL,
    FERGUSON,
    HVAC,
    MARIA,
    PLUMBING,
    a_bill,
    a_bill_line,
    a_frame,
    a_line,
    a_rulebook,
    an_invoice,
    cents,
    facts,
    options,
)

RATES = ("Colorado", "RTD & Cultural", "Denver", "County", "Stadium")
_DETAILS = ("CO-STATE", "CO-RTD", "CO-DENVER", "CO-COUNTY", "CO-STADIUM")
_TAXES = [
    {"tax_zone": "55", "rate": rate, "tax_detail": detail, "account": f"000-221{n}-00", "takes_the_cent": taker}
    for n, (rate, detail, taker) in enumerate(zip(RATES, _DETAILS, ("", "", "yes", "", ""), strict=True))
]
_ACCOUNTS = [
    {"purpose": "revenue", "main": "4110"},
    {"purpose": "discount", "main": "4910"},
    {"purpose": "cost", "main": "5110"},
    {"purpose": "asset", "account": "000-1310-00"},
    {"purpose": "freight", "main": "5900"},
    {"purpose": "bill tax", "main": "5900"},
]
RULEBOOKS = tuple(
    a_rulebook(
        taxes=_TAXES,
        accounts=_ACCOUNTS,
        options=options(discounts=discounts, bill_freight=freight, bill_tax=tax, closed_period=closed),
    )
    for discounts, freight, tax, closed in (
        ("own account", "capitalise", "capitalise", "hold"),
        ("trade discount", "own account", "own account", "first open day"),
    )
)
BOOKS: CompanyFacts = replace(
    facts(),
    tax_details=frozenset(_DETAILS),
    accounts={**facts().accounts, "000-2214-00": replace(facts().accounts["000-2213-00"])},
    vendors={"FERGUSON0001": PartyCard("FERGUSON0001", "Ferguson Supply", True, is_1099=False)},
)
FRAMES = tuple(a_frame(rulebook, BOOKS) for rulebook in RULEBOOKS)
frames: st.SearchStrategy[Frame] = st.sampled_from(FRAMES)

money = st.one_of(st.integers(-50_000, 500_000), st.integers(-9, 9), st.integers(-(10**9), 10**9), st.just(0)).map(
    lambda minor: Decimal(minor).scaleb(-2)
)
names = st.text(max_size=40)
days = st.dates(date(2026, 2, 1), date(2026, 12, 31))


@st.composite
def invoice_lines(draw: st.DrawFn) -> InvoiceLine:
    return a_line(
        draw(money),
        item_code=draw(names),
        item_type=draw(st.sampled_from([ItemType.SERVICE, ItemType.MATERIAL, ItemType.PRICE_MODIFIER, "Unspecified"])),
        taxable=draw(st.booleans()),
        chargeable=draw(st.integers(0, 9)) > 0,
        business_unit=draw(st.sampled_from([None, HVAC, PLUMBING, ELECTRICAL])),
    )


@st.composite
def tax_zones(draw: st.DrawFn) -> TaxZone:
    rates = draw(st.lists(st.decimals("0.0001", "0.12", places=4), min_size=1, max_size=5))
    bases = st.sampled_from(
        [(TaxBase.SUBTOTAL,), (TaxBase.LABOR,), (TaxBase.MATERIAL,), (TaxBase.LABOR, TaxBase.MATERIAL)]
    )
    return TaxZone(
        55, "Denver", tuple(TaxRate(name, rate, draw(bases)) for name, rate in zip(RATES, rates, strict=False))
    )


@st.composite
def consistent_invoices(draw: st.DrawFn) -> InvoiceSnapshot:
    """Lines of any sign, the zone's tax on what is taxable rounded once, and a header that follows."""
    lines = draw(st.lists(invoice_lines(), max_size=8))
    zone = draw(tax_zones())
    taxable = sum((it.total or Decimal(0) for it in lines if it.taxable and it.chargeable), Decimal(0))
    rate = sum((it.rate for it in zone.rates), Decimal(0))
    tax = Money.rounded(taxable * rate, Currency.USD).amount if draw(st.integers(0, 4)) else draw(money)
    invoice = an_invoice(lines, str(tax), id=draw(st.integers(1, 10**15)), number=draw(names))
    number = draw(names)
    return InvoiceSnapshot(
        replace(invoice, customer=Named(MARIA.id, draw(names)), job=JobReference(1, number, "AC Repair")), tax_zone=zone
    )


@st.composite
def consistent_bills(draw: st.DrawFn) -> BillSnapshot:
    """Lines, tax and freight of any sign, allocated in whole cents or in endless fractions, and an amount that follows."""
    quantity, cost = st.decimals("-50", "50", places=2), st.decimals("0", "900", places=draw(st.integers(2, 4)))
    count = draw(st.integers(1, 7))
    lines = [a_bill_line(str(draw(quantity)), str(draw(cost)), item_code=draw(names)) for _ in range(count)]
    tax, freight, other = draw(money), draw(money), draw(st.none() | money)
    part = Decimal(1) / count if draw(st.booleans()) else None
    spread = [_spread(it, count, part) for it in (tax, freight, other or Decimal(0))]
    borne = [
        replace(line, allocated_tax=t, allocated_shipping=f, allocated_other=o)
        for line, t, f, o in zip(lines, *spread, strict=True)
    ]
    bill = a_bill(borne, tax=tax, shipping=freight, other=other, id=draw(st.integers(1, 10**15)))
    if draw(st.booleans()):
        once = sum(((it.quantity or Decimal(0)) * (it.cost or Decimal(0)) for it in lines), Decimal(0))
        each = sum((cents(it) for it in lines), Decimal(0))
        rounded = Money.rounded(once, Currency.USD).amount
        bill = replace(bill, amount=(bill.amount or Decimal(0)) - each + rounded)
    job = draw(st.sampled_from([None, 7_710_490]))
    return BillSnapshot(
        replace(bill, job_id=job, job_number=draw(names), vendor=Named(FERGUSON.id, draw(names)), vendor_number="INV-1")
    )


def _spread(whole: Decimal, count: int, part: Decimal | None) -> list[Decimal | None]:
    """All on the first line, or an equal fraction on each."""
    if part is None:
        return [whole, *[None] * (count - 1)]
    return [whole * part for _ in range(count)]


# Garbage: what no shop would send and a broken wire might.

odd_decimals = st.decimals() | st.sampled_from([*map(Decimal, ("NaN", "sNaN", "-Infinity", "1E+999999", "1E-999999"))])
odd_amounts = money | st.none() | odd_decimals | st.decimals(allow_nan=False, places=4) | st.just(Decimal(7))
odd_texts = st.text(max_size=60) | st.sampled_from(["", "Posted", "JobInvoice", "PriceModifier"])
odd_ids = st.integers(-(2**63), 2**63)
odd_days = st.none() | st.dates() | st.just(DAY) | days
mostly = st.sampled_from([True, True, True, False])
odd_accounts = st.none() | st.builds(GlAccount, st.none() | odd_ids, odd_texts, odd_texts)
units = st.none() | st.sampled_from([HVAC, PLUMBING]) | st.builds(Named, odd_ids, odd_texts)
customers = st.none() | st.just(MARIA) | st.builds(Named, odd_ids, odd_texts)
vendors = st.none() | st.just(FERGUSON) | st.builds(Named, odd_ids, odd_texts)
statuses = st.just("Posted") | odd_texts
maybe_ids = st.none() | odd_ids
jobs = st.none() | st.builds(Job, odd_ids, odd_texts, odd_texts, odd_texts, st.lists(odd_texts).map(tuple))
bases = st.lists(st.sampled_from(["Subtotal", "Labor", "Material", "?"])).map(tuple)
odd_rates = st.builds(
    TaxRate, st.sampled_from(RATES) | odd_texts, st.decimals(allow_nan=False, allow_infinity=False), bases
)
garbage_invoices = st.builds(
    InvoiceSnapshot,
    st.builds(
        Invoice,
        id=odd_ids,
        number=odd_texts,
        configuration=st.just(Configuration.JOB) | st.sampled_from(Configuration.ALL) | odd_texts,
        status=statuses,
        active=mostly,
        invoice_date=odd_days,
        due_date=odd_days,
        subtotal=odd_amounts,
        tax=odd_amounts,
        total=odd_amounts,
        tax_zone_id=maybe_ids,
        customer=customers,
        business_unit=units,
        job=st.none() | st.builds(JobReference, odd_ids, odd_texts, odd_texts),
        project_id=maybe_ids,
        adjustment_to=maybe_ids,
        budget_code=maybe_ids,
        lines=st.lists(
            st.builds(
                InvoiceLine,
                id=odd_ids,
                position=st.integers(1, 9),
                item_code=odd_texts,
                item_type=odd_texts,
                description=odd_texts,
                total=odd_amounts,
                taxable=st.booleans(),
                chargeable=st.booleans(),
                account=odd_accounts,
                business_unit=units,
                budget_code=maybe_ids,
            ),
            max_size=4,
        ).map(tuple),
    ),
    customer=st.none() | st.builds(Customer, odd_ids, odd_texts, odd_texts, maybe_ids),
    job=jobs,
    tax_zone=st.none() | st.builds(TaxZone, odd_ids, odd_texts, st.lists(odd_rates, max_size=4).map(tuple)),
)
garbage_bills = st.builds(
    BillSnapshot,
    st.builds(
        Bill,
        id=odd_ids,
        reference_number=odd_texts,
        vendor_number=odd_texts,
        status=statuses,
        active=mostly,
        bill_date=odd_days,
        due_date=odd_days,
        amount=odd_amounts,
        tax=odd_amounts,
        shipping=odd_amounts,
        other=odd_amounts,
        vendor=vendors,
        business_unit=units,
        job_id=maybe_ids,
        job_number=odd_texts,
        purchase_order_id=maybe_ids,
        reconciled=odd_days,
        budget_code=maybe_ids,
        lines=st.lists(
            st.builds(
                BillLine,
                id=odd_ids,
                position=st.integers(1, 9),
                item_code=odd_texts,
                item_type=odd_texts,
                description=odd_texts,
                quantity=odd_amounts,
                cost=odd_amounts,
                allocated_tax=odd_amounts,
                allocated_shipping=odd_amounts,
                allocated_other=odd_amounts,
                cost_account=odd_accounts,
                asset_account=odd_accounts,
                budget_code=maybe_ids,
            ),
            max_size=4,
        ).map(tuple),
    ),
    job=jobs,
    purchase_order=st.none() | st.builds(PurchaseOrder, odd_ids, odd_texts, odd_texts, odd_texts),
)


@st.composite
def damaged(draw: st.DrawFn) -> InvoiceSnapshot | BillSnapshot:
    """A good source with some of its fields, its lines' and its tax rates' turned to garbage."""
    snapshot = draw(consistent_invoices() | consistent_bills())
    other: InvoiceSnapshot | BillSnapshot
    other = draw(garbage_invoices) if isinstance(snapshot, InvoiceSnapshot) else draw(garbage_bills)
    source = _mixed(draw, snapshot.source, other.source, keep=("status", "active", "business_unit"))
    if draw(st.booleans()):
        lines = snapshot.source.lines
        broken = tuple(_mixed(draw, line, odd) for line, odd in zip(lines, other.source.lines, strict=False))
        source = replace(source, lines=broken)
    if isinstance(snapshot, InvoiceSnapshot) and snapshot.tax_zone and draw(st.booleans()):
        rates = tuple(replace(rate, rate=draw(odd_decimals)) for rate in snapshot.tax_zone.rates)
        return replace(snapshot, source=source, tax_zone=replace(snapshot.tax_zone, rates=rates))
    return replace(snapshot, source=source)


def _mixed(draw: st.DrawFn, good: Any, odd: Any, keep: tuple[str, ...] = ()) -> Any:
    fields = [field.name for field in dataclasses.fields(good) if field.name not in keep]
    return replace(good, **{name: getattr(odd, name) for name in draw(st.sets(st.sampled_from(fields), max_size=4))})
