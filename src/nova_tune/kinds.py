"""What kind of data a row is from: told by its keys and shapes alone, without judging whether it is any good.

Sources of the shapes: OpenAI's fine-tuning guide, the Claude and reinforcement pages of the Bedrock user guide, and the
data sets of LLaMA-Factory, TRL and Spider, read 2026-11-21.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CONVERTIBLE", "KINDS", "database_column", "kind_of", "pair_columns", "sql_columns"]

KINDS: Mapping[str, str] = {
    "conversation": "training records in bedrock-conversation-2024",
    "openai-chat": "OpenAI chat records",
    "claude": "records for Claude on Bedrock",
    "alpaca": "Alpaca instructions",
    "sharegpt": "ShareGPT conversations",
    "prompt-completion": "pairs of prompt and completion",
    "text-to-sql": "questions with a schema and SQL",
    "evaluation": "prompts for an evaluation job",
    "dpo": "preferences (DPO)",
    "rft": "prompts for reinforcement fine-tuning (RFT)",
    "spider": "questions and SQL that name a database and not its tables, as Spider does",
}
"""Every kind that :func:`kind_of` tells, with a phrase that names a file of it."""

CONVERTIBLE = frozenset({
    "conversation", "openai-chat", "claude", "alpaca", "sharegpt", "prompt-completion", "text-to-sql",
})  # fmt: skip
"""The kinds that become training records as they are; the others lack something, or train in another way."""

_CONVERSE_BLOCKS = {"text", "image", "video", "document", "toolUse", "toolResult", "reasoningContent", "cachePoint"}
_CLAUDE_BLOCKS = {"tool_use", "tool_result", "image", "thinking"}
_OPENAI_KEYS = {"tool_calls", "tool_call_id", "function_call", "weight", "refusal"}
_OPENAI_ROLES = ("system", "developer", "tool", "function")

_QUESTIONS = ("question", "nl_question", "utterance", "prompt", "instruction")
_SCHEMAS = ("schema", "ddl", "sql_context", "create_table", "context")
_SQL = ("sql", "query", "sql_query", "answer", "completion", "response", "output")
_DATABASES = ("db_id", "db_name", "database")
_PAIRS = (
    ("prompt", "completion"), ("prompt", "response"), ("question", "answer"), ("query", "response"),
    ("instruction", "response"), ("input", "output"),
)  # fmt: skip
_COMPANIONS = ("context", "passage", "document", "input", "history")
_LOOKS_LIKE_SQL = re.compile(r"\W*(\[SQL\]\s*)?\(?\s*(select|with|insert|update|delete|merge)\s", re.IGNORECASE)


def kind_of(value: Any) -> str | None:
    """The kind of data that a decoded row belongs to, one of :data:`KINDS`, or None when that is not certain.

    A row of the kind may still be full of faults: a training record with a wrong role is a ``"conversation"``.

    Args:
        value: A row of a table or a decoded line of JSON; anything at all.

    Example:
        >>> kind_of({"messages": [{"role": "user", "content": "Hello"}]})
        'openai-chat'
        >>> kind_of({"instruction": "Say hello", "input": "", "output": "Hello"})
        'alpaca'
    """
    if not isinstance(value, dict):
        return None
    if value.keys() >= {"chosen", "rejected"} or value.keys() >= {"preferred_output", "non_preferred_output"}:
        return "dpo"
    if "messages" in value:
        return _chat(value)
    turns = value.get("conversations")
    if isinstance(turns, list) and turns and isinstance(turns[0], dict):
        return "sharegpt" if turns[0].keys() >= {"from", "value"} or turns[0].keys() >= {"role", "content"} else None
    if "prompt" in value and value.keys() & {"referenceResponse", "modelResponses", "response_A", "response_B"}:
        return "evaluation"
    if sql_columns(value):
        return "text-to-sql"
    if value.keys() >= {"instruction", "output"}:
        return "alpaca"
    if database_column(value):
        return "spider"
    return "prompt-completion" if pair_columns(value) else None


def _chat(value: dict[Any, Any]) -> str | None:
    messages = value["messages"]
    turns = [turn for turn in messages if isinstance(turn, dict)] if isinstance(messages, list) else []
    if any(isinstance(turn.get("candidates"), list) for turn in turns[-1:]):
        return "dpo"
    blocks = [
        block
        for turn in turns
        if isinstance(turn.get("content"), list)
        for block in turn["content"]
        if isinstance(block, dict)
    ]
    if "schemaVersion" in value or any("type" not in block and block.keys() & _CONVERSE_BLOCKS for block in blocks):
        return "conversation"
    if "reference_answer" in value:
        return "rft"
    kinds = {block["type"] for block in blocks if isinstance(block.get("type"), str)}
    if kinds & _CLAUDE_BLOCKS:
        return "claude"
    marked = any(turn.get("role") in _OPENAI_ROLES or turn.keys() & _OPENAI_KEYS for turn in turns)
    if not (kinds or marked or any(isinstance(turn.get("content"), str) for turn in turns)):
        return None
    if value.get("system") is None:  # a table has a cell for every column
        return "openai-chat"
    return "claude" if isinstance(value["system"], str) or kinds else "conversation"


def sql_columns(row: Mapping[Any, Any]) -> tuple[str, str, str] | None:
    """The columns with the question, the schema and the SQL, or None where a row has no such three.

    ``context`` and ``answer`` are used for prose as well, so their cells have to look like tables and SQL.

    Args:
        row: A row of a table.
    """
    names = _names(row)
    for question in _known(names, _QUESTIONS):
        for schema in _known(names, _SCHEMAS):
            for sql in _known(names, _SQL):
                if _are_sql(row[schema], row[sql]) and all(_is_cell(row[name]) for name in (question, schema, sql)):
                    return question, schema, sql
    return None


def _are_sql(schema: Any, sql: Any) -> bool:
    return isinstance(sql, str) and bool(_LOOKS_LIKE_SQL.match(sql)) and isinstance(schema, str) and (
        re.search(r"\bcreate\b.*\btable\b", schema, re.IGNORECASE | re.DOTALL) is not None
    )  # fmt: skip


def pair_columns(row: Mapping[Any, Any]) -> tuple[str, str] | None:
    """The columns with the prompt and its answer, or None where a row has no such two.

    None as well beside a column such as ``context``, which the prompt may need: that is for a person to decide.

    Args:
        row: A row of a table.
    """
    names = _names(row)
    for prompt, completion in _PAIRS:
        if prompt in names and completion in names:
            beside = [name for name in _known(names, _COMPANIONS) if name != names[prompt] and row[name]]
            if not beside and _is_cell(row[names[prompt]]) and _is_cell(row[names[completion]]):
                return names[prompt], names[completion]
    return None


def database_column(row: Mapping[Any, Any]) -> str | None:
    """The column that names a database, in a row with a question and SQL.

    Args:
        row: A row of a table.
    """
    names = _names(row)
    if _known(names, _QUESTIONS) and ("query" in names or "sql" in names):
        return next(iter(_known(names, _DATABASES)), None)
    return None


def _names(row: Mapping[Any, Any]) -> dict[str, str]:
    """The columns by their names in small letters, since a header may say Question or QUESTION."""
    return {name.strip().casefold(): name for name in row if isinstance(name, str)}


def _known(names: dict[str, str], wanted: tuple[str, ...]) -> list[str]:
    return [names[name] for name in wanted if name in names]


def _is_cell(value: Any) -> bool:
    return not isinstance(value, dict | list)
