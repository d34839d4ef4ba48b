"""Rows from files and iterables, one at a time, each with its place in the source.

A source can be read again and again: every pass opens the file anew. Nothing is loaded whole.
"""

from __future__ import annotations

import abc
import contextlib
import gzip
import io
import json
import zlib
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from nova_tune.checks import TABLE_DECODER, Issue
from nova_tune.dataset._flat import flat_rows
from nova_tune.errors import SourceError
from nova_tune.models import LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 1 << 18
_MAX_RECORD = LINE_BYTES.value
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


class FileSource(abc.ABC):
    """A file that rows are read from.

    Args:
        path: The file.
        name: What messages call it; its path when it is not given.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path, self.name = path, name or str(path)
        self.step: dict[str, Any] = {"step": "read", "source": path.name}
        """What was read, for the steps of a data set; a pass adds what it found out, such as an encoding."""

    @abc.abstractmethod
    def __iter__(self) -> Iterator[Record]:
        """A new pass over all records."""
        ...


@contextlib.contextmanager
def opened(path: Path, name: str | None = None) -> Iterator[IO[bytes]]:
    """A file for reading, unpacked when it is gzip.

    Args:
        path: The file.
        name: What messages call it; its path when it is not given.

    Raises:
        SourceError: It is missing, a directory, not permitted, or breaks off.
    """
    name = name or str(path)
    try:
        with path.open("rb") as probe:
            packed = probe.read(2) == _GZIP
        with gzip.open(path) if packed else path.open("rb", buffering=1 << 20) as file:
            yield cast("IO[bytes]", file)
    except FileNotFoundError as error:
        raise SourceError(f"there is no file {name!r}; check the path", path=name) from error
    except IsADirectoryError as error:
        raise SourceError(f"{name!r} is a directory; name a file in it", path=name) from error
    except EOFError as error:
        raise SourceError(f"{name!r} breaks off in the middle: the gzip file is truncated; fetch it again",
                          path=name) from error  # fmt: skip
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{name!r} is damaged: {error}; fetch it again", path=name) from error
    except OSError as error:
        raise SourceError(f"{name!r} cannot be read: {error}", path=name) from error


@contextlib.contextmanager
def opened_text(path: Path, name: str, encoding: str = "utf-8-sig") -> Iterator[IO[str]]:
    """A text for reading, unpacked when it is gzip, with its line ends as they are.

    Args:
        path: The file.
        name: What messages call it.
        encoding: Its encoding.

    Raises:
        SourceError: It cannot be read, or is in another encoding.
    """
    with opened(path, name) as file:
        try:
            yield io.TextIOWrapper(file, encoding=encoding, newline="")
        except UnicodeError as error:
            shown = "UTF-8" if encoding == "utf-8-sig" else encoding
            reason = getattr(error, "reason", None) or error
            raise SourceError(f"{name!r} is not {shown} ({reason}); save it as UTF-8", path=name) from error
        except LookupError as error:
            raise SourceError(f"there is no encoding {encoding!r}; write 'utf-8' or 'cp1252', for example",
                              path=name) from error  # fmt: skip


class JsonLines(FileSource):
    """A JSON Lines file: one record a line, kept as the bytes that stand there."""

    def __iter__(self) -> Iterator[Record]:
        with opened(self.path, self.name) as file:
            yield from self.records(file)

    def records(self, file: IO[bytes], number: int = 0, line_number: int = 0) -> Iterator[Record]:
        """The records from where this file stands.

        Args:
            file: The file, open for reading at the beginning of a line.
            number: How many records come before.
            line_number: How many lines come before.
        """
        while line := file.readline(_BLOCK):
            line_number += 1
            if len(line) == _BLOCK and not line.endswith(b"\n"):
                line = _whole(file, line)
            body = line.removesuffix(b"\n")
            if line and len(body) <= _MAX_RECORD:
                number += bool(body.strip())
                yield Record(number, line_number, raw=body)
            else:
                number += 1
                yield Record(number, line_number, refusal=_too_long(number, line_number))


def _whole(file: IO[bytes], begun: bytes) -> bytes:
    """The whole of a line that goes on after what was read; nothing for one longer than a record, which is passed over.

    Its length is found first, since what is too long shall not be held.
    """
    after, size, part = file.tell(), len(begun), begun
    while part and not part.endswith(b"\n"):
        part = file.readline(_BLOCK)
        size += len(part)
    if size - part.endswith(b"\n") > _MAX_RECORD:
        return b""
    file.seek(after)
    return begun + file.read(size - len(begun))


def _too_long(number: int, line: int) -> Issue:
    return Issue("lines.long", "error", f"the line is longer than {_MAX_RECORD:,} bytes", line=line, record=number,
                 hint="no model takes a record of that length; is a line end missing?")  # fmt: skip


class JsonArray(FileSource):
    """A JSON array of objects, read object by object."""

    def __iter__(self) -> Iterator[Record]:
        with opened_text(self.path, self.name) as text:
            for number, (line, row) in enumerate(_ArrayReader(text, self.name).items(), 1):
                if not isinstance(row, dict):
                    raise SourceError(f"item {number} of {self.name!r} is {type(row).__name__}, not an object; a JSON "
                                      "source is a list of objects", path=self.name, line=line)  # fmt: skip
                yield Record(number, line, None, row)


class _ArrayReader:
    """Reads one JSON array item by item; memory for one item and a block."""

    def __init__(self, file: IO[str], name: str) -> None:
        self._file = file
        self._name = name
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._ended = False
        self._plain = True

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
            yield from self._certain() or [(self._line, self._item())]
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

    def _certain(self) -> list[tuple[int, Any]]:
        """All plain items that the block holds whole; none when that is in doubt, then until the next block."""
        found = flat_rows(self._buffer, self._at) if self._plain else None
        self._plain = found is not None
        if found is None:
            return []
        items = [(self._line + below, row) for row, below in zip(found.rows, found.below, strict=True)]
        self._line += self._buffer.count("\n", self._at, found.end)
        self._at = found.end
        return items

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
        self._buffer, self._at, self._plain = self._buffer[self._at :] + block, 0, True

    def _fail(self, message: str, at: int | None = None) -> SourceError:
        line = self._line + (self._buffer.count("\n", self._at, at) if at else 0)
        return SourceError(f"{self._name!r} line {line}: {message}", path=self._name, line=line)
