"""The road of one run: sweep, settle, plan, enter, confirm. A dry run goes the same road and stops before the claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ml_connector.docket.review import Policy
from ml_connector.field.source import SourceKind
from ml_connector.findings import Finding
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.money import Currency
from ml_connector.pipeline.advance import Advance
from ml_connector.pipeline.confirm import Confirming
from ml_connector.pipeline.enter import Entering, Halt
from ml_connector.pipeline.gather import CompanyDesk, Gatherer, open_desks
from ml_connector.pipeline.intake import Swept, sweep
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


@dataclass(slots=True)
class RunResult:
    """What a run did. `findings` are of the run itself; documents and dockets carry their own."""

    run_id: int
    dry: bool
    rulebook_version: int
    swept: dict[str, Swept] = field(default_factory=dict)
    planned: int = 0
    entered: int = 0
    confirmed: int = 0
    would_enter: int = 0
    gp_calls: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Road:
    """What `policy` does not approve by itself waits for people."""

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

    def travel(self, progress: Progress) -> RunResult:
        """Raises Interrupted when it cannot go on; what was stored stands, and the next run goes on from it."""
        result = RunResult(self.run_id, self.dry, self.rulebook_version)
        if self.sweeping:
            for kind in SourceKind:
                result.swept[kind.value] = sweep(kind, self.field_service, self.ledger, self.currency, progress)
        before = self._calls()
        desks = open_desks(self.rulebook, {name: company.books for name, company in self.companies.items()})
        entering = {name: self._entering(name, desk) for name, desk in desks.items()}
        if not self.dry:
            for it in entering.values():
                it.settle(wait=False)
        gatherer = Gatherer(self.field_service, self.ledger, self.rulebook, desks, self.prefix)
        policy = replace(self.policy, automatic=self.policy.automatic and not self.dry)
        result.planned = Advance(self.ledger, gatherer, self.rulebook_version, policy).all(progress)
        approve_by_itself(self.ledger, policy)
        for it in entering.values():
            self._enter(it, result, progress)
        result.gp_calls = self._calls() - before
        return result

    def _entering(self, name: str, desk: CompanyDesk) -> Entering:
        return Entering(
            company=name,
            desk=desk,
            ledger=self.ledger,
            clock=self.clock,
            run_id=self.run_id,
            prefix=self.prefix,
            day=self.clock.today(),
            pause=self.companies[name].pause,
            dry=self.dry,
        )

    def _enter(self, entering: Entering, result: RunResult, progress: Progress) -> None:
        company = self.companies[entering.company]
        if self.dry:
            entering.all(progress)
            result.would_enter += entering.would_enter
            result.findings += entering.would_hold
            return
        for _ in range(_ROUNDS):
            entering.all(progress)
            entering.settle(wait=company.pause <= _WAIT)
            if entering.halted or not entering.sendable(1):
                break
        result.entered += entering.entered
        if entering.halted:
            result.findings.append(_halted(entering.company, entering.halted))
        confirming = Confirming(entering.company, company.books, self.ledger, self.clock, company.share)
        confirming.all(progress)
        confirming.batches(self.ledger.batches_of(self.run_id))
        result.confirmed += confirming.confirmed
        result.findings += confirming.findings

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
