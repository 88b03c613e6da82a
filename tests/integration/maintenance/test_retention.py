"""What is past its time goes, with its files; what is unfinished or still needed stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest

from reportd.artifacts import DirectoryStore
from reportd.db.pool import Pool, create_pool
from reportd.db.retention import Keep
from reportd.maintenance.retention import Retention

Connection: TypeAlias = "asyncpg.Connection[Any]"
DAY_S = 86_400.0
FOREVER = Keep(None, None)


@pytest.fixture
async def pool(dsn: str, connection: Connection) -> AsyncIterator[Pool]:
    await connection.execute(
        "insert into reportd.kinds (name, type, title, content_hash) values ('noop', 'task', 'Nothing', 'x')"
    )
    pool = await create_pool(dsn, min_size=0, max_size=4, application_name="test")
    yield pool
    await pool.close()


async def ended(
    connection: Connection, *days_ago: float, outcome: str = "completed", queue: str = "default"
) -> list[int]:
    """Jobs that ended so many days ago."""
    return [await _ended(connection, days, outcome, queue) for days in days_ago]


async def _ended(connection: Connection, days: float, outcome: str, queue: str) -> int:
    id: int = await connection.fetchval(
        "insert into reportd.jobs (kind, queue) values ('noop', $1) returning id", queue
    )
    await connection.execute(
        "update reportd.jobs set outcome = $2, ready = false,"
        " finished_at = clock_timestamp() - make_interval(secs => $3),"
        " error = case $2 when 'failed' then '{}'::jsonb end where id = $1",
        id,
        outcome,
        days * DAY_S,
    )
    return id


async def stored(
    connection: Connection, root: Path, job: int, *, days: float = 0, expires: float | None = None
) -> Path:
    """A file of `job`, made so many days ago."""
    path = root / "0" / f"{job}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    await connection.execute(
        "insert into reportd.artifacts (job_id, attempt, format, name, uri, content_type, bytes, sha256, created_at,"
        " expires_at) values ($1, 1, 'csv', 'x.csv', $2, 'text/csv', 1, repeat('0', 64),"
        " clock_timestamp() - make_interval(secs => $3), clock_timestamp() + make_interval(secs => $4))",
        job,
        path.as_uri(),
        days * DAY_S,
        expires,
    )
    return path


async def run(pool: Pool, root: Path, keep: Keep, **rules: Any) -> None:
    rules = {"artifacts_s": None, "occurrences_s": None} | rules
    await Retention(pool=pool, store=DirectoryStore(root), keep=keep, **rules).step()


async def left(connection: Connection) -> list[int]:
    return [row["id"] for row in await connection.fetch("select id from reportd.jobs order by id")]


async def test_finished_jobs_go_by_age_with_their_files_and_attempts(
    connection: Connection, pool: Pool, tmp_path: Path
) -> None:
    old, young = await ended(connection, 31, 29)
    (failed,) = await ended(connection, 31, outcome="failed")
    await ended(connection, 91, outcome="cancelled")
    gone = await stored(connection, tmp_path, old)
    kept = await stored(connection, tmp_path, young)
    await connection.execute("insert into reportd.attempts (job_id, attempt, outcome) values ($1, 1, 'completed')", old)
    await run(pool, tmp_path, Keep(30 * DAY_S, 90 * DAY_S))
    assert await left(connection) == [young, failed]
    assert (gone.exists(), kept.exists()) == (False, True)
    assert await connection.fetchval("select count(*) from reportd.attempts") == 0


async def test_an_unfinished_job_is_never_deleted(connection: Connection, pool: Pool, tmp_path: Path) -> None:
    id = await connection.fetchval(
        "insert into reportd.jobs (kind, created_at) values ('noop', '2000-01-01') returning id"
    )
    await run(pool, tmp_path, Keep(0.001, 0.001, 0, 0))
    assert await left(connection) == [id]


async def test_a_queue_keeps_a_number_of_jobs_per_outcome(connection: Connection, pool: Pool, tmp_path: Path) -> None:
    completed = await ended(connection, 0, 0, 0)
    failed = await ended(connection, 0, 0, outcome="failed")
    other = await ended(connection, 0, 0, queue="other")
    await connection.execute("insert into reportd.queues (name, keep_completed, keep_failed) values ('default', 2, 1)")
    await run(pool, tmp_path, FOREVER)
    assert await left(connection) == [*completed[1:], failed[1], *other]


async def test_the_number_may_be_a_default_for_all_queues(connection: Connection, pool: Pool, tmp_path: Path) -> None:
    await connection.execute("insert into reportd.tallies (queue, outcome, jobs) values ('default', 'completed', 3)")
    ids = await ended(connection, 0, 0, 0)
    await run(pool, tmp_path, Keep(None, None, 1, None))
    assert await left(connection) == ids[2:]


async def test_a_queues_own_age_wins(connection: Connection, pool: Pool, tmp_path: Path) -> None:
    mine = await ended(connection, 2, 100)
    archive = await ended(connection, 100, queue="archive")
    await connection.execute("insert into reportd.queues (name, keep_completed_s) values ('archive', $1)", 365 * DAY_S)
    await run(pool, tmp_path, Keep(30 * DAY_S, None))
    assert await left(connection) == [mine[0], *archive]


async def test_what_is_still_to_be_delivered_stays(connection: Connection, pool: Pool, tmp_path: Path) -> None:
    (id,) = await ended(connection, 100)
    file = await stored(connection, tmp_path, id, days=100)
    await connection.execute("insert into reportd.deliveries (job_id, channel, target) values ($1, 'file', 'x/')", id)
    rules = {"artifacts_s": DAY_S}
    await run(pool, tmp_path, Keep(DAY_S, DAY_S), **rules)
    assert (await left(connection), file.exists()) == ([id], True)
    await connection.execute("update reportd.deliveries set status = 'delivered', delivered_at = now()")
    await run(pool, tmp_path, Keep(DAY_S, DAY_S), **rules)
    assert (await left(connection), file.exists()) == ([], False)


async def test_a_part_stays_while_its_whole_is_unfinished(connection: Connection, pool: Pool, tmp_path: Path) -> None:
    parent = await connection.fetchval("insert into reportd.jobs (kind) values ('noop') returning id")
    (part,) = await ended(connection, 100)
    await connection.execute("update reportd.jobs set parent_id = $1 where id = $2", parent, part)
    await run(pool, tmp_path, Keep(DAY_S, DAY_S))
    assert await left(connection) == [parent, part]


async def test_a_job_stays_while_another_waits_for_it(connection: Connection, pool: Pool, tmp_path: Path) -> None:
    (first,) = await ended(connection, 100)
    second = await connection.fetchval("insert into reportd.jobs (kind) values ('noop') returning id")
    await connection.execute("insert into reportd.waits (job, on_job) values ($1, $2)", second, first)
    await run(pool, tmp_path, Keep(DAY_S, DAY_S))
    assert await left(connection) == [first, second]


async def test_files_go_by_their_own_time_and_by_age_before_their_jobs(
    connection: Connection, pool: Pool, tmp_path: Path
) -> None:
    ids = await ended(connection, 0, 0, 0)
    expired = await stored(connection, tmp_path, ids[0], expires=-1)
    old = await stored(connection, tmp_path, ids[1], days=8)
    young = await stored(connection, tmp_path, ids[2], days=6, expires=DAY_S)
    await run(pool, tmp_path, FOREVER, artifacts_s=7 * DAY_S)
    assert [path.exists() for path in (expired, old, young)] == [False, False, True]
    assert [row["job_id"] for row in await connection.fetch("select job_id from reportd.artifacts")] == [ids[2]]
    assert await left(connection) == ids


async def test_many_jobs_are_gone_over_in_windows(connection: Connection, pool: Pool, tmp_path: Path) -> None:
    old = await ended(connection, *[100] * 7)
    waiting = await connection.fetchval("insert into reportd.jobs (kind) values ('noop') returning id")
    await ended(connection, *[100] * 5)
    await run(pool, tmp_path, Keep(DAY_S, DAY_S), window_rows=3)
    assert await left(connection) == [waiting]
    assert len(old) == 7


async def test_a_file_in_another_daemons_store_is_left_to_it(
    connection: Connection, pool: Pool, tmp_path: Path
) -> None:
    (id,) = await ended(connection, 100)
    elsewhere = await stored(connection, tmp_path / "theirs", id)
    await run(pool, tmp_path / "mine", Keep(DAY_S, DAY_S))
    assert (await left(connection), elsewhere.exists()) == ([], True)


async def test_old_ticks_leave_the_ledger(connection: Connection, pool: Pool, tmp_path: Path) -> None:
    await connection.execute("insert into reportd.schedules (name, kind, cron) values ('a', 'noop', '@daily')")
    await connection.execute(
        "insert into reportd.occurrences (schedule_id, slot, outcome)"
        " select id, clock_timestamp() - make_interval(days => d), 'merged'"
        " from reportd.schedules, generate_series(1, 10) d"
    )
    await run(pool, tmp_path, FOREVER, occurrences_s=5.5 * DAY_S)
    assert await connection.fetchval("select count(*) from reportd.occurrences") == 5
