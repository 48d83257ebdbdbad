"""Gather what planning needs, in bulk and once: sources from evidence, parties and jobs from ServiceTitan, facts from GP."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ml_connector.books.document import Document, PayablesDocument
from ml_connector.books.facts import CompanyFacts, PartyCard
from ml_connector.books.period import Series
from ml_connector.docket.records import DocketRecord
from ml_connector.field.invoice import Invoice
from ml_connector.field.party import Customer, Job, PurchaseOrder, TaxZone
from ml_connector.field.snapshot import BillSnapshot, InvoiceSnapshot, Snapshot, Source
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.parties import party_of
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.pipeline.ports import Books, FieldService, Ledger

_PAGES_KEPT = 4


@dataclass(slots=True)
class CompanyDesk:
    """One GP company during one run: its facts, read once, which grow as parties and vendor invoices are asked for."""

    books: Books
    facts: CompanyFacts
    _customers: dict[str, PartyCard] = field(default_factory=dict)
    _vendors: dict[str, PartyCard] = field(default_factory=dict)
    _vendor_invoices: dict[tuple[str, str], str] = field(default_factory=dict)
    _asked: set[object] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.facts = replace(
            self.facts, customers=self._customers, vendors=self._vendors, vendor_invoices=self._vendor_invoices
        )

    def ask_parties(self, series: Series, ids: Iterable[str]) -> None:
        unknown = sorted({id for id in ids if (series, id) not in self._asked})
        if unknown:
            known = self._customers if series is Series.SALES else self._vendors
            known.update(self.books.parties(series, unknown))
            self._asked.update((series, id) for id in unknown)

    def ask_vendor_invoices(self, documents: Iterable[Document]) -> None:
        keys = {key for document in documents if (key := vendor_invoice_key(document))}
        unknown = sorted(keys - self._asked)
        if unknown:
            self._vendor_invoices.update(self.books.vendor_invoices(unknown))
            self._asked.update(unknown)

    def claim_vendor_invoice(self, document: Document) -> None:
        """From now on this vendor's invoice number is taken, whether or not GP knows it yet."""
        key = vendor_invoice_key(document)
        if key:
            self._vendor_invoices.setdefault(key, document.number)


def vendor_invoice_key(document: Document) -> tuple[str, str] | None:
    if isinstance(document, PayablesDocument) and not document.kind.is_credit:
        return document.vendor_id, document.vendor_invoice_number
    return None


def open_desks(rulebook: Rulebook, books: Mapping[str, Books]) -> dict[str, CompanyDesk]:
    """A desk for each company of the rulebook, with its facts."""
    desks = {}
    for name, rule in rulebook.companies.items():
        control = frozenset({str(rule.receivables_account), str(rule.payables_account)})
        desks[name] = CompanyDesk(books[name], replace(books[name].company_facts(), control_accounts=control))
    return desks


@dataclass
class Gatherer:
    """Sources and what they refer to, for one run."""

    field_service: FieldService
    ledger: Ledger
    rulebook: Rulebook
    desks: Mapping[str, CompanyDesk]
    prefix: str
    _pages: OrderedDict[str, tuple[Source, ...]] = field(default_factory=OrderedDict)

    def source(self, docket: DocketRecord) -> Source:
        """The version that the docket is about, from the page we kept."""
        if docket.page not in self._pages:
            self._pages[docket.page] = self.field_service.read(docket.kind, self.ledger.evidence(docket.page))
            while len(self._pages) > _PAGES_KEPT:
                self._pages.popitem(last=False)
        return self._pages[docket.page][docket.index]

    def snapshots(self, dockets: Sequence[DocketRecord]) -> list[Snapshot]:
        """A snapshot for each docket, in their order; what they refer to is read in bulk, and only if a rule needs it."""
        sources = [self.source(docket) for docket in dockets]
        invoices = [it for it in sources if isinstance(it, Invoice)]
        bills = [it for it in sources if not isinstance(it, Invoice)]
        customers = self._customers([it.customer.id for it in invoices if it.customer])
        jobs = self._jobs([it.job.id for it in invoices if it.job] + [it.job_id for it in bills if it.job_id])
        orders = self._orders([it.purchase_order_id for it in bills if it.purchase_order_id])
        self._parties(sources)
        return [
            InvoiceSnapshot(
                it,
                customers.get(it.customer.id) if it.customer else None,
                jobs.get(it.job.id) if it.job else None,
                self._tax_zone(it),
            )
            if isinstance(it, Invoice)
            else BillSnapshot(it, jobs.get(it.job_id or 0), orders.get(it.purchase_order_id or 0))
            for it in sources
        ]

    @cached_property
    def frame(self) -> Frame:
        """For planning; its facts grow with what is gathered."""
        return Frame.of(self.rulebook, {name: desk.facts for name, desk in self.desks.items()}, self.prefix)

    @cached_property
    def _tax_zones(self) -> Mapping[int, TaxZone]:
        return self.field_service.tax_zones()

    def _tax_zone(self, invoice: Invoice) -> TaxZone | None:
        if invoice.tax_zone_id is None or not (invoice.tax or self._uses("tax_zone")):
            return None
        return self._tax_zones.get(invoice.tax_zone_id)

    def _customers(self, ids: list[int]) -> Mapping[int, Customer]:
        return self.field_service.customers(sorted(set(ids))) if ids and self._uses("customer_type") else {}

    def _jobs(self, ids: list[int]) -> Mapping[int, Job]:
        needed = self._uses("project", "job_tag", "job_type")
        return self.field_service.jobs(sorted(set(ids))) if ids and needed else {}

    def _orders(self, ids: list[int]) -> Mapping[int, PurchaseOrder]:
        return self.field_service.purchase_orders(sorted(set(ids))) if ids else {}

    def _parties(self, sources: Sequence[Source]) -> None:
        wanted: dict[tuple[str, Series], set[str]] = {}
        for source in sources:
            party = party_of(source, self.rulebook)
            if party:
                wanted.setdefault(party[:2], set()).add(party[2])
        for (company, series), ids in wanted.items():
            if company in self.desks:
                self.desks[company].ask_parties(series, ids)

    def _uses(self, *columns: str) -> bool:
        return any(column in rule.matches for rule in self.rulebook.accounts for column in columns)
