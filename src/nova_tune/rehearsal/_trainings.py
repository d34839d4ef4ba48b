"""The passage of a rehearsed SageMaker training job through its life, and what it does on its way."""

from __future__ import annotations

import io
import json
import tarfile
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs
from botocore.exceptions import BotoCoreError, ClientError

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._account import Checkpoint, failure_message
from nova_tune.rehearsal._brains._answers import NearestExample
from nova_tune.rehearsal._brains._losses import training_losses
from nova_tune.rehearsal._brains._records import check_records
from nova_tune.rehearsal._recipe import Recipe, RecipeError, read_recipe
from nova_tune.rehearsal._training import object_arn, split_uri

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from nova_tune.rehearsal._account import Account
    from nova_tune.rehearsal._brains._records import Exchange
    from nova_tune.rehearsal._roles import Roles

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
"""Where CloudWatch keeps the lines of training jobs.
aws/nova-forge-sdk (a4d5b3df0bae), read 2026-11-21."""
STARTING_SECONDS = 300
"""Simulated seconds to get instances (assumed)."""
DOWNLOADING_SECONDS = 120
"""Simulated seconds to fetch data and image (assumed)."""
TRAINING_SECONDS = 10_800
"""Simulated seconds of training (assumed; public runs took 3 to 5 hours)."""
UPLOADING_SECONDS = 60
"""Simulated seconds to write the output (assumed)."""
STOPPING_SECONDS = 60
"""Simulated seconds from the request to stop to Stopped (assumed)."""
DEFAULT_RUNTIME_SECONDS = 86_400
"""MaxRuntimeInSeconds where a request names none: one day (service model, botocore 1.44.5, read 2026-11-21)."""
_LOG_BATCH = 5_000
_LOG_AHEAD_SECONDS = 7_000  # CloudWatch refuses events over two hours ahead of the real time


class TrainingError(Exception):
    """The job cannot go on: the text is its FailureReason."""


@attrs.define(eq=False, kw_only=True)
class Training:
    """A training job: what was asked, and what has become of it so far."""

    arn: str
    name: str
    sequence: int
    created: datetime
    request: Mapping[str, Any]
    planned_failure: str | None
    pending_seconds: float
    escrow_uri: str = ""
    stop_requested: datetime | None = None
    ended: datetime | None = None
    outcome: str | None = None
    secondary: str | None = None
    failure: str | None = None
    recipe: Recipe | None = None
    train: tuple[Exchange, ...] = ()
    steps: tuple[tuple[int, int, float], ...] = ()
    validation: dict[int, float] = attrs.field(factory=dict)
    logged: int = 0
    package_arn: str | None = None

    @property
    def started(self) -> datetime:
        """When instances are there: billing begins."""
        return self.created + timedelta(seconds=STARTING_SECONDS + self.pending_seconds)

    @property
    def downloaded(self) -> datetime:
        """When the data is there: training begins."""
        return self.started + timedelta(seconds=DOWNLOADING_SECONDS)

    @property
    def trained(self) -> datetime:
        """When training is complete, if nothing happens."""
        return self.downloaded + timedelta(seconds=TRAINING_SECONDS)

    @property
    def uploaded(self) -> datetime:
        """When the output is written."""
        return self.trained + timedelta(seconds=UPLOADING_SECONDS)

    @property
    def out_of_time(self) -> datetime:
        """When MaxRuntimeInSeconds is over."""
        return self.started + timedelta(seconds=self.max_runtime)

    @property
    def max_runtime(self) -> int:
        """MaxRuntimeInSeconds."""
        asked = self.request.get("StoppingCondition", {})
        return int(asked.get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS))

    @property
    def last_metrics(self) -> dict[str, float]:
        """The last loss of training, and of validation where there is one."""
        found = {"reduced_train_loss": self.steps[-1][2]} if self.steps else {}
        if self.validation:
            found["val_loss"] = self.validation[max(self.validation)]
        return found

    def status(self) -> str:
        """TrainingJobStatus."""
        return self.outcome or ("InProgress" if self.stop_requested is None else "Stopping")

    def transitions(self, now: datetime) -> list[tuple[str, datetime]]:
        """The secondary statuses reached by now, with the moment each began.

        Args:
            now: The simulated time.
        """
        pending = self.pending_seconds > 0
        plan = [
            *([("Pending", self.created)] if pending else []),
            ("Starting", self.created + timedelta(seconds=self.pending_seconds)),
            ("Downloading", self.started),
            ("Training", self.downloaded),
            ("Uploading", self.trained),
        ]
        until = min(moment for moment in (now, self.stop_requested, self.ended) if moment is not None)
        # A phase that begins in the moment the job ends is never entered.
        over = self.ended is not None or self.stop_requested is not None
        found = [(name, at) for name, at in plan if at < until or (at == until and not over)]
        found = found or [plan[0]]
        if self.stop_requested is not None:
            found.append(("Stopping", self.stop_requested))
        if self.ended is not None:
            found.append((str(self.secondary), self.ended))
        return found

    def end(self, outcome: str, at: datetime, secondary: str, failure: str | None = None) -> None:
        """Reach a terminal status.

        Args:
            outcome: Completed, Failed or Stopped.
            at: When.
            secondary: The last secondary status.
            failure: The FailureReason, without the rehearsal's prefix.
        """
        self.outcome, self.ended, self.secondary = outcome, at, secondary
        self.failure = None if failure is None else failure_message(failure)[:1024]
        self.train = ()


class Passage:
    """What is due by the clock is brought about here, each effect once. It lives as long as the rehearsal.

    Args:
        account: The state.
        s3: The service's own S3 client.
        logs: The service's own CloudWatch Logs client.
        roles: What the account's roles may do.
    """

    def __init__(self, account: Account, *, s3: Any, logs: Any, roles: Roles) -> None:
        self._account = account
        self._s3 = s3
        self._logs = logs
        self._roles = roles

    def settle(self, job: Training) -> None:
        """Bring about everything that is due for one job.

        Args:
            job: A job that has not ended.
        """
        now = self._account.clock.now()
        stopped = None if job.stop_requested is None else job.stop_requested + timedelta(seconds=STOPPING_SECONDS)
        limit = min(moment for moment in (now, stopped, job.out_of_time) if moment is not None)
        due = job.downloaded
        try:
            if job.recipe is None and job.downloaded <= limit:
                self._download(job)
            self._log(job, limit)
            if stopped is not None and stopped <= min(now, job.out_of_time):
                job.end("Stopped", stopped, "Stopped")
            elif job.planned_failure is not None and job.downloaded + (job.trained - job.downloaded) / 2 <= limit:
                self._fail(job, job.downloaded + (job.trained - job.downloaded) / 2, job.planned_failure)
            elif job.uploaded <= limit and job.stop_requested is None:
                due = job.uploaded
                self._complete(job)
                job.end("Completed", job.uploaded, "Completed")
            elif job.out_of_time <= now:
                job.end("Stopped", job.out_of_time, "MaxRuntimeExceeded")
        except TrainingError as error:
            self._fail(job, due, str(error))

    def _fail(self, job: Training, at: datetime, reason: str) -> None:
        self._write(job, [(at, f"ERROR {reason}")])
        job.end("Failed", at, "Failed", reason)

    def write_again(self) -> None:
        """Write the lines of jobs that came out of a saved state."""
        now = self._account.clock.now()
        for job in self._account.trainings.values():
            self._log(job, job.ended or now)
            if job.failure is not None and job.ended is not None:
                self._write(job, [(job.ended, f"ERROR {job.failure}")])

    def _download(self, job: Training) -> None:
        channels = {channel["ChannelName"]: channel["DataSource"]["S3DataSource"] for channel in _channels(job)}
        try:
            recipe = read_recipe(b"".join(self._objects(job, channels["recipe"])))
        except RecipeError as error:
            raise TrainingError(str(error)) from None
        for name, source in channels.items():
            if name in {"train", "validation"} and source["S3DataType"] != "Converse":
                raise TrainingError(f"ClientError: channel {name} has S3DataType {source['S3DataType']}, not Converse")
        if unknown := channels.keys() - {"train", "validation", "recipe"}:
            raise TrainingError(f"ClientError: channel {min(unknown)} is unknown; name it train, validation or recipe")
        if "train" not in channels:
            raise TrainingError("ClientError: there is no channel train")
        train = self._records(job, channels["train"], recipe, validation=False, others=0)
        held_out: Sequence[Exchange] = ()
        if "validation" in channels:
            held_out = self._records(job, channels["validation"], recipe, validation=True, others=len(train))
        losses = training_losses(train, held_out, epochs=recipe.epochs, batch=recipe.batch, seed=self._account.seed)
        job.recipe, job.train, job.steps = recipe, tuple(train), losses.steps
        job.validation = {step: loss for step, _, loss in losses.validation} if held_out else {}
        job.escrow_uri = f"s3://{self._account.escrow_bucket}/{recipe.name}-{job.name}"

    def _objects(self, job: Training, source: Mapping[str, str]) -> list[bytes]:
        uri = source["S3Uri"]
        bucket, prefix = split_uri(uri)
        if not self._roles.allows(job.request["RoleArn"], "s3:GetObject", object_arn(uri)):
            raise TrainingError(f"ClientError: Data download failed: the role may not s3:GetObject {uri}")
        try:
            listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
            keys = [entry["Key"] for entry in listed if not entry["Key"].endswith("/")]
            bodies = [self._s3.get_object(Bucket=bucket, Key=key)["Body"] for key in keys]
            found = [body.read() for body in bodies]
        except (ClientError, BotoCoreError) as error:
            raise TrainingError(f"ClientError: Data download failed: {uri} cannot be read: {error}") from None
        if not found:
            raise TrainingError(f"ClientError: Data download failed: No S3 objects found under S3 URL {uri}")
        return found

    def _records(
        self, job: Training, source: Mapping[str, str], recipe: Recipe, *, validation: bool, others: int
    ) -> tuple[Exchange, ...]:
        lines = [line for data in self._objects(job, source) for line in data.split(b"\n")]
        checked = check_records(
            lines, base_model_id=recipe.base.customizable_id, validation=validation, other_records=others
        )
        if checked.problem is not None:
            raise TrainingError(f"AlgorithmError: the data at {source['S3Uri']} is not valid: {checked.problem}")
        return checked.records

    def _log(self, job: Training, until: datetime) -> None:
        """The lines of the steps that have been done by `until`, spread evenly over the training."""
        if job.recipe is None:
            return
        share = (until - job.downloaded) / (job.trained - job.downloaded)
        reached = min(len(job.steps), int(share * len(job.steps)))
        lines = []
        for step, epoch, loss in job.steps[job.logged : reached]:
            at = job.downloaded + (job.trained - job.downloaded) * (step + 1) / len(job.steps)
            scored = f", val_loss={job.validation[step]:.4f}" if step in job.validation else ""
            text = (
                f"Epoch {epoch}: {step + 1}/{len(job.steps)} global_step={step + 1:.1f}, reduced_train_loss={loss:.4f}"
            )
            lines.append((at, text + scored))
        if job.trained <= until and job.logged < len(job.steps):
            lines.append((job.trained, "Training is complete"))
        job.logged = max(job.logged, reached)
        self._write(job, lines)

    def _write(self, job: Training, lines: Sequence[tuple[datetime, str]]) -> None:
        if not lines:
            return
        stream = f"{job.name}/algo-1-{int(job.started.timestamp())}"
        for make, names in (
            (self._logs.create_log_group, {"logGroupName": LOG_GROUP}),
            (self._logs.create_log_stream, {"logGroupName": LOG_GROUP, "logStreamName": stream}),
        ):
            try:
                make(**names)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                    raise
        latest = time.time() + _LOG_AHEAD_SECONDS
        events = [{"timestamp": int(min(at.timestamp(), latest) * 1000), "message": message} for at, message in lines]
        for start in range(0, len(events), _LOG_BATCH):
            batch = events[start : start + _LOG_BATCH]
            self._logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=batch)

    def _complete(self, job: Training) -> None:
        assert job.recipe is not None  # it was read when training began
        output = job.request["OutputDataConfig"]
        bucket, prefix = split_uri(output["S3OutputPath"])
        folder = "/".join(filter(None, (prefix.strip("/"), job.name, "output")))
        manifest = json.dumps({"checkpoint_s3_bucket": job.escrow_uri}).encode()
        if output.get("CompressionType", "GZIP") == "NONE":
            key, body = f"{folder}/output/manifest.json", manifest
        else:
            key, body = f"{folder}/output.tar.gz", _tar("manifest.json", manifest)
        if not self._roles.allows(job.request["RoleArn"], "s3:PutObject", f"arn:aws:s3:::{bucket}/{key}"):
            raise TrainingError(f"ClientError: the role may not s3:PutObject s3://{bucket}/{key}")
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=body)
        except (ClientError, BotoCoreError) as error:
            raise TrainingError(f"ClientError: the output cannot be written to s3://{bucket}/{key}: {error}") from None
        checkpoint = Checkpoint(
            uri=job.escrow_uri,
            base=job.recipe.base,
            answers=NearestExample(job.train, transfer=self._account.transfer),
            full_rank=job.recipe.full_rank,
        )
        self._account.checkpoints[checkpoint.uri] = checkpoint
        group = job.request.get("ModelPackageConfig", {}).get("ModelPackageGroupArn")
        if group is not None:
            name = group.rpartition("/")[2]
            version = sum(f":model-package/{name}/" in arn for arn in self._account.packages) + 1
            prefix = f"arn:aws:sagemaker:{catalog.REGION}:{catalog.ACCOUNT}:model-package"
            job.package_arn = f"{prefix}/{name}/{version}"
            self._account.packages[job.package_arn] = checkpoint


def _channels(job: Training) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = job.request["InputDataConfig"]
    return found


def _tar(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
