"""What makes a training record right: one definition, and a report that lists every finding."""

from __future__ import annotations

from nova_tune.checks._accept import accept_batch, doubtful_lines
from nova_tune.checks._decode import TABLE_DECODER, decode, duplicate_keys
from nova_tune.checks._explain import STRUCTURAL, explain
from nova_tune.checks._file import FIRST, MediaUse, count_issues, name_issues, wrong_format
from nova_tune.checks._length import SAFE_BYTES
from nova_tune.checks._media import MediaBlock, media_blocks
from nova_tune.checks._report import Issue, Severity, Tally, ValidationReport
from nova_tune.checks._rules import RULES, Rule, finding

__all__ = [
    "FIRST",
    "RULES",
    "SAFE_BYTES",
    "STRUCTURAL",
    "TABLE_DECODER",
    "Issue",
    "MediaBlock",
    "MediaUse",
    "Rule",
    "Severity",
    "Tally",
    "ValidationReport",
    "accept_batch",
    "count_issues",
    "decode",
    "doubtful_lines",
    "duplicate_keys",
    "explain",
    "finding",
    "media_blocks",
    "name_issues",
    "wrong_format",
]
