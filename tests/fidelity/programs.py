"""Small programs, each of which shows one behaviour of AWS: the same against the rehearsal and against an account.

A program gets a :class:`Place` and asserts. It names the behaviours of ``nova_tune.rehearsal.BEHAVIOURS`` that it shows
and what one run costs at list prices; programs that cost nothing only ask for what is refused, or read.
"""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import attrs
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASE = "amazon.nova-micro-v1:0"
TUNABLE = "amazon.nova-micro-v1:0:128k"


@attrs.frozen(kw_only=True)
class Place:
    """Where the programs run."""

    client: Callable[[str], Any]
    bucket: str
    role_arn: str
    advance: Callable[[float], None]
    """Let the service's time pass; against AWS it waits."""

    def job(self, **changes: Any) -> dict[str, Any]:
        """A request for a job under a name of its own, whose data does not exist unless a program puts it there."""
        name = f"fidelity-{uuid.uuid4().hex[:12]}"
        return {
            "jobName": name,
            "customModelName": name,
            "roleArn": self.role_arn,
            "baseModelIdentifier": TUNABLE,
            "customizationType": "FINE_TUNING",
            "trainingDataConfig": {"s3Uri": f"s3://{self.bucket}/fidelity/{name}.jsonl"},
            "outputDataConfig": {"s3Uri": f"s3://{self.bucket}/fidelity/out/"},
            **changes,
        }


@attrs.frozen
class Program:
    """One program."""

    name: str
    behaviours: tuple[str, ...]
    usd: float
    run: Callable[[Place], None]


PROGRAMS: list[Program] = []


def program(*behaviours: str, usd: float = 0.0) -> Callable[[Callable[[Place], None]], Callable[[Place], None]]:
    """Put a function among the programs."""

    def put(function: Callable[[Place], None]) -> Callable[[Place], None]:
        PROGRAMS.append(Program(function.__name__, behaviours, usd, function))
        return function

    return put


@contextlib.contextmanager
def refused(code: str, pattern: str = "", status: int | None = None) -> Iterator[None]:
    """What is done inside ends in this error."""
    found = None
    try:
        yield
    except ClientError as error:
        found = error.response
    assert found is not None, f"it was taken, and {code} was expected"
    assert found["Error"]["Code"] == code, found["Error"]
    assert re.search(pattern, found["Error"]["Message"]), found["Error"]
    assert status in {None, found["ResponseMetadata"]["HTTPStatusCode"]}


def ask(text: str = "How many?") -> list[dict[str, Any]]:
    """A conversation of one turn."""
    return [{"role": "user", "content": [{"text": text}]}]


@program("request.constraints", "request.wording")
def constraints_are_enforced(place: Place) -> None:
    """Lengths, patterns and enums of the service model are refused by the service, not by botocore."""
    create = place.client("bedrock").create_model_customization_job
    for change in ({"jobName": "x" * 64}, {"jobName": "bad name"}, {"customizationType": "SFT"}):
        with refused("ValidationException", "validation error", 400):
            create(**place.job(**change))


@program("job.base-model", "job.base-model-wording")
def an_id_without_a_suffix_cannot_be_customised(place: Place) -> None:
    """The id that answers is not the id that can be tuned."""
    with refused("ValidationException"):
        place.client("bedrock").create_model_customization_job(**place.job(baseModelIdentifier=BASE))


@program("job.hyperparameters")
def hyperparameters_have_ranges(place: Place) -> None:
    """Values out of range and unknown names are refused when the job is created."""
    for wrong in ({"epochCount": "6"}, {"learningRate": "1"}, {"epochs": "2"}):
        with refused("ValidationException"):
            place.client("bedrock").create_model_customization_job(**place.job(hyperParameters=wrong))


@program("job.role-and-bucket")
def a_role_that_does_not_exist_is_refused(place: Place) -> None:
    """A role of the right shape that nobody has is refused when the job is created."""
    arn = place.role_arn.rpartition("/")[0] + "/nobody-" + uuid.uuid4().hex[:8]
    with refused("ValidationException"):
        place.client("bedrock").create_model_customization_job(**place.job(roleArn=arn))


@program("job.role-and-bucket")
def a_bucket_that_does_not_exist_is_refused(place: Place) -> None:
    """An output bucket that nobody has is refused when the job is created."""
    output = {"s3Uri": f"s3://nobody-{uuid.uuid4().hex}/out/"}
    with refused("ValidationException"):
        place.client("bedrock").create_model_customization_job(**place.job(outputDataConfig=output))


@program("errors.status", "job.identifiers")
def what_is_not_there_is_not_found(place: Place) -> None:
    """Jobs, models and deployments that do not exist are ResourceNotFoundException, HTTP 404."""
    bedrock = place.client("bedrock")
    name = f"nobody-{uuid.uuid4().hex[:8]}"
    for call, member in (
        (bedrock.get_model_customization_job, "jobIdentifier"),
        (bedrock.get_custom_model, "modelIdentifier"),
        (bedrock.get_custom_model_deployment, "customModelDeploymentIdentifier"),
    ):
        with refused("ResourceNotFoundException", status=404):
            call(**{member: name})


@program("model.import-escrow")
def an_import_needs_an_escrow_bucket(place: Place) -> None:
    """CreateCustomModel does not take weights out of the caller's own bucket."""
    source = {"s3DataSource": {"s3Uri": f"s3://{place.bucket}/fidelity/weights"}}
    with refused("ValidationException"):
        place.client("bedrock").create_custom_model(
            modelName=f"fidelity-{uuid.uuid4().hex[:8]}", modelSourceConfig=source, roleArn=place.role_arn
        )


@program("foundation.customizable")
def tunable_models_have_a_suffix(place: Place) -> None:
    """ListFoundationModels tells which ids can be tuned."""
    found = place.client("bedrock").list_foundation_models(byCustomizationType="FINE_TUNING")["modelSummaries"]
    assert TUNABLE in {model["modelId"] for model in found}


@program("converse.suffixed-id")
def an_id_with_a_suffix_does_not_answer(place: Place) -> None:
    """The id that can be tuned is not one that answers."""
    with refused("ResourceNotFoundException"):
        place.client("bedrock-runtime").converse(modelId=TUNABLE, messages=ask())


@program("converse.profile-only")
def nova_2_lite_needs_a_profile(place: Place) -> None:
    """Nova 2 Lite does not answer under its bare id."""
    with refused("ValidationException", "inference profile"):
        place.client("bedrock-runtime").converse(modelId="amazon.nova-2-lite-v1:0", messages=ask())


@program("converse.turns")
def roles_alternate(place: Place) -> None:
    """A conversation that begins with the assistant is refused."""
    with refused("ValidationException"):
        place.client("bedrock-runtime").converse(
            modelId=BASE, messages=[{"role": "assistant", "content": [{"text": "hello"}]}]
        )


@program("converse.max-tokens")
def max_tokens_has_a_limit(place: Place) -> None:
    """maxTokens far over the model's limit is refused."""
    with refused("ValidationException"):
        place.client("bedrock-runtime").converse(modelId=BASE, messages=ask(), inferenceConfig={"maxTokens": 50_000})


@program("count-tokens.nova")
def nova_tokens_are_not_counted(place: Place) -> None:
    """CountTokens refuses Nova."""
    with refused("ValidationException", "doesn't support counting tokens"):
        place.client("bedrock-runtime").count_tokens(modelId=BASE, input={"converse": {"messages": ask()}})


@program("invoke.unknown-keys")
def native_requests_are_checked(place: Place) -> None:
    """A native request with an unknown key is refused."""
    body = json.dumps({"messages": ask(), "prompt": "x"})
    with refused("ValidationException"):
        place.client("bedrock-runtime").invoke_model(modelId=BASE, body=body)


@program("training.instances")
def instances_over_the_quota_are_refused(place: Place) -> None:
    """A training job over its quota is refused with the quota's name, and nothing is launched."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{place.bucket}/fidelity/recipe.yaml"}
    with refused("ResourceLimitExceeded", "service limit 'ml.p5.48xlarge for training job usage'"):
        place.client("sagemaker").create_training_job(
            TrainingJobName=f"fidelity-{uuid.uuid4().hex[:8]}",
            AlgorithmSpecification={
                "TrainingInputMode": "File",
                "TrainingImage": "708977205387.dkr.ecr.us-east-1.amazonaws.com/nova-fine-tune-repo:SM-TJ-SFT-latest",
            },
            RoleArn=place.role_arn,
            InputDataConfig=[{"ChannelName": "recipe", "DataSource": {"S3DataSource": source}}],
            OutputDataConfig={"S3OutputPath": f"s3://{place.bucket}/fidelity/out"},
            ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 500, "VolumeSizeInGB": 30},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
        )


@program("prices.layout")
def a_price_is_found_by_its_usage_type(place: Place) -> None:
    """One usage type is one row, a JSON text with one dimension."""
    match = {"Type": "TERM_MATCH", "Field": "usagetype", "Value": "USE1-Train:ml.g5.48xlarge"}
    rows = place.client("pricing").get_products(ServiceCode="AmazonSageMaker", Filters=[match])["PriceList"]
    (term,) = json.loads(rows[0])["terms"]["OnDemand"].values()
    (price,) = term["priceDimensions"].values()
    assert price["unit"] == "Hrs"


@program("iam.logic")
def the_simulator_decides(place: Place) -> None:
    """The role may read its data; what no policy mentions is an implicit deny."""
    answer = place.client("iam").simulate_principal_policy(
        PolicySourceArn=place.role_arn,
        ActionNames=["s3:GetObject", "iam:DeleteUser"],
        ResourceArns=[f"arn:aws:s3:::{place.bucket}/fidelity/x"],
    )
    assert [one["EvalDecision"] for one in answer["EvaluationResults"]] == ["allowed", "implicitDeny"]


@program("converse.metadata-last", usd=0.0001)
def metadata_comes_last(place: Place) -> None:
    """A stream ends with messageStop and then metadata with its usage."""
    stream = place.client("bedrock-runtime").converse_stream(
        modelId=BASE, messages=ask("Say yes."), inferenceConfig={"maxTokens": 5}
    )["stream"]
    names = [name for event in stream for name in event]
    assert names[0] == "messageStart"
    assert names[-2:] == ["messageStop", "metadata"]


@program("invoke.schema", usd=0.0001)
def invoke_model_answers_in_novas_form(place: Place) -> None:
    """InvokeModel's answer has output, stopReason and usage."""
    body = json.dumps({"messages": ask("Say yes."), "inferenceConfig": {"maxTokens": 5}})
    answer = json.loads(place.client("bedrock-runtime").invoke_model(modelId=BASE, body=body)["body"].read())
    assert {"output", "stopReason", "usage"} <= answer.keys()


@program("job.token", "job.token-reused", "job.stop", "job.arn", usd=1.0)
def equal_tokens_give_one_job(place: Place) -> None:
    """A request sent twice makes one job; the job is stopped before it trains."""
    bedrock, request = place.client("bedrock"), place.job(clientRequestToken=uuid.uuid4().hex)
    turns = [{"role": "user", "content": [{"text": "q"}]}, {"role": "assistant", "content": [{"text": "a"}]}]
    line = json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": turns})
    place.client("s3").put_object(
        Bucket=place.bucket, Key=request["trainingDataConfig"]["s3Uri"].split("/", 3)[3], Body="\n".join([line] * 8)
    )
    arn = bedrock.create_model_customization_job(**request)["jobArn"]
    try:
        assert re.fullmatch(
            rf"arn:aws:bedrock:us-east-1:\d{{12}}:model-customization-job/{TUNABLE}/[a-z0-9]{{12}}", arn
        )
        assert bedrock.create_model_customization_job(**request)["jobArn"] == arn
        with refused("ConflictException"):
            bedrock.create_model_customization_job(**{**request, "hyperParameters": {"epochCount": "1"}})
    finally:
        bedrock.stop_model_customization_job(jobIdentifier=arn)
    place.advance(120)
    assert bedrock.get_model_customization_job(jobIdentifier=arn)["status"] in {"Stopping", "Stopped"}
