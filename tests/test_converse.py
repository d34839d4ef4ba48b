"""Answers of a model: whole, streamed and timed, and never half of one passed on as a whole."""

from __future__ import annotations

import functools
import gc
import json

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import aws, converse
from nova_tune.errors import IncompleteAnswer, InvalidRequest, ServiceFault, Throttled
from nova_tune.rehearsal._eventstream import event
from nova_tune.values import Usage

MODEL = "amazon.nova-micro-v1:0"
EVENTS = (
    botocore.session.Session()
    .get_service_model("bedrock-runtime")
    .operation_model("ConverseStream")
    .get_event_stream_output()
)
START = event(EVENTS, "messageStart", {"role": "assistant"})
STOP = event(EVENTS, "messageStop", {"stopReason": "end_turn"})
USAGE = {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, "metrics": {"latencyMs": 7}}
END = event(EVENTS, "metadata", USAGE)


def delta(*, index=0, **content):
    return event(EVENTS, "contentBlockDelta", {"delta": content, "contentBlockIndex": index})


FRAMES = (START, delta(text="Hel"), delta(text="lo"))
TEXTS = b"".join(FRAMES)


HEAD = b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: r-1\r\n"


def http(body):
    return HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def endless(*frames):
    """A stream in chunks, as AWS sends them, whose last chunk never comes."""
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(f), f) for f in frames)


def whole(content):
    body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn", **USAGE}
    return http(json.dumps(body).encode())


def streamed(server, **settings):
    return converse.stream(
        server.client("bedrock-runtime"), MODEL, converse.user("hi"), max_tokens=9, **settings
    )  # fmt: skip


def asked(server):
    return converse.converse(server.client("bedrock-runtime"), MODEL, converse.user("hi"), max_tokens=9)


@pytest.fixture
def runtime(rehearsal, session):
    client = aws.client("bedrock-runtime", session=session, measuring=True)
    yield client
    client.close()
    rehearsal.faults.clear()


# Requests


class Sent(Exception):
    pass


def request_of(function, **settings):
    class Client:
        def __getattr__(self, name):
            def method(**request):
                raise Sent(name, request)

            return method

    with pytest.raises(Sent) as sent:
        function(Client(), MODEL, converse.user("hi"), **settings)
    return sent.value.args


@pytest.mark.parametrize("function", [converse.converse, converse.stream, converse.measure])
def test_the_limit_is_always_sent_and_nothing_that_was_not_asked_for(function):
    """maxTokens is in every request; temperature and the others are there when they were given."""
    assert request_of(function, max_tokens=9)[1] == {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "inferenceConfig": {"maxTokens": 9},
    }
    settings = {"system": "be brief", "temperature": 0.0, "top_p": 0.9, "stop": ["x"], "metadata": {"job": "j"}}
    request = request_of(function, max_tokens=9, **settings)[1]
    assert request["inferenceConfig"] == {"maxTokens": 9, "temperature": 0.0, "topP": 0.9, "stopSequences": ["x"]}
    assert (request["system"], request["requestMetadata"]) == ([{"text": "be brief"}], {"job": "j"})


def test_the_limit_cannot_be_forgotten():
    """There is no default for max_tokens here, since Bedrock reserves quota from it."""
    with pytest.raises(TypeError, match="max_tokens"):
        converse.converse(None, MODEL, converse.user("hi"))


# Whole answers


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"text": "SELECT "}, {"text": "1"}], "SELECT 1"),
        ([{"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "42"}], "42"),
        ([{"text": "a"}, {"toolUse": {"toolUseId": "t", "name": "n", "input": {}}}, {"text": "b"}], "ab"),
        ([], ""),
    ],
)
def test_the_text_joins_all_text_blocks(raw_server, content, text):
    """Text is joined from every text block; reasoning and tools are kept; no content is an empty, defined answer."""
    reply = asked(raw_server(whole(content)))
    assert (reply.text, reply.content, reply.stop_reason) == (text, content, "end_turn")
    assert reply.usage == Usage(input_tokens=3, output_tokens=2)
    assert (reply.request_id, reply.model_id, reply.rehearsal) == ("r-1", MODEL, False)
    assert (reply.timing.server_ms, reply.timing.ttft_ms) == (7, None)
    assert reply.timing.total_ms > 0


def test_a_cut_answer_is_no_empty_answer(raw_server):
    """A body that breaks off under HTTP 200 is an error, not a reply without text."""
    cut = whole([{"text": "SELECT 1"}])[:-20]
    with pytest.raises(IncompleteAnswer) as caught:
        asked(raw_server(cut))
    assert caught.value.request_id == "r-1"


def test_an_answer_of_the_rehearsal_says_so(runtime):
    """A reply knows that a rehearsal gave it, whole or streamed."""
    for function in (converse.converse, converse.measure):
        reply = function(runtime, MODEL, converse.user("hi"), max_tokens=50)
        assert reply.rehearsal
        assert reply.text
        assert reply.request_id


def test_a_limit_that_is_reached_is_told(runtime):
    """An answer that was cut by max_tokens has its stop reason."""
    reply = converse.converse(runtime, MODEL, converse.user("hi"), max_tokens=1)
    assert (reply.stop_reason, reply.usage.output_tokens) == ("max_tokens", 1)


# Streams


def test_a_stream_gives_its_pieces_and_then_the_reply(raw_server):
    """Pieces arrive in order; the reply behind them is whole; text grows while it is read."""
    with streamed(raw_server(http(TEXTS + STOP + END))) as answer:
        seen = []
        for piece in answer:
            seen.append(piece)
            assert answer.text == "".join(seen)
        reply = answer.reply
    assert seen == ["Hel", "lo"]
    assert (reply.text, reply.stop_reason, reply.content) == ("Hello", "end_turn", [{"text": "Hello"}])
    assert (reply.usage.output_tokens, reply.timing.server_ms, reply.timing.deltas) == (2, 7, 2)
    assert answer.reply is reply


def test_a_reply_may_be_asked_for_at_once(raw_server):
    """reply reads the stream to its end by itself, from the middle too."""
    answer = streamed(raw_server(http(TEXTS + STOP + END)))
    assert next(iter(answer)) == "Hel"
    assert answer.reply.text == "Hello"


def test_reasoning_and_tools_are_put_together(raw_server):
    """Deltas of reasoning and of a tool's input are joined, with the block's start; they are no text."""
    start = {"start": {"toolUse": {"toolUseId": "t", "name": "look"}}, "contentBlockIndex": 2}
    body = (
        START
        + delta(reasoningContent={"text": "let me "})
        + delta(reasoningContent={"text": "think"})
        + delta(reasoningContent={"signature": "s"})
        + delta(index=1, text="42")
        + event(EVENTS, "contentBlockStart", start)
        + delta(index=2, toolUse={"input": '{"a"'})
        + delta(index=2, toolUse={"input": ": 1}"})
        + STOP
        + END
    )
    reply = streamed(raw_server(http(body))).reply
    assert reply.text == "42"
    assert reply.content == [
        {"reasoningContent": {"text": "let me think", "signature": "s"}},
        {"text": "42"},
        {"toolUse": {"toolUseId": "t", "name": "look", "input": '{"a": 1}'}},
    ]


@given(st.lists(st.text(max_size=3), max_size=6))
def test_whatever_the_deltas_hold_the_text_is_their_sum(pieces):
    """Empty pieces are no pieces; the text is the rest in order."""
    reader = replay([{"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}} for text in pieces])
    assert list(reader) == [text for text in pieces if text]
    assert reader.reply.text == "".join(pieces)
    assert reader.reply.timing.deltas == sum(1 for text in pieces if text)


class Events(list):
    def close(self):
        pass


def replay(events, *, end=True):
    """A ReplyStream over events that need no server."""
    ending = [{"messageStop": {"stopReason": "end_turn"}}, {"metadata": USAGE}] if end else []
    meta = {"HTTPStatusCode": 200, "RequestId": "r-1", "HTTPHeaders": {}}

    class Operations:
        output_shape = None

    class Client:
        class meta:  # noqa: N801 - boto3's name
            class service_model:  # noqa: N801 - boto3's name
                operation_model = staticmethod(lambda name: Operations)

        def converse_stream(self, **request):
            return {"stream": Events([*events, *ending]), "ResponseMetadata": meta}

    return converse.stream(Client(), MODEL, converse.user("hi"), max_tokens=9)


def text_event(text):
    return {"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}


def test_the_first_token_is_the_first_text_that_is_not_empty(monkeypatch):
    """Message start, an empty delta and reasoning do not stop the clock of the first token."""
    ticks = iter(range(100))
    monkeypatch.setattr("nova_tune.converse.time.perf_counter", lambda: next(ticks) / 10)
    reasoning = {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}}
    events = [{"messageStart": {"role": "assistant"}}, text_event(""), reasoning, text_event("a"), text_event("b")]
    timing = replay([*events, text_event("")]).reply.timing
    # The clock is read at the start, at each text that is not empty, and at the end.
    assert (timing.ttft_ms, timing.last_token_ms, timing.total_ms) == (100, 200, 300)
    assert timing.deltas == 2


def test_an_answer_without_text_has_no_first_token():
    """A stream without text ends well and has no time to a first token."""
    reply = replay([]).reply
    assert (reply.text, reply.timing.ttft_ms, reply.timing.last_token_ms) == ("", None, None)


def test_measured_times_are_real(runtime):
    """Against a paced service the first token comes after its pace, and before the end."""
    timing = converse.measure(runtime, MODEL, converse.user("hi"), max_tokens=50).timing
    assert 5 <= timing.ttft_ms <= timing.last_token_ms <= timing.total_ms


# Streams that break off

HALF = delta(text="x" * 100)[:40]
DAMAGED = bytearray(TEXTS + delta(text="!") + STOP + END)
DAMAGED[len(TEXTS) + 30] ^= 0x10
ERROR = functools.partial(event, EVENTS)
BREAKS = {
    "no metadata": (TEXTS + STOP, "fin", None),
    "neither": (TEXTS, "fin", None),
    "metadata alone": (TEXTS + END, "fin", None),
    "half a frame": (TEXTS + HALF, "fin", None),
    "damaged": (bytes(DAMAGED), "fin", "ChecksumMismatch"),
    "throttled inside": (TEXTS + ERROR("throttlingException", {"message": "slow"}), "fin", "ThrottlingException"),
    "error inside": (
        TEXTS + ERROR("modelStreamErrorException", {"message": "broke"}),
        "fin",
        "ModelStreamErrorException",
    ),
}
CUTS = {"fin": "ProtocolError", "rst": "ProtocolError", "stall": "ReadTimeoutError"}


def broken(server):
    answer = streamed(server)
    with pytest.raises(IncompleteAnswer) as caught:
        list(answer)
    with pytest.raises(IncompleteAnswer) as again:
        _ = answer.reply
    assert again.value is caught.value
    return caught.value


@pytest.mark.parametrize("name", BREAKS)
def test_a_stream_that_breaks_off_is_one_error_with_its_text(raw_server, name):
    """No end, half or damaged frames, error events: one error that keeps the text and says what is paid."""
    body, end, code = BREAKS[name]
    error = broken(raw_server(http(body), end))
    assert (error.partial_text, error.billed, error.code) == ("Hello", True, code)
    assert (error.request_id, error.operation) == ("r-1", "ConverseStream")
    assert "after 5 characters" in str(error)


@pytest.mark.parametrize("end", CUTS)
def test_a_connection_that_breaks_inside_a_stream_is_the_same_error(raw_server, end):
    """urllib3's raw errors do not reach the reader of a stream; what had arrived is kept."""
    error = broken(raw_server(endless(*FRAMES), end))
    assert error.code == CUTS[end]
    # A reset may overtake what was sent before it.
    assert error.partial_text in ({"Hello", "Hel", ""} if end == "rst" else {"Hello"})
    assert error.billed is (True if error.partial_text else None)


def test_nobody_knows_what_an_empty_stream_cost(raw_server):
    """A stream that breaks before its first text may have been billed or not; the error does not claim to know."""
    error = broken(raw_server(http(START)))
    assert (error.partial_text, error.billed) == ("", None)
    assert "may have been billed" in str(error)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"cut": "stream"}, "ProtocolError"),
        ({"cut": "clean_end"}, None),
        ({"error": "throttlingException"}, "ThrottlingException"),
        ({"error": "internalServerException"}, "InternalServerException"),
        ({"error": "serviceUnavailableException"}, "ServiceUnavailableException"),
        ({"error": "validationException"}, "ValidationException"),
    ],
)
def test_each_fault_of_the_rehearsal_inside_a_stream_is_incomplete(rehearsal, runtime, fault, code):
    """The rehearsal's planned faults end in the same class, with the text so far."""
    rehearsal.faults.add("ConverseStream", **fault)
    with pytest.raises(IncompleteAnswer) as caught:
        converse.measure(runtime, MODEL, converse.user("hi"), max_tokens=50)
    assert caught.value.code == code
    assert caught.value.partial_text
    assert caught.value.billed is True


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ThrottlingException", Throttled),
        ("ModelNotReadyException", ServiceFault),
        ("ValidationException", InvalidRequest),
        ("ModelTimeoutException", ServiceFault),
    ],
)
def test_an_error_before_the_stream_is_its_own_class(rehearsal, runtime, code, kind):
    """What fails before the first event has cost nothing and is no half answer."""
    for operation, function in (("Converse", converse.converse), ("ConverseStream", converse.stream)):
        rehearsal.faults.add(operation, error=code)
        with pytest.raises(kind) as caught:
            function(runtime, MODEL, converse.user("hi"), max_tokens=5)
        assert caught.value.code == code


# Connections


def connections(client) -> int:
    pools = client._endpoint.http_session._manager.pools
    return sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 - urllib3's container needs it


def test_a_stream_read_to_its_end_gives_its_connection_back(runtime):
    """Ten streams one after the other use one connection."""
    for _ in range(10):
        converse.measure(runtime, MODEL, converse.user("hi"), max_tokens=5)
    assert connections(runtime) == 1


def test_a_stream_closed_early_holds_nothing(raw_server):
    """Leaving the block ends the connection, even though the service has more to say; the reply is incomplete then."""
    server = raw_server(endless(*FRAMES), "stall")
    with streamed(server) as answer:
        assert next(iter(answer)) == "Hel"
    assert answer._answer["stream"]._raw_stream.closed
    with pytest.raises(IncompleteAnswer) as caught:
        _ = answer.reply
    assert caught.value.partial_text == "Hel"
    assert list(answer) == []


def test_a_stream_that_was_closed_can_be_followed_by_another(runtime):
    """After an early close the client answers as before."""
    with converse.stream(runtime, MODEL, converse.user("hi"), max_tokens=50) as answer:
        next(iter(answer))
    answer.close()
    assert converse.converse(runtime, MODEL, converse.user("hi"), max_tokens=5).text


def test_a_stream_that_nobody_reads_leaves_no_warning(runtime):
    """A stream that is closed unread, or dropped, raises nothing when it is collected."""
    unread = converse.stream(runtime, MODEL, converse.user("hi"), max_tokens=5)
    unread.close()
    with pytest.raises(IncompleteAnswer, match="closed before its end"):
        _ = unread.reply
    with converse.stream(runtime, MODEL, converse.user("hi"), max_tokens=5):
        pass
    gc.collect()
