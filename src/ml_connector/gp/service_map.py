"""The service map: what one installation of SBA calls things. TOML, shipped with defaults, overridable per company.

Microsoft documents SBA's verbs and services, but not one path, field name, filter, page parameter or error body
("Service Based Architecture for Dynamics GP"), and sites add services of their own; so none of it is in the code.

A map stands by itself or on a shipped one (`based_on = "default"`): tables are merged key by key, lists are replaced
(refusals are put before the shipped ones), and `accounts = false` takes a section away. Mistakes are told all at once,
each with its TOML path. Our nouns, on the left of every entry, are the closed sets below; what stands on the right is
the installation's. A field name with "!" before it says the opposite: `active = "!Inactive"`.
"""

from __future__ import annotations

import difflib
import re
import string
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import TypeAlias, TypeVar

from ml_connector.books.document import PAYABLES, RECEIVABLES, DocumentKind, StandingState
from ml_connector.books.period import Series
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.errors import REFUSALS, Refused

SHIPPED = ("default", "product-segment")
CODE = "gp.service_map"

Toml: TypeAlias = object  # whatever tomllib gives
Table: TypeAlias = Mapping[str, Toml]
Word: TypeAlias = str | int
Parameters: TypeAlias = Mapping[str, str]  # query parameter: template
E = TypeVar("E", bound=Enum)


class Paging(Enum):
    NONE = "none"  # one answer holds what there is
    SKIP = "skip"  # so many rows to pass over; only an empty page is the end
    PAGE = "page"  # pages from 1; a member of the answer says whether there are more


class AmountForm(Enum):
    NUMBER = "number"  # 108.25
    TEXT = "text"  # "108.25"


@dataclass(frozen=True, slots=True)
class Formats:
    date: str  # as strftime has it
    amount: AmountForm
    account_separator: str


@dataclass(frozen=True, slots=True)
class Lists:
    """Where the rows of a list stand, and how one gets the next of them."""

    rows: str  # dotted path within the answer
    paging: Paging
    size: int  # rows asked for at once
    size_parameter: str
    position_parameter: str  # rows to pass over, or the number of the page
    more: str  # dotted path of the member that says whether there are more; for Paging.PAGE
    row_cap: int  # the most rows that a list ever gives, all pages together; 0 = no such limit


@dataclass(frozen=True, slots=True)
class Filters:
    """How values are written in a filter, and how many."""

    value: str  # "'{value}'"
    double: str  # a character that is doubled within a value: '
    join: str  # between the values of a list
    conjunction: str  # between two conditions in one parameter
    chunk: int  # values asked for at once
    longest_query: int  # characters; IIS takes 2048 by default (requestFiltering, maxQueryString)


@dataclass(frozen=True, slots=True)
class Creates:
    verb: str
    envelope: str  # the member that holds the document; "" = the document stands alone
    record: str  # where the answer holds the record with its number: dotted path, "" = at the top
    may_be_empty: bool  # whether an answer without a body is an acceptance


@dataclass(frozen=True, slots=True)
class ErrorShape:
    """Where a refusal stands in an answer. `failed` names a member that is false where a 200 is a refusal."""

    failed: str
    items: str  # dotted path of the error, or of the list of errors
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Meaning:
    """A refusal that we know: its code, its text (a regular expression, case ignored), or both; and our finding."""

    means: str
    code: str
    text: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    path: str
    record: str  # path template of one record, with {key}; "" = none
    query: Parameters  # sent with every list
    fields: Mapping[str, str]
    filters: Mapping[str, Parameters]


@dataclass(frozen=True, slots=True)
class Nested:
    """Rows within a document: distributions or taxes. How they are read back: `expand` in bulk, else `path` one by one."""

    name: str
    fields: Mapping[str, str]
    expand: Parameters
    path: str  # with {number}; "" = none

    @property
    def readable(self) -> bool:
        return bool(self.expand or self.path)


@dataclass(frozen=True, slots=True)
class Documents:
    """A subledger. Of several words for a kind the first is written, all are read."""

    resource: Resource
    create: Mapping[DocumentKind, str]
    leave_out: frozenset[str]  # fields that a create must not carry
    kinds: Mapping[DocumentKind, tuple[Word, ...]]
    states: Mapping[StandingState, tuple[Word, ...]]
    distributions: Nested
    taxes: Nested | None


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a site may let us do with a batch: posting. Not used yet."""

    verb: str
    path: str  # with {batch} and {source}
    header: str
    value: str


@dataclass(frozen=True, slots=True)
class ServiceMap:
    name: str
    formats: Formats
    lists: Lists
    filters: Filters
    creates: Creates
    errors: ErrorShape
    refusals: tuple[Meaning, ...]
    origins: Mapping[Series, str]  # the batch source of each series, "" = not told apart
    receivables: Documents
    payables: Documents
    customers: Resource
    vendors: Resource
    batches: Resource
    accounts: Resource | None = None
    periods: Resource | None = None
    tax_details: Resource | None = None
    customer_classes: Resource | None = None
    vendor_classes: Resource | None = None
    post: Action | None = None

    def documents(self, series: Series) -> Documents:
        return self.receivables if series is Series.SALES else self.payables

    def parties(self, series: Series) -> Resource:
        return self.customers if series is Series.SALES else self.vendors

    def classes(self, series: Series) -> Resource | None:
        return self.customer_classes if series is Series.SALES else self.vendor_classes

    @property
    def mapped(self) -> tuple[Resource, ...]:
        """Every resource of the map, in the order that a person would look at them."""
        all_of_them = (
            *(self.accounts, self.periods, self.tax_details, self.customers, self.customer_classes),
            *(self.vendors, self.vendor_classes, self.batches, self.receivables.resource, self.payables.resource),
        )
        return tuple(resource for resource in all_of_them if resource is not None)


@dataclass(frozen=True, slots=True)
class _Nouns:
    """What a section may name: the fields it must have, those it may have, and its filters with their placeholders."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    filters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    needed_filters: tuple[str, ...] = ()


_VALUE, _VALUES, _PAIRS = frozenset({"value"}), frozenset({"values"}), frozenset({"vendors", "numbers"})
_DOCUMENT = ("kind", "number", "party", "document_date", "posting_date", "description", "batch", "tax", "amount")
_DOCUMENT_OPTIONAL = ("due_date", "voided", "audit_trail_code", "modified")
_DOCUMENT_FILTERS = {"numbers": _VALUES, "batch": _VALUE, "from": _VALUE, "to": _VALUE, "modified": _VALUE}
_PARTY = _Nouns(
    ("id", "name", "active"),
    ("class", "account", "on_hold", "modified", "credit_limit", "balance", "is_1099"),
    {"ids": _VALUES, "modified": _VALUE},
    ("ids",),
)
_CLASS = _Nouns(("id", "account"))
_NOUNS: Mapping[str, _Nouns] = {
    "accounts": _Nouns(("number", "active"), ("description", "allows_entry"), {"from": _VALUE, "to": _VALUE}),
    "periods": _Nouns(
        ("year", "number", "first", "last", "closed_financial", "closed_sales", "closed_purchasing"),
        ("year_closed",),
    ),
    "tax_details": _Nouns(("id",)),
    "customers": _PARTY,
    "vendors": _PARTY,
    "customer_classes": _CLASS,
    "vendor_classes": _CLASS,
    "batches": _Nouns(("id", "transactions", "total"), ("origin",), {"ids": _VALUES}, ("ids",)),
    "receivables": _Nouns(
        (*_DOCUMENT, "state", "sales"),
        (*_DOCUMENT_OPTIONAL, "customer_po", "trade_discount"),
        _DOCUMENT_FILTERS,
        ("numbers", "batch"),
    ),
    "payables": _Nouns(
        (*_DOCUMENT, "state", "purchases", "vendor_invoice_number"),
        (*_DOCUMENT_OPTIONAL, "freight", "income_1099"),
        {**_DOCUMENT_FILTERS, "vendor_invoices": _PAIRS, "vendors": _VALUES},
        ("numbers", "batch", "vendor_invoices"),
    ),
}
_DISTRIBUTION = _Nouns(("type", "account", "debit", "credit"), ("reference",))
_TAX = _Nouns(("detail", "tax"), ("taxable", "sales"))
_NEVER_LEFT_OUT = frozenset({"number", "party", "document_date", "batch", "vendor_invoice_number"})


def shipped(name: str) -> ServiceMap:
    """One of the maps that come with us. Raises Refused for a name that we do not ship."""
    return _read(_shipped_table(name), name)


def load(path: Path) -> ServiceMap:
    """A company's own map. Raises Refused with every mistake in it; Interrupted where it cannot be read."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Put the service map there, in UTF-8, or name another in the connection; then run again."
        raise Interrupted(Finding(CODE, str(path), f"it cannot be read: {error}", remedy)) from None
    return parse(text, path.stem)


def parse(text: str, name: str) -> ServiceMap:
    """The map that a TOML text describes, on top of the shipped one it names. Raises Refused."""
    try:
        table: Table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused((Finding(CODE, name, f"it is no TOML: {error}", "Mend the line that it names."),)) from None
    base = table.get("based_on")
    if base is not None:
        table = _merge(_shipped_table(base), {key: value for key, value in table.items() if key != "based_on"})
    return _read(table, name)


def _shipped_table(name: Toml) -> Table:
    if name not in SHIPPED:
        raise Refused(
            (Finding(CODE, "based_on", f"'{name}' is no map that we ship", f"Write one of {', '.join(SHIPPED)}."),)
        )
    return tomllib.loads((resources.files("ml_connector.gp") / "service_maps" / f"{name}.toml").read_text("utf-8"))


def _merge(below: Table, above: Table) -> Table:
    merged = dict(below)
    for key, value in above.items():
        under = below.get(key)
        if isinstance(value, Mapping) and isinstance(under, Mapping):
            merged[key] = _merge(under, value)
        elif key == "refusals" and isinstance(value, list) and isinstance(under, list):
            merged[key] = [*value, *under]
        elif value is False and (isinstance(under, Mapping) or key in _NOUNS):
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def _read(table: Table, name: str) -> ServiceMap:
    findings: list[Finding] = []
    top = _Section("", table, findings)
    service_map = ServiceMap(
        name=name,
        formats=_formats(top.section("formats")),
        lists=_lists(top.section("lists")),
        filters=_filters(top.section("filters")),
        creates=_creates(top.section("create")),
        errors=_error_shape(top.section("errors")),
        refusals=_meanings(top),
        origins=_origins(top.maybe("origins")),
        receivables=_documents(top.section("receivables"), "receivables", RECEIVABLES),
        payables=_documents(top.section("payables"), "payables", PAYABLES),
        customers=_resource(top.section("customers"), "customers"),
        vendors=_resource(top.section("vendors"), "vendors"),
        batches=_resource(top.section("batches"), "batches"),
        accounts=_optional(top, "accounts"),
        periods=_optional(top, "periods"),
        tax_details=_optional(top, "tax_details"),
        customer_classes=_optional(top, "customer_classes"),
        vendor_classes=_optional(top, "vendor_classes"),
        post=_action(top.maybe("post")),
    )
    top.done()
    if findings:
        raise Refused(tuple(findings))
    return service_map


def _formats(s: _Section) -> Formats:
    formats = Formats(
        s.text("date"), s.one_of("amount", AmountForm, AmountForm.NUMBER), s.text("account_separator", "-")
    )
    if s.has("date") and not {"%Y", "%m", "%d"} <= set(re.findall(r"%\w", formats.date)):
        s.wrong("date", f"'{formats.date}' names no full day", 'Write it with %Y, %m and %d: "%Y-%m-%d".')
    s.done()
    return formats


def _lists(s: _Section) -> Lists:
    lists = Lists(
        rows=s.text("rows"),
        paging=s.one_of("paging", Paging, Paging.NONE),
        size=s.whole("size", 1000),
        size_parameter=s.text("size_parameter", ""),
        position_parameter=s.text("position_parameter", ""),
        more=s.text("more", ""),
        row_cap=s.whole("row_cap", 1000),
    )
    wanted = {Paging.SKIP: ("position_parameter",), Paging.PAGE: ("position_parameter", "more")}
    for key in wanted.get(lists.paging, ()):
        if not getattr(lists, key):
            s.wrong(key, "it is missing", f"Name it, as paging is '{lists.paging.value}'.")
    if lists.size < 1:
        s.wrong("size", f"{lists.size} is too small", "Write how many rows are asked for at once, 1 or more.")
    s.done()
    return lists


def _filters(s: _Section) -> Filters:
    filters = Filters(
        value=s.template("value", _VALUE, "{value}"),
        double=s.text("double", ""),
        join=s.text("join", ","),
        conjunction=s.text("conjunction", " and "),
        chunk=s.whole("chunk", 100),
        longest_query=s.whole("longest_query", 2000),
    )
    if not 1 <= filters.chunk <= 100:
        s.wrong("chunk", f"{filters.chunk} is not between 1 and 100", "Write how many values one list may ask for.")
    s.done()
    return filters


def _creates(s: _Section) -> Creates:
    creates = Creates(
        verb=s.text("verb", "POST"),
        envelope=s.text("envelope", "Payload"),
        record=s.text("record", ""),
        may_be_empty=s.flag("may_be_empty", False),
    )
    if creates.verb not in ("POST", "PUT"):
        s.wrong("verb", f"'{creates.verb}' does not create", "Write POST or PUT.")
    s.done()
    return creates


def _error_shape(s: _Section) -> ErrorShape:
    shape = ErrorShape(s.text("failed", ""), s.text("items", ""), s.text("code", ""), s.text("text"))
    s.done()
    return shape


def _meanings(top: _Section) -> tuple[Meaning, ...]:
    meanings = []
    for place, table in enumerate(top.rows("refusals")):
        s = _Section(f"refusals[{place}]", table, top.findings)
        means, code, text = s.text("means"), s.text("code", ""), s.text("text", "")
        if means and means not in REFUSALS:
            s.wrong("means", f"'{means}' is no finding of ours", f"Write one of {', '.join(sorted(REFUSALS))}.")
        if not code and not text:
            s.wrong("text", "neither code nor text is given", "Write a regular expression that the refusal matches.")
        try:
            pattern = re.compile(text, re.IGNORECASE) if text else None
        except re.error as error:
            s.wrong("text", f"'{text}' is no regular expression: {error}", "Mend it, or write a plain text.")
            pattern = None
        s.done()
        meanings.append(Meaning(means, code, pattern))
    return tuple(meanings)


def _origins(s: _Section | None) -> Mapping[Series, str]:
    if s is None:
        return {}
    origins = {Series.SALES: s.text("sales", ""), Series.PURCHASING: s.text("purchasing", "")}
    s.done()
    return origins


def _optional(top: _Section, name: str) -> Resource | None:
    section = top.maybe(name)
    return None if section is None else _resource(section, name)


def _resource(s: _Section, name: str) -> Resource:
    resource = _resource_of(s, name)
    s.done()
    return resource


def _resource_of(s: _Section, name: str) -> Resource:
    nouns = _NOUNS[name]
    filters = s.maybe("filters") or _Section(s.at("filters"), {}, s.findings)
    resource = Resource(
        name=name,
        path=s.text("path"),
        record=s.template("record", frozenset({"key"}), ""),
        query=s.parameters("query", frozenset()),
        fields=_fields(s.section("fields"), nouns),
        filters={key: filters.parameters(key, names) for key, names in nouns.filters.items()},
    )
    for key in nouns.needed_filters:
        if not s.absent and not filters.has(key):
            filters.wrong(key, "it is missing", 'Write it as { "parameter" = "…{' + _any(nouns.filters[key]) + '}…" }.')
    filters.done()
    return resource


def _any(names: frozenset[str]) -> str:
    return "} and {".join(sorted(names))


def _fields(s: _Section, nouns: _Nouns) -> Mapping[str, str]:
    fields = {noun: s.text(noun) for noun in nouns.required}
    fields |= {noun: s.text(noun) for noun in nouns.optional if s.has(noun)}
    s.done()
    return fields


def _nested(s: _Section, nouns: _Nouns) -> Nested:
    nested = Nested(
        s.text("name"),
        _fields(s.section("fields"), nouns),
        s.parameters("expand", frozenset()),
        s.template("path", frozenset({"number"}), ""),
    )
    s.done()
    return nested


def _documents(s: _Section, name: str, kinds: tuple[DocumentKind, ...]) -> Documents:
    create, words, states = s.section("create"), s.section("kinds"), s.section("states")
    taxes = s.maybe("taxes")
    documents = Documents(
        resource=_resource_of(s, name),
        create={kind: create.text(kind.name.lower()) for kind in kinds},
        leave_out=frozenset(s.texts("leave_out")),
        kinds={kind: words.words(kind.name.lower()) for kind in kinds},
        states={state: states.words(state.name.lower()) for state in StandingState},
        distributions=_nested(s.section("distributions"), _DISTRIBUTION),
        taxes=None if taxes is None else _nested(taxes, _TAX),
    )
    for noun in sorted(documents.leave_out):
        if noun in _NEVER_LEFT_OUT or noun not in documents.resource.fields:
            known = ", ".join(noun for noun in documents.resource.fields if noun not in _NEVER_LEFT_OUT)
            s.wrong("leave_out", f"'{noun}' cannot be left out", f"Write only of these: {known}.")
    for section in (create, words, states, s):
        section.done()
    return documents


def _action(s: _Section | None) -> Action | None:
    if s is None:
        return None
    path = s.template("path", frozenset({"batch", "source"}), "")
    action = Action(s.text("verb", "POST"), path, s.text("header", "GP-Custom-Action"), s.text("value", "POST"))
    s.done()
    return action


class _Section:
    """A table of the map, read key by key. What is wrong is put down with its TOML path, and reading goes on."""

    def __init__(self, path: str, table: Table, findings: list[Finding], absent: bool = False) -> None:
        self.path, self.table, self.findings, self.absent = path, table, findings, absent
        self._asked: set[str] = set()

    def at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def has(self, key: str) -> bool:
        self._asked.add(key)
        return key in self.table

    def wrong(self, key: str, says: str, remedy: str) -> None:
        self.findings.append(Finding(CODE, self.at(key), says, remedy))

    def done(self) -> None:
        """Nothing may be left over: a key that nobody asked for is a mistake of spelling."""
        for key in self.table:
            if key not in self._asked:
                close = difflib.get_close_matches(key, self._asked, 1)
                meant = (
                    f"Write '{close[0]}'." if close else f"Take it away; known here: {', '.join(sorted(self._asked))}."
                )
                self.wrong(key, "there is no such key", meant)

    def section(self, key: str) -> _Section:
        given = self.maybe(key)
        if given is not None:
            return given
        if not self.absent:
            self.wrong(key, "the table is missing", f"Add [{self.at(key)}].")
        return _Section(self.at(key), {}, self.findings, absent=True)

    def maybe(self, key: str) -> _Section | None:
        value = self._given(key)
        if value is None or isinstance(value, Mapping):
            return None if value is None else _Section(self.at(key), value, self.findings)
        self._not_a(key, "a table")
        return None

    def rows(self, key: str) -> Iterable[Table]:
        value = self._given(key)
        tables = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
        if value is not None and not (isinstance(value, list) and len(tables) == len(value)):
            self._not_a(key, "a list of tables")
        return tables

    def text(self, key: str, default: str | None = None) -> str:
        value = self._given(key)
        if value is None and default is None and not self.absent:
            self.wrong(key, "it is missing", "Write the installation's name for it.")
        elif value == "" and default is None:
            self.wrong(key, "it is empty", "Write the installation's name for it.")
        elif value is not None and not isinstance(value, str):
            self._not_a(key, "a text")
        return value if isinstance(value, str) else default or ""

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._given(key)
        texts = [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
        if value is not None and not (isinstance(value, list) and len(texts) == len(value)):
            self._not_a(key, "a list of texts")
        return tuple(texts)

    def words(self, key: str) -> tuple[Word, ...]:
        """One word or number, or several of which the first is written."""
        value = self._given(key)
        given = value if isinstance(value, list) else [value]
        words = [word for word in given if isinstance(word, str | int) and not isinstance(word, bool)]
        if value is None:
            if not self.absent:
                self.wrong(key, "it is missing", 'Write the installation\'s word: "Invoice", 1, or [1, 3, 4].')
        elif not words or len(words) != len(given):
            self.wrong(key, f"{value!r} is neither a word nor a number", 'Write it as "Invoice", 1, or [1, 3, 4].')
        return tuple(words)

    def whole(self, key: str, default: int) -> int:
        value = self._given(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if value is not None:
            self._not_a(key, "a whole number")
        return default

    def flag(self, key: str, default: bool) -> bool:
        value = self._given(key)
        if value is not None and not isinstance(value, bool):
            self._not_a(key, "true or false")
        return value if isinstance(value, bool) else default

    def one_of(self, key: str, options: type[E], default: E) -> E:
        text = self.text(key, default.value)
        known = [option.value for option in options]
        if text not in known:
            self.wrong(key, f"'{text}' is not known", f"Write one of {', '.join(known)}.")
            return default
        return options(text)

    def template(self, key: str, placeholders: frozenset[str], default: str) -> str:
        text = self.text(key, default)
        if text:
            self._judge(key, {key: text}, placeholders)
        return text

    def parameters(self, key: str, placeholders: frozenset[str]) -> Parameters:
        """Query parameters, each with a template; together they must use every placeholder, and no other."""
        section = self.maybe(key)
        if section is None:
            return {}
        parameters = {name: section.text(name) for name in section.table}
        if parameters:
            self._judge(key, parameters, placeholders)
        else:
            self.wrong(key, "it is empty", "Name a query parameter and what it is given.")
        return parameters

    def _judge(self, key: str, templates: Parameters, placeholders: frozenset[str]) -> None:
        used: set[str] = set()
        for template in templates.values():
            try:
                used |= {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
            except ValueError as error:
                self.wrong(key, f"'{template}' cannot be read: {error}", "Write a brace that is meant as such twice.")
                return
        told = ", ".join("{" + name + "}" for name in sorted(placeholders)) or "none"
        for name in sorted(used - placeholders):
            self.wrong(key, f"the placeholder {{{name}}} is not known", f"Use these: {told}.")
        for name in sorted(placeholders - used):
            self.wrong(key, f"the placeholder {{{name}}} is not used", f"Use these: {told}.")

    def _given(self, key: str) -> Toml:
        return self.table[key] if self.has(key) else None

    def _not_a(self, key: str, told: str) -> None:
        self.wrong(key, f"{self.table[key]!r} is not {told}", f"Write {told}.")
