"""The price book and AWS's Price List: every row to the right meter, and everything doubtful refused."""

from __future__ import annotations

import copy
import json
import zlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from nova_tune import CostModel, PriceBook
from nova_tune.costs import PriceChange
from nova_tune.costs._pricelist import key_of
from nova_tune.errors import AccessDenied, ConfigurationError, SourceError

BOOK = PriceBook.shipped()
TRAINING = "bedrock.nova-micro.customization.training"
NOVA = {
    "USE1-NovaMicro-Customization-Training": ("1K tokens", "0.0010000000"),
    "USE1-NovaMicro-Customization-Storage": ("Model/month", "1.9500000000"),
    "USE1-NovaMicro-input-tokens-custom-model": ("1K tokens", "0.0000350000"),
    "USE1-NovaMicro-output-tokens-custom-model": ("1000 tokens", "0.0001400000"),
    "USE1-NovaMicro-input-tokens-batch": ("1K tokens", "0.0000175000"),
    "USE1-NovaMicro-cache-read-input-token-count": ("1K tokens", "0.0000087500"),
    "USE1-Nova2.0Lite-Customization-Training": ("1K tokens", "0.0037800000"),
    "USE1-Nova2.0Lite-input-tokens": ("1M tokens", "0.3300000000"),
    "USE1-Nova2.0Lite-input-tokens-custom-model": ("1K tokens", "0.0003000000"),
    "USE1-Nova2.0Lite-input-tokens-cross-region-global": ("1K tokens", "0.0003000000"),
    "USE1-Nova2.0Lite-input-tokens-flex": ("1K tokens", "0.0001650000"),
    "USE1-Nova2.0Lite-input-tokens-priority": ("1K tokens", "0.0005775000"),
    "USE1-Nova2.0Lite-ProvisionedThroughput-NoCommit-ModelUnits": ("hour", "60.5000000000"),
    "USE1-Nova2.0Lite-ProvisionedThroughput-1month-ModelUnits": ("hour", "55.0000000000"),
}


def row(usage_type, unit, usd, *, currency="USD", service="AmazonBedrock", sku=None, **attributes) -> dict[str, Any]:
    sku = sku or f"SKU{zlib.crc32(usage_type.encode())}"
    dimension = {"unit": unit, "pricePerUnit": {currency: usd}, "beginRange": "0", "endRange": "Inf"}
    term = {"priceDimensions": {f"{sku}.A.B": dimension}, "effectiveDate": "2026-09-01T00:00:00Z", "sku": sku}
    known = {"usagetype": usage_type, "regionCode": "us-east-1", "locationType": "AWS Region", **attributes}
    return {
        "product": {"sku": sku, "productFamily": "any", "attributes": known},
        "serviceCode": service,
        "terms": {"OnDemand": {f"{sku}.A": term}},
        "version": "20260901205051",
        "publicationDate": "2026-09-01T20:50:51Z",
    }


def instance(name, usd, *, component="Training", spelling="", prefix="USE1-Train") -> dict[str, Any]:
    return row(
        f"{prefix}:{name}",
        "Hrs",
        usd,
        service="AmazonSageMaker",
        instanceName=name,
        instanceType=name + spelling,
        component=component,
    )


def page(rows, token=None) -> dict[str, Any]:
    answer: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(item) for item in rows]}
    return {**answer, "NextToken": token} if token else answer


def bulk(rows) -> dict[str, Any]:
    return {
        "offerCode": "AmazonBedrock",
        "version": "20260901205051",
        "products": {item["product"]["sku"]: item["product"] for item in rows},
        "terms": {"OnDemand": {item["product"]["sku"]: item["terms"]["OnDemand"] for item in rows}},
    }


ROWS = [row(usage_type, unit, usd) for usage_type, (unit, usd) in NOVA.items()]


def test_pages_give_every_meter_its_own_price():
    """Custom and base, batch, flex, priority, global and cache are told apart by the whole usage type."""
    book = PriceBook.from_price_list([page(ROWS[:6], "2"), page(ROWS[6:])])
    assert len(book) == len(NOVA)
    assert book.as_of == "2026-09-01"

    def usd(key):
        return book.get(f"bedrock.{key}", "us-east-1").usd

    assert usd("nova-micro.customization.training") == Decimal("0.001")
    assert usd("nova-micro.customization.storage") == Decimal("1.95")
    assert usd("nova-micro.custom.on-demand.input") == Decimal("0.000035")
    assert usd("nova-micro.custom.on-demand.output") == Decimal("0.00014")
    assert usd("nova-micro.base.batch.input") == Decimal("0.0000175")
    assert (
        usd("nova-2-lite.base.global-profile.input") == usd("nova-2-lite.custom.on-demand.input") == Decimal("0.0003")
    )
    assert usd("nova-2-lite.base.flex.input") == Decimal("0.000165")
    assert usd("nova-2-lite.provisioned.no-commit") == Decimal("60.5")
    assert usd("nova-2-lite.provisioned.1-month") == 55
    price = book.get("bedrock.nova-2-lite.base.on-demand.input", "us-east-1")
    assert str(price) == "$0.33 / 1M tokens"
    assert price.source == "AWS Price List, AmazonBedrock, version 20260901205051"
    month = CostModel(book).monthly("nova-2-lite", requests=1_000, input_tokens=1_000, output_tokens=0, custom=False)
    assert month.lines[0].amount.expected == Decimal("0.33")


def test_the_bulk_file_gives_the_same_book():
    """The layout of the bulk file makes no difference."""
    assert PriceBook.from_price_list([bulk(ROWS)]) == PriceBook.from_price_list([page(ROWS)])


@pytest.mark.parametrize("spelling", ["", "-Training"])
def test_an_instance_is_priced_by_its_component(spelling):
    """ml.g5.48xlarge for training is 20.36 in either spelling, whatever the other components cost."""
    rows = [
        instance("ml.g5.48xlarge", "20.3600000000", spelling=spelling),
        instance("ml.g5.48xlarge", "21.0000000000", component="Hosting", prefix="USE1-Host"),
        instance("ml.g5.48xlarge", "22.0000000000", component="Notebook", prefix="USE1-Notebk"),
        instance("ml.g5.48xlarge", "0.0000000000", component="Cluster"),
    ]
    book = PriceBook.from_price_list([page(rows)])
    assert [(price.key, str(price.usd)) for price in book] == [
        ("sagemaker.hosting.ml.g5.48xlarge", "21"),
        ("sagemaker.training.ml.g5.48xlarge", "20.36"),
    ]


def test_rows_of_other_meters_are_passed_over():
    """A disk, a reserved training plan, an Outpost and a model of another house do not reach the book."""
    rows = [
        row("CAN1-EBS:VolumeUsage.piops", "GB-Mo", "0.1380000000", service="AmazonEC2"),
        row("USE1-Train:ml.p5.48xlarge-trainingplanunused", "Hrs", "0", component="Training"),
        row("USE1-NovaMicro-input-tokens", "1K tokens", "9", locationType="AWS Outposts"),
        row("USE1-NovaMicro-RFT-Training-Hours", "furlong", "9"),
        row("USE1-TitanTextG1-input-tokens", "1K tokens", "9"),
    ]
    assert len(PriceBook.from_price_list([page(rows)])) == 0
    assert key_of("nonsense") is None


def test_the_same_price_twice_is_one():
    """Two SKUs of one meter with one price are merged."""
    twice = [row("USE1-NovaMicro-input-tokens", "1K tokens", "0.1", sku=sku) for sku in ("A", "B")]
    assert len(PriceBook.from_price_list([page(twice)])) == 1


def _without_terms() -> dict[str, Any]:
    empty = copy.deepcopy(ROWS[0])
    empty["terms"] = {}
    return empty


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([page([row("USE1-NovaMicro-input-tokens", "bag", "1")])], "the unit 'bag' is not known"),
        ([page([row("USE1-NovaMicro-input-tokens", "Hrs", "1")])], "the unit 'hour' is not known"),
        (
            [page([row("USE1-NovaMicro-input-tokens", "1K tokens", usd, sku=f"S{usd}") for usd in ("1", "2")])],
            r"two prices for USE1-NovaMicro-input-tokens in us-east-1: .*SKU S1.*SKU S2",
        ),
        ([page([row("CNN1-NovaMicro-input-tokens", "1K tokens", "1", currency="CNY")])], "priced in CNY, not in USD"),
        ([page(ROWS[:2], "next")], "page 1 names a next page, which is missing"),
        ([page(ROWS[:2]), {"FormatVersion": "aws_v1"}], "page 2 has no PriceList"),
        ([page([_without_terms()])], "has 0 prices instead of one"),
        ([page([row("USE1-Train:ml.g5.xlarge", "1K tokens", "1")])], "sold by instance-hours, not by '1K tokens'"),
    ],
)
def test_what_is_doubtful_in_the_list_is_refused(pages, words):
    """An unknown unit, two prices, another currency, a missing page, no price: each its own sentence."""
    with pytest.raises(SourceError, match=words):
        PriceBook.from_price_list(pages)


# ---- refresh


def client() -> Any:
    return boto3.client("pricing", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


META = {"ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RequestId": "r"}}


def asked(service, filters, token=None) -> dict[str, Any]:
    wanted = [{"Type": kind, "Field": name, "Value": value} for name, value, kind in filters]
    request: dict[str, Any] = {"ServiceCode": service, "Filters": wanted, "MaxResults": 100}
    return {**request, "NextToken": token} if token else request


PLACE = ("regionCode", "us-east-1", "TERM_MATCH")
SMALL = PriceBook(prices=[BOOK.get(TRAINING, "us-east-1")], as_of="2026-08-01")


def test_refresh_reads_all_pages_and_changes_nothing_else():
    """Bedrock's pages and each instance's row are asked for in us-east-1; prices that the list lacks stay."""
    pricing = client()
    nova = ("usagetype", "Nova", "CONTAINS")
    machine = [PLACE, ("component", "Training", "TERM_MATCH"), ("instanceName", "ml.g5.48xlarge", "TERM_MATCH")]
    dearer = [row("USE1-NovaMicro-Customization-Training", "1K tokens", "0.0011000000")]
    book = SMALL.override({"s3.standard.put": "0.005"}, source="x")
    with Stubber(pricing) as stub:
        stub.add_response("get_products", {**page(ROWS[1:2], "two"), **META}, asked("AmazonBedrock", [PLACE, nova]))
        stub.add_response("get_products", {**page(dearer), **META}, asked("AmazonBedrock", [PLACE, nova], "two"))
        rows = [instance("ml.g5.48xlarge", "20.3600000000")]
        stub.add_response("get_products", {**page(rows), **META}, asked("AmazonSageMaker", machine))
        fresh = book.refresh(client=pricing, instances=["ml.g5.48xlarge"])
        stub.assert_no_pending_responses()
    assert len(fresh) == 4
    assert fresh.as_of == "2026-09-01"
    assert [str(change) for change in book.diff(fresh)] == [
        "bedrock.nova-micro.customization.storage (us-east-1): no price -> $1.95 / model-month",
        f"{TRAINING} (us-east-1): $0.001 / 1K tokens -> $0.0011 / 1K tokens (+10.0 %)",
        "sagemaker.training.ml.g5.48xlarge (us-east-1): no price -> $20.36 / instance-hour",
    ]


def test_an_instance_has_exactly_one_row():
    """None and two rows for training on an instance are refused."""
    pricing = client()
    with Stubber(pricing) as stub:
        stub.add_response("get_products", {**page(ROWS[:1]), **META})
        stub.add_response("get_products", {**page([]), **META})
        with pytest.raises(SourceError, match=r"0 rows for training on ml\.p9\.huge in us-east-1 instead of one"):
            SMALL.refresh(client=pricing, instances=["ml.p9.huge"])


def test_a_repeated_page_is_a_missing_page():
    """A token that comes back would be read for ever; it is refused."""
    pricing = client()
    with Stubber(pricing) as stub:
        for _ in range(2):
            stub.add_response("get_products", {**page(ROWS[:1], "same"), **META})
        with pytest.raises(SourceError, match="repeats a page"):
            SMALL.refresh(client=pricing)


def test_a_refused_call_is_a_typed_error():
    """Without pricing:GetProducts the reader learns which call was denied."""
    pricing = client()
    with Stubber(pricing) as stub:
        stub.add_client_error("get_products", "AccessDeniedException", "no", 403)
        with pytest.raises(AccessDenied, match="GetProducts"):
            SMALL.refresh(client=pricing)


def test_the_price_list_is_asked_in_us_east_1_whatever_the_session():
    """The API lives in three regions; the session's own is not used, and no session is made up."""
    opened = []

    class Session:
        def client(self, name, **options):
            opened.append((name, options))
            raise ConfigurationError("enough seen")

    with pytest.raises(ConfigurationError, match="enough seen"):
        SMALL.refresh(Session())
    assert opened == [("pricing", {"region_name": "us-east-1"})]
    with pytest.raises(ConfigurationError, match="give session="):
        SMALL.refresh()


# ---- age and difference


def test_old_prices_are_named():
    """A price is stale after 90 days or without a date; estimates say which, and which are of low confidence."""
    day = date(2026, 11, 21)
    price = BOOK.get("bedrock.nova-micro.base.batch.input", "us-east-1")
    assert price.is_stale(day)
    assert not BOOK.get(TRAINING, "us-east-1").is_stale(day)
    assert price in BOOK.stale(day)
    assert BOOK.stale(date(2025, 7, 21)) == ()
    costs = CostModel(BOOK.override({TRAINING: "1"}, source="x"), allow_low=True)
    old, low = (costs.training(tokens=1, model="nova-micro") + costs.provisioned("nova-micro")).warnings(day)
    assert f"{TRAINING} (undated)" in old
    assert low == "prices of low confidence: bedrock.nova-micro.provisioned.no-commit"
    fresh = BOOK.override({TRAINING: "1"}, source="x", date=str(datetime.now(UTC).date()))
    assert CostModel(fresh).training(tokens=1, model="nova-micro").lines[0].price.is_stale() is False
    assert CostModel().training(tokens=1, model="nova-micro").warnings(day, max_age_days=10**6) == ()


def test_a_difference_is_one_of_money():
    """Another source or spelling of one price is no change, and a price of zero has no per cent."""
    same = BOOK.override({TRAINING: "0.00100"}, source="elsewhere")
    assert BOOK.diff(same) == ()
    gone = PriceBook(prices=[price for price in BOOK if price.key != TRAINING], as_of=BOOK.as_of)
    (change,) = BOOK.diff(gone)
    assert change.percent is None
    assert str(change).endswith("-> no price")
    assert PriceChange.from_dict(json.loads(json.dumps(change.to_dict()))) == change
    free = BOOK.override({TRAINING: 0}, source="x")
    assert free.diff(BOOK)[0].percent is None
    assert BOOK.diff(free)[0].percent == -100


def test_rows_of_the_reference_are_shipped_and_guesses_are_not():
    """The book has hosting, EC2 as a comparison and Cost Explorer; it has no training price of Lite or Pro."""
    assert BOOK.get("sagemaker.hosting.ml.g5.xlarge", "us-east-1").usd == Decimal("1.408")
    assert BOOK.get("ce.api.request", "global").usd == Decimal("0.01")
    keys = {price.key for price in BOOK}
    assert "bedrock.nova-lite.customization.training" not in keys
    assert "bedrock.nova-pro.customization.training" not in keys
    assert not [key for key in keys if "p5en" in key or key.startswith("cloudwatch")]
