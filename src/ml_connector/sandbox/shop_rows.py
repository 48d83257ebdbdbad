"""Rows as ServiceTitan's API gives them: the full field sets of the official OpenAPI documents (v2, 2026-07-01).

Amounts are strings on invoices and bills and numbers elsewhere, as declared there; quantities and unit costs carry
the trailing zeros that live tenants show. A `Decimal` in a row is meant as a JSON number.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from html import escape
from typing import Protocol

from ml_connector.sandbox import town
from ml_connector.sandbox.drawing import TAGS
from ml_connector.sandbox.moments import Moment, as_text, moment
from ml_connector.sandbox.trade import (
    Bill,
    BillLine,
    Invoice,
    InvoiceLine,
    Order,
    Project,
    TransactionBatch,
    Visit,
    VisitType,
)

Row = Mapping[str, object]

OPENED = moment(date(2024, 1, 1))  # when the tenant was set up
_ACCOUNT = {account.id: account for account in town.GL_ACCOUNTS}
_OFFICE = "office.user"
OFFICE_ID = 21
_EMPLOYEE = {"id": OFFICE_ID, "name": _OFFICE, "modifiedOn": "2026-01-22T16:23:12.9688553Z"}
_WAREHOUSE = {
    "street": "4800 Race St",
    "unit": None,
    "city": "Denver",
    "state": "CO",
    "zip": "80216",
    "country": "USA",
}


def _day(it: date | None) -> str | None:
    return f"{it}T00:00:00Z" if it else None


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _named(it: town.Customer | town.Vendor | town.BusinessUnit) -> Row:
    return {"id": it.id, "name": it.name}


def _batch(it: TransactionBatch | None) -> Row | None:
    return {"id": it.id, "number": it.number, "name": it.name} if it else None


def _account(it: town.GlAccount | None) -> Row | None:
    if it is None:
        return None
    return {"id": it.id, "name": it.name, "number": it.number, "type": it.type, "detailType": it.detail_type}


def _address(it: town.Customer) -> dict[str, object]:
    return {"street": it.street, "unit": None, "city": it.city, "state": "CO", "zip": it.zip, "country": "USA"}


class _WithId(Protocol):
    @property
    def id(self) -> int: ...


def location_id(customer: _WithId) -> int:
    return customer.id + 1_000_000


def _rate(zone: town.TaxZone) -> Decimal:
    return sum((it.rate for it in zone.authorities), Decimal(0))


# ---- accounting


def invoice_row(it: Invoice) -> Row:
    visit, zone = it.visit, it.zone
    discount = -sum((line.total for line in it.lines if line.item.type == "PriceModifier"), Decimal("0.00"))
    return {
        "id": it.id,
        "syncStatus": it.status,
        "budgetCodeId": None,
        "referenceNumber": it.reference,
        "invoiceDate": _day(it.dated),
        "dueDate": _day(it.due),
        "subTotal": _text(it.sub_total),
        "salesTax": _text(it.sales_tax),
        "salesTaxCode": {"id": zone.id, "name": zone.name, "taxRate": _rate(zone)} if zone else None,
        "taxZoneId": zone.id if zone else None,
        "total": _text(it.total),
        "balance": _text(it.balance),
        "invoiceType": {"id": 3, "name": "Service"},
        "customer": _named(it.customer),
        "customerAddress": _address(it.customer),
        "location": {"id": location_id(it.customer), "name": it.customer.name},
        "locationAddress": _address(it.customer),
        "businessUnit": _named(it.unit),
        "termName": it.terms,
        "createdBy": _OFFICE,
        "batch": _batch(it.batch),
        "depositedOn": None,
        "createdOn": as_text(it.created),
        "modifiedOn": as_text(it.modified),
        "adjustmentToId": it.adjusts,
        "job": {"id": visit.id, "number": visit.number, "type": visit.type.name} if visit else None,
        "projectId": it.project_id,
        "royalty": {"status": "Pending", "date": None, "sentOn": None, "memo": None},
        "employeeInfo": _EMPLOYEE,
        "commissionEligibilityDate": None,
        "sentStatus": "NotSent" if it.status == "Pending" else "Sent",
        "reviewStatus": "NeedsReview" if it.status == "Pending" else "Reviewed",
        "assignedTo": None,
        "summary": it.summary,
        "items": [_invoice_line(it, line, n) for n, line in enumerate(it.lines, 1)] or None,
        "customFields": [] if it.lines else None,
        "active": it.active,
        "discountTotal": _text(discount),
        "importId": None,
        "exportId": None,
        "materialSkuId": None,
        "membershipId": it.membership_id,
        "paidOn": _day(it.paid),
        "invoiceConfiguration": it.configuration,
    }


def _invoice_line(invoice: Invoice, it: InvoiceLine, order: int) -> Row:
    stocked = it.asset is not None
    return {
        "id": it.id,
        "description": f"<p>{escape(it.item.name)}</p>",
        "quantity": f"{it.quantity:.19f}",
        "cost": f"{it.item.cost:.10f}",
        "totalCost": _text(it.total_cost),
        "budgetCodeId": None,
        "inventoryLocationId": 1 if stocked else None,
        "inventoryLocation": "Warehouse" if stocked else None,
        "price": _text(it.price),
        "type": it.item.type,
        "skuName": it.item.code,
        "skuId": it.item.id,
        "total": _text(it.total),
        "inventory": stocked,
        "taxable": it.taxable,
        "isChargeable": it.chargeable,
        "generalLedgerAccount": _account(it.sales),
        "costOfSaleAccount": _account(it.cost_of_sale),
        "assetAccount": _account(it.asset),
        "membershipTypeId": it.membership_type,
        "itemGroup": None,
        "displayName": it.item.name,
        "soldHours": Decimal("1.50") if it.item.type == "Service" else None,
        "createdOn": as_text(invoice.created),
        "modifiedOn": as_text(invoice.created),
        "serviceDate": _day(invoice.dated),
        "order": order,
        "businessUnit": _named(it.unit),
        "createdById": OFFICE_ID,
        "displayInAmount": None,
        "importId": None,
        "exportId": None,
        "inventoryStatus": None,
        "addOn": False,
        "memberPrice": None,
        "technicianId": None,
        "installedEquipmentId": None,
        "estimateItemId": None,
    }


def bill_row(it: Bill) -> Row:
    """The row of the export feed; the list has the same fields but `active`."""
    landed = any(line.tax or line.freight or line.other for line in it.lines)
    return {
        "id": it.id,
        "purchaseOrderId": it.order_id,
        "syncStatus": it.status,
        "referenceNumber": it.reference,
        "vendorNumber": it.vendor_number,
        "summary": None,
        "billDate": _day(it.dated),
        "billAmount": _text(it.amount),
        "taxAmount": _text(it.tax),
        "shippingAmount": _text(it.freight),
        "landedCostMethod": "ByValue" if landed else "None",
        "otherAmount": _text(it.other),
        "createdBy": _OFFICE,
        "createdOn": as_text(it.created),
        "modifiedOn": as_text(it.modified),
        "termName": it.terms,
        "dueDate": _day(it.due),
        "shipToDescription": "Job site" if it.visit else "Warehouse",
        "postDate": _day(it.dated),
        "batch": _batch(it.batch),
        "businessUnit": _named(it.unit),
        "taxZone": None,
        "vendor": _named(it.vendor),
        "shipTo": _address(it.visit.customer) if it.visit else _WAREHOUSE,
        "budgetCodeId": None,
        "items": [_bill_line(line, n, landed) for n, line in enumerate(it.lines, 1)],
        "customFields": [],
        "jobId": it.visit.id if it.visit else None,
        "jobNumber": it.visit.number if it.visit else None,
        "dateReconciled": _day(it.reconciled),
        "active": it.active,
    }


def listed_bill_row(it: Bill) -> Row:
    return {name: value for name, value in bill_row(it).items() if name != "active"}


def _bill_line(it: BillLine, order: int, landed: bool) -> Row:
    unit = it.unit
    added = (it.tax or Decimal(0)) + (it.freight or Decimal(0)) + (it.other or Decimal(0))
    return {
        "order": order,
        "name": it.item.code,
        "description": f"<p>{escape(it.item.name)}</p>",
        "quantity": f"{it.quantity:.2f}",
        "cost": _text(it.cost),
        "allocatedTax": _text(it.tax),
        "allocatedShipping": _text(it.freight),
        "allocatedOtherCosts": _text(it.other),
        "fullyLandedUnitCost": f"{it.cost + added / it.quantity:.10f}" if landed else None,
        "inventoryLocation": "Warehouse",
        "serialNumber": None,
        "generalLedgerAccount": _account(_ACCOUNT[unit.sales_account]),
        "costOfSaleAccount": _account(_ACCOUNT[unit.cost_account]),
        "assetAccount": _account(_ACCOUNT[131]),
        "id": it.id,
        "skuId": it.item.id,
        "receiptItemId": it.id - 11_000,
        "skuType": it.item.type,
        "skuCode": it.item.code,
        "budgetCodeId": None,
    }


def tax_zone_row(it: town.TaxZone, at: Moment) -> Row:
    return {
        "id": it.id,
        "name": it.name,
        "color": None,
        "isTaxRateSeparated": False,
        "isMultipleTaxZone": True,
        "rates": [
            {
                "id": tax.id,
                "taxName": tax.name,
                "taxBaseType": ["Subtotal"],
                "taxRate": tax.rate,
                "salesTaxItem": tax.name.upper(),
            }
            for tax in it.authorities
        ],
        "createdOn": as_text(at),
        "modifiedOn": as_text(at),
        "active": True,
    }


def gl_account_row(it: town.GlAccount, at: Moment) -> Row:
    return {
        "id": it.id,
        "name": it.name,
        "number": it.number,
        "description": None,
        "type": it.type,
        "subtype": it.detail_type,
        "active": True,
        "isIntacctGroup": False,
        "isIntacctBankAccount": False,
        "source": "ManuallyCreated",
        "defaultAccountType": "Revenue" if it.type == "Income" else None,
        "createdOn": as_text(at),
        "modifiedOn": as_text(at),
    }


# ---- the other modules


def order_row(it: Order) -> Row:
    bill = it.bill
    return {
        "id": it.id,
        "number": it.number,
        "invoiceId": bill.visit.invoice_id if bill.visit else None,
        "jobId": bill.visit.id if bill.visit else None,
        "projectId": bill.visit.project_id if bill.visit else None,
        "status": "Received",
        "typeId": 4,
        "vendorId": bill.vendor.id,
        "technicianId": None,
        "shipTo": _address(bill.visit.customer) if bill.visit else _WAREHOUSE,
        "businessUnitId": bill.unit.id,
        "inventoryLocationId": 1,
        "batchId": None,
        "budgetCodeId": None,
        "vendorDocumentNumber": bill.vendor_number or "",
        "date": _day(bill.dated),
        "requiredOn": _day(bill.dated),
        "sentOn": as_text(it.created),
        "receivedOn": _day(bill.dated),
        "createdOn": as_text(it.created),
        "modifiedOn": as_text(it.modified),
        "total": bill.amount,
        "tax": bill.tax,
        "shipping": bill.freight,
        "createdById": None,
        "summary": "",
        "items": [_order_line(it, line) for line in bill.lines],
        "customFields": [],
    }


def _order_line(order: Order, it: BillLine) -> Row:
    return {
        "id": it.id + 5_000,
        "skuId": it.item.id,
        "description": escape(it.item.name),
        "createdOn": as_text(order.created),
        "modifiedOn": as_text(order.modified),
        "skuName": it.item.name,
        "skuCode": it.item.code,
        "skuType": it.item.type,
        "vendorPartNumber": f"{it.item.code}-V",
        "quantity": Decimal(f"{it.quantity:.10f}"),
        "quantityReceived": Decimal(f"{it.quantity:.10f}"),
        "cost": Decimal(f"{it.cost:.10f}"),
        "total": it.total,
        "serialNumbers": [],
        "status": "Received",
        "chargeable": True,
        "budgetCodeId": None,
    }


def visit_row(it: Visit) -> Row:
    return {
        "id": it.id,
        "jobNumber": it.number,
        "projectId": it.project_id,
        "customerId": it.customer.id,
        "locationId": location_id(it.customer),
        "jobStatus": "Completed",
        "completedOn": as_text(it.done),
        "businessUnitId": it.unit.id,
        "jobTypeId": it.type.id,
        "priority": "Normal",
        "campaignId": 9,
        "appointmentCount": 1,
        "firstAppointmentId": it.id + 1_100_000,
        "lastAppointmentId": it.id + 1_100_000,
        "recallForId": None,
        "warrantyId": None,
        "jobGeneratedLeadSource": None,
        "noCharge": False,
        "notificationsEnabled": False,
        "createdOn": as_text(it.created),
        "createdById": OFFICE_ID,
        "modifiedOn": as_text(it.modified),
        "tagTypeIds": list(it.tags),
        "leadCallId": None,
        "partnerLeadCallId": None,
        "bookingId": None,
        "soldById": None,
        "customerPo": "",
        "invoiceId": it.invoice_id,
        "membershipId": None,
        "total": it.total,
        "createdFromEstimateId": None,
        "estimateIds": [],
        "equipmentIds": [],
        "isAutoDispatched": None,
        "summary": None,
        "customFields": [],
        "externalData": [],
        "summaryOfWork": None,
    }


def visit_type_row(it: VisitType, at: Moment) -> Row:
    return {
        "id": it.id,
        "name": it.name,
        "businessUnitIds": [it.unit],
        "skills": [],
        "tagTypeIds": [],
        "priority": "Normal",
        "duration": it.hours * 3600,
        "soldThreshold": None,
        "class": "",
        "summary": "",
        "noCharge": False,
        "enforceRecurringServiceEventSelection": None,
        "invoiceSignaturesRequired": False,
        "modifiedOn": as_text(at),
        "createdOn": as_text(at),
        "externalData": [],
        "active": True,
        "isSmartDispatched": False,
        "defaultEstimateSoldAction": "",
        "customFieldTypeIds": [],
    }


def project_row(it: Project) -> Row:
    return {
        "id": it.id,
        "number": str(it.id),
        "name": it.name,
        "summary": None,
        "status": None,
        "statusId": None,
        "subStatus": None,
        "subStatusId": None,
        "customerId": it.customer.id,
        "locationId": location_id(it.customer),
        "projectTypeId": None,
        "projectManagerIds": [],
        "businessUnitIds": [it.unit.id],
        "startDate": as_text(it.created),
        "targetCompletionDate": None,
        "actualCompletionDate": None,
        "modifiedOn": as_text(it.modified),
        "createdOn": as_text(it.created),
        "customFields": [],
        "externalData": [],
        "jobIds": list(it.visits),
    }


def business_unit_row(it: town.BusinessUnit, at: Moment) -> Row:
    trades = ("HVAC", "Plumbing", "Electrical")
    division = it.name.rsplit(" ", 1)[-1]
    return {
        "id": it.id,
        "active": True,
        "name": it.name,
        "officialName": town.COMPANY_NAME,
        "email": None,
        "currency": "USD",
        "phoneNumber": None,
        "invoiceHeader": None,
        "invoiceMessage": None,
        "defaultTaxRate": None,
        "authorizationParagraph": None,
        "acknowledgementParagraph": None,
        "address": None,
        "materialSku": None,
        "quickbooksClass": it.trade,
        "accountCode": None,
        "franchiseId": None,
        "conceptCode": None,
        "corporateContractNumber": None,
        "trade": {"id": trades.index(it.trade) + 1, "name": it.trade},
        "division": {"id": 1 if division == "Service" else 2, "name": division},
        "tagTypeIds": None,
        "tenant": {
            "id": town.TENANT_ID,
            "name": town.COMPANY_NAME,
            "accountCode": None,
            "franchiseId": None,
            "conceptCode": None,
            "modifiedOn": as_text(at),
        },
        "createdOn": as_text(at),
        "modifiedOn": as_text(at),
        "externalData": None,
        "certifiedSentriconSpecialistCode": None,
    }


def tag_row(id: int, at: Moment) -> Row:
    return {
        "id": id,
        "name": TAGS[id],
        "color": "#2a7f62",
        "code": TAGS[id][:1].upper(),
        "importance": None,
        "isConversionOpportunity": False,
        "allowToUseOnTimesheetActivity": False,
        "isVisibleOnDispatchBoard": True,
        "active": True,
        "createdOn": as_text(at),
        "modifiedOn": as_text(at),
    }
