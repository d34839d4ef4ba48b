"""From the bytes of a line to the value they hold, or to the reason why they hold none."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from nova_tune.checks._report import Issue

_BOM = b"\xef\xbb\xbf"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class Doubled(dict[str, Any]):
    """An object in which a key stands twice; JSON parsers keep the last and say nothing."""

    doubled: tuple[str, ...] = ()


class _Constant(ValueError):
    """NaN or an infinity, which JSON does not know."""


def _refuse_constant(word: str) -> NoReturn:
    raise _Constant(word)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen: set[str] = set()
    twice = []
    for key, _ in pairs:
        if key in seen:
            twice.append(key)
        seen.add(key)
    found = Doubled(value)
    found.doubled = tuple(dict.fromkeys(twice))
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def _issue(rule: str, message: str, hint: str = "") -> Issue:
    return Issue(rule=f"json.{rule}", severity="error", message=message, hint=hint)


def decode(line: bytes) -> tuple[Any, Issue | None]:
    """The value of one line of JSON, and the fault that makes it unreadable.

    Args:
        line: The bytes without their line end.

    Returns:
        The value and None, or None and the fault.
    """
    if line.startswith(_BOM):
        return None, _issue("bom", "the line begins with a byte order mark", "save the file as UTF-8 without BOM")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        return None, _issue("encoding", f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8")
    try:
        value = _DECODER.decode(text)
    except _Constant as error:
        return None, _issue("constant", f"{error} is not JSON", "write a number, a text or null")
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            return None, _issue("extra", f"something follows the object at column {error.colno}", "one object a line")
        return None, _issue("syntax", f"not JSON at column {error.colno}: {error.msg}")
    except RecursionError:
        return None, _issue("nesting", "the line is nested too deeply to be read")
    except ValueError as error:  # a number of more digits than Python converts
        return None, _issue("number", str(error).partition(";")[0])
    if _SURROGATE.search(line) and (lone := _lone_surrogate(value)):
        return None, _issue("surrogate", f"{lone} is half of a surrogate pair and no character", "write the character")
    return value, None


def _lone_surrogate(value: Any) -> str | None:
    if isinstance(value, str):
        for character in value:
            if "\ud800" <= character <= "\udfff":
                return f"\\u{ord(character):04x}"
        return None
    items = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((found for item in items if (found := _lone_surrogate(item))), None)
