"""Large files: memory that does not grow with them, and findings that do not hang on the number of processes."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nova_tune import Dataset
from nova_tune.dataset import _parallel, _validation
from nova_tune.dataset._parallel import stretches
from nova_tune.models import MODELS
from records import text_record
from test_accept import drawn

CLEAN = json.dumps(text_record("How many gates has the lock?", "Two of wood, and one of iron.")).encode()
MEASURED = """
import sys
from pathlib import Path
from nova_tune import Dataset, formats

def peak():
    # Not ru_maxrss: it begins with what the process that started this one had.
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0])
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)

what, name = sys.argv[1:]
data = Dataset.from_file(name)
if what == "validate":
    data.validate(model="nova-micro")
else:
    data.convert(formats.text_to_sql()).write_jsonl(name + ".out.jsonl")
print(peak())
"""


def peak_kb(what: str, path: Path) -> int:
    """The most memory that a process of its own ever holds while it does this."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", MEASURED, what, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return int(done.stdout)


def write(path: Path, lines: list[bytes], end: bytes = b"\n") -> Path:
    path.write_bytes(b"\n".join(lines) + end)
    return path


@pytest.mark.parametrize("what", ["right", "wrong", "one long line"])
def test_checking_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path, what):
    """More rows, all right or all wrong: at most 8 MB more. They, and a line of 60 MB, take at most 64 MB in all."""
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    rows = [CLEAN.replace(b"iron", b"iron %d" % number) for number in range(1000)]
    if what == "wrong":
        rows = [row.replace(b'"text"', b'"txt"')[: -1 - index % 2] for index, row in enumerate(rows)]
    times = 10 if what == "wrong" else 40
    with small.open("wb") as first, large.open("wb") as second:
        for _ in range(times):
            first.write(b"\n".join(rows) + b"\n")
            if what == "one long line":
                second.write(b"x" * 1_500_000)
            else:
                second.write((b"\n".join(rows) + b"\n") * (15 if what == "right" else 3))
    before, after = peak_kb("validate", small), peak_kb("validate", large)
    assert after < 64 << 10, (before, after)
    assert after - before < 8 << 10 or what == "one long line", (before, after)


def test_converting_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path):
    """Eight times the rows of a JSON array, converted and written: at most 8 MB more, and 64 MB in all."""
    row = {"question": "How many gates?", "context": "CREATE TABLE locks (gates INT)", "answer": "SELECT 1"}
    peaks = []
    for number in (3_000, 24_000):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps([row | {"question": f"{index}?"} for index in range(number)], indent=1))
        peaks.append(peak_kb("convert", path))
    assert peaks[1] < 64 << 10, peaks
    assert peaks[1] - peaks[0] < 8 << 10, peaks


def positions(path: Path, **options: int) -> list[tuple[int, bool]]:
    """Where each line of a file stands, as the stretches tell it: certain, or the byte at which it is in doubt."""
    told: list[tuple[int, bool]] = []
    data = path.read_bytes()
    starts = [0] + [at + 1 for at, byte in enumerate(data) if byte == ord("\n") and at + 1 < len(data)]
    if not data:
        starts = []
    line = 0
    for certain, doubtful, offset in stretches(path, **options):
        told += [(starts[line + index], True) for index in range(certain)]
        line += certain
        assert not doubtful or offset == starts[line]
        told += [(starts[line + index], False) for index in range(doubtful)]
        line += doubtful
    assert [at for at, _ in told] == starts
    return told


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(["clean", "clean", "clean", "blank", "bad", "short", "long", "cr"]), max_size=40),
    st.sampled_from([1, 7, 200, 555, 4096, 1 << 20]),
    st.sampled_from([64, 300, 1 << 17]),
    st.booleans(),
)
def test_slices_and_blocks_lose_no_line(tmp_path_factory, kinds, slice_bytes, block, ended):
    """Whatever the size of slices and blocks, each line is told of once, in order, and only a right one as certain."""
    made = {
        "clean": CLEAN, "blank": b"", "bad": b"{}", "short": b"x", "long": b"y" * 1000, "cr": CLEAN + b"\r"
    }  # fmt: skip
    path = write(tmp_path_factory.mktemp("s") / "a", [made[kind] for kind in kinds], b"\n" if ended and kinds else b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parallel, "_BLOCK", block)
        told = positions(path, slice_bytes=slice_bytes, workers=1)
    lines = path.read_bytes().split(b"\n")
    certain = [path.read_bytes()[at:].partition(b"\n")[0] for at, sure in told if sure]
    assert set(certain) <= {CLEAN}
    if block > len(CLEAN):
        assert len(certain) == lines.count(CLEAN)


def mixed(seed: int, count: int) -> list[bytes]:
    random = Random(seed)
    return [CLEAN if random.random() < 0.8 else drawn(random.randrange(2**63)) for _ in range(count)]


def findings(path: Path, workers: int | None, monkeypatch, slice_bytes: int = 9_000) -> str:
    """The report of a file as JSON, made by so many processes."""
    monkeypatch.setattr(
        _validation, "stretches", lambda path, **_: stretches(path, workers=workers, slice_bytes=slice_bytes)
    )
    return json.dumps(Dataset.from_jsonl(path).validate(model="nova-micro").to_dict())


def test_two_workers_find_what_one_finds(tmp_path, monkeypatch):
    """The reports of one, two and three processes, and of a packed file read line by line, are the same to the byte."""
    lines = mixed(5, 3000)
    lines[700] = b"\xff" * 20_000
    lines[1500:1520] = [b""] * 20
    path = write(tmp_path / "mixed.jsonl", lines, b"")
    one = findings(path, 1, monkeypatch)
    assert json.loads(one)["errors"] > 100
    assert findings(path, 2, monkeypatch) == one
    assert findings(path, 3, monkeypatch) == one
    assert findings(path, None, monkeypatch) == one
    packed = tmp_path / "mixed.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    by_line = Dataset.from_jsonl(packed).validate(model="nova-micro", ignore=["file.name"])
    assert json.dumps(by_line.to_dict()) == one


@pytest.mark.parametrize("executable", ["", "/bin/uwsgi", "/nowhere/python3", "python-that-fails"])
def test_a_worker_that_cannot_work_costs_no_answer(tmp_path, monkeypatch, executable):
    """Where no process can be started, or it dies at once, this process does the work itself."""
    path = write(tmp_path / "mixed.jsonl", mixed(6, 300))
    one = findings(path, 1, monkeypatch)
    if executable == "python-that-fails":
        program = tmp_path / executable
        program.write_text("#!/bin/sh\nprintf abc\nexit 3\n")
        program.chmod(0o755)
        executable = str(program)
    monkeypatch.setattr(sys, "executable", executable)
    assert findings(path, 2, monkeypatch) == one


def test_a_worker_tells_of_its_own_slices(tmp_path, monkeypatch, capsysbinary):
    """A worker writes an answer for every second slice, which the one who asked reads back."""
    path = write(tmp_path / "mixed.jsonl", mixed(7, 200))
    count = -(-path.stat().st_size // 5_000)
    answers = []
    for first in ("0", "1"):
        monkeypatch.setattr(sys, "argv", ["-c", str(path), "5000", first, "2"])
        _parallel.serve()
        answers.append(io.BytesIO(capsysbinary.readouterr().out))
    told = [_parallel._answer(answers[index % 2]) for index in range(count)]
    alone = list(stretches(path, workers=1, slice_bytes=5_000))
    assert [stretch for answer in told for stretch in answer] == alone
    assert [_parallel._answer(answer) for answer in answers] == [None, None]


def test_a_pass_that_is_given_up_leaves_no_process(tmp_path):
    """When nobody asks for the rest, the workers are ended."""
    path = write(tmp_path / "many.jsonl", [b"{}"] * 50_000)
    asking = stretches(path, workers=2, slice_bytes=1_000)
    next(asking)
    asking.close()
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    assert not children.exists() or not children.read_text().split()


def test_progress_is_told_in_thousands_whatever_the_path(tmp_path):
    """A file of clean lines, told of many at a time, still calls back at each thousand and at the end."""
    path = write(tmp_path / "many.jsonl", [CLEAN] * 3500)
    heard: list[int] = []
    Dataset.from_jsonl(path).validate(model="nova-micro", on_progress=heard.append)
    assert heard == [1000, 2000, 3000, 3500]


@pytest.mark.parametrize("model", MODELS)
def test_clean_records_have_no_finding_with_or_without_the_fast_path(tmp_path, model):
    """A clean file has no finding for any model, read as a file or as rows."""
    path = write(tmp_path / "clean.jsonl", [CLEAN] * 300)
    assert Dataset.from_jsonl(path).validate(model=model).counts_by_rule == {}
    assert Dataset.from_jsonl(path).sample(250).validate(model=model).counts_by_rule == {}
