"""Draw ordinary trade for March 2026 from a seed: visits that were invoiced, goods that were ordered and billed.

Everything drawn here is clean: a bookkeeper would enter it without a question. Trouble is planted by `planted`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import count

from ml_connector.money import Currency, Money, allocate
from ml_connector.sandbox import town
from ml_connector.sandbox.moments import HOUR, Moment, moment
from ml_connector.sandbox.town import BusinessUnit, Customer, Item, Vendor
from ml_connector.sandbox.trade import (
    NOTHING,
    Bill,
    BillLine,
    Invoice,
    InvoiceLine,
    Order,
    Project,
    TransactionBatch,
    Visit,
    VisitType,
    cents,
)

UNIT = {unit.id: unit for unit in town.BUSINESS_UNITS}
ACCOUNT = {account.id: account for account in town.GL_ACCOUNTS}
ZONE = {zone.id: zone for zone in town.TAX_ZONES}
ITEM = {item.code: item for item in (*town.ITEMS, town.UNMAPPED_ITEM)}
DISCOUNTS_ACCOUNT, INVENTORY_ACCOUNT = ACCOUNT[491], ACCOUNT[131]
ELECTRICAL = UNIT[323]  # its discount account is inactive in GP, so an ordinary electrical visit has no discount

VISIT_TYPES = (
    VisitType(41, "Heating & Cooling Service", 319, 2),
    VisitType(42, "System Replacement", 320, 8),
    VisitType(43, "Plumbing Repair", 321, 2),
    VisitType(44, "Water Heater Installation", 322, 4),
    VisitType(45, "Electrical Repair", 323, 2),
)
TAGS = {901: "Warranty", 902: "Member", 903: "After hours", 904: "Callback"}
TAX_EXEMPT = frozenset(it.id for it in town.CUSTOMERS if "Church" in it.name or "Public Schools" in it.name)

_DAYS = tuple(day for day in (date(2026, 3, n) for n in range(1, 32)) if day.weekday() != 6)
_UNITS, _UNIT_WEIGHTS = tuple(UNIT.values()), (38, 9, 30, 8, 15)
_HOUSEHOLDS = tuple(it for it in town.CUSTOMERS if it.type == "Residential")
_FIRMS = tuple(it for it in town.CUSTOMERS if it.type == "Commercial")
_VISIT_TYPE = {it.unit: it for it in VISIT_TYPES}
_GOODS = {
    (trade, kind): tuple(it for it in town.ITEMS if it.trade == trade and it.type == kind)
    for trade in ("HVAC", "Plumbing", "Electrical")
    for kind in ("Service", "Material", "Equipment")
}
_SUPPLIERS = {"HVAC": (0, 1, 4), "Plumbing": (0, 2, 4), "Electrical": (3, 4)}
_VENDOR_NUMBERS = ("FS-{}", "{}-112", "WS{}", "RX {}", "H{}HD", "MSM-{}")


class Drawing:
    """One month being drawn. The same seed and the same calls give the same month; `first` moves all numbering up."""

    def __init__(self, seed: int, first: int = 0) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a reproducible month, no secret
        self.visits: list[Visit] = []
        self.projects: list[Project] = []
        self.orders: list[Order] = []
        self._orders_of: Counter[int] = Counter()
        self._visit_ids = count(7_700_001 + first)
        self._project_ids = count(3301 + first)
        self._invoice_line_ids = count(51_000_001 + first)
        self._bill_line_ids = count(44_001 + first)
        self._order_ids = count(220_001 + first)
        self._vendor_number = 312_000 + first

    # ---- invoices

    def line(
        self,
        item: Item,
        quantity: Decimal | int,
        unit: BusinessUnit,
        *,
        price: Decimal | None = None,
        chargeable: bool = True,
    ) -> InvoiceLine:
        stocked = item.type in ("Material", "Equipment")
        sales = DISCOUNTS_ACCOUNT if item.type == "PriceModifier" else ACCOUNT[unit.sales_account]
        return InvoiceLine(
            id=next(self._invoice_line_ids),
            item=item,
            quantity=Decimal(quantity),
            price=NOTHING if not chargeable else item.price if price is None else price,
            unit=unit,
            sales=None if item is town.UNMAPPED_ITEM else sales,
            cost_of_sale=ACCOUNT[unit.cost_account] if stocked else None,
            asset=INVENTORY_ACCOUNT if stocked else None,
            taxable=item.taxable,
            chargeable=chargeable,
        )

    def invoice(
        self,
        id: int,
        customer: Customer,
        unit: BusinessUnit,
        lines: Sequence[InvoiceLine],
        dated: date | None = None,
        *,
        status: str = "Posted",
        visited: bool = True,
    ) -> Invoice:
        """An invoice that adds up, with the visit it is for, dated on some day of the month unless `dated` is given."""
        rng = self.random
        dated = dated or rng.choice(_DAYS)
        created = self._in_office_hours(dated)
        net = 30 if customer.type == "Commercial" else 0
        invoice = Invoice(
            id=id,
            status=status,
            reference=str(id),
            dated=dated,
            due=dated + timedelta(days=net),
            terms="Net 30" if net else "Due Upon Receipt",
            customer=customer,
            zone=None if customer.id in TAX_EXEMPT else ZONE[customer.tax_zone],
            unit=unit,
            lines=tuple(lines),
            batch=None if status == "Pending" else batch_of(dated, unit),
            summary=f"<p>{lines[0].item.name.replace('&', '&amp;')}</p>" if lines else None,
            created=created,
            modified=created + rng.randrange(2 * HOUR, 70 * HOUR) // 10**7 * 10**7 + self._fraction(),
        ).added_up()
        if rng.random() < 0.6 and status != "Pending" and invoice.total > 0:
            invoice = replace(invoice, balance=NOTHING, paid=dated)
        return self.for_a_visit(invoice) if visited else invoice

    def for_a_visit(self, invoice: Invoice) -> Invoice:
        """The invoice with a visit of its own, whose number it takes for its reference."""
        id = next(self._visit_ids)
        visit = Visit(
            id=id,
            number=str(id),
            type=_VISIT_TYPE[invoice.unit.id],
            customer=invoice.customer,
            unit=invoice.unit,
            invoice_id=invoice.id,
            project_id=invoice.project_id,
            tags=(self.random.choice(tuple(TAGS)),) if self.random.random() < 0.2 else (),
            total=invoice.sub_total,
            done=invoice.created,
            created=invoice.created - 26 * HOUR,
            modified=invoice.created + HOUR,
        )
        self.visits.append(visit)
        return replace(invoice, visit=visit, reference=visit.number)

    def ordinary_invoice(self, id: int, status: str) -> Invoice:
        rng = self.random
        unit = rng.choices(_UNITS, _UNIT_WEIGHTS)[0]
        customer = rng.choice(_FIRMS if rng.random() < 0.14 else _HOUSEHOLDS)
        kind = rng.random()
        if kind < 0.05:
            goods = rng.sample(_GOODS[unit.trade, "Material"], 2)
            over_the_counter = [self.line(item, self._some(item), unit) for item in goods]
            invoice = self.invoice(id, customer, unit, over_the_counter, status=status, visited=False)
            return replace(invoice, configuration="CounterSales", balance=NOTHING, paid=invoice.dated)
        installation = unit.name.endswith("Install")
        lines = self._installation(unit) if installation else self._service(unit)
        lines += self._discount(customer, unit, lines)
        if not installation or kind < 0.7:
            return self.invoice(id, customer, unit, lines, status=status)
        invoice = self.invoice(id, customer, unit, lines, status=status, visited=False)
        return self.for_a_project(invoice)

    def for_a_project(self, invoice: Invoice) -> Invoice:
        id = next(self._project_ids)
        invoice = self.for_a_visit(replace(invoice, configuration="ProjectInvoice", project_id=id))
        visit = self.visits[-1]
        name = f"{visit.type.name}, {invoice.customer.name}"
        started = visit.created - 90 * HOUR
        self.projects.append(
            Project(
                id=id,
                name=name,
                customer=invoice.customer,
                unit=invoice.unit,
                visits=(visit.id,),
                created=started,
                modified=visit.modified,
            )
        )
        return replace(invoice, reference=f"{visit.number}-1")

    def _service(self, unit: BusinessUnit) -> list[InvoiceLine]:
        rng = self.random
        lines = [self.line(rng.choice(_GOODS[unit.trade, "Service"]), 1, unit)]
        materials = _GOODS[unit.trade, "Material"]
        for item in rng.sample(materials, rng.randrange(min(4, len(materials) + 1))):
            lines.append(self.line(item, self._some(item), unit, chargeable=rng.random() >= 0.1))
        if rng.random() < 0.06:
            other = rng.choice([it for it in _UNITS if it.trade != unit.trade and it.name.endswith("Service")])
            lines.append(self.line(rng.choice(_GOODS[other.trade, "Service"]), 1, other))
        return lines

    def _installation(self, unit: BusinessUnit) -> list[InvoiceLine]:
        rng = self.random
        lines = [self.line(rng.choice(_GOODS[unit.trade, "Equipment"]), 1, unit)]
        for item in rng.sample(_GOODS[unit.trade, "Material"], rng.randrange(1, 4)):
            lines.append(self.line(item, self._some(item), unit))
        return lines

    def _discount(self, customer: Customer, unit: BusinessUnit, lines: list[InvoiceLine]) -> list[InvoiceLine]:
        if unit is ELECTRICAL or self.random.random() >= 0.14:
            return []
        taxable = sum((line.total for line in lines if line.taxable), NOTHING)
        if taxable >= 200:
            return [self.line(ITEM["DISC-10"], 1, unit, price=-cents(taxable / 10))]
        return [self.line(ITEM["DISC-SENIOR"], 1, unit)] if customer.type == "Residential" else []

    def _some(self, item: Item) -> Decimal:
        if item.name.endswith("per ft"):
            return Decimal(self.random.randrange(8, 90))
        if item.name.endswith("per lb"):
            return Decimal(self.random.randrange(4, 26)) / 4
        return Decimal(self.random.choice((1, 1, 1, 2)))

    # ---- bills

    def ordinary_bill(self, id: int) -> Bill:
        rng = self.random
        unit = rng.choices(_UNITS, _UNIT_WEIGHTS)[0]
        vendor = town.VENDORS[rng.choice(_SUPPLIERS[unit.trade])]
        stock = rng.random() < 0.4
        goods = _GOODS[unit.trade, "Material"]
        if unit.name.endswith("Install") and not stock:
            goods += _GOODS[unit.trade, "Equipment"]
        lines = [
            self.bill_line(item, self._some(item) * (rng.randrange(3, 12) if stock else 1), unit)
            for item in rng.sample(goods, rng.randrange(1, min(5, len(goods) + 1)))
        ]
        visit = None if stock else self._a_visit_of(unit)
        return self.bill(id, vendor, unit, lines, visit=visit, added=True)

    def return_credit(self, id: int, returned: Bill) -> Bill:
        """The vendor's credit for goods of one bill sent back: one line, negative, without tax or freight."""
        line = returned.lines[0]
        back = replace(line, id=next(self._bill_line_ids), quantity=-line.quantity, tax=None, freight=None, other=None)
        self._vendor_number += 3
        return replace(
            returned,
            id=id,
            reference=f"{returned.reference}-R",
            vendor_number=f"CM{self._vendor_number}",
            lines=(back,),
            tax=NOTHING,
            freight=NOTHING,
            other=None,
            created=returned.created + HOUR,
            modified=returned.modified + HOUR,
        ).added_up()

    def bill_line(self, item: Item, quantity: Decimal | int, unit: BusinessUnit) -> BillLine:
        by_the_foot = item.name.endswith("per ft")
        cost = item.cost * (950 + self.random.randrange(101)) / 1000
        cost = cost.quantize(Decimal("0.0001"), ROUND_DOWN) if by_the_foot else cents(cost)
        return BillLine(id=next(self._bill_line_ids), item=item, quantity=Decimal(quantity), cost=cost, unit=unit)

    def bill(
        self,
        id: int,
        vendor: Vendor,
        unit: BusinessUnit,
        lines: Sequence[BillLine],
        *,
        visit: Visit | None = None,
        added: bool = False,
    ) -> Bill:
        """A bill that adds up, from a purchase order received in full; `added` lets tax, freight and the like come."""
        rng = self.random
        dated = rng.choice(_DAYS)
        created = self._in_office_hours(dated)
        order_id = next(self._order_ids)
        number = f"STK-{order_id}"
        if visit:
            self._orders_of[visit.id] += 1
            number = f"{visit.number}-{self._orders_of[visit.id]:03d}"
        net = rng.choice((30, 30, 30, 10))
        self._vendor_number += rng.randrange(1, 97)
        pattern = _VENDOR_NUMBERS[town.VENDORS.index(vendor)] if vendor in town.VENDORS else "{}"
        goods = sum((line.total for line in lines), NOTHING)
        tax = cents(goods * Decimal("0.0881")) if added and rng.random() < 0.35 else NOTHING
        freight = Decimal(rng.randrange(950, 6400)) / 100 if added and rng.random() < 0.4 else NOTHING
        other = Decimal("7.50") if added and rng.random() < 0.06 else None
        finely = rng.random() < 0.4
        weights = [line.total for line in lines]
        allocated = zip(
            lines,
            shares(tax, weights, finely),
            shares(freight, weights, finely),
            shares(other or NOTHING, weights, finely),
            strict=True,
        )
        bill = Bill(
            id=id,
            order_id=order_id,
            status="Posted",
            reference=f"{number}-B",
            vendor_number=pattern.format(self._vendor_number),
            vendor=vendor,
            dated=dated,
            due=dated + timedelta(days=net),
            terms=f"Net {net}",
            unit=unit,
            visit=visit,
            lines=tuple(replace(line, tax=t, freight=f, other=o) for line, t, f, o in allocated),
            tax=tax,
            freight=freight,
            other=other,
            batch=batch_of(dated, unit, payable=True),
            reconciled=dated + timedelta(days=rng.randrange(1, 4)),
            created=created,
            modified=created + rng.randrange(HOUR, 60 * HOUR) // 10**7 * 10**7 + self._fraction(),
        ).added_up()
        ordered = created - rng.randrange(20, 120) * HOUR
        self.orders.append(Order(id=order_id, number=number, bill=bill, created=ordered, modified=created))
        return bill

    def _a_visit_of(self, unit: BusinessUnit) -> Visit | None:
        for _ in range(40):
            visit = self.random.choice(self.visits)
            if visit.unit is unit:
                return visit
        return None

    # ---- time

    def _in_office_hours(self, day: date) -> Moment:
        """Between 8 in the morning and 5 in the afternoon in Denver, which is the same day in UTC."""
        return moment(day, self.random.randrange(15 * 3600, 23 * 3600), self._fraction())

    def _fraction(self) -> int:
        digits = self.random.choice((0, 2, 3, 6, 7, 7, 7))
        return int(self.random.randrange(10**digits) * 10 ** (7 - digits))


def batch_of(day: date, unit: BusinessUnit, payable: bool = False) -> TransactionBatch:
    """The batch in which the office posts one day of one trade."""
    trade = ("HVAC", "Plumbing", "Electrical").index(unit.trade)
    number = (day - date(2026, 1, 1)).days * 10 + trade * 2 + payable
    return TransactionBatch(880_000 + number, str(1000 + number), f"{day} {'AP' if payable else unit.trade}")


def shares(whole: Decimal, weights: Sequence[Decimal], finely: bool) -> list[Decimal | None]:
    """Allocate `whole` so that the parts sum to it exactly: to the cent, or `finely`, to ten decimals."""
    if not whole:
        return [None] * len(weights)
    if not finely:
        return [part.amount for part in allocate(Money(whole, Currency.USD), weights)]
    weight = sum(weights, NOTHING)
    parts = [(whole * it / weight).quantize(Decimal("1e-10")) for it in weights[:-1]]
    return [*parts, whole - sum(parts, NOTHING)]
