"""From the bytes of a line to the value they hold, or to the reason why they hold none."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

from nova_tune.checks._rules import finding
from nova_tune.template import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.checks._report import Issue

_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

# Levels of lists and objects. A record needs 8 and a tool's JSON Schema a few dozen; assumed, AWS states no limit.
# Without one of our own, what can be read would hang on how deep the caller's stack already is.
_DEPTH = 128


_NESTS = (dict, list)


class Doubled(dict[str, Any]):
    """An object in which a key stands twice; JSON parsers keep the last and say nothing."""

    doubled: tuple[str, ...] = ()


class _NoNumber(ValueError):
    """NaN, an infinity, or a number that floating point holds as one."""


def _constant(word: str) -> NoReturn:
    raise _NoNumber(f"{word} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NoNumber(f"the number {clip(text)} is too large for floating point")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    found = Doubled(value)
    found.doubled = tuple(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite)
TABLE_DECODER = json.JSONDecoder(object_pairs_hook=_object)
"""For tables rather than records: NaN is a missing cell there, which only matters in a column that is used."""


def decode(line: bytes) -> tuple[Any, Issue | None]:
    """The value of one line of JSON, and the fault that makes it unreadable.

    Args:
        line: The bytes without their line end.

    Returns:
        The value and None, or None and the fault.
    """
    if line.startswith(_BOM):
        return None, finding(
            "json.bom", "", "the line begins with a byte order mark", "save the file as UTF-8 without BOM"
        )
    try:
        value = _DECODER.decode(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return None, finding("json.encoding", "", f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8")
    except _NoNumber as error:
        return None, finding("json.number", "", str(error), "write a number, a text or null")
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return None, finding(
                "json.extra", "", f"something follows the value at column {error.colno}", "one object a line"
            )
        return None, finding("json.syntax", "", f"not JSON at column {error.colno}: {error.msg}")
    except RecursionError:
        return None, _nesting()
    except ValueError as error:  # a number of more digits than Python converts
        return None, finding("json.number", "", str(error).partition(";")[0])
    if line.count(b"[") + line.count(b"{") > _DEPTH and _deep(value):
        return None, _nesting()
    if _SURROGATE.search(line) and (lone := _lone_surrogate(value)):
        return None, finding(
            "json.surrogate", "", f"{lone} is half of a surrogate pair and no character", "write the character"
        )
    return value, None


def _nesting() -> Issue:
    return finding("json.nesting", "", f"the line is nested more than {_DEPTH} levels deep")


def _deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEPTH):
        level = [child for item in level for child in _children(item) if isinstance(child, dict | list)]
    return bool(level)


def _children(value: Any) -> Any:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else ()


def _lone_surrogate(value: Any) -> str | None:
    if isinstance(value, str):
        for character in value:
            if "\ud800" <= character <= "\udfff":
                return f"\\u{ord(character):04x}"
        return None
    return next((found for item in _children(value) if (found := _lone_surrogate(item))), None)


def duplicate_keys(value: Any) -> Iterator[Issue]:
    """A finding for each key that stands twice in an object, however deep.

    Args:
        value: What :func:`decode` read.
    """
    if not _any_doubled(value):
        return
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while waiting:
        parts, item = waiting.pop()
        for key in item.doubled if isinstance(item, Doubled) else ():
            path = "".join(f"/{pointer(str(part))}" for part in (*parts, key))
            yield finding("keys.duplicate", path, f"the key {clip(key)!r} stands twice",
                          "readers keep the last and drop the first")  # fmt: skip
        named = item.items() if isinstance(item, dict) else enumerate(item)
        inner = [((*parts, name), child) for name, child in named if isinstance(child, dict | list)]
        waiting.extend(reversed(inner))


def _any_doubled(value: Any) -> bool:
    waiting = [value]
    for item in waiting:
        if isinstance(item, Doubled):
            return True
        children = item.values() if isinstance(item, dict) else item
        if inner := [child for child in children if isinstance(child, _NESTS)]:
            waiting += inner
    return False


def pointer(key: str) -> str:
    """A key as a part of a JSON Pointer (RFC 6901); one of more than 40 characters is clipped."""
    return clip(key).replace("~", "~0").replace("/", "~1")
