"""The services of one process: each opened when a task first wants it, shared by all, closed at the end.

A service is entered and left in one asyncio task of its own, as cancel scopes demand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog

from reportd.errors import ServiceError
from reportd.job import storable
from reportd.tasks.definition import Service

log = structlog.get_logger()

CLOSE_LIMIT_S = 5.0


class Services:
    """Opens each `Service` once. To be closed."""

    def __init__(self) -> None:
        self._open: dict[Service[Any], asyncio.Future[Any]] = {}
        self._keepers: set[asyncio.Task[None]] = set()
        self._end = asyncio.Event()

    async def get(self, wanted: Mapping[str, Service[Any]]) -> dict[str, Any]:
        """What each argument of `wanted` is given. Raises ServiceError for one that can't be opened; it is tried again
        for the next job.
        """
        return {argument: await self._value(service) for argument, service in wanted.items()}

    async def close(self) -> None:
        """Close all that were opened, in CLOSE_LIMIT_S seconds at most."""
        self._end.set()
        if self._keepers:
            _, late = await asyncio.wait(self._keepers, timeout=CLOSE_LIMIT_S)
            for keeper in late:
                keeper.cancel()
                log.warning("service.unclosed", service=keeper.get_name(), limit_s=CLOSE_LIMIT_S)

    async def _value(self, service: Service[Any]) -> Any:
        opened = self._open.get(service)
        if opened is None:
            opened = self._open[service] = asyncio.get_running_loop().create_future()
            keeper = asyncio.create_task(self._keep(service, opened), name=service.name)
            self._keepers.add(keeper)
            keeper.add_done_callback(self._keepers.discard)
        return await asyncio.shield(opened)

    async def _keep(self, service: Service[Any], opened: asyncio.Future[Any]) -> None:
        """From the service's opening to its close; what it raises is told, and ends nothing else."""
        try:
            async with service.open() as value:
                opened.set_result(value)
                log.info("service.opened", service=service.name)
                await self._end.wait()
            log.info("service.closed", service=service.name)
        except BaseException as error:
            failure = ServiceError(f"service {service.name}: {storable(f'{type(error).__name__}: {error}')}")
            if not opened.done():
                del self._open[service]
                opened.set_exception(failure)
                with suppress(ServiceError):
                    opened.exception()  # seen, also when no job waits any more
            else:
                log.error("service.failed", service=service.name, error=failure.message)
            if isinstance(error, asyncio.CancelledError):
                raise
