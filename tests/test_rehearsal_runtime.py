"""What answers in the rehearsal, in which words, and how fast."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from nova_tune.rehearsal import Rehearsal
from nova_tune.rehearsal._runtime import Pace

pytestmark = pytest.mark.extra

BASE = "amazon.nova-micro-v1:0"
CUSTOMIZABLE = "amazon.nova-micro-v1:0:128k"
FIRST_MS, TOKEN_MS = 60.0, 5.0
SYSTEM = [{"text": "You write SQL."}]
TABLES = ("flights", "hotels", "invoices", "patients", "students", "planets", "recipes", "engines")
LONG = "SELECT " + ", ".join(f"column_{n}" for n in range(60)) + " FROM archive"


def turn(role, text):
    return {"role": role, "content": [{"text": text}]}


def train(rehearsal, name, pairs):
    """The ARN of a deployment (still Creating) and of a model trained on `pairs`."""
    lines = [json.dumps({"system": SYSTEM, "messages": [turn("user", q), turn("assistant", a)]}) for q, a in pairs]
    with closing(rehearsal.client("s3")) as s3, closing(rehearsal.client("bedrock")) as bedrock:
        s3.put_object(Bucket=rehearsal.bucket, Key=f"{name}.jsonl", Body="\n".join(lines))
        bedrock.create_model_customization_job(
            jobName=name,
            customModelName=name,
            roleArn=rehearsal.role_arn,
            baseModelIdentifier=CUSTOMIZABLE,
            trainingDataConfig={"s3Uri": f"s3://{rehearsal.bucket}/{name}.jsonl"},
            outputDataConfig={"s3Uri": f"s3://{rehearsal.bucket}/out"},
        )
        rehearsal.advance(10_000)
        model = bedrock.get_model_customization_job(jobIdentifier=name)["outputModelArn"]
        deployment = bedrock.create_custom_model_deployment(modelDeploymentName=name, modelArn=model)
        return deployment["customModelDeploymentArn"], model


PAIRS = [(f"How many {table} are there?", f"SELECT count(*) FROM {table}") for table in TABLES]
PAIRS += [("Show me the whole archive with every column", LONG)]


@pytest.fixture(scope="module")
def rehearsal():
    with Rehearsal(
        speed=0, first_token_ms=FIRST_MS, token_ms=TOKEN_MS, base_first_token_ms=10, base_token_ms=1
    ) as running:
        yield running


@pytest.fixture(scope="module")
def runtime(rehearsal):
    config = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)
    with closing(rehearsal.client("bedrock-runtime", config=config)) as client:
        yield client


@pytest.fixture(scope="module")
def trained(rehearsal):
    arn, model = train(rehearsal, "tuned", PAIRS)
    rehearsal.advance(500)
    return arn, model


@pytest.fixture(scope="module")
def tuned(trained):
    return trained[0]


def text(answer):
    return "".join(block["text"] for block in answer["output"]["message"]["content"])


def timed(runtime, model, question):
    """The events of a stream with the seconds from just before the call to each."""
    begun = time.perf_counter()
    stream = runtime.converse_stream(modelId=model, messages=[turn("user", question)], system=SYSTEM)["stream"]
    with closing(stream) as events:
        return [(time.perf_counter() - begun, event) for event in events]


def refused(runtime, **request):
    with pytest.raises(ClientError) as caught:
        runtime.converse(**{"messages": [turn("user", "x")], **request})
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def test_a_tuned_model_knows_its_training_data(runtime, tuned):
    """A deployment answers with the nearest example of its training file; the base model does not know it."""
    ask = {"system": SYSTEM, "messages": [turn("user", "how many patients are there now?")]}
    answer = runtime.converse(modelId=tuned, **ask)
    assert text(answer) == "SELECT count(*) FROM patients"
    assert answer["stopReason"] == "end_turn"
    base = text(runtime.converse(modelId=BASE, **ask))
    assert "SELECT" not in base
    assert "stand-in" in base


def test_earlier_turns_belong_to_the_prompt(runtime, tuned):
    """All user turns are asked, as in training."""
    messages = [turn("user", "planets"), turn("assistant", "yes?"), turn("user", "How many are there?")]
    assert text(runtime.converse(modelId=tuned, messages=messages)) == "SELECT count(*) FROM planets"


def test_usage_is_counted(runtime, tuned):
    """Tokens are about four characters, and the metrics hold the time that the answer took."""
    answer = runtime.converse(modelId=tuned, messages=[turn("user", "How many recipes are there?")])
    usage = answer["usage"]
    assert usage["inputTokens"] == 7
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert usage["outputTokens"] == pytest.approx(len(text(answer)) / 4, abs=4)
    assert answer["metrics"]["latencyMs"] >= FIRST_MS + (usage["outputTokens"] - 1) * TOKEN_MS - 1


def test_max_tokens_and_stop_sequences_end_an_answer(runtime, tuned):
    """An answer ends after maxTokens, or before a stop sequence, whichever comes first, and says which."""
    ask = {"modelId": tuned, "messages": [turn("user", "How many engines are there?")]}
    whole = text(runtime.converse(**ask))
    short = runtime.converse(**ask, inferenceConfig={"maxTokens": 2})
    assert (short["stopReason"], short["usage"]["outputTokens"]) == ("max_tokens", 2)
    assert whole.startswith(text(short))
    stopped = runtime.converse(**ask, inferenceConfig={"stopSequences": ["zzz", " FROM"]})
    assert (stopped["stopReason"], text(stopped)) == ("stop_sequence", "SELECT count(*)")
    both = runtime.converse(**ask, inferenceConfig={"stopSequences": [" FROM"], "maxTokens": 1})
    assert both["stopReason"] == "max_tokens"


def test_a_stream_is_the_same_answer(runtime, tuned):
    """The events of a stream come in AWS's order, and their text and usage are those of Converse."""
    question = "How many invoices are there?"
    names = [next(iter(event)) for _, event in timed(runtime, tuned, question)]
    events = [event for _, event in timed(runtime, tuned, question)]
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert names == [
        "messageStart",
        *["contentBlockDelta"] * len(deltas),
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    whole = runtime.converse(modelId=tuned, messages=[turn("user", question)], system=SYSTEM)
    assert "".join(deltas) == text(whole)
    assert events[-2]["messageStop"]["stopReason"] == "end_turn"
    assert events[-1]["metadata"]["usage"] == whole["usage"]
    assert events[-1]["metadata"]["usage"]["outputTokens"] == len(deltas)


def first_delta(events):
    return next(seconds for seconds, event in events if "contentBlockDelta" in event)


def test_the_first_token_comes_when_it_is_due(runtime, tuned):
    """No stream is early, and the quickest of ten is on time; the median is a benchmark's, which gates nothing."""
    timed(runtime, tuned, "warm up")
    measured = [first_delta(timed(runtime, tuned, f"How many {table} are there?")) for table in (TABLES * 2)[:10]]
    assert min(measured) * 1000 == pytest.approx(FIRST_MS, abs=15)


def test_deadlines_are_absolute():
    """The i-th token is due i token times after the first, however late its predecessors were."""
    pace = Pace(first_token_ms=150, token_ms=5)
    assert [pace.due(10.0, index) for index in (0, 1, 1000)] == pytest.approx([10.15, 10.155, 15.15])


def test_tokens_come_one_by_one(runtime, tuned):
    """A hundred tokens arrive one after another, none before it is due; a busy machine may only be late."""
    events = timed(runtime, tuned, "Show me the whole archive with every column")
    times = [seconds * 1000 for seconds, event in events if "contentBlockDelta" in event]
    assert len(times) > 100
    assert all(seen >= FIRST_MS + index * TOKEN_MS - 5 for index, seen in enumerate(times))


def test_callers_do_not_wait_for_each_other(runtime, tuned):
    """Eight streams at once do not queue behind each other."""
    ready, taken = threading.Barrier(8), []

    def call(table):
        ready.wait()
        taken.append(first_delta(timed(runtime, tuned, f"How many {table} are there?")))

    threads = [threading.Thread(target=call, args=(table,)) for table in TABLES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 8
    assert max(taken) < 7.5 * FIRST_MS / 1000  # in a queue the last would wait for eight


def test_a_deployment_that_is_creating_is_not_ready(rehearsal, runtime, trained):
    """A deployment answers only when it is Active; before, botocore is told to try again."""
    with closing(rehearsal.client("bedrock")) as bedrock:
        arn = bedrock.create_custom_model_deployment(modelDeploymentName="later", modelArn=trained[1])[
            "customModelDeploymentArn"
        ]
        assert refused(runtime, modelId=arn)[:2] == ("ModelNotReadyException", 429)
        rehearsal.faults.fail_next_deployment("no capacity")
        failed = bedrock.create_custom_model_deployment(modelDeploymentName="failed", modelArn=trained[1])[
            "customModelDeploymentArn"
        ]
    rehearsal.advance(500)
    assert runtime.converse(modelId=arn, messages=[turn("user", "x")])["stopReason"] == "end_turn"
    code, _, message = refused(runtime, modelId=failed)
    assert (code, "no capacity" in message) == ("ValidationException", True)


ACCOUNT = "arn:aws:bedrock:us-east-1:123456789012"


@pytest.mark.parametrize(
    ("model", "code", "status", "reason"),
    [
        (CUSTOMIZABLE, "ResourceNotFoundException", 404, "Model not found."),
        (f"{ACCOUNT}:custom-model/{CUSTOMIZABLE}/abcdefghijkl", "ValidationException", 400, "deployment"),
        (f"{ACCOUNT}:custom-model-deployment/abcdefghijkl", "ResourceNotFoundException", 404, "abcdefghijkl"),
        ("amazon.nova-2-lite-v1:0", "ValidationException", 400, "inference profile"),
        ("anthropic.claude-sonnet-4-20250514-v1:0", "ValidationException", 400, "model identifier is invalid"),
        ("gibberish", "ValidationException", 400, "model identifier is invalid"),
    ],
)
def test_ids_that_do_not_answer(runtime, model, code, status, reason):
    """Customisable ids, custom models, unknown deployments and unknown ids each have their refusal."""
    found = refused(runtime, modelId=model)
    assert found[:2] == (code, status)
    assert reason in found[2]


def test_an_arn_that_ends_in_a_models_name_does_not_answer(runtime):
    """The article's custom-model ARN with the model's name at its end is refused as modelId."""
    code, _, message = refused(runtime, modelId=f"{ACCOUNT}:custom-model/amazon.nova-micro-v1:0/my-model")
    assert (code, "custom model deployment" in message) == ("ValidationException", True)


def test_the_articles_deployment_arn_does_not_answer(runtime, tuned):
    """arn:...:deployment/<id> is no modelId: the resource is called custom-model-deployment."""
    identifier = tuned.rpartition("/")[2]
    code, _, message = refused(runtime, modelId=f"{ACCOUNT}:deployment/{identifier}")
    assert code == "ValidationException"
    assert "'modelId' failed to satisfy constraint" in message


@pytest.mark.parametrize(
    "model",
    [
        "us.amazon.nova-micro-v1:0",
        "us.amazon.nova-2-lite-v1:0",
        f"arn:aws:bedrock:us-east-1::foundation-model/{BASE}",
        f"{ACCOUNT}:inference-profile/us.amazon.nova-lite-v1:0",
    ],
)
def test_base_models_answer_by_id_profile_and_arn(runtime, model):
    """Every name that AWS gives an untuned Nova model reaches its stand-in."""
    assert "stand-in" in text(runtime.converse(modelId=model, messages=[turn("user", "x")]))


JUDGE = {
    "messages": [
        turn(
            "user",
            "Score it. <correct_answer-abc123>SELECT a FROM t</correct_answer-abc123> "
            "<student_answer-abc123>SELECT a FROM t</student_answer-abc123>",
        )
    ],
    "requestMetadata": {"nova-tune-judge": "reference-v1"},
}


@pytest.mark.parametrize("model", [BASE, "us.amazon.nova-pro-v1:0", "us.anthropic.claude-sonnet-4-20250514-v1:0", None])
def test_marked_requests_are_judged(runtime, tuned, model):
    """A request with the judge's mark is scored, by any model that a judge may be."""
    assert "<SCORE>100</SCORE>" in text(runtime.converse(modelId=model or tuned, **JUDGE))


def test_another_mark_is_no_judges(runtime):
    """A mark of another version is plain metadata."""
    request = {**JUDGE, "requestMetadata": {"nova-tune-judge": "reference-v2"}}
    assert "SCORE" not in text(runtime.converse(modelId=BASE, **request))


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"messages": []}, "start with a user message"),
        ({"messages": [turn("assistant", "x")]}, "start with a user message"),
        ({"messages": [turn("user", "x"), turn("assistant", "y")]}, "end with a user message"),
        ({"messages": [turn("user", "x"), turn("user", "y")]}, "alternate"),
        ({"inferenceConfig": {"maxTokens": 6000}}, "at most 5120"),
        ({"inferenceConfig": {"temperature": 2.0}}, "less than or equal to 1"),
    ],
)
def test_requests_that_no_model_takes(runtime, request_, reason):
    """Turns out of order and values out of range are ValidationExceptions."""
    code, status, message = refused(runtime, modelId=BASE, **request_)
    assert (code, status) == ("ValidationException", 400)
    assert reason in message


def test_refusals_come_before_a_stream(runtime):
    """A stream that is refused is an HTTP error, not an event."""
    with pytest.raises(ClientError, match="Model not found"):
        runtime.converse_stream(modelId=CUSTOMIZABLE, messages=[turn("user", "x")])


def test_an_empty_answer_is_an_answer(rehearsal, runtime, tuned):
    """A stop sequence at the very start leaves an empty text, in both operations."""
    ask = {"modelId": tuned, "messages": [turn("user", "engines")], "inferenceConfig": {"stopSequences": ["SELECT"]}}
    answer = runtime.converse(**ask)
    assert (text(answer), answer["usage"]["outputTokens"]) == ("", 0)
    with closing(runtime.converse_stream(**ask)["stream"]) as events:
        assert [next(iter(event)) for event in events] == [
            "messageStart",
            "contentBlockStop",
            "messageStop",
            "metadata",
        ]


def responder(request):
    words = request["messages"][-1]["content"][0]["text"]
    if words == "fail":
        raise RuntimeError("no words")
    return None if words == "nothing" else f"{request['modelId'][-12:]}: {words}"


def test_a_responder_answers_for_deployments():
    """The caller's own function answers instead of the data, for deployments alone; its faults are the model's."""
    with Rehearsal(speed=0, first_token_ms=0, token_ms=0, base_first_token_ms=0, responder=responder) as rehearsal:
        arn, _ = train(rehearsal, "own", PAIRS)
        rehearsal.advance(500)
        config = Config(retries={"total_max_attempts": 1})
        with closing(rehearsal.client("bedrock-runtime", config=config)) as runtime:
            ask = [turn("user", "well?")]
            assert text(runtime.converse(modelId=arn, messages=ask)) == f"{arn[-12:]}: well?"
            assert "stand-in" in text(runtime.converse(modelId=BASE, messages=ask))
            assert "<SCORE>" in text(runtime.converse(modelId=arn, **JUDGE))
            for word, reason in (("fail", "RuntimeError: no words"), ("nothing", "NoneType, not str")):
                code, status, message = refused(runtime, modelId=arn, messages=[turn("user", word)])
                assert (code, status) == ("ModelErrorException", 424)
                assert reason in message
