"""Rows from files and iterables: each with its place, none lost, and every broken file told in one sentence."""

from __future__ import annotations

import csv
import gc
import gzip
import io
import itertools
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nova_tune import Dataset
from nova_tune.dataset import _sources
from nova_tune.errors import DatasetError, SourceError

WHITE = st.text(alphabet=" \t\r\n", max_size=3)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12), st.sampled_from(["]", ",", '"', "\\", "é\u2028", "🛶"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.text(max_size=4), VALUES, max_size=4)


def rows_of(text: str | bytes, suffix: str, **options: Any) -> list[tuple[int, int | None, Any]]:
    """Number, line and row (or bytes) of each record of a file with this content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data{suffix}"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        data = Dataset.from_csv(path, **options) if options else Dataset.from_file(path)
        return [
            (record.number, record.line, record.raw if record.row is None else record.row) for record in data._source
        ]


def refusal(text: str | bytes, suffix: str, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        rows_of(text, suffix, **options)
    assert "data" + suffix in str(caught.value)
    assert caught.value.path
    return caught.value


@pytest.fixture(params=[1, 7, 1 << 18], ids=["1-character", "7-characters", "whole"])
def block(request, monkeypatch):
    """How much the array reader reads at once."""
    monkeypatch.setattr(_sources, "_BLOCK", request.param)
    return request.param


# JSON arrays


@st.composite
def arrays(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]], list[int]]:
    """A JSON array of objects in some spelling, the objects, and the line on which each begins."""
    rows = draw(st.lists(OBJECTS, max_size=4))
    text, lines = draw(WHITE) + "[", []
    for index, row in enumerate(rows):
        text += (draw(WHITE) + "," if index else "") + draw(WHITE)
        lines.append(text.count("\n") + 1)
        text += json.dumps(row, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    return text + draw(WHITE) + "]" + draw(WHITE), rows, lines


@settings(max_examples=150)
@given(arrays(), st.sampled_from([1, 2, 3, 5, 16, 64]))
def test_an_array_is_read_as_json_reads_it(array, size):
    """Whatever the spelling and the block size, the rows are those of json.loads, each with the line it begins on."""
    text, rows, lines = array
    assert json.loads(text) == rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sources, "_BLOCK", size)
        assert rows_of(text, ".json") == [(n, lines[n - 1], row) for n, row in enumerate(rows, 1)]


@given(arrays(), st.data())
def test_a_truncated_array_is_an_error(array, data):
    """An array that breaks off anywhere before its closing bracket is refused, never read short."""
    text = array[0].strip()
    at = data.draw(st.integers(1, len(text) - 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sources, "_BLOCK", data.draw(st.sampled_from([1, 3, 1 << 18])))
        refusal(text[:at], ".json")


def test_an_array_cut_at_every_byte_is_an_error(block):
    """No byte of a file can be the last one but the closing bracket."""
    text = '[{"a": "é\\u00e9\\\\", "b": -1.5e-3}, {"c": [true, null, {"d": 12}]}]'.encode()
    for at in range(1, len(text)):
        refusal(text[:at], ".json")
    assert len(rows_of(text, ".json")) == 2


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[{"a": 1}]\n]', 2, "something follows"),
        ('[{"a": 1}] [{"a": 1}]', 1, "something follows"),
        ('[{"a": 1}]\x00', 1, "something follows"),
        ('[{"a": 1}\n{"a": 2}]', 2, "without a comma"),
        ('[{"a": 1},\n\n]', 3, "a comma before"),
        ('[,{"a": 1}]', 1, "not JSON"),
        ('[{"a": 1},,{"a": 2}]', 1, "not JSON"),
        ('[{"a": 1},\n{"b": 1,\n"c" 2}]', 3, "not JSON"),
        ('[{"a": 1},\n{"b": "x\ny"}]', 2, "not JSON"),
        ('{"a": 1}\n{"a": 2}', 1, "from_jsonl"),
        ('[{"a": 1}, 5]', 1, "item 2 of"),
        ('[["a"]]', 1, "is list, not an object"),
        ('[{"a": tru}]', 1, "not JSON"),
        ('[{"a": ' + "9" * 5000 + "}]", 1, "a number too long"),
        ('[{"a": ' + "[" * 100_000, 1, "nested too deeply"),
    ],
)
def test_a_malformed_array_names_its_line(text, line, words, block):
    """Whatever is wrong with an array is told with the physical line, at any block size."""
    error = refusal(text, ".json")
    assert error.line == line
    assert words in str(error)


def test_an_item_longer_than_a_block_is_read(monkeypatch):
    """A string over hundreds of blocks comes out whole, and what follows it too."""
    monkeypatch.setattr(_sources, "_BLOCK", 64)
    rows = [{"a": 'x"é\\' * 20_000}, {"b": 1}]
    assert [row for _, _, row in rows_of(json.dumps(rows), ".json")] == rows


def test_a_string_that_never_ends_is_not_read_forever(monkeypatch):
    """An unterminated string is given up after the largest record, not after the file."""
    monkeypatch.setattr(_sources, "_BLOCK", 64)
    monkeypatch.setattr(_sources, "_MAX_RECORD", 1000)
    assert "Unterminated string" in str(refusal('[{"a": "' + "x" * 10_000, ".json"))


def test_doubled_keys_in_an_array_are_refused_not_dropped():
    """A row in which a key stands twice is listed with its line; the other rows are taken."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.json"
        path.write_text('[{"prompt": "a", "completion": "b"},\n {"prompt": "a", "prompt": "c", "completion": "b"}]')
        data = Dataset.from_json(path)
        with pytest.raises(DatasetError, match="line 2: the key 'prompt' stands twice"):
            list(data.rows())


@pytest.mark.parametrize("text", ["", " \n", "[]", "\ufeff[ ]\n"])
def test_an_array_without_items_has_no_rows(text):
    """An empty file and an empty list are no rows and no error."""
    assert rows_of(text, ".json") == []


# JSON Lines


@given(
    st.lists(
        st.sampled_from([b"{}", b"", b" ", b'{"a": 1}\r', b"\xff", b"\xef\xbb\xbf{}", "é\u2028".encode()]), max_size=6
    )
)
def test_lines_are_kept_byte_for_byte(lines):
    """A line is what stands between line feeds, whatever it holds; numbers count the lines that are not blank."""
    found = rows_of(b"\n".join(lines), ".jsonl")
    expected = lines if lines and lines[-1] else lines[:-1]
    assert [raw for _, _, raw in found] == expected
    assert [line for _, line, _ in found] == list(range(1, len(expected) + 1))
    filled = [number for number, _, raw in found if raw.strip()]
    assert filled == list(range(1, len(filled) + 1))


def test_a_line_beyond_the_largest_record_is_never_loaded(tmp_path, monkeypatch):
    """A longer line than a record may be is a finding with its number; one of just that length is taken."""
    monkeypatch.setattr(_sources, "_MAX_RECORD", 100)
    monkeypatch.setattr(_sources, "_BLOCK", 7)
    for length in (6, 7, 8, 13, 14, 99, 100):
        lines = [b"x" * length, b"y" * length]
        assert [raw for _, _, raw in rows_of(b"\n".join(lines), ".jsonl")] == lines
    for length in (101, 102, 107, 108, 109, 500):
        for end, packed in itertools.product((b"", b"\n", b"\n{}"), (False, True)):
            path = tmp_path / "data.jsonl"
            content = b"{}\n" + b"x" * length + end
            path.write_bytes(gzip.compress(content) if packed else content)
            first, long, *rest = Dataset.from_file(path)._source
            assert (first.raw, long.raw, long.line, long.number) == (b"{}", None, 2, 2)
            assert (long.refusal.rule, long.refusal.line, long.refusal.record) == ("lines.long", 2, 2)
            assert [(record.raw, record.line, record.number) for record in rest] == [(b"{}", 3, 3)] * end.endswith(b"}")


def test_rows_of_json_lines_come_decoded():
    """rows() of JSON Lines are the objects, without blank lines; a line that is none is told with its number."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.jsonl"
        path.write_bytes(b'{"a": 1}\r\n\n{"a": 2}\n[3]\n')
        rows = Dataset.from_file(path).rows()
        assert [next(rows), next(rows)] == [{"a": 1}, {"a": 2}]
        with pytest.raises(DatasetError, match=r"line 4: .* not") as caught:
            next(rows)
        assert caught.value.line == 4


# CSV

CELLS = st.text(alphabet=st.sampled_from("ab,;\t|\"'\r\n é\u2028"), max_size=6)
TABLES = st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=4))


@settings(max_examples=200)
@given(TABLES, st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n"]), st.booleans())
@example([["a\r\nb", "c\rd\n"]], ",", "\r\n", True)
def test_csv_cells_are_kept_byte_for_byte(rows, delimiter, ending, bom):
    """Whatever stands in a cell comes out as it is; the delimiter is found, a BOM passed, the line right."""
    names = [f"c{n}" for n in range(len(rows[0]) if rows else 2)]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(names)
    lines = []
    for row in rows:
        lines.append(len(io.StringIO(text.getvalue(), newline="").readlines()) + 1)
        writer.writerow(row)
    content = ("\ufeff" if bom else "") + text.getvalue()
    assert rows_of(content, ".csv") == [
        (n, line, dict(zip(names, row, strict=True))) for n, (line, row) in enumerate(zip(lines, rows, strict=True), 1)
    ]


def test_the_line_of_a_row_is_the_physical_one():
    """Blank lines above the header and between rows, and line breaks in cells, count as lines and lose no row."""
    text = '\n \na,b\n"1\n1",2\n\n3,4\n\n\n5,6\n'
    assert [(line, row["a"]) for _, line, row in rows_of(text, ".csv")] == [(4, "1\n1"), (7, "3"), (10, "5")]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a,b,a\n1,2,3\n", 1, "two columns named 'a'"),
        ('a,b\n1,"2\n3,4\n', 2, "not CSV"),
        ('a,b\n1,2\n3,"4"x\n', 3, "not CSV"),
        ("a,b\n1," + "x" * 200_000 + "\n", 2, "csv.field_size_limit()"),
    ],
)
def test_a_malformed_csv_names_its_line(text, line, words):
    """Whatever is wrong with a CSV file is told with the physical line on which the row begins."""
    error = refusal(text, ".csv")
    assert error.line == line
    assert words in str(error)


@pytest.mark.parametrize("text", ["", "\n", " \n\n", "a,b", "a,b\n", "\ufeffa,b\n\n"])
def test_a_csv_without_rows_has_none(text):
    """An empty file, blank lines, or a header alone are no rows and no error."""
    assert rows_of(text, ".csv") == []


def test_the_delimiter_is_read_from_the_header_or_given():
    """A delimiter inside a quoted column name does not count, and a given one is taken as it is."""
    assert rows_of('"x,y,z";b\n1;2\n', ".csv")[0][2] == {"x,y,z": "1", "b": "2"}
    assert rows_of("a:b\n1:2\n", ".csv", delimiter=":")[0][2] == {"a": "1", "b": "2"}


# Files


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
def test_gzip_is_told_by_content(suffix):
    """A packed file reads like the plain one, with .gz in its name or without."""
    text = {".csv": "a,b\n1,2\n", ".json": '[{"a": "1", "b": "2"}]', ".jsonl": '{"a": "1", "b": "2"}\n'}[suffix]
    plain = rows_of(text, suffix)
    assert len(plain) == 1
    assert rows_of(gzip.compress(text.encode()), f"{suffix}.gz") == plain
    assert rows_of(gzip.compress(text.encode()), suffix) == plain
    assert rows_of(text, f"{suffix}.GZ") == plain


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
def test_a_truncated_or_damaged_gzip_is_named(suffix):
    """A gzip that breaks off, or whose bytes were changed, is refused by name and never read short."""
    rows = [{"a": f"value {n}"} for n in range(200)]
    text = {".csv": "a,b\n" + "1,2\n" * 500, ".json": json.dumps(rows), ".jsonl": "\n".join(map(json.dumps, rows))}[
        suffix
    ]
    packed = gzip.compress(text.encode())
    for at in range(2, len(packed), 13):
        assert "truncated; fetch it again" in str(refusal(packed[:at], f"{suffix}.gz"))
    for at in (len(packed) // 2, len(packed) - 6):
        damaged = packed[:at] + bytes([packed[at] ^ 0xFF]) + packed[at + 1 :]
        error = refusal(damaged, f"{suffix}.gz")
        assert "fetch it again" in str(error) or error.line


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_text_that_is_not_utf8_is_named(suffix):
    """A file in another encoding is refused with the remedy."""
    text = {".csv": "a,b\né,2\n", ".json": '[{"a": "é"}]'}[suffix]
    assert "is not UTF-8" in str(refusal(text.encode("latin-1"), suffix))


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
def test_a_file_that_cannot_be_opened_is_named(suffix, tmp_path, monkeypatch):
    """A missing file, a directory, a file in a file, and one that may not be read are each told with their path."""
    (tmp_path / "file").write_text("x")
    (tmp_path / f"folder{suffix}").mkdir()
    for name, words in (
        (f"none{suffix}", "there is no file"),
        (f"folder{suffix}", "is a directory"),
        (f"file/x{suffix}", "cannot"),
    ):
        with pytest.raises(SourceError, match=words) as caught:
            list(Dataset.from_file(tmp_path / name).rows())
        assert caught.value.path == str(tmp_path / name)
        assert name in str(caught.value)

    def refuse(self: Path, *_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match=r"cannot be read: .*Permission denied"):
        list(Dataset.from_file(tmp_path / f"x{suffix}").rows())


def test_a_name_that_tells_no_format_is_refused():
    """from_file() takes .json, .jsonl, .csv and .parquet, and says so for anything else."""
    with pytest.raises(
        SourceError, match=r"'data.txt' does not tell the format; it ends in .json, .jsonl or .csv, .* or in .parquet"
    ):
        Dataset.from_file("some/data.txt")


def test_making_a_dataset_reads_nothing(tmp_path):
    """A data set of a file that is not there yet can be made; each use is a new pass over what is there then."""
    path = tmp_path / "late.jsonl"
    data = Dataset.from_jsonl(path)
    path.write_text('{"a": 1}\n')
    assert list(data.rows()) == [{"a": 1}]
    path.write_text('{"a": 2}\n')
    assert list(data.rows()) == [{"a": 2}]


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl"])
def test_a_pass_that_is_given_up_closes_the_file(suffix, tmp_path):
    """A file is closed when its pass ends early, without waiting for the garbage collector."""
    path = tmp_path / f"x{suffix}"
    path.write_text({".csv": "a\n1\n2\n", ".json": '[{"a": 1}, {"a": 2}]', ".jsonl": '{"a": 1}\n{"a": 2}\n'}[suffix])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        rows = Dataset.from_file(path).rows()
        next(rows)
        rows.close()
        del rows
        gc.collect()


# Iterables


class Once:
    """Hands out one iterator again and again, but is none itself."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._iterator = iter(rows)

    def __iter__(self) -> Any:
        return self._iterator


class Hidden:
    """Looks as if it could be read again: every pass is a new generator over the same iterator."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._iterator = iter(rows)

    def __iter__(self) -> Any:
        yield from self._iterator


ROWS = [{"a": "1"}, {"a": "2"}, {"b": [1, None]}]


@pytest.mark.parametrize(
    "rows",
    [lambda: ROWS, lambda: tuple(ROWS), lambda: (row for row in ROWS), lambda: map(dict, ROWS), lambda: iter(ROWS),
     lambda: Once(ROWS), lambda: dict(enumerate(ROWS)).values()],
    ids=["list", "tuple", "generator", "map", "iterator", "one iterator", "view"],
)  # fmt: skip
def test_every_pass_over_an_iterable_gives_all_rows(rows):
    """Rows that can be read once only are all there on the second and third pass, also beside each other."""
    data = Dataset.from_records(rows())
    assert [list(data.rows()) for _ in range(3)] == [ROWS] * 3
    assert list(zip(data.rows(), data.rows(), strict=True)) == list(zip(ROWS, ROWS, strict=True))


def test_an_iterable_that_hides_that_it_can_be_read_once_is_found_out():
    """A second pass with fewer rows than the first is an error with the remedy, never silently empty."""
    data = Dataset.from_records(Hidden(ROWS))
    assert list(data.rows()) == ROWS
    with pytest.raises(DatasetError, match=r"gave 3 rows before and 0 now; .* list\(...\)"):
        list(data.rows())


def test_rows_may_grow_between_passes():
    """A list that grew is read as it is now."""
    rows = list(ROWS)
    data = Dataset.from_records(rows)
    assert len(list(data.rows())) == 3
    rows.append({"a": "4"})
    assert len(list(data.rows())) == 4


def test_the_spooled_rows_go_with_the_data_set(tmp_path, monkeypatch):
    """The temporary file lives as long as the last data set made of it, and no longer."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = Dataset.from_records({"prompt": str(n), "completion": "x"} for n in range(5))
    first, second = data.split(held_out=0.5)
    assert len(list(tmp_path.iterdir())) == 1
    del data, first
    gc.collect()
    assert len(list(tmp_path.iterdir())) == 1
    del second
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_an_iterable_that_fails_leaves_no_file(tmp_path, monkeypatch):
    """The caller's own error comes through, and the half-written temporary file is gone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def rows() -> Any:
        yield {"a": 1}
        raise RuntimeError("the cursor was closed")

    with pytest.raises(RuntimeError, match="the cursor was closed"):
        Dataset.from_records(rows())
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [["a"], [{"a": 1}, 5], {"a": {"b": 1}}, iter([("a", 1)])])
def test_what_is_no_mapping_is_refused_with_its_number(rows):
    """An item that has no columns is told with its number and type."""
    data = Dataset.from_records(rows)
    with pytest.raises(DatasetError, match=r"row \d is \w+, not a mapping of columns"):
        list(data.rows())
