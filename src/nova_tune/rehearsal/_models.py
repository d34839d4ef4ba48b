"""The operations of custom models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._account import Model, failure_message
from nova_tune.rehearsal._errors import conflict, invalid, not_found
from nova_tune.rehearsal._listing import page
from nova_tune.rehearsal._quotas import CUSTOM_MODELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nova_tune.rehearsal._account import Account, Checkpoint
    from nova_tune.rehearsal._roles import Roles

_SOURCES = ("modelSourceConfig", "customModelDataSource")


class Models:
    """Custom models of one account; it lives as long as the rehearsal.

    Args:
        account: The state.
        roles: What the account's roles may do.
    """

    def __init__(self, account: Account, *, roles: Roles) -> None:
        self._account = account
        self._roles = roles

    def find(self, identifier: str) -> Model:
        """The model called `identifier`, by name or by ARN.

        Raises:
            ServiceError: ResourceNotFoundException.
        """
        for model in self._account.models.values():
            if identifier in {model.arn, model.name}:
                return model
        raise not_found(f"Could not find the custom model {identifier}")

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateCustomModel: import what a SageMaker training job left in Amazon's escrow bucket."""
        arn = self._account.once("CreateCustomModel", request, lambda: self._create(request))
        return {"modelArn": arn}

    def _create(self, request: Mapping[str, Any]) -> str:
        account, name = self._account, request["modelName"]
        checkpoint = self._checkpoint(request)
        for model in account.models.values():
            if model.name == name:
                raise conflict(f"The model name {name} is already in use by {model.arn}")
        account.quotas.check(CUSTOM_MODELS, len(account.models))
        failure = account.faults.take_model_failure()
        model = Model(
            arn=account.new_arn("custom-model/imported"),
            name=name,
            sequence=account.next_sequence(),
            created=account.clock.now(),
            base=checkpoint.base,
            answers=checkpoint.answers,
            origin={
                "baseModelArn": catalog.foundation_model_arn(checkpoint.base.customizable_id),
                "customizationType": "IMPORTED",
                **{key: request[key] for key in ("modelKmsKeyArn",) if key in request},
            },
            work_seconds=catalog.IMPORT_SECONDS,
            planned_failure=None if failure is None else failure_message(failure),
            full_rank=checkpoint.full_rank,
        )
        account.models[model.arn] = model
        account.tags[model.arn] = {tag["key"]: tag["value"] for tag in request.get("modelTags", [])}
        return model.arn

    def _checkpoint(self, request: Mapping[str, Any]) -> Checkpoint:
        if sum(source in request for source in _SOURCES) != 1:
            raise invalid(f"Exactly one of {' and '.join(_SOURCES)} must be given")
        if "customModelDataSource" in request:  # a union, as the other is; the shapes have been checked
            arn = request["customModelDataSource"]["modelPackageArnDataSource"]["modelPackageArn"]
            if arn not in self._account.packages:
                raise not_found(f"Could not find the model package {arn}")
            return self._account.packages[arn]
        if "roleArn" not in request:
            raise invalid("roleArn is required for a model in S3")
        self._roles.check_trust(request["roleArn"], "bedrock.amazonaws.com")
        uri = request["modelSourceConfig"]["s3DataSource"]["s3Uri"].rstrip("/")
        if uri not in self._account.checkpoints:
            raise invalid(
                f"{uri} is no checkpoint in an Amazon-managed bucket; take checkpoint_s3_bucket of the training job's "
                "manifest.json"
            )
        return self._account.checkpoints[uri]

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetCustomModel, by name or by ARN."""
        model = self.find(request["modelIdentifier"])
        status = model.status(self._account.clock.now())
        output = {
            "modelArn": model.arn,
            "modelName": model.name,
            "creationTime": model.created,
            "modelStatus": status,
            **model.origin,
        }
        if status == "Failed":
            output["failureMessage"] = model.planned_failure
        return output

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListCustomModels."""
        base_arns = {request[name] for name in ("baseModelArnEquals", "foundationModelArnEquals") if name in request}
        now = self._account.clock.now()
        rows = [
            model
            for model in self._account.models.values()
            if base_arns <= {catalog.foundation_model_arn(model.base.customizable_id)}
            and request.get("isOwned", True)
            and request.get("modelStatus") in {None, model.status(now)}
        ]
        models, rest = page(rows, request, after="creationTimeAfter", before="creationTimeBefore")
        return {"modelSummaries": [self._summary(model) for model in models], **rest}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteCustomModel. That a model behind a deployment cannot be deleted is assumed."""
        model = self.find(request["modelIdentifier"])
        for deployment in self._account.deployments.values():
            if model in {deployment.model, deployment.next_model}:
                raise conflict(f"The model {model.arn} is in use by {deployment.arn}; delete that first")
        del self._account.models[model.arn]
        self._account.tags.pop(model.arn, None)
        return {}

    def _summary(self, model: Model) -> dict[str, Any]:
        summary = {
            "modelArn": model.arn,
            "modelName": model.name,
            "creationTime": model.created,
            "baseModelArn": catalog.foundation_model_arn(model.base.customizable_id),
            "baseModelName": model.base.customizable_id.partition(":")[0],
            "ownerAccountId": catalog.ACCOUNT,
            "modelStatus": model.status(self._account.clock.now()),
        }
        if model.customization_type is not None:
            summary["customizationType"] = model.customization_type
        return summary
