"""Rows from Parquet, from tables in memory, and from objects in S3."""

from __future__ import annotations

import gc
import gzip
import importlib.util
import io
import json
import sys
import tempfile
import types
from typing import Any

import pytest

from nova_tune import Dataset, errors, formats

ROWS = [{"prompt": f"question {n}", "completion": f"answer {n}"} for n in range(5)]


# Parquet


class Batch:
    """Some rows, as Arrow holds them."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def to_pylist(self) -> list[dict[str, Any]]:
        return self._rows


class ArrowException(Exception):
    """The root of Arrow's errors."""


class ParquetFile:
    """Reads JSON Lines behind four letters, batch by batch, as pyarrow reads Parquet."""

    def __init__(self, file: Any) -> None:
        if file.read(4) != b"PAR1":
            raise ArrowException("Parquet magic bytes not found in footer.\nMore of it.")
        self._rows = [json.loads(line) for line in file]
        names = [name for row in self._rows[:1] for name in row]
        self.schema_arrow = types.SimpleNamespace(names=[name.rstrip("2") for name in names])

    def iter_batches(self, *, batch_size: int, use_threads: bool) -> Any:
        assert not use_threads
        for at in range(0, len(self._rows), 2):
            yield Batch(self._rows[at : at + 2])


@pytest.fixture
def arrow(monkeypatch):
    """A stand-in for pyarrow, so that the core alone proves what is done with it."""
    package = types.ModuleType("pyarrow")
    package.ArrowException = ArrowException
    package.parquet = types.ModuleType("pyarrow.parquet")
    package.parquet.ParquetFile = ParquetFile
    monkeypatch.setitem(sys.modules, "pyarrow", package)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", package.parquet)


def parquet(*rows: dict[str, Any]) -> bytes:
    return b"PAR1" + "\n".join(map(json.dumps, rows)).encode()


@pytest.mark.usefixtures("arrow")
def test_parquet_is_read_in_batches(tmp_path):
    """All rows come in order with their numbers, on every pass, and the step names the format."""
    (tmp_path / "rows.parquet").write_bytes(parquet(*ROWS))
    data = Dataset.from_file(tmp_path / "rows.parquet")
    assert [(record.number, record.line, record.row) for record in data._source] == [
        (number, number, row) for number, row in enumerate(ROWS, 1)
    ]
    assert data.steps == ({"step": "read", "source": "rows.parquet", "format": "parquet"},)
    assert data.convert(formats.auto()).describe().records == 5


@pytest.mark.usefixtures("arrow")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PAR2", r"is not Parquet, or is damaged: Parquet magic bytes not found in footer\.$"),
        (parquet({"a": 1, "a2": 2}), "two columns named 'a'"),
        (None, "there is no file"),
    ],
)
def test_parquet_that_cannot_be_read_is_named(tmp_path, content, words):
    """A damaged file, a doubled column and a missing file are told with the file's name."""
    path = tmp_path / "rows.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.SourceError, match=words) as caught:
        list(Dataset.from_parquet(path).rows())
    assert caught.value.path == str(path)


def test_parquet_without_its_extra_prints_the_pip_line(tmp_path, monkeypatch):
    """Making the data set needs nothing; the first pass names the extra."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    data = Dataset.from_parquet(tmp_path / "rows.parquet")
    with pytest.raises(errors.MissingExtra, match=r"pip install 'nova-tune\[parquet\]'"):
        list(data.rows())


@pytest.mark.extra
def test_real_parquet_is_read_where_the_extra_is_installed(tmp_path):
    """What pyarrow writes, in several row groups, comes out as the same rows; a cut file is told."""
    path = tmp_path / "rows.parquet"
    if importlib.util.find_spec("pyarrow") is None:
        with pytest.raises(errors.MissingExtra):
            list(Dataset.from_parquet(path).rows())
        return
    import pyarrow as pa
    from pyarrow import parquet as real

    rows = [{"prompt": "q", "messages": [{"role": "user", "content": "é"}], "n": None}] * 2500
    table = pa.Table.from_pylist(rows)
    real.write_table(table, path, row_group_size=700)
    assert list(Dataset.from_parquet(path).rows()) == rows
    assert list(Dataset.from_records(table).rows()) == rows
    assert list(Dataset.from_records(table.to_reader()).rows()) == rows
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(errors.SourceError, match="is not Parquet, or is damaged"):
        list(Dataset.from_parquet(path).rows())


# Tables in memory


class Table:
    """An Arrow table: iterating it gives columns, not rows."""

    def __iter__(self) -> Any:
        raise AssertionError("columns")

    def to_batches(self) -> list[Batch]:
        return [Batch(ROWS[:3]), Batch(ROWS[3:])]


class Reader:
    """A reader of Arrow batches, which reads once."""

    def __init__(self) -> None:
        self._batches = iter([Batch(ROWS[:3]), Batch(ROWS[3:])])

    def __iter__(self) -> Any:
        return self._batches

    def read_next_batch(self) -> Batch:
        return next(self._batches)


class Polars:
    """A DataFrame as Polars has it."""

    def iter_rows(self, *, named: bool) -> Any:
        assert named
        return iter(ROWS)


class Frame:
    """A DataFrame as pandas has it: iterating it gives the names of columns."""

    def __init__(self, columns: list[Any], cells: list[tuple[Any, ...]]) -> None:
        self.columns = columns
        self._cells = cells

    def __iter__(self) -> Any:
        return iter(self.columns)

    def itertuples(self, *, index: bool, name: str | None) -> Any:
        assert (index, name) == (False, None)
        return iter(self._cells)


class Array:
    """An array as NumPy has it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def tolist(self) -> Any:
        return self._value


NAType = type("NAType", (), {"__bool__": lambda self: 1 / 0})


@pytest.mark.parametrize(
    "table", [Table, Reader, Polars, lambda: Frame(list(ROWS[0]), [tuple(row.values()) for row in ROWS])]
)
def test_tables_give_their_rows_on_every_pass(table):
    """Arrow, Polars and pandas are told by their methods, and none of them is imported."""
    data = Dataset.from_records(table())
    assert [list(data.rows()) for _ in range(2)] == [ROWS] * 2
    assert data.steps == ({"step": "read", "source": table.__name__ if isinstance(table, type) else "Frame"},)


def test_cells_of_a_frame_are_plain_values():
    """Missing cells are None, arrays lists, NumPy's numbers Python's; texts and numbers are never rewritten."""
    cells = (float("nan"), NAType(), Array([{"role": Array("user")}]), Array(7), "007", {"a": (1.5, float("nan"))})
    names = ["a", "b", "c", "d", "e", 6]
    assert list(Dataset.from_records(Frame(names, [cells])).rows()) == [
        {"a": None, "b": None, "c": [{"role": "user"}], "d": 7, "e": "007", 6: {"a": [1.5, None]}}
    ]


def test_a_frame_with_doubled_columns_is_refused():
    """pandas allows two columns of one name; one of them would be lost."""
    with pytest.raises(errors.DatasetError, match="two columns named 'a'; rename one"):
        list(Dataset.from_records(Frame(["a", "a"], [(1, 2)])).rows())


def test_a_data_set_with_splits_asks_for_one():
    """Hugging Face hands out a mapping from split to data; the message lists them."""
    with pytest.raises(errors.DatasetError, match="row 1 is str, not a mapping of columns; choose one of train, test"):
        list(Dataset.from_records({"train": ROWS, "test": ROWS}).rows())


@pytest.mark.extra
@pytest.mark.filterwarnings("default")
def test_real_frames_and_data_sets_are_read_where_they_are_installed():
    """Whichever of pandas, Polars and datasets is here gives the rows that went in."""
    rows = [{"prompt": "q", "completion": None, "n": 1}, {"prompt": "r", "completion": "a", "n": 2}]
    for name, make in {
        "pandas": lambda package: package.DataFrame(rows),
        "polars": lambda package: package.DataFrame(rows),
        "datasets": lambda package: package.Dataset.from_list(rows),
    }.items():
        if importlib.util.find_spec(name):
            data = Dataset.from_records(make(importlib.import_module(name)))
            assert [list(data.rows()) for _ in range(2)] == [rows] * 2, name


# S3


def stored(scripted: Any, content: bytes, times: int = 1) -> Any:
    return scripted("s3", get_object=[{"Body": io.BytesIO(content)} for _ in range(times)])


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.csv.gz", "rows.parquet"])
@pytest.mark.usefixtures("arrow")
def test_an_object_in_s3_reads_like_a_file(name, scripted):
    """It is fetched once, on the first pass, whatever its format, and messages and steps call it by its URI."""
    header = "prompt,completion\n" + "".join(f"{row['prompt']},{row['completion']}\n" for row in ROWS)
    lines = "\n".join(map(json.dumps, ROWS)).encode()
    content = {
        "rows.jsonl": lines, "rows.json": json.dumps(ROWS).encode(), "rows.csv": header.encode(),
        "rows.csv.gz": gzip.compress(header.encode()), "rows.parquet": parquet(*ROWS),
    }[name]  # fmt: skip
    client = stored(scripted, content)
    uri = f"s3://bucket/dt=2026 11/{name}"
    data = Dataset.from_file(uri, client=client)
    assert client.asked == []
    assert [list(data.rows()) for _ in range(2)] == [ROWS] * 2
    assert client.asked == [("get_object", {"Bucket": "bucket", "Key": f"dt=2026 11/{name}"})]
    assert data.steps[0]["source"] == uri
    assert ("encoding" in data.steps[0]) == ("csv" in name)
    assert data.convert(formats.auto()).describe().records == 5


def test_the_fetched_file_goes_with_the_data_set(tmp_path, monkeypatch, scripted):
    """The temporary file lives as long as the last data set made of it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = Dataset.from_jsonl("s3://bucket/rows.jsonl", client=stored(scripted, b'{"prompt": "a", "completion": "b"}'))
    made = data.convert(formats.prompt_completion())
    del data
    assert made.describe().records == 1
    assert len(list(tmp_path.iterdir())) == 1
    del made
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_fault_in_an_object_names_its_uri(scripted):
    """Line and URI are told, never the temporary file."""
    data = Dataset.from_json("s3://bucket/rows.json", client=stored(scripted, b'[{"a": 1},\n}]'))
    with pytest.raises(errors.SourceError, match=r"^'s3://bucket/rows\.json' line 2: not JSON"):
        list(data.rows())


class Broken(io.BytesIO):
    """A body whose connection goes away."""

    def read(self, *args: Any) -> bytes:
        from botocore.exceptions import ResponseStreamingError

        raise ResponseStreamingError(error="gone")


def test_a_body_that_breaks_off_is_no_short_file(tmp_path, monkeypatch, scripted):
    """The fault is a typed error, the half file is gone, and the next pass fetches anew."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    client = scripted("s3", get_object=[{"Body": Broken()}, {"Body": io.BytesIO(b'{"a": 1}')}])
    data = Dataset.from_jsonl("s3://bucket/rows.jsonl", client=client)
    with pytest.raises(errors.ServiceFault):
        list(data.rows())
    assert list(data.rows()) == [{"a": 1}]
    del data
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_bucket_alone_is_no_object():
    """A URI without a key is told before anything is asked."""
    with pytest.raises(errors.SourceError, match="names no object; write s3://bucket/key"):
        list(Dataset.from_jsonl("s3://bucket/", client=object()).rows())


def test_an_object_of_the_rehearsal_is_read_with_a_session(rehearsal, session):
    """Upload and read back through S3's own protocol: the records are those that went up."""
    examples = Dataset.from_records(ROWS).convert(formats.prompt_completion())
    data = examples.upload(f"s3://{rehearsal.bucket}/sources/", session=session)
    assert list(Dataset.from_file(data.uri, session=session)) == list(examples)
    with pytest.raises(errors.NotFound):
        list(Dataset.from_jsonl(f"s3://{rehearsal.bucket}/sources/none.jsonl", session=session).rows())
