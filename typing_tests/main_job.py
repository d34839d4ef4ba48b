"""The whole job as the design shows it: checked by mypy and pyright, never run."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, assert_type

from nova_tune import (
    BedrockTrainer,
    Comparison,
    CostEstimate,
    CostModel,
    Dataset,
    Deployment,
    Evaluator,
    JobState,
    Template,
    TrainingData,
    TrainingJob,
    TrainingPlan,
    errors,
    formats,
)
from nova_tune.evaluation import Judge

if TYPE_CHECKING:
    import boto3

ROLE = "arn:aws:iam::123456789012:role/NovaTraining"


def the_main_job(session: boto3.Session) -> Comparison:
    """From a table to a comparison."""
    examples = Dataset.from_json("sql_create_context.json").convert(formats.text_to_sql())
    train, held_out = examples.sample(20_000, seed=7).split(held_out=0.1, by="schema", seed=7)
    train.validate(model="nova-micro", platform="bedrock").raise_if_invalid()

    plan = TrainingPlan(
        name="sql-micro-v1",
        model="nova-micro",
        role_arn=ROLE,
        train=train.upload("s3://bucket/sql/", session=session),
        output="s3://bucket/sql/out/",
        hyperparameters={"epochs": 2},
    )
    assert_type(CostModel().training(plan), CostEstimate)

    trainer = BedrockTrainer(session=session)
    job = trainer.wait(trainer.start(plan))
    deployment = Deployment.create(trainer.result(job), name="sql-micro-v1", session=session).wait()
    judge = Judge("us.anthropic.claude-haiku-4-5-20251001-v1:0")
    report = Evaluator(arms={"base": "nova-micro", "tuned": deployment}, metrics=[judge], session=session).run(held_out)
    report.write_html("report.html")
    return report


def another_process_goes_on(payload: dict[str, object], arn: str) -> None:
    """A job and a deployment are picked up again."""
    job = BedrockTrainer().refresh(TrainingJob.from_dict(payload))
    assert_type(job, TrainingJob)
    assert_type(job.state, JobState)
    assert_type(Deployment.attach(arn).template, Template | None)


def values_have_their_types(plan: TrainingPlan) -> None:
    """Fields with readers and converters keep the types of their annotations."""
    assert_type(plan.train, TrainingData)
    assert_type(plan.validation, TrainingData | None)
    assert_type(plan.max_cost_usd, Decimal | None)
    assert_type(plan.subnets, tuple[str, ...])
    assert_type(TrainingPlan.from_dict(plan.to_dict()), TrainingPlan)


def errors_carry_what_the_next_move_needs(trainer: BedrockTrainer, plan: TrainingPlan) -> str | None:
    """The attributes of errors are typed."""
    try:
        trainer.start(plan)
    except errors.NameInUse as error:
        trainer.refresh(error.existing)
        assert_type(error.code, str | None)
    except errors.PlanError as error:
        assert_type(error.faults, tuple[str, ...])
    except errors.IncompleteAnswer as error:
        assert_type(error.partial_text, str)
        assert_type(error.billed, bool | None)
    except errors.NovaTuneError as error:
        return error.hint
    return None
