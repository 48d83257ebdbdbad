"""What the ledger keeps of parties: who is whom, who may be whom, and what was about to be written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ml_connector.findings import Finding
from ml_connector.parties.matching import Bucket
from ml_connector.parties.party import Party, Role


class How(Enum):
    """How two came to be bound."""

    CERTAIN = "certain"  # by itself, where the rulebook allows it
    CONFIRMED = "confirmed"  # by a person
    CREATED = "created"  # one was made from the other
    MERGED = "merged"  # ServiceTitan merged a bound customer into this one


@dataclass(frozen=True, slots=True)
class Pair:
    """A ServiceTitan party and a GP party of one company. `company` is the rulebook's short name."""

    role: Role
    company: str
    field_id: str
    gp_id: str


@dataclass(frozen=True, slots=True)
class Binding:
    """The two are one, until it is ended. The bases are what they showed when they were last made equal."""

    id: int
    pair: Pair
    how: How
    by: str
    at: datetime
    in_field: Party
    in_books: Party
    conflict: Finding | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate as it is kept: `signs` are their words."""

    gp_id: str
    score: int
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposed:
    """Whom a ServiceTitan party may be in GP, the best first; `refused` are those that a person said no to."""

    role: Role
    company: str
    field_id: str
    bucket: Bucket
    candidates: tuple[Ranked, ...] = ()
    refused: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Claim:
    """A party that is being created: kept before anything is sent. `company` is where; "" is ServiceTitan.

    `source_id` is the party of the other side that it is made from, `target_id` what it is to be called in GP. Without a
    finding it is in doubt, and ends only by asking; with one it is held.
    """

    role: Role
    company: str
    source_id: str
    target_id: str
    digest: str
    attempt: int
    since: datetime
    finding: Finding | None = None
