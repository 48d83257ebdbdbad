"""Plant the month's trouble: one document for each story, under an id that never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from ml_connector.sandbox import town
from ml_connector.sandbox.drawing import ACCOUNT, ELECTRICAL, ITEM, UNIT, Drawing, batch_of
from ml_connector.sandbox.moments import moment
from ml_connector.sandbox.town import Item
from ml_connector.sandbox.trade import NOTHING, Bill, Invoice, InvoiceLine

INVOICE_IDS = range(10450, 10500)  # kept free for the stories
BILL_IDS = range(8900, 8950)

_HVAC, _PLUMBING, _PLUMBING_INSTALL = UNIT[319], UNIT[321], UNIT[322]
_MARIA, _JOHN, _LINDA, _DAVID, _SUSAN = town.CUSTOMERS[:5]
_BY_GP_ID = {it.gp_id: it for it in town.CUSTOMERS}
_CENT = Decimal("0.01")

_SHEET_METAL = Item(8901, "DUCT-FAB", "Duct fabricated to sketch", "Material", "HVAC", NOTHING, Decimal(1840), False)
_CRANE = Item(8902, "CRANE-HR", "Crane with operator, per hour", "Material", "HVAC", NOTHING, Decimal(265), False)
_MEMBERSHIP = Item(7050, "MEMBER-GOLD", "Gold agreement, one year", "Service", "HVAC", Decimal(228), NOTHING, False)
_OPENING = Item(1, "AR-IMPORT", "Imported balance", "Unspecified", "HVAC", Decimal(412), NOTHING, False)


@dataclass(frozen=True, slots=True)
class Planted:
    invoices: tuple[Invoice, ...]
    bills: tuple[Bill, ...]
    stories: Mapping[str, tuple[str, int]]


def plant(draw: Drawing) -> Planted:
    invoices, bills = _invoices(draw), _bills(draw)
    stories = {story: ("invoice", it.id) for story, it in invoices.items()}
    stories |= {story: ("bill", it.id) for story, it in bills.items()}
    return Planted(tuple(invoices.values()), tuple(bills.values()), stories)


def _tune_up(draw: Drawing) -> list[InvoiceLine]:
    return [draw.line(ITEM["AC-TUNE"], 1, _HVAC), draw.line(ITEM["FILTER-16"], 1, _HVAC)]


def _recharge(draw: Drawing, pounds: str) -> list[InvoiceLine]:
    return [draw.line(ITEM["DIAG-HVAC"], 1, _HVAC), draw.line(ITEM["R410A-LB"], Decimal(pounds), _HVAC)]


def _repipe(draw: Drawing) -> list[InvoiceLine]:
    return [draw.line(ITEM["LEAK-REPAIR"], 1, _PLUMBING), draw.line(ITEM["PEX-34"], 37, _PLUMBING)]


def _invoices(draw: Drawing) -> dict[str, Invoice]:
    line, invoice = draw.line, draw.invoice
    smart = [line(town.UNMAPPED_ITEM, 1, ELECTRICAL), line(ITEM["BREAKER-20"], 2, ELECTRICAL)]
    discounted = [line(ITEM["CIRCUIT-ADD"], 1, ELECTRICAL), line(ITEM["DISC-SENIOR"], 1, ELECTRICAL)]
    for_nothing = [line(ITEM["DIAG-HVAC"], 1, _HVAC, price=NOTHING)]
    of_three_units = [
        line(ITEM["WH-50-GAS"], 1, _PLUMBING_INSTALL),
        line(ITEM["LEAK-REPAIR"], 1, _PLUMBING),
        line(ITEM["PANEL-INSP"], 1, ELECTRICAL),
    ]
    a_hundred = [line(ITEM["R410A-LB"], 1, _HVAC, price=Decimal("100.00"))]
    a_filter = [line(ITEM["FILTER-16"], 1, _HVAC)]  # 64.95: the three taxes, each rounded, miss the tax by a cent
    adjusted = invoice(10468, _DAVID, _HVAC, _recharge(draw, "3"), date(2026, 3, 18))
    differing = invoice(10476, _DAVID, _HVAC, _tune_up(draw), date(2026, 3, 19))
    late = invoice(10475, _SUSAN, _PLUMBING, _repipe(draw), date(2026, 3, 31))
    deleted = invoice(10477, _SUSAN, _HVAC, _tune_up(draw), date(2026, 3, 5), status="Pending")
    ticks = invoice(10474, _JOHN, _HVAC, _tune_up(draw), date(2026, 3, 12))
    return {
        "unmapped_item": invoice(10461, _JOHN, ELECTRICAL, smart, date(2026, 3, 10)),
        "unknown_customer": invoice(10462, town.CUSTOMER_UNKNOWN_TO_GP, _HVAC, _tune_up(draw), date(2026, 3, 11)),
        "inactive_account": invoice(10463, _LINDA, ELECTRICAL, discounted, date(2026, 3, 13)),
        "closed_period": _posted_late(invoice(10464, _JOHN, _HVAC, _tune_up(draw), date(2026, 2, 27))),
        "before_cutover": _posted_late(invoice(10465, _LINDA, _PLUMBING, _repipe(draw), date(2026, 1, 30))),
        "zero_total": invoice(10466, _SUSAN, _HVAC, for_nothing, date(2026, 3, 9)),
        "empty_invoice": invoice(10467, _JOHN, _PLUMBING, [], date(2026, 3, 6)),
        "adjusted_invoice": adjusted,
        "negative_adjustment": _credited(draw, 10469, adjusted),
        "opening_invoice": _opening(draw, 10470),
        "membership_invoice": _membership(draw, 10471),
        "long_name_customer": invoice(10472, _BY_GP_ID["STAPLETON001"], _HVAC, _tune_up(draw), date(2026, 3, 17)),
        "non_ascii_customer": invoice(10473, _BY_GP_ID["ZOLTOWSKI001"], _PLUMBING, _repipe(draw), date(2026, 3, 20)),
        "seven_digit_timestamp": replace(ticks, modified=moment(date(2026, 3, 13), 77_738, 2_876_004)),
        "near_midnight": replace(  # 23:40 on 31 March in Denver
            late,
            created=moment(date(2026, 4, 1), 5 * 3600 + 40 * 60, 1_234_567),
            modified=moment(date(2026, 4, 1), 16 * 3600),
        ),
        "header_differs": replace(differing, total=differing.total + _CENT, balance=differing.total + _CENT, paid=None),
        "inactive": replace(deleted, active=False),
        "mixed_units": invoice(10478, _LINDA, _PLUMBING_INSTALL, of_three_units, date(2026, 3, 16)),
        "foreign_document": invoice(10482, _MARIA, _HVAC, _recharge(draw, "2.5"), date(2026, 3, 14)),
        "explained": invoice(10490, _MARIA, _HVAC, a_hundred, date(2026, 3, 14)),
        "tax_cent": invoice(10491, _MARIA, _HVAC, a_filter, date(2026, 3, 14)),
    }


def _posted_late(invoice: Invoice) -> Invoice:
    """An invoice of an earlier month that the office posted only in March."""
    posted = date(2026, 3, 4)
    return replace(invoice, batch=batch_of(posted, invoice.unit), modified=moment(posted, 61_200, 5_000_000))


def _credited(draw: Drawing, id: int, original: Invoice) -> Invoice:
    """The adjustment that takes back two of the original's taxable goods; it belongs to the same visit."""
    goods = original.lines[1]
    back = draw.line(goods.item, -2, goods.unit)
    adjustment = draw.invoice(id, original.customer, original.unit, [back], date(2026, 3, 24), visited=False)
    return replace(adjustment, adjusts=original.id, visit=original.visit, reference=f"{original.reference}-1")


def _opening(draw: Drawing, id: int) -> Invoice:
    """A balance brought in from the books kept before ServiceTitan: GP has it already."""
    imported = replace(draw.line(_OPENING, 1, _HVAC), sales=None)
    invoice = draw.invoice(id, town.CUSTOMERS[7], _HVAC, [imported], date(2026, 3, 2), visited=False)
    return replace(invoice, configuration="ARImportInvoice", zone=None, balance=invoice.total, paid=None)


def _membership(draw: Drawing, id: int) -> Invoice:
    sold = replace(draw.line(_MEMBERSHIP, 1, _HVAC), sales=ACCOUNT[451], membership_type=12)
    invoice = draw.invoice(id, town.CUSTOMERS[8], _HVAC, [sold], date(2026, 3, 3), visited=False)
    return replace(invoice, configuration="MembershipInvoice", membership_id=661_204)


def _bills(draw: Drawing) -> dict[str, Bill]:
    ferguson, johnstone, winsupply, _, _, martinez = town.VENDORS
    visit = next(it for it in draw.visits if it.unit is _HVAC)

    def valves(id: int, vendor: town.Vendor) -> Bill:
        return draw.bill(id, vendor, _PLUMBING, [draw.bill_line(ITEM["BALLVALVE"], 12, _PLUMBING)])

    def capacitors(id: int) -> Bill:
        return draw.bill(id, johnstone, _HVAC, [draw.bill_line(ITEM["CAP-45-5"], 6, _HVAC)], added=True)

    crane = [draw.bill_line(_CRANE, 3, _HVAC)]
    ducts = [draw.bill_line(_SHEET_METAL, 1, _HVAC)]
    return {
        "unknown_vendor": valves(8901, town.VENDOR_UNKNOWN_TO_GP),
        "vendor_1099_without_rule": draw.bill(8902, town.VENDOR_1099_WITHOUT_RULE, _HVAC, crane, visit=visit),
        "subcontractor_1099": draw.bill(8903, martinez, _HVAC, ducts, visit=visit),
        "vendor_invoice_first": replace(valves(8904, winsupply), vendor_number="WS-77120A"),
        "duplicate_vendor_invoice": replace(valves(8905, winsupply), vendor_number="ws-77120a "),
        "missing_vendor_invoice": replace(valves(8906, ferguson), vendor_number=None),
        "unreconciled_bill": replace(capacitors(8907), reconciled=None),
    }
