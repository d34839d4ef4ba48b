"""What each Nova model allows, held against the installed service model."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import attrs
import botocore.session
import pytest

from nova_tune import models
from nova_tune.errors import PlanError

SESSION = botocore.session.Session()
CREATE = SESSION.get_service_model("bedrock").operation_model("CreateModelCustomizationJob").input_shape
CONVERSE = SESSION.get_service_model("bedrock-runtime").operation_model("Converse").input_shape
ALL = pytest.mark.parametrize("name", models.MODELS)


def facts(value: object) -> list[models.Fact]:
    return [each for each in attrs.asdict(value, recurse=False).values() if isinstance(each, models.Fact)]


@ALL
def test_ids_have_the_shapes_that_aws_takes(name):
    """A customizable id and its ARN fit baseModelIdentifier, an inference id fits Converse's modelId."""
    model = models.model(name)
    base = CREATE.members["baseModelIdentifier"].metadata["pattern"]
    assert re.fullmatch(base, model.customizable_id.value)
    assert re.fullmatch(base, model.foundation_model_arn)
    assert re.fullmatch(CONVERSE.members["modelId"].metadata["pattern"], model.inference_id.value)


@ALL
def test_a_model_is_found_by_everything_that_names_it(name):
    """Short name, customizable id, inference id and foundation-model ARN name the same model."""
    model = models.model(name)
    for alias in (name, model.customizable_id.value, model.inference_id.value, model.foundation_model_arn):
        assert models.model(alias) is model


@ALL
def test_every_figure_has_a_source_and_a_date(name):
    """No limit stands without the page it was read on and the day."""
    model = models.model(name)
    for fact in [*facts(model), *model.hyperparameters.values()]:
        assert fact.source.startswith("https://")
        assert dt.date.fromisoformat(fact.read) >= dt.date(2026, 11, 21)


@pytest.mark.parametrize("fact", [models.RESERVED_WORDS, models.DOUBTFUL_WORDS, models.SCHEMA_VERSION])
def test_shared_figures_have_a_source_too(fact):
    """Words and versions that hold for all models carry their page."""
    assert fact.source.startswith("https://")


@ALL
def test_hyperparameters_have_the_documented_ranges(name):
    """Epochs 1 to 5, learning rate 1e-6 to 1e-4, warm-up 0 to 100, each default inside its range."""
    ranges = models.model(name).hyperparameters
    assert {key: (entry.aws_name, entry.low, entry.high, entry.default) for key, entry in ranges.items()} == {
        "epochs": ("epochCount", Decimal(1), Decimal(5), Decimal(2)),
        "learning_rate": ("learningRate", Decimal("1e-6"), Decimal("1e-4"), Decimal("1e-5")),
        "warmup_steps": ("learningRateWarmupSteps", Decimal(0), Decimal(100), Decimal(10)),
    }


def test_an_unknown_model_is_refused_with_the_nearest_name():
    """A misspelt model names its neighbour, a foreign one names them all."""
    with pytest.raises(PlanError, match="did you mean 'nova-micro'") as near:
        models.model("nova-mirco")
    assert len(near.value.faults) == 1
    with pytest.raises(PlanError, match="nova-micro, nova-lite, nova-pro, nova-2-lite"):
        models.model("gpt")


def test_the_article_s_bare_id_is_not_the_customizable_id():
    """What a job takes carries the context suffix; the bare id, which articles send, is the inference id."""
    micro = models.model("amazon.nova-micro-v1:0")
    assert micro.customizable_id.value == "amazon.nova-micro-v1:0:128k"
    assert micro.inference_id.value == "amazon.nova-micro-v1:0"
