"""Every named query fits the schema, and the Python function that calls it."""

from __future__ import annotations

import ast
import dataclasses
from importlib import import_module
from pathlib import Path

import pytest

import reportd.db
from reportd.db import artifacts, jobs, kinds, pool, queries, queues, schedules, workers
from reportd.job import Job

DB = Path(reportd.db.__file__).parent
NOUNS = sorted(path.stem for path in DB.glob("*.sql"))
QUERIES = [(noun, name) for noun in NOUNS for name in queries.load(noun)]

# Query → the class that takes its rows, column by column.
ROWS = {
    ("artifacts", "of_job"): artifacts.ArtifactRow,
    ("artifacts", "get"): artifacts.ArtifactRow,
    ("artifacts", "expired"): artifacts.ArtifactRow,
    ("jobs", "claim"): Job,
    ("jobs", "take_turns"): Job,
    ("jobs", "lanes"): jobs.Lane,
    ("kinds", "get"): kinds.KindRow,
    ("kinds", "list_"): kinds.KindRow,
    ("queues", "stats"): queues.QueueStats,
    ("schedules", "due"): schedules.ScheduleRow,
    ("schedules", "list_"): schedules.ScheduleRow,
    ("schedules", "occurrences"): schedules.Occurrence,
    ("workers", "list_"): workers.WorkerRow,
    ("workers", "suspects"): workers.Suspect,
}
# What a claim tells beside the jobs, and what it need not tell, since it asked for it.
EXTRA = {("jobs", "claim"): {"xmin", "xmax", "at"}, ("jobs", "take_turns"): {"wait_s"}}
KNOWN = {("jobs", "claim"): {"queue", "priority"}, ("jobs", "take_turns"): {"queue", "priority"}}


async def test_every_query_prepares_and_takes_the_arguments_it_lists(dsn: str) -> None:
    conn = await pool.connect(dsn, application_name="test", statement_cache_size=0)
    try:
        for noun, name in QUERIES:
            query = queries.load(noun)[name]
            statement = await conn.prepare(query.sql)
            assert len(statement.get_parameters()) == len(query.args), f"{noun}.{name}"
    finally:
        await conn.close()


async def test_every_row_class_has_the_columns_of_its_query(dsn: str) -> None:
    conn = await pool.connect(dsn, application_name="test", statement_cache_size=0)
    try:
        for (noun, name), row in ROWS.items():
            statement = await conn.prepare(queries.load(noun)[name].sql)
            columns = {attribute.name for attribute in statement.get_attributes()}
            fields = {field.name for field in dataclasses.fields(row)}
            assert columns == fields - KNOWN.get((noun, name), set()) | EXTRA.get((noun, name), set()), f"{noun}.{name}"
    finally:
        await conn.close()


async def test_what_a_claim_gives_comes_in_the_order_of_the_class(dsn: str) -> None:
    order = [field.name for field in dataclasses.fields(Job) if field.name not in ("queue", "priority", "claim_id")]
    conn = await pool.connect(dsn, application_name="test", statement_cache_size=0)
    try:
        for name in ("claim", "take_turns"):
            statement = await conn.prepare(jobs.QUERIES[name].sql)
            columns = [attribute.name for attribute in statement.get_attributes()]
            assert columns[: len(order)] == order, name
    finally:
        await conn.close()


@pytest.mark.parametrize(("noun", "name"), QUERIES)
def test_every_query_is_used_by_the_module_of_its_noun(noun: str, name: str) -> None:
    tree = ast.parse((DB / f"{noun}.py").read_text(encoding="utf-8"))
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert name in words


@pytest.mark.parametrize("noun", NOUNS)
def test_every_query_of_a_module_exists(noun: str) -> None:
    import_module(f"reportd.db.{noun}")
    tree = ast.parse((DB / f"{noun}.py").read_text(encoding="utf-8"))
    asked = {
        node.slice.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("QUERIES", "_QUERIES")
        and isinstance(node.slice, ast.Constant)
    }
    assert asked <= set(queries.load(noun))


def test_sql_to_our_own_tables_stands_in_sql_files_only() -> None:
    asks = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "prepare", "cursor"}
    package = DB.parent
    found = [
        f"{path.relative_to(package)}:{node.lineno}"
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in asks
        and any("reportd." in ast.unparse(argument) for argument in node.args[:1] if _is_text(argument))
    ]
    assert found == []


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_every_query_has_a_purpose() -> None:
    for noun, name in QUERIES:
        assert queries.load(noun)[name].purpose.endswith((".", "?"))
