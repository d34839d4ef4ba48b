"""One training record as a value: to a line and back without loss, and the parts that evaluation asks for."""

from __future__ import annotations

import datetime as dt
import json
import pickle
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nova_tune import Conversation
from nova_tune.conversation import text_line
from records import shuffled, spelled, text_record, valid_record

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
RECORDS = st.dictionaries(st.text(max_size=8), JSON, max_size=5)
SEEDS = st.integers(0, 2**63)


@given(RECORDS)
@example({"a": 10**30, "b": 1e300, "c": -0.0, "d": "\u2028\x7f\x00"})
def test_a_record_goes_to_a_line_and_back(record):
    """Any JSON object is one line of UTF-8, and what is read from that line is the same object."""
    line = Conversation(record).to_line()
    assert b"\n" not in line
    again = Conversation.from_line(line)
    assert again.to_dict() == record
    assert repr(again) == repr(Conversation(record))
    assert Conversation.from_line(line.decode()).to_line() == line


@given(st.text(), st.lists(st.text(), min_size=1, max_size=4))
def test_the_fast_line_of_texts_is_the_line_of_the_record(system, texts):
    """text_line() writes the very bytes of to_line(), so that a digest does not depend on the way a line was made."""
    turns = [("user", text) for text in texts]
    assert Conversation.of(system, *turns).to_line() == text_line(system, turns)
    assert ("system" in Conversation.of(system, *turns).record) == bool(system)


@given(SEEDS)
def test_the_canonical_form_is_that_of_the_content(seed):
    """Spelling and key order do not change the canonical form; content does."""
    random = Random(seed)
    record = valid_record(random, "nova-2-lite")
    canonical = Conversation(record).canonical()
    assert Conversation.from_line(spelled(random, record)).canonical() == canonical
    assert Conversation(shuffled(random, record)).canonical() == canonical
    assert Conversation({**record, "more": 1}).canonical() != canonical


def test_half_a_surrogate_pair_has_a_canonical_form_and_no_line():
    """A text that is no Unicode can be told apart from others, but never be written."""
    record = text_record("\ud800")
    assert Conversation(record).canonical() != Conversation(text_record("\ud801")).canonical()
    with pytest.raises(ValueError, match="surrogates not allowed"):
        Conversation(record).to_line()
    with pytest.raises(UnicodeEncodeError):
        text_line("", [("user", "\ud800")])


@pytest.mark.parametrize(
    ("value", "error"),
    [(float("nan"), ValueError), (float("inf"), ValueError), (dt.date(2026, 1, 1), TypeError), (b"x", TypeError),
     ({1, 2}, TypeError)],
)  # fmt: skip
def test_what_is_not_json_is_refused_rather_than_turned_into_something_else(value, error):
    """NaN is not written as null, nor a date or bytes as a text."""
    with pytest.raises(error):
        Conversation({"messages": [value]}).to_line()


def test_nesting_beyond_the_stack_is_a_value_error():
    """A record nested beyond what Python can follow is refused, not a RecursionError."""
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(ValueError, match="nested too deeply to be written"):
        Conversation({"messages": nested}).to_line()
    with pytest.raises(ValueError, match="nested too deeply to be read"):
        Conversation.from_line(b'{"a":' * 100_000)


@pytest.mark.parametrize(
    "line", [b"[]", b'"x"', b"", b"{", b"{} {}", b'{"a": NaN}', b"\xff", b"\xef\xbb\xbf{}", b'{"a": "\xed\xa0\x80"}']
)
def test_what_is_no_object_of_json_is_no_record(line):
    """Anything but one JSON object in UTF-8 without a byte order mark is refused."""
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of the decoder
        Conversation.from_line(line)


def test_the_parts_of_a_conversation():
    """The prompt is all before the last answer, the reference its text, the system prompt that of all blocks."""
    conversation = Conversation.of("s", ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    assert [message["content"][0]["text"] for message in conversation.prompt] == ["a", "b", "c"]
    assert (conversation.system, conversation.reference, len(conversation.messages)) == ("s", "d", 4)
    several = Conversation(
        {
            "system": [{"text": "a"}, {"text": "b"}],
            "messages": [{"role": "assistant", "content": [{"text": "c"}, {"toolUse": {}}, {"text": "d"}]}],
        }
    )
    assert (several.system, several.reference, several.prompt) == ("a\nb", "cd", [])
    assert Conversation({"messages": []}).system == ""


def test_a_conversation_without_an_answer_has_no_reference():
    """Asking for the answer of a prompt alone is an error."""
    with pytest.raises(ValueError, match="no assistant turn"):
        _ = Conversation.of("", ("user", "a")).reference


def test_a_conversation_is_a_value():
    """Conversations compare, pickle, and come from any mapping."""
    record = text_record()
    assert Conversation.from_dict(record) == pickle.loads(pickle.dumps(Conversation(record)))
    assert Conversation.from_dict(record).to_dict() == json.loads(json.dumps(record))
