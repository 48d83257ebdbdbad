"""An invoice's tax, split over the authorities of its zone. The sum is the tax as given, never recomputed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ml_connector.books.account import AccountNumber
from ml_connector.books.document import TaxDetail
from ml_connector.field.invoice import Invoice, InvoiceLine, ItemType
from ml_connector.field.party import TaxBase, TaxRate, TaxZone
from ml_connector.field.snapshot import title
from ml_connector.findings import Finding
from ml_connector.mapping.rulebook import Rulebook, TaxRule, fold
from ml_connector.money import Money, allocate, is_bookable, total

_HIGHEST_RATE = 100  # a percentage would weigh the same as a fraction; more, or less than nothing, is no rate


@dataclass(frozen=True, slots=True)
class Share:
    """One authority's share, with the account that its liability goes to."""

    detail: TaxDetail
    account: AccountNumber
    rule: str


def split(
    invoice: Invoice,
    lines: Sequence[tuple[InvoiceLine, Money]],
    tax: Money,
    zone: TaxZone | None,
    rulebook: Rulebook,
) -> tuple[Share, ...] | tuple[Finding, ...]:
    """The shares of `tax`, or why it cannot be split. `lines` are those that carry revenue, with their amounts.

    Each share is the tax by the rate's weight (rate times taxable sales), rounded to a cent; what that leaves over
    goes to the rate that the rulebook names for it, else to the last. Where rounding up gave away more than that rate
    has, as it can with a tax of a few cents, the tax goes by the largest remainders instead.
    """
    if not tax:
        return ()
    where = title(invoice)
    if zone is None:
        return (_no_zone(invoice, tax),)
    if wrong := tuple(_wrong(where, zone, rate) for rate in zone.rates if not _plausible(rate.rate)):
        return wrong
    bases = [_base(rate, lines, tax) for rate in zone.rates]
    weights = [rate.rate * abs(base.amount) for rate, base in zip(zone.rates, bases, strict=True)]
    whole_weight = sum(weights, Decimal(0))
    if not whole_weight:
        return (_no_base(where, zone, tax),)
    rules = [_rule(rulebook, zone, rate) for rate in zone.rates]
    unmapped = tuple(
        _unmapped(where, zone, rate)
        for rate, rule, weight in zip(zone.rates, rules, weights, strict=True)
        if rule is None and weight
    )
    if unmapped:
        return unmapped
    taxed = [
        (rule, weight, base)
        for rule, weight, base in zip(rules, weights, bases, strict=True)
        if rule is not None and weight
    ]
    amounts = [Money.rounded(tax.amount * weight / whole_weight, tax.currency) for _, weight, _ in taxed]
    taker = next((i for i, (rule, _, _) in enumerate(taxed) if rule.takes_the_cent), len(taxed) - 1)
    amounts[taker] += tax - total(amounts, tax.currency)
    if amounts[taker].amount * tax.amount < 0:
        amounts = allocate(tax, [weight for _, weight, _ in taxed])
    sales = total((amount for _, amount in lines), tax.currency)
    return tuple(
        Share(TaxDetail(rule.tax_detail, amount, base, sales), rule.account, f"Taxes row {rule.row}")
        for (rule, _, base), amount in zip(taxed, amounts, strict=True)
        if amount
    )


def _plausible(rate: Decimal) -> bool:
    return is_bookable(rate) and 0 <= rate <= _HIGHEST_RATE


def _base(rate: TaxRate, lines: Sequence[tuple[InvoiceLine, Money]], tax: Money) -> Money:
    """The sales that a rate is charged on: taxable lines of the kinds it names."""
    return total((amount for line, amount in lines if line.taxable and _charged(rate, line)), tax.currency)


def _charged(rate: TaxRate, line: InvoiceLine) -> bool:
    if TaxBase.SUBTOTAL in rate.bases:
        return True
    labor = line.item_type == ItemType.SERVICE
    return (TaxBase.LABOR in rate.bases and labor) or (TaxBase.MATERIAL in rate.bases and not labor)


def _rule(rulebook: Rulebook, zone: TaxZone, rate: TaxRate) -> TaxRule | None:
    by_name = rulebook.taxes.get((fold(zone.name), fold(rate.name)))
    return by_name or rulebook.taxes.get((str(zone.id), fold(rate.name)))


def _no_zone(invoice: Invoice, tax: Money) -> Finding:
    zone = (
        "names no tax zone" if invoice.tax_zone_id is None else f"names tax zone {invoice.tax_zone_id}, which is gone"
    )
    return Finding(
        "tax.zone_missing",
        title(invoice),
        f"it carries {tax} of sales tax and {zone}",
        "In ServiceTitan, set the invoice's tax zone, or clear the tax; it is read again by itself.",
    )


def _no_base(where: str, zone: TaxZone, tax: Money) -> Finding:
    rated = any(rate.rate for rate in zone.rates)
    why = "its taxable lines come to 0.00" if rated else "none of the zone's rates is above zero"
    return Finding(
        "tax.no_base",
        where,
        f"it carries {tax} of sales tax in tax zone {zone.name}, and {why}",
        "In ServiceTitan, mark the invoice's taxable lines or clear its tax, and it is read again by itself; or correct "
        "the tax zone's rates, then replay.",
    )


def _wrong(where: str, zone: TaxZone, rate: TaxRate) -> Finding:
    return Finding(
        "tax.rate_wrong",
        where,
        f"rate '{rate.name}' of tax zone '{zone.name}' is {rate.rate} in ServiceTitan, and that is no tax rate",
        "In ServiceTitan, correct the rate of the tax zone; then replay.",
    )


def _unmapped(where: str, zone: TaxZone, rate: TaxRate) -> Finding:
    return Finding(
        "tax.unmapped",
        where,
        f"rate '{rate.name}' of tax zone '{zone.name}' is not in the rulebook",
        "In the rulebook's Taxes table, add a row for it with its GP tax detail and account; import the rulebook, then "
        "replay.",
    )
