"""Every error nova_tune raises, named for the reader's next move.

::

    NovaTuneError
    ├── MissingExtra        (ImportError)      install the extra it names
    ├── ConfigurationError  (RuntimeError)     give a region or credentials
    ├── DatasetError        (ValueError)       open the file at the line it names
    │   ├── SourceError     (ValueError)       the file itself cannot be read as data
    │   ├── TemplateError   (KeyError)         a template field has no column
    │   └── InvalidDataset  (ValueError)       read .report: every finding of the data
    ├── PlanError           (ValueError)       read .faults: every fault of the plan
    ├── PriceUnknown        (LookupError)      supply the price it names
    ├── BudgetExceeded      (ValueError)       raise the budget or shrink the job
    ├── JobFailed           (RuntimeError)     read .job, then start attempt n + 1
    │   └── JobStopped      (RuntimeError)     somebody stopped it
    ├── DeploymentFailed    (RuntimeError)     read the service's message
    ├── WaitTimeout         (TimeoutError)     .waited_for still runs: wait again
    ├── WaitCancelled       (RuntimeError)     .waited_for still runs: the cancel event was set
    └── AWSError            (RuntimeError)     .code, .request_id, .operation
        ├── AccessDenied    (PermissionError)  ask for the permission it names
        ├── NotFound        (LookupError)      check the name, the ARN and the region
        ├── NameInUse       (ValueError)       attach to .existing, or choose another name
        ├── InvalidRequest  (ValueError)       the service refused a value
        ├── QuotaExceeded   (RuntimeError)     wait, delete something, or ask for more
        ├── Throttled       (ConnectionError)  try again later; retries were used up
        ├── ServiceFault    (ConnectionError)  AWS or the network failed; safe to try again
        └── IncompleteAnswer (ConnectionError) an answer broke off; .partial_text, .billed

All of them pickle, so that they cross process pools, Celery and Airflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _rebuild(cls: type[NovaTuneError], args: tuple[Any, ...], state: dict[str, Any]) -> NovaTuneError:
    error = cls("")  # not cls.__new__: with OSError among the bases, Python finds the wrong one
    error.args = args
    error.__dict__.update(state)
    return error


class NovaTuneError(Exception):
    """The root: catching it catches everything that nova_tune raises on purpose.

    Args:
        message: What happened, where, and the next move.
        hint: The next move alone, where a surface shows it apart.
    """

    hint: str | None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args, dict(self.__dict__)))


class MissingExtra(NovaTuneError, ImportError):
    """An optional dependency is not installed; the message prints the pip line."""

    extra: str

    def __init__(self, message: str, *, extra: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.extra = extra

    @classmethod
    def for_extra(cls, extra: str, *, what: str) -> Self:
        """The error for a feature whose extra is absent.

        Args:
            extra: The extra's name, as in ``nova-tune[extra]``.
            what: The feature that needs it, as the subject of a sentence.
        """
        line = f"pip install 'nova-tune[{extra}]'"
        return cls(f"{what} needs the extra {extra!r}, which is not installed. Run: {line}", extra=extra, hint=line)


class ConfigurationError(NovaTuneError, RuntimeError):
    """Something the caller's environment must supply is missing: a region, credentials."""


class DatasetError(NovaTuneError, ValueError):
    """The data cannot be used as asked.

    Args:
        message: What happened, where, and the next move.
        path: The file, where there is one.
        line: The physical line, from 1, where there is one.
        hint: The next move.
    """

    path: str | None
    line: int | None

    def __init__(
        self, message: str, *, path: str | None = None, line: int | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path
        self.line = line


class SourceError(DatasetError):
    """A source of rows cannot be read: missing, truncated, not in the format named."""


class TemplateError(DatasetError, KeyError):
    """A template field has no column, or a column is not text."""


class InvalidDataset(DatasetError):
    """Validation found errors.

    Args:
        message: The first findings and the count of all.
        report: The :class:`~nova_tune.ValidationReport` with every finding.
    """

    report: Any

    def __init__(self, message: str, *, report: Any = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.report = report


class PlanError(NovaTuneError, ValueError):
    """A training plan cannot be sent. All faults are listed, not the first alone.

    Args:
        message: All faults in one text.
        faults: One sentence for each fault.
    """

    faults: tuple[str, ...]

    def __init__(self, message: str, *, faults: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.faults = tuple(faults)


class PriceUnknown(NovaTuneError, LookupError):
    """A price is not in the book. It is never taken as zero.

    Args:
        message: What is missing and how to supply it.
        keys: The price keys to supply.
    """

    keys: tuple[str, ...]

    def __init__(self, message: str, *, keys: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.keys = tuple(keys)


class BudgetExceeded(NovaTuneError, ValueError):
    """The high bound of an estimate is above the budget; nothing was started."""


class JobFailed(NovaTuneError, RuntimeError):
    """A training job ended without a model.

    Args:
        message: The service's own words and the remedy.
        job: The :class:`~nova_tune.TrainingJob` as last seen.
    """

    job: Any

    def __init__(self, message: str, *, job: Any = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.job = job


class JobStopped(JobFailed):
    """A training job was stopped by a person or by its time limit."""


class DeploymentFailed(NovaTuneError, RuntimeError):
    """A deployment, or the model behind it, ended as Failed or in a state nobody knows."""


class WaitTimeout(NovaTuneError, TimeoutError):
    """The deadline passed while the work goes on at AWS.

    Args:
        message: What still runs and the line that waits again.
        waited_for: The job or deployment ARN as last seen; nothing was stopped.
    """

    waited_for: Any

    def __init__(self, message: str, *, waited_for: Any = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.waited_for = waited_for


class WaitCancelled(NovaTuneError, RuntimeError):
    """The caller's cancel event was set while waiting; the work goes on at AWS.

    Args:
        message: What still runs.
        waited_for: The job or deployment ARN as last seen.
    """

    waited_for: Any

    def __init__(self, message: str, *, waited_for: Any = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.waited_for = waited_for


class AWSError(NovaTuneError, RuntimeError):
    """AWS answered with an error, or did not answer.

    Args:
        message: AWS's message with the operation in front.
        code: AWS's error code, such as ``ValidationException``.
        request_id: AWS's request id, for a support case.
        operation: The API operation, such as ``CreateModelCustomizationJob``.
        hint: The next move.
    """

    code: str | None
    request_id: str | None
    operation: str | None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        request_id: str | None = None,
        operation: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.request_id = request_id
        self.operation = operation


class AccessDenied(AWSError, PermissionError):
    """The caller or the role may not do this."""


class NotFound(AWSError, LookupError):
    """There is no such thing in this account and region."""


class NameInUse(AWSError, ValueError):
    """The name is taken.

    Args:
        message: What holds the name, and how to go on with it.
        existing: What holds it, ready to attach to: a :class:`~nova_tune.TrainingJob`, or a deployment's ARN.
        aws: ``code``, ``request_id``, ``operation`` and ``hint``, as for :class:`AWSError`.
    """

    existing: Any

    def __init__(self, message: str, *, existing: Any = None, **aws: str | None) -> None:
        super().__init__(message, **aws)
        self.existing = existing


class InvalidRequest(AWSError, ValueError):
    """The service refused a value of the request."""


class QuotaExceeded(AWSError):
    """An account quota is reached."""


class Throttled(AWSError, ConnectionError):
    """Too many requests, and the bounded retries are used up."""


class ServiceFault(AWSError, ConnectionError):
    """AWS failed (5xx) or the connection broke, and the bounded retries are used up."""


class IncompleteAnswer(AWSError, ConnectionError):
    """An answer broke off: half a stream, a required member missing under HTTP 200.

    Args:
        message: Where it broke off, and the next move.
        partial_text: What had arrived.
        billed: Whether tokens were paid for; None when nobody can tell.
        aws: ``code``, ``request_id``, ``operation`` and ``hint``, as for :class:`AWSError`.
    """

    partial_text: str
    billed: bool | None

    def __init__(self, message: str, *, partial_text: str = "", billed: bool | None = None, **aws: str | None) -> None:
        super().__init__(message, **aws)
        self.partial_text = partial_text
        self.billed = billed


BY_CODE: Mapping[str, type[AWSError]] = {
    "AccessDeniedException": AccessDenied,
    "AccessDenied": AccessDenied,
    "ExpiredToken": AccessDenied,
    "ResourceNotFoundException": NotFound,
    "ResourceNotFound": NotFound,
    "NotFoundException": NotFound,
    "NoSuchBucket": NotFound,
    "NoSuchKey": NotFound,
    "NoSuchEntity": NotFound,
    "ResourceInUseException": NameInUse,
    "ValidationException": InvalidRequest,
    "InvalidParameterException": InvalidRequest,
    "InvalidNextTokenException": InvalidRequest,
    "InvalidNextToken": InvalidRequest,
    "ExpiredNextTokenException": InvalidRequest,
    "InvalidRequest": InvalidRequest,
    "InvalidWriteOffset": InvalidRequest,
    "InvalidObjectState": InvalidRequest,
    "EncryptionTypeMismatch": InvalidRequest,
    "TooManyParts": InvalidRequest,
    "ConflictException": InvalidRequest,
    "TooManyTagsException": InvalidRequest,
    "ServiceQuotaExceededException": QuotaExceeded,
    "ThrottlingException": Throttled,
    "SlowDown": Throttled,
    "ModelNotReadyException": ServiceFault,
    "ModelTimeoutException": ServiceFault,
    "ModelErrorException": ServiceFault,
    "ModelStreamErrorException": ServiceFault,
    "InternalServerException": ServiceFault,
    "InternalErrorException": ServiceFault,
    "InternalError": ServiceFault,
    "ServiceUnavailableException": ServiceFault,
}
"""AWS's error codes (botocore 1.44.5 service models, read 2026-11-21) and the error that each becomes."""

BY_STATUS: Mapping[int, type[AWSError]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    429: Throttled,
}
"""What a code that is not listed becomes by its HTTP status; S3 answers HEAD with a status alone."""
