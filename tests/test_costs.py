"""The costs room: exact money, honest ranges, and no price that nobody gave."""

from __future__ import annotations

import ast
import decimal
import json
import pickle
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nova_tune.costs
from nova_tune import CostEstimate, CostModel, PriceBook, TrainingPlan
from nova_tune.costs import Bounds, CostLine, Price, estimate_tokens
from nova_tune.costs._estimate import dollars
from nova_tune.errors import PlanError, PriceUnknown, SourceError
from nova_tune.values import TokenEstimate, TrainingData

ROOM = Path(nova_tune.costs.__file__).parent
BOOK = PriceBook.shipped()
COSTS = CostModel(BOOK)
MODELS = ("nova-micro", "nova-lite", "nova-pro", "nova-2-lite")
TRAINING = "bedrock.nova-micro.customization.training"
LITE_TRAINING = "bedrock.nova-lite.customization.training"

counts = st.integers(0, 10**12)
some = st.integers(0, 10**6)


@st.composite
def token_estimates(draw: st.DrawFn) -> TokenEstimate:
    low, expected, high = sorted(draw(st.tuples(counts, counts, counts)))
    return TokenEstimate(low=low, expected=expected, high=high)


@st.composite
def estimates(draw: st.DrawFn) -> CostEstimate:
    model = draw(st.sampled_from(MODELS))
    kind = draw(st.sampled_from(["training", "monthly", "evaluation"]))
    if kind == "training":
        return COSTS.training(tokens=draw(token_estimates()), model=model, epochs=draw(st.integers(1, 5)))
    sides = {"input_tokens": draw(some), "output_tokens": draw(token_estimates())}
    if kind == "monthly":
        return COSTS.monthly(model, requests=draw(some), custom=draw(st.booleans()), models_stored=draw(some), **sides)
    return COSTS.evaluation(examples=draw(some), arms=[(model, "base"), (model, "custom")], judge="nova-pro", **sides)


def data(**changes: Any) -> TrainingData:
    tokens = TokenEstimate(low=800, expected=1_000, high=1_250)
    return attrs.evolve(TrainingData(uri="s3://b/t.jsonl", sha256="0", records=10, bytes=1, tokens=tokens), **changes)


def plan(**changes: Any) -> TrainingPlan:
    return attrs.evolve(
        TrainingPlan(
            name="sql-v1",
            model="nova-micro",
            role_arn="arn:aws:iam::123456789012:role/Nova",
            train=data(),
            output="s3://b/out/",
            hyperparameters={"epochs": 3},
        ),
        **changes,
    )


def s000_month(model: str = "nova-micro", **options: Any) -> CostEstimate:
    return COSTS.monthly(model, requests=22_000, input_tokens=800, output_tokens=60, **options)


# ---- golden cases


@pytest.mark.parametrize(
    ("model", "tokens", "epochs", "usd"),
    [
        ("nova-micro", 2_000 * 800, 5, "8.000"),
        ("nova-micro", 900 * 5_000, 3, "13.50"),
        ("nova-micro", 450 * 5_000, 3, "6.75"),
        ("nova-2-lite", 25_924, 2, "0.19598544"),
        ("nova-2-lite", 74_766, 1, "0.28261548"),
        ("nova-2-lite", 74_766, 2, "0.56523096"),
        ("nova-2-lite", 74_766, 5, "1.4130774"),
    ],
)
def test_training_is_tokens_times_epochs_times_rate(model, tokens, epochs, usd):
    """A training costs exactly tokens x epochs x rate, as a Decimal."""
    total = COSTS.training(tokens=tokens, model=model, epochs=epochs).total()
    assert isinstance(total, Decimal)
    assert total == Decimal(usd)


def test_a_month_of_answers_has_input_output_and_storage():
    """22,000 queries of 800 and 60 tokens cost 0.616 + 0.1848, and 2.7508 with the model's storage."""
    month = s000_month()
    assert [line.amount.expected for line in month.lines] == [Decimal("0.616"), Decimal("0.1848"), Decimal("1.95")]
    assert s000_month(models_stored=0).total() == Decimal("0.8008")
    assert month.total() == month.total(months=1) == Decimal("2.7508")
    assert "$2.75" in str(month)
    assert "$0.8008" in str(s000_month(models_stored=0))
    assert s000_month(models_stored=0).to_dict()["monthly"]["expected"] == "0.8008"


def test_the_first_year_adds_training_and_twelve_months():
    """8.00 once and twelve months of 2.7508 are 41.0096."""
    training = COSTS.training(tokens=1_600_000, model="nova-micro", epochs=5)
    year = training + s000_month(models_stored=0)
    assert year.total(months=12) == Decimal("41.0096")
    assert year.total() == 8
    assert sum([training, s000_month(models_stored=0)], CostEstimate()) == year


def test_custom_and_base_meters_are_priced_apart():
    """Nova 2 Lite costs 8.58 tuned and 9.438 in-region, without storage."""
    assert s000_month("nova-2-lite", models_stored=0).total() == Decimal("8.58")
    assert s000_month("nova-2-lite", custom=False).total() == Decimal("9.438")


@pytest.mark.parametrize(
    ("judge", "usd"),
    [
        ("nova-pro", "0.2176"),
        ("us.amazon.nova-pro-v1:0", "0.2176"),
        ("claude-sonnet-4-5.global", "0.84"),
        ("global.anthropic.claude-sonnet-4-5-20250929-v1:0", "0.84"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "0.924"),
        (None, "0"),
    ],
)
def test_an_evaluation_is_every_arm_and_the_judge(judge, usd):
    """200 examples on two arms cost 2 x 0.00728 to answer and the judge's own rate to read."""
    estimate = COSTS.evaluation(
        examples=200,
        arms=[("nova-micro", "base"), ("nova-micro", "custom")],
        judge=judge,
        input_tokens=800,
        output_tokens=60,
        judge_input_tokens=600,
        judge_output_tokens=20,
    )
    assert estimate.total() == Decimal("0.01456") + Decimal(usd)


def test_a_judge_without_a_price_stays_unknown():
    """A judge that the book does not know is never priced as another one."""
    estimate = COSTS.evaluation(examples=1, arms=[], judge="someone", input_tokens=1, output_tokens=1)
    assert estimate.missing == ("bedrock.judge.someone.input", "bedrock.judge.someone.output")
    assert "once" in str(estimate)
    assert "= unknown" in str(estimate)


def test_an_arm_is_base_or_custom():
    """Another kind of arm is refused, since its meter would be a guess."""
    with pytest.raises(ValueError, match="'tuned'; an arm is 'base' or 'custom'"):
        COSTS.evaluation(examples=1, arms=[("nova-micro", "tuned")], input_tokens=1, output_tokens=1)


# ---- what training() takes


def test_a_plan_brings_its_model_epochs_and_range():
    """The training line of a plan is its token estimate times its epochs, low, expected and high."""
    line = COSTS.training(plan()).lines[0]
    assert line.quantity == Bounds(low=2_400, expected=3_000, high=3_750)
    assert line.basis == "heuristic"
    assert COSTS.training(plan()) == COSTS.training(data(), model="nova-micro", epochs=3)
    assert COSTS.training(plan(), model="nova-2-lite", epochs=1).lines[0].quantity.expected == 1_000


def test_what_aws_does_not_document_counts_in_the_high_bound_alone():
    """Record overhead and validation tokens are lines of their own with nothing in low and expected."""
    overhead, validation = COSTS.training(plan(validation=data())).lines[1:3]
    assert overhead.quantity == Bounds(low=0, expected=0, high=40 * 10 * 3)
    assert validation.quantity == Bounds(low=0, expected=0, high=1_250 * 3)
    assert overhead.basis == validation.basis == "assumed"


def test_measured_tokens_have_no_overhead_to_assume():
    """Tokens that AWS counted are the bill: one figure, one line and the storage."""
    measured = data(tokens=TokenEstimate(low=5, expected=5, high=5, basis="measured"))
    estimate = COSTS.training(measured, model="nova-micro", epochs=1)
    assert len(estimate.lines) == 2
    assert estimate.once.is_exact


def test_epochs_default_to_those_of_aws():
    """Without epochs the estimate uses AWS's own default, 2."""
    assert COSTS.training(tokens=1_000, model="nova-micro").total() == Decimal("0.002")


def test_a_training_price_leaves_a_model_to_store():
    """Every training estimate carries one model-month, paid every month."""
    estimate = COSTS.training(tokens=1, model="nova-micro", epochs=1)
    assert estimate.monthly == Bounds.of("1.95")
    assert estimate.bounds("0.5").expected == Decimal("0.975001")


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((), {"model": "nova-micro"}),
        ((data(),), {"tokens": 5, "model": "nova-micro"}),
        (("s3://bucket/train.jsonl",), {"model": "nova-micro"}),
        ((data(),), {}),
        ((), {"tokens": 1.5, "model": "nova-micro"}),
        ((), {"tokens": True, "model": "nova-micro"}),
        ((), {"tokens": 5, "model": "nova-micro", "epochs": 2.0}),
        ((data(tokens=TokenEstimate(low=1.0, expected=1.0, high=1.0)),), {"model": "nova-micro"}),
    ],
)
def test_training_refuses_what_it_cannot_price(arguments, options):
    """No data, two sources of tokens, no model, or a number that is not whole is a TypeError."""
    with pytest.raises(TypeError):
        COSTS.training(*arguments, **options)


@pytest.mark.parametrize("options", [{"tokens": -1}, {"tokens": 1, "epochs": 0}])
def test_negative_quantities_are_refused(options):
    """A quantity below zero, or no epoch at all, is a ValueError."""
    with pytest.raises(ValueError, match="or more"):
        COSTS.training(model="nova-micro", **options)


def test_an_unknown_model_is_named_with_its_neighbour():
    """A misspelled model is refused with the nearest name."""
    with pytest.raises(PlanError, match="nova-micro"):
        COSTS.monthly("nova-mikro", requests=1, input_tokens=1, output_tokens=1)


# ---- unknown prices


@pytest.mark.parametrize("model", ["nova-lite", "nova-pro"])
def test_an_unknown_price_is_neither_zero_nor_a_guess(model):
    """The line stays, the table says "at least", and every sum that needs it raises with the key to supply."""
    estimate = COSTS.training(data(), model=model)
    key = f"bedrock.{model}.customization.training"
    assert estimate.lines[0].amount is None
    assert estimate.missing == (key,)
    assert "at least $1.95" in str(estimate)
    assert estimate.monthly == Bounds.of("1.95")
    assert estimate.to_dict()["once"] is None
    assert estimate.to_dict()["lines"][0]["amount"] is None
    for ask in (estimate.total, estimate.bounds, lambda: estimate.once):
        with pytest.raises(PriceUnknown, match=r"override\(\{") as caught:
            ask()
        assert caught.value.keys == (key,)
        assert key in str(caught.value)


def test_a_supplied_price_completes_the_estimate():
    """The override that the error names makes the sum whole."""
    book = BOOK.override({LITE_TRAINING: "0.002"}, source="console", date="2026-11-20")
    estimate = CostModel(book).training(tokens=1_000_000, model="nova-lite", epochs=1)
    assert estimate.total() == 2
    assert "2026-11-20, given confidence, console" in str(estimate)


def test_another_region_has_no_training_price():
    """A region without the meter is unknown, not priced as us-east-1."""
    estimate = CostModel(BOOK, "ap-northeast-1").training(tokens=1, model="nova-micro")
    with pytest.raises(PriceUnknown, match="ap-northeast-1"):
        estimate.total()


def test_low_confidence_is_used_only_when_asked():
    """A price of low confidence is unknown without allow_low, and the error says that it is there."""
    key = "bedrock.nova-micro.provisioned.no-commit"
    with pytest.raises(PriceUnknown, match="allow_low=True"):
        BOOK.get(key, "us-east-1")
    assert BOOK.get(key, "us-east-1", allow_low=True).usd == Decimal("60.50")
    doubtful = attrs.evolve(BOOK.get(TRAINING, "us-east-1"), confidence="low")
    book = PriceBook(prices=[doubtful], as_of="2026-11-21")
    assert CostModel(book).training(tokens=1, model="nova-micro").missing[0].endswith("storage")
    assert TRAINING in CostModel(book).training(tokens=1, model="nova-micro").missing
    assert CostModel(book, allow_low=True).training(tokens=1_000, model="nova-micro", epochs=1).once.expected > 0


# ---- the book


def test_the_shipped_book_is_sourced_dated_sorted_and_unique():
    """Every shipped price is positive, has a known unit, a source, a date and a confidence; none is shipped twice."""
    places = [(price.key, price.region) for price in BOOK]
    assert places == sorted(set(places))
    assert len(BOOK) == len(places) > 80
    assert all(price.usd > 0 and price.source and price.date for price in BOOK)
    assert {price.confidence for price in BOOK} == {"high", "medium", "low"}
    assert BOOK.get("sagemaker.training.ml.g5.48xlarge", "us-east-1").usd * 4 == Decimal("81.44")
    raw = json.loads((ROOM / "prices.json").read_bytes())
    assert [(row["key"], row["region"]) for row in raw["prices"]] == places


def test_a_book_is_found_by_its_digest():
    """Equal books have one digest; one changed price makes another."""
    assert PriceBook.shipped().digest == BOOK.digest
    assert BOOK.override({TRAINING: "0.0009"}, source="contract 42").digest != BOOK.digest
    assert BOOK.get(TRAINING, "us-east-1").usd == Decimal("0.001")


def test_an_override_keeps_the_unit_of_the_price_it_replaces():
    """A meter sold by the million keeps its million."""
    by_million = attrs.evolve(BOOK.get(TRAINING, "us-east-1"), unit="1M tokens", usd="1")
    book = PriceBook(prices=[by_million], as_of="2026-11-21").override({TRAINING: Decimal("0.9")}, source="contract")
    total = CostModel(book).training(tokens=1_000_000, model="nova-micro", epochs=1).total()
    assert total == Decimal("0.9")


def test_an_override_of_no_known_meter_is_refused():
    """A key whose unit nobody knows is a ValueError that shows what a key looks like."""
    with pytest.raises(ValueError, match="there is no meter 'nova'"):
        BOOK.override({"nova": "1"}, source="contract")
    with pytest.raises(PriceUnknown, match="USD per unit"):
        BOOK.get("zzz", "us-east-1")


@pytest.mark.parametrize("usd", [0.001, True, None, 1j])
def test_a_price_that_is_not_exact_is_a_type_error(usd):
    """A float, a bool or nothing is refused where money is expected."""
    with pytest.raises(TypeError, match="give an int, a Decimal or a string"):
        BOOK.override({TRAINING: usd}, source="contract")


@pytest.mark.parametrize("usd", ["-1", "NaN", "Infinity", "one"])
def test_a_price_is_a_finite_number_not_below_zero(usd):
    """What is not an amount of money is refused."""
    with pytest.raises(ValueError, match=usd):
        BOOK.override({TRAINING: usd}, source="contract")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unit": "furlong"}, "unit 'furlong' is not known"),
        ({"unit": "model-month"}, "sold by tokens"),
        ({"date": "yesterday"}, "yesterday"),
        ({"confidence": "certain"}, "it takes high"),
    ],
)
def test_a_malformed_price_is_refused(changes, words):
    """A unit that is unknown or another meter's, a bad date and a bad confidence each have their message."""
    good = {"key": TRAINING, "region": "us-east-1", "unit": "1K tokens", "usd": "1", "source": "x"}
    assert Price(**good).date is None
    with pytest.raises(ValueError, match=words):
        Price(**{**good, **changes})


def test_a_key_of_no_known_form_may_have_any_unit():
    """A book may hold meters that this version does not know."""
    assert str(Price(key="other", region="r", unit="GB-month", usd="1", source="x")) == "$1 / GB-month"


def test_a_saved_book_loads_as_it_was(tmp_path):
    """A book goes to JSON and back without a change, unknown keys included."""
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({**BOOK.to_dict(), "note": "ours"}), encoding="utf-8")
    book = PriceBook.load(path)
    assert book.prices == BOOK.prices
    assert book.to_dict()["note"] == "ours"


ROW = {"key": TRAINING, "region": "us-east-1", "unit": "1K tokens", "usd": "0.001", "source": "x"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("{", "cannot be used"),
        ("[]", "'prices' is missing"),
        ({"prices": [ROW, ROW], "as_of": "2026-11-21"}, "two prices"),
        ({"prices": [ROW], "as_of": "2026-11-21", "currency": "EUR"}, "'EUR'; it takes USD"),
        ({"prices": [{**ROW, "usd": 0.001}], "as_of": "2026-11-21"}, "is a float"),
        ({"prices": [7], "as_of": "2026-11-21"}, "cannot be used"),
        ({"prices": [{**ROW, "unit": "bag"}], "as_of": "2026-11-21"}, "'bag' is not known"),
    ],
)
def test_a_file_that_is_no_price_book_is_named(tmp_path, content, words):
    """Whatever is wrong with the file, the error names the file and the reason."""
    path = tmp_path / "mine.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(SourceError, match=words) as caught:
        PriceBook.load(path)
    assert caught.value.path == str(path)


# ---- ranges and printing


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("2.7508", "$2.75"),
        ("0.8008", "$0.8008"),
        ("0.0005", "$0.0005"),
        ("0.00003", "<$0.01"),
        ("2.005", "$2.01"),
        ("44165", "$44,165.00"),
    ],
)
def test_amounts_are_rounded_half_up_and_never_to_zero(amount, shown):
    """Cents, four decimals under a dollar, and <$0.01 for what would print as zero."""
    assert dollars(Decimal(amount)) == shown


def test_ranges_are_rounded_outward():
    """The low bound is rounded down and the high bound up."""
    tokens = TokenEstimate(low=1_009_999, expected=2_345_000, high=3_450_001)
    table = str(COSTS.training(tokens=tokens, model="nova-micro", epochs=1))
    assert "= $1.00 - $2.35 - $3.46" in table


def test_the_table_shows_its_arithmetic():
    """Each line shows quantity x price = amount and how the quantity came about, then the prices with their dates."""
    estimate = COSTS.training(tokens=1_600_000, model="nova-micro", epochs=5)
    first, second, *_, training, storage = str(estimate).splitlines()
    assert " ".join(first.split()) == "train nova-micro 8,000,000 tokens x $0.001 / 1K tokens = $8.00"
    assert second == "    1,600,000 tokens (given) x 5 epochs"
    assert "1 model-month  x" in str(estimate)
    assert "once and the first month" in str(estimate)
    assert "medium confidence, AWS ML blog" in training
    assert "2026-11-21" in storage
    assert "1 epoch\n" in str(COSTS.training(tokens=1, model="nova-micro", epochs=1))


def test_each_price_used_is_named_once():
    """A sum of two books names both prices of one key, and a price used twice once."""
    cheap = CostModel(BOOK.override({TRAINING: "0.0009"}, source="contract 42"))
    both = sum((model.training(tokens=1, model="nova-micro") for model in (COSTS, COSTS, cheap)), CostEstimate())
    named = [line for line in str(both).splitlines() if line.startswith(f"  {TRAINING} (")]
    assert len(named) == 2
    assert "$0.0009 / 1K tokens): undated, given confidence, contract 42" in named[1]


def test_an_empty_estimate_prints_and_sums():
    """Nothing to pay is a real zero."""
    assert CostEstimate().total() == 0
    assert "List prices" in str(CostEstimate())


def test_the_html_table_is_escaped():
    """No text of an estimate reaches a notebook as markup."""
    line = attrs.evolve(COSTS.training(tokens=1, model="nova-micro").lines[0], name="<script>")
    html = CostEstimate(lines=[line])._repr_html_()
    assert "<script>" not in html
    assert "<td>&lt;script&gt;</td>" in html


def test_bounds_are_in_order_and_exact():
    """Bounds out of order, negative or inexact are refused, and equal amounts are written alike."""
    with pytest.raises(ValueError, match="not in order"):
        Bounds(low=2, expected=1, high=3)
    with pytest.raises(TypeError):
        Bounds.of(1.5)
    with pytest.raises(TypeError):
        s000_month().total(months=1.0)
    assert str(Bounds.of("8.000").low) == str(Bounds.of(Decimal("0.8E+1")).low) == "8"


def test_a_line_is_paid_once_or_monthly():
    """Another rhythm is refused."""
    with pytest.raises(ValueError, match="it takes once, monthly"):
        attrs.evolve(s000_month().lines[0], when="weekly")


# ---- properties


@given(estimates(), estimates(), st.integers(0, 60))
def test_estimates_add_up(first, second, months):
    """The sum of two estimates costs what both cost, and the total is the sum of its lines."""
    if not (first.missing or second.missing):
        both = first + second
        assert both.bounds(months) == first.bounds(months) + second.bounds(months)
        once = sum(line.amount.expected for line in both.lines if line.when == "once")
        monthly = sum(line.amount.expected for line in both.lines if line.when == "monthly")
        assert both.total(months) == once + months * monthly


@given(estimates())
def test_json_and_pickle_keep_an_estimate_exactly(estimate):
    """An estimate read back from JSON or a pickle is equal to the one written."""
    assert CostEstimate.from_dict(json.loads(json.dumps(estimate.to_dict()))) == estimate
    assert pickle.loads(pickle.dumps(estimate)) == estimate
    line = estimate.lines[0]
    assert CostLine.from_dict({**line.to_dict(), "later": 1}).to_dict()["later"] == 1


@given(estimates())
def test_amounts_are_ordered_and_never_negative(estimate):
    """Every amount is 0 <= low <= expected <= high, and no positive amount prints as zero."""
    for line in estimate.lines:
        if line.amount is not None:
            assert 0 <= line.amount.low <= line.amount.expected <= line.amount.high
            assert line.amount.is_exact == line.quantity.is_exact
    assert str(estimate)
    assert estimate._repr_html_()


@given(counts, counts, st.integers(1, 5), st.integers(1, 5))
def test_training_grows_with_tokens_and_epochs(tokens, more, epochs, extra):
    """More tokens or more epochs never cost less, and twice the epochs cost twice."""
    price = COSTS.training(tokens=tokens, model="nova-micro", epochs=epochs).total()
    assert COSTS.training(tokens=tokens + more, model="nova-micro", epochs=epochs).total() >= price
    assert COSTS.training(tokens=tokens, model="nova-micro", epochs=epochs + extra).total() >= price
    assert COSTS.training(tokens=tokens, model="nova-micro", epochs=2 * epochs).total() == 2 * price


@given(st.tuples(some, some, some, some), st.integers(0, 3), some, st.booleans())
def test_a_month_grows_with_every_input(base, position, more, custom):
    """More requests, tokens or stored models never cost less."""

    def price(values):
        requests, inputs, outputs, stored = values
        return COSTS.monthly(
            "nova-pro",
            requests=requests,
            input_tokens=inputs,
            output_tokens=outputs,
            custom=custom,
            models_stored=stored,
        ).total()

    larger = [value + more * (index == position) for index, value in enumerate(base)]
    assert price(larger) >= price(base)


@given(counts, st.integers(1, 5))
def test_the_callers_decimal_context_changes_nothing(tokens, epochs):
    """A caller who works with three digits gets the same exact amounts."""
    exact = COSTS.training(tokens=tokens, model="nova-2-lite", epochs=epochs).bounds(7)
    with decimal.localcontext(prec=3):
        assert COSTS.training(tokens=tokens, model="nova-2-lite", epochs=epochs).bounds(7) == exact


# ---- tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("a" * 54, 10),
        (" \n" * 27, 10),
        ("7;" * 8, 10),
        ("한국어입니다요네" + "漢", 10),
        ("é" * 20, 10),
        ("a" * 54 + "+" * 16 + "カナ漢字ひらが나다" + "ж" * 20, 40),
        ("x", 1),
    ],
)
def test_tokens_are_counted_by_class_of_character(text, expected):
    """Letters and white space / 5.4, symbols / 1.6, East Asian / 0.9, others / 2, rounded up."""
    assert estimate_tokens(text).expected == expected


@given(st.text(max_size=300), st.text(max_size=50))
def test_a_token_estimate_has_its_band_and_grows(text, more):
    """The band is 0.8 / 1 / 1.25 rounded outward, and more text is never fewer tokens."""
    estimate = estimate_tokens(text)
    assert estimate.basis == "heuristic"
    assert 0 <= estimate.low <= estimate.expected <= estimate.high
    assert 5 * estimate.low <= 4 * estimate.expected
    assert 4 * estimate.high <= 5 * estimate.expected + 3
    assert estimate_tokens(text + more).expected >= estimate.expected


# ---- the code itself


def test_there_is_no_float_in_the_room():
    """No float literal, name or true division stands in the code that handles money."""
    for path in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float | complex)), path
            assert not (isinstance(node, ast.Name) and node.id == "float"), path
            assert not (isinstance(node, ast.Div)), path


def test_importing_the_room_reads_no_price_file():
    """The price file is opened by the first book, and nothing heavy is imported even then."""
    script = (
        "import sys, builtins, io\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, args: seen.append(str(args[0])) if event == 'open' else None)\n"
        "import nova_tune.costs\n"
        "assert not [name for name in seen if name.endswith('prices.json')]\n"
        "nova_tune.costs.CostModel()\n"
        "assert [name for name in seen if name.endswith('prices.json')]\n"
        "assert not {'boto3', 'botocore', 'sagemaker', 'moto', 'yaml', 'pandas', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
