"""Daemons as real processes, for tests that stop, kill and cut them, and the check that runs after every fault."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg

from reportd.host import process_start

SMALL_REPORT = """\
-- /// report
-- title = "Small"
-- params.rows = { type = "int", default = 20 }
-- ///
-- @table
select n as no, n * 1.5 as amount, 'row ' || n as label from generate_series(1, :rows) as n;
"""


@dataclass
class Daemon:
    """A running `reportd run`, its log as it comes, and the processes it started."""

    process: asyncio.subprocess.Process
    events: list[dict[str, Any]] = field(default_factory=list)
    reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self, event: str, **values: Any) -> list[dict[str, Any]]:
        """The log's lines of `event` with these values."""
        return [
            line
            for line in self.events
            if line.get("event") == event and all(line.get(key) == value for key, value in values.items())
        ]

    def descendants(self) -> list[int]:
        """Every process below this one."""
        return _descendants(self.pid)

    def kill(self) -> None:
        """SIGKILL, to the daemon alone."""
        self.process.kill()

    async def terminate(self, limit_s: float = 20) -> int:
        """SIGTERM, and its exit status."""
        self.process.terminate()
        return await self.ended(limit_s)

    async def ended(self, limit_s: float = 20) -> int:
        async with asyncio.timeout(limit_s):
            status = await self.process.wait()
            if self.reader:
                await self.reader
        return status


@asynccontextmanager
async def daemon(
    dsn: str,
    state: Path,
    reports: Path,
    *,
    environment: Mapping[str, str] | None = None,
    wait: bool = True,
    arguments: Sequence[str] = (),
    within: Sequence[str] = (),
) -> AsyncIterator[Daemon]:
    """A daemon that claims jobs; ended by SIGKILL if the test has not ended it itself.

    `within` is a command that becomes the one after it, such as `nsenter`.
    """
    settings = {
        "REPORTD_DSN": dsn,
        "REPORTD_STORAGE__STATE_DIR": str(state),
        "REPORTD_REPORTS__DIRECTORIES": str(reports),
        "REPORTD_LOG__FORMAT": "json",
        "REPORTD_WORKER__RETRY_DELAY_S": "0.1",
        "REPORTD_WORKER__LEASE_S": "3",
        "REPORTD_WORKER__DRAIN_LIMIT_S": "1",
        **(environment or {}),
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *within,
        Path(sys.executable).with_name("reportd"),
        "run",
        *arguments,
        env=kept | settings,
        cwd=state.parent,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        limit=1 << 24,
    )
    running = Daemon(process)
    running.reader = asyncio.create_task(_read(running))
    children: list[int] = []
    try:
        if wait:
            await until(lambda: running.said("worker.registered"), running, limit_s=30)
        children = running.descendants()
        yield running
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await running.reader
        for pid in children:
            await _gone(pid)


async def until(condition: Any, running: Daemon | None = None, *, limit_s: float = 30) -> Any:
    """Poll `condition`; on time-out fail with the daemon's last words."""
    end = asyncio.get_running_loop().time() + limit_s
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > end:
            tail = "\n".join(json.dumps(line) for line in running.events[-15:]) if running else ""
            raise AssertionError(f"not true within {limit_s} s: {condition}\n{tail}")
        await asyncio.sleep(0.02)


async def check(connection: asyncpg.Connection[Any], state: Path, *, jobs: Sequence[int]) -> None:
    """The invariants of a drained system: every job ended once, its files whole, nothing left over."""
    rows = await connection.fetch("select * from reportd.jobs where id = any ($1)", list(jobs))
    assert {row["id"] for row in rows} == set(jobs), "a job is lost"
    unfinished = [(row["id"], row["status"]) for row in rows if row["finished_at"] is None]
    assert not unfinished, f"not ended: {unfinished}"
    endings = await connection.fetch(
        "select job_id, count(*) from reportd.attempts where outcome in ('completed', 'cancelled')"
        " and job_id = any ($1) group by 1 having count(*) > 1",
        list(jobs),
    )
    assert not endings, f"ended twice: {endings}"
    artifacts = await connection.fetch("select * from reportd.artifacts where job_id = any ($1)", list(jobs))
    for row in rows:
        files = [file for file in artifacts if file["job_id"] == row["id"]]
        if row["outcome"] == "completed":
            assert files, f"job {row['id']} is completed without a file"
        else:
            assert not files, f"job {row['id']} is {row['outcome']} and has files"
        assert all(file["attempt"] == row["attempt"] for file in files), "a file of another attempt is visible"
    for file in artifacts:
        content = Path(unquote(urlsplit(file["uri"]).path)).read_bytes()
        assert len(content) == file["bytes"]
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert await connection.fetchval("select count(*) from reportd.claims") == 0, "a claim is left"
    # The row tells of the end first, then the attempt's own files go; those of a killed one at the next round.
    await until(lambda: not list((state / "spool").iterdir()), limit_s=20)


def orphans(state: Path, known: set[str]) -> list[Path]:
    """Files in the store that no row names."""
    return [path for path in (state / "artifacts").rglob("*") if path.is_file() and path.as_uri() not in known]


async def _read(running: Daemon) -> None:
    assert running.process.stderr
    async for line in running.process.stderr:
        try:
            running.events.append(json.loads(line))
        except ValueError:
            running.events.append({"event": "text", "text": line.decode(errors="replace").rstrip()})


def _descendants(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += [int(child) for child in (task / "children").read_text().split()]
    return children + [below for child in children for below in _descendants(child)]


async def _gone(pid: int) -> None:
    """Wait until `pid` is dead: a daemon's death takes its children along."""
    try:
        await until(lambda: process_start(pid) is None, limit_s=5)
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise AssertionError(f"process {pid} has outlived its daemon") from None
