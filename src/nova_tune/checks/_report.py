"""Findings, and the report that lists them."""

from __future__ import annotations

import html
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import attrs

from nova_tune.errors import InvalidDataset

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "info"]
_CAP = 20
_SHOWN = 12


@attrs.frozen
class Issue:
    """One finding in the data.

    Args:
        rule: A stable id, such as ``turns.alternate``; rules of JSON syntax and encoding begin with ``json.``.
        severity: ``error`` (AWS refuses it), ``warning`` (probably a mistake) or ``info``.
        message: What is wrong; it repeats at most 40 characters of the record.
        line: The physical line in the file, from 1.
        record: The record's number, from 1.
        path: A JSON Pointer into the record; empty for the whole of it.
        hint: What to do about it.
    """

    rule: str
    severity: Severity
    message: str
    line: int | None = None
    record: int | None = None
    path: str = ""
    hint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON."""
        return {
            "line": self.line,
            "record": self.record,
            "path": self.path,
            "rule": self.rule,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
        }

    def __str__(self) -> str:
        place = "file" if self.line is None else f"line {self.line}"
        where = f"{place} {self.path}".rstrip()
        return f"{self.severity:7} {where}: {self.message} [{self.rule}]" + (f" -> {self.hint}" if self.hint else "")


@attrs.frozen(kw_only=True)
class ValidationReport:
    """Every kind of finding in a data set: all of them counted, the first 20 of each rule listed.

    Args:
        records: How many records were read.
        issues: The findings, capped for each rule.
        counts_by_rule: How often each rule was broken, not capped.
        errors: How many errors there are.
        warnings: How many warnings there are.
        model: The model the data was checked for.
        platform: The platform it was checked for.
    """

    records: int
    issues: tuple[Issue, ...]
    counts_by_rule: dict[str, int]
    errors: int
    warnings: int
    model: str
    platform: str

    @property
    def ok(self) -> bool:
        """True when there is no error. Warnings and notes do not count."""
        return self.errors == 0

    def strict(self) -> ValidationReport:
        """The same report with every warning raised to an error."""
        issues = tuple(
            attrs.evolve(issue, severity="error") if issue.severity == "warning" else issue for issue in self.issues
        )
        return attrs.evolve(self, issues=issues, errors=self.errors + self.warnings, warnings=0)

    def joined(self, other: ValidationReport) -> ValidationReport:
        """This report with the findings of another one about the same records, such as that of ``check_media``."""
        counts = Counter(self.counts_by_rule) + Counter(other.counts_by_rule)
        return attrs.evolve(
            self,
            issues=self.issues + other.issues,
            counts_by_rule=dict(sorted(counts.items())),
            errors=self.errors + other.errors,
            warnings=self.warnings + other.warnings,
        )

    def raise_if_invalid(self) -> ValidationReport:
        """This report, when it holds no error.

        Raises:
            InvalidDataset: It does; the error carries the report and prints its first findings.
        """
        if not self.ok:
            raise InvalidDataset(str(self), report=self)
        return self

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON, in the shape of ``nova-tune check --json``."""
        return {
            "ok": self.ok,
            "records": self.records,
            "errors": self.errors,
            "warnings": self.warnings,
            "counts_by_rule": self.counts_by_rule,
            "issues": [issue.to_dict() for issue in self.issues],
        }

    def __str__(self) -> str:
        verdict = "valid" if self.ok else "not valid"
        head = f"{self.records:,} records {verdict} for {self.model} on {self.platform}"
        counts = f"{self.errors:,} error(s), {self.warnings:,} warning(s)"
        order = {"error": 0, "warning": 1, "info": 2}
        worst = sorted(self.issues, key=lambda issue: (order[issue.severity], issue.line or 0))[:_SHOWN]
        lines = [f"{head}: {counts}", *(f"  {issue}" for issue in worst)]
        more = sum(self.counts_by_rule.values()) - len(worst)
        if more > 0:
            rules = ", ".join(f"{rule} x {count:,}" for rule, count in sorted(self.counts_by_rule.items()))
            lines.append(f"  ... and {more:,} more; by rule: {rules}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{issue.severity}</td><td>{issue.line or ''}</td><td>{html.escape(issue.path)}</td>"
            f"<td>{issue.rule}</td><td>{html.escape(issue.message)}</td></tr>"
            for issue in self.issues[:_SHOWN]
        )
        head = html.escape(str(self).partition("\n")[0])
        return f"<p>{head}</p><table><tr><th>severity<th>line<th>path<th>rule<th>message</tr>{rows}</table>"


class Tally:
    """Counts findings as they come and keeps the first few of each rule."""

    def __init__(self, *, ignore: Iterable[str] = ()) -> None:
        self._ignore = frozenset(ignore)
        self._counts: Counter[str] = Counter()
        self._kept: list[Issue] = []
        self._severities: Counter[Severity] = Counter()

    def add(self, issue: Issue) -> bool:
        """Count a finding and say True, unless its rule is ignored."""
        if issue.rule in self._ignore:
            return False
        self._counts[issue.rule] += 1
        self._severities[issue.severity] += 1
        if self._counts[issue.rule] <= _CAP:
            self._kept.append(issue)
        return True

    def report(self, *, records: int, model: str, platform: str) -> ValidationReport:
        """The report of all that was counted."""
        return ValidationReport(
            records=records,
            issues=tuple(self._kept),
            counts_by_rule=dict(sorted(self._counts.items())),
            errors=self._severities["error"],
            warnings=self._severities["warning"],
            model=model,
            platform=platform,
        )
