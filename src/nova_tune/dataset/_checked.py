"""Records that passed the checks of a model, and beside them those that did not."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.checks import doubtful_lines, explain
from nova_tune.dataset._derived import raw_line, written
from nova_tune.dataset._parallel import BATCH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from nova_tune.dataset._sources import Record, Source
    from nova_tune.models import Model


class Checked:
    """The records of a source; one in which the checks find an error is refused, with the first of them."""

    def __init__(self, source: Source, model: Model, ignore: Collection[str]) -> None:
        self.name, self.path = source.name, source.path
        self._source = source
        self._model = model
        self._ignore = ignore

    def __iter__(self) -> Iterator[Record]:
        records = written(self._source)
        while batch := list(itertools.islice(records, BATCH)):
            doubtful = set(doubtful_lines([b"" if record.refusal else raw_line(record) for record in batch]))
            for index, record in enumerate(batch):
                yield self._explained(record) if index in doubtful and record.refusal is None else record

    def _explained(self, record: Record) -> Record:
        for issue in explain(raw_line(record), model=self._model):
            if issue.severity == "error" and issue.rule not in self._ignore:
                return record._replace(refusal=attrs.evolve(issue, line=record.line, record=record.number))
        return record


def refused_path(target: Path) -> Path:
    """Where the refused rows of a file go: ``train.jsonl`` has ``train.refused.jsonl`` beside it."""
    return target.with_name(f"{target.stem}.refused.jsonl")


def refused_line(record: Record) -> bytes:
    """A refused row as one line: where it stood, why it was refused, and what it held."""
    assert record.refusal is not None
    row: Any = record.row
    if row is None and record.raw is not None:
        row = record.raw.decode("utf-8", "backslashreplace")
    found = {**record.refusal.to_dict(), "row": row}
    return json.dumps(found, ensure_ascii=True, default=str).encode()
