"""The manifest beside uploaded data: how the data was made, and the prompt template that inference needs again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nova_tune import arns, aws
from nova_tune.errors import DatasetError, NotFound
from nova_tune.template import Template

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA_TAG = "nova-tune:data"
_SUFFIX = ".jsonl"


def manifest_uri(data_uri: str) -> arns.S3Uri:
    """Where the manifest of a data file stands."""
    uri = arns.s3(data_uri)
    return arns.S3Uri(uri.bucket, uri.key.removesuffix(_SUFFIX) + ".manifest.json")


def read_manifest(s3: Any, data_uri: str) -> dict[str, Any] | None:
    """The manifest of a data file, or None when there is none.

    Args:
        s3: An S3 client.
        data_uri: The URI of the training file.

    Raises:
        DatasetError: What stands there is no manifest.
    """
    uri = manifest_uri(data_uri)
    try:
        manifest = json.loads(aws.read_object(s3, uri))
    except NotFound:
        return None
    except ValueError as error:
        raise DatasetError(f"{uri} is not a manifest: {error}; upload the data again", path=str(uri)) from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("data"), dict):
        raise DatasetError(f"{uri} is not a manifest: it holds no data entry; upload the data again", path=str(uri))
    return manifest


def model_tags(bedrock: Any, model_arn: str) -> dict[str, str]:
    """The tags of a custom model."""
    answer = aws.call(bedrock, "ListTagsForResource", resourceARN=model_arn)
    return {tag["key"]: tag["value"] for tag in answer.get("tags", [])}


def template_of(bedrock: Any, s3: Any, model: Mapping[str, Any]) -> Template | None:
    """The prompt template a model was trained with, found through its tags and the manifest; None: not recorded.

    Args:
        bedrock: A ``bedrock`` client.
        s3: An S3 client.
        model: The answer of GetCustomModel.
    """
    data_uri = model_tags(bedrock, model["modelArn"]).get(DATA_TAG)
    data_uri = data_uri or model.get("trainingDataConfig", {}).get("s3Uri")
    manifest = read_manifest(s3, data_uri) if data_uri else None
    template = manifest["data"].get("template") if manifest else None
    return Template.from_dict(template) if template else None
