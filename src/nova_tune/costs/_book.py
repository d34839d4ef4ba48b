"""The prices by key and region, shipped or your own: read, overridden, refreshed, compared."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from nova_tune.costs._price import MAX_AGE_DAYS, Price, PriceChange, exact, meter_unit, one_of
from nova_tune.costs._pricelist import fetch_pages, open_pricing, read_pages
from nova_tune.errors import PriceUnknown, SourceError
from nova_tune.values import Value, field

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date as date_type
    from decimal import Decimal

_INSTANCE = "sagemaker.training."


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

    @classmethod
    def from_price_list(cls, pages: Iterable[Mapping[str, Any]]) -> PriceBook:
        """The book that AWS's Price List gives: its rows for Nova and for instances of SageMaker.

        Args:
            pages: Answers of GetProducts from the first to the last, or files of the bulk list.

        Raises:
            SourceError: A page is missing, a unit is unknown, a price is not in USD, or a meter has two prices.
        """
        prices = read_pages(pages)
        return cls(prices=tuple(prices), as_of=max((price.date or "" for price in prices), default=""))

    def refresh(
        self, session: Any = None, *, client: Any = None, region: str = "us-east-1", instances: Iterable[str] = ()
    ) -> PriceBook:
        """This book with the prices that AWS's Price List has today. Nothing is written; compare with :meth:`diff`.

        It makes about five calls, and one for each instance type. The caller needs ``pricing:GetProducts``.

        Args:
            session: A boto3 session; its credentials are used, in us-east-1, where the Price List API lives.
            client: A client of the Price List API, used as it is.
            region: The region whose prices are read.
            instances: Instance types to read beside those whose training price the book has for the region.

        Raises:
            ConfigurationError: There is neither a session nor a client.
            AWSError: A call failed.
            SourceError: The list does not say one price in a known unit.
        """
        pricing = open_pricing(session) if client is None else client
        known = [
            price.key.removeprefix(_INSTANCE)
            for price in self.prices
            if price.region == region and price.key.startswith(_INSTANCE)
        ]
        live = self.from_price_list(fetch_pages(pricing, region, dict.fromkeys([*known, *instances])))
        merged = {_place(price): price for price in (*self.prices, *live.prices)}
        return attrs.evolve(self, prices=tuple(merged.values()), as_of=max(self.as_of, live.as_of))

    def diff(self, other: PriceBook) -> tuple[PriceChange, ...]:
        """What another book says otherwise: prices that changed, came or went; sources and dates aside.

        Args:
            other: The other book, such as a refreshed one.

        Example:
            >>> book = PriceBook.shipped()
            >>> key = "bedrock.nova-micro.customization.training"
            >>> print(*book.diff(book.override({key: "0.0011"}, source="contract 42")))
            bedrock.nova-micro.customization.training (us-east-1): $0.001 / 1K tokens -> $0.0011 / 1K tokens (+10.0 %)
        """
        old = {_place(price): price for price in self.prices}
        new = {_place(price): price for price in other.prices}
        changes = (
            PriceChange(key=key, region=region, old=old.get((key, region)), new=new.get((key, region)))
            for key, region in sorted({*old, *new})
        )
        return tuple(change for change in changes if change.is_real)

    def stale(self, today: date_type | None = None, *, max_age_days: int = MAX_AGE_DAYS) -> tuple[Price, ...]:
        """The prices that are older than so many days, or undated.

        Args:
            today: The day to count from; this day in UTC when it is not given.
            max_age_days: How old a price may be.
        """
        return tuple(price for price in self.prices if price.is_stale(today, max_age_days=max_age_days))

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
