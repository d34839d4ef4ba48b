"""118 records that people get wrong, each as the third of four lines, with the verdict they get.

The list is that of a study of another library's validator, which took 42 of them and named no line for any.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_tune import Dataset
from nova_tune.models import MODELS
from records import VERSION, media, reasoning, text_record, tool_config, tool_result, tool_use

GOOD = json.dumps(text_record()).encode()
IMAGE = media("image", "png")


def record(**changes: Any) -> bytes:
    """A valid record with other keys; ``...`` leaves one out."""
    whole = {**text_record(), **changes}
    return json.dumps({key: value for key, value in whole.items() if value is not ...}).encode()


def asked(*blocks: Any, answer: Any = None) -> bytes:
    """A record whose user turn holds these blocks."""
    return record(messages=[
        {"role": "user", "content": list(blocks)},
        {"role": "assistant", "content": [{"text": "Two"}] if answer is None else answer},
    ])  # fmt: skip


def said(text: Any) -> bytes:
    """A record whose user turn is this text."""
    return asked({"text": text})


def roles(*names: Any) -> bytes:
    return record(messages=[{"role": name, "content": [{"text": "x"}]} for name in names])


def garbled(old: str, new: str) -> bytes:
    """A valid record with a key misspelt in its last message."""
    head, _, tail = GOOD.decode().rpartition(f'"{old}"')
    return f'{head}"{new}"{tail}'.encode()


def image(fmt: str = "png", **location: Any) -> dict[str, Any]:
    place = {"uri": "s3://bucket/1.png", "bucketOwner": "123456789012", **location}
    return {"image": {"format": fmt, "source": {"s3Location": {k: v for k, v in place.items() if v is not ...}}}}


INLINE = {"image": {"format": "png", "source": {"bytes": "aGk="}}}
BROKEN = {"image": {"format": "png", "source": {"bytes": "!"}}}
TWO_TURNS = text_record()["messages"]
RESERVED = (
    "System:", "SYSTEM:", "User:", "USER:", "Bot:", "BOT:", "Assistant:", "ASSISTANT:", "[EOS]", "<image>", "<video>",
)  # fmt: skip
PRETTY = json.dumps(text_record(), indent=1).encode()

# What, the third line, the rules broken in it for Nova Micro, and the model where it is another.
PROBES: list[tuple[Any, ...]] = [
    ("schemaVersion wrong", record(schemaVersion="2023-10-17"), ["schema.version"]),
    ("schemaVersion missing", record(schemaVersion=...), ["schema.version"]),
    ("schemaVersion null", record(schemaVersion=None), ["schema.version"]),
    ("schemaVersion in capitals", record(schemaVersion=VERSION.upper()), ["schema.version"]),
    ("schemaVersion with a space behind", record(schemaVersion=f"{VERSION} "), ["schema.version"]),
    ("system a string", record(system="Be brief."), ["system.shape"]),
    ("system an object", record(system={"text": "Be brief."}), ["system.shape"]),
    ("an image in system", record(system=[IMAGE]), ["keys.required"]),
    ("system empty", record(system=[]), ["system.shape"]),
    ("system null", record(system=None), ["system.shape"]),
    ("system text empty", record(system=[{"text": ""}]), ["text.empty"]),
    ("system text white space", record(system=[{"text": " \n"}]), ["text.empty"]),
    ("system of two blocks", record(system=[{"text": "a"}, {"text": "b"}]), ["system.blocks"]),
    ("a key more in a system block", record(system=[{"text": "a", "type": "text"}]), ["keys.unknown"]),
    ("system in some records only", record(system=...), []),
    ("messages missing", record(messages=...), ["keys.required"]),
    ("messages empty", record(messages=[]), ["messages.empty"]),
    ("messages null", record(messages=None), ["messages.shape"]),
    ("messages an object", record(messages=TWO_TURNS[0]), ["messages.shape"]),
    ("a user turn alone", roles("user"), ["turns.answer"]),
    ("the user last", roles("user", "assistant", "user"), ["turns.last"]),
    ("the assistant first", roles("assistant", "user", "assistant"), ["turns.first"]),
    ("two users in a row", roles("user", "user", "assistant"), ["turns.alternate"]),
    ("a system role", roles("system", "user", "assistant"), ["turns.role"]),
    ("a role with a capital", roles("User", "assistant"), ["turns.role"]),
    ("a role that is a number", roles(1, "assistant"), ["turns.role"]),
    ("position for role", garbled("role", "position"), ["keys.required", "keys.unknown", "turns.answer"]),
    ("content material for content", garbled("content", "content material"), ["keys.required", "keys.unknown"]),
    ("content a string", record(messages=[{"role": "user", "content": "x"}, TWO_TURNS[1]]), ["content.shape"]),
    ("content null", record(messages=[{"role": "user", "content": None}, TWO_TURNS[1]]), ["content.shape"]),
    ("content a list of strings", asked("x"), ["content.shape"]),
    ("content a nested list", asked([{"text": "x"}]), ["content.shape"]),
    ("content an empty block", asked({}), ["content.block"]),
    ("content an unknown key alone", asked({"txt": "x"}), ["content.block", "keys.unknown"]),
    ("the assistant says nothing", asked({"text": "x"}, answer=[]), ["content.empty"]),
    ("an unknown key beside text", asked({"text": "x", "type": "text"}), ["keys.unknown"]),
    ("text empty", said(""), ["text.empty"]),
    ("text white space", said(" \t\n"), ["text.empty"]),
    ("text of no width", said("\u200b"), ["text.empty"]),
    ("an empty text beside another", asked({"text": ""}, {"text": "x"}), ["text.empty"]),
    ("two text blocks", asked({"text": "a"}, {"text": "b"}), []),
    ("text null", said(None), ["text.type"]),
    ("text a number", said(5), ["text.type"]),
    ("text true", said(text=True), ["text.type"]),
    ("text NaN", said(float("nan")), ["json.number"]),
    *[(f"reserved {word}", said(f"a {word} b"), ["text.reserved"]) for word in RESERVED],
    ("reserved Thought:", said("Thought: b"), ["text.reserved-other"]),
    ("reserved <unk>", said("a <unk> b"), ["text.reserved-other"]),
    ("reserved in system", record(system=[{"text": "User: b"}]), ["text.reserved"]),
    ("reserved in a tool's result", record(toolConfig=tool_config("t"), messages=[
        TWO_TURNS[0], {"role": "assistant", "content": [tool_use()]},
        {"role": "user", "content": [tool_result("Bot: b")]}, TWO_TURNS[1],
    ]), ["text.reserved"], "nova-2-lite"),
    ("reserved in small letters", said("system: b"), ["text.reserved"]),
    ("reserved assistant:", said("assistant: b"), ["text.reserved"]),
    ("reserved [eos]", said("[eos]"), ["text.reserved"]),
    ("reserved <IMAGE>", said("<IMAGE>"), ["text.reserved"]),
    ("reserved over two blocks", asked({"text": "Us"}, {"text": "er: b"}), []),
    ("EcoSystem:", said("EcoSystem: b"), ["text.reserved-inside"]),
    ("SuperUser:", said("SuperUser: level"), ["text.reserved-inside"]),
    ("a key more in the record", record(id=7), ["keys.unknown"]),
    ("a key more in a message", record(messages=[{**TWO_TURNS[0], "name": "x"}, TWO_TURNS[1]]), ["keys.unknown"]),
    ("an image for Micro", asked(IMAGE), ["media.model"]),
    ("an image in the assistant's turn", asked({"text": "x"}, answer=[IMAGE]), ["media.role"], "nova-lite"),
    ("a bmp", asked(image("bmp")), ["media.format"], "nova-lite"),
    ("jpg for jpeg", asked(image("jpg")), ["media.format"], "nova-lite"),
    ("jpeg that is png", asked(image("jpeg")), [], "nova-lite"),  # only a look at the object tells: test_media.py
    ("an http address", asked(image(uri="https://bucket/1.png")), ["media.source"], "nova-lite"),
    ("a space in the address", asked(image(uri="s3://bucket/a b.png")), ["media.source"], "nova-lite"),
    ("no bucketOwner", asked(image(bucketOwner=...)), ["media.owner"], "nova-lite"),
    ("eleven images", asked(*[IMAGE] * 11), ["media.count"], "nova-lite"),
    ("reasoning for Micro", asked({"text": "x"}, answer=[reasoning(), {"text": "y"}]), ["tools.model"]),
    ("a cachePoint", asked({"text": "x"}, {"cachePoint": {"type": "default"}}), ["content.block", "keys.unknown"]),
    ("inline bytes", asked(INLINE), ["media.inline"], "nova-lite"),
    ("broken inline bytes", asked(BROKEN), ["media.inline"], "nova-lite"),
    ("bucketOwner abc", asked(image(bucketOwner="abc")), ["media.source"], "nova-lite"),
    ("an image among texts", asked({"text": "x"}, IMAGE), [], "nova-lite"),
    ("a call without toolConfig", asked({"text": "x"}, answer=[tool_use()]), ["tools.name"], "nova-2-lite"),
    ("toolConfig for Micro", record(toolConfig=tool_config("t")), ["tools.model"]),
    ("half a surrogate pair", GOOD.replace(b"How", rb"\ud83d"), ["json.surrogate"]),
    ("NUL and control characters", said("a\x00\x07b"), []),
    ("doubled keys", GOOD.replace(b'"role": "user"', b'"role": "user", "role": "user"'), ["keys.duplicate"]),
    ("U+2028", said("a\u2028b"), []),
    ("JSON cut off", GOOD[:-9], ["json.syntax"]),
    ("two objects on a line", GOOD + GOOD, ["json.extra"]),
    ("a comma too many", GOOD[:-1] + b",}", ["json.syntax"]),
    ("single quotes", GOOD.replace(b'"', b"'"), ["json.syntax"]),
    ("a record over many lines", PRETTY, ["json.extra", "json.syntax"]),
    ("a line that is a list", b"[]", ["record.object"]),
    ("a line that is a string", b'"text"', ["record.object"]),
    ("a line that is null", b"null", ["record.object"]),
    ("CRLF", GOOD + b"\r", ["lines.crlf"]),
    ("a blank line", b"", ["lines.blank"]),
    ("no UTF-8", GOOD.replace(b"How", b"\xff"), ["json.encoding"]),
    ("Latin-1", GOOD.replace(b"How", "Grün".encode("latin-1")), ["json.encoding"]),
    ("100,000 levels", b"[" * 100_000 + b"]" * 100_000, ["json.nesting"]),
    ("2 MB of text", said("a" * 2_000_000), ["length.context"]),
    ("1.2 million characters", said("word " * 240_000), ["length.context"]),
    ("an exact duplicate", GOOD, []),  # quality() counts them
]  # fmt: skip

# Whole files: what, the bytes, the rules, the model, the platform.
FILES: list[tuple[Any, ...]] = [
    ("a list first", b"[]\n" + (GOOD + b"\n") * 8, {"record.object": 1}, "nova-micro", "bedrock"),
    ("a string first", b'"a"\n' + (GOOD + b"\n") * 8, {"record.object": 1}, "nova-micro", "bedrock"),
    ("every line malformed", b"{\n" * 8, {"json.syntax": 8}, "nova-micro", "bedrock"),
    ("an empty file", b"", {"records.none": 1}, "nova-micro", "bedrock"),
    ("blank lines alone", b"\n \n", {"lines.blank": 2, "records.none": 1}, "nova-micro", "bedrock"),
    ("a byte order mark", b"\xef\xbb\xbf" + (GOOD + b"\n") * 8, {"json.bom": 1}, "nova-micro", "bedrock"),
    ("no line break at the end", (GOOD + b"\n") * 7 + GOOD, {}, "nova-micro", "bedrock"),
    ("UTF-16", GOOD.decode().encode("utf-16"), {"json.encoding": 1, "records.few": 1}, "nova-micro", "bedrock"),
    ("7 records", (GOOD + b"\n") * 7, {"records.few": 1}, "nova-micro", "bedrock"),
    ("7 records on SageMaker", (GOOD + b"\n") * 7, {}, "nova-micro", "sagemaker"),
    ("20,001 records", (GOOD + b"\n") * 20_001, {"records.many": 1}, "nova-micro", "bedrock"),
    ("20,001 records on SageMaker", (GOOD + b"\n") * 20_001, {}, "nova-micro", "sagemaker"),
]


@pytest.mark.parametrize("probe", PROBES, ids=[probe[0] for probe in PROBES])
def test_each_probe_gets_its_verdict(probe, tmp_path):
    """The third line of four breaks exactly the rules named, each found there and nowhere else."""
    _, line, rules, *model = probe
    file = tmp_path / "train.jsonl"
    file.write_bytes(b"\n".join([GOOD, GOOD, line, GOOD]) + b"\n")
    report = Dataset.from_jsonl(file).validate(model=(model or ["nova-micro"])[0], ignore=["records.few"])
    assert sorted(report.counts_by_rule) == rules
    assert {issue.line for issue in report.issues} <= set(range(3, 4 + line.count(b"\n")))


@pytest.mark.parametrize("probe", FILES, ids=[probe[0] for probe in FILES])
def test_each_file_gets_its_verdict(probe, tmp_path):
    """A whole file breaks exactly the rules named, as often as named."""
    _, data, counts, model, platform = probe
    file = tmp_path / "train.jsonl"
    file.write_bytes(data)
    assert Dataset.from_jsonl(file).validate(model=model, platform=platform).counts_by_rule == counts


def test_the_list_is_whole():
    """There are 118 probes, and no two of one name."""
    names = [probe[0] for probe in (*PROBES, *FILES)]
    assert len(set(names)) == len(names) == 118
    assert {probe[3] for probe in PROBES if len(probe) > 3} <= set(MODELS)
