"""What is compared: anything that answers a prompt and says when the answer came.

A ``Deployment`` is an arm as it stands. A model's name becomes one through the evaluator's client, a Python function
through a thin wrapper; both are made here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import attrs

from nova_tune import models
from nova_tune.errors import NovaTuneError, PlanError, ServiceFault
from nova_tune.values import Reply, Timing, Usage

if TYPE_CHECKING:
    from nova_tune.evaluation._examples import Example

Messages: TypeAlias = Sequence[Mapping[str, Any]]
AnswerFunction: TypeAlias = Callable[[str, str], str]


@runtime_checkable
class Arm(Protocol):
    """Something that answers. ``nova_tune.Deployment`` is one; so is any class with this method."""

    def measure(self, messages: Messages, *, system: str | None, max_tokens: int, temperature: float | None) -> Reply:
        """One whole answer with its timing.

        Args:
            messages: The conversation so far, as Converse takes it.
            system: The system prompt.
            max_tokens: The longest answer.
            temperature: 0 to 1; None for the model's default.

        Raises:
            NovaTuneError: There is no whole answer.
        """
        ...


def inference_id(name: str) -> str:
    """What Converse takes for a model's name: the inference id of a short name, never the customizable id.

    Args:
        name: A short name such as ``nova-micro``, a model id, an inference profile or an ARN; what is not a Nova
            model that nova_tune knows is passed on as it is.

    Raises:
        PlanError: It looks like a short name, but there is no such model.

    Example:
        >>> inference_id("nova-micro")
        'amazon.nova-micro-v1:0'
        >>> inference_id("us.anthropic.claude-haiku-4-5-20251001-v1:0")
        'us.anthropic.claude-haiku-4-5-20251001-v1:0'
    """
    try:
        return models.model(name).inference_id.value
    except PlanError:
        if "." in name or ":" in name:
            return name
        raise


@attrs.frozen
class ModelArm:
    """A model, inference profile or deployment ARN on Bedrock. Each answer costs its input and output tokens.

    Args:
        client: A ``bedrock-runtime`` client that makes one attempt, for a retry inside it would be timed as slowness.
        model_id: What Converse takes.
    """

    client: Any
    model_id: str

    def measure(self, messages: Messages, *, system: str | None, max_tokens: int, temperature: float | None) -> Reply:
        """One streamed answer, read to its end and timed."""
        from nova_tune.converse import measure  # noqa: PLC0415 - it loads boto3, which a report does without

        return measure(
            self.client, self.model_id, messages, system=system, max_tokens=max_tokens, temperature=temperature
        )


@attrs.frozen
class FunctionArm:
    """A Python function ``(system, user text) -> answer``: another provider, a rule, a recorded answer.

    It counts no tokens and has no first token; only its total time is kept.

    Args:
        function: Called with the system prompt (empty for none) and the text of the last user turn.
    """

    function: AnswerFunction

    def measure(self, messages: Messages, *, system: str | None, max_tokens: int, temperature: float | None) -> Reply:  # noqa: ARG002 - the function has its own settings
        """Call the function; what it raises becomes a :class:`~nova_tune.errors.ServiceFault`."""
        user_text = "".join(block.get("text", "") for block in messages[-1]["content"])
        started = time.perf_counter()
        try:
            text = self.function(system or "", user_text)
        except NovaTuneError:
            raise
        except Exception as error:
            kind = type(error).__name__
            raise ServiceFault(f"the function of this arm raised {kind}: {error}", code=kind) from error
        return Reply(
            text=text,
            stop_reason="end_turn",
            usage=Usage(input_tokens=0, output_tokens=0),
            timing=Timing(total_ms=(time.perf_counter() - started) * 1000),
        )


def ask(arm: Arm, example: Example, *, max_tokens: int, temperature: float | None) -> Reply:
    """One arm's answer to one example.

    Args:
        arm: Who answers.
        example: What is asked.
        max_tokens: The longest answer.
        temperature: 0 to 1.
    """
    return arm.measure(example.messages, system=example.system, max_tokens=max_tokens, temperature=temperature)
