"""One price as dated data: what one unit of a meter costs in one region, who says so, and when."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from datetime import date as date_type
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING

import attrs

from nova_tune.values import Value, field

if TYPE_CHECKING:
    from collections.abc import Callable


UNITS: dict[str, tuple[str, int]] = {
    "1K tokens": ("tokens", 1_000),
    "1M tokens": ("tokens", 1_000_000),
    "model-month": ("model-months", 1),
    "model-unit-hour": ("model-unit-hours", 1),
    "instance-hour": ("instance-hours", 1),
    "GB-month": ("GB-months", 1),
    "1K requests": ("requests", 1_000),
    "request": ("requests", 1),
    "USD": ("USD", 1),
}
"""Every unit a price may have: what is counted, and how many of it one price buys."""

PARTS = {"instance-seconds": 3_600}
"""Units that a quantity may have beside its price's own: how many of them are one. SageMaker bills by the second."""

MAX_AGE_DAYS = 90
"""How old a price may be before an estimate says so. AWS cut p4d and p5 by more than a third in mid-2025."""

_METERS = (
    (re.compile(r"bedrock\..+\.(training|input|output)"), "1K tokens"),
    (re.compile(r"bedrock\..+\.customization\.storage"), "model-month"),
    (re.compile(r"bedrock\..+\.provisioned\..+"), "model-unit-hour"),
    (re.compile(r"(sagemaker|ec2)\..+"), "instance-hour"),
    (re.compile(r"s3\..+\.storage"), "GB-month"),
    (re.compile(r"s3\..+\.(put|get)"), "1K requests"),
    (re.compile(r"ce\.api\.request"), "request"),
)


def exact(value: Decimal | str | int) -> Decimal:
    """A price or a quantity, exactly as it was given.

    Args:
        value: A whole number, a Decimal, or a decimal string such as ``"0.001"``; not negative.

    Raises:
        TypeError: It is of another type; binary fractions hold neither prices nor their sums exactly.
        ValueError: It is not a finite number, or it is negative.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int):
        raise TypeError(f"{value!r} is a {type(value).__name__}; give an int, a Decimal or a string such as '0.001'")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number; write it as in '0.001'") from None
    if not number.is_finite() or number < 0:
        raise ValueError(f"{value!r} is neither a price nor a quantity; it must be finite and not negative")
    return number


def canonical(value: Decimal | str | int) -> Decimal:
    """The number without trailing zeros, so that equal amounts are written alike."""
    number = exact(value)
    if number.as_tuple().exponent == 0:
        return number
    text = f"{number:f}"
    return Decimal(text.rstrip("0").rstrip(".")) if "." in text else Decimal(text)


def one_of(*options: str) -> Callable[[object, attrs.Attribute[str], str], None]:
    """A validator that takes these words alone and says so in plain words."""

    def check(_instance: object, attribute: attrs.Attribute[str], value: str) -> None:
        if value not in options:
            raise ValueError(f"{attribute.name} is {value!r}; it takes {', '.join(options)}")

    return check


def meter_unit(key: str) -> str | None:
    """The unit in which AWS sells this meter, or None for a key that follows no known form."""
    return next((unit for form, unit in _METERS if form.fullmatch(key)), None)


@attrs.frozen(kw_only=True)
class Price(Value):
    """What one unit of a meter costs in a region; true on ``date``, by ``source``.

    Args:
        key: The meter, such as ``"bedrock.nova-micro.customization.training"``.
        region: The AWS region whose price it is.
        unit: What ``usd`` buys: ``"1K tokens"``, ``"model-month"``, ``"instance-hour"``, ...
        usd: List price in USD, before tax, credits and agreements. A string or a Decimal.
        source: Where it was read.
        date: The day of the source, as ``YYYY-MM-DD``, or the day it was read where it has none.
        confidence: ``"high"``, ``"medium"``, ``"low"``, or ``"given"`` by the caller.
        usage_type: The usage type of AWS's Price List and bill, where it is known.

    Raises:
        TypeError: ``usd`` is not a string, an int or a Decimal.
        ValueError: The unit is unknown or is not how this meter is sold, or a field is malformed.
    """

    key: str
    region: str
    unit: str = attrs.field()
    usd: Decimal = field(converter=exact)
    source: str
    date: str | None = attrs.field(default=None)
    confidence: str = attrs.field(default="given", validator=one_of("high", "medium", "low", "given"))
    usage_type: str | None = None

    @unit.validator
    def _check_unit(self, _attribute: object, unit: str) -> None:
        if unit not in UNITS:
            raise ValueError(f"{self.key}: the unit {unit!r} is not known; choose among {', '.join(UNITS)}")
        usual = meter_unit(self.key)
        if usual is not None and UNITS[usual][0] != UNITS[unit][0]:
            raise ValueError(f"{self.key} is sold by {UNITS[usual][0]}, not by {unit!r}")

    @date.validator
    def _check_date(self, _attribute: object, day: str | None) -> None:
        if day is not None:
            date_type.fromisoformat(day)

    def is_stale(self, today: date_type | None = None, *, max_age_days: int = MAX_AGE_DAYS) -> bool:
        """True when the price is older than so many days, or nobody says how old it is.

        Args:
            today: The day to count from; this day in UTC when it is not given.
            max_age_days: How old it may be.
        """
        day = today or datetime.now(UTC).date()
        return self.date is None or (day - date_type.fromisoformat(self.date)).days > max_age_days

    def buys(self, usd: Decimal | str | int) -> Decimal:
        """How many tokens, hours or months an amount of money pays for, at 28 digits.

        Args:
            usd: The amount in USD.

        Example:
            >>> from nova_tune import PriceBook
            >>> price = PriceBook.shipped().get("bedrock.nova-micro.customization.training", "us-east-1")
            >>> price.buys("2.18") == 2_180_000
            True
        """
        digits = Context(prec=28)
        return digits.divide(digits.multiply(exact(usd), UNITS[self.unit][1]), self.usd)

    def __str__(self) -> str:
        return f"${self.usd:f} / {self.unit}"


@attrs.frozen(kw_only=True)
class PriceChange(Value):
    """How the price of a meter differs between two books.

    Args:
        key: The meter.
        region: The region.
        old: The price of the first book; None where it has none.
        new: The price of the second; None where it has none.
    """

    key: str
    region: str
    old: Price | None = field(read=Price.from_dict, default=None)
    new: Price | None = field(read=Price.from_dict, default=None)

    @property
    def is_real(self) -> bool:
        """True when the money differs, not the source or the date alone."""
        return (self.old and _one(self.old)) != (self.new and _one(self.new))

    @property
    def percent(self) -> Decimal | None:
        """By how many per cent the price rose or fell; None when there is but one, or the old one is zero."""
        if self.old is None or self.new is None or not self.old.usd:
            return None
        digits = Context(prec=28)
        return digits.multiply(100, digits.subtract(digits.divide(_one(self.new), _one(self.old)), 1))

    def __str__(self) -> str:
        percent = self.percent
        tail = "" if percent is None else f" ({percent:+.1f} %)"
        return f"{self.key} ({self.region}): {self.old or 'no price'} -> {self.new or 'no price'}{tail}"


def _one(price: Price) -> Decimal:
    """USD of one token, hour or month."""
    return Context(prec=28).divide(price.usd, UNITS[price.unit][1])
