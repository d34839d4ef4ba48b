"""Converse and ConverseStream of the rehearsed Bedrock Runtime.

Who answers:

- a base Nova model, by its inference id or profile: a plain stand-in that knows no data;
- a deployment that is Active: the nearest example of the job's own training file, or the rehearsal's `responder`;
- a request whose ``requestMetadata`` holds ``nova-tune-judge: reference-v1``: a deterministic scorer of the
  sections ``correct_answer`` and ``student_answer`` in its prompt. Judges of other providers answer such requests
  alone.

Tokens are assumed to be about four characters. The first delta is due at the configured time after the request
arrived, the i-th that much later; both are real milliseconds, whatever the speed of the clock, and the time spent
on finding the answer counts inside the first.
"""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._brains._answers import judge_reply, stand_in, tokens
from nova_tune.rehearsal._errors import ServiceError, invalid, not_found
from nova_tune.rehearsal._invoke import native_request
from nova_tune.rehearsal._limits import RateLimits
from nova_tune.rehearsal._server import ConnectionCutError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from nova_tune.rehearsal._account import Account

JUDGE_MARK = ("nova-tune-judge", "reference-v1")
"""The entry of ``requestMetadata`` that makes a request a judge's: the wire contract of rehearsable judges."""

_CHARACTERS_PER_TOKEN = 4
_PROFILE_ARN = f"arn:aws:bedrock:us-east-1:{catalog.ACCOUNT}:inference-profile/"
_DEPLOYMENT_ARN = f"arn:aws:bedrock:us-east-1:{catalog.ACCOUNT}:custom-model-deployment/"


@attrs.frozen(kw_only=True)
class Pace:
    """How fast a model speaks, in real milliseconds."""

    first_token_ms: float
    token_ms: float

    def due(self, start: float, index: int) -> float:
        """When the token `index` (from 0) of an answer is due, in seconds of ``time.perf_counter``.

        Args:
            start: When the request arrived, on the same clock.
            index: The token's number.
        """
        return start + (self.first_token_ms + index * self.token_ms) / 1000


@attrs.frozen(kw_only=True)
class _Voice:
    """What answers a request: its words, its pace, and its limit."""

    speak: Callable[[str], str]
    pace: Pace
    max_tokens: int | None


@attrs.frozen(kw_only=True)
class _Answer:
    deltas: list[str]
    stop_reason: str
    input_tokens: int
    pace: Pace
    start: float

    def usage(self) -> dict[str, int]:
        return {
            "inputTokens": self.input_tokens,
            "outputTokens": len(self.deltas),
            "totalTokens": self.input_tokens + len(self.deltas),
        }

    def metrics(self) -> dict[str, int]:
        return {"latencyMs": round((time.perf_counter() - self.start) * 1000)}


class Runtime:
    """Inference of one account; it lives as long as the rehearsal.

    Args:
        account: The state.
        tuned: The pace of deployments.
        base: The pace of everything else.
        responder: Answers for deployments instead of the training data; gets the parsed Converse request.
        closing: Set when the rehearsal ends; a stream that waits is cut then.
    """

    def __init__(
        self,
        account: Account,
        *,
        tuned: Pace,
        base: Pace,
        responder: Callable[[Mapping[str, Any]], str] | None,
        closing: threading.Event,
    ) -> None:
        self._account = account
        self._tuned = tuned
        self._base = base
        self._responder = responder
        self._closing = closing
        self._limits = RateLimits(account.quotas)

    def operations(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        """The offered operations of Bedrock Runtime by name."""
        return {
            "Converse": self.converse,
            "ConverseStream": self.converse_stream,
            "CountTokens": self.count_tokens,
            "InvokeModel": self.invoke,
            "InvokeModelWithResponseStream": self.invoke_stream,
        }

    def converse(self, request: dict[str, Any]) -> dict[str, Any]:
        """Converse: the whole answer, when its last token is due."""
        answer = self._answer(request)
        self._wait(answer.pace.due(answer.start, max(len(answer.deltas) - 1, 0)))
        return {
            "output": {"message": {"role": "assistant", "content": [{"text": "".join(answer.deltas)}]}},
            "stopReason": answer.stop_reason,
            "usage": answer.usage(),
            "metrics": answer.metrics(),
        }

    def converse_stream(self, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """ConverseStream: the same answer, one event for each token, each when it is due."""
        return self._events(self._answer(request))  # refusals come before the stream begins

    def count_tokens(self, request: dict[str, Any]) -> dict[str, Any]:
        """CountTokens: Nova and its deployments are refused, as public callers report; Claude is counted."""
        model_id = request["modelId"]
        if not _bare(model_id).startswith("anthropic."):
            raise invalid("The provided model doesn't support counting tokens.")
        given = request["input"]
        asked = given["converse"] if "converse" in given else native_request(model_id, given["invokeModel"]["body"])
        return {"inputTokens": _token_count(_prompt(asked))}

    def invoke(self, request: dict[str, Any]) -> dict[str, Any]:
        """InvokeModel: Nova's own request and response, which are nearly Converse's."""
        output = self.converse(native_request(request["modelId"], request.get("body", b"")))
        del output["metrics"]
        return {"body": json.dumps(output).encode(), "contentType": "application/json"}

    def invoke_stream(self, request: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        """InvokeModelWithResponseStream: ConverseStream's events, each as JSON in a chunk."""
        events = self.converse_stream(native_request(request["modelId"], request.get("body", b"")))
        return (("chunk", {"bytes": json.dumps({name: payload}).encode()}) for name, payload in events)

    def _events(self, answer: _Answer) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "messageStart", {"role": "assistant"}
        for index, delta in enumerate(answer.deltas):
            self._wait(answer.pace.due(answer.start, index))
            yield "contentBlockDelta", {"delta": {"text": delta}, "contentBlockIndex": 0}
        yield "contentBlockStop", {"contentBlockIndex": 0}
        yield "messageStop", {"stopReason": answer.stop_reason}
        yield "metadata", {"usage": answer.usage(), "metrics": answer.metrics()}

    def _wait(self, due: float) -> None:
        left = due - time.perf_counter()
        if left > 0 and self._closing.wait(left):
            raise ConnectionCutError

    def _answer(self, request: dict[str, Any]) -> _Answer:
        start = time.perf_counter()
        voice = self._voice(request)
        prompt = _prompt(request)
        settings = request.get("inferenceConfig", {})
        limit = settings.get("maxTokens", voice.max_tokens)
        if voice.max_tokens is not None and limit > voice.max_tokens:
            raise invalid(f"maxTokens is {limit}; {request['modelId']} allows at most {voice.max_tokens}")
        self._limits.spend(request["modelId"], _token_count(prompt) + (limit or 0))
        text, stop_reason = voice.speak(prompt), "end_turn"
        cuts = [text.find(stop) for stop in settings.get("stopSequences", []) if stop and stop in text]
        if cuts:
            text, stop_reason = text[: min(cuts)], "stop_sequence"
        deltas = tokens(text)
        if limit is not None and len(deltas) > limit:
            deltas, stop_reason = deltas[:limit], "max_tokens"
        return _Answer(
            deltas=deltas,
            stop_reason=stop_reason,
            input_tokens=_token_count(prompt),
            pace=voice.pace,
            start=start,
        )

    def _voice(self, request: Mapping[str, Any]) -> _Voice:
        model_id = request["modelId"]
        marked = request.get("requestMetadata", {}).get(JUDGE_MARK[0]) == JUDGE_MARK[1]
        if model_id.startswith(_DEPLOYMENT_ARN):
            return self._deployed(request, marked=marked)
        bare = model_id.removeprefix(_PROFILE_ARN).removeprefix(catalog.foundation_model_arn(""))
        for model in catalog.BASE_MODELS:
            if bare in model.inference_ids:
                speak = judge_reply if marked else stand_in
                return _Voice(speak=speak, pace=self._base, max_tokens=model.max_tokens)
            if bare == model.customizable_id:
                raise not_found("Model not found.")
        if bare in catalog.PROFILE_ONLY_IDS:
            raise invalid(
                f"Invocation of model ID {bare} with on-demand throughput isn't supported. Retry your request with "
                "the ID or ARN of an inference profile that contains this model."
            )
        if marked and _is_judge(bare):
            return _Voice(speak=judge_reply, pace=self._base, max_tokens=None)
        raise invalid("The provided model identifier is invalid.")

    def _deployed(self, request: Mapping[str, Any], *, marked: bool) -> _Voice:
        deployment = self._account.deployments.get(request["modelId"])
        if deployment is None:
            raise not_found(f"Could not find the custom model deployment {request['modelId']}")
        now = self._account.clock.now()
        status = deployment.status(now)
        if status == "Creating":
            raise ServiceError("ModelNotReadyException", "The custom model deployment is not ready: it is Creating")
        if status != "Active":
            raise invalid(f"The custom model deployment is {status}: {deployment.planned_failure}")
        model = deployment.serving(now)
        speak: Callable[[str], str] = model.answers.answer
        if marked:
            speak = judge_reply
        elif self._responder is not None:
            speak = _responding(self._responder, request)
        return _Voice(speak=speak, pace=self._tuned, max_tokens=model.base.max_tokens)


def refuse_custom_model(request: Mapping[str, Any]) -> None:
    """Refuse a custom model's own ARN with the way out, before the pattern of modelId refuses it without one.

    AWS answers custom models through provisioned throughput or a deployment alone (Converse, modelId; service
    model of botocore 1.44.5).

    Args:
        request: A Converse request that has not been checked yet.

    Raises:
        ServiceError: ValidationException.
    """
    model_id = str(request.get("modelId", ""))
    if ":custom-model/" in model_id:
        raise invalid(
            f"{model_id} is a custom model, which does not answer on demand by itself. Create a custom model "
            "deployment and use its ARN as modelId."
        )


def _responding(responder: Callable[[Mapping[str, Any]], str], request: Mapping[str, Any]) -> Callable[[str], str]:
    def speak(_prompt: str) -> str:
        try:
            text = responder(request)
        except Exception as error:
            raise _model_error(f"the responder raised {type(error).__name__}: {error}") from error
        if not isinstance(text, str):
            raise _model_error(f"the responder returned {type(text).__name__}, not str")
        return text

    return speak


def _model_error(reason: str) -> ServiceError:
    return ServiceError("ModelErrorException", f"[rehearsal] {reason}")


def _token_count(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def _bare(model_id: str) -> str:
    for prefix in catalog.PROFILE_PREFIXES:
        model_id = model_id.removeprefix(prefix)
    return model_id


def _is_judge(model_id: str) -> bool:
    return _bare(model_id).startswith(catalog.JUDGE_PREFIXES)


def _prompt(request: Mapping[str, Any]) -> str:
    """System and user texts, joined as the training data's prompts are."""
    messages = request.get("messages", [])
    roles = [message["role"] for message in messages]
    if not roles or roles[0] != "user":
        raise invalid("A conversation must start with a user message.")
    if roles[-1] != "user":
        raise invalid("A conversation must end with a user message.")
    if any(one == other for one, other in itertools.pairwise(roles)):
        raise invalid("A conversation must alternate between user and assistant roles.")
    blocks = [*request.get("system", [])]
    for message in messages:
        if message["role"] == "user":
            blocks += message["content"]
    return "\n\n".join(block["text"] for block in blocks if "text" in block)
