"""Sources made of other sources: converted, chosen or filtered, each pass anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.checks import Issue, decode, duplicate_keys
from nova_tune.dataset._sources import Record
from nova_tune.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from nova_tune.dataset._sources import Source
    from nova_tune.formats import Format

_STEP = 1_000


class Converted:
    """The records that a format makes of a source's rows; a row that it refuses stays, with the reason."""

    def __init__(self, source: Source, chosen: Format) -> None:
        self.name, self.path = source.name, source.path
        self._source = source
        self._format = chosen

    def __iter__(self) -> Iterator[Record]:
        for record in self._source:
            row, refusal = read_row(record)
            if row is None and refusal is None:
                continue
            raw = None
            if row is not None:
                raw, refusal = self._line(row)
            if refusal is None:
                yield Record(record.number, record.line, raw)
            else:  # it keeps what it was, for whoever mends it
                yield record._replace(refusal=attrs.evolve(refusal, line=record.line, record=record.number))

    def _line(self, row: dict[str, Any]) -> tuple[bytes | None, Issue | None]:
        try:
            raw = self._format.line(row)
        except UnicodeEncodeError:
            text = "a text holds half of a surrogate pair"
        except DatasetError as error:
            text = str(error)
        else:
            if b"\n" not in raw and raw.strip() and raw[-1:] != b"\r":
                return raw, None
            text = "the format made more than one line of it, or none; a record is one line"
        return None, Issue(rule="row.refused", severity="error", message=text)


def read_row(record: Record) -> tuple[dict[str, Any] | None, Issue | None]:
    """The decoded row of a record, or why there is none; neither for a blank line.

    Args:
        record: A row, a line of JSON, or a refusal.
    """
    if record.refusal is not None:
        return None, record.refusal
    value = record.row
    if record.raw is not None:
        if not record.raw.strip():
            return None, None
        value, fault = decode(record.raw.removesuffix(b"\r"))
        if fault is not None:
            return None, fault
        if not isinstance(value, dict):
            return None, Issue("record.object", "error", "a row is a JSON object, this line is not")
    fault = None if type(value) is dict and _flat(value) else next(duplicate_keys(value), None)
    return (value, None) if fault is None else (None, fault)


def _flat(row: dict[str, Any]) -> bool:
    return not [value for value in row.values() if isinstance(value, (dict, list))]


class Held:
    """Records in memory."""

    def __init__(self, source: Source, records: tuple[Record, ...]) -> None:
        self.name, self.path = source.name, source.path
        self._records = records

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)


class Kept:
    """The records of a source that a test lets through; a whole pass notes how many there were before and after."""

    def __init__(self, source: Source, keep: Callable[[Record], bool], step: dict[str, Any] | None = None) -> None:
        self.name, self.path = source.name, source.path
        self._source = source
        self.keeps = keep
        self._step = {} if step is None else step

    def __iter__(self) -> Iterator[Record]:
        before = after = 0
        for record in written(self._source):
            before += record.refusal is None
            if self.keeps(record):
                after += record.refusal is None
                yield record
        self._step.update(before=before, after=after)


class Changed:
    """The records of a source, each with one change; what cannot be changed is refused, with the reason."""

    def __init__(self, source: Source, change: Callable[[bytes], bytes], step: dict[str, Any]) -> None:
        self.name, self.path = source.name, source.path
        self._source = source
        self._change = change
        self._step = step

    def __iter__(self) -> Iterator[Record]:
        before = changed = refused = 0
        for record in written(self._source):
            if record.refusal is not None:
                yield record
                continue
            before += 1
            raw = raw_line(record)
            try:
                new = self._change(raw)
            except DatasetError as error:
                refused += 1
                refusal = Issue("row.refused", "error", str(error), line=record.line, record=record.number)
                yield record._replace(refusal=refusal)
            else:
                changed += new != raw
                yield record._replace(raw=new)
        self._step.update(before=before, after=before - refused, changed=changed)


_TIDY = (Converted, Kept)  # neither yields a blank line, or a carriage return


class Counted:
    """Counts what passes through, and tells from time to time."""

    def __init__(self, records: Iterable[Record], on_progress: Callable[[int], None] | None) -> None:
        self.count = 0
        self._records = records
        self._tell = on_progress or (lambda _: None)

    def __iter__(self) -> Iterator[Record]:
        for record in self._records:
            self.count += 1
            if self.count % _STEP == 0:
                self._tell(self.count)
            yield record
        self._tell(self.count)


def written(source: Source) -> Iterator[Record]:
    """What would stand in the training file: every record as bytes, without blank lines and carriage returns.

    Args:
        source: Records, not rows of a table.

    Raises:
        DatasetError: These are rows of a table.
    """
    return iter(source) if isinstance(source, _TIDY) else _tidied(source)


def _tidied(source: Source) -> Iterator[Record]:
    for record in source:
        if record.refusal is not None:
            yield record
        elif (line := raw_line(record).removesuffix(b"\r")).strip():
            yield record if line is record.raw else record._replace(raw=line)


def raw_line(record: Record) -> bytes:
    """The bytes of a record.

    Args:
        record: A record that was not refused.

    Raises:
        DatasetError: It is a row of a table.
    """
    if record.raw is None:
        raise DatasetError("these are rows of a table, not records yet; call convert(formats....) first")
    return record.raw


def own_path(path: Path, source: Source) -> bool:
    """True when a source reads this very file, under whatever name.

    Args:
        path: A file that may not be there.
        source: The source.
    """
    return source.path is not None and path.exists() and source.path.exists() and path.samefile(source.path)
