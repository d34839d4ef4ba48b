"""A comparison in words and aligned columns; the page shows the same cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_tune.evaluation._compare import TTFT
from nova_tune.evaluation._comparison import REHEARSAL_LINE
from nova_tune.evaluation._score import HIGHEST
from nova_tune.evaluation._stats import MIN_PAIRS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nova_tune.evaluation._comparison import Comparison, Difference, MetricSummary
    from nova_tune.evaluation._latency import LatencySummary
    from nova_tune.evaluation._metrics import Scale
    from nova_tune.evaluation._stats import Interval

NONE = "–"  # noqa: RUF001 - the dash that a table shows for no value


def number(value: float, decimals: int, *, sign: bool = False) -> str:
    """A number with its decimals, never a negative zero.

    Args:
        value: The number.
        decimals: How many places.
        sign: Whether a plus is shown.
    """
    value = round(value, decimals) or 0.0
    return f"{value:+,.{decimals}f}" if sign and value else f"{value:,.{decimals}f}"


def decimals_of(scale: Scale) -> int:
    """How many places a metric's numbers are worth: three up to 1, one above."""
    return 3 if scale.maximum is not None and scale.maximum <= 1 else 1


def span(interval: Interval, decimals: int, *, sign: bool = False) -> str:
    """The ends of an interval.

    Args:
        interval: The interval.
        decimals: How many places.
        sign: Whether a plus is shown.
    """
    return f"{number(interval.low, decimals, sign=sign)} to {number(interval.high, decimals, sign=sign)}"


def verdict(comparison: Comparison) -> str:
    """The finding: a sentence for each arm against the baseline, after a warning when too much is missing.

    It rests on the first metric that has a better end, and claims nothing whose interval holds zero.
    """
    others = [arm for arm in comparison.arms if arm != comparison.baseline]
    if not others:
        return "One arm was run, so nothing is compared."
    lead = next((scale for scale in comparison.scales if scale.higher_is_better is not None), None)
    warning = ""
    if comparison.status == "incomplete":
        failed = sum(row.error is not None for row in comparison.rows)
        lost = f"{comparison.missing:,} scores are missing" if comparison.missing else f"{failed:,} calls failed"
        warning = f"Incomplete: {lost}. "
    if lead is None:
        return f"{warning}No metric with a better end was asked for, so no arm is called ahead."
    return warning + " ".join(_sentence(comparison, lead, arm) for arm in others)


def _sentence(comparison: Comparison, scale: Scale, arm: str) -> str:
    found, base, places = comparison.difference(scale.metric, arm), comparison.baseline, decimals_of(scale)
    points, metric = ("", f"{scale.metric}, {scale.words}" if scale.words else scale.metric)
    if scale.maximum == HIGHEST:
        points, metric = " points", scale.metric
    interval = found.interval
    if found.mean is None or interval is None:
        return (
            f"Cannot tell {arm} from {base} on {metric}: {found.pairs} examples have a score in both arms, "
            f"and an interval needs {MIN_PAIRS}."
        )
    basis = f"95 % interval {span(interval, places, sign=True)}, {found.pairs:,} pairs"
    if not interval.excludes_zero:
        shown = number(found.mean, places, sign=True)
        return f"Cannot tell {arm} from {base} on {metric}: the difference is {shown}{points} ({basis})."
    ahead = (found.mean > 0) == bool(scale.higher_is_better)
    size = number(abs(found.mean), places)
    return f"{arm} is {'ahead of' if ahead else 'behind'} {base} by {size}{points} on {metric} ({basis})."


def metric_cells(comparison: Comparison) -> list[list[str]]:
    """The metrics table, its heading first: metric, pairs, each arm's mean, each difference with its interval."""
    others = [arm for arm in comparison.arms if arm != comparison.baseline]
    head = ["metric", "pairs", *comparison.arms]
    for arm in others:
        head += [f"{arm} - {comparison.baseline}", "95 % interval"]
    rows = [head]
    for scale in comparison.scales:
        places = decimals_of(scale)
        found = [comparison.difference(scale.metric, arm) for arm in others]
        summaries = [comparison.summary(scale.metric, arm) for arm in comparison.arms]
        pairs = min([item.pairs for item in found], default=summaries[0].scored)
        row = [f"{scale.metric}, {scale.words}" if scale.words else scale.metric, f"{pairs:,}"]
        row += [_mean(summary, places) for summary in summaries]
        for item in found:
            row += _difference(item, places)
        rows.append(row)
    return rows


def _mean(summary: MetricSummary, places: int) -> str:
    if summary.mean is None:
        return NONE
    shown = number(summary.mean, places)
    return f"{shown} ({summary.scored:,} of {summary.n:,})" if summary.missing else shown


def _difference(found: Difference, places: int) -> list[str]:
    return [
        NONE if found.mean is None else number(found.mean, places, sign=True),
        NONE if found.interval is None else span(found.interval, places, sign=True),
    ]


def latency_cells(comparison: Comparison) -> list[list[str]]:
    """The latency table, its heading first; milliseconds unless the row says otherwise."""
    others = [arm for arm in comparison.arms if arm != comparison.baseline]
    head = ["latency, ms", *comparison.arms, *(f"{arm} - {comparison.baseline}" for arm in others)]
    paired = []
    for arm in others:
        mean, interval = _difference(comparison.difference(TTFT, arm), 0)
        paired.append(f"{mean} ({interval})" if interval != NONE else mean)

    def row(name: str, read: Callable[[LatencySummary], str], differences: Sequence[str] = ()) -> list[str]:
        return [name, *(read(item) for item in comparison.latency), *(differences or [""] * len(others))]

    return [
        head,
        row("streamed answers", lambda item: f"{item.n:,} of {item.calls:,}"),
        row("TTFT, median", lambda item: _with_span(item.ttft_p50, 0)),
        row("TTFT, 90th percentile", lambda item: _with_span(item.ttft_p90, 0)),
        row("TTFT, mean", lambda item: _plain(item.ttft_mean, 0), paired),
        row("end to end, median", lambda item: _with_span(item.end_to_end_p50, 0)),
        row("output tokens a second", lambda item: _with_span(item.otps, 1)),
        row("the same by AWS's formula", lambda item: _plain(item.otps_aws, 1)),
        row("output tokens, median", lambda item: _plain(item.output_tokens_p50, 1)),
        row("throttled attempts", lambda item: f"{item.throttles:,}"),
        row("failed calls", lambda item: ", ".join(f"{n} {code}" for code, n in item.errors.items()) or "0"),
    ]


def _plain(value: float | None, places: int) -> str:
    return NONE if value is None else number(value, places)


def _with_span(interval: Interval | None, places: int) -> str:
    return NONE if interval is None else f"{number(interval.estimate, places)} ({span(interval, places)})"


def notes(comparison: Comparison) -> list[str]:
    """What is missing and what to doubt, a sentence each."""
    found = []
    for item in comparison.latency:
        failed = sum(item.errors.values())
        if failed:
            codes = ", ".join(f"{count} {code}" for code, count in item.errors.items())
            found.append(f"{item.arm}: {failed:,} of {item.calls:,} calls failed ({codes}); they have no scores.")
        untimed = item.calls - item.n - failed
        if item.n and untimed:
            found.append(f"{item.arm}: {untimed:,} answers came without text, so they have no time to a first token.")
        found += _consistency(item)
    judge = comparison.settings.get("judge")
    if judge and "nova" in judge["model"]:
        found.append("The judge is a Nova model too; models favour their own family, so check it against another.")
    return found + [
        _missing(summary, decimals_of(scale))
        for scale in comparison.scales
        for summary in (comparison.summary(scale.metric, arm) for arm in comparison.arms)
        if summary.missing
    ]


def _missing(summary: MetricSummary, places: int) -> str:
    kinds = ", ".join(f"{count} {status}" for status, count in summary.missing.items())
    text = f"{summary.metric} of {summary.arm}: {summary.n - summary.scored:,} of {summary.n:,} are missing ({kinds})"
    if summary.low is None or summary.high is None:
        return f"{text}."
    low, high = number(summary.low, places), number(summary.high, places)
    return f"{text}. Whatever they would be, the mean lies between {low} and {high}."


def _consistency(item: LatencySummary) -> list[str]:
    lines = []
    if item.implied_ms is not None and item.end_to_end_p50 is not None and not item.consistent:
        lines.append(
            f"{item.arm}: the medians do not fit together. End to end is {number(item.end_to_end_p50.estimate, 0)} ms, "
            f"but TTFT, speed and output tokens imply {number(item.implied_ms, 0)} ms; do not quote them side by side."
        )
    if item.coarse:
        lines.append(
            f"{item.arm}: the answers are short or came in few pieces, so the tokens a second are uncertain "
            "and the two formulas may differ."
        )
    return lines


def table(comparison: Comparison) -> str:
    """The whole comparison as text, for a terminal."""
    lines = [REHEARSAL_LINE] if comparison.rehearsal else []
    lines += [verdict(comparison), ""]
    if comparison.scales:
        lines += [*_aligned(metric_cells(comparison)), ""]
    if any(item.n for item in comparison.latency):
        lines += [*_aligned(latency_cells(comparison)), ""]
    lines += [f"- {note}" for note in notes(comparison)]
    return "\n".join(lines).rstrip()


def _aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
