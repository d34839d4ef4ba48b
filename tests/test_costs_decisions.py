"""Which way to serve and to train: break-evens, comparisons, the chart, what moves a price, and what is rented."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from decimal import Decimal

import pytest

from nova_tune import CostEstimate, CostModel, PriceBook
from nova_tune.costs import (
    CONTROLS,
    Bounds,
    BreakEven,
    CostComparison,
    Crossing,
    Option,
    Swing,
    TrainingPaths,
    break_even,
    compare,
    payback_months,
    sensitivity,
    training_paths,
)
from nova_tune.costs._chart import Track, cost_chart, short
from nova_tune.costs._meters import monthly_requests
from nova_tune.errors import BudgetExceeded, PlanError, PriceUnknown
from nova_tune.values import TokenEstimate

COSTS = CostModel(PriceBook.shipped())
TRAINING = COSTS.training(tokens=1_600_000, model="nova-micro", epochs=5)


def on_demand(model="nova-micro", input_tokens=800, output_tokens=60, **options):
    return Option.on_demand(COSTS, model, input_tokens=input_tokens, output_tokens=output_tokens, **options)


TUNED = on_demand(training=TRAINING)
PRO = on_demand("nova-pro", custom=False)
LONG = on_demand(input_tokens=1_700, custom=False, name="long prompt")
ENDPOINT = Option(name="endpoint", fixed=COSTS.endpoint("ml.g5.xlarge"))


# ---- break-even


def test_a_pair_that_never_crosses_says_so():
    """A tuned model that answers like its base costs its storage more at any traffic: never, not a negative number."""
    base = on_demand(custom=False)
    found = break_even(on_demand(), base)
    assert (found.verdict, found.requests) == ("never", None)
    assert str(found) == "tuned nova-micro is never cheaper than base nova-micro"
    assert break_even(base, on_demand()).verdict == "always"
    assert break_even(base, base).verdict == "never"
    assert str(Crossing(verdict="always")) == "always"


def test_a_cheaper_start_may_lose_at_more_traffic():
    """The crossing is a ceiling for the option without fixed costs: cheaper up to one request before the other."""
    found = break_even(PRO, on_demand())
    assert found.expected == Crossing(verdict="value", requests=2_450, side="below")
    assert str(found) == "base nova-pro is cheaper than tuned nova-micro up to 2,450 requests a month"


def test_shorter_answers_after_tuning_move_the_crossing():
    """Take output tokens of both from an evaluation: half the answer of a long one pays from 46,429 requests."""
    wordy = on_demand(output_tokens=600, custom=False)
    assert break_even(on_demand(output_tokens=300), wordy).requests == 46_429


def test_a_range_of_tokens_gives_a_range_of_crossings():
    """The best case holds our low bound against their high one, and the worst case the other way round."""
    rough = TokenEstimate(low=640, expected=800, high=1_000)
    found = break_even(on_demand(input_tokens=rough), on_demand("nova-pro", input_tokens=rough, custom=False))
    assert found.best.requests < found.expected.requests < found.worst.requests
    assert "(at best from 2,029 requests a month, at worst from 2,952 " in str(found)


def test_a_horizon_is_a_whole_number_of_months():
    """A horizon of none at all is refused."""
    with pytest.raises(ValueError, match="1 or more"):
        break_even(TUNED, PRO, horizon_months=0)


def test_a_break_even_that_needs_a_missing_price_is_unknown():
    """No break-even is guessed for Nova Lite, whose training price nobody gave."""
    lite = on_demand("nova-lite", training=COSTS.training(tokens=1, model="nova-lite"))
    assert break_even(lite, PRO).verdict == "value"
    with pytest.raises(PriceUnknown, match="nova-lite"):
        break_even(lite, PRO, horizon_months=12)


def test_payback_is_a_number_of_months_or_never():
    """Nothing to pay back is 0, and what saves nothing never pays."""
    assert payback_months(on_demand(), PRO, requests=22_000) == 0
    assert payback_months(TUNED, on_demand(custom=False), requests=22_000) is None


def test_the_quota_bounds_a_month():
    """2,000 requests a minute are 87,600,000 a month, and Pro has a tenth of it."""
    assert monthly_requests("nova-micro") == 87_600_000
    assert monthly_requests("nova-pro") == 8_760_000
    assert PRO.limit == 8_760_000
    assert on_demand(custom=False, tier="batch").limit is None


# ---- comparison, chart, sensitivity


def test_a_comparison_shows_what_each_costs_and_where_the_first_pays():
    """The table has the start, a month, the year and a thousand requests; the training is spread over the year."""
    found = compare([TUNED, PRO, LONG], requests=22_000)
    assert found.cheapest is LONG
    assert [row["total"].expected for row in found.rows()] == [
        Decimal("41.0096"),
        Decimal("219.648"),
        Decimal("17.9256"),
    ]
    head, tuned, *_, long = str(found).splitlines()
    assert head.split("  ")[-1] == "1,000 requests"
    assert tuned.split() == ["tuned", "nova-micro", "$8.00", "$2.75", "$41.01", "$0.0364"]
    assert long.startswith("tuned nova-micro is cheaper than long prompt from 83,069 requests a month, its start")
    assert CostComparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    even = found.break_evens()[0]
    assert BreakEven.from_dict(json.loads(json.dumps(even.to_dict()))) == even
    with pytest.raises(ValueError, match="nothing to compare"):
        compare([], requests=1)


def _marks(svg):
    return [node.text for node in ET.fromstring(svg).iter() if node.get("class") == "v"]


def test_the_chart_is_one_svg_with_a_line_for_each_option():
    """It parses, names every option, marks the crossings, and says the same in words."""
    svg = compare([TUNED, PRO, LONG], requests=22_000).chart(title="A & B")
    root = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == "A & B"
    assert "from 83,069 requests a month" in root.find(f"{space}desc").text
    texts = [node.text for node in root.iter(f"{space}text")]
    assert {"tuned nova-micro", "base nova-pro", "long prompt", "requests a month"} <= set(texts)
    assert _marks(svg) == ["3,289", "83,069"]
    assert len([node for node in root.iter(f"{space}line") if node.get("stroke-dasharray") is not None]) == 6


def test_the_chart_leaves_out_what_lies_beyond_its_axis_or_the_quota():
    """A crossing past the end is not marked; a cost far above the others is named, and does not press them flat."""
    assert _marks(compare([TUNED, LONG], requests=1).chart(most_requests=1_000)) == []
    provisioned = Option(name="p" * 60, fixed=CostModel(allow_low=True).provisioned("nova-micro"))
    far = compare([provisioned, on_demand()], requests=100).chart()
    assert _marks(far) == []
    assert "p" * 35 + "…: far above" in far
    assert far.count('<line class="l ') == 3
    assert _marks(compare([on_demand()], requests=0).chart()) == []
    assert _marks(compare([ENDPOINT, on_demand()], requests=5).chart(most_requests=28_200_000)) == ["28,183,792"]


def test_labels_close_together_are_stacked_and_axes_are_short():
    """Two marks side by side stand at two heights; thousands, millions and billions have a letter."""
    svg = cost_chart(
        [Track("a", Decimal(0), Decimal("0.004"))],
        end=100,
        marks=[(50, Decimal("0.001")), (51, Decimal("0.001"))],
        title="t",
        description="d",
    )
    heights = [node.get("y") for node in ET.fromstring(svg).iter() if node.get("class") == "v"]
    assert Decimal(heights[0]) - Decimal(heights[1]) == 15
    assert [short(Decimal(number)) for number in (2_000_000_000, 1_500, 7)] == ["2B", "1.5k", "7"]


def test_sensitivity_refuses_what_is_not_whole_and_travels():
    """Inputs are whole numbers, and a swing goes to JSON and back."""
    with pytest.raises(TypeError, match="requests"):
        sensitivity(lambda requests: CostEstimate(), {"requests": "5"})
    (swing,) = sensitivity(lambda models: COSTS.storage("nova-micro", models), {"models": 10}, change="0.5")
    assert (swing.low, swing.high, swing.change) == (Decimal("9.75"), Decimal("29.25"), Decimal("9.75"))
    assert Swing.from_dict(json.loads(json.dumps(swing.to_dict()))) == swing


# ---- Bedrock or SageMaker

SAGEMAKER = COSTS.sagemaker_training("ml.g5.48xlarge", hours=4)


def paths(model="nova-micro", records=2_000, bedrock=TRAINING, sagemaker=SAGEMAKER, **options):
    return training_paths(model, records=records, bedrock=bedrock, sagemaker=sagemaker, **options)


@pytest.mark.parametrize(
    ("options", "platform", "reason"),
    [
        ({}, "bedrock", "it costs at most $8.00, against $81.44"),
        ({"bedrock": TRAINING * 20}, "sagemaker", "it costs at most $81.44, against $160.00"),
        ({"records": 30_000}, "sagemaker", "30,000 records are more than the 20,000 that Bedrock takes"),
        ({"needs": ["dropout"]}, "sagemaker", "Bedrock does not set dropout"),
        ({"model": "nova-2-lite"}, "bedrock", "there is no recipe for Amazon Nova 2 Lite on SageMaker"),
        ({"model": "nova-2-lite", "needs": ["logs"]}, None, "Bedrock does not set logs"),
        ({"model": "nova-lite", "bedrock": COSTS.training(tokens=1, model="nova-lite")}, None, "the price decides"),
    ],
)
def test_a_path_is_chosen_by_what_is_possible_then_needed_then_paid(options, platform, reason):
    """The deciding reason comes first, and an unknown price decides nothing."""
    found = paths(**options)
    assert found.platform == platform
    assert found.reasons[0].startswith(reason)
    assert f"{platform or 'neither'}: " in str(found)
    assert TrainingPaths.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_the_path_table_has_price_control_and_quota():
    """Each row has both sides, and an unknown price is called unknown."""
    rows = {row.aspect: (row.bedrock, row.sagemaker) for row in paths().rows}
    assert rows["price"] == ("$8.00", "$81.44")
    assert rows["records"] == ("up to 20,000", "AWS sizes recipes for 100,000")
    assert "often 0" in rows["quota to ask for"][1]
    assert all(control in rows["settings"][1] for control in CONTROLS)
    lite = paths("nova-lite", bedrock=COSTS.training(tokens=1, model="nova-lite"))
    assert lite.rows[0].bedrock == "unknown"
    with pytest.raises(ValueError, match="there is no control 'rank'"):
        paths(needs=["rank"])


# ---- what is rented


def test_sagemaker_time_is_measured_or_bounded_but_never_predicted():
    """Steps with measured seconds are a figure; nothing known is at most the stopping condition."""
    steps = COSTS.sagemaker_training("ml.g5.12xlarge", steps=626, seconds_per_step="23", count=2, model="nova-micro")
    assert steps.lines[0].quantity == Bounds.of(626 * 23 * 2)
    assert steps.lines[0].basis == "measured"
    assert steps.monthly == Bounds.of("1.95")
    unknown = COSTS.sagemaker_training("ml.g5.48xlarge", max_runtime_seconds=36_000)
    assert unknown.once == Bounds(low=0, expected="203.6", high="203.6")
    assert "at most 36,000 instance-seconds" in str(unknown)
    assert "= at most $203.60" in str(unknown)
    assert COSTS.sagemaker_training("ml.g5.48xlarge").total() == Decimal("488.64")


@pytest.mark.parametrize("options", [{"hours": 1, "seconds": 1}, {"steps": 1}, {"hours": 1, "steps": 1}])
def test_sagemaker_time_is_given_once_and_whole(options):
    """Two times, or steps without their seconds, are a TypeError."""
    with pytest.raises(TypeError, match="takes hours="):
        COSTS.sagemaker_training("ml.g5.48xlarge", **options)


def test_an_instance_without_a_price_is_unknown():
    """No rate is made up from EC2's or from another instance's."""
    with pytest.raises(PriceUnknown, match=r"ml\.p5en\.48xlarge"):
        COSTS.sagemaker_training("ml.p5en.48xlarge", hours=1).total()


def test_s3_is_storage_every_month_and_requests_once():
    """0.5 GB are 0.0115 a month; a thousand of each request 0.0054."""
    estimate = COSTS.s3(gigabytes="0.5", puts=1_000, gets=1_000)
    assert estimate.monthly == Bounds.of("0.0115")
    assert estimate.total() == Decimal("0.0054")
    assert len(COSTS.s3(gigabytes=1).lines) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tier": "warm"}, "tier is 'warm'; it takes on-demand, batch"),
        ({"tier": "flex"}, "the tier 'flex'"),
        ({"cached_tokens": 5}, "a prompt cache"),
        ({"model": "global.amazon.nova-2-lite-v1:0"}, "no price for a profile"),
        ({"model": "global.amazon.nova-2-lite-v1:0", "custom": False, "tier": "batch"}, "of a global profile"),
        ({"custom": False, "cached_tokens": 900}, "900 cached tokens are not a part of 800 input tokens"),
        ({"custom": False, "cached_tokens": 1, "input_tokens": TokenEstimate(low=1, expected=1, high=1)}, "not a part"),
    ],
)
def test_what_aws_does_not_sell_has_no_price(options, words):
    """Tiers, caches and profiles of tuned models are refused, not priced as the base model's."""
    given = {"model": "nova-micro", "requests": 1, "input_tokens": 800, "output_tokens": 60, **options}
    with pytest.raises(ValueError, match=words):
        COSTS.monthly(given.pop("model"), **given)


def test_an_arn_is_never_priced_by_guess():
    """A deployment's ARN does not say which model it is; it is refused with the names that do."""
    with pytest.raises(PlanError, match="there is no model"):
        COSTS.monthly(
            "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl",
            requests=1,
            input_tokens=1,
            output_tokens=1,
        )


def test_part_of_a_month_is_prorated_low_and_whole_high():
    """AWS does not say whether storage is billed by the day: half a month is half the price, and a whole one high."""
    assert COSTS.storage("nova-micro").bounds("0.5") == Bounds(low="0.975", expected="0.975", high="1.95")
    assert COSTS.storage("nova-micro", 2).bounds(2) == Bounds.of("7.80")


def test_a_budget_is_held_against_the_high_bound():
    """The error has low, expected and high; an estimate within the budget is handed back."""
    rough = COSTS.training(tokens=TokenEstimate(low=800, expected=1_000, high=9_000_000), model="nova-micro", epochs=1)
    assert rough.check_budget("9") is rough
    with pytest.raises(BudgetExceeded, match=r"up to \$9.00 \(\$0.0008 - \$0.0010 - \$9.00\), above .*\$8.99"):
        rough.check_budget("8.99")
    with pytest.raises(BudgetExceeded, match="up to"):
        rough.check_budget(10, months=1)


def test_a_tax_on_nothing_is_no_line():
    """An empty estimate, and one without a single known price, get no tax line."""
    assert CostEstimate().with_tax("0.1") == CostEstimate()
