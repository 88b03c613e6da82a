"""The queue's connections through a real pgbouncer in transaction mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from reportd.db import jobs, kinds, pool
from reportd.db.client import client
from reportd.db.kinds import KindRow
from reportd.db.pool import Pool
from reportd.db.session import session
from tests.bouncer import bouncer


@pytest.fixture
async def bounced(dsn: str, tmp_path: Path) -> AsyncIterator[str]:
    """The database at `dsn` behind two server connections, so that clients take turns on them."""
    async with bouncer(dsn, tmp_path / "bouncer", servers=2) as address:
        yield address


@pytest.fixture
async def clients(bounced: str) -> AsyncIterator[list[Pool]]:
    """What two daemons have, made with the defaults."""
    pools = [await pool.create_pool(bounced, min_size=1, max_size=4, application_name="test") for _ in range(2)]
    yield pools
    for each in pools:
        each.terminate()


async def test_many_clients_with_the_same_statements_share_two_servers(clients: list[Pool]) -> None:
    async with session(clients[0]) as conn:
        await kinds.upsert(conn, [KindRow("small", "task", "Small", content_hash="1")], worker=0)

    async def order(which: Pool, number: int) -> list[int]:
        ids = []
        for _ in range(10):
            async with session(which) as conn:
                ids.append(await jobs.enqueue(conn, "small", {"number": number}))
                assert (await jobs.get(conn, ids[-1]))["params"] == {"number": number}
        return ids

    # Sixteen at once, each statement one that others send in between.
    ordered = await asyncio.gather(*(order(clients[number % 2], number) for number in range(16)))
    assert len({id for ids in ordered for id in ids}) == 160


async def test_a_transaction_of_several_statements_stays_on_its_server(clients: list[Pool]) -> None:
    async def pids(which: Pool) -> set[int]:
        async with which.acquire() as conn, conn.transaction():
            return {await conn.fetchval("select pg_backend_pid() + $1::int", 0) for _ in range(5)}

    assert all(len(each) == 1 for each in await asyncio.gather(*(pids(clients[number % 2]) for number in range(8))))


async def test_prepared_statements_have_no_names_that_others_have_too(clients: list[Pool]) -> None:
    async def prepare(which: Pool, number: int) -> None:
        for _ in range(10):
            async with which.acquire() as conn, conn.transaction():
                statement = await conn.prepare(f"select {number} as a{number}, $1::int as b")
                assert [column.name for column in statement.get_attributes()] == [f"a{number}", "b"]
                assert await conn.fetchval("select count(*) from pg_prepared_statements") == 0

    await asyncio.gather(*(prepare(clients[number % 2], number) for number in range(8)))


@pytest.mark.parametrize("ignored", ["", "enable_seqscan, jit"])
async def test_a_pooler_is_noticed_whether_it_refuses_settings_or_not(dsn: str, tmp_path: Path, ignored: str) -> None:
    async with bouncer(dsn, tmp_path / "bouncer", ignored=ignored) as address:
        with capture_logs() as said:
            made = await pool.create_pool(address, min_size=1, max_size=1, application_name="test")
        assert [line["event"] for line in said] == ["database.pooled"]
        async with made.acquire() as conn:
            kept = [await conn.fetchval("select count(*) from pg_prepared_statements") for _ in range(3)]
            assert len(set(kept)) == 1
        made.terminate()


async def test_a_direct_connection_keeps_its_statements(dsn: str) -> None:
    direct = await pool.create_pool(dsn, min_size=1, max_size=1, application_name="test")
    async with direct.acquire() as conn:
        assert await conn.fetchval("select current_setting('enable_seqscan')") == "off"
        assert await conn.fetchval("select count(*) from pg_prepared_statements") > 0
    direct.terminate()


async def test_commands_work_through_it(bounced: str) -> None:
    async with client(bounced) as one, client(bounced) as other:
        for _ in range(20):
            asked = one.fetchval("select 1"), other.fetchval("select 'x'")
            assert [*await asyncio.gather(*asked)] == [1, "x"]
