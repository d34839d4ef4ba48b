"""The one door to AWS: every fault a typed error, no half answer passed on, no region guessed."""

from __future__ import annotations

import base64
import hashlib
import json
import socket

import boto3
import botocore.exceptions
import pytest

from nova_tune import arns, aws
from nova_tune.errors import (
    AccessDenied,
    AWSError,
    ConfigurationError,
    IncompleteAnswer,
    InvalidRequest,
    NameInUse,
    NotFound,
    QuotaExceeded,
    ServiceFault,
    Throttled,
)

ARN = "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-micro-v1:0:128k/abcdefghijkl"
MODEL = json.dumps({"modelArn": ARN, "modelName": "m", "creationTime": "2026-11-21T00:00:00Z"}).encode()


def http(body: bytes, *, status: str = "200 OK", length: int | None = None, headers: str = "") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nx-amzn-RequestId: r-1\r\nContent-Length: {size}\r\n{headers}\r\n".encode() + body


def get_model(client):
    return aws.call(client, "GetCustomModel", modelIdentifier=ARN)


# The rows of the fault matrix that hold for whole bodies; those of streams are in test_converse.


def test_a_whole_answer_passes(raw_server):
    """The server of the rows below is sound: a whole body is an answer."""
    assert get_model(raw_server(http(MODEL)).client("bedrock"))["modelName"] == "m"


@pytest.mark.parametrize("cut", [0, 1, len(MODEL) // 2, len(MODEL) - 1])
def test_a_body_that_breaks_off_is_incomplete(raw_server, cut):
    """botocore takes a cut body for an empty dictionary; here it is an error that names what is missing."""
    with pytest.raises(IncompleteAnswer, match="without modelArn, modelName, creationTime") as caught:
        get_model(raw_server(http(MODEL[:cut], length=len(MODEL))).client("bedrock"))
    assert caught.value.request_id == "r-1"
    assert caught.value.operation == "GetCustomModel"


def test_an_answer_without_required_members_is_held_against_its_length(raw_server):
    """ListTagsForResource requires nothing, so a cut body is told by its length; an empty object is an answer."""
    tags = json.dumps({"tags": [{"key": "a", "value": "b"}]}).encode()
    with pytest.raises(IncompleteAnswer, match="without anything that was in its body"):
        aws.call(raw_server(http(tags[:9], length=len(tags))).client("bedrock"), "ListTagsForResource", resourceARN=ARN)
    empty = aws.call(raw_server(http(b"{}")).client("bedrock"), "ListTagsForResource", resourceARN=ARN)
    assert set(empty) == {"ResponseMetadata"}


def test_an_operation_that_answers_nothing_needs_nothing(raw_server):
    """Stopping a job answers an empty body, which is whole."""
    client = raw_server(http(b"{}")).client("bedrock")
    aws.call(client, "StopModelCustomizationJob", jobIdentifier="job")


@pytest.mark.parametrize(
    ("answer", "end", "code"),
    [
        (b"", "fin", "ConnectionClosedError"),
        (b"", "rst", "ConnectionClosedError"),
        (b"", "stall", "ReadTimeoutError"),
        (http(MODEL[:9], length=len(MODEL)), "rst", "ConnectionClosedError"),
        (http(MODEL[:9], length=len(MODEL)), "stall", "ReadTimeoutError"),
    ],
    ids=["fin", "rst", "stall", "rst in the body", "stall in the body"],
)
def test_a_broken_connection_is_a_fault_that_may_be_tried_again(raw_server, answer, end, code):
    """Whatever breaks a connection, the error is one class, and its code is the transport's own name."""
    with pytest.raises(ServiceFault) as caught:
        get_model(raw_server(answer, end).client("bedrock"))
    assert (caught.value.code, caught.value.operation) == (code, "GetCustomModel")
    assert isinstance(caught.value, ConnectionError)


def test_a_refused_connection_is_a_fault(raw_server):
    """Nobody listens: the same class again."""
    server = raw_server(b"")
    client = server.client("bedrock")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = boto3.Session("key", "secret", region_name="us-east-1").client(
        "bedrock", endpoint_url=f"http://127.0.0.1:{port}", config=client.meta.config
    )
    with pytest.raises(ServiceFault) as caught:
        get_model(client)
    assert caught.value.code == "EndpointConnectionError"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        ("400 Bad Request", "ValidationException", InvalidRequest),
        ("400 Bad Request", "ServiceQuotaExceededException", QuotaExceeded),
        ("400 Bad Request", "ConflictException", InvalidRequest),
        ("400 Bad Request", "ResourceInUseException", NameInUse),
        ("400 Bad Request", "SomethingOfTomorrow", AWSError),
        ("403 Forbidden", "AccessDeniedException", AccessDenied),
        ("403 Forbidden", "ExpiredTokenException", AccessDenied),
        ("404 Not Found", "ResourceNotFoundException", NotFound),
        ("429 Too Many Requests", "ThrottlingException", Throttled),
        ("429 Too Many Requests", "TooManyOfTomorrow", Throttled),
        ("500 Internal Server Error", "InternalServerException", ServiceFault),
        ("503 Service Unavailable", "ServiceOfTomorrow", ServiceFault),
    ],
)
def test_an_error_of_aws_has_its_class_code_and_request_id(raw_server, status, code, kind):
    """A modelled error becomes its class; one of tomorrow is told by its status; the words of AWS stay."""
    body = json.dumps({"message": "AWS's own words"}).encode()
    answer = http(body, status=status, headers=f"x-amzn-ErrorType: {code}\r\n")
    with pytest.raises(AWSError) as caught:
        get_model(raw_server(answer).client("bedrock"))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.request_id) == (code, "r-1")
    assert str(caught.value) == f"GetCustomModel: AWS's own words ({code})"


def test_an_error_without_words_says_so(raw_server):
    """HTTP 502 of some proxy, without body: a fault with the status as its code."""
    with pytest.raises(ServiceFault, match=r"AWS gave no message|Bad Gateway") as caught:
        get_model(raw_server(http(b"", status="502 Bad Gateway")).client("bedrock"))
    assert caught.value.code == "502"


def test_a_parameter_that_botocore_refuses_is_an_invalid_request(session):
    """What never left the machine is the same class as what the service refuses."""
    with pytest.raises(InvalidRequest, match="Unknown parameter") as caught:
        aws.call(session.client("bedrock"), "GetCustomModel", modelIdentifier=ARN, colour="red")
    assert caught.value.code == "ParamValidation"


def test_parameters_of_none_are_left_out(session):
    """None means: not sent."""
    with pytest.raises(NotFound):
        aws.call(session.client("bedrock"), "GetCustomModel", modelIdentifier=ARN)
    aws.call(session.client("bedrock"), "ListCustomModels", nameContains=None)


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerException"])
def test_passing_faults_are_retried_within_bounds(rehearsal, session, monkeypatch, code):
    """The client of the library tries five times in all, then says what happened."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    client = aws.client("bedrock", session=session)
    rehearsal.faults.add("ListCustomModels", error=code, times=4)
    aws.call(client, "ListCustomModels")
    rehearsal.faults.add("ListCustomModels", error=code, times=9)
    with pytest.raises(AWSError) as caught:
        aws.call(client, "ListCustomModels")
    assert caught.value.code == code
    assert len(rehearsal.faults) == 4
    rehearsal.faults.clear()


def test_a_measuring_client_makes_one_attempt(rehearsal, session):
    """A retry inside a measured call would be timed as a slow answer."""
    client = aws.client("bedrock-runtime", session=session, measuring=True)
    rehearsal.faults.add("Converse", error="ThrottlingException")
    messages = [{"role": "user", "content": [{"text": "x"}]}]
    with pytest.raises(Throttled):
        aws.call(client, "Converse", modelId="amazon.nova-micro-v1:0", messages=messages)
    assert aws.is_rehearsal(aws.call(client, "Converse", modelId="amazon.nova-micro-v1:0", messages=messages))


def test_clients_have_the_settings_that_nova_needs(session):
    """Answers may take an hour, control calls a minute; connecting never long; the pool fits many threads."""
    runtime = aws.client("bedrock-runtime", session=session).meta.config
    control = aws.client("bedrock", session=session).meta.config
    assert (runtime.read_timeout, control.read_timeout) == (3600, 60)
    assert (runtime.connect_timeout, runtime.max_pool_connections) == (10, 64)
    assert "nova-tune" in runtime.user_agent_extra
    assert runtime.retries["total_max_attempts"] == 5


# Regions and credentials


def test_a_given_client_is_used_as_it_is():
    """client= wins over session= and over the environment."""
    mine = object()
    assert aws.client("bedrock", client=mine, session=object()) is mine


@pytest.mark.parametrize("session", [None, boto3.Session("key", "secret")])
def test_without_a_region_the_three_ways_are_named(session):
    """No region is guessed; the error names session=, the environment variable and the configuration."""
    with pytest.raises(ConfigurationError) as caught:
        aws.client("bedrock", session=session)
    for way in ("boto3.Session(region_name='us-east-1')", "AWS_REGION", "aws configure set region"):
        assert way in str(caught.value)


def test_the_default_session_reads_the_environment(monkeypatch):
    """Without client and session, boto3's default answers: the environment's region."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert aws.client("bedrock").meta.region_name == "eu-west-1"


def test_without_credentials_the_ways_are_named():
    """A call without credentials is an error of configuration, and names the ways to give them."""
    client = aws.client("bedrock", session=boto3.Session(region_name="us-east-1"))
    with pytest.raises(ConfigurationError, match="AWS_PROFILE, or AWS_ACCESS_KEY_ID") as caught:
        aws.call(client, "ListCustomModels")
    assert "session=" in str(caught.value)


def test_a_profile_that_is_not_there_is_named(monkeypatch):
    """A profile of the environment that does not exist is an error of configuration too."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ConfigurationError, match="nobody"):
        aws.client("bedrock")


@pytest.mark.parametrize(
    "error",
    [
        botocore.exceptions.SSOTokenLoadError(error_msg="expired"),
        botocore.exceptions.UnauthorizedSSOTokenError(),
        botocore.exceptions.CredentialRetrievalError(provider="process", error_msg="x"),
        botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="x"),
        botocore.exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_credentials_that_end_are_not_a_passing_fault(error):
    """Expired or broken credentials are not tried again as if AWS had failed."""
    with pytest.raises(ConfigurationError), aws.translated("Converse"):
        raise error


def test_errors_of_the_caller_pass_untouched():
    """What is no error of AWS or its transport is not disguised as one."""
    with pytest.raises(ZeroDivisionError), aws.translated("Converse"):
        _ = 1 / 0


# Objects in S3


@pytest.fixture
def s3(session):
    client = aws.client("s3", session=session)
    yield client
    client.close()


def test_an_object_is_written_once_with_a_checksum(rehearsal, s3):
    """put_object sends a SHA-256 that S3 verifies; object_exists and read_object find what was written."""
    uri = arns.S3Uri(rehearsal.bucket, "aws/a.txt")
    assert not aws.object_exists(s3, uri)
    aws.put_object(s3, uri, b"text", content_type="text/plain")
    assert aws.object_exists(s3, uri)
    assert aws.read_object(s3, uri) == b"text"
    head = s3.head_object(Bucket=uri.bucket, Key=uri.key, ChecksumMode="ENABLED")
    assert head["ContentType"] == "text/plain"
    assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"text").digest()).decode()


def test_what_is_not_there_is_not_found(rehearsal, s3):
    """A missing key and a missing bucket are NotFound."""
    for uri in (arns.S3Uri(rehearsal.bucket, "aws/none"), arns.S3Uri("nova-tune-no-such-bucket", "x")):
        with pytest.raises(NotFound):
            aws.read_object(s3, uri)
        assert not aws.object_exists(s3, uri)


def test_a_forbidden_object_is_not_taken_for_a_missing_one(raw_server):
    """HEAD answers with a status alone: 403 is AccessDenied, 404 is absence."""
    uri = arns.S3Uri("bucket", "key")
    with pytest.raises(AccessDenied):
        aws.object_exists(raw_server(http(b"", status="403 Forbidden")).client("s3"), uri)
    assert not aws.object_exists(raw_server(http(b"", status="404 Not Found")).client("s3"), uri)


@pytest.mark.parametrize("end", ["fin", "rst", "stall"])
def test_a_cut_object_is_never_a_short_one(raw_server, end):
    """An object that breaks off while it is read is a fault."""
    server = raw_server(http(b"half", length=100), end)
    with pytest.raises(ServiceFault) as caught:
        aws.read_object(server.client("s3"), arns.S3Uri("bucket", "key"))
    assert caught.value.operation == "GetObject"


def test_all_pages_of_a_listing_are_read(rehearsal, s3):
    """list_keys follows continuation tokens and sees its prefix alone."""
    wanted = [f"aws/pages/{number:03}" for number in range(7)]
    for key in [*wanted, "aws/other"]:
        s3.put_object(Bucket=rehearsal.bucket, Key=key, Body=b"")
    small = s3.list_objects_v2
    s3.list_objects_v2 = lambda **request: small(**request, MaxKeys=3)
    found = [uri.key for uri in aws.list_keys(s3, arns.S3Uri(rehearsal.bucket, "aws/pages/"))]
    assert found == wanted
    assert list(aws.list_keys(s3, arns.S3Uri(rehearsal.bucket, "aws/nothing/"))) == []


@pytest.mark.parametrize("cut", [0, 60])
def test_a_cut_listing_is_not_an_empty_one(raw_server, cut):
    """A listing that breaks off is an error, not a prefix without objects."""
    body = b"<?xml version='1.0'?><ListBucketResult><Name>bucket</Name><KeyCount>0</KeyCount></ListBucketResult>"
    with pytest.raises((IncompleteAnswer, ServiceFault)):
        list(aws.list_keys(raw_server(http(body[:cut], length=len(body))).client("s3"), arns.S3Uri("bucket", "")))


def test_a_refused_upload_names_the_object(session):
    """S3 tells neither bucket nor key; the message does, with what to check."""
    place = arns.s3("s3://no-such-bucket-here/x/data.jsonl")
    with pytest.raises(NotFound, match=r"s3://no-such-bucket-here/x/data\.jsonl; check the bucket"):
        aws.put_object(session.client("s3"), place, b"x", content_type="text/plain")
