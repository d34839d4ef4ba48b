"""The rehearsal's wire: who is answered by what, what is refused, what breaks on request, what is left behind."""

from __future__ import annotations

import importlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPResponse

import botocore.exceptions
import pytest
import urllib3.exceptions
from botocore.config import Config
from botocore.exceptions import ClientError

from nova_tune.errors import MissingExtra
from nova_tune.rehearsal import BEHAVIOURS, Rehearsal
from nova_tune.rehearsal._check import faults
from nova_tune.rehearsal._clock import Clock
from nova_tune.rehearsal._errors import ServiceError
from nova_tune.rehearsal._faults import Faults
from nova_tune.rehearsal._front import Front
from nova_tune.rehearsal._model import RouteTable, TargetTable
from nova_tune.rehearsal._parse import read
from nova_tune.rehearsal._server import ConnectionCutError

pytestmark = pytest.mark.extra

BASE = "amazon.nova-micro-v1:0"
ASK = [{"role": "user", "content": [{"text": "how many rows?"}]}]
ROUTES = RouteTable(("bedrock", "bedrock-runtime"))


@pytest.fixture(scope="module")
def rehearsal():
    with Rehearsal(speed=0, base_first_token_ms=5, base_token_ms=1) as running:
        yield running


@pytest.fixture
def client(rehearsal):
    made = []

    def make(name, **kwargs):
        kwargs.setdefault("config", Config(retries={"total_max_attempts": 1}))
        made.append(rehearsal.client(name, **kwargs))
        return made[-1]

    yield make
    rehearsal.faults.clear()
    for one in made:
        one.close()


def test_static_segments_win_over_labels():
    """A path that one operation spells out is not taken for another's label."""
    assert ROUTES.match("POST", "/custom-models/create-custom-model").operation.name == "CreateCustomModel"
    found = ROUTES.match("GET", "/custom-models/arn%3Aaws%3Abedrock%2Fx")
    assert (found.operation.name, found.labels) == ("GetCustomModel", {"modelIdentifier": "arn%3Aaws%3Abedrock%2Fx"})
    assert ROUTES.match("GET", "/nowhere/at/all") is None


def test_a_request_is_read_from_path_query_and_body():
    """Members come from where the model puts them, decoded to Python's types; unknown members are dropped."""
    listing = ROUTES.operation("ListCustomModels")
    request = read(listing, {}, "maxResults=3&isOwned=true&creationTimeAfter=2026-11-21T05%3A57%3A00Z&odd=1", {}, b"")
    moment = datetime(2026, 11, 21, 5, 57, tzinfo=UTC)
    assert request == {"maxResults": 3, "isOwned": True, "creationTimeAfter": moment}
    converse = ROUTES.operation("Converse")
    image = {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}}
    body = json.dumps({"messages": [{"role": "user", "content": [image]}], "odd": 1, "system": None}).encode()
    request = read(converse, {"modelId": "a%3Ab"}, "", {}, body)
    assert request["modelId"] == "a:b"
    assert request["messages"][0]["content"][0]["image"]["source"]["bytes"] == b"\x89PNG"
    assert set(request) == {"modelId", "messages"}


def test_headers_and_a_raw_payload_are_read():
    """An operation whose payload is a blob gets the whole body, and its header members by name."""
    invoke = ROUTES.operation("InvokeModel")
    request = read(invoke, {"modelId": "m"}, "", {"accept": "a/b"}, b"\x00raw")
    assert request == {"modelId": "m", "accept": "a/b", "body": b"\x00raw"}


@pytest.mark.parametrize(
    ("operation", "query", "body"),
    [
        ("ListCustomModels", "maxResults=many", b""),
        ("ListCustomModels", "isOwned=perhaps", b""),
        ("ListCustomModels", "creationTimeAfter=yesterday-ish", b""),
        ("Converse", "", b"{"),
        ("Converse", "", b"[]"),
        ("Converse", "", b'{"messages":[{"content":[{"image":{"source":{"bytes":"%"}}}]}]}'),
    ],
)
def test_what_cannot_be_read_is_refused(operation, query, body):
    """A value that is not of its type on the wire is a SerializationException, not a crash."""
    with pytest.raises(ServiceError) as caught:
        read(ROUTES.operation(operation), {"modelId": "m"}, query, {}, body)
    assert (caught.value.code, caught.value.status) == ("SerializationException", 400)


@pytest.mark.parametrize(
    ("request_", "fault"),
    [
        ({"modelId": "m" * 2049}, "length less than or equal to 2048"),
        ({"modelId": "no spaces"}, "regular expression pattern"),
        ({"modelId": "m", "inferenceConfig": {"maxTokens": 0}}, "value greater than or equal to 1"),
        ({"modelId": "m", "inferenceConfig": {"topP": 1.5}}, "value less than or equal to 1"),
        ({"modelId": "m", "inferenceConfig": {"topP": float("nan")}}, "finite"),
        ({"modelId": "m", "inferenceConfig": {"maxTokens": True}}, "must be a integer"),
        ({"modelId": "m", "messages": [{"role": "robot", "content": []}]}, "enum value set"),
        ({"modelId": "m", "messages": [{"role": "user"}]}, "messages.1.member.content"),
        ({"modelId": "m", "messages": [{"role": "user", "content": [{}]}]}, "Exactly one member"),
        ({"modelId": "m", "requestMetadata": {}}, "length greater than or equal to 1"),
        ({"modelId": "m", "additionalModelResponseFieldPaths": ["x"] * 11}, "length less than or equal to 10"),
    ],
)
def test_every_constraint_of_the_model_is_enforced(request_, fault):
    """Lengths, ranges, enums, types, required members and unions of the request are checked, each by name."""
    found = faults(ROUTES.operation("Converse").input_shape, request_)
    assert len(found) == 1
    assert fault in found[0]


def test_documents_are_free():
    """A document member takes any JSON."""
    request = {"modelId": "m", "additionalModelRequestFields": {"inferenceConfig": {"topK": [1, None]}}}
    assert faults(ROUTES.operation("Converse").input_shape, request) == []


def test_a_name_of_dashes_is_answered_at_once(rehearsal, client):
    """A job name on which AWS's own pattern takes exponential time is refused in seconds, not centuries."""
    uri = {"s3Uri": f"s3://{rehearsal.bucket}/x"}
    begun = time.perf_counter()
    with pytest.raises(ClientError, match="failed to satisfy constraint"):
        client("bedrock").create_model_customization_job(
            jobName="a" + "-" * 60 + "!",
            customModelName="m",
            roleArn=rehearsal.role_arn,
            baseModelIdentifier="amazon.nova-micro-v1:0:128k",
            trainingDataConfig=uri,
            outputDataConfig=uri,
        )
    assert time.perf_counter() - begun < 5


def test_what_is_not_offered_says_so_and_is_not_retried(client):
    """An operation of Bedrock that is not rehearsed answers 501 with its name, at the first attempt."""
    bedrock = client("bedrock", config=Config(retries={"total_max_attempts": 4, "mode": "standard"}))
    with pytest.raises(ClientError, match="ListGuardrails") as caught:
        bedrock.list_guardrails()
    answer = caught.value.response
    assert answer["Error"]["Code"] == "NotImplemented"
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["ResponseMetadata"]["RetryAttempts"]) == (501, 0)


def test_other_services_of_bedrock_are_not_offered(client):
    """A service that signs as Bedrock but is not rehearsed answers 501, not 404 or 500."""
    with pytest.raises(ClientError) as caught:
        client("bedrock-agent").list_agents()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


@pytest.mark.parametrize(
    ("service", "call"), [("service-quotas", "list_services"), ("iam", "list_delegation_requests")]
)
def test_what_the_other_services_lack_is_not_offered_either(client, service, call):
    """A service or operation that moto lacks answers 501 in the protocol of the caller."""
    with pytest.raises(ClientError) as caught:
        getattr(client(service), call)()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert caught.value.response["Error"]["Code"] == "NotImplemented"


def test_another_region_is_not_offered(client):
    """A client of another region is told that the rehearsal stands for us-east-1 alone."""
    with pytest.raises(ClientError, match="us-east-1 alone, not for eu-west-1"):
        client("bedrock", region_name="eu-west-1").list_custom_models()


def test_every_response_says_it_is_a_rehearsal(rehearsal, client):
    """Bedrock's answers, its errors, its streams and the other services' answers carry the header."""
    answers = [
        client("bedrock").list_custom_models(),
        client("s3").head_bucket(Bucket=rehearsal.bucket),
        client("sts").get_caller_identity(),
    ]
    answers.append(client("bedrock-runtime").converse_stream(modelId=BASE, messages=ASK))
    with closing(answers[-1]["stream"]) as events:
        list(events)
    with pytest.raises(ClientError) as caught:
        client("bedrock").get_custom_model(modelIdentifier="nobody")
    answers.append(caught.value.response)
    headers = [answer["ResponseMetadata"]["HTTPHeaders"] for answer in answers]
    assert {one.get("x-nova-tune-rehearsal") for one in headers} == {"1"}


def test_s3_takes_and_gives_large_bodies(rehearsal, client):
    """A body of some megabytes goes through the other services unchanged, in parts and as a whole."""
    body = os.urandom(3_000_000)
    s3 = client("s3")
    s3.put_object(Bucket=rehearsal.bucket, Key="deep/er/ü ä.bin", Body=body)
    with s3.get_object(Bucket=rehearsal.bucket, Key="deep/er/ü ä.bin")["Body"] as stored:
        assert stored.read() == body
    assert s3.head_object(Bucket=rehearsal.bucket, Key="deep/er/ü ä.bin")["ContentLength"] == len(body)


def test_a_chunked_request_is_read(rehearsal):
    """A request whose length is not announced arrives whole."""
    pieces = iter([b"Action=GetCallerIdentity", b"&Version=2011-06-15"])
    request = urllib.request.Request(rehearsal.url, data=pieces, method="POST")
    request.add_header("Content-Type", "application/x-www-form-urlencoded")
    scope = "REHEARSAL/20261121/us-east-1/sts/aws4_request"
    request.add_header("Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
    with urllib.request.urlopen(request) as answer:
        assert b"GetCallerIdentityResult" in answer.read()


def test_connections_are_kept(rehearsal):
    """Two requests of one client use one connection, as AWS's own endpoints allow."""
    head = b"GET /model-customization-jobs HTTP/1.1\r\nAuthorization: Credential=a/b/us-east-1/bedrock/c\r\n\r\n"
    host, port = rehearsal.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        for _ in range(2):
            connection.sendall(head)
            answer = HTTPResponse(connection)
            answer.begin()
            assert json.loads(answer.read()) == {"modelCustomizationJobSummaries": []}


def call(front, operation, path, *, signed=True):
    """Status, headers and body of a request that goes to a front directly."""
    head = {}
    environ = {
        "REQUEST_METHOD": ROUTES.operation(operation).http["method"],
        "RAW_URI": path,
        "wsgi.input": io.BytesIO(b""),
        "CONTENT_TYPE": "",
    }
    if signed:
        environ["HTTP_AUTHORIZATION"] = "AWS4-HMAC-SHA256 Credential=key/20261121/us-east-1/bedrock/aws4_request"
    body = front(environ, lambda status, headers, *_: head.update(status=status, headers=dict(headers)))
    return head["status"], head["headers"], b"".join(body)


def front_of(operations, *, faults=None):
    def others(_environ, start_response):
        start_response("200 OK", [])
        return [b"others"]

    closing_event = threading.Event()
    return Front(
        routes=ROUTES,
        operations=operations,
        refusals={},
        faults=faults or Faults(bool),
        targets=TargetTable({}),
        roles=lambda: None,
        others=others,
        closing=closing_event,
    ), closing_event


def test_a_bug_of_the_rehearsal_says_so_on_the_wire():
    """An answer that breaks AWS's model is HTTP 500 with every reason in it."""
    front, _ = front_of({"ListCustomModels": lambda _request: {"modelSummaries": [{"modelArn": 1}]}})
    status, headers, body = call(front, "ListCustomModels", "/custom-models")
    assert (status, headers["x-amzn-ErrorType"]) == ("500 Internal Server Error", "InternalServerException")
    assert b"ContractError" in body
    assert b"modelSummaries.1.member.creationTime" in body


def test_a_bug_inside_a_stream_is_an_event_of_it():
    """A stream that has begun ends in a modelled exception that holds the reason."""
    front, _ = front_of({"ConverseStream": lambda _request: iter([("messageStart", {"role": "nobody"})])})
    status, _, body = call(front, "ConverseStream", "/model/m/converse-stream")
    assert status == "200 OK"
    assert b"internalServerException" in body
    assert b"nobody" in body


def test_a_cut_connection_is_no_bug():
    """A handler that ends because the rehearsal closes cuts the connection; it is not answered as a fault."""

    def cut(_request):
        raise ConnectionCutError

    front, _ = front_of({"ListCustomModels": cut})
    with pytest.raises(ConnectionCutError):
        call(front, "ListCustomModels", "/custom-models")


def test_a_delay_ends_when_the_rehearsal_closes():
    """A planned latency does not hold up closing."""
    waiting = Faults(bool)
    waiting.add("ListCustomModels", latency_ms=60_000)
    front, closing_event = front_of({"ListCustomModels": lambda _request: {}}, faults=waiting)
    closing_event.set()
    with pytest.raises(ConnectionCutError):
        call(front, "ListCustomModels", "/custom-models")


def test_unsigned_requests_go_to_the_other_services():
    """A request without a signature, such as a presigned S3 address, is not Bedrock's."""
    front, _ = front_of({})
    status, headers, body = call(front, "ListCustomModels", "/custom-models", signed=False)
    assert (status, headers, body) == ("200 OK", {"x-nova-tune-rehearsal": "1"}, b"others")


def converse(client):
    return client("bedrock-runtime").converse(modelId=BASE, messages=ASK)


def stream(client):
    taken = []
    with closing(client("bedrock-runtime").converse_stream(modelId=BASE, messages=ASK)["stream"]) as events:
        try:
            taken.extend(next(iter(event)) for event in events)
        except Exception as error:  # noqa: BLE001 - whatever botocore makes of it is the result
            return taken, error
    return taken, None


def test_a_fault_is_an_error_of_the_model(rehearsal, client):
    """A planned error arrives with the status its operation models, as often as planned, after as many calls."""
    rehearsal.faults.add("Converse", error="ThrottlingException", times=2, after=1)
    assert len(rehearsal.faults) == 2
    assert [fault.error for fault in rehearsal.faults] == ["ThrottlingException"] * 2
    answers = []
    for _ in range(4):
        client("bedrock").list_custom_models()  # another operation's call uses up nothing
        try:
            answers.append(converse(client))
        except ClientError as error:
            answers.append(error.response)
    assert [answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers] == [200, 429, 429, 200]
    assert [answer["Error"]["Code"] for answer in answers[1:3]] == ["ThrottlingException"] * 2
    assert len(rehearsal.faults) == 0


def test_botocore_retries_a_planned_throttling(rehearsal, client):
    """Throttling is retried by botocore's own retries until it is over."""
    rehearsal.faults.add("ListCustomModels", error="ThrottlingException", times=1)
    bedrock = client("bedrock", config=Config(retries={"total_max_attempts": 3, "mode": "standard"}))
    assert bedrock.list_custom_models()["ResponseMetadata"]["RetryAttempts"] == 1


def test_a_code_that_nobody_models_is_http_400(rehearsal, client):
    """A planned error outside the operation's model arrives all the same."""
    rehearsal.faults.add("Converse", error="OddException")
    with pytest.raises(ClientError) as caught:
        converse(client)
    assert caught.value.response["Error"]["Code"] == "OddException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_fault_is_a_delay(rehearsal, client):
    """A planned latency delays the answer by that many real milliseconds."""
    rehearsal.faults.add("ListCustomModels", latency_ms=120)
    begun = time.perf_counter()
    client("bedrock").list_custom_models()
    assert time.perf_counter() - begun >= 0.12


def test_a_fault_cuts_a_body_under_http_200(rehearsal, client):
    """A body that breaks off reaches the caller as an empty answer with HTTP 200: botocore raises nothing."""
    rehearsal.faults.add("Converse", cut="body")
    answer = converse(client)
    assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
    assert "output" not in answer


def test_a_fault_resets_a_stream(rehearsal, client):
    """A stream that is reset raises urllib3's error after the text so far, no error of botocore's."""
    rehearsal.faults.add("ConverseStream", cut="stream")
    taken, error = stream(client)
    assert taken[0] == "messageStart"
    assert isinstance(error, urllib3.exceptions.ProtocolError)


def test_a_fault_ends_a_stream_early(rehearsal, client):
    """A stream that ends cleanly before its last events raises nothing at all."""
    rehearsal.faults.add("ConverseStream", cut="clean_end")
    assert stream(client) == (["messageStart", "contentBlockDelta", "contentBlockDelta"], None)


def test_a_fault_is_an_event_of_the_stream(rehearsal, client):
    """An exception that the stream itself models arrives between its events."""
    rehearsal.faults.add("ConverseStream", error="throttlingException")
    taken, error = stream(client)
    assert taken == ["messageStart", "contentBlockDelta", "contentBlockDelta"]
    assert isinstance(error, botocore.exceptions.EventStreamError)


@pytest.mark.parametrize(
    ("operation", "options", "reason"),
    [
        ("CreateGuardrail", {"error": "ThrottlingException"}, "does not offer"),
        ("Nonsense", {"error": "ThrottlingException"}, "does not offer"),
        ("Converse", {"cut": "stream"}, "use 'body'"),
        ("ConverseStream", {"cut": "body"}, "use 'stream' or 'clean_end'"),
        ("Converse", {"times": 0}, "at least 1"),
    ],
)
def test_faults_that_cannot_happen_are_refused(rehearsal, operation, options, reason):
    """A fault that no call could meet is refused when it is planned, not silently never met."""
    with pytest.raises(ValueError, match=reason):
        rehearsal.faults.add(operation, **options)


def test_cleared_faults_do_not_happen(rehearsal, client):
    """After clear() every call goes well."""
    rehearsal.faults.add("ListCustomModels", error="ThrottlingException", times=9)
    rehearsal.faults.fail_next_job("x")
    rehearsal.faults.fail_next_deployment("x")
    rehearsal.faults.clear()
    client("bedrock").list_custom_models()
    assert (rehearsal.faults.take_job_failure(), rehearsal.faults.take_deployment_failure()) == (None, None)


HOSTILE = {
    "AWS_PROFILE": "nobody",
    "AWS_BEARER_TOKEN_BEDROCK": "token",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_BEDROCK": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": "http://127.0.0.1:1",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_RETRY_MODE": "standard",
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_SECRET_ACCESS_KEY": "real",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:1",
}


def test_the_session_is_deaf_to_the_environment(rehearsal, client, monkeypatch, tmp_path):
    """Profiles, bearer tokens, endpoint variables, proxies and broken files do not lead a client elsewhere."""
    broken = tmp_path / "config"
    broken.write_text("[[[ broken", encoding="utf-8")
    for name, value in {**HOSTILE, "AWS_CONFIG_FILE": str(broken), "AWS_SHARED_CREDENTIALS_FILE": str(broken)}.items():
        monkeypatch.setenv(name, value)
    assert rehearsal.session().region_name == "us-east-1"
    assert client("bedrock").list_custom_models()["modelSummaries"] == []
    assert client("bedrock-runtime").converse(modelId=BASE, messages=ASK)["stopReason"] == "end_turn"
    assert rehearsal.bucket in [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
    assert rehearsal.session().get_credentials().access_key != "AKIAREAL"
    names = [bucket.name for bucket in rehearsal.session().resource("s3").buckets.all()]
    assert rehearsal.bucket in names


def test_a_callers_config_is_merged(rehearsal, client):
    """What the caller configures stands beside what the rehearsal needs."""
    made = client("bedrock-runtime", config=Config(read_timeout=7), endpoint_url="http://127.0.0.1:1")
    assert made.meta.config.read_timeout == 7
    assert made.meta.config.signature_version == "v4"
    assert made.meta.endpoint_url == rehearsal.url


def over(rehearsal, hostile):
    return {**hostile, **rehearsal.environ()}


def instead(rehearsal, hostile):
    return rehearsal.environ({**hostile, "AWS_BEARER_TOKEN_BEDROCK": "token"})


@pytest.mark.parametrize("environment", [over, instead])
def test_a_child_process_follows_the_variables(rehearsal, environment, tmp_path):
    """environ() leads a plain boto3 of a child process here, over an environment that leads elsewhere."""
    program = (
        "import boto3; b = boto3.client('bedrock'); r = boto3.client('bedrock-runtime');"
        "print(b.list_custom_models()['ResponseMetadata']['HTTPHeaders']['x-nova-tune-rehearsal'],"
        " r.meta.endpoint_url, boto3.client('s3').list_buckets()['Buckets'] != [])"
    )
    hostile = {**os.environ, **HOSTILE, "AWS_CONFIG_FILE": str(tmp_path / "none")}
    del hostile["AWS_BEARER_TOKEN_BEDROCK"]
    child = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(rehearsal, hostile),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (child.stdout.split(), child.returncode) == (["1", rehearsal.url, "True"], 0), child.stderr


def test_rehearsals_are_apart_and_leave_nothing():
    """Two rehearsals of one process do not see each other's Bedrock; closing leaves no thread and no bucket."""
    before = set(threading.enumerate())
    with Rehearsal(speed=0) as one, Rehearsal(speed=0) as other:
        assert one.url != other.url
        assert one.bucket != other.bucket
        one.faults.add("ListCustomModels", error="ThrottlingException")
        clients = [other.client("bedrock"), other.client("s3")]
        assert clients[0].list_custom_models()["modelSummaries"] == []
        clients[1].put_object(Bucket=one.bucket, Key="left", Body=b"behind")
        one.close()
        assert one.bucket not in [bucket["Name"] for bucket in clients[1].list_buckets()["Buckets"]]
        clients[1].delete_bucket(Bucket=other.bucket)  # closing copes
        for each in clients:
            each.close()
    assert set(threading.enumerate()) <= before  # others may end meanwhile, none may come
    one.close()


def test_closing_ends_a_stream_that_waits():
    """A caller in the middle of a stream gets an error when the rehearsal closes, and closing does not wait."""
    rehearsal = Rehearsal(speed=0, base_first_token_ms=60_000).start()
    runtime = rehearsal.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))
    with closing(runtime.converse_stream(modelId=BASE, messages=ASK)["stream"]) as events:
        assert next(iter(events)) == {"messageStart": {"role": "assistant"}}
        begun = time.perf_counter()
        rehearsal.close()
        assert time.perf_counter() - begun < 20
        with pytest.raises(urllib3.exceptions.ProtocolError):
            list(events)
    runtime.close()


def test_a_rehearsal_starts_once():
    """Before its start a rehearsal has no address; it cannot be started twice."""
    rehearsal = Rehearsal()
    with pytest.raises(RuntimeError, match="has not been started"):
        _ = rehearsal.url
    rehearsal.close()
    with rehearsal, pytest.raises(RuntimeError, match="started before"):
        rehearsal.start()


def test_a_start_that_fails_is_undone():
    """When the bucket cannot be made, the error comes through and no thread stays."""
    before = set(threading.enumerate())
    rehearsal = Rehearsal()
    rehearsal.bucket = "x"
    with pytest.raises(botocore.exceptions.ClientError):
        rehearsal.start()
    assert set(threading.enumerate()) == before


def test_the_missing_extra_is_named(monkeypatch):
    """Without flask and moto the rehearsal says which pip line brings them."""
    monkeypatch.setitem(sys.modules, "flask_cors", None)
    with pytest.raises(MissingExtra, match=r"nova-tune\[rehearsal\]"):
        Rehearsal().start()


@pytest.mark.parametrize("options", [{"speed": -1}, {"first_token_ms": -1}, {"base_token_ms": -0.5}])
def test_negative_times_are_refused(options):
    """Time does not run backwards."""
    with pytest.raises(ValueError, match=r"negative|0 or more"):
        Rehearsal(**options)


def test_the_clock_runs_at_its_speed():
    """Simulated time is real time times the speed, and jumps forward alone."""
    clock = Clock(speed=100_000)
    begun = clock.now()
    while (clock.now() - begun).total_seconds() < 60:  # 0.6 ms
        pass
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


def test_every_behaviour_names_its_source():
    """Each rehearsed behaviour has an id of its own, and a page, the service model, or the word 'assumed'."""
    assert len({behaviour.id for behaviour in BEHAVIOURS}) == len(BEHAVIOURS)
    for behaviour in BEHAVIOURS:
        known = (
            "https://",
            "service model",
            "botocore",
            "Amazon Nova user guide",
            "claimed: ",
            "assumed",
            "the rehearsal's own",
        )
        assert behaviour.source.startswith(known)
        assert behaviour.read == "2026-11-21"


def test_the_room_has_no_other_names():
    """A name that the room does not export is an AttributeError."""
    with pytest.raises(AttributeError, match="Nothing"):
        _ = importlib.import_module("nova_tune.rehearsal").Nothing
