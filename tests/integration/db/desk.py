"""What the tests of the queue do over and over: register a worker, order jobs, claim them, look at rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reportd.db import jobs, workers
from reportd.db.jobs import Hint, Lane, Scan
from reportd.db.queries import Connection
from reportd.job import Job

DEFAULT = Lane("default", 0)
ERROR = {"code": "query", "message": "it broke", "retryable": True, "attempt": 1, "detail": {}}


async def register(
    conn: Connection, *, lease_s: float = 15, kinds: Sequence[str] = ("noop",), waiting: bool = True, **identity: Any
) -> int:
    """A worker of this host, alive for `lease_s`."""
    place = {"host": "here", "boot_id": "boot", "pid_namespace": "pid:[1]", "pid": 7, "process_start": "100"}
    return await workers.register(
        conn,
        **{**place, **identity},
        version="1",
        kinds=list(kinds),
        roles=["worker"],
        lease_s=lease_s,
        waiting=waiting,
    )


async def order(conn: Connection, count: int = 1, **values: Any) -> list[int]:
    """Jobs of kind noop, unless `values` say otherwise."""
    return [await jobs.enqueue(conn, values.get("kind", "noop"), **_without_kind(values)) for _ in range(count)]


async def take(conn: Connection, worker: int, **values: Any) -> list[Job]:
    """Claim up to 10 jobs from one lane."""
    claimed, _ = await look(conn, worker, **values)
    return claimed


async def look(
    conn: Connection,
    worker: int,
    *,
    demand: int = 10,
    lane: Lane = DEFAULT,
    kinds: Sequence[str] = ("noop",),
    after: Hint | None = None,
) -> tuple[list[Job], Scan]:
    """Claim from one lane, with defaults of 300 s and 4 attempts; also what was seen."""
    return await jobs.claim(
        conn,
        lane=lane,
        demand=demand,
        worker=worker,
        kinds=kinds,
        after=after,
        default_timeout_s=300,
        default_max_attempts=4,
    )


def fence(job: Job, worker: int, **values: Any) -> dict[str, Any]:
    """What every outcome of `job` names, with no usage."""
    return {"id": job.id, "worker": worker, "attempt": job.attempt, "claim": job.claim_id, "usage": None, **values}


async def finish(conn: Connection, job: Job, worker: int, **values: Any) -> bool:
    """Complete `job`, without files unless `values` say otherwise."""
    made: dict[str, Any] = {"artifacts": (), "deliveries": (), "result": None}
    return await jobs.complete(conn, **{**fence(job, worker), **made, **values})


async def count(conn: Connection, table: str) -> int:
    """Rows of one of our tables."""
    return int(await conn.fetchval(f"select count(*) from reportd.{table}"))


def _without_kind(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "kind"}
