"""Training backends behind one protocol: the same plan, job, result and errors for each."""

from __future__ import annotations

from nova_tune.training._bedrock import BedrockTrainer
from nova_tune.training._protocol import LossPoint, Trainer, TrainingMetrics

__all__ = ["BedrockTrainer", "LossPoint", "Trainer", "TrainingMetrics"]
