"""What the books say of themselves: read once a run, and what every check is made against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_connector.books.account import AccountNumber
from ml_connector.books.period import FiscalPeriod


@dataclass(frozen=True, slots=True)
class AccountCard:
    number: AccountNumber
    description: str
    active: bool
    allows_entry: bool


@dataclass(frozen=True, slots=True)
class PartyCard:
    """A GP customer or vendor. `control` is the receivables or payables account of the card, else of its class."""

    id: str
    name: str
    active: bool
    on_hold: bool = False
    over_limit: bool = False
    control: AccountNumber | None = None
    is_1099: bool = False


@dataclass(frozen=True, slots=True)
class CompanyFacts:
    """One GP company. Ids and account numbers are trimmed and upper-cased by the adapter."""

    company: str
    accounts: Mapping[str, AccountCard]
    periods: tuple[FiscalPeriod, ...]
    tax_details: frozenset[str]
    control_accounts: frozenset[str] = frozenset()  # receivables and payables: only those distributions may use them
    customers: Mapping[str, PartyCard] = field(default_factory=dict)
    vendors: Mapping[str, PartyCard] = field(default_factory=dict)
    vendor_invoices: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Which document GP holds under a vendor and the vendor's own invoice number, of those asked for."""
