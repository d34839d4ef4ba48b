"""How many tokens: four grades, each with its band, held against what AWS and a public tokenizer counted."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from nova_tune import Dataset, formats
from nova_tune.costs import Calibration, ColumnTokens, TokenEstimator, estimate_tokens, measured
from nova_tune.costs._tokens import COUNTED_BAND, texts_of
from nova_tune.errors import DatasetError, SourceError
from nova_tune.values import Usage

# Characters, cl100k_base tokens and the tokens Nova 2 Lite counted: 20 prompts and 8 JSON answers of
# aws-samples/amazon-bedrock-samples, advanced-prompt-optimization/data/nestful @85fba9d (read 2026-11-21).
PROMPTS = [
    (4423, 1122, 1150), (4274, 1104, 1131), (7586, 1851, 1871), (4264, 1080, 1106), (3813, 973, 1005),
    (3861, 999, 1030), (4079, 1054, 1080), (4219, 1104, 1129), (4236, 1098, 1123), (4341, 1108, 1135),
    (3921, 990, 1020), (6576, 1584, 1608), (4223, 1092, 1122), (4482, 1146, 1173), (3609, 936, 967),
    (4388, 1120, 1151), (4357, 1114, 1143), (3952, 1018, 1045), (9204, 2182, 2198), (4278, 1082, 1112),
]  # fmt: skip
ANSWERS = [
    (457, 183, 184), (477, 193, 194), (207, 81, 82), (82, 35, 34),
    (578, 225, 224), (275, 109, 110), (162, 58, 60), (81, 35, 34),
]  # fmt: skip

# Own texts with their cl100k_base tokens (tiktoken 0.13, counted 2026-11-21).
TEXTS = {
    "The lock keeper writes down every boat that passes, its length, its cargo and the hour at which the gates were "
    "opened. On summer evenings the queue reaches back to the old mill, and nobody is in a hurry to be the first "
    "through.": 49,
    "You translate questions into SQL.\nCREATE TABLE locks (lock_id INTEGER PRIMARY KEY, name TEXT, rise_m REAL, "
    "canal_id INTEGER REFERENCES canals(canal_id))\nHow many locks on the northern canal rise more than two metres?\n"
    "SELECT COUNT(*) FROM locks JOIN canals USING (canal_id) WHERE canals.name = 'Northern' AND locks.rise_m > 2": 76,
    '{"boats": [{"name": "Heron", "length_m": 17.5, "berths": 4, "tags": ["steel", "diesel"]}, {"name": "Otter", '
    '"length_m": 9.2, "berths": 2, "tags": []}], "total": 2, "next": null}': 76,
    "def longest(boats):\n    best = None\n    for boat in boats:\n        if best is None or boat['length_m'] > "
    "best['length_m']:\n            best = boat\n    return best\n": 42,
    "갑문지기는 지나가는 배마다 길이와 짐과 문을 연 시각을 적는다. 여름 저녁이면 줄이 오래된 방앗간까지 이어진다.": 58,
}  # fmt: skip
PER_REQUEST = 40


def words(text):
    return len(text.split())


# ---- against what was counted


def test_cl100k_with_its_overhead_is_within_one_per_cent():
    """0.99 x cl100k + 40 is within 1 % of AWS's count on each prompt, and within 0.5 % on their sum."""
    factor = COUNTED_BAND.value[1]
    guesses = [factor * counted + PER_REQUEST for _, counted, _ in PROMPTS]
    for guess, (_, _, real) in zip(guesses, PROMPTS, strict=True):
        assert abs(guess - real) <= real * Decimal("0.01")
    total = sum(real for _, _, real in PROMPTS)
    assert abs(sum(guesses) - total) <= total * Decimal("0.005")


def test_five_calls_calibrate_the_sum_within_six_per_cent():
    """Characters of any five neighbouring prompts predict the tokens of all twenty within 6 %."""
    total = sum(real for _, _, real in PROMPTS)
    characters = sum(length for length, _, _ in PROMPTS)
    for first in range(len(PROMPTS) - 4):
        pairs = [(length, real) for length, _, real in PROMPTS[first : first + 5]]
        found = Calibration.from_counts(pairs, model="nova-2-lite", date="2026-11-21")
        assert abs(found.ratio * characters - total) <= total * Decimal("0.06")
        assert found.error >= Decimal("0.01")


@pytest.mark.parametrize(("text", "counted"), TEXTS.items())
def test_the_heuristic_band_holds_the_count(text, counted):
    """Prose, SQL, JSON, code and Korean: the count lies between low and high."""
    estimate = estimate_tokens(text)
    assert estimate.low <= counted <= estimate.high


def test_a_count_of_answers_needs_no_overhead():
    """On JSON answers cl100k alone is within 1 % of what AWS counted in all."""
    assert abs(sum(real for *_, real in ANSWERS) - sum(counted for _, counted, _ in ANSWERS)) <= 9


# ---- the grades


def test_the_heuristic_needs_nothing():
    """Without a counter every row is weighed, in the band 0.8 / 1 / 1.25, as Dataset does it."""
    rows = [{"question": f"How many locks rise {n} m?", "context": "", "answer": "SELECT 1"} for n in range(300)]
    data = Dataset.from_records(rows).convert(formats.text_to_sql())
    estimate = TokenEstimator().estimate(data)
    assert estimate.basis == "heuristic"
    assert abs(estimate.expected - data.describe().tokens.expected) <= 2
    assert estimate.low * 5 <= estimate.expected * 4 <= estimate.high * 4


def test_a_counter_is_called_for_a_sample_alone():
    """10,000 rows cost 2,000 calls of the counter, and the total is right to the per cent."""
    calls = []

    def counter(text):
        calls.append(text)
        return words(text)

    rows = ["lock " * (5 + n % 7) for n in range(10_000)]
    estimate = TokenEstimator(counter=counter).estimate(rows)
    assert len(calls) == 2_000
    truth = sum(map(words, rows)) * Decimal("0.99")
    assert abs(estimate.expected - truth) < truth * Decimal("0.01")
    assert estimate.basis == "counted"
    assert estimate == TokenEstimator(counter=words).estimate(iter(rows))


def test_other_scripts_widen_the_band_of_a_counter():
    """Where more than a tenth of the characters are not ASCII the band is 0.8 / 1 / 1.3."""
    estimate = TokenEstimator(counter=words).estimate(["갑문 지기 가 적는다"] * 100)
    assert (estimate.low, estimate.expected, estimate.high) == (320, 400, 520)


def test_a_calibration_replaces_the_band():
    """The ratio of a few calls and its error make low, expected and high, with a counter or without."""
    known = Calibration(ratio="2", error="0.1", pairs=5, model="nova-micro", date="2026-11-21")
    estimate = TokenEstimator(counter=words, calibration=known).estimate(["one two"] * 10)
    assert (estimate.low, estimate.expected, estimate.high, estimate.basis) == (36, 40, 44, "calibrated")
    plain = TokenEstimator().estimate(["abc def"] * 9)
    assert TokenEstimator(calibration=known).estimate(["abc def"] * 9).expected == 2 * plain.expected


def test_usage_of_replies_is_measured():
    """What AWS counted is one figure."""
    assert measured([]).expected == 0
    assert measured([Usage(input_tokens=3, output_tokens=9)]).basis == "measured"


@pytest.mark.parametrize("count", [1.5, True, None])
def test_a_counter_gives_whole_numbers(count):
    """Anything else is a TypeError that shows it."""
    with pytest.raises(TypeError, match="whole number"):
        TokenEstimator(counter=lambda text: count).estimate(["a"])


def test_no_rows_are_no_tokens():
    """An empty data set is a real zero, with a counter or without."""
    assert TokenEstimator(counter=words).estimate([]).high == TokenEstimator().estimate([]).high == 0


# ---- calibration


def test_a_calibration_is_fitted_on_texts_and_saved_with_its_date(tmp_path):
    """Texts with their usage give the ratio to our own count; the file has the model and the day."""
    calls = [("lock " * n, Usage(input_tokens=2 * n, output_tokens=1)) for n in range(10, 16)]
    found = Calibration.fit(calls, model="nova-micro", date="2026-11-21", counter=words)
    assert (found.ratio, found.error, found.pairs) == (Decimal(2), Decimal("0.01"), 6)
    found.save(tmp_path / "tokens.json")
    assert Calibration.load(tmp_path / "tokens.json") == found
    assert json.loads((tmp_path / "tokens.json").read_text())["date"] == "2026-11-21"


@pytest.mark.parametrize(
    ("pairs", "words_"),
    [([(1, 1)] * 4, "4 calls are too few"), ([(0, 1)] * 5, "nothing was estimated"), ([(1, 0)] * 5, "nothing counted")],
)
def test_a_calibration_needs_real_calls(pairs, words_):
    """Too few, or empty ones, are refused."""
    with pytest.raises(DatasetError, match=words_):
        Calibration.from_counts(pairs, model="nova-micro", date="2026-11-21")


@pytest.mark.parametrize(
    "content", [None, "{", "[]", '{"ratio": "x", "error": "0", "pairs": 5, "model": "", "date": ""}']
)
def test_a_file_that_is_no_calibration_is_named(tmp_path, content):
    """Whatever is wrong with the file, the error names it."""
    path = tmp_path / "tokens.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match="cannot be used as a calibration") as caught:
        Calibration.load(path)
    assert caught.value.path == str(path)


# ---- columns


def test_tokens_are_spread_by_column():
    """The histogram of each column has bins of powers of two; the largest column comes first."""
    rows = [{"question": "a " * n, "answer": "b", "id": n, "empty": ""} for n in range(1, 6)]
    question, answer = TokenEstimator(counter=words).columns(rows)
    assert question == ColumnTokens(
        column="question",
        rows=5,
        tokens=15,
        median=3,
        p95=5,
        largest=5,
        histogram=((1, 1), (2, 1), (4, 2), (8, 1)),
    )
    assert (answer.column, answer.rows, answer.tokens) == ("answer", 5, 5)
    assert ColumnTokens.from_dict(json.loads(json.dumps(question.to_dict()))) == question


def test_a_conversation_has_its_roles_for_columns():
    """System, user and assistant, whatever the number of turns; a text is a column of its own."""
    record = {
        "system": [{"text": "s"}],
        "messages": [
            {"role": "user", "content": [{"text": "u1"}, {"image": {}}]},
            {"role": "assistant", "content": [{"text": "a1"}]},
            {"role": "user", "content": [{"text": "u2"}]},
        ],
    }
    assert texts_of(record) == {"system": "s", "user": "u1u2", "assistant": "a1"}
    assert texts_of("plain") == {"text": "plain"}
    assert [spread.column for spread in TokenEstimator().columns([{**record, "system": None}])] == ["user", "assistant"]
