"""The one who calls ServiceTitan: signed in, paced, patient, and reading only.

There is no way to write through it: it sends GET, and the sign-in. An answer counts when its body is whole and is
what the specification promises; anything less is asked for again (`pacing.Patience`), for a read may be repeated.
A proxy that the environment names (HTTPS_PROXY, NO_PROXY) is used, as an administrator expects.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TypeVar

import httpx2

from ml_connector.servicetitan import errors, wire
from ml_connector.servicetitan.auth import Access, Token, Tokens
from ml_connector.servicetitan.errors import Trouble, Unintelligible, Unreadable
from ml_connector.servicetitan.pacing import Pacer, Patience
from ml_connector.servicetitan.wire import Listing, Resource, RowT

T = TypeVar("T")
Query = Mapping[str, str | int | Sequence[int]]

READ_TIMEOUT = 110.0  # seconds; ServiceTitan gives up after 100 (partner documentation, Timeouts and pagination)
CONNECT_TIMEOUT = 10.0
IDS_AT_ONCE = 50  # "maximum 50" (OpenAPI documents); more is refused
PAGE_SIZE = 500  # 1 to 5000 are allowed
EMPTY_PAGES_BORNE = 3


class Client:
    """One tenant of ServiceTitan, read. Safe to use from many threads; close it, or use it in a `with` block."""

    def __init__(
        self,
        access: Access,
        *,
        pacer: Pacer | None = None,
        patience: Patience | None = None,
        read_timeout: float = READ_TIMEOUT,
    ) -> None:
        self._access = access
        self._pacer = pacer or Pacer()
        self._patience = patience or Patience()
        self._http = httpx2.Client(
            timeout=httpx2.Timeout(read_timeout, connect=CONNECT_TIMEOUT),
            headers={"Accept": "application/json", "User-Agent": "ml-connector"},
        )
        self._calls = 0
        self._counting = threading.Lock()
        self._tokens = Tokens(access, self._http, self._patience, self._count)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def calls(self) -> int:
        """Requests sent so far, sign-ins and repeated ones included."""
        return self._calls

    def sign_in(self) -> None:
        """Get a token, if there is none; `Interrupted` when it is refused."""
        self._tokens.current()

    def place(self, resource: Resource) -> str:
        """How findings name what was read."""
        return f"ServiceTitan tenant {self._access.tenant_id}, {resource}"

    def get(self, resource: Resource, query: Query, decode: Callable[[bytes], T]) -> T:
        """What `decode` makes of the answer's body. It raises `Unintelligible` to have it asked for again."""
        try:
            return self._patience.ask(lambda: self._attempt(resource, query, decode))
        except Unreadable as bad:
            raise errors.unreadable(self.place(resource), bad) from None

    def pages(self, listing: Listing[RowT], query: Query | None = None, page_size: int = PAGE_SIZE) -> Iterator[RowT]:
        """Every row of a paged read, page after page, until ServiceTitan says that there is no more."""
        number = empty = 0
        more = True
        while more:
            number += 1
            answer = self.get(
                listing, {**(query or {}), "page": number, "pageSize": page_size}, lambda raw: _rows(listing, raw)
            )
            if answer.page not in (None, number):
                raise errors.filter_ignored(self.place(listing), f"page {number}", answer.page)
            empty = 0 if answer.data else empty + 1
            more = answer.has_more
            if more and empty == EMPTY_PAGES_BORNE:
                raise errors.feed_stuck(self.place(listing), f"{empty} empty pages came in a row")
            yield from answer.data

    def everything(self, listing: Listing[RowT]) -> dict[int, RowT]:
        """All rows by id, inactive ones included."""
        return {row.id: row for row in self.pages(listing, _inactive_too(listing))}

    def by_ids(self, listing: Listing[RowT], ids: Iterable[int]) -> dict[int, RowT]:
        """Those of these rows that exist, inactive ones included, by id.

        ServiceTitan ignores a filter that it does not know and answers as if none was given (observed on live
        tenants), so the rows are held against what was asked for.
        """
        found: dict[int, RowT] = {}
        wanted = sorted(set(ids))
        for start in range(0, len(wanted), IDS_AT_ONCE):
            chunk = wanted[start : start + IDS_AT_ONCE]
            asked: Query = {"ids": chunk if listing.repeats_ids else ",".join(map(str, chunk))}
            for row in self.pages(listing, {**_inactive_too(listing), **asked}, IDS_AT_ONCE):
                if row.id not in chunk:
                    raise errors.filter_ignored(self.place(listing), f"{len(chunk)} ids", row.id)
                found[row.id] = row
        return found

    def _attempt(self, resource: Resource, query: Query, decode: Callable[[bytes], T]) -> T | Trouble:
        token = self._tokens.current()
        answer = self._send(resource, query, token)
        if not isinstance(answer, Trouble) and answer.status_code == 401:
            self._tokens.refused(token)
            token = self._tokens.current()
            answer = self._send(resource, query, token)
        if isinstance(answer, Trouble):
            return answer
        place = self.place(resource)
        if answer.status_code != 200:
            return errors.refusal(place, resource.scope, answer, (*self._access.secrets, token.value))
        try:
            return decode(answer.content)
        except Unintelligible as bad:
            return errors.unintelligible(place, str(bad))

    def _send(self, resource: Resource, query: Query, token: Token) -> httpx2.Response | Trouble:
        """One GET, its body read to the end."""
        url = f"{self._access.api_url.rstrip('/')}/{resource.module}/v2/tenant/{self._access.tenant_id}/{resource.path}"
        self._pacer.wait()
        self._count()
        try:
            headers = {"Authorization": f"Bearer {token.value}", "ST-App-Key": self._access.app_key}
            return self._access.timed(lambda: self._http.get(url, params=query, headers=headers))
        except (httpx2.HTTPError, httpx2.InvalidURL) as broken:
            return errors.unreachable(self.place(resource), broken)

    def _count(self) -> None:
        with self._counting:
            self._calls += 1


def _rows(listing: Listing[RowT], raw: bytes) -> wire.ListAnswer[RowT]:
    return wire.decode(listing.decoder, raw, listing.path)


def _inactive_too(listing: Listing[RowT]) -> Query:
    return {"active": "Any"} if listing.hides_inactive else {}
