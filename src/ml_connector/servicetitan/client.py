"""The one who calls ServiceTitan: signed in, paced, patient, and reading only.

There is no way to write through it: it sends GET, and the sign-in. The few writes that there are go through `door`.
An answer counts when its body is whole and is what the specification promises; anything less is asked for again
(`pacing.Patience`), for a read may be repeated.
A proxy that the environment names (HTTPS_PROXY, NO_PROXY) is used, as an administrator expects.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TypeVar

import httpx2

from ml_connector.servicetitan import errors, wire
from ml_connector.servicetitan.auth import Access, Tokens
from ml_connector.servicetitan.errors import Trouble, Unintelligible, Unreadable
from ml_connector.servicetitan.pacing import Pacer, Patience
from ml_connector.servicetitan.wire import Listing, Resource, RowT

T = TypeVar("T")
Query = Mapping[str, str | int | Sequence[int] | Sequence[str]]

READ_TIMEOUT = 110.0  # seconds; ServiceTitan gives up after 100 (partner documentation, Timeouts and pagination)
CONNECT_TIMEOUT = 10.0
IDS_AT_ONCE = 50  # "maximum 50" (OpenAPI documents); more is refused
PAGE_SIZE = 500  # 1 to 5000 are allowed
EMPTY_PAGES_BORNE = 3


def tls() -> ssl.SSLContext:
    """How ServiceTitan's certificates are judged: by the authorities that the machine, or SSL_CERT_FILE, names."""
    return httpx2.create_ssl_context()


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
            verify=tls(),
            timeout=httpx2.Timeout(read_timeout, connect=CONNECT_TIMEOUT),
            headers={"Accept": "application/json", "User-Agent": "ml-connector"},
        )
        self._calls = self._throttled = 0
        self._counting = threading.Lock()
        self._tokens = Tokens(access, self._http, self._patience, lambda: self._count(calls=1))

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, it: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def http(self) -> httpx2.Client:
        """For `door` alone."""
        return self._http

    @property
    def access(self) -> Access:
        """For `door` alone."""
        return self._access

    @property
    def calls(self) -> int:
        """Requests sent so far, sign-ins and repeated ones included."""
        return self._calls

    @property
    def throttled(self) -> int:
        """How many of them were answered 'too many calls'."""
        return self._throttled

    def sign_in(self) -> None:
        """Get a token, if there is none; `Interrupted` when it is refused."""
        self._tokens.current()

    def place(self, resource: object) -> str:
        """How findings name what was read or written."""
        return f"ServiceTitan tenant {self._access.tenant_id}, {resource}"

    def url(self, module: str, path: str) -> str:
        return f"{self._access.api_url.rstrip('/')}/{module}/v2/tenant/{self._access.tenant_id}/{path}"

    def get(self, resource: Resource, query: Query, decode: Callable[[bytes], T]) -> T:
        """What `decode` makes of the answer's body. It raises `Unintelligible` to have it asked for again."""
        try:
            return self._patience.ask(lambda: self._attempt(resource, query, decode))
        except Unreadable as bad:
            raise errors.unreadable(self.place(resource), bad) from None

    def count(self, listing: Listing[RowT], query: Query | None = None) -> int:
        """How many rows a paged read has, inactive ones included."""
        asked: Query = {**_inactive_too(listing), **(query or {}), "page": 1, "pageSize": 1, "includeTotal": "true"}
        return self.get(listing, asked, lambda raw: _total(listing, raw))

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

    def by_ids(self, listing: Listing[RowT], ids: Iterable[int], also: Query | None = None) -> dict[int, RowT]:
        """Those of these rows that exist, inactive ones included, by id; `also` goes with each question.

        ServiceTitan ignores a filter that it does not know and answers as if none was given (observed on live
        tenants), so the rows are held against what was asked for.
        """
        found: dict[int, RowT] = {}
        wanted = sorted(set(ids))
        for start in range(0, len(wanted), IDS_AT_ONCE):
            chunk = wanted[start : start + IDS_AT_ONCE]
            asked: Query = {"ids": chunk if listing.repeats_ids else ",".join(map(str, chunk))}
            for row in self.pages(listing, {**_inactive_too(listing), **(also or {}), **asked}, IDS_AT_ONCE):
                if row.id not in chunk:
                    raise errors.filter_ignored(self.place(listing), f"{len(chunk)} ids", row.id)
                found[row.id] = row
        return found

    def signed_in(self, send: Callable[[Mapping[str, str]], httpx2.Response | T]) -> httpx2.Response | T:
        """What `send` brings with our headers; where ServiceTitan refuses the token (401, so it did nothing), what it
        brings once more with a new one. Paced and counted. `Interrupted` where there is no token to be had."""
        for _ in range(2):
            token = self._tokens.current()
            self._pacer.wait()
            self._count(calls=1)
            answer = send({"Authorization": f"Bearer {token.value}", "ST-App-Key": self._access.app_key})
            if not isinstance(answer, httpx2.Response) or answer.status_code != 401:
                return answer
            self._tokens.refused(token)
        return answer

    def refusal(self, resource: object, scope: str, answer: httpx2.Response) -> Trouble:
        """What an answer other than 200 means, no secret quoted."""
        return errors.refusal(self.place(resource), scope, answer, self._secrets(answer))

    def said(self, answer: httpx2.Response) -> str:
        """What an answer says against the request, no secret quoted; "" where it is no error of the API's."""
        return errors.told_by(answer.content, self._secrets(answer))

    def heard(self, answer: httpx2.Response) -> bytes:
        """The body of an answer, to be kept as evidence: no secret in it, even where it throws back what it was sent."""
        content = answer.content
        for secret in filter(None, self._secrets(answer)):
            content = content.replace(secret.encode(), b"[secret]")
        return content

    def _secrets(self, answer: httpx2.Response) -> tuple[str, ...]:
        return *self._access.secrets, answer.request.headers.get("Authorization", "").removeprefix("Bearer ")

    def _attempt(self, resource: Resource, query: Query, decode: Callable[[bytes], T]) -> T | Trouble:
        answer = self.signed_in(partial(self._ask, resource, query))
        if isinstance(answer, Trouble):
            return answer
        if answer.status_code == 429:
            self._count(throttled=1)
        if answer.status_code != 200:
            return self.refusal(resource, resource.scope, answer)
        try:
            return decode(answer.content)
        except Unintelligible as bad:
            return errors.unintelligible(self.place(resource), str(bad))

    def _ask(self, resource: Resource, query: Query, headers: Mapping[str, str]) -> httpx2.Response | Trouble:
        """One GET, its body read to the end."""
        url = self.url(resource.module, resource.path)
        try:
            return self._access.timed(lambda: self._http.get(url, params=query, headers=headers))
        except (httpx2.HTTPError, httpx2.InvalidURL) as broken:
            return errors.unreachable(self.place(resource), broken)

    def _count(self, calls: int = 0, throttled: int = 0) -> None:
        with self._counting:
            self._calls += calls
            self._throttled += throttled


def _rows(listing: Listing[RowT], raw: bytes) -> wire.ListAnswer[RowT]:
    return wire.decode(listing.decoder, raw, listing.path)


def _total(listing: Listing[RowT], raw: bytes) -> int:
    total = _rows(listing, raw).total_count
    if total is None:
        raise Unintelligible("the total was asked for, and is not told")
    return total


def _inactive_too(listing: Listing[RowT]) -> Query:
    return {"active": "Any"} if listing.hides_inactive else {}
