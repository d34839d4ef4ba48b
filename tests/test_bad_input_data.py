"""Bad input of the data half: one message that names the thing and the remedy, and nothing half-written."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from nova_tune import Dataset, formats
from nova_tune.errors import DatasetError, InvalidDataset, NovaTuneError

CSV = b"question,context,answer\nHow many?,CREATE TABLE t (a INT),SELECT COUNT(*) FROM t\n"


def make(folder: Path, name: str, content: bytes) -> Dataset:
    (folder / name).write_bytes(content)
    return sql(Dataset.from_file(folder / name))


def sql(rows: Dataset) -> Dataset:
    return rows.convert(formats.text_to_sql())


PACKED = gzip.compress(CSV * 99)[:60]
CASES = [
    ("a missing file", lambda at: sql(Dataset.from_csv(at / "none.csv")), "none.csv", "check the path"),
    ("a directory", lambda at: sql(Dataset.from_json(at)), "is a directory", "name a file in it"),
    ("a truncated gzip", lambda at: make(at, "a.csv.gz", PACKED), "a.csv.gz", "fetch it again"),
    ("a JSON object", lambda at: make(at, "a.json", b'{"question": "q"}'), "a.json", "use from_jsonl"),
    ("a JSON list of texts", lambda at: make(at, "a.json", b'["q"]'), "a.json", "a list of objects"),
    ("a JSON file cut off", lambda at: make(at, "a.json", b'[{"question": "q"'), "a.json", "line 1"),
    ("JSON Lines named .json", lambda at: make(at, "a.json", b'{"a": 1}\n{"a": 2}\n'), "a.json", "ending in .jsonl"),
    ("Latin-1", lambda at: make(at, "a.csv", CSV + "é,b,c\n".encode("latin-1")), "a.csv", "save it as UTF-8"),
    ("a binary file", lambda at: make(at, "a.json", bytes(range(256))), "a.json", "save it as UTF-8"),
    ("no format in the name", lambda at: make(at, "a.xlsx", b""), "a.xlsx", "ends in .json, .jsonl or .csv"),
    ("a list of texts", lambda _: sql(Dataset.from_records(["q"])), "row 1 is str", "a mapping"),  # type: ignore[list-item]
    ("rows that were not converted", lambda _: Dataset.from_records([{"a": "b"}]), "rows of a table", "call convert("),
]


@pytest.mark.parametrize(("data", "thing", "remedy"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_source_that_cannot_be_read_is_one_message(tmp_path, data, thing, remedy):
    """Each way a source can be wrong is one DatasetError of one line, and writing it leaves no file."""
    out = tmp_path / "out"
    out.mkdir()
    for use in (lambda made: made.write_jsonl(out / "train.jsonl"), lambda made: made.validate(model="nova-micro")):
        with pytest.raises(DatasetError) as caught:
            use(data(tmp_path))
        text = str(caught.value)
        assert thing in text
        assert remedy in text
        assert "\n" not in text
        assert isinstance(caught.value, NovaTuneError | ValueError)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", CSV.replace(b"question", b"Question")),
     ("a.json", b'[{"Question": "q", "context": "c", "answer": "a"}]'),
     ("a.jsonl", b'{"Question": "q", "context": "c", "answer": "a"}\n')],
)  # fmt: skip
def test_a_missing_column_is_a_finding_that_names_the_nearest(tmp_path, name, content):
    """A table without the named column is refused row by row, naming the column that may be meant."""
    data = make(tmp_path, name, content)
    wanted = "template field {question} has no column; columns are Question, context, answer; did you mean 'Question'?"
    report = data.validate(model="nova-micro")
    assert [issue.message for issue in report.issues if issue.rule == "row.refused"] == [wanted]
    with pytest.raises(InvalidDataset, match="did you mean 'Question'"):
        data.write_jsonl(tmp_path / "train.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl", "a.csv.gz"])
def test_an_empty_file_is_a_finding(tmp_path, name):
    """An empty file is an error in the report, so that a check ends with 1 and not with 2."""
    report = make(tmp_path, name, b"").validate(model="nova-micro")
    assert report.counts_by_rule == {"records.none": 1}
    assert not report.ok
    assert report.issues[0].hint


@pytest.mark.parametrize("where", ["missing", "file", "directory", "read-only"])
def test_an_output_that_cannot_be_written_is_named(tmp_path, where, monkeypatch):
    """A directory that is missing, a file, of the very name, or closed to us: one message and no file."""
    data = make(tmp_path, "a.csv", CSV)
    target = {
        "missing": tmp_path / "none" / "train.jsonl",
        "file": tmp_path / "a.csv" / "train.jsonl",
        "directory": tmp_path / "train.jsonl",
        "read-only": tmp_path / "closed" / "train.jsonl",
    }[where]
    if where == "directory":
        target.mkdir()
    elif where == "read-only":
        real = Path.open

        def refuse(self: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
            if "x" in mode:
                raise PermissionError(13, "Permission denied", str(self))
            return real(self, mode, *rest, **more)

        monkeypatch.setattr(Path, "open", refuse)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DatasetError, match=r"cannot be written: .*; choose another place") as caught:
        data.write_jsonl(target)
    assert caught.value.path == str(target)
    assert str(target) in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before
