"""How long a connection keeps what may be erased: its settings, applied to its ledger."""

from __future__ import annotations

import logging
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ml_connector.findings import Interrupted
from ml_connector.pipeline.ports import Progress
from ml_connector.runtime.run import FINISHED
from ml_connector.runtime.settings import Retention, from_ledger
from ml_connector.store.database import Database, utc_now
from ml_connector.store.ledger import Ledger
from ml_connector.store.retention import ROWS, Erased

ACTOR = "retention"  # whom the trail names where no person asked for it
_DAY = 23 * 3600.0  # seconds that the lease is kept, which is how a worker knows that it was done

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retained:
    """What was erased, or would be. `rows` by what they are: runs, alerts."""

    evidence: Erased
    rows: dict[str, int]


def _unseen(step: str, done: int, of: int | None) -> None:
    """Nobody looks on."""


def retain(
    ledger: Ledger, keeps: Retention, now: datetime, *, dry: bool = False, progress: Progress = _unseen
) -> Retained:
    """Erase what is older than the settings say; `dry` only counts. Once a day is enough, and twice does no harm.

    It goes on beside a run, in short transactions, each with its entry in the trail; killed, it goes on next time.
    """
    erased = Erased()
    if keeps.evidence:
        erased = ledger.erase_evidence(months_before(now, keeps.evidence), dry, progress)
    rows = {}
    for name in ROWS:
        months: int = getattr(keeps, name)
        if months:
            rows[name] = ledger.delete_rows(name, months_before(now, months), dry, FINISHED)
    return Retained(erased, rows)


def retain_daily(database: Database, worker: str, now: Callable[[], datetime] = utc_now) -> dict[str, Retained]:
    """`retain` for every connection, by name, once a day: by whichever worker comes first, nothing for the others.

    A connection whose settings are wrong keeps no other from it.
    """
    lease = database.hold("retention", worker, _DAY, now)
    if lease is None:
        return {}
    done = {}
    try:
        for record in database.connections(worker).all():
            try:
                settings = from_ledger(record.definition, record.name)
                done[record.name] = retain(database.ledger(record.name, ACTOR), settings.retention, now())
            except Interrupted as fault:
                if fault.finding.code.startswith("store."):
                    raise
                log.error(fault.finding.says, extra={"connection": record.name, "code": fault.finding.code})
        database.settle()
    except BaseException:
        lease.release()  # the next look tries again
        raise
    return done


def months_before(now: datetime, months: int) -> datetime:
    """The same day so many months earlier; the last of that month where it is shorter."""
    year, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return now.replace(year=year, month=month + 1, day=min(now.day, monthrange(year, month + 1)[1]))
