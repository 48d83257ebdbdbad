"""What a list is asked for: the conditions of a $filter, or of parameters, and how a page is counted."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from ml_connector.sandbox.company.dialect import Resource
from ml_connector.sandbox.company.records import key

_CLAUSE = re.compile(
    r"\s*(?P<field>\w+)\s+"
    r"(?:(?P<operator>eq|ne|ge|gt|le|lt)\s+(?P<value>'(?:[^']|'')*'|[^\s()']+)"
    r"|in\s*\((?P<values>\s*'(?:[^']|'')*'\s*(?:,\s*'(?:[^']|'')*'\s*)*)\))"
    r"\s*(?P<rest>$|and\s)"
)
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
}
_TEXT = re.compile(r"'((?:[^']|'')*)'")


class Wrong(Exception):
    """The request is answered with an error: not found, not allowed, or not understood."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Condition:
    """One condition on the rows of a list; several values only where the operator is `in`."""

    attribute: str
    operator: str
    values: tuple[str, ...]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        return tuple(map(as_text, self.values))

    @cached_property
    def numbers(self) -> tuple[Decimal, ...]:
        try:
            return tuple(map(Decimal, self.values))
        except InvalidOperation:
            raise Wrong(400, f"'{self.values[0]}' is not a number.") from None


def read_filter(text: str, resource: Resource) -> list[Condition]:
    """Read a $filter: conditions joined by `and`."""
    attributes = {wire: attribute for attribute, wire in resource.fields.items()}
    conditions = []
    at, more = 0, bool(text.strip())
    while more:
        match = _CLAUSE.match(text, at)
        if match is None or match["field"] not in attributes:
            raise Wrong(400, f"The filter is not understood at: {text[at:]}")
        if match["values"] is not None:
            test, values = "in", tuple(value.replace("''", "'") for value in _TEXT.findall(match["values"]))
        else:
            quoted = _TEXT.fullmatch(match["value"])
            test = match["operator"]
            values = (quoted[1].replace("''", "'") if quoted else match["value"],)
        conditions.append(Condition(attributes[match["field"]], test, values))
        at, more = match.end(), bool(match["rest"])
    return conditions


def as_text(literal: str) -> str:
    """A literal as text; a date-time is its day, as GP's dates have no time."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T.*$", r"\1", key(literal))


def whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Wrong(400, f"'{text}' is not a whole number.")
    return int(text)
