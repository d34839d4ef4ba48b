"""What was really used, and why it cost more or less than the estimate said."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from nova_tune import CostEstimate, CostModel
from nova_tune.costs import Actual, ActualLine, Reconciliation, reconcile
from nova_tune.errors import PriceUnknown, SourceError

COSTS = CostModel()
ARN = "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl"
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
META = {"ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RequestId": "r"}}
MICRO = "bedrock.nova-micro.custom.on-demand"
PRO = "bedrock.nova-pro.base.on-demand"


def client(service) -> Any:
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


def results(values, status="Complete", token=None) -> dict[str, Any]:
    found = [{"Id": f"q{number}", "Values": each, "StatusCode": status} for number, each in values.items()]
    return {"MetricDataResults": found, **({"NextToken": token} if token else {}), **META}


def test_both_forms_of_a_deployment_are_asked_and_counted_once():
    """CloudWatch may know a deployment by its ARN or by its last part; whichever has data counts, over all pages."""
    cloudwatch = client("cloudwatch")
    with Stubber(cloudwatch) as stub:
        stub.add_response("get_metric_data", results({0: [], 1: [], 2: [800.0, 100.0]}, "PartialData", "more"))
        stub.add_response("get_metric_data", results({2: [1.0], 3: [60.0]}))
        actual = Actual.answers("nova-micro", model_ids=[ARN], start=START, end=END, client=cloudwatch)
    assert [(line.key, line.quantity, line.unit) for line in actual.lines] == [
        (f"{MICRO}.input", 901, "tokens"),
        (f"{MICRO}.output", 60, "tokens"),
    ]
    assert actual.lines[0].source.startswith("CloudWatch, AWS/Bedrock, 2026-11-01")


def test_every_model_id_is_added_and_asked_in_calls_of_500():
    """A base model has one form an id; 251 ids are two calls."""
    cloudwatch = client("cloudwatch")
    ids = ["amazon.nova-pro-v1:0", *(f"m{number}" for number in range(250))]
    with Stubber(cloudwatch) as stub:
        stub.add_response("get_metric_data", results({0: [5.0], 1: [1.0], 2: [7.0]}))
        stub.add_response("get_metric_data", results({0: [9.0], 1: [3.0]}))
        actual = Actual.answers("nova-pro", model_ids=ids, start=START, end=END, custom=False, client=cloudwatch)
        stub.assert_no_pending_responses()
    assert [(line.key, line.quantity) for line in actual.lines] == [(f"{PRO}.input", 21), (f"{PRO}.output", 4)]


def test_a_part_of_the_data_is_no_answer():
    """A last page that is not complete is refused, not summed."""
    cloudwatch = client("cloudwatch")
    with Stubber(cloudwatch) as stub:
        stub.add_response("get_metric_data", results({0: [5.0]}, "PartialData"))
        with pytest.raises(SourceError, match="a part of the data"):
            Actual.answers("nova-pro", model_ids=["m"], start=START, end=END, client=cloudwatch)


@pytest.mark.parametrize(("start", "end"), [(END, START), (START, START), (datetime(2026, 11, 1), END)])  # noqa: DTZ001
def test_a_span_has_a_zone_and_an_order(start, end):
    """Times without a zone, or turned round, are refused before any call."""
    with pytest.raises(ValueError, match="no span of time"):
        Actual.answers("nova-pro", model_ids=["m"], start=start, end=end, client=client("cloudwatch"))


def described(**changes) -> dict[str, Any]:
    job = {
        "TrainingJobName": "j",
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/j",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86_400},
        "CreationTime": START,
        "BillableTimeInSeconds": 14_523,
        "ResourceConfig": {"InstanceType": "ml.g5.48xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30},
        **META,
    }
    return {key: value for key, value in {**job, **changes}.items() if value is not None}


def test_billable_seconds_are_those_of_all_instances():
    """SageMaker bills 14,523 s on two instances: 29,046 instance-seconds, 8.07 instance-hours."""
    sagemaker = client("sagemaker")
    with Stubber(sagemaker) as stub:
        stub.add_response("describe_training_job", described())
        actual = Actual.sagemaker_training("j", client=sagemaker)
    assert actual.lines[0].quantity == 29_046
    found = reconcile(COSTS.sagemaker_training("ml.g5.48xlarge", hours=4, count=2), actual)
    assert found.lines[0].unit == "instance-hours"
    assert (found.lines[0].estimated, round(found.lines[0].actual, 2)) == (8, Decimal("8.07"))
    assert found.mix == found.price == 0
    assert round(found.volume, 4) == Decimal("1.3913")


@pytest.mark.parametrize("changes", [{"BillableTimeInSeconds": None}, {"ResourceConfig": None}])
def test_a_job_without_billable_seconds_has_no_bill_yet(changes):
    """A running job, or one without instances, is refused with its status."""
    sagemaker = client("sagemaker")
    with Stubber(sagemaker) as stub:
        stub.add_response("describe_training_job", described(TrainingJobStatus="InProgress", **changes))
        with pytest.raises(SourceError, match=r"j \(InProgress\) has no billable seconds"):
            Actual.sagemaker_training("j", client=sagemaker)


# ---- reconcile


def used(key, quantity, cost=None, unit="tokens") -> ActualLine:
    return ActualLine(key=key, region="us-east-1", quantity=quantity, unit=unit, cost_usd=cost, source="bill")


def two_models() -> CostEstimate:
    return sum(
        (
            COSTS.monthly(model, requests=1_000, input_tokens=1_000, output_tokens=0, models_stored=0, custom=custom)
            for model, custom in (("nova-micro", True), ("nova-pro", False))
        ),
        CostEstimate(),
    )


def test_a_dearer_model_for_the_same_tokens_is_mix():
    """Half a million tokens moved from Micro to Pro: no volume, 0.3825 of mix, no price."""
    actual = Actual(lines=[used(f"{MICRO}.input", 500_000), used(f"{PRO}.input", 1_500_000)])
    found = reconcile(two_models(), actual)
    assert (found.volume, found.mix, found.price) == (0, Decimal("0.3825"), 0)
    assert found.actual == found.estimated + Decimal("0.3825")
    assert found.unmeasured == (f"{MICRO}.output", f"{PRO}.output")
    assert "not measured, so left out: " in str(found)


def test_volume_mix_and_price_add_up_to_the_difference():
    """Twice the tokens, another mix and a dearer rate at once: the three parts sum to what was paid more."""
    actual = Actual(lines=[used(f"{MICRO}.input", 1_000_000, "0.05"), used(f"{PRO}.input", 3_000_000, "2.4")])
    found = reconcile(two_models(), actual)
    assert found.estimated == Decimal("0.835")
    assert found.volume == Decimal("0.835")
    assert found.mix == Decimal("0.765")
    assert found.price == Decimal("0.015")
    assert found.actual == Decimal("2.45")
    assert found.stale == (f"{MICRO}.input",)
    assert "$2.45 for $0.8350 estimated: +$1.62 (+193.41 %)" in str(found)
    assert "volume +$0.8350, mix +$0.7650, price +$0.0150" in str(found)
    assert Reconciliation.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_months_scale_the_monthly_lines():
    """Three months of storage against three billed model-months differ by nothing."""
    stored = used("bedrock.nova-micro.customization.storage", 3, unit="model-months")
    assert reconcile(COSTS.storage("nova-micro"), Actual(lines=[stored]), months=3).difference == 0


def test_lines_of_one_meter_are_put_together():
    """Two deployments of one model are one meter, and actuals add up as values."""
    half = Actual(lines=[used(f"{MICRO}.input", 500_000)])
    both = half + half
    assert Actual.from_dict(json.loads(json.dumps(both.to_dict()))) == both
    found = reconcile(two_models(), both)
    assert len(found.lines) == 1
    assert found.difference == 0
    assert "$0.0350 for $0.0350 estimated: $0.00 (+0.00 %)" in str(found)


def test_what_was_not_estimated_is_volume_at_the_billed_rate():
    """A line that only the bill knows is all volume; without a cost nobody knows what it is worth."""
    surprise = Actual(lines=[used(f"{PRO}.input", 1_000, "0.8")])
    found = reconcile(CostEstimate(), surprise)
    assert (found.volume, found.mix, found.price, found.percent) == (Decimal("0.8"), 0, 0, None)
    assert str(found).splitlines()[-1].startswith("$0.8000 for $0.00 estimated: +$0.8000 = volume")
    with pytest.raises(PriceUnknown, match="neither the estimate nor a bill"):
        reconcile(CostEstimate(), Actual(lines=[used(f"{PRO}.input", 1_000)]))
    with pytest.raises(PriceUnknown):
        reconcile(CostEstimate(), Actual(lines=[used(f"{PRO}.input", 0, "0.8")]))


def test_nothing_used_is_a_volume_of_less():
    """Zero tokens measured is a real zero: the whole estimate is volume."""
    found = reconcile(two_models(), Actual(lines=[used(f"{MICRO}.input", 0), used(f"{PRO}.input", 0)]))
    assert found.volume == -found.estimated
    assert found.actual == 0
