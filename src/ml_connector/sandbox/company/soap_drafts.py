"""From the business object that a create carries to the document that the company is asked to enter.

What the server calculates where it is left out: the dates (the system's day), the tax (the sum of the tax lines) and the
document amount (the sum of its parts). Read-only members are ignored, whatever they hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ml_connector.sandbox.company.records import ZERO, Distribution, Draft, Kind, Module, TaxLine
from ml_connector.sandbox.company.soap_contract import Node
from ml_connector.sandbox.company.soap_reading import day, money, number, rows, text


@dataclass(frozen=True, slots=True)
class Subledger:
    """How the members of a subledger's documents are called."""

    base_amount: str
    party: str
    reference: str  # the number that the party knows it by
    distribution: str
    tax: str  # the tax of a line, where no total of it is said


SUBLEDGERS: Mapping[Module, Subledger] = {
    Module.RECEIVABLES: Subledger(
        "SalesAmount", "CustomerKey", "CustomerPONumber", "ReceivablesDistribution", "SalesTaxAmount"
    ),
    Module.PAYABLES: Subledger(
        "PurchasesAmount", "VendorKey", "VendorDocumentNumber", "PayablesDistribution", "PurchasesTaxAmount"
    ),
}


def draft(kind: Kind, document: Node | None) -> Draft:
    """The draft of a document; an empty one, which the company refuses, where none was sent."""
    names = SUBLEDGERS[kind.module]
    is_payable = kind.module is Module.PAYABLES
    taxes = tuple(_tax(line, names) for line in rows(document, "Taxes"))
    tax = money(document, "TaxAmount")
    if tax is None:
        tax = sum((line.tax for line in taxes), ZERO)
    base, discount, freight, miscellaneous = (
        money(document, member) or ZERO
        for member in (names.base_amount, "TradeDiscountAmount", "FreightAmount", "MiscellaneousAmount")
    )
    amount = money(document, "DocumentAmount")
    reference = text(document, names.reference)
    return Draft(
        kind=kind,
        number=text(document, "Key/Id"),
        party=text(document, f"{names.party}/Id"),
        base_amount=base,
        document_amount=base - discount + freight + miscellaneous + tax if amount is None else amount,
        trade_discount=discount,
        freight=freight,
        miscellaneous=miscellaneous,
        tax=tax,
        amount_1099=money(document, "Amount1099") or ZERO,
        document_date=day(document, "Date"),
        posting_date=day(document, "GeneralLedgerPostingDate"),
        due_date=day(document, "Terms/DueDate"),
        description=text(document, "Description"),
        customer_po="" if is_payable else reference,
        vendor_document=reference if is_payable else "",
        batch=text(document, "BatchKey/Id"),
        currency=text(document, "CurrencyKey/ISOCode") or text(document, f"{names.base_amount}/Currency"),
        taxes=taxes,
        distributions=tuple(_distribution(line) for line in rows(document, "Distributions")),
    )


def _tax(line: Node, names: Subledger) -> TaxLine:
    total = money(line, "TotalAmount") or ZERO
    taxable = money(line, "TaxableAmount")
    return TaxLine(
        detail=text(line, "Key/TaxDetailKey/Id"),
        taxable=total if taxable is None else taxable,
        total=total,
        tax=next((it for it in (money(line, "TaxAmount"), money(line, names.tax)) if it is not None), Decimal(0)),
    )


def _distribution(line: Node) -> Distribution:
    return Distribution(
        type=number(line, "DistributionTypeKey/Id") or 0,
        account=text(line, "GLAccountKey/Id"),
        debit=money(line, "DebitAmount") or ZERO,
        credit=money(line, "CreditAmount") or ZERO,
        reference=text(line, "Reference"),
    )
