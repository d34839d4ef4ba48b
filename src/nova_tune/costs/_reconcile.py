"""Estimate against actual: what was off because of volume, because of the mix of models, and because of prices."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import attrs

from nova_tune.costs._book import unknown_price
from nova_tune.costs._bounds import context, dollars
from nova_tune.costs._price import PARTS, UNITS, exact
from nova_tune.values import Value, field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nova_tune.costs._actuals import Actual
    from nova_tune.costs._estimate import CostEstimate, CostLine

STALE_RATE = Fraction(5, 1000)
"""A rate paid that differs by more than this share says that the price book is out of date."""


@attrs.frozen(kw_only=True)
class ReconciledLine(Value):
    """One meter, estimated and actual. ``volume + mix + price`` is the difference of the costs, exactly.

    Args:
        key: The meter.
        region: The region.
        unit: What is counted.
        estimated: The quantity estimated.
        actual: The quantity used.
        rate: USD of one unit in the estimate.
        paid: USD of one unit on the bill; the estimate's rate where no bill was given.
        volume: USD of using more or less of its kind in all.
        mix: USD of using this meter's share of its kind more or less, such as a dearer model for the same tokens.
        price: USD of another price than estimated.
    """

    key: str
    region: str
    unit: str
    estimated: Decimal = field(read=Decimal)
    actual: Decimal = field(read=Decimal)
    rate: Decimal = field(read=Decimal)
    paid: Decimal = field(read=Decimal)
    volume: Decimal = field(read=Decimal)
    mix: Decimal = field(read=Decimal)
    price: Decimal = field(read=Decimal)

    @property
    def is_stale(self) -> bool:
        """True when the rate paid differs from the estimate's by more than half a per cent."""
        rate, paid = Fraction(self.rate), Fraction(self.paid)
        return abs(paid - rate) > rate * STALE_RATE


def _keys(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(given)


@attrs.frozen(kw_only=True)
class Reconciliation(Value):
    """An estimate held against what happened, in USD; positive differences are what was paid more.

    Args:
        lines: The meters that both know.
        unmeasured: Keys of the estimate for which no actual was given; they are left out, not taken as zero.
    """

    lines: tuple[ReconciledLine, ...] = field(
        read=lambda lines: [ReconciledLine.from_dict(line) for line in lines], converter=tuple
    )
    unmeasured: tuple[str, ...] = attrs.field(default=(), converter=_keys)

    @property
    def estimated(self) -> Decimal:
        """What the measured lines were estimated to cost."""
        return _total(context().multiply(line.estimated, line.rate) for line in self.lines)

    @property
    def volume(self) -> Decimal:
        """How much of the difference is volume."""
        return _total(line.volume for line in self.lines)

    @property
    def mix(self) -> Decimal:
        """How much of the difference is the mix of meters of one kind."""
        return _total(line.mix for line in self.lines)

    @property
    def price(self) -> Decimal:
        """How much of the difference is prices."""
        return _total(line.price for line in self.lines)

    @property
    def difference(self) -> Decimal:
        """Actual less estimated."""
        return _total((self.volume, self.mix, self.price))

    @property
    def actual(self) -> Decimal:
        """What was paid for the measured lines."""
        return _total((self.estimated, self.difference))

    @property
    def percent(self) -> Decimal | None:
        """The difference in per cent of the estimate; None where nothing was estimated."""
        if not self.estimated:
            return None
        return context().divide(context().multiply(self.difference, 100), self.estimated)

    @property
    def stale(self) -> tuple[str, ...]:
        """Keys whose price in the book is out of date."""
        return tuple(line.key for line in self.lines if line.is_stale)

    def __str__(self) -> str:
        head = ("", "estimated", "actual", "rate", "paid", "volume", "mix", "price")
        table: list[tuple[str, ...]] = [head]
        for line in self.lines:
            amounts = (f"{line.estimated:,.2f}".removesuffix(".00"), f"{line.actual:,.2f}".removesuffix(".00"))
            rates = (_rate(line.rate), _rate(line.paid))
            parts = tuple(_signed(part) for part in (line.volume, line.mix, line.price))
            table.append((f"{line.key} ({line.unit})", *amounts, *rates, *parts))
        widths = [max(len(row[column]) for row in table) for column in range(len(head))]
        rows = [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(widths[i]) for i, cell in enumerate(row[1:], 1))])
            for row in table
        ]
        percent = "" if self.percent is None else f" ({self.percent:+.2f} %)"
        rows.append(
            f"{dollars(self.actual)} for {dollars(self.estimated)} estimated: {_signed(self.difference)}{percent} = "
            f"volume {_signed(self.volume)}, mix {_signed(self.mix)}, price {_signed(self.price)}"
        )
        if self.stale:
            rows.append(f"the price book is out of date: {', '.join(self.stale)}; PriceBook.refresh() reads AWS's list")
        if self.unmeasured:
            rows.append(f"not measured, so left out: {', '.join(self.unmeasured)}")
        return "\n".join(rows)


class _Pair(NamedTuple):
    unit: str
    estimated: Fraction
    actual: Fraction
    rate: Fraction
    cost: Fraction


def reconcile(estimate: CostEstimate, actual: Actual, *, months: Decimal | str | int = 1) -> Reconciliation:
    """Hold an estimate against what was used: quantities first, then prices.

    Meters of one kind (input tokens, output tokens, training, instances) share a volume; how they share it is the mix.

    Args:
        estimate: The estimate, with its prices.
        actual: What was used. A line without a cost is priced at the estimate's rate.
        months: How many months of the monthly lines the time of the actual covers.

    Raises:
        PriceUnknown: A line that was used has neither a cost nor a price.
        TypeError: ``months`` is not an int, a Decimal or a string.
    """
    span = Fraction(exact(months))
    planned: dict[tuple[str, str], list[CostLine]] = {}
    for line in estimate.lines:
        planned.setdefault((line.key, line.region), []).append(line)
    pairs: dict[tuple[str, str], _Pair] = {}
    for used in actual.lines:
        place = (used.key, used.region)
        lines = planned.get(place, [])
        quantity, unit = _base(used.quantity, used.unit)
        price = next((line.price for line in lines if line.price), None)
        cost = None if used.cost_usd is None else Fraction(used.cost_usd)
        if price is not None:
            rate = Fraction(Fraction(price.usd), UNITS[price.unit][1])
        elif cost is not None and quantity:
            rate = Fraction(cost, quantity)
        else:
            raise unknown_price([place], " It was used, and neither the estimate nor a bill says what it costs.")
        cost = quantity * rate if cost is None else cost
        expected = sum(
            (_base(line.quantity.expected, line.unit)[0] * (span if line.when == "monthly" else 1) for line in lines),
            Fraction(0),
        )
        before = pairs.get(place)
        if before is not None:
            quantity, cost = quantity + before.actual, cost + before.cost
        pairs[place] = _Pair(unit, expected, quantity, rate, cost)
    left_out = [key for key, region in planned if (key, region) not in pairs]
    return Reconciliation(lines=tuple(_split(pairs)), unmeasured=tuple(left_out))


def _split(pairs: dict[tuple[str, str], _Pair]) -> list[ReconciledLine]:
    kinds: dict[tuple[str, str], list[_Pair]] = {}
    for (key, _), pair in pairs.items():
        kinds.setdefault(_kind(key, pair), []).append(pair)
    lines = []
    for (key, region), pair in pairs.items():
        same = kinds[_kind(key, pair)]
        planned, used = sum(other.estimated for other in same), sum(other.actual for other in same)
        share = Fraction(used * pair.estimated, planned) if planned else pair.actual
        paid = Fraction(pair.cost, pair.actual) if pair.actual else pair.rate
        lines.append(
            ReconciledLine(
                key=key,
                region=region,
                unit=pair.unit,
                estimated=_decimal(pair.estimated),
                actual=_decimal(pair.actual),
                rate=_decimal(pair.rate),
                paid=_decimal(paid),
                volume=_decimal((share - pair.estimated) * pair.rate),
                mix=_decimal((pair.actual - share) * pair.rate),
                price=_decimal(pair.cost - pair.actual * pair.rate),
            )
        )
    return lines


def _kind(key: str, pair: _Pair) -> tuple[str, str]:
    parts = key.split(".")
    return pair.unit, parts[1] if parts[0] == "sagemaker" else parts[-1]


def _base(quantity: Decimal, unit: str) -> tuple[Fraction, str]:
    """The quantity in the unit that prices use: seconds of instances become hours."""
    if unit in PARTS:
        return Fraction(Fraction(quantity), PARTS[unit]), f"{unit.split('-', 1)[0]}-hours"
    return Fraction(quantity), unit


def _decimal(number: Fraction) -> Decimal:
    return context().divide(Decimal(number.numerator), Decimal(number.denominator))


def _total(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = context().add(total, amount)
    return total


def _rate(rate: Decimal) -> str:
    return f"${rate:.9f}".rstrip("0").rstrip(".")


def _signed(amount: Decimal) -> str:
    return dollars(amount) if not amount else f"{'-' if amount < 0 else '+'}{dollars(abs(amount))}"
