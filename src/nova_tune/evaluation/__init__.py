"""Proof that a tuned model beats its base: the same prompts to both, judged, timed and counted pair by pair.

Importing it loads neither boto3 nor any optional package; reading a report back needs no AWS account.
"""

from nova_tune.evaluation._arms import Arm
from nova_tune.evaluation._compare import compare
from nova_tune.evaluation._comparison import Comparison, Difference, MetricSummary
from nova_tune.evaluation._evaluator import Evaluator
from nova_tune.evaluation._examples import Example
from nova_tune.evaluation._judge import ARTICLE_RUBRIC, DEFAULT_RUBRIC, Judge, Rubric
from nova_tune.evaluation._latency import LatencySummary
from nova_tune.evaluation._metrics import ExactMatch, Metric, OutputTokens, Scale
from nova_tune.evaluation._rows import Row
from nova_tune.evaluation._score import STATUSES, Score, parse_score
from nova_tune.evaluation._stats import (
    Interval,
    mean,
    paired_bootstrap,
    quantile,
    quantile_interval,
    ratio_bootstrap,
    wilson,
)

__all__ = [
    "ARTICLE_RUBRIC",
    "DEFAULT_RUBRIC",
    "STATUSES",
    "Arm",
    "Comparison",
    "Difference",
    "Evaluator",
    "ExactMatch",
    "Example",
    "Interval",
    "Judge",
    "LatencySummary",
    "Metric",
    "MetricSummary",
    "OutputTokens",
    "Row",
    "Rubric",
    "Scale",
    "Score",
    "compare",
    "mean",
    "paired_bootstrap",
    "parse_score",
    "quantile",
    "quantile_interval",
    "ratio_bootstrap",
    "wilson",
]
