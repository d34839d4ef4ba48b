"""From the conversations of other tools to training records: what is taken, and what is refused in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import Conversation, Dataset, formats
from nova_tune.checks import explain
from nova_tune.errors import DatasetError
from nova_tune.kinds import CONVERTIBLE
from nova_tune.models import MODELS
from records import VERSION, text_record, valid_record

TOOL = {
    "name": "add",
    "description": "Adds.",
    "parameters": {"type": "object", "properties": {"a": {"type": "number"}}},
}
SPEC = {"toolSpec": {"name": "add", "description": "Adds.", "inputSchema": {"json": TOOL["parameters"]}}}


def user(text: Any = "2 + 2?") -> dict[str, Any]:
    return {"role": "user", "content": text}


def answer(text: Any = "4", **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def call(ident: str = "c1", name: str = "add", arguments: Any = '{"a": 2}') -> dict[str, Any]:
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


def record(line: bytes) -> dict[str, Any]:
    return json.loads(line)


def openai(*messages: Any, options: dict[str, Any] | None = None, **row: Any) -> dict[str, Any]:
    return record(formats.openai_chat(**options or {}).line({"messages": list(messages), **row}))


# OpenAI


def test_openai_system_prompts_and_turns_become_a_record():
    """System and developer messages are the system prompt, texts and text parts the content, null keys nothing."""
    found = openai(
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Use digits."}]},
        {**user(), "name": None},
        answer(weight=1, tool_calls=None, refusal=None),
    )
    assert found == {
        "schemaVersion": VERSION,
        "system": [{"text": "Be brief."}, {"text": "Use digits."}],
        "messages": text_record("2 + 2?", "4")["messages"],
    }


def test_openai_tool_calls_and_results_become_blocks():
    """Calls are toolUse blocks beside what was said, all results of a round one user turn, the tools the toolConfig."""
    found = openai(
        user(),
        answer("Let me see.", tool_calls=[call("c1"), call("c2", arguments=""), call("c3", arguments=None)]),
        {"role": "tool", "tool_call_id": "c1", "content": "4"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "0"}]},
        {"role": "tool", "tool_call_id": "c3", "content": [{"type": "text", "text": "1"}]},
        user("And?"),
        answer("4 and 0"),
        tools=[{"type": "function", "function": TOOL}],
    )
    assert found["toolConfig"] == {"tools": [SPEC]}
    assert [message["role"] for message in found["messages"]] == ["user", "assistant", "user", "assistant"]
    assert found["messages"][1]["content"] == [
        {"text": "Let me see."},
        {"toolUse": {"toolUseId": "c1", "name": "add", "input": {"a": 2}}},
        {"toolUse": {"toolUseId": "c2", "name": "add", "input": {}}},
        {"toolUse": {"toolUseId": "c3", "name": "add", "input": {}}},
    ]
    assert found["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "c1", "content": [{"text": "4"}]}},
        {"toolResult": {"toolUseId": "c2", "content": [{"text": "0"}]}},
        {"toolResult": {"toolUseId": "c3", "content": [{"text": "1"}]}},
        {"text": "And?"},
    ]
    assert not [
        issue for issue in explain(json.dumps(found).encode(), model=MODELS["nova-2-lite"]) if issue.severity == "error"
    ]


def test_openai_functions_of_old_are_paired_by_name():
    """function_call has no id: one is made up, and the result of that function belongs to it."""
    found = openai(
        user(),
        answer(None, function_call={"name": "add", "arguments": "{}"}),
        {"role": "function", "name": "add", "content": "4"},
        answer(),
        functions=[TOOL],
    )
    use, result = found["messages"][1]["content"][0]["toolUse"], found["messages"][2]["content"][0]["toolResult"]
    assert use["toolUseId"] == result["toolUseId"] == "call_1"
    assert found["toolConfig"] == {"tools": [SPEC]}


def test_openai_images_in_s3_are_taken():
    """An image with an s3:// URI becomes an image block; its owner is written when it is known."""
    parts = [{"type": "image_url", "image_url": {"url": "s3://bucket/a.JPG", "detail": "low"}},
             {"type": "image_url", "image_url": "s3://bucket/b.png"}, {"type": "text", "text": "What?"}]  # fmt: skip
    first, second, _ = openai(user(parts), answer(), options={"bucket_owner": "123456789012"})["messages"][0]["content"]
    place = {"uri": "s3://bucket/a.JPG", "bucketOwner": "123456789012"}
    assert first == {"image": {"format": "jpeg", "source": {"s3Location": place}}}
    assert second["image"]["format"] == "png"
    assert (
        "bucketOwner" not in openai(user(parts), answer())["messages"][0]["content"][0]["image"]["source"]["s3Location"]
    )


def test_a_refusal_is_what_the_assistant_said():
    """Where there is no content, the refusal is the answer; both as a key and as a part."""
    assert openai(user(), answer(None, refusal="No."))["messages"][1]["content"] == [{"text": "No."}]
    part = [{"type": "refusal", "refusal": "No."}]
    assert openai(user(), answer(part))["messages"][1]["content"] == [{"text": "No."}]


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (user(None), "turn 2: the user says nothing"),
        (answer(None), "turn 2: the assistant says nothing"),
        (user(5), "turn 2, the content: this is int, not text"),
        (answer(weight=0), "turn 2: a weight other than 1 .* ignore_weight"),
        (answer(weight=[]), "turn 2: a weight other than 1"),
        ({**user(), "name": "Ann"}, "turn 2: .* no place for 'name'; .*drop_unknown"),
        ({"role": "system", "content": "x"}, "turn 2: a system message after the first turn .* move it"),
        ({"role": "critic", "content": "x"}, "turn 2: the role is 'critic'; roles are system"),
        ({"role": ["user"], "content": "x"}, "turn 2: the role is list"),
        ("hello", "turn 2: this is str, not an object"),
        (user([{"type": "input_audio"}]), "turn 2, part 1: this is 'input_audio'; training records take text"),
        (user(["x"]), "turn 2, part 1: this is no part with a type"),
        (user([{"type": ["text"]}]), "turn 2, part 1: this is no part with a type"),
        (user([{"type": "text"}]), "turn 2, part 1: this is NoneType, not text"),
        (
            user([{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]),
            "part 1: an image outside S3; .*upload",
        ),
        (
            user([{"type": "image_url", "image_url": "data:image/png;base64,xx"}]),
            "an image inside the record; .*upload",
        ),
        (user([{"type": "image_url"}]), "the address of the image: this is NoneType"),
        (user([{"type": "image_url", "image_url": "s3://b/a.bmp"}]), "does not tell its format"),
        (answer(tool_calls="x"), "tool_calls is not a list"),
        (answer(tool_calls=["x"]), "a tool call without its function"),
        (answer(tool_calls=[{"function": {}}]), "a tool call without a name"),
        (answer(tool_calls=[call(arguments="{")]), "the arguments of 'add': the JSON in this text cannot be read"),
        (answer(tool_calls=[call(arguments='{"a": NaN}')]), "cannot be read: NaN is not JSON"),
        (answer(tool_calls=[call(arguments='{"a": 1, "a": 2}')]), "the key 'a' stands twice"),
        (answer(tool_calls=[call(arguments="[1]")]), "the arguments of 'add' are list, not an object"),
        (answer(tool_calls=[{**call(), "id": 7}]), "the id of a call: this is int"),
        ({"role": "tool", "content": "4"}, "a tool result that no call before it waits for"),
        ({"role": "function", "name": "sub", "content": "4"}, "a tool result that no call before it waits for"),
    ],
)
def test_openai_rows_that_cannot_be_said_are_refused(turn, words):
    """The refusal names the turn and the remedy, and nothing is left out silently."""
    with pytest.raises(DatasetError, match=words) as caught:
        openai(user(), turn, answer())
    assert caught.value.hint


def test_a_system_prompt_is_text_alone():
    """An image in it is refused with where it belongs."""
    part = {"type": "image_url", "image_url": "s3://bucket/a.png"}
    with pytest.raises(DatasetError, match="turn 1: a system prompt is text alone; move the image"):
        openai({"role": "system", "content": [part]}, user(), answer())


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"message": []}, "there is no column 'messages'; columns are message; did you mean 'message'?"),
        ({"messages": []}, "column 'messages': this is an empty list"),
        ({"messages": "x"}, "column 'messages': this is str, not a list of turns"),
        ({"messages": [user()], "images": ["1.jpg"]}, "column 'images': .* upload them"),
        ({"messages": [user()], "tools": {"a": 1}}, "column 'tools': the tools are dict"),
        ({"messages": [user()], "tools": "[{]"}, "column 'tools': the JSON in this text"),
        ({"messages": [user()], "tools": [{"type": "web_search"}]}, "column 'tools', tool 1: a tool is an object"),
        ({"messages": [user()], "tools": [{"name": "x", "parameters": float("nan")}]}, "cannot be written as JSON"),
        ({"messages": [user("\ud800")]}, "cannot be written as JSON"),
    ],
)
def test_rows_without_usable_columns_are_refused(row, words):
    """The refusal names the column, with the nearest name where there is one."""
    with pytest.raises(DatasetError, match=words.replace("?", r"\?")):
        formats.openai_chat().line(row)


def test_what_would_be_lost_can_be_left_out_on_request():
    """Each option lifts its own refusal: weights are trained on, other keys of turns are dropped."""
    assert openai(user(), answer(weight=0), options={"ignore_weight": True}) == openai(user(), answer())
    named = {**user(), "name": "Ann"}
    assert openai(named, answer(), options={"drop_unknown": True}) == openai(user(), answer())


def test_the_order_of_turns_is_left_to_the_checks():
    """Two user turns in a row stay two: one definition says whether a record is right, and it is not the format's."""
    found = openai(user(), user(), answer(""))
    assert [message["role"] for message in found["messages"]] == ["user", "user", "assistant"]
    rules = {issue.rule for issue in explain(json.dumps(found).encode(), model=MODELS["nova-micro"])}
    assert {"turns.alternate", "text.empty"} <= rules


# Claude


def test_claude_texts_and_blocks_become_a_record():
    """System and content are texts or text blocks; the record is that of the same texts."""
    expected = text_record("2 + 2?", "4", system="Be brief.")
    blocks = [{"type": "text", "text": "4", "cache_control": None}]
    rows = [
        {"system": "Be brief.", "messages": [user(), answer()]},
        {"system": [{"type": "text", "text": "Be brief."}], "messages": [user(), answer(blocks)]},
    ]
    assert [record(formats.claude().line(row)) for row in rows] == [expected] * 2
    assert "system" not in record(formats.claude().line({"system": "", "messages": [user(), answer()]}))


def test_claude_tool_use_becomes_blocks():
    """tool_use and tool_result are toolUse and toolResult, and input_schema that of the tool."""
    row = {
        "tools": [{"name": "add", "description": "Adds.", "input_schema": TOOL["parameters"]}],
        "messages": [
            user(),
            answer(
                [{"type": "text", "text": "So."}, {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 2}}]
            ),
            user([{"type": "tool_result", "tool_use_id": "t1", "content": "4"}]),
            user([{"type": "text", "text": "And?"}]),
            answer(),
        ],
    }
    found = record(formats.claude().line(row))
    assert found["toolConfig"] == {"tools": [SPEC]}
    assert found["messages"][1]["content"][1] == {"toolUse": {"toolUseId": "t1", "name": "add", "input": {"a": 2}}}
    assert found["messages"][2]["content"] == [
        {"toolResult": {"toolUseId": "t1", "content": [{"text": "4"}]}},
        {"text": "And?"},
    ]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"messages": [{"role": "system", "content": "x"}]}, "turn 1: the role is 'system'; .* has a column"),
        ({"messages": [{"role": [], "content": "x"}]}, "turn 1: the role is list"),
        ({"messages": [user(None)]}, "turn 1, the content: this is NoneType, not text"),
        ({"messages": [user([{"type": "image", "source": {}}])]}, "turn 1, block 1: this is 'image'; upload"),
        ({"messages": [user(["x"])]}, "turn 1, block 1: this is 'str'"),
        ({"messages": [user([{"type": "tool_use"}])]}, "turn 1, block 1: this is 'tool_use'"),
        (
            {"messages": [user([{"type": "tool_result", "tool_use_id": "1", "is_error": True}])]},
            "no place for 'is_error'",
        ),
        ({"messages": [answer([{"type": "tool_use", "name": "x"}])]}, "block 1: this is NoneType, not text"),
        ({"messages": [{**user(), "id": 7}]}, "turn 1: .* no place for 'id'"),
        ({"system": 5, "messages": [user()]}, "column 'system': this is int"),
    ],
)
def test_claude_rows_that_cannot_be_said_are_refused(row, words):
    """The refusal names the turn and block."""
    with pytest.raises(DatasetError, match=words):
        formats.claude().line(row)


# ShareGPT


def test_sharegpt_turns_become_a_record():
    """human and gpt are user and assistant in any case; the system prompt is a column or the first turn."""
    turns = [{"from": "Human", "value": "2 + 2?"}, {"from": "gpt", "value": "4"}]
    expected = text_record("2 + 2?", "4", system="Be brief.")
    rows = [
        {"system": "Be brief.", "conversations": turns, "tools": ""},
        {"conversations": [{"from": "system", "value": "Be brief."}, *turns]},
        {"conversations": [{"role": "system", "content": "Be brief."}, user(), answer()]},
    ]
    assert [record(formats.sharegpt().line(row)) for row in rows] == [expected] * 3


def test_sharegpt_calls_and_observations_are_paired_in_order():
    """Each call gets an id of its own, and each observation the first call that waits; one turn holds a round."""
    two = [{"name": "add", "arguments": {"a": 2}}, {"name": "add", "arguments": '{"a": 3}'}]
    turns = [
        {"from": "human", "value": "2 + 2?"},
        {"from": "function_call", "value": json.dumps(two)},
        {"from": "observation", "value": "4"},
        {"from": "observation", "value": "6"},
        {"from": "gpt", "value": "4 and 6"},
        {"from": "human", "value": "Again"},
        {"from": "function_call", "value": json.dumps(two[0])},
        {"from": "observation", "value": "4"},
        {"from": "gpt", "value": "4"},
    ]
    line = formats.sharegpt().line({"conversations": turns, "tools": json.dumps([TOOL])})
    found = record(line)["messages"]
    uses = [block["toolUse"]["toolUseId"] for turn in found for block in turn["content"] if "toolUse" in block]
    results = [block["toolResult"]["toolUseId"] for turn in found for block in turn["content"] if "toolResult" in block]
    assert uses == results == ["call_1", "call_2", "call_3"]
    assert len(found) == 8
    assert not [issue for issue in explain(line, model=MODELS["nova-2-lite"]) if issue.severity == "error"]


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ({"from": "narrator", "value": "x"}, "turn 2: 'from' is 'narrator'; known are human"),
        ({"value": "x"}, "turn 2: 'from' is NoneType"),
        ({"from": "gpt"}, "turn 2, 'value': this is NoneType, not text"),
        ({"from": "gpt", "value": "x", "loss": False}, "turn 2: .* no place for 'loss'"),
        ({"from": "function_call", "value": "add(2)"}, "turn 2: the JSON in this text cannot be read"),
        ({"from": "function_call", "value": "[]"}, "turn 2: a function call is a JSON object"),
        ({"from": "observation", "value": "4"}, "turn 2: a tool result that no call before it waits for"),
        ({"from": "system", "value": "x"}, "turn 2: a system message after the first turn"),
    ],
)
def test_sharegpt_rows_that_cannot_be_said_are_refused(turn, words):
    """The refusal names the turn."""
    with pytest.raises(DatasetError, match=words):
        formats.sharegpt().line({"conversations": [{"from": "human", "value": "x"}, turn]})


# Alpaca


def test_alpaca_instructions_inputs_and_histories_become_turns():
    """An input follows its instruction on a new line, the history comes first, a row's system prompt wins."""
    row = {"instruction": "Translate.", "input": "Brot", "output": "bread", "history": [["Hi", "Hello"]]}
    assert record(formats.alpaca(system="Be brief.").line(row)) == text_record(
        "Hi", "Hello", "Translate.\nBrot", "bread"
    )
    plain = {"instruction": "Hi {{name}}", "input": None, "output": "{b}", "system": "Be kind."}
    expected = text_record("Hi {{name}}", "{b}", system="Be kind.")
    assert record(formats.alpaca(system="Be brief.").line(plain)) == expected


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"instruktion": "a", "output": "b"}, "no column 'instruction'; .* did you mean 'instruktion'?"),
        ({"instruction": "a", "output": None}, "column 'output': this is NoneType, not text"),
        ({"instruction": "a", "output": "b", "input": 5.0}, "column 'input': this is float"),
        ({"instruction": "a", "output": "b", "history": "x"}, "column 'history': this is str"),
        ({"instruction": "a", "output": "b", "history": [["x"]]}, "column 'history', pair 1: this is no pair"),
        ({"instruction": "a", "output": "b", "history": [["x", 1]]}, "column 'history', pair 1: this is int"),
    ],
)
def test_alpaca_rows_that_cannot_be_said_are_refused(row, words):
    """The refusal names the column."""
    with pytest.raises(DatasetError, match=words.replace("?", r"\?")):
        formats.alpaca().line(row)


# All of them

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(TEXTS, min_size=2, max_size=6).filter(lambda texts: len(texts) % 2 == 0), TEXTS.filter(bool))
def test_the_same_conversation_in_any_format_is_the_same_record(texts, system):
    """Whatever is said, the four formats of conversations make the same bytes of it, with every text as it was."""
    chat = [(user, answer)[number % 2](text) for number, text in enumerate(texts)]
    shared = [{"from": ("human", "gpt")[number % 2], "value": text} for number, text in enumerate(texts)]
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    lines = {
        formats.openai_chat().line({"messages": [{"role": "system", "content": system}, *chat]}),
        formats.claude().line({"system": system, "messages": chat}),
        formats.sharegpt().line({"system": system, "conversations": shared}),
        Conversation(text_record(*texts, system=system)).to_line(),
    }
    assert len(lines) == 1
    *history, (instruction, output) = pairs
    row = {"system": system, "instruction": instruction, "output": output, "history": [list(pair) for pair in history]}
    assert record(formats.alpaca().line(row)) == record(lines.pop())


KEYS = [
    "role", "content", "messages", "conversations", "from", "value", "system", "tools", "tool_calls", "function_call",
    "function", "name", "arguments", "id", "type", "text", "image_url", "url", "tool_use", "tool_result",
    "tool_use_id", "input", "weight", "refusal", "history", "instruction", "output", "tool_call_id", "parameters",
    "images",
]  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers(-1, 1) | st.sampled_from(
    ["", "x", "{}", "[{}]", '{"name": "f"}', "user", "assistant", "system", "tool", "human", "gpt", "function_call",
     "observation", "text", "image_url", "tool_use", "tool_result", "s3://b/a.png", "\ud800"]
)  # fmt: skip
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": LEAVES, "content": TREES},
        optional={"from": LEAVES, "value": TREES, "tool_calls": TREES, "name": TREES},
    ),
    max_size=3,
)
STRANGE = st.dictionaries(st.sampled_from(KEYS), TREES | TURNS, max_size=5)


@pytest.mark.parametrize("kind", sorted(CONVERTIBLE))
@given(row=STRANGE | st.fixed_dictionaries({"messages": TURNS, "conversations": TURNS}))
def test_a_strange_row_is_a_record_or_refused(kind, row):
    """Whatever a row holds, it becomes one line of JSON or is refused with a reason; nothing else is raised."""
    try:
        line = formats.BY_KIND[kind]().line(row)
    except (DatasetError, UnicodeEncodeError):  # half a surrogate pair is refused one floor up
        return
    assert b"\n" not in line
    assert isinstance(record(line), dict)


@given(st.randoms(use_true_random=False), st.sampled_from(["nova-micro", "nova-lite", "nova-2-lite"]))
def test_a_conversation_survives_the_file(random, model):
    """conversation -> JSONL -> conversation is the identity, with unknown keys dropped only on request."""
    original = Conversation(valid_record(random, model))
    data = Dataset.from_records([original.to_dict()]).convert(formats.conversation())
    assert [Conversation.from_line(line) for line in data.lines()] == [original]
    assert list(data.convert(formats.conversation(drop_unknown=True)).lines()) == [original.to_line()]


def test_unknown_keys_of_a_conversation_are_dropped_on_request():
    """At every level that the checks warn of; what is of a wrong type stays for them."""
    row = {
        "id": 1,
        "schemaVersion": VERSION,
        "system": [{"text": "s", "x": 1}, "text"],
        "messages": [{"role": "user", "content": [{"text": "a", "type": "text"}, 5], "name": "n"}, {"content": "b"}, 7],
    }
    kept = formats.conversation(drop_unknown=True).line(row)
    assert record(kept) == {
        "schemaVersion": VERSION,
        "system": [{"text": "s"}, "text"],
        "messages": [{"role": "user", "content": [{"text": "a"}, 5]}, {"content": "b"}, 7],
    }
    assert record(formats.conversation(drop_unknown=True).line({"messages": None})) == {"messages": None}


def test_every_convertible_kind_has_a_format():
    """The command line's names are the kinds, with auto and template beside them."""
    assert set(formats.BY_KIND) == CONVERTIBLE | {"auto", "template"}
    for kind in CONVERTIBLE:
        assert formats.BY_KIND[kind]().kind == kind
