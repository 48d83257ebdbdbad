"""Whether a source is entered at all: what waits, what is skipped, and what needs a decision first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from ml_connector.books.outcomes import Held, Skipped, Waiting
from ml_connector.books.posting import PostingDateSource
from ml_connector.field.bill import Bill
from ml_connector.field.invoice import Configuration, Invoice
from ml_connector.field.snapshot import BillSnapshot, Snapshot, Source, headline, title
from ml_connector.field.source import SyncStatus
from ml_connector.findings import Finding
from ml_connector.mapping.amounts import known
from ml_connector.mapping.parties import Home
from ml_connector.mapping.rulebook import CompanyRule, Rulebook

_BY_HAND = "Enter it in GP by hand and run 'ml-connector skip' with the reason."
_OR_BY_HAND = "Or enter it in GP by hand and run 'ml-connector skip' with the reason."
_RECEIVED = ("Received", "PartiallyReceived", "Exported")


def not_released(snapshot: Snapshot, rulebook: Rulebook) -> Skipped | Waiting | None:
    """Why nothing is entered whatever the source says: it was deleted, it is an opening balance, or it is not final."""
    source = snapshot.source
    if not source.active:
        return Skipped("source.deleted", "it was deleted in ServiceTitan")
    if isinstance(source, Invoice) and source.configuration == Configuration.IMPORTED_OPENING:
        return Skipped("invoice.imported_opening", "an opening balance brought into ServiceTitan; GP has it already")
    unit = rulebook.business_unit(source.business_unit) if source.business_unit else None
    posted_too = rulebook.options("eligible", unit.company if unit else "") == "Posted or Exported"
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
    undecided = tuple(_company_findings(source, at.company))
    if undecided:
        return Held(undecided)
    if amount is not None and amount.is_zero() and _adds_up_to_nothing(source):
        return Skipped("document.zero", "its total is 0.00, and GP takes no document without an amount")
    if isinstance(source, Invoice):
        return _by_configuration(source, at, rulebook)
    findings = tuple(_bill_findings(snapshot, source, at, rulebook)) if isinstance(snapshot, BillSnapshot) else ()
    return Held(findings) if findings else None


def _adds_up_to_nothing(source: Source) -> bool:
    """Whether the parts of a source without a total come to nothing too; where not, planning finds the difference."""
    if isinstance(source, Invoice):
        sold = [known(line.total) for line in source.lines if line.chargeable]
        return not sum(sold, known(source.tax))
    bought = [known(line.quantity) * known(line.cost) for line in source.lines]
    added = known(source.tax) + known(source.shipping) + known(source.other)
    return abs(sum(bought, added)) < _HALF_A_CENT


_HALF_A_CENT = Decimal("0.005")


def _by_configuration(invoice: Invoice, at: Home, rulebook: Rulebook) -> Skipped | Held | None:
    configuration = invoice.configuration
    if configuration not in Configuration.ALL:
        says = f"its configuration is '{configuration}', and ml-connector knows {', '.join(Configuration.ALL)}"
        return Held((Finding("invoice.configuration_unknown", title(invoice), says, _BY_HAND),))
    choice = rulebook.options(configuration, at.company.company)
    if choice == "enter":
        return None
    if choice == "skip":
        return Skipped("invoice.configuration", f"the rulebook skips every {configuration}")
    deferred = " (it is deferred revenue: map its account first)" if configuration == Configuration.MEMBERSHIP else ""
    finding = Finding(
        "invoice.configuration",
        title(invoice),
        f"it is a {configuration}, and the rulebook does not say what becomes of these",
        f"In the rulebook's Options table, set {configuration} to enter{deferred} or to skip; import the rulebook, then "
        f"replay. {_OR_BY_HAND}",
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
                "In ServiceTitan, receive the purchase order or delete the bill; then replay.",
            )
        )
    return findings


def _company_findings(source: Source, company: CompanyRule) -> Iterator[Finding]:
    """What the rulebook must say of a company before anything is entered in it."""
    if company.cut_over is None:
        yield Finding(
            "company.cut_over_missing",
            title(source),
            f"company {company.company} has no cut-over date, so history could be entered a second time",
            "In the rulebook's Companies table, fill cut_over with the first document date to enter; import the "
            "rulebook, then replay.",
        )
    sold = isinstance(source, Invoice)
    answer = company.receivables_posting_date if sold else company.payables_posting_date
    if answer is PostingDateSource.TRANSACTION:
        return
    module, series = ("receivables", "Sales") if sold else ("payables", "Purchasing")
    window = f"Tools > Setup > Posting > Posting, series {series}"
    if answer is None:
        yield Finding(
            "company.posting_date_undecided",
            title(source),
            f"the rulebook does not say where company {company.company} takes the posting date of {module} from",
            f"In GP, look up Posting Date From ({window}); in the rulebook's Companies table, fill {module}_posting_date "
            "with what it says; import the rulebook, then replay.",
        )
    else:
        yield Finding(
            "company.posting_date_of_batch",
            title(source),
            f"company {company.company} takes the posting date of {module} from the batch, and the batches that we open "
            "carry none, so GP would post on another day than the document says",
            f"In GP, set Posting Date From to Transaction ({window}), and {module}_posting_date to transaction in the "
            "rulebook's Companies table; import the rulebook, then replay.",
        )


def day_of(source_date: date | None, where: str) -> date | Finding:
    return source_date or Finding(
        "date.missing",
        where,
        "it has no date in ServiceTitan",
        "In ServiceTitan, set the date; it is read again by itself.",
    )
