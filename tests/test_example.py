"""The example is the main job: it runs to its report, and every bad input ends in one message."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent
QUICK = ["--evaluate", "12", "--workers", "6"]

pytestmark = pytest.mark.extra


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The program as a module."""
    sys.path.insert(0, str(ROOT / "examples"))
    spec = importlib.util.spec_from_file_location("text_to_sql", ROOT / "examples" / "text_to_sql.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def report(example, tmp_path_factory) -> Any:
    """A function that runs the example with more options and reads its JSON report."""

    def run(*more: str) -> dict[str, Any]:
        out = tmp_path_factory.mktemp("out")
        assert example.main([*QUICK, "--out", str(out), *more]) == 0
        assert (out / "report.html").read_text(encoding="utf-8").count("REHEARSAL") > 0
        return json.loads((out / "report.json").read_text(encoding="utf-8"))

    return run


def judged(report: dict[str, Any], arm: str) -> float:
    """The mean judge score of an arm."""
    scores = [row["scores"]["judge"]["value"] for row in report["rows"] if row["arm"] == arm]
    assert None not in scores
    return sum(scores) / len(scores)


def test_the_tuned_model_is_ahead_and_wrong_labels_lower_its_score(report):
    """Tuned beats base on held-out rows; the same prompts with each other's answers train a worse model."""
    honest, shuffled = report(), report("--shuffle-answers")
    assert honest["rehearsal"] is True
    assert judged(honest, "tuned") > judged(honest, "base") + 20
    assert judged(shuffled, "tuned") < judged(honest, "tuned") - 10


def bad_inputs(folder: Path) -> dict[str, list[str]]:
    """Arguments that cannot work, by what is wrong with them."""
    rows = [{"question": "q", "context": "CREATE TABLE t (a INT)", "answer": "SELECT 1"}]
    packed = gzip.compress(json.dumps(rows * 500).encode())
    (folder / "cut.json.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "no_column.csv").write_text("question,schma,answer\nq,s,a\n", encoding="utf-8")
    (folder / "object.json").write_text('{"question": "q"}', encoding="utf-8")
    (folder / "numbers.json").write_text("[1, 2]", encoding="utf-8")
    (folder / "file").write_text("", encoding="utf-8")
    return {
        "there is no file": ["--data", str(folder / "absent.csv")],
        "truncated": ["--data", str(folder / "cut.json.gz")],
        "no column context": ["--data", str(folder / "no_column.csv")],
        "not a list of objects": ["--data", str(folder / "object.json")],
        "not an object": ["--data", str(folder / "numbers.json")],
        "does not tell the format": ["--data", str(folder / "file")],
        "Not a directory": ["--out", str(folder / "file" / "out")],
    }


@pytest.mark.parametrize(
    "says",
    [
        "there is no file",
        "truncated",
        "no column context",
        "not a list of objects",
        "not an object",
        "does not tell the format",
        "Not a directory",
    ],
)
def test_bad_input_ends_in_one_message_and_exit_code_2(example, tmp_path, capsys, says):
    """Each thing that cannot work is named on stderr in one message, without a traceback or a half-written report."""
    arguments = bad_inputs(tmp_path)[says]
    out = [] if "--out" in arguments else ["--out", str(tmp_path / "out")]
    assert example.main([*arguments, *out]) == 2
    stderr = capsys.readouterr().err
    assert says in stderr
    assert "Traceback" not in stderr
    assert not list(tmp_path.glob("out/*"))


def test_an_empty_file_is_a_finding(example, tmp_path, capsys):
    """A file without records is something about the data, so it ends with 1 and says so."""
    (tmp_path / "empty.jsonl").write_bytes(b"")
    assert example.main(["--data", str(tmp_path / "empty.jsonl"), "--out", str(tmp_path / "out")]) == 1
    assert "there are no records" in capsys.readouterr().out


def test_a_missing_extra_prints_the_line_that_installs_it(example, tmp_path, capsys, monkeypatch):
    """Without the rehearsal's packages the message holds the pip line."""
    monkeypatch.setitem(sys.modules, "moto", None)
    monkeypatch.setitem(sys.modules, "moto.moto_server", None)
    monkeypatch.setitem(sys.modules, "moto.moto_server.werkzeug_app", None)
    assert example.main(["--out", str(tmp_path / "out")]) == 2
    assert "pip install 'nova-tune[rehearsal]'" in capsys.readouterr().err


def test_aws_without_credentials_says_how_to_give_them(example, tmp_path, capsys):
    """With --aws and no credentials nothing is started, and the message names the ways to give them."""
    arguments = ["--aws", "--yes", "--bucket", "some-bucket", "--role-arn", "arn:aws:iam::123456789012:role/Nova"]
    assert example.main([*arguments, "--region", "us-east-1", "--out", str(tmp_path / "out")]) == 2
    assert "AWS_PROFILE" in capsys.readouterr().err


def test_aws_without_a_region_names_the_ways_to_set_one(example, tmp_path, capsys):
    """No region is guessed in an account: the message names the ways to set one."""
    arguments = ["--aws", "--yes", "--bucket", "some-bucket", "--role-arn", "arn:aws:iam::123456789012:role/Nova"]
    assert example.main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "AWS_REGION" in capsys.readouterr().err


def test_aws_asks_before_it_pays(example, tmp_path, capsys, monkeypatch):
    """Without --yes the price is shown first, and anything but yes starts nothing."""
    monkeypatch.setattr("builtins.input", lambda _: "n")
    arguments = ["--aws", "--bucket", "some-bucket", "--role-arn", "arn:aws:iam::123456789012:role/Nova"]
    assert example.main([*arguments, "--region", "us-east-1", "--out", str(tmp_path / "out")]) == 1
    assert "nothing was started" in capsys.readouterr().out


def test_the_data_half_needs_no_account_and_no_heavy_package():
    """Convert, validate and price 100 rows: no boto3, no network, and none of the heavy packages is loaded."""
    program = f"""
import sys
def refuse(event, args):
    if event.startswith("socket."):
        raise SystemExit(f"network: {{event}} {{args}}")
sys.addaudithook(refuse)
import itertools
from nova_tune import CostModel, Dataset, formats
rows = list(itertools.islice(Dataset.from_csv({str(ROOT / "examples/data/questions.csv")!r}).rows(), 100))
data = Dataset.from_records(rows).convert(formats.text_to_sql())
assert data.validate(model="nova-micro", platform="bedrock").ok
assert CostModel().training(data.describe(), model="nova-micro").total() > 0
print(sorted({{"boto3", "botocore", "sagemaker", "moto", "yaml", "pandas", "numpy"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.strip() == "[]"
