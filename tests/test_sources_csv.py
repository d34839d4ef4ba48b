"""The encoding and the dialect of CSV files: found where they are certain, put on record, and asked for where not."""

from __future__ import annotations

import csv
import gzip
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import Dataset, formats
from nova_tune.dataset import _sources_csv
from nova_tune.errors import DatasetError, InvalidDataset, SourceError


@pytest.fixture
def table(tmp_path):
    """Writes a CSV file and opens it."""

    def write(content: str | bytes, **options: Any) -> Dataset:
        path = tmp_path / "rows.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return Dataset.from_csv(path, **options)

    return write


def found(data: Dataset) -> dict[str, Any]:
    """What a pass put on record."""
    list(data.rows())
    return data.steps[0]


# Encodings


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-32", "utf-32")],
)
@pytest.mark.parametrize("packed", [False, True])
def test_unicode_is_told_by_its_mark(table, encoding, shown, packed):
    """Cells come out the same from each encoding of Unicode, packed or not, line breaks in them included."""
    content = 'question,answer\r\n"Größe\r\nin 東京?",🛶\r\n'.encode(encoding)
    data = table(gzip.compress(content) if packed else content)
    assert list(data.rows()) == [{"question": "Größe\r\nin 東京?", "answer": "🛶"}]
    assert data.steps[0] == {"step": "read", "source": "rows.csv", "format": "csv", "encoding": shown, "delimiter": ","}


def test_the_other_byte_order_is_read_too(table):
    """UTF-16 with the mark of the big end first."""
    assert list(table("\ufeffa,b\n1,é\n".encode("utf-16-be")).rows()) == [{"a": "1", "b": "é"}]


def test_a_code_page_is_taken_only_when_all_of_them_agree(table):
    """Bytes that every candidate reads alike leave no doubt; they are read as cp1252, and the steps say so."""
    data = table("a,b\n±5 µm,©\n".encode("cp1252"))
    assert list(data.rows()) == [{"a": "±5 µm", "b": "©"}]
    assert found(data)["encoding"] == "cp1252"


@pytest.mark.parametrize("page", ["cp1252", "mac_roman", "cp1251"])
def test_an_ambiguous_code_page_is_asked_for(table, page):
    """Where candidates differ, the message shows how two of them read the byte; a given one settles it."""
    text = "a,b\n1,2\nЖд,x\n" if page == "cp1251" else "a,b\n1,2\nGrüße,x\n"
    with pytest.raises(
        SourceError, match=r"is not UTF-8: byte 0x.. on line 3 is '.' in cp1252 and '.' in .*encoding="
    ) as e:
        list(table(text.encode(page)).rows())
    assert e.value.line == 3
    data = table(text.encode(page), encoding=page)
    assert list(data.rows())[1]["a"] == text.split()[2].partition(",")[0]
    assert found(data)["encoding"] == page


def test_a_character_cut_by_a_block_is_whole(table, monkeypatch):
    """Where blocks end makes no difference to what an encoding is taken for."""
    monkeypatch.setattr(_sources_csv, "_BLOCK", 5)
    assert found(table("a,b\n" + "é,🛶\n" * 9))["encoding"] == "utf-8"
    with pytest.raises(SourceError, match="byte 0xe9 on line 4"):
        list(table(b"a,b\n\n1,2\n1234567\xe9,2\n").rows())


def test_utf16_without_its_mark_is_asked_for(table):
    """ASCII in UTF-16 is valid UTF-8 full of NULs; it is never read as that."""
    content = "a,b\n1,2\n".encode("utf-16-le")
    with pytest.raises(SourceError, match="encoding='utf-16-le' or encoding='utf-16-be'"):
        list(table(content).rows())
    assert list(table(content, encoding="utf-16-le").rows()) == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        ("a,b\né,2\n".encode("cp1252"), "utf-8", "is not utf-8"),
        ("a,b\né,2\n".encode(), "ascii", "is not ascii"),
        (b"a,b\n1,2\n", "utf-16", "is not utf-16"),
        (b"a,b\n1,2\n", "klingon", "there is no encoding 'klingon'"),
    ],
)
def test_a_given_encoding_that_does_not_fit_is_told(table, content, encoding, words):
    """A wrong or unknown encoding is an error with the file's name, never replaced characters."""
    with pytest.raises(SourceError, match=words):
        list(table(content, encoding=encoding).rows())


# Dialects


@pytest.mark.parametrize(
    ("content", "row", "dialect"),
    [
        ("a;b, c\n1;2,5\n", {"a": "1", "b, c": "2,5"}, {}),
        ("a;b;c, d\n1;2;3,5\n", {"a": "1", "b": "2", "c, d": "3,5"}, {"delimiter": ";"}),
        ("a;b, c\n1;2\n", {"a": "1", "b, c": "2"}, {"delimiter": ";"}),
        ("a\tb\n1,2\t3\n", {"a": "1,2", "b": "3"}, {"delimiter": "\t"}),
        ("a\n1\n", {"a": "1"}, {"delimiter": ","}),
        ('a,b\n"say \\"hi\\", twice",2\n', {"a": 'say "hi", twice', "b": "2"}, {"delimiter": ",", "escape": "\\"}),
        ('a,b\n"C:\\",2\n', {"a": "C:\\", "b": "2"}, {"delimiter": ","}),
    ],
)
def test_the_dialect_is_the_one_that_the_first_rows_fit(table, content, row, dialect):
    """Header and first rows have as many cells in one dialect; which one it was stands in the steps."""
    if content.startswith("a;b, c\n1;2,5"):
        with pytest.raises(SourceError, match=r"by ',' or by ';'.*pass delimiter=',' or delimiter=';'"):
            list(table(content).rows())
        assert list(table(content, delimiter=";").rows()) == [row]
        return
    data = table(content)
    assert list(data.rows()) == [row]
    assert {key: data.steps[0][key] for key in data.steps[0] if key in {"delimiter", "escape"}} == dialect


def test_a_sample_that_ends_inside_a_row_tells_the_dialect_all_the_same(table):
    """Rows longer than what is looked at do not change what is found."""
    rows = "".join(f'"{"x, " * 20_000}";{n}\n' for n in range(4))
    data = table("text;number, of\n" + rows)
    assert [row["number, of"] for row in data.rows()] == ["0", "1", "2", "3"]


def test_only_the_first_rows_tell_the_dialect(table):
    """Fifty rows are looked at, so that one odd row far below is that row's fault and not the delimiter's."""
    data = table("a;b, c\n" + "1;2\n" * 60 + "3;4;5\n")
    assert [record.line for record in data._source if record.refusal is not None] == [62]
    assert data.steps[0]["delimiter"] == ";"


def test_a_row_cut_by_the_end_of_the_sample_does_not_count(table, monkeypatch):
    """What is looked at may end inside a row, also one without quotes."""
    for size in range(20, 32):
        monkeypatch.setattr(_sources_csv, "_SAMPLE", size)
        assert found(table("a;b, c\n" + "10;20\n" * 9))["delimiter"] == ";"


CELL = st.text(st.sampled_from('ab,"\n\r'), max_size=6)


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_what_is_written_as_csv_is_read_byte_for_byte(tmp_path_factory, rows, encoding):
    """Whatever the cells hold, they come out as they were written, in any encoding."""
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    assert [tuple(row.values()) for row in Dataset.from_csv(path).rows()] == rows


# Faults


def test_bare_quotes_are_read_where_they_can_mean_one_thing(table):
    """A quoted cell with quotes that were not doubled is read whole, and its line stands in the steps."""
    data = table('a,b,c\n1,"the ""best"" of "all" is it",\n2,x,"y"\n3,"he said "no".",z\r\n')
    assert [row["b"] for row in data.rows()] == ['the "best" of "all" is it', "x", 'he said "no".']
    assert found(data)["mended_lines"] == [2, 4]


@pytest.mark.parametrize(
    "row", ['1,"a "b", c",3', '1,"a "b"x', '1,"2\n"x" y",3', '1,2,"x "y" z",4', '1,"say "hi"",3'],
)  # fmt: skip
def test_bare_quotes_that_may_mean_more_are_an_error(table, row):
    """Where the number of cells comes out wrong, or the row has several lines, nobody can say what was meant."""
    with pytest.raises(SourceError, match=r"the row from line 2 .* is not CSV: .*; a quote inside a quoted cell"):
        list(table(f"a,b,c\n{row}\n").rows())


def test_rows_with_other_numbers_of_cells_are_listed_each(table):
    """They are refused with their lines while the others are taken; nothing is written unless all were."""
    data = table('a,b\n"1\n1",2\n3\n4,5\n\n6,7,8\n').convert(formats.template(system="", user="{a}", assistant="{b}"))
    refused = [record for record in data._source if record.refusal is not None]
    assert [(record.number, record.line, record.row) for record in refused] == [
        (2, 4, {"cells": ["3"]}), (4, 7, {"cells": ["6", "7", "8"]})
    ]  # fmt: skip
    with pytest.raises(InvalidDataset, match=r"2 row(.|\n)*line 4.*the row has 1 cells, the header names 2"):
        data.describe()
    with pytest.raises(DatasetError, match="line 4: the row has 1 cells"):
        list(table("a,b\n\n\n3\n").rows())
