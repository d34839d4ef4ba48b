"""The example's own data: it can be made again, every answer runs, and the house dialect is kept throughout."""

from __future__ import annotations

import csv
import importlib.util
import re
import sqlite3
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

DATA = Path(__file__).parents[1] / "examples" / "data"
SOFT_DELETED = {"locks", "wharves", "barges", "skippers"}


@pytest.fixture(scope="module")
def generator() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("example_data_generate", DATA / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (DATA / "questions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def intents() -> list[dict[str, Any]]:
    return tomllib.loads((DATA / "intents.toml").read_text(encoding="utf-8"))["intent"]


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    address = (DATA / "canal.sqlite").resolve().as_uri() + "?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        yield connection


def test_the_committed_files_come_out_of_the_generator(generator, tmp_path, capsys):
    """Running the generator gives the committed questions and schema byte for byte, and the same database content."""
    assert generator.main(["--out", str(tmp_path)]) == 0
    assert "779 questions" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["canal.sqlite", "questions.csv", "schema.sql"]
    for name in ("questions.csv", "schema.sql"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
    with (
        closing(sqlite3.connect(tmp_path / "canal.sqlite")) as made,
        closing(sqlite3.connect(DATA / "canal.sqlite")) as committed,
    ):
        assert list(made.iterdump()) == list(committed.iterdump())


def test_two_runs_write_the_same_bytes(generator, tmp_path):
    """On one machine all three files are equal byte for byte, the database too."""
    for name in ("first", "second"):
        assert generator.main(["--out", str(tmp_path / name)]) == 0
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_a_fault_is_listed_and_nothing_is_written(generator, tmp_path, capsys, monkeypatch):
    """When verification finds a fault the generator names it, exits with 1 and leaves no file behind."""
    monkeypatch.setattr(generator, "SOFT_DELETED", ("reaches",))
    assert generator.main(["--out", str(tmp_path)]) == 1
    assert "reaches is read without its retired_on filter" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_sizes_stay_within_what_a_repository_should_carry(rows, intents, db):
    """There are enough rows, templates and contexts to learn from, in small files."""
    assert list(rows[0]) == ["question", "context", "answer"]
    assert len(rows) >= 700
    assert len(intents) >= 60
    assert len({row["context"] for row in rows}) >= 25
    assert (DATA / "questions.csv").stat().st_size < 600_000
    assert (DATA / "canal.sqlite").stat().st_size < 300_000
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        assert 20 <= db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] <= 400


@pytest.mark.parametrize(
    "impossible",
    [
        "SELECT * FROM voyages JOIN barges USING (barge_id) WHERE retired_on <= COALESCE(arrived_on, departed_on)",
        "SELECT * FROM voyages JOIN skippers USING (skipper_id) WHERE retired_on <= COALESCE(arrived_on, departed_on)",
        "SELECT * FROM voyages JOIN skippers USING (skipper_id) WHERE licensed_on > departed_on",
        "SELECT * FROM passages JOIN locks USING (lock_id) WHERE retired_on <= passed_on",
        "SELECT * FROM repairs JOIN locks USING (lock_id) WHERE retired_on <= reported_on",
        "SELECT * FROM repairs WHERE (finished_on IS NULL) <> (cost_pence IS NULL)",
        "SELECT * FROM voyages WHERE from_wharf_id = to_wharf_id OR arrived_on <= departed_on",
        "SELECT * FROM passages JOIN voyages USING (voyage_id) WHERE passed_on < departed_on OR passed_on > arrived_on",
        *(
            f"SELECT * FROM (SELECT departed_on, from_wharf_id, LAG(arrived_on) OVER w AS arrived,"
            f" LAG(to_wharf_id) OVER w AS place FROM voyages WINDOW w AS (PARTITION BY {who} ORDER BY voyage_id))"
            f" WHERE departed_on < arrived {also}"
            for who, also in (("barge_id", "OR from_wharf_id <> place"), ("skipper_id", ""))
        ),
    ],
)
def test_the_company_could_exist(db, impossible):
    """Nothing works after it is retired, nobody is in two places at once, and boats leave from where they arrived."""
    assert db.execute(impossible).fetchall() == []


def test_every_answer_runs_and_nearly_all_return_something(rows, db):
    """No answer fails on the database, and at least nine in ten return a value."""
    results = [db.execute(row["answer"]).fetchall() for row in rows]
    filled = sum(any(value is not None for line in result for value in line) for result in results)
    assert filled >= 0.9 * len(rows)


def test_the_context_is_enough_to_understand_the_answer(rows):
    """The tables of the context, and they alone, let the answer compile; each stands there as in schema.sql."""
    schema = (DATA / "schema.sql").read_text(encoding="utf-8").splitlines()
    for context in {row["context"] for row in rows}:
        statements = context.split("; ")
        assert statements == [line[:-1] for line in schema if line[:-1] in statements]
        with closing(sqlite3.connect(":memory:")) as empty:
            for statement in statements:
                empty.execute(statement)
            for answer in {row["answer"] for row in rows if row["context"] == context}:
                empty.execute(f"EXPLAIN {answer}")


def test_a_question_has_one_answer_and_stands_once_with_a_context(rows):
    """Equal questions have equal answers, and no pair of question and context is doubled."""
    answers: dict[str, set[str]] = {}
    for row in rows:
        answers.setdefault(row["question"], set()).add(row["answer"])
    assert all(len(found) == 1 for found in answers.values())
    assert len({(row["question"], row["context"]) for row in rows}) == len(rows)


def test_each_intent_is_asked_in_several_ways(intents):
    """Every intent has four phrasings or more, and no phrasing serves two intents."""
    assert all(len(intent["ask"]) >= 4 for intent in intents)
    asked = [phrase for intent in intents for phrase in intent["ask"]]
    assert len(set(asked)) == len(asked)


def test_texts_are_clean(rows):
    """No text has stray blanks, line breaks, left-over placeholders or a turn marker that Nova reserves."""
    for row in rows:
        for text in row.values():
            assert text == text.strip()
            assert not re.search(r"[\n{}]|  |EPOCH", text)
            assert not re.search(r"(user|bot|assistant|system|thought):|<image>|<video>|\[eos\]", text, re.IGNORECASE)
        assert ";" not in row["answer"]


def test_answers_return_dates_and_pounds_never_day_numbers_and_pence(rows, db):
    """What comes back is a date as text or pounds with two decimals; the stored forms never leave the database."""
    for row in rows:
        cursor = db.execute(row["answer"])
        names = [column[0] for column in cursor.description]
        assert not any(name.endswith("_pence") for name in names)
        for line in cursor:
            for name, value in zip(names, line, strict=True):
                if name.endswith("_on") or name in {"first_voyage", "last_departure"}:
                    assert re.fullmatch(r"2\d{3}-\d\d-\d\d|19\d\d-\d\d-\d\d", value), row
                elif name.endswith("_pounds") and value is not None:
                    assert value == round(value, 2) < 100_000
                elif isinstance(value, int):
                    assert abs(value) < 60_000, row  # every stored day lies above that


def test_a_table_with_retired_rows_is_never_read_without_looking_at_them(rows, db):
    """SQLite itself reports that each answer reading one of the four tables also reads its retired_on column."""
    read: set[tuple[str, str]] = set()

    def note(action: int, table: str | None, column: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ and table and column:
            read.add((table, column))
        return sqlite3.SQLITE_OK

    db.set_authorizer(note)
    for row in rows:
        read.clear()
        db.execute(row["answer"]).fetchall()
        for table in {table for table, _ in read} & SOFT_DELETED:
            assert (table, "retired_on") in read
    db.set_authorizer(None)


def test_every_answer_keeps_the_rules_of_the_house(generator, rows):
    """The generator's own check finds nothing in what is committed."""
    assert [fault for row in rows for fault in generator.broken_rules(row["answer"])] == []


@pytest.mark.parametrize(
    ("sql", "fault"),
    [
        ("SELECT x.name FROM reaches AS x", "reaches is not called r"),
        ("SELECT name FROM reaches", "reaches is not called r"),
        ("SELECT b.name FROM barges AS b", "barges is read without its retired_on filter"),
        (
            "SELECT w.name FROM wharves AS w JOIN wharves AS w2 ON w2.town = w.town WHERE w.retired_on IS NULL",
            "wharves is read without its retired_on filter",
        ),
        ("SELECT SUM(c.toll_pence) FROM cargoes AS c", "toll_pence is returned as stored"),
        ("SELECT ROUND(c.toll_pence / 100, 2) FROM cargoes AS c", "toll_pence is returned as stored"),
        (
            "SELECT ROUND(c.tonnes, 1), c.toll_pence, ROUND(c.toll_pence / 100.0, 2) FROM cargoes AS c",
            "toll_pence is returned as stored",
        ),
        ("SELECT g.read_on FROM readings AS g", "read_on is returned as stored"),
        ("SELECT date(g.read_on + julianday('1970-01-01')) FROM readings AS g", "a date does not count from day zero"),
        ("SELECT g.depth_cm FROM readings AS g WHERE g.read_on > '2023-01-01'", "a date does not count from day zero"),
    ],
)
def test_the_check_finds_each_broken_rule(generator, sql, fault):
    """A statement that breaks a house rule is reported with that rule."""
    assert fault in generator.broken_rules(sql)


@pytest.mark.parametrize(
    ("example", "fault"),
    [
        (("How many?", "", "SELECT COUNT(*) FROM voyages AS v"), "not in the context: ['voyages']"),
        (("How many?", "", "SELECT COUNT(*) FROM trams"), "does not run: no such table: trams"),
        (("Who?", "", "SELECT v.voyage_id FROM voyages AS v LIMIT 3"), "depends on the order of the stored rows"),
    ],
)
def test_verification_finds_each_kind_of_fault(generator, db, example, fault):
    """An answer that lacks a table, does not run, or depends on chance is a fault."""
    assert any(fault in found for found in generator.verify(db, [generator.Example(*example)]))


def test_verification_finds_doubles_contradictions_and_emptiness(generator, db):
    """A doubled row, a question with two answers and too many empty results are faults."""
    none = "SELECT g.depth_cm FROM readings AS g WHERE g.depth_cm < 0"
    context = generator.SCHEMA["readings"]
    found = generator.verify(
        db, [generator.Example("Which?", context, none), generator.Example("Which?", context, f"{none} LIMIT 1")]
    )
    assert found == [
        "'Which?': the same question has another answer",
        "a question stands twice with the same context",
        "2 of 2 answers return nothing",
    ]


def test_the_readme_states_the_numbers_as_they_are(rows, intents, db):
    """Counts in the data's README are those of the files, near-duplicates included."""
    text = " ".join((DATA / "README.md").read_text(encoding="utf-8").split())
    answers = [row["answer"] for row in rows]
    changed = 0
    for answer in (live := [answer for answer in answers if "retired_on IS NULL" in answer]):
        unfiltered = db.execute(re.sub(r"\w+\.retired_on IS NULL", "1", answer)).fetchall()
        changed += sorted(map(repr, db.execute(answer))) != sorted(map(repr, unfiltered))
    shares = []
    for seed in range(40):
        shuffled = Random(seed).sample(answers, len(answers))
        held_out, train = shuffled[: len(answers) // 10], set(shuffled[len(answers) // 10 :])
        shares.append(sum(answer in train for answer in held_out) / len(held_out))
    tables = [table for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    stored = sum(db.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables)
    retirable = sum(bool(re.search(r"(locks|wharves|barges|skippers) AS", answer)) for answer in answers)
    quirky = sum(bool(re.search("1801|_pence|retired_on", answer)) for answer in answers)
    for sentence in (
        f"{len(rows)} rows, shuffled",
        f"{len(tables)} tables, {stored:,} rows",
        f"the {len(intents)} intents",
        f"There are {len({row['context'] for row in rows})} different contexts",
        f"hold {len(set(answers))} different statements, from {len(intents)} templates",
        f"{quirky} of the {len(rows)} answers need at least one of the first three",
        f"{sum('1801' in answer for answer in answers)} a date",
        f"{sum('_pence' in answer for answer in answers)} money",
        f"{retirable} read a table with retired rows",
        f"Of the {len(live)} answers with `retired_on IS NULL`, {changed} return",
    ):
        assert sentence in text
    assert sum(shares) / len(shares) == pytest.approx(0.31, abs=0.02)
