"""Plan every opened docket: from a source to documents, or to the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ml_connector.books import outcomes
from ml_connector.books.canonical import digest
from ml_connector.books.document import Document
from ml_connector.checks import run as checks
from ml_connector.docket import stages
from ml_connector.docket.records import Change, Decide, DocketRecord, DocumentRecord, Plan
from ml_connector.docket.review import AUTOMATIC, Policy
from ml_connector.docket.stages import Stage
from ml_connector.docket.text import stage_name
from ml_connector.docket.trail import Event
from ml_connector.field.snapshot import Snapshot
from ml_connector.findings import Finding, holding, told
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.plan import plan
from ml_connector.pipeline.gather import Gatherer
from ml_connector.pipeline.ports import Ledger

_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Advance:
    """Plans the dockets of one run. What `policy` approves by itself is approved at once; the rest waits for people."""

    ledger: Ledger
    gatherer: Gatherer
    rulebook_version: int
    policy: Policy

    def chunk_after(self, after: int) -> tuple[int, int]:
        """Plan the next opened dockets after this one, oldest first, in one transaction: how many, and the last of them."""
        dockets = self.ledger.opened(_CHUNK, after)
        if dockets:
            self.chunk(dockets)
            after = dockets[-1].id
        return len(dockets), after

    def chunk(self, dockets: Sequence[DocketRecord]) -> None:
        changes: list[Change] = []
        ready: list[tuple[DocketRecord, outcomes.Ready]] = []
        snapshots = self.gatherer.snapshots(dockets)
        frame = self.gatherer.frame
        newest = {(it.kind, it.source_id): it.id for it in dockets}  # oldest first, so that the last one stays
        for docket, snapshot in zip(dockets, snapshots, strict=True):
            if docket.id != newest[docket.kind, docket.source_id]:
                continue  # it gives way to a newer version before it was ever planned
            earlier = self.ledger.earlier(docket) if docket.version > 1 else ()
            if any(isinstance(d.stage, stages.InDoubt) for it in earlier for d in it.documents):
                continue  # it waits until the older version is settled
            decided = self._decide(docket, snapshot, earlier, frame)
            if isinstance(decided, outcomes.Ready):
                ready.append((docket, decided))
            else:
                changes.append(decided)
            changes += _supersede(docket, earlier)
        changes += self._checked(ready)
        self.ledger.record(changes)

    def _decide(
        self, docket: DocketRecord, snapshot: Snapshot, earlier: Sequence[DocketRecord], frame: Frame
    ) -> Decide | outcomes.Ready:
        entered = [d for it in earlier for d in it.documents if d.was_entered]
        revision = 1 + max((d.revision for d in docket.documents if d.was_entered), default=0)
        ended = plan(snapshot, frame, revision)
        if entered:
            return self._after_entry(docket, ended, entered, earlier, frame)
        match ended:
            case outcomes.Ready():
                return ended
            case outcomes.Held(findings):
                return Decide(docket.id, stages.HeldBeforePlan(findings), _held(docket, findings), True)
            case outcomes.Skipped(code, reason):
                event = Event("docket.skipped", {"code": code, "reason": reason}, docket.id)
                return Decide(docket.id, stages.Skipped(code, reason), event, True)
            case outcomes.Waiting(reason):
                event = Event("docket.waiting", {"reason": reason}, docket.id)
                return Decide(docket.id, stages.Waiting(reason), event, True)

    def _after_entry(
        self,
        docket: DocketRecord,
        ended: outcomes.Plan,
        entered: Sequence[DocumentRecord],
        earlier: Sequence[DocketRecord],
        frame: Frame,
    ) -> Decide:
        """The source changed after its document was entered: is that anything to the books?

        The older version is planned again with today's rulebook, so that a changed rulebook is not taken for a changed
        source. Where retention has erased it, whatever differs is taken for a change.
        """
        before = next(it for it in reversed(earlier) if any(d.was_entered for d in it.documents))
        if _hashes(ended) == {d.hash for d in before.documents if d.was_entered}:
            unchanged = True
        elif self.ledger.is_erased(before.page):
            unchanged = False  # nobody can say any more: a person looks
        else:
            (snapshot,) = self.gatherer.snapshots([before])
            unchanged = isinstance(ended, outcomes.Ready) and _hashes(plan(snapshot, frame)) == _hashes(ended)
        if unchanged:
            reason = "what changed in ServiceTitan changes nothing in the books: " + entered[-1].document.number
            event = Event("docket.skipped", {"code": "source.same_in_books", "reason": reason}, docket.id)
            return Decide(docket.id, stages.Skipped("source.same_in_books", reason), event)
        finding = _edited_after_entry(docket, ended, entered[-1])
        return Decide(docket.id, stages.HeldBeforePlan((finding,)), _held(docket, (finding,)))

    def _checked(self, ready: Sequence[tuple[DocketRecord, outcomes.Ready]]) -> Iterable[Change]:
        """Run the checks on what was planned, with GP's facts of this moment."""
        desks = self.gatherer.desks
        for name, desk in desks.items():
            desk.ask_vendor_invoices(d for _, it in ready for d in it.documents if d.company == name)
        for docket, it in ready:
            documents: list[tuple[Document, str, Stage]] = []
            warnings: list[Finding] = []
            for document in it.documents:
                desk = desks[document.company]
                findings = checks.run(document, desk.facts)
                stage = self._stage(document, findings)
                warnings += [finding for finding in findings if finding.warns]
                if not isinstance(stage, stages.Held):
                    desk.claim_vendor_invoice(document)
                documents.append((document, digest(document), stage))
            yield Plan(
                docket.id,
                tuple(documents),
                self.rulebook_version,
                _planned(docket, documents, warnings, self.rulebook_version),
                revision=1 + max((d.revision for d in docket.documents if d.was_entered), default=0),
            )

    def _stage(self, document: Document, findings: Sequence[Finding]) -> Stage:
        if held := holding(findings):
            return stages.Held(held)
        if self.policy.approves_by_itself(document.amount):
            return stages.Approved(AUTOMATIC)
        return stages.Planned(tuple(findings))


def _supersede(docket: DocketRecord, earlier: Sequence[DocketRecord]) -> Iterable[Decide]:
    """Older versions that never reached GP give way to this one."""
    for it in earlier:
        if not any(d.was_entered for d in it.documents) and not isinstance(it.stage, stages.Superseded):
            event = Event("docket.superseded", {"by": docket.version}, it.id)
            yield Decide(it.id, stages.Superseded(docket.version), event, drop_documents=True)


def _hashes(ended: outcomes.Plan) -> set[str]:
    return {digest(document) for document in ended.documents} if isinstance(ended, outcomes.Ready) else set()


def _edited_after_entry(docket: DocketRecord, ended: outcomes.Plan, entered: DocumentRecord) -> Finding:
    now = ended.documents[0].amount if isinstance(ended, outcomes.Ready) else None
    change = f"it would now be {now}" if now is not None else "it would now not be entered"
    return Finding(
        "source.edited_after_entry",
        f"{docket.kind.value} {docket.source_id}, version {docket.version}",
        f"it was changed in ServiceTitan after {entered.document.number} was entered for {entered.document.amount}; "
        f"{change}",
        "Correct the document in GP by hand (delete it from its unposted batch or credit it), then run 'ml-connector skip' "
        "with the reason; or undo the change in ServiceTitan.",
    )


def _held(docket: DocketRecord, findings: Iterable[Finding]) -> Event:
    return Event("docket.held", {"findings": told(findings)}, docket.id)


def _planned(
    docket: DocketRecord, documents: Sequence[tuple[Document, str, Stage]], warnings: Iterable[Finding], version: int
) -> Event:
    return Event(
        "docket.planned",
        {
            "rulebook": version,
            "page": docket.page,
            "row": docket.index,
            "documents": [
                {
                    "number": document.number,
                    "hash": hash,
                    "amount": str(document.amount.amount),
                    "stage": stage_name(stage),
                    "findings": told(stage.findings) if isinstance(stage, stages.Held) else [],
                }
                for document, hash, stage in documents
            ],
            "warnings": told(warnings),
        },
        docket.id,
        documents[0][0].number if documents else "",
    )
