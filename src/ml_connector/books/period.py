"""Fiscal periods. They need not be months, and each series opens and closes by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum


class Series(Enum):
    """The parts of GP that close separately. A document posts in its own series and in Financial."""

    FINANCIAL = "Financial"
    SALES = "Sales"
    PURCHASING = "Purchasing"


SUBLEDGERS = (Series.SALES, Series.PURCHASING)
"""The series that hold documents of ours: receivables and payables."""


@dataclass(frozen=True, slots=True)
class FiscalPeriod:
    year: int
    number: int
    first: date
    last: date
    closed: frozenset[Series]
    year_closed: bool = False

    def open_in(self, series: Series) -> bool:
        return not self.year_closed and series not in self.closed and Series.FINANCIAL not in self.closed

    def __str__(self) -> str:
        return f"period {self.number} of {self.year}"


def period_of(day: date, periods: Iterable[FiscalPeriod]) -> FiscalPeriod | None:
    return next((period for period in periods if period.first <= day <= period.last), None)


def first_open_day(day: date, series: Series, periods: Iterable[FiscalPeriod]) -> date | None:
    """The day itself if its period is open, else the first day of the next open period.

    None where the day, or one between, is in no known period: nobody knows whether that one is open.
    """
    known = tuple(periods)
    period = period_of(day, known)
    while period is not None and not period.open_in(series):
        day = period.last + timedelta(1)
        period = period_of(day, known)
    return day if period is not None else None
