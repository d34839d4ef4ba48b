"""A tuned model that answers on demand: no capacity to buy, no endpoint to run, paid by the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import attrs

from nova_tune import arns, aws, converse
from nova_tune._deployments import active_model, create_deployment, delete_deployment
from nova_tune.errors import DeploymentFailed, InvalidRequest, TemplateError
from nova_tune.manifest import template_of
from nova_tune.polling import poll

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from nova_tune.converse import ReplyStream
    from nova_tune.polling import Clock
    from nova_tune.template import Template
    from nova_tune.values import CustomModel, Reply

_WAIT_S = 3600.0
_INTERVAL_S = 15.0
_MAX_TOKENS = 512


@attrs.define(kw_only=True, eq=False, repr=False)
class Deployment:
    """An on-demand deployment of a custom model. It lives at AWS until :meth:`delete`, and costs only what it answers.

    Its identity is :attr:`arn`: keep that, and :meth:`attach` to it from any process. Leaving a ``with`` block deletes
    it. It holds clients, so it does not pickle.

    Args:
        arn: The deployment's ARN.
        name: Its name.
        model_arn: The custom model behind it.
        status: AWS's word for where it stands.
        template: The prompt template the model was trained with, for :meth:`ask`.
        bedrock: A ``bedrock`` client.
        runtime: A ``bedrock-runtime`` client for answers.
        measuring: A ``bedrock-runtime`` client that makes one attempt, for :meth:`measure`.
        max_tokens: The longest answer; Bedrock reserves quota for it on each call.
        temperature: 0 to 1.
    """

    arn: str
    name: str
    model_arn: str
    status: str
    template: Template | None
    _bedrock: Any
    _runtime: Any
    _measuring: Any
    max_tokens: int = _MAX_TOKENS
    temperature: float = 0.0

    # Making and finding one

    @classmethod
    def create(
        cls,
        model: CustomModel | str,
        *,
        name: str,
        session: Any = None,
        client: Any = None,
        runtime: Any = None,
        s3: Any = None,
        tags: Mapping[str, str] | None = None,
        max_tokens: int = _MAX_TOKENS,
        temperature: float = 0.0,
        model_timeout_s: float = _WAIT_S,
        interval_s: float = _INTERVAL_S,
        clock: Clock | None = None,
    ) -> Deployment:
        """Deploy a custom model; call :meth:`wait` before asking it. The same model and name again find the same one.

        A model that is still being imported is waited for first.

        Args:
            model: The tuned model, or its ARN.
            name: The deployment's name, unique in the account and region.
            session: A boto3 session; boto3's default without it.
            client: A ``bedrock`` client, used instead of the session's.
            runtime: A ``bedrock-runtime`` client, used instead of the session's.
            s3: An S3 client, used instead of the session's to read the manifest.
            tags: Tags of the deployment.
            max_tokens: The longest answer.
            temperature: 0 to 1.
            model_timeout_s: The longest wait for a model that is being imported, in seconds.
            interval_s: Seconds between two readings of such a model.
            clock: A clock of your own, for tests.

        Raises:
            InvalidRequest: The name is not allowed, or AWS refused the request.
            NameInUse: Another model is deployed under this name; ``existing`` is that deployment's ARN.
            DeploymentFailed: The model failed.
        """
        if fault := arns.name_fault(name, "deployment"):
            raise InvalidRequest(fault, operation="CreateCustomModelDeployment")
        bedrock = aws.client("bedrock", client=client, session=session)
        arn = model if isinstance(model, str) else model.arn
        found = active_model(bedrock, arn, timeout_s=model_timeout_s, interval_s=interval_s, clock=clock)
        template = None if isinstance(model, str) else model.template
        if template is None:
            template = template_of(bedrock, aws.client("s3", client=s3, session=session), found)
        deployment_arn = create_deployment(bedrock, found["modelArn"], name, tags or {})
        return cls(
            arn=deployment_arn, name=name, model_arn=found["modelArn"], status="Creating", template=template,
            bedrock=bedrock, runtime=aws.client("bedrock-runtime", client=runtime, session=session),
            measuring=aws.client("bedrock-runtime", client=runtime, session=session, measuring=True),
            max_tokens=max_tokens, temperature=temperature,
        )  # fmt: skip

    @classmethod
    def attach(
        cls,
        arn: str,
        *,
        session: Any = None,
        client: Any = None,
        runtime: Any = None,
        s3: Any = None,
        max_tokens: int = _MAX_TOKENS,
        temperature: float = 0.0,
    ) -> Deployment:
        """Pick up a deployment made by any process. Its template is found through the model's tags and the manifest.

        Args:
            arn: The ARN of the deployment.
            session: A boto3 session; boto3's default without it.
            client: A ``bedrock`` client, used instead of the session's.
            runtime: A ``bedrock-runtime`` client, used instead of the session's.
            s3: An S3 client, used instead of the session's.
            max_tokens: The longest answer.
            temperature: 0 to 1.

        Raises:
            InvalidRequest: The text is not the ARN of an on-demand deployment; the message tells what it is.
            NotFound: There is no such deployment here.
        """
        if fault := arns.deployment_fault(arn):
            raise InvalidRequest(fault, operation="GetCustomModelDeployment")
        bedrock = aws.client("bedrock", client=client, session=session)
        if fault := arns.deployment_fault(arn, bedrock.meta.region_name):
            raise InvalidRequest(fault, operation="GetCustomModelDeployment")
        found = aws.call(bedrock, "GetCustomModelDeployment", customModelDeploymentIdentifier=arn)
        model = aws.call(bedrock, "GetCustomModel", modelIdentifier=found["modelArn"])
        return cls(
            arn=arn, name=found["modelDeploymentName"], model_arn=found["modelArn"], status=found["status"],
            template=template_of(bedrock, aws.client("s3", client=s3, session=session), model),
            bedrock=bedrock, runtime=aws.client("bedrock-runtime", client=runtime, session=session),
            measuring=aws.client("bedrock-runtime", client=runtime, session=session, measuring=True),
            max_tokens=max_tokens, temperature=temperature,
        )  # fmt: skip

    # Its life

    def refresh(self) -> Self:
        """Read where it stands."""
        found = aws.call(self._bedrock, "GetCustomModelDeployment", customModelDeploymentIdentifier=self.arn)
        self.status, self.model_arn = found["status"], found["modelArn"]
        if self.status.casefold() == "failed":
            why = found.get("failureMessage") or "AWS gave no reason"
            raise DeploymentFailed(f"the deployment {self.name} failed: {why}. Delete it and create it again")
        return self

    def wait(
        self,
        *,
        timeout_s: float = _WAIT_S,
        interval_s: float = _INTERVAL_S,
        on_change: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> Self:
        """Block until it answers. This takes minutes.

        Args:
            timeout_s: The longest wait, in seconds.
            interval_s: Seconds between two readings.
            on_change: Called with the status when it changes.
            cancel: Set it from another thread to end the wait.
            clock: A clock of your own, for tests.

        Raises:
            DeploymentFailed: It failed, or has a status that nobody knows.
            WaitTimeout: The time is over; it goes on at AWS.
        """
        status = poll(
            lambda: self.refresh().status,
            done=lambda status: status.casefold() != "creating",
            what=f"the deployment {self.arn}",
            timeout_s=timeout_s,
            interval_s=interval_s,
            waited_for=lambda: self.arn,
            resume=f"Deployment.attach({self.arn!r}).wait()",
            on_change=on_change,
            cancel=cancel,
            clock=clock,
        )
        if status.casefold() != "active":
            raise DeploymentFailed(
                f"the deployment {self.name} is {status!r}, a status nobody knows; look at it at AWS"
            )
        return self

    def delete(
        self, *, timeout_s: float = _WAIT_S, interval_s: float = _INTERVAL_S, clock: Clock | None = None
    ) -> None:
        """Delete it and wait until it is gone; the custom model stays, and its storage is billed on.

        One that is still being created is deleted as soon as the service allows it.

        Args:
            timeout_s: The longest wait, in seconds.
            interval_s: Seconds between two readings.
            clock: A clock of your own, for tests.
        """
        poll(lambda: delete_deployment(self._bedrock, self.arn), done=bool, what=f"the end of {self.arn}",
             timeout_s=timeout_s, interval_s=interval_s, waited_for=lambda: self.arn, resume="deployment.delete()",
             clock=clock)  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.delete()

    # Asking it

    def ask(self, /, **columns: str) -> Reply:
        """One answer to the prompt that the training template makes of these columns.

        Args:
            columns: A text for each field of the template's system prompt and user turn.

        Raises:
            TemplateError: A field has no column, or the template is not recorded.
            AWSError: The call failed or its answer broke off.
        """
        system, question = self._render(columns)
        return self.converse(converse.user(question), system=system)

    def stream(self, /, **columns: str) -> ReplyStream:
        """The same as :meth:`ask`, as it arrives: iterate for pieces of text, then read ``reply``.

        Args:
            columns: A text for each field of the template's system prompt and user turn.
        """
        system, question = self._render(columns)
        return self.converse_stream(converse.user(question), system=system)

    def converse(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Reply:
        """One answer to messages of your own.

        Args:
            messages: The conversation so far, as Converse takes it.
            system: The system prompt; models answer best with the one they were trained with.
            max_tokens: The longest answer; the deployment's setting without it.
            temperature: 0 to 1; the deployment's setting without it.
        """
        settings = self._settings(max_tokens, temperature)
        return converse.converse(self._runtime, self.arn, messages, system=system, **settings)

    def converse_stream(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> ReplyStream:
        """The same as :meth:`converse`, as it arrives.

        Args:
            messages: The conversation so far, as Converse takes it.
            system: The system prompt; models answer best with the one they were trained with.
            max_tokens: The longest answer; the deployment's setting without it.
            temperature: 0 to 1; the deployment's setting without it.
        """
        settings = self._settings(max_tokens, temperature)
        return converse.stream(self._runtime, self.arn, messages, system=system, **settings)

    def measure(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> Reply:
        """A streamed answer, read to its end and timed, without retries that would be timed as slowness.

        Args:
            messages: The conversation so far.
            system: The system prompt.
            max_tokens: The longest answer.
            temperature: 0 to 1.
        """
        settings = self._settings(max_tokens, temperature)
        return converse.measure(self._measuring, self.arn, messages, system=system, **settings)

    def _settings(self, max_tokens: int | None, temperature: float | None) -> dict[str, Any]:
        return {
            "max_tokens": self.max_tokens if max_tokens is None else max_tokens,
            "temperature": self.temperature if temperature is None else temperature,
        }

    def _render(self, columns: Mapping[str, str]) -> tuple[str, str]:
        if self.template is None:
            raise TemplateError(
                f"the prompt template of {self.name} is not recorded, so ask() cannot render it; use converse() with "
                "the prompts it was trained with"
            )
        return self.template.prompt(columns)

    def __repr__(self) -> str:
        return f"<Deployment {self.name} {self.status} {self.arn}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"a Deployment holds clients and does not pickle; pass its .arn ({self.arn}) and attach to it")
