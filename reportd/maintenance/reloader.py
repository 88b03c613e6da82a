"""Reads reports and configuration again: when SIGHUP asks for it, and reports while an author works on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from reportd.config import Config
from reportd.errors import ConfigError
from reportd.kinds.shelf import Shelf
from reportd.maintenance.settings import changes, taken_up

log = structlog.get_logger()


class Reloader:
    """Brings `shelf` up to date. `watch` looks for changed files at every step; without it only `order` counts.

    At an order `reread` gives the configuration as it is written now, and `adopt` takes up what may change while a
    daemon runs; `config` is what it has begun with.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        watch: bool,
        config: Config,
        reread: Callable[[], Config] | None,
        adopt: Callable[[Config], None],
    ) -> None:
        self.wake = asyncio.Event()
        self._shelf = shelf
        self._watch = watch
        self._config = config
        self._reread = reread
        self._adopt = adopt
        self._ordered = self._unread = False

    def order(self) -> None:
        """Reload at once, whatever the files' dates say."""
        self._ordered = self._unread = True
        self.wake.set()

    async def step(self) -> None:
        """Reload if that is due. Errors: DatabaseUnavailable; the next step tries again."""
        if self._unread:
            self._unread = False
            await self._configure()
        if self._ordered or (self._watch and await self._shelf.settled_change()):
            self._ordered = True
            await self._shelf.reload()
            self._ordered = False

    async def _configure(self) -> None:
        """Take up what has changed in the configuration; what can't be read leaves all as it is."""
        if self._reread is None:
            return
        try:
            after = await asyncio.to_thread(self._reread)
        except ConfigError as error:
            log.error("config.unreadable", error=error.message)
            return
        found = changes(self._config, after)
        if found.kept:
            log.warning("config.kept", settings=found.kept, hint="these need a restart")
        if found.live:
            self._config = taken_up(self._config, after)
            self._adopt(self._config)
            log.info("config.reloaded", settings=found.live)
