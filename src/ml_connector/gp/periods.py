"""Second sources for what an installation's services do not tell: a calendar file and a chart-of-accounts file (CSV).

Both are exported from GP, or kept, by a person, and are read as strictly as a rulebook: every mistake is named with
file, row and column, all at once, and a file with one mistake is refused whole. Comma or semicolon, UTF-8, a header
row; the header is row 1; days are written 2026-03-31.

    calendar   year, period, first_day, last_day, closed, year_closed
               closed: the closed series, "Sales; Financial", or "all"; blank = open.  year_closed: yes or no
    accounts   account, description, active, allows_entry       the last two: yes or no
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from ml_connector.books.account import AccountNumber
from ml_connector.books.facts import AccountCard
from ml_connector.books.period import FiscalPeriod, Series
from ml_connector.findings import Finding, Interrupted
from ml_connector.gp.errors import Refused

CALENDAR_FILE = "the calendar file"
CALENDAR = ("year", "period", "first_day", "last_day", "closed", "year_closed")
ACCOUNTS = ("account", "description", "active", "allows_entry")
_YES = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}
_SERIES = {series.value.lower(): series for series in Series}

T = TypeVar("T")


def read_calendar(path: Path) -> tuple[FiscalPeriod, ...]:
    """The fiscal periods of a calendar file, in order of time. Raises Refused; Interrupted where it cannot be read."""
    return calendar(_text(path, "gp.calendar"), path.name)


def read_chart(path: Path) -> Mapping[str, AccountCard]:
    """The accounts of a chart-of-accounts file, by number. Raises Refused; Interrupted where it cannot be read."""
    return chart(_text(path, "gp.accounts"), path.name)


def calendar(text: str, name: str) -> tuple[FiscalPeriod, ...]:
    sheet = _Sheet(name, "gp.calendar", CALENDAR, ("year_closed",))
    periods: dict[int, FiscalPeriod] = {}
    for row in sheet.rows(text):
        year, number = row.value("year", _whole), row.value("period", _whole)
        first, last = row.value("first_day", _day), row.value("last_day", _day)
        closed = row.value("closed", _series)
        year_closed = row.value("year_closed", _yes) if row.cells.get("year_closed") else False
        if year is None or number is None or first is None or last is None or closed is None or year_closed is None:
            continue
        if last < first:
            row.wrong("last_day", f"{last} is before the first day, {first}", "Write the last day of the period.")
        periods[row.number] = FiscalPeriod(year, number, first, last, closed, year_closed)
    in_order = sorted(periods.items(), key=lambda item: (item[1].first, item[1].last))
    for (_, before), (number, period) in pairwise(in_order):
        if period.first <= before.last:
            sheet.wrong(
                number, "first_day", f"{period} begins on {period.first}, when {before} lasts", "Let no day be in two."
            )
    if not sheet.findings and not periods:
        sheet.wrong(2, "year", "there is no period", "Write one row for each fiscal period.")
    sheet.judge()
    return tuple(period for _, period in in_order)


def chart(text: str, name: str) -> Mapping[str, AccountCard]:
    sheet = _Sheet(name, "gp.accounts", ACCOUNTS, ())
    cards: dict[str, AccountCard] = {}
    for row in sheet.rows(text):
        account = row.value("account", _filled)
        active, allows_entry = row.value("active", _yes), row.value("allows_entry", _yes)
        if account is None or active is None or allows_entry is None:
            continue
        number = AccountNumber.parse(account.upper())
        if str(number) in cards:
            row.wrong("account", f"{number} stands twice", "Delete one of the two rows.")
        cards[str(number)] = AccountCard(number, row.cells.get("description", ""), active, allows_entry)
    if not sheet.findings and not cards:
        sheet.wrong(2, "account", "there is no account", "Write one row for each account.")
    sheet.judge()
    return cards


def _text(path: Path, code: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        says = "it is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error.strerror)
        remedy = "Save the file as CSV in UTF-8 at this place, or name another in the connection; then run again."
        raise Interrupted(Finding(code, str(path), says, remedy)) from None


@dataclass(slots=True)
class _Sheet:
    name: str
    code: str
    columns: tuple[str, ...]
    optional: tuple[str, ...]
    findings: list[Finding] = field(default_factory=list)

    def rows(self, text: str) -> Iterator[_Row]:
        first = text.partition("\n")[0]
        reader = csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
        header = [cell.strip().lower().replace(" ", "_") for cell in next(reader, [])]
        for column in self.columns:
            if header.count(column) != 1 and not (column in self.optional and column not in header):
                told = "stands twice" if column in header else "is missing"
                self.wrong(1, column, f"the column {told}", f"Let the header read {', '.join(self.columns)}.")
        for column in header:
            if column not in self.columns:
                self.wrong(1, column, "there is no such column", f"Use only {', '.join(self.columns)}.")
        if self.findings:
            return
        for number, cells in enumerate(reader, start=2):
            trimmed = [cell.strip() for cell in cells]
            if any(trimmed):
                if len(trimmed) > len(header):
                    self.wrong(number, header[-1], "the row has more cells than the header", "Quote cells with commas.")
                yield _Row(self, number, dict(zip(header, trimmed, strict=False)))

    def wrong(self, row: int, column: str, says: str, remedy: str) -> None:
        self.findings.append(Finding(self.code, f"{self.name}, row {row}, column {column}", says, remedy))

    def judge(self) -> None:
        if self.findings:
            raise Refused(tuple(self.findings))


@dataclass(frozen=True, slots=True)
class _Row:
    sheet: _Sheet
    number: int
    cells: Mapping[str, str]

    def value(self, column: str, parse: Callable[[str], T]) -> T | None:
        """The cell's value, or None and a finding."""
        cell = self.cells.get(column, "")
        try:
            return parse(cell)
        except ValueError as error:
            says, _, remedy = str(error).partition("|")
            self.wrong(column, f"'{cell}' {says}", remedy)
            return None

    def wrong(self, column: str, says: str, remedy: str) -> None:
        self.sheet.wrong(self.number, column, says, remedy)


def _whole(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit()):
        raise ValueError("is no whole number|Write digits only.")
    return int(cell)


def _day(cell: str) -> date:
    try:
        if len(cell) == 10:
            return date.fromisoformat(cell)
    except ValueError:
        pass
    raise ValueError("is no day|Write it as 2026-03-31.")


def _yes(cell: str) -> bool:
    known = _YES.get(cell.lower())
    if known is None:
        raise ValueError("is neither yes nor no|Write yes or no.")
    return known


def _filled(cell: str) -> str:
    if not cell:
        raise ValueError("is empty|Fill the cell.")
    return cell


def _series(cell: str) -> frozenset[Series]:
    if cell.lower() == "all":
        return frozenset(Series)
    named = [name.strip().lower() for name in cell.replace(",", ";").split(";") if name.strip()]
    unknown = [name for name in named if name not in _SERIES]
    if unknown:
        known = ", ".join(series.value for series in Series)
        raise ValueError(f"names no series that we enter in ({', '.join(unknown)})|Write {known}, or all.")
    return frozenset(_SERIES[name] for name in named)
