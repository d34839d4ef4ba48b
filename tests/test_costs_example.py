"""The example that prices a job runs offline and says what it should."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "price_a_job.py"


def test_a_job_is_priced_without_an_account(tmp_path):
    """No credentials, no region: tables of training, paths and options, and a chart that parses."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS")}
    command = [sys.executable, "-W", "error", str(EXAMPLE), "--hours", "9", "--requests", "90000"]
    done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "bedrock: it costs at most $" in done.stdout
    assert "against $63.81" in done.stdout
    assert "is cheaper than base nova-pro from " in done.stdout
    assert ET.parse(tmp_path / "break_even.svg").getroot().tag.endswith("svg")
