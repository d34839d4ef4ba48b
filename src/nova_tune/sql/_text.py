"""SQL as text: the statements in a prompt, the tokens of a target, its template. The standard library alone."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_CREATE = re.compile(r"\bcreate\s+(?:\w+\s+){0,3}?table\b", re.IGNORECASE)
_MARK = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|[();]")
_FENCE = re.compile(r"```(?:[ \t]*\w+)?[ \t]*\n(.*?)```", re.DOTALL)
_QUERY = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:select|with|values)\b", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(
    r"(?P<gap>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<string>'(?:[^']|'')*(?:'|\Z))"
    r'|(?P<double>"(?:[^"]|"")*(?:"|\Z))'
    r"|(?P<name>`[^`]*`?|\[[^\W\d][\w ]*\])"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<word>[^\W\d][\w$]*)"
    r"|(?P<mark><>|!=|<=|>=|\|\||::|.)",
    re.DOTALL,
)


class Token(NamedTuple):
    """A piece of SQL: ``gap`` (white space, a comment), ``string``, ``double`` (double quotes), ``name`` and so on."""

    kind: str
    text: str


def tokens(sql: str) -> Iterator[Token]:
    """Every piece of a statement in order; joined, their texts are the statement again.

    Args:
        sql: Any text. A quote that is never closed reaches to the end.
    """
    for match in _TOKEN.finditer(sql):
        yield Token(match.lastgroup or "mark", match[0])


def statements_in(text: str) -> Iterator[str]:
    """Each CREATE TABLE statement of a prompt, up to the bracket that closes it, so that no question behind it counts.

    Args:
        text: A prompt.
    """
    for start, end in _spans(text):
        yield text[start:end]


def without_schema(text: str) -> str:
    """The prompt without its CREATE TABLE statements.

    Args:
        text: A prompt.
    """
    parts, at = [], 0
    for start, end in _spans(text):
        if start >= at:
            parts.append(text[at:start])
            at = end
    return "".join([*parts, text[at:]])


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for start in _CREATE.finditer(text):
        depth = 0
        end = len(text)
        for mark in _MARK.finditer(text, start.end()):
            depth += {"(": 1, ")": -1}.get(mark[0], 0)
            if depth <= 0 and mark[0] in {")", ";"}:
                end = mark.end() - (mark[0] == ";")
                break
        yield start.start(), end


def schema_in(*texts: str) -> str:
    """The CREATE TABLE statements of these texts, each ended by a semicolon; empty when there are none.

    Args:
        texts: The system prompt and the turns.

    Example:
        >>> schema_in("You know CREATE TABLE t (a INT). Answer in SQL.", "How many?")
        'CREATE TABLE t (a INT);'
    """
    return "\n".join(f"{found};" for text in texts for found in statements_in(text))


def target_in(answer: str) -> str:
    """The SQL of an answer: what stands in its first code fence, or all of it.

    Args:
        answer: An assistant's turn.
    """
    fence = _FENCE.search(answer)
    return (fence[1] if fence else answer).strip()


def is_query(text: str) -> bool:
    """True when the text begins as a query does: SELECT, WITH or VALUES, behind brackets and comments.

    Args:
        text: An answer.
    """
    return _QUERY.match(text) is not None


def statement_count(sql: str) -> int:
    """How many statements a text holds, told by its semicolons.

    Args:
        sql: A target.
    """
    count, open_ = 0, False
    for kind, text in tokens(sql):
        if kind == "mark" and text == ";":
            open_ = False
        elif kind != "gap" and not open_:
            open_ = True
            count += 1
    return count


@functools.lru_cache(maxsize=1024)
def names_in(schema: str) -> frozenset[str]:
    """Every word and quoted name of a schema, in lower case: what a double-quoted name of a target may mean.

    Args:
        schema: CREATE TABLE statements.
    """
    found = set()
    for kind, text in tokens(schema):
        if kind == "word":
            found.add(text.casefold())
        elif kind in {"name", "double"}:
            found.add(text[1:-1].casefold())
    return frozenset(found)


def quoted_literals(sql: str, known: Collection[str]) -> list[str]:
    """The double-quoted tokens of a target that name nothing in its schema and no alias of its own.

    Args:
        sql: The target.
        known: The names of the schema in lower case.
    """
    if '"' not in sql:
        return []
    pieces = [token for token in tokens(sql) if token.kind != "gap"]
    doubles = [(piece.text, _before(pieces, at)) for at, piece in enumerate(pieces) if piece.kind == "double"]
    own = {text[1:-1].casefold() for text, before in doubles if before in {"as", "."}}
    return [text for text, _ in doubles if text[1:-1].casefold() not in known and text[1:-1].casefold() not in own]


def _before(pieces: list[Token], at: int) -> str:
    return pieces[at - 1].text.casefold() if at else ""


def requoted(sql: str, schema: str = "") -> str:
    r"""The target with its double-quoted literals in single quotes, as standard SQL writes them; all else stays.

    Args:
        sql: The target.
        schema: Its CREATE TABLE statements; what they name, and what the target names itself, is no literal.

    Example:
        >>> requoted('SELECT "Name" FROM t WHERE "Name" = "O\'Neil"', 'CREATE TABLE t ("Name" TEXT)')
        'SELECT "Name" FROM t WHERE "Name" = \'O\'\'Neil\''
    """
    literals = set(quoted_literals(sql, names_in(schema)))
    return "".join(_single(piece.text) if piece.text in literals else piece.text for piece in tokens(sql))


def _single(double: str) -> str:
    inner = double[1:-1].replace('""', '"').replace("'", "''")
    return f"'{inner}'"


def template_of(sql: str) -> str:
    """The shape of a statement: literals masked, white space and case levelled. Equal shapes differ in values alone.

    Args:
        sql: A statement.

    Example:
        >>> template_of("SELECT name FROM t WHERE age > 56;") == template_of("select name from t where age > 7")
        True
    """
    masked = {"string": "?", "double": "?", "number": "?"}
    pieces = [masked.get(kind, text.casefold()) for kind, text in tokens(sql) if kind != "gap"]
    while pieces and pieces[-1] == ";":
        pieces.pop()
    return " ".join(pieces)
