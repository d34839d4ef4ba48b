"""What the rehearsed SageMaker reads out of a Nova recipe."""

from __future__ import annotations

from typing import Any

import attrs
import yaml

from nova_tune.rehearsal import _catalog as catalog

READ = catalog.READ


class RecipeError(Exception):
    """The recipe cannot be trained: the text is the job's FailureReason."""


@attrs.frozen
class Recipe:
    """The part of a recipe that the rehearsal acts on.

    The keys are those of aws/sagemaker-hyperpod-recipes (263199555b2e, read 2026-11-21).
    """

    name: str
    base: catalog.BaseModel
    epochs: int
    batch: int
    full_rank: bool


def read_recipe(text: bytes) -> Recipe:
    """A recipe of supervised fine-tuning.

    Nova 1 recipes count ``max_epochs``, Nova 2 recipes ``max_steps``, which the rehearsal takes as one epoch (assumed).

    Args:
        text: The YAML.

    Raises:
        RecipeError: It is no recipe of supervised fine-tuning of a Nova model.

    >>> read_recipe(b"run: {name: my-run, model_type: 'amazon.nova-micro-v1:0:128k'}").epochs
    1
    """
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"AlgorithmError: the recipe is not YAML: {error}") from None
    run, config = _section(document, "run"), _section(document, "training_config")
    base = catalog.base_model(str(run.get("model_type")))
    if base is None:
        raise RecipeError(f"AlgorithmError: run.model_type {run.get('model_type')!r} is no Nova model to fine-tune")
    model = _section(config, "model")
    if "dpo_cfg" in model or "rl" in config or "evaluation" in document or "distillation_data" in config:
        raise RecipeError("AlgorithmError: the rehearsal trains recipes of supervised fine-tuning alone")
    peft = _section(model, "peft") or _section(config, "peft")
    return Recipe(
        name=str(run.get("name") or "run"),
        base=base,
        epochs=_count(_section(config, "trainer").get("max_epochs", 1), "training_config.trainer.max_epochs"),
        batch=_count(config.get("global_batch_size", 64), "training_config.global_batch_size"),
        full_rank=bool(peft) and peft.get("peft_scheme") is None,
    )


def _section(document: Any, name: str) -> dict[str, Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RecipeError(f"AlgorithmError: {where} is {value!r} and must be a whole number from 1")
    return value
