"""The town: the contractor, its branches, trade, suppliers and neighbours, and how GP's books are laid out for it.

Both sandboxes are furnished from this page, so that a customer of ServiceTitan is a customer of GP under another
name. Nothing here is random; what happened in a month is drawn, with a seed, in `month`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from decimal import Decimal

TENANT_ID = 4201
TENANT_TIME_ZONE = "America/Denver"
COMPANY_DATABASE = "FRMEC"
COMPANY_NAME = "Front Range Mechanical, Inc."
COMPANY_NUMBER = 7


@dataclass(frozen=True, slots=True)
class BusinessUnit:
    id: int
    name: str
    trade: str
    division: str  # GP segment 1
    department: str  # GP segment 3
    sales_account: int  # id of a ServiceTitan GL account
    cost_account: int


@dataclass(frozen=True, slots=True)
class GlAccount:
    """A general-ledger account as ServiceTitan keeps it."""

    id: int
    number: str
    name: str
    type: str
    detail_type: str


@dataclass(frozen=True, slots=True)
class Authority:
    """One tax of a zone. `detail` is GP's tax detail id, `liability` GP's main account."""

    id: int
    name: str
    rate: Decimal
    detail: str
    liability: str


@dataclass(frozen=True, slots=True)
class TaxZone:
    id: int
    name: str
    authorities: tuple[Authority, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A pricebook item. `labor` items are services; the others are stocked and cost money."""

    id: int
    code: str
    name: str
    type: str  # ServiceTitan: Service | Material | Equipment | PriceModifier
    trade: str
    price: Decimal
    cost: Decimal
    taxable: bool


@dataclass(frozen=True, slots=True)
class Customer:
    id: int
    name: str
    type: str  # Residential | Commercial
    street: str
    city: str
    zip: str
    tax_zone: int
    gp_id: str

    @property
    def phone(self) -> str:
        """Ten digits."""
        return f"303{550 + self.id // 100_000 % 10}{self.id % 10_000:04d}"

    @property
    def email(self) -> str:
        """ "" of those who never gave one."""
        if self.id % 4 == 0:
            return ""
        words = (
            unicodedata.normalize("NFKD", self.name).encode("ascii", "ignore").decode().lower().replace(",", "").split()
        )
        return f"{'.'.join(words[:2])}@example.com"


@dataclass(frozen=True, slots=True)
class Vendor:
    id: int
    name: str
    city: str
    state: str
    gp_id: str
    is_1099: bool

    @property
    def phone(self) -> str:
        """Ten digits."""
        return f"303{550 + self.id // 100_000 % 10}{self.id % 10_000:04d}"


BUSINESS_UNITS = (
    BusinessUnit(319, "HVAC - Service", "HVAC", "100", "02", 411, 511),
    BusinessUnit(320, "HVAC - Install", "HVAC", "100", "03", 412, 511),
    BusinessUnit(321, "Plumbing - Service", "Plumbing", "200", "02", 421, 521),
    BusinessUnit(322, "Plumbing - Install", "Plumbing", "200", "03", 422, 521),
    BusinessUnit(323, "Electrical - Service", "Electrical", "300", "02", 431, 531),
)

GL_ACCOUNTS = (
    GlAccount(411, "4110", "HVAC Service Sales", "Income", "Income"),
    GlAccount(412, "4120", "HVAC Installation Sales", "Income", "Income"),
    GlAccount(421, "4210", "Plumbing Service Sales", "Income", "Income"),
    GlAccount(422, "4220", "Plumbing Installation Sales", "Income", "Income"),
    GlAccount(431, "4310", "Electrical Service Sales", "Income", "Income"),
    GlAccount(451, "4510", "Maintenance Agreements", "Income", "Income"),
    GlAccount(491, "4910", "Discounts Given", "Income", "Income"),
    GlAccount(511, "5110", "Materials - HVAC", "Cost of Goods Sold", "Expense"),
    GlAccount(521, "5210", "Materials - Plumbing", "Cost of Goods Sold", "Expense"),
    GlAccount(531, "5310", "Materials - Electrical", "Cost of Goods Sold", "Expense"),
    GlAccount(131, "1310", "Inventory - Warehouse", "Other Current Asset", "Inventory"),
)

_STATE = Authority(1, "Colorado", Decimal("0.029"), "CO-STATE", "2210")
_RTD = Authority(2, "RTD & Cultural", Decimal("0.011"), "CO-RTD", "2211")
TAX_ZONES = (
    TaxZone(55, "Denver", (_STATE, _RTD, Authority(3, "Denver", Decimal("0.0481"), "CO-DENVER", "2212"))),
    TaxZone(56, "Aurora", (_STATE, _RTD, Authority(4, "Aurora", Decimal("0.0375"), "CO-AURORA", "2213"))),
)


def _item(id: int, code: str, name: str, type: str, trade: str, price: str, cost: str, taxable: bool) -> Item:
    return Item(id, code, name, type, trade, Decimal(price), Decimal(cost), taxable)


ITEMS = (
    _item(7001, "AC-TUNE", "A/C precision tune-up", "Service", "HVAC", "149.00", "0", False),
    _item(7002, "FURN-TUNE", "Furnace safety inspection", "Service", "HVAC", "129.00", "0", False),
    _item(7003, "DIAG-HVAC", "Diagnostic visit, heating and cooling", "Service", "HVAC", "89.00", "0", False),
    _item(7004, "DUCT-SEAL", "Duct sealing, per branch", "Service", "HVAC", "214.50", "0", False),
    _item(7011, "DRAIN-MAIN", "Main line cleared with camera inspection", "Service", "Plumbing", "389.00", "0", False),
    _item(7012, "LEAK-REPAIR", "Leak located and repaired", "Service", "Plumbing", "275.00", "0", False),
    _item(7013, "WH-FLUSH", "Water heater flush & inspection", "Service", "Plumbing", "119.00", "0", False),
    _item(7021, "PANEL-INSP", "Electrical panel inspection", "Service", "Electrical", "165.00", "0", False),
    _item(7022, "CIRCUIT-ADD", "Dedicated circuit, up to 50 ft", "Service", "Electrical", "540.00", "0", False),
    _item(8001, "R410A-LB", "R-410A refrigerant, per lb", "Material", "HVAC", "112.83", "41.20", True),
    _item(8002, "CAP-45-5", "Dual run capacitor 45/5 µF", "Material", "HVAC", "186.00", "18.47", True),
    _item(8003, "FILTER-16", "Media filter 16x25x4", "Material", "HVAC", "64.95", "23.10", True),
    _item(8004, "IGNITER-SN", "Silicon nitride igniter", "Material", "HVAC", "238.00", "46.85", True),
    _item(8011, "PEX-34", 'PEX tubing 3/4", per ft', "Material", "Plumbing", "6.37", "1.19", True),
    _item(8012, "BALLVALVE", "Full-port ball valve", "Material", "Plumbing", "58.00", "14.62", True),
    _item(8013, "WAXRING", "Wax ring with flange", "Material", "Plumbing", "24.00", "4.05", True),
    _item(8021, "BREAKER-20", "20 A arc-fault breaker", "Material", "Electrical", "96.00", "47.33", True),
    _item(8022, "ROMEX-12", "12/2 cable, per ft", "Material", "Electrical", "2.89", "0.83", True),
    _item(9001, "AC-3TON-16", "3-ton 16 SEER2 condenser and coil", "Equipment", "HVAC", "6480.00", "3185.40", True),
    _item(9002, "FURN-80K", "80,000 BTU two-stage furnace", "Equipment", "HVAC", "4125.00", "1896.75", True),
    _item(9011, "WH-50-GAS", "50 gal gas water heater", "Equipment", "Plumbing", "1895.00", "742.18", True),
    _item(9012, "SUMP-12", "1/2 hp sump pump", "Equipment", "Plumbing", "684.00", "231.90", True),
    _item(6001, "DISC-SENIOR", "Senior discount", "PriceModifier", "", "-25.00", "0", False),
    _item(6002, "DISC-10", "Ten percent seasonal offer", "PriceModifier", "", "-40.00", "0", True),
)
UNMAPPED_ITEM = _item(7099, "SMART-SETUP", "Smart home set-up", "Service", "Electrical", "199.00", "0", False)

_SURNAMES = (
    "Smith Jones Garcia Nguyen Miller Davis Lopez Wilson Anderson Thomas Taylor Moore Jackson Martin Lee Perez White "
    "Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Hill Flores Green Adams "
    "Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker Cruz Edwards"
).split()
_GIVEN = "Maria John Linda David Susan Carlos Emily Robert Anna James Hannah Peter".split()
_STREETS = ("Larimer St", "Colfax Ave", "Iliff Ave", "Havana St", "Downing St", "Peoria St", "Alameda Ave")


def _neighbours() -> tuple[Customer, ...]:
    households = []
    for i in range(110):
        surname, given = _SURNAMES[i % len(_SURNAMES)], _GIVEN[(i * 5 + i // len(_SURNAMES)) % len(_GIVEN)]
        aurora = i % 3 == 2
        households.append(
            Customer(
                id=5_500_101 + i,
                name=f"{given} {surname}",
                type="Residential",
                street=f"{1200 + 37 * i} {_STREETS[i % len(_STREETS)]}",
                city="Aurora" if aurora else "Denver",
                zip="80012" if aurora else "80205",
                tax_zone=56 if aurora else 55,
                gp_id=f"{surname[:8].upper()}{i // len(_SURNAMES) + 1:03d}",
            )
        )
    firms = (
        ("Cherry Creek Dental Group", "CHERRYDENT001", 55),
        ("Mile High Brewing Co.", "MILEHIGHBR001", 55),
        ("Aurora Public Schools, Facilities & Construction Management Department", "AURORASCH001", 56),
        ("Café Zürich & Bäckerei GmbH", "CAFEZURICH001", 55),
        ("Peña Boulevard Storage", "PENASTORAGE01", 56),
        ("First Lutheran Church", "FIRSTLUTH001", 55),
        ("Łukasz Żółtowski Fine Woodworking", "ZOLTOWSKI001", 55),
        ("Stapleton Property Partners, LLC, as agent for 2300 Syracuse Street Condominium", "STAPLETON001", 56),
    )
    businesses = [
        Customer(5_600_001 + i, name, "Commercial", f"{400 + 12 * i} Market St", "Denver", "80202", zone, gp_id)
        for i, (name, gp_id, zone) in enumerate(firms)
    ]
    return (*households, *businesses)


CUSTOMERS = _neighbours()
CUSTOMER_UNKNOWN_TO_GP = Customer(
    5_700_001, "Newcomer Yoga Studio", "Commercial", "88 Tennyson St", "Denver", "80212", 55, ""
)

VENDORS = (
    Vendor(1_724_801, "Ferguson Supply", "Denver", "CO", "FERGUSON0001", False),
    Vendor(1_724_802, "Johnstone Supply #112", "Denver", "CO", "JOHNSTONE0001", False),
    Vendor(1_724_803, "Winsupply of Aurora", "Aurora", "CO", "WINSUPPLY0001", False),
    Vendor(1_724_804, "Rexel Electric", "Commerce City", "CO", "REXEL0001", False),
    Vendor(1_724_805, "Home Depot Pro", "Denver", "CO", "HOMEDEPOT0001", False),
    Vendor(1_724_806, "Martinez Sheet Metal (subcontractor)", "Lakewood", "CO", "MARTINEZ0001", True),
)
VENDOR_UNKNOWN_TO_GP = Vendor(1_724_899, "Bob's Surplus Pipe", "Pueblo", "CO", "", False)
VENDOR_1099_WITHOUT_RULE = Vendor(1_724_807, "O'Brien Crane Service", "Golden", "CO", "OBRIENCRN001", True)

# GP's books: Division (3) - Main (4) - Department (2). The pairs below are the departments of BUSINESS_UNITS.
BALANCE_SHEET = {
    "1100": "Cash - Operating",
    "1200": "Accounts Receivable",
    "1310": "Inventory - Warehouse",
    "2100": "Accounts Payable",
    "2210": "Sales Tax Payable - Colorado",
    "2211": "Sales Tax Payable - RTD",
    "2212": "Sales Tax Payable - Denver",
    "2213": "Sales Tax Payable - Aurora",
    "2310": "Deferred Revenue - Maintenance Agreements",
}
PROFIT_AND_LOSS = {
    "4110": "Service Sales - HVAC",
    "4120": "Installation Sales - HVAC",
    "4210": "Service Sales - Plumbing",
    "4220": "Installation Sales - Plumbing",
    "4310": "Service Sales - Electrical",
    "4910": "Sales Discounts",
    "5110": "Cost of Sales - HVAC Materials",
    "5210": "Cost of Sales - Plumbing Materials",
    "5310": "Cost of Sales - Electrical Materials",
    "5900": "Freight-in",
}
INACTIVE_ACCOUNT = "300-4910-02"
