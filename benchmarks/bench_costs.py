"""How long a price takes: a table of 78,577 rows sampled to 20,000, and 10,000 monthly estimates.

Aim: 2 s for the first, from the file to the printed estimate, and 0.5 s for the second. Give a file of your own with
the columns question, context and answer, or let it make one.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

import attrs

from nova_tune import CostModel, Dataset, formats
from nova_tune.costs import TokenEstimator

ROWS, SAMPLE = 78_577, 20_000
NAMES = ("locks", "canals", "boats", "keepers", "tolls", "bridges", "mills", "quays", "tows", "gates")


def invented(path: Path) -> Path:
    """A JSON array of as many rows as sql-create-context has, of about its length."""
    triples = itertools.cycle(itertools.permutations(NAMES, 3))
    rows = [
        {
            "question": f"How many {a} of the {c} have a {b} number above {number}?",
            "context": f"CREATE TABLE {a} ({b}_id INTEGER, {c}_name VARCHAR, opened_year INTEGER)",
            "answer": f'SELECT COUNT(*) FROM {a} WHERE {b}_id > {number} AND {c}_name = "{c} {number}"',
        }
        for number, (a, b, c) in zip(range(ROWS), triples, strict=False)
    ]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def words(text: str) -> int:
    """A counter that stands for a tokenizer."""
    return len(text.split())


def main() -> None:
    """Print one line for each measurement."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else invented(Path(folder) / "rows.json")
        started = time.perf_counter()
        data = Dataset.from_file(path).convert(formats.text_to_sql()).sample(SAMPLE, seed=7)
        described = data.describe()
        text = str(CostModel().training(described, model="nova-micro", epochs=2))
        print(f"estimate of {described.records:,} rows sampled from the file: {time.perf_counter() - started:.2f} s")
        print(text.splitlines()[0])
        started = time.perf_counter()
        tokens = TokenEstimator(counter=words).estimate(data)
        CostModel().training(attrs.evolve(described, tokens=tokens), model="nova-micro", epochs=2)
        print(f"the same with a counter on 2,000 of them: {time.perf_counter() - started:.2f} s")
    costs = CostModel()
    started = time.perf_counter()
    for requests in range(10_000):
        costs.monthly("nova-micro", requests=requests, input_tokens=800, output_tokens=60)
    print(f"10,000 monthly estimates: {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
