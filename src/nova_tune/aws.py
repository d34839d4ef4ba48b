"""The one door to AWS: clients, calls with typed errors, and objects in S3.

Nothing here keeps a client or a session beyond the call that asked for one, and no region is ever guessed.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import boto3
import botocore.exceptions
from botocore import xform_name
from botocore.config import Config
from botocore.eventstream import ParserError as EventStreamParserError
from botocore.exceptions import ClientError, EventStreamError

from nova_tune import arns
from nova_tune.errors import (
    BY_CODE,
    BY_STATUS,
    AWSError,
    ConfigurationError,
    IncompleteAnswer,
    InvalidRequest,
    NotFound,
    ServiceFault,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_ATTEMPTS = 5
_CONNECT_S = 10
_CONTROL_READ_S = 60
_RUNTIME_READ_S = 3600  # Nova's inference timeout is 60 minutes (Nova user guide, read 2026-11-21)
_POOL = 64

_CREDENTIALS = (
    botocore.exceptions.NoCredentialsError,
    botocore.exceptions.PartialCredentialsError,
    botocore.exceptions.CredentialRetrievalError,
    botocore.exceptions.TokenRetrievalError,
    botocore.exceptions.SSOError,
    getattr(botocore.exceptions, "LoginError", botocore.exceptions.SSOError),  # not in botocore 1.39
    botocore.exceptions.InvalidConfigError,
    botocore.exceptions.ProfileNotFound,
    botocore.exceptions.ConfigParseError,
    botocore.exceptions.NoRegionError,
)

REHEARSAL_HEADER = "x-nova-tune-rehearsal"
"""The header on every answer of a rehearsal; a report made from such answers says so."""


def client(service: str, *, client: Any = None, session: Any = None, measuring: bool = False) -> Any:
    """A client for a service: the one given, else one of the session, else one of boto3's default session.

    Args:
        service: AWS's service name, such as ``bedrock``.
        client: Used as it is.
        session: A boto3 session; its credentials and region are used.
        measuring: True for latency measurements: one attempt, since a retry would be timed as a slow answer.

    Raises:
        ConfigurationError: There is no region, and the message names the three ways to set one; or there is no
            such profile.
    """
    if client is not None:
        return client
    with translated(f"open a client for {service}"):
        session = session if session is not None else boto3.Session()
        region = session.region_name
    if region is None:
        raise ConfigurationError(
            "there is no AWS region. Set one in one of three ways: boto3.Session(region_name='us-east-1') passed as "
            "session=, the environment variable AWS_REGION, or `aws configure set region us-east-1`",
            hint="pass session=boto3.Session(region_name='us-east-1')",
        )
    config = Config(
        user_agent_extra="nova-tune",
        connect_timeout=_CONNECT_S,
        read_timeout=_RUNTIME_READ_S if service == "bedrock-runtime" else _CONTROL_READ_S,
        max_pool_connections=_POOL,
        retries={"mode": "standard", "total_max_attempts": 1 if measuring else _ATTEMPTS},
        tcp_keepalive=True,
    )
    with translated(f"open a client for {service}"):
        return session.client(service, config=config)


def call(client: Any, operation: str, /, **request: Any) -> dict[str, Any]:
    """One API call: typed errors out, and no half answer passed on as a whole one.

    botocore parses a body that was cut short under HTTP 200 as an empty dictionary (1.44.5, run 2026-11-21). So the
    members that the service model requires are checked here, and an answer without any member has to have been one.

    Args:
        client: A boto3 client.
        operation: The API operation's name, such as ``GetCustomModel``.
        request: Its parameters; those that are None are left out.

    Raises:
        AWSError: One of the tree in :mod:`nova_tune.errors`.
        ConfigurationError: There are no credentials.
    """
    method = getattr(client, xform_name(operation))
    with translated(operation):
        answer: dict[str, Any] = method(**{key: value for key, value in request.items() if value is not None})
    shape = client.meta.service_model.operation_model(operation).output_shape
    meta = answer["ResponseMetadata"]
    missing = [name for name in shape.required_members if name not in answer] if shape else []
    if shape and shape.members and len(answer) == 1 and int(meta["HTTPHeaders"].get("content-length", 0)) > len("{}"):
        missing = missing or ["anything that was in its body"]
    if missing:
        raise IncompleteAnswer(
            f"{operation}: the answer broke off (HTTP {meta.get('HTTPStatusCode')} without {', '.join(missing)}). "
            "What it asked for may have happened: look before you repeat it",
            operation=operation,
            request_id=meta.get("RequestId"),
        )
    return answer


@contextlib.contextmanager
def translated(operation: str) -> Iterator[None]:
    """Inside it, what boto3 and its transport raise becomes an error of :mod:`nova_tune.errors`.

    Args:
        operation: The API operation, for the message.
    """
    try:
        yield
    except ClientError as error:
        raise _from_client_error(operation, error) from error
    except _CREDENTIALS as error:
        raise ConfigurationError(
            f"{operation}: {error}. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, "
            "or pass session=boto3.Session(profile_name=...)",
            hint="give credentials and a region",
        ) from error
    except botocore.exceptions.ParamValidationError as error:
        raise InvalidRequest(f"{operation}: {error}", operation=operation, code="ParamValidation") from error
    except EventStreamParserError as error:
        raise ServiceFault(
            f"{operation}: the stream arrived damaged ({error})", operation=operation, code=type(error).__name__
        ) from error
    except botocore.exceptions.BotoCoreError as error:
        raise ServiceFault(f"{operation}: {error}", operation=operation, code=type(error).__name__) from error
    except Exception as error:
        # The transport's own errors (urllib3's ProtocolError, ReadTimeoutError) reach the reader of a stream raw.
        if not type(error).__module__.startswith("urllib3"):
            raise
        raise ServiceFault(
            f"{operation}: the connection broke ({type(error).__name__}: {error})",
            operation=operation,
            code=type(error).__name__,
        ) from error


def _from_client_error(operation: str, error: ClientError) -> AWSError:
    detail = error.response.get("Error", {})
    meta = error.response.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0))
    code = str(detail.get("Code", "")) or str(status)
    if isinstance(error, EventStreamError):
        code = code[:1].upper() + code[1:]  # inside a stream the names begin with a small letter
    kind = BY_CODE.get(code) or BY_STATUS.get(status, ServiceFault if status >= 500 else AWSError)
    message = str(detail.get("Message") or detail.get("message") or "AWS gave no message")
    return kind(
        f"{operation}: {message} ({code})",
        code=code,
        request_id=meta.get("RequestId"),
        operation=operation,
    )


def is_rehearsal(answer: dict[str, Any]) -> bool:
    """True when a rehearsal gave this answer."""
    return REHEARSAL_HEADER in answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})


def put_object(s3: Any, uri: arns.S3Uri, body: BinaryIO | bytes, *, content_type: str) -> None:
    """Write one object, with a checksum that S3 verifies.

    Args:
        s3: An S3 client.
        uri: Where.
        body: What.
        content_type: Its media type.
    """
    try:
        call(s3, "PutObject", Bucket=uri.bucket, Key=uri.key, Body=body, ContentType=content_type,
             ChecksumAlgorithm="SHA256")  # fmt: skip
    except AWSError as error:
        error.args = (f"{error}. It was to be {uri}; check the bucket's name, its account and its region",)
        raise


def object_exists(s3: Any, uri: arns.S3Uri) -> bool:
    """True when there is an object at this place."""
    try:
        call(s3, "HeadObject", Bucket=uri.bucket, Key=uri.key)
    except NotFound:
        return False
    return True


def read_object(s3: Any, uri: arns.S3Uri) -> bytes:
    """The whole of one small object, such as a manifest or a metrics file.

    Raises:
        NotFound: There is none.
        ServiceFault: It broke off.
    """
    answer = call(s3, "GetObject", Bucket=uri.bucket, Key=uri.key)
    with translated("GetObject"), contextlib.closing(answer["Body"]) as body:
        data: bytes = body.read()
    return data


def list_keys(s3: Any, prefix: arns.S3Uri) -> Iterator[arns.S3Uri]:
    """Every object under a prefix."""
    token = None
    while True:
        page = call(s3, "ListObjectsV2", Bucket=prefix.bucket, Prefix=prefix.key, ContinuationToken=token)
        for entry in page.get("Contents", []):
            yield arns.S3Uri(prefix.bucket, entry["Key"])
        token = page.get("NextContinuationToken")
        if not token:
            return
