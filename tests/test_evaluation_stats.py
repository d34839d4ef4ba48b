"""The statistics, against scipy and numpy as oracles."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as oracle

from nova_tune.evaluation import Interval, mean, paired_bootstrap, quantile, quantile_interval, ratio_bootstrap, wilson
from nova_tune.evaluation._stats import _tail_count

FINITE = st.floats(-1e6, 1e6)


@given(st.lists(FINITE, min_size=1, max_size=50))
def test_mean_is_numpys(values):
    """The mean equals numpy's."""
    assert mean(values) == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)


def test_nothing_has_no_statistic():
    """Nothing has no mean, no quantile and no bootstrap: an error, never a zero."""
    for function in (lambda: mean([]), lambda: quantile([], 0.5), lambda: paired_bootstrap([], [])):
        with pytest.raises(ValueError, match=r"no values|nothing"):
            function()


@given(st.lists(FINITE, min_size=1, max_size=60), st.floats(0, 1))
def test_quantile_is_numpys_default(values, p):
    """A quantile is interpolated as numpy does by default."""
    assert quantile(values, p) == pytest.approx(float(np.quantile(values, p)), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(("p", "least"), [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368)])
def test_a_percentile_has_an_interval_from_its_least_sample_on(p, least):
    """The 95 % interval exists from n = 6, 36, 72 and 368 on, and not one call earlier."""
    assert quantile_interval(list(range(least - 1)), p) is None
    assert quantile_interval(list(range(least)), p) is not None


def test_ranks_of_fifty_calls():
    """With 50 calls the median lies between ranks 18 and 33, the 90th percentile between 41 and 50."""
    ranks = [float(rank) for rank in range(1, 51)]
    assert quantile_interval(ranks, 0.5) == Interval(25.5, 18.0, 33.0)
    assert quantile_interval(ranks, 0.9) == Interval(pytest.approx(45.1), 41.0, 50.0)
    assert quantile_interval(ranks, 0.95) is None


@given(st.integers(1, 400), st.floats(0.01, 0.99), st.floats(0.001, 0.2))
@settings(max_examples=60)
def test_ranks_are_those_of_the_binomial(n, p, tail):
    """A rank is the largest whose binomial tail stays within bounds, by scipy's binomial."""
    k = _tail_count(n, p, tail)
    assert k == 0 or oracle.binom.cdf(k - 1, n, p) <= tail * (1 + 1e-9)
    assert k == n or oracle.binom.cdf(k, n, p) > tail * (1 - 1e-9)


def test_a_rank_never_exceeds_the_sample():
    """When even the whole sample stays within the tail, the rank is the last one."""
    assert _tail_count(3, 0.5, 1.1) == 3


@given(st.integers(1, 2_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(share):
    """Wilson's interval equals scipy's to 1e-9."""
    successes, n = share
    ours, theirs = wilson(successes, n), oracle.binomtest(successes, n).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == (pytest.approx(theirs.low, abs=1e-9), pytest.approx(theirs.high, abs=1e-9))


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses_what_is_no_share(successes, n):
    """A share needs a whole and a part of it."""
    with pytest.raises(ValueError, match="not a share"):
        wilson(successes, n)


def test_paired_bootstrap_agrees_with_scipy():
    """The percentile interval lies within 3 % of its width of scipy's, and the estimate is exact."""
    draw = random.Random(5)
    a = [draw.gauss(60, 20) for _ in range(150)]
    b = [value + draw.expovariate(1 / 6) for value in a]
    differences = np.array(b) - np.array(a)
    theirs = oracle.bootstrap((differences,), np.mean, n_resamples=20_000, method="percentile", rng=1)
    ours = paired_bootstrap(a, b, resamples=10_000, seed=3)
    width = ours.high - ours.low
    assert ours.estimate == pytest.approx(float(differences.mean()), rel=1e-12)
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.03 * width)


def test_paired_bootstrap_covers_the_truth():
    """On skewed data of 50 pairs the 95 % interval holds the true mean in 90 to 99 % of 200 trials."""
    draw = random.Random(11)
    held = 0
    for trial in range(200):
        gains = [draw.expovariate(1.0) for _ in range(50)]
        interval = paired_bootstrap([0.0] * 50, gains, resamples=200, seed=trial)
        held += interval.low <= 1.0 <= interval.high
    assert 180 <= held <= 198


@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=20), st.integers(0, 5))
@settings(max_examples=30)
def test_paired_bootstrap_is_repeatable_and_turns_with_its_arms(pairs, seed):
    """The same seed gives the same interval, the estimate lies within it, and swapped arms swap its sign."""
    a, b = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    ours, swapped = paired_bootstrap(a, b, resamples=50, seed=seed), paired_bootstrap(b, a, resamples=50, seed=seed)
    assert ours == paired_bootstrap(a, b, resamples=50, seed=seed)
    assert swapped.estimate == -ours.estimate
    assert ours.low <= ours.high
    assert swapped.low == pytest.approx(-ours.high, abs=1e-6)


def test_paired_bootstrap_refuses_unpaired_samples():
    """Samples of different length are no pairs."""
    with pytest.raises(ValueError, match="zip"):
        paired_bootstrap([1.0], [1.0, 2.0])


def test_paired_bootstrap_is_fast_enough_for_a_report():
    """500 pairs and 2,000 resamples take well under two seconds on a busy machine (0.2 s on an idle one)."""
    values = [float(number % 7) for number in range(500)]
    started = time.process_time()
    paired_bootstrap(values, values[::-1])
    assert time.process_time() - started < 2.0


def test_a_speed_is_a_ratio_of_sums():
    """Calls weigh by their length: 10 tokens in 1 s and 90 in 3 s are 25 a second, not the mean of 10 and 30."""
    interval = ratio_bootstrap([(10.0, 1.0), (90.0, 3.0)], resamples=200)
    assert interval.estimate == 25.0
    assert 10.0 <= interval.low <= 25.0 <= interval.high <= 30.0


@pytest.mark.parametrize(
    ("interval", "one_sided"),
    [(Interval(2, 1, 3), True), (Interval(-2, -3, -1), True), (Interval(1, 0, 2), False), (Interval(1, -1, 2), False)],
)
def test_an_interval_that_touches_zero_does_not_exclude_it(interval, one_sided):
    """An interval excludes zero only when it lies wholly on one side."""
    assert interval.excludes_zero is one_sided


def test_an_interval_survives_json():
    """An interval goes to JSON and back."""
    interval = Interval(1.5, -2.0, 3.25)
    assert Interval.from_dict(interval.to_dict()) == interval
