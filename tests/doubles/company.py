"""A GP company in memory, small enough to hold in one hand: it fills the port `Books` for stories about the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from ml_connector.books.account import AccountNumber
from ml_connector.books.batch import StandingBatch
from ml_connector.books.distribution import PayablesType, ReceivablesType
from ml_connector.books.document import (
    Document,
    PayablesDocument,
    Standing,
    StandingDistribution,
    StandingState,
)
from ml_connector.books.facts import CompanyFacts, PartyCard
from ml_connector.books.outcomes import Deferred, Entered, Entry, Held, InDoubt
from ml_connector.books.period import Series
from ml_connector.checks import run as checks
from ml_connector.findings import holding
from ml_connector.money import Money, total
from ml_connector.pipeline.gather import vendor_invoice_key


class Fault(Enum):
    """What the next create suffers. Named, so that a story reads like an incident report."""

    ANSWER_LOST = auto()  # GP entered the document; the connection died before it said so
    NEVER_ARRIVED = auto()  # the connection died on the way there
    REFUSED_TO_CONNECT = auto()  # nothing was sent
    ACCOUNTS_REPLACED = auto()  # GP's policy enters its own accounts, without a word


@dataclass
class Company:
    facts: CompanyFacts
    held: dict[str, Standing] = field(default_factory=dict)
    documents: dict[str, Document] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    on_enter: Callable[[Document], None] = lambda document: None
    sent: list[str] = field(default_factory=list)
    calls: int = 0
    can_read_distributions: bool = True

    def company_facts(self) -> CompanyFacts:
        return replace(self.facts, customers={}, vendors={})

    def parties(self, series: Series, ids: Sequence[str]) -> Mapping[str, PartyCard]:
        cards = self.facts.customers if series is Series.SALES else self.facts.vendors
        return {id: cards[id] for id in ids if id in cards}

    def vendor_invoices(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        standing = {
            (it.vendor_id, it.vendor_invoice_number): it.number
            for it in self.documents.values()
            if isinstance(it, PayablesDocument) and it.number in self.held and not it.kind.is_credit
        }
        return {key: standing[key] for key in keys if key in standing}

    def find(self, series: Series, numbers: Sequence[str]) -> Mapping[str, Standing]:
        return {n: self.held[n] for n in numbers if n in self.held and self.held[n].kind.series is series}

    def enter(self, document: Document, batch_id: str) -> Entry:
        self.sent.append(document.number)
        self.on_enter(document)
        self.calls += 1
        fault = self.faults.pop(0) if self.faults else None
        if fault is Fault.NEVER_ARRIVED:
            return InDoubt("connection reset while waiting for GP's answer")
        if fault is Fault.REFUSED_TO_CONNECT:
            return Deferred("connection refused")
        if document.number in self.held:
            return InDoubt(f"GP says that the number exists: {document.number}")
        if batch_id in self.locked:
            return Deferred(f"batch {batch_id} is being edited")
        findings = holding(checks.run(document, self._facts_with(document)))
        if findings:
            return Held(findings)
        self.stand(document, batch_id)
        if fault is Fault.ACCOUNTS_REPLACED:
            self.replaced.add(document.number)
        if fault is Fault.ANSWER_LOST:
            return InDoubt("connection reset while waiting for GP's answer")
        return Entered(document.number, batch_id)

    def _facts_with(self, document: Document) -> CompanyFacts:
        """GP refuses for the reasons that our checks know."""
        key = vendor_invoice_key(document)
        return replace(self.facts, vendor_invoices=self.vendor_invoices([key] if key else []))

    def stand(self, document: Document, batch_id: str) -> None:
        self.documents[document.number] = document
        self.held[document.number] = Standing(
            document.kind,
            document.number,
            document.party_id,
            document.document_date,
            document.posting_date,
            document.amount,
            document.tax,
            batch_id,
            StandingState.WORK,
        )

    def distributions(self, series: Series, numbers: Sequence[str]) -> Mapping[str, tuple[StandingDistribution, ...]]:
        return {number: self._distributions(number) for number in numbers if number in self.documents}

    def batches(self, series: Series, batch_ids: Sequence[str]) -> Mapping[str, StandingBatch]:
        return {id: self._batch(id) for id in batch_ids if self.in_batch(series, id)}

    def in_batch(self, series: Series, batch_id: str) -> Sequence[Standing]:
        return tuple(
            it
            for it in self.held.values()
            if it.batch_id == batch_id and it.kind.series is series and it.state is StandingState.WORK
        )

    # What a person does in GP

    def post(self, number: str, code: str = "RMSLS00000007") -> None:
        self.held[number] = replace(self.held[number], state=StandingState.OPEN, audit_trail_code=code)

    def void(self, number: str) -> None:
        self.held[number] = replace(self.held[number], voided=True)

    def delete(self, number: str) -> None:
        del self.held[number]

    def _batch(self, batch_id: str) -> StandingBatch:
        held = [it for it in self.held.values() if it.batch_id == batch_id and it.state is StandingState.WORK]
        currency = held[0].amount.currency
        whole = total((-it.amount if it.kind.is_credit else it.amount for it in held), currency)
        return StandingBatch(batch_id, len(held), whole)

    def _distributions(self, number: str) -> tuple[StandingDistribution, ...]:
        zero: Money = Money.zero(self.documents[number].currency)
        lines = self.documents[number].distributions
        default = AccountNumber(("000", "4999", "00"))
        control = (ReceivablesType.RECV, PayablesType.PAY)
        return tuple(
            StandingDistribution(
                default if number in self.replaced and it.type not in control else it.account,
                it.type.value,
                it.debit or zero,
                it.credit or zero,
            )
            for it in lines
        )
