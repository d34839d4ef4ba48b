"""SQL written anew for another dialect, on request alone."""

from __future__ import annotations

import msgspec

from nova_tune.errors import DatasetError
from nova_tune.sql._ladder import named, sqlglot
from nova_tune.sql._record import parts_of
from nova_tune.sql._text import requoted, schema_in, target_in
from nova_tune.template import clip


def transpile(target: str, *, write: str, read: str | None = None, schema: str = "") -> str:
    """The same query in another dialect; first, double-quoted texts that name nothing in the schema get single quotes.

    Without ``read`` nothing but those quotes changes, and no extra is needed. With it, sqlglot reads and writes the
    statement: check the result with :class:`SqlCheck`, and some of it with your own eyes.

    Args:
        target: One statement.
        write: The dialect it shall be in, as sqlglot names it; ``"tsql"``, for instance.
        read: The dialect it is in. None: it is in ``write`` already, but for the quotes.
        schema: The CREATE TABLE statements it was written for.

    Raises:
        MissingExtra: ``read`` is given, and sqlglot is not installed.
        DatasetError: sqlglot does not know the dialect, cannot read the statement, or cannot say the same in the other.

    Example:
        >>> transpile('SELECT a FROM t WHERE b = "x"', write="postgres", schema="CREATE TABLE t (a INT, b TEXT)")
        "SELECT a FROM t WHERE b = 'x'"
    """
    text = requoted(target, schema)
    if read is None:
        return text
    package = sqlglot()
    source, goal = named(read), named(write)
    try:
        (written,) = package.transpile(text, read=source, write=goal, unsupported_level=package.ErrorLevel.RAISE)
    except (package.errors.SqlglotError, ValueError, RecursionError) as error:
        reason = clip(str(error).partition("\n")[0])
        raise DatasetError(f"this statement cannot be written anew as {write}: {reason}") from error
    return str(written)


def transpiled_line(line: bytes, *, write: str, read: str | None = None) -> bytes:
    """A line of a training file with its last answer's SQL in another dialect; the same bytes when nothing changes.

    Args:
        line: The line's bytes.
        write: The dialect it shall be in.
        read: The dialect it is in. None: it is in ``write`` already, but for the quotes.

    Raises:
        DatasetError: It is no conversation, or :func:`transpile` cannot write it.
    """
    parts = parts_of(line)
    if parts is None:
        raise DatasetError("this line is no conversation with an answer; run validate() first")
    target = target_in(parts.answer)
    written = transpile(target, write=write, read=read, schema=schema_in(*parts.texts))
    if written == target:
        return line
    parts.block["text"] = parts.answer.replace(target, written, 1)
    return msgspec.json.encode(parts.record)
