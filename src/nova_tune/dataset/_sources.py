"""Rows from files and iterables, one at a time, each with its place in the source.

A source can be read again and again: every pass opens the file anew. Nothing is loaded whole.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import pickle
import tempfile
import weakref
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from nova_tune.errors import DatasetError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nova_tune.checks import Issue

_BLOCK = 1 << 18
_MAX_RECORD = 16 << 20
_MAX_LINE = 16 << 20
_GZIP = b"\x1f\x8b"


class Record(NamedTuple):
    """One record on its way through: bytes of a training line, or a decoded row, or the reason it is neither."""

    number: int
    line: int | None
    raw: bytes | None = None
    row: Any = None
    refusal: Issue | None = None


class Source(Protocol):
    """What a data set reads from."""

    name: str

    def __iter__(self) -> Iterator[Record]:
        """A new pass over all records."""
        ...


@contextlib.contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file for reading, unpacked when it is gzip.

    Raises:
        SourceError: It is missing, a directory, not permitted, or breaks off.
    """
    try:
        with path.open("rb") as probe:
            packed = probe.read(2) == _GZIP
        with gzip.open(path) if packed else path.open("rb", buffering=1 << 20) as file:
            yield cast("IO[bytes]", file)
    except FileNotFoundError as error:
        raise SourceError(f"there is no file {str(path)!r}; check the path", path=str(path)) from error
    except IsADirectoryError as error:
        raise SourceError(f"{str(path)!r} is a directory; name a file in it", path=str(path)) from error
    except EOFError as error:
        raise SourceError(f"{str(path)!r} breaks off in the middle: the gzip file is truncated; fetch it again",
                          path=str(path)) from error  # fmt: skip
    except (gzip.BadGzipFile, OSError) as error:
        raise SourceError(f"{str(path)!r} cannot be read: {error}", path=str(path)) from error


class JsonLines:
    """A JSON Lines file: one record a line, kept as the bytes that stand there."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def __iter__(self) -> Iterator[Record]:
        number = 0
        with opened(self._path) as file:
            for line_number, line in enumerate(iter(lambda: file.readline(_MAX_LINE + 1), b""), 1):
                if len(line) > _MAX_LINE:
                    raise SourceError(f"line {line_number} of {self.name!r} is longer than {_MAX_LINE >> 20} MiB",
                                      path=self.name, line=line_number)  # fmt: skip
                body = line.removesuffix(b"\n")
                number += 1 if body.strip() else 0
                yield Record(number, line_number, raw=body)


class JsonArray:
    """A JSON array of objects, read object by object."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def __iter__(self) -> Iterator[Record]:
        with opened(self._path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            try:
                for number, (line, row) in enumerate(_array_items(text, self.name), 1):
                    if not isinstance(row, dict):
                        raise SourceError(
                            f"item {number} of {self.name!r} is {type(row).__name__}, not an object; "
                            "a JSON source is a list of objects", path=self.name, line=line)  # fmt: skip
                    yield Record(number, line, row=row)
            except UnicodeDecodeError as error:
                raise SourceError(f"{self.name!r} is not UTF-8 ({error.reason}); save it as UTF-8",
                                  path=self.name) from error  # fmt: skip


def _array_items(file: IO[str], name: str) -> Iterator[tuple[int, Any]]:
    """Each item of a JSON array with the line on which it begins; memory for one item and a block."""
    decoder = json.JSONDecoder()
    buffer, at, line, size = "", 0, 1, _BLOCK
    ended = False

    def fail(message: str) -> SourceError:
        return SourceError(f"{name!r} line {line}: {message}", path=name, line=line)

    def more() -> bool:
        nonlocal buffer, at, ended
        block = file.read(size)
        ended = not block
        buffer, at = buffer[at:] + block, 0
        return not ended

    def skip(characters: str) -> str:
        """Pass over these characters; the first other one, or nothing at the end."""
        nonlocal at, line
        while True:
            while at < len(buffer) and buffer[at] in characters:
                line += buffer[at] == "\n"
                at += 1
            if at < len(buffer):
                return buffer[at]
            if not more():
                return ""

    blank = " \t\r\n"
    first = skip(blank)
    if not first:
        return
    if first != "[":
        raise fail("this is not a list of objects; for one object a line use from_jsonl (a name ending in .jsonl)")
    at += 1
    separator = blank
    while True:
        character = skip(separator)
        if character == "]":
            at += 1
            if skip(blank):
                raise fail("something follows the end of the list")
            return
        if not character:
            raise fail("the list breaks off before its closing bracket; the file is truncated")
        size = _BLOCK
        while True:
            try:
                item, end = decoder.raw_decode(buffer, at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(buffer) - 16
                if ended or not cut or len(buffer) - at > _MAX_RECORD:
                    raise fail(f"not JSON: {error.msg}") from error
                size *= 2
                more()
                continue
            except RecursionError as error:
                raise fail("nested too deeply to be read") from error
            if end < len(buffer) or ended:
                break
            more()  # a number at the end of a block may go on in the next
        yield line, item
        line += buffer.count("\n", at, end)
        at = end
        if skip(blank) == ",":
            at += 1
            if skip(blank) == "]":
                raise fail("a comma before the closing bracket")
        elif skip(blank) not in {"]", ""}:
            raise fail("two objects without a comma between them; for one object a line use from_jsonl")


class Csv:
    """A CSV file with a header; cells keep their line breaks byte for byte."""

    def __init__(self, path: Path, *, delimiter: str | None = None) -> None:
        self.name = str(path)
        self._path = path
        self._delimiter = delimiter

    def __iter__(self) -> Iterator[Record]:
        with opened(self._path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            try:
                yield from self._rows(text)
            except UnicodeDecodeError as error:
                raise SourceError(f"{self.name!r} is not UTF-8 ({error.reason}); save it as UTF-8",
                                  path=self.name) from error  # fmt: skip

    def _rows(self, text: IO[str]) -> Iterator[Record]:
        head = text.readline()
        if not head.strip():
            return
        delimiter = self._delimiter or max(",;\t|", key=head.count)
        reader = csv.reader(_rest(head, text), delimiter=delimiter, strict=True)
        try:
            columns = next(reader)
            if twice := [name for name in columns if columns.count(name) > 1]:
                raise SourceError(f"{self.name!r} has two columns named {twice[0]!r}", path=self.name, line=1)
            line = reader.line_num + 1
            for number, cells in enumerate((cells for cells in reader if cells), 1):
                if len(cells) != len(columns):
                    raise SourceError(
                        f"line {line} of {self.name!r} has {len(cells)} cells, its header names {len(columns)}; "
                        "quote cells that hold the delimiter or a line break", path=self.name, line=line)  # fmt: skip
                yield Record(number, line, row=dict(zip(columns, cells, strict=True)))
                line = reader.line_num + 1
        except csv.Error as error:
            raise SourceError(f"line {reader.line_num} of {self.name!r} is not CSV: {error}", path=self.name,
                              line=reader.line_num) from error  # fmt: skip


def _rest(head: str, text: IO[str]) -> Iterator[str]:
    yield head
    yield from text


class Rows:
    """Mappings from memory, from a DataFrame's records, from a Hugging Face data set: any iterable of them.

    An iterable that can be read only once is spooled to a temporary file first, so that no second pass is silently
    empty; the file goes with this object.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self.name = type(rows).__name__
        self._rows = _spooled(rows) if iter(rows) is rows else rows

    def __iter__(self) -> Iterator[Record]:
        for number, row in enumerate(self._rows, 1):
            if not hasattr(row, "keys"):
                raise DatasetError(f"row {number} is {type(row).__name__}, not a mapping of columns", line=number)
            yield Record(number, number, row=dict(row))


class _Spool:
    def __init__(self, path: Path) -> None:
        self._path = path
        weakref.finalize(self, path.unlink, missing_ok=True)

    def __iter__(self) -> Iterator[Any]:
        with self._path.open("rb") as file:
            while True:
                try:
                    yield pickle.load(file)  # noqa: S301 - our own file, written by this process a moment ago
                except EOFError:
                    return


def _spooled(rows: Iterable[Any]) -> _Spool:
    with tempfile.NamedTemporaryFile(prefix="nova-tune-", suffix=".rows", delete=False) as file:
        spool = _Spool(Path(file.name))
        for row in rows:
            pickle.dump(dict(row) if hasattr(row, "keys") else row, file)
    return spool
