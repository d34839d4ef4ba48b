"""The training plan: everything a paid job is made of, as plain data that can be approved, stored and sent."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune import arns
from nova_tune.errors import PlanError
from nova_tune.models import Model, Range
from nova_tune.models import model as find_model
from nova_tune.values import TrainingData, Value, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ALIASES = {
    "epochCount": "epochs",
    "epoch_count": "epochs",
    "learningRate": "learning_rate",
    "learningRateWarmupSteps": "warmup_steps",
    "learning_rate_warmup_steps": "warmup_steps",
    "batchSize": "batch_size",
}
_TAG = re.compile(r"[a-zA-Z0-9\s._:/=+@-]*", re.ASCII)  # botocore 1.44.5, bedrock TagKey and TagValue, 2026-11-21
_MAX_TAGS = 200


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


# Converters by name, not `dict` and `tuple`: type checkers read from them what a caller may give.


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    return dict(given)


def _tags(given: Mapping[str, str]) -> dict[str, str]:
    return dict(given)


def _ids(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(given)


@attrs.frozen(kw_only=True)
class TrainingPlan(Value):
    """What to train, on what, where to write: pure data. Making one costs nothing; ``trainer.start`` pays.

    Two equal plans are one job: the request token and the default name come from :attr:`digest`, so a retried task
    finds the job that it started before. A wanted second run asks for ``attempt=2``.

    Args:
        model: ``"nova-micro"``, ``"nova-lite"``, ``"nova-pro"`` or ``"nova-2-lite"``, or an id or ARN of one.
        role_arn: The role that Bedrock assumes to read the data and write the metrics.
        train: The uploaded training data.
        output: The S3 prefix for the metrics.
        name: The name of job and model; derived from the content when it is not given.
        validation: The uploaded validation data, where the model takes one.
        hyperparameters: ``epochs``, ``learning_rate``, ``warmup_steps``, ``batch_size`` (1 alone), or AWS's names.
        tags: Tags of job and model.
        kms_key: The KMS key that encrypts the model.
        subnets: VPC subnets of the job, with ``security_groups``.
        security_groups: VPC security groups of the job.
        max_cost_usd: Refuse to start when the high bound of the estimate is above this.
        attempt: The number of this run of the same content, from 1.

    Raises:
        PlanError: From :meth:`check` and whatever sends the plan: all faults at once.

    Example:
        >>> from nova_tune.values import TokenEstimate
        >>> data = TrainingData(
        ...     uri="s3://bucket/sql/train.jsonl",
        ...     sha256="0" * 64,
        ...     records=100,
        ...     bytes=6000,
        ...     tokens=TokenEstimate(low=1, expected=1, high=1),
        ... )
        >>> plan = TrainingPlan(
        ...     name="sql-v1",
        ...     model="nova-micro",
        ...     train=data,
        ...     output="s3://bucket/out/",
        ...     role_arn="arn:aws:iam::123456789012:role/Nova",
        ...     hyperparameters={"epochs": 3},
        ... )
        >>> plan.to_request()["hyperParameters"]["epochCount"]
        '3'
    """

    model: str
    role_arn: str
    train: TrainingData = field(read=TrainingData.from_dict)
    output: str
    name: str | None = None
    validation: TrainingData | None = field(read=TrainingData.from_dict, default=None)
    hyperparameters: dict[str, Any] = attrs.field(factory=dict, converter=_settings)
    tags: dict[str, str] = attrs.field(factory=dict, converter=_tags)
    kms_key: str | None = None
    subnets: tuple[str, ...] = attrs.field(default=(), converter=_ids)
    security_groups: tuple[str, ...] = attrs.field(default=(), converter=_ids)
    max_cost_usd: Decimal | None = field(read=Decimal, default=None, converter=attrs.converters.optional(_decimal))
    attempt: int = 1

    @property
    def digest(self) -> str:
        """The digest of data, settings and attempt; the name and the tags of the same content do not change it."""
        known = self._known()
        sound = known is not None and not self._setting_faults()
        content = {
            "attempt": self.attempt,
            "base": known.customizable_id.value if known else self.model,
            "hyperparameters": self.settings() if sound else str(self.hyperparameters),
            "kms_key": self.kms_key,
            "output": self.output,
            "role": self.role_arn,
            "train": self.train.sha256,
            "validation": self.validation.sha256 if self.validation else None,
            "vpc": [self.subnets, self.security_groups],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def job_name(self) -> str:
        """The name of the job at AWS."""
        known = self._known()
        model = re.sub("[^a-zA-Z0-9]+", "-", known.name if known else self.model)
        base = self.name or f"{model}-{self.digest[:12]}"
        return base if self.attempt == 1 or self.name is None else f"{base}-{self.attempt}"

    @property
    def request_token(self) -> str:
        """The idempotency token: the same content never starts a second paid job."""
        return f"nova-tune-{self.digest[:48]}"

    def settings(self) -> dict[str, str]:
        """The hyperparameters as AWS takes them: its names, plain decimal strings; what was not asked for is left out.

        Raises:
            PlanError: A setting is unknown or outside its range.
        """
        if faults := self._setting_faults():
            raise _plan_error(faults)
        ranges = find_model(self.model).hyperparameters
        return {
            ranges[name].aws_name: _text(_decimal(value), ranges[name])
            for given, value in self.hyperparameters.items()
            if (name := _ALIASES.get(given, given)) in ranges
        }

    def epochs(self) -> int:
        """How often the data is read: what was asked for, or AWS's default."""
        settings = self.settings()
        default = find_model(self.model).hyperparameters["epochs"].default
        return int(settings.get("epochCount", default))

    def faults(self) -> list[str]:
        """Every reason why AWS would refuse this plan, found without a call."""
        faults: list[str | None] = []
        try:
            known: Model | None = find_model(self.model)
        except PlanError as error:
            known = None
            faults.extend(error.faults)
        faults.append(arns.role_fault(self.role_arn))
        faults.append(arns.s3_fault(self.output))
        if self.name is not None:
            # One name for both: jobs take no underscore, models no dot.
            faults.append(arns.name_fault(self.job_name, "job") or arns.name_fault(self.job_name, "model-name"))
        if self.attempt < 1:
            faults.append(f"attempt is {self.attempt!r}; attempts count from 1")
        faults.extend(_data_faults("training", self.train))
        if self.validation is not None:
            faults.extend(_data_faults("validation", self.validation))
        if known is not None:
            faults.extend(self._setting_faults())
            faults.extend(_count_faults(known, self))
        faults.extend(_tag_faults(self.tags))
        faults.append(arns.vpc_fault(self.subnets, self.security_groups))
        if self.kms_key is not None:
            faults.append(arns.kms_fault(self.kms_key))
        return [fault for fault in faults if fault]

    def check(self) -> TrainingPlan:
        """This plan, when it has no faults.

        Raises:
            PlanError: Every fault at once.
        """
        if faults := self.faults():
            raise _plan_error(faults)
        return self

    def to_request(self) -> dict[str, Any]:
        """The exact ``CreateModelCustomizationJob`` request, for Step Functions, CDK or an approval.

        Raises:
            PlanError: The plan has faults.
        """
        self.check()
        known = find_model(self.model)
        tags = [{"key": key, "value": value} for key, value in sorted(self.all_tags().items())]
        request: dict[str, Any] = {
            "jobName": self.job_name,
            "customModelName": self.job_name,
            "roleArn": self.role_arn,
            "clientRequestToken": self.request_token,
            "baseModelIdentifier": known.foundation_model_arn,
            "customizationType": "FINE_TUNING",
            "trainingDataConfig": {"s3Uri": self.train.uri},
            "outputDataConfig": {"s3Uri": self.output},
            "hyperParameters": self.settings(),
            "jobTags": tags,
            "customModelTags": tags,
        }
        if self.validation is not None:
            request["validationDataConfig"] = {"validators": [{"s3Uri": self.validation.uri}]}
        if self.kms_key is not None:
            request["customModelKmsKeyId"] = self.kms_key
        if self.subnets:
            request["vpcConfig"] = {"subnetIds": [*self.subnets], "securityGroupIds": [*self.security_groups]}
        return request

    def all_tags(self) -> dict[str, str]:
        """The caller's tags and ours: which data, which plan. They are how an ARN is traced back later."""
        own = {
            "nova-tune:plan": self.digest[:32],
            "nova-tune:data-sha256": self.train.sha256,
            "nova-tune:attempt": str(self.attempt),
        }
        if self.train.uri is not None and len(self.train.uri) <= 256 and _TAG.fullmatch(self.train.uri):
            own["nova-tune:data"] = self.train.uri
        return {**own, **self.tags}

    def _known(self) -> Model | None:
        try:
            return find_model(self.model)
        except PlanError:
            return None

    def _setting_faults(self) -> list[str]:
        ranges = find_model(self.model).hyperparameters
        faults: list[str] = []
        seen: dict[str, str] = {}
        for given, value in self.hyperparameters.items():
            name = _ALIASES.get(given, given)
            if name in seen:
                faults.append(f"{given!r} and {seen[name]!r} are the same setting")
            seen[name] = given
            if name == "batch_size":
                if str(value) != "1":
                    faults.append(f"batch_size is {value!r}; Bedrock trains Nova in batches of 1, nothing else")
            elif name == "learningRateMultiplier":
                faults.append(
                    "learningRateMultiplier belongs to Claude 3; for Nova give learning_rate (0.000001 to 0.0001)"
                )
            elif name not in ranges:
                near = difflib.get_close_matches(name, [*ranges, "batch_size"], n=1, cutoff=0.4)
                hint = f"did you mean {near[0]!r}?" if near else f"choose among {', '.join(ranges)}, batch_size"
                faults.append(f"there is no hyperparameter {given!r}: {hint}")
            else:
                faults.extend(_range_faults(given, value, ranges[name]))
        return faults


def _text(number: Decimal, allowed: Range) -> str:
    """One spelling for each number, so that 1e-5 and "0.000010" are the same plan; AWS takes no exponents."""
    return str(int(number)) if allowed.kind == "int" else format(number.normalize(), "f")


def _plan_error(faults: list[str]) -> PlanError:
    text = faults[0] if len(faults) == 1 else "\n".join(f"  - {fault}" for fault in faults)
    head = "the plan cannot be sent: " if len(faults) == 1 else f"the plan has {len(faults)} faults:\n"
    return PlanError(head + text, faults=faults)


def _range_faults(name: str, value: Any, allowed: Range) -> list[str]:
    try:
        number = _decimal(value)
    except InvalidOperation:
        return [f"{name} is {value!r}, which is not a number"]
    if isinstance(value, bool) or not number.is_finite():
        return [f"{name} is {value!r}, which is not a number"]
    if allowed.kind == "int" and number != number.to_integral_value():
        return [f"{name} is {value}; it takes whole numbers from {allowed.low} to {allowed.high}"]
    if not allowed.low <= number <= allowed.high:
        return [f"{name} is {value}; AWS takes {allowed.low:f} to {allowed.high:f} (default {allowed.default:f})"]
    return []


def _data_faults(which: str, data: TrainingData) -> list[str]:
    if data.uri is None:
        return [f"the {which} data is on this machine alone; upload it first: train.upload('s3://bucket/prefix/')"]
    return [fault] if (fault := arns.s3_fault(data.uri)) else []


def _count_faults(known: Model, plan: TrainingPlan) -> list[str]:
    low, high = known.records.value
    total = plan.train.records + (plan.validation.records if plan.validation else 0)
    faults = []
    if plan.train.records < low:
        faults.append(f"{plan.train.records} training records are too few: {known.title} takes at least {low}")
    if total > high:
        faults.append(
            f"{total:,} records are too many: {known.title} takes {high:,}, validation included; use sample()"
        )
    if plan.validation is not None and not known.takes_validation.value:
        faults.append(f"{known.title} takes no validation data on Bedrock; leave validation out")
    return faults


def _tag_faults(tags: dict[str, str]) -> list[str]:
    faults = [
        f"the tag {key!r}={value!r} is not allowed: letters, digits, spaces and ._:/=+@- alone, "
        "1 to 128 characters for the key, at most 256 for the value"
        for key, value in tags.items()
        if not (0 < len(key) <= 128 and len(value) <= 256 and _TAG.fullmatch(key) and _TAG.fullmatch(value))
    ]
    if len(tags) + 4 > _MAX_TAGS:
        faults.append(f"{len(tags)} tags are too many; AWS takes {_MAX_TAGS} with our own four")
    return faults
