"""The trail: every decision, request and answer, in order, each entry bound to the one before it by its hash.

Entries hold hashes of evidence and never the evidence itself, so that retention can erase personal data and the chain
still verifies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import msgspec

Detail: TypeAlias = Mapping[str, object]  # JSON values

FIRST = "0" * 64


@dataclass(frozen=True, slots=True)
class Event:
    """Something decided or done, before the trail has numbered it."""

    name: str  # "document.entered"
    detail: Detail
    docket_id: int | None = None
    number: str = ""  # of the document, where it concerns one


@dataclass(frozen=True, slots=True)
class TrailEntry:
    seq: int  # 1, 2, ... without gaps, per connection
    at: datetime  # UTC
    actor: str
    event: Event
    previous_hash: str
    hash: str


def entry(seq: int, at: datetime, actor: str, event: Event, previous_hash: str) -> TrailEntry:
    return TrailEntry(seq, at, actor, event, previous_hash, _hash(seq, at, actor, event, previous_hash))


def first_break(entries: Iterable[TrailEntry], previous_hash: str = FIRST, seq: int = 0) -> int | None:
    """The number of the first entry that was changed, removed or put in; None if the chain holds."""
    for it in entries:
        seq += 1
        if it.seq != seq or it.previous_hash != previous_hash:
            return seq
        if it.hash != _hash(it.seq, it.at, it.actor, it.event, previous_hash):
            return seq
        previous_hash = it.hash
    return None


def _hash(seq: int, at: datetime, actor: str, event: Event, previous_hash: str) -> str:
    moment = at.isoformat(timespec="microseconds")
    parts = (previous_hash, seq, moment, actor, event.name, event.docket_id, event.number, event.detail)
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()
