"""What would a tuned model cost, and would it pay? No AWS account, no network, a second or two.

Prices a training on the canal questions beside this file, a year of answers, and the ways to answer without tuning;
prints the tables and writes the break-even chart. Run: ``python examples/price_a_job.py --requests 300000``
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

from nova_tune import CostModel, Dataset, formats
from nova_tune.costs import Option, TokenEstimator, compare, sensitivity, training_paths

HERE = Path(__file__).parent


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / "data" / "questions.csv", help="a table of examples")
    parser.add_argument("--model", default="nova-micro", help="nova-micro or nova-2-lite: the others have no price yet")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--requests", type=int, default=22_000, help="requests a month")
    parser.add_argument("--examples-in-prompt", type=int, default=8, help="what the base model's prompt must show")
    parser.add_argument("--hours", help="hours on one ml.g5.12xlarge, if you measured them")
    parser.add_argument("--chart", type=Path, default=Path("break_even.svg"), help="where to write the chart")
    return parser.parse_args()


def main() -> None:
    """Price, compare, decide."""
    options = parsed()
    costs = CostModel()
    examples = Dataset.from_file(options.data).convert(formats.text_to_sql())
    data = examples.describe()

    print("# Tokens of a record, by column\n")
    columns = TokenEstimator().columns(examples)
    for column in columns:
        print(f"{column.column:<10} median {column.median:>4}   p95 {column.p95:>4}   largest {column.largest:>4}")
    answer = next(column.median for column in columns if column.column == "assistant")
    prompt = sum(column.median for column in columns) - answer

    print("\n# The training\n")
    training = costs.training(data, model=options.model, epochs=options.epochs)
    print(training)
    for warning in training.warnings():
        print("note:", warning)

    print("\n# Bedrock or SageMaker\n")
    recipe = costs.sagemaker_training("ml.g5.12xlarge", hours=options.hours, model=options.model)
    print(training_paths(options.model, records=data.records, bedrock=training, sagemaker=recipe))

    print("\n# Tuned, or not\n")
    shown = prompt + options.examples_in_prompt * (prompt + answer)
    base = functools.partial(Option.on_demand, costs, output_tokens=answer, custom=False)
    table = compare(
        [
            Option.on_demand(costs, options.model, input_tokens=prompt, output_tokens=answer, training=training),
            base(options.model, input_tokens=shown, name="base with examples in its prompt"),
            base("nova-pro", input_tokens=prompt),
            Option(name="an open model on ml.g5.xlarge", fixed=costs.endpoint("ml.g5.xlarge")),
        ],
        requests=options.requests,
    )
    print(table)
    options.chart.write_text(table.chart(title="Tuned, or not"), encoding="utf-8")
    print(f"\nthe chart is in {options.chart}")

    print("\n# What moves the month most, each input 20 % up or down\n")
    month = functools.partial(costs.monthly, options.model)
    inputs = {"requests": options.requests, "input_tokens": prompt, "output_tokens": answer}
    for swing in sensitivity(month, inputs):
        print(" ", swing)


if __name__ == "__main__":
    main()
