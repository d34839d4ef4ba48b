"""The whole job: a table of questions and SQL becomes a tuned Amazon Nova Micro that answers on demand, and a report.

It shows: convert, check, sample, split, price, upload, train, deploy, ask, stream, evaluate, report, tear down.
It costs: nothing by default, since it runs in a rehearsal (a local stand-in for AWS; its numbers say nothing about
AWS). With --aws it runs the same code in your account, after it has shown the price and asked.

    python examples/text_to_sql.py
    python examples/text_to_sql.py --data my.csv --question q --schema ddl --sql statement
    python examples/text_to_sql.py --aws --role-arn arn:aws:iam::123456789012:role/Nova --bucket my-bucket
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from progress import Progress

from nova_tune import BedrockTrainer, CostModel, Dataset, Deployment, Evaluator, TrainingPlan, errors, formats
from nova_tune.evaluation import ExactMatch, Judge
from nova_tune.models import model as find_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.formats import Format

HERE = Path(os.path.relpath(Path(__file__).parent))
JUDGE = "us.anthropic.claude-haiku-4-5-20251001-v1:0"  # of another family than the judged models


class Place(NamedTuple):
    """Where the job runs, and how often to look at it."""

    session: Any
    bucket: str
    role_arn: str
    is_aws: bool
    job_interval_s: float
    deployment_interval_s: float


@contextlib.contextmanager
def place(options: argparse.Namespace) -> Iterator[Place]:
    """The caller's account with --aws, else a rehearsal that lives as long as this block."""
    if options.aws:
        import boto3  # noqa: PLC0415

        yield Place(boto3.Session(region_name=options.region or None), options.bucket, options.role_arn, True, 60, 15)
    else:
        from nova_tune.rehearsal import Rehearsal  # noqa: PLC0415

        with Rehearsal() as aws:
            yield Place(aws.session(), aws.bucket, aws.role_arn, False, 0.5, 0.2)


def format_of(rows: Dataset, options: argparse.Namespace) -> Format:
    """The format that fits the columns of the first row."""
    first = next(rows.rows(), None)
    columns = {options.question, options.schema, options.sql}
    if first is None or columns <= first.keys():
        return formats.text_to_sql(question=options.question, schema=options.schema, sql=options.sql,
                                   dialect=options.dialect)  # fmt: skip
    if "messages" in first:
        return formats.conversation()
    if {"prompt", "completion"} <= first.keys():
        return formats.prompt_completion()
    missing = ", ".join(sorted(columns - first.keys()))
    raise errors.SourceError(f"{options.data} has no column {missing}; its columns are {', '.join(first)}. "
                             "Name yours with --question, --schema and --sql")  # fmt: skip


def confirmed(options: argparse.Namespace) -> bool:
    """True when the price was accepted: by --yes, or by hand."""
    return options.yes or input("Start this paid job? [y/N] ").strip().lower() == "y"


def run(options: argparse.Namespace, where: Place) -> int:
    """The job, from the file to the report."""
    say, model = Progress(), find_model(options.model)
    say.step(f"read {options.data}")
    rows = Dataset.from_file(options.data)
    examples = rows.convert(format_of(rows, options))

    say.step(f"check every record for {model.title} on Bedrock")
    report = examples.validate(model=options.model, ignore=("records.many",), on_progress=say.count("records checked"))
    say.note(str(report))
    if not report.ok:
        return 1

    limit = min(options.sample or model.records.value[1], model.records.value[1])
    if report.records > limit:
        say.step(f"sample {limit:,} of {report.records:,} records (Bedrock takes at most {model.records.value[1]:,})")
    examples = examples.sample(limit, seed=options.seed)
    train, held_out = examples.split(held_out=options.held_out, seed=options.seed)
    if options.shuffle_answers:
        train = shuffled(train)

    trainer = BedrockTrainer(session=where.session)
    say.step("price it")
    data = train.describe()
    say.note(f"{data.records:,} records to train on, {held_out.describe().records:,} held out")
    cost = CostModel().training(data, model=options.model, epochs=options.epochs)
    cost += CostModel().monthly(options.model, requests=22_000, input_tokens=data.tokens.expected // data.records,
                                output_tokens=60, models_stored=0)  # fmt: skip
    say.note(str(cost))
    if where.is_aws and not confirmed(options):
        say.note("nothing was started")
        return 1

    say.step("upload and train")
    data_uri = f"s3://{where.bucket}/nova-tune/data/"
    plan = TrainingPlan(
        model=options.model, role_arn=where.role_arn, output=f"s3://{where.bucket}/nova-tune/output/",
        train=train.upload(data_uri, session=where.session),
        validation=held_out.upload(data_uri, session=where.session) if model.takes_validation.value else None,
        hyperparameters={"epochs": options.epochs}, attempt=options.attempt,
    )  # fmt: skip
    job = trainer.start(plan)
    say.note(f"job {job.arn}")
    job = trainer.wait(job, interval_s=where.job_interval_s, on_change=say.job)
    curves = trainer.metrics(job)
    first, last = curves.training[0], curves.training[-1]
    say.note(f"training loss {first.loss:.3f} at the first step, {last.loss:.3f} at the last")

    say.step("deploy on demand")
    tuned = Deployment.create(trainer.result(job), name=plan.job_name, session=where.session)
    try:
        tuned.wait(interval_s=where.deployment_interval_s)
        say.step("ask and stream")
        talk(tuned, rows, held_out, say)
        say.step(f"compare base and tuned on {options.evaluate} held-out questions")
        comparison = Evaluator(
            arms={"base": options.model, "tuned": tuned}, session=where.session, on_progress=say.of("questions"),
            metrics=[Judge(options.judge, rehearsable=not where.is_aws), ExactMatch()], workers=options.workers,
        ).run(held_out, limit=options.evaluate)  # fmt: skip
        say.note(str(comparison))
    finally:
        if not options.keep:
            say.step("tear down the deployment")
            tuned.delete(interval_s=where.deployment_interval_s)
            say.note(f"the custom model {tuned.model_arn} stays, and its storage is billed until you delete it"
                     if where.is_aws else "and with it the rehearsal")  # fmt: skip

    options.out.mkdir(parents=True, exist_ok=True)
    facts = {"file": Path(options.data).name, "records": report.records, "trained on": data.records,
             "sha256": data.sha256, "base model": model.title}  # fmt: skip
    losses = {name: [(point.step, point.epoch, point.loss) for point in getattr(curves, name)]
              for name in ("training", "validation")}  # fmt: skip
    comparison.write_json(options.out / "report.json")
    say.step(f"report: {comparison.write_html(options.out / 'report.html', losses=losses, costs=cost, data=facts)}")
    return 0


def talk(tuned: Deployment, rows: Dataset, held_out: Dataset, say: Progress) -> None:
    """One answer in one piece, and one as it arrives; through the training template where there is one."""
    if tuned.template is not None:
        row = next(rows.rows())
        columns = {name: row[name] for name in tuned.template.prompt_columns}
        reply, stream = tuned.ask(**columns), tuned.stream(**columns)
    else:
        conversation = next(iter(held_out))
        prompt, system = conversation.prompt, conversation.system
        reply, stream = tuned.converse(prompt, system=system), tuned.converse_stream(prompt, system=system)
    say.note(f"ask:    {reply.text}")
    with stream:
        say.pieces("stream: ", stream)
    timing = stream.reply.timing
    say.note(f"first token after {timing.ttft_ms:.0f} ms, all after {timing.total_ms:.0f} ms")


def shuffled(train: Dataset) -> Dataset:
    """The control: the same prompts with each other's answers, which must lower the score."""
    records = [conversation.to_dict() for conversation in train]
    answers = [record["messages"][-1] for record in records]
    moved = answers[len(answers) // 2 :] + answers[: len(answers) // 2]
    mixed = [{**record, "messages": [*record["messages"][:-1], answer]}
             for record, answer in zip(records, moved, strict=True)]  # fmt: skip
    return Dataset.from_records(mixed).convert(formats.conversation())


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    add = options.add_argument
    add("--data", default=str(HERE / "data" / "questions.csv"), help="a .csv, .json or .jsonl file, each also .gz")
    add("--question", default="question", help="the column with the question")
    add("--schema", default="context", help="the column with the CREATE TABLE statements")
    add("--sql", default="answer", help="the column with the SQL")
    add("--dialect", help="the SQL dialect to name in the prompt")
    add("--model", default="nova-micro")
    add("--epochs", type=int, default=2)
    add("--sample", type=int, help="train on at most this many records")
    add("--held-out", type=float, default=0.1, help="the share that is held out")
    add("--seed", type=int, default=7)
    add("--evaluate", type=int, default=60, help="how many held-out questions to ask both models")
    add("--workers", type=int, default=4)
    add("--judge", default=JUDGE, help="the model that scores the answers")
    add("--out", type=Path, default=HERE / "out", help="the directory of the report")
    add("--shuffle-answers", action="store_true", help="the control: train on wrong answers and see the score fall")
    add("--keep", action="store_true", help="leave the deployment")
    add("--attempt", type=int, default=1, help="another number starts another paid job on the same data")
    add("--aws", action="store_true", help="run in your AWS account, which costs money")
    add("--role-arn", help="with --aws: the role that Bedrock assumes")
    add("--bucket", help="with --aws: the bucket for data and output")
    add("--region", help="with --aws: the region; your AWS settings' own without it")
    add("--yes", action="store_true", help="with --aws: start without asking")
    return options


def main(arguments: list[str] | None = None) -> int:
    """0 when the report is written, 1 when the data has findings or you said no, 2 when it cannot run."""
    options = parser().parse_args(arguments)
    if options.aws and not (options.role_arn and options.bucket):
        parser().error("--aws needs --role-arn and --bucket")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        with place(options) as where:
            return run(options, where)
    except errors.InvalidDataset as error:
        print(error, file=sys.stderr)
        return 1
    except (errors.NovaTuneError, OSError) as error:
        print(f"text_to_sql: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
