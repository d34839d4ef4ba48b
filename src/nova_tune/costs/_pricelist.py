"""AWS's Price List read into prices: by the whole usage type, one price each, in a unit that is known.

No attribute of a row but its usage type and region is dependable (read 2026-11-21): models are spelled in several ways,
``inferenceType`` is the same for standard and batch rows, and a third of the rows have no ``service_tier``. Units
differ inside one list: most token rows are per 1K, some per 1M.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from nova_tune.costs._price import Price, canonical, meter_unit
from nova_tune.errors import ConfigurationError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SOURCE = "AWS Price List"

_MODELS = {
    "NovaMicro": "nova-micro",
    "NovaLite": "nova-lite",
    "NovaPro": "nova-pro",
    "Nova2.0Lite": "nova-2-lite",
    "NovaPremier": "nova-premier",
}
_METERS = {
    "Customization-Training": "customization.training",
    "Customization-Storage": "customization.storage",
    "input-tokens-custom-model": "custom.on-demand.input",
    "output-tokens-custom-model": "custom.on-demand.output",
    "input-tokens": "base.on-demand.input",
    "output-tokens": "base.on-demand.output",
    "input-tokens-cross-region-global": "base.global-profile.input",
    "output-tokens-cross-region-global": "base.global-profile.output",
    "input-tokens-batch": "base.batch.input",
    "output-tokens-batch": "base.batch.output",
    "input-tokens-flex": "base.flex.input",
    "output-tokens-flex": "base.flex.output",
    "input-tokens-priority": "base.priority.input",
    "output-tokens-priority": "base.priority.output",
    "cache-read-input-token-count": "base.cache-read.input",
    "ProvisionedThroughput-NoCommit-ModelUnits": "provisioned.no-commit",
    "ProvisionedThroughput-1month-ModelUnits": "provisioned.1-month",
    "ProvisionedThroughput-6month-ModelUnits": "provisioned.6-month",
}
_COMPONENTS = {
    "Train": ("Training", "training"),
    "Host": ("Hosting", "hosting"),
    "AsyncInf": ("AsyncInf", "async-inference"),
}
_BEDROCK = re.compile(rf"[A-Z]{{3,4}}\d-({'|'.join(map(re.escape, _MODELS))})-(.+)")
_SAGEMAKER = re.compile(rf"[A-Z]{{3,4}}\d-({'|'.join(_COMPONENTS)}):(ml\.[a-z0-9-]+\.[a-z0-9]+)")
_UNITS = {
    "1K tokens": "1K tokens",
    "1000 tokens": "1K tokens",
    "1M tokens": "1M tokens",
    "Model/month": "model-month",
    "Hrs": "hour",
    "hour": "hour",
}
"""AWS's units (seen 2026-06 to 2026-09) and ours. What an hour is of, the meter tells."""


class _Row(NamedTuple):
    sku: str
    attributes: Mapping[str, str]
    terms: Mapping[str, Any]
    source: str


def key_of(usage_type: str, component: str | None = None) -> str | None:
    """The key of a usage type in a price book; None for a meter that this library does not price.

    Args:
        usage_type: Such as ``"USE1-NovaMicro-Customization-Training"``.
        component: The component of a SageMaker row. A row of another component than its usage type's is not taken.

    Example:
        >>> key_of("USE1-NovaMicro-input-tokens-batch"), key_of("USE1-Train:ml.g5.48xlarge", "Training")
        ('bedrock.nova-micro.base.batch.input', 'sagemaker.training.ml.g5.48xlarge')
    """
    if (found := _BEDROCK.fullmatch(usage_type)) and (meter := _METERS.get(found[2])):
        return f"bedrock.{_MODELS[found[1]]}.{meter}"
    if found := _SAGEMAKER.fullmatch(usage_type):
        named, meter = _COMPONENTS[found[1]]
        return f"sagemaker.{meter}.{found[2]}" if component in {None, named} else None
    return None


def read_pages(pages: Iterable[Mapping[str, Any]]) -> list[Price]:
    """The prices in answers of GetProducts, or in files of the bulk list.

    Rows of meters that this library does not price are passed over.

    Args:
        pages: Answers with ``PriceList`` (JSON strings), in order up to the last, or bulk files with ``products``.

    Raises:
        SourceError: A page is missing or is no page, a unit is unknown, a price is not in USD, a row has more or fewer
            prices than one, or two rows give different prices for one meter.
    """
    found: dict[tuple[str, str], tuple[Price, str]] = {}
    for row in _rows(pages):
        usage_type, region = row.attributes.get("usagetype", ""), row.attributes.get("regionCode", "")
        key = key_of(usage_type, row.attributes.get("component"))
        if key is None or row.attributes.get("locationType", "AWS Region") != "AWS Region":
            continue
        price = _price(key, region, usage_type, row)
        first = found.setdefault((key, region), (price, row.sku))
        if (first[0].usd, first[0].unit) != (price.usd, price.unit):
            raise SourceError(
                f"{SOURCE}: two prices for {usage_type} in {region}: {first[0]} (SKU {first[1]}) and {price} (SKU "
                f"{row.sku}). Look at both SKUs and give the right one with PriceBook.override"
            )
    return [price for price, _ in found.values()]


def _rows(pages: Iterable[Mapping[str, Any]]) -> Iterator[_Row]:
    number, more = 0, False
    for number, page in enumerate(pages, start=1):
        if isinstance(page.get("products"), Mapping):
            yield from _bulk_rows(page)
            continue
        if not isinstance(page.get("PriceList"), list):
            raise SourceError(f"{SOURCE}: page {number} has no PriceList; read the pages again")
        more = bool(page.get("NextToken"))
        for text in page["PriceList"]:
            row = json.loads(text) if isinstance(text, str) else text
            product = row["product"]
            yield _Row(
                product["sku"],
                product["attributes"],
                row["terms"].get("OnDemand", {}),
                f"{SOURCE}, {row['serviceCode']}, version {row['version']}",
            )
    if more:
        raise SourceError(f"{SOURCE}: page {number} names a next page, which is missing; read the pages again")


def _bulk_rows(page: Mapping[str, Any]) -> Iterator[_Row]:
    source = f"{SOURCE}, {page['offerCode']}, version {page['version']}"
    terms = page["terms"].get("OnDemand", {})
    for sku, product in page["products"].items():
        yield _Row(sku, product["attributes"], terms.get(sku, {}), source)


def _price(key: str, region: str, usage_type: str, row: _Row) -> Price:
    prices = [(term, dimension) for term in row.terms.values() for dimension in term["priceDimensions"].values()]
    if len(prices) != 1:
        raise SourceError(f"{SOURCE}: {usage_type} (SKU {row.sku}) has {len(prices)} prices instead of one")
    term, dimension = prices[0]
    amounts = dimension["pricePerUnit"]
    if "USD" not in amounts:
        raise SourceError(
            f"{SOURCE}: {usage_type} (SKU {row.sku}) is priced in {', '.join(amounts)}, not in USD; none is converted"
        )
    unit, usual = _UNITS.get(dimension["unit"]), meter_unit(key)
    if unit == "hour" and usual is not None and usual.endswith("-hour"):
        unit = usual
    try:
        return Price(
            key=key,
            region=region,
            unit=unit or dimension["unit"],
            usd=canonical(amounts["USD"]),
            source=row.source,
            date=term["effectiveDate"][:10],
            confidence="high",
            usage_type=usage_type,
        )
    except ValueError as error:
        raise SourceError(f"{SOURCE}: {usage_type} (SKU {row.sku}): {error}") from None


def open_pricing(session: Any) -> Any:
    """A client of the Price List API in us-east-1, whatever the session's own region; the API has three regions alone.

    Args:
        session: A boto3 session.

    Raises:
        ConfigurationError: There is no session, or it has no credentials.
    """
    if session is None:
        raise ConfigurationError("PriceBook.refresh() asks AWS: give session=boto3.Session() or client=")
    from nova_tune import aws  # noqa: PLC0415 - it loads boto3, which prices from the shipped book do without

    with aws.translated("open a client for pricing"):
        return session.client("pricing", region_name="us-east-1")


def fetch_pages(pricing: Any, region: str, instances: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """Every page of the prices that matter here: Nova's in a region, and the named instances' for training.

    Each page is one GetProducts call, for which AWS is not known to charge.

    Args:
        pricing: A client of the Price List API, which lives in us-east-1; the region of the prices is a filter.
        region: The region whose prices are read.
        instances: SageMaker instance types, such as ``"ml.g5.48xlarge"``.

    Raises:
        AWSError: A call failed.
        SourceError: A page is missing, or SageMaker has not exactly one row for an instance.
    """
    place = _filter("regionCode", region)
    yield from _pages(pricing, "AmazonBedrock", [place, _filter("usagetype", "Nova", "CONTAINS")])
    for instance in instances:
        filters = [place, _filter("component", "Training"), _filter("instanceName", instance)]
        pages = list(_pages(pricing, "AmazonSageMaker", filters))
        taken = [row for row in _rows(pages) if key_of(row.attributes.get("usagetype", ""), "Training")]
        if len(taken) != 1:
            raise SourceError(f"{SOURCE}: {len(taken)} rows for training on {instance} in {region} instead of one")
        yield from pages


def _filter(name: str, value: str, kind: str = "TERM_MATCH") -> dict[str, str]:
    return {"Type": kind, "Field": name, "Value": value}


def _pages(pricing: Any, service: str, filters: list[dict[str, str]]) -> Iterator[Mapping[str, Any]]:
    from nova_tune import aws  # noqa: PLC0415 - it loads boto3, which prices from the shipped book do without

    token, seen = None, set()
    while True:
        page = aws.call(pricing, "GetProducts", ServiceCode=service, Filters=filters, MaxResults=100, NextToken=token)
        token = page.get("NextToken")
        yield {"PriceList": page.get("PriceList")}
        if not token:
            return
        if token in seen:
            raise SourceError(f"{SOURCE}: {service} repeats a page, so that another is missing; read the pages again")
        seen.add(token)
