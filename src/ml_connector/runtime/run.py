"""Run a connection: may it begin, the lease on its tenant, the road, the record of the run."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ml_connector.docket.records import DocketRecord
from ml_connector.findings import Finding, Interrupted
from ml_connector.mapping.rulebook import Rulebook
from ml_connector.pipeline.ports import Progress
from ml_connector.pipeline.road import Company, Road, RunResult
from ml_connector.runtime import readiness
from ml_connector.runtime.heartbeat import Heartbeat
from ml_connector.runtime.wiring import Wired


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
    with Heartbeat(lease):
        ledger = wired.ledger.with_lease(lease)
        gp = wired.settings.gp
        road = Road(
            field_service=wired.field_service,
            companies={
                name: Company(wired.books[name], gp[name].pause, gp[name].read_back_percent)
                for name in rulebook.companies
            },
            ledger=ledger,
            clock=wired.clock,
            rulebook=rulebook,
            rulebook_version=rulebook_version,
            prefix=wired.settings.prefix,
            currency=wired.settings.money,
            run_id=ledger.start_run(dry),
            dry=dry,
            approver=approver,
            sweeping=sweeping,
        )
        try:
            result = road.travel(progress)
        except Interrupted as fault:
            if fault.finding.code != "run.lease_lost":
                ledger.end_run(road.run_id, f"interrupted: {fault.finding.code}", {})
            raise
        except KeyboardInterrupt:
            ledger.end_run(road.run_id, "stopped by hand", {})
            raise
        ledger.end_run(road.run_id, "finished", msgspec.to_builtins(result))
    return result


def dockets_to_replay(wired: Wired, ids: Sequence[int], code: str | None, all_held: bool) -> list[DocketRecord]:
    """The dockets that a person means: by id, by finding code, or every held one."""
    if ids:
        return [wired.ledger.docket(it) for it in ids]
    return list(wired.ledger.holds(code)) if code or all_held else []


def _may_begin(wired: Wired, rulebook: Rulebook, dry: bool) -> None:
    settings, name = wired.settings, wired.settings.name
    stop = readiness.company_missing(settings, rulebook) or readiness.other_currency(settings, rulebook)
    if stop is None and not dry:
        stop = readiness.cut_over_missing(settings, rulebook)
    if stop:
        raise Interrupted(stop)
    if dry or settings.sandbox:
        return
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
