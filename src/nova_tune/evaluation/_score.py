"""What a metric says of one answer, and how a judge's reply becomes such a score or none.

A judge that failed gives no number. The published regular expression this replaces turned a refusal, an exception
text and a lower-case tag into the score "0" (evaluation facts, section 3.3, read 2026-11-21).
"""

from __future__ import annotations

import re
from typing import Literal, get_args

import attrs

from nova_tune.values import Value

Status = Literal["ok", "multiple", "no_score", "not_a_number", "out_of_range", "truncated", "refused", "error"]
STATUSES: tuple[Status, ...] = get_args(Status)

HIGHEST = 100.0
"""The top of a judge's scale; the bottom is 0."""


def _check_status(_: Score, __: attrs.Attribute[Status], status: Status) -> None:
    if status not in STATUSES:
        raise ValueError(f"{status!r} is not a status of a score; they are {', '.join(STATUSES)}")


@attrs.frozen
class Score(Value):
    """A metric's verdict on one answer. ``value`` is a number exactly when ``status`` is ``"ok"``.

    Args:
        value: The score on the metric's own scale, None when there is none.
        status: ``ok``, or why there is no value: ``multiple`` (two different scores), ``no_score``,
            ``not_a_number``, ``out_of_range``, ``truncated``, ``refused``, ``error`` (a call failed).
        reason: The judge's words, or what went wrong.
        rehearsal: True when a rehearsal judged.

    Raises:
        ValueError: A value without ``ok``, ``ok`` without a value, or a status that is none of these.

    Example:
        >>> Score(85.0, "ok").value
        85.0
    """

    value: float | None
    status: Status = attrs.field(validator=_check_status)
    reason: str = ""
    rehearsal: bool = False

    def __attrs_post_init__(self) -> None:
        if (self.value is None) == (self.status == "ok"):
            raise ValueError(f"a score of {self.value} cannot have the status {self.status!r}")


_TAGGED = re.compile(r"<\s*score\s*>((?:(?!<\s*score\s*>).)*?)<\s*/\s*score\s*>", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)\s*(?:/\s*100|%)?")


def _content(text: str) -> tuple[float | None, Status]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None, "not_a_number"
    value = float(match[1])
    return (value, "ok") if 0 <= value <= HIGHEST else (None, "out_of_range")


def parse_score(text: str) -> Score:
    """The score from 0 to 100 that a judge's reply states in ``<SCORE>`` tags, or why there is none.

    Tags may be in any case, with spaces and newlines in and around them. ``85``, ``85.5``, ``85/100`` and ``85%`` are
    scores; ranges and words are not. One score said twice is one score; two different ones are ``multiple``,
    without a value, for nobody can say which was meant and which was quoted from the answer under judgement.

    Args:
        text: The whole reply.

    Example:
        >>> parse_score("The filter is missing. <score> 40/100 </score>").value
        40.0
        >>> parse_score("I cannot judge this.").status
        'no_score'
    """
    contents = [match[1].strip() for match in _TAGGED.finditer(text)]
    found = {_content(content) for content in contents if content}
    if not found:
        return Score(None, "no_score", "the reply has no text in <SCORE> tags")
    if len(found) > 1:
        return Score(None, "multiple", f"the reply states {len(found)} different scores")
    value, status = found.pop()
    return Score(value, status, _TAGGED.sub("", text).strip())
