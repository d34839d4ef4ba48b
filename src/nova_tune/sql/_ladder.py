"""The rungs that a target climbs in a named dialect, read by sqlglot (extra ``sql``).

Sqlglot is a transpiler, not a validator: it reads ``THIS IS NOT VALID SQL`` without complaint, and its authors decline
to change that (tobymao/sqlglot issues 671, 2014, 3187, 4303 and 7844, read 2026-11-21). So parsing is one rung of
several, and the highest of them proves no more than that nothing was found.
"""

from __future__ import annotations

import difflib
import functools
import importlib
from collections import Counter
from typing import TYPE_CHECKING, Any

from nova_tune.checks import Issue
from nova_tune.errors import DatasetError, MissingExtra
from nova_tune.template import clip, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nova_tune.sql._sandbox import Sandbox

# What may come and go when the same dialect writes a statement anew, without a change of meaning.
_OPTIONAL = frozenset({"AS", "ASC", "INNER", "OUTER", ";", "(", ")"})
# What a dialect lacks when sqlglot, having read it, writes something else in its place.
_FOREIGN = frozenset({"LIMIT", "ILIKE", "QUALIFY", "NULLS FIRST and NULLS LAST"})
# What cannot go without a change of meaning. Types and functions do: sqlglot writes INT for INTEGER.
_STRUCTURE = frozenset({
    "*", "AND", "DISTINCT", "EXCEPT", "HAVING", "INTERSECT", "JOIN", "ON", "OR", "SELECT", "UNION", "WHERE",
})  # fmt: skip
# SQLite's words for what no dialect takes, when the text holds nothing that is special to a dialect.
_PLAIN_FAULTS = ("incomplete input", 'near ","', 'near ")"', 'near "ASC"', 'near "DESC"', 'unrecognized token: "')


def sqlglot() -> Any:
    """The package.

    Raises:
        MissingExtra: It is not installed.
    """
    try:
        return importlib.import_module("sqlglot")
    except ImportError:
        raise MissingExtra.for_extra("sql", what="reading a named SQL dialect") from None


def named(dialect: str) -> Any:
    """The dialect of this name, as sqlglot has it.

    Args:
        dialect: Its name.

    Raises:
        MissingExtra: sqlglot is not installed.
        DatasetError: There is none of this name.
    """
    known = sqlglot().Dialect
    names = sorted(name for name in known.classes if name)
    if dialect not in names:
        near = difflib.get_close_matches(dialect.lower().replace("-", ""), names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; some are {listed(names)}"
        raise DatasetError(f"there is no SQL dialect {clip(dialect)!r}{hint}")
    return known.get_or_raise(dialect)


class Ladder:
    """Reads targets in one dialect.

    Args:
        dialect: A dialect as sqlglot names it, such as ``"postgres"`` or ``"tsql"``.

    Raises:
        MissingExtra: sqlglot is not installed.
        DatasetError: There is no such dialect.
    """

    def __init__(self, dialect: str) -> None:
        self._package = sqlglot()
        self._errors = importlib.import_module("sqlglot.errors")
        self._qualify = importlib.import_module("sqlglot.optimizer.qualify").qualify
        self._dialect = named(dialect)
        self._title = dialect
        # What its parsers break with, on texts that are no SQL.
        self._broken = (self._errors.SqlglotError, ValueError, RecursionError, ArithmeticError, LookupError,
                        AttributeError, TypeError, AssertionError)  # fmt: skip
        self._tables = functools.lru_cache(maxsize=256)(self._read_schema)
        self.reads_names = isinstance(self._package.parse_one('SELECT "x"', read=self._dialect).selects[0].this,
                                      self._package.exp.Identifier)  # fmt: skip
        """Whether double quotes make a name in this dialect, not a text."""

    def schema_issues(self, schema: str) -> Iterator[Issue]:
        """What the schema itself repeats, or why it cannot be read.

        Args:
            schema: CREATE TABLE statements.
        """
        fault = self._tables(schema)[1]
        if fault:
            yield _warning("sql.ddl", fault, "the model learns from a schema that no database has")

    def issues(self, schema: str, target: str, sandbox: Sandbox) -> Iterator[Issue]:
        """The rungs that one query misses.

        Args:
            schema: Its CREATE TABLE statements; without them names are not looked up.
            target: One query.
            sandbox: The second reader.
        """
        try:
            tree = self._package.parse_one(target, read=self._dialect)
        except self._broken as error:
            yield _warning("sql.parse", f"sqlglot cannot read it as {self._title}: {_first_line(error)}")
            return
        exp = self._package.exp
        if not isinstance(tree, exp.Query) or not all(each.expressions for each in tree.find_all(exp.Select)):
            yield _warning("sql.parse", f"read as {self._title}, it selects nothing")
            return
        if tree.find(exp.Into, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Drop):
            yield _warning("sql.query", "the answer is no query alone; it changes data or tables")
        yield from self._written(tree, target)
        yield from self._plain(tree, target, sandbox)
        if schema:
            yield from self._resolved(tree, schema)

    def _written(self, tree: Any, target: str) -> Iterator[Issue]:
        """The dialect's own writing of the tree: a word that it loses is one that the dialect does not have."""
        goal = self._dialect
        before = self._pieces(target, goal)
        after = self._pieces(self._write(tree, goal), goal)
        lost = before - after
        if not goal.generator_class.NULL_ORDERING_SUPPORTED and "NULLS" in lost:
            lost["NULLS FIRST and NULLS LAST"] = 1
        for word in lost:
            if word in _FOREIGN:
                yield _warning("sql.foreign", f"{self._title} has no {word}", "transpile() writes it anew")
        bare_comma = set(lost) == {","} and not after - before
        if missing := ["a comma"] if bare_comma else [word for word in lost if word in _STRUCTURE]:
            yield _warning("sql.rewritten", f"read as {self._title}, it means the same without {listed(missing)}",
                           "a JOIN wants its ON, a comma something behind it")  # fmt: skip

    def _plain(self, tree: Any, target: str, sandbox: Sandbox) -> Iterator[Issue]:
        """Faults that sqlglot reads past, such as an empty GROUP BY: SQLite's syntax, where no dialect is involved."""
        fault = sandbox.fault("", target)
        if fault is None or not fault.message.startswith(_PLAIN_FAULTS):
            return
        sqlite = self._package.Dialect.get_or_raise("sqlite")
        if not self._pieces(target, sqlite) - self._pieces(self._write(tree, sqlite), sqlite):
            yield _warning("sql.prepare", f"SQLite cannot prepare it: {clip(fault.message)}")

    def _write(self, tree: Any, dialect: Any) -> str:
        try:
            return str(tree.sql(dialect=dialect, unsupported_level=self._errors.ErrorLevel.IGNORE))
        except self._broken:
            return ""

    def _pieces(self, text: str, dialect: Any) -> Counter[str]:
        try:
            pieces = [token.text.upper() for token in dialect.tokenize(text)]
        except self._broken:
            return Counter()
        return Counter(piece for piece in pieces if piece not in _OPTIONAL)

    def _resolved(self, tree: Any, schema: str) -> Iterator[Issue]:
        tables = self._tables(schema)[0]
        if not tables:
            return
        try:
            self._qualify(tree, schema=tables, dialect=self._dialect, quote_identifiers=False, identify=False)
        except self._broken as error:
            yield _warning("sql.unresolved", f"not in its own schema, read as {self._title}: {_first_line(error)}")

    def _read_schema(self, schema: str) -> tuple[dict[str, dict[str, str]], str]:
        """Tables with their columns, and what is wrong with them."""
        exp = self._package.exp
        tables: dict[str, dict[str, str]] = {}
        seen: set[str] = set()
        fault = ""
        try:
            trees = self._package.parse(schema, read=self._dialect)
        except self._broken as error:
            return {}, f"the schema cannot be read as {self._title}: {_first_line(error)}"
        for tree in trees:
            if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
                continue
            name = tree.this.this.name
            columns = [column for column in tree.this.expressions if isinstance(column, exp.ColumnDef)]
            if name.casefold() in seen:
                fault = fault or f"the schema makes the table {clip(name)!r} twice"
            twice = [name for name, times in Counter(column.name.casefold() for column in columns).items() if times > 1]
            if twice:
                fault = fault or f"the table {clip(name)!r} has two columns named {clip(twice[0])!r}"
            seen.add(name.casefold())
            tables[name] = {column.name: str(column.args.get("kind") or "TEXT") for column in columns}
        return tables, fault


def _first_line(error: BaseException) -> str:
    return clip(str(error).partition("\n")[0].partition(". Line")[0])


def _warning(rule: str, message: str, hint: str = "") -> Issue:
    return Issue(rule, "warning", message, hint=hint)
