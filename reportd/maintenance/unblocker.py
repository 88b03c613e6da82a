"""Lets jobs go whose dependencies have ended, where the statement that wrote the end could not."""

from __future__ import annotations

from reportd.db import jobs
from reportd.db.pool import Pool
from reportd.db.session import session


class Unblocker:
    """Looks for ended jobs that are still waited for. Safe with any number of daemons at it."""

    def __init__(self, *, pool: Pool) -> None:
        self._pool = pool

    async def step(self) -> None:
        """One look."""
        async with session(self._pool, limit_s=10) as conn:
            await jobs.unblock(conn)
