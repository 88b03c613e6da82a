"""Failed jobs, as an operator goes through them: by queue, kind, tenant or error code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass

from reportd.db import queries
from reportd.db.jobs import JobRow
from reportd.db.queries import Connection

QUERIES = queries.load("dead")

PAGE_ROWS = 500


@dataclass(frozen=True, slots=True)
class Search:
    """Which failed jobs: all that is given must fit. `code` is that of the error."""

    queue: str | None = None
    kind: str | None = None
    tenant: str | None = None
    code: str | None = None


async def list_(conn: Connection, search: Search, *, limit: int, before: int | None = None) -> list[JobRow]:
    """The latest failed jobs, newest first; the next page is `before` the last id."""
    rows = await QUERIES["newest"].rows(conn, **asdict(search), before=before, limit_rows=limit)
    return [dict(row) for row in rows]


async def all_(conn: Connection, search: Search) -> AsyncIterator[JobRow]:
    """Every failed job, the oldest first; only a page of them is in memory."""
    after = 0
    while page := await QUERIES["oldest"].rows(conn, **asdict(search), after=after, limit_rows=PAGE_ROWS):
        for row in page:
            yield dict(row)
        after = page[-1]["id"]


async def retry(conn: Connection, search: Search) -> int:
    """Make those that fit pending again, but where another unfinished job has the unique_key; how many."""
    return int(await QUERIES["retry"].value(conn, **asdict(search)))


async def discard(conn: Connection, ids: Sequence[int] | None, search: Search) -> int:
    """Remove failed jobs, those of `ids` or, with None, all that fit; how many."""
    return int(await QUERIES["discard"].value(conn, ids=ids, **asdict(search)))
