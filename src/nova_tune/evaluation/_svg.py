"""Three small charts as inline SVG: no script, no font, no colour of their own.

Colours come from the page's CSS classes (``s0``, ``s1``, ...), so that dark pages and paper look right; lines differ in
their dashes too. Each chart carries a title and a description for those who cannot see it.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 34, 46
_SERIES = 5


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers that span a range, from at most ``low`` to at least ``high``.

    Args:
        low: The least value.
        high: The greatest.
        count: About how many steps.

    Example:
        >>> ticks(3, 97)
        [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    size = max(abs(low), abs(high), 1.0)
    if high - low < size * 1e-6:
        low, high = low - size / 10, high + size / 10
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _label(value: float) -> str:
    return f"{value:,.10g}".replace("-", "\N{MINUS SIGN}")


@attrs.frozen
class _Frame:
    """The plotting area of one chart, its two axes drawn."""

    x: list[float]
    y: list[float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place of a point on the page."""
        across = (x - self.x[0]) / (self.x[-1] - self.x[0])
        up = (y - self.y[0]) / (self.y[-1] - self.y[0])
        return (_LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM))

    def axes(self, x_name: str, y_name: str) -> list[str]:
        """Grid lines, tick labels and the names of the axes."""
        parts = []
        for tick in self.y:
            _, y = self.at(self.x[0], tick)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{_n(y)}" y2="{_n(y)}"/>')
            parts.append(f'<text class="tick" x="{_LEFT - 8}" y="{_n(y + 4)}" text-anchor="end">{_label(tick)}</text>')
        for tick in self.x:
            x, _ = self.at(tick, self.y[0])
            parts.append(
                f'<text class="tick" x="{_n(x)}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">{_label(tick)}</text>'
            )
        middle = (_LEFT + WIDTH - _RIGHT) / 2
        parts.append(
            f'<text class="axis" x="{_n(middle)}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_name)}</text>'
        )
        parts.append(f'<text class="axis" x="4" y="14">{escape(y_name)}</text>')
        return parts


def _legend(names: Sequence[str]) -> list[str]:
    """The names with their lines above the plot, ending at its right edge; room is left for a narrow window's text."""
    shown = [name if len(name) <= 24 else f"{name[:23]}…" for name in names]
    widths = [8.0 * len(name) + 44 for name in shown]
    parts, left = [], WIDTH - _RIGHT - sum(widths)
    for index, (name, width) in enumerate(zip(shown, widths, strict=True)):
        parts.append(f'<line class="line s{index % _SERIES}" x1="{_n(left)}" x2="{_n(left + 22)}" y1="10" y2="10"/>')
        parts.append(f'<text class="tick" x="{_n(left + 28)}" y="14">{escape(name)}</text>')
        left += width
    return parts


def _chart(title: str, description: str, parts: Sequence[str], *, height: float = HEIGHT) -> str:
    head = f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {_n(height)}" xmlns="http://www.w3.org/2000/svg">'
    words = f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
    return f"{head}{words}{''.join(parts)}</svg>"


def _path(points: Sequence[tuple[float, float]], series: int) -> str:
    track = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
    return f'<polyline class="line s{series % _SERIES}" points="{track}"/>'


def ecdf(samples: Mapping[str, Sequence[float]], *, title: str, x_name: str) -> str:
    """The share of calls at or below each value, a step line for each sample; empty when there are no values.

    Args:
        samples: Values by name.
        title: The chart's title.
        x_name: The name of the horizontal axis, with its unit.
    """
    values = sorted(value for sample in samples.values() for value in sample)
    if not values:
        return ""
    frame = _Frame(ticks(values[0], values[-1]), [0.0, 25.0, 50.0, 75.0, 100.0])
    parts = [*frame.axes(x_name, "% of calls"), *_legend(list(samples))]
    for series, sample in enumerate(samples.values()):
        points, share = [frame.at(frame.x[0], 0.0)], 0.0
        for rank, value in enumerate(sorted(sample), start=1):
            points.append(frame.at(value, share))
            share = 100 * rank / len(sample)
            points.append(frame.at(value, share))
        points.append(frame.at(frame.x[-1], share))
        parts.append(_path(points, series))
    words = "; ".join(
        f"{name}: {len(sample)} calls from {min(sample):.0f} to {max(sample):.0f}"
        for name, sample in samples.items()
        if sample
    )
    return _chart(title, f"Share of calls at or below each value. {words}.", parts)


def loss_curve(losses: Mapping[str, Sequence[tuple[int, float, float]]], *, title: str) -> str:
    """Loss by step, a line for each name; empty when there are no points.

    Args:
        losses: ``(step, epoch, loss)`` by name, such as training and validation.
        title: The chart's title.
    """
    curves = {
        name: [(float(step), float(loss)) for step, _, loss in points] for name, points in losses.items() if points
    }
    if not curves:
        return ""
    steps = [step for points in curves.values() for step, _ in points]
    heights = [loss for points in curves.values() for _, loss in points]
    frame = _Frame(ticks(min(steps), max(steps)), ticks(min(0.0, *heights), max(heights)))
    parts = [*frame.axes("step", "loss"), *_legend(list(curves))]
    for series, points in enumerate(curves.values()):
        places = [frame.at(*point) for point in points]
        parts.append(_path(places, series))
        if len(places) <= 40:
            parts += [f'<circle class="dot s{series % _SERIES}" cx="{_n(x)}" cy="{_n(y)}" r="2.5"/>' for x, y in places]
    words = "; ".join(f"{name}: from {points[0][1]:.3f} to {points[-1][1]:.3f}" for name, points in curves.items())
    return _chart(title, f"Loss by training step. {words}.", parts)


@attrs.frozen
class Effect:
    """One line of a forest plot.

    Args:
        name: What was compared.
        estimate: The difference.
        low: The lower end of its interval.
        high: The upper end.
        words: The same as text.
    """

    name: str
    estimate: float
    low: float
    high: float
    words: str


def forest(effects: Sequence[Effect], *, title: str) -> str:
    """Differences with their intervals around zero, each line on its own scale; empty when there are none.

    Args:
        effects: What to draw, from top to bottom.
        title: The chart's title.
    """
    if not effects:
        return ""
    row, middle, half = 54, WIDTH / 2, WIDTH / 2 - 14
    height = row * len(effects) + 30
    parts = [f'<line class="zero" x1="{_n(middle)}" x2="{_n(middle)}" y1="4" y2="{height - 22}"/>']
    for index, effect in enumerate(effects):
        reach = max(abs(effect.low), abs(effect.high)) * 1.08 or 1.0
        x0, x, x1 = (middle + half * value / reach for value in (effect.low, effect.estimate, effect.high))
        top = index * row
        parts += [
            f'<text class="axis" x="4" y="{top + 18}">{escape(effect.name)}</text>',
            f'<text class="tick" x="{WIDTH - 4}" y="{top + 18}" text-anchor="end">{escape(effect.words)}</text>',
            f'<line class="whisker" x1="{_n(x0)}" x2="{_n(x1)}" y1="{top + 36}" y2="{top + 36}"/>',
            f'<circle class="effect" cx="{_n(x)}" cy="{top + 36}" r="5"/>',
        ]
    parts.append(f'<text class="tick" x="{_n(middle)}" y="{height - 6}" text-anchor="middle">0: no difference</text>')
    words = "; ".join(f"{effect.name}: {effect.words}" for effect in effects)
    return _chart(title, f"Differences with 95 % intervals. {words}.", parts, height=height)
