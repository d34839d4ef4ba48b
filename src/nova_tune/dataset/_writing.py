"""The training file on its way out: to disk under its name only when complete, to S3 under the name of its content."""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

import attrs

from nova_tune.errors import DatasetError
from nova_tune.tokens import TokenCounter
from nova_tune.values import TrainingData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from nova_tune.template import Template


class Lines:
    """Lines on their way to a file, each with its line end, and what they come to.

    Args:
        write: Takes the bytes.
    """

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self._write = write
        self._digest = hashlib.sha256()
        self._tokens = TokenCounter()
        self._size = self._records = 0

    def add(self, line: bytes) -> None:
        """Write a line."""
        whole = line + b"\n"
        self._write(whole)
        self._digest.update(whole)
        self._size += len(whole)
        self._records += 1
        self._tokens.add_record(line)

    def data(self, template: Template | None) -> TrainingData:
        """What was written.

        Args:
            template: The template that the lines were made with.
        """
        return TrainingData(sha256=self._digest.hexdigest(), records=self._records, bytes=self._size,
                            tokens=self._tokens.estimate(), template=template)  # fmt: skip


def write_lines(lines: Iterable[bytes], write: Callable[[bytes], Any], template: Template | None) -> TrainingData:
    """Write each line with its line end, and tell what was written.

    Args:
        lines: The lines.
        write: Takes the bytes.
        template: The template they were made with.
    """
    written = Lines(write)
    for line in lines:
        written.add(line)
    return written.data(template)


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A file that takes the target's name when the block ends well, and is gone when it does not.

    Args:
        target: The name it shall have; what it holds stays until then.

    Raises:
        DatasetError: The file cannot be written there.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("xb", buffering=1 << 20) as file:
            yield file
        beside.replace(target)
    except OSError as error:
        raise DatasetError(f"{str(target)!r} cannot be written: {error.strerror}; choose another place",
                           path=str(target)) from error  # fmt: skip
    finally:
        with suppress(OSError):  # it is mostly gone by now, or never came to be
            beside.unlink()


def upload_lines(
    lines: Iterable[bytes],
    uri: str,
    *,
    template: Template | None,
    steps: list[dict[str, Any]],
    session: Any,
    client: Any,
) -> TrainingData:
    """Put the lines into S3 with their manifest; arguments and errors are those of ``Dataset.upload``."""
    from nova_tune import arns, aws  # noqa: PLC0415 - the data half works without boto3

    prefix = arns.s3(uri)
    s3 = aws.client("s3", client=client, session=session)
    with tempfile.TemporaryFile() as file:
        data = write_lines(lines, file.write, template)
        place = prefix.join(f"{data.sha256[:32]}.jsonl")
        data = attrs.evolve(data, uri=str(place))
        if not aws.object_exists(s3, place):
            file.seek(0)
            aws.put_object(s3, place, file, content_type="application/jsonl")
        manifest = {"schema": 1, "data": data.to_dict(), "steps": steps}
        beside = prefix.join(f"{data.sha256[:32]}.manifest.json")
        if not aws.object_exists(s3, beside):
            aws.put_object(s3, beside, json.dumps(manifest, indent=2).encode(), content_type="application/json")
    return data
