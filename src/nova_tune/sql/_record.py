"""Where the SQL of a training record stands, and where its schema may."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec


class Parts(NamedTuple):
    """A record with its last answer: the answer's place and block, and every text before it."""

    record: Any
    path: str
    block: dict[str, Any]
    answer: str
    texts: list[str]


def parts_of(line: bytes) -> Parts | None:
    """The parts of a line of a training file; None when it is no conversation with an answer.

    Args:
        line: The line's bytes.
    """
    try:
        record = msgspec.json.decode(line)
        turns = record["messages"]
        last = max(index for index, turn in enumerate(turns) if turn["role"] == "assistant")
        before = [*(record.get("system") or ()), *(block for turn in turns[:last] for block in turn["content"])]
        texts = [block["text"] for block in before if isinstance(block.get("text"), str)]
        index, block = next((at, block) for at, block in enumerate(turns[last]["content"]) if "text" in block)
        answer = block["text"]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, StopIteration):
        return None
    return (
        Parts(record, f"/messages/{last}/content/{index}/text", block, answer, texts)
        if isinstance(answer, str)
        else None
    )
