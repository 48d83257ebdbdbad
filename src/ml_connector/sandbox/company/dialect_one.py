"""Dialect one of SBA, as data: queries. What the dialects have in common stands in `dialects`."""

from __future__ import annotations

from ml_connector.sandbox.company.dialect import Dialect, Nested, Resource, Style
from ml_connector.sandbox.company.dialect_parties import CUSTOMERS_ONE, VENDORS_ONE
from ml_connector.sandbox.company.errors import Reason
from ml_connector.sandbox.company.records import DateFrom, Kind, State

ONE = Dialect(
    name="one",
    style=Style.QUERY,
    company_by_display_name=False,
    rows="Payload",
    more="",
    single="Payload",
    page_size=1000,
    amounts_as_text=False,
    date_format="%Y-%m-%dT00:00:00",
    words={
        DateFrom.TRANSACTION: "Transaction",
        DateFrom.BATCH: "Batch",
        State.WORK: "Work",
        State.OPEN: "Open",
        State.HISTORY: "History",
        Kind.RECEIVABLES_INVOICE: "Invoice",
        Kind.RECEIVABLES_CREDIT_MEMO: "Credit Memo",
        Kind.PAYABLES_INVOICE: "Invoice",
        Kind.PAYABLES_CREDIT_MEMO: "Credit Memo",
    },
    conflicts=frozenset({Reason.NUMBER_TAKEN, Reason.VENDOR_DOCUMENT_TAKEN, Reason.BATCH_LOCKED, Reason.PARTY_TAKEN}),
    resources={
        "company": Resource(
            path="Company/Setup",
            key=(),
            fields={
                "database": "CompanyDatabase",
                "name": "CompanyName",
                "id": "CompanyNumber",
                "currency": "FunctionalCurrency",
                "separator": "AccountSeparator",
                "receivables_account": "DefaultReceivablesAccount",
                "payables_account": "DefaultPayablesAccount",
            },
            nested={
                "segments": Nested(
                    "AccountSegments",
                    {
                        "position": "SegmentNumber",
                        "name": "SegmentName",
                        "length": "Length",
                        "is_main": "IsMainSegment",
                    },
                )
            },
        ),
        "posting_origins": Resource(
            path="Company/PostingSetup",
            key=("origin",),
            fields={
                "origin": "Origin",
                "date_from": "PostingDateFrom",  # Transaction | Batch
                "to_ledger": "PostToGL",
                "through_ledger": "PostThroughGLFiles",
                "verify_count": "VerifyNumberOfTrx",
                "verify_amounts": "VerifyBatchAmounts",
                "transaction_posting": "AllowTransactionPosting",
            },
        ),
        "accounts": Resource(
            path="Financial/Accounts",
            key=("number",),
            fields={
                "number": "AccountNumber",
                "description": "AccountDescription",
                "active": "Active",
                "allows_entry": "AllowAccountEntry",
                "posting_type": "PostingType",  # BalanceSheet | ProfitAndLoss
                "category": "AccountCategory",
            },
        ),
        "periods": Resource(
            path="Financial/FiscalPeriods",
            key=("year", "number"),
            fields={
                "year": "FiscalYear",
                "number": "PeriodNumber",
                "name": "PeriodName",
                "first": "FirstDay",
                "last": "LastDay",
                "historical": "HistoricalYear",
                "closed_financial": "ClosedFinancial",
                "closed_sales": "ClosedSales",
                "closed_purchasing": "ClosedPurchasing",
                "closed_inventory": "ClosedInventory",
                "closed_payroll": "ClosedPayroll",
                "closed_project": "ClosedProject",
            },
        ),
        "tax_details": Resource(
            path="Company/TaxDetails",
            key=("id",),
            fields={
                "id": "TaxDetailId",
                "description": "Description",
                "rate": "Percentage",
                "account": "AccountNumber",
            },
        ),
        "customers": CUSTOMERS_ONE,
        "customer_classes": Resource(
            path="Sales/CustomerClasses",
            key=("id",),
            fields={"id": "CustomerClass", "description": "Description", "account": "AccountsReceivableAccount"},
        ),
        "vendors": VENDORS_ONE,
        "vendor_classes": Resource(
            path="Purchasing/VendorClasses",
            key=("id",),
            fields={"id": "VendorClass", "description": "Description", "account": "AccountsPayableAccount"},
        ),
        "batches": Resource(
            path="Financial/Batches",
            key=("id",),
            fields={
                "id": "BatchNumber",
                "origin": "BatchSource",  # RM_Sales | PM_Trxent
                "status_number": "BatchStatus",  # 0 available, 1 being posted or edited
                "transactions": "NumberOfTransactions",
                "total": "BatchTotal",
                "comment": "BatchComment",
                "created": "CreatedDate",
                "modified": "ModifiedDate",
            },
        ),
        "receivables": Resource(
            path="Sales/ReceivablesTransactions",
            key=("number",),
            fields={
                "kind": "DocumentType",
                "number": "DocumentNumber",
                "party": "CustomerNumber",
                "party_name": "CustomerName",
                "document_date": "DocumentDate",
                "posting_date": "GLPostingDate",
                "due_date": "DueDate",
                "description": "Description",
                "customer_po": "CustomerPONumber",
                "batch": "BatchNumber",
                "base_amount": "SalesAmount",
                "trade_discount": "TradeDiscountAmount",
                "freight": "FreightAmount",
                "miscellaneous": "MiscellaneousAmount",
                "tax": "TaxAmount",
                "document_amount": "DocumentAmount",
                "currency": "CurrencyId",
                "state": "TransactionState",
                "voided": "Voided",
                "audit_trail_code": "AuditTrailCode",
                "modified": "ModifiedDate",
            },
            nested={
                "distributions": Nested(
                    "Distributions",
                    {
                        "sequence": "SequenceNumber",
                        "type": "DistributionType",
                        "account": "AccountNumber",
                        "debit": "DebitAmount",
                        "credit": "CreditAmount",
                        "reference": "DistributionReference",
                    },
                ),
                "taxes": Nested(
                    "Taxes",
                    {
                        "detail": "TaxDetailId",
                        "taxable": "TaxableAmount",
                        "total": "TotalSalesAmount",
                        "tax": "TaxAmount",
                    },
                ),
            },
            create={"Sales/ReceivablesTransactions": None},
        ),
        "payables": Resource(
            path="Purchasing/PayablesTransactions",
            key=("number",),
            fields={
                "kind": "DocumentType",
                "number": "VoucherNumber",
                "vendor_document": "VendorDocumentNumber",
                "party": "VendorNumber",
                "party_name": "VendorName",
                "document_date": "DocumentDate",
                "posting_date": "GLPostingDate",
                "due_date": "DueDate",
                "description": "Description",
                "batch": "BatchNumber",
                "base_amount": "PurchasesAmount",
                "trade_discount": "TradeDiscountAmount",
                "freight": "FreightAmount",
                "miscellaneous": "MiscellaneousAmount",
                "tax": "TaxAmount",
                "document_amount": "DocumentAmount",
                "amount_1099": "Amount1099",
                "currency": "CurrencyId",
                "state": "TransactionState",
                "voided": "Voided",
                "audit_trail_code": "AuditTrailCode",
                "modified": "ModifiedDate",
            },
            nested={
                "distributions": Nested(
                    "Distributions",
                    {
                        "sequence": "SequenceNumber",
                        "type": "DistributionType",
                        "account": "AccountNumber",
                        "debit": "DebitAmount",
                        "credit": "CreditAmount",
                        "reference": "DistributionReference",
                    },
                ),
                "taxes": Nested(
                    "Taxes",
                    {
                        "detail": "TaxDetailId",
                        "taxable": "TaxableAmount",
                        "total": "TotalPurchasesAmount",
                        "tax": "TaxAmount",
                    },
                ),
            },
            create={"Purchasing/PayablesTransactions": None},
        ),
    },
)
