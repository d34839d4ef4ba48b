"""dedupe() and shuffle(): exact, in bounded memory, the same from run to run."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import Dataset, formats
from nova_tune.dataset import _selection
from nova_tune.errors import DatasetError
from records import spelled, text_record

RECORDS = [text_record(f"question {n}", f"answer {n}") for n in range(40)]
NUMBERS = st.lists(st.integers(0, 12), max_size=60)
SEEDS = st.integers(-(2**63), 2**63 - 1)


def dataset(numbers: list[int]) -> Dataset:
    return Dataset.from_records([RECORDS[number] for number in numbers]).convert(formats.conversation())


def numbers_of(data: Dataset) -> list[int]:
    return [int(each.reference.split()[1]) for each in data]


@pytest.fixture
def tiny(monkeypatch) -> None:
    """Every bucket goes to disk at once."""
    monkeypatch.setattr(_selection, "_IN_MEMORY", 1)


@given(NUMBERS)
def test_the_first_of_equals_stays(numbers):
    """The order of the source stays, each content once, and the step tells how many there were."""
    once = dataset(numbers).dedupe()
    for _ in range(2):
        assert numbers_of(once) == list(dict.fromkeys(numbers))
    assert once.steps[-1] == {"step": "dedupe", "before": len(numbers), "after": len(set(numbers))}


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32)), min_size=1, max_size=20))
def test_spellings_of_one_record_are_one(chosen):
    """White space, escapes and key order make no other record."""
    lines = [spelled(Random(seed), RECORDS[number]) for number, seed in chosen]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.jsonl"
        path.write_bytes(b"\n".join(lines))
        kept = list(Dataset.from_jsonl(path).dedupe().lines())
    first = {number: index for index, (number, _) in reversed(list(enumerate(chosen)))}
    assert kept == [lines[index] for index in sorted(first.values())]


def test_it_works_through_files(tiny):
    """With no memory for digests the answer is the same."""
    random = Random(1)
    numbers = [random.randrange(40) for _ in range(2_000)]
    assert numbers_of(dataset(numbers).dedupe()) == list(dict.fromkeys(numbers))
    assert sorted(numbers_of(dataset(numbers).shuffle(3))) == sorted(numbers)


def test_refused_rows_are_no_repeats():
    """Rows that could not become records stay, all of them, and are not counted."""
    rows = [{"prompt": "q"}, {"prompt": "q", "completion": "a"}, {"prompt": "q"}, {"prompt": "q", "completion": "a"}]
    data = Dataset.from_records(rows).convert(formats.prompt_completion())
    for other in (data.dedupe(), data.shuffle(), data.dedupe().shuffle()):
        assert other.validate(model="nova-micro").counts_by_rule["row.refused"] == 2
    assert data.dedupe().steps[-1] == {"step": "dedupe", "before": 2, "after": 1}


def test_a_source_that_changed_is_told(tmp_path):
    """When the file grew since its repeats were found, no record is dropped in silence."""
    path = tmp_path / "in.jsonl"
    line = json.dumps(RECORDS[0]).encode() + b"\n"
    path.write_bytes(line * 3)
    once = Dataset.from_jsonl(path).dedupe()
    assert len(list(once.lines())) == 1
    path.write_bytes(line * 30)
    with pytest.raises(DatasetError, match="another number of records"):
        list(once.lines())


@given(NUMBERS, SEEDS, st.randoms())
def test_shuffle_is_the_same_from_any_order(numbers, seed, random):
    """All records, in an order of their contents alone; a second pass gives it again."""
    shuffled = dataset(numbers).shuffle(seed)
    order = numbers_of(shuffled)
    assert sorted(order) == sorted(numbers)
    assert numbers_of(shuffled) == order
    assert numbers_of(dataset(random.sample(numbers, len(numbers))).shuffle(seed)) == order


def test_shuffle_shuffles():
    """Seeds give other orders, a second shuffle another one, and none is the order of the source."""
    numbers = list(range(40))
    orders = [numbers_of(dataset(numbers).shuffle(seed)) for seed in range(5)]
    orders += [numbers_of(dataset(numbers).shuffle(0).shuffle(0)), numbers]
    assert len({tuple(order) for order in orders}) == 7


def test_shuffle_keeps_lines_and_bytes(tmp_path):
    """The bytes of each line are kept, and findings tell the line of the source."""
    lines = [json.dumps(record, indent=None, separators=(" , ", " : ")).encode() for record in RECORDS]
    lines[7] = lines[7].replace(b"bedrock-conversation-2024", b"other")
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\n".join(lines))
    data = Dataset.from_jsonl(path).shuffle(1)
    assert sorted(data.lines()) == sorted(lines)
    assert [issue.line for issue in data.validate(model="nova-micro").issues] == [8]


def test_splits_note_how_many_there_were():
    """After a whole pass the steps of both parts tell the records before and after."""
    train, held = dataset(list(range(40))).split(held_out=10)
    assert "before" not in train.steps[-1]
    train.describe()
    held.describe()
    assert [(part.steps[-1]["before"], part.steps[-1]["after"]) for part in (train, held)] == [(40, 30), (40, 10)]


def test_stats_are_figures_of_the_data():
    """Counts, bytes, tokens and lengths; what was refused or is no conversation is counted apart."""
    data = dataset(list(range(40)))
    stats, described = data.stats(), data.describe()
    assert (stats.records, stats.bytes, stats.tokens) == (40, described.bytes, described.tokens)
    assert (stats.turns.median, stats.system_characters.largest, stats.answer_characters.smallest) == (2, 9, 8)
    assert stats.prompt_characters.largest == len("question 39")
    assert stats.to_dict()["answer_characters"] == {"smallest": 8, "median": 9, "p95": 9, "largest": 9}
    assert str(stats).startswith("40 records, ")
    bad = Dataset.from_records([{"prompt": "q"}]).convert(formats.prompt_completion()).stats()
    assert (bad.records, bad.refused) == (0, 1)
    assert "1 rows refused" in str(bad)


def test_stats_count_what_is_no_conversation(tmp_path):
    """A line that is no conversation has bytes, but no lengths."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"messages": 1}\n')
    stats = Dataset.from_jsonl(path).stats()
    assert (stats.records, stats.unread, stats.turns.largest) == (1, 1, 0)
