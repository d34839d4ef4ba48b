"""The errors that the rehearsed service answers with, in AWS's form."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.model import OperationModel

_COMMON = {
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignature": 400,
    "InternalFailure": 500,
    "InvalidClientTokenId": 403,
    "ServiceUnavailable": 503,
    "UnrecognizedClientException": 403,
}
"""Errors that every operation may give and none models, with their statuses (assumed)."""


class ServiceError(Exception):
    """An error answer of the rehearsed service: raised by an operation, written by the front, never by users.

    Args:
        code: AWS's error code, such as ``ValidationException``.
        message: The text that the caller reads.
        status: The HTTP status; None takes it from the operation's modelled error.
    """

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    def status_for(self, operation: OperationModel | None) -> int:
        """The HTTP status that `operation` models for this code, else that of AWS's common errors, else 400.

        Args:
            operation: The operation that failed, or None when no operation was recognised.
        """
        if self.status is not None:
            return self.status
        for shape in operation.error_shapes if operation is not None else ():
            if shape.name == self.code:
                return int(shape.metadata.get("error", {}).get("httpStatusCode", 400))
        return _COMMON.get(self.code, 400)


def invalid(message: str) -> ServiceError:
    """A ValidationException (HTTP 400), the answer to a value that the service refuses."""
    return ServiceError("ValidationException", message)


def not_found(message: str) -> ServiceError:
    """A ResourceNotFoundException (HTTP 404)."""
    return ServiceError("ResourceNotFoundException", message)


def conflict(message: str) -> ServiceError:
    """A ConflictException (HTTP 400)."""
    return ServiceError("ConflictException", message)


def not_offered(message: str) -> ServiceError:
    """HTTP 501 ``NotImplemented``: what the rehearsal does not offer. Unlike 500, botocore does not retry it."""
    return ServiceError("NotImplemented", message, status=501)
