"""What the rehearsed Bedrock knows of Nova, as data with sources; the library's own tables are not shared."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import attrs

ACCOUNT = "123456789012"
"""moto's account, so that roles and buckets made there are the caller's own."""

REGION = "us-east-1"
"""The only region where Nova is customised and deployed.
https://docs.aws.amazon.com/bedrock/latest/userguide/custom-model-fine-tuning.html, read 2026-11-21."""

_GUIDE = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
READ = "2026-11-21"


@attrs.frozen
class BaseModel:
    """A Nova model that can be customised: AWS's ids and what answers for it untuned."""

    customizable_id: str
    inference_ids: tuple[str, ...]
    max_tokens: int | None
    source: str = _GUIDE + "custom-model-fine-tuning.html"
    read: str = READ


_NOVA_1_MAX_TOKENS = 5120
"""https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html says "less than 5k", read
2026-11-21; that k is 1,024 is assumed. For Nova 2 Lite no figure was found."""

BASE_MODELS = (
    BaseModel(
        "amazon.nova-micro-v1:0:128k",
        ("amazon.nova-micro-v1:0", "us.amazon.nova-micro-v1:0"),
        _NOVA_1_MAX_TOKENS,
    ),
    BaseModel("amazon.nova-lite-v1:0:300k", ("amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0"), _NOVA_1_MAX_TOKENS),
    BaseModel("amazon.nova-pro-v1:0:300k", ("amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0"), _NOVA_1_MAX_TOKENS),
    BaseModel(
        "amazon.nova-2-lite-v1:0:256k",
        ("us.amazon.nova-2-lite-v1:0", "global.amazon.nova-2-lite-v1:0"),
        None,
    ),
)

PROFILE_ONLY_IDS = ("amazon.nova-2-lite-v1:0",)
"""Answer through an inference profile alone (awslabs/bedrock-usage-analyzer metadata, read 2026-11-21)."""

JUDGE_PREFIXES = ("anthropic.", "meta.", "mistral.", "openai.", "amazon.", "deepseek.", "qwen.")
"""Providers of models that a marked judge request may name, with or without a profile's ``us.`` in front."""
PROFILE_PREFIXES = ("us.", "global.")


@attrs.frozen
class Hyperparameter:
    """The closed range of a fine-tuning hyperparameter, which travels as text."""

    name: str
    kind: Literal["int", "decimal"]
    low: Decimal
    high: Decimal
    default: str | None
    source: str = _GUIDE + "custom-models-hp.html"
    read: str = READ


HYPERPARAMETERS = {
    entry.name: entry
    for entry in (
        Hyperparameter("epochCount", "int", Decimal(1), Decimal(5), "2"),
        Hyperparameter("learningRate", "decimal", Decimal("0.000001"), Decimal("0.0001"), "0.00001"),
        # The Nova guide says at most 20; the Bedrock guide, which is the service's own, says 100.
        Hyperparameter("learningRateWarmupSteps", "int", Decimal(0), Decimal(100), "10"),
        # Not documented for Nova; that 1 is tolerated is assumed from AWS's own templates.
        Hyperparameter("batchSize", "int", Decimal(1), Decimal(1), None, "assumed"),
    )
}

VALIDATION_SECONDS = 180
"""Simulated seconds (assumed; a public practitioner's log says 2 to 4 minutes)."""
PROCESSING_SECONDS = 300
"""Simulated seconds (assumed)."""
TRAINING_SECONDS = 7200
"""Simulated seconds (assumed)."""
STOPPING_SECONDS = 60
"""Simulated seconds between the request to stop and Stopped (assumed)."""
DEPLOYMENT_SECONDS = 480
"""Simulated seconds from Creating to Active, and from Updating to UpdateCompleted (assumed)."""

IMPORT_SECONDS = 600
"""Simulated seconds that an imported custom model is Creating (assumed)."""


def base_model(identifier: str) -> BaseModel | None:
    """The customisable model that `identifier` names, as an id with its suffix or as a foundation-model ARN.

    Args:
        identifier: A request's ``baseModelIdentifier``.
    """
    bare = identifier.removeprefix(foundation_model_arn(""))
    return next((model for model in BASE_MODELS if model.customizable_id == bare), None)


def foundation_model_arn(model_id: str) -> str:
    """The ARN of a foundation model.

    Args:
        model_id: Its id, such as ``amazon.nova-micro-v1:0:128k``.
    """
    return f"arn:aws:bedrock:us-east-1::foundation-model/{model_id}"
