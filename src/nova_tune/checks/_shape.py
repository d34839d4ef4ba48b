"""What every object is asked: which keys it lacks, which it has too many, and how a value is named in a message."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from nova_tune.checks._decode import pointer
from nova_tune.checks._rules import finding
from nova_tune.template import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.checks._report import Issue


def unknown_keys(value: dict[str, Any], known: tuple[str, ...], path: str) -> Iterator[Issue]:
    """A finding for each key that is not known, with the known key that may be meant.

    Args:
        value: An object.
        known: The keys it may have.
        path: Its place.
    """
    for key in value:
        if key not in known:
            near = difflib.get_close_matches(key, [name for name in known if name not in value], n=1)
            hint = f"did you mean {near[0]!r}?" if near else "AWS's tools disagree on whether unknown keys are taken"
            yield finding("keys.unknown", f"{path}/{pointer(key)}", f"unknown key {show(key)}", hint)


def required_key(value: dict[str, Any], key: str, known: tuple[str, ...], path: str) -> Issue:
    """The finding for a key that is missing, with the unknown key that may be meant for it.

    Args:
        value: An object without the key.
        key: The key.
        known: The keys it may have.
        path: Its place.
    """
    strange = [name for name in value if name not in known]
    near = difflib.get_close_matches(key, strange, n=1, cutoff=0.5)
    hint = f"{show(near[0])} may be meant for it" if near else ""
    return finding("keys.required", path, f"the key {key!r} is missing", hint)


def show(value: Any) -> str:
    """A value as a message names it: a text in quotes and clipped, all else by its kind."""
    return repr(clip(value)) if isinstance(value, str) else kind(value)


def kind(value: Any) -> str:
    """What a decoded value is, in the words of JSON."""
    if isinstance(value, dict):
        return "an object"
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
