"""One GP company as the pipeline's `Books`, over the web services; fiscal periods, which they lack, from elsewhere.

What lists leave out costs a call a document: whether a posted one is voided, its posting date, its distributions, a
vendor's own invoice number; so such a call is made only where the list cannot answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from types import TracebackType

from ml_connector.books.account import AccountFormat, AccountNumber
from ml_connector.books.batch import StandingBatch
from ml_connector.books.document import Document, DocumentKind, Standing, StandingDistribution
from ml_connector.books.facts import AccountCard, CompanyFacts, PartyCard
from ml_connector.books.outcomes import Entry
from ml_connector.books.period import FiscalPeriod, Series
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import service_map
from ml_connector.gp.access import Access
from ml_connector.gp.company_database import CompanyDatabase
from ml_connector.gp.periods import CALENDAR_FILE
from ml_connector.gp.row import fold
from ml_connector.gp.service_map import Meaning
from ml_connector.gp.web_services import answers, documents, errors
from ml_connector.gp.web_services.contract import Value
from ml_connector.gp.web_services.entering import Entering
from ml_connector.gp.web_services.looking import Looking
from ml_connector.gp.web_services.parties import WebServicesParties
from ml_connector.gp.web_services.policies import Policies
from ml_connector.gp.web_services.transport import Endpoint, WebServices
from ml_connector.gp.wire import Wire
from ml_connector.money import Currency

CHUNK = 200  # keys in one question
SOURCES: Mapping[Series, str] = {
    Series.SALES: "RM_SALES",
    Series.PURCHASING: "PM_TRXENT",
}  # of batches, as SY00500 has it
STATES = ("Work", "Open", "History")
NOWHERE = "#NONE#"  # a key that no record has: a question that costs GP nothing


class WebServicesBooks:
    """One GP company. Safe to use from several threads, as many as the access has lanes.

    `database`, or else `calendar`, gives the fiscal periods; without either `company_facts` raises Interrupted.
    `meanings` tells what GP's texts mean to us, the shipped ones unless a service map has its own. A vendor's own invoice
    number stands in no list, so each invoice of the vendor is read once by its key: `duplicates_since` leaves out those
    dated before. `tax_details` stands in where the installation's contract has no list of them. `kinds` are those that are
    entered here: the policies of others do not matter.
    """

    def __init__(
        self,
        access: Access,
        endpoint: Endpoint,
        company: str,
        currency: Currency,
        calendar: tuple[FiscalPeriod, ...] | None = None,
        meanings: tuple[Meaning, ...] | None = None,
        duplicates_since: date | None = None,
        tax_details: frozenset[str] | None = None,
        database: CompanyDatabase | None = None,
        kinds: Collection[DocumentKind] = tuple(DocumentKind),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._services = WebServices(access, endpoint, sleep)
        self._policies = Policies(self._services)
        self._company, self._currency = company, currency
        self._calendar, self._tax_details, self._database = calendar, tax_details, database
        self._kinds = kinds
        known = service_map.shipped("default").refusals if meanings is None else meanings
        self._meanings = known
        self._entering = Entering(self._services, self._policies, known, self._separator)
        self._duplicates_since = duplicates_since
        self._own_separator: str | None = None
        self._cards: dict[tuple[Series, str], tuple[object, Value]] = {}
        self._vendor_numbers: dict[str, tuple[tuple[object, ...], Value]] = {}
        self._distribution_reads = 0
        self._counting = threading.Lock()

    def __enter__(self) -> WebServicesBooks:
        return self

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._services.close()

    @property
    def calls(self) -> int:
        """Requests sent to GP so far, those for the WSDL and of `reads_of_distributions` included, the legs of a login
        left out."""
        return self._services.wire.calls

    @property
    def reads_of_distributions(self) -> int:
        """How many of the calls read distributions back."""
        return self._distribution_reads

    @property
    def can_read_distributions(self) -> bool:
        return True

    # Facts

    def company_facts(self) -> CompanyFacts:
        """Raises Interrupted also where a policy would make distributions of its own: then nothing may be entered."""
        self.begin()
        return CompanyFacts(self._company, self.chart(), self.fiscal_periods(), self.tax_details())

    def begin(self) -> None:
        """Forget what the last run was told, and see that documents may be entered. Raises Interrupted."""
        self._forget()
        stop = self.policy_lets_us_send_distributions()
        if stop:
            raise Interrupted(stop)
        self._own_separator = self._read_separator()

    @property
    def tells(self) -> frozenset[str]:
        """Which facts the services themselves tell; for another, a second source is asked. Raises Interrupted."""
        has = self._services.contract.has("GetTaxDetailList")
        return frozenset({"accounts", "tax_details"} if has else {"accounts"})

    def fiscal_periods(self) -> tuple[FiscalPeriod, ...]:
        if self._database is not None:
            return self._database.periods()
        if self._calendar is None:
            raise Interrupted(errors.no_calendar())
        return self._calendar

    def chart(self) -> Mapping[str, AccountCard]:
        """The posting accounts: unit and allocation accounts take no distribution of ours."""
        cards: dict[str, AccountCard] = {}
        for row in self._services.rows("GetGLPostingAccountList", {}, "GLAccountId"):
            number = AccountNumber.parse(answers.key(row.Key), self._separator())
            cards[str(number)] = AccountCard(
                number, answers.text(row.Description), bool(row.IsActive), bool(row.AllowAccountEntry)
            )
        return cards

    def tax_details(self) -> frozenset[str]:
        if not self._services.contract.has("GetTaxDetailList"):
            if self._tax_details is None:
                raise Interrupted(errors.no_tax_details())
            return self._tax_details
        return frozenset(answers.key(row.TaxDetailKey) for row in self._details_like({}))

    def policy_lets_us_send_distributions(self) -> Finding | None:
        """None where GP's policies take what we send; else what an administrator changes. Raises Interrupted."""
        return self._policies.let_us_send_distributions(self._kinds)

    @property
    def company_id(self) -> int:
        return self._services.endpoint.company_id

    def companies(self) -> Mapping[int, str]:
        """The companies that our Windows account may use over the web services: GP's number of each, and its name."""
        return {number: answers.text(it.Name) for number, it in self._companies().items()}

    def account_format(self) -> AccountFormat:
        """The segments of the company's accounts. Raises Interrupted, also where none of them is the main one."""
        rows = self._services.ask("GetGLAccountFormatList", criteria={}) or []
        segments = sorted(rows, key=lambda row: int(row.Key.Id))
        main = next((answers.text(it.SegmentName) for it in segments if it.IsMainSegment), None)
        if main is None:
            raise answers.wrong("GetGLAccountFormatList", "no segment of the account format is the main one")
        names = tuple(answers.text(it.SegmentName) for it in segments)
        return AccountFormat(names, tuple(int(it.SegmentLength) for it in segments), main)

    def party_book(self) -> WebServicesParties:
        """The company's customers and vendors, to be aligned with ServiceTitan's."""
        return WebServicesParties(self._services, self._policies, self._meanings)

    def parties(self, series: Series, ids: Sequence[str]) -> Mapping[str, PartyCard]:
        """Whether a customer is over its limit is not told: the services give no balance. A card without an account
        has no `control`: the services do not show the classes."""
        found: dict[str, PartyCard] = {}
        noun = "Customer" if series is Series.SALES else "Vendor"
        for row in self._asked(f"Get{noun}List", "Id", ids, Scope=f"{noun}Scope"):
            party, version = answers.key(row.Key), (row.ModifiedDate, getattr(row, "LastModifiedDate", None))
            known = self._cards.get((series, party))
            if known is None or known[0] != version:
                whole = self._services.ask(f"Get{noun}ByKey", may_be_missing=True, key={"Id": party})
                if whole is None:
                    continue  # deleted since the list was made
                known = self._cards[series, party] = (version, whole)
            found[party] = self._card(series, row, known[1])
        return {one: found[fold(one)] for one in ids if fold(one) in found}

    def vendor_invoices(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Of invoices only: a credit memo may carry the number of the invoice that it takes back. Voided ones are free."""
        folded = {key: (fold(key[0]), fold(key[1])) for key in keys if all(key)}
        criteria: dict[str, Value] = {"Type": {"EqualValue": self._word("PayablesDocumentType", "Invoice")}}
        if self._duplicates_since is not None:
            criteria["Date"] = {"From": datetime.combine(self._duplicates_since, datetime.min.time())}
        vendors = sorted({vendor for vendor, _ in folded.values()})
        found: dict[tuple[str, str], str] = {}
        for row in self._documents(Series.PURCHASING, "VendorId", vendors, criteria):
            whole = self._invoice(row)
            if whole is not None and not whole.IsVoided:
                key = (answers.key(whole.VendorKey), fold(answers.text(whole.VendorDocumentNumber)))
                found.setdefault(key, answers.key(row.Key))
        return {key: found[one] for key, one in folded.items() if one in found}

    # Documents

    def find(self, series: Series, numbers: Sequence[str]) -> Mapping[str, Standing]:
        """One by one those that are posted, for only so it shows whether they are voided; an unposted one never is."""
        asked = {fold(number) for number in numbers if number}
        found: dict[str, Standing] = {}
        for row in self._documents(series, "DocumentId", sorted(asked)):
            whole = self._whole(series, row) if len(asked) == 1 or row.TransactionState != "Work" else None
            one = answers.standing(series, row, self._currency, whole)
            if one.number not in found or found[one.number].voided:
                found[one.number] = one
        return {number: found[fold(number)] for number in numbers if fold(number) in found}

    def distributions(self, series: Series, numbers: Sequence[str]) -> Mapping[str, tuple[StandingDistribution, ...]]:
        before = self.calls
        try:
            return self._distributions(series, list(dict.fromkeys(numbers)))
        finally:
            with self._counting:
                self._distribution_reads += self.calls - before

    def batches(self, series: Series, batch_ids: Sequence[str]) -> Mapping[str, StandingBatch]:
        found: dict[str, StandingBatch] = {}
        for row in self._asked("GetBatchList", "Id", batch_ids):
            if fold(answers.text(row.Key.Source)) in ("", SOURCES[series]):
                batch = answers.key(row.Key)
                total = answers.money(row.Total, self._currency, f"batch {batch}")
                found[batch] = StandingBatch(batch, int(row.NumberOfTransactions or 0), total)
        return {one: replace(found[fold(one)], batch_id=one) for one in batch_ids if fold(one) in found}

    def in_batch(self, series: Series, batch_id: str) -> Sequence[Standing]:
        rows = self._documents(series, "BatchId", [fold(batch_id)])
        standing = (answers.standing(series, row, self._currency) for row in rows)
        return tuple({(one.kind, one.number): one for one in standing}.values())

    def enter(self, document: Document, batch_id: str) -> Entry:
        return self._entering.enter(document, batch_id)

    # For doctor

    @property
    def wire(self) -> Wire:
        return self._services.wire

    def looking(self) -> Looking:
        """It reads the policies anew."""
        self._policies.forget()
        return Looking(
            self._services, self.companies, self.account_format, self.policy_lets_us_send_distributions, self._lists()
        )

    @property
    def parts(self) -> Mapping[str, WebServicesBooks]:
        """The books by transport."""
        return {"soap": self}

    def one_company(self) -> str:
        return "it is reached over one transport"

    @property
    def period_source(self) -> str:
        """Where fiscal periods come from, for people."""
        return CALENDAR_FILE if self._database is None else self._database.name

    def _lists(self) -> Mapping[str, Callable[[], object]]:
        nowhere = {"EqualValue": NOWHERE}
        services = self._services
        return {
            "accounts": lambda: services.ask("GetGLPostingAccountList", criteria={"GLAccountId": nowhere}),
            "tax_details": lambda: self._details_like({"TaxDetailKeyId": nowhere}),
            "customers": lambda: list(self._asked("GetCustomerList", "Id", [NOWHERE], Scope="CustomerScope")),
            "vendors": lambda: list(self._asked("GetVendorList", "Id", [NOWHERE], Scope="VendorScope")),
            "batches": lambda: list(self._asked("GetBatchList", "Id", [NOWHERE])),
            "receivables": lambda: list(self._documents(Series.SALES, "DocumentId", [NOWHERE])),
            "payables": lambda: list(self._documents(Series.PURCHASING, "DocumentId", [NOWHERE])),
        }

    # How it is done

    def _forget(self) -> None:
        """What may have changed since the last run without the lists showing it: their dates have no time."""
        self._cards.clear()
        self._policies.forget()
        for number in [number for number, (version, _) in self._vendor_numbers.items() if "Work" in version]:
            del self._vendor_numbers[number]

    def _details_like(self, criteria: Mapping[str, Value]) -> list[Value]:
        return self._services.rows("GetTaxDetailList", criteria, "TaxDetailKeyId", "TaxDetailKey")

    def _separator(self) -> str:
        """What stands between the segments of an account, as the company has it; read once."""
        if self._own_separator is None:
            self._own_separator = self._read_separator()
        return self._own_separator

    def _read_separator(self) -> str:
        """From the companies that our Windows account may use. Raises Interrupted where ours is not among them."""
        companies, wanted = self._companies(), self._services.endpoint.company_id
        if wanted not in companies:
            named = ", ".join(f"{number} {answers.text(it.Name)}" for number, it in sorted(companies.items()))
            raise Interrupted(errors.no_company(wanted, f"the account may use {named or 'none'}"))
        return answers.text(companies[wanted].AccountSegmentSeparator) or "-"

    def _companies(self) -> dict[int, Value]:
        rows = self._services.ask("GetWSEnabledCompanyForUserList", in_company=False)
        return {int(row.Key.Id): row for row in rows or () if row.Key is not None}

    def _card(self, series: Series, row: Value, whole: Value) -> PartyCard:
        key = whole.AccountsReceivableGLAccountKey if series is Series.SALES else whole.AccountsPayableGLAccountKey
        account = answers.key(key)
        kind = "" if series is Series.SALES else answers.text(whole.Tax1099Type)
        return PartyCard(
            id=answers.key(row.Key),
            name=answers.text(row.Name),
            active=bool(row.IsActive),
            on_hold=bool(row.IsOnHold),
            control=AccountNumber.parse(account, self._separator()) if account else None,
            is_1099=kind not in ("", "None"),
        )

    def _invoice(self, row: Value) -> Value | None:
        """A vendor's invoice, read by its key; once, until it is changed, voided or moved; an unposted one once a run."""
        number, version = answers.key(row.Key), (row.ModifiedDate, row.TransactionState)
        known = self._vendor_numbers.get(number)
        if known is None or known[0] != version:
            known = (version, self._whole(Series.PURCHASING, row))
            self._vendor_numbers[number] = known
        return known[1]

    def _whole(self, series: Series, row: Value) -> Value | None:
        """The document behind a row of a list; None where it has no key of its own, or is gone since."""
        if answers.text(row.Type) not in answers.PLAIN:
            return None
        kind = answers.KINDS[series][answers.text(row.Type)]
        operation = f"Get{documents.NAMES[kind]}ByKey"
        return self._services.ask(operation, may_be_missing=True, key={"Id": answers.key(row.Key)})

    def _distributions(self, series: Series, numbers: Sequence[str]) -> dict[str, tuple[StandingDistribution, ...]]:
        read: dict[str, tuple[StandingDistribution, ...]] = {}
        voided: set[str] = set()
        for row in self._documents(series, "DocumentId", sorted({fold(number) for number in numbers if number})):
            number, whole = answers.key(row.Key), self._whole(series, row)
            if whole is not None and (number not in read or number in voided):
                read[number] = answers.distributions(series, whole, self._currency, self._separator())
                voided = voided | {number} if whole.IsVoided else voided - {number}
        return {number: read[fold(number)] for number in numbers if fold(number) in read}

    def _documents(
        self, series: Series, restriction: str, values: Sequence[str], also: Mapping[str, Value] | None = None
    ) -> Iterator[Value]:
        """The documents of a series with one of these values, of every state; receipts and payments left out."""
        noun = "Receivables" if series is Series.SALES else "Payables"
        kind = f"{noun}TransactionState"
        criteria: dict[str, Value] = {
            **(also or {}),
            "TransactionState": {"Items": {kind: [self._word(kind, state) for state in STATES]}},
        }
        if series is Series.SALES:
            criteria["Scope"] = self._word("ReceivablesDocumentScope", "Return All")
        members = {"BatchId": "BatchKey", "VendorId": "VendorKey"}
        for row in self._in_chunks(f"Get{noun}DocumentList", restriction, values, criteria, members.get(restriction)):
            if not answers.is_passed_over(row):
                yield row

    def _asked(self, operation: str, restriction: str, values: Sequence[str], **scope: str) -> Iterator[Value]:
        criteria = {name: self._word(kind, "Return All") for name, kind in scope.items()}
        wanted = sorted({fold(value) for value in values if value})
        return self._in_chunks(operation, restriction, wanted, criteria)

    def _in_chunks(
        self,
        operation: str,
        restriction: str,
        values: Sequence[str],
        criteria: Mapping[str, Value],
        member: str | None = None,
    ) -> Iterator[Value]:
        """The rows with one of these values. A row that nobody asked for means that GP did not heed the restriction."""
        size = max(1, min(CHUNK, self._services.row_cap // 3))  # one value may bring two rows, and a full list is none
        for start in range(0, len(values), size):
            chunk = values[start : start + size]
            narrow = {**criteria, restriction: {"Items": {"string": list(chunk)}}}
            for row in self._services.rows(operation, narrow, "DocumentId"):
                value = answers.key(getattr(row, member or "Key"))
                if value not in chunk:
                    says = (
                        f"GP was asked for {restriction} {chunk[0]}{', …' if len(chunk) > 1 else ''} and gave {value}"
                    )
                    raise Interrupted(errors.answer(operation, f"{says}: it does not heed the restriction"))
                yield row

    def _word(self, kind: str, word: str) -> str:
        return self._services.contract.word(kind, word)
