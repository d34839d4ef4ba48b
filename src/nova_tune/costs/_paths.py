"""Which path when: a customization job of Bedrock, or a recipe on SageMaker. By what is possible, needed, and paid."""

from __future__ import annotations

from decimal import ROUND_CEILING
from typing import TYPE_CHECKING, Literal

import attrs

from nova_tune.costs._bounds import dollar_range, dollars
from nova_tune.costs._meters import whole
from nova_tune.errors import PriceUnknown
from nova_tune.models import Model
from nova_tune.models import model as find_model
from nova_tune.values import Value, field

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from nova_tune.costs._estimate import CostEstimate

_RECIPES = "aws/sagemaker-hyperpod-recipes, Nova SFT recipes, read 2026-11-21"
_GUIDE = "Amazon Nova user guide, fine-tuning on SageMaker training jobs, read 2026-11-21"

CONTROLS: dict[str, str] = {
    "batch_size": f"global batch size of 16, 32 or 64; Bedrock trains in batches of 1 ({_RECIPES})",
    "dropout": f"hidden, attention, ffn and adapter dropout ({_RECIPES})",
    "weight_decay": f"weight decay of the optimizer ({_RECIPES})",
    "max_length": f"longest record in tokens, a multiple of 1,024 ({_RECIPES})",
    "full_rank": f"all weights instead of an adapter; such a model cannot be deployed on demand ({_GUIDE})",
    "logs": f"loss of each step in CloudWatch Logs while the job runs ({_GUIDE})",
}
"""What a recipe on SageMaker lets you set or see, and a Bedrock job does not."""


@attrs.frozen(kw_only=True)
class PathRow(Value):
    """One aspect of both paths.

    Args:
        aspect: What is compared.
        bedrock: How it is on Bedrock.
        sagemaker: How it is on SageMaker.
    """

    aspect: str
    bedrock: str
    sagemaker: str


@attrs.frozen(kw_only=True)
class TrainingPaths(Value):
    """Both paths side by side, and the one that fits, with the reasons.

    Args:
        rows: The table.
        platform: ``"bedrock"`` or ``"sagemaker"``; None when neither can do what is asked.
        reasons: Why, the deciding one first.
    """

    rows: tuple[PathRow, ...] = field(read=lambda rows: [PathRow.from_dict(row) for row in rows], converter=tuple)
    platform: Literal["bedrock", "sagemaker"] | None
    reasons: tuple[str, ...] = field(read=tuple)

    def __str__(self) -> str:
        table = [("", "Bedrock", "SageMaker"), *((row.aspect, row.bedrock, row.sagemaker) for row in self.rows)]
        widths = [max(len(row[column]) for row in table) for column in range(2)]
        lines = [f"{row[0].ljust(widths[0])}  {row[1].ljust(widths[1])}  {row[2]}" for row in table]
        return "\n".join([*lines, f"{self.platform or 'neither'}: {'; '.join(self.reasons)}"])


def training_paths(
    model: str,
    *,
    records: int,
    bedrock: CostEstimate,
    sagemaker: CostEstimate,
    needs: Iterable[str] = (),
) -> TrainingPaths:
    """Compare the two ways to train, by price, control and quota.

    What is impossible decides first, then what is needed, then the high bound of what is paid once.

    Args:
        model: The model to tune.
        records: Training and validation records together.
        bedrock: The estimate of :meth:`CostModel.training`.
        sagemaker: The estimate of :meth:`CostModel.sagemaker_training`.
        needs: Controls that the job cannot do without, among :data:`CONTROLS`.

    Raises:
        PlanError: There is no such model.
        ValueError: A control is unknown, or ``records`` is below 1.

    Example:
        >>> from nova_tune import CostModel
        >>> costs = CostModel()
        >>> paths = training_paths(
        ...     "nova-micro",
        ...     records=2_000,
        ...     bedrock=costs.training(tokens=1_600_000, model="nova-micro", epochs=5),
        ...     sagemaker=costs.sagemaker_training("ml.g5.48xlarge", hours=4),
        ... )
        >>> paths.platform, paths.reasons[0]
        ('bedrock', 'it costs at most $8.00, against $81.44')
    """
    known, total, wanted = find_model(model), whole("records", records, 1), tuple(needs)
    for need in wanted:
        if need not in CONTROLS:
            raise ValueError(f"there is no control {need!r}; choose among {', '.join(CONTROLS)}")
    platform, reasons = _decide(known, total, wanted, bedrock, sagemaker)
    most = known.records.value[1]
    offered = "sagemaker" in known.platforms
    longest = f"{known.context_sagemaker.value:,}, by recipe and instance" if offered else "no recipe"
    rows = (
        PathRow(aspect="price", bedrock=_price(bedrock), sagemaker=_price(sagemaker) if offered else "no recipe"),
        PathRow(aspect="billed by", bedrock="tokens x epochs", sagemaker="seconds x instances, start-up included"),
        PathRow(aspect="records", bedrock=f"up to {most:,}", sagemaker=_most_records(known)),
        PathRow(aspect="tokens of a record", bedrock=f"{known.context_tokens.value:,}", sagemaker=longest),
        PathRow(aspect="settings", bedrock=", ".join(known.hyperparameters), sagemaker=f"also {', '.join(CONTROLS)}"),
        PathRow(aspect="quota to ask for", bedrock="none to begin", sagemaker="the instance; often 0 at first"),
        PathRow(aspect="after it", bedrock="the model is there", sagemaker="import it with CreateCustomModel"),
    )
    return TrainingPaths(rows=rows, platform=platform, reasons=reasons)


def _decide(
    known: Model, records: int, needs: tuple[str, ...], bedrock: CostEstimate, sagemaker: CostEstimate
) -> tuple[Literal["bedrock", "sagemaker"] | None, tuple[str, ...]]:
    most = known.records.value[1]
    faults = []
    if records > most:
        faults.append(f"{records:,} records are more than the {most:,} that Bedrock takes")
    if needs:
        faults.append(f"Bedrock does not set {', '.join(needs)}")
    if "sagemaker" not in known.platforms:
        missing = f"there is no recipe for {known.title} on SageMaker"
        return (None, (*faults, missing)) if faults else ("bedrock", (missing,))
    if faults:
        return "sagemaker", tuple(faults)
    try:
        prices = {"bedrock": bedrock.once, "sagemaker": sagemaker.once}
    except PriceUnknown as error:
        return None, (f"the price decides, and {error}",)
    ours, theirs = prices["bedrock"], prices["sagemaker"]
    if ours.high <= theirs.high:
        return "bedrock", (_cheaper(ours.high, theirs.high),)
    return "sagemaker", (_cheaper(theirs.high, ours.high),)


def _cheaper(low: Decimal, high: Decimal) -> str:
    return f"it costs at most {dollars(low, ROUND_CEILING)}, against {dollars(high, ROUND_CEILING)}"


def _price(estimate: CostEstimate) -> str:
    try:
        return dollar_range(estimate.once)
    except PriceUnknown:
        return "unknown"


def _most_records(known: Model) -> str:
    if "sagemaker" not in known.platforms:
        return "no recipe"
    most = known.records_sagemaker.value
    return f"AWS sizes recipes for {most:,}" if most else "no maximum is documented"
