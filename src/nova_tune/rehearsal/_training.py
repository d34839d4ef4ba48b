"""What the service does with a job's data: it reads it from S3, learns from it, and writes the metrics files.

The layout is AWS's: https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-analyze.html
(read 2026-11-21). That the folder's id is the last segment of the job's ARN is assumed.
"""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from nova_tune.rehearsal._brains._answers import NearestExample
from nova_tune.rehearsal._brains._losses import training_losses
from nova_tune.rehearsal._brains._records import check_records
from nova_tune.rehearsal._catalog import HYPERPARAMETERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nova_tune.rehearsal._account import Job
    from nova_tune.rehearsal._brains._records import Exchange

_TRAINING_CSV = "training_artifacts/step_wise_training_metrics.csv"
_VALIDATION_CSV = "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"


class DataError(Exception):
    """The job cannot go on: the text is its failureMessage."""


def split_uri(uri: str) -> tuple[str, str]:
    """The bucket and the key of an S3 URI.

    Args:
        uri: Such as ``s3://bucket/path/train.jsonl``.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def object_arn(uri: str) -> str:
    """The ARN of what an S3 URI names; of everything under it when it ends with a slash.

    Args:
        uri: Such as ``s3://bucket/path/train.jsonl``.
    """
    bucket, key = split_uri(uri)
    return f"arn:aws:s3:::{bucket}/{key}" + ("*" if not key or key.endswith("/") else "")


def validation_uris(request: Any) -> list[str]:
    """The validation objects that a request names.

    Args:
        request: A CreateModelCustomizationJob request.
    """
    return [validator["s3Uri"] for validator in request.get("validationDataConfig", {}).get("validators", [])]


def read_data(job: Job, s3: Any) -> None:
    """Read and check the job's data, and keep its exchanges on the job.

    Args:
        job: The job at the end of its validation phase.
        s3: The service's own S3 client.

    Raises:
        DataError: An object cannot be read, or a record breaks AWS's rules.
    """
    train_uri = job.request["trainingDataConfig"]["s3Uri"]
    train = _checked(s3, train_uri, job, validation=False, other_records=0)
    total, validation = len(train), []
    for uri in validation_uris(job.request):
        validation.append(_checked(s3, uri, job, validation=True, other_records=total))
        total += len(validation[-1])
    job.train, job.validation = train, tuple(validation)


def _checked(s3: Any, uri: str, job: Job, *, validation: bool, other_records: int) -> tuple[Exchange, ...]:
    bucket, key = split_uri(uri)
    try:
        with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
            lines = body.read().split(b"\n")
    except (ClientError, BotoCoreError) as error:
        raise DataError(f"The data at {uri} cannot be read: {error}") from None
    if lines[-1] == b"":
        lines.pop()  # the last line's own end
    checked = check_records(
        lines, base_model_id=job.base.customizable_id, validation=validation, other_records=other_records
    )
    if checked.problem is not None:
        raise DataError(f"The data at {uri} is not valid: {checked.problem}")
    return tuple(checked.records)


def train(job: Job, s3: Any, seed: int, *, transfer: bool = False) -> NearestExample:
    """Learn from the job's data, write its metrics files, and keep its final losses on the job.

    Takes seconds of CPU for 20,000 records.

    Args:
        job: The job at the end of its training phase.
        s3: The service's own S3 client.
        seed: Orders the records of each epoch.
        transfer: As for ``NearestExample``.

    Returns:
        What answers for the new model.

    Raises:
        DataError: The metrics cannot be written.
    """
    epochs = int(job.request.get("hyperParameters", {}).get("epochCount", HYPERPARAMETERS["epochCount"].default))
    held_out = [exchange for exchanges in job.validation for exchange in exchanges]
    losses = training_losses(job.train, held_out, epochs=epochs, seed=seed)
    job.training_loss = losses.steps[-1][2]
    files = {_TRAINING_CSV: _csv("training_loss", losses.steps)}
    if held_out:
        # One loss for each validator is AWS's shape; the rehearsal scores them together.
        job.validation_losses = (losses.validation[-1][2],) * len(job.validation)
        files[_VALIDATION_CSV] = _csv("validation_loss", losses.validation)
    bucket, prefix = split_uri(job.request["outputDataConfig"]["s3Uri"])
    folder = "/".join(filter(None, (prefix.rstrip("/"), f"model-customization-job-{job.arn.rpartition('/')[2]}")))
    try:
        for name, text in files.items():
            s3.put_object(Bucket=bucket, Key=f"{folder}/{name}", Body=text.encode(), ContentType="text/csv")
    except (ClientError, BotoCoreError) as error:
        raise DataError(f"The metrics cannot be written to {bucket}/{folder}: {error}") from None
    return NearestExample(job.train, transfer=transfer)


def _csv(loss_name: str, rows: Sequence[tuple[int, int, float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step_number", "epoch_number", loss_name, "perplexity"))
    writer.writerows((step, epoch, f"{loss:.6f}", f"{math.exp(loss):.6f}") for step, epoch, loss in rows)
    return text.getvalue()
