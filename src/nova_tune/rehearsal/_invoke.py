"""Nova's own request format, as InvokeModel takes it, made into a Converse request."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

from nova_tune.rehearsal._check import faults, summary
from nova_tune.rehearsal._errors import invalid
from nova_tune.rehearsal._parse import value

if TYPE_CHECKING:
    from botocore.model import Shape

_TAKEN = ("messages", "system", "inferenceConfig", "toolConfig")
_NOVAS_OWN = ("topK", "reasoningConfig")


def native_request(model_id: str, body: bytes) -> dict[str, Any]:
    """The Converse request that a native request stands for.

    The schemas are nearly identical; images are base64 texts in both on the wire. ``topK`` and ``reasoningConfig`` are
    Nova's own and have no effect here. https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html,
    read 2026-11-21. That other unknown keys are refused is assumed.

    Args:
        model_id: The request's modelId.
        body: The request's body.

    Raises:
        ServiceError: ValidationException, with the constraint that the body breaks.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise invalid(f"Malformed input request: the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise invalid("Malformed input request: the body is not a JSON object")
    if document.get("schemaVersion", "messages-v1") != "messages-v1":
        raise invalid("Malformed input request: schemaVersion must be messages-v1")
    if unknown := document.keys() - {*_TAKEN, "schemaVersion"}:
        raise invalid(f"Malformed input request: extraneous key [{min(unknown)}] is not permitted")
    if "messages" not in document:
        raise invalid("Malformed input request: required key [messages] not found")
    request = {"modelId": model_id, **{name: document[name] for name in _TAKEN if name in document}}
    if isinstance(request.get("inferenceConfig"), dict):
        settings = request["inferenceConfig"].items()
        request["inferenceConfig"] = {name: setting for name, setting in settings if name not in _NOVAS_OWN}
    shape = _converse_shape()
    read: dict[str, Any] = value(shape, request, "body")
    if found := faults(shape, read):
        raise invalid(summary(found))
    return read


@functools.cache
def _converse_shape() -> Shape:
    model = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"), "bedrock-runtime")
    shape = model.operation_model("Converse").input_shape
    assert shape is not None
    return shape
