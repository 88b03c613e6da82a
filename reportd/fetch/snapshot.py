"""One read-only snapshot of the source database, and the way out of it: no query outlives the job that asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import asyncpg

from reportd.errors import DatabaseUnavailable
from reportd.fetch.failure import CONNECTION_LOST
from reportd.fetch.limits import FetchLimits

if TYPE_CHECKING:
    from asyncpg import Record
    from asyncpg.pool import PoolConnectionProxy

    from reportd.db.pool import Connection, Pool

CONNECT_LIMIT_S = 30.0
# From a cancel to its query's end on the server; past it the connection is cut, and the server notices by itself.
LEAVE_LIMIT_S = 1.0

# What the text forms in the spool depend on is pinned, whatever the role, the database or postgresql.conf say; the
# limits are the server's to keep. `now()` is the transaction's start: every commit before it is in the snapshot, and
# a report's own now() says the same. client_connection_check_interval makes the server end a query whose daemon died
# (not on every platform); temp_file_limit is a superuser's to set, else the role's own holds.
_ENTER = """
select now(),
  set_config('TimeZone', $1, true),
  set_config('DateStyle', 'ISO, YMD', true),
  set_config('IntervalStyle', 'postgres', true),
  set_config('bytea_output', 'hex', true),
  set_config('extra_float_digits', '1', true),
  set_config('standard_conforming_strings', 'on', true),
  set_config('statement_timeout', $2, true),
  set_config('lock_timeout', $3, true),
  set_config('idle_in_transaction_session_timeout', '60s', true),
  case when version() like '%linux%' then set_config('client_connection_check_interval', '1s', true) end,
  case when current_setting('is_superuser') = 'on' then set_config('temp_file_limit', $4, true) end
"""


class Snapshot(NamedTuple):
    """A connection inside its transaction; `as_of` is the snapshot's time by the database's clock."""

    connection: Connection
    as_of: datetime


@asynccontextmanager
async def snapshot(pool: Pool, *, timezone: str, limits: FetchLimits) -> AsyncIterator[Snapshot]:
    """A REPEATABLE READ READ ONLY transaction on a connection of `pool`, with every setting that changes text pinned.

    Left by an error or a cancel, the running query is stopped on the server before the connection goes back; where that
    takes longer than LEAVE_LIMIT_S the connection is cut. Errors: DatabaseUnavailable when it can't be opened.
    """
    try:
        connection = await pool.acquire(timeout=CONNECT_LIMIT_S)
    except (*CONNECTION_LOST, asyncpg.PostgresError) as error:
        raise _not_opened(error) from error
    try:
        try:
            async with asyncio.timeout(CONNECT_LIMIT_S):
                as_of = await enter(connection, timezone=timezone, limits=limits)
        except (*CONNECTION_LOST, asyncpg.PostgresError) as error:
            raise _not_opened(error) from error
        yield Snapshot(connection, as_of)
    finally:
        # Shielded: a second cancel must not leave a query running and a connection in nobody's hands.
        await asyncio.shield(_leave(pool, connection))


async def enter(connection: Connection, *, timezone: str, limits: FetchLimits) -> datetime:
    """Begin that transaction on `connection`; the snapshot's time. The caller ends it. Errors: asyncpg's own.

    What runs afterwards can be undone by `forget`.
    """
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    as_of: datetime = await connection.fetchval(
        _ENTER,
        timezone,
        _milliseconds(limits.query_timeout_s),
        _milliseconds(limits.lock_wait_s),
        f"{limits.temp_bytes_max // 1024}kB",
    )
    await connection.execute("SAVEPOINT entered")
    return as_of


async def forget(connection: Connection) -> None:
    """Undo what a query has done to the session, so that the next finds it as `enter` left it; the snapshot stays.

    A SELECT can change every setting by set_config(): the time limit, the search path, how its successors are read.
    Errors: asyncpg's own.
    """
    await connection.execute("ROLLBACK TO SAVEPOINT entered")


async def _leave(pool: Pool, connection: PoolConnectionProxy[Record]) -> None:
    try:
        async with asyncio.timeout(LEAVE_LIMIT_S):
            # Waits first until a cancelled query has ended. The driver waits in vain where the query was through when
            # its last rows were refused; then too the connection is cut.
            await connection.execute("ROLLBACK")
    except (*CONNECTION_LOST, asyncpg.PostgresError):
        with suppress(asyncpg.InterfaceError):  # a connection that the server ended has left the pool by itself
            connection.terminate()
    with suppress(*CONNECTION_LOST, asyncpg.PostgresError):
        await pool.release(connection, timeout=LEAVE_LIMIT_S)


def _not_opened(error: BaseException) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"the source database can't be read: {str(error) or type(error).__name__}")


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
