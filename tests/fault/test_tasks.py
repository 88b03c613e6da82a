"""Tasks in real daemons: what their authors write, what their jobs come to, and what a kill, a stop or a block does."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.daemons import Daemon, daemon, until

MODULE = '''
import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

from pydantic import BaseModel, Field
from reportd import SyncTaskContext, TaskContext, service, task

HERE = Path(__file__).parent


def note(line: str) -> None:
    with (HERE / "notes").open("a") as file:
        file.write(line + "\\n")


class Ledger:
    def __init__(self) -> None:
        self.entries = 0


@service
async def ledger() -> AsyncIterator[Ledger]:
    note("ledger opened")
    yield Ledger()
    note("ledger closed")


class Sum(BaseModel):
    numbers: list[int]
    rounding: int = Field(default=0, ge=0, le=9)


class Nothing(BaseModel):
    pass


@task
async def add_up(params: Sum, ctx: TaskContext, book: Ledger) -> dict[str, int]:
    """Add numbers up."""
    book.entries += 1
    ctx.log.info("summing", numbers=len(params.numbers))
    return {"sum": sum(params.numbers), "entry": book.entries}


@task(brief=True)
async def noop() -> None:
    pass


@task(backoff=0.1)
async def pages(ctx: TaskContext) -> int:
    """Copy pages; the first attempt breaks off, a flag file holds the second up."""
    for page in range(await ctx.restored("page", 0), 5):
        note(f"page {page} by attempt {ctx.job.attempt}")
        ctx.progress(20 * (page + 1), f"page {page}")
        await ctx.checkpoint("page", page + 1)
        if page == 1 and ctx.job.attempt == 1:
            raise ConnectionError("the line is dead")
        while page == 3 and (HERE / "hold").exists():
            await asyncio.sleep(0.05)
    return ctx.job.attempt


@task
async def endless(ctx: TaskContext) -> None:
    note("endless began")
    try:
        await asyncio.sleep(3600)
    finally:
        note(f"endless ended, told {ctx.cancelled.is_set()}")


@task
async def deaf() -> None:
    """Does not care for its cancellation."""
    note("deaf began")
    while True:
        try:
            await asyncio.sleep(3600)
        except BaseException:
            pass


@task
async def threads() -> None:
    """Leaves a thread behind that nobody can end."""
    note("threads began")
    await asyncio.to_thread(time.sleep, 3600)


@task
async def hog() -> None:
    """Blocks the loop."""
    time.sleep(2.0)


@task
def threaded(params: Nothing, ctx: SyncTaskContext) -> int:
    before = ctx.restored("n", 0)
    ctx.checkpoint("n", before + 1)
    ctx.progress(50)
    return before + 1


@task(isolation="process")
def where(ctx: SyncTaskContext) -> dict[str, int]:
    ctx.log.info("from.afar", pid=os.getpid())
    return {"pid": os.getpid(), "parent": os.getppid()}


@task(isolation="process")
def spin() -> None:
    """Deaf to everything but a signal that kills."""
    note(f"spin {os.getpid()}")
    while True:
        try:
            while True:
                time.sleep(3600)
        except BaseException:
            pass


@task(isolation="process", backoff=0.1)
async def steps(ctx: TaskContext) -> list[int]:
    done = await ctx.restored("done", [])
    await ctx.checkpoint("done", [*done, ctx.job.attempt])
    ctx.progress(10, "one step")
    if ctx.job.attempt == 1:
        os._exit(3)
    return [*done, ctx.job.attempt]
'''


@asynccontextmanager
async def working(dsn: str, tmp_path: Path, **settings: str) -> AsyncIterator[Daemon]:
    """A daemon with the module above."""
    (tmp_path / "jobs_here.py").write_text(MODULE)
    reports = tmp_path / "reports"
    reports.mkdir(exist_ok=True)
    environment = {"PYTHONPATH": str(tmp_path), "REPORTD_TASKS__MODULES": "jobs_here", **settings}
    async with daemon(dsn, tmp_path / "state", reports, environment=environment) as running:
        yield running


async def order(connection: asyncpg.Connection[Any], kind: str, params: Mapping[str, Any] | None = None) -> int:
    id: int = await connection.fetchval(
        "insert into reportd.jobs (kind, params) values ($1, $2) returning id", kind, json.dumps(params or {})
    )
    return id


async def ended(connection: asyncpg.Connection[Any], id: int, running: Daemon) -> dict[str, Any]:
    async def row() -> Any:
        return await connection.fetchrow("select * from reportd.jobs where id = $1 and outcome is not null", id)

    found = dict(await until(row, running))
    return found | {key: json.loads(found[key]) for key in ("result", "error") if found[key]}


def notes(tmp_path: Path) -> list[str]:
    path = tmp_path / "notes"
    return path.read_text().splitlines() if path.exists() else []


async def test_a_daemon_runs_tasks(connection: asyncpg.Connection[Any], dsn: str, tmp_path: Path) -> None:
    async with working(dsn, tmp_path) as running:
        kind = await connection.fetchrow("select * from reportd.kinds where name = 'add-up'")
        assert kind
        assert (kind["type"], kind["title"]) == ("task", "Add numbers up")
        with pytest.raises(asyncpg.DataError, match="numbers"):
            await order(connection, "add-up", {"numbers": "12"})
        with pytest.raises(asyncpg.DataError, match="rounding"):
            await order(connection, "add-up", {"numbers": [], "rounding": 10})

        sums = [await order(connection, "add-up", {"numbers": [n, 2]}) for n in (1, 2)]
        results = [(await ended(connection, id, running))["result"] for id in sums]
        assert sorted(result["sum"] for result in results) == [3, 4]
        assert sorted(result["entry"] for result in results) == [1, 2], "the service is shared"
        assert running.said("summing", kind="add-up", job=sums[0], attempt=1)

        thread = await ended(connection, await order(connection, "threaded"), running)
        assert thread["result"] == 1

        copied = await ended(connection, await order(connection, "pages"), running)
        assert copied["result"] == 2
        by = [1, 1, 2, 2, 2]
        assert notes(tmp_path)[1:] == [f"page {page} by attempt {by[page]}" for page in range(5)]

        async def forgotten() -> bool:
            return bool(await connection.fetchval("select count(*) = 0 from reportd.checkpoints"))

        await until(forgotten, running)

        long = await order(connection, "endless")
        await until(lambda: "endless began" in notes(tmp_path), running)
        await connection.execute("select reportd.cancel($1)", long)
        assert (await ended(connection, long, running))["outcome"] == "cancelled"
        assert "endless ended, told True" in notes(tmp_path)

        hog = await order(connection, "hog")
        assert (await ended(connection, hog, running))["outcome"] == "completed"
        (blocked,) = running.said("loop.blocked", kind="hog")
        assert blocked["job"] == hog
        assert "in hog" in blocked["stack"][-1]

        late = await connection.fetchval(
            "insert into reportd.jobs (kind, timeout_s, max_attempts) values ('deaf', 0.3, 1) returning id"
        )
        row = await ended(connection, late, running)
        assert (row["outcome"], row["error"]["code"]) == ("failed", "timeout")
        assert running.said("task.unstoppable", kind="deaf")

        held = await order(connection, "deaf")
        await order(connection, "threads")
        await until(lambda: "threads began" in notes(tmp_path), running)
        await until(lambda: notes(tmp_path).count("deaf began") == 2, running)
        assert await running.terminate(limit_s=10) == 0
        assert await connection.fetchval("select status from reportd.jobs where id = $1", held) == "pending"
        assert notes(tmp_path).count("ledger opened") == notes(tmp_path).count("ledger closed") == 1


async def test_a_task_resumes_at_its_checkpoint_after_its_daemon_was_killed(
    connection: asyncpg.Connection[Any], dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "hold").touch()
    async with working(dsn, tmp_path) as running:
        job = await order(connection, "pages")
        await until(lambda: "page 3 by attempt 2" in notes(tmp_path), running)

        async def seen() -> Any:
            return await connection.fetchrow(
                "select * from reportd.jobs where id = $1 and message = 'page 3' and eta is not null", job
            )

        row = await until(seen, running)
        assert (row["status"], row["percent"], row["step"]) == ("running", 80, "running")
        running.kill()
        await running.process.wait()
    (tmp_path / "hold").unlink()
    async with working(dsn, tmp_path) as running:
        row = await ended(connection, job, running)
        assert row["result"] == row["attempt"] == 3
        assert [line for line in notes(tmp_path) if "attempt 3" in line] == ["page 4 by attempt 3"]


async def test_tasks_in_processes(connection: asyncpg.Connection[Any], dsn: str, tmp_path: Path) -> None:
    settings = {"REPORTD_TASKS__PROCESSES_MAX": "1", "REPORTD_TASKS__WAITING_MAX": "1"}
    async with working(dsn, tmp_path, **settings) as running:
        found = [(await ended(connection, await order(connection, "where"), running))["result"] for _ in range(2)]
        assert found[0] == found[1], "the process is used again"
        assert found[0]["parent"] == running.pid != found[0]["pid"]
        assert len(running.said("from.afar", kind="where", pid=found[0]["pid"])) == 2

        # One runs, one waits for its process, the third is left to other daemons; jobs in the loop go on.
        jobs = [await order(connection, "spin") for _ in range(3)]
        await until(lambda: any(line.startswith("spin") for line in notes(tmp_path)), running)
        assert (await ended(connection, await order(connection, "threaded"), running))["outcome"] == "completed"
        states = await connection.fetch("select status from reportd.jobs where kind = 'spin' order by id")
        assert [row["status"] for row in states] == ["running", "running", "pending"]
        for id in reversed(jobs):
            await connection.execute("select reportd.cancel($1)", id)
        assert {(await ended(connection, id, running))["outcome"] for id in jobs} == {"cancelled"}
        pid = int(notes(tmp_path)[-1].split()[1])
        assert pid not in running.descendants(), "deaf, and killed"

        died = await ended(connection, await order(connection, "steps"), running)
        assert (died["result"], died["crashes"]) == ([1, 2], 1)
        attempt = await connection.fetchrow(
            "select * from reportd.attempts where job_id = $1 and attempt = 1", died["id"]
        )
        assert attempt
        assert attempt["outcome"] == "crashed"
        assert "ended with status 3" in json.loads(attempt["error"])["message"]

        await order(connection, "spin")
        await until(lambda: len([line for line in notes(tmp_path) if line.startswith("spin")]) > 1, running)
        pid = int(notes(tmp_path)[-1].split()[1])
        os.kill(pid, signal.SIGKILL)

        async def crashed() -> Any:
            return await connection.fetchval("select signal from reportd.attempts where signal is not null")

        assert await until(crashed, running) == "SIGKILL"
        assert await running.terminate() == 0
