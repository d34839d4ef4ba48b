"""Calls to a model through Bedrock's Converse API: one answer, or a stream that is timed as it arrives.

Half an answer is never handed out as a whole one: a stream that ends without ``messageStop`` or ``metadata``, a reset,
a damaged frame and an error event all become one error that keeps the text so far.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from nova_tune import aws
from nova_tune.errors import AWSError, IncompleteAnswer
from nova_tune.values import Reply, Timing, Usage

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from types import TracebackType


def user(text: str) -> list[dict[str, Any]]:
    """The messages of a conversation with one user turn."""
    return [{"role": "user", "content": [{"text": text}]}]


def _request(
    model_id: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    system: str | None,
    max_tokens: int,
    temperature: float | None,
    top_p: float | None,
    stop: Sequence[str],
    metadata: Mapping[str, str] | None,
) -> dict[str, Any]:
    # max_tokens is always sent: Bedrock reserves quota from it (user guide, monitoring-runtime-metrics, 2026-11-21).
    inference: dict[str, Any] = {"maxTokens": max_tokens}
    if temperature is not None:
        inference["temperature"] = temperature
    if top_p is not None:
        inference["topP"] = top_p
    if stop:
        inference["stopSequences"] = list(stop)
    return {
        "modelId": model_id,
        "messages": list(messages),
        "system": [{"text": system}] if system else None,
        "inferenceConfig": inference,
        "requestMetadata": dict(metadata) if metadata else None,
    }


def converse(
    client: Any,
    model_id: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    system: str | None = None,
    max_tokens: int,
    temperature: float | None = None,
    top_p: float | None = None,
    stop: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> Reply:
    """One answer, in one piece. It costs its input and output tokens.

    Args:
        client: A ``bedrock-runtime`` client.
        model_id: A model id, an inference profile or the ARN of a deployment.
        messages: The conversation so far, as Converse takes it.
        system: The system prompt.
        max_tokens: The longest answer; also what Bedrock reserves from the quota.
        temperature: 0 to 1.
        top_p: 0 to 1.
        stop: Texts that end the answer.
        metadata: Keys that are written to the invocation log with the call.

    Raises:
        AWSError: The call failed, or its answer broke off.
    """
    request = _request(
        model_id, messages, system=system, max_tokens=max_tokens, temperature=temperature, top_p=top_p, stop=stop,
        metadata=metadata,
    )  # fmt: skip
    started = time.perf_counter()
    answer = aws.call(client, "Converse", **request)
    total_ms = (time.perf_counter() - started) * 1000
    content = answer["output"].get("message", {}).get("content", [])
    return Reply(
        text="".join(block["text"] for block in content if "text" in block),
        stop_reason=answer["stopReason"],
        usage=_usage(answer["usage"]),
        timing=Timing(total_ms=total_ms, server_ms=answer["metrics"].get("latencyMs")),
        model_id=model_id,
        request_id=answer["ResponseMetadata"].get("RequestId"),
        rehearsal=aws.is_rehearsal(answer),
        content=content,
    )


def _usage(usage: Mapping[str, int]) -> Usage:
    return Usage(input_tokens=usage["inputTokens"], output_tokens=usage["outputTokens"])


class ReplyStream:
    """An answer as it arrives: iterate for the pieces of text, then read :attr:`reply`.

    It holds a connection until it is read to its end or closed; use it in a ``with`` statement. Its tokens are paid
    for from the first one on, read or not.

    Raises:
        IncompleteAnswer: While iterating, when the stream breaks off; ``partial_text`` keeps what arrived.
    """

    def __init__(self, client: Any, request: dict[str, Any]) -> None:
        self._model_id = str(request["modelId"])
        self._started = time.perf_counter()
        answer = aws.call(client, "ConverseStream", **request)
        self._answer = answer
        self._pieces: list[str] = []
        self._blocks: dict[int, dict[str, Any]] = {}
        self._first: float | None = None
        self._last: float | None = None
        self._stop_reason: str | None = None
        self._metadata: dict[str, Any] | None = None
        self._reply: Reply | None = None
        self._fault: IncompleteAnswer | None = None
        self._events = self._read()

    def __iter__(self) -> Iterator[str]:
        return self._events

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back. What was not read is lost, though paid for; iterating ends there."""
        self._events.close()
        self._answer["stream"].close()

    @property
    def text(self) -> str:
        """The text that has arrived so far."""
        return "".join(self._pieces)

    @property
    def reply(self) -> Reply:
        """The whole answer with its timing; reads the stream to its end first.

        Raises:
            IncompleteAnswer: The stream broke off.
        """
        for _ in self._events:
            pass
        if self._reply is None:
            raise self._fault or self._broken("the stream was closed before its end")
        return self._reply

    def _read(self) -> Generator[str, None, None]:
        try:
            with aws.translated("ConverseStream"):
                for event in self._answer["stream"]:
                    text = self._take(event)
                    if text:
                        yield text
        except AWSError as error:
            raise self._broken(str(error), code=error.code) from error
        finally:
            self._answer["stream"].close()
        if self._stop_reason is None or self._metadata is None:
            last = "messageStop" if self._stop_reason is None else "metadata"
            raise self._broken(f"the stream ended without {last}")
        self._reply = self._finish(self._stop_reason, self._metadata)

    def _take(self, event: Mapping[str, Any]) -> str:
        """Note one event; its text, where it carries some."""
        if "contentBlockDelta" in event:
            delta, index = event["contentBlockDelta"]["delta"], event["contentBlockDelta"]["contentBlockIndex"]
            text: str = delta.get("text", "")
            _extend(self._blocks.setdefault(index, {}), delta)
            if text:
                now = time.perf_counter()
                self._first = now if self._first is None else self._first
                self._last = now
                self._pieces.append(text)
            return text
        if "contentBlockStart" in event:
            start = event["contentBlockStart"]
            _extend(self._blocks.setdefault(start["contentBlockIndex"], {}), start["start"])
        elif "messageStop" in event:
            self._stop_reason = event["messageStop"]["stopReason"]
        elif "metadata" in event:
            self._metadata = event["metadata"]
        return ""

    def _finish(self, stop_reason: str, metadata: Mapping[str, Any]) -> Reply:
        def since(instant: float | None) -> float | None:
            return None if instant is None else (instant - self._started) * 1000

        return Reply(
            text=self.text,
            stop_reason=stop_reason,
            usage=_usage(metadata["usage"]),
            timing=Timing(
                total_ms=(time.perf_counter() - self._started) * 1000,
                server_ms=metadata.get("metrics", {}).get("latencyMs"),
                ttft_ms=since(self._first),
                last_token_ms=since(self._last),
                deltas=len(self._pieces),
            ),
            model_id=self._model_id,
            request_id=self._answer["ResponseMetadata"].get("RequestId"),
            rehearsal=aws.is_rehearsal(self._answer),
            content=[block for _, block in sorted(self._blocks.items())],
        )

    def _broken(self, why: str, *, code: str | None = None) -> IncompleteAnswer:
        paid = "its tokens are billed" if self._pieces else "tokens may have been billed"
        self._fault = IncompleteAnswer(
            f"{why}, after {len(self.text)} characters; {paid}. "
            "The text so far is in .partial_text; ask again for a whole one",
            code=code,
            operation="ConverseStream",
            request_id=self._answer["ResponseMetadata"].get("RequestId"),
            partial_text=self.text,
            billed=True if self._pieces else None,
        )
        return self._fault


def _extend(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    """Put the next part of a content block behind what has come of it: texts are joined, at any depth."""
    for key, value in delta.items():
        if isinstance(value, dict):
            _extend(block.setdefault(key, {}), value)
        elif isinstance(value, str | bytes) and key in block:
            block[key] += value
        else:
            block[key] = value


def stream(
    client: Any,
    model_id: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    system: str | None = None,
    max_tokens: int,
    temperature: float | None = None,
    top_p: float | None = None,
    stop: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> ReplyStream:
    """An answer as it arrives. It costs its input and output tokens, read to the end or not.

    Args:
        client: A ``bedrock-runtime`` client.
        model_id: A model id, an inference profile or the ARN of a deployment.
        messages: The conversation so far.
        system: The system prompt.
        max_tokens: The longest answer.
        temperature: 0 to 1.
        top_p: 0 to 1.
        stop: Texts that end the answer.
        metadata: Keys for the invocation log.
    """
    return ReplyStream(
        client,
        _request(
            model_id, messages, system=system, max_tokens=max_tokens, temperature=temperature, top_p=top_p, stop=stop,
            metadata=metadata,
        ),
    )  # fmt: skip


def measure(
    client: Any,
    model_id: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    system: str | None = None,
    max_tokens: int,
    temperature: float | None = None,
    top_p: float | None = None,
    stop: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
) -> Reply:
    """A streamed answer read to its end and timed. The arguments are those of :func:`stream`.

    Use a client that makes one attempt (``aws.client(..., measuring=True)``): a retry inside the call would be timed
    as a slow answer.
    """
    with stream(
        client, model_id, messages, system=system, max_tokens=max_tokens, temperature=temperature, top_p=top_p,
        stop=stop, metadata=metadata,
    ) as answer:  # fmt: skip
        return answer.reply
