"""Every limit attacked: what stops a report, and that it says by which setting."""

from __future__ import annotations

import resource
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from reportd.db.pool import Pool, create_pool
from reportd.errors import LimitExceeded, QueryError
from reportd.fetch import FetchLimits
from reportd.render.pdf import PDF
from reportd.render.task import RenderSettings
from tests.conftest import Eventually
from tests.integration.security.asking import LIMITS, fetched, rows, unread
from tests.integration.security.conftest import Connection, Ground
from tests.unit.render.sheets import column, document, table

MIB = 1 << 20
FETCHING: dict[str, tuple[str, FetchLimits, str, str]] = {
    "rows": (
        "select n from generate_series(1, 1001) as n",
        replace(LIMITS, rows_max=1000),
        "fetch.rows_max",
        'block "b1" gives more than 1,000 rows (fetch.rows_max): narrow the query or its params',
    ),
    "bytes": (
        "select repeat('x', 1000) as t from generate_series(1, 3000)",
        replace(LIMITS, bytes_max=2 * MIB),
        "fetch.bytes_max",
        'the report\'s data passed 2,097,152 bytes while block "b1" was read (fetch.bytes_max): select fewer rows',
    ),
    "one cell": (
        "select repeat('x', 50000000) as t",
        replace(LIMITS, row_bytes_max=MIB),
        "fetch.row_bytes_max",
        'block "b1" has a row of more than 1,048,576 bytes (fetch.row_bytes_max): cut its texts, as by left(column',
    ),
    "one row of many cells": (
        "select " + ", ".join(f"repeat('x', 200000) as t{n}" for n in range(40)),
        replace(LIMITS, row_bytes_max=4 * MIB),
        "fetch.row_bytes_max",
        'block "b1" has a row of more than 4,194,304 bytes',
    ),
    "a large row after small ones": (
        "select repeat('x', case n when 50000 then 30000000 else 10 end) as t from generate_series(1, 60000) as n",
        replace(LIMITS, row_bytes_max=MIB),
        "fetch.row_bytes_max",
        'block "b1" has a row of more than 1,048,576 bytes',
    ),
    "columns": (
        "select " + ", ".join(f"{n} as c{n}" for n in range(51)),
        replace(LIMITS, columns_max=50),
        "fetch.columns_max",
        'block "b1" has 51 columns, of 50 allowed (fetch.columns_max): select fewer',
    ),
    "time": (
        "select pg_sleep(30)::text as t",
        replace(LIMITS, query_timeout_s=0.3),
        "fetch.query_timeout_s",
        'block "b1" ran longer than 0.3 s (fetch.query_timeout_s): look at its plan with EXPLAIN',
    ),
}


@pytest.mark.parametrize("attack", FETCHING)
async def test_a_query_past_a_limit_says_which(
    pool: Pool, admin: Connection, tmp_path: Path, eventually: Eventually, attack: str
) -> None:
    sql, limits, setting, said = FETCHING[attack]

    with pytest.raises(LimitExceeded) as stopped:
        await fetched(pool, tmp_path / "spool" / "1", unread(sql), limits=limits)

    assert stopped.value.message.startswith(said)
    assert setting in stopped.value.message
    assert stopped.value.detail["limit"] == setting
    assert not stopped.value.retryable
    assert list((tmp_path / "spool").iterdir()) == []
    # The next job has a connection, and the server nothing left to do.
    assert rows(await fetched(pool, tmp_path / "2", unread("select 1 as n"))) == [["1"]]
    idle = "select count(*) = 0 from pg_stat_activity where application_name = 'reportd report' and state <> 'idle'"
    await eventually(lambda: admin.fetchval(idle))


async def test_what_keeps_to_the_limits_comes_through(pool: Pool, tmp_path: Path) -> None:
    limits = replace(LIMITS, rows_max=300, row_bytes_max=MIB, bytes_max=40 * MIB, columns_max=2)

    made = await fetched(
        pool,
        tmp_path / "1",
        unread(
            "select n, repeat('x', 100000) as t from generate_series(1, 300) as n", "select repeat('y', 900000) as t"
        ),
        limits=limits,
    )

    assert [len(rows(made, block)) for block in ("b1", "b2")] == [300, 1]


async def test_a_huge_cell_never_comes_into_memory(pool: Pool, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises(LimitExceeded, match=r"fetch\.row_bytes_max"):
        await fetched(pool, tmp_path / "1", unread("select repeat('x', 200000000) as t"), limits=FetchLimits())

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 80 << 10


async def test_the_role_s_own_limit_of_temporary_files_holds(ground: Ground, admin: Connection, tmp_path: Path) -> None:
    """What `reportd grants` sets: a role that is no superuser can neither set it nor lift it."""
    granted = "select setconfig from pg_db_role_setting s join pg_roles r on r.oid = s.setrole where rolname = $1"
    assert "temp_file_limit=8GB" in await admin.fetchval(granted, ground.report_role)
    await admin.execute(f"alter role {ground.report_role} set temp_file_limit = '1MB'")
    pool = await create_pool(ground.report_dsn, min_size=0, max_size=1, application_name="x", statement_cache_size=0)
    bomb = "select n, repeat('x', 100) as t from generate_series(1, 200000) as n order by md5(n::text)"
    lifted = f"with s as materialized (select set_config('temp_file_limit', '-1', true)) select * from s, ({bomb}) as b"
    try:
        with pytest.raises(LimitExceeded, match=r"fetch\.temp_bytes_max, or the role's temp_file_limit"):
            await fetched(pool, tmp_path / "1", unread(bomb))
        with pytest.raises(QueryError, match="permission denied to set parameter"):
            await fetched(pool, tmp_path / "1", unread(lifted))
    finally:
        await pool.close()
        await admin.execute(f"alter role {ground.report_role} set temp_file_limit = '8GB'")


@pytest.mark.parametrize("lines", [120, 700], ids=["laid out", "streamed"])
def test_a_pdf_past_its_pages_says_so(tmp_path: Path, lines: int) -> None:
    columns = [column("note"), column("qty", "integer", total=str(lines))]
    long = table(
        tmp_path, [replace(columns[0], total=None), replace(columns[1], total=Decimal(lines))], [["x", "1"]] * lines
    )
    made = document(long)

    (file,) = PDF().render(made, out=tmp_path, settings=RenderSettings())
    assert file.pages is not None
    assert file.pages > 2
    with pytest.raises(LimitExceeded, match=r"more than 2 pages \(reports\.pdf_pages_max\)") as stopped:
        PDF().render(made, out=tmp_path, settings=RenderSettings(pdf_pages_max=2))
    assert stopped.value.detail == {"limit": "reports.pdf_pages_max", "value": 2}
    PDF().render(made, out=tmp_path, settings=RenderSettings(pdf_pages_max=file.pages))
