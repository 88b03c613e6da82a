"""What becomes of the server's errors: an outage, a passing trouble, or a no."""

from __future__ import annotations

import asyncio

import pytest

from reportd.db.pool import create_pool
from reportd.db.session import session
from reportd.errors import DatabaseUnavailable, Refused


async def test_a_deadlock_is_tried_again_like_an_outage_and_a_no_is_not(dsn: str) -> None:
    pool = await create_pool(dsn, min_size=2, max_size=2, application_name="test")
    met = asyncio.Barrier(2)

    async def cross(first: int, second: int) -> None:
        async with session(pool) as conn, conn.transaction():
            await conn.execute("select pg_advisory_xact_lock($1)", first)
            await met.wait()
            await conn.execute("select pg_advisory_xact_lock($1)", second)

    ends = await asyncio.gather(cross(1, 2), cross(2, 1), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["DatabaseUnavailable", "NoneType"]
    [error] = [end for end in ends if isinstance(end, DatabaseUnavailable)]
    assert "deadlock" in error.message
    with pytest.raises(Refused):
        async with session(pool) as conn:
            await conn.execute("select 1 / 0")
    pool.terminate()
