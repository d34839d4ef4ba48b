"""From rows to a comparison: pure counting, the same for a run, a resumed run and a file read back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from nova_tune.evaluation._comparison import Comparison, Difference, MetricSummary
from nova_tune.evaluation._latency import latency
from nova_tune.evaluation._stats import MIN_PAIRS, mean, paired_bootstrap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nova_tune.evaluation._examples import Example
    from nova_tune.evaluation._metrics import Scale
    from nova_tune.evaluation._rows import Row

MISSING_ALLOWED = 0.02
"""The share of missing scores above which a run is incomplete (section 3.3 of the evaluation facts)."""

TTFT = "ttft_ms"
"""The name under which the time to the first token is compared."""


def compare(
    *,
    arms: Sequence[str],
    scales: Sequence[Scale],
    examples: Sequence[Example],
    rows: Sequence[Row],
    settings: Mapping[str, object] | None = None,
    seed: int = 0,
    created_at: str = "",
) -> Comparison:
    """Count the rows of a run. Pure: the same rows and seed give the same comparison.

    The baseline is the arm called ``base``, else the first.

    Args:
        arms: The arms' names.
        scales: The metrics and how to read them.
        examples: What was asked, in order.
        rows: One for each arm and example, in any order.
        settings: How it was run, for the reader.
        seed: Of the bootstrap.
        created_at: When it was run.
    """
    place = {example.id: index for index, example in enumerate(examples)}
    ordered = tuple(sorted(rows, key=lambda row: (place[row.example], arms.index(row.arm))))
    baseline = "base" if "base" in arms else arms[0]
    metrics = tuple(_summary(ordered, scale, arm) for scale in scales for arm in arms)
    failed = sum(row.error is not None for row in ordered)
    short = any(sum(item.missing.values()) > MISSING_ALLOWED * item.n for item in metrics)
    return Comparison(
        arms=tuple(arms),
        baseline=baseline,
        scales=tuple(scales),
        examples=tuple(examples),
        rows=ordered,
        metrics=metrics,
        differences=tuple(
            _difference(ordered, metric, (baseline, arm), seed)
            for metric in (*(scale.metric for scale in scales), TTFT)
            for arm in arms
            if arm != baseline
        ),
        latency=tuple(latency(ordered, arm, seed=seed) for arm in arms),
        status="incomplete" if short or failed > MISSING_ALLOWED * len(ordered) else "complete",
        rehearsal=any(row.rehearsal for row in ordered),
        settings=dict(settings or {}),
        created_at=created_at,
    )


def _summary(rows: Sequence[Row], scale: Scale, arm: str) -> MetricSummary:
    scores = [row.scores[scale.metric] for row in rows if row.arm == arm]
    values = [score.value for score in scores if score.value is not None]
    missing = Counter(score.status for score in scores if score.value is None)
    best = scale.maximum if scores else None
    return MetricSummary(
        metric=scale.metric,
        arm=arm,
        n=len(scores),
        mean=mean(values) if values else None,
        missing=dict(sorted(missing.items())),
        low=None if best is None else sum(values) / len(scores),
        high=None if best is None else (sum(values) + best * missing.total()) / len(scores),
    )


def _reading(row: Row, metric: str) -> float | None:
    if metric == TTFT:
        return row.reply.timing.ttft_ms if row.reply is not None else None
    return row.scores[metric].value


def _difference(rows: Sequence[Row], metric: str, arms: tuple[str, str], seed: int) -> Difference:
    """The second arm minus the first, over the examples where both have a value."""
    before, after = (
        {row.example: value for row in rows if row.arm == arm and (value := _reading(row, metric)) is not None}
        for arm in arms
    )
    shared = [example for example in before if example in after]
    a, b = [before[example] for example in shared], [after[example] for example in shared]
    return Difference(
        metric=metric,
        arm=arms[1],
        pairs=len(shared),
        mean=mean(b) - mean(a) if shared else None,
        interval=paired_bootstrap(a, b, seed=seed) if len(shared) >= MIN_PAIRS else None,
    )
