"""Exact amounts with their ranges, and how people read them."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

import attrs

from nova_tune.costs._price import canonical
from nova_tune.values import TokenEstimate, Value


def context() -> Context:
    """The arithmetic of money here, whatever precision the caller's own context has.

    A hundred digits hold every product of a quantity and a price exactly, and every quotient by a power of ten; what
    does not end, such as seconds of an hourly rate, is rounded at the hundredth digit.
    """
    return Context(prec=100)


@attrs.frozen(kw_only=True)
class Bounds(Value):
    """A quantity or an amount of money with its range: ``0 <= low <= expected <= high``.

    Args:
        low: The least it may be.
        expected: The figure to plan with.
        high: The most it may be, and what a budget is compared with.

    Raises:
        ValueError: They are not in order, or negative.
    """

    low: Decimal = attrs.field(converter=canonical)
    expected: Decimal = attrs.field(converter=canonical)
    high: Decimal = attrs.field(converter=canonical)

    def __attrs_post_init__(self) -> None:
        if not self.low <= self.expected <= self.high:
            raise ValueError(f"low {self.low}, expected {self.expected}, high {self.high} are not in order")

    @classmethod
    def of(cls, value: Decimal | str | int | TokenEstimate) -> Bounds:
        """One exact figure, or the range of a token estimate."""
        if isinstance(value, TokenEstimate):
            return cls(low=value.low, expected=value.expected, high=value.high)
        return cls(low=value, expected=value, high=value)

    def __add__(self, other: Bounds) -> Bounds:
        add = context().add
        return Bounds(
            low=add(self.low, other.low),
            expected=add(self.expected, other.expected),
            high=add(self.high, other.high),
        )

    def __mul__(self, factor: Decimal | int) -> Bounds:
        times = context().multiply
        return Bounds(low=times(self.low, factor), expected=times(self.expected, factor), high=times(self.high, factor))

    def over(self, divisor: Decimal | int) -> Bounds:
        """Each bound divided by a number above zero."""
        divide, by = context().divide, Decimal(divisor)
        return Bounds(low=divide(self.low, by), expected=divide(self.expected, by), high=divide(self.high, by))

    @property
    def is_exact(self) -> bool:
        """True when there is one figure alone."""
        return self.low == self.high


ZERO = Bounds.of(0)
"""Nothing to pay."""


def dollars(amount: Decimal, rounding: str = ROUND_HALF_UP) -> str:
    """An amount as people read it: cents, four decimals under a dollar, never zero for what is not zero.

    Args:
        amount: USD, exact.
        rounding: How the last digit is found, as :mod:`decimal` names it.

    Example:
        >>> dollars(Decimal("2.7508")), dollars(Decimal("0.8008")), dollars(Decimal("0.0000087"))
        ('$2.75', '$0.8008', '<$0.01')
    """
    shown = amount.quantize(Decimal("0.0001" if 0 < amount < 1 else "0.01"), rounding, context())
    return f"${shown:,f}" if shown or not amount else "<$0.01"


def dollar_range(amount: Bounds) -> str:
    """Low, expected and high, rounded outward; one figure where there is only one."""
    if amount.is_exact:
        return dollars(amount.expected)
    if not amount.low and amount.expected == amount.high:
        return f"at most {dollars(amount.high, ROUND_CEILING)}"
    low, high = dollars(amount.low, ROUND_FLOOR), dollars(amount.high, ROUND_CEILING)
    return f"{low} - {dollars(amount.expected)} - {high}"
