"""What the contractor did and bought, as ServiceTitan keeps it: visits, invoices, purchase orders and bills.

Amounts are exact decimals in US dollars. An invoice's tax is the taxable, chargeable lines times the sum of its
zone's rates, rounded once; a bill is its lines, each rounded to a cent, and what was added for tax, freight and
other costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from ml_connector.money import Currency, Money
from ml_connector.sandbox import town
from ml_connector.sandbox.moments import Moment

NOTHING = Decimal("0.00")


def cents(exact: Decimal) -> Decimal:
    return Money.rounded(exact, Currency.USD).amount


@dataclass(frozen=True, slots=True)
class TransactionBatch:
    """ServiceTitan's own batch, in which the office posts invoices or bills. It has nothing to do with GP's."""

    id: int
    number: str
    name: str


@dataclass(frozen=True, slots=True)
class VisitType:
    id: int
    name: str
    unit: int
    hours: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What ServiceTitan calls a job: work ordered by one customer, done by one business unit."""

    id: int
    number: str
    type: VisitType
    customer: town.Customer
    unit: town.BusinessUnit
    invoice_id: int
    project_id: int | None
    tags: tuple[int, ...]
    total: Decimal
    done: Moment
    created: Moment
    modified: Moment
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: int
    name: str
    customer: town.Customer
    unit: town.BusinessUnit
    visits: tuple[int, ...]
    created: Moment
    modified: Moment
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One line. `sales`, `cost_of_sale` and `asset` are the accounts that the pricebook put on it."""

    id: int
    item: town.Item
    quantity: Decimal
    price: Decimal
    unit: town.BusinessUnit
    sales: town.GlAccount | None
    cost_of_sale: town.GlAccount | None = None
    asset: town.GlAccount | None = None
    taxable: bool
    chargeable: bool = True
    membership_type: int = 0

    @property
    def total(self) -> Decimal:
        return cents(self.quantity * self.price) if self.chargeable else NOTHING

    @property
    def total_cost(self) -> Decimal:
        return cents(self.quantity * self.item.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    id: int
    status: str  # Pending | Posted | Exported
    configuration: str = "JobInvoice"
    reference: str
    dated: date
    due: date
    terms: str
    customer: town.Customer
    zone: town.TaxZone | None
    unit: town.BusinessUnit
    lines: tuple[InvoiceLine, ...]
    sub_total: Decimal = NOTHING
    sales_tax: Decimal = NOTHING
    total: Decimal = NOTHING
    balance: Decimal = NOTHING
    batch: TransactionBatch | None
    visit: Visit | None = None
    project_id: int | None = None
    adjusts: int | None = None
    membership_id: int | None = None
    summary: str | None
    paid: date | None = None
    created: Moment
    modified: Moment
    active: bool = True

    def added_up(self) -> Invoice:
        """The same invoice with a header that follows from its lines. Nothing of it is paid."""
        sub_total = sum((line.total for line in self.lines), NOTHING)
        rate = sum((it.rate for it in self.zone.authorities), Decimal(0)) if self.zone else Decimal(0)
        tax = cents(sum((line.total for line in self.lines if line.taxable), NOTHING) * rate)
        total = sub_total + tax
        return replace(self, sub_total=sub_total, sales_tax=tax, total=total, balance=total, paid=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One received line; `tax`, `freight` and `other` are its shares of the bill's, at any number of decimals."""

    id: int
    item: town.Item
    quantity: Decimal
    cost: Decimal
    unit: town.BusinessUnit
    tax: Decimal | None = None
    freight: Decimal | None = None
    other: Decimal | None = None

    @property
    def total(self) -> Decimal:
        return cents(self.quantity * self.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    id: int
    order_id: int
    status: str
    reference: str
    vendor_number: str | None
    vendor: town.Vendor
    dated: date
    due: date
    terms: str
    unit: town.BusinessUnit
    visit: Visit | None
    lines: tuple[BillLine, ...]
    tax: Decimal = NOTHING
    freight: Decimal = NOTHING
    other: Decimal | None = None
    amount: Decimal = NOTHING
    batch: TransactionBatch | None
    reconciled: date | None
    created: Moment
    modified: Moment
    active: bool = True

    def added_up(self) -> Bill:
        """The same bill with the amount that follows from its lines and what was added to them."""
        added = self.tax + self.freight + (self.other or NOTHING)
        return replace(self, amount=sum((line.total for line in self.lines), NOTHING) + added)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The purchase order behind a bill, received in full; what was ordered is what the bill says was received."""

    id: int
    number: str
    bill: Bill
    created: Moment
    modified: Moment
    active: bool = True


@dataclass(frozen=True, slots=True)
class Month:
    """What happened in one month, oldest id first. `planted` names each trouble: story → ("invoice" | "bill", id)."""

    invoices: tuple[Invoice, ...]
    bills: tuple[Bill, ...]
    orders: tuple[Order, ...]
    visits: tuple[Visit, ...]
    projects: tuple[Project, ...]
    planted: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    def invoice(self, id: int) -> Invoice:
        return next(it for it in self.invoices if it.id == id)

    def bill(self, id: int) -> Bill:
        return next(it for it in self.bills if it.id == id)
