"""The SQL kit without any extra: SQLite as a reader, quotes, templates, and the sandbox that runs nothing."""

from __future__ import annotations

import json
import pickle
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_tune import Dataset, formats
from nova_tune.errors import DatasetError, MissingExtra
from nova_tune.sql import Sandbox, SqlCheck, requoted, schema_in, target_in, template_of, transpile, without_schema
from nova_tune.sql._text import names_in, quoted_literals, statement_count, tokens

SCHEMA = "CREATE TABLE t (a INT, b TEXT); CREATE TABLE u (a INT)"
BAD = (
    "THIS IS NOT VALID SQL", "SELECT , FROM t", "Select from t", "SELECT 1a", "SELECT a FROM t GROUP BY",
    "SELECT a FROM t; SELECT b FROM t", "SELECT a FROM t ORDER BY a ASC DESC", "SELECT", "SELECT a FROM",
    "SELECT a FROM t WHERE", "SELECT a FROM t WHERE a =", "SELEC a FROM t", "SELECT a FROM t LIMIT",
    "SELECT a b c FROM t", "SELECT (a FROM t", "SELECT a FROM t HAVING", "SELECT a FROM t JOIN", "SELECT a,, b FROM t",
    "SELECT a FROM t WHERE a BETWEEN 1", "DROP TABLE t", "SELECT 'a FROM t", "SELECT a FROM t UNION", "",
    "SELECT count( FROM t", "SELECT a FROM t,", "SELECT c FROM t", "SELECT a INTO z FROM t", "EXPLAIN SELECT 1",
    "WITH x AS (SELECT 1)", "WITH x AS (DELETE FROM t RETURNING a) SELECT a FROM x",
)  # fmt: skip
GOOD = (
    "SELECT a FROM t",
    "select t.a, COUNT(*) AS n from t join u on t.a = u.a where b = 'x' group by t.a order by n desc",
    "WITH x AS (SELECT a FROM t) SELECT a FROM x;", "-- the answer\nSELECT a FROM t",
    "SELECT a FROM t UNION SELECT a FROM u", "SELECT a FROM t WHERE b LIKE '%;%' AND a IN (SELECT a FROM u)",
)  # fmt: skip
SQL = st.lists(st.sampled_from([*"\"'`[];- \n", "--", "/*", "*/", "SELECT", "x1", "1.5e3", "é", "\x00", "''", '""']))


def line(system: str, answer: str) -> bytes:
    messages = [{"role": "user", "content": [{"text": "q"}]}, {"role": "assistant", "content": [{"text": answer}]}]
    return json.dumps({"system": [{"text": system}], "messages": messages}).encode()


def rules(schema: str, target: str) -> list[str]:
    return [issue.rule for issue in SqlCheck("sqlite").issues(schema, target)]


@pytest.mark.parametrize("target", BAD)
def test_sqlite_finds_something_in_every_bad_statement(target):
    """No bad statement passes, and each finding is a warning."""
    issues = list(SqlCheck("sqlite").issues(SCHEMA, target))
    assert issues
    assert {issue.severity for issue in issues} == {"warning"}


@pytest.mark.parametrize("target", GOOD)
def test_sqlite_finds_nothing_in_a_good_statement(target):
    """What SQLite prepares against its own schema has no finding."""
    assert rules(SCHEMA, target) == []


def test_each_fault_has_its_rule():
    """Schema, names, syntax, kind, number of statements, quotes: each is told apart."""
    assert rules("CREATE TABLE t (a INT); CREATE TABLE t (b INT)", "SELECT a FROM t") == ["sql.ddl"]
    assert rules(SCHEMA, "SELECT c FROM t") == ["sql.unresolved"]
    assert rules(SCHEMA, "SELECT a FROM t, u") == ["sql.prepare"]
    assert rules(SCHEMA, "UPDATE t SET a = 1") == ["sql.query"]
    assert rules(SCHEMA, "SELECT a FROM t; SELECT a FROM u;") == ["sql.statements"]
    assert rules(SCHEMA, 'SELECT a FROM t WHERE b = "x"') == ["sql.quotes"]
    assert rules("", "SELECT a FROM nowhere") == ["sql.schema"]
    assert rules("", "SELECT a FROM t GROUP BY") == ["sql.schema", "sql.prepare"]


def test_messages_repeat_little():
    """A message shows at most 40 characters of the record."""
    long = "x" * 500
    for target in (f"SELECT {long} FROM t", f'SELECT a FROM t WHERE b = "{long}"', long, f"SELECT a FROM t {long} ,,"):
        for issue in SqlCheck("sqlite").issues(SCHEMA, target):
            assert "x" * 41 not in str(issue)


def test_a_line_is_checked_at_its_last_answer():
    """The path is the answer's, a code fence is opened, and what is no conversation is left to other rules."""
    check = SqlCheck("sqlite")
    (issue,) = check.line_issues(line(f"You know {SCHEMA}.", "Here:\n```sql\nSELECT c FROM t\n```"))
    assert (issue.rule, issue.path) == ("sql.unresolved", "/messages/1/content/0/text")
    for broken in (b"{", b"[]", b'{"messages": []}', b'{"messages": [{"role": "assistant", "content": 1}]}',
                   b'{"messages": [{"role": "assistant", "content": [{"text": 1}]}]}'):  # fmt: skip
        assert list(check.line_issues(broken)) == []


def test_validate_counts_what_the_check_finds():
    """validate(sql=...) adds warnings with their line, for held-out data, too, and leaves out what is ignored."""
    rows = [{"question": f"q{n}", "context": SCHEMA, "answer": f"SELECT a FROM t WHERE b = '{n}'"} for n in range(9)]
    rows[3]["answer"] = 'SELECT a FROM t WHERE b = "x"'
    data = Dataset.from_records(rows).convert(formats.text_to_sql())
    report = data.validate(model="nova-micro", sql="sqlite", validation=data)
    assert report.ok
    assert report.counts_by_rule == {"sql.quotes": 2}
    assert report.issues[0].line == 4
    assert data.validate(model="nova-micro", sql="sqlite", ignore=["sql.quotes"]).counts_by_rule == {}
    assert data.validate(model="nova-micro").counts_by_rule == {}


def refuse(schema: str, target: str) -> str | None:
    return None if "good" in target else "no such shape in our grammar"


def test_an_engine_of_your_own_has_the_last_word():
    """What it returns is a finding, None is none, what it raises is the caller's; it crosses processes."""
    check = pickle.loads(pickle.dumps(SqlCheck("sqlite", engine=refuse)))
    assert [issue.rule for issue in check.issues(SCHEMA, "SELECT a FROM t")] == ["sql.engine"]
    assert list(check.issues("CREATE TABLE good (a INT)", "SELECT a FROM good")) == []

    def broken(schema: str, target: str) -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        list(SqlCheck("sqlite", engine=broken).issues(SCHEMA, "SELECT a FROM t"))


def test_another_dialect_needs_its_extra(monkeypatch):
    """Without sqlglot the error prints the pip line, before any record is read."""
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(MissingExtra, match=r"pip install 'nova-tune\[sql\]'"):
        Dataset.from_records([]).validate(model="nova-micro", sql="postgres")
    with pytest.raises(MissingExtra):
        transpile("SELECT 1", read="sqlite", write="postgres")


# The sandbox


@pytest.mark.parametrize(
    "schema",
    ["CREATE TABLE t AS SELECT 1", "CREATE VIRTUAL TABLE t USING fts5(a)",
     "CREATE TABLE t (a); DROP TABLE t; ATTACH 'x'",
     "CREATE TABLE t (a); PRAGMA journal_mode = off", "CREATE TABLE t (a INT) ; INSERT INTO t VALUES (1)"],
)  # fmt: skip
def test_a_schema_makes_tables_and_nothing_else(schema):
    """Other statements are left out; a table made of a query or of a module is refused."""
    fault = Sandbox().fault(schema, "SELECT COUNT(*) FROM t")
    assert fault is None or fault.where == "schema"


@pytest.mark.parametrize(
    "target",
    ["ATTACH 'x.db' AS x", "PRAGMA table_info(t)", "SELECT load_extension('x')", "VACUUM INTO 'x.db'", "DELETE FROM t",
     "SELECT * FROM pragma_database_list", "INSERT INTO t VALUES (1)", "CREATE TABLE x (a)", "SELECT 1; DROP TABLE t",
     "BEGIN", "SELECT a FROM t WHERE a = '\x00'", "\ud800"],
)  # fmt: skip
def test_a_hostile_target_is_a_fault(target, tmp_path, monkeypatch):
    """Nothing is written, attached or run; the sandbox reads on afterwards."""
    monkeypatch.chdir(tmp_path)
    sandbox = Sandbox()
    sandbox.fault(SCHEMA, target)
    assert sandbox.fault(SCHEMA, "SELECT a, b FROM t") is None
    assert rules(SCHEMA, target)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_run():
    """A query without end is prepared in no time: EXPLAIN reads it only."""
    endless = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT COUNT(*) FROM x"
    assert Sandbox(seconds=0.5).fault(SCHEMA, endless) is None


@given(SQL, SQL)
def test_no_text_breaks_the_check(schema, target):
    """Whatever stands there, the answer is a list of warnings."""
    check = SqlCheck("sqlite")
    for issue in check.issues(" ".join(schema), "".join(target)):
        assert issue.rule.startswith("sql.")


# Texts


@given(SQL)
def test_tokens_are_the_whole_text(pieces):
    """Joined, the tokens of a text are the text."""
    text = "".join(pieces)
    assert "".join(token.text for token in tokens(text)) == text


def test_templates_differ_in_structure_alone():
    """Literals, case, white space and comments do not count; names and shape do."""
    shape = template_of("SELECT a FROM t WHERE b = 'x' AND c > 1.5")
    assert template_of('select A\n from t where b="it\'s" and c > 7 -- why\n;') == shape
    assert template_of("SELECT a FROM t WHERE b = 'x' OR c > 1.5") != shape
    assert template_of("SELECT z FROM t WHERE b = 'x' AND c > 1.5") != shape


def test_double_quotes_that_name_something_stay():
    """A name of the schema, of an alias or behind a dot is no literal, in any case."""
    schema = 'CREATE TABLE t ("Full Name" TEXT, b TEXT)'
    target = 'SELECT "full name", COUNT(*) AS "n" FROM t AS "T" WHERE "T"."b" = "O\'Neil ""x""" ORDER BY "n"'
    assert quoted_literals(target, names_in(schema)) == ['"O\'Neil ""x"""']
    assert requoted(target, schema).count('"') == target.count('"') - 4
    assert "'O''Neil \"x\"'" in requoted(target, schema)
    assert transpile(target, write="postgres", schema=schema) == requoted(target, schema)


def test_statements_are_counted_outside_texts():
    """Semicolons in texts and comments end no statement, nor does the last one begin another."""
    assert [statement_count(sql) for sql in ("", ";", "SELECT ';' -- ;\n", "SELECT 1;", "SELECT 1; SELECT 2;")] == [
        0, 0, 1, 1, 2,
    ]  # fmt: skip


def test_a_prompt_is_its_schema_and_the_rest():
    """CREATE TABLE statements are found wherever they stand; what is left is the prompt without them."""
    prompt = "Know CREATE TABLE t (a INT CHECK (a > 0)); create temp table u (b TEXT) and answer (briefly)."
    assert schema_in(prompt) == "CREATE TABLE t (a INT CHECK (a > 0));\ncreate temp table u (b TEXT);"
    assert without_schema(prompt) == "Know ;  and answer (briefly)."
    assert schema_in("no tables") == ""


def test_a_fence_is_opened():
    """The first code fence is the SQL; without one the whole answer is."""
    assert target_in("So:\n```sql\nSELECT 1\n```\nor\n```\nSELECT 2\n```") == "SELECT 1"
    assert target_in(" SELECT 1 ") == "SELECT 1"


def test_transpile_changes_the_last_answer_and_tells(tmp_path):
    """Only double-quoted literals change; other lines keep their bytes; the step counts; no conversation is refused."""
    path = tmp_path / "in.jsonl"
    lines = [line(SCHEMA, f'```sql\nSELECT a FROM t WHERE b = "{n}"\n```') for n in range(3)]
    path.write_bytes(b"\n".join([*lines, line(SCHEMA, "SELECT a  FROM t"), b'{"messages": []}']))
    data = Dataset.from_jsonl(path).transpile("sqlite")
    assert [issue.rule for issue in data.validate(model="nova-micro").issues if issue.line == 5] == ["row.refused"]
    taken = []
    with pytest.raises(DatasetError):
        taken.extend(data.lines())
    assert [json.loads(each)["messages"][1]["content"][0]["text"] for each in data_lines(data)] == [
        *(f"```sql\nSELECT a FROM t WHERE b = '{n}'\n```" for n in range(3)), "SELECT a  FROM t",
    ]  # fmt: skip
    assert data.steps[-1] == {
        "step": "transpile",
        "read": None,
        "write": "sqlite",
        "before": 5,
        "after": 4,
        "changed": 3,
    }


def data_lines(data: Dataset) -> list[bytes]:
    return [record.raw for record in data._source if record.refusal is None]
