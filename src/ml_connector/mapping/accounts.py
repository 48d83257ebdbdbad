"""Which account a line goes to: the row of the Accounts table that says most about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from ml_connector.books.account import AccountNumber
from ml_connector.findings import Finding
from ml_connector.mapping.rulebook import AccountRule, BusinessUnitRule, CompanyRule, fold

Features: TypeAlias = Mapping[str, tuple[str, ...]]
"""What a line is, by match column: every spelling that would match it. A missing column matches only blanks."""


@dataclass(frozen=True, slots=True)
class Chosen:
    account: AccountNumber
    rule: str  # "Accounts row 7"


@dataclass(slots=True)
class Chooser:
    """The Accounts table, ready to choose from. The same features always choose the same row, so it remembers."""

    rules: tuple[AccountRule, ...]
    columns: tuple[str, ...]  # of those in the table, the ones that a rule fills
    _remembered: dict[tuple[tuple[str, ...], ...], tuple[AccountRule, ...]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.columns = tuple(column for column in self.columns if any(column in rule.matches for rule in self.rules))

    def best(self, features: Features) -> tuple[AccountRule, ...]:
        """The most telling rules that match: none, one, or several equally telling ones."""
        key = tuple(tuple(map(_folded, features.get(column, ()))) for column in self.columns)
        if key not in self._remembered:
            folded = dict(zip(self.columns, key, strict=True))
            matching = [(self._telling(rule), rule) for rule in self.rules if _matches(rule, folded)]
            most = max((telling for telling, _ in matching), default=())
            self._remembered[key] = tuple(rule for telling, rule in matching if telling == most)
        return self._remembered[key]

    def _telling(self, rule: AccountRule) -> tuple[int, ...]:
        """More filled columns first; then the one that fills the earlier column."""
        return (len(rule.matches), *(column in rule.matches for column in self.columns))


def _matches(rule: AccountRule, features: Features) -> bool:
    return all(value in features.get(column, ()) for column, value in rule.matches.items())


def choose(
    chooser: Chooser, features: Features, where: str, company: CompanyRule, unit: BusinessUnitRule
) -> Chosen | Finding:
    """The account for a line, or why there is none."""
    rules = chooser.best(features)
    if not rules:
        return Finding(
            "account.unmapped",
            where,
            f"no row of the Accounts table matches {_described(features, _TOLD)}",
            "In the rulebook's Accounts table, add a row that matches it (the item's code is the surest) and names the "
            "GP account; import the rulebook, then replay.",
        )
    if len({(rule.account, rule.main, tuple(rule.segments.items())) for rule in rules}) > 1:
        rows = " and ".join(str(rule.row) for rule in rules)
        clashing = [column for column in chooser.columns if any(column in rule.matches for rule in rules)]
        return Finding(
            "account.ambiguous",
            where,
            f"rows {rows} of the Accounts table match {_described(features, clashing)} equally well",
            "In the rulebook's Accounts table, fill one more match column in the row that should win; import the "
            "rulebook, then replay.",
        )
    rule = rules[0]
    if rule.account:
        return Chosen(rule.account, f"Accounts row {rule.row}")
    form = company.account_format
    segments = {**unit.segments, **rule.segments, form.main: rule.main}
    missing = [name for name in form.names if name not in segments]
    if missing:
        return Finding(
            "account.segment_missing",
            where,
            f"row {rule.row} of the Accounts table gives main account {rule.main}, and nothing gives segment "
            f"{' or '.join(missing)} for business unit {unit.business_unit}",
            f"In the rulebook, fill 'segment {missing[0]}' for the business unit, or in row {rule.row} of the Accounts "
            "table; import the rulebook, then replay.",
        )
    return Chosen(AccountNumber(tuple(segments[name] for name in form.names)), f"Accounts row {rule.row}")


def features(**spellings: Iterable[str | int | None]) -> dict[str, tuple[str, ...]]:
    """Features from the spellings of each column; blanks are left out."""
    return {column: tuple(str(text) for text in texts if text not in (None, "")) for column, texts in spellings.items()}


_folded = lru_cache(16_384)(fold)  # a shop says the same few codes and names on every line


_TOLD = ("purpose", "item_code", "account_number", "account_name", "business_unit")


def _described(features: Features, columns: Iterable[str]) -> str:
    """The line by these columns; of a thing with an id and a name the name, of a job's tags all."""
    told = {column: features[column] for column in columns if features.get(column)}
    return ", ".join(
        f"{column.replace('_', ' ')} '{texts[-1] if column in _BY_ID_TOO else ', '.join(texts)}'"
        for column, texts in told.items()
    )


_BY_ID_TOO = ("business_unit", "tax_zone")
