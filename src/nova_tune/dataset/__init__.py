"""Tables of examples, read as a stream, made into training records, checked, sampled, split and written."""

from __future__ import annotations

from nova_tune.dataset._dataset import Dataset

__all__ = ["Dataset"]
