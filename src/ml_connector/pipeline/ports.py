"""What the pipeline needs from the outside, and nothing more. Adapters fit these by shape.

A port raises `findings.Interrupted` when its wire is broken or it is refused altogether; what the trade foresees
(a missing account, a refused document, a lost answer to a write) comes back as a value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from ml_connector.books.batch import BatchKey, StandingBatch
from ml_connector.books.document import Document, Standing, StandingDistribution
from ml_connector.books.facts import CompanyFacts, PartyCard
from ml_connector.books.outcomes import Entry
from ml_connector.books.period import Series
from ml_connector.docket.records import Change, DocketRecord, DocumentRecord, OpenedBatch, Reading
from ml_connector.docket.stages import Stage
from ml_connector.docket.trail import Event, TrailEntry
from ml_connector.field.feed import FeedPage
from ml_connector.field.party import Customer, Job, PurchaseOrder, TaxZone
from ml_connector.field.snapshot import Source
from ml_connector.field.source import SourceKind
from ml_connector.findings import Finding
from ml_connector.parties.party import Party, Role, Side
from ml_connector.parties.records import Binding, Claim, How, Pair, Proposed
from ml_connector.parties.writing import Creation, PartyPage, Update


class FieldService(Protocol):
    """ServiceTitan, one tenant. It is only ever read."""

    def feed(self, kind: SourceKind, token: str | None) -> Iterator[FeedPage]:
        """Pages of what changed since `token` (None: from the beginning), until there is no more for now."""

    def read(self, kind: SourceKind, raw: bytes) -> tuple[Source, ...]:
        """The sources of a page that was kept as evidence, in its order."""

    def customers(self, ids: Sequence[int]) -> Mapping[int, Customer]: ...

    def jobs(self, ids: Sequence[int]) -> Mapping[int, Job]: ...

    def purchase_orders(self, ids: Sequence[int]) -> Mapping[int, PurchaseOrder]: ...

    def tax_zones(self) -> Mapping[int, TaxZone]: ...


class Releases(Protocol):
    """ServiceTitan, one tenant, looked at between two runs."""

    def released(self) -> Mapping[SourceKind, int]:
        """How many sources of each kind the tenant has released: posted or exported, whenever that was."""


class Books(Protocol):
    """One GP company. `Series.SALES` names its receivables, `Series.PURCHASING` its payables."""

    def company_facts(self) -> CompanyFacts:
        """Accounts, periods and tax details, without parties."""

    def parties(self, series: Series, ids: Sequence[str]) -> Mapping[str, PartyCard]:
        """Those of these customers or vendors that exist, by id."""

    def vendor_invoices(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Which of these (vendor, vendor's invoice number) GP holds already, and under which voucher number."""

    def find(self, series: Series, numbers: Sequence[str]) -> Mapping[str, Standing]:
        """Those of these documents that GP holds, in Work, Open or History, by number."""

    def enter(self, document: Document, batch_id: str) -> Entry:
        """Create the document in the batch, once: never sent a second time, whatever the answer."""

    def distributions(self, series: Series, numbers: Sequence[str]) -> Mapping[str, tuple[StandingDistribution, ...]]:
        """The distributions of these documents as GP keeps them; empty where the transport cannot read them."""

    def batches(self, series: Series, batch_ids: Sequence[str]) -> Mapping[str, StandingBatch]:
        """Those of these batches that GP holds, by id."""

    def in_batch(self, series: Series, batch_id: str) -> Sequence[Standing]:
        """Every document that GP holds in this batch, ours or not."""

    @property
    def can_read_distributions(self) -> bool: ...

    @property
    def calls(self) -> int:
        """Requests sent to GP so far, handshakes left out."""


class GeneralLedger(Protocol):
    """The general ledger of one GP company, where it can be looked at."""

    def missing(self, audit_trail_codes: Sequence[str]) -> Collection[str]:
        """Those of these codes, under which a subledger was posted, that no posted journal entry carries."""


class Ledger(Protocol):
    """The file we keep: dockets, documents, evidence and the trail of one connection. Every change is durable when the
    call returns, and stands in the trail in the same transaction."""

    def cursor(self, kind: SourceKind) -> str | None: ...

    def take_page(self, kind: SourceKind, raw: bytes, token: str, readings: Sequence[Reading]) -> int:
        """Keep a page, open a docket for each new version of a source, and move the cursor, all or nothing."""

    def opened(self, limit: int, after_id: int = 0) -> Sequence[DocketRecord]: ...

    def count_opened(self) -> int: ...

    def docket(self, docket_id: int) -> DocketRecord: ...

    def earlier(self, docket: DocketRecord) -> Sequence[DocketRecord]:
        """The older versions of the same source, oldest first, with their documents."""

    def evidence(self, sha: str) -> bytes: ...

    def is_erased(self, sha: str) -> bool:
        """Whether that evidence was kept once, and retention has erased it."""

    def record(self, changes: Sequence[Change]) -> Sequence[bool]:
        """Make these changes in one transaction. False for a move that came too late: somebody else moved first."""

    def documents(
        self,
        stages: Iterable[type[Stage]],
        limit: int,
        after_id: int = 0,
        company: str | None = None,
        newest_only: bool = False,
    ) -> Sequence[DocumentRecord]:
        """Documents at these stages, by id; `newest_only` leaves out those whose source has a newer version."""

    def count_documents(
        self, stages: Iterable[type[Stage]], company: str | None = None, newest_only: bool = False
    ) -> int: ...

    def holds(self, code: str | None = None) -> Sequence[DocketRecord]: ...

    def open_batch(self, run_id: int, prefix: str, key: BatchKey, day: date) -> str:
        """A batch id of this run that was never used before."""

    def batches_of(self, run_id: int) -> Sequence[OpenedBatch]: ...

    def opened_batch(self, batch_id: str) -> OpenedBatch | None:
        """That batch, where it is one of ours."""

    def in_batch(self, batch_id: str) -> Sequence[DocumentRecord]: ...

    def note(self, event: Event) -> None:
        """Write an entry in the trail that goes with no change."""

    def keep(self, raw: bytes) -> str:
        """Keep what was sent or received as evidence; its SHA-256."""

    def trail(self, *, number: str | None = None) -> Sequence[TrailEntry]:
        """The entries about one document, or about one batch, in their order."""


class PartyBook(Protocol):
    """The customers and vendors of one side: one ServiceTitan tenant, or one GP company.

    Fields are named as the attributes of `Party`. What a side does not tell is empty in its parties, and is no
    difference; what it does not take cannot be written there.
    """

    @property
    def side(self) -> Side: ...

    @property
    def calls(self) -> int:
        """Requests sent so far, handshakes left out."""

    def tells(self, role: Role) -> frozenset[str]:
        """The fields that are read here."""

    def takes(self, role: Role) -> frozenset[str]:
        """The fields that can be written here; telephones and e-mails are added and replaced, never taken away."""

    def as_kept(self, party: Party) -> Party:
        """The party as this side would give it back once it was written: cut to its widths, with its letters alone.
        Who compares a wish with what stands here compares this, else a text that does not fit is written for ever."""

    def changed(self, role: Role, place: str | None) -> Iterator[PartyPage]:
        """What changed since `place`, which an earlier page gave (None: everything), inactive ones included, in pages.
        What was read before may come again; what changed while it was read comes now or the next time."""

    def by_ids(self, role: Role, ids: Sequence[str]) -> Mapping[str, Party]:
        """Those of these parties that exist, by id."""

    def count(self, role: Role) -> int | None:
        """How many there are, inactive ones included; None where the side does not tell without giving them all."""

    def create(self, party: Party) -> Creation:
        """Make the party, once. In ServiceTitan its `counterpart` is GP's id, and `id` is given; in GP `id` is ours.

        It looks first, and sends one create. One that is in doubt is asked for again once the side can no longer be at
        it, and finds what was made. Where the id is another's it is held.
        """

    def update(self, before: Party, after: Party) -> Update:
        """Write the fields in which `after` differs from `before`, the party as it was read when that was decided, and
        no other. Reads the party first: nothing is written over what somebody changed since. May be repeated."""


class Crosswalk(Protocol):
    """The parties of one connection: what each side last showed, who is whom, who may be whom, what is being created.

    `company` is the rulebook's short name; "" is ServiceTitan. Every change is durable when the call returns.
    """

    def place(self, name: str) -> str | None: ...

    def take(
        self,
        company: str,
        shown: Sequence[Party],
        name: str,
        place: str | None,
        gone: Sequence[str] = (),
        role: Role = Role.CUSTOMER,
    ) -> int:
        """Keep a page, and how far the side was read, all or nothing. How many of its parties were news."""

    def keep(self, company: str, shown: Sequence[Party]) -> None: ...

    def parties(self, role: Role, company: str, ids: Iterable[str] | None = None) -> dict[str, Party]: ...

    def bindings(self, role: Role | None = None, company: str | None = None) -> Sequence[Binding]: ...

    def bind(
        self, pair: Pair, how: How, by: str, in_field: Party, in_books: Party, detail: Mapping[str, object]
    ) -> bool:
        """False where ServiceTitan's party is bound already. Raises Interrupted `party.taken` where GP's is."""

    def hold(self, binding: Binding, conflict: Finding) -> bool: ...

    def made_equal(self, binding: Binding, in_field: Party, in_books: Party, detail: Mapping[str, object]) -> bool: ...

    def proposals(self, role: Role | None = None, company: str | None = None) -> Sequence[Proposed]: ...

    def propose(self, role: Role, company: str, made: Sequence[Proposed]) -> None: ...

    def claims(self, role: Role, company: str) -> Sequence[Claim]: ...

    def claim(self, wanted: Claim) -> Claim:
        """Before anything is sent."""

    def end(self, claim: Claim, finding: Finding | None = None) -> None:
        """It is done; or, with a finding, held."""


class Progress(Protocol):
    """Told how far a run has come; shows it to a person, or nobody."""

    def __call__(self, step: str, done: int, of: int | None) -> None: ...


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, with its zone (UTC)."""

    def monotonic(self) -> float:
        """Seconds on a clock that is never set."""

    def sleep(self, seconds: float) -> None: ...

    def today(self) -> date:
        """The day at the connection, for naming batches."""
