"""Training through Bedrock: one paid job for one plan, found again from anywhere, and honest about its end."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys
import threading
from decimal import Decimal

import attrs
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from nova_tune import BedrockTrainer, Dataset, JobState, Trainer, TrainingJob, TrainingPlan, arns, aws, formats
from nova_tune.errors import (
    AccessDenied,
    BudgetExceeded,
    ConfigurationError,
    InvalidRequest,
    JobFailed,
    JobStopped,
    NameInUse,
    NotFound,
    PlanError,
    ServiceFault,
    WaitCancelled,
    WaitTimeout,
)
from nova_tune.training import LossPoint, TrainingMetrics

FIGURES = pathlib.Path(__file__).parents[2] / "shared" / "data" / "metrics"
TRAINED_S = 8000
NUMBERS = itertools.count()


@pytest.fixture
def trainer(rehearsal, session):
    client = session.client("bedrock", config=Config(retries={"total_max_attempts": 1}))
    yield BedrockTrainer(session=session, client=client)
    client.close()
    rehearsal.faults.clear()


@pytest.fixture(scope="module")
def data(rehearsal, session, questions):
    rows = Dataset.from_records(questions).convert(formats.text_to_sql())
    return rows.upload(f"s3://{rehearsal.bucket}/training/", session=session)


@pytest.fixture
def plan(rehearsal, data):
    """A plan of its own for each test: its output prefix is part of its content."""
    name = f"training-test-{next(NUMBERS)}x"
    return TrainingPlan(
        name=name,
        model="nova-micro",
        role_arn=rehearsal.role_arn,
        train=data,
        output=f"s3://{rehearsal.bucket}/out/{name}/",
    )


def jobs_named(session, name):
    pages = session.client("bedrock").get_paginator("list_model_customization_jobs").paginate(nameContains=name)
    return [job["jobArn"] for page in pages for job in page["modelCustomizationJobSummaries"]]


def refusal(code, message="no"):
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "x")


# Starting


def test_a_plan_becomes_one_job(session, trainer, plan):
    """start returns the running job; the same plan again, in another trainer, finds it and pays nothing."""
    job = trainer.start(plan)
    assert (job.name, job.backend, job.model, job.state) == (plan.name, "bedrock", "nova-micro", JobState.IN_PROGRESS)
    assert (job.plan_digest, job.attempt) == (plan.digest, 1)
    assert BedrockTrainer(session=session).start(plan).arn == job.arn
    assert jobs_named(session, plan.name) == [job.arn]


def test_a_name_may_be_left_to_the_content(trainer, plan):
    """Without a name the job is named by its content, and found again by it."""
    job = trainer.start(attrs.evolve(plan, name=None))
    assert job.name.startswith("nova-micro-")
    assert trainer.start(attrs.evolve(plan, name=None)).arn == job.arn


def test_other_tags_make_no_other_job(session, trainer, plan):
    """A tag that changed between two tries of a task does not start a second paid job."""
    job = trainer.start(plan)
    assert trainer.start(attrs.evolve(plan, tags={"run": "2"})).arn == job.arn
    assert jobs_named(session, plan.name) == [job.arn]


def test_another_name_makes_no_other_job(session, trainer, plan):
    """A task that names its plan anew on each try, as schedulers do, finds the job of its first try."""
    job = trainer.start(plan)
    again = trainer.start(attrs.evolve(plan, name=f"{plan.name}-retry"))
    assert (again.arn, again.name) == (job.arn, plan.name)
    assert jobs_named(session, plan.name) == [job.arn]


def test_a_job_whose_answer_was_lost_is_found(rehearsal, session, trainer, plan):
    """The answer to the paid call breaks off: the job that it started is found by name and token."""
    rehearsal.faults.add("CreateModelCustomizationJob", cut="body")
    job = trainer.start(plan)
    assert jobs_named(session, plan.name) == [job.arn]
    assert (job.plan_digest, job.attempt) == (plan.digest, 1)


def test_a_call_that_never_arrived_is_an_error_and_can_be_repeated(rehearsal, session, trainer, plan):
    """A fault before the job existed is raised; trying again starts the one job."""
    rehearsal.faults.add("CreateModelCustomizationJob", error="InternalServerException")
    with pytest.raises(ServiceFault):
        trainer.start(plan)
    assert jobs_named(session, plan.name) == []
    started = trainer.start(plan)
    assert jobs_named(session, plan.name) == [started.arn]


def test_a_fault_beside_a_stranger_of_the_same_name_is_the_fault(rehearsal, trainer, plan):
    """A broken call is not blamed on the name when nobody knows whether it arrived."""
    trainer.start(attrs.evolve(plan, hyperparameters={"epochs": 5}))
    rehearsal.faults.add("CreateModelCustomizationJob", error="InternalServerException")
    with pytest.raises(ServiceFault):
        trainer.start(plan)


def test_a_taken_name_carries_the_job_to_attach_to(trainer, plan):
    """Other content under the same name is refused; the error holds the other job and AWS's own words."""
    job = trainer.start(plan)
    with pytest.raises(NameInUse, match=r"trainer.refresh\(error.existing\)") as caught:
        trainer.start(attrs.evolve(plan, hyperparameters={"epochs": 3}))
    assert caught.value.existing.arn == job.arn
    assert (caught.value.code, caught.value.operation) == ("ConflictException", "CreateModelCustomizationJob")
    assert "already in use" in str(caught.value)
    assert trainer.refresh(caught.value.existing).arn == job.arn


def test_a_refusal_of_the_service_is_raised(trainer, plan):
    """A role that does not exist is refused by the service, in its words."""
    stranger = attrs.evolve(plan, role_arn="arn:aws:iam::123456789012:role/nobody")
    with pytest.raises(InvalidRequest, match="nobody does not exist"):
        trainer.start(stranger)


def test_a_job_that_cannot_be_read_back_is_handed_out_all_the_same(rehearsal, session, trainer, plan):
    """The job was paid for; when reading it fails, its ARN is not lost."""
    rehearsal.faults.add("GetModelCustomizationJob", error="AccessDeniedException")
    job = trainer.start(plan)
    assert jobs_named(session, plan.name) == [job.arn]
    assert (job.name, job.state, job.plan_digest) == (plan.name, JobState.IN_PROGRESS, plan.digest)


def test_a_plan_with_faults_costs_no_call(scripted, plan):
    """Faults of the plan are found before anything is sent."""
    client = scripted("bedrock")
    with pytest.raises(PlanError):
        BedrockTrainer(client=client).start(attrs.evolve(plan, role_arn="x"))
    assert client.asked == []


def test_another_region_is_refused_before_the_call(scripted, plan):
    """Nova is fine-tuned in us-east-1 alone; the error tells the source and the day it was read."""
    client = scripted("bedrock", region="eu-west-1")
    with pytest.raises(PlanError, match=r"us-east-1 alone .*docs.aws.amazon.com.* read 2026-11-21.* eu-west-1"):
        BedrockTrainer(client=client).start(plan)
    assert client.asked == []


def test_a_budget_is_kept_before_the_call(scripted, plan):
    """A high bound above max_cost_usd starts nothing, and the error shows the estimate."""
    client = scripted("bedrock")
    with pytest.raises(BudgetExceeded, match="nothing was started"):
        BedrockTrainer(client=client).start(attrs.evolve(plan, max_cost_usd=Decimal("0.0000001")))
    assert client.asked == []


def test_a_budget_that_suffices_is_no_obstacle(trainer, plan):
    """A generous budget changes nothing."""
    assert trainer.start(attrs.evolve(plan, max_cost_usd=1000)).state is JobState.IN_PROGRESS


def test_without_a_region_there_is_no_trainer(session):
    """Making a trainer without client, session and region raises at once."""
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        BedrockTrainer()


def test_it_is_a_trainer(trainer):
    """BedrockTrainer keeps the protocol."""
    assert isinstance(trainer, Trainer)


# Finding again


def test_a_job_is_read_by_value_name_and_arn(trainer, plan):
    """refresh takes what a caller has; only the value knows the plan's digest and attempt."""
    job = trainer.start(attrs.evolve(plan, attempt=2))
    kept = attrs.evolve(job, extra={"ticket": 7})
    assert trainer.refresh(kept) == kept
    for identifier in (job.arn, job.name):
        assert trainer.refresh(identifier) == attrs.evolve(job, plan_digest=None, attempt=1)
    with pytest.raises(NotFound):
        trainer.refresh("no-such-job")


def test_a_job_is_picked_up_by_another_process(rehearsal, trainer, plan):
    """A job's JSON is all that another process needs."""
    job = trainer.start(plan)
    code = (
        "import json, sys\nfrom nova_tune import BedrockTrainer, TrainingJob\n"
        "job = BedrockTrainer().refresh(TrainingJob.from_dict(json.load(sys.stdin)))\n"
        "print(json.dumps(job.to_dict()))"
    )
    environ = {**rehearsal.environ(os.environ), "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], input=json.dumps(job.to_dict()), env=environ, text=True,
                         capture_output=True, check=False, timeout=60)  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert TrainingJob.from_dict(json.loads(run.stdout)) == job


def answer(**changes):
    arn = "arn:aws:bedrock:us-east-1:123456789012:model-customization-job/amazon.nova-micro-v1:0:128k/abcdefghijkl"
    given = {
        "jobArn": arn,
        "jobName": "sql",
        "outputModelName": "sql",
        "roleArn": "role",
        "creationTime": None,
        "baseModelArn": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0:128k",
        "trainingDataConfig": {},
        "validationDataConfig": {"validators": []},
        "outputDataConfig": {},
        "status": "InProgress",
    }
    return given | changes


def test_a_state_of_tomorrow_is_kept_raw(scripted):
    """A state that AWS invents is unknown, its word is kept, and it ends no wait."""
    client = scripted("bedrock", get_model_customization_job=[answer(status="Paused")])
    job = BedrockTrainer(client=client).refresh("sql")
    assert (job.state, job.raw_state) == (JobState.UNKNOWN, "Paused")
    assert not job.state.is_terminal


def test_what_aws_leaves_out_is_none(scripted):
    """Status, sub-steps, losses and output are optional in the service model, and another base keeps its id."""
    told = answer(baseModelArn="arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-v1")
    del told["status"]
    client = scripted("bedrock", get_model_customization_job=[told, told])
    trainer = BedrockTrainer(client=client)
    job = trainer.refresh("sql")
    assert (job.state, job.raw_state, job.steps, job.model) == (JobState.UNKNOWN, None, {}, "amazon.titan-v1")
    assert (job.training_loss, job.validation_loss, job.output_uri, job.ended_at) == (None, None, None, None)


def test_an_output_that_is_not_told_has_no_metrics(scripted):
    """Without an output prefix there is nothing to read."""
    client = scripted("bedrock", get_model_customization_job=[answer()])
    assert BedrockTrainer(client=client, s3=scripted("s3")).metrics("sql") == TrainingMetrics()


# Waiting


def test_waiting_tells_every_step_and_ends_with_the_model(trainer, plan, clock):
    """on_change hears validation, processing and training; the job that comes back has its model and loss."""
    heard = []
    job = trainer.wait(trainer.start(plan), on_change=heard.append, clock=clock, interval_s=100)
    assert (job.state, job.raw_state) == (JobState.COMPLETED, "Completed")
    assert job.plan_digest == plan.digest
    assert job.custom_model_arn
    assert job.training_loss > 0
    assert job.ended_at > job.created_at
    assert heard[0].steps == {"validation": "InProgress", "dataProcessing": "NotStarted", "training": "NotStarted"}
    assert {tuple(each.steps.values()) for each in heard} == {
        ("InProgress", "NotStarted", "NotStarted"),
        ("Completed", "InProgress", "NotStarted"),
        ("Completed", "Completed", "InProgress"),
        ("Completed", "Completed", "Completed"),
    }
    assert len(heard) == 4


def test_a_timeout_hands_back_the_job_as_last_seen(trainer, plan, clock):
    """The job goes on; the error carries its newest reading, with which the wait goes on."""
    job = trainer.start(plan)
    with pytest.raises(WaitTimeout, match=rf"trainer.wait\('{job.arn}'\)") as caught:
        trainer.wait(job, timeout_s=300, clock=clock)
    assert caught.value.waited_for.steps["validation"] == "Completed"
    assert trainer.wait(caught.value.waited_for, clock=clock).state is JobState.COMPLETED


def test_a_cancelled_wait_leaves_the_job_running(trainer, plan, clock):
    """Cancelling ends the wait alone."""
    job = trainer.start(plan)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(WaitCancelled) as caught:
        trainer.wait(job.name, cancel=cancel, clock=clock)
    assert caught.value.waited_for == job.name
    assert trainer.refresh(job).state is JobState.IN_PROGRESS


def test_faults_while_waiting_are_read_again(rehearsal, trainer, plan, clock):
    """Throttling, 5xx and cut bodies between two readings do not end a wait of hours."""
    job = trainer.start(plan)
    for fault in ({"error": "ThrottlingException"}, {"error": "InternalServerException"}, {"cut": "body"}):
        rehearsal.faults.add("GetModelCustomizationJob", **fault, after=1)
    assert trainer.wait(job, clock=clock).state is JobState.COMPLETED
    assert len(rehearsal.faults) == 0


def test_lost_permissions_end_a_wait_at_once(rehearsal, trainer, plan, clock):
    """What waiting cannot mend is raised within one reading."""
    job = trainer.start(plan)
    rehearsal.faults.add("GetModelCustomizationJob", error="AccessDeniedException", after=2)
    with pytest.raises(AccessDenied):
        trainer.wait(job, clock=clock)
    assert len(clock.slept) == 2


def test_a_failed_job_names_the_line_and_the_remedy(*, rehearsal, session, trainer, plan, data, clock):
    """Bad data ends in JobFailed with the service's words, the line and attempt=2; the job is in the error."""
    body = aws.read_object(session.client("s3"), arns.s3(data.uri)).splitlines(keepends=True)
    body[2] = b'{"schemaVersion": "bedrock-conversation-2024", "messages": []}\n'
    uri = arns.S3Uri(rehearsal.bucket, "training/bad.jsonl")
    aws.put_object(session.client("s3"), uri, b"".join(body), content_type="application/jsonl")
    bad = attrs.evolve(plan, train=attrs.evolve(data, uri=str(uri), sha256="0" * 64))
    with pytest.raises(JobFailed, match=r"line 3.*TrainingPlan\(attempt=2\)") as caught:
        trainer.wait(trainer.start(bad), clock=clock)
    assert caught.value.job.state is JobState.FAILED
    assert caught.value.hint == "start it again with TrainingPlan(attempt=2)"
    assert not isinstance(caught.value, JobStopped)
    with pytest.raises(JobFailed):
        trainer.result(caught.value.job)


def test_attempt_two_is_the_remedy(rehearsal, trainer, plan, clock):
    """A plan whose job failed finds the failed job again; attempt=2 is a new job, which may succeed."""
    rehearsal.faults.fail_next_job("the service tripped")
    with pytest.raises(JobFailed, match="the service tripped") as caught:
        trainer.wait(trainer.start(plan), clock=clock)
    failed = trainer.start(plan)
    assert (failed.arn, failed.state) == (caught.value.job.arn, JobState.FAILED)
    second = trainer.wait(trainer.start(attrs.evolve(plan, attempt=2)), clock=clock)
    assert (second.state, second.attempt) == (JobState.COMPLETED, 2)
    assert second.arn != failed.arn


def test_a_failure_without_words_says_so(scripted):
    """AWS may give no reason; the error says that instead of None."""
    client = scripted("bedrock", get_model_customization_job=[answer(status="Failed")])
    with pytest.raises(JobFailed, match="AWS gave no reason"):
        BedrockTrainer(client=client).wait("sql")


# Stopping


def test_stopping_is_idempotent(trainer, plan, clock):
    """Stop while it runs, while it stops and after: one effect, no error, and waiting says JobStopped."""
    job = trainer.start(plan)
    assert trainer.stop(job).state is JobState.STOPPING
    assert trainer.stop(job.name).state is JobState.STOPPING
    with pytest.raises(JobStopped, match=r"was stopped.*attempt=2") as caught:
        trainer.wait(job, clock=clock)
    assert caught.value.job.state is JobState.STOPPED
    assert trainer.stop(job).state is JobState.STOPPED
    assert isinstance(caught.value, JobFailed)


def test_stopping_what_has_completed_changes_nothing(rehearsal, trainer, plan):
    """A job that ended stays as it is."""
    job = trainer.start(plan)
    rehearsal.advance(TRAINED_S)
    assert trainer.stop(job).state is JobState.COMPLETED


@pytest.mark.parametrize("word", ["Completed", "Stopping"])
def test_a_job_that_ends_while_it_is_stopped_is_no_error(scripted, word):
    """Between reading and stopping it ended, or somebody else stopped it: that is what was asked for."""
    client = scripted(
        "bedrock",
        get_model_customization_job=[answer(), answer(status=word)],
        stop_model_customization_job=[refusal("ConflictException")],
    )
    assert BedrockTrainer(client=client).stop("sql").raw_state == word


def test_a_job_that_cannot_be_stopped_is_an_error(scripted):
    """A refusal of a job that goes on is passed on."""
    client = scripted(
        "bedrock",
        get_model_customization_job=[answer(), answer()],
        stop_model_customization_job=[refusal("ConflictException", "not now")],
    )
    with pytest.raises(InvalidRequest, match="not now"):
        BedrockTrainer(client=client).stop("sql")


# Results and metrics


def test_the_result_carries_the_template(rehearsal, trainer, plan, data):
    """The tuned model knows the prompt template it was trained with, read from the manifest beside its data."""
    job = trainer.start(plan)
    with pytest.raises(JobFailed, match=r"is InProgress and has no model yet; call trainer.wait\(job\)"):
        trainer.result(job)
    rehearsal.advance(TRAINED_S)
    model = trainer.result(job.name)
    assert (model.name, model.model, model.status, model.job_arn) == (plan.name, "nova-micro", "Active", job.arn)
    assert model.template == data.template is not None


def read_curve(session, job, name):
    key = f"model-customization-job-{job.arn.rsplit('/', 1)[-1]}"
    s3 = session.client("s3")
    found = [uri for uri in aws.list_keys(s3, arns.s3(job.output_uri)) if key in uri.key and uri.key.endswith(name)]
    (uri,) = found
    cells = [row.split(",") for row in aws.read_object(s3, uri).decode().splitlines()[1:]]
    return tuple(LossPoint(int(step), int(epoch), float(loss)) for step, epoch, loss, _ in cells)


def test_metrics_are_empty_and_then_what_the_files_say(rehearsal, session, trainer, plan, data):
    """No files, no points; after training both curves equal the files, point by point."""
    job = trainer.start(attrs.evolve(plan, validation=data))
    assert trainer.metrics(job) == TrainingMetrics(training=(), validation=())
    rehearsal.advance(TRAINED_S)
    metrics = trainer.metrics(job)
    assert metrics.training == read_curve(session, job, "step_wise_training_metrics.csv")
    assert metrics.validation == read_curve(session, job, "/validation_metrics.csv")
    now = trainer.refresh(job)
    assert metrics.training[-1].loss == pytest.approx(now.training_loss, abs=1e-5)
    assert metrics.validation[-1].loss == pytest.approx(now.validation_loss, abs=1e-5)


@pytest.fixture
def written(session, trainer, plan):
    """A running job whose output a test writes itself."""
    job = trainer.start(plan)
    folder = arns.s3(plan.output).join(f"model-customization-job-{job.arn.rsplit('/', 1)[-1]}/")

    def write(name, body):
        aws.put_object(session.client("s3"), folder.join(name), body, content_type="text/csv")
        return trainer.metrics(job)

    return write


VALIDATION = "validation_artifacts/post_fine_tuning_validation/validation/validation_metrics.csv"


def test_aws_s_own_figures_are_read(written):
    """A file that Bedrock wrote for a real job, in the folder of AWS's sample, without a perplexity column."""
    path = FIGURES / "bedrock_45steps.validation_metrics.csv"
    if not path.exists():
        pytest.skip("the data shared beside the checkout is not there")
    metrics = written(VALIDATION, path.read_bytes())
    assert [(point.step, point.epoch) for point in metrics.validation] == [(15, 0), (30, 1), (45, 2)]
    assert metrics.validation[0].loss == 0.031406015157699585


@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", ",perplexity"])
def test_either_layout_is_read(written, start, end):
    """With perplexity or without, with a byte-order mark or not; other files in the folder are left alone."""
    assert written("input_status/manifest.report.csv", b"fileName\nx\n") == TrainingMetrics()
    body = f"{start}step_number,epoch_number,training_loss{end}\n0,1,2.5\n1,1,1.5\n".encode()
    points = (LossPoint(0, 1, 2.5), LossPoint(1, 1, 1.5))
    assert written("training_artifacts/step_wise_training_metrics.csv", body).training == points


@pytest.mark.parametrize("row", [b"0,1,", b"0,1,low", b"x,1,2.0", b"0", b"0,1,\xff"])
def test_a_row_without_a_loss_is_an_error_with_its_line(written, row):
    """A missing loss is never a zero: the error names the file and the line."""
    body = b"step_number,epoch_number,training_loss\n0,1,2.5\n" + row + b"\n"
    with pytest.raises(ServiceFault, match=r"line 3 of s3://.*step_wise_training_metrics.csv holds no loss"):
        written("training_artifacts/step_wise_training_metrics.csv", body)


# Uploading


def test_the_same_data_is_uploaded_once(rehearsal, session, questions):
    """The second upload of equal rows finds the objects: one PUT of data, one of the manifest, in all."""
    client = session.client("s3")
    puts = []
    client.meta.events.register("before-send.s3.PutObject", lambda request, **_: puts.append(request.url))
    rows = Dataset.from_records(questions).convert(formats.text_to_sql())
    first, second = (rows.upload(f"s3://{rehearsal.bucket}/twice/", client=client) for _ in range(2))
    assert first == second
    assert [url.rpartition("/")[2].partition(".")[2] for url in puts] == ["jsonl", "manifest.json"]
    assert first.sha256[:32] in first.uri
