"""The rulebook as tables of text, exactly as the customer keeps them: what is versioned, imported and exported.

`rulebook.read` makes rules of them; nothing is lost on the way in or out, because these tables are what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

SEGMENT = re.compile(r"segment [A-Za-z][A-Za-z ]*\Z")  # "segment Department": a value for that segment of an account


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    meaning: str  # shown as the header's note in the workbook, and in docs/rulebook.md
    required: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a table may have. `segments` admits further columns named "segment <name>"."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    segments: bool = False

    def column(self, name: str) -> Column | None:
        known = next((column for column in self.columns if column.name == name), None)
        if known is None and self.segments and SEGMENT.match(name):
            return Column(name, "a value for this segment of the account")
        return known


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `number` is the row in the sheet or file as a person counts it: the header is row 1."""

    number: int
    cells: Mapping[str, str]  # by column; blank cells are left out; trimmed

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[str, ...]  # in the customer's order, which breaks ties between account rules
    rows: tuple[Row, ...] = field(default=())


Tables = Mapping[str, Table]

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        "Companies",
        "The GP companies that this ServiceTitan tenant feeds.",
        (
            Column("company", "your short name for it, used in the other tables", required=True),
            Column("gp_company", "the company's database name in GP", required=True),
            Column("currency", "USD or CAD", required=True),
            Column("account_format", "segments with their lengths: Division 3, Main 4, Department 2", required=True),
            Column("main_segment", "which segment is the main account", required=True),
            Column("receivables_account", "used where neither the GP customer nor its class has one", required=True),
            Column("payables_account", "used where neither the GP vendor nor its class has one", required=True),
            Column("cut_over", "the first document date we enter: 2026-03-01"),
            Column("receivables_posting_date", "where GP takes it from for receivables: transaction or batch"),
            Column("payables_posting_date", "where GP takes it from for payables: transaction or batch"),
        ),
    ),
    Layout(
        "Business units",
        "Each ServiceTitan business unit: its company, its department, and its summary customer if it has one.",
        (
            Column("business_unit", "the ServiceTitan name or id", required=True),
            Column("company", "a company of the first table", required=True),
            Column("summary_customer", "enter all its invoices under this one GP customer"),
        ),
        segments=True,
    ),
    Layout(
        "Accounts",
        "Which account a line goes to. A blank cell matches anything; the row with more filled cells wins, then the "
        "order of the columns.",
        (
            Column("purpose", "revenue, discount, cost, asset, bill tax or freight"),
            Column("account_number", "the ServiceTitan GL account's number"),
            Column("account_name", "the ServiceTitan GL account's name"),
            Column("item_code", "the ServiceTitan item (SKU)"),
            Column("item_type", "Service, Material, Equipment or PriceModifier"),
            Column("configuration", "JobInvoice, ProjectInvoice, CounterSales, ..."),
            Column("job_type", "the job type's name"),
            Column("job_number", "one job"),
            Column("project", "the project's number"),
            Column("job_tag", "a tag on the job"),
            Column("budget_code", "the budget (cost) code's id"),
            Column("business_unit", "the ServiceTitan name or id"),
            Column("customer_type", "Residential or Commercial"),
            Column("tax_zone", "the tax zone's name or id"),
            Column("account", "result: a full GP account, 100-4110-02"),
            Column("main", "result: a main account; the other segments come from this row or the business unit"),
        ),
        segments=True,
    ),
    Layout(
        "Customers",
        "The crosswalk: which GP customer a ServiceTitan customer is.",
        (
            Column("servicetitan_id", "the ServiceTitan customer's id", required=True),
            Column("name", "for the reader; never used to match"),
            Column("gp_customer", "the GP customer id", required=True),
        ),
    ),
    Layout(
        "Vendors",
        "The crosswalk: which GP vendor a ServiceTitan vendor is, and what share of its bills is 1099 income.",
        (
            Column("servicetitan_id", "the ServiceTitan vendor's id", required=True),
            Column("name", "for the reader; never used to match"),
            Column("gp_vendor", "the GP vendor id", required=True),
            Column("share_1099", "share of a bill that is 1099 income: 100%, 60%, 0%"),
        ),
    ),
    Layout(
        "Party defaults",
        "What a customer or vendor gets that is created in GP; the row with more filled cells wins.",
        (
            Column("role", "customer or vendor", required=True),
            Column("company", "blank: in all companies"),
            Column("type", "Residential or Commercial; blank: any"),
            Column("gp_class", "the GP class id, which must exist", required=True),
            Column("terms", "the GP payment terms id; blank: the class's"),
            Column("address_code", "the GP address id of the main address; blank: PRIMARY"),
        ),
    ),
    Layout(
        "Party fields",
        "Which side has the last word about a field of a bound customer or vendor. A field without a row is not aligned.",
        (
            Column("role", "customer or vendor", required=True),
            Column("field", "name, address, phone, mail, terms or active", required=True),
            Column("owner", "ServiceTitan, GP, either or none", required=True),
            Column("both_edited", "owner wins, or hold; of 'either' it is always hold"),
        ),
    ),
    Layout(
        "Taxes",
        "Each rate of each ServiceTitan tax zone: GP's tax detail and the liability account.",
        (
            Column("tax_zone", "the ServiceTitan tax zone's name or id", required=True),
            Column("rate", "the rate's name within the zone", required=True),
            Column("tax_detail", "GP's tax detail id", required=True),
            Column("account", "the full GP account of the liability", required=True),
            Column("takes_the_cent", "yes on the one rate of a zone that takes the cent left by splitting"),
        ),
    ),
    Layout(
        "Options",
        "Everything else that you decide; docs/rulebook.md lists each with its values and default.",
        (
            Column("option", "the option's name", required=True),
            Column("company", "blank: for all companies"),
            Column("value", "the option's value", required=True),
        ),
    ),
)

BY_NAME: Mapping[str, Layout] = {layout.name: layout for layout in LAYOUTS}
