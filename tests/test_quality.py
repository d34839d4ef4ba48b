"""Quality: what many records tell together, and what is odd in one text. Findings alone, each with its place."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import Dataset, formats
from nova_tune.errors import DatasetError
from nova_tune.quality._near import SIMILAR, near_pairs, shingles
from nova_tune.quality._texts import troubles
from records import spelled, text_record

WORDS = st.text("ab ", max_size=30)


def dataset(*records: dict[str, Any]) -> Dataset:
    return Dataset.from_records(records).convert(formats.conversation())


def pairs(*texts: tuple[str, str], system: str | None = "s") -> Dataset:
    return dataset(*(text_record(prompt, answer, system=system) for prompt, answer in texts))


def found(data: Dataset, **options: Any) -> dict[str, int]:
    return {rule.removeprefix("quality."): n for rule, n in data.quality(**options).counts_by_rule.items()}


def misread(text: str) -> str:
    """The text as a program shows it that takes UTF-8 for Windows-1252."""
    return text.encode().decode("cp1252")


def sentence(random: Random, words: int = 12) -> str:
    return " ".join(f"w{random.randrange(10**6)}" for _ in range(words))


def test_clean_data_has_no_finding():
    """Different questions with different answers and one system prompt: nothing to say, and the report says so."""
    random = Random(1)
    report = pairs(*((sentence(random), sentence(random)) for _ in range(100))).quality()
    assert (report.ok, report.records, report.issues) == (True, 100, ())
    assert str(report) == "100 records: 0 finding(s) about their quality"
    assert report.to_dict()["counts_by_rule"] == {}


def test_duplicates_are_told_from_conflicts(tmp_path):
    """Equal content in another spelling is a duplicate; the same prompt with another answer is a conflict."""
    record = text_record("How many?", "Two")
    lines = [spelled(Random(seed), record) for seed in range(3)]
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\n".join([*lines, json.dumps(text_record("How many?", "Three")).encode()]))
    report = Dataset.from_jsonl(path).quality()
    assert [(issue.rule, issue.line, issue.message) for issue in report.issues] == [
        ("quality.duplicate", 2, "equal to record 1"), ("quality.duplicate", 3, "equal to record 1"),
        ("quality.conflict", 4, "the same prompt as record 1, another answer"),
    ]  # fmt: skip
    assert {issue.severity for issue in report.issues} == {"warning"}
    assert not report.strict().ok
    assert Dataset.from_jsonl(path).quality(ignore=["quality.duplicate", "quality.conflict"]).issues == ()


def test_nothing_is_changed():
    """quality() leaves the data as it is: the lines before and after are the same."""
    data = pairs(("q", "a"), ("q", "a"), ("q", "b"))
    before = list(data.lines())
    data.quality()
    assert list(data.lines()) == before


def test_leaks_between_splits_are_found():
    """A prompt of the training data in held-out data, nearly its words, or its SQL template: three rules."""
    random = Random(2)
    long = sentence(random, 40)
    train = pairs(("q1", "SELECT a FROM t WHERE b = 1"), (long, "x"), *((sentence(random), "y") for _ in range(5)))
    held = pairs(
        ("q1", "SELECT a"), ("q2", "SELECT a FROM t WHERE b = 2"), (f"{long} more", "x"), (sentence(random), "z")
    )
    report = train.quality(validation=held)
    assert {issue.rule: issue.record for issue in report.issues} == {
        "quality.leakage": 1, "quality.near-leakage": 3, "quality.template-leak": None,
    }  # fmt: skip
    assert all(issue.message.startswith("validation data: ") for issue in report.issues)
    assert report.records == 11


def test_a_split_by_sql_leaks_no_template():
    """After split(by='sql') no template stands on both sides; after a split by record some do."""
    rows = [
        {"question": f"q{n}", "context": "CREATE TABLE t (a INT)", "answer": f"SELECT a{n % 20} FROM t WHERE a = {n}"}
        for n in range(400)
    ]
    data = Dataset.from_records(rows).convert(formats.text_to_sql())
    train, held = data.split(held_out=0.3, by="sql")
    assert "template-leak" not in found(train, validation=held)
    train, held = data.split(held_out=0.3)
    assert found(train, validation=held)["template-leak"] == 1


@given(st.lists(WORDS, max_size=12))
def test_near_pairs_are_those_of_the_definition(texts):
    """The search finds for each text whether an earlier one overlaps by 80 %, like a comparison of all pairs would."""
    sets = [shingles(text) for text in texts]
    expected: dict[int, int] = {}
    for number, one in enumerate(sets):
        for other in range(number):
            both = set(one) | set(sets[other])
            enough = len(one) >= 3 and len(sets[other]) >= 3 and other not in expected
            if enough and len(set(one) & set(sets[other])) >= SIMILAR * len(both):
                expected[number] = other
                break
    assert dict(near_pairs(sets)) == expected


def test_boilerplate_makes_nothing_alike():
    """Instructions that stand in every record do not count; a variant of one question among them does."""
    random = Random(3)
    told = sentence(random, 200)
    questions = [sentence(random, 20) for _ in range(300)]
    data = pairs(*((f"{told} {question}", "a") for question in [*questions, questions[7] + " please"]))
    report = data.quality(ignore=["quality.balance"])
    assert [(issue.rule, issue.record) for issue in report.issues] == [("quality.near-duplicate", 301)]


def test_long_texts_are_compared_by_a_part_of_their_words():
    """Of a text of thousands of words some hundred sequences stand for all; a change in a few words is still near."""
    random = Random(7)
    words = sentence(random, 6_000).split()
    other = [*words[:3_000], "another", *words[3_001:]]
    first, second = shingles(" ".join(words)), shingles(" ".join(other))
    assert 500 < len(first) < 1_000
    assert list(near_pairs([first, shingles(sentence(random, 6_000)), second])) == [(2, 0)]


def test_what_is_not_compared_is_told(monkeypatch):
    """Beyond the records that are compared, a finding says so instead of silence."""
    monkeypatch.setattr("nova_tune.quality._examine._COMPARED", 3)
    assert found(pairs(*((f"q{n}", f"a{n}") for n in range(5)))) == {"not-compared": 1}


def test_media_with_the_same_words_are_no_near_duplicates():
    """What is asked about two pictures is not the same because the words are."""
    record = text_record("What is in this picture, and how many of them are there?", "Cats, and there are two of them")
    records = []
    for n in range(3):
        record["messages"][0]["content"] = [
            {"text": "What is in this picture, and how many are there?"},
            {"image": {"format": "png", "source": {"s3Location": {"uri": f"s3://bucket/{n}.png"}}}},
        ]
        records.append(json.loads(json.dumps(record)))
    assert found(dataset(*records)) == {}


def test_far_lengths_are_found():
    """One answer a hundred times as long as the others, and one prompt: each with the median beside it."""
    random = Random(4)
    texts = [(sentence(random, random.randint(8, 16)), sentence(random, random.randint(8, 16))) for _ in range(60)]
    texts[10] = (texts[10][0], sentence(random, 2000))
    texts[20] = (sentence(random, 3000), texts[20][1])
    issues = pairs(*texts).quality().issues
    assert [(issue.rule, issue.record) for issue in issues] == [("quality.length", 21), ("quality.length", 11)]
    assert found(pairs(*texts[:20])) == {}


@pytest.mark.parametrize(
    ("text", "rule"),
    [("CafÃ© au lait", "mojibake"), ("itâ€™s", "mojibake"), (misread("Привет"), "mojibake"),
     ("lost \ufffd", "mojibake"),
     ("a\x00b", "control"), ("a\x85b", "control"), ("a\u200bb", "invisible"), ("\ufeffa", "invisible"),
     ("\u202eabc", "invisible"), ("e\u0301", "composition"), ("AKIAABCDEFGHIJKLMNOP", "secret"),
     ("-----BEGIN RSA PRIVATE KEY-----\nMII", "secret"), (f"ghp_{'a1' * 18}", "secret"),
     ("xoxb-123456789012-abc", "secret"), ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlMQ", "secret"),
     ("pay with 4111 1111 1111 1111.", "personal"), ("3782-822463-10005", "personal"),
     ("to DE89 3704 0044 0532 0130 00 please", "personal"), ("GB82WEST12345698765432", "personal")],
)  # fmt: skip
def test_odd_texts_are_found_and_never_repeated(text, rule):
    """Each kind of trouble is one finding that tells the place and shows nothing of the text."""
    (found_rule, message, hint) = next(iter(troubles(text, sql=False)))
    assert found_rule == rule
    assert text not in message + hint
    issues = pairs((text, "a")).quality().issues
    assert [(issue.rule, issue.path) for issue in issues] == [(f"quality.{rule}", "/messages/0/content/0/text")]


@pytest.mark.parametrize(
    "text",
    ["Größe, 東京, 🛶, é, naïve, Ünïcödé", "ÂME, NÃO, ÊTRE", "a\tb\r\nc", "4111 1111 1111 1112", "0000 0000 0000 0000",
     "1234567890123456789012345", "12345678901234", "DE89 3704 0044 0532 0130 01", "XX82WEST12345698765432",
     "AKIAIOSFODNN7EXAMPLE", "\u0645\u06cc\u200c\u062e\u0648", "👩\u200d👩\u200d👧", "phone 4111-1111",
     "combien\u00a0?"],
)  # fmt: skip
def test_ordinary_texts_are_not(text):
    """Foreign letters, joined emoji, long numbers without a right checksum and AWS's own examples are no trouble."""
    assert list(troubles(text, sql=False)) == []


def test_odd_spaces_count_in_sql_alone():
    """U+00A0 in a question that SQL answers, or in the SQL itself, is found; in French prose it is right."""
    assert found(pairs(("Who is John\u00a0Smith?", "SELECT a FROM t"))) == {"spaces": 1}
    assert found(pairs(("How many?", "SELECT a\u00a0FROM t"))) == {"spaces": 1}
    assert found(pairs(("Combien\u00a0?", "Deux"))) == {}


def test_several_system_prompts_are_found_but_tables_in_them_are_not():
    """Two wordings are a finding; one wording with each record's own tables, or a new one each, is none."""
    random = Random(5)

    def made(systems: list[str]) -> Dataset:
        return dataset(*(text_record(sentence(random), sentence(random), system=each) for each in systems))

    assert found(made(["Be brief."] * 9 + ["Be kind."])) == {"system": 1}
    tables = [f"Know: {' '.join(f'CREATE TABLE t{n}x{m} (a INT);' for m in range(n % 3 + 1))} Done." for n in range(9)]
    assert found(made(tables)) == {}
    assert found(made([f"You speak with user {n}." for n in range(9)])) == {}


def test_balance_is_judged_by_labels_and_by_the_top_answer():
    """One label in nine of ten records, a label with three examples, and one refusal in a fifth of free answers."""
    random = Random(6)

    def made(answers: list[str]) -> Dataset:
        return pairs(*((sentence(random), answer) for answer in answers))

    assert found(made(["yes"] * 90 + ["no"] * 10)) == {"balance": 1}
    assert found(made(["yes"] * 60 + ["no"] * 37 + ["maybe"] * 3)) == {"balance": 1}
    assert found(made(["yes"] * 50 + ["no"] * 50)) == {}
    assert found(
        made(
            ["I cannot tell, for there is no table of the kind you are asking me about here."] * 20
            + [sentence(random) for _ in range(80)]
        )
    ) == {"balance": 1}
    assert found(made(["always"] * 100)) == {}


def test_what_is_no_conversation_is_counted_and_left_to_validate(tmp_path):
    """Broken lines are records without findings; rows of a table are refused."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{\n{"messages": 1}\n[]\n{"messages": [{"role": "user", "content": [{"text": "q"}]}]}\n\n')
    report = Dataset.from_jsonl(path).quality()
    assert (report.records, report.issues) == (4, ())
    with pytest.raises(DatasetError, match="rows of a table"):
        Dataset.from_records([{"a": "b"}]).quality()


def test_progress_is_told():
    """The number of records read, at the end at least."""
    told: list[int] = []
    pairs(*[("q", "a")] * 5).quality(on_progress=told.append)
    assert told[-1] == 5


@given(st.text(max_size=80))
def test_no_text_breaks_the_search(text):
    """Whatever a text holds, each trouble is a rule, a message and a hint."""
    for rule, message, hint in troubles(text, sql=True):
        assert all((rule, message, hint))
    shingles(text)
