"""Worked cases of what AWS bills, exact to the last digit, in Decimal."""

from __future__ import annotations

import functools
from decimal import Decimal

import pytest

from nova_tune import CostEstimate, CostModel, PriceBook
from nova_tune.costs import (
    Actual,
    ActualLine,
    Option,
    break_even,
    payback_months,
    reconcile,
    sensitivity,
)

BOOK = PriceBook.shipped()
COSTS = CostModel(BOOK)
TRAINING = "bedrock.nova-micro.customization.training"


def usd(text):
    return Decimal(text)


def training(model="nova-micro", tokens=1_600_000, epochs=5, **options):
    return COSTS.training(tokens=tokens, model=model, epochs=epochs, **options)


def month(model="nova-micro", input_tokens=800, output_tokens=60, requests=22_000, **options):
    return COSTS.monthly(model, requests=requests, input_tokens=input_tokens, output_tokens=output_tokens, **options)


def amounts(estimate):
    return [line.amount.expected for line in estimate.lines]


def option(model="nova-micro", input_tokens=800, **options):
    return Option.on_demand(COSTS, model, input_tokens=input_tokens, output_tokens=60, **options)


def test_g1_training_by_tokens_and_epochs():
    """2,000 x 800 tokens x 5 epochs are 8,000,000 tokens and 8.00."""
    estimate = training()
    assert estimate.lines[0].quantity.expected == 8_000_000
    assert estimate.total() == usd("8.000")
    assert isinstance(estimate.total(), Decimal)


def test_g2_a_month_of_answers_and_its_storage():
    """22,000 requests of 800 and 60 tokens are 0.616 + 0.1848 = 0.8008, and 2.7508 with one model kept."""
    assert amounts(month()) == [usd("0.616"), usd("0.1848"), usd("1.95")]
    assert month(models_stored=0).total() == usd("0.8008")
    assert month().total() == usd("2.7508")
    assert "$2.75" in str(month())
    assert month(models_stored=0).to_dict()["monthly"]["expected"] == "0.8008"


def test_g3_an_instance_costs_sagemakers_rate_and_ec2s_only_as_a_comparison():
    """Four hours of ml.g5.48xlarge are 81.44; the 16.288 of EC2 stands in a note that says so."""
    estimate = COSTS.sagemaker_training("ml.g5.48xlarge", hours=4)
    assert estimate.total() == usd("81.44")
    assert "EC2 asks $16.288 / instance-hour, which is not what SageMaker bills" in estimate.lines[0].note
    assert BOOK.get("ec2.on-demand.g5.48xlarge", "us-east-1").usd * 4 == usd("65.152")
    assert estimate.total() - usd("65.152") == usd("16.288")


def test_g4_the_first_year():
    """8.00 once and twelve months of 2.7508 are 41.0096."""
    assert (training() + month(models_stored=0)).total(months=12) == usd("41.0096")


@pytest.mark.parametrize(("tokens", "expected"), [(900, "13.50"), (450, "6.75")])
def test_g5_a_run_has_no_base_fee(tokens, expected):
    """5,000 examples x 3 epochs cost 13.50 at 900 tokens and 6.75 at 450: tokens alone, at the rate of the model."""
    assert training(tokens=tokens * 5_000, epochs=3).total() == usd(expected)


def test_g6_a_bill_read_back_to_tokens():
    """2.18 bought 2,180,000 token-epochs, 145.33 tokens for each of 5,000 examples in 3 epochs."""
    bought = BOOK.get(TRAINING, "us-east-1").buys("2.18")
    assert bought == 2_180_000
    assert round(bought / 15_000, 2) == usd("145.33")


def test_g7_what_shorter_answers_save():
    """40 % off answers of 300 tokens saves 16.80 in a million calls; 64 would take 457.14 tokens off each."""
    before, after = (month(requests=1_000_000, output_tokens=tokens, models_stored=0).total() for tokens in (300, 180))
    assert before - after == usd("16.80")
    each = BOOK.get("bedrock.nova-micro.custom.on-demand.output", "us-east-1").buys(64) / 1_000_000
    assert round(each, 2) == usd("457.14")
    assert round(each / usd("0.4"), 2) == usd("1142.86")


@pytest.mark.parametrize(
    ("tokens", "epochs", "expected"),
    [(25_924, 2, "0.19598544"), (74_766, 1, "0.28261548"), (74_766, 2, "0.56523096"), (74_766, 5, "1.4130774")],
)
def test_g8_g9_nova_2_lite_training(tokens, epochs, expected):
    """Nova 2 Lite trains at 0.00378 per 1,000 tokens."""
    assert training("nova-2-lite", tokens=tokens, epochs=epochs).total() == usd(expected)


def test_g10_custom_regional_and_global_are_three_meters():
    """Nova 2 Lite: 8.58 tuned, 9.438 in the region and by the us. profile, 8.58 by the global. profile."""
    assert amounts(month("nova-2-lite", models_stored=0)) == [usd("5.28"), usd("3.30")]
    assert amounts(month("nova-2-lite", custom=False)) == [usd("5.808"), usd("3.63")]
    assert month("us.amazon.nova-2-lite-v1:0", custom=False).total() == usd("9.438")
    everywhere = month("global.amazon.nova-2-lite-v1:0", custom=False)
    assert everywhere.total() == usd("8.58")
    assert everywhere.lines[0].key == "bedrock.nova-2-lite.base.global-profile.input"


@pytest.mark.parametrize(("units", "hours", "expected"), [(1, 730, "44165"), (3, 48, "8712"), (3, 720, "130680")])
def test_g11_provisioned_throughput_is_units_times_hours(units, hours, expected):
    """One model unit without commitment at 60.50 is 44,165.00 a month."""
    assert COSTS.provisioned("nova-2-lite", units=units, hours=hours).total() == usd(expected)


def test_g12_provisioned_throughput_never_pays_by_volume():
    """It would take 1,213,324,176 requests a month; the default quota serves 87,600,000, which is 3,188.64."""
    low = CostModel(BOOK, allow_low=True)
    provisioned = Option(name="provisioned", fixed=low.provisioned("nova-micro"))
    on_demand = Option(name="on demand", per_request=option().per_request, limit=option().limit)
    found = break_even(provisioned, on_demand)
    assert found.requests == 1_213_324_176
    assert found.beyond_quota
    assert found.limit == 87_600_000
    assert on_demand.month(found.limit).expected == usd("3188.64")
    assert "traffic is no reason for it" in str(found)


def test_g13_an_endpoint_of_your_own():
    """ml.g5.xlarge at 1,027.84 a month breaks even at 28,183,792 requests."""
    endpoint = Option(name="endpoint", fixed=COSTS.endpoint("ml.g5.xlarge"))
    assert endpoint.fixed.total() == usd("1027.84")
    assert break_even(endpoint, option()).requests == 28_183_792


def test_g14_a_tuned_small_model_against_a_big_one():
    """Micro tuned against Pro: 15.5532 saved a month, 8.00 back in 0.514 months, from 2,451 requests a month."""
    tuned, pro = option(training=training()), option("nova-pro", custom=False)
    assert pro.month(22_000).expected == usd("18.304")
    assert pro.month(22_000).expected - tuned.month(22_000).expected == usd("15.5532")
    assert round(payback_months(tuned, pro, requests=22_000), 5) == usd("0.51436")
    assert break_even(tuned, pro).requests == 2_451


def test_g15_dropping_examples_from_a_prompt_rarely_pays():
    """900 tokens less: 1.257 dearer at 22,000 requests; from 61,905, or 83,069 with the training over a year."""
    tuned, long = option(training=training()), option(input_tokens=1_700, custom=False)
    assert long.month(22_000).expected == usd("1.4938")
    assert tuned.month(22_000).expected - long.month(22_000).expected == usd("1.257")
    assert break_even(tuned, long).requests == 61_905
    assert break_even(tuned, long, horizon_months=12).requests == 83_069


def test_g16_a_prompt_cache_is_cheaper_still():
    """The same 900 tokens from the cache: 0.17325 + 0.616 + 0.1848 = 0.97405."""
    cached = month(input_tokens=1_700, custom=False, cached_tokens=900)
    assert amounts(cached) == [usd("0.17325"), usd("0.616"), usd("0.1848")]
    assert cached.total() == usd("0.97405")


def test_g17_batch_is_half_and_for_base_models_alone():
    """Batch costs 0.308 + 0.0924; a tuned model in batch is refused."""
    assert amounts(month(custom=False, tier="batch")) == [usd("0.308"), usd("0.0924")]
    with pytest.raises(ValueError, match="a tuned nova-micro has no price for the tier 'batch'"):
        month(tier="batch")


@pytest.mark.parametrize(
    ("judge", "parts", "total"),
    [("nova-pro", ["0.192", "0.0256"], "0.23216"), ("claude-sonnet-4-5.global", ["0.72", "0.12"], "0.85456")],
)
def test_g18_an_evaluation(judge, parts, total):
    """200 samples on two arms: 2 x 0.00728 to answer, 0.2176 or 0.84 to judge; retries in the high bound alone."""
    estimate = COSTS.evaluation(
        examples=200,
        arms=[("nova-micro", "base"), ("nova-micro", "custom")],
        judge=judge,
        input_tokens=800,
        output_tokens=60,
        judge_input_tokens=600,
        judge_output_tokens=20,
    )
    assert amounts(estimate)[-2:] == [usd(part) for part in parts]
    assert estimate.total() == usd(total)
    assert estimate.once.high == usd(total) * usd("1.05")


def test_g19_billable_seconds_are_multiplied_before_they_are_divided():
    """14,523 s on two ml.p5.48xlarge are 510.69."""
    west = CostModel(BOOK, "us-west-2").sagemaker_training("ml.p5.48xlarge", seconds=14_523, count=2)
    assert round(west.total(), 8) == usd("510.69322667")
    assert "= $510.69" in str(west)


def test_g20_a_slower_instance_may_be_cheaper():
    """Nine hours of ml.g5.12xlarge cost 63.81, and 11.4866 hours as much as four of ml.g5.48xlarge."""
    assert COSTS.sagemaker_training("ml.g5.12xlarge", hours=9).total() == usd("63.81")
    hours = BOOK.get("sagemaker.training.ml.g5.12xlarge", "us-east-1").buys("81.44")
    assert round(hours, 4) == usd("11.4866")


def test_g21_iterations_add_up():
    """Four runs of 8.00 with their four models kept three months are 55.40, however the four are written."""
    assert training(runs=4).total(months=3) == usd("55.40")
    assert training() * 4 == 4 * training() == training(runs=4)


def test_g22_tax_is_a_line_of_its_own():
    """2.7508 with 10 % tax is 3.02588."""
    taxed = month().with_tax("0.10")
    assert taxed.lines[-1].name == "tax"
    assert taxed.total() == usd("3.02588")
    assert "= $3.03" in str(taxed)


def test_g23_a_forecast_with_growth():
    """Twelve months at 10 % growth: 17.124534440781768 of answers, 48.524534440781768 in all."""
    months = (training() + month(models_stored=0)).forecast(12, "0.10")
    assert sum(cost.expected for cost in months) == usd("48.524534440781768")
    answers = month(models_stored=0).forecast(12, growth="0.10")
    assert sum(cost.expected for cost in answers) == usd("17.124534440781768")


def used(key, quantity, cost=None):
    return ActualLine(key=key, region="us-east-1", quantity=quantity, unit="tokens", cost_usd=cost, source="CloudWatch")


INPUT, OUTPUT = "bedrock.nova-micro.custom.on-demand.input", "bedrock.nova-micro.custom.on-demand.output"


def test_g24_actual_against_estimate():
    """15,432,109 and 1,498,765 tokens are 0.749950915: 0.050849085 or 6.35 % less, all of it volume."""
    actual = Actual(lines=[used(INPUT, 15_432_109), used(OUTPUT, 1_498_765)])
    found = reconcile(month(models_stored=0), actual)
    assert found.actual == usd("0.749950915")
    assert found.difference == found.volume == usd("-0.050849085")
    assert found.mix == found.price == 0
    assert round(found.percent, 2) == usd("-6.35")
    assert found.stale == ()


def test_g24_a_dearer_bill_for_the_same_tokens_is_the_price_book():
    """A cost 10 % higher at equal quantities is all price, and the report says that the book is out of date."""
    actual = Actual(lines=[used(INPUT, 17_600_000, "0.6776"), used(OUTPUT, 1_320_000, "0.20328")])
    found = reconcile(month(models_stored=0), actual)
    assert found.volume == found.mix == 0
    assert found.price == usd("0.08008")
    assert found.stale == (INPUT, OUTPUT)
    assert "the price book is out of date" in str(found)


def test_g25_what_moves_the_month_most():
    """At +-20 % requests move it by 0.16016, input tokens by 0.1232, output tokens by 0.03696, in this order."""
    swings = sensitivity(
        functools.partial(COSTS.monthly, "nova-micro", models_stored=0),
        {"output_tokens": 60, "requests": 22_000, "input_tokens": 800},
    )
    assert [(swing.name, str(swing.change)) for swing in swings] == [
        ("requests", "0.16016"),
        ("input_tokens", "0.1232"),
        ("output_tokens", "0.03696"),
    ]
    assert str(swings[0]) == "requests: $0.6406 to $0.9610"


def test_a_sum_that_floats_get_wrong():
    """1,320,000 x 0.00000014 is 0.1848 and nothing behind it."""
    assert amounts(month(models_stored=0))[1] == usd("0.1848")
    assert str(amounts(month(models_stored=0))[1]) == "0.1848"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: BOOK.override({TRAINING: 0.001}, source="x"),
        lambda: COSTS.sagemaker_training("ml.g5.xlarge", hours=1.5),
        lambda: COSTS.sagemaker_training("ml.g5.xlarge", seconds=1.5),
        lambda: COSTS.sagemaker_training("ml.g5.xlarge", steps=3, seconds_per_step=1.5),
        lambda: COSTS.sagemaker_training("ml.g5.xlarge", hours=1, count=1.0),
        lambda: month(requests=1.0),
        lambda: month(cached_tokens=1.0, custom=False),
        lambda: month().with_tax(0.1),
        lambda: month().forecast(2, growth=0.1),
        lambda: month().total(months=1.0),
        lambda: month() * 1.5,
        lambda: month().check_budget(9.5),
        lambda: training(runs=1.0),
        lambda: COSTS.s3(gigabytes=0.5),
        lambda: COSTS.endpoint("ml.g5.xlarge", hours=730.0),
        lambda: COSTS.storage("nova-micro", 1.0),
        lambda: BOOK.get(TRAINING, "us-east-1").buys(2.18),
        lambda: break_even(option(), option(), horizon_months=12.0),
        lambda: used(INPUT, 1.0),
        lambda: used(INPUT, 1, 0.5),
        lambda: reconcile(CostEstimate(), Actual(), months=1.0),
    ],
)
def test_a_float_is_refused_everywhere(ask):
    """Binary fractions hold neither prices nor quantities: each is a TypeError."""
    with pytest.raises(TypeError):
        ask()
