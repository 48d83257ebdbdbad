"""A ServiceTitan tenant on loopback: its token host and its API in one application, furnished with a month.

Written from the official OpenAPI documents (v2, 2026-07-01) and the developer pages. What a test or a person may do
to it besides calling the API are its deeds: the `do_…` methods, also reachable through the server's control paths.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec

from ml_connector.sandbox import shop_parties as parties
from ml_connector.sandbox import shop_rows as rows
from ml_connector.sandbox import town
from ml_connector.sandbox.drawing import ITEM, UNIT, Drawing, batch_of
from ml_connector.sandbox.faults import Fault, Faults
from ml_connector.sandbox.moments import Moment, as_text
from ml_connector.sandbox.neighbourhood import Neighbourhood
from ml_connector.sandbox.serving import Request, Response
from ml_connector.sandbox.shop_clerk import Asked, Clerk
from ml_connector.sandbox.shop_deeds import PartyDeeds
from ml_connector.sandbox.shop_gate import Gate, plain
from ml_connector.sandbox.shop_shelf import BadQuery, Feed, Listing, problem
from ml_connector.sandbox.shop_stock import CUSTOMERS, VENDORS, Stock
from ml_connector.sandbox.trade import NOTHING, Invoice, Month

SCOPES = (
    "tn.acc.invoices:r",
    "tn.acc.inventorybills:r",
    "tn.acc.taxzones:r",
    "tn.acc.glaccounts:r",
    "tn.acc.paymentterms:r",
    "tn.crm.customers:r",
    "tn.crm.customers:w",
    "tn.crm.locations:r",
    "tn.inv.vendors:r",
    "tn.inv.vendors:w",
    "tn.inv.purchaseorders:r",
    "tn.jpm.jobs:r",
    "tn.jpm.jobtypes:r",
    "tn.jpm.projects:r",
    "tn.stt.businessunits:r",
    "tn.stt.tagtypes:r",
)
_API = re.compile(r"/(\w+)/v2/tenant/(\d+)/(.+)")
_FIRST_ADDED = 900_001  # what is added to a month is numbered from here


class Shop(PartyDeeds):
    """The tenant. Safe to use from many threads.

    `clock` (seconds, monotonic) tells when a token has expired and how many calls were made in a second; the
    instants on the records come from a calendar of the shop's own, which only deeds and writes move. A `neighbourhood`
    comes to the town's customers and vendors; `kept_as` is the guid and the key under which GP's ids hang on some of it.
    """

    def __init__(
        self,
        month: Month,
        *,
        neighbourhood: Neighbourhood | None = None,
        kept_as: tuple[str, str] = ("", ""),
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-secret",  # noqa: S107 - a sandbox's
        app_key: str = "sandbox-app-key",
        scopes: Collection[str] = SCOPES,
        token_seconds: float = 900,
        calls_per_second: int = 60,
        page_rows: int = 100,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.faults = faults or Faults()
        self._lock = threading.RLock()
        self._gate = Gate(
            client_id=client_id,
            client_secret=client_secret,
            app_key=app_key,
            scopes=frozenset(scopes),
            token_seconds=token_seconds,
            calls_per_second=calls_per_second,
            clock=clock,
        )
        self._stock = Stock(month)
        around = neighbourhood or Neighbourhood(0, 0)
        self._clerk = Clerk(
            (*parties.first_customers(month.invoices, CUSTOMERS), *parties.neighbouring_customers(around, kept_as)),
            parties.first_contacts(CUSTOMERS, around.customers.field),
            (*parties.first_vendors(VENDORS), *parties.neighbouring_vendors(around, kept_as)),
            {it.id: it.tax_zone for it in CUSTOMERS},
            self._tick,
        )
        self._resources = {
            **self._stock.resources(page_rows, self.faults),
            **self._clerk.resources(page_rows, self.faults),
        }
        self._drawing = Drawing(len(month.invoices), first=_FIRST_ADDED)
        self._added_ids = count(_FIRST_ADDED)
        dated = (*month.invoices, *month.bills, *self._clerk.customers, *self._clerk.vendors)
        self._now: Moment = max([rows.OPENED, *(it.modified for it in dated)])

    def greet(self, request: Request) -> None:
        """Every request is let in: it carries its own token."""

    def answer(self, request: Request) -> Response:
        with self._lock:
            if request.path == "/connect/token":
                return self._gate.token(request)
            return self._api(request)

    def _api(self, request: Request) -> Response:
        found = _API.fullmatch(request.path)
        if not found:
            return plain(404, "Resource not found")
        module, tenant, name = found.groups()
        if self.faults.strike(request.method, request.path, {Fault.TOKEN_REVOKED}):
            self._gate.revoke(request)
        listed = self._resources.get((module, name))
        asked: Listing[Any] | Feed[Any] | Asked | None = listed if request.method == "GET" else None
        asked = asked or self._clerk.asked(request.method, module, name)
        refusal = self._gate.refusal(request, asked.scope if asked else None)
        if refusal:
            return refusal
        if int(tenant) != town.TENANT_ID or not (asked or listed):
            return problem(404, "Not Found", {})
        if asked is None:
            return plain(405, "Method Not Allowed")
        try:
            return asked.answer(request)
        except BadQuery as bad:
            return problem(400, "One or more validation errors occurred.", {bad.name: [bad.says]})

    def records(self) -> Mapping[str, Sequence[object]]:
        """Every invoice, bill, customer and vendor as its full row, inactive ones too."""
        with self._lock:
            stock, clerk = self._stock, self._clerk
            customer_row, vendor_row = parties.customer_row(""), parties.vendor_row("")
            return {
                "invoices": _decoded(stock.invoices.encoded(it, rows.invoice_row) for it in stock.invoices),
                "bills": _decoded(stock.bills.encoded(it, rows.bill_row) for it in stock.bills),
                "customers": _decoded(clerk.customers.encoded(it, customer_row) for it in clerk.customers),
                "vendors": _decoded(clerk.vendors.encoded(it, vendor_row) for it in clerk.vendors),
            }

    # ---- deeds

    def do_edit_invoice(self, id: int, line: int = 0, price: str | None = None) -> dict[str, object]:
        """Someone changes one line's price (by ten dollars, unless told); the header follows from the lines."""
        with self._lock:
            invoice = self._stock.invoices[id]
            old = invoice.lines[line]
            new = replace(old, price=old.price + 10 if price is None else Decimal(price))
            lines = (*invoice.lines[:line], new, *invoice.lines[line + 1 :])
            return self._changed(replace(invoice, lines=lines).added_up())

    def do_touch_invoice(self, id: int) -> dict[str, object]:
        """A payment comes in, or bounces: the balance moves, and nothing that the books of sales would notice."""
        with self._lock:
            invoice = self._stock.invoices[id]
            paid = invoice.balance == NOTHING
            balance = invoice.total if paid else NOTHING
            return self._changed(replace(invoice, balance=balance, paid=None if paid else invoice.dated))

    def do_post_pending(self, ids: Iterable[int] | None = None) -> dict[str, object]:
        """The office posts a batch: all Pending invoices that are active, or those of `ids`."""
        with self._lock:
            waiting = [it for it in self._stock.invoices if it.status == "Pending" and it.active]
            chosen = [it for it in waiting if ids is None or it.id in set(ids)]
            for it in chosen:
                self._changed(replace(it, status="Posted", batch=batch_of(it.dated, it.unit)))
            return {"ids": [it.id for it in chosen]}

    def do_unpost(self, invoices: Iterable[int] = (), bills: Iterable[int] = ()) -> dict[str, object]:
        """The office unposts what was posted and not exported: it is Pending again, and in no batch."""
        with self._lock:
            back = [it for it in self._stock.invoices.among(invoices) if it.status == "Posted"]
            for it in back:
                self._changed(replace(it, status="Pending", batch=None))
            billed = [it for it in self._stock.bills.among(bills) if it.status == "Posted"]
            for bill in billed:
                self._stock.bills.put(replace(bill, status="Pending", batch=None, modified=self._tick()))
            return {"invoices": [it.id for it in back], "bills": [it.id for it in billed]}

    def do_post_bills(self) -> dict[str, object]:
        """The office posts a batch of every bill that is Pending."""
        with self._lock:
            waiting = [it for it in self._stock.bills if it.status == "Pending"]
            for it in waiting:
                batch = batch_of(it.dated, it.unit, payable=True)
                self._stock.bills.put(replace(it, status="Posted", batch=batch, modified=self._tick()))
            return {"ids": [it.id for it in waiting]}

    def do_delete_invoice(self, id: int) -> dict[str, object]:
        """The invoice becomes inactive: lists leave it out, the feed brings it once more."""
        with self._lock:
            return self._changed(replace(self._stock.invoices[id], active=False))

    def do_add_invoice(
        self,
        customer: int = town.CUSTOMERS[0].id,
        unit: int = town.BUSINESS_UNITS[0].id,
        lines: Sequence[Mapping[str, str]] = ({"item": "AC-TUNE"},),
        dated: str = "2026-03-20",
        status: str = "Posted",
        id: int | None = None,
    ) -> dict[str, object]:
        """A new invoice with a visit of its own; each line names an `item` and may say `quantity` and `price`."""
        with self._lock:
            draw, of = self._drawing, UNIT[unit]
            drawn = [
                draw.line(
                    ITEM[line["item"]],
                    Decimal(line.get("quantity", "1")),
                    of,
                    price=Decimal(line["price"]) if "price" in line else None,
                )
                for line in lines
            ]
            to = next(it for it in CUSTOMERS if it.id == customer)
            number = next(self._added_ids) if id is None else id
            invoice = draw.invoice(number, to, of, drawn, date.fromisoformat(dated), status=status)
            self._stock.visits.put(draw.visits[-1])
            return self._changed(invoice)

    def do_edit_bill(
        self,
        id: int,
        line: int = 0,
        cost: str | None = None,
        vendor_number: str | None = None,
        reconciled: str | None = None,
    ) -> dict[str, object]:
        """Someone changes a line's unit cost, the vendor's invoice number, or the day of reconciliation."""
        with self._lock:
            bill = self._stock.bills[id]
            if cost is not None:
                new = replace(bill.lines[line], cost=Decimal(cost))
                bill = replace(bill, lines=(*bill.lines[:line], new, *bill.lines[line + 1 :])).added_up()
            if vendor_number is not None:
                bill = replace(bill, vendor_number=vendor_number)
            if reconciled is not None:
                bill = replace(bill, reconciled=date.fromisoformat(reconciled))
            bill = replace(bill, modified=self._tick())
            self._stock.bills.put(bill)
            return {"id": bill.id, "total": f"{bill.amount:f}", "modifiedOn": as_text(bill.modified)}

    def do_revoke_tokens(self) -> dict[str, object]:
        """An administrator switches the client off and on again: every token given so far is dead."""
        with self._lock:
            self._gate.revoke_all()
            return {}

    def _changed(self, invoice: Invoice) -> dict[str, object]:
        invoice = replace(invoice, modified=self._tick())
        before = next(iter(self._stock.invoices.among([invoice.id])), None)
        owed, owes = (it.balance if it and it.active else NOTHING for it in (before, invoice))
        if owes != owed:
            self._clerk.owes(invoice.customer.id, owes - owed, invoice.modified)
        self._stock.invoices.put(invoice)
        return {"id": invoice.id, "total": f"{invoice.total:f}", "modifiedOn": as_text(invoice.modified)}

    def _tick(self) -> Moment:
        self._now += 12_345_678
        return self._now


def _decoded(encoded: Iterable[bytes]) -> list[object]:
    return [msgspec.json.decode(it) for it in encoded]
