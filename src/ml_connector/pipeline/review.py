"""Review: the plan that waits for people, and what they decide of it. Only what was looked at is approved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ml_connector.docket import review
from ml_connector.docket.people import Person
from ml_connector.docket.records import DocketRecord, DocumentRecord
from ml_connector.docket.review import Pin, Policy, pin
from ml_connector.docket.stages import Approved, Planned
from ml_connector.docket.text import headline
from ml_connector.findings import Finding, Interrupted
from ml_connector.pipeline.ports import Ledger

_CHUNK = 200


def waiting(ledger: Ledger) -> Iterator[Sequence[DocumentRecord]]:
    """The planned documents of the newest version of their source, a chunk at a time, in the order of their planning."""
    after = 0
    while records := ledger.documents((Planned,), _CHUNK, after_id=after, newest_only=True):
        after = records[-1].id
        yield records


def waiting_of(dockets: Iterable[DocketRecord]) -> list[DocumentRecord]:
    """The planned documents of these dockets. Raises Interrupted `plan.not_waiting` where one has none."""
    found: dict[int, DocumentRecord] = {}
    for docket in dockets:
        planned = [it for it in docket.documents if isinstance(it.stage, Planned)]
        if not planned:
            name = (
                docket.documents[-1].document.number if docket.documents else f"{docket.kind.value} {docket.source_id}"
            )
            raise Interrupted(review.not_waiting(name, f"stands as {headline(docket)}"))
        found |= {it.id: it for it in planned}
    return [found[id] for id in sorted(found)]


@dataclass(slots=True)
class Approval:
    """What came of a person's approval, in numbers of documents."""

    approved: int = 0
    first: int = 0  # now wait for a second person
    waiting: int = 0  # had this person's approval before, and wait for another's
    changed: list[str] = field(default_factory=list)  # since they were looked at; left as they stand


@dataclass(frozen=True, slots=True)
class Approving:
    """`authors`: who imported each version of the rulebook."""

    ledger: Ledger
    who: Person
    policy: Policy
    authors: Mapping[int, str]

    def approve(self, seen: Sequence[Pin], standing: Iterable[Sequence[DocumentRecord]]) -> Approval:
        """Approve what was seen, of these documents and as they were seen; each that changed meanwhile is left out.

        Raises Interrupted `approval.both_duties`, `approval.own_rulebook`; then nothing is approved.
        """
        for version in dict.fromkeys(it.rulebook_version for it in seen):
            refused = review.refusal(self.who, self.policy, version, self.authors.get(version, ""))
            if refused:
                raise Interrupted(refused)
        result, left = Approval(), {it.id: it for it in seen}
        named = review.digest(seen)
        for records in standing:
            same = [it for it in records if left.get(it.id) == pin(it)]
            for it in same:
                del left[it.id]
            self._approve(same, named, result)
        result.changed += [it.number for it in left.values()]
        return result

    def _approve(self, records: Sequence[DocumentRecord], named: str, result: Approval) -> None:
        moves = [move for it in records if (move := review.approval(it, self.who, self.policy, named))]
        result.waiting += len(records) - len(moves)
        for move, made in zip(moves, self.ledger.record(moves), strict=True):
            if not made:
                self._again(move.was, named, result)
            elif isinstance(move.to, Approved):
                result.approved += 1
            else:
                result.first += 1

    def _again(self, was: DocumentRecord, named: str, result: Approval) -> None:
        """Somebody was faster. If that was the other of two approvers, ours is the second."""
        now = next((it for it in self.ledger.docket(was.docket_id).documents if it.id == was.id), None)
        if now is not None and pin(now) == pin(was) and isinstance(now.stage, Planned):
            self._approve([now], named, result)
        else:
            result.changed.append(was.document.number)


def approve_by_itself(ledger: Ledger, policy: Policy) -> None:
    """What the automatic mode approves of what waits; nothing in review mode."""
    if policy.automatic:
        for records in waiting(ledger):
            ledger.record([move for it in records if (move := review.approval_by_itself(it, policy))])


def reject(it: DocumentRecord, who: Person, why: str, ledger: Ledger) -> None:
    """Hold a document that was not sent yet. Raises Interrupted `plan.not_waiting`, `plan.changed`."""
    move = review.rejection(it, who, why)
    if isinstance(move, Finding):
        raise Interrupted(move)
    if not all(ledger.record([move])):
        raise Interrupted(
            review.changed(it.document.number, "a run or another person was faster, so nothing was rejected")
        )
