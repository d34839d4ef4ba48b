"""The operations of SageMaker training jobs that run Nova recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.rehearsal import _catalog as catalog
from nova_tune.rehearsal._errors import ServiceError, invalid, not_offered
from nova_tune.rehearsal._listing import page
from nova_tune.rehearsal._trainings import Passage, Training

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nova_tune.rehearsal._account import Account
    from nova_tune.rehearsal._roles import Roles

_ECHOED = (
    "HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig", "ResourceConfig",
    "VpcConfig", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining", "TensorBoardOutputConfig", "Environment", "RetryStrategy", "ModelPackageConfig",
)  # fmt: skip
DEFAULT_PAGE = 10
"""Rows of a page when the caller names none (assumed)."""


class TrainingJobs:
    """SageMaker training jobs of one account; it lives as long as the rehearsal.

    Args:
        account: The state.
        passage: What brings about what is due.
        roles: What the account's roles may do.
    """

    def __init__(self, account: Account, *, passage: Passage, roles: Roles) -> None:
        self._account = account
        self._passage = passage
        self._roles = roles

    def operations(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        """The offered operations of SageMaker by name."""

        def settled(method: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
            def run(request: dict[str, Any]) -> dict[str, Any]:
                with self._account.lock:
                    self.settle()
                    return method(request)

            return run

        return {
            "CreateTrainingJob": settled(self.create),
            "DescribeTrainingJob": settled(self.describe),
            "ListTrainingJobs": settled(self.list),
            "StopTrainingJob": settled(self.stop),
        }

    def settle(self) -> None:
        """Bring about everything that is due by now, in the order of the jobs' creation."""
        for job in self._account.trainings.values():
            if job.outcome is None:
                self._passage.settle(job)

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateTrainingJob, for a Nova recipe."""
        account, name = self._account, request["TrainingJobName"]
        if name in account.trainings:
            raise ServiceError("ResourceInUse", f"Training job names must be unique: {name} is in use")
        channels = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
        if "recipe" not in channels or "ServerlessJobConfig" in request:
            raise not_offered("The rehearsal runs training jobs with a Nova recipe on a channel 'recipe' alone")
        for channel in request["InputDataConfig"]:
            if "S3DataSource" not in channel["DataSource"]:
                raise invalid(f"The channel {channel['ChannelName']} must have an S3DataSource")
        self._roles.check_trust(request["RoleArn"], "sagemaker.amazonaws.com")
        self._check_instances(request.get("ResourceConfig", {}))
        job = Training(
            arn=f"arn:aws:sagemaker:{catalog.REGION}:{catalog.ACCOUNT}:training-job/{name}",
            name=name,
            sequence=account.next_sequence(),
            created=account.clock.now(),
            request=request,
            planned_failure=account.faults.take_job_failure(),
            pending_seconds=account.faults.take_job_queue(),
        )
        account.trainings[name] = job
        return {"TrainingJobArn": job.arn}

    def _check_instances(self, asked: Mapping[str, Any]) -> None:
        kind, count = asked.get("InstanceType"), asked.get("InstanceCount", 1)
        if kind is None:
            raise invalid("ResourceConfig.InstanceType is required")
        quota = f"{kind} for training job usage"
        limit = self._account.quotas.get(quota, 0)
        used = sum(
            job.request["ResourceConfig"].get("InstanceCount", 1)
            for job in self._account.trainings.values()
            if job.outcome is None and job.request["ResourceConfig"]["InstanceType"] == kind
        )
        if used + count > limit:
            raise ServiceError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{quota}' is {limit:g} Instances, with current utilization of {used} "
                f"Instances and a request delta of {count} Instances. Please use AWS Service Quotas to request an "
                "increase for this quota.",
            )

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeTrainingJob."""
        job = self._find(request)
        now = self._account.clock.now()
        entered = job.transitions(now)
        ends = [at for _, at in entered[1:]] + [job.ended]
        transitions = []
        for (status, start), end in zip(entered, ends, strict=True):
            transition = {"Status": status, "StartTime": start, "StatusMessage": f"[rehearsal] {status}"}
            transitions.append(transition if end is None else {**transition, "EndTime": end})
        output = job.request["OutputDataConfig"]
        folder = f"{output['S3OutputPath'].rstrip('/')}/{job.name}/output"
        described = {
            "TrainingJobName": job.name,
            "TrainingJobArn": job.arn,
            # AWS names this object for every job; for Nova it is not the model.
            "ModelArtifacts": {"S3ModelArtifacts": f"{folder}/model.tar.gz"},
            "TrainingJobStatus": job.status(),
            "SecondaryStatus": entered[-1][0],
            **{name: job.request[name] for name in _ECHOED if name in job.request},
            "StoppingCondition": {"MaxRuntimeInSeconds": job.max_runtime, **job.request.get("StoppingCondition", {})},
            "CreationTime": job.created,
            "LastModifiedTime": entered[-1][1],
            "SecondaryStatusTransitions": transitions,
        }
        if job.started <= (job.ended or now):
            described["TrainingStartTime"] = job.started
        if job.ended is not None:
            seconds = max(1, int((job.ended - job.started).total_seconds()))
            described |= {
                "TrainingEndTime": job.ended,
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": seconds,
            }
            described["FinalMetricDataList"] = [
                {"MetricName": name, "Value": value, "Timestamp": job.ended} for name, value in job.last_metrics.items()
            ]
        if job.escrow_uri:
            described["CheckpointConfig"] = {"S3Uri": job.escrow_uri}
        if job.failure is not None:
            described["FailureReason"] = job.failure
        if job.package_arn is not None:
            described["OutputModelPackageArn"] = job.package_arn
        return described

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListTrainingJobs. A page is cut before StatusEquals filters it.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ListTrainingJobs.html, read 2026-11-21.
        """
        now = self._account.clock.now()
        after, before = request.get("LastModifiedTimeAfter"), request.get("LastModifiedTimeBefore")
        wanted = request.get("StatusEquals")
        first = wanted is not None and "MaxResults" not in request
        rows = [
            job
            for job in self._account.trainings.values()
            if (after is None or job.transitions(now)[-1][1] > after)
            and (before is None or job.transitions(now)[-1][1] < before)
            and (not first or job.status() == wanted)
        ]
        keys: dict[str, Callable[[Training], Any]] = {"Name": lambda job: job.name, "Status": Training.status}
        asked = {name[0].lower() + name[1:]: value for name, value in request.items()}
        jobs, rest = page(
            rows,
            {"maxResults": DEFAULT_PAGE, "sortOrder": "Ascending", **asked},
            after="creationTimeAfter",
            before="creationTimeBefore",
            by=keys.get(request.get("SortBy", "CreationTime")),
        )
        summaries = [self._summary(job) for job in jobs if wanted in {None, job.status()}]
        more = {"NextToken": rest["nextToken"]} if rest else {}
        return {"TrainingJobSummaries": summaries, **more}

    def _summary(self, job: Training) -> dict[str, Any]:
        entered = job.transitions(self._account.clock.now())
        summary = {
            "TrainingJobName": job.name,
            "TrainingJobArn": job.arn,
            "CreationTime": job.created,
            "LastModifiedTime": entered[-1][1],
            "TrainingJobStatus": job.status(),
        }
        return summary if job.ended is None else {**summary, "TrainingEndTime": job.ended}

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopTrainingJob. That a job which has ended is refused is assumed."""
        job = self._find(request)
        if job.outcome is not None:
            raise invalid(f"The request was rejected because the training job is in status {job.outcome}.")
        if job.stop_requested is None:
            job.stop_requested = self._account.clock.now()
        return {}

    def _find(self, request: Mapping[str, Any]) -> Training:
        name = request["TrainingJobName"]
        if name not in self._account.trainings:
            raise invalid("Requested resource not found.")
        return self._account.trainings[name]
