"""Tools, their calls, their results, and reasoning: what Nova 2 Lite alone is trained with.

Source: the data preparation page of the Nova 2 user guide and AWS's validator, read 2026-11-21.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.checks._rules import finding
from nova_tune.checks._shape import kind, show, unknown_keys
from nova_tune.checks._text import shows, text_issues

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.checks._report import Issue

ROLE_OF = {"toolUse": "assistant", "toolResult": "user", "reasoningContent": "assistant"}
"""In whose turns each of them stands."""


def config_issues(config: Any, path: str = "/toolConfig") -> Iterator[Issue]:
    """Every finding of a record's toolConfig.

    Args:
        config: What stands there.
        path: Its place.
    """
    if not isinstance(config, dict):
        yield _shape(path, f"toolConfig is an object, this is {kind(config)}")
        return
    yield from unknown_keys(config, ("tools",), path)
    tools = config.get("tools")
    if not isinstance(tools, list) or not tools:
        yield _shape(path, "toolConfig has no list of tools", 'write {"tools": [{"toolSpec": {...}}]}')
        return
    names: set[str] = set()
    for index, tool in enumerate(tools):
        spec = tool.get("toolSpec") if isinstance(tool, dict) else None
        if not isinstance(spec, dict):
            yield _shape(f"{path}/tools/{index}", "a tool is an object with a toolSpec")
            continue
        here = f"{path}/tools/{index}/toolSpec"
        yield from unknown_keys(tool, ("toolSpec",), f"{path}/tools/{index}")
        yield from _spec(spec, here)
        name = spec.get("name")
        if isinstance(name, str):
            if name in names:
                yield finding("tools.doubled", f"{here}/name", f"two tools are named {show(name)}")
            names.add(name)


def _spec(spec: dict[str, Any], path: str) -> Iterator[Issue]:
    yield from unknown_keys(spec, ("name", "description", "inputSchema"), path)
    if not shows(spec.get("name")):
        yield _shape(path, "the tool has no name")
    description = spec.get("description")
    if not isinstance(description, str | None):
        yield _shape(path, f"the description is {kind(description)}, not a text")
    elif not shows(description):
        yield finding("tools.spec", path, "the tool has no description", "AWS's own script wants one")
    schema = spec.get("inputSchema")
    schema = schema.get("json") if isinstance(schema, dict) else None
    if not isinstance(schema, dict):
        yield _shape(path, "the tool has no inputSchema.json", 'write {"json": {"type": "object", ...}}')
    elif "type" not in schema:
        yield finding("tools.spec", path, "inputSchema.json has no type", "AWS's own script wants one")


def block_issues(block: Any, path: str, what: str) -> Iterator[Issue]:
    """Every finding of one call, result or piece of reasoning by itself.

    Args:
        block: What stands behind the key.
        path: Its place.
        what: The key: ``toolUse``, ``toolResult`` or ``reasoningContent``.
    """
    if not isinstance(block, dict):
        yield _shape(path, f"{what} is an object, this is {kind(block)}")
    elif what == "reasoningContent":
        yield from _reasoning(block, path)
    else:
        if not shows(block.get("toolUseId")):
            yield _shape(path, f"{what} has no toolUseId, which is a text")
        if what == "toolUse":
            yield from unknown_keys(block, ("toolUseId", "name", "input"), path)
            if not shows(block.get("name")):
                yield _shape(path, "toolUse has no name, which is a text")
            if not isinstance(block.get("input"), dict):
                yield _shape(path, "toolUse has no input, which is an object")
        else:
            yield from unknown_keys(block, ("toolUseId", "content", "status"), path)
            yield from _result(block.get("content"), f"{path}/content", path)


def _result(content: Any, path: str, result: str) -> Iterator[Issue]:
    if not isinstance(content, list) or not content:
        yield _shape(result, "toolResult has no list of content", 'write [{"text": "..."}] or [{"json": {...}}]')
        return
    for index, item in enumerate(content):
        here = f"{path}/{index}"
        if not isinstance(item, dict) or ("text" in item) == ("json" in item):
            yield _shape(here, "a result's content holds either text or json")
            continue
        yield from unknown_keys(item, ("text", "json"), here)
        if "text" in item:
            yield from text_issues(item["text"], f"{here}/text", may_be_empty=True)


def _reasoning(block: dict[str, Any], path: str) -> Iterator[Issue]:
    yield from unknown_keys(block, ("reasoningText",), path)
    inner = block.get("reasoningText")
    if not isinstance(inner, dict) or "text" not in inner:
        yield _shape(path, "reasoningContent has no reasoningText.text", 'write {"reasoningText": {"text": "..."}}')
        return
    yield from unknown_keys(inner, ("text", "signature"), f"{path}/reasoningText")
    yield from text_issues(inner["text"], f"{path}/reasoningText/text")


def pairing_issues(record: dict[str, Any]) -> Iterator[Issue]:
    """Every finding about which call belongs to which tool and which result to which call.

    Args:
        record: The decoded record.
    """
    names = _names(record["toolConfig"]) if "toolConfig" in record else set()
    messages = record["messages"] if isinstance(record.get("messages"), list) else []
    calls: set[str] = set()
    answered: set[str] = set()
    open_calls: dict[str, str] = {}
    for turn, message in enumerate(messages):
        for path, result in _entries(message, turn, "toolResult"):
            answer = result["toolUseId"]
            if answer not in calls:
                yield finding("tools.id", f"{path}/toolUseId", f"no call before it has the id {show(answer)}")
            elif answer in answered:
                yield finding("tools.id", f"{path}/toolUseId", f"the call {show(answer)} has a result already")
            answered.add(answer)
        for call, path in open_calls.items():
            if call not in answered:
                yield finding("tools.answer", path, f"the next turn holds no result of the call {show(call)}",
                              "Converse refuses such a conversation")  # fmt: skip
        open_calls = {}
        for path, use in _entries(message, turn, "toolUse"):
            if use["toolUseId"] in calls:
                yield finding("tools.id", f"{path}/toolUseId", f"two calls have the id {show(use['toolUseId'])}")
            calls.add(use["toolUseId"])
            open_calls[use["toolUseId"]] = path
            name = use.get("name")
            if names is not None and isinstance(name, str) and name not in names:
                what = "toolConfig has no tool" if "toolConfig" in record else "there is no toolConfig with a tool"
                yield finding("tools.name", f"{path}/name", f"{what} named {show(name)}")


def _names(config: Any) -> set[str] | None:
    tools = config.get("tools") if isinstance(config, dict) else None
    if not isinstance(tools, list):
        return None
    specs = [tool.get("toolSpec") for tool in tools if isinstance(tool, dict)]
    return {spec["name"] for spec in specs if isinstance(spec, dict) and isinstance(spec.get("name"), str)}


def _entries(message: Any, turn: int, what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    content = message.get("content") if isinstance(message, dict) else None
    for index, block in enumerate(content if isinstance(content, list) else ()):
        entry = block.get(what) if isinstance(block, dict) else None
        if isinstance(entry, dict) and isinstance(entry.get("toolUseId"), str):
            yield f"/messages/{turn}/content/{index}/{what}", entry


def _shape(path: str, message: str, hint: str = "") -> Issue:
    return finding("tools.shape", path, message, hint)
