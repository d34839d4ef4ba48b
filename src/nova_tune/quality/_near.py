"""Records that say nearly the same: an exact search for sets of word sequences that overlap by 80 %."""

from __future__ import annotations

import re
import zlib
from array import array
from collections import Counter
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

SIMILAR = 0.8
_WORD = re.compile(r"\w+")
_RUN = 3
_LONG = 512
_THIN = 8
_FEWEST = 3
# A sequence that stands in this share of all records is boilerplate: the instructions around the question.
_BOILERPLATE = 0.05
_BOILERPLATE_FROM = 20


def shingles(text: str) -> array[int]:
    """The sequences of three words in a text, each as a number; of a long text every eighth, chosen by content.

    Args:
        text: What is compared.
    """
    words = _WORD.findall(text.casefold())
    runs = zip(*(words[start:] for start in range(_RUN)), strict=False) if len(words) > _RUN else [words]
    numbers = {zlib.crc32(" ".join(run).encode("utf-8", "surrogatepass")) for run in runs}
    if len(numbers) > _LONG:
        numbers = {number for number in numbers if number % _THIN == 0}
    return array("L", numbers)


def near_pairs(sets: Sequence[array[int]]) -> Iterator[tuple[int, int]]:
    """For each set that resembles an earlier one, its index and that of the earlier one.

    Only sets that resemble none before them are compared with later ones, so that a thousand variants of one record
    cost no more than a thousand comparisons. By the prefix filter (Bayardo et al., Scaling up all pairs similarity
    search, WWW 2007): of two sets that overlap by 80 %, one of the rarest 20 % of the members is shared.

    Args:
        sets: What :func:`shingles` made.
    """
    frequency: Counter[int] = Counter()
    for each in sets:
        frequency.update(each)
    common = max(_BOILERPLATE_FROM, int(len(sets) * _BOILERPLATE))
    index: dict[int, list[int]] = {}
    kept: dict[int, set[int]] = {}
    for number, each in enumerate(sets):
        rare = sorted((item for item in each if frequency[item] <= common), key=lambda item: (frequency[item], item))
        if len(rare) < _FEWEST:
            continue
        prefix = rare[: len(rare) - ceil(SIMILAR * len(rare)) + 1]
        mine = set(rare)
        candidates = sorted({other for item in prefix for other in index.get(item, ())})
        for other in candidates:
            if _alike(mine, kept[other]) and _alike(set(each), set(sets[other])):
                yield number, other
                break
        else:
            kept[number] = mine
            for item in prefix:
                if frequency[item] > 1:  # nobody else has it
                    index.setdefault(item, []).append(number)


def _alike(one: set[int], two: Iterable[int]) -> bool:
    two = set(two)
    small, large = sorted((len(one), len(two)))
    if small < SIMILAR * large:
        return False
    shared = len(one & two)
    return shared >= SIMILAR * (len(one) + len(two) - shared)
