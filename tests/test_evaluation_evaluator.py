"""The run: who is asked what and when, and what becomes of calls that fail."""

from __future__ import annotations

import subprocess
import sys
import threading

import attrs
import pytest

from nova_tune import models
from nova_tune.errors import (
    AccessDenied,
    DatasetError,
    IncompleteAnswer,
    InvalidRequest,
    NotFound,
    PlanError,
    ServiceFault,
    Throttled,
)
from nova_tune.evaluation import Arm, Comparison, Evaluator, ExactMatch, Example, Judge, OutputTokens, Row, Scale, Score
from nova_tune.evaluation._arms import inference_id
from nova_tune.evaluation._compare import compare
from nova_tune.evaluation._latency import latency
from nova_tune.evaluation._metrics import normalised
from nova_tune.values import Reply, Timing, Usage


def record(number, answer="SELECT 1"):
    return {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "CREATE TABLE t (a INT)"}],
        "messages": [
            {"role": "user", "content": [{"text": f"question {number}"}]},
            {"role": "assistant", "content": [{"text": answer}]},
        ],
    }


def reply(text="SELECT 1", *, ttft=100.0, tokens=20, last=200.0, stop_reason="end_turn", rehearsal=False):
    return Reply(
        text=text,
        stop_reason=stop_reason,
        usage=Usage(input_tokens=50, output_tokens=tokens),
        timing=Timing(total_ms=last + 5, server_ms=last, ttft_ms=ttft, last_token_ms=last, deltas=tokens),
        model_id="fake",
        rehearsal=rehearsal,
        content=[{"text": text}],
    )


class FakeArm:
    """Answers by a function of the call's number, from 0 (the warm-up); an exception is raised."""

    def __init__(self, answer=lambda call: reply(), log=None, name=""):
        self.answer, self.log, self.name, self.calls = answer, log if log is not None else [], name, 0

    def measure(self, messages, *, system, max_tokens, temperature):
        call, self.calls = self.calls, self.calls + 1
        self.log.append((self.name, messages[-1]["content"][0]["text"], system, max_tokens, temperature))
        said = self.answer(call)
        if isinstance(said, Exception):
            raise said
        return said


class FakeClock:
    """Time that passes only when slept."""

    def __init__(self):
        self.slept = []

    def monotonic(self):
        return sum(self.slept)

    def sleep(self, seconds, cancel):
        self.slept.append(seconds)


class FakeStream:
    def __init__(self, events):
        self.events = events

    def __iter__(self):
        return iter(self.events)

    def close(self):
        pass


class FakeRuntime:
    """A bedrock-runtime client: every stream says SELECT 1, every judgement is 75."""

    class meta:  # noqa: N801 - botocore's attribute
        class service_model:  # noqa: N801 - botocore's attribute
            @staticmethod
            def operation_model(name):
                return type("Operation", (), {"output_shape": None})

    def __init__(self):
        self.asked = []

    def converse_stream(self, **request):
        self.asked.append(request["modelId"])
        events = [
            {"contentBlockDelta": {"delta": {"text": piece}, "contentBlockIndex": 0}} for piece in ("SELECT", " 1")
        ]
        events += [
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 9, "outputTokens": 2}, "metrics": {"latencyMs": 3}}},
        ]
        return {"stream": FakeStream(events), "ResponseMetadata": {"RequestId": "r", "HTTPHeaders": {}}}

    def converse(self, **request):
        self.asked.append(request["modelId"])
        return {
            "output": {"message": {"content": [{"text": "Close. <SCORE>75</SCORE>"}]}},
            "stopReason": "end_turn",
            "usage": {"inputTokens": 9, "outputTokens": 9},
            "metrics": {"latencyMs": 3},
            "ResponseMetadata": {"HTTPHeaders": {}},
        }


class FakeSession:
    """A session that notes what its clients were configured with."""

    region_name = "us-east-1"

    def __init__(self):
        self.attempts = []

    def client(self, service, *, config):
        self.attempts.append((service, config.retries["total_max_attempts"]))
        return FakeRuntime()


def test_arms_are_asked_the_same_in_turned_order_after_a_warm_up():
    """Each arm is warmed up once, unrecorded; then the arms take turns at being first on the same prompts."""
    log = []
    arms = {"base": FakeArm(log=log, name="base"), "tuned": FakeArm(log=log, name="tuned")}
    report = Evaluator(arms, [ExactMatch()], max_tokens=77, temperature=0.5).run([record(n) for n in range(4)])
    assert [(name, question) for name, question, *_ in log] == [
        ("base", "question 0"),
        ("tuned", "question 0"),
        *[("base", "question 0"), ("tuned", "question 0"), ("tuned", "question 1"), ("base", "question 1")],
        *[("base", "question 2"), ("tuned", "question 2"), ("tuned", "question 3"), ("base", "question 3")],
    ]
    assert {entry[2:] for entry in log} == {("CREATE TABLE t (a INT)", 77, 0.5)}
    assert [(row.example, row.arm) for row in report.rows] == [(n, arm) for n in "1234" for arm in arms]
    assert report.status == "complete"


def test_a_failed_call_is_a_row_with_its_error_and_no_score():
    """A failed call has its code and no text; its scores are errors without a value, and none is a zero."""
    broken = FakeArm(
        lambda call: IncompleteAnswer("it broke off", partial_text="SEL") if call == 3 else reply("SELECT 1")
    )
    report = Evaluator({"base": FakeArm(), "tuned": broken}, [ExactMatch()]).run([record(n) for n in range(10)])
    (row,) = [row for row in report.rows if row.error]
    assert (row.reply, row.error, row.message) == (None, "IncompleteAnswer", "it broke off")
    assert row.scores["exact_match"] == Score(None, "error", "the answer failed: IncompleteAnswer")
    summary = report.summary("exact_match", "tuned")
    assert (summary.mean, summary.scored, summary.missing) == (1.0, 9, {"error": 1})
    assert (summary.low, summary.high) == (0.9, 1.0)
    assert report.difference("exact_match").pairs == 9
    assert report.status == "incomplete"
    assert report.missing == 1
    assert report.latency[1].errors == {"IncompleteAnswer": 1}


def test_a_reply_without_text_is_scored_as_it_is():
    """An answer without text is an answer: it is scored, not dropped."""
    silent = FakeArm(lambda call: reply("", ttft=None, tokens=0))
    report = Evaluator({"base": FakeArm(), "tuned": silent}, [ExactMatch()]).run([record(n) for n in range(6)])
    assert report.summary("exact_match", "tuned").mean == 0.0
    assert (report.missing, report.status) == (0, "complete")
    assert report.latency[1].n == 0


@pytest.mark.parametrize("error", [AccessDenied("no"), NotFound("no such model")])
@pytest.mark.parametrize("call", [0, 3])
def test_a_refused_call_stops_the_run_at_once(error, call):
    """A model that may not be called, or is not there, ends the run, at the warm-up or later."""
    arm = FakeArm(lambda number: error if number == call else reply())
    with pytest.raises(type(error)):
        Evaluator({"base": arm, "tuned": FakeArm()}).run([record(n) for n in range(50)])
    assert arm.calls <= call + 2


def test_an_invalid_first_call_names_its_arm():
    """A warm-up refused as invalid ends the run with the arm's name; nothing else was asked."""
    with pytest.raises(InvalidRequest) as caught:
        Evaluator({"base": FakeArm(lambda call: InvalidRequest("bad id"))}).run([record(1)])
    assert "'base'" in caught.value.__notes__[0]


def test_a_busy_warm_up_is_forgiven():
    """A model that is busy or asleep at the warm-up is asked all the same."""
    arm = FakeArm(lambda call: ServiceFault("loading", code="ModelNotReadyException") if call == 0 else reply())
    report = Evaluator({"base": arm}, [ExactMatch()]).run([record(1)])
    assert report.rows[0].reply is not None


def test_throttled_calls_are_asked_again_and_counted():
    """A throttled call waits outside the timer and is asked again; the report tells how often."""
    clock = FakeClock()
    arm = FakeArm(lambda call: Throttled("slow down", code="ThrottlingException") if call in {1, 2} else reply())
    report = Evaluator({"base": arm}, clock=clock).run([record(1)])
    assert clock.slept == [1.0, 2.0]
    assert report.rows[0].throttled == report.latency[0].throttles == 2
    assert report.latency[0].errors == {}


def test_a_cancelled_run_does_not_ask_again():
    """A throttled call that waits while another call is refused for good is not asked again."""
    released = threading.Event()

    class Waiting(FakeClock):
        def sleep(self, seconds, cancel):
            released.set()
            assert cancel.wait(10)

    def answer(call):
        if call == 0:
            return reply()
        return Throttled("slow down", code="ThrottlingException")

    def refuse(system, question):
        assert released.wait(10)
        raise AccessDenied("no")

    class Turns:
        """Example 0 goes to the throttled arm first, example 1 to the refused one."""

        def measure(self, messages, *, system, max_tokens, temperature):
            return reply() if messages[-1]["content"][0]["text"] == "question 0" else refuse(system, "")

    arm = FakeArm(answer)
    with pytest.raises(AccessDenied):
        Evaluator({"base": arm, "tuned": Turns()}, workers=2, clock=Waiting()).run([record(n) for n in range(2)])
    assert arm.calls == 2


def test_a_call_that_stays_throttled_becomes_an_error():
    """After five attempts a throttled call is a row with AWS's code."""
    clock = FakeClock()
    arm = FakeArm(lambda call: Throttled("slow down", code="ThrottlingException"))
    report = Evaluator({"base": arm}, clock=clock).run([record(1)])
    assert (report.rows[0].error, report.rows[0].throttled) == ("ThrottlingException", 5)
    assert clock.slept == [1.0, 2.0, 4.0, 8.0]


def test_functions_are_arms():
    """A function is asked with system prompt and question; what it raises is a row's error."""

    def solve(system, question):
        assert system == "CREATE TABLE t (a INT)"
        if question == "question 2":
            raise KeyError("two")
        if question == "question 3":
            raise IncompleteAnswer("half")
        return "select  1;"

    report = Evaluator({"solver": solve}, [ExactMatch(), OutputTokens()]).run([record(n) for n in range(5)])
    assert [row.error for row in report.rows] == [None, None, "KeyError", "IncompleteAnswer", None]
    assert report.rows[0].scores["exact_match"].value == 1.0
    assert report.rows[0].scores["output_tokens"] == Score(None, "no_score", "this arm counts no tokens")


def test_models_and_judges_use_the_given_client():
    """A short name becomes the inference id, an ARN stays, and judge and arms share the given client."""
    client, arn = FakeRuntime(), "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl"
    report = Evaluator({"base": "nova-micro", "tuned": arn}, [Judge("nova-pro")], client=client).run([record(1)])
    assert client.asked[:2] == ["amazon.nova-micro-v1:0", arn]
    assert client.asked.count("amazon.nova-pro-v1:0") == 2
    assert report.rows[0].reply.text == "SELECT 1"
    assert report.rows[0].reply.timing.ttft_ms is not None
    assert report.rows[0].scores["judge"] == Score(75.0, "ok", "Close.")
    assert report.settings["models"] == {"base": "amazon.nova-micro-v1:0", "tuned": arn}
    assert report.settings["judge"] == {"model": "amazon.nova-pro-v1:0", "rubric": "nova-tune-1"}


def test_the_measuring_client_makes_one_attempt():
    """Arms are timed with one attempt; judges, which are not timed, may retry."""
    session = FakeSession()
    Evaluator({"base": "nova-micro", "tuned": "nova-lite"}, [Judge("nova-pro")], session=session).run([record(1)])
    assert session.attempts == [("bedrock-runtime", 1), ("bedrock-runtime", 5)]


@pytest.mark.parametrize("model", models.MODELS.values(), ids=models.MODELS)
def test_a_model_is_asked_by_its_inference_id(model):
    """Every name of a model becomes its inference id, never the customizable one."""
    for name in (model.name, model.customizable_id.value, model.foundation_model_arn):
        assert inference_id(name) == model.inference_id.value


def test_a_misspelt_model_is_refused_before_anything_is_paid():
    """A name that is neither a model nor an id is refused with the nearest one."""
    with pytest.raises(PlanError, match="nova-micro"):
        Evaluator({"base": "nova-mirco"})


def test_an_impossible_evaluator_lists_all_its_faults():
    """Every fault of the arguments is named at once."""
    with pytest.raises(PlanError) as caught:
        Evaluator({"base": 7}, [ExactMatch(), ExactMatch()], workers=0)
    assert len(caught.value.faults) == 3
    with pytest.raises(PlanError, match="no arms"):
        Evaluator({})


def test_more_workers_find_the_same():
    """Four workers give the rows, scores and differences that one gives, and progress comes in the caller's thread."""

    class Echo:
        def measure(self, messages, *, system, max_tokens, temperature):
            number = int(messages[-1]["content"][0]["text"].split()[1])
            return reply("SELECT 1" if number % 3 else "SELECT 2", ttft=100.0 + number)

    seen, arms = [], {"base": lambda system, question: "SELECT 1", "tuned": Echo()}
    records = [record(n) for n in range(30)]

    def progress(done, total):
        seen.append((done, total, threading.current_thread() is threading.main_thread()))

    one = Evaluator({"base": Echo(), "tuned": Echo()}, [ExactMatch()], seed=4).run(records)
    four = Evaluator({"base": Echo(), "tuned": Echo()}, [ExactMatch()], seed=4, workers=4, on_progress=progress).run(
        records
    )
    assert (four.rows, four.differences, four.latency) == (one.rows, one.differences, one.latency)
    assert seen == [(done, 30, True) for done in range(1, 31)]
    assert Evaluator(arms, [ExactMatch()]).run(records).difference("exact_match").mean == pytest.approx(-1 / 3)


def test_the_limit_takes_the_first_examples():
    """With a limit only the first examples are asked, and a one-shot iterable is read no further."""
    source = (record(n) for n in range(10))
    report = Evaluator({"base": FakeArm()}).run(source, limit=3)
    assert [example.question for example in report.examples] == ["question 0", "question 1", "question 2"]
    assert len(list(source)) == 7


def test_values_with_to_dict_are_examples_too():
    """A dataset's conversations are taken through their to_dict()."""

    @attrs.frozen
    class Conversation:
        number: int

        def to_dict(self):
            return record(self.number)

    assert Evaluator({"base": FakeArm()}).run([Conversation(5)]).examples[0].question == "question 5"


def test_several_turns_are_one_question():
    """Everything before the last assistant turn is the prompt; what is no text stands in brackets."""
    data = {
        "messages": [
            {"role": "user", "content": [{"image": {}}, {"text": "What is it?"}]},
            {"role": "assistant", "content": [{"text": "A boat."}]},
            {"role": "user", "content": [{"text": "Whose?"}, {}]},
            {"role": "assistant", "content": [{"text": "Ours."}]},
        ]
    }
    example = Example.from_record(data, 9)
    assert (example.id, example.system, example.reference) == ("9", None, "Ours.")
    assert example.question == "user: [image]What is it?\nassistant: A boat.\nuser: Whose?[empty]"
    assert len(example.messages) == 3


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"role": "user", "content": [{"text": "q"}]}]},
        {"messages": [{"role": "assistant", "content": [{"text": "a"}]}]},
        {"messages": [{"role": "user", "content": [{"text": "q"}]}, {"role": "assistant", "content": [{"text": ""}]}]},
    ],
)
def test_a_record_without_a_reference_is_refused_by_number(data):
    """A record that has no prompt and reference is refused, before anything is paid."""
    arm = FakeArm()
    with pytest.raises(DatasetError, match="example 2"):
        Evaluator({"base": arm}).run([record(1), data])
    assert arm.calls == 0


def test_nothing_to_evaluate_on_is_an_error():
    """No examples are an error, not an empty report."""
    with pytest.raises(DatasetError, match="no examples"):
        Evaluator({"base": FakeArm()}).run([])


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("select  NAME\nfrom t where a = 'X y' ;", True),
        ("SELECT name FROM t WHERE a = 'X y';;", True),
        ("SELECT name FROM t WHERE a = 'x y'", False),
        ("SELECT name FROM t WHERE a = 'X  y'", False),
        ("SELECT name FROM t", False),
    ],
)
def test_exact_match_folds_case_and_spaces_outside_quotes(text, same):
    """Case, spaces and a last semicolon do not count; what stands in quotes does."""
    assert (normalised(text) == normalised("SELECT name FROM t WHERE a = 'X y'")) is same
    assert normalised(normalised(text)) == normalised(text)


def test_output_tokens_are_as_counted():
    """The count is AWS's own, also of an answer without text."""
    example = Example.from_record(record(1), 1)
    assert OutputTokens().score(example, reply(tokens=18)).value == 18.0
    assert OutputTokens().score(example, reply("", tokens=0)).value == 0.0


def test_a_deployment_shaped_object_is_an_arm():
    """Anything with measure() is an arm; a function or a name is not."""
    assert isinstance(FakeArm(), Arm)
    assert not isinstance("nova-micro", Arm)


def test_speed_and_latency_follow_their_definitions():
    """Speed is sum (N - 1) by sum of windows, AWS's is sum N by sum (total - TTFT); medians carry their intervals."""
    rows = [
        Row(
            example=str(n),
            arm="a",
            reply=reply(ttft=100.0 + n, last=200.0 + n + 100 * (n % 2), tokens=11 + 20 * (n % 2)),
        )
        for n in range(40)
    ]
    found = latency(rows, "a")
    assert (found.calls, found.n) == (40, 40)
    assert found.otps.estimate == pytest.approx((20 * 10 + 20 * 30) / (20 * 0.1 + 20 * 0.2))
    assert found.otps_aws == pytest.approx((20 * 11 + 20 * 31) / (20 * 0.105 + 20 * 0.205))
    assert (found.ttft_p50.estimate, found.ttft_mean) == (119.5, 119.5)
    assert found.ttft_p90 is not None
    assert not found.coarse


def test_the_published_figures_do_not_fit_together():
    """380 ms to the first token, 183 tokens a second and 60 tokens make 702 ms, not the 477 ms that were published."""
    rows = [Row(example=str(n), arm="a", reply=reply(ttft=380.0, last=380.0 + 59 / 0.183, tokens=60)) for n in range(6)]
    honest = latency(rows, "a")
    assert honest.implied_ms == pytest.approx(702.4, abs=0.1)
    assert honest.consistent
    published = attrs.evolve(honest, end_to_end_p50=attrs.evolve(honest.end_to_end_p50, estimate=477.0))
    assert published.consistent is False


def test_what_cannot_be_timed_has_no_speed():
    """One token, or a window under a millisecond, gives no speed; no streamed answer gives no latency at all."""
    single = latency([Row(example="1", arm="a", reply=reply(tokens=1, last=100.0))], "a")
    assert (single.otps, single.consistent, single.ttft_p50, single.coarse) == (None, None, None, True)
    burst = attrs.evolve(reply(tokens=9), timing=Timing(total_ms=100.0, ttft_ms=100.0, last_token_ms=100.0, deltas=1))
    assert latency([Row(example="1", arm="a", reply=burst)], "a").otps_aws is None
    assert latency([], "a").n == 0


def test_a_rehearsed_judge_makes_a_rehearsed_report():
    """One score or answer from a rehearsal is enough for the report to say so."""

    class Rehearsed:
        name = "mine"

        def score(self, example, answer):
            return Score(1.0, "ok", rehearsal=True)

    assert Evaluator({"base": FakeArm()}, [Rehearsed()]).run([record(1)]).rehearsal
    assert Evaluator({"base": FakeArm(lambda call: reply(rehearsal=True))}).run([record(1)]).rehearsal
    assert not Evaluator({"base": FakeArm()}).run([record(1)]).rehearsal


def test_a_metric_of_ones_own_needs_a_name_and_a_method():
    """What a metric does not declare of its scale has defaults: higher is better, and missing scores have no bounds."""

    class Length:
        name = "length"

        def score(self, example, answer):
            return Score(float(len(answer.text)), "ok")

    report = Evaluator({"base": FakeArm(), "tuned": FakeArm()}, [Length()]).run([record(n) for n in range(6)])
    assert report.scales == (Scale(metric="length"),)
    assert report.summary("length", "base").low is None
    with pytest.raises(KeyError, match="nothing"):
        report.summary("nothing", "base")


def test_the_baseline_is_the_arm_called_base():
    """The arm called base is compared with, wherever it stands; else it is the first."""
    assert Evaluator({"tuned": FakeArm(), "base": FakeArm()}).run([record(1)]).baseline == "base"
    assert Evaluator({"one": FakeArm(), "two": FakeArm()}).run([record(1)]).baseline == "one"


def test_counting_does_not_depend_on_the_order_of_rows():
    """The same rows in any order give the same comparison."""
    report = Evaluator({"base": FakeArm(), "tuned": FakeArm()}, [ExactMatch()]).run([record(n) for n in range(8)])
    again = compare(
        arms=report.arms,
        scales=report.scales,
        examples=report.examples,
        rows=report.rows[::-1],
        settings=report.settings,
        created_at=report.created_at,
    )
    assert again == report
    assert isinstance(again, Comparison)


def test_reading_scores_loads_no_aws():
    """Importing the evaluation and running it on functions loads neither boto3 nor an optional package."""
    code = (
        "import sys; from nova_tune.evaluation import Evaluator, ExactMatch, parse_score; parse_score('x')\n"
        "turns = [{'role': role, 'content': [{'text': 'x'}]} for role in ('user', 'assistant')]\n"
        "Evaluator({'f': lambda s, u: 'a'}, [ExactMatch()]).run([{'messages': turns}]).html()\n"
        "assert not {'boto3', 'botocore', 'numpy', 'pandas', 'sqlglot', 'yaml'} & set(sys.modules), sys.modules.keys()"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_rehearsal_answers_times_and_judges(rehearsal):
    """Through real clients against the rehearsal text, timing and score arrive, and the report says what answered."""
    report = Evaluator(
        {"base": "nova-micro", "tuned": lambda system, question: "SELECT 1"},
        [Judge("us.anthropic.claude-haiku-4-5-20251001-v1:0", rehearsable=True)],
        session=rehearsal.session(),
    ).run([record(1)])
    base, tuned = report.rows
    assert report.rehearsal
    assert base.reply.text.startswith("This is the rehearsal's untuned stand-in")
    assert 0 < base.reply.timing.ttft_ms < base.reply.timing.last_token_ms
    assert tuned.scores["judge"].value == 100.0
    assert base.scores["judge"].value < 50
