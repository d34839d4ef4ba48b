"""The format in which Claude is fine-tuned on Bedrock, and that of Anthropic's Messages API.

Source: the Bedrock user guide's page on data for Claude 3, and Anthropic's Messages reference, read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from nova_tune.formats._chat import ChatFormat, Turns, refuse, text_in
from nova_tune.template import clip

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROLES = ("user", "assistant")  # no set: a role may be a list


@attrs.frozen(kw_only=True)
class ClaudeFormat(ChatFormat):
    """Rows with ``system`` as a text and ``messages`` of user and assistant."""

    kind: ClassVar[str] = "claude"
    columns: ClassVar[tuple[str, ...]] = ("system", "messages", "tools")

    def read(self, row: Mapping[str, Any], turns: Turns) -> None:
        """Put what a row holds into a record."""
        turns.add_tools(row.get("tools"), "column 'tools'")
        for block in self._texts(row.get("system") or [], "column 'system'"):
            turns.add_system(block["text"], "column 'system'")
        for place, turn in self.turns_in(row, "messages"):
            self.known(turn, ("role", "content"), place)
            role = turn.get("role")
            if role not in _ROLES:
                shown = repr(clip(role)) if isinstance(role, str) else type(role).__name__
                refuse(place, f"the role is {shown}", "roles are user and assistant; the system prompt has a column")
            self._turn(role, turn.get("content"), turns, place)

    def _turn(self, role: str, content: Any, turns: Turns, place: str) -> None:
        if not isinstance(content, list):
            turns.say(role, self._texts(content, f"{place}, the content"))
            return
        said: list[dict[str, Any]] = []
        for number, block in enumerate(content, 1):
            here = f"{place}, block {number}"
            kind = block.get("type") if isinstance(block, dict) else None
            if kind == "tool_result" and role == "user":
                self.known(block, ("type", "tool_use_id", "content"), here)
                turns.result(
                    self._texts(block.get("content") or "", here), here, ident=text_in(block.get("tool_use_id"), here)
                )
            elif kind == "tool_use" and role == "assistant":
                self.known(block, ("type", "id", "name", "input"), here)
                said.append(turns.call(block.get("name"), block.get("input"), here, text_in(block.get("id"), here)))
            else:
                said.extend(self._texts([block], here))
        if said or not content:
            turns.say(role, said)

    def _texts(self, content: Any, place: str) -> list[dict[str, Any]]:
        if not isinstance(content, list):
            return [{"text": text_in(content, place)}]
        for block in content:
            kind = block.get("type") if isinstance(block, dict) else type(block).__name__
            if kind != "text":
                shown = repr(clip(kind)) if isinstance(kind, str) else "a block without a type"
                refuse(place, f"this is {shown}", "upload images to S3 and write such rows as training records")
            self.known(block, ("type", "text", "cache_control"), place)
        return [{"text": text_in(block.get("text"), place)} for block in content]


def claude(*, drop_unknown: bool = False) -> ClaudeFormat:
    """Records for Claude on Bedrock: ``system`` and ``content`` are texts, or blocks as Anthropic writes them.

    Args:
        drop_unknown: Leave out keys of a turn that a training record has no place for; rows that hold one are refused
            otherwise.

    Example:
        >>> row = {"system": "Be brief.", "messages": [{"role": "user", "content": "2 + 2?"}]}
        >>> claude().line(row)[45:78]
        b'"system":[{"text":"Be brief."}],"'
    """
    return ClaudeFormat(drop_unknown=drop_unknown)
