"""How much of one row has arrived. The driver hands rows on when they are whole, and holds them in memory until then.

A cell may have a gigabyte; nothing that the server can be told to keep limits it. So the bytes are counted on their
way to the driver, and the connection is cut under a row that has become too large: nothing less stops it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from reportd.db.pool import Connection


class RowMeter(asyncio.Protocol):
    """Stands between a connection's transport and its driver, and passes everything on."""

    def __init__(self, transport: asyncio.Transport, driver: Any, *, bytes_max: int) -> None:
        self._transport = transport
        self._driver = driver
        self._bytes_max = bytes_max
        self._waiting = 0
        self.exceeded = False

    def handed_over(self) -> None:
        """The driver has handed on all rows that were whole."""
        self._waiting = 0

    def data_received(self, data: bytes) -> None:
        """What came before is one row that has no end yet, give or take what one read can hold."""
        if self._waiting > self._bytes_max:
            self.exceeded = True
            self._transport.abort()
            return
        self._waiting += len(data)
        self._driver.data_received(data)

    def eof_received(self) -> bool | None:
        """The server has closed its side."""
        ended: bool | None = self._driver.eof_received()
        return ended

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._driver.connection_lost(exc)

    def pause_writing(self) -> None:
        """The server does not read what is sent."""
        self._driver.pause_writing()

    def resume_writing(self) -> None:
        """The server reads again."""
        self._driver.resume_writing()


@contextmanager
def metered(connection: Connection, *, bytes_max: int) -> Iterator[RowMeter]:
    """A meter on what `connection` receives, until the context is left."""
    # The driver has no name of its own for it.
    transport: asyncio.Transport = cast(Any, connection)._transport
    driver = transport.get_protocol()
    meter = RowMeter(transport, driver, bytes_max=bytes_max)
    transport.set_protocol(meter)
    try:
        yield meter
    finally:
        if not transport.is_closing():
            transport.set_protocol(driver)
