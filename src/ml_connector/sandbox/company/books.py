"""The company: its books, who reads and writes them, and what a person at GP does to them.

Nothing here knows how it is reached: an SBA server and a web services server may stand before the same company.
Services read rows, `create` documents, which land in Work, in a batch, and `make` and `change` cards. Everything else is
done by a person: the
`do_` methods take and return JSON values, so that a sandbox's control plane can call them. A deed that GP would not do
answers `{"refused": [text, ...]}`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

from ml_connector.sandbox.company import front_range, rules
from ml_connector.sandbox.company.card_records import PartyClass
from ml_connector.sandbox.company.cards import BY_HAND, Cards
from ml_connector.sandbox.company.errors import Refused
from ml_connector.sandbox.company.records import (
    BATCH_WIDTH,
    DESCRIPTION_WIDTH,
    EMPTY_DATE,
    NUMBER_WIDTH,
    PARTY_WIDTH,
    REFERENCE_WIDTH,
    TAX_DETAIL_WIDTH,
    ZERO,
    Account,
    Batch,
    BatchStatus,
    CompanySetup,
    DateFrom,
    Distribution,
    Document,
    Draft,
    Kind,
    Module,
    Period,
    Series,
    Settings,
    State,
    Tables,
    TaxDetail,
    char,
    id_char,
    key,
)
from ml_connector.sandbox.faults import Fault
from ml_connector.sandbox.neighbourhood import Neighbourhood

Told: TypeAlias = dict[str, Any]  # JSON values
Row = TypeVar("Row")

IN_THE_BOOKS = frozenset({Fault.BATCH_LOCKED, Fault.PERIOD_CLOSED, Fault.DISTRIBUTIONS_REPLACED})
SEQUENCE_STEP = 16384
CENT = Decimal("0.01")


class Company(Cards):
    """One GP company. Every method is one transaction; any number of threads may call them."""

    def __init__(
        self, tables: Tables, settings: Settings | None = None, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._tables = tables
        self._settings = settings or Settings()
        self._clock = clock or (lambda: datetime.now(UTC))
        self._postings = 0
        self._lock = threading.RLock()

    @classmethod
    def front_range(
        cls,
        settings: Settings | None = None,
        clock: Callable[[], datetime] | None = None,
        neighbourhood: Neighbourhood | None = None,
    ) -> Company:
        """The company of the town, before the month: everything set up, nothing entered. A `neighbourhood` comes to it."""
        today = (clock() if clock else datetime.now(UTC)).date()
        return cls(front_range.furnish(today.year, neighbourhood), settings, clock)

    # What a service reads: snapshots, in the order of entry.

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def setup(self) -> CompanySetup:
        return self._tables.setup

    def accounts(self) -> tuple[Account, ...]:
        return self._rows(self._tables.accounts.values())

    def periods(self) -> tuple[Period, ...]:
        return self._rows(self._tables.periods.values())

    def customer_classes(self) -> tuple[PartyClass, ...]:
        return self._rows(self._tables.customer_classes.values())

    def vendor_classes(self) -> tuple[PartyClass, ...]:
        return self._rows(self._tables.vendor_classes.values())

    def tax_details(self) -> tuple[TaxDetail, ...]:
        return self._rows(self._tables.tax_details.values())

    def batches(self) -> tuple[Batch, ...]:
        return self._rows(self._tables.batches.values())

    def documents(self, module: Module, numbers: Iterable[str] | None = None) -> tuple[Document, ...]:
        """The documents of a subledger in Work, Open and History; with `numbers`, those of them that exist."""
        with self._lock:
            if numbers is None:
                return tuple(document for document in self._tables.documents.values() if document.module is module)
            found = (self._tables.documents.get((module, number)) for number in dict.fromkeys(map(key, numbers)))
            return tuple(document for document in found if document is not None)

    def document(self, module: Module, number: str) -> Document | None:
        return next(iter(self.documents(module, [number])), None)

    # What a service writes.

    def create(self, draft: Draft, entered_by: str, suffers: Fault | None = None) -> Document:
        """Enter a document in Work, or raise `Refused` and change nothing.

        `suffers` is a fault of `IN_THE_BOOKS`: BATCH_LOCKED refuses this document alone, PERIOD_CLOSED really closes
        the period for the document's series first, and DISTRIBUTIONS_REPLACED enters GP's default distributions.
        """
        with self._lock:
            today = self._today()
            draft = replace(
                draft,
                document_date=draft.document_date or today,
                posting_date=draft.posting_date or today,
                batch=draft.batch.strip() or self._clock().strftime("%Y%m%dH%H"),
            )
            against = list(rules.refusals(draft, self._tables, self._settings))
            if suffers is Fault.BATCH_LOCKED:
                against.append(rules.batch_locked(draft.batch))
            if suffers is Fault.PERIOD_CLOSED and draft.posting_date is not None:
                self._set_period(draft.posting_date, {draft.kind.module.series}, closed=True)
                against += rules.period_refusals(draft.posting_date, draft.kind.module, self._tables)
            if against:
                raise Refused(dict.fromkeys(against))
            document = self._as_kept(draft, entered_by)
            if self._settings.creates_distributions or suffers is Fault.DISTRIBUTIONS_REPLACED:
                document = replace(document, distributions=self._default_distributions(document))
            self._tables.put(document)
            self._count_into_batch(document, 1)
            return document

    # What a person does.

    def do_post_batch(self, batch: str) -> Told:
        """Post a batch: its documents move from Work to Open, and the batch is gone.

        A document of a closed period stays behind in the batch, as on GP's edit list.
        """
        with self._lock:
            row = self._tables.batches.get(key(batch))
            if row is None:
                return _refused(f"Batch {key(batch)} does not exist.")
            if row.status is not BatchStatus.AVAILABLE:
                return _refused(rules.batch_locked(batch).message)
            if self._settings.control_totals:
                return _refused(f"The control totals of batch {key(batch)} are not those of its transactions.")
            posted: list[str] = []
            errors: list[str] = []
            self._postings += 1
            for document in self._in_work(row):
                if self._settings.posting_date_from is DateFrom.BATCH:
                    document = replace(document, posting_date=row.created)
                against = list(rules.period_refusals(document.posting_date, document.module, self._tables))
                if against:
                    errors += [f"{document.number.strip()}: {refusal.message}" for refusal in against]
                    continue
                code = f"{document.module.audit_trail}{self._postings:08d}"
                self._count_into_batch(document, -1)
                self._keep(replace(document, state=State.OPEN, audit_trail_code=code))
                posted.append(document.number.strip())
            if not self._in_work(row):
                del self._tables.batches[key(batch)]
            return {"posted": posted, "errors": errors}

    def do_void(self, number: str, kind: str) -> Told:
        """Void a document. It keeps its number; a payable moves to History, an unposted one out of its batch."""
        with self._lock:
            document = self._find(number, kind)
            if document is None:
                return _refused(f"{number} does not exist.")
            if document.voided:
                return _refused(f"{number} is voided already.")
            self._leave_batch(document)
            stays = document.module is Module.RECEIVABLES and document.state is State.OPEN
            self._keep(replace(document, voided=True, state=State.OPEN if stays else State.HISTORY))
            return {}

    def do_delete(self, number: str, kind: str) -> Told:
        """Delete a document that is not posted. Its number is free again."""
        with self._lock:
            document = self._find(number, kind)
            if document is None or document.state is not State.WORK:
                return _refused(f"{number} is not in Work; posted transactions cannot be deleted.")
            self._leave_batch(document)
            self._tables.drop(document)
            return {}

    def do_move_to_history(self, number: str, kind: str) -> Told:
        """Settle a posted document, as paid transaction removal does."""
        with self._lock:
            document = self._find(number, kind)
            if document is None or document.state is State.WORK:
                return _refused(f"{number} is not posted.")
            self._keep(replace(document, state=State.HISTORY))
            return {}

    def do_purge(self, number: str, kind: str) -> Told:
        """Remove history: GP knows the number no more."""
        with self._lock:
            document = self._find(number, kind)
            if document is None or document.state is not State.HISTORY:
                return _refused(f"{number} is not in History.")
            self._tables.drop(document)
            return {}

    def do_edit_distributions(self, number: str, kind: str, distributions: list[dict[str, Any]]) -> Told:
        """Change the distributions of an unposted document: `{"type", "account", "debit" or "credit", "reference"}`."""
        with self._lock:
            document = self._find(number, kind)
            if document is None or document.state is not State.WORK:
                return _refused(f"{number} is not in Work.")
            lines = [
                Distribution(
                    int(line["type"]),
                    str(line["account"]),
                    Decimal(line.get("debit") or 0).quantize(CENT),
                    Decimal(line.get("credit") or 0).quantize(CENT),
                    str(line.get("reference") or ""),
                )
                for line in distributions
            ]
            unknown = [line.account for line in lines if line.account not in self._tables.accounts]
            if unknown:
                return _refused(*(f"Account number does not exist: {account}" for account in unknown))
            self._keep(replace(document, distributions=_numbered(lines)))
            return {}

    def do_enter_by_hand(
        self,
        kind: str,
        number: str,
        party: str,
        amount: str,
        date: str,  # ISO 8601
        batch: str = "",
        vendor_document: str = "",
        description: str = "Entered by hand",
    ) -> Told:
        """Key in a document, with GP's default distributions, under any number."""
        day, of_kind, exact = _day(date), Kind(kind), Decimal(amount).quantize(CENT)
        draft = Draft(
            kind=of_kind,
            number=number,
            party=party,
            base_amount=exact,
            document_amount=exact,
            document_date=day,
            posting_date=day,
            description=description,
            vendor_document=vendor_document or (f"HAND {number}"[:20] if of_kind.module is Module.PAYABLES else ""),
            batch=batch or f"BYHAND-{of_kind.module.origin[:2]}",
        )
        with self._lock:
            of_person = replace(self._settings, creates_distributions=True)
            against = rules.refusals(draft, self._tables, of_person)
            if against:
                return _refused(*(refusal.message for refusal in against))
            document = self._as_kept(draft, BY_HAND)
            document = replace(document, distributions=self._default_distributions(document))
            self._tables.put(document)
            self._count_into_batch(document, 1)
            return {"number": document.number.strip()}

    def do_close_period(self, year: int, period: int, series: list[str] | None = None) -> Told:
        """Close a fiscal period, for all series or for the named ones ("Sales", "Financial", ...)."""
        return self._person_sets_period(year, period, series, closed=True)

    def do_open_period(self, year: int, period: int, series: list[str] | None = None) -> Told:
        return self._person_sets_period(year, period, series, closed=False)

    def do_lock_batch(self, batch: str, kind: str = Kind.RECEIVABLES_INVOICE.value) -> Told:
        """Someone has the batch open, or posts it. One that does not exist is made, for the module of `kind`."""
        with self._lock:
            row = self._tables.batches.get(key(batch)) or self._new_batch(batch, Kind(kind).module)
            self._tables.batches[key(batch)] = replace(row, status=BatchStatus.POSTING)
            return {}

    def do_unlock_batch(self, batch: str) -> Told:
        with self._lock:
            row = self._tables.batches.get(key(batch))
            if row is None:
                return _refused(f"Batch {key(batch)} does not exist.")
            self._tables.batches[key(batch)] = replace(row, status=BatchStatus.AVAILABLE)
            return {}

    def do_activate_account(self, number: str, active: bool = True) -> Told:
        with self._lock:
            account = self._tables.accounts.get(number)
            if account is None:
                return _refused(f"Account number does not exist: {number}")
            self._tables.accounts[number] = replace(account, active=active)
            return {}

    def do_add_account(self, number: str, description: str, posting_type: str = "ProfitAndLoss") -> Told:
        with self._lock:
            self._tables.accounts[number] = Account(number, description, True, True, posting_type)
            return {}

    def do_set(self, **settings: Any) -> Told:
        """Change settings: the fields of `Settings`."""
        if "posting_date_from" in settings:
            settings["posting_date_from"] = DateFrom(settings["posting_date_from"])
        with self._lock:
            self._settings = replace(self._settings, **settings)
            return {}

    def records(self) -> Told:
        """Everything entered, unpadded, amounts as decimal strings.

        Per module: `count` and `total` of what is not voided (credit memos negative), and of that what a service
        entered and what was entered by hand; and what is voided, apart.
        """
        with self._lock:
            documents = list(self._tables.documents.values())
            batches = [
                {
                    "id": batch.id.strip(),
                    "origin": batch.origin,
                    "status": batch.status.name.lower(),
                    "transactions": batch.transactions,
                    "total": str(batch.total),
                }
                for batch in self._tables.batches.values()
            ]
        told: Told = {"documents": [_told(document) for document in documents], "batches": batches}
        for module in Module:
            of_module = [document for document in documents if document.module is module]
            standing = [document for document in of_module if not document.voided]
            told[module.value] = {
                **_sum(standing),
                "by_service": _sum(document for document in standing if document.entered_by != BY_HAND),
                "by_hand": _sum(document for document in standing if document.entered_by == BY_HAND),
                "voided": _sum(document for document in of_module if document.voided),
            }
        return told

    # Within one transaction; the caller holds the lock.

    def _rows(self, rows: Iterable[Row]) -> tuple[Row, ...]:
        with self._lock:
            return tuple(rows)

    def _today(self) -> date:
        return self._clock().date()

    def _find(self, number: str, kind: str) -> Document | None:
        document = self._tables.documents.get((Kind(kind).module, key(number)))
        return document if document is not None and document.kind is Kind(kind) else None

    def _keep(self, document: Document) -> None:
        self._tables.put(replace(document, modified=self._today()))

    def _as_kept(self, draft: Draft, entered_by: str) -> Document:
        today = self._today()
        document_date = draft.document_date or today
        name = (
            self._tables.customers[key(draft.party)].name
            if draft.kind.module is Module.RECEIVABLES
            else self._tables.vendors[key(draft.party)].name
        )
        return Document(
            kind=draft.kind,
            number=id_char(draft.number, NUMBER_WIDTH),
            party=id_char(draft.party, PARTY_WIDTH),
            party_name=name,
            document_date=document_date,
            posting_date=draft.posting_date or today,
            due_date=draft.due_date or (EMPTY_DATE if draft.kind.is_credit else document_date),
            description=char(draft.description, DESCRIPTION_WIDTH),
            customer_po=char(draft.customer_po, REFERENCE_WIDTH),
            vendor_document=char(draft.vendor_document, REFERENCE_WIDTH),
            batch=id_char(draft.batch, BATCH_WIDTH),
            base_amount=draft.base_amount.quantize(CENT),
            trade_discount=draft.trade_discount.quantize(CENT),
            freight=draft.freight.quantize(CENT),
            miscellaneous=draft.miscellaneous.quantize(CENT),
            tax=draft.tax.quantize(CENT),
            document_amount=draft.document_amount.quantize(CENT),
            amount_1099=draft.amount_1099.quantize(CENT),
            currency=self._tables.setup.currency,
            taxes=tuple(
                replace(
                    line,
                    detail=id_char(line.detail, TAX_DETAIL_WIDTH),
                    taxable=line.taxable.quantize(CENT),
                    total=line.total.quantize(CENT),
                    tax=line.tax.quantize(CENT),
                )
                for line in draft.taxes
            ),
            distributions=_numbered(draft.distributions),
            state=State.WORK,
            voided=False,
            audit_trail_code="",
            modified=today,
            entered_by=entered_by,
        )

    def _default_distributions(self, document: Document) -> tuple[Distribution, ...]:
        """What GP enters by itself: one account for sales or purchases, whatever the department."""
        setup = self._tables.setup
        control = self._tables.control_account(document.module, document.party)
        if document.module is Module.RECEIVABLES:
            party, base, discount, freight, miscellaneous, tax = (
                3,
                (19 if document.kind.is_credit else 9),
                10,
                11,
                12,
                13,
            )
            other = setup.sales_account
        else:
            party, base, discount, freight, miscellaneous, tax = 2, 6, 7, 9, 8, 10
            other = setup.purchases_account
        sides = [
            (party, control, document.document_amount),
            (discount, other, document.trade_discount),
            (base, other, -document.base_amount),
            (freight, other, -document.freight),
            (miscellaneous, other, -document.miscellaneous),
            *((tax, self._tables.tax_details[key(line.detail)].account, -line.tax) for line in document.taxes),
        ]
        debits_party = (document.module is Module.RECEIVABLES) is not document.kind.is_credit
        lines = []
        for type_number, account, amount in sides:
            debit = amount if debits_party else -amount
            if debit:
                lines.append(Distribution(type_number, account, max(debit, ZERO), max(-debit, ZERO)))
        return _numbered(lines)

    def _new_batch(self, batch: str, module: Module) -> Batch:
        today = self._today()
        return Batch(id_char(batch, BATCH_WIDTH), module.origin, BatchStatus.AVAILABLE, 0, ZERO, today, today)

    def _count_into_batch(self, document: Document, count: int) -> None:
        row = self._tables.batches.get(key(document.batch)) or self._new_batch(document.batch, document.module)
        self._tables.batches[key(document.batch)] = replace(
            row,
            transactions=row.transactions + count,
            total=row.total + count * document.document_amount,
            modified=self._today(),
        )

    def _leave_batch(self, document: Document) -> None:
        if document.state is State.WORK:
            self._count_into_batch(document, -1)

    def _in_work(self, batch: Batch) -> list[Document]:
        return [
            document
            for document in self._tables.documents.values()
            if document.state is State.WORK and key(document.batch) == key(batch.id)
        ]

    def _set_period(self, day: date, series: Iterable[Series], closed: bool) -> None:
        period = self._tables.period_of(day)
        if period is not None:
            now = period.closed | frozenset(series) if closed else period.closed - frozenset(series)
            self._tables.periods[period.year, period.number] = replace(period, closed=now)

    def _person_sets_period(self, year: int, period: int, series: list[str] | None, closed: bool) -> Told:
        with self._lock:
            row = self._tables.periods.get((year, period))
            if row is None:
                return _refused(f"Period {period} of {year} is not set up.")
            if row.historical and not closed:
                return _refused(f"{year} is a historical year.")
            self._set_period(row.first, [Series(name) for name in series] if series else list(Series), closed)
            return {}


def _numbered(lines: Iterable[Distribution]) -> tuple[Distribution, ...]:
    return tuple(
        replace(
            line,
            account=line.account.strip(),
            debit=line.debit.quantize(CENT),
            credit=line.credit.quantize(CENT),
            reference=char(line.reference, DESCRIPTION_WIDTH),
            sequence=SEQUENCE_STEP * place,
        )
        for place, line in enumerate(lines, 1)
    )


def _refused(*messages: str) -> Told:
    return {"refused": list(messages)}


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _sum(documents: Iterable[Document]) -> Told:
    amounts = [document.signed_amount for document in documents]
    return {"count": len(amounts), "total": str(sum(amounts, ZERO))}


def _told(document: Document) -> Told:
    return {
        "kind": document.kind.value,
        "number": document.number.strip(),
        "party": document.party.strip(),
        "party_name": document.party_name.strip(),
        "document_date": document.document_date.isoformat(),
        "posting_date": document.posting_date.isoformat(),
        "due_date": document.due_date.isoformat(),
        "description": document.description.strip(),
        "customer_po": document.customer_po.strip(),
        "vendor_document": document.vendor_document.strip(),
        "batch": document.batch.strip(),
        "base_amount": str(document.base_amount),
        "trade_discount": str(document.trade_discount),
        "freight": str(document.freight),
        "miscellaneous": str(document.miscellaneous),
        "tax": str(document.tax),
        "document_amount": str(document.document_amount),
        "amount_1099": str(document.amount_1099),
        "currency": document.currency,
        "taxes": [
            {
                "detail": line.detail.strip(),
                "taxable": str(line.taxable),
                "total": str(line.total),
                "tax": str(line.tax),
            }
            for line in document.taxes
        ],
        "distributions": [
            {
                "sequence": line.sequence,
                "type": line.type,
                "account": line.account,
                "debit": str(line.debit),
                "credit": str(line.credit),
                "reference": line.reference.strip(),
            }
            for line in document.distributions
        ],
        "state": document.state.value,
        "voided": document.voided,
        "audit_trail_code": document.audit_trail_code,
        "modified": document.modified.isoformat(),
        "entered_by": document.entered_by,
    }
