"""What the shop holds, and at which address each kind is read, with the scope that the call needs.

Addresses, parameters and scopes are those of the official OpenAPI documents (v2, 2026-07-01).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ml_connector.sandbox import shop_rows as rows
from ml_connector.sandbox import town
from ml_connector.sandbox.drawing import TAGS, VISIT_TYPES
from ml_connector.sandbox.faults import Faults
from ml_connector.sandbox.moments import Moment, moment
from ml_connector.sandbox.shop_parties import TERMS, term_row
from ml_connector.sandbox.shop_shelf import (
    Feed,
    Fixture,
    Listing,
    Shelf,
    at_or_after,
    before,
    numbered,
    numbered_among,
    texted,
    texted_among,
)
from ml_connector.sandbox.trade import Month, VisitType

CUSTOMERS = (*town.CUSTOMERS, town.CUSTOMER_UNKNOWN_TO_GP)
VENDORS = (*town.VENDORS, town.VENDOR_UNKNOWN_TO_GP, town.VENDOR_1099_WITHOUT_RULE)
Resources = Mapping[tuple[str, str], Listing[Any] | Feed[Any]]  # by (module, path below the tenant)

_STATUSES = ("Pending", "Posted", "Exported")
_CONFIGURATIONS = (
    "JobInvoice",
    "ProjectInvoice",
    "CounterSales",
    "MembershipInvoice",
    "InterestChargeInvoice",
    "ARImportInvoice",
)

T = TypeVar("T", town.TaxZone, town.GlAccount, town.BusinessUnit, VisitType)


class Stock:
    """The records of the tenant, each kind on its shelf; customers and vendors are the clerk's."""

    def __init__(self, month: Month) -> None:
        self.invoices, self.bills, self.orders = Shelf(month.invoices), Shelf(month.bills), Shelf(month.orders)
        self.visits, self.projects = Shelf(month.visits), Shelf(month.projects)

    def resources(self, page_rows: int, faults: Faults) -> Resources:
        """Every list and feed; a feed gives at most `page_rows` rows at a time."""
        return {**self._feeds(page_rows, faults), **self._documents(), **self._around_them(), **self._settings()}

    def _feeds(self, page_rows: int, faults: Faults) -> Resources:
        return {
            ("accounting", "export/invoices"): Feed(
                name="invoices",
                shelf=self.invoices,
                row=rows.invoice_row,
                scope="tn.acc.invoices:r",
                page_rows=page_rows,
                faults=faults,
            ),
            ("accounting", "export/inventory-bills"): Feed(
                name="inventory-bills",
                shelf=self.bills,
                row=rows.bill_row,
                scope="tn.acc.inventorybills:r",
                page_rows=page_rows,
                faults=faults,
            ),
        }

    def _documents(self) -> Resources:
        return {
            ("accounting", "invoices"): Listing(
                shelf=self.invoices,
                row=rows.invoice_row,
                scope="tn.acc.invoices:r",
                activity="activeState",
                filters={
                    "statuses": texted_among(lambda it: it.status, _STATUSES),
                    "invoiceConfigurations": texted_among(lambda it: it.configuration, _CONFIGURATIONS),
                    "invoicedOnOrAfter": at_or_after(lambda it: moment(it.dated)),
                    "invoicedOnBefore": before(lambda it: moment(it.dated)),
                    "customerId": numbered(lambda it: it.customer.id),
                    "businessUnitId": numbered(lambda it: it.unit.id),
                    "adjustmentToId": numbered(lambda it: it.adjusts),
                    "jobId": numbered(lambda it: it.visit.id if it.visit else None),
                    "jobNumber": texted(lambda it: it.visit.number if it.visit else None),
                    "number": texted(lambda it: it.reference),
                },
            ),
            ("accounting", "inventory-bills/paginated"): Listing(
                shelf=self.bills,
                row=rows.listed_bill_row,
                scope="tn.acc.inventorybills:r",
                filters={
                    "syncStatuses": texted_among(lambda it: it.status, (*_STATUSES, "PostedAndExported")),
                    "businessUnitIds": numbered_among(lambda it: it.unit.id),
                    "dateFrom": at_or_after(lambda it: moment(it.dated)),
                    "dateTo": before(lambda it: moment(it.dated)),
                    "jobNumber": texted(lambda it: it.visit.number if it.visit else None),
                },
            ),
        }

    def _around_them(self) -> Resources:
        return {
            ("inventory", "purchase-orders"): Listing(
                shelf=self.orders,
                row=rows.order_row,
                scope="tn.inv.purchaseorders:r",
                filters={
                    "status": texted(lambda _: "Received"),
                    "number": texted(lambda it: it.number),
                    "jobId": numbered(lambda it: it.bill.visit.id if it.bill.visit else None),
                    "jobIds": numbered_among(lambda it: it.bill.visit.id if it.bill.visit else None),
                },
            ),
            ("jpm", "jobs"): Listing(
                shelf=self.visits,
                row=rows.visit_row,
                scope="tn.jpm.jobs:r",
                filters={
                    "number": texted(lambda it: it.number),
                    "projectId": numbered(lambda it: it.project_id),
                    "customerId": numbered(lambda it: it.customer.id),
                    "invoiceId": numbered(lambda it: it.invoice_id),
                    "jobTypeId": numbered(lambda it: it.type.id),
                    "businessUnitId": numbered(lambda it: it.unit.id),
                },
            ),
            ("jpm", "projects"): Listing(
                shelf=self.projects,
                row=rows.project_row,
                scope="tn.jpm.projects:r",
                filters={"customerId": numbered(lambda it: it.customer.id)},
            ),
        }

    def _settings(self) -> Resources:
        tags = Shelf(Fixture(id, rows.tag_row(id, rows.OPENED), rows.OPENED, rows.OPENED) for id in TAGS)
        terms = Shelf(Fixture(id, term_row(id, name), rows.OPENED, rows.OPENED) for id, name in TERMS.items())

        def short(shelf: Shelf[Fixture], scope: str, ids: bool = True) -> Listing[Fixture]:
            return Listing(shelf=shelf, row=_ready_made, scope=scope, ids=ids, activity="active")

        return {
            ("accounting", "tax-zones"): short(_fixed(town.TAX_ZONES, rows.tax_zone_row), "tn.acc.taxzones:r"),
            ("accounting", "gl-accounts"): short(_fixed(town.GL_ACCOUNTS, rows.gl_account_row), "tn.acc.glaccounts:r"),
            ("accounting", "payment-terms"): Listing(shelf=terms, row=_ready_made, scope="tn.acc.paymentterms:r"),
            ("jpm", "job-types"): short(_fixed(VISIT_TYPES, rows.visit_type_row), "tn.jpm.jobtypes:r"),
            ("settings", "business-units"): short(
                _fixed(town.BUSINESS_UNITS, rows.business_unit_row), "tn.stt.businessunits:r"
            ),
            ("settings", "tag-types"): short(tags, "tn.stt.tagtypes:r", ids=False),
        }


def _ready_made(it: Fixture) -> rows.Row:
    return it.row


def _fixed(records: Iterable[T], row: Callable[[T, Moment], rows.Row]) -> Shelf[Fixture]:
    """Records that were there when the tenant was set up and have not changed since."""
    return Shelf(Fixture(it.id, row(it, rows.OPENED), rows.OPENED, rows.OPENED) for it in records)
