"""The ServiceTitan sandbox's customers and vendors: written and read as the official documents say, and edited by people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from ml_connector.sandbox import town
from ml_connector.sandbox.neighbourhood import STORIES, Neighbourhood, Population
from ml_connector.sandbox.shop import SCOPES
from tests.wire import openapi
from tests.wire.caller import MONTH, Caller, Row, serving

GUID, OTHER = "0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7"
MARIA, FERGUSON = town.CUSTOMERS[0].id, town.VENDORS[0].id
PLACE = {"street": "1 Elm St", "unit": "B", "city": "Denver", "state": "CO", "zip": "80205", "country": "USA"}
CUSTOMER: Row = {
    "name": "Żółtowski & Sons",
    "type": "Commercial",
    "address": PLACE,
    "locations": [{"name": "Żółtowski & Sons", "address": PLACE}],
    "contacts": [{"type": "Phone", "value": "303-555-9999"}, {"type": "Email", "value": "z@example.com"}],
    "externalData": {"applicationGuid": GUID, "externalData": [{"key": "gp", "value": "ZOLT001"}]},
    "paymentTermId": 30,
}
VENDOR: Row = {
    "name": "Pipe & Co",
    "active": True,
    "isTruckReplenishment": False,
    "taxRate": 0,
    "restrictedMobileCreation": False,
    "address": PLACE,
    "phone": "7205550101",
    "externalData": {"applicationGuid": GUID, "externalData": [{"key": "gp", "value": "PIPE001"}]},
}


@pytest.fixture
def caller() -> Iterator[Caller]:
    with serving() as it:
        yield it


def lookup(value: str, guid: str = GUID) -> dict[str, str | list[str]]:
    return {"externalDataApplicationGuid": guid, "externalDataKey": "gp", "externalDataValues": value}


# ---- made


def test_a_new_customer_has_what_was_sent_and_is_found_by_what_hangs_on_it(caller: Caller) -> None:
    """Name, address, terms, contacts, location and external data are there; only the application's guid shows the last."""
    made = caller.tell("POST", "crm", "customers", CUSTOMER)
    (found,) = caller.page("crm", "customers", **lookup("ZOLT001"))["data"]
    assert found["id"] == made["id"]
    assert found["name"] == "Żółtowski & Sons"
    assert found["paymentTermId"] == 30
    assert found["externalData"] == [{"key": "gp", "value": "ZOLT001"}]
    assert caller.page("crm", "customers", **lookup("ZOLT001", OTHER))["data"] == []
    assert caller.page("crm", "customers", ids=str(made["id"]))["data"][0]["externalData"] == []
    contacts = caller.page("crm", f"customers/{made['id']}/contacts")["data"]
    assert [(it["type"], it["value"]) for it in contacts] == [("Phone", "303-555-9999"), ("Email", "z@example.com")]
    assert [it["id"] for it in made["contacts"]] == [it["id"] for it in contacts]
    (location,) = caller.page("crm", "locations", customerId=str(made["id"]))["data"]
    assert made["locations"][0]["id"] == location["id"]
    assert made["id"] in {row["id"] for row in caller.rows("crm", "export/customers", checked=True)}


def test_a_new_vendor_has_what_was_sent_and_is_found_by_what_hangs_on_it(caller: Caller) -> None:
    made = caller.tell("POST", "inventory", "vendors", VENDOR)
    (found,) = caller.page("inventory", "vendors", **lookup("PIPE001,NOBODY"))["data"]
    assert (found["id"], found["name"], found["contactInfo"]["phone"]) == (made["id"], "Pipe & Co", "7205550101")
    assert caller.page("inventory", f"vendors/{made['id']}", externalDataApplicationGuid=GUID)["externalData"] == [
        {"key": "gp", "value": "PIPE001"}
    ]


@pytest.mark.parametrize(
    ("module", "name", "body", "at"),
    [
        ("crm", "customers", {**CUSTOMER, "name": " "}, "name"),
        ("crm", "customers", {**CUSTOMER, "locations": []}, "locations"),
        ("crm", "customers", {it: CUSTOMER[it] for it in CUSTOMER if it != "address"}, "address"),
        ("crm", "customers", {**CUSTOMER, "name": 7}, "name"),
        ("crm", "customers", {**CUSTOMER, "paymentTermId": 999}, "paymentTermId"),
        ("crm", "customers", {**CUSTOMER, "type": "Industrial"}, "type"),
        (
            "crm",
            "customers",
            {**CUSTOMER, "externalData": {"applicationGuid": "x", "externalData": []}},
            "externalData",
        ),
        ("inventory", "vendors", {**VENDOR, "name": ""}, "name"),
        ("inventory", "vendors", {it: VENDOR[it] for it in VENDOR if it != "taxRate"}, "taxRate"),
        ("inventory", "vendors", {**VENDOR, "address": {"street": "x"}}, "address"),
    ],
)
def test_a_form_that_does_not_fit_is_refused_by_field_and_nothing_is_made(
    caller: Caller, module: str, name: str, body: Row, at: str
) -> None:
    """400 with the official error body names the field; no half of a customer is left behind."""
    before = caller.page(module, name, includeTotal="true", active="Any")["totalCount"]
    (field,) = caller.tell("POST", module, name, body, status=400)["errors"]
    assert at in field
    assert caller.page(module, name, includeTotal="true", active="Any")["totalCount"] == before


def test_a_field_that_no_model_has_is_ignored_without_a_word(caller: Caller) -> None:
    """As live tenants do: 200, and nothing of it is kept. So what was written is read back."""
    made = caller.send("POST", "crm", "customers", json.dumps({**CUSTOMER, "gpId": "X"}).encode())
    assert made.status_code == 200
    assert "gpId" not in made.json()


# ---- changed


def test_a_change_keeps_what_it_does_not_name(caller: Caller) -> None:
    before = caller.page("crm", f"customers/{MARIA}")
    changed = caller.tell("PATCH", "crm", f"customers/{MARIA}", {"name": "Maria Brown"})
    assert changed == {**before, "name": "Maria Brown", "modifiedOn": changed["modifiedOn"]}
    assert changed["modifiedOn"] > before["modifiedOn"]
    caller.tell("PATCH", "inventory", f"vendors/{FERGUSON}", {"phone": "1", "active": False})
    assert caller.page("inventory", f"vendors/{FERGUSON}")["contactInfo"]["phone"] == "1"
    assert FERGUSON not in {row["id"] for row in caller.page("inventory", "vendors")["data"]}
    assert FERGUSON in {row["id"] for row in caller.page("inventory", "vendors", active="Any")["data"]}


def test_what_hangs_on_a_record_is_replaced_or_merged_for_one_application_only(caller: Caller) -> None:
    """`Replace`, the default, takes away the other keys of this application; `Merge` keeps them; another's stay."""

    def hang(guid: str, values: dict[str, str | None], mode: str | None = None) -> list[Row]:
        items = [{"key": key, "value": value} for key, value in values.items()]
        form: Row = {"applicationGuid": guid, "externalData": items} | ({"patchMode": mode} if mode else {})
        kept: list[Row] = caller.tell("PATCH", "crm", f"customers/{MARIA}", {"externalData": form})["externalData"]
        return kept

    hang(OTHER, {"gp": "THEIRS"})
    hang(GUID, {"gp": "A", "note": "n"})
    assert hang(GUID, {"gp": "B"}, "Merge") == [{"key": "note", "value": "n"}, {"key": "gp", "value": "B"}]
    assert hang(GUID, {"note": None}, "Merge") == [{"key": "gp", "value": "B"}]
    assert hang(GUID, {"note": "m"}) == [{"key": "note", "value": "m"}]
    assert [it["id"] for it in caller.page("crm", "customers", **lookup("THEIRS", OTHER))["data"]] == [MARIA]


def test_contacts_change_without_their_customer_and_have_a_feed_of_their_own(caller: Caller) -> None:
    """`modifiedOn` of the customer does not move when a telephone does (developer FAQ); the feed of contacts tells it."""
    feed, before = ("crm", "export/customers/contacts"), caller.page("crm", f"customers/{MARIA}")
    token = list(caller.pages(*feed))[-1]["continueFrom"]
    contact = caller.tell("POST", "crm", f"customers/{MARIA}/contacts", {"type": "MobilePhone", "value": "720 555 1"})
    caller.tell("PATCH", "crm", f"customers/{MARIA}/contacts/{contact['id']}", {"value": "720 555 2"})
    assert caller.page("crm", f"customers/{MARIA}") == before
    (row,) = caller.rows(*feed, checked=True, since=token)
    assert (row["customerId"], row["value"], row["active"]) == (MARIA, "720 555 2", True)
    since = caller.page("crm", "customers/contacts", modifiedOnOrAfter=row["modifiedOn"])["data"]
    assert [it["id"] for it in since] == [contact["id"]]
    (found,) = caller.page("crm", "customers", phone="(720) 555-2")["data"]
    assert found["id"] == MARIA


def test_who_is_not_there_cannot_be_changed(caller: Caller) -> None:
    for module, name in (("crm", "customers/5"), ("inventory", "vendors/5"), ("crm", f"customers/{MARIA}/contacts/5")):
        assert caller.tell("PATCH", module, name, {}, status=404)["status"] == 404
    assert caller.get("crm", "customers/5").status_code == 404
    assert caller.get("crm", "customers/5/contacts").status_code == 404


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"externalDataKey": "gp", "externalDataApplicationGuid": GUID}, "externalDataKey"),
        ({"externalDataKey": "gp", "externalDataValues": "X"}, "externalDataApplicationGuid"),
        (lookup(",".join(map(str, range(51)))), "externalDataValues"),
        ({"ids": ",".join(map(str, range(51)))}, "ids"),
        ({"pageSize": "5001"}, "pageSize"),
    ],
)
def test_a_list_that_asks_for_too_much_or_too_little_is_refused(caller: Caller, query: Row, name: str) -> None:
    answer = caller.get("crm", "customers", **query)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [name]


def test_contacts_are_listed_by_customers_or_since_a_moment_and_no_other_way(caller: Caller) -> None:
    assert caller.get("crm", "customers/contacts").status_code == 400
    wanted = [it.id for it in town.CUSTOMERS[:50]]
    rows = caller.rows("crm", "customers/contacts", checked=True, customerIds=",".join(map(str, wanted)))
    assert {row["customerId"] for row in rows} == set(wanted)
    assert caller.get("crm", "customers/contacts", customerIds=",".join(map(str, range(51)))).status_code == 400


def test_a_write_needs_a_scope_of_its_own() -> None:
    with serving(scopes=set(SCOPES) - {"tn.crm.customers:w", "tn.inv.vendors:w"}) as caller:
        content = json.dumps(CUSTOMER).encode()
        assert caller.send("POST", "crm", "customers", content).status_code == 403
        assert caller.send("PATCH", "crm", f"customers/{MARIA}", b"{}").status_code == 403
        assert caller.send("POST", "inventory", "vendors", json.dumps(VENDOR).encode()).status_code == 403
        assert caller.get("crm", "customers").status_code == 200
    for module, method, name in (
        ("crm", "POST", "customers"),
        ("crm", "PATCH", "customers/1"),
        ("crm", "POST", "customers/1/contacts"),
        ("crm", "PATCH", "customers/1/contacts/2"),
        ("inventory", "POST", "vendors"),
        ("inventory", "PATCH", "vendors/1"),
    ):
        assert openapi.scopes(module, method, f"/tenant/1/{name}") <= {"tn.crm.customers:w", "tn.inv.vendors:w"}


def test_nothing_but_customers_and_vendors_can_be_written(caller: Caller) -> None:
    for module, name in (("accounting", "invoices"), ("accounting", "gl-accounts"), ("inventory", "purchase-orders")):
        assert caller.send("POST", module, name, b"{}").status_code == 405
    assert caller.send("PATCH", "accounting", "gl-accounts/411", b"{}").status_code == 404


# ---- edited by people


def test_a_merged_customer_is_inactive_and_points_to_the_other(caller: Caller) -> None:
    other = town.CUSTOMERS[1].id
    caller.do("merge", id=other, into=MARIA)
    assert other not in {row["id"] for row in caller.rows("crm", "customers")}
    merged = {row["id"]: row for row in caller.rows("crm", "export/customers", checked=True)}[other]
    assert (merged["active"], merged["mergedToId"]) == (False, MARIA)


def test_a_payment_moves_the_balance_and_the_customer_but_is_no_edit() -> None:
    """`modifiedOn` moves with the balance; a list that leaves accounting changes out does not show it."""
    with serving() as caller:
        invoice = next(it for it in MONTH.invoices if it.balance and it.status == "Posted")
        before = caller.page("crm", f"customers/{invoice.customer.id}")
        token = list(caller.pages("crm", "export/customers"))[-1]["continueFrom"]
        caller.do("touch_invoice", id=invoice.id)
        (row,) = caller.rows("crm", "export/customers", since=token)
        assert row["balance"] == Decimal(str(before["balance"])) - invoice.balance
        since = {"modifiedOnOrAfter": row["modifiedOn"]}
        assert [it["id"] for it in caller.page("crm", "customers", **since)["data"]] == [row["id"]]
        assert (
            caller.page("crm", "customers", excludeAccountingChangesFromModifiedDateRange="true", **since)["data"] == []
        )


def test_people_rename_move_and_add(caller: Caller) -> None:
    caller.do("edit_customer", id=MARIA, name="Maria Brown", street="9 Oak St")
    caller.do("set_contacts", id=MARIA, phones=["1", "2"], emails=["m@example.com"])
    caller.do("edit_vendor", id=FERGUSON, name="Ferguson Enterprises", phone="5", city="Golden")
    added = caller.do("add_customer", name="New Person", phone="7", street="3 Fir St")["id"]
    vendor = caller.do("add_vendor", name="New Vendor", email="v@example.com")["id"]
    assert caller.page("crm", f"customers/{MARIA}")["address"]["street"] == "9 Oak St"
    assert [it["value"] for it in caller.page("crm", f"customers/{MARIA}/contacts")["data"]] == [
        "1",
        "2",
        "m@example.com",
    ]
    assert caller.page("inventory", f"vendors/{FERGUSON}")["address"]["city"] == "Golden"
    assert caller.page("crm", f"customers/{added}")["name"] == "New Person"
    assert caller.page("inventory", f"vendors/{vendor}")["contactInfo"]["email"] == "v@example.com"


# ---- the neighbourhood


def test_the_whole_neighbourhood_is_served_as_specified() -> None:
    """Five hundred customers and fifty vendors beside the town's, each row and each contact as the documents have it."""
    around = Neighbourhood(500, 50)
    with serving(neighbourhood=around, kept_as=(GUID, "gp"), page_rows=200) as caller:
        rows = {str(row["id"]): row for row in caller.rows("crm", "customers", checked=True, active="Any")}
        assert {it.id for it in around.customers.field} <= rows.keys()
        assert len(rows) == 500 + len(town.CUSTOMERS) + 1
        assert len(caller.rows("crm", "export/customers", checked=True)) == len(rows)
        assert len(caller.rows("crm", "locations", checked=True)) == len(rows)
        vendors = {str(row["id"]) for row in caller.rows("inventory", "vendors", checked=True, active="Any")}
        assert {it.id for it in around.vendors.field} <= vendors
        contacts = caller.rows("crm", "export/customers/contacts", checked=True)
        told = [row["value"] for row in contacts if str(row["customerId"]) == "6000003"]
        assert told == [*around.customers.field[2].phones, *around.customers.field[2].emails]
        kept = next(it for it in around.customers.field if it.counterpart)
        (found,) = caller.page("crm", "customers", **lookup(kept.counterpart))["data"]
        assert str(found["id"]) == kept.id


@pytest.mark.parametrize("of", ["customers", "vendors"])
def test_the_planted_truth_is_about_who_is_there(of: str) -> None:
    """Every ServiceTitan party has a truth, every GP id in it exists, every story was planted, and twice is the same."""
    told: Population = getattr(Neighbourhood(5000, 500), of)
    again: Population = getattr(Neighbourhood(5000, 500), of)
    assert told == again
    assert told.truth.keys() == {it.id for it in told.field}
    books = {it.id for it in told.books}
    assert len(books) == len(told.books)
    assert {it for it in told.truth.values() if it} <= books
    assert all(len(it.id) <= 15 and len(it.name) <= 64 for it in told.books)
    assert set(told.stories) == set(STORIES)
    assert all(told.stories.values())
    strangers = set(told.stories["strangers"]) | set(told.stories["kept_stale"]) | set(told.stories["twin_in_books"])
    assert {id for id, same in told.truth.items() if not same} == strangers


def test_who_shares_a_truth_was_doubled_in_servicetitan() -> None:
    """Two ServiceTitan customers are one GP customer only where a dispatcher made one twice, or ServiceTitan merged them."""
    told = Neighbourhood().customers
    doubled = {*told.stories["twin_in_field"], *told.stories["merged"]}
    seen: dict[str, str] = {}
    for id, same in told.truth.items():
        assert not same or same not in seen or id in doubled
        seen.setdefault(same, id)


def test_two_numbers_are_the_same_only_where_they_were_planted_so() -> None:
    """No telephone is shared by chance, so that what a matcher makes of a shared one is what was planted."""
    told = Neighbourhood().customers
    planted = {id for story in ("shared_phone", "father_and_son", "twin_in_field", "merged", "number_of_another")
               for id in told.stories[story]}  # fmt: skip
    owners: dict[str, str] = {}
    for card in told.field:
        for phone in card.phones:
            number = "".join(filter(str.isdigit, phone))
            assert owners.setdefault(number, card.id) == card.id or card.id in planted
