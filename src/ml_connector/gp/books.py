"""One GP company as the pipeline's `Books`, over SBA; what its services do not tell comes from its database, or files.

Everything that is given back is trimmed, ids in upper case, an empty date None. A list that was asked for by value is
held against the question: a row that nobody asked for means that GP did not understand the filter, and stops the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from types import TracebackType
from typing import TypeVar

from ml_connector.books.account import AccountNumber
from ml_connector.books.batch import StandingBatch
from ml_connector.books.document import Document, DocumentKind, Standing, StandingDistribution
from ml_connector.books.facts import AccountCard, CompanyFacts, PartyCard
from ml_connector.books.outcomes import Entry
from ml_connector.books.period import SUBLEDGERS, FiscalPeriod, Series
from ml_connector.findings import Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Access
from ml_connector.gp.company_database import CompanyDatabase
from ml_connector.gp.looking import Looking
from ml_connector.gp.parties import GpParties
from ml_connector.gp.periods import CALENDAR_FILE
from ml_connector.gp.row import Row, fold
from ml_connector.gp.sba import Sba
from ml_connector.gp.service_map import Documents, Resource, ServiceMap, Word
from ml_connector.gp.wire import Wire
from ml_connector.money import Currency

E = TypeVar("E", bound=Enum)


class GpBooks:
    """One GP company. Safe to use from several threads, as many as the access has lanes.

    `database`, or else `calendar` and `chart`, and `tax_details` stand in where the service map has no such resource;
    where nothing is given, `company_facts` raises Interrupted and says what is missing. `idle` are the resources that
    another transport is asked for instead: an installation may lack them.
    """

    def __init__(
        self,
        access: Access,
        service_map: ServiceMap,
        company: str,
        currency: Currency,
        calendar: tuple[FiscalPeriod, ...] | None = None,
        chart: Mapping[str, AccountCard] | None = None,
        tax_details: frozenset[str] | None = None,
        database: CompanyDatabase | None = None,
        idle: Collection[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sba = Sba(access, service_map, sleep)
        self._map = service_map
        self._company = company
        self._currency = currency
        self._calendar, self._chart, self._tax_details = calendar, chart, tax_details
        self._database, self._idle = database, idle
        self._class_accounts: dict[Series, Mapping[str, AccountNumber | None]] = {}
        self._distribution_reads = 0

    def __enter__(self) -> GpBooks:
        return self

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._sba.close()

    @property
    def calls(self) -> int:
        """Requests sent to GP so far, those of `reads_of_distributions` included, the legs of a login left out."""
        return self._sba.calls

    @property
    def reads_of_distributions(self) -> int:
        """How many of the calls read distributions back."""
        return self._distribution_reads

    @property
    def can_read_distributions(self) -> bool:
        return all(self._map.documents(series).distributions.readable for series in SUBLEDGERS)

    # Facts

    def company_facts(self) -> CompanyFacts:
        self.begin()
        return CompanyFacts(self._company, self.chart(), self.fiscal_periods(), self.tax_details())

    def begin(self) -> None:
        """Forget what the last run was told."""
        self._class_accounts.clear()

    @property
    def tells(self) -> frozenset[str]:
        """Which facts the services themselves tell; for another, a second source is asked."""
        mapped = {"accounts": self._map.accounts, "periods": self._map.periods, "tax_details": self._map.tax_details}
        return frozenset(name for name, resource in mapped.items() if resource is not None)

    def chart(self) -> Mapping[str, AccountCard]:
        if self._map.accounts is None:
            if self._database is not None:
                return self._database.accounts(self._map.formats.account_separator)
            if self._chart is None:
                wanted = "neither SQL Server nor a chart of accounts (CSV) is given"
                raise Interrupted(errors.unmapped("accounts", wanted))
            return self._chart
        cards: dict[str, AccountCard] = {}
        for row in self._sba.rows(self._map.accounts):
            number = row.account("number")
            if number is not None:
                description = row.text("description") if row.has("description") else ""
                active, allows_entry = row.flag("active"), row.flag("allows_entry", True)
                cards[str(number)] = AccountCard(number, description, active, allows_entry)
        return cards

    def fiscal_periods(self) -> tuple[FiscalPeriod, ...]:
        if self._map.periods is None:
            if self._database is not None:
                return self._database.periods()
            if self._calendar is None:
                raise Interrupted(errors.unmapped("periods", "neither SQL Server nor a calendar (CSV) is given"))
            return self._calendar
        return tuple(
            FiscalPeriod(
                year=row.whole("year"),
                number=row.whole("number"),
                first=row.filled_day("first"),
                last=row.filled_day("last"),
                closed=frozenset(series for series in Series if row.flag(f"closed_{series.name.lower()}")),
                year_closed=row.flag("year_closed"),
            )
            for row in self._sba.rows(self._map.periods)
        )

    def tax_details(self) -> frozenset[str]:
        if self._map.tax_details is None:
            if self._tax_details is None:
                raise Interrupted(errors.unmapped("tax_details", "no list of tax details is given"))
            return self._tax_details
        return frozenset(row.key("id") for row in self._sba.rows(self._map.tax_details))

    def party_book(self) -> GpParties:
        """The company's customers and vendors, to be aligned with ServiceTitan's."""
        return GpParties(self._sba)

    def parties(self, series: Series, ids: Sequence[str]) -> Mapping[str, PartyCard]:
        resource = self._map.parties(series)
        rows = self._asked(resource, "ids", "id", ids)
        strange = [one for one in dict.fromkeys(ids) if one and not self._sba.sayable(one)]
        records = ((one, self._sba.record(resource, one)) for one in strange)
        rows |= {fold(one): row for one, row in records if row is not None}
        return {one: self._party(series, rows[fold(one)]) for one in ids if fold(one) in rows}

    def vendor_invoices(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Of invoices only: a credit memo may carry the number of the invoice that it takes back. Voided ones are free."""
        found: dict[tuple[str, str], str] = {}
        for row in self._invoices_like(list(dict.fromkeys(keys))):
            standing = self._standing(Series.PURCHASING, row)
            if standing.kind is DocumentKind.PAYABLES_INVOICE and not standing.voided:
                found.setdefault((standing.party_id, row.key("vendor_invoice_number")), standing.number)
        folded = {key: (fold(key[0]), fold(key[1])) for key in keys}
        return {key: found[folded[key]] for key in keys if folded[key] in found}

    # Documents

    def find(self, series: Series, numbers: Sequence[str]) -> Mapping[str, Standing]:
        rows = self._asked(self._map.documents(series).resource, "numbers", "number", numbers)
        return {number: self._standing(series, rows[fold(number)]) for number in numbers if fold(number) in rows}

    def enter(self, document: Document, batch_id: str) -> Entry:
        return self._sba.enter(document, batch_id)

    def distributions(self, series: Series, numbers: Sequence[str]) -> Mapping[str, tuple[StandingDistribution, ...]]:
        before = self._sba.calls
        try:
            return self._distributions(series, list(dict.fromkeys(numbers)))
        finally:
            self._distribution_reads += self._sba.calls - before

    def batches(self, series: Series, batch_ids: Sequence[str]) -> Mapping[str, StandingBatch]:
        resource, origin = self._map.batches, self._map.origins.get(series, "")

        def of_series(row: Row) -> bool:
            return not origin or not row.has("origin") or row.key("origin") == fold(origin)

        rows = self._asked(resource, "ids", "id", batch_ids, of_series)
        return {
            one: StandingBatch(
                one, rows[fold(one)].whole("transactions"), rows[fold(one)].money("total", self._currency)
            )
            for one in batch_ids
            if fold(one) in rows
        }

    def in_batch(self, series: Series, batch_id: str) -> Sequence[Standing]:
        resource = self._map.documents(series).resource
        rows = self._sba.rows(resource, ("batch", {"value": [batch_id]}))
        self._hold_against(resource, "batch", rows, [batch_id])
        standing = (self._standing(series, row) for row in rows)
        return tuple({(one.kind, one.number): one for one in standing}.values())

    # For doctor

    @property
    def wire(self) -> Wire:
        return self._sba.wire

    def looking(self) -> Looking:
        return Looking(self._sba, self._idle)

    @property
    def parts(self) -> Mapping[str, GpBooks]:
        """The books by transport."""
        return {"sba": self}

    def one_company(self) -> str:
        return "it is reached over one transport"

    @property
    def period_source(self) -> str:
        """Where fiscal periods come from, for people."""
        if self._map.periods is not None:
            return "GP's services"
        return CALENDAR_FILE if self._database is None else self._database.name

    # How it is done

    def _party(self, series: Series, row: Row) -> PartyCard:
        control = row.account("account") or self._of_class(series, row)
        limit, balance = row.maybe_money("credit_limit", self._currency), row.maybe_money("balance", self._currency)
        return PartyCard(
            id=row.key("id"),
            name=row.text("name"),
            active=row.flag("active"),
            on_hold=row.flag("on_hold"),
            over_limit=limit is not None and balance is not None and limit < balance,
            control=control,
            is_1099=row.flag("is_1099"),
        )

    def _of_class(self, series: Series, row: Row) -> AccountNumber | None:
        """The control account of the party's class; the classes are read once, and again with the company's facts."""
        classes = self._map.classes(series)
        if classes is None or not row.has("class") or not row.key("class"):
            return None
        if series not in self._class_accounts:
            self._class_accounts[series] = {one.key("id"): one.account("account") for one in self._sba.rows(classes)}
        return self._class_accounts[series].get(row.key("class"))

    def _invoices_like(self, keys: Sequence[tuple[str, str]]) -> Iterator[Row]:
        """The payables that may carry one of these numbers: those asked for, and whatever else the filter lets by."""
        resource = self._map.payables.resource
        plain = [key for key in keys if all(key) and all(map(self._sba.sayable, key))]
        size = max(1, self._map.filters.chunk // 2)
        for start in range(0, len(plain), size):
            yield from self._invoices(resource, plain[start : start + size])
        strange = sorted({vendor for vendor, number in keys if vendor and number and (vendor, number) not in plain})
        if strange and "vendors" not in resource.filters:
            raise Interrupted(
                errors.unmapped(
                    "payables.filters.vendors", f"a vendor's invoice number contains '{self._map.filters.join}'"
                )
            )
        for vendor in strange:
            rows = self._sba.rows(resource, ("vendors", {"values": [vendor]}))
            self._hold_against(resource, "party", rows, [vendor])
            yield from rows

    def _invoices(self, resource: Resource, keys: Sequence[tuple[str, str]]) -> list[Row]:
        vendors = list(dict.fromkeys(vendor for vendor, _ in keys))
        numbers = list(dict.fromkeys(number for _, number in keys))
        rows = self._sba.rows(resource, ("vendor_invoices", {"vendors": vendors, "numbers": numbers}))
        self._hold_against(resource, "party", rows, vendors)
        self._hold_against(resource, "vendor_invoice_number", rows, numbers)
        return rows

    def _asked(
        self,
        resource: Resource,
        name: str,
        noun: str,
        values: Sequence[str],
        admit: Callable[[Row], bool] = lambda _: True,
        also: Mapping[str, str] | None = None,
    ) -> dict[str, Row]:
        """The rows that have one of these values, by it. Of two that share one, that which is not voided."""
        found: dict[str, Row] = {}
        sayable = [value for value in dict.fromkeys(values) if self._sba.sayable(value)]
        for chunk in self._sba.chunks(resource, name, sayable):
            rows = self._sba.rows(resource, (name, {"values": chunk}), also=also)
            self._hold_against(resource, noun, rows, chunk)
            for row in filter(admit, rows):
                key = row.key(noun)
                if key not in found or found[key].flag("voided"):
                    found[key] = row
        return found

    def _hold_against(self, resource: Resource, noun: str, rows: Iterable[Row], asked: Sequence[str]) -> None:
        wanted = {fold(value) for value in asked}
        strange = next((row.key(noun) for row in rows if row.key(noun) not in wanted), None)
        if strange is not None:
            says = f"GP was asked for {resource.fields[noun]} {asked[0]}{', …' if len(asked) > 1 else ''} and gave {strange}"
            raise Interrupted(errors.misfit(f"{resource.name}.filters", f"{says}: it does not heed the filter"))

    def _distributions(self, series: Series, numbers: Sequence[str]) -> dict[str, tuple[StandingDistribution, ...]]:
        subledger = self._map.documents(series)
        nested, name = subledger.distributions, f"{subledger.resource.name}.distributions"
        if nested.expand:
            rows = self._asked(subledger.resource, "numbers", "number", numbers, also=nested.expand)
            return {
                number: self._lines(name, subledger, rows[fold(number)].cells.get(nested.name))
                for number in numbers
                if fold(number) in rows
            }
        if not nested.path:
            return {}
        read: dict[str, tuple[StandingDistribution, ...]] = {}
        for number in numbers:
            lines = self._sba.nested(name, nested.path.format(number=number), nested.fields)
            if lines:
                read[number] = tuple(self._line(line) for line in lines)
        return read

    def _lines(self, name: str, subledger: Documents, nested: object) -> tuple[StandingDistribution, ...]:
        if not isinstance(nested, list) or not all(isinstance(line, dict) for line in nested):
            wire = subledger.distributions.name
            raise Interrupted(errors.misfit(f"{name}.name", f"GP's documents have no list of rows called '{wire}'"))
        fields, formats = subledger.distributions.fields, self._map.formats
        return tuple(self._line(Row(name, cells, fields, formats)) for cells in nested)

    def _line(self, row: Row) -> StandingDistribution:
        account = row.account("account")
        if account is None:
            raise Interrupted(
                errors.misfit(f"{row.where}.fields.account", "GP keeps a distribution without an account")
            )
        debit, credit = row.money("debit", self._currency), row.money("credit", self._currency)
        return StandingDistribution(account, row.whole("type"), debit, credit)

    def _standing(self, series: Series, row: Row) -> Standing:
        subledger = self._map.documents(series)
        return Standing(
            kind=_of_word(subledger.kinds, row, "kind"),
            number=row.key("number"),
            party_id=row.key("party"),
            document_date=row.filled_day("document_date"),
            posting_date=row.day("posting_date"),
            amount=row.money("amount", self._currency),
            tax=row.maybe_money("tax", self._currency),
            batch_id=row.key("batch"),
            state=_of_word(subledger.states, row, "state"),
            voided=row.flag("voided"),
            audit_trail_code=row.key("audit_trail_code") if row.has("audit_trail_code") else "",
        )


def _of_word(words: Mapping[E, tuple[Word, ...]], row: Row, noun: str) -> E:
    """Which of ours a word of GP's means; numbers may come as text."""
    word = str(row.word(noun)).upper()
    for ours, theirs in words.items():
        if word in {str(one).upper() for one in theirs}:
            return ours
    where = f"{row.where}.{noun}s"
    raise Interrupted(errors.misfit(where, f"'{word}' is no {noun} that the map knows ({row.text('number')})"))
