"""Loss curves from the files that a Bedrock job writes to S3.

The layout is AWS's (Bedrock user guide, model-customization-analyze, read 2026-11-21): two CSV files under
``model-customization-job-<id>/``. Where the validation file stands differs between AWS's page and its samples, so both
are found by listing; the perplexity column may be absent.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from nova_tune import arns, aws
from nova_tune.errors import ServiceFault
from nova_tune.training._protocol import LossPoint, TrainingMetrics

if TYPE_CHECKING:
    from nova_tune.values import TrainingJob

_TRAINING = "step_wise_training_metrics.csv"
_VALIDATION = "validation_metrics.csv"


def read_metrics(s3: Any, job: TrainingJob) -> TrainingMetrics:
    """The curves of a job, empty where the service has not written them.

    Args:
        s3: An S3 client.
        job: The job, with its output prefix.

    Raises:
        ServiceFault: A file holds something else than losses.
    """
    if job.output_uri is None:
        return TrainingMetrics()
    folder = arns.s3(job.output_uri).join(f"model-customization-job-{job.arn.rsplit('/', 1)[-1]}/")
    found: dict[str, tuple[LossPoint, ...]] = {}
    for uri in aws.list_keys(s3, folder):
        name = uri.key.rsplit("/", 1)[-1]
        if name in {_TRAINING, _VALIDATION}:
            found[name] = _points(aws.read_object(s3, uri).decode("utf-8-sig", errors="replace"), uri)
    return TrainingMetrics(training=found.get(_TRAINING, ()), validation=found.get(_VALIDATION, ()))


def _points(text: str, uri: arns.S3Uri) -> tuple[LossPoint, ...]:
    points = []
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), 2):
        loss = row.get("training_loss") or row.get("validation_loss")
        try:
            points.append(LossPoint(int(row["step_number"]), int(row["epoch_number"]), float(loss or "")))
        except (KeyError, TypeError, ValueError) as error:
            raise ServiceFault(f"line {number} of {uri} holds no loss: {error}; look at the file") from error
    return tuple(points)
