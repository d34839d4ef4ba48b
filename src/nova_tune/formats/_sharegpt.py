"""ShareGPT: conversations of ``from`` and ``value``, with tools as LLaMA-Factory writes them.

Source: the data README of LLaMA-Factory, read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from nova_tune.formats._chat import ChatFormat, Turns, parsed, refuse, text_in
from nova_tune.template import clip

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROLES = {
    "human": "user", "user": "user",
    "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "system": "system",
    "function_call": "call", "tool_call": "call",
    "observation": "result", "tool": "result", "function_response": "result", "tool_response": "result",
}  # fmt: skip


@attrs.frozen(kw_only=True)
class ShareGPTFormat(ChatFormat):
    """Rows with ``conversations``, and perhaps ``system`` and ``tools``."""

    kind: ClassVar[str] = "sharegpt"
    columns: ClassVar[tuple[str, ...]] = ("conversations", "system", "tools")

    def read(self, row: Mapping[str, Any], turns: Turns) -> None:
        """Put what a row holds into a record."""
        turns.add_tools(row.get("tools"), "column 'tools'")
        if row.get("system"):
            turns.add_system(text_in(row["system"], "column 'system'"), "column 'system'")
        for place, turn in self.turns_in(row, "conversations"):
            who, what = ("role", "content") if "from" not in turn and "role" in turn else ("from", "value")
            self.known(turn, (who, what), place)
            speaker = turn.get(who)
            role = _ROLES.get(speaker.lower()) if isinstance(speaker, str) else None
            if role is None:
                shown = repr(clip(speaker)) if isinstance(speaker, str) else type(speaker).__name__
                refuse(place, f"{who!r} is {shown}", f"known are {', '.join(_ROLES)}")
            text = text_in(turn.get(what), f"{place}, {what!r}")
            if role == "system":
                turns.add_system(text, place)
            elif role == "call":
                turns.say("assistant", _calls(text, turns, place))
            elif role == "result":
                turns.result([{"text": text}], place)
            else:
                turns.say(role, [{"text": text}])


def _calls(text: str, turns: Turns, place: str) -> list[dict[str, Any]]:
    value = parsed(text, place)
    calls = value if isinstance(value, list) else [value]
    if not calls or not all(isinstance(call, dict) for call in calls):
        refuse(place, "a function call is a JSON object with name and arguments", "correct it in the source")
    return [turns.call(call.get("name"), call.get("arguments"), place) for call in calls]


def sharegpt(*, drop_unknown: bool = False) -> ShareGPTFormat:
    """ShareGPT conversations: human and gpt in turn, and function calls with their observations.

    A call becomes a toolUse block with an id made up for it, and the observation after it its result: only Nova 2 Lite
    trains with them.

    Args:
        drop_unknown: Leave out keys of a turn that a training record has no place for; rows that hold one are refused
            otherwise.

    Example:
        >>> row = {"conversations": [{"from": "human", "value": "2 + 2?"}, {"from": "gpt", "value": "4"}]}
        >>> sharegpt().line(row)[-47:]
        b'{"role":"assistant","content":[{"text":"4"}]}]}'
    """
    return ShareGPTFormat(drop_unknown=drop_unknown)
