"""How fast an arm answered, from calls that were streamed to one client and timed by it.

A mean alone is never reported, and a percentile only where its interval exists (section 2.3 of the evaluation facts).
"""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING

import attrs

from nova_tune.evaluation._stats import Interval, mean, quantile_interval, ratio_bootstrap
from nova_tune.values import Value, field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nova_tune.evaluation._rows import Row
    from nova_tune.values import Reply

_MIN_WINDOW_MS = 1.0
_CONSISTENT = 0.10  # a report warns when end to end differs by more from what TTFT and speed imply
_FEW_TOKENS = 16


@attrs.frozen(kw_only=True)
class LatencySummary(Value):
    """One arm's latency over a run, in milliseconds, and its speed, in tokens a second.

    Args:
        arm: The arm.
        calls: All recorded calls.
        n: Those that were answered in a stream with text, the basis of every figure here.
        errors: How many calls failed, by code.
        throttles: How many times a call was refused for its rate and asked again.
        ttft_p50: Median time to the first token; None below 6 calls.
        ttft_p90: 90th percentile; None below 36 calls.
        ttft_mean: The mean, for comparison with publications that give no more.
        end_to_end_p50: Median time to the last token.
        otps: Output tokens a second after the first, all calls together: sum (N - 1) / sum (last - first text).
        otps_aws: The same by AWS's formula, sum N / sum (total - TTFT), to compare with CloudWatch
            (Bedrock user guide, monitoring-runtime-otps, read 2026-11-21).
        output_tokens_p50: Median tokens of an answer.
        implied_ms: What the medians of TTFT, speed and tokens imply for end to end.
        coarse: True when the text came in few pieces (fewer than half the tokens) or the answers are so short (median
            below 16 tokens) that the speed is uncertain.
    """

    arm: str
    calls: int
    n: int
    errors: dict[str, int] = attrs.field(factory=dict)
    throttles: int = 0
    ttft_p50: Interval | None = field(read=Interval.from_dict, default=None)
    ttft_p90: Interval | None = field(read=Interval.from_dict, default=None)
    ttft_mean: float | None = None
    end_to_end_p50: Interval | None = field(read=Interval.from_dict, default=None)
    otps: Interval | None = field(read=Interval.from_dict, default=None)
    otps_aws: float | None = None
    output_tokens_p50: float | None = None
    implied_ms: float | None = None
    coarse: bool = False

    @property
    def consistent(self) -> bool | None:
        """Whether end to end is within 10 % of what TTFT and speed imply; None when it cannot be told."""
        if self.implied_ms is None or self.end_to_end_p50 is None:
            return None
        return abs(self.end_to_end_p50.estimate - self.implied_ms) <= _CONSISTENT * self.implied_ms


def latency(rows: Sequence[Row], arm: str, *, seed: int = 0) -> LatencySummary:
    """The latency of one arm.

    Args:
        rows: The rows of a run; those of other arms are left out.
        arm: The arm's name.
        seed: Of the bootstrap of the speed's interval.
    """
    own = [row for row in rows if row.arm == arm]
    timed = [row.reply for row in own if row.reply is not None and row.reply.timing.ttft_ms is not None]
    failed = Counter(row.error for row in own if row.error is not None)
    counted = LatencySummary(
        arm=arm,
        calls=len(own),
        n=len(timed),
        errors=dict(sorted(failed.items())),
        throttles=sum(row.throttled for row in own),
    )
    return _figures(counted, timed, seed) if timed else counted


def _figures(counted: LatencySummary, timed: Sequence[Reply], seed: int) -> LatencySummary:
    first = [reply.timing.ttft_ms or 0.0 for reply in timed]
    last = [reply.timing.last_token_ms or 0.0 for reply in timed]
    tokens = [reply.usage.output_tokens for reply in timed]
    windows = [
        (float(n - 1), (end - begin) / 1000)
        for n, begin, end in zip(tokens, first, last, strict=True)
        if n > 1 and end - begin >= _MIN_WINDOW_MS
    ]
    generating_ms = sum(reply.timing.total_ms for reply in timed) - sum(first)
    otps = ratio_bootstrap(windows, seed=seed, resamples=1_000) if windows else None
    typical = median(tokens)
    return attrs.evolve(
        counted,
        ttft_p50=quantile_interval(first, 0.5),
        ttft_p90=quantile_interval(first, 0.9),
        ttft_mean=mean(first),
        end_to_end_p50=quantile_interval(last, 0.5),
        otps=otps,
        otps_aws=sum(tokens) / generating_ms * 1000 if generating_ms > 0 else None,
        output_tokens_p50=float(typical),
        implied_ms=median(first) + max(typical - 1, 0) / otps.estimate * 1000 if otps else None,
        coarse=typical < _FEW_TOKENS or 2 * sum(reply.timing.deltas for reply in timed) < sum(tokens),
    )
