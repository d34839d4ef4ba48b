"""What a job costs before it is launched: prices as dated data, estimates with their arithmetic.

Money is :class:`decimal.Decimal` throughout. Nothing here calls AWS but :meth:`PriceBook.refresh` and the readers of
:class:`Actual`, and the price file is read when the first :class:`PriceBook` is made, not on import.
"""

from __future__ import annotations

from nova_tune.costs._actuals import Actual, ActualLine
from nova_tune.costs._book import PriceBook
from nova_tune.costs._bounds import Bounds
from nova_tune.costs._calibration import Calibration
from nova_tune.costs._compare import CostComparison, Swing, compare, sensitivity
from nova_tune.costs._decisions import BreakEven, Crossing, Option, break_even, payback_months
from nova_tune.costs._estimate import CostEstimate, CostLine
from nova_tune.costs._model import CostModel
from nova_tune.costs._paths import CONTROLS, PathRow, TrainingPaths, training_paths
from nova_tune.costs._price import Price, PriceChange
from nova_tune.costs._reconcile import ReconciledLine, Reconciliation, reconcile
from nova_tune.costs._tokens import ColumnTokens, TokenEstimator, measured
from nova_tune.tokens import estimate_tokens

__all__ = [
    "CONTROLS",
    "Actual",
    "ActualLine",
    "Bounds",
    "BreakEven",
    "Calibration",
    "ColumnTokens",
    "CostComparison",
    "CostEstimate",
    "CostLine",
    "CostModel",
    "Crossing",
    "Option",
    "PathRow",
    "Price",
    "PriceBook",
    "PriceChange",
    "ReconciledLine",
    "Reconciliation",
    "Swing",
    "TokenEstimator",
    "TrainingPaths",
    "break_even",
    "compare",
    "estimate_tokens",
    "measured",
    "payback_months",
    "reconcile",
    "sensitivity",
    "training_paths",
]
