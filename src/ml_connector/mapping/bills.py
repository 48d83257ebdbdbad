"""From a bill of a received purchase order to a payables document: a voucher, or a credit memo where it is negative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ml_connector.books.account import AccountNumber
from ml_connector.books.characters import fit
from ml_connector.books.distribution import Distribution, PayablesType, credit, debit
from ml_connector.books.document import DocumentKind, PayablesDocument
from ml_connector.books.outcomes import Held, Ready
from ml_connector.books.period import Series
from ml_connector.field.bill import Bill, BillLine
from ml_connector.field.snapshot import BillSnapshot, title
from ml_connector.findings import Finding
from ml_connector.mapping.accounts import Chosen, Features, choose, features
from ml_connector.mapping.amounts import Reader, known
from ml_connector.mapping.dates import posting_date
from ml_connector.mapping.eligible import day_of
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.numbers import number_for
from ml_connector.mapping.parties import Home, gp_vendor
from ml_connector.mapping.rulebook import VendorRule
from ml_connector.money import Money, allocate, is_whole, total


@dataclass(frozen=True, slots=True)
class Bought:
    """One purchase of a bill with its account: a line with what it bears of tax and freight, or one of these alone."""

    amount: Money
    origin: str
    freight: bool
    choice: Chosen | Finding


def plan_bill(snapshot: BillSnapshot, at: Home, frame: Frame, revision: int) -> Ready | Held:
    bill, where = snapshot.source, title(snapshot.source)
    read = Reader(at.company.currency)
    whole = read.money(bill.amount, where, "bill amount")
    bought = purchases(snapshot, at, frame, read)
    findings = [*read.findings, *(it.choice for it in bought if isinstance(it.choice, Finding))]
    sum_bought = total((it.amount for it in bought), at.company.currency)
    if not read.findings and sum_bought != whole:
        findings.append(_header_differs(bill, sum_bought, whole))
    vendor = gp_vendor(bill, at, frame.rulebook)
    theirs = _vendor_invoice_number(snapshot, at, frame)
    day = day_of(bill.bill_date, where)
    share = _income_share(bill, vendor, at, frame) if isinstance(vendor, VendorRule) else Decimal(0)
    kind = DocumentKind.PAYABLES_CREDIT_MEMO if whole.amount < 0 else DocumentKind.PAYABLES_INVOICE
    number = number_for(bill, kind, frame, revision)
    findings += [it for it in (vendor, theirs, day, share, number) if isinstance(it, Finding)]
    if isinstance(vendor, Finding) or isinstance(theirs, Finding) or isinstance(day, Finding):
        return Held(tuple(findings))
    if findings or isinstance(share, Finding) or isinstance(number, Finding):
        return Held(tuple(findings))
    return Ready((_document(bill, bought, whole, vendor, theirs, day, share, kind, number, at, frame),))


def purchases(snapshot: BillSnapshot, at: Home, frame: Frame, read: Reader) -> list[Bought]:
    """What the bill bought, to the cent: tax and freight are borne by the lines as ServiceTitan allocates them,
    unless the rulebook gives them an account of their own."""
    bill, company = snapshot.source, at.company.company
    options = frame.rulebook.options
    header = known(bill.amount)
    tax = read.optional(bill.tax, title(bill), "tax")
    freight = read.optional(bill.shipping, title(bill), "shipping") + read.optional(
        bill.other, title(bill), "other costs"
    )
    tax_apart = options("bill_tax", company) == "own account"
    freight_apart = options("bill_freight", company) == "own account"
    taxes = _borne(bill, tax, [line.allocated_tax for line in bill.lines], "tax", read) if not tax_apart else None
    freights = (
        _borne(
            bill, freight, [_sum(line.allocated_shipping, line.allocated_other) for line in bill.lines], "freight", read
        )
        if not freight_apart
        else None
    )
    bought = []
    goods = _to_the_cent([_exact(bill, line, read) for line in bill.lines], header - tax.amount - freight.amount, read)
    for i, (line, amount) in enumerate(zip(bill.lines, goods, strict=True)):
        amount += taxes[i] if taxes else Money.zero(read.currency)
        amount += freights[i] if freights else Money.zero(read.currency)
        if amount:
            purpose = "cost" if bill.for_a_job else "asset"
            choice = _choice(snapshot, line, purpose, at, frame)
            bought.append(Bought(amount, f"line {line.position}  {line.item_code}", False, choice))
    for amount, purpose, apart in ((tax, "bill tax", tax_apart), (freight, "freight", freight_apart)):
        if amount and apart:
            choice = _choice(snapshot, None, purpose, at, frame)
            part = 0 <= amount.amount <= header or header <= amount.amount <= 0  # else GP's header cannot say it apart
            bought.append(Bought(amount, purpose, purpose == "freight" and part, choice))
    return bought


def _exact(bill: Bill, line: BillLine, read: Reader) -> Decimal:
    where = _where(bill, line)
    quantity, cost = read.exact(line.quantity, where, "quantity"), read.exact(line.cost, where, "unit cost")
    return read.exact(quantity * cost, where, "quantity times cost")


def _to_the_cent(exact: list[Decimal], whole: Decimal, read: Reader) -> list[Money]:
    """Each line rounded to a cent; where only the rounded sum of all of them is the bill's, that sum split exactly."""
    rounded = [Money.rounded(it, read.currency) for it in exact]
    sum_of_all = Money.rounded(sum(exact, Decimal(0)), read.currency)
    one_way = all(it >= 0 for it in exact) or all(it <= 0 for it in exact)
    if sum_of_all.amount != whole or total(rounded, read.currency) == sum_of_all or not one_way:
        return rounded
    return allocate(sum_of_all, [abs(it) for it in exact])


def _where(bill: Bill, line: BillLine) -> str:
    return f"{title(bill)}, line {line.position} ({line.item_code or 'no item code'})"


def _borne(bill: Bill, whole: Money, parts: list[Decimal | None], what: str, read: Reader) -> list[Money] | None:
    """The header's amount split as the lines say: whole cents that sum to it exactly."""
    if not whole:
        return None
    given = [
        Decimal(0) if part is None else read.exact(part, _where(bill, line), f"allocated {what}")
        for part, line in zip(parts, bill.lines, strict=True)
    ]
    said = Money.rounded(sum(given, Decimal(0)), whole.currency)
    if said == whole and all(is_whole(part, whole.currency) for part in given):
        return [Money(part, whole.currency) for part in given]
    if said == whole and (all(part >= 0 for part in given) or all(part <= 0 for part in given)):
        return allocate(whole, [abs(part) for part in given])
    option, purpose = ("bill_tax", "bill tax") if what == "tax" else ("bill_freight", "freight")
    read.findings.append(
        Finding(
            f"bill.{what}_unallocated",
            title(bill),
            f"its {what} is {whole}, and its lines bear {said} of it",
            f"In ServiceTitan, allocate the {what} to the bill's lines, and it is read again by itself; or set {option} to "
            f"own account in the rulebook's Options table, add a row with purpose {purpose} to its Accounts table, import "
            "the rulebook and replay.",
        )
    )
    return None


def _choice(snapshot: BillSnapshot, line: BillLine | None, purpose: str, at: Home, frame: Frame) -> Chosen | Finding:
    bill = snapshot.source
    where = _where(bill, line) if line else f"{title(bill)}, {purpose}"
    return choose(frame.chooser, _features(snapshot, line, purpose), where, at.company, at.unit)


def _features(snapshot: BillSnapshot, line: BillLine | None, purpose: str) -> Features:
    bill, job = snapshot.source, snapshot.job
    account = None
    if line:
        account = line.cost_account if purpose == "cost" else line.asset_account
    unit = bill.business_unit
    return features(
        purpose=[purpose],
        account_number=[account.number if account else None],
        account_name=[account.name if account else None],
        item_code=[line.item_code if line else None],
        item_type=[line.item_type if line else None],
        job_type=[job.type if job else None],
        job_number=[bill.job_number],
        project=[job.project if job else None],
        job_tag=job.tags if job else [],
        budget_code=[(line.budget_code if line else None) or bill.budget_code],
        business_unit=[unit.id, unit.name] if unit else [],
    )


def _document(
    bill: Bill,
    bought: list[Bought],
    whole: Money,
    vendor: VendorRule,
    theirs: str,
    day: date,
    share: Decimal,
    kind: DocumentKind,
    number: str,
    at: Home,
    frame: Frame,
) -> PayablesDocument:
    freight = total((it.amount for it in bought if it.freight), whole.currency)
    return PayablesDocument(
        kind=kind,
        number=number,
        company=at.company.company,
        vendor_id=vendor.gp_vendor,
        vendor_invoice_number=theirs,
        document_date=day,
        posting_date=posting_date(day, Series.PURCHASING, at.company, frame),
        due_date=None if kind.is_credit else bill.due_date,
        description=fit(f"ST bill {bill.id} {bill.vendor.name if bill.vendor else ''}", 30),
        purchases=abs(whole - freight),
        freight=abs(freight),
        income_1099=abs(Money.rounded(whole.amount * share, whole.currency)),
        distributions=tuple(_distributions(bill, bought, whole, _control(vendor.gp_vendor, at, frame))),
    )


def _distributions(
    bill: Bill, bought: list[Bought], whole: Money, control: AccountNumber
) -> Iterator[Distribution[PayablesType]]:
    reference = fit(f"Job {bill.job_number}", 30) if bill.job_number else ""
    for it in bought:
        if isinstance(it.choice, Chosen):
            kind = PayablesType.FREIGHT if it.freight else PayablesType.PURCH
            yield debit(it.choice.account, kind, it.amount, reference, it.origin, it.choice.rule)
    yield credit(control, PayablesType.PAY, whole, reference, "control account", "")


def _control(vendor: str, at: Home, frame: Frame) -> AccountNumber:
    facts = frame.facts.get(at.company.company)
    card = facts.vendors.get(vendor) if facts else None
    return (card.control if card else None) or at.company.payables_account


def _vendor_invoice_number(snapshot: BillSnapshot, at: Home, frame: Frame) -> str | Finding:
    bill = snapshot.source
    named = frame.rulebook.options("vendor_invoice_number", at.company.company)
    order = snapshot.purchase_order
    number = {
        "vendorNumber": bill.vendor_number,
        "referenceNumber": bill.reference_number,
        "purchase order": order.vendor_document_number if order else "",
    }[named]
    return " ".join(number.split()).upper() or Finding(
        "bill.vendor_invoice_missing",
        title(bill),
        f"it has no vendor invoice number (the rulebook takes it from {named})",
        f"In ServiceTitan, fill the vendor's invoice number on the {'purchase order' if named == 'purchase order' else 'bill'}"
        ", then replay. If your office keeps it in another field, set vendor_invoice_number in the rulebook's Options table, "
        "import it and replay.",
    )


def _income_share(bill: Bill, vendor: VendorRule, at: Home, frame: Frame) -> Decimal | Finding:
    """GP takes no 1099 income when none is sent, so a 1099 vendor needs a word from the rulebook."""
    facts = frame.facts.get(at.company.company)
    card = facts.vendors.get(vendor.gp_vendor) if facts else None
    if vendor.share_1099 is not None or card is None or not card.is_1099:
        return vendor.share_1099 or Decimal(0)
    return Finding(
        "vendor.income_1099_undecided",
        title(bill),
        f"GP keeps vendor {vendor.gp_vendor} as a 1099 vendor, and the rulebook does not say what share is 1099 income",
        f"In row {vendor.row} of the rulebook's Vendors table, fill share_1099 (100%, or 0% for goods); import the "
        "rulebook, then replay.",
    )


def _header_differs(bill: Bill, lines: Money, whole: Money) -> Finding:
    return Finding(
        "source.header_differs",
        title(bill),
        f"its lines with tax and freight are {lines}, but its amount is {whole}",
        "In ServiceTitan, correct the purchase order's receipt so that lines and total agree; the bill is read again.",
    )


def _sum(*parts: Decimal | None) -> Decimal | None:
    return sum(map(known, parts), Decimal(0)) if any(part is not None for part in parts) else None
