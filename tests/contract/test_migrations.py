"""Migrations: applied once, in order, refused when they do not fit; and a schema that documents itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from reportd.db import migrate, pool
from reportd.errors import SchemaError

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SQL = Path(__file__).parents[2] / "sql"


@pytest.fixture
async def empty(empty_dsn: str):  # type: ignore[no-untyped-def]
    conn = await pool.connect(empty_dsn, application_name="test")
    yield conn
    await conn.close()


async def test_migrate_applies_every_file_once(empty: Connection) -> None:
    names = [path.stem for path in sorted(SQL.glob("*.sql"))]
    assert await migrate.migrate(empty) == names
    assert await migrate.migrate(empty) == []
    await migrate.check(empty)


async def test_two_processes_migrate_at_once(empty_dsn: str) -> None:
    both = [await pool.connect(empty_dsn, application_name="test") for _ in range(2)]
    try:
        applied = await asyncio.gather(*(migrate.migrate(conn) for conn in both))
    finally:
        for conn in both:
            await conn.close()
    assert sorted(applied[0] + applied[1]) == [path.stem for path in sorted(SQL.glob("*.sql"))]


async def test_check_refuses_a_database_without_the_schema(empty: Connection) -> None:
    with pytest.raises(SchemaError, match="reportd migrate"):
        await migrate.check(empty)


async def test_check_refuses_an_older_schema_and_names_what_it_lacks(empty: Connection) -> None:
    await migrate.migrate(empty)
    await empty.execute("delete from reportd.migrations where number = (select max(number) from reportd.migrations)")
    with pytest.raises(SchemaError, match=sorted(SQL.glob("*.sql"))[-1].stem):
        await migrate.check(empty)


async def test_a_changed_file_is_refused(empty: Connection) -> None:
    await migrate.migrate(empty)
    await empty.execute("update reportd.migrations set sha256 = 'other' where number = 2")
    for refused in (migrate.migrate, migrate.check):
        with pytest.raises(SchemaError, match="0002_jobs was changed"):
            await refused(empty)


async def test_a_newer_schema_is_refused(empty: Connection) -> None:
    await migrate.migrate(empty)
    await empty.execute("insert into reportd.migrations (number, name, sha256) values (9999, '9999_future', 'x')")
    for refused in (migrate.migrate, migrate.check):
        with pytest.raises(SchemaError, match=r"newer than this reportd.*9999_future"):
            await refused(empty)


async def test_migrate_without_the_right_to_create_says_who_may(empty: Connection) -> None:
    await empty.execute("create role reportd_test_weak")
    try:
        await empty.execute("set role reportd_test_weak")
        with pytest.raises(SchemaError, match="owner of the database"):
            await migrate.migrate(empty)
    finally:
        await empty.execute("reset role")
        await empty.execute("drop role reportd_test_weak")


def test_files_are_numbered_without_gaps_and_say_what_they_are_for() -> None:
    found = migrate.migrations()
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    for migration in found:
        assert migration.sql.startswith("-- "), migration.name


def test_a_file_with_another_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jobs.sql").write_text("select 1", encoding="utf-8")
    with pytest.raises(SchemaError, match="not named like a migration"):
        migrate.migrations(tmp_path)


async def test_everything_in_the_schema_has_a_comment(connection: Connection) -> None:
    bare = await connection.fetch("""
        select c.relname::text as name from pg_class c
        where c.relnamespace = 'reportd'::regnamespace and c.relkind = 'r'
          and obj_description(c.oid, 'pg_class') is null and c.relname <> 'migrations'
        union all
        select format('%s.%s', c.relname, a.attname) from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'reportd'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
          and col_description(c.oid, a.attnum) is null and c.relname <> 'migrations'
        union all
        select p.proname from pg_proc p
        where p.pronamespace = 'reportd'::regnamespace and obj_description(p.oid, 'pg_proc') is null
    """)
    assert [row["name"] for row in bare] == []


async def test_functions_with_the_owners_rights_pin_their_search_path_and_are_closed_to_the_public(
    connection: Connection,
) -> None:
    functions = await connection.fetch("""
        select p.proname, p.proconfig, p.prorettype = 'trigger'::regtype as is_trigger,
          has_function_privilege('public', p.oid, 'execute') as open
        from pg_proc p where p.pronamespace = 'reportd'::regnamespace and p.prosecdef
    """)
    assert functions
    for function in functions:
        assert function["proconfig"] == ["search_path=pg_catalog, pg_temp"], function["proname"]
        # A trigger function can't be called, so nothing is lost by leaving it open.
        assert function["is_trigger"] or not function["open"], function["proname"]


async def test_migrations_create_no_roles(connection: Connection) -> None:
    assert "create role" not in " ".join(migration.sql.lower() for migration in migrate.migrations())
