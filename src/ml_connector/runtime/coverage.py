"""Coverage of the past by a rulebook: the one in force, or one that is only being tried."""

from __future__ import annotations

from datetime import timedelta

from ml_connector.field.snapshot import Snapshot
from ml_connector.findings import Interrupted
from ml_connector.mapping.coverage import Coverage, coverage
from ml_connector.mapping.frame import Frame
from ml_connector.mapping.reading import read
from ml_connector.mapping.tables import Tables
from ml_connector.pipeline.gather import Gatherer
from ml_connector.pipeline.ports import Progress
from ml_connector.runtime.wiring import Wired

_CHUNK = 200
_MONTH = 31


def past_coverage(wired: Wired, months: int, tables: Tables | None, progress: Progress) -> tuple[Coverage, int]:
    """Plan every swept source dated in the last months, counted from the newest one; GP is not asked.

    Beside it, how many sources of these months were left out because retention has erased what was read of them.
    """
    _, rulebook = wired.rulebook()
    if tables is not None:
        tried = read(tables)
        if isinstance(tried, tuple):
            raise Interrupted(*tried)
        rulebook = tried
    gatherer = Gatherer(wired.field_service, wired.ledger, rulebook, {}, wired.settings.prefix)
    dockets = wired.ledger.newest_versions()
    newest = max((it.date for it in dockets if it.date), default=None)
    since = newest - timedelta(days=months * _MONTH) if newest else None
    dockets = [it for it in dockets if since is None or it.date is None or it.date >= since]
    erased = wired.ledger.erased(it.page for it in dockets)
    within, dockets = len(dockets), [it for it in dockets if it.page not in erased]
    snapshots: list[Snapshot] = []
    for start in range(0, len(dockets), _CHUNK):
        snapshots += gatherer.snapshots(dockets[start : start + _CHUNK])
        progress("read", len(snapshots), len(dockets))
    frame = Frame.of(rulebook, {}, wired.settings.prefix)
    return coverage(snapshots, frame, wired.settings.money), within - len(dockets)
