"""The operations of the Price List, in AWS's layout and with invented prices.

Layout: botocore's own examples of GetProducts (1.44.5), read 2026-11-21. The usage types are AWS's, as public readers
of the Price List quote them; every price is round and invented, so that a figure of a rehearsal cannot be taken for one
of AWS's.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_OFFER, _RATE = "JRTCKXETXF", "6YS6EN2CT7"
_DAY = "2026-11-21T00:00:00Z"
_PLACE = {"location": "US East (N. Virginia)", "locationType": "AWS Region", "regionCode": catalog.REGION}


@attrs.frozen
class Product:
    """One row of the Price List."""

    service: str
    family: str
    attributes: Mapping[str, str]
    unit: str
    usd: str

    @property
    def sku(self) -> str:
        """Sixteen letters and digits, the same for the same usage type."""
        return hashlib.sha256(self.attributes["usagetype"].encode()).hexdigest()[:16].upper()

    def row(self) -> str:
        """The row as GetProducts gives it: a JSON text."""
        offer = f"{self.sku}.{_OFFER}"
        rate = f"{offer}.{_RATE}"
        price = {
            "unit": self.unit,
            "endRange": "Inf",
            "description": f"[rehearsal] ${self.usd} per {self.unit} for {self.attributes['usagetype']}",
            "appliesTo": [],
            "rateCode": rate,
            "beginRange": "0",
            "pricePerUnit": {"USD": f"{self.usd}{'0' * (10 - len(self.usd.partition('.')[2]))}"},
        }
        term = {
            "priceDimensions": {rate: price},
            "sku": self.sku,
            "effectiveDate": _DAY,
            "offerTermCode": _OFFER,
            "termAttributes": {},
        }
        return json.dumps(
            {
                "product": {"productFamily": self.family, "attributes": {**self.attributes}, "sku": self.sku},
                "serviceCode": self.service,
                "terms": {"OnDemand": {offer: term}},
                "version": "20261121000000",
                "publicationDate": _DAY,
            }
        )


_METERS = (
    ("Customization-Training", "1K tokens", "0.01", {"feature": "Model Customization"}),
    ("Customization-Storage", "Model/month", "10.0", {"feature": "Model Customization"}),
    ("input-tokens-custom-model", "1K tokens", "0.001", {"feature": "Model Customization"}),
    ("output-tokens-custom-model", "1K tokens", "0.004", {"feature": "Model Customization"}),
    ("input-tokens", "1K tokens", "0.001", {"feature": "On-demand Inference", "inferenceType": "Input tokens"}),
    ("output-tokens", "1K tokens", "0.004", {"feature": "On-demand Inference", "inferenceType": "Output tokens"}),
)
_MODELS = (("NovaMicro", "Nova Micro"), ("NovaLite", "Nova Lite"), ("NovaPro", "Nova Pro"))
_INSTANCES = ("ml.g5.12xlarge", "ml.g5.48xlarge", "ml.g6.12xlarge", "ml.g6.48xlarge", "ml.p4d.24xlarge")

PRODUCTS = (
    *(
        Product(
            "AmazonBedrock",
            "Amazon Bedrock",
            {
                "servicecode": "AmazonBedrock",
                "servicename": "Amazon Bedrock",
                "provider": "Amazon",
                "model": model,
                "usagetype": f"USE1-{key}-{meter}",
                "operation": "",
                **_PLACE,
                **more,
            },
            unit,
            usd,
        )
        for key, model in (*_MODELS, ("Nova2.0Lite", "Nova 2.0 Lite"))
        for meter, unit, usd, more in _METERS
    ),
    *(
        Product(
            "AmazonSageMaker",
            "ML Instance",
            {
                "servicecode": "AmazonSageMaker",
                "servicename": "Amazon SageMaker",
                "instanceName": instance,
                "instanceType": f"{instance}-Training",
                "component": "Training",
                "usagetype": f"USE1-Train:{instance}",
                "operation": "RunInstance",
                **_PLACE,
            },
            "Hrs",
            "30.0",
        )
        for instance in (*_INSTANCES, "ml.p5.48xlarge", "ml.p5en.48xlarge")
    ),
)
"""Prices of the rehearsal's own: round numbers that no bill has."""

_FILTERS: dict[str, Callable[[str, str], bool]] = {
    "TERM_MATCH": lambda value, wanted: value.lower() == wanted.lower(),
    "EQUALS": lambda value, wanted: value.lower() == wanted.lower(),
    "CONTAINS": lambda value, wanted: wanted.lower() in value.lower(),
    "ANY_OF": lambda value, wanted: value in wanted.split(","),
    "NONE_OF": lambda value, wanted: value not in wanted.split(","),
}


def operations() -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
    """The offered operations of the Price List by name."""
    return {"GetProducts": get_products, "DescribeServices": describe_services, "GetAttributeValues": values}


def get_products(request: dict[str, Any]) -> dict[str, Any]:
    """GetProducts: every filter must hold."""
    rows = [
        product.row()
        for product in _of(request["ServiceCode"])
        if all(
            _FILTERS[one["Type"]](product.attributes.get(one["Field"], ""), one["Value"])
            for one in request.get("Filters", [])
        )
    ]
    return {"FormatVersion": "aws_v1", **_page("PriceList", rows, request, 100)}


def describe_services(request: dict[str, Any]) -> dict[str, Any]:
    """DescribeServices: those the rehearsal has prices of."""
    codes = [request["ServiceCode"]] if "ServiceCode" in request else ["AmazonBedrock", "AmazonSageMaker"]
    rows = [
        {"ServiceCode": code, "AttributeNames": sorted({name for product in _of(code) for name in product.attributes})}
        for code in codes
    ]
    return {"FormatVersion": "aws_v1", **_page("Services", rows, request, 100)}


def values(request: dict[str, Any]) -> dict[str, Any]:
    """GetAttributeValues."""
    found = {product.attributes.get(request["AttributeName"]) for product in _of(request["ServiceCode"])} - {None}
    if not found:
        raise ServiceError("InvalidParameterException", f"No product has the attribute {request['AttributeName']}")
    rows = [{"Value": value} for value in sorted(value for value in found if value is not None)]
    return _page("AttributeValues", rows, request, 10_000)


def _of(service: str) -> list[Product]:
    found = [product for product in PRODUCTS if product.service == service]
    if not found:
        raise ServiceError("InvalidParameterException", f"The rehearsal has no prices of {service}")
    return found


def _page(name: str, rows: Sequence[Any], request: Mapping[str, Any], most: int) -> dict[str, Any]:
    token = request.get("NextToken", "0")
    if not token.isdigit():
        raise ServiceError("InvalidNextTokenException", "The provided NextToken is not valid")
    start = int(token)
    end = start + request.get("MaxResults", most)
    rest = {"NextToken": str(end)} if end < len(rows) else {}
    return {name: [*rows[start:end]], **rest}
