"""Shapes of names, ARNs and URIs, held against AWS's own patterns."""

from __future__ import annotations

import re
import time

import botocore.session
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nova_tune import arns
from nova_tune.errors import InvalidRequest

BEDROCK = botocore.session.Session().get_service_model("bedrock")
CREATE = BEDROCK.operation_model("CreateModelCustomizationJob").input_shape
DEPLOY = BEDROCK.operation_model("CreateCustomModelDeployment").input_shape
DEPLOYMENT = "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl"
ROOT = "arn:aws:bedrock:us-east-1:123456789012:"


def aws_takes(shape, text: str) -> bool:
    return shape.metadata["min"] <= len(text) <= shape.metadata["max"] and bool(
        re.fullmatch(shape.metadata["pattern"], text)
    )


# Short, because AWS's pattern for job names takes exponential time.
NAMES = st.text(alphabet="aZ9-_.+ ü/", max_size=12) | st.from_regex(r"[a-z0-9][a-z0-9_-]{0,11}", fullmatch=True)
PIECES = st.sampled_from([*"bA/-._!( é", "s3://", "s3:/", "bucket", "//", "x" * 63])
URIS = st.lists(PIECES, max_size=7).map("".join) | st.from_regex(
    r"s3://[a-z0-9.-]{1,8}(/[-!_*'().a-zA-Z0-9]{0,3}){0,4}", fullmatch=True
)


@given(NAMES)
@example("a--b")
@example("a-")
@example("sql-v1.2+x")
def test_job_names_agree_with_aws(name):
    """name_fault refuses a job's name exactly when AWS's pattern does."""
    assert (arns.name_fault(name, "job") is None) == aws_takes(CREATE.members["jobName"], name)


@given(NAMES)
@example("a-_b")
@example("a_")
def test_model_and_deployment_names_agree_with_aws(name):
    """name_fault refuses the name of a model or deployment exactly when AWS's pattern does."""
    for kind, shape in (
        ("model-name", CREATE.members["customModelName"]),
        ("deployment", DEPLOY.members["modelDeploymentName"]),
    ):
        assert (arns.name_fault(name, kind) is None) == aws_takes(shape, name)


@pytest.mark.parametrize("kind", ["job", "model-name", "deployment"])
def test_names_end_at_63_characters(kind):
    """63 characters are taken, 64 are not, and the message does not repeat a long name."""
    assert arns.name_fault("a" * 63, kind) is None
    fault = arns.name_fault("a" * 64, kind)
    assert "64 characters" in fault
    assert "a" * 30 not in fault
    assert "empty" in arns.name_fault("", kind)


@pytest.mark.parametrize("kind", ["job", "model-name", "deployment"])
def test_hostile_names_take_linear_time(kind):
    """63 dashes and a bad end are answered at once; AWS's own pattern would not come back."""
    started = time.perf_counter()
    for text in ("a" + "-" * 61 + "!", "a_" * 31 + "!", "-" * 63, "a" * 62 + "!"):
        assert arns.name_fault(text, kind) is not None
    assert time.perf_counter() - started < 0.1


@given(URIS)
@example("s3://bucket")
@example("s3://bucket/")
@example("s3://bucket/a/")
@example("s3://bucket//a")
@example("s3://bucket/a b")
@example("s3://" + "b" * 64 + "/a")
def test_s3_uris_agree_with_aws(uri):
    """s3_fault refuses a URI exactly when AWS's pattern does, and s3() takes the others apart without loss."""
    taken = aws_takes(CREATE.members["outputDataConfig"].members["s3Uri"], uri)
    assert (arns.s3_fault(uri) is None) == taken
    if taken:
        assert str(arns.s3(uri)).removesuffix("/") == uri.removesuffix("/")
    else:
        with pytest.raises(InvalidRequest):
            arns.s3(uri)


def test_a_long_uri_is_refused_without_being_repeated():
    """1,024 characters are taken, one more is not."""
    assert arns.s3_fault("s3://bucket/" + "a" * 1012) is None
    assert "1025 characters" in arns.s3_fault("s3://bucket/" + "a" * 1013)


@pytest.mark.parametrize("prefix", ["s3://bucket/a", "s3://bucket/a/"])
def test_join_puts_a_name_behind_a_prefix(prefix):
    """A prefix joins with one slash, whether it ends in one or not; the bare bucket gets none in front."""
    assert str(arns.s3(prefix).join("x.jsonl")) == "s3://bucket/a/x.jsonl"
    assert str(arns.s3("s3://bucket").join("x.jsonl")) == "s3://bucket/x.jsonl"


@given(st.from_regex(r"arn:aws(-[a-z]{2})?:iam::[0-9]{11,13}:(role|user)/[\w+=,.@/-]{0,8}", fullmatch=True))
@example("arn:aws:iam::123456789012:role/Nova")
@example("arn:aws-cn:iam::123456789012:role/team/Nova")
def test_a_role_that_is_taken_is_one_for_aws(arn):
    """role_fault never takes what AWS's pattern refuses."""
    assert arns.role_fault(arn) is not None or aws_takes(CREATE.members["roleArn"], arn)


@pytest.mark.parametrize(
    "arn",
    ["NovaTraining", "arn:aws:iam::123456789012:user/x", "arn:aws:iam::123456789012:role/", "", "arn:aws:iam::1:role/x",
     "arn:aws:iam::123456789012:role/" + "x" * 2048],
)  # fmt: skip
def test_what_is_no_role_is_refused(arn):
    """A name, a user, an empty or over-long role: each message shows what one looks like."""
    assert "role/NovaTraining" in arns.role_fault(arn)


KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"


@given(
    st.sampled_from([KEY_ID, f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}", "alias/nova", "alias/", "nova",
                     "arn:aws:kms:us-east-1:123456789012:alias/a/b", f"key/{KEY_ID}", "arn:aws:kms:x:1:alias/a", ""]),
    st.sampled_from(["", " ", "x", "/"]),
)  # fmt: skip
def test_kms_keys_agree_with_aws(key, end):
    """kms_fault refuses a key exactly when AWS's pattern does."""
    assert (arns.kms_fault(key + end) is None) == aws_takes(CREATE.members["customModelKmsKeyId"], key + end)


def test_vpc_ids_are_counted_and_read():
    """Subnets and security groups come together, at most 16 and 5, and look like ids."""
    vpc = CREATE.members["vpcConfig"].members
    assert (vpc["subnetIds"].metadata["max"], vpc["securityGroupIds"].metadata["max"]) == (16, 5)
    assert arns.vpc_fault([], []) is None
    assert arns.vpc_fault(["subnet-1"] * 16, ["sg-1"] * 5) is None
    assert "together" in arns.vpc_fault(["subnet-1"], [])
    assert "at most 16" in arns.vpc_fault(["subnet-1"] * 17, ["sg-1"])
    assert "at most 16" in arns.vpc_fault(["subnet-1"], ["sg-1"] * 6)
    assert "'sg 1' is not the id" in arns.vpc_fault(["subnet-1"], ["sg 1"])


def test_an_arn_is_taken_apart():
    """parse() names the parts, and gives None for everything else."""
    arn = arns.parse(DEPLOYMENT)
    assert (arn.partition, arn.service, arn.region, arn.account) == ("aws", "bedrock", "us-east-1", "123456789012")
    assert (arn.kind, arn.id) == ("custom-model-deployment", "abcdefghijkl")
    assert arns.parse("arn:aws:s3") is None


PASTED = {
    "sql-v1": "is not an ARN",
    "https://bedrock.us-east-1.amazonaws.com": "is not an ARN",
    "amazon.nova-micro-v1:0:128k": "is the id that training jobs take",
    "amazon.nova-micro-v1:0": "Converse takes its inference id",
    "us.amazon.nova-2-lite-v1:0": "Converse takes its inference id",
    ROOT + "custom-model/amazon.nova-micro-v1:0:128k/abcdefghijkl": "deploy it: Deployment.create('arn",
    ROOT + "custom-model/amazon.nova-micro-v1:0:128k/my-model": "ends in a model's name",
    ROOT + "deployment/abcdefghijkl": "form of an article",
    ROOT + "custom-model-deployment/my-deployment": "does not end in the 12",
    ROOT + "custom-model-deployment/x/abcdefghijkl": "does not end in the 12",
    ROOT + "model-customization-job/amazon.nova-micro-v1:0:128k/abcdefghijkl": "trainer.result('arn",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0": "is a base model",
    ROOT + "inference-profile/us.amazon.nova-2-lite-v1:0": "is an inference profile",
    ROOT + "provisioned-model/abcdefghijkl": "is provisioned throughput",
    ROOT + "imported-model/abcdefghijkl": "Custom Model Import",
    "arn:aws:sagemaker:us-east-1:123456789012:training-job/nova": "CreateCustomModel",
    "arn:aws:sagemaker:us-east-1:123456789012:endpoint/nova": "sagemaker-runtime",
    "arn:aws:s3:us-east-1:123456789012:accesspoint/nova": "is a accesspoint of s3",
}


@pytest.mark.parametrize("text", PASTED)
def test_each_thing_people_paste_gets_its_own_message(text):
    """What is not a deployment is called by its name, with the next call, and the right shape is shown."""
    fault = arns.deployment_fault(text)
    assert PASTED[text] in fault
    assert "custom-model-deployment/ID" in fault


def test_a_deployment_passes_and_its_region_is_looked_at():
    """The ARN of a deployment has no fault, unless the client stands in another region."""
    assert arns.deployment_fault(DEPLOYMENT) is None
    assert arns.deployment_fault(DEPLOYMENT, "us-east-1") is None
    assert "use a session of us-east-1" in arns.deployment_fault(DEPLOYMENT, "us-west-2")
