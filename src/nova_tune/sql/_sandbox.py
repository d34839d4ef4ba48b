"""SQLite as a reader of schemas and statements: it prepares them and runs none.

SQL of training data is somebody else's text. Here it meets an empty database in memory, an authorizer that lets CREATE
TABLE through while the schema is made and nothing but reading afterwards, ``EXPLAIN`` in front, and a time limit.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from nova_tune.sql._text import statement_count, statements_in

if TYPE_CHECKING:
    from collections.abc import Callable

_MAKING = frozenset({
    sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_TEMP_TABLE, sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_REINDEX,
})  # fmt: skip
_READING = frozenset({
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE,
})  # fmt: skip
_STEPS = 10_000
_LENGTH = 1 << 20


class Fault(NamedTuple):
    """Why SQLite does not take a text: ``where`` is ``"schema"`` or ``"target"``."""

    where: str
    message: str


class Sandbox:
    """Prepares statements against their own schema. The database of the last schema is kept until the next one comes.

    Args:
        seconds: The most that one schema or one statement may take.

    Example:
        >>> Sandbox().fault("CREATE TABLE t (a INT)", "SELECT b FROM t")
        Fault(where='target', message='no such column: b')
    """

    def __init__(self, *, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._schema: str | None = None
        self._database: sqlite3.Connection | None = None
        self._refusal: str | None = None
        self._deadline = 0.0

    def fault(self, schema: str, target: str) -> Fault | None:
        """What SQLite has against this schema or this target; None when it prepares.

        Args:
            schema: CREATE TABLE statements; anything else between them is left out.
            target: One statement.
        """
        if schema != self._schema:
            self._open(schema)
        if self._refusal is not None:
            return Fault("schema", self._refusal)
        if statement_count(target) > 1:
            return Fault("target", "more than one statement")
        message = self._tried(f"EXPLAIN {target}")
        return None if message is None else Fault("target", message)

    def _open(self, schema: str) -> None:
        self.close()
        self._schema = schema
        database = self._database = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH)
        database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        database.set_progress_handler(lambda: time.monotonic() > self._deadline, _STEPS)
        database.set_authorizer(_allowing(_MAKING))
        self._refusal = next(filter(None, map(self._tried, statements_in(schema))), None)
        database.set_authorizer(_allowing(_READING))

    def _tried(self, statement: str) -> str | None:
        assert self._database is not None
        self._deadline = time.monotonic() + self._seconds
        try:
            self._database.execute(statement).close()
        except (sqlite3.Error, sqlite3.Warning) as error:
            return "it takes too long to prepare" if str(error) == "interrupted" else str(error)
        except ValueError as error:  # a NUL, or half of a surrogate pair
            return str(error)
        return None

    def close(self) -> None:
        """Let the database go."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def __del__(self) -> None:
        with suppress(AttributeError):  # __init__ was not reached
            self.close()


def _allowing(actions: frozenset[int]) -> Callable[..., int]:
    def judge(action: int, _: str | None, name: str | None, *__: str | None) -> int:
        allowed = action in actions and not (action == sqlite3.SQLITE_FUNCTION and name == "load_extension")
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    return judge
