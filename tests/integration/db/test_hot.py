"""Completions stay HOT: they touch no index, so a long snapshot elsewhere does not slow the claim down."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from reportd.db import jobs, kinds, pool
from reportd.db.kinds import KindRow
from reportd.db.queries import Connection
from tests.conftest import Eventually
from tests.integration.db.desk import finish, register, take
from tests.postgres import Databases

BATCH = 100
BATCHES = 4
# What a first attempt changes that succeeds, from its begin to its completion. (A later one also takes an error away.)
CHANGED = (
    "outcome", "status", "finished_at", "started_at", "percent", "step", "message", "eta", "result", "params_resolved",
)  # fmt: skip


@pytest.fixture
async def untouched(databases: Databases) -> AsyncIterator[str]:
    """A database of its own, whose counters begin at 0."""
    async with databases.migrated() as dsn:
        yield dsn


@pytest.mark.parametrize(("way", "writes"), [("brief", 1), ("alone", 3)])
async def test_a_successful_attempt_touches_no_index(
    untouched: str, eventually: Eventually, way: str, writes: int
) -> None:
    conn = await pool.connect(untouched, application_name="test")
    await kinds.upsert(conn, [KindRow("noop", "task", "Nothing", "1")], worker=0)
    worker = await register(conn)
    for _ in range(BATCHES):
        await conn.execute("insert into reportd.jobs (kind) select 'noop' from generate_series(1, $1::integer)", BATCH)
        claimed = await take(conn, worker, demand=BATCH)
        if way == "brief":
            await jobs.complete_brief(conn, worker=worker, jobs=[(job.id, job.attempt) for job in claimed])
        else:
            for job in claimed:
                await jobs.begin(conn, id=job.id, worker=worker, attempt=1, params_resolved={"a": 1})
                await jobs.progress(conn, id=job.id, worker=worker, attempt=1, step="fetching-data", percent=10)
                await finish(conn, job, worker)
    # A session's counts are added up at its end at the latest.
    await conn.close()

    watching = await asyncpg.connect(untouched)

    async def counted() -> int | None:
        row = await watching.fetchrow("""
            select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where schemaname = 'reportd' and relname = 'jobs'
        """)
        return row["n_tup_hot_upd"] if row and row["n_tup_upd"] == BATCH * BATCHES * (1 + writes) else None

    hot = await eventually(counted, 20)
    await watching.close()
    assert hot is not None
    # The exception is a version that found no room on its page. A claim takes the row out of an index, and is not HOT.
    assert hot >= 0.95 * BATCH * BATCHES * writes


async def test_no_index_uses_a_column_that_a_success_changes(conn: Connection) -> None:
    indexes = await conn.fetch("""
        select pg_get_indexdef(indexrelid) as definition from pg_index where indrelid = 'reportd.jobs'::regclass
    """)
    assert indexes
    for index in indexes:
        words = index["definition"].replace("(", " ").replace(")", " ").replace(",", " ").split()
        assert not set(words) & set(CHANGED), index["definition"]
