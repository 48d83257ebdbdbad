"""The rulebook: the customer's tables, read and found to make sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ml_connector.books.account import AccountFormat, AccountNumber
from ml_connector.books.posting import PostingDateSource
from ml_connector.field.source import Named
from ml_connector.mapping.options import Options
from ml_connector.money import Currency
from ml_connector.parties.ownership import Field, FieldRule
from ml_connector.parties.party import Role


@dataclass(frozen=True, slots=True)
class CompanyRule:
    company: str
    gp_company: str
    currency: Currency
    account_format: AccountFormat
    receivables_account: AccountNumber
    payables_account: AccountNumber
    cut_over: date | None
    receivables_posting_date: PostingDateSource | None
    payables_posting_date: PostingDateSource | None


@dataclass(frozen=True, slots=True)
class BusinessUnitRule:
    business_unit: str
    company: str
    segments: Mapping[str, str]
    summary_customer: str


@dataclass(frozen=True, slots=True)
class AccountRule:
    """`matches` by column, folded; either a full account, or a main segment with any further segments."""

    row: int
    matches: Mapping[str, str]
    account: AccountNumber | None
    main: str
    segments: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CustomerRule:
    row: int
    gp_customer: str


@dataclass(frozen=True, slots=True)
class VendorRule:
    row: int
    gp_vendor: str
    share_1099: Decimal | None  # a fraction; None: the rulebook does not say


@dataclass(frozen=True, slots=True)
class PartyDefault:
    """What a party gets that is created in GP. Blank `company` and `type` match any; blank terms are the class's."""

    row: int
    role: Role
    company: str
    type: str  # folded
    gp_class: str
    terms: str
    address_code: str


@dataclass(frozen=True, slots=True)
class TaxRule:
    row: int
    tax_detail: str
    account: AccountNumber
    takes_the_cent: bool


@dataclass(frozen=True, slots=True)
class Rulebook:
    companies: Mapping[str, CompanyRule]
    business_units: Mapping[str, BusinessUnitRule]  # by folded name or id
    accounts: tuple[AccountRule, ...]
    account_columns: tuple[str, ...]  # match columns in the customer's order
    customers: Mapping[int, CustomerRule]
    vendors: Mapping[int, VendorRule]
    taxes: Mapping[tuple[str, str], TaxRule]  # by (folded zone, folded rate)
    options: Options
    party_defaults: tuple[PartyDefault, ...] = ()
    party_fields: Mapping[Role, Mapping[Field, FieldRule]] = field(default_factory=dict)
    bound: Mapping[tuple[Role, str, str], str] = field(default_factory=dict)
    """GP ids by (role, company, ServiceTitan's id), of parties that the crosswalk binds; its own tables go before."""

    def default_for(self, role: Role, company: str, type: str) -> PartyDefault | None:
        """The row with more filled cells, then the first."""
        fitting = [
            it
            for it in self.party_defaults
            if it.role is role and it.company in ("", company) and it.type in ("", fold(type))
        ]
        return max(fitting, key=lambda it: (bool(it.company) + bool(it.type), -it.row), default=None)

    def business_unit(self, unit: Named) -> BusinessUnitRule | None:
        return self.business_units.get(str(unit.id)) or self.business_units.get(fold(unit.name))


def fold(text: str) -> str:
    """How texts are compared: trimmed, inner blanks as one, case folded."""
    return " ".join(text.split()).casefold()
