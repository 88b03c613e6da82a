"""Gives the jobs of dead workers back to the queue: on this host as soon as the process is gone, elsewhere by lease."""

from __future__ import annotations

import time
from datetime import datetime

import structlog

from reportd.db import workers
from reportd.db.pool import Pool
from reportd.db.session import session
from reportd.errors import DatabaseUnavailable
from reportd.host import Identity, process_start

log = structlog.get_logger()


class Rescuer:
    """Looks for workers that died and rescues what they held. Safe with any number of daemons at it."""

    def __init__(self, *, pool: Pool, me: Identity, lease_s: float, crashes_max: int) -> None:
        self._pool = pool
        self._me = me
        self._lease_s = lease_s
        self._crashes_max = crashes_max
        self._not_before = 0.0

    async def step(self) -> None:
        """One look. After an outage nobody is rescued for one lease: the others were cut off as well."""
        try:
            async with session(self._pool, limit_s=10) as conn:
                dead: dict[int, datetime | None] = {
                    worker.id: None
                    for worker in await workers.on_host(
                        conn, host=self._me.host, boot_id=self._me.boot_id, pid_namespace=self._me.pid_namespace
                    )
                    if process_start(worker.pid) != worker.process_start
                }
                if time.monotonic() >= self._not_before:
                    # One that renews in this moment lives: its row no longer has the lease that was seen to run out.
                    for late in await workers.expired(conn):
                        dead.setdefault(late.id, late.lease_until)
                for worker, lease_until in dead.items():
                    for rescued in await workers.rescue(
                        conn, worker=worker, crashes_max=self._crashes_max, lease_until=lease_until
                    ):
                        log.warning(
                            "job.rescued",
                            job=rescued.id,
                            attempt=rescued.attempt,
                            outcome=rescued.outcome,
                            worker=worker,
                        )
                    log.warning("worker.rescued", worker=worker)
        except DatabaseUnavailable:
            self._not_before = time.monotonic() + self._lease_s
            raise
