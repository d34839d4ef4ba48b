"""From a row to a training record: the wording, the columns, and what a format refuses."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import Conversation, Dataset, Template, formats
from nova_tune.checks import explain
from nova_tune.errors import DatasetError, InvalidDataset, TemplateError
from nova_tune.models import MODELS
from records import VERSION, text_record

ROW = {
    "question": "How many heads are older than 56?",
    "context": "CREATE TABLE head (age INTEGER)",
    "answer": "SELECT 1",
}


def test_text_to_sql_writes_the_articles_prompt():
    """The schema stands in the system prompt, the question in the user's turn, in the words of AWS's article."""
    assert json.loads(formats.text_to_sql().line(ROW)) == {
        "schemaVersion": VERSION,
        "system": [
            {
                "text": "You are a powerful text-to-SQL model. Your job is to answer questions about a database. "
                "You can use the following table schema for context: CREATE TABLE head (age INTEGER)"
            }
        ],
        "messages": [
            {
                "role": "user",
                "content": [
                    {
                        "text": "Return the SQL query that answers the following question: "
                        "How many heads are older than 56?"
                    }
                ],
            },
            {"role": "assistant", "content": [{"text": "SELECT 1"}]},
        ],
    }


def test_text_to_sql_names_the_dialect_and_takes_other_columns():
    """The dialect stands in the prompt, and columns may be named as the table names them."""
    chosen = formats.text_to_sql(question="NL question", schema="ddl", sql="query-text", dialect="T-SQL")
    conversation = Conversation.from_line(chosen.line({"NL question": "q", "ddl": "d", "query-text": "s", "id": 1}))
    assert "answer questions about a database in T-SQL." in conversation.system
    assert conversation.reference == "s"
    assert chosen.template.prompt_columns == ("ddl", "NL question")


def test_prompt_and_completion_have_a_system_prompt_only_when_given():
    """A pair is one user turn and one answer; an empty system prompt is left out."""
    row = {"prompt": "a", "completion": "b"}
    assert "system" not in Conversation.from_line(formats.prompt_completion().line(row)).record
    assert Conversation.from_line(formats.prompt_completion(system="s").line(row)).system == "s"


@given(st.dictionaries(st.sampled_from(["question", "context", "answer"]), st.text(), min_size=3))
def test_what_a_template_makes_is_a_record_with_the_very_texts(row):
    """Whatever the cells hold, the record holds them unchanged, and its only findings are about those texts."""
    line = formats.template(system="{context}", user="{question}", assistant="{answer}").line(row)
    record = json.loads(line)
    texts = [message["content"][0]["text"] for message in record["messages"]]
    assert [*(block["text"] for block in record.get("system", [{"text": ""}])), *texts] == [
        row[name] for name in ("context", "question", "answer")
    ]
    assert {issue.rule.partition(".")[0] for issue in explain(line, model=MODELS["nova-micro"])} <= {"text"}


def test_a_template_is_a_format_and_travels_with_the_data():
    """convert() takes a Template as it is, and the data set carries it on through sample and split."""
    template = Template(system="", user="{question}", assistant="{answer}")
    data = Dataset.from_records([ROW, {**ROW, "question": "Why?"}]).convert(template)
    assert data.template == template == data.sample(2).split(held_out=0.5)[1].template
    assert data.describe().template == template


def test_a_missing_column_is_refused_for_each_row():
    """A CSV without the named column is told by name; the message lists the columns there are."""
    with pytest.raises(TemplateError, match=r"\{answer\} has no column; columns are question, context"):
        formats.text_to_sql().line({"question": "q", "context": "c"})


def test_ready_conversations_stay_as_they_are():
    """The conversation format keeps every key and value of a record."""
    record = {**text_record(), "extra": [1, None, 10**30, "é"]}
    assert json.loads(formats.conversation().line(record)) == record
    assert formats.conversation().template is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"prompt": "a"}, "no 'messages'; its columns are prompt"),
        ({"messages": float("nan")}, "cannot be written as JSON"),
        ({"messages": date(2026, 1, 1)}, "cannot be written as JSON"),
        ({"messages": "\ud800"}, "cannot be written as JSON"),
    ],
)
def test_a_row_that_is_no_conversation_is_refused(row, words):
    """A row without messages, or with a value that JSON does not know, is refused with the reason."""
    with pytest.raises(DatasetError, match=words):
        formats.conversation().line(row)


class TwoLines:
    """Somebody's own format, which writes for people."""

    template = None

    def line(self, row):
        return json.dumps(row, indent=1).encode()


def test_a_format_of_ones_own_makes_one_line_of_a_row():
    """A format is any value with ``template`` and ``line``; one that breaks the line has its rows refused."""
    with pytest.raises(InvalidDataset, match="made more than one line of it"):
        Dataset.from_records([ROW]).convert(TwoLines()).describe()
