"""The lease's own connection: kept open between renewals, replaced when it breaks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from reportd.db import workers
from reportd.db.pool import connect
from reportd.db.session import OUTAGE
from reportd.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from reportd.db.pool import Connection


class LeaseRenewal:
    """Renews one worker's lease over a connection of its own, so that a busy pool can't delay it."""

    def __init__(self, dsn: str, *, worker: int, lease_s: float) -> None:
        self._dsn = dsn
        self._worker = worker
        self._lease_s = lease_s
        self._connection: Connection | None = None

    async def renew(self) -> bool:
        """Move the lease on; False when the worker was declared dead. Raises DatabaseUnavailable in a third of it."""
        try:
            async with asyncio.timeout(self._lease_s / 3):
                if self._connection is None:
                    self._connection = await connect(
                        self._dsn, application_name="reportd lease", statement_cache_size=0
                    )
                return await workers.renew(self._connection, worker=self._worker, lease_s=self._lease_s)
        except OUTAGE as error:
            await self.close()
            raise DatabaseUnavailable(f"the lease was not renewed: {str(error) or type(error).__name__}") from error

    async def close(self) -> None:
        """Let the connection go, without asking the server."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
