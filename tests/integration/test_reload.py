"""Reports that are edited under a running daemon: by its own watch, and by SIGHUP."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.daemons import Daemon, daemon, until


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    directory = tmp_path / "reports"
    directory.mkdir()
    (directory / "sales.sql").write_text("select 'old' as version")
    return directory


async def ordered(connection: asyncpg.Connection[Any], kind: str) -> int:
    sql = "insert into reportd.jobs (kind, formats, max_attempts) values ($1, '{csv}', 1) returning id"
    return int(await connection.fetchval(sql, kind))


async def outcome(connection: asyncpg.Connection[Any], job: int, running: Daemon) -> str:
    """The content of the job's file, or the error that it failed with."""

    async def row() -> Any:
        return await connection.fetchrow(
            "select outcome, error ->> 'message' as error, uri from reportd.jobs left join reportd.artifacts"
            " on job_id = jobs.id where jobs.id = $1 and finished_at is not null",
            job,
        )

    ended = await until(row, running)
    return str(ended["error"] or Path(ended["uri"].removeprefix("file://")).read_text(encoding="utf-8"))


async def reloaded(running: Daemon, count: int) -> dict[str, Any]:
    """The log's line of the `count`-th reload."""
    await until(lambda: len(running.said("reports.reloaded")) >= count, running)
    return running.said("reports.reloaded")[count - 1]


async def test_a_watching_daemon_takes_up_each_edit_and_a_running_job_keeps_its_version(
    dsn: str, connection: asyncpg.Connection[Any], tmp_path: Path, reports: Path
) -> None:
    (reports / "sales.sql").write_text("select 'old' as version, pg_sleep(1.5)::text as waited")
    async with daemon(dsn, tmp_path / "state", reports, arguments=("--reload",)) as running:
        begun = await ordered(connection, "sales")
        await until(lambda: running.said("job.started", job=begun), running)
        (reports / "sales.sql").write_text("select 'new' as version")
        (reports / "profit.sql").write_text("select 7 as profit")
        seen = await reloaded(running, 1)
        assert (seen["changed"], seen["dropped"]) == (["profit", "sales"], [])
        assert "new" in await outcome(connection, await ordered(connection, "sales"), running)
        await until(lambda: connection.fetchval("select true from reportd.kinds where name = 'profit'"), running)
        assert "7" in await outcome(connection, await ordered(connection, "profit"), running), "a new kind is announced"
        assert "old" in await outcome(connection, begun, running)

        (reports / "profit.sql").write_text("select nothing from nowhere")
        await reloaded(running, 2)
        [broken] = running.said("report.broken", kind="profit")
        assert "nowhere" in broken["error"]
        sql = "select error ->> 'message' from reportd.kinds where name = 'profit'"
        error = await until(lambda: connection.fetchval(sql), running)
        assert 'profit.sql:1:21: relation "nowhere" does not exist' in error
        assert "new" in await outcome(connection, await ordered(connection, "sales"), running), "others go on"

        (reports / "profit.sql").write_text("select 8 as profit")
        await reloaded(running, 3)
        await until(
            lambda: connection.fetchval("select error is null from reportd.kinds where name = 'profit'"), running
        )
        assert "8" in await outcome(connection, await ordered(connection, "profit"), running)
        assert await running.terminate() == 0


async def test_sighup_reads_the_reports_again_and_retires_what_is_gone(
    dsn: str, connection: asyncpg.Connection[Any], tmp_path: Path, reports: Path
) -> None:
    (reports / "gone.sql").write_text('-- /// report\n-- schedule = { cron = "0 7 * * *" }\n-- ///\nselect 1 as one')
    async with daemon(dsn, tmp_path / "state", reports) as running:
        assert await connection.fetchval("select count(*) from reportd.schedules where retired_at is null") == 1
        (reports / "gone.sql").unlink()
        (reports / "sales.sql").write_text("select 'new' as version")
        os.kill(running.pid, signal.SIGHUP)
        seen = await reloaded(running, 1)
        assert (seen["changed"], seen["dropped"]) == (["sales"], ["gone"])
        assert "new" in await outcome(connection, await ordered(connection, "sales"), running)

        async def retired() -> bool:
            sql = "select retired_at is not null from reportd.kinds where name = 'gone'"
            return bool(await connection.fetchval(sql))

        await until(retired, running)
        with pytest.raises(asyncpg.InvalidParameterValueError, match="gone"):
            await ordered(connection, "gone")
        assert await connection.fetchval("select count(*) from reportd.schedules where retired_at is null") == 0
        assert "gone" not in await connection.fetchval("select kinds from reportd.workers")

        (reports / "gone.sql").write_text("select 2 as two")
        os.kill(running.pid, signal.SIGHUP)
        await reloaded(running, 2)
        await until(
            lambda: connection.fetchval("select retired_at is null from reportd.kinds where name = 'gone'"), running
        )
        assert "2" in await outcome(connection, await ordered(connection, "gone"), running), "what comes back works"
        assert await running.terminate() == 0


async def test_sighup_takes_up_what_can_change_and_names_what_needs_a_restart(
    dsn: str, connection: asyncpg.Connection[Any], tmp_path: Path, reports: Path
) -> None:
    (reports / "sales.sql").write_text("select current_setting('TimeZone') as zone, n from generate_series(1, 3) as n")
    file = tmp_path / "config.toml"
    file.write_text('[reports]\ntimezone = "Europe/Vienna"\n')
    async with daemon(dsn, tmp_path / "state", reports, arguments=("--config", str(file))) as running:
        assert "Europe/Vienna,3" in await outcome(connection, await ordered(connection, "sales"), running)

        file.write_text('[reports]\ntimezone = "Asia/Tokyo"\n[worker]\nretries = 7\n[database]\npool_max = 9\n')
        os.kill(running.pid, signal.SIGHUP)
        await reloaded(running, 1)
        [taken] = running.said("config.reloaded")
        [kept] = running.said("config.kept")
        assert (taken["settings"], kept["settings"]) == (["reports.timezone"], ["database.pool_max", "worker.retries"])
        assert "Asia/Tokyo,3" in await outcome(connection, await ordered(connection, "sales"), running)

        file.write_text('[reports]\ntimezone = "Asia/Tokyo"\n[fetch]\nrows_max = 2\n[log]\nlevel = "warning"\n')
        os.kill(running.pid, signal.SIGHUP)
        error = await outcome(connection, await ordered(connection, "sales"), running)
        while "rows_max" not in error:  # the order may have come before the signal
            error = await outcome(connection, await ordered(connection, "sales"), running)
        assert not running.said("config.reloaded", settings=["fetch.rows_max", "log.level"]), "no word below a warning"

        file.write_text("[fetch]\nrows_maxx = 3\n")
        os.kill(running.pid, signal.SIGHUP)
        await until(lambda: running.said("config.unreadable"), running)
        [unread] = running.said("config.unreadable")
        assert "fetch.rows_max" in unread["error"], "the nearest name is told"
        assert "rows_max" in await outcome(connection, await ordered(connection, "sales"), running), "all is as it was"
        assert await running.terminate() == 0
