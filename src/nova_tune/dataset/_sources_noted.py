"""What a format leaves out of the rows it is given, put on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_tune.dataset._derived import read_row
from nova_tune.template import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.dataset._sources import Record, Source
    from nova_tune.formats import Format


class Noted:
    """A source on its way to a format; its first row tells which columns the format leaves unused.

    Args:
        source: The rows.
        chosen: The format; one that does not tell its columns leaves nothing to note.
        step: The step of the data set, to which a pass adds ``unused_columns``.
    """

    def __init__(self, source: Source, chosen: Format, step: dict[str, Any]) -> None:
        self.name, self.path = source.name, source.path
        self._source = source
        self._used = getattr(chosen, "columns", None)
        self._step = step

    def __iter__(self) -> Iterator[Record]:
        records = iter(self._source)
        for record in records:
            row, _ = read_row(record)
            if row is not None and self._used is not None:
                if unused := [clip(str(name)) for name in row if name not in self._used]:
                    self._step["unused_columns"] = unused
                self._used = None
            yield record
            if self._used is None:
                break
        yield from records
