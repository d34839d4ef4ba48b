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


def write_lines(lines: Iterable[bytes], write: Callable[[bytes], Any], template: Template | None) -> TrainingData:
    """Write each line with its line end, and tell what was written.

    Args:
        lines: The lines.
        write: Takes the bytes.
        template: The template they were made with.
    """
    digest, size, records, tokens = hashlib.sha256(), 0, 0, TokenCounter()
    for line in lines:
        whole = line + b"\n"
        write(whole)
        digest.update(whole)
        size += len(whole)
        records += 1
        tokens.add_record(line)
    return TrainingData(
        sha256=digest.hexdigest(), records=records, bytes=size, tokens=tokens.estimate(), template=template
    )


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
