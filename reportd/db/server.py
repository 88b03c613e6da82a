"""What the server says of itself and of our role: what `reportd doctor` asks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reportd.db.queries import Connection, load

_QUERIES = load("server")


@dataclass(frozen=True, slots=True)
class Facts:
    """Version, the settings that decide what a crash may lose, the server's clock, and who we are there."""

    version: int
    version_text: str
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    is_standby: bool
    now: datetime
    database: str
    role: str
    is_superuser: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The oldest open snapshot: its backend, that one's name for itself, and how long its transaction has lasted."""

    pid: int
    application_name: str
    seconds: float


async def facts(conn: Connection) -> Facts:
    """The server, seen over this connection."""
    row = await _QUERIES["facts"].row(conn)
    assert row is not None
    return Facts(**row)


async def missing_rights(conn: Connection) -> Sequence[str]:
    """Tables of our schema that this role can't read and write; none where the schema is not there."""
    return [row["name"] for row in await _QUERIES["missing_rights"].rows(conn)]


async def writable_tables(conn: Connection, *, limit_rows: int) -> Sequence[str]:
    """The first few tables outside our schema that this role may change."""
    return [row["name"] for row in await _QUERIES["writable_tables"].rows(conn, limit_rows=limit_rows)]


async def memberships(conn: Connection, *, limit_rows: int) -> Sequence[str]:
    """The first few of the other roles that this one may become."""
    return [row["name"] for row in await _QUERIES["memberships"].rows(conn, limit_rows=limit_rows)]


async def temp_file_limit(conn: Connection) -> str | None:
    """What a session of this role may spill into temporary files, such as `8GB`; None: as much as the disk holds."""
    limit: str = await _QUERIES["temp_file_limit"].value(conn)
    return None if limit == "-1" else limit


async def oldest_snapshot(conn: Connection) -> Snapshot | None:
    """Who keeps Postgres from removing dead rows; None if nobody does."""
    row = await _QUERIES["oldest_snapshot"].row(conn)
    return None if row is None else Snapshot(**row)


async def notify(conn: Connection, *, channel: str) -> None:
    """Send an empty notification."""
    await _QUERIES["notify"].value(conn, channel=channel)


async def latest_job(conn: Connection, *, limit_s: float) -> int | None:
    """The highest id of a job; None where there is none. Asked often: one look at the index's end."""
    async with asyncio.timeout(limit_s):
        id: int | None = await _QUERIES["latest_job"].value(conn)
    return id
