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
    for what, text, longest in _keys(document):
        if len(text) > longest:
            says = f"{what} '{text}' has {len(text)} characters, GP holds {longest}"
            yield Finding("field.too_long", document.number, says, f"Shorten the {what} where it is kept; then replay.")
        if not holds(text):
            says = f"{what} '{text}' has characters that GP's database cannot hold"
            yield Finding(
                "field.characters", document.number, says, f"Correct the {what} where it is kept; then replay."
            )


def amounts_fit(document: Document, facts: CompanyFacts) -> Iterator[Finding]:
    if document.amount.amount > _MOST:
        says = f"its amount {document.amount} is more than GP's fields hold"
        yield Finding("field.amount", document.number, says, "In ServiceTitan, split the document; it is read again.")


def _keys(document: Document) -> Iterator[tuple[str, str, int]]:
    yield "document number", document.number, 15
    yield "description", document.description, 30
    if isinstance(document, ReceivablesDocument):
        yield "customer id", document.customer_id, 15
        yield "customer PO number", document.customer_po, 20
        for detail in document.taxes:
            yield "tax detail", detail.detail, 15
    if isinstance(document, PayablesDocument):
        yield "vendor id", document.vendor_id, 15
        yield "vendor's invoice number", document.vendor_invoice_number, 20
    for distribution in document.distributions:
        yield "distribution reference", distribution.reference, 30
        yield "account", str(distribution.account), 75
