"""What checking, converting and writing cost, as CPU time beside ``orjson.loads`` of the same lines.

Every task runs once in each of some rounds, so that a slow moment of the machine meets all of them; the figures are the
medians. The ratio ("x parse") is the number to quote, microseconds are this machine's. The data is made here, shaped
like sql-create-context; with an argument, a JSON array of question, context and answer is used instead:

    python benchmarks/bench_dataset.py [FILE] [--rows N] [--rounds N]
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import orjson

import nova_tune
from nova_tune import Dataset, formats
from nova_tune.dataset._parallel import stretches
from nova_tune.dataset._validation import Check
from nova_tune.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MICRO = MODELS["nova-micro"]
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
MEMORY = """
import sys
from pathlib import Path
from nova_tune import Dataset
Dataset.from_jsonl(sys.argv[1]).validate(model="nova-micro")
print(int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024)
"""


def rows(count: int) -> Iterator[dict[str, str]]:
    """Invented tables and questions, some 270 bytes a row; no two alike."""
    names = itertools.cycle(itertools.permutations(WORDS, 4))
    for number, (a, b, c, d) in zip(range(count), names, strict=False):
        yield {
            "context": f"CREATE TABLE {a}_{number} ({b} INTEGER, {c} VARCHAR, {d} VARCHAR, id INTEGER)",
            "question": f"What is the {b} of the {a} whose {c} is the {d} and whose id is above {number}?",
            "answer": f'SELECT {b} FROM {a}_{number} WHERE {c} = "{d}" AND id > {number}',
        }


def broken(line: bytes, way: int) -> bytes:
    """A record in which something is wrong, in one of five ways."""
    return (
        line.replace(b'"role":"user"', b'"role":"usr"'),
        line[:-20],
        line.replace(b"SELECT", b"System: SELECT"),
        line.replace(b'"content":[]', b'"content":5').replace(b'"text"', b'"txt"', 1),
        line[:-1] + b',"note":1}',
    )[way % 5]


def parse(path: Path) -> None:
    """The measure: read a file by lines, parse each, keep nothing."""
    with path.open("rb", buffering=1 << 20) as file:
        for line in file:
            try:
                orjson.loads(line)
            except ValueError:
                continue


def schema(path: Path, count: int) -> None:
    """The first few lines through a jsonschema validator that is built once."""
    text = (Path(nova_tune.__file__).parent / "schema" / "bedrock-conversation-2024.schema.json").read_text("utf-8")
    validator = jsonschema.Draft202012Validator(json.loads(text))
    with path.open("rb") as file:
        for line in itertools.islice(file, count):
            validator.is_valid(orjson.loads(line))


def notebook(source: Path, target: Path) -> None:
    """What notebooks do: load all, make a list of records, shuffle it, json.dumps each. Nothing is checked."""
    template = formats.text_to_sql().template
    records = []
    for row in json.loads(source.read_text("utf-8")):
        system, user, assistant = (
            text.format_map(row) for text in (template.system, template.user, template.assistant)
        )
        turns = (("user", user), ("assistant", assistant))
        messages = [{"role": role, "content": [{"text": text}]} for role, text in turns]
        records.append(
            {"schemaVersion": "bedrock-conversation-2024", "system": [{"text": system}], "messages": messages}
        )
    random.Random(1).shuffle(records)
    with target.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")


def imported(what: str) -> float:
    """CPU seconds of an interpreter of its own."""
    code = f"{what}\nimport time; print(time.process_time())"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def peak_mb(path: Path) -> float:
    """The most memory that a process of its own holds while it checks this file."""
    done = subprocess.run([sys.executable, "-c", MEMORY, str(path)], check=True, capture_output=True, text=True)
    return float(done.stdout)


def tasks(folder: Path, source: Path, count: int) -> dict[str, tuple[Callable[[], Any], float, str]]:
    """Each task with the share of the rows that it sees and the figure that was set for it."""
    ours, spaced, bad = (folder / f"{name}.jsonl" for name in ("ours", "spaced", "bad"))
    converted = Dataset.from_json(source).convert(formats.text_to_sql())
    converted.write_jsonl(ours)
    with ours.open("rb") as lines, spaced.open("wb") as loose, bad.open("wb") as faulty:
        for number, line in enumerate(lines):
            loose.write(json.dumps(orjson.loads(line)).encode() + b"\n")
            faulty.write((broken(line[:-1], number // 20) + b"\n") if number % 20 == 7 else line)
    few = max(1, count // 40)
    checked = converted.checked(model="nova-micro")

    def check(path: Path) -> Callable[[], Any]:
        return lambda: Dataset.from_jsonl(path).validate(model="nova-micro")

    return {
        "orjson.loads, by lines": (lambda: parse(ours), 1, "1"),
        "validate, as we write it": (check(ours), 1, "3.5, aim 2.5"),
        "validate, as json.dumps writes it": (check(spaced), 1, "3.5, aim 2.5"),
        "validate, 5 % of the rows broken": (check(bad), 1, "1.5 x clean"),
        "jsonschema alone, built once": (lambda: schema(ours, few), few / count, "20 x validate"),
        "validate while converting": (lambda: converted.validate(model="nova-micro"), 1, ""),
        "describe": (lambda: Dataset.from_jsonl(ours).describe(), 1, ""),
        "sample 5 %": (lambda: Dataset.from_jsonl(ours).sample(count // 20), 1, ""),
        "convert, check, split and write": (
            lambda: checked.write_split(folder / "train.jsonl", folder / "test.jsonl", held_out=0.1), 1, "6"
        ),
        "load all, shuffle, json.dumps": (lambda: notebook(source, folder / "notebook.jsonl"), 1, "5 x the last"),
    }  # fmt: skip


def measure(path: Path, workers: int) -> tuple[float, float]:
    """Wall seconds and certain records a second, for a check by so many processes."""
    started = time.perf_counter()
    certain = sum(stretch.certain for stretch in stretches(path, workers=workers))
    seconds = time.perf_counter() - started
    return seconds, certain / seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What checking, converting and writing cost.")
    parser.add_argument("file", nargs="?", type=Path, help="a JSON array of question, context and answer")
    parser.add_argument("--rows", type=int, default=20_000, help="how many rows to invent")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = options.file
        if source is None:
            source = folder / "source.json"
            source.write_text(json.dumps(list(rows(options.rows)), indent=0))
        count = sum(1 for _ in Dataset.from_json(source).rows())
        todo = tasks(folder, source, count)
        took: dict[str, list[float]] = {title: [] for title in todo}
        ratios: dict[str, list[float]] = {title: [] for title in todo}
        for _ in range(options.rounds):
            measure_of_round = 0.0
            for title, (task, share, _) in todo.items():
                started = time.process_time()
                task()
                took[title].append((time.process_time() - started) / share / count * 1e6)
                measure_of_round = measure_of_round or took[title][-1]
                ratios[title].append(took[title][-1] / measure_of_round)
        print(f"{count:,} rows, {(folder / 'ours.jsonl').stat().st_size / 1e6:.1f} MB, {options.rounds} rounds")
        print(f"{'':<36}{'us a row':>10}{'x parse':>10}   set")
        for title, (_, _, goal) in todo.items():
            us, ratio = statistics.median(took[title]), statistics.median(ratios[title])
            print(f"{title:<36}{us:>10.2f}{ratio:>10.2f}   {goal}")

        started = time.perf_counter()
        Check(MICRO, "bedrock").run(Dataset.from_jsonl(folder / "ours.jsonl")._source)  # noqa: SLF001 - our own
        print(f"check of {count:,} records: {time.perf_counter() - started:.2f} s wall   set 2 s for 78,577")
        large = folder / "large.jsonl"
        piece = (folder / "ours.jsonl").read_bytes()
        with large.open("wb") as file:
            for _ in range(max(1, (96 << 20) // len(piece))):
                file.write(piece)
        print(f"peak memory: {peak_mb(folder / 'ours.jsonl'):.0f} MB of {len(piece) / 1e6:.0f} MB, "
              f"{peak_mb(large):.0f} MB of {large.stat().st_size / 1e6:.0f} MB   set 64, growing by 8")  # fmt: skip
        for workers in (1, 2):
            seconds, rate = measure(large, workers)
            print(f"{workers} process(es): {seconds:.2f} s wall, {rate / 1000:,.0f} thousand records a second")
    bare = statistics.median(imported("pass") for _ in range(5))
    whole = statistics.median(imported("import nova_tune") for _ in range(5))
    print(f"import nova_tune: {1000 * (whole - bare):.0f} ms of CPU above the bare interpreter   set 60")


if __name__ == "__main__":
    main()
