"""The preview's web server: on this machine's own address alone, in the loop of whoever runs it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import uvicorn

from reportd.errors import ConfigError
from reportd.preview import pages
from reportd.preview.app import Keys, app
from reportd.preview.live import Live

ADDRESS = "127.0.0.1"
_GRACE_S = 1


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the page is: `page` always, `once` for a browser that we start ourselves."""

    page: str
    once: str


class _Server(uvicorn.Server):
    """A server that leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(live: Live, *, port: int) -> AsyncIterator[Addresses]:
    """Serve `live` on `port`, 0 for any free one; gives the addresses to open. Errors: ConfigError for a taken one."""
    try:
        listening = socket.create_server((ADDRESS, port))
    except OSError as error:
        raise ConfigError(
            f"port {port} can't be used: {error.strerror}", hint="leave --port out, and a free one is taken"
        ) from error
    keys, closing = Keys(), asyncio.Event()
    config = uvicorn.Config(
        app(live, keys, closing=closing),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    with listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            root = f"http://{ADDRESS}:{listening.getsockname()[1]}"
            yield Addresses(page=f"{root}/{keys.token}/", once=f"{root}/{keys.once}/")
        finally:
            closing.set()
            server.should_exit = True
            await running
            pages.forget()
