"""What is rented by the hour or the month: instances, stored models, model units, objects in S3."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.costs._book import PriceBook
from nova_tune.costs._bounds import Bounds, context
from nova_tune.costs._estimate import CostEstimate, CostLine, When
from nova_tune.costs._price import Price, exact
from nova_tune.errors import PriceUnknown
from nova_tune.models import Fact
from nova_tune.models import model as find_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

HOURS_PER_MONTH: Fact[int] = Fact(730, "8,760 hours a year / 12, as the AWS Pricing Calculator counts")
"""Hours of a month for what runs without a pause."""

MAX_RUNTIME_SECONDS: Fact[int] = Fact(
    86_400, "https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html"
)
"""When SageMaker stops a job that nobody gave another limit."""

REQUESTS_PER_MINUTE: Fact[Mapping[str, int]] = Fact(
    {"nova-micro": 2_000, "nova-lite": 2_000, "nova-pro": 200, "nova-2-lite": 2_000},
    "Amazon Nova user guide, on-demand inference on custom models (requests a minute for each deployment)",
)
"""AWS's default quota of on-demand answers of a tuned model; it bounds what a month can serve, and may be raised."""


def _prices(prices: PriceBook | None) -> PriceBook:
    return PriceBook.shipped() if prices is None else prices


def whole(name: str, value: Any, least: int = 0) -> int:
    """A whole number that is not too small.

    Args:
        name: What it is, for the message.
        value: The number.
        least: The smallest allowed.

    Raises:
        TypeError: It is not an int.
        ValueError: It is below ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}; it takes a whole number")
    if value < least:
        raise ValueError(f"{name} is {value}; it takes {least} or more")
    return value


@attrs.frozen
class Meters:
    """Prices of one region, and what is paid by the hour, the month and the gigabyte at them."""

    prices: PriceBook = attrs.field(default=None, converter=_prices)
    region: str = "us-east-1"
    allow_low: bool = attrs.field(default=False, kw_only=True)

    def sagemaker_training(
        self,
        instance: str,
        *,
        count: int = 1,
        hours: Decimal | str | int | None = None,
        seconds: Decimal | str | int | None = None,
        steps: int | None = None,
        seconds_per_step: Decimal | str | int | None = None,
        max_runtime_seconds: int = MAX_RUNTIME_SECONDS.value,
        model: str | None = None,
    ) -> CostEstimate:
        """What a SageMaker training job costs: billable seconds x instances x rate.

        The time comes from you: hours, seconds (such as a job's ``BillableTimeInSeconds``), or steps with the seconds
        that one took on this instance. It is never predicted from another job. Without it the job costs at most its
        stopping condition, and that is what the estimate says.

        Args:
            instance: Such as ``"ml.g5.48xlarge"``, at SageMaker's rate for training.
            count: How many instances.
            hours: Billable hours.
            seconds: Billable seconds.
            steps: Training steps, with ``seconds_per_step``. Start, download and upload are billed beside them.
            seconds_per_step: Measured seconds of one step.
            max_runtime_seconds: The job's stopping condition.
            model: The Nova model that the result is imported as, whose storage is then paid every month.

        Raises:
            TypeError: The time is given in two ways or by half, or a number is of a wrong type.
            ValueError: A number is negative.
            PlanError: There is no such model.

        Example:
            >>> from nova_tune import CostModel
            >>> CostModel().sagemaker_training("ml.g5.48xlarge", hours=4).total()
            Decimal('81.44')
        """
        machines = whole("count", count, 1)
        measured = steps is not None or seconds_per_step is not None
        if (hours is not None) + (seconds is not None) + measured > 1 or (steps is None) != (seconds_per_step is None):
            raise TypeError("sagemaker_training() takes hours=, or seconds=, or steps= with seconds_per_step=")
        most = Bounds.of(whole("max_runtime_seconds", max_runtime_seconds, 1))
        key, name = f"sagemaker.training.{instance}", f"train on {machines} x {instance}"
        if hours is not None:
            quantity, unit, basis, note = Bounds.of(hours), "instance-hours", "given", f"{hours} hours"
        elif seconds is not None:
            quantity, unit, basis, note = Bounds.of(seconds), "instance-seconds", "given", f"{seconds} seconds"
        elif steps is not None and seconds_per_step is not None:
            quantity = Bounds.of(seconds_per_step) * whole("steps", steps)
            unit, basis = "instance-seconds", "measured"
            note = f"{steps:,} steps x {seconds_per_step} s; start, download and upload are billed beside them"
        else:
            quantity, unit, basis = attrs.evolve(most, low=0), "instance-seconds", "assumed"
            note = f"nobody measured it: at most the stopping condition of {max_runtime_seconds:,} seconds"
        line = self._line(name, "once", key, quantity * machines, unit, basis=basis, note=note + self._ec2(instance))
        return CostEstimate(lines=(line, *([self._storage(find_model(model).name, 1)] if model else [])))

    def storage(self, model: str, models: int = 1) -> CostEstimate:
        """What tuned models cost every month until each is deleted, deployed or not.

        Args:
            model: The model they were tuned from.
            models: How many are kept.

        Raises:
            TypeError: ``models`` is not a whole number.
            PlanError: There is no such model.
        """
        return CostEstimate(lines=(self._storage(find_model(model).name, whole("models", models)),))

    def s3(self, *, gigabytes: Decimal | str | int, puts: int = 0, gets: int = 0) -> CostEstimate:
        """What data and metrics cost in S3 Standard: storage every month, requests once.

        Args:
            gigabytes: GB stored, at the price of the first 50 TB.
            puts: PUT, COPY, POST and LIST requests.
            gets: GET and other requests.

        Raises:
            TypeError: A number is of a wrong type.
        """
        lines = [self._line("keep in S3", "monthly", "s3.standard.storage", Bounds.of(gigabytes), "GB-months")]
        for name, number in (("put", puts), ("get", gets)):
            if whole(f"{name}s", number):
                lines.append(self._line(f"{name} in S3", "once", f"s3.standard.{name}", Bounds.of(number), "requests"))
        return CostEstimate(lines=tuple(lines))

    def provisioned(
        self,
        model: str,
        *,
        units: int = 1,
        commitment: str = "no-commit",
        hours: Decimal | str | int = HOURS_PER_MONTH.value,
    ) -> CostEstimate:
        """What provisioned throughput costs every month, for comparison alone; this library buys none.

        Args:
            model: The model.
            units: Model units.
            commitment: ``"no-commit"``, ``"1-month"`` or ``"6-month"``; a term cannot be ended early.
            hours: Hours of a month; whole hours are billed.

        Raises:
            TypeError: A number is of a wrong type.
            PlanError: There is no such model.
        """
        name = find_model(model).name
        return self._rented(f"provision {name}", f"bedrock.{name}.provisioned.{commitment}", "model-unit", units, hours)

    def endpoint(
        self, instance: str, *, count: int = 1, hours: Decimal | str | int = HOURS_PER_MONTH.value
    ) -> CostEstimate:
        """What an endpoint of your own costs every month: an open model on it, since Nova's weights do not leave AWS.

        Args:
            instance: Such as ``"ml.g5.xlarge"``, at SageMaker's rate for hosting.
            count: How many instances, busy or idle.
            hours: Hours of a month.

        Raises:
            TypeError: A number is of a wrong type.
        """
        return self._rented(f"host on {instance}", f"sagemaker.hosting.{instance}", "instance", count, hours)

    def _rented(self, name: str, key: str, what: str, number: int, hours: Decimal | str | int) -> CostEstimate:
        quantity = Bounds.of(hours) * whole(f"{what}s", number)
        note = f"{number} x {exact(hours):f} hours"
        return CostEstimate(lines=(self._line(name, "monthly", key, quantity, f"{what}-hours", note=note),))

    def _storage(self, model: str, models: int) -> CostLine:
        key = f"bedrock.{model}.customization.storage"
        note = "until the model is deleted, deployed or not"
        return self._line(f"store {model}", "monthly", key, Bounds.of(models), "model-months", note=note)

    def _ec2(self, instance: str) -> str:
        """What EC2 asks for the same machine, which articles mistake for SageMaker's rate."""
        try:
            price = self.prices.get(f"ec2.on-demand.{instance.removeprefix('ml.')}", self.region)
        except PriceUnknown:
            return ""
        return f"; EC2 asks {price}, which is not what SageMaker bills"

    def _line(
        self, name: str, when: When, key: str, quantity: Bounds, unit: str, *, basis: str = "given", note: str = ""
    ) -> CostLine:
        price: Price | None = None
        with contextlib.suppress(PriceUnknown):
            price = self.prices.get(key, self.region, allow_low=self.allow_low)
        return CostLine(
            name=name,
            when=when,
            key=key,
            region=self.region,
            quantity=quantity,
            unit=unit,
            price=price,
            basis=basis,
            note=note,
        )


def monthly_requests(model: str, hours: Decimal | str | int = HOURS_PER_MONTH.value) -> int:
    """How many requests a deployment of this model can serve in a month at AWS's default quota.

    Args:
        model: The model.
        hours: Hours of a month.

    Raises:
        PlanError: There is no such model.

    Example:
        >>> monthly_requests("nova-micro")
        87600000
    """
    minutes = context().multiply(exact(hours), 60)
    return int(minutes) * REQUESTS_PER_MINUTE.value[find_model(model).name]
