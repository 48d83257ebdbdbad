"""The Dynamics GP adapter over SBA, against the sandbox's company over real HTTP, in both of its dialects."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

import pytest

from ml_connector.books.document import Document
from ml_connector.books.outcomes import Deferred, Entered, Held, InDoubt
from ml_connector.books.period import Series
from ml_connector.books.posting import LedgerPosting, PostingDateSource, PostingSetup
from ml_connector.findings import Interrupted
from ml_connector.gp import service_map
from ml_connector.gp.access import Access, Secret
from ml_connector.gp.books import GpBooks
from ml_connector.gp.wrong_passwords import OfThisProcess
from ml_connector.money import Currency
from ml_connector.pipeline.ports import Books
from ml_connector.sandbox import town
from ml_connector.sandbox.company import DIALECTS, GPCONNECT, Company, Module, SbaApplication, Settings, WindowsUser
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.serving import Request, Response, Server
from tests.contract.books_contract import BATCH, BILLS, SP, SR, BooksContract, a_bill, an_invoice, asked, codes

NOON = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
MAPS = {"one": "default", "two": "product-segment"}
CREATES = {"one": "POST ReceivablesTransactions", "two": "POST Invoices"}
NO_HOST = f"http://{'x' * 64}.invalid:48650"  # refused by the resolver before it asks anybody
NO_ROLE = WindowsUser("FRONTRANGE\\norole", "No-Role-1", roles=frozenset())
ELSEWHERE = WindowsUser("FRONTRANGE\\elsewhere", "Else-Where-1", companies=frozenset({"OTHER"}))


class Watched(SbaApplication):
    """The sandbox's SBA server. It counts logins, and can greet as other servers do."""

    logins = 0  # last legs of a login that came in
    every_time = False  # every request has to be signed in, as HTTP.SYS can be set
    lets_all_in = False
    says: Response | None = None  # its only answer, whoever comes
    instead: Response | None = None  # what it answers to the next request that it let in

    def greet(self, request: Request) -> Response | None:
        if self.says:
            return self.says
        if self.lets_all_in:
            request.connection["user"] = GPCONNECT
            return None
        if self.every_time and "authorization" not in request.headers:
            request.connection.pop("user", None)
        self.logins += "authorization" in request.headers and "acceptor" in request.connection
        return super().greet(request)

    repeats = False  # it does not heed which page is asked for

    def answer(self, request: Request) -> Response:
        if self.repeats:
            query = {"$top": ["5"]} if self.dialect.name == "one" else {"pageSize": ["5"]}
            return super().answer(replace(request, query=query))
        answer, self.instead = self.instead or super().answer(request), None
        return answer


@dataclass
class Sandbox:
    """The sandbox's company behind one SBA server, our books over it, and a person at GP."""

    company: Company
    application: Watched
    server: Server
    dialect: str
    books: GpBooks

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
        self.company.do_close_period(year, number, [series.value])

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
        return self.server.stats.calls[CREATES[self.dialect]]

    @property
    def standing(self) -> list[str]:
        """The numbers that GP holds, from its own records."""
        return [it.number.strip() for it in self.company.documents(Module.RECEIVABLES)]

    def suffer(self, fault: Fault, method: str = "POST", **how: Any) -> None:
        self.application.faults.order(fault, method=method, **how)

    def with_access(self, **changes: Any) -> GpBooks:
        return books_of(self.server, self.dialect, **changes)


def kind_of(document: Document) -> str:
    return document.kind.value.replace(" ", "-")


def access_of(running: Server, dialect: str, /, **changes: Any) -> Access:
    name = town.COMPANY_NAME if DIALECTS[dialect].company_by_display_name else town.COMPANY_DATABASE
    access = Access(running.url, name, GPCONNECT.name, Secret(GPCONNECT.password), refusals=refusals_at(running))
    return replace(access, **changes)


_refusals: WeakKeyDictionary[Server, OfThisProcess] = WeakKeyDictionary()


def refusals_at(running: Server) -> OfThisProcess:
    """What one server refused is no secret between the books of one test, and nothing to those of another."""
    return _refusals.setdefault(running, OfThisProcess())


def books_of(running: Server, dialect: str, /, **changes: Any) -> GpBooks:
    shipped = service_map.shipped(MAPS[dialect])
    return GpBooks(access_of(running, dialect, **changes), shipped, "North", Currency.USD, sleep=lambda _: None)


@pytest.fixture(params=sorted(MAPS))
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def sandbox(dialect: str, settings: Settings | None = None, **access: Any) -> Iterator[Sandbox]:
    company = Company.front_range(settings, lambda: NOON)
    application = Watched(company, DIALECTS[dialect], users=(GPCONNECT, NO_ROLE, ELSEWHERE))
    with Server(application) as server, books_of(server, dialect, **access) as books:
        yield Sandbox(company, application, server, dialect, books)


@pytest.fixture
def gp(dialect: str) -> Iterator[Sandbox]:
    yield from sandbox(dialect)


class TestSba(BooksContract):
    """The suite that every `Books` passes."""


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
    ],
    ids=lambda it: it.value if isinstance(it, Fault) else "",
)
@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "at sign-in"])
def test_an_answer_lost_leaves_the_document_in_doubt(gp: Sandbox, fault: Fault, entered: bool, signed_in: bool) -> None:
    """Whether or not GP did it, we do not know, and we do not send it again."""
    if signed_in:
        gp.books.find(SR, ["STI10482"])
    gp.suffer(fault)
    assert isinstance(gp.books.enter(an_invoice(), BATCH), InDoubt)
    assert gp.creates == 1
    assert gp.standing == (["STI10482"] if entered else [])


@pytest.mark.parametrize("fault", [Fault.RESET_IN_BODY, Fault.TRUNCATED_JSON], ids=lambda it: it.value)
def test_a_create_whose_answer_is_cut_short_is_in_doubt(gp: Sandbox, fault: Fault) -> None:
    """Half an answer is no answer. The second dialect answers nothing at all, and nothing cannot be cut short."""
    gp.suffer(fault)
    entry = gp.books.enter(an_invoice(), BATCH)
    assert isinstance(entry, InDoubt if gp.dialect == "one" else Entered), entry
    assert gp.creates == 1
    assert gp.standing == ["STI10482"]


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


def test_a_create_that_takes_too_long_is_in_doubt(dialect: str) -> None:
    """The write timeout passes before GP answers."""
    for gp in sandbox(dialect, write_timeout=0.3):
        gp.suffer(Fault.SLOW, seconds=1.0)
        assert isinstance(gp.books.enter(an_invoice(), BATCH), InDoubt)
        assert gp.creates == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"Payload": {"DocumentNumber": "STI1"}, "DocNumber": "STI1"}'),
        (200, b'{"Payload": {}}'),
        (200, b"[]"),
        (200, b'{"Success": false}'),
        (202, b""),
        (302, b""),
        (400, b"<html>Bad Request</html>"),
        (418, b'{"Errors": [], "error": {}}'),
    ],
    ids=["another number", "no number", "a list", "no reason", "accepted", "moved", "no JSON", "no words"],
)
def test_an_answer_that_is_not_what_the_map_says_is_in_doubt(gp: Sandbox, status: int, body: bytes) -> None:
    """Only an answer that is understood is a success, and only a refusal that is understood is one."""
    gp.books.find(SR, ["STI1"])
    gp.application.instead = Response(status, body)
    assert isinstance(gp.books.enter(an_invoice(), BATCH), InDoubt)
    assert gp.creates == 1


@pytest.mark.parametrize("status", [404, 405])
def test_a_path_that_is_not_there_stops_the_run(gp: Sandbox, status: int) -> None:
    """No document can be entered until the service map's path is mended."""
    gp.books.find(SR, ["STI1"])
    gp.application.instead = Response(status, b"<html>not here</html>")
    with pytest.raises(Interrupted) as stop:
        gp.books.enter(an_invoice(), BATCH)
    assert stop.value.finding.code == "gp.missing"


def test_a_create_that_gp_has_no_time_for_is_deferred(gp: Sandbox) -> None:
    """429: GP turned it away, so it is tried again by the clock, not by the client."""
    gp.suffer(Fault.TOO_MANY_REQUESTS)
    assert isinstance(gp.books.enter(an_invoice(), BATCH), Deferred)
    assert gp.creates == 1
    assert gp.standing == []


def test_a_server_that_is_not_there_defers(dialect: str) -> None:
    """Nothing listens at the address: certainly nothing was sent."""
    for gp in sandbox(dialect):
        gp.server.close()
        assert isinstance(gp.books.enter(an_invoice(), BATCH), Deferred)


def test_a_host_name_that_can_be_none_defers(gp: Sandbox) -> None:
    """The name cannot be resolved: certainly nothing was sent."""
    with gp.with_access(server=NO_HOST) as books:
        assert isinstance(books.enter(an_invoice(), BATCH), Deferred)


def test_a_server_without_tls_at_an_https_address_defers(gp: Sandbox) -> None:
    """The handshake fails before anything of the document is sent."""
    with gp.with_access(server=gp.server.url.replace("http:", "https:")) as books:
        assert isinstance(books.enter(an_invoice(), BATCH), Deferred)
    assert gp.creates == 0


def test_a_connection_that_was_dropped_in_silence_is_signed_in_again_before_the_write(gp: Sandbox) -> None:
    """The server closed the idle connection: the document is sent once, on a new one."""
    gp.books.find(SR, ["STI1"])
    gp.suffer(Fault.ANSWER_LOST_BEFORE, method="GET")
    gp.books.find(SR, ["STI1"])
    assert gp.books.enter(an_invoice(), BATCH) == Entered("STI10482", BATCH)
    assert gp.creates == 1


def test_period_closed_in_the_middle_of_a_run_is_held(gp: Sandbox) -> None:
    """The period closes between our check and the create; March is named with its window."""
    gp.suffer(Fault.PERIOD_CLOSED)
    entry = gp.books.enter(an_invoice(), BATCH)
    assert codes(entry) == {"period.closed"}
    assert isinstance(entry, Held)
    assert "March 2026" in entry.findings[0].remedy


def test_a_refusal_that_nobody_foresaw_is_quoted(gp: Sandbox) -> None:
    """An unknown text is still a refusal: GP's own words are what the person reads."""
    gp.books.enter(a_bill(), BATCH)
    entry = gp.books.enter(an_invoice(), BATCH)
    assert codes(entry) == {"document.refused"}
    assert isinstance(entry, Held)
    assert "already exists with origin PM_Trxent" in entry.findings[0].says


def test_all_reasons_are_told_at_once_where_gp_tells_them() -> None:
    """The first dialect gives a list of errors: one finding each."""
    for gp in sandbox("one"):
        gp.close_period(2026, 3, SR)
        assert codes(gp.books.enter(an_invoice(customer="NOBODY"), BATCH)) == {"period.closed", "customer.missing"}


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
    assert gp.application.logins == 1
    assert gp.creates == 0


def test_a_connection_is_signed_in_once(gp: Sandbox) -> None:
    """Ten requests, one login: NTLM is bound to the connection."""
    for i in range(9):
        gp.books.find(SR, [f"STI{i}"])
    gp.books.enter(an_invoice(), BATCH)
    assert gp.application.logins == 1


@pytest.mark.parametrize("user", [NO_ROLE, ELSEWHERE], ids=["no role", "no company"])
def test_a_user_without_the_role_or_the_company_is_told_where_to_get_it(gp: Sandbox, user: WindowsUser) -> None:
    """The login is good, but GP gives it nothing."""
    with gp.with_access(username=user.name, password=Secret(user.password)) as books:
        for act in (lambda: books.find(SR, ["STI1"]), lambda: books.enter(an_invoice(), BATCH)):
            with pytest.raises(Interrupted) as stop:
                act()
            assert stop.value.finding.code == "gp.forbidden"
            assert user.name in stop.value.finding.says


def test_another_company_name_is_told(gp: Sandbox) -> None:
    """The company in the address is not one of this server's."""
    with gp.with_access(company="NOSUCH") as books:
        with pytest.raises(Interrupted) as stop:
            books.company_facts()
        assert stop.value.finding.code == "gp.missing"


@pytest.mark.parametrize("secret", [GPCONNECT.password, "wr0ng-Secret"], ids=["right", "wrong"])
def test_the_password_is_nowhere_to_be_read(gp: Sandbox, secret: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a repr, not in an exception or what led to it, not in a log of everything."""
    caplog.set_level(0)
    access = access_of(gp.server, gp.dialect, password=Secret(secret))
    told = [repr(access), str(access)]
    with gp.with_access(password=Secret(secret)) as books:
        gp.suffer(Fault.SERVER_ERROR, method="GET", times=3)
        with pytest.raises(Interrupted) as stop:
            books.find(SR, ["STI1"])
        told += [repr(vars(books)), "".join(traceback.format_exception(stop.value))]
        step: BaseException | None = stop.value
        while step is not None:
            told += [repr(step), repr(vars(step))]
            step = step.__cause__ or step.__context__
    assert secret not in "\n".join([*told, caplog.text])


# Reads


@pytest.mark.parametrize(
    "fault",
    [
        Fault.ANSWER_LOST_BEFORE,
        Fault.ANSWER_LOST_AFTER,
        Fault.RESET_IN_BODY,
        Fault.TRUNCATED_JSON,
        Fault.HTML_WITH_200,
        Fault.SERVER_ERROR,
        Fault.TOO_MANY_REQUESTS,
    ],
    ids=lambda it: it.value,
)
def test_a_read_is_asked_again_and_not_for_ever(gp: Sandbox, fault: Fault) -> None:
    """Twice broken, the third time it comes; three times broken, the run stops and says why."""
    gp.books.enter(an_invoice(), BATCH)
    gp.suffer(fault, method="GET", times=2)
    assert "STI10482" in gp.books.find(SR, ["STI10482"])
    gp.suffer(fault, method="GET", times=3)
    before = gp.books.calls
    with pytest.raises(Interrupted) as stop:
        gp.books.find(SR, ["STI10482"])
    assert stop.value.finding.code in ("gp.unreachable", "gp.answer")
    assert gp.books.calls - before == 3


def test_a_list_that_was_cut_off_is_read_in_halves_or_not_at_all(dialect: str) -> None:
    """GP gives ten rows at most: a batch of thirty-five is read all the same, the accounts stop the run."""
    for gp in sandbox(dialect, Settings(row_cap=10), row_cap=10):
        for i in range(35):
            gp.books.enter(an_invoice(f"STI{i}"), BATCH)
        numbers = [it.number for it in gp.books.in_batch(SR, BATCH)]
        assert sorted(numbers) == sorted(f"STI{i}" for i in range(35))
        if dialect == "two":
            with pytest.raises(Interrupted) as stop:
                gp.books.company_facts()
            assert stop.value.finding.code == "gp.truncated"


def test_a_page_that_is_shorter_than_asked_is_not_the_end() -> None:
    """The server gives seven rows at most, and its map does not know: all accounts come all the same."""
    for gp in sandbox("one", Settings(row_cap=7)):
        assert len(gp.books.company_facts().accounts) == len(gp.company.accounts())


def test_many_documents_are_found_in_few_calls(gp: Sandbox) -> None:
    """A hundred numbers and more cost a call or two, not one each."""
    numbers = [f"STI{100_000 + i}" for i in range(120)]
    gp.books.enter(an_invoice(numbers[-1]), BATCH)
    before = gp.books.calls
    assert list(gp.books.find(SR, numbers)) == [numbers[-1]]
    assert gp.books.calls - before <= 4


def test_a_filter_that_gp_does_not_heed_stops_the_run() -> None:
    """Rows that nobody asked for would be taken for what GP holds."""
    own = service_map.parse(
        """
        based_on = "default"
        [receivables.filters]
        numbers = { "$filter" = "DocumentNumber ne {values}" }
        """,
        "north",
    )
    for gp in sandbox("one"):
        gp.books.enter(an_invoice(), BATCH)
        books = GpBooks(access_of(gp.server, "one"), own, "North", Currency.USD)
        with books, pytest.raises(Interrupted) as stop:
            books.find(SR, ["STI1"])
        assert stop.value.finding.where == "receivables.filters"


@pytest.mark.parametrize("voided_first", [True, False])
def test_of_two_rows_under_one_number_the_one_that_stands_counts(voided_first: bool) -> None:
    """A voided credit memo and a standing invoice under one number: the books report what stands."""
    for gp in sandbox("one"):
        gp.books.enter(an_invoice(), BATCH)
        records = application_rows(gp)
        voided = {**records[0], "Voided": True, "DocumentAmount": 1}
        rows = [voided, *records] if voided_first else [*records, voided]
        gp.application.instead = Response(200, json.dumps({"Payload": rows}).encode())
        assert not gp.books.find(SR, ["STI10482"])["STI10482"].voided


def application_rows(gp: Sandbox) -> list[dict[str, Any]]:
    """The receivables as the first dialect gives them."""
    request = Request("GET", gp.application.root + "Sales/ReceivablesTransactions", {}, {}, b"", {"user": GPCONNECT})
    rows: list[dict[str, Any]] = json.loads(gp.application.answer(request).body)["Payload"]
    return rows


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"DocumentAmount": "1e400x"}, "amount"),
        ({"DocumentAmount": 1.005}, "amount"),
        ({"DocumentAmount": None}, "amount"),
        ({"DocumentDate": "14.03.2026"}, "document_date"),
        ({"DocumentDate": "1900-01-01T00:00:00"}, "document_date"),
        ({"Voided": "perhaps"}, "voided"),
        ({"DocumentNumber": ["STI10482"]}, "number"),
    ],
    ids=lambda it: "" if isinstance(it, str) else json.dumps(it),
)
def test_a_row_that_is_not_what_the_map_says_stops_the_run(changes: dict[str, Any], where: str) -> None:
    """An amount with half a cent, a date in another form: never guessed, always named."""
    for gp in sandbox("one"):
        gp.books.enter(an_invoice(), BATCH)
        row = {**application_rows(gp)[0], **changes}
        gp.application.instead = Response(200, json.dumps({"Payload": [row]}).encode())
        with pytest.raises(Interrupted) as stop:
            gp.books.find(SR, ["STI10482"])
        assert stop.value.finding.where == f"receivables.fields.{where}"


def test_a_kind_that_the_map_does_not_know_is_named() -> None:
    """Somebody keyed a debit memo into our batch: the map says what it counts as, or the run stops."""
    for gp in sandbox("one"):
        gp.books.enter(an_invoice(), BATCH)
        row = {**application_rows(gp)[0], "DocumentType": "Debit Memo"}
        gp.application.instead = Response(200, json.dumps({"Payload": [row]}).encode())
        with pytest.raises(Interrupted) as stop:
            gp.books.in_batch(SR, BATCH)
        assert stop.value.finding.where == "receivables.kinds"


def test_pages_that_never_end_stop_the_run(dialect: str) -> None:
    """A server that does not heed the page gives the first one for ever."""
    own = service_map.parse(f'based_on = "{MAPS[dialect]}"\n[lists]\nsize = 5\n', "north")
    for gp in sandbox(dialect):
        accounts = gp.books.company_facts().accounts
        with GpBooks(access_of(gp.server, dialect), own, "North", Currency.USD) as books:
            assert books.company_facts().accounts == accounts
        gp.application.repeats = True
        books = GpBooks(access_of(gp.server, dialect), own, "North", Currency.USD)
        with books, pytest.raises(Interrupted) as stop:
            books.company_facts()
        assert stop.value.finding.code == "gp.answer"


def test_reading_distributions_back_is_counted_apart(gp: Sandbox) -> None:
    """The first dialect reads them in bulk, the second one by one."""
    for i in range(4):
        gp.books.enter(an_invoice(f"STI{i}"), BATCH)
    assert gp.books.reads_of_distributions == 0
    read = gp.books.distributions(SR, [f"STI{i}" for i in range(4)])
    assert len(read) == 4
    assert gp.books.reads_of_distributions == (1 if gp.dialect == "one" else 4)


def test_distributions_that_gp_replaced_are_read_as_gp_keeps_them(gp: Sandbox) -> None:
    """GP's policy enters its own accounts without a word; only reading them back shows it."""
    gp.suffer(Fault.DISTRIBUTIONS_REPLACED)
    gp.books.enter(replace(an_invoice(), customer_id="CHERRYDENT001"), BATCH)
    read = gp.books.distributions(SR, ["STI10482"])["STI10482"]
    assert "000-1210-00" in {str(it.account) for it in read}


def test_a_vendors_invoice_number_may_hold_any_character(gp: Sandbox) -> None:
    """Quotes, commas and semicolons are the vendor's own, and are neither lost nor taken for syntax."""
    strange = ["O'NEIL,7", "A;B", "100% & more", "50/50 (x)"]
    for i, number in enumerate(strange):
        assert isinstance(gp.books.enter(a_bill(f"STB{i}", invoice=number), BILLS), Entered)
    keys = [("FERGUSON0001", number) for number in strange]
    assert gp.books.vendor_invoices(keys) == {key: f"STB{i}" for i, key in enumerate(keys)}


def test_a_voided_bill_frees_the_vendors_number(gp: Sandbox) -> None:
    """A person voids the bill: its number may be entered again, under the next revision."""
    gp.books.enter(a_bill(), BILLS)
    gp.post(BILLS)
    gp.void(a_bill())
    assert gp.books.vendor_invoices([("FERGUSON0001", "FS-88121")]) == {}


def test_a_batch_of_the_other_series_is_not_ours(gp: Sandbox) -> None:
    """Receivables and payables have batches of their own."""
    gp.books.enter(an_invoice(), BATCH)
    assert gp.books.batches(SP, [BATCH]) == {}


def test_without_a_source_of_periods_the_run_stops(gp: Sandbox) -> None:
    """Microsoft's own list of services has no periods: never assumed, always said."""
    shipped = replace(service_map.shipped(MAPS[gp.dialect]), periods=None)
    with GpBooks(access_of(gp.server, gp.dialect), shipped, "North", Currency.USD) as books:
        with pytest.raises(Interrupted) as stop:
            books.company_facts()
        assert stop.value.finding.where == "periods"


# What doctor asks


def test_a_sound_installation_passes_every_check(gp: Sandbox) -> None:
    """Company, role and each mapped resource, by name; each is asked once."""
    gp.books.enter(an_invoice(), BATCH)
    before = gp.books.calls
    told = asked(gp.books.looking())
    assert [finding for finding in told.values() if finding] == []
    assert {"company", "role", "customers", "receivables"} <= set(told)
    assert gp.books.calls == before + len(service_map.shipped(MAPS[gp.dialect]).mapped)


def test_a_map_that_names_what_gp_lacks_is_told_field_by_field(gp: Sandbox) -> None:
    """One row of each resource is held against the map."""
    text = f'based_on = "{MAPS[gp.dialect]}"\n[customers.fields]\nname = "Nome"\non_hold = "Sospeso"\n'
    wrong = service_map.parse(text, "north")
    with GpBooks(access_of(gp.server, gp.dialect), wrong, "North", Currency.USD) as books:
        finding = asked(books.looking())["customers"]
    assert finding is not None
    assert finding.where == "customers.fields"
    assert "name = 'Nome'" in finding.says
    assert "on_hold = 'Sospeso'" in finding.says


@pytest.mark.parametrize(
    ("changes", "name", "code"),
    [
        ({"company": "NOSUCH"}, "company", "gp.missing"),
        ({"username": NO_ROLE.name, "password": Secret(NO_ROLE.password)}, "role", "gp.forbidden"),
        ({"username": ELSEWHERE.name, "password": Secret(ELSEWHERE.password)}, "role", "gp.forbidden"),
        ({"server": NO_HOST}, "company", "gp.unreachable"),
    ],
    ids=["company", "role", "other company", "server"],
)
def test_what_is_wrong_is_told_where_it_is_wrong(gp: Sandbox, changes: dict[str, Any], name: str, code: str) -> None:
    """A door that is shut is named, and nothing is asked behind it."""
    with gp.with_access(**changes) as books:
        told = asked(books.looking())
    assert {what: finding.code for what, finding in told.items() if finding} == {name: code}
    assert list(told)[-1] == name


def test_the_company_says_what_it_is(gp: Sandbox) -> None:
    """Name, database, currency and account format, where a service tells them."""
    told = gp.books.looking().company()
    assert (told.name, told.database, told.currency) == (town.COMPANY_NAME, town.COMPANY_DATABASE, "USD")
    assert told.account_format is not None
    assert (str(told.account_format), told.account_format.main) == ("Division 3, Main 4, Department 2", "Main")


def test_the_posting_set_up_is_read_where_a_service_tells_it(gp: Sandbox) -> None:
    """Dialect one has such a service; two has none, and the map of it says so."""
    gp.company.do_set(posting_date_from="Batch", posts_through_ledger=False, control_totals=True)
    told = gp.books.looking().posting_setup()
    wanted = PostingSetup(PostingDateSource.BATCH, LedgerPosting.TO, control_totals=True, transaction_posting=False)
    assert told == ({SR: wanted, SP: wanted} if gp.dialect == "one" else {})


def test_a_word_of_the_posting_set_up_that_the_map_does_not_know_is_named() -> None:
    """Another language, or another release."""
    for gp in sandbox("one"):
        text = 'based_on = "default"\n[posting_setup.dates]\ntransaction = "Transacción"\nbatch = "Lote"\n'
        wrong = service_map.parse(text, "north")
        books = GpBooks(access_of(gp.server, "one"), wrong, "North", Currency.USD)
        with books, pytest.raises(Interrupted) as stop:
            books.looking().posting_setup()
        assert (stop.value.finding.code, stop.value.finding.where) == ("gp.service_map", "posting_setup.dates")
        assert "'Transaction'" in stop.value.finding.says


def test_a_service_that_only_doctor_asks_may_be_lacking(gp: Sandbox) -> None:
    """Both are notes: nothing that a run needs is missing."""
    text = f'based_on = "{MAPS[gp.dialect]}"\n[company]\npath = "No/Company"\n'
    if gp.dialect == "one":
        text += '[posting_setup]\npath = "No/Posting"\n'
    with GpBooks(access_of(gp.server, gp.dialect), service_map.parse(text, "north"), "North", Currency.USD) as books:
        asks = [books.looking().company] + [books.looking().posting_setup] * (gp.dialect == "one")
        for ask in asks:
            with pytest.raises(Interrupted) as stop:
                ask()
            assert (stop.value.finding.code, stop.value.finding.warns) == ("gp.service_absent", True)


def test_distributions_that_cannot_be_read_back_are_noted(gp: Sandbox) -> None:
    """Then nobody here sees what GP made of the accounts that were sent."""
    shipped = service_map.shipped(MAPS[gp.dialect])
    blind = replace(shipped.payables.distributions, expand={}, path="")
    unread = replace(shipped, payables=replace(shipped.payables, distributions=blind))
    with GpBooks(access_of(gp.server, gp.dialect), unread, "North", Currency.USD) as books:
        finding = asked(books.looking())["distributions"]
    assert finding is not None
    assert (finding.code, finding.where, finding.warns) == ("gp.distributions_unread", "Purchasing", True)
