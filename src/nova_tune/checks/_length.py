"""Is a record longer than the model's context: a guess, since Nova's tokenizer is not published, or a certainty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.checks._rules import finding
from nova_tune.models import CONTEXT_CHARACTERS, MODELS
from nova_tune.tokens import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.checks._report import Issue
    from nova_tune.models import Model, Platform

SAFE_BYTES = min(model.context_tokens.value for model in MODELS.values()) * 128 // 100
"""A line of so many bytes cannot be estimated beyond any model's context, whatever it holds.

The estimate's high bound counts at most 0.78 tokens a byte: that of ASCII digits and symbols, 135/216 * 5/4 = 1/1.28.
"""


def length_issues(record: dict[str, Any], *, model: Model, platform: Platform) -> Iterator[Issue]:
    """The finding about a record's length, where there is one. Media and tool definitions are not counted.

    It is certain when there are more words than tokens in the context, or more characters than any text has to so many
    tokens; all else is an estimate.

    Args:
        record: The decoded record.
        model: The model it is meant for.
        platform: The platform it is meant for.
    """
    context = (model.context_sagemaker if platform == "sagemaker" else model.context_tokens).value
    text = " ".join(_texts(record))
    # No tokenizer in use joins two words into one token.
    if len(text) > context * CONTEXT_CHARACTERS.value or len(text.split()) > context:
        yield finding("length.context", "", f"its {len(text):,} characters are more than {context:,} tokens",
                      "split or shorten it")  # fmt: skip
        return
    estimate = estimate_tokens(text)
    if estimate.high > context:
        yield finding("length.estimate", "", f"some {estimate.expected:,} tokens, at most {estimate.high:,}, may be "
                      f"more than the context of {context:,}", "shorten it to be safe")  # fmt: skip


def _texts(value: Any) -> Iterator[str]:
    """Every text under a key ``text``, of system, turns, reasoning and results, in no certain order."""
    waiting = [value.get("system"), value.get("messages")]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(text := item.get("text"), str):
                yield text
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
