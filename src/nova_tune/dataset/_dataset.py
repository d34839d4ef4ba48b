"""The data set: a stream of records that can be read again, and what is done with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_tune import models
from nova_tune.checks import Tally, ValidationReport
from nova_tune.conversation import Conversation
from nova_tune.dataset._derived import Converted, Counted, Held, Kept, own_path, raw_line, read_row, written
from nova_tune.dataset._selection import bottom, bound_of, canonical, group_key, place, share, whole
from nova_tune.dataset._sources import Csv, JsonArray, JsonLines, Record, Rows, Source
from nova_tune.dataset._validation import check_records, count_issues
from nova_tune.dataset._writing import replacing, upload_lines, write_lines
from nova_tune.errors import DatasetError, InvalidDataset, SourceError
from nova_tune.formats import TemplateFormat
from nova_tune.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from nova_tune.formats import Format
    from nova_tune.values import TrainingData

PathLike = str | os.PathLike[str]
Steps = tuple[dict[str, Any], ...]


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

    def __init__(self, source: Source, *, template: Template | None = None, steps: Steps = ()) -> None:
        self._source = source
        self._template = template
        name = source.path.name if source.path else source.name
        self._steps: Steps = steps or ({"step": "read", "source": name},)

    @property
    def template(self) -> Template | None:
        """The prompt template the records were made with, where there is one."""
        return self._template

    @property
    def steps(self) -> Steps:
        """What was done to the data so far, as it will stand in the manifest."""
        return self._steps

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
            DatasetError: On a pass, when an item is no mapping, or when fewer rows come than the last time.
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

    def __iter__(self) -> Iterator[Conversation]:
        """Every record as a conversation.

        Raises:
            DatasetError: A record is not a conversation, with its line; convert the rows first.
        """
        for record in written(self._source):
            if record.refusal is not None:
                raise DatasetError(str(record.refusal), line=record.line)
            try:
                yield Conversation.from_line(raw_line(record))
            except ValueError as error:
                raise DatasetError(f"line {record.line} is not a record: {error}", line=record.line) from error

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row as a mapping from column to value, before or after conversion.

        Raises:
            DatasetError: A line is not a JSON object.
        """
        for record in self._source:
            row, refusal = read_row(record)
            if refusal is not None:
                raise DatasetError(f"line {record.line}: {refusal.message}", line=record.line)
            if row is not None:
                yield row

    # Making other data sets of it

    def convert(self, to: Format | Template) -> Dataset:
        """The same rows as training records, converted anew on each pass.

        Args:
            to: A format of :mod:`nova_tune.formats`, or a :class:`~nova_tune.Template`.
        """
        chosen: Format = TemplateFormat(to) if isinstance(to, Template) else to
        steps = (*self._steps, {"step": "convert", "format": type(chosen).__name__})
        return Dataset(Converted(self._source, chosen), template=chosen.template, steps=steps)

    def sample(self, n: int, *, seed: int = 0, on_progress: Callable[[int], None] | None = None) -> Dataset:
        """At most n records, chosen by their content: the same n from any order of the same rows.

        One pass, now; memory holds the n records. They come in the order of their digests, which is a reproducible
        shuffle. With n or fewer records it keeps them all. Refused rows come first and are not counted.

        Args:
            n: How many to keep.
            seed: Another seed, another choice.
            on_progress: Called with the number of records read, every thousand.

        Raises:
            DatasetError: n is not a whole number from 1, or these are rows of a table.
        """
        count = whole(n)
        if count is None:
            raise DatasetError(f"sample({n!r}) is not possible; give a whole number from 1")
        seen = Counted(written(self._source), on_progress)
        chosen = tuple(bottom(seen, count, canonical, seed, self._purpose("sample")))
        return self._then(
            Held(self._source, chosen), step="sample", n=count, seed=seed, before=seen.count, after=len(chosen)
        )

    def split(
        self, *, held_out: float, by: str | Callable[[Conversation], str] | None = None, seed: int = 0
    ) -> tuple[Dataset, Dataset]:
        """The records for training and those held out, decided by content: duplicates never straddle.

        A share costs nothing now; a count costs one pass, now, and some 40 bytes of memory for each record.

        Args:
            held_out: The share to hold out, such as 0.1, or a count such as 500. A share is met on average
                (10 % of 20,000 within about 42). A count is met exactly when no two records are equal. Duplicates,
                and with ``by`` whole groups, stay together, so that more may be held out, never fewer.
            by: None (each record by itself), ``"schema"`` (the CREATE TABLE statements in the prompt), ``"prompt"``
                (all that is asked), or a function from conversation to a group.
            seed: Another seed, another split.

        Returns:
            Training data and held-out data. Refused rows stay with the first.

        Raises:
            DatasetError: ``held_out`` is neither, or leaves nothing to train.
        """
        key = canonical if by is None else group_key(by)
        purpose = self._purpose("split")
        if count := whole(held_out):
            bound = bound_of(written(self._source), count, key, seed, purpose)
        elif 0 < held_out < 1:
            bound = share(held_out)
        else:
            raise DatasetError(f"held_out is {held_out!r}; give a share between 0 and 1, or a count from 1")

        def out(record: Record) -> bool:
            return record.refusal is None and place(key(record), seed, purpose) < bound

        name = by if isinstance(by, str) or by is None else getattr(by, "__name__", "function")
        step = {"step": "split", "held_out": count or held_out, "by": name, "seed": seed}
        return (
            self._then(Kept(self._source, lambda record: not out(record)), **step, part="train"),
            self._then(Kept(self._source, out), **step, part="held out"),
        )

    def _purpose(self, kind: str) -> str:
        """A name for the next choice of this kind, so that no two choices in a row are made alike."""
        return f"{kind}-{sum(step['step'] == kind for step in self._steps)}"

    def _then(self, source: Source, **step: Any) -> Dataset:
        return Dataset(source, template=self._template, steps=(*self._steps, step))

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
        train = check_records(Counted(self._source, on_progress), tally, known)
        more = None
        if validation is not None:
            more = check_records(validation._source, tally, known, where="validation data: ")  # noqa: SLF001 - our own
        for issue in count_issues(known, platform, train=train, validation=more):
            tally.add(issue)
        return tally.report(records=train + (more or 0), model=known.name, platform=platform)

    # Writing it

    def lines(self) -> Iterator[bytes]:
        """The lines of the training file, without line ends.

        Raises:
            InvalidDataset: After the last line, when a row was refused; the report lists them.
            DatasetError: These are rows of a table, not records yet.
        """
        refused = Tally()
        taken = 0
        for record in written(self._source):
            if record.refusal is not None:
                refused.add(record.refusal)
            else:
                taken += 1
                yield raw_line(record)
        report = refused.report(records=taken, model="any model", platform="any platform")
        if not report.ok:
            _, _, findings = str(report).partition("\n")
            raise InvalidDataset(f"{report.errors:,} row(s) cannot be written:\n{findings}", report=report)

    def write_jsonl(self, path: PathLike) -> TrainingData:
        """Write the training file, beside its name first and renamed when complete.

        Args:
            path: The file; what it held before is replaced, unless it is what this data set reads.

        Raises:
            InvalidDataset: A row was refused; nothing was written.
            DatasetError: The directory cannot be written, or the file is this data set's own source.
        """
        target = Path(path)
        if own_path(target, self._source):
            raise DatasetError(f"{str(target)!r} is what this data set is read from; choose another name",
                               path=str(target))  # fmt: skip
        with replacing(target) as file:
            return write_lines(self.lines(), file.write, self._template)

    def describe(self) -> TrainingData:
        """What the file would hold: records, bytes, digest and tokens. One pass; nothing is written."""
        return write_lines(self.lines(), lambda _: None, self._template)

    def upload(self, uri: str, *, session: Any = None, client: Any = None) -> TrainingData:
        """Put the training file into S3 under a name made of its content, with its manifest beside it.

        The same content is uploaded once: a second call finds both objects and pays for two HEAD requests.

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
        return upload_lines(
            self.lines(), uri, template=self._template, steps=list(self.steps), session=session, client=client
        )

    def __repr__(self) -> str:
        return f"<Dataset {' -> '.join(str(step['step']) for step in self.steps)} of {self._source.name!r}>"
