"""A sheet as a file holds it, and the one text that each kind of cell becomes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches

from ml_connector.mapping.tables import Layout

Cell = str | int | float | bool | date | datetime | time | timedelta

LONGEST_CELL = 32_767  # characters: Excel's published limit, kept for CSV too, so that one can become the other
EXACT_DIGITS = 15  # significant digits that a spreadsheet keeps of a number (Excel specifications and limits)
PERCENTAGES = frozenset({"share_1099"})  # where a number from 0 to 1 is a cell formatted as a percentage
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table as a file holds it: row 1 is the header, rows may differ in length."""

    layout: Layout
    place: str  # "sheet Accounts" or "accounts.csv": how the `where` of every finding begins
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class NotText:
    """A cell that no text stands for."""

    says: str
    remedy: str


def text_of(cell: Cell, column: str = "") -> str | NotText:
    """The cell as a person would write it: trimmed, in Unicode form NFC, lines ended by a line feed.

    4110.0 is "4110", a date is its ISO form, a truth is "yes" or "no". What a spreadsheet cannot have kept
    exactly (more than 15 digits), durations and control characters are refused.
    """
    match cell:
        case bool():
            return "yes" if cell else "no"
        case str():
            return _plain(cell)
        case int() | float():
            return _number(Decimal(repr(cell)), column)
        case datetime():
            return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
        case date():
            return cell.isoformat()
        case time() | timedelta():
            return NotText(f"{cell} is a time, not text", "Write the cell as text.")


def _plain(cell: str) -> str | NotText:
    text = unicodedata.normalize("NFC", cell.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if unreadable := _UNREADABLE.search(text):
        return NotText(
            f"the text holds the control character U+{ord(unreadable[0]):04X}",
            "Type the text again: it was probably pasted from another program.",
        )
    if len(text) > LONGEST_CELL:
        return NotText(
            f"the text has {len(text)} characters; a spreadsheet's cell holds {LONGEST_CELL}", "Shorten the text."
        )
    return text


def _number(number: Decimal, column: str) -> str | NotText:
    exact = number.is_finite() and len(number.normalize().as_tuple().digits) <= EXACT_DIGITS
    if not exact or abs(number) >= 10**EXACT_DIGITS:
        return NotText(
            f"{number} is a number with more digits than a spreadsheet keeps",
            "Format the cell as text and write the value again, digit by digit.",
        )
    if column in PERCENTAGES and 0 <= number <= 1:
        return f"{_short(number * 100)}%"
    return _short(number)


def _short(number: Decimal) -> str:
    return format(number.normalize() + 0, "f")  # + 0: never "-0"


def letters(index: int) -> str:
    """The name that a spreadsheet gives its columns: 0 is A, 26 is AA."""
    name = ""
    while index >= 0:
        index, rest = divmod(index, 26)
        name, index = chr(ord("A") + rest) + name, index - 1
    return name


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name most like this one; blank where none is near."""
    names = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), names, n=1, cutoff=0.6)
    return names[near[0]] if near else ""
