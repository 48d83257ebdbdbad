"""Where a connection stands: every source accounted for, what GP has not posted, the last runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ml_connector.docket.records import Group, RunRecord, UnpostedBatch
from ml_connector.runtime.wiring import Wired

_LAST = 5


@dataclass(frozen=True, slots=True)
class Status:
    """`endings` by kind of source and stage; every swept source is in exactly one group."""

    endings: Mapping[str, Mapping[str, Group]]
    unposted: tuple[UnpostedBatch, ...]
    runs: tuple[RunRecord, ...]

    def count(self, stage: str) -> int:
        """How many sources stand at a stage, those without an amount among them."""
        return sum(
            group.count
            for groups in self.endings.values()
            for name, group in groups.items()
            if name == stage or name.startswith(stage + " without")
        )

    @property
    def held(self) -> int:
        return self.count("held") + self.count("gone")

    @property
    def in_doubt(self) -> int:
        return self.count("in_doubt")

    @property
    def planned(self) -> int:
        return self.count("planned")


def status(wired: Wired) -> Status:
    return Status(
        endings={it.kind.value: it.groups for it in wired.ledger.endings()},
        unposted=tuple(wired.ledger.unposted()),
        runs=tuple(wired.ledger.runs(_LAST)),
    )
