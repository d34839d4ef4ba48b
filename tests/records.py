"""Training records for the tests, each drawn from one number: valid ones, edited ones, and odd spellings of both.

Free-form structures find little: almost none of them comes near a valid record. These begin valid and are bent once or
twice, so that every rule is reached from close by.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

VERSION = "bedrock-conversation-2024"
TEXTS = (
    "SELECT name FROM head WHERE age > 56",
    "How many?",
    'He said "no" \\ yes\n\ttwice',
    "Größe, 東京, 🛶, é",
    "a\u2028b\u0085c\x0bd\u0000e",
    "\u200b x \u00a0",
    "Userspace is no reserved word; neither is user : with a space",
    "0",
)
JUNK: tuple[Any, ...] = (
    None, True, 0, 1.5, "", " \u200b\n", "text", "user", "assistant", "system", [], {}, [[]], [{}], {"text": "x"},
    [{"text": "x"}], {"text": ""}, {"format": "png"}, "s3://bucket/key", "s3://b", "s3://bucket//x", "s3://bucket/k\n",
    "https://bucket/key", {"uri": "s3://bucket/a b"}, {"bytes": "aGk="}, "\u3000", "\u001c", "webp", "pdf",
    {"json": {}}, {"reasoningText": {"text": ""}}, {"tools": [{}]}, {"tools": [{"toolSpec": {"name": "t"}}]}, "12",
)  # fmt: skip
KEYS = (
    "text", "role", "content", "image", "video", "toolUse", "reasoningContent", "bytes", "uri", "note", "message",
    "json", "name", "toolResult", "input", "tools",
)  # fmt: skip


def text_record(*turns: str, system: str | None = "Be brief.") -> dict[str, Any]:
    """A valid record of texts: user and assistant in turn."""
    roles = ("user", "assistant")
    record: dict[str, Any] = {"schemaVersion": VERSION}
    if system is not None:
        record["system"] = [{"text": system}]
    record["messages"] = [
        {"role": roles[index % 2], "content": [{"text": text}]}
        for index, text in enumerate(turns or ("How many?", "Two"))
    ]
    return record


def media(kind: str, fmt: str, uri: str = "s3://bucket/media/1.bin") -> dict[str, Any]:
    """A content block with an image, a video or a document."""
    return {kind: {"format": fmt, "source": {"s3Location": {"uri": uri, "bucketOwner": "123456789012"}}}}


def tool_config(*names: str) -> dict[str, Any]:
    """A toolConfig with tools of these names."""
    schema = {"json": {"type": "object"}}
    return {"tools": [{"toolSpec": {"name": name, "description": "x", "inputSchema": schema}} for name in names]}


def tool_use(name: str = "t", call: str = "1") -> dict[str, Any]:
    """A block that calls a tool."""
    return {"toolUse": {"toolUseId": call, "name": name, "input": {"a": 1}}}


def tool_result(text: str = "two", call: str = "1") -> dict[str, Any]:
    """A block with a call's result."""
    return {"toolResult": {"toolUseId": call, "content": [{"text": text}]}}


def reasoning(text: str = "so") -> dict[str, Any]:
    """A block of reasoning."""
    return {"reasoningContent": {"reasoningText": {"text": text}}}


def tool_record() -> dict[str, Any]:
    """A valid record for Nova 2 Lite: reasoning, a call, its result and the answer."""
    record = text_record()
    record["toolConfig"] = tool_config("t")
    record["messages"] = [
        {"role": "user", "content": [{"text": "How many?"}]},
        {"role": "assistant", "content": [reasoning(), tool_use()]},
        {"role": "user", "content": [tool_result()]},
        {"role": "assistant", "content": [{"text": "Two"}]},
    ]
    return record


def valid_record(random: Random, model: str) -> dict[str, Any]:
    """A record without an error for this model."""
    turns = [random.choice(TEXTS) for _ in range(2 * random.randint(1, 3))]
    record = text_record(*turns, system=random.choice((None, *TEXTS)))
    kinds = {"nova-micro": (), "nova-2-lite": ("image", "video", "document")}.get(model, ("image", "video"))
    if kinds and random.random() < 0.6:
        kind = random.choice(kinds)
        formats = {"image": ("png", "jpeg", "gif"), "video": ("mov", "mkv", "mp4"), "document": ("pdf",)}
        if model != "nova-2-lite":
            formats |= {"image": ("webp",), "video": ("webm",)}
        for _ in range(random.randint(1, 10) if kind == "image" else 1):
            block = media(kind, random.choice(formats[kind]))
            record["messages"][random.randrange(0, len(turns), 2)]["content"].append(block)
    if model == "nova-2-lite" and random.random() < 0.5:
        record["toolConfig"] = tool_config("t")
        result = random.choice((tool_result(), {"toolResult": {"toolUseId": "1", "content": [{"json": {"b": 2}}]}}))
        record["messages"][-1]["content"].append(reasoning())
        record["messages"] += [
            {"role": "user", "content": [{"text": "do"}]},
            {"role": "assistant", "content": [tool_use()]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": [{"text": "done"}]},
        ]
    return record


def edited(random: Random, record: Any) -> Any:
    """The record after one edit at a random place: something left out, replaced, renamed, doubled or put in."""
    record = copy.deepcopy(record)
    places: list[tuple[Any, Any]] = []
    waiting = [record]
    while waiting:
        node = waiting.pop()
        names = list(node) if isinstance(node, dict) else range(len(node))
        for name in names:
            places.append((node, name))
            if isinstance(node[name], dict | list):
                waiting.append(node[name])
    if not places or random.random() < 0.01:
        return random.choice(JUNK)
    node, name = random.choice(places)
    what = random.random()
    if what < 0.2:
        del node[name]
    elif what < 0.7:
        node[name] = copy.deepcopy(random.choice(JUNK))
    elif isinstance(node, dict):
        if what < 0.85:
            node[random.choice(KEYS)] = node.pop(name)
        else:
            node[random.choice(KEYS)] = copy.deepcopy(random.choice(JUNK))
    else:
        node.insert(name, copy.deepcopy(node[name]))
    return record


def spelled(random: Random, record: Any) -> bytes:
    """The record as JSON in one of its many spellings."""
    text = json.dumps(
        shuffled(random, record),
        ensure_ascii=random.random() < 0.5,
        separators=random.choice(((",", ":"), (", ", ": "), (" ,\t", " : "))),
    )
    return text.encode()


def shuffled(random: Random, value: Any) -> Any:
    """The same value with its keys in another order."""
    if isinstance(value, dict):
        return {key: shuffled(random, value[key]) for key in random.sample(list(value), len(value))}
    return [shuffled(random, item) for item in value] if isinstance(value, list) else value


def damaged(random: Random, line: bytes) -> bytes:
    """The line with one byte changed, left out, or the rest cut off."""
    at = random.randrange(len(line))
    what = random.random()
    if what < 0.4:
        return line[:at] + bytes([random.randrange(256)]) + line[at + 1 :]
    return line[:at] + line[at + 1 :] if what < 0.7 else line[:at]
