from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_connector.money import LARGEST, Currency, Money, allocate, is_bookable, is_whole, total
from tests.builders import usd

USD = Currency.USD
amounts = st.integers(-(10**12), 10**12).map(lambda minor: Money.of_minor(minor, USD))
weights = st.decimals(0, 10**9, allow_nan=False, places=6)
shares = st.lists(weights, min_size=1, max_size=12).filter(any)


@given(amounts, shares)
@example(usd("0.10"), [Decimal(1), Decimal(2)])
@example(usd("99999999999999.99"), [Decimal(1), Decimal(2)])
@example(usd("0.05"), [Decimal("0." + "9" * 40), Decimal("4." + "0" * 39 + "1")])
def test_allocation_loses_no_cent(whole: Money, by: list[Decimal]) -> None:
    """The parts are the whole, and each is within a cent of its exact share."""
    parts = allocate(whole, by)
    assert total(parts, USD) == whole
    for part, weight in zip(parts, by, strict=True):
        exact = Fraction(whole.minor) * Fraction(weight) / sum(map(Fraction, by))
        assert abs(part.minor - exact) < 1


@given(amounts, shares)
def test_allocation_never_turns_a_sign(whole: Money, by: list[Decimal]) -> None:
    """A share of a charge is a charge, a share of a credit a credit, and no weight bears nothing."""
    for part, weight in zip(allocate(whole, by), by, strict=True):
        assert part.amount * whole.amount >= 0
        assert weight or not part


def test_the_first_of_equals_takes_the_cent() -> None:
    """Ten cents in thirds: the order of the lines decides, so the same bill always splits the same way."""
    assert allocate(usd("0.10"), [Decimal(1)] * 3) == [usd("0.04"), usd("0.03"), usd("0.03")]
    assert allocate(usd("-0.10"), [Decimal(1)] * 3) == [usd("-0.04"), usd("-0.03"), usd("-0.03")]


@pytest.mark.parametrize("by", [[], [Decimal(0)], [Decimal(1), Decimal(-1)], [Decimal(2), Decimal(-1)]])
def test_weights_that_weigh_nothing_are_refused(by: list[Decimal]) -> None:
    """Nothing, and less than nothing, cannot be shared by."""
    with pytest.raises(ValueError, match="weight"):
        allocate(usd("1.00"), by)


@given(st.decimals(-(10**9), 10**9, allow_nan=False, places=5))
def test_rounding_goes_half_away_from_zero(exact: Decimal) -> None:
    """A credit memo rounds as the invoice that it takes back did."""
    rounded = Money.rounded(exact, USD)
    assert Money.rounded(-exact, USD) == -rounded
    assert abs(rounded.amount) == abs(exact).quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_an_amount_finer_than_a_cent_is_no_money() -> None:
    """Rounding is asked for by name, or it does not happen."""
    with pytest.raises(ValueError, match="finer than a cent"):
        usd("10.005")


@given(amounts)
def test_minor_units_come_back(money: Money) -> None:
    """What the ledger stores is what was planned."""
    assert Money.of_minor(money.minor, USD) == money


@pytest.mark.parametrize(("text", "same"), [("-0.00", "0"), ("1E+2", "100.00"), ("7.5", "7.50")])
def test_each_amount_has_one_form(text: str, same: str) -> None:
    """Equal amounts have equal texts, so equal documents have equal hashes."""
    assert str(usd(text).amount) == str(usd(same).amount)


@pytest.mark.parametrize("mixed", [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a < b])
def test_currencies_do_not_mix(mixed: Callable[[Money, Money], object]) -> None:
    """A dollar is not a Canadian dollar, in a sum or in a comparison."""
    with pytest.raises(ValueError, match="cannot mix USD with CAD"):
        mixed(usd("1"), Money(Decimal(1), Currency.CAD))


@given(st.decimals())
def test_any_decimal_may_be_asked_about(exact: Decimal) -> None:
    """Not a number, infinite, or of a size that no books hold: an answer, and never an exception."""
    assert isinstance(is_whole(exact, USD), bool)
    if is_whole(exact, USD):
        assert Money(exact, USD).amount == exact
    if is_bookable(exact):
        assert abs(exact) < LARGEST
        Money.rounded(exact, USD)
