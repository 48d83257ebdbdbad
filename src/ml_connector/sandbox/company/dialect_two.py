"""Dialect two of SBA, as data: plain parameters. What the dialects have in common stands in `dialects`."""

from __future__ import annotations

from ml_connector.sandbox.company.dialect import Dialect, Nested, Resource, Style
from ml_connector.sandbox.company.dialect_parties import CUSTOMERS_TWO, VENDORS_TWO
from ml_connector.sandbox.company.errors import Reason
from ml_connector.sandbox.company.records import Kind, State

TWO = Dialect(
    name="two",
    style=Style.PLAIN,
    company_by_display_name=True,
    rows="value",
    more="HasMore",
    single="",
    page_size=200,
    amounts_as_text=True,
    date_format="%Y-%m-%d",
    words={
        State.WORK: 1,
        State.OPEN: 2,
        State.HISTORY: 3,
    },
    failures=frozenset(
        {Reason.BATCH_LOCKED, Reason.BATCH_OF_OTHER_ORIGIN, Reason.PERIOD_CLOSED, Reason.PERIOD_MISSING}
    ),
    resources={
        "company": Resource(
            path="Dynamics/System/CompanySetup",
            key=(),
            fields={
                "database": "Intercompany",
                "name": "DisplayName",
                "id": "CmpanyId",
                "currency": "Currency",
                "separator": "SegmentSeparator",
                "receivables_account": "ReceivablesAcct",
                "payables_account": "PayablesAcct",
            },
            nested={
                "segments": Nested("Segments", {"position": "No", "name": "Name", "length": "Width", "is_main": "Main"})
            },
        ),
        "accounts": Resource(
            path="Dynamics/Financials/GLAccounts",
            key=("number",),
            fields={
                "number": "AccountId",
                "description": "Description",
                "active": "IsActive",
                "allows_entry": "AllowEntry",
                "posting_type": "PostType",
                "category": "Category",
            },
            parameters={"numbers": ("number", "in")},
        ),
        "periods": Resource(
            path="Dynamics/Financials/Periods",
            key=("year", "number"),
            fields={
                "year": "Year",
                "number": "PeriodId",
                "name": "Name",
                "first": "StartDate",
                "last": "EndDate",
                "historical": "IsHistory",
                "closed_financial": "FinancialClosed",
                "closed_sales": "SalesClosed",
                "closed_purchasing": "PurchasingClosed",
                "closed_inventory": "InventoryClosed",
                "closed_payroll": "PayrollClosed",
                "closed_project": "ProjectClosed",
            },
            parameters={"year": ("year", "eq")},
        ),
        "tax_details": Resource(
            path="Dynamics/System/TaxDetails",
            key=("id",),
            fields={"id": "DetailId", "description": "Name", "rate": "Rate", "account": "AccountId"},
            parameters={"ids": ("id", "in")},
        ),
        "customers": CUSTOMERS_TWO,
        "customer_classes": Resource(
            path="Dynamics/Sales/Classes",
            key=("id",),
            fields={"id": "ClassId", "description": "Name", "account": "ReceivablesAcct"},
            parameters={"ids": ("id", "in")},
        ),
        "vendors": VENDORS_TWO,
        "vendor_classes": Resource(
            path="Dynamics/Purchasing/Classes",
            key=("id",),
            fields={"id": "ClassId", "description": "Name", "account": "PayablesAcct"},
            parameters={"ids": ("id", "in")},
        ),
        "batches": Resource(
            path="Dynamics/System/Batches",
            key=("id",),
            fields={
                "id": "BatchId",
                "origin": "Source",
                "status_number": "Status",
                "transactions": "TrxCount",
                "total": "Total",
                "comment": "Comment",
                "created": "Created",
                "modified": "LastModified",
            },
            parameters={"ids": ("id", "in")},
        ),
        "receivables": Resource(
            path="Dynamics/Sales/Receivables/Transactions",
            key=("number",),
            fields={
                "type_number": "Type",  # 1 invoice, 7 credit memo
                "number": "DocNumber",
                "party": "CustomerId",
                "party_name": "CustomerName",
                "document_date": "DocDate",
                "posting_date": "PostingDate",
                "due_date": "DueDate",
                "description": "DocDescription",
                "customer_po": "PONumber",
                "batch": "BatchId",
                "base_amount": "SaleAmt",
                "trade_discount": "TradeDiscountAmt",
                "freight": "FreightAmt",
                "miscellaneous": "MiscAmt",
                "tax": "TaxAmt",
                "document_amount": "DocAmt",
                "currency": "Currency",
                "state": "State",
                "voided": "IsVoid",
                "audit_trail_code": "TrxSource",
                "modified": "LastModified",
            },
            nested={
                "distributions": Nested(
                    "Distributions",
                    {
                        "sequence": "Seq",
                        "type": "DistType",
                        "account": "AccountId",
                        "debit": "Debit",
                        "credit": "Credit",
                        "reference": "DistRef",
                    },
                ),
                "taxes": Nested(
                    "Taxes", {"detail": "DetailId", "taxable": "TaxableAmt", "total": "TotalAmt", "tax": "TaxAmt"}
                ),
            },
            parameters={
                "numbers": ("number", "in"),
                "numberFrom": ("number", "ge"),
                "numberTo": ("number", "le"),
                "customerIds": ("party", "in"),
                "batch": ("batch", "eq"),
                "docDateFrom": ("document_date", "ge"),
                "docDateTo": ("document_date", "le"),
                "modifiedFrom": ("modified", "ge"),
                "modifiedTo": ("modified", "le"),
            },
            create={
                "Dynamics/Sales/Receivables/Invoices": Kind.RECEIVABLES_INVOICE,
                "Dynamics/Sales/Receivables/CreditMemos": Kind.RECEIVABLES_CREDIT_MEMO,
            },
        ),
        "payables": Resource(
            path="Dynamics/Purchasing/Payables/Transactions",
            key=("number",),
            fields={
                "type_number": "Type",  # 1 invoice, 5 credit memo
                "number": "VoucherId",
                "vendor_document": "VendorDocNumber",
                "party": "VendorId",
                "party_name": "VendorName",
                "document_date": "DocDate",
                "posting_date": "PostingDate",
                "due_date": "DueDate",
                "description": "TrxDescription",
                "batch": "BatchId",
                "base_amount": "PurchaseAmt",
                "trade_discount": "TradeDiscountAmt",
                "freight": "FreightAmt",
                "miscellaneous": "MiscAmt",
                "tax": "TaxAmt",
                "document_amount": "DocAmt",
                "amount_1099": "Ten99Amt",
                "currency": "Currency",
                "state": "State",
                "voided": "IsVoid",
                "audit_trail_code": "TrxSource",
                "modified": "LastModified",
            },
            nested={
                "distributions": Nested(
                    "Distributions",
                    {
                        "sequence": "Seq",
                        "type": "DistType",
                        "account": "AccountId",
                        "debit": "Debit",
                        "credit": "Credit",
                        "reference": "DistRef",
                    },
                ),
                "taxes": Nested(
                    "Taxes", {"detail": "DetailId", "taxable": "TaxableAmt", "total": "TotalAmt", "tax": "TaxAmt"}
                ),
            },
            parameters={
                "numbers": ("number", "in"),
                "numberFrom": ("number", "ge"),
                "numberTo": ("number", "le"),
                "vendorDocuments": ("vendor_document", "in"),
                "vendorIds": ("party", "in"),
                "batch": ("batch", "eq"),
                "docDateFrom": ("document_date", "ge"),
                "docDateTo": ("document_date", "le"),
                "modifiedFrom": ("modified", "ge"),
                "modifiedTo": ("modified", "le"),
            },
            create={
                "Dynamics/Purchasing/Payables/Invoices": Kind.PAYABLES_INVOICE,
                "Dynamics/Purchasing/Payables/CreditMemos": Kind.PAYABLES_CREDIT_MEMO,
            },
        ),
    },
)
