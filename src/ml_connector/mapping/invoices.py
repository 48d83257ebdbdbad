"""From a ServiceTitan invoice to a receivables document: an invoice, or a credit memo where the total is negative."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from ml_connector.books.account import AccountNumber
from ml_connector.books.characters import fit
from ml_connector.books.distribution import Distribution, ReceivablesType, credit, debit
from ml_connector.books.document import DocumentKind, ReceivablesDocument, TaxDetail
from ml_connector.books.outcomes import Held, Ready
from ml_connector.books.period import Series
from ml_connector.field.invoice import Invoice, InvoiceLine, ItemType
from ml_connector.field.snapshot import InvoiceSnapshot, title
from ml_connector.findings import Finding
from ml_connector.mapping.accounts import Chosen, Features, choose, features
from ml_connector.mapping.amounts import Reader, known
from ml_connector.mapping.dates import posting_date
from ml_connector.mapping.eligible import day_of
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.numbers import number_for
from ml_connector.mapping.parties import Home, gp_customer, home
from ml_connector.mapping.taxes import Share, split
from ml_connector.money import Money, total


@dataclass(frozen=True, slots=True)
class RevenueLine:
    """A line that carries revenue: its amount as ServiceTitan signs it, and the account chosen for it."""

    line: InvoiceLine
    amount: Money
    discount: bool
    choice: Chosen | Finding


def plan_invoice(snapshot: InvoiceSnapshot, at: Home, frame: Frame, revision: int) -> Ready | Held:
    invoice, company, where = snapshot.source, at.company, title(snapshot.source)
    read = Reader(company.currency)
    lines = revenue_lines(snapshot, at, frame, read)
    tax = read.optional(invoice.tax, where, "sales tax")
    whole = read.money(invoice.total, where, "total")
    findings = [*read.findings, *(line.choice for line in lines if isinstance(line.choice, Finding))]
    if not read.findings:
        findings += _header_findings(invoice, total((line.amount for line in lines), company.currency), tax, whole)
    shares = split(invoice, [(line.line, line.amount) for line in lines], tax, snapshot.tax_zone, frame.rulebook)
    customer = gp_customer(invoice, at, frame.rulebook)
    day = day_of(invoice.invoice_date, where)
    is_credit = whole.amount < 0
    kind = DocumentKind.RECEIVABLES_CREDIT_MEMO if is_credit else DocumentKind.RECEIVABLES_INVOICE
    number = number_for(invoice, kind, frame, revision)
    findings += [it for it in (*shares, customer, day, number) if isinstance(it, Finding)]
    if findings or isinstance(customer, Finding) or isinstance(day, Finding) or isinstance(number, Finding):
        return Held(tuple(findings))
    return Ready((_document(invoice, lines, shares, customer, day, kind, number, at, frame),))  # type: ignore[arg-type]


def revenue_lines(snapshot: InvoiceSnapshot, at: Home, frame: Frame, read: Reader) -> list[RevenueLine]:
    """The lines that sell something, each with its account; a line without an amount of money is left out.

    A price modifier that lowers the price is a discount, and so is one that takes a discount back on a credit.
    """
    lines = []
    taken_back = known(snapshot.source.total) < 0
    for line in snapshot.source.lines:
        if not line.chargeable:
            continue
        where = _where(snapshot.source, line)
        amount = read.money(line.total, where, "line total")
        if amount:
            discount = line.item_type == ItemType.PRICE_MODIFIER and (amount.amount < 0 or taken_back)
            lines.append(RevenueLine(line, amount, discount, _choice(snapshot, line, discount, at, frame, where)))
    return lines


def _choice(
    snapshot: InvoiceSnapshot, line: InvoiceLine, discount: bool, at: Home, frame: Frame, where: str
) -> Chosen | Finding:
    there = home(line.business_unit, frame.rulebook, where) if line.business_unit else at
    if isinstance(there, Finding):
        return there
    if there.company is not at.company:
        return Finding(
            "business_unit.other_company",
            where,
            f"its business unit {there.unit.business_unit} belongs to {there.company.company}, the invoice to "
            f"{at.company.company}",
            "In ServiceTitan, invoice each company's work apart; or correct the company in the rulebook's Business "
            "units table, import it and replay.",
        )
    return choose(frame.chooser, _features(snapshot, line, discount), where, there.company, there.unit)


def _features(snapshot: InvoiceSnapshot, line: InvoiceLine, discount: bool) -> Features:
    invoice, job, zone = snapshot.source, snapshot.job, snapshot.tax_zone
    unit = line.business_unit or invoice.business_unit
    return features(
        purpose=["discount" if discount else "revenue"],
        account_number=[line.account.number if line.account else None],
        account_name=[line.account.name if line.account else None],
        item_code=[line.item_code],
        item_type=[line.item_type],
        configuration=[invoice.configuration],
        job_type=[invoice.job.type if invoice.job else None],
        job_number=[invoice.job.number if invoice.job else None],
        project=[job.project if job else None],
        job_tag=job.tags if job else [],
        budget_code=[line.budget_code or invoice.budget_code],
        business_unit=[unit.id, unit.name] if unit else [],
        customer_type=[snapshot.customer.type if snapshot.customer else None],
        tax_zone=[zone.id, zone.name] if zone else [],
    )


def _document(
    invoice: Invoice,
    lines: list[RevenueLine],
    shares: tuple[Share, ...],
    customer: str,
    day: date,
    kind: DocumentKind,
    number: str,
    at: Home,
    frame: Frame,
) -> ReceivablesDocument:
    company, currency, is_credit = at.company, at.company.currency, kind.is_credit
    owed = total((line.amount for line in lines), currency) + total((share.detail.tax for share in shares), currency)
    trade = frame.rulebook.options("discounts", company.company) == "trade discount" and not is_credit
    discounts = total((line.amount for line in lines if line.discount), currency) if trade else Money.zero(currency)
    sales = total((line.amount for line in lines), currency) - discounts
    return ReceivablesDocument(
        kind=kind,
        number=number,
        company=company.company,
        customer_id=customer,
        document_date=day,
        posting_date=posting_date(day, Series.SALES, company, frame),
        due_date=None if is_credit else invoice.due_date,
        description=fit(f"ST {invoice.number} {invoice.customer.name if invoice.customer else ''}", 30),
        customer_po=fit(invoice.number, 20),
        sales=abs(sales),
        trade_discount=abs(discounts),
        taxes=_details(shares, is_credit),
        distributions=tuple(_distributions(invoice, lines, shares, owed, _control(customer, at, frame), trade)),
    )


def _distributions(
    invoice: Invoice,
    lines: list[RevenueLine],
    shares: tuple[Share, ...],
    owed: Money,
    control: AccountNumber,
    trade: bool,
) -> Iterator[Distribution[ReceivablesType]]:
    """What the customer owes on one side; sales, discounts and taxes on the other.

    GP has no sales distribution on a credit memo: what is taken back is CRMEMO there.
    """
    reference = fit(f"Job {invoice.job.number}", 30) if invoice.job and invoice.job.number else ""
    sold = ReceivablesType.CRMEMO if owed.amount < 0 else ReceivablesType.SALES
    yield debit(control, ReceivablesType.RECV, owed, reference, "control account", "")
    for it in lines:
        if isinstance(it.choice, Chosen):
            kind = ReceivablesType.TRADE if trade and it.discount else sold
            yield credit(it.choice.account, kind, it.amount, reference, _origin(it.line), it.choice.rule)
    for share in shares:
        yield credit(share.account, ReceivablesType.TAXES, share.detail.tax, reference, share.detail.detail, share.rule)


def _control(customer: str, at: Home, frame: Frame) -> AccountNumber:
    facts = frame.facts.get(at.company.company)
    card = facts.customers.get(customer) if facts else None
    return (card.control if card else None) or at.company.receivables_account


def _details(shares: tuple[Share, ...], is_credit: bool) -> tuple[TaxDetail, ...]:
    """One for each of GP's tax details, which two rates of a zone may share; on a credit memo the signs are turned."""
    details: dict[str, TaxDetail] = {}
    for it in (share.detail for share in shares):
        tax, taxable, sales = (-it.tax, -it.taxable, -it.sales) if is_credit else (it.tax, it.taxable, it.sales)
        if it.detail in details:
            tax, taxable = tax + details[it.detail].tax, max(taxable, details[it.detail].taxable)
        details[it.detail] = TaxDetail(it.detail, tax, taxable, sales)
    return tuple(details.values())


def _header_findings(invoice: Invoice, lines: Money, tax: Money, whole: Money) -> Iterator[Finding]:
    if lines + tax != whole:
        yield Finding(
            "source.header_differs",
            title(invoice),
            f"its lines are {lines} and its tax {tax}, together {lines + tax}, but its total is {whole}",
            "In ServiceTitan, open the invoice, correct the line or the tax and save it; it is read again by itself.",
        )
    elif any(part and (part.amount < 0) != (whole.amount < 0) for part in (lines, tax)):
        yield Finding(
            "tax.sign",
            title(invoice),
            f"its lines are {lines} and its tax {tax}; GP takes no tax against the direction of the document",
            "In ServiceTitan, correct the tax, or adjust it on an invoice of its own; it is read again by itself.",
        )


def _where(invoice: Invoice, line: InvoiceLine) -> str:
    return f"{title(invoice)}, line {line.position} ({line.item_code or 'no item code'})"


def _origin(line: InvoiceLine) -> str:
    return f"line {line.position}  {line.item_code or line.description[:20]}"
