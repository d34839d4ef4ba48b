"""explain(): every rule with its place, nothing found in valid records, and no crash whatever the bytes."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nova_tune.checks import RULES, SAFE_BYTES, STRUCTURAL, explain
from nova_tune.models import DOUBTFUL_WORDS, MODELS, RESERVED_WORDS
from nova_tune.tokens import estimate_tokens
from records import (
    damaged,
    edited,
    media,
    reasoning,
    spelled,
    text_record,
    tool_config,
    tool_record,
    tool_result,
    tool_use,
    valid_record,
)

MICRO, LITE, NOVA_2 = (MODELS[name] for name in ("nova-micro", "nova-lite", "nova-2-lite"))
SEEDS = st.integers(0, 2**63)


def found(record: Any, model: Any = MICRO) -> list[tuple[str, str, str]]:
    """Rule, severity and path of each finding."""
    line = record if isinstance(record, bytes) else json.dumps(record).encode()
    return [(issue.rule, issue.severity, issue.path) for issue in explain(line, model=model)]


def with_(path: str, value: Any, record: dict[str, Any] | None = None) -> dict[str, Any]:
    """A valid record with another value at one place; ``...`` takes the place out."""
    record = text_record() if record is None else record
    *parents, last = path.strip("/").split("/")
    node: Any = record
    for name in parents:
        node = node[int(name)] if isinstance(node, list) else node[name]
    if value is ...:
        del node[last]
    elif isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return record


def with_media(*blocks: dict[str, Any]) -> dict[str, Any]:
    record = text_record()
    record["messages"][0]["content"].extend(blocks)
    return record


def with_image() -> dict[str, Any]:
    return with_media(media("image", "png"))


def turns(*roles: Any) -> dict[str, Any]:
    record = text_record()
    record["messages"] = [{"role": role, "content": [{"text": "x"}]} for role in roles]
    return record


SYNTAX = [
    ("the line is not JSON", b"{'a': 1}", "json.syntax", ""),
    ("the line is cut", b'{"messages": [', "json.syntax", ""),
    ("a raw line break in a text", b'{"a": "b\x01"}', "json.syntax", ""),
    ("nothing at all", b"", "json.syntax", ""),
    ("two records on a line", b"{} {}", "json.extra", "one object a line"),
    ("a byte order mark", b"\xef\xbb\xbf{}", "json.bom", "UTF-8 without BOM"),
    ("Latin-1", '{"a": "é"}'.encode("latin-1"), "json.encoding", "UTF-8"),
    ("a surrogate in UTF-8", b'{"a": "\xed\xa0\x80"}', "json.encoding", "UTF-8"),
    ("not a number", b'{"a": NaN}', "json.number", "null"),
    ("an infinity", b'{"a": -Infinity}', "json.number", "null"),
    ("a number beyond floating point", b'{"a": 1e999}', "json.number", "null"),
    ("a whole number of 5,000 digits", b'{"a": ' + b"9" * 5000 + b"}", "json.number", ""),
    ("half a surrogate pair", rb'{"a": ["\ud83d"]}', "json.surrogate", "write the character"),
    ("half a surrogate pair as a key", rb'{"\udc00": 1}', "json.surrogate", "write the character"),
    ("nested beyond reason", b"[" * 129 + b"]" * 129, "json.nesting", ""),
    ("objects nested beyond reason", b'{"a":' * 129 + b"1" + b"}" * 129, "json.nesting", ""),
    ("nested beyond the stack", b"[" * 200_000, "json.nesting", ""),
]


@pytest.mark.parametrize(("line", "rule", "hint"), [case[1:] for case in SYNTAX], ids=[case[0] for case in SYNTAX])
def test_a_line_that_cannot_be_read_has_one_finding(line, rule, hint):
    """A fault of syntax or encoding is one error of a ``json.`` rule for the whole line, with its remedy."""
    (issue,) = explain(line, model=MICRO)
    assert (issue.rule, issue.severity, issue.path) == (rule, "error", "")
    assert hint in issue.hint


@pytest.mark.parametrize(
    "text",
    [
        r'"\ud83d\ude00"', '"\u2028\x7f"', r'"\u0000\/"', "[" * 128 + "]" * 128, "-0.0e-999", "1E-400",
        '{"a": {}, "b": [null, true, 123456789012345678901234567890]}', ' {"a"\t:\r1 } ', r'"\\ud800"',
    ],
)  # fmt: skip
def test_unusual_json_is_json(text):
    """What the grammar of JSON allows has no ``json.`` finding, however odd."""
    assert not [rule for rule, _, _ in found(text.encode()) if rule.startswith("json.")]


USE, RESULT = "/messages/1/content/1/toolUse", "/messages/2/content/0/toolResult"
THOUGHT, SPEC = "/messages/1/content/0/reasoningContent", "/toolConfig/tools/0/toolSpec"
PLACE = "/messages/0/content/1/image/source/s3Location"

ERRORS = [
    ("record.object", [], "", MICRO, ""),
    ("record.object", "text", "", MICRO, ""),
    ("keys.required", with_("/messages", ...), "", MICRO, ""),
    ("schema.type", with_("/schemaVersion", 2024), "/schemaVersion", MICRO, "bedrock-conversation-2024"),
    ("system.shape", with_("/system", "Be brief."), "/system", MICRO, '[{"text": "..."}]'),
    ("system.shape", with_("/system", None), "/system", MICRO, '[{"text": "..."}]'),
    ("system.shape", with_("/system", []), "/system", MICRO, "leave the key out"),
    ("system.shape", with_("/system/0", "Be brief."), "/system/0", MICRO, ""),
    ("keys.required", with_("/system/0", {}), "/system/0", MICRO, ""),
    ("text.type", with_("/system/0/text", 5), "/system/0/text", MICRO, "JSON string"),
    ("messages.shape", with_("/messages", {}), "/messages", MICRO, ""),
    ("messages.empty", with_("/messages", []), "/messages", MICRO, ""),
    ("messages.shape", with_("/messages", [*turns("user", "assistant")["messages"], 5]), "/messages/2", MICRO, ""),
    ("keys.required", with_("/messages/0/role", ...), "/messages/0", MICRO, ""),
    ("keys.required", with_("/messages/0/content", ...), "/messages/0", MICRO, ""),
    ("turns.role", with_("/messages/0/role", "User"), "/messages/0/role", MICRO, "'user' or 'assistant'"),
    ("turns.role", with_("/messages/0/role", ["user"]), "/messages/0/role", MICRO, "'user' or 'assistant'"),
    ("turns.first", turns("assistant"), "/messages/0/role", MICRO, "user"),
    ("turns.alternate", turns("user", "user", "assistant"), "/messages/1/role", MICRO, "join"),
    ("turns.last", turns("user", "assistant", "user"), "/messages/2/role", MICRO, "assistant"),
    ("turns.answer", turns("user"), "/messages", MICRO, "distillation"),
    ("content.shape", with_("/messages/0/content", "Hi"), "/messages/0/content", MICRO, '[{"text": "..."}]'),
    ("content.shape", with_("/messages/0/content", {}), "/messages/0/content", MICRO, ""),
    ("content.shape", with_("/messages/0/content/0", "Hi"), "/messages/0/content/0", MICRO, ""),
    ("content.empty", with_("/messages/0/content", []), "/messages/0/content", MICRO, ""),
    ("content.block", with_("/messages/0/content/0", {}), "/messages/0/content/0", MICRO, ""),
    ("text.type", with_("/messages/0/content/0/text", None), "/messages/0/content/0/text", MICRO, "JSON string"),
    ("text.type", with_("/messages/0/content/0/text", False), "/messages/0/content/0/text", MICRO, "JSON string"),
    ("text.empty", with_("/messages/1/content/0/text", ""), "/messages/1/content/0/text", MICRO, ""),
    ("text.empty", with_("/messages/1/content/0/text", " \u200b\n"), "/messages/1/content/0/text", MICRO, ""),
    ("media.model", with_media(media("image", "png")), "/messages/0/content/1/image", MICRO, "text alone"),
    ("media.model", with_media(media("document", "pdf")), "/messages/0/content/1/document", LITE, "image, video"),
    ("media.shape", with_media({"image": "x.png"}), "/messages/0/content/1/image", LITE, ""),
    ("media.format", with_media(media("image", "tiff")), "/messages/0/content/1/image/format", LITE, ""),
    ("media.source", with_media({"video": {"format": "mp4"}}), "/messages/0/content/1/video/source", LITE, ""),
    ("media.source", with_media({"video": {"format": "mp4", "source": {"s3Location": "s3://b"}}}),
     "/messages/0/content/1/video/source", LITE, ""),
    ("media.source", with_media(media("image", "png", "https://x/y")),
     "/messages/0/content/1/image/source/s3Location/uri", LITE, ""),
    ("media.source", with_("/messages/0/content/1/image/source/s3Location/bucketOwner", 12, with_image()),
     "/messages/0/content/1/image/source/s3Location/bucketOwner", LITE, "JSON string"),
    ("media.inline", with_media({"image": {"format": "png", "source": {"bytes": "aGk="}}}),
     "/messages/0/content/1/image/source/bytes", LITE, "s3Location.uri"),
    ("media.count", with_media(*[media("image", "png")] * 11), "/messages", LITE, ""),
    ("media.count", with_media(*[media("video", "mp4")] * 2), "/messages", LITE, ""),
    ("media.mixed", with_media(media("image", "png"), media("video", "mp4")), "/messages", LITE, ""),
    ("media.role", with_("/messages/1/content", [{"text": "x"}, media("image", "png")]),
     "/messages/1/content/1/image", LITE, ""),
    ("tools.model", with_("/toolConfig", {}), "/toolConfig", LITE, "nova-2-lite"),
    ("tools.model", with_("/messages/0/content/0", {"toolUse": {}}), "/messages/0/content/0/toolUse", LITE, "plain"),
    ("media.format", with_media(media("image", "JPG")), "/messages/0/content/1/image/format", LITE, "write 'jpeg'"),
    ("media.source", with_(f"{PLACE}/bucketOwner", "me", with_image()), f"{PLACE}/bucketOwner", LITE, "twelve digits"),
    ("media.source", with_(f"{PLACE}/uri", "s3://bucket/", with_image()), f"{PLACE}/uri", LITE, ""),
    ("media.source", with_(f"{PLACE}/uri", "s3://bucket/a(1).png", with_image()), f"{PLACE}/uri", LITE, "rename"),
    ("tools.shape", with_("/toolConfig", []), "/toolConfig", NOVA_2, ""),
    ("tools.shape", with_("/toolConfig", {"tools": []}), "/toolConfig", NOVA_2, "toolSpec"),
    ("tools.shape", with_("/toolConfig", {"tools": ["t"]}), "/toolConfig/tools/0", NOVA_2, ""),
    ("tools.shape", with_(f"{SPEC}/name", " ", with_("/messages", text_record()["messages"], tool_record())),
     SPEC, NOVA_2, ""),
    ("tools.shape", with_(f"{SPEC}/description", 5, tool_record()), SPEC, NOVA_2, ""),
    ("tools.shape", with_(f"{SPEC}/inputSchema", {"type": "object"}, tool_record()), SPEC, NOVA_2, "json"),
    ("tools.shape", with_("/messages/0/content/0", {"toolResult": 1}), "/messages/0/content/0/toolResult", NOVA_2, ""),
    ("tools.shape", with_(f"{USE}/input", "a", tool_record()), USE, NOVA_2, ""),
    ("tools.shape", with_(f"{USE}/name", ..., tool_record()), USE, NOVA_2, ""),
    ("tools.shape", with_("/messages/2/content", [tool_result(), {"toolResult": {"content": [{"text": "x"}]}}],
                          tool_record()), "/messages/2/content/1/toolResult", NOVA_2, ""),
    ("tools.shape", with_(f"{RESULT}/content", "two", tool_record()), RESULT, NOVA_2, '[{"text": "..."}]'),
    ("tools.shape", with_(f"{RESULT}/content/0", {"text": "a", "json": {}}, tool_record()), f"{RESULT}/content/0",
     NOVA_2, ""),
    ("text.type", with_(f"{RESULT}/content/0/text", 2, tool_record()), f"{RESULT}/content/0/text", NOVA_2, ""),
    ("tools.shape", with_(THOUGHT, {"text": "so"}, tool_record()), THOUGHT, NOVA_2, "reasoningText"),
    ("text.empty", with_(f"{THOUGHT}/reasoningText/text", " ", tool_record()), f"{THOUGHT}/reasoningText/text", NOVA_2,
     ""),
    ("text.reserved", with_(f"{THOUGHT}/reasoningText/text", "[EOS]", tool_record()), f"{THOUGHT}/reasoningText/text",
     NOVA_2, ""),
    ("text.reserved", with_(f"{RESULT}/content/0/text", "Bot: x", tool_record()), f"{RESULT}/content/0/text", NOVA_2,
     ""),
    ("tools.role", with_("/messages/0/content", [{"text": "x"}, reasoning()]),
     "/messages/0/content/1/reasoningContent", NOVA_2, ""),
    ("tools.role", with_("/messages/3/content", [tool_result(call="2")], with_("/messages/1/content",
     [tool_use(), tool_use(call="2")], tool_record())), "/messages/3/content/0/toolResult", NOVA_2, ""),
    ("tools.doubled", with_("/toolConfig", tool_config("t", "u", "t"), tool_record()),
     "/toolConfig/tools/2/toolSpec/name", NOVA_2, ""),
    ("tools.name", with_(f"{USE}/name", "other", tool_record()), f"{USE}/name", NOVA_2, ""),
    ("tools.name", with_("/toolConfig", ..., tool_record()), f"{USE}/name", NOVA_2, ""),
    ("tools.id", with_("/messages/1/content", [tool_use(), tool_use()], tool_record()),
     "/messages/1/content/1/toolUse/toolUseId", NOVA_2, ""),
    ("tools.id", with_("/messages/2/content", [tool_result(), tool_result()], tool_record()),
     "/messages/2/content/1/toolResult/toolUseId", NOVA_2, ""),
    ("tools.id", with_("/messages/1/content", [{"text": "x"}], tool_record()), f"{RESULT}/toolUseId", NOVA_2, ""),
    ("length.context", text_record("a " * 32_001, "x"), "", MICRO, "shorten"),
    ("length.context", text_record("a" * 640_001, "x"), "", MICRO, "shorten"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "record", "path", "model", "hint"), ERRORS, ids=[f"{n}-{case[0]}" for n, case in enumerate(ERRORS)]
)
def test_each_error_has_its_rule_its_place_and_its_remedy(rule, record, path, model, hint):
    """Each fault that AWS refuses is exactly one error, at the JSON Pointer of what is wrong."""
    issues = [issue for issue in explain(json.dumps(record).encode(), model=model) if issue.severity == "error"]
    assert [(issue.rule, issue.path) for issue in issues] == [(rule, path)]
    assert hint in issues[0].hint
    assert not rule.startswith("json.")


DOUBTS = [
    ("schema.version", with_("/schemaVersion", ...), "/schemaVersion", "bedrock-conversation-2024", MICRO),
    ("schema.version", with_("/schemaVersion", None), "/schemaVersion", "bedrock-conversation-2024", MICRO),
    ("schema.version", with_("/schemaVersion", "bedrock-conversion-2024"), "/schemaVersion", "-conversation-", MICRO),
    ("keys.unknown", with_("/id", 7), "/id", "disagree", MICRO),
    ("keys.unknown", with_("/a~b", 7), "/a~0b", "disagree", MICRO),
    ("keys.unknown", with_("/messages/0/name", "x"), "/messages/0/name", "disagree", MICRO),
    ("keys.unknown", with_("/messages/0/content/0/type", "text"), "/messages/0/content/0/type", "disagree", MICRO),
    ("keys.unknown", with_("/system/0/cachePoint", {}), "/system/0/cachePoint", "disagree", MICRO),
    ("text.reserved-other", with_("/system/0/text", "<UNK> is"), "/system/0/text", "", MICRO),
    ("keys.unknown", with_("/messages/0/content/1/image/source/s3Location/url", "x", with_image()), f"{PLACE}/url",
     "disagree", LITE),
    ("keys.unknown", with_("/toolConfig/toolChoice", {}, tool_record()), "/toolConfig/toolChoice", "disagree", NOVA_2),
    ("media.owner", with_(f"{PLACE}/bucketOwner", ..., with_image()), PLACE, "disagree", LITE),
    ("media.format-disputed", with_media(media("image", "webp")), "/messages/0/content/1/image/format", "png", NOVA_2),
    ("media.format-disputed", with_media(media("video", "webm")), "/messages/0/content/1/video/format", "mp4", NOVA_2),
    ("tools.spec", with_(f"{SPEC}/description", ..., tool_record()), SPEC, "script", NOVA_2),
    ("tools.spec", with_(f"{SPEC}/inputSchema/json", {}, tool_record()), SPEC, "script", NOVA_2),
    ("tools.answer", with_("/messages/2/content", [{"text": "x"}], tool_record()), USE, "Converse", NOVA_2),
    ("content.reasoning", with_("/messages/1/content", [reasoning()]), "/messages/1/content", "answer", NOVA_2),
    ("length.estimate", text_record("a" * 150_000, "x"), "", "shorten", MICRO),
    ("length.estimate", text_record("東" * 24_000, "x"), "", "shorten", MICRO),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "record", "path", "hint", "model"), DOUBTS, ids=[f"{n}-{case[0]}" for n, case in enumerate(DOUBTS)]
)
def test_where_the_sources_disagree_it_warns(rule, record, path, hint, model):
    """What AWS's own tools disagree on, and what is likely a mistake, is one warning and no error."""
    (issue,) = explain(json.dumps(record).encode(), model=model)
    assert (issue.rule, issue.severity, issue.path) == (rule, "warning", path)
    assert hint in issue.hint


def test_several_system_blocks_are_worth_knowing():
    """Two system blocks are a note, not a fault."""
    assert found(with_("/system", [{"text": "a"}, {"text": "b"}])) == [("system.blocks", "info", "/system")]


def test_a_missing_key_names_the_typo_beside_it():
    """A key that is missing beside one that looks like it says so, and so does the finding of the unknown key."""
    record = text_record()
    record["message"] = record.pop("messages")
    issues = {issue.rule: issue for issue in explain(json.dumps(record).encode(), model=MICRO)}
    assert "'message' may be meant for it" in issues["keys.required"].hint
    assert "did you mean 'messages'" in issues["keys.unknown"].hint


def test_a_block_of_two_kinds_is_refused():
    """A content block that holds two things is one error that names both."""
    (issue,) = explain(json.dumps(with_media({"text": "x", **media("image", "png")})).encode(), model=LITE)
    assert (issue.rule, issue.path) == ("content.block", "/messages/0/content/1")
    assert "text and image" in issue.message


def test_doubled_keys_are_found_however_deep():
    """A key that stands twice is one error at its place, wherever it stands and however often."""
    line = json.dumps(text_record()).replace('"role": "user"', '"role": "user", "role": "user", "role": "user"')
    line = line.replace('{"schemaVersion"', '{"a/b": [[{"c": 1, "c": 2}]], "schemaVersion"')
    issues = explain(line.encode(), model=MICRO)
    paths = [issue.path for issue in issues if issue.rule == "keys.duplicate"]
    assert paths == ["/a~1b/0/0/c", "/messages/0/role"]
    assert {issue.severity for issue in issues if issue.rule == "keys.duplicate"} == {"error"}


@pytest.mark.parametrize("word", RESERVED_WORDS.value)
@pytest.mark.parametrize("spell", [str, str.upper, str.lower])
def test_reserved_words_are_errors_in_any_case_and_any_text(word, spell):
    """Each documented reserved word is an error in system, user and assistant text, with its place in the text."""
    for path in ("/system/0/text", "/messages/0/content/0/text", "/messages/1/content/0/text"):
        (issue,) = explain(json.dumps(with_(path, f"ab {spell(word)} c")).encode(), model=MICRO)
        assert (issue.rule, issue.severity, issue.path) == ("text.reserved", "error", path)
        assert "character 4" in issue.message
        assert issue.hint


@pytest.mark.parametrize("word", DOUBTFUL_WORDS.value)
def test_doubtful_words_are_warnings(word):
    """A word that AWS's scripts alone refuse is a warning."""
    assert found(with_("/system/0/text", f"x {word}")) == [("text.reserved-other", "warning", "/system/0/text")]


@pytest.mark.parametrize("text", ["SuperUser: x", "a chatbot: x", "end_user: x", "éUser: x"])
def test_a_reserved_word_inside_a_longer_one_has_a_rule_of_its_own(text):
    """SuperUser: is refused by AWS too, under a rule that can be ignored by itself."""
    assert found(with_("/system/0/text", text)) == [("text.reserved-inside", "error", "/system/0/text")]


@pytest.mark.parametrize("text", ["user : x", "Users: x", "u\u017fer: x", "<images>", "[EOS", "a < b[0]: c"])
def test_what_only_looks_like_a_reserved_word_is_none(text):
    """A space before the colon, a plural, or a letter that merely folds to one of theirs is no finding."""
    assert found(with_("/system/0/text", text)) == []


@settings(max_examples=300)
@given(SEEDS, st.sampled_from(sorted(MODELS)))
def test_valid_records_have_no_error(seed, model):
    """A generated conversation that the model takes, in any spelling of JSON, has no error and no warning."""
    random = Random(seed)
    issues = explain(spelled(random, valid_record(random, model)), model=MODELS[model])
    assert [issue for issue in issues if issue.severity != "info"] == []


@settings(max_examples=400)
@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))))
@example(b"\x00")
@example(b"[" * 1000)
@example(b'{"a":' * 500)
@example(json.dumps({"messages": [{"role": [], "content": [{"image": []}]}], "system": {}}).encode())
def test_no_bytes_make_it_crash(line):
    """Whatever the bytes are, the answer is a list of findings, at least one of them an error."""
    for model in MODELS.values():
        assert any(issue.severity == "error" for issue in explain(line, model=model))


@settings(max_examples=500)
@given(SEEDS, st.sampled_from(sorted(MODELS)))
def test_edits_and_damage_never_crash_and_point_into_the_record(seed, model):
    """A bent record or damaged line gives findings whose pointers lead into the record, up to the last part."""
    random = Random(seed)
    record = edited(random, valid_record(random, model))
    line = spelled(random, record)
    if random.random() < 0.3:
        line = damaged(random, line)
    issues = explain(line, model=MODELS[model])
    json_rules = [issue for issue in issues if issue.rule.startswith("json.")]
    assert json_rules in ([], issues)
    try:
        value = json.loads(line.decode())
    except ValueError:
        assert json_rules
        return
    for issue in issues:
        node = value
        for name in issue.path.split("/")[1:-1]:
            node = node[int(name)] if isinstance(node, list) else node[name.replace("~1", "/").replace("~0", "~")]


STRICTER = {
    "media.source", "schema.type", "system.shape", "text.empty", "text.type", "tools.shape", "content.block",
    "media.inline", "media.shape", "tools.model",
}  # fmt: skip
"""Where we refuse more than the rehearsal's service: an empty text beside another, an empty list for system, an account
of other than twelve digits, a version or description that is no text, bytes beside an S3 location, null for what a
block does not hold. AWS's documents show none of these."""


@pytest.mark.extra
@settings(max_examples=500)
@given(SEEDS, st.sampled_from(sorted(MODELS)))
def test_what_we_take_the_rehearsals_service_takes(seed, model):
    """The rehearsal's own reading of AWS's rules refuses nothing that we take; where we refuse more is listed."""
    from nova_tune.rehearsal._brains._records import check_records

    random = Random(seed)
    record = valid_record(random, model)
    for _ in range(random.randint(0, 2)):
        record = edited(random, record) if isinstance(record, dict | list) else record
    line = spelled(random, record)
    line = damaged(random, line) if random.random() < 0.1 else line
    if b"\n" in line or not line.strip():
        return
    refused = {issue.rule for issue in explain(line, model=MODELS[model]) if issue.severity == "error"}
    if check_records([line], base_model_id=MODELS[model].customizable_id.value).rejected:
        assert refused
    else:
        assert refused <= STRICTER


LONG = st.text(alphabet="abcdefgh é", min_size=60, max_size=200).map(lambda text: f"s3://{text}")


@given(LONG, LONG)
def test_no_message_repeats_the_record(key, text):
    """No message, hint or path holds more than 40 characters of a long key, text, role, version or URI."""
    records = [
        {key: 1, "schemaVersion": text, "system": [{key: text}], "messages": [{"role": text, "content": [{key: 1}]}]},
        {"schemaVersion": [text], "messages": [{key: text, "content": text}], "toolConfig": text},
        with_("/system/0/text", f"{text} User: {text}"),
        with_media(media("image", text, text), media("image", "png", f"s3://bucket/{text}")),
        with_media(media("image", "png", "s3://" + text * 20)),
    ]
    lines = [json.dumps(record).encode() for record in records]
    lines += [
        f'{{"{key}": 1, "{key}": {{"{key}": 1, "{key}": 1}}}}'.encode(),
        f'"{text}" {text}'.encode(),
        text.encode(),
    ]
    for line in lines:
        for issue in explain(line, model=LITE):
            for said in (issue.message, issue.hint, *issue.path.split("/")):
                assert not any(long[at : at + 41] in said for long in (key, text) for at in range(len(long) - 40))


def test_the_structural_rules_are_rules():
    """Every rule that the schema is said to share is one that explain knows from the cases above."""
    assert {rule for rule, *_ in ERRORS} >= STRUCTURAL


def test_what_a_tool_gives_may_be_nothing():
    """The text of a tool's result may be empty, and its call may be the record's end."""
    record = with_(f"{RESULT}/content/0/text", "", tool_record())
    record["messages"] += text_record()["messages"]
    record["messages"][-1]["content"] = [tool_use(call="2")]
    assert found(record, NOVA_2) == []


@given(st.text(), st.sampled_from("9%東é"))
def test_a_short_line_is_never_too_long(text, letter):
    """Within SAFE_BYTES no estimate reaches any model's context, so that the length is not looked at."""
    text = (text + letter * SAFE_BYTES).encode("utf-8", "ignore")[:SAFE_BYTES].decode("utf-8", "ignore")
    assert estimate_tokens(text).high <= min(model.context_tokens.value for model in MODELS.values())


def test_sagemaker_trains_longer_records():
    """On SageMaker the context is that of the longest recipe."""
    line = json.dumps(text_record("a " * 33_000, "x")).encode()
    assert [issue.rule for issue in explain(line, model=MICRO)] == ["length.context"]
    assert explain(line, model=MICRO, platform="sagemaker") == []


# The table


def test_the_table_names_every_rule_and_every_rule_has_a_case():
    """Each rule in the sources of the checks stands in the table; each of the table is reached by a test of ours."""
    house = files("nova_tune")
    sources = [*(house / "checks").iterdir(), *(house / "dataset").iterdir(), house / "media.py"]
    text = "\n".join(source.read_text("utf-8") for source in sources if source.name.endswith(".py"))
    families = "|".join(sorted({rule.partition(".")[0] for rule in RULES}))
    named = set(re.findall(rf'"((?:{families})\.[a-z][a-z-]*)"', text))
    assert named == set(RULES)
    cases = {rule for rule, *_ in (*ERRORS, *DOUBTS)} | {case[2] for case in SYNTAX}
    elsewhere = {  # above, in test_file_rules.py, test_media.py, test_sources.py and test_dataset.py
        "system.blocks", "keys.duplicate", "text.reserved-inside", "format.other", "file.name", "media.mixed-data",
        "media.bucket", "media.missing", "media.size", "media.bytes", "media.unreachable", "lines.blank", "lines.crlf",
        "lines.long", "row.refused", "row.cells", "model.platform", "records.none", "records.few", "records.many",
        "records.narrow", "records.sagemaker", "records.validation",
    }  # fmt: skip
    assert cases | elsewhere == set(RULES)
    assert not cases & elsewhere


def test_every_rule_has_a_statement_a_source_and_a_date():
    """No rule stands without what it states, where that is from, and when it was read."""
    for rule in RULES.values():
        assert rule.statement.endswith(".")
        assert rule.source
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", rule.read)
