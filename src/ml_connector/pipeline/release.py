"""What a person decides of a held docket: replay it, accept GP's version, skip it by hand, or enter it again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ml_connector.books.document import Standing
from ml_connector.docket import stages
from ml_connector.docket.records import Change, Decide, DocketRecord, DocumentRecord, Move
from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, Interrupted
from ml_connector.pipeline.enter import stage_of
from ml_connector.pipeline.ports import Books, Ledger


def replay(dockets: Iterable[DocketRecord], ledger: Ledger) -> list[DocketRecord]:
    """Open these dockets again, to be planned from the source with today's rulebook. Returns those that were opened.

    Refused, with a finding, while a document is in doubt, and where GP holds or held one.
    """
    opened = list(dockets)
    changes: list[Change] = []
    for docket in opened:
        refusal = _why_not_replay(docket)
        if refusal:
            raise Interrupted(refusal)
        looked_at = [it for it in docket.documents if it.was_entered]
        if looked_at:  # GP holds or held it: it is not planned anew, GP is asked again
            changes += [_look_again(it) for it in looked_at]
        else:
            _must_be_kept(docket, ledger)
            changes.append(Decide(docket.id, stages.Opened(), Event("docket.replayed", {}, docket.id)))
    ledger.record(changes)
    return opened


def skip(docket: DocketRecord, who: str, why: str, ledger: Ledger) -> None:
    """Close a docket by hand: nothing of it will be entered. The reason is kept."""
    event = Event("docket.skipped_by_hand", {"why": why}, docket.id)
    changes: list[Change] = []
    for it in docket.documents:
        if not stages.may_move(it.stage, stages.ClosedByHand(who, why)):
            raise Interrupted(_cannot(docket, it, "skipped"))
        moved = Event("document.closed_by_hand", {"why": why}, docket.id, it.document.number)
        changes.append(Move(it, stages.ClosedByHand(who, why), moved))
    if not docket.documents:
        changes.append(Decide(docket.id, stages.Skipped("by_hand", f"{who}: {why}"), event))
    ledger.record(changes)


def accept(docket: DocketRecord, why: str, books: Mapping[str, Books], ledger: Ledger) -> None:
    """Take what GP holds under our number for the document: it counts as entered from now on."""
    changes: list[Change] = []
    for it in docket.documents:
        if not isinstance(it.stage, stages.Held):
            continue
        standing = _standing(it, books)
        if standing is None or standing.voided:
            raise Interrupted(_cannot(docket, it, "accepted, for GP does not hold it"))
        detail = {"why": why, "party": standing.party_id, "amount": str(standing.amount.amount)}
        event = Event("document.accepted", detail, docket.id, it.document.number)
        stage = stage_of(standing)
        taken = replace(stage, accepted=True) if isinstance(stage, stages.Entered) else stage
        changes.append(Move(it, taken, event, standing.batch_id))
    if not changes:
        raise Interrupted(_nothing(docket, "accept", "no document of it is held"))
    ledger.record(changes)


def reenter(docket: DocketRecord, who: str, why: str, books: Mapping[str, Books], ledger: Ledger) -> None:
    """Plan a document anew under the next revision, because GP no longer holds the one that was entered."""
    again = [it for it in docket.documents if isinstance(it.stage, stages.Gone | stages.Held)]
    if not again:
        raise Interrupted(_nothing(docket, "reenter", "no document of it is gone from GP"))
    _must_be_kept(docket, ledger)
    changes: list[Change] = []
    for it in again:
        standing = _standing(it, books)
        if standing is not None and not standing.voided:
            raise Interrupted(_cannot(docket, it, f"entered again: GP holds it in {standing.state.value}"))
        if standing is None and not it.was_entered:
            raise Interrupted(_nothing(docket, "reenter", f"{it.document.number} was never entered; replay it instead"))
        closed = stages.ClosedByHand(who, f"entered again under the next revision: {why}")
        moved = Event("document.closed_by_hand", {"why": closed.why}, docket.id, it.document.number)
        changes.append(Move(it, closed, moved, spends_number=True))
    changes.append(Decide(docket.id, stages.Opened(), Event("docket.reentered", {"why": why}, docket.id)))
    ledger.record(changes)


def _must_be_kept(docket: DocketRecord, ledger: Ledger) -> None:
    """A plan is made from what was read. Opened without it, the docket would stop every run."""
    if ledger.is_erased(docket.page):
        raise Interrupted(
            Finding(
                "replay.evidence_erased",
                f"{docket.kind.value} {docket.source_id}",
                "what ServiceTitan answered was erased by retention, and a plan is made from that",
                "Enter it in GP by hand; or change the record in ServiceTitan, so that it is read again as a new version.",
            )
        )


def _look_again(it: DocumentRecord) -> Move:
    return Move(it, stages.Planned(), Event("document.replayed", {}, it.docket_id, it.document.number))


def _why_not_replay(docket: DocketRecord) -> Finding | None:
    for it in docket.documents:
        if isinstance(it.stage, stages.InDoubt):
            return Finding(
                "replay.in_doubt",
                it.document.number,
                "GP may hold it: the answer to it was lost",
                "Wait for the company's pause to pass and run again; GP is asked, and then it can be replayed.",
            )
        if not isinstance(it.stage, stages.REPLANNABLE) or (
            isinstance(it.stage, stages.ClosedByHand) and it.was_entered
        ):
            return _cannot(docket, it, "replayed")
    if not docket.documents and not isinstance(docket.stage, stages.HeldBeforePlan | stages.Skipped | stages.Waiting):
        return _nothing(docket, "replay", f"it stands as {type(docket.stage).__name__.lower()}")
    return None


def _standing(it: DocumentRecord, books: Mapping[str, Books]) -> Standing | None:
    document = it.document
    return books[document.company].find(document.kind.series, [document.number]).get(document.number)


def _cannot(docket: DocketRecord, it: DocumentRecord, done: str) -> Finding:
    stage = type(it.stage).__name__
    return Finding(
        "release.refused",
        f"{docket.kind.value} {docket.source_id}",
        f"{it.document.number} stands as {stage} and cannot be {done}",
        f"Run 'ml-connector explain' with {it.document.number} to see how it came to stand so, and what can be done.",
    )


def _nothing(docket: DocketRecord, verb: str, says: str) -> Finding:
    return Finding(
        "release.refused",
        f"{docket.kind.value} {docket.source_id}",
        f"there is nothing to {verb}: {says}",
        f"Run 'ml-connector show' with {docket.source_id} to see how it stands.",
    )
