"""One company over SBA and the web services at once, each kind of document over its own: the sandbox's two servers
stand before one company. Every message of the web services is held against the legacy contract when a test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from ml_connector.books.document import Document, DocumentKind, StandingState
from ml_connector.books.outcomes import Entered, InDoubt
from ml_connector.books.period import Series
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import service_map
from ml_connector.gp.books import GpBooks
from ml_connector.gp.mixed import MixedBooks, Transport, idle
from ml_connector.gp.service_map import ServiceMap
from ml_connector.money import Currency
from ml_connector.pipeline.ports import Books
from ml_connector.sandbox.company import DIALECTS, Company, Module, SbaApplication, Settings
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.serving import Server
from tests.contract import test_books_sba as over_sba
from tests.contract import test_books_soap as over_soap
from tests.contract.books_contract import (
    ALL_KINDS,
    BATCH,
    BILLS,
    SP,
    SR,
    BooksContract,
    a_bill,
    a_credit_memo,
    an_invoice,
    batch_for,
)
from tests.wire import soap_schema

SBA, SOAP = Transport.SBA, Transport.SOAP
BY_SUBLEDGER = {kind: SBA if kind.series is SR else SOAP for kind in DocumentKind}
PAYABLES_BY_SBA = {kind: SOAP if kind.series is SR else SBA for kind in DocumentKind}
BY_KIND = {kind: SOAP if kind.is_credit else SBA for kind in DocumentKind}
ROUTES: Mapping[str, Mapping[DocumentKind, Transport]] = {
    "payables over SOAP": BY_SUBLEDGER,
    "receivables over SOAP": PAYABLES_BY_SBA,
    "credit memos over SOAP": BY_KIND,
}


@dataclass
class Sandbox:
    """The company behind both servers, our books over them, and a person at GP."""

    company: Company
    sba: SbaApplication
    soap: over_soap.Watched
    sba_server: Server
    soap_server: Server
    folder: Path
    books: MixedBooks

    def post(self, batch_id: str) -> None:
        assert not self.company.do_post_batch(batch_id).get("refused")

    def void(self, document: Document) -> None:
        assert not self.company.do_void(document.number, over_sba.kind_of(document))

    def delete(self, document: Document) -> None:
        assert not self.company.do_delete(document.number, over_sba.kind_of(document))

    def key_in(self, document: Document, batch_id: str) -> None:
        day, amount = document.document_date.isoformat(), str(document.amount.amount)
        kind = over_sba.kind_of(document)
        told = self.company.do_enter_by_hand(kind, document.number, document.party_id, amount, day, batch_id)
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

    def routed(
        self,
        routes: Mapping[DocumentKind, Transport],
        own_map: ServiceMap | None = None,
        first: Transport = SBA,
        soap_server: Server | None = None,
        segment: str = "",
    ) -> MixedBooks:
        """Other books over the same two servers, as after a change of the settings."""
        kinds = [kind for kind, way in routes.items() if way is SOAP]
        made = service_map.shipped(over_sba.MAPS[self.sba.dialect.name]) if own_map is None else own_map
        access = over_sba.access_of(self.sba_server, self.sba.dialect.name)
        sba = GpBooks(access, made, "North", Currency.USD, idle=idle(routes), sleep=lambda _: None)
        soap = over_soap.books_of((soap_server or self.soap_server).url, self.company, self.folder, kinds=kinds)
        return MixedBooks(sba, soap, routes, "North", segment or access.company, first)

    def creates(self) -> dict[str, int]:
        """Documents entered, by the transport that brought them."""
        told: dict[str, int] = {}
        for name, application in (("sba", self.sba), ("soap", self.soap)):
            records = application.records()
            assert isinstance(records, dict)
            told[name] = sum(count for call, count in records["calls"].items() if call.lower().startswith("create"))
        return told


@pytest.fixture(params=sorted(over_sba.MAPS))
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=sorted(ROUTES))
def routes(request: pytest.FixtureRequest) -> Mapping[DocumentKind, Transport]:
    return ROUTES[request.param]


def sandbox(
    folder: Path, routes: Mapping[DocumentKind, Transport], dialect: str = "one", settings: Settings | None = None
) -> Iterator[Sandbox]:
    soap_schema.needs_the_contract()
    company = Company.front_range(settings, lambda: over_sba.NOON)
    sba, soap = SbaApplication(company, DIALECTS[dialect]), over_soap.Watched(company)
    with Server(sba) as sba_server, Server(soap) as soap_server:
        gp = Sandbox(company, sba, soap, sba_server, soap_server, folder, None)  # type: ignore[arg-type]
        with gp.routed(routes) as gp.books:
            yield gp
    for message in (*soap.heard, *soap.said):
        soap_schema.validate(message)


@pytest.fixture
def gp(tmp_path: Path, routes: Mapping[DocumentKind, Transport], dialect: str) -> Iterator[Sandbox]:
    yield from sandbox(tmp_path, routes, dialect)


@pytest.fixture
def split(tmp_path: Path) -> Iterator[Sandbox]:
    """Receivables over SBA, payables over the web services."""
    yield from sandbox(tmp_path, BY_SUBLEDGER)


class TestMixed(BooksContract):
    """The suite that every `Books` passes."""

    def test_parties_come_with_what_the_checks_need(  # type: ignore[override]
        self, gp: Sandbox, routes: Mapping[DocumentKind, Transport]
    ) -> None:
        """As of the transport that shows them: SBA, which shows classes too, wherever a kind of the subledger goes over
        it."""
        for series, has, lacks in ((SR, "SMITH001", "NOBODY"), (SP, "FERGUSON0001", "NOBODY")):
            cards = gp.books.parties(series, [has, lacks])
            assert list(cards) == [has]
            over = {way for kind, way in routes.items() if kind.series is series}
            assert (cards[has].control is not None) is (SBA in over)


def test_it_is_a_books(split: Sandbox) -> None:
    """mypy proves the fit: it satisfies the port by its shape."""
    books: Books = split.books
    assert books.calls == 0


def test_each_kind_goes_over_its_own_transport_and_the_calls_are_summed(
    gp: Sandbox, routes: Mapping[DocumentKind, Transport]
) -> None:
    """Four documents, one create each, over the transport that the settings name for its kind."""
    for document in ALL_KINDS:
        assert isinstance(gp.books.enter(document, batch_for(document)), Entered)
    over = list(routes.values())
    assert gp.creates() == {"sba": over.count(SBA), "soap": over.count(SOAP)}
    assert gp.books.calls == gp.sba_server.stats.calls.total() + gp.soap.described + len(gp.soap.heard)


def test_a_batch_that_both_transports_fill_is_one_batch(tmp_path: Path) -> None:
    """Invoices over SBA, credit memos over the web services: GP counts them together."""
    for gp in sandbox(tmp_path, BY_KIND):
        gp.books.enter(an_invoice(), BATCH)
        gp.books.enter(a_credit_memo(), BATCH)
        assert gp.books.batches(SR, [BATCH])[BATCH].transactions == 2
        assert {it.number for it in gp.books.in_batch(SR, BATCH)} == {"STI10482", "STC10482"}


# A kind moves from one transport to the other


@pytest.mark.parametrize(
    "moved",
    [
        (BY_SUBLEDGER, BY_KIND),
        (BY_KIND, BY_SUBLEDGER),
        (BY_SUBLEDGER, PAYABLES_BY_SBA),
        (PAYABLES_BY_SBA, BY_SUBLEDGER),
    ],
    ids=["invoices to SBA", "invoices to SOAP", "payables to SBA", "payables to SOAP"],
)
def test_a_document_in_doubt_is_found_after_its_kind_has_moved(
    tmp_path: Path, moved: tuple[Mapping[DocumentKind, Transport], Mapping[DocumentKind, Transport]]
) -> None:
    """The answer to a bill is lost over one transport; then the settings change. The bill is seen where it stands."""
    before, after = moved
    for gp in sandbox(tmp_path, before):
        faults = (gp.sba if before[DocumentKind.PAYABLES_INVOICE] is SBA else gp.soap).faults
        gp.books.find(SP, ["STB1"])
        path = "Payables" if before[DocumentKind.PAYABLES_INVOICE] is SBA else "CreatePayables"
        faults.order(Fault.ANSWER_LOST_AFTER, method="POST", path=path)
        assert isinstance(gp.books.enter(a_bill(), BILLS), InDoubt)
        with gp.routed(after) as books:
            standing = books.find(SP, ["STB7781"])["STB7781"]
            assert (standing.state, standing.batch_id) == (StandingState.WORK, BILLS)
            assert [it.number for it in books.in_batch(SP, BILLS)] == ["STB7781"]
            assert books.vendor_invoices([("FERGUSON0001", "FS-88121")]) == {("FERGUSON0001", "FS-88121"): "STB7781"}
            assert isinstance(books.enter(a_bill(), BILLS), InDoubt), "GP's own key is the last wall"
        assert sum(gp.creates().values()) == 2
        assert len(gp.company.documents(Module.PAYABLES)) == 1


def test_what_was_entered_over_sba_is_read_back_over_the_web_services(tmp_path: Path) -> None:
    """Everything of a subledger, distributions too, once any kind of it goes over them."""
    for gp in sandbox(tmp_path, BY_KIND):
        gp.books.enter(an_invoice(), BATCH)
        gp.post(BATCH)
        before = gp.soap.asked("GetReceivablesInvoiceByKey")
        assert gp.books.distributions(SR, ["STI10482"])
        assert gp.soap.asked("GetReceivablesInvoiceByKey") == before + 1
        assert gp.books.find(SR, ["STI10482"])["STI10482"].state is StandingState.OPEN


# Facts


def a_map(text: str) -> ServiceMap:
    return service_map.parse(f'based_on = "default"\n{text}', "own")


def test_a_fact_that_one_transport_lacks_comes_from_the_other(split: Sandbox) -> None:
    """A stock installation: SBA has neither accounts nor tax details, the web services have no periods."""
    stock = a_map("accounts = false\ntax_details = false")
    with split.routed(BY_SUBLEDGER, stock) as books:
        facts = books.company_facts()
    assert "000-1200-00" in facts.accounts
    assert "CO-STATE" in facts.tax_details
    assert len(facts.periods) == 24


def test_a_fact_that_neither_tells_comes_from_the_second_source(split: Sandbox) -> None:
    """Periods from the calendar, where SBA's map has none either; and what is missing is said."""
    with split.routed(BY_SUBLEDGER, a_map("periods = false"), first=SOAP) as books:
        assert len(books.company_facts().periods) == 24
    with split.routed(BY_SUBLEDGER, a_map("periods = false")) as books:
        assert stopped(books.company_facts).code == "gp.service_map"


def test_the_transport_of_the_company_is_asked_first(split: Sandbox) -> None:
    """Both tell the accounts; which of the two is believed is the company's transport."""
    for first, asked in ((SBA, 0), (SOAP, 1)):
        before = split.soap.asked("GetTaxDetailList")
        with split.routed(BY_SUBLEDGER, first=first) as books:
            books.company_facts()
        assert split.soap.asked("GetTaxDetailList") - before == asked


def test_a_policy_of_a_kind_that_goes_over_sba_does_not_matter(tmp_path: Path) -> None:
    """GP's web services would make distributions of their own; nothing is entered over them but what does not mind."""
    settings = Settings(creates_distributions=True)
    for gp in sandbox(tmp_path, BY_SUBLEDGER, settings=settings):
        assert stopped(gp.books.company_facts).code == "gp.policy"
        assert gp.soap.asked("GetPolicyByOperation") == 2, "of payables alone"


# Two addresses, one company


def test_two_companies_are_told_apart_by_their_charts(split: Sandbox) -> None:
    """company_id is that of another company: an account there that ours does not have."""
    other = Company.front_range()
    other.do_add_account("999-9999-99", "Of another company")
    with Server(over_soap.Watched(other)) as server, split.routed(BY_SUBLEDGER, soap_server=server) as books:
        told = stopped(books.company_facts)
        assert (told.code, "999-9999-99" in told.says) == ("gp.companies_differ", True)
        assert stopped(books.one_company) == told


def test_two_companies_are_told_apart_by_their_names(split: Sandbox) -> None:
    """SBA's address has the display name of a company; over the web services that name has another number."""
    with split.routed(BY_SUBLEDGER, segment="Front Range Mechanical, Inc.") as books:
        books.company_facts()
    with (
        Server(Neighbours(Company.front_range())) as server,
        split.routed(BY_SUBLEDGER, soap_server=server, segment="Front Range Plumbing, Inc.") as books,
    ):
        told = stopped(books.company_facts)
    assert (told.code, "Front Range Plumbing" in told.says) == ("gp.companies_differ", True)


class Neighbours(over_soap.Watched):
    """An installation with a second company, which the account may use too."""

    def _companies(self, call: Any) -> Any:
        (ours,) = cast("list[dict[str, Any]]", super()._companies(call))
        return [ours, {**ours, "Key": {"Id": 8}, "Name": "Front Range Plumbing, Inc."}]


def test_a_copy_of_the_company_is_noticed_at_the_first_document(split: Sandbox) -> None:
    """A test company restored from the live one has the same names and accounts. One invoice goes into the wrong one;
    it stays in doubt, and from then on nothing goes on."""
    with Server(over_soap.Watched(Company.front_range())) as server:
        with split.routed(BY_SUBLEDGER, soap_server=server) as books:
            books.company_facts()
            assert stopped(lambda: books.enter(an_invoice(), BATCH)).code == "gp.companies_differ"
        with split.routed(BY_SUBLEDGER, soap_server=server) as books:
            books.company_facts()
            assert stopped(lambda: books.find(SR, ["STI10482"])).code == "gp.companies_differ"


def test_one_company_is_proven_once_a_run(split: Sandbox) -> None:
    """The first invoice over SBA is looked up over the web services; the hundred that follow are not."""
    split.books.company_facts()
    before = split.soap.asked("GetReceivablesDocumentList")
    for number in range(1, 6):
        split.books.enter(an_invoice(f"STI{number}"), BATCH)
        split.books.find(SR, [f"STI{number}"])
    assert split.soap.asked("GetReceivablesDocumentList") - before == 1


# For the doctor


def test_each_part_is_looked_at_by_itself(split: Sandbox) -> None:
    """All is well over both, and they reach one company."""
    assert list(split.books.parts) == ["sba", "soap"]
    for part in split.books.parts.values():
        looking = part.looking()
        for deed in (*looking.doors.values(), *looking.probes.values()):
            assert deed()
    assert "looked up over both" in split.books.one_company()


def test_what_sba_lacks_and_nobody_asks_for_is_no_fault(split: Sandbox) -> None:
    """Payables go over the web services because this installation's SBA has none."""
    lacking = a_map('payables.path = "Purchasing/Nothing"\nvendors.path = "Purchasing/Nobody"')
    with split.routed(BY_SUBLEDGER, lacking) as books:
        probes = books.parts["sba"].looking().probes
        assert probes.keys().isdisjoint({"payables", "vendors", "vendor_classes"})
        for deed in probes.values():
            assert deed()
        books.company_facts()
        assert isinstance(books.enter(a_bill(), BILLS), Entered)
        assert books.parties(SP, ["FERGUSON0001"])
    with split.routed(BY_KIND, lacking) as books:
        assert stopped(books.parts["sba"].looking().probes["vendors"]).code == "gp.missing"
        assert "batches" not in books.parts["sba"].looking().probes, "both subledgers are read over the web services"


def stopped(deed: Callable[[], object]) -> Finding:
    with pytest.raises(Interrupted) as stop:
        deed()
    return stop.value.finding
