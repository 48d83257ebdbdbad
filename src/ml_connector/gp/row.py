"""One row of an answer, read by our nouns: trimmed, exact, and refused where it is not what the map says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from ml_connector.books.account import AccountNumber
from ml_connector.findings import Interrupted
from ml_connector.gp import errors
from ml_connector.gp.service_map import Formats, Word
from ml_connector.money import Currency, Money

EMPTY_DAY = date(1900, 1, 1)  # how GP keeps a date that nobody filled in
_YES = {"true": True, "yes": True, "y": True, "1": True, "false": False, "no": False, "n": False, "0": False, "": False}


def fold(text: str) -> str:
    """A key as GP compares it: without padding, in upper case."""
    return text.strip().upper()


@dataclass(frozen=True, slots=True)
class Row:
    where: str  # "receivables"
    cells: Mapping[str, object]
    fields: Mapping[str, str]
    formats: Formats

    def has(self, noun: str) -> bool:
        """Whether the map names this field. It may still be empty."""
        return noun in self.fields

    def text(self, noun: str) -> str:
        match self._cell(noun):
            case str() as text:
                return text.strip()
            case int() as number if not isinstance(number, bool):
                return str(number)
            case None:
                return ""
            case other:
                raise self._wrong(noun, other, "a text")

    def key(self, noun: str) -> str:
        return self.text(noun).upper()

    def word(self, noun: str) -> Word:
        """A word or number of GP's, as the service map lists them."""
        cell = self._cell(noun)
        return cell if isinstance(cell, int) and not isinstance(cell, bool) else self.text(noun)

    def whole(self, noun: str) -> int:
        exact = self._exact(noun)
        if exact is None or exact != int(exact):
            raise self._wrong(noun, self._cell(noun), "a whole number")
        return int(exact)

    def money(self, noun: str, currency: Currency) -> Money:
        exact = self._exact(noun)
        if exact is None:
            raise self._wrong(noun, None, "an amount")
        try:
            return Money(exact, currency)
        except (ValueError, InvalidOperation):
            raise self._wrong(noun, exact, "an amount in whole cents") from None

    def maybe_money(self, noun: str, currency: Currency) -> Money | None:
        """An amount, or None where the map does not name it or GP has none."""
        return self.money(noun, currency) if self.has(noun) and self._exact(noun) is not None else None

    def day(self, noun: str) -> date | None:
        """A date without a time; None where the map does not name it, or nobody filled it in."""
        text = self.text(noun) if self.has(noun) else ""
        if not text:
            return None
        try:
            iso = self.formats.date.startswith("%Y-%m-%d")
            day = date.fromisoformat(text[:10]) if iso else datetime.strptime(text, self.formats.date).date()  # noqa: DTZ007
        except ValueError:
            raise self._wrong(noun, text, f"a date written {self.formats.date}") from None
        return None if day == EMPTY_DAY else day

    def filled_day(self, noun: str) -> date:
        day = self.day(noun)
        if day is None:
            raise self._wrong(noun, None, "a date")
        return day

    def flag(self, noun: str, default: bool = False) -> bool:
        if not self.has(noun):
            return default
        cell = self._cell(noun)
        flag = _YES.get(str("" if cell is None else cell).strip().lower())
        if flag is None:
            raise self._wrong(noun, cell, "a yes or a no")
        return flag is not self.fields[noun].startswith("!")

    def account(self, noun: str) -> AccountNumber | None:
        text = self.key(noun) if self.has(noun) else ""
        return AccountNumber.parse(text, self.formats.account_separator) if text else None

    def _exact(self, noun: str) -> Decimal | None:
        cell = self._cell(noun)
        if cell is None:
            return None
        if isinstance(cell, bool) or not isinstance(cell, int | Decimal | str):
            raise self._wrong(noun, cell, "a number")
        try:
            exact = Decimal(cell.strip() if isinstance(cell, str) else cell)
        except InvalidOperation:
            raise self._wrong(noun, cell, "a number") from None
        if not exact.is_finite():
            raise self._wrong(noun, cell, "a number")
        return exact

    def _cell(self, noun: str) -> object:
        wire = self.fields[noun].removeprefix("!")
        if wire not in self.cells:
            raise Interrupted(
                errors.misfit(
                    f"{self.where}.fields.{noun}", f"GP's rows have no '{wire}', but {', '.join(sorted(self.cells))}"
                )
            )
        return self.cells[wire]

    def _wrong(self, noun: str, cell: object, told: str) -> Interrupted:
        where = f"{self.where}.fields.{noun}"
        return Interrupted(errors.misfit(where, f"'{self.fields[noun]}' is {cell!r}, and should be {told}"))
