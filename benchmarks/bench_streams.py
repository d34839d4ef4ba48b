"""Time to the first token through boto3 against the rehearsal, set to 150 ms, with 20,000 training rows behind it.

Prints the median and the 95th percentile at the client for 30 serial streams, and for 8 callers at once.
"""

from __future__ import annotations

import itertools
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nova_tune import BedrockTrainer, Dataset, Deployment, TrainingPlan, aws, converse, formats
from nova_tune.rehearsal import Rehearsal

FIRST_TOKEN_MS = 150.0
ROWS = 20_000
WORDS = [
    "harbour",
    "crane",
    "vessel",
    "berth",
    "cargo",
    "pilot",
    "tide",
    "voyage",
    "permit",
    "mooring",
    "ledger",
    "anchor",
    "captain",
    "quay",
    "ferry",
]


def examples() -> Dataset:
    """20,000 rows of questions over invented tables."""
    rows = (
        {
            "question": f"How many {a} have a {b} above {number}?",
            "context": f"CREATE TABLE {a} ({b} INTEGER, {c} TEXT)",
            "answer": f"SELECT COUNT(*) FROM {a} WHERE {b} > {number}",
        }
        for number, (a, b, c) in zip(range(ROWS), itertools.cycle(itertools.permutations(WORDS, 3)), strict=False)
    )
    return Dataset.from_records(rows).convert(formats.text_to_sql())


def report(title: str, ttfts: list[float]) -> None:
    """One line of figures."""
    p95 = statistics.quantiles(ttfts, n=20)[-1]
    median = statistics.median(ttfts)
    print(f"{title:<28} n={len(ttfts):<4} median {median:6.1f} ms   p95 {p95:6.1f} ms   set {FIRST_TOKEN_MS:.0f} ms")


def main() -> None:
    """Train, deploy, stream."""
    with Rehearsal(speed=0, first_token_ms=FIRST_TOKEN_MS) as local:
        session = local.session()
        data = examples().upload(f"s3://{local.bucket}/bench/", session=session)
        plan = TrainingPlan(
            model="nova-micro",
            role_arn=local.role_arn,
            train=data,
            output=f"s3://{local.bucket}/out/",
            hyperparameters={"epochs": 1},
        )
        trainer = BedrockTrainer(session=session)
        job = trainer.start(plan)
        local.advance(4 * 3600)
        deployment = Deployment.create(trainer.result(job), name="bench", session=session)
        local.advance(1800)
        deployment.wait(interval_s=0.01)
        prompts = [(item.prompt, item.system) for item in itertools.islice(examples(), 200)]
        runtime = aws.client("bedrock-runtime", session=session, measuring=True)

        def ask(prompt: tuple[Any, str]) -> float:
            reply = converse.measure(runtime, deployment.arn, prompt[0], system=prompt[1], max_tokens=64)
            assert reply.timing.ttft_ms is not None
            return reply.timing.ttft_ms

        started = time.perf_counter()
        ask(prompts[0])
        print(f"first answer (fits the index on {data.records:,} rows): {time.perf_counter() - started:.2f} s")
        report("30 serial streams", [ask(prompt) for prompt in prompts[:30]])
        with ThreadPoolExecutor(8) as pool:
            report("8 callers, 200 streams", list(pool.map(ask, prompts)))
        deployment.delete(interval_s=0.01)


if __name__ == "__main__":
    main()
