"""What is wrong with one record: every finding, with its place. This is the one definition of a valid record.

Sources: the data preparation page of the Nova user guide and AWS's own validators (``models.py`` names them), read
2026-11-21; the severities are those of the table in the documentation's rules page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.checks._decode import decode, duplicate_keys
from nova_tune.checks._length import SAFE_BYTES, length_issues
from nova_tune.checks._media import MEDIA, media_issues
from nova_tune.checks._rules import finding
from nova_tune.checks._shape import kind, required_key, show, unknown_keys
from nova_tune.checks._text import text_issues
from nova_tune.checks._tools import ROLE_OF, block_issues, config_issues, pairing_issues
from nova_tune.models import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.checks._report import Issue
    from nova_tune.models import Model, Platform

_RECORD_KEYS = ("schemaVersion", "system", "messages", "toolConfig")
_MESSAGE_KEYS = ("role", "content")
_ROLES = ("user", "assistant")
_BLOCKS = ("text", *MEDIA, *ROLE_OF)

STRUCTURAL = frozenset({
    "content.block", "content.empty", "content.shape", "keys.required", "media.format", "media.inline", "media.shape",
    "media.source", "messages.empty", "messages.shape", "record.object", "schema.type", "system.shape", "text.empty",
    "text.type", "tools.shape", "turns.role",
})  # fmt: skip
"""The rules that the shipped JSON Schema states too: it finds a fault exactly when one of these is broken.

The schema knows no models, so it looks into media and tools that a model does not take, while :func:`explain` says
no more about them than that.
"""


def explain(line: bytes, *, model: Model, platform: Platform = "bedrock") -> list[Issue]:
    """Every finding of one line of a training file.

    Args:
        line: The line's bytes, without the line end.
        model: The model it is meant for.
        platform: The platform it is meant for; the longest record differs.

    Example:
        >>> from nova_tune.models import MODELS
        >>> [issue.rule for issue in explain(b'{"messages": []}', model=MODELS["nova-micro"])]
        ['schema.version', 'messages.empty']
    """
    value, fault = decode(line)
    if fault is not None:
        return [fault]
    issues = list(_record(value, model))
    if len(line) > SAFE_BYTES and isinstance(value, dict):
        issues.extend(length_issues(value, model=model, platform=platform))
    return issues


def _record(value: Any, model: Model) -> Iterator[Issue]:
    if not isinstance(value, dict):
        yield finding("record.object", "", f"a record is an object, this is {kind(value)}")
        return
    yield from duplicate_keys(value)
    yield from unknown_keys(value, _RECORD_KEYS, "")
    version = value.get("schemaVersion")
    if not isinstance(version, str | None):
        yield finding("schema.type", "/schemaVersion", f"schemaVersion is {kind(version)}, not a text",
                     f"write {SCHEMA_VERSION.value!r}")  # fmt: skip
    elif version != SCHEMA_VERSION.value:
        what = "is missing" if "schemaVersion" not in value else f"is {show(version)}"
        yield finding("schema.version", "/schemaVersion", f"schemaVersion {what}",
                     f"write {SCHEMA_VERSION.value!r}; AWS's own tools disagree on others")  # fmt: skip
    if "system" in value:
        yield from _system(value["system"])
    if "toolConfig" in value:
        if not model.takes_tools:
            yield finding("tools.model", "/toolConfig", f"{model.title} is not trained with tools", "use nova-2-lite")
        else:
            yield from config_issues(value["toolConfig"])
    if "messages" not in value:
        yield required_key(value, "messages", _RECORD_KEYS, "")
        return
    yield from _messages(value["messages"], model)
    yield from media_issues(value, model=model)
    if model.takes_tools:
        yield from pairing_issues(value)


def _system(system: Any) -> Iterator[Issue]:
    if not isinstance(system, list):
        yield finding("system.shape", "/system", f"system is a list of {{'text': ...}}, this is {kind(system)}",
                     'write [{"text": "..."}]')  # fmt: skip
        return
    if not system:
        yield finding("system.shape", "/system", "system is an empty list", "leave the key out instead")
    if len(system) > 1:
        yield finding("system.blocks", "/system", f"there are {len(system)} system blocks")
    for index, block in enumerate(system):
        path = f"/system/{index}"
        if not isinstance(block, dict):
            yield finding("system.shape", path, f"a system block is an object with a text, this is {kind(block)}")
        elif "text" not in block:
            yield required_key(block, "text", ("text",), path)
        else:
            yield from unknown_keys(block, ("text",), path)
            yield from text_issues(block["text"], f"{path}/text")


def _messages(messages: Any, model: Model) -> Iterator[Issue]:
    if not isinstance(messages, list):
        yield finding("messages.shape", "/messages", f"messages is a list, this is {kind(messages)}")
        return
    if not messages:
        yield finding("messages.empty", "/messages", "there are no messages")
        return
    roles: list[Any] = []
    for index, message in enumerate(messages):
        path = f"/messages/{index}"
        if not isinstance(message, dict):
            yield finding("messages.shape", path, f"a message is an object, this is {kind(message)}")
            roles.append(None)
            continue
        yield from unknown_keys(message, _MESSAGE_KEYS, path)
        role = message.get("role")
        roles.append(role)
        if "role" not in message:
            yield required_key(message, "role", _MESSAGE_KEYS, path)
        elif role not in _ROLES:
            yield finding("turns.role", f"{path}/role", f"the role is {show(role)}", "'user' or 'assistant'")
        if "content" not in message:
            yield required_key(message, "content", _MESSAGE_KEYS, path)
        else:
            yield from _content(message["content"], f"{path}/content", role, model)
    yield from _turns(roles)


def _turns(roles: list[Any]) -> Iterator[Issue]:
    if roles[0] == "assistant":
        yield finding("turns.first", "/messages/0/role", "the first turn is the assistant's", "begin with the user's")
    for index in range(1, len(roles)):
        if roles[index] in _ROLES and roles[index] == roles[index - 1]:
            yield finding("turns.alternate", f"/messages/{index}/role", f"two {roles[index]} turns in a row",
                         "join them into one")  # fmt: skip
    if "assistant" not in roles:
        yield finding("turns.answer", "/messages", "there is no assistant turn, so there is nothing to learn",
                     "such records suit distillation, not fine-tuning")  # fmt: skip
    elif roles[-1] == "user":
        yield finding("turns.last", f"/messages/{len(roles) - 1}/role", "the last turn is the user's",
                     "end with the assistant's answer")  # fmt: skip


def _content(content: Any, path: str, role: Any, model: Model) -> Iterator[Issue]:
    if not isinstance(content, list):
        hint = 'write [{"text": "..."}]' if isinstance(content, str) else ""
        yield finding("content.shape", path, f"content is a list of blocks, this is {kind(content)}", hint)
        return
    if not content:
        yield finding("content.empty", path, "content is an empty list")
    for index, block in enumerate(content):
        here = f"{path}/{index}"
        if not isinstance(block, dict):
            yield finding("content.shape", here, f"a content block is an object, this is {kind(block)}")
            continue
        held = [key for key in block if key in _BLOCKS]
        yield from unknown_keys(block, _BLOCKS, here)
        if len(held) != 1:
            found = " and ".join(held) or "none"
            yield finding("content.block", here, f"a block holds exactly one of {', '.join(_BLOCKS)}; found {found}")
        for key in held:
            yield from _held(block[key], f"{here}/{key}", key, role, model)
    if content and all(isinstance(block, dict) and set(block) == {"reasoningContent"} for block in content):
        yield finding("content.reasoning", path, "the turn holds reasoning and no answer", "add the answer's text")


def _held(value: Any, path: str, key: str, role: Any, model: Model) -> Iterator[Issue]:
    """What is wrong with what a block holds, but for the media themselves."""
    if key == "text":
        yield from text_issues(value, path)
    elif key in MEDIA:
        if role == "assistant":
            yield finding("media.role", path, f"an assistant turn holds no {key}")
    elif not model.takes_tools:
        yield finding("tools.model", path, f"{model.title} is not trained with {key}",
                      "use nova-2-lite, or write the call as plain text")  # fmt: skip
    else:
        if role in _ROLES and role != ROLE_OF[key]:
            yield finding("tools.role", path, f"{key} stands in the {ROLE_OF[key]}'s turns, this is the {role}'s")
        yield from block_issues(value, path, key)
