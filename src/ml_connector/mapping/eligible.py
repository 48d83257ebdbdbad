"""Whether a source is entered at all: what waits, what is skipped, and what needs a decision first."""

from __future__ import annotations

from datetime import date

from ml_connector.books.outcomes import Held, Skipped, Waiting
from ml_connector.field.bill import Bill
from ml_connector.field.invoice import Configuration, Invoice
from ml_connector.field.snapshot import BillSnapshot, Snapshot, headline, title
from ml_connector.field.source import SyncStatus
from ml_connector.findings import Finding
from ml_connector.mapping.parties import Home
from ml_connector.mapping.rulebook import Rulebook

_RECEIVED = ("Received", "PartiallyReceived", "Exported")


def not_released(snapshot: Snapshot, rulebook: Rulebook) -> Skipped | Waiting | None:
    """Why nothing is entered whatever the source says: it was deleted, it is an opening balance, or it is not final."""
    source = snapshot.source
    if not source.active:
        return Skipped("source.deleted", "it was deleted in ServiceTitan")
    if isinstance(source, Invoice) and source.configuration == Configuration.IMPORTED_OPENING:
        return Skipped("invoice.imported_opening", "an opening balance brought into ServiceTitan; GP has it already")
    posted_too = rulebook.options("eligible") == "Posted or Exported"
    released = (SyncStatus.POSTED, SyncStatus.EXPORTED) if posted_too else (SyncStatus.EXPORTED,)
    if source.status not in released:
        return Waiting(f"its state in ServiceTitan is {source.status or 'unknown'}, not {' or '.join(released)}")
    return None


def not_entered(snapshot: Snapshot, at: Home, rulebook: Rulebook) -> Skipped | Held | None:
    """Why a released source is not entered: its date, its total, its kind or its state."""
    source = snapshot.source
    _, day, amount = headline(source)
    if day and at.company.cut_over and day < at.company.cut_over:
        return Skipped("document.before_cut_over", f"dated {day}, before the cut-over of {at.company.cut_over}")
    if at.company.cut_over is None:
        return Held((_no_cut_over(source.id, at),))
    if amount is not None and amount == 0:
        return Skipped("document.zero", "its total is 0.00, and GP takes no document without an amount")
    if isinstance(source, Invoice):
        return _by_configuration(source, at, rulebook)
    findings = tuple(_bill_findings(snapshot, source, at, rulebook)) if isinstance(snapshot, BillSnapshot) else ()
    return Held(findings) if findings else None


def _by_configuration(invoice: Invoice, at: Home, rulebook: Rulebook) -> Skipped | Held | None:
    known = invoice.configuration in Configuration.ALL
    choice = rulebook.options(invoice.configuration, at.company.company) if known else "hold"
    if choice == "enter":
        return None
    if choice == "skip":
        return Skipped("invoice.configuration", f"the rulebook skips every {invoice.configuration}")
    finding = Finding(
        "invoice.configuration",
        title(invoice),
        f"it is a {invoice.configuration}, which the rulebook has no rule to enter",
        f"In the rulebook's Options table, set {invoice.configuration} to enter or to skip (a membership is deferred "
        "revenue: map its account first); import the rulebook, then replay. Or enter it in GP by hand and run "
        "'ml-connector skip' with the reason.",
    )
    return Held((finding,))


def _bill_findings(snapshot: BillSnapshot, bill: Bill, at: Home, rulebook: Rulebook) -> list[Finding]:
    findings: list[Finding] = []
    if bill.reconciled is None and rulebook.options("unreconciled_bills", at.company.company) == "hold":
        findings.append(
            Finding(
                "bill.unreconciled",
                title(bill),
                "nobody has reconciled it with the vendor's invoice in ServiceTitan",
                "In ServiceTitan, reconcile the bill, and it is read again by itself; or set unreconciled_bills to "
                "enter in the rulebook's Options table, import it and replay.",
            )
        )
    order = snapshot.purchase_order
    if order and order.status not in _RECEIVED:
        findings.append(
            Finding(
                "bill.order_not_received",
                title(bill),
                f"its purchase order {order.number} is {order.status}",
                "In ServiceTitan, receive the purchase order or cancel the bill; then replay.",
            )
        )
    return findings


def _no_cut_over(source_id: int, at: Home) -> Finding:
    return Finding(
        "company.cut_over_missing",
        f"source {source_id}",
        f"company {at.company.company} has no cut-over date, so history could be entered a second time",
        "In the rulebook's Companies table, fill cut_over with the first document date to enter; import it and replay.",
    )


def day_of(source_date: date | None, where: str) -> date | Finding:
    return source_date or Finding(
        "date.missing",
        where,
        "it has no date in ServiceTitan",
        "In ServiceTitan, set the date; it is read again by itself.",
    )
