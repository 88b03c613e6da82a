"""Task processes by themselves: kept, used again, limited, ended."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import TypeAdapter

from reportd import Job
from reportd.errors import ChildDied, ParamsError, TaskError, TaskMemory
from reportd.host import process_start
from reportd.tasks.pool import PoolLimits, TaskPool
from tests.conftest import Eventually

MODULE = """
import os
from collections.abc import AsyncIterator
from pathlib import Path

from pydantic import BaseModel
from reportd import service, task

class Amount(BaseModel):
    mb: int

@service
async def log() -> AsyncIterator[list[str]]:
    yield []
    (Path(__file__).parent / "closed").touch()

@task(isolation="process")
def pid(log: list[str]) -> list[int]:
    log.append("asked")
    return [os.getpid(), len(log)]

@task(isolation="process")
async def fill(params: Amount) -> int:
    return len(bytearray(params.mb << 20))

@task(isolation="process")
async def burn() -> None:
    while True:
        pass

@task(isolation="process")
async def fail() -> None:
    raise SystemExit("enough")
"""

NOW = datetime(2026, 11, 2, tzinfo=UTC)


class Link:
    """No task here says anything."""

    def progress(self, percent: float, message: str | None) -> None: ...

    async def save(self, step: str, value: Any) -> None: ...

    async def load(self, step: str, default: Any) -> Any:
        return default


@pytest.fixture
async def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TaskPool]:
    (tmp_path / "process_jobs.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool = TaskPool(["process_jobs"], PoolLimits(processes_max=1, idle_s=0.001))
    yield pool
    pids = pool.pids()
    await pool.close()
    assert [pid for pid in pids if process_start(pid) is not None] == []


async def run(pool: TaskPool, task: str, *, memory_mb: int = 1024, cpu_s: int = 60, **params: Any) -> Any:
    job = Job(
        id=7, kind=task, queue="default", priority=0, run_at=NOW, created_at=NOW, attempt=1, failures=0, crashes=0,
        max_attempts=4, timeout_s=60, params=params,
    )  # fmt: skip
    written = TypeAdapter(Job).dump_python(job, mode="json")
    request = {"task": task, "job": written, "memory_mb": memory_mb, "cpu_s": cpu_s}
    value, usage = await pool.run(request, link=Link(), log=structlog.get_logger())
    assert usage["peak_bytes"] > 0
    return value


async def test_a_process_is_used_again_after_errors_and_renewed_after_memory_ran_out(pool: TaskPool) -> None:
    first = await run(pool, "pid")
    with pytest.raises(TaskError, match="SystemExit: enough"):
        await run(pool, "fail")
    with pytest.raises(ParamsError, match=r"params\.mb"):
        await run(pool, "fill", mb="many")
    assert await run(pool, "pid") == [first[0], 2], "and its service is still open"
    with pytest.raises(TaskMemory, match="out of memory"):
        await run(pool, "fill", mb=600, memory_mb=300)
    fresh = await run(pool, "pid")
    assert fresh[0] != first[0]
    assert await run(pool, "fill", mb=300) == 300 << 20, "each attempt has its own limit"


async def test_a_task_past_its_cpu_limit_dies_alone(pool: TaskPool) -> None:
    with pytest.raises(ChildDied, match=r"killed by SIGXCPU \(past its limit of CPU seconds\)") as died:
        await run(pool, "burn", cpu_s=1)
    assert died.value.detail["cpu_s"] > 0.9
    assert (await run(pool, "pid"))[0] != os.getpid()


async def test_an_idle_process_ends_and_closes_its_services(
    pool: TaskPool, tmp_path: Path, eventually: Eventually
) -> None:
    await run(pool, "pid")

    async def gone() -> bool:
        await pool.keep()
        return not pool.pids()

    await eventually(gone)
    assert (tmp_path / "closed").exists()


async def test_a_module_that_breaks_in_the_process_is_a_dead_child(
    pool: TaskPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "process_jobs.py").write_text("import os; os._exit(9)")
    with pytest.raises(ChildDied, match="did not start: it ended with status 9"):
        await run(pool, "pid")
