"""The generic writer of rest-json and aws-json responses: from a dict to HTTP, led by the operation's output shape.

It refuses what the service could not say: unknown or missing members, wrong types, values outside the output
shape's pattern, enum or range. So a rehearsed operation cannot return an ARN that Bedrock could not return.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import attrs
from botocore.model import ListShape, MapShape, StructureShape

from nova_tune.rehearsal._check import faults

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from botocore.model import OperationModel, Shape


class ContractError(Exception):
    """The rehearsal tried to answer what the service model does not allow: a bug of the rehearsal."""


@attrs.frozen
class Response:
    """An answer, ready for the wire. A body that is not bytes is streamed, piece by piece."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | Iterable[bytes]


def write(operation: OperationModel, output: Mapping[str, Any]) -> Response:
    """The response of `operation` for `output`.

    Args:
        operation: The operation that was called; not one that answers with an event stream.
        output: The members of its output shape.

    Raises:
        ContractError: `output` breaks the output shape; every fault is listed.
    """
    status = int(operation.http.get("responseCode", 200))
    protocol = operation.service_model.metadata["protocol"]
    content_type = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
    shape = operation.output_shape
    if shape is None:  # such as StopTrainingJob
        return Response(status, (("Content-Type", content_type),), b"")
    check(shape, output, operation.name)
    headers: list[tuple[str, str]] = []
    document: dict[str, Any] = {}
    body: bytes | None = None
    for name, value in output.items():
        member = shape.members[name]
        wire_name = member.serialization.get("name", name)
        if name == shape.serialization.get("payload"):
            body = bytes(value) if member.type_name == "blob" else _dump(jsonable(member, value))
        elif member.serialization.get("location") == "header":
            headers.append((wire_name, str(value)))
        else:
            document[wire_name] = jsonable(member, value)
    if body is None:
        body = _dump(document)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", content_type))
    return Response(status, tuple(headers), body)


def check(shape: Shape, value: Any, where: str) -> None:
    """Raise :class:`ContractError` unless `value` obeys `shape`.

    Args:
        shape: The shape to obey.
        value: The value that is about to be sent.
        where: What it is, for the message.
    """
    if found := faults(shape, value):
        raise ContractError(f"the rehearsal's answer to {where} breaks AWS's model: {'; '.join(found)}")


def jsonable(shape: Shape, value: Any) -> Any:
    """A checked value in its JSON form.

    Args:
        shape: Its shape.
        value: The value; blobs become base64, timestamps the format that the model states.
    """
    if getattr(shape, "is_document_type", False):
        return value
    if isinstance(shape, StructureShape):
        members = shape.members
        return {
            members[name].serialization.get("name", name): jsonable(members[name], member)
            for name, member in value.items()
        }
    if isinstance(shape, ListShape):
        return [jsonable(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: jsonable(shape.value, item) for key, item in value.items()}
    if shape.type_name == "blob":
        return base64.b64encode(value).decode("ascii")
    if shape.type_name == "timestamp":
        # The protocol's own default for JSON bodies is seconds since 1970; Bedrock's members say iso8601.
        if shape.serialization.get("timestampFormat") == "iso8601":
            return iso8601(value)
        return round(value.timestamp(), 3)
    return value


def iso8601(moment: datetime) -> str:
    """A moment as AWS writes it: ``2026-11-21T05:57:00.123456Z``.

    Args:
        moment: An aware datetime in UTC.
    """
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _dump(document: Any) -> bytes:
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
