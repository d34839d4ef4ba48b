"""State that outlives its process, and the pytest plugin for users."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from contextlib import closing

import boto3
import pytest

from nova_tune.rehearsal import Rehearsal
from nova_tune.rehearsal._clock import Clock

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.extra

BASE = "amazon.nova-micro-v1:0:128k"


def data():
    rows = []
    for number in range(9):
        messages = [
            {"role": "user", "content": [{"text": f"rows of table t{number}"}]},
            {"role": "assistant", "content": [{"text": f"SELECT count(*) FROM t{number}"}]},
        ]
        rows.append(json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": messages}))
    return "\n".join(rows)


def start(rehearsal, name, **changes):
    with closing(rehearsal.client("s3")) as s3:
        s3.put_object(Bucket=rehearsal.bucket, Key="in/train.jsonl", Body=data())
    with closing(rehearsal.client("bedrock")) as bedrock:
        return bedrock.create_model_customization_job(
            jobName=name,
            customModelName=name,
            roleArn=rehearsal.role_arn,
            baseModelIdentifier=BASE,
            trainingDataConfig={"s3Uri": f"s3://{rehearsal.bucket}/in/train.jsonl"},
            outputDataConfig={"s3Uri": f"s3://{rehearsal.bucket}/out/"},
            **changes,
        )["jobArn"]


def quick(path):
    return Rehearsal(speed=0, first_token_ms=0, token_ms=0, path=path)


def test_a_job_of_one_rehearsal_is_finished_by_another(tmp_path):
    """A job, its data, its role and its tokens come back; the job completes, is deployed, and answers."""
    with quick(tmp_path) as first:
        arn = start(first, "kept", clientRequestToken="one", jobTags=[{"key": "team", "value": "sql"}])
        first.advance(200)  # the data has been read
        first.quotas["Custom models per account"] = 7
        with closing(first.client("iam")) as iam:
            statement = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            policy = iam.create_policy(PolicyName="kept-policy", PolicyDocument=document)["Policy"]["Arn"]
            iam.attach_role_policy(RoleName=first.role_arn.rpartition("/")[2], PolicyArn=policy)
        with closing(first.client("s3")) as s3:
            place = {"LocationConstraint": "eu-west-1"}
            s3.create_bucket(Bucket="kept-over-there", CreateBucketConfiguration=place)
        with closing(first.client("bedrock")) as bedrock:
            seen = bedrock.get_model_customization_job(jobIdentifier=arn)
    with quick(tmp_path) as second, closing(second.client("bedrock")) as bedrock:
        assert (second.bucket, second.role_arn) == (first.bucket, first.role_arn)
        assert second.quotas["Custom models per account"] == 7
        with closing(second.client("iam")) as iam:
            simulated = iam.simulate_principal_policy(PolicySourceArn=second.role_arn, ActionNames=["kms:Decrypt"])
            assert simulated["EvaluationResults"][0]["EvalDecision"] == "allowed"
        again = bedrock.get_model_customization_job(jobIdentifier=arn)
        assert again["creationTime"] == seen["creationTime"]
        assert again["statusDetails"] == seen["statusDetails"]
        assert bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "sql"}]
        assert start(second, "kept", clientRequestToken="one", jobTags=[{"key": "team", "value": "sql"}]) == arn
        second.advance(8_000)
        model = bedrock.get_custom_model(modelIdentifier="kept")
        deployed = bedrock.create_custom_model_deployment(modelDeploymentName="kept", modelArn=model["modelArn"])
    with quick(tmp_path) as third, closing(third.client("bedrock-runtime")) as runtime:
        third.advance(481)
        ask = [{"role": "user", "content": [{"text": "rows of table t5"}]}]
        answer = runtime.converse(modelId=deployed["customModelDeploymentArn"], messages=ask)
        assert answer["output"]["message"]["content"][0]["text"] == "SELECT count(*) FROM t5"
        with closing(third.client("s3")) as s3:
            keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=third.bucket)["Contents"]]
        assert any(key.endswith("step_wise_training_metrics.csv") for key in keys)


def test_training_jobs_and_checkpoints_are_kept(tmp_path):
    """A SageMaker job, its log lines and its checkpoint come back."""
    with quick(tmp_path) as first:
        start(first, "data")
        clients = {name: first.client(name) for name in ("s3", "sagemaker")}
        recipe = b"run: {name: r, model_type: 'amazon.nova-micro-v1:0:128k'}"
        clients["s3"].put_object(Bucket=first.bucket, Key="recipe.yaml", Body=recipe)
        channels = [
            {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}}
            for name, kind, uri in (
                ("train", "Converse", f"s3://{first.bucket}/in/train.jsonl"),
                ("recipe", "S3Prefix", f"s3://{first.bucket}/recipe.yaml"),
            )
        ]
        clients["sagemaker"].create_training_job(
            TrainingJobName="kept",
            AlgorithmSpecification={"TrainingInputMode": "File", "TrainingImage": "image"},
            RoleArn=first.role_arn,
            InputDataConfig=channels,
            OutputDataConfig={"S3OutputPath": f"s3://{first.bucket}/out"},
            ResourceConfig={"InstanceType": "ml.g5.48xlarge", "InstanceCount": 1},
        )
        first.advance(12_000)
        described = clients["sagemaker"].describe_training_job(TrainingJobName="kept")
        assert described["TrainingJobStatus"] == "Completed"
        for client in clients.values():
            client.close()
    with quick(tmp_path) as second, closing(second.client("sagemaker")) as sagemaker:
        again = sagemaker.describe_training_job(TrainingJobName="kept")
        for answer in (again, described):
            del answer["ResponseMetadata"]
        assert again == described
        with closing(second.client("bedrock")) as bedrock:
            source = {"s3DataSource": {"s3Uri": again["CheckpointConfig"]["S3Uri"]}}
            made = bedrock.create_custom_model(modelName="m", modelSourceConfig=source, roleArn=second.role_arn)
        assert ":custom-model/imported/" in made["modelArn"]


def test_another_process_goes_on(tmp_path):
    """What one process has started is found by another, and the clock goes on between them."""
    program = textwrap.dedent(
        """
        import sys
        from nova_tune.rehearsal import Rehearsal
        with Rehearsal(speed=0, path=sys.argv[1]) as aws:
            print(aws.client("bedrock").list_model_customization_jobs()["modelCustomizationJobSummaries"][0]["jobName"])
        """
    )
    with quick(tmp_path) as rehearsal:
        start(rehearsal, "from-here")
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "from-here"


def test_time_goes_on_while_nobody_is_there():
    """The real time between two processes counts at the clock's speed; a clock that stands still stays."""
    saved = {"simulated": "2026-01-01T00:00:00+00:00", "real": "2020-01-01T00:00:00+00:00"}
    still, running = Clock(0), Clock(1)
    still.restore(saved)
    running.restore(saved)
    assert still.now().isoformat() == saved["simulated"]
    assert (running.now() - still.now()).days > 365 * 5


def test_what_cannot_be_saved_or_read_is_said(tmp_path):
    """Saving without a path is an error, and so is a state of an unknown version."""
    with pytest.raises(RuntimeError, match="nothing to save"):
        Rehearsal().save()
    (tmp_path / "state.json").write_text('{"schema": 99}')
    with pytest.raises(ValueError, match="schema 99"):
        quick(tmp_path).start()


def test_the_plugin_gives_a_local_aws(pytester):
    """A test that names nova_rehearsal talks to it through plain boto3; what it changes is put back."""
    pytester.makeconftest('pytest_plugins = ["nova_tune.pytest_plugin"]')
    pytester.makepyfile(
        """
        import os
        import boto3

        NAME = "ml.g5.48xlarge for training job usage"

        def test_one(nova_rehearsal, tmp_path):
            nova_rehearsal.quotas[NAME] = 0
            nova_rehearsal.faults.deny("bedrock:*")
            assert os.environ["AWS_ENDPOINT_URL"] == nova_rehearsal.url
            assert boto3.client("sts").get_caller_identity()["Account"] == nova_rehearsal.account

        def test_two(nova_rehearsal):
            assert nova_rehearsal.quotas[NAME] == 4
            assert boto3.client("bedrock").list_custom_models()["modelSummaries"] == []

        def test_three():
            assert "AWS_ENDPOINT_URL" not in os.environ
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-q")
    result.assert_outcomes(passed=3)


def test_slot_transfer_is_an_option():
    """With slot_transfer, words of the question replace those of the nearest example in its answer."""
    with Rehearsal(speed=0, first_token_ms=0, token_ms=0, slot_transfer=True) as rehearsal:
        start(rehearsal, "swap")
        rehearsal.advance(8_000)
        session = rehearsal.session()
        bedrock, runtime = session.client("bedrock"), session.client("bedrock-runtime")
        arn = bedrock.get_custom_model(modelIdentifier="swap")["modelArn"]
        deployed = bedrock.create_custom_model_deployment(modelDeploymentName="swap", modelArn=arn)
        rehearsal.advance(481)
        ask = [{"role": "user", "content": [{"text": "rows of table harbour"}]}]
        answer = runtime.converse(modelId=deployed["customModelDeploymentArn"], messages=ask)
        assert answer["output"]["message"]["content"][0]["text"] == "SELECT count(*) FROM harbour"
        bedrock.close()
        runtime.close()


def test_two_rehearsals_do_not_share_a_session():
    """boto3's default session is left alone."""
    with Rehearsal(speed=0) as rehearsal:
        before = boto3.DEFAULT_SESSION
        rehearsal.session()
        assert boto3.DEFAULT_SESSION is before
