"""Custom model deployments at Bedrock: creating one once, finding it again, and getting rid of it."""

from __future__ import annotations

import hashlib
import uuid
from typing import TYPE_CHECKING, Any

from nova_tune import aws
from nova_tune.errors import (
    AWSError,
    DeploymentFailed,
    IncompleteAnswer,
    InvalidRequest,
    NameInUse,
    NotFound,
    ServiceFault,
)
from nova_tune.polling import poll

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nova_tune.polling import Clock


def active_model(bedrock: Any, arn: str, *, timeout_s: float, interval_s: float, clock: Clock | None) -> dict[str, Any]:
    """The answer of GetCustomModel for a model that can be deployed; one that is being imported is waited for.

    Args:
        bedrock: A ``bedrock`` client.
        arn: The model's ARN.
        timeout_s: The longest wait, in seconds.
        interval_s: Seconds between two readings.
        clock: A clock of the caller's, for tests.

    Raises:
        DeploymentFailed: The model failed.
    """
    model = poll(
        lambda: aws.call(bedrock, "GetCustomModel", modelIdentifier=arn),
        done=lambda answer: answer.get("modelStatus", "Active") != "Creating",
        what=f"the custom model {arn}",
        timeout_s=timeout_s,
        interval_s=interval_s,
        waited_for=lambda: arn,
        resume=f"Deployment.create({arn!r}, name=...)",
        clock=clock,
    )
    if model.get("modelStatus", "Active") != "Active":
        why = model.get("failureMessage") or "AWS gave no reason"
        raise DeploymentFailed(f"the custom model {arn} is {model.get('modelStatus')}: {why}; it cannot be deployed")
    return model


def create_deployment(bedrock: Any, model_arn: str, name: str, tags: Mapping[str, str]) -> str:
    """The ARN of the deployment of this model under this name, made now or before.

    Args:
        bedrock: A ``bedrock`` client.
        model_arn: The model.
        name: The deployment's name.
        tags: Its tags, when it is made now.

    Raises:
        NameInUse: Another model is deployed under the name.
    """
    token = f"nova-tune-{hashlib.sha256(f'{model_arn}{name}'.encode()).hexdigest()[:48]}"
    arn = _create(bedrock, model_arn, name, tags, token)
    try:
        gone = find_deployment(bedrock, arn) is None
    except AWSError:  # it was made all the same
        gone = False
    # A token may bring back a deployment that has been deleted since; for how long, AWS does not say.
    return _create(bedrock, model_arn, name, tags, f"nova-tune-{uuid.uuid4()}") if gone else arn


def _create(bedrock: Any, model_arn: str, name: str, tags: Mapping[str, str], token: str) -> str:
    request = {"modelDeploymentName": name, "modelArn": model_arn, "clientRequestToken": token}
    labels = [{"key": key, "value": value} for key, value in sorted(tags.items())]
    try:
        answer = aws.call(bedrock, "CreateCustomModelDeployment", **request, tags=labels or None)
    except (InvalidRequest, NameInUse, ServiceFault, IncompleteAnswer) as error:
        try:
            existing = find_deployment(bedrock, name)
        except AWSError:
            existing = None
        if existing is None:
            raise error from None
        if existing["modelArn"] == model_arn:
            return str(existing["customModelDeploymentArn"])
        raise NameInUse(
            f"{error}. The name {name!r} serves another model, {existing['modelArn']}. Attach to it with "
            "Deployment.attach(error.existing), or choose another name",
            code=error.code, request_id=error.request_id, operation=error.operation,
            existing=existing["customModelDeploymentArn"],
        ) from error  # fmt: skip
    return str(answer["customModelDeploymentArn"])


def find_deployment(bedrock: Any, identifier: str) -> dict[str, Any] | None:
    """The answer of GetCustomModelDeployment for a name or an ARN, or None when there is none.

    Args:
        bedrock: A ``bedrock`` client.
        identifier: The name or the ARN.
    """
    try:
        return aws.call(bedrock, "GetCustomModelDeployment", customModelDeploymentIdentifier=identifier)
    except NotFound:
        return None


def delete_deployment(bedrock: Any, arn: str) -> bool:
    """Ask for its deletion; True when it is gone. Safe to repeat until it is.

    Args:
        bedrock: A ``bedrock`` client.
        arn: The deployment's ARN.
    """
    try:
        aws.call(bedrock, "DeleteCustomModelDeployment", customModelDeploymentIdentifier=arn)
    except NotFound:
        return True
    except AWSError as error:
        if error.code != "ConflictException":  # it is being created or updated, and can be deleted after that
            raise
        return False
    # There is no Deleting state (service model): what is deleted is not found.
    return find_deployment(bedrock, arn) is None
