"""Sweep: read what changed in ServiceTitan and open a docket for each new version. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ml_connector.docket.records import Reading
from ml_connector.field.fingerprint import fingerprint
from ml_connector.field.snapshot import Source, headline
from ml_connector.field.source import SourceKind
from ml_connector.money import Currency, Money, is_whole
from ml_connector.pipeline.ports import FieldService, Ledger


@dataclass(frozen=True, slots=True)
class Swept:
    rows: int = 0
    new: int = 0  # versions that we had not seen


class Sweeping:
    """One feed, read a page at a time. Each page is kept whole, with the place to go on from, before the next."""

    def __init__(self, kind: SourceKind, field: FieldService, ledger: Ledger, currency: Currency) -> None:
        self._kind, self._ledger, self._currency = kind, ledger, currency
        self._token = ledger.cursor(kind)
        self._pages = field.feed(kind, self._token)

    def page(self) -> tuple[Swept, bool]:
        """What the next page brought, and whether there is more."""
        page = next(self._pages)
        new = 0
        if page.sources or page.token != self._token:
            readings = [_reading(index, source, self._currency) for index, source in enumerate(page.sources)]
            new = self._ledger.take_page(self._kind, page.raw, page.token, readings)
        self._token = page.token
        return Swept(len(page.sources), new), page.has_more


def _reading(index: int, source: Source, currency: Currency) -> Reading:
    number, day, amount = headline(source)
    whole = Money(amount, currency) if amount is not None and is_whole(amount, currency) else None
    return Reading(source.id, fingerprint(source), number, day, whole, index)
