"""The data set: a stream of records that can be read again, and what is done with it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune import models
from nova_tune.checks import Issue, Tally, ValidationReport, explain
from nova_tune.conversation import Conversation
from nova_tune.dataset._selection import bottom, canonical, group_key, is_held_out, place
from nova_tune.dataset._sources import Csv, JsonArray, JsonLines, Record, Rows, Source, opened
from nova_tune.errors import DatasetError, InvalidDataset, SourceError
from nova_tune.formats import TemplateFormat
from nova_tune.template import Template
from nova_tune.tokens import TokenCounter
from nova_tune.values import TrainingData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from nova_tune.formats import Format

PathLike = str | os.PathLike[str]
_STEP = 1_000


@attrs.frozen
class _Steps:
    """What was done to the data so far, for the manifest beside it."""

    done: tuple[dict[str, Any], ...] = ()

    def then(self, **step: Any) -> _Steps:
        return _Steps((*self.done, step))

    def purpose(self, kind: str) -> str:
        """A name for the next choice of this kind, so that no two choices in a row are made alike."""
        return f"{kind}-{sum(step['step'] == kind for step in self.done)}"


class Dataset:
    """Records from a file or an iterable, read as a stream: making one reads nothing, each use is a new pass.

    It costs no memory beyond a record, except after :meth:`sample`, which holds what it chose. A row that cannot
    become a record is never dropped: it stays with the data, :meth:`validate` lists it, and writing is refused.

    Example:
        >>> from nova_tune import Dataset, formats
        >>> rows = [{"question": "How many?", "context": "CREATE TABLE t (a INT)", "answer": "SELECT COUNT(*) FROM t"}]
        >>> examples = Dataset.from_records(rows * 8).convert(formats.text_to_sql())
        >>> examples.validate(model="nova-micro", platform="bedrock").ok
        True
    """

    def __init__(self, source: Source, *, template: Template | None = None, steps: _Steps | None = None) -> None:
        self._source = source
        self._template = template
        self._steps = steps or _Steps(({"step": "read", "source": os.path.basename(source.name)},))  # noqa: PTH119

    @property
    def template(self) -> Template | None:
        """The prompt template the records were made with, where there is one."""
        return self._template

    @property
    def steps(self) -> tuple[dict[str, Any], ...]:
        """What was done to the data so far, as it will stand in the manifest."""
        return self._steps.done

    # Reading

    @classmethod
    def from_jsonl(cls, path: PathLike) -> Dataset:
        """A JSON Lines file, ``.gz`` or not; its lines are kept byte for byte until they are converted.

        Raises:
            SourceError: On the first pass, when the file is missing or breaks off.
        """
        return cls(JsonLines(Path(path)))

    @classmethod
    def from_json(cls, path: PathLike) -> Dataset:
        """A JSON array of objects, ``.gz`` or not, read object by object.

        Raises:
            SourceError: On the first pass, when the file is missing, breaks off, or is no list of objects.
        """
        return cls(JsonArray(Path(path)))

    @classmethod
    def from_csv(cls, path: PathLike, *, delimiter: str | None = None) -> Dataset:
        """A CSV file with a header, ``.gz`` or not; cells keep their line breaks.

        Args:
            path: The file.
            delimiter: The delimiter; the most frequent of ``, ; tab |`` in the header when it is not given.

        Raises:
            SourceError: On the first pass, when the file is missing or a row has another number of cells.
        """
        return cls(Csv(Path(path), delimiter=delimiter))

    @classmethod
    def from_records(cls, rows: Iterable[Mapping[str, Any]]) -> Dataset:
        """Any iterable of mappings. One that can be read once only is spooled to a temporary file first.

        Args:
            rows: Mappings from column to value.

        Raises:
            DatasetError: On a pass, when an item is no mapping.
        """
        return cls(Rows(rows))

    @classmethod
    def from_file(cls, path: PathLike) -> Dataset:
        """A file in any of the formats above, told by its name: ``.json``, ``.jsonl`` or ``.csv``, each also ``.gz``.

        Raises:
            SourceError: The name says none of them.
        """
        name = Path(path).name.lower().removesuffix(".gz")
        readers = {".json": cls.from_json, ".jsonl": cls.from_jsonl, ".csv": cls.from_csv}
        for suffix, reader in readers.items():
            if name.endswith(suffix):
                return reader(path)
        raise SourceError(f"the name {Path(path).name!r} does not tell the format; it ends in .json, .jsonl or .csv, "
                          "each also with .gz", path=str(path))  # fmt: skip

    # Walking over it

    def _records(self) -> Iterator[Record]:
        return iter(self._source)

    def __iter__(self) -> Iterator[Conversation]:
        """Every record as a conversation.

        Raises:
            DatasetError: A record is not a conversation, with its line; convert the rows first.
        """
        for record in self._records():
            if record.refusal is not None:
                raise DatasetError(str(record.refusal), line=record.line)
            if record.raw is None:
                raise DatasetError("these are rows of a table, not conversations yet; call convert(formats....) first")
            if record.raw.strip():
                try:
                    yield Conversation.from_line(record.raw)
                except ValueError as error:
                    raise DatasetError(f"line {record.line} is not a record: {error}", line=record.line) from error

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row as a mapping from column to value, before or after conversion.

        Raises:
            DatasetError: A line is not a JSON object.
        """
        for record in self._records():
            row, refusal = _row(record)
            if refusal is not None:
                raise DatasetError(str(refusal), line=record.line)
            if row is not None:
                yield row

    # Making other data sets of it

    def convert(self, to: Format | Template) -> Dataset:
        """The same rows as training records, converted anew on each pass.

        Args:
            to: A format of :mod:`nova_tune.formats`, or a :class:`~nova_tune.Template`.
        """
        chosen: Format = TemplateFormat(to) if isinstance(to, Template) else to
        steps = self._steps.then(step="convert", format=type(chosen).__name__)
        return Dataset(_Converted(self._source, chosen), template=chosen.template, steps=steps)

    def sample(self, n: int, *, seed: int = 0, on_progress: Callable[[int], None] | None = None) -> Dataset:
        """At most n records, chosen by their content: the same n from any order of the same rows.

        One pass, now; memory holds the n records. They come in the order of their digests, which is a reproducible
        shuffle. With n or fewer records it keeps them all.

        Args:
            n: How many to keep.
            seed: Another seed, another choice.
            on_progress: Called with the number of records read, every thousand.
        """
        if n < 1:
            raise DatasetError(f"sample({n}) keeps nothing; give a number from 1")
        seen = _Counted(self._written(), on_progress)
        chosen = tuple(bottom(seen, n, canonical, seed, self._steps.purpose("sample")))
        steps = self._steps.then(step="sample", n=n, seed=seed, before=seen.count, after=len(chosen))
        return self._with(_Held(self._source.name, chosen), steps)

    def split(
        self, *, held_out: float, by: str | Callable[[Conversation], str] | None = None, seed: int = 0
    ) -> tuple[Dataset, Dataset]:
        """The records for training and those held out, decided by content: duplicates never straddle.

        Args:
            held_out: The share to hold out, such as 0.1, or an exact count such as 500. A share is met on average
                (10 % of 20,000 within about 42); with ``by`` whole groups are held out, so the count varies more.
            by: None (each record by itself), ``"schema"``, ``"prompt"``, or a function from conversation to a group.
            seed: Another seed, another split.

        Returns:
            Training data and held-out data. Refused rows stay with the first.
        """
        key = canonical if by is None else group_key(by)
        purpose = self._steps.purpose("split")
        if isinstance(held_out, int) and not isinstance(held_out, bool):
            bound = self._bound(held_out, key, seed, purpose)
        elif 0 < held_out < 1:
            bound = None
        else:
            raise DatasetError(f"held_out is {held_out!r}; give a share between 0 and 1, or a count from 1")

        def out(record: Record) -> bool:
            if record.refusal is not None:
                return False
            if bound is None:
                return is_held_out(key(record), held_out, seed, purpose)
            return place(key(record), seed, purpose) <= bound

        name = by if isinstance(by, str) or by is None else getattr(by, "__name__", "function")
        first = self._steps.then(step="split", part="train", held_out=held_out, by=name, seed=seed)
        second = self._steps.then(step="split", part="held out", held_out=held_out, by=name, seed=seed)
        return (
            self._with(_Kept(self._source, lambda record: not out(record)), first),
            self._with(_Kept(self._source, out), second),
        )

    def _bound(self, count: int, key: Callable[[Record], bytes], seed: int, purpose: str) -> int:
        if count < 1:
            raise DatasetError(f"held_out is {count}; give a share between 0 and 1, or a count from 1")
        places = sorted(place(key(record), seed, purpose) for record in self._written() if record.refusal is None)
        if count >= len(places):
            raise DatasetError(
                f"held_out is {count}, but there are {len(places)} records; nothing would be left to train"
            )
        return places[count - 1]

    def _with(self, source: Source, steps: _Steps) -> Dataset:
        return Dataset(source, template=self._template, steps=steps)

    # Checking it

    def validate(
        self,
        *,
        model: str,
        platform: models.Platform = "bedrock",
        validation: Dataset | None = None,
        ignore: Iterable[str] = (),
        on_progress: Callable[[int], None] | None = None,
    ) -> ValidationReport:
        """Every finding of the data, before anything is uploaded. One pass; no network.

        Args:
            model: The model it is meant for, such as ``"nova-micro"``.
            platform: ``"bedrock"`` or ``"sagemaker"``.
            validation: The validation data that goes with it; both are checked and counted together.
            ignore: Rule ids to leave out.
            on_progress: Called with the number of records read, every thousand.
        """
        known = models.model(model)
        tally = Tally(ignore=ignore)
        count = _check(self, tally, known, platform, on_progress)
        total = count
        if validation is not None:
            total += _check(validation, tally, known, platform, None)
        for issue in _count_issues(known, platform, count, total, with_validation=validation is not None):
            tally.add(issue)
        return tally.report(records=total, model=known.name, platform=platform)

    # Writing it

    def lines(self) -> Iterator[bytes]:
        """The lines of the training file, without line ends.

        Raises:
            InvalidDataset: A row was refused; the report lists them. Or these are rows, not records yet.
        """
        refused = Tally()
        taken = 0
        for record in self._written():
            if record.refusal is not None:
                refused.add(record.refusal)
            elif record.raw is not None:
                taken += 1
                yield record.raw
        report = refused.report(records=taken, model="any model", platform="any platform")
        if not report.ok:
            raise InvalidDataset(f"{report.errors} rows cannot be written:\n{report}", report=report)

    def write_jsonl(self, path: PathLike) -> TrainingData:
        """Write the training file, beside its name first and renamed when complete.

        Args:
            path: The file; what it held before is replaced, unless it is what this data set reads.

        Raises:
            InvalidDataset: A row was refused; nothing was written.
            DatasetError: The directory cannot be written, or the file is this data set's own source.
        """
        target = Path(path)
        if target.exists() and Path(self._source.name).exists() and target.samefile(self._source.name):
            raise DatasetError(f"{str(target)!r} is what this data set is read from; choose another name",
                               path=str(target))  # fmt: skip
        try:
            handle, beside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        except OSError as error:
            raise DatasetError(f"{str(target)!r} cannot be written: {error.strerror}; choose another directory",
                               path=str(target)) from error  # fmt: skip
        try:
            with os.fdopen(handle, "wb", buffering=1 << 20) as file:
                data = self._write(file.write)
            os.chmod(beside, 0o644)  # noqa: PTH101 - mkstemp's 0600 would surprise the next reader
            os.replace(beside, target)  # noqa: PTH105
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
        return data

    def describe(self) -> TrainingData:
        """What the file would hold: records, bytes, digest and tokens. One pass; nothing is written."""
        return self._write(lambda _: None)

    def _write(self, write: Callable[[bytes], Any]) -> TrainingData:
        digest, size, records, tokens = hashlib.sha256(), 0, 0, TokenCounter()
        for line in self.lines():
            whole = line + b"\n"
            write(whole)
            digest.update(whole)
            size += len(whole)
            records += 1
            tokens.add_record(line)
        return TrainingData(
            sha256=digest.hexdigest(), records=records, bytes=size, tokens=tokens.estimate(), template=self._template
        )

    def upload(self, uri: str, *, session: Any = None, client: Any = None) -> TrainingData:
        """Put the training file into S3 under a name made of its content, with its manifest beside it.

        The same content is uploaded once: a second call finds the object and pays for one HEAD request.

        Args:
            uri: The S3 prefix, such as ``s3://bucket/sql/``.
            session: A boto3 session; boto3's default without it.
            client: An S3 client, used instead of the session.

        Returns:
            The value for :class:`~nova_tune.TrainingPlan`.

        Raises:
            InvalidDataset: A row was refused; nothing was uploaded.
            AWSError: S3 refused it.
        """
        from nova_tune import arns, aws  # noqa: PLC0415 - the data half works without boto3

        prefix = arns.s3(uri)
        s3 = aws.client("s3", client=client, session=session)
        with tempfile.TemporaryFile() as file:
            data = self._write(file.write)
            place_ = prefix.join(f"{data.sha256[:32]}.jsonl")
            data = attrs.evolve(data, uri=str(place_))
            if not aws.object_exists(s3, place_):
                file.seek(0)
                aws.put_object(s3, place_, file, content_type="application/jsonl")
            manifest = {"schema": 1, "data": data.to_dict(), "steps": list(self.steps)}
            beside = prefix.join(f"{data.sha256[:32]}.manifest.json")
            if not aws.object_exists(s3, beside):
                body = json.dumps(manifest, indent=2).encode()
                aws.put_object(s3, beside, body, content_type="application/json")
        return data

    def _written(self) -> Iterator[Record]:
        """Every record as bytes, without blank lines.

        Raises:
            DatasetError: These are rows of a table.
        """
        for record in self._records():
            if record.refusal is None and record.raw is None:
                raise DatasetError("these are rows of a table, not records yet; call convert(formats....) first")
            if record.refusal is not None or (record.raw or b"").strip():
                yield record._replace(raw=record.raw.removesuffix(b"\r")) if record.raw else record

    def __repr__(self) -> str:
        return f"<Dataset {' -> '.join(str(step['step']) for step in self.steps)} of {self._source.name!r}>"


class _Converted:
    """The records that a format makes of a source's rows."""

    def __init__(self, source: Source, chosen: Format) -> None:
        self.name = source.name
        self._source = source
        self._format = chosen

    def __iter__(self) -> Iterator[Record]:
        for record in self._source:
            row, refusal = _row(record)
            if row is not None:
                try:
                    yield Record(record.number, record.line, raw=self._format.line(row))
                    continue
                except (DatasetError, UnicodeEncodeError) as error:
                    text = str(error) if isinstance(error, DatasetError) else "a text holds half a surrogate pair"
                    refusal = Issue(rule="row.refused", severity="error", message=text)
            if refusal is not None:
                at = attrs.evolve(refusal, line=record.line, record=record.number)
                yield Record(record.number, record.line, refusal=at)


def _row(record: Record) -> tuple[dict[str, Any] | None, Issue | None]:
    """The decoded row of a record, or why there is none; neither for a blank line."""
    from nova_tune.checks._decode import decode  # noqa: PLC0415

    if record.refusal is not None:
        return None, record.refusal
    if record.raw is None:
        return record.row, None
    if not record.raw.strip():
        return None, None
    value, fault = decode(record.raw.removesuffix(b"\r"))
    if fault is None and not isinstance(value, dict):
        fault = Issue(rule="record.object", severity="error", message="a row is a JSON object, this line is not")
    return (value, None) if fault is None else (None, fault)


class _Held:
    """Records in memory."""

    def __init__(self, name: str, records: tuple[Record, ...]) -> None:
        self.name = name
        self._kept = records

    def __iter__(self) -> Iterator[Record]:
        return iter(self._kept)


class _Kept:
    """The records of a source that a test lets through."""

    def __init__(self, source: Source, keep: Callable[[Record], bool]) -> None:
        self.name = source.name
        self._source = source
        self._keep = keep

    def __iter__(self) -> Iterator[Record]:
        for record in self._source:
            blank = record.refusal is None and not (record.raw or b"").strip()
            if not blank and self._keep(record):
                yield record


class _Counted:
    """Counts what passes through, and tells from time to time."""

    def __init__(self, records: Iterable[Record], on_progress: Callable[[int], None] | None) -> None:
        self.count = 0
        self._all = records
        self._tell = on_progress

    def __iter__(self) -> Iterator[Record]:
        for record in self._all:
            self.count += 1
            if self._tell is not None and self.count % _STEP == 0:
                self._tell(self.count)
            yield record
        if self._tell is not None:
            self._tell(self.count)


def _check(
    data: Dataset,
    tally: Tally,
    known: models.Model,
    platform: models.Platform,
    on_progress: Callable[[int], None] | None,
) -> int:
    count = 0
    for record in _Counted(data._records(), on_progress):  # noqa: SLF001 - our own class
        if record.refusal is not None:
            tally.add(record.refusal)
            continue
        if record.raw is None:
            raise DatasetError("these are rows of a table, not records yet; call convert(formats....) first")
        line = record.raw
        if line.endswith(b"\r"):
            line = line[:-1]
            tally.add(Issue("lines.crlf", "info", "the line ends in CR LF", record.line, record.number))
        if not line.strip():
            tally.add(
                Issue("lines.blank", "warning", "the line is blank", record.line, None, "", "AWS's tools disagree")
            )
            continue
        count += 1
        for issue in explain(line, model=known, platform=platform):
            tally.add(attrs.evolve(issue, line=record.line, record=record.number))
    return count


def _count_issues(
    known: models.Model, platform: models.Platform, train: int, total: int, *, with_validation: bool
) -> Iterator[Issue]:
    if train == 0:
        yield Issue("records.none", "error", "there are no records", hint="is this the right file?")
        return
    if platform == "bedrock":
        low, high = known.records.value
        if train < low:
            yield Issue("records.few", "error", f"{train} records are too few: {known.title} takes at least {low}")
        if total > high:
            yield Issue("records.many", "error", f"{total:,} records are too many: {known.title} takes {high:,}, "
                        "validation included", hint=f"sample({high:_}) chooses them reproducibly")  # fmt: skip
        if with_validation and not known.takes_validation.value:
            yield Issue("records.validation", "error", f"{known.title} takes no validation data on Bedrock")
    if platform not in known.platforms:
        yield Issue("model.platform", "error", f"{known.title} is not trained on {platform}")


__all__ = ["Dataset", "opened"]
