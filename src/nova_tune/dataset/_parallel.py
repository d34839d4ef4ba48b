"""Which lines of a JSON Lines file are certainly right, told by one process or, for a large file, by several.

A worker says only how many lines in a row are certain and where the others stand; those are read again, explained and
counted by the process that asked, in the file's order. So what is found cannot depend on the number of workers.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from array import array
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from nova_tune.checks import doubtful_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH = 64
"""Lines looked at together; from 16 to 256 it makes no difference."""

_BLOCK = 1 << 17
_SLICE = 8 << 20
_LARGE = 64 << 20  # below, starting processes costs more than they save
_MOST_WORKERS = 4
_SERVE = "from nova_tune.dataset._parallel import serve; serve()"


class Stretch(NamedTuple):
    """Lines in a row: so many that are certainly right, then so many in doubt, which begin at this byte."""

    certain: int
    doubtful: int
    offset: int


def stretches(path: Path, *, workers: int | None = None, slice_bytes: int = _SLICE) -> Iterator[Stretch]:
    """The lines of a file, in order; a line too long to be read is one line in doubt.

    Args:
        path: A file that is not packed.
        workers: How many processes look at it; as many as there are processors, at most four, for a file of more than
            64 MB, and this one alone for a smaller one, when it is not given.
        slice_bytes: How much a process looks at before it tells.

    Raises:
        OSError: The file cannot be read.
    """
    size = path.stat().st_size
    if workers is None:
        workers = min(os.cpu_count() or 1, _MOST_WORKERS) if size > _LARGE else 1
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("rb", buffering=0))
        asked = _started(path, workers, slice_bytes, stack) if workers > 1 else []
        for index in range(-(-size // slice_bytes)):
            answer = _answer(asked[index % workers]) if asked else None
            # A worker that died costs time, not the answer.
            yield from _scan(file, index * slice_bytes, slice_bytes) if answer is None else answer


def _started(path: Path, workers: int, slice_bytes: int, stack: contextlib.ExitStack) -> list[IO[bytes]]:
    # Not multiprocessing: it would run the caller's own script again, which is seldom written for that.
    if getattr(sys, "frozen", False) or "python" not in Path(sys.executable or "").name.lower():
        return []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
    asked = []
    for index in range(workers):
        task = [str(path.absolute()), str(slice_bytes), str(index), str(workers)]
        try:
            worker = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
                [sys.executable, "-P", "-c", _SERVE, *task],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
        except OSError:  # no process may be started here
            return []
        stack.callback(worker.wait)
        stack.callback(worker.kill)
        assert worker.stdout is not None
        asked.append(stack.enter_context(worker.stdout))
    return asked


def _answer(pipe: IO[bytes]) -> list[Stretch] | None:
    head = pipe.read(8)
    body = pipe.read(int.from_bytes(head, "little"))
    if len(head) < 8 or len(body) < int.from_bytes(head, "little"):
        return None
    numbers = iter(array("q", body))
    return [Stretch(*three) for three in zip(numbers, numbers, numbers, strict=True)]


def serve() -> None:
    """A worker's life: it looks at every n-th slice of a file and tells of each on its standard output."""
    path, (size, first, step) = sys.argv[1], map(int, sys.argv[2:])
    with Path(path).open("rb", buffering=0) as file:
        for start in range(first * size, os.fstat(file.fileno()).st_size, step * size):
            body = array("q", [number for stretch in _scan(file, start, size) for number in stretch]).tobytes()
            sys.stdout.buffer.write(len(body).to_bytes(8, "little") + body)
            sys.stdout.buffer.flush()


def _scan(file: IO[bytes], start: int, size: int) -> Iterator[Stretch]:
    """The stretches of the lines that begin within the slice from this byte."""
    certain = doubtful = offset = 0
    for at, lines in _batches(file, start, start + size):
        told = 0
        for index in (*doubtful_lines(lines), len(lines)):
            if index > told:
                if doubtful:
                    yield Stretch(certain, doubtful, offset)
                    certain = doubtful = 0
                certain += index - told
            if index < len(lines):
                if not doubtful:
                    offset = at + sum(map(len, lines[:index])) + index
                doubtful += 1
            told = index + 1
    yield Stretch(certain, doubtful, offset)


def _batches(file: IO[bytes], start: int, stop: int) -> Iterator[tuple[int, list[bytes]]]:
    """The lines that begin between two bytes, some at a time, and where they stand; one too long comes empty."""
    at = _line_end(file, start - 1) if start else 0
    while at < stop:
        file.seek(at)
        block = file.read(_BLOCK)
        if not block:
            return
        # The line that the slice ends in belongs to it.
        cut = block.find(b"\n", stop - at - 1) + 1 if at + len(block) >= stop else 0
        cut = cut or block.rfind(b"\n") + 1
        if cut:
            lines = block[: cut - 1].split(b"\n")
            for index in range(0, len(lines), BATCH):
                batch = lines[index : index + BATCH]
                yield at, batch
                at += sum(map(len, batch)) + len(batch)
        else:
            end = _line_end(file, at)
            yield at, [block if end == at + len(block) else b""]
            at = end


def _line_end(file: IO[bytes], at: int) -> int:
    """Where the line that this byte belongs to is over."""
    file.seek(at)
    while block := file.read(_BLOCK):
        cut = block.find(b"\n")
        if cut >= 0:
            return at + cut + 1
        at += len(block)
    return at
