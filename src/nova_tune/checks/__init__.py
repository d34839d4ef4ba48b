"""What makes a training record right: one definition, and a report that lists every finding."""

from __future__ import annotations

from nova_tune.checks._explain import explain, explain_value
from nova_tune.checks._report import Issue, Severity, Tally, ValidationReport

__all__ = ["Issue", "Severity", "Tally", "ValidationReport", "explain", "explain_value"]
