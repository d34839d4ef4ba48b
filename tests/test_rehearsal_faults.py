"""Faults by rate, in streams and on the wire, quotas for each minute, and the library of causes that jobs fail of."""

from __future__ import annotations

import itertools
import json
import time
from contextlib import closing

import botocore.eventstream
import botocore.exceptions
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from nova_tune.rehearsal import FAILURES, Rehearsal
from nova_tune.rehearsal._errors import ServiceError
from nova_tune.rehearsal._faults import Faults
from nova_tune.rehearsal._limits import RateLimits
from nova_tune.rehearsal._quotas import REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE, Quotas

pytestmark = pytest.mark.extra

ASK = {"modelId": "amazon.nova-micro-v1:0", "messages": [{"role": "user", "content": [{"text": "how many?"}]}]}
DEPLOYMENT = "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl"


@pytest.fixture(scope="module")
def rehearsal():
    with Rehearsal(speed=0, base_first_token_ms=1, base_token_ms=0) as running:
        yield running


@pytest.fixture
def runtime(rehearsal):
    client = rehearsal.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}, read_timeout=5))
    yield client
    rehearsal.faults.clear()
    client.close()


def outcomes(rehearsal, runtime, **options):
    """Whether each of 40 calls was throttled."""
    rehearsal.faults.clear()
    rehearsal.faults.add("Converse", error="ThrottlingException", **options)
    found = []
    for _ in range(40):
        try:
            runtime.converse(**ASK)
        except ClientError:
            found.append(True)
        else:
            found.append(False)
    return found


def test_a_rate_hits_a_share_of_the_calls_the_same_in_every_run(rehearsal, runtime):
    """A rate with a seed throttles the same calls each time; another seed throttles others."""
    first = outcomes(rehearsal, runtime, rate=0.3, seed=1)
    assert outcomes(rehearsal, runtime, rate=0.3, seed=1) == first
    assert outcomes(rehearsal, runtime, rate=0.3, seed=2) != first
    assert 4 <= sum(first) <= 20


def test_a_rate_may_have_an_end(rehearsal, runtime):
    """With `times`, a rate is over after so many faults; without, it stands as one fault that remains."""
    assert sum(outcomes(rehearsal, runtime, rate=0.5, times=3)) == 3
    assert len(rehearsal.faults) == 0
    rehearsal.faults.add("Converse", error="ThrottlingException", rate=0.5)
    assert (len(rehearsal.faults), len(list(rehearsal.faults))) == (1, 1)


@pytest.mark.parametrize("rate", [0, 1.5, -1])
def test_rates_are_shares(rate):
    """A rate is above 0 and at most 1."""
    with pytest.raises(ValueError, match="rate above 0"):
        Faults(bool).add("Converse", error="x", rate=rate)


def test_only_streams_stall():
    """A stall is in the middle of a stream; other operations have latency_ms."""
    with pytest.raises(ValueError, match="use latency_ms"):
        Faults(lambda _: False).add("Converse", stall_ms=10)


def test_a_reset_comes_before_any_byte(rehearsal, runtime):
    """A reset connection is botocore's ConnectionClosedError, for streams and for other calls."""
    for operation, call in (("Converse", runtime.converse), ("ConverseStream", runtime.converse_stream)):
        rehearsal.faults.add(operation, cut="reset")
        with pytest.raises(botocore.exceptions.ConnectionClosedError):
            call(**ASK)


def test_half_a_frame_ends_a_stream_without_an_error(rehearsal, runtime):
    """A body that ends properly inside a frame just stops: botocore raises nothing, and messageStop is missing."""
    rehearsal.faults.add("ConverseStream", cut="frame")
    names = [next(iter(event)) for event in runtime.converse_stream(**ASK)["stream"]]
    assert names == ["messageStart", "contentBlockDelta", "contentBlockDelta"]


def test_a_damaged_frame_fails_its_checksum(rehearsal, runtime):
    """A frame with a flipped bit is botocore's ChecksumMismatch."""
    rehearsal.faults.add("ConverseStream", cut="checksum")
    stream = runtime.converse_stream(**ASK)["stream"]
    with closing(stream), pytest.raises(botocore.eventstream.ChecksumMismatch):
        list(stream)


def test_a_stall_is_silence_in_the_middle(rehearsal, runtime):
    """A stalled stream goes on after the silence and is complete."""
    rehearsal.faults.add("ConverseStream", stall_ms=300)
    times, names = [], []
    for event in runtime.converse_stream(**ASK)["stream"]:
        times.append(time.perf_counter())
        names += event
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(gaps) > 0.25
    assert names[-2:] == ["messageStop", "metadata"]


def test_native_streams_break_too(rehearsal, runtime):
    """A fault in the middle of InvokeModelWithResponseStream comes after the first text, as in ConverseStream."""
    rehearsal.faults.add("InvokeModelWithResponseStream", error="modelStreamErrorException")
    body = json.dumps({"messages": ASK["messages"]})
    stream = runtime.invoke_model_with_response_stream(modelId=ASK["modelId"], body=body)["body"]
    seen = []
    with closing(stream), pytest.raises(botocore.exceptions.EventStreamError):
        seen.extend(next(iter(json.loads(event["chunk"]["bytes"]))) for event in stream)
    assert "messageStop" not in seen


@pytest.mark.parametrize(
    ("code", "status"),
    [("ExpiredTokenException", 403), ("ServiceUnavailableException", 503), ("ModelTimeoutException", 408)],
)
def test_errors_have_their_statuses(rehearsal, runtime, code, status):
    """A modelled error has its modelled status, one of AWS's common errors the common one."""
    rehearsal.faults.add("Converse", error=code)
    with pytest.raises(ClientError) as caught:
        runtime.converse(**ASK)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_every_cause_is_a_sentence():
    """The library of causes has texts for the usual failures, and any other text is taken as it is."""
    faults = Faults(bool)
    assert len(FAILURES) >= 10
    for name, text in FAILURES.items():
        faults.fail_next_job(name)
        assert faults.take_job_failure() == text
    faults.fail_next_job("the moon is full")
    assert faults.take_job_failure() == "the moon is full"


def throttled(limits, tokens=0, model_id=DEPLOYMENT):
    try:
        limits.spend(model_id, tokens)
    except ServiceError as error:
        return error.message
    return None


def test_requests_a_minute_fill_and_drain():
    """A bucket holds a minute's requests and drains with time; base models have no part in it."""
    quotas, moment = Quotas(), [0.0]
    quotas[REQUESTS_PER_MINUTE] = 2
    limits = RateLimits(quotas, now=lambda: moment[0])
    assert [throttled(limits) for _ in range(2)] == [None, None]
    assert "Too many requests" in throttled(limits)
    assert throttled(limits, model_id="amazon.nova-micro-v1:0") is None
    moment[0] = 30
    assert throttled(limits) is None
    assert throttled(limits) is not None


def test_tokens_a_minute_are_reserved_up_front():
    """A request is charged with all it may answer; one that is refused is charged with nothing."""
    quotas = Quotas()
    quotas[TOKENS_PER_MINUTE] = 100
    limits = RateLimits(quotas, now=lambda: 0.0)
    assert throttled(limits, 60) is None
    assert "Too many tokens" in throttled(limits, 60)
    assert throttled(limits, 40) is None


def test_quotas_a_minute_bind_only_when_set():
    """A load test of a rehearsal is not throttled by figures that nobody asked for."""
    limits = RateLimits(Quotas(), now=lambda: 0.0)
    assert all(throttled(limits, 1_000_000) is None for _ in range(3_000))
