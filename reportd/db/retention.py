"""What is kept, and for how long: which finished jobs and ticks are past their time, and their removal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from reportd.db import queries
from reportd.db.queries import Connection

QUERIES = queries.load("retention")


@dataclass(frozen=True, slots=True)
class Keep:
    """What holds for queues that say nothing: seconds and numbers of finished jobs; None: without limit.

    `failed` stands for cancelled jobs, too.
    """

    completed_s: float | None
    failed_s: float | None
    completed: int | None = None
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """Of one queue, the newest job that is one too many, by outcome; None: there are not that many."""

    queue: str
    completed: int | None
    failed: int | None


@dataclass(frozen=True, slots=True)
class Window:
    """One look at a stretch of jobs: `ids` are past their time; `last` is where it ended, None past the newest job."""

    ids: Sequence[int]
    last: int | None


async def thresholds(conn: Connection, keep: Keep) -> list[Threshold]:
    """Where the numbers of jobs that queues keep are exceeded."""
    found = []
    for row in await QUERIES["counted"].rows(conn, completed=keep.completed, failed=keep.failed):
        by_outcome = [
            None
            if keep is None
            else await QUERIES["threshold"].value(conn, queue=row["queue"], outcomes=outcomes, keep=keep)
            for outcomes, keep in (
                (["completed"], row["keep_completed"]),
                (["failed", "cancelled"], row["keep_failed"]),
            )
        ]
        found.append(Threshold(row["queue"], *by_outcome))
    return [each for each in found if each.completed is not None or each.failed is not None]


async def window(conn: Connection, *, after: int, rows: int, keep: Keep, thresholds: Sequence[Threshold]) -> Window:
    """What is past its time among the `rows` jobs that follow job `after`. Never an unfinished one, nor one whose files
    are still to be delivered, nor a part of an unfinished whole, nor one that another waits for.
    """
    row = await QUERIES["window"].row(
        conn,
        after=after,
        window_rows=rows,
        completed_s=keep.completed_s,
        failed_s=keep.failed_s,
        thresholds=[{"queue": each.queue, "completed": each.completed, "failed": each.failed} for each in thresholds],
    )
    assert row is not None
    return Window(ids=row["ids"], last=row["last"] if row["scanned"] == rows else None)


async def uris(conn: Connection, ids: Collection[int]) -> list[str]:
    """Where the files of these jobs are."""
    return [row["uri"] for row in await QUERIES["uris"].rows(conn, ids=list(ids))]


async def delete_jobs(conn: Connection, ids: Collection[int]) -> int:
    """Delete finished jobs with all that hangs on them; how many there were."""
    return len(await QUERIES["delete_jobs"].rows(conn, ids=list(ids)))


async def delete_occurrences(conn: Connection, *, age_s: float, limit: int) -> int:
    """Delete the oldest ticks past `age_s`, at most `limit` of each schedule; how many there were."""
    return len(await QUERIES["delete_occurrences"].rows(conn, age_s=age_s, limit_rows=limit))
