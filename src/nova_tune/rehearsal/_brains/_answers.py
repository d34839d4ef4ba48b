"""What answers in a rehearsal: the nearest training example, an untuned stand-in, a scorer of judge requests.

None of it is a language model, and no number made with it says anything about one. It depends on the training data,
gets better with more of it and worse with damaged labels: enough to prove that a pipeline carries its data through.
"""

from __future__ import annotations

import math
import re
import unicodedata
from array import array
from bisect import bisect_left
from collections import Counter
from difflib import SequenceMatcher
from heapq import nlargest, nsmallest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nova_tune.rehearsal._brains._records import Exchange

_WORD: Final = re.compile(r"\w+")
_PIECE: Final = re.compile(r"\w+|\s+|[^\w\s]")
_WORD_OR_MARK: Final = re.compile(r"\w+|[^\w\s]")
_CHUNK: Final = 4  # characters a token, the cost model's own estimate
_LONGEST_CHUNK: Final = 16
_JOINERS: Final = frozenset("\u200d\ufe0e\ufe0f")

# BM25 with its usual constants (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009).
_SATURATION: Final = 1.2
_LENGTH: Final = 0.75
# Bounds that keep an answer at a millisecond or two, whatever the prompt.
_POSTINGS: Final = 10_000  # read in full, rarest words first
_FINALISTS: Final = 50  # examples for which the other, commoner words are looked up too; twice as many at a tie
_COMMON: Final = 40  # such words


def _clings(before: str, character: str) -> bool:
    """Whether a character makes one sign with the one before it."""
    return (
        unicodedata.combining(character) != 0
        or character in _JOINERS
        or before == "\u200d"
        or "\udc00" <= character <= "\udfff"
    )


def tokens(text: str) -> list[str]:
    """Splits a text into pieces of the size of a model's tokens; joined they give the text again.

    A piece has 4 characters, or a few more where a cut would part a letter from its accent.

    Args:
        text: Any string.

    Example:
        >>> tokens("SELECT 1")
        ['SELE', 'CT 1']
    """
    if text.isascii():
        return [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = min(start + _CHUNK, len(text))
        while end < len(text) and end - start < _LONGEST_CHUNK and _clings(text[end - 1], text[end]):
            end += 1
        pieces.append(text[start:end])
        start = end
    return pieces


class NearestExample:
    """The tuned model of a rehearsal: answers with the answer of the training example whose prompt is nearest.

    Nearness is BM25 over the words of the prompts. Words of more than half of the prompts, such as a fixed
    instruction, tell nothing and are dropped. Lives as long as its deployment; safe for concurrent readers.
    Costs about a second and 30 MB to fit 20,000 short examples, and a millisecond or two an answer.

    Args:
        exchanges: What was learnt. May not be empty.
        transfer: Swap, in the answer, the words in which the two prompts differ. Very good on templated data, so good
            that it hides faults; off by default.

    Raises:
        ValueError: There is no exchange.

    Example:
        >>> from nova_tune.rehearsal._brains._records import Exchange
        >>> model = NearestExample([Exchange("how many cars", "COUNT"), Exchange("the oldest car", "MIN")])
        >>> model.answer("how many bikes")
        'COUNT'
    """

    def __init__(self, exchanges: Sequence[Exchange], *, transfer: bool = False) -> None:
        if not exchanges:
            raise ValueError("there is nothing to learn from: give at least one exchange")
        self.exchanges: tuple[Exchange, ...] = tuple(exchanges)
        self._answers = [exchange.answer for exchange in exchanges]
        self._prompts = [exchange.prompt for exchange in exchanges] if transfer else []
        self._index = _index([exchange.prompt for exchange in exchanges])

    def answer(self, prompt: str) -> str:
        """The answer of the nearest example; of the first one where no word of the prompt is known.

        Args:
            prompt: System texts and user texts, joined as those of an exchange are.
        """
        nearest = self._nearest(prompt)
        answer = self._answers[nearest]
        return _transfer(self._prompts[nearest], prompt, answer) if self._prompts else answer

    def _nearest(self, prompt: str) -> int:
        known = {word: self._index[word] for word in _words(prompt) if word in self._index}
        # By length, then by word: sums of floats depend on their order, and ties must not.
        lists = [known[word] for word in sorted(known, key=lambda word: (len(known[word][0]), word))]
        scores: dict[int, float] = {}
        read = 0
        while lists and (not scores or read + len(lists[0][0]) <= _POSTINGS):
            places, impacts = lists.pop(0)
            read += len(places)
            for place, impact in zip(places, impacts, strict=True):
                scores[place] = scores.get(place, 0.0) + impact
        if not scores:
            return 0
        if lists:
            least = nlargest(_FINALISTS, scores.values())[-1]
            leading = [(-score, place) for place, score in scores.items() if score >= least]
            scores = {
                place: -score + sum(_looked_up(lists[:_COMMON], place))
                for score, place in nsmallest(2 * _FINALISTS, leading)
            }
        best = max(scores.values())
        return min(place for place, score in scores.items() if score == best)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _index(prompts: Sequence[str]) -> dict[str, tuple[array[int], array[float]]]:
    """For each telling word the prompts that hold it, in order, and what it adds to the score of each."""
    held: dict[str, tuple[array[int], array[float]]] = {}
    for place, prompt in enumerate(prompts):
        for word, count in Counter(_WORD.findall(prompt.lower())).items():
            places, counts = held.setdefault(word, (array("I"), array("f")))
            places.append(place)
            counts.append(count)
    total = len(prompts)
    index = {word: found for word, found in held.items() if 2 * len(found[0]) <= total}
    del held
    lengths = [0.0] * total
    for places, counts in index.values():
        for place, times in zip(places, counts, strict=True):
            lengths[place] += times
    mean = sum(lengths) / total
    damping = [_SATURATION * (1 - _LENGTH + _LENGTH * length / mean) for length in lengths] if mean else lengths
    for places, counts in index.values():
        rarity = math.log(1 + (total - len(places) + 0.5) / (len(places) + 0.5)) * (_SATURATION + 1)
        for position, (place, times) in enumerate(zip(places, counts, strict=True)):
            counts[position] = rarity * times / (times + damping[place])
    return index


def _looked_up(lists: Sequence[tuple[array[int], array[float]]], place: int) -> Iterator[float]:
    for places, impacts in lists:
        position = bisect_left(places, place)
        if position < len(places) and places[position] == place:
            yield impacts[position]


def _transfer(known: str, asked: str, answer: str) -> str:
    """The answer with the words swapped that stand in the same place of two prompts."""
    old, new = _WORD_OR_MARK.findall(known), _WORD_OR_MARK.findall(asked)
    swaps: dict[str, str] = {}
    for kind, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "replace" and last - first == end - start:
            for before, after in zip(old[first:last], new[start:end], strict=True):
                swaps.setdefault(before, after)
    return "".join(swaps.get(piece, piece) for piece in _PIECE.findall(answer))


def stand_in(prompt: str) -> str:  # noqa: ARG001 - the signature of everything that answers
    """The untuned base model of a rehearsal: one fixed sentence of 26 tokens that says what it is.

    Args:
        prompt: Not read.

    Example:
        >>> len(tokens(stand_in("How many cars are there?")))
        26
    """
    return "This is the rehearsal's untuned stand-in: it has learnt nothing yet and answers every question alike."


_OPENING: Final = re.compile(r"<(correct|student)_answer(-[a-z0-9]{6,32}|)>")


def _section(text: str, tag: str, start: int) -> tuple[int, int] | None:
    """Where the text of a section begins and ends: from the first opening tag to the last closing tag."""
    opening = text.find(f"<{tag}>", start)
    first = opening + len(tag) + 2
    last = text.rfind(f"</{tag}>", first)
    return (first, last) if opening >= 0 and last >= 0 else None


def _sections(prompt: str) -> tuple[str, str] | None:
    """The correct answer and the student's, taken so that no tag inside the student's answer can move a border.

    The form of the tags is that of the first opening tag, which stands before anything that the student wrote.
    """
    for nonce in dict.fromkeys(match[2] for match in _OPENING.finditer(prompt)):
        right, given = f"correct_answer{nonce}", f"student_answer{nonce}"
        if f"<{given}>" in prompt[: max(0, prompt.find(f"<{right}>"))]:
            student = _section(prompt, given, 0)
            correct = _section(prompt, right, student[1]) if student else None
        else:
            begin = max(0, prompt.find(f"<{right}>"))
            student = _section(prompt, given, max(begin, prompt.find(f"</{right}>", begin)))
            correct = _section(prompt[: student[0]], right, begin) if student else None
        if student and correct:
            return prompt[slice(*correct)], prompt[slice(*student)]
    return None


def judge_reply(prompt: str) -> str:
    """Answers a judge request of a known form with 100 times the F1 of the shared words and marks.

    The prompt holds one section in ``<correct_answer-NONCE>`` tags and one in ``<student_answer-NONCE>`` tags, where
    NONCE is one random word of 6 to 32 characters of a-z and 0-9; plain ``<correct_answer>`` and ``<student_answer>``
    tags do as well. These tags stand nowhere else in the judge's own text. Case and spaces do not count.

    Args:
        prompt: The text of the request.

    Returns:
        A sentence of reason and ``<SCORE>n</SCORE>``, n from 0 to 100; without the sections a sentence that says so.

    Example:
        >>> judge_reply("<correct_answer>SELECT 1</correct_answer><student_answer>select 2</student_answer>")
        'Of 2 words and marks of the correct answer and 2 of the student, 1 agree. <SCORE>50</SCORE>'
    """
    sections = _sections(prompt)
    if sections is None:
        return "The rehearsal's judge found no correct answer and student answer in the request, so there is no score."
    right, given = (Counter(_WORD_OR_MARK.findall(section.lower())) for section in sections)
    shared, total = (right & given).total(), right.total() + given.total()
    score = round(200 * shared / total) if total else 100
    return (
        f"Of {right.total()} words and marks of the correct answer and {given.total()} of the student, "
        f"{shared} agree. <SCORE>{score}</SCORE>"
    )
