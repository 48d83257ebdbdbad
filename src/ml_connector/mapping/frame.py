"""What planning a source needs at hand: the rulebook in a form made for looking up, and the books it maps to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ml_connector.books.facts import CompanyFacts
from ml_connector.mapping.accounts import Chooser
from ml_connector.mapping.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Frame:
    """One rulebook version, the facts of its companies, and the prefix of the connection's document numbers.

    Facts may lack a company or a party: what then cannot be decided is left to the checks. To plan with newer facts,
    use `dataclasses.replace`, which keeps the chooser and what it remembers.
    """

    rulebook: Rulebook
    facts: Mapping[str, CompanyFacts]  # by the rulebook's short name
    prefix: str
    chooser: Chooser

    @classmethod
    def of(cls, rulebook: Rulebook, facts: Mapping[str, CompanyFacts], prefix: str) -> Frame:
        return cls(rulebook, facts, prefix, Chooser(rulebook.accounts, rulebook.account_columns))
