"""One pass over the data, and what the records tell when they are compared."""

from __future__ import annotations

import hashlib
import math
import re
import statistics
from array import array
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import msgspec

from nova_tune.checks import Issue, Tally
from nova_tune.quality._near import near_pairs, shingles
from nova_tune.quality._report import QualityReport
from nova_tune.quality._texts import troubles
from nova_tune.sql import is_query, target_in, template_of, without_schema
from nova_tune.template import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Line = tuple[int | None, int, bytes]
"""The physical line, the record's number and its bytes."""

_ENCODER = msgspec.json.Encoder(order="deterministic")
_BETWEEN = re.compile(r"[\s,;]+")
_COMPARED = 200_000
_ENOUGH = 30
_FAR = 6.0
_LABELS = 20
_RARE = 8
_MOST, _MANY = 0.8, 0.1


def examine(lines: Iterable[Line], *, validation: Iterable[Line] | None = None, ignore: Iterable[str] = ()
            ) -> QualityReport:  # fmt: skip
    """What is to be said about the quality of these records; all of it in one pass.

    Memory holds digests, lengths and the numbers of word sequences: about 1 kB for a record of 60 words. A line that is
    no conversation is counted and passed over: the checks of records tell what is wrong with it.

    Args:
        lines: Training records.
        validation: Records held out.
        ignore: Rule ids to leave out.

    Example:
        >>> line = b'{"messages":[{"role":"user","content":[{"text":"1 + 1?"}]},'
        >>> line += b'{"role":"assistant","content":[{"text":"2"}]}]}'
        >>> examine([(1, 1, line), (2, 2, line)]).counts_by_rule
        {'quality.duplicate': 1}
    """
    tally = Tally(ignore=ignore)
    train, held = _Part(tally, ""), _Part(tally, "validation data: ")
    for line in lines:
        train.read(line)
    for line in validation or ():
        held.read(line, train)
    _near(train, held)
    for part in (train, held):
        part.lengths()
    train.systems()
    train.balance()
    _templates(train, held)
    made = tally.report(records=train.count + held.count, model="", platform="")
    return QualityReport(**{field.name: getattr(made, field.name) for field in attrs.fields(type(made))})


class _Where(NamedTuple):
    line: int | None
    record: int


class _Part:
    """What is remembered of the training data or of the data held out."""

    def __init__(self, tally: Tally, title: str) -> None:
        self.count = 0
        self.contents: dict[bytes, int] = {}
        self.prompts: dict[bytes, tuple[bytes, int]] = {}
        self.sets: list[array[int]] = []
        self.places: list[_Where] = []
        self.templates: Counter[bytes] = Counter()
        self._tally = tally
        self._title = title
        self._sizes = {"prompt": array("L"), "answer": array("L")}
        self._sized: list[_Where] = []
        self._systems: Counter[bytes] = Counter()
        self._answers: Counter[str] = Counter()

    def add(self, rule: str, where: _Where | None, message: str, hint: str = "", path: str = "") -> None:
        line, record = where or (None, None)
        self._tally.add(Issue(f"quality.{rule}", "warning", f"{self._title}{message}", line, record, path, hint))

    def read(self, line: Line, train: _Part | None = None) -> None:
        """Take one record in; held-out data is compared with the training data."""
        where = _Where(line[0], line[1])
        self.count += 1
        parts = _parts(line[2])
        if parts is None:
            return
        content = _digest(parts.record)
        first = self.contents.setdefault(content, where.record)
        if first != where.record:
            self.add("duplicate", where, f"equal to record {first:,}", "dedupe() keeps the first")
        new = self._compare(parts, where, train)
        for path, text in parts.texts:
            for rule, message, hint in troubles(text, sql=parts.sql):
                self.add(rule, where, message, hint, path)
        self._sizes["prompt"].append(len(parts.prompt))
        self._sizes["answer"].append(len(parts.answer))
        self._sized.append(where)
        self._systems[_digest(_BETWEEN.sub(" ", without_schema(parts.system)))] += 1
        self._answers[parts.answer if len(parts.answer) <= 200 else _digest(parts.answer).hex()] += 1
        if parts.sql:
            self.templates[_digest(template_of(target_in(parts.answer)))] += 1
        if new and not parts.media and len(self.places) < _COMPARED:
            self.sets.append(shingles(f"{without_schema(parts.prompt)}\n{parts.answer}"))
            self.places.append(where)

    def _compare(self, parts: _Parts, where: _Where, train: _Part | None) -> bool:
        """Look the prompt up, and say whether it is new here and there."""
        prompt, answer = _digest(parts.asked), _digest(parts.answered)
        known, first = self.prompts.setdefault(prompt, (answer, where.record))
        if known != answer:
            self.add("conflict", where, f"the same prompt as record {first:,}, another answer",
                     "the model cannot learn both; keep one")  # fmt: skip
        leaked = train is not None and prompt in train.prompts
        if train is not None and leaked:
            twin = train.prompts[prompt][1]
            self.add("leakage", where, f"this prompt stands in the training data, too: record {twin:,}",
                     "split() keeps equal records together, split(by='prompt') equal prompts")  # fmt: skip
        return first == where.record and not leaked

    def lengths(self) -> None:
        """Find prompts and answers far from the median, on the logarithmic scale, by their median deviation."""
        if len(self._sized) < _ENOUGH:
            return
        for name, sizes in self._sizes.items():
            logs = [math.log1p(size) for size in sizes]
            middle = statistics.median(logs)
            spread = max(statistics.median(abs(each - middle) for each in logs) * 1.4826, 0.1)
            for where, size, each in zip(self._sized, sizes, logs, strict=True):
                if abs(each - middle) > _FAR * spread:
                    self.add("length", where, f"the {name} has {size:,} characters, the median is "
                             f"{round(math.expm1(middle)):,}", "is it what it should be?")  # fmt: skip

    def systems(self) -> None:
        """Say so when there are a few system prompts, where one is usual; a new one for each record is a template's."""
        if 1 < len(self._systems) <= max(2, len(self._sized) // 2):
            (_, most), *_ = self._systems.most_common(1)
            self.add("system", None, f"there are {len(self._systems):,} system prompts, tables aside; the most frequent"
                     f" stands in {most:,} of {len(self._sized):,} records", "train and ask with one")  # fmt: skip

    def balance(self) -> None:
        """Say so when one answer rules, or when labels are too rare to be learnt."""
        total = len(self._sized)
        if total < _ENOUGH:
            return
        (top, most), *_ = self._answers.most_common(1)
        labels = len(self._answers) <= min(_LABELS, total // 10)
        if most > total * (_MOST if labels else _MANY) and len(self._answers) > 1:
            self.add("balance", None, f"one answer stands in {most:,} of {total:,} records: {clip(top)!r}",
                     "what is frequent becomes the model's habit")  # fmt: skip
        rare = [label for label, times in self._answers.items() if times < _RARE] if labels else []
        if rare:
            self.add("balance", None, f"{len(rare)} of {len(self._answers)} answers stand in fewer than {_RARE} records"
                     f" each, such as {clip(rare[0])!r}", "find more examples of them")  # fmt: skip


def _near(train: _Part, held: _Part) -> None:
    """Compare all records with one another by their words."""
    size = len(train.sets)
    for number, other in near_pairs([*train.sets, *held.sets]):
        part, where = (train, train.places[number]) if number < size else (held, held.places[number - size])
        twin = train.places[other] if other < size else held.places[other - size]
        if number < size or other >= size:
            part.add("near-duplicate", where, f"nearly the words of record {twin.record:,}")
        else:
            part.add("near-leakage", where, f"nearly the words of record {twin.record:,} of the training data",
                     "split(by='schema') or split(by='sql') keeps kin together")  # fmt: skip
    for part in (train, held):
        if part.count > _COMPARED:
            part.add("not-compared", None, f"near duplicates were looked for in the first {_COMPARED:,} records alone")


def _templates(train: _Part, held: _Part) -> None:
    shared = sum(times for template, times in held.templates.items() if template in train.templates)
    total = sum(held.templates.values())
    if shared:
        held.add("template-leak", None, f"{shared:,} of {total:,} answers are SQL that the training data holds but for "
                 "its literals", "split(by='sql') keeps templates on one side")  # fmt: skip


class _Parts(NamedTuple):
    """One record, taken apart."""

    record: Any
    system: str
    asked: Any
    answered: Any
    prompt: str
    answer: str
    texts: list[tuple[str, str]]
    media: bool
    sql: bool


def _parts(line: bytes) -> _Parts | None:
    try:
        record = msgspec.json.decode(line)
        turns = record["messages"]
        last = max(index for index, turn in enumerate(turns) if turn["role"] == "assistant")
        found = list(_texts(record))
        media = any(block.keys() - {"text"} for turn in turns for block in turn["content"])
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    last_turn = f"/messages/{last}/"
    answer = "".join(text for path, text in found if path.startswith(last_turn))
    system = "\n".join(text for path, text in found if path.startswith("/system/"))
    prompt = "\n".join(
        text for path, text in found if not path.startswith(("/system/", last_turn)) and path.startswith("/messages/")
    )
    return _Parts(
        record=record,
        system=system,
        asked=[record.get("system"), turns[:last]],
        answered=turns[last:],
        prompt=prompt,
        answer=answer,
        texts=found,
        media=media,
        sql=is_query(target_in(answer)),
    )


def _texts(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for index, block in enumerate(record.get("system") or ()):
        yield f"/system/{index}/text", block["text"]
    for number, turn in enumerate(record["messages"]):
        for index, block in enumerate(turn["content"]):
            if "text" in block:
                yield f"/messages/{number}/content/{index}/text", block["text"]


def _digest(value: Any) -> bytes:
    content = value.encode() if isinstance(value, str) else _ENCODER.encode(value)
    return hashlib.blake2b(content, digest_size=12).digest()
