"""Reading the rulebook: the whole of it, or everything that is wrong with it, by table, row and column."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest

from ml_connector.field.invoice import Configuration
from ml_connector.findings import Finding
from ml_connector.mapping.options import OPTIONS, Options
from ml_connector.mapping.reading import read
from ml_connector.mapping.rulebook import Rulebook, fold
from tests.builders import COMPANY, HVAC, a_rulebook, options, sample_tables, tables

COMPANY_ROW = {
    "company": COMPANY,
    "gp_company": "FRMEC",
    "currency": "USD",
    "account_format": "Division 3, Main 4, Department 2",
    "main_segment": "Main",
    "receivables_account": "000-1200-00",
    "payables_account": "000-2100-00",
    "cut_over": "2026-02-01",
    "receivables_posting_date": "transaction",
    "payables_posting_date": "transaction",
}
ACCOUNT = {"purpose": "revenue", "main": "4110"}
TAX = {"tax_zone": "Denver", "rate": "Colorado", "tax_detail": "CO-STATE", "account": "000-2210-00"}
CUSTOMER = {"servicetitan_id": "1", "gp_customer": "SMITH001"}
VENDOR = {"servicetitan_id": "1", "gp_vendor": "FERGUSON0001"}
UNIT = {"business_unit": "HVAC - Service", "company": COMPANY, "segment Division": "100", "segment Department": "02"}


def wrong(**overrides: list[dict[str, str]]) -> list[tuple[str, str]]:
    """Where it is wrong, and what is."""
    found = read(tables(**overrides))
    assert isinstance(found, tuple), "nothing was found"
    for finding in found:
        assert finding.code == "rulebook.wrong"
        assert finding.remedy.startswith("In the rulebook, ")
        assert finding.remedy.endswith("; then import it again.")
    return [(finding.where, finding.says) for finding in found]


def test_the_sample_is_read() -> None:
    """What the sandbox ships is in order."""
    rulebook = read(sample_tables())
    assert isinstance(rulebook, Rulebook)
    assert rulebook.companies[COMPANY].account_format.names == ("Division", "Main", "Department")
    assert rulebook.account_columns == ("purpose", "account_number", "item_code")


@pytest.mark.parametrize(
    ("override", "where", "says"),
    [
        (
            {"companies": [{**COMPANY_ROW, "currency": "EUR"}]},
            "Companies, row 2, column currency",
            "'EUR' cannot be read",
        ),
        (
            {"companies": [{**COMPANY_ROW, "gp_company": ""}]},
            "Companies, row 2, column gp_company",
            "the cell is empty",
        ),
        (
            {"companies": [{**COMPANY_ROW, "cut_over": "1 March"}]},
            "Companies, row 2, column cut_over",
            "'1 March' cannot be read",
        ),
        (
            {"companies": [{**COMPANY_ROW, "main_segment": "Natural"}]},
            "Companies, row 2, column account_format",
            "'Division 3, Main 4, Department 2' cannot be read",
        ),
        (
            {"companies": [{**COMPANY_ROW, "payables_account": "2100"}]},
            "Companies, row 2, column payables_account",
            "2100 has 1 segments, the format has 3: Division 3, Main 4, Department 2",
        ),
        (
            {"companies": [{**COMPANY_ROW, "payables_posting_date": "today"}]},
            "Companies, row 2, column payables_posting_date",
            "'today' cannot be read",
        ),
        ({"companies": [COMPANY_ROW, COMPANY_ROW]}, "Companies, row 3, column company", "'FRM' stands twice"),
        (
            {"business_units": [{**UNIT, "company": "FRN"}]},
            "Business units, row 2, column company",
            "'FRN' is not in the table Companies",
        ),
        (
            {"business_units": [UNIT, {**UNIT, "business_unit": "hvac -  service"}]},
            "Business units, row 3, column business_unit",
            "'hvac -  service' stands twice",
        ),
        (
            {"business_units": [{**UNIT, "segment Department": "2"}]},
            "Business units, row 2, column segment Department",
            "'2' is not 2 characters long",
        ),
        (
            {"business_units": [{**UNIT, "segment Branch": "01"}]},
            "Business units, row 2, column segment Branch",
            "the account format has no segment 'Branch'",
        ),
        (
            {"business_units": [{**UNIT, "summary_customer": "HVAC-RETAIL-CUSTOMER"}]},
            "Business units, row 2, column summary_customer",
            "'HVAC-RETAIL-CUSTOMER' has 20 characters, GP's ids have at most 15",
        ),
        (
            {"accounts": [{"main": "4110"}]},
            "Accounts, row 2, column account_number",
            "no cell says what the row matches",
        ),
        (
            {"accounts": [{"purpose": "sales", "main": "4110"}]},
            "Accounts, row 2, column purpose",
            "'sales' is no purpose",
        ),
        (
            {"accounts": [{"purpose": "revenue"}]},
            "Accounts, row 2, column account",
            "neither account nor main is filled",
        ),
        (
            {"accounts": [{**ACCOUNT, "account": "100-4110-02"}]},
            "Accounts, row 2, column account",
            "both account and main are filled",
        ),
        (
            {"accounts": [{"purpose": "revenue", "account": "4110-02"}]},
            "Accounts, row 2, column account",
            "4110-02 has 2 segments",
        ),
        (
            {"accounts": [{"purpose": "revenue", "main": "41100"}]},
            "Accounts, row 2, column main",
            "'41100' is not 4 characters long",
        ),
        ({"accounts": [ACCOUNT, ACCOUNT]}, "Accounts, row 3, column purpose", "it matches exactly what row 2 matches"),
        (
            {"customers": [{**CUSTOMER, "servicetitan_id": "C-1"}]},
            "Customers, row 2, column servicetitan_id",
            "'C-1' is no id",
        ),
        ({"customers": [CUSTOMER, CUSTOMER]}, "Customers, row 3, column servicetitan_id", "1 stands twice"),
        (
            {"vendors": [{**VENDOR, "gp_vendor": "FERGUSON-SUPPLY-CO"}]},
            "Vendors, row 2, column gp_vendor",
            "has 18 characters, GP's ids have at most 15",
        ),
        ({"vendors": [{**VENDOR, "share_1099": "60"}]}, "Vendors, row 2, column share_1099", "'60' cannot be read"),
        ({"vendors": [{**VENDOR, "share_1099": "NaN"}]}, "Vendors, row 2, column share_1099", "'NaN' cannot be read"),
        ({"taxes": [{**TAX, "account": "2210"}]}, "Taxes, row 2, column account", "2210 has 1 segments"),
        (
            {"taxes": [{**TAX, "takes_the_cent": "maybe"}]},
            "Taxes, row 2, column takes_the_cent",
            "'maybe' is neither yes nor no",
        ),
        ({"taxes": [TAX, TAX]}, "Taxes, row 3, column rate", "this rate stands twice in its zone"),
        (
            {"taxes": [{**TAX, "takes_the_cent": "yes"}, {**TAX, "rate": "Denver", "takes_the_cent": "yes"}]},
            "Taxes, row 3, column takes_the_cent",
            "row 2 takes the cent of this zone already",
        ),
        ({"options": options(closed_periods="hold")}, "Options, row 2, column option", "there is no option"),
        (
            {"options": options(closed_period="ignore")},
            "Options, row 2, column value",
            "'ignore' is no value of closed_period",
        ),
        (
            {"options": [{"option": "discounts", "company": "FRN", "value": "trade discount"}]},
            "Options, row 2, column company",
            "'FRN' is not in the table Companies",
        ),
        (
            {"options": options(closed_period="hold") * 2},
            "Options, row 3, column option",
            "closed_period stands twice",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_cell(override: dict[str, list[dict[str, str]]], where: str, says: str) -> None:
    """One wrong cell, one finding, at its place."""
    found = wrong(**override)
    assert len(found) == 1, found
    assert found[0][0] == f"table {where}"
    assert says in found[0][1]


def test_everything_wrong_is_told_at_once() -> None:
    """A rulebook is mended in one sitting; what was good of it is not applied."""
    found = wrong(
        customers=[{**CUSTOMER, "servicetitan_id": "?"}],
        vendors=[{**VENDOR, "share_1099": "half"}],
        options=options(closed_period="ignore"),
    )
    assert len(found) == 3


def test_a_wrong_company_is_not_told_again_by_every_row_that_names_it() -> None:
    """One cell is wrong, and five business units name its company."""
    found = wrong(companies=[{**COMPANY_ROW, "currency": "EUR"}])
    assert [where for where, _ in found] == ["table Companies, row 2, column currency"]


def test_a_segment_that_one_company_has_is_right() -> None:
    """Two companies with account formats of their own share the table Accounts."""
    other = {
        **COMPANY_ROW,
        "company": "ELC",
        "account_format": "Main 4, Branch 3",
        "receivables_account": "1200-000",
        "payables_account": "2100-000",
    }
    rows = [{**ACCOUNT, "segment Branch": "007"}]
    assert a_rulebook(companies=[COMPANY_ROW, other], accounts=rows).accounts[0].segments == {"Branch": "007"}
    assert len(wrong(companies=[COMPANY_ROW, other], accounts=[{**ACCOUNT, "segment Branch": "7"}])) == 1


def test_no_company_is_no_rulebook() -> None:
    """Something must be entered somewhere."""
    found = read(tables(companies=[], business_units=[], options=[]))
    assert isinstance(found, tuple)
    assert [(it.where, it.says) for it in found] == [("table Companies, row 1, column company", "no company is named")]


def test_a_near_miss_is_suggested() -> None:
    """What to write instead, where it can be guessed."""
    found = read(tables(options=options(closed_perod="hold")))
    assert isinstance(found, tuple)
    assert "write closed_period" in found[0].remedy


@pytest.mark.parametrize(
    ("text", "share"), [("60%", "0.6"), ("60 %", "0.6"), ("0.6", "0.6"), ("100%", "1"), ("0%", "0")]
)
def test_a_share_is_read_as_written(text: str, share: str) -> None:
    """In per cent or as a fraction."""
    rulebook = a_rulebook(vendors=[{**VENDOR, "share_1099": text}])
    assert rulebook.vendors[1].share_1099 == Decimal(share)


def test_ids_are_as_gp_keeps_them() -> None:
    """GP's ids are upper case, however they are typed."""
    assert a_rulebook(customers=[{**CUSTOMER, "gp_customer": "smith001"}]).customers[1].gp_customer == "SMITH001"


def test_an_option_of_one_company_goes_before_that_of_all() -> None:
    """And the default before neither."""
    chosen = Options({("discounts", ""): "trade discount", ("discounts", "ELC"): "own account"})
    assert (chosen("discounts", "FRM"), chosen("discounts", "ELC")) == ("trade discount", "own account")
    assert Options()("closed_period", "FRM") == "hold"


def test_every_option_has_a_default_that_it_may_have() -> None:
    """And every configuration of an invoice has an option."""
    assert all(option.default in option.values and option.meaning for option in OPTIONS)
    assert set(Configuration.ALL) <= {option.name for option in OPTIONS}


@pytest.mark.parametrize(("one", "other"), [("HVAC - Service", " hvac -  SERVICE "), ("Straße", "STRASSE")])
def test_texts_are_folded(one: str, other: str) -> None:
    """Blanks and capitals do not make two names of one."""
    assert fold(one) == fold(other)


def test_a_business_unit_is_found_by_id_before_name() -> None:
    """An id does not change when the branch is renamed."""
    rows: list[Mapping[str, str]] = [UNIT, {**UNIT, "business_unit": "319", "segment Department": "09"}]
    rulebook = a_rulebook(business_units=rows)
    found = rulebook.business_unit(HVAC)
    assert found is not None
    assert found.segments["Department"] == "09"


def test_findings_are_findings() -> None:
    """Never an exception, whatever is missing."""
    for name in sample_tables():
        left_out = {key: table for key, table in sample_tables().items() if key != name}
        found = read(left_out)
        assert isinstance(found, Rulebook) or all(isinstance(it, Finding) for it in found)
