"""Fetching a report's data from a real Postgres: one snapshot, exact text, limits, errors with places, clean ends."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reportd import fetch, spool
from reportd.db.pool import Pool, create_pool
from reportd.errors import DatabaseUnavailable, LimitExceeded, QueryError, QueryInterrupted, StoreFull
from reportd.fetch import FetchLimits, dataset
from reportd.report.definition import Report, ReportSource
from reportd.report.params import Params, resolve
from reportd.report.sqlfile import parse
from reportd.spool import Dataset, SpoolColumn
from tests.conftest import Eventually
from tests.postgres import Databases

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
ZONE = "Europe/Vienna"
LIMITS = FetchLimits(query_timeout_s=20.0)


def report(sql: str, *, head: str = "") -> Report:
    """A report of `sql`, with `head` as its front matter."""
    front = "".join(f"-- {line}\n" for line in ["/// report", *head.strip().splitlines(), "///"])
    return parse(ReportSource("sales", {"sales.sql": front + sql}, "sales.sql"))


def given(report: Report, raw: Mapping[str, Any] | None = None) -> Params:
    return resolve(report.params, raw or {}, now=NOW, timezone=ZONE)


@pytest.fixture
async def pool(empty_dsn: str) -> AsyncIterator[Pool]:
    pool = await create_pool(empty_dsn, min_size=0, max_size=2, application_name="reportd-reports")
    yield pool
    await pool.close()


@pytest.fixture
async def admin(empty_dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(empty_dsn)
    yield connection
    await connection.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "42"


async def fetched(
    pool: Pool,
    directory: Path,
    what: Report | str,
    raw: Mapping[str, Any] | None = None,
    *,
    limits: FetchLimits = LIMITS,
    timezone: str = ZONE,
) -> Dataset:
    """What `fetch` makes of a report, or of the SQL of its only block."""
    asked = report(what) if isinstance(what, str) else what
    return await fetch.fetch(pool, asked, given(asked, raw), directory=directory, timezone=timezone, limits=limits)


def rows(made: Dataset, block: str | None = None) -> list[list[str | None]]:
    return list(spool.read(made.path(block or next(iter(made.blocks)))))


def left_behind(directory: Path) -> list[str]:
    return [path.name for path in directory.parent.iterdir()] if directory.parent.exists() else []


async def running(admin: asyncpg.Connection[asyncpg.Record]) -> int:
    """Backends of the report pool that are in a query or in a transaction."""
    count: int = await admin.fetchval(
        "select count(*) from pg_stat_activity where application_name = 'reportd-reports' and state <> 'idle'"
    )
    return count


async def nothing_runs(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    """No backend works for us any more. One whose connection was cut needs a moment to notice."""
    end = time.monotonic() + 3
    while True:
        if not await running(admin):
            return
        assert time.monotonic() < end, "a query outlives its fetch"
        await asyncio.sleep(0.01)


async def sleeping(admin: asyncpg.Connection[asyncpg.Record]) -> bool:
    """Whether a report's query has come as far as its pg_sleep."""
    query = "select from pg_stat_activity where application_name = 'reportd-reports' and wait_event = 'PgSleep'"
    return bool(await admin.fetch(query))


async def waiting_for_lock(admin: asyncpg.Connection[asyncpg.Record]) -> bool:
    return bool(
        await admin.fetchval("select exists (select from pg_locks where locktype = 'advisory' and not granted)")
    )


# What comes out


async def test_cells_come_out_as_they_are_in_the_database(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path
) -> None:
    texts = [
        None,
        "",
        " ",
        "plain",
        "a,b",
        'say "x"',
        '"',
        "two\nlines",
        "cr\r\n",
        "\\.",
        "\\N",
        "é中😀\u2028",
        "x" * 200_000,
    ]
    await admin.execute("create table t (id int generated always as identity, value text)")
    await admin.executemany("insert into t (value) values ($1)", [(text,) for text in texts])

    made = await fetched(pool, directory, "select id, value from t order by id")

    assert rows(made) == [[str(n), text] for n, text in enumerate(texts, 1)]
    [block] = made.blocks.values()
    content = made.path(block.name).read_bytes()
    assert block.rows == len(texts)
    assert block.bytes == len(content)
    assert block.sha256 == hashlib.sha256(content).hexdigest()


async def test_one_column_that_could_be_an_end_marker_is_kept(pool: Pool, directory: Path) -> None:
    made = await fetched(pool, directory, r"values ('\.'), (null), (''), ('x')")

    assert rows(made) == [["\\."], [None], [""], ["x"]]
    assert next(iter(made.blocks.values())).rows == 4


async def test_columns_have_the_servers_types(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path
) -> None:
    await admin.execute(
        "create domain cents as numeric(12,2); create type mood as enum ('ok'); create table pair (a int)"
    )

    made = await fetched(
        pool,
        directory,
        "select 1 as a, 2::int8 as b, 1.50::numeric(12,2) as c, now() as d, '{x}'::text[] as e, 3::cents as f,"
        " 'ok'::mood as g, null as h, row(1)::pair as i, 'abc'::varchar(5) as \"J k\"",
    )

    [block] = made.blocks.values()
    assert block.columns == (
        SpoolColumn("a", "integer"),
        SpoolColumn("b", "bigint"),
        SpoolColumn("c", "numeric"),
        SpoolColumn("d", "timestamp with time zone"),
        SpoolColumn("e", "text[]"),
        SpoolColumn("f", "numeric"),
        SpoolColumn("g", "mood"),
        SpoolColumn("h", "text"),
        SpoolColumn("i", "pair"),
        SpoolColumn("J k", "character varying"),
    )


async def test_text_forms_do_not_depend_on_the_servers_settings(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path
) -> None:
    name = await admin.fetchval("select current_database()")
    for setting in (
        "timezone = 'Asia/Tokyo'",
        "datestyle = 'German, DMY'",
        "intervalstyle = 'sql_standard'",
        "bytea_output = 'escape'",
        "extra_float_digits = 0",
        "standard_conforming_strings = off",
    ):
        await admin.execute(f"alter database {name} set {setting}")

    made = await fetched(
        pool,
        directory,
        r"select timestamptz '2026-07-01 10:00+00' as a, date '2026-02-01' as b, interval '1 day 2 h' as c,"
        r" '\x00ff'::bytea as d, 0.1::float8 + 0.2 as e, 'a\b' as f",
    )

    assert rows(made) == [
        ["2026-07-01 12:00:00+02", "2026-02-01", "1 day 02:00:00", "\\x00ff", "0.30000000000000004", "a\\b"]
    ]
    assert made.timezone == ZONE


async def test_every_query_sees_one_snapshot(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path, eventually: Eventually
) -> None:
    await admin.execute("create table t as select 1 as n; select pg_advisory_lock(4711)")
    two = report(
        "-- @data first\nselect count(*) as n from t, pg_advisory_lock_shared(4711);\n"
        "-- @data second\nselect count(*) as n, now() as at from t"
    )

    task = asyncio.create_task(fetched(pool, directory, two, timezone="UTC"))
    await eventually(lambda: waiting_for_lock(admin))
    await admin.execute("insert into t values (2)")
    await admin.execute("select pg_advisory_unlock(4711)")
    made = await task

    assert rows(made, "first") == [["1"]]
    [[count, at]] = rows(made, "second")
    assert count == "1"
    assert at is not None
    assert made.as_of == datetime.fromisoformat(at)


async def test_the_manifest_gives_back_the_dataset(pool: Pool, directory: Path) -> None:
    made = await fetched(pool, directory, "-- @data a\nselect 1 as n;\n-- @data b\nselect 2 as n")

    assert made.directory == directory
    assert spool.load(directory) == made
    assert sorted(path.name for path in directory.iterdir()) == ["a.csv", "b.csv", "manifest.json"]
    assert left_behind(directory) == ["42"]


async def test_each_query_is_announced(pool: Pool, directory: Path) -> None:
    asked = report("-- @data a\nselect 1 as n;\n-- @data b\nselect 2 as n")
    heard: list[tuple[str, int, int]] = []

    await fetch.fetch(
        pool,
        asked,
        given(asked),
        directory=directory,
        timezone=ZONE,
        limits=LIMITS,
        on_query=lambda block, index, count: heard.append((block.name, index, count)),
    )

    assert heard == [("a", 0, 2), ("b", 1, 2)]


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 as n -- a comment at the end",
        "select 1 as n /* one more */",
        "values (1)",
        "with one as (select 1 as n) select n from one",
        "table pg_catalog.pg_am",
        "(select 1 as n) union all (select 2)",
        "select 1 as n;",
    ],
)
async def test_every_form_of_query_can_be_fetched(pool: Pool, directory: Path, sql: str) -> None:
    assert rows(await fetched(pool, directory, sql))


async def test_the_distributions_postgres_gives_the_same(
    distribution_postgres: Databases, pool: Pool, directory: Path
) -> None:
    asked = report(
        "select d, n / 7 as share, 'a,\"b\"' as t from generate_series(:period_start, :period_end, '1 day') as d, "
        "generate_series(1, 3) as n where d::date <@ :period",
        head='params.period = { type = "daterange", default = "last month" }',
    )
    ours = await fetched(pool, directory, asked)
    older = await create_pool(distribution_postgres.dsn, min_size=0, max_size=1, application_name="reportd-reports")
    try:
        theirs = await fetched(older, directory.with_name("43"), asked)
        async with older.acquire() as connection:
            assert await fetch.check(connection, asked) == []
    finally:
        await older.close()

    assert theirs.sha256 == ours.sha256
    assert next(iter(theirs.blocks.values())).rows == 84


# Parameters


async def test_values_are_bound_and_never_read_as_sql(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path
) -> None:
    await admin.execute("create table t as select 1 as n")
    evil = "'; drop table t; select '\\'; -- $1 :x \"?"
    asked = report(
        "select :x as x, ':x' as quoted, $$:x$$ as dollars /* :x */, :x || '!' as again -- :x",
        head='params.x = { type = "text" }',
    )

    made = await fetched(pool, directory, asked, {"x": evil})

    assert rows(made) == [[evil, ":x", ":x", f"{evil}!"]]
    assert await admin.fetchval("select count(*) from t") == 1


async def test_every_type_of_param_reaches_the_query(pool: Pool, directory: Path) -> None:
    asked = report(
        "select :t as t, :i + 1 as i, :n * 2 as n, :b as b, :d + 1 as d, lower(:p) as p, :p_start as ps, :p_end as pe,"
        " :u as u, :e as e, :l as l, :missing is null as missing, pg_typeof(:missing)::text as type",
        head="""
            params.t = { type = "text" }
            params.i = { type = "int" }
            params.n = { type = "numeric" }
            params.b = { type = "bool" }
            params.d = { type = "date" }
            params.p = { type = "daterange" }
            params.u = { type = "uuid" }
            params.e = { type = "enum", choices = ["new", "old"] }
            params.l = { type = "text", many = true }
            params.missing = { type = "date" }
        """.replace("            ", ""),
    )
    raw = {
        "t": "täxt",
        "i": 41,
        "n": "10.50",
        "b": True,
        "d": "2026-01-31",
        "p": "last month",
        "u": "0a1b2c3d-0000-4000-8000-000000000000",
        "e": "new",
        "l": ["a,b", 'c"d', "e\\f", ""],
    }

    made = await fetched(pool, directory, asked, raw)

    assert rows(made) == [
        [
            *("täxt", "42", "21.00", "t", "2026-02-01", "2026-02-01"),
            *("2026-02-01 00:00:00+01", "2026-03-01 00:00:00+01"),
            *("0a1b2c3d-0000-4000-8000-000000000000", "new", '{"a,b","c\\"d","e\\\\f",""}', "t", "date"),
        ]
    ]


async def test_an_undeclared_param_has_the_type_that_postgres_finds(pool: Pool, directory: Path) -> None:
    asked = report("select n from generate_series(1, 10) as n where n > :low and n::text <> :not")

    assert rows(await fetched(pool, directory, asked, {"low": 7, "not": "9"})) == [["8"], ["10"]]


async def test_an_unclear_type_says_what_to_declare(pool: Pool, directory: Path) -> None:
    asked = report("select n from generate_series(1, 10) as n\nwhere :low is null")

    with pytest.raises(QueryError, match=r"sales\.sql:.*:low.*params\.NAME\.type"):
        await fetched(pool, directory, asked, {"low": "7"})


async def test_a_secret_is_in_no_message(pool: Pool, directory: Path) -> None:
    asked = report("select (:key || '')::int as n", head='params.key = { type = "text", secret = true }')

    with pytest.raises(QueryError) as caught:
        await fetched(pool, directory, asked, {"key": "hunter2"})

    assert "hunter2" not in f"{caught.value.message} {caught.value.detail} {caught.value.__cause__!r}"
    assert "•••" in caught.value.message


# What is refused


REFUSED = {
    "two statements": ("select 1 as n; select 2 as n", "sales.sql:"),
    "a table made": ("create table x (n int)", "gives no columns"),
    "a setting": ("set timezone = 'UTC'", "gives no columns"),
    "a copy": ("copy pg_am to stdout", "gives no columns"),
    "no columns": ("select from pg_am", "gives no columns"),
    "a setting shown": ("show timezone", "a block's statement is a SELECT"),
    "a plan": ("explain select 1", "a block's statement is a SELECT"),
    "an insert": ("insert into t values (2) returning n", "may only read"),
    "a hidden delete": ("with gone as (delete from t returning n) select n from gone", "may only read"),
    "a lock": ("select n from t for update", "may only read"),
    "columns of one name": ("select 1 as n, 2 as m, 3 as n", 'columns 1 and 3 are all called "n"'),
    "columns without a name": ("select 1 + 1, 2 + 2", "name them apart"),
    "an unknown table": ("select 1\nfrom nowhere", 'sales.sql:4:6: relation "nowhere" does not exist'),
    "an unknown column": ("select 1 as n,\n  nme\nfrom t", 'sales.sql:4:3: column "nme" does not exist'),
    "bad syntax": ("select 1 as n\nform t", 'sales.sql:4:1: syntax error at or near "form"'),
}


@pytest.fixture
async def table(admin: asyncpg.Connection[asyncpg.Record]) -> None:
    await admin.execute("create table t as select 1 as n")


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("case", [name for name in REFUSED if name != "two statements"])
async def test_what_is_no_query_is_refused(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path, case: str
) -> None:
    sql, message = REFUSED[case]

    with pytest.raises(QueryError) as caught:
        await fetched(pool, directory, sql)

    assert message in caught.value.message
    assert caught.value.detail["file"] == "sales.sql"
    assert left_behind(directory) == []
    assert await admin.fetchval("select count(*) from t") == 1


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("case", [name for name in REFUSED if name != "two statements"])
async def test_check_finds_it_without_running_anything(pool: Pool, case: str) -> None:
    sql, message = REFUSED[case]
    asked = report(f"-- @data good\nselect n from t;\n-- @data bad\n{sql};\n-- @data worse\nselect x from t")

    async with pool.acquire() as connection:
        findings = await fetch.check(connection, asked)
        assert not connection.is_in_transaction()

    assert [finding.block for finding in findings] == ["bad", "worse"]
    assert message.rpartition(": ")[2] in findings[0].error.message
    assert 'column "x" does not exist' in findings[1].error.message


async def test_two_statements_in_one_block_are_refused(pool: Pool, directory: Path) -> None:
    asked = report("select 1 as n")
    [block] = asked.blocks
    asked = replace(asked, blocks=(replace(block, sql="select 1 as n; select 2 as n"),))

    with pytest.raises(QueryError, match="multiple commands"):
        await fetched(pool, directory, asked)


async def test_a_closing_parenthesis_does_not_end_the_query(pool: Pool, directory: Path) -> None:
    with pytest.raises(QueryError, match="syntax error"):
        await fetched(pool, directory, "select 1 as n) to program 'true' --")


async def test_check_runs_no_query(pool: Pool, admin: asyncpg.Connection[asyncpg.Record]) -> None:
    await admin.execute("create sequence s; create table t as select 0 as n")
    asked = report("-- @data a\nselect nextval('s') as n;\n-- @data b\nselect 1 / n as n from t where n <> :x")

    async with pool.acquire() as connection:
        assert await fetch.check(connection, asked) == []

    assert await admin.fetchval("select is_called from s") is False


async def test_a_missing_right_names_the_table(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], empty_dsn: str, directory: Path
) -> None:
    role = await admin.fetchval("select 'reporter_' || substr(md5(random()::text), 1, 8)")
    await admin.execute(f"create role {role} login password 'secret'; create table payroll as select 1 as n")
    guarded = await asyncpg.create_pool(
        empty_dsn, min_size=0, max_size=1, init=lambda connection: connection.execute(f"set role {role}")
    )
    asked = report("select n\nfrom payroll")
    try:
        with pytest.raises(QueryError, match=r"permission denied for table payroll: grant it to the role") as caught:
            await fetched(guarded, directory, asked)
        async with guarded.acquire() as connection:
            await connection.execute(f"set role {role}")
            findings = await fetch.check(connection, asked)
    finally:
        await guarded.close()
        await admin.execute(f"drop role {role}")

    assert caught.value.detail["sqlstate"] == "42501"
    assert ["permission denied for table payroll" in finding.error.message for finding in findings] == [True]


async def test_an_error_in_the_data_says_where(pool: Pool, directory: Path) -> None:
    asked = report("-- @data a\nselect 1 as n;\n-- @data b\nselect 10 / n as n from generate_series(-1, 1) as n")

    with pytest.raises(QueryError, match=r"sales\.sql:6: division by zero") as caught:
        await fetched(pool, directory, asked)

    assert caught.value.detail["block"] == "b"
    assert left_behind(directory) == []


# Limits


async def test_a_row_too_many_is_an_error_and_not_a_cut(pool: Pool, directory: Path) -> None:
    limits = replace(LIMITS, rows_max=10_000)
    # More lines than rows, in more pieces than one.
    many = "select n, E'a\\nb, \"c\"' || repeat('x', 100) as t from generate_series(1, {}) as n"

    exact = await fetched(pool, directory, many.format(10_000), limits=limits)
    assert next(iter(exact.blocks.values())).rows == 10_000 == len(rows(exact))

    with pytest.raises(LimitExceeded, match=r"more than 10,000 rows \(fetch\.rows_max\)") as caught:
        await fetched(pool, directory.with_name("43"), many.format(10_001), limits=limits)
    assert caught.value.detail["value"] == 10_000
    assert left_behind(directory) == ["42"]


async def test_a_reports_own_limit_holds_where_it_is_lower(pool: Pool, directory: Path) -> None:
    asked = report("select n from generate_series(1, 11) as n", head="max_rows = 10")

    with pytest.raises(LimitExceeded, match=r"more than 10 rows \(the report's max_rows\)"):
        await fetched(pool, directory, asked)


async def test_bytes_are_limited_over_all_queries(pool: Pool, directory: Path) -> None:
    block = "select repeat('x', 1000) as t from generate_series(1, 100);\n"
    asked = report(f"-- @data a\n{block}-- @data b\n{block}")

    with pytest.raises(LimitExceeded, match=r'passed 150,000 bytes while block "b" was read \(fetch\.bytes_max\)'):
        await fetched(pool, directory, asked, limits=replace(LIMITS, bytes_max=150_000))

    assert left_behind(directory) == []


async def test_a_query_without_end_is_stopped_by_the_first_limit(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path
) -> None:
    with pytest.raises(LimitExceeded):
        await fetched(
            pool,
            directory,
            "with recursive r(n) as (select 1 union all select n % 1000 + 1 from r) select n, repeat('x', 1000) from r",
            limits=replace(LIMITS, bytes_max=3_000_000),
        )

    await nothing_runs(admin)


async def test_a_slow_query_is_stopped_by_the_server(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path
) -> None:
    with pytest.raises(LimitExceeded, match=r"ran longer than 0\.3 s \(fetch\.query_timeout_s\)"):
        await fetched(pool, directory, "select pg_sleep(60)::text as n", limits=replace(LIMITS, query_timeout_s=0.3))

    assert left_behind(directory) == []
    await nothing_runs(admin)


async def test_spilling_too_much_is_a_limit(pool: Pool, directory: Path) -> None:
    with pytest.raises(LimitExceeded, match=r"fetch\.temp_bytes_max"):
        await fetched(
            pool,
            directory,
            "select n, repeat('x', 100) as t from generate_series(1, 200000) as n order by md5(n::text)",
            limits=replace(LIMITS, temp_bytes_max=1 << 20),
        )


# Ends


async def test_a_cancel_ends_the_query_on_the_server(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path, eventually: Eventually
) -> None:
    task = asyncio.create_task(fetched(pool, directory, "select pg_sleep(600)::text as n"))
    await eventually(lambda: sleeping(admin))
    started = time.monotonic()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert time.monotonic() - started < 2
    await nothing_runs(admin)
    assert left_behind(directory) == []
    assert rows(await fetched(pool, directory, "select 1 as n")) == [["1"]]


async def test_a_cancel_while_rows_stream_leaves_no_file(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path, eventually: Eventually
) -> None:
    task = asyncio.create_task(
        fetched(pool, directory, "select n, repeat('x', 1000) as t from generate_series(1, 3000000) as n")
    )
    await eventually(lambda: any(path.stat().st_size > 5_000_000 for path in directory.parent.glob(".42.*/*.tmp")))
    started = time.monotonic()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert time.monotonic() - started < 2
    await nothing_runs(admin)
    assert left_behind(directory) == []


@pytest.mark.parametrize("how", ["pg_terminate_backend", "pg_cancel_backend"])
async def test_a_query_that_an_operator_ends_may_be_tried_again(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path, eventually: Eventually, how: str
) -> None:
    task = asyncio.create_task(fetched(pool, directory, "select pg_sleep(600)::text as n"))
    await eventually(lambda: sleeping(admin))

    await admin.execute(f"select {how}(pid) from pg_stat_activity where application_name = 'reportd-reports'")

    with pytest.raises(QueryInterrupted) as caught:
        await task
    assert caught.value.retryable
    assert left_behind(directory) == []
    assert rows(await fetched(pool, directory, "select 1 as n")) == [["1"]]


async def test_a_held_lock_is_waited_for_only_so_long(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path
) -> None:
    await admin.execute("create table t (n int)")
    await admin.execute("begin; lock table t")

    with pytest.raises(QueryInterrupted, match="lock timeout"):
        await fetched(pool, directory, "select n from t", limits=replace(LIMITS, lock_wait_s=0.2))

    await admin.execute("rollback")


async def test_a_server_that_falls_silent_is_given_up(
    pool: Pool, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The daemon's own clock, which else runs out only after the server's.
    monkeypatch.setattr(dataset, "_SILENCE_LIMIT_S", -0.6)

    with pytest.raises(QueryInterrupted, match="was lost while reading"):
        await fetched(
            pool,
            directory,
            "select pg_sleep(600)::text as n",
            limits=replace(LIMITS, query_timeout_s=0.8),
        )

    assert left_behind(directory) == []


async def test_no_server_is_an_outage(directory: Path, tmp_path: Path) -> None:
    pool = asyncpg.create_pool(f"postgresql://postgres@/x?host={tmp_path}", min_size=0, max_size=1)
    async with pool:
        with pytest.raises(DatabaseUnavailable, match="the source database can't be read"):
            await fetched(pool, directory, "select 1 as n")

    assert left_behind(directory) == []


async def test_a_connection_goes_back_as_it_was(pool: Pool, directory: Path) -> None:
    async with pool.acquire() as connection:
        before = await connection.fetch("select name, setting from pg_settings where source = 'session' order by 1")

    await fetched(pool, directory, "select set_config('search_path', 'pg_temp', false) as n")

    async with pool.acquire() as connection:
        assert not connection.is_in_transaction()
        after = await connection.fetch("select name, setting from pg_settings where source = 'session' order by 1")
    assert after == before


@contextmanager
def files_no_larger_than(limit: int) -> Iterator[None]:
    """The kernel refuses to grow any file of this process past `limit` bytes, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("rows_of_1_kb", [3_000, 300])
async def test_no_room_is_store_full_and_leaves_nothing(
    pool: Pool, admin: asyncpg.Connection[asyncpg.Record], directory: Path, rows_of_1_kb: int
) -> None:
    sql = f"select repeat('x', 1000) as t from generate_series(1, {rows_of_1_kb})"

    with files_no_larger_than(250_000), pytest.raises(StoreFull, match='spooling block "'):
        await fetched(pool, directory, sql)

    assert left_behind(directory) == []
    await nothing_runs(admin)


# Reuse


async def test_an_attempt_finds_what_the_one_before_it_fetched(pool: Pool, directory: Path) -> None:
    asked = report("select :n as n", head='params.n = { type = "int" }')
    made = await fetched(pool, directory, asked, {"n": 7})

    assert fetch.reuse(directory, asked.source.sha256, given(asked, {"n": 7})) == made


async def test_another_question_is_not_answered_by_an_old_spool(pool: Pool, directory: Path) -> None:
    asked = report("select :n as n", head='params.n = { type = "int" }')
    await fetched(pool, directory, asked, {"n": 7})

    assert fetch.reuse(directory, asked.source.sha256, given(asked, {"n": 8})) is None
    assert fetch.reuse(directory, "another version", given(asked, {"n": 7})) is None


@pytest.mark.parametrize("damage", ["a byte", "the end", "a file", "the manifest", "half the manifest"])
async def test_a_damaged_spool_is_not_used(pool: Pool, directory: Path, damage: str) -> None:
    asked = report("select 7 as n")
    made = await fetched(pool, directory, asked)
    path = made.path(next(iter(made.blocks)))
    manifest = directory / spool.MANIFEST
    match damage:
        case "a byte":
            path.write_text("8\n")
        case "the end":
            path.write_text("7")
        case "a file":
            path.unlink()
        case "the manifest":
            manifest.unlink()
        case "half the manifest":
            manifest.write_text(manifest.read_text()[:50])

    assert fetch.reuse(directory, asked.source.sha256, given(asked)) is None
    # And it does not stand in the way of a new one.
    assert rows(await fetched(pool, directory, asked)) == [["7"]]
    assert left_behind(directory) == ["42"]


async def test_a_new_question_replaces_the_old_spool(pool: Pool, directory: Path) -> None:
    await fetched(pool, directory, "select 7 as n")

    assert rows(await fetched(pool, directory, "select 8 as n")) == [["8"]]
    assert left_behind(directory) == ["42"]


async def test_a_spool_that_somebody_may_be_reading_is_kept(pool: Pool, directory: Path) -> None:
    asked = report("select clock_timestamp() as at")
    first = await fetched(pool, directory, asked)

    second = await fetched(pool, directory, asked)

    assert second == first
    assert left_behind(directory) == ["42"]
