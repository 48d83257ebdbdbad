"""The Dynamics GP adapter over the web services, against the sandbox's company over real HTTP.

Every message of both sides is held against the legacy contract when a test ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ml_connector.books.document import Document, DocumentKind, StandingState
from ml_connector.books.outcomes import Deferred, Entered, Held, InDoubt
from ml_connector.books.period import FiscalPeriod, Series
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.access import Access, Secret
from ml_connector.gp.web_services.books import WebServicesBooks
from ml_connector.gp.web_services.transport import Endpoint
from ml_connector.gp.wrong_passwords import KNOWN_WRONG
from ml_connector.money import Currency
from ml_connector.pipeline.ports import Books
from ml_connector.sandbox import town
from ml_connector.sandbox.company import GPCONNECT, Company, Module, Settings, WindowsUser
from ml_connector.sandbox.company.soap import PATH, SoapApplication
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.serving import Request, Response, Server
from tests.contract.books_contract import (
    ALL_KINDS,
    BATCH,
    BILLS,
    SP,
    SR,
    BooksContract,
    Gp,
    a_bill,
    a_credit_memo,
    a_vendor_credit,
    an_invoice,
    asked,
    batch_for,
    codes,
)
from tests.contract.relay import Relay
from tests.contract.test_books_sba import refusals_at
from tests.wire import soap_schema

NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
NO_HOST = f"http://{'x' * 64}.invalid:48620"  # refused by the resolver before it asks anybody
NO_ROLE = WindowsUser("FRONTRANGE\\norole", "No-Role-1", roles=frozenset())
ELSEWHERE = WindowsUser("FRONTRANGE\\elsewhere", "Else-Where-1", companies=frozenset({"OTHER"}))
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


class Watched(SoapApplication):
    """The sandbox's web services. They keep what was said, and can answer as other servers do."""

    def __init__(self, company: Company) -> None:
        super().__init__(company, users=(GPCONNECT, NO_ROLE, ELSEWHERE))
        self.heard: list[bytes] = []
        self.said: list[bytes] = []
        self.described = 0  # documents of the WSDL that were asked for
        self.instead: list[Response] = []  # what they answer to the next posts that they let in

    def answer(self, request: Request) -> Response:
        if request.method == "POST":
            self.heard.append(request.body)
            if self.instead:
                return self.instead.pop(0)
        else:
            self.described += 1
        response = super().answer(request)
        if request.method == "POST" and response.status in (200, 500):
            self.said.append(response.body)
        return response

    def asked(self, operation: str) -> int:
        """How many posts came in for an operation."""
        return sum(f":{operation} ".encode() in body or f":{operation}>".encode() in body for body in self.heard)


@dataclass
class Sandbox:
    """The sandbox's company behind its web services, our books over them, and a person at GP."""

    company: Company
    application: Watched
    server: Server
    folder: Path
    access: dict[str, Any] = field(default_factory=dict)
    books: WebServicesBooks = field(init=False)

    def __post_init__(self) -> None:
        self.books = self.with_access(**self.access)

    def post(self, batch_id: str) -> None:
        assert not self.company.do_post_batch(batch_id).get("refused")

    def void(self, document: Document) -> None:
        assert not self.company.do_void(document.number, kind_of(document))

    def delete(self, document: Document) -> None:
        assert not self.company.do_delete(document.number, kind_of(document))

    def key_in(self, document: Document, batch_id: str) -> None:
        day, amount = document.document_date.isoformat(), str(document.amount.amount)
        told = self.company.do_enter_by_hand(
            kind_of(document), document.number, document.party_id, amount, day, batch_id
        )
        assert "refused" not in told, told

    def close_period(self, year: int, number: int, series: Series) -> None:
        """The person keeps the calendar file too, and the next run reads it."""
        self.company.do_close_period(year, number, [series.value])
        self.books.close()
        self.books = self.with_access(**self.access)

    def lock(self, batch_id: str, series: Series) -> None:
        self.company.do_lock_batch(batch_id, "receivables-invoice" if series is SR else "payables-invoice")

    def unlock(self, batch_id: str) -> None:
        self.company.do_unlock_batch(batch_id)

    def deactivate(self, account: str) -> None:
        self.company.do_activate_account(account, active=False)

    # What only the tests of this page use

    @property
    def creates(self) -> int:
        """How many creates of a receivables invoice reached the server."""
        return self.application.asked("CreateReceivablesInvoice")

    @property
    def posts(self) -> int:
        """How many requests came in on a signed-in connection, those included that suffered a fault."""
        return self.server.stats.calls["POST DynamicsGPService.asmx"]

    @property
    def standing(self) -> list[str]:
        """The numbers that GP holds, from its own records."""
        return [it.number.strip() for it in self.company.documents(Module.RECEIVABLES)]

    def suffer(self, fault: Fault, path: str = "Create", **how: Any) -> None:
        self.application.faults.order(fault, path=path, **how)

    def with_access(self, /, url: str = "", **changes: Any) -> WebServicesBooks:
        known = {"refusals": refusals_at(self.server), **changes}
        return books_of(url or self.server.url, self.company, self.folder, **known)


def books_of(server: str, company: Company, folder: Path, **changes: Any) -> WebServicesBooks:
    """Our books over the web services at `server`; changes of the access, the company's number, or the books."""
    of_books = {name: changes.pop(name) for name in ("duplicates_since", "meanings", "kinds") if name in changes}
    company_id = changes.pop("company_id", company.setup.id)
    endpoint = Endpoint(f"{server}{PATH}/DynamicsGPService.asmx", company_id, folder=folder)
    refusals = changes.pop("refusals", KNOWN_WRONG)
    access = replace(Access(server, "", GPCONNECT.name, Secret(GPCONNECT.password), refusals=refusals), **changes)
    calendar = calendar_of(company)
    return WebServicesBooks(access, endpoint, "North", Currency.USD, calendar, sleep=lambda _: None, **of_books)


def kind_of(document: Document) -> str:
    return document.kind.value.replace(" ", "-")


def calendar_of(company: Company) -> tuple[FiscalPeriod, ...]:
    """The company's fiscal periods, as a person would write them in the calendar file."""
    return tuple(
        FiscalPeriod(
            year=it.year,
            number=it.number,
            first=it.first,
            last=it.last,
            closed=frozenset(series for series in Series if series.value in {one.value for one in it.closed}),
            year_closed=it.historical,
        )
        for it in company.periods()
    )


def sandbox(folder: Path, settings: Settings | None = None, **access: Any) -> Iterator[Sandbox]:
    soap_schema.needs_the_contract()
    company = Company.front_range(settings, lambda: NOON)
    application = Watched(company)
    with Server(application) as server:
        gp = Sandbox(company, application, server, folder, access)
        yield gp
        gp.books.close()
    for message in (*application.heard, *application.said):
        soap_schema.validate(message)


@pytest.fixture
def gp(tmp_path: Path) -> Iterator[Sandbox]:
    yield from sandbox(tmp_path / "wsdl")


class TestSoap(BooksContract):
    """The suite that every `Books` passes."""

    def test_parties_come_with_what_the_checks_need(self, gp: Gp) -> None:
        """Those that exist, by id; the control account is the card's alone, as these services do not show the classes:
        where the card has none, the company's row of the rulebook decides."""
        cards = gp.books.parties(SR, ["SMITH001", "CHERRYDENT001", "OLDMILL001", "NOBODY"])
        assert sorted(cards) == ["CHERRYDENT001", "OLDMILL001", "SMITH001"]
        assert cards["SMITH001"].active
        assert not cards["OLDMILL001"].active
        assert str(cards["CHERRYDENT001"].control) == "000-1210-00"
        assert cards["SMITH001"].control is None
        vendors = gp.books.parties(SP, ["FERGUSON0001", "MARTINEZ0001", "HOMEDEPOT0001"])
        assert not vendors["FERGUSON0001"].is_1099
        assert vendors["MARTINEZ0001"].is_1099
        assert vendors["HOMEDEPOT0001"].on_hold


def test_it_is_a_books(gp: Sandbox) -> None:
    """mypy proves the fit: the adapter satisfies the port by its shape."""
    books: Books = gp.books
    assert books.calls == 0


# A create is sent once, whatever happens to it


@pytest.mark.parametrize(
    ("fault", "entered"),
    [
        (Fault.ANSWER_LOST_AFTER, True),
        (Fault.ANSWER_LOST_BEFORE, False),
        (Fault.SERVER_ERROR, False),
        (Fault.ERROR_AFTER, True),
        (Fault.HTML_WITH_200, False),
        (Fault.RESET_IN_BODY, True),
        (Fault.TRUNCATED_JSON, True),
    ],
    ids=lambda it: it.value if isinstance(it, Fault) else "",
)
def test_an_answer_lost_leaves_the_document_in_doubt(gp: Sandbox, fault: Fault, entered: bool) -> None:
    """Whether or not GP did it, we do not know, and we do not send it again."""
    gp.books.enter(an_invoice("STI1"), BATCH)
    posts = gp.posts
    gp.suffer(fault)
    assert isinstance(gp.books.enter(an_invoice(), BATCH), InDoubt)
    assert gp.posts - posts == 1
    assert sorted(gp.standing) == (["STI1", "STI10482"] if entered else ["STI1"])


def test_a_create_that_gp_still_works_at_is_in_doubt_and_found_later(gp: Sandbox) -> None:
    """The connection breaks while GP works: asked at once, it knows nothing; asked after the pause, it does."""
    gp.suffer(Fault.STILL_WORKING, seconds=0.6)
    assert isinstance(gp.books.enter(an_invoice(), BATCH), InDoubt)
    assert gp.books.find(SR, ["STI10482"]) == {}
    for _ in range(500):
        if gp.standing:
            break
        time.sleep(0.01)
    assert gp.creates == 1
    assert "STI10482" in gp.books.find(SR, ["STI10482"])


def test_a_create_that_takes_too_long_is_in_doubt(tmp_path: Path) -> None:
    """The write timeout passes before GP answers."""
    for gp in sandbox(tmp_path, write_timeout=0.3):
        gp.suffer(Fault.SLOW, seconds=1.0)
        assert isinstance(gp.books.enter(an_invoice(), BATCH), InDoubt)


EMPTY = f'<s:Envelope xmlns:s="{SOAP}"><s:Body/></s:Envelope>'
OTHER = EMPTY.replace("<s:Body/>", '<s:Body><CreateVendorResponse xmlns="urn:other"/></s:Body>')


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, ""),
        (200, EMPTY),
        (200, OTHER),
        (200, "<html><body>Please sign in</body></html>"),
        (200, f"<!DOCTYPE s:Envelope>{OTHER}"),
        (202, ""),
        (302, ""),
        (400, "Bad Request"),
        (500, "<html>Runtime Error</html>"),
    ],
    ids=["nothing", "empty body", "another", "HTML", "DTD", "accepted", "moved", "bad request", "no fault"],
)
def test_an_answer_that_is_not_a_creates_is_in_doubt(gp: Sandbox, status: int, body: str) -> None:
    """Only the empty element of this very operation is a success."""
    assert isinstance(gp.books.enter(an_invoice("STI1"), BATCH), Entered)
    gp.application.instead = [Response(status, body.encode(), (), "text/xml; charset=utf-8")]
    entry = gp.books.enter(an_invoice("STI2"), BATCH)
    assert isinstance(entry, InDoubt), entry
    assert gp.creates == 2


def test_the_exchange_is_kept_as_evidence(gp: Sandbox) -> None:
    """The envelope that was sent, and the status and the envelope that came back."""
    entry = gp.books.enter(an_invoice(), BATCH)
    assert entry.wire.request == gp.application.heard[-1]
    assert entry.wire.answer == b"HTTP 200\n" + gp.application.said[-1]
    assert b"GPCONNECT" not in entry.wire.request.upper()


def test_a_create_that_gp_has_no_time_for_is_deferred(gp: Sandbox) -> None:
    """429: GP turned it away, so it is tried again by the clock, not by the client."""
    gp.suffer(Fault.TOO_MANY_REQUESTS)
    assert isinstance(gp.books.enter(an_invoice(), BATCH), Deferred)
    assert gp.standing == []


def test_a_server_that_is_not_there_defers(gp: Sandbox) -> None:
    """Nothing listens any more, whether or not the contract was read before: certainly nothing was sent."""
    gp.books.enter(an_invoice("STI1"), BATCH)
    gp.server.close()
    with gp.with_access() as books, gp.with_access(url=NO_HOST) as nowhere:
        assert isinstance(books.enter(an_invoice(), BATCH), Deferred)
        assert isinstance(nowhere.enter(an_invoice(), BATCH), Deferred)


def test_a_write_after_the_server_hung_up_is_sent_once_on_a_new_connection(gp: Sandbox) -> None:
    """The signed-in connection was dropped while idle: it is noticed before a byte of the document leaves."""
    with Relay(gp.server.url) as relay, gp.with_access(url=relay.url) as books:
        books.enter(an_invoice("STI1"), BATCH)
        relay.hang_up()
        assert books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
        assert relay.said.count(b"Id>STI10482<") == 1
    assert gp.creates == 2


# What GP says against a document


def test_all_reasons_are_told_at_once(gp: Sandbox) -> None:
    """They stand in GP's log, under the id that the fault carries: one finding each."""
    gp.close_period(2026, 3, SR)
    assert codes(gp.books.enter(an_invoice(customer="NOBODY"), BATCH)) == {"period.closed", "customer.missing"}
    assert gp.application.asked("GetLoggedValidationResultByKey") == 1


def test_a_refusal_that_nobody_foresaw_is_quoted(gp: Sandbox) -> None:
    """An unknown text is still a refusal: GP's own words are what the person reads."""
    gp.books.enter(a_bill(), BATCH)
    entry = gp.books.enter(an_invoice(), BATCH)
    assert codes(entry) == {"document.refused"}
    assert isinstance(entry, Held)
    assert "already exists with origin PM_Trxent" in entry.findings[0].says


def a_fault(text: str, detail: str = "", code: str = "s:Server") -> Response:
    told = f"<detail>{detail}</detail>" if detail else ""
    fault = f"<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring>{told}</s:Fault>"
    body = EMPTY.replace("<s:Body/>", f"<s:Body>{fault}</s:Body>")
    return Response(500, body.encode(), (), "text/xml; charset=utf-8")


LOGGED = "<LogId>4f3c2f6e-0000-0000-0000-000000000000</LogId>"


@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        (a_fault("An unexpected error occurred. See your administrator."), InDoubt),
        (a_fault("A system exception has occurred.", LOGGED), InDoubt),
        (a_fault("A validation exception has occurred.", LOGGED), InDoubt),
        (a_fault("A validation exception has occurred. Key already exists in PM Keys Master"), InDoubt),
        (a_fault("A validation exception has occurred. Vendor does not exist"), Held),
        (a_fault("Batch X is currently being posted by another user"), Deferred),
    ],
    ids=["system", "system, logged", "log is gone", "number taken", "known text", "locked"],
)
def test_a_fault_without_logged_reasons_is_taken_by_its_own_text_or_in_doubt(
    gp: Sandbox, fault: Response, ending: type
) -> None:
    """A system exception may have come after the deed; a text that we know is a refusal."""
    gp.books.enter(an_invoice("STI1"), BATCH)
    gp.application.instead = [fault]
    assert isinstance(gp.books.enter(an_invoice(), BATCH), ending)


def test_a_reason_that_cannot_be_read_leaves_the_document_in_doubt(gp: Sandbox) -> None:
    """GP refused, and then its log did not answer: nobody guesses."""
    gp.suffer(Fault.SERVER_ERROR, path="GetLoggedValidationResultByKey", times=3)
    assert isinstance(gp.books.enter(an_invoice(customer="NOBODY"), BATCH), InDoubt)
    assert codes(gp.books.enter(an_invoice(customer="NOBODY"), BATCH)) == {"customer.missing"}


def test_a_reason_is_asked_for_again(gp: Sandbox) -> None:
    """The create is never repeated; the question why it was refused may be."""
    gp.suffer(Fault.ANSWER_LOST_BEFORE, path="GetLoggedValidationResultByKey", times=2)
    assert codes(gp.books.enter(an_invoice(customer="NOBODY"), BATCH)) == {"customer.missing"}
    assert gp.creates == 1


def test_a_message_that_net_turned_away_unread_stops_the_run(gp: Sandbox) -> None:
    """The installation has another contract than the one we hold: no document will do better."""
    gp.books.enter(an_invoice("STI1"), BATCH)
    gp.application.instead = [a_fault("There is an error in XML document (1, 2).", code="a:DeserializationFailed")]
    with pytest.raises(Interrupted) as stop:
        gp.books.enter(an_invoice(), BATCH)
    assert stop.value.finding.code == "gp.contract"


# Policies


def test_a_policy_that_makes_distributions_lets_no_run_begin(tmp_path: Path) -> None:
    """GP's default would replace our accounts without a word: the facts stop the run, and no document is sent."""
    for gp in sandbox(tmp_path, Settings(creates_distributions=True)):
        acts: list[Callable[[], object]] = [gp.books.company_facts, partial(gp.books.enter, an_invoice(), BATCH)]
        for act in acts:
            with pytest.raises(Interrupted) as stop:
                act()
            assert stop.value.finding.code == "gp.policy"
            assert "Automatically Create Distributions" in stop.value.finding.says
            assert "Dynamics Security console" in stop.value.finding.remedy
        assert refused(gp.books, "policies").code == "gp.policy"
        assert gp.creates == 0


def test_a_policy_is_fetched_once_and_sent_back_as_it_came(gp: Sandbox) -> None:
    """Five documents of a kind cost one policy; each create carries it whole."""
    for i in range(5):
        gp.books.enter(an_invoice(f"STI{i}"), BATCH)
    assert gp.application.asked("GetPolicyByOperation") == 1
    assert all(b"Create GL Account Distributions" in it for it in gp.application.heard[-4:])


def test_a_policy_that_was_changed_is_seen_by_the_next_run(gp: Sandbox) -> None:
    """The facts are read at the start of each run, and the policies with them."""
    gp.books.company_facts()
    gp.company.do_set(creates_distributions=True)
    with pytest.raises(Interrupted) as stop:
        gp.books.company_facts()
    assert stop.value.finding.code == "gp.policy"


def test_distributions_that_gp_replaced_are_read_as_gp_keeps_them(gp: Sandbox) -> None:
    """Whatever the policy said, only reading them back shows what GP made of them."""
    gp.suffer(Fault.DISTRIBUTIONS_REPLACED, path="")
    gp.books.enter(replace(an_invoice(), customer_id="CHERRYDENT001"), BATCH)
    read = gp.books.distributions(SR, ["STI10482"])["STI10482"]
    assert "000-1210-00" in {str(it.account) for it in read}


# The contract


def test_the_contract_is_read_from_the_server_once(gp: Sandbox) -> None:
    """The data folder keeps it: the next process asks for none of its documents."""
    gp.books.find(SR, ["STI1"])
    read = gp.application.described
    assert read > 1
    with gp.with_access() as books:
        books.find(SR, ["STI1"])
    assert gp.application.described == read
    gp.books.looking().doors["contract"]()
    assert gp.application.described == 2 * read


def test_a_damaged_copy_of_the_contract_is_read_again(gp: Sandbox) -> None:
    """Half a file in the data folder is no reason to stop."""
    gp.books.find(SR, ["STI1"])
    for kept in gp.folder.iterdir():
        kept.write_bytes(kept.read_bytes()[:100])
    with gp.with_access() as books:
        assert books.find(SR, ["STI1"]) == {}


@pytest.mark.parametrize("path", ["/Elsewhere.asmx", "/DynamicsGPWebServices/No.asmx"])
def test_an_address_without_web_services_is_named(gp: Sandbox, path: str) -> None:
    """404: the finding says what such an address looks like."""
    access = Access(gp.server.url, "", GPCONNECT.name, Secret(GPCONNECT.password))
    endpoint = Endpoint(gp.server.url + path, gp.company.setup.id)
    with WebServicesBooks(access, endpoint, "North", Currency.USD) as books:
        with pytest.raises(Interrupted) as stop:
            books.company_facts()
        assert stop.value.finding.code == "gp.missing"


# The login


def test_a_wrong_password_is_tried_once(gp: Sandbox) -> None:
    """However often we are asked, the account sees one bad attempt, so that we lock nobody out."""
    with gp.with_access(password=Secret("wrong"), lanes=2) as books:
        for _ in range(3):
            with pytest.raises(Interrupted) as stop:
                books.find(SR, ["STI1"])
            assert stop.value.finding.code == "gp.credentials"
        with pytest.raises(Interrupted):
            books.enter(an_invoice(), BATCH)
    assert gp.application.heard == []


@pytest.mark.parametrize("user", [NO_ROLE, ELSEWHERE], ids=["no role", "no company"])
def test_a_user_without_the_role_or_the_company_is_told_where_to_get_it(gp: Sandbox, user: WindowsUser) -> None:
    """The login is good, but GP gives it nothing."""
    with gp.with_access(username=user.name, password=Secret(user.password)) as books:
        for act in (lambda: books.find(SR, ["STI1"]), lambda: books.enter(an_invoice(), BATCH)):
            with pytest.raises(Interrupted) as stop:
                act()
            assert stop.value.finding.code == "gp.forbidden"
            assert "Dynamics Security console" in stop.value.finding.remedy
            assert user.name in stop.value.finding.says


def test_a_company_number_that_gp_does_not_have_is_told(gp: Sandbox) -> None:
    """The finding names the companies that the account may use."""
    with gp.with_access(company_id=77) as books:
        finding = refused(books, "company")
    assert finding.code == "gp.missing"
    assert f"{gp.company.setup.id} {town.COMPANY_NAME}" in finding.says


# Reads


READ_FAULTS = [
    Fault.ANSWER_LOST_BEFORE,
    Fault.ANSWER_LOST_AFTER,
    Fault.RESET_IN_BODY,
    Fault.TRUNCATED_JSON,
    Fault.HTML_WITH_200,
    Fault.SERVER_ERROR,
    Fault.TOO_MANY_REQUESTS,
]


@pytest.mark.parametrize("fault", READ_FAULTS, ids=lambda it: it.value)
def test_a_read_is_asked_again_and_not_for_ever(gp: Sandbox, fault: Fault) -> None:
    """Twice broken, the third time it comes; three times broken, the run stops and says why."""
    gp.books.enter(an_invoice(), BATCH)
    gp.suffer(fault, path="GetReceivablesDocumentList", times=2)
    assert "STI10482" in gp.books.find(SR, ["STI10482"])
    gp.suffer(fault, path="GetReceivablesDocumentList", times=3)
    before = gp.books.calls
    with pytest.raises(Interrupted) as stop:
        gp.books.find(SR, ["STI10482"])
    assert stop.value.finding.code in ("gp.unreachable", "gp.answer")
    assert gp.books.calls - before == 3


def test_a_posted_document_comes_with_its_posting_date_and_audit_trail_code(gp: Sandbox) -> None:
    """A list tells neither; so what is posted is read by its key, and what is not costs no call of its own."""
    for number in ("STI1", "STI2"):
        gp.books.enter(an_invoice(number), BATCH)
    gp.post(BATCH)
    for number in ("STI3", "STI4"):
        gp.books.enter(an_invoice(number), "STR260314-08")
    before = gp.books.calls
    found = gp.books.find(SR, ["STI1", "STI2", "STI3", "STI4"])
    assert gp.books.calls - before == 3
    assert found["STI1"].posting_date == an_invoice().posting_date
    assert found["STI1"].audit_trail_code.startswith("RMSLS")
    assert found["STI3"].posting_date is None


@pytest.mark.parametrize("document", ALL_KINDS, ids=lambda it: it.kind.value)
def test_one_document_is_settled_by_its_key(gp: Sandbox, document: Document) -> None:
    """Asked for alone, as after a lost answer, it comes with its posting date even where it is not posted."""
    gp.books.enter(document, batch_for(document))
    standing = gp.books.find(document.kind.series, [document.number])[document.number]
    assert (standing.posting_date, standing.state) == (document.posting_date, StandingState.WORK)


def test_lists_that_were_cut_off_are_read_in_halves(tmp_path: Path) -> None:
    """GP gives ten rows at most and does not say so: batch, accounts, tax details and vendor are read all the same."""
    for gp in sandbox(tmp_path, Settings(row_cap=10), row_cap=10):
        for i in range(35):
            gp.books.enter(an_invoice(f"STI{i}"), BATCH)
        numbers = [it.number for it in gp.books.in_batch(SR, BATCH)]
        assert sorted(numbers) == sorted(f"STI{i}" for i in range(35))
        assert len(gp.books.find(SR, numbers)) == 35
        for i in range(25):
            gp.books.enter(a_bill(f"STB{i}", invoice=f"F-{i}"), BILLS)
        keys = [("FERGUSON0001", f"F-{i}") for i in range(25)]
        assert gp.books.vendor_invoices(keys) == {key: f"STB{i}" for i, key in enumerate(keys)}
        facts = gp.books.company_facts()
        assert len(facts.accounts) == len(gp.company.accounts())
        assert {detail.strip() for detail in facts.tax_details} == {it.id.strip() for it in gp.company.tax_details()}
        assert len(gp.books.parties(SR, [it.id.strip() for it in gp.company.customers()])) == len(
            gp.company.customers()
        )


def test_a_list_that_halving_does_not_help_stops_the_run(tmp_path: Path) -> None:
    """Two rows are the most that GP gives, and one key's rows may be more."""
    for gp in sandbox(tmp_path, Settings(row_cap=2), row_cap=2):
        with pytest.raises(Interrupted) as stop:
            gp.books.company_facts()
        assert stop.value.finding.code == "gp.truncated"


def test_many_documents_are_found_in_few_calls(gp: Sandbox) -> None:
    """Two hundred numbers cost one call."""
    numbers = [f"STI{100_000 + i}" for i in range(200)]
    gp.books.enter(an_invoice(numbers[-1]), BATCH)
    before = gp.books.calls
    assert list(gp.books.find(SR, numbers)) == [numbers[-1]]
    assert gp.books.calls - before == 1


def test_both_kinds_are_found_in_one_call(gp: Sandbox) -> None:
    """Invoices and credit memos of a series stand in one list."""
    gp.books.enter(an_invoice(), BATCH)
    gp.books.enter(a_credit_memo(), BATCH)
    before = gp.books.calls
    found = gp.books.find(SR, ["STI10482", "STC10482"])
    assert gp.books.calls - before == 1
    assert found["STC10482"].kind is DocumentKind.RECEIVABLES_CREDIT_MEMO


def last_answer(gp: Sandbox, *changes: tuple[str, str]) -> list[Response]:
    """What GP said last, with something changed in it."""
    body = gp.application.said[-1].decode()
    for old, new in changes:
        assert old in body, body
        body = body.replace(old, new)
    return [Response(200, body.encode(), (), "text/xml; charset=utf-8")]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("<Currency>USD<", "<Currency>EUR<", "EUR"),
        ("<Value>108.25<", "<Value>108.255<", "finer than a cent"),
        ("<Value>108.25<", "<Value>1E99<", "no amount"),
        ("<Value>108.25<", "<Value>much<", "does not fit the WSDL"),
        ("<Type>Invoice<", "<Type>Rebate<", "Rebate"),
        ("GetReceivablesDocumentListResponse", "GetReceivablesInvoiceListResponse", "another one"),
        ("<Id>STI10482<", "<Id>STI9<", "does not heed"),
        ("<Date>2026-03-14T00:00:00<", "<Date>1900-01-01T00:00:00<", "no date"),
        ("<Type>", "<Novelty>1</Novelty><Type>", "does not fit the WSDL"),
    ],
    ids=[
        "currency",
        "half a cent",
        "too much",
        "no number",
        "type",
        "another answer",
        "another number",
        "empty date",
        "new member",
    ],
)
def test_an_answer_that_makes_no_sense_stops_the_run(gp: Sandbox, old: str, new: str, says: str) -> None:
    """An amount in another currency, a member that the WSDL does not know: never guessed, always named."""
    gp.books.enter(an_invoice(), BATCH)
    gp.books.find(SR, ["STI10482", "STI1"])
    gp.application.instead = last_answer(gp, (old, new)) * 3
    with pytest.raises(Interrupted) as stop:
        gp.books.find(SR, ["STI10482", "STI1"])
    assert stop.value.finding.code == "gp.answer"
    assert says in stop.value.finding.says


def test_receipts_under_our_number_are_passed_over(gp: Sandbox) -> None:
    """A cash receipt has numbers of its own, and one of them may look like ours."""
    gp.books.enter(an_invoice(), BATCH)
    gp.books.find(SR, ["STI10482", "STI1"])
    gp.application.instead = last_answer(gp, ("<Type>Invoice<", "<Type>Cash Receipt<"))
    assert gp.books.find(SR, ["STI10482", "STI1"]) == {}


def test_reading_distributions_back_is_counted_apart(gp: Sandbox) -> None:
    """One list, then each document by its key."""
    for i in range(4):
        gp.books.enter(an_invoice(f"STI{i}"), BATCH)
    assert gp.books.reads_of_distributions == 0
    assert len(gp.books.distributions(SR, [f"STI{i}" for i in range(4)])) == 4
    assert gp.books.reads_of_distributions == 5


def test_a_vendors_invoice_number_may_hold_any_character(gp: Sandbox) -> None:
    """Quotes, commas and markup are the vendor's own, and are neither lost nor taken for syntax."""
    strange = ["O'NEIL,7", "A;B", "100% & more", "50/50 <x>"]
    for i, number in enumerate(strange):
        assert isinstance(gp.books.enter(a_bill(f"STB{i}", invoice=number), BILLS), Entered)
    keys = [("FERGUSON0001", number) for number in strange]
    assert gp.books.vendor_invoices(keys) == {key: f"STB{i}" for i, key in enumerate(keys)}


def test_each_invoice_of_a_vendor_is_read_once(gp: Sandbox) -> None:
    """The number stands in no list: the first question costs a call an invoice, the next ones the list alone."""
    for i in range(6):
        gp.books.enter(a_bill(f"STB{i}", invoice=f"F-{i}"), BILLS)
    gp.books.enter(a_vendor_credit(invoice="F-9"), BILLS)
    before = gp.books.calls
    assert gp.books.vendor_invoices([("FERGUSON0001", "F-3")]) == {("FERGUSON0001", "F-3"): "STB3"}
    assert gp.books.calls - before == 7
    assert gp.books.vendor_invoices([("FERGUSON0001", "F-7")]) == {}
    assert gp.books.calls - before == 8


def test_an_unposted_invoice_is_read_again_by_the_next_run(gp: Sandbox) -> None:
    """A person may correct its number on the same day, and a list shows no time: the facts begin a run."""
    gp.books.enter(a_bill(), BILLS)
    for _ in range(2):
        gp.books.company_facts()
        before = gp.application.asked("GetPayablesInvoiceByKey")
        gp.books.vendor_invoices([("FERGUSON0001", "FS-88121")])
        assert gp.application.asked("GetPayablesInvoiceByKey") - before == 1
    gp.post(BILLS)
    for times in (1, 0):
        gp.books.company_facts()
        before = gp.application.asked("GetPayablesInvoiceByKey")
        gp.books.vendor_invoices([("FERGUSON0001", "FS-88121")])
        assert gp.application.asked("GetPayablesInvoiceByKey") - before == times


def test_a_voided_bill_frees_the_vendors_number(gp: Sandbox) -> None:
    """A person posts and voids the bill: what we read of it before no longer counts."""
    gp.books.enter(a_bill(), BILLS)
    assert gp.books.vendor_invoices([("FERGUSON0001", "FS-88121")]) != {}
    gp.post(BILLS)
    gp.void(a_bill())
    assert gp.books.vendor_invoices([("FERGUSON0001", "FS-88121")]) == {}


@pytest.mark.parametrize(("since", "found"), [(date(2026, 3, 14), True), (date(2026, 3, 15), False)])
def test_duplicates_are_looked_for_as_far_back_as_the_setting_says(gp: Sandbox, since: date, found: bool) -> None:
    """A vendor of many years would cost a call an invoice; GP's own refusal remains."""
    gp.books.enter(a_bill(), BILLS)
    with gp.with_access(duplicates_since=since) as books:
        assert bool(books.vendor_invoices([("FERGUSON0001", "FS-88121")])) is found
        assert codes(books.enter(a_bill("STB2"), BILLS)) == {"vendor_invoice.duplicate"}


def test_a_card_is_read_once_a_run(gp: Sandbox) -> None:
    """The list is asked in bulk each time; the card behind it only where the list shows a change."""
    before = gp.books.calls
    gp.books.parties(SR, ["SMITH001", "JONES001", "NOBODY"])
    assert gp.books.calls - before <= 2 + 3 + gp.application.described
    before = gp.books.calls
    assert len(gp.books.parties(SR, ["SMITH001", "JONES001"])) == 2
    assert gp.books.calls - before == 1


def test_a_batch_of_the_other_series_is_not_ours(gp: Sandbox) -> None:
    """Receivables and payables have batches of their own."""
    gp.books.enter(an_invoice(), BATCH)
    assert gp.books.batches(SP, [BATCH]) == {}


def test_without_a_calendar_the_run_stops(gp: Sandbox) -> None:
    """These services have no fiscal periods: never assumed, always said."""
    access = Access(gp.server.url, "", GPCONNECT.name, Secret(GPCONNECT.password))
    endpoint = Endpoint(f"{gp.server.url}{PATH}", gp.company.setup.id, folder=gp.folder)
    with WebServicesBooks(access, endpoint, "North", Currency.USD) as books:
        with pytest.raises(Interrupted) as stop:
            books.company_facts()
        assert stop.value.finding.code == "gp.calendar"
        with pytest.raises(Interrupted, match=r"gp\.calendar"):
            books.fiscal_periods()


def test_the_companies_and_the_account_format_are_told(gp: Sandbox) -> None:
    """What the settings and the rulebook are held against."""
    assert gp.books.companies() == {gp.company.setup.id: town.COMPANY_NAME}
    form = gp.books.account_format()
    assert (form.names, form.lengths, form.main) == (("Division", "Main", "Department"), (3, 4, 2), "Main")


# What doctor asks


def refused(books: WebServicesBooks, name: str) -> Finding:
    finding = asked(books.looking())[name]
    assert finding is not None
    return finding


def test_a_sound_installation_passes_every_check(gp: Sandbox) -> None:
    """Contract, role, company, policies and each list, by name."""
    told = asked(gp.books.looking())
    assert [finding for finding in told.values() if finding] == []
    assert {"contract", "role", "company", "policies", "customers", "payables"} <= set(told)
    assert gp.books.looking().posting_setup() == {}


@pytest.mark.parametrize(
    ("changes", "name", "code"),
    [
        ({"company_id": 77}, "company", "gp.missing"),
        ({"username": NO_ROLE.name, "password": Secret(NO_ROLE.password)}, "role", "gp.forbidden"),
        ({"username": ELSEWHERE.name, "password": Secret(ELSEWHERE.password)}, "company", "gp.missing"),
        ({"url": NO_HOST}, "contract", "gp.unreachable"),
    ],
    ids=["company", "role", "elsewhere", "server"],
)
def test_what_is_wrong_is_told_where_it_is_wrong(gp: Sandbox, changes: dict[str, Any], name: str, code: str) -> None:
    """A door that is shut is named, and nothing is asked behind it."""
    with gp.with_access(**changes) as books:
        told = asked(books.looking())
    assert {what: finding.code for what, finding in told.items() if finding} == {name: code}
    assert list(told)[-1] == name


def test_the_password_is_nowhere_to_be_read(gp: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Not in what we send, not in a log of everything."""
    caplog.set_level(0)
    gp.books.enter(an_invoice(), BATCH)
    told = [caplog.text, repr(vars(gp.books)), *(it.decode() for it in gp.application.heard)]
    assert GPCONNECT.password not in "\n".join(told)
