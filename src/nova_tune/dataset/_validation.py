"""The findings of a whole data set: those of each record, and those of all of them together."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING

import attrs

from nova_tune.checks import (
    FIRST,
    MediaUse,
    Tally,
    accept_batch,
    doubtful_lines,
    explain,
    finding,
    name_issues,
    wrong_format,
)
from nova_tune.dataset._derived import raw_line
from nova_tune.dataset._parallel import BATCH, stretches
from nova_tune.dataset._sources import JsonLines, opened
from nova_tune.dataset._sources_remote import S3Object

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nova_tune.checks import Issue
    from nova_tune.dataset._sources import Record, Source
    from nova_tune.models import Model, Platform

_TOLD = 1_000


@attrs.define
class Check:
    """One pass over some data: what is certainly right is counted, all else explained, in the order of the data.

    Args:
        model: The model the data is meant for.
        platform: The platform it is meant for.
        tally: Counts the findings.
        media: Notes the media, for the rules of the whole data set.
        where: What to put before each message, when it is not the training data.
        sql: Finds more in the line of each record, such as what is wrong with its SQL.
        on_progress: Called with the number of records and blank lines read, every thousand and at the end.
        workers: How many processes look at a large file; ``stretches`` says how many when it is not given.
    """

    model: Model
    platform: Platform
    tally: Tally = attrs.field(factory=Tally)
    media: MediaUse = attrs.field(factory=MediaUse)
    where: str = ""
    sql: Callable[[bytes], Iterable[Issue]] | None = None
    on_progress: Callable[[int], None] | None = None
    workers: int | None = None
    count: int = attrs.field(default=0, init=False)
    """How many records there are; blank lines and refused rows are none."""

    _seen: int = attrs.field(default=0, init=False)

    def run(self, source: Source) -> bool:
        """Put every finding into the tally, and say whether these are training records.

        Args:
            source: What to look at. When it is another kind of data, that is the one finding, and it is counted alone.
        """
        passing = iter(source)
        first = list(_first(passing))
        whole = [record for record in first if record.refusal is None and _filled(record)]
        other = wrong_format([record.row or record.raw for record in whole], table=any(record.row for record in whole))
        if other is not None and self.tally.add(attrs.evolve(other, message=f"{self.where}{other.message}")):
            self.count = sum(_filled(record) for record in itertools.chain(first, passing))
            return False
        if not (isinstance(source, JsonLines) and self.sql is None and self._file(source)):
            self._records(itertools.chain(first, passing))
        if self.on_progress is not None:
            self.on_progress(self._seen)
        return True

    def _file(self, source: JsonLines) -> bool:
        """Look at a file without making a record of each of its lines; False when that cannot be, and nothing was."""
        with opened(source.path, source.name) as file:
            if not isinstance(file, io.BufferedReader):
                return False
            number = line = 0
            for certain, doubtful, offset in stretches(source.path, workers=self.workers):
                number, line = number + certain, line + certain
                self._certain(certain)
                if doubtful:
                    file.seek(offset)
                    for record in itertools.islice(source.records(file, number, line), doubtful):
                        number, line = record.number, line + 1
                        self._doubtful(record)
        return True

    def _records(self, records: Iterable[Record]) -> None:
        records = iter(records)
        while batch := list(itertools.islice(records, BATCH)):
            lines = [record.raw if record.raw and record.refusal is None else b"" for record in batch]
            found = set(doubtful_lines(lines))
            for index, record in enumerate(batch):
                if index in found:
                    self._doubtful(record)
                if self.sql is not None and lines[index].strip():
                    self._add(record, self.sql(lines[index].removesuffix(b"\r")))
            self._certain(len(batch) - len(found))

    def _certain(self, count: int) -> None:
        self.count += count
        self._see(count)

    def _doubtful(self, record: Record) -> None:
        self._add(record, _issues(record, self.model, self.platform))
        if record.raw is not None:
            self.media.see(record.raw, at=record.line, record=record.number, where=self.where)
        self.count += record.refusal is None and _filled(record)
        self._see(1)

    def _add(self, record: Record, issues: Iterable[Issue]) -> None:
        for issue in issues:
            message = f"{self.where}{issue.message}"
            self.tally.add(attrs.evolve(issue, line=record.line, record=record.number, message=message))

    def _see(self, count: int) -> None:
        before, self._seen = self._seen, self._seen + count
        if self.on_progress is not None:
            for thousand in range(before // _TOLD + 1, self._seen // _TOLD + 1):
                self.on_progress(thousand * _TOLD)


def _filled(record: Record) -> bool:
    return record.row is not None or bool(record.raw and record.raw.strip())


def _first(passing: Iterator[Record]) -> Iterator[Record]:
    """The records up to the third that holds something."""
    found = 0
    for record in passing:
        yield record
        found += _filled(record)
        if found == FIRST:
            return


def _issues(record: Record, model: Model, platform: Platform) -> Iterator[Issue]:
    if record.refusal is not None:
        yield record.refusal
        return
    line = raw_line(record)
    if line.endswith(b"\r"):
        line = line[:-1]
        yield finding("lines.crlf", "", "the line ends in CR LF")
        if line and accept_batch([line]):
            return
    if line.strip():
        yield from explain(line, model=model, platform=platform)
    else:
        yield finding("lines.blank", "", "the line is blank", "leave it out; AWS's own tools disagree on it")


def file_issues(source: Source) -> Iterator[Issue]:
    """The finding about a training file's name, where there is one; data made of a file will get a name of their own.

    Args:
        source: What was looked at.
    """
    if isinstance(source, JsonLines):
        yield from name_issues(source.path.name)
    elif isinstance(source, S3Object):
        yield from name_issues(source.name.removeprefix("s3://").partition("/")[2])


def bucket_of(source: Source) -> str | None:
    """The bucket that a training file lies in, where it lies in one.

    Args:
        source: What was looked at.
    """
    return source.name.removeprefix("s3://").partition("/")[0] if isinstance(source, S3Object) else None
