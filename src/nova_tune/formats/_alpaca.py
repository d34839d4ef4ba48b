"""Alpaca: an instruction, perhaps an input to it, and the output to learn.

Source: the data README of LLaMA-Factory (which joins instruction and input with a line break), read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from nova_tune.conversation import text_line
from nova_tune.formats._chat import refuse, required, text_in

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen
class AlpacaFormat:
    """Rows with ``instruction`` and ``output``, and perhaps ``input``, ``system`` and ``history``."""

    kind: ClassVar[str] = "alpaca"
    columns: ClassVar[tuple[str, ...]] = ("instruction", "input", "output", "system", "history")

    system: str = ""

    @property
    def template(self) -> None:
        """None: whether a row has an input, and a history, differs from row to row."""
        return

    def line(self, row: Mapping[str, Any]) -> bytes:
        """The record of one row."""
        system, instruction, more, output = (
            text_in(value, f"column {name!r}")
            for name, value in (
                ("system", row.get("system") or self.system),
                ("instruction", required(row, "instruction")),
                ("input", row.get("input") or ""),
                ("output", required(row, "output")),
            )
        )
        turns = [turn for number, pair in enumerate(_history(row), 1) for turn in _pair(pair, number)]
        asked = "\n".join(text for text in (instruction, more) if text)
        return text_line(system, (*turns, ("user", asked), ("assistant", output)))


def _history(row: Mapping[str, Any]) -> list[Any]:
    history = row.get("history") or []
    if not isinstance(history, list):
        refuse("column 'history'", f"this is {type(history).__name__}, not a list", "give pairs of prompt and answer")
    return history


def _pair(pair: Any, number: int) -> tuple[tuple[str, str], tuple[str, str]]:
    place = f"column 'history', pair {number}"
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        refuse(place, "this is no pair of prompt and answer", "give two texts")
    return ("user", text_in(pair[0], place)), ("assistant", text_in(pair[1], place))


def alpaca(*, system: str = "") -> AlpacaFormat:
    r"""Instructions with their outputs; an input follows its instruction on a new line.

    Args:
        system: The system prompt for rows that bring none.

    Example:
        >>> b"Translate.\\nBrot" in alpaca().line({"instruction": "Translate.", "input": "Brot", "output": "bread"})
        True
    """
    return AlpacaFormat(system)
