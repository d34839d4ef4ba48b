"""ARNs, S3 URIs and names: their shapes as AWS's service models state them, matched in linear time.

AWS's own patterns are not used verbatim: they are unanchored, and the one for job names takes exponential time on a
run of dashes. Source of every shape: botocore 1.44.5, bedrock 2023-04-20, read 2026-11-21.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import attrs

from nova_tune.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["job", "model-name", "deployment"]

_JOB_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9+\-.]*")
_MODEL_NAME = re.compile(r"[0-9a-zA-Z](?:[_-]?[0-9a-zA-Z])*[_-]?")
_ROLE = re.compile(r"arn:aws(?:-[a-z-]+)?:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
_S3 = re.compile(r"s3://([a-z0-9][-.a-z0-9]{1,61}[a-z0-9])(?:/([-!_*'().a-zA-Z0-9/]*))?")
_ARN = re.compile(r"arn:(aws[a-z-]*):([a-z0-9-]+):([a-z0-9-]*):([0-9]{12}|):(.+)")
_MAX_NAME = 63
_MAX_URI = 1024
_MAX_SUBNETS = 16
_MAX_GROUPS = 5
_VPC_ID = re.compile(r"[-0-9a-zA-Z]{1,32}")
_MAX_ARN = 2048
_ID = re.compile(r"[a-z0-9]{12}")
_MODEL_ID = re.compile(r"(?:[a-z]+\.)?amazon\.nova-[a-z0-9-]+(?::[0-9a-z]+)*")
_DEPLOYMENT = re.compile(r"custom-model-deployment/[a-z0-9]{12}")
_DEPLOYMENT_SHAPE = "arn:aws:bedrock:REGION:ACCOUNT:custom-model-deployment/ID"
_KMS_KEY = re.compile(
    r"arn:aws(?:-[^:]+)?:kms:[a-zA-Z0-9-]*:[0-9]{12}:(?:key/[a-zA-Z0-9-]{36}|alias/[a-zA-Z0-9_/-]+)"
    r"|[a-zA-Z0-9-]{36}|alias/[a-zA-Z0-9_/-]+"
)


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


_PASTED = {
    "custom-model": "is a custom model, which cannot be invoked; deploy it: Deployment.create({0!r}, name=...)",
    "custom-model-deployment": "does not end in the 12 letters and digits of a deployment's id; an ARN never ends in "
    "a name",
    "deployment": "has the form of an article, not of AWS",
    "model-customization-job": "is a training job; deploy its model: "
    "Deployment.create(trainer.result({0!r}), name=...)",
    "foundation-model": "is a base model, which answers without a deployment; Converse takes its inference id",
    "inference-profile": "is an inference profile, which answers without a deployment; Converse takes it as it is",
    "provisioned-model": "is provisioned throughput, bought by the hour; Converse takes it as it is",
    "imported-model": "is a model of Custom Model Import, which answers without a deployment; InvokeModel takes it",
    "training-job": "is a SageMaker training job; register its checkpoint with CreateCustomModel, then deploy that",
    "endpoint": "is a SageMaker endpoint; it answers through sagemaker-runtime, not through Bedrock",
}


def deployment_fault(text: str, region: str | None = None) -> str | None:
    """Why this is not the ARN of an on-demand deployment, told by what people paste; None when it is one.

    Args:
        text: What was given.
        region: The region it has to be in; any without it.
    """
    arn = parse(text)
    if arn is None:
        told = "is not an ARN"
        if _MODEL_ID.fullmatch(text):
            told = _PASTED["foundation-model"]
            if text.count(":") > 1:
                told = "is the id that training jobs take, under which nothing answers"
    elif arn.service == "bedrock" and _DEPLOYMENT.fullmatch(arn.resource):
        if region in {None, arn.region}:
            return None
        return f"{text!r} is in {arn.region}, this client in {region}; use a session of {arn.region}"
    elif arn.kind == "custom-model" and not _ID.fullmatch(arn.id):
        told = "ends in a model's name, which no ARN of AWS does; GetCustomModel takes the bare name and tells the ARN"
    else:
        told = _PASTED.get(arn.kind, f"is a {arn.kind} of {arn.service}").format(text)
    return f"{text!r} {told}. A deployment's ARN looks like {_DEPLOYMENT_SHAPE}"


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
    if _ROLE.fullmatch(arn) and len(arn) <= _MAX_ARN:
        return None
    return f"{arn!r} is not the ARN of a role; it looks like arn:aws:iam::123456789012:role/NovaTraining"


def kms_fault(key: str) -> str | None:
    """Why Bedrock would refuse this KMS key, or None."""
    if _KMS_KEY.fullmatch(key) and len(key) <= _MAX_ARN:
        return None
    return f"{key!r} is not a KMS key: give its id, its ARN, or an alias such as alias/nova"


def vpc_fault(subnets: Sequence[str], security_groups: Sequence[str]) -> str | None:
    """Why Bedrock would refuse these ids for a job in a VPC, or None."""
    if bool(subnets) != bool(security_groups):
        return "subnets and security_groups go together; one of them is empty"
    if len(subnets) > _MAX_SUBNETS or len(security_groups) > _MAX_GROUPS:
        return f"a job takes at most {_MAX_SUBNETS} subnets and {_MAX_GROUPS} security groups"
    wrong = [each for each in (*subnets, *security_groups) if not _VPC_ID.fullmatch(each)]
    return f"{wrong[0]!r} is not the id of a subnet or security group" if wrong else None


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
