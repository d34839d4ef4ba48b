"""A chart of costs by traffic as one SVG text: no script, no library, legible on paper and on a dark page."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from html import escape
from typing import TYPE_CHECKING

import attrs

from nova_tune.costs._bounds import context, dollars

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 640, 380
_LEFT, _RIGHT, _BOTTOM = 84, 28, 52
_COLUMNS, _NAME = 2, 36
_FAR = 3
_NEAR = 96  # two labels closer than this would run into each other
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "1 4")
_TENTH = Decimal("0.1")
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.t{font-weight:600;font-size:14px}.g{stroke:#ccc}"
    ".v{paint-order:stroke;stroke:#fff;stroke-width:4px}.l{fill:none;stroke-width:2}.m{fill:#fff;stroke:#222;stroke-width:1.5}.page{fill:#fff}"
    ".s0{stroke:#0b5cad}.s1{stroke:#b3470b}.s2{stroke:#24743c}.s3{stroke:#7b3fa0}.s4{stroke:#555}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.v{stroke:#16181c}.g{stroke:#444}.page{fill:#16181c}.m{fill:#16181c;stroke:#ddd}"
    ".s0{stroke:#6db3f2}.s1{stroke:#f2a365}.s2{stroke:#7fcf96}.s3{stroke:#c79be6}.s4{stroke:#aaa}}"
)


@attrs.frozen
class Track:
    """One straight line: the cost of a month without traffic and at the end of the axis.

    Args:
        name: What it is.
        start: USD at no requests.
        end: USD at the end of the axis.
    """

    name: str
    start: Decimal
    end: Decimal


def steps(most: Decimal, count: int = 5) -> list[Decimal]:
    """Round numbers from zero to at least the most.

    Args:
        most: The largest value, above zero.
        count: At most how many steps.

    Example:
        >>> [str(step) for step in steps(Decimal(97))]
        ['0', '20', '40', '60', '80', '100']
    """
    rough = context().divide(most, count)
    power = Decimal(1).scaleb(rough.adjusted())
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    last = int(context().divide(most, step).to_integral_value(ROUND_CEILING))
    return [Decimal(f"{step * index:f}") for index in range(last + 1)]


def short(number: Decimal) -> str:
    """A number as an axis shows it.

    Example:
        >>> short(Decimal(1_500_000)), short(Decimal(20_000)), short(Decimal(800))
        ('1.5M', '20k', '800')
    """
    for size, letter in ((9, "B"), (6, "M"), (3, "k")):
        if number >= Decimal(1).scaleb(size):
            text = f"{number.scaleb(-size):f}"
            return (text.rstrip("0").rstrip(".") if "." in text else text) + letter
    return f"{number:f}"


def _money(number: Decimal) -> str:
    if number >= 1000:
        return f"${short(number)}"
    return "$0" if not number else dollars(number).removesuffix(".00")


def _shown(tracks: Sequence[Track], ends: Sequence[Decimal]) -> list[int]:
    """The lines that fit on one axis: what lies far above all cheaper ones would press them flat."""
    shown: list[int] = []
    most = Decimal(0)
    for index in sorted(range(len(tracks)), key=lambda place: min(tracks[place].start, ends[place])):
        if not shown or min(tracks[index].start, ends[index]) <= _FAR * most:
            shown.append(index)
            most = max(most, tracks[index].start, ends[index])
    return shown


def cost_chart(
    tracks: Sequence[Track], *, end: int, marks: Sequence[tuple[int, Decimal]], title: str, description: str
) -> str:
    """Cost of a month by requests a month.

    Args:
        tracks: The lines.
        end: The requests at which the axis ends.
        marks: Requests and USD of each crossing.
        title: The title.
        description: The same in words, for those who cannot see it.

    Example:
        >>> svg = cost_chart([Track("a", Decimal(1), Decimal(2))], end=10, marks=[], title="t", description="d")
        >>> svg[:4], svg[-6:]
        ('<svg', '</svg>')
    """
    divide, times = context().divide, context().multiply
    across = steps(Decimal(end))
    longer = divide(across[-1], Decimal(end))
    ends = [track.start + times(track.end - track.start, longer) for track in tracks]
    shown = _shown(tracks, ends)
    up = steps(max([max(tracks[index].start, ends[index]) for index in shown] + [Decimal("0.01")]))
    top = 52 + 18 * -(-len(tracks) // _COLUMNS)

    def at(requests: Decimal, usd: Decimal) -> tuple[Decimal, Decimal]:
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * divide(requests, across[-1])
        y = HEIGHT - _BOTTOM - (HEIGHT - top - _BOTTOM) * divide(usd, up[-1])
        return x.quantize(_TENTH), y.quantize(_TENTH)

    parts = [f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>']
    parts.append(f'<text class="t" x="16" y="24">{escape(title)}</text>')
    zero = Decimal(0)
    for usd in up:
        _, y = at(zero, usd)
        parts.append(f'<line class="g" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y}" dy="4" text-anchor="end">{_money(usd)}</text>')
    for requests in across:
        x, y = at(requests, zero)
        parts.append(f'<text x="{x}" y="{y}" dy="18" text-anchor="middle">{short(requests)}</text>')
    parts.append(
        f'<text x="{(WIDTH + _LEFT - _RIGHT) // 2}" y="{HEIGHT - 12}" text-anchor="middle">requests a month</text>'
    )
    for index, track in enumerate(tracks):
        look = f'class="l s{index % len(_DASHES)}" stroke-dasharray="{_DASHES[index % len(_DASHES)]}"'
        (x1, y1), (x2, y2) = at(zero, track.start), at(across[-1], ends[index])
        if index in shown:
            parts.append(f'<line {look} x1="{x1}" x2="{x2}" y1="{y1}" y2="{y2}"/>')
        left, line = 16 + 306 * (index % _COLUMNS), 46 + 18 * (index // _COLUMNS)
        parts.append(f'<line {look} x1="{left}" x2="{left + 26}" y1="{line - 4}" y2="{line - 4}"/>')
        name = track.name if len(track.name) <= _NAME else f"{track.name[: _NAME - 1]}\N{HORIZONTAL ELLIPSIS}"
        name = name if index in shown else f"{name}: far above"
        parts.append(f'<text x="{left + 32}" y="{line}">{escape(name)}</text>')
    last, level = Decimal(-_NEAR), 0
    for requests_at, usd in sorted(marks):
        x, y = at(Decimal(requests_at), usd)
        level = level + 1 if x - last < _NEAR else 0
        last = x
        parts.append(f'<circle class="m" cx="{x}" cy="{y}" r="4.5"/>')
        side, shift = ("end", -8) if x > _LEFT + _NEAR else ("start", 8)
        parts.append(
            f'<text class="v" x="{x + shift}" y="{y - 10 - 15 * level}" text-anchor="{side}">{requests_at:,}</text>'
        )
    head = f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg">'
    words = f"<title>{escape(title)}</title><desc>{escape(description)}</desc><style>{_STYLE}</style>"
    return f"{head}{words}{''.join(parts)}</svg>"
