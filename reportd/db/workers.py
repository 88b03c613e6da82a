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
class Suspect:
    """A daemon that may be dead. `here`: the caller can look at its process; `late`: its lease has run out.

    `left_s` is what remains of its lease, in seconds; below zero for one whose lease ran out while the server was away.
    """

    id: int
    pid: int
    process_start: str
    lease_until: datetime
    here: bool
    late: bool
    left_s: float


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
    waiting: bool = True,
) -> int:
    """Write the daemon's row, with a lease of `lease_s` from now; its id, higher than any before.

    `waiting`: it is to be told of new jobs.
    """
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
        waiting=waiting,
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


async def suspects(conn: Connection, *, host: str, boot_id: str, pid_namespace: str, horizon_s: float) -> list[Suspect]:
    """Daemons whose processes the caller can look at, and those whose lease ends within `horizon_s` seconds.

    Nobody is late within one lease of the server's own start.
    """
    rows = await QUERIES["suspects"].rows(
        conn, host=host, boot_id=boot_id, pid_namespace=pid_namespace, horizon_s=horizon_s
    )
    return [Suspect(**row) for row in rows]


async def rescue(
    conn: Connection, *, worker: int, crashes_max: int, lease_until: datetime | None = None
) -> list[Rescued]:
    """Give a dead worker's jobs back and remove it; a job that crashes for the `crashes_max`-th time fails.

    Safe with many daemons at it: one does it, the others get nothing. With `lease_until` (as `suspects` read it)
    nothing happens when the worker has renewed since; without, the caller knows that its process is gone.
    """
    async with conn.transaction():
        # Two statements, since the second must see every claim that committed before the row was locked.
        if await QUERIES["lock"].value(conn, worker=worker, lease_until=lease_until) is None:
            return []
        rows = await QUERIES["rescue"].rows(conn, worker=worker, crashes_max=crashes_max)
        await QUERIES["drop"].rows(conn, worker=worker)
    return [Rescued(row["id"], row["attempt"], row["outcome"]) for row in rows]
