"""The life of jobs, models and deployments in the rehearsal, through real boto3 clients and a clock by hand."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from contextlib import closing

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

from nova_tune.rehearsal import Rehearsal

pytestmark = pytest.mark.extra

BASE = "amazon.nova-micro-v1:0:128k"
VALIDATED, TRAINED, DEPLOYED = 181, 7701, 481
COUNTER = itertools.count(1)


def record(question, answer):
    return json.dumps(
        {
            "schemaVersion": "bedrock-conversation-2024",
            "system": [{"text": "You write SQL."}],
            "messages": [
                {"role": "user", "content": [{"text": question}]},
                {"role": "assistant", "content": [{"text": answer}]},
            ],
        }
    )


TRAIN = [record(f"How many rows has table t{n}?", f"SELECT count(*) FROM t{n}") for n in range(12)]
HELD_OUT = [record(f"How many rows has table v{n}?", f"SELECT count(*) FROM v{n}") for n in range(8)]


@pytest.fixture(scope="module")
def rehearsal():
    with Rehearsal(speed=0, first_token_ms=5, token_ms=0, base_first_token_ms=5, base_token_ms=0) as running:
        yield running


@pytest.fixture(scope="module")
def bedrock(rehearsal):
    with closing(rehearsal.client("bedrock", config=Config(retries={"total_max_attempts": 1}))) as client:
        yield client


@pytest.fixture(scope="module")
def s3(rehearsal):
    with closing(rehearsal.client("s3")) as client:
        yield client


@pytest.fixture
def put(rehearsal, s3):
    def store(lines):
        key = f"data/{next(COUNTER)}.jsonl"
        s3.put_object(Bucket=rehearsal.bucket, Key=key, Body="\n".join(lines) + "\n")
        return f"s3://{rehearsal.bucket}/{key}"

    return store


@pytest.fixture
def ask_for(rehearsal, put):
    """A request for a job whose names nobody else has."""

    def request(lines=TRAIN, **changes):
        number = next(COUNTER)
        return {
            "jobName": f"job-{number}",
            "customModelName": f"model-{number}",
            "roleArn": rehearsal.role_arn,
            "baseModelIdentifier": BASE,
            "customizationType": "FINE_TUNING",
            "trainingDataConfig": {"s3Uri": put(lines)},
            "outputDataConfig": {"s3Uri": f"s3://{rehearsal.bucket}/out-{number}/"},
            "hyperParameters": {"epochCount": "2"},
            **changes,
        }

    return request


@pytest.fixture
def completed(rehearsal, bedrock, ask_for):
    """A model out of a completed job."""

    def train(**changes):
        request = ask_for(**changes)
        bedrock.create_model_customization_job(**request)
        rehearsal.advance(TRAINED)
        job = bedrock.get_model_customization_job(jobIdentifier=request["jobName"])
        assert job["status"] == "Completed", job.get("failureMessage")
        return job

    return train


def refused(call, *args, **kwargs):
    """The code and the message of the error that `call` ends in."""
    with pytest.raises(ClientError) as caught:
        call(*args, **kwargs)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def phases(job):
    return [job["statusDetails"][name]["status"] for name in PHASES]


PHASES = ("validationDetails", "dataProcessingDetails", "trainingDetails")


def keys(s3, uri):
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


def test_a_job_passes_through_its_phases(rehearsal, bedrock, ask_for):
    """A job validates, processes, trains and completes by the clock, and its dates come from that clock."""
    request = ask_for()
    arn = bedrock.create_model_customization_job(**request)["jobArn"]
    assert re.fullmatch(rf"arn:aws:bedrock:us-east-1:123456789012:model-customization-job/{BASE}/[a-z0-9]{{12}}", arn)
    seen = []
    for seconds in (0, VALIDATED, 300, 7200):
        rehearsal.advance(seconds)
        job = bedrock.get_model_customization_job(jobIdentifier=arn)
        seen.append((job["status"], *phases(job)))
    assert seen == [
        ("InProgress", "InProgress", "NotStarted", "NotStarted"),
        ("InProgress", "Completed", "InProgress", "NotStarted"),
        ("InProgress", "Completed", "Completed", "InProgress"),
        ("Completed", "Completed", "Completed", "Completed"),
    ]
    assert (job["endTime"] - job["creationTime"]).total_seconds() == 180 + 300 + 7200
    assert job["endTime"] == job["lastModifiedTime"]


def test_a_job_is_found_by_name_and_by_arn(bedrock, completed):
    """Both identifiers give the same job, and the list says the same of it."""
    by_name = completed()
    by_arn = bedrock.get_model_customization_job(jobIdentifier=by_name["jobArn"])
    for answer in (by_name, by_arn):
        del answer["ResponseMetadata"]
    assert by_name == by_arn
    (row,) = bedrock.list_model_customization_jobs(nameContains=by_name["jobName"])["modelCustomizationJobSummaries"]
    assert row.pop("customModelArn") == by_name["outputModelArn"]
    assert row.pop("customModelName") == by_name["outputModelName"]
    assert row == {name: by_name[name] for name in row}


def test_outputs_exist_exactly_when_a_job_has_completed(rehearsal, bedrock, s3, ask_for, put):
    """The two metrics files stand in AWS's layout once the job is complete, and nothing stands there before."""
    validators = [{"s3Uri": put(HELD_OUT)}]
    request = ask_for(validationDataConfig={"validators": validators})
    arn = bedrock.create_model_customization_job(**request)["jobArn"]
    uri = request["outputDataConfig"]["s3Uri"]
    rehearsal.advance(TRAINED - 60)
    bedrock.get_model_customization_job(jobIdentifier=arn)
    assert keys(s3, uri) == []
    rehearsal.advance(60)
    job = bedrock.get_model_customization_job(jobIdentifier=arn)
    folder = f"{uri.partition(rehearsal.bucket + '/')[2]}model-customization-job-{arn.rpartition('/')[2]}"
    training, validation = keys(s3, uri)
    assert training == f"{folder}/training_artifacts/step_wise_training_metrics.csv"
    assert validation == f"{folder}/validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"
    rows = {}
    for key in (training, validation):
        with s3.get_object(Bucket=rehearsal.bucket, Key=key)["Body"] as body:
            rows[key] = list(csv.DictReader(io.StringIO(body.read().decode())))
    assert list(rows[training][0]) == ["step_number", "epoch_number", "training_loss", "perplexity"]
    assert list(rows[validation][0]) == ["step_number", "epoch_number", "validation_loss", "perplexity"]
    assert {row["epoch_number"] for row in rows[training]} == {"0", "1"}
    assert job["trainingMetrics"]["trainingLoss"] == pytest.approx(float(rows[training][-1]["training_loss"]), abs=1e-6)
    assert job["validationMetrics"][0]["validationLoss"] > 0
    assert len(job["validationMetrics"]) == 1


def test_outputs_may_go_to_a_whole_bucket(s3, completed):
    """An output URI without a prefix puts the folder at the top of the bucket."""
    s3.create_bucket(Bucket="whole-bucket-of-outputs")
    job = completed(outputDataConfig={"s3Uri": "s3://whole-bucket-of-outputs"})
    (key,) = keys(s3, "s3://whole-bucket-of-outputs/")
    assert key.startswith(f"model-customization-job-{job['jobArn'].rpartition('/')[2]}/")


def test_equal_tokens_give_one_job(bedrock, ask_for):
    """The same token with the same request gives the same job without an error; with another, a refusal."""
    request = ask_for(clientRequestToken="once-only")
    arn = bedrock.create_model_customization_job(**request)["jobArn"]
    assert bedrock.create_model_customization_job(**request)["jobArn"] == arn
    code, message = refused(bedrock.create_model_customization_job, **{**request, "jobName": "another"})
    assert (code, "different request" in message) == ("ConflictException", True)


def test_a_refused_request_leaves_its_token_free(bedrock, ask_for):
    """A token whose request was refused can be sent again with the request put right."""
    request = ask_for(clientRequestToken="try-again")
    refused(bedrock.create_model_customization_job, **{**request, "hyperParameters": {"epochCount": "9"}})
    assert bedrock.create_model_customization_job(**request)["jobArn"]


def test_names_collide(bedrock, ask_for, completed):
    """A job name once used, a model name in the making, and a model's name cannot be used again."""
    job = completed()
    request = ask_for()
    bedrock.create_model_customization_job(**request)
    for changes, reason in (
        ({"jobName": request["jobName"]}, "job name"),
        ({"customModelName": request["customModelName"]}, "is being made"),
        ({"customModelName": job["outputModelName"]}, "model name"),
    ):
        code, message = refused(bedrock.create_model_customization_job, **ask_for(**changes))
        assert (code, reason in message) == ("ConflictException", True)


def test_a_job_is_stopped(rehearsal, bedrock, ask_for):
    """A stopped job is Stopping, then Stopped without a model, and cannot be stopped again."""
    request = ask_for()
    arn = bedrock.create_model_customization_job(**request)["jobArn"]
    rehearsal.advance(VALIDATED)
    bedrock.stop_model_customization_job(jobIdentifier=arn)
    job = bedrock.get_model_customization_job(jobIdentifier=arn)
    assert (job["status"], phases(job)) == ("Stopping", ["Completed", "Stopping", "NotStarted"])
    assert refused(bedrock.stop_model_customization_job, jobIdentifier=arn)[0] == "ConflictException"
    rehearsal.advance(TRAINED)
    job = bedrock.get_model_customization_job(jobIdentifier=arn)
    assert (job["status"], phases(job)) == ("Stopped", ["Completed", "Stopped", "NotStarted"])
    assert (job["endTime"] - job["creationTime"]).total_seconds() == pytest.approx(VALIDATED + 60, abs=1)
    assert "outputModelArn" not in job


def test_bad_data_fails_the_job_and_names_the_line(rehearsal, bedrock, s3, ask_for):
    """A broken record fails the job at the end of validation, with its line in the failure message."""
    lines = [*TRAIN[:4], '{"messages": []}', *TRAIN[4:]]
    request = ask_for(lines)
    arn = bedrock.create_model_customization_job(**request)["jobArn"]
    rehearsal.advance(TRAINED)
    job = bedrock.get_model_customization_job(jobIdentifier=arn)
    assert (job["status"], phases(job)) == ("Failed", ["Failed", "NotStarted", "NotStarted"])
    assert job["failureMessage"].startswith("[rehearsal] ")
    assert "line 5" in job["failureMessage"]
    assert (job["endTime"] - job["creationTime"]).total_seconds() == 180
    assert keys(s3, request["outputDataConfig"]["s3Uri"]) == []


def test_a_missing_object_fails_the_job(rehearsal, bedrock, ask_for):
    """A training object that does not exist is found out at validation, not at creation."""
    uri = f"s3://{rehearsal.bucket}/no/such/object.jsonl"
    arn = bedrock.create_model_customization_job(**ask_for(trainingDataConfig={"s3Uri": uri}))["jobArn"]
    rehearsal.advance(VALIDATED)
    job = bedrock.get_model_customization_job(jobIdentifier=arn)
    assert job["status"] == "Failed"
    assert uri in job["failureMessage"]


def test_an_output_bucket_that_vanished_fails_the_job(rehearsal, bedrock, s3, ask_for):
    """A job whose output cannot be written fails at its end and leaves no model."""
    s3.create_bucket(Bucket="a-bucket-that-vanishes")
    request = ask_for(outputDataConfig={"s3Uri": "s3://a-bucket-that-vanishes/out"})
    arn = bedrock.create_model_customization_job(**request)["jobArn"]
    s3.delete_bucket(Bucket="a-bucket-that-vanishes")
    rehearsal.advance(TRAINED)
    job = bedrock.get_model_customization_job(jobIdentifier=arn)
    assert (job["status"], phases(job)) == ("Failed", ["Completed", "Completed", "Failed"])
    assert "cannot be written" in job["failureMessage"]
    assert bedrock.list_custom_models(nameContains=request["customModelName"])["modelSummaries"] == []


def test_a_planned_failure_comes_in_training(rehearsal, bedrock, ask_for):
    """fail_next_job makes the next job fail half way through its training, and no other."""
    rehearsal.faults.fail_next_job("Encountered an internal error when processing the request.")
    doomed, fine = ask_for(), ask_for()
    for request in (doomed, fine):
        bedrock.create_model_customization_job(**request)
    rehearsal.advance(TRAINED)
    job = bedrock.get_model_customization_job(jobIdentifier=doomed["jobName"])
    assert (job["status"], phases(job)) == ("Failed", ["Completed", "Completed", "Failed"])
    assert job["failureMessage"] == "[rehearsal] Encountered an internal error when processing the request."
    assert bedrock.get_model_customization_job(jobIdentifier=fine["jobName"])["status"] == "Completed"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"baseModelIdentifier": "amazon.nova-micro-v1:0"}, "does not support customization"),
        ({"baseModelIdentifier": "amazon.titan-text-lite-v1"}, "does not support customization"),
        ({"customizationType": "DISTILLATION"}, "FINE_TUNING"),
        ({"customizationType": "SFT"}, "enum value set"),
        ({"roleArn": "arn:aws:iam::123456789012:role/nobody"}, "role/nobody does not exist"),
        ({"roleArn": "arn:aws:iam::999999999999:role/elsewhere"}, "does not exist"),
        ({"outputDataConfig": {"s3Uri": "s3://no-such-bucket-here/out"}}, "no-such-bucket-here"),
        ({"hyperParameters": {"epochCount": "6"}}, "epochCount must be between 1 and 5"),
        ({"hyperParameters": {"epochCount": "two"}}, "epochCount is not a number"),
        ({"hyperParameters": {"epochCount": "1.5"}}, "epochCount is not a number"),
        ({"hyperParameters": {"learningRate": "NaN"}}, "learningRate must be between"),
        ({"hyperParameters": {"learningRateMultiplier": "1"}}, "unknown hyperparameter learningRateMultiplier"),
        ({"hyperParameters": {"batchSize": "8"}}, "batchSize must be between 1 and 1"),
        ({"jobName": "under_score"}, "jobName"),
        ({"trainingDataConfig": {}}, "trainingDataConfig.s3Uri is required"),
    ],
)
def test_what_the_service_refuses_at_creation(bedrock, ask_for, changes, reason):
    """A model, role, bucket, name or hyperparameter that AWS would refuse is a ValidationException at once."""
    code, message = refused(bedrock.create_model_customization_job, **ask_for(**changes))
    assert code == "ValidationException"
    assert reason in message


def test_all_bad_hyperparameters_are_named(bedrock, ask_for):
    """Several bad hyperparameters are refused together."""
    request = ask_for(hyperParameters={"epochCount": "0", "epochs": "2"})
    _, message = refused(bedrock.create_model_customization_job, **request)
    assert "epochCount" in message
    assert "unknown hyperparameter epochs" in message


@pytest.mark.parametrize("identifier", [BASE, f"arn:aws:bedrock:us-east-1::foundation-model/{BASE}"])
def test_a_base_model_is_named_by_id_or_arn(bedrock, ask_for, identifier):
    """Both forms of a customisable model start a job on it; batchSize 1 is tolerated."""
    request = ask_for(baseModelIdentifier=identifier, hyperParameters={"learningRate": "1e-5", "batchSize": "1"})
    bedrock.create_model_customization_job(**request)
    job = bedrock.get_model_customization_job(jobIdentifier=request["jobName"])
    assert job["baseModelArn"].endswith(f"foundation-model/{BASE}")


def test_the_articles_create_call_is_refused_by_botocore(bedrock, ask_for):
    """trainingDataConfig.dataSource.s3DataSource.dataLocationS3Uri is no member: botocore refuses it unsent."""
    nested = {"dataSource": {"s3DataSource": {"dataLocationS3Uri": "s3://bucket/train.jsonl"}}}
    with pytest.raises(ParamValidationError, match="dataSource"):
        bedrock.create_model_customization_job(**ask_for(trainingDataConfig=nested))
    with pytest.raises(ParamValidationError, match="dataLocationS3Uri"):
        bedrock.create_model_customization_job(**ask_for(outputDataConfig={"dataLocationS3Uri": "s3://b/out"}))


def test_an_arn_that_ends_in_a_models_name_is_refused(bedrock):
    """A custom model's ARN ends in twelve of [a-z0-9], never in its name: the deployment is refused."""
    arn = "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-micro-v1:0/my-model"
    code, message = refused(bedrock.create_custom_model_deployment, modelDeploymentName="d", modelArn=arn)
    assert code == "ValidationException"
    assert "'modelArn' failed to satisfy constraint" in message


def test_lists_are_filtered_sorted_and_paged(rehearsal, bedrock, ask_for):
    """Status, name, dates, order and pages narrow a list, and pages together are the whole."""
    names = []
    for _ in range(5):
        request = ask_for()
        request["jobName"] = f"paged-{next(COUNTER)}"
        names.append(request["jobName"])
        bedrock.create_model_customization_job(**request)
        rehearsal.advance(1)
    paginator = bedrock.get_paginator("list_model_customization_jobs")

    def listed(**options):
        pages = list(paginator.paginate(nameContains="paged-", **options))
        return [row["jobName"] for page in pages for row in page["modelCustomizationJobSummaries"]], len(pages)

    assert listed(PaginationConfig={"PageSize": 2}) == (names[::-1], 3)
    assert listed(sortOrder="Ascending", PaginationConfig={"PageSize": 2}) == (names, 3)
    assert listed(statusEquals="Completed") == ([], 1)
    assert listed(statusEquals="InProgress")[0] == names[::-1]
    second = bedrock.get_model_customization_job(jobIdentifier=names[1])["creationTime"]
    assert listed(creationTimeAfter=second)[0] == names[:1:-1]
    assert listed(creationTimeBefore=second)[0] == names[:1]
    assert refused(bedrock.list_model_customization_jobs, nextToken="!")[0] == "ValidationException"


def test_a_model_is_what_its_job_made(bedrock, completed):
    """A completed job's model is found by name and ARN, is Active, and says where it came from."""
    job = completed()
    model = bedrock.get_custom_model(modelIdentifier=job["outputModelArn"])
    assert model["modelStatus"] == "Active"
    assert (model["modelName"], model["jobArn"]) == (job["outputModelName"], job["jobArn"])
    assert model["creationTime"] == job["endTime"]
    assert model["trainingMetrics"] == job["trainingMetrics"]
    assert bedrock.get_custom_model(modelIdentifier=job["outputModelName"])["modelArn"] == model["modelArn"]
    by_base = {"baseModelArnEquals": f"arn:aws:bedrock:us-east-1::foundation-model/{BASE}"}
    (row,) = bedrock.list_custom_models(nameContains=model["modelName"], **by_base)["modelSummaries"]
    assert (row["modelArn"], row["baseModelName"]) == (model["modelArn"], "amazon.nova-micro-v1")
    for nothing in (
        {"foundationModelArnEquals": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0:300k"},
        {"isOwned": False},
        {"modelStatus": "Failed"},
    ):
        assert bedrock.list_custom_models(**nothing)["modelSummaries"] == []


def test_a_deployment_becomes_active(rehearsal, bedrock, completed):
    """A deployment is Creating, then Active, is found by name and ARN, and holds its model."""
    model_arn = completed()["outputModelArn"]
    name = f"deployment-{next(COUNTER)}"
    request = {"modelDeploymentName": name, "modelArn": model_arn, "description": "d", "clientRequestToken": name}
    arn = bedrock.create_custom_model_deployment(**request)["customModelDeploymentArn"]
    assert re.fullmatch(r"arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/[a-z0-9]{12}", arn)
    assert bedrock.create_custom_model_deployment(**request)["customModelDeploymentArn"] == arn
    assert refused(bedrock.create_custom_model_deployment, **{**request, "clientRequestToken": "x"})[0] == (
        "ValidationException"
    )
    assert bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=name)["status"] == "Creating"
    delete = bedrock.delete_custom_model_deployment
    assert refused(delete, customModelDeploymentIdentifier=arn)[0] == "ConflictException"
    rehearsal.advance(DEPLOYED)
    found = bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)
    assert (found["status"], found["modelArn"], found["description"]) == ("Active", model_arn, "d")
    (row,) = bedrock.list_custom_model_deployments(modelArnEquals=model_arn)["modelDeploymentSummaries"]
    assert (row["customModelDeploymentName"], row["status"]) == (name, "Active")
    assert (
        bedrock.list_custom_model_deployments(statusEquals="Creating", nameContains=name)["modelDeploymentSummaries"]
        == []
    )
    assert refused(bedrock.delete_custom_model, modelIdentifier=model_arn)[0] == "ConflictException"
    bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=name)
    get = bedrock.get_custom_model_deployment
    assert refused(get, customModelDeploymentIdentifier=arn)[0] == "ResourceNotFoundException"
    bedrock.delete_custom_model(modelIdentifier=model_arn)
    assert refused(bedrock.get_custom_model, modelIdentifier=model_arn)[0] == "ResourceNotFoundException"
    assert refused(bedrock.create_custom_model_deployment, modelDeploymentName=name, modelArn=model_arn)[0] == (
        "ResourceNotFoundException"
    )


def test_a_deployment_is_updated(rehearsal, bedrock, completed):
    """Another model takes the place of the first when the update is complete, under the same ARN."""
    first, second = completed()["outputModelArn"], completed()["outputModelArn"]
    name = f"deployment-{next(COUNTER)}"
    bedrock.create_custom_model_deployment(modelDeploymentName=name, modelArn=first)
    update = {"customModelDeploymentIdentifier": name, "modelArn": second}
    assert refused(bedrock.update_custom_model_deployment, **update)[0] == "ValidationException"
    rehearsal.advance(DEPLOYED)
    bedrock.update_custom_model_deployment(**update)
    seen = []
    for seconds in (0, DEPLOYED):
        rehearsal.advance(seconds)
        found = bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=name)
        seen.append((found["modelArn"], found["updateDetails"]["updateStatus"], found["status"]))
    assert seen == [(first, "Updating", "Active"), (second, "UpdateCompleted", "Active")]
    other = completed(baseModelIdentifier="amazon.nova-lite-v1:0:300k")["outputModelArn"]
    _, message = refused(bedrock.update_custom_model_deployment, customModelDeploymentIdentifier=name, modelArn=other)
    assert "another base model" in message


def test_a_planned_failure_comes_to_a_deployment(rehearsal, bedrock, completed):
    """fail_next_deployment makes the next deployment end as Failed with the message."""
    rehearsal.faults.fail_next_deployment("no capacity")
    name = f"deployment-{next(COUNTER)}"
    bedrock.create_custom_model_deployment(modelDeploymentName=name, modelArn=completed()["outputModelArn"])
    rehearsal.advance(DEPLOYED)
    found = bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=name)
    assert (found["status"], found["failureMessage"]) == ("Failed", "[rehearsal] no capacity")


def test_tags_are_kept(rehearsal, bedrock, completed):
    """Tags of a job, its model and a deployment are listed, replaced and removed, up to two hundred."""
    pairs = [{"key": "team", "value": "sql"}]
    job = completed(jobTags=pairs, customModelTags=pairs)
    name = f"deployment-{next(COUNTER)}"
    deployment = bedrock.create_custom_model_deployment(
        modelDeploymentName=name, modelArn=job["outputModelArn"], tags=pairs
    )["customModelDeploymentArn"]
    for arn in (job["jobArn"], job["outputModelArn"], deployment):
        assert bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == pairs
    bedrock.tag_resource(resourceARN=deployment, tags=[{"key": "team", "value": "ml"}, {"key": "a", "value": ""}])
    bedrock.untag_resource(resourceARN=deployment, tagKeys=["a", "never"])
    assert bedrock.list_tags_for_resource(resourceARN=deployment)["tags"] == [{"key": "team", "value": "ml"}]
    many = [{"key": f"k{n}", "value": "v"} for n in range(200)]
    assert refused(bedrock.tag_resource, resourceARN=deployment, tags=many)[0] == "TooManyTagsException"
    gone = deployment[:-12] + "0" * 12
    assert refused(bedrock.list_tags_for_resource, resourceARN=gone)[0] == "ResourceNotFoundException"


def test_unknown_things_are_not_found(bedrock):
    """A job that nobody made is a ResourceNotFoundException."""
    get = bedrock.get_model_customization_job
    assert refused(get, jobIdentifier="nobody")[0] == "ResourceNotFoundException"


def test_equal_seeds_give_equal_ids(rehearsal):
    """Two rehearsals with one seed give their first job the same ARN."""
    arns = set()
    for _ in range(2):
        with Rehearsal(speed=0, seed=5) as other, closing(other.client("bedrock")) as bedrock:
            request = {
                "jobName": "same",
                "customModelName": "same",
                "roleArn": other.role_arn,
                "baseModelIdentifier": BASE,
                "trainingDataConfig": {"s3Uri": f"s3://{other.bucket}/x"},
                "outputDataConfig": {"s3Uri": f"s3://{other.bucket}/out"},
            }
            arns.add(bedrock.create_model_customization_job(**request)["jobArn"])
    assert len(arns) == 1


def test_time_runs_by_itself(ask_for):
    """At a high speed a job completes without advance()."""
    with Rehearsal(speed=100_000) as other, closing(other.client("s3")) as s3:
        s3.put_object(Bucket=other.bucket, Key="t.jsonl", Body="\n".join(TRAIN))
        with closing(other.client("bedrock")) as bedrock:
            request = ask_for(
                roleArn=other.role_arn,
                trainingDataConfig={"s3Uri": f"s3://{other.bucket}/t.jsonl"},
                outputDataConfig={"s3Uri": f"s3://{other.bucket}/out"},
            )
            bedrock.create_model_customization_job(**request)
            statuses = iter(
                lambda: bedrock.get_model_customization_job(jobIdentifier=request["jobName"])["status"], "Completed"
            )
            assert set(statuses) <= {"InProgress"}
