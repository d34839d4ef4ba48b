"""The values that travel: plain frozen data, no client inside, to and from JSON.

Each one compares, pickles, and carries a ``schema`` integer in its JSON. Keys that this version does not know are
kept in ``extra`` and written back, so that an older program may pass on what a newer one wrote.
"""

from __future__ import annotations

import base64
import contextlib
import enum
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import attrs

from nova_tune.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _plain(value: Any) -> Any:
    """The JSON form of a field: money and rates as strings, times in UTC, bytes in base64, values as dictionaries."""
    if isinstance(value, Value | Template):
        return value.to_dict()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        with contextlib.suppress(OverflowError):  # the first and last day that Python knows have no UTC everywhere
            value = value.astimezone(UTC)
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


def field(*, read: Callable[[Any], Any] | None = None, **options: Any) -> Any:
    """An attrs field that knows how to read itself back from JSON.

    Args:
        read: Turns the JSON form into the value; None where JSON holds it as it is.
        options: Whatever :func:`attrs.field` takes.
    """
    return attrs.field(metadata={"read": _optional(read)} if read else {}, **options)


@attrs.frozen(kw_only=True)
class Value:
    """What every value shares: a JSON form with a version, and the keys it did not understand."""

    SCHEMA: ClassVar[int] = 1
    extra: dict[str, Any] = attrs.field(factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: strings, numbers, lists and dictionaries alone."""
        own = {
            attribute.name: _plain(getattr(self, attribute.name))
            for attribute in attrs.fields(type(self))
            if attribute.name != "extra"
        }
        return {"schema": self.SCHEMA, **own, **self.extra}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The value that :meth:`to_dict` wrote, by this version or a newer one.

        Args:
            data: Plain JSON. Unknown keys are kept.

        Raises:
            ValueError: A key that this value cannot do without is missing.
        """
        known: dict[str, Any] = {}
        for attribute in attrs.fields(cls):
            if attribute.name == "extra":
                continue
            if attribute.name in data:
                read = attribute.metadata.get("read")
                value = data[attribute.name]
                known[attribute.name] = read(value) if read else value
            elif attribute.default is attrs.NOTHING:
                raise ValueError(f"this is not a {cls.__name__}: the key {attribute.name!r} is missing")
        extra = {key: value for key, value in data.items() if key != "schema" and key not in attrs.fields_dict(cls)}
        return cls(extra=extra, **known)


@attrs.frozen(kw_only=True)
class TokenEstimate(Value):
    """How many tokens a text is thought to hold, with its range and the grade of the guess.

    ``basis`` is ``"measured"`` (AWS counted), ``"counted"`` (the caller's counter) or ``"heuristic"``.
    """

    low: int
    expected: int
    high: int
    basis: str = "heuristic"


@attrs.frozen(kw_only=True)
class TrainingData(Value):
    """A file of training records: where it is, what it holds, how it was made.

    It stays true for as long as the object at ``uri`` has the digest ``sha256``. ``uri`` is None while the data is
    on this machine alone.

    Args:
        uri: The S3 URI of the JSON Lines file.
        sha256: The digest of the file's bytes, in hexadecimal.
        records: How many records it holds.
        bytes: Its size in bytes.
        tokens: The estimate of all its tokens, for one epoch.
        template: The prompt template it was converted with, None for ready conversations.
    """

    uri: str | None = None
    sha256: str
    records: int
    bytes: int
    tokens: TokenEstimate = field(read=TokenEstimate.from_dict)
    template: Template | None = field(read=Template.from_dict, default=None)


class JobState(enum.StrEnum):
    """Where a training job stands. A word that AWS invents later is UNKNOWN; the job keeps the raw word."""

    IN_PROGRESS = "InProgress"
    COMPLETED = "Completed"
    FAILED = "Failed"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    UNKNOWN = "Unknown"

    @classmethod
    def read(cls, word: str | None) -> JobState:
        """The state for AWS's word."""
        try:
            return cls(word or "")
        except ValueError:
            return cls.UNKNOWN

    @property
    def is_terminal(self) -> bool:
        """True when the job will not change again."""
        return self in {JobState.COMPLETED, JobState.FAILED, JobState.STOPPED}


@attrs.frozen(kw_only=True)
class TrainingJob(Value):
    """A paid training job as last read from AWS: data, not a handle. ``Trainer.refresh`` reads it again.

    Args:
        arn: The job's ARN, which any process can pick up.
        name: The job's name.
        backend: ``"bedrock"`` or ``"sagemaker"``.
        model: The short name of the model that is tuned.
        state: Where it stands.
        raw_state: AWS's own word for it.
        steps: AWS's word for each sub-step (validation, data processing, training), where it tells.
        custom_model_arn: The tuned model, once there is one.
        custom_model_name: The name the tuned model has or will have.
        output_uri: The S3 prefix under which AWS writes the metrics.
        failure: AWS's reason when it failed.
        created_at: When AWS took it.
        ended_at: When it ended.
        training_loss: The final training loss, where AWS tells it.
        validation_loss: The final validation loss, where AWS tells it.
        plan_digest: The digest of the plan it was started from.
        attempt: The plan's attempt.
    """

    arn: str
    name: str
    backend: str
    model: str
    state: JobState = field(read=JobState.read, default=JobState.IN_PROGRESS)
    raw_state: str | None = None
    steps: dict[str, str] = attrs.field(factory=dict)
    custom_model_arn: str | None = None
    custom_model_name: str | None = None
    output_uri: str | None = None
    failure: str | None = None
    created_at: datetime | None = field(read=_time, default=None)
    ended_at: datetime | None = field(read=_time, default=None)
    training_loss: float | None = None
    validation_loss: float | None = None
    plan_digest: str | None = None
    attempt: int = 1


ModelStatus = Literal["Creating", "Active", "Failed"]


@attrs.frozen(kw_only=True)
class CustomModel(Value):
    """A tuned model in Bedrock. It costs storage each month until it is deleted, deployed or not.

    Args:
        arn: The custom model's ARN; it cannot be invoked, a deployment of it can.
        name: Its name.
        model: The short name of the model it was tuned from.
        status: ``"Active"``, or ``"Creating"`` while an import goes on.
        job_arn: The job that made it.
        template: The prompt template it was trained with, where it is known.
        failure: AWS's reason when it failed.
    """

    arn: str
    name: str
    model: str | None = None
    status: str = "Active"
    job_arn: str | None = None
    template: Template | None = field(read=Template.from_dict, default=None)
    failure: str | None = None


@attrs.frozen(kw_only=True)
class Usage(Value):
    """The tokens of one answer as AWS counted and bills them."""

    input_tokens: int
    output_tokens: int


@attrs.frozen(kw_only=True)
class Timing(Value):
    """When the parts of one answer arrived, in milliseconds from just before the call.

    ``ttft_ms`` is the time to the first delta whose text is not empty; ``last_token_ms`` the time to the last one;
    ``total_ms`` until the stream or the body ended; ``server_ms`` what AWS says it took. An answer that was not
    streamed has ``total_ms`` and ``server_ms`` alone. Definitions: evaluation guide of this project; AWS's
    own OTPS formula (Bedrock user guide, monitoring-runtime-otps, read 2026-11-21) is :meth:`otps_aws`.
    """

    total_ms: float
    server_ms: float | None = None
    ttft_ms: float | None = None
    last_token_ms: float | None = None
    deltas: int = 0

    def otps(self, output_tokens: int) -> float | None:
        """Output tokens a second after the first: (N - 1) / (last text - first text); None when it cannot be told."""
        if self.ttft_ms is None or self.last_token_ms is None or output_tokens < 2:
            return None
        window = self.last_token_ms - self.ttft_ms
        return None if window < 1 else (output_tokens - 1) / window * 1000

    def otps_aws(self, output_tokens: int) -> float | None:
        """Output tokens a second as AWS defines it: N / (total - time to first token)."""
        if self.ttft_ms is None or self.total_ms <= self.ttft_ms:
            return None
        return output_tokens / (self.total_ms - self.ttft_ms) * 1000


@attrs.frozen(kw_only=True)
class Reply(Value):
    """One answer of a model.

    ``text`` joins all text blocks; a model may answer with none, then it is empty and ``stop_reason`` tells why.

    Args:
        text: What the model said.
        stop_reason: AWS's word, such as ``end_turn`` or ``max_tokens``.
        usage: The tokens billed.
        timing: When it arrived.
        model_id: The id or ARN that was asked.
        request_id: AWS's request id.
        rehearsal: True when a rehearsal answered, so that no report passes it off as a measurement of AWS.
        content: The content blocks as AWS sent them, with reasoning and tool use where there is any. Those of a stream
            are put together from its deltas, whose reasoning stands one level higher than in a whole answer.
    """

    text: str
    stop_reason: str
    usage: Usage = field(read=Usage.from_dict)
    timing: Timing = field(read=Timing.from_dict)
    model_id: str | None = None
    request_id: str | None = None
    rehearsal: bool = False
    content: list[dict[str, Any]] = attrs.field(factory=list, repr=False)
