"""Does it fit GP's fields? Lengths and characters of keys (eConnect schema and the SOAP contract, the narrower wins)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ml_connector.books.characters import holds
from ml_connector.books.document import Document, PayablesDocument, ReceivablesDocument
from ml_connector.books.facts import CompanyFacts
from ml_connector.findings import Finding

_MOST = Decimal("99999999999999.99")  # numeric(19,5)


def keys_fit(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    for what, text, longest, remedy in _keys(document):
        if len(text) > longest:
            says = f"{what} '{text}' has {len(text)} characters, GP holds {longest}"
            yield Finding("field.too_long", document.number, says, remedy)
        if not holds(text):
            says = f"{what} '{text}' has characters that GP's database cannot hold"
            yield Finding("field.characters", document.number, says, remedy)


def amounts_fit(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    if document.amount.amount > _MOST:
        says = f"its amount {document.amount} is more than GP's fields hold"
        yield Finding("field.amount", document.number, says, "In ServiceTitan, split the document; it is read again.")


_OURS = "This is a fault of ml-connector, not of the source: run 'ml-connector explain', and report what it prints."
_SHORTEN = "In ServiceTitan, correct {} (GP takes at most {} characters); it is read again by itself."
_RULEBOOK = "In the rulebook's {} table, write it as GP does; import the rulebook, then replay."


def _keys(document: Document) -> Iterator[tuple[str, str, int, str]]:
    """What it is, its text, how long GP lets it be, and where a person corrects it."""
    yield "document number", document.number, 15, _OURS
    yield "description", document.description, 30, _OURS
    if isinstance(document, ReceivablesDocument):
        yield "customer id", document.customer_id, 15, _RULEBOOK.format("Customers or Business units")
        yield "customer PO number", document.customer_po, 20, _OURS
        for detail in document.taxes:
            yield "tax detail", detail.detail, 15, _RULEBOOK.format("Taxes")
    if isinstance(document, PayablesDocument):
        yield "vendor id", document.vendor_id, 15, _RULEBOOK.format("Vendors")
        shorten = _SHORTEN.format("the vendor's invoice number on the bill", 20)
        yield "vendor's invoice number", document.vendor_invoice_number, 20, shorten
    for distribution in document.distributions:
        yield "distribution reference", distribution.reference, 30, _OURS
        yield "account", str(distribution.account), 75, _RULEBOOK.format("Accounts")
