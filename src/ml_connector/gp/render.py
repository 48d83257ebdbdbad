"""A document as GP takes it: the body of a create. Pure.

Descriptive texts are made to fit GP's columns (widths: eConnect's taRMTransaction, taPMTransactionInsert and their
distributions; the number is the 15 characters of the narrowest service, ReceivablesInvoice over SOAP). A key (number,
party, batch, account, tax detail, vendor's invoice number) is never changed on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TypeAlias

import msgspec

from ml_connector.books.characters import fit, holds
from ml_connector.books.distribution import Distribution, PayablesType, ReceivablesType
from ml_connector.books.document import Document, PayablesDocument, ReceivablesDocument, TaxDetail
from ml_connector.gp.service_map import AmountForm, Formats, ServiceMap
from ml_connector.money import Money

NUMBER, PARTY, BATCH = 15, 15, 15  # characters; the narrowest of GP's services for a document number
VENDOR_INVOICE, CUSTOMER_PO, DESCRIPTION, REFERENCE, TAX_DETAIL, ACCOUNT = 20, 20, 30, 30, 15, 75

_Value: TypeAlias = str | int | date | Money | None
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def gp_key(text: str, length: int) -> str:
    """A text that names something. Raises ValueError where GP could not keep it as it is."""
    if not text or len(text) > length or not holds(text):
        raise ValueError(f"GP cannot keep '{text}' as a key of {length} characters")
    return text


def body(document: Document, batch_id: str, service_map: ServiceMap) -> bytes:
    """What a create sends: the same document and batch always give the same bytes.

    Raises ValueError where GP could not keep a key as it is, or where the map cannot say what the document needs.
    """
    if isinstance(document, ReceivablesDocument):
        values, subledger = _receivables(document), service_map.receivables
    else:
        values, subledger = _payables(document), service_map.payables
    values |= _common(document, batch_id) | {"kind": subledger.kinds[document.kind][0]}
    form = service_map.formats
    told = {
        wire: _written(values[noun], form)
        for noun, wire in subledger.resource.fields.items()
        if noun in values and values[noun] is not None and noun not in subledger.leave_out
    }
    told[subledger.distributions.name] = [
        _line(_distribution(line, form), subledger.distributions.fields, form) for line in document.distributions
    ]
    if isinstance(document, ReceivablesDocument) and document.taxes:
        if subledger.taxes is None:
            raise ValueError(f"{document.number} has taxes, and the service map has no receivables.taxes")
        told[subledger.taxes.name] = [_line(_tax(detail), subledger.taxes.fields, form) for detail in document.taxes]
    envelope = service_map.creates.envelope
    return _ENCODER.encode({envelope: told} if envelope else told)


def _common(document: Document, batch_id: str) -> dict[str, _Value]:
    return {
        "number": gp_key(document.number, NUMBER),
        "party": gp_key(document.party_id, PARTY),
        "batch": gp_key(batch_id, BATCH),
        "document_date": document.document_date,
        "posting_date": document.posting_date,
        "due_date": document.due_date,
        "description": fit(document.description, DESCRIPTION),
        "tax": document.tax,
        "amount": document.amount,
    }


def _receivables(document: ReceivablesDocument) -> dict[str, _Value]:
    return {
        "customer_po": fit(document.customer_po, CUSTOMER_PO),
        "sales": document.sales,
        "trade_discount": document.trade_discount,
    }


def _payables(document: PayablesDocument) -> dict[str, _Value]:
    return {
        "vendor_invoice_number": gp_key(document.vendor_invoice_number, VENDOR_INVOICE),
        "purchases": document.purchases,
        "freight": document.freight,
        "income_1099": document.income_1099,
    }


def _distribution(line: Distribution[ReceivablesType] | Distribution[PayablesType], form: Formats) -> dict[str, _Value]:
    return {
        "type": line.type.value,
        "account": gp_key(form.account_separator.join(line.account.segments), ACCOUNT),
        "debit": line.debit,
        "credit": line.credit,
        "reference": fit(line.reference, REFERENCE),
    }


def _tax(detail: TaxDetail) -> dict[str, _Value]:
    return {
        "detail": gp_key(detail.detail, TAX_DETAIL),
        "tax": detail.tax,
        "taxable": detail.taxable,
        "sales": detail.sales,
    }


def _line(values: Mapping[str, _Value], fields: Mapping[str, str], form: Formats) -> dict[str, object]:
    return {wire: _written(values[noun], form) for noun, wire in fields.items() if noun in values}


def _written(value: _Value, form: Formats) -> object:
    """Money becomes a JSON number with both its decimal places, or a text, and never passes through a float."""
    match value:
        case Money():
            return str(value.amount) if form.amount is AmountForm.TEXT else value.amount
        case date():
            return value.strftime(form.date)
        case _:
            return value
