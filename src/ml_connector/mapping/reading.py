"""Make a rulebook of the customer's tables, or say everything that is wrong with them. Nothing is half applied."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import TypeVar

from ml_connector.books.account import AccountFormat, AccountNumber
from ml_connector.books.posting import PostingDateSource
from ml_connector.findings import Finding
from ml_connector.mapping.options import OPTION_BY_NAME, Options
from ml_connector.mapping.rulebook import (
    AccountRule,
    BusinessUnitRule,
    CompanyRule,
    CustomerRule,
    PartyDefault,
    Rulebook,
    TaxRule,
    VendorRule,
    fold,
)
from ml_connector.mapping.tables import BY_NAME, Row, Table, Tables
from ml_connector.money import Currency
from ml_connector.parties.ownership import Field, FieldRule, Owner
from ml_connector.parties.party import Role

T = TypeVar("T")

PURPOSES = ("revenue", "discount", "cost", "asset", "bill tax", "freight")
RESULTS = ("account", "main")  # columns of Accounts that are not matched on
_YES, _NO = ("yes", "y", "x", "true"), ("", "no", "n", "false")
_LONGEST_ID = 15  # customers, vendors and tax details (eConnect schema)
_FORMAT = re.compile(r"\s*([A-Za-z][A-Za-z ]*?)\s+(\d+)\s*\Z")


def read(tables: Tables) -> Rulebook | tuple[Finding, ...]:
    """The rulebook, or every finding: table, row, column, what is wrong, and what to write instead."""
    reader = _Reader()
    companies = {rule.company: rule for rule in reader.companies(_rows(tables, "Companies"))}
    if not companies and not reader.findings:
        reader.complain("Companies", 1, "company", "no company is named", "add a row for each GP company")
    units = reader.business_units(_rows(tables, "Business units"), companies)
    accounts = list(reader.accounts(tables.get("Accounts", Table("Accounts", ())), companies))
    customers = reader.crosswalk("Customers", _rows(tables, "Customers"), "gp_customer")
    vendors = reader.crosswalk("Vendors", _rows(tables, "Vendors"), "gp_vendor")
    columns = tuple(c for c in tables["Accounts"].columns if _is_match(c)) if "Accounts" in tables else ()
    rulebook = Rulebook(
        companies=companies,
        business_units=units,
        accounts=tuple(accounts),
        account_columns=columns,
        customers={id: CustomerRule(row.number, row["gp_customer"].upper()) for id, row in customers.items()},
        vendors={
            id: VendorRule(row.number, row["gp_vendor"].upper(), reader.share(row)) for id, row in vendors.items()
        },
        taxes=reader.taxes(_rows(tables, "Taxes"), companies),
        options=Options(reader.options(_rows(tables, "Options"), companies)),
        party_defaults=tuple(reader.party_defaults(_rows(tables, "Party defaults"), companies)),
        party_fields=reader.party_fields(_rows(tables, "Party fields")),
    )
    reader.twins(accounts, columns)
    return tuple(reader.findings) if reader.findings else rulebook


def _rows(tables: Tables, name: str) -> tuple[Row, ...]:
    table = tables.get(name)
    return table.rows if table else ()


def _is_match(column: str) -> bool:
    return column not in RESULTS and not column.startswith("segment ")


@dataclass(slots=True)
class _Reader:
    """Reads rows and gathers findings; a row with a finding gives no rule."""

    findings: list[Finding] = field(default_factory=list)
    named: set[str] = field(default_factory=set)  # companies, those with findings of their own among them

    def complain(self, table: str, row: int, column: str, says: str, remedy: str) -> None:
        where = f"table {table}, row {row}, column {column}"
        self.findings.append(
            Finding("rulebook.wrong", where, says, f"In the rulebook, {remedy}; then import it again.")
        )

    def companies(self, rows: Iterable[Row]) -> Iterator[CompanyRule]:
        for row in rows:
            before, twice = len(self.findings), row["company"] in self.named
            self.named.add(row["company"])
            if not self._complete("Companies", row):
                continue
            if twice:
                self.complain("Companies", row.number, "company", f"'{row['company']}' stands twice", "keep one row")
            read = _Cell(self, "Companies", row)
            currency = read("currency", lambda text: Currency[text.upper()], "write USD or CAD")
            form = read("account_format", partial(_format, row["main_segment"]), _FORMAT_HELP)
            receivables = self._account("Companies", row, "receivables_account", form)
            payables = self._account("Companies", row, "payables_account", form)
            cut_over = read("cut_over", date.fromisoformat, "write a date as 2026-03-01") if row["cut_over"] else None
            sources = [
                read(column, lambda t: PostingDateSource(t.lower()), "write transaction or batch")
                if row[column]
                else None
                for column in ("receivables_posting_date", "payables_posting_date")
            ]
            if len(self.findings) > before or not (currency and form and receivables and payables):
                continue
            yield CompanyRule(
                row["company"], row["gp_company"], currency, form, receivables, payables, cut_over, *sources
            )

    def business_units(self, rows: Iterable[Row], companies: dict[str, CompanyRule]) -> dict[str, BusinessUnitRule]:
        rules: dict[str, BusinessUnitRule] = {}
        for row in rows:
            if not self._complete("Business units", row):
                continue
            key = fold(row["business_unit"])
            if key in rules:
                text = f"'{row['business_unit']}' stands twice"
                self.complain("Business units", row.number, "business_unit", text, "keep one row")
            company = self._company("Business units", row, companies)
            segments = self._segments("Business units", row, companies[company]) if company in companies else {}
            customer = row["summary_customer"].upper()
            self._short_enough("Business units", row, "summary_customer")
            rules[key] = BusinessUnitRule(row["business_unit"], company, segments, customer)
        return rules

    def accounts(self, table: Table, companies: dict[str, CompanyRule]) -> Iterator[AccountRule]:
        formats = [rule.account_format for rule in companies.values()]
        for row in table.rows:
            matches = {column: fold(text) for column, text in row.cells.items() if _is_match(column)}
            if not matches:
                text = "no cell says what the row matches, so it would match every line"
                self.complain("Accounts", row.number, "account_number", text, "fill at least one match column")
            purpose = matches.get("purpose", "revenue")
            if purpose not in PURPOSES:
                self.complain(
                    "Accounts", row.number, "purpose", f"'{purpose}' is no purpose", f"write {_one_of(PURPOSES)}"
                )
            if bool(row["account"]) == bool(row["main"]):
                text = "both account and main are filled" if row["account"] else "neither account nor main is filled"
                self.complain("Accounts", row.number, "account", text, "fill exactly one of the two")
                continue
            account = AccountNumber.parse(row["account"].upper()) if row["account"] else None
            if account:
                self._fits_a_company("Accounts", row, account, companies)
            if row["main"] and formats and all(len(row["main"]) != _main_length(form) for form in formats):
                text = f"'{row['main']}' is not {_main_length(formats[0])} characters long"
                self.complain(
                    "Accounts",
                    row.number,
                    "main",
                    text,
                    f"write the main segment alone, {_main_length(formats[0])} characters",
                )
            segments = self._segments_of_any("Accounts", row, companies)
            yield AccountRule(row.number, matches, account, row["main"].upper(), segments)

    def twins(self, rules: list[AccountRule], columns: tuple[str, ...]) -> None:
        """Two rows that fill the same columns with the same values can both match, and neither goes first."""
        seen: dict[tuple[tuple[str, str], ...], int] = {}
        for rule in rules:
            key = tuple(sorted(rule.matches.items()))
            if key in seen:
                text = f"it matches exactly what row {seen[key]} matches"
                self.complain("Accounts", rule.row, columns[0] if columns else "account", text, "delete one of the two")
            seen.setdefault(key, rule.row)

    def crosswalk(self, table: str, rows: Iterable[Row], result: str) -> dict[int, Row]:
        rules: dict[int, Row] = {}
        for row in rows:
            if not self._complete(table, row):
                continue
            text = row["servicetitan_id"]
            if not text.isdecimal():
                self.complain(table, row.number, "servicetitan_id", f"'{text}' is no id", "write the number alone")
                continue
            if int(text) in rules:
                self.complain(table, row.number, "servicetitan_id", f"{text} stands twice", "keep one row")
            self._short_enough(table, row, result)
            rules[int(text)] = row
        return rules

    def share(self, row: Row) -> Decimal | None:
        if not row["share_1099"]:
            return None
        return _Cell(self, "Vendors", row)("share_1099", _percent, "write a share from 0% to 100%")

    def taxes(self, rows: Iterable[Row], companies: dict[str, CompanyRule]) -> dict[tuple[str, str], TaxRule]:
        rules: dict[tuple[str, str], TaxRule] = {}
        takers: dict[str, int] = {}
        for row in rows:
            if not self._complete("Taxes", row):
                continue
            zone, key = fold(row["tax_zone"]), (fold(row["tax_zone"]), fold(row["rate"]))
            takes = row["takes_the_cent"].casefold() in _YES
            if not takes and row["takes_the_cent"].casefold() not in _NO:
                text = f"'{row['takes_the_cent']}' is neither yes nor no"
                self.complain("Taxes", row.number, "takes_the_cent", text, "write yes, or leave the cell blank")
            self._short_enough("Taxes", row, "tax_detail")
            if key in rules:
                self.complain("Taxes", row.number, "rate", "this rate stands twice in its zone", "keep one row")
            if takes and zone in takers:
                text = f"row {takers[zone]} takes the cent of this zone already"
                self.complain("Taxes", row.number, "takes_the_cent", text, "write yes in one row of each zone")
            takers |= {zone: row.number} if takes else {}
            detail, account = row["tax_detail"].upper(), AccountNumber.parse(row["account"].upper())
            self._fits_a_company("Taxes", row, account, companies)
            rules[key] = TaxRule(row.number, detail, account, takes)
        return rules

    def options(self, rows: Iterable[Row], companies: dict[str, CompanyRule]) -> dict[tuple[str, str], str]:
        given: dict[tuple[str, str], str] = {}
        for row in rows:
            if not self._complete("Options", row):
                continue
            option = OPTION_BY_NAME.get(row["option"])
            if option is None:
                near = _nearest(row["option"], OPTION_BY_NAME)
                self.complain("Options", row.number, "option", f"there is no option '{row['option']}'", near)
                continue
            value = next((v for v in option.values if fold(v) == fold(row["value"])), None)
            if value is None:
                text = f"'{row['value']}' is no value of {option.name}"
                self.complain("Options", row.number, "value", text, f"write {_one_of(option.values)}")
                continue
            company = self._company("Options", row, companies) if row["company"] else ""
            if (option.name, company) in given:
                self.complain("Options", row.number, "option", f"{option.name} stands twice", "keep one row")
            given[option.name, company] = value
        return given

    def party_defaults(self, rows: Iterable[Row], companies: dict[str, CompanyRule]) -> Iterator[PartyDefault]:
        seen: set[tuple[str, ...]] = set()
        for row in rows:
            if not self._complete("Party defaults", row):
                continue
            role = _Cell(self, "Party defaults", row)("role", _role, "write customer or vendor")
            company = self._company("Party defaults", row, companies) if row["company"] else ""
            for column in ("gp_class", "address_code"):
                self._short_enough("Party defaults", row, column)
            key = (fold(row["role"]), company, fold(row["type"]))
            if key in seen:
                text = "it is for exactly those that an earlier row is for"
                self.complain("Party defaults", row.number, "role", text, "delete one of the two")
            seen.add(key)
            if role is not None:
                code = row["address_code"].upper() or "PRIMARY"
                yield PartyDefault(row.number, role, company, key[2], row["gp_class"].upper(), row["terms"], code)

    def party_fields(self, rows: Iterable[Row]) -> dict[Role, dict[Field, FieldRule]]:
        rules: dict[Role, dict[Field, FieldRule]] = {}
        for row in rows:
            if not self._complete("Party fields", row):
                continue
            read = _Cell(self, "Party fields", row)
            role = read("role", _role, "write customer or vendor")
            field = read("field", lambda it: Field(fold(it)), f"write {_one_of(it.value for it in Field)}")
            owner = read("owner", _owner, f"write {_one_of(it.value for it in Owner)}")
            hold = read("both_edited", _holds, "write owner wins, or hold")
            if role is None or field is None or owner is None or hold is None:
                continue
            if field in rules.setdefault(role, {}):
                text = f"the {field.value} of a {role.value} stands twice"
                self.complain("Party fields", row.number, "field", text, "keep one row")
            rules[role][field] = FieldRule(owner, hold)
        return rules

    def _fits_a_company(self, table: str, row: Row, account: AccountNumber, companies: dict[str, CompanyRule]) -> None:
        misfits = [rule.account_format.misfit(account) for rule in companies.values()]
        if misfits and all(misfits):
            self.complain(table, row.number, "account", misfits[0] or "", "write the full account as GP shows it")

    def _short_enough(self, table: str, row: Row, column: str) -> None:
        if len(row[column]) > _LONGEST_ID:
            text = f"'{row[column]}' has {len(row[column])} characters, GP's ids have at most {_LONGEST_ID}"
            self.complain(table, row.number, column, text, "write the id as GP shows it")

    def _complete(self, table: str, row: Row) -> bool:
        missing = [column.name for column in BY_NAME[table].columns if column.required and not row[column.name]]
        for column in missing:
            self.complain(table, row.number, column, "the cell is empty", "fill it")
        return not missing

    def _company(self, table: str, row: Row, companies: dict[str, CompanyRule]) -> str:
        if row["company"] not in companies and row["company"] not in self.named:
            text = f"'{row['company']}' is not in the table Companies"
            self.complain(table, row.number, "company", text, _nearest(row["company"], self.named))
        return row["company"]

    def _segments(self, table: str, row: Row, company: CompanyRule) -> dict[str, str]:
        segments: dict[str, str] = {}
        form = company.account_format
        lengths = dict(zip(form.names, form.lengths, strict=True))
        for column, text in row.cells.items():
            if not column.startswith("segment "):
                continue
            name = column.removeprefix("segment ")
            if name not in lengths:
                near = f"name the column for one of: {', '.join(form.names)}"
                self.complain(table, row.number, column, f"the account format has no segment '{name}'", near)
            elif len(text) != lengths[name]:
                wants = f"'{text}' is not {lengths[name]} characters long"
                self.complain(table, row.number, column, wants, "write the segment's full value, with its zeros")
            segments[name] = text.upper()
        return segments

    def _segments_of_any(self, table: str, row: Row, companies: dict[str, CompanyRule]) -> dict[str, str]:
        """The segments of a row that is for all companies: right if one company has them so, else wrong as for the first."""
        before = len(self.findings)
        for company in companies.values():
            told = len(self.findings)
            segments = self._segments(table, row, company)
            if len(self.findings) == told:
                del self.findings[before:]
                return segments
            if told > before:
                del self.findings[told:]
        return {}

    def _account(self, table: str, row: Row, column: str, form: AccountFormat | None) -> AccountNumber | None:
        account = AccountNumber.parse(row[column].upper())
        if form and (misfit := form.misfit(account)):
            self.complain(table, row.number, column, misfit, "write the full account as GP shows it")
            return None
        return account


@dataclass(frozen=True, slots=True)
class _Cell:
    reader: _Reader
    table: str
    row: Row

    def __call__(self, column: str, make: Callable[[str], T], remedy: str) -> T | None:
        try:
            return make(self.row[column])
        except (ValueError, KeyError, InvalidOperation):
            text = f"'{self.row[column]}' cannot be read"
            self.reader.complain(self.table, self.row.number, column, text, remedy)
            return None


_FORMAT_HELP = "write the segments with their lengths (Division 3, Main 4, Department 2), the main one among them"


def _format(main: str, text: str) -> AccountFormat:
    parts = [_FORMAT.match(part) for part in text.split(",")]
    names = tuple(part[1] for part in parts if part)
    if len(names) < len(parts) or main not in names or len(set(names)) < len(names):
        raise ValueError(text)
    return AccountFormat(names, tuple(int(part[2]) for part in parts if part), main)


def _main_length(form: AccountFormat) -> int:
    return form.lengths[form.names.index(form.main)]


def _role(text: str) -> Role:
    return Role(fold(text))


def _owner(text: str) -> Owner:
    return {fold(it.value): it for it in Owner}[fold(text)]


def _holds(text: str) -> bool:
    return {"": False, "owner wins": False, "hold": True}[fold(text)]


def _percent(text: str) -> Decimal:
    share = Decimal(text.removesuffix("%").strip()) / (100 if text.endswith("%") else 1)
    if not 0 <= share <= 1:
        raise ValueError(text)
    return share


def _one_of(values: Iterable[str]) -> str:
    *first, last = values
    return f"{', '.join(first)} or {last}" if first else last


def _nearest(text: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(text, names, 1, 0.5)
    return f"write {near[0]}" if near else f"write one of: {', '.join(sorted(names))}"
