"""What holds of every estimate, whatever its inputs."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nova_tune import CostEstimate, CostModel
from nova_tune.costs import Actual, ActualLine, Option, TokenEstimator, break_even, payback_months, reconcile

COSTS = CostModel()
MODELS = ("nova-micro", "nova-lite", "nova-pro", "nova-2-lite")
TRAINED = ("nova-micro", "nova-2-lite")
INSTANCES = ("ml.g5.xlarge", "ml.g5.12xlarge", "ml.g5.48xlarge", "ml.g6.48xlarge")

counts = st.integers(0, 10**7)
small = st.integers(0, 10**4)
hours = st.decimals(0, 1000, places=3)


@st.composite
def estimates(draw: st.DrawFn) -> CostEstimate:
    kind = draw(st.integers(0, 5))
    if kind == 0:
        tokens, epochs = draw(counts), draw(st.integers(1, 5))
        return COSTS.training(tokens=tokens, model=draw(st.sampled_from(TRAINED)), epochs=epochs)
    if kind == 1:
        model, custom = draw(st.sampled_from(MODELS)), draw(st.booleans())
        sides = {"input_tokens": draw(small), "output_tokens": draw(small)}
        return COSTS.monthly(model, requests=draw(counts), custom=custom, models_stored=draw(small), **sides)
    if kind == 2:
        arms = [(model, "base") for model in draw(st.lists(st.sampled_from(MODELS), max_size=3))]
        sides = {"input_tokens": draw(small), "output_tokens": draw(small), "judge_input_tokens": draw(small)}
        return COSTS.evaluation(examples=draw(small), arms=arms, judge="nova-pro", **sides)
    if kind == 3:
        return COSTS.sagemaker_training(
            draw(st.sampled_from(INSTANCES)), hours=draw(hours), count=draw(st.integers(1, 8))
        )
    if kind == 4:
        return COSTS.s3(gigabytes=draw(hours), puts=draw(small), gets=draw(small))
    return COSTS.endpoint("ml.g5.xlarge", hours=draw(hours)).with_tax(draw(st.decimals(0, 1, places=2)))


@given(estimates(), estimates(), st.integers(0, 60), st.integers(0, 60))
def test_costs_add_over_estimates_and_months(one, other, first, second):
    """Two estimates cost what both cost, and so many months twice what they cost apart."""
    both = one + other
    assert both.bounds(first) == one.bounds(first) + other.bounds(first)
    assert both.bounds(first + second) + both.once == both.bounds(first) + both.bounds(second)


@given(estimates(), st.integers(0, 9))
def test_times_are_sums(estimate, times):
    """So many times an estimate is that many added, in cost."""
    assert (estimate * times).bounds(1) == sum([estimate] * times, CostEstimate()).bounds(1)


@given(estimates(), st.decimals(0, 99, places=2))
def test_bounds_are_in_order_and_never_negative(estimate, months):
    """0 <= low <= expected <= high for any span, and a part of a month costs no less than nothing of it."""
    found = estimate.bounds(months)
    assert 0 <= found.low <= found.expected <= found.high
    assert found.low >= estimate.once.low


@given(estimates())
def test_json_keeps_an_estimate_exactly(estimate):
    """An estimate read back from JSON is equal, amounts to the last digit."""
    again = CostEstimate.from_dict(json.loads(json.dumps(estimate.to_dict())))
    assert again == estimate
    assert again.bounds(12) == estimate.bounds(12)


@given(estimates(), st.integers(1, 24), st.decimals(0, 1, places=2))
def test_a_forecast_begins_with_the_first_month_and_never_falls(estimate, months, growth):
    """Without growth every month costs the same; with growth no month costs less than the one before."""
    flat = estimate.forecast(months)
    assert flat[0] == estimate.bounds(1)
    assert all(cost == estimate.monthly for cost in flat[1:])
    growing = [cost.expected for cost in estimate.forecast(months, growth)][1:]
    assert growing == sorted(growing)


@given(st.sampled_from(INSTANCES), hours, hours, st.integers(1, 8))
def test_instances_cost_more_the_longer_and_the_more_they_are(instance, span, more, machines):
    """More hours or more machines never cost less, and an hour is 3,600 seconds."""
    cost = COSTS.sagemaker_training(instance, hours=span, count=machines).total()
    assert COSTS.sagemaker_training(instance, hours=span + more, count=machines).total() >= cost
    assert COSTS.sagemaker_training(instance, hours=span, count=machines + 1).total() >= cost
    assert COSTS.sagemaker_training(instance, seconds=span * 3_600, count=machines).total() == cost


options = st.builds(
    lambda model, custom, tokens, machines: Option(
        name="o",
        fixed=COSTS.endpoint("ml.g5.xlarge", count=machines),
        per_request=COSTS.monthly(
            model, requests=1, input_tokens=tokens, output_tokens=tokens, custom=custom, models_stored=0
        ),
    ),
    st.sampled_from(MODELS),
    st.booleans(),
    st.integers(0, 5_000),
    st.integers(0, 3),
)


@given(options, options)
def test_a_break_even_is_where_the_cheaper_one_changes(one, other):
    """At the crossing the candidate is not dearer, and one request before it, it is not cheaper."""
    found = break_even(one, other).expected

    def gap(requests):
        return one.month(requests).expected - other.month(requests).expected

    if found.verdict == "always":
        assert gap(0) <= 0
        assert gap(10**9) <= 0
    elif found.verdict == "never":
        assert gap(0) >= 0
        assert gap(10**9) >= 0
    elif found.side == "above":
        assert gap(found.requests) <= 0 <= gap(found.requests - 1)
    else:
        assert gap(found.requests) <= 0 <= gap(found.requests + 1)
    assert payback_months(one, other, requests=1) in {None, Decimal(0)}


@given(st.lists(st.tuples(st.sampled_from(MODELS), counts, st.none() | st.decimals(0, 10**4, places=4)), max_size=6))
def test_a_reconciliation_explains_the_whole_difference(rows):
    """Volume, mix and price add up to actual less estimated, to far below a millionth of a cent."""
    estimate = sum(
        (COSTS.monthly(model, requests=100, input_tokens=900, output_tokens=9, models_stored=0) for model in MODELS),
        CostEstimate(),
    )
    lines = [
        ActualLine(
            key=f"bedrock.{model}.custom.on-demand.input",
            region="us-east-1",
            quantity=tokens,
            unit="tokens",
            cost_usd=cost,
            source="x",
        )
        for model, tokens, cost in rows
    ]
    rates = {line.key: line.price.usd / 1000 for line in estimate.lines}
    paid = sum(
        (line.quantity * rates[line.key] if line.cost_usd is None else line.cost_usd for line in lines), Decimal(0)
    )
    found = reconcile(estimate, Actual(lines=lines))
    assert abs(found.actual - paid) < Decimal("1e-12")
    assert abs(found.volume + found.mix + found.price - found.difference) < Decimal("1e-60")
    assert abs(found.mix) < Decimal("1e-60") or len(found.lines) > 1


@given(st.lists(st.text(max_size=40), max_size=30), st.text(max_size=40))
def test_more_rows_are_never_fewer_tokens(rows, more):
    """The heuristic grows with the data, and its bounds are in order."""
    estimate = TokenEstimator().estimate(rows)
    assert 0 <= estimate.low <= estimate.expected <= estimate.high
    assert TokenEstimator().estimate([*rows, more]).expected >= estimate.expected
