"""The prompt template: what it asks of a row, what it refuses, and that it never reads a value as a field."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import Template
from nova_tune.errors import DatasetError, TemplateError

SQL = Template(system="Answer for {context}", user="{question} ({context})", assistant="{answer}")
ROW = {"question": "How many?", "context": "CREATE TABLE t (a INT)", "answer": "SELECT 1", "id": 7}


def test_columns_stand_in_order_of_appearance():
    """Each column is named once; those of the answer are not needed to ask."""
    assert SQL.columns == ("context", "question", "answer")
    assert SQL.prompt_columns == ("context", "question")
    assert Template(system="", user="Hi", assistant="{{}}").columns == ()
    assert Template(system="{a} {b} {a}", user="", assistant="").columns == ("a", "b")


def test_turns_take_a_whole_row():
    """A row may hold more columns than the template; they are left alone."""
    assert SQL.turns(ROW) == (
        "Answer for CREATE TABLE t (a INT)",
        "How many? (CREATE TABLE t (a INT))",
        "SELECT 1",
    )


@given(st.text(), st.text())
def test_a_question_is_rendered_as_in_training(question, context):
    """prompt() gives the same system prompt and user's turn as the training record, whatever the values hold."""
    row = {"question": question, "context": context, "answer": "x"}
    asked = SQL.prompt({"question": question, "context": context})
    assert asked == SQL.turns(row)[:2] == (f"Answer for {context}", f"{question} ({context})")


@given(st.text())
def test_any_text_is_a_template_or_an_error_of_its_own(text):
    """A template text is taken and renders with its columns, or is refused as TemplateError."""
    try:
        template = Template(system=text, user="", assistant="")
    except TemplateError:
        return
    rendered, _ = template.prompt(dict.fromkeys(template.columns, "v"))
    assert "{" not in text or rendered != text


@given(st.text(alphabet="ab _-é0?", min_size=1).filter(lambda name: name.strip() == name and not name.isdigit()))
def test_a_column_may_be_named_as_people_name_columns(name):
    """Names with spaces, dashes and letters of any alphabet are columns like others."""
    assert Template(system="", user=f"{{{name}}}", assistant="").prompt({name: "{x}"}) == ("", "{x}")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "}",
        "{}",
        "{0}",
        "{a.b}",
        "{a[0]}",
        "{a!r}",
        "{a:>5}",
        "{ a}",
        '{"a": 1}',
        "{a:{b}}",
        "{" + "x." * 500 + "}",
    ],
)
def test_a_field_is_a_plain_column_name(text):
    """Anything that str.format would look up, convert or lay out is refused with the remedy, quoting little of it."""
    with pytest.raises(TemplateError, match="brace") as caught:
        Template(system="", user=text, assistant="")
    assert len(str(caught.value)) < 160


def test_a_missing_column_names_the_nearest():
    """A field without a column lists the columns there are, and the one that may be meant."""
    with pytest.raises(TemplateError) as caught:
        SQL.turns({"question": "q", "contxt": "c", "answer": "a"})
    assert str(caught.value) == (
        "template field {context} has no column; columns are question, contxt, answer; did you mean 'contxt'?"
    )
    with pytest.raises(TemplateError, match=r"\{context\} has no column; columns are none$"):
        SQL.turns({})


def test_a_message_repeats_little_of_the_row():
    """A thousand long column names are neither all listed nor listed whole."""
    with pytest.raises(TemplateError) as caught:
        SQL.turns({f"{n} " + "x" * 100: "v" for n in range(1000)})
    assert "and 988 more" in str(caught.value)
    assert "x" * 41 not in str(caught.value)


@pytest.mark.parametrize("value", [None, 5, 1.5, ["a"], b"a"])
def test_a_value_that_is_not_text_is_refused(value):
    """No number or missing cell is made into text by itself."""
    with pytest.raises(TemplateError, match=f"column 'answer' holds {type(value).__name__}, not text"):
        SQL.turns({**ROW, "answer": value})


def test_asking_refuses_what_the_template_does_not_know():
    """A value without a field is a mistake when asking, and the message lists the fields."""
    with pytest.raises(TemplateError, match=r"no field \{dialect\}; its fields are context, question"):
        SQL.prompt({"question": "q", "context": "c", "dialect": "T-SQL"})


def test_a_template_is_a_value():
    """Templates compare, pickle, and go to and from JSON; they cannot be changed, and their errors are data errors."""
    again = Template.from_dict(json.loads(json.dumps(SQL.to_dict())))
    assert again == pickle.loads(pickle.dumps(SQL)) == SQL
    assert hash(again) == hash(SQL)
    with pytest.raises(AttributeError):
        SQL.system = "x"  # type: ignore[misc]
    assert issubclass(TemplateError, DatasetError)
    assert issubclass(TemplateError, KeyError)
