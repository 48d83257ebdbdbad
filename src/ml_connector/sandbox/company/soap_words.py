"""What the contract calls the kinds of documents and the other enumerations of the company."""

from __future__ import annotations

from collections.abc import Mapping

from ml_connector.sandbox.company.records import Kind

TYPES: Mapping[Kind, str] = {
    Kind.RECEIVABLES_INVOICE: "Invoice",
    Kind.RECEIVABLES_CREDIT_MEMO: "Credit Memo",
    Kind.PAYABLES_INVOICE: "Invoice",
    Kind.PAYABLES_CREDIT_MEMO: "Credit Memo",
}
NOUNS: Mapping[Kind, str] = {
    Kind.RECEIVABLES_INVOICE: "ReceivablesInvoice",
    Kind.RECEIVABLES_CREDIT_MEMO: "ReceivablesCreditMemo",
    Kind.PAYABLES_INVOICE: "PayablesInvoice",
    Kind.PAYABLES_CREDIT_MEMO: "PayablesCreditMemo",
}
POSTING_TYPES: Mapping[str, str] = {"BalanceSheet": "BalanceSheet", "ProfitAndLoss": "ProfitLoss"}
OBJECTS = "Microsoft.Dynamics.GP."  # what the name of a business object begins with
