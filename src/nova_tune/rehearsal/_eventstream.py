"""The encoder of AWS event streams; botocore has the decoder alone.

Frame: u32 total length, u32 headers length, u32 CRC of those eight bytes, headers, payload, u32 CRC of all
before. Header: u8 name length, name, u8 type (7 is a string), u16 value length, value.
Source: the decoder ``botocore/eventstream.py`` (1.44.5, read 2026-11-21).
"""

from __future__ import annotations

import json
import struct
from binascii import crc32
from typing import TYPE_CHECKING, Any

from nova_tune.rehearsal._serialise import check, jsonable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import StructureShape

_STRING = 7


def event(stream: StructureShape, name: str, payload: Mapping[str, Any]) -> bytes:
    """One event of a stream as a frame.

    Args:
        stream: The event stream's shape, whose members are the events.
        name: The event, such as ``contentBlockDelta``; a modelled exception becomes an exception frame.
        payload: The members of the event's own shape.

    Raises:
        ContractError: The payload breaks the event's shape.
    """
    shape = stream.members[name]
    check(shape, payload, name)
    kind = "exception" if shape.metadata.get("exception") else "event"
    body = json.dumps(jsonable(shape, payload), allow_nan=False, separators=(",", ":")).encode()
    return frame({f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}, body)


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of the event stream encoding.

    Args:
        headers: String headers.
        payload: The body.
    """
    block = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = prelude + struct.pack(">I", crc32(prelude)) + block + payload
    return message + struct.pack(">I", crc32(message))


def _header(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _STRING, len(value)) + value.encode()
