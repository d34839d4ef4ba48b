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
import re
import tempfile
import weakref
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from nova_tune.checks import TABLE_DECODER
from nova_tune.errors import DatasetError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nova_tune.checks import Issue

_BLOCK = 1 << 18
_MAX_RECORD = 16 << 20
_GZIP = b"\x1f\x8b"
_BLANK = " \t\r\n"


class Record(NamedTuple):
    """One record on its way through: bytes of a training line, or a decoded row, or the reason it is neither."""

    number: int
    line: int | None
    raw: bytes | None = None
    row: Any = None
    refusal: Issue | None = None


class Source(Protocol):
    """What a data set reads from."""

    @property
    def name(self) -> str:
        """The file's path, or the type of what holds the rows."""
        ...

    @property
    def path(self) -> Path | None:
        """The file, where there is one."""
        ...

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
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{str(path)!r} is damaged: {error}; fetch it again", path=str(path)) from error
    except OSError as error:
        raise SourceError(f"{str(path)!r} cannot be read: {error}", path=str(path)) from error


@contextlib.contextmanager
def _opened_text(path: Path) -> Iterator[IO[str]]:
    with opened(path) as file:
        try:
            yield io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        except UnicodeDecodeError as error:
            raise SourceError(f"{str(path)!r} is not UTF-8 ({error.reason}); save it as UTF-8",
                              path=str(path)) from error  # fmt: skip


class JsonLines:
    """A JSON Lines file: one record a line, kept as the bytes that stand there."""

    def __init__(self, path: Path) -> None:
        self.name, self.path = str(path), path

    def __iter__(self) -> Iterator[Record]:
        number = 0
        with opened(self.path) as file:
            for line_number, line in enumerate(iter(lambda: file.readline(_MAX_RECORD + 1), b""), 1):
                body = line.removesuffix(b"\n")
                if len(body) > _MAX_RECORD:
                    raise SourceError(f"line {line_number} of {self.name!r} is longer than {_MAX_RECORD:,} bytes",
                                      path=self.name, line=line_number)  # fmt: skip
                number += bool(body.strip())
                yield Record(number, line_number, raw=body)


class JsonArray:
    """A JSON array of objects, read object by object."""

    def __init__(self, path: Path) -> None:
        self.name, self.path = str(path), path

    def __iter__(self) -> Iterator[Record]:
        with _opened_text(self.path) as text:
            for number, (line, row) in enumerate(_ArrayReader(text, self.name).items(), 1):
                if not isinstance(row, dict):
                    raise SourceError(f"item {number} of {self.name!r} is {type(row).__name__}, not an object; a JSON "
                                      "source is a list of objects", path=self.name, line=line)  # fmt: skip
                yield Record(number, line, row=row)


class _ArrayReader:
    """Reads one JSON array item by item; memory for one item and a block."""

    def __init__(self, file: IO[str], name: str) -> None:
        self._file = file
        self._name = name
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._ended = False

    def items(self) -> Iterator[tuple[int, Any]]:
        """Each item with the physical line on which it begins."""
        first = self._next()
        if not first:
            return
        if first != "[":
            raise self._fail("this is not a list of objects; for one object a line use from_jsonl (a name ending in "
                             ".jsonl)")  # fmt: skip
        self._at += 1
        following = self._next()
        while following != "]":
            if not following:
                raise self._fail("the list breaks off before its closing bracket; the file is truncated")
            yield self._line, self._item()
            following = self._next()
            if following == ",":
                self._at += 1
                following = self._next()
                if following == "]":
                    raise self._fail("a comma before the closing bracket")
            elif following not in {"]", ""}:
                raise self._fail("two items without a comma between them; for one object a line use from_jsonl")
        self._at += 1
        if self._next():
            raise self._fail("something follows the end of the list")

    def _next(self) -> str:
        """Pass over white space; the first other character, or nothing at the end."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _BLANK:
                self._line += self._buffer[self._at] == "\n"
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if self._ended:
                return ""
            self._more(_BLOCK)

    def _item(self) -> Any:
        size = _BLOCK
        while True:
            try:
                item, end = TABLE_DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                # What the block cuts is reported where it begins: a string, a word such as -Infinity, an escape.
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - 16
                if self._ended or not cut or len(self._buffer) - self._at > _MAX_RECORD:
                    raise self._fail(f"not JSON: {error.msg}", error.pos) from error
            except (RecursionError, ValueError) as error:
                raise self._fail("nested too deeply, or a number too long, to be read") from error
            else:
                # A number at the end of a block may go on in the next.
                if end < len(self._buffer) or self._ended:
                    self._line += self._buffer.count("\n", self._at, end)
                    self._at = end
                    return item
            self._more(size)
            size *= 2

    def _more(self, size: int) -> None:
        block = self._file.read(size)
        self._ended = not block
        self._buffer, self._at = self._buffer[self._at :] + block, 0

    def _fail(self, message: str, at: int | None = None) -> SourceError:
        line = self._line + (self._buffer.count("\n", self._at, at) if at else 0)
        return SourceError(f"{self._name!r} line {line}: {message}", path=self._name, line=line)


class Csv:
    """A CSV file with a header; cells keep their line breaks byte for byte, and blank lines between rows are passed."""

    def __init__(self, path: Path, *, delimiter: str | None = None) -> None:
        self.name, self.path = str(path), path
        self._delimiter = delimiter

    def __iter__(self) -> Iterator[Record]:
        with _opened_text(self.path) as text:
            above = 0
            while (head := text.readline()) and not head.strip():
                above += 1
            if head:
                yield from self._rows(head, text, above)

    def _rows(self, head: str, text: IO[str], above: int) -> Iterator[Record]:
        names = re.sub(r'"[^"]*"', "", head)
        reader = csv.reader(_rest(head, text), delimiter=self._delimiter or max(",;\t|", key=names.count), strict=True)
        line = above + 1
        try:
            columns = next(reader)
            if twice := [name for name in columns if columns.count(name) > 1]:
                raise SourceError(f"{self.name!r} has two columns named {twice[0][:40]!r}", path=self.name, line=line)
            number = 0
            line = above + reader.line_num + 1
            for cells in reader:
                if cells:
                    if len(cells) != len(columns):
                        raise SourceError(
                            f"line {line} of {self.name!r} has {len(cells)} cells, its header names {len(columns)}; "
                            "quote cells that hold the delimiter or a line break",
                            path=self.name,
                            line=line,
                        )
                    number += 1
                    yield Record(number, line, row=dict(zip(columns, cells, strict=True)))
                line = above + reader.line_num + 1
        except csv.Error as error:
            hint = f"a cell beyond {csv.field_size_limit():,} characters needs csv.field_size_limit(), or JSON"
            raise SourceError(f"the row from line {line} of {self.name!r} is not CSV: {error}; {hint}",
                              path=self.name, line=line, hint=hint) from error  # fmt: skip


def _rest(head: str, text: IO[str]) -> Iterator[str]:
    yield head
    yield from text


class Rows:
    """Mappings from memory, from a DataFrame's records, from a Hugging Face data set: any iterable of them.

    An iterable that can be read only once is spooled to a temporary file first, so that no second pass is silently
    empty; the file goes with this object. One that hides that it can be read only once is found out on the second
    pass.
    """

    path = None

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self.name = type(rows).__name__
        self._rows = _spooled(rows) if iter(rows) is iter(rows) else rows
        self._before = 0

    def __iter__(self) -> Iterator[Record]:
        number = 0
        for number, row in enumerate(self._rows, 1):
            if not hasattr(row, "keys"):
                raise DatasetError(f"row {number} is {type(row).__name__}, not a mapping of columns", line=number)
            yield Record(number, number, row=dict(row))
        if number < self._before:
            raise DatasetError(f"this {self.name} gave {self._before:,} rows before and {number:,} now; when it can be "
                               "read only once, pass list(...) of it")  # fmt: skip
        self._before = number


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
