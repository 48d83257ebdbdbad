"""A bill of a received purchase order as ServiceTitan holds it (Accounting v2, InventoryBillResponse).

Amounts are exact decimals in the tenant's currency; see `invoice`. Quantity times cost may be finer than a cent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ml_connector.field.source import GlAccount, Named


@dataclass(frozen=True, slots=True)
class BillLine:
    id: int
    position: int
    item_code: str
    item_type: str
    description: str
    quantity: Decimal | None
    cost: Decimal | None  # of one unit
    allocated_tax: Decimal | None
    allocated_shipping: Decimal | None
    allocated_other: Decimal | None
    cost_account: GlAccount | None
    asset_account: GlAccount | None
    budget_code: int | None


@dataclass(frozen=True, slots=True)
class Bill:
    id: int
    reference_number: str
    vendor_number: str  # which of the two is the vendor's invoice number is for the rulebook to say
    status: str  # SyncStatus
    active: bool
    bill_date: date | None
    due_date: date | None
    amount: Decimal | None
    tax: Decimal | None
    shipping: Decimal | None
    other: Decimal | None
    vendor: Named | None
    business_unit: Named | None
    job_id: int | None
    job_number: str
    purchase_order_id: int | None
    reconciled: date | None
    budget_code: int | None
    lines: tuple[BillLine, ...]

    @property
    def for_a_job(self) -> bool:
        """Parts bought for a job are cost of sale at once; all others go on the shelf."""
        return self.job_id is not None
