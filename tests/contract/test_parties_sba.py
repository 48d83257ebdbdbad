"""GP's side of the parties over SBA, against the sandbox's company over real HTTP, in both of its dialects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ml_connector.books.outcomes import Held, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.gp import service_map
from ml_connector.gp.parties import GpParties
from ml_connector.gp.sba import Sba
from ml_connector.gp.service_map import ServiceMap
from ml_connector.parties.party import Party, Role, Side
from ml_connector.parties.writing import AlreadyThere, Changed, Made, Unchanged
from ml_connector.pipeline.ports import PartyBook
from ml_connector.sandbox.company import DIALECTS, Company, SbaApplication, Settings
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.neighbourhood import Neighbourhood
from ml_connector.sandbox.serving import Request, Response, Server
from tests.contract.gp_desk import CUSTOMER, NOON, TODAY, VENDOR, GpDesk, Screen
from tests.contract.gp_parties_contract import GpPartiesContract
from tests.contract.parties_contract import ROLES, read
from tests.contract.test_books_sba import MAPS, access_of

COUNTERPARTS = {
    "one": '[customers.fields]\ncounterpart = "UserDefined1"\n[vendors.fields]\ncounterpart = "UserDefined1"\n',
    "two": '[customers.fields]\ncounterpart = "UserDef1"\n[vendors.fields]\ncounterpart = "UserDef1"\n',
}


class Recorded(SbaApplication):
    """The sandbox's SBA server. It keeps what was asked, and can answer as other servers do."""

    heard: list[Request]
    instead: list[Response]
    deaf = False  # it does not heed what a list is asked for

    def answer(self, request: Request) -> Response:
        self.heard.append(request)
        if self.deaf and request.method == "GET":
            return super().answer(replace(request, query={}))
        return self.instead.pop(0) if self.instead else super().answer(request)


@dataclass
class SbaDesk(GpDesk):
    application: Recorded
    dialect: str

    def lose(self, done: bool) -> None:
        for method in ("POST", "PATCH"):
            self.faults.order(Fault.ANSWER_LOST_AFTER if done else Fault.ANSWER_LOST_BEFORE, method=method)

    def suffer(self, fault: Fault, on: str = "create", times: int = 1) -> None:
        self.faults.order(fault, method="GET" if on == "read" else "POST", times=times)

    @property
    def writes(self) -> int:
        return sum(n for name, n in self.server.stats.calls.items() if not name.startswith("GET"))

    def answers(self, status: int, body: bytes) -> None:
        self.application.instead.append(Response(status, body))


@contextmanager
def at_the_desk(
    dialect: str, own: str = "", around: Neighbourhood | None = None, settings: Settings | None = None, **access: Any
) -> Iterator[SbaDesk]:
    screen = Screen()
    company = Company.front_range(settings, screen, around)
    application = Recorded(company, DIALECTS[dialect])
    application.heard, application.instead = [], []
    with (
        Server(application) as server,
        Sba(access_of(server, dialect, **access), map_of(dialect, own), _no_wait) as sba,
    ):
        book = GpParties(sba, today=lambda: TODAY)
        yield SbaDesk(company, server, application.faults, book, screen, application, dialect)


def map_of(dialect: str, own: str = "") -> ServiceMap:
    return (
        service_map.parse(f'based_on = "{MAPS[dialect]}"\n{own}', "own") if own else service_map.shipped(MAPS[dialect])
    )


def _no_wait(seconds: float) -> None:
    """Nobody waits between two attempts here."""


@pytest.fixture(params=sorted(MAPS))
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def gp(dialect: str) -> Iterator[SbaDesk]:
    with at_the_desk(dialect) as it:
        yield it


@pytest.fixture
def desk(gp: SbaDesk) -> SbaDesk:
    return gp


class TestSba(GpPartiesContract):
    """The suites that every `PartyBook`, and every one of GP, passes."""


def test_it_is_a_party_book(gp: SbaDesk) -> None:
    """mypy proves the fit: the adapter satisfies the port by its shape."""
    book: PartyBook = gp.book
    assert (book.side, book.calls, book.count(CUSTOMER)) == (Side.BOOKS, 0, None)


def test_what_is_told_and_taken_is_what_the_map_names(gp: SbaDesk) -> None:
    """Dialect two has no e-mail; neither keeps a counterpart unless the site says where."""
    tells = gp.book.tells(CUSTOMER)
    assert ("emails" in tells) is (gp.dialect == "one")
    assert {"name", "address", "phones", "tax_id", "type", "terms", "on_hold", "modified", "active"} <= tells
    assert tells - gp.book.takes(CUSTOMER) == {"on_hold", "modified"}
    assert "counterpart" not in tells
    with at_the_desk(gp.dialect, COUNTERPARTS[gp.dialect]) as own:
        assert "counterpart" in own.book.takes(VENDOR)


@ROLES
def test_a_counterpart_is_kept_where_the_site_says(dialect: str, role: Role) -> None:
    """ServiceTitan's id in a field of the site's own: written with a create, changed, and read back."""
    with at_the_desk(dialect, COUNTERPARTS[dialect]) as gp:
        made = gp.book.create(gp.wanted(role))
        assert isinstance(made, Made), made
        there = gp.book.by_ids(role, [made.id])[made.id]
        assert there.counterpart == "5700001"
        assert isinstance(gp.book.update(there, replace(there, counterpart="5700002")), Changed)
        assert gp.card(role, made.id).user1.strip() == "5700002"


def test_a_map_without_a_place_to_write_stops_at_the_first_write(dialect: str) -> None:
    """Reading needs nothing more; making and changing say which table of the map is missing."""
    with at_the_desk(dialect, "[customers]\ncreate = false\nupdate = false\n") as gp:
        assert gp.book.takes(CUSTOMER) == frozenset()
        assert gp.book.takes(VENDOR)
        with pytest.raises(Interrupted) as stopped:
            gp.book.create(gp.wanted(CUSTOMER))
        assert stopped.value.finding.code == "gp.service_map"
        assert "customers.create" in stopped.value.finding.where
        assert gp.writes == 0


def test_a_field_that_says_the_opposite_is_written_as_the_opposite(dialect: str) -> None:
    """`active = "!Hold"` of the map: an inactive party is on hold there."""
    hold = "Hold" if dialect == "one" else "OnHold"
    own = f'[customers.fields]\nactive = "!{hold}"\non_hold = "{hold}"\n'
    with at_the_desk(dialect, own) as gp:
        known = gp.book.by_ids(CUSTOMER, [gp.known(CUSTOMER)])[gp.known(CUSTOMER)]
        assert isinstance(gp.book.update(known, replace(known, active=False)), Changed)
        assert gp.card(CUSTOMER, known.id).on_hold is True


def test_the_shape_of_a_write_is_the_maps() -> None:
    """One record in `Payload`; of a PATCH the changed fields alone, or the whole record without what is read-only."""
    for dialect, own in (("one", {"CustomerName"}), ("two", None)):
        with at_the_desk(dialect) as gp:
            known = gp.book.by_ids(CUSTOMER, [gp.known(CUSTOMER)])[gp.known(CUSTOMER)]
            gp.book.update(known, replace(known, name="Another Name"))
            request = next(it for it in gp.application.heard if it.method == "PATCH")
            assert request.path.endswith(f"Customers({known.id})")
            sent = json.loads(request.body)["Payload"]
            names = set(DIALECTS[dialect].resources["customers"].fields.values())
            assert set(sent) == (own or names - {"Balance", "LastModified"})


@pytest.mark.parametrize(
    ("status", "body", "ending"),
    [
        (404, b'{"Status": "Error", "Errors": [{"Code": 0, "Message": "Customer does not exist"}]}', Held),
        (400, b"<html>a proxy's page</html>", InDoubt),
        (500, b"", InDoubt),
        (201, b'{"Payload": {"CustomerNumber": "SOMEBODYELSE"}}', InDoubt),
        (201, b'{"Payload": {}}', InDoubt),
        (201, b"", InDoubt),
        (409, b'{"Status": "Error", "Errors": [{"Code": 0, "Message": "Customer already exists: X"}]}', InDoubt),
    ],
)
def test_each_answer_to_a_create_ends_as_it_must(status: int, body: bytes, ending: type) -> None:
    with at_the_desk("one") as gp:
        assert gp.book.by_ids(CUSTOMER, ["LARKSPUR-2KM5S9"]) == {}
        gp.answers(200, b'{"Payload": []}')
        gp.answers(status, body)
        ended = gp.book.create(gp.wanted(CUSTOMER))
        assert isinstance(ended, ending), ended
        assert gp.writes == 1
        assert b"LARKSPUR-2KM5S9" in ended.wire.request  # type: ignore[union-attr]


def test_rows_that_were_not_asked_for_stop_the_reading(gp: SbaDesk) -> None:
    """A filter that GP does not heed would bring everybody each time, and a stranger for whom was asked."""
    gp.application.deaf = True
    for ask in (lambda: list(gp.book.changed(CUSTOMER, "2026-03-20")), lambda: gp.book.by_ids(VENDOR, ["A", "B"])):
        with pytest.raises(Interrupted) as stopped:
            ask()
        assert stopped.value.finding.code == "gp.service_map"


def test_an_id_that_no_list_can_hold_is_read_by_its_own_address() -> None:
    """Dialect two parts the values of a list by semicolons, and ids may hold one."""
    with at_the_desk("two") as gp:
        gp.company.do_add_customer("SMITH;JONES", "Smith and Jones")
        found = gp.book.by_ids(CUSTOMER, ["SMITH;JONES", gp.known(CUSTOMER)])
        assert found["SMITH;JONES"].name == "Smith and Jones"
        assert set(found) == {"SMITH;JONES", gp.known(CUSTOMER)}


def test_an_apostrophe_in_an_id_is_no_end_of_it(gp: SbaDesk) -> None:
    gp.company.do_add_vendor("O'BRIEN", "O'Brien")
    assert gp.book.by_ids(VENDOR, ["O'BRIEN"])["O'BRIEN"].name == "O'Brien"
    there = gp.book.by_ids(VENDOR, ["O'BRIEN"])["O'BRIEN"]
    assert isinstance(gp.book.update(there, replace(there, name="O'Brien & Sons")), Changed)


@pytest.mark.parametrize("number", [999, 1000, 1001, 2600])
def test_a_neighbourhood_is_read_to_its_end_past_what_one_list_gives(dialect: str, number: int) -> None:
    """Dialect two ends every list at a thousand rows without a word; nobody is missed, and nobody comes twice."""
    around = Neighbourhood(number - 119, 30)  # the town has 119 customers of its own
    with at_the_desk(dialect, around=around) as gp:
        assert len(gp.company.customers()) == number
        seen = [it.id for page in gp.book.changed(CUSTOMER, None) for it in page.parties]
        assert len(seen) == len(set(seen)) == number
        told = gp.book.by_ids(CUSTOMER, [it.id for it in around.customers.books[:150]])
        assert {id: it.active for id, it in told.items()} == {it.id: it.active for it in around.customers.books[:150]}


def test_what_gp_had_of_the_neighbourhood_changes_nothing_the_second_time(dialect: str) -> None:
    """Read, wish the same, and nothing is written: no party of the neighbourhood differs from itself."""
    around = Neighbourhood(200, 100)
    with at_the_desk(dialect, around=around) as gp:
        for role in (CUSTOMER, VENDOR):
            everybody, _ = read(gp.book, role, None)
            for party in everybody.values():
                kept = gp.book.as_kept(party)
                assert _same(kept, party), (kept, party)
        party = next(iter(everybody.values()))
        assert isinstance(gp.book.update(party, gp.book.as_kept(party)), Unchanged)
        assert gp.writes == 0


def _same(one: Party, other: Party) -> bool:
    return replace(one, modified=None) == replace(other, modified=None)


def test_a_create_that_is_still_being_done_is_found_when_it_is_done() -> None:
    """GP works on after the connection died: asked too early it has nobody, asked again it has one."""
    with at_the_desk("one") as gp:
        gp.suffer(Fault.ANSWER_LOST_AFTER)
        assert isinstance(gp.book.create(gp.wanted(CUSTOMER)), InDoubt)
        ended = gp.book.create(gp.wanted(CUSTOMER))
        assert isinstance(ended, AlreadyThere)
        assert ended.party.name == "Larkspur Yoga Studio"
    assert NOON.date() == TODAY
