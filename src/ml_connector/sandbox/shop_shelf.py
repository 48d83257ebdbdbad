"""Where the shop keeps its records, and the two ways to read them: paged lists and change feeds.

After the partner documentation on pagination and on transactional and export APIs, and the official OpenAPI
documents (v2, 2026-07-01). Unknown query parameters are ignored, as live tenants do; a known one with a wrong
value is answered with 400.
"""

from __future__ import annotations

import base64
import re
import secrets
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from ml_connector.sandbox.faults import Fault, Faults
from ml_connector.sandbox.moments import Moment, from_text
from ml_connector.sandbox.serving import Request, Response, as_json
from ml_connector.sandbox.shop_rows import Row

MOST_IDS = 50
MOST_ROWS = 5000

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Kept(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def active(self) -> bool: ...
    @property
    def created(self) -> Moment: ...
    @property
    def modified(self) -> Moment: ...


R = TypeVar("R", bound=Kept)
Query = Mapping[str, Sequence[str]]
Fits = Callable[[R], bool]
Filter = Callable[[Sequence[str]], Fits[R]]  # from the values of one parameter; ValueError when they make no sense


class BadQuery(Exception):
    """A parameter or a field that cannot be understood, or asks for too much."""

    def __init__(self, name: str, says: str) -> None:
        super().__init__(f"{name}: {says}")
        self.name, self.says = name, says


@dataclass(frozen=True, slots=True)
class Fixture:
    """A record that never changes, with its row ready made."""

    id: int
    row: Row
    created: Moment
    modified: Moment
    active: bool = True


class Shelf(Generic[R]):
    """Records of one kind, by id and in the order in which they last changed."""

    def __init__(self, records: Iterable[R]) -> None:
        self._kept = {it.id: it for it in records}
        self._changes = sorted((it.modified, it.id) for it in self._kept.values())
        self._encoded: dict[tuple[Callable[[R], Row], int], tuple[R, bytes]] = {}

    def __iter__(self) -> Iterator[R]:
        return iter(sorted(self._kept.values(), key=lambda it: it.id))

    def __getitem__(self, id: int) -> R:
        return self._kept[id]

    def among(self, ids: Iterable[int]) -> Iterator[R]:
        return (self._kept[id] for id in sorted(set(ids)) if id in self._kept)

    def put(self, record: R) -> None:
        old = self._kept.get(record.id)
        if old is not None:
            del self._changes[bisect_left(self._changes, (old.modified, old.id))]
        self._kept[record.id] = record
        insort(self._changes, (record.modified, record.id))

    def changed_after(self, place: tuple[Moment, int], most: int) -> tuple[list[R], bool]:
        """At most `most` records changed after `place` (instant, id), oldest change first, and whether there are more."""
        start = bisect_right(self._changes, place)
        found = self._changes[start : start + most]
        return [self._kept[id] for _, id in found], start + most < len(self._changes)

    def encoded(self, record: R, row: Callable[[R], Row]) -> bytes:
        """The record as JSON by `row`; made once for each state of the record."""
        cached = self._encoded.get((row, record.id))
        if cached is None or cached[0] is not record:
            cached = record, _ENCODER.encode(row(record))
            self._encoded[row, record.id] = cached
        return cached[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[R]):
    """A paged list. `repeated_ids`: ids come as a repeated parameter and not in one value with commas.

    `row_for` and `filters_for` are in place of `row` and `filters` where these depend on the whole query.
    """

    shelf: Shelf[R]
    row: Callable[[R], Row]
    scope: str
    ids: bool = True
    repeated_ids: bool = False
    activity: str = ""  # the parameter that lets inactive rows in: active, activeState, or none
    filters: Mapping[str, Filter[R]] = field(default_factory=dict)
    row_for: Callable[[Query], Callable[[R], Row]] | None = None
    filters_for: Callable[[Query], Mapping[str, Filter[R]]] | None = None

    def answer(self, request: Request) -> Response:
        query = request.query
        page, size = _count(query, "page", 1), _count(query, "pageSize", 50)
        if size > MOST_ROWS:
            raise BadQuery("pageSize", f"The value must be between 1 and {MOST_ROWS}.")
        found = _sorted(self._found(query), query)
        rows = found[(page - 1) * size : page * size]
        total = len(found) if _flag(query, "includeTotal") else None
        head = {"page": page, "pageSize": size, "hasMore": page * size < len(found), "totalCount": total}
        row = self.row_for(query) if self.row_for else self.row
        return _answer(head, [self.shelf.encoded(it, row) for it in rows])

    def _found(self, query: Query) -> list[R]:
        if self.ids and "ids" in query:
            values = query["ids"] if self.repeated_ids else query["ids"][0].split(",")
            ids = _understood("ids", lambda: [int(it) for it in values])
            if len(ids) > MOST_IDS:
                raise BadQuery("ids", f"The maximum number of ids is {MOST_IDS}.")
            found: Iterable[R] = self.shelf.among(ids)
        else:
            found = self.shelf
        for fits in self._conditions(query):
            found = filter(fits, found)
        return list(found)

    def _conditions(self, query: Query) -> Iterator[Fits[R]]:
        wanted = _activity(self.activity, query)
        if wanted is not None:
            yield lambda it: it.active is wanted
        instants: Mapping[str, Filter[R]] = {
            "modifiedOnOrAfter": at_or_after(lambda it: it.modified),
            "modifiedBefore": before(lambda it: it.modified),
            "createdOnOrAfter": at_or_after(lambda it: it.created),
            "createdBefore": before(lambda it: it.created),
        }
        of_query = self.filters_for(query) if self.filters_for else {}
        for name, make in {**instants, **self.filters, **of_query}.items():
            if name in query:
                yield _understood(name, lambda make=make, name=name: make(query[name]))  # type: ignore[misc]


class _Place(NamedTuple):
    """How far a reader of a feed has come. An empty page only moves `turn` on."""

    modified: Moment
    id: int
    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed(Generic[R]):
    """An export feed: every record again each time it changes, inactive ones too, behind an opaque token."""

    name: str
    shelf: Shelf[R]
    row: Callable[[R], Row]
    scope: str
    page_rows: int
    faults: Faults

    def answer(self, request: Request) -> Response:
        sent = request.query.get("from", [""])[0]
        place = self._place(sent)
        recent = _flag(request.query, "includeRecentChanges")
        if self.faults.strike(request.method, request.path, {Fault.EMPTY_PAGE}):
            return _answer({"hasMore": True, "continueFrom": self._token(place._replace(turn=place.turn + 1))}, [])
        records, more = self.shelf.changed_after((place.modified, place.id), self.page_rows)
        rows = [self.shelf.encoded(it, self.row) for it in records]
        if sent and self.faults.strike(request.method, request.path, {Fault.REPEATED_TOKEN}):
            return _answer({"hasMore": True, "continueFrom": sent}, rows)
        if records and (more or not recent):
            place = _Place(records[-1].modified, records[-1].id)
        elif len(records) > 1:  # recent changes may come twice: the last row will come again
            place = _Place(records[-2].modified, records[-2].id)
        return _answer({"hasMore": more, "continueFrom": self._token(place)}, rows)

    def _token(self, place: _Place) -> str:
        text = f"{self.name} {place.modified} {place.id} {place.turn}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _place(self, sent: str) -> _Place:
        """Where the feed goes on: a date means from its first instant, nothing from the beginning."""
        if not sent:
            return _Place(0, -1)
        if re.match(r"\d{4}-\d\d-\d\d", sent):
            return _Place(_understood("from", lambda: from_text(sent)), -1)
        return _understood("from", lambda: self._read(sent))

    def _read(self, token: str) -> _Place:
        name, *place = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split(" ")
        if name != self.name:
            raise ValueError(token)
        modified, id, turn = map(int, place)
        return _Place(modified, id, turn)


# ---- filters


def numbered(of: Callable[[R], int | None]) -> Filter[R]:
    def make(values: Sequence[str]) -> Fits[R]:
        wanted = int(values[0])
        return lambda it: of(it) == wanted

    return make


def numbered_among(of: Callable[[R], int | None]) -> Filter[R]:
    def make(values: Sequence[str]) -> Fits[R]:
        wanted = {int(it) for it in values[0].split(",")}
        return lambda it: of(it) in wanted

    return make


def texted(of: Callable[[R], str | None]) -> Filter[R]:
    return lambda values: lambda it: of(it) == values[0]


def said(of: Callable[[R], str | None]) -> Filter[R]:
    """The same text, whatever the case."""
    return lambda values: lambda it: (of(it) or "").casefold() == values[0].casefold()


def texted_among(of: Callable[[R], str], choices: Sequence[str]) -> Filter[R]:
    """A parameter repeated for each value, each one of `choices`."""

    def make(values: Sequence[str]) -> Fits[R]:
        if not set(values) <= set(choices):
            raise ValueError(values)
        return lambda it: of(it) in values

    return make


def at_or_after(of: Callable[[R], Moment]) -> Filter[R]:
    def make(values: Sequence[str]) -> Fits[R]:
        bound = from_text(values[0])
        return lambda it: of(it) >= bound

    return make


def before(of: Callable[[R], Moment]) -> Filter[R]:
    def make(values: Sequence[str]) -> Fits[R]:
        bound = from_text(values[0])
        return lambda it: of(it) < bound

    return make


# ---- reading a query, writing an answer


def problem(status: int, title: str, errors: Mapping[str, Sequence[str]]) -> Response:
    """The API's error answer: the official `ApiErrorResponse`."""
    trace = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    kind = f"https://tools.ietf.org/html/rfc7231#section-6.5.{1 if status == 400 else 4}"
    return as_json(
        {"type": kind, "title": title, "status": status, "traceId": trace, "errors": errors, "data": {}}, status
    )


T = TypeVar("T")
_ACTIVITIES: Mapping[str, Mapping[str, bool | None]] = {
    "active": {"True": True, "False": False, "Any": None},
    "activeState": {"ActiveOnly": True, "InactiveOnly": False, "All": None},
}
_ORDERS: Mapping[str, Callable[[Kept], tuple[int, int]]] = {
    "id": lambda it: (it.id, 0),
    "modifiedon": lambda it: (it.modified, it.id),
    "createdon": lambda it: (it.created, it.id),
}


def _understood(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as wrong:
        raise BadQuery(name, "The value is not valid.") from wrong


def _count(query: Query, name: str, default: int) -> int:
    number = _understood(name, lambda: int(query[name][0])) if name in query else default
    if number < 1:
        raise BadQuery(name, "The value must be 1 or more.")
    return number


def _flag(query: Query, name: str) -> bool:
    text = query.get(name, ["false"])[0].lower()
    if text not in ("true", "false"):
        raise BadQuery(name, "The value is not valid.")
    return text == "true"


def _activity(parameter: str, query: Query) -> bool | None:
    """Which rows are wanted: active, inactive, or (None) both. Active ones when nothing is said."""
    if not parameter:
        return True
    choices, value = _ACTIVITIES[parameter], query.get(parameter, [""])[0]
    if value and value not in choices:
        raise BadQuery(parameter, "The value is not valid.")
    return choices[value] if value else True


def _sorted(found: list[R], query: Query) -> list[R]:
    text = query.get("sort", [""])[0]
    if text:
        order = _ORDERS.get(text.lstrip("+- ").lower())
        if order is None:
            raise BadQuery("sort", "The value is not valid.")
        found.sort(key=order, reverse=text.startswith("-"))
    return found


def one(row: Row) -> Response:
    """The answer that holds one record."""
    return Response(200, _ENCODER.encode(row))


def _answer(head: Mapping[str, object], rows: Iterable[bytes]) -> Response:
    return Response(200, _ENCODER.encode(head)[:-1] + b',"data":[' + b",".join(rows) + b"]}")
