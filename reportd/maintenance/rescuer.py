"""Gives the jobs of dead workers back to the queue: on this host as soon as the process is gone, elsewhere by lease."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime

import structlog

from reportd.db import workers
from reportd.db.pool import Connection, Pool
from reportd.db.session import session
from reportd.errors import DatabaseUnavailable
from reportd.host import Identity, process_start

log = structlog.get_logger()

# The processes of this host are looked at so often, which asks the database nothing.
NEAR_S = 1.0
# The database is asked who there is so often, and when the next lease runs out.
_LOOK_S = 5.0
_LOOK_MIN_S = 0.25


class Rescuer:
    """Looks for workers that died and rescues what they held. Safe with any number of daemons at it."""

    def __init__(self, *, pool: Pool, me: Identity, lease_s: float, crashes_max: int) -> None:
        self._pool = pool
        self._me = me
        self._lease_s = lease_s
        self._crashes_max = crashes_max
        self._not_before = 0.0
        self._look_at = 0.0
        # Process id and start of the workers on this host, as of the latest look.
        self._near: list[tuple[int, str]] = []

    async def step(self) -> None:
        """One round. After an outage nobody is rescued for one lease: the others were cut off as well."""
        if time.monotonic() < self._look_at and all(process_start(pid) == start for pid, start in self._near):
            return
        try:
            async with session(self._pool, limit_s=10) as conn:
                await self._rescue(conn, await self._look(conn))
        except DatabaseUnavailable:
            self._not_before = time.monotonic() + self._lease_s
            raise

    async def _look(self, conn: Connection) -> Mapping[int, datetime | None]:
        """Who is dead: the lease that was seen to run out, None where the process is gone."""
        horizon_s = min(_LOOK_S, self._lease_s / 3)
        suspects = await workers.suspects(
            conn,
            host=self._me.host,
            boot_id=self._me.boot_id,
            pid_namespace=self._me.pid_namespace,
            horizon_s=horizon_s,
        )
        now = time.monotonic()
        dead: dict[int, datetime | None] = {}
        for each in suspects:
            if each.here and process_start(each.pid) != each.process_start:
                dead[each.id] = None
            elif each.late and now >= self._not_before:
                # One that renews in this moment lives: its row no longer has the lease that was seen to run out.
                dead[each.id] = each.lease_until
        self._near = [(each.pid, each.process_start) for each in suspects if each.here and each.id not in dead]
        next_s = min([horizon_s, *(each.left_s for each in suspects if each.id not in dead)])
        self._look_at = now + max(next_s, _LOOK_MIN_S)
        return dead

    async def _rescue(self, conn: Connection, dead: Mapping[int, datetime | None]) -> None:
        for worker, lease_until in dead.items():
            for rescued in await workers.rescue(
                conn, worker=worker, crashes_max=self._crashes_max, lease_until=lease_until
            ):
                log.warning(
                    "job.rescued", job=rescued.id, attempt=rescued.attempt, outcome=rescued.outcome, worker=worker
                )
            log.warning("worker.rescued", worker=worker)
