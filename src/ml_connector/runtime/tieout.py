"""Tie out a trial: what the ServiceTitan server holds against what the GP server holds, from their own records.

Of our ledger only the ids of what is held, skipped or in doubt are used; their amounts come from ServiceTitan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import httpx2

from ml_connector.docket.records import DocketRecord
from ml_connector.docket.text import findings_of, headline
from ml_connector.field.source import SourceKind
from ml_connector.runtime.trial import Trial

_RELEASED = ("Posted", "Exported")
_ROWS = {SourceKind.INVOICE: ("invoices", "total"), SourceKind.BILL: ("bills", "billAmount")}
_MODULES = {SourceKind.INVOICE: "receivables", SourceKind.BILL: "payables"}


@dataclass(slots=True)
class Sum:
    count: int = 0
    total: Decimal = Decimal("0.00")
    by_code: Counter[str] | None = None

    def add(self, amount: Decimal) -> None:
        self.count += 1
        self.total += amount


@dataclass(slots=True)
class TieOut:
    """`difference` is, per kind, ServiceTitan's eligible total − GP's − held − skipped − in doubt, added up without sign."""

    sources: Mapping[SourceKind, Sum]
    gp: Mapping[SourceKind, Sum]
    entered: Sum = field(default_factory=Sum)
    held: Sum = field(default_factory=lambda: Sum(by_code=Counter()))
    skipped: Sum = field(default_factory=Sum)
    waiting: Sum = field(default_factory=Sum)
    in_doubt: int = 0
    difference: Decimal = Decimal("0.00")
    by_kind: dict[SourceKind, Decimal] = field(default_factory=dict)


def tie_out(trial: Trial, dockets: Iterable[DocketRecord]) -> TieOut:
    """`dockets` are the newest versions of every source."""
    shop = httpx2.get(f"{trial.shop.url}/__sandbox/records", timeout=60).json()
    company = httpx2.get(f"{trial.company.url}/__sandbox/records", timeout=60).json()
    rows = {
        (kind, row["id"]): (Decimal(row[amount] or "0"), row["syncStatus"] in _RELEASED)
        for kind, (name, amount) in _ROWS.items()
        for row in shop[name]
    }
    gp = {kind: _entered_by_us(company[module]) for kind, module in _MODULES.items()}
    tied = TieOut({kind: Sum() for kind in SourceKind}, gp)
    for (kind, _), (amount, _released) in rows.items():
        tied.sources[kind].add(amount)
    left = {
        kind: sum((amount for (k, _), (amount, released) in rows.items() if k is kind and released), Decimal(0))
        - gp[kind].total
        for kind in SourceKind
    }
    for docket in dockets:
        amount, released = rows[docket.kind, docket.source_id]
        if _place(tied, docket, amount) and released:
            left[docket.kind] -= amount
    tied.by_kind = left
    tied.difference = sum((abs(amount) for amount in left.values()), Decimal("0.00"))
    return tied


def _place(tied: TieOut, docket: DocketRecord, amount: Decimal) -> bool:
    """Count a source where our ledger says it stands; True where GP is not expected to hold it."""
    match headline(docket):
        case "entered" | "posted":
            tied.entered.add(amount)
            return False
        case "waiting":
            tied.waiting.add(amount)
            return False
        case "in doubt":
            tied.in_doubt += 1
            return True
        case "skipped" | "closed by hand":
            tied.skipped.add(amount)
            return True
        case _:
            tied.held.add(amount)
            if tied.held.by_code is not None:
                tied.held.by_code.update({finding.code for finding in findings_of(docket)})
            return True


def _entered_by_us(module: Mapping[str, Mapping[str, object]]) -> Sum:
    """What came in by the service; what a person keyed by hand is not ours."""
    ours = module["by_service"]
    return Sum(int(str(ours["count"])), Decimal(str(ours["total"])))
