"""One run of a connection: sweep, plan, enter, confirm. The same road for a dry run, stopped before the claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from ml_connector.docket import stages
from ml_connector.docket.records import DocketRecord, Move
from ml_connector.docket.trail import Event
from ml_connector.field.source import SourceKind
from ml_connector.findings import Finding, Interrupted
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.pipeline.advance import Advance
from ml_connector.pipeline.confirm import Confirming
from ml_connector.pipeline.enter import Entering, Halt
from ml_connector.pipeline.gather import CompanyDesk, Gatherer, open_desks
from ml_connector.pipeline.intake import Swept, sweep
from ml_connector.pipeline.ports import Progress
from ml_connector.runtime.heartbeat import Heartbeat
from ml_connector.runtime.wiring import Wired

_WAIT = 60.0  # the longest pause that a run sits out at its end, in seconds; longer ones are left to the next run
_ROUNDS = 5
_CHUNK = 200


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

    def counts(self) -> Mapping[str, object]:
        values: Mapping[str, object] = msgspec.to_builtins(self)
        return values


def run(
    wired: Wired,
    progress: Progress,
    *,
    dry: bool = False,
    approver: str | None = None,
    sweeping: bool = True,
) -> RunResult:
    """Run a connection once. `approver` approves what is planned; without one, review mode leaves it for a person.

    Raises Interrupted when it cannot begin or cannot go on; what was stored stands, and the next run goes on from it.
    """
    rulebook_version, rulebook = wired.rulebook()
    _may_begin(wired, rulebook, dry)
    lease = wired.ledger.hold(f"servicetitan-{wired.settings.servicetitan.tenant_id}", wired.settings.lease)
    if lease is None:
        raise Interrupted(_busy(wired.settings.name))
    fenced = wired.under(lease)
    run_id = fenced.ledger.start_run(dry)
    result = RunResult(run_id, dry, rulebook_version)

    with Heartbeat(lease):
        try:
            _all(fenced, rulebook, result, progress, approver if not dry else None, sweeping)
        except Interrupted as fault:
            if fault.finding.code != "run.lease_lost":
                fenced.ledger.end_run(run_id, f"interrupted: {fault.finding.code}", result.counts())
            raise
        fenced.ledger.end_run(run_id, "finished", result.counts())
    return result


def _all(
    wired: Wired, rulebook: Rulebook, result: RunResult, progress: Progress, approver: str | None, sweeping: bool
) -> None:
    settings = wired.settings
    if sweeping:
        for kind in SourceKind:
            result.swept[kind.value] = sweep(kind, wired.field_service, wired.ledger, settings.money, progress)
    calls = sum(books.calls for books in wired.books.values())
    desks = open_desks(rulebook, wired.books)
    gatherer = Gatherer(wired.field_service, wired.ledger, rulebook, desks, settings.prefix)
    result.planned = Advance(wired.ledger, gatherer, result.rulebook_version, approver).all(progress)
    if approver:
        _approve(wired, approver)
    for company, desk in desks.items():
        _enter(company, desk, wired, result, progress)
    result.gp_calls = sum(books.calls for books in wired.books.values()) - calls


def _enter(company: str, desk: CompanyDesk, wired: Wired, result: RunResult, progress: Progress) -> None:
    gp = wired.settings.gp[company]
    entering = Entering(
        company=company,
        desk=desk,
        ledger=wired.ledger,
        clock=wired.clock,
        run_id=result.run_id,
        prefix=wired.settings.prefix,
        day=wired.clock.today(),
        pause=gp.pause,
        dry=result.dry,
    )
    if result.dry:
        entering.all(progress)
        result.would_enter += entering.would_enter
        result.findings += entering.would_hold
        return
    entering.settle(wait=False)
    for _ in range(_ROUNDS):
        entering.all(progress)
        entering.settle(wait=gp.pause <= _WAIT)
        if entering.halted or not wired.ledger.documents((stages.Approved,), 1, company=company):
            break
    result.entered += entering.entered
    if entering.halted:
        result.findings.append(_halted(company, entering.halted))
    confirming = Confirming(company, desk.books, wired.ledger, wired.clock, gp.read_back_percent)
    confirming.all(progress)
    confirming.batches(wired.ledger.batches_of(result.run_id))
    result.confirmed += confirming.confirmed
    result.findings += confirming.findings


def _approve(wired: Wired, approver: str) -> None:
    after = 0
    while records := wired.ledger.documents((stages.Planned,), _CHUNK, after_id=after):
        after = records[-1].id
        wired.ledger.record(
            [
                Move(
                    it,
                    stages.Approved(approver),
                    Event("document.approved", {"hash": it.hash}, it.docket_id, it.document.number),
                )
                for it in records
            ]
        )


def _may_begin(wired: Wired, rulebook: Rulebook, dry: bool) -> None:
    name = wired.settings.name
    missing = sorted(set(rulebook.companies) - set(wired.settings.gp))
    if missing:
        raise Interrupted(
            Finding(
                "connection.company_missing",
                f"connection {name}",
                f"the rulebook names company {', '.join(missing)}, and the connection does not say how to reach it",
                "Add [gp.<company>] to the connection's settings, or correct the rulebook's Companies table.",
            )
        )
    other = [c for c, rule in rulebook.companies.items() if rule.currency is not wired.settings.money]
    if other:
        raise Interrupted(
            Finding(
                "connection.currency",
                f"connection {name}",
                f"company {', '.join(other)} keeps its books in another currency than the tenant's {wired.settings.currency}",
                "Set the right currency in the connection's settings or in the rulebook's Companies table.",
            )
        )
    if dry or wired.settings.sandbox:
        return
    if any(rule.cut_over is None for rule in rulebook.companies.values()):
        raise Interrupted(
            Finding(
                "company.cut_over_missing",
                f"connection {name}",
                "a company has no cut-over date, so history could be entered a second time",
                "In the rulebook's Companies table, fill cut_over; import the rulebook and make a dry run.",
            )
        )
    if not any(it.dry and it.outcome == "finished" for it in wired.ledger.runs(1000)):
        raise Interrupted(
            Finding(
                "connection.dry_run_first",
                f"connection {name}",
                "no dry run has been made yet",
                f"Run 'ml-connector run {name} --dry-run', look at what it would enter, then run it.",
            )
        )


def _busy(name: str) -> Finding:
    return Finding(
        "run.busy",
        f"connection {name}",
        "another run of this ServiceTitan tenant is going on",
        f"Wait for it to end ('ml-connector status {name}' shows it); after a crash its lease ends by itself within a minute.",
    )


def _halted(company: str, halt: Halt) -> Finding:
    if halt is Halt.DISTRIBUTIONS_DIFFER:
        return Finding(
            "company.stopped",
            f"company {company}",
            "GP keeps other distributions than were sent, so nothing more is entered in this company",
            "Run 'ml-connector holds --code distributions.differ' for what differs and how to mend it.",
        )
    return Finding(
        "gp.silent",
        f"company {company}",
        "five answers in a row were lost, so the company is left alone for this run",
        "Look at the GP service and its server; what is in doubt is settled by the next run.",
    )


def dockets_to_replay(wired: Wired, ids: Sequence[int], code: str | None, all_held: bool) -> list[DocketRecord]:
    """The dockets that a person means: by id, by finding code, or every held one."""
    if ids:
        return [wired.ledger.docket(it) for it in ids]
    return list(wired.ledger.holds(code)) if code or all_held else []
