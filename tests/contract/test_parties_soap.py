"""GP's side of the parties over the web services, against the sandbox's company over real HTTP.

Every message of both sides is held against the legacy contract when a test ends.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree  # type: ignore[import-untyped]

from ml_connector.books.outcomes import Held, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.gp import service_map
from ml_connector.gp.access import Access, Secret
from ml_connector.gp.web_services import cards
from ml_connector.gp.web_services.parties import WebServicesParties
from ml_connector.gp.web_services.policies import Policies
from ml_connector.gp.web_services.transport import Endpoint, WebServices
from ml_connector.parties.party import Party, Side
from ml_connector.parties.writing import AlreadyThere, Changed, Made
from ml_connector.pipeline.ports import PartyBook
from ml_connector.sandbox.company import GPCONNECT, Company, Settings
from ml_connector.sandbox.company.soap import PATH, SoapApplication
from ml_connector.sandbox.company.soap_contract import ENTRY, FOLDER
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.neighbourhood import Neighbourhood
from ml_connector.sandbox.serving import Request, Response, Server
from tests.contract.gp_desk import CUSTOMER, TODAY, VENDOR, GpDesk, Screen
from tests.contract.gp_parties_contract import GpPartiesContract
from tests.contract.parties_contract import ELM, ROLES, read
from tests.wire import soap_schema

MEANINGS = service_map.shipped("default").refusals
GP = "http://schemas.microsoft.com/dynamics/gp/2006/01"


class Watched(SoapApplication):
    """The sandbox's web services. They keep what was said, and can answer as other servers do."""

    heard: list[bytes]
    said: list[bytes]
    instead: dict[str, Response]  # by operation

    def answer(self, request: Request) -> Response:
        operation = request.headers.get("soapaction", "").strip('"').rpartition("/")[2]
        if request.method == "POST":
            self.heard.append(request.body)
        if operation in self.instead:
            return self.instead.pop(operation)
        response = super().answer(request)
        if request.method == "POST" and response.status in (200, 500):
            self.said.append(response.body)
        return response


@dataclass
class SoapDesk(GpDesk):
    application: Watched
    services: WebServices = field(repr=False)

    def lose(self, done: bool) -> None:
        for operation in ("Create", "Update"):
            self.faults.order(Fault.ANSWER_LOST_AFTER if done else Fault.ANSWER_LOST_BEFORE, path=operation)

    def suffer(self, fault: Fault, on: str = "create", times: int = 1) -> None:
        self.faults.order(fault, path="List" if on == "read" else "Create", times=times)

    @property
    def writes(self) -> int:
        calls: Any = self.application.records()
        return sum(n for name, n in calls["calls"].items() if name.startswith(("Create", "Update")))

    def with_counterpart(self, member: str) -> WebServicesParties:
        return WebServicesParties(self.services, Policies(self.services), MEANINGS, member, today=lambda: TODAY)

    def asked(self, operation: str) -> int:
        return sum(f":{operation} ".encode() in it or f":{operation}>".encode() in it for it in self.application.heard)


@contextmanager
def at_the_desk(
    folder: Path, around: Neighbourhood | None = None, wsdl: str = "", settings: Settings | None = None
) -> Iterator[SoapDesk]:
    soap_schema.needs_the_contract()
    screen = Screen()
    company = Company.front_range(settings, screen, around)
    application = Watched(company)
    application.heard, application.said, application.instead = [], [], {}
    with Server(application) as server:
        endpoint = Endpoint(f"{server.url}{PATH}/DynamicsGPService.asmx", company.setup.id, wsdl, folder)
        reached = Access(server.url, "", GPCONNECT.name, Secret(GPCONNECT.password))
        services = WebServices(reached, endpoint, _no_wait)
        book = WebServicesParties(services, Policies(services), MEANINGS, today=lambda: TODAY)
        yield SoapDesk(company, server, application.faults, book, screen, application, services)
        services.close()
    for message in (*application.heard, *application.said):
        soap_schema.validate(message)


def _no_wait(seconds: float) -> None:
    """Nobody waits between two attempts here."""


@pytest.fixture
def gp(tmp_path: Path) -> Iterator[SoapDesk]:
    with at_the_desk(tmp_path / "wsdl") as it:
        yield it


@pytest.fixture
def desk(gp: SoapDesk) -> SoapDesk:
    return gp


class TestSoap(GpPartiesContract):
    """The suites that every `PartyBook`, and every one of GP, passes."""


def test_it_is_a_party_book(gp: SoapDesk) -> None:
    """mypy proves the fit: the adapter satisfies the port by its shape."""
    book: PartyBook = gp.book
    assert (book.side, book.calls, book.count(VENDOR)) == (Side.BOOKS, 0, None)


@ROLES
def test_a_counterpart_is_kept_where_the_site_says(gp: SoapDesk, role: Any) -> None:
    """ServiceTitan's id in one of the two fields of the site's own; in none of them where it says nothing."""
    assert "counterpart" not in gp.book.takes(role)
    book = gp.with_counterpart("UserDefined2")
    made = book.create(gp.wanted(role))
    assert isinstance(made, Made), made
    there = book.by_ids(role, [made.id])[made.id]
    assert there.counterpart == "5700001"
    assert isinstance(book.update(there, replace(there, counterpart="5700002")), Changed)
    card = gp.card(role, made.id)
    assert (card.user1.strip(), card.user2.strip()) == ("", "5700002")
    with pytest.raises(ValueError, match="UserDefined"):
        gp.with_counterpart("Comment1")


def test_deleted_customers_are_told_and_vendors_never(gp: SoapDesk) -> None:
    """The log of changed keys; the first reading needs nobody's deletion."""
    first = list(gp.book.changed(CUSTOMER, None))
    assert all(page.gone == () for page in first)
    assert not gp.company.do_delete_customer("OLDMILL001")
    second = list(gp.book.changed(CUSTOMER, first[-1].place))
    assert [id for page in second for id in page.gone] == ["OLDMILL001"]
    assert all(page.gone == () for page in gp.book.changed(VENDOR, "2026-03-01"))


def test_an_address_that_is_not_the_default_is_left_alone(gp: SoapDesk) -> None:
    """A card may have several: the one that the card names counts, whichever comes first."""
    role, id = CUSTOMER, gp.known(CUSTOMER)
    whole = gp.services.ask("GetCustomerByKey", key={"Id": id})
    other = gp.services.contract.make("CustomerAddress", Line1="Warehouse", Key={"Id": "WAREHOUSE"}, CreatedDate=None)
    whole.Addresses.CustomerAddress.insert(0, other)
    chosen: Any = cards.default_address(role, whole)
    assert chosen.Line1 == gp.card(role, id).line1.strip()
    whole.DefaultAddressKey.Id = "ELSEWHERE"
    assert cards.default_address(role, whole) is None
    party = cards.party(role, whole, "")
    assert party.address.street == ""


def test_what_is_sent_back_is_the_card_that_was_read(gp: SoapDesk) -> None:
    """The update of one field repeats every member of the answer, in its order; only the name differs."""
    known = gp.book.by_ids(CUSTOMER, [gp.known(CUSTOMER)])[gp.known(CUSTOMER)]
    gp.book.update(known, replace(known, name="Another Name"))
    read_, sent = gp.application.said, next(it for it in gp.application.heard if b":UpdateCustomer>" in it)
    answer = next(it for it in reversed(read_) if b"GetCustomerByKeyResult" in it)
    before = _members(answer, "GetCustomerByKeyResult")
    after = _members(sent, "customer")
    changed = {path for path in before.keys() | after.keys() if before.get(path, "") != after.get(path, "")}
    assert changed == {"Name"}


def _members(message: bytes, name: str) -> dict[str, str]:
    """Every text of a message below the element of this name, by its path; nothing where there is none."""
    found: dict[str, str] = {}
    top = next(etree.fromstring(message).iter(f"{{{GP}}}{name}"))
    for it in top.iter():
        if it.text and it.text.strip():
            steps = [etree.QName(up).localname for up in (it, *it.iterancestors())]
            found["/".join(reversed(steps[: steps.index(name)]))] = it.text
    return found


def test_a_contract_without_the_operation_is_told(tmp_path: Path) -> None:
    """Reading needs no more than entering documents does; an installation may have cut the rest out of its WSDL."""
    shutil.copytree(FOLDER, tmp_path / "cut")
    wsdl = tmp_path / "cut" / ENTRY
    kept = re.sub(r'<wsdl:operation name="CreateVendor">.*?</wsdl:operation>', "", wsdl.read_text(), flags=re.DOTALL)
    wsdl.write_text(kept)
    with at_the_desk(tmp_path / "wsdl", wsdl=str(wsdl)) as gp:
        assert gp.book.by_ids(VENDOR, [gp.known(VENDOR)])
        with pytest.raises(Interrupted) as stopped:
            gp.book.create(gp.wanted(VENDOR))
        assert stopped.value.finding.code == "gp.contract"
        assert "CreateVendor" in stopped.value.finding.says
        assert gp.writes == 0


def test_a_fault_without_reasons_leaves_it_in_doubt(gp: SoapDesk) -> None:
    """Whatever failed may have failed after the deed."""
    fault = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode>'
        "<faultstring>Object reference not set to an instance of an object.</faultstring></s:Fault></s:Body></s:Envelope>"
    )
    gp.application.instead["CreateCustomer"] = Response(500, fault.encode(), (), "text/xml")
    assert isinstance(gp.book.create(gp.wanted(CUSTOMER)), InDoubt)
    gp.application.instead["CreateCustomer"] = Response(200, b"<html/>", (), "text/xml")
    assert isinstance(gp.book.create(gp.wanted(CUSTOMER)), InDoubt)
    assert isinstance(gp.book.create(gp.wanted(CUSTOMER)), Made)


def test_all_that_gp_has_against_a_card_is_told_at_once(gp: SoapDesk) -> None:
    ended = gp.book.create(gp.wanted(CUSTOMER, type="NONE", terms="Net 999"))
    assert isinstance(ended, Held)
    assert {it.code for it in ended.findings} == {"party.class_missing", "party.terms_missing"}


def test_the_policy_goes_with_each_write_and_is_asked_for_once(gp: SoapDesk) -> None:
    for n in range(3):
        assert isinstance(gp.book.create(gp.wanted(VENDOR, id=f"NEW{n}")), Made)
    assert gp.asked("GetPolicyByOperation") == 1
    ids = [re.findall(rb"<[^>]*policy>.*?<[^>]*Id>([0-9a-f-]{36})", it, re.DOTALL) for it in gp.application.heard]
    assert len({it[0] for it in ids if it}) == 1


@pytest.mark.parametrize("number", [999, 1000, 1001, 2600])
def test_a_neighbourhood_is_read_to_its_end_past_what_one_list_gives(tmp_path: Path, number: int) -> None:
    """A list ends at a thousand rows without a word: nobody is missed, nobody comes twice, and one call reads each."""
    around = Neighbourhood(number - 119, 30)
    with at_the_desk(tmp_path / "wsdl", around) as gp:
        gp.services.contract  # noqa: B018 - read before the calls are counted
        before = gp.book.calls
        seen = [it.id for page in gp.book.changed(CUSTOMER, None) for it in page.parties]
        assert len(seen) == len(set(seen)) == number
        lists = gp.book.calls - before - number
        assert lists <= 1 + 2 * (number // 900)


def test_what_gp_had_of_the_neighbourhood_changes_nothing_the_second_time(tmp_path: Path) -> None:
    """Read, wish the same, and nothing is written: no party of the neighbourhood differs from itself."""
    with at_the_desk(tmp_path / "wsdl", Neighbourhood(100, 100)) as gp:
        for role in (CUSTOMER, VENDOR):
            everybody, _ = read(gp.book, role, None)
            for party in everybody.values():
                assert replace(gp.book.as_kept(party), modified=None) == replace(party, modified=None)
        assert gp.writes == 0


def test_a_create_that_is_found_later_is_no_second_one(gp: SoapDesk) -> None:
    gp.suffer(Fault.ANSWER_LOST_AFTER)
    assert isinstance(gp.book.create(gp.wanted(CUSTOMER)), InDoubt)
    ended = gp.book.create(gp.wanted(CUSTOMER))
    assert isinstance(ended, AlreadyThere)
    assert ended.party == replace(
        gp.book.as_kept(gp.wanted(CUSTOMER)), counterpart="", modified=ended.party.modified, address=ELM
    )
    assert isinstance(ended.party, Party)
