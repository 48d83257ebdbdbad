"""The ServiceTitan sandbox: its answers are those of the official documents, and its month is what it says it is."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from ml_connector.sandbox import town
from ml_connector.sandbox.moments import from_text
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.shop import SCOPES
from tests.wire import openapi
from tests.wire.caller import MONTH, Caller, Row, serving

LISTS = (
    ("accounting", "invoices"),
    ("accounting", "inventory-bills/paginated"),
    ("accounting", "tax-zones"),
    ("accounting", "gl-accounts"),
    ("accounting", "payment-terms"),
    ("crm", "customers"),
    ("crm", "locations"),
    ("inventory", "vendors"),
    ("inventory", "purchase-orders"),
    ("jpm", "jobs"),
    ("jpm", "job-types"),
    ("jpm", "projects"),
    ("settings", "business-units"),
    ("settings", "tag-types"),
)
FEEDS = (
    ("accounting", "export/invoices"),
    ("accounting", "export/inventory-bills"),
    ("crm", "export/customers"),
    ("crm", "export/customers/contacts"),
)


@dataclass
class Watch:
    """A clock that goes when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def caller() -> Iterator[Caller]:
    with serving() as it:
        yield it


@pytest.fixture(scope="module")
def rows() -> Iterator[Mapping[str, Sequence[Row]]]:
    """The month's invoices (inactive ones too) and bills, as the feeds give them."""
    with serving() as it:
        yield {"invoice": it.rows(*FEEDS[0]), "bill": it.rows(*FEEDS[1])}


# ---- the official documents


@pytest.mark.parametrize(("module", "name"), [*LISTS, *FEEDS])
def test_every_answer_over_the_whole_month_is_as_specified(caller: Caller, module: str, name: str) -> None:
    """Every page validates, no row comes twice, and every row has all the fields that the document declares."""
    found = caller.rows(module, name, checked=True)
    assert found
    assert len({row["id"] for row in found}) == len(found)
    declared = openapi.fields(module, f"/tenant/1/{name}")
    assert all(set(row) == declared for row in found)


@pytest.mark.parametrize(("module", "name"), [*LISTS, *FEEDS])
def test_the_scope_asked_for_is_the_declared_one(module: str, name: str) -> None:
    """An application without just that scope is refused with 403; with all of them it is served."""
    (scope,) = openapi.scopes(module, "GET", f"/tenant/1/{name}")
    with serving(scopes=set(SCOPES) - {scope}) as lacking:
        assert lacking.get(module, name).status_code == 403
    with serving(scopes={scope}) as enough:
        assert enough.get(module, name).status_code == 200


@pytest.mark.parametrize(
    ("name", "query", "blamed"),
    [
        ("invoices", {"ids": ",".join(map(str, range(51)))}, "ids"),
        ("invoices", {"ids": "ten"}, "ids"),
        ("invoices", {"page": "0"}, "page"),
        ("invoices", {"pageSize": "5001"}, "pageSize"),
        ("invoices", {"activeState": "Any"}, "activeState"),
        ("invoices", {"statuses": "Paid"}, "statuses"),
        ("invoices", {"modifiedOnOrAfter": "yesterday"}, "modifiedOnOrAfter"),
        ("tax-zones", {"active": "All"}, "active"),
        ("export/invoices", {"from": "no such token"}, "from"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_blamed_by_name(
    caller: Caller, name: str, query: Mapping[str, str], blamed: str
) -> None:
    answer = caller.get("accounting", name, **query)
    assert answer.status_code == 400
    openapi.validate_answer("accounting", "GET", f"/tenant/1/{name}", 400, answer.content)
    assert list(answer.json()["errors"]) == [blamed]


def test_the_documents_do_refuse_what_they_do_not_declare(caller: Caller) -> None:
    """The proof of the proof: a missing field, a number for a string, an unknown parameter and a wrong type are seen."""
    page = caller.page("accounting", "invoices", pageSize="1")
    (row,) = page["data"]
    for spoiled in ({**row, "total": 12.5}, {**row, "extra": 1}, {k: v for k, v in row.items() if k != "id"}):
        with pytest.raises(openapi.NotAsSpecified):
            openapi.validate_answer("accounting", "GET", "/tenant/1/invoices", 200, {**page, "data": [spoiled]})
    for query in ({"limit": ["5"]}, {"page": ["one"]}, {"statuses": ["Paid"]}, {"modifiedBefore": ["noon"]}):
        with pytest.raises(openapi.NotAsSpecified):
            openapi.validate_request("accounting", "GET", "/tenant/1/invoices", query)
    with pytest.raises(openapi.NotAsSpecified):
        openapi.validate_request("accounting", "POST", "/tenant/1/inventory-bills", {})


# ---- lists


def test_lists_leave_out_inactive_rows_unless_asked(caller: Caller) -> None:
    _, deleted = MONTH.planted["inactive"]
    assert deleted not in {row["id"] for row in caller.rows("accounting", "invoices")}
    assert deleted in {row["id"] for row in caller.rows("accounting", "invoices", activeState="All")}
    (only,) = caller.rows("accounting", "invoices", activeState="InactiveOnly")
    assert (only["id"], only["active"]) == (deleted, False)


def test_ids_come_with_commas_and_for_vendors_repeated(caller: Caller) -> None:
    """The official documents declare a string for invoices and an array for vendors."""
    assert [it["id"] for it in caller.page("accounting", "invoices", ids="10490,10482")["data"]] == [10482, 10490]
    wanted = [str(it.id) for it in town.VENDORS[:2]]
    assert [str(it["id"]) for it in caller.page("inventory", "vendors", ids=wanted)["data"]] == wanted
    assert caller.get("inventory", "vendors", ids=",".join(wanted)).status_code == 400


def test_a_list_is_read_page_by_page_with_a_total_on_request(caller: Caller) -> None:
    page = caller.page("crm", "customers", page="3", pageSize="50", includeTotal="true")
    assert (page["page"], page["hasMore"], page["totalCount"], len(page["data"])) == (3, False, 119, 19)
    assert caller.page("crm", "customers")["totalCount"] is None


def test_an_unknown_parameter_changes_nothing(caller: Caller) -> None:
    """As on live tenants: a filter that does not exist gives an unfiltered page and no error."""
    unfiltered = caller.get("jpm", "jobs").content
    assert caller.get("jpm", "jobs", customerIds="1").content == unfiltered


@pytest.mark.parametrize(
    ("module", "name", "query", "fits"),
    [
        ("accounting", "invoices", {"statuses": ["Exported", "Pending"]}, lambda it: it["syncStatus"] != "Posted"),
        ("accounting", "invoices", {"adjustmentToId": "10468"}, lambda it: it["adjustmentToId"] == 10468),
        ("accounting", "invoices", {"customerId": "5500101"}, lambda it: it["customer"]["id"] == 5500101),
        (
            "accounting",
            "invoices",
            {"invoicedOnOrAfter": "2026-03-30T00:00:00Z", "invoicedOnBefore": "2026-03-31T00:00:00Z"},
            lambda it: it["invoiceDate"] == "2026-03-30T00:00:00Z",
        ),
        (
            "accounting",
            "inventory-bills/paginated",
            {"modifiedOnOrAfter": "2026-03-28T00:00:00Z"},
            lambda it: it["modifiedOn"] >= "2026-03-28",
        ),
        ("jpm", "jobs", {"jobTypeId": "42"}, lambda it: it["jobTypeId"] == 42),
    ],
)
def test_a_filter_lets_through_what_fits_and_nothing_else(
    caller: Caller, module: str, name: str, query: dict[str, Any], fits: Any
) -> None:
    everything = caller.rows(module, name)
    filtered = caller.page(module, name, pageSize="5000", **query)["data"]
    assert filtered == [it for it in everything if fits(it)]
    assert 0 < len(filtered) < len(everything)


# ---- feeds


def test_a_feed_brings_every_row_once_in_the_order_of_change() -> None:
    with serving(page_rows=17) as caller:
        found = caller.rows(*FEEDS[0])
    changes = [(from_text(row["modifiedOn"]), row["id"]) for row in found]
    assert changes == sorted(changes)
    assert {row["id"] for row in found} == {it.id for it in MONTH.invoices}
    assert [row["active"] for row in found].count(False) == 1


def test_the_last_token_brings_later_only_what_changed_since(caller: Caller) -> None:
    """The token of the end is kept; the same row comes again each time it is modified."""
    token = _last_token(caller)
    assert caller.page(*FEEDS[0], **{"from": token})["data"] == []
    caller.do("touch_invoice", id=10490)
    caller.do("edit_invoice", id=10482)
    first = caller.page(*FEEDS[0], **{"from": token})
    assert [row["id"] for row in first["data"]] == [10490, 10482]
    caller.do("touch_invoice", id=10490)
    again = caller.page(*FEEDS[0], **{"from": first["continueFrom"]})
    assert [row["id"] for row in again["data"]] == [10490]


def test_a_feed_starts_at_a_date(caller: Caller) -> None:
    found = caller.rows(*FEEDS[1], since="2026-03-20")
    everything = caller.rows(*FEEDS[1])
    assert found == [row for row in everything if row["modifiedOn"] >= "2026-03-20"]
    assert 0 < len(found) < len(everything)


def test_a_token_belongs_to_its_feed(caller: Caller) -> None:
    assert caller.get(*FEEDS[1], **{"from": _last_token(caller)}).status_code == 400


def test_recent_changes_may_come_twice(caller: Caller) -> None:
    """With includeRecentChanges the last row of the end comes again with the next call, and new ones after it."""
    end = caller.page(*FEEDS[1], **{"from": "2026-03-30", "includeRecentChanges": "true"})
    last = end["data"][-1]["id"]
    changed = caller.do("edit_bill", id=8903, cost="1900.00")["id"]
    after = caller.page(*FEEDS[1], **{"from": end["continueFrom"], "includeRecentChanges": "true"})
    assert [row["id"] for row in after["data"]] == [last, changed]


def test_an_empty_page_loses_no_row() -> None:
    """Twice in the middle of the feed there is a page without rows; its token moves on and hasMore stays true."""
    with serving(page_rows=100) as caller:
        everything = caller.rows(*FEEDS[0])
        caller.do("faults", fault="empty-page", path="export/invoices", skip=1, times=2)
        first = caller.page(*FEEDS[0])
        empty = caller.page(*FEEDS[0], **{"from": first["continueFrom"]})
        assert (empty["data"], empty["hasMore"]) == ([], True)
        assert empty["continueFrom"] != first["continueFrom"]
        rest = caller.rows(*FEEDS[0], since=empty["continueFrom"])
        assert first["data"] + rest == everything


def test_a_repeated_token_is_the_one_that_was_sent(caller: Caller) -> None:
    caller.do("faults", fault="repeated-token")
    token = caller.page(*FEEDS[0])["continueFrom"]
    stuck = caller.page(*FEEDS[0], **{"from": token})
    assert (stuck["continueFrom"], stuck["hasMore"]) == (token, True)
    assert caller.page(*FEEDS[0], **{"from": token})["continueFrom"] != token


def _last_token(caller: Caller) -> str:
    *_, last = caller.pages(*FEEDS[0])
    return str(last["continueFrom"])


# ---- the gate


def test_a_token_is_given_to_the_right_client_only(caller: Caller) -> None:
    given = caller.log_in().json()
    assert (given["token_type"], given["expires_in"], given["scope"].split()) == ("Bearer", 900, sorted(SCOPES))
    refused = caller.log_in(secret="guessed")
    assert (refused.status_code, refused.json()) == (400, {"error": "invalid_client"})
    wrong_grant = caller.http.post(f"{caller.url}/connect/token", data={"grant_type": "password"})
    assert (wrong_grant.status_code, wrong_grant.json()) == (400, {"error": "unsupported_grant_type"})
    as_json = caller.http.post(f"{caller.url}/connect/token", json={"grant_type": "client_credentials"})
    assert (as_json.status_code, as_json.json()) == (400, {"error": "invalid_request"})


def test_a_token_expires() -> None:
    watch = Watch()
    with serving(token_seconds=900, clock=watch) as caller:
        watch.now += 899.9
        assert caller.get("crm", "customers").status_code == 200
        watch.now += 0.1
        assert caller.get("crm", "customers").status_code == 401
        caller.log_in()
        assert caller.get("crm", "customers").status_code == 200


def test_a_revoked_token_is_refused_before_its_time(caller: Caller) -> None:
    """Once by a fault on one call, once by an administrator for all tokens; a new token serves again."""
    caller.do("faults", fault="token-revoked")
    assert [caller.get("crm", "customers").status_code for _ in range(2)] == [401, 401]
    caller.log_in()
    assert caller.get("crm", "customers").status_code == 200
    caller.do("revoke_tokens")
    assert caller.get("crm", "customers").status_code == 401


def test_no_token_a_wrong_key_another_tenant_and_an_unknown_address_are_refused(caller: Caller) -> None:
    url = f"{caller.url}/jpm/v2/tenant/{town.TENANT_ID}/jobs"
    assert caller.http.get(url, headers={"ST-App-Key": "sandbox-app-key"}).status_code == 401
    assert caller.http.get(url, headers={"Authorization": f"Bearer {caller.token}"}).status_code == 401
    assert (
        caller.http.post(
            url, headers={"Authorization": f"Bearer {caller.token}", "ST-App-Key": caller.app_key}
        ).status_code
        == 405
    )
    assert caller.get("crm", "nothing").status_code == 404
    assert caller.http.get(f"{caller.url}/v2/tenant/{town.TENANT_ID}/customers").status_code == 404
    caller.tenant = 1
    assert caller.get("crm", "customers").status_code == 404
    caller.app_key = "another"
    assert caller.get("crm", "customers").status_code == 401


def test_the_sixty_first_call_in_a_second_is_too_many() -> None:
    watch = Watch()
    with serving(calls_per_second=60, clock=watch) as caller:
        answers = [caller.get("settings", "tag-types") for _ in range(61)]
        assert Counter(it.status_code for it in answers) == {200: 60, 429: 1}
        assert answers[-1].headers["Retry-After"] == "1"
        watch.now += 1
        assert caller.get("settings", "tag-types").status_code == 200


# ---- deeds


def test_an_edited_invoice_still_adds_up_and_has_moved(caller: Caller) -> None:
    before = _invoice(caller, 10490)
    caller.do("edit_invoice", id=10490, line=0, price="150.00")
    after = _invoice(caller, 10490)
    assert (after["subTotal"], after["salesTax"], after["total"]) == ("150.00", "13.22", "163.22")
    assert from_text(after["modifiedOn"]) > max(it.modified for it in MONTH.invoices)
    assert (before["items"][0]["id"], before["createdOn"]) == (after["items"][0]["id"], after["createdOn"])


def test_a_touched_invoice_differs_in_balance_and_time_only(caller: Caller) -> None:
    before = _invoice(caller, 10482)
    caller.do("touch_invoice", id=10482)
    after = _invoice(caller, 10482)
    assert {name for name in before if before[name] != after[name]} == {"balance", "paidOn", "modifiedOn"}


def test_the_office_posts_what_was_pending(caller: Caller) -> None:
    """All that were waiting, but not the deleted one."""
    waiting = [row["id"] for row in caller.rows("accounting", "invoices") if row["syncStatus"] == "Pending"]
    assert caller.do("post_pending", ids=waiting[:1]) == {"ids": waiting[:1]}
    assert caller.do("post_pending") == {"ids": waiting[1:]}
    posted = caller.page("accounting", "invoices", ids=",".join(map(str, waiting)))["data"]
    assert all(row["syncStatus"] == "Posted" and row["batch"] for row in posted)
    assert {row["syncStatus"] for row in caller.rows("accounting", "invoices", activeState="InactiveOnly")} == {
        "Pending"
    }


def test_a_bill_is_mended_in_servicetitan(caller: Caller) -> None:
    """The vendor's number is filled in, the bill reconciled, a cost corrected: the amount follows."""
    _, id = MONTH.planted["missing_vendor_invoice"]
    caller.do("edit_bill", id=id, vendor_number="FS-1", cost="20.00", reconciled="2026-04-02")
    (bill,) = caller.page("accounting", "inventory-bills/paginated", ids=str(id))["data"]
    assert (bill["vendorNumber"], bill["dateReconciled"]) == ("FS-1", "2026-04-02T00:00:00Z")
    assert bill["billAmount"] == "240.00"


def test_an_added_invoice_is_served_with_its_visit(caller: Caller) -> None:
    lines = [{"item": "LEAK-REPAIR"}, {"item": "PEX-34", "quantity": "10", "price": "7.00"}]
    added = caller.do("add_invoice", unit=321, lines=lines)
    row = _invoice(caller, added["id"])
    assert (row["subTotal"], row["total"], row["syncStatus"]) == ("345.00", "351.17", "Posted")
    (visit,) = caller.page("jpm", "jobs", invoiceId=str(added["id"]))["data"]
    assert visit["jobNumber"] == row["referenceNumber"]
    deleted = caller.do("delete_invoice", id=added["id"])
    assert caller.page("accounting", "invoices", ids=str(deleted["id"]))["data"] == []


def test_records_are_the_very_rows_that_are_served(caller: Caller) -> None:
    """What a test compares the connector's work with, read around the API."""
    records = caller.http.get(f"{caller.url}/__sandbox/records").json()
    served = {row["id"]: row for row in caller.rows(*FEEDS[0])}
    assert {row["id"]: row["total"] for row in records["invoices"]} == {id: row["total"] for id, row in served.items()}
    assert set(records) == {"invoices", "bills", "customers", "vendors"}
    assert len(records["bills"]) == len(MONTH.bills)


def test_many_hands_at_once_lose_no_change() -> None:
    """Four people touch invoices while the feed is read: the reader ends with each invoice as it is now."""
    month = a_month(invoices=60, bills=10)
    with serving(month, page_rows=9) as caller:
        ids = [row["id"] for row in caller.rows("accounting", "invoices")]
        deeds = [
            threading.Thread(target=lambda part=part: [caller.do("touch_invoice", id=id) for id in part])
            for part in (ids[n::4] for n in range(4))
        ]
        for deed in deeds:
            deed.start()
        latest: dict[int, str] = {}
        token = "2026-01-01"
        working = True
        while working:
            working = any(deed.is_alive() for deed in deeds)
            for page in caller.pages(*FEEDS[0], since=token):
                latest |= {row["id"]: row["modifiedOn"] for row in page["data"]}
                token = page["continueFrom"]
        assert latest == {row["id"]: row["modifiedOn"] for row in caller.rows(*FEEDS[0])}
        assert min(map(from_text, (latest[id] for id in ids))) > max(it.modified for it in month.invoices)


def _invoice(caller: Caller, id: int) -> Row:
    (row,) = caller.page("accounting", "invoices", ids=str(id))["data"]
    assert isinstance(row, dict)
    return row


# ---- the month

CENT = Decimal("0.01")
RATES = {zone.id: sum((it.rate for it in zone.authorities), Decimal(0)) for zone in town.TAX_ZONES}
Rows = Mapping[str, Sequence[Row]]


def cents(exact: Decimal) -> Decimal:
    return exact.quantize(CENT, ROUND_HALF_UP)


def planted(rows: Rows, story: str) -> Row:
    kind, id = MONTH.planted[story]
    return next(row for row in rows[kind] if row["id"] == id)


def test_the_same_seed_gives_the_same_month() -> None:
    assert a_month() == MONTH
    assert a_month(seed=7) != MONTH


def test_a_larger_month_keeps_the_stories_under_their_ids() -> None:
    month = a_month(invoices=700, bills=1000)
    assert len({it.id for it in month.invoices}) == 700
    assert len({it.id for it in month.bills}) == 1000
    assert month.planted == MONTH.planted
    assert month.invoice(10482) == MONTH.invoice(10482)


def test_the_month_is_as_large_and_as_various_as_promised(rows: Rows) -> None:
    invoices, bills = rows["invoice"], rows["bill"]
    assert len(invoices) >= 400
    assert len(bills) >= 80
    assert {row["businessUnit"]["id"] for row in invoices} == {it.id for it in town.BUSINESS_UNITS}
    assert {row["taxZoneId"] for row in invoices} == {55, 56, None}
    assert {row["invoiceConfiguration"] for row in invoices} >= {"JobInvoice", "ProjectInvoice", "CounterSales"}
    assert 8 <= sum(row["syncStatus"] == "Pending" for row in invoices) <= 12
    assert {row["syncStatus"] for row in bills} == {"Posted"}
    assert {row["jobId"] is None for row in bills} == {True, False}
    assert any(Decimal(row["billAmount"]) < 0 for row in bills)
    assert {len(str(row["id"])) for row in invoices} == {5, 9, 12}
    assert any(not line["isChargeable"] and Decimal(line["totalCost"]) > 0 for line in _lines(invoices))
    assert any(line["type"] == "PriceModifier" and line["taxable"] for line in _lines(invoices))
    assert any(row["businessUnit"] != line["businessUnit"] for row in invoices for line in row["items"] or ())
    assert {len(it["createdOn"]) for it in invoices} >= {20, 28}


def _lines(invoices: Sequence[Row]) -> Iterator[Row]:
    return (line for row in invoices for line in row["items"] or ())


def test_every_invoice_but_one_adds_up_to_the_cent(rows: Rows) -> None:
    """Lines are quantity times price; tax is the taxable lines times the zone's rates; the header is their sum."""
    _, differing = MONTH.planted["header_differs"]
    for row in rows["invoice"]:
        lines = row["items"] or []
        for line in lines:
            exact = Decimal(line["quantity"]) * Decimal(line["price"])
            assert Decimal(line["total"]) == (cents(exact) if line["isChargeable"] else 0), line
        taxable = sum((Decimal(line["total"]) for line in lines if line["taxable"]), Decimal(0))
        assert Decimal(row["subTotal"]) == sum(Decimal(line["total"]) for line in lines)
        assert Decimal(row["salesTax"]) == cents(taxable * RATES.get(row["taxZoneId"], Decimal(0))), row["id"]
        missing = Decimal(row["total"]) - Decimal(row["subTotal"]) - Decimal(row["salesTax"])
        assert missing == (CENT if row["id"] == differing else 0), row["id"]


def test_every_bill_adds_up_and_allocates_exactly(rows: Rows) -> None:
    finely = False
    for row in rows["bill"]:
        added = [Decimal(row[name] or 0) for name in ("taxAmount", "shippingAmount", "otherAmount")]
        goods = sum(cents(Decimal(it["quantity"]) * Decimal(it["cost"])) for it in row["items"])
        assert Decimal(row["billAmount"]) == goods + sum(added), row["id"]
        names = ("allocatedTax", "allocatedShipping", "allocatedOtherCosts")
        assert [sum(Decimal(it[name] or 0) for it in row["items"]) for name in names] == added, row["id"]
        finely |= any(len((it["allocatedTax"] or ".").partition(".")[2]) > 2 for it in row["items"])
    assert finely


def test_clean_invoices_have_nothing_that_would_stop_them(rows: Rows) -> None:
    """Whatever is not planted is dated in March, owed by a known customer, more than zero, and on good accounts."""
    known = {it.id for it in town.CUSTOMERS}
    numbers = {it.number for it in town.GL_ACCOUNTS} - {"4510"}
    for row in _ordinary(rows, "invoice"):
        assert "2026-03-01" <= row["invoiceDate"] < "2026-04-01"
        assert row["customer"]["id"] in known
        assert row["active"]
        assert Decimal(row["total"]) > 0
        assert Decimal(row["salesTax"]) >= 0
        assert row["adjustmentToId"] is None
        for line in row["items"]:
            assert line["generalLedgerAccount"]["number"] in numbers
            electrical = line["businessUnit"]["id"] == 323
            assert not (electrical and line["generalLedgerAccount"]["number"] == "4910"), "inactive in GP"


def test_clean_bills_have_nothing_that_would_stop_them(rows: Rows) -> None:
    suppliers = {it.id for it in town.VENDORS if not it.is_1099}
    for row in _ordinary(rows, "bill"):
        assert "2026-03-01" <= row["billDate"] < "2026-04-01"
        assert row["vendor"]["id"] in suppliers
        assert row["vendorNumber"]
        assert row["dateReconciled"]
    numbers = Counter((row["vendor"]["id"], (row["vendorNumber"] or "").strip().upper()) for row in rows["bill"])
    assert [number for number, times in numbers.items() if times > 1] == [(1_724_803, "WS-77120A")]


def _ordinary(rows: Rows, kind: str) -> list[Row]:
    stories = {id for of, id in MONTH.planted.values() if of == kind}
    found = [row for row in rows[kind] if row["id"] not in stories]
    assert len(found) > 70
    return found


def test_every_bill_has_its_received_order_and_every_visit_is_there(caller: Caller, rows: Rows) -> None:
    orders = {it["id"]: it for it in caller.rows("inventory", "purchase-orders")}
    visits = {it["id"] for it in caller.rows("jpm", "jobs")}
    for row in rows["bill"]:
        order = orders[row["purchaseOrderId"]]
        assert (order["status"], order["vendorId"], order["jobId"]) == ("Received", row["vendor"]["id"], row["jobId"])
    assert {row["job"]["id"] for row in rows["invoice"] if row["job"]} <= visits
    assert {row["jobId"] for row in rows["bill"] if row["jobId"]} <= visits
    projects = {it["id"] for it in caller.rows("jpm", "projects")}
    assert {row["projectId"] for row in rows["invoice"] if row["projectId"]} == projects
    assert len({it["number"] for it in orders.values()}) == len(orders)


def test_trouble_with_parties_and_accounts_is_planted(rows: Rows) -> None:
    unmapped = planted(rows, "unmapped_item")["items"]
    assert [line["generalLedgerAccount"] is None for line in unmapped] == [True, False]
    assert planted(rows, "unknown_customer")["customer"]["id"] == town.CUSTOMER_UNKNOWN_TO_GP.id
    discount = planted(rows, "inactive_account")["items"][1]
    assert (discount["generalLedgerAccount"]["number"], discount["businessUnit"]["id"]) == ("4910", 323)
    assert planted(rows, "unknown_vendor")["vendor"]["id"] == town.VENDOR_UNKNOWN_TO_GP.id
    assert planted(rows, "vendor_1099_without_rule")["vendor"]["id"] == town.VENDOR_1099_WITHOUT_RULE.id
    assert planted(rows, "subcontractor_1099")["vendor"]["id"] == town.VENDORS[5].id
    assert len(planted(rows, "long_name_customer")["customer"]["name"]) > 65
    assert not planted(rows, "non_ascii_customer")["customer"]["name"].isascii()
    assert len({line["businessUnit"]["id"] for line in planted(rows, "mixed_units")["items"]}) == 3


def test_trouble_with_dates_is_planted(rows: Rows) -> None:
    assert planted(rows, "closed_period")["invoiceDate"] == "2026-02-27T00:00:00Z"
    assert planted(rows, "before_cutover")["invoiceDate"] == "2026-01-30T00:00:00Z"
    late = planted(rows, "near_midnight")
    assert late["invoiceDate"] == "2026-03-31T00:00:00Z"
    assert late["createdOn"].startswith("2026-04-01T05:40:00")
    assert planted(rows, "seven_digit_timestamp")["modifiedOn"] == "2026-03-13T21:35:38.2876004Z"


def test_trouble_with_kinds_and_amounts_is_planted(rows: Rows) -> None:
    assert [planted(rows, it)["total"] for it in ("zero_total", "empty_invoice")] == ["0.00", "0.00"]
    assert planted(rows, "zero_total")["items"]
    assert planted(rows, "empty_invoice")["items"] is None
    credit, original = planted(rows, "negative_adjustment"), planted(rows, "adjusted_invoice")
    assert credit["adjustmentToId"] == original["id"]
    assert credit["referenceNumber"] == original["referenceNumber"] + "-1"
    assert (credit["subTotal"], credit["salesTax"], credit["total"]) == ("-225.66", "-19.88", "-245.54")
    assert planted(rows, "opening_invoice")["invoiceConfiguration"] == "ARImportInvoice"
    membership = planted(rows, "membership_invoice")
    assert membership["invoiceConfiguration"] == "MembershipInvoice"
    assert membership["items"][0]["generalLedgerAccount"]["number"] == "4510"
    gone = planted(rows, "inactive")
    assert (gone["active"], gone["syncStatus"]) == (False, "Pending")


def test_trouble_with_bills_is_planted(rows: Rows) -> None:
    first, again = planted(rows, "vendor_invoice_first"), planted(rows, "duplicate_vendor_invoice")
    assert first["vendor"] == again["vendor"]
    assert first["vendorNumber"] != again["vendorNumber"]
    assert first["vendorNumber"].lower() == again["vendorNumber"].strip().lower()
    assert planted(rows, "missing_vendor_invoice")["vendorNumber"] is None
    unreconciled = [row["id"] for row in rows["bill"] if row["dateReconciled"] is None]
    assert unreconciled == [planted(rows, "unreconciled_bill")["id"]]


def test_the_invoices_that_others_count_on_are_ordinary(rows: Rows) -> None:
    """One that GP already holds under our number, one to explain, and one whose tax splits with a cent left over."""
    foreign, explained, odd = (planted(rows, it) for it in ("foreign_document", "explained", "tax_cent"))
    assert [it["id"] for it in (foreign, explained)] == [10482, 10490]
    assert {it["customer"]["name"] for it in (foreign, explained, odd)} == {"Maria Smith"}
    assert {it["syncStatus"] for it in (foreign, explained, odd)} == {"Posted"}
    (line,) = explained["items"]
    assert (line["total"], line["taxable"], explained["salesTax"]) == ("100.00", True, "8.81")
    denver = next(zone for zone in town.TAX_ZONES if zone.id == odd["taxZoneId"])
    parts = [cents(Decimal(odd["subTotal"]) * it.rate) for it in denver.authorities]
    assert Decimal(odd["salesTax"]) - sum(parts) == CENT
