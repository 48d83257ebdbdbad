"""The ServiceTitan side of the parties against the sandbox shop over real HTTP.

Every request, and every answer to a write, is held against the official OpenAPI documents when a test ends.
"""

from __future__ import annotations

import json
import socket
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ml_connector.books.outcomes import Deferred, Held, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.parties.party import Party, Role, Side
from ml_connector.parties.writing import AlreadyThere, Changed, Made, Unchanged
from ml_connector.pipeline.ports import PartyBook
from ml_connector.sandbox import town
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.month import a_month
from ml_connector.sandbox.neighbourhood import Neighbourhood
from ml_connector.sandbox.serving import Request, Response, Server, as_json
from ml_connector.sandbox.shop import SCOPES, Shop
from ml_connector.servicetitan import door
from ml_connector.servicetitan.auth import Access
from ml_connector.servicetitan.client import Client
from ml_connector.servicetitan.door import Deed, Door, NotAllowed
from ml_connector.servicetitan.pacing import Pacer, Patience
from ml_connector.servicetitan.parties import FieldParties
from tests.contract.parties_contract import ELM, PartiesContract, read
from tests.wire import openapi

MONTH = a_month(invoices=40, bills=10)
GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
CUSTOMER, VENDOR = Role.CUSTOMER, Role.VENDOR
NOBODY: dict[str, object] = {"page": 1, "pageSize": 50, "hasMore": False, "totalCount": None, "data": []}
MARIA, FERGUSON = str(town.CUSTOMERS[0].id), str(town.VENDORS[0].id)


class Recorded(Shop):
    """A shop that keeps what was asked of it, and can answer as other servers do."""

    calls: list[tuple[Request, Response | None]]  # without the answer where it was another server's
    instead: list[Response]
    echoes = False  # throws back all that it hears of a write, as careless gateways do

    def answer(self, request: Request) -> Response:
        if self.instead and request.path != "/connect/token":
            self.calls.append((request, None))
            return self.instead.pop(0)
        if self.echoes and request.method == "POST" and request.path != "/connect/token":
            self.calls.append((request, None))
            return as_json(
                {"title": f"{dict(request.headers)}", "errors": {"x": [request.headers["authorization"]]}}, 400
            )
        response = super().answer(request)
        self.calls.append((request, response))
        return response


@dataclass
class FieldDesk:
    shop: Recorded
    server: Server
    book: FieldParties
    clients: list[Client] = field(default_factory=list)

    def known(self, role: Role) -> str:
        return MARIA if role is CUSTOMER else FERGUSON

    def edit(self, role: Role, id: str, name: str = "", street: str = "") -> None:
        deed = self.shop.do_edit_customer if role is CUSTOMER else self.shop.do_edit_vendor
        deed(int(id), **{key: value for key, value in (("name", name), ("street", street)) if value})

    def add(self, role: Role, name: str) -> str:
        added = (self.shop.do_add_customer if role is CUSTOMER else self.shop.do_add_vendor)(name)
        return str(added["id"])

    def deactivate(self, role: Role, id: str) -> None:
        (self.shop.do_edit_customer if role is CUSTOMER else self.shop.do_edit_vendor)(int(id), active=False)

    def wanted(self, role: Role, **changes: Any) -> Party:
        party = Party(
            role,
            "",
            "Larkspur Yoga Studio",
            address=ELM,
            phones=("3035550188",),
            emails=("yoga@example.com",),
            type="Commercial" if role is CUSTOMER else "",
            counterpart="NEWCOMER0001",
        )
        return replace(party, **changes)

    def lose(self, done: bool) -> None:
        for method in ("POST", "PATCH"):
            fault = Fault.ANSWER_LOST_AFTER if done else Fault.ANSWER_LOST_BEFORE
            self.shop.faults.order(fault, method=method, path="/tenant/")

    @property
    def writes(self) -> int:
        calls = self.server.stats.calls
        return sum(count for name, count in calls.items() if not name.startswith("GET") and name != "POST token")

    def standing(self, role: Role, name: str) -> int:
        rows: Any = self.shop.records()["customers" if role is CUSTOMER else "vendors"]
        return sum(row["name"] == name for row in rows)

    def another(self, **how: Any) -> FieldParties:
        """Another book on the same tenant."""
        client = client_of(self.server)
        self.clients.append(client)
        return FieldParties(client, how.pop("application_guid", GUID), **how)

    def answers(self, status: int, body: object = None, content_type: str = "application/json") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.shop.instead.append(Response(status, content, (), content_type))


def client_of(server: Server, api_url: str = "") -> Client:
    access = Access(
        town.TENANT_ID,
        "sandbox-client",
        "sandbox-secret",
        "sandbox-app-key",
        api_url=api_url or server.url,
        auth_url=server.url,
    )
    return Client(access, pacer=Pacer(10_000), patience=Patience(sleep=lambda _: None))


@contextmanager
def at_the_desk(terms: bool = False, **how: Any) -> Iterator[FieldDesk]:
    shop = Recorded(MONTH, calls_per_second=100_000, **how)
    shop.calls, shop.instead = [], []
    shop.do_edit_vendor(int(FERGUSON), street="500 Market St", zip="80202", email="ap@ferguson.example.com")
    with Server(shop) as server, client_of(server) as client:
        desk = FieldDesk(shop, server, FieldParties(client, GUID, terms=terms))
        yield desk
        for it in desk.clients:
            it.close()
    for request, response in shop.calls:
        if request.path != "/connect/token":
            module = request.path.split("/")[1]
            openapi.validate_request(module, request.method, request.path, request.query)
            if response and request.method != "GET" and response.status in (200, 400, 404):
                openapi.validate_answer(module, request.method, request.path, response.status, response.body)
            if request.method != "GET":
                openapi.validate_body(module, request.method, request.path, request.body)


@pytest.fixture
def desk() -> Iterator[FieldDesk]:
    with at_the_desk() as it:
        yield it


class TestServiceTitan(PartiesContract):
    """The suite that every `PartyBook` passes."""


def test_it_is_a_party_book(desk: FieldDesk) -> None:
    """mypy proves the fit: the adapter satisfies the port by its shape."""
    book: PartyBook = desk.book
    assert (book.side, book.calls) == (Side.FIELD, 0)


# ---- what is read


def test_a_customer_has_all_that_servicetitan_tells() -> None:
    """Address, telephones, e-mails, type, terms and what our application hung on it, from five different answers."""
    with at_the_desk(terms=True) as desk:
        firm = next(it for it in town.CUSTOMERS if it.type == "Commercial" and it.email)
        everybody, _ = read(desk.book, CUSTOMER, None)
        told = everybody[str(firm.id)]
        assert (told.name, told.type, told.terms) == (firm.name, "Commercial", "Net 30")
        assert (told.address.street, told.address.city, told.address.state) == (firm.street, firm.city, "CO")
        assert (told.phones, told.emails) == ((firm.phone,), (firm.email,))
        assert told.modified is not None
        assert told == desk.book.by_ids(CUSTOMER, [told.id])[told.id]


def test_a_merged_customer_points_to_the_other(desk: FieldDesk) -> None:
    _, place = read(desk.book, CUSTOMER, None)
    other = town.CUSTOMERS[1].id
    desk.shop.do_merge(other, int(MARIA))
    after, _ = read(desk.book, CUSTOMER, place)
    assert (after[str(other)].active, after[str(other)].merged_to) == (False, MARIA)


def test_a_telephone_that_changed_alone_brings_its_customer(desk: FieldDesk) -> None:
    """The customer did not move; the feed of contacts did."""
    _, place = read(desk.book, CUSTOMER, None)
    desk.shop.do_set_contacts(int(MARIA), phones=["720 555 0123"], emails=[])
    after, further = read(desk.book, CUSTOMER, place)
    assert after[MARIA].phones == ("720 555 0123",)
    assert after[MARIA].emails == ()
    assert MARIA not in read(desk.book, CUSTOMER, further)[0] or further != place


@pytest.mark.parametrize("fault", [Fault.TRUNCATED_JSON, Fault.SERVER_ERROR, Fault.RESET_IN_BODY, Fault.HTML_WITH_200])
@pytest.mark.parametrize("path", ["export/customers", "customers/contacts", "vendors"])
def test_a_fault_on_the_wire_loses_nobody(fault: Fault, path: str) -> None:
    with at_the_desk(page_rows=40) as desk:
        role = VENDOR if path == "vendors" else CUSTOMER
        whole = read(desk.book, role, None)[0]
        desk.shop.faults.order(fault, path=path)
        assert read(desk.another(), role, None)[0] == whole


def test_a_reading_that_broke_off_goes_on_from_its_last_page(desk: FieldDesk) -> None:
    """Each page of the feed carries its place: what was stored before the break is not read again."""
    with at_the_desk(page_rows=2) as desk:
        _, place = read(desk.book, CUSTOMER, None)
        ids = [it.id for it in town.CUSTOMERS[10:20]]
        for id in ids:
            desk.shop.do_edit_customer(id, name=f"Moved {id}")
        pages = desk.book.changed(CUSTOMER, place)
        stored: dict[str, Party] = {}
        for _ in range(3):
            page = next(pages)
            stored |= {it.id: it for it in page.parties}
            place = page.place or place
        rest, _ = read(desk.another(), CUSTOMER, place)
        assert {it.name for it in (stored | rest).values()} >= {f"Moved {id}" for id in ids}
        assert len(stored.keys() & rest.keys()) <= 1


def test_a_vendor_list_that_gives_fewer_than_it_counts_is_not_believed(desk: FieldDesk) -> None:
    """The census: read once more, and when rows are still missing, nothing is taken for the whole."""
    vendors: Any = desk.shop.records()["vendors"]
    told = {"page": 1, "pageSize": 500, "hasMore": False, "totalCount": None, "data": vendors[:-1]}
    count = {**told, "pageSize": 1, "totalCount": len(vendors), "data": vendors[:1]}
    for answer in (count, told, count, told):
        desk.answers(200, answer)
    with pytest.raises(Interrupted) as stopped:
        read(desk.book, VENDOR, None)
    assert stopped.value.finding.code == "servicetitan.rows_missing"
    desk.answers(200, count)
    desk.answers(200, told)
    assert len(read(desk.book, VENDOR, None)[0]) == len(vendors)


def test_contacts_of_somebody_else_are_noticed(desk: FieldDesk) -> None:
    """ServiceTitan ignores a filter that it does not know; telephones of strangers must not become this customer's."""
    rows: Any = desk.shop.records()["customers"]
    row = next(it for it in rows if str(it["id"]) == MARIA)
    desk.answers(200, {"page": 1, "pageSize": 50, "hasMore": False, "totalCount": None, "data": [row]})
    contact = {"id": 1, "customerId": 5, "type": "Phone", "value": "1"}
    desk.answers(200, {"page": 1, "pageSize": 50, "hasMore": False, "totalCount": None, "data": [contact]})
    with pytest.raises(Interrupted) as stopped:
        desk.book.by_ids(CUSTOMER, [MARIA])
    assert stopped.value.finding.code == "servicetitan.filter_ignored"


def test_a_neighbourhood_is_read_in_few_calls() -> None:
    """Two thousand customers: pages of five hundred, and the feed of contacts, which ServiceTitan cuts as it likes."""
    around = Neighbourhood(2000, 60)
    with at_the_desk(neighbourhood=around, kept_as=(GUID, "gp_id"), page_rows=1000) as desk:
        everybody, place = read(desk.book, CUSTOMER, None)
        kept = {it.id: it.counterpart for it in around.customers.field}
        assert {id: everybody[id].counterpart for id in kept} == kept
        assert {it.id: it.merged_to for it in around.customers.field if it.merged_to}.items() <= {
            id: it.merged_to for id, it in everybody.items()
        }.items()
        phones = {it.id: set(it.phones) for it in around.customers.field}
        assert {id: set(everybody[id].phones) for id in phones} == phones
        assert place is not None
        assert desk.book.calls <= 14


# ---- what is made


@pytest.mark.parametrize("role", list(Role), ids=lambda it: it.value)
def test_two_that_carry_one_gp_id_are_held(desk: FieldDesk, role: Role) -> None:
    """Somebody copied our external data: which of the two it is, a person must say."""
    first = desk.book.create(desk.wanted(role))
    other = desk.book.create(desk.wanted(role, counterpart="ANOTHER0001"))
    assert isinstance(first, Made)
    assert isinstance(other, Made)
    there = desk.book.by_ids(role, [other.id])[other.id]
    assert isinstance(desk.book.update(there, replace(there, counterpart="NEWCOMER0001")), Changed)
    ended = desk.book.create(desk.wanted(role))
    assert isinstance(ended, Held)
    (finding,) = ended.findings
    assert finding.code == "party.twice"
    assert first.id in finding.says
    assert other.id in finding.says


def test_of_two_that_were_merged_the_one_that_is_left_counts(desk: FieldDesk) -> None:
    first, other = (desk.book.create(desk.wanted(CUSTOMER, counterpart=it)) for it in ("NEWCOMER0001", "ANOTHER0001"))
    assert isinstance(first, Made)
    assert isinstance(other, Made)
    there = desk.book.by_ids(CUSTOMER, [other.id])[other.id]
    desk.book.update(there, replace(there, counterpart="NEWCOMER0001"))
    desk.shop.do_merge(int(other.id), int(first.id))
    ended = desk.book.create(desk.wanted(CUSTOMER))
    assert isinstance(ended, AlreadyThere)
    assert ended.party.id == first.id


def test_nobody_is_made_without_gps_id(desk: FieldDesk) -> None:
    """It is all that tells a second create from the first: without it our own program is at fault."""
    with pytest.raises(ValueError, match="counterpart"):
        desk.book.create(desk.wanted(CUSTOMER, counterpart=""))
    assert desk.book.calls == 0


def test_the_lookup_is_held_against_what_was_asked(desk: FieldDesk) -> None:
    """An ignored filter would answer with strangers, and a stranger would be taken for the party."""
    rows: Any = desk.shop.records()["customers"]
    desk.answers(200, {"page": 1, "pageSize": 50, "hasMore": False, "totalCount": None, "data": rows[:3]})
    with pytest.raises(Interrupted) as stopped:
        desk.book.create(desk.wanted(CUSTOMER))
    assert stopped.value.finding.code == "servicetitan.filter_ignored"
    assert desk.writes == 0


def test_a_gp_id_with_a_comma_is_still_looked_up(desk: FieldDesk) -> None:
    """Commas part the values of the lookup: what it brings is held against the whole id."""
    wanted = desk.wanted(CUSTOMER, counterpart="SMITH, J")
    made = desk.book.create(wanted)
    assert isinstance(made, Made)
    again = desk.book.create(wanted)
    assert isinstance(again, Made | AlreadyThere)


@pytest.mark.parametrize(
    ("status", "body", "ending"),
    [
        (400, {"title": "Bad", "status": 400, "errors": {"name": ["Too long."]}}, Held),
        (409, {"title": "Conflict", "status": 409, "errors": {}}, Held),
        (429, b"Rate limit is exceeded.", Deferred),
        (500, b"<html>", InDoubt),
        (502, b"", InDoubt),
        (302, b"", InDoubt),
        (400, b"<html>a proxy's page</html>", InDoubt),
        (200, b"<html>please sign in</html>", InDoubt),
        (200, b'{"name": "without an id"}', InDoubt),
    ],
)
def test_each_answer_to_a_create_ends_as_it_must(desk: FieldDesk, status: int, body: object, ending: type) -> None:
    """Refused in ServiceTitan's own words is held; surely not taken is deferred; everything else is in doubt."""
    desk.answers(200, NOBODY)
    desk.answers(status, body)
    ended = desk.book.create(desk.wanted(VENDOR))
    assert isinstance(ended, ending), ended
    assert desk.writes == 1
    if isinstance(ended, Held):
        (finding,) = ended.findings
        assert finding.code == "party.refused"
        assert str(body["title"]) in finding.says  # type: ignore[index]
    assert b"NEWCOMER0001" in ended.wire.request  # type: ignore[union-attr]


def test_nothing_is_in_doubt_that_was_never_sent(desk: FieldDesk) -> None:
    """The connection to ServiceTitan cannot be made: nothing left, so the clock may try again."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with client_of(desk.server, api_url=nowhere) as client:
        assert isinstance(Door(client).send(door.CREATE_VENDOR, {}, lambda raw: raw), Deferred)


def test_a_token_that_dies_before_a_write_costs_nothing(desk: FieldDesk) -> None:
    """401 means that ServiceTitan did nothing: the write goes out again with a new token, and is done once."""
    desk.shop.faults.order(Fault.TOKEN_REVOKED, method="POST", path="/vendors")
    assert isinstance(desk.book.create(desk.wanted(VENDOR)), Made)
    assert desk.standing(VENDOR, "Larkspur Yoga Studio") == 1


def test_a_missing_scope_stops_and_is_named() -> None:
    with at_the_desk(scopes=set(SCOPES) - {"tn.inv.vendors:w"}) as desk:
        with pytest.raises(Interrupted) as stopped:
            desk.book.create(desk.wanted(VENDOR))
        assert stopped.value.finding.code == "servicetitan.forbidden"
        assert "tn.inv.vendors:w" in stopped.value.finding.remedy


def test_terms_go_by_name_and_unknown_ones_are_held() -> None:
    with at_the_desk(terms=True) as desk:
        made = desk.book.create(desk.wanted(CUSTOMER, terms="net 30"))
        assert isinstance(made, Made)
        there = desk.book.by_ids(CUSTOMER, [made.id])[made.id]
        assert there.terms == "Net 30"
        assert isinstance(desk.book.update(there, replace(there, terms="Due Upon Receipt")), Changed)
        ended = desk.book.create(desk.wanted(CUSTOMER, terms="Net 999", counterpart="X1"))
        assert isinstance(ended, Held)
        assert [it.code for it in ended.findings] == ["party.terms_missing"]
    with at_the_desk() as desk:
        there = desk.book.by_ids(CUSTOMER, [MARIA])[MARIA]
        with pytest.raises(ValueError, match="terms"):
            desk.book.update(there, replace(there, terms="Net 30"))


# ---- what is changed


def test_contacts_are_replaced_and_added_and_never_taken_away(desk: FieldDesk) -> None:
    """Two numbers become three, one of them another: one contact is changed, one added; none that GP lacks is deleted."""
    desk.shop.do_set_contacts(int(MARIA), phones=["3035550101", "3035550102"], emails=["m@example.com"])
    before = desk.book.by_ids(CUSTOMER, [MARIA])[MARIA]
    after = replace(before, phones=("303-555-0102", "7205550103", "7205550104"), emails=())
    assert isinstance(desk.book.update(before, after), Changed)
    there = desk.book.by_ids(CUSTOMER, [MARIA])[MARIA]
    assert there.phones == ("7205550103", "3035550102", "7205550104")
    assert there.emails == ("m@example.com",)
    methods = Counter(
        request.method for request, _ in desk.shop.calls if "/contacts/" in request.path or request.method == "POST"
    )
    assert (methods["PATCH"], methods["POST"] - desk.server.stats.calls["POST token"]) == (1, 1)
    fewer = replace(there, phones=there.phones[:1])
    assert isinstance(desk.book.update(there, fewer), Unchanged)


def test_what_others_hung_on_a_customer_stays(desk: FieldDesk) -> None:
    """Our key alone is merged in; and unbound, it is taken away."""
    theirs = desk.another(application_guid=str(uuid.uuid4()), key="crm")
    other_company = desk.another(key="gp_id.SOUTH")
    for book, value in ((theirs, "THEIRS"), (other_company, "SOUTH1"), (desk.book, "NORTH1")):
        before = book.by_ids(CUSTOMER, [MARIA])[MARIA]
        assert before.counterpart == ""
        assert isinstance(book.update(before, replace(before, counterpart=value)), Changed)
    told = [book.by_ids(CUSTOMER, [MARIA])[MARIA].counterpart for book in (theirs, other_company, desk.book)]
    assert told == ["THEIRS", "SOUTH1", "NORTH1"]
    there = desk.book.by_ids(CUSTOMER, [MARIA])[MARIA]
    desk.book.update(there, replace(there, counterpart=""))
    assert [book.by_ids(CUSTOMER, [MARIA])[MARIA].counterpart for book in (other_company, desk.book)] == ["SOUTH1", ""]


# ---- the door


@pytest.mark.parametrize(
    "deed",
    [
        Deed("POST", "accounting", "inventory-bills/markasexported", "tn.acc.inventorybills:w"),
        Deed("POST", "accounting", "ap-bills/markasexported", "tn.acc.apbills:w"),
        Deed("PATCH", "accounting", "gl-accounts/{}", "tn.acc.glaccounts:w"),
        Deed("POST", "accounting", "gl-accounts", "tn.acc.glaccounts:w"),
        Deed("POST", "accounting", "journal-entries", "tn.acc.journalentries:w"),
        Deed("POST", "inventory", "purchase-orders", "tn.inv.purchaseorders:w"),
        Deed("PATCH", "inventory", "purchase-orders/{}", "tn.inv.purchaseorders:w"),
        Deed("POST", "accounting", "invoices", "tn.acc.invoices:w"),
        Deed("DELETE", "crm", "customers/{}/contacts/{}", "tn.crm.customers:w"),
        Deed("PUT", "crm", "customers/{}", "tn.crm.customers:w"),
        replace(door.CREATE_VENDOR, path="purchase-orders"),
        replace(door.CHANGE_VENDOR, path="vendors/{}/../../purchase-orders"),
    ],
    ids=str,
)
def test_no_other_write_can_leave_through_the_door(desk: FieldDesk, deed: Deed) -> None:
    """Bills, purchase orders, general-ledger accounts, invoices, deletions: our own program is stopped, and not a byte
    is sent, not even for a token."""
    with pytest.raises(NotAllowed):
        Door(client_of(desk.server)).send(deed, {"name": "x"}, lambda raw: raw, 1, 2)
    assert desk.shop.calls == []


def test_the_list_of_the_door_is_this_and_the_official_documents_know_it() -> None:
    """Six writes, on customers and vendors alone, with the scopes that ServiceTitan asks for."""
    assert {str(it) for it in door.ALLOWED} == {
        "POST crm/customers",
        "PATCH crm/customers/{}",
        "POST crm/customers/{}/contacts",
        "PATCH crm/customers/{}/contacts/{}",
        "POST inventory/vendors",
        "PATCH inventory/vendors/{}",
    }
    for deed in door.ALLOWED:
        path = f"/tenant/1/{deed.path.replace('{}', '1')}"
        assert openapi.scopes(deed.module, deed.method, path) == {deed.scope}


def test_no_secret_shows_in_a_refused_write(desk: FieldDesk) -> None:
    """A careless gateway throws back all that it heard; nothing secret of it is quoted or kept."""
    desk.shop.echoes = True
    ended = desk.book.create(desk.wanted(VENDOR))
    assert isinstance(ended, Held)
    token = next(
        request.headers["authorization"] for request, _ in desk.shop.calls if "authorization" in request.headers
    )
    told = repr(ended.findings) + ended.wire.answer.decode() + ended.wire.request.decode()
    assert "[secret]" in told
    for secret in ("sandbox-secret", "sandbox-app-key", token.removeprefix("Bearer ")):
        assert secret not in told


def test_an_unknown_guid_is_refused_at_once(desk: FieldDesk) -> None:
    with pytest.raises(ValueError, match="UUID"):
        FieldParties(client_of(desk.server), "not a guid")
