"""The operations of foundation models: what can be customised, and whether this account may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._errors import not_found

if TYPE_CHECKING:
    from collections.abc import Mapping

_GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide/custom-model-fine-tuning.html"


@attrs.frozen
class FoundationModel:
    """A row of ListFoundationModels.

    The ids are AWS's. The names are assumed, and that an id with a context suffix is a row of its own, which alone
    supports FINE_TUNING and is served by provisioned throughput alone.
    """

    id: str
    name: str
    media: bool
    customizable: bool
    source: str = _GUIDE
    read: str = catalog.READ

    @property
    def arn(self) -> str:
        """Its ARN."""
        return catalog.foundation_model_arn(self.id)

    def details(self) -> dict[str, Any]:
        """The members of its summary and of its details."""
        return {
            "modelArn": self.arn,
            "modelId": self.id,
            "modelName": self.name,
            "providerName": "Amazon",
            # The enum has no VIDEO in botocore 1.44.5, so nothing more can be said of it.
            "inputModalities": ["TEXT", "IMAGE"] if self.media else ["TEXT"],
            "outputModalities": ["TEXT"],
            "responseStreamingSupported": True,
            "customizationsSupported": ["FINE_TUNING"] if self.customizable else [],
            "inferenceTypesSupported": ["PROVISIONED"] if self.customizable else ["ON_DEMAND"],
            "modelLifecycle": {"status": "ACTIVE"},
        }


FOUNDATION_MODELS = tuple(
    FoundationModel(model_id, name, media, customizable)
    for plain, tuned, name, media in (
        ("amazon.nova-micro-v1:0", "amazon.nova-micro-v1:0:128k", "Nova Micro", False),
        ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0:300k", "Nova Lite", True),
        ("amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0:300k", "Nova Pro", True),
        ("amazon.nova-2-lite-v1:0", "amazon.nova-2-lite-v1:0:256k", "Nova 2 Lite", True),
    )
    for model_id, customizable in ((plain, False), (tuned, True))
)


def list_models(request: Mapping[str, Any]) -> dict[str, Any]:
    """ListFoundationModels. It has no pages."""

    def wanted(details: Mapping[str, Any]) -> bool:
        kinds = {
            "byCustomizationType": details["customizationsSupported"],
            "byOutputModality": details["outputModalities"],
            "byInferenceType": details["inferenceTypesSupported"],
            "byProvider": [details["providerName"]],
        }
        return all(request[name] in known for name, known in kinds.items() if name in request)

    rows = (model.details() for model in FOUNDATION_MODELS)
    return {"modelSummaries": [row for row in rows if wanted(row)]}


def get(request: Mapping[str, Any]) -> dict[str, Any]:
    """GetFoundationModel, by id or by ARN."""
    return {"modelDetails": _find(request["modelIdentifier"]).details()}


def availability(request: Mapping[str, Any]) -> dict[str, Any]:
    """GetFoundationModelAvailability: everything is granted in a rehearsal (assumed)."""
    return {
        "modelId": _find(request["modelId"]).id,
        "agreementAvailability": {"status": "AVAILABLE"},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "regionAvailability": "AVAILABLE",
    }


def _find(identifier: str) -> FoundationModel:
    for model in FOUNDATION_MODELS:
        if identifier in {model.id, model.arn}:
            return model
    raise not_found(f"Could not find the foundation model {identifier}")
