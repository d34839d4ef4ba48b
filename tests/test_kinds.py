"""What kind of data a row is from, told by its shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune.kinds import CONVERTIBLE, KINDS, database_column, kind_of, pair_columns, sql_columns
from records import VERSION, media, text_record, valid_record

USER = {"role": "user", "content": "2 + 2?"}
ANSWER = {"role": "assistant", "content": "4"}
TABLE = "CREATE TABLE t (a INT)"

ROWS = [
    ("conversation", text_record()),
    ("conversation", {"messages": [{"role": "user", "content": [{"text": "x"}]}]}),
    ("conversation", {"messages": [{"role": "user", "content": [media("image", "png")]}]}),
    ("conversation", {"schemaVersion": VERSION, "messages": [USER, ANSWER]}),
    ("conversation", {"system": [{"text": "s"}], "messages": [USER, ANSWER]}),
    ("openai-chat", {"messages": [USER, ANSWER]}),
    ("openai-chat", {"messages": [USER, ANSWER], "system": None}),
    ("openai-chat", {"messages": [{"role": "developer"}]}),
    ("openai-chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
    ("openai-chat", {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]}),
    ("openai-chat", {"messages": [USER, ANSWER], "images": ["1.jpg"]}),
    ("claude", {"system": "s", "messages": [USER, ANSWER]}),
    ("claude", {"system": [{"type": "text", "text": "s"}], "messages": [
        {"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
    ("claude", {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "1"}]}]}),
    ("alpaca", {"instruction": "i", "output": "o"}),
    ("alpaca", {"instruction": "i", "input": TABLE, "output": "SELECT 1"}),
    ("sharegpt", {"conversations": [{"from": "human", "value": "x"}], "tools": "[]"}),
    ("sharegpt", {"conversations": [{"role": "user", "content": "x"}]}),
    ("prompt-completion", {"prompt": "a", "completion": "b"}),
    ("prompt-completion", {"Question": "a", "ANSWER ": "b"}),
    ("prompt-completion", {"input": "a", "output": "b", "context": ""}),
    ("text-to-sql", {"question": "q", "context": TABLE, "answer": "SELECT 1"}),
    ("text-to-sql", {"question": "q", "context": TABLE, "answer": "[SQL] SELECT 1 [/SQL]"}),
    ("text-to-sql", {"question": "q", "schema": f"/* db */ {TABLE}", "query": "WITH x AS (SELECT 1) SELECT 2"}),
    ("text-to-sql", {"instruction": "q", "ddl": TABLE, "sql": "(SELECT 1) UNION (SELECT 2)"}),
    ("evaluation", {"prompt": "a", "referenceResponse": "b"}),
    ("evaluation", {"prompt": "a", "modelResponses": []}),
    ("dpo", {"prompt": "a", "chosen": "b", "rejected": "c"}),
    ("dpo", {"input": {}, "preferred_output": [], "non_preferred_output": []}),
    ("dpo", {"messages": [USER, {"role": "assistant", "candidates": []}]}),
    ("rft", {"messages": [USER], "reference_answer": "4"}),
    ("spider", {"db_id": "d", "question": "q", "query": "SELECT 1", "sql": {}}),
    ("spider", {"db_name": "d", "question": "q", "query": "SELECT 1"}),
]  # fmt: skip

UNTOLD = [
    None, 5, "text", [], {}, {"messages": []}, {"messages": None}, {"messages": [{}]}, {"messages": "x"},
    {"conversations": []}, {"conversations": ["x"]}, {"conversations": [{"a": 1}]}, {"text": "x"},
    {"prompt": [USER], "completion": [ANSWER]},
    {"question": "q", "context": "Paris is a city.", "answer": "Paris"},
    {"question": "q", "context": TABLE, "answer": "There are two."},
    {"instruction": "q", "context": "c", "response": "r"},
    {1: 2, None: 3},
]  # fmt: skip


@pytest.mark.parametrize(("kind", "row"), ROWS)
def test_each_kind_is_told_by_its_shape(kind, row):
    """A row of each spelling in use is told, and every kind has a phrase that names it."""
    assert kind_of(row) == kind
    assert kind in KINDS


@pytest.mark.parametrize("row", UNTOLD)
def test_what_is_not_certain_is_not_told(row):
    """A shape that says nothing, or prose where SQL would have to be, is of no kind."""
    assert kind_of(row) is None


@given(st.randoms(use_true_random=False), st.sampled_from(["nova-micro", "nova-lite", "nova-2-lite"]))
def test_a_training_record_is_a_conversation(random, model):
    """Whatever a valid record holds, it is never taken for another kind."""
    assert kind_of(valid_record(random, model)) == "conversation"


NAMES = sorted({name for _, row in ROWS for name in row} | {"role", "content", "from", "value", "type"})
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.sampled_from(["", "x", "user", "tool_use", TABLE, "SELECT 1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
)


@given(ANYTHING)
def test_no_value_is_too_strange(value):
    """Whatever a line holds, it is of one of the kinds or of none, and nothing is raised."""
    assert kind_of(value) in {None, *KINDS}


def test_columns_are_found_in_any_case():
    """The columns are given as the table spells them, the clearer name before the vaguer."""
    row = {"Question": "q", "Context": "more", "DDL": TABLE, "Query": "SELECT 1", "answer": "two"}
    assert sql_columns(row) == ("Question", "DDL", "Query")
    assert pair_columns({"Prompt": "a", "Response": "b"}) == ("Prompt", "Response")
    assert pair_columns({"question": "a", "answer": {"text": "b"}}) is None
    assert database_column({"DB_ID": "d", "question": "q", "SQL": "s"}) == "DB_ID"
    assert database_column({"db_id": "d", "question": "q"}) is None


def test_only_what_trains_as_it_is_can_be_converted():
    """Preferences, RFT prompts, evaluation prompts and questions without tables are kinds, but no formats."""
    assert KINDS.keys() > CONVERTIBLE
    assert KINDS.keys() - CONVERTIBLE == {"evaluation", "dpo", "rft", "spider"}
