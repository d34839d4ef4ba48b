"""What is wrong with one record: every finding, with its place. This is the one definition of a valid record.

Sources: the data preparation page of the Nova user guide and AWS's own validators (``models.py`` names them), read
2026-11-21; the severities are those of the table in the documentation's rules page.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from nova_tune.checks._decode import decode, duplicate_keys, pointer
from nova_tune.checks._media import media_issues
from nova_tune.checks._report import Issue, Severity
from nova_tune.models import DOUBTFUL_WORDS, RESERVED_WORDS, SCHEMA_VERSION
from nova_tune.template import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.models import Model

_RECORD_KEYS = ("schemaVersion", "system", "messages", "toolConfig")
_MESSAGE_KEYS = ("role", "content")
_ROLES = ("user", "assistant")
_MEDIA = ("image", "video", "document")
_TOOLS = ("toolUse", "toolResult", "reasoningContent")
_BLOCKS = ("text", *_MEDIA, *_TOOLS)

_RESERVED = re.compile("|".join(re.escape(word) for word in RESERVED_WORDS.value), re.IGNORECASE | re.ASCII)
_DOUBTFUL = re.compile("|".join(re.escape(word) for word in DOUBTFUL_WORDS.value), re.IGNORECASE | re.ASCII)

# Anything but white space and characters of no width. The shipped JSON Schema states the same class.
_SHOWS = re.compile(
    r"[^\t\n\u000b\f\r\u001c-\u001f \u0085\u00a0\u00ad\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]"
)

STRUCTURAL = frozenset({
    "content.block", "content.empty", "content.shape", "keys.required", "media.format", "media.inline", "media.shape",
    "media.source", "messages.empty", "messages.shape", "record.object", "schema.type", "system.shape", "text.empty",
    "text.type", "tools.shape", "turns.role",
})  # fmt: skip
"""The rules that the shipped JSON Schema states too: it finds a fault exactly when one of these is broken.

The schema knows no models, so it looks into media and tools that a model does not take, while :func:`explain` says
no more about them than that.
"""


def explain(line: bytes, *, model: Model) -> list[Issue]:
    """Every finding of one line of a training file.

    Args:
        line: The line's bytes, without the line end.
        model: The model it is meant for.

    Example:
        >>> from nova_tune.models import MODELS
        >>> [issue.rule for issue in explain(b'{"messages": []}', model=MODELS["nova-micro"])]
        ['schema.version', 'messages.empty']
    """
    value, fault = decode(line)
    if fault is not None:
        return [fault]
    return list(_record(value, model))


def _record(value: Any, model: Model) -> Iterator[Issue]:
    if not isinstance(value, dict):
        yield _error("record.object", "", f"a record is an object, this is {_kind(value)}")
        return
    yield from duplicate_keys(value)
    yield from _unknown(value, _RECORD_KEYS, "")
    version = value.get("schemaVersion")
    if not isinstance(version, str | None):
        yield _error("schema.type", "/schemaVersion", f"schemaVersion is {_kind(version)}, not a text",
                     f"write {SCHEMA_VERSION.value!r}")  # fmt: skip
    elif version != SCHEMA_VERSION.value:
        what = "is missing" if "schemaVersion" not in value else f"is {_show(version)}"
        yield _issue("schema.version", "warning", "/schemaVersion", f"schemaVersion {what}",
                     f"write {SCHEMA_VERSION.value!r}; AWS's own tools disagree on others")  # fmt: skip
    if "system" in value:
        yield from _system(value["system"])
    if "toolConfig" in value:
        if not model.takes_tools:
            yield _error("tools.model", "/toolConfig", f"{model.title} is not trained with tools", "use nova-2-lite")
        elif not isinstance(value["toolConfig"], dict):
            yield _error("tools.shape", "/toolConfig", f"toolConfig is an object, this is {_kind(value['toolConfig'])}")
    if "messages" not in value:
        yield _required(value, "messages", _RECORD_KEYS, "")
        return
    yield from _messages(value["messages"], model)
    yield from media_issues(value, model=model)


def _system(system: Any) -> Iterator[Issue]:
    if not isinstance(system, list):
        yield _error("system.shape", "/system", f"system is a list of {{'text': ...}}, this is {_kind(system)}",
                     'write [{"text": "..."}]')  # fmt: skip
        return
    if not system:
        yield _error("system.shape", "/system", "system is an empty list", "leave the key out instead")
    if len(system) > 1:
        yield _issue("system.blocks", "info", "/system", f"there are {len(system)} system blocks")
    for index, block in enumerate(system):
        path = f"/system/{index}"
        if not isinstance(block, dict):
            yield _error("system.shape", path, f"a system block is an object with a text, this is {_kind(block)}")
        elif "text" not in block:
            yield _required(block, "text", ("text",), path)
        else:
            yield from _unknown(block, ("text",), path)
            yield from _text(block["text"], f"{path}/text")


def _messages(messages: Any, model: Model) -> Iterator[Issue]:
    if not isinstance(messages, list):
        yield _error("messages.shape", "/messages", f"messages is a list, this is {_kind(messages)}")
        return
    if not messages:
        yield _error("messages.empty", "/messages", "there are no messages")
        return
    roles: list[Any] = []
    for index, message in enumerate(messages):
        path = f"/messages/{index}"
        if not isinstance(message, dict):
            yield _error("messages.shape", path, f"a message is an object, this is {_kind(message)}")
            roles.append(None)
            continue
        yield from _unknown(message, _MESSAGE_KEYS, path)
        role = message.get("role")
        roles.append(role)
        if "role" not in message:
            yield _required(message, "role", _MESSAGE_KEYS, path)
        elif role not in _ROLES:
            yield _error("turns.role", f"{path}/role", f"the role is {_show(role)}", "'user' or 'assistant'")
        if "content" not in message:
            yield _required(message, "content", _MESSAGE_KEYS, path)
        else:
            yield from _content(message["content"], f"{path}/content", role, model)
    yield from _turns(roles)


def _turns(roles: list[Any]) -> Iterator[Issue]:
    if roles[0] == "assistant":
        yield _error("turns.first", "/messages/0/role", "the first turn is the assistant's", "begin with the user's")
    for index in range(1, len(roles)):
        if roles[index] in _ROLES and roles[index] == roles[index - 1]:
            yield _error("turns.alternate", f"/messages/{index}/role", f"two {roles[index]} turns in a row",
                         "join them into one")  # fmt: skip
    if "assistant" not in roles:
        yield _error("turns.answer", "/messages", "there is no assistant turn, so there is nothing to learn",
                     "such records suit distillation, not fine-tuning")  # fmt: skip
    elif roles[-1] == "user":
        yield _error("turns.last", f"/messages/{len(roles) - 1}/role", "the last turn is the user's",
                     "end with the assistant's answer")  # fmt: skip


def _content(content: Any, path: str, role: Any, model: Model) -> Iterator[Issue]:
    if not isinstance(content, list):
        hint = 'write [{"text": "..."}]' if isinstance(content, str) else ""
        yield _error("content.shape", path, f"content is a list of blocks, this is {_kind(content)}", hint)
        return
    if not content:
        yield _error("content.empty", path, "content is an empty list")
    for index, block in enumerate(content):
        here = f"{path}/{index}"
        if not isinstance(block, dict):
            yield _error("content.shape", here, f"a content block is an object, this is {_kind(block)}")
            continue
        kinds = [key for key in block if key in _BLOCKS]
        yield from _unknown(block, _BLOCKS, here)
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none"
            yield _error("content.block", here, f"a block holds exactly one of {', '.join(_BLOCKS)}; found {found}")
        if "text" in block:
            yield from _text(block["text"], f"{here}/text")
        for kind in kinds:
            if kind in _TOOLS and not model.takes_tools:
                yield _error("tools.model", f"{here}/{kind}", f"{model.title} is not trained with {kind}",
                             "use nova-2-lite, or write the call as plain text")  # fmt: skip
            elif kind in _TOOLS and not isinstance(block[kind], dict):
                yield _error("tools.shape", f"{here}/{kind}", f"{kind} is an object, this is {_kind(block[kind])}")
            elif kind in _MEDIA and role == "assistant":
                yield _error("media.role", f"{here}/{kind}", f"an assistant turn holds no {kind}")


def _text(text: Any, path: str) -> Iterator[Issue]:
    if not isinstance(text, str):
        yield _error("text.type", path, f"the text is {_kind(text)}", "write it as a JSON string")
        return
    if not _SHOWS.search(text):
        yield _error("text.empty", path, "the text is empty" if not text else "the text shows nothing but spaces")
        return
    if ":" not in text and "<" not in text and "[" not in text:
        return
    for match in _RESERVED.finditer(text):
        start = match.start()
        inside = start > 0 and match[0][0].isalpha() and (text[start - 1].isalnum() or text[start - 1] == "_")
        rule = "text.reserved-inside" if inside else "text.reserved"
        more = " inside a longer word" if inside else ""
        yield _error(rule, path, f"the reserved word {match[0]!r} at character {start + 1}{more}",
                     "AWS fails the job for it; write it differently")  # fmt: skip
    for match in _DOUBTFUL.finditer(text):
        yield _issue("text.reserved-other", "warning", path,
                     f"{match[0]!r} at character {match.start() + 1} is refused by AWS's own scripts")  # fmt: skip


def _unknown(value: dict[str, Any], known: tuple[str, ...], path: str) -> Iterator[Issue]:
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(key, [name for name in known if name not in value], n=1)
            hint = f"did you mean {near[0]!r}?" if near else "AWS's tools disagree on whether unknown keys are taken"
            yield _issue("keys.unknown", "warning", f"{path}/{pointer(key)}", f"unknown key {_show(key)}", hint)


def _required(value: dict[str, Any], key: str, known: tuple[str, ...], path: str) -> Issue:
    strange = [name for name in value if name not in known]
    near = difflib.get_close_matches(key, strange, n=1, cutoff=0.5)
    hint = f"{_show(near[0])} may be meant for it" if near else ""
    return _error("keys.required", path, f"the key {key!r} is missing", hint)


def _show(value: Any) -> str:
    return repr(clip(value)) if isinstance(value, str) else _kind(value)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _error(rule: str, path: str, message: str, hint: str = "") -> Issue:
    return _issue(rule, "error", path, message, hint)


def _issue(rule: str, severity: Severity, path: str, message: str, hint: str = "") -> Issue:
    return Issue(rule=rule, severity=severity, message=message, path=path, hint=hint)
