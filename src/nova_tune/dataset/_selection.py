"""Which record goes where, decided by its content: independent of order, machine and number of files.

A record's digest with a seed is a number that looks random and never changes. Sampling keeps the smallest of them,
splitting compares them with a bound; duplicates always land on one side.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import operator
import re
from typing import TYPE_CHECKING, SupportsIndex

from nova_tune.conversation import Conversation
from nova_tune.dataset._derived import raw_line
from nova_tune.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nova_tune.dataset._sources import Record

_CREATE = re.compile(r"\bcreate\s+(?:\w+\s+){0,3}?table\b", re.IGNORECASE)
_MARK = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|[();]")
_TOP = 1 << 64


def place(key: bytes, seed: int, purpose: str) -> int:
    """Where this key falls between 0 and 2**64, for this seed and this purpose.

    Args:
        key: A record's canonical bytes, or the name of its group.
        seed: Another seed, another order.
        purpose: Which choice this is. Two choices in a row must not share one: those whom a sample kept have the
            smallest places of all, so a split by the same places would hold out far too many of them.
    """
    salt = seed.to_bytes(8, "big", signed=True)
    return int.from_bytes(hashlib.blake2b(key, digest_size=8, salt=salt, person=purpose.encode()).digest())


def whole(value: object) -> int | None:
    """The whole number from 1 that this is, of whatever integer type, or None: True is none, nor is 3.0.

    Args:
        value: What a caller gave for a count.
    """
    if isinstance(value, bool) or not isinstance(value, SupportsIndex) or (number := operator.index(value)) < 1:
        return None
    return number


def canonical(record: Record) -> bytes:
    """The record's content in one spelling; its bytes when it is no record, which validate() will say."""
    raw = raw_line(record)
    try:
        return Conversation.from_line(raw).canonical()
    except (ValueError, RecursionError):
        return raw


def group_key(by: str | Callable[[Conversation], str]) -> Callable[[Record], bytes]:
    """The function that names a record's group.

    Args:
        by: ``"schema"`` (the CREATE TABLE statements in the prompt, in any order), ``"prompt"`` (all that is asked),
            or a function from a conversation to a text.

    Raises:
        DatasetError: There is no such grouping.
    """
    if callable(by):
        return lambda record: str(by(_conversation(record))).encode("utf-8", "surrogatepass")
    name: Callable[[Conversation], str] | None = {"schema": _schema, "prompt": _prompt}.get(by)
    if name is None:
        raise DatasetError(
            f"there is no grouping {by!r}; use 'schema', 'prompt' or a function from conversation to text"
        )

    def key(record: Record) -> bytes:
        conversation = _conversation(record)
        try:
            group = name(conversation)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"line {record.line} is not a conversation; run validate() first", line=record.line
                               ) from error  # fmt: skip
        if not group:
            raise DatasetError(f"line {record.line} holds no CREATE TABLE statement to group by; use by='prompt' or a "
                               "function", line=record.line)  # fmt: skip
        return group.encode("utf-8", "surrogatepass")

    return key


def _conversation(record: Record) -> Conversation:
    try:
        return Conversation.from_line(raw_line(record))
    except ValueError as error:
        raise DatasetError(
            f"line {record.line} is not a record: {error}; run validate() first", line=record.line
        ) from None


def _prompt(conversation: Conversation) -> str:
    return json.dumps([conversation.system, conversation.prompt], sort_keys=True)


def _schema(conversation: Conversation) -> str:
    texts = [conversation.system, *map(Conversation.text_of, conversation.prompt)]
    return "\n".join(sorted({" ".join(found.split()).casefold() for text in texts for found in _statements(text)}))


def _statements(text: str) -> Iterator[str]:
    """Each CREATE TABLE statement up to the bracket that closes it, so that no question behind it counts."""
    for start in _CREATE.finditer(text):
        depth = 0
        end = len(text)
        for mark in _MARK.finditer(text, start.end()):
            depth += {"(": 1, ")": -1}.get(mark[0], 0)
            if depth <= 0 and mark[0] in {")", ";"}:
                end = mark.end() - (mark[0] == ";")
                break
        yield text[start.start() : end]


def bottom(
    records: Iterable[Record], n: int, key: Callable[[Record], bytes], seed: int, purpose: str
) -> Iterator[Record]:
    """The n records of the smallest digests, in the order of their digests, with every refused row before them.

    Memory holds n records. Equal contents keep the order of the source.
    """
    heap: list[tuple[int, int, Record]] = []
    for index, record in enumerate(records):
        if record.refusal is not None:
            yield record
            continue
        item = (-place(key(record), seed, purpose), -index, record)
        if len(heap) < n:
            heapq.heappush(heap, item)
        elif item > heap[0]:
            heapq.heapreplace(heap, item)
    yield from (record for _, _, record in sorted(heap, key=lambda item: (-item[0], -item[1])))


def share(fraction: float) -> int:
    """The place below which about this fraction of all keys fall.

    Args:
        fraction: Between 0 and 1.
    """
    return int(fraction * _TOP)


def bound_of(records: Iterable[Record], count: int, key: Callable[[Record], bytes], seed: int, purpose: str) -> int:
    """The place below which at least this many records fall, and no more of them than equal keys force.

    Args:
        records: One pass over the data.
        count: How many.
        key: Names a record's group.
        seed: The seed of the split.
        purpose: Which choice this is.

    Raises:
        DatasetError: Nothing would be left above it.
    """
    places = sorted(place(key(record), seed, purpose) for record in records if record.refusal is None)
    if count >= len(places) or places[count - 1] == places[-1]:
        raise DatasetError(f"held_out is {count}, but there are {len(places)} records in {len(set(places))} groups of "
                           "equals; nothing would be left to train")  # fmt: skip
    return places[count - 1] + 1
