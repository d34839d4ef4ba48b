"""The report: every finding counted, the first of each rule listed, in text, JSON and HTML."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nova_tune import errors
from nova_tune.checks import Issue, Tally, ValidationReport


def issue(rule: str = "turns.last", severity: Any = "error", line: int | None = 1) -> Issue:
    return Issue(rule=rule, severity=severity, message="<b>", line=line, record=line, path="/messages/0", hint="end it")


def report(*issues: Issue, ignore: tuple[str, ...] = ()) -> ValidationReport:
    tally = Tally(ignore=ignore)
    for each in issues:
        tally.add(each)
    return tally.report(records=9, model="nova-micro", platform="bedrock")


def test_a_report_lists_twenty_of_each_rule_and_counts_all():
    """Findings are capped for each rule by itself; the counts are not."""
    many = report(*[issue(line=n) for n in range(50)], issue("a.b", "warning"), issue("c.d", "info"))
    assert len(many.issues) == 22
    assert many.counts_by_rule == {"a.b": 1, "c.d": 1, "turns.last": 50}
    assert (many.errors, many.warnings, many.ok) == (50, 1, False)


def test_an_ignored_rule_leaves_no_trace():
    """An ignored rule is neither listed nor counted."""
    quiet = report(issue(), ignore=("turns.last",))
    assert (quiet.ok, quiet.issues, quiet.counts_by_rule) == (True, (), {})
    assert quiet.raise_if_invalid() is quiet


def test_a_bad_report_raises_with_itself():
    """raise_if_invalid() raises InvalidDataset, which carries the report and prints its findings."""
    bad = report(issue())
    with pytest.raises(errors.InvalidDataset, match=r"line 1 /messages/0: <b> \[turns.last\] -> end it") as caught:
        bad.raise_if_invalid()
    assert caught.value.report is bad


def test_a_report_prints_the_worst_first_and_counts_the_rest():
    """Errors come before warnings and notes, twelve lines at most, then the counts by rule."""
    text = str(report(issue("w.w", "warning"), *[issue(line=n) for n in range(1, 15)], issue("f.f", "error", None)))
    lines = text.split("\n")
    assert lines[0] == "9 records not valid for nova-micro on bedrock: 15 error(s), 1 warning(s)"
    assert "file" in lines[1]
    assert len(lines) == 14
    assert lines[-1] == "  ... and 4 more; by rule: f.f x 1, turns.last x 14, w.w x 1"
    assert str(report()) == "9 records valid for nova-micro on bedrock: 0 error(s), 0 warning(s)"


def test_the_reports_json_is_the_contract():
    """to_dict() has the keys of ``check --json``, in plain JSON."""
    data = report(issue()).to_dict()
    assert json.loads(json.dumps(data)) == data
    assert list(data) == ["ok", "records", "errors", "warnings", "counts_by_rule", "issues"]
    assert list(data["issues"][0]) == ["line", "record", "path", "rule", "severity", "message", "hint"]


def test_the_reports_html_is_escaped():
    """A notebook shows the findings as text, not as markup."""
    page = report(issue(), issue(line=None))._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_a_strict_report_counts_warnings_as_errors():
    """strict() raises each warning to an error and leaves notes as they are."""
    strict = report(issue("w.w", "warning"), issue("i.i", "info"), issue()).strict()
    assert (strict.errors, strict.warnings, strict.ok) == (2, 0, False)
    assert [each.severity for each in strict.issues] == ["error", "info", "error"]
