"""The operations of custom model deployments: what makes a custom model answer on demand."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._account import Deployment, failure_message
from nova_tune.rehearsal._errors import conflict, invalid, not_found
from nova_tune.rehearsal._listing import page
from nova_tune.rehearsal._quotas import DEPLOYMENTS, DEPLOYMENTS_IN_PROGRESS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nova_tune.rehearsal._account import Account, Model
    from nova_tune.rehearsal._models import Models


class Deployments:
    """Custom model deployments of one account; it lives as long as the rehearsal.

    Args:
        account: The state.
        models: Where the models are found.
    """

    def __init__(self, account: Account, models: Models) -> None:
        self._account = account
        self._models = models

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateCustomModelDeployment. It models no ConflictException, so a taken name is a ValidationException."""
        arn = self._account.once("CreateCustomModelDeployment", request, lambda: self._create(request), refuse=invalid)
        return {"customModelDeploymentArn": arn}

    def _create(self, request: Mapping[str, Any]) -> str:
        account = self._account
        for deployment in account.deployments.values():
            if deployment.name == request["modelDeploymentName"]:
                raise invalid(f"The deployment name {deployment.name} is already in use by {deployment.arn}")
        now = account.clock.now()
        creating = sum(deployment.status(now) == "Creating" for deployment in account.deployments.values())
        account.quotas.check(DEPLOYMENTS, len(account.deployments))
        account.quotas.check(DEPLOYMENTS_IN_PROGRESS, creating)
        model = self._deployable(request["modelArn"], now)
        failure = account.faults.take_deployment_failure()
        deployment = Deployment(
            arn=account.new_arn("custom-model-deployment"),
            name=request["modelDeploymentName"],
            sequence=account.next_sequence(),
            created=now,
            model=model,
            description=request.get("description"),
            planned_failure=None if failure is None else failure_message(failure),
        )
        account.deployments[deployment.arn] = deployment
        account.tags[deployment.arn] = {tag["key"]: tag["value"] for tag in request.get("tags", [])}
        return deployment.arn

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetCustomModelDeployment, by name or by ARN."""
        deployment = self._find(request)
        output = {"modelDeploymentName": deployment.name, **self._shared(deployment)}
        if deployment.description is not None:
            output["description"] = deployment.description
        if deployment.next_model is not None:
            updating = deployment.is_updating(self._account.clock.now())
            output["updateDetails"] = {
                "modelArn": deployment.next_model.arn,
                "updateStatus": "Updating" if updating else _update_outcome(deployment),
            }
        return output

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListCustomModelDeployments."""
        now = self._account.clock.now()
        rows = [
            deployment
            for deployment in self._account.deployments.values()
            if request.get("statusEquals") in {None, deployment.status(now)}
            and request.get("modelArnEquals") in {None, deployment.serving(now).arn}
        ]
        deployments, rest = page(rows, request, after="createdAfter", before="createdBefore")
        summaries = [
            {"customModelDeploymentName": deployment.name, **self._shared(deployment)} for deployment in deployments
        ]
        return {"modelDeploymentSummaries": summaries, **rest}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateCustomModelDeployment: another model behind the same ARN."""
        deployment = self._find(request)
        now = self._account.clock.now()
        if deployment.status(now) != "Active" or deployment.is_updating(now):
            raise invalid(f"The deployment {deployment.arn} is not Active, or is being updated")
        model = self._deployable(request["modelArn"], now)
        if model.base != deployment.model.base:
            raise invalid(f"{model.arn} has another base model than the deployment {deployment.arn}")
        deployment.model = deployment.serving(now)
        deployment.next_model, deployment.updated = model, now
        failure = self._account.faults.take_deployment_failure()
        deployment.update_failure = None if failure is None else failure_message(failure)
        return {"customModelDeploymentArn": deployment.arn}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteCustomModelDeployment. That one which is still Creating cannot be deleted is assumed."""
        deployment = self._find(request)
        if deployment.status(self._account.clock.now()) == "Creating":
            raise conflict(f"The deployment {deployment.arn} is being created; delete it when it is Active")
        del self._account.deployments[deployment.arn]
        self._account.tags.pop(deployment.arn, None)
        return {}

    def _deployable(self, identifier: str, now: datetime) -> Model:
        model = self._models.find(identifier)
        if model.status(now) != "Active":
            raise invalid(f"The model {model.arn} is {model.status(now)}; only an Active model can be deployed")
        if model.full_rank:
            raise invalid(f"The model {model.arn} was trained at full rank, which on-demand deployment does not take")
        return model

    def _find(self, request: Mapping[str, Any]) -> Deployment:
        identifier = request["customModelDeploymentIdentifier"]
        for deployment in self._account.deployments.values():
            if identifier in {deployment.arn, deployment.name}:
                return deployment
        raise not_found(f"Could not find the custom model deployment {identifier}")

    def _shared(self, deployment: Deployment) -> dict[str, Any]:
        now = self._account.clock.now()
        status = deployment.status(now)
        members: dict[str, Any] = {
            "customModelDeploymentArn": deployment.arn,
            "modelArn": deployment.serving(now).arn,
            "createdAt": deployment.created,
            "lastUpdatedAt": _last_updated(deployment, now),
            "status": status,
        }
        if status == "Failed":
            members["failureMessage"] = deployment.planned_failure
        elif deployment.update_failure is not None and not deployment.is_updating(now):
            members["failureMessage"] = deployment.update_failure
        return members


def _update_outcome(deployment: Deployment) -> str:
    return "UpdateCompleted" if deployment.update_failure is None else "UpdateFailed"


def _last_updated(deployment: Deployment, now: datetime) -> datetime:
    """The latest change that has happened by now."""
    work = timedelta(seconds=catalog.DEPLOYMENT_SECONDS)
    moments = [deployment.created, deployment.created + work]
    if deployment.updated is not None:
        moments += [deployment.updated, deployment.updated + work]
    return max(moment for moment in moments if moment <= now)
