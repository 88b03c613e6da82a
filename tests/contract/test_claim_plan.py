"""The statements of the hot path use their index whatever the table's size was when their plan was made."""

from __future__ import annotations

import re

import asyncpg
import pytest

from reportd.db import jobs, pool

FILL = """
insert into reportd.kinds (name, type, title, content_hash) values ('noop', 'task', 'Nothing', '1');
alter table reportd.jobs disable trigger user;
insert into reportd.jobs (kind, queue, priority, ready, outcome, finished_at)
  select 'noop', 'default', 0, false, 'completed', clock_timestamp() from generate_series(1, 40000);
insert into reportd.jobs (kind, queue, priority, run_at)
  select 'noop', 'default', 0, clock_timestamp() + interval '1 day' from generate_series(1, 20000);
insert into reportd.jobs (kind, queue, priority) select 'noop', 'default', 0 from generate_series(1, 5000);
alter table reportd.jobs enable trigger user;
"""
CALLS = {
    "claim": "('default', 0::smallint, 10, 1, '{noop}', '-infinity', 0, 300, 4)",
    "complete_brief": "(1, '{1,2,3}', 1, '{}')",
    "begin": "(1, 1, 1, null)",
    "complete": "(1, 1, 1, 1, '[]', '[]', null, null)",
    "interrupted": "(1, '{1,2,3}', '{1,1,1}')",
    "lanes": "(0)",
}


async def plan(conn: asyncpg.Connection[asyncpg.Record], name: str) -> str:
    """The plan that `name` gets once it is prepared and its plan kept."""
    sql = jobs.QUERIES[name].sql
    await conn.execute("set plan_cache_mode = force_generic_plan")
    await conn.execute(f"prepare it as {sql}")
    rows = await conn.fetch(f"explain (costs off) execute it{CALLS[name]}")
    await conn.execute("deallocate it")
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("analyzed", [False, True])
async def test_hot_statements_never_scan_the_table(dsn: str, analyzed: bool) -> None:
    conn = await pool.connect(dsn, application_name="test")
    try:
        empty = {name: await plan(conn, name) for name in CALLS}
        await conn.execute(FILL)
        if analyzed:
            await conn.execute("analyze reportd.jobs")
        full = {name: await plan(conn, name) for name in CALLS}
    finally:
        await conn.close()
    for plans in (empty, full):
        for name, text in plans.items():
            assert "Seq Scan on jobs" not in text, f"{name}:\n{text}"
            assert not re.search("(Hash|Merge).* Join", text) or name in ("claim", "complete"), f"{name}:\n{text}"
            assert name in ("claim", "lanes") or re.search(r"Index Cond: \(id = ", text), f"{name}:\n{text}"
        assert "Index Scan using jobs_ready on jobs" in plans["claim"], plans["claim"]
        assert "Tid Scan on jobs" in plans["claim"], plans["claim"]
        assert "using jobs_ready" in plans["lanes"], plans["lanes"]


async def test_a_claim_reads_due_rows_only(dsn: str) -> None:
    conn = await pool.connect(dsn, application_name="test")
    try:
        await conn.execute(FILL)
        await conn.execute("delete from reportd.jobs where ready and run_at < clock_timestamp()")
        query = jobs.QUERIES["claim"]
        plan = await conn.fetch(
            f"explain (analyze, buffers, timing off, format json) {query.sql}",
            "default", 0, 10, 1, ["noop"], *jobs.START, 300.0, 4,
        )  # fmt: skip
        blocks = plan[0][0][0]["Plan"]["Shared Hit Blocks"] + plan[0][0][0]["Plan"]["Shared Read Blocks"]
    finally:
        await conn.close()
    # 20,000 rows wait for tomorrow, in some 150 blocks of the index.
    assert blocks < 100
