"""What every ServiceTitan record that we read has in common."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class SourceKind(Enum):
    INVOICE = "invoice"
    BILL = "bill"


@dataclass(frozen=True, slots=True)
class Named:
    """A reference by id. The name is for people; it is never matched on once an id is known."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class GlAccount:
    """A general-ledger account as ServiceTitan shows it on a line; number and name may be blank."""

    id: int | None
    number: str
    name: str

    def __str__(self) -> str:
        return f"{self.number} {self.name}".strip() or f"account id {self.id}"


class SyncStatus:
    """ServiceTitan's own states of an invoice or bill on its way to accounting; other words may appear."""

    PENDING = "Pending"
    POSTED = "Posted"
    EXPORTED = "Exported"
