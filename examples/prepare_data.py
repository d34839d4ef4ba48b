"""The data half alone: read a table, look into it, mend what it says, and write training files that Nova takes.

It shows: auto-detected format, quality and SQL findings, dedupe, an honest split, atomic writing, a report with lines.
It costs: nothing; it calls nobody and needs no AWS account.

    python examples/prepare_data.py
    python examples/prepare_data.py --data my.jsonl --model nova-lite --out prepared/
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nova_tune import Dataset, errors, formats

HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    """0 when both files are written, 1 when the data has errors, 2 when it cannot run."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    options.add_argument("--data", default=str(HERE / "data" / "questions.csv"), help=".csv, .json, .jsonl or .parquet")
    options.add_argument("--model", default="nova-micro")
    options.add_argument("--sql", metavar="DIALECT", help="check the answers as SQL; sqlite needs no extra")
    options.add_argument("--split-by", choices=("schema", "prompt", "sql"), help="keep such groups on one side")
    options.add_argument("--out", type=Path, default=HERE / "out")
    chosen = options.parse_args(arguments)
    try:
        return prepare(chosen)
    except (errors.NovaTuneError, OSError) as error:
        print(f"prepare_data: {error}", file=sys.stderr)
        return 2


def prepare(options: argparse.Namespace) -> int:
    """Look, mend, split, write."""
    examples = Dataset.from_file(options.data).convert(formats.auto())
    print(f"1. {examples!r}")

    distinct = examples.dedupe()
    train, held_out = distinct.split(held_out=0.1, by=options.split_by, seed=7)
    report = train.validate(model=options.model, validation=held_out, sql=options.sql, ignore=("records.few",))
    print(f"2. {report}")
    print(f"3. {train.quality(validation=held_out)}")
    if not report.ok:
        return 1

    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", train), ("held_out", held_out)):
        written = part.write_jsonl(out / f"{name}.jsonl")
        print(f"4. {out / name}.jsonl: {written.records:,} records, about {written.tokens.expected:,} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
