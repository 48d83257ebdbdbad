"""Enter approved documents, each at most once.

Look, check, claim, send. Looking and checking are done for many documents at a time; the claim is stored for one,
durably, before that one is sent. GP has no idempotency key: what makes a second copy impossible is that a document is
sent only by whoever won its claim, that a claim ends only by asking GP, and that GP refuses a number it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum, auto
from typing import assert_never

from ml_connector.books import compare, outcomes
from ml_connector.books.batch import BatchKey, key_of
from ml_connector.books.document import Document, DocumentKind, Standing, StandingState
from ml_connector.books.period import SUBLEDGERS
from ml_connector.checks import run as checks
from ml_connector.docket import stages
from ml_connector.docket.records import DocumentRecord, Move
from ml_connector.docket.stages import Stage
from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, holding, told
from ml_connector.pipeline.gather import CompanyDesk
from ml_connector.pipeline.ports import Clock, Ledger, Progress

_CHUNK = 100
_PATIENCE = 5  # lost answers one after the other before a company is left alone for this run


class Halt(Enum):
    """Why the documents of a company were not all tried."""

    DISTRIBUTIONS_DIFFER = auto()
    GP_DOES_NOT_ANSWER = auto()


@dataclass
class Entering:
    """The documents of one company, during one run. Pauses are in seconds."""

    company: str
    desk: CompanyDesk
    ledger: Ledger
    clock: Clock
    run_id: int
    prefix: str
    day: date  # names the batches
    pause: float  # how long a lost answer is left alone before GP is asked: longer than GP's own timeout
    dry: bool = False
    halted: Halt | None = None
    would_hold: list[Finding] = field(default_factory=list)  # of a dry run
    would_enter: int = 0
    entered: int = 0
    tried: int = 0
    stopping: Callable[[], bool] = lambda: False  # asked between two documents
    _batches: dict[BatchKey, str] = field(default_factory=dict)
    _read_back: set[DocumentKind] = field(default_factory=set)
    _lost: int = 0

    def __post_init__(self) -> None:
        """A run that is taken up again goes on with its own batches."""
        opened = self.ledger.batches_of(self.run_id)
        self._batches.update({it.key: it.batch_id for it in opened if it.key.company == self.company})

    def chunk(self, after: int, progress: Progress) -> int | None:
        """Enter the next approved documents after this one, oldest first: the last that was tried; None where there is
        none left. Halted, or asked to stop, it leaves the rest alone."""
        if not self.dry and not after:
            self._take_up_deferred()
        records = self.sendable(_CHUNK, after)
        if not records:
            return None
        waiting = self.tried + self.ledger.count_documents(self._wanted, self.company, newest_only=True)
        for it in self._look_and_check(records):
            if self.halted or self.stopping():
                return it.id - 1
            self._claim_and_send(it)
            self.tried += 1
            progress("enter", self.tried, waiting)
        return records[-1].id

    def sendable(self, limit: int, after: int = 0) -> Sequence[DocumentRecord]:
        """Approved documents of the newest version of their source; of a dry run, those that wait for approval too."""
        return self.ledger.documents(self._wanted, limit, after_id=after, company=self.company, newest_only=True)

    def settle(self, wait: bool) -> None:
        """Ask GP for every document in doubt whose pause is over; with `wait`, sit out a pause that is not."""
        after = 0
        while records := self.ledger.documents((stages.InDoubt,), _CHUNK, after_id=after, company=self.company):
            after = records[-1].id
            for it in records:
                self.desk.claim_vendor_invoice(it.document)  # GP may hold it, and not say so yet
            due = [it for it in records if self._remaining(it) <= 0]
            if wait and len(due) < len(records):
                self.clock.sleep(max(self._remaining(it) for it in records))
                due = list(records)
            standing = self._find(due)
            for it in due:
                self._settle_one(it, standing.get(it.document.number))

    @property
    def _wanted(self) -> tuple[type[Stage], ...]:
        return (stages.Planned, stages.Approved, stages.Deferred) if self.dry else (stages.Approved,)

    def _take_up_deferred(self) -> None:
        after = 0
        while records := self.ledger.documents((stages.Deferred,), _CHUNK, after_id=after, company=self.company):
            after = records[-1].id
            self.ledger.record([Move(it, stages.Approved("clock"), _event("document.taken_up", it)) for it in records])

    def _look_and_check(self, records: Sequence[DocumentRecord]) -> list[DocumentRecord]:
        """Those of these documents that may be sent: not standing in GP, and without a finding that holds them."""
        documents = [it.document for it in records]
        for series in SUBLEDGERS:
            ids = [d.party_id for d in documents if d.kind.series is series]
            if ids:
                self.desk.ask_parties(series, ids)
        self.desk.ask_vendor_invoices(documents)
        standing = self._find(records)
        sendable: list[DocumentRecord] = []
        there: list[DocumentRecord] = []
        moves: list[Move] = []
        for it in records:
            found = standing.get(it.document.number)
            if found is not None:
                moves.append(self._as_standing(it, found, "document.already_entered"))
                if isinstance(moves[-1].to, stages.Entered):
                    there.append(self._again(it, moves[-1].to, found.batch_id))
            elif it.was_entered:
                moves.append(_hold(it, (compare.gone(it.document),)))
            elif findings := holding(checks.run(it.document, self.desk.facts)):
                moves.append(_hold(it, findings))
            else:
                sendable.append(it)
                self.desk.claim_vendor_invoice(it.document)  # the next one may carry the same number
        if self.dry:
            self.would_enter += len(sendable)
            held = [move.to.findings for move in moves if isinstance(move.to, stages.Held)]
            self.would_hold += [finding for findings in held for finding in findings]
            return []
        self.ledger.record(moves)
        if self.desk.books.can_read_distributions:
            for it in there:
                self._halt_if_distributions_differ(it)
        return sendable

    def _claim_and_send(self, it: DocumentRecord) -> None:
        started = self.clock.monotonic()
        batch_id = self._batch(it.document)
        claim = stages.InDoubt(self.clock.now(), it.attempt + 1, it.hash)
        (won,) = self.ledger.record(
            [Move(it, claim, _event("document.claimed", it, hash=it.hash, batch=batch_id), batch_id)]
        )
        if not won or self.clock.monotonic() - started > self.pause / 2:
            return  # somebody else has it; or we were held up so long that the pause could end while we send
        claimed = self._again(it, claim, batch_id)
        entry = self.desk.books.enter(it.document, batch_id)
        match entry:
            case outcomes.Entered(_, batch):
                self._entered(claimed, batch, entry.wire)
            case outcomes.Held(findings):
                self._lost = 0
                self.ledger.record([replace(_hold(claimed, findings), evidence=_evidence(entry.wire))])
            case outcomes.Deferred(cause):
                self._count_lost()
                event = _event("document.deferred", it, cause=cause)
                self.ledger.record([Move(claimed, stages.Deferred(cause), event, evidence=_evidence(entry.wire))])
            case outcomes.InDoubt(cause):
                self._count_lost()
                doubt = stages.InDoubt(claim.since, claim.attempt, claim.hash, cause)
                event = _event("document.in_doubt", it, cause=cause)
                self.ledger.record([Move(claimed, doubt, event, evidence=_evidence(entry.wire))])
            case _:
                assert_never(entry)

    def _entered(self, it: DocumentRecord, batch_id: str, wire: outcomes.Exchange) -> None:
        self._lost = 0
        self.entered += 1
        entered = stages.Entered(batch_id)
        event = _event("document.entered", it, batch=batch_id)
        self.ledger.record([Move(it, entered, event, batch_id, evidence=_evidence(wire))])
        self.desk.claim_vendor_invoice(it.document)
        kind = it.document.kind
        if kind not in self._read_back and self.desk.books.can_read_distributions:
            self._read_back.add(kind)
            self._halt_if_distributions_differ(self._again(it, entered, batch_id))

    def _settle_one(self, it: DocumentRecord, standing: Standing | None) -> None:
        doubt = it.stage
        assert isinstance(doubt, stages.InDoubt)
        if standing is None:
            event = _event("document.not_there", it, cause=doubt.cause, attempt=doubt.attempt)
            self.ledger.record([Move(it, stages.Approved("settled"), event)])
            return
        move = self._as_standing(it, standing, "document.settled")
        self.ledger.record([move])
        if isinstance(move.to, stages.Entered) and self.desk.books.can_read_distributions:
            self._halt_if_distributions_differ(self._again(it, move.to, move.to.batch_id))

    def _as_standing(self, it: DocumentRecord, standing: Standing, name: str) -> Move:
        """GP holds the number: our own document, or another under its name?"""
        if standing.voided:
            return _hold(it, (compare.voided(it.document),))
        if not compare.same(it.document, standing):
            return _hold(it, (compare.differs(it.document, standing),))
        return Move(it, stage_of(standing), _event(name, it, batch=standing.batch_id), standing.batch_id)

    def _halt_if_distributions_differ(self, it: DocumentRecord) -> None:
        number, series = it.document.number, it.document.kind.series
        held = self.desk.books.distributions(series, [number]).get(number, ())
        said = compare.distribution_differences(it.document, held)
        if said:
            self.halted = Halt.DISTRIBUTIONS_DIFFER
            self.ledger.record([_hold(it, (compare.distributions_differ(it.document, said),))])
        else:
            self.ledger.note(_event("document.read_back", it, lines=len(held)))

    def _find(self, records: Sequence[DocumentRecord]) -> Mapping[str, Standing]:
        standing: dict[str, Standing] = {}
        for series in SUBLEDGERS:
            numbers = [it.document.number for it in records if it.document.kind.series is series]
            if numbers:
                standing.update(self.desk.books.find(series, numbers))
        return standing

    def _batch(self, document: Document) -> str:
        key = key_of(document, self.desk.facts.periods)
        if key not in self._batches:
            self._batches[key] = self.ledger.open_batch(self.run_id, self.prefix, key, self.day)
        return self._batches[key]

    def _remaining(self, it: DocumentRecord) -> float:
        assert isinstance(it.stage, stages.InDoubt)
        return self.pause - (self.clock.now() - it.stage.since).total_seconds()

    def _count_lost(self) -> None:
        self._lost += 1
        if self._lost >= _PATIENCE:
            self.halted = Halt.GP_DOES_NOT_ANSWER

    @staticmethod
    def _again(it: DocumentRecord, stage: Stage, batch_id: str) -> DocumentRecord:
        """The record as it stands after a move that we made."""
        attempt = stage.attempt if isinstance(stage, stages.InDoubt) else it.attempt
        entered = it.was_entered or isinstance(stage, stages.Entered)
        return DocumentRecord(
            it.id,
            it.docket_id,
            it.document,
            it.hash,
            it.revision,
            it.rulebook_version,
            stage,
            attempt,
            entered,
            batch_id,
        )


def stage_of(standing: Standing) -> stages.Entered | stages.Posted:
    if standing.state is StandingState.WORK:
        return stages.Entered(standing.batch_id)
    return stages.Posted(standing.batch_id, standing.audit_trail_code)


def _hold(it: DocumentRecord, findings: tuple[Finding, ...]) -> Move:
    return Move(it, stages.Held(findings), _event("document.held", it, findings=told(findings)))


def _evidence(wire: outcomes.Exchange) -> dict[str, bytes]:
    return {name: raw for name, raw in (("request", wire.request), ("answer", wire.answer)) if raw}


def _event(name: str, it: DocumentRecord, **detail: object) -> Event:
    return Event(name, detail, it.docket_id, it.document.number)
