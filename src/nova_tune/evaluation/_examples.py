"""What is asked and what should be answered: a held-out conversation, cut before its last turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import attrs

from nova_tune.errors import DatasetError
from nova_tune.values import Value


@runtime_checkable
class Record(Protocol):
    """What a dataset yields: anything that gives its conversation record as plain JSON."""

    def to_dict(self) -> dict[str, Any]:
        """The record as ``{"system": [...], "messages": [...]}``."""
        ...


def _text(blocks: list[dict[str, Any]]) -> str:
    """The text of content blocks; a block of another kind stands as its kind in brackets."""
    return "".join(block["text"] if "text" in block else f"[{next(iter(block), 'empty')}]" for block in blocks)


@attrs.frozen(kw_only=True)
class Example(Value):
    """One prompt and its reference answer. Every arm is asked the same examples.

    Args:
        id: What pairs the arms' answers: the record's number, from 1.
        system: The system prompt, None for none.
        messages: The turns before the last assistant turn, as Converse takes them.
        reference: The last assistant turn.
    """

    id: str
    system: str | None
    messages: list[dict[str, Any]]
    reference: str

    @classmethod
    def from_record(cls, record: Mapping[str, Any] | Record, number: int) -> Example:
        """The example of one conversation record.

        Args:
            record: A dictionary of the conversation schema, or a value with ``to_dict()`` that gives one.
            number: The record's number, from 1.

        Raises:
            DatasetError: It does not end with an assistant turn after a user turn, or is no conversation.
        """
        data = record if isinstance(record, Mapping) else record.to_dict()
        try:
            *prompt, last = data["messages"]
            system = "\n".join(block["text"] for block in data.get("system") or ())
            roles = [turn["role"] for turn in prompt]
            reference = _text(last["content"])
            ends_well = last["role"] == "assistant" and roles[-1:] == ["user"]
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(
                f"example {number} is not a conversation record ({type(error).__name__}: {error}); "
                "evaluate on records with system and messages, such as a Dataset holds after convert()"
            ) from error
        if not ends_well or not reference:
            raise DatasetError(
                f"example {number} has no reference answer: its last turn must be an assistant's with text, "
                "after a user's"
            )
        return cls(id=str(number), system=system or None, messages=[dict(turn) for turn in prompt], reference=reference)

    @property
    def question(self) -> str:
        """What the user asked; with several turns the whole conversation, each turn after its role."""
        if len(self.messages) == 1:
            return _text(self.messages[0]["content"])
        return "\n".join(f"{turn['role']}: {_text(turn['content'])}" for turn in self.messages)
