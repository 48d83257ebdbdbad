"""Everything that planning one source needs to know of ServiceTitan, gathered beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from ml_connector.field.bill import Bill
from ml_connector.field.invoice import Invoice
from ml_connector.field.party import Customer, Job, PurchaseOrder, TaxZone
from ml_connector.field.source import SourceKind

Source: TypeAlias = Invoice | Bill


@dataclass(frozen=True, slots=True)
class InvoiceSnapshot:
    source: Invoice
    customer: Customer | None = None
    job: Job | None = None
    tax_zone: TaxZone | None = None


@dataclass(frozen=True, slots=True)
class BillSnapshot:
    source: Bill
    job: Job | None = None
    purchase_order: PurchaseOrder | None = None


Snapshot: TypeAlias = InvoiceSnapshot | BillSnapshot


def kind_of(source: Source) -> SourceKind:
    return SourceKind.INVOICE if isinstance(source, Invoice) else SourceKind.BILL


def headline(source: Source) -> tuple[str, date | None, Decimal | None]:
    """What a person knows a source by: its number, its date and its total."""
    if isinstance(source, Invoice):
        return source.number, source.invoice_date, source.total
    return source.vendor_number or source.reference_number, source.bill_date, source.amount


def title(source: Source) -> str:
    """How findings name it: "invoice 10482" or "bill 8001", by ServiceTitan's id, which never changes."""
    return f"{kind_of(source).value} {source.id}"
