"""The values that travel: the same after JSON, after pickle, and through an older program."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nova_tune import values
from nova_tune.template import Template
from nova_tune.values import CustomModel, JobState, Reply, Timing, TokenEstimate, TrainingData, TrainingJob, Usage

TEXT = st.text(max_size=8)
MAYBE = st.none() | TEXT
COUNT = st.integers(0, 2**40)
LOSS = st.none() | st.floats(allow_nan=False)
TIME = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
PLAIN = TEXT.map(lambda text: text.replace("{", "").replace("}", ""))
TEMPLATE = st.builds(Template, system=PLAIN, user=PLAIN, assistant=PLAIN)
TOKENS = st.builds(TokenEstimate, low=COUNT, expected=COUNT, high=COUNT, basis=TEXT)
USAGE = st.builds(Usage, input_tokens=COUNT, output_tokens=COUNT)
TIMING = st.builds(Timing, total_ms=st.floats(0, 1e6), server_ms=LOSS, ttft_ms=LOSS, last_token_ms=LOSS, deltas=COUNT)
BLOCK = st.dictionaries(TEXT, JSON, max_size=2)
EXTRA = st.dictionaries(TEXT.map("new_".__add__), JSON, max_size=2)
VALUES = st.one_of(
    TOKENS,
    USAGE,
    TIMING,
    st.builds(TrainingData, uri=MAYBE, sha256=TEXT, records=COUNT, bytes=COUNT, tokens=TOKENS,
              template=st.none() | TEMPLATE, extra=EXTRA),
    st.builds(TrainingJob, arn=TEXT, name=TEXT, backend=TEXT, model=TEXT, state=st.sampled_from(JobState),
              raw_state=MAYBE, steps=st.dictionaries(TEXT, TEXT, max_size=2), custom_model_arn=MAYBE, failure=MAYBE,
              created_at=st.none() | TIME, ended_at=st.none() | TIME, training_loss=LOSS, validation_loss=LOSS,
              plan_digest=MAYBE, attempt=COUNT, extra=EXTRA),
    st.builds(CustomModel, arn=TEXT, name=TEXT, model=MAYBE, status=TEXT, job_arn=MAYBE, template=st.none() | TEMPLATE,
              failure=MAYBE, extra=EXTRA),
    st.builds(Reply, text=TEXT, stop_reason=TEXT, usage=USAGE, timing=TIMING, model_id=MAYBE, request_id=MAYBE,
              rehearsal=st.booleans(), content=st.lists(BLOCK, max_size=2), extra=EXTRA),
)  # fmt: skip
JOB = TrainingJob(arn="arn", name="n", backend="bedrock", model="nova-micro")


@given(VALUES)
@example(JOB)
def test_a_value_survives_json_and_pickle(value):
    """to_dict, JSON text and from_dict give an equal value, unknown keys included; so does pickle."""
    text = json.dumps(value.to_dict())
    again = type(value).from_dict(json.loads(text))
    assert again == value
    assert json.dumps(again.to_dict()) == text
    assert pickle.loads(pickle.dumps(value)) == value


@given(VALUES)
def test_every_value_says_its_version(value):
    """The JSON of a value begins with the schema's number, so that a reader knows what it reads."""
    assert next(iter(value.to_dict().items())) == ("schema", 1)


def test_a_missing_key_is_named():
    """A payload that is something else is refused with the key that it lacks."""
    with pytest.raises(ValueError, match="not a TrainingJob: the key 'name' is missing"):
        TrainingJob.from_dict({"arn": "x"})


def test_keys_of_tomorrow_are_kept():
    """An older program passes on what a newer one wrote, and does not call it its own."""
    payload = JOB.to_dict() | {"queue": {"position": 3}}
    job = TrainingJob.from_dict(payload)
    assert job.extra == {"queue": {"position": 3}}
    assert job.to_dict() == payload


def test_keys_of_yesterday_suffice():
    """A payload with the required keys alone gives the defaults."""
    assert TrainingJob.from_dict({"arn": "arn", "name": "n", "backend": "bedrock", "model": "nova-micro"}) == JOB


def test_times_are_written_in_utc():
    """A time of any zone is written in UTC, and read as the same instant."""
    there = datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=2)))
    job = attrs.evolve(JOB, created_at=there)
    assert job.to_dict()["created_at"] == "2026-11-21T10:00:00Z"
    assert TrainingJob.from_dict(job.to_dict()).created_at == there


def test_bytes_of_a_reply_are_written_in_base64():
    """A redacted reasoning block does not break a reply's JSON."""
    blocks = [{"reasoningContent": {"redactedContent": b"\x00\xff"}}]
    reply = Reply(text="", stop_reason="end_turn", usage=Usage(input_tokens=1, output_tokens=1),
                  timing=Timing(total_ms=1.0), content=blocks)  # fmt: skip
    assert json.loads(json.dumps(reply.to_dict()))["content"] == [{"reasoningContent": {"redactedContent": "AP8="}}]


def test_a_state_that_aws_invents_is_unknown_and_not_terminal():
    """Only Completed, Failed and Stopped end a wait; a word of tomorrow does not."""
    assert JobState.read("Queued") is JobState.UNKNOWN
    assert JobState.read(None) is JobState.UNKNOWN
    assert {state for state in JobState if state.is_terminal} == {
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.STOPPED,
    }


@given(st.sampled_from([each for each in JobState if each is not JobState.UNKNOWN]))
def test_aws_s_words_are_read(state):
    """Each of AWS's five words is its state."""
    assert JobState.read(state.value) is state


def test_values_do_not_change():
    """A value is data: nobody changes it under its reader."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        JOB.name = "other"


def test_output_tokens_a_second_follow_their_definitions():
    """101 tokens, first after 200 ms, last after 1,200 ms, all after 1,210: 100 a second, or 100 by AWS's formula."""
    timing = Timing(total_ms=1210.0, ttft_ms=200.0, last_token_ms=1200.0)
    assert timing.otps(101) == 100
    assert timing.otps_aws(101) == pytest.approx(100)


@pytest.mark.parametrize(
    ("timing", "tokens"),
    [
        (Timing(total_ms=10.0), 10),
        (Timing(total_ms=10.0, ttft_ms=5.0), 10),
        (Timing(total_ms=10.0, ttft_ms=5.0, last_token_ms=9.0), 1),
        (Timing(total_ms=10.0, ttft_ms=5.0, last_token_ms=5.5), 10),
    ],
)
def test_a_speed_that_cannot_be_told_is_none(timing, tokens):
    """No stream, no last token, one token, or a window under a millisecond: None, never a number."""
    assert timing.otps(tokens) is None


def test_aws_s_formula_needs_a_window_too():
    """AWS's formula is None where there was no first token or no time after it."""
    assert Timing(total_ms=10.0).otps_aws(5) is None
    assert Timing(total_ms=10.0, ttft_ms=10.0).otps_aws(5) is None


def test_an_unset_reader_leaves_json_as_it_is():
    """A field without a reader takes the JSON form itself."""
    assert attrs.fields(TrainingJob).steps.metadata == {}
    assert values.field(default=1).metadata == {}


def test_a_time_at_the_edge_of_the_calendar_survives():
    """The first day that Python knows goes to JSON and back from any time zone."""
    edge = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    job = TrainingJob(arn="a", name="n", backend="bedrock", model="nova-micro", ended_at=edge)
    assert TrainingJob.from_dict(json.loads(json.dumps(job.to_dict()))).ended_at == edge
