"""The road of one run: sweep, settle, plan, approve, enter, confirm. A dry run goes the same road and stops before the claim.

The road is walked in strides. A stride does one piece of work, a page or a chunk, and ends in a `Journey`, which says
what was done and what comes next and can be written down. So a run that dies is taken up where its last stride ended, by
any process; a stride that is walked a second time finds in the ledger what the first one did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import Any

from ml_connector.docket.review import Policy
from ml_connector.field.source import SourceKind
from ml_connector.findings import Finding
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.money import Currency
from ml_connector.pipeline.advance import Advance
from ml_connector.pipeline.confirm import Confirming
from ml_connector.pipeline.enter import Entering, Halt
from ml_connector.pipeline.gather import Gatherer, open_desks
from ml_connector.pipeline.intake import Sweeping, Swept
from ml_connector.pipeline.ports import Books, Clock, FieldService, Ledger, Progress
from ml_connector.pipeline.review import approve_by_itself

_WAIT = 60.0  # the longest pause that a run sits out at its end, in seconds; longer ones are left to the next run
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Company:
    """One GP company and how it is treated: `pause` in seconds, `share` of the read-back in percent."""

    books: Books
    pause: float
    share: int


class Phase(Enum):
    """What the next stride does. Entering, settling and confirming are done company by company."""

    SWEEP = "sweep"
    LOOK_BACK = "look back"  # at what earlier runs left in doubt
    PLAN = "plan"
    APPROVE = "approve"
    ENTER = "enter"
    SETTLE = "settle"
    CONFIRM = "confirm"
    COUNT = "count"  # the batches
    DONE = "done"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did. `findings` are of the run itself; documents and dockets carry their own."""

    run_id: int
    dry: bool
    rulebook_version: int
    swept: Mapping[str, Swept] = field(default_factory=dict)
    planned: int = 0
    entered: int = 0
    confirmed: int = 0
    would_enter: int = 0
    gp_calls: int = 0
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Journey:
    """Where a run has come to: what it did, and its next stride. JSON values all the way down."""

    result: RunResult
    phase: Phase
    which: int = 0  # the kind of source, or the company, in their order
    after: int = 0  # the last docket or document that was looked at
    round: int = 0  # of entering and settling
    halted: bool = False  # this company is left alone

    def to(self, phase: Phase, which: int = 0, round: int = 0) -> Journey:
        return Journey(self.result, phase, which, round=round)

    def having(self, **counts: Any) -> Journey:
        return replace(self, result=replace(self.result, **counts))


@dataclass
class Road:
    """What `policy` does not approve by itself waits for people.

    `stopping` is asked between two documents: a stride ends early where somebody waits for it.
    """

    field_service: FieldService
    companies: Mapping[str, Company]  # by the rulebook's short name
    ledger: Ledger
    clock: Clock
    rulebook: Rulebook
    rulebook_version: int
    prefix: str
    currency: Currency
    run_id: int
    policy: Policy
    dry: bool = False
    sweeping: bool = True
    stopping: Callable[[], bool] = lambda: False

    def travel(self, progress: Progress) -> RunResult:
        """The whole road at once. Raises Interrupted when it cannot go on; what was stored stands, and the next run
        goes on from it."""
        journey = self.start()
        while journey.phase is not Phase.DONE:
            journey = self.stride(journey, progress)
        return journey.result

    def start(self) -> Journey:
        result = RunResult(self.run_id, self.dry, self.rulebook_version)
        return Journey(result, Phase.SWEEP) if self.sweeping else self._swept(Journey(result, Phase.SWEEP))

    def stride(self, journey: Journey, progress: Progress) -> Journey:
        """One piece of work. Raises Interrupted as `travel` does; walked again, it does what is left of it."""
        before = self._calls()
        walk = {
            Phase.SWEEP: self._sweep,
            Phase.LOOK_BACK: self._look_back,
            Phase.PLAN: self._plan,
            Phase.APPROVE: self._approve,
            Phase.ENTER: self._enter,
            Phase.SETTLE: self._settle,
            Phase.CONFIRM: self._confirm,
            Phase.COUNT: self._count,
        }[journey.phase]
        came_to = walk(journey, progress)
        return came_to.having(gp_calls=came_to.result.gp_calls + self._calls() - before)

    # The strides

    def _sweep(self, journey: Journey, progress: Progress) -> Journey:
        kinds = tuple(SourceKind)
        kind = kinds[journey.which]
        page, more = self._feeds[kind].page()
        before = journey.result.swept.get(kind.value, Swept())
        swept = Swept(before.rows + page.rows, before.new + page.new)
        progress(f"sweep {kind.value}s", swept.rows, None)
        came_to = journey.having(swept={**journey.result.swept, kind.value: swept})
        if more:
            return came_to
        return came_to.to(Phase.SWEEP, journey.which + 1) if kind is not kinds[-1] else self._swept(came_to)

    def _swept(self, journey: Journey) -> Journey:
        return journey.to(Phase.PLAN if self.dry else Phase.LOOK_BACK)

    def _look_back(self, journey: Journey, _progress: Progress) -> Journey:
        self._desk_of(journey).settle(wait=False)
        return self._next_company(journey) or journey.to(Phase.PLAN)

    def _plan(self, journey: Journey, progress: Progress) -> Journey:
        count, after = self._advance.chunk_after(journey.after)
        came_to = journey.having(planned=journey.result.planned + count)
        if count:
            progress("plan", came_to.result.planned, came_to.result.planned + self.ledger.count_opened())
            return replace(came_to, after=after)
        return came_to.to(Phase.ENTER if self.dry else Phase.APPROVE)

    def _approve(self, journey: Journey, _progress: Progress) -> Journey:
        approve_by_itself(self.ledger, self.policy)
        return journey.to(Phase.ENTER)

    def _enter(self, journey: Journey, progress: Progress) -> Journey:
        entering = self._desk_of(journey)
        entered, would_enter, would_hold = entering.entered, entering.would_enter, len(entering.would_hold)
        after = entering.chunk(journey.after, progress)
        came_to = journey.having(
            entered=journey.result.entered + entering.entered - entered,
            would_enter=journey.result.would_enter + entering.would_enter - would_enter,
            findings=(*journey.result.findings, *entering.would_hold[would_hold:]),
        )
        if entering.halted:
            halted = _halted(entering.company, entering.halted)
            came_to = came_to.having(findings=(*came_to.result.findings, halted))
            return replace(came_to, phase=Phase.SETTLE, after=0, halted=True)
        if after is not None:
            return replace(came_to, after=after)
        if self.dry:
            return self._next_company(came_to) or came_to.to(Phase.DONE)
        return replace(came_to, phase=Phase.SETTLE, after=0)

    def _settle(self, journey: Journey, _progress: Progress) -> Journey:
        entering = self._desk_of(journey)
        entering.settle(wait=self.companies[entering.company].pause <= _WAIT)
        if not journey.halted and journey.round + 1 < _ROUNDS and entering.sendable(1):
            return journey.to(Phase.ENTER, journey.which, journey.round + 1)
        return journey.to(Phase.CONFIRM, journey.which)

    def _confirm(self, journey: Journey, progress: Progress) -> Journey:
        confirming = self._confirming(journey)
        count, after = confirming.chunk(journey.after)
        if not count:
            return journey.to(Phase.COUNT, journey.which)
        came_to = journey.having(confirmed=journey.result.confirmed + count)
        progress("confirm", came_to.result.confirmed, None)
        return replace(came_to, after=after)

    def _count(self, journey: Journey, _progress: Progress) -> Journey:
        found = self._confirming(journey).batches(self.ledger.batches_of(self.run_id))
        came_to = journey.having(findings=(*journey.result.findings, *found))
        return self._next_company(came_to, Phase.ENTER) or came_to.to(Phase.DONE)

    # What they need

    @cached_property
    def _desks(self) -> Mapping[str, Entering]:
        """By company, with GP's facts, read when the first stride needs them."""
        opened = open_desks(self.rulebook, {name: company.books for name, company in self.companies.items()})
        return {
            name: Entering(
                company=name,
                desk=desk,
                ledger=self.ledger,
                clock=self.clock,
                run_id=self.run_id,
                prefix=self.prefix,
                day=self.clock.today(),
                pause=self.companies[name].pause,
                dry=self.dry,
                stopping=self.stopping,
            )
            for name, desk in opened.items()
        }

    @cached_property
    def _feeds(self) -> Mapping[SourceKind, Sweeping]:
        return {kind: Sweeping(kind, self.field_service, self.ledger, self.currency) for kind in SourceKind}

    @cached_property
    def _advance(self) -> Advance:
        desks = {name: it.desk for name, it in self._desks.items()}
        gatherer = Gatherer(self.field_service, self.ledger, self.rulebook, desks, self.prefix)
        policy = replace(self.policy, automatic=self.policy.automatic and not self.dry)
        return Advance(self.ledger, gatherer, self.rulebook_version, policy)

    def _desk_of(self, journey: Journey) -> Entering:
        return tuple(self._desks.values())[journey.which]

    def _confirming(self, journey: Journey) -> Confirming:
        name, company = tuple(self.companies.items())[journey.which]
        return Confirming(name, company.books, self.ledger, self.clock, company.share)

    def _next_company(self, journey: Journey, phase: Phase | None = None) -> Journey | None:
        following = journey.which + 1
        return journey.to(phase or journey.phase, following) if following < len(self.companies) else None

    def _calls(self) -> int:
        return sum(company.books.calls for company in self.companies.values())


def _halted(company: str, halt: Halt) -> Finding:
    if halt is Halt.DISTRIBUTIONS_DIFFER:
        return Finding(
            "company.stopped",
            f"company {company}",
            "GP keeps other distributions than were sent, so nothing more is entered in this company",
            "Run 'ml-connector holds' with --code distributions.differ for what differs and how to mend it.",
        )
    return Finding(
        "gp.silent",
        f"company {company}",
        "five answers in a row were lost, so the company is left alone for this run",
        "Look at the GP service and its server; what is in doubt is settled by the next run.",
    )
