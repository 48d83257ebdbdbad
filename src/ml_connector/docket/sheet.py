"""The plan as people look at it: each document that waits for approval, the totals, and the digest that names it all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

from ml_connector.books.document import PayablesDocument, signed
from ml_connector.docket.records import DocumentRecord
from ml_connector.docket.review import Pin, Policy, digest
from ml_connector.docket.stages import Planned
from ml_connector.findings import Finding
from ml_connector.money import Money


@dataclass(frozen=True, slots=True)
class Line:
    """One document that waits. `reference` is what people know it by: ServiceTitan's number, or the vendor's."""

    id: int
    number: str
    kind: str
    company: str
    party: str
    reference: str
    description: str
    amount: Money  # credits negative
    document_date: date
    posting_date: date
    batch: str  # where it was in one before; else the run that enters it opens one
    rulebook_version: int
    hash: str
    warnings: tuple[Finding, ...]
    approved_by: str  # the first of two; blank where nobody has yet
    needs: int  # approvals that are still missing
    stands_in_gp: bool  # a replayed one: GP is asked for it again, and nothing is sent


@dataclass(slots=True)
class Total:
    company: str
    kind: str
    count: int
    total: Money
    posting_from: date
    posting_to: date


@dataclass(slots=True)
class Sheet:
    policy: Policy
    lines: list[Line] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)

    @classmethod
    def of(cls, policy: Policy, chunks: Iterable[Sequence[DocumentRecord]]) -> Sheet:
        sheet = cls(policy)
        for records in chunks:
            for it in records:
                sheet._add(it)
        return sheet

    @property
    def pins(self) -> list[Pin]:
        return [Pin(it.id, it.number, it.hash, it.rulebook_version) for it in self.lines]

    @property
    def seen(self) -> str:
        return digest(self.pins)

    def older_than(self, version: int) -> int:
        """How many were planned with an older version of the rulebook."""
        return sum(it.rulebook_version < version for it in self.lines)

    def _add(self, it: DocumentRecord) -> None:
        assert isinstance(it.stage, Planned)
        document = it.document
        line = Line(
            id=it.id,
            number=document.number,
            kind=document.kind.value,
            company=document.company,
            party=document.party_id,
            reference=document.vendor_invoice_number
            if isinstance(document, PayablesDocument)
            else document.customer_po,
            description=document.description,
            amount=signed(document),
            document_date=document.document_date,
            posting_date=document.posting_date,
            batch=it.batch_id,
            rulebook_version=it.rulebook_version,
            hash=it.hash,
            warnings=it.stage.warnings,
            approved_by=it.stage.first,
            needs=1 + self.policy.needs_two(it) - bool(it.stage.first and self.policy.needs_two(it)),
            stands_in_gp=it.was_entered,
        )
        self.lines.append(line)
        self._count(line)

    def _count(self, line: Line) -> None:
        for it in self.totals:
            if (it.company, it.kind, it.total.currency) == (line.company, line.kind, line.amount.currency):
                it.count += 1
                it.total += line.amount
                it.posting_from = min(it.posting_from, line.posting_date)
                it.posting_to = max(it.posting_to, line.posting_date)
                return
        day = line.posting_date
        self.totals.append(Total(line.company, line.kind, 1, line.amount, day, day))
