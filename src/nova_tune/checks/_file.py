"""The rules of a whole file: its kind and its name, how many records, one kind of media from one bucket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs

from nova_tune import arns
from nova_tune.checks._decode import decode
from nova_tune.checks._media import media_blocks
from nova_tune.checks._rules import finding
from nova_tune.kinds import CONVERTIBLE, KINDS, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nova_tune.checks._report import Issue
    from nova_tune.models import Model, Platform

FIRST = 3
"""How many records tell what kind of data a file holds."""

_KEY = re.compile(r"[-_./a-zA-Z0-9]+")
_MARKS = (b'"image"', b'"video"', b'"document"', b"\\u")
_REMEDIES = {
    "evaluation": "evaluation data is for Evaluator; train with conversations",
    "dpo": "preferences are not trained here; take each preferred answer as a conversation",
    "rft": "reinforcement is not trained here; give each prompt an answer and train with conversations",
    "spider": "put each database's CREATE TABLE statements beside its questions, then convert --from text-to-sql",
}


def wrong_format(first: Sequence[Any], *, table: bool = False) -> Issue | None:
    """The one finding of a file that holds another kind of data, or None where it may hold training records.

    Args:
        first: The first few records, as rows or as the bytes of lines; those that cannot be read tell nothing.
        table: True when they are rows of a table, which are never training records as they are.

    Example:
        >>> issue = wrong_format([b'{"messages": [{"role": "user", "content": "Hello"}]}'])
        >>> issue.rule, issue.hint
        ('format.other', 'nova-tune convert IN OUT --from openai-chat')
    """
    values = [decode(item)[0] if isinstance(item, bytes) else item for item in first]
    kinds = [kind_of(value) for value in values if value is not None]
    if not kinds or None in kinds or ("conversation" in kinds and not table):
        return None
    name = next(kind for kind in kinds if kind is not None)
    what = "training records in a table or a list, not one a line"
    if name != "conversation":
        what = f"{KINDS[name]}, not training records"
    hint = f"nova-tune convert IN OUT --from {name}" if name in CONVERTIBLE else _REMEDIES[name]
    return finding("format.other", "", f"these are {what}", hint)


def name_issues(name: str) -> Iterator[Issue]:
    """The finding about a training file's name, where there is one.

    Args:
        name: The last part of its path, or its key in S3.
    """
    if not name.endswith(".jsonl"):
        yield finding("file.name", "", "the file's name does not end in .jsonl", "Bedrock reads .jsonl files")
    elif not _KEY.fullmatch(name):
        yield finding("file.name", "", "the file's name has other characters than letters, digits and _ - / .",
                      "upload() makes a name of its own; else rename the file")  # fmt: skip


class _Place(NamedTuple):
    line: int | None
    record: int
    where: str


@attrs.define
class MediaUse:
    """Which kinds of media a data set holds and from which buckets, each with the place where it comes first.

    It is for one pass, in the data's order, and holds a few entries however large the data are.
    """

    _kinds: dict[str, _Place] = attrs.field(factory=dict, init=False)
    _buckets: dict[str, _Place] = attrs.field(factory=dict, init=False)

    def see(self, line: bytes, *, at: int | None, record: int, where: str = "") -> None:
        """Note the media of one line; a line without any costs a few searches and is not decoded.

        Args:
            line: The line's bytes, right or wrong.
            at: Its physical line.
            record: Its record's number.
            where: What to put before a message about it, when it is not the training data.
        """
        if not any(mark in line for mark in _MARKS):
            return
        blocks = list(media_blocks(decode(line)[0]))
        place = _Place(at, record, where)
        if len({block.kind for block in blocks}) == 1:  # a record that mixes them has a finding of its own
            self._kinds.setdefault(blocks[0].kind, place)
        for block in blocks:
            if block.uri is not None:
                self._buckets.setdefault(arns.s3(block.uri).bucket, place)

    def issues(self, *, model: Model, bucket: str | None = None) -> Iterator[Issue]:
        """What is wrong with the data set as a whole.

        Args:
            model: The model it is meant for; media that it does not take are found record by record.
            bucket: The bucket of the data set itself, where it is known.
        """
        first, *others = [kind for kind in self._kinds if kind in model.media.value] or [""]
        for kind in others:
            message = f"here is {kind} data, before it {first} data; AWS takes one kind a data set"
            yield _at(self._kinds[kind], "media.mixed-data", message, "make a data set of each")
        if not model.media.value:
            return
        own = bucket or next(iter(self._buckets), "")
        whose = "the data set" if bucket else "the media before them"
        for name, place in self._buckets.items():
            if name != own:
                yield _at(place, "media.bucket", f"these media are not in the bucket of {whose}",
                          "AWS reads media from the data set's bucket alone")  # fmt: skip


def _at(place: _Place, rule: str, message: str, hint: str) -> Issue:
    issue = finding(rule, "", f"{place.where}{message}", hint)
    return attrs.evolve(issue, line=place.line, record=place.record)


def count_issues(model: Model, platform: Platform, *, train: int, validation: int | None) -> Iterator[Issue]:
    """The findings about how many records there are, and about the model on this platform.

    Args:
        model: The model the data is meant for.
        platform: The platform it is meant for.
        train: How many training records there are.
        validation: How many validation records there are; None without validation data.
    """
    if platform not in model.platforms:
        yield finding("model.platform", "", f"{model.title} is not trained on {platform}")
    total = train + (validation or 0)
    if train == 0:
        yield finding("records.none", "", "there are no records", "is this the right file?")
    elif platform == "bedrock":
        yield from _bedrock(model, train, total)
        if validation is not None and not model.takes_validation.value:
            yield finding("records.validation", "", f"{model.title} takes no validation data on Bedrock",
                          "train without it and evaluate afterwards")  # fmt: skip
    else:
        most = model.records_sagemaker.value
        if most is not None and train > most:
            yield finding("records.sagemaker", "", f"{train:,} records are more than the {most:,} that AWS's recipe is "
                          f"sized for at 5 epochs", f"sample({most:_}) chooses them reproducibly")  # fmt: skip


def _bedrock(model: Model, train: int, total: int) -> Iterator[Issue]:
    low, high = model.records.value
    narrow = model.records_narrow.value
    if train < low:
        yield finding("records.few", "", f"{train} records are too few: {model.title} takes at least {low}")
    if total > high:
        yield finding("records.many", "", f"{total:,} records are too many: {model.title} takes {high:,}, "
                      "validation included", f"sample({high:_}) chooses them reproducibly")  # fmt: skip
    elif narrow is not None and total > narrow:
        yield finding("records.narrow", "", f"{total:,} records are more than the {narrow:,} that Bedrock has been "
                      f"seen to take for {model.title}", f"sample({narrow:_}) is safe")  # fmt: skip
