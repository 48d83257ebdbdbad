"""A document as the web services take it: the parts of a create, in zeep's dictionaries and typed objects.

Texts are made to fit as for every transport (`gp.render`); a key is never changed on the way. Amounts are sent with both
decimal places. What GP fills in by itself is not sent; what it would fill in with today's date or a default is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType

from ml_connector.books.characters import fit
from ml_connector.books.distribution import Distribution, PayablesType, ReceivablesType
from ml_connector.books.document import Document, DocumentKind, PayablesDocument, ReceivablesDocument, TaxDetail
from ml_connector.gp.render import (
    ACCOUNT,
    BATCH,
    CUSTOMER_PO,
    DESCRIPTION,
    NUMBER,
    PARTY,
    REFERENCE,
    TAX_DETAIL,
    VENDOR_INVOICE,
    gp_key,
)
from ml_connector.gp.web_services.contract import Contract, Value
from ml_connector.money import Money

NAMES: Mapping[DocumentKind, str] = MappingProxyType(
    {
        DocumentKind.RECEIVABLES_INVOICE: "ReceivablesInvoice",
        DocumentKind.RECEIVABLES_CREDIT_MEMO: "ReceivablesCreditMemo",
        DocumentKind.PAYABLES_INVOICE: "PayablesInvoice",
        DocumentKind.PAYABLES_CREDIT_MEMO: "PayablesCreditMemo",
    }
)
CREATES: Mapping[DocumentKind, str] = MappingProxyType({kind: f"Create{name}" for kind, name in NAMES.items()})
_CREATED = datetime(1900, 1, 1)  # noqa: DTZ001 - a batch key must carry a date, which GP does not read


def part_of(kind: DocumentKind) -> str:
    """The name of the create's first parameter: receivablesInvoice."""
    name = NAMES[kind]
    return name[0].lower() + name[1:]


def members(document: Document, batch_id: str, contract: Contract, separator: str) -> Mapping[str, Value]:
    """The members of the document that a create sends. Raises ValueError where GP could not keep a key as it is."""
    told = _common(document, batch_id) | (
        _receivables(document) if isinstance(document, ReceivablesDocument) else _payables(document)
    )
    lines: list[Mapping[str, Value]] = []
    for line in document.distributions:
        lines.append(_distribution(line, len(lines) + 1, contract, separator))
    name = "Receivables" if isinstance(document, ReceivablesDocument) else "Payables"
    told["Distributions"] = {f"{name}Distribution": lines}
    if document.due_date is not None and not document.kind.is_credit:
        told["Terms"] = {"DueDate": _moment(document.due_date)}
    return told


def _common(document: Document, batch_id: str) -> dict[str, Value]:
    return {
        "Key": {"Id": gp_key(document.number, NUMBER)},
        "BatchKey": {"Id": gp_key(batch_id, BATCH), "CreatedDateTime": _CREATED},
        "Date": _moment(document.document_date),
        "GeneralLedgerPostingDate": _moment(document.posting_date),
        "Description": fit(document.description, DESCRIPTION),
        "DocumentAmount": _amount(document.amount),
        "TaxAmount": _amount(document.tax),
    }


def _receivables(document: ReceivablesDocument) -> dict[str, Value]:
    told = {
        "CustomerKey": {"Id": gp_key(document.customer_id, PARTY)},
        "CustomerPONumber": fit(document.customer_po, CUSTOMER_PO),
        "SalesAmount": _amount(document.sales),
        "TradeDiscountAmount": _amount(document.trade_discount),
    }
    if document.taxes:
        told["Taxes"] = {"ReceivablesTax": [_tax(detail) for detail in document.taxes]}
    return told


def _payables(document: PayablesDocument) -> dict[str, Value]:
    return {
        "VendorKey": {"Id": gp_key(document.vendor_id, PARTY)},
        "VendorDocumentNumber": gp_key(document.vendor_invoice_number, VENDOR_INVOICE),
        "PurchasesAmount": _amount(document.purchases),
        "FreightAmount": _amount(document.freight),
        "Amount1099": _amount(document.income_1099),
    }


def _tax(detail: TaxDetail) -> dict[str, Value]:
    return {
        "Key": {"TaxDetailKey": {"Id": gp_key(detail.detail, TAX_DETAIL)}},
        "TaxAmount": _amount(detail.tax),
        "SalesTaxAmount": _amount(detail.tax),
        "TotalAmount": _amount(detail.sales),
        "TaxableAmount": _amount(detail.taxable),
    }


def _distribution(
    line: Distribution[ReceivablesType] | Distribution[PayablesType], place: int, contract: Contract, separator: str
) -> dict[str, Value]:
    """One line. Debit and credit are declared as abstract amounts, so they say that they are money."""
    return {
        "Key": {"SequenceNumber": place},
        "DistributionTypeKey": {"Id": line.type.value},
        "Reference": fit(line.reference, REFERENCE),
        "GLAccountKey": {"Id": gp_key(separator.join(line.account.segments), ACCOUNT), "IsEncrypted": False},
        "DebitAmount": contract.make("MoneyAmount", **_amount(line.debit)),
        "CreditAmount": contract.make("MoneyAmount", **_amount(line.credit)),
    }


def _amount(money: Money) -> dict[str, Value]:
    return {"Currency": money.currency.value, "Value": money.amount, "DecimalDigits": money.currency.places}


def _moment(day: date) -> datetime:
    """A day as GP writes it: midnight, in no zone."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001
