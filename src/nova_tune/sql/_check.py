"""Every finding about the SQL of one training record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from nova_tune.checks import Issue
from nova_tune.sql._ladder import Ladder
from nova_tune.sql._record import parts_of
from nova_tune.sql._sandbox import Sandbox
from nova_tune.sql._text import is_query, names_in, quoted_literals, schema_in, statement_count, target_in
from nova_tune.template import clip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SCHEMA_HINT = "name columns as the schema in the prompt does"


class SqlCheck:
    """Checks the SQL of training records: the last answer against the CREATE TABLE statements of its prompt.

    It keeps one empty SQLite database and a few read schemas, and crosses processes. A record costs about 0.2 ms
    in ``"sqlite"`` and 1.5 ms in another dialect. Each finding is a warning and names what failed; no
    finding means that nothing was found, not that the SQL is right.

    ============== =======================================================================================
    sql.schema     the prompt holds no CREATE TABLE statement: names are not looked up
    sql.ddl        the schema repeats a table or a column, or cannot be read
    sql.statements the answer holds several statements
    sql.query      the answer is no query: it changes data or tables, or is no SQL
    sql.quotes     a text in double quotes, which the dialect reads as the name of a column
    sql.foreign    a construct the dialect does not have, such as LIMIT in T-SQL
    sql.parse      sqlglot cannot read it in the dialect, or reads a query that selects nothing
    sql.rewritten  sqlglot takes it for the same without one of its words: a JOIN without ON, a stray comma
    sql.unresolved a name that is in no table of the schema
    sql.prepare    SQLite cannot prepare it
    sql.engine     your own engine said so
    ============== =======================================================================================

    Args:
        dialect: ``"sqlite"``, which needs nothing else, or a dialect of sqlglot such as ``"postgres"`` or ``"tsql"``.
        engine: Your own parser or database, asked last: takes the schema and the SQL, returns None or what is wrong.
            What it raises ends the check.

    Raises:
        MissingExtra: Another dialect than ``"sqlite"``, and sqlglot is not installed.
        DatasetError: There is no such dialect.

    Example:
        >>> check = SqlCheck("sqlite")
        >>> [issue.rule for issue in check.issues("CREATE TABLE t (a INT)", 'SELECT a FROM t WHERE a = "x"')]
        ['sql.quotes']
    """

    def __init__(self, dialect: str, *, engine: Callable[[str, str], str | None] | None = None) -> None:
        self.dialect = dialect
        self._engine = engine
        self._ladder = None if dialect == "sqlite" else Ladder(dialect)
        self._sandbox = Sandbox()

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self.dialect, self._engine)

    def line_issues(self, line: bytes) -> Iterator[Issue]:
        """The findings of one line of a training file; none when it is no conversation, which other rules say.

        Args:
            line: The line's bytes.
        """
        parts = parts_of(line)
        if parts is not None:
            for issue in self.issues(schema_in(*parts.texts), target_in(parts.answer)):
                yield attrs.evolve(issue, path=parts.path)

    def issues(self, schema: str, target: str) -> Iterator[Issue]:
        """The findings of one target.

        Args:
            schema: CREATE TABLE statements; may be empty.
            target: The SQL that is to be learnt.
        """
        if not schema:
            yield _warning("sql.schema", "there is no CREATE TABLE statement in the prompt; names are not looked up")
        elif self._ladder is not None:
            yield from self._ladder.schema_issues(schema)
        count = statement_count(target)
        if count > 1:
            yield _warning("sql.statements", f"the answer holds {count} statements", "one record, one statement")
        if not is_query(target):
            yield _warning("sql.query", f"the answer is no query; it begins with {_beginning(target)}")
        if count == 1 and is_query(target):
            yield from self._query_issues(schema, target)
        if self._engine is not None and (said := self._engine(schema, target)) is not None:
            yield _warning("sql.engine", f"the engine refuses it: {clip(said)}")

    def _query_issues(self, schema: str, target: str) -> Iterator[Issue]:
        if self._ladder is None or self._ladder.reads_names:
            for literal in quoted_literals(target, names_in(schema))[:1] if schema else ():
                yield _warning("sql.quotes", f"{clip(literal)} is the name of a column in {self.dialect}, and no table "
                               "has it", "a text stands in single quotes; transpile() mends it")  # fmt: skip
        if self._ladder is not None:
            yield from self._ladder.issues(schema, target, self._sandbox)
        elif (fault := self._sandbox.fault(schema, target)) is not None:
            if fault.where == "schema":
                yield _warning("sql.ddl", f"SQLite cannot make the schema: {clip(fault.message)}")
            elif fault.message.startswith("no such") and schema:
                yield _warning("sql.unresolved", clip(fault.message), _SCHEMA_HINT)
            elif not fault.message.startswith("no such table") or schema:
                yield _warning("sql.prepare", f"SQLite cannot prepare it: {clip(fault.message)}")


def _rebuilt(dialect: str, engine: Callable[[str, str], str | None] | None) -> SqlCheck:
    return SqlCheck(dialect, engine=engine)


def _beginning(target: str) -> str:
    return repr(clip(target.split(maxsplit=1)[0])) if target.split() else "nothing"


def _warning(rule: str, message: str, hint: str = "") -> Issue:
    return Issue(rule, "warning", message, hint=hint)
