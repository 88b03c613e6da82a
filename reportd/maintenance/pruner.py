"""Removes what nobody will ask for again: spools and scratch of attempts that are over, and files without a row."""

from __future__ import annotations

import asyncio
import re
import shutil
from pathlib import Path

import structlog

from reportd.artifacts import DirectoryStore
from reportd.db import artifacts, deliveries, jobs, queues
from reportd.db.pool import Pool
from reportd.db.session import session

log = structlog.get_logger()

# `<job>` holds a job's query results, `.<job>.…` those in the making, `<job>-<attempt>.out` an attempt's files.
_SPOOLED = re.compile(r"\.?(?P<job>\d{1,18})(?:-(?P<attempt>\d{1,9})\.out|\.[0-9a-f]+)?")


class Pruner:
    """Keeps this host's directories as small as the tables say they may be.

    The rows decide, not the clock: an attempt's directory goes as soon as the attempt is over, so a daemon that was
    killed leaves nothing for longer than the next one's first round. Stored files without a row go at `orphan_age_s`,
    since a file is stored a moment before the transaction that names it commits.
    """

    def __init__(self, *, pool: Pool, spool: Path, store: DirectoryStore, orphan_age_s: float) -> None:
        self._pool = pool
        self._spool = spool
        self._store = store
        self._orphan_age_s = orphan_age_s

    async def step(self) -> None:
        """One round over store, ledger and running totals."""
        await self._prune_store()
        await self._close_deliveries()
        async with session(self._pool) as conn:
            await queues.fold(conn)

    async def prune_spool(self) -> None:
        """One round over the spool: no query where nothing lies in it, so it may be made often."""
        found = [
            (path, match)
            for path in await asyncio.to_thread(_children, self._spool)
            if (match := _SPOOLED.fullmatch(path.name))
        ]
        if not found:
            return
        async with session(self._pool) as conn:
            live = await jobs.unfinished(conn, ids=sorted({int(match["job"]) for _, match in found}))
        for path, match in found:
            attempt = live.get(int(match["job"]))
            if attempt is None or (match["attempt"] and int(match["attempt"]) < attempt):
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
                log.info("spool.pruned", path=str(path))

    async def _prune_store(self) -> None:
        for uri in await self._store.sweep(self._orphan_age_s, self._known):
            log.warning("artifact.orphan_removed", uri=uri)

    async def _close_deliveries(self) -> None:
        """A delivery whose job ended without a worker to say so (cancelled while it waited, crashed too often)."""
        async with session(self._pool) as conn:
            for lost in await deliveries.close(conn):
                log.error("delivery.failed", delivery=lost["id"], job=lost["job_id"], channel=lost["channel"])

    async def _known(self, uris: list[str]) -> set[str]:
        async with session(self._pool) as conn:
            return await artifacts.known_uris(conn, uris)


def _children(directory: Path) -> list[Path]:
    return list(directory.iterdir()) if directory.is_dir() else []
