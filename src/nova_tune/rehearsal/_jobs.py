"""The operations of model customization jobs, and the passage of a job through its life."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._account import Job, Model
from nova_tune.rehearsal._errors import conflict, invalid, not_found
from nova_tune.rehearsal._listing import page
from nova_tune.rehearsal._quotas import CONCURRENT_JOBS, CUSTOM_MODELS
from nova_tune.rehearsal._training import DataError, object_arn, read_data, split_uri, train, validation_uris

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from nova_tune.rehearsal._account import Account
    from nova_tune.rehearsal._roles import Roles

_PHASES = ("validationDetails", "dataProcessingDetails", "trainingDetails")
_INHERITED = ("trainingDataConfig", "outputDataConfig", "hyperParameters", "validationDataConfig", "customizationType")
_ECHOED = ("hyperParameters", "customizationType", "vpcConfig", "clientRequestToken")


class Jobs:
    """Model customization jobs of one account; it lives as long as the rehearsal.

    Nothing runs in the background. A job's state follows from the clock, and :meth:`settle` brings about what
    is due, each effect once, whenever somebody asks.

    Args:
        account: The state.
        s3: The service's own S3 client.
        roles: What the account's roles may do.
    """

    def __init__(self, account: Account, *, s3: Any, roles: Roles) -> None:
        self._account = account
        self._s3 = s3
        self._roles = roles

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateModelCustomizationJob."""
        arn = self._account.once("CreateModelCustomizationJob", request, lambda: self._create(request))
        return {"jobArn": arn}

    def _create(self, request: Mapping[str, Any]) -> str:
        account = self._account
        base = _base_model(request)
        _check_hyperparameters(request.get("hyperParameters", {}))
        for job in account.jobs.values():
            if job.name == request["jobName"]:
                raise conflict(f"The job name {job.name} is already in use by {job.arn}")
            if job.request["customModelName"] == request["customModelName"] and job.outcome is None:
                raise conflict(f"The model name {request['customModelName']} is being made by {job.arn}")
        for model in account.models.values():
            if model.name == request["customModelName"]:
                raise conflict(f"The model name {model.name} is already in use by {model.arn}")
        running = sum(job.outcome is None for job in account.jobs.values())
        account.quotas.check(CONCURRENT_JOBS, running)
        account.quotas.check(CUSTOM_MODELS, len(account.models))
        self._roles.check_trust(request["roleArn"], "bedrock.amazonaws.com")
        uris = [request["trainingDataConfig"]["s3Uri"], request["outputDataConfig"]["s3Uri"]]
        self._check_buckets([*uris, *validation_uris(request)])
        job = Job(
            arn=account.new_arn(f"model-customization-job/{base.customizable_id}"),
            name=request["jobName"],
            sequence=account.next_sequence(),
            created=account.clock.now(),
            request=request,
            base=base,
            model_arn=account.new_arn(f"custom-model/{base.customizable_id}"),
            planned_failure=account.faults.take_job_failure(),
            queued_seconds=account.faults.take_job_queue(),
        )
        account.jobs[job.arn] = job
        account.tags[job.arn] = {tag["key"]: tag["value"] for tag in request.get("jobTags", [])}
        return job.arn

    def _check_buckets(self, uris: list[str]) -> None:
        for bucket in dict.fromkeys(split_uri(uri)[0] for uri in uris):
            try:
                region = self._s3.head_bucket(Bucket=bucket).get("BucketRegion", catalog.REGION)
            except ClientError:
                raise invalid(f"The bucket {bucket} does not exist or cannot be reached by the role") from None
            if region != catalog.REGION:
                raise invalid(f"The bucket {bucket} is in {region}; it must be in the job's region, {catalog.REGION}")

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetModelCustomizationJob, by name or by ARN."""
        job = self._find(request["jobIdentifier"])
        output = {
            "jobArn": job.arn,
            "jobName": job.name,
            "outputModelName": job.request["customModelName"],
            "roleArn": job.request["roleArn"],
            "baseModelArn": catalog.foundation_model_arn(job.base.customizable_id),
            "trainingDataConfig": job.request["trainingDataConfig"],
            "validationDataConfig": job.request.get("validationDataConfig", {"validators": []}),
            "outputDataConfig": job.request["outputDataConfig"],
            **{name: job.request[name] for name in _ECHOED if name in job.request},
            **self._progress(job),
        }
        if job.outcome == "Completed":
            output |= {"outputModelArn": job.model_arn, **metrics(job)}
        if job.failure is not None:
            output["failureMessage"] = job.failure
        return output

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListModelCustomizationJobs."""
        wanted = request.get("statusEquals")
        rows = [job for job in self._account.jobs.values() if wanted in {None, _status(job)}]
        jobs, rest = page(rows, request, after="creationTimeAfter", before="creationTimeBefore")
        return {"modelCustomizationJobSummaries": [self._summary(job) for job in jobs], **rest}

    def _summary(self, job: Job) -> dict[str, Any]:
        summary = {
            "jobArn": job.arn,
            "jobName": job.name,
            "baseModelArn": catalog.foundation_model_arn(job.base.customizable_id),
            **self._progress(job),
        }
        if "customizationType" in job.request:
            summary["customizationType"] = job.request["customizationType"]
        if job.outcome == "Completed":
            summary |= {"customModelArn": job.model_arn, "customModelName": job.request["customModelName"]}
        return summary

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopModelCustomizationJob."""
        job = self._find(request["jobIdentifier"])
        if _status(job) != "InProgress":
            raise conflict(f"The job {job.arn} is {_status(job)} and cannot be stopped")
        job.stop_requested = self._account.clock.now()
        return {}

    def _find(self, identifier: str) -> Job:
        for job in self._account.jobs.values():
            if identifier in {job.arn, job.name}:
                return job
        raise not_found(f"Could not find the model customization job {identifier}")

    def settle(self) -> None:
        """Bring about everything that is due by now, in the order of the jobs' creation."""
        now = self._account.clock.now()
        for job in self._account.jobs.values():
            if job.outcome is None:
                self._settle(job, now)

    def _settle(self, job: Job, now: datetime) -> None:
        stopped_at = job.stopped_at
        limit = now if stopped_at is None else min(now, stopped_at)
        try:
            if not job.data_checked and job.validated_at <= limit:
                due = job.validated_at
                self._check_permissions(job)
                read_data(job, self._s3)
                job.data_checked = True
            if stopped_at is not None:
                if stopped_at <= now:
                    job.end("Stopped", stopped_at)
            elif job.planned_failure is not None:
                middle = job.training_at + (job.trained_at - job.training_at) / 2
                if middle <= now:
                    job.end("Failed", middle, job.planned_failure)
            elif job.trained_at <= now:
                due = job.trained_at
                self._complete(job)
        except DataError as error:
            job.end("Failed", due, str(error))

    def _check_permissions(self, job: Job) -> None:
        """That the role may read the data and write the output, by its own policies."""
        reads = [job.request["trainingDataConfig"]["s3Uri"], *validation_uris(job.request)]
        wanted = [("s3:GetObject", uri) for uri in reads] + [("s3:PutObject", job.request["outputDataConfig"]["s3Uri"])]
        for action, uri in wanted:
            if not self._roles.allows(job.request["roleArn"], action, object_arn(uri)):
                raise DataError(f"The role {job.request['roleArn']} is not allowed {action} on {uri}")

    def _complete(self, job: Job) -> None:
        account = self._account
        answers = train(job, self._s3, account.seed, transfer=account.transfer)
        account.models[job.model_arn] = Model(
            arn=job.model_arn,
            name=job.request["customModelName"],
            sequence=account.next_sequence(),
            created=job.trained_at,
            base=job.base,
            answers=answers,
            origin={
                "jobName": job.name,
                "jobArn": job.arn,
                "baseModelArn": catalog.foundation_model_arn(job.base.customizable_id),
                **{name: job.request[name] for name in _INHERITED if name in job.request},
                **metrics(job),
            },
        )
        tags = job.request.get("customModelTags", [])
        account.tags[job.model_arn] = {tag["key"]: tag["value"] for tag in tags}
        job.end("Completed", job.trained_at)

    def _progress(self, job: Job) -> dict[str, Any]:
        now = self._account.clock.now()
        starts = (job.created, job.validated_at, job.training_at)
        ends = (job.validated_at, job.processed_at, job.trained_at)
        reached = job.ended or now
        details = {
            phase: _phase(job, start, end, reached) for phase, start, end in zip(_PHASES, starts, ends, strict=True)
        }
        changes = (job.stop_requested, job.ended, *(moment for moment in starts if moment <= reached))
        progress = {
            "status": _status(job),
            "statusDetails": details,
            "creationTime": job.created,
            "lastModifiedTime": max(moment for moment in changes if moment is not None),
        }
        if job.ended is not None:
            progress["endTime"] = job.ended
        return progress


def metrics(job: Job) -> dict[str, Any]:
    """The members trainingMetrics and validationMetrics of a completed job and of its model.

    Args:
        job: A completed job.
    """
    found: dict[str, Any] = {"trainingMetrics": {"trainingLoss": job.training_loss}}
    if job.validation_losses:
        found["validationMetrics"] = [{"validationLoss": loss} for loss in job.validation_losses]
    return found


def _status(job: Job) -> str:
    return job.outcome or ("InProgress" if job.stop_requested is None else "Stopping")


def _phase(job: Job, start: datetime, end: datetime, reached: datetime) -> dict[str, Any]:
    if reached < start or (reached == start and job.ended is not None):
        return {"status": "NotStarted"}
    # A job that failed at the end of a phase failed in it.
    over = reached >= end and not (reached == end and job.outcome == "Failed")
    status = "Completed" if over else _status(job)
    return {"status": status, "creationTime": start, "lastModifiedTime": min(reached, end)}


def _base_model(request: Mapping[str, Any]) -> catalog.BaseModel:
    identifier = request["baseModelIdentifier"]
    base = catalog.base_model(identifier)
    if base is None:
        known = ", ".join(model.customizable_id for model in catalog.BASE_MODELS)
        raise invalid(f"The model {identifier} does not support customization. These do: {known}")
    kind = request.get("customizationType", "FINE_TUNING")
    if kind != "FINE_TUNING" or "customizationConfig" in request:
        raise invalid(f"The rehearsal does supervised fine-tuning (FINE_TUNING) alone, not {kind}")
    if "s3Uri" not in request["trainingDataConfig"]:
        raise invalid("trainingDataConfig.s3Uri is required for FINE_TUNING")
    return base


def _check_hyperparameters(given: Mapping[str, str]) -> None:
    faults = []
    for name, text in given.items():
        known = catalog.HYPERPARAMETERS.get(name)
        if known is None:
            faults.append(f"unknown hyperparameter {name}")
            continue
        try:
            value = Decimal(int(text)) if known.kind == "int" else Decimal(text)
        except (ValueError, InvalidOperation):
            faults.append(f"{name} is not a number: {text[:40]!r}")
            continue
        if not (value.is_finite() and known.low <= value <= known.high):
            faults.append(f"{name} must be between {known.low} and {known.high}, not {text}")
    if faults:
        raise invalid("Invalid hyperparameters: " + "; ".join(faults))
