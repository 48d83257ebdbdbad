"""The service map: what one installation of SBA calls things. TOML, shipped with defaults, overridable per company.

Microsoft documents SBA's verbs and services, but not one path, field name, filter, page parameter or error body
("Service Based Architecture for Dynamics GP"), and sites add services of their own; so none of it is in the code.

A map stands by itself or on a shipped one (`based_on = "default"`): tables are merged key by key, lists are replaced
(refusals are put before the shipped ones), and `accounts = false` takes a section away. Mistakes are told all at once,
each with its TOML path. Our nouns, on the left of every entry, are the closed sets below; what stands on the right is
the installation's. A field name with "!" before it says the opposite: `active = "!Inactive"`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import TypeAlias

from ml_connector.books.document import PAYABLES, RECEIVABLES, DocumentKind, StandingState
from ml_connector.books.period import Series
from ml_connector.books.posting import PostingDateSource
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp import toml_section
from ml_connector.gp.errors import REFUSALS, Refused
from ml_connector.gp.toml_section import CODE, Section, Table, Toml

SHIPPED = ("default", "product-segment")

Word: TypeAlias = toml_section.Word
Parameters: TypeAlias = toml_section.Parameters


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
class Change:
    """How a customer or vendor is changed. `whole`: the request must hold the whole record, as what it leaves out is
    blanked; then everything that was read is sent back but `read_only`, the installation's names of what it refuses."""

    path: str  # with {key}
    verb: str
    whole: bool
    read_only: frozenset[str]


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    path: str
    record: str  # path template of one record, with {key}; "" = none
    query: Parameters  # sent with every list
    fields: Mapping[str, str]
    filters: Mapping[str, Parameters]
    create: str = ""  # of customers and vendors: where one is made; "" = not here
    update: Change | None = None


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
    """What a site lets us ask GP to do with a batch: posting it, where an approver asks for it.

    `path` is below the company; from the server's root where it begins with "/"; or a whole address.
    """

    verb: str
    path: str  # with {batch}, and perhaps {source}
    header: str
    value: str


@dataclass(frozen=True, slots=True)
class CompanyRecord:
    """What the company says of itself, in one record: for doctor, which holds the rulebook against it."""

    resource: Resource
    segments: Nested | None  # of its accounts


@dataclass(frozen=True, slots=True)
class PostingRows:
    """The posting set-up, a row for each origin. Several words may mean one thing."""

    resource: Resource
    origins: Mapping[Series, tuple[Word, ...]]
    dates: Mapping[PostingDateSource, tuple[Word, ...]]


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
    company: CompanyRecord | None = None
    posting_setup: PostingRows | None = None

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
_CARD = ("street", "unit", "city", "state", "zip", "country", "phone1", "phone2", "phone3", "email", "tax_id", "terms")
_PARTY = _Nouns(
    ("id", "name", "active"),
    (
        *("class", "account", "on_hold", "modified", "credit_limit", "balance", "is_1099"),
        *(*_CARD, "address_code", "counterpart"),
    ),
    {"ids": _VALUES, "modified": _VALUE, "from": _VALUE, "to": _VALUE},
    ("ids",),
)
_CLASS = _Nouns(("id", "account"))
_COMPANY = _Nouns(("name",), ("database", "currency", "separator"))
_SEGMENT = _Nouns(("position", "name", "length", "main"))
_POSTING = _Nouns(
    ("origin", "date_from", "to_ledger", "through_ledger"), ("control_count", "control_total", "transaction_posting")
)
_NOUNS: Mapping[str, _Nouns] = {
    "accounts": _Nouns(("number", "active"), ("description", "allows_entry"), {"from": _VALUE, "to": _VALUE}),
    "periods": _Nouns(
        ("year", "number", "first", "last", "closed_financial", "closed_sales", "closed_purchasing"),
        ("year_closed",),
    ),
    "tax_details": _Nouns(("id",)),
    "customers": _PARTY,
    "vendors": _PARTY,
    "company": _COMPANY,
    "posting_setup": _POSTING,
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
    top = Section("", table, findings)
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
        customers=_parties(top.section("customers"), "customers"),
        vendors=_parties(top.section("vendors"), "vendors"),
        batches=_resource(top.section("batches"), "batches"),
        accounts=_optional(top, "accounts"),
        periods=_optional(top, "periods"),
        tax_details=_optional(top, "tax_details"),
        customer_classes=_optional(top, "customer_classes"),
        vendor_classes=_optional(top, "vendor_classes"),
        post=_action(top.maybe("post")),
        company=_company(top.maybe("company")),
        posting_setup=_posting_setup(top.maybe("posting_setup")),
    )
    top.done()
    if findings:
        raise Refused(tuple(findings))
    return service_map


def _formats(s: Section) -> Formats:
    formats = Formats(
        s.text("date"), s.one_of("amount", AmountForm, AmountForm.NUMBER), s.text("account_separator", "-")
    )
    if s.has("date") and not {"%Y", "%m", "%d"} <= set(re.findall(r"%\w", formats.date)):
        s.wrong("date", f"'{formats.date}' names no full day", 'Write it with %Y, %m and %d: "%Y-%m-%d".')
    s.done()
    return formats


def _lists(s: Section) -> Lists:
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


def _filters(s: Section) -> Filters:
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


def _creates(s: Section) -> Creates:
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


def _error_shape(s: Section) -> ErrorShape:
    shape = ErrorShape(s.text("failed", ""), s.text("items", ""), s.text("code", ""), s.text("text"))
    s.done()
    return shape


def _meanings(top: Section) -> tuple[Meaning, ...]:
    meanings = []
    for place, table in enumerate(top.rows("refusals")):
        s = Section(f"refusals[{place}]", table, top.findings)
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


def _origins(s: Section | None) -> Mapping[Series, str]:
    if s is None:
        return {}
    origins = {Series.SALES: s.text("sales", ""), Series.PURCHASING: s.text("purchasing", "")}
    s.done()
    return origins


def _optional(top: Section, name: str) -> Resource | None:
    section = top.maybe(name)
    return None if section is None else _resource(section, name)


def _resource(s: Section, name: str) -> Resource:
    resource = _resource_of(s, name)
    s.done()
    return resource


def _parties(s: Section, name: str) -> Resource:
    resource, create, update = _resource_of(s, name), s.maybe("create"), s.maybe("update")
    if create is not None:
        resource = replace(resource, create=create.text("path"))
        create.done()
    if update is not None:
        verb = update.text("verb", "PATCH")
        if verb not in ("PATCH", "PUT"):
            update.wrong("verb", f"'{verb}' does not change a record", "Write PATCH or PUT.")
        path, whole = update.template("path", frozenset({"key"}), ""), update.flag("whole", False)
        if not path:
            update.wrong("path", "it is missing", 'Write the address of one record, as "Sales/Customers({key})".')
        resource = replace(resource, update=Change(path, verb, whole, frozenset(update.texts("read_only"))))
        update.done()
    s.done()
    return resource


def _resource_of(s: Section, name: str) -> Resource:
    nouns = _NOUNS[name]
    filters = s.maybe("filters") or Section(s.at("filters"), {}, s.findings)
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


def _fields(s: Section, nouns: _Nouns) -> Mapping[str, str]:
    fields = {noun: s.text(noun) for noun in nouns.required}
    fields |= {noun: s.text(noun) for noun in nouns.optional if s.has(noun)}
    s.done()
    return fields


def _nested(s: Section, nouns: _Nouns) -> Nested:
    nested = Nested(
        s.text("name"),
        _fields(s.section("fields"), nouns),
        s.parameters("expand", frozenset()),
        s.template("path", frozenset({"number"}), ""),
    )
    s.done()
    return nested


def _documents(s: Section, name: str, kinds: tuple[DocumentKind, ...]) -> Documents:
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


def _company(s: Section | None) -> CompanyRecord | None:
    if s is None:
        return None
    segments = s.maybe("segments")
    record = CompanyRecord(_resource_of(s, "company"), None if segments is None else _nested(segments, _SEGMENT))
    s.done()
    return record


def _posting_setup(s: Section | None) -> PostingRows | None:
    if s is None:
        return None
    origins, dates = s.section("origins"), s.section("dates")
    rows = PostingRows(
        _resource_of(s, "posting_setup"),
        {Series.SALES: origins.words("receivables"), Series.PURCHASING: origins.words("payables")},
        {source: dates.words(source.value) for source in PostingDateSource},
    )
    for section in (origins, dates, s):
        section.done()
    return rows


def _action(s: Section | None) -> Action | None:
    if s is None:
        return None
    path = s.template("path", frozenset({"batch"}), None, frozenset({"source"}))
    action = Action(s.text("verb", "POST"), path, s.text("header", "GP-Custom-Action"), s.text("value", "POST"))
    if action.verb not in ("POST", "PUT", "PATCH"):
        s.wrong("verb", f"'{action.verb}' changes nothing", "Write POST, PUT or PATCH.")
    s.done()
    return action
