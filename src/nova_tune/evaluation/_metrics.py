"""What can be said of an answer without asking another model, and the shape of every metric."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Protocol

import attrs

from nova_tune.evaluation._score import Score
from nova_tune.values import Value

if TYPE_CHECKING:
    from nova_tune.evaluation._examples import Example
    from nova_tune.values import Reply


class Metric(Protocol):
    """Scores one answer. Implement it in a class of your own: a name and one method.

    It may also carry ``scale`` (such as ``"0 or 1"``), ``maximum`` (the best value, so that missing scores can be
    bounded; the worst is 0) and ``higher_is_better`` (None when neither end is better).
    """

    @property
    def name(self) -> str:
        """What the metric is called in the report; unique in a run."""
        ...

    def score(self, example: Example, reply: Reply) -> Score:
        """The score of one whole answer. An answer without text is scored like any other.

        Args:
            example: What was asked, with its reference.
            reply: The answer.
        """
        ...


@attrs.frozen(kw_only=True)
class Scale(Value):
    """How to read a metric's numbers.

    Args:
        metric: The metric's name.
        words: The scale in words, such as ``0 to 100``.
        maximum: The best value; None when there is none, and then missing scores have no bounds.
        higher_is_better: None when neither end is better.
    """

    metric: str
    words: str = ""
    maximum: float | None = None
    higher_is_better: bool | None = True

    @classmethod
    def of(cls, metric: Metric) -> Scale:
        """The scale that a metric declares, with defaults for what it does not."""
        return cls(
            metric=metric.name,
            words=getattr(metric, "scale", ""),
            maximum=getattr(metric, "maximum", None),
            higher_is_better=getattr(metric, "higher_is_better", True),
        )


_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`)""")
_SPACE = re.compile(r"\s+")


def normalised(text: str) -> str:
    """The text as :class:`ExactMatch` compares it: case and spaces folded outside quotes, no semicolon at the end.

    Args:
        text: An answer.

    Example:
        >>> normalised("SELECT  Name FROM t WHERE town = 'Oslo  S' ;")
        "select name from t where town = 'Oslo  S'"
    """
    parts = _QUOTED.split(text)
    parts[::2] = [_SPACE.sub(" ", part).casefold() for part in parts[::2]]
    return "".join(parts).strip().rstrip("; ")


@attrs.frozen
class ExactMatch:
    """1 when the answer equals the reference after folding case and spaces outside quotes, else 0. It costs nothing.

    A strict lower bound for SQL: two queries may mean the same and differ in every word.
    """

    name: str = attrs.field(default="exact_match", kw_only=True)
    scale: ClassVar[str] = "0 or 1"
    maximum: ClassVar[float] = 1.0
    higher_is_better: ClassVar[bool] = True

    def score(self, example: Example, reply: Reply) -> Score:
        """1 or 0, for any whole answer."""
        return Score(float(normalised(reply.text) == normalised(example.reference)), "ok")


@attrs.frozen
class OutputTokens:
    """How many tokens the answer took, as AWS counted them: what tuning saves or costs at each call. It is free."""

    name: str = attrs.field(default="output_tokens", kw_only=True)
    scale: ClassVar[str] = "tokens"
    maximum: ClassVar[None] = None
    higher_is_better: ClassVar[None] = None

    def score(self, example: Example, reply: Reply) -> Score:  # noqa: ARG002 - the signature of every metric
        """The count; none for an arm that counts no tokens."""
        if reply.text and not reply.usage.output_tokens:
            return Score(None, "no_score", "this arm counts no tokens")
        return Score(float(reply.usage.output_tokens), "ok")
