"""The SQL kit with the extra ``sql``: what sqlglot reads in a named dialect, rung by rung."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given

from nova_tune import Dataset, formats
from nova_tune.errors import DatasetError
from nova_tune.sql import SqlCheck, transpile
from test_sql import BAD, GOOD, SCHEMA, SQL

pytestmark = pytest.mark.extra
CHECKS: dict[str, SqlCheck] = {}


def check(dialect: str) -> SqlCheck:
    return CHECKS.setdefault(dialect, SqlCheck(dialect))


def rules(dialect: str, target: str, schema: str = SCHEMA) -> list[str]:
    return [issue.rule for issue in check(dialect).issues(schema, target)]


@pytest.mark.parametrize("dialect", ["postgres", "tsql", "mysql", "oracle", "snowflake"])
@pytest.mark.parametrize("target", BAD)
def test_every_bad_statement_misses_a_rung(dialect, target):
    """What sqlglot alone reads without complaint is found on another rung."""
    assert rules(dialect, target)


@pytest.mark.parametrize("dialect", ["postgres", "tsql", "mysql", "oracle", "snowflake", "bigquery", "duckdb"])
def test_good_statements_climb_all_rungs(dialect):
    """Statements that every one of these dialects takes have no finding; BigQuery wants UNION to say which."""
    good = [target for target in (*GOOD, "(SELECT a FROM t)") if not (dialect == "bigquery" and "UNION" in target)]
    assert [target for target in good if rules(dialect, target)] == []


@pytest.mark.parametrize(
    ("dialect", "target"),
    [("tsql", "SELECT TOP 5 a FROM t ORDER BY LEN(b), a ASC"),
     ("tsql", "SELECT DATEDIFF(day, b, GETDATE()) AS d FROM t"),
     ("postgres", "SELECT a::text FROM t WHERE b ILIKE 'x%' ORDER BY a NULLS LAST"),
     ("postgres", "SELECT EXTRACT(YEAR FROM CAST(b AS TIMESTAMP WITH TIME ZONE)) AS y FROM t"),
     ("postgres", "SELECT a FROM t FETCH FIRST 5 ROWS ONLY"), ("mysql", 'SELECT a FROM t WHERE b = "x" LIMIT 1, 2'),
     ("snowflake", "SELECT a FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY b ORDER BY a) = 1"),
     ("bigquery", 'SELECT a FROM `t` WHERE b = "x"')],
)  # fmt: skip
def test_a_dialect_s_own_spelling_is_no_finding(dialect, target):
    """Each dialect's own words pass in it."""
    assert rules(dialect, target) == []


def test_foreign_constructs_are_named():
    """LIMIT in T-SQL and Oracle, ILIKE and NULLS LAST in MySQL; a column of that name is none."""
    assert rules("tsql", "SELECT a FROM t ORDER BY a LIMIT 1") == ["sql.foreign"]
    assert rules("oracle", "SELECT a FROM t LIMIT 1") == ["sql.foreign"]
    assert rules("mysql", "SELECT a FROM t WHERE b ILIKE 'x'") == ["sql.foreign"]
    assert rules("mysql", "SELECT a FROM t ORDER BY a NULLS LAST") == ["sql.foreign"]
    assert rules("tsql", "SELECT limit FROM t", "CREATE TABLE t (limit INT)") == []


def test_quotes_are_names_or_texts_by_dialect():
    """In PostgreSQL and T-SQL a double-quoted text is a column that is not there; in MySQL it is a text."""
    target = 'SELECT a FROM t WHERE b = "x"'
    for dialect in ("postgres", "tsql", "snowflake", "oracle"):
        assert rules(dialect, target) == ["sql.quotes", "sql.unresolved"]
    assert rules("mysql", target) == rules("bigquery", target) == []
    assert rules("postgres", transpile(target, write="postgres", schema=SCHEMA)) == []


def test_a_schema_that_repeats_itself_is_found():
    """A table or a column that stands twice, and a schema that cannot be read."""
    assert rules("postgres", "SELECT a FROM t", "CREATE TABLE t (a INT); CREATE TABLE T (a INT)") == ["sql.ddl"]
    assert rules("postgres", "SELECT a FROM t", "CREATE TABLE t (a INT, A TEXT)") == ["sql.ddl"]
    assert rules("postgres", "SELECT a FROM t", "CREATE TABLE t (a INT,,") == ["sql.ddl"]


def test_transpile_writes_the_other_dialect():
    """LIMIT becomes TOP, texts keep their words, and what cannot be read is an error."""
    written = transpile('SELECT a FROM t WHERE b = "x" LIMIT 3', read="sqlite", write="tsql", schema=SCHEMA)
    assert written == "SELECT TOP 3 a FROM t WHERE b = 'x'"
    assert rules("tsql", written) == []
    with pytest.raises(DatasetError, match="cannot be written anew as tsql"):
        transpile("SELECT a FROM", read="sqlite", write="tsql")


def test_an_unknown_dialect_is_told_with_the_nearest():
    """A misspelt dialect is refused before any record is read."""
    with pytest.raises(DatasetError, match="did you mean 'tsql'"):
        SqlCheck("T-SQL")
    with pytest.raises(DatasetError, match="some are"):
        SqlCheck("klingon")


def test_the_check_crosses_processes():
    """It pickles as its dialect and engine."""
    again = pickle.loads(pickle.dumps(check("tsql")))
    assert [issue.rule for issue in again.issues(SCHEMA, "SELECT a FROM t LIMIT 1")] == ["sql.foreign"]


def test_a_data_set_is_checked_and_mended():
    """validate(sql="tsql") finds each LIMIT; after transpile() it finds none, and the rows say the same."""
    rows = [{"question": f"q{n}", "context": SCHEMA, "answer": f"SELECT a FROM t LIMIT {n}"} for n in range(1, 9)]
    data = Dataset.from_records(rows).convert(formats.text_to_sql(dialect="T-SQL"))
    assert data.validate(model="nova-micro", sql="tsql").counts_by_rule == {"sql.foreign": 8}
    mended = data.transpile("tsql", read="sqlite")
    assert mended.validate(model="nova-micro", sql="tsql").counts_by_rule == {}
    assert [each.reference for each in mended] == [f"SELECT TOP {n} a FROM t" for n in range(1, 9)]


@given(SQL)
def test_no_text_breaks_the_ladder(pieces):
    """Whatever stands there, the answer is a list of warnings."""
    for issue in check("postgres").issues(SCHEMA, "SELECT " + "".join(pieces)):
        assert (issue.rule[:4], issue.severity) == ("sql.", "warning")
