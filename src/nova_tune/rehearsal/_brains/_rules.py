"""The data rules of AWS that a training record can break, as a table of small functions.

Written from AWS's documents and published validators, apart from the library's own checks. Each rule stands in
:data:`RULES` with its statement, its source and the date it was read; "assumed" marks what no source says. What AWS's
sources leave open or contradict each other on (``schemaVersion``, unknown keys, ``Thought:``) is not refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_NOVA: Final = "https://docs.aws.amazon.com/nova/latest/userguide/fine-tune-prepare-data-understanding.html"
_NOVA_2: Final = "https://docs.aws.amazon.com/nova/latest/nova2-userguide/, preparing data for fine-tuning"
_VALIDATOR: Final = "aws-samples/amazon-nova-samples@1e88f245, nova_ft_dataset_validator.py"
_CONVERSE: Final = "botocore 1.44.5, service model bedrock-runtime 2023-09-30"
_ASSUMED: Final = "assumed"
_READ: Final = "2026-11-21"


@attrs.frozen
class Model:
    """What one base model takes; the sources stand beside the rules that use it.

    Args:
        name: The part of the base model id that tells the family.
        formats: File formats by kind of media; a kind that is missing is not taken.
        fewest: Records that a training file needs.
        most: Records that training and validation file may hold together.
        validation: Whether a job takes a validation file.
        tools: Whether it is trained on tool use and reasoning.
    """

    name: str
    formats: Mapping[str, Sequence[str]]
    fewest: int = 8
    most: int = 20_000
    validation: bool = True
    tools: bool = False


_PICTURES: Final = {"image": ("png", "jpeg", "gif", "webp"), "video": ("mov", "mkv", "mp4", "webm")}
MODELS: Final = (
    Model("nova-micro", {}),
    Model("nova-lite", _PICTURES),
    Model("nova-pro", _PICTURES),
    Model("nova-2-lite", {**_PICTURES, "document": ("pdf",)}, fewest=200, validation=False, tools=True),
)
MEDIA: Final = {"image": 10, "video": 1, "document": 1}  # kind of block: the most in one record
_SPEAKERS: Final = {"toolUse": "assistant", "toolResult": "user", "reasoningContent": "assistant"}
_KINDS: Final = ("text", *MEDIA, *_SPEAKERS)
_RESERVED: Final = ("user:", "bot:", "assistant:", "system:", "<image>", "<video>", "[eos]")
_S3_URI: Final = re.compile(r"s3://[\w\-/.]+", re.ASCII)
_LONGEST: Final = 32_000 * 6  # characters: 32k tokens at the 6 characters a token of AWS's own quota pages


@attrs.frozen
class Block:
    """A content block, a system text or the tool configuration: where it stands, in which turn, what it holds."""

    path: str
    role: str
    turn: int
    value: Any


class Content(dict[str, list[Block]]):
    """The blocks of one well-shaped record by kind; lives while that record is checked."""

    def __init__(self, record: dict[str, Any]) -> None:
        super().__init__()
        self.last = len(record["messages"]) - 1
        for index, block in enumerate(record.get("system") or ()):
            self._put("system", Block(f"system[{index}].text", "system", -1, block["text"]))
        for turn, message in enumerate(record["messages"]):
            for index, block in enumerate(message["content"]):
                for kind in block.keys() & _KINDS:
                    if block[kind] is not None:
                        path = f"messages[{turn}].content[{index}].{kind}"
                        self._put(kind, Block(path, message["role"], turn, block[kind]))
        if record.get("toolConfig") is not None:
            self._put("toolConfig", Block("toolConfig", "", -1, record["toolConfig"]))

    def _put(self, kind: str, block: Block) -> None:
        self.setdefault(kind, []).append(block)

    def of(self, *kinds: str) -> Iterator[Block]:
        """The blocks of these kinds, kind by kind, in the order of the record."""
        for kind in kinds:
            yield from self.get(kind, ())

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text that the model reads or learns, with its place."""
        for block in self.of("system", "text"):
            yield block.path, block.value
        for block in self.of("reasoningContent"):
            yield block.path, block.value["reasoningText"]["text"]
        for block in self.of("toolResult"):
            for part in block.value["content"]:
                if isinstance(part, dict) and isinstance(part.get("text"), str):
                    yield block.path, part["text"]


# Rules of shape. Each takes the record, may rely on the rules above it, and returns the fault or None.


def _record_object(record: Any) -> str | None:
    return None if isinstance(record, dict) else "the record is not a JSON object"


def _system_shape(record: dict[str, Any]) -> str | None:
    system = record.get("system")
    if system is not None and not isinstance(system, list):
        return "system is not a list"
    for index, block in enumerate(system or ()):
        if not isinstance(block, dict) or not isinstance(block.get("text"), str):
            return f"system[{index}] is not an object with a text"
    return None


def _system_blank(record: dict[str, Any]) -> str | None:
    for index, block in enumerate(record.get("system") or ()):
        if not block["text"].strip():
            return f"system[{index}].text is blank"
    return None


def _messages_list(record: dict[str, Any]) -> str | None:
    messages = record.get("messages")
    if not isinstance(messages, list):
        return "messages is missing or not a list"
    for turn, message in enumerate(messages):
        if not isinstance(message, dict):
            return f"messages[{turn}] is not an object"
    return None


def _messages_count(record: dict[str, Any]) -> str | None:
    count = len(record["messages"])
    return None if count >= 2 else f"messages holds {count}"


def _roles(record: dict[str, Any]) -> str | None:
    for turn, message in enumerate(record["messages"]):
        if message.get("role") not in ("user", "assistant"):
            return f"messages[{turn}].role is missing or another word"
    return None


def _turns_alternate(record: dict[str, Any]) -> str | None:
    for turn, message in enumerate(record["messages"]):
        due = "assistant" if turn % 2 else "user"
        if message["role"] != due:
            return f"messages[{turn}].role is {message['role']} where {due} is due"
    return None


def _turns_last(record: dict[str, Any]) -> str | None:
    return None if len(record["messages"]) % 2 == 0 else "the last turn is the user's"


def _content_list(record: dict[str, Any]) -> str | None:
    for turn, message in enumerate(record["messages"]):
        content = message.get("content")
        if not isinstance(content, list) or not content:
            return f"messages[{turn}].content is not a list of at least one block"
    return None


def _content_block(record: dict[str, Any]) -> str | None:
    for turn, message in enumerate(record["messages"]):
        for index, block in enumerate(message["content"]):
            if not isinstance(block, dict) or all(block.get(kind) is None for kind in _KINDS):
                return f"messages[{turn}].content[{index}] is none of {', '.join(_KINDS)}"
    return None


def _text_type(record: dict[str, Any]) -> str | None:
    for turn, message in enumerate(record["messages"]):
        for index, block in enumerate(message["content"]):
            text = block.get("text")
            if text is not None and not isinstance(text, str):
                return f"messages[{turn}].content[{index}].text is not a string"
    return None


def _text_blank(record: dict[str, Any]) -> str | None:
    for turn, message in enumerate(record["messages"]):
        texts = [block.get("text") for block in message["content"]]
        if any(text and text.strip() for text in texts):
            continue
        if all(block.get(kind) is None for block in message["content"] for kind in _KINDS[1:]):
            return f"messages[{turn}] says nothing but blanks"
    return None


# Rules of content. Each takes the blocks of a record that has passed the rules of shape, and the model.


def _media_model(content: Content, model: Model) -> str | None:
    for kind in MEDIA:
        if kind in content and kind not in model.formats:
            return f"{content[kind][0].path}: {model.name} takes no {kind}"
    return None


def _media_turn(content: Content, _model: Model) -> str | None:
    for block in content.of(*MEDIA):
        if block.role != "user":
            return f"{block.path} stands in an assistant turn"
    return None


def _media_format(content: Content, model: Model) -> str | None:
    for kind in MEDIA:
        for block in content.of(kind):
            if not isinstance(block.value, dict) or block.value.get("format") not in model.formats[kind]:
                return f"{block.path}.format is not one of {', '.join(model.formats[kind])}"
    return None


def _media_source(content: Content, _model: Model) -> str | None:
    for block in content.of(*MEDIA):
        found: Any = block.value
        for key in ("source", "s3Location", "uri"):
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, str) or not _S3_URI.fullmatch(found):
            return f"{block.path}.source.s3Location.uri is missing or no such URI"
    return None


def _media_count(content: Content, _model: Model) -> str | None:
    for kind, most in MEDIA.items():
        count = len(content.get(kind, ()))
        if count > most:
            return f"it holds {count} blocks of kind {kind} and may hold {most}"
    return None


def _tools_model(content: Content, model: Model) -> str | None:
    for block in () if model.tools else content.of("toolConfig", *_SPEAKERS):
        return f"{block.path}: {model.name} is not trained on tools or reasoning"
    return None


def _tools_turn(content: Content, _model: Model) -> str | None:
    for kind, speaker in _SPEAKERS.items():
        for block in content.of(kind):
            if block.role != speaker:
                return f"{block.path} does not stand in a turn of the {speaker}"
    return None


def _tools_config(content: Content, _model: Model) -> str | None:
    for block in content.of("toolConfig"):
        tools = block.value.get("tools") if isinstance(block.value, dict) else None
        if not isinstance(tools, list) or not tools:
            return "toolConfig.tools is not a list of at least one tool"
        names = set()
        for index, tool in enumerate(tools):
            spec = tool.get("toolSpec") if isinstance(tool, dict) else None
            if not isinstance(spec, dict) or not isinstance(spec.get("name"), str) or spec["name"] in names:
                return f"toolConfig.tools[{index}].toolSpec has no name or that of another tool"
            names.add(spec["name"])
    return None


def _tools_use(content: Content, _model: Model) -> str | None:
    names = [tool["toolSpec"]["name"] for config in content.of("toolConfig") for tool in config.value["tools"]]
    seen = set()
    for block in content.of("toolUse"):
        use = block.value
        if not isinstance(use, dict) or not isinstance(use.get("toolUseId"), str) or "input" not in use:
            return f"{block.path} lacks its toolUseId or its input"
        if use.get("name") not in names:
            return f"{block.path}.name is not in toolConfig"
        if use["toolUseId"] in seen:
            return f"{block.path}.toolUseId is used twice"
        seen.add(use["toolUseId"])
    return None


def _tools_result(content: Content, _model: Model) -> str | None:
    waiting = {block.value["toolUseId"]: block.turn for block in content.of("toolUse")}
    for block in content.of("toolResult"):
        result = block.value
        if not isinstance(result, dict) or not isinstance(result.get("content"), list):
            return f"{block.path}.content is not a list"
        identity = result.get("toolUseId")
        if not isinstance(identity, str) or waiting.pop(identity, block.turn) >= block.turn:
            return f"{block.path}.toolUseId names no earlier toolUse that waits for its result"
    return None


def _reasoning_text(content: Content, _model: Model) -> str | None:
    for block in content.of("reasoningContent"):
        inner = block.value.get("reasoningText") if isinstance(block.value, dict) else None
        if not isinstance(inner, dict) or not isinstance(inner.get("text"), str):
            return f"{block.path}.reasoningText.text is missing or not a string"
    return None


def _text_reserved(content: Content, _model: Model) -> str | None:
    for path, text in content.texts():
        lowered = text.lower()
        for word in _RESERVED:
            if word in lowered:
                return f"{path} holds {word!r}"
    return None


def _text_length(content: Content, _model: Model) -> str | None:
    length = sum(len(text) for _, text in content.texts())
    return None if length <= _LONGEST else f"its texts have {length:,} characters, about {length // 6:,} tokens"


@attrs.frozen
class Rule:
    """One thing that AWS refuses.

    Args:
        id: A stable name.
        statement: The rule in one sentence.
        source: The page or program it was read in, or "assumed".
        shape: Finds the fault in a decoded record; None for rules of content, of reading a line and of a whole file.
        content: Finds the fault in the blocks of a well-shaped record; None for the others.
        read: The day of reading.
    """

    id: str
    statement: str
    source: str
    shape: Callable[[Any], str | None] | None = None
    content: Callable[[Content, Model], str | None] | None = None
    read: str = _READ


_LINE_RULES: Final = (
    Rule("json.encoding", "A line is UTF-8 without a byte order mark", _NOVA),
    Rule("json.syntax", "A line is one JSON value", _NOVA),
    Rule("keys.duplicate", "A key stands once in its object", _ASSUMED),
)
_SHAPE_RULES: Final = (
    Rule("record.object", "A record is a JSON object", _NOVA, _record_object),
    Rule("system.shape", "system is a list of objects with a text", _NOVA, _system_shape),
    Rule("system.blank", "A system text is not blank", f"{_CONVERSE} (min 1); blanks: {_ASSUMED}", _system_blank),
    Rule("messages.list", "messages is a list of objects", _NOVA, _messages_list),
    Rule("messages.count", "A record has at least two messages", _VALIDATOR, _messages_count),
    Rule("turns.role", "A role is user or assistant, in lower case", _NOVA, _roles),
    Rule("turns.alternate", "Turns alternate and the user begins", _NOVA, _turns_alternate),
    Rule("turns.last", "The assistant has the last turn", _NOVA, _turns_last),
    Rule("content.list", "The content of a message is a list of blocks", _NOVA, _content_list),
    Rule("content.block", "A block holds something that the service knows", _VALIDATOR, _content_block),
    Rule("text.type", "A text is a string", _VALIDATOR, _text_type),
    Rule("text.blank", "A message without other blocks has text", f"{_NOVA}; blanks: {_ASSUMED}", _text_blank),
)
_CONTENT_RULES: Final = (
    Rule("media.model", "The model takes this kind of media", _NOVA, content=_media_model),
    Rule("media.turn", "Media stands in user turns", _VALIDATOR, content=_media_turn),
    Rule("media.format", "Media has one of the documented formats", f"{_NOVA}, {_NOVA_2}", content=_media_format),
    Rule("media.source", "Media is an S3 URI of letters, digits and _-/.", _VALIDATOR, content=_media_source),
    Rule("media.count", "A record has 10 images, 1 video or 1 document at most", _NOVA, content=_media_count),
    Rule("tools.model", "Tools and reasoning are for Nova 2 Lite", _NOVA_2, content=_tools_model),
    Rule("tools.turn", "The assistant reasons and uses tools, the user answers", _NOVA_2, content=_tools_turn),
    Rule("tools.config", "Every tool has a name of its own", _NOVA_2, content=_tools_config),
    Rule("tools.use", "A tool use has its own id, an input and a known name", _NOVA_2, content=_tools_use),
    Rule("tools.result", "A tool result answers an earlier use, once", _NOVA_2, content=_tools_result),
    Rule("reasoning.text", "Reasoning is text", _VALIDATOR, content=_reasoning_text),
    Rule("text.reserved", f"No text holds {' '.join(_RESERVED)}, in any case", _NOVA, content=_text_reserved),
    Rule("text.length", "A record has 32k tokens at most", f"{_NOVA}; estimate: {_ASSUMED}", content=_text_length),
)
_FILE_RULES: Final = (
    Rule("records.fewest", "A training file has 8 records, for Nova 2 Lite 200", f"{_NOVA}, {_VALIDATOR}"),
    Rule("records.most", "Training and validation have 20,000 records together", f"{_NOVA}, {_VALIDATOR}"),
    Rule("records.validation", "Nova 2 Lite takes no validation file", _VALIDATOR),
    Rule("records.media", "A file has one kind of media", _NOVA),
)
RULES: Final = {rule.id: rule for rule in (*_LINE_RULES, *_SHAPE_RULES, *_CONTENT_RULES, *_FILE_RULES)}


def first_fault(record: Any, model: Model) -> tuple[Rule, str] | Content:
    """The first rule that a decoded record breaks and how, or its content where it breaks none."""
    for rule in _SHAPE_RULES:
        if rule.shape and (fault := rule.shape(record)):
            return rule, fault
    content = Content(record)
    for rule in _CONTENT_RULES:
        if rule.content and (fault := rule.content(content, model)):
            return rule, fault
    return content
