"""Which record goes where, decided by its content: independent of order, machine and number of files.

A record's digest with a seed is a number that looks random and never changes. Sampling keeps the smallest of them,
splitting compares them with a bound; duplicates always land on one side.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from typing import TYPE_CHECKING

from nova_tune.conversation import Conversation
from nova_tune.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nova_tune.dataset._sources import Record

_CREATE = re.compile(r"create\s+(?:temp\w*\s+)?table\b.*", re.IGNORECASE | re.DOTALL)
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


def canonical(record: Record) -> bytes:
    """The record's content in one spelling."""
    assert record.raw is not None
    try:
        return Conversation.from_line(record.raw).canonical()
    except ValueError:
        return record.raw  # a line that is not a record yet; validate() says so


def group_key(by: str | Callable[[Conversation], str]) -> Callable[[Record], bytes]:
    """The function that names a record's group.

    Args:
        by: ``"schema"`` (the CREATE TABLE statements in the prompt), ``"prompt"`` (all that is asked), or a function
            from a conversation to a text.

    Raises:
        DatasetError: There is no such grouping.
    """
    if callable(by):
        return lambda record: str(by(_conversation(record))).encode()
    if by == "schema":
        return lambda record: _schema(_conversation(record), record).encode()
    if by == "prompt":
        return lambda record: repr((_conversation(record).system, _conversation(record).prompt)).encode()
    raise DatasetError(f"there is no grouping {by!r}; use 'schema', 'prompt' or a function from conversation to text")


def _conversation(record: Record) -> Conversation:
    assert record.raw is not None
    try:
        return Conversation.from_line(record.raw)
    except ValueError as error:
        raise DatasetError(
            f"line {record.line} is not a record: {error}; run validate() first", line=record.line
        ) from None


def _schema(conversation: Conversation, record: Record) -> str:
    texts = [conversation.system, *map(Conversation.text_of, conversation.prompt)]
    for text in texts:
        if match := _CREATE.search(text):
            return " ".join(match[0].split()).casefold()
    raise DatasetError(
        f"record {record.number} holds no CREATE TABLE statement to group by; use by='prompt' or a function",
        line=record.line,
    )


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


def is_held_out(key: bytes, fraction: float, seed: int, purpose: str) -> bool:
    """True for about this fraction of all keys."""
    return place(key, seed, purpose) < fraction * _TOP
