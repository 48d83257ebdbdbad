"""What GP refuses, and what it says.

    Refused (an exception)
    └── Refusal, one or more: a Reason that never changes and a message for a person

The message texts follow what clients have matched ("Key already exists in PM Keys Master", "VendorDocumentNumber
already exists", "Vendor does not exist"); the others are plausible, as GP's own texts depend on version and language.
The numbers are invented too, but for eConnect's 372 (vendor does not exist).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Reason(Enum):
    """Why GP refuses. The value is the number that a service may show beside the message."""

    NUMBER_TAKEN = 4710
    VENDOR_DOCUMENT_TAKEN = 4711
    CUSTOMER_UNKNOWN = 371
    VENDOR_UNKNOWN = 372
    CUSTOMER_INACTIVE = 4720
    VENDOR_INACTIVE = 4721
    ACCOUNT_UNKNOWN = 4730
    ACCOUNT_INACTIVE = 4731
    ACCOUNT_REFUSES_ENTRY = 4732
    DISTRIBUTIONS_MISSING = 4740
    DISTRIBUTIONS_UNBALANCED = 4741
    DISTRIBUTIONS_DIFFER_FROM_AMOUNT = 4742
    DISTRIBUTION_TYPE_INVALID = 4743
    PERIOD_CLOSED = 4750
    PERIOD_MISSING = 4751
    BATCH_LOCKED = 4760
    BATCH_OF_OTHER_ORIGIN = 4761
    FIELD_MISSING = 4770
    FIELD_TOO_LONG = 4771
    AMOUNTS_DO_NOT_ADD_UP = 4780
    AMOUNT_INVALID = 4781
    TAX_DETAIL_UNKNOWN = 4790
    TAXES_DIFFER = 4791
    CURRENCY_UNKNOWN = 4795
    PARTY_TAKEN = 4800
    CLASS_UNKNOWN = 4801
    TERMS_UNKNOWN = 4802
    ADDRESS_WITHOUT_CODE = 4803
    CARD_LOCKED = 4804


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason, in GP's words."""

    reason: Reason
    message: str


class Refused(Exception):
    """GP did not enter the document, or did not take the card, and changed nothing."""

    def __init__(self, refusals: Iterable[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("; ".join(refusal.message for refusal in self.refusals))
