"""What planning a source needs at hand: the rulebook in a form made for looking up, and the books it maps to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ml_connector.books.facts import CompanyFacts
from ml_connector.mapping.accounts import Chooser
from ml_connector.mapping.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Frame:
    """One rulebook version, the facts of its companies, and the prefix of the connection's document numbers.

    Made once for many sources. Facts may lack a company or a party: what then cannot be decided is left to the checks.
    """

    rulebook: Rulebook
    facts: Mapping[str, CompanyFacts]  # by the rulebook's short name
    prefix: str
    chooser: Chooser = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "chooser", Chooser(self.rulebook.accounts, self.rulebook.account_columns))
