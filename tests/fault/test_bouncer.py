"""Daemons whose database is behind pgbouncer in transaction mode: with LISTEN through it, and with LISTEN past it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.bouncer import bouncer
from tests.daemons import SMALL_REPORT, check, daemon, until

RARELY = {"REPORTD_WORKER__POLL_INTERVAL_S": "60"}
ORDER = "insert into reportd.jobs (kind, formats) values ('small', '{csv}') returning id"


@pytest.mark.timeout(120)
async def test_daemons_work_through_pgbouncer_and_say_when_they_cannot_listen(
    dsn: str, connection: asyncpg.Connection[Any], tmp_path: Path
) -> None:
    state, reports = tmp_path / "state", tmp_path / "reports"
    reports.mkdir()
    (reports / "small.sql").write_text(SMALL_REPORT)
    direct = RARELY | {"REPORTD_DATABASE__LISTEN_DSN": dsn}
    async with (
        bouncer(dsn, tmp_path / "bouncer") as pooled,
        daemon(pooled, state, reports, environment=RARELY) as deaf,
        daemon(pooled, state, reports, environment=direct) as hearing,
    ):
        await until(lambda: hearing.said("notifier.listening"), hearing)
        assert await hearing.terminate() == 0
        assert not hearing.said("notifier.deaf")
        assert hearing.said("database.pooled")

        await until(lambda: deaf.said("notifier.deaf"), deaf)
        job = await connection.fetchval(ORDER)
        # It polls once a minute: what finds the job is the look of the one that can't hear.
        await until(lambda: deaf.said("job.completed", job=job), deaf, limit_s=30)
        await check(connection, state, jobs=[job])
        assert await deaf.terminate() == 0
