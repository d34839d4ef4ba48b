"""nova_tune: from a table of examples to a fine-tuned Amazon Nova model, and proof of what it did.

Importing it does nothing: each name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nova_tune import errors, formats
    from nova_tune.checks import Issue, ValidationReport
    from nova_tune.conversation import Conversation
    from nova_tune.costs import CostEstimate, CostModel, PriceBook
    from nova_tune.dataset import Dataset
    from nova_tune.deployment import Deployment
    from nova_tune.evaluation import Comparison, Evaluator
    from nova_tune.plan import TrainingPlan
    from nova_tune.template import Template
    from nova_tune.training import BedrockTrainer, Trainer
    from nova_tune.values import CustomModel, JobState, Reply, TrainingData, TrainingJob

_HOMES = {
    "BedrockTrainer": "training",
    "Comparison": "evaluation",
    "Conversation": "conversation",
    "CostEstimate": "costs",
    "CostModel": "costs",
    "CustomModel": "values",
    "Dataset": "dataset",
    "Deployment": "deployment",
    "Evaluator": "evaluation",
    "Issue": "checks",
    "JobState": "values",
    "PriceBook": "costs",
    "Reply": "values",
    "Template": "template",
    "Trainer": "training",
    "TrainingData": "values",
    "TrainingJob": "values",
    "TrainingPlan": "plan",
    "ValidationReport": "checks",
}
_ROOMS = ("errors", "formats")

__all__ = [
    "BedrockTrainer",
    "Comparison",
    "Conversation",
    "CostEstimate",
    "CostModel",
    "CustomModel",
    "Dataset",
    "Deployment",
    "Evaluator",
    "Issue",
    "JobState",
    "PriceBook",
    "Reply",
    "Template",
    "Trainer",
    "TrainingData",
    "TrainingJob",
    "TrainingPlan",
    "ValidationReport",
    "errors",
    "formats",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"nova_tune.{_HOMES[name]}"), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"nova_tune.{name}")
    elif name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - costs 20 ms and few ask

        value = version("nova-tune")
    else:
        raise AttributeError(f"module 'nova_tune' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
