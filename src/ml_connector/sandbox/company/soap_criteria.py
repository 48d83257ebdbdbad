"""The criteria of a list: which rows it asks for.

A restriction narrows one column: EqualValue, NotEqualValue, Items (one of them), From and To (both ends included),
GreaterThan, LessThan, and Like with the wildcards of SQL Server. What is set must hold together; a criteria that sets
nothing asks for every row. Texts are compared without case and padding. A date of GP has no time: it is the midnight
that its day begins with.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

from ml_connector.sandbox.company.records import Module, key
from ml_connector.sandbox.company.soap_contract import Node, NotWellFormed
from ml_connector.sandbox.company.soap_reading import find, moment, name_of, rows, text
from ml_connector.sandbox.company.soap_words import TYPES

Row = TypeVar("Row")
Columns: TypeAlias = Mapping[str, Callable[[Any], object]]
Test: TypeAlias = Callable[[object], bool]

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "EqualValue": operator.eq,
    "NotEqualValue": operator.ne,
    "From": operator.ge,
    "To": operator.le,
    "GreaterThan": operator.gt,
    "LessThan": operator.lt,
}

# The columns that the company keeps, by the member of the criteria. The others are blank in every row.
_PARTY: Columns = {
    "Id": attrgetter("id"),
    "Name": attrgetter("name"),
    "ClassId": attrgetter("class_id"),
    "IsActive": attrgetter("active"),
    "IsOnHold": attrgetter("on_hold"),
    "State": attrgetter("state"),
    "CreatedDate": attrgetter("created"),
    "ModifiedDate": attrgetter("modified"),
}
_DOCUMENT: Columns = {
    "DocumentId": attrgetter("number"),
    "Date": attrgetter("document_date"),
    "BatchId": attrgetter("batch"),
    "ModifiedDate": attrgetter("modified"),
    "TransactionState": attrgetter("state.value"),
    "Type": lambda document: TYPES[document.kind],
}
COMPANIES: Columns = {"Id": attrgetter("id"), "Name": attrgetter("name")}
CUSTOMERS: Columns = {**_PARTY, "LastModifiedDate": attrgetter("modified")}
VENDORS: Columns = {**_PARTY, "IsOneTime": lambda _: False}
CHANGED_KEYS: Columns = {
    "Id": attrgetter("id"),
    "LastModifiedDate": attrgetter("day"),
    "Action": attrgetter("action.value"),
}
BATCHES: Columns = {"Id": attrgetter("id"), "Source": attrgetter("origin")}
ACCOUNTS: Columns = {
    "GLAccountId": attrgetter("number"),
    "Description": attrgetter("description"),
    "IsActive": attrgetter("active"),
    "GLAccountCategoryId": attrgetter("category"),
    "AccountType": lambda _: "Posting",
}
TAX_DETAILS: Columns = {"TaxDetailKeyId": attrgetter("id"), "TaxDetailType": lambda _: "Sales"}
DOCUMENTS: Mapping[Module, Columns] = {
    Module.RECEIVABLES: {**_DOCUMENT, "CustomerId": attrgetter("party")},
    Module.PAYABLES: {**_DOCUMENT, "VendorId": attrgetter("party")},
}


def select(candidates: Sequence[Row], criteria: Node | None, columns: Columns) -> list[Row]:
    """The rows that every restriction of the criteria lets through, in their order."""
    chosen = list(candidates)
    for restriction in criteria if criteria is not None else ():
        column = columns.get(name_of(restriction), lambda _: "")
        tests = list(_tests(restriction))
        chosen = [row for row in chosen if all(test(column(row)) for test in tests)]
    return chosen


def _tests(restriction: Node) -> Iterator[Test]:
    for member, compare in _COMPARISONS.items():
        if find(restriction, member) is not None:
            yield _comparison(compare, text(restriction, member))
    if find(restriction, "Items") is not None:
        yield _one_of([(item.text or "").strip() for item in rows(restriction, "Items")])
    if find(restriction, "Like") is not None:
        yield _like(text(restriction, "Like"))


def _comparison(compare: Callable[[Any, Any], bool], said: str) -> Test:
    return lambda value: compare(_comparable(value), _in_kind(said, value))


def _one_of(said: Sequence[str]) -> Test:
    return lambda value: any(_comparable(value) == _in_kind(it, value) for it in said)


def _like(pattern: str) -> Test:
    """LIKE of SQL Server: % for any text, _ for one character, [...] for one of a set."""
    parts = re.findall(r"\[\^?[\w -]+\]|.", key(pattern), re.DOTALL)
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(it) or (it if len(it) > 1 else re.escape(it)) for it in parts)
    try:
        matcher = re.compile(expression, re.DOTALL)
    except re.error:
        raise NotWellFormed(f"'{pattern}' is not a pattern.") from None
    return lambda value: matcher.fullmatch(key(str(value))) is not None


def _comparable(value: object) -> object:
    match value:
        case bool() | int():
            return value
        case date():
            return datetime.combine(value, time.min)
        case _:
            return key(str(value))


def _in_kind(said: str, value: object) -> object:
    """A literal as the value beside it is compared: a truth, a number, a moment, or a text."""
    match value:
        case bool():
            return said in ("true", "1")
        case int():
            return int(said)
        case date():
            return moment(said)
        case _:
            return key(said)
