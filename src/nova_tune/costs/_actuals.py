"""What was really used: tokens from CloudWatch, billable seconds from SageMaker, or lines of a bill."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.costs._price import exact
from nova_tune.errors import SourceError
from nova_tune.models import model as find_model
from nova_tune.values import Value, field

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_METRICS = {"input": "InputTokenCount", "output": "OutputTokenCount"}
"""Metrics of AWS/Bedrock by ModelId; AWS publishes them free of charge (Bedrock user guide, monitoring, 2026-11-21)."""
_HOUR = 3_600
_QUERIES = 500
"""How many queries one GetMetricData call takes (CloudWatch API reference, read 2026-11-21)."""


@attrs.frozen(kw_only=True)
class ActualLine(Value):
    """What was used of one meter, and what it cost where a bill says so.

    Args:
        key: The meter's key in the price book.
        region: The region.
        quantity: How much.
        unit: What is counted, such as ``"tokens"`` or ``"instance-seconds"``.
        cost_usd: What the bill says; None where only the quantity is known.
        source: Where it was read.
    """

    key: str
    region: str
    quantity: Decimal = field(read=Decimal, converter=exact)
    unit: str
    cost_usd: Decimal | None = field(read=Decimal, default=None, converter=attrs.converters.optional(exact))
    source: str


@attrs.frozen(kw_only=True)
class Actual(Value):
    """What was used in some time, line by line; it adds up.

    Args:
        lines: The lines.
    """

    lines: tuple[ActualLine, ...] = field(
        read=lambda lines: [ActualLine.from_dict(line) for line in lines], default=(), converter=tuple
    )

    def __add__(self, other: Actual) -> Actual:
        return Actual(lines=self.lines + other.lines, extra={**other.extra, **self.extra})

    @classmethod
    def answers(
        cls,
        model: str,
        *,
        model_ids: Iterable[str],
        start: datetime,
        end: datetime,
        custom: bool = True,
        session: Any = None,
        client: Any = None,
        region: str = "us-east-1",
    ) -> Actual:
        """The tokens of on-demand answers, from CloudWatch: the account's truth within minutes.

        One call for up to 125 deployments and a month. AWS does not say whether it files a deployment under its ARN or
        under the ARN's last part, so both are asked for, and the one with data counts.

        Args:
            model: The model that answered, or the one it was tuned from.
            model_ids: Deployment ARNs, model ids or inference profiles that were called.
            start: From when, with a time zone; from the full hour.
            end: Until when, with a time zone.
            custom: True for deployments of a tuned model.
            session: A boto3 session.
            client: A CloudWatch client, used as it is.
            region: The region whose prices hold.

        Raises:
            ValueError: A time has no time zone, or they are in the wrong order.
            SourceError: CloudWatch gave a part of the data.
            AWSError: A call failed.
            PlanError: There is no such model.
        """
        from nova_tune import aws  # noqa: PLC0415 - it loads boto3, which estimates do without

        if start.tzinfo is None or end.tzinfo is None or start >= end:
            raise ValueError(f"{start} to {end} is no span of time; give two times with time zones, the earlier first")
        forms = {name: tuple(dict.fromkeys((name, name.rsplit("/", 1)[-1]))) for name in model_ids}
        asked = [(name, form, side) for name, all_forms in forms.items() for form in all_forms for side in _METRICS]
        cloudwatch = aws.client("cloudwatch", client=client, session=session)
        wanted = [(form, _METRICS[side]) for _, form, side in asked]
        chunks = (wanted[first : first + _QUERIES] for first in range(0, len(wanted), _QUERIES))
        counts = [count for chunk in chunks for count in _sums(cloudwatch, chunk, start, end)]
        by_side = dict.fromkeys(_METRICS, 0)
        for name, all_forms in forms.items():
            for side in _METRICS:
                by_side[side] += max(counts[asked.index((name, form, side))] for form in all_forms)
        meter = f"bedrock.{find_model(model).name}.{'custom' if custom else 'base'}.on-demand"
        source = f"CloudWatch, AWS/Bedrock, {start.isoformat()} to {end.isoformat()}"
        lines = [
            ActualLine(key=f"{meter}.{side}", region=region, quantity=Decimal(number), unit="tokens", source=source)
            for side, number in by_side.items()
        ]
        return cls(lines=tuple(lines))

    @classmethod
    def sagemaker_training(
        cls, job_name: str, *, session: Any = None, client: Any = None, region: str = "us-east-1"
    ) -> Actual:
        """The billable seconds of a SageMaker training job, download and upload included, on all its instances.

        One DescribeTrainingJob call.

        Args:
            job_name: The job's name.
            session: A boto3 session.
            client: A SageMaker client, used as it is.
            region: The region whose prices hold.

        Raises:
            SourceError: The job has no billable seconds yet, or no instances of its own.
            AWSError: The call failed.
        """
        from nova_tune import aws  # noqa: PLC0415 - it loads boto3, which estimates do without

        sagemaker = aws.client("sagemaker", client=client, session=session)
        job = aws.call(sagemaker, "DescribeTrainingJob", TrainingJobName=job_name)
        seconds, resources = job.get("BillableTimeInSeconds"), job.get("ResourceConfig") or {}
        if seconds is None or "InstanceType" not in resources:
            raise SourceError(
                f"the training job {job_name} ({job['TrainingJobStatus']}) has no billable seconds of instances; ask "
                "again when it has ended"
            )
        line = ActualLine(
            key=f"sagemaker.training.{resources['InstanceType']}",
            region=region,
            quantity=Decimal(seconds * resources["InstanceCount"]),
            unit="instance-seconds",
            source=f"SageMaker, {job_name}",
        )
        return cls(lines=(line,))


def _sums(cloudwatch: Any, asked: list[tuple[str, str]], start: datetime, end: datetime) -> list[int]:
    """The sum of each metric of each ModelId over the time."""
    from nova_tune import aws  # noqa: PLC0415 - it loads boto3, which estimates do without

    queries = [
        {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/Bedrock",
                    "MetricName": metric,
                    "Dimensions": [{"Name": "ModelId", "Value": model_id}],
                },
                "Period": _HOUR,
                "Stat": "Sum",
            },
        }
        for number, (model_id, metric) in enumerate(asked)
    ]
    sums, token = [0] * len(asked), None
    while True:
        page = aws.call(
            cloudwatch, "GetMetricData", MetricDataQueries=queries, StartTime=start, EndTime=end, NextToken=token
        )
        token = page.get("NextToken")
        for result in page["MetricDataResults"]:
            if result.get("StatusCode") not in {None, "Complete"} and not token:
                raise SourceError(
                    f"CloudWatch gave a part of the data ({result['StatusCode']}); ask for a shorter time"
                )
            sums[int(result["Id"][1:])] += sum(map(int, result["Values"]))
        if not token:
            return sums
