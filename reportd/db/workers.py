"""`reportd.workers`: who lives, by the database's clock, and the rescue of what the dead held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from reportd.db import jobs, queries
from reportd.db.queries import Connection

QUERIES = queries.load("workers")


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One daemon as it registered itself."""

    id: int
    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    process_start: str
    version: str
    roles: Sequence[str]
    kinds: Sequence[str]
    started_at: datetime
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Rescued:
    """A job taken from a dead worker and its status now: pending, failed (crash-loop), or cancelled (on request)."""

    id: int
    attempt: int
    outcome: Literal["pending", "failed", "cancelled"]


async def register(
    conn: Connection,
    *,
    host: str,
    boot_id: str,
    pid_namespace: str,
    pid: int,
    process_start: str,
    version: str,
    kinds: Sequence[str],
    roles: Sequence[str],
    lease_s: float,
) -> int:
    """Write the daemon's row, with a lease of `lease_s` from now; its id, higher than any before."""
    id = await QUERIES["register"].value(
        conn,
        host=host,
        boot_id=boot_id,
        pid_namespace=pid_namespace,
        pid=pid,
        process_start=process_start,
        version=version,
        kinds=list(kinds),
        roles=list(roles),
        lease_s=lease_s,
    )
    return cast(int, id)


async def renew(conn: Connection, *, worker: int, lease_s: float, load: Mapping[str, Any] | None = None) -> bool:
    """Move the lease on to `lease_s` from now; False: the worker was declared dead and its jobs are others'."""
    renewed = await QUERIES["renew"].value(
        conn, worker=worker, lease_s=lease_s, load=None if load is None else dict(load)
    )
    return renewed is not None


async def set_kinds(conn: Connection, *, worker: int, kinds: Sequence[str]) -> None:
    """Say anew what the worker can run."""
    await QUERIES["set_kinds"].rows(conn, worker=worker, kinds=list(kinds))


async def set_waiting(conn: Connection, *, worker: int, waiting: bool) -> None:
    """Whether the worker is to be told of new jobs; nothing happens when it was declared dead."""
    await QUERIES["set_waiting"].rows(conn, worker=worker, waiting=waiting)


async def leave(conn: Connection, *, worker: int) -> None:
    """Remove the worker; jobs that it still held go back untouched."""
    async with conn.transaction():
        # The row first: a claim of the same worker that is still under way has to end before, or find no row.
        if await QUERIES["lock"].value(conn, worker=worker, lease_until=None) is None:
            return
        await jobs.give_back(conn, worker=worker, known=[])
        await QUERIES["drop_claims"].rows(conn, worker=worker)
        await QUERIES["drop"].rows(conn, worker=worker)


async def list_(conn: Connection) -> list[WorkerRow]:
    """All daemons, the latest first."""
    return [WorkerRow(**row) for row in await QUERIES["list_"].rows(conn)]


async def expired(conn: Connection, *, not_before: datetime | None = None) -> list[WorkerRow]:
    """Daemons whose lease has run out; none before `not_before`, nor within one lease of the server's own start."""
    return [WorkerRow(**row) for row in await QUERIES["expired"].rows(conn, not_before=not_before)]


async def on_host(conn: Connection, *, host: str, boot_id: str, pid_namespace: str) -> list[WorkerRow]:
    """Daemons whose processes the caller can look at."""
    rows = await QUERIES["on_host"].rows(conn, host=host, boot_id=boot_id, pid_namespace=pid_namespace)
    return [WorkerRow(**row) for row in rows]


async def rescue(
    conn: Connection, *, worker: int, crashes_max: int, lease_until: datetime | None = None
) -> list[Rescued]:
    """Give a dead worker's jobs back and remove it; a job that crashes for the `crashes_max`-th time fails.

    Safe with many daemons at it: one does it, the others get nothing. With `lease_until` (as `expired` read it) nothing
    happens when the worker has renewed since; without, the caller knows by other means that the process is gone.
    """
    async with conn.transaction():
        # Two statements, since the second must see every claim that committed before the row was locked.
        if await QUERIES["lock"].value(conn, worker=worker, lease_until=lease_until) is None:
            return []
        rows = await QUERIES["rescue"].rows(conn, worker=worker, crashes_max=crashes_max)
        await QUERIES["drop"].rows(conn, worker=worker)
    return [Rescued(row["id"], row["attempt"], row["outcome"]) for row in rows]
