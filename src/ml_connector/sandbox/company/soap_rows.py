"""From the company's rows to the members of the contract's types. Texts are trimmed, which the web services do.

What the sandbox's company does not keep (who posted and when, an account's dates) is left out or nil, as for a GP company
that never filled it; what the contract has no member for (a batch's status, a party's balance, a fiscal period) cannot be
served at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ml_connector.sandbox.company.books import Company
from ml_connector.sandbox.company.records import (
    EMPTY_DATE,
    Account,
    Batch,
    Distribution,
    Document,
    Kind,
    Module,
    State,
    TaxDetail,
    TaxLine,
    key,
)
from ml_connector.sandbox.company.soap_contract import Members, Typed
from ml_connector.sandbox.company.soap_drafts import SUBLEDGERS
from ml_connector.sandbox.company.soap_words import POSTING_TYPES, TYPES


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one company as the contract has them, for the length of one call."""

    company: Company
    _created: Mapping[str, date] = field(init=False)  # of each batch

    def __post_init__(self) -> None:
        created = {key(batch.id): batch.created for batch in self.company.batches()}
        object.__setattr__(self, "_created", created)

    # The company and its set-up

    def of_company(self) -> Members:
        setup = self.company.setup
        return {
            "Key": self._company_key,
            "Name": setup.name,
            "AccountSegmentSeparator": setup.separator,
            "IsValueAddedTaxReturnEnabled": False,
            "IsWorkflowEnabled": False,
        }

    def account_format(self) -> Sequence[Members]:
        return [
            {
                "Key": {"CompanyKey": self._company_key, "Id": segment.position},
                "SegmentName": segment.name,
                "MaximumSegmentLength": segment.length,
                "SegmentLength": segment.length,
                "IsMainSegment": segment.is_main,
                "UserDefinedSegment": 0,
            }
            for segment in self.company.setup.segments
        ]

    def posting_account_summary(self, account: Account) -> Members:
        return {
            "Key": self._account_key(account.number),
            "IsActive": account.active,
            "Description": account.description,
            "GLAccountCategoryKey": self._key(account.category),
            "AllowAccountEntry": account.allows_entry,
            "PostingType": POSTING_TYPES[account.posting_type],
        }

    def account_summary(self, account: Account) -> Members:
        return {
            "Key": self._account_key(account.number),
            "IsActive": account.active,
            "Description": account.description,
            "AccountType": "Posting",
        }

    def posting_account(self, account: Account) -> Members:
        return {**self.posting_account_summary(account), "Type": "Posting"}

    def account(self, account: Account) -> Typed:
        """An account of any kind; the company has posting accounts only."""
        return Typed("GLPostingAccount", self.posting_account(account))

    def tax_detail(self, detail: TaxDetail) -> Members:
        return {
            "TaxDetailKey": self._key(detail.id),
            "TaxDetailType": "Sales",
            "TaxDetailDescription": detail.description.strip(),
            "Account": self._account_key(detail.account),
            "TaxDetailBase": "Percent of Sales/Purchase",
            "TaxDetailPercent": detail.rate,
        }

    def batch(self, batch: Batch) -> Members:
        """A batch; the contract has no member for its status."""
        return {
            "Key": self._batch_key(batch.id, batch.origin),
            "NumberOfTransactions": batch.transactions,
            "Frequency": "Single Use",
            "NumberOfPostings": 0,
            "Comment": batch.comment.strip(),
            "Total": self._money(batch.total),
            "CurrencyKey": self._currency_key,
            "ControlNumberOfTransactions": 0,
            "ControlTotal": self._money(Decimal("0.00")),
        }

    # Documents

    def document_summary(self, document: Document) -> Members:
        receivable = document.module is Module.RECEIVABLES
        return {
            "Key": self._key(document.number),
            SUBLEDGERS[document.module].party: self._key(document.party),
            "CustomerName" if receivable else "VendorName": document.party_name.strip(),
            **({"CustomerPONumber": document.customer_po.strip()} if receivable else {}),
            "Date": document.document_date,
            "CurrencyKey": self._currency_key,
            "BatchKey": self._batch_key(document.batch, document.module.origin),
            "TradeDiscountAmount": self._money(document.trade_discount),
            "FreightAmount": self._money(document.freight),
            "MiscellaneousAmount": self._money(document.miscellaneous),
            "TaxAmount": self._money(document.tax),
            "DocumentAmount": self._money(document.document_amount),
            "ModifiedDate": document.modified,
            "TransactionState": document.state.value,
        }

    def document_summary_with_type(self, document: Document) -> Members:
        """A row of a list over all kinds of a subledger."""
        return {**self.document_summary(document), "Type": TYPES[document.kind]}

    def document(self, document: Document) -> Members:
        names = SUBLEDGERS[document.module]
        receivable = document.module is Module.RECEIVABLES
        references = document.customer_po if receivable else document.vendor_document
        members: dict[str, object] = {
            **self.document_summary_with_type(document),
            "GeneralLedgerPostingDate": document.posting_date,
            names.base_amount: self._money(document.base_amount),
            names.reference: references.strip(),
            "Description": document.description.strip(),
            "AuditTrailCode": document.audit_trail_code or None,
            "IsVoided": document.voided,
            "ModifiedBy": document.entered_by.rpartition("\\")[2],
            "Taxes": [self._tax(line, document) for line in document.taxes],
            "Distributions": [self._distribution(line, document) for line in document.distributions],
        }
        if not receivable:
            members |= {
                "Amount1099": self._money(document.amount_1099),
                "IsIntercompanyTransaction": False,
                "HasIntercompanyDistributions": False,
            }
        if document.kind in (Kind.RECEIVABLES_INVOICE, Kind.PAYABLES_INVOICE):
            members["Terms"] = {"DueDate": document.due_date}
        return members

    def _distribution(self, line: Distribution, document: Document) -> Members:
        return {
            "Key": {**self._document_key(document), "SequenceNumber": line.sequence},
            "DistributionTypeKey": {"CompanyKey": self._company_key, "Id": line.type},
            "Reference": line.reference.strip(),
            "GLAccountKey": self._account_key(line.account),
            "DebitAmount": Typed("MoneyAmount", self._money(line.debit)),
            "CreditAmount": Typed("MoneyAmount", self._money(line.credit)),
            "IsPosted": document.state is not State.WORK,
        }

    def _tax(self, line: TaxLine, document: Document) -> Members:
        return {
            "Key": {**self._document_key(document), "TaxDetailKey": self._key(line.detail)},
            "TaxAmount": self._money(line.tax),
            "TotalAmount": self._money(line.total),
            "TaxableAmount": self._money(line.taxable),
            "IsBackoutTax": False,
            SUBLEDGERS[document.module].tax: self._money(line.tax),
            **({"IsPosted": document.state is not State.WORK} if document.module is Module.PAYABLES else {}),
        }

    # Keys and amounts

    @property
    def _company_key(self) -> Members:
        return {"Id": self.company.setup.id}

    @property
    def _currency_key(self) -> Members:
        return {"CompanyKey": self._company_key, "ISOCode": self.company.setup.currency}

    def _key(self, name: str) -> Members:
        return {"CompanyKey": self._company_key, "Id": name.strip()}

    def _optional_key(self, name: str) -> Members | None:
        return self._key(name) if name.strip() else None

    def _account_key(self, number: str) -> Members:
        return {**self._key(number), "IsEncrypted": False}

    def _batch_key(self, name: str, origin: str) -> Members:
        """A batch that is posted is gone, and so is the day it was made on."""
        created = self._created.get(key(name), EMPTY_DATE)
        return {**self._key(name), "Source": origin, "CreatedDateTime": created}

    def _document_key(self, document: Document) -> Members:
        name = "ReceivablesDocumentKey" if document.module is Module.RECEIVABLES else "PayablesDocumentKey"
        return {"CompanyKey": self._company_key, name: self._key(document.number)}

    def _money(self, amount: Decimal) -> Members:
        return {"Currency": self.company.setup.currency, "Value": amount, "DecimalDigits": 2}
