"""The stages of a document and of a docket, and the moves between them: the state machine, and nothing else.

    Planned ──> Approved ──> InDoubt ──> Entered ──> Posted ──> Gone
                   ^  └─> Deferred ─┘│       └─> Gone
                   └─────────────────┘
    Held is reached from every stage before Posted, and left by a person: replay, accept, skip.

`InDoubt` is the claim: it is stored, durably, before anything is sent, and only asking GP ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from ml_connector.findings import Finding


@dataclass(frozen=True, slots=True)
class Planned:
    """We know what we mean to enter; people, or the automatic mode, must approve it."""

    warnings: tuple[Finding, ...] = ()  # for whoever approves it
    first: str = ""  # who approved it as the first of two


@dataclass(frozen=True, slots=True)
class Approved:
    by: str
    first: str = ""  # who approved it before, where two people must


@dataclass(frozen=True, slots=True)
class InDoubt:
    """Sent, or about to be: GP may hold it. `hash` is of the very document that was sent."""

    since: datetime
    attempt: int
    hash: str
    cause: str = "claimed"


@dataclass(frozen=True, slots=True)
class Deferred:
    """Certainly not taken by GP, for a reason that passes by itself; the next run sends it."""

    cause: str


@dataclass(frozen=True, slots=True)
class Held:
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Entered:
    """GP holds it in an unposted batch. `accepted`: a person took GP's version of it, so it is not compared with ours."""

    batch_id: str
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    batch_id: str
    audit_trail_code: str


@dataclass(frozen=True, slots=True)
class Gone:
    """It was entered and GP no longer holds it as such. It is never sent again by itself."""

    how: str  # deleted | voided | absent
    seen: datetime


@dataclass(frozen=True, slots=True)
class ClosedByHand:
    who: str
    why: str


Stage: TypeAlias = Planned | Approved | InDoubt | Deferred | Held | Entered | Posted | Gone | ClosedByHand

_MOVES: dict[type[Stage], tuple[type[Stage], ...]] = {
    Planned: (Planned, Approved, Held, ClosedByHand),
    Approved: (Planned, Approved, InDoubt, Deferred, Held, Entered, Posted, ClosedByHand),
    InDoubt: (InDoubt, Approved, Deferred, Held, Entered, Posted),
    Deferred: (Planned, Approved, Deferred, Held, ClosedByHand),
    Held: (Planned, Held, Entered, Posted, Gone, ClosedByHand),
    Entered: (Entered, Posted, Gone, Held),
    Posted: (Posted, Gone),
    Gone: (Gone, ClosedByHand, Entered, Posted),
    ClosedByHand: (Planned,),
}


def may_move(now: Stage, to: Stage) -> bool:
    return type(to) in _MOVES[type(now)]


SENDABLE = (Approved,)
"""Only an approved document is claimed, and only a claimed one is sent."""

REPLANNABLE = (Planned, Approved, Deferred, Held, ClosedByHand)
"""What a replay may plan anew. Never one in doubt; never one that GP holds or held."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Swept, not yet planned."""


@dataclass(frozen=True, slots=True)
class HeldBeforePlan:
    """No document could be planned."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Skipped:
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """ServiceTitan has not released the source yet."""

    reason: str


@dataclass(frozen=True, slots=True)
class Superseded:
    by: int  # the version that took its place


@dataclass(frozen=True, slots=True)
class HasDocuments:
    """The docket's stage is that of its documents, the worst first."""


DocketStage: TypeAlias = Opened | HeldBeforePlan | Skipped | Waiting | Superseded | HasDocuments

WORST_FIRST: tuple[type[Stage], ...] = (
    InDoubt,
    Held,
    Gone,
    Deferred,
    Planned,
    Approved,
    Entered,
    Posted,
    ClosedByHand,
)


def worst(stages: tuple[Stage, ...]) -> Stage:
    """The stage that a docket with these documents shows."""
    return min(stages, key=lambda stage: WORST_FIRST.index(type(stage)))
