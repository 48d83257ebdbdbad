"""One GP company over both transports, each kind of document over its own, as one `Books`.

Both show the same tables, but not the same of them: the web services have every kind, whoever entered it; SBA has what
the installation's map names. So a subledger of which any kind goes over the web services is read there, whole: also
what went over SBA before its kind was moved. What only SBA tells (class accounts, credit limits) is asked there.

Two addresses can be two companies. Before a run goes on it is held against both, as far as that can be seen: the
company's name, the chart of accounts where both tell it, and the first document of a kind that goes over SBA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from types import TracebackType

from ml_connector.books import compare
from ml_connector.books.batch import StandingBatch
from ml_connector.books.document import Document, DocumentKind, Standing, StandingDistribution
from ml_connector.books.facts import AccountCard, CompanyFacts, PartyCard
from ml_connector.books.outcomes import Entered, Entry
from ml_connector.books.period import SUBLEDGERS, FiscalPeriod, Series
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.books import GpBooks
from ml_connector.gp.row import fold
from ml_connector.gp.web_services.books import WebServicesBooks
from ml_connector.gp.web_services.parties import WebServicesParties


class Transport(Enum):
    SBA = "sba"
    SOAP = "soap"


_OF_SUBLEDGER = {
    Series.SALES: {"receivables", "customers", "customer_classes"},
    Series.PURCHASING: {"payables", "vendors", "vendor_classes"},
}


def goes(routes: Mapping[DocumentKind, Transport], series: Series, transport: Transport) -> bool:
    """Whether a kind of this subledger is entered over this transport."""
    return any(kind.series is series and way is transport for kind, way in routes.items())


def idle(routes: Mapping[DocumentKind, Transport]) -> frozenset[str]:
    """The resources of SBA that nobody asks for where the web services are there too: an installation may lack them."""
    unused = {
        name for series, names in _OF_SUBLEDGER.items() if not goes(routes, series, Transport.SBA) for name in names
    }
    if all(goes(routes, series, Transport.SOAP) for series in SUBLEDGERS):
        unused.add("batches")
    return frozenset({"distributions", *unused})  # the web services can read them back, whatever SBA can


class MixedBooks:
    """One GP company. `routes` says over which transport each kind is entered; `segment` is the company as SBA's address
    names it. `first` is asked first for what both tell. Safe to use from several threads."""

    def __init__(
        self,
        sba: GpBooks,
        soap: WebServicesBooks,
        routes: Mapping[DocumentKind, Transport],
        company: str,
        segment: str,
        first: Transport = Transport.SBA,
    ) -> None:
        self._sba, self._soap, self._routes = sba, soap, routes
        self._company, self._segment = company, segment
        self._in_order = (sba, soap) if first is Transport.SBA else (soap, sba)
        self._proven = False  # that both reach one company

    def __enter__(self) -> MixedBooks:
        return self

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._sba.close()
        self._soap.close()

    @property
    def calls(self) -> int:
        return self._sba.calls + self._soap.calls

    @property
    def reads_of_distributions(self) -> int:
        return self._sba.reads_of_distributions + self._soap.reads_of_distributions

    @property
    def can_read_distributions(self) -> bool:
        """The web services can, whatever SBA can."""
        return True

    # Facts

    def company_facts(self) -> CompanyFacts:
        """Each fact from the first transport whose services tell it; else from the first one's second sources.

        Raises Interrupted also where the two seem to reach two companies.
        """
        self._proven = False
        for books in self._in_order:
            books.begin()
        self._names_agree()
        accounts = self.chart()
        self._charts_agree(accounts)
        return CompanyFacts(self._company, accounts, self.fiscal_periods(), self.tax_details())

    def party_book(self) -> WebServicesParties:
        """The company's customers and vendors, over the web services, which have them all."""
        return self._soap.party_book()

    def parties(self, series: Series, ids: Sequence[str]) -> Mapping[str, PartyCard]:
        return (self._sba if goes(self._routes, series, Transport.SBA) else self._soap).parties(series, ids)

    def vendor_invoices(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        return self._of(DocumentKind.PAYABLES_INVOICE).vendor_invoices(keys)

    # Documents

    def find(self, series: Series, numbers: Sequence[str]) -> Mapping[str, Standing]:
        found = self._reader(series).find(series, numbers)
        one = next((it for it in found.values() if self._routes[it.kind] is Transport.SBA), None)
        if one is not None and not self._proven:
            other = self._soap if self._reader(series) is self._sba else self._sba
            self._prove(one.number, _same(one, other.find(series, [one.number]).get(one.number)))
        return found

    def enter(self, document: Document, batch_id: str) -> Entry:
        """As each transport does. The first document that GP takes over SBA is looked up over the web services too:
        where it is not there, Interrupted is raised, and the document stays in doubt."""
        entry = self._of(document.kind).enter(document, batch_id)
        if isinstance(entry, Entered) and self._routes[document.kind] is Transport.SBA and not self._proven:
            standing = self._soap.find(document.kind.series, [document.number]).get(document.number)
            self._prove(document.number, standing is not None and compare.same(document, standing))
        return entry

    def distributions(self, series: Series, numbers: Sequence[str]) -> Mapping[str, tuple[StandingDistribution, ...]]:
        reader = self._reader(series)
        return (reader if reader.can_read_distributions else self._soap).distributions(series, numbers)

    def batches(self, series: Series, batch_ids: Sequence[str]) -> Mapping[str, StandingBatch]:
        return self._reader(series).batches(series, batch_ids)

    def in_batch(self, series: Series, batch_id: str) -> Sequence[Standing]:
        return self._reader(series).in_batch(series, batch_id)

    # For doctor

    @property
    def parts(self) -> Mapping[str, GpBooks | WebServicesBooks]:
        """The books by transport."""
        return {Transport.SBA.value: self._sba, Transport.SOAP.value: self._soap}

    def one_company(self) -> str:
        """What shows that both reach one company, before the first document. Raises Interrupted where they do not."""
        self._names_agree()
        self._charts_agree(self.chart())
        return "nothing tells them apart; the first document of a run is looked up over both"

    def chart(self) -> Mapping[str, AccountCard]:
        return self._teller("accounts").chart()

    @property
    def period_source(self) -> str:
        """Where fiscal periods come from, for people."""
        return self._teller("periods").period_source

    def fiscal_periods(self) -> tuple[FiscalPeriod, ...]:
        return self._teller("periods").fiscal_periods()

    def tax_details(self) -> frozenset[str]:
        return self._teller("tax_details").tax_details()

    # How it is done

    def _of(self, kind: DocumentKind) -> GpBooks | WebServicesBooks:
        return self._sba if self._routes[kind] is Transport.SBA else self._soap

    def _reader(self, series: Series) -> GpBooks | WebServicesBooks:
        return self._soap if goes(self._routes, series, Transport.SOAP) else self._sba

    def _teller(self, fact: str) -> GpBooks | WebServicesBooks:
        return next((books for books in self._in_order if fact in books.tells), self._in_order[0])

    # One company

    def _names_agree(self) -> None:
        """Where SBA's address has a company's name, it is that of our number. A database's name says nothing here."""
        names = self._soap.companies()
        ours = names.get(self._soap.company_id, "")
        others = {number: name for number, name in names.items() if fold(name) == fold(self._segment)}
        if fold(ours) != fold(self._segment) and others:
            says = f"SBA's company is '{self._segment}', and number {self._soap.company_id} is '{ours}' over the web services"
            raise Interrupted(_two_companies(self._company, says))

    def _charts_agree(self, known: Mapping[str, AccountCard]) -> None:
        """Where both tell the accounts: each posting account of the web services is one that SBA shows."""
        if not all("accounts" in books.tells for books in self._in_order):
            return
        sba = known if self._teller("accounts") is self._sba else self._sba.chart()
        soap = known if self._teller("accounts") is self._soap else self._soap.chart()
        only = sorted(soap.keys() - sba.keys())
        if only:
            says = f"the web services have {len(only)} accounts that SBA does not have, {only[0]} among them"
            raise Interrupted(_two_companies(self._company, says))

    def _prove(self, number: str, same: bool) -> None:
        if not same:
            says = f"{number} stands over one of SBA and the web services as it does not over the other"
            raise Interrupted(_two_companies(self._company, says))
        self._proven = True


def _same(one: Standing, other: Standing | None) -> bool:
    """Whether both transports show one document, by what GP keeps of it from the beginning."""
    return other is not None and _kept(one) == _kept(other)


def _kept(it: Standing) -> tuple[object, ...]:
    return it.kind, it.number, it.party_id, it.document_date, it.amount


def _two_companies(company: str, says: str) -> Finding:
    return Finding(
        "gp.companies_differ",
        f"company {company}",
        f"SBA and the web services do not show one company: {says}",
        "In the connection, see that company (SBA) and company_id (web services: CMPANYID of DYNAMICS..SY01500) name the same "
        "company, and that server and endpoint belong to one installation; then run again.",
    )
