"""The command: one JSON object on stdout, messages on stderr, and an exit code that tells how it ended."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from nova_tune import formats
from nova_tune.cli import main

ROW = {"question": "How many?", "context": "CREATE TABLE t (a INT)", "answer": "SELECT COUNT(*) FROM t"}
NAMES = ["apples", "bears", "clouds", "doors", "eggs", "farms", "gates", "hills"]
LINE = formats.text_to_sql().line(ROW)
MICRO = ["--model", "nova-micro", "--platform", "bedrock"]


@pytest.fixture
def train(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"".join(formats.text_to_sql().line({**ROW, "question": f"{name}?"}) + b"\n" for name in NAMES))
    return path


@pytest.fixture
def run(capsys):
    """Runs a verb with --json: the exit code, the JSON, and what stderr says."""

    def run(*arguments):
        code = main([str(argument) for argument in arguments] + ["--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else None, err

    return run


def test_a_valid_file_ends_with_0(run, train):
    """A file without errors is ok, and its report has the keys of the contract."""
    code, report, err = run("check", train, *MICRO)
    assert (code, report["ok"], report["records"], err) == (0, True, 8, "")
    assert set(report) == {"ok", "records", "errors", "warnings", "counts_by_rule", "issues"}


def test_findings_end_with_1_and_carry_their_place(run, train):
    """A broken line is a finding with line, record, path, rule, severity, message and hint."""
    train.write_bytes(train.read_bytes() + b'\n{"messages": []}\n')
    code, report, _ = run("check", train, *MICRO)
    assert (code, report["ok"]) == (1, False)
    issue = next(issue for issue in report["issues"] if issue["rule"] == "messages.empty")
    assert set(issue) == {"line", "record", "path", "rule", "severity", "message", "hint"}
    assert (issue["line"], issue["record"], issue["severity"]) == (10, 9, "error")


def test_strict_raises_warnings_and_ignore_lifts_rules(run, train):
    """--strict makes a warning an error; --ignore leaves its rule out."""
    train.write_bytes(train.read_bytes().replace(b'"schemaVersion":"bedrock-conversation-2024",', b""))
    assert run("check", train, *MICRO)[0] == 0
    assert run("check", train, *MICRO, "--strict")[0] == 1
    assert run("check", train, *MICRO, "--strict", "--ignore", "schema.version")[0] == 0


def test_duplicates_are_found_unless_told_not_to(run, train):
    """The quality rules warn of equal records; --quality never leaves them out."""
    train.write_bytes((LINE + b"\n") * 8)
    code, report, _ = run("check", train, *MICRO)
    assert (code, report["counts_by_rule"]) == (0, {"quality.duplicate": 7})
    assert run("check", train, *MICRO, "--quality", "never")[1]["counts_by_rule"] == {}


def test_an_empty_file_is_a_finding(run, tmp_path):
    """A file without records ends with 1, not with an error."""
    (tmp_path / "empty.jsonl").write_bytes(b"")
    code, report, _ = run("check", tmp_path / "empty.jsonl", *MICRO)
    assert (code, report["counts_by_rule"]) == (1, {"records.none": 1})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "absent.jsonl", *MICRO], "there is no file"),
        (["convert", "absent.csv", "out.jsonl", "--from", "text-to-sql"], "there is no file"),
        (["estimate", "absent.jsonl", *MICRO, "--epochs", "1"], "there is no file"),
        (["convert", "table.xlsx", "out.jsonl", "--from", "text-to-sql"], "does not tell the format"),
    ],
)
def test_what_cannot_run_ends_with_2_and_one_message(run, arguments, says):
    """A missing file or an unknown format is one message on stderr and nothing on stdout."""
    code, report, err = run(*arguments)
    assert (code, report) == (2, None)
    assert says in err
    assert err.count("\n") == 1


def test_a_bad_option_ends_with_2(capsys):
    """An option that does not exist is refused before anything is read."""
    with pytest.raises(SystemExit) as caught:
        main(["check", "x.jsonl", "--model", "gpt"])
    assert caught.value.code == 2
    assert "nova-micro" in capsys.readouterr().err


def test_convert_writes_all_rows_or_none(run, tmp_path):
    """A refused row means that OUT is not written; with --skip-bad the rest is, and the row stands beside it."""
    rows = [ROW] * 8 + [{**ROW, "answer": "User: x"}, {**ROW, "answer": 5}]
    source, out = tmp_path / "rows.json", tmp_path / "train.jsonl"
    source.write_text(json.dumps(rows), encoding="utf-8")
    code, report, _ = run("convert", source, out, "--from", "text-to-sql", "--model", "nova-micro")
    assert (code, report["errors"], report["out"], out.exists()) == (1, 2, None, False)
    code, report, _ = run("convert", source, out, "--from", "text-to-sql", "--model", "nova-micro", "--skip-bad")
    assert (code, report["out"]) == (1, str(out))
    assert out.read_bytes() == (LINE + b"\n") * 8
    refused = [json.loads(line) for line in (tmp_path / "train.refused.jsonl").read_bytes().splitlines()]
    assert [(row["record"], row["rule"]) for row in refused] == [(9, "text.reserved"), (10, "row.refused")]
    assert refused[1]["row"]["answer"] == 5


def test_convert_of_clean_rows_leaves_no_refused_file(run, tmp_path, train):
    """Nothing refused, no file of refusals, exit code 0."""
    out = tmp_path / "again.jsonl"
    code, report, _ = run("convert", train, out, "--from", "conversation", "--skip-bad")
    assert (code, report["ok"]) == (0, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.jsonl", "train.jsonl"]


def test_convert_of_nothing_writes_nothing(run, tmp_path):
    """An empty table is a finding, and no empty training file is left behind."""
    (tmp_path / "empty.csv").write_text("question,context,answer\n", encoding="utf-8")
    code, report, _ = run(
        "convert", tmp_path / "empty.csv", tmp_path / "out.jsonl", "--from", "text-to-sql", "--skip-bad"
    )
    assert (code, report["out"]) == (1, None)
    assert not (tmp_path / "out.jsonl").exists()


def test_estimate_prices_and_an_unknown_price_ends_with_1(run, train):
    """A known price ends with 0 and exact strings; a model without a known price ends with 1."""
    code, estimate, _ = run("estimate", train, *MICRO, "--epochs", "2", "--queries-per-month", "1000")
    assert code == 0
    assert estimate["once"]["expected"]
    assert run("estimate", train, "--model", "nova-lite", "--platform", "bedrock", "--epochs", "2")[0] == 1


def test_the_module_is_the_command(train):
    """python -m nova_tune runs the same verbs, for people too."""
    done = subprocess.run(
        [sys.executable, "-m", "nova_tune", "check", str(train), *MICRO], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 records valid" in done.stdout


@pytest.mark.extra
def test_rehearse_runs_a_command_against_a_local_aws(capfd):
    """The child sees the rehearsal's endpoint, and its exit code is handed on."""
    program = "import boto3; print(boto3.client('bedrock').list_custom_models()['modelSummaries']); raise SystemExit(7)"
    assert main(["rehearse", "--", sys.executable, "-c", program]) == 7
    assert capfd.readouterr().out.strip() == "[]"
    assert main(["rehearse"]) == 2
