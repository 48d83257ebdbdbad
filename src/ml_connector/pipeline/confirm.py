"""Confirm, document by document, that GP holds what we entered, and see what became of it since.

A created document is not the end: GP may fill in, replace, double or lose. So every unposted document is read back in
bulk; distributions of a share of them too, because no total can see accounts; and every batch of the run is counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ml_connector.books import compare
from ml_connector.books.batch import StandingBatch
from ml_connector.books.document import Standing, StandingState, signed
from ml_connector.books.period import SUBLEDGERS, Series
from ml_connector.docket import stages
from ml_connector.docket.records import DocumentRecord, Move, OpenedBatch
from ml_connector.docket.stages import Stage
from ml_connector.docket.trail import Event
from ml_connector.findings import Finding, told
from ml_connector.money import total
from ml_connector.pipeline.ports import Books, Clock, Ledger

_CHUNK = 100


@dataclass(frozen=True, slots=True)
class Confirming:
    """The entered, unposted documents of one company. `share` is the part whose distributions are read back, 0 to 100."""

    company: str
    books: Books
    ledger: Ledger
    clock: Clock
    share: int = 5

    def chunk(self, after: int) -> tuple[int, int]:
        """Confirm the next of them after this one: how many, and the last."""
        records = self.ledger.documents((stages.Entered,), _CHUNK, after_id=after, company=self.company)
        self._look_at(records)
        return len(records), records[-1].id if records else after

    def these(self, records: Sequence[DocumentRecord]) -> dict[int, Stage]:
        """Confirm these entered documents: how each of them stands now, by its id."""
        stands: dict[int, Stage] = {it.id: it.stage for it in records}
        for start in range(0, len(records), _CHUNK):
            for move in self._look_at(records[start : start + _CHUNK]):
                stands[move.was.id] = move.to
        return stands

    def batches(self, opened: Iterable[OpenedBatch]) -> list[Finding]:
        """Count and add up each batch of the run as GP shows it; name what is foreign, missing or moved."""
        found: list[Finding] = []
        mine = [it for it in opened if it.key.company == self.company]
        for series in SUBLEDGERS:
            ids = [it.batch_id for it in mine if it.key.receivables == (series is Series.SALES)]
            standing = self.books.batches(series, ids) if ids else {}
            differing = (self._batch(series, batch_id, standing.get(batch_id)) for batch_id in ids)
            found += [finding for finding in differing if finding]
        return found

    def _look_at(self, records: Sequence[DocumentRecord]) -> list[Move]:
        """What moves since they were looked at last, stored."""
        moves: list[Move] = []
        for series in SUBLEDGERS:
            mine = [it for it in records if it.document.kind.series is series]
            moves += self._series(series, mine) if mine else ()
        return moves

    def _series(self, series: Series, records: Sequence[DocumentRecord]) -> list[Move]:
        standing = self.books.find(series, [it.document.number for it in records])
        read = self._read_back(series, [it for it in records if it.document.number in standing])
        moves: list[Move] = []
        for it in records:
            move = self._move(it, standing.get(it.document.number), read.get(it.document.number, ()))
            if move:
                moves.append(move)
        if moves:
            self.ledger.record(moves)
        return moves

    def _read_back(self, series: Series, records: Iterable[DocumentRecord]) -> dict[str, tuple[str, ...]]:
        """What differs in the distributions of the share that is read back, by number."""
        chosen = {it.document.number: it.document for it in records if _drawn(it.document.number, self.share)}
        if not chosen or not self.books.can_read_distributions:
            return {}
        held = self.books.distributions(series, list(chosen))
        return {
            number: compare.distribution_differences(document, held.get(number, ()))
            for number, document in chosen.items()
        }

    def _move(self, it: DocumentRecord, standing: Standing | None, distributions: tuple[str, ...]) -> Move | None:
        number = it.document.number
        if standing is None:
            gone = stages.Gone("absent", self.clock.now())
            return Move(it, gone, Event("document.gone", {"how": gone.how}, it.docket_id, number))
        if standing.voided:
            gone = stages.Gone("voided", self.clock.now())
            return Move(it, gone, Event("document.gone", {"how": gone.how}, it.docket_id, number))
        accepted = isinstance(it.stage, stages.Entered) and it.stage.accepted
        differs = compare.differences(it.document, standing) or compare.side_differences(it.document, standing)
        if differs and not accepted:
            return self._hold(it, compare.differs(it.document, standing))
        if distributions and not accepted:
            return self._hold(it, compare.distributions_differ(it.document, distributions))
        if standing.state is not StandingState.WORK:
            detail = {"audit_trail_code": standing.audit_trail_code, "state": standing.state.value}
            posted = stages.Posted(standing.batch_id or it.batch_id, standing.audit_trail_code)
            return Move(it, posted, Event("document.posted", detail, it.docket_id, number))
        if standing.batch_id != it.batch_id:
            detail = {"from": it.batch_id, "to": standing.batch_id}
            event = Event("document.moved_batch", detail, it.docket_id, number)
            return Move(it, stages.Entered(standing.batch_id, accepted), event, standing.batch_id)
        return None

    def _hold(self, it: DocumentRecord, finding: Finding) -> Move:
        event = Event("document.held", {"findings": told([finding])}, it.docket_id, it.document.number)
        return Move(it, stages.Held((finding,)), event)

    def _batch(self, series: Series, batch_id: str, standing: StandingBatch | None) -> Finding | None:
        ours = [it for it in self.ledger.in_batch(batch_id) if _stands_there(it)]
        if standing is None and not ours:
            return None
        if ours and standing:
            whole = total((signed(it.document) for it in ours), ours[0].document.currency)
            gross = total((it.document.amount for it in ours), ours[0].document.currency)
            if standing.transactions == len(ours) and standing.total in (whole, gross):
                return None
        theirs = {it.number for it in self.books.in_batch(series, batch_id)}
        mine = {it.document.number for it in ours}
        named = [f"foreign {number}" for number in sorted(theirs - mine)]
        named += [f"missing {number}" for number in sorted(mine - theirs)]
        held = f"{standing.transactions} of {standing.total}" if standing else "no such batch"
        self.ledger.note(Event("batch.differs", {"batch": batch_id, "gp": held, "named": named}))
        return Finding(
            "batch.differs",
            f"batch {batch_id}",
            f"we entered {len(ours)} documents in it, GP shows {held}: " + (", ".join(named) or "amounts differ"),
            "In GP, open the batch (Transactions > Batches) and look at what was put in or taken out; the next run looks "
            "again.",
        )


def _stands_there(it: DocumentRecord) -> bool:
    """Whether we expect GP to hold a document in its batch: entered, also where it is held since for its accounts."""
    return isinstance(it.stage, stages.Entered) or (isinstance(it.stage, stages.Held) and it.was_entered)


def _drawn(number: str, share: int) -> bool:
    """Whether a document belongs to the share that is read back: by its number, so that it is the same every time."""
    return int.from_bytes(hashlib.sha256(number.encode()).digest()[:4]) % 100 < share
