"""A connection for one piece of work, with every way that a database can be gone turned into one error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from reportd.errors import DatabaseUnavailable, Refused

if TYPE_CHECKING:
    from reportd.db.pool import Connection, Pool

# What asyncpg raises when the server, the way to it, or this connection is gone. 53300 (too many connections) and the
# 57P0x family (shutdown, crash of a neighbour, starting up) pass by themselves, like a broken socket.
OUTAGE: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# What the server breaks off that will do at another time: it met another transaction, or found no room.
_PASSING: tuple[type[asyncpg.PostgresError], ...] = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InsufficientResourcesError,
    asyncpg.QueryCanceledError,
)


@asynccontextmanager
async def session(pool: Pool, *, limit_s: float = 30.0) -> AsyncIterator[Connection]:
    """A pooled connection for at most `limit_s` seconds of work. Raises DatabaseUnavailable when the database is gone,
    Refused when it said no.

    After an outage the connection is torn down, not handed back: on a black hole even its reset would hang.
    """
    try:
        async with asyncio.timeout(limit_s):
            connection = await pool.acquire()
            try:
                yield connection
            except OUTAGE:
                connection.terminate()
                raise
            except asyncio.CancelledError:
                # The query may still run; a connection in an unknown state must not reach the next user.
                if connection.is_in_transaction() or not connection.is_closed():
                    connection.terminate()
                raise
            finally:
                await asyncio.shield(pool.release(connection, timeout=5.0))
    except OUTAGE as error:
        raise DatabaseUnavailable(f"the database can't be reached: {str(error) or type(error).__name__}") from error
    except _PASSING as error:
        raise DatabaseUnavailable(f"the database broke off: {error}", sqlstate=error.sqlstate) from error
    except asyncpg.PostgresError as error:
        raise Refused(f"the database refused: {error}", sqlstate=error.sqlstate, hint=error.hint) from error
