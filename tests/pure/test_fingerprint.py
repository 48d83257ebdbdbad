"""The fingerprint: what makes a new version of a source, and what does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.field.bill import Bill, BillLine
from ml_connector.field.fingerprint import fingerprint
from ml_connector.field.invoice import Configuration, Invoice, InvoiceLine, ItemType, JobReference
from ml_connector.field.snapshot import Source
from ml_connector.field.source import GlAccount, Named, SyncStatus

ids = st.integers(1, 10**10)
words = st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=8)
amounts = st.none() | st.decimals(-(10**7), 10**7, places=4)
days = st.none() | st.dates(date(2020, 1, 1), date(2030, 12, 31))
named = st.none() | st.builds(Named, ids, words)
accounts = st.none() | st.builds(GlAccount, st.none() | ids, words, words)
maybe_ids = st.none() | ids
statuses = st.sampled_from([SyncStatus.PENDING, SyncStatus.POSTED, SyncStatus.EXPORTED])

invoice_lines = st.builds(
    InvoiceLine,
    id=ids,
    position=st.just(1),
    item_code=words,
    item_type=st.sampled_from([ItemType.SERVICE, ItemType.MATERIAL]),
    description=words,
    total=amounts,
    taxable=st.booleans(),
    chargeable=st.booleans(),
    account=accounts,
    business_unit=named,
    budget_code=maybe_ids,
)
bill_lines = st.builds(
    BillLine,
    id=ids,
    position=st.just(1),
    item_code=words,
    item_type=words,
    description=words,
    quantity=amounts,
    cost=amounts,
    allocated_tax=amounts,
    allocated_shipping=amounts,
    allocated_other=amounts,
    cost_account=accounts,
    asset_account=accounts,
    budget_code=maybe_ids,
)


def numbered(lines: list[Any]) -> tuple[Any, ...]:
    return tuple(dataclasses.replace(line, position=n) for n, line in enumerate(lines, 1))


invoices = st.builds(
    Invoice,
    id=ids,
    number=words,
    configuration=st.sampled_from(Configuration.ALL),
    status=statuses,
    active=st.booleans(),
    invoice_date=days,
    due_date=days,
    subtotal=amounts,
    tax=amounts,
    total=amounts,
    tax_zone_id=maybe_ids,
    customer=named,
    business_unit=named,
    job=st.none() | st.builds(JobReference, ids, words, words),
    project_id=maybe_ids,
    adjustment_to=maybe_ids,
    budget_code=maybe_ids,
    lines=st.lists(invoice_lines, max_size=4).map(numbered),
)
bills = st.builds(
    Bill,
    id=ids,
    reference_number=words,
    vendor_number=words,
    status=statuses,
    active=st.booleans(),
    bill_date=days,
    due_date=days,
    amount=amounts,
    tax=amounts,
    shipping=amounts,
    other=amounts,
    vendor=named,
    business_unit=named,
    job_id=maybe_ids,
    job_number=words,
    purchase_order_id=maybe_ids,
    reconciled=days,
    budget_code=maybe_ids,
    lines=st.lists(bill_lines, max_size=4).map(numbered),
)
sources = invoices | bills

# What people read and the books do not: names beside an id, and the words on a line. A line is known by its position.
FOR_PEOPLE = {"name", "description"}
NOT_OF_THE_BOOKS = {(InvoiceLine, "id"), (BillLine, "id")}


def other(value: Any) -> Any:
    """A value of the same kind that an accountant would call another."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value + "x"
        case Decimal():
            return value + Decimal("0.0001")
        case date():
            return value.replace(year=value.year + 1, day=1)
        case None:
            return None
        case _:
            raise TypeError(type(value))


def changes(it: Any) -> Iterator[tuple[str, Any, bool]]:
    """Every copy of `it` with one value changed, deep down too: its path, the copy, whether the books are concerned."""
    for field in dataclasses.fields(it):
        value = getattr(it, field.name)
        concerned = (type(it), field.name) not in NOT_OF_THE_BOOKS
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            for path, changed, also in changes(value):
                yield f"{field.name}.{path}", dataclasses.replace(it, **{field.name: changed}), also and concerned
        elif field.name == "lines":
            for n, line in enumerate(value):
                for path, changed, also in changes(line):
                    lines = (*value[:n], changed, *value[n + 1 :])
                    yield f"lines[{n}].{path}", dataclasses.replace(it, lines=lines), also
        elif value is not None:
            of_people = field.name in FOR_PEOPLE and not isinstance(it, GlAccount)
            yield field.name, dataclasses.replace(it, **{field.name: other(value)}), concerned and not of_people


def but(source: Source, **changed: Any) -> Source:
    """The source with these fields changed, whichever kind it is."""
    kept: dict[str, Any] = {it.name: getattr(source, it.name) for it in dataclasses.fields(source)}
    return type(source)(**kept | changed)


@given(sources)
def test_any_change_that_concerns_the_books_is_another_version(source: Source) -> None:
    """One cent, one day, one account, one status: nothing that is entered may change unseen, and nothing else counts."""
    before = fingerprint(source)
    for path, changed, concerned in changes(source):
        assert (fingerprint(changed) != before) is concerned, path


@given(sources)
def test_a_value_that_goes_missing_is_another_version(source: Source) -> None:
    """What was there and is null now has changed, be it an amount, a party or a date."""
    before = fingerprint(source)
    for field in dataclasses.fields(source):
        if getattr(source, field.name) is not None and "None" in str(field.type):
            assert fingerprint(but(source, **{field.name: None})) != before, field.name


@given(sources)
def test_a_line_more_or_less_or_elsewhere_is_another_version(source: Source) -> None:
    """Lines that vanish or change places change what will be entered."""
    before = fingerprint(source)
    if source.lines:
        assert fingerprint(but(source, lines=source.lines[:-1])) != before
        doubled = numbered([*source.lines, source.lines[0]])
        assert fingerprint(but(source, lines=doubled)) != before


def longer(value: Any) -> Any:
    """The same, with every amount written with more zeros."""
    if isinstance(value, Decimal):
        return value.quantize(Decimal("1e-12"))
    if isinstance(value, tuple):
        return tuple(map(longer, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(
            value, **{it.name: longer(getattr(value, it.name)) for it in dataclasses.fields(value)}
        )
    return value


@given(sources)
def test_the_way_an_amount_is_written_is_no_version(source: Source) -> None:
    """ServiceTitan writes 1, 1.00 and 1.0000000000000000000 for the same."""
    assert fingerprint(longer(source)) == fingerprint(source)


@pytest.mark.parametrize(
    ("left", "right"),
    [("1", "1.0000000000000000000"), ("0", "-0.00"), ("100", "1E+2"), ("25.17", "25.1700000000")],
)
def test_equal_amounts_are_one_version(left: str, right: str) -> None:
    """By value, whatever the notation; zero has no sign."""
    assert fingerprint(an_invoice(Decimal(left))) == fingerprint(an_invoice(Decimal(right)))


@given(sources, sources)
def test_two_sources_share_a_fingerprint_only_when_they_are_one(left: Source, right: Source) -> None:
    """An invoice and a bill with the same numbers are not each other's version."""
    if (type(left), left.id) != (type(right), right.id):
        assert fingerprint(left) != fingerprint(right)


def test_values_do_not_run_into_each_other() -> None:
    """A character more in one field and one less in the next is a change, not the same text."""
    of = an_invoice(Decimal(1))
    line = of.lines[0]
    moved = dataclasses.replace(line, item_code="A", item_type="B Service")
    there = dataclasses.replace(line, item_code="A B", item_type="Service")
    assert fingerprint(dataclasses.replace(of, lines=(moved,))) != fingerprint(dataclasses.replace(of, lines=(there,)))


def an_invoice(total: Decimal) -> Invoice:
    line = InvoiceLine(1, 1, "AC-TUNE", "Service", "", total, False, True, GlAccount(411, "4110", "Sales"), None, None)
    return Invoice(
        id=10482,
        number="10482",
        configuration=Configuration.JOB,
        status=SyncStatus.POSTED,
        active=True,
        invoice_date=date(2026, 3, 14),
        due_date=None,
        subtotal=total,
        tax=Decimal(0),
        total=total,
        tax_zone_id=55,
        customer=Named(5500101, "Maria Smith"),
        business_unit=Named(319, "HVAC - Service"),
        job=None,
        project_id=None,
        adjustment_to=None,
        budget_code=None,
        lines=(line,),
    )
