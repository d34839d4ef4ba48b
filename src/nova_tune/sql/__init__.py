"""SQL in training data: does a target fit its own schema and the dialect it is meant for?

SQLite, which Python brings along, reads schemas and targets without running them; other dialects are read by sqlglot
(extra ``sql``). Neither proves that a statement is right: a finding names the rung on which it failed, and nothing here
calls SQL "valid". The last word belongs to your own engine, see :class:`SqlCheck`.
"""

from __future__ import annotations

from nova_tune.sql._check import SqlCheck
from nova_tune.sql._sandbox import Sandbox
from nova_tune.sql._text import is_query, requoted, schema_in, statements_in, target_in, template_of, without_schema
from nova_tune.sql._transpile import transpile, transpiled_line

__all__ = [
    "Sandbox",
    "SqlCheck",
    "is_query",
    "requoted",
    "schema_in",
    "statements_in",
    "target_in",
    "template_of",
    "transpile",
    "transpiled_line",
    "without_schema",
]
