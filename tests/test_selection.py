"""sample() and split(): decided by content alone, so that order, spelling and duplicates change nothing."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import Dataset, formats
from nova_tune.dataset._selection import place
from nova_tune.errors import DatasetError
from records import spelled, text_record

DISTINCT = [text_record(f"question {n}", f"answer {n}", system="s") for n in range(1000)]
NUMBERS = st.lists(st.integers(0, 12), min_size=2, max_size=25)
SEEDS = st.integers(-(2**63), 2**63 - 1)


def dataset(records: list[dict[str, Any]]) -> Dataset:
    return Dataset.from_records(records).convert(formats.conversation())


def contents(data: Dataset) -> list[bytes]:
    return [conversation.canonical() for conversation in data]


def from_lines(lines: list[bytes]) -> Dataset:
    """A data set of a file that is gone when the caller is done with its rows; held in memory by sample()."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.jsonl"
        path.write_bytes(b"\n".join(lines))
        return Dataset.from_jsonl(path).sample(len(lines))


@given(NUMBERS, SEEDS, st.integers(1, 30), st.randoms())
def test_sample_is_the_same_from_any_order(numbers, seed, n, random):
    """The chosen records, and the order they come in, are those of any permutation of the rows."""
    rows = [DISTINCT[number] for number in numbers]
    moved = random.sample(rows, len(rows))
    chosen = contents(dataset(rows).sample(n, seed=seed))
    assert contents(dataset(moved).sample(n, seed=seed)) == chosen
    assert len(chosen) == min(n, len(rows))
    assert not Counter(chosen) - Counter(contents(dataset(rows)))


@given(NUMBERS, SEEDS, st.one_of(st.floats(0.05, 0.95), st.just(1)), st.sampled_from([None, "prompt"]), st.randoms())
def test_split_is_the_same_from_any_order_disjoint_and_complete(numbers, seed, held_out, by, random):
    """Both parts together are all rows, equal rows stand on one side, and no permutation moves a row across."""
    rows = [DISTINCT[number] for number in numbers]
    if held_out == 1 and len(set(numbers)) == 1:
        rows.append(DISTINCT[13])
    parts = dataset(rows).split(held_out=held_out, by=by, seed=seed)
    train, held = (Counter(contents(part)) for part in parts)
    assert train + held == Counter(contents(dataset(rows)))
    assert not train & held
    moved = dataset(random.sample(rows, len(rows))).split(held_out=held_out, by=by, seed=seed)
    assert [Counter(contents(part)) for part in moved] == [train, held]


@given(st.lists(st.integers(0, 2**32), min_size=2, max_size=6), SEEDS)
def test_spellings_of_one_record_never_straddle(spellings, seed):
    """Records that differ in white space, escapes or key order are duplicates: all on one side."""
    record = text_record("Größe?", "é 🛶")
    lines = [spelled(Random(spelling), record) for spelling in spellings]
    sizes = [len(list(part.lines())) for part in from_lines(lines).split(held_out=0.5, seed=seed)]
    assert sorted(sizes) == [0, len(lines)]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_share_is_met_on_average(share):
    """Of 1,000 distinct records a share is held out within four standard deviations, for each of several seeds."""
    spread = 4 * (1000 * share * (1 - share)) ** 0.5
    for seed in range(5):
        _, held = dataset(DISTINCT).split(held_out=share, seed=seed)
        assert abs(len(list(held)) - 1000 * share) <= spread


def test_a_sample_is_split_as_well_as_all_rows():
    """Sampling and splitting with one seed are independent choices, and so are two splits and two samples in a row."""
    data = dataset(DISTINCT).sample(500, seed=7)
    train, held = data.split(held_out=0.1, seed=7)
    assert 25 <= len(list(held)) <= 75
    again = train.split(held_out=0.1, seed=7)[1]
    assert 20 <= len(list(again)) <= 70
    first = contents(data.sample(250, seed=7))
    kept_half = set(contents(dataset(DISTINCT).sample(250, seed=7)))
    assert 60 <= len(kept_half & set(first)) <= 190


@pytest.mark.parametrize("count", [1, 37, 999])
def test_a_count_of_distinct_records_is_met_exactly(count):
    """A count holds out just so many records, whatever the seed."""
    for seed in range(3):
        train, held = dataset(DISTINCT).split(held_out=count, seed=seed)
        assert (len(list(train)), len(list(held))) == (1000 - count, count)


@given(st.lists(st.integers(0, 12), min_size=3, max_size=25), st.integers(1, 25), SEEDS)
def test_a_count_of_duplicates_is_met_by_whole_groups(numbers, count, seed):
    """With duplicates at least the count is held out and less than a group more, unless nothing would be left."""
    rows = [DISTINCT[number] for number in numbers]
    try:
        train, held = dataset(rows).split(held_out=count, seed=seed)
    except DatasetError:
        assert count > len(numbers) - max(Counter(numbers).values())
        return
    held_contents = contents(held)
    assert count <= len(held_contents) < count + max(Counter(numbers).values())
    assert contents(train)


def test_another_seed_makes_another_choice():
    """Seeds decide what is sampled and what is held out; negative ones are seeds too."""
    samples = {tuple(contents(dataset(DISTINCT[:50]).sample(10, seed=seed))) for seed in (-1, 0, 1, 2**62)}
    splits = {tuple(contents(dataset(DISTINCT[:50]).split(held_out=10, seed=seed)[1])) for seed in (-1, 0, 1, 2**62)}
    assert len(samples) == len(splits) == 4
    assert place(b"key", 1, "split") != place(b"key", 2, "split") != place(b"key", 2, "sample")


# Groups

TABLES = [
    "CREATE TABLE a (x INT, note VARCHAR(5) DEFAULT ')')",
    'create  table "b;" (y INT)',
    "CREATE TEMPORARY TABLE c(z INT, CHECK (z > 0))",
    "CREATE TABLE d AS SELECT 1",
]


@st.composite
def prompts(draw: st.DrawFn) -> tuple[frozenset[int], str]:
    """A set of tables, and a prompt that states them in some order and spelling with a question behind or between."""
    tables = draw(st.lists(st.sampled_from(range(len(TABLES))), min_size=1, max_size=3, unique=True))
    text = draw(st.sampled_from(["", "Given: ", "It's so. "]))
    for table in tables:
        statement = draw(st.sampled_from([TABLES[table], TABLES[table].upper(), TABLES[table].replace(" ", "\n ")]))
        text += statement + draw(st.sampled_from([";", ";\n", "; "]))
    return frozenset(tables), text + f" question {draw(st.integers(0, 99))}?"


@given(st.lists(prompts(), min_size=2, max_size=12), SEEDS, st.booleans())
def test_a_schema_never_stands_on_both_sides(drawn, seed, in_system):
    """With by="schema" the same set of tables is never in both parts, whatever its spelling, order and question."""
    rows = [
        text_record("question?" if in_system else text, f"{n}", system=text if in_system else "s")
        for n, (_, text) in enumerate(drawn)
    ]
    sides = [
        {drawn[int(row.reference)][0] for row in part}
        for part in dataset(rows).split(held_out=0.5, by="schema", seed=seed)
    ]
    assert not sides[0] & sides[1]
    assert sides[0] | sides[1] == {tables for tables, _ in drawn}


def test_a_schema_that_is_cut_off_is_a_group_of_its_own():
    """A statement whose bracket never closes is taken to the end of the text, and is not the whole one."""
    cut, whole = "CREATE TABLE t (x INT, y", "CREATE TABLE t (x INT, y INT)"
    rows = [text_record(f"q{n}", cut if n % 2 else whole, system=cut if n % 2 else whole) for n in range(20)]
    train, held = dataset(rows).split(held_out=10, by="schema")
    assert {row.reference for row in train}.isdisjoint({row.reference for row in held})


def test_different_schemas_are_different_groups():
    """Schemas that differ in a column, or in which tables they name, are groups of their own."""
    rows = [text_record("q", "a", system=f"CREATE TABLE t{n} (x INT); CREATE TABLE u (y INT)") for n in range(40)]
    train, held = dataset(rows).split(held_out=10, by="schema")
    assert (len(list(train)), len(list(held))) == (30, 10)


def test_equal_prompts_stay_together():
    """With by="prompt" different answers to one prompt stand on one side, also when keys stand in another order."""
    rows = [text_record(f"question {n % 20}", f"answer {n}") for n in range(60)]
    rows += [
        {"messages": [dict(reversed(m.items())) for m in row["messages"]], **{k: row[k] for k in ("system",)}}
        for row in rows
    ]
    train, held = dataset(rows).split(held_out=0.4, by="prompt", seed=3)
    asked = [{row.prompt[0]["content"][0]["text"] for row in part} for part in (train, held)]
    assert asked[0]
    assert asked[1]
    assert not asked[0] & asked[1]


def test_a_function_names_the_group():
    """A function from conversation to text groups as it says, and stands in the steps by its name."""

    def last_digit(conversation):
        return conversation.reference[-1]

    train, held = dataset(DISTINCT[:100]).split(held_out=30, by=last_digit)
    assert {row.reference[-1] for row in train}.isdisjoint({row.reference[-1] for row in held})
    assert len(list(held)) == 30
    assert held.steps[-1]["by"] == "last_digit"
    odd = dataset(DISTINCT[:2]).split(held_out=0.5, by=lambda _: "\ud800")
    assert sorted(len(list(part)) for part in odd) == [0, 2]


def test_a_record_without_a_schema_is_named():
    """Grouping by schema needs one in every prompt; the first record without is told, with the other ways."""
    rows = [text_record("q", "CREATE TABLE answer (a INT)", system="CREATE TABLE t (x INT)"), text_record("q", "a")]
    train, _ = dataset(rows).split(held_out=0.5, by="schema")
    with pytest.raises(
        DatasetError, match="line 2 holds no CREATE TABLE statement to group by; use by='prompt'"
    ) as caught:
        list(train)
    assert caught.value.line == 2


def own_group(conversation):
    return conversation.system


NO_JSON_OBJECTS = [b"{", b"[]", b'"x"']
NO_CONVERSATIONS = [b'{"messages": 5}', b'{"messages": [{"role": "user"}]}', b"{}"]


@pytest.mark.parametrize(
    ("by", "line"),
    [(by, line) for by in ("schema", "prompt") for line in NO_JSON_OBJECTS + NO_CONVERSATIONS]
    + [(own_group, line) for line in NO_JSON_OBJECTS],
)
def test_a_line_that_is_no_conversation_cannot_be_grouped(tmp_path, by, line):
    """A line that has no group is told with its number and the remedy, not as a KeyError."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(json.dumps(text_record(system="CREATE TABLE t (x INT)")).encode() + b"\n\n" + line)
    with pytest.raises(DatasetError, match=r"line 3 is not a (record|conversation).*run validate\(\) first") as caught:
        Dataset.from_jsonl(path).split(held_out=1, by=by)
    assert caught.value.line == 3


def test_lines_that_are_no_records_are_still_sampled_and_split(tmp_path):
    """Without groups a broken line is a record like others, so that validate() can name it afterwards."""
    path = tmp_path / "in.jsonl"
    lines = [b"{", b"[]", b"\xff", b'{"a": "\\ud800"}', b'{"a": NaN}', b'{"a":' * 5000]
    path.write_bytes(b"\n".join(lines) + b"\n")
    data = Dataset.from_jsonl(path)
    assert sorted(data.sample(6).lines()) == sorted(lines)
    train, held = data.split(held_out=3)
    assert sorted([*train.lines(), *held.lines()]) == sorted(lines)


# Refused rows and nonsense


def test_refused_rows_survive():
    """A refused row stays with every sample and with the training part, so that writing is still refused."""
    rows = [*DISTINCT[:20], {"prompt": "no conversation"}, *DISTINCT[20:40], {"messages": float("nan")}]
    data = dataset(rows)
    train, held = data.split(held_out=0.5)
    for part in (data.sample(1), data.sample(99), train, train.sample(2).split(held_out=1)[0]):
        report = part.validate(model="nova-micro")
        assert report.counts_by_rule["row.refused"] == 2
        assert [issue.line for issue in report.issues if issue.rule == "row.refused"] == [21, 42]
    assert "row.refused" not in held.validate(model="nova-micro").counts_by_rule
    assert data.sample(3).validate(model="nova-micro").records == 3


class Whole:
    """A whole number of somebody else's type, as numpy has them."""

    def __index__(self) -> int:
        return 3


def test_any_whole_number_is_a_count():
    """A count may be of any integer type."""
    assert len(list(dataset(DISTINCT[:9]).sample(Whole()))) == 3  # type: ignore[arg-type]
    assert len(list(dataset(DISTINCT[:9]).split(held_out=Whole())[1])) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [0, -1, True, False, 2.0, 2.5, float("nan"), "3", None])
def test_a_sample_of_nonsense_is_refused(n):
    """A sample is a whole number from 1."""
    with pytest.raises(DatasetError, match="give a whole number from 1"):
        dataset(DISTINCT[:5]).sample(n)


@pytest.mark.parametrize("held_out", [0, -1, -0.5, 0.0, 1.0, 1.5, True, False, float("nan"), float("inf")])
def test_a_split_of_nonsense_is_refused(held_out):
    """What is held out is a share between 0 and 1 or a count from 1."""
    with pytest.raises(DatasetError, match="give a share between 0 and 1, or a count from 1"):
        dataset(DISTINCT[:5]).split(held_out=held_out)


@pytest.mark.parametrize("held_out", [5, 6])
def test_a_split_that_leaves_nothing_is_refused(held_out):
    """Holding out all records is an error, not an empty training set."""
    with pytest.raises(DatasetError, match="there are 5 records in 5 groups of equals; nothing would be left to train"):
        dataset(DISTINCT[:5]).split(held_out=held_out)


def test_an_unknown_grouping_is_refused():
    """A misspelt grouping is told at once, with the ones there are."""
    with pytest.raises(DatasetError, match="no grouping 'schemas'; use 'schema', 'sql', 'prompt' or a function"):
        dataset(DISTINCT[:5]).split(held_out=0.5, by="schemas")


def test_an_sql_template_never_stands_on_both_sides():
    """With by="sql" answers that differ in literals alone stay together, and an answer without SQL is refused."""
    rows = [text_record(f"question {n}", f"SELECT a{n % 40} FROM t WHERE b = {n} AND c = 'x{n}'") for n in range(200)]
    sides = [{row.reference.split()[1] for row in part} for part in dataset(rows).split(held_out=0.4, by="sql", seed=2)]
    assert all(sides)
    assert not sides[0] & sides[1]
    with pytest.raises(DatasetError, match="line 2 holds no SQL"):
        list(dataset([rows[0], text_record("q", " ; ")]).split(held_out=0.5, by="sql")[0])
