"""What a text may hold: something to see, and none of AWS's reserved words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from nova_tune.checks._rules import finding
from nova_tune.checks._shape import kind
from nova_tune.checks._words import word_places
from nova_tune.models import DOUBTFUL_WORDS, RESERVED_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.checks._report import Issue

_RESERVED = re.compile("|".join(re.escape(word) for word in RESERVED_WORDS.value), re.IGNORECASE | re.ASCII)
_DOUBTFUL = re.compile("|".join(re.escape(word) for word in DOUBTFUL_WORDS.value), re.IGNORECASE | re.ASCII)

# Anything but white space and characters of no width. The shipped JSON Schema states the same class.
_SHOWS = re.compile(
    r"[^\t\n\u000b\f\r\u001c-\u001f \u0085\u00a0\u00ad\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]"
)


def shows(text: Any) -> bool:
    """True for a text with anything but white space and characters of no width."""
    return isinstance(text, str) and _SHOWS.search(text) is not None


def text_issues(text: Any, path: str, *, may_be_empty: bool = False) -> Iterator[Issue]:
    """Every finding of one text.

    Args:
        text: What stands where a text should.
        path: Its place.
        may_be_empty: True for a tool's result, which may be nothing.
    """
    if not isinstance(text, str):
        yield finding("text.type", path, f"the text is {kind(text)}", "write it as a JSON string")
        return
    if not may_be_empty and not shows(text):
        what = "white space and characters of no width alone" if text else "empty"
        yield finding("text.empty", path, f"the text is {what}")
        return
    if not word_places(text):
        return
    for match in _RESERVED.finditer(text):
        start = match.start()
        inside = start > 0 and match[0][0].isalpha() and (text[start - 1].isalnum() or text[start - 1] == "_")
        rule = "text.reserved-inside" if inside else "text.reserved"
        more = " inside a longer word" if inside else ""
        yield finding(rule, path, f"the reserved word {match[0]!r} at character {start + 1}{more}",
                      "AWS fails the job for it; write it differently")  # fmt: skip
    for match in _DOUBTFUL.finditer(text):
        yield finding("text.reserved-other", path,
                      f"{match[0]!r} at character {match.start() + 1} is refused by AWS's own scripts")  # fmt: skip
