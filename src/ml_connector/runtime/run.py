"""Run a connection: may it begin, the lease on its tenant, the road, the record of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from ml_connector.docket.records import DocketRecord
from ml_connector.findings import Finding, Interrupted
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.pipeline.ports import Clock, Progress
from ml_connector.pipeline.review import waiting
from ml_connector.pipeline.road import Company, Road, RunResult
from ml_connector.runtime import metrics, readiness
from ml_connector.runtime.heartbeat import Heartbeat
from ml_connector.runtime.logs import bound
from ml_connector.runtime.settings import Settings
from ml_connector.runtime.wiring import Wired
from ml_connector.store.ledger import Ledger

FINISHED = "finished"  # how a run ends that came to its end


def run(
    wired: Wired,
    progress: Progress,
    *,
    dry: bool = False,
    sweeping: bool = True,
) -> RunResult:
    """Run a connection once. In review mode what it plans waits for people; what they approved before, it enters.

    Raises Interrupted when it cannot begin or cannot go on; what was stored stands, and the next run goes on from it.
    """
    rulebook_version, rulebook = wired.rulebook()
    may_begin(wired, rulebook, dry)
    lease = wired.ledger.hold(tenant_of(wired.settings), wired.settings.lease)
    if lease is None:
        raise Interrupted(busy(wired.settings.name))
    with Heartbeat(lease):
        leased = wired.under(lease)
        run_id = leased.ledger.start_run(dry)
        road = replace(road_of(leased, rulebook_version, rulebook, run_id), dry=dry, sweeping=sweeping)
        with bound(run=run_id):
            return _travel(road, leased.ledger, wired.clock, progress)


def _travel(road: Road, ledger: Ledger, clock: Clock, progress: Progress) -> RunResult:
    """The road, and the record of how it ended."""
    started = clock.monotonic()

    def end(outcome: str, counts: Mapping[str, object]) -> None:
        ledger.end_run(road.run_id, outcome, counts)
        metrics.run_ended(ledger.connection_name, outcome, clock.monotonic() - started)

    try:
        result = road.travel(progress)
    except Interrupted as fault:
        if fault.finding.code != "run.lease_lost":
            end(f"interrupted: {fault.finding.code}", {})
        raise
    except KeyboardInterrupt:
        end("stopped by hand", {})
        raise
    end(FINISHED, msgspec.to_builtins(result))
    return result


def road_of(wired: Wired, version: int, rulebook: Rulebook, run_id: int) -> Road:
    """The road of a run under a version of the rulebook; `wired` is under the lease of the tenant."""
    gp = wired.settings.gp
    return Road(
        field_service=wired.field_service,
        companies={
            name: Company(wired.books[name], gp[name].pause, gp[name].read_back_percent) for name in rulebook.companies
        },
        ledger=wired.ledger,
        clock=wired.clock,
        rulebook=rulebook,
        rulebook_version=version,
        prefix=wired.settings.prefix,
        currency=wired.settings.money,
        run_id=run_id,
        policy=wired.settings.review,
    )


def tenant_of(settings: Settings) -> str:
    """The name of the lease that one run at a time holds."""
    return f"servicetitan-{settings.servicetitan.tenant_id}"


def dockets_to_replay(ledger: Ledger, code: str | None, all_held: bool, planned: bool) -> list[DocketRecord]:
    """The dockets that a person means: held by a finding code, every held one, every one that waits for approval."""
    held = list(ledger.holds(code)) if code or all_held else []
    plan = {it.docket_id for records in waiting(ledger) for it in records} if planned else set()
    return held + [ledger.docket(id) for id in sorted(plan - {it.id for it in held})]


def may_begin(wired: Wired, rulebook: Rulebook, dry: bool) -> None:
    """Raises Interrupted where a person has something to do before the first run."""
    settings, name = wired.settings, wired.settings.name
    stop = readiness.company_missing(settings, rulebook) or readiness.other_currency(settings, rulebook)
    if stop is None and not dry:
        stop = readiness.cut_over_missing(settings, rulebook)
    if stop:
        raise Interrupted(stop)
    if dry or settings.sandbox:
        return
    if not wired.ledger.has_run(dry=True, outcome=FINISHED):
        raise Interrupted(
            Finding(
                "connection.dry_run_first",
                f"connection {name}",
                "no dry run has been made yet",
                f"Run 'ml-connector run {name} --dry-run', look at what it would enter, then run it.",
            )
        )


def busy(name: str) -> Finding:
    """Somebody else's run holds the tenant."""
    return Finding(
        "run.busy",
        f"connection {name}",
        "another run of this ServiceTitan tenant is going on",
        f"Wait for it to end ('ml-connector status {name}' shows it); after a crash its lease ends by itself within a minute.",
    )
