"""Ask GP to post one of our batches, once, because an approver wants it; and see what GP made of it.

GP posts, and we do not: a document counts as posted only once GP shows it so. That GP is asked stands in the trail before
the request leaves, so a lost answer, or a crash, is told from a batch that nobody asked for; it is settled by looking, and
GP is never asked for the same batch again. Only where GP certainly did nothing may an approver ask anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, assert_never

from ml_connector.books import compare, outcomes
from ml_connector.books.document import Standing, signed
from ml_connector.books.period import Series
from ml_connector.docket import stages
from ml_connector.docket.records import DocumentRecord, OpenedBatch
from ml_connector.docket.trail import Event, TrailEntry
from ml_connector.findings import Finding, Interrupted, told
from ml_connector.money import Money, total
from ml_connector.pipeline.confirm import Confirming
from ml_connector.pipeline.ports import Ledger

ASKED = frozenset({"batch.posting_asked", "batch.posting_answered", "batch.posting_in_doubt"})  # not to be asked again
REFUSED = "batch.posting_refused"
_SHOWN = 5  # numbers that a finding names


class Poster(Protocol):
    """The posting action of one company."""

    def post(self, series: Series, batch_id: str) -> outcomes.Posting:
        """One request, never repeated; Held where GP certainly did nothing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A batch after somebody asked for it: how many of its documents GP shows as posted. `asked`: just now."""

    batch_id: str
    company: str
    documents: int
    total: Money
    posted: int
    asked: bool
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Posting:
    """One of our batches, of the company that `confirming` looks into. Under the lease of the tenant, so that no run
    fills the batch meanwhile, and no second person asks for it."""

    batch: OpenedBatch
    confirming: Confirming
    ledger: Ledger

    def ask(self, poster: Poster, why: str) -> Seen:
        """Look, then ask, then look again. Where GP was asked before, look alone.

        Raises Interrupted with every reason why it may not be asked, or why GP refused; then it did nothing.
        """
        self.confirming.these(self._entered())
        earlier = self._earlier()
        ours = self._entered()
        if earlier and (all_of_it := self._all_of_it()):
            return self._seen(all_of_it, False, lambda left: _asked_before(earlier, left))
        reasons = tuple(self._reasons(ours))
        if reasons:
            raise Interrupted(*reasons)
        worth = _worth(ours)
        self._note("batch.posting_asked", documents=len(ours), total=str(worth.amount), why=why)
        answer = poster.post(self._series, self.batch.batch_id)
        evidence = {name: self.ledger.keep(raw) for name, raw in _wire(answer) if raw}
        match answer:
            case outcomes.Asked():
                self._note("batch.posting_answered", **evidence)
                doubt = ""
            case outcomes.Held(findings):
                self._note(REFUSED, findings=told(findings), **evidence)
                raise Interrupted(*findings)
            case outcomes.InDoubt(doubt):
                self._note("batch.posting_in_doubt", cause=doubt, **evidence)
            case _:
                assert_never(answer)
        return self._seen(ours, True, lambda left: _in_doubt(doubt, left) if doubt else _incomplete(left))

    # May it be asked?

    def _reasons(self, ours: Sequence[DocumentRecord]) -> Iterator[Finding]:
        """All that speaks against it: of our documents, then of what GP shows in the batch."""
        doubtful, held = [], []
        for it in self.ledger.in_batch(self.batch.batch_id):
            if isinstance(it.stage, stages.InDoubt):
                doubtful.append(it.document.number)
            elif isinstance(it.stage, stages.Held) and it.was_entered:
                held.append(it.document.number)
        if doubtful:
            yield self._unready(f"{_few(doubtful)} in doubt: GP may hold more in it than we know", _WAIT)
        if held:
            yield self._unready(f"{_few(held)} held, and GP holds it in this batch", _MEND)
        if not ours:
            yield self._unready("no document of ours stands unposted in it", _LOOK)
        elif differs := self._differs(ours):
            yield _differs(self.batch.batch_id, differs)

    def _differs(self, ours: Sequence[DocumentRecord]) -> list[str]:
        """What differs between the batch as GP shows it and as we entered it: count, total, and document by document."""
        books, batch_id = self.confirming.books, self.batch.batch_id
        standing = books.batches(self._series, [batch_id]).get(batch_id)
        if standing is None:
            return ["GP shows no such batch"]
        there = {it.number: it for it in books.in_batch(self._series, batch_id)}
        mine = {it.document.number: it for it in ours}
        said = [f"foreign {number}" for number in sorted(there.keys() - mine.keys())]
        said += [f"missing {number}" for number in sorted(mine.keys() - there.keys())]
        for number in sorted(mine.keys() & there.keys()):
            said += [f"{number}: {text}" for text in _document_differs(mine[number], there[number])]
        if standing.transactions != len(ours):
            said.append(f"GP counts {standing.transactions}, we entered {len(ours)}")
        gross = total((it.document.amount for it in ours), ours[0].document.currency)
        if standing.total not in (_worth(ours), gross):
            said.append(f"GP's total is {standing.total}, ours is {_worth(ours)}")
        return said

    # What became of it

    def _seen(self, ours: Sequence[DocumentRecord], asked: bool, otherwise: _Otherwise) -> Seen:
        """What GP shows now of documents that were in the batch; a finding where they are not all posted."""
        unposted = [it for it in ours if isinstance(it.stage, stages.Entered)]
        now = {it.id: it.stage for it in ours} | self.confirming.these(unposted)
        left = [it.document.number for it in ours if not isinstance(now[it.id], stages.Posted)]
        findings = () if not left else (otherwise(_Left(self.batch.batch_id, left, len(ours))),)
        return Seen(
            self.batch.batch_id, self.batch.key.company, len(ours), _worth(ours), len(ours) - len(left), asked, findings
        )

    def _entered(self) -> list[DocumentRecord]:
        return [it for it in self.ledger.in_batch(self.batch.batch_id) if isinstance(it.stage, stages.Entered)]

    def _all_of_it(self) -> list[DocumentRecord]:
        """What GP was asked to post: what it has posted since among it."""
        kinds = (stages.Entered, stages.Posted)
        return [it for it in self.ledger.in_batch(self.batch.batch_id) if isinstance(it.stage, kinds)]

    def _earlier(self) -> TrailEntry | None:
        """The last word on this batch, unless it was that GP did nothing."""
        words = {*ASKED, REFUSED}
        entries = [it for it in self.ledger.trail(number=self.batch.batch_id) if it.event.name in words]
        return entries[-1] if entries and entries[-1].event.name in ASKED else None

    def _note(self, name: str, **detail: object) -> None:
        """The batch stands where a document's number does, so that its history is found."""
        known = {"batch": self.batch.batch_id, "company": self.batch.key.company}
        self.ledger.note(Event(name, {**known, **detail}, None, self.batch.batch_id))

    def _unready(self, says: str, remedy: str) -> Finding:
        return Finding("posting.unready", f"batch {self.batch.batch_id}", says, remedy)

    @property
    def _series(self) -> Series:
        return Series.SALES if self.batch.key.receivables else Series.PURCHASING


def _document_differs(ours: DocumentRecord, standing: Standing) -> tuple[str, ...]:
    """A document of which a person took GP's version is GP's already."""
    if isinstance(ours.stage, stages.Entered) and ours.stage.accepted:
        return ()
    return compare.differences(ours.document, standing) or compare.side_differences(ours.document, standing)


def _worth(ours: Sequence[DocumentRecord]) -> Money:
    return total((signed(it.document) for it in ours), ours[0].document.currency)


def _wire(answer: outcomes.Posting) -> tuple[tuple[str, bytes], ...]:
    return ("request", answer.wire.request), ("answer", answer.wire.answer)


def _few(numbers: Sequence[str]) -> str:
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"{', '.join(sorted(numbers)[:_SHOWN])}{more} {'is' if len(numbers) == 1 else 'are'}"


_WAIT = "Wait for the company's pause to pass and run again, which settles it; then ask for the batch."
_MEND = "Run 'ml-connector explain' with the number for what to mend; then ask for the batch."
_LOOK = "Run 'ml-connector status' for the batches that GP holds unposted."
_BY_HAND = (
    "In GP, look whether the batch is being posted, and at its edit list (Transactions > Sales or Purchasing > Batches); mend "
    "what it names and post the rest there. 'ml-connector post' with the batch looks again, and never asks a second time."
)


def _differs(batch_id: str, said: Sequence[str]) -> Finding:
    return Finding(
        "batch.differs",
        f"batch {batch_id}",
        "GP shows another batch than we entered, so it is not asked to post it: " + "; ".join(said),
        "In GP, open the batch (Transactions > Batches) and look at what was put in, taken out or changed; or post it there, if "
        "that is as it should be.",
    )


@dataclass(frozen=True, slots=True)
class _Left:
    """Numbers of a batch that GP does not show as posted."""

    batch_id: str
    numbers: Sequence[str]
    of: int

    def __str__(self) -> str:
        return f"GP shows {self.of - len(self.numbers)} of {self.of} as posted; {_few(self.numbers)} not"


_Otherwise: TypeAlias = Callable[[_Left], Finding]


def _incomplete(left: _Left) -> Finding:
    says = f"GP says that it posted the batch. {left}"
    return Finding("posting.incomplete", f"batch {left.batch_id}", says, _BY_HAND)


def _in_doubt(cause: str, left: _Left) -> Finding:
    return Finding("posting.in_doubt", f"batch {left.batch_id}", f"{cause}. {left}", _BY_HAND)


def _asked_before(earlier: TrailEntry, left: _Left) -> Finding:
    says = f"GP was asked before, on {earlier.at:%Y-%m-%d %H:%M} UTC by {earlier.actor}. {left}"
    return Finding("posting.asked_already", f"batch {left.batch_id}", says, _BY_HAND)
