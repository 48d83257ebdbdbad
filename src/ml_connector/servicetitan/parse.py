"""From ServiceTitan's rows to the nouns of the field.

Business dates come as midnight UTC although they are dates (sample answers of the API documentation), so their date
part is taken and no zone is converted. A reference with id 0 refers to nothing. A `ValueError` names the field that
cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser
from typing import TypeVar

from ml_connector.field import party
from ml_connector.field.bill import Bill, BillLine
from ml_connector.field.invoice import Invoice, InvoiceLine, JobReference
from ml_connector.field.source import GlAccount, Named
from ml_connector.servicetitan import wire

ItemT = TypeVar("ItemT", wire.InvoiceItem, wire.BillItem)


def invoice(it: wire.Invoice) -> Invoice:
    job = it.job
    return Invoice(
        id=it.id,
        number=it.reference_number or "",
        configuration=it.invoice_configuration or "",
        status=it.sync_status or "",
        active=it.active is not False,
        invoice_date=_day(it.invoice_date, "invoiceDate"),
        due_date=_day(it.due_date, "dueDate"),
        subtotal=_finite(it.sub_total, "subTotal"),
        tax=_finite(it.sales_tax, "salesTax"),
        total=_finite(it.total, "total"),
        tax_zone_id=it.tax_zone_id or None,
        customer=_named(it.customer),
        business_unit=_named(it.business_unit),
        job=JobReference(job.id, job.number or "", job.type or "") if job and job.id else None,
        project_id=it.project_id or None,
        adjustment_to=it.adjustment_to_id or None,
        budget_code=it.budget_code_id or None,
        lines=tuple(_invoice_line(n, item) for n, item in enumerate(_in_order(it.items), 1)) if it.items else (),
    )


def _invoice_line(position: int, it: wire.InvoiceItem) -> InvoiceLine:
    return InvoiceLine(
        it.id,
        position,
        it.sku_name or "",
        it.type or "",
        plain(it.description),
        _finite(it.total, "items.total"),
        it.taxable is True,
        it.is_chargeable is not False,
        _account(it.general_ledger_account),
        _named(it.business_unit),
        it.budget_code_id or None,
    )


def bill(it: wire.Bill) -> Bill:
    return Bill(
        id=it.id,
        reference_number=it.reference_number or "",
        vendor_number=it.vendor_number or "",
        status=it.sync_status or "",
        active=it.active is not False,
        bill_date=_day(it.bill_date, "billDate"),
        due_date=_day(it.due_date, "dueDate"),
        amount=_finite(it.bill_amount, "billAmount"),
        tax=_finite(it.tax_amount, "taxAmount"),
        shipping=_finite(it.shipping_amount, "shippingAmount"),
        other=_finite(it.other_amount, "otherAmount"),
        vendor=_named(it.vendor),
        business_unit=_named(it.business_unit),
        job_id=it.job_id or None,
        job_number=it.job_number or "",
        purchase_order_id=it.purchase_order_id or None,
        reconciled=_day(it.date_reconciled, "dateReconciled"),
        budget_code=it.budget_code_id or None,
        lines=tuple(_bill_line(n, item) for n, item in enumerate(_in_order(it.items), 1)) if it.items else (),
    )


def _bill_line(position: int, it: wire.BillItem) -> BillLine:
    return BillLine(
        it.id,
        position,
        it.sku_code or "",
        it.sku_type or "",
        plain(it.description),
        _finite(it.quantity, "items.quantity"),
        _finite(it.cost, "items.cost"),
        _finite(it.allocated_tax, "items.allocatedTax"),
        _finite(it.allocated_shipping, "items.allocatedShipping"),
        _finite(it.allocated_other_costs, "items.allocatedOtherCosts"),
        _account(it.cost_of_sale_account),
        _account(it.asset_account),
        it.budget_code_id or None,
    )


def customer(it: wire.Customer) -> party.Customer:
    return party.Customer(it.id, it.name or "", it.type or "", it.merged_to_id or None)


def vendor(it: wire.Vendor) -> party.Vendor:
    return party.Vendor(it.id, it.name or "", it.active is not False)


def job(it: wire.Job, types: Mapping[int, str], tags: Mapping[int, str], projects: Mapping[int, str]) -> party.Job:
    """`types` and `tags` are names by id, `projects` are numbers by id."""
    return party.Job(
        it.id,
        it.job_number or "",
        types.get(it.job_type_id or 0, ""),
        projects.get(it.project_id or 0, ""),
        tuple(tags[id] for id in it.tag_type_ids or () if id in tags),
    )


def purchase_order(it: wire.PurchaseOrder) -> party.PurchaseOrder:
    return party.PurchaseOrder(it.id, it.number or "", it.status or "", it.vendor_document_number or "")


def tax_zone(it: wire.TaxZone) -> party.TaxZone:
    return party.TaxZone(it.id, it.name or "", tuple(map(_tax_rate, it.rates or ())))


def _tax_rate(it: wire.TaxRate) -> party.TaxRate:
    rate = _finite(it.tax_rate, "rates.taxRate")
    if rate is None:
        raise ValueError("rates.taxRate: missing")
    return party.TaxRate(it.tax_name or "", rate, tuple(it.tax_base_type or ()))


def named(it: wire.Named) -> Named:
    return Named(it.id, it.name or "")


@lru_cache(4096)  # most descriptions are the pricebook's
def plain(html: str | None) -> str:
    """HTML as one line of text: tags are gaps, entities are their characters, white space is single spaces."""
    if not html:
        return ""
    if "<" in html or "&" in html:
        html = _text(html)
    return " ".join(html.split())


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's signature
        self._unseen += tag in ("script", "style")
        self._gap(tag)

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in ("script", "style") and self._unseen > 0
        self._gap(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(data)

    def _gap(self, tag: str) -> None:
        if tag not in _WITHIN_WORDS:
            self.parts.append(" ")


_WITHIN_WORDS = frozenset("a abbr b big code em font i mark s small span strong sub sup u".split())
_BARE_WITHIN = re.compile(f"</?(?:{'|'.join(sorted(_WITHIN_WORDS))})>")
_BARE_BETWEEN = re.compile(r"</?(?!script|style)[a-z][a-z0-9]*\s*/?>")


def _text(html: str) -> str:
    """The text of `html`; where its tags are all bare, as in most descriptions, without the costly parser."""
    bare = _BARE_BETWEEN.sub(" ", _BARE_WITHIN.sub("", html))
    if "<" not in bare:
        return unescape(bare)
    parser = _Text()
    try:
        parser.feed(html)
        parser.close()
    except AssertionError:  # the standard library's word for a declaration that it does not know, as Word pastes them
        return re.sub(r"<[^>]*>", " ", html)
    return "".join(parser.parts)


def _in_order(items: list[ItemT]) -> list[ItemT]:
    return sorted(items, key=lambda it: (it.order or 0, it.id))


def _day(text: str | None, field: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError(f"{field}: {text[:40]!r} is no date") from None


def _finite(amount: Decimal | None, field: str) -> Decimal | None:
    if amount is None or amount.is_finite():
        return amount
    raise ValueError(f"{field}: {amount} is no amount")


def _named(it: wire.Named | None) -> Named | None:
    return _one_named(it.id, it.name or "") if it and it.id else None


def _account(it: wire.GlAccount | None) -> GlAccount | None:
    """An account that has neither id, number nor name is none."""
    if it is None or not (it.id or it.number or it.name):
        return None
    return _one_account(it.id or None, it.number or "", it.name or "")


# A shop has few accounts and business units and says them on every line, so equal ones are one object.
_one_named = lru_cache(4096)(Named)
_one_account = lru_cache(4096)(GlAccount)
