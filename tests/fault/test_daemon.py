"""What becomes of a job when its daemon dies, is told to stop, or loses its database, at every step of the way."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reportd import failpoints
from tests.conftest import PostgresServer
from tests.daemons import SMALL_REPORT, Daemon, check, daemon, until

IN_CHILD = ("building", "generating")
IN_DELIVERY = ("delivered",)  # see test_deliver.py
IN_DAEMON = tuple(name for name in failpoints.POINTS if name not in (*IN_CHILD, *IN_DELIVERY))
# A write that the kernel does not let go of ends with its process, not before; and a completed job has no way back.
INTERRUPTIBLE = tuple(name for name in failpoints.POINTS if name not in ("storing", "completed", *IN_DELIVERY))


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    directory = tmp_path / "reports"
    directory.mkdir()
    (directory / "small.sql").write_text(SMALL_REPORT)
    (directory / "slow-query.sql").write_text("select 1 as one, pg_sleep(60)::text as waited")
    return directory


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def armed(directory: Path, action: str) -> dict[str, str]:
    """Every place armed with `action`, each behind a file that is not there yet."""
    spec = ";".join(f"{name}={action}:{directory / name}" for name in failpoints.POINTS)
    return {failpoints.ENVIRONMENT: spec}


async def ordered(connection: asyncpg.Connection[Any], *, kind: str = "small", formats: str = "{csv}") -> int:
    return int(
        await connection.fetchval(
            "insert into reportd.jobs (kind, formats) values ($1, $2::text[]) returning id",
            kind,
            formats.strip("{}").split(","),
        )
    )


async def status(connection: asyncpg.Connection[Any], job: int) -> str:
    return str(await connection.fetchval("select status from reportd.jobs where id = $1", job))


async def completed(connection: asyncpg.Connection[Any], job: int, running: Daemon, limit_s: float = 20) -> None:
    async def done() -> bool:
        return await status(connection, job) == "completed"

    await until(done, running, limit_s=limit_s)


@pytest.mark.timeout(240)
async def test_a_daemon_killed_at_any_step_loses_no_job_and_completes_none_twice(
    dsn: str, connection: asyncpg.Connection[Any], state: Path, reports: Path, tmp_path: Path
) -> None:
    jobs: list[int] = []
    for place in IN_DAEMON:
        async with daemon(dsn, state, reports, environment=armed(tmp_path, "kill")) as running:
            for earlier in jobs[-1:]:
                await completed(connection, earlier, running)
            (tmp_path / place).touch()
            jobs.append(await ordered(connection))
            assert await running.ended() == -9, place
            assert not (tmp_path / place).exists(), f"{place} was not reached"
    async with daemon(dsn, state, reports) as running:
        await completed(connection, jobs[-1], running)
        await check(connection, state, jobs=jobs)
        crashed = await connection.fetch("select job_id from reportd.attempts where outcome = 'crashed' order by 1")
        # The job whose completion had committed before the kill is the one that does not run again.
        assert [row["job_id"] for row in crashed] == jobs[:-1]
        assert await running.terminate() == 0


@pytest.mark.timeout(240)
async def test_a_daemon_told_to_stop_at_any_step_gives_the_job_back_and_spends_no_budget(
    dsn: str, connection: asyncpg.Connection[Any], state: Path, reports: Path, tmp_path: Path
) -> None:
    jobs: list[int] = []
    for place in INTERRUPTIBLE:
        async with daemon(dsn, state, reports, environment=armed(tmp_path, "hang")) as running:
            for earlier in jobs[-1:]:
                await completed(connection, earlier, running)
            (tmp_path / place).touch()
            jobs.append(await ordered(connection))
            await until(lambda place=place: not (tmp_path / place).exists(), running)
            assert await running.terminate() == 0, place
        row = await connection.fetchrow("select * from reportd.jobs where id = $1", jobs[-1])
        assert row is not None
        assert (row["status"], row["failures"], row["crashes"]) == ("pending", 0, 0), place
    async with daemon(dsn, state, reports) as running:
        await completed(connection, jobs[-1], running)
        await check(connection, state, jobs=jobs)


@pytest.mark.parametrize("place", IN_CHILD)
async def test_a_child_killed_at_any_step_fails_its_own_attempt_with_the_signal_named(
    dsn: str, connection: asyncpg.Connection[Any], state: Path, reports: Path, tmp_path: Path, place: str
) -> None:
    async with daemon(dsn, state, reports, environment=armed(tmp_path, "kill")) as running:
        (tmp_path / place).touch()
        jobs = [await ordered(connection), await ordered(connection)]
        for job in jobs:
            await completed(connection, job, running)
        tries = await connection.fetch("select * from reportd.attempts where outcome = 'crashed'")
        assert len(tries) == 1
        assert "SIGKILL" in tries[0]["error"]
        await check(connection, state, jobs=jobs)


async def test_a_child_that_keeps_dying_is_quarantined_and_the_rest_of_the_queue_goes_on(
    dsn: str, connection: asyncpg.Connection[Any], state: Path, reports: Path, tmp_path: Path
) -> None:
    environment = {failpoints.ENVIRONMENT: "building=kill"}
    async with daemon(dsn, state, reports, environment=environment) as running:
        job = await ordered(connection)

        async def failed() -> bool:
            return await status(connection, job) == "failed"

        await until(failed, running, limit_s=30)
        error = await connection.fetchval("select error->>'code' from reportd.jobs where id = $1", job)
        assert error == "crash-loop"
        assert await connection.fetchval("select crashes from reportd.jobs where id = $1", job) == 3
        await check(connection, state, jobs=[job])


@pytest.mark.parametrize(("kind", "place"), [("slow-query", "fetching-data"), ("small", "generating-file")])
async def test_cancel_stops_a_running_job_within_two_seconds_and_leaves_no_file(
    dsn: str,
    connection: asyncpg.Connection[Any],
    state: Path,
    reports: Path,
    tmp_path: Path,
    kind: str,
    place: str,
) -> None:
    async with daemon(dsn, state, reports, environment=armed(tmp_path, "hang")) as running:
        (tmp_path / "generating").touch()
        job = await ordered(connection, kind=kind)

        async def at_step() -> bool:
            return bool(await connection.fetchval("select step = $2 from reportd.jobs where id = $1", job, place))

        await until(at_step, running)
        loop = asyncio.get_running_loop()
        asked = loop.time()
        assert await connection.fetchval("select reportd.cancel($1)", job) == "running"

        async def cancelled() -> bool:
            return await status(connection, job) == "cancelled"

        await until(cancelled, running, limit_s=5)
        assert loop.time() - asked < 2.0
        await until(lambda: len(running.descendants()) == 1, running)
        await until(lambda: not list((state / "spool").iterdir()), running)
        await check(connection, state, jobs=[job])
        busy = "select count(*) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()"
        assert await connection.fetchval(busy) == 0


async def test_a_restart_of_postgres_in_mid_job_costs_no_job_and_no_daemon(
    postgres_server: PostgresServer, state: Path, reports: Path, tmp_path: Path
) -> None:
    async with daemon(postgres_server.dsn, state, reports, environment=armed(tmp_path, "hang")) as running:
        (tmp_path / "generating").touch()
        connection = await asyncpg.connect(postgres_server.dsn)
        jobs = [await ordered(connection) for _ in range(5)]
        await until(lambda: not (tmp_path / "generating").exists(), running)
        await connection.close()
        await postgres_server.restart(immediate=True)
        connection = await asyncpg.connect(postgres_server.dsn)

        async def all_but_one() -> bool:
            return bool(await connection.fetchval("select count(*) = 1 from reportd.jobs where outcome is null"))

        await until(all_but_one, running, limit_s=20)
        # The one that hangs in its child is as healthy as before: cancelled, not lost and not run again.
        hanging = await connection.fetchval("select id from reportd.jobs where outcome is null")
        assert await connection.fetchval("select attempt from reportd.jobs where id = $1", hanging) == 1
        await connection.fetchval("select reportd.cancel($1)", hanging)

        async def ended() -> bool:
            return await status(connection, hanging) == "cancelled"

        await until(ended, running)
        await check(connection, state, jobs=jobs)
        await connection.close()
        assert await running.terminate() == 0


async def test_a_job_that_passes_its_timeout_is_stopped_and_retried(
    dsn: str, connection: asyncpg.Connection[Any], state: Path, reports: Path
) -> None:
    async with daemon(dsn, state, reports) as running:
        job = await connection.fetchval(
            "insert into reportd.jobs (kind, formats, timeout_s, max_attempts)"
            " values ('slow-query', '{csv}', 0.5, 2) returning id"
        )

        async def failed() -> bool:
            return await status(connection, job) == "failed"

        await until(failed, running)
        row = await connection.fetchrow("select error, failures from reportd.jobs where id = $1", job)
        assert row is not None
        assert '"timeout"' in row["error"]
        assert "fetching-data" in row["error"]
        assert row["failures"] == 2
        await check(connection, state, jobs=[job])


async def test_two_daemons_share_200_jobs_and_one_killed_in_mid_job_loses_none(
    dsn: str, connection: asyncpg.Connection[Any], state: Path, reports: Path, tmp_path: Path
) -> None:
    async with (
        daemon(dsn, state, reports, environment=armed(tmp_path, "hang")) as doomed,
        daemon(dsn, state, reports) as other,
    ):
        (tmp_path / "building").touch()
        await connection.execute(
            "insert into reportd.jobs (kind, formats) select 'small', '{csv}' from generate_series(1, 200)"
        )
        jobs = [row["id"] for row in await connection.fetch("select id from reportd.jobs")]
        await until(lambda: not (tmp_path / "building").exists(), doomed)
        await until(lambda: len(doomed.said("job.completed")) >= 20, doomed, limit_s=60)
        doomed.kill()
        await doomed.ended()

        async def drained() -> bool:
            return not await connection.fetchval("select exists (select from reportd.jobs where outcome is null)")

        await until(drained, other, limit_s=60)
        await check(connection, state, jobs=jobs)
        assert other.said("job.rescued")
        assert await connection.fetchval("select count(*) from reportd.attempts where outcome = 'completed'") == 200


async def test_nothing_is_left_running_after_a_daemon_is_killed(
    dsn: str, connection: asyncpg.Connection[Any], state: Path, reports: Path, tmp_path: Path
) -> None:
    async with daemon(dsn, state, reports, environment=armed(tmp_path, "hang")) as running:
        (tmp_path / "building").touch()
        await ordered(connection)
        await until(lambda: not (tmp_path / "building").exists(), running)
        below = running.descendants()
        assert len(below) == 2
        running.kill()
        await running.ended()
        await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below))
    assert os.getpid() not in below
