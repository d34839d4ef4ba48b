"""The data set from convert to write: refused rows stay visible, nothing is half-written, nothing is overwritten."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nova_tune
from nova_tune import Conversation, Dataset, Issue, formats
from nova_tune.errors import DatasetError, InvalidDataset, PlanError
from records import spelled, text_record, valid_record

ROWS = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(10)]
BAD = {3: {"prompt": "no answer"}, 7: {"prompt": "q", "completion": None}}
SEEDS = st.lists(st.integers(0, 2**63), min_size=1, max_size=5)


def examples(rows: list[dict[str, Any]] = ROWS) -> Dataset:
    return Dataset.from_records(rows).convert(formats.prompt_completion())


def with_bad() -> list[dict[str, Any]]:
    return [BAD.get(number, row) for number, row in enumerate(ROWS, 1)]


def jsonl(path: Path, *lines: bytes) -> Dataset:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return Dataset.from_jsonl(path)


def rules(data: Dataset, **options: Any) -> dict[str, int]:
    return data.validate(**{"model": "nova-micro", **options}).counts_by_rule


# Converting


def test_conversion_keeps_order_and_texts():
    """Each row is one conversation, in the order of the rows, anew on each pass."""
    data = examples()
    for _ in range(2):
        assert [conversation.reference for conversation in data] == [row["completion"] for row in ROWS]
    assert next(data.rows()) == next(iter(data)).to_dict()


def test_refused_rows_are_listed_with_their_line_and_never_dropped(tmp_path):
    """A row that cannot become a record is one error with the line it stands on; reading past it is refused."""
    path = tmp_path / "rows.jsonl"
    good = b'{"prompt": "a", "completion": "b"}'
    data = jsonl(path, good, b'{"prompt": "a"}', b"", b"[1]", b"{", b'{"prompt": "a", "prompt": "c", "completion": ""}',
                 b'{"prompt": 1, "completion": "b"}', good).convert(formats.prompt_completion())  # fmt: skip
    report = data.validate(model="nova-micro")
    errors = [(issue.rule, issue.line, issue.record) for issue in report.issues if issue.line]
    assert errors == [
        ("row.refused", 2, 2), ("record.object", 4, 3), ("json.syntax", 5, 4), ("keys.duplicate", 6, 5),
        ("row.refused", 7, 6),
    ]  # fmt: skip
    assert report.records == 2
    with pytest.raises(DatasetError, match="line 2") as caught:
        list(data)
    assert caught.value.line == 2
    with pytest.raises(DatasetError, match="line 2: template field"):
        list(data.rows())


def test_a_converted_data_set_can_be_converted_again():
    """Converting conversations changes nothing, and refused rows stay refused with their first reason."""
    again = examples(with_bad()).convert(formats.conversation())
    assert [(issue.line, issue.rule) for issue in again.validate(model="nova-micro").issues if issue.line] == [
        (3, "row.refused"), (7, "row.refused"),
    ]  # fmt: skip
    assert list(examples().convert(formats.conversation()).lines()) == list(examples().lines())


def test_half_a_surrogate_pair_is_refused_at_its_row():
    """A text that UTF-8 cannot hold is a refused row, not a crash."""
    data = examples([*ROWS, {"prompt": "\ud800", "completion": "x"}])
    (issue,) = [issue for issue in data.validate(model="nova-micro").issues if issue.severity == "error"]
    assert (issue.rule, issue.line, issue.message) == ("row.refused", 11, "a text holds half of a surrogate pair")


@pytest.mark.parametrize(
    "use",
    [list, lambda data: data.describe(), lambda data: data.sample(2),
     lambda data: data.split(held_out=2), lambda data: list(data.split(held_out=0.5)[0])],
    ids=["iterate", "describe", "sample", "split by count", "split by share"],
)  # fmt: skip
def test_rows_of_a_table_are_not_records(use):
    """What needs records says to convert first, instead of finding none."""
    with pytest.raises(DatasetError, match=r"rows of a table, not records yet; call convert\("):
        use(Dataset.from_records(ROWS))


# Validating


def test_counts_are_checked_against_the_model(tmp_path):
    """Too few, too many, and validation data count together, each with the model's own limits."""
    few, good = examples(ROWS[:7]), examples()
    assert rules(good) == {}
    assert rules(few) == {"records.few": 1}
    assert rules(few, platform="sagemaker") == {}
    assert rules(few, model="nova-2-lite", platform="sagemaker") == {"model.platform": 1}
    assert rules(good, model="nova-2-lite", validation=good) == {"records.few": 1, "records.validation": 1}
    assert rules(good, validation=good) == {}
    line = json.dumps(text_record()).encode()
    many = jsonl(tmp_path / "many.jsonl", *[line] * 20_001)
    report = many.validate(model="nova-micro")
    assert report.counts_by_rule == {"records.many": 1}
    assert report.issues[0].hint == "sample(20_000) chooses them reproducibly"
    exact = jsonl(tmp_path / "exact.jsonl", *[line] * 20_000)
    assert rules(exact) == {}
    assert rules(exact, validation=good) == {"records.many": 1}


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\n"])
def test_a_file_without_records_is_a_finding(tmp_path, content):
    """An empty file, or one of blank lines, is an error of the data and no exception."""
    path = tmp_path / "empty.jsonl"
    path.write_bytes(content)
    report = Dataset.from_jsonl(path).validate(model="nova-micro")
    assert (report.ok, report.records, report.counts_by_rule["records.none"]) == (False, 0, 1)


def test_lines_carry_their_place(tmp_path):
    """Findings carry the physical line and the record's number; blank lines and CR LF are found as such."""
    line = json.dumps(text_record()).encode()
    data = jsonl(tmp_path / "lines.jsonl", line + b"\r", b"", line, b"\xef\xbb\xbf" + line, b" \r", b"{}")
    issues = data.validate(model="nova-micro", ignore=["records.few", "schema.version"]).issues
    assert [(issue.rule, issue.severity, issue.line, issue.record) for issue in issues] == [
        ("lines.crlf", "info", 1, 1), ("lines.blank", "warning", 2, 1), ("json.bom", "error", 4, 3),
        ("lines.crlf", "info", 5, 3), ("lines.blank", "warning", 5, 3), ("keys.required", "error", 6, 4),
    ]  # fmt: skip


def test_findings_of_the_validation_data_are_told_apart():
    """A finding in the validation data says so, since its line is one of another file."""
    bad = examples(with_bad())
    report = examples().validate(model="nova-micro", validation=bad)
    assert report.records == 18
    assert all(issue.message.startswith("validation data: ") for issue in report.issues)
    assert len(report.issues) == 2


def test_an_unknown_model_is_named():
    """A model that cannot be tuned is refused with the nearest name."""
    with pytest.raises(PlanError, match="did you mean 'nova-micro'"):
        examples().validate(model="nova-micra")


def test_progress_is_told_every_thousand_and_at_the_end():
    """A callback hears of each thousand records and of the last one."""
    heard: list[int] = []
    examples(ROWS * 250).validate(model="nova-micro", on_progress=heard.append)
    assert heard == [1000, 2000, 2500]
    heard.clear()
    examples(ROWS * 110).sample(5, on_progress=heard.append)
    assert heard == [1000, 1100]


# Writing


@given(SEEDS, st.integers(0, 2**63))
def test_a_file_round_trip_is_the_identity(seeds, spelling):
    """Conversations written to a file and read again are the same conversations, and so is the file."""
    import tempfile

    records = [valid_record(Random(seed), "nova-2-lite") for seed in seeds]
    with tempfile.TemporaryDirectory() as folder:
        first, second, third = (Path(folder) / f"{n}.jsonl" for n in range(3))
        written = Dataset.from_records(records).convert(formats.conversation()).write_jsonl(first)
        data = Dataset.from_jsonl(first)
        assert [conversation.to_dict() for conversation in data] == records
        assert data.write_jsonl(second) == written == data.describe()
        assert data.convert(formats.conversation()).write_jsonl(third) == written
        assert first.read_bytes() == second.read_bytes() == third.read_bytes()
        assert (written.records, written.bytes) == (len(records), first.stat().st_size)


def test_what_is_written_is_described(tmp_path):
    """The value that comes back holds the digest, size, count and template of the very file."""
    import hashlib

    data = examples().write_jsonl(tmp_path / "out.jsonl")
    content = (tmp_path / "out.jsonl").read_bytes()
    assert data.sha256 == hashlib.sha256(content).hexdigest()
    assert (data.bytes, data.records, data.uri) == (len(content), 10, None)
    assert content.endswith(b"}\n")
    assert content.count(b"\n") == 10
    assert data.template == formats.prompt_completion().template


def test_blank_lines_and_carriage_returns_are_not_written(tmp_path):
    """A file with CR LF and blank lines is written without them, and otherwise byte for byte."""
    line = spelled(Random(1), text_record())
    data = jsonl(tmp_path / "in.jsonl", line + b"\r", b"", b"\r", line)
    data.write_jsonl(tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == line + b"\n" + line + b"\n"


def test_refused_rows_stop_the_writing_and_leave_nothing(tmp_path):
    """Nothing is written when a row was refused: the old file stays, no other appears, and all refusals are listed."""
    target = tmp_path / "out.jsonl"
    target.write_text("old")
    with pytest.raises(InvalidDataset) as caught:
        examples(with_bad()).write_jsonl(target)
    text = str(caught.value)
    assert text.startswith("2 row(s) cannot be written:\n  error   line 3: template field {completion}")
    assert "line 7: column 'completion' holds NoneType, not text" in text
    assert [issue.line for issue in caught.value.report.issues] == [3, 7]
    assert pickle.loads(pickle.dumps(caught.value)).report == caught.value.report
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    assert target.read_text() == "old"


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (KeyboardInterrupt("stop"), KeyboardInterrupt, "stop"),
        (RuntimeError("a bug"), RuntimeError, "a bug"),
        (OSError(28, "No space left on device"), DatasetError, "out.jsonl' cannot be written: No space left on device"),
    ],
    ids=["interrupt", "bug", "full disk"],
)
def test_an_interrupted_write_leaves_nothing(tmp_path, error, raised, words):
    """Whatever ends the writing early, the name holds what it held and no temporary file stays."""

    class Failing:
        template = None

        def line(self, row):
            if row["prompt"].endswith("5"):
                raise error
            return b"{}"

    target = tmp_path / "out.jsonl"
    with pytest.raises(raised, match=words):
        Dataset.from_records(ROWS).convert(Failing()).write_jsonl(target)
    assert list(tmp_path.iterdir()) == []


def test_the_file_appears_whole_or_not_at_all(tmp_path):
    """While a file is being written, its name holds what it held before."""
    target = tmp_path / "out.jsonl"
    target.write_text("old")
    seen = []

    class Watching:
        template = None

        def line(self, row):
            seen.append(target.read_text())
            return b"{}"

    Dataset.from_records(ROWS).convert(Watching()).write_jsonl(target)
    assert set(seen) == {"old"}
    assert target.read_text() == "{}\n" * 10


@pytest.mark.parametrize("link", ["same", "symbolic", "hard", "other spelling"])
def test_the_source_is_never_overwritten(tmp_path, link, monkeypatch):
    """Writing to the file the data is read from is refused, under any of its names, also after sample and split."""
    source = tmp_path / "in.jsonl"
    data = jsonl(source, *[json.dumps(text_record(str(n), "x")).encode() for n in range(5)])
    before = source.read_bytes()
    target = source
    if link == "symbolic":
        target = tmp_path / "link.jsonl"
        target.symlink_to(source)
    elif link == "hard":
        target = tmp_path / "link.jsonl"
        os.link(source, target)
    elif link == "other spelling":
        monkeypatch.chdir(tmp_path)
        target = Path("in.jsonl")
    converted = data.convert(formats.conversation())
    for each in (
        data,
        converted,
        data.sample(2),
        data.split(held_out=0.5)[0],
        converted.sample(9).split(held_out=2)[1],
    ):
        with pytest.raises(DatasetError, match="is what this data set is read from; choose another name"):
            each.write_jsonl(target)
    assert source.read_bytes() == before


def test_a_file_that_happens_to_be_called_like_a_type_is_no_source(tmp_path, monkeypatch):
    """Rows from memory have no file, so that any name can be written."""
    monkeypatch.chdir(tmp_path)
    Path("list").write_text("old")
    assert examples().write_jsonl("list").records == 10


def test_the_written_file_has_the_modes_of_any_file(tmp_path):
    """The file is made under the caller's umask like any other, not private like a temporary file."""
    examples().write_jsonl(tmp_path / "out.jsonl")
    (tmp_path / "other").write_text("")
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_what_was_done_is_remembered(tmp_path):
    """The steps name the file without its directory, the format, and each choice with its seed and counts."""
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"prompt,completion\n" + b"a,b\n" * 5 + b"c,d\n" * 5))
    data = (
        Dataset.from_csv(path)
        .convert(formats.prompt_completion())
        .sample(8, seed=3)
        .split(held_out=0.5, by="prompt")[1]
    )
    assert data.steps == (
        {"step": "read", "source": "rows.csv.gz", "format": "csv", "encoding": "utf-8", "delimiter": ","},
        {"step": "convert", "format": "prompt-completion"},
        {"step": "sample", "n": 8, "seed": 3, "before": 10, "after": 8},
        {"step": "split", "held_out": 0.5, "by": "prompt", "seed": 0, "part": "held out"},
    )
    assert json.loads(json.dumps(data.steps))
    assert repr(data) == f"<Dataset read -> convert -> sample -> split of {str(path)!r}>"
    assert Dataset.from_records([]).steps == ({"step": "read", "source": "list"},)


def test_iterating_names_the_line_that_is_no_record(tmp_path):
    """A line that is not a JSON object is told with its number when the conversations are read."""
    data = jsonl(tmp_path / "in.jsonl", json.dumps(text_record()).encode(), b"", b"[]")
    records = iter(data)
    assert next(records) == Conversation(text_record())
    with pytest.raises(DatasetError, match="line 3 is not a record: a record is a JSON object; this is list") as caught:
        next(records)
    assert caught.value.line == 3


def test_the_findings_are_exported():
    """The names people use stand at the top of the package."""
    assert isinstance(examples([]).validate(model="nova-micro").issues[0], Issue)
    assert nova_tune.ValidationReport is type(examples().validate(model="nova-micro"))


# No network


OFFLINE = """
import sys

def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"}:
        raise SystemExit(f"reached for the network: {event} {arguments}")

sys.addaudithook(refuse)
from nova_tune import CostModel, Dataset, formats

rows = [{"question": f"Is {n}?", "context": f"CREATE TABLE t{n} (a INT)", "answer": f"SELECT {n}"} for n in range(100)]
examples = Dataset.from_records(rows).convert(formats.text_to_sql())
examples.validate(model="nova-micro", platform="bedrock").raise_if_invalid()
train, held_out = examples.sample(90, seed=7).split(held_out=0.1, by="schema", seed=7)
data = train.describe()
assert data.records + held_out.describe().records == 90
print(CostModel().training(data, model="nova-micro", epochs=2).once.expected > 0)
heavy = {"boto3", "botocore", "sagemaker", "moto", "yaml", "pandas", "numpy", "jsonschema", "requests", "urllib3"}
print(sorted(heavy & set(sys.modules)))
"""


def test_the_data_and_cost_halves_need_no_network_no_region_and_no_aws():
    """Convert, validate, sample, split, describe and price 100 rows without a socket, a region, boto3 or numpy."""
    source = str(Path(nova_tune.__file__).parents[1])
    environment = {"PYTHONPATH": source, "PATH": os.defpath, "HOME": os.devnull}
    command = [sys.executable, "-W", "error", "-c", OFFLINE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:2] == ["True", "[]"]
