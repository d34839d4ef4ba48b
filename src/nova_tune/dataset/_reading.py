"""Where a data set comes from: files of every kind, objects in S3, tables in memory."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nova_tune.dataset._sources import JsonArray, JsonLines, Source
from nova_tune.dataset._sources_csv import Csv
from nova_tune.dataset._sources_remote import Parquet, source_at
from nova_tune.dataset._sources_rows import Rows
from nova_tune.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nova_tune.dataset._sources_rows import Table
    from nova_tune.template import Template

PathLike = str | os.PathLike[str]
Steps = tuple[dict[str, Any], ...]


class Readers:
    """What a data set is made of, and the ways to make one. Reading begins with the first use."""

    def __init__(self, source: Source, *, template: Template | None = None, steps: Steps = ()) -> None:
        self._source = source
        self._template = template
        self._steps: Steps = steps or (getattr(source, "step", None) or {"step": "read", "source": source.name},)

    @property
    def template(self) -> Template | None:
        """The prompt template the records were made with, where there is one."""
        return self._template

    @property
    def steps(self) -> Steps:
        """What was done to the data so far, as it will stand in the manifest.

        A pass adds what it found out: a CSV file's encoding and delimiter, the columns that a format left unused.
        """
        return self._steps

    @classmethod
    def from_jsonl(cls, path: PathLike, *, session: Any = None, client: Any = None) -> Self:
        """A JSON Lines file, ``.gz`` or not; its lines are kept byte for byte until they are converted.

        Args:
            path: The file, or an ``s3://`` URI; an object in S3 is fetched on the first pass, into a temporary file.
            session: A boto3 session, for S3; boto3's default without it.
            client: An S3 client, used instead of the session.

        Raises:
            SourceError: On the first pass, when the file is missing or breaks off.
        """
        return cls(source_at(path, JsonLines, session=session, client=client))

    @classmethod
    def from_json(cls, path: PathLike, *, session: Any = None, client: Any = None) -> Self:
        """A JSON array of objects, ``.gz`` or not, read object by object.

        Args:
            path: The file, or an ``s3://`` URI.
            session: A boto3 session, for S3.
            client: An S3 client, used instead of the session.

        Raises:
            SourceError: On the first pass, when the file is missing, breaks off, or is no list of objects.
        """
        return cls(source_at(path, JsonArray, session=session, client=client))

    @classmethod
    def from_csv(
        cls,
        path: PathLike,
        *,
        delimiter: str | None = None,
        encoding: str | None = None,
        session: Any = None,
        client: Any = None,
    ) -> Self:
        """A CSV file with a header, ``.gz`` or not; cells keep their line breaks.

        Args:
            path: The file, or an ``s3://`` URI.
            delimiter: The delimiter; when it is not given, the one of ``, ; tab |`` that fits header and first rows.
            encoding: The encoding, such as ``"cp1252"``; when it is not given, UTF-8, or UTF-16 with its mark. What
                was found stands in :attr:`steps` after a pass.
            session: A boto3 session, for S3.
            client: An S3 client, used instead of the session.

        Raises:
            SourceError: On the first pass, when the file is missing, a row has another number of cells, or encoding or
                delimiter cannot be told; the message then names two that are possible.
        """
        make = functools.partial(Csv, delimiter=delimiter, encoding=encoding)
        return cls(source_at(path, make, session=session, client=client))

    @classmethod
    def from_parquet(cls, path: PathLike, *, session: Any = None, client: Any = None) -> Self:
        """A Parquet file, read a thousand rows at a time.

        Args:
            path: The file, or an ``s3://`` URI.
            session: A boto3 session, for S3.
            client: An S3 client, used instead of the session.

        Raises:
            MissingExtra: On the first pass, when the extra ``parquet`` is not installed.
            SourceError: On the first pass, when the file is missing, damaged, or no Parquet.
        """
        return cls(source_at(path, Parquet, session=session, client=client))

    @classmethod
    def from_records(cls, rows: Iterable[Mapping[str, Any]] | Table) -> Self:
        """Any iterable of mappings, or a table: a DataFrame of pandas or Polars, Arrow, a Hugging Face data set.

        What can be read once only is spooled to a temporary file first.

        Args:
            rows: Mappings from column to value, or the table.

        Raises:
            DatasetError: On a pass, when an item is no mapping, or when fewer rows come than the last time.
        """
        return cls(Rows(rows))

    @classmethod
    def from_file(cls, path: PathLike, *, session: Any = None, client: Any = None) -> Self:
        """A file in a format told by its name: ``.json``, ``.jsonl`` or ``.csv``, each also ``.gz``, or ``.parquet``.

        Args:
            path: The file, or an ``s3://`` URI.
            session: A boto3 session, for S3.
            client: An S3 client, used instead of the session.

        Raises:
            SourceError: The name says none of them.
        """
        name = Path(path).name.lower().removesuffix(".gz")
        readers = {
            ".json": cls.from_json, ".jsonl": cls.from_jsonl, ".csv": cls.from_csv, ".parquet": cls.from_parquet
        }  # fmt: skip
        for suffix, reader in readers.items():
            if name.endswith(suffix):
                return reader(path, session=session, client=client)
        raise SourceError(f"the name {Path(path).name!r} does not tell the format; it ends in .json, .jsonl or .csv, "
                          "each also with .gz, or in .parquet", path=str(path))  # fmt: skip
