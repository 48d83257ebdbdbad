"""Does it add up? A document that passes here can be explained to the cent."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.books.distribution import PayablesType, ReceivablesType
from ml_connector.books.document import Document, PayablesDocument, ReceivablesDocument, credits, debits
from ml_connector.books.facts import CompanyFacts
from ml_connector.findings import Finding
from ml_connector.money import Money, total

_OURS = "This is a fault of ml-connector, not of the source: run 'ml-connector explain', and report what it prints."


def debits_equal_credits(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    if debits(document) != credits(document):
        says = f"debits are {debits(document)}, credits are {credits(document)}"
        yield Finding("distribution.unbalanced", document.number, says, _OURS)


def amount_is_more_than_zero(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    if document.amount.amount <= 0:
        says = f"its amount is {document.amount}, and GP takes only amounts above zero"
        yield Finding("document.amount", document.number, says, _OURS)


def control_carries_the_amount(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    """What the party owes, or is owed, is the document's amount: header = lines + tax."""
    control = ReceivablesType.RECV if isinstance(document, ReceivablesDocument) else PayablesType.PAY
    lines = [d for d in document.distributions if d.type is control]
    carried = total((d.debit - d.credit for d in lines), document.currency)
    if abs(carried) != document.amount or len(lines) != 1:
        says = f"its control account carries {carried}, its amount is {document.amount}"
        yield Finding("document.amount_differs", document.number, says, _OURS)


def parts_are_the_distributions(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    """Sales, discount, freight and purchases of the header are the sums of their distributions."""
    for name, part, types in _parts(document):
        booked = abs(total((d.debit - d.credit for d in document.distributions if d.type in types), document.currency))
        if booked != part:
            says = f"the distributions of its {name} are {booked}, the header says {part}"
            yield Finding("document.part_differs", document.number, says, _OURS)


def taxes_add_up(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    if not isinstance(document, ReceivablesDocument):
        return
    for detail in document.taxes:
        if detail.tax.amount <= 0 or (abs(detail.taxable) > abs(detail.sales) and detail.taxable.amount > 0):
            says = f"tax detail {detail.detail} is {detail.tax} on {detail.taxable} of {detail.sales} sales"
            yield Finding(
                "tax.implausible",
                document.number,
                says,
                "In ServiceTitan, look at the taxable lines and discounts of the invoice; then replay.",
                warns=detail.tax.amount > 0,
            )


def _parts(document: Document) -> Iterator[tuple[str, Money, tuple[object, ...]]]:
    if isinstance(document, PayablesDocument):
        yield "purchases", document.purchases, (PayablesType.PURCH,)
        yield "freight", document.freight, (PayablesType.FREIGHT,)
    else:
        yield "sales", document.sales, (ReceivablesType.SALES, ReceivablesType.CRMEMO)
        yield "trade discount", document.trade_discount, (ReceivablesType.TRADE,)
        yield "tax", document.tax, (ReceivablesType.TAXES,)
