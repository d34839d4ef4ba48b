"""A deployment: made once, found again, asked in the words it was trained with, and gone when it is deleted."""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys

import attrs
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from nova_tune import BedrockTrainer, Dataset, Deployment, TrainingPlan, arns, aws, converse, formats
from nova_tune.errors import (
    AccessDenied,
    ConfigurationError,
    DeploymentFailed,
    InvalidRequest,
    NameInUse,
    NotFound,
    ServiceFault,
    TemplateError,
    WaitTimeout,
)
from nova_tune.evaluation import Arm

NUMBERS = itertools.count()
MODEL = "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-micro-v1:0:128k/abcdefghijkl"
ARN = "arn:aws:bedrock:us-east-1:123456789012:custom-model-deployment/abcdefghijkl"
ACTIVE_S = 600


def trained(rehearsal, session, train, name):
    trainer = BedrockTrainer(session=session)
    place = f"s3://{rehearsal.bucket}/deployment/{name}/"
    job = trainer.start(
        TrainingPlan(name=name, model="nova-micro", role_arn=rehearsal.role_arn, train=train, output=place)
    )
    rehearsal.advance(8000)
    return trainer.result(job)


@pytest.fixture(scope="module")
def data(rehearsal, session, questions):
    rows = Dataset.from_records(questions).convert(formats.text_to_sql())
    return rows.upload(f"s3://{rehearsal.bucket}/deployment/", session=session)


@pytest.fixture(scope="module")
def model(rehearsal, session, data):
    return trained(rehearsal, session, data, "deployment-model-one")


@pytest.fixture(scope="module")
def other_model(rehearsal, session, data):
    return trained(rehearsal, session, data, "deployment-model-two")


@pytest.fixture(scope="module")
def live(rehearsal, session, model):
    """One active deployment, for everything that only asks."""
    made = Deployment.create(model, name="live", session=session, max_tokens=100)
    rehearsal.advance(ACTIVE_S)
    return made.refresh()


@pytest.fixture
def bedrock(rehearsal, session):
    client = session.client("bedrock", config=Config(retries={"total_max_attempts": 1}))
    yield client
    client.close()
    rehearsal.faults.clear()


@pytest.fixture
def name():
    return f"test-{next(NUMBERS)}"


def named(session, name):
    answer = session.client("bedrock").list_custom_model_deployments(nameContains=name)
    return [each["customModelDeploymentArn"] for each in answer["modelDeploymentSummaries"]
            if each["customModelDeploymentName"] == name]  # fmt: skip


def refusal(code, message="no", status=400):
    meta = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": meta}, "x")


# Making one


def test_a_model_becomes_a_deployment_that_answers(session, model, name, clock):
    """create returns at once, wait ends when it is Active, and then it answers as it was trained."""
    made = Deployment.create(model, name=name, session=session)
    assert (made.status, made.name, made.model_arn) == ("Creating", name, model.arn)
    heard = []
    assert made.wait(clock=clock, on_change=heard.append) is made
    assert (made.status, heard) == ("Active", ["Creating", "Active"])
    assert made.ask(context="CREATE TABLE locks (name TEXT, gates INT)", question="Which locks have 7 gates?").text == (
        "SELECT name FROM locks WHERE gates = 7"
    )
    assert "Active" in repr(made)


def test_the_same_model_and_name_are_one_deployment(session, model, name):
    """A repeated create finds the deployment, with other tags too."""
    first = Deployment.create(model, name=name, session=session, tags={"run": "1"})
    for tags in ({"run": "1"}, {"run": "2"}, None):
        assert Deployment.create(model, name=name, session=session, tags=tags).arn == first.arn
    assert named(session, name) == [first.arn]


def test_a_deployment_that_was_deleted_can_be_made_again(session, model, name, clock):
    """A token may bring back the ARN of what was deleted; create sees that and makes a new one."""
    first = Deployment.create(model, name=name, session=session)
    first.wait(clock=clock).delete(clock=clock)
    second = Deployment.create(model, name=name, session=session)
    assert second.arn != first.arn
    assert second.wait(clock=clock).status == "Active"


@pytest.mark.parametrize("fault", [{"cut": "body"}, {"error": "InternalServerException"}])
def test_a_lost_answer_is_looked_up(*, rehearsal, session, model, name, bedrock, fault):
    """After a broken call the deployment is found if it was made, and the fault is raised if it was not."""
    rehearsal.faults.add("CreateCustomModelDeployment", **fault)
    if "cut" in fault:
        made = Deployment.create(model, name=name, session=session, client=bedrock)
        assert named(session, name) == [made.arn]
    else:
        with pytest.raises(ServiceFault, match="planned fault"):
            Deployment.create(model, name=name, session=session, client=bedrock)
        assert named(session, name) == []


def test_a_taken_name_carries_the_deployment_to_attach_to(session, model, other_model, name):
    """A name that serves another model is refused, with that model and the line that attaches."""
    first = Deployment.create(model, name=name, session=session)
    with pytest.raises(NameInUse, match=r"Deployment.attach\(error.existing\)") as caught:
        Deployment.create(other_model, name=name, session=session)
    assert caught.value.existing == first.arn
    assert model.arn in str(caught.value)
    assert Deployment.attach(caught.value.existing, session=session).name == name


def test_a_refusal_for_another_reason_is_raised(rehearsal, session, model, name, bedrock):
    """A refusal where nothing holds the name is passed on, even when looking for it fails."""
    rehearsal.faults.add("CreateCustomModelDeployment", error="ValidationException", times=2)
    rehearsal.faults.add("GetCustomModelDeployment", error="AccessDeniedException", after=1)
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="planned fault ValidationException"):
            Deployment.create(model, name=name, session=session, client=bedrock)
    assert len(rehearsal.faults) == 0


def test_a_deployment_that_may_not_be_read_was_made_all_the_same(rehearsal, session, model, name, bedrock):
    """Without the permission to read it, its ARN is still handed out, once."""
    rehearsal.faults.add("GetCustomModelDeployment", error="AccessDeniedException")
    made = Deployment.create(model, name=name, session=session, client=bedrock)
    assert named(session, name) == [made.arn]


@pytest.mark.parametrize("name", ["", "two--dashes", "a.b", "x" * 64])
def test_a_name_that_aws_refuses_costs_no_call(scripted, name):
    """Names are checked before anything is sent."""
    client = scripted("bedrock")
    with pytest.raises(InvalidRequest, match="deployment name"):
        Deployment.create(MODEL, name=name, client=client)
    assert client.asked == []


def test_a_model_that_is_being_imported_is_waited_for(scripted, session, clock):
    """A model in Creating is read again until it is Active, then deployed."""
    model = {"modelArn": MODEL, "modelName": "m", "creationTime": None}
    found = {"customModelDeploymentArn": ARN, "modelDeploymentName": "n", "modelArn": MODEL, "createdAt": None}
    client = scripted(
        "bedrock",
        get_custom_model=[model | {"modelStatus": "Creating"}] * 2 + [model | {"modelStatus": "Active"}],
        list_tags_for_resource=[{"tags": []}],
        create_custom_model_deployment=[{"customModelDeploymentArn": ARN}],
        get_custom_model_deployment=[found | {"status": "Creating"}],
    )
    made = Deployment.create(MODEL, name="n", client=client, session=session, clock=clock, interval_s=30)
    assert (made.arn, made.template) == (ARN, None)
    assert len(clock.slept) == 2
    request = dict(client.asked)["create_custom_model_deployment"]
    assert "tags" not in request
    assert request["clientRequestToken"].startswith("nova-tune-")


def test_a_model_that_failed_cannot_be_deployed(scripted):
    """A failed import is told in AWS's words, before a deployment is made."""
    failed = {"modelArn": MODEL, "modelName": "m", "creationTime": None, "modelStatus": "Failed"}
    client = scripted("bedrock", get_custom_model=[failed | {"failureMessage": "no checkpoint"}, failed])
    for why in ("no checkpoint", "AWS gave no reason"):
        with pytest.raises(DeploymentFailed, match=why):
            Deployment.create(MODEL, name="n", client=client)


def test_without_a_region_nothing_is_made(model, name):
    """create and attach need a region, and name the ways to set one."""
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        Deployment.create(model, name=name)
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        Deployment.attach(ARN)


# Its life


def test_a_failed_deployment_says_why(rehearsal, session, model, name, clock):
    """wait and refresh raise the service's message and the remedy."""
    rehearsal.faults.fail_next_deployment("no capacity")
    made = Deployment.create(model, name=name, session=session)
    with pytest.raises(DeploymentFailed, match=r"no capacity.*Delete it and create it again"):
        made.wait(clock=clock)
    with pytest.raises(DeploymentFailed):
        made.refresh()


def attached(scripted, session, statuses, **more):
    found = {"customModelDeploymentArn": ARN, "modelDeploymentName": "n", "modelArn": MODEL, "createdAt": None}
    client = scripted(
        "bedrock",
        get_custom_model_deployment=[found | {"status": each} for each in statuses],
        get_custom_model=[{"modelArn": MODEL, "modelName": "m", "creationTime": None}],
        list_tags_for_resource=[{"tags": []}],
        **more,
    )
    return Deployment.attach(ARN, client=client, session=session), client


@pytest.mark.parametrize("words", [("CREATING", "ACTIVE"), ("Creating", "Active")])
def test_statuses_are_read_in_either_case(scripted, session, clock, words):
    """AWS's pages write CREATING, its service model Creating; both are waited for."""
    made, _ = attached(scripted, session, ["Creating", *words])
    assert made.wait(clock=clock).status == words[-1]


def test_a_status_of_tomorrow_is_an_error_and_not_an_endless_wait(scripted, session, clock):
    """A status that nobody knows ends the wait and is shown raw."""
    made, _ = attached(scripted, session, ["Creating", "Creating", "Hibernating"])
    with pytest.raises(DeploymentFailed, match="'Hibernating'"):
        made.wait(clock=clock)


def test_a_failure_without_words_says_so(scripted, session, clock):
    """AWS may give no reason."""
    made, _ = attached(scripted, session, ["Creating", "Failed"])
    with pytest.raises(DeploymentFailed, match="AWS gave no reason"):
        made.wait(clock=clock)


def test_a_wait_that_ends_early_names_the_line_that_goes_on(session, model, name, clock):
    """The deployment goes on; its ARN is in the error."""
    made = Deployment.create(model, name=name, session=session)
    with pytest.raises(WaitTimeout, match=r"Deployment.attach\(.*\).wait\(\)") as caught:
        made.wait(timeout_s=60, clock=clock)
    assert caught.value.waited_for == made.arn


def test_a_deleted_deployment_is_gone(session, model, name, clock):
    """delete waits until it is not found, may be repeated, and leaves the model."""
    made = Deployment.create(model, name=name, session=session).wait(clock=clock)
    clock.slept.clear()
    made.delete(clock=clock)
    made.delete(clock=clock)
    assert clock.slept == []
    assert named(session, name) == []
    with pytest.raises(NotFound):
        made.refresh()
    assert aws.call(session.client("bedrock"), "GetCustomModel", modelIdentifier=model.arn)["modelArn"] == model.arn


def test_one_that_is_being_created_is_deleted_when_that_is_possible(session, model, name, clock):
    """The service refuses to delete what it creates; delete asks again until it may."""
    made = Deployment.create(model, name=name, session=session)
    made.delete(clock=clock)
    assert 300 < sum(clock.slept) < 600
    assert named(session, name) == []


def test_a_refused_deletion_is_an_error(rehearsal, bedrock, live):
    """Without the permission to delete, nobody is told that it is gone."""
    rehearsal.faults.add("DeleteCustomModelDeployment", error="AccessDeniedException")
    with pytest.raises(AccessDenied):
        live.delete()
    assert live.refresh().status == "Active"


def test_a_block_cleans_up_behind_itself(session, model, name, clock, monkeypatch):
    """Leaving a with block deletes the deployment, in good times and after an error, even before it was Active."""
    monkeypatch.setattr("nova_tune.polling.SystemClock", lambda: clock)
    with Deployment.create(model, name=name, session=session).wait() as made:
        assert named(session, name) == [made.arn]
    assert named(session, name) == []
    with pytest.raises(ZeroDivisionError), Deployment.create(model, name=name, session=session):
        _ = 1 / 0
    assert named(session, name) == []


# Finding one again


@pytest.mark.parametrize(
    "text",
    [MODEL, ARN.replace("custom-model-deployment", "deployment"), "sql-v1", "amazon.nova-micro-v1:0:128k",
     ARN.replace("abcdefghijkl", "my-name")],
)  # fmt: skip
def test_what_is_no_deployment_is_refused_without_a_call(text):
    """attach knows what people paste (all of it is in test_arns) and needs no region to say so."""
    with pytest.raises(InvalidRequest) as caught:
        Deployment.attach(text)
    assert str(caught.value) == arns.deployment_fault(text)


def test_the_deployment_of_another_region_is_not_looked_for_here(session):
    """An ARN of another region names that region instead of NotFound."""
    with pytest.raises(InvalidRequest, match="use a session of eu-west-1"):
        Deployment.attach(ARN.replace("us-east-1", "eu-west-1"), session=session)


def test_one_that_does_not_exist_is_not_found(session):
    """A well-formed ARN of nothing."""
    with pytest.raises(NotFound):
        Deployment.attach(ARN, session=session)


COLUMNS = {"context": "CREATE TABLE t (a INT)", "question": "How many?"}


def test_another_process_asks_in_the_same_words(rehearsal, live, data):
    """attach in a fresh process finds the template through tags and manifest, and renders the same prompt."""
    code = (
        "import sys\nfrom nova_tune import Deployment\n"
        "made = Deployment.attach(sys.argv[1])\n"
        f"print(made.template.prompt({COLUMNS!r}))\n"
        f"print(made.status, made.name, made.ask(**{COLUMNS!r}).text)"
    )
    environ = {**rehearsal.environ(os.environ), "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code, live.arn], env=environ, text=True, capture_output=True,
                         check=False, timeout=60)  # fmt: skip
    assert run.returncode == 0, run.stderr
    prompt, rest = run.stdout.strip().splitlines()
    assert prompt == repr(data.template.prompt(COLUMNS))
    assert rest == f"Active live {live.ask(**COLUMNS).text}"


def test_a_model_given_by_its_arn_is_asked_in_its_own_words(session, model, data, name):
    """create with an ARN alone finds the template too."""
    assert Deployment.create(model.arn, name=name, session=session).template == data.template


def test_a_deployment_does_not_pickle_and_says_what_to_pass(live):
    """It holds clients; the ARN is what crosses a process."""
    with pytest.raises(TypeError, match=r"pass its .arn \(arn:aws:bedrock.*\) and attach"):
        pickle.dumps(live)


# Asking


def test_asking_renders_the_template_it_was_trained_with(live, data):
    """ask sends the system prompt and question of the training data, with the deployment's own limit."""
    reply = live.ask(**COLUMNS)
    system, question = data.template.prompt(COLUMNS)
    assert live.converse(converse.user(question), system=system).text == reply.text
    assert (reply.model_id, reply.rehearsal, reply.stop_reason) == (live.arn, True, "end_turn")


def test_a_missing_column_is_named(live):
    """A field without its column, and a column without its field, are told by name before anything is sent."""
    with pytest.raises(TemplateError, match="question"):
        live.ask(context="CREATE TABLE t (a INT)")
    with pytest.raises(TemplateError, match="colour"):
        live.stream(**COLUMNS, colour="red")
    with pytest.raises(KeyError):
        live.ask(**COLUMNS | {"question": None})


def test_any_column_name_may_be_asked(live):
    """A template with a field {self} works like any other."""
    odd = formats.template(system="", user="{self}", assistant="{a}").template
    other = Deployment(
        **{field.alias: getattr(live, field.name) for field in attrs.fields(Deployment)} | {"template": odd}
    )
    assert other.ask(self="Which locks have 7 gates?").text
    with other.stream(self="Which locks have 7 gates?") as answer:
        assert list(answer)


def test_a_stream_says_what_ask_says(live):
    """stream, converse_stream, measure and ask give the same text; the streamed ones are timed."""
    text = live.ask(**COLUMNS).text
    with live.stream(**COLUMNS) as answer:
        assert "".join(answer) == text == answer.reply.text
    system, question = live.template.prompt(COLUMNS)
    with live.converse_stream(converse.user(question), system=system) as answer:
        assert answer.reply.text == text
    reply = live.measure(converse.user(question), system=system)
    assert reply.text == text
    assert 0 < reply.timing.ttft_ms <= reply.timing.total_ms


@pytest.mark.parametrize("call", ["converse", "measure", "converse_stream"])
def test_settings_of_a_call_go_before_those_of_the_deployment(live, call):
    """max_tokens of the call wins; one of 0 is not quietly replaced but refused."""
    system, question = live.template.prompt(COLUMNS)
    answer = getattr(live, call)(converse.user(question), system=system, max_tokens=2, temperature=0.5)
    reply = getattr(answer, "reply", answer)
    assert (reply.stop_reason, reply.usage.output_tokens) == ("max_tokens", 2)
    with pytest.raises(InvalidRequest):
        getattr(live, call)(converse.user(question), max_tokens=0)


def test_without_a_recorded_template_only_messages_work(rehearsal, session, data, clock):
    """A model trained on data without a manifest cannot be asked by column, and says so."""
    s3 = session.client("s3")
    uri = arns.S3Uri(rehearsal.bucket, "deployment/bare.jsonl")
    aws.put_object(s3, uri, aws.read_object(s3, arns.s3(data.uri)), content_type="application/jsonl")
    bare = trained(
        rehearsal, session, attrs.evolve(data, uri=str(uri), sha256="1" * 64, template=None), "deployment-bare"
    )
    assert bare.template is None
    made = Deployment.create(bare, name="bare", session=session).wait(clock=clock)
    with pytest.raises(TemplateError, match=r"is not recorded.*use converse\(\)"):
        made.ask(**COLUMNS)
    assert made.converse(converse.user("Which locks have 7 gates?")).text


def test_a_deployment_is_an_arm_of_an_evaluation(live):
    """It satisfies the evaluator's protocol as it stands."""
    assert isinstance(live, Arm)


def test_what_is_not_ready_is_a_fault_that_passes(session, model, name, bedrock):
    """Asking a deployment that is still Creating is not an answer."""
    runtime = session.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))
    made = Deployment.create(model, name=name, session=session, runtime=runtime)
    with pytest.raises(ServiceFault, match="not ready"):
        made.ask(**COLUMNS)
    runtime.close()
