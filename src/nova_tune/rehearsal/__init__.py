"""A local AWS on loopback, to rehearse a whole fine-tuning run without an account, a network or a bill.

>>> from nova_tune.rehearsal import Rehearsal
>>> with Rehearsal() as rehearsal:
...     rehearsal.client("bedrock-runtime").meta.endpoint_url == rehearsal.url
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nova_tune.rehearsal._faults import FAILURES
    from nova_tune.rehearsal._fidelity import BEHAVIOURS, Behaviour
    from nova_tune.rehearsal._rehearsal import Rehearsal

__all__ = ["BEHAVIOURS", "FAILURES", "Behaviour", "Rehearsal"]

_HOMES = {"BEHAVIOURS": "_fidelity", "Behaviour": "_fidelity", "FAILURES": "_faults", "Rehearsal": "_rehearsal"}


def __getattr__(name: str) -> Any:
    # Late, so that boto3 is loaded only by those who rehearse.
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
