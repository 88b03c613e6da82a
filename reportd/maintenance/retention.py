"""Deletes what is past its time: finished jobs with their files, files alone, and the ledger of ticks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import structlog

from reportd.artifacts import DirectoryStore
from reportd.db import artifacts, retention
from reportd.db.pool import Pool
from reportd.db.retention import Keep
from reportd.db.session import session
from reportd.errors import ReportdError

log = structlog.get_logger()

# A window is one short transaction: long enough to be worth it, short enough that nobody waits for its locks.
WINDOW_ROWS = 1000
WINDOWS_MAX = 500


class Retention:
    """Goes over the jobs by their key, some windows at each step, and begins anew at its end.

    The file goes before the row that names it: what is left of a crash in between is a row, and the next round deletes
    it. Every daemon does this; deleting twice does no harm.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        store: DirectoryStore,
        keep: Keep,
        artifacts_s: float | None,
        occurrences_s: float | None,
        window_rows: int = WINDOW_ROWS,
    ) -> None:
        self._pool = pool
        self._store = store
        self._keep = keep
        self._artifacts_s = artifacts_s
        self._occurrences_s = occurrences_s
        self._window_rows = window_rows
        self._after = 0

    def adopt(self, *, keep: Keep, artifacts_s: float | None, occurrences_s: float | None) -> None:
        """Keep things for other times from the next step on."""
        self._keep = keep
        self._artifacts_s = artifacts_s
        self._occurrences_s = occurrences_s

    async def step(self) -> None:
        """One round, or a part of one where there are very many jobs."""
        await self._delete_jobs()
        await self._delete_files()
        await self._delete_occurrences()

    async def _delete_jobs(self) -> None:
        deleted = 0
        async with session(self._pool) as conn:
            thresholds = await retention.thresholds(conn, self._keep)
        for _ in range(WINDOWS_MAX):
            async with session(self._pool) as conn:
                window = await retention.window(
                    conn, after=self._after, rows=self._window_rows, keep=self._keep, thresholds=thresholds
                )
                if window.ids:
                    await self._unlink(await retention.uris(conn, window.ids))
                    deleted += await retention.delete_jobs(conn, window.ids)
            self._after = window.last or 0
            if window.last is None:
                break
        if deleted:
            log.info("jobs.deleted", jobs=deleted)

    async def _delete_files(self) -> None:
        deleted = 0
        for _ in range(WINDOWS_MAX):
            async with session(self._pool) as conn:
                files = await artifacts.expired(conn, limit=self._window_rows, age_s=self._artifacts_s)
                if not files:
                    break
                await self._unlink([file.uri for file in files])
                await artifacts.delete(conn, ids=[file.id for file in files])
            deleted += len(files)
        if deleted:
            log.info("artifacts.deleted", artifacts=deleted)

    async def _delete_occurrences(self) -> None:
        if self._occurrences_s is None:
            return
        async with session(self._pool) as conn:
            await retention.delete_occurrences(conn, age_s=self._occurrences_s, limit=self._window_rows)

    async def _unlink(self, uris: Sequence[str]) -> None:
        for uri in uris:
            # In a store that this daemon does not have: once no row names it, a daemon that has it finds it an orphan.
            with suppress(ReportdError):
                await self._store.delete(uri)
