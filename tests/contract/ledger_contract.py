"""What the tests of the ledger build their cases from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from ml_connector.books import canonical
from ml_connector.books.account import AccountNumber
from ml_connector.books.distribution import Distribution, PayablesType, ReceivablesType
from ml_connector.books.document import Document, DocumentKind, PayablesDocument, ReceivablesDocument
from ml_connector.docket.records import DocketRecord, DocumentRecord, Move, Plan, Reading
from ml_connector.docket.stages import Approved, Entered, InDoubt, Stage
from ml_connector.docket.trail import Event
from ml_connector.field.source import SourceKind
from ml_connector.mapping.tables import Row, Table, Tables
from ml_connector.money import Currency, Money
from ml_connector.store.database import Database
from ml_connector.store.ledger import Ledger

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
MARCH = date(2026, 3, 14)


def usd(text: str) -> Money:
    return Money(Decimal(text), Currency.USD)


def a_ledger(url: str, name: str = "north", actor: str = "maria", now: Callable[[], datetime] = lambda: NOON) -> Ledger:
    """A migrated database with one connection, or with one more."""
    database = Database(url)
    database.migrate()
    connections = database.connections("setup", now)
    if name not in {it.name for it in connections.all()}:
        connections.add(name, {"prefix": "ST"})
    return database.ledger(name, actor, now)


def a_reading(
    source_id: int = 10482, fingerprint: str = "f1", amount: str | None = "108.25", index: int = 0, number: str = ""
) -> Reading:
    money = None if amount is None else usd(amount)
    return Reading(source_id, fingerprint, number or f"N-{source_id}", MARCH, money, index)


def a_document(number: str = "STI10482", company: str = "North", amount: str = "108.25") -> ReceivablesDocument:
    zero, whole = usd("0"), usd(amount)
    return ReceivablesDocument(
        kind=DocumentKind.RECEIVABLES_INVOICE,
        number=number,
        company=company,
        customer_id="SMITH001",
        document_date=MARCH,
        posting_date=MARCH,
        due_date=date(2026, 4, 13),
        description="AC tune-up",
        customer_po="N-10482",
        sales=whole,
        trade_discount=zero,
        taxes=(),
        distributions=(
            Distribution(AccountNumber(("000", "1200", "00")), ReceivablesType.RECV, whole, zero, "", "control", ""),
            Distribution(AccountNumber(("100", "4110", "02")), ReceivablesType.SALES, zero, whole, "J-1", "line 1", ""),
        ),
    )


def a_credit(number: str = "STD77", company: str = "North", amount: str = "12.00") -> PayablesDocument:
    zero, whole = usd("0"), usd(amount)
    return PayablesDocument(
        kind=DocumentKind.PAYABLES_CREDIT_MEMO,
        number=number,
        company=company,
        vendor_id="ACME",
        vendor_invoice_number="A-1",
        document_date=MARCH,
        posting_date=MARCH,
        due_date=None,
        description="returned part",
        purchases=whole,
        freight=zero,
        income_1099=zero,
        distributions=(
            Distribution(AccountNumber(("000", "2000", "00")), PayablesType.PAY, whole, zero),
            Distribution(AccountNumber(("100", "5000", "02")), PayablesType.PURCH, zero, whole),
        ),
    )


def swept(ledger: Ledger, *readings: Reading, kind: SourceKind = SourceKind.INVOICE) -> DocketRecord:
    """The newest docket of the first reading."""
    readings = readings or (a_reading(),)
    token = str(int(ledger.cursor(kind) or "0") + 1)
    ledger.take_page(kind, f"page {kind.value} {token}".encode(), token, readings)
    return ledger.dockets_of(kind, readings[0].source_id)[-1]


def a_plan(docket: DocketRecord, *documents: Document, stage: Stage | None = None, revision: int = 1) -> Plan:
    stage = stage or Approved("maria")
    parts = tuple((it, canonical.digest(it), stage) for it in documents or (a_document(),))
    return Plan(docket.id, parts, 1, Event("docket.planned", {"documents": len(parts)}), revision)


def planned(ledger: Ledger, docket: DocketRecord, *documents: Document) -> DocumentRecord:
    """The docket's first document, approved."""
    assert ledger.record([a_plan(docket, *documents)]) == [True]
    return documents_of(ledger, docket)[0]


def documents_of(ledger: Ledger, docket: DocketRecord) -> tuple[DocumentRecord, ...]:
    return ledger.docket(docket.id).documents


def a_claim(record: DocumentRecord, by: str = "") -> Move:
    stage = InDoubt(NOON, record.attempt + 1, record.hash)
    return Move(record, stage, Event("document.claimed", {"by": by}), batch_id="STR260314-01")


def moved(ledger: Ledger, record: DocumentRecord, *stages: Stage) -> DocumentRecord:
    """The document after these moves, one after the other."""
    for stage in stages:
        assert ledger.record([Move(record, stage, Event("document.moved", {"to": str(stage)}))]) == [True]
        record = next(it for it in ledger.docket(record.docket_id).documents if it.id == record.id)
    return record


def entered(ledger: Ledger, record: DocumentRecord) -> DocumentRecord:
    return moved(ledger, record, InDoubt(NOON, 1, record.hash), Entered("STR260314-01"))


def a_rulebook(*companies: tuple[str, str]) -> Tables:
    """A Companies table of these (short name, GP's name), with columns and row numbers out of the usual order."""
    rows = tuple(Row(3 + 2 * i, {"gp_company": gp, "company": name}) for i, (name, gp) in enumerate(companies))
    empty: Sequence[Row] = ()
    return {
        "Vendors": Table("Vendors", ("servicetitan_id", "name", "gp_vendor"), tuple(empty)),
        "Companies": Table("Companies", ("gp_company", "company", "currency"), rows),
    }


def with_cell(tables: Tables, name: str, row: int, column: str, value: str) -> Tables:
    table = tables[name]
    rows = list(table.rows)
    rows[row] = Row(rows[row].number, {**rows[row].cells, column: value})
    return {**tables, name: replace(table, rows=tuple(rows))}
