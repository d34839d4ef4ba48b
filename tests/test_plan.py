"""The training plan: pure data that is checked whole, hashed by content, and sent as it was shown."""

from __future__ import annotations

import json
import pickle
from decimal import Decimal

import attrs
import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import assume, example, given
from hypothesis import strategies as st

from nova_tune.errors import PlanError
from nova_tune.models import MODELS
from nova_tune.plan import TrainingPlan
from nova_tune.rehearsal._check import faults as shape_faults
from nova_tune.values import TokenEstimate, TrainingData

CREATE = (
    botocore.session.Session().get_service_model("bedrock").operation_model("CreateModelCustomizationJob").input_shape
)
ROLE = "arn:aws:iam::123456789012:role/Nova"


def data(**changes):
    given = {
        "uri": "s3://bucket/sql/train.jsonl",
        "sha256": "ab" * 32,
        "records": 500,
        "bytes": 60_000,
        "tokens": TokenEstimate(low=900, expected=1000, high=1100),
    }
    return TrainingData(**given | changes)


def plan(**changes):
    given = {
        "name": "sql-v1",
        "model": "nova-micro",
        "role_arn": ROLE,
        "train": data(),
        "output": "s3://bucket/out/",
    }
    return TrainingPlan(**given | changes)


def faults(**changes):
    return plan(**changes).faults()


NUMBERS = (
    st.integers(-3, 200)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.decimals(min_value=0, max_value=1)
    | st.decimals(allow_nan=True, allow_infinity=True)
    | st.sampled_from(["2", "2.0", "1e-5", " 3", "1_0", "", "x", None, True, [], 1e-5, "0.000010", Decimal("1E+1")])
)
KEYS = st.sampled_from(["epochs", "epochCount", "learning_rate", "learningRate", "warmup_steps", "batchSize"])
SETTINGS = st.dictionaries(KEYS, NUMBERS, max_size=3)
TAG = st.text(alphabet="aZ0 .:/=+@-_é!\n", max_size=6)
TAGS = st.dictionaries(TAG, TAG, max_size=3)
NAMES = st.none() | st.text(alphabet="aZ9-_.+ é", max_size=8) | st.just("x" * 63)
URIS = st.sampled_from(["s3://bucket/a.jsonl", "s3://bucket/a", "bucket/a", "s3://b/a", "s3://bucket/a b", None])


ANYTHING = {
    "name": NAMES,
    "model": st.sampled_from([*MODELS, "gpt"]),
    "role_arn": st.sampled_from([ROLE, "role"]),
    "train": URIS.map(lambda uri: data(uri=uri)),
    "output": st.sampled_from(["s3://bucket/out/", "s3://bucket", "out"]),
    "hyperparameters": SETTINGS,
    "tags": TAGS,
    "attempt": st.integers(0, 12),
    "kms_key": st.sampled_from([None, "alias/nova", "nova"]),
    "subnets": st.sampled_from([(), ("subnet-1",), ("s n",)]),
    "security_groups": st.sampled_from([(), ("sg-1",)]),
}
# Half of the plans have one odd member, or most would be refused for another reason than the one tried.
CHANGED = st.fixed_dictionaries({}, optional=ANYTHING) | st.sampled_from(sorted(ANYTHING)).flatmap(
    lambda name: st.fixed_dictionaries({name: ANYTHING[name]})
)


@given(CHANGED)
@example({"hyperparameters": {"epochs": 2.0, "learning_rate": 1e-5}, "attempt": 2, "kms_key": "alias/nova"})
@example({"subnets": ("subnet-1",), "security_groups": ("sg-1",), "name": None})
def test_a_plan_without_faults_is_one_that_aws_takes(changes):
    """Whatever a plan holds, either it lists faults or its request obeys every constraint of the service model."""
    made = plan(**changes)
    if made.faults():
        with pytest.raises(PlanError):
            made.to_request()
        return
    request = made.to_request()
    assert not ParamValidator().validate(request, CREATE).has_errors()
    assert shape_faults(CREATE, request) == []
    assert all(value.replace(".", "").isdigit() for value in request["hyperParameters"].values())


def test_all_faults_are_told_at_once():
    """One error lists every fault of a plan, as a text and one by one."""
    wrong = plan(
        name="sql_v1",
        role_arn="Nova",
        output="bucket/out",
        train=data(uri=None, records=3),
        validation=data(uri="s3://b/x"),
        hyperparameters={"epoch": 2, "learning_rate": 1, "batch_size": 8, "learningRateMultiplier": 1, "epochs": 2.5},
        tags={"é": ""},
        kms_key="nova",
        subnets=["subnet-1"],
        attempt=0,
    )
    with pytest.raises(PlanError) as caught:
        wrong.check()
    found = caught.value.faults
    expected = ["'sql_v1-0' is not allowed", "not the ARN of a role", "'bucket/out' is not an S3 URI",
                "attempts count from 1", "upload it first", "is not an S3 URI that Bedrock takes", "mean 'epochs'?",
                "AWS takes 0.000001 to 0.0001 (default 0.00001)", "batches of 1", "belongs to Claude 3",
                "takes whole numbers from 1 to 5", "too few", "tag 'é'", "go together", "not a KMS key"]  # fmt: skip
    for text in expected:
        assert sum(text in fault for fault in found) == 1, (text, found)
    assert len(found) == len(expected)
    assert str(caught.value).startswith("the plan has 15 faults:\n  - ")
    assert all(fault in str(caught.value) for fault in found)


def test_a_single_fault_is_one_sentence():
    """A plan with one fault says it in one line."""
    with pytest.raises(PlanError, match=r"^the plan cannot be sent: 'Nova' is not the ARN of a role") as caught:
        plan(role_arn="Nova").to_request()
    assert "\n" not in str(caught.value)


def test_the_request_is_exactly_what_aws_documents():
    """Every member stands where the API has it: s3Uri directly, validators in a list, both tag lists, the VPC."""
    request = plan(
        validation=data(uri="s3://bucket/sql/val.jsonl", sha256="cd" * 32),
        hyperparameters={"epochs": 3, "learning_rate": 1e-5, "warmup_steps": 0},
        tags={"team": "data"},
        kms_key="alias/nova",
        subnets=["subnet-1"],
        security_groups=["sg-1"],
    ).to_request()
    tags = request.pop("jobTags")
    assert tags == request.pop("customModelTags")
    assert {tag["key"]: tag["value"] for tag in tags} == {
        "nova-tune:attempt": "1",
        "nova-tune:data": "s3://bucket/sql/train.jsonl",
        "nova-tune:data-sha256": "ab" * 32,
        "nova-tune:plan": plan_digest(request),
        "team": "data",
    }
    assert request == {
        "jobName": "sql-v1",
        "customModelName": "sql-v1",
        "roleArn": ROLE,
        "clientRequestToken": request["clientRequestToken"],
        "baseModelIdentifier": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-micro-v1:0:128k",
        "customizationType": "FINE_TUNING",
        "trainingDataConfig": {"s3Uri": "s3://bucket/sql/train.jsonl"},
        "validationDataConfig": {"validators": [{"s3Uri": "s3://bucket/sql/val.jsonl"}]},
        "outputDataConfig": {"s3Uri": "s3://bucket/out/"},
        "hyperParameters": {"epochCount": "3", "learningRate": "0.00001", "learningRateWarmupSteps": "0"},
        "customModelKmsKeyId": "alias/nova",
        "vpcConfig": {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]},
    }


def plan_digest(request):
    return request["clientRequestToken"].removeprefix("nova-tune-")[:32]


def test_the_article_s_request_is_refused_by_botocore():
    """An article's `dataSource.s3DataSource.dataLocationS3Uri` is no member of the API; ours passes."""
    request = plan().to_request()
    assert not ParamValidator().validate(request, CREATE).has_errors()
    request["trainingDataConfig"] = {"dataSource": {"s3DataSource": {"dataLocationS3Uri": "s3://bucket/a"}}}
    assert "Unknown parameter" in ParamValidator().validate(request, CREATE).generate_report()


@pytest.mark.parametrize("given_as", [1e-5, "1e-5", "0.00001", "0.000010", Decimal("0.00001"), Decimal("1E-5")])
def test_a_learning_rate_travels_as_a_plain_decimal(given_as):
    """However it is written, a learning rate is sent without exponent and hashes alike."""
    made = plan(hyperparameters={"learning_rate": given_as})
    assert made.settings() == {"learningRate": "0.00001"}
    assert made.digest == plan(hyperparameters={"learning_rate": 1e-5}).digest


@pytest.mark.parametrize("given_as", [2, 2.0, "2", "2.0", Decimal("2.00"), Decimal("2E0")])
def test_whole_numbers_travel_without_a_point(given_as):
    """A whole number is sent as digits alone, however it is written."""
    made = plan(hyperparameters={"epochs": given_as})
    assert made.settings() == {"epochCount": "2"}
    assert made.epochs() == 2


@pytest.mark.parametrize(
    ("alias", "name"),
    [("epochCount", "epochs"), ("epoch_count", "epochs"), ("learningRateWarmupSteps", "warmup_steps"),
     ("learning_rate_warmup_steps", "warmup_steps")],
)  # fmt: skip
def test_aws_s_spellings_are_aliases(alias, name):
    """AWS's name and ours are one setting: the same request, the same digest; both at once is a fault."""
    assert plan(hyperparameters={alias: 3}).to_request() == plan(hyperparameters={name: 3}).to_request()
    assert "same setting" in faults(hyperparameters={alias: 3, name: 3})[0]


def test_settings_raise_on_their_own_faults():
    """settings() never drops what it does not know."""
    with pytest.raises(PlanError, match="there is no hyperparameter 'zzz': choose among epochs"):
        plan(hyperparameters={"zzz": 1}).settings()


@pytest.mark.parametrize("value", ["x", None, True, float("nan"), float("inf"), "", []])
def test_what_is_no_number_is_refused(value):
    """Texts, booleans, nothing and the infinite are no settings."""
    assert "is not a number" in faults(hyperparameters={"learning_rate": value})[0]


def test_batches_of_one_are_taken_and_not_sent():
    """batch_size=1 is what Bedrock does anyway; it is accepted, left out of the request, and nothing else is."""
    for value in (1, "1"):
        assert "batchSize" not in plan(hyperparameters={"batch_size": value}).to_request()["hyperParameters"]
    assert "batches of 1" in faults(hyperparameters={"batchSize": 2})[0]


def test_the_default_of_epochs_is_aws_s():
    """A plan without epochs reads the data twice, which is Bedrock's default."""
    assert plan().epochs() == 2


def test_counts_are_held_against_the_model():
    """Too few records, too many with validation, and validation where the model takes none."""
    assert "at least 8" in faults(train=data(records=7))[0]
    assert "20,001 records are too many" in faults(train=data(records=19_999), validation=data(records=2))[0]
    assert faults(train=data(records=19_998), validation=data(records=2)) == []
    assert "takes no validation data" in faults(model="nova-2-lite", validation=data())[0]


def test_an_unknown_model_hides_no_other_fault():
    """A misspelt model is one fault among the others; digest and names still work for a message."""
    made = plan(model="nova-mirco", name=None, role_arn="x", hyperparameters={"epochs": 99})
    assert ["did you mean 'nova-micro'" in made.faults()[0], "role" in made.faults()[1]] == [True, True]
    assert made.digest
    assert made.job_name.startswith("nova-mirco-")


def test_tags_are_counted_with_our_own():
    """196 tags of the caller fit beside our four, 197 do not; a tag of the caller wins over ours."""
    assert faults(tags={str(number): "" for number in range(196)}) == []
    assert "too many" in faults(tags={str(number): "" for number in range(197)})[0]
    assert plan(tags={"nova-tune:attempt": "x"}).all_tags()["nova-tune:attempt"] == "x"


def test_a_uri_that_no_tag_can_hold_is_left_out_of_the_tags():
    """The data's URI is tagged where AWS's tag pattern takes it; the job keeps it anyway."""
    assert "nova-tune:data" not in plan(train=data(uri="s3://bucket/it's.jsonl")).all_tags()
    assert "nova-tune:data" not in plan(train=data(uri="s3://bucket/" + "a" * 300)).all_tags()
    assert plan(train=data(uri="s3://bucket/it's.jsonl")).faults() == []


def test_names_fit_job_and_model_alike():
    """One name serves job and model, so an underscore (no job) and a dot (no model) are both faults."""
    assert "job name" in faults(name="sql_v1")[0]
    assert "model-name name" in faults(name="sql.v1")[0]
    assert faults(name=None) == []


def test_a_second_run_has_a_name_and_a_token_of_its_own():
    """attempt=2 is another job: another token, another name, given or derived."""
    for name in ("sql-v1", None):
        first, second = plan(name=name), plan(name=name, attempt=2)
        assert first.request_token != second.request_token
        assert first.job_name != second.job_name
    assert plan(attempt=2).job_name == "sql-v1-2"


@given(name=NAMES, tags=TAGS)
def test_the_digest_knows_nothing_of_names(name, tags):
    """Name and tags do not make another job."""
    assert plan(name=name, tags=tags).digest == plan().digest


CHANGES = [
    {"model": "nova-lite"},
    {"train": data(sha256="cd" * 32)},
    {"validation": data()},
    {"hyperparameters": {"epochs": 3}},
    {"output": "s3://bucket/other/"},
    {"role_arn": ROLE + "2"},
    {"kms_key": "alias/nova"},
    {"subnets": ["subnet-1"], "security_groups": ["sg-1"]},
    {"attempt": 2},
]


def test_the_digest_knows_all_content():
    """Data, settings, places, keys and attempt each make another digest, token and default name."""
    made = [plan(name=None), *(plan(name=None, **change) for change in CHANGES)]
    for attribute in ("digest", "request_token", "job_name"):
        assert len({getattr(each, attribute) for each in made}) == len(made)


def test_the_digest_outlives_the_process():
    """The digest is a constant of its content: a retry on another machine finds the same job."""
    assert plan().digest == TrainingPlan.from_dict(json.loads(json.dumps(plan().to_dict()))).digest
    assert plan().digest == "2ed688394051c662ebb1ae8d1df641efb7ebcbfaedfd3da09588bbe43eda5679"


@given(
    name=NAMES,
    hyperparameters=st.dictionaries(
        st.text(max_size=5), st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
    ),
    tags=TAGS,
    validation=st.sampled_from([None, data()]),
    max_cost_usd=st.none() | st.decimals(allow_nan=False),
    subnets=st.lists(st.text(max_size=4), max_size=2),
    attempt=st.integers(),
)
def test_a_plan_survives_json_and_pickle(**changes):
    """to_dict and from_dict, through JSON text, give the same plan; so does pickle."""
    made = plan(**changes)
    assert TrainingPlan.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert pickle.loads(pickle.dumps(made)) == made


def test_decimal_settings_survive_as_the_same_job():
    """A Decimal comes back from JSON as text; the digest and the request stay the same."""
    made = plan(hyperparameters={"learning_rate": Decimal("0.00002")}, max_cost_usd=Decimal("9.50"))
    again = TrainingPlan.from_dict(json.loads(json.dumps(made.to_dict())))
    assert again.to_request() == made.to_request()
    assert again.max_cost_usd == Decimal("9.50")


def test_unknown_keys_are_kept():
    """What a newer version wrote passes through an older one."""
    text = plan().to_dict() | {"priority": "high"}
    again = TrainingPlan.from_dict(text)
    assert again.extra == {"priority": "high"}
    assert again.to_dict() == text
    with pytest.raises(ValueError, match="the key 'role_arn' is missing"):
        TrainingPlan.from_dict({key: value for key, value in text.items() if key != "role_arn"})


def test_a_budget_may_be_given_as_any_number():
    """Money is Decimal inside, without the digits of a float."""
    assert plan(max_cost_usd=9.1).max_cost_usd == Decimal("9.1")
    assert plan().max_cost_usd is None


def test_plans_do_not_change():
    """A plan that was approved is the plan that is sent."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        plan().model = "nova-pro"


@given(st.sampled_from(CHANGES))
def test_the_rehearsal_takes_what_a_plan_sends(rehearsal, session, change):
    """The rehearsed service accepts the request of a plan without faults, down to the hyperparameters' texts."""
    target = f"s3://{rehearsal.bucket}/plan/"
    made = plan(**{"role_arn": rehearsal.role_arn, "output": target, "name": None, **change})
    made = attrs.evolve(made, train=attrs.evolve(made.train, uri=f"{target}x.jsonl"), output=target,
                        validation=made.validation and attrs.evolve(made.validation, uri=f"{target}y.jsonl"),
                        role_arn=rehearsal.role_arn)  # fmt: skip
    assume(made.faults() == [])
    bedrock = session.client("bedrock")
    answer = bedrock.create_model_customization_job(**made.to_request())
    assert bedrock.get_model_customization_job(jobIdentifier=made.job_name)["jobArn"] == answer["jobArn"]
    bedrock.close()
