"""The service map: the shipped ones are sound, a company's own is merged over them, and mistakes are told all at once."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.books.account import AccountNumber
from ml_connector.books.distribution import Distribution, ReceivablesType
from ml_connector.books.document import DocumentKind, ReceivablesDocument, TaxDetail
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import service_map
from ml_connector.gp.errors import REFUSALS, Refused, Said, refusal
from ml_connector.gp.render import body, gp_key
from ml_connector.gp.service_map import SHIPPED, ServiceMap, load, parse, shipped
from ml_connector.money import Currency, Money
from tests.contract.books_contract import ALL_KINDS, a_bill, an_invoice, usd


def mistakes(text: str) -> dict[str, Finding]:
    """The findings of a map that is refused, by TOML path."""
    with pytest.raises(Refused) as refused:
        parse(text, "north")
    assert all(finding.code == "gp.service_map" and finding.remedy for finding in refused.value.findings)
    return {finding.where: finding for finding in refused.value.findings}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_maps_are_sound(name: str) -> None:
    """Both are read without a finding, and know the refusals that hold a document."""
    known = shipped(name)
    assert {meaning.means for meaning in known.refusals} <= REFUSALS
    assert known.receivables.distributions.readable
    assert known.payables.distributions.readable


def test_a_companys_map_says_only_what_differs() -> None:
    """One field, one cap, one refusal of its own language; everything else is the shipped map's."""
    own = parse(
        """
        based_on = "default"
        [lists]
        row_cap = 500
        [customers.fields]
        name = "CustName"
        [[refusals]]
        means = "period.closed"
        text = "Periode .* geschlossen"
        """,
        "north",
    )
    assert own.customers.fields["name"] == "CustName"
    assert own.customers.fields["id"] == shipped("default").customers.fields["id"]
    assert own.lists.row_cap == 500
    assert own.refusals[0].means == "period.closed"
    assert len(own.refusals) == len(shipped("default").refusals) + 1
    assert own.name == "north"


def test_a_section_is_taken_away_by_false() -> None:
    """Microsoft's own list of services has neither accounts nor periods."""
    own = parse('based_on = "default"\naccounts = false\nperiods = false', "north")
    assert own.accounts is None
    assert own.periods is None
    assert own.tax_details is not None


def test_all_mistakes_are_told_at_once_each_with_its_path() -> None:
    """Spelling, type, placeholder, word, and a regular expression that is none."""
    found = mistakes(
        """
        based_on = "default"
        colour = "red"
        [formats]
        amount = "float"
        date = "%d %B"
        [lists]
        size = "many"
        [create]
        verb = "PATCH"
        [receivables]
        leave_out = ["number", "nothing"]
        [receivables.fields]
        number = 7
        numbr = "DocNo"
        [receivables.filters]
        numbers = { "$filter" = "DocNo eq {number}" }
        [receivables.states]
        open = true
        [payables.distributions]
        path = "Vouchers({voucher"
        [[refusals]]
        means = "period.shut"
        text = "(("
        """
    )
    assert set(found) == {
        "colour",
        "formats.amount",
        "formats.date",
        "lists.size",
        "create.verb",
        "receivables.leave_out",
        "receivables.fields.number",
        "receivables.fields.numbr",
        "receivables.filters.numbers",
        "receivables.states.open",
        "payables.distributions.path",
        "refusals[0].means",
        "refusals[0].text",
    }
    assert found["receivables.fields.numbr"].remedy == "Write 'number'."
    assert "{values}" in found["receivables.filters.numbers"].remedy
    assert "number, text" in found["formats.amount"].remedy


@pytest.mark.parametrize("name", SHIPPED)
def test_every_key_of_a_shipped_map_is_read(name: str) -> None:
    """Whatever key is misspelt, the map is refused with its path: nothing is passed over in silence."""
    table = tomllib.loads((resources.files("ml_connector.gp") / "service_maps" / f"{name}.toml").read_text())
    for path in leaves(table):
        if "filters" in path[:-1] or path[0] == "refusals" or "expand" in path:
            continue  # there the keys are the installation's own, or a list
        wrong = json.loads(json.dumps(table))
        section = wrong
        for part in path[:-1]:
            section = section[part]
        section[path[-1] + "_"] = section.pop(path[-1])
        with pytest.raises(Refused) as refused:
            service_map._read(wrong, name)
        assert ".".join(path) + "_" in {finding.where for finding in refused.value.findings}


def leaves(table: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    return [
        leaf
        for key, value in table.items()
        for leaf in (leaves(value, (*path, key)) if isinstance(value, dict) else [(*path, key)])
    ]


def test_no_shipped_map_names_a_posting_action_and_a_sites_own_may() -> None:
    """GP's own services post nothing. The batch must be in the path, its source may be."""
    assert all(shipped(name).post is None for name in SHIPPED)
    base = 'based_on = "default"\n[post]\n'
    action = parse(base + 'path = "PostingServices/System/Batches({source};{batch})"', "own").post
    assert action is not None
    assert (action.verb, action.header, action.value) == ("POST", "GP-Custom-Action", "POST")
    assert parse(base + 'path = "/AddOn/{batch}"', "own").post is not None
    for text, where in (
        ('verb = "POST"', "post.path"),
        ('path = "/AddOn/All"', "post.path"),
        ('path = "/AddOn/{batch}/{company}"', "post.path"),
        ('path = "/AddOn/{batch}"\nverb = "GET"', "post.verb"),
        ('path = "/AddOn/{batch}"\nbody = "x"', "post.body"),
    ):
        with pytest.raises(Refused) as stop:
            parse(base + text, "own")
        assert [it.where for it in stop.value.findings] == [where]


def test_what_is_missing_is_named() -> None:
    """A map that stands by itself has to be whole."""
    found = mistakes('[lists]\nrows = "d"\n')
    assert {"formats", "receivables", "payables", "customers", "vendors", "batches"} <= set(found)
    assert found["receivables"].remedy == "Add [receivables]."
    assert not any(path.startswith("receivables.") for path in found)


def test_paging_wants_its_parameters() -> None:
    """Pages from 1 need the page's parameter, and where it is said that there are more."""
    found = mistakes(
        'based_on = "default"\n[lists]\npaging = "page"\nposition_parameter = ""\nmore = ""\n[filters]\nchunk = 400'
    )
    assert set(found) == {"lists.position_parameter", "lists.more", "filters.chunk"}


@pytest.mark.parametrize(("text", "where"), [("a = = 1", "north"), ('based_on = "none"', "based_on")])
def test_what_cannot_be_read_is_refused_with_a_finding(text: str, where: str) -> None:
    """No TOML, or on top of a map that we do not ship."""
    assert set(mistakes(text)) == {where}


def test_a_file_that_is_not_there_stops_with_its_path(tmp_path: Path) -> None:
    """The connection names a file that nobody put there."""
    with pytest.raises(Interrupted) as stop:
        load(tmp_path / "north.toml")
    assert str(tmp_path) in stop.value.finding.where


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_every_refusal_tells_what_to_do(code: str) -> None:
    """GP's own words are quoted, and the remedy is a sentence that ends with replaying or names what passes."""
    for document in ALL_KINDS:
        finding = refusal(code, Said("4750", "The words of GP"), document, "STR260314-07")
        assert "The words of GP (4750)" in finding.says
        assert finding.remedy.startswith(("In ", "Do "))
        assert document.number in finding.where


# What is sent


@pytest.fixture(params=SHIPPED)
def known(request: pytest.FixtureRequest) -> ServiceMap:
    return shipped(request.param)


def sent(document: Any, known: ServiceMap) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(body(document, "STR260314-07", known), parse_float=Decimal)["Payload"]
    return told


def test_an_invoice_as_the_default_map_writes_it() -> None:
    """Numbers as JSON numbers with both decimal places, dates with their midnight, distributions by GP's types."""
    assert body(an_invoice(), "STR260314-07", shipped("default")).decode() == (
        '{"Payload":{"DocumentType":"Invoice","DocumentNumber":"STI10482","CustomerNumber":"SMITH001",'
        '"DocumentDate":"2026-03-14T00:00:00","GLPostingDate":"2026-03-14T00:00:00","Description":"ST invoice 10482",'
        '"BatchNumber":"STR260314-07","TaxAmount":8.25,"DocumentAmount":108.25,"SalesAmount":110.00,'
        '"DueDate":"2026-04-13T00:00:00","CustomerPONumber":"10482","TradeDiscountAmount":10.00,"Distributions":['
        '{"DistributionType":3,"AccountNumber":"000-1200-00","DebitAmount":108.25,"CreditAmount":0.00,'
        '"DistributionReference":"2026-118"},'
        '{"DistributionType":10,"AccountNumber":"100-4110-02","DebitAmount":10.00,"CreditAmount":0.00,'
        '"DistributionReference":"2026-118"},'
        '{"DistributionType":9,"AccountNumber":"100-4110-02","DebitAmount":0.00,"CreditAmount":110.00,'
        '"DistributionReference":"2026-118"},'
        '{"DistributionType":13,"AccountNumber":"000-2211-00","DebitAmount":0.00,"CreditAmount":8.25,'
        '"DistributionReference":"2026-118"}],'
        '"Taxes":[{"TaxDetailId":"CO-RTD","TaxAmount":8.25,"TaxableAmount":100.00,"TotalSalesAmount":100.00}]}}'
    )


def test_a_bill_as_the_other_map_writes_it() -> None:
    """Amounts as text, days without a time, and no kind, because the path says it."""
    told = sent(a_bill(), shipped("product-segment"))
    assert told["VoucherId"] == "STB7781"
    assert told["VendorDocNumber"] == "FS-88121"
    assert (told["PurchaseAmt"], told["FreightAmt"], told["DocAmt"]) == ("240.10", "9.90", "250.00")
    assert told["DueDate"] == "2026-04-13"
    assert "Type" not in told


def test_descriptions_are_made_to_fit_and_keys_are_not(known: ServiceMap) -> None:
    """A long Polish description is written in the letters that GP has; a key that GP cannot keep is our own fault."""
    told = sent(replace(an_invoice(), description="Żółty   piec gazowy\n" + "x" * 40), known)
    assert told[known.receivables.resource.fields["description"]] == "Zólty piec gazowy xxxxxxxxxxxx"[:30]
    for wrong in (
        replace(an_invoice(), number="STI1234567890123"),
        replace(an_invoice(), customer_id="ŻUK001"),
        replace(a_bill(), vendor_invoice_number="1" * 21),
        replace(a_bill(), vendor_invoice_number=" 17"),
        replace(a_bill(), vendor_invoice_number=""),
    ):
        with pytest.raises(ValueError, match="GP cannot keep"):
            body(wrong, "STR260314-07", known)
    with pytest.raises(ValueError, match="GP cannot keep"):
        gp_key("STR260314-000007", 15)


amounts = st.integers(1, 10**13).map(lambda cents: Money.of_minor(cents, Currency.USD))
texts = st.text(max_size=60)


@st.composite
def invoices(draw: st.DrawFn) -> ReceivablesDocument:
    sales = draw(st.lists(amounts, min_size=1, max_size=5))
    taxes = draw(st.lists(amounts, max_size=3))
    whole = sum([*sales, *taxes], usd("0"))
    nothing = usd("0")
    account = AccountNumber(("100", "4110", "02"))
    return ReceivablesDocument(
        kind=DocumentKind.RECEIVABLES_INVOICE,
        number=f"STI{draw(st.integers(1, 10**9))}",
        company="North",
        customer_id="SMITH001",
        document_date=draw(st.dates(date(2000, 1, 1), date(2099, 12, 31))),
        posting_date=date(2026, 3, 14),
        due_date=draw(st.none() | st.dates(date(2000, 1, 1), date(2099, 12, 31))),
        description=draw(texts),
        customer_po=draw(texts),
        sales=sum(sales, nothing),
        trade_discount=nothing,
        taxes=tuple(TaxDetail("CO-RTD", tax, sum(sales, nothing), sum(sales, nothing)) for tax in taxes),
        distributions=(
            Distribution(account, ReceivablesType.RECV, whole, nothing, draw(texts)),
            *(Distribution(account, ReceivablesType.SALES, nothing, one, draw(texts)) for one in sales),
            *(Distribution(account, ReceivablesType.TAXES, nothing, tax) for tax in taxes),
        ),
    )


@given(document=invoices(), name=st.sampled_from(SHIPPED))
def test_what_is_sent_is_exact_and_always_the_same(document: ReceivablesDocument, name: str) -> None:
    """Same document, same bytes; every amount is the document's to the cent; every text fits GP's column."""
    known = shipped_once(name)
    first = body(document, "STR260314-07", known)
    assert first == body(replace(document), "STR260314-07", known)
    told = json.loads(first, parse_float=Decimal)["Payload"]
    fields, lines = known.receivables.resource.fields, known.receivables.distributions
    assert Decimal(told[fields["amount"]]) == document.amount.amount
    assert Decimal(told[fields["tax"]]) == document.tax.amount
    for line, ours in zip(told[lines.name], document.distributions, strict=True):
        assert Decimal(line[lines.fields["debit"]]) == ours.debit.amount
        assert Decimal(line[lines.fields["credit"]]) == ours.credit.amount
        assert len(line[lines.fields["reference"]].encode("cp1252")) <= 30
    assert len(told[fields["description"]].encode("cp1252")) <= 30
    assert len(told[fields["customer_po"]].encode("cp1252")) <= 20


_SHIPPED = {name: shipped(name) for name in SHIPPED}


def shipped_once(name: str) -> ServiceMap:
    return _SHIPPED[name]


def test_what_only_doctor_asks_may_be_taken_away() -> None:
    """An installation without such services loses nothing that a run needs."""
    own = parse('based_on = "default"\ncompany = false\nposting_setup = false\n', "north")
    assert (own.company, own.posting_setup) == (None, None)
    assert own.mapped == shipped("default").mapped


def test_a_posting_set_up_has_to_say_its_words() -> None:
    """Which origin is which, and what Transaction and Batch are called here."""
    text = """
        based_on = "product-segment"
        [posting_setup]
        path = "Dynamics/System/Posting"
        [posting_setup.fields]
        origin = "Origin"
        date_from = "DateFrom"
        to_ledger = "ToGl"
        [posting_setup.origins]
        receivables = "Sales"
        """
    assert set(mistakes(text)) == {
        "posting_setup.origins.payables",
        "posting_setup.dates",
        "posting_setup.fields.through_ledger",
    }


def test_a_company_has_to_name_its_segments_whole() -> None:
    """Position, name, length, and which is the main one."""
    text = 'based_on = "default"\n[company.segments.fields]\nmain = ""\nwidth = "Width"\n'
    assert set(mistakes(text)) == {"company.segments.fields.main", "company.segments.fields.width"}


def test_a_map_may_say_how_customers_and_vendors_are_made_and_changed() -> None:
    """Both shipped maps do, one field by field and one whole; a site takes it away with a `false`."""
    for name in SHIPPED:
        for resource in (shipped(name).customers, shipped(name).vendors):
            assert resource.create
            assert resource.update is not None
            assert resource.update.whole is (name == "product-segment")
    none = parse('based_on = "default"\n[customers]\ncreate = false\nupdate = false\n', "north")
    assert (none.customers.create, none.customers.update) == ("", None)
    assert none.vendors.create


def test_mistakes_in_how_a_card_is_changed_are_told_at_once() -> None:
    found = mistakes(
        """
        based_on = "default"
        [customers.create]
        path = ""
        [customers.update]
        path = "Sales/Customers({id})"
        verb = "POST"
        whole = "yes"
        read_only = "Balance"
        [vendors.update]
        readonly = []
        """
    )
    assert set(found) == {
        "customers.create.path",
        "customers.update.path",
        "customers.update.verb",
        "customers.update.whole",
        "customers.update.read_only",
        "vendors.update.readonly",
    }
    assert "read_only" in found["vendors.update.readonly"].remedy
