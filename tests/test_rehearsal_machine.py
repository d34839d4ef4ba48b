"""A state machine over real boto3: whatever is done in whatever order, the rehearsal's account stays consistent."""

from __future__ import annotations

import itertools
import json

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from nova_tune.rehearsal import Rehearsal

pytestmark = pytest.mark.extra

TERMINAL = {"Completed", "Failed", "Stopped"}
PHRASES = "How many rows has table t{}?", "SELECT count(*) FROM t{}"
RUN = itertools.count(1)


def data():
    lines = []
    for number in range(8):
        asked, answer = (phrase.format(number) for phrase in PHRASES)
        messages = [
            {"role": "user", "content": [{"text": asked}]},
            {"role": "assistant", "content": [{"text": answer}]},
        ]
        lines.append(json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": messages}))
    return "\n".join(lines)


def outcome(call, **request):
    """The code of the error that a call ends in, or None, and its answer."""
    try:
        return None, call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"], {}


class Account(RuleBasedStateMachine):
    """Jobs, models and deployments of one rehearsal, driven at random; time moves by hand."""

    jobs = Bundle("jobs")
    deployments = Bundle("deployments")

    def __init__(self):
        super().__init__()
        self.rehearsal = Rehearsal(speed=0, seed=next(RUN), first_token_ms=0, token_ms=0).start()
        once = Config(retries={"total_max_attempts": 1})
        session = self.rehearsal.session()
        self.bedrock, self.runtime, self.s3 = (
            session.client(name, config=once) for name in ("bedrock", "bedrock-runtime", "s3")
        )
        self.s3.put_object(Bucket=self.rehearsal.bucket, Key="train.jsonl", Body=data())
        self.ended: dict[str, str] = {}
        self.requests: dict[str, dict[str, object]] = {}

    def teardown(self):
        for client in (self.bedrock, self.runtime, self.s3):
            client.close()
        self.rehearsal.close()

    @rule(target=jobs, there=st.booleans(), fails=st.booleans())
    def create(self, there, fails):
        name = f"job-{len(self.requests)}"
        if fails:
            self.rehearsal.faults.fail_next_job("internal")
        bucket = self.rehearsal.bucket
        request = {
            "jobName": name,
            "customModelName": name,
            "roleArn": self.rehearsal.role_arn,
            "baseModelIdentifier": "amazon.nova-micro-v1:0:128k",
            "trainingDataConfig": {"s3Uri": f"s3://{bucket}/{'train' if there else 'missing'}.jsonl"},
            "outputDataConfig": {"s3Uri": f"s3://{bucket}/out/"},
            "clientRequestToken": f"token-{name}",
        }
        arn = self.bedrock.create_model_customization_job(**request)["jobArn"]
        self.requests[arn] = request
        return arn

    @rule(arn=jobs)
    def create_again(self, arn):
        """An equal token gives the same job and makes no other."""
        assert self.bedrock.create_model_customization_job(**self.requests[arn])["jobArn"] == arn

    @rule(arn=jobs)
    def stop(self, arn):
        status = self.job(arn)["status"]
        code, _ = outcome(self.bedrock.stop_model_customization_job, jobIdentifier=arn)
        assert code == (None if status == "InProgress" else "ConflictException")

    @rule(seconds=st.sampled_from([1, 61, 481, 3_600, 8_000]))
    def advance(self, seconds):
        self.rehearsal.advance(seconds)

    @rule(target=deployments, arn=jobs, fails=st.booleans())
    def deploy(self, arn, fails):
        name = f"deployment-{next(RUN)}"
        model = self.model(arn)
        request = {
            "modelDeploymentName": name,
            "modelArn": model
            or "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-micro-v1:0:128k/aaaaaaaaaaaa",
        }
        if model is None:
            with pytest.raises(ClientError):
                self.bedrock.create_custom_model_deployment(**request)
            return None
        if fails:
            self.rehearsal.faults.fail_next_deployment("no capacity")
        return self.bedrock.create_custom_model_deployment(**request)["customModelDeploymentArn"]

    @rule(arn=deployments, job=jobs)
    def update(self, arn, job):
        model = self.model(job)
        if arn is None or model is None:
            return
        before = self.bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)
        ready = before["status"] == "Active" and before.get("updateDetails", {}).get("updateStatus") != "Updating"
        update = self.bedrock.update_custom_model_deployment
        code, _ = outcome(update, customModelDeploymentIdentifier=arn, modelArn=model)
        assert code == (None if ready else "ValidationException")

    @rule(arn=consumes(deployments))
    def delete(self, arn):
        if arn is None:
            return
        creating = self.bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)["status"] == "Creating"
        code, _ = outcome(self.bedrock.delete_custom_model_deployment, customModelDeploymentIdentifier=arn)
        assert code == ("ConflictException" if creating else None)
        code, _ = outcome(self.bedrock.get_custom_model_deployment, customModelDeploymentIdentifier=arn)
        assert code == (None if creating else "ResourceNotFoundException")

    @rule(arn=deployments, throttled=st.booleans())
    def converse(self, arn, throttled):
        if arn is None:
            return
        if throttled:
            self.rehearsal.faults.add("Converse", error="ThrottlingException")
        status = self.bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)["status"]
        expected = {"Creating": "ModelNotReadyException", "Failed": "ValidationException", "Active": None}[status]
        messages = [{"role": "user", "content": [{"text": PHRASES[0].format(3)}]}]
        code, answer = outcome(self.runtime.converse, modelId=arn, messages=messages)
        assert code == ("ThrottlingException" if throttled else expected)
        if code is None:
            assert answer["output"]["message"]["content"][0]["text"] == PHRASES[1].format(3)

    def job(self, arn):
        return self.bedrock.get_model_customization_job(jobIdentifier=arn)

    def model(self, arn):
        return self.job(arn).get("outputModelArn")

    @invariant()
    def account_is_consistent(self):
        """List agrees with get, ends stay, each completed job has one model and its outputs, no other has any."""
        listed = self.bedrock.list_model_customization_jobs(maxResults=1000)["modelCustomizationJobSummaries"]
        assert {row["jobArn"] for row in listed} == set(self.requests)
        completed = set()
        for row in listed:
            job = self.job(row["jobArn"])
            shared = ("status", "statusDetails", "creationTime", "lastModifiedTime", "endTime", "jobName")
            assert {name: row.get(name) for name in shared} == {name: job.get(name) for name in shared}
            assert self.ended.get(job["jobArn"], job["status"]) == job["status"]
            if job["status"] in TERMINAL:
                self.ended[job["jobArn"]] = job["status"]
            if job["status"] == "Completed":
                completed.add(job["outputModelArn"])
            else:
                assert "outputModelArn" not in job
        models = self.bedrock.list_custom_models(maxResults=1000)["modelSummaries"]
        assert sorted(row["modelArn"] for row in models) == sorted(completed)
        made = self.s3.list_objects_v2(Bucket=self.rehearsal.bucket, Prefix="out/").get("Contents", [])
        folders = {entry["Key"].split("/")[1].removeprefix("model-customization-job-") for entry in made}
        assert folders == {arn.rpartition("/")[2] for arn, end in self.ended.items() if end == "Completed"}
        ready = {row["modelArn"]: row["creationTime"] for row in models}
        for row in self.bedrock.list_custom_model_deployments(maxResults=1000)["modelDeploymentSummaries"]:
            arn = row["customModelDeploymentArn"]
            got = self.bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)
            assert {name: row.get(name) for name in ("status", "modelArn", "createdAt")} == {
                name: got.get(name) for name in ("status", "modelArn", "createdAt")
            }
            if row["status"] == "Active":
                assert ready[row["modelArn"]] < row["lastUpdatedAt"]


TestAccount = Account.TestCase
TestAccount.settings = settings(
    max_examples=12, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck)
)
