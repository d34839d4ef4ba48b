"""The generic reader of rest-json and aws-json requests: from HTTP to a dict, led by the operation's input shape."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from botocore.model import ListShape, MapShape, StructureShape
from botocore.utils import parse_timestamp

from nova_tune.rehearsal._errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import OperationModel, Shape


def read(
    operation: OperationModel, labels: Mapping[str, str], query: str, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """The request as boto3's caller wrote it. Members that the shape does not know are dropped, as AWS does.

    Args:
        operation: The operation that was called.
        labels: Path labels, percent-encoded.
        query: The raw query string.
        headers: Header values by lower-case name.
        body: The whole body.

    Raises:
        ServiceError: ``SerializationException`` (HTTP 400; code assumed) when a value cannot be read at all.
    """
    shape = operation.input_shape
    assert shape is not None  # every operation here has one
    payload = shape.serialization.get("payload")
    raw = payload is not None and shape.members[payload].type_name == "blob"
    document = {} if raw else _document(body)
    queries = parse_qs(query, keep_blank_values=True)
    request = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        location = member.serialization.get("location")
        if name == payload:
            found = body if raw else value(member, document, name)
        elif location == "uri":
            found = _text(member, unquote(labels[wire_name]), name)
        elif location == "querystring":
            found = _text(member, queries.get(wire_name, [None])[0], name)
        elif location == "header":
            found = _text(member, headers.get(wire_name.lower()), name)
        else:
            found = value(member, document.get(wire_name), name)
        if found is not None:
            request[name] = found
    return request


def _document(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        document = json.loads(body)
    except ValueError as error:
        raise _unreadable(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise _unreadable("the body is not a JSON object")
    return document


_TEXT_READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "boolean": lambda text: {"true": True, "false": False}[text.lower()],
    "timestamp": parse_timestamp,
}
"""The types that Bedrock puts into paths, queries and headers (botocore 1.44.5, read 2026-11-21)."""


def _text(shape: Shape, text: str | None, path: str) -> Any:
    """A value that travels as text: in the path, the query or a header."""
    try:
        return None if text is None else _TEXT_READERS[shape.type_name](text)
    except (ValueError, KeyError):
        raise _unreadable(f"'{path}' is not a {shape.type_name}: {str(text)[:100]!r}") from None


def value(shape: Shape, raw: Any, path: str) -> Any:
    """A value out of a JSON body. Wrong types pass through: the check of the shape names them all.

    Args:
        shape: What it should be.
        raw: Decoded JSON.
        path: Where it stands, for messages.

    Raises:
        ServiceError: ``SerializationException`` for a blob or a timestamp that cannot be read.
    """
    if raw is None or getattr(shape, "is_document_type", False):
        return raw
    if isinstance(shape, StructureShape) and isinstance(raw, dict):
        found = {
            name: value(member, raw.get(member.serialization.get("name", name)), f"{path}.{name}")
            for name, member in shape.members.items()
        }
        return {name: member for name, member in found.items() if member is not None}
    if isinstance(shape, ListShape) and isinstance(raw, list):
        return [value(shape.member, item, path) for item in raw]
    if isinstance(shape, MapShape) and isinstance(raw, dict):
        return {key: value(shape.value, item, f"{path}.{key}") for key, item in raw.items()}
    try:
        if shape.type_name == "blob" and isinstance(raw, str):
            return base64.b64decode(raw, validate=True)
        if shape.type_name == "timestamp":
            return parse_timestamp(raw)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise _unreadable(f"'{path}' is not a {shape.type_name}") from None
    return raw


def _unreadable(reason: str) -> ServiceError:
    return ServiceError("SerializationException", f"The request cannot be read: {reason}", status=400)
