"""The manifest beside the data: where a model's prompt template is found again."""

from __future__ import annotations

import json

import pytest

from nova_tune import arns, aws
from nova_tune.errors import DatasetError, InvalidRequest
from nova_tune.manifest import manifest_uri, model_tags, read_manifest, template_of
from nova_tune.template import Template

TEMPLATE = Template(system="s {schema}", user="{question}", assistant="{sql}")
MODEL = "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-micro-v1:0:128k/abcdefghijkl"


class Tagged:
    """A bedrock client whose resources have these tags."""

    class meta:  # noqa: N801 - boto3's name
        class service_model:  # noqa: N801 - boto3's name
            @staticmethod
            def operation_model(name):
                return type("Operation", (), {"output_shape": None})

    def __init__(self, tags):
        self.tags = [{"key": key, "value": value} for key, value in tags.items()]

    def list_tags_for_resource(self, **request):
        assert request == {"resourceARN": MODEL}
        return {"tags": self.tags, "ResponseMetadata": {}}


@pytest.fixture
def s3(session):
    client = session.client("s3")
    yield client
    client.close()


@pytest.fixture
def put(rehearsal, s3):
    def put(name, body):
        data = f"s3://{rehearsal.bucket}/manifest/{name}.jsonl"
        uri = manifest_uri(data)
        aws.put_object(s3, uri, body, content_type="application/json")
        return data

    return put


@pytest.mark.parametrize("key", ["a/train.jsonl", "a/train"])
def test_the_manifest_stands_beside_the_data(key):
    """The manifest of train.jsonl is train.manifest.json in the same folder."""
    assert manifest_uri(f"s3://bucket/{key}") == arns.S3Uri("bucket", "a/train.manifest.json")


def test_what_is_no_uri_is_refused():
    """A local path has no manifest in S3."""
    with pytest.raises(InvalidRequest):
        manifest_uri("train.jsonl")


def test_a_manifest_is_read_and_its_absence_is_none(s3, put, rehearsal):
    """No manifest is an answer: the data was uploaded by something else."""
    data = put("there", json.dumps({"schema": 1, "data": {"records": 8}}).encode())
    assert read_manifest(s3, data) == {"schema": 1, "data": {"records": 8}}
    assert read_manifest(s3, f"s3://{rehearsal.bucket}/manifest/nowhere.jsonl") is None


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b'{"data": []}', b"{}"])
def test_what_is_no_manifest_is_named(s3, put, body):
    """A damaged manifest is an error with its place, not an absent template."""
    data = put("damaged", body)
    with pytest.raises(DatasetError, match="is not a manifest") as caught:
        read_manifest(s3, data)
    assert caught.value.path == str(manifest_uri(data))


def test_tags_are_read_as_a_mapping():
    """The tags of a model are a plain dictionary."""
    assert model_tags(Tagged({"a": "b"}), MODEL) == {"a": "b"}


def test_the_template_is_found_by_tag_then_by_the_model_s_own_record(s3, put):
    """The tag wins; without it the training data of GetCustomModel tells; without both there is none."""
    data = put("template", json.dumps({"data": {"template": TEMPLATE.to_dict()}}).encode())
    bare = put("bare", json.dumps({"data": {"template": None}}).encode())
    recorded = {"modelArn": MODEL, "trainingDataConfig": {"s3Uri": data}}
    assert template_of(Tagged({"nova-tune:data": data}), s3, {"modelArn": MODEL}) == TEMPLATE
    assert template_of(Tagged({}), s3, recorded) == TEMPLATE
    assert template_of(Tagged({"nova-tune:data": bare}), s3, recorded) is None
    assert template_of(Tagged({}), s3, {"modelArn": MODEL}) is None
