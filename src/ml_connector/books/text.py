"""A document as an accountant writes it: the same text in `explain`, in review and in the golden stories."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.books.document import Document, ReceivablesDocument, credits, debits


def text_of(document: Document, batch_id: str = "") -> str:
    """The document as a page of text, debits before credits in two columns, with where each line comes from."""
    return "\n".join(_lines(document, batch_id)) + "\n"


def _lines(document: Document, batch_id: str) -> Iterator[str]:
    title = f"{document.kind.value.upper()} {document.number}"
    yield f"{title:<49}batch {batch_id}" if batch_id else title
    party = "customer" if isinstance(document, ReceivablesDocument) else "vendor"
    dates = f"document {document.document_date}    posting {document.posting_date}"
    due = f"    due {document.due_date}" if document.due_date else ""
    yield f"{party} {document.party_id}    {dates}{due}"
    if not isinstance(document, ReceivablesDocument):
        income = f"    1099 income {document.income_1099}" if document.income_1099 else ""
        yield f"vendor's invoice {document.vendor_invoice_number}{income}"
    for it in document.distributions:
        debit = f"{it.debit!s:>12}" if it.debit else " " * 12
        credit = f"{it.credit!s:>12}" if it.credit else " " * 12
        yield f"  {it.account!s:<14}{it.type.name:<7}{debit}{credit}    {it.origin}".rstrip()
    yield f"{'':<23}{debits(document)!s:>12}{credits(document)!s:>12}"
