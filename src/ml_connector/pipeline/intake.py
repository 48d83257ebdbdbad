"""Sweep: read what changed in ServiceTitan and open a docket for each new version. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ml_connector.docket.records import Reading
from ml_connector.field.fingerprint import fingerprint
from ml_connector.field.snapshot import Source, headline
from ml_connector.field.source import SourceKind
from ml_connector.money import Currency, Money, is_whole
from ml_connector.pipeline.ports import FieldService, Ledger, Progress


@dataclass(frozen=True, slots=True)
class Swept:
    rows: int = 0
    new: int = 0  # versions that we had not seen


def sweep(kind: SourceKind, field: FieldService, ledger: Ledger, currency: Currency, progress: Progress) -> Swept:
    """Read a feed to its end. Each page is kept whole, with the place to go on from, before the next is asked for."""
    rows = new = 0
    token = ledger.cursor(kind)
    for page in field.feed(kind, token):
        if page.sources or page.token != token:
            readings = [_reading(index, source, currency) for index, source in enumerate(page.sources)]
            new += ledger.take_page(kind, page.raw, page.token, readings)
        token = page.token
        rows += len(page.sources)
        progress(f"sweep {kind.value}s", rows, None)
    return Swept(rows, new)


def _reading(index: int, source: Source, currency: Currency) -> Reading:
    number, day, amount = headline(source)
    whole = Money(amount, currency) if amount is not None and is_whole(amount, currency) else None
    return Reading(source.id, fingerprint(source), number, day, whole, index)
