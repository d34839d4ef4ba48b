"""Rows of a CSV file, whose encoding and dialect are found out and put on record."""

from __future__ import annotations

import codecs
import csv
import io
import re
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from nova_tune.checks import Issue
from nova_tune.dataset._sources import FileSource, Record, opened, opened_text
from nova_tune.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 1 << 18
_SAMPLE = 1 << 16
_SAMPLE_ROWS = 50
_DELIMITERS = ",;\t|"
_ASCII = bytes(range(128))
_MARKS = (  # the longer first: UTF-32's mark begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip

_CODE_PAGES = ("cp1252", "mac_roman", "cp1250", "cp1251")
"""What spreadsheets write beside Unicode: Windows and Mac in western Europe, Windows in central and eastern Europe."""


class Csv(FileSource):
    """A CSV file with a header; cells keep their line breaks byte for byte, and blank lines between rows are passed."""

    def __init__(
        self, path: Path, name: str | None = None, *, delimiter: str | None = None, encoding: str | None = None
    ) -> None:
        super().__init__(path, name)
        self._delimiter = delimiter
        self._encoding = encoding

    def __iter__(self) -> Iterator[Record]:
        encoding = self._encoding or _encoding_of(self.path, self.name)
        with opened_text(self.path, self.name, encoding) as text:
            sample = text.read(_SAMPLE)
        dialect = _dialect_of(sample, self._delimiter, self.name)
        self.step |= {"format": "csv", "encoding": encoding, **dialect.found()}
        self.step.pop("mended_lines", None)
        with opened_text(self.path, self.name, encoding) as text:
            above = 0
            while (head := text.readline()) and not head.strip():
                above += 1
            if head:
                yield from self._rows(head, text, above, dialect)

    def _rows(self, head: str, text: IO[str], above: int, dialect: _Dialect) -> Iterator[Record]:
        lines = _Lines(head, text)
        reader = csv.reader(lines, **dialect.options())
        columns: list[str] = []
        number, line, mended = 0, above + 1, []
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                bare = "expected after" in str(error) and above + reader.line_num == line
                cells = _mended(lines.last, dialect, len(columns)) if bare else None
                if cells is None:
                    raise self._fault(line, error) from error
                mended.append(line)
                self.step["mended_lines"] = mended[:_SAMPLE_ROWS]
            if cells is None:
                return
            if cells and not columns:
                columns = cells
                if twice := [name for name in columns if columns.count(name) > 1]:
                    raise SourceError(f"{self.name!r} has two columns named {twice[0][:40]!r}",
                                      path=self.name, line=line)  # fmt: skip
            elif cells:
                number += 1
                if len(cells) == len(columns):
                    yield Record(number, line, row=dict(zip(columns, cells, strict=True)))
                else:
                    yield Record(number, line, row={"cells": cells}, refusal=_cells(number, line, cells, columns))
            line = above + reader.line_num + 1

    def _fault(self, line: int, error: csv.Error) -> SourceError:
        hint = "a quote inside a quoted cell is written twice"
        if "field larger" in str(error):
            hint = f"a cell beyond {csv.field_size_limit():,} characters needs csv.field_size_limit(), or JSON"
        return SourceError(f"the row from line {line} of {self.name!r} is not CSV: {error}; {hint}",
                           path=self.name, line=line, hint=hint)  # fmt: skip


def _cells(number: int, line: int, cells: list[str], columns: list[str]) -> Issue:
    return Issue("row.cells", "error", f"the row has {len(cells)} cells, the header names {len(columns)}",
                 line=line, record=number, hint="quote cells that hold the delimiter or a line break")  # fmt: skip


class _Lines:
    """The lines of a text from its header on; it holds the last one."""

    def __init__(self, head: str, text: IO[str]) -> None:
        self.last = head
        self._text = text

    def __iter__(self) -> Iterator[str]:
        yield self.last
        for line in self._text:
            self.last = line
            yield line


def _mended(line: str, dialect: _Dialect, width: int) -> list[str] | None:
    """The cells of a line with bare quotes inside a quoted cell, as in ``1,"the "best" one"``.

    A quote ends such a cell where the delimiter or the end of the line follows. None where that does not give the
    number of cells that the header has: then nobody can say what was meant.
    """
    body, cells, at = line.rstrip("\r\n"), [], 0
    while at <= len(body):
        if body.startswith('"', at):
            end = at + 1
            while end < len(body) and not (body[end] == '"' and body[end + 1 : end + 2] in {"", dialect.delimiter}):
                end += 2 if body.startswith('""', end) else 1
            if end >= len(body):
                return None
            cells.append(body[at + 1 : end].replace('""', '"'))
            at = end + 2
        else:
            end = body.find(dialect.delimiter, at)
            end = len(body) if end < 0 else end
            cells.append(body[at:end])
            at = end + 1
    return cells if len(cells) == width and dialect.escape is None else None


class _Dialect(NamedTuple):
    """What separates cells, and whether a quote in a quoted cell has a backslash before it or another quote."""

    delimiter: str
    escape: str | None = None

    def options(self) -> dict[str, Any]:
        return {
            "delimiter": self.delimiter, "escapechar": self.escape, "doublequote": self.escape is None, "strict": True
        }  # fmt: skip

    def found(self) -> dict[str, str]:
        return {"delimiter": self.delimiter} | ({"escape": self.escape} if self.escape else {})


def _dialect_of(sample: str, given: str | None, name: str) -> _Dialect:
    """The dialect in which the first rows have as many cells as the header.

    Raises:
        SourceError: They do so with two delimiters alike.
    """
    head = next((line for line in io.StringIO(sample, newline="") if line.strip()), "")
    unquoted = re.sub(r'"[^"]*"', "", head)
    delimiters = [given] if given else sorted(filter(unquoted.count, _DELIMITERS), key=unquoted.count, reverse=True)
    escapes = (None, "\\") if '\\"' in sample else (None,)
    dialects = [_Dialect(each, escape) for escape in escapes for each in delimiters or ","]
    fitting = [(width, dialect) for dialect in dialects if (width := _width(sample, dialect))]
    for escape in escapes:
        best = [(width, dialect) for width, dialect in fitting if dialect.escape == escape]
        widest = [dialect for width, dialect in best if width == max(best)[0]]
        if len(widest) > 1:
            one, two = widest[0].delimiter, widest[1].delimiter
            raise SourceError(f"the cells of {name!r} may be separated by {one!r} or by {two!r}: its first rows fit "
                              f"both; pass delimiter={one!r} or delimiter={two!r}", path=name)  # fmt: skip
        if widest:
            return widest[0]
    return dialects[0]  # the rows fit none, which the first of them that does not will tell with its line


def _width(sample: str, dialect: _Dialect) -> int:
    """How many cells the first rows have; 0 where they differ, or are not in this dialect."""
    widths: list[int] = []
    try:
        for cells in csv.reader(io.StringIO(sample, newline=""), **dialect.options()):
            widths.extend([len(cells)] if cells else [])
            if len(widths) > _SAMPLE_ROWS:
                break
    except csv.Error:
        if len(sample) < _SAMPLE or len(widths) < 2:  # else the last row may just be cut
            return 0
    if len(sample) == _SAMPLE and 2 < len(widths) <= _SAMPLE_ROWS:
        widths.pop()
    return widths[0] if len(set(widths)) == 1 else 0


def _encoding_of(path: Path, name: str) -> str:
    """The encoding of a text, as far as its bytes are certain of it. One pass over the bytes, in constant memory.

    Raises:
        SourceError: It is not, and the message shows how two candidates read it.
    """
    with opened(path, name) as file:
        block = file.read(_BLOCK)
        for mark, encoding in _MARKS:
            if block.startswith(mark):
                return encoding
        if block.count(b"\0") > len(block) // 4:
            raise SourceError(f"{name!r} looks like UTF-16 without a byte order mark; save it as UTF-8, or pass "
                              "encoding='utf-16-le' or encoding='utf-16-be'", path=name)  # fmt: skip
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while block:
                decoder.decode(block)
                block = file.read(_BLOCK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            pass
        else:
            return "utf-8"
    first_lines: dict[int, int] = {}
    with opened(path, name) as file:
        line = 1
        while part := file.readline(_BLOCK):
            for byte in part.translate(None, _ASCII):
                first_lines.setdefault(byte, line)
            line += part.endswith(b"\n")
    return _code_page(first_lines, name)


def _code_page(first_lines: dict[int, int], name: str) -> str:
    """The code page of a text, where all of them read each of its bytes beyond ASCII alike."""
    for byte, line in first_lines.items():
        readings: dict[str, str] = {}
        for page in _CODE_PAGES:
            readings.setdefault(bytes([byte]).decode(page, "replace"), page)
        if len(readings) > 1:
            (one, first), (two, second) = list(readings.items())[:2]
            raise SourceError(f"{name!r} is not UTF-8: byte 0x{byte:02x} on line {line} is {one!r} in {first} and "
                              f"{two!r} in {second}; save it as UTF-8, or pass encoding={first!r} or whatever wrote it",
                              path=name, line=line)  # fmt: skip
    return _CODE_PAGES[0]
