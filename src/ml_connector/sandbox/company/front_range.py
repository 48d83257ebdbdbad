"""The books of Front Range Mechanical, furnished from the town before the first document is entered."""

from __future__ import annotations

import calendar
from datetime import date
from decimal import Decimal

from ml_connector.sandbox import town
from ml_connector.sandbox.company.records import (
    CLASS_WIDTH,
    NAME_WIDTH,
    PARTY_WIDTH,
    TAX_DETAIL_WIDTH,
    ZERO,
    Account,
    CompanySetup,
    Customer,
    PartyClass,
    Period,
    Segment,
    Series,
    Tables,
    TaxDetail,
    Vendor,
    char,
    id_char,
    key,
)

SET_UP_ON = date(2026, 1, 2)
NAME_LENGTH = 64
YEAR_OF_THE_MONTH = 2026  # that the shop's trade is of

RECEIVABLES_ACCOUNT = "000-1200-00"
RECEIVABLES_COMMERCIAL = "000-1210-00"  # on the card of two customers
PAYABLES_ACCOUNT = "000-2100-00"
NO_ENTRY_ACCOUNT = "000-2310-00"
SALES_ACCOUNT = "100-4110-02"  # where GP books sales when it makes the distributions itself
PURCHASES_ACCOUNT = "100-5110-02"

CUSTOMER_ON_HOLD = town.CUSTOMERS[3].gp_id
CUSTOMER_OVER_LIMIT = town.CUSTOMERS[7].gp_id
CUSTOMERS_WITHOUT_CLASS = frozenset(customer.gp_id for customer in town.CUSTOMERS[20:23])
CUSTOMERS_WITH_OWN_ACCOUNT = frozenset({"CHERRYDENT001", "STAPLETON001"})
CUSTOMER_INACTIVE = "OLDMILL001"  # nobody the town knows
VENDOR_INACTIVE = "DEFUNCT0001"
VENDOR_ON_HOLD = "HOMEDEPOT0001"

CLOSED_BEFORE_MARCH = frozenset({Series.FINANCIAL, Series.SALES, Series.PURCHASING})


def furnish(this_year: int = YEAR_OF_THE_MONTH) -> Tables:
    """Chart of accounts, fiscal periods, parties, classes and tax details; no documents yet. The fiscal years are 2025 and
    2026, and those that have begun since."""
    tables = Tables(
        CompanySetup(
            database=town.COMPANY_DATABASE,
            name=town.COMPANY_NAME,
            id=town.COMPANY_NUMBER,
            currency="USD",
            separator="-",
            segments=(
                Segment(1, "Division", 3, is_main=False),
                Segment(2, "Main", 4, is_main=True),
                Segment(3, "Department", 2, is_main=False),
            ),
            receivables_account=RECEIVABLES_ACCOUNT,
            payables_account=PAYABLES_ACCOUNT,
            sales_account=SALES_ACCOUNT,
            purchases_account=PURCHASES_ACCOUNT,
        )
    )
    tables.accounts = {account.number: account for account in _accounts()}
    tables.periods = {(period.year, period.number): period for period in _periods(max(this_year, YEAR_OF_THE_MONTH))}
    tables.customer_classes = {
        name: PartyClass(id_char(name, CLASS_WIDTH), char(description, 31), RECEIVABLES_ACCOUNT)
        for name, description in (("RESIDENTIAL", "Residential customers"), ("COMMERCIAL", "Commercial customers"))
    }
    tables.vendor_classes = {
        "TRADE": PartyClass(id_char("TRADE", CLASS_WIDTH), char("Trade vendors", 31), PAYABLES_ACCOUNT)
    }
    tables.customers = {key(customer.id): customer for customer in _customers()}
    tables.vendors = {key(vendor.id): vendor for vendor in _vendors()}
    tables.tax_details = {key(detail.id): detail for detail in _tax_details()}
    return tables


def _accounts() -> list[Account]:
    balance_sheet = {**town.BALANCE_SHEET, "1210": "Accounts Receivable - Commercial"}
    departments = dict.fromkeys((unit.division, unit.department) for unit in town.BUSINESS_UNITS)
    return [
        *(
            Account(f"000-{main}-00", name, True, f"000-{main}-00" != NO_ENTRY_ACCOUNT, "BalanceSheet")
            for main, name in sorted(balance_sheet.items())
        ),
        *(
            Account(number, name, number != town.INACTIVE_ACCOUNT, True, "ProfitAndLoss")
            for main, name in town.PROFIT_AND_LOSS.items()
            for division, department in departments
            for number in [f"{division}-{main}-{department}"]
        ),
    ]


def _periods(last_year: int) -> list[Period]:
    def closed(year: int, month: int) -> frozenset[Series]:
        if year == 2025:
            return frozenset(Series)
        return CLOSED_BEFORE_MARCH if (year, month) < (YEAR_OF_THE_MONTH, 3) else frozenset()

    return [
        Period(
            year=year,
            number=month,
            name=f"Period {month}",
            first=date(year, month, 1),
            last=date(year, month, calendar.monthrange(year, month)[1]),
            historical=year == 2025,
            closed=closed(year, month),
        )
        for year in range(2025, last_year + 1)
        for month in range(1, 13)
    ]


def _customers() -> list[Customer]:
    def card(gp_id: str, name: str, class_id: str, active: bool = True) -> Customer:
        over = gp_id == CUSTOMER_OVER_LIMIT
        return Customer(
            id=id_char(gp_id, PARTY_WIDTH),
            name=char(name[:NAME_LENGTH], NAME_WIDTH),
            class_id=id_char("" if gp_id in CUSTOMERS_WITHOUT_CLASS else class_id, CLASS_WIDTH),
            account=RECEIVABLES_COMMERCIAL if gp_id in CUSTOMERS_WITH_OWN_ACCOUNT else "",
            active=active,
            on_hold=gp_id == CUSTOMER_ON_HOLD,
            credit_limit=Decimal("500.00") if over else None,
            balance=Decimal("612.40") if over else ZERO,
            modified=SET_UP_ON,
        )

    return [
        *(card(customer.gp_id, customer.name, customer.type.upper()) for customer in town.CUSTOMERS),
        card(CUSTOMER_INACTIVE, "Old Mill Apartments (moved away)", "COMMERCIAL", active=False),
    ]


def _vendors() -> list[Vendor]:
    def card(gp_id: str, name: str, is_1099: bool, active: bool = True) -> Vendor:
        return Vendor(
            id=id_char(gp_id, PARTY_WIDTH),
            name=char(name[:NAME_LENGTH], NAME_WIDTH),
            class_id=id_char("TRADE", CLASS_WIDTH),
            account="",
            active=active,
            on_hold=gp_id == VENDOR_ON_HOLD,
            is_1099=is_1099,
            modified=SET_UP_ON,
        )

    neighbours = (*town.VENDORS, town.VENDOR_1099_WITHOUT_RULE)
    return [
        *(card(vendor.gp_id, vendor.name, vendor.is_1099) for vendor in neighbours),
        card(VENDOR_INACTIVE, "Defunct Fittings Co.", is_1099=False, active=False),
    ]


def _tax_details() -> list[TaxDetail]:
    authorities = {authority.detail: authority for zone in town.TAX_ZONES for authority in zone.authorities}
    return [
        TaxDetail(
            id=id_char(detail, TAX_DETAIL_WIDTH),
            description=char(authority.name, 31),
            rate=authority.rate * 100,
            account=f"000-{authority.liability}-00",
        )
        for detail, authority in authorities.items()
    ]
