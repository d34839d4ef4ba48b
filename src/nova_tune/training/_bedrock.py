"""Fine-tuning through Amazon Bedrock's model customization jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from nova_tune import aws
from nova_tune.costs import CostModel
from nova_tune.errors import (
    AWSError,
    BudgetExceeded,
    IncompleteAnswer,
    InvalidRequest,
    JobFailed,
    JobStopped,
    NameInUse,
    NotFound,
    PlanError,
    ServiceFault,
)
from nova_tune.manifest import template_of
from nova_tune.models import model as find_model
from nova_tune.polling import poll
from nova_tune.training._metrics import read_metrics
from nova_tune.values import CustomModel, JobState, TrainingJob

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from nova_tune.plan import TrainingPlan
    from nova_tune.polling import Clock
    from nova_tune.training._protocol import TrainingMetrics

_WAIT_S = 24 * 3600.0
_INTERVAL_S = 60.0
_NEWEST = 50
_ENDING = {JobState.STOPPING, JobState.STOPPED, JobState.COMPLETED, JobState.FAILED}


class BedrockTrainer:
    """Trains through ``CreateModelCustomizationJob``. It holds clients and no other state: make one where you need it.

    Credentials and region come from ``client``, else from ``session``, else from boto3's default session; without a
    region it raises. Making one calls nothing.

    Args:
        session: A boto3 session for Bedrock and S3.
        client: A ``bedrock`` client, used instead of the session's.
        s3: An S3 client, used instead of the session's; it reads metrics and manifests.

    Raises:
        ConfigurationError: There is no region.
    """

    def __init__(self, *, session: Any = None, client: Any = None, s3: Any = None) -> None:
        self._bedrock = aws.client("bedrock", client=client, session=session)
        self._session = session
        self._given_s3 = s3

    @property
    def _s3(self) -> Any:
        return aws.client("s3", client=self._given_s3, session=self._session)

    def start(self, plan: TrainingPlan) -> TrainingJob:
        """Start the job of this plan: one paid call. The same plan again finds the same job and pays nothing.

        A plan of the same content under another name is the same plan: it finds the job under its old name.

        Args:
            plan: What to train; every fault of it is found before the call.

        Raises:
            PlanError: The plan has faults, or this region does not train the model.
            BudgetExceeded: The estimate's high bound is above ``plan.max_cost_usd``.
            NameInUse: Another job has the name; it is in ``existing``.
            AWSError: AWS refused the job.
        """
        request = plan.to_request()
        self._guard_region(plan)
        self._guard_budget(plan)
        try:
            arn: str = aws.call(self._bedrock, "CreateModelCustomizationJob", **request)["jobArn"]
        except (InvalidRequest, NameInUse, ServiceFault, IncompleteAnswer) as error:
            job = self._same_job(plan, error)
            if job is None:
                raise
            return job
        try:
            return self._of(plan, self.refresh(arn))
        except AWSError:
            return self._of(plan, TrainingJob(arn=arn, name=plan.job_name, backend="bedrock", model=plan.model))

    def _guard_region(self, plan: TrainingPlan) -> None:
        known, here = find_model(plan.model), self._bedrock.meta.region_name
        if here != known.region.value:
            fault = (
                f"{known.title} is fine-tuned on Bedrock in {known.region.value} alone ({known.region.source}, read "
                f"{known.region.read}); this trainer is in {here}. Use a session of that region"
            )
            raise PlanError(fault, faults=[fault])

    @staticmethod
    def _guard_budget(plan: TrainingPlan) -> None:
        if plan.max_cost_usd is None:
            return
        estimate = CostModel().training(plan)
        high = estimate.bounds().high
        if high > plan.max_cost_usd:
            raise BudgetExceeded(
                f"the training may cost up to ${high:.2f}, above max_cost_usd={plan.max_cost_usd}; nothing was "
                f"started. Raise the budget, train on fewer records, or on fewer epochs\n{estimate}"
            )

    def _same_job(self, plan: TrainingPlan, error: AWSError) -> TrainingJob | None:
        """The job that this plan started before, when a refused or broken call turns out to have one."""
        try:
            answer = aws.call(self._bedrock, "GetModelCustomizationJob", jobIdentifier=plan.job_name)
        except NotFound:
            return self._renamed_job(plan)
        job = _job(answer)
        if answer.get("clientRequestToken") == plan.request_token:
            return self._of(plan, job)
        if isinstance(error, ServiceFault | IncompleteAnswer):
            return None
        raise NameInUse(
            f"{error}. The name {plan.job_name!r} belongs to another job, {job.arn} ({job.raw_state}), of other data "
            "or settings. Attach to it with trainer.refresh(error.existing), or give the plan another name",
            code=error.code, request_id=error.request_id, operation=error.operation, existing=job,
        ) from error  # fmt: skip

    def _renamed_job(self, plan: TrainingPlan) -> TrainingJob | None:
        """The job of the same content under another name, among the newest; only a job's own page tells its token."""
        page = aws.call(
            self._bedrock, "ListModelCustomizationJobs", maxResults=_NEWEST, sortBy="CreationTime",
            sortOrder="Descending",
        )  # fmt: skip
        for summary in page.get("modelCustomizationJobSummaries", []):
            answer = aws.call(self._bedrock, "GetModelCustomizationJob", jobIdentifier=summary["jobArn"])
            if answer.get("clientRequestToken") == plan.request_token:
                return self._of(plan, _job(answer))
        return None

    @staticmethod
    def _of(plan: TrainingPlan, job: TrainingJob) -> TrainingJob:
        return attrs.evolve(job, plan_digest=plan.digest, attempt=plan.attempt)

    def refresh(self, job: TrainingJob | str) -> TrainingJob:
        """Read where a job stands. Safe to repeat, from any process.

        Args:
            job: A job, its ARN or its name.

        Raises:
            NotFound: There is no such job here.
        """
        identifier = job if isinstance(job, str) else job.arn
        now = _job(aws.call(self._bedrock, "GetModelCustomizationJob", jobIdentifier=identifier))
        if isinstance(job, str):
            return now
        return attrs.evolve(now, plan_digest=job.plan_digest, attempt=job.attempt, extra=job.extra)

    def wait(
        self,
        job: TrainingJob | str,
        *,
        timeout_s: float = _WAIT_S,
        interval_s: float = _INTERVAL_S,
        on_change: Callable[[TrainingJob], None] | None = None,
        cancel: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> TrainingJob:
        """Block until the job has a model. Jobs take hours, and may queue for a day before they train.

        Args:
            job: A job, its ARN or its name.
            timeout_s: The longest wait, in seconds; 24 hours by default.
            interval_s: Seconds between two readings.
            on_change: Called with the job whenever its state or a sub-step changes.
            cancel: Set it from another thread to end the wait; the job goes on.
            clock: A clock of your own, for tests.

        Raises:
            JobFailed: It ended without a model.
            JobStopped: It was stopped.
            WaitTimeout: The time is over; the job runs on and is in ``waited_for``.
            WaitCancelled: ``cancel`` was set; the job runs on.
        """
        identifier, seen = (job, job) if isinstance(job, str) else (job.arn, job)

        def read() -> TrainingJob:
            nonlocal seen
            seen = self.refresh(job)
            return seen

        last = poll(
            read,
            done=lambda reading: reading.state.is_terminal,
            what=f"the training job {identifier}",
            timeout_s=timeout_s,
            interval_s=interval_s,
            waited_for=lambda: seen,
            resume=f"trainer.wait({identifier!r})",
            on_change=on_change,
            cancel=cancel,
            clock=clock,
        )
        return _completed(last)

    def stop(self, job: TrainingJob | str) -> TrainingJob:
        """Ask for the job to end; a job that has ended stays as it is. What was trained so far may be billed.

        Args:
            job: A job, its ARN or its name.
        """
        now = self.refresh(job)
        if now.state in _ENDING:
            return now
        try:
            aws.call(self._bedrock, "StopModelCustomizationJob", jobIdentifier=now.arn)
        except InvalidRequest:  # it ended, or somebody stopped it, between the two calls
            now = self.refresh(job)
            if now.state not in _ENDING:
                raise
            return now
        return self.refresh(job)

    def result(self, job: TrainingJob | str) -> CustomModel:
        """The tuned model of a job that completed, with the template it was trained with.

        Args:
            job: A job, its ARN or its name.

        Raises:
            JobFailed: It has no model: it failed, was stopped, or still runs.
        """
        now = _completed(self.refresh(job))
        model = aws.call(self._bedrock, "GetCustomModel", modelIdentifier=now.custom_model_arn)
        return CustomModel(
            arn=model["modelArn"],
            name=model["modelName"],
            model=now.model,
            status=model.get("modelStatus", "Active"),
            job_arn=now.arn,
            template=template_of(self._bedrock, self._s3, model),
        )

    def metrics(self, job: TrainingJob | str) -> TrainingMetrics:
        """The loss curves from the job's output in S3; empty until the service has written them.

        Args:
            job: A job, its ARN or its name.
        """
        return read_metrics(self._s3, self.refresh(job))


def _completed(job: TrainingJob) -> TrainingJob:
    """This job, when it has a model."""
    if job.state is JobState.COMPLETED:
        return job
    again = f"start it again with TrainingPlan(attempt={job.attempt + 1})"
    if job.state is JobState.STOPPED:
        raise JobStopped(f"the training job {job.name} was stopped; {again}", job=job, hint=again)
    if job.state is JobState.FAILED:
        why = job.failure or "AWS gave no reason"
        raise JobFailed(f"the training job {job.name} failed: {why}. Mend the cause, then {again}", job=job, hint=again)
    raise JobFailed(
        f"the training job {job.name} is {job.raw_state} and has no model yet; call trainer.wait(job)", job=job
    )


def _job(answer: dict[str, Any]) -> TrainingJob:
    details = answer.get("statusDetails") or {}
    steps = {
        key.removesuffix("Details"): str(value["status"])
        for key, value in details.items()
        if isinstance(value, dict) and "status" in value
    }
    return TrainingJob(
        arn=answer["jobArn"],
        name=answer["jobName"],
        backend="bedrock",
        model=_model_name(answer["baseModelArn"]),
        state=JobState.read(answer.get("status")),
        raw_state=answer.get("status"),
        steps=steps,
        custom_model_arn=answer.get("outputModelArn"),
        custom_model_name=answer.get("outputModelName"),
        output_uri=answer["outputDataConfig"].get("s3Uri"),
        failure=answer.get("failureMessage"),
        created_at=answer.get("creationTime"),
        ended_at=answer.get("endTime"),
        training_loss=(answer.get("trainingMetrics") or {}).get("trainingLoss"),
        validation_loss=next((entry.get("validationLoss") for entry in answer.get("validationMetrics") or []), None),
    )


def _model_name(arn: str) -> str:
    try:
        return find_model(arn).name
    except PlanError:
        return arn.rsplit("/", 1)[-1]
