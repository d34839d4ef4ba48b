"""The format that is told from the first rows, and what the data set says of it."""

from __future__ import annotations

import pytest

from nova_tune import Dataset, formats
from nova_tune.errors import DatasetError, InvalidDataset
from records import text_record

TABLE = "CREATE TABLE t (a INT)"
SQL = {"Question": "How many?", "Schema": TABLE, "Query": "SELECT COUNT(*) FROM t", "id": "7"}
PAIR = {"question": "2 + 2?", "answer": "4"}
CHAT = {"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]}


@pytest.mark.parametrize(
    ("row", "kind", "columns"),
    [
        (SQL, "text-to-sql", ("Schema", "Question", "Query")),
        (PAIR, "prompt-completion", ("question", "answer")),
        (CHAT, "openai-chat", ("messages", "tools", "functions")),
        ({"system": "s", **CHAT}, "claude", ("system", "messages", "tools")),
        ({"instruction": "a", "output": "b"}, "alpaca", ("instruction", "input", "output", "system", "history")),
        ({"conversations": [{"from": "human", "value": "x"}]}, "sharegpt", ("conversations", "system", "tools")),
        (text_record(), "conversation", None),
    ],
)
def test_the_format_is_told_and_says_so(row, kind, columns):
    """What was chosen stands in the steps, and the rows convert like those of the format itself."""
    data = Dataset.from_records([row] * 3).convert(formats.auto())
    assert data.steps[-1] == {"step": "convert", "format": kind, "told_from": 3}
    assert data.describe().records == 3
    chosen = formats.auto().of([row])
    assert (chosen.chosen, chosen.kind, chosen.columns) == (kind, kind, columns)
    assert data.template == chosen.template
    assert next(iter(data.lines())) == chosen.line(row)


def test_columns_that_are_left_unused_are_listed():
    """The first row tells which columns do not reach the record; formats of one's own need not say."""
    data = Dataset.from_records([SQL]).convert(formats.auto(dialect="T-SQL"))
    assert "unused_columns" not in data.steps[-1]
    record = next(iter(data))
    assert "a database in T-SQL." in record.system
    assert data.steps[-1]["unused_columns"] == ["id"]
    template = formats.template(system="", user="{question}", assistant="{answer}")
    plain = Dataset.from_records([PAIR]).convert(template)
    plain.describe()
    assert plain.steps[-1] == {"step": "convert", "format": "template"}


def test_most_of_the_first_rows_decide_and_the_others_are_refused():
    """One odd row does not change the format; it is refused with its line like any row that does not fit."""
    data = Dataset.from_records([CHAT, PAIR, PAIR]).convert(formats.auto())
    assert data.steps[-1]["format"] == "prompt-completion"
    with pytest.raises(InvalidDataset, match=r"line 1.*\{question\} has no column"):
        data.describe()
    assert formats.auto().of([CHAT, PAIR]).chosen == "openai-chat"


def test_blank_and_broken_lines_do_not_hide_the_format(tmp_path):
    """Only rows that can be read are looked at, twenty at most."""
    path = tmp_path / "in.jsonl"
    path.write_text('\n{"broken\n' + '{"prompt": "a", "completion": "b"}\n' * 40)
    data = Dataset.from_jsonl(path).convert(formats.auto())
    assert data.steps[-1] == {"step": "convert", "format": "prompt-completion", "told_from": 20}
    with pytest.raises(InvalidDataset, match="1 row"):
        data.describe()


def test_an_iterable_that_is_read_once_loses_no_row_to_the_look():
    """Telling the format from a generator leaves all its rows for the passes."""
    data = Dataset.from_records(dict(PAIR) for _ in range(30)).convert(formats.auto())
    assert data.describe().records == 30


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no rows to tell a format from; name one"),
        ([{"a": "x", "b": "y"}], r"no kind that is known: their columns are a, b\. .*formats\.template"),
        (
            [{"prompt": "a", "referenceResponse": "b"}],
            "prompts for an evaluation job: .*completion='referenceResponse'",
        ),
        ([{"prompt": "a", "chosen": "b", "rejected": "c"}], r"preferences \(DPO\): .*not supported"),
        ([{**CHAT, "reference_answer": "4"}], r"\(RFT\): .*not supported"),
        ([{"db_id": "d", "question": "q", "query": "SELECT 1"}], r"each 'db_id' .*schema=\.\.\."),
    ],
)
def test_what_cannot_be_converted_is_refused_with_the_way_on(rows, words):
    """A kind that lacks something, or trains in another way, is named together with what to do."""
    with pytest.raises(DatasetError, match=words):
        Dataset.from_records(rows).convert(formats.auto())


def test_text_to_sql_without_a_schema_names_no_tables():
    """schema=None leaves the sentence about tables out, and a dialect may hold braces."""
    chosen = formats.text_to_sql(schema=None, sql="query", dialect="{my} SQL")
    system, user, _ = chosen.template.turns({"question": "How many?", "query": "SELECT 1"})
    assert system.endswith("answer questions about a database in {my} SQL.")
    assert user.endswith("How many?")
