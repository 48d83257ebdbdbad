"""What a dialect of SBA is made of: paths, names, styles. The two that the sandbox speaks are in `dialects`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ml_connector.sandbox.company.errors import Reason
from ml_connector.sandbox.company.records import Kind


class Style(Enum):
    """How lists are filtered and paged, what a create answers, and what an error looks like."""

    QUERY = "query"  # $filter, $top, $skip, $expand; 201 with the key; a list of errors
    PLAIN = "plain"  # parameters of its own; 200 and nothing; one error message


class Changes(Enum):
    """What a PATCH of a card does with the fields that it leaves out."""

    ONLY = "only"  # they stay
    WHOLE = "whole"  # those that the resource has are blanked, as eConnect's document exchange does


@dataclass(frozen=True, slots=True)
class Nested:
    """Rows within a document: their name on the wire, and their fields (the record's own name: the wire's name)."""

    name: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource. `fields` and `parameters` name an attribute of the record in `records` beside the wire's name."""

    path: str
    key: tuple[str, ...]  # the attributes whose values stand in parentheses, by semicolon; () where there is one record
    fields: Mapping[str, str]  # attribute: name on the wire
    nested: Mapping[str, Nested] = field(default_factory=dict)
    parameters: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # parameter: (attribute, in|eq|ge|le)
    create: Mapping[str, Kind | None] = field(default_factory=dict)  # path: kind; None where a field says it
    changes: Changes | None = None  # of cards, which are made at `path` and changed at PATH(KEY)


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    style: Style
    company_by_display_name: bool
    rows: str  # the member of a list's answer that holds the rows
    more: str  # the member that says whether there are more pages, "" where none does
    single: str  # the member that holds one record, "" where the record stands alone
    page_size: int  # where none is asked for
    amounts_as_text: bool
    date_format: str
    words: Mapping[Enum, str | int]
    resources: Mapping[str, Resource]
    conflicts: frozenset[Reason] = frozenset()  # refused with 409
    failures: frozenset[Reason] = frozenset()  # refused with 200 and "Success": false
