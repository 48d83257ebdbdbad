"""The ledger of one connection: everything read, decided, done and answered, each step durable when its call returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING

from ml_connector.books.batch import BatchKey
from ml_connector.docket.records import (
    Change,
    DocketRecord,
    DocumentRecord,
    Ending,
    OpenedBatch,
    Reading,
    RulebookRecord,
    RunRecord,
    UnpostedBatch,
)
from ml_connector.docket.stages import Stage
from ml_connector.docket.trail import Event, TrailEntry
from ml_connector.field.source import SourceKind
from ml_connector.findings import Finding, Interrupted
from ml_connector.mapping.tables import Tables
from ml_connector.store import changes, dockets, endings, evidence, lease, retention, rulebooks, runs, sweeps, trail
from ml_connector.store.crosswalk import Crosswalk
from ml_connector.store.lease import Lease
from ml_connector.store.retention import Erased
from ml_connector.store.trail import Writing

if TYPE_CHECKING:
    from ml_connector.store.database import Database


class Ledger:
    """One connection's ledger, written to in the name of one actor. Several threads may use it.

    Every method raises Interrupted `store.unreachable` and its kin, and every writing one `run.lease_lost` where the
    ledger is bound to a lease that another run took over.
    """

    def __init__(
        self,
        database: Database,
        connection_id: int,
        connection_name: str,
        actor: str,
        now: Callable[[], datetime],
        held: Lease | None = None,
    ) -> None:
        self._database = database
        self._id = connection_id
        self.connection_name = connection_name
        self.actor = actor
        self._now = now
        self._lease = held
        self._gp_companies: dict[int, Mapping[str, str]] = {}

    def with_lease(self, held: Lease) -> Ledger:
        """The same ledger, for as long as the lease is held."""
        return Ledger(self._database, self._id, self.connection_name, self.actor, self._now, held)

    def hold(self, tenant: str, seconds: float) -> Lease | None:
        """The lease on a ServiceTitan tenant, or None while another run holds it."""
        return lease.hold(self._database, self._now, tenant, self.actor, seconds)

    # What was swept

    def cursor(self, kind: SourceKind) -> str | None:
        """Where to go on reading the feed; None before the first page."""
        with self._database.reading() as sql:
            return sweeps.cursor(sql, self._id, kind)

    def take_page(self, kind: SourceKind, raw: bytes, token: str, readings: Sequence[Reading]) -> int:
        """Store a page, a docket for each version that is new, and the cursor, all or nothing. How many were new."""
        page = evidence.Blob(raw)
        with self._writing() as w:
            return sweeps.take_page(w, kind, page, token, readings)

    def keep(self, raw: bytes) -> str:
        """Keep an answer as evidence; its SHA-256."""
        blob = evidence.Blob(raw)
        with self._writing() as w:
            evidence.keep(w.sql, self._id, blob, w.at)
        return blob.sha256

    def evidence(self, sha256: str) -> bytes:
        """An answer as it was received. Raises Interrupted `evidence.erased`, `evidence.differs`."""
        with self._database.reading() as sql:
            return evidence.read(sql, self._id, sha256)

    def is_erased(self, sha256: str) -> bool:
        """Whether an answer was kept once, and retention has erased it."""
        return bool(self.erased([sha256]))

    def erased(self, hashes: Iterable[str]) -> set[str]:
        """Those of these answers that retention has erased."""
        with self._database.reading() as sql:
            return evidence.erased(sql, self._id, hashes)

    # Retention

    def erase_evidence(self, before: datetime, dry: bool, progress: retention.Progress) -> Erased:
        """Erase what was received before that moment, where its story is at its end. `dry` only counts."""
        reads, writes = self._database.reading, self._writing
        return retention.erase_evidence(reads, writes, self._id, before, dry, progress)

    def delete_rows(self, name: str, before: datetime, dry: bool, finished: str) -> int:
        """Delete rows of `retention.ROWS` that ended before that moment; how many. `dry` only counts."""
        reads, writes = self._database.reading, self._writing
        return retention.delete_rows(reads, writes, self._id, name, before, dry, finished)

    # Dockets and documents

    def opened(self, limit: int, after_id: int = 0) -> list[DocketRecord]:
        """Dockets that wait for a plan, oldest first."""
        with self._database.reading() as sql:
            return dockets.opened(sql, self._id, limit, after_id)

    def docket(self, docket_id: int) -> DocketRecord:
        """Raises Interrupted `docket.unknown`."""
        with self._database.reading() as sql:
            found = dockets.docket(sql, self._id, docket_id)
        if found is None:
            says, remedy = "there is no such docket", "Run 'ml-connector holds' or 'ml-connector show' to find it."
            raise Interrupted(Finding("docket.unknown", f"docket {docket_id}", says, remedy))
        return found

    def newest_versions(self) -> list[DocketRecord]:
        """Every source as it stands, by kind and id."""
        with self._database.snapshot() as sql:
            return dockets.newest_versions(sql, self._id)

    def dockets_of(self, kind: SourceKind, source_id: int) -> list[DocketRecord]:
        """Every version of a source, oldest first."""
        with self._database.reading() as sql:
            return dockets.versions(sql, self._id, kind, source_id)

    def earlier(self, docket: DocketRecord) -> list[DocketRecord]:
        """The versions of the same source before this one, oldest first."""
        return [it for it in self.dockets_of(docket.kind, docket.source_id) if it.version < docket.version]

    def by_number(self, text: str) -> list[DocketRecord]:
        """By GP's document number, ServiceTitan's id or ServiceTitan's number, newest first."""
        with self._database.reading() as sql:
            return dockets.by_number(sql, self._id, text)

    def holds(self, code: str | None = None, limit: int | None = None) -> list[DocketRecord]:
        """Dockets that a person must act on, newest first; with `code`, those held by that finding."""
        with self._database.reading() as sql:
            return dockets.held(sql, self._id, code, limit)

    def documents(
        self,
        stages: Iterable[type[Stage]],
        limit: int,
        after_id: int = 0,
        company: str | None = None,
        newest_only: bool = False,
    ) -> list[DocumentRecord]:
        """Documents in one of these stages, by id; `company` is the rulebook's short name.

        `newest_only` leaves out those whose source has a newer version.
        """
        with self._database.reading() as sql:
            return dockets.standing(sql, self._id, stages, limit, after_id, company, newest_only)

    def count_opened(self) -> int:
        """How many dockets wait for a plan."""
        with self._database.reading() as sql:
            return dockets.count_opened(sql, self._id)

    def count_documents(
        self, stages: Iterable[type[Stage]], company: str | None = None, newest_only: bool = False
    ) -> int:
        """How many `documents` would give, without a limit."""
        with self._database.reading() as sql:
            return dockets.count_standing(sql, self._id, stages, company, newest_only)

    def in_batch(self, batch_id: str) -> list[DocumentRecord]:
        with self._database.reading() as sql:
            return dockets.in_batch(sql, self._id, batch_id)

    def endings(self) -> list[Ending]:
        """The completeness control: every source, newest version only, counted and summed by where it stands."""
        with self._database.reading() as sql:
            return endings.endings(sql, self._id)

    def record(self, wanted: Sequence[Change]) -> list[bool]:
        """Make the changes, in order, with their trail entries, in one durable transaction.

        False for a change that lost: a Move whose document no longer stands as `was`; a Plan or Decide against a
        document that is in doubt or that GP holds. Raises ValueError for a move that no document may make, and
        Interrupted `number.taken_by_other`; then nothing at all is stored.
        """
        with self._writing() as w:
            return changes.record(w, wanted, lambda version, company: self._gp_company(w, version, company))

    # Runs and batches

    def start_run(self, dry: bool, why: str = "") -> int:
        """`why` is what asked for it: a schedule's name, a webhook; empty where a person did."""
        with self._writing() as w:
            return runs.start(w, dry, why)

    def end_run(self, run_id: int, outcome: str, counts: Mapping[str, object]) -> None:
        with self._writing() as w:
            runs.end(w, run_id, outcome, counts)

    def runs(self, limit: int) -> list[RunRecord]:
        """Newest first."""
        with self._database.reading() as sql:
            return runs.newest(sql, self._id, limit)

    def has_run(self, dry: bool, outcome: str) -> bool:
        """Whether a run, or a dry run, has ever ended so."""
        with self._database.reading() as sql:
            return runs.has_ended(sql, self._id, dry, outcome)

    def open_batch(self, run_id: int, prefix: str, key: BatchKey, day: date) -> str:
        """The id of a batch that was never used before: `day` and the connection's next serial of it."""
        with self._writing() as w:
            return runs.open_batch(w, run_id, prefix, key, day)

    def batches_of(self, run_id: int) -> list[OpenedBatch]:
        with self._database.reading() as sql:
            return runs.batches_of(sql, self._id, run_id)

    def opened_batch(self, batch_id: str) -> OpenedBatch | None:
        """That batch, where it is one of this connection's."""
        with self._database.reading() as sql:
            return runs.opened_batch(sql, self._id, batch_id)

    def unposted(self) -> list[UnpostedBatch]:
        """What GP holds and has not posted, batch by batch, the oldest first."""
        with self._database.reading() as sql:
            return runs.unposted(sql, self._id)

    # The rulebook

    def add_rulebook(self, tables: Tables, author: str, reason: str) -> RulebookRecord:
        """Store a new version; the newest one is returned where it holds the very same tables."""
        with self._writing() as w:
            return rulebooks.add(w, tables, author, reason)

    def rulebook(self, version: int | None = None) -> tuple[RulebookRecord, Tables] | None:
        """That version, or the newest; None where there is none."""
        with self._database.reading() as sql:
            return rulebooks.read(sql, self._id, version)

    def rulebook_history(self) -> list[RulebookRecord]:
        """Newest first."""
        with self._database.reading() as sql:
            return rulebooks.history(sql, self._id)

    # The trail

    def trail(
        self, *, docket_id: int | None = None, number: str | None = None, after_seq: int = 0, limit: int = 1000
    ) -> list[TrailEntry]:
        """Entries in their order, all of them or those of one docket or document."""
        with self._database.reading() as sql:
            return trail.entries(sql, self._id, docket_id=docket_id, number=number, after_seq=after_seq, limit=limit)

    def note(self, event: Event) -> None:
        """Append one entry."""
        with self._writing() as w:
            w.append(event)

    def verify(self) -> int | None:
        """The number of the first trail entry that was tampered with; None if the whole chain holds."""
        with self._database.snapshot() as sql:
            return trail.first_break(sql, self._id)

    def crosswalk(self) -> Crosswalk:
        """Its parties, written to under the same lease."""
        return Crosswalk(self._database, self._id, self._writing)

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        with self._database.writing() as sql:
            if self._lease is not None:
                self._lease.check(sql)
            w = Writing(sql, self._id, self.actor, self._now())
            yield w
            w.seal()
        w.tell(self.connection_name)

    def _gp_company(self, w: Writing, version: int, company: str) -> str:
        """GP's name of a company, so that two connections that call it differently still share its numbers."""
        names = self._gp_companies.get(version)
        if names is None and (names := rulebooks.gp_companies(w.sql, self._id, version)) is not None:
            self._gp_companies[version] = names  # a version never changes
        return (names or {}).get(company, company.upper())
