"""One training record as a value: a system prompt and turns between user and assistant."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, NoReturn, Self

import attrs
import msgspec

from nova_tune.models import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ENCODER = msgspec.json.Encoder()
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_CANONICAL = msgspec.json.Encoder(order="deterministic")


def text_line(system: str, turns: Iterable[tuple[str, str]]) -> bytes:
    """The line of a text-only record: the bytes that are uploaded, without the line end.

    Args:
        system: The system prompt; empty for none.
        turns: Role and text of each turn.

    Raises:
        UnicodeEncodeError: A text holds half a surrogate pair.
    """
    record: dict[str, Any] = {"schemaVersion": SCHEMA_VERSION.value}
    if system:
        record["system"] = [{"text": system}]
    record["messages"] = [{"role": role, "content": [{"text": text}]} for role, text in turns]
    return _ENCODER.encode(record)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


@functools.cache
def _schema_validator() -> Any:
    from importlib.resources import files  # noqa: PLC0415 - both cost 80 ms and few programs need them

    import jsonschema  # noqa: PLC0415

    source = files("nova_tune") / "schema" / "bedrock-conversation-2024.schema.json"
    return jsonschema.Draft202012Validator(json.loads(source.read_text(encoding="utf-8")))


@attrs.frozen
class Conversation:
    """A record in bedrock-conversation-2024: what Nova is trained with, one line of the file.

    Args:
        record: The decoded JSON object, as it stands in the file.

    Example:
        >>> conversation = Conversation.of("Be brief.", ("user", "2 + 2?"), ("assistant", "4"))
        >>> conversation.reference
        '4'
        >>> Conversation.from_line(conversation.to_line()) == conversation
        True
    """

    record: dict[str, Any]

    @classmethod
    def of(cls, system: str, *turns: tuple[str, str]) -> Self:
        """A conversation of texts.

        Args:
            system: The system prompt; empty for none.
            turns: Role and text of each turn, in order.
        """
        return cls.from_line(text_line(system, turns))

    @classmethod
    def from_line(cls, line: bytes | str) -> Self:
        """The conversation on one line of JSON.

        Raises:
            ValueError: The line is not JSON, or not an object.
        """
        try:
            return cls(_OBJECT.decode(line))
        except (ValueError, RecursionError):  # it may be right all the same: half a surrogate pair, and who tells why
            pass
        try:
            record = json.loads(line if isinstance(line, str) else line.decode("utf-8"), parse_constant=_refuse)
        except RecursionError:
            raise ValueError("the line is nested too deeply to be read") from None
        if not isinstance(record, dict):
            raise ValueError(f"a record is a JSON object; this is {type(record).__name__}")  # noqa: TRY004
        return cls(record)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The conversation of a decoded record."""
        return cls(dict(record))

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON."""
        return self.record

    def to_line(self) -> bytes:
        """The record as one line of JSON, without the line end: what :meth:`from_line` reads back as the same record.

        Raises:
            ValueError: A value is not JSON: NaN, an infinity, half a surrogate pair, nesting beyond the stack.
            TypeError: A value is of a type that JSON does not know, such as a date.
        """
        # Not msgspec: it writes NaN as null, dates and bytes as texts, and says nothing.
        try:
            text = json.dumps(self.record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        except RecursionError:
            raise ValueError("the record is nested too deeply to be written") from None
        return text.encode("utf-8")

    def canonical(self) -> bytes:
        """The record's content in one spelling: equal for records that differ in white space or key order alone."""
        try:
            return _CANONICAL.encode(self.record)
        except UnicodeEncodeError:  # half of a surrogate pair
            return json.dumps(self.record, sort_keys=True).encode("ascii")

    @property
    def system(self) -> str:
        """The text of all system blocks."""
        blocks = self.record.get("system") or ()
        return "\n".join(block["text"] for block in blocks)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All turns."""
        return list(self.record["messages"])

    @property
    def prompt(self) -> list[dict[str, Any]]:
        """The turns before the last assistant turn: what a model is asked."""
        return self.messages[: self._last_answer()]

    @property
    def reference(self) -> str:
        """The text of the last assistant turn: what the model should answer."""
        return self.text_of(self.messages[self._last_answer()])

    def _last_answer(self) -> int:
        for index in range(len(self.messages) - 1, -1, -1):
            if self.messages[index].get("role") == "assistant":
                return index
        raise ValueError("the conversation has no assistant turn")

    @staticmethod
    def text_of(message: Mapping[str, Any]) -> str:
        """The text blocks of one turn, joined."""
        return "".join(block["text"] for block in message["content"] if "text" in block)

    def validate_schema(self) -> list[str]:
        """What the shipped JSON Schema (Draft 2020-12) finds wrong with the structure: a sentence for each fault.

        The schema states the structure alone; :meth:`nova_tune.Dataset.validate` checks every rule. It repeats
        nothing of the record.
        """
        errors = sorted(_schema_validator().iter_errors(self.record), key=lambda error: list(map(str, error.path)))
        return [
            f"/{'/'.join(map(str, error.path))}: {error.message.replace(repr(error.instance), 'the value', 1)}"
            for error in errors
        ]
