"""What makes a training record right: one definition, and a report that lists every finding."""

from __future__ import annotations

from nova_tune.checks._decode import TABLE_DECODER, decode, duplicate_keys
from nova_tune.checks._explain import STRUCTURAL, explain
from nova_tune.checks._report import Issue, Severity, Tally, ValidationReport

__all__ = [
    "STRUCTURAL",
    "TABLE_DECODER",
    "Issue",
    "Severity",
    "Tally",
    "ValidationReport",
    "decode",
    "duplicate_keys",
    "explain",
]
