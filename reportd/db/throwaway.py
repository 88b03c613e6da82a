"""Databases that live as long as one test: made on a server that somebody has, filled, and dropped whatever happens."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from reportd.db.client import client
from reportd.db.queries import Connection
from reportd.errors import Refused

_NAME = "test database"
# One statement for each set of columns: what a row leaves out gets the column's default.
_INSERT = """
select format('insert into %s (%s) select %2$s from json_populate_recordset(null::%1$s, $1)', $1::text::regclass,
  (select string_agg(quote_ident(name), ', ') from unnest($2::text[]) as c (name)))
"""


@asynccontextmanager
async def database(server_dsn: str, *, template: str = "template0") -> AsyncIterator[str]:
    """A new database on the server at `server_dsn`, a copy of `template`; its DSN. Dropped at the end, whoever uses it.

    Errors: DatabaseUnavailable; Refused where the role may not make databases.
    """
    name = f"reportd_trial_{secrets.token_hex(6)}"
    async with client(server_dsn, application_name=_NAME) as connection:
        await connection.execute(f"create database {name} template {template}")
    try:
        yield _with_database(server_dsn, name)
    finally:
        async with client(server_dsn, application_name=_NAME) as connection:
            await connection.execute(f"drop database if exists {name} with (force)")


def name_of(dsn: str) -> str:
    """The database's name in a DSN that `database` has made."""
    return urlsplit(dsn).path.removeprefix("/")


async def run(connection: Connection, script: str, *, path: str) -> None:
    """Run the statements of `script`, a file at `path` or part of one. Errors: Refused with the line in the script."""
    try:
        await connection.execute(script)
    except asyncpg.PostgresError as error:
        position = getattr(error, "position", None)
        line = script.count("\n", 0, int(position) - 1) + 1 if position else None
        place = f"{path}:{line}" if line else path
        raise Refused(f"{place}: {error.args[0]}", sqlstate=error.sqlstate, hint=error.hint) from error


async def insert(connection: Connection, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows` (JSON values by column) into `table`. Errors: Refused in the server's words."""
    columns: tuple[str, ...] = ()
    batch: list[Mapping[str, Any]] = []
    try:
        for row in rows:
            if tuple(row) != columns and batch:
                await _insert(connection, table, columns, batch)
                batch = []
            columns = tuple(row)
            batch.append(row)
        if batch:
            await _insert(connection, table, columns, batch)
    except asyncpg.PostgresError as error:
        raise Refused(f"rows of {table}: {error.args[0]}", sqlstate=error.sqlstate, hint=error.hint) from error


async def pin(dsn: str, script: str, *, moment: str) -> None:
    """Let the database at `dsn` take `moment` (ISO) for now: `script` makes the schema `reportd_clock`, found first."""
    async with client(dsn, application_name=_NAME) as connection:
        await connection.execute(script)
        pinned = "select format('alter database %I set reportd.now = %L', current_database(), $1::text)"
        await connection.execute(await connection.fetchval(pinned, moment))
        # Of all settings that a connection begins with, those of a role in a database come last.
        found = (
            "select format('alter role current_user in database %I set search_path = reportd_clock, pg_catalog, %s',"
            " current_database(), current_setting('search_path'))"
        )
        await connection.execute(await connection.fetchval(found))


async def _insert(
    connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    statement = await connection.fetchval(_INSERT, table, list(columns))
    await connection.execute(statement, list(map(dict, rows)))


def _with_database(dsn: str, database: str) -> str:
    # Not by urlunsplit: it drops the empty host of postgresql://postgres@/name?host=/socket/directory.
    parts = urlsplit(dsn)
    return f"{parts.scheme}://{parts.netloc}/{database}" + (f"?{parts.query}" if parts.query else "")
