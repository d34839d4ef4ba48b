"""The format of a table, told from its first rows."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.errors import DatasetError
from nova_tune.formats._alpaca import alpaca
from nova_tune.formats._claude import claude
from nova_tune.formats._conversation import conversation
from nova_tune.formats._openai import openai_chat
from nova_tune.formats._sharegpt import sharegpt
from nova_tune.formats._template import prompt_completion, text_to_sql
from nova_tune.kinds import KINDS, database_column, kind_of, pair_columns, sql_columns
from nova_tune.template import Template, clip, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nova_tune.formats._template import Format

LOOKED_AT = 20
"""How many rows are looked at to tell what kind they are."""

_REMEDIES = {
    "evaluation": "they hold no answer to learn from: use them with the Evaluator, or name the columns yourself with "
    "formats.prompt_completion(completion='referenceResponse')",
    "dpo": "preference training is not supported; to train on the preferred answers alone, name the columns yourself "
    "with formats.template(...)",
    "rft": "reinforcement fine-tuning is not supported; to train on answers, write each as the assistant's turn",
}


@attrs.frozen
class ChosenFormat:
    """A format that was told from the rows.

    Args:
        chosen: The kind, such as ``"openai-chat"``.
        format: The format itself.
        looked_at: How many rows told it.
    """

    chosen: str
    format: Format
    looked_at: int

    @property
    def kind(self) -> str:
        """The kind, as :attr:`chosen`."""
        return self.chosen

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The columns that are read, where the format tells."""
        return getattr(self.format, "columns", None)

    @property
    def template(self) -> Template | None:
        """The prompt template of the format, where there is one."""
        return self.format.template

    def line(self, row: Mapping[str, Any]) -> bytes:
        """The record of one row."""
        return self.format.line(row)


@attrs.frozen(kw_only=True)
class AutoFormat:
    """Finds the format that rows are in; ``Dataset.convert`` asks it with the first rows of the data."""

    dialect: str | None = None
    drop_unknown: bool = False

    def of(self, rows: Iterable[Mapping[str, Any]]) -> ChosenFormat:
        """The format of these rows: the kind that most of the first 20 are of, the earlier one where two tie.

        Rows of another kind are refused when they are converted, each with its line.

        Args:
            rows: The first rows.

        Raises:
            DatasetError: There are none, they are of no kind that is known, or they are not for fine-tuning.

        Example:
            >>> AutoFormat().of([{"question": "2 + 2?", "answer": "4"}]).chosen
            'prompt-completion'
        """
        first = [row for _, row in zip(range(LOOKED_AT), rows, strict=False)]
        if not first:
            raise DatasetError("there are no rows to tell a format from; name one, such as formats.text_to_sql()")
        kinds = [kind_of(row) for row in first]
        told = Counter(kind for kind in kinds if kind is not None).most_common(1)
        if not told:
            raise DatasetError(
                f"the rows are of no kind that is known: their columns are {listed(first[0])}. Name the texts "
                "yourself: formats.template(system='', user='{column}', assistant='{column}')"
            )
        kind = told[0][0]
        return ChosenFormat(kind, self._format(kind, first[kinds.index(kind)]), len(first))

    def _format(self, kind: str, row: Mapping[str, Any]) -> Format:
        if kind == "text-to-sql" and (three := sql_columns(row)):
            return text_to_sql(question=three[0], schema=three[1], sql=three[2], dialect=self.dialect)
        if kind == "prompt-completion" and (two := pair_columns(row)):
            return prompt_completion(prompt=two[0], completion=two[1])
        if kind == "alpaca":
            return alpaca()
        chats: dict[str, Callable[..., Format]] = {
            "openai-chat": openai_chat, "claude": claude, "sharegpt": sharegpt, "conversation": conversation,
        }  # fmt: skip
        if kind in chats:
            return chats[kind](drop_unknown=self.drop_unknown)
        column = database_column(row)
        remedy = _REMEDIES.get(kind) or (
            f"add a column with the CREATE TABLE statements of each {clip(str(column))!r} and name it with "
            "formats.text_to_sql(schema=...), or train without tables with formats.text_to_sql(schema=None)"
        )
        raise DatasetError(f"these rows are {KINDS[kind]}: {remedy}", hint=remedy)


def auto(*, dialect: str | None = None, drop_unknown: bool = False) -> AutoFormat:
    """Tells the format from the first rows, and says in the steps of the data set what it chose.

    Args:
        dialect: The SQL dialect to name in the prompt, should the rows be text-to-SQL.
        drop_unknown: As for the formats of conversations, should the rows be some.

    Example:
        >>> from nova_tune import Dataset
        >>> data = Dataset.from_records([{"prompt": "2 + 2?", "completion": "4"}]).convert(auto())
        >>> data.steps[-1]["format"]
        'prompt-completion'
    """
    return AutoFormat(dialect=dialect, drop_unknown=drop_unknown)
