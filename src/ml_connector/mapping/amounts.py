"""From ServiceTitan's exact decimals to money: strict, and a finding where they are not whole cents."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from ml_connector.findings import Finding
from ml_connector.money import Currency, Money, is_bookable, is_whole


@dataclass(slots=True)
class Reader:
    """Reads amounts of one currency and gathers what is wrong with them; a wrong amount counts as zero."""

    currency: Currency
    findings: list[Finding] = field(default_factory=list)

    def money(self, amount: Decimal | None, where: str, what: str) -> Money:
        exact = self.exact(amount, where, what)
        if is_whole(exact, self.currency):
            return Money(exact, self.currency)
        self.findings.append(
            Finding(
                "amount.fraction_of_cent",
                where,
                f"its {what} is {exact.normalize()}, finer than a cent",
                "In ServiceTitan, correct the price or the quantity so that it is in whole cents; it is read again by "
                "itself.",
            )
        )
        return Money.zero(self.currency)

    def optional(self, amount: Decimal | None, where: str, what: str) -> Money:
        """An amount that may be left out: none is zero."""
        return Money.zero(self.currency) if amount is None else self.money(amount, where, what)

    def exact(self, amount: Decimal | None, where: str, what: str) -> Decimal:
        """A quantity, a unit cost or a share: as fine as ServiceTitan says it, but there and of a size that books hold."""
        if amount is None:
            self.findings.append(
                Finding(
                    "amount.missing",
                    where,
                    f"it has no {what} in ServiceTitan",
                    "In ServiceTitan, open and save the record so that its amounts are computed; it is read again by "
                    "itself.",
                )
            )
        elif not is_bookable(amount):
            self.findings.append(
                Finding(
                    "amount.out_of_range",
                    where,
                    f"its {what} is {amount}, and no books hold such an amount",
                    "In ServiceTitan, correct the quantity or the price; it is read again by itself.",
                )
            )
        else:
            return amount
        return Decimal(0)


def known(amount: Decimal | None) -> Decimal:
    """An amount to look at before it is read: zero where it is missing, or of a size that no books hold."""
    return amount if amount is not None and is_bookable(amount) else Decimal(0)
