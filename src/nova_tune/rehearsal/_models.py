"""The operations of custom models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._errors import conflict, not_found
from nova_tune.rehearsal._jobs import metrics
from nova_tune.rehearsal._listing import page

if TYPE_CHECKING:
    from nova_tune.rehearsal._account import Account, Model


class Models:
    """Custom models of one account; it lives as long as the rehearsal.

    Args:
        account: The state.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    def find(self, identifier: str) -> Model:
        """The model called `identifier`, by name or by ARN.

        Raises:
            ServiceError: ResourceNotFoundException.
        """
        for model in self._account.models.values():
            if identifier in {model.arn, model.name}:
                return model
        raise not_found(f"Could not find the custom model {identifier}")

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetCustomModel, by name or by ARN."""
        model = self.find(request["modelIdentifier"])
        echoed = ("hyperParameters", "validationDataConfig", "customizationType")
        return {
            "modelArn": model.arn,
            "modelName": model.name,
            "jobName": model.job.name,
            "jobArn": model.job.arn,
            "baseModelArn": catalog.foundation_model_arn(model.job.base.customizable_id),
            "trainingDataConfig": model.job.request["trainingDataConfig"],
            "outputDataConfig": model.job.request["outputDataConfig"],
            "creationTime": model.created,
            "modelStatus": "Active",
            **{name: model.job.request[name] for name in echoed if name in model.job.request},
            **metrics(model.job),
        }

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListCustomModels."""
        base_arns = {request[name] for name in ("baseModelArnEquals", "foundationModelArnEquals") if name in request}
        rows = [
            model
            for model in self._account.models.values()
            if base_arns <= {catalog.foundation_model_arn(model.job.base.customizable_id)}
            and request.get("isOwned", True)
            and request.get("modelStatus", "Active") == "Active"
        ]
        models, rest = page(rows, request, after="creationTimeAfter", before="creationTimeBefore")
        return {"modelSummaries": [_summary(model) for model in models], **rest}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteCustomModel. That a model behind a deployment cannot be deleted is assumed."""
        model = self.find(request["modelIdentifier"])
        for deployment in self._account.deployments.values():
            if model in {deployment.model, deployment.next_model}:
                raise conflict(f"The model {model.arn} is in use by {deployment.arn}; delete that first")
        del self._account.models[model.arn]
        self._account.tags.pop(model.arn, None)
        return {}


def _summary(model: Model) -> dict[str, Any]:
    base_id = model.job.base.customizable_id
    summary = {
        "modelArn": model.arn,
        "modelName": model.name,
        "creationTime": model.created,
        "baseModelArn": catalog.foundation_model_arn(base_id),
        "baseModelName": base_id.partition(":")[0],
        "ownerAccountId": catalog.ACCOUNT,
        "modelStatus": "Active",
    }
    if "customizationType" in model.job.request:
        summary["customizationType"] = model.job.request["customizationType"]
    return summary
