"""One question of a command to the database: a connection for it, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from reportd.cli.options import find_dsn
from reportd.db.client import client
from reportd.db.queries import Connection

Answer = TypeVar("Answer")


def asked(dsn: str | None, config_path: Path | None, ask: Callable[[Connection], Awaitable[Answer]]) -> Answer:
    """What `ask` finds out over a connection to the queue's database, named as `find_dsn` takes it."""

    async def answered() -> Answer:
        async with client(find_dsn(dsn, config_path)) as connection:
            return await ask(connection)

    return asyncio.run(answered())
