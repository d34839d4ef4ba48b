"""An estimate: lines of quantity times price, their sums with ranges, and the table that shows the arithmetic."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from html import escape
from typing import TYPE_CHECKING, Any, Literal, Self

import attrs

from nova_tune.costs._book import unknown_price
from nova_tune.costs._bounds import ZERO, Bounds, context, dollar_range, dollars
from nova_tune.costs._price import MAX_AGE_DAYS, PARTS, UNITS, Price, exact, one_of
from nova_tune.errors import BudgetExceeded
from nova_tune.values import Value, field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

When = Literal["once", "monthly"]


_TITLES: dict[When, str] = {"once": "once", "monthly": "every month"}


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
        return (self.quantity * self.price.usd).over(UNITS[self.price.unit][1] * PARTS.get(self.unit, 1))

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
    elif bounds.low < bounds.expected == bounds.high:
        quantity = f"at most {bounds.high:,f}"
    elif bounds.expected:
        quantity = f"about {bounds.expected:,f}"
    else:
        quantity = f"up to {bounds.high:,f}"
    unit = line.unit.removesuffix("s") if quantity == "1" else line.unit
    return (
        line.name,
        f"{quantity} {unit}",
        f"x {line.price}" if line.price else f"x ? ({line.key})",
        f"= {dollar_range(amount)}" if amount else "= unknown",
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

        AWS does not say whether it bills the storage of a model by the day. So a part of a month is that part of the
        price in low and expected, and a whole month in the high bound.

        Args:
            months: Not negative; 0 leaves the monthly lines out.

        Raises:
            PriceUnknown: A price that it needs is missing; the message names the line that supplies it.
            TypeError: ``months`` is not an int, a Decimal or a string.
        """
        span = exact(months)
        if not span:
            return self.once
        total = self.once + self.monthly * span
        whole = span.to_integral_value(ROUND_CEILING)
        stored = [line.amount.high for line in self.lines if line.unit == "model-months" and line.amount]
        rest = (Bounds.of(high) * context().subtract(whole, span) for high in stored)
        return attrs.evolve(total, high=sum(rest, Bounds.of(total.high)).high)

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

    def __mul__(self, times: int) -> CostEstimate:
        """The same so many times: runs of one job, or one model for each team."""
        if isinstance(times, bool) or not isinstance(times, int):
            raise TypeError(f"an estimate is taken a whole number of times, not {times!r}")
        return attrs.evolve(
            self, lines=tuple(attrs.evolve(line, quantity=line.quantity * times) for line in self.lines)
        )

    __rmul__ = __mul__

    def check_budget(self, max_usd: Decimal | str | int, *, months: Decimal | str | int = 0) -> CostEstimate:
        """This estimate, when its high bound is within a budget.

        Args:
            max_usd: The budget in USD.
            months: How many months of the monthly lines it has to last.

        Raises:
            BudgetExceeded: The high bound is above it; the message has low, expected and high.
            PriceUnknown: A price that it needs is missing.
            TypeError: A number is not an int, a Decimal or a string.
        """
        budget, found = exact(max_usd), self.bounds(months)
        if found.high > budget:
            raise BudgetExceeded(
                f"it may cost up to {dollars(found.high, ROUND_CEILING)} ({dollar_range(found)}), above the budget of "
                f"{dollars(budget)}; nothing was started. Raise the budget, or shrink the job",
                hint=f"a budget of {dollars(found.high, ROUND_CEILING)} covers it",
            )
        return self

    def with_tax(self, rate: Decimal | str | int) -> CostEstimate:
        """This estimate with a tax on every line, as lines of its own.

        Args:
            rate: The tax as a share, such as ``"0.10"``.

        Raises:
            TypeError: The rate is not an int, a Decimal or a string.
        """
        taxes = []
        for when in _TITLES:
            known, _ = self._partial(when)
            if known.high:
                region = self.lines[0].region
                price = Price(key="tax", region=region, unit="USD", usd=exact(rate), source="the caller")
                line = CostLine(
                    name="tax", when=when, quantity=known, unit="USD", key="tax", region=region, price=price
                )
                taxes.append(line)
        return attrs.evolve(self, lines=(*self.lines, *taxes))

    def forecast(self, months: int, growth: Decimal | str | int = 0) -> tuple[Bounds, ...]:
        """What each of the coming months costs, when the traffic grows; the first has what is paid once.

        Args:
            months: How many, 1 or more.
            growth: The growth of the traffic from month to month as a share, such as ``"0.10"``. Lines counted in
                tokens grow; storage and instances do not.

        Raises:
            PriceUnknown: A price that it needs is missing.
            TypeError: ``growth`` is not an int, a Decimal or a string.
        """
        monthly = [line for line in self.lines if line.when == "monthly"]
        traffic = CostEstimate(lines=tuple(line for line in monthly if line.unit == "tokens")).monthly
        fixed = CostEstimate(lines=tuple(line for line in monthly if line.unit != "tokens")).monthly
        factor = context().add(Decimal(1), exact(growth))
        every = [fixed + traffic * context().power(factor, month) for month in range(months)]
        return tuple(cost if month else cost + self.once for month, cost in enumerate(every))

    def warnings(self, today: date | None = None, *, max_age_days: int = MAX_AGE_DAYS) -> tuple[str, ...]:
        """What to doubt about the prices used: those that are old, undated, or of low confidence.

        Args:
            today: The day to count from; this day in UTC when it is not given.
            max_age_days: How old a price may be.
        """
        used = [*{line.key: line.price for line in self.lines if line.price and line.key != "tax"}.values()]
        old = [price for price in used if price.is_stale(today, max_age_days=max_age_days)]
        low = [price for price in used if price.confidence == "low"]
        found = []
        if old:
            named = ", ".join(f"{price.key} ({price.date or 'undated'})" for price in old)
            found.append(f"prices older than {max_age_days} days: {named}; PriceBook.refresh() reads AWS's list")
        if low:
            found.append(f"prices of low confidence: {', '.join(price.key for price in low)}")
        return tuple(found)

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

    def _partial(self, *whens: When) -> tuple[Bounds, list[CostLine]]:
        """The sum of the lines with a price, and the lines without."""
        known, unknown = ZERO, []
        for line in self.lines:
            if line.when in whens:
                amount = line.amount
                if amount is None:
                    unknown.append(line)
                else:
                    known += amount
        return known, unknown

    def _complete(self, when: When) -> Bounds:
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

    def _sum_row(self, title: str, *whens: When) -> tuple[str, ...]:
        known, unknown = self._partial(*whens)
        if not unknown:
            shown = dollar_range(known)
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
