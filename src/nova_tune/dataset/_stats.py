"""Figures about a data set: how many records, how long they are."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.conversation import Conversation
from nova_tune.dataset._derived import raw_line
from nova_tune.tokens import TokenCounter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nova_tune.dataset._sources import Record
    from nova_tune.values import TokenEstimate


@attrs.frozen
class Spread:
    """How a figure is spread over the records: the smallest, the median, the 95th percentile, the largest."""

    smallest: int
    median: int
    p95: int
    largest: int

    @classmethod
    def of(cls, values: Iterable[int]) -> Spread:
        """The spread of some values, by nearest rank; of none, zeros.

        Args:
            values: Whole numbers.
        """
        ordered = sorted(values) or [0]
        last = len(ordered) - 1
        return cls(ordered[0], ordered[last // 2], ordered[-(-last * 19 // 20)], ordered[last])


@attrs.frozen(kw_only=True)
class DatasetStats:
    """What a data set holds, in figures.

    Args:
        records: How many records.
        refused: How many rows could not become records.
        unread: How many records are no conversations; ``validate()`` says why.
        bytes: The size of the training file.
        tokens: The estimate of their tokens.
        turns: Turns of a record.
        system_characters: Characters of the system prompt.
        prompt_characters: Characters of the turns before the last answer.
        answer_characters: Characters of the last answer.
    """

    records: int
    refused: int
    unread: int
    bytes: int
    tokens: TokenEstimate
    turns: Spread
    system_characters: Spread
    prompt_characters: Spread
    answer_characters: Spread

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON."""
        return attrs.asdict(self)

    def __str__(self) -> str:
        rows = [f"{self.records:,} records, {self.bytes:,} bytes, about {self.tokens.expected:,} tokens"]
        for name in ("turns", "system_characters", "prompt_characters", "answer_characters"):
            each: Spread = getattr(self, name)
            title = name.replace("_", " ")
            rows.append(f"  {title:18}{each.smallest:>8,} smallest {each.median:>8,} median {each.p95:>8,} p95 "
                        f"{each.largest:>8,} largest")  # fmt: skip
        if self.refused or self.unread:
            rows.append(f"  {self.refused:,} rows refused, {self.unread:,} records not read; validate() says why")
        return "\n".join(rows)


def stats_of(records: Iterable[Record]) -> DatasetStats:
    """The figures of one pass; memory holds 32 bytes for each record.

    Args:
        records: What would be written.
    """
    tokens = TokenCounter()
    figures = tuple(array("q") for _ in range(4))
    count = refused = unread = size = 0
    for record in records:
        if record.refusal is not None:
            refused += 1
            continue
        line = raw_line(record)
        count += 1
        size += len(line) + 1
        tokens.add_record(line)
        try:
            conversation = Conversation.from_line(line)
            prompt = sum(len(conversation.text_of(turn)) for turn in conversation.prompt)
            found = (len(conversation.messages), len(conversation.system), prompt, len(conversation.reference))
        except (ValueError, KeyError, TypeError, AttributeError):
            unread += 1
            continue
        for figure, value in zip(figures, found, strict=True):
            figure.append(value)
    turns, system, prompts, answers = map(Spread.of, figures)
    return DatasetStats(
        records=count,
        refused=refused,
        unread=unread,
        bytes=size,
        tokens=tokens.estimate(),
        turns=turns,
        system_characters=system,
        prompt_characters=prompts,
        answer_characters=answers,
    )
