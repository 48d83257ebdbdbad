"""The two dialects of SBA that the sandbox speaks, as data. A service map is written from this page.

Microsoft documents SBA's verbs, the list of services and the discovery page, but not one field name, filter, page
parameter, status code or error body, and the documented list has no general-ledger accounts, fiscal periods or tax
details at all: sites add services of their own. So everything below is INVENTED, plausible and different on purpose; a
connector that fits both dialects is driven by its map and not by its habits.

Common to both
  Address       http://HOST:PORT/GPService/Tenants(DefaultTenant)/Companies(COMPANY)/PATH, percent-encoded at will;
                one record is PATH(KEY), and PATH(YEAR;PERIOD) for a fiscal period.
  Sign-in       NTLM, per connection. 401 without it, 403 for a user without a role in GP or without the company.
  Text          comes back padded with spaces to the column's width, ids in upper case; comparison ignores both.
  Empty date    1900-01-01.
  Create        POST, the document in a top-level object `Payload`, always with its `Distributions` (and taxes) nested.
                A field that the resource does not have, or that cannot be written, is an error (400).
  Lists         no more than 1000 rows are ever given to one list, in the order of entry.
  Posting       the set-up of posting by origin, a row each, in dialect one alone: two has no such service.
  Missing       a record that does not exist is 404, with the dialect's error body.

                 ONE                                          TWO
  COMPANY        database name: FRMEC                         display name: Front Range Mechanical, Inc.
  PATH           Module/Resource                              Dynamics/Module[/Submodule]/Resource
  one record     {"Payload": {...}}                           {...}
  list           {"Payload": [...]}                           {"value": [...], "HasMore": bool}
  filter         $filter=Field in ('A','B') and               plain parameters, lists by semicolon:
                 Field ge 2026-03-01 (eq ne ge gt le lt in,   numbers=A;B&modifiedFrom=2026-03-01
                 joined by `and`; any field of the resource)  (see `parameters`; any other is 400)
  pages          $top (default and most 1000), $skip; no      page (from 1), pageSize (default 200, most 1000);
                 sign of more but a full page                 HasMore speaks only of the first 1000 matches: past
                                                              them it says false, and there is no further page
  amounts        JSON numbers: 108.25                         strings, five decimals: "108.25000"; sent: any
  dates          2026-03-14T00:00:00                          2026-03-14
  state          "Work" "Open" "History"                      1 Work, 2 Open, 3 History
  kind           DocumentType: "Invoice" | "Credit Memo",     Type: RMDTYPAL 1, 7 or DOCTYPE 1, 5; on create the path
                 also on create                               says it: .../Invoices or .../CreditMemos
  distributions  in one record; in a list only with           never in the document:
                 $expand=Distributions or Distributions,Taxes PATH(KEY)/Distributions and PATH(KEY)/Taxes, as lists
  created        201 {"Payload": {"DocumentNumber": "..."}}   200 and an empty body
  cards          POST at PATH makes one, PATCH at             the same, but a PATCH holds the whole card: what it
                 PATH(KEY) changes the fields it holds;       leaves out is blanked; there is no e-mail, and two
                 answered as a create is                      telephones; answered with nothing
  refused        400, or 409 for a taken number, a taken      400 {"error": {"message": "..."}} with the first reason
                 vendor document or a locked batch:           only; 200 {"Success": false, "error": {...}} where the
                 {"Status": "Error", "Errors":                first reason is the batch or the period
                 [{"Code": n, "Message": "..."}, ...]}
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ml_connector.sandbox.company.dialect import Dialect, Nested, Resource, Style
from ml_connector.sandbox.company.dialect_parties import CUSTOMERS_ONE, CUSTOMERS_TWO, VENDORS_ONE, VENDORS_TWO
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

DIALECTS: Mapping[str, Dialect] = MappingProxyType({"one": ONE, "two": TWO})
