"""A package with a format and a kind of job, installed beside reportd: a real daemon makes and runs them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.daemons import daemon, until

PLUGIN = Path(__file__).parents[1] / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that the sample plugin is installed in, without a network."""
    directory = tmp_path_factory.mktemp("site")
    command = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index")
    copied = tmp_path_factory.mktemp("plugin")
    for file in ("pyproject.toml", "reportd_sample.py"):
        (copied / file).write_bytes((PLUGIN / file).read_bytes())
    done = subprocess.run([*command, "--target", directory, copied], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return directory


async def ended(connection: asyncpg.Connection[Any], kind: str, params: str = "{}", formats: str | None = None) -> Any:
    """The row of a new job, once it has ended."""
    job = await connection.fetchval(
        "insert into reportd.jobs (kind, params, formats, max_attempts) values ($1, $2::jsonb, $3, 1) returning id",
        kind,
        params,
        formats and [formats],
    )

    async def row() -> Any:
        return await connection.fetchrow("select * from reportd.jobs where id = $1 and finished_at is not null", job)

    return await until(row)


async def test_an_installed_format_and_kind_work_and_a_broken_one_is_named(
    dsn: str, connection: asyncpg.Connection[Any], tmp_path: Path, installed: Path
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "orders.sql").write_text("select n as no, n * 1234.5 as amount from generate_series(1, 2) n")
    environment = {"PYTHONPATH": str(installed)}
    async with daemon(dsn, tmp_path / "state", reports, environment=environment) as running:
        [broken] = running.said("plugin.broken")
        assert (broken["kind"], broken["level"]) == ("absent", "error")
        assert "reportd_sample:Absent" in broken["error"]

        made = await ended(connection, "orders", formats="md")
        assert made["status"] == "completed", made["error"]
        [file] = await connection.fetch("select * from reportd.artifacts where job_id = $1", made["id"])
        assert (file["name"], file["rows"]) == ("orders-orders.md", 2)
        assert file["content_type"] == "text/markdown"
        text = await asyncio.to_thread(Path(file["uri"].removeprefix("file://")).read_text, encoding="utf-8")
        assert text == "No | Amount\n--- | ---\n1 | 1,234.5\n2 | 2,469.0\n"

        greeted = await ended(connection, "greet", '{"whom": "Ada"}')
        assert (greeted["status"], greeted["result"]) == ("completed", '{"said": "Hello, Ada!"}')
        refused = await ended(connection, "greet", '{"whom": ""}')
        assert (refused["status"], '"params"' in refused["error"]) == ("failed", True)
        with pytest.raises(asyncpg.InvalidParameterValueError, match="whom"):
            await ended(connection, "greet")
        failed = await ended(connection, "absent")
        assert (failed["status"], '"plugin-broken"' in failed["error"]) == ("failed", True)
        assert await running.terminate() == 0


def test_doctor_names_a_broken_plugin(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("reportd"), "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": str(installed), "REPORTD_STORAGE__STATE_DIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert '"kind greet"' in done.stdout, done.stderr
    assert "reportd_sample:Absent) can't be used: AttributeError" in done.stdout
