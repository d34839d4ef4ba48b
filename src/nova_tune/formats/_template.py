"""Rows of a table rendered through a template: one user turn, one assistant turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from nova_tune.conversation import text_line
from nova_tune.template import Template

if TYPE_CHECKING:
    from collections.abc import Mapping


class Format(Protocol):
    """How a row becomes a line of the training file.

    A format may also have ``kind``, its name in the steps of a data set, and ``columns``, those it reads: what a row
    has beside them is then listed in the steps.
    """

    @property
    def template(self) -> Template | None:
        """The prompt template that inference needs again, where there is one."""
        ...

    def line(self, row: Mapping[str, Any]) -> bytes:
        """The training record of one row, as the bytes of its line.

        Raises:
            DatasetError: The row cannot become a record; the message names the column.
        """
        ...


@attrs.frozen
class TemplateFormat:
    """Rows rendered through a template: one user turn, one assistant turn."""

    template: Template
    kind: str = "template"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return self.template.columns

    def line(self, row: Mapping[str, Any]) -> bytes:
        """The record of one row."""
        system, user, assistant = self.template.turns(row)
        return text_line(system, (("user", user), ("assistant", assistant)))


def template(*, system: str, user: str, assistant: str) -> TemplateFormat:
    """Rows rendered through your own texts with ``{column}`` fields.

    Args:
        system: The system prompt; empty for none.
        user: The user's turn.
        assistant: The answer to learn.

    Example:
        >>> template(system="", user="{q}", assistant="{a}").line({"q": "1 + 1?", "a": "2"})[:20]
        b'{"schemaVersion":"be'
    """
    return TemplateFormat(Template(system=system, user=user, assistant=assistant))


def text_to_sql(
    *, question: str = "question", schema: str | None = "context", sql: str = "answer", dialect: str | None = None
) -> TemplateFormat:
    """Questions about a database, its schema, and the SQL that answers them.

    The wording is that of AWS's article on text-to-SQL with Nova Micro: the schema stands in the system prompt.

    Args:
        question: The column with the question.
        schema: The column with the CREATE TABLE statements; None where there is none, so that the model learns the
            tables from the answers alone and knows no others.
        sql: The column with the SQL.
        dialect: The dialect to name in the prompt, such as ``"T-SQL"``.

    Example:
        >>> text_to_sql(dialect="T-SQL").template.prompt_columns
        ('context', 'question')
    """
    where = f" in {_literal(dialect)}" if dialect else ""
    tables = "" if schema is None else f" You can use the following table schema for context: {{{schema}}}"
    task = f"Your job is to answer questions about a database{where}."
    made = Template(
        system=f"You are a powerful text-to-SQL model. {task}{tables}",
        user=f"Return the SQL query that answers the following question: {{{question}}}",
        assistant=f"{{{sql}}}",
    )
    return TemplateFormat(made, "text-to-sql")


def prompt_completion(*, prompt: str = "prompt", completion: str = "completion", system: str = "") -> TemplateFormat:
    """Prompts and what the model should answer.

    Args:
        prompt: The column with the prompt.
        completion: The column with the answer.
        system: A system prompt for all; a literal brace is doubled.

    Example:
        >>> prompt_completion(prompt="question", completion="answer").template.columns
        ('question', 'answer')
    """
    made = Template(system=system, user=f"{{{prompt}}}", assistant=f"{{{completion}}}")
    return TemplateFormat(made, "prompt-completion")


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
