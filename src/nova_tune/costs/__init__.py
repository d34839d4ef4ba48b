"""What a job costs before it is launched: prices as dated data, estimates with their arithmetic.

Money is :class:`decimal.Decimal` throughout. Nothing here calls AWS, and the price file is read when the first
:class:`PriceBook` is made, not on import.
"""

from __future__ import annotations

from nova_tune.costs._book import Price, PriceBook
from nova_tune.costs._estimate import Bounds, CostEstimate, CostLine
from nova_tune.costs._model import CostModel
from nova_tune.tokens import estimate_tokens

__all__ = ["Bounds", "CostEstimate", "CostLine", "CostModel", "Price", "PriceBook", "estimate_tokens"]
