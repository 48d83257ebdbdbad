"""The company's SBA server: a REST face over `Company`, in one of the dialects of `dialects`.

What it does is documented (verbs, address shape, Windows sign-in, one role and company per user); how its messages look
is the dialect's, and invented. It enters and reads; it posts only what a custom action names (`actions`).
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from operator import attrgetter
from typing import Any, Literal, NoReturn, TypeAlias

import msgspec

from ml_connector.sandbox.company.actions import PRODUCT, act
from ml_connector.sandbox.company.books import IN_THE_BOOKS, Company
from ml_connector.sandbox.company.card_records import Card, Customer, Vendor
from ml_connector.sandbox.company.cards import WRITABLE_OF
from ml_connector.sandbox.company.dialect import Changes, Dialect, Nested, Resource, Style
from ml_connector.sandbox.company.errors import Refusal, Refused
from ml_connector.sandbox.company.ntlm import GPCONNECT, Door, WindowsUser
from ml_connector.sandbox.company.records import EMPTY_DATE, ZERO, Distribution, Draft, Kind, Module, TaxLine, key
from ml_connector.sandbox.company.sba_query import OPERATORS, Condition, Wrong, read_filter, whole_number
from ml_connector.sandbox.faults import Faults
from ml_connector.sandbox.serving import Request, Response

Json: TypeAlias = Any  # a JSON value
Test: TypeAlias = Callable[[object], bool]

TENANT = "/GPService/Tenants(DefaultTenant)"
_ENCODER = msgspec.json.Encoder(decimal_format="number")

_WRITABLE = frozenset(field.name for field in fields(Draft))
_AMOUNTS = frozenset(
    {"base_amount", "document_amount", "trade_discount", "freight", "miscellaneous", "tax", "amount_1099"}
    | {"debit", "credit", "taxable", "total", "credit_limit"}
)
_DATES = frozenset({"document_date", "posting_date", "due_date"})
_INTEGERS = frozenset({"type", "sequence"})
_FLAGS = frozenset({"active", "on_hold", "is_1099"})
_CARDS: Mapping[str, type[Card]] = {"customers": Customer, "vendors": Vendor}


class SbaApplication:
    """An SBA server for one company. `authentication="none"` lets everybody in, as the first of `users`.

    `door` is in place of the one that knows `users` by NTLM.
    """

    def __init__(
        self,
        company: Company,
        dialect: Dialect,
        users: Sequence[WindowsUser] = (GPCONNECT,),
        authentication: Literal["ntlm", "none"] = "ntlm",
        faults: Faults | None = None,
        door: Door | None = None,
    ) -> None:
        self.company, self.dialect = company, dialect
        self.faults = faults or Faults()
        self._users = users
        self._door = door or (Door(users) if authentication == "ntlm" else None)
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()
        setup = company.setup
        segment = setup.name if dialect.company_by_display_name else setup.database
        self.root = f"{TENANT}/Companies({segment})/"
        self._rows: Mapping[str, Callable[[], Sequence[object]]] = {
            "accounts": company.accounts,
            "periods": company.periods,
            "tax_details": company.tax_details,
            "customer_classes": company.customer_classes,
            "vendor_classes": company.vendor_classes,
            "batches": company.batches,
            "posting_origins": lambda: company.settings.posting_origins,
        }

    def __getattr__(self, name: str) -> Any:
        """A person's deeds, `do_...`, are the company's."""
        if name.startswith("do_"):
            return getattr(self.company, name)
        raise AttributeError(name)

    def greet(self, request: Request) -> Response | None:
        """The legs of a handshake; a request on a signed-in connection is let in."""
        user = self._door.admit(request) if self._door else self._users[0]
        if isinstance(user, Response):
            return user
        request.connection["user"] = user
        return None

    def answer(self, request: Request) -> Response:
        user: WindowsUser = request.connection["user"]
        time.sleep(self.company.settings.latency)
        try:
            return self._route(request, user)
        except Wrong as wrong:
            return self._error(wrong.status, [(0, str(wrong))])
        except Refused as refused:
            return self._refusal(refused.refusals)

    def records(self) -> object:
        """The company's records, and `calls`: what was asked of each resource and how often, signed in."""
        with self._lock:
            calls = dict(self._calls)
        return {**self.company.records(), "calls": calls}

    def _route(self, request: Request, user: WindowsUser) -> Response:
        if not user.roles:
            raise Wrong(403, f"User {user.name} is not assigned to a role in Microsoft Dynamics GP.")
        if not request.path.lower().startswith(self.root.lower()):
            raise Wrong(404, f"The address does not exist, or the company is not known: {request.path}")
        if user.companies is not None and self.company.setup.database not in user.companies:
            raise Wrong(403, f"User {user.name} does not have access to company {self.company.setup.name}.")
        path = request.path[len(self.root) :].rstrip("/")
        if path.startswith(PRODUCT):
            return self._error(*told) if (told := act(self.company, request, path)) else Response(200)
        for name, resource in self.dialect.resources.items():
            if request.method == "POST" and path in resource.create:
                self._count(f"create {name}")
                return self._create(request, resource, resource.create[path], Module(name), user)
            match = re.fullmatch(rf"{re.escape(resource.path)}(?:\((?P<key>.*)\)(?:/(?P<nested>\w+))?)?", path)
            if match is None:
                continue
            if resource.changes and match["nested"] is None:
                if request.method == "POST" and match["key"] is None:
                    self._count(f"create {name}")
                    return self._make_card(request, name, resource, user)
                if request.method == "PATCH" and match["key"] is not None:
                    self._count(f"update {name}")
                    return self._change_card(request, name, resource, match["key"], user)
            if request.method != "GET":
                raise Wrong(405, f"{request.method} is not available for {resource.path}.")
            if match["key"] is None and resource.key:
                self._count(f"list {name}")
                return self._list(request, name, resource)
            if match["nested"]:
                return self._read_nested(request, name, resource, match["key"], match["nested"])
            self._count(f"get {name}")
            return self._one(name, resource, match["key"] or "")
        raise Wrong(404, f"The resource does not exist: {path}")

    # Reading

    def _list(self, request: Request, name: str, resource: Resource) -> Response:
        query = {parameter: values[-1] for parameter, values in request.query.items()}
        skip, size = self._pages(query)
        if self.dialect.style is Style.QUERY:
            expand = [part.strip() for part in query.pop("$expand", "").split(",") if part.strip()]
            conditions = read_filter(query.pop("$filter", ""), resource)
        else:
            expand = []
            conditions = [
                Condition(attribute, test, tuple(text.split(";")) if test == "in" else (text,))
                for parameter, (attribute, test) in resource.parameters.items()
                for text in [query.pop(parameter, None)]
                if text is not None
            ]
        if query:
            raise Wrong(400, f"The query parameter '{next(iter(query))}' is not supported.")
        unknown = set(expand) - {nested.name for nested in resource.nested.values()}
        if unknown:
            raise Wrong(400, f"'{min(unknown)}' cannot be expanded.")
        rows = self._select(name, conditions)
        return self._page(rows, resource.fields, _named(resource, expand), skip, size)

    def _pages(self, query: dict[str, str]) -> tuple[int, int]:
        """Take the page parameters out of the query: how many rows to skip, and how many to give."""
        size, at = ("$top", "$skip") if self.dialect.style is Style.QUERY else ("pageSize", "page")
        rows = min(whole_number(query.pop(size, str(self.dialect.page_size))), self.company.settings.row_cap)
        if self.dialect.style is Style.QUERY:
            return whole_number(query.pop(at, "0")), rows
        return (max(whole_number(query.pop(at, "1")), 1) - 1) * rows, rows

    def _page(
        self, rows: Sequence[object], names: Mapping[str, str], nested: Mapping[str, Nested], skip: int, size: int
    ) -> Response:
        if self.dialect.style is Style.PLAIN:
            rows = rows[: self.company.settings.row_cap]
        page = [self._row(row, names, nested) for row in rows[skip : skip + size]]
        body: dict[str, Json] = {self.dialect.rows: page}
        if self.dialect.more:
            body[self.dialect.more] = skip + size < len(rows)
        return _response(body)

    def _select(self, name: str, conditions: Sequence[Condition]) -> Sequence[object]:
        rows: Sequence[object]
        named = (c.values for c in conditions if c.attribute in ("number", "id") and c.operator in ("in", "eq"))
        if name in _CARDS:
            read = self.company.customers if name == "customers" else self.company.vendors
            rows = read(next(named, None))
        elif name in self._rows:
            rows = self._rows[name]()
        else:
            rows = self.company.documents(Module(name), next(named, None))
        for condition in conditions:
            rows = self._narrowed(rows, condition)
        return rows

    def _narrowed(self, rows: Sequence[object], condition: Condition) -> Sequence[object]:
        """Those rows on which the condition holds; texts, of which there may be fifty thousand, without ado."""
        of = attrgetter(condition.attribute)
        if rows and isinstance(of(rows[0]), str) and condition.operator != "in":
            holds, said = OPERATORS[condition.operator], condition.texts[0]
            return [row for row in rows if holds(key(of(row)), said)]
        return [row for row in rows if self._holds(condition, row)]

    def _one(self, name: str, resource: Resource, key_text: str) -> Response:
        record: object = self.company.setup if not resource.key else self._record(name, resource, key_text)
        nested = resource.nested
        if name in (Module.RECEIVABLES.value, Module.PAYABLES.value) and self.dialect.style is Style.PLAIN:
            nested = {}
        row = self._row(record, resource.fields, nested)
        return _response({self.dialect.single: row} if self.dialect.single else row)

    def _read_nested(
        self, request: Request, name: str, resource: Resource, key_text: str, nested_name: str
    ) -> Response:
        found = _named(resource, [nested_name])
        if not found or self.dialect.style is not Style.PLAIN:
            raise Wrong(404, f"The resource does not exist: {nested_name}")
        self._count(f"{nested_name.lower()} {name}")
        attribute, nested = next(iter(found.items()))
        rows = getattr(self._record(name, resource, key_text), attribute)
        skip, size = self._pages({parameter: values[-1] for parameter, values in request.query.items()})
        return self._page(rows, nested.fields, {}, skip, size)

    def _record(self, name: str, resource: Resource, key_text: str) -> object:
        parts = [key_text] if len(resource.key) == 1 else key_text.split(";")
        if len(parts) != len(resource.key):
            raise Wrong(400, f"The key '{key_text}' does not have {len(resource.key)} parts.")
        conditions = [Condition(attribute, "eq", (part,)) for attribute, part in zip(resource.key, parts, strict=True)]
        rows = self._select(name, conditions)
        if not rows:
            raise Wrong(404, "Business object not found.")
        return rows[0]

    def _holds(self, condition: Condition, row: object) -> bool:
        ours = self._comparable(getattr(row, condition.attribute))
        theirs = condition.numbers if isinstance(ours, Decimal) else condition.texts
        if condition.operator == "in":
            return ours in theirs
        return OPERATORS[condition.operator](ours, theirs[0])

    def _comparable(self, value: object) -> Decimal | str:
        """A value as GP compares it: numbers as numbers, everything else as text without case and padding."""
        match value:
            case bool():
                return str(value).upper()
            case int() | Decimal():
                return Decimal(value)
            case date():
                return value.isoformat()
            case Enum():
                word = self.dialect.words[value]
                return Decimal(word) if isinstance(word, int) else key(word)
            case _:
                return key(str(value))

    # Writing

    def _create(
        self, request: Request, resource: Resource, kind: Kind | None, module: Module, user: WindowsUser
    ) -> Response:
        draft = self._draft(_body(request), resource, kind, module)
        struck = self.faults.strike(request.method, request.path, IN_THE_BOOKS)
        document = self.company.create(draft, user.name, struck.fault if struck else None)
        if self.dialect.style is Style.PLAIN:
            return Response(200)
        return _response({self.dialect.single: {resource.fields["number"]: document.number}}, 201)

    def _make_card(self, request: Request, name: str, resource: Resource, user: WindowsUser) -> Response:
        of = _CARDS[name]
        card = self.company.make(of, self._values(_body(request), resource.fields, WRITABLE_OF[of]), user.name)
        return self._done(resource, card.id, 201)

    def _change_card(self, request: Request, name: str, resource: Resource, id: str, user: WindowsUser) -> Response:
        of, only = _CARDS[name], resource.changes is Changes.ONLY
        values = self._values(_body(request), resource.fields, WRITABLE_OF[of])
        if key(values.pop("id", id)) != key(id):
            raise Wrong(400, f"The card is not the one of the address: {id}")
        if not (self.company.customers if of is Customer else self.company.vendors)([id]):
            raise Wrong(404, "Business object not found.")
        if not only:
            values = {**_blanks(of, resource), **values}
        return self._done(resource, self.company.change(of, id, values, user.name, only=True).id, 200)

    def _done(self, resource: Resource, id: str, status: int) -> Response:
        if self.dialect.style is Style.PLAIN:
            return Response(200)
        return _response({self.dialect.single: {resource.fields["id"]: id}}, status)

    def _draft(self, body: Mapping[str, Json], resource: Resource, kind: Kind | None, module: Module) -> Draft:
        body = dict(body)
        if kind is None:
            word = body.pop(resource.fields["kind"], None)
            kind = next((k for k in Kind if k.module is module and self.dialect.words.get(k) == word), None)
            if kind is None:
                raise Wrong(400, f"'{word}' is not a valid {resource.fields['kind']}.")
        lines: dict[str, list[dict[str, Any]]] = {"distributions": [], "taxes": []}
        for attribute, nested in resource.nested.items():
            rows = body.pop(nested.name, None) or []
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise Wrong(400, f"'{nested.name}' must be a list of objects.")
            lines[attribute] = [self._values(row, nested.fields, frozenset(nested.fields)) for row in rows]
        values = self._values(body, resource.fields, _WRITABLE)
        try:
            distributions = tuple(Distribution(**line) for line in lines["distributions"])
            taxes = tuple(TaxLine(**line) for line in lines["taxes"])
        except TypeError:
            raise Wrong(400, "A distribution or a tax lacks a field.") from None
        parts = (values.get(name, ZERO) for name in ("base_amount", "freight", "miscellaneous", "tax"))
        added_up = sum(parts, ZERO) - values.get("trade_discount", ZERO)
        values = {"number": "", "party": "", "base_amount": ZERO, "document_amount": added_up, **values}
        return Draft(kind=kind, distributions=distributions, taxes=taxes, **values)

    def _values(self, body: Mapping[str, Json], names: Mapping[str, str], writable: frozenset[str]) -> dict[str, Any]:
        """The values of an object, by our own names; null is left out."""
        attributes = {wire: attribute for attribute, wire in names.items()}
        values = {}
        for wire, value in body.items():
            attribute = attributes.get(wire)
            if attribute is None or attribute not in writable:
                raise Wrong(400, f"The property '{wire}' does not exist or is read-only.")
            if value is not None:
                values[attribute] = self._value(attribute, wire, value)
        return values

    def _value(self, attribute: str, wire: str, value: Json) -> object:
        text = value if isinstance(value, str) else None
        if attribute in _AMOUNTS:
            if self.dialect.amounts_as_text and text is not None and re.fullmatch(r"-?\d+(\.\d+)?", text):
                return Decimal(text)
            if not self.dialect.amounts_as_text and isinstance(value, int | Decimal) and not isinstance(value, bool):
                return Decimal(value)
        elif attribute in _INTEGERS:
            if isinstance(value, int) and not isinstance(value, bool):
                return value
        elif attribute in _FLAGS:
            if isinstance(value, bool):
                return value
        elif attribute in _DATES:
            if text is not None:
                try:
                    return datetime.strptime(text, self.dialect.date_format).date()  # noqa: DTZ007 - a day
                except ValueError:
                    pass
        elif text is not None:
            return text
        raise Wrong(400, f"The value {json.dumps(value, default=str)} is not valid for '{wire}'.")

    # The dialect's forms

    def _row(self, record: object, names: Mapping[str, str], nested: Mapping[str, Nested]) -> dict[str, Json]:
        row = {wire: self._wire(getattr(record, attribute)) for attribute, wire in names.items()}
        for attribute, rows in nested.items():
            row[rows.name] = [self._row(line, rows.fields, {}) for line in getattr(record, attribute)]
        return row

    def _wire(self, value: object) -> Json:
        match value:
            case Decimal():
                return f"{value:.5f}" if self.dialect.amounts_as_text else value
            case date():
                return value.strftime(self.dialect.date_format)
            case Enum():
                return self.dialect.words[value]
            case _:
                return value

    def _refusal(self, refusals: Sequence[Refusal]) -> Response:
        reasons = {refusal.reason for refusal in refusals}
        told = [(refusal.reason.value, refusal.message) for refusal in refusals]
        if refusals[0].reason in self.dialect.failures:
            return _response({"Success": False, "error": {"message": told[0][1]}})
        return self._error(409 if reasons & self.dialect.conflicts else 400, told)

    def _error(self, status: int, told: Sequence[tuple[int, str]]) -> Response:
        """An error body, of numbers and messages; dialect two shows the first message only."""
        if self.dialect.style is Style.QUERY:
            errors = [{"Code": number, "Message": message} for number, message in told]
            return _response({"Status": "Error", "Errors": errors}, status)
        return _response({"error": {"message": told[0][1]}}, status)

    def _count(self, call: str) -> None:
        with self._lock:
            self._calls[call] += 1


def _blanks(of: type[Card], resource: Resource) -> dict[str, Any]:
    """What a whole card has in the fields that it leaves out; columns that the resource does not show are not its own."""
    blank = of(id="", name="", class_id="", created=EMPTY_DATE, modified=EMPTY_DATE)
    return {name: getattr(blank, name) for name in resource.fields if name in WRITABLE_OF[of] and name != "id"}


def _named(resource: Resource, names: Iterable[str]) -> dict[str, Nested]:
    return {attribute: nested for attribute, nested in resource.nested.items() if nested.name in set(names)}


def _body(request: Request) -> Mapping[str, Json]:
    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    try:
        body = json.loads(request.body, parse_float=Decimal, parse_constant=refuse)
    except ValueError:
        raise Wrong(400, "The body is not JSON.") from None
    if not isinstance(body, dict) or not isinstance(body.get("Payload"), dict):
        raise Wrong(400, "The body must be an object with a Payload.")
    payload: Mapping[str, Json] = body["Payload"]
    return payload


def _response(body: Json, status: int = 200) -> Response:
    return Response(status, _ENCODER.encode(body))
