"""Rows from memory: iterables of mappings, DataFrames, Arrow tables, data sets of Hugging Face."""

from __future__ import annotations

import pickle
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nova_tune.dataset._sources import Record
from nova_tune.errors import DatasetError
from nova_tune.template import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MISSING = {"NAType", "NaTType"}


class Frame(Protocol):
    """A DataFrame of pandas."""

    def itertuples(self, *args: Any, **kwargs: Any) -> Any:
        """The rows as tuples."""
        ...


class PolarsFrame(Protocol):
    """A DataFrame of Polars."""

    def iter_rows(self, *args: Any, **kwargs: Any) -> Any:
        """The rows as tuples or mappings."""
        ...


class ArrowTable(Protocol):
    """A table or data set of Arrow."""

    def to_batches(self, *args: Any, **kwargs: Any) -> Any:
        """The rows in batches."""
        ...


class ArrowReader(Protocol):
    """A reader of Arrow batches."""

    def read_next_batch(self, *args: Any, **kwargs: Any) -> Any:
        """The next batch of rows."""
        ...


Table = Frame | PolarsFrame | ArrowTable | ArrowReader


class Rows:
    """Mappings from memory, or a table that has rows: a DataFrame of pandas or Polars, an Arrow table or reader.

    An iterable that can be read only once is spooled to a temporary file first, so that no second pass is silently
    empty; the file goes with this object. One that hides that it can be read only once is found out on the second
    pass.
    """

    path = None

    def __init__(self, rows: Any) -> None:
        self.name = type(rows).__name__
        self.step: dict[str, Any] = {"step": "read", "source": self.name}
        each = _table_rows(rows) or rows
        self._rows = _spooled(each) if iter(each) is iter(each) else each
        self._before = 0

    def __iter__(self) -> Iterator[Record]:
        number = 0
        for number, row in enumerate(self._rows, 1):
            if not hasattr(row, "keys"):
                raise DatasetError(f"row {number} is {type(row).__name__}, not a mapping of columns{self._splits()}",
                                   line=number)  # fmt: skip
            yield Record(number, number, row=dict(row))
        if number < self._before:
            raise DatasetError(f"this {self.name} gave {self._before:,} rows before and {number:,} now; when it can be "
                               "read only once, pass list(...) of it")  # fmt: skip
        self._before = number

    def _splits(self) -> str:
        return f"; choose one of {listed(self._rows)}" if isinstance(self._rows, Mapping) else ""


class _Each:
    """An iterable of what a function gives anew on each pass."""

    def __init__(self, make: Callable[[], Iterable[Any]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Any]:
        return iter(self._make())


def _table_rows(table: Any) -> Iterable[Any] | None:
    """The rows of a table as mappings, or None for what is no table. No package is imported for it."""
    if hasattr(table, "to_batches"):  # a table or data set of Arrow
        return _Each(lambda: (row for batch in table.to_batches() for row in batch.to_pylist()))
    if hasattr(table, "read_next_batch"):  # a reader of Arrow, which reads once
        return (row for batch in table for row in batch.to_pylist())
    if hasattr(table, "iter_rows"):  # Polars
        return _Each(lambda: table.iter_rows(named=True))
    if hasattr(table, "itertuples"):  # pandas
        return _Each(lambda: _frame_rows(table))
    return None


def _frame_rows(frame: Any) -> Iterator[dict[str, Any]]:
    columns = list(frame.columns)
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise DatasetError(f"the DataFrame has two columns named {str(twice[0])[:40]!r}; rename one")
    for cells in frame.itertuples(index=False, name=None):
        yield {name: _plain(cell) for name, cell in zip(columns, cells, strict=True)}


def _plain(cell: Any) -> Any:
    """A cell without pandas and NumPy: a missing one as None, an array as a list, a number as Python's."""
    if type(cell).__name__ in _MISSING or (isinstance(cell, float) and cell != cell):  # noqa: PLR0124 - NaN alone
        return None
    if isinstance(cell, dict):
        return {key: _plain(value) for key, value in cell.items()}
    if isinstance(cell, list | tuple):
        return [_plain(value) for value in cell]
    return _plain(cell.tolist()) if hasattr(cell, "tolist") else cell


class _Spool:
    def __init__(self, path: Path) -> None:
        self._path = path
        weakref.finalize(self, path.unlink, missing_ok=True)

    def __iter__(self) -> Iterator[Any]:
        with self._path.open("rb") as file:
            while True:
                try:
                    yield pickle.load(file)  # noqa: S301 - our own file, written by this process a moment ago
                except EOFError:
                    return


def _spooled(rows: Iterable[Any]) -> _Spool:
    with tempfile.NamedTemporaryFile(prefix="nova-tune-", suffix=".rows", delete=False) as file:
        spool = _Spool(Path(file.name))
        for row in rows:
            pickle.dump(dict(row) if hasattr(row, "keys") else row, file)
    return spool
