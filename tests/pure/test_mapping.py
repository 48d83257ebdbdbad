"""Accounts, taxes, parties, eligibility and bills: the choices of the rulebook, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.books.document import PayablesDocument, ReceivablesDocument
from ml_connector.books.facts import PartyCard
from ml_connector.books.outcomes import Held, Plan, Ready, Skipped, Waiting
from ml_connector.books.period import Series
from ml_connector.field.bill import Bill
from ml_connector.field.invoice import Configuration, Invoice, ItemType
from ml_connector.field.party import Customer, PurchaseOrder, TaxBase, TaxRate
from ml_connector.field.snapshot import BillSnapshot, InvoiceSnapshot
from ml_connector.field.source import GlAccount, Named
from ml_connector.mapping.accounts import Chooser, choose, features
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.parties import party_of
from ml_connector.mapping.plan import plan
from ml_connector.mapping.rulebook import AccountRule, Rulebook
from tests.builders import (
    COMPANY,
    ELECTRICAL,
    SAMPLE_RULEBOOK,
    a_bill,
    a_bill_line,
    a_discount,
    a_frame,
    a_job,
    a_line,
    a_purchase_order,
    a_rulebook,
    a_tax_zone,
    account,
    an_invoice,
    facts,
    options,
    periods,
    usd,
)

COLUMNS = ("purpose", "item_code", "business_unit", "job_tag")
CELLS = [dict(zip(COLUMNS, cells, strict=True)) for cells in product(["", "a", "b"], repeat=len(COLUMNS))]
table_rows = st.sampled_from(CELLS[1:]).map(lambda cells: {column: text for column, text in cells.items() if text})
lines = st.fixed_dictionaries(dict.fromkeys(COLUMNS, st.sampled_from([["a"], ["a", "b"], ["a", "b"], []])))


def codes(ended: Plan) -> list[str]:
    return [finding.code for finding in ended.findings] if isinstance(ended, Held) else []


def invoiced(invoice: Invoice, frame: Frame | None = None, **context: Any) -> Plan:
    zone = a_tax_zone() if invoice.tax else None
    return plan(InvoiceSnapshot(invoice, **{"tax_zone": zone, **context}), frame or a_frame())


def billed(bill: Bill, frame: Frame | None = None, **context: Any) -> Plan:
    return plan(BillSnapshot(bill, **context), frame or a_frame())


def document(ended: Plan) -> Any:
    assert isinstance(ended, Ready), ended
    return ended.documents[0]


def accounts_of(ended: Plan) -> list[str]:
    return [str(it.account) for it in document(ended).distributions]


class TestAccounts:
    @given(
        st.lists(table_rows, max_size=12),
        lines,
        st.randoms(),
    )
    def test_the_row_that_says_most_wins(
        self, tables: list[dict[str, str]], line: dict[str, list[str]], order: Any
    ) -> None:
        """More filled cells first, then the leftmost; the order of the rows decides nothing."""
        rules = [AccountRule(n, matches, None, "4110", {}) for n, matches in enumerate(tables, 2)]
        best = set(_rows(Chooser(tuple(rules), COLUMNS), features(**line)))
        matching = [it for it in rules if all(text in line.get(column, ()) for column, text in it.matches.items())]
        most = max((len(it.matches) for it in matching), default=0)
        assert bool(best) == bool(matching)
        assert all(len(it.matches) == most for it in rules if it.row in best)
        leftmost = max((_filled(it) for it in matching if len(it.matches) == most), default=[])
        assert best == {it.row for it in matching if len(it.matches) == most and _filled(it) == leftmost}
        order.shuffle(rules)
        assert set(_rows(Chooser(tuple(rules), COLUMNS), features(**line))) == best

    def test_the_example_of_the_handbook(self) -> None:
        """docs/rulebook.md: row 2 is for all, row 3 for an item, row 4 for a branch; one cell more wins, then the left."""
        rows = [
            {"purpose": "revenue", "main": "4000"},
            {"purpose": "revenue", "item_code": "AC-TUNE", "main": "4110"},
            {"purpose": "revenue", "business_unit": "HVAC - Install", "main": "4120"},
        ]
        chooser = a_frame(a_rulebook(accounts=rows)).chooser
        install: list[str | int]
        service: list[str | int]
        install, service = [320, "HVAC - Install"], [319, "HVAC - Service"]

        def chosen(item: str, unit: list[str | int]) -> list[int]:
            return _rows(chooser, features(purpose=["revenue"], item_code=[item], business_unit=unit))

        assert chosen("AC-TUNE", service) == [3]
        assert chosen("FILTER-16", install) == [4]
        assert chosen("AC-TUNE", install) == [3]
        assert chosen("FILTER-16", service) == [2]

    def test_more_cells_beat_a_cell_further_left(self) -> None:
        """Two cells to the right say more than one to the left."""
        left = AccountRule(2, {"purpose": "revenue"}, None, "4000", {})
        right = AccountRule(3, {"business_unit": "319", "job_tag": "warranty"}, None, "4110", {})
        line = features(purpose=["revenue"], business_unit=[319], job_tag=["Warranty"])
        assert _rows(Chooser((left, right), COLUMNS), line) == [3]

    def test_a_remembered_choice_is_the_same_choice(self) -> None:
        """The second of a thousand equal lines is not looked up again, and goes where the first went."""
        chooser = a_frame().chooser
        line = features(purpose=["revenue"], account_number=["4110"])
        assert chooser.best(line) is chooser.best(features(purpose=["Revenue"], account_number=["4110"]))

    def test_capitals_and_blanks_do_not_matter(self) -> None:
        """HVAC  Service sales, typed by hand, is HVAC Service Sales."""
        rulebook = a_rulebook(accounts=[{"account_name": " hvac  service SALES", "main": "4110"}])
        assert accounts_of(invoiced(an_invoice(tax="0"), a_frame(rulebook)))[1] == "100-4110-02"

    @pytest.mark.parametrize(
        ("matches", "context"),
        [
            ({"item_type": "Material"}, {}),
            ({"configuration": "JobInvoice"}, {}),
            ({"job_type": "AC Repair"}, {}),
            ({"job_number": "7700456"}, {}),
            ({"project": "P-77"}, {"job": a_job(project="P-77")}),
            ({"job_tag": "Warranty"}, {"job": a_job(tags=("Builder", "Warranty"))}),
            ({"budget_code": "31"}, {}),
            ({"business_unit": "319"}, {}),
            ({"business_unit": "hvac - service"}, {}),
            ({"customer_type": "Residential"}, {"customer": Customer(5_500_101, "Maria Smith", "Residential", None)}),
            ({"tax_zone": "Denver"}, {"tax_zone": a_tax_zone()}),
            ({"tax_zone": "55"}, {"tax_zone": a_tax_zone()}),
        ],
    )
    def test_every_match_column_matches(self, matches: Mapping[str, str], context: dict[str, Any]) -> None:
        """Each column of the table, alone, finds the line that it describes."""
        frame = a_frame(a_rulebook(accounts=[{**matches, "account": "000-4999-00"}]))
        invoice = an_invoice(tax="0", budget_code=31)
        assert accounts_of(invoiced(invoice, frame, **context))[1] == "000-4999-00"

    def test_a_segment_of_the_row_beats_that_of_the_business_unit(self) -> None:
        """Sales of one item go to a department of their own."""
        rows = [{"item_code": "R410A-LB", "main": "4110", "segment Department": "09"}]
        assert accounts_of(invoiced(an_invoice(tax="0"), a_frame(a_rulebook(accounts=rows))))[1] == "100-4110-09"

    def test_a_segment_that_nothing_gives_is_held(self) -> None:
        """Half an account is none."""
        units = [{"business_unit": "HVAC - Service", "company": COMPANY, "segment Division": "100"}]
        ended = invoiced(an_invoice(tax="0"), a_frame(a_rulebook(business_units=units)))
        assert codes(ended) == ["account.segment_missing"]

    def test_two_rows_with_one_answer_are_not_ambiguous(self) -> None:
        """Both tags lead to the same account, so nobody need decide."""
        rows = [{"job_tag": tag, "main": "4110"} for tag in ("Warranty", "Builder")]
        ended = invoiced(
            an_invoice(tax="0"), a_frame(a_rulebook(accounts=rows)), job=a_job(tags=("Warranty", "Builder"))
        )
        assert accounts_of(ended)[1] == "100-4110-02"

    def test_the_row_that_chose_is_told(self) -> None:
        """The auditor's question: why this account?"""
        company, unit = SAMPLE_RULEBOOK.companies[COMPANY], SAMPLE_RULEBOOK.business_units["hvac - service"]
        line = features(purpose=["revenue"], account_number=["4120"])
        chosen = choose(a_frame().chooser, line, "invoice 1", company, unit)
        assert getattr(chosen, "rule", None) == "Accounts row 3"

    def test_the_job_number_is_in_every_distribution(self) -> None:
        """Job cost is traced in GP by the reference of the line."""
        assert {it.reference for it in document(invoiced(an_invoice())).distributions} == {"Job 7700456"}


def _rows(chooser: Chooser, line: Mapping[str, tuple[str, ...]]) -> list[int]:
    return [rule.row for rule in chooser.best(line)]


def _filled(rule: AccountRule) -> list[bool]:
    return [column in rule.matches for column in COLUMNS]


class TestTaxes:
    def test_labor_and_material_rates_are_charged_on_their_lines(self) -> None:
        """A zone that taxes material only splits by what is material."""
        zone = a_tax_zone(
            TaxRate("Colorado", Decimal("0.05"), (TaxBase.MATERIAL,)),
            TaxRate("Denver", Decimal("0.05"), (TaxBase.LABOR,)),
        )
        lines = [a_line("300.00"), a_line("100.00", item_type=ItemType.SERVICE)]
        (state, city) = document(invoiced(an_invoice(lines, "20.00"), tax_zone=zone)).taxes
        assert (state.tax, state.taxable, state.sales) == (usd("15.00"), usd("300.00"), usd("400.00"))
        assert (city.tax, city.taxable) == (usd("5.00"), usd("100.00"))

    def test_the_tax_is_split_and_never_recomputed(self) -> None:
        """ServiceTitan charged 9.99 where its rates give 8.81: what the customer was charged is what is booked."""
        assert document(invoiced(an_invoice([a_line()], "9.99"))).tax == usd("9.99")

    def test_a_taxable_discount_lowers_what_is_taxable(self) -> None:
        """Tax on 75.00 of 75.00 sales."""
        lines = [a_line("100.00"), a_discount("-25.00", taxable=True)]
        assert {str(it.taxable) for it in document(invoiced(an_invoice(lines, "6.61"))).taxes} == {"75.00"}

    def test_a_tax_zone_is_found_by_its_id_too(self) -> None:
        """A rulebook by ids survives a rename."""
        rows = [
            {"tax_zone": "55", "rate": rate.name, "tax_detail": "CO-STATE", "account": "000-2210-00"}
            for rate in a_tax_zone().rates
        ]
        zone = replace(a_tax_zone(), name="Denver (new)")
        ended = invoiced(an_invoice(), a_frame(a_rulebook(taxes=rows)), tax_zone=zone)
        assert document(ended).tax == usd("8.81")

    @pytest.mark.parametrize(
        ("zone", "code"),
        [
            (a_tax_zone(("Colorado", "0.029"), ("Lodging", "0.05")), "tax.unmapped"),
            (a_tax_zone(("Colorado", "-0.029")), "tax.rate_wrong"),
            (a_tax_zone(("Colorado", "0")), "tax.no_base"),
            (None, "tax.zone_missing"),
        ],
    )
    def test_a_tax_that_cannot_be_split_is_held(self, zone: Any, code: str) -> None:
        """Whose tax it is must be known before it is owed to them."""
        assert codes(invoiced(an_invoice(), tax_zone=zone)) == [code]

    def test_tax_against_the_direction_of_the_document_is_held(self) -> None:
        """A sale with a tax refund in it: GP knows no such document."""
        assert codes(invoiced(an_invoice([a_line("100.00")], "-8.81"))) == ["tax.sign"]


class TestEligibility:
    @pytest.mark.parametrize(
        ("fields", "ending"),
        [
            ({"status": "Pending"}, Waiting),
            ({"status": ""}, Waiting),
            ({"status": "Exported"}, Ready),
            ({"active": False}, Skipped),
            ({"configuration": Configuration.IMPORTED_OPENING}, Skipped),
            ({"configuration": Configuration.MEMBERSHIP}, Held),
            ({"configuration": Configuration.INTEREST_CHARGE}, Held),
            ({"configuration": "RentalInvoice"}, Held),
            ({"invoice_date": date(2026, 1, 31)}, Skipped),
            ({"invoice_date": date(2026, 2, 1)}, Ready),
            ({"invoice_date": None}, Held),
            ({"customer": None}, Held),
            ({"business_unit": None}, Held),
            ({"business_unit": Named(999, "Roofing")}, Held),
            ({"total": None}, Held),
        ],
    )
    def test_only_what_is_released_and_known_is_entered(self, fields: dict[str, Any], ending: type[Plan]) -> None:
        """Each state of an invoice has its one ending."""
        assert isinstance(invoiced(an_invoice(**fields)), ending)

    def test_the_rulebook_decides_on_memberships(self) -> None:
        """Entered or skipped, once somebody has said so."""
        membership = an_invoice(configuration=Configuration.MEMBERSHIP)
        for value, ending in (("enter", Ready), ("skip", Skipped)):
            frame = a_frame(a_rulebook(options=options(MembershipInvoice=value)))
            assert isinstance(invoiced(membership, frame), ending)

    def test_a_company_must_be_decided_before_anything_is_entered(self) -> None:
        """Cut-over and the source of the posting date, both told at once, and of the module concerned."""
        row = {
            "company": COMPANY,
            "gp_company": "FRMEC",
            "currency": "USD",
            "account_format": "Division 3, Main 4, Department 2",
            "main_segment": "Main",
            "receivables_account": "000-1200-00",
            "payables_account": "000-2100-00",
            "payables_posting_date": "transaction",
        }
        frame = a_frame(a_rulebook(companies=[row]))
        assert codes(invoiced(an_invoice(), frame)) == ["company.cut_over_missing", "company.posting_date_undecided"]
        assert codes(billed(a_bill(), frame)) == ["company.cut_over_missing"]

    @pytest.mark.parametrize(
        ("order", "code"),
        [
            (a_purchase_order(status="Canceled"), ["bill.order_not_received"]),
            (a_purchase_order(status="Pending"), ["bill.order_not_received"]),
            (a_purchase_order(status="PartiallyReceived"), []),
            (None, []),
        ],
    )
    def test_a_bill_needs_goods_that_were_received(self, order: PurchaseOrder | None, code: list[str]) -> None:
        """Where the order is visible."""
        assert codes(billed(a_bill(), purchase_order=order)) == code

    def test_an_unreconciled_bill_is_entered_where_the_rulebook_says_so(self) -> None:
        """Some offices reconcile in GP."""
        frame = a_frame(a_rulebook(options=options(unreconciled_bills="enter")))
        assert codes(billed(a_bill(reconciled=None))) == ["bill.unreconciled"]
        assert isinstance(billed(a_bill(reconciled=None), frame), Ready)


class TestParties:
    def test_the_control_account_is_that_of_the_card(self) -> None:
        """GP's customer card decides; where it has none, the company's row."""
        card = PartyCard("SMITH001", "Maria Smith", True, control=account("000-1210-00"))
        frame = a_frame(books=facts(customers={"SMITH001": card}))
        assert accounts_of(invoiced(an_invoice(), frame))[0] == "000-1210-00"
        assert accounts_of(invoiced(an_invoice()))[0] == "000-1200-00"

    def test_a_summary_customer_must_be_named(self) -> None:
        """The policy without its customer holds."""
        frame = a_frame(a_rulebook(options=options(customer_policy="summary customer")))
        assert codes(invoiced(an_invoice(), frame)) == ["customer.summary_missing"]

    def test_the_party_is_known_before_planning(self) -> None:
        """So that its card is gathered in bulk; a source that will be held asks for none."""
        assert party_of(an_invoice(), SAMPLE_RULEBOOK) == (COMPANY, Series.SALES, "SMITH001")
        assert party_of(a_bill(), SAMPLE_RULEBOOK) == (COMPANY, Series.PURCHASING, "FERGUSON0001")
        for nobody in (an_invoice(customer=None), a_bill(vendor=None), an_invoice(business_unit=None)):
            assert party_of(nobody, SAMPLE_RULEBOOK) is None

    @pytest.mark.parametrize(
        ("share", "income"), [("100%", "100.00"), ("60%", "60.00"), ("0%", "0.00"), ("0.335", "33.50")]
    )
    def test_the_share_of_1099_income_is_the_rulebooks(self, share: str, income: str) -> None:
        """GP takes nothing as income when nothing is sent."""
        row = {"servicetitan_id": "1724806", "gp_vendor": "martinez0001", "share_1099": share}
        ended = billed(a_bill(vendor=Named(1_724_806, "Martinez")), a_frame(a_rulebook(vendors=[row])))
        assert document(ended).income_1099 == usd(income)


class TestBills:
    def test_a_job_decides_between_cost_and_asset(self) -> None:
        """The same part: on the shelf an asset, for a job a cost of the branch."""
        assert accounts_of(billed(a_bill()))[0] == "000-1310-00"
        assert accounts_of(billed(a_bill(job_id=7, job_number="7")))[0] == "100-5110-02"

    def test_tax_and_freight_may_have_accounts_of_their_own(self) -> None:
        """Tax is a purchase on its account; freight is GP's freight."""
        accounts = [
            {"purpose": "asset", "account": "000-1310-00"},
            {"purpose": "bill tax", "main": "5910"},
            {"purpose": "freight", "main": "5900"},
        ]
        rulebook = a_rulebook(accounts=accounts, options=options(bill_tax="own account", bill_freight="own account"))
        bill = a_bill(tax=Decimal("8.00"), shipping=Decimal("5.00"), other=Decimal("2.50"))
        it = document(billed(bill, a_frame(rulebook)))
        assert isinstance(it, PayablesDocument)
        assert (it.purchases, it.freight, it.amount) == (usd("108.00"), usd("7.50"), usd("115.50"))
        booked = [(str(d.account), d.type.name, str(d.debit or d.credit)) for d in it.distributions]
        assert booked == [
            ("000-1310-00", "PURCH", "100.00"),
            ("100-5910-02", "PURCH", "8.00"),
            ("100-5900-02", "FREIGHT", "7.50"),
            ("000-2100-00", "PAY", "115.50"),
        ]

    @pytest.mark.parametrize("allocated", [None, Decimal("7.99"), Decimal("8.01")])
    def test_tax_that_the_lines_do_not_bear_is_held(self, allocated: Decimal | None) -> None:
        """A cent that is not allocated is a finding, and not the first line's."""
        bill = a_bill([a_bill_line(allocated_tax=allocated), a_bill_line()], tax=Decimal("8.00"))
        assert codes(billed(bill)) == ["bill.tax_unallocated"]

    def test_whole_cents_are_borne_as_they_are_said(self) -> None:
        """Also where one line bears a rebate."""
        lines = [a_bill_line(allocated_tax=Decimal("9.00")), a_bill_line(allocated_tax=Decimal("-1.00"))]
        it = document(billed(a_bill(lines, tax=Decimal("8.00"))))
        assert [str(d.debit) for d in it.distributions[:2]] == ["109.00", "99.00"]

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"quantity": None}, "amount.missing"),
            ({"cost": "1E+20"}, "amount.out_of_range"),
        ],
    )
    def test_a_line_without_a_usable_amount_is_held(self, fields: dict[str, Any], code: str) -> None:
        """With the line named."""
        ended = billed(a_bill([a_bill_line(**fields)], amount=Decimal("100.00")))
        assert code in codes(ended)

    def test_a_closed_period_moves_payables_by_their_own_series(self) -> None:
        """Sales are closed in March, Purchasing is not: the bill stays."""
        rulebook = a_rulebook(options=options(closed_period="first open day"))
        books = facts(periods=tuple(periods(closed=[3], series=frozenset({Series.SALES}))))
        frame = a_frame(rulebook, books)
        assert document(billed(a_bill(), frame)).posting_date == date(2026, 3, 14)
        assert document(invoiced(an_invoice(), frame)).posting_date == date(2026, 4, 1)


class TestInvoices:
    def test_a_surcharge_is_revenue(self) -> None:
        """A price modifier that raises the price is no discount."""
        surcharge = a_discount("25.00", account=GlAccount(411, "4110", "HVAC Service Sales"))
        assert accounts_of(invoiced(an_invoice([a_line(), surcharge])))[1:] == ["100-4110-02"] * 2

    def test_a_goodwill_credit_is_a_discount(self) -> None:
        """An adjustment that only grants a discount afterwards goes to the discount account."""
        it = document(invoiced(an_invoice([a_discount("-25.00")])))
        assert isinstance(it, ReceivablesDocument)
        assert [str(d.account) for d in it.distributions] == ["000-1200-00", "100-4910-02"]
        assert it.due_date is None

    def test_nothing_is_planned_for_a_line_of_another_branch_that_is_unknown(self) -> None:
        """The line's own business unit must be in the rulebook too."""
        lines = [a_line(), a_line(business_unit=Named(999, "Roofing"))]
        assert codes(invoiced(an_invoice(lines))) == ["business_unit.unmapped"]

    def test_a_discount_of_another_branch_lowers_that_branch(self) -> None:
        """The line's business unit gives the segments."""
        lines = [a_line(), a_discount(business_unit=ELECTRICAL)]
        assert accounts_of(invoiced(an_invoice(lines)))[2] == "300-4910-02"

    def test_the_rulebook_in_hand_is_the_sample(self) -> None:
        """These tests speak of the sample rulebook, which must read without a finding."""
        assert isinstance(SAMPLE_RULEBOOK, Rulebook)
        assert len(SAMPLE_RULEBOOK.customers) > 100
