"""The ServiceTitan adapter against the sandbox shop, and against servers that misbehave, over real HTTP."""

from __future__ import annotations

import ast
import json
import logging
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector import servicetitan
from ml_connector.field.feed import FeedPage
from ml_connector.field.fingerprint import fingerprint
from ml_connector.field.snapshot import headline
from ml_connector.field.source import SourceKind
from ml_connector.findings import Interrupted
from ml_connector.pipeline import ports
from ml_connector.sandbox import town
from ml_connector.sandbox.faults import Fault, Faults
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.serving import Application, Request, Response, Server, as_json
from ml_connector.sandbox.shop import SCOPES, Shop
from ml_connector.servicetitan import errors, wire
from ml_connector.servicetitan.auth import Access, Tokens
from ml_connector.servicetitan.client import Client
from ml_connector.servicetitan.field_service import NEEDED, FieldService
from ml_connector.servicetitan.pacing import Pacer, Patience
from ml_connector.servicetitan.parse import plain
from tests.wire import openapi

MONTH = a_month(invoices=90, bills=25)
INVOICE, BILL = SourceKind.INVOICE, SourceKind.BILL
SECRET, APP_KEY, BEARER = "secret-that-must-not-show", "app-key-that-must-not-show", "token-that-must-not-show"


def access(url: str, **changes: Any) -> Access:
    return replace(
        Access(town.TENANT_ID, "sandbox-client", "sandbox-secret", "sandbox-app-key", api_url=url, auth_url=url),
        **changes,
    )


@dataclass
class Waits:
    """Takes the place of sleeping between attempts, and remembers how long it would have been."""

    seconds: list[float] = field(default_factory=list)

    def patience(self, **how: Any) -> Patience:
        return Patience(sleep=self.seconds.append, **how)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@dataclass(frozen=True)
class Call:
    request: Request
    status: int
    at: float


class Recorded:
    """A shop, and the calls that reached it."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.faults = shop, shop.faults
        self.calls: list[Call] = []

    def greet(self, request: Request) -> None:
        """ServiceTitan has no handshake."""

    def answer(self, request: Request) -> Response:
        at = time.monotonic()
        response = self.shop.answer(request)
        self.calls.append(Call(request, response.status, at))
        return response

    def records(self) -> object:
        return self.shop.records()

    def sign_ins(self) -> int:
        return sum(call.request.path == "/connect/token" for call in self.calls)


class Scripted:
    """A server that signs anyone in, and answers every read as it is told."""

    def __init__(self, read: Callable[[Request], Response], token: Callable[[Request], Response] | None = None) -> None:
        self.faults = Faults()
        self._read = read
        self._token = token or (lambda request: as_json({"access_token": BEARER, "expires_in": 900}))
        self.reads: list[Request] = []

    def greet(self, request: Request) -> None:
        """ServiceTitan has no handshake."""

    def answer(self, request: Request) -> Response:
        if request.path == "/connect/token":
            return self._token(request)
        self.reads.append(request)
        return self._read(request)

    def records(self) -> object:
        return {}


@contextmanager
def serving(application: Application, waits: Waits, **how: Any) -> Iterator[FieldService]:
    given: dict[str, Any] = {name: how.pop(name) for name in ("pacer", "read_timeout") if name in how}
    with (
        Server(application) as server,
        Client(access(server.url, **how), patience=waits.patience(), **given) as client,
    ):
        yield FieldService(client)


def ids(pages: list[FeedPage]) -> list[int]:
    return [source.id for page in pages for source in page.sources]


def recorded_ids(shop: Shop, kind: SourceKind) -> list[int]:
    rows: Any = shop.records()["invoices" if kind is INVOICE else "bills"]
    return sorted(row["id"] for row in rows)


def interruption(deed: Callable[[], object]) -> Interrupted:
    with pytest.raises(Interrupted) as caught:
        deed()
    return caught.value


def code(deed: Callable[[], object]) -> str:
    return interruption(deed).finding.code


# ---- sweeping


@pytest.mark.parametrize("kind", SourceKind)
def test_a_month_is_swept_exactly_once(kind: SourceKind, waits: Waits) -> None:
    """Every invoice and every bill of the month comes once, amounts to the cent, and nothing else comes."""
    shop = Shop(MONTH, page_rows=20)
    with serving(shop, waits) as service:
        as_port: ports.FieldService = service
        pages = list(as_port.feed(kind, None))
    assert sorted(ids(pages)) == recorded_ids(shop, kind)
    assert [page.has_more for page in pages] == [True] * (len(pages) - 1) + [False]
    assert all(service.read(kind, page.raw) == page.sources for page in pages)
    rows: Any = shop.records()["invoices" if kind is INVOICE else "bills"]
    amount_in = "total" if kind is INVOICE else "billAmount"
    expected = {row["id"]: None if row[amount_in] is None else Decimal(row[amount_in]) for row in rows}
    assert {source.id: headline(source)[2] for page in pages for source in page.sources} == expected


@pytest.mark.parametrize("skip", [0, 2])
@pytest.mark.parametrize(
    "fault",
    [
        Fault.TOO_MANY_REQUESTS,
        Fault.SERVER_ERROR,
        Fault.ERROR_AFTER,
        Fault.ANSWER_LOST_BEFORE,
        Fault.ANSWER_LOST_AFTER,
        Fault.RESET_IN_BODY,
        Fault.TRUNCATED_JSON,
        Fault.HTML_WITH_200,
        Fault.SLOW,
        Fault.EMPTY_PAGE,
        Fault.TOKEN_REVOKED,
    ],
)
def test_a_fault_on_the_wire_costs_no_row_and_doubles_none(fault: Fault, skip: int, waits: Waits) -> None:
    """Whatever happens to the first or to a later page, the sweep brings every invoice, once."""
    shop = Shop(MONTH, page_rows=20)
    times = 2 if fault not in (Fault.SLOW, Fault.TOKEN_REVOKED) else 1
    shop.faults.order(fault, path="export/invoices", skip=skip, times=times, seconds=1.2 if fault is Fault.SLOW else 0)
    with serving(shop, waits, read_timeout=0.6) as service:
        pages = list(service.feed(INVOICE, None))
    assert sorted(ids(pages)) == recorded_ids(shop, INVOICE)


def test_a_token_that_does_not_move_on_stops_the_sweep_and_the_next_goes_on(waits: Waits) -> None:
    """The feed points back to where we were: that is told, not followed, and no row is lost or doubled by it."""
    shop = Shop(MONTH, page_rows=20)
    shop.faults.order(Fault.REPEATED_TOKEN, path="export/invoices", skip=1)
    kept: list[FeedPage] = []
    with serving(shop, waits) as service:

        def sweep() -> None:
            for page in service.feed(INVOICE, kept[-1].token if kept else None):
                kept.append(page)

        assert code(sweep) == "servicetitan.feed_stuck"
        assert len(kept) == 2
        sweep()
    assert sorted(ids(kept)) == recorded_ids(shop, INVOICE)


def test_a_sweep_goes_on_from_its_token(waits: Waits) -> None:
    """What changed after the last sweep comes in the next one; what came before comes at most as the same version."""
    shop = Shop(MONTH)
    with serving(shop, waits) as service:
        first = list(service.feed(INVOICE, None))
        edited = shop.do_edit_invoice(MONTH.invoices[0].id)["id"]
        touched = shop.do_touch_invoice(MONTH.invoices[3].id)["id"]
        second = list(service.feed(INVOICE, first[-1].token))
    before = {source.id: fingerprint(source) for page in first for source in page.sources}
    after = {source.id: fingerprint(source) for page in second for source in page.sources}
    assert {edited, touched} <= after.keys()
    assert {id for id in after if after[id] != before[id]} == {edited}


def test_a_sweep_that_was_given_up_goes_on_where_it_stopped(waits: Waits) -> None:
    """ServiceTitan is down for longer than our patience; the pages before were kept, and the rest comes later."""
    shop = Shop(MONTH, page_rows=20)
    shop.faults.order(Fault.SERVER_ERROR, path="export/invoices", skip=2, times=6)
    kept: list[FeedPage] = []
    with serving(shop, waits) as service:

        def sweep() -> None:
            for page in service.feed(INVOICE, kept[-1].token if kept else None):
                kept.append(page)

        assert code(sweep) == "servicetitan.busy"
        assert len(kept) == 2
        sweep()
    assert sorted(ids(kept)) == recorded_ids(shop, INVOICE)


@pytest.mark.parametrize("missing", ["hasMore", "continueFrom", "data"])
@pytest.mark.parametrize("as_null", [False, True])
def test_a_page_without_its_keys_does_not_end_the_data(missing: str, as_null: bool, waits: Waits) -> None:
    """Only hasMore false ends a feed: a page that does not say so is asked for again, then given up."""
    page: dict[str, Any] = {"hasMore": False, "continueFrom": "t1", "data": []}
    page |= {missing: None}
    if not as_null:
        del page[missing]
    server = Scripted(lambda request: as_json(page))
    with serving(server, waits) as service:
        assert code(lambda: list(service.feed(INVOICE, None))) == "servicetitan.unintelligible"
    assert len(server.reads) == 6


def test_an_empty_token_is_not_taken_for_the_beginning(waits: Waits) -> None:
    """A blank continueFrom would send the next sweep back to the first record."""
    server = Scripted(lambda request: as_json({"hasMore": False, "continueFrom": "", "data": []}))
    with serving(server, waits) as service:
        assert code(lambda: list(service.feed(BILL, None))) == "servicetitan.unintelligible"


# ---- looking for a posted batch


def test_a_posted_batch_moves_the_count_and_nothing_else_does(waits: Waits) -> None:
    """Two small calls tell that the office has posted; edits, payments and pending invoices are no posting."""
    shop = Recorded(Shop(MONTH))
    with serving(shop, waits) as service:
        as_port: ports.Releases = service
        before = as_port.released()
        rows: Any = shop.records()
        invoices = [row for row in rows["invoices"] if row["syncStatus"] != "Pending"]
        assert before == {INVOICE: len(invoices), BILL: len(rows["bills"])}
        calls = len(shop.calls)
        shop.shop.do_touch_invoice(invoices[0]["id"])
        shop.shop.do_edit_invoice(invoices[1]["id"])
        shop.shop.do_add_invoice(status="Pending")
        assert service.released() == before
        assert [call.request.query["pageSize"] for call in shop.calls[calls:]] == [["1"], ["1"]]
        posted: Any = shop.shop.do_post_pending()
        assert service.released() == {**before, INVOICE: before[INVOICE] + len(posted["ids"])}


def test_an_unposted_batch_moves_the_count_back(waits: Waits) -> None:
    """The office takes back a batch of invoices and one of bills, and posts the bills again."""
    shop = Shop(MONTH)
    invoice = next(it.id for it in MONTH.invoices if it.status == "Posted")
    bill = next(it.id for it in MONTH.bills if it.status == "Posted")
    with serving(shop, waits) as service:
        before = service.released()
        shop.do_unpost([invoice], [bill])
        assert service.released() == {kind: number - 1 for kind, number in before.items()}
        shop.do_post_bills()
        assert service.released() == {**before, INVOICE: before[INVOICE] - 1}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({"totalCount": 9, "data": [{"id": 7, "syncStatus": "Pending"}]}, "servicetitan.filter_ignored"),
        ({"totalCount": None, "data": [{"id": 7, "syncStatus": "Posted"}]}, "servicetitan.unintelligible"),
        ({"data": []}, "servicetitan.unintelligible"),
    ],
)
def test_a_count_that_means_something_else_is_not_believed(answer: Mapping[str, Any], found: str, waits: Waits) -> None:
    """ServiceTitan ignores what it does not know: a count of everything, or none, would ask for runs for ever."""
    server = Scripted(lambda request: as_json({"page": 1, "pageSize": 1, "hasMore": False, **answer}))
    with serving(server, waits) as service:
        assert code(service.released) == found


# ---- rows


@pytest.mark.parametrize(
    ("row", "names", "field_name"),
    [
        ({"id": 77, "total": "abc"}, "invoice 77", "total"),
        ({"id": 77, "total": "NaN"}, "invoice 77", "total"),
        ({"id": 77, "items": [{"id": 1}, {"id": 2, "total": "1,5"}]}, "invoice 77", "items[1].total"),
        ({"id": 77, "items": [{"total": "1.5"}]}, "invoice 77", "items[0]"),
        ({"id": 77, "invoiceDate": "2026-02-30T00:00:00Z"}, "invoice 77", "invoiceDate"),
        ({"referenceNumber": "1"}, "row 2 (invoice without an id)", "the row"),
        ("what", "row 2 (invoice without an id)", "the row"),
    ],
)
def test_a_row_that_cannot_be_read_stops_the_sweep_and_is_named(
    row: object, names: str, field_name: str, waits: Waits
) -> None:
    """Nothing is skipped: the finding says which record and which field, and asking again is no use."""
    server = Scripted(lambda request: as_json({"hasMore": False, "continueFrom": "t", "data": [{"id": 1}, row]}))
    with serving(server, waits) as service:
        finding = interruption(lambda: list(service.feed(INVOICE, None))).finding
    assert finding.code == "servicetitan.unreadable"
    assert names in finding.says
    assert field_name in finding.says
    assert len(server.reads) == 1


def test_kept_evidence_that_is_damaged_is_told() -> None:
    """A page read again from evidence is held to the same standard as one from the wire."""
    with Client(access("http://127.0.0.1:9")) as client:
        service = FieldService(client)
        assert code(lambda: service.read(INVOICE, b'{"hasMore": tr')) == "servicetitan.unintelligible"
        broken = b'{"hasMore": false, "continueFrom": "t", "data": [{"id": 5, "billAmount": "x"}]}'
        assert code(lambda: service.read(BILL, broken)) == "servicetitan.unreadable"


def test_amounts_are_exact_as_text_and_as_number() -> None:
    """Money never passes through float, however many zeros ServiceTitan writes."""
    raw = b"""{"hasMore": false, "continueFrom": "t", "data": [
        {"id": 1, "total": 25.1700000000, "subTotal": "0.1", "salesTax": 12345678901234567890.123456789}]}"""
    (row,) = wire.decode(wire.INVOICE_PAGE, raw, "invoice").data
    assert (str(row.total), str(row.sub_total)) == ("25.1700000000", "0.1")
    assert str(row.sales_tax) == "12345678901234567890.123456789"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        (None, ""),
        ("  Tune-up \n spring ", "Tune-up spring"),
        ("<p>Café &amp; Bäckerei</p><p>zone 2</p>", "Café & Bäckerei zone 2"),
        ('<p style="a>b">R-410A</p><br/>3 lb', "R-410A 3 lb"),
        ("<b>b</b>old AT&T 3 < 4", "bold AT&T 3 < 4"),
        ("<style>p {}</style>seen<script>x</script>", "seen"),
        ("<![if !vml]>Word<![endif]><!-- no -->", "Word"),
        ("<![unheard[ of", "<![unheard[ of"),
    ],
)
def test_descriptions_are_plain_text(html: str | None, text: str) -> None:
    """A bookkeeper reads words, not tags."""
    assert plain(html) == text


@given(st.text(alphabet="<>![]-/&;pbscriptyle \"'=aé\n", max_size=60))
def test_no_description_is_too_odd_to_read(html: str) -> None:
    """People paste anything; it costs tags, never a sweep."""
    assert plain(html) == " ".join(plain(html).split())


# ---- what sources refer to


def test_what_sources_refer_to_is_read_in_bulk(waits: Waits) -> None:
    """Customers, jobs and orders of a whole month come fifty at a time, each once, and unknown ids are left out."""
    application = Recorded(Shop(MONTH))
    with serving(application, waits) as service:
        invoices = [it for page in service.feed(INVOICE, None) for it in page.sources]
        bills = [it for page in service.feed(BILL, None) for it in page.sources]
        customer_ids = [it.customer.id for it in invoices if hasattr(it, "customer") and it.customer]
        customers = service.customers([*customer_ids, 1])
        vendors = service.vendors([it.vendor.id for it in bills if hasattr(it, "vendor") and it.vendor])
        orders = service.purchase_orders([order.id for order in MONTH.orders])
        jobs = service.jobs([visit.id for visit in MONTH.visits])
        service.jobs([visit.id for visit in MONTH.visits[:10]])
        zones, units = service.tax_zones(), service.business_units()
        service.tax_zones()
    assert customers.keys() == set(customer_ids)
    names = {it.id: it.name for it in (*town.CUSTOMERS, town.CUSTOMER_UNKNOWN_TO_GP)}
    assert all(customer.name == names[id] for id, customer in customers.items())
    assert {it.name for it in vendors.values()} <= {
        it.name for it in (*town.VENDORS, town.VENDOR_UNKNOWN_TO_GP, town.VENDOR_1099_WITHOUT_RULE)
    }
    assert {id: it.number for id, it in orders.items()} == {it.id: it.number for it in MONTH.orders}
    for visit in MONTH.visits:
        job = jobs[visit.id]
        assert (job.number, job.type, len(job.tags)) == (visit.number, visit.type.name, len(visit.tags))
        assert bool(job.project) == (visit.project_id is not None)
    assert {id: sum(rate.rate for rate in zone.rates) for id, zone in zones.items()} == {
        zone.id: sum(it.rate for it in zone.authorities) for zone in town.TAX_ZONES
    }
    assert [(it.id, it.name) for it in units] == [(it.id, it.name) for it in town.BUSINESS_UNITS]
    reads = Counter(call.request.path.rsplit("/", 1)[-1] for call in application.calls)
    assert reads["customers"] == -(-(len(set(customer_ids)) + 1) // 50)
    assert (reads["tax-zones"], reads["job-types"], reads["tag-types"]) == (1, 1, 1)
    assert service.calls == len(application.calls)


def test_a_job_type_made_after_the_first_reading_is_found(waits: Waits) -> None:
    """The office adds a job type in mid-run: its name is looked up anew, once."""
    types = [{"id": 1, "name": "Repair"}]

    def read(request: Request) -> Response:
        rows: list[dict[str, object]]
        if request.path.endswith("/job-types"):
            rows = list(types)
        else:
            rows = [{"id": int(request.query["ids"][0]), "jobTypeId": int(request.query["ids"][0])}]
        return as_json({"page": 1, "hasMore": False, "data": rows})

    server = Scripted(read)
    with serving(server, waits) as service:
        assert service.jobs([1])[1].type == "Repair"
        types.append({"id": 2, "name": "Install"})
        assert service.jobs([2])[2].type == "Install"
        assert service.jobs([3])[3].type == ""
        assert service.jobs([3])[3].type == ""
    assert sum(request.path.endswith("/job-types") for request in server.reads) == 3


def test_a_filter_that_is_ignored_is_noticed(waits: Waits) -> None:
    """ServiceTitan ignores a filter that it does not know: a row that was not asked for ends the reading at once."""
    rows = [{"id": 5, "name": "asked for"}, {"id": 6, "name": "not asked for"}]
    server = Scripted(lambda request: as_json({"page": 1, "hasMore": True, "data": rows}))
    with serving(server, waits) as service:
        finding = interruption(lambda: service.customers([5])).finding
    assert len(server.reads) == 1
    assert finding.code == "servicetitan.filter_ignored"
    assert "6" in finding.says


def test_a_list_that_answers_with_another_page_is_noticed(waits: Waits) -> None:
    """Without this, a list that always answers with page 1 would never end."""
    rows = [{"id": 5, "name": "again"}]
    with serving(Scripted(lambda request: as_json({"page": 1, "hasMore": True, "data": rows})), waits) as service:
        assert code(service.business_units) == "servicetitan.filter_ignored"


def test_a_list_is_read_to_its_end_through_empty_pages_but_not_for_ever(waits: Waits) -> None:
    """An empty page in the middle is followed; nothing but empty pages is told."""

    def read(request: Request) -> Response:
        page = int(request.query["page"][0])
        rows = [] if page == 2 else [{"id": page, "name": f"unit {page}"}]
        return as_json({"page": page, "hasMore": page < 3, "data": rows})

    with serving(Scripted(read), waits) as service:
        assert [it.id for it in service.business_units()] == [1, 3]
    with serving(Scripted(lambda request: as_json({"hasMore": True, "data": []})), waits) as service:
        assert code(service.business_units) == "servicetitan.feed_stuck"


@pytest.mark.parametrize("rate", [None, "NaN"])
def test_a_tax_rate_that_is_none_is_told(rate: object, waits: Waits) -> None:
    """A zone without a rate would split a tax wrongly."""
    rows = [{"id": 55, "name": "Denver", "rates": [{"taxName": "State", "taxRate": rate}]}]
    with serving(Scripted(lambda request: as_json({"hasMore": False, "data": rows})), waits) as service:
        finding = interruption(service.tax_zones).finding
    assert (finding.code, "tax zone 55" in finding.says) == ("servicetitan.unreadable", True)


# ---- signing in


def test_one_token_serves_all_threads(waits: Waits) -> None:
    """Eight threads start at once: one of them signs in, the others wait for its token."""
    application = Recorded(Shop(MONTH))
    with serving(application, waits) as service:
        threads = [threading.Thread(target=service.business_units) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert application.sign_ins() == 1
    assert len(application.calls) == 9


def test_a_revoked_token_is_replaced_once(waits: Waits) -> None:
    """An administrator switches the client off and on: the next call signs in again and is sent again."""
    application = Recorded(Shop(MONTH))
    with serving(application, waits) as service:
        service.business_units()
        application.shop.do_revoke_tokens()
        service.business_units()
        service.business_units()
    assert application.sign_ins() == 2
    assert waits.seconds == []


def test_a_second_401_is_the_end(waits: Waits) -> None:
    """A fresh token that is refused will not be accepted by asking again."""
    application = Recorded(Shop(MONTH))
    application.faults.order(Fault.TOKEN_REVOKED, times=9)
    with serving(application, waits) as service:
        assert code(service.business_units) == "servicetitan.refused"
    assert Counter(call.status for call in application.calls) == {200: 2, 401: 2}


def test_tokens_that_live_a_second_carry_a_whole_sweep(waits: Waits) -> None:
    """Tokens end in mid-sweep, by the server's clock, again and again; no page is lost."""
    instants = iter(range(10_000))
    application = Recorded(Shop(MONTH, page_rows=10, token_seconds=4, clock=lambda: float(next(instants))))
    with serving(application, waits) as service:
        assert sorted(ids(list(service.feed(INVOICE, None)))) == recorded_ids(application.shop, INVOICE)
    assert application.sign_ins() > 3


@pytest.mark.parametrize(("life", "kept"), [(900, 840), (120, 60), (1, 0.5), (None, 840)])
def test_a_token_is_replaced_before_its_end(life: float | None, kept: float) -> None:
    """A minute early, or half its life when that is short, so that none ends on its way."""
    token = Scripted(
        lambda request: Response(500), lambda request: as_json({"access_token": BEARER, "expires_in": life})
    )
    with Server(token) as server, httpx2.Client() as http:
        before = time.monotonic()
        given = Tokens(access(server.url), http, Patience(), lambda: None).current()
        assert before + kept <= given.stale_at <= time.monotonic() + kept


def test_a_token_at_its_end_is_not_used_twice(waits: Waits) -> None:
    """Where tokens live no time at all, every call signs in."""
    signed_in: list[Request] = []

    def token(request: Request) -> Response:
        signed_in.append(request)
        return as_json({"access_token": BEARER, "expires_in": 0})

    with serving(Scripted(lambda request: as_json({"hasMore": False, "data": []}), token), waits) as service:
        service.business_units()
        service.business_units()
    assert len(signed_in) == 2


@pytest.mark.parametrize("path", ["", "/", "/connect/token"])
def test_the_token_address_may_be_written_out(path: str) -> None:
    """Both spellings are found in ServiceTitan's own pages."""
    written = access("http://host", auth_url=f"http://host{path}")
    assert written.token_url == "http://host/connect/token"


# ---- refusals


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"client_secret": "wrong"}, "servicetitan.credentials"),
        ({"client_id": "wrong"}, "servicetitan.credentials"),
        ({"app_key": "wrong"}, "servicetitan.app_key"),
        ({"tenant_id": 1}, "servicetitan.rejected"),
        ({"api_url": "http://127.0.0.1:9"}, "servicetitan.unreachable"),
        ({"auth_url": "http://127.0.0.1:9"}, "servicetitan.unreachable"),
        ({"api_url": "no address"}, "servicetitan.unreachable"),
    ],
)
def test_a_wrong_setting_is_told_by_name(change: Mapping[str, Any], expected: str, waits: Waits) -> None:
    """The administrator reads which of the settings is wrong, and where to find the right one."""
    with (
        Server(Shop(MONTH)) as server,
        Client(replace(access(server.url), **change), patience=waits.patience()) as client,
    ):
        finding = interruption(FieldService(client).business_units).finding
    assert finding.code == expected
    assert finding.remedy


def test_a_missing_scope_is_named(waits: Waits) -> None:
    """403 alone helps nobody: the finding names the scope that the application lacks."""
    with serving(Shop(MONTH, scopes=set(SCOPES) - {"tn.crm.customers:r"}), waits) as service:
        finding = interruption(lambda: service.customers([5_500_101])).finding
    assert finding.code == "servicetitan.forbidden"
    assert "tn.crm.customers:r" in finding.says
    assert "tn.crm.customers:r" in finding.remedy


def test_a_rejected_request_says_which_field(waits: Waits) -> None:
    """ServiceTitan's own words about a bad token of the feed reach the reader."""
    with serving(Shop(MONTH), waits) as service:
        finding = interruption(lambda: list(service.feed(INVOICE, "no such token"))).finding
    assert finding.code == "servicetitan.rejected"
    assert "from: The value is not valid." in finding.says


def test_one_row_tells_whether_a_scope_is_there(waits: Waits) -> None:
    """Doctor tries one row of everything: the scopes that are missing, and those alone, are told."""
    missing = {"tn.jpm.jobs:r", "tn.acc.taxzones:r"}
    with serving(Shop(MONTH, scopes=set(SCOPES) - missing), waits) as service:
        service.sign_in()
        wrong = {}
        for listing in NEEDED:
            try:
                service.try_one(listing)
            except Interrupted as stop:
                wrong[listing.scope] = stop.finding.code
    assert wrong == dict.fromkeys(missing, "servicetitan.forbidden")


def test_answers_of_too_many_calls_are_counted(waits: Waits) -> None:
    """So that doctor can say that another program uses the same application."""
    shop = Shop(MONTH)
    shop.faults.order(Fault.TOO_MANY_REQUESTS, path="business-units", seconds=1, times=3)
    with serving(shop, waits) as service:
        service.business_units()
        assert service.throttled == 3


# ---- patience and pace


def test_retry_after_is_obeyed(waits: Waits) -> None:
    """ServiceTitan says when to come back: we come then, and hardly later."""
    shop = Shop(MONTH)
    shop.faults.order(Fault.TOO_MANY_REQUESTS, path="business-units", seconds=7, times=2)
    with serving(shop, waits) as service:
        service.business_units()
    assert len(waits.seconds) == 2
    assert all(7 <= seconds <= 7.7 for seconds in waits.seconds)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("3", 3, 3),
        ("0.5", 0.5, 0.5),
        ("-4", 0, 0),
        (format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True), 3000, 3600),
        (format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True), 0, 0),
    ],
    ids=["whole", "part", "negative", "in an hour", "an hour ago"],
)
def test_retry_after_is_seconds_or_a_date(text: str, low: float, high: float) -> None:
    """HTTP allows both."""
    seconds = errors.retry_after(httpx2.Headers({"Retry-After": text}))
    assert seconds is not None
    assert low <= seconds <= high


@pytest.mark.parametrize("text", ["", "soon", "inf", "nan"])
def test_a_senseless_retry_after_is_no_order(text: str) -> None:
    """Then our own back-off decides."""
    assert errors.retry_after(httpx2.Headers({"Retry-After": text})) is None


def test_patience_ends_by_attempts_and_doubles_its_waits(waits: Waits) -> None:
    """Six attempts, each wait about twice the last: then the finding says how often we tried."""
    shop = Shop(MONTH)
    shop.faults.order(Fault.SERVER_ERROR, path="business-units", times=99)
    with Server(shop) as server, Client(access(server.url), patience=waits.patience()) as client:
        finding = interruption(FieldService(client).business_units).finding
        assert server.stats.calls["GET business-units"] == 6
    assert finding.code == "servicetitan.busy"
    assert "attempts: 6" in finding.says
    assert [2**n / 4 <= seconds <= 2**n / 2 for n, seconds in enumerate(waits.seconds)] == [True] * 5


def test_a_wait_longer_than_our_patience_is_told_at_once(waits: Waits) -> None:
    """Told to come back in an hour, a run does not hang for an hour."""
    shop = Shop(MONTH)
    shop.faults.order(Fault.TOO_MANY_REQUESTS, path="business-units", seconds=3600)
    with serving(shop, waits) as service:
        finding = interruption(service.business_units).finding
    assert (finding.code, "3600 s" in finding.says, waits.seconds) == ("servicetitan.busy", True, [])


@pytest.mark.parametrize("status", [302, 403, 404, 409, 408])
def test_only_what_may_pass_is_tried_again(status: int, waits: Waits) -> None:
    """Maintenance, time-outs and a proxy's detour pass; a refusal stays one."""
    server = Scripted(lambda request: Response(status, b"", (("Location", "http://127.0.0.1:9/"),)))
    with serving(server, waits) as service:
        interruption(service.business_units)
    assert len(server.reads) == (1 if status in (403, 404) else 6)


def test_the_token_endpoint_is_asked_with_patience_too(waits: Waits) -> None:
    """A sign-in is harmless to repeat: 503, HTML and a reset in its answer pass."""
    shop = Shop(MONTH)
    for fault in (Fault.SERVER_ERROR, Fault.HTML_WITH_200, Fault.RESET_IN_BODY, Fault.TOO_MANY_REQUESTS):
        shop.faults.order(fault, path="/connect/token")
    with serving(shop, waits) as service:
        assert len(service.business_units()) == len(town.BUSINESS_UNITS)
    assert len(waits.seconds) == 4


def test_we_never_exceed_the_allowed_pace(waits: Waits) -> None:
    """Four lanes as fast as they can: ServiceTitan's own count never passes 60 in a second and it never says 429.

    What is sent in a window is at most 55; of what was sent before, at most one call of each lane is still on its way.
    """
    application = Recorded(Shop(MONTH))
    with serving(application, waits) as service:

        def lane() -> None:
            for _ in range(32):
                service.business_units()

        threads = [threading.Thread(target=lane) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    reads = sorted(call.at for call in application.calls if call.request.method == "GET")
    assert len(reads) == 128
    assert max(sum(start <= at < start + 1 for at in reads) for start in reads) <= 60
    assert {call.status for call in application.calls} == {200}


def test_a_pacer_holds_its_limit() -> None:
    """Of any six goings, at three in a fifth of a second, the fourth is at least that much later than the first."""
    pacer, gone = Pacer(limit=3, window=0.2), []
    for _ in range(8):
        pacer.wait()
        gone.append(time.monotonic())
    assert all(later - earlier >= 0.19 for earlier, later in zip(gone, gone[3:], strict=False))


# ---- the contract


def test_every_request_is_as_the_official_documents_say(waits: Waits) -> None:
    """Each path and parameter that we send is declared; and nothing but GET and the sign-in leaves the client."""
    application = Recorded(Shop(MONTH, page_rows=20))
    with serving(application, waits) as service:
        invoices = list(service.feed(INVOICE, None))
        list(service.feed(BILL, None))
        list(service.feed(INVOICE, invoices[-1].token))
        service.customers([it.id for it in town.CUSTOMERS])
        service.vendors([it.id for it in town.VENDORS])
        service.jobs([it.id for it in MONTH.visits])
        service.purchase_orders([it.id for it in MONTH.orders])
        service.tax_zones()
        service.business_units()
        service.released()
        for listing in NEEDED:
            service.try_one(listing)
    reads = [call.request for call in application.calls if call.request.path != "/connect/token"]
    assert {request.method for request in reads} == {"GET"}
    for request in reads:
        openapi.validate_request(request.path.split("/")[1], "GET", request.path, request.query)
    assert {call.request.method for call in application.calls if call.request not in reads} == {"POST"}


@pytest.mark.parametrize("resource", [wire.INVOICE_FEED, wire.BILL_FEED, *NEEDED], ids=str)
def test_the_scopes_we_name_are_those_of_the_official_documents(resource: wire.Resource) -> None:
    """A remedy that names the wrong scope would cost an administrator an afternoon."""
    path = f"/tenant/{town.TENANT_ID}/{resource.path}"
    assert openapi.scopes(resource.module, "GET", path) == {resource.scope}


def test_no_write_can_leave_the_client() -> None:
    """In the whole room there is one POST, the sign-in's; one door with a closed list; and no other way but GET."""
    sends: list[tuple[str, str]] = []
    for file in sorted(Path(servicetitan.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                verb, of = node.func.attr, ast.unparse(node.func.value)
                of_http = "http" in of
                if of == "self._door":
                    continue  # which sends by door.py alone
                if verb in ("post", "put", "patch", "delete", "request", "send", "stream", "build_request") or (
                    verb == "get" and of_http
                ):
                    sends.append((file.name, verb))
    assert sorted(sends) == [("auth.py", "post"), ("client.py", "get"), ("door.py", "request")]


# ---- secrets


def echo(status: int, content_type: str = "application/json") -> Callable[[Request], Response]:
    """An answer that throws back everything that was sent, as careless gateways do."""

    def answer(request: Request) -> Response:
        heard = f"{dict(request.headers)} {request.body.decode()} {BEARER} app key"
        body = {"title": heard, "error": heard, "errors": {"field": [heard]}, "data": heard, "access_token": 0}
        return Response(status, json.dumps(body).encode(), (("Location", "/x"),), content_type)

    return answer


@pytest.mark.parametrize("at", ["token", "read"])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 409, 429, 500])
def test_no_secret_shows_when_anything_fails(
    status: int, at: str, waits: Waits, caplog: pytest.LogCaptureFixture
) -> None:
    """Even a server that throws our secrets back puts none into a finding, a traceback with locals, or a log."""
    server = Scripted(echo(status), echo(status) if at == "token" else None)
    caplog.set_level(logging.DEBUG)
    with serving(server, waits, client_secret=SECRET, app_key=APP_KEY) as service:
        assert_no_secret(interruption(lambda: list(service.feed(INVOICE, None))), caplog.text)
        assert_no_secret(interruption(lambda: service.customers([1])), caplog.text)


@pytest.mark.parametrize(
    "fault", [Fault.RESET_IN_BODY, Fault.ANSWER_LOST_BEFORE, Fault.TRUNCATED_JSON, Fault.HTML_WITH_200]
)
@pytest.mark.parametrize("path", ["/connect/token", "export/invoices"])
def test_no_secret_shows_when_the_wire_breaks(
    fault: Fault, path: str, waits: Waits, caplog: pytest.LogCaptureFixture
) -> None:
    """The HTTP library's own exceptions hold the request; none of them may stay in ours."""
    shop = Shop(MONTH, client_secret=SECRET, app_key=APP_KEY)
    shop.faults.order(fault, path=path, times=99)
    caplog.set_level(logging.DEBUG)
    with serving(shop, waits, client_secret=SECRET, app_key=APP_KEY) as service:
        assert_no_secret(interruption(lambda: list(service.feed(INVOICE, None))), caplog.text)


def test_no_secret_shows_in_an_unreadable_row_or_in_what_we_are(waits: Waits) -> None:
    """The objects that hold secrets do not show them either."""
    page = {"hasMore": False, "continueFrom": "t", "data": [{"id": 1, "total": "x"}]}
    with serving(Scripted(lambda request: as_json(page)), waits, client_secret=SECRET, app_key=APP_KEY) as service:
        assert_no_secret(interruption(lambda: list(service.feed(INVOICE, None))), repr(service))
    shown = repr(access("http://host", client_secret=SECRET, app_key=APP_KEY))
    assert SECRET not in shown
    assert APP_KEY not in shown
    assert "sandbox-client" in shown


def assert_no_secret(stopped: Interrupted, *others: str) -> None:
    link: BaseException | None = stopped
    texts = [*others, repr(stopped.finding)]
    while link is not None:
        texts += [str(link), repr(link)]
        texts += traceback.TracebackException.from_exception(link, capture_locals=True).format()
        link = link.__cause__ or link.__context__
    for text in texts:
        for secret in (SECRET, APP_KEY, BEARER):
            assert secret not in text
