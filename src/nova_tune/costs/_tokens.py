"""How many tokens a data set holds, by four grades of knowing: measured, calibrated, counted, heuristic.

Nova's tokenizer is not published and AWS's CountTokens refuses Nova (users' reports, read 2026-11-21), so every
estimate names its grade and carries that grade's error band.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

from nova_tune.costs._bounds import context
from nova_tune.costs._calibration import NESTFUL, Calibration, heuristic
from nova_tune.models import Fact
from nova_tune.values import TokenEstimate, Usage, Value, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SAMPLE_ROWS = 2_000
"""How many rows are counted at most. 500 random rows of 4,000 gave the total within 0.71 % (run 2026-11-21)."""

COUNTED_BAND: Fact[tuple[Decimal, Decimal, Decimal]] = Fact(
    (Decimal("0.97"), Decimal("0.99"), Decimal("1.03")), f"Nova 2 Lite against cl100k_base on {NESTFUL}"
)
"""Low, expected and high tokens for one token of cl100k_base, on English and code."""

COUNTED_BAND_WIDE: Fact[tuple[Decimal, Decimal, Decimal]] = Fact(
    (Decimal("0.8"), Decimal(1), Decimal("1.3")), "assumed: no measurement of other scripts is known"
)
"""The same where more than a tenth of the characters are not ASCII."""

_BATCH = 256  # rows whose texts are weighed together, so that rounding up once a row does not add up


@runtime_checkable
class Record(Protocol):
    """Anything that gives its conversation record as plain JSON, such as what a ``Dataset`` yields."""

    def to_dict(self) -> dict[str, Any]:
        """The record as ``{"system": [...], "messages": [...]}``."""
        ...


def texts_of(row: str | Mapping[str, Any] | Record) -> dict[str, str]:
    """The text of a row by column: ``system``, ``user`` and ``assistant`` of a conversation, or the row's own columns.

    Args:
        row: A text, a row of a table, or a conversation record. Media and tool definitions are not text.

    Example:
        >>> texts_of({"question": "How many?", "answer": "SELECT 1", "id": 7})
        {'question': 'How many?', 'answer': 'SELECT 1'}
    """
    if isinstance(row, str):
        return {"text": row}
    data = row if isinstance(row, Mapping) else row.to_dict()
    if not isinstance(data.get("messages"), list):
        return {name: value for name, value in data.items() if isinstance(value, str)}
    columns = {"system": "".join(block.get("text", "") for block in data.get("system") or ())}
    for turn in data["messages"]:
        text = "".join(block.get("text", "") for block in turn["content"])
        columns[turn["role"]] = columns.get(turn["role"], "") + text
    return columns


@attrs.frozen(kw_only=True)
class ColumnTokens(Value):
    """How the tokens of one column are spread over the rows that were counted.

    Args:
        column: Its name.
        rows: Rows with text in it.
        tokens: Their expected tokens together.
        median: Of a row, by nearest rank.
        p95: Of a row.
        largest: Of a row.
        histogram: Upper end of each bin, a power of two, and how many rows fall into it.
    """

    column: str
    rows: int
    tokens: int
    median: int
    p95: int
    largest: int
    histogram: tuple[tuple[int, int], ...] = field(
        read=lambda bins: tuple((end, rows) for end, rows in bins), converter=tuple
    )

    @classmethod
    def of(cls, column: str, counts: Iterable[int]) -> ColumnTokens:
        """The spread of some counts.

        Args:
            column: The column's name.
            counts: Tokens of each row, at least one.
        """
        ordered = sorted(counts)
        last = len(ordered) - 1
        bins: dict[int, int] = {}
        for count in ordered:
            end = 1 << max(count - 1, 0).bit_length()
            bins[end] = bins.get(end, 0) + 1
        return cls(
            column=column,
            rows=len(ordered),
            tokens=sum(ordered),
            median=ordered[last // 2],
            p95=ordered[-(-last * 19 // 20)],
            largest=ordered[last],
            histogram=tuple(bins.items()),
        )


@attrs.frozen(kw_only=True)
class TokenEstimator:
    """Estimates the tokens of many rows: the heuristic over all of them, corrected by what is known better.

    Args:
        counter: Counts the tokens of a text, such as ``len`` of an encoding of cl100k_base. It is called for at most
            ``sample`` rows, chosen by chance, whatever the size of the data.
        calibration: What AWS counted for a few calls; made with the same counter, or with none.
        sample: How many rows are counted at most.
        seed: Of the choice of rows.

    Example:
        >>> TokenEstimator(counter=lambda text: len(text.split())).estimate(["one two three"] * 100)
        TokenEstimate(low=291, expected=297, high=309, basis='counted')
    """

    counter: Callable[[str], int] | None = None
    calibration: Calibration | None = None
    sample: int = SAMPLE_ROWS
    seed: int = 0

    def estimate(self, rows: Iterable[str | Mapping[str, Any] | Record]) -> TokenEstimate:
        """The tokens of all rows for one epoch, without what AWS may add to each.

        Args:
            rows: Texts, rows of a table, or conversation records; read once.

        Raises:
            TypeError: The counter gave something else than a whole number.
        """
        chosen, guessed, ascii_only, characters = self._read(rows)
        known = self.calibration
        low, expected, high = Decimal("0.8"), Decimal(1), Decimal("1.25")  # the heuristic's own band
        basis = "heuristic"
        total = Decimal(guessed)
        if self.counter is not None:
            part = heuristic("".join(chosen))
            counted = sum(_whole(self.counter(text)) for text in chosen)
            total = context().divide(context().multiply(total, counted), part) if part else Decimal(0)
            foreign = (characters - ascii_only) * 10 > characters
            low, expected, high = (COUNTED_BAND_WIDE if foreign else COUNTED_BAND).value
            basis = "counted"
        if known is not None:
            low, expected, high = (
                known.ratio * max(1 - known.error, Decimal(0)),
                known.ratio,
                known.ratio * (1 + known.error),
            )
            basis = "calibrated"
        return TokenEstimate(
            low=int((total * low).to_integral_value(ROUND_FLOOR)),
            expected=int((total * expected).to_integral_value(ROUND_CEILING)),
            high=int((total * high).to_integral_value(ROUND_CEILING)),
            basis=basis,
        )

    def columns(self, rows: Iterable[str | Mapping[str, Any] | Record]) -> tuple[ColumnTokens, ...]:
        """How tokens are spread over the rows of each column, counted on at most ``sample`` rows; the largest first.

        Args:
            rows: Texts, rows of a table, or conversation records; read once.

        Raises:
            TypeError: The counter gave something else than a whole number.
        """
        count = self.counter or heuristic
        counts: dict[str, list[int]] = {}
        for row in self._choose(rows):
            for column, text in texts_of(row).items():
                if text:
                    counts.setdefault(column, []).append(_whole(count(text)))
        spreads = [ColumnTokens.of(column, found) for column, found in counts.items()]
        return tuple(sorted(spreads, key=lambda spread: -spread.tokens))

    def _read(self, rows: Iterable[str | Mapping[str, Any] | Record]) -> tuple[list[str], int, int, int]:
        """The texts of the sample, and of all rows the heuristic's tokens, ASCII characters and characters."""
        guessed = ascii_only = characters = 0

        def joined() -> Iterator[str]:
            nonlocal guessed, ascii_only, characters
            texts = ("".join(texts_of(row).values()) for row in rows)
            while batch := list(islice(texts, _BATCH)):
                text = "".join(batch)
                guessed += heuristic(text)
                characters += len(text)
                ascii_only += len(text.encode("ascii", "ignore"))
                yield from batch

        chosen = self._choose(joined())
        return chosen, guessed, ascii_only, characters

    def _choose(self, rows: Iterable[Any]) -> list[Any]:
        """At most ``sample`` rows, each with the same chance, in one pass (algorithm R, Vitter 1985)."""
        chance, chosen = random.Random(self.seed), []  # noqa: S311 - a sample of rows, no secret
        for number, row in enumerate(rows):
            if number < self.sample:
                chosen.append(row)
            elif (place := chance.randrange(number + 1)) < self.sample:
                chosen[place] = row
        return chosen


def measured(usages: Iterable[Usage]) -> TokenEstimate:
    """The input tokens that AWS counted for these requests: one figure, no band.

    Args:
        usages: The usage of each reply.

    Example:
        >>> measured([Usage(input_tokens=40, output_tokens=9), Usage(input_tokens=2, output_tokens=1)])
        TokenEstimate(low=42, expected=42, high=42, basis='measured')
    """
    total = sum(usage.input_tokens for usage in usages)
    return TokenEstimate(low=total, expected=total, high=total, basis="measured")


def _whole(count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"the counter gave {count!r}; it must give a whole number of tokens")
    return count
