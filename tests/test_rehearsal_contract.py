"""What the rehearsal writes, botocore reads: the contract between our writer and AWS's own parser."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.eventstream import EventStream
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.parsers import create_parser
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nova_tune.rehearsal import _prices, _quotas
from nova_tune.rehearsal._account import Account
from nova_tune.rehearsal._bedrock import operations
from nova_tune.rehearsal._check import compile_pattern, faults, summary
from nova_tune.rehearsal._clock import Clock
from nova_tune.rehearsal._eventstream import event
from nova_tune.rehearsal._faults import Faults
from nova_tune.rehearsal._model import RouteTable, TargetTable
from nova_tune.rehearsal._runtime import Pace, Runtime
from nova_tune.rehearsal._sagemaker import TrainingJobs
from nova_tune.rehearsal._serialise import ContractError, jsonable, write

ROUTES = RouteTable(("bedrock", "bedrock-runtime"))
TARGETS = TargetTable({"sagemaker": "sagemaker", "servicequotas": "service-quotas", "pricing": "pricing"})
STREAMS = ("ConverseStream", "InvokeModelWithResponseStream")
ANSWERED_AS_JSON = (
    ("sagemaker", "CreateTrainingJob"),
    ("sagemaker", "DescribeTrainingJob"),
    ("sagemaker", "ListTrainingJobs"),
    ("servicequotas", "GetServiceQuota"),
    ("servicequotas", "ListAWSDefaultServiceQuotas"),
    ("servicequotas", "ListServiceQuotas"),
    ("pricing", "DescribeServices"),
    ("pricing", "GetAttributeValues"),
    ("pricing", "GetProducts"),
)
SILENT = ("StopTrainingJob",)  # has no output
RAW = ("InvokeModel",)  # its payload is a blob, tested by itself
ANSWERED = (
    "CreateModelCustomizationJob",
    "GetModelCustomizationJob",
    "ListModelCustomizationJobs",
    "StopModelCustomizationJob",
    "CreateCustomModel",
    "GetCustomModel",
    "ListCustomModels",
    "DeleteCustomModel",
    "CreateCustomModelDeployment",
    "GetCustomModelDeployment",
    "ListCustomModelDeployments",
    "UpdateCustomModelDeployment",
    "DeleteCustomModelDeployment",
    "ListFoundationModels",
    "GetFoundationModel",
    "GetFoundationModelAvailability",
    "ListTagsForResource",
    "TagResource",
    "UntagResource",
    "Converse",
    "CountTokens",
)

# Shapes this deep shrink for minutes; a failure names its value and its place anyway.
PROPERTY = settings(
    max_examples=settings().max_examples // 3,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
MAX_DEPTH = 6
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
# Milliseconds, as Bedrock writes them; the years that every platform's time functions know.
MOMENTS = st.integers(600_000_000_000, 2_800_000_000_000).map(
    lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
)


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values that obey `shape`, optional members left out at random and always when deep."""
    if getattr(shape, "is_document_type", False):
        return st.dictionaries(st.text(max_size=5), JSON, max_size=2)
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if isinstance(shape, StructureShape):
        return structures(shape, depth)
    size = max(low or 0, min(0 if depth > MAX_DEPTH else 2, 2 if high is None else high))
    if isinstance(shape, ListShape):
        return st.lists(values(shape.member, depth + 1), min_size=low or 0, max_size=size)
    if isinstance(shape, MapShape):
        keys, members = values(shape.key, depth + 1), values(shape.value, depth + 1)
        return st.dictionaries(keys, members, min_size=low or 0, max_size=size)
    if shape.type_name == "string":
        return strings(shape)
    if shape.type_name in {"integer", "long"}:
        return st.integers(-(2**31) if low is None else int(low), 2**31 - 1 if high is None else int(high))
    if shape.type_name in {"float", "double"}:
        return st.floats(low, high, allow_nan=False, allow_infinity=False)
    if shape.type_name == "boolean":
        return st.booleans()
    if shape.type_name == "blob":
        return st.binary(min_size=int(low or 0), max_size=max(int(low or 0), 20))
    assert shape.type_name == "timestamp"
    return MOMENTS


def strings(shape: Shape) -> st.SearchStrategy[str]:
    enum = shape.metadata.get("enum")
    if enum:
        return st.sampled_from(enum)
    low = int(shape.metadata.get("min", 0))
    pattern = shape.metadata.get("pattern")
    compiled = compile_pattern(pattern) if pattern else None
    if compiled is None or pattern in {".*", r"[\s\S]*"}:
        return st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=low, max_size=max(low, 12))
    return st.from_regex(compiled, fullmatch=True).filter(lambda text: not faults(shape, text))


def structures(shape: StructureShape, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    if getattr(shape, "is_tagged_union", False):
        names = list(shape.members)[:1] if depth > MAX_DEPTH else list(shape.members)
        return st.one_of([st.fixed_dictionaries({name: st.deferred(member(shape, name, depth))}) for name in names])
    required = set(shape.required_members)
    optional = () if depth > MAX_DEPTH else [name for name in shape.members if name not in required]
    return st.fixed_dictionaries(
        {name: st.deferred(member(shape, name, depth)) for name in required},
        optional={name: st.deferred(member(shape, name, depth)) for name in optional},
    )


def member(shape: StructureShape, name: str, depth: int) -> Any:
    return lambda: values(shape.members[name], depth + 1)


def parsed(operation: OperationModel, output: dict[str, Any]) -> dict[str, Any]:
    """`output` through our writer and botocore's parser."""
    response = write(operation, output)
    assert isinstance(response.body, bytes)
    message = {
        "status_code": response.status,
        "headers": {name.lower(): value for name, value in response.headers},
        "body": response.body,
        "context": {"operation_name": operation.name},
    }
    protocol = operation.service_model.metadata["protocol"]
    answer = create_parser(protocol).parse(message, operation.output_shape)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == response.status
    return answer


def test_every_offered_operation_is_under_contract():
    """An operation that the rehearsal offers stands in the lists above, so no answer escapes the property."""
    account = Account(clock=Clock(0), faults=Faults(bool), seed=0)
    pace = Pace(first_token_ms=0, token_ms=0)
    runtime = Runtime(account, tuned=pace, base=pace, responder=None, closing=threading.Event())
    trainings = TrainingJobs(account, passage=None, roles=None)
    offered = {*operations(account, s3=None, roles=None), *runtime.operations(), *trainings.operations()}
    offered |= {*_quotas.operations(account.quotas), *_prices.operations()}
    assert offered == {*ANSWERED, *STREAMS, *SILENT, *RAW, *(name for _, name in ANSWERED_AS_JSON)}


def test_a_request_without_a_token_is_always_new():
    """Idempotency is the token's; a request that has none makes something each time."""
    account = Account(clock=Clock(0), faults=Faults(bool), seed=0)
    arns = [account.once("Op", {"name": "same"}, lambda: account.new_arn("kind")) for _ in range(2)]
    assert arns[0] != arns[1]


def known(name):
    """Whether the installed botocore has an operation: the lowest that is allowed lacks some of the offered ones."""
    try:
        return bool(ROUTES.operation(name))
    except KeyError:
        return False


@pytest.mark.parametrize("name", [name for name in ANSWERED if known(name)])
@PROPERTY
@given(data=st.data())
def test_botocore_reads_every_answer_as_it_was_meant(name, data):
    """Whatever obeys an offered operation's output shape comes out of botocore's own parser unchanged."""
    operation = ROUTES.operation(name)
    output = data.draw(values(operation.output_shape))
    assert parsed(operation, output) == output


@pytest.mark.parametrize(("service", "name"), ANSWERED_AS_JSON)
@PROPERTY
@given(data=st.data())
def test_botocore_reads_every_aws_json_answer_as_it_was_meant(service, name, data):
    """Whatever obeys the output shape of an aws-json operation comes out of botocore's own parser unchanged."""
    operation = TARGETS.operation(service, name)
    output = data.draw(values(operation.output_shape))
    assert parsed(operation, output) == output


def test_an_operation_without_output_answers_with_nothing():
    """An operation that has no output shape answers 200 with an empty body."""
    response = write(TARGETS.operation("sagemaker", "StopTrainingJob"), {})
    assert (response.status, response.body) == (200, b"")
    assert TARGETS.match("sagemaker", "SageMaker.NoSuchThing") is None
    assert TARGETS.match("dynamodb", "DynamoDB.PutItem") is None


@PROPERTY
@given(body=st.binary(max_size=50), content_type=st.from_regex(r"[a-z]+/[a-z]+", fullmatch=True))
def test_headers_and_payloads_are_written_too(body, content_type):
    """An output with a payload and header members comes out of botocore's parser unchanged."""
    operation = ROUTES.operation("InvokeModel")
    response = write(operation, {"body": body, "contentType": content_type})
    assert response.body == body
    assert ("Content-Type", content_type) in response.headers


def test_timestamps_have_the_protocols_format_unless_the_model_names_another():
    """A bare timestamp is seconds since 1970; Bedrock's own members say iso8601."""
    moment = datetime(2026, 11, 21, 5, 57, 0, 250_000, tzinfo=UTC)
    assert jsonable(Shape("Timestamp", {"type": "timestamp"}), moment) == 1795240620.25
    named = Shape("Timestamp", {"type": "timestamp", "timestampFormat": "iso8601"})
    assert jsonable(named, moment) == "2026-11-21T05:57:00.250000Z"


class Wire:
    """The raw body that botocore's EventStream reads: pieces of bytes."""

    def __init__(self, pieces):
        self._pieces = pieces

    def stream(self):
        return iter(self._pieces)

    def close(self):
        """Nothing is open."""


def events(name, pieces):
    operation = ROUTES.operation(name)
    parser = create_parser("rest-json")._event_stream_parser
    return list(EventStream(Wire(pieces), operation.get_event_stream_output(), parser, name))


@pytest.mark.parametrize("name", STREAMS)
@PROPERTY
@given(data=st.data())
def test_botocore_reads_every_event_as_it_was_meant(name, data):
    """Whatever obeys an event's shape comes out of botocore's own event stream decoder unchanged."""
    shape = ROUTES.operation(name).get_event_stream_output()
    names = [key for key, member_shape in shape.members.items() if not member_shape.metadata.get("exception")]
    drawn = data.draw(
        st.lists(
            st.sampled_from(names).flatmap(lambda key: st.tuples(st.just(key), values(shape.members[key]))),
            max_size=4,
        )
    )
    pieces = [event(shape, key, payload) for key, payload in drawn]
    assert events(name, pieces) == [{key: payload} for key, payload in drawn]


def job(**changes):
    base = "amazon.nova-micro-v1:0:128k"
    return {"jobArn": f"arn:aws:bedrock:us-east-1:123456789012:model-customization-job/{base}/abcdefghijkl"} | changes


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ({}, "jobArn"),
        (job(jobName="x"), "Unknown member 'jobName'"),
        (job(jobArn=7), "must be a string"),
        (job(jobArn="arn:aws:bedrock:us-east-1:123456789012:model-customization-job/my-job"), "pattern"),
    ],
)
def test_the_writer_refuses_what_bedrock_could_not_say(output, reason):
    """A missing, unknown, mistyped or malformed member of an answer is an error of the rehearsal, by name."""
    with pytest.raises(ContractError, match=re.escape(reason)):
        write(ROUTES.operation("CreateModelCustomizationJob"), output)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"stopReason": "tired"}, "enum"),
        ({}, "must not be null"),
    ],
)
def test_events_obey_their_shapes(payload, reason):
    """An event that breaks its own shape is never sent."""
    with pytest.raises(ContractError, match=reason):
        event(ROUTES.operation("ConverseStream").get_event_stream_output(), "messageStop", payload)


def test_the_summary_counts_the_faults():
    """A refusal reads as AWS's does: the count first, then each value, its place and the broken constraint."""
    shape = ROUTES.operation("CreateModelCustomizationJob").input_shape
    found = faults(shape.members["jobName"], "no spaces!", "jobName")
    assert summary(found) == (
        "1 validation error detected: Value 'no spaces!' at 'jobName' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9\+\-\.])*"
    )


NAMES = st.text(st.sampled_from("aZ0-+.!_ "), min_size=1, max_size=14)


@given(NAMES)
def test_the_fast_pattern_accepts_what_awss_accepts(text):
    """Our linear pattern of job names and AWS's exponential one accept the same strings."""
    pattern = ROUTES.operation("CreateModelCustomizationJob").input_shape.members["jobName"].metadata["pattern"]
    assert bool(compile_pattern(pattern).fullmatch(text)) == bool(re.fullmatch(pattern, text))


def test_a_pattern_that_python_cannot_read_is_not_checked():
    """The service model's Unicode classes are no pattern of Python's; such members pass."""
    assert compile_pattern(r"\p{L}+") is None
