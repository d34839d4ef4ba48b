"""Where a text holds one of AWS's reserved words, found without looking at each word at each place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nova_tune.models import DOUBTFUL_WORDS, RESERVED_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

Searches = tuple[tuple[str, re.Pattern[str]], ...]


def word_searches(words: Sequence[str]) -> Searches:
    """Patterns that together find all these words in any case, each with a character that its words all hold.

    Nearly all words end in a colon. A pattern that begins with it and looks behind goes from colon to colon, in a fifth
    of the time that an alternation of the words takes; and where the character is in no text, there is nothing to do.

    Args:
        words: What to look for.
    """
    groups: dict[str, list[str]] = {}
    for word in words:
        if word.endswith(":"):
            groups.setdefault(":", []).append(f"(?<={re.escape(word)})")
        else:
            first = "" if word[0].isalpha() else word[0]  # a letter has two cases
            groups.setdefault(first, []).append(re.escape(word.removeprefix(first)))
    return tuple(
        (mark, re.compile(f"{re.escape(mark)}(?:{'|'.join(parts)})", re.IGNORECASE | re.ASCII))
        for mark, parts in groups.items()
    )


_SEARCHES = word_searches((*RESERVED_WORDS.value, *DOUBTFUL_WORDS.value))


def word_places(text: str) -> list[int]:
    """A place in each reserved or doubtful word of a text, in no certain order.

    Args:
        text: Any text.
    """
    return [match.start() for mark, search in _SEARCHES if mark in text for match in search.finditer(text)]
