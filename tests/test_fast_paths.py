"""What is done the quick way gives what the plain way gives: reading rows, rendering, the canonical form, splitting."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nova_tune import Conversation, Dataset, Template, errors, formats
from nova_tune.dataset import _sources
from nova_tune.dataset._flat import flat_rows
from nova_tune.dataset._selection import canonical
from nova_tune.dataset._sources import Record
from nova_tune.tokens import TokenCounter, estimate_tokens
from records import text_record
from test_accept import drawn

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = st.integers(0, 2**63)
CELLS = (
    "How many?", "", 'a "quoted" \\ cell', "}", "},{", '{"a": "b"}', "line\nbreak", "\u2028", "é", "\U0001f6f6", "\0",
    "]", "\\u0022", None,
)  # fmt: skip
ROWS = [{"question": f"{n}?", "context": "CREATE TABLE t (a INT)", "answer": f"SELECT {n}"} for n in range(200)]


def array(random: Random) -> bytes:
    """A JSON array of rows in some layout, now and then with what a plain row has not."""
    rows = [{name: random.choice(CELLS) for name in random.sample("abcd", random.randint(0, 4))} for _ in range(12)]
    if random.random() < 0.3:
        random.choice(rows)["more"] = random.choice((1, 1.5, True, ["x"], {"y": "z"}, 10**30))
    text = json.dumps(
        rows,
        ensure_ascii=random.random() < 0.5,
        indent=random.choice((None, None, 0, 1, 3)),
        separators=random.choice((None, (",", ":"))),
    )
    what = random.random()
    if what < 0.15:
        text = text.replace("},", "},\n" if random.random() < 0.5 else "}\n,\n\n", random.choice((1, -1)))
    elif what < 0.3 and '"a"' in text:
        text = text.replace('"a"', random.choice(('"b"', '"\\u0061"', '"a":"x","a"', '"a":"\\u0022\\u0022","a"')), 1)
    elif what < 0.4:
        at = random.randrange(len(text))
        text = text[:at] + random.choice(("", "x", '"', "{", "}", ",", "\n", "\\ud800")) + text[at + 1 :]
    return text.encode("utf-8", "surrogatepass")


def read(path: Path) -> list[object] | str:
    """The records of a file, or why they cannot be read."""
    try:
        return [(record, list(record.row), type(record.row).__name__) for record in Dataset.from_json(path)._source]
    except errors.SourceError as error:
        return str(error)


@settings(max_examples=400)
@given(SEEDS, st.sampled_from([40, 200, 1 << 18]))
def test_rows_read_together_are_the_rows_read_one_by_one(tmp_path_factory, seed, block):
    """An array gives the same rows on the same lines, or the same error, whether its plain rows are read together."""
    path = tmp_path_factory.mktemp("rows") / "a.json"
    path.write_bytes(array(Random(seed)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sources, "_BLOCK", block)
        quick = read(path)
        patch.setattr(_sources, "flat_rows", lambda text, at: None)
        assert quick == read(path)


def test_plain_rows_are_read_together():
    """In each usual layout the quick way is taken, up to the last row that is whole."""
    for indent in (None, 0, 2):
        text = json.dumps([{"a": "x } y", "b": None}, {"a": "2", "b": "z"}], indent=indent)
        found = flat_rows(text + ', {"a": "br', text.index("{"))
        assert found is not None
        assert len(found.rows) == 2
        assert text[: found.end].rstrip().endswith("}")
    assert flat_rows('{"a": "x", "a": "y"}]', 0) is None
    assert flat_rows('{"a": 1}]', 0) is None
    assert flat_rows('"}"]', 0) is None


def plain_canonical(raw: bytes) -> bytes:
    def refuse(word: str) -> None:
        raise ValueError(word)

    try:
        record = json.loads(raw.decode(), parse_constant=refuse)
        return Conversation(record).canonical() if isinstance(record, dict) else raw
    except (ValueError, RecursionError):
        return raw


@settings(max_examples=1000)
@given(SEEDS)
def test_the_canonical_form_is_the_same_whoever_decodes(seed):
    """Text records, which have a decoder of their own, have the canonical bytes that any record would have."""
    raw = drawn(seed)
    assert canonical(Record(1, 1, raw)) == plain_canonical(raw)


@pytest.mark.parametrize("text", [{"system": []}, {"schemaVersion": None}, {"system": [{"text": "é\0"}]}, {"note": 1}])
def test_no_key_is_lost_in_the_canonical_form(text):
    """An empty system or a null stays in the canonical form, so that it differs from one without the key."""
    raw = json.dumps({**text_record("a", "b", system=None), **text}).encode()
    assert canonical(Record(1, 1, raw)) == plain_canonical(raw)


@given(st.text("ab{}", max_size=12), st.dictionaries(st.sampled_from("ab"), st.text("x{}", max_size=4), min_size=2))
@example("{{{a}}} }}{{", {"a": "{b}", "b": ""})
def test_rendering_is_format_map(text, row):
    """A template gives what str.format_map gives, braces and all."""
    try:
        template = Template(system=text, user="{a}", assistant="{b}")
    except errors.TemplateError:
        return
    if set(template.columns) <= set(row):
        assert template.turns(row)[0] == text.format_map(row)
    else:
        with pytest.raises(errors.TemplateError, match="has no column"):
            template.turns(row)


@given(st.lists(SEEDS, max_size=12))
def test_tokens_counted_together_are_the_tokens_of_all_texts(seeds):
    """The estimate of many lines is that of their texts joined, whenever they are weighed."""
    counter, texts = TokenCounter(), []
    for seed in seeds:
        line = json.dumps(text_record(*(str(number) * 3000 for number in (seed, seed % 7)))).encode()
        counter.add_record(line)
        texts += [part["text"] for part in json.loads(line)["system"]]
        texts += [part["text"] for message in json.loads(line)["messages"] for part in message["content"]]
        counter.estimate()
    assert counter.estimate() == estimate_tokens("".join(texts))


@pytest.mark.parametrize("options", [{"held_out": 0.2}, {"held_out": 30, "seed": 4}, {"held_out": 0.5, "by": "prompt"}])
def test_a_split_written_at_once_is_the_split_written_in_two(tmp_path, options):
    """write_split() writes the files and tells the figures of split() and two times write_jsonl()."""
    data = Dataset.from_records(ROWS).convert(formats.text_to_sql()).checked(model="nova-micro")
    told = data.write_split(tmp_path / "train", tmp_path / "test", **options)
    parts = data.split(**options)
    assert told == tuple(part.write_jsonl(tmp_path / f"{index}") for index, part in enumerate(parts))
    assert (tmp_path / "train").read_bytes() == (tmp_path / "0").read_bytes()
    assert (tmp_path / "test").read_bytes() == (tmp_path / "1").read_bytes()


def test_a_split_with_a_refused_row_writes_nothing(tmp_path):
    """One row that breaks a rule keeps both files from being written, and is named."""
    rows = [*ROWS[:50], {**ROWS[50], "answer": "System: no"}, *ROWS[51:]]
    data = Dataset.from_records(rows).convert(formats.text_to_sql()).checked(model="nova-micro")
    with pytest.raises(errors.InvalidDataset, match=r"text\.reserved") as caught:
        data.write_split(tmp_path / "train", tmp_path / "test", held_out=0.2)
    assert [issue.line for issue in caught.value.report.issues] == [51]
    assert list(tmp_path.iterdir()) == []


def test_a_split_is_never_written_over_its_source_or_itself(tmp_path):
    """Neither part takes the name of the data's own file, nor the other's."""
    source = tmp_path / "a.jsonl"
    Dataset.from_records(ROWS).convert(formats.text_to_sql()).write_jsonl(source)
    data = Dataset.from_jsonl(source)
    for train, test in ((source, tmp_path / "b"), (tmp_path / "b", source), (tmp_path / "b", tmp_path / "b")):
        with pytest.raises(errors.DatasetError):
            data.write_split(train, test, held_out=0.2)
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_format_that_makes_a_blank_line_is_refused():
    """A row that becomes nothing is a refused row, not a lost one."""

    class Silent:
        template = None

        def line(self, row):
            return {"1": b" ", "2": b"{}\r", "3": b"{}"}[row["a"]]

    data = Dataset.from_records([{"a": "1"}, {"a": "2"}, {"a": "3"}]).convert(Silent())
    report = data.validate(model="nova-micro")
    assert [(issue.line, issue.rule) for issue in report.issues if issue.rule == "row.refused"] == [
        (1, "row.refused"), (2, "row.refused"),
    ]  # fmt: skip
