"""The people and things that a source refers to by id: read in bulk, as the rulebook needs them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Customer:
    id: int
    name: str
    type: str  # Residential | Commercial
    merged_to: int | None


@dataclass(frozen=True, slots=True)
class Vendor:
    id: int
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class Job:
    id: int
    number: str
    type: str  # the job type's name
    project: str  # the project's number, "" without one
    tags: tuple[str, ...]  # names


@dataclass(frozen=True, slots=True)
class PurchaseOrder:
    id: int
    number: str
    status: str  # Pending | Sent | PartiallyReceived | Received | Exported | Canceled
    vendor_document_number: str


class TaxBase:
    """What a rate is charged on (enum TaxBaseTypeNames)."""

    SUBTOTAL = "Subtotal"
    LABOR = "Labor"
    MATERIAL = "Material"


@dataclass(frozen=True, slots=True)
class TaxRate:
    """One tax of a zone; `rate` is a fraction: 0.0481."""

    name: str
    rate: Decimal
    bases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TaxZone:
    id: int
    name: str
    rates: tuple[TaxRate, ...]
