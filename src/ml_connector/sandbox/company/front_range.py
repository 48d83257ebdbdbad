"""The books of Front Range Mechanical, furnished from the town before the first document is entered."""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ml_connector.sandbox import town
from ml_connector.sandbox.company.card_records import CardT, Customer, PartyClass, Vendor, as_kept
from ml_connector.sandbox.company.records import (
    CLASS_WIDTH,
    TAX_DETAIL_WIDTH,
    ZERO,
    Account,
    CompanySetup,
    Period,
    Segment,
    Series,
    Tables,
    TaxDetail,
    char,
    id_char,
    key,
)
from ml_connector.sandbox.neighbourhood import Card as Neighbour
from ml_connector.sandbox.neighbourhood import Neighbourhood

SET_UP_ON = date(2026, 1, 2)
NAME_LENGTH = 64
ADDRESS_CODE = "PRIMARY"
TERMS = ("Due on receipt", "Net 30", "Net 45")
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


def furnish(this_year: int = YEAR_OF_THE_MONTH, neighbourhood: Neighbourhood | None = None) -> Tables:
    """Chart of accounts, fiscal periods, parties, classes, terms and tax details; no documents yet. The fiscal years are
    2025 and 2026, and those that have begun since."""
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
        name: PartyClass(id_char(name, CLASS_WIDTH), char(description, 31), RECEIVABLES_ACCOUNT, terms)
        for name, description, terms in (
            ("RESIDENTIAL", "Residential customers", "Due on receipt"),
            ("COMMERCIAL", "Commercial customers", "Net 30"),
        )
    }
    tables.vendor_classes = {
        "TRADE": PartyClass(id_char("TRADE", CLASS_WIDTH), char("Trade vendors", 31), PAYABLES_ACCOUNT, "Net 30")
    }
    tables.terms = {key(terms): terms for terms in TERMS}
    around = neighbourhood or Neighbourhood(0, 0)
    customers = [*_customers(), *(_neighbour(Customer, card) for card in around.customers.books)]
    vendors = [*_vendors(), *(_neighbour(Vendor, card) for card in around.vendors.books)]
    tables.customers = {key(it.id): it for it in customers}
    tables.vendors = {key(it.id): it for it in vendors}
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
    def card(gp_id: str, name: str, class_id: str, active: bool = True, **place: Any) -> Customer:
        over = gp_id == CUSTOMER_OVER_LIMIT
        customer = Customer(
            id=gp_id,
            name=name[:NAME_LENGTH],
            class_id="" if gp_id in CUSTOMERS_WITHOUT_CLASS else class_id,
            account=RECEIVABLES_COMMERCIAL if gp_id in CUSTOMERS_WITH_OWN_ACCOUNT else "",
            active=active,
            on_hold=gp_id == CUSTOMER_ON_HOLD,
            terms="Net 30" if class_id == "COMMERCIAL" else "Due on receipt",
            credit_limit=Decimal("500.00") if over else None,
            balance=Decimal("612.40") if over else ZERO,
            created=SET_UP_ON,
            modified=SET_UP_ON,
        )
        return as_kept(replace(customer, **place))

    return [
        *(card(it.gp_id, it.name, it.type.upper(), **_at(it)) for it in town.CUSTOMERS),
        card(CUSTOMER_INACTIVE, "Old Mill Apartments (moved away)", "COMMERCIAL", active=False),
    ]


def _at(customer: town.Customer) -> dict[str, Any]:
    return {
        "address_code": ADDRESS_CODE,
        "line1": customer.street,
        "city": customer.city,
        "state": "CO",
        "zip": customer.zip,
        "country": "USA",
        "phone1": f"{customer.phone}0000",
        "email": customer.email,
        "tax_id": f"CO-{customer.id % 100_000:05d}" if customer.type == "Commercial" else "",
        "comment": "Gate code at the office",
    }


def _vendors() -> list[Vendor]:
    def card(gp_id: str, name: str, is_1099: bool, active: bool = True, **place: Any) -> Vendor:
        vendor = Vendor(
            id=gp_id,
            name=name[:NAME_LENGTH],
            class_id="TRADE",
            active=active,
            on_hold=gp_id == VENDOR_ON_HOLD,
            is_1099=is_1099,
            terms="Net 30",
            created=SET_UP_ON,
            modified=SET_UP_ON,
        )
        return as_kept(replace(vendor, **place))

    neighbours = (*town.VENDORS, town.VENDOR_1099_WITHOUT_RULE)
    return [
        *(card(it.gp_id, it.name, it.is_1099, **_of_vendor(it)) for it in neighbours),
        card(VENDOR_INACTIVE, "Defunct Fittings Co.", is_1099=False, active=False),
    ]


def _of_vendor(vendor: town.Vendor) -> dict[str, Any]:
    return {
        "address_code": ADDRESS_CODE,
        "line1": f"{vendor.id % 1000} Market St",
        "city": vendor.city,
        "state": vendor.state,
        "zip": "80216",
        "country": "USA",
        "phone1": f"{vendor.phone}0000",
        "email": "ap@example.com",
        "tax_id": f"84-{vendor.id}",
        "comment": "Remit by cheque",
    }


def _neighbour(of: type[CardT], it: Neighbour) -> CardT:
    day = date(2024, 1, 1) + timedelta(days=it.since)
    phones = (*it.phones, "", "", "")
    card = of(
        id=it.id,
        name=it.name,
        class_id=it.type,
        active=it.active,
        address_code=ADDRESS_CODE if it.street or it.phones or it.emails else "",
        line1=it.street,
        line2=it.unit,
        city=it.city,
        state=it.state,
        zip=it.zip,
        country="USA" if it.street else "",
        phone1=phones[0],
        phone2=phones[1],
        phone3=phones[2],
        email="".join(it.emails[:1]),
        tax_id=it.tax_id,
        terms=it.terms,
        user1=it.counterpart,
        created=day,
        modified=day,
    )
    return as_kept(card)


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
