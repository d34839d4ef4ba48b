"""ARNs, S3 URIs and names: their shapes as AWS's service models state them, matched in linear time.

AWS's own patterns are not used verbatim: they are unanchored, and the one for job names takes exponential time on a
run of dashes. Source of every shape: botocore 1.44.5, bedrock 2023-04-20, read 2026-11-21.
"""

from __future__ import annotations

import re
from typing import Literal

import attrs

from nova_tune.errors import InvalidRequest

Kind = Literal["job", "model-name", "deployment"]

_JOB_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9+\-.]*")
_MODEL_NAME = re.compile(r"[0-9a-zA-Z](?:[_-]?[0-9a-zA-Z])*[_-]?")
_ROLE = re.compile(r"arn:aws(?:-[a-z-]+)?:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
_S3 = re.compile(r"s3://([a-z0-9][-.a-z0-9]{1,61}[a-z0-9])(?:/([-!_*'().a-zA-Z0-9/]*))?")
_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):([0-9]{12}|):(.+)")
_MAX_NAME = 63
_MAX_URI = 1024
_ID = re.compile(r"[a-z0-9]{12}")


@attrs.frozen
class Arn:
    """The parts of an ARN."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def kind(self) -> str:
        """The type of the resource, such as ``custom-model-deployment``."""
        return self.resource.partition("/")[0]

    @property
    def id(self) -> str:
        """The last segment of the resource."""
        return self.resource.rsplit("/", 1)[-1]


def parse(text: str) -> Arn | None:
    """The parts of an ARN, or None when the text is not one.

    Example:
        >>> parse("arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl").kind
        'custom-model-deployment'
    """
    match = _ARN.fullmatch(text)
    return Arn(*match.groups()) if match else None


def is_deployment(text: str) -> bool:
    """True for the ARN of an on-demand custom model deployment."""
    arn = parse(text)
    return arn is not None and arn.kind == "custom-model-deployment" and bool(_ID.fullmatch(arn.id))


@attrs.frozen
class S3Uri:
    """A place in S3."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def join(self, name: str) -> S3Uri:
        """This prefix with a name behind it."""
        return S3Uri(self.bucket, f"{self.key.rstrip('/')}/{name}".lstrip("/"))


def s3(uri: str) -> S3Uri:
    """The bucket and key of an S3 URI.

    Raises:
        InvalidRequest: The text is not an S3 URI that Bedrock takes.
    """
    if fault := s3_fault(uri):
        raise InvalidRequest(fault)
    match = _S3.fullmatch(uri)
    assert match is not None
    return S3Uri(match[1], match[2] or "")


def s3_fault(uri: str) -> str | None:
    """Why this is not an S3 URI for Bedrock, or None when it is one."""
    if not uri.startswith("s3://"):
        return f"{uri!r} is not an S3 URI; write s3://bucket/prefix/"
    if len(uri) > _MAX_URI:
        return f"the S3 URI {uri[:40]!r}... is {len(uri)} characters long; Bedrock takes {_MAX_URI}"
    if "//" in uri[5:]:
        return f"{uri!r} has an empty segment (//), which Bedrock refuses"
    if not _S3.fullmatch(uri):
        return (
            f"{uri!r} is not an S3 URI that Bedrock takes: a bucket of 3 to 63 lower-case letters, digits, dots and "
            "dashes, then keys of letters, digits and -!_*'(). alone"
        )
    return None


def role_fault(arn: str) -> str | None:
    """Why this is not the ARN of an IAM role, or None when it is one."""
    if _ROLE.fullmatch(arn):
        return None
    return f"{arn!r} is not the ARN of a role; it looks like arn:aws:iam::123456789012:role/NovaTraining"


def name_fault(name: str, kind: Kind) -> str | None:
    """Why Bedrock would refuse this name, or None.

    Args:
        name: The name.
        kind: What it names. Job names may hold dots and pluses; model and deployment names may not, nor two
            separators in a row.
    """
    if not name:
        return f"the {kind} name is empty"
    if len(name) > _MAX_NAME:
        return f"the {kind} name {name[:20]!r}... is {len(name)} characters long; Bedrock takes {_MAX_NAME}"
    if kind == "job":
        ok, rule = _JOB_NAME.fullmatch(name), "letters, digits, dashes, dots and pluses, a letter or digit first"
    else:
        ok, rule = _MODEL_NAME.fullmatch(name), "letters and digits with single dashes or underscores between them"
    return None if ok else f"the {kind} name {name!r} is not allowed: {rule}"
