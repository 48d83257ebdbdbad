"""From ServiceTitan's exact decimals to money: strict, and a finding where they are not whole cents."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from ml_connector.findings import Finding
from ml_connector.money import Currency, Money, is_whole


@dataclass(slots=True)
class Reader:
    """Reads amounts of one currency and gathers what is wrong with them; a wrong amount counts as zero."""

    currency: Currency
    findings: list[Finding] = field(default_factory=list)

    def money(self, amount: Decimal | None, where: str, what: str) -> Money:
        if amount is None:
            self.findings.append(
                Finding(
                    "amount.missing",
                    where,
                    f"it has no {what} in ServiceTitan",
                    "In ServiceTitan, open and save the record so that its amounts are computed; it is read again.",
                )
            )
        elif not is_whole(amount, self.currency):
            self.findings.append(
                Finding(
                    "amount.fraction_of_cent",
                    where,
                    f"its {what} is {amount.normalize()}, finer than a cent",
                    "In ServiceTitan, correct the price or quantity until the line is in whole cents; it is read again.",
                )
            )
        else:
            return Money(amount, self.currency)
        return Money.zero(self.currency)

    def optional(self, amount: Decimal | None, where: str, what: str) -> Money:
        """An amount that may be left out: none is zero."""
        return Money.zero(self.currency) if amount is None else self.money(amount, where, what)
