"""Prices as dated data: what one unit of a meter costs in one region, who says so, and when."""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_left
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Self

import attrs

from nova_tune.errors import PriceUnknown, SourceError
from nova_tune.values import Value, field

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping

UNITS: dict[str, tuple[str, int]] = {
    "1K tokens": ("tokens", 1_000),
    "1M tokens": ("tokens", 1_000_000),
    "model-month": ("model-months", 1),
    "model-unit-hour": ("model-unit-hours", 1),
    "instance-hour": ("instance-hours", 1),
    "GB-month": ("GB-months", 1),
    "1K requests": ("requests", 1_000),
}
"""Every unit a price may have: what is counted, and how many of it one price buys."""

_METERS = (
    (re.compile(r"bedrock\..+\.(training|input|output)"), "1K tokens"),
    (re.compile(r"bedrock\..+\.customization\.storage"), "model-month"),
    (re.compile(r"bedrock\..+\.provisioned\..+"), "model-unit-hour"),
    (re.compile(r"sagemaker\..+"), "instance-hour"),
    (re.compile(r"s3\..+\.storage"), "GB-month"),
    (re.compile(r"s3\..+\.(put|get)"), "1K requests"),
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
            date.fromisoformat(day)

    def __str__(self) -> str:
        return f"${self.usd:f} / {self.unit}"


def _sorted(prices: Iterable[Price]) -> tuple[Price, ...]:
    return tuple(sorted(prices, key=_place))


def _place(price: Price) -> tuple[str, str]:
    return price.key, price.region


@attrs.frozen(kw_only=True)
class PriceBook(Value):
    """Prices by key and region. It never changes: :meth:`override` makes another one.

    Reading the shipped book takes about a millisecond. It does not refresh itself: every price carries its date.

    Args:
        prices: The prices, in any order; a key may stand once for each region.
        as_of: The day the book was put together, as ``YYYY-MM-DD``. Each price has a date of its own.
        currency: ``"USD"`` alone.

    Raises:
        ValueError: A key stands twice for one region, or the currency is not USD.

    Example:
        >>> book = PriceBook.shipped()
        >>> print(book.get("bedrock.nova-micro.customization.training", "us-east-1"))
        $0.001 / 1K tokens
    """

    prices: tuple[Price, ...] = field(
        read=lambda rows: [Price.from_dict(row) for row in rows], converter=_sorted, repr=False
    )
    as_of: str
    currency: str = attrs.field(default="USD", validator=one_of("USD"))

    def __attrs_post_init__(self) -> None:
        for first, second in zip(self.prices, self.prices[1:], strict=False):
            if _place(first) == _place(second):
                raise ValueError(f"{first.key} has two prices in {first.region}: {first} and {second}")

    @classmethod
    def shipped(cls) -> Self:
        """The book that comes with this version of nova_tune."""
        return cls.from_dict(json.loads(resources.files("nova_tune.costs").joinpath("prices.json").read_bytes()))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """The book in a file: the JSON of :meth:`to_dict`, prices as strings.

        Args:
            path: The file.

        Raises:
            SourceError: The file is missing, is not JSON, or is not a price book.
        """
        try:
            return cls.from_dict(json.loads(Path(path).read_bytes()))
        except OSError as error:
            reason = error.strerror
        except (ValueError, TypeError, AttributeError) as error:
            reason = str(error)
        raise SourceError(
            f"{path} cannot be used as a price book: {reason}. Write one with PriceBook.shipped().to_dict()",
            path=str(path),
        )

    def get(self, key: str, region: str, *, allow_low: bool = False) -> Price:
        """The price of a meter in a region.

        Args:
            key: The meter.
            region: The AWS region.
            allow_low: Take a price of low confidence too: one source, or a value assumed from another region.

        Raises:
            PriceUnknown: The book has none, or only one of low confidence and ``allow_low`` is False.
        """
        index = bisect_left(self.prices, (key, region), key=_place)
        found = self.prices[index] if index < len(self.prices) else None
        if found is None or _place(found) != (key, region):
            raise unknown_price([(key, region)])
        if found.confidence == "low" and not allow_low:
            raise unknown_price([(key, region)], f" The book has {found}, of low confidence; allow_low=True takes it.")
        return found

    def override(
        self,
        prices: Mapping[str, Decimal | str | int],
        *,
        source: str,
        region: str = "us-east-1",
        date: str | None = None,
    ) -> PriceBook:
        """This book with some prices replaced or added: an agreement's, or one that AWS's page showed you.

        Args:
            prices: USD by key, in the unit the book has for that key, or in the meter's usual unit.
            source: Where they come from, such as ``"contract 42"``.
            region: The region they hold for.
            date: The day they were read, as ``YYYY-MM-DD``.

        Raises:
            TypeError: A price is not a string, an int or a Decimal.
            ValueError: A key is not in the book and has no known form, or an amount is malformed.

        Example:
            >>> book = PriceBook.shipped().override(
            ...     {"bedrock.nova-micro.customization.training": "0.0009"}, source="contract 42"
            ... )
            >>> print(book.get("bedrock.nova-micro.customization.training", "us-east-1"))
            $0.0009 / 1K tokens
        """
        merged = {_place(price): price for price in self.prices}
        for key, usd in prices.items():
            old = merged.get((key, region))
            unit = old.unit if old else meter_unit(key)
            if unit is None:
                raise ValueError(f"there is no meter {key!r}; a key looks like {self.prices[0].key!r}")
            usage_type = old.usage_type if old else None
            merged[key, region] = Price(
                key=key, region=region, unit=unit, usd=exact(usd), source=source, date=date, usage_type=usage_type
            )
        return attrs.evolve(self, prices=tuple(merged.values()))

    @property
    def digest(self) -> str:
        """The digest of everything in the book: two estimates with one digest used the same prices."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def __iter__(self) -> Iterator[Price]:
        return iter(self.prices)

    def __len__(self) -> int:
        return len(self.prices)


def unknown_price(missing: Iterable[tuple[str, str]], more: str = "") -> PriceUnknown:
    """The error for prices that are not in the book, with the line that supplies them.

    Args:
        missing: Key and region of each.
        more: A further sentence, beginning with a space.
    """
    places = sorted(set(missing))
    named = ", ".join(f"{key} ({region}, USD per {meter_unit(key) or 'unit'})" for key, region in places)
    given = ", ".join(f'"{key}": "..."' for key, _ in places)
    hint = f'CostModel(PriceBook.shipped().override({{{given}}}, source="..."))'
    message = f"no price is known for {named}.{more} Read it on aws.amazon.com/bedrock/pricing and supply it: {hint}"
    return PriceUnknown(message, keys=[key for key, _ in places], hint=hint)
