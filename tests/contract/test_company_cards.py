"""Customers and vendors over the sandbox's SBA server, in both dialects, by a plain HTTP client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import httpx2
import pytest

from ml_connector.sandbox import town
from ml_connector.sandbox.company import Company
from ml_connector.sandbox.company.card_records import CARD_WIDTHS, Card, Customer, Vendor
from ml_connector.sandbox.company.dialect import Style
from ml_connector.sandbox.neighbourhood import Neighbourhood
from tests.contract.test_company_sandbox import Gp, serving

NAMES = pytest.mark.parametrize("name", ["customers", "vendors"])
KNOWN = {"customers": town.CUSTOMERS[7].gp_id, "vendors": "FERGUSON0001"}
CLASS = {"customers": "COMMERCIAL", "vendors": "TRADE"}
NEW = {
    "id": "new0001",
    "name": "Newcomer & Sons",
    "address_code": "PRIMARY",
    "line1": "1 Elm St",
    "city": "Denver",
    "phone1": "30355501880000",
}


@pytest.fixture(params=["one", "two"])
def gp(request: pytest.FixtureRequest) -> Iterator[Gp]:
    with serving(request.param) as it:
        yield it


def tell(gp: Gp, method: str, name: str, values: dict[str, Any], id: str = "") -> httpx2.Response:
    resource = gp.resource(name)
    body = {"Payload": {resource.fields[attribute]: value for attribute, value in values.items()}}
    return gp.http.request(method, gp.address(resource.path + (f"({id})" if id else "")), json=body)


def raw(gp: Gp, name: str, id: str) -> dict[str, Any]:
    """One record as the dialect gives it."""
    body = gp.http.get(gp.address(f"{gp.resource(name).path}({id})")).json()
    record: dict[str, Any] = body.get("Payload", body)
    return record


def standing(gp: Gp, name: str, id: str) -> Card:
    read = gp.company.customers if name == "customers" else gp.company.vendors
    (card,) = read([id])
    return card


def said(response: httpx2.Response) -> str:
    body = json.loads(response.content)
    return " ".join(it["Message"] for it in body["Errors"]) if "Errors" in body else str(body["error"]["message"])


@NAMES
def test_a_card_is_made_and_read_back_padded_and_in_capitals(gp: Gp, name: str) -> None:
    made = tell(gp, "POST", name, NEW | {"class_id": CLASS[name]})
    assert (made.status_code, made.content == b"") == ((201, False) if gp.dialect.style is Style.QUERY else (200, True))
    card = standing(gp, name, "NEW0001")
    assert card.id == "NEW0001".ljust(15)
    assert card.terms == "Net 30".ljust(21)
    row = raw(gp, name, "NEW0001")
    assert row[gp.resource(name).fields["line1"]] == "1 Elm St".ljust(61)


@NAMES
def test_every_reason_against_a_card_is_told_and_nothing_is_made(gp: Gp, name: str) -> None:
    wrong = NEW | {"id": KNOWN[name], "class_id": "NONE", "terms": "Net 999", "address_code": "", "zip": "1" * 11}
    refused = tell(gp, "POST", name, wrong)
    assert refused.status_code in (400, 409)
    if gp.dialect.style is Style.QUERY:
        assert refused.status_code == 409
        for part in ("already exists", "class does not exist", "terms do not exist", "address code", "longer than 10"):
            assert part in said(refused)
    assert said(tell(gp, "POST", name, NEW | {"name": "  "})) == "Required field name is missing or empty."
    assert (*gp.company.customers(["NEW0001"]), *gp.company.vendors(["NEW0001"])) == ()


@NAMES
def test_a_change_keeps_or_blanks_what_it_leaves_out_as_the_dialect_does(gp: Gp, name: str) -> None:
    """Dialect one changes what it is told; dialect two takes a PATCH for the whole card."""
    before = standing(gp, name, KNOWN[name])
    assert tell(gp, "PATCH", name, {"name": "Another Name"}, KNOWN[name]).status_code == 200
    after = standing(gp, name, KNOWN[name])
    assert after.name.strip() == "Another Name"
    changed = {it.name for it in fields(before) if getattr(before, it.name) != getattr(after, it.name)}
    if gp.dialect.style is Style.QUERY:
        assert changed == {"name", "modified"}
    else:
        assert {"line1", "phone1", "terms", "class_id", "comment"} <= changed


@NAMES
def test_a_whole_card_that_is_sent_back_changes_only_what_was_changed(gp: Gp, name: str) -> None:
    """Also the fields that nobody mapped, and the credit limit, come back as they were."""
    before = standing(gp, name, KNOWN[name])
    names = gp.resource(name).fields
    row = raw(gp, name, KNOWN[name])
    row[names["name"]] = "Another Name"
    for attribute in ("balance", "modified", "created"):
        row.pop(names.get(attribute, ""), None)
    path = gp.address(f"{gp.resource(name).path}({KNOWN[name]})")
    assert gp.http.patch(path, json={"Payload": row}).status_code == 200
    after = standing(gp, name, KNOWN[name])
    expected = replace(before, name="Another Name".ljust(CARD_WIDTHS["name"]), modified=after.modified)
    told = set(names)
    assert {it: getattr(after, it) for it in told} == {it: getattr(expected, it) for it in told}
    if isinstance(before, Customer):
        assert isinstance(after, Customer)
        assert after.credit_limit == before.credit_limit


@NAMES
def test_what_cannot_be_changed_is_refused(gp: Gp, name: str) -> None:
    """A read-only field, another key, a card that is not there or is open on a screen, a flag that is none."""
    known = KNOWN[name]
    assert tell(gp, "PATCH", name, {"modified": "2026-03-01"}, known).status_code == 400
    assert tell(gp, "PATCH", name, {"id": "OTHER", "name": "x"}, known).status_code == 400
    assert tell(gp, "PATCH", name, {"active": "yes"}, known).status_code == 400
    assert tell(gp, "PATCH", name, {"name": "x"}, "NOBODY").status_code == 404
    gp.control("lock_card", party=known)
    locked = tell(gp, "PATCH", name, {"name": "Another Name"}, known)
    assert locked.status_code == 400
    assert "being edited" in said(locked)
    assert gp.http.delete(gp.address(f"{gp.resource(name).path}({known})")).status_code == 405


@NAMES
def test_cards_are_found_by_day_by_id_and_by_range(gp: Gp, name: str) -> None:
    gp.control(f"edit_{name.removesuffix('s')}", id=KNOWN[name], name="Edited By Hand")
    names = gp.resource(name).fields
    if gp.dialect.style is Style.QUERY:
        since = {"$filter": f"{names['modified']} ge 2026-03-20"}
        between = {"$filter": f"{names['id']} ge 'A' and {names['id']} le 'G'"}
    else:
        since, between = {"modifiedFrom": "2026-03-20"}, {"idFrom": "A", "idTo": "G"}
    assert [row["id"].strip() for row in gp.rows(name, **since)] == [KNOWN[name]]
    found = [row["id"].strip() for row in gp.rows(name, **between)]
    assert found
    assert all("A" <= id <= "G" for id in found)


def test_people_make_edit_and_delete_cards(gp: Gp) -> None:
    assert gp.control("add_customer", id="X1", name="X", phone1="1", address_code="PRIMARY") == {}
    assert gp.control("add_vendor", id="Y1", name="Y", is_1099=True) == {}
    assert gp.control("add_vendor", id="Y1", name="Y")["refused"]
    assert gp.control("edit_vendor", id="Y1", terms="Net 999")["refused"]
    assert gp.control("put_on_hold", party="Y1") == {}
    (vendor,) = gp.company.vendors(["y1"])
    assert isinstance(vendor, Vendor)
    assert (vendor.on_hold, vendor.is_1099) == (True, True)
    assert gp.control("delete_customer", id="X1") == {}
    assert gp.control("delete_customer", id="X1")["refused"]


def test_a_neighbourhood_comes_to_the_town(gp: Gp) -> None:
    """GP's half of the neighbourhood stands beside the town's own, with the counterpart where the site keeps it."""
    around = Neighbourhood(300, 100)
    company = Company.front_range(neighbourhood=around)
    cards = {it.id.strip(): it for it in (*company.customers(), *company.vendors())}
    for card in (*around.customers.books, *around.vendors.books):
        assert cards[card.id].name.strip() == card.name.encode("cp1252", "replace").decode("cp1252")
        assert cards[card.id].user1.strip() == card.counterpart
        assert cards[card.id].active is card.active
    assert len(company.customers()) == 300 + len(town.CUSTOMERS) + 1
