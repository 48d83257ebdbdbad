"""One page of a feed: what ServiceTitan answered, and where to go on reading."""

from __future__ import annotations

from dataclasses import dataclass

from ml_connector.field.snapshot import Source


@dataclass(frozen=True, slots=True)
class FeedPage:
    raw: bytes  # the answer's body, kept as evidence
    sources: tuple[Source, ...]  # in the order of the rows of `raw`
    token: str  # continueFrom: the place to go on from, also when there is no more for now
    has_more: bool
