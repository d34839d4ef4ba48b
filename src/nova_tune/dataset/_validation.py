"""The findings of a whole data set: those of its records, and those of their number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from nova_tune.checks import Issue, explain
from nova_tune.dataset._derived import raw_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nova_tune.checks import Tally
    from nova_tune.dataset._sources import Record
    from nova_tune.models import Model, Platform


def check_records(records: Iterable[Record], tally: Tally, model: Model, *, where: str = "") -> int:
    """Put every finding of these records into the tally.

    Args:
        records: One pass over the data.
        tally: Counts the findings.
        model: The model the data is meant for.
        where: What to put before each message, when it is not the training data.

    Returns:
        How many records there are; blank lines and refused rows are none.
    """
    count = 0
    for record in records:
        for issue in _issues(record, model):
            message = f"{where}{issue.message}"
            tally.add(attrs.evolve(issue, line=record.line, record=record.number, message=message))
        count += record.refusal is None and bool(record.raw and record.raw.strip())
    return count


def _issues(record: Record, model: Model) -> Iterator[Issue]:
    if record.refusal is not None:
        yield record.refusal
        return
    line = raw_line(record)
    if line.endswith(b"\r"):
        line = line[:-1]
        yield Issue("lines.crlf", "info", "the line ends in CR LF")
    if line.strip():
        yield from explain(line, model=model)
    else:
        yield Issue("lines.blank", "warning", "the line is blank", hint="leave it out; AWS's own tools disagree on it")


def count_issues(model: Model, platform: Platform, *, train: int, validation: int | None) -> Iterator[Issue]:
    """The findings about how many records there are.

    Args:
        model: The model the data is meant for.
        platform: The platform it is meant for.
        train: How many training records there are.
        validation: How many validation records there are; None without validation data.
    """
    if platform not in model.platforms:
        yield Issue("model.platform", "error", f"{model.title} is not trained on {platform}")
    if train == 0:
        yield Issue("records.none", "error", "there are no records", hint="is this the right file?")
    elif platform == "bedrock":
        low, high = model.records.value
        total = train + (validation or 0)
        if train < low:
            yield Issue("records.few", "error", f"{train} records are too few: {model.title} takes at least {low}")
        if total > high:
            yield Issue("records.many", "error", f"{total:,} records are too many: {model.title} takes {high:,}, "
                        "validation included", hint=f"sample({high:_}) chooses them reproducibly")  # fmt: skip
        if validation is not None and not model.takes_validation.value:
            yield Issue("records.validation", "error", f"{model.title} takes no validation data on Bedrock",
                        hint="train without it and evaluate afterwards")  # fmt: skip
