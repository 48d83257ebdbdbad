"""Speak to one company's SBA: ask for rows, enter a document. What things are called is the service map's.

Reads are repeated a few times when the wire breaks or the answer makes no sense. A create is sent once, ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TypeAlias, TypeVar
from urllib.parse import quote

import httpx2

from ml_connector.books.document import Document
from ml_connector.books.outcomes import Deferred, Entered, Entry, Exchange, InDoubt
from ml_connector.findings import Interrupted
from ml_connector.gp import errors
from ml_connector.gp.access import Access
from ml_connector.gp.errors import Said
from ml_connector.gp.json_answers import Cells, Json, decode, member, record
from ml_connector.gp.meanings import meaning, refused
from ml_connector.gp.ranges import in_ranges
from ml_connector.gp.render import body
from ml_connector.gp.row import Row, fold
from ml_connector.gp.service_map import Nested, Paging, Parameters, Resource, ServiceMap
from ml_connector.gp.told import Refusal, Taken, Told
from ml_connector.gp.windows_auth import NotSent
from ml_connector.gp.wire import Unintelligible, Unwell, Wire, cause

DEEPEST = 40  # halvings of a range of keys
DONE = frozenset({200, 201, 204})

Values: TypeAlias = Mapping[str, Sequence[str]]  # by placeholder
Condition: TypeAlias = tuple[str, Values]  # a filter of the map, and what to put in it
T = TypeVar("T")


class Sba:
    """One company over SBA. Safe to use from several threads; as many requests travel at once as there are lanes."""

    def __init__(self, access: Access, service_map: ServiceMap, sleep: Callable[[float], None] = time.sleep) -> None:
        self.access, self.map = access, service_map
        self._wire = Wire(access, access.server, "application/json", sleep)

    def __enter__(self) -> Sba:
        return self

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._wire.close()

    @property
    def wire(self) -> Wire:
        return self._wire

    @property
    def calls(self) -> int:
        """Requests sent so far; the legs of a login are not counted."""
        return self._wire.calls

    # Asking

    def rows(self, resource: Resource, *conditions: Condition, also: Parameters | None = None) -> list[Row]:
        """Every row that fits all conditions. Raises Interrupted, also where the list may have been cut off."""
        cap = self._row_cap
        cells = self._cells(resource, conditions, also or {})
        if cap and len(cells) >= cap:
            key = resource.fields.get("number", "")
            if not key or "from" not in resource.filters or "to" not in resource.filters:
                raise Interrupted(errors.truncated(resource.name, cap))
            cells = list(self._halves(resource, conditions, also or {}, cap, key, cells, DEEPEST).values())
        return [Row(resource.name, row, resource.fields, self.map.formats) for row in cells]

    def parts(self, resource: Resource, noun: str, *conditions: Condition) -> Iterator[list[Row]]:
        """Every row that fits all conditions, some at a time; `noun` is the resource's key. Where a list may be cut off it
        is read by ranges of it. Raises Interrupted, also where that cannot be done."""
        cap, key = self._row_cap, resource.fields[noun]

        def ask(low: str, high: str) -> list[Cells]:
            bounds: list[Condition] = [(name, {"value": [at]}) for name, at in (("from", low), ("to", high)) if at]
            return self._cells(resource, [*conditions, *bounds], {})

        truncated = errors.truncated(resource.name, cap)
        pages: Iterator[Sequence[Cells]] = self._pages(resource, conditions, {})
        ranged = bool(resource.filters.get("from") and resource.filters.get("to"))
        if cap and ranged:
            pages = in_ranges(ask, lambda row: fold(str(row.get(key, ""))), cap, truncated)
        read = 0
        for page in pages:
            read += len(page)
            if cap and read >= cap and not ranged:
                raise Interrupted(truncated)
            yield [Row(resource.name, row, resource.fields, self.map.formats) for row in page]

    @property
    def _row_cap(self) -> int:
        return self.map.lists.row_cap if self.access.row_cap is None else self.access.row_cap

    def chunks(self, resource: Resource, name: str, values: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """The values in groups, each small enough for one question with this filter of `{values}`."""
        chunk: list[str] = []
        for value in values:
            longer = (*chunk, value)
            query = self._query(resource, [(name, {"values": longer})])
            too_long = sum(len(_quoted(text)) for text in query.values()) > self.map.filters.longest_query
            if chunk and (too_long or len(longer) > self.map.filters.chunk):
                yield tuple(chunk)
                chunk = []
            chunk.append(value)
        if chunk:
            yield tuple(chunk)

    def sayable(self, value: str) -> bool:
        """Whether a list of values can hold this one: not where it contains what separates them."""
        return bool(value) and (bool(self.map.filters.double) or self.map.filters.join not in value)

    def record(self, resource: Resource, key: str) -> Row | None:
        """One record by its own address; None where GP has none, or the map names no such address."""
        if not resource.record:
            return None
        path = resource.record.format(key=quote(key, safe=""))
        at = self.map.creates.record  # the same envelope holds a record that is read
        cells = self._ask(resource.name, path, {}, lambda answer: record(answer, at), may_be_missing=True)
        return None if cells is None else Row(resource.name, cells, resource.fields, self.map.formats)

    def single(self, resource: Resource) -> Row:
        """The one record of a resource that has no list: the company's own."""
        at = self.map.creates.record
        cells = self._ask(resource.name, resource.path, resource.query, lambda answer: record(answer, at))
        return Row(resource.name, cells or {}, resource.fields, self.map.formats)

    def within(self, row: Row, nested: Nested) -> list[Row]:
        """The rows that a record carries under the nested name. Raises Interrupted where it has no such list."""
        cells = row.cells.get(nested.name)
        if not isinstance(cells, list) or not all(isinstance(it, dict) for it in cells):
            says = f"GP's record has no list of rows called '{nested.name}'"
            raise Interrupted(errors.misfit(f"{row.where}.{nested.name}", says))
        return [Row(row.where, it, nested.fields, self.map.formats) for it in cells]

    def nested(self, name: str, path: str, fields: Mapping[str, str]) -> list[Row]:
        """The rows below one record: its distributions. Empty where GP has no such record."""
        resource = Resource(name, path, "", {}, fields, {})
        return [
            Row(name, cells, fields, self.map.formats) for cells in self._cells(resource, (), {}, may_be_missing=True)
        ]

    def probe(self, resource: Resource) -> Cells | None:
        """One row as GP gives it, or None where there is none."""
        lists = self.map.lists
        size = {lists.size_parameter: "1"} if lists.size_parameter else {}
        rows = self._ask(resource.name, resource.path, {**resource.query, **size}, lambda answer: self._list(answer)[0])
        return rows[0] if rows else None

    def _cells(
        self,
        resource: Resource,
        conditions: Sequence[Condition],
        also: Parameters,
        may_be_missing: bool = False,
    ) -> list[Cells]:
        return [row for page in self._pages(resource, conditions, also, may_be_missing) for row in page]

    def _pages(
        self,
        resource: Resource,
        conditions: Sequence[Condition],
        also: Parameters,
        may_be_missing: bool = False,
    ) -> Iterator[list[Cells]]:
        """The pages of a list, until the server says that there is no more."""
        lists = self.map.lists
        fixed = {**resource.query, **self._query(resource, conditions), **also}
        if lists.size_parameter:
            fixed[lists.size_parameter] = str(lists.size)
        wanted = _most(conditions)
        collected = 0
        before: list[Cells] = []
        page = 1
        while True:
            position = {Paging.SKIP: collected, Paging.PAGE: page}.get(lists.paging)
            query = fixed if position is None else {**fixed, lists.position_parameter: str(position)}
            answer = self._ask(resource.name, resource.path, query, self._list, may_be_missing)
            rows, more = answer or ([], False)
            collected += len(rows)
            if rows and rows == before:
                raise Interrupted(errors.answer(resource.name, "GP gives the same page again and again"))
            if not rows and more:
                raise Interrupted(errors.answer(resource.name, "GP gives an empty page and says that there are more"))
            yield rows
            if lists.paging is Paging.NONE or (lists.paging is Paging.PAGE and not more):
                return
            if lists.paging is Paging.SKIP and (not rows or (wanted is not None and collected >= wanted)):
                return
            before, page = rows, page + 1

    def _halves(
        self,
        resource: Resource,
        conditions: Sequence[Condition],
        also: Parameters,
        cap: int,
        key: str,
        cells: list[Cells],
        depth: int,
    ) -> dict[str, Cells]:
        """The rows of a range of keys that is too full for one list: both halves, each halved again if need be."""
        keys = sorted({fold(str(row.get(key, ""))) for row in cells})
        if len(keys) < 3 or depth == 0:
            raise Interrupted(errors.truncated(resource.name, cap))
        middle = keys[len(keys) // 2]
        found: dict[str, Cells] = {}
        for bound in ("to", "from"):
            narrower = [*(c for c in conditions if c[0] != bound), (bound, {"value": [middle]})]
            half = self._cells(resource, narrower, also)
            if len(half) >= cap:
                found |= self._halves(resource, narrower, also, cap, key, half, depth - 1)
            else:
                found |= {fold(str(row.get(key, ""))): row for row in half}
        return found

    def _query(self, resource: Resource, conditions: Sequence[Condition]) -> dict[str, str]:
        """The query parameters of these conditions; two in one parameter are joined."""
        filters = self.map.filters
        query: dict[str, str] = {}
        for name, values in conditions:
            filled = {
                placeholder: filters.join.join(self._literal(value) for value in some)
                for placeholder, some in values.items()
            }
            for parameter, template in resource.filters[name].items():
                text = template.format(**filled)
                query[parameter] = f"{query[parameter]}{filters.conjunction}{text}" if parameter in query else text
        return query

    def _literal(self, value: str) -> str:
        filters = self.map.filters
        doubled = value.replace(filters.double, filters.double * 2) if filters.double else value
        return filters.value.format(value=doubled)

    def _list(self, answer: Json) -> tuple[list[Cells], bool]:
        """The rows of an answer, and whether it says that there are more."""
        lists = self.map.lists
        rows = member(answer, lists.rows)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Unintelligible(f"the answer has no list of rows at '{lists.rows}'")
        more = member(answer, lists.more) if lists.paging is Paging.PAGE else False
        if not isinstance(more, bool):
            raise Unintelligible(f"the answer does not say at '{lists.more}' whether there are more rows")
        return rows, more

    def _ask(
        self,
        name: str,
        path: str,
        query: Parameters,
        understand: Callable[[Json], T],
        may_be_missing: bool = False,
    ) -> T | None:
        """A read, asked again while the wire breaks or the answer makes no sense. None only where it may be missing."""
        address = self.access.address(path)
        url = (
            f"{address}?{'&'.join(f'{_quoted(name)}={_quoted(text)}' for name, text in query.items())}"
            if query
            else address
        )

        def ask() -> T | None:
            response = self._request("GET", url, b"", self.access.read_timeout)
            self._turned_away(response, name, address, may_be_missing)
            if response.status_code == 404:
                return None
            if response.status_code not in DONE:
                said = self._said(response)
                if response.status_code < 500 and response.status_code != 429 and said:
                    raise Interrupted(errors.answer(name, f"GP does not take the question: {errors.listing(said)}"))
                raise Unwell(f"it answers {response.status_code}")
            answer = decode(response)
            if self._failed(answer):
                raise Interrupted(errors.answer(name, f"GP refuses: {errors.listing(self._said(response))}"))
            return understand(answer)

        return self._wire.patiently(ask, lambda says: errors.answer(name, says))

    # Telling

    def enter(self, document: Document, batch_id: str) -> Entry:
        """Create the document in the batch: one request, whatever comes of it.

        Raises Interrupted where GP turned us away altogether (login, company, window, address): it did nothing.
        """
        subledger = self.map.documents(document.kind.series)
        content = body(document, batch_id, self.map)
        told = self.tell(document.kind.value, self.map.creates.verb, subledger.create[document.kind], content)
        match told:
            case Refusal(said):
                return replace(refused(said, self.map.refusals, document, batch_id), wire=told.wire)
            case Taken(cells):
                wrong = self.speaks_of(subledger.resource, "number", cells, document.number)
                return InDoubt(wrong, told.wire) if wrong else Entered(document.number, batch_id, told.wire)
            case _:
                return told

    def tell(self, name: str, verb: str, path: str, content: bytes, action: Mapping[str, str] | None = None) -> Told:
        """One write, sent once; `name` is how findings call what is written. With `action`, the headers that ask for a
        deed, it writes no record, so none is answered. A path may be a whole address.

        Raises Interrupted where GP turned us away altogether (login, company, window, address): it did nothing.
        """
        address = path if path.startswith(("http://", "https://")) else self.access.address(path)
        try:
            response = self._request(verb, address, content, self.access.write_timeout, action)
        except NotSent as error:
            return Deferred(f"nothing was sent to GP: {self._wire.broken(error).says}")
        except httpx2.TransportError as error:
            return InDoubt(f"the answer was lost: {cause(error)}", Exchange(content))
        wire = Exchange(content, b"HTTP %d\n" % response.status_code + response.content)
        return replace(self._judge(response, name, address, action is not None), wire=wire)

    def speaks_of(self, resource: Resource, noun: str, cells: Cells | None, key: str) -> str:
        """What is strange about an answer that should hold the record just written; "" where nothing is, or it is empty."""
        if cells is None:
            return ""
        try:
            told = Row(resource.name, cells, resource.fields, self.map.formats).key(noun)
        except Interrupted as error:
            return f"GP's answer is not understood: {error}"
        return "" if told == fold(key) else f"GP's answer speaks of '{told}'"

    def _judge(self, response: httpx2.Response, name: str, address: str, is_deed: bool) -> Told:
        status = response.status_code
        if status == 429:
            return Deferred("GP takes no more requests for now (429)")
        if status >= 500 or 300 <= status < 400:
            return InDoubt(f"GP answered {status}")
        if status >= 400:
            said = self._said(response)
            known = bool(said) if is_deed else any(meaning(one, self.map.refusals) for one in said)
            if status == 403 or (status in (404, 405) and not known):
                self._turned_away(response, name, address, False)
            return Refusal(said) if said else InDoubt(f"GP answered {status}, and what it says is not understood")
        if status not in DONE:
            return InDoubt(f"GP answered {status}")
        if not response.content.strip() and (is_deed or self.map.creates.may_be_empty):
            return Taken()
        try:
            answer = decode(response)
            if self._failed(answer):
                said = self._said(response)
                return Refusal(said) if said else InDoubt("GP refused, and did not say why")
            return Taken(None if is_deed else record(answer, self.map.creates.record))
        except Unintelligible as error:
            return InDoubt(f"GP's answer is not understood: {error}")

    def _said(self, response: httpx2.Response) -> list[Said]:
        """What an answer says against the request, as the map's error shape has it; empty where it is not that."""
        shape = self.map.errors
        try:
            items = member(decode(response), shape.items)
        except Unintelligible:
            return []
        found = []
        for item in items if isinstance(items, list) else [items]:
            text = member(item, shape.text)
            code = member(item, shape.code) if shape.code else ""
            if isinstance(text, str) and text.strip():
                found.append(Said("" if code in (None, "", 0) else str(code), text.strip()))
        return found

    def _failed(self, answer: Json) -> bool:
        return bool(self.map.errors.failed) and member(answer, self.map.errors.failed) is False

    # The wire

    def _request(
        self, method: str, url: str, content: bytes, timeout: float, more: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        headers = {"Content-Type": "application/json; charset=utf-8"} if content else {}
        return self._wire.send(method, url, content, timeout, {**headers, **(more or {})})

    def _turned_away(self, response: httpx2.Response, name: str, address: str, may_be_missing: bool) -> None:
        if response.status_code == 403:
            raise Interrupted(errors.forbidden(self.access.company, self.access.username, name))
        if response.status_code == 405 or (response.status_code == 404 and not may_be_missing):
            raise Interrupted(errors.missing(address, name))


def _most(conditions: Sequence[Condition]) -> int | None:
    """How many rows there can be at most, where a key is asked for by value."""
    counts = [len(some["values"]) for name, some in conditions if name in ("numbers", "ids")]
    return min(counts) if counts else None


def _quoted(text: str) -> str:
    return quote(text, safe="$'(),:/")
