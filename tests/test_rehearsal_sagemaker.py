"""SageMaker training jobs in the rehearsal, and the import of what they leave, through real boto3 clients."""

from __future__ import annotations

import io
import itertools
import json
import tarfile
from contextlib import closing

import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from nova_tune.rehearsal import Rehearsal

pytestmark = pytest.mark.extra

ONCE = Config(retries={"total_max_attempts": 1})
STARTED, DOWNLOADED, TRAINED, UPLOADED = 301, 121, 10_801, 61
COUNTER = itertools.count(1)
RECIPE = {
    "run": {"name": "sql", "model_type": "amazon.nova-micro-v1:0:128k", "model_name_or_path": "nova-micro/prod"},
    "training_config": {
        "global_batch_size": 4,
        "trainer": {"max_epochs": 2},
        "model": {"peft": {"peft_scheme": "lora"}},
    },
}


def record(question, answer):
    messages = [
        {"role": "user", "content": [{"text": question}]},
        {"role": "assistant", "content": [{"text": answer}]},
    ]
    return json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": messages})


DATA = "\n".join(record(f"How many rows has table t{n}?", f"SELECT count(*) FROM t{n}") for n in range(12))


@pytest.fixture(scope="module")
def rehearsal():
    with Rehearsal(speed=0, first_token_ms=1, token_ms=0) as running:
        yield running


@pytest.fixture(scope="module")
def aws(rehearsal):
    names = ("sagemaker", "s3", "logs", "bedrock", "bedrock-runtime", "iam")
    clients = {name: rehearsal.client(name, config=ONCE) for name in names}
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture(autouse=True)
def no_faults_left(rehearsal):
    yield
    rehearsal.faults.clear()
    for name in list(rehearsal.quotas):
        del rehearsal.quotas[name]


@pytest.fixture
def ask_for(rehearsal, aws):
    """A request for a training job whose name nobody else has."""

    def request(*, recipe=RECIPE, data=DATA, validation=None, compression="NONE", **changes):
        name = f"train-{next(COUNTER)}"
        text = recipe if isinstance(recipe, str) else yaml.safe_dump(recipe)
        bodies = {"train": data, "validation": validation, "recipe": text}
        channels = []
        for channel, body in bodies.items():
            if body is None:
                continue
            key = f"in/{name}/{channel}"
            aws["s3"].put_object(Bucket=rehearsal.bucket, Key=key, Body=body)
            kind = "S3Prefix" if channel == "recipe" else "Converse"
            source = {"S3DataType": kind, "S3Uri": f"s3://{rehearsal.bucket}/{key}"}
            channels.append({"ChannelName": channel, "DataSource": {"S3DataSource": source}})
        return {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "nova-fine-tune-repo:latest"},
            "RoleArn": rehearsal.role_arn,
            "InputDataConfig": channels,
            "OutputDataConfig": {"S3OutputPath": f"s3://{rehearsal.bucket}/out", "CompressionType": compression},
            "ResourceConfig": {"InstanceType": "ml.g5.48xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
            **changes,
        }

    return request


def code(call, **kwargs):
    """The code and the message of the error that `call` ends in."""
    with pytest.raises(ClientError) as caught:
        call(**kwargs)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def ended(rehearsal, aws, ask_for):
    def run(**changes):
        request = ask_for(**changes)
        aws["sagemaker"].create_training_job(**request)
        rehearsal.advance(STARTED + DOWNLOADED + TRAINED + UPLOADED)
        return aws["sagemaker"].describe_training_job(TrainingJobName=request["TrainingJobName"])

    return run


def lines(aws, name):
    group = "/aws/sagemaker/TrainingJobs"
    streams = aws["logs"].describe_log_streams(logGroupName=group, logStreamNamePrefix=name + "/")["logStreams"]
    found = aws["logs"].get_log_events(
        logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True
    )
    return [event["message"] for event in found["events"]]


def test_a_training_job_passes_through_its_secondary_statuses(rehearsal, aws, ask_for):
    """A job starts, downloads, trains, uploads and completes by the clock; the transitions are kept."""
    request = ask_for(validation=DATA)
    arn = aws["sagemaker"].create_training_job(**request)["TrainingJobArn"]
    name = request["TrainingJobName"]
    assert arn == f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}"
    seen = []
    for seconds in (0, STARTED, DOWNLOADED, TRAINED, UPLOADED):
        rehearsal.advance(seconds)
        job = aws["sagemaker"].describe_training_job(TrainingJobName=name)
        seen.append((job["TrainingJobStatus"], job["SecondaryStatus"]))
    phases = ["Starting", "Downloading", "Training", "Uploading"]
    assert seen == [*(("InProgress", phase) for phase in phases), ("Completed", "Completed")]
    assert [one["Status"] for one in job["SecondaryStatusTransitions"]] == [*phases, "Completed"]
    assert job["BillableTimeInSeconds"] == 120 + 10_800 + 60
    metrics = {one["MetricName"]: one["Value"] for one in job["FinalMetricDataList"]}
    assert metrics["reduced_train_loss"] > 0
    assert metrics["val_loss"] > 0


def test_log_lines_appear_while_the_job_trains(rehearsal, aws, ask_for):
    """CloudWatch holds the lines of the steps done so far; the last line says that training is complete."""
    request = ask_for()
    aws["sagemaker"].create_training_job(**request)
    name = request["TrainingJobName"]
    rehearsal.advance(STARTED + DOWNLOADED + TRAINED // 2)
    aws["sagemaker"].describe_training_job(TrainingJobName=name)
    half = lines(aws, name)
    rehearsal.advance(TRAINED)
    aws["sagemaker"].describe_training_job(TrainingJobName=name)
    whole = lines(aws, name)
    assert 0 < len(half) < len(whole)
    assert whole[: len(half)] == half
    assert "reduced_train_loss=" in whole[0]
    assert whole[-1] == "Training is complete"


@pytest.mark.parametrize("compression", ["NONE", "GZIP"])
def test_the_manifest_names_the_checkpoint(rehearsal, aws, ended, compression):
    """Both layouts of the output hold manifest.json with checkpoint_s3_bucket, the same as CheckpointConfig's."""
    job = ended(compression=compression)
    folder = f"out/{job['TrainingJobName']}/output/"
    key = folder + ("output/manifest.json" if compression == "NONE" else "output.tar.gz")
    body = aws["s3"].get_object(Bucket=rehearsal.bucket, Key=key)["Body"].read()
    if compression == "GZIP":
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            body = archive.extractfile("manifest.json").read()
    uri = json.loads(body)["checkpoint_s3_bucket"]
    assert uri == job["CheckpointConfig"]["S3Uri"]
    assert uri.startswith("s3://customer-escrow-123456789012-smtj-")


def test_a_checkpoint_is_imported_deployed_and_asked(rehearsal, aws, ended):
    """CreateCustomModel takes the escrow URI; the model is Creating, then Active, and answers from the job's data."""
    job = ended()
    source = {"s3DataSource": {"s3Uri": job["CheckpointConfig"]["S3Uri"]}}
    request = {"modelName": f"imported-{next(COUNTER)}", "modelSourceConfig": source, "roleArn": rehearsal.role_arn}
    arn = aws["bedrock"].create_custom_model(**request, clientRequestToken="t1")["modelArn"]
    assert ":custom-model/imported/" in arn
    assert aws["bedrock"].create_custom_model(**request, clientRequestToken="t1")["modelArn"] == arn
    assert aws["bedrock"].get_custom_model(modelIdentifier=arn)["modelStatus"] == "Creating"
    deployment = {"modelDeploymentName": request["modelName"], "modelArn": arn}
    assert code(aws["bedrock"].create_custom_model_deployment, **deployment)[0] == "ValidationException"
    rehearsal.advance(601)
    model = aws["bedrock"].get_custom_model(modelIdentifier=arn)
    assert (model["modelStatus"], model["customizationType"]) == ("Active", "IMPORTED")
    assert "jobArn" not in model
    listed = aws["bedrock"].list_custom_models(nameContains=request["modelName"], modelStatus="Active")
    assert [one["modelArn"] for one in listed["modelSummaries"]] == [arn]
    deployed = aws["bedrock"].create_custom_model_deployment(**deployment)["customModelDeploymentArn"]
    rehearsal.advance(481)
    asked = [{"role": "user", "content": [{"text": "How many rows has table t7?"}]}]
    answer = aws["bedrock-runtime"].converse(modelId=deployed, messages=asked)
    assert answer["output"]["message"]["content"][0]["text"] == "SELECT count(*) FROM t7"


def test_a_model_package_is_imported(rehearsal, aws, ended):
    """A job with a model package group leaves a package, which CreateCustomModel takes without a role."""
    group = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/nova"
    job = ended(ModelPackageConfig={"ModelPackageGroupArn": group})
    package = {"modelPackageArnDataSource": {"modelPackageArn": job["OutputModelPackageArn"]}}
    made = aws["bedrock"].create_custom_model(modelName=f"packed-{next(COUNTER)}", customModelDataSource=package)
    assert ":custom-model/imported/" in made["modelArn"]


def test_a_full_rank_model_is_not_deployed_on_demand(rehearsal, aws, ended):
    """A model of a full-rank recipe is imported, and refused for on-demand deployment."""
    recipe = json.loads(json.dumps(RECIPE))
    recipe["training_config"]["model"]["peft"]["peft_scheme"] = None
    source = {"s3DataSource": {"s3Uri": ended(recipe=recipe)["CheckpointConfig"]["S3Uri"]}}
    name = f"full-{next(COUNTER)}"
    arn = aws["bedrock"].create_custom_model(modelName=name, modelSourceConfig=source, roleArn=rehearsal.role_arn)[
        "modelArn"
    ]
    rehearsal.advance(601)
    found = code(aws["bedrock"].create_custom_model_deployment, modelDeploymentName=name, modelArn=arn)
    assert "full rank" in found[1]


def test_an_import_can_fail(rehearsal, aws, ended):
    """A planned failure of an import ends as Failed with its message."""
    source = {"s3DataSource": {"s3Uri": ended()["CheckpointConfig"]["S3Uri"]}}
    rehearsal.faults.fail_next_model("the key is gone")
    arn = aws["bedrock"].create_custom_model(
        modelName=f"bad-{next(COUNTER)}", modelSourceConfig=source, roleArn=rehearsal.role_arn
    )["modelArn"]
    rehearsal.advance(601)
    model = aws["bedrock"].get_custom_model(modelIdentifier=arn)
    assert (model["modelStatus"], model["failureMessage"]) == ("Failed", "[rehearsal] the key is gone")
    again = {"modelName": model["modelName"], "modelSourceConfig": source, "roleArn": rehearsal.role_arn}
    assert code(aws["bedrock"].create_custom_model, **again)[0] == "ConflictException"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"modelSourceConfig": {"s3DataSource": {"s3Uri": "s3://my-bucket/weights"}}}, "no checkpoint"),
        ({"modelSourceConfig": {"s3DataSource": {"s3Uri": "s3://b-bucket/x"}}, "roleArn": None}, "roleArn is required"),
        ({}, "Exactly one of"),
        (
            {
                "customModelDataSource": {
                    "modelPackageArnDataSource": {
                        "modelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/none/1"
                    }
                }
            },
            "Could not find the model package",
        ),
    ],
)
def test_what_an_import_refuses(rehearsal, aws, changes, expected):
    """A source that no training job left, two or no sources, and a missing role are refused."""
    request = {"modelName": "refused", "roleArn": rehearsal.role_arn, **changes}
    request = {name: value for name, value in request.items() if value is not None}
    assert expected in code(aws["bedrock"].create_custom_model, **request)[1]


def test_a_job_over_its_time_limit_is_stopped(rehearsal, aws, ended):
    """MaxRuntimeInSeconds ends a job as Stopped with SecondaryStatus MaxRuntimeExceeded and without output."""
    job = ended(StoppingCondition={"MaxRuntimeInSeconds": 3600})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert job["BillableTimeInSeconds"] == 3600
    prefix = f"out/{job['TrainingJobName']}/"
    assert "Contents" not in aws["s3"].list_objects_v2(Bucket=rehearsal.bucket, Prefix=prefix)


def test_a_job_can_be_stopped(rehearsal, aws, ask_for):
    """Stopping takes a minute; a job that has ended cannot be stopped, and an unknown one is refused."""
    request = ask_for()
    name = request["TrainingJobName"]
    aws["sagemaker"].create_training_job(**request)
    rehearsal.advance(STARTED + DOWNLOADED)
    aws["sagemaker"].stop_training_job(TrainingJobName=name)
    job = aws["sagemaker"].describe_training_job(TrainingJobName=name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopping", "Stopping")
    rehearsal.advance(61)
    job = aws["sagemaker"].describe_training_job(TrainingJobName=name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert code(aws["sagemaker"].stop_training_job, TrainingJobName=name)[0] == "ValidationException"
    assert code(aws["sagemaker"].describe_training_job, TrainingJobName="nobody")[0] == "ValidationException"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipe": "{"}, "not YAML"),
        ({"recipe": {"run": {"model_type": "llama"}}}, "no Nova model"),
        ({"recipe": {**RECIPE, "training_config": {"model": {"dpo_cfg": {}}}}}, "supervised"),
        ({"recipe": {**RECIPE, "training_config": {"trainer": {"max_epochs": 0}}}}, "max_epochs is 0"),
        ({"data": '{"messages": []}'}, "is not valid: line 1"),
        ({"data": None}, "no channel train"),
    ],
)
def test_why_training_fails(ended, changes, reason):
    """A recipe or data that cannot be trained fails the job with a FailureReason that says why."""
    job = ended(**changes)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("[rehearsal] ")
    assert reason in job["FailureReason"]


def test_channels_have_their_names_and_types(ended, ask_for, rehearsal, aws):
    """A data channel that is not Converse, or is called val, fails the job, and so does data that is not there."""
    for change, reason in (("S3DataType", "not Converse"), ("ChannelName", "unknown"), ("S3Uri", "No S3 objects")):
        request = ask_for()
        channel = request["InputDataConfig"][0]
        if change == "ChannelName":
            channel["ChannelName"] = "val"
        else:
            value = "S3Prefix" if change == "S3DataType" else f"s3://{rehearsal.bucket}/nothing"
            channel["DataSource"]["S3DataSource"][change] = value
        aws["sagemaker"].create_training_job(**request)
        rehearsal.advance(STARTED + DOWNLOADED)
        job = aws["sagemaker"].describe_training_job(TrainingJobName=request["TrainingJobName"])
        assert reason in job["FailureReason"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:role/nobody-at-all"}, ("ValidationException", "Could not assume role")),
        ({"ResourceConfig": {"InstanceType": "ml.g5.48xlarge", "InstanceCount": 99}}, ("ResourceLimitExceeded", "99")),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}}, ("ResourceLimitExceeded", "is 0")),
        ({"ResourceConfig": {"InstanceCount": 1}}, ("ValidationException", "InstanceType is required")),
        ({"TrainingJobName": "under_score"}, ("ValidationException", "pattern")),
    ],
)
def test_what_is_refused_at_creation(aws, ask_for, changes, expected):
    """A role, instances or members that SageMaker does not take are refused before the job exists."""
    error, message = code(aws["sagemaker"].create_training_job, **ask_for(**changes))
    assert error == expected[0]
    assert expected[1] in message


def test_a_name_is_used_once(aws, ask_for):
    """An equal name is ResourceInUse, however the first job ended."""
    request = ask_for()
    aws["sagemaker"].create_training_job(**request)
    assert code(aws["sagemaker"].create_training_job, **request)[0] == "ResourceInUse"
    aws["sagemaker"].stop_training_job(TrainingJobName=request["TrainingJobName"])


def test_jobs_that_run_no_recipe_are_not_offered(aws, ask_for):
    """A training job without a recipe channel is answered with 501, never with a job that does nothing."""
    request = ask_for()
    request["InputDataConfig"] = request["InputDataConfig"][:1]
    assert code(aws["sagemaker"].create_training_job, **request)[0] == "NotImplemented"


def test_a_channel_without_s3_is_refused(aws, ask_for):
    """A channel from a file system is refused when the job is created."""
    request = ask_for()
    system = {
        "FileSystemId": "fs-12345678901",
        "FileSystemAccessMode": "ro",
        "FileSystemType": "EFS",
        "DirectoryPath": "/x",
    }
    request["InputDataConfig"][0]["DataSource"] = {"FileSystemDataSource": system}
    assert "S3DataSource" in code(aws["sagemaker"].create_training_job, **request)[1]


def test_what_a_role_may_not_do_fails_the_job(rehearsal, aws, ask_for):
    """A role that may not read the data, or not write the output, fails the job where it would have needed to."""
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    for action, reason in ((None, "may not s3:GetObject"), ("s3:GetObject", "may not s3:PutObject")):
        name = f"narrow-{next(COUNTER)}"
        role = aws["iam"].create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": trust}))["Role"]
        if action:
            statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": statement})
            aws["iam"].put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
        request = ask_for(RoleArn=role["Arn"])
        aws["sagemaker"].create_training_job(**request)
        rehearsal.advance(STARTED + DOWNLOADED + TRAINED + UPLOADED)
        job = aws["sagemaker"].describe_training_job(TrainingJobName=request["TrainingJobName"])
        assert reason in job["FailureReason"]


def test_buckets_that_are_gone_fail_the_job(rehearsal, aws, ask_for):
    """Data in, or output to, a bucket that does not exist fails the job with the bucket's name."""
    output = {"S3OutputPath": "s3://bucket-that-is-gone/out"}
    request = ask_for(OutputDataConfig=output)
    other = ask_for()
    other["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] = "s3://bucket-that-is-gone/train"
    for one in (request, other):
        aws["sagemaker"].create_training_job(**one)
        rehearsal.advance(STARTED + DOWNLOADED + TRAINED + UPLOADED)
        job = aws["sagemaker"].describe_training_job(TrainingJobName=one["TrainingJobName"])
        assert "bucket-that-is-gone" in job["FailureReason"]


def test_operations_of_aws_json_fail_on_request(rehearsal, aws):
    """Faults happen to SageMaker's operations too, and none of them streams."""
    rehearsal.faults.add("ListTrainingJobs", error="ThrottlingException")
    assert code(aws["sagemaker"].list_training_jobs)[0] == "ThrottlingException"


def test_a_job_may_wait_for_capacity_and_then_fail(rehearsal, aws, ask_for):
    """A queued job is Pending as long as was asked for; a planned cause fails it in the middle of its training."""
    rehearsal.faults.queue_next_job(7_200)
    rehearsal.faults.fail_next_job("capacity")
    request = ask_for()
    name = request["TrainingJobName"]
    aws["sagemaker"].create_training_job(**request)
    rehearsal.advance(7_000)
    assert aws["sagemaker"].describe_training_job(TrainingJobName=name)["SecondaryStatus"] == "Pending"
    rehearsal.advance(201 + STARTED + DOWNLOADED + TRAINED)
    job = aws["sagemaker"].describe_training_job(TrainingJobName=name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert "CapacityError" in job["FailureReason"]
    assert lines(aws, name)[-1].startswith("ERROR")


def test_lists_filter_sort_and_page(rehearsal, aws, ask_for):
    """Names, states and dates filter; names sort; a page is cut before StatusEquals looks at it, as AWS says."""
    names = []
    for _ in range(3):
        request = ask_for()
        request["TrainingJobName"] = f"listed-{request['TrainingJobName']}"
        aws["sagemaker"].create_training_job(**request)
        names.append(request["TrainingJobName"])
        aws["sagemaker"].stop_training_job(TrainingJobName=names[-1])
        rehearsal.advance(10)
    rehearsal.advance(100)

    def listed(**filters):
        pages = aws["sagemaker"].get_paginator("list_training_jobs").paginate(NameContains="listed-", **filters)
        return [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]

    assert listed() == names
    assert listed(SortBy="Name", SortOrder="Descending") == sorted(names, reverse=True)
    assert listed(PaginationConfig={"PageSize": 2}) == names
    assert listed(StatusEquals="Stopped") == names
    assert listed(StatusEquals="Failed") == []
    first = aws["sagemaker"].list_training_jobs(NameContains="listed-", MaxResults=2, StatusEquals="Failed")
    assert (first["TrainingJobSummaries"], "NextToken" in first) == ([], True)
    for token in ("bm9uZQ==", "WyJhIiwgMV0=", "MQ=="):  # not JSON, not of this order, not a pair
        assert code(aws["sagemaker"].list_training_jobs, NextToken=token)[0] == "ValidationException"
    later = aws["sagemaker"].list_training_jobs(
        NameContains="listed-", LastModifiedTimeAfter=0, LastModifiedTimeBefore=1, CreationTimeAfter=0
    )
    assert later["TrainingJobSummaries"] == []


def test_worse_labels_give_worse_losses(ended):
    """The losses come from the data: answers that belong to other questions cost more."""
    verbs = ("count", "list", "drop", "sum", "show", "find")
    good = [(f"{verb} the {thing}", f"{verb.upper()} {thing}") for verb in verbs for thing in ("cars", "ports", "men")]
    shuffled = [(one[0], other[1][::-1]) for one, other in zip(good, good[7:] + good[:7], strict=True)]
    losses = []
    for rows in (good, shuffled):
        job = ended(data="\n".join(record(*row) for row in rows))
        losses.append(job["FinalMetricDataList"][0]["Value"])
    assert losses[0] < losses[1]


def test_what_moto_has_of_sagemaker_still_answers(rehearsal):
    """Operations of SageMaker that are not the rehearsal's own are moto's."""
    with closing(rehearsal.client("sagemaker")) as client:
        assert client.list_models()["Models"] == []
