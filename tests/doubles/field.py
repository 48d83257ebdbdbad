"""A ServiceTitan tenant in memory: it fills the port `FieldService`. Each change puts the source at the feed's end."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ml_connector.field.feed import FeedPage
from ml_connector.field.party import Customer, Job, PurchaseOrder, TaxZone
from ml_connector.field.snapshot import Source, kind_of
from ml_connector.field.source import SourceKind
from tests.builders import a_tax_zone

_ROWS = 3  # a page is small, so that a story has several


@dataclass
class Tenant:
    changes: list[Source] = field(default_factory=list)

    def tells(self, *sources: Source) -> None:
        """These were made or changed in ServiceTitan."""
        self.changes += sources

    def feed(self, kind: SourceKind, token: str | None) -> Iterator[FeedPage]:
        rows = [it for it in self.changes if kind_of(it) is kind]
        start = int(token or 0)
        while True:
            page = tuple(rows[start : start + _ROWS])
            start += len(page)
            more = start < len(rows)
            yield FeedPage(pickle.dumps(page), page, str(start), more)
            if not more:
                return

    def read(self, kind: SourceKind, raw: bytes) -> tuple[Source, ...]:
        sources: tuple[Source, ...] = pickle.loads(raw)
        return sources

    def customers(self, ids: Sequence[int]) -> Mapping[int, Customer]:
        return {}

    def jobs(self, ids: Sequence[int]) -> Mapping[int, Job]:
        return {}

    def purchase_orders(self, ids: Sequence[int]) -> Mapping[int, PurchaseOrder]:
        return {}

    def tax_zones(self) -> Mapping[int, TaxZone]:
        return {55: a_tax_zone()}
