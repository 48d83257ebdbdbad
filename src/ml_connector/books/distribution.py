"""One debit or credit of a document, and what GP lets it stand for.

GP numbers distribution types differently in receivables and in payables (eConnect, taRMDistribution and
taPMDistribution), so there are two enums; only the types that we write or must recognise are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeAlias, TypeVar

from ml_connector.books.account import AccountNumber
from ml_connector.money import Money


class ReceivablesType(Enum):
    RECV = 3
    SALES = 9
    TRADE = 10
    TAXES = 13
    COGS = 14
    INV = 15
    CRMEMO = 19


class PayablesType(Enum):
    PAY = 2
    PURCH = 6
    TRADE = 7
    FREIGHT = 9
    TAXES = 10


DistributionType: TypeAlias = ReceivablesType | PayablesType
T = TypeVar("T", ReceivablesType, PayablesType)


@dataclass(frozen=True, slots=True)
class Distribution(Generic[T]):
    """One line of a document's distribution. Exactly one side carries an amount, and it is more than zero."""

    account: AccountNumber
    type: T
    debit: Money
    credit: Money
    reference: str = ""  # GP keeps it with the line (30 characters): the job number
    origin: str = ""  # what it comes from, for the reader: "line 1  AC-TUNE"
    rule: str = ""  # which row of the rulebook chose the account: "Accounts row 7"

    def __post_init__(self) -> None:
        if self.debit.amount < 0 or self.credit.amount < 0 or bool(self.debit) == bool(self.credit):
            raise ValueError(f"{self.account}: exactly one of debit and credit must be more than zero")


def debit(account: AccountNumber, type: T, amount: Money, reference: str, origin: str, rule: str) -> Distribution[T]:
    """A debit of `amount`; a negative amount becomes a credit of as much."""
    zero = Money.zero(amount.currency)
    if amount.amount < 0:
        return Distribution(account, type, zero, -amount, reference, origin, rule)
    return Distribution(account, type, amount, zero, reference, origin, rule)


def credit(account: AccountNumber, type: T, amount: Money, reference: str, origin: str, rule: str) -> Distribution[T]:
    """A credit of `amount`; a negative amount becomes a debit of as much."""
    return debit(account, type, -amount, reference, origin, rule)
