"""The data set: a stream of records that can be read again, and what is done with it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune import models
from nova_tune.checks import Tally, ValidationReport, count_issues
from nova_tune.conversation import Conversation
from nova_tune.dataset._checked import Checked, refused_line, refused_path
from nova_tune.dataset._derived import Changed, Converted, Counted, Held, Kept, own_path, raw_line, read_row, written
from nova_tune.dataset._reading import PathLike, Readers
from nova_tune.dataset._selection import (
    Shuffled,
    Unrepeated,
    bottom,
    bound_of,
    canonical,
    group_key,
    place,
    repeats,
    share,
    whole,
)
from nova_tune.dataset._sources_noted import Noted
from nova_tune.dataset._stats import DatasetStats, stats_of
from nova_tune.dataset._validation import Check, bucket_of, file_issues
from nova_tune.dataset._writing import Lines, replacing, upload_lines, write_lines
from nova_tune.errors import DatasetError, InvalidDataset
from nova_tune.formats import AutoFormat, TemplateFormat
from nova_tune.quality import QualityReport, examine
from nova_tune.sql import SqlCheck, transpiled_line
from nova_tune.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nova_tune.dataset._sources import Record, Source
    from nova_tune.formats import Format
    from nova_tune.values import TrainingData


class Dataset(Readers):
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

    def convert(self, to: Format | AutoFormat | Template) -> Dataset:
        """The same rows as training records, converted anew on each pass.

        Args:
            to: A format of :mod:`nova_tune.formats`, or a :class:`~nova_tune.Template`. ``formats.auto()`` reads the
                first rows now, and what it chose stands in :attr:`steps`.

        Raises:
            DatasetError: ``formats.auto()`` cannot tell what the rows are, or they are not for fine-tuning.
        """
        step: dict[str, Any] = {"step": "convert"}
        if isinstance(to, AutoFormat):
            decoded = (read_row(record)[0] for record in self._source)
            to = to.of(row for row in decoded if row is not None)
            step["told_from"] = to.looked_at
        chosen: Format = TemplateFormat(to) if isinstance(to, Template) else to
        step["format"] = getattr(chosen, "kind", type(chosen).__name__)
        made = Converted(Noted(self._source, chosen, step), chosen)
        return Dataset(made, template=chosen.template, steps=(*self._steps, step))

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
            by: None (each record by itself), ``"schema"`` (the CREATE TABLE statements in the prompt), ``"sql"`` (the
                SQL of the answer with its literals masked), ``"prompt"`` (all that is asked), or a function from
                conversation to a group.
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
        train, held = {**step, "part": "train"}, {**step, "part": "held out"}
        return (
            Dataset(Kept(self._source, lambda record: not out(record), train), template=self._template,
                    steps=(*self._steps, train)),
            Dataset(Kept(self._source, out, held), template=self._template, steps=(*self._steps, held)),
        )  # fmt: skip

    def dedupe(self, *, on_progress: Callable[[int], None] | None = None) -> Dataset:
        """Each record once: the first of those that say the same, whatever their white space and key order.

        One pass, now, to find the repeats; memory holds a bit for each record. :meth:`quality` counts them first.

        Args:
            on_progress: Called with the number of records read, every thousand.

        Raises:
            DatasetError: These are rows of a table.
        """
        marks, before, found = repeats(Counted(written(self._source), on_progress))
        return self._then(Unrepeated(self._source, marks), step="dedupe", before=before, after=before - found)

    def shuffle(self, seed: int = 0) -> Dataset:
        """The same records in the order of their digests: the same order for any order of the same rows.

        Each pass holds about a 64th of the data in memory and as much as all of it in temporary files. Refused rows
        come first, and equal records follow one another: :meth:`dedupe` before, or let them be.

        Args:
            seed: Another seed, another order.
        """
        return self._then(Shuffled(self._source, seed, self._purpose("shuffle")), step="shuffle", seed=seed)

    def transpile(self, write: str, *, read: str | None = None) -> Dataset:
        """The same records with the SQL of each last answer in another dialect, each pass anew.

        Without ``read`` only double-quoted texts change, to single quotes; with it, sqlglot writes each statement
        anew. What cannot be written becomes a refused row. Check the result: ``validate(sql=write)``.

        Args:
            write: The dialect the answers shall be in, as :class:`~nova_tune.sql.SqlCheck` names it.
            read: The dialect they are in. None: in ``write`` already, but for the quotes.

        Raises:
            MissingExtra: ``read`` is given, and the extra ``sql`` is not installed; on the first pass.
        """
        step = {"step": "transpile", "read": read, "write": write}
        change = functools.partial(transpiled_line, write=write, read=read)
        return Dataset(Changed(self._source, change, step), template=self._template, steps=(*self._steps, step))

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
        sql: str | SqlCheck | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> ValidationReport:
        """Every finding of the data, before anything is uploaded. One pass; no network.

        Args:
            model: The model it is meant for, such as ``"nova-micro"``.
            platform: ``"bedrock"`` or ``"sagemaker"``.
            validation: The validation data that goes with it; both are checked and counted together.
            ignore: Rule ids to leave out.
            sql: The SQL dialect of the answers, such as ``"sqlite"`` or ``"postgres"``, or a
                :class:`~nova_tune.sql.SqlCheck` with an engine of your own; None: the answers are no SQL.
            on_progress: Called with the number of records read, every thousand.

        Raises:
            MissingExtra: Another dialect than ``"sqlite"``, and the extra ``sql`` is not installed.
            DatasetError: There is no such dialect.
        """
        known = models.model(model)
        sql_check = SqlCheck(sql) if isinstance(sql, str) else sql
        check = Check(known, platform, Tally(ignore=ignore), on_progress=on_progress,
                      sql=None if sql_check is None else sql_check.line_issues)  # fmt: skip
        more = None if validation is None else attrs.evolve(check, where="validation data: ", on_progress=None)
        are_records = check.run(self._source)
        if more is not None and validation is not None:
            more.run(validation._source)  # noqa: SLF001 - our own
        for issue in check.media.issues(model=known, bucket=bucket_of(self._source)):
            check.tally.add(issue)
        if are_records:
            validating = None if more is None else more.count
            counts = count_issues(known, platform, train=check.count, validation=validating)
            for issue in (*file_issues(self._source), *counts):
                check.tally.add(issue)
        records = check.count + (0 if more is None else more.count)
        return check.tally.report(records=records, model=known.name, platform=platform)

    def quality(
        self,
        *,
        validation: Dataset | None = None,
        ignore: Iterable[str] = (),
        on_progress: Callable[[int], None] | None = None,
    ) -> QualityReport:
        """What many records together, or odd characters in one, tell about the data. Warnings alone; nothing changes.

        One pass, now; memory holds what is compared, about 2 kB for each record of text-to-SQL.

        Args:
            validation: Data held out; what of it stands in this data, too, is a leak.
            ignore: Rule ids to leave out.
            on_progress: Called with the number of records read, every thousand.

        Raises:
            DatasetError: These are rows of a table.
        """
        more = None if validation is None else _quality_lines(written(validation._source))  # noqa: SLF001 - our own
        lines = _quality_lines(Counted(written(self._source), on_progress))
        return examine(lines, validation=more, ignore=ignore)

    def stats(self) -> DatasetStats:
        """Records, bytes, tokens and lengths. One pass, now.

        Raises:
            DatasetError: These are rows of a table.
        """
        return stats_of(written(self._source))

    # Writing it

    def lines(self) -> Iterator[bytes]:
        """The lines of the training file, without line ends.

        Raises:
            InvalidDataset: After the last line, when a row was refused; the report lists them.
            DatasetError: These are rows of a table, not records yet.
        """
        return self._lines()

    def _lines(self, put_aside: Callable[[Record], bool] | None = None) -> Iterator[bytes]:
        """The lines of the training file but those that were put aside."""
        refused = Tally()
        taken = 0
        for record in written(self._source):
            if record.refusal is not None:
                refused.add(record.refusal)
            else:
                taken += 1
                if put_aside is None or not put_aside(record):
                    yield raw_line(record)
        report = refused.report(records=taken, model="any model", platform="any platform")
        if not report.ok:
            _, _, findings = str(report).partition("\n")
            raise InvalidDataset(f"{report.errors:,} row(s) cannot be written:\n{findings}", report=report)

    def checked(self, *, model: str, ignore: Iterable[str] = ()) -> Dataset:
        """The same records; one in which the checks find an error is a refused row from here on.

        Args:
            model: The model the records are meant for.
            ignore: Rule ids to leave out.
        """
        return self._then(Checked(self._source, models.model(model), frozenset(ignore)), step="check", model=model)

    def write_jsonl(self, path: PathLike, *, skip_bad: bool = False) -> TrainingData:
        """Write the training file, beside its name first and renamed when complete.

        Args:
            path: The file; what it held before is replaced, unless it is what this data set reads.
            skip_bad: Write the rows that were taken, and each refused row with its reason to a file beside it
                (``train.refused.jsonl`` for ``train.jsonl``), instead of refusing all.

        Raises:
            InvalidDataset: A row was refused and ``skip_bad`` is not set; nothing was written.
            DatasetError: The directory cannot be written, or the file is this data set's own source.
        """
        target = Path(path)
        self._not_own(target)
        if not skip_bad:
            with replacing(target) as file:
                return write_lines(self.lines(), file.write, self._template)
        beside = refused_path(target)
        with replacing(target) as file, replacing(beside) as refused:
            data = write_lines(self._taken(refused.write), file.write, self._template)
        if beside.stat().st_size == 0:
            beside.unlink()
        return data

    def write_split(
        self,
        train: PathLike,
        test: PathLike,
        *,
        held_out: float,
        by: str | Callable[[Conversation], str] | None = None,
        seed: int = 0,
    ) -> tuple[TrainingData, TrainingData]:
        """Write what :meth:`split` divides, the same files in one pass instead of two.

        Args:
            train: The file with the records for training.
            test: The file with those held out.
            held_out: As :meth:`split` takes it.
            by: As :meth:`split` takes it.
            seed: As :meth:`split` takes it.

        Returns:
            What stands in the one and in the other.

        Raises:
            InvalidDataset: A row was refused; nothing was written.
            DatasetError: As :meth:`split` and :meth:`write_jsonl` raise it, or both files are one.
        """
        targets = Path(train), Path(test)
        if targets[0].absolute() == targets[1].absolute():
            raise DatasetError(f"{str(train)!r} cannot hold both parts; name two files", path=str(train))
        for target in targets:
            self._not_own(target)
        held = self.split(held_out=held_out, by=by, seed=seed)[1]._source  # noqa: SLF001 - our own
        assert isinstance(held, Kept)
        keeps = held.keeps
        with replacing(targets[0]) as first, replacing(targets[1]) as second:
            aside = Lines(second.write)

            def put_aside(record: Record) -> bool:
                if out := keeps(record):
                    aside.add(raw_line(record))
                return out

            return write_lines(self._lines(put_aside), first.write, self._template), aside.data(self._template)

    def _not_own(self, target: Path) -> None:
        if own_path(target, self._source):
            raise DatasetError(f"{str(target)!r} is what this data set is read from; choose another name",
                               path=str(target))  # fmt: skip

    def _taken(self, refuse: Callable[[bytes], Any]) -> Iterator[bytes]:
        """The lines that were taken; the others go to ``refuse``."""
        for record in written(self._source):
            if record.refusal is None:
                yield raw_line(record)
            else:
                refuse(refused_line(record) + b"\n")

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


def _quality_lines(records: Iterable[Record]) -> Iterator[tuple[int | None, int, bytes]]:
    """Line, number and bytes of each record; a refused row is for ``validate()`` to tell."""
    return ((record.line, record.number, raw_line(record)) for record in records if record.refusal is None)
