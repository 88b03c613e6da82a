"""The rescuer's rhythm: processes of this host without asking the database, leases when they run out."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest

from reportd.db import kinds
from reportd.db.kinds import KindRow
from reportd.db.pool import Connection, Pool, create_pool
from reportd.host import Identity, identity, process_start
from reportd.maintenance.rescuer import Rescuer
from tests.conftest import Eventually
from tests.integration.db.desk import order, register, take


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    pool = await create_pool(dsn, min_size=0, max_size=2, application_name="test")
    yield pool
    pool.terminate()


@pytest.fixture
async def conn(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.acquire() as conn:
        await kinds.upsert(conn, [KindRow("noop", "task", "Nothing", "1", brief=True)], worker=1)
        yield conn


@pytest.fixture
def neighbour() -> Iterator[subprocess.Popen[bytes]]:
    """A process of this host."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.fixture
def rescuer(pool: Pool) -> Rescuer:
    return Rescuer(pool=pool, me=identity(), lease_s=15, crashes_max=3)


def of(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Its identity, as its row in workers has it."""
    start = process_start(process.pid)
    assert start is not None
    return asdict(replace(identity(), pid=process.pid, process_start=start))


async def test_a_process_of_this_host_that_ends_is_noticed_between_two_looks(
    conn: Connection, rescuer: Rescuer, neighbour: subprocess.Popen[bytes]
) -> None:
    worker = await register(conn, **of(neighbour))
    await order(conn)
    (job,) = await take(conn, worker)
    await rescuer.step()
    assert await conn.fetchval("select status from reportd.jobs where id = $1", job.id) == "running"
    neighbour.kill()
    neighbour.wait()
    await rescuer.step()
    assert await conn.fetchval("select status from reportd.jobs where id = $1", job.id) == "pending"


async def test_between_two_looks_the_database_is_not_asked(
    conn: Connection, rescuer: Rescuer, pool: Pool, neighbour: subprocess.Popen[bytes]
) -> None:
    await register(conn, **of(neighbour))
    await rescuer.step()
    async with asyncio.timeout(5), pool.acquire():  # the pool's last one: who asks for another waits for ever
        await rescuer.step()


async def test_a_lease_elsewhere_is_looked_at_when_it_runs_out(
    conn: Connection, rescuer: Rescuer, eventually: Eventually
) -> None:
    other: Identity = replace(identity(), host="elsewhere")
    await register(conn, lease_s=1.0, **asdict(other))

    async def gone() -> bool:
        await rescuer.step()
        return not await conn.fetchval("select exists (select from reportd.workers)")

    assert await eventually(gone, limit_s=4.0)
