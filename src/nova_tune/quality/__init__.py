"""What many records together tell about the data: repeats, leaks, outliers, odd characters, secrets. Findings alone."""

from __future__ import annotations

from nova_tune.quality._examine import examine
from nova_tune.quality._report import QualityReport

__all__ = ["QualityReport", "examine"]
