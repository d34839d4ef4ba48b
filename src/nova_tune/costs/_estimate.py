"""An estimate: lines of quantity times price, their sums with ranges, and the table that shows the arithmetic."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Self

import attrs

from nova_tune.costs._book import UNITS, Price, exact, one_of, unknown_price
from nova_tune.values import TokenEstimate, Value, field

if TYPE_CHECKING:
    from collections.abc import Mapping

When = Literal["once", "monthly"]


def _context() -> Context:
    # Wide enough that nothing is rounded here, whatever precision the caller's own context has; every divisor of a
    # price is a power of ten.
    return Context(prec=100)


def _canonical(value: Decimal | str | int) -> Decimal:
    """The number without trailing zeros, so that equal amounts are written alike."""
    number = exact(value)
    text = f"{number:f}"
    return Decimal(text.rstrip("0").rstrip(".")) if "." in text else Decimal(text)


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

    low: Decimal = attrs.field(converter=_canonical)
    expected: Decimal = attrs.field(converter=_canonical)
    high: Decimal = attrs.field(converter=_canonical)

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
        add = _context().add
        return Bounds(
            low=add(self.low, other.low),
            expected=add(self.expected, other.expected),
            high=add(self.high, other.high),
        )

    def __mul__(self, factor: Decimal | int) -> Bounds:
        times = _context().multiply
        return Bounds(low=times(self.low, factor), expected=times(self.expected, factor), high=times(self.high, factor))

    @property
    def is_exact(self) -> bool:
        """True when there is one figure alone."""
        return self.low == self.high


_ZERO = Bounds.of(0)
_TITLES = {"once": "once", "monthly": "every month"}


def dollars(amount: Decimal, rounding: str = ROUND_HALF_UP) -> str:
    """An amount as people read it: cents, four decimals under a dollar, never zero for what is not zero.

    Args:
        amount: USD, exact.
        rounding: How the last digit is found, as :mod:`decimal` names it.

    Example:
        >>> dollars(Decimal("2.7508")), dollars(Decimal("0.8008")), dollars(Decimal("0.0000087"))
        ('$2.75', '$0.8008', '<$0.01')
    """
    shown = amount.quantize(Decimal("0.0001" if 0 < amount < 1 else "0.01"), rounding, _context())
    return f"${shown:,f}" if shown or not amount else "<$0.01"


def _dollar_range(amount: Bounds) -> str:
    if amount.is_exact:
        return dollars(amount.expected)
    low, high = dollars(amount.low, ROUND_FLOOR), dollars(amount.high, ROUND_CEILING)
    return f"{low} - {dollars(amount.expected)} - {high}"


@attrs.frozen(kw_only=True)
class CostLine(Value):
    """One line of an estimate: a quantity of one meter, and what it costs if its price is known.

    Args:
        name: What is paid for, in words.
        when: ``"once"`` or ``"monthly"``.
        quantity: How much of it, in ``unit``.
        unit: What is counted, such as ``"tokens"`` or ``"model-months"``.
        key: The meter's key in the price book.
        region: The region whose price it takes.
        price: The price used; None when the book has none, which is not zero.
        basis: Where the quantity comes from: ``"given"``, a grade of a token estimate, or ``"assumed"``.
        note: How the quantity came about.
    """

    name: str
    when: When = attrs.field(validator=one_of("once", "monthly"))
    quantity: Bounds = field(read=Bounds.from_dict)
    unit: str
    key: str
    region: str
    price: Price | None = field(read=Price.from_dict, default=None)
    basis: str = "given"
    note: str = ""

    @property
    def amount(self) -> Bounds | None:
        """Quantity times price in USD, exact; None when the price is unknown."""
        if self.price is None:
            return None
        return self.quantity * _context().divide(self.price.usd, UNITS[self.price.unit][1])

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, with the amount for readers that do not multiply."""
        amount = self.amount
        return {**super().to_dict(), "amount": amount.to_dict() if amount else None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The line that :meth:`to_dict` wrote; the amount is worked out again."""
        return super().from_dict({key: value for key, value in data.items() if key != "amount"})


def _cells(line: CostLine) -> tuple[str, ...]:
    bounds, amount = line.quantity, line.amount
    if bounds.is_exact:
        quantity = f"{bounds.expected:,f}"
    elif bounds.expected:
        quantity = f"about {bounds.expected:,f}"
    else:
        quantity = f"up to {bounds.high:,f}"
    unit = line.unit.removesuffix("s") if quantity == "1" else line.unit
    return (
        line.name,
        f"{quantity} {unit}",
        f"x {line.price}" if line.price else f"x ? ({line.key})",
        f"= {_dollar_range(amount)}" if amount else "= unknown",
        line.note,
    )


@attrs.frozen(kw_only=True)
class CostEstimate(Value):
    """What a job will cost, line by line, as a value: it adds, compares, pickles, and prints its arithmetic.

    It holds the prices it was made with, so that it stays true to its day. A line without a price stays in it: sums
    that need that line raise, and the printed table says "at least".

    Args:
        lines: The lines, in the order they are shown.

    Example:
        >>> from nova_tune import CostModel
        >>> estimate = CostModel().training(tokens=1_600_000, model="nova-micro", epochs=5)
        >>> estimate.total()
        Decimal('8')
        >>> estimate.total(months=12)
        Decimal('31.4')
    """

    lines: tuple[CostLine, ...] = field(
        read=lambda lines: [CostLine.from_dict(line) for line in lines], default=(), converter=tuple
    )

    @property
    def missing(self) -> tuple[str, ...]:
        """The keys of the prices that the book did not have."""
        return tuple(sorted({line.key for line in self.lines if line.price is None}))

    @property
    def once(self) -> Bounds:
        """What is paid once, in USD.

        Raises:
            PriceUnknown: A price that it needs is missing.
        """
        return self._complete("once")

    @property
    def monthly(self) -> Bounds:
        """What is paid every month, in USD.

        Raises:
            PriceUnknown: A price that it needs is missing.
        """
        return self._complete("monthly")

    def bounds(self, months: Decimal | str | int = 0) -> Bounds:
        """What is paid once and for so many months, with its range; a budget is compared with ``.high``.

        Args:
            months: Not negative; 0 leaves the monthly lines out.

        Raises:
            PriceUnknown: A price that it needs is missing; the message names the line that supplies it.
            TypeError: ``months`` is not an int, a Decimal or a string.
        """
        span = exact(months)
        return self.once + self.monthly * span if span else self.once

    def total(self, months: Decimal | str | int | None = None) -> Decimal:
        """The expected total in USD, exact.

        Args:
            months: How many months of the monthly lines. Without it: none, or one where nothing is paid once.

        Raises:
            PriceUnknown: A price that it needs is missing; the message names the line that supplies it.
            TypeError: ``months`` is not an int, a Decimal or a string.
        """
        if months is None:
            months = 0 if any(line.when == "once" for line in self.lines) else 1
        return self.bounds(months).expected

    def __add__(self, other: CostEstimate) -> CostEstimate:
        return CostEstimate(lines=self.lines + other.lines, extra={**other.extra, **self.extra})

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, money as strings, with the sums; a sum that needs a missing price is null."""
        sums: dict[str, Any] = {}
        for when in _TITLES:
            known, unknown = self._partial(when)
            sums[when] = None if unknown else known.to_dict()
        return {**super().to_dict(), **sums}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The estimate that :meth:`to_dict` wrote; the sums are worked out again."""
        return super().from_dict({key: value for key, value in data.items() if key not in _TITLES})

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
        lines = []
        for name, quantity, price, amount, note in rows:
            cells = name.ljust(widths[0]), quantity.rjust(widths[1]), price.ljust(widths[2]), amount
            lines.append("  ".join(cells).rstrip())
            if note:
                lines.append(f"    {note}")
        return "\n".join([*lines, *self._sources()])

    def _repr_html_(self) -> str:
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self._rows())
        return f"<table>{body}</table><p>{'<br>'.join(escape(line) for line in self._sources())}</p>"

    def _partial(self, *whens: str) -> tuple[Bounds, list[CostLine]]:
        """The sum of the lines with a price, and the lines without."""
        known, unknown = _ZERO, []
        for line in self.lines:
            if line.when in whens:
                amount = line.amount
                if amount is None:
                    unknown.append(line)
                else:
                    known += amount
        return known, unknown

    def _complete(self, when: str) -> Bounds:
        known, unknown = self._partial(when)
        if unknown:
            raise unknown_price((line.key, line.region) for line in unknown)
        return known

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        present = [when for when in _TITLES if any(line.when == when for line in self.lines)]
        for when in present:
            rows += [_cells(line) for line in self.lines if line.when == when]
            rows.append(self._sum_row(_TITLES[when], when))
        if len(present) > 1:
            rows.append(self._sum_row("once and the first month", *present))
        return rows

    def _sum_row(self, title: str, *whens: str) -> tuple[str, ...]:
        known, unknown = self._partial(*whens)
        if not unknown:
            shown = _dollar_range(known)
        elif known.low:
            shown = f"at least {dollars(known.low, ROUND_FLOOR)}"
        else:
            shown = "unknown"
        return (title, "", "", f"= {shown}", "")

    def _sources(self) -> list[str]:
        # By its text, since two books may have priced one key: each price that was used is named once.
        prices = {str(price.to_dict()): price for line in self.lines if (price := line.price)}
        return [
            "List prices in USD, before tax, credits and agreements:",
            *(
                f"  {price.key} ({price.region}, {price}): {price.date or 'undated'}, "
                f"{price.confidence} confidence, {price.source}"
                for price in prices.values()
            ),
            *(f"  {key}: no price; supply it with PriceBook.override" for key in self.missing),
        ]
