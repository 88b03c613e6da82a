"""`reportd.jobs` from both sides: a worker's claims and outcomes, and what clients order, ask and see.

Every write of a worker carries the fence (id, attempt, worker): when the row no longer answers to it, the function
returns False (or leaves the job out) and nothing at all has been written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import asyncpg

from reportd.db import queries
from reportd.db.queries import Connection
from reportd.errors import Refused, UnknownJob
from reportd.job import Artifact, Delivery, Job

QUERIES = queries.load("jobs")

Hint: TypeAlias = tuple[datetime, int]
"""Where in a lane the next claim's scan starts: (run_at, id)."""

ID_MAX = 2**63 - 1
# What a claim gives of each job, in the order of the class; its lane and its batch are the same for all.
_WIDTH = len(fields(Job)) - len(("queue", "priority", "claim_id"))
START: Hint = (datetime(1, 1, 2, tzinfo=UTC), 0)
JobRow: TypeAlias = Mapping[str, Any]
"""A whole row of `reportd.jobs`, by column."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One queue at one priority. Its first waiting job has `run_at` `oldest` and is due in `wait_s` seconds; `limited`
    tells which claim it takes. All three may change, and are no part of the lane's identity.
    """

    queue: str
    priority: int
    oldest: datetime | None = field(default=None, compare=False)
    wait_s: float = field(default=0.0, compare=False)
    limited: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Scan:
    """One claim's scan: the bounds of its snapshot, its time, and the last row it took (None: it took none).

    Transactions below `xmin` had all ended, none from `xmax` on had begun. `full`: it stopped because it had enough;
    else it saw every row due at `at`.
    """

    xmin: int
    xmax: int
    at: datetime
    last: Hint | None
    full: bool

    @property
    def reached(self) -> Hint:
        """Everything up to here was seen."""
        return self.last if self.full and self.last is not None else (self.at, ID_MAX)


async def lanes(conn: Connection, *, horizon_s: float = 0.0) -> list[Lane]:
    """Lanes with jobs that are due, or will be within `horizon_s`, the best first. Paused queues are left out."""
    return [Lane(**row) for row in await QUERIES["lanes"].rows(conn, horizon_s=horizon_s)]


async def claim(
    conn: Connection,
    *,
    lane: Lane,
    demand: int,
    worker: int,
    kinds: Sequence[str],
    after: Hint | None,
    default_timeout_s: float,
    default_max_attempts: int,
) -> tuple[list[Job], Scan]:
    """Take up to `demand` due jobs of `lane`, the oldest first, skipping what others hold; only of `kinds`.

    Each job's attempt has risen by one, and the batch has a row in `claims`. A worker that was declared dead gets none;
    nor does any from a queue with limits. The scan tells what was seen, for the next claim's `after`.
    """
    after_run_at, after_id = after or START
    rows = await QUERIES["claim"].rows(
        conn,
        queue=lane.queue,
        priority=lane.priority,
        demand=demand,
        worker=worker,
        kinds=kinds,
        after_run_at=after_run_at,
        after_id=after_id,
        default_timeout_s=default_timeout_s,
        default_max_attempts=default_max_attempts,
    )
    *taken, scan = rows
    claimed = [_job(row, lane, scan["claim_id"]) for row in taken]
    last = (claimed[-1].run_at, claimed[-1].id) if claimed else None
    return claimed, Scan(scan["xmin"], scan["xmax"], scan["at"], last, full=len(claimed) >= demand)


async def take_turns(
    conn: Connection,
    *,
    lane: Lane,
    demand: int,
    worker: int,
    kinds: Sequence[str],
    default_timeout_s: float,
    default_max_attempts: int,
) -> tuple[list[Job], float | None]:
    """Claim from a queue with limits: as many as they allow, tenants in turn. One claimer of a queue at a time.

    Also the seconds until the queue's rate allows another job; None when it is not the rate that says no.
    """
    rows = await QUERIES["take_turns"].rows(
        conn,
        queue=lane.queue,
        priority=lane.priority,
        demand=demand,
        worker=worker,
        kinds=kinds,
        default_timeout_s=default_timeout_s,
        default_max_attempts=default_max_attempts,
    )
    return [_job(row, lane, row["claim_id"]) for row in rows if row["id"] is not None], rows[0]["wait_s"]


async def begin(
    conn: Connection, *, id: int, worker: int, attempt: int, params_resolved: Mapping[str, Any] | None
) -> bool:
    """Note the handler's start; `params_resolved` is kept if the job has none yet."""
    return await _done(conn, "begin", id=id, worker=worker, attempt=attempt, params_resolved=_plain(params_resolved))


async def progress(
    conn: Connection,
    *,
    id: int,
    worker: int,
    attempt: int,
    step: str | None,
    percent: int,
    message: str | None = None,
    eta: datetime | None = None,
) -> bool:
    """Note how far the attempt has come."""
    return await _done(
        conn, "progress", id=id, worker=worker, attempt=attempt, step=step, percent=percent, message=message, eta=eta
    )


async def complete(
    conn: Connection,
    *,
    id: int,
    worker: int,
    attempt: int,
    claim: int | None,
    artifacts: Sequence[Artifact],
    deliveries: Sequence[Delivery],
    result: Any,
    usage: Mapping[str, Any] | None,
) -> bool:
    """Complete the job together with its files, its deliveries, and one `deliver` job for each: all or nothing."""
    return await _done(
        conn,
        "complete",
        id=id,
        worker=worker,
        attempt=attempt,
        claim=claim,
        artifacts=[asdict(artifact) for artifact in artifacts],
        deliveries=[asdict(delivery) for delivery in deliveries],
        result=result,
        usage=_plain(usage),
    )


async def complete_brief(
    conn: Connection, *, worker: int, jobs: Sequence[tuple[int, int]], emptied: Collection[int] = ()
) -> list[int]:
    """Complete (id, attempt) pairs without files or results; the ids still ours.

    `emptied`: the batches of claims that have no other job left; they go with the last of the pairs.
    """
    tries: dict[int, list[int]] = {}
    for id, attempt in jobs:
        tries.setdefault(attempt, []).append(id)
    completed: list[int] = []
    while tries:  # nearly always one: the first
        attempt, ids = tries.popitem()
        values = {"worker": worker, "ids": ids, "attempt": attempt, "emptied": [] if tries else list(emptied)}
        completed += await QUERIES["complete_brief"].value(conn, **values) or []
    return completed


async def retry_later(
    conn: Connection,
    *,
    id: int,
    worker: int,
    attempt: int,
    claim: int | None,
    error: Mapping[str, Any],
    delay_s: float,
    crashed: bool,
    usage: Mapping[str, Any] | None,
) -> bool:
    """End a failed attempt and let the job wait `delay_s`; `crashed` says which budget it is held against.

    A job that was asked to stop meanwhile does not go back: it ends as cancelled, here as in `release`.
    """
    return await _done(
        conn,
        "retry_later",
        id=id,
        worker=worker,
        attempt=attempt,
        claim=claim,
        error=dict(error),
        delay_s=delay_s,
        crashed=crashed,
        usage=_plain(usage),
    )


async def fail(
    conn: Connection,
    *,
    id: int,
    worker: int,
    attempt: int,
    claim: int | None,
    error: Mapping[str, Any],
    crashed: bool,
    usage: Mapping[str, Any] | None,
) -> bool:
    """End the job as failed."""
    return await _done(
        conn,
        "fail",
        id=id,
        worker=worker,
        attempt=attempt,
        claim=claim,
        error=dict(error),
        crashed=crashed,
        usage=_plain(usage),
    )


async def cancelled(
    conn: Connection, *, id: int, worker: int, attempt: int, claim: int | None, usage: Mapping[str, Any] | None
) -> bool:
    """End the job as cancelled, once its attempt has stopped."""
    return await _done(conn, "cancelled", id=id, worker=worker, attempt=attempt, claim=claim, usage=_plain(usage))


async def release(
    conn: Connection,
    *,
    id: int,
    worker: int,
    attempt: int,
    claim: int | None,
    delay_s: float,
    error: Mapping[str, Any] | None = None,
    usage: Mapping[str, Any] | None = None,
) -> bool:
    """Give the job back with both budgets untouched: at its old place, or due in `delay_s`."""
    return await _done(
        conn,
        "release",
        id=id,
        worker=worker,
        attempt=attempt,
        claim=claim,
        delay_s=delay_s,
        error=_plain(error),
        usage=_plain(usage),
    )


async def give_back(conn: Connection, *, worker: int, known: Collection[int]) -> list[int]:
    """Give back what the worker holds beside `known` (a claim's answer got lost, or it leaves); the ids."""
    return [row["id"] for row in await QUERIES["give_back"].rows(conn, worker=worker, known=list(known))]


async def settled(conn: Connection, *, id: int, worker: int, attempt: int) -> bool:
    """Whether this worker has already written the end of this attempt: asked after a COMMIT without an answer."""
    return bool(await QUERIES["settled"].value(conn, id=id, worker=worker, attempt=attempt))


async def interrupted(
    conn: Connection, *, worker: int, jobs: Sequence[tuple[int, int]]
) -> list[tuple[tuple[int, int], Literal["cancelled", "fenced"]]]:
    """Of the worker's running (id, attempt) pairs: those asked to stop, and those that are no longer its own."""
    ids, attempts = [id for id, _ in jobs], [attempt for _, attempt in jobs]
    rows = await QUERIES["interrupted"].rows(conn, worker=worker, ids=ids, attempts=attempts)
    return [((row["id"], row["attempt"]), row["reason"]) for row in rows]


async def unblock(conn: Connection) -> bool:
    """Let go what waits for jobs that have ended, where the statement of their end could not.

    A job that waits may have been locked at that time, or its dependency have ended while the row was being inserted.
    Also whether the parent of a burst waits for its children: asked at once, since idle daemons ask it all the time.
    """
    return bool(await QUERIES["unblock"].value(conn))


async def unfinished(conn: Connection, *, ids: Collection[int]) -> dict[int, int]:
    """Of `ids`, the jobs that have not ended, with the number of their latest attempt."""
    return {row["id"]: row["attempt"] for row in await QUERIES["unfinished"].rows(conn, ids=list(ids))}


async def get(conn: Connection, id: int) -> JobRow:
    """The whole row. Errors: UnknownJob."""
    row = await QUERIES["get"].row(conn, id=id)
    if row is None:
        raise UnknownJob(f"there is no job {id}")
    return dict(row)


async def list_(
    conn: Connection,
    *,
    status: str | None = None,
    kind: str | None = None,
    queue: str | None = None,
    limit: int,
    before: int | None = None,
) -> list[JobRow]:
    """The latest jobs, newest first; the next page is `before` the last id."""
    rows = await QUERIES["list_"].rows(conn, status=status, kind=kind, queue=queue, before=before, limit_rows=limit)
    return [dict(row) for row in rows]


async def attempts(conn: Connection, id: int) -> list[Mapping[str, Any]]:
    """The job's tries as `reportd.attempts` has them, in order."""
    return [dict(row) for row in await QUERIES["attempts"].rows(conn, id=id)]


async def enqueue(
    conn: Connection,
    kind: str | None,
    params: Mapping[str, Any] | None = None,
    *,
    formats: Sequence[str] | None = None,
    name: str | None = None,
    queue: str | None = None,
    priority: int | None = None,
    run_at: datetime | None = None,
    max_attempts: int | None = None,
    timeout_s: float | None = None,
    unique_key: str | None = None,
    deliver: Sequence[Any] = (),
    template: str | None = None,
    requested_by: str | None = None,
    department: str | None = None,
    tenant: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    depends_on: Sequence[int] | None = None,
    depends_until: Literal["completed", "ended"] = "completed",
    unique_for_s: float | None = None,
) -> int:
    """Order a job; its id, or that of the unfinished job with `unique_key`. Errors: Refused, in the server's words.

    With `unique_for_s` also that of a job that completed so lately with the same key, or without one the same request.
    """
    try:
        id: int = await QUERIES["enqueue"].value(
            conn,
            kind=kind,
            params=dict(params or {}),
            formats=formats,
            name=name,
            queue=queue,
            priority=priority,
            run_at=run_at,
            max_attempts=max_attempts,
            timeout_s=timeout_s,
            unique_key=unique_key,
            deliver=list(deliver),
            template=template,
            requested_by=requested_by,
            department=department,
            tenant=tenant,
            metadata=dict(metadata or {}),
            depends_on=depends_on,
            depends_until=depends_until,
            unique_for_s=unique_for_s,
        )
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        raise _refused(error) from error
    return id


async def cancel(conn: Connection, id: int) -> str:
    """End a waiting job, ask a running one to stop; the status afterwards. Errors: UnknownJob."""
    return str(await _called(conn, "cancel", id))


async def retry(conn: Connection, id: int) -> str:
    """Make a failed or cancelled job pending again; the status afterwards. Errors: UnknownJob, Refused."""
    return str(await _called(conn, "retry", id))


async def why(conn: Connection, id: int) -> Mapping[str, Any]:
    """What the job waits for: job, status, waits_for, position, message. Errors: UnknownJob."""
    answer: Mapping[str, Any] = await _called(conn, "why", id)
    return answer


async def _done(conn: Connection, name: str, **values: Any) -> bool:
    return await QUERIES[name].value(conn, **values) is not None


async def _called(conn: Connection, name: str, id: int) -> Any:
    try:
        return await QUERIES[name].value(conn, id=id)
    except asyncpg.NoDataFoundError as error:
        raise UnknownJob(error.args[0], hint=error.hint) from error
    except (asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.IntegrityConstraintViolationError) as error:
        raise _refused(error) from error


def _refused(error: asyncpg.PostgresError) -> Refused:
    """The server's own words; `detail` has its hint and code for those who want them apart."""
    hint: str | None = error.hint
    return Refused(" ".join(filter(None, (error.args[0], hint))), sqlstate=error.sqlstate, hint=hint)


def _plain(value: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A mapping of any class as the `dict` that JSON takes."""
    return None if value is None else dict(value)


def _job(row: asyncpg.Record, lane: Lane, claim_id: int | None) -> Job:
    values: tuple[Any, ...] = (*row[:2], lane.queue, lane.priority, *row[2:_WIDTH], claim_id)
    job = Job(*values)
    job.formats, job.deliver = tuple(job.formats or ()), tuple(job.deliver or ())
    job.metadata, job.never_retry = job.metadata or {}, frozenset(job.never_retry or ())
    return job
