"""What each Nova model allows, on which platform, as data with sources.

Nothing here is read from AWS at run time: every figure carries the page it stands on and the day it was read,
so that a reader can tell a rule from a habit and a drift test can tell when AWS moved.
"""

from __future__ import annotations

import difflib
from decimal import Decimal
from typing import Generic, Literal, TypeVar

import attrs

from nova_tune.errors import PlanError

T = TypeVar("T")
Platform = Literal["bedrock", "sagemaker"]
PLATFORMS: tuple[Platform, ...] = ("bedrock", "sagemaker")

_READ = "2026-11-21"
_BEDROCK = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
_NOVA = "https://docs.aws.amazon.com/nova/latest/userguide/"


@attrs.frozen
class Fact(Generic[T]):
    """A limit or an id of AWS: the value, the page it stands on, the day it was read."""

    value: T
    source: str
    read: str = _READ


@attrs.frozen
class Range:
    """The closed range that a hyperparameter may take, with AWS's own name and default."""

    aws_name: str
    kind: Literal["int", "decimal"]
    low: Decimal
    high: Decimal
    default: Decimal
    source: str
    read: str = _READ


def _hyperparameters() -> dict[str, Range]:
    page = _BEDROCK + "custom-models-hp.html"
    return {
        "epochs": Range("epochCount", "int", Decimal(1), Decimal(5), Decimal(2), page),
        "learning_rate": Range(
            "learningRate", "decimal", Decimal("0.000001"), Decimal("0.0001"), Decimal("0.00001"), page
        ),
        # The Nova guide's "Selecting hyperparameters" says at most 20; the Bedrock guide says 100.
        "warmup_steps": Range("learningRateWarmupSteps", "int", Decimal(0), Decimal(100), Decimal(10), page),
    }


@attrs.frozen(kw_only=True)
class Model:
    """One Nova model: its ids and what may be done with it.

    ``customizable_id`` is what a customization job takes; ``inference_id`` is what Converse takes for the
    untuned model. They differ by more than a suffix: Nova 2 Lite answers through an inference profile alone.
    """

    name: str
    title: str
    customizable_id: Fact[str]
    inference_id: Fact[str]
    region: Fact[str]
    records: Fact[tuple[int, int]]
    context_tokens: Fact[int]
    media: Fact[tuple[str, ...]]
    takes_tools: bool
    takes_validation: Fact[bool]
    platforms: tuple[Platform, ...]
    warmup_divisor: Fact[int]
    hyperparameters: dict[str, Range] = attrs.field(factory=_hyperparameters, repr=False)

    @property
    def foundation_model_arn(self) -> str:
        """The ARN form of the customizable id, which AWS's own SDK always sends."""
        return f"arn:aws:bedrock:{self.region.value}::foundation-model/{self.customizable_id.value}"


_CUSTOMIZABLE = _BEDROCK + "custom-model-fine-tuning.html"
_DATA_PAGE = _NOVA + "fine-tune-prepare-data-understanding.html"
_REGION = Fact("us-east-1", _BEDROCK + "deploy-custom-model-on-demand.html")
_VALIDATOR = (
    "https://github.com/aws-samples/amazon-nova-samples customization/bedrock-finetuning/understanding/"
    "dataset_validation/nova_ft_dataset_validator.py @1e88f245"
)
_NOVA_1_RECORDS = Fact((8, 20_000), _DATA_PAGE)
_CONTEXT = Fact(32_000, _DATA_PAGE)
_WARMUP = _NOVA + "customize-fine-tune-hyperparameters.html"
_VISION: Fact[tuple[str, ...]] = Fact(("image", "video"), _DATA_PAGE)

MODELS: dict[str, Model] = {
    "nova-micro": Model(
        name="nova-micro",
        title="Amazon Nova Micro",
        customizable_id=Fact("amazon.nova-micro-v1:0:128k", _CUSTOMIZABLE),
        inference_id=Fact("amazon.nova-micro-v1:0", _BEDROCK + "models-supported.html"),
        region=_REGION,
        records=_NOVA_1_RECORDS,
        context_tokens=_CONTEXT,
        media=Fact((), _DATA_PAGE),
        takes_tools=False,
        takes_validation=Fact(value=True, source=_CUSTOMIZABLE),
        platforms=("bedrock", "sagemaker"),
        warmup_divisor=Fact(640, _WARMUP),
    ),
    "nova-lite": Model(
        name="nova-lite",
        title="Amazon Nova Lite",
        customizable_id=Fact("amazon.nova-lite-v1:0:300k", _CUSTOMIZABLE),
        inference_id=Fact("amazon.nova-lite-v1:0", _BEDROCK + "models-supported.html"),
        region=_REGION,
        records=_NOVA_1_RECORDS,
        context_tokens=_CONTEXT,
        media=_VISION,
        takes_tools=False,
        takes_validation=Fact(value=True, source=_CUSTOMIZABLE),
        platforms=("bedrock", "sagemaker"),
        warmup_divisor=Fact(160, _WARMUP),
    ),
    "nova-pro": Model(
        name="nova-pro",
        title="Amazon Nova Pro",
        customizable_id=Fact("amazon.nova-pro-v1:0:300k", _CUSTOMIZABLE),
        inference_id=Fact("amazon.nova-pro-v1:0", _BEDROCK + "models-supported.html"),
        region=_REGION,
        records=_NOVA_1_RECORDS,
        context_tokens=_CONTEXT,
        media=_VISION,
        takes_tools=False,
        takes_validation=Fact(value=True, source=_CUSTOMIZABLE),
        platforms=("bedrock", "sagemaker"),
        warmup_divisor=Fact(320, _WARMUP),
    ),
    "nova-2-lite": Model(
        name="nova-2-lite",
        title="Amazon Nova 2 Lite",
        customizable_id=Fact("amazon.nova-2-lite-v1:0:256k", _CUSTOMIZABLE),
        inference_id=Fact("us.amazon.nova-2-lite-v1:0", _BEDROCK + "inference-profiles-support.html"),
        region=_REGION,
        records=Fact((200, 20_000), _VALIDATOR),
        context_tokens=_CONTEXT,
        media=Fact(("image", "video", "document"), _NOVA + "nova2-userguide"),
        takes_tools=True,
        takes_validation=Fact(value=False, source=_VALIDATOR),
        platforms=("bedrock",),
        warmup_divisor=Fact(160, _WARMUP),
    ),
}
"""Every model that nova_tune trains, by its short name."""

RESERVED_WORDS: Fact[tuple[str, ...]] = Fact(
    ("System:", "User:", "Bot:", "Assistant:", "<image>", "<video>", "[EOS]"), _DATA_PAGE
)
"""The words AWS documents as making a job fail wherever a text holds them."""

DOUBTFUL_WORDS: Fact[tuple[str, ...]] = Fact(("Thought:", "<unk>"), _VALIDATOR)
"""Words that AWS's own scripts refuse and its documentation does not name."""

SCHEMA_VERSION: Fact[str] = Fact("bedrock-conversation-2024", _DATA_PAGE)
"""The value every record is written with."""


def model(name: str) -> Model:
    """The model of this short name, customizable id, inference id or foundation-model ARN.

    Args:
        name: For example ``"nova-micro"`` or ``"amazon.nova-micro-v1:0:128k"``.

    Raises:
        PlanError: No such model, with the nearest name.

    Example:
        >>> model("nova-micro").customizable_id.value
        'amazon.nova-micro-v1:0:128k'
    """
    if name in MODELS:
        return MODELS[name]
    bare = name.rsplit("foundation-model/", 1)[-1]
    for known in MODELS.values():
        inference = known.inference_id.value
        if bare in {known.customizable_id.value, inference, inference.removeprefix("us.")}:
            return known
    near = difflib.get_close_matches(name, MODELS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(MODELS)}"
    fault = f"there is no model {name!r} to fine-tune: {hint}"
    raise PlanError(fault, faults=[fault], hint=hint)
