"""Runs every example: doctests in docstrings, code blocks in documents."""

from __future__ import annotations

from doctest import ELLIPSIS, NORMALIZE_WHITESPACE

from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.parsers.markdown import PythonCodeBlockParser as MarkdownCode
from sybil.parsers.markdown import SkipParser
from sybil.parsers.rest import DocTestParser

pytest_plugins = ["tests.network_guard"]

_DOCSTRINGS = Sybil(
    parsers=[DocTestParser(optionflags=ELLIPSIS | NORMALIZE_WHITESPACE)],
    path="src",
    patterns=["*.py"],
    document_types={".py": PythonDocStringDocument},
)
_DOCUMENTS = Sybil(
    parsers=[MarkdownCode(doctest_optionflags=ELLIPSIS | NORMALIZE_WHITESPACE), SkipParser()],
    patterns=["README.md", "docs/*.md"],
)

pytest_collect_file = (_DOCSTRINGS + _DOCUMENTS).pytest()
