"""The images, videos and documents that a data set names in S3: is each there, of a size and a format that AWS takes.

This looks at AWS and needs credentials; the checks of the records themselves do not. Each object costs one HEAD and one
GET of its first kilobyte, however many records name it.
"""

from __future__ import annotations

import contextlib
import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from nova_tune import arns, aws
from nova_tune.checks import Tally, decode, finding, media_blocks
from nova_tune.dataset._derived import raw_line, written
from nova_tune.errors import AWSError, NotFound
from nova_tune.models import MEDIA_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nova_tune.checks import Issue, ValidationReport
    from nova_tune.dataset import Dataset

_HEAD = 1024  # a PDF's mark may stand anywhere in its first kilobyte

# Marks at the beginning of a file, from the formats' own standards.
_MARKS = (("png", b"\x89PNG\r\n\x1a\n"), ("jpeg", b"\xff\xd8\xff"), ("gif", b"GIF87a"), ("gif", b"GIF89a"))
_QUICKTIME = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_EBML = b"\x1a\x45\xdf\xa3"


class _Named(NamedTuple):
    """One object as records name it."""

    uri: str
    kind: str
    format: str


@attrs.frozen
class _Place:
    """Where an object is named first, and how often."""

    line: int | None
    record: int
    path: str
    times: int = 1


def check_media(
    dataset: Dataset, *, session: Any = None, client: Any = None, workers: int = 16, ignore: Iterable[str] = ()
) -> ValidationReport:
    """Look at every media object that the records name, and list what AWS would refuse.

    A finding stands at the first record that names the object. What could not be looked at, for want of a permission or
    because the network failed, is a warning that says so and no verdict on the data.

    Args:
        dataset: Training records; what is no record names no media.
        session: A boto3 session; boto3's default without it.
        client: An S3 client, used instead of the session.
        workers: How many objects are looked at at once.
        ignore: Rule ids to leave out.

    Raises:
        ConfigurationError: There is no region or there are no credentials.

    Example:
        >>> from nova_tune import Dataset, formats
        >>> rows = [{"question": "How many?", "context": "CREATE TABLE t (a INT)", "answer": "SELECT a FROM t"}]
        >>> check_media(Dataset.from_records(rows).convert(formats.text_to_sql())).ok  # names none: no request
        True
    """
    named, records = _named(dataset)
    tally = Tally(ignore=ignore)
    if named:
        s3 = aws.client("s3", session=session, client=client)
        uris = list(dict.fromkeys(each.uri for each in named))
        with ThreadPoolExecutor(workers) as pool:
            heads = dict(zip(uris, pool.map(functools.partial(_look, s3), uris), strict=True))
        for each, place in named.items():
            for issue in _issues(each, heads[each.uri]):
                more = f" (named {place.times:,} times)" if place.times > 1 else ""
                tally.add(attrs.evolve(issue, line=place.line, record=place.record, path=place.path,
                                       message=f"{issue.message}{more}"))  # fmt: skip
    return tally.report(records=records, model="any model", platform="S3")


def _named(dataset: Dataset) -> tuple[dict[_Named, _Place], int]:
    found: dict[_Named, _Place] = {}
    records = 0
    for record in written(dataset._source):  # noqa: SLF001 - our own
        if record.refusal is not None:
            continue
        records += 1
        for block in media_blocks(decode(raw_line(record))[0]):
            if block.uri is not None:
                key = _Named(block.uri, block.kind, block.format)
                before = found.get(key)
                found[key] = (
                    attrs.evolve(before, times=before.times + 1)
                    if before is not None
                    else _Place(record.line, record.number, block.path)
                )
    return found, records


def _look(s3: Any, uri: str) -> tuple[int, bytes] | AWSError:
    """The size and the first bytes of an object, or why they could not be had."""
    place = arns.s3(uri)
    try:
        size = aws.call(s3, "HeadObject", Bucket=place.bucket, Key=place.key)["ContentLength"]
        if not size:
            return 0, b""
        answer = aws.call(s3, "GetObject", Bucket=place.bucket, Key=place.key, Range=f"bytes=0-{_HEAD - 1}")
        with aws.translated("GetObject"), contextlib.closing(answer["Body"]) as body:
            return size, body.read(_HEAD)
    except AWSError as error:
        return error


def _issues(named: _Named, seen: tuple[int, bytes] | AWSError) -> Iterator[Issue]:
    if isinstance(seen, NotFound):
        yield finding("media.missing", "", f"there is no such {named.kind} in S3", "upload it, or mend the URI")
        return
    if isinstance(seen, AWSError):
        yield finding("media.unreachable", "", f"the {named.kind} was not checked: {type(seen).__name__} "
                      f"({seen.code})", "try again, with s3:GetObject and s3:ListBucket on the bucket")  # fmt: skip
        return
    size, head = seen
    most = MEDIA_BYTES.value[named.kind]
    if size == 0:
        yield finding("media.size", "", f"the {named.kind} is an empty object", "upload it again")
        return
    if size > most:
        yield finding("media.size", "", f"the {named.kind} has {size:,} bytes; AWS takes {most:,}", "make it smaller")
    looks = formats_of(head)
    if named.format not in looks:
        what = f"its bytes are those of {' or '.join(looks)}" if looks else "its bytes are of no format that AWS takes"
        yield finding("media.bytes", "", f"the {named.kind} is said to be {named.format or 'of no format'}; {what}",
                      f"write {looks[0]!r}" if looks else "convert the file")  # fmt: skip


def formats_of(head: bytes) -> tuple[str, ...]:
    """The formats that a file beginning with these bytes may be; none for a format that AWS does not take.

    Args:
        head: Its first bytes, 1,024 of them where there are so many.

    Example:
        >>> formats_of(b"GIF89a...")
        ('gif',)
    """
    for name, mark in _MARKS:
        if head.startswith(mark):
            return (name,)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ("webp",)
    if head[4:8] in _QUICKTIME:
        return ("mov",) if head[4:8] != b"ftyp" or head[8:10] == b"qt" else ("mp4", "mov")
    if head.startswith(_EBML):
        return ("webm", "mkv") if b"webm" in head[:64] else ("mkv",)
    return ("pdf",) if b"%PDF-" in head else ()
