"""Rows that are training records already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from nova_tune.errors import DatasetError
from nova_tune.formats._chat import json_line
from nova_tune.template import listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nova_tune.template import Template

_RECORD = ("schemaVersion", "system", "toolConfig", "messages")
_BLOCK = ("text", "image", "video", "document", "toolUse", "toolResult", "reasoningContent")


@attrs.frozen
class ConversationFormat:
    """Rows that are training records already."""

    kind: ClassVar[str] = "conversation"

    template: Template | None = None
    drop_unknown: bool = False

    def line(self, row: Mapping[str, Any]) -> bytes:
        """The record of one row."""
        if "messages" not in row:
            raise DatasetError(f"this row is not a conversation: it has no 'messages'; its columns are {listed(row)}")
        return json_line(_known(row) if self.drop_unknown else row)


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the keys of a training record alone; what is of a wrong type stays for the checks to tell."""
    record: dict[str, Any] = _only(_RECORD, row)
    if isinstance(record.get("system"), list):
        record["system"] = [_only(("text",), block) for block in record["system"]]
    if isinstance(record["messages"], list):
        record["messages"] = [_message(message) for message in record["messages"]]
    return record


def _message(message: Any) -> Any:
    kept = _only(("role", "content"), message)
    if isinstance(kept, dict) and isinstance(kept.get("content"), list):
        kept["content"] = [_only(_BLOCK, block) for block in kept["content"]]
    return kept


def _only(keys: Iterable[str], value: Any) -> Any:
    return {key: value[key] for key in value if key in keys} if hasattr(value, "keys") else value


def conversation(*, drop_unknown: bool = False) -> ConversationFormat:
    """Rows that are training records already, in bedrock-conversation-2024.

    Args:
        drop_unknown: Leave out keys that a record, a message or a block does not have; without it they stay.

    Example:
        >>> conversation(drop_unknown=True).line({"id": 7, "messages": []})
        b'{"messages":[]}'
    """
    return ConversationFormat(drop_unknown=drop_unknown)
