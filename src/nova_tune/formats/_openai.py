"""OpenAI's chat format.

Source: OpenAI's fine-tuning and Chat Completions reference, read 2026-11-21; tools in training records: the Nova 2 user
guide, for Nova 2 Lite alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from nova_tune.formats._chat import ChatFormat, Turns, refuse, text_in
from nova_tune.template import clip

if TYPE_CHECKING:
    from collections.abc import Mapping

_TURN = ("role", "content", "tool_calls", "function_call", "tool_call_id", "weight", "refusal")
# Tuples, not sets: what is looked for in them may be a list.
_SYSTEM_ROLES, _TOOL_ROLES = ("system", "developer"), ("tool", "function")
_WEIGHTS, _TEXTS = (None, 1), ("text", "refusal")
_CALL = ("id", "type", "function", "index")
_IMAGES = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp"}


@attrs.frozen(kw_only=True)
class OpenAIChatFormat(ChatFormat):
    """Rows with ``messages`` of system, developer, user, assistant and tool."""

    kind: ClassVar[str] = "openai-chat"
    columns: ClassVar[tuple[str, ...]] = ("messages", "tools", "functions")

    ignore_weight: bool = False
    bucket_owner: str | None = None

    def read(self, row: Mapping[str, Any], turns: Turns) -> None:
        """Put what a row holds into a record."""
        for column in ("tools", "functions"):
            turns.add_tools(row.get(column), f"column {column!r}")
        for place, turn in self.turns_in(row, "messages"):
            role = turn.get("role")
            self.known(turn, (*_TURN, "name") if role in _TOOL_ROLES else _TURN, place)
            if role in _SYSTEM_ROLES:
                for block in self._blocks(turn.get("content"), place):
                    if "text" not in block:
                        refuse(place, "a system prompt is text alone", "move the image into the user's turn")
                    turns.add_system(block["text"], place)
            elif role == "user":
                turns.say("user", self._blocks(turn.get("content"), place) or _nothing(place, "the user"))
            elif role == "assistant":
                turns.say("assistant", self._answer(turn, turns, place) or _nothing(place, "the assistant"))
            elif role in _TOOL_ROLES:
                result = self._blocks(turn.get("content"), place) or [{"text": ""}]
                ident = turn.get("tool_call_id")
                name = turn.get("name") if role == "function" else None
                turns.result(result, place, ident=None if ident is None else text_in(ident, place), name=name)
            else:
                shown = repr(clip(role)) if isinstance(role, str) else type(role).__name__
                refuse(place, f"the role is {shown}", "roles are system, developer, user, assistant and tool")

    def _answer(self, turn: dict[str, Any], turns: Turns, place: str) -> list[dict[str, Any]]:
        if turn.get("weight") not in _WEIGHTS and not self.ignore_weight:
            refuse(place, "a weight other than 1 keeps a turn out of the loss, which training Nova cannot do",
                   "take the row out, or train on the turn as well with ignore_weight")  # fmt: skip
        blocks = self._blocks(turn.get("content") or turn.get("refusal"), place)
        calls = turn.get("tool_calls") or []
        if not isinstance(calls, list):
            refuse(place, "tool_calls is not a list", "give a list of calls")
        for call in calls:
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(function, dict):
                refuse(place, "a tool call without its function", "give each call its id and function")
            self.known(call, _CALL, place)
            ident = call.get("id")
            blocks.append(
                turns.call(
                    function.get("name"), function.get("arguments"), place,
                    None if ident is None else text_in(ident, f"{place}, the id of a call"),
                )
            )  # fmt: skip
        if isinstance(old := turn.get("function_call"), dict):
            blocks.append(turns.call(old.get("name"), old.get("arguments"), place))
        if not blocks and turn.get("content") == "":
            blocks.append({"text": ""})
        return blocks

    def _blocks(self, content: Any, place: str) -> list[dict[str, Any]]:
        if content is None:
            return []
        if not isinstance(content, list):
            return [{"text": text_in(content, f"{place}, the content")}]
        return [self._part(part, f"{place}, part {number}") for number, part in enumerate(content, 1)]

    def _part(self, part: Any, place: str) -> dict[str, Any]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in _TEXTS:
            self.known(part, ("type", kind), place)
            return {"text": text_in(part.get(kind), place)}
        if kind == "image_url":
            image = part.get("image_url")
            return self._image(image.get("url") if isinstance(image, dict) else image, place)
        shown = repr(clip(kind)) if isinstance(kind, str) else "no part with a type"
        return refuse(place, f"this is {shown}", "training records take text, and images by their s3:// URI")

    def _image(self, url: Any, place: str) -> dict[str, Any]:
        address = text_in(url, f"{place}, the address of the image")
        if not address.startswith("s3://"):
            how = "inside the record" if address.startswith("data:") else "outside S3"
            refuse(place, f"an image {how}; Nova trains on images in S3 alone",
                   "upload it to the bucket of the data set and give its s3:// URI")  # fmt: skip
        image_format = _IMAGES.get(address.rpartition(".")[2].lower())
        if image_format is None:
            refuse(place, "the name of the image does not tell its format",
                   f"it ends in one of {', '.join(_IMAGES)}")  # fmt: skip
        owner = {"bucketOwner": self.bucket_owner} if self.bucket_owner else {}
        return {"image": {"format": image_format, "source": {"s3Location": {"uri": address, **owner}}}}


def _nothing(place: str, who: str) -> list[dict[str, Any]]:
    refuse(place, f"{who} says nothing: there is no content and no call", "take the turn or the row out")


def openai_chat(
    *, ignore_weight: bool = False, bucket_owner: str | None = None, drop_unknown: bool = False
) -> OpenAIChatFormat:
    """OpenAI chat records: system prompts, turns, tool calls and their results.

    Tool calls become toolUse blocks, all results of a round one user turn, and ``tools`` the record's toolConfig: only
    Nova 2 Lite trains with them. Further columns of a row, such as ``temperature``, are left out.

    Args:
        ignore_weight: Train on turns with weight 0 as well; such rows are refused otherwise.
        bucket_owner: The account that owns the images' bucket, written beside each URI.
        drop_unknown: Leave out keys of a turn that a training record has no place for, such as ``name``; rows that
            hold one are refused otherwise.

    Example:
        >>> row = {"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]}
        >>> openai_chat().line(row)[-47:]
        b'{"role":"assistant","content":[{"text":"4"}]}]}'
    """
    return OpenAIChatFormat(ignore_weight=ignore_weight, bucket_owner=bucket_owner, drop_unknown=drop_unknown)
