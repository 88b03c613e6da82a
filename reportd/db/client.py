"""One connection for one command: what the database says no to comes out as an error of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from reportd.db.pool import connect
from reportd.db.queries import Connection
from reportd.db.session import OUTAGE
from reportd.errors import DatabaseUnavailable, Refused, SchemaError

_NOT_THERE = (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError, asyncpg.InvalidSchemaNameError)


@asynccontextmanager
async def client(dsn: str, *, application_name: str = "reportd cli") -> AsyncIterator[Connection]:
    """A connection to `dsn`, closed at the end.

    Errors: DatabaseUnavailable, ConfigError; SchemaError where reportd's schema is not there; else Refused.
    """
    # No cached statements: a command asks once, and behind pgbouncer they would fail.
    connection = await connect(dsn, application_name=application_name, statement_cache_size=0)
    try:
        yield connection
    except _NOT_THERE as error:
        raise SchemaError("the database has no schema reportd yet", hint="reportd migrate") from error
    except OUTAGE as error:
        raise DatabaseUnavailable(f"the database can't be reached: {str(error) or type(error).__name__}") from error
    except asyncpg.PostgresError as error:
        raise Refused(f"the database refused: {error.args[0]}", sqlstate=error.sqlstate, hint=error.hint) from error
    finally:
        try:
            await connection.close(timeout=2.0)
        except OUTAGE:
            connection.terminate()
