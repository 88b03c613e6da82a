"""A chart that never ends: its job fails with a readable error, others go on, and no process outlives the daemon."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from reportd.host import process_start
from tests.daemons import daemon, until

BARS = {
    "mark": "bar",
    "encoding": {"x": {"field": "no", "type": "ordinal"}, "y": {"field": "amount", "type": "quantitative"}},
}
ENDLESS = {"data": {"sequence": {"start": 0, "stop": 1_000_000_000}}, "mark": "point"}
SQL = "-- @data rows\nselect n as no, n * 1.5 as amount from generate_series(1, 5) as n;\n"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    for name, spec in (("drawn", BARS), ("endless", ENDLESS)):
        directory = tmp_path / "reports" / name
        directory.mkdir(parents=True)
        (directory / "report.toml").write_text('formats = ["html"]\n')
        (directory / "rows.sql").write_text(SQL)
        (directory / "rows.vl.json").write_text(json.dumps(spec))
    return tmp_path / "reports"


def helpers(pids: list[int]) -> list[int]:
    """Those of `pids` that draw charts."""
    lines = {pid: Path(f"/proc/{pid}/cmdline") for pid in pids}
    return [pid for pid, line in lines.items() if line.exists() and b"reportd.render.vega.process" in line.read_bytes()]


async def test_an_endless_chart_fails_alone_and_none_outlives_its_daemon(
    dsn: str, connection: asyncpg.Connection[Any], tmp_path: Path, reports: Path
) -> None:
    async def ordered(kind: str) -> int:
        return int(await connection.fetchval("insert into reportd.jobs (kind) values ($1) returning id", kind))

    async def row(job: int) -> asyncpg.Record:
        found: asyncpg.Record | None = await connection.fetchrow(
            "select status, error from reportd.jobs where id = $1", job
        )
        assert found
        return found

    async with daemon(dsn, tmp_path / "state", reports, environment={"REPORTD_RENDER__CHART_CPU_S": "2"}) as running:
        first, second = await ordered("endless"), await ordered("drawn")

        async def ended() -> bool:
            return {(await row(job))["status"] for job in (first, second)} <= {"failed", "completed"}

        await until(ended, running)
        assert (await row(second))["status"] == "completed"
        error = json.loads((await row(first))["error"])
        assert error["code"] == "limit"
        assert error["message"].startswith("endless/rows.vl.json: the chart took more than 2 s of CPU time")

        third = await ordered("endless")

        async def drawing() -> bool:
            return (await row(third))["status"] == "running" and bool(helpers(running.descendants()))

        await until(drawing, running)
        children = running.descendants()
        assert helpers(children)
        running.kill()
        await running.ended()
        await until(lambda: not [pid for pid in children if process_start(pid) is not None], limit_s=5)
