"""Which record goes where, decided by its content: independent of order, machine and number of files.

A record's digest with a seed is a number that looks random and never changes. Sampling keeps the smallest of them,
splitting compares them with a bound, shuffling sorts by them; duplicates always land on one side.
"""

from __future__ import annotations

import functools
import hashlib
import heapq
import json
import operator
import struct
import tempfile
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, SupportsIndex

import msgspec

from nova_tune.conversation import Conversation
from nova_tune.dataset._derived import raw_line, written
from nova_tune.dataset._sources import Record
from nova_tune.errors import DatasetError
from nova_tune.sql import statements_in, target_in, template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nova_tune.dataset._sources import Source

_BUCKETS = 64
_IN_MEMORY = 1 << 17
_DIGEST = 16
_ENTRY = struct.Struct(">QQQqI")
_TOP = 1 << 64
_DECODER = msgspec.json.Decoder(dict[str, Any])
_ENCODER = msgspec.json.Encoder(order="deterministic")


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: list[_Text]
    role: str


class _Texts(msgspec.Struct, forbid_unknown_fields=True, gc=False, kw_only=True):
    """A record of texts, its keys in the order of the alphabet: written as any record is, in half the time."""

    messages: list[_Message]
    version: str | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="schemaVersion")
    system: list[_Text] | msgspec.UnsetType = msgspec.UNSET


_TEXTS = msgspec.json.Decoder(_Texts)


def place(key: bytes, seed: int, purpose: str) -> int:
    """Where this key falls between 0 and 2**64, for this seed and this purpose.

    Args:
        key: A record's canonical bytes, or the name of its group.
        seed: Another seed, another order.
        purpose: Which choice this is. Two choices in a row must not share one: those whom a sample kept have the
            smallest places of all, so a split by the same places would hold out far too many of them.
    """
    digest = _salted(seed, purpose).copy()
    digest.update(key)
    return int.from_bytes(digest.digest())


@functools.lru_cache(maxsize=64)
def _salted(seed: int, purpose: str) -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=8, salt=seed.to_bytes(8, "big", signed=True), person=purpose.encode())


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
        return _ENCODER.encode(_TEXTS.decode(raw))
    except (ValueError, RecursionError):
        pass
    try:  # what both decoders take, they read alike; the quick one refuses more
        return _ENCODER.encode(_DECODER.decode(raw))
    except (ValueError, RecursionError):
        pass
    try:
        return Conversation.from_line(raw).canonical()
    except (ValueError, RecursionError):
        return raw


def group_key(by: str | Callable[[Conversation], str]) -> Callable[[Record], bytes]:
    """The function that names a record's group.

    Args:
        by: ``"schema"`` (the CREATE TABLE statements in the prompt, in any order), ``"prompt"`` (all that is asked),
            ``"sql"`` (the answer's SQL with its literals masked), or a function from a conversation to a text.

    Raises:
        DatasetError: There is no such grouping.
    """
    if callable(by):
        return lambda record: str(by(_conversation(record))).encode("utf-8", "surrogatepass")
    name: Callable[[Conversation], str] | None = {"schema": _schema, "prompt": _prompt, "sql": _sql}.get(by)
    if name is None:
        raise DatasetError(
            f"there is no grouping {by!r}; use 'schema', 'sql', 'prompt' or a function from conversation to text"
        )

    def key(record: Record) -> bytes:
        conversation = _conversation(record)
        try:
            group = name(conversation)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"line {record.line} is not a conversation; run validate() first", line=record.line
                               ) from error  # fmt: skip
        if not group:
            what = "CREATE TABLE statement" if by == "schema" else "SQL"
            raise DatasetError(f"line {record.line} holds no {what} to group by; use by='prompt' or a function",
                               line=record.line)  # fmt: skip
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
    return "\n".join(sorted({" ".join(found.split()).casefold() for text in texts for found in statements_in(text)}))


def _sql(conversation: Conversation) -> str:
    return template_of(target_in(conversation.reference))


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


def repeats(records: Iterable[Record]) -> tuple[bytearray, int, int]:
    """Which records say what an earlier one said, in whatever spelling.

    Memory holds a bit for each record and about a 64th of their digests at once; the digests wait in temporary files
    when there are many.

    Args:
        records: One pass over the data.

    Returns:
        A bit for each record, refused rows among them; how many records there are; how many are repeats.
    """
    index, count, found = -1, 0, 0
    with _buckets() as buckets:
        for index, record in enumerate(records):
            if record.refusal is None:
                digest = hashlib.blake2b(canonical(record), digest_size=_DIGEST).digest()
                buckets[digest[0] % _BUCKETS].write(digest + index.to_bytes(8, "big"))
                count += 1
        marks = bytearray(index // 8 + 1)
        for bucket in buckets:
            bucket.seek(0)
            entries = bucket.read()
            seen: set[bytes] = set()
            for at in range(0, len(entries), _DIGEST + 8):
                digest = entries[at : at + _DIGEST]
                if digest in seen:
                    number = int.from_bytes(entries[at + _DIGEST : at + _DIGEST + 8], "big")
                    marks[number >> 3] |= 1 << (number & 7)
                    found += 1
                seen.add(digest)
    return marks, count, found


class Unrepeated:
    """The records of a source without the repeats that were found in it."""

    def __init__(self, source: Source, marks: bytearray) -> None:
        self.name, self.path = source.name, source.path
        self._source = source
        self._marks = marks

    def __iter__(self) -> Iterator[Record]:
        index = -1
        for index, record in enumerate(written(self._source)):
            if index >> 3 >= len(self._marks):
                break
            if not self._marks[index >> 3] >> (index & 7) & 1:
                yield record
        if index // 8 + 1 != len(self._marks):
            raise DatasetError(
                f"{self.name!r} holds another number of records than when dedupe() read it; call it again"
            )


class Shuffled:
    """The records of a source in the order of their digests, with every refused row before them.

    Each pass reads the source and holds about a 64th of it in memory; the rest waits in temporary files.
    """

    def __init__(self, source: Source, seed: int, purpose: str) -> None:
        self.name, self.path = source.name, source.path
        self._source = source
        self._seed = seed
        self._purpose = purpose

    def __iter__(self) -> Iterator[Record]:
        with _buckets() as buckets:
            for index, record in enumerate(written(self._source)):
                if record.refusal is not None:
                    yield record
                    continue
                raw = raw_line(record)
                at = place(canonical(record), self._seed, self._purpose)
                line = -1 if record.line is None else record.line
                buckets[at * _BUCKETS // _TOP].write(_ENTRY.pack(at, index, record.number, line, len(raw)) + raw)
            for bucket in buckets:
                yield from (record for _, _, record in sorted(_entries(bucket), key=operator.itemgetter(0, 1)))


def _entries(bucket: IO[bytes]) -> Iterator[tuple[int, int, Record]]:
    bucket.seek(0)
    while head := bucket.read(_ENTRY.size):
        at, index, number, line, size = _ENTRY.unpack(head)
        yield at, index, Record(number, None if line < 0 else line, raw=bucket.read(size))


@contextmanager
def _buckets() -> Iterator[list[IO[bytes]]]:
    """Temporary files that stay in memory while they are small, and are gone when the block ends."""
    with ExitStack() as stack:
        yield [stack.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY)) for _ in range(_BUCKETS)]
