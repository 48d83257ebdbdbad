"""ServiceTitan's answers as they come: lenient where live answers break the specification, exact where money is.

Field names and meanings are those of the official OpenAPI documents (accounting, crm, inventory, jpm, settings v2).
Live tenants send nulls where these say none, leave out required fields and add new ones every month; so everything
may be missing but an id, and what we do not need is not even named. Money is a JSON string in some models and a
number in others: both become exact decimals without passing through float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from ml_connector.servicetitan.errors import Unintelligible, Unreadable


class Part(msgspec.Struct, rename="camel", kw_only=True, gc=False):
    """A piece of a row. Never part of a cycle, so the collector need not look at it."""


class Row(Part):
    id: int


RowT = TypeVar("RowT", bound=Row)
PageT = TypeVar("PageT")


class Named(Row):
    name: str | None = None


class GlAccount(Part):
    id: int | None = None
    number: str | None = None
    name: str | None = None


class JobReference(Row):
    number: str | None = None
    type: str | None = None


class InvoiceItem(Row):
    description: str | None = None  # HTML
    type: str | None = None
    sku_name: str | None = None
    total: Decimal | None = None
    taxable: bool | None = None
    is_chargeable: bool | None = None
    general_ledger_account: GlAccount | None = None
    order: int | None = None
    business_unit: Named | None = None
    budget_code_id: int | None = None


class Invoice(Row):
    reference_number: str | None = None
    invoice_configuration: str | None = None
    sync_status: str | None = None
    active: bool | None = None
    invoice_date: str | None = None
    due_date: str | None = None
    sub_total: Decimal | None = None
    sales_tax: Decimal | None = None
    total: Decimal | None = None
    tax_zone_id: int | None = None
    customer: Named | None = None
    business_unit: Named | None = None
    job: JobReference | None = None
    project_id: int | None = None
    adjustment_to_id: int | None = None
    budget_code_id: int | None = None
    items: list[InvoiceItem] | None = None


class BillItem(Row):
    order: int | None = None
    description: str | None = None  # HTML
    quantity: Decimal | None = None
    cost: Decimal | None = None
    allocated_tax: Decimal | None = None
    allocated_shipping: Decimal | None = None
    allocated_other_costs: Decimal | None = None
    cost_of_sale_account: GlAccount | None = None
    asset_account: GlAccount | None = None
    sku_type: str | None = None
    sku_code: str | None = None
    budget_code_id: int | None = None


class Bill(Row):
    purchase_order_id: int | None = None
    sync_status: str | None = None
    reference_number: str | None = None
    vendor_number: str | None = None
    active: bool | None = None
    bill_date: str | None = None
    due_date: str | None = None
    bill_amount: Decimal | None = None
    tax_amount: Decimal | None = None
    shipping_amount: Decimal | None = None
    other_amount: Decimal | None = None
    vendor: Named | None = None
    business_unit: Named | None = None
    job_id: int | None = None
    job_number: str | None = None
    date_reconciled: str | None = None
    budget_code_id: int | None = None
    items: list[BillItem] | None = None


class Customer(Named):
    type: str | None = None
    merged_to_id: int | None = None


class Vendor(Named):
    active: bool | None = None


class Job(Row):
    job_number: str | None = None
    job_type_id: int | None = None
    project_id: int | None = None
    tag_type_ids: list[int] | None = None


class Project(Row):
    number: str | None = None


class PurchaseOrder(Row):
    number: str | None = None
    status: str | None = None
    vendor_document_number: str | None = None


class TaxRate(Part):
    tax_name: str | None = None
    tax_rate: Decimal | None = None
    tax_base_type: list[str] | None = None


class TaxZone(Named):
    rates: list[TaxRate] | None = None


class Stood(Row):
    """An invoice or a bill, of which nothing but its status matters."""

    sync_status: str | None = None


class FeedAnswer(Part, Generic[RowT]):
    """One answer of an export endpoint (schema ExportResponse). All three keys must be there: they end the data."""

    has_more: bool
    continue_from: Annotated[str, msgspec.Meta(min_length=1)]
    data: list[RowT]


class ListAnswer(Part, Generic[RowT]):
    """One answer of a paged read (schema PaginatedResponse)."""

    has_more: bool
    data: list[RowT]
    page: int | None = None
    total_count: int | None = None  # only where it was asked for


@dataclass(frozen=True, slots=True)
class Resource:
    """Something to read: `{module}/v2/tenant/{tenant}/{path}`, and the scope that lets us."""

    module: str
    path: str
    scope: str

    def __str__(self) -> str:
        return f"{self.module}/{self.path}"


@dataclass(frozen=True, slots=True)
class Listing(Resource, Generic[RowT]):
    """A paged read."""

    decoder: msgspec.json.Decoder[ListAnswer[RowT]]
    hides_inactive: bool = False  # inactive rows come only with active=Any
    repeats_ids: bool = False  # ids=1&ids=2 in place of ids=1,2


def lenient(kind: type[PageT]) -> msgspec.json.Decoder[PageT]:
    return msgspec.json.Decoder(kind, strict=False)


INVOICE_FEED = Resource("accounting", "export/invoices", "tn.acc.invoices:r")
BILL_FEED = Resource("accounting", "export/inventory-bills", "tn.acc.inventorybills:r")
INVOICE_PAGE = lenient(FeedAnswer[Invoice])
BILL_PAGE = lenient(FeedAnswer[Bill])

INVOICES = Listing("accounting", "invoices", INVOICE_FEED.scope, lenient(ListAnswer[Stood]))
BILLS = Listing("accounting", "inventory-bills/paginated", BILL_FEED.scope, lenient(ListAnswer[Stood]))
TAX_ZONES = Listing("accounting", "tax-zones", "tn.acc.taxzones:r", lenient(ListAnswer[TaxZone]), hides_inactive=True)
CUSTOMERS = Listing("crm", "customers", "tn.crm.customers:r", lenient(ListAnswer[Customer]), hides_inactive=True)
JOBS = Listing("jpm", "jobs", "tn.jpm.jobs:r", lenient(ListAnswer[Job]))
JOB_TYPES = Listing("jpm", "job-types", "tn.jpm.jobtypes:r", lenient(ListAnswer[Named]), hides_inactive=True)
PROJECTS = Listing("jpm", "projects", "tn.jpm.projects:r", lenient(ListAnswer[Project]))
PURCHASE_ORDERS = Listing("inventory", "purchase-orders", "tn.inv.purchaseorders:r", lenient(ListAnswer[PurchaseOrder]))
VENDORS = Listing(
    "inventory", "vendors", "tn.inv.vendors:r", lenient(ListAnswer[Vendor]), hides_inactive=True, repeats_ids=True
)
BUSINESS_UNITS = Listing(
    "settings", "business-units", "tn.stt.businessunits:r", lenient(ListAnswer[Named]), hides_inactive=True
)
TAG_TYPES = Listing("settings", "tag-types", "tn.stt.tagtypes:r", lenient(ListAnswer[Named]), hides_inactive=True)

_IN_ROW = re.compile(r"^(.*) - at `\$\.data\[(\d+)\]\.?(.*)`$", re.DOTALL)


def decode(decoder: msgspec.json.Decoder[PageT], raw: bytes, noun: str) -> PageT:
    """The page in `raw`; `Unreadable` where one row is broken, which is called `noun`, else `Unintelligible`."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as bad:
        found = _IN_ROW.match(str(bad))
        if found is None:
            raise Unintelligible(str(bad)) from None
        problem, number, field = found.groups()
        raise Unreadable(_name(raw, int(number), noun), f"{field or 'the row'}: {problem}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        raise Unintelligible(str(bad)) from None


def _name(raw: bytes, number: int, noun: str) -> str:
    """What to call row `number` of a page; `Unintelligible` when the rest of the page is no JSON after all."""
    try:
        page: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as bad:
        raise Unintelligible(str(bad)) from None
    row = page["data"][number]
    id = row.get("id") if isinstance(row, dict) else None
    return f"{noun} {id}" if isinstance(id, int | str) else f"row {number + 1} ({noun} without an id)"
