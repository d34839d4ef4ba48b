"""What surrounds jobs in the rehearsal: policies, quotas, prices, foundation models, and what a test misconfigures."""

from __future__ import annotations

import itertools
import json
from contextlib import closing

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from nova_tune.rehearsal import Rehearsal
from nova_tune.rehearsal._quotas import QUOTAS, Quotas

pytestmark = pytest.mark.extra

COUNTER = itertools.count(1)
BASE = "amazon.nova-micro-v1:0:128k"
SERVICES = (
    "bedrock",
    "bedrock-runtime",
    "iam",
    "s3",
    "service-quotas",
    "pricing",
    "sagemaker",
    "logs",
    "kms",
    "events",
)


def line(n):
    messages = [
        {"role": "user", "content": [{"text": f"question {n}"}]},
        {"role": "assistant", "content": [{"text": f"answer {n}"}]},
    ]
    return json.dumps({"schemaVersion": "bedrock-conversation-2024", "messages": messages})


@pytest.fixture(scope="module")
def rehearsal():
    with Rehearsal(speed=0, base_first_token_ms=0, base_token_ms=0) as running:
        yield running


@pytest.fixture(scope="module")
def aws(rehearsal):
    clients = {name: rehearsal.client(name, config=Config(retries={"total_max_attempts": 1})) for name in SERVICES}
    yield clients
    for client in clients.values():
        client.close()


@pytest.fixture(autouse=True)
def put_back(rehearsal):
    yield
    rehearsal.faults.clear()
    for name in list(rehearsal.quotas):
        del rehearsal.quotas[name]


@pytest.fixture
def job(rehearsal, aws):
    """A request for a job whose names nobody else has."""

    def request(**changes):
        name = f"account-{next(COUNTER)}"
        aws["s3"].put_object(Bucket=rehearsal.bucket, Key=name, Body="\n".join(map(line, range(9))))
        return {
            "jobName": name,
            "customModelName": name,
            "roleArn": rehearsal.role_arn,
            "baseModelIdentifier": BASE,
            "trainingDataConfig": {"s3Uri": f"s3://{rehearsal.bucket}/{name}"},
            "outputDataConfig": {"s3Uri": f"s3://{rehearsal.bucket}/out/"},
            **changes,
        }

    return request


@pytest.fixture
def role(aws):
    """A role with these policies, trusted by these services."""

    def make(*policies, trusts=("bedrock.amazonaws.com",)):
        name = f"role-{next(COUNTER)}-of-a-test"
        trust = {"Effect": "Allow", "Principal": {"Service": [*trusts]}, "Action": "sts:AssumeRole"}
        made = aws["iam"].create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        for number, statement in enumerate(policies):
            document = json.dumps({"Version": "2012-10-17", "Statement": statement})
            aws["iam"].put_role_policy(RoleName=name, PolicyName=f"p{number}", PolicyDocument=document)
        return made["Role"]["Arn"]

    return make


def refused(call, **kwargs):
    """The code and the message of the error that `call` ends in."""
    with pytest.raises(ClientError) as caught:
        call(**kwargs)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def verdicts(aws, arn, actions, resources=("*",), **more):
    answer = aws["iam"].simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=[*actions], ResourceArns=[*resources], **more
    )
    return [one["EvalDecision"] for one in answer["EvaluationResults"]]


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def test_policies_are_simulated(aws, role):
    """An allow allows, wildcards match, a deny wins, and what nobody mentions is an implicit deny."""
    deny = {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}
    arn = role(allow(["s3:Get*", "s3:DeleteObject"], "arn:aws:s3:::data/*"), deny)
    found = verdicts(
        aws, arn, ["s3:GetObject", "S3:getobject", "s3:DeleteObject", "s3:PutObject"], ["arn:aws:s3:::data/x"]
    )
    assert found == ["allowed", "allowed", "explicitDeny", "implicitDeny"]
    assert verdicts(aws, arn, ["s3:GetObject"], ["arn:aws:s3:::other/x"]) == ["implicitDeny"]
    assert verdicts(aws, role(), ["s3:GetObject"]) == ["implicitDeny"]


def test_conditions_need_their_context(aws, role):
    """A condition whose key is not given does not hold, and the key is named; given, it decides."""
    condition = {"StringEquals": {"iam:PassedToService": "bedrock.amazonaws.com"}}
    arn = role(allow("iam:PassRole", Condition=condition))
    answer = aws["iam"].simulate_principal_policy(PolicySourceArn=arn, ActionNames=["iam:PassRole"])
    (result,) = answer["EvaluationResults"]
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["iam:PassedToService"])
    for value, verdict in (("bedrock.amazonaws.com", "allowed"), ("ec2.amazonaws.com", "implicitDeny")):
        entry = {"ContextKeyName": "iam:PassedToService", "ContextKeyValues": [value], "ContextKeyType": "string"}
        assert verdicts(aws, arn, ["iam:PassRole"], ContextEntries=[entry]) == [verdict]


@pytest.mark.parametrize(
    ("operator", "value", "verdict"),
    [
        ("StringNotEquals", "a", "implicitDeny"),
        ("StringEqualsIgnoreCase", "A", "allowed"),
        ("StringLike", "a*", "allowed"),
        ("StringNotLike", "b*", "allowed"),
        ("ArnLike", "?", "allowed"),
        ("Bool", "true", "implicitDeny"),
        ("NumericLessThan", "3", "implicitDeny"),
        ("StringEqualsIfExists", "a", "allowed"),
    ],
)
def test_condition_operators(aws, role, operator, value, verdict):
    """The known operators decide; a statement with one that is not known does not apply."""
    arn = role(allow("s3:GetObject", Condition={operator: {"aws:Word": value}}))
    entry = {"ContextKeyName": "aws:Word", "ContextKeyValues": ["a"], "ContextKeyType": "string"}
    assert verdicts(aws, arn, ["s3:GetObject"], ContextEntries=[entry]) == [verdict]


def test_not_action_and_not_resource_and_other_principals(aws, role):
    """NotAction and NotResource turn a statement round; users and attached policies count; root may do everything."""
    arn = role({"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::secret/*"})
    assert verdicts(aws, arn, ["s3:GetObject", "iam:PassRole"]) == ["allowed", "implicitDeny"]
    assert verdicts(aws, arn, ["s3:GetObject"], ["arn:aws:s3:::secret/x"]) == ["implicitDeny"]
    policy = aws["iam"].create_policy(
        PolicyName=f"policy-{next(COUNTER)}",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("s3:PutObject")]}),
    )["Policy"]["Arn"]
    user = aws["iam"].create_user(UserName=f"user-{next(COUNTER)}")["User"]
    aws["iam"].attach_user_policy(UserName=user["UserName"], PolicyArn=policy)
    assert verdicts(aws, user["Arn"], ["s3:PutObject", "s3:GetObject"]) == ["allowed", "implicitDeny"]
    assert verdicts(aws, "arn:aws:iam::123456789012:root", ["s3:GetObject"]) == ["allowed"]
    added = [json.dumps({"Statement": [allow("s3:GetObject")]})]
    assert verdicts(aws, user["Arn"], ["s3:GetObject"], PolicyInputList=added) == ["allowed"]


def test_what_the_simulator_refuses(aws, rehearsal):
    """A principal that does not exist is NoSuchEntity, an action without a service InvalidInput."""
    simulate = aws["iam"].simulate_principal_policy
    for arn in ("arn:aws:iam::123456789012:role/nobody-here", "arn:aws:sts::123456789012:assumed-role/x/y"):
        assert refused(simulate, PolicySourceArn=arn, ActionNames=["s3:GetObject"])[0] == "NoSuchEntity"
    assert refused(simulate, PolicySourceArn=rehearsal.role_arn, ActionNames=["GetObject"])[0] == "InvalidInput"
    rehearsal.faults.deny("iam:*")
    assert refused(simulate, PolicySourceArn=rehearsal.role_arn, ActionNames=["s3:GetObject"])[0] == "AccessDenied"


def test_a_denied_action_is_denied_everywhere(rehearsal, aws, job):
    """A denied action is an explicitDeny in the simulator and HTTP 403 at the operation; clear() lifts it."""
    rehearsal.faults.deny("bedrock:CreateModelCustomizationJob")
    rehearsal.faults.deny("bedrock:InvokeModel")
    assert verdicts(aws, rehearsal.role_arn, ["bedrock:CreateModelCustomizationJob"]) == ["explicitDeny"]
    assert refused(aws["bedrock"].create_model_customization_job, **job())[0] == "AccessDeniedException"
    ask = {"modelId": "amazon.nova-micro-v1:0", "messages": [{"role": "user", "content": [{"text": "x"}]}]}
    assert refused(aws["bedrock-runtime"].converse, **ask)[0] == "AccessDeniedException"
    rehearsal.faults.clear()
    assert aws["bedrock-runtime"].converse(**ask)["stopReason"] == "end_turn"
    with pytest.raises(ValueError, match="no IAM action"):
        rehearsal.faults.deny("GetObject")


def test_a_role_without_trust_is_refused(aws, job, role):
    """A role that bedrock.amazonaws.com may not assume is refused when the job is created."""
    arn = role(allow("s3:*"), trusts=("ec2.amazonaws.com",))
    assert "cannot be assumed" in refused(aws["bedrock"].create_model_customization_job, **job(roleArn=arn))[1]


def test_a_role_that_may_not_read_fails_the_job(rehearsal, aws, job, role):
    """A role whose policies do not allow the data, or the output, fails the job in validation, naming the action."""
    for statements, action in (([], "s3:GetObject"), ([allow("s3:GetObject")], "s3:PutObject")):
        request = job(roleArn=role(*statements))
        aws["bedrock"].create_model_customization_job(**request)
        rehearsal.advance(200)
        found = aws["bedrock"].get_model_customization_job(jobIdentifier=request["jobName"])
        assert found["status"] == "Failed"
        assert f"is not allowed {action}" in found["failureMessage"]


def test_a_bucket_of_another_region_is_refused(aws, job):
    """A bucket must be in the job's region."""
    aws["s3"].create_bucket(Bucket="bucket-over-there", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    request = job(outputDataConfig={"s3Uri": "s3://bucket-over-there/out/"})
    assert "is in eu-west-1" in refused(aws["bedrock"].create_model_customization_job, **request)[1]


@pytest.mark.parametrize("name", ["Scheduled customization jobs", "Custom models per account"])
def test_a_quota_of_zero_refuses_jobs(rehearsal, aws, job, name):
    """A quota that is used up is a ServiceQuotaExceededException."""
    rehearsal.quotas[name] = 0
    assert refused(aws["bedrock"].create_model_customization_job, **job())[0] == "ServiceQuotaExceededException"


def test_a_full_queue_keeps_a_job_from_training(rehearsal, aws, job):
    """A queued job has processed its data and its training is NotStarted, for as long as was asked for."""
    with pytest.raises(ValueError, match="cannot wait"):
        rehearsal.faults.queue_next_job(-1)
    rehearsal.faults.queue_next_job(86_400)
    request = job()
    aws["bedrock"].create_model_customization_job(**request)
    rehearsal.advance(80_000)
    found = aws["bedrock"].get_model_customization_job(jobIdentifier=request["jobName"])
    phases = [found["statusDetails"][f"{name}Details"]["status"] for name in ("dataProcessing", "training")]
    assert (found["status"], phases) == ("InProgress", ["Completed", "NotStarted"])
    rehearsal.advance(6_881 + 7_200)
    found = aws["bedrock"].get_model_customization_job(jobIdentifier=request["jobName"])
    assert found["status"] == "Completed"


def test_an_update_can_fail(rehearsal, aws, job):
    """An update that fails leaves the old model answering, with UpdateFailed and a message."""
    requests = [job(), job()]
    for request in requests:
        aws["bedrock"].create_model_customization_job(**request)
    rehearsal.advance(8_000)
    one, other = (aws["bedrock"].get_custom_model(modelIdentifier=each["customModelName"]) for each in requests)
    name = f"updated-{next(COUNTER)}"
    aws["bedrock"].create_custom_model_deployment(modelDeploymentName=name, modelArn=one["modelArn"])
    rehearsal.advance(481)
    rehearsal.faults.fail_next_deployment("no capacity")
    update = aws["bedrock"].update_custom_model_deployment
    update(customModelDeploymentIdentifier=name, modelArn=other["modelArn"])
    rehearsal.advance(481)
    found = aws["bedrock"].get_custom_model_deployment(customModelDeploymentIdentifier=name)
    assert (found["status"], found["modelArn"]) == ("Active", one["modelArn"])
    assert found["updateDetails"] == {"modelArn": other["modelArn"], "updateStatus": "UpdateFailed"}
    assert found["failureMessage"] == "[rehearsal] no capacity"
    update(customModelDeploymentIdentifier=name, modelArn=other["modelArn"])
    rehearsal.advance(481)
    found = aws["bedrock"].get_custom_model_deployment(customModelDeploymentIdentifier=name)
    assert (found["modelArn"], found["updateDetails"]["updateStatus"]) == (other["modelArn"], "UpdateCompleted")


def test_quotas_are_listed_by_name(rehearsal, aws):
    """ListServiceQuotas tells what is in force, in pages; the defaults stay; a code finds its quota."""
    name = "ml.g5.48xlarge for training job usage"
    rehearsal.quotas[name] = 0
    quotas = aws["service-quotas"]
    pages = quotas.get_paginator("list_service_quotas").paginate(
        ServiceCode="sagemaker", PaginationConfig={"PageSize": 3}
    )
    listed = {quota["QuotaName"]: quota for page in pages for quota in page["Quotas"]}
    assert listed[name]["Value"] == 0
    assert len(listed) == sum(quota.service == "sagemaker" for quota in QUOTAS.values())
    defaults = quotas.list_aws_default_service_quotas(ServiceCode="sagemaker")["Quotas"]
    assert {quota["QuotaName"]: quota["Value"] for quota in defaults}[name] == 4
    found = quotas.get_service_quota(ServiceCode="sagemaker", QuotaCode=listed[name]["QuotaCode"])
    assert found["Quota"]["QuotaName"] == name
    for request in ({"QuotaCode": "L-00000000"}, {"QuotaCode": "L-00000000", "ServiceCode": "ec2"}):
        call = {"ServiceCode": "bedrock", **request}
        assert refused(quotas.get_service_quota, **call)[0] == "NoSuchResourceException"
    assert refused(quotas.list_service_quotas, ServiceCode="ec2")[0] == "NoSuchResourceException"
    bad = refused(quotas.list_service_quotas, ServiceCode="bedrock", NextToken="xx")
    assert bad[0] == "InvalidPaginationTokenException"


def test_codes_of_quotas_differ():
    """Every quota has a code of its own."""
    assert len({quota.code for quota in QUOTAS.values()}) == len(QUOTAS)


def test_quotas_refuse_what_does_not_exist():
    """An unknown name or a negative value is an error of the test, said at once."""
    quotas = Quotas()
    with pytest.raises(ValueError, match="no quota"):
        quotas["nonsense"] = 1
    with pytest.raises(ValueError, match="not possible"):
        quotas["Custom models per account"] = -1
    assert len(quotas) == len(QUOTAS)


def test_the_price_list_has_awss_layout_and_prices_of_its_own(aws):
    """GetProducts filters and pages; each row is a JSON text with one price, marked as the rehearsal's."""
    pages = (
        aws["pricing"]
        .get_paginator("get_products")
        .paginate(
            ServiceCode="AmazonBedrock",
            Filters=[{"Type": "CONTAINS", "Field": "usagetype", "Value": "NovaMicro"}],
            PaginationConfig={"PageSize": 4},
        )
    )
    rows = [json.loads(row) for page in pages for row in page["PriceList"]]
    assert len(rows) == 6
    for row in rows:
        (term,) = row["terms"]["OnDemand"].values()
        (price,) = term["priceDimensions"].values()
        assert price["description"].startswith("[rehearsal] ")
        assert float(price["pricePerUnit"]["USD"]) > 0
    match = {"Type": "TERM_MATCH", "Field": "usagetype", "Value": "USE1-Train:ml.g5.48xlarge"}
    (row,) = aws["pricing"].get_products(ServiceCode="AmazonSageMaker", Filters=[match])["PriceList"]
    assert json.loads(row)["product"]["attributes"]["component"] == "Training"
    for kind, count in (("EQUALS", 1), ("ANY_OF", 1), ("NONE_OF", 6)):
        found = aws["pricing"].get_products(ServiceCode="AmazonSageMaker", Filters=[{**match, "Type": kind}])
        assert len(found["PriceList"]) == count


def test_services_and_attributes_of_the_price_list(aws):
    """DescribeServices and GetAttributeValues tell what there is; what there is not is refused."""
    services = aws["pricing"].describe_services()["Services"]
    assert [service["ServiceCode"] for service in services] == ["AmazonBedrock", "AmazonSageMaker"]
    assert len(aws["pricing"].describe_services(ServiceCode="AmazonBedrock")["Services"]) == 1
    values = aws["pricing"].get_attribute_values(ServiceCode="AmazonBedrock", AttributeName="model")
    assert {"Value": "Nova Micro"} in values["AttributeValues"]
    bad = refused(aws["pricing"].get_attribute_values, ServiceCode="AmazonBedrock", AttributeName="colour")
    assert bad[0] == "InvalidParameterException"
    assert refused(aws["pricing"].get_products, ServiceCode="AmazonEC2")[0] == "InvalidParameterException"
    bad = refused(aws["pricing"].get_products, ServiceCode="AmazonBedrock", NextToken="?")
    assert bad[0] == "InvalidNextTokenException"


def test_foundation_models_are_listed_and_available(aws):
    """ListFoundationModels filters; one of its ids, or its ARN, gets its details and its availability."""
    bedrock = aws["bedrock"]
    tunable = bedrock.list_foundation_models(byCustomizationType="FINE_TUNING")["modelSummaries"]
    assert BASE in [model["modelId"] for model in tunable]
    assert len(tunable) == 4
    assert bedrock.list_foundation_models(byProvider="Nobody")["modelSummaries"] == []
    for model in bedrock.list_foundation_models()["modelSummaries"]:
        assert bedrock.get_foundation_model(modelIdentifier=model["modelArn"])["modelDetails"] == model
        found = bedrock.get_foundation_model_availability(modelId=model["modelId"])
        assert found["agreementAvailability"] == {"status": "AVAILABLE"}
    missing = refused(bedrock.get_foundation_model, modelIdentifier="amazon.nova-premier-v1:0")
    assert missing[0] == "ResourceNotFoundException"


NATIVE = {
    "schemaVersion": "messages-v1",
    "system": [{"text": "Be brief."}],
    "messages": [{"role": "user", "content": [{"text": "How many?"}]}],
    "inferenceConfig": {"maxTokens": 4, "topK": 20},
}


def test_invoke_model_speaks_novas_own_format(aws):
    """InvokeModel answers with what Converse answers, as Nova's JSON; topK is taken and ignored."""
    answer = aws["bedrock-runtime"].invoke_model(modelId="amazon.nova-micro-v1:0", body=json.dumps(NATIVE))
    assert answer["contentType"] == "application/json"
    body = json.loads(answer["body"].read())
    assert body["stopReason"] == "max_tokens"
    assert body["usage"]["outputTokens"] == 4
    assert body["output"]["message"]["content"][0]["text"] == "This is the rehe"


def test_invoke_model_streams_chunks(aws):
    """InvokeModelWithResponseStream sends ConverseStream's events as JSON, one in each chunk."""
    answer = aws["bedrock-runtime"].invoke_model_with_response_stream(
        modelId="amazon.nova-micro-v1:0", body=json.dumps(NATIVE)
    )
    assert answer["contentType"] == "application/json"
    events = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    names = [name for event in events for name in event]
    assert names == ["messageStart", *["contentBlockDelta"] * 4, "contentBlockStop", "messageStop", "metadata"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", r"required key \[messages\]"),
        (json.dumps({**NATIVE, "schemaVersion": "messages-v2"}), "must be messages-v1"),
        (json.dumps({**NATIVE, "prompt": "x"}), r"extraneous key \[prompt\]"),
        (json.dumps({**NATIVE, "inferenceConfig": {"topP": 2}}), "less than or equal to 1"),
        (json.dumps({**NATIVE, "inferenceConfig": 3}), "must be a structure"),
    ],
)
def test_native_requests_are_checked(aws, body, reason):
    """A body that Nova's schema does not know is a ValidationException that says why."""
    with pytest.raises(ClientError, match=reason):
        aws["bedrock-runtime"].invoke_model(modelId="amazon.nova-micro-v1:0", body=body)


def test_tokens_are_counted_for_claude_and_refused_for_nova(aws):
    """CountTokens refuses Nova, as callers report of AWS; for Claude it counts either form of a request."""
    count = aws["bedrock-runtime"].count_tokens
    converse = {"converse": {"messages": [{"role": "user", "content": [{"text": "12345678"}]}]}}
    refusal = refused(count, modelId="amazon.nova-micro-v1:0", input=converse)
    assert refusal == ("ValidationException", "The provided model doesn't support counting tokens.")
    claude = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert count(modelId=claude, input=converse)["inputTokens"] == 2
    native = {"invokeModel": {"body": json.dumps(NATIVE)}}
    assert count(modelId=claude, input=native)["inputTokens"] == 5


def test_motos_services_answer_through_the_same_door(aws):
    """Logs, KMS and EventBridge are moto's."""
    assert aws["kms"].list_keys()["Keys"] == []
    assert aws["events"].list_rules()["Rules"] == []
    assert "logGroups" in aws["logs"].describe_log_groups()


@pytest.mark.parametrize(
    ("service", "operation", "request_"),
    [
        ("bedrock", "list_guardrails", {}),
        ("sagemaker", "list_hubs", {}),
        ("service-quotas", "list_services", {}),
        ("pricing", "list_price_lists", {"ServiceCode": "x", "EffectiveDate": 0, "CurrencyCode": "USD"}),
    ],
)
def test_what_is_not_offered_is_501(rehearsal, service, operation, request_):
    """An operation that is not offered answers 501 at the first attempt, whatever its service."""
    with closing(rehearsal.client(service)) as client, pytest.raises(ClientError) as caught:
        getattr(client, operation)(**request_)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert answer["ResponseMetadata"]["RetryAttempts"] == 0
    assert answer["Error"]["Code"] == "NotImplemented"
