"""A migrated database with two kinds and one worker, seen over reportd's own connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from reportd.db import kinds, pool
from reportd.db.kinds import KindRow
from reportd.db.queries import Connection
from tests import postgres
from tests.integration.db import desk

SALES_SCHEMA = {
    "type": "object",
    "properties": {
        "period": {"type": "string"},
        "region": {"type": "string", "enum": ["north", "south"]},
        "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
        "share": {"type": "number", "maximum": 1},
        "detail": {"type": "boolean"},
        "ids": {"type": "array", "items": {"type": "integer"}},
        "note": {"type": ["string", "null"]},
        "pin": {"type": "string", "enum": ["sesame"], "writeOnly": True},
        "box": {"type": "object", "properties": {"side": {"type": "number"}}, "required": ["side"]},
    },
    "required": ["period"],
    "additionalProperties": False,
}

EMPTY = """
delete from reportd.occurrences; delete from reportd.schedules; delete from reportd.claims; delete from reportd.workers;
delete from reportd.jobs; delete from reportd.templates; delete from reportd.queues; delete from reportd.tallies;
delete from reportd.pauses; delete from reportd.starts;
delete from reportd.kinds where name <> 'deliver';
"""

Connect = Callable[[], Awaitable[Connection]]


@pytest.fixture(scope="session")
def queue_dsn(server_dsn: str) -> Iterator[str]:
    """One database for all these tests: emptying a few small tables is quicker than making a database."""
    with postgres.databases(server_dsn) as made:
        yield postgres.with_database(made.dsn, made.template)


@pytest.fixture
async def dsn(queue_dsn: str) -> str:
    """The database, emptied."""
    conn = await asyncpg.connect(queue_dsn)
    await conn.execute(EMPTY)
    await conn.close()
    return queue_dsn


@pytest.fixture
async def connect(dsn: str) -> AsyncIterator[Connect]:
    """Makes connections to the test's database, closed at its end."""
    async with AsyncExitStack() as stack:

        async def connect() -> Connection:
            conn = await pool.connect(dsn, application_name="test")
            stack.push_async_callback(conn.close)
            return conn

        yield connect


@pytest.fixture
async def conn(connect: Connect) -> Connection:
    """A connection to a database that knows the kinds `noop` (brief) and `sales` (a report), and one that is broken."""
    conn = await connect()
    declared = [
        KindRow("noop", "task", "Nothing", "1", brief=True),
        KindRow("sales", "report", "Sales", "1", params_schema=SALES_SCHEMA, formats=("pdf", "xlsx", "csv", "json")),
        KindRow("broken", "report", "Broken", "1", error={"code": "report-broken", "message": "line 3: no such table"}),
    ]
    await kinds.upsert(conn, declared, worker=0)
    return conn


@pytest.fixture
async def other(connect: Connect) -> Connection:
    """A second connection to the same database."""
    return await connect()


@pytest.fixture
async def worker(conn: Connection) -> int:
    """A registered worker."""
    return await desk.register(conn)
