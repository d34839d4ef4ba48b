"""Rows of a Parquet file, and of files that lie in S3."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nova_tune.dataset._sources import FileSource, Record, opened
from nova_tune.errors import MissingExtra, SourceError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from nova_tune.dataset._sources import Source

_BATCH = 1_000
_BLOCK = 1 << 20
_SCHEME = "s3://"


class Parquet(FileSource):
    """A Parquet file, read a thousand rows at a time; memory holds the part of a row group that they stand in."""

    def __iter__(self) -> Iterator[Record]:
        try:
            import pyarrow as pa  # noqa: PLC0415 - an extra
            from pyarrow import parquet  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtra.for_extra("parquet", what="reading Parquet") from error
        self.step["format"] = "parquet"
        number = 0
        with opened(self.path, self.name) as file:
            try:
                table = parquet.ParquetFile(file)
                columns = table.schema_arrow.names
                if twice := [name for name in columns if columns.count(name) > 1]:
                    raise SourceError(f"{self.name!r} has two columns named {twice[0][:40]!r}", path=self.name)
                for batch in table.iter_batches(batch_size=_BATCH, use_threads=False):
                    for row in batch.to_pylist():
                        number += 1
                        yield Record(number, number, row=row)
            except pa.ArrowException as error:
                what = str(error).partition("\n")[0]
                raise SourceError(f"{self.name!r} is not Parquet, or is damaged: {what}", path=self.name) from error


class S3Object:
    """A file in S3, fetched on the first pass into a temporary file that lives as long as this object."""

    path = None

    def __init__(self, uri: str, make: Callable[[Path, str], FileSource], *, session: Any, client: Any) -> None:
        self.name = uri
        self.step: dict[str, Any] = {"step": "read", "source": uri}
        self._make = make
        self._session = session
        self._client = client
        self._source: FileSource | None = None

    def __iter__(self) -> Iterator[Record]:
        if self._source is None:
            self._source = self._make(self._fetched(), self.name)
            self._source.step = self.step
        yield from self._source

    def _fetched(self) -> Path:
        from nova_tune import arns, aws  # noqa: PLC0415 - files on this machine need no boto3

        bucket, _, key = self.name.removeprefix(_SCHEME).partition("/")
        if not bucket or not key:
            raise SourceError(f"{self.name!r} names no object; write s3://bucket/key", path=self.name)
        s3 = aws.client("s3", session=self._session, client=self._client)
        place = arns.S3Uri(bucket, key)
        answer = aws.call(s3, "GetObject", Bucket=place.bucket, Key=place.key)
        with tempfile.NamedTemporaryFile(prefix="nova-tune-", suffix=".object", delete=False) as file:
            path = Path(file.name)
            weakref.finalize(self, path.unlink, missing_ok=True)
            with aws.translated("GetObject"), contextlib.closing(answer["Body"]) as body:
                shutil.copyfileobj(body, file, _BLOCK)
        return path


def source_at(
    place: str | os.PathLike[str], make: Callable[[Path, str], FileSource], *, session: Any = None, client: Any = None
) -> Source:
    """The source of a file on this machine or in S3.

    Args:
        place: A path or an ``s3://`` URI.
        make: Makes the source from a path and the name for messages.
        session: A boto3 session, for S3.
        client: An S3 client, used instead of the session.
    """
    if isinstance(place, str) and place.startswith(_SCHEME):
        return S3Object(place, make, session=session, client=client)
    return make(Path(place), str(place))
