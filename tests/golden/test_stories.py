"""Golden stories: a ServiceTitan row goes in, the page that a bookkeeper would read comes out, to the cent.

Each folder is a claim. It holds `story.txt` (the claim in one sentence), `source.json` (the row as an export feed gives
it), `expected.txt`, and where the story needs them `context.json` (further ServiceTitan rows, and what is different in
GP) and `rulebook/*.csv` (tables in place of the sample's). After a change that is meant, write the pages anew with
ML_CONNECTOR_GOLDEN=write, and read every one that changed as the controller would.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import assert_never

import msgspec
import pytest

from ml_connector.books.document import Document, PayablesDocument
from ml_connector.books.facts import CompanyFacts, PartyCard
from ml_connector.books.outcomes import Held, Plan, Ready, Skipped, Waiting
from ml_connector.books.period import Series
from ml_connector.books.text import text_of
from ml_connector.checks import run as checks
from ml_connector.field.party import Job
from ml_connector.field.snapshot import BillSnapshot, InvoiceSnapshot, Snapshot
from ml_connector.findings import Finding, holding
from ml_connector.mapping import reading as rulebook_reading
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.plan import plan
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.servicetitan import parse, wire
from ml_connector.workbook import reading as workbook_reading
from tests.builders import COMPANY, PREFIX, SAMPLE, facts, periods

HERE = Path(__file__).parent
WIDTH = 110
WRITE = os.environ.get("ML_CONNECTOR_GOLDEN") == "write"
STORIES = sorted(path.name for path in HERE.iterdir() if (path / "story.txt").exists())


class Books(msgspec.Struct, forbid_unknown_fields=True):
    """What is different in GP from the town's books, in which all is open and active."""

    closed_periods: Mapping[int, list[Series]] = {}  # of 2026, by number
    inactive_accounts: list[str] = []
    missing_accounts: list[str] = []
    customers_on_hold: list[str] = []
    further_customers: list[str] = []
    vendor_invoices: Mapping[str, str] = {}  # "FERGUSON0001 INV-1": the document that holds it


class Context(msgspec.Struct, forbid_unknown_fields=True):
    """What ServiceTitan tells beside the source, as rows of its answers."""

    customer: wire.Customer | None = None
    job: wire.Job | None = None
    job_types: list[wire.Named] = []
    tag_types: list[wire.Named] = []
    purchase_order: wire.PurchaseOrder | None = None
    tax_zones: list[wire.TaxZone] | None = None  # in place of tax_zones.json
    gp: Books = msgspec.field(default_factory=Books)


@pytest.mark.parametrize("story", STORIES)
def test_story(story: str, tmp_path: Path) -> None:
    """The page is what it was when a person last read it."""
    folder = HERE / story
    context = _context(folder)
    rulebook = _rulebook(folder, tmp_path)
    books = _books(context.gp, rulebook)
    frame = Frame.of(rulebook, {books.company: books}, PREFIX)
    page = "\n".join(_page(plan(_snapshot(folder, context), frame), books)) + "\n"
    expected = folder / "expected.txt"
    if WRITE:
        expected.write_text(page, encoding="utf-8")
    assert page == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("story", STORIES)
def test_page_adds_up(story: str) -> None:
    """Added up from the printed page alone: both columns are the last line, and the amount is the source's total."""
    source = json.loads((HERE / story / "source.json").read_text(encoding="utf-8"))
    page = (HERE / story / "expected.txt").read_text(encoding="utf-8")
    booked = [_columns(line) for line in page.splitlines() if _BOOKED.match(line)]
    if not booked:
        assert re.match("HELD|SKIPPED|WAITING", page)
        return
    *lines, sums = booked
    assert tuple(map(sum, zip(*lines, strict=True))) == sums
    assert sums[0] == sums[1]
    total = abs(int(Decimal(source.get("total") or source["billAmount"]) * 100))
    amount = re.search(r"^amount +(\S+)$", page, re.MULTILINE)
    assert amount is not None
    assert _cents(amount[1]) == total
    carried = [_columns(line) for line in page.splitlines() if line.endswith("control account")]
    assert [sorted(sides) for sides in carried] == [[0, total]]


_BOOKED = re.compile(r"  \d{3}-\d{4}-\d\d |[ \d,.]{47}\Z")


def _columns(line: str) -> tuple[int, int]:
    return _cents(line[23:35]), _cents(line[35:47])


def _cents(text: str) -> int:
    return int(text.strip().replace(",", "").replace(".", "") or 0)


def test_every_folder_is_a_story() -> None:
    """A folder without its sentence or its page would be a story that nobody tells."""
    folders = [path for path in HERE.iterdir() if path.is_dir() and not path.name.startswith("_")]
    assert len(folders) >= 28
    for folder in folders:
        told = {path.name for path in folder.iterdir()}
        assert {"story.txt", "source.json", "expected.txt"} <= told, folder.name
        assert told <= {"story.txt", "source.json", "expected.txt", "context.json", "rulebook"}, folder.name
        assert len((folder / "story.txt").read_text(encoding="utf-8").splitlines()) == 1, folder.name


def _context(folder: Path) -> Context:
    path = folder / "context.json"
    return msgspec.json.decode(path.read_bytes(), type=Context, strict=False) if path.exists() else Context()


def _rulebook(folder: Path, tmp_path: Path) -> Rulebook:
    """The sample, read from files as a customer's would be, with the story's own tables in place."""
    place = tmp_path / "rulebook"
    shutil.copytree(SAMPLE, place)
    for own in (folder / "rulebook").glob("*.csv"):
        shutil.copy(own, place)
    tables = workbook_reading.read(place)
    assert not isinstance(tables, tuple), tables
    rulebook = rulebook_reading.read(tables)
    assert isinstance(rulebook, Rulebook), rulebook
    return rulebook


def _snapshot(folder: Path, context: Context) -> Snapshot:
    raw = (folder / "source.json").read_bytes()
    job = _job(context)
    if b'"billDate"' in raw:
        bill = parse.bill(msgspec.json.decode(raw, type=wire.Bill, strict=False))
        order = parse.purchase_order(context.purchase_order) if context.purchase_order else None
        return BillSnapshot(bill, job, order)
    invoice = parse.invoice(msgspec.json.decode(raw, type=wire.Invoice, strict=False))
    rows = context.tax_zones
    if rows is None:
        answer = (HERE / "tax_zones.json").read_bytes()
        rows = msgspec.json.decode(answer, type=wire.ListAnswer[wire.TaxZone], strict=False).data
    zone = next((parse.tax_zone(row) for row in rows if row.id == invoice.tax_zone_id), None)
    return InvoiceSnapshot(invoice, parse.customer(context.customer) if context.customer else None, job, zone)


def _job(context: Context) -> Job | None:
    types = {it.id: it.name or "" for it in context.job_types}
    tags = {it.id: it.name or "" for it in context.tag_types}
    return parse.job(context.job, types, tags, {}) if context.job else None


def _books(differing: Books, rulebook: Rulebook) -> CompanyFacts:
    """As the gatherer makes them: the control accounts are the rulebook's."""
    books = facts()
    chart = {number: card for number, card in books.accounts.items() if number not in differing.missing_accounts}
    chart |= {number: replace(chart[number], active=False) for number in differing.inactive_accounts}
    customers = dict(books.customers)
    customers |= {id: replace(customers[id], on_hold=True) for id in differing.customers_on_hold}
    customers |= {id: PartyCard(id, id, active=True) for id in differing.further_customers}
    company = rulebook.companies[COMPANY]
    closed = dict(enumerate(periods(), 1))
    for number, series in differing.closed_periods.items():
        closed[number] = replace(closed[number], closed=frozenset(series))
    return replace(
        books,
        accounts=chart,
        customers=customers,
        periods=tuple(closed.values()),
        vendor_invoices={_key(text): number for text, number in differing.vendor_invoices.items()},
        control_accounts=frozenset({str(company.receivables_account), str(company.payables_account)}),
    )


def _key(text: str) -> tuple[str, str]:
    vendor, _, number = text.partition(" ")
    return vendor, number


def _page(ended: Plan, books: CompanyFacts) -> Iterator[str]:
    match ended:
        case Ready(documents, warnings):
            for document in documents:
                found = checks.run(document, books)
                yield text_of(document)
                yield from _header(document)
                yield from _told("HELD", holding(found))
                yield from _told("WARNING", [*warnings, *(finding for finding in found if finding.warns)])
        case Held(findings):
            yield from list(_told("HELD", findings))[1:]
        case Skipped(code, reason):
            yield f"SKIPPED {code}"
            yield f"  {reason}"
        case Waiting(reason):
            yield "WAITING"
            yield f"  {reason}"
        case _:
            assert_never(ended)


def _header(document: Document) -> Iterator[str]:
    """What GP is sent beside the distributions."""
    yield f"description     {document.description}"
    references = dict.fromkeys(it.reference for it in document.distributions if it.reference)
    if references:
        yield f"reference       {', '.join(references)}"
    if isinstance(document, PayablesDocument):
        yield f"purchases       {document.purchases}"
        if document.freight:
            yield f"freight         {document.freight}"
    else:
        yield f"customer PO     {document.customer_po}"
        yield f"sales           {document.sales}"
        if document.trade_discount:
            yield f"trade discount  {document.trade_discount}"
        for it in document.taxes:
            yield f"tax             {it.detail:<12}{it.tax} on {it.taxable} of {it.sales}"
    yield f"amount          {document.amount}"


def _told(heading: str, findings: Iterable[Finding]) -> Iterator[str]:
    for finding in findings:
        yield ""
        yield f"{heading} {finding.code}"
        for name, text in (("where", finding.where), ("says", finding.says), ("remedy", finding.remedy)):
            yield from textwrap.wrap(
                text, WIDTH, initial_indent=f"  {name:<8}", subsequent_indent=" " * 10, break_on_hyphens=False
            )
