"""The generic reader of rest-json requests: from HTTP to a dict, led by the operation's input shape."""

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
    from collections.abc import Mapping

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
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    document: Any = {}
    if payload is None or shape.members[payload].type_name == "structure":
        document = _document(body)
    queries = parse_qs(query, keep_blank_values=True)
    request = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        location = member.serialization.get("location")
        if name == payload:
            value = _value(member, document, name) if member.type_name == "structure" else body
        elif location == "uri":
            value = _text(member, unquote(labels[wire_name]), name)
        elif location == "querystring":
            value = _query(member, queries.get(wire_name), name)
        elif location == "header":
            value = _text(member, headers.get(wire_name.lower()), name)
        elif location is None and payload is None:
            value = _value(member, document.get(wire_name), name)
        else:
            value = None
        if value is not None:
            request[name] = value
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


def _query(shape: Shape, values: list[str] | None, path: str) -> Any:
    if values is None:
        return None
    if isinstance(shape, ListShape):
        return [_text(shape.member, value, path) for value in values]
    return _text(shape, values[0], path)


def _text(shape: Shape, text: str | None, path: str) -> Any:
    """A value that travels as text: in the path, the query or a header."""
    if text is None or shape.type_name == "string":
        return text
    try:
        if shape.type_name in {"integer", "long"}:
            return int(text)
        if shape.type_name in {"float", "double"}:
            return float(text)
        if shape.type_name == "boolean":
            return {"true": True, "false": False}[text.lower()]
        if shape.type_name == "timestamp":
            return parse_timestamp(text)
        return base64.b64decode(text, validate=True)
    except (ValueError, KeyError, binascii.Error):
        raise _unreadable(f"'{path}' is not a {shape.type_name}: {text[:100]!r}") from None


def _value(shape: Shape, value: Any, path: str) -> Any:
    """A value out of the JSON body. Wrong types pass through: the check of the shape names them all."""
    if value is None or getattr(shape, "is_document_type", False):
        return value
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        found = {
            name: _value(member, value.get(member.serialization.get("name", name)), f"{path}.{name}")
            for name, member in shape.members.items()
        }
        return {name: member for name, member in found.items() if member is not None}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_value(shape.member, item, path) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _value(shape.value, item, f"{path}.{key}") for key, item in value.items()}
    try:
        if shape.type_name == "blob" and isinstance(value, str):
            return base64.b64decode(value, validate=True)
        if shape.type_name == "timestamp":
            return parse_timestamp(value)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise _unreadable(f"'{path}' is not a {shape.type_name}") from None
    return value


def _unreadable(reason: str) -> ServiceError:
    return ServiceError("SerializationException", f"The request cannot be read: {reason}", status=400)
