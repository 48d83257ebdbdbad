"""The rulebook of a connection: it reads without a finding, and speaks of the companies that the settings reach."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.mapping.rulebook import Rulebook
from ml_connector.runtime import readiness
from ml_connector.runtime.doctor.lines import Line, Seen, Step, walk
from ml_connector.runtime.settings import Settings
from ml_connector.runtime.wiring import rulebook_of
from ml_connector.store.ledger import Ledger

PART = "rulebook"


class Examination:
    """`read` is the rulebook once it has been looked at, None where it cannot be used."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._settings, self._ledger = settings, ledger
        self.read: Rulebook | None = None

    def lines(self) -> Iterator[Line]:
        yield from walk(PART, [Step("tables", self._tables, opens=True), Step("companies", self._companies)])

    def _tables(self) -> Seen:
        version, self.read = rulebook_of(self._ledger)
        rules = len(self.read.accounts) + len(self.read.taxes)
        return f"version {version} reads without a finding: {rules} rules of accounts and taxes"

    def _companies(self) -> Seen:
        assert self.read is not None, "the tables come first"
        asked = (readiness.company_missing, readiness.other_currency, readiness.cut_over_missing)
        findings = [finding for ask in asked if (finding := ask(self._settings, self.read))]
        return findings or f"{', '.join(self.read.companies)}: the connection reaches each"
