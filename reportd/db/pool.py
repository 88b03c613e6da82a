"""Connections to reportd's own database: one way to open them, one error when that fails."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import asyncpg

from reportd.db.lone import POOLER, LoneConnection
from reportd.db.queries import Connection
from reportd.errors import ConfigError, DatabaseUnavailable

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
__all__ = ["Connection", "Pool", "connect", "create_pool"]


# asyncpg keeps the plans of this many statements per connection; more than reportd has, so that none is planned twice.
STATEMENTS = 200
CONNECT_LIMIT_S = 10.0
# A plan that is kept must fit tables of any size: one made while the queue was empty would scan it from end to end,
# until the next ANALYZE. Not sent where no plans are kept: pgbouncer refuses such settings.
# And it is kept from the first time on: to plan a claim anew for its values costs as much as fifty of its jobs.
_KEPT_PLANS = {"enable_seqscan": "off", "jit": "off", "plan_cache_mode": "force_generic_plan"}

# What asyncpg raises when a server can't be reached, refuses, or breaks off.
UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
)
_JSON = json.JSONDecoder()
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


async def create_pool(
    dsn: str,
    *,
    min_size: int,
    max_size: int,
    application_name: str,
    statement_cache_size: int = STATEMENTS,
    timeout_s: float = CONNECT_LIMIT_S,
) -> Pool:
    """A pool whose connections read and write `jsonb` as Python values.

    With a statement cache the connections are for reportd's own statements, whose plans are kept: not for reports.
    Where a pooler turns out to stand before the server nothing is kept (see `lone.py`), as with a cache of size 0.
    Errors: DatabaseUnavailable, ConfigError.
    """
    keeps = statement_cache_size > 0
    with _unavailable(dsn):
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=min_size,
                max_size=max_size,
                init=_set_codecs,
                timeout=timeout_s,
                connection_class=asyncpg.Connection if keeps else LoneConnection,
                server_settings=_settings(application_name, statement_cache_size),
                statement_cache_size=statement_cache_size,
                max_cached_statement_lifetime=0,
                # A report's query may leave a setting or a lock behind: those connections are reset.
                reset=_keep if keeps else None,
            )
            if not keeps or not await _is_pooled(pool):
                return pool
            pool.terminate()
        except POOLER:
            if not keeps:
                raise
    import structlog  # here, so that a script that orders one job does not pay for it

    log = structlog.get_logger()
    log.info("database.pooled", hint="a pooler stands before the server: statements are not kept, which costs time")
    return await create_pool(
        dsn,
        min_size=min_size,
        max_size=max_size,
        application_name=application_name,
        statement_cache_size=0,
        timeout_s=timeout_s,
    )


async def _is_pooled(pool: Pool) -> bool:
    """Whether the process that answers is another than the one that said hello: a pooler makes that number up."""
    async with pool.acquire() as connection:
        return bool(await connection.fetchval("select pg_backend_pid()") != connection.get_server_pid())


async def connect(
    dsn: str,
    *,
    application_name: str,
    statement_cache_size: int = STATEMENTS,
    timeout_s: float = CONNECT_LIMIT_S,
) -> asyncpg.Connection[asyncpg.Record]:
    """One connection like the pool's, for its caller to close. Errors: DatabaseUnavailable, ConfigError."""
    with _unavailable(dsn):
        connection = await asyncpg.connect(
            dsn,
            timeout=timeout_s,
            connection_class=asyncpg.Connection if statement_cache_size else LoneConnection,
            server_settings=_settings(application_name, statement_cache_size),
            statement_cache_size=statement_cache_size,
            max_cached_statement_lifetime=0,
        )
        try:
            await _set_codecs(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection


def _settings(application_name: str, statement_cache_size: int) -> dict[str, str]:
    return {"application_name": application_name, **(_KEPT_PLANS if statement_cache_size else {})}


def dump_json(value: Any) -> str:
    """`value` as JSON that `jsonb` holds: it knows no NUL and no lone surrogate, which become U+FFFD and `?`.

    Errors: TypeError, ValueError for what JSON has no form for (NaN, a set, a date).
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if "\\u0000" in text:
        text = _NUL.sub("\\1\ufffd", text)
    return text.encode("utf-8", "replace").decode("utf-8")


def load_json(text: str) -> Any:
    """JSON as `jsonb` gives it; a whole number that Python's `int` refuses for its length is a Decimal.

    Most jobs have empty params, metadata and targets: those are not worth a parser.
    """
    if text == "{}" or text == "[]":
        return {} if text == "{}" else []
    try:
        return _JSON.raw_decode(text)[0]  # jsonb has no spaces around it that `loads` would look for
    except ValueError:
        return json.loads(text, parse_int=Decimal)


async def _keep(_connection: Connection) -> None:
    """Between two users of a pooled connection there is nothing to undo: no statement of ours leaves a setting, a lock
    or a cursor behind, and the usual reset is a round trip for every claim.
    """


async def _set_codecs(connection: Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=dump_json, decoder=load_json)


@contextmanager
def _unavailable(dsn: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.ClientConfigurationError as error:
        raise ConfigError(
            f"the database's address can't be read: {error}. Write postgresql://user@host:5432/database"
        ) from error
    except UNAVAILABLE as error:
        reason = str(error).splitlines()[0] if str(error) else "no answer in time"
        raise DatabaseUnavailable(f"no connection to {_address(dsn)}: {reason}. {_remedy(error)}") from error


def _address(dsn: str) -> str:
    """Host, port and database of `dsn`: never its user's password, whatever form it has."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    host = query.get("host", [parts.netloc.rpartition("@")[2]])[0] or "the local server"
    return f"{host}{parts.path.rstrip('/')}" if parts.scheme else "the database"


def _remedy(error: BaseException) -> str:
    match error:
        case asyncpg.InvalidPasswordError():
            return "Check the password, or the file that holds it."
        case asyncpg.InvalidAuthorizationSpecificationError():
            return "Check the user, and the server's pg_hba.conf."
        case asyncpg.InvalidCatalogNameError():
            return "Make it with: createdb NAME."
        case asyncpg.ProtocolViolationError():
            return "Behind pgbouncer name it in ignore_startup_parameters, or set database.statement_cache_size = 0."
        case asyncpg.TooManyConnectionsError():
            return "Raise max_connections, or put pgbouncer before the server."
        case asyncpg.CannotConnectNowError():
            return "The server is starting or stopping: wait."
        case _:
            return "Check that the server runs and that host and port are right."
