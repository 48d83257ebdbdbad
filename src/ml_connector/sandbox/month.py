"""The seeded month: March 2026 at Front Range Mechanical, ordinary trade with trouble planted in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from ml_connector.sandbox.drawing import Drawing
from ml_connector.sandbox.planted import BILL_IDS, INVOICE_IDS, plant
from ml_connector.sandbox.trade import Bill, Invoice, Month

LONG_IDS = (412_880_931, 412_881_207, 413_002_556, 180_024_771_905, 180_024_772_118)
PENDING = 9  # ordinary invoices that the office has not posted yet
RETURN_CREDITS = 3

__all__ = ["Month", "a_month"]


def a_month(seed: int = 2026, invoices: int = 420, bills: int = 90) -> Month:
    """A month with so many invoices and bills, the planted ones among them (there are never fewer than those)."""
    drawing = Drawing(seed)
    planted = plant(drawing)
    drawn = _ordinary_invoices(drawing, max(0, invoices - len(planted.invoices)))
    billed = _ordinary_bills(drawing, max(0, bills - len(planted.bills)))
    kept = {it.id: it for it in (*planted.bills, *billed)}
    return Month(
        invoices=tuple(sorted((*planted.invoices, *drawn), key=lambda it: it.id)),
        bills=tuple(sorted(kept.values(), key=lambda it: it.id)),
        orders=tuple(replace(order, bill=kept[order.bill.id]) for order in drawing.orders),
        visits=tuple(drawing.visits),
        projects=tuple(drawing.projects),
        planted=planted.stories,
    )


def _ordinary_invoices(drawing: Drawing, number: int) -> list[Invoice]:
    pending = frozenset(drawing.random.sample(range(number), min(PENDING, number)))
    ids = _invoice_ids()
    drawn = []
    for n in range(number):
        exported = drawing.random.random() < 0.08
        status = "Pending" if n in pending else "Exported" if exported else "Posted"
        drawn.append(drawing.ordinary_invoice(next(ids), status))
    return drawn


def _ordinary_bills(drawing: Drawing, number: int) -> list[Bill]:
    ids = (id for id in count(8001) if id not in BILL_IDS)
    credits = RETURN_CREDITS if number > 2 * RETURN_CREDITS else 0
    drawn = [drawing.ordinary_bill(next(ids)) for _ in range(number - credits)]
    return drawn + [drawing.return_credit(next(ids), drawn[n]) for n in range(credits)]


def _invoice_ids() -> Iterator[int]:
    yield from LONG_IDS
    yield from (id for id in count(10_001) if id not in INVOICE_IDS)
