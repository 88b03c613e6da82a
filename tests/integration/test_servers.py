"""The ground that the other tests stand on: databases of their own, and servers that break on demand."""

from __future__ import annotations

import asyncpg
import pytest

from tests.conftest import Eventually, PostgresServer
from tests.postgres import Databases


async def test_each_test_gets_a_migrated_database_of_its_own(
    dsn: str, connection: asyncpg.Connection[asyncpg.Record], databases: Databases
) -> None:
    assert await connection.fetchval("select to_regclass('reportd.jobs') is not null")
    await connection.execute("create table mine()")
    async with databases.migrated() as other:
        assert other != dsn
        neighbour = await asyncpg.connect(other)
        assert await neighbour.fetchval("select to_regclass('public.mine')") is None
        await neighbour.close()


async def test_an_empty_database_knows_nothing_of_us(empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    assert await connection.fetchval("select to_regnamespace('reportd')") is None
    await connection.close()


async def test_what_was_committed_survives_an_immediate_restart(postgres_server: PostgresServer) -> None:
    connection = await asyncpg.connect(postgres_server.dsn)
    await connection.execute("create table kept as select 1 as answer")
    await postgres_server.restart()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.fetchval("select 1")
    connection.terminate()
    connection = await asyncpg.connect(postgres_server.dsn)
    assert await connection.fetchval("select answer from kept") == 1
    assert await connection.fetchval("select to_regclass('reportd.jobs') is not null")
    await connection.close()


async def test_the_distribution_s_server_is_another_version(distribution_postgres: Databases) -> None:
    async with distribution_postgres.migrated() as dsn:
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("show server_version_num") < "180000"
        await connection.close()


async def test_eventually_polls_until_it_is_true_and_fails_at_its_limit(eventually: Eventually) -> None:
    answers = iter([0, 0, 7])

    async def later() -> int:
        return next(answers)

    assert await eventually(later) == 7
    with pytest.raises(pytest.fail.Exception, match="did not come true"):
        await eventually(lambda: False, 0.05)
