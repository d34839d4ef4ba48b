"""Options side by side at one traffic, as a table and as a chart; and which input moves a price most."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.costs._bounds import context, dollar_range, dollars
from nova_tune.costs._chart import Track, cost_chart
from nova_tune.costs._decisions import BreakEven, Option, break_even
from nova_tune.costs._meters import whole
from nova_tune.costs._price import exact
from nova_tune.values import Value, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nova_tune.costs._estimate import CostEstimate


@attrs.frozen(kw_only=True)
class CostComparison(Value):
    """Options side by side at one traffic: a month, the whole time, and where the first one starts to pay.

    Args:
        options: The options; the first is the one in question.
        requests: Requests a month.
        months: How long.
    """

    options: tuple[Option, ...] = field(read=lambda rows: [Option.from_dict(row) for row in rows], converter=tuple)
    requests: int
    months: int = 12

    @property
    def cheapest(self) -> Option:
        """The option with the lowest expected total."""
        return min(self.options, key=lambda option: option.total(self.requests, self.months).expected)

    def break_evens(self) -> tuple[BreakEven, ...]:
        """The first option against each of the others, its start spread over the time compared."""
        first, *others = self.options
        spread = self.months if any(option.fixed.once.high for option in self.options) else None
        return tuple(break_even(first, other, horizon_months=spread) for other in others)

    def rows(self) -> list[dict[str, Any]]:
        """The table as data: name, start, month and total in USD, and what a thousand requests cost."""
        return [
            {
                "name": option.name,
                "once": option.fixed.once,
                "month": option.month(self.requests),
                "total": option.total(self.requests, self.months),
                "thousand_requests": option.per_request.monthly * 1000,
            }
            for option in self.options
        ]

    def __str__(self) -> str:
        head = ("", "once", f"a month of {self.requests:,}", f"{self.months} months", "1,000 requests")
        table = [head, *((row["name"], *(dollar_range(row[key]) for key in list(row)[1:])) for row in self.rows())]
        widths = [max(len(row[column]) for row in table) for column in range(len(head))]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in range(1, len(head)))])
            for row in table
        ]
        return "\n".join([*lines, *map(str, self.break_evens())])

    def chart(self, *, most_requests: int | None = None, title: str = "Cost of a month by traffic") -> str:
        """Cost of a month by traffic as SVG, a line for each option and a mark where the first one crosses another.

        Args:
            most_requests: Where the horizontal axis ends; twice the traffic, or somewhat past the last crossing that
                the quota allows.
            title: The title.
        """
        found = [even for even in self.break_evens() if even.requests]
        if most_requests is None:
            within = [even.requests for even in found if even.requests and not even.beyond_quota]
            most_requests = max([2 * self.requests, *(number * 3 // 2 for number in within)], default=1)
        end = max(most_requests, 1)
        spread = self.months if any(option.fixed.once.high for option in self.options) else None
        tracks = [
            Track(option.name, option.month(0, spread).expected, option.month(end, spread).expected)
            for option in self.options
        ]
        marks = [
            (even.requests, self.options[0].month(even.requests, spread).expected)
            for even in found
            if even.requests and even.requests <= end
        ]
        words = ". ".join(map(str, self.break_evens()))
        return cost_chart(tracks, end=end, marks=marks, title=title, description=words)


def compare(options: Iterable[Option], *, requests: int, months: int = 12) -> CostComparison:
    """Options side by side.

    Args:
        options: At least one; the first is the one in question.
        requests: Requests a month.
        months: How long.

    Raises:
        TypeError: A number is not whole.
        ValueError: A number is too small, or there is no option.
    """
    given = tuple(options)
    if not given:
        raise ValueError("there is nothing to compare: give at least one Option")
    return CostComparison(options=given, requests=whole("requests", requests), months=whole("months", months, 1))


@attrs.frozen(kw_only=True)
class Swing(Value):
    """How far one input moves a total.

    Args:
        name: The input.
        low: The total in USD with the input at its low end.
        high: The total with the input at its high end.
        change: The larger distance from the total without a change.
    """

    name: str
    low: Decimal = field(read=Decimal)
    high: Decimal = field(read=Decimal)
    change: Decimal = field(read=Decimal)

    def __str__(self) -> str:
        return f"{self.name}: {dollars(self.low)} to {dollars(self.high)}"


def sensitivity(
    estimate: Callable[..., CostEstimate],
    inputs: Mapping[str, int],
    *,
    change: Decimal | str = "0.2",
    months: Decimal | str | int | None = None,
) -> tuple[Swing, ...]:
    """Which input moves the total most, each changed alone; the widest first.

    Args:
        estimate: Makes the estimate from the inputs by name.
        inputs: The inputs to change, whole numbers.
        change: By what share, down and up.
        months: How many months of the monthly lines, as in :meth:`CostEstimate.total`.

    Raises:
        PriceUnknown: A price that it needs is missing.
        TypeError: An input is not a whole number.

    Example:
        >>> import functools
        >>> from nova_tune import CostModel
        >>> month = functools.partial(CostModel().monthly, "nova-micro", models_stored=0)
        >>> inputs = {"requests": 22_000, "input_tokens": 800, "output_tokens": 60}
        >>> [str(swing.change) for swing in sensitivity(month, inputs)]
        ['0.16016', '0.1232', '0.03696']
    """
    share = exact(change)
    plain = estimate(**inputs).total(months)
    swings = []
    for name, value in inputs.items():
        step = whole(name, value) * share
        ends = [
            estimate(**{**inputs, name: max(0, int((value + sign * step).to_integral_value(rounding)))}).total(months)
            for sign, rounding in ((-1, ROUND_FLOOR), (1, ROUND_CEILING))
        ]
        change_most = max(abs(context().subtract(end, plain)) for end in ends)
        swings.append(Swing(name=name, low=min(ends), high=max(ends), change=change_most))
    return tuple(sorted(swings, key=lambda swing: -swing.change))
