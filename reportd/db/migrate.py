"""Brings the schema to this version: the files of `sql/`, each once, in order, each in a transaction of its own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import asyncpg

from reportd.db import queries
from reportd.db.queries import Connection
from reportd.errors import SchemaError

QUERIES = queries.load("migrate")

SERVER_MIN = 140000
# Any constant that no other program on the server uses for its advisory locks.
_LOCK = 0x7265706F72746400
_NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `name` without its ending, `sha256` of its bytes; `number` orders it."""

    number: int
    name: str
    sha256: str
    sql: str


async def migrate(conn: Connection) -> list[str]:
    """Apply what is missing and return its names; safe when several processes call it at once.

    Errors: SchemaError when the schema is newer than this version, or a file was changed after it was applied.
    """
    await _check_server(conn)
    applied: list[str] = []
    try:
        while (name := await _step(conn)) is not None:
            applied.append(name)
    except asyncpg.InsufficientPrivilegeError as error:
        raise SchemaError(f"this role may not migrate: {error}. Do it as the owner of the database") from error
    return applied


async def check(conn: Connection) -> None:
    """Make sure that the schema is this version's. Errors: SchemaError, with the remedy."""
    await _check_server(conn)
    if not await QUERIES["is_installed"].value(conn):
        raise SchemaError("the database has no schema reportd yet. Run: reportd migrate")
    missing = _missing(await QUERIES["applied"].rows(conn))
    if missing:
        names = ", ".join(migration.name for migration in missing)
        raise SchemaError(f"the schema is older than this reportd, it lacks {names}. Run: reportd migrate")


@lru_cache
def migrations(directory: Path | None = None) -> tuple[Migration, ...]:
    """The files of `directory` in order; by default of the wheel's `_sql`, else of the source checkout's `sql`."""
    if directory is None:
        package = Path(__file__).parent.parent
        directory = next((found for found in (package / "_sql", package.parent / "sql") if found.is_dir()), None)
    if directory is None:
        raise SchemaError("this installation of reportd lacks its migrations. Install it again")
    found = []
    for path in sorted(directory.glob("*.sql")):
        if not (match := _NAME.fullmatch(path.name)):
            raise SchemaError(f"{path} is not named like a migration (0001_noun.sql)")
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        found.append(Migration(int(match["number"]), path.stem, digest, content.decode("utf-8")))
    return tuple(found)


def _missing(applied: Sequence[asyncpg.Record]) -> list[Migration]:
    """What is still to be applied, once what was applied has been found to be what we know."""
    known = {migration.number: migration for migration in migrations()}
    for row in applied:
        migration = known.get(row["number"])
        if migration is None:
            raise SchemaError(
                f"the schema is newer than this reportd: it has {row['name']}. "
                "Install the version that made it, or a later one"
            )
        if migration.sha256 != row["sha256"]:
            raise SchemaError(
                f"{migration.name} was changed after it had been applied. "
                "Put the released file back; changes belong in a new one"
            )
    done = {row["number"] for row in applied}
    return [migration for number, migration in sorted(known.items()) if number not in done]


async def _step(conn: Connection) -> str | None:
    """Apply the next file in a transaction of its own; its name, or None when nothing is missing."""
    async with conn.transaction():
        await QUERIES["lock"].value(conn, key=_LOCK)
        if not await QUERIES["is_installed"].value(conn):
            for statement in ("create_schema", "create_ledger", "comment_schema", "comment_ledger"):
                await QUERIES[statement].value(conn)
        missing = _missing(await QUERIES["applied"].rows(conn))
        if not missing:
            return None
        migration = missing[0]
        await conn.execute(migration.sql)
        await QUERIES["record"].value(conn, number=migration.number, name=migration.name, sha256=migration.sha256)
        return migration.name


async def _check_server(conn: Connection) -> None:
    version = cast(int, await QUERIES["server_version"].value(conn))
    if version < SERVER_MIN:
        raise SchemaError(f"PostgreSQL {version // 10000} is too old: reportd needs {SERVER_MIN // 10000} or later")
