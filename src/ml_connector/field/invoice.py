"""An invoice, or an adjustment to one, as ServiceTitan holds it (Accounting v2, InvoiceResponse).

Amounts are exact decimals in the tenant's currency and are not yet money: only the rulebook names the currency,
and ServiceTitan does not promise whole cents. Nearly everything may be missing there, so it may be here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ml_connector.field.source import GlAccount, Named


class Configuration:
    """What kind of invoice it is (enum InvoiceConfiguration)."""

    JOB = "JobInvoice"
    PROJECT = "ProjectInvoice"
    COUNTER_SALES = "CounterSales"
    MEMBERSHIP = "MembershipInvoice"
    INTEREST_CHARGE = "InterestChargeInvoice"
    IMPORTED_OPENING = "ARImportInvoice"

    ALL = (JOB, PROJECT, COUNTER_SALES, MEMBERSHIP, INTEREST_CHARGE, IMPORTED_OPENING)


class ItemType:
    """What a line sells (enum InvoiceItemType). A price modifier is a discount or a surcharge."""

    SERVICE = "Service"
    MATERIAL = "Material"
    EQUIPMENT = "Equipment"
    PRICE_MODIFIER = "PriceModifier"


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    id: int
    position: int  # 1, 2, ... in the order ServiceTitan shows
    item_code: str
    item_type: str
    description: str  # plain text; ServiceTitan keeps HTML
    total: Decimal | None
    taxable: bool
    chargeable: bool  # a line that is not chargeable carries cost and no revenue
    account: GlAccount | None
    business_unit: Named | None  # may differ from the invoice's
    budget_code: int | None


@dataclass(frozen=True, slots=True)
class JobReference:
    id: int
    number: str
    type: str


@dataclass(frozen=True, slots=True)
class Invoice:
    id: int
    number: str  # referenceNumber: what people call it; editable, so never a key
    configuration: str
    status: str  # SyncStatus
    active: bool
    invoice_date: date | None
    due_date: date | None
    subtotal: Decimal | None
    tax: Decimal | None
    total: Decimal | None
    tax_zone_id: int | None
    customer: Named | None
    business_unit: Named | None
    job: JobReference | None
    project_id: int | None
    adjustment_to: int | None
    budget_code: int | None
    lines: tuple[InvoiceLine, ...]
