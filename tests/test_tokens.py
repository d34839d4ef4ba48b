"""The token estimate of data: the sum over many records, with a band that always holds its middle."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import Dataset, formats
from nova_tune.costs import estimate_tokens as costs_estimate
from nova_tune.tokens import TokenCounter, estimate_tokens
from records import spelled, text_record, valid_record


def texts_of(record) -> str:
    blocks = [*record.get("system", ()), *(block for message in record["messages"] for block in message["content"])]
    return "".join(block["text"] for block in blocks if "text" in block)


@given(st.text())
def test_the_band_holds_its_middle(text):
    """No estimate is negative, and low <= expected <= high; only the empty text has none."""
    estimate = estimate_tokens(text)
    assert 0 <= estimate.low <= estimate.expected <= estimate.high
    assert (estimate.expected == 0) == (text == "")
    assert estimate.basis == "heuristic"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 54, 10),
        ("1;" * 8, 10),
        ("漢" * 9, 10),
        ("é" * 20, 10),
        ("🛶" * 20, 10),
        ("\ud800" * 20, 10),
        ("한" * 9, 10),
    ],
)
def test_each_class_of_characters_has_its_rate(text, expected):
    """Letters 5.4 a token, digits and symbols 1.6, East Asian 0.9, all else 2."""
    assert estimate_tokens(text).expected == expected


@given(st.lists(st.integers(0, 2**63), max_size=4))
def test_a_counter_equals_the_estimate_of_all_texts_joined(seeds):
    """The counter rounds once, not for each record: it is the estimate of the texts put together."""
    counter, joined = TokenCounter(), ""
    for seed in seeds:
        record = valid_record(Random(seed), "nova-2-lite")
        counter.add_record(spelled(Random(seed), record))
        joined += texts_of(record)
    assert counter.estimate() == estimate_tokens(joined)


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"{}", b"not JSON \xff", b'{"messages": 5}', b'{"messages": [{"content": [{"text": 5}]}]}',
     b'{"messages": [[]]}', b'{"system": null, "messages": []}',
     b"[" * 100_000, '{"messages": [{"content": "plain é"}]}'.encode()],
)  # fmt: skip
def test_what_is_no_record_counts_as_a_text(line):
    """A line that is no record is priced by its characters, never as nothing and never with a crash."""
    counter = TokenCounter()
    counter.add_record(line)
    assert counter.estimate() == estimate_tokens(line.decode("utf-8", "replace"))


def test_the_described_data_carries_the_estimate():
    """describe() of a data set holds the estimate of its texts; the costs room hands out the same function."""
    records = [text_record("x" * n, "y") for n in range(1, 9)]
    data = Dataset.from_records(records).convert(formats.conversation()).describe()
    assert data.tokens == estimate_tokens("".join(map(texts_of, json.loads(json.dumps(records)))))
    assert costs_estimate is estimate_tokens
