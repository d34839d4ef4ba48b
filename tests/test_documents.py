"""The documents are run: a page whose code nobody runs would rot unseen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_page_with_code_is_collected():
    """Each document that shows Python is among the tests."""
    pages = [page for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")] if "```python" in page.read_text("utf-8")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "docs", "README.md"],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert len(pages) > 3
    for page in pages:
        assert page.relative_to(ROOT).as_posix() in done.stdout, page


def test_docstrings_of_every_room_are_collected():
    """Each module whose docstrings hold an example is among the tests, in folders too."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "src"],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    for module in (ROOT / "src").rglob("*.py"):
        if "\n    >>> " in module.read_text("utf-8"):
            assert module.relative_to(ROOT).as_posix() in done.stdout, module
