"""Whether a value obeys its shape: everything that the service model states, not the part botocore checks.

botocore's own validation stops at required members, types, unions and minima; lengths, patterns and enums
pass it (botocore 1.44.5, tried 2026-11-21). The service refuses them, so the rehearsal does.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, StructureShape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

_ECHO = 256
"""Characters of a refused value that a message repeats."""

_LINEAR = (
    # AWS's pattern of job names tries 2^n splits of n dashes; both accept the same strings.
    (r"[a-zA-Z0-9](-*[a-zA-Z0-9\+\-\.])*", r"[a-zA-Z0-9][a-zA-Z0-9\+\-\.]*"),
)

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "blob": (bytes, bytearray),
    "timestamp": (datetime,),
    "structure": (Mapping,),
    "map": (Mapping,),
    "list": (list, tuple),
}


def faults(shape: Shape, value: Any, path: str = "") -> list[str]:
    """Every constraint of `shape` that `value` breaks, as AWS words them; empty when there is none.

    Args:
        shape: A botocore shape.
        value: Decoded data: datetimes, bytes, numbers, not their wire forms.
        path: Where `value` stands, for the messages.
    """
    return list(_faults(shape, value, path))


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return
    if not _has_type(shape, value):
        yield _fault(value, path, f"Member must be a {shape.type_name}")
    elif isinstance(shape, StructureShape):
        yield from _structure_faults(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _size_faults(shape, value, path)
        for number, member in enumerate(value, start=1):
            yield from _faults(shape.member, member, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        yield from _size_faults(shape, value, path)
        for key, member in value.items():
            yield from _faults(shape.key, key, f"{path}.key")
            yield from _faults(shape.value, member, f"{path}.{key}.value")
    elif shape.type_name in {"string", "blob"}:
        yield from _size_faults(shape, value, path)
        if shape.type_name == "string":
            yield from _text_faults(shape, value, path)
    elif shape.type_name in {"integer", "long", "float", "double"}:
        yield from _number_faults(shape, value, path)


def _has_type(shape: Shape, value: Any) -> bool:
    if isinstance(value, bool):
        return shape.type_name == "boolean"
    return isinstance(value, _TYPES[shape.type_name])


def _structure_faults(shape: StructureShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in value:
        if name not in shape.members:
            yield f"Unknown member '{prefix}{name}'"
    for name in shape.required_members:
        if name not in value:
            yield _fault(None, prefix + name, "Member must not be null")
    if getattr(shape, "is_tagged_union", False) and len(value) != 1:
        yield _fault(sorted(value), path, "Exactly one member must be set")
    for name, member in value.items():
        if name in shape.members:
            yield from _faults(shape.members[name], member, prefix + name)


def _size_faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and len(value) < low:
        yield _fault(value, path, f"Member must have length greater than or equal to {low}")
    if high is not None and len(value) > high:
        yield _fault(value, path, f"Member must have length less than or equal to {high}")


def _text_faults(shape: Shape, value: str, path: str) -> Iterator[str]:
    enum = shape.metadata.get("enum")
    if enum and value not in enum:
        yield _fault(value, path, f"Member must satisfy enum value set: [{', '.join(enum)}]")
    # An over-long value is reported already; no pattern is tried on it.
    pattern = shape.metadata.get("pattern")
    if pattern and len(value) <= shape.metadata.get("max", len(value)):
        compiled = compile_pattern(pattern)
        if compiled is not None and not compiled.fullmatch(value):
            yield _fault(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _number_faults(shape: Shape, value: float, path: str) -> Iterator[str]:
    if not math.isfinite(value):
        yield _fault(value, path, "Member must be a finite number")
        return
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        yield _fault(value, path, f"Member must have value greater than or equal to {low}")
    if high is not None and value > high:
        yield _fault(value, path, f"Member must have value less than or equal to {high}")


@functools.cache
def compile_pattern(pattern: str) -> re.Pattern[str] | None:
    r"""A pattern of the service model, ready for ``fullmatch``, in linear time.

    The model's patterns are not anchored. Those that Python's ``re`` cannot read (``\p{L}``) give None and
    are not checked.

    Args:
        pattern: The pattern as the model states it.
    """
    for exponential, linear in _LINEAR:
        pattern = pattern.replace(exponential, linear)
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _fault(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{str(value)[:_ECHO]}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def summary(found: list[str]) -> str:
    """The text of AWS's ValidationException for some faults.

    Args:
        found: What :func:`faults` returned; not empty.
    """
    errors = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {errors} detected: {'; '.join(found)}"
