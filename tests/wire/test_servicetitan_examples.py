"""The example answers beside the repository, read by the adapter's models: official, synthetic, and from a live tenant."""

from __future__ import annotations

import json
import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from ml_connector.field.bill import Bill
from ml_connector.field.invoice import Invoice
from ml_connector.field.party import Customer, Job, PurchaseOrder, TaxRate
from ml_connector.field.source import GlAccount, Named, SourceKind
from ml_connector.servicetitan import errors, parse, wire
from ml_connector.servicetitan.feeds import read_page

EXAMPLES = Path(__file__).parents[2] / ".." / "shared" / "reference" / "servicetitan" / "examples"


def example(name: str) -> bytes:
    path = EXAMPLES / name
    if not path.exists():
        if os.environ.get("CI"):
            pytest.fail(f"{path} is missing")
        pytest.skip(f"{path} is missing")
    return path.read_bytes()


def rows_of(listing: wire.Listing[wire.RowT], name: str) -> list[wire.RowT]:
    return wire.decode(listing.decoder, example(f"synthetic/{name}"), listing.path).data


def test_an_exported_invoice_is_read_in_full() -> None:
    """Every field that the books will need arrives, exact and in its place."""
    page = read_page(SourceKind.INVOICE, example("synthetic/accounting_export_invoices_page.json"))
    assert (page.token, page.has_more) == ("opaque-token-0001", False)
    for source, row in zip(page.sources, json.loads(page.raw)["data"], strict=True):
        assert isinstance(source, Invoice)
        assert (source.id, source.number, source.status) == (row["id"], row["referenceNumber"], row["syncStatus"])
        assert (source.configuration, source.active) == (row["invoiceConfiguration"], row["active"])
        assert source.invoice_date == date.fromisoformat(row["invoiceDate"].partition("T")[0])
        assert (source.subtotal, source.tax, source.total) == tuple(
            Decimal(row[name]) for name in ("subTotal", "salesTax", "total")
        )
        assert source.customer == Named(**row["customer"])
        assert source.adjustment_to == row["adjustmentToId"]
        items = row["items"] or []
        assert [line.position for line in source.lines] == list(range(1, len(items) + 1))
        for line, item in zip(source.lines, sorted(items, key=lambda it: it["order"]), strict=True):
            assert (line.id, line.item_code, line.item_type) == (item["id"], item["skuName"], item["type"])
            assert (line.taxable, line.chargeable) == (item["taxable"], item["isChargeable"])
            assert line.total == Decimal(item["total"])
            account = item["generalLedgerAccount"]
            assert line.account == GlAccount(account["id"], account["number"], account["name"])
            assert "<" not in line.description


def test_an_exported_bill_is_read_in_full() -> None:
    """Parts for a job, with tax and freight, and both numbers that may be the vendor's."""
    page = read_page(SourceKind.BILL, example("synthetic/accounting_export_inventory_bills_page.json"))
    bill = page.sources[0]
    assert isinstance(bill, Bill)
    assert (bill.id, bill.purchase_order_id, bill.job_id, bill.for_a_job) == (440011, 220011, 7700456, True)
    assert (bill.reference_number, bill.vendor_number, bill.status) == ("VINV-778", "V-100", "Posted")
    assert (bill.bill_date, bill.due_date, bill.reconciled) == (date(2026, 3, 3), date(2026, 4, 2), None)
    amounts = (bill.amount, bill.tax, bill.shipping, bill.other)
    assert amounts == (Decimal("322.50"), Decimal("12.50"), Decimal("10.00"), None)
    assert bill.vendor == Named(1724868, "Example Supply Co")
    (line,) = bill.lines
    assert (line.item_code, line.item_type, line.description) == ("R410A", "Material", "R-410A 25lb")
    assert (line.quantity, line.cost, line.allocated_tax) == (Decimal(2), Decimal(150), None)
    assert line.cost_account == GlAccount(120, "5010", "Cost of Goods Sold - Materials")
    assert line.asset_account == GlAccount(130, "1300", "Inventory")


def test_the_official_sample_of_2021_is_read() -> None:
    """An empty invoice whose items are null, and which lacks fields that the specification requires today."""
    decoder = msgspec.json.Decoder(wire.ListAnswer[wire.Invoice], strict=False)
    (row,) = wire.decode(decoder, example("official_docs_invoice_2021.json"), "invoice").data
    invoice = parse.invoice(row)
    assert (invoice.id, invoice.number, invoice.status, invoice.active) == (1679, "1676", "Pending", True)
    assert (invoice.invoice_date, invoice.total, invoice.lines) == (date(2021, 7, 19), Decimal(0), ())
    assert (invoice.job, invoice.tax_zone_id) == (None, None)


def test_what_sources_refer_to_is_read() -> None:
    """Customers (one merged), jobs, orders, zones and the short lists."""
    customers = [parse.customer(row) for row in rows_of(wire.CUSTOMERS, "crm_customers_page.json")]
    assert customers == [
        Customer(5500123, "Example Customer A", "Residential", None),
        Customer(5500999, "Merged Customer", "Residential", 5500123),
    ]
    (job,) = rows_of(wire.JOBS, "jpm_jobs_page.json")
    types = {row.id: row.name or "" for row in rows_of(wire.JOB_TYPES, "jpm_job_types_page.json")}
    assert parse.job(job, types, {}, {}) == Job(7700456, "7700456", "AC Repair", "", ())
    assert rows_of(wire.PROJECTS, "jpm_projects_page.json")[0].number == "3300"
    orders = [parse.purchase_order(row) for row in rows_of(wire.PURCHASE_ORDERS, "inventory_purchase_orders_page.json")]
    assert orders[0] == PurchaseOrder(220011, "7700456-001", "Received", "VINV-778")
    zone = parse.tax_zone(rows_of(wire.TAX_ZONES, "accounting_tax_zones_page.json")[0])
    assert zone.rates == (
        TaxRate("State", Decimal("0.0625"), ("Subtotal",)),
        TaxRate("City", Decimal("0.02"), ("Subtotal",)),
    )
    assert all(parse.vendor(row).name for row in rows_of(wire.VENDORS, "inventory_vendors_page.json"))
    assert all(parse.named(row).name for row in rows_of(wire.BUSINESS_UNITS, "settings_business_units_page.json"))


@pytest.mark.parametrize(
    ("listing", "name"),
    [
        (wire.INVOICES, "accounting_invoices_page.json"),
        (wire.BILLS, "accounting_inventory_bills_paginated.json"),
    ],
    ids=str,
)
def test_listed_sources_have_ids(listing: wire.Listing[wire.Row], name: str) -> None:
    """Enough to prove that a list may be read."""
    rows = rows_of(listing, name)
    assert rows
    assert all(row.id > 0 for row in rows)


def test_a_bare_array_is_not_taken_for_a_page() -> None:
    """The old list of bills has no envelope, so it cannot say whether there is more."""
    with pytest.raises(errors.Unintelligible):
        wire.decode(wire.BILLS.decoder, example("synthetic/accounting_inventory_bills_BARE_ARRAY.json"), "bill")


def test_a_live_tenants_answer_is_read_where_it_breaks_the_specification() -> None:
    """Returns of a live tenant: nulls and integers where none are allowed, accounts without an id, seven digits."""
    raw = example("live-sanitised/inventory_returns_page.json")
    decoder = msgspec.json.Decoder(wire.ListAnswer[wire.Row], strict=False)
    assert [row.id for row in wire.decode(decoder, raw, "return").data]
    page: Any = msgspec.json.decode(raw)
    accounts = [item["generalLedgerAccount"] for row in page["data"] for item in row["items"] or ()]
    read = [msgspec.convert(account, wire.GlAccount, strict=False) for account in accounts if account]
    assert any(account.id is None and account.number and account.name for account in read)


def test_the_documented_error_is_told_in_its_own_words() -> None:
    """The field and its message reach the administrator, in one line."""
    answer = httpx2.Response(400, content=example("synthetic/error_400_problem.json"))
    finding = errors.refusal("tenant 1, x", "tn.x:r", answer, ()).finding
    assert "adjustmentToId: The adjustmentToId field is required." in finding.says
