"""One arm's answer to one example, with its scores: the row that everything in a report is counted from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from nova_tune.evaluation._score import Score
from nova_tune.values import Reply, Value, field

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

V = TypeVar("V", bound=Value)


def tuple_of(cls: type[V]) -> Callable[[Sequence[dict[str, Any]]], tuple[V, ...]]:
    """A reader of a JSON list of such values."""
    return lambda items: tuple(cls.from_dict(item) for item in items)


def _scores(data: dict[str, Any]) -> dict[str, Score]:
    return {name: Score.from_dict(score) for name, score in data.items()}


@attrs.frozen(kw_only=True)
class Row(Value):
    """What one arm did with one example. A failed call has an ``error`` and no reply, never an empty text.

    Args:
        example: The example's id.
        arm: The arm's name.
        reply: The answer, None when the call failed.
        error: AWS's code, or the kind of the error, when the call failed.
        message: The error's words.
        throttled: How often the call was throttled, and asked again, before this outcome.
        scores: The score of each metric; after a failed call each has the status ``error``.
    """

    example: str
    arm: str
    reply: Reply | None = field(read=Reply.from_dict, default=None)
    error: str | None = None
    message: str = ""
    throttled: int = 0
    scores: dict[str, Score] = field(read=_scores, factory=dict)

    @property
    def rehearsal(self) -> bool:
        """True when a rehearsal answered or judged."""
        answered = self.reply is not None and self.reply.rehearsal
        return answered or any(score.rehearsal for score in self.scores.values())
