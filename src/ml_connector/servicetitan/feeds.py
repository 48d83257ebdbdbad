"""The export feeds: what changed since a place in them, page by page.

A feed ends for now when ServiceTitan says `hasMore: false`, and with nothing else: an empty page that says there is
more is followed to where it points, and one that points to where we were is an error. The token of the last page is
kept and asked again later; rows come again each time they are modified, and may come twice (API documentation,
Transactional and export APIs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ml_connector.field.feed import FeedPage
from ml_connector.field.snapshot import Source
from ml_connector.field.source import SourceKind
from ml_connector.servicetitan import errors, parse, wire
from ml_connector.servicetitan.client import Client
from ml_connector.servicetitan.errors import Unreadable

RESOURCES = {SourceKind.INVOICE: wire.INVOICE_FEED, SourceKind.BILL: wire.BILL_FEED}


class Page(Protocol):
    @property
    def token(self) -> str: ...
    @property
    def has_more(self) -> bool: ...


PageT = TypeVar("PageT", bound=Page)


@dataclass(frozen=True, slots=True)
class Rows(Generic[wire.RowT]):
    """A page of a feed that is not kept as evidence."""

    rows: Sequence[wire.RowT]
    token: str
    has_more: bool


def rows(answer: wire.FeedAnswer[wire.RowT]) -> Rows[wire.RowT]:
    return Rows(answer.data, answer.continue_from, answer.has_more)


def feed(client: Client, kind: SourceKind, token: str | None, recent: bool = True) -> Iterator[FeedPage]:
    """Pages of what changed since `token` (None: from the beginning), until there is no more for now.

    `recent` asks for the newest changes at once, at the price of rows that come twice.
    """
    return follow(client, RESOURCES[kind], token, lambda raw: read_page(kind, raw), recent)


def follow(
    client: Client, resource: wire.Resource, token: str | None, read: Callable[[bytes], PageT], recent: bool = True
) -> Iterator[PageT]:
    """Any feed: its pages, as `read` makes them."""
    seen = {token}
    while True:
        query = {"from": token} if token else {}
        query |= {"includeRecentChanges": "true"} if recent else {}
        page = client.get(resource, query, read)
        if page.has_more and page.token in seen:
            raise errors.feed_stuck(client.place(resource), f"it points back to a page that was read, {page.token!r}")
        yield page
        if not page.has_more:
            return
        token = page.token
        seen.add(token)


def read_page(kind: SourceKind, raw: bytes) -> FeedPage:
    """A page from its body; `Unintelligible` as a whole, or `Unreadable` in one row."""
    sources: tuple[Source, ...]
    if kind is SourceKind.INVOICE:
        invoices = wire.decode(wire.INVOICE_PAGE, raw, kind.value)
        sources = _each(parse.invoice, invoices.data, kind)
        return FeedPage(raw, sources, invoices.continue_from, invoices.has_more)
    bills = wire.decode(wire.BILL_PAGE, raw, kind.value)
    sources = _each(parse.bill, bills.data, kind)
    return FeedPage(raw, sources, bills.continue_from, bills.has_more)


def _each(parsed: Callable[[wire.RowT], Source], rows: list[wire.RowT], kind: SourceKind) -> tuple[Source, ...]:
    sources = []
    for row in rows:
        try:
            sources.append(parsed(row))
        except ValueError as bad:
            raise Unreadable(f"{kind.value} {row.id}", str(bad)) from None
    return tuple(sources)
