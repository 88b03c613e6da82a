"""Hostile SQL in a report, on a real server, as the role that `reportd grants` makes.

Every probe says what must happen: refused with one of these SQLSTATEs, stopped by a limit, interrupted (the job is
tried again), or harmless. Whatever it says, afterwards nothing in the database has changed and the next job, on the
same connection, finds a session without a setting, a lock, a temporary table, a cursor or a transaction of the one
before.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import pytest

from reportd import fetch
from reportd.db.pool import Pool, create_pool
from reportd.errors import LimitExceeded, QueryError, QueryInterrupted, ReportError
from reportd.fetch import FetchLimits
from tests.conftest import Eventually
from tests.integration.security.asking import LIMITS, fetched, rows, unread
from tests.integration.security.conftest import Connection, Ground


@dataclass(frozen=True)
class Refused:
    """The server says no, with one of `codes`; with none of them the statement gives no columns."""

    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """The limit of this name ends it."""

    limit: str


@dataclass(frozen=True)
class Interrupted:
    """It broke off in a way that another try may not meet."""


@dataclass(frozen=True)
class Unreadable:
    """It never gets as far as the server."""


@dataclass(frozen=True)
class Harmless:
    """It runs, and gives this one row; or a server that can't do it at all says so with one of `codes`."""

    gives: list[str | None]
    codes: tuple[str, ...] = ()


Expected: TypeAlias = Refused | Stopped | Interrupted | Unreadable | Harmless

SYNTAX, READ_ONLY, NO_RIGHT, NO_FUNCTION, NO_PARAMETER = "42601", "25006", "42501", "42883", "42P02"
NO_COLUMNS = Refused()
# Refused from PostgreSQL 16 on; before, it is rolled back.
UNDONE = Harmless(["t"], (READ_ONLY,))
SHORT = replace(LIMITS, query_timeout_s=0.4)
TIMEOUT = Stopped("fetch.query_timeout_s")

PROBES: dict[str, tuple[str, Expected]] = {
    # More than one statement, and ways out of the one
    "two statements": ("select 1 as n; drop table orders", Refused((SYNTAX,))),
    "two statements without a space": ("select 1 as n;drop table orders", Refused((SYNTAX,))),
    "an empty second statement": ("select 1 as n;;", Refused((SYNTAX,))),
    "a statement after a line comment": ("select 1 as n --\n; delete from audit", Refused((SYNTAX,))),
    "a statement after a nested comment": ("select 1 as n /* /* */ */; delete from audit", Refused((SYNTAX,))),
    "a comment without an end": ("select 1 as n /*", Unreadable()),
    "a comment that swallows COPY's parenthesis": ("select 1 as n --", Harmless(["1"])),
    "a semicolon in a dollar quote": ("select $x$; drop table orders; $x$ as n", Harmless(["; drop table orders; "])),
    "a dollar quote without an end": ("select $x$ as n", Unreadable()),
    "a quote without an end": ("select 'x as n", Unreadable()),
    "a NUL character": ("select 1 as n\0; drop table orders", Unreadable()),
    "COPY's parenthesis closed": ("select 1 as n) to program 'touch {file}' --", Refused((SYNTAX,))),
    "COPY's parenthesis closed and opened": ("select 1 as n) to stdout; select (1", Refused((SYNTAX,))),
    "a psql command": ("select 1 as n \\! touch {file}", Refused((SYNTAX,))),
    "a positional parameter": ("select $1::int as n", Refused((NO_PARAMETER,))),
    "a late positional parameter": ("select $7::int as n", Refused((NO_PARAMETER, "42P18"))),
    # Statements that are no query
    "COPY to a program": ("copy (select 1) to program 'touch {file}'", NO_COLUMNS),
    "COPY from a program": ("copy audit from program 'echo gone'", NO_COLUMNS),
    "COPY to a file": ("copy orders to '{file}'", NO_COLUMNS),
    "create table": ("create table taken as select * from orders", NO_COLUMNS),
    "create temporary table": ("create temp table mine (n int)", NO_COLUMNS),
    "select into": ("select * into taken from orders", NO_COLUMNS),
    "select into temp": ("select * into temp taken from orders", NO_COLUMNS),
    "drop table": ("drop table orders", NO_COLUMNS),
    "truncate": ("truncate audit", NO_COLUMNS),
    "alter role": ("alter role current_user superuser", NO_COLUMNS),
    "grant": ("grant all on orders to public", NO_COLUMNS),
    "create function": ("create function f() returns int language sql as 'select 1'", NO_COLUMNS),
    "create extension": ("create extension adminpack", NO_COLUMNS),
    "vacuum": ("vacuum", NO_COLUMNS),
    "do block": ("do $$ begin delete from audit; end $$", NO_COLUMNS),
    "call a procedure": ("call proceeds()", NO_COLUMNS),
    "begin": ("begin", NO_COLUMNS),
    "commit": ("commit", NO_COLUMNS),
    "rollback": ("rollback", NO_COLUMNS),
    "savepoint released": ("rollback to savepoint clean", NO_COLUMNS),
    "set role": ("set role none", NO_COLUMNS),
    "set session authorization": ("set session authorization default", NO_COLUMNS),
    "reset role": ("reset role", NO_COLUMNS),
    "reset all": ("reset all", NO_COLUMNS),
    "discard all": ("discard all", NO_COLUMNS),
    "set transaction": ("set transaction read write", NO_COLUMNS),
    "prepare": ("prepare p as select 1", NO_COLUMNS),
    "execute a statement of the driver's": ("execute __asyncpg_stmt_1__", NO_COLUMNS),
    "deallocate": ("deallocate all", NO_COLUMNS),
    "declare a cursor": ("declare c cursor with hold for select 1", NO_COLUMNS),
    "fetch from a cursor": ("fetch all from c", NO_COLUMNS),
    "listen": ("listen reportd", NO_COLUMNS),
    "notify": ("notify reportd, 'x'", NO_COLUMNS),
    "lock table": ("lock table orders in access exclusive mode", NO_COLUMNS),
    "show": ("show data_directory", Refused((NO_RIGHT, SYNTAX))),
    "explain analyze of a write": ("explain analyze delete from audit", Refused((SYNTAX,))),
    # Writes in the clothes of a query
    "insert returning": ("insert into audit values ('x') returning said", Refused((READ_ONLY,))),
    "delete returning": ("delete from audit returning said", Refused((READ_ONLY,))),
    "a delete in a CTE": ("with gone as (delete from audit returning *) select * from gone", Refused((READ_ONLY,))),
    "a CTE that inserts unseen": ("with t as (insert into audit values ('x')) select 1 as n", Refused((READ_ONLY,))),
    "merge": (
        "with m as (merge into audit using orders on false when not matched then insert values ('x') returning 1)"
        " select 1 as n",
        Refused((READ_ONLY, SYNTAX)),
    ),
    "select for update": ("select id from orders for update", Refused((READ_ONLY, NO_RIGHT))),
    "select for share": ("select said from audit for share", Refused((READ_ONLY, NO_RIGHT))),
    "a function that writes, as its owner": ("select writes('x') as n", Refused((READ_ONLY,))),
    "a function that writes, as itself": ("select writes_as_caller('x') as n", Refused((READ_ONLY,))),
    "nextval": ("select nextval('numbers') as n", Refused((READ_ONLY,))),
    "setval": ("select setval('numbers', 99) as n", Refused((READ_ONLY, NO_RIGHT))),
    "query_to_xml of a write": ("select query_to_xml('delete from audit', true, true, '') as n", Refused(("0A000",))),
    "query_to_xml of a commit": (
        "select query_to_xml('commit', true, true, '') as n",
        Refused(("22000", "0A000", "2D000")),
    ),
    "query_to_xml of a setting": ("select query_to_xml('reset role', true, true, '') as n", Refused(("0A000",))),
    "ts_stat of a write": (
        "select word from ts_stat('delete from audit returning to_tsvector(said)')",
        Refused(("42P11", "0A000")),
    ),
    # Rights taken
    "role by set_config": ("select set_config('role', 'postgres', false) as n", Refused((NO_RIGHT, "22023"))),
    "session authorization by set_config": (
        "select set_config('session_authorization', 'postgres', false) as n",
        Refused((NO_RIGHT, "22023")),
    ),
    "writing by set_config": (
        "select set_config('transaction_read_only', 'off', false) as n",
        Refused(("25001",)),
    ),
    "the next transaction's writing": (
        "select set_config('default_transaction_read_only', 'off', false) as n",
        Harmless(["off"]),
    ),
    "a superuser's setting": ("select set_config('log_statement', 'none', false) as n", Refused((NO_RIGHT,))),
    "the limit of temporary files": ("select set_config('temp_file_limit', '-1', false) as n", Refused((NO_RIGHT,))),
    "row security off": (
        "select (select set_config('row_security', 'off', true)) as s, amount from ledger",
        Harmless(["off", "1"]),
    ),
    "other tenants' rows": ("select amount from ledger where tenant <> current_user or true", Harmless(["1"])),
    "a schema not granted": ("select * from hr.pay", Refused((NO_RIGHT,))),
    "reportd's jobs": ("select params from reportd.jobs", Refused((NO_RIGHT,))),
    "reportd's jobs as XML": ("select table_to_xml('reportd.jobs', true, true, '') as n", Refused((NO_RIGHT,))),
    "reportd's functions": ("select reportd.cancel(1) as n", Refused((NO_RIGHT,))),
    "passwords": ("select rolpassword from pg_authid", Refused((NO_RIGHT,))),
    "planner's samples of other tables": (
        "select count(*) as n from pg_stats where schemaname in ('hr', 'reportd')",
        Harmless(["0"]),
    ),
    "others' statements": (
        "select count(*) as n from pg_stat_activity"
        " where usename <> current_user and query <> '<insufficient privilege>'",
        Harmless(["0"]),
    ),
    # The server's files, and what lies beyond it
    "read a file": ("select pg_read_file('/etc/passwd') as n", Refused((NO_RIGHT,))),
    "read a binary file": ("select pg_read_binary_file('/etc/passwd') as n", Refused((NO_RIGHT,))),
    "list a directory": ("select pg_ls_dir('/') as n", Refused((NO_RIGHT,))),
    "stat a file": ("select size from pg_stat_file('/etc/passwd')", Refused((NO_RIGHT,))),
    "the server's log": ("select name from pg_ls_logdir()", Refused((NO_RIGHT,))),
    "lo_import": ("select lo_import('/etc/passwd') as n", Refused((NO_RIGHT, READ_ONLY))),
    "lo_export": ("select lo_export(1, '{file}') as n", Refused((NO_RIGHT, READ_ONLY))),
    "lo_from_bytea": ("select lo_from_bytea(0, 'x') > 0 as n", UNDONE),
    "lo_create": ("select lo_create(4711) > 0 as n", UNDONE),
    "an external entity": (
        "select strpos(xmlparse(document"
        " '<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>')::text, 'root:') as n",
        Harmless(["0"], ("0A000", "2200M")),
    ),
    "dblink": ("select * from dblink('dbname=postgres', 'select 1') as t(n int)", Refused((NO_FUNCTION, "2F003"))),
    "dblink without asking": (
        "select dblink_connect_u('dbname=postgres') as n",
        Refused((NO_FUNCTION, NO_RIGHT)),
    ),
    "a reload": ("select pg_reload_conf() as n", Refused((NO_RIGHT,))),
    "a replication slot": (
        "select slot_name from pg_create_physical_replication_slot('mine')",
        Refused((NO_RIGHT, "55000")),
    ),
    # Other sessions
    "cancel another's query": (
        "select pg_cancel_backend(pid) as n from pg_stat_activity where usename <> current_user limit 1",
        Refused((NO_RIGHT,)),
    ),
    "end another's session": (
        "select pg_terminate_backend(pid) as n from pg_stat_activity where usename <> current_user limit 1",
        Refused((NO_RIGHT,)),
    ),
    "cancel itself": ("select pg_cancel_backend(pg_backend_pid()) as n, pg_sleep(5)::text as s", Interrupted()),
    "end itself": ("select pg_terminate_backend(pg_backend_pid()) as n, pg_sleep(5)::text as s", Interrupted()),
    "notify by a function": ("select pg_notify('probes', 'x')::text as n", Harmless([""])),
    "an advisory lock of the session": ("select pg_advisory_lock(1)::text as n", Harmless([""])),
    "an advisory lock of the transaction": ("select pg_advisory_xact_lock(2)::text as n", Harmless([""])),
    "many advisory locks": (
        "select count(*) as n from generate_series(1, 200) as k, lateral pg_try_advisory_lock(k) as l",
        Harmless(["200"]),
    ),
    "an exported snapshot": ("select pg_export_snapshot() is not null as n", Refused(("25001", "0A000"))),
    # Settings that would change how the next query is read
    "the search path": ("select set_config('search_path', 'hr', false) as n", Harmless(["hr"])),
    "the time limit": ("select set_config('statement_timeout', '0', false) as n", Harmless(["0"])),
    "the encoding": ("select set_config('client_encoding', 'SQL_ASCII', false) as n", Harmless(["SQL_ASCII"])),
    "backslashes": ("select set_config('standard_conforming_strings', 'off', false) as n", Harmless(["off"])),
    "a setting of its own": ("select set_config('app.user', 'root', false) as n", Harmless(["root"])),
    "a temporary schema first": ("select set_config('search_path', 'pg_temp', false) as n", Harmless(["pg_temp"])),
    "the driver's own name": ("select set_config('application_name', 'not me', false) as n", Harmless(["not me"])),
}

BOMBS: dict[str, tuple[str, FetchLimits, Expected]] = {
    "sleep": ("select pg_sleep(60)::text as n", SHORT, TIMEOUT),
    "sleep in pieces": ("select pg_sleep(0.05)::text as n from generate_series(1, 1000)", SHORT, TIMEOUT),
    "a recursion without end": (
        "with recursive r(n) as (select 1 union all select n % 7 + 1 from r) select count(*) as n from r",
        SHORT,
        TIMEOUT,
    ),
    "a recursion that gives rows without end": (
        "with recursive r(n) as (select 1 union all select n % 7 + 1 from r) select n from r",
        replace(LIMITS, rows_max=5_000),
        Stopped("fetch.rows_max"),
    ),
    "a series that the server keeps": ("select n from generate_series(1, 1000000000000) as n", SHORT, TIMEOUT),
    "a series without end": (
        "select generate_series(1, 1000000000000) as n",
        replace(LIMITS, rows_max=5_000),
        Stopped("fetch.rows_max"),
    ),
    "a product of series": (
        "select count(*) as n from generate_series(1, 1000000) a cross join generate_series(1, 1000000) b",
        SHORT,
        TIMEOUT,
    ),
    "a regular expression that grows": (
        "select 'x' ~ '((((a{1,255}){1,255}){1,255}){1,255})' as n",
        LIMITS,
        Refused(("2201B",)),
    ),
    "a regular expression for every row": (
        r"select count(*) as n from generate_series(1, 100000000) as n where repeat('ab', 99) ~ ('^(ab)*' || n || '$')",
        SHORT,
        TIMEOUT,
    ),
    "many bytes": (
        "select repeat('x', 100000) as t from generate_series(1, 1000000)",
        replace(LIMITS, bytes_max=2_000_000),
        Stopped("fetch.bytes_max"),
    ),
    "a text past the server's own limit": ("select repeat('x', 2000000000) as t", LIMITS, Refused(("54000",))),
    "too many columns": (
        "select " + ", ".join(f"{n} as c{n}" for n in range(1, 1700)),
        LIMITS,
        Refused(("54011",)),
    ),
    "deep nesting": ("select " + "(" * 20_000 + "1" + ")" * 20_000 + " as n", LIMITS, Refused(("54001", SYNTAX))),
    "a wait for a lock": ("select pg_advisory_lock(4711)::text as n", LIMITS, Interrupted()),
    "the time limit lifted in the query itself": (
        "select set_config('statement_timeout', '0', true) as a, pg_sleep(60)::text as b",
        SHORT,
        TIMEOUT,
    ),
    "XML of a large query": (
        "select length(query_to_xml('select * from generate_series(1, 100000000)', true, true, '')::text) as n",
        SHORT,
        TIMEOUT,
    ),
}


async def meets(pool: Pool, directory: Path, sql: str, expected: Expected, *, limits: FetchLimits = LIMITS) -> None:
    """`sql`, alone in a report, comes to what is expected."""
    asked = unread(sql)
    match expected:
        case Refused(codes):
            with pytest.raises(QueryError) as refused:
                await fetched(pool, directory, asked, limits=limits)
            if codes:
                assert refused.value.detail["sqlstate"] in codes, refused.value.message
            else:
                assert "gives no columns" in refused.value.message
            assert not refused.value.retryable
        case Stopped(limit):
            with pytest.raises(LimitExceeded) as stopped:
                await fetched(pool, directory, asked, limits=limits)
            assert stopped.value.detail["limit"] == limit
            assert limit in stopped.value.message
        case Interrupted():
            with pytest.raises(QueryInterrupted) as broken:
                await fetched(pool, directory, asked, limits=limits)
            assert broken.value.retryable
        case Unreadable():
            with pytest.raises(ReportError):
                await fetched(pool, directory, asked, limits=limits)
        case Harmless(gives, codes):
            try:
                made = await fetched(pool, directory, asked, limits=limits)
            except QueryError as error:
                if error.detail["sqlstate"] not in codes:
                    raise
            else:
                assert rows(made)[0] == gives
                return
    assert list(directory.parent.iterdir()) == []


async def is_clean(ground: Ground, pool: Pool, directory: Path) -> None:
    """The next job on the connection finds nothing of the one before, and gets its rows."""
    session = await ground.session(pool)
    assert session == {**session, "is_itself": True, "temporary_schema": 0, "locks": 0, "statements": 0}
    assert session["cursors"] == session["channels"] == 0
    assert session["settings"] is None
    after = await fetched(pool, directory, unread("select id, amount, current_setting('app.user', true) from orders"))
    assert [row[:2] for row in rows(after)] == [["1", "10.5"], ["2", "21.0"], ["3", "31.5"]]
    assert rows(after)[0][2] in (None, "")


@pytest.mark.parametrize("probe", PROBES)
async def test_what_hostile_sql_comes_to(
    ground: Ground, pool: Pool, admin: Connection, tmp_path: Path, probe: str
) -> None:
    sql, expected = PROBES[probe]
    touched = tmp_path / "touched"
    before = await ground.state(admin)

    await meets(pool, tmp_path / "spool" / "1", sql.replace("{file}", str(touched)), expected)

    assert not touched.exists()
    assert await ground.state(admin) == before
    await is_clean(ground, pool, tmp_path / "next")


@pytest.mark.parametrize("bomb", BOMBS)
async def test_what_never_ends_is_ended(
    ground: Ground, pool: Pool, admin: Connection, tmp_path: Path, bomb: str
) -> None:
    sql, limits, expected = BOMBS[bomb]
    await admin.execute("select pg_advisory_lock(4711)")
    before = await ground.state(admin)

    await meets(pool, tmp_path / "spool" / "1", sql, expected, limits=limits)

    assert await ground.state(admin) == before
    await is_clean(ground, pool, tmp_path / "next")


async def test_a_check_of_hostile_sql_runs_none_of_it(
    ground: Ground, pool: Pool, admin: Connection, tmp_path: Path
) -> None:
    before = await ground.state(admin)
    texts = [sql.replace("{file}", str(tmp_path / "touched")) for sql, expected in PROBES.values() if runs(expected)]

    async with pool.acquire() as connection:
        findings = await fetch.check(connection, unread(*texts))

    assert len(findings) > 60
    assert {finding.error.code for finding in findings} == {"query"}
    assert list(tmp_path.iterdir()) == []
    assert await ground.state(admin) == before
    await is_clean(ground, pool, tmp_path / "next")


async def test_a_check_goes_on_after_what_planning_can_not_work_out(pool: Pool) -> None:
    async with pool.acquire() as connection:
        findings = await fetch.check(connection, unread("select 1 / 0 as n", "select nobody from orders"))

    assert [finding.block for finding in findings] == ["b2"]
    assert 'column "nobody" does not exist' in findings[0].error.message


def runs(expected: Expected) -> bool:
    """Whether the text gets as far as the server."""
    return not isinstance(expected, Unreadable)


async def test_a_block_changes_nothing_for_the_next(pool: Pool, tmp_path: Path) -> None:
    """Else the first block's set_config() could lift the limits of the second, or have it read as other SQL."""
    settings = {
        "statement_timeout": "0",
        "lock_timeout": "0",
        "search_path": "hr",
        "client_encoding": "SQL_ASCII",
        "standard_conforming_strings": "off",
        "DateStyle": "German, DMY",
        "TimeZone": "Asia/Tokyo",
        "bytea_output": "escape",
        "row_security": "off",
        "work_mem": "1GB",
    }
    hostile = ", ".join(f"set_config('{name}', '{value}', false) as {name}" for name, value in settings.items())
    looks = "select " + ", ".join(f"current_setting('{name}') as {name}" for name in settings)

    clean = await fetched(pool, tmp_path / "1", unread(looks, looks))
    made = await fetched(pool, tmp_path / "2", unread(f"select {hostile}", looks))

    assert rows(made, "b1") == [list(settings.values())]
    assert rows(made, "b2") == rows(clean, "b2")


async def test_a_notification_is_heard_by_nobody(ground: Ground, pool: Pool, admin: Connection, tmp_path: Path) -> None:
    heard: list[object] = []
    await admin.add_listener("probes", lambda *said: heard.append(said))

    await fetched(pool, tmp_path / "1", unread("select pg_notify('probes', 'from a report')::text as n"))
    await admin.execute("select pg_notify('probes', 'the last')")
    await admin.fetchval("select 1")

    assert [said[3] for said in heard] == ["the last"]  # type: ignore[index]


async def test_a_report_can_cancel_no_more_than_another_report_and_that_is_tried_again(
    ground: Ground, pool: Pool, admin: Connection, tmp_path: Path, eventually: Eventually
) -> None:
    """The server lets a role end its own sessions: the damage is one attempt."""
    other = await create_pool(
        ground.report_dsn, min_size=0, max_size=1, application_name="other", statement_cache_size=0
    )
    victim = asyncio.create_task(fetched(other, tmp_path / "1", unread("select pg_sleep(19)::text as n")))
    asleep = "select count(*) from pg_stat_activity where application_name = 'other' and wait_event = 'PgSleep'"
    await eventually(lambda: admin.fetchval(asleep))

    hostile = unread("select count(pg_cancel_backend(pid)) as n from pg_stat_activity where application_name = 'other'")
    assert rows(await fetched(pool, tmp_path / "2", hostile)) == [["1"]]

    with pytest.raises(QueryInterrupted) as broken:
        await victim
    assert broken.value.retryable
    await other.close()


async def test_the_server_s_words_are_cut_where_a_value_makes_them_long(pool: Pool, tmp_path: Path) -> None:
    with pytest.raises(QueryError) as refused:
        await fetched(pool, tmp_path / "1", unread("select ('x' || repeat('y', 3000000))::int as n"))

    assert "invalid input syntax for type integer" in refused.value.message
    assert len(refused.value.message) < 3_000
    assert len(str(refused.value.detail)) < 3_000
