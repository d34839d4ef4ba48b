"""The result of an evaluation: every row, what was counted from them, and how to pass it on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import attrs

from nova_tune.evaluation._examples import Example
from nova_tune.evaluation._latency import LatencySummary
from nova_tune.evaluation._metrics import Scale
from nova_tune.evaluation._rows import Row, tuple_of
from nova_tune.evaluation._stats import Interval
from nova_tune.values import Value, field

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

REHEARSAL_LINE = "REHEARSAL: these numbers come from a local stand-in, not from AWS"
"""The first line of every report made from a rehearsal's answers."""


F = TypeVar("F", "MetricSummary", "Difference")


@attrs.frozen(kw_only=True)
class MetricSummary(Value):
    """One metric over one arm. The mean is that of the scored answers; the bounds hold wherever the missing ones lie.

    Args:
        metric: The metric's name.
        arm: The arm's name.
        n: Answers asked for.
        mean: The mean of those that have a score; None when none has.
        missing: How many have no score, by status.
        low: The mean if every missing score were 0; None when the scale has no top.
        high: The mean if every missing score were the best.
    """

    metric: str
    arm: str
    n: int
    mean: float | None = None
    missing: dict[str, int] = attrs.field(factory=dict)
    low: float | None = None
    high: float | None = None

    @property
    def scored(self) -> int:
        """How many answers have a score."""
        return self.n - sum(self.missing.values())


@attrs.frozen(kw_only=True)
class Difference(Value):
    """How far an arm is from the baseline, over the examples where both have a value.

    Args:
        metric: The metric's name, or ``ttft_ms``.
        arm: The arm that is compared.
        pairs: The examples where both have a value.
        mean: Arm minus baseline, averaged; None when there is no pair.
        interval: The same with its 95 % paired bootstrap interval; None below 6 pairs.
    """

    metric: str
    arm: str
    pairs: int
    mean: float | None = None
    interval: Interval | None = field(read=Interval.from_dict, default=None)


@attrs.frozen(kw_only=True)
class Comparison(Value):
    """What an evaluation found: plain data, made once, equal when its rows are equal.

    Args:
        arms: The arms' names.
        baseline: The arm the others are compared with.
        scales: The metrics and how to read them, the one the verdict rests on first.
        examples: What was asked.
        rows: One for each arm and example.
        metrics: Each metric over each arm.
        differences: Each other arm against the baseline, in each metric and in time to first token.
        latency: Each arm's latency.
        status: ``incomplete`` when more than 2 % of an arm's answers have no score, or none at all.
        rehearsal: True when a rehearsal answered or judged.
        settings: How it was run: models, judge, limits, seed.
        created_at: When, in UTC.
    """

    arms: tuple[str, ...] = field(read=tuple)
    baseline: str
    scales: tuple[Scale, ...] = field(read=tuple_of(Scale))
    examples: tuple[Example, ...] = field(read=tuple_of(Example), repr=False)
    rows: tuple[Row, ...] = field(read=tuple_of(Row), repr=False)
    metrics: tuple[MetricSummary, ...] = field(read=tuple_of(MetricSummary))
    differences: tuple[Difference, ...] = field(read=tuple_of(Difference))
    latency: tuple[LatencySummary, ...] = field(read=tuple_of(LatencySummary))
    status: Literal["complete", "incomplete"]
    rehearsal: bool
    settings: dict[str, Any] = attrs.field(factory=dict)
    created_at: str = ""

    def summary(self, metric: str, arm: str) -> MetricSummary:
        """One metric over one arm.

        Raises:
            KeyError: There is no such metric or arm.
        """
        return _find(self.metrics, metric, arm)

    def difference(self, metric: str, arm: str | None = None) -> Difference:
        """One metric's difference to the baseline.

        Args:
            metric: The metric's name, or ``ttft_ms``.
            arm: The arm; the only one besides the baseline unless told.

        Raises:
            KeyError: There is no such metric or arm.
        """
        return _find(self.differences, metric, arm or next(name for name in self.arms if name != self.baseline))

    @property
    def missing(self) -> int:
        """How many scores are missing over all arms and metrics."""
        return sum(sum(summary.missing.values()) for summary in self.metrics)

    @property
    def verdict(self) -> str:
        """The finding in a sentence: ahead, behind, or that it cannot be told."""
        from nova_tune.evaluation._text import verdict  # noqa: PLC0415 - it reads this class

        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; the first key is ``rehearsal``."""
        return {"rehearsal": self.rehearsal, "verdict": self.verdict, **super().to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The comparison that :meth:`to_dict` wrote."""
        return super().from_dict({key: value for key, value in data.items() if key != "verdict"})

    def write_json(self, path: str | os.PathLike[str]) -> Path:
        """Write everything as JSON, beside the path and then renamed.

        Args:
            path: The file.

        Returns:
            The path written.
        """
        return _write(path, json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n")

    def write_html(
        self,
        path: str | os.PathLike[str],
        *,
        title: str | None = None,
        losses: Mapping[str, Sequence[tuple[int, float, float]]] | None = None,
        costs: Any = None,
        data: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write the report: one file without scripts or outside references, the same bytes for the same arguments.

        Args:
            path: The file.
            title: The page's title.
            losses: ``{"training": [(step, epoch, loss), ...], "validation": [...]}``, for the loss curve.
            costs: A cost estimate; anything with ``_repr_html_()`` or a readable ``str``.
            data: Facts about the data, such as records, splits and digests.

        Returns:
            The path written.
        """
        return _write(path, self.html(title=title, losses=losses, costs=costs, data=data))

    def html(
        self,
        *,
        title: str | None = None,
        losses: Mapping[str, Sequence[tuple[int, float, float]]] | None = None,
        costs: Any = None,
        data: Mapping[str, Any] | None = None,
    ) -> str:
        """The page that :meth:`write_html` writes, with the same arguments."""
        from nova_tune.evaluation._html import page  # noqa: PLC0415 - only a report needs it

        return page(self, title=title, losses=losses or {}, costs=costs, data=data or {})

    def __str__(self) -> str:
        from nova_tune.evaluation._text import table  # noqa: PLC0415 - it reads this class

        return table(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: banner, verdict and the two tables."""
        from nova_tune.evaluation._html import fragment  # noqa: PLC0415 - only a report needs it

        return fragment(self)


def _find(items: Sequence[F], metric: str, arm: str) -> F:
    for item in items:
        if (item.metric, item.arm) == (metric, arm):
            return item
    raise KeyError(f"no metric {metric!r} of an arm {arm!r} in this comparison")


def _write(path: str | os.PathLike[str], text: str) -> Path:
    target = Path(path)
    beside = target.with_name(f"{target.name}.partial")
    try:
        beside.write_bytes(text.encode("utf-8", "backslashreplace"))
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target
