"""From rows of a table to training records: one small format for each kind of table people come with.

A format is a value with a ``template`` and a ``line`` method; :class:`Format` is the protocol for your own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs

from nova_tune.conversation import Conversation, text_line
from nova_tune.errors import DatasetError
from nova_tune.template import Template, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Format", "conversation", "prompt_completion", "template", "text_to_sql"]


class Format(Protocol):
    """How a row becomes a line of the training file."""

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

    def line(self, row: Mapping[str, Any]) -> bytes:
        """The record of one row."""
        system, user, assistant = self.template.turns(row)
        return text_line(system, (("user", user), ("assistant", assistant)))


@attrs.frozen
class ConversationFormat:
    """Rows that are training records already."""

    template: Template | None = None

    def line(self, row: Mapping[str, Any]) -> bytes:
        """The record of one row."""
        if "messages" not in row:
            raise DatasetError(f"this row is not a conversation: it has no 'messages'; its columns are {listed(row)}")
        try:
            return Conversation.from_dict(row).to_line()
        except (TypeError, ValueError) as error:
            raise DatasetError(f"this row cannot be written as JSON: {error}") from error


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
    *, question: str = "question", schema: str = "context", sql: str = "answer", dialect: str | None = None
) -> TemplateFormat:
    """Questions about a database, its schema, and the SQL that answers them.

    The wording is that of AWS's article on text-to-SQL with Nova Micro: the schema stands in the system prompt.

    Args:
        question: The column with the question.
        schema: The column with the CREATE TABLE statements.
        sql: The column with the SQL.
        dialect: The dialect to name in the prompt, such as ``"T-SQL"``.

    Example:
        >>> text_to_sql(dialect="T-SQL").template.prompt_columns
        ('context', 'question')
    """
    what = f"answer questions about a database in {dialect}" if dialect else "answer questions about a database"
    return template(
        system=f"You are a powerful text-to-SQL model. Your job is to {what}. "
        f"You can use the following table schema for context: {{{schema}}}",
        user=f"Return the SQL query that answers the following question: {{{question}}}",
        assistant=f"{{{sql}}}",
    )


def prompt_completion(*, prompt: str = "prompt", completion: str = "completion", system: str = "") -> TemplateFormat:
    """Prompts and what the model should answer.

    Args:
        prompt: The column with the prompt.
        completion: The column with the answer.
        system: A system prompt for all; a literal brace is doubled.
    """
    return template(system=system, user=f"{{{prompt}}}", assistant=f"{{{completion}}}")


def conversation() -> ConversationFormat:
    """Rows that are training records already, in bedrock-conversation-2024."""
    return ConversationFormat()
