"""Limits and dependencies with real daemons."""

from __future__ import annotations

from pathlib import Path

from reportd.db.queries import Connection
from tests.conftest import Eventually
from tests.daemons import SMALL_REPORT, daemon


async def test_a_limited_queue_and_a_chain_of_jobs_run_to_their_end(
    dsn: str, connection: Connection, eventually: Eventually, tmp_path: Path
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "small.sql").write_text(SMALL_REPORT)
    await connection.execute("insert into reportd.queues (name, concurrency_total) values ('default', 1)")
    async with daemon(dsn, tmp_path / "state", reports) as running:
        ids = [
            await connection.fetchval("select reportd.enqueue('small', formats => '{csv}', tenant => $1)", tenant)
            for tenant in ("a", "a", "b")
        ]
        last = await connection.fetchval(
            "select reportd.enqueue('small', formats => '{csv}', depends_on => $1::bigint[])", ids
        )

        async def ended() -> bool:
            return bool(await connection.fetchval("select count(*) = 4 from reportd.jobs where outcome = 'completed'"))

        assert await eventually(ended, 30)
        assert [line["job"] for line in running.said("job.claimed")] == [ids[0], ids[2], ids[1], last]
    overlaps = await connection.fetchval("""
        select count(*) from reportd.jobs one join reportd.jobs two
        on one.id < two.id and one.started_at < two.finished_at and two.started_at < one.finished_at
    """)
    assert overlaps == 0
