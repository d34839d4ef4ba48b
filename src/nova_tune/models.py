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

    ``records`` is the range that Bedrock takes and ``records_narrow`` the lower maximum that one source states beside
    it; ``records_sagemaker`` is what AWS sizes its recipes for. ``formats_disputed`` are the media formats that one
    source takes and another refuses.
    """

    name: str
    title: str
    customizable_id: Fact[str]
    inference_id: Fact[str]
    region: Fact[str]
    records: Fact[tuple[int, int]]
    records_narrow: Fact[int | None]
    records_sagemaker: Fact[int | None]
    context_tokens: Fact[int]
    context_sagemaker: Fact[int]
    media: Fact[tuple[str, ...]]
    formats_disputed: Fact[tuple[str, ...]]
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
_NOVA_2_PAGE = "https://docs.aws.amazon.com/nova/latest/nova2-userguide/nova-data-prep-sft-2.html"
_SAGEMAKER_PAGE = _NOVA + "nova-fine-tune-1.html"
_NOVA_1_RECORDS = Fact((8, 20_000), _DATA_PAGE)
_NO_MAXIMUM: Fact[int | None] = Fact(None, _DATA_PAGE)
_CONTEXT = Fact(32_000, _DATA_PAGE)
_CONTEXT_SAGEMAKER = Fact(65_536, _SAGEMAKER_PAGE + " (training_config.max_length)")
_NONE_DISPUTED: Fact[tuple[str, ...]] = Fact((), _DATA_PAGE)
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
        records_narrow=_NO_MAXIMUM,
        records_sagemaker=Fact(100_000, _SAGEMAKER_PAGE),
        context_tokens=_CONTEXT,
        context_sagemaker=_CONTEXT_SAGEMAKER,
        media=Fact((), _DATA_PAGE),
        formats_disputed=_NONE_DISPUTED,
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
        records_narrow=_NO_MAXIMUM,
        records_sagemaker=_NO_MAXIMUM,
        context_tokens=_CONTEXT,
        context_sagemaker=_CONTEXT_SAGEMAKER,
        media=_VISION,
        formats_disputed=_NONE_DISPUTED,
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
        records_narrow=Fact(10_000, "https://github.com/rezaarchi/bedrock-nova-finetuning-pipeline README"),
        records_sagemaker=Fact(40_000, _SAGEMAKER_PAGE),
        context_tokens=_CONTEXT,
        context_sagemaker=_CONTEXT_SAGEMAKER,
        media=_VISION,
        formats_disputed=_NONE_DISPUTED,
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
        records_narrow=_NO_MAXIMUM,
        records_sagemaker=_NO_MAXIMUM,
        context_tokens=_CONTEXT,
        context_sagemaker=_CONTEXT_SAGEMAKER,
        media=Fact(("image", "video", "document"), _NOVA + "nova2-userguide"),
        formats_disputed=Fact(("webp", "webm"), f"{_NOVA_2_PAGE} takes them, {_VALIDATOR} does not"),
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

MEDIA_FORMATS: Fact[dict[str, tuple[str, ...]]] = Fact(
    {"image": ("png", "jpeg", "gif", "webp"), "video": ("mov", "mkv", "mp4", "webm"), "document": ("pdf",)}, _DATA_PAGE
)
"""The formats of each kind of media."""

MEDIA_COUNTS: Fact[dict[str, int]] = Fact({"image": 10, "video": 1, "document": 1}, _DATA_PAGE)
"""How many of each kind one record holds at most."""

MEDIA_BYTES: Fact[dict[str, int]] = Fact({"image": 10 << 20, "video": 50 << 20, "document": 10 << 20}, _DATA_PAGE)
"""How large a file of each kind is at most."""

LINE_BYTES: Fact[int] = Fact(16 << 20, "assumed: AWS states no limit, and no record within the context comes near")
"""How long a line is read at most."""

CONTEXT_CHARACTERS: Fact[int] = Fact(20, "assumed: English prose has 4 to 6 characters a token, code 3 to 4")
"""More characters to a token than any real text has: what is longer than this many times the context is too long."""

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
